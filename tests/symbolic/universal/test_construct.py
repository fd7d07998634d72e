"""Constructed layers against mpmath, the certificate against what is planted, and what is refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import flint
import mpmath
import numpy as np
import pytest

from residua_network import ResiduaError
from residua_symbolic.domains import balls
from residua_symbolic.universal import construct, construct_plane, through
from residua_symbolic.universal.certificate import Layer, bounds, supremum
from residua_symbolic.universal.methods import METHODS
from residua_symbolic.universal.outputs import outputs
from residua_symbolic.universal.placing import chord_bound
from residua_symbolic.universal.target import target
from residua_symbolic.universal.units import Units

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {  # mpmath's own: nothing of ours
    "relu": lambda z: max(z, mpmath.mpf(0)),
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "tanh": mpmath.tanh,
    "softplus": lambda z: mpmath.log1p(mpmath.exp(z)),
    "silu": lambda z: z / (1 + mpmath.exp(-z)),
    "gelu": lambda z: z * mpmath.ncdf(z),
    "sin": mpmath.sin,
}
CASES: tuple[tuple[str, object, object, Callable[[Any], Any]], ...] = (
    ("sin(x)", "-pi", "pi", mpmath.sin),
    ("abs(x)", -1, 1, abs),
    ("sqrt(t)", 0, 1, mpmath.sqrt),
    ("exp(x)/3", -1, "1/2", lambda x: mpmath.exp(x) / 3),
)
PLACES = 61
NEAR = 0.9  # of the certified lower end, that so few places reach at least


def value(units: Units, x: float) -> Any:
    """The layer at a point, term by term."""
    apply = ACTIVATIONS[units.activation]
    terms = (
        mpmath.mpf(v) * apply(mpmath.mpf(w) * mpmath.mpf(x) + mpmath.mpf(b))
        for w, b, v in zip(units.slopes.tolist(), units.biases.tolist(), units.factors.tolist(), strict=True)
    )
    return sum(terms, mpmath.mpf(units.constant))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
@pytest.mark.parametrize("by", METHODS)
def test_bounds_against_mpmath(by: str, case: tuple[str, object, object, Callable[[Any], Any]]) -> None:
    text, lower, upper, function = case
    c = construct(text, lower, upper, 0.15, by)
    x = np.linspace(*c.target.float_ends, PLACES)
    x = np.clip(x, *c.target.float_ends)
    found = [abs(value(c.units, p) - function(mpmath.mpf(p))) for p in x.tolist()]
    assert NEAR * float(c.bound.lower) / 2 <= max(found) <= float(c.bound.upper) <= 0.15
    assert float(c.bound.upper) <= c.derived * (1 + 1e-12)
    assert c.derived <= 0.15
    assert float(c.bound.upper) <= 1.03 * float(c.bound.lower) or float(c.bound.upper) <= 0.15 / 99
    assert c.network.parameter_shapes() == {name: w.shape for name, w in c.weights.items()}
    exact = outputs(c.units, x)
    assert max(abs(value(c.units, p) - y) for p, y in zip(x.tolist(), exact.tolist(), strict=True)) < 1e-14


@pytest.mark.parametrize("by", METHODS)
def test_the_certificate_sees_a_wrong_weight(by: str) -> None:
    c = construct("sin(x)", "-pi", "pi", 0.15, by)
    largest = int(np.argmax(np.abs(c.units.factors)))
    factors = c.units.factors.copy()
    factors[largest] *= 1.5
    wrong = supremum(c.target, replace(c.units, factors=factors), 0.15)
    assert wrong.lower > c.bound.upper
    moved = supremum(c.target, replace(c.units, constant=c.units.constant + 1), 0.15)
    assert moved.lower > 0.8
    biases = c.units.biases.copy()
    biases[largest] += 0.3 * c.units.slopes[largest]
    order = np.argsort(-biases / c.units.slopes) if by != "sin" else np.arange(len(biases))
    parts = {name: getattr(c.units, name)[order] for name in ("slopes", "factors")}
    assert supremum(c.target, replace(c.units, biases=biases[order], **parts), 0.15).upper > c.bound.upper


@pytest.mark.parametrize("by", METHODS)
@pytest.mark.parametrize("width", [0.01, 0.3, 1.5])
def test_a_cell_holds_what_lies_in_it(by: str, width: float) -> None:
    """Enclosures of the layer on wide cells, and the bound of the difference there, against values by mpmath."""
    c = construct("cos(x)", -2, 3, 0.05, by)
    layer = Layer(c.units)
    for left in np.linspace(-2, 3 - width, 7).tolist():
        right = next((p for p in sorted(map(float, layer.cuts)) if left < p < left + width), left + width)
        low, high = flint.arb(left), flint.arb(right)
        with balls.precision():
            centre = ((low + high) / 2).mid()
            local = layer.local(low, high, centre, (high - centre).upper())
            most = float(bounds(c.target, layer, low, high)[1])
            for x in np.linspace(left, right, 9).tolist():
                exact = value(c.units, x)
                t = flint.arb(x) - centre
                tight = local.at + local.slope * t + local.bend * t * t
                for ball in (tight, local.span):
                    assert float(ball.lower()) - 1e-12 <= exact <= float(ball.upper()) + 1e-12
                assert abs(exact - mpmath.cos(x)) <= most * (1 + 1e-12)


def test_more_units_for_less_error() -> None:
    for by in METHODS:
        widths = [construct("exp(x)", 0, 1, error, by).width for error in (0.3, 0.1, 0.03)]
        assert widths == sorted(widths)
        assert widths[-1] > widths[0]


def test_widths_follow_their_laws() -> None:
    """Chords are off by the square of their length, sigmoids by the rise over a piece."""
    lines = [construct("x**2", 0, 1, error).width for error in (1.01e-2, 1.01e-4)]
    assert lines == [5, 50]  # h²/4 ≤ error
    steps = [construct("x", 0, 1, error, "sigmoid").width for error in (1e-1, 1e-2)]
    assert steps == [2, 17]  # 0.1641/n ≤ error


def test_a_chord_is_bounded_where_nothing_is_smooth() -> None:
    aim = target("sqrt(x)", 0, 1, "here")
    assert 0.25 <= chord_bound(aim, 0.0, 1.0) <= 1.0 + 1e-9  # the oscillation
    x = np.linspace(0.25, 1.0, 1001)
    seen = float(np.max(np.abs(np.sqrt(x) - np.interp(x, [0.25, 1.0], [0.5, 1.0]))))
    assert seen <= chord_bound(aim, 0.25, 1.0) <= 10 * seen


def test_through_points_is_exact() -> None:
    points = [(-1.0, 2.0), (0.0, -1.0), (0.5, 0.25), (3.0, 0.25)]
    x = np.array([-1.0, -0.5, 0.0, 0.25, 0.5, 1.75, 3.0])
    wanted = np.interp(x, *np.array(points).T)
    for by, beyond in (("relu", 0.25), ("hard sigmoid", 0.25)):
        units = through(points, by)
        assert np.array_equal(outputs(units, x), wanted)
        assert outputs(units, np.array([10.0]))[0] == beyond
    assert outputs(through(points, "hard sigmoid"), np.array([-9.0]))[0] == 2.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sign(x)", -1, 1, 0.1), "has no bound there"),
        (("1/x", -1, 1, 0.1), "has no bounds near x ="),
        (("sin(1/x)", 0, 1, 0.1), "has no bounds near x ="),
        (("sign(x - 1/3)", 0, 1, 0.1, "sigmoid"), "more than 20000 pieces"),
        (("sqrt(x)", -1, 1, 0.1, "tanh"), "has no bounds near x = -1"),
        (("x*y", 0, 1, 0.1), "expected one variable, got x, y"),
        (("sin(x)", 1, 0, 0.1), "expected lower < upper"),
        (("sin(x)", 0, 1, 0.0), "error must be at least 1e-09"),
        (("sin(x)", 0, 1, float("nan")), "error must be a finite number"),
        (("sin(x)", 0, 1, 0.1, "Relu"), "did you mean 'relu'"),
        (("__import__('os')", 0, 1, 0.1), "expression"),
    ],
)
def test_refusals(arguments: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ResiduaError, match=said.replace("(", r"\(").replace(")", r"\)")):
        construct(*arguments)


def test_points_are_checked() -> None:
    for points in ([], [(0.0, 1.0)], [(0.0, 1.0), (0.0, 2.0)]):
        with pytest.raises(ResiduaError, match="at least two points with rising x"):
            through(points)
    with pytest.raises(ResiduaError, match="unknown activation"):
        through([(0.0, 1.0), (1.0, 2.0)], "sigmoid")


def test_what_is_printed() -> None:
    c = construct("sin(x)", "-pi", "pi", 0.3, "tanh")
    data = c.to_dict()
    assert data["bound"] == [float(c.bound.lower), float(c.bound.upper)]
    assert data["weights"]["0.weight"] == c.weights["0.weight"].tolist()
    for text in (c.text(), c.markdown(), c.latex()):
        assert "certified" in text
        assert repr(float(c.units.factors[0])) in text
    assert "sin(x) on [-pi, pi] by tanh" in repr(c)
    for derivation in c.derivations:
        derivation.check()


@pytest.mark.parametrize("by", ["relu", "sigmoid"])
@pytest.mark.parametrize("text", ["x*y", "x**2*y - 2*x + 1/3"])
def test_two_variables(text: str, by: str) -> None:
    c = construct_plane(text, (-1, 0), (1, "1/2"), 0.3, by)
    x, y = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(0, 0.5, 7))
    points = np.stack([x, y], axis=-1).reshape(-1, 2)
    wanted = eval(text, {"x": points[:, 0], "y": points[:, 1]})  # our own text, in numpy
    assert np.max(np.abs(outputs(c.units, points) - wanted)) <= c.bound.upper <= 0.3
    assert c.network.inputs == 2


def test_two_variables_are_refused() -> None:
    for text, said in (
        ("sin(x*y)", "expected a polynomial"),
        ("x", "expected two variables"),
        ("x**9*y", "degree at most 8"),
    ):
        with pytest.raises(ResiduaError, match=said):
            construct_plane(text, (0, 0), (1, 1), 0.1)


def test_many_waves_are_refused_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sine counts on every cell: the search ends at a number of values, and a loose bound is no certificate."""
    monkeypatch.setattr("residua_symbolic.universal.certificate.VALUES", 5_000)
    with pytest.raises(ResiduaError, match="too many cells"):
        construct("tanh(50*x)", -1, 1, 0.1, "sin")
    assert construct("tanh(50*x)", -1, 1, 0.1, "gelu").bound.upper <= 0.1
