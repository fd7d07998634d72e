"""Best polynomials in the supremum: bounds that meet, errors that alternate, Chebyshev's own cases."""

import itertools

import numpy as np
import pytest
import sympy as sp

from residua_network import ResiduaError
from residua_symbolic.expressions.given import given
from residua_symbolic.series.approximation.minimax import best_in_supremum

CASES = [
    ("sin(x)", -sp.pi, sp.pi, 1),
    ("sin(x)", -sp.pi, sp.pi, 2),
    ("sin(x)", -sp.pi, sp.pi, 5),
    ("sin(x)", -sp.pi, sp.pi, 11),
    ("exp(x)", sp.Integer(-1), sp.Integer(1), 0),
    ("exp(x)", sp.Integer(0), sp.sqrt(2), 4),
    ("tanh(2*x)+x^2", sp.Integer(-1), sp.Integer(1), 6),
    ("1/(1+25*x^2)", sp.Integer(-1), sp.Rational(1, 3), 3),
]


@pytest.mark.parametrize(("text", "lower", "upper", "degree"), CASES)
def test_bounds_meet_and_errors_alternate(text: str, lower: sp.Expr, upper: sp.Expr, degree: int) -> None:
    found = best_in_supremum(given(text), "x", degree, lower, upper)
    low, high = float(found.lower.lower()), float(found.upper.upper())
    assert 0 < low <= high <= low * (1 + 1e-3)
    assert len(found.points) == degree + 2
    signs = [bool(e > 0) for e in found.errors]
    assert all(a != b for a, b in itertools.pairwise(signs))
    assert all(float(abs(e).lower()) >= low * (1 - 1e-14) for e in found.errors)
    x = np.linspace(float(lower), float(upper), 5001)
    f = sp.lambdify(sp.Symbol("x", real=True), given(text).sympy, "numpy")
    largest = float(abs(f(x) - found(x)).max())
    assert low * (1 - 1e-4) <= largest <= high * (1 + 1e-12) + 1e-14


@pytest.mark.parametrize("degree", [1, 2, 4, 7])
def test_powers_are_approximated_as_chebyshev_found(degree: int) -> None:
    found = best_in_supremum(given(f"x^{degree + 1}"), "x", degree, sp.Integer(-1), sp.Integer(1))
    assert float(found.lower.lower()) <= 2.0**-degree * (1 + 1e-12)
    assert 2.0**-degree * (1 - 1e-12) <= float(found.upper.upper())


def test_no_polynomial_beats_the_lower_bound() -> None:
    found = best_in_supremum(given("exp(x)"), "x", 3, sp.Integer(-1), sp.Integer(1))
    rng = np.random.default_rng(0)
    x = np.array([float(p.mid()) for p in found.points])
    best = np.array([float(c.mid()) for c in found.coefficients])
    for _ in range(2000):
        c = best + rng.normal(size=4) * 10.0 ** rng.uniform(-6, -1)
        assert abs(np.exp(x) - np.polyval(c[::-1], x)).max() >= float(found.lower.lower()) * (1 - 1e-9)


def test_a_kink_leaves_no_upper_bound() -> None:
    found = best_in_supremum(given("relu(x)"), "x", 2, sp.Integer(-1), sp.Integer(1))
    assert float(found.upper.upper()) == np.inf
    assert 0.06 < float(found.lower.lower()) <= 0.0625


@pytest.mark.parametrize(
    ("text", "degree", "lower", "upper"),
    [("x^3", 3, 0, 1), ("log(x)", 2, -1, 1), ("x*y", 2, 0, 1), ("sin(x)", 41, 0, 1), ("sin(x)", 2, 1, 0)],
)
def test_what_has_no_answer_is_refused(text: str, degree: int, lower: int, upper: int) -> None:
    with pytest.raises(ResiduaError):
        best_in_supremum(given(text), "x", degree, sp.Integer(lower), sp.Integer(upper))


@pytest.mark.parametrize(
    ("text", "lower", "upper", "degree"), [("abs(x)", -1, 2, 3), ("relu(x)", -1, 2, 3), ("abs(x)", -1, 1, 4)]
)
def test_the_exchange_does_not_rest_before_a_kink_is_seen(text: str, lower: int, upper: int, degree: int) -> None:
    found = best_in_supremum(given(text), "x", degree, sp.Integer(lower), sp.Integer(upper))
    x = np.linspace(lower, upper, 30_001)  # 0 is among them
    f = abs(x) if text == "abs(x)" else np.maximum(x, 0)
    assert float(abs(f - found(x)).max()) <= float(found.lower.lower()) * (1 + 1e-8)


def test_smooth_functions_are_bounded_to_many_digits() -> None:
    for text, degree in (("sin(x)", 3), ("exp(x)", 5), ("sin(x)", 9)):
        found = best_in_supremum(given(text), "x", degree, -sp.pi, sp.pi)
        assert float(found.upper.upper()) <= float(found.lower.lower()) * (1 + 1e-8)
