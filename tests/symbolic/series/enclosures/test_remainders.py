"""Certified remainders against values of f − T_n in high precision, and where there can be none."""

from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest
import sympy as sp

from oracles.samples import weights_of
from residua_network import (
    Activation,
    BatchNorm,
    Layer,
    LayerNorm,
    Linear,
    Network,
    ResiduaError,
    Residual,
    RMSNorm,
)
from residua_symbolic.domains.balls import precision
from residua_symbolic.expressions.evaluation import PointError
from residua_symbolic.expressions.given import Given, given
from residua_symbolic.reading.grammar import parse
from residua_symbolic.series.enclosures import models, remainders
from residua_symbolic.series.enclosures.remainders import (
    expression_box_remainder,
    expression_remainder,
    network_box_remainder,
    network_remainder,
)

SHARP = 1.06  # bound/true where the search reaches its goal of 5 %
DIGITS = 60
HALF, THIRD = Fraction(1, 2), Fraction(1, 3)

# text, at, order, lower, upper
SMOOTH = [
    ("exp(sin(x))", 0, 5, -1, 1),
    ("exp(x)", THIRD, 20, -1, 1),
    ("tanh(x)", 0, 7, Fraction(-3, 20), Fraction(3, 20)),
    ("tanh(x)", 0, 5, -4, 4),
    ("1/(1+x^2)", 0, 10, -5, 5),
    ("atan(x)*erf(x)", 1, 4, HALF, 2),
    ("sqrt(1+x)*log(2+x)", 0, 6, -HALF, HALF),
    ("sqrt(x)", 1, 2, 0, 2),
    ("cosh(x)*sinh(x)", 0, 3, 0, 1),
    ("tan(x)", 0, 3, Fraction(-3, 2), 1),
    ("x^(1/3)", 1, 4, HALF, 1),
    ("2^x", 0, 0, -1, 2),
    ("sin(x)", 0, 0, 0, 3),
    ("-sin(x)", 0, 0, 0, 3),
    ("sin(x)", 0, 40, Fraction(-1, 8), Fraction(1, 8)),
    ("x^x", 1, 3, HALF, Fraction(3, 2)),
]


def function(text: str) -> Given:
    return given(parse(text).program)


def exact(value: Any) -> sp.Rational:
    return sp.Rational(Fraction(value).numerator, Fraction(value).denominator)


def errors(text: str, at: Any, order: int, lower: Any, upper: Any, count: int = 40) -> list[sp.Float]:
    """f − T_n by SymPy, T_n from SymPy's derivatives."""
    x = sp.Symbol("x", positive=True)
    f = sp.sympify(text.replace("^", "**"), locals={"x": x})
    terms, derivative = [], f
    for k in range(order + 1):
        terms.append(derivative.subs(x, exact(at)) / sp.factorial(k))
        derivative = sp.diff(derivative, x)
    points = [exact(lower) + (exact(upper) - exact(lower)) * sp.Rational(k, count) for k in range(count + 1)]
    digits = DIGITS + 60  # T_n cancels most of f
    values = [sp.N(c, digits) for c in terms]
    return [sp.N(f.subs(x, p), digits) - sum(c * (p - exact(at)) ** k for k, c in enumerate(values)) for p in points]


def assert_encloses(ball: Any, value: Any) -> None:
    with precision(256):
        at = flint.arb(str(sp.N(value, DIGITS)))
        assert ball.lower() <= at.upper()
        assert at.lower() <= ball.upper()


@pytest.mark.parametrize(("text", "at", "order", "lower", "upper"), SMOOTH)
def test_expressions(text: str, at: Any, order: int, lower: Any, upper: Any) -> None:
    ball = expression_remainder(function(text), "x", exact(at), order, exact(lower), exact(upper))
    found = errors(text, at, order, lower, upper)
    for value in found:
        assert_encloses(ball, value)
    assert float(abs(ball).upper()) <= SHARP * float(max(map(abs, found)))


def test_polynomials_have_none_from_their_degree_on() -> None:
    cubic = function("x^3 + x/3")
    assert expression_remainder(cubic, "x", sp.Rational(1, 3), 3, sp.Integer(-2), sp.Integer(3)).is_zero()
    lower = expression_remainder(cubic, "x", sp.Integer(0), 2, sp.Integer(-1), sp.Integer(2))
    assert lower.contains(-1)
    assert lower.contains(8)
    assert float(lower.lower()) >= -1.3
    assert float(lower.upper()) <= 8.1


