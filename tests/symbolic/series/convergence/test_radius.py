"""Radii of convergence: known ones, against Taylor coefficients, against numpy's roots, cancelled ones."""

import math
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import flint
import numpy as np
import pytest
import sympy as sp

from residua_network import (
    Activation,
    BatchNorm,
    LayerNorm,
    Linear,
    Network,
    ResiduaError,
    Residual,
    RMSNorm,
    ShapeError,
)
from residua_symbolic.domains.balls import BallDomain, precision
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.expressions.conversion import from_program
from residua_symbolic.expressions.evaluation import PointError, evaluate
from residua_symbolic.expressions.given import given
from residua_symbolic.expressions.graph import Graph
from residua_symbolic.expressions.networks import network_graph
from residua_symbolic.series.convergence import complex_balls, singularities
from residua_symbolic.series.convergence.analytic import OfGraph, OfNetwork
from residua_symbolic.series.convergence.circles import exclusion, is_singular
from residua_symbolic.series.convergence.radius import NEAREST, Radius, expression_radius, network_radius

ORDER, POLES, BITS = 120, 20, 1000  # of the Padé approximants: coefficients to ORDER, that many poles, many digits
POLE = 1e-3  # how far Padé's nearest pole is known at this order, where poles of deep nets lie close together
BRANCH = (ORDER - POLES) ** (2 / (ORDER - POLES)) - 1  # coefficients like R^(−k) k^(−β), β <= 2, to be told from R^(−k)
SLOW = 10  # seconds for what takes four
x = sp.Symbol("x")

EXACT = [
    ("tanh(x)", 0, sp.pi / 2),
    ("1/(1+x^2)", 0, 1),
    ("1/(1+x^2)", 1, sp.sqrt(2)),
    ("log(1+x)", 0, 1),
    ("log(1+x)/x", 1, 2),
    ("exp(sin(x))", 0, sp.oo),
    ("sigmoid(x)", 0, sp.pi),
    ("softplus(x)", 0, sp.pi),
    ("tanh(2*x+1)", 0, sp.sqrt(4 + sp.pi**2) / 4),
    ("1/(1+exp(x^2))", 0, sp.sqrt(sp.pi)),
    ("tan(x)", sp.pi / 3, sp.pi / 6),
    ("1/cosh(x)", 0, sp.pi / 2),
    ("atan(x)", 1, sp.sqrt(2)),
    ("1/(2+cos(x))", 0, sp.sqrt(sp.pi**2 + sp.acosh(2) ** 2)),
    ("sqrt(1+x)+sqrt(1-x/2)", 0, 1),
    ("x^(1/3)", 2, 2),
    ("x/(exp(x)-1)", 1, sp.sqrt(1 + 4 * sp.pi**2)),
    ("exp(1/(1-x))", 0, 1),
    ("1/(x^3-x-1)", 0, sp.Abs(sp.CRootOf(x**3 - x - 1, 1))),
    ("1/exp(x)", 0, sp.oo),
    ("log(cosh(x))", 0, sp.pi / 2),
    ("1/(1+tanh(x))", 0, sp.oo),
]


def radius_of(text: str, at: Any = 0) -> Radius:
    return expression_radius(given(text), "x", sp.sympify(at))


@pytest.mark.parametrize(("text", "at", "expected"), EXACT)
def test_exact_radii(text: str, at: Any, expected: Any) -> None:
    found = radius_of(text, at)
    assert found.certified
    assert isinstance(found.value, sp.Expr)
    if expected == sp.oo:
        assert found.value == sp.oo
    else:
        assert abs(sp.N(found.value, 15) - sp.N(expected, 15)) < 1e-13


@pytest.mark.parametrize(
    ("text", "at"),
    [("sin(x)/x", 1), ("(x^2-1)/(x-1)", 0), ("tanh(x)-tanh(x)+x", 0), ("tanh(x)*cosh(x)", 0), ("(exp(x)-1)/x", -1)],
)
def test_cancelled_singularities_do_not_count(text: str, at: int) -> None:
    found = radius_of(text, at)
    assert found.certified
    assert found.value == sp.oo


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("sin(x)/x", 0, sp.oo),
        ("tan(x)/tan(x)", 0, sp.oo),
        ("sin(x-pi)/(x-pi)", sp.pi, sp.oo),
        ("x/(exp(x)-1)", 0, 2 * sp.pi),
        ("(1-cos(x))/x^2/(x-3)", 0, 3),
        ("log(1+x)/x", 0, 1),
        ("1/sin(x)-1/x", 0, sp.pi),
        ("sin(tanh(x))/x", 0, sp.pi / 2),
    ],
)
def test_quotients_that_are_0_over_0_at_the_point_itself(text: str, at: Any, expected: Any) -> None:
    found = radius_of(text, at)
    assert (found.value, found.certified) == (expected, True)


