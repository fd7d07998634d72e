"""Closed forms of Gaussian moments: of z ~ N(m, q) and z' with covariance c.

A form in which m does not occur, of an activation that is not a polynomial, holds at m = 0 alone: `at_any_mean` tells.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import flint
import sympy as sp

from residua_symbolic.domains import balls
from residua_symbolic.expressions.conversion import from_sympy
from residua_symbolic.expressions.evaluation import evaluate
from residua_symbolic.expressions.graph import Graph, Node
from residua_symbolic.functions import ACTIVATIONS

m, c = sp.symbols("m c", real=True)
q = sp.Symbol("q", positive=True)
z = sp.Symbol("z", real=True)
MEAN, SQUARE, PRODUCT = "mean", "square", "product"
SLOPE_SQUARE, SLOPE_PRODUCT = "slope square", "slope product"
WHAT = (MEAN, SQUARE, PRODUCT, SLOPE_SQUARE, SLOPE_PRODUCT)
POLYNOMIALS = ("identity", "square", "cube")
HALF = sp.Rational(1, 2)


def density(t: sp.Expr) -> sp.Expr:
    """The standard normal density."""
    return sp.exp(-(t**2) / 2) / sp.sqrt(2 * sp.pi)


def distribution(t: sp.Expr) -> sp.Expr:
    """Φ."""
    return (1 + sp.erf(t / sp.sqrt(2))) / 2


@cache
def closed_form(name: str, what: str) -> sp.Expr | None:
    """The form in q, c and m; None where there is none here."""
    if name in POLYNOMIALS:
        return _polynomial(ACTIVATIONS[name](z), what)
    return _TABLE.get(name, {}).get(what)


def at_any_mean(name: str, what: str) -> bool:
    """Whether the closed form holds at every m, not at m = 0 alone."""
    form = closed_form(name, what)
    return form is not None and (name in POLYNOMIALS or form.has(m))


def _polynomial(value: sp.Expr, what: str) -> sp.Expr:
    """By E f(z) f(z') = Σ_k c^k/k! (E f⁽ᵏ⁾(z))², which ends."""
    f = sp.diff(value, z) if what in (SLOPE_SQUARE, SLOPE_PRODUCT) else value
    if what == MEAN:
        return polynomial_mean(f)
    if what in (SQUARE, SLOPE_SQUARE):
        return polynomial_mean(f**2)
    order = int(sp.degree(f, z)) if f.has(z) else 0
    terms = [c**k / sp.factorial(k) * polynomial_mean(sp.diff(f, (z, k))) ** 2 for k in range(order + 1)]
    return sp.expand(sp.Add(*terms))


def polynomial_mean(f: sp.Expr) -> sp.Expr:
    """E f(z) of a polynomial, by E (z − m)^(2k) = (2k − 1)!! q^k."""
    u = sp.Symbol("u")
    terms = sp.Poly(f.subs(z, m + u), u).terms()
    return sp.expand(sp.Add(*(a * q ** (p // 2) * sp.factorial2(p - 1) for (p,), a in terms if p % 2 == 0)))


def _sine() -> Mapping[str, sp.Expr]:
    apart, together = sp.exp(-(q - c)), sp.exp(-(q + c)) * sp.cos(2 * m)
    return {
        MEAN: sp.sin(m) * sp.exp(-q / 2),
        SQUARE: (1 - sp.exp(-2 * q) * sp.cos(2 * m)) / 2,
        PRODUCT: (apart - together) / 2,
        SLOPE_SQUARE: (1 + sp.exp(-2 * q) * sp.cos(2 * m)) / 2,
        SLOPE_PRODUCT: (apart + together) / 2,
    }


def _relu() -> Mapping[str, sp.Expr]:
    """The products: Cho, Saul 2009, "Kernel methods for deep learning", eq. 3–6; arcsin ρ = arctan(ρ / √(1 − ρ²))."""
    s, angle = sp.sqrt(q), sp.atan(c / sp.sqrt(q**2 - c**2))
    t = m / s
    return {
        MEAN: m * distribution(t) + s * density(t),
        SQUARE: (m**2 + q) * distribution(t) + m * s * density(t),
        PRODUCT: (sp.sqrt(q**2 - c**2) + c * (sp.pi / 2 + angle)) / (2 * sp.pi),
        SLOPE_SQUARE: distribution(t),
        SLOPE_PRODUCT: sp.Rational(1, 4) + angle / (2 * sp.pi),
    }


def _gelu() -> Mapping[str, sp.Expr]:
    t = m / sp.sqrt(1 + q)
    k = 1 / (2 * sp.pi * sp.sqrt((1 + q) ** 2 - c**2))  # E of the product of the densities at z and z'
    both = sp.Rational(1, 4) + sp.atan(c / sp.sqrt((1 + q) ** 2 - c**2)) / (2 * sp.pi)  # E Φ(z) Φ(z')
    product = c * both + k * (q**2 + c**2 * (1 - q) / (1 + q))
    slopes = both + 2 * c * k / (1 + q) + c * k / ((1 + q) ** 2 - c**2)
    return {
        MEAN: m * distribution(t) + q / sp.sqrt(1 + q) * density(t),
        SQUARE: q / 4
        + q * sp.atan(q / sp.sqrt(1 + 2 * q)) / (2 * sp.pi)
        + q**2 / (sp.pi * (1 + q) * sp.sqrt(1 + 2 * q)),
        PRODUCT: product,
        SLOPE_SQUARE: sp.Rational(1, 4)
        + sp.atan(q / sp.sqrt(1 + 2 * q)) / (2 * sp.pi)
        + q / (sp.pi * (1 + q) * sp.sqrt(1 + 2 * q))
        + q / (2 * sp.pi * (1 + 2 * q) ** sp.Rational(3, 2)),
        SLOPE_PRODUCT: slopes,
    }


_TABLE: Mapping[str, Mapping[str, sp.Expr]] = {"sin": _sine(), "relu": _relu(), "gelu": _gelu()}


def value_of(form: sp.Expr, variance: float, covariance: float, middle: float) -> Any:
    """A ball with the form at exactly these floats."""
    with balls.precision():
        values = {"q": flint.arb(variance), "c": flint.arb(covariance), "m": flint.arb(middle)}
        (ball,) = evaluate([_node(form)], values, balls.BallDomain())
    return ball


@cache
def _node(form: sp.Expr) -> Node:
    return from_sympy(Graph(), form)
