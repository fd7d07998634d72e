"""Recurrences in float64 against Arb's power series, at every function, and both ways of solving them."""

from collections.abc import Callable
from typing import Any

import flint
import numpy as np
import pytest

from oracles.samples import ROUNDINGS
from residua_symbolic.domains import balls, float_series, recurrences
from residua_symbolic.domains.float_series import FloatSeries, FloatSeriesDomain, SingularError

LENGTH = 14
OPERATIONS: tuple[Callable[[Any, Any], Any], ...] = (
    lambda p, q: p * q,
    lambda p, q: q * p,
    lambda p, q: p + q,
    lambda p, q: q - p,
    lambda p, q: p / q,
)
NAMES = [*float_series.PRODUCTS, *float_series.KINKED, *float_series.SMOOTH, "sqrt"]


def sample(length: int = LENGTH, first: float | None = None) -> Any:
    terms = np.random.default_rng(3).normal(size=(2, 3, length)) * 0.8 ** np.arange(length)
    terms[..., 0] = abs(terms[..., 0]) + 0.3 if first is None else first
    return terms


def assert_like_arb(found: FloatSeries, terms: Any, function: Callable[[Any], Any]) -> None:
    assert found.full.shape == terms.shape
    with balls.precision(bits=200, terms=terms.shape[-1]):
        for at in np.ndindex(terms.shape[:-1]):
            series = function(flint.arb_series([flint.arb(v) for v in terms[at].tolist()]))
            exact = [float(series[k].mid()) for k in range(terms.shape[-1])]
            scale = np.maximum(1.0, np.maximum.accumulate(np.abs(exact)))
            assert (abs(found.full[at] - exact) <= ROUNDINGS * scale).all()


@pytest.mark.parametrize("length", [1, 2, 3, LENGTH])
@pytest.mark.parametrize("name", NAMES)
def test_functions(name: str, length: int) -> None:
    terms = sample(length)
    with np.errstate(all="raise"):
        found = FloatSeriesDomain().function(name, FloatSeries(terms, length))
    assert_like_arb(found, terms, balls.FUNCTIONS[name])


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("sqrt", "log")])
def test_functions_left_of_zero(name: str) -> None:
    terms = -sample()
    assert_like_arb(FloatSeriesDomain().function(name, FloatSeries(terms, LENGTH)), terms, balls.FUNCTIONS[name])


@pytest.mark.parametrize("exponent", [-2, -1, 0, 1, 2, 5, 0.5, -0.5, 1.7])
def test_powers(exponent: float) -> None:
    found = FloatSeriesDomain().power(FloatSeries(sample(), LENGTH), exponent)
    number = exponent if isinstance(exponent, int) else flint.arb(exponent)
    assert_like_arb(found, sample(), lambda z: z**number)


@pytest.mark.parametrize("held", [1, 2, 3, 6, LENGTH])
def test_short_series_are_zero_beyond(held: int) -> None:
    long, short = sample(), sample(held)
    a, b = FloatSeries(long, LENGTH), FloatSeries(short, LENGTH)
    padded = FloatSeries(b.full, LENGTH)
    for operation in OPERATIONS:
        found, expected = operation(a, b).full, operation(a, padded).full
        assert np.allclose(found, expected, rtol=ROUNDINGS, atol=ROUNDINGS)


def test_the_band_and_the_loop_are_one_recurrence(monkeypatch: pytest.MonkeyPatch) -> None:
    terms = sample()
    with_band = [recurrences.exponential(terms), recurrences.reciprocal(terms), recurrences.power(terms, 0.3)]
    circular = recurrences.circular(terms)
    monkeypatch.setattr(recurrences, "MOST", 0)
    looped = [recurrences.exponential(terms), recurrences.reciprocal(terms), recurrences.power(terms, 0.3)]
    for one, other in zip([*with_band, *circular], [*looped, *recurrences.circular(terms)], strict=True):
        assert np.allclose(one, other, rtol=ROUNDINGS, atol=ROUNDINGS)


@pytest.mark.parametrize("name", ["relu", "abs", "step", "sign", "sqrt", "log"])
def test_kinks_and_branch_points_are_refused_with_their_entry(name: str) -> None:
    terms = sample()
    terms[1, 2, 0] = 0.0
    with pytest.raises(SingularError) as caught:
        FloatSeriesDomain().function(name, FloatSeries(terms, LENGTH))
    assert caught.value.entry == (1, 2)


def test_division_by_a_series_that_begins_with_zero_is_refused() -> None:
    with pytest.raises(SingularError):
        1.0 / FloatSeries(sample(first=0.0), LENGTH)


def test_moving_weights_contract_like_matrices_of_series() -> None:
    rng = np.random.default_rng(0)
    weight, x = rng.normal(size=(4, 3, 2)), sample(5)
    found = FloatSeriesDomain().contract(FloatSeries(weight, LENGTH), FloatSeries(x, LENGTH))
    expected = sum(
        np.einsum("oi,bi->bo", weight[..., p], x[..., q])[..., None] * (np.arange(LENGTH) == p + q)
        for p in range(2)
        for q in range(5)
    )
    assert np.allclose(found.full, expected, rtol=ROUNDINGS, atol=ROUNDINGS)
