"""What a trace's check is worth: every planted fault is found, in the row in which it stands."""

from dataclasses import replace
from fractions import Fraction

import pytest
import sympy as sp

from residua_network import Operation, Program
from residua_symbolic import trace_proof
from residua_symbolic.derivation import ProofError
from residua_symbolic.trace import LocalDerivative, Trace, trace
from residua_symbolic.trace_rounding import derivatives, rounding_bounds, running_errors


def with_local(t: Trace, name: str, argument: str, **changes: object) -> Trace:
    """The trace with one local derivative altered."""

    def altered(local: LocalDerivative) -> LocalDerivative:
        return local._replace(**changes)  # type: ignore[arg-type]

    nodes = tuple(
        replace(node, partials={**node.partials, argument: altered(node.partials[argument])})
        if node.name == name
        else node
        for node in t.nodes
    )
    return replace(t, nodes=nodes)


@pytest.fixture(scope="module")
def sigmoid() -> Trace:
    return trace("1/(exp(-(w*x+b))+1)", {"x": 1.25, "w": 0.5, "b": -0.25}, names="h")


def test_a_wrong_formula_is_found(sigmoid: Trace) -> None:
    h5 = sigmoid.symbols["h5"]
    wrong = with_local(sigmoid, "h6", "h5", formula=1 / h5**2)
    with pytest.raises(ProofError, match="dh6/dw by local derivatives"):
        wrong.check()


def test_a_wrong_number_is_found(sigmoid: Trace) -> None:
    true = sigmoid.named["h6"].partials["h5"].value
    wrong = with_local(sigmoid, "h6", "h5", value=true * (1 + 1e-14))
    with pytest.raises(ProofError, match="is not within"):
        wrong.check()


def test_a_wrong_exact_number_is_found() -> None:
    t = trace("1/(exp(-(w*x+b))+1)", {"x": 1, "w": 0, "b": 0}, names="h")
    with pytest.raises(ProofError, match="is not exact"):
        with_local(t, "h6", "h5", exact=Fraction(-1, 5)).check()


def test_a_wrong_operation_is_found(sigmoid: Trace) -> None:
    h2 = sigmoid.symbols["h2"]
    nodes = tuple(replace(n, formula=sp.sinh(h2)) if n.name == "h3" else n for n in sigmoid.nodes)
    with pytest.raises(ProofError, match="by chain rule"):
        replace(sigmoid, nodes=nodes).check()


def test_a_wrong_value_is_found(sigmoid: Trace) -> None:
    nodes = tuple(replace(n, value=n.value * (1 + 1e-13)) if n.name == "h4" else n for n in sigmoid.nodes)
    with pytest.raises(ProofError, match="value of h4"):
        replace(sigmoid, nodes=nodes).check()


def test_bounds_are_as_small_as_rounding(sigmoid: Trace) -> None:
    bounds = rounding_bounds(sigmoid)
    assert 0 < bounds.values["h6"] < 1e-14
    assert 0 < bounds.adjoints["w"] < 1e-14
    assert bounds.values["w"] == 0
    assert bounds.adjoints["h6"] == 0
    single = rounding_bounds(sigmoid, dtype="float32")
    assert 2**28 < single.values["h6"] / bounds.values["h6"] < 2**30


def test_a_number_that_no_float_has_brings_its_own_error() -> None:
    t = trace("x + 1/10", {"x": 0})
    named, _ = derivatives(t)
    third = trace("x**(1/3)", {"x": 8.0})
    assert running_errors([named["v1"]], {"x": 0.0})[0] > 0
    assert third.check()


@pytest.mark.parametrize(
    ("text", "x"),
    [
        *(("tanh(x)", 10.0**-k) for k in (30, 60, 80, 290)),
        ("sinh(x)", 1e-100),
        ("softplus(x)", -700.0),
        ("tanh(x)/x", 1e-90),
        ("((x*0.1)*0.1)*100", 0.7),  # numbers that a graph multiplies exactly, and a trace does not
        ("(x/3)*(3/7)*7", 0.7),
        ("(x^3)^(1/3)", 0.7),
    ],
)
def test_right_numbers_are_proved_however_small(text: str, x: float) -> None:
    assert trace(text, {"x": x}).check()


@pytest.mark.parametrize(
    "e", [(1 + sp.Symbol("x") / 10**9) ** (10**9), sp.Symbol("x") / 10**400, sp.Symbol("x") * sp.Rational(1, 3) ** 700]
)
def test_numbers_that_floats_do_not_have_are_proved(e: sp.Expr) -> None:
    assert trace(e, {"x": 0.5}).check()


def test_a_wrong_small_number_is_still_found() -> None:
    t = trace("tanh(x)", {"x": 1e-80})
    nodes = tuple(replace(n, value=n.value * (1 + 1e-14)) if n.name == "v1" else n for n in t.nodes)
    with pytest.raises(ProofError, match="is not within"):
        replace(t, nodes=nodes).check()


def test_what_arb_cannot_decide_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_proof, "BITS", (64,))
    with pytest.raises(ProofError, match="value of v1: not decided with 64 bits"):
        trace("tanh(x)", {"x": 1e-80}).check()


def logistic(passes: int) -> Program:
    operations: list[Operation] = []
    last = "x"
    for k in range(passes):
        operations += [
            Operation(f"a{k}", "sub", (Fraction(1), last)),
            Operation(f"b{k}", "mul", (last, f"a{k}")),
            Operation(f"c{k}", "mul", (Fraction(4), f"b{k}")),
        ]
        last = f"c{k}"
    return Program(("x",), tuple(operations), (last,))


def test_sympy_is_asked_only_where_the_tree_is_small() -> None:
    small, large = (trace(logistic(n), {"x": 0.3}).check() for n in (5, 20))
    assert len([line for line in small if "SymPy" in line]) == 1
    assert not [line for line in large if "SymPy" in line]
    assert len(large) == len(small) - 1


def test_bounds_of_the_sweep_are_those_of_its_products() -> None:
    t = trace("(x*0.1)*0.1", {"x": 3.0})
    tangent = rounding_bounds(t).tangents["x"]["v2"]
    assert abs(Fraction(t.forward("x").values["v2"]) - Fraction(1, 100)) <= tangent < 1e-16 * 0.1