def test_where_0_over_0_is_not_solved_the_coefficients_estimate() -> None:
    found = radius_of("(x-1)/log(x)", 1)
    assert (found.certified, found.at_least) == (False, 0)
    assert float(sp.N(found.value)) == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("text", ["1/x", "cos(x)/x", "sqrt(x)/x", "sin(x)/x^2"])
def test_poles_and_branch_points_at_the_point_itself_are_refused(text: str) -> None:
    with pytest.raises(PointError):
        radius_of(text)


def test_a_critical_point_does_not_hide_the_singularities() -> None:
    found = radius_of("silu(sinh(0.3)-cos(x))", sp.pi)  # nearest where cos x = sinh 0.3 − iπ
    expected = abs(np.arccos(np.sinh(0.3) - 1j * np.pi) - np.pi)
    assert 0 < found.at_least <= expected
    value = found.value.middle if isinstance(found.value, Enclosure) else found.value
    assert float(value) == pytest.approx(expected, rel=0.05)


def test_conditions_on_constants_do_not_count() -> None:
    net = Network((Linear(1, 3), Activation("tanh"), LayerNorm(3), Linear(3, 1)))
    found = network_radius(net, random_weights(net), [0.3], {"3.weight": np.ones((1, 3))})
    assert (found.value, found.certified) == (sp.oo, True)
    moved = network_radius(net, random_weights(net), [0.3], {"0.bias": np.ones(3), "3.weight": np.ones((1, 3))})
    assert moved.value != sp.oo
    assert radius_of("silu(x)^2").value != sp.oo


def test_a_kink_beyond_what_is_proved_is_not_certified() -> None:
    found = radius_of("abs(x+5)+cosh(sqrt(1+x))")  # entire but for the kink at −5, and proved so only up to −1
    assert not found.certified
    assert found.at_least == pytest.approx(1, abs=1e-8)
    assert float(sp.N(found.value)) <= 5


def test_few_singularities_are_kept() -> None:
    net = mlp("tanh", 1, 8, 8, 8, 1)
    assert len(network_radius(net, random_weights(net), [0.1]).singularities) == NEAREST


def test_deep_networks_get_a_proved_bound_and_an_estimate_in_bounded_work() -> None:
    """No more is computed than a fixed number of entries, whatever the depth; 5 s are those of a slow machine."""
    block = Residual((LayerNorm(8), Linear(8, 8), Activation("tanh"), Linear(8, 8)), scale=0.5)
    net = Network((Linear(1, 8), *10 * (block,), Linear(8, 1)))
    start = time.process_time()
    found = network_radius(net, random_weights(net), [0.1])
    assert time.process_time() - start < SLOW
    assert 0 < found.at_least < float(sp.N(found.value))


def test_a_pole_behind_a_cancelled_one_counts() -> None:
    found = radius_of("(exp(x)-1)/x/(x-3)", 1)
    assert (found.value, found.certified) == (2, True)


def test_what_is_not_decided_is_no_more_than_an_estimate_with_a_proved_bound_below() -> None:
    found = radius_of("sqrt(x^2)", 1)  # x, which no proof here sees
    assert not found.certified
    assert isinstance(found.value, sp.Float)  # an estimate must not look like a bound
    assert found.at_least == pytest.approx(1, abs=1e-8)
    assert "at least 1 proved" in found.words
    assert float(sp.N(found.value)) >= found.at_least


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("tanh(sin(x))", 0.0, math.asinh(math.pi / 2)),
        ("tanh(exp(x))", 0.0, abs(np.log(0.5j * np.pi))),
        ("log(2+sqrt(1+x))", 0.0, 1.0),
        ("1/(sqrt(2+x)-1)", 0.0, 1.0),
        (
            "tanh(x^4-x)",
            0.0,
            min(abs(r) for k in range(-3, 3) for r in np.roots([1, 0, 0, -1, -(k + 0.5) * np.pi * 1j])),
        ),
    ],
)
def test_enclosures_of_expressions(text: str, at: float, expected: float) -> None:
    found = radius_of(text, at)
    assert found.certified
    assert isinstance(found.value, Enclosure)
    rounding = 1e-13  # of the expected value, in floats
    assert float(found.value.lower) <= expected + rounding
    assert expected - rounding <= float(found.value.upper)
    assert float(found.value.upper - found.value.lower) < 1e-8 * expected


