"""Σ Re[p(x) e^(λx)] with polynomials p and complex λ: sums of products of polynomials, exp, sin, cos, sinh and cosh of
linear arguments. They are closed under sums, products and integration, so that integrals need no search.

A sum is {(α, β): ((a_0, b_0), (a_1, b_1), ...)}, where λ = α + iβ and the coefficients of p are a_k + i b_k: constant
SymPy expressions. (α, −β) with conjugate coefficients is the same and never used.
"""

from collections.abc import Mapping, Sequence

import sympy as sp

from residua_symbolic.domains import balls
from residua_symbolic.expressions.conversion import from_sympy
from residua_symbolic.expressions.evaluation import evaluate
from residua_symbolic.expressions.graph import Graph

Pair = tuple[sp.Expr, sp.Expr]
Polynomial = tuple[Pair, ...]
ExponentialSum = Mapping[Pair, Polynomial]
LARGEST = 600  # coefficients of one sum
PRODUCTS = 40_000  # of coefficients in one product of sums: a second or so
POWER = 40  # of a sum with rates: every multiplication adds one
ZERO, ONE = sp.Integer(0), sp.Integer(1)
STATIONARY = (ZERO, ZERO)


class OutOfClassError(Exception):
    """The expression is no such sum, or too large a one."""


def polynomial(coefficients: Sequence[sp.Expr]) -> ExponentialSum:
    """c_0 + c_1 x + c_2 x² + ..."""
    return _kept({STATIONARY: tuple((c, ZERO) for c in coefficients)})


def read(expression: sp.Expr, variable: sp.Symbol, at: sp.Expr = ZERO) -> ExponentialSum:
    """The expression as a sum in s = variable − at. Raises OutOfClassError."""
    if not expression.has(variable):
        return polynomial((expression,))
    if expression == variable:
        return polynomial((at, ONE))
    parts = [read(argument, variable, at) for argument in expression.args]
    if expression.is_Add:
        return added(*parts)
    if expression.is_Mul:
        return _product(parts)
    if isinstance(expression, sp.exp):
        slope, shift = _linear(parts[0])
        return _kept({(slope, ZERO): ((sp.exp(shift), ZERO),)})
    if expression.is_Pow and expression.exp.is_Integer and 0 < expression.exp < LARGEST:
        if expression.exp > POWER and set(parts[0]) != {STATIONARY}:
            raise OutOfClassError("too high a power")
        return _product([parts[0]] * int(expression.exp))
    if isinstance(expression, sp.sin | sp.cos):
        slope, shift = _linear(parts[0])
        c, s = sp.cos(shift), sp.sin(shift)
        return _kept({(ZERO, slope): ((s, -c) if isinstance(expression, sp.sin) else (c, s),)})
    if isinstance(expression, sp.sinh | sp.cosh):
        slope, shift = _linear(parts[0])
        sign = -1 if isinstance(expression, sp.sinh) else 1
        grows, falls = ({(k * slope, ZERO): ((sp.exp(k * shift) / 2, ZERO),)} for k in (1, -1))
        return added(_kept(grows), scaled(_kept(falls), sp.Integer(sign)))
    raise OutOfClassError(f"{expression.func.__name__} of what is not constant")


def added(*sums: ExponentialSum) -> ExponentialSum:
    """The sum of sums."""
    found: dict[Pair, Polynomial] = {}
    for one in sums:
        for rate, p in one.items():
            found[rate] = _plus(found.get(rate, ()), p)
    return _kept(found)


def scaled(one: ExponentialSum, factor: sp.Expr) -> ExponentialSum:
    """A constant times the sum."""
    return _kept({rate: tuple((factor * a, factor * b) for a, b in p) for rate, p in one.items()})


def multiplied(one: ExponentialSum, other: ExponentialSum) -> ExponentialSum:
    """The product: Re A · Re B = (Re AB + Re AB̄)/2."""
    if sum(map(len, one.values())) * sum(map(len, other.values())) > PRODUCTS:
        raise OutOfClassError("too many terms")
    found: dict[Pair, Polynomial] = {}
    for (alpha, beta), p in one.items():
        for (gamma, delta), q in other.items():
            if beta == 0 or delta == 0:
                _put(found, alpha + gamma, beta + delta, _times(p, q))
                continue
            half = tuple((a / 2, b / 2) for a, b in p)
            _put(found, alpha + gamma, beta + delta, _times(half, q))
            _put(found, alpha + gamma, beta - delta, _times(half, tuple((a, -b) for a, b in q)))
    return _kept(found)