@pytest.mark.parametrize("text", ["exp(x)", "abs(x-1)"])
def test_an_interval_may_be_a_point(text: str) -> None:
    assert expression_remainder(function(text), "x", sp.Integer(0), 2, sp.Integer(0), sp.Integer(0)).is_zero()


def test_constants_have_none() -> None:
    assert expression_remainder(
        function("x*0 + sqrt(2)"), "x", sp.Integer(0), 0, sp.Integer(-1), sp.Integer(1)
    ).is_zero()


@pytest.mark.parametrize("ends", [(1, 2), (-2, -1), (1, -1)])
def test_the_point_must_lie_inside(ends: tuple[int, int]) -> None:
    with pytest.raises(ResiduaError, match="contains the point"):
        expression_remainder(function("exp(x)"), "x", sp.Integer(0), 2, *map(sp.Integer, ends))


@pytest.mark.parametrize(
    ("text", "at", "lower", "upper"),
    [
        ("1/x", 1, -1, 2),
        ("tan(x)", 0, -1, 2),
        ("log(x)", 1, 0, 2),
        ("sqrt(x)", 1, -1, 2),
        ("sin(1/x)", 1, -1, 2),
        ("x/sin(x - x + 3*x)", 1, HALF, 2),
    ],
)
def test_across_a_singularity_there_is_no_bound(text: str, at: Any, lower: Any, upper: Any) -> None:
    ball = expression_remainder(function(text), "x", exact(at), 3, exact(lower), exact(upper))
    assert not ball.is_finite()


@pytest.mark.parametrize("text", ["relu(x)", "log(x)", "1/x", "sign(x)", "sqrt(x)"])
def test_where_there_is_no_polynomial_there_is_no_remainder(text: str) -> None:
    with pytest.raises(PointError):
        expression_remainder(function(text), "x", sp.Integer(0), 2, sp.Integer(-1), sp.Integer(1))


def test_kinks_inside_the_interval_are_bounded() -> None:
    ball = expression_remainder(function("relu(x-1)+x^2"), "x", sp.Integer(0), 1, sp.Integer(-1), sp.Integer(2))
    assert ball.contains(0)
    assert ball.contains(5)
    assert float(ball.upper()) <= 5.3
    jump = expression_remainder(function("sign(x-1)"), "x", sp.Integer(0), 3, sp.Integer(0), sp.Integer(2))
    assert jump.contains(0)
    assert jump.contains(2)
    assert float(jump.upper()) <= 2.1


def test_removable_singularities_at_the_point() -> None:
    ball = expression_remainder(function("sin(x)/x"), "x", sp.Integer(0), 4, sp.Integer(-1), sp.Integer(1))
    found = [sp.sin(1) - (1 - sp.Rational(1, 6) + sp.Rational(1, 120))]
    assert_encloses(ball, found[0])
    assert float(abs(ball).upper()) <= SHARP * abs(float(found[0]))


def test_an_irrational_point() -> None:
    ball = expression_remainder(function("cos(x)"), "x", sp.pi, 3, sp.pi - 1, sp.pi + 1)
    true = -sp.cos(1) + 1 - sp.Rational(1, 2)
    assert_encloses(ball, true)
    assert float(abs(ball).upper()) <= SHARP * abs(float(true))


def test_more_bits_are_taken_where_the_remainder_is_lost_in_rounding() -> None:
    text = "exp(x)*exp(100)"
    width = sp.Rational(1, 2**20)
    ball = expression_remainder(function(text), "x", sp.Integer(2), 8, 2 - width, 2 + width)
    true = sp.exp(102) * width**9 / sp.factorial(9)
    assert 1 <= float(abs(ball).upper() / flint.arb(str(sp.N(true, 40)))) <= SHARP


@pytest.mark.parametrize("radius", [Fraction(1, 8), Fraction(2)])
def test_boxes(radius: Fraction) -> None:
    f = function("x*sin(y)+exp(x*y)")
    at = {"x": sp.Integer(0), "y": sp.Integer(1)}
    lower = {name: value - exact(radius) for name, value in at.items()}
    upper = {name: value + exact(radius) for name, value in at.items()}
    ball = expression_box_remainder(f, at, 3, lower, upper)
    x, y, s = sp.symbols("x y s", real=True)
    along = (x * sp.sin(y) + sp.exp(x * y)).subs({x: s * x, y: 1 + s * y}, simultaneous=True)
    polynomial = sum(sp.diff(along, s, k).subs(s, 0) / sp.factorial(k) for k in range(4))
    error = sp.lambdify((x, y), along.subs(s, 1) - polynomial)
    grid = np.linspace(-float(radius), float(radius), 21)
    found = [float(error(a, b)) for a in grid for b in grid]
    assert float(ball.lower()) <= min(found)
    assert max(found) <= float(ball.upper())
    assert float(abs(ball).upper()) <= 1.3 * max(map(abs, found))


