"""Traces: document 004's example as printed there, the tables of Baydin et al., refusals that name the node."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from residua_network import (
    Activation,
    BatchNorm,
    LayerNorm,
    Linear,
    Network,
    Operation,
    Program,
    ResiduaError,
    Residual,
)
from residua_symbolic.expressions.conversion import from_sympy, to_program
from residua_symbolic.expressions.evaluation import PointError
from residua_symbolic.expressions.graph import Graph
from residua_symbolic.printing import latex
from residua_symbolic.trace import MODES, Trace, trace
from residua_symbolic.trace_tables import STILL

DOCUMENT = "1/(exp(-(w*x+b))+1)"
PAPER = "log(x1) + x1*x2 - sin(x2)"
POINT = {"x": 1, "w": 0, "b": 0}
RICH = (
    "x**y + tan(x)*sqrt(x+y) + erf(x) - atan(x*y)/cosh(y) + softplus(x) + sigmoid(x) + relu(x)*abs(y) + log(y) + pi*E"
)


@pytest.fixture(scope="module")
def document() -> Trace:
    return trace(DOCUMENT, POINT, names="h")


def test_the_document_s_function_has_six_operations(document: Trace) -> None:
    x, w, b, h1, h2, h3, h4, h5 = (sp.Symbol(name, real=True) for name in ["x", "w", "b", "h1", "h2", "h3", "h4", "h5"])
    formulas = {node.name: node.formula for node in document.operations}
    assert formulas == {"h1": w * x, "h2": h1 + b, "h3": -h2, "h4": sp.exp(h3), "h5": h4 + 1, "h6": 1 / h5}
    assert [node.value for node in document.operations] == [0.0, 0.0, 0.0, 1.0, 2.0, 0.5]
    assert document.value == 0.5
    assert document.exact == Fraction(1, 2)


def test_forward_mode_as_the_document_prints_it(document: Trace) -> None:
    table = document.forward("w")
    printed = {"h1": 1.0, "h2": 1.0, "h3": -1.0, "h4": -1.0, "h5": -1.0, "h6": 0.25}  # 004, L160–170
    assert {name: table.values[name] for name in printed} == printed
    row = next(row for row in table.rows if row.node == "h4")
    assert (str(row.chain), str(row.local), str(row.numbers)) == (
        "∂h4/∂h3 · dh3/dw",
        "exp(h3) · dh3/dw",
        "1 × (-1)",
    )
    assert table.exact["h6"] == Fraction(1, 4)


def test_one_reverse_sweep_gives_every_derivative(document: Trace) -> None:
    assert document.gradient == {"w": 0.25, "x": 0.0, "b": 0.25}
    assert document.gradient == {name: document.forward(name).values["h6"] for name in "wxb"}
    assert document.reverse().exact["b"] == Fraction(1, 4)


def test_tables_2_and_3_of_the_survey() -> None:
    t = trace(PAPER, {"x1": 2, "x2": 5})  # Baydin et al. 2018 (arXiv:1502.05767), to three decimals
    assert round(float(t.value), 3) == 11.652  # type: ignore[arg-type]
    assert t.forward("x1").values == {"x1": 1, "x2": 0, "v1": 0.5, "v2": 5, "v3": 5.5, "v4": 0, "v5": 5.5}
    reverse = t.reverse().values
    assert {name: round(value, 3) for name, value in reverse.items()} == {
        **{"v5": 1, "v4": -1, "v3": 1, "v2": 1, "v1": 1},
        **{"x2": 1.716, "x1": 5.5},
    }
    assert str(next(row for row in t.reverse().rows if row.node == "x2").chain) == (
        "dv5/dv4 · ∂v4/∂x2 + dv5/dv2 · ∂v2/∂x2"
    )


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (DOCUMENT, "w x b"),
        (PAPER, "x1 x2"),
        (RICH, "x y"),
        ("x*x*x", "x"),
        ("(x - y)**2/(x + y)", "x y"),
        ("2**x", "x"),
        ("x", "x"),
    ],
)
def test_every_table_proves_itself(text: str, names: str) -> None:
    assert trace(text, dict(zip(names.split(), (1.5, 0.75, 2.0), strict=False))).check()


def test_derivatives_are_those_of_sympy() -> None:
    t = trace(RICH, {"x": 1.5, "y": 0.75})
    x, y = sp.symbols("x y", positive=True)
    f = (
        x**y + sp.tan(x) * sp.sqrt(x + y) + sp.erf(x) - sp.atan(x * y) / sp.cosh(y) + sp.log(1 + sp.exp(x))
        + 1 / (1 + sp.exp(-x)) + x * y + sp.log(y)
    )  # fmt: skip
    for name, symbol in (("x", x), ("y", y)):
        expected = float(f.diff(symbol).subs({x: sp.Rational(3, 2), y: sp.Rational(3, 4)}).evalf(30))
        assert math.isclose(t.gradient[name], expected, rel_tol=1e-14)  # ten roundings and more


def test_a_square_counts_both_sides() -> None:
    t = trace("x*x", {"x": 3})
    assert t.gradient == {"x": 6.0}
    assert str(t.reverse().rows[-1].local) == "dv1/dv1 · 2*x"


def test_a_vector_function() -> None:
    t = trace(("x*y", "sin(x)", "2"), {"x": 0, "y": 3})
    assert t.value == (0.0, 0.0, 2.0)
    assert t.jacobian == ({"x": 3.0, "y": 0.0}, {"x": 1.0, "y": 0.0}, {"x": 0.0, "y": 0.0})
    with pytest.raises(ResiduaError, match="jacobian"):
        t.gradient  # noqa: B018  # the access raises
    with pytest.raises(ResiduaError, match="the number 2"):
        t.reverse(2)
    assert t.check()


def test_sympy_expressions_and_names_that_are_taken() -> None:
    v1 = sp.Symbol("v1")
    t = trace(sp.sin(v1) ** 2, {v1: 0.5})
    assert [node.name for node in t.nodes] == ["v1", "h1", "h2"]
    assert t.gradient["v1"] == pytest.approx(math.sin(1.0), rel=1e-15)


@pytest.mark.parametrize(
    ("text", "inputs", "letter"),
    [
        ("v1 + v1*x", "v1 x", "v"),
        ("v_1*x*x", "v_1 x", "v"),
        ("h1*sin(v1)*u1*vv1", "h1 v1 u1 vv1", "v"),
        ("alpha_1*x + alpha", "alpha_1 x alpha", "alpha"),
        ("x*x*x2", "x x2", "x"),
    ],
)
def test_no_two_nodes_are_printed_alike(text: str, inputs: str, letter: str) -> None:
    t = trace(text, dict.fromkeys(inputs.split(), 0.5), names=letter)
    assert len({latex(symbol) for symbol in t.symbols.values()}) == len(t.nodes) == len(set(t.named))
    assert t.check()


def test_names_are_kept_where_nothing_is_printed_like_them() -> None:
    assert [node.name for node in trace("v*v1a*v_a", {"v": 1, "v1a": 2, "v_a": 3}).operations] == ["v1", "v2"]


def test_variables_that_are_printed_alike_are_refused() -> None:
    with pytest.raises(ResiduaError, match="differ in print, got x1 and x_1"):
        trace("x1*x_1", {"x1": 3, "x_1": 2})


def test_programs_of_expressions_name_their_operations_apart() -> None:
    v_1, x = sp.symbols("v_1 x")
    program = to_program([from_sympy(Graph(), sp.sin(v_1) * x)])
    assert [operation.name for operation in program.operations] == ["h1", "h2"]


@pytest.fixture(scope="module")
def network() -> tuple[Network, dict[str, np.ndarray]]:
    net = Network((Linear(2, 3), Activation("tanh"), Linear(3, 2)))
    rng = np.random.default_rng(0)
    return net, {name: rng.normal(size=shape) for name, shape in net.parameter_shapes().items()}


def test_a_small_network(network: tuple[Network, dict[str, np.ndarray]]) -> None:
    net, weights = network
    t = trace(net, [0.5, -1.25], weights=weights)
    hidden = np.tanh(weights["0.weight"] @ [0.5, -1.25] + weights["0.bias"])
    np.testing.assert_allclose(t.value, weights["2.weight"] @ hidden + weights["2.bias"], rtol=1e-14)
    assert t.jacobian[1]["2.weight[1,2]"] == pytest.approx(hidden[2], rel=1e-14)
    assert t.jacobian[0]["2.weight[1,2]"] == 0
    assert trace(net, {"x1": 0.5, "x2": -1.25}, weights=weights).value == t.value
    assert str(t.symbols["0.weight[1,0]"]) == "W^0_1,0"
    t.check()


def test_every_kind_of_layer_is_traced() -> None:
    net = Network(
        (Linear(2, 2), Residual((LayerNorm(2), Activation("gelu")), scale=0.5), BatchNorm(2, statistics="running"))
    )
    rng = np.random.default_rng(1)
    weights = {name: rng.uniform(0.5, 1.5, size=shape) for name, shape in net.parameter_shapes().items()}
    assert trace(net, [1.0, -0.5], weights=weights).check()


@pytest.mark.parametrize(
    ("text", "at", "words"),
    [
        ("log(x)", {"x": 0}, r"v1 = log\(x\) does not exist at x = 0.0"),
        ("1/(x-1)", {"x": 1}, r"v2 = div\(1, v1\) does not exist at v1 = 0.0"),
        ("sqrt(x)", {"x": -1}, r"v1 = sqrt\(x\) does not exist"),
        ("x**-1", {"x": 0}, "does not exist at x = 0.0"),
        ("sqrt(x*y)", {"x": 0, "y": 1}, r"v2 = sqrt\(v1\) has no derivative by v1 at v1 = 0.0"),
        ("x**0.5", {"x": 0}, "has no derivative by x at x = 0.0"),
        ("abs(x-1)", {"x": 1}, r"derivative of v2 = abs\(v1\) does not exist at 0: a kink, at which torch takes 0"),
        ("relu(x)", {"x": 0}, "a kink, at which torch takes 0"),
        ("step(x)", {"x": 0}, "a jump"),
        ("exp(x)*exp(x)", {"x": 600}, r"v2 = mul\(v1, v1\) does not exist in float64"),
        ("exp(x)", {"x": 1000}, "v1 = exp"),
        ("x**x", {"x": -1}, "has no derivative by x"),
        ("x", {"x": 10**400}, "beyond"),
        ("x**y", {"x": 0, "y": 2}, "a derivative by y, 0, that cannot be had by its rule"),
        ("x**x", {"x": 0}, "has no derivative by x"),
    ],
)
def test_a_point_where_something_does_not_exist_is_named_with_its_node(
    text: str, at: dict[str, float], words: str
) -> None:
    with pytest.raises(PointError, match=words):
        trace(text, at)


def test_powers_of_zero_have_a_slope_by_the_exponent_only_above_zero() -> None:
    power = Program(("y",), (Operation("a", "pow", (Fraction(0), "y")),), ("a",))
    for y, words in ((0, "has no derivative by y"), (1, "has a derivative by y, 0, that cannot be had")):
        with pytest.raises(PointError, match=words):
            trace(power, {"y": y})


def test_long_numbers_are_shortened_or_refused() -> None:
    x = sp.Symbol("x", real=True)
    with pytest.raises(PointError, match=r"mul\(about 1.8739\d*e\+286, x\) does not exist in float64"):
        trace(sp.Integer(3) ** 600 * x, {"x": 1e300})
    with pytest.raises(ResiduaError, match=r"at most 10000 bits to be read, got about \S*e\+23856 of 79249"):
        trace(sp.Integer(3) ** 50000 * x, {"x": 1})
    with pytest.raises(ResiduaError, match="bits"):
        trace("x", {"x": Fraction(1, 3**50000)})
    assert json.dumps(trace(x / 10**400, {"x": Fraction(1, 10**400)}).to_dict())


@pytest.mark.parametrize("text", ["abs(-2)*x", "sqrt(0)+x", "relu(0)*x", "x**2", "x**0+x"])
def test_what_does_not_move_may_stand_on_a_kink(text: str) -> None:
    assert trace(text, {"x": 0}).check()


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ({"x": 1}, "expected values for x, y; missing: y"),
        ({"x": 1, "y": 2, "z": 3}, "surplus: z"),
        ({"x": 1, "y": math.nan}, '"y": expected a finite number, got nan'),
        ({"x": 1, "y": math.inf}, "finite"),
        ({"x": 1, "y": "2"}, "finite number"),
        ({"x": 1, "y": True}, "finite number"),
        ({"x": 1, "y": 1j}, "finite number"),
        ([1, 2], "values by name"),
    ],
)
def test_odd_points_are_refused(at: object, words: str) -> None:
    with pytest.raises(ResiduaError, match=words):
        trace("x+y", at)


def test_odd_requests_are_refused(document: Trace, network: tuple[Network, dict[str, np.ndarray]]) -> None:
    net, weights = network
    for call, words in (
        (lambda: document.forward("v"), "unknown input"),
        (lambda: document.reverse(1), "output from 0 to 0"),
        (lambda: document.text("sideways"), "unknown mode"),  # type: ignore[arg-type]
        (lambda: trace("x", {"x": 1}, weights=weights), "Network only"),
        (lambda: trace("x", {"x": 1}, names="v1"), "names"),
        (lambda: trace((), {}), "at least one expression"),
        (lambda: trace(net, [1.0, 2.0]), "with weights"),
        (lambda: trace(net, [1.0], weights=weights), "at"),
        (lambda: trace(net, {"x1": 1.0}, weights=weights), "missing: x2"),
        (lambda: trace(net, ["a", "b"], weights=weights), "at"),
        (
            lambda: trace(
                Network((Linear(64, 64),)), np.ones(64), weights={"0.weight": np.ones((64, 64)), "0.bias": np.ones(64)}
            ),
            "at most 5000",
        ),
    ):
        with pytest.raises(ResiduaError, match=words):
            call()


def test_plain_data_and_drawing(document: Trace) -> None:
    data = json.loads(json.dumps(document.to_dict()))
    assert data["value"] == 0.5
    assert data["gradient"]["w"] == 0.25
    assert data["forward"]["w"][-1]["value"] == 0.25
    assert data["reverse"]["h6"][-1]["node"] == "w"
    assert document.to_dict("forward")["reverse"] == {}
    drawing = document.drawing()
    assert [str(q) for q in drawing.leaves.values()] == ["1", "1"]
    assert {(e.argument, e.operation) for e in drawing.edges} >= {("w", "h1"), ("x", "h1"), ("h5", "h6")}
    assert len(drawing.edges) == 10
    assert drawing.outputs == ("h6",)


def test_printed_forms(document: Trace) -> None:
    assert "-0.25 × (-1)" in document.text("forward")
    assert "Reverse" not in document.text("forward")
    assert "Forward" not in document.text("reverse")
    assert document.latex().count(r"\toprule") == 5
    assert r"\partial h_{4} / \partial h_{3} \cdot \mathrm{d} h_{3} / \mathrm{d} w" in document.latex()
    assert "| $`h_{4}`$ |" in document.markdown()


def test_what_is_zero_throughout_is_left_out_of_many_inputs() -> None:
    names = [f"a{k}" for k in range(12)]
    few, many = (trace("+".join(names[:n]), dict.fromkeys(names[:n], 1)) for n in (8, 12))
    assert STILL in few.markdown()
    assert "left out" not in few.markdown() + few.text("forward") + many.text("reverse")
    for printed, mode in ((many.text, "forward"), (many.markdown, "both"), (many.latex, "both")):
        assert STILL not in printed(mode)  # type: ignore[arg-type]
        assert "left out" in printed(mode)  # type: ignore[arg-type]
    assert "tables for 4 further inputs" in many.text()
    assert [many.text(mode).count("Forward mode, by") for mode in MODES] == [12, 0, 8]  # type: ignore[arg-type]
    assert "Reverse mode, of" in many.text()
    assert len(many.to_dict()["forward"]) == 12
    last = many.forward("a11").grid(whole=False)
    assert len(last.rows) == 2  # the input itself, and the last sum