def test_the_principal_branch_decides_which_zeros_are_met() -> None:
    assert radius_of("1/(sqrt(1+x)+2)").words == "singular at -1"  # sqrt(1 + x) = −2 lies on the other sheet, at 3


def test_rational_functions_against_numpy() -> None:
    rng = np.random.default_rng(7)
    for _ in range(6):
        coefficients = rng.integers(-9, 10, size=rng.integers(3, 8))
        coefficients[0] = coefficients[0] or 1
        coefficients[-1] = coefficients[-1] or 1
        text = "+".join(f"({c})*x^{k}" for k, c in enumerate(coefficients[::-1]))
        found = radius_of(f"(2+x)/({text})", 0)
        roots = [r for r in np.roots(coefficients) if abs(r + 2) > 1e-6]
        expected = min(abs(r) for r in roots)
        assert found.certified
        middle = float(found.value.middle) if isinstance(found.value, Enclosure) else float(found.value.evalf(15))
        assert middle == pytest.approx(expected, rel=1e-5)  # numpy loses digits at double roots


@pytest.mark.parametrize(
    ("text", "at", "expected", "beyond"),
    [
        ("relu(x)", 1, 1, "everywhere"),
        ("abs(x^2-2)", 0, sp.sqrt(2), "everywhere"),
        ("relu(x)/(1+x^2)", 3, 3, "3.16228"),
        ("relu(x-1)*tanh(x)", 0, 1, "everywhere"),
    ],
)
def test_kinks(text: str, at: int, expected: Any, beyond: str) -> None:
    found = radius_of(text, at)
    assert (found.value, found.certified) == (expected, True)
    assert "none across the kink" in found.words
    assert beyond in found.words


def test_a_singularity_before_the_kink_limits() -> None:
    found = radius_of("relu(x+5)*tanh(x)")
    assert found.value == sp.pi / 2
    assert "no kink before" in found.words


def test_no_kink_where_the_function_is_smooth() -> None:
    assert radius_of("abs(x)^2", 1).value == sp.oo


@pytest.mark.parametrize(("text", "at"), [("relu(x)", 0), ("1/x", 0), ("log(x)", -1), ("sqrt(x)", 0), ("abs(x-1)", 1)])
def test_points_without_a_series_are_refused(text: str, at: int) -> None:
    with pytest.raises(PointError):
        radius_of(text, at)


def test_other_variables_are_refused() -> None:
    with pytest.raises(ResiduaError, match="y"):
        expression_radius(given("x*y"), "x", sp.Integer(0))


# networks


def mlp(activation: str, *sizes: int) -> Network:
    layers: list[Any] = []
    for k, (inputs, outputs) in enumerate(pairwise(sizes)):
        layers += [Activation(activation)] * (k > 0) + [Linear(inputs, outputs)]
    return Network(tuple(layers))


def random_weights(net: Network, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        name: rng.uniform(0.5, 1.5, shape) if "running_var" in name else rng.standard_normal(shape) / shape[-1] ** 0.5
        for name, shape in net.parameter_shapes().items()
    }


NETS = {
    "tanh": mlp("tanh", 1, 16, 16, 1),
    "sigmoid": mlp("sigmoid", 1, 8, 8, 1),
    "silu": mlp("silu", 1, 8, 8, 1),
    "softplus": mlp("softplus", 1, 6, 6, 1),
    "deep tanh": mlp("tanh", 1, 8, 8, 8, 8, 1),
    "layer norm": Network((Linear(1, 6), LayerNorm(6), Activation("tanh"), Linear(6, 1))),
    "rms norm": Network((Linear(1, 6), RMSNorm(6), Activation("gelu"), Linear(6, 1))),
    "batch norm": Network((Linear(1, 6), BatchNorm(6, statistics="running"), Activation("tanh"), Linear(6, 1))),
    "residual": Network(
        (Linear(1, 6), *2 * (Residual((LayerNorm(6), Activation("tanh"), Linear(6, 6)), scale=0.5),), Linear(6, 1))
    ),
}