def test_a_box_of_one_variable_is_an_interval() -> None:
    f, at = function("exp(x)"), {"x": sp.Integer(0)}
    box = expression_box_remainder(f, at, 3, {"x": sp.Integer(-1)}, {"x": sp.Integer(1)})
    line = expression_remainder(f, "x", sp.Integer(0), 3, sp.Integer(-1), sp.Integer(1))
    assert box.overlaps(line)
    assert float(abs(box).upper()) <= 1.3 * float(abs(line).upper())


PLANE = [  # text, point, order, lower, upper
    ("exp(x+y)", (0, 0), 0, (0, 0), (1, 1)),
    ("exp(x)*exp(y)", (0, 0), 2, (0, -1), (HALF, 0)),
    ("1/(1+x^2+y^2)", (0, 0), 4, (-THIRD, -THIRD), (THIRD, THIRD)),
    ("x^y", (1, 1), 3, (HALF, HALF), (Fraction(3, 2), 1)),
    ("relu(x+y-1)", (0, 0), 1, (-2, -2), (2, 2)),
    ("tanh(x+2*y)", (0, 0), 3, (-2, -2), (2, 2)),
]


def corners(text: str, at: Any, order: int, lower: Any, upper: Any) -> Any:
    f, names = function(text), ("x", "y")
    ends = [{name: exact(value) for name, value in zip(names, end, strict=True)} for end in (at, lower, upper)]
    return expression_box_remainder(f, ends[0], order, ends[1], ends[2])


@pytest.mark.parametrize(("text", "at", "order", "lower", "upper"), PLANE)
def test_boxes_are_as_sharp_as_intervals(text: str, at: Any, order: int, lower: Any, upper: Any) -> None:
    ball = corners(text, at, order, lower, upper)
    x, y, s = sp.symbols("x y s", real=True)
    f = sp.sympify(text.replace("^", "**"), locals={"x": x, "y": y, "relu": lambda z: sp.Max(z, 0)})
    along = f.subs({x: at[0] + s * x, y: at[1] + s * y}, simultaneous=True)
    parts = (
        [sp.Integer(0)] if "relu" in text else [along.diff(s, k).subs(s, 0) / sp.factorial(k) for k in range(order + 1)]
    )
    error = sp.lambdify((x, y), along.subs(s, 1) - sum(parts))
    grid = [np.linspace(float(a - c), float(b - c), 21) for a, b, c in zip(lower, upper, at, strict=True)]
    found = [float(error(a, b)) for a in grid[0] for b in grid[1]]
    assert float(ball.lower()) <= min(found) + 1e-14
    assert max(found) - 1e-14 <= float(ball.upper())
    assert float(abs(ball).upper()) <= 1.1 * max(map(abs, found))
    assert ball.contains(0)  # the point lies in the box


def test_a_remainder_that_never_vanishes_on_the_boundary_is_0_at_the_point() -> None:
    balls = remainders._Cones(
        lambda at, slope, to, over: [_exponential(at, slope, to, over)], 1, [(flint.arb(0), flint.arb(1))]
    )
    found = balls.rests(3, [flint.arb(1)], 8)
    assert found is not None
    assert found[0].contains(0)


def _exponential(at: Any, slope: Any, to: int, over: Any) -> Any:
    return models.elementary("exp", models.line(at[0], slope[0], to, over))


def test_many_inputs_have_a_bound() -> None:
    net = Network((Linear(6, 3), Activation("tanh"), Linear(3, 1)))
    weights, at = weights_of(net), np.linspace(-0.5, 0.5, 6)
    (ball,) = network_box_remainder(net, weights, at, 2, at - 0.05, at + 0.05)
    rng = np.random.default_rng(0)
    for _ in range(20):
        end = rng.uniform(at - 0.05, at + 0.05)
        (value,) = along_the_line(net, weights, at, end - at, 2, [1.0])[0]
        assert float(ball.lower()) - 1e-9 <= value <= float(ball.upper()) + 1e-9
    assert float(abs(ball).upper()) < 0.1


