"""Taylor enclosures: coefficients, and what lies beyond them, of functions known in closed form."""

from collections.abc import Callable
from typing import Any

import flint
import numpy as np
import pytest

from residua_symbolic.domains.balls import FUNCTIONS, precision
from residua_symbolic.series.enclosures import bounds, models
from residua_symbolic.series.enclosures.models import Model, ModelDomain, constant, line

ORDER = 5
RADIUS = 0.25
AT = 0.375
HALF = flint.fmpq(1, 2)
POINTS = (-0.25, -0.125, -0.03125, 0.0625, 0.21875, 0.25)
SMOOTH = (*bounds.BOUNDS, "sqrt", "gelu", "silu", "square", "cube", "identity")

# Of x and of t: the function as models make it, and by balls at a point.
ARITHMETIC: dict[str, Callable[[Any], Any]] = {
    "product": lambda x: (x + 1) * (2 - x) * x,
    "quotient": lambda x: (1 - x) / (x * x + 2),
    "reciprocal": lambda x: 3 / (x + 1),
    "square": lambda x: x * x,
    "power": lambda x: (x + 1) ** 7,
    "negative power": lambda x: (x + 1) ** -3,
    "no power": lambda x: x**0 + x,
    "division by a number": lambda x: x / 3 - 1,
}


def variable(order: int = ORDER, at: float = AT) -> Model:
    return line(flint.arb(at), flint.arb(1), order, flint.arb(0, RADIUS))


def rough(order: int = ORDER) -> Model:
    """A model of x + t^(order + 1)/8 + ..., whose rest is not zero."""
    x = variable(order)
    total: Model = models.elementary("sin", x) + x
    return total


def assert_encloses(model: Model, value: Callable[[Any], Any]) -> None:
    """`value` of x + t is Σ c_k t^k + ρ t^(m+1) with ρ in the rest, and in the span."""
    for t in POINTS:
        exact = value(flint.arb(AT) + flint.arb(t))
        beyond = (exact - model.low(flint.arb(t))) / bounds.whole_power(flint.arb(t), model.order + 1)
        assert model.rest.overlaps(beyond), (t, model.rest, beyond)
        assert beyond.upper() <= model.rest.upper() + 2 * beyond.rad()
        assert beyond.lower() >= model.rest.lower() - 2 * beyond.rad()
        assert model.span.contains(exact.mid())


@pytest.mark.parametrize("order", [0, 1, 2, ORDER])
@pytest.mark.parametrize("name", sorted(SMOOTH))
def test_smooth_functions(name: str, order: int) -> None:
    with precision(256, order + 3):
        found = ModelDomain().function(name, variable(order))
        assert found.order == order
        assert_encloses(found, FUNCTIONS[name])
        rate = FUNCTIONS[name](flint.arb_series([AT, 1], order + 1))
        assert all(found.low[k].overlaps(rate[k]) for k in range(order + 1))


@pytest.mark.parametrize("order", [0, 1, 2, ORDER])
@pytest.mark.parametrize("name", sorted(SMOOTH))
def test_functions_of_what_has_a_rest_of_its_own(name: str, order: int) -> None:
    with precision(256, order + 3):
        found = ModelDomain().function(name, rough(order))
        assert_encloses(found, lambda x: FUNCTIONS[name](x.sin() + x))


@pytest.mark.parametrize("order", [0, 1, ORDER])
@pytest.mark.parametrize("name", sorted(ARITHMETIC))
def test_arithmetic(name: str, order: int) -> None:
    with precision(256, ORDER + 3):
        assert_encloses(ARITHMETIC[name](rough(order)), lambda x: ARITHMETIC[name](x.sin() + x))


def test_models_of_different_order_meet_at_the_lower() -> None:
    with precision(256, ORDER + 3):
        found = rough(ORDER) * rough(2) + rough(3)
        assert found.order == 2
        assert_encloses(found, lambda x: (x.sin() + x) ** 2 + x.sin() + x)


@pytest.mark.parametrize("exponent", [(1, 2), (3, 2), (-1, 3), (7, 3)])
def test_broken_powers(exponent: tuple[int, int]) -> None:
    with precision(256, ORDER + 3):
        a = flint.fmpq(*exponent)
        assert_encloses(rough() ** a, lambda x: (x.sin() + x) ** flint.arb(a))
        assert_encloses(ModelDomain().power(rough(), rough()), lambda x: (x.sin() + x) ** (x.sin() + x))


def test_a_power_at_the_edge_of_its_domain_has_as_many_orders_as_derivatives() -> None:
    with precision(256, ORDER + 3):
        x = line(flint.arb(0.25), flint.arb(1), ORDER, flint.arb(0, 0.25))
        cubed = x ** flint.fmpq(5, 2)
        assert cubed.order == 1
        assert cubed.rest.is_finite()
        assert (x ** flint.fmpq(1, 2)).rest.is_finite()
        assert not (x ** flint.fmpq(-1, 2)).rest.is_finite()


