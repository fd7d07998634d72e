"""Moments of activations of Gaussian inputs: closed forms where they exist, certified quadrature elsewhere."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import flint
import sympy as sp

from residua_network import Activation, ResiduaError
from residua_network.checks import number
from residua_symbolic.domains import balls
from residua_symbolic.moments.integrals import gaussian_quadrature as quadrature
from residua_symbolic.moments.integrals.gaussian_derivations import derive_moment
from residua_symbolic.moments.integrals.gaussian_forms import (
    MEAN,
    PRODUCT,
    SLOPE_PRODUCT,
    SLOPE_SQUARE,
    SQUARE,
    at_any_mean,
    closed_form,
    value_of,
)

__all__ = [
    "Moment",
    "certified_expectation",
    "derive_moment",
    "mean",
    "product",
    "slope_product",
    "slope_square",
    "square",
]
CACHED = 4096
ROUNDING = 2.0**-40  # a covariance may exceed the variance by this share: it came from rounded sums


@dataclass(frozen=True)
class Moment:
    """`error` bounds |value − truth|; `formula`: the closed form in q, c and m, None where it was quadrature."""

    value: float
    error: float
    formula: sp.Expr | None

    def __float__(self) -> float:
        return self.value


def mean(name: str, q: float, m: float = 0.0) -> Moment:
    """E φ(z), z ~ N(m, q)."""
    return _single(name, MEAN, *_given(name, q, m))


def square(name: str, q: float, m: float = 0.0) -> Moment:
    """E φ(z)²."""
    return _single(name, SQUARE, *_given(name, q, m))


def slope_square(name: str, q: float, m: float = 0.0) -> Moment:
    """E φ'(z)²; relu'(0) = 0."""
    return _single(name, SLOPE_SQUARE, *_given(name, q, m))


def product(name: str, q: float, c: float, m: float = 0.0) -> Moment:
    """E φ(z) φ(z'), z and z' ~ N(m, q) with covariance c."""
    return _double(name, PRODUCT, *_given(name, q, m), _covariance(c, q))


def slope_product(name: str, q: float, c: float, m: float = 0.0) -> Moment:
    """E φ'(z) φ'(z')."""
    return _double(name, SLOPE_PRODUCT, *_given(name, q, m), _covariance(c, q))


def certified_expectation(
    f: Callable[[Any], Any], q: float, m: float = 0.0, growth: int = 4, factor: float = 1.0
) -> Moment:
    """E f(z) for f on complex Arb balls, analytic wherever it is finite (no branch cuts, no kinks), with
    |f(z)| ≤ factor · (1 + |z|)^growth for real z: the caller's word. Raises ResiduaError where no bounds can be had."""
    variance = number(q, "q", "certified_expectation", least=0.0)
    middle = number(m, "m", "certified_expectation")
    return _moment(
        quadrature.expectation(lambda z, _: f(z), variance, middle, growth, factor), None, "certified_expectation"
    )


def _given(name: str, q: float, m: float) -> tuple[float, float]:
    Activation(name)  # refuses what is none
    return number(float(q), "q", f"moments of {name}", least=0.0), number(float(m), "m", f"moments of {name}")


def _covariance(c: float, q: float) -> float:
    value = number(float(c), "c", "moments")
    if abs(value) > q * (1 + ROUNDING):
        raise ResiduaError(f"moments: a covariance lies between −q and q, got c = {c!r} beside q = {q!r}")
    return math.copysign(min(abs(value), q), value)


@lru_cache(CACHED)
def _single(name: str, what: str, q: float, m: float) -> Moment:
    slope, power = what == SLOPE_SQUARE, 1 if what == MEAN else 2
    where = f"{what} of {name} at q = {q:g}, m = {m:g}"
    if q == 0:
        with balls.precision(quadrature.BITS):
            return _moment(quadrature.value_at(name, slope, m) ** power, None, where)
    found = _closed(name, what, q, q, m)
    if found is not None:
        return found
    return _moment(quadrature.activation_expectation(name, slope, power, q, m), None, where)


@lru_cache(CACHED)
def _double(name: str, what: str, q: float, m: float, c: float) -> Moment:
    slope = what == SLOPE_PRODUCT
    if c == q:
        return _single(name, SLOPE_SQUARE if slope else SQUARE, q, m)
    found = _closed(name, what, q, c, m)
    if found is not None:
        return found
    where = f"{what} of {name} at q = {q:g}, c = {c:g}, m = {m:g}"
    if c == 0:
        alone = quadrature.activation_expectation(name, slope, 1, q, m)
        with balls.precision(quadrature.BITS):
            return _moment(alone * alone, None, where)
    if c == -q:
        return _moment(quadrature.product_reflected(name, slope, q, m), None, where)
    return Moment(*quadrature.product_by_rule(name, slope, q, c, m), None)


def _closed(name: str, what: str, q: float, c: float, m: float) -> Moment | None:
    """At exactly these numbers, in balls; None without a closed form there, or where it loses all bounds."""
    form = closed_form(name, what)
    if form is None or (m != 0 and not at_any_mean(name, what)):
        return None
    ball = value_of(form, q, c, m)
    where = f"{what} of {name} at q = {q:g}, m = {m:g}"
    return _moment(ball, form, where) if ball.is_finite() else None


def _moment(ball: Any, form: sp.Expr | None, where: str) -> Moment:
    if not ball.is_finite():
        raise ResiduaError(f"{where}: no bounds could be had by quadrature")
    value = float(ball.mid())
    if not math.isfinite(value):
        raise ResiduaError(f"{where}: larger than any float")
    with balls.precision():
        away = abs(ball - flint.arb(value)).upper()
        error = math.nextafter(float(away), math.inf) if away > 0 else 0.0
    return Moment(value, error, form)