def test_rounding_that_is_nothing_beside_f_takes_no_more_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    net = Network((Linear(2, 6), LayerNorm(6), Activation("gelu"), Linear(6, 1)))
    weights, at = weights_of(net), np.array([0.3, -0.2])
    tried: list[int] = []
    right = remainders._Remainder.search

    def counted(self: Any, most: int) -> Any:
        tried.append(flint.ctx.prec)
        return right(self, most)

    monkeypatch.setattr(remainders._Remainder, "search", counted)
    (zero,) = network_remainder(net, weights, at, {"0.weight": np.ones((6, 2))}, 3, -0.5, 0.5)  # what LayerNorm removes
    assert zero.contains(0)
    assert 0 < float(abs(zero).upper()) < 1e-60
    assert tried == [128, 256]


def test_a_function_that_turns_often_is_bounded_by_its_range() -> None:
    ball = expression_remainder(function("sin(10^10*x)"), "x", sp.Integer(0), 3, sp.Integer(-1), sp.Integer(1))
    true = Fraction(10**30, 6) - 10**10
    assert true - 1 <= float(ball.upper()) * (1 + 1e-12)
    assert float(ball.upper()) <= 1.01 * float(true)


NETWORKS: dict[str, tuple[Layer, ...]] = {
    "tanh": (Linear(2, 4), Activation("tanh"), Linear(4, 4), Activation("tanh"), Linear(4, 2)),
    "gelu": (Linear(2, 4), LayerNorm(4), Activation("gelu"), Linear(4, 1)),
    "residual": (Linear(2, 4), Residual((RMSNorm(4), Activation("silu"), Linear(4, 4)), 0.5), Linear(4, 1)),
    "nested": (Linear(2, 3), Residual((Linear(3, 3), Residual((Activation("sin"),))), -0.3), Linear(3, 1)),
    "stored": (Linear(2, 3), BatchNorm(3, statistics="running"), Activation("softplus"), Linear(3, 2, bias=False)),
    "polynomial": (Linear(2, 3), Activation("square"), Linear(3, 3), Activation("cube"), Linear(3, 1)),
}


def along_the_line(net: Network, weights: Any, at: Any, along: Any, order: int, points: Any) -> Any:
    """f(at + t along) − T_n(t) by complex numpy: T_n by Cauchy's integral on a small circle."""
    circle = 0.02 * np.exp(2j * np.pi * np.arange(64) / 64)
    values = np.array([forward(net.layers, weights, "", at + z * along) for z in circle])
    coefficients = [(values * (circle**-k)[:, None]).mean(axis=0).real for k in range(order + 1)]
    return np.array(
        [
            forward(net.layers, weights, "", at + t * along).real - sum(c * t**k for k, c in enumerate(coefficients))
            for t in points
        ]
    )


def forward(layers: tuple[Layer, ...], weights: Any, place: str, x: Any) -> Any:
    """One row through the network in complex arithmetic, written again for this test."""
    for k, layer in enumerate(layers):
        own = {
            name.removeprefix(f"{place}{k}."): value
            for name, value in weights.items()
            if name.startswith(f"{place}{k}.")
        }
        if isinstance(layer, Linear):
            x = own["weight"] @ x + own.get("bias", 0.0)
        elif isinstance(layer, Activation):
            x = ACTIVATIONS[layer.name](x)
        elif isinstance(layer, Residual):
            x = x + layer.scale * forward(layer.layers, weights, f"{place}{k}.branch.", x)
        elif isinstance(layer, LayerNorm):
            centred = x - x.mean()
            x = own["weight"] * centred / np.sqrt((centred**2).mean() + layer.eps) + own["bias"]
        elif isinstance(layer, RMSNorm):
            x = own["weight"] * x / np.sqrt((x**2).mean() + layer.eps)
        elif isinstance(layer, BatchNorm):
            x = own["weight"] * (x - own["running_mean"]) / np.sqrt(own["running_var"] + layer.eps) + own["bias"]
    return x


def gelu(z: Any) -> Any:
    from scipy.special import erf

    return z * (1 + erf(z / np.sqrt(2))) / 2


ACTIVATIONS: dict[str, Any] = {
    "tanh": np.tanh,
    "gelu": gelu,
    "silu": lambda z: z / (1 + np.exp(-z)),
    "sin": np.sin,
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "square": lambda z: z**2,
    "cube": lambda z: z**3,
}


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_networks(name: str) -> None:
    net = Network(NETWORKS[name])
    weights = weights_of(net)
    rng = np.random.default_rng(3)
    at, along = rng.normal(size=2), rng.normal(size=2)
    order, radius = 2, 0.2
    balls = network_remainder(net, weights, at, along, order, -radius, radius)
    found = along_the_line(net, weights, at, along, order, np.linspace(-radius, radius, 41))
    assert balls.shape == (net.outputs,)
    for ball, values in zip(balls, found.T, strict=True):
        assert float(ball.lower()) <= values.min() + 1e-9
        assert values.max() - 1e-9 <= float(ball.upper())
        assert float(abs(ball).upper()) <= 1.1 * np.abs(values).max() + 1e-9