@pytest.mark.parametrize(("name", "left"), [("relu", 0), ("abs", -1)])
def test_kinks(name: str, left: int) -> None:
    with precision(256, ORDER + 3):
        domain = ModelDomain()
        assert_encloses(domain.function(name, rough()), lambda x: x.sin() + x)
        assert_encloses(domain.function(name, -rough()), lambda x: -left * (x.sin() + x))
        across = domain.function(name, variable() - HALF)
        assert across.order == 0
        assert_encloses(across, lambda x: (x - HALF).max(left * (x - HALF)))


def test_at_a_kink_that_only_touches_there_is_no_derivative() -> None:
    x = line(flint.arb(0), flint.arb(1), ORDER, flint.arb(0))
    assert ModelDomain().function("relu", x).order == 0
    assert ModelDomain().function("sign", x).order < 0


def test_jumps() -> None:
    domain = ModelDomain()
    assert domain.function("sign", variable()).low[0] == 1
    assert domain.function("step", variable() - 1).is_zero
    across = domain.function("sign", variable() - HALF)
    assert across.order < 0
    assert across.span.contains(1)
    assert across.span.contains(-1)


def test_removable_singularities_cost_orders() -> None:
    with precision(256, ORDER + 3):
        x = line(flint.arb(0), flint.arb(1), ORDER, flint.arb(0, RADIUS))
        found = models.elementary("sin", x) / x
        assert found.order == ORDER - 1
        assert found.low[0] == 1
        assert found.low[1] == 0
        assert found.rest.is_finite()


def test_division_by_what_may_be_zero_has_no_bound() -> None:
    assert not (1 / (variable() - HALF)).span.is_finite()


def test_the_domain_of_a_constant_is_seen() -> None:
    domain = ModelDomain()
    for name in ("log", "sqrt"):
        assert not domain.function(name, flint.arb(-1)).is_finite()
        assert not domain.function(name, constant(flint.arb(-1), ORDER, flint.arb(0, 1))).span.is_finite()
    assert domain.function("sqrt", flint.fmpq(4)).contains(2)
    assert domain.function("sign", flint.fmpq(-4)) == -1


def test_what_has_no_bound_is_not_lost_in_a_product_with_zero() -> None:
    lost = models.elementary("log", variable() - 1)
    assert not (lost * 0).span.is_finite()
    assert not (lost * (variable() * 0)).span.is_finite()


def test_squares_are_not_negative() -> None:
    with precision(256, ORDER + 3):
        x = line(flint.arb(0.25), flint.arb(1), ORDER, flint.arb(0, 1))
        assert (x * x).span >= 0
        assert (1 / (x**2 + 1)).span.is_finite()
        assert not (x * (x + 0)).span >= 0


def test_contractions_agree_with_sums() -> None:
    with precision(256, ORDER + 3):
        weight = np.array([[flint.arb(1), flint.arb(-2)], [flint.arb(0.5), flint.arb(3)]], dtype=object)
        x = np.empty((1, 2), dtype=object)
        x[0] = [rough(), rough(3) * 2]
        (first, second) = ModelDomain().contract(weight, x)[0]
        assert first.order == second.order == 3
        assert_encloses(first, lambda x: -3 * (x.sin() + x))
        assert_encloses(second, lambda x: flint.arb(6.5) * (x.sin() + x))
        mixed = np.array([[flint.arb(2), rough()]], dtype=object)
        assert_encloses(ModelDomain().contract(weight, mixed)[0][0], lambda x: 2 - 2 * (x.sin() + x))


@pytest.mark.parametrize("order", [0, ORDER])
def test_contractions_with_what_moves_itself(order: int) -> None:
    with precision(256, ORDER + 3):
        weight = np.array([[variable(), flint.arb(2)]], dtype=object)
        x = np.empty((1, 2), dtype=object)
        x[0] = [rough(order), rough(order)]
        assert_encloses(ModelDomain().contract(weight, x)[0][0], lambda x: (x + 2) * (x.sin() + x))
        weight[0, 1] = rough()
        assert_encloses(ModelDomain().contract(weight, x)[0][0], lambda x: (x + x.sin() + x) * (x.sin() + x))


def test_a_product_without_one_of_its_rests_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: Model, other: Any) -> Any:
        return models._folded(self.low * other.low, self.rest * other.span, self.order, self.over)

    monkeypatch.setattr(Model, "__mul__", wrong)
    with precision(256, ORDER + 3), pytest.raises(AssertionError):
        assert_encloses(
            line(flint.arb(AT), flint.arb(1), ORDER, flint.arb(0, RADIUS)) * rough(), lambda x: x * (x.sin() + x)
        )


def test_a_wrong_factorial_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = bounds.BOUNDS["sin"]
    monkeypatch.setitem(bounds.BOUNDS, "sin", lambda over, k: right(over, k) / k)
    with precision(256, ORDER + 3), pytest.raises(AssertionError):
        assert_encloses(models.elementary("sin", variable()), lambda x: x.sin())