def integrated(one: ExponentialSum, lower: sp.Expr, upper: sp.Expr) -> sp.Expr:
    """∫ from `lower` to `upper`, exactly. Raises OutOfClassError where a rate cannot be told from 0."""
    total = ZERO
    for rate, p in one.items():
        primitive = _primitive(rate, p)
        total += _value(rate, primitive, upper) - _value(rate, primitive, lower)
    return sp.expand(total)


def _primitive(rate: Pair, p: Polynomial) -> Polynomial:
    """q with (q e^(λx))' = p e^(λx): q' + λq = p, solved from the highest power down."""
    if rate == STATIONARY:
        return ((ZERO, ZERO), *((a / k, b / k) for k, (a, b) in enumerate(p, 1)))
    alpha, beta = rate
    size = sp.expand(alpha**2 + beta**2)
    if is_certainly_zero_or_unknown(size):
        raise OutOfClassError(f"a rate that cannot be told from 0: {rate}")
    q: list[Pair] = []
    above = (ZERO, ZERO)  # (k + 1) q_(k+1)
    for k in range(len(p) - 1, -1, -1):
        re, im = p[k][0] - above[0], p[k][1] - above[1]
        found = (sp.expand((re * alpha + im * beta) / size), sp.expand((im * alpha - re * beta) / size))
        q.append(found)
        above = (k * found[0], k * found[1])
    return tuple(reversed(q))


def is_certainly_zero_or_unknown(e: sp.Expr) -> bool:
    """Whether ball arithmetic at 128 bits does not tell the constant from 0."""
    with balls.precision():
        (ball,) = evaluate([from_sympy(Graph(), e)], {}, balls.BallDomain())
        return bool(ball.contains(0))


def _value(rate: Pair, p: Polynomial, x: sp.Expr) -> sp.Expr:
    """Re[p(x) e^(λx)]."""
    alpha, beta = rate
    re, im = (sp.expand(sum((pair[part] * x**k for k, pair in enumerate(p)), ZERO)) for part in (0, 1))
    return sp.exp(alpha * x) * (re * sp.cos(beta * x) - im * sp.sin(beta * x))


def _linear(argument: ExponentialSum) -> Pair:
    """(a, b) of a x + b."""
    p = argument.get(STATIONARY, ())
    if set(argument) - {STATIONARY} or len(p) > 2:
        raise OutOfClassError("an argument that is not linear")
    b, a = (*(pair[0] for pair in p), ZERO, ZERO)[:2]
    return a, b


def _product(parts: Sequence[ExponentialSum]) -> ExponentialSum:
    total, *others = parts
    for other in others:
        total = multiplied(total, other)
    return total


def _put(found: dict[Pair, Polynomial], alpha: sp.Expr, beta: sp.Expr, p: Polynomial) -> None:
    rate, p = _canonical((sp.expand(alpha), sp.expand(beta)), p)
    found[rate] = _plus(found.get(rate, ()), p)


def _canonical(rate: Pair, p: Polynomial) -> tuple[Pair, Polynomial]:
    alpha, beta = rate
    if beta == 0:
        return rate, tuple((a, ZERO) for a, _ in p)
    if beta.could_extract_minus_sign():
        return (alpha, -beta), tuple((a, -b) for a, b in p)
    return rate, p


def _kept(found: Mapping[Pair, Polynomial]) -> ExponentialSum:
    """In canonical form, without zeros at the end. Raises OutOfClassError for too many terms."""
    kept: dict[Pair, Polynomial] = {}
    for rate, p in found.items():
        name, q = _canonical(rate, p)
        kept[name] = _plus(kept.get(name, ()), q)
    kept = {rate: shorter for rate, p in kept.items() if (shorter := _trimmed(p))}
    if sum(map(len, kept.values())) > LARGEST:
        raise OutOfClassError("too many terms")
    return kept


def _trimmed(p: Polynomial) -> Polynomial:
    end = len(p)
    while end and p[end - 1] == (0, 0):
        end -= 1
    return p[:end]


def _plus(p: Polynomial, q: Polynomial) -> Polynomial:
    shorter, longer = sorted((p, q), key=len)
    head = tuple((sp.expand(a + c), sp.expand(b + d)) for (a, b), (c, d) in zip(shorter, longer, strict=False))
    return head + longer[len(shorter) :]


def _times(p: Polynomial, q: Polynomial) -> Polynomial:
    if not (p and q):
        return ()
    real, imaginary = ([ZERO] * (len(p) + len(q) - 1) for _ in range(2))
    for k, (a, b) in enumerate(p):
        for m, (c, d) in enumerate(q):
            if (a, b) != (0, 0) and (c, d) != (0, 0):
                real[k + m] += a * c - b * d
                imaginary[k + m] += a * d + b * c
    return tuple((sp.expand(a), sp.expand(b)) for a, b in zip(real, imaginary, strict=True))
