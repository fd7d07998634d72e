"""Why a stream whose l-th state is the l-th Taylor polynomial cannot go on: pairs of points that it no longer tells
apart, derived for sin, exp and tanh, and the best that any block can do behind such a state."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import flint
import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.first_order import BY_IDENTITY
from residua_symbolic.identities import same

u, v, x1, x2 = sp.symbols("u v x_1 x_2", real=True)
PLACES = 5  # decimals of a floor that has no closed form
CELLS = 64  # of the fold curve, before they are halved
SQUARE = sp.Symbol("q", positive=True)  # u² on the fold curve
PAIR = {x1: u + v, x2: u - v}
BY_BALLS = "cells of the curve in ball arithmetic, halved until each is decided"


def two_points() -> Derivation:
    """Whatever F is, y = S + F(S) has one value z at two points of equal S: it misses g by half their distance."""
    z, g1, g2, e1, e2 = sp.symbols("z g_1 g_2 e_1 e_2", real=True)
    steps = (
        Step("error at x_1", e1, z - g1, "definition"),
        Step("error at x_2", e2, z - g2, "definition, with the same z"),
        Step(
            "both errors",
            e2 - e1,
            g1 - g2,
            "so |g_1 − g_2| ≤ |e_1| + |e_2|, and the larger of the two is at least half of it",
            (Proof(BY_IDENTITY, lambda right: same((z - g2) - (z - g1), right)),),
        ),
    )
    return Derivation("Two points with one state", e2 - e1, g1 - g2, ("S(x_1) = S(x_2)",), steps)


def best_block() -> Derivation:
    """The best value for a state: the middle of the largest and the least g in the sup norm, their mean in squares."""
    z, low, high = sp.symbols("z m M", real=True)
    middle = (low + high) / 2
    sup = (high - low) / 2 + sp.Abs(z - middle)

    def by_cases(right: sp.Expr) -> bool:
        """A sum with +|e| is the larger of its two cases, one with −|e| the smaller."""
        (size,) = right.atoms(sp.Abs)
        one, other = right.xreplace({size: size.args[0]}), right.xreplace({size: -size.args[0]})
        first, second = (one, other) if same(one, z - low) else (other, one)
        return same(right.coeff(size), sp.S.One) and same(first, z - low) and same(second, high - z)

    weights, values = sp.symbols("w_1:4", positive=True), sp.symbols("g_1:4", real=True)
    total = sp.Add(*weights)
    mean = sp.Add(*(w * g for w, g in zip(weights, values, strict=True))) / total
    squares = sp.Add(*(w * (g - z) ** 2 for w, g in zip(weights, values, strict=True)))
    spread = sp.Symbol("V") + total * (z - sp.Symbol("gbar")) ** 2
    put_in = {
        sp.Symbol("gbar"): mean,
        sp.Symbol("V"): sp.Add(*(w * (g - mean) ** 2 for w, g in zip(weights, values, strict=True))),
    }
    steps = (
        Step(
            "sup norm",
            sp.Max(high - z, z - low),
            sup,
            "least where z is the middle; a continuous F gets as close, since the band of values that do is never "
            "empty "
            "and closes up semicontinuously (Katětov and Tong)",
            (Proof("both cases of the absolute value", by_cases),),
        ),
        Step(
            "mean square",
            squares,
            spread,
            "V the variance about the mean of three values with weights; least where z is the mean",
            (Proof(BY_IDENTITY, lambda right: same(squares, right.xreplace(put_in))),),
        ),
    )
    assumptions = ("m and M: least and largest g on {x: S(x) = t}; weights: densities 1/|S'|",)
    return Derivation("The best block behind a state", steps[0].left, sup, assumptions, steps)


def fold_of_sine() -> Derivation:
    """Behind T_3 = x − x³/6: the pairs of equal states, and how far T_5 and sin lie apart on them."""
    difference = _t3(x1) - _t3(x2)
    state, further = sp.Function("T_3"), sp.Function("T_5")
    curve = 6 - 3 * u**2 - v**2
    half = (_t5(x1) - _t5(x2)) / 2
    on_curve = v / 6 + v**3 / 9 - sp.Rational(2, 135) * v**5
    highest = (9 + 3 * sp.sqrt(13)) / 4
    floor = (7 + sp.sqrt(13)) * sp.sqrt(9 + 3 * sp.sqrt(13)) / 60
    number = sp.Float(_largest(_sine_on_curve, flint.arb(6).sqrt()), PLACES)
    steps = (
        Step(
            "equal states",
            state(x1) - state(x2),
            (x1 - x2) * (6 - x1**2 - x1 * x2 - x2**2) / 6,
            "zero for x_1 ≠ x_2 on an ellipse",
            (_is(difference),),
        ),
        Step(
            "in u = (x_1 + x_2)/2, v = (x_1 − x_2)/2",
            6 - x1**2 - x1 * x2 - x2**2,
            curve,
            "its axes: u² = 2 − v²/3, so |x| ≤ 2√2 < π for all of them",
            (Proof(BY_IDENTITY, lambda right: same((6 - x1**2 - x1 * x2 - x2**2).xreplace(PAIR), right)),),
        ),
        Step(
            "half the difference of T_5",
            (further(x1) - further(x2)) / 2,
            on_curve,
            "on the ellipse",
            (Proof("u² = 2 − v²/3 put into the even powers of u", lambda right: same(_reduced(half), right)),),
        ),
        Step(
            "where it is largest",
            v**2,
            highest,
            "its derivative in v vanishes there and, for v > 0, nowhere else; it is 0 at v = 0 and falls beyond",
            (
                Proof(
                    "the derivative is a quadratic in v², whose roots are this, below 6, and a negative one; it is "
                    "positive at 0",
                    _stationary(on_curve),
                ),
            ),
        ),
        Step(
            "floor against T_5",
            sp.Symbol("E_5"),
            floor,
            "half the largest difference: no block behind T_3 comes closer to T_5 on [−π, π]",
            (Proof("squared, in the field of √13", lambda right: _squares(right, on_curve, highest)),),
        ),
        Step(
            "half the difference of sin",
            (sp.sin(x1) - sp.sin(x2)) / 2,
            sp.cos(u) * sp.sin(v),
            "x_1 = u + v, x_2 = u − v",
            (Proof("exponentials multiplied out", _is_product),),
        ),
        Step(
            "floor against sin",
            sp.Symbol("E_sin"),
            number,
            f"the largest value on the ellipse, to {PLACES} decimals",
            (Proof(BY_BALLS, lambda right: _is_largest(_sine_on_curve, flint.arb(6).sqrt(), right)),),
        ),
        Step(
            "a falling state",
            (state(sp.sqrt(2)) - state(-sp.sqrt(2))) / 2,
            2 * sp.sqrt(2) / 3,
            "a continuous state without equal values is monotone; a falling one misses T_3 by at least this, at ±√2",
            (_is_value((_t3(sp.sqrt(2)) - _t3(-sp.sqrt(2))) / 2),),
        ),
        Step(
            "a rising state",
            (state(-sp.pi) - state(sp.pi)) / 2,
            sp.pi**3 / 6 - sp.pi,
            "a rising one by at least this, at ±π, which is more: no stream that keeps its points apart is near T_3",
            (_is_value((_t3(-sp.pi) - _t3(sp.pi)) / 2),),
        ),
    )
    return Derivation("Behind T_3 of sin", sp.Symbol("E_sin"), number, ("−π ≤ x ≤ π",), steps)


def fold_of_exp() -> Derivation:
    """Behind T_2 = 1 + x + x²/2, whose pairs lie around −1; f(0) = 1 is put in by the first block."""
    t2, state, further = _taylor_of_exp(2), sp.Function("T_2"), sp.Function("T_3")
    half = (_taylor_of_exp(3)(x1) - _taylor_of_exp(3)(x2)) / 2
    around = {x1: v - 1, x2: -v - 1}
    e = sp.Symbol("E", positive=True)  # e^v
    steps = (
        Step(
            "equal states",
            state(x1) - state(x2),
            (x1 - x2) * (2 + x1 + x2) / 2,
            "zero for x_1 ≠ x_2 where they lie around −1: x_1 = v − 1, x_2 = −v − 1, in [−π, π] for v ≤ π − 1",
            (_is(t2(x1) - t2(x2)),),
        ),
        Step(
            "half the difference of T_3",
            (further(x1) - further(x2)) / 2,
            v / 2 + v**3 / 6,
            "on these pairs; it grows with v",
            (Proof(BY_IDENTITY, lambda right: same(half.xreplace(around), right)),),
        ),
        Step(
            "half the difference of exp",
            (sp.exp(x1) - sp.exp(x2)) / 2,
            sp.exp(-1) * (sp.exp(v) - sp.exp(-v)) / 2,
            "it grows with v, too",
            (
                Proof(
                    "e^(v − 1) = e^v/e put in",
                    lambda right: same(
                        (e * sp.exp(-1) - sp.exp(-1) / e) / 2, right.xreplace({sp.exp(v): e, sp.exp(-v): 1 / e})
                    ),
                ),
            ),
        ),
        Step(
            "floor against T_3",
            sp.Symbol("E_3"),
            (sp.pi - 1) / 2 + (sp.pi - 1) ** 3 / 6,
            "v = π − 1",
            (Proof(BY_IDENTITY, lambda right: same((v / 2 + v**3 / 6).xreplace({v: sp.pi - 1}), right)),),
        ),
        Step(
            "floor against exp",
            sp.Symbol("E_exp"),
            sp.exp(-1) * (sp.exp(sp.pi - 1) - sp.exp(1 - sp.pi)) / 2,
            "v = π − 1",
            (Proof("sinh(π − 1)/e in ball arithmetic, to 30 digits", _is_sinh),),
        ),
    )
    floor = steps[-1]
    return Derivation("Behind T_2 of exp", floor.left, floor.right, ("−π ≤ x ≤ π",), steps)


def fold_of_tanh() -> Derivation:
    """Behind T_3 = x − x³/3, which has no inverse beyond 1."""
    state = sp.Function("T_3")
    difference = (x1 - x1**3 / 3) - (x2 - x2**3 / 3)
    b = sp.Symbol("b", positive=True)
    partner = (sp.sqrt(12 - 3 * b**2) - b) / 2
    steps = (
        Step(
            "equal states",
            state(x1) - state(x2),
            (x1 - x2) * (3 - x1**2 - x1 * x2 - x2**2) / 3,
            "zero for x_1 ≠ x_2 on an ellipse through (1, 1): there are pairs in [−b, b] as soon as b > 1",
            (_is(difference),),
        ),
        Step(
            "the point with the state of b",
            x2,
            partner,
            "1 < b < √3; the floor is at least (tanh b − tanh x_2)/2",
            (
                Proof(
                    "put into the ellipse with x_1 = b; 0 < x_2 < b at b = 21/20, 6/5, 3/2 and 17/10, and where x_2 "
                    "is 0 or b, b is √3 or 1",
                    lambda right: _is_partner(right, b),
                ),
            ),
        ),
        Step(
            "x_1 = √3, x_2 = −√3",
            state(sp.sqrt(3)),
            sp.Integer(0),
            "and T_3 is odd: where the interval reaches √3 these two have one state, and the floor is at least tanh √3",
            (Proof(BY_IDENTITY, lambda right: sp.expand(sp.sqrt(3) - sp.sqrt(3) ** 3 / 3 - right) == 0),),
        ),
    )
    return Derivation("Behind T_3 of tanh", x2, partner, (), steps)


def _is(e: sp.Expr) -> Proof:
    return Proof(BY_IDENTITY, lambda right: same(e, right))


def _is_value(e: sp.Expr) -> Proof:
    return Proof("put into T_3 and expanded", lambda right: sp.expand(e - right) == 0)


def _t3(x: sp.Expr) -> sp.Expr:
    return x - x**3 / 6


def _t5(x: sp.Expr) -> sp.Expr:
    return x - x**3 / 6 + x**5 / 120


def _taylor_of_exp(order: int) -> Callable[[sp.Expr], sp.Expr]:
    return lambda x: sp.Add(*(x**k / sp.factorial(k) for k in range(order + 1)))


def _reduced(e: sp.Expr) -> sp.Expr:
    """A polynomial in x_1, x_2 as one in v: in u and v, then u² = 2 − v²/3."""
    p = sp.Poly(sp.expand(e.xreplace(PAIR)), u)
    return sp.Add(*(k * u ** (power % 2) * (2 - v**2 / 3) ** (power // 2) for (power,), k in p.terms()))


def _stationary(e: sp.Expr) -> Callable[[sp.Expr], bool]:
    slope = sp.Poly(sp.diff(e, v).subs(v**2, SQUARE).subs(v**4, SQUARE**2), SQUARE)

    def holds(right: sp.Expr) -> bool:
        roots = sp.roots(slope)
        negative = [root for root in roots if root.is_negative]
        inside = bool(right > 0) and bool(right < 6)  # the ellipse ends at v² = 6
        rises = slope.degree() == 2 and len(negative) == 1 and bool(slope.eval(0) > 0)
        return inside and rises and sp.expand(slope.eval(right)) == 0

    return holds


def _is_partner(right: sp.Expr, b: sp.Symbol) -> bool:
    """Whether (b, right) lies on the ellipse, and right between 0 and b: at samples, and nowhere else a border of it.

    The other point of the ellipse, (−√(12 − 3b²) − b)/2, lies below −b.
    """
    on_ellipse = 3 - b**2 - b * x2 - x2**2
    borders = [sp.Poly(on_ellipse.subs(x2, border), b).all_coeffs() for border in (sp.S.Zero, b)]
    samples = [sp.Rational(n, d) for n, d in ((21, 20), (6, 5), (3, 2), (17, 10))]
    return (
        sp.expand(on_ellipse.subs(x2, right)) == 0
        and borders == [[-1, 0, 3], [-3, 0, 3]]
        and all(bool(right.subs(b, at) > 0) and bool(right.subs(b, at) < at) for at in samples)
    )


def _squares(right: sp.Expr, e: sp.Expr, highest: sp.Expr) -> bool:
    """Whether right > 0 and right² is the square of e, odd in v, where v² is `highest`."""
    squared = sp.Poly(sp.expand(e**2), v)
    value = sp.Add(*(k * highest ** (power // 2) for (power,), k in squared.terms()))
    return bool(sp.expand(value - right**2) == 0 and right > 0)


def _is_product(right: sp.Expr) -> bool:
    """sin(u + v) − sin(u − v), in exponentials."""
    p, q = sp.symbols("p q", nonzero=True)  # e^{iu}, e^{iv}

    def sine(e: sp.Expr) -> sp.Expr:
        return (e - 1 / e) / (2 * sp.I)

    written = right.xreplace({sp.cos(u): (p + 1 / p) / 2, sp.sin(v): sine(q)})
    return bool(sp.expand(written - (sine(p * q) - sine(p / q)) / 2) == 0)


def _is_sinh(right: sp.Expr) -> bool:
    with balls.precision():
        e = flint.arb.const_e()
        expected = (flint.arb.pi() - 1).sinh() / e
        return bool(abs(expected - flint.arb(str(sp.N(right, 40)))) < flint.arb(10) ** -30)


def _sine_on_curve(at: Any) -> Any:
    """cos u sin v on the ellipse 3 u² + v² = 6, at a ball of v."""
    square = 2 - at * at / 3
    lower = max(square.lower(), flint.arb(0))
    root = lower.sqrt().union(max(square.upper(), flint.arb(0)).sqrt())
    return root.cos() * at.sin()


def _largest(value: Callable[[Any], Any], end: Any) -> float:
    """The largest value on [0, end], to `PLACES` decimals, by ever finer grids."""
    with balls.precision():
        low, high = flint.arb(0), end
        for _ in range(PLACES + 1):
            points = [low + (high - low) * k / CELLS for k in range(CELLS + 1)]
            best = max(range(CELLS + 1), key=lambda k: float(value(points[k]).mid()))
            low, high = points[max(best - 1, 0)], points[min(best + 1, CELLS)]
        return round(float(value(points[best]).mid()), PLACES)


def _is_largest(value: Callable[[Any], Any], end: Any, stated: sp.Expr) -> bool:
    """Whether the largest value on [0, end] rounds to this number: attained somewhere, exceeded nowhere."""
    with balls.precision():
        number, half = flint.arb(str(stated)), flint.arb(10) ** -PLACES / 2
        edges = [end * k / CELLS for k in range(CELLS + 1)]
        cells = [a.union(b) for a, b in pairwise(edges)]
        attained = False
        while cells:
            left = []
            for cell in cells:
                attained = attained or bool(value(cell.mid()) >= number - half)
                if not value(cell) <= number + half:
                    if value(cell.mid()) > number + half or cell.rad() < flint.arb(2) ** -60:
                        return False
                    left += [cell.lower().union(cell.mid()), cell.mid().union(cell.upper())]
            cells = left
        return attained