def coefficients(net: Network, weights: dict[str, Any], at: float) -> list[Any]:
    """The network's Taylor coefficients by flint's own power series: a route that shares no code with the radius."""
    graph = network_graph(net, weights=weights)
    with precision(BITS, ORDER + 1):
        z = flint.arb_series([flint.arb(at), flint.arb(1)])
        (series,) = evaluate(list(graph.outputs.flat), {"x1": z}, BallDomain())
        return [series[k] for k in range(ORDER + 1)]


def nearest_pole_of_pade(c: list[Any]) -> float:
    """Of the approximant with POLES poles, from the last coefficients."""
    with precision(BITS):
        first = ORDER - 2 * POLES + 1
        rows = [[c[first + i + POLES - 1 - j].mid() for j in range(POLES)] for i in range(POLES)]
        right = [[-c[first + i + POLES].mid()] for i in range(POLES)]
        denominator = flint.arb_mat(rows).solve(flint.arb_mat(right))
        coefficients = [flint.acb(1), *(flint.acb(denominator[j, 0].mid()) for j in range(POLES))]
        return min(float(abs(root).mid()) for root in flint.acb_poly(coefficients).roots())


def root_test(c: list[Any]) -> float:
    """Cauchy and Hadamard's |c_k|^(−1/k), the least of the last coefficients."""
    return min(float(abs(c[k].mid()) ** (flint.arb(-1) / k)) for k in range(ORDER - POLES, ORDER + 1))


@pytest.mark.parametrize("name", NETS)
def test_networks_against_their_coefficients(name: str) -> None:
    net = NETS[name]
    weights = random_weights(net)
    found = network_radius(net, weights, [0.2], None)
    assert found.certified
    assert isinstance(found.value, Enclosure)
    lower, upper = float(found.value.lower), float(found.value.upper)
    poles = name in ("tanh", "deep tanh", "sigmoid", "silu", "batch norm", "layer norm")
    assert upper - lower < (1e-8 if poles else 0.03) * upper  # at branch points where erf or tanh has no limit: less
    found_otherwise = (nearest_pole_of_pade if poles else root_test)(coefficients(net, weights, 0.2))
    assert found_otherwise == pytest.approx(lower, rel=POLE if poles else BRANCH)


@pytest.mark.parametrize("name", ["tanh", "residual", "rms norm"])
def test_discs_are_excluded_up_to_the_singularity_and_not_beyond(name: str) -> None:
    net = NETS[name]
    weights = random_weights(net, 1)
    run = OfNetwork(net, weights, np.array([[0.1]]), np.ones((1, 1)))
    found = network_radius(net, weights, [0.1])
    radius = float(found.value.lower) / (1 - 1e-9)
    inside, beyond = (exclusion(run, flint.arb(0), radius * factor) for factor in (1 - 1e-6, 1 + 1e-6))
    assert inside.holds
    assert not beyond.holds
    assert beyond.zero
    nearest = next(z for z in found.singularities if abs(abs(z) - radius) < 1e-6 * radius)
    assert is_singular(run, flint.arb(0), nearest, 0.02 * radius)
    assert not is_singular(run, flint.arb(0), nearest * 0.9, 1e-3 * radius)


def test_units_without_effect_leave_an_estimate() -> None:
    net = mlp("tanh", 1, 2, 1)
    weights = {
        "0.weight": np.array([[1.0], [2.0]]),
        "0.bias": np.zeros(2),
        "2.weight": np.array([[1.0, 0.0]]),
        "2.bias": np.zeros(1),
    }
    found = network_radius(net, weights, [0.0])
    assert not found.certified
    assert "at least 0.785398 proved" in found.words  # π/4, where the unit without effect has its pole
    assert found.at_least == pytest.approx(np.pi / 4, rel=1e-8)
    assert float(sp.N(found.value)) == pytest.approx(np.pi / 2, rel=0.01)  # from the decay of the coefficients


def test_a_direction_scales_the_radius() -> None:
    net, weights = mlp("tanh", 2, 5, 1), random_weights(mlp("tanh", 2, 5, 1))
    one, two = (network_radius(net, weights, [0.1, -0.3], [k, 2 * k]).value for k in (1.0, 2.0))
    assert float(one.middle) == pytest.approx(2 * float(two.middle), rel=1e-8)