def test_along_parameters() -> None:
    net = Network((Linear(1, 1), Activation("tanh")))
    weights = {"0.weight": np.array([[0.5]]), "0.bias": np.array([0.25])}
    along = {"0.weight": np.array([[1.0]])}
    (ball,) = network_remainder(net, weights, np.array([1.0]), along, 1, -0.5, 0.5)
    line = expression_remainder(function("tanh(3/4+x)"), "x", sp.Integer(0), 1, -sp.Rational(1, 2), sp.Rational(1, 2))
    assert ball.overlaps(line)
    assert float(abs(ball.upper() - line.upper())) <= 0.1 * float(abs(line).upper())


def test_rows_that_batch_statistics_couple() -> None:
    net = Network((Linear(1, 2), BatchNorm(2), Linear(2, 1)))
    weights = weights_of(net)
    rng = np.random.default_rng(1)
    at, along = rng.normal(size=(3, 1)), rng.normal(size=(3, 1))
    balls = network_remainder(net, weights, at, along, 2, -0.1, 0.1)
    assert balls.shape == (3, 1)
    assert all(ball.is_finite() for ball in balls.flat)
    exact_net = Network((Linear(1, 2), BatchNorm(2, statistics="running"), Linear(2, 1)))
    linear = network_remainder(exact_net, weights, at[0], along[0], 2, -0.1, 0.1)
    assert linear[0].is_zero()
    assert not balls[0, 0].is_zero()


def test_relu_is_exact_off_its_kinks_and_coarse_across_them() -> None:
    net = Network((Linear(1, 1), Activation("relu")))
    weights = {"0.weight": np.array([[1.0]]), "0.bias": np.array([0.5])}
    at, along = np.array([0.0]), np.array([1.0])
    (off,) = network_remainder(net, weights, at, along, 1, -0.25, 2.0)
    assert off.is_zero()
    (across,) = network_remainder(net, weights, at, along, 1, -1.0, 1.0)
    assert across.contains(0.5)
    assert float(across.upper()) <= 0.55
    assert float(across.lower()) >= -0.05


def test_boxes_of_inputs() -> None:
    net = Network(NETWORKS["tanh"])
    weights = weights_of(net)
    at = np.array([0.2, -0.4])
    above = at + np.array([0.1, 0.2])
    balls = network_box_remainder(net, weights, at, 2, at - 0.1, above)
    rng = np.random.default_rng(0)
    for _ in range(20):
        end = rng.uniform(at - 0.1, above)
        value = along_the_line(net, weights, at, end - at, 2, [1.0])[0]
        for ball, v in zip(balls, value, strict=True):
            assert float(ball.lower()) - 1e-9 <= v <= float(ball.upper()) + 1e-9


@pytest.mark.parametrize(("lower", "upper"), [(0.1, 0.2), (-0.2, -0.1), (0.1, -0.1)])
def test_the_interval_of_a_network_contains_zero(lower: float, upper: float) -> None:
    net = Network((Linear(1, 1),))
    with pytest.raises(ResiduaError, match="contains the point"):
        network_remainder(net, weights_of(net), np.array([1.0]), np.array([1.0]), 1, lower, upper)


def test_a_wide_deep_network_is_sharp() -> None:
    block = Residual((Linear(16, 16), Activation("tanh"), Linear(16, 16)))
    net = Network((Linear(1, 16), *[block] * 3, Linear(16, 1)))
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=shape) / 4 for name, shape in net.parameter_shapes().items()}
    at, along = np.array([0.3]), np.array([1.0])
    (ball,) = network_remainder(net, weights, at, along, 4, -0.1, 0.1)
    found = along_the_line(net, weights, at, along, 4, np.linspace(-0.1, 0.1, 41))
    assert float(abs(ball).upper()) <= SHARP * np.abs(found).max()
    assert float(abs(ball).upper()) >= np.abs(found).max()


def test_an_enclosure_that_is_rounded_inward_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def inward(spans: Any) -> Any:
        ball = hull(spans)
        return flint.arb(ball.mid(), ball.rad() * 0.999)

    hull = remainders._hull
    monkeypatch.setattr(remainders, "_hull", inward)
    ball = expression_remainder(function("exp(x)"), "x", sp.Integer(0), 4, sp.Integer(-1), sp.Integer(1))
    largest = max(errors("exp(x)", 0, 4, -1, 1), key=abs)
    with pytest.raises(AssertionError):
        assert_encloses(ball, largest)