def test_along_a_parameter() -> None:
    net = Network((Linear(1, 1), Activation("tanh")))
    weights = {"0.weight": np.array([[0.5]]), "0.bias": np.array([0.25])}
    found = network_radius(net, weights, [2.0], {"0.weight": np.array([[1.0]])})  # tanh(2 (0.5 + t) + 0.25)
    expected = abs(0.5j * np.pi - 1.25) / 2
    assert found.certified
    assert float(found.value.lower) <= expected <= float(found.value.upper)


def test_batch_statistics() -> None:
    net = Network((BatchNorm(1, eps=0.5, affine=False), Activation("tanh")), inputs=1)
    stored = {"0.running_mean": np.zeros(1), "0.running_var": np.ones(1)}
    found = network_radius(net, stored, [[1.0], [-1.0]], [[1.0], [-1.0]])  # variance (1 + t)², with ε = 1/2
    poles = list(np.roots([1 + np.pi**2 / 4, 0, np.pi**2 / 8]))  # x̂ = w/√(w² + ε) = ± iπ/2, w = 1 + t
    expected = min(abs(w - 1) for w in [*poles, 1j * 0.5**0.5])
    assert found.certified
    assert float(found.value.middle) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("activation", ["gelu", "sin", "square", "cube", "identity"])
def test_entire_networks(activation: str) -> None:
    net = mlp(activation, 1, 4, 1)
    found = network_radius(net, random_weights(net), [0.3])
    assert (found.value, found.certified) == (sp.oo, True)


def test_relu_networks_end_at_a_kink() -> None:
    net = mlp("relu", 1, 8, 1)
    weights = random_weights(net, 3)
    found = network_radius(net, weights, [0.1])
    kinks = -weights["0.bias"] / weights["0.weight"][:, 0]
    assert found.certified
    assert float(found.value.middle) == pytest.approx(min(abs(kinks - 0.1)), rel=1e-8)
    assert "none across the kink" in found.words


def test_networks_refuse_misshapen_points() -> None:
    net = mlp("tanh", 2, 3, 1)
    with pytest.raises(ShapeError, match="at expects"):
        network_radius(net, random_weights(net), [0.0])
    with pytest.raises(ShapeError, match="along"):
        network_radius(net, random_weights(net), [0.0, 0.0], [1.0])
    with pytest.raises(ShapeError, match="along"):
        network_radius(net, random_weights(net), [0.0, 0.0], {"0.weight": np.ones(3)})


def test_a_forgotten_pole_is_not_taken_for_a_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search looks in the wrong strip, iπ for iπ/2: circles tell that a singularity is missing."""

    def wrong(o: Any, u: Any) -> Any:
        o.vanishes(u, 1j * np.pi, 2j * np.pi)
        return singularities._mapped(u, np.tanh(u.value), 1 - np.tanh(u.value) ** 2)

    monkeypatch.setitem(singularities.FUNCTIONS, "tanh", wrong)
    net = NETS["tanh"]
    found = network_radius(net, random_weights(net), [0.2])
    assert not found.certified


def test_an_unchecked_condition_is_caught_by_the_coefficients(monkeypatch: pytest.MonkeyPatch) -> None:
    """If tanh claimed to be entire, the radius would be infinite, which the coefficients refute."""
    entire: Callable[..., Any] = lambda o, u: u.mapped(lambda z: z.tanh(), lambda z: z.sech() ** 2)  # noqa: E731
    monkeypatch.setitem(complex_balls.FUNCTIONS, "tanh", entire)
    net = NETS["batch norm"]
    weights = random_weights(net)
    assert network_radius(net, weights, [0.2]).value == sp.oo
    assert nearest_pole_of_pade(coefficients(net, weights, 0.2)) < 100


def test_a_small_net_takes_no_time() -> None:
    net = NETS["tanh"]
    weights = random_weights(net, 5)
    begin = time.process_time()
    network_radius(net, weights, [0.0])
    assert time.process_time() - begin < 3


def test_functions_are_continued_across_cuts() -> None:
    """√(1 + z²) log(1 + z) is analytic in the unit disc, and the cuts of both functions reach into a larger circle."""
    (node,) = from_program(Graph(), given("sqrt(1+x^2)*log(1+x)").program)
    run = OfGraph(node, "x")
    assert exclusion(run, flint.arb(0), 0.999).holds
    assert not exclusion(run, flint.arb(0), 1.001).holds
    assert is_singular(run, flint.arb(0), -1 + 0j, 1e-3)
    assert is_singular(run, flint.arb(0), 1j, 1e-3)
    assert not is_singular(run, flint.arb(0), 0.5j, 1e-3)
