"""The bounds of derivatives derived: |φ⁽ᵏ⁾(x)|/k! for every k and x, with what a machine can decide of each.

`bounds.py` evaluates these formulas outward on an interval. The steps say which are argued (a classical theorem, the
triangle inequality) and which are decided: identities as rational functions or by flint's exact polynomials, suprema at
the isolated roots of a derivative, expansions in partial fractions in balls with their tails bounded.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import flint
import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains.balls import FUNCTIONS, precision
from residua_symbolic.printing import latex
from residua_symbolic.series.enclosures import bounds

ORDERS = range(1, 41)  # for which suprema are decided one by one
POINTS = tuple(flint.fmpq(p, 8) for p in (-37, -11, -3, 1, 5, 14, 29))
BITS = 256  # root isolation and partial fractions at order 40 lose some of them
PAIRS = 40  # of poles that are summed before the tail
PRINTED = (2, 3, 8)  # orders at which what is printed is evaluated
DIGITS = 30
TERMS = 400
NARROW = flint.arb("1e-25")
REACH = flint.fmpq(1, 16)  # half the width of intervals on which the code is compared with derivatives

x, k, j, a = sp.Symbol("x", real=True), sp.Symbol("k", positive=True, integer=True), sp.Symbol("j"), sp.Symbol("a")
LEFT, RIGHT = sp.symbols("d_1 d_2", positive=True)
HYPERBOLIC, LOGISTIC = sp.Function("S"), sp.Function("L")  # the bounds of tanh and of sigmoid
POLE_SUM = 2 * sp.Sum((x**2 + sp.pi**2 * (j + sp.Rational(1, 2)) ** 2) ** (-(k + 1) / 2), (j, 0, sp.oo))
K = sp.Rational(bounds.CRAMER.numerator, bounds.CRAMER.denominator)


@dataclass(frozen=True)
class Bound(Step):
    """left <= right."""

    def latex(self) -> str:
        """The statement."""
        return f"{latex(self.left)} \\le {latex(self.right)}"

    def _statement(self) -> str:
        return f"step {self.name!r}: {self.left} <= {self.right}"


@dataclass(frozen=True)
class BoundDerivation(Derivation):
    """A derivation whose result is an inequality."""

    def latex(self) -> str:
        """The result."""
        return f"{latex(self.symbol)} \\le {latex(self.formula)}"


def bound_derivations() -> tuple[Derivation, ...]:
    """One for every function of `bounds.BOUNDS`, and one for powers; `check()` decides what can be decided."""
    return (
        *_elementary(),
        _powers(),
        _arc_tangent(),
        _error_function(),
        _hyperbolic_tangent(),
        *_sigmoids(),
        _tangent(),
    )


def _size(name: str) -> sp.Expr:
    """|φ⁽ᵏ⁾(x)|/k!."""
    derivative = sp.Symbol(f"{{\\mathrm{{{name}}}}}^{{(k)}}(x)")
    return sp.Abs(derivative) / sp.factorial(k)


def _contained(name: str) -> Proof:
    """That the code's ball over an interval holds the derivatives at its ends and in its middle, and that the printed
    bound lies between them at points."""

    def holds(right: Any) -> bool:
        for at in _points_of(name):
            if not _between(name, right, at):
                return False
            ends = flint.arb(at), flint.arb(at) + 2 * REACH
            over = ends[0].union(ends[1])
            for point in (ends[0], flint.arb(at) + REACH, ends[1]):
                for order, value in enumerate(_coefficients(name, point), start=1):
                    if not _inside(value, bounds.derivative(name, over, order)):
                        return False
        return True

    return Proof(
        "Arb: the ball of the code holds φ^(k)/k! at points of intervals, k = 1, ..., 40, and reaches the bound shown",
        _precisely(holds),
    )


def _between(name: str, right: sp.Expr, at: Any) -> bool:
    """|φ^(k)(x)|/k! <= right <= the code's bound, at one x."""
    found = _coefficients(name, flint.arb(at))
    for order in PRINTED:
        printed = _printed(right, at, order)
        size, code = abs(found[order - 1]), abs(bounds.derivative(name, flint.arb(at), order)).upper()
        if not (size.lower() <= printed * (1 + NARROW) and printed <= code * (1 + NARROW)):
            return False
    return True


def _printed(right: sp.Expr, at: Any, order: int) -> Any:
    """A printed expression at x and k, with the bounds it names and the distances from the poles of tan put in."""
    point = sp.Rational(int(at.p), int(at.q))
    below = (sp.floor(point / sp.pi - sp.Rational(1, 2)) + sp.Rational(1, 2)) * sp.pi
    value = right.replace(LOGISTIC, lambda n, z: HYPERBOLIC(n, z / 2) / 2 ** (n + 1))
    value = value.replace(HYPERBOLIC, lambda n, z: POLE_SUM.subs({k: n, x: z}, simultaneous=True))
    value = value.subs({LEFT: point - below, RIGHT: below + sp.pi - point, x: point, k: order})
    return flint.arb(str(sp.N(value.replace(sp.Sum, _partial), DIGITS)))


def _partial(term: sp.Expr, _: Any) -> sp.Expr:
    """The first terms of a sum over j >= 0; what is left out of the pole sums is less than 1e-5 of them."""
    value = sp.lambdify(j, term, "math")
    return sp.Float(sum(value(n) for n in range(TERMS)))


def _points_of(name: str) -> Iterable[Any]:
    """Points in the domain, away from poles."""
    if name == "log":
        return [at for at in POINTS if at > 0]
    return [at for at in POINTS if abs(at) < flint.fmpq(11, 8)] if name == "tan" else POINTS


def _coefficients(name: str, point: Any) -> list[Any]:
    """φ^(k)/k! for k = 1, ..., 40."""
    last = ORDERS[-1]
    series = FUNCTIONS[name](flint.arb_series([point, 1], last + 1))
    return [series[order] for order in range(1, last + 1)]


def _inside(value: Any, ball: Any) -> bool:
    """Whether all of a narrow value lies in a ball, but for its own radius."""
    return bool(value.upper() <= ball.upper() + 2 * value.rad() and value.lower() >= ball.lower() - 2 * value.rad())


def _precisely(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def at_precision(right: Any) -> bool:
        with precision(BITS, ORDERS[-1] + 2):
            return holds(right)

    return at_precision


def _zero(difference: Callable[[Any], sp.Expr], by: str) -> Proof:
    return Proof(by, lambda right: sp.simplify(difference(right)) == 0)


def _induction(name: str, form: sp.Expr, first: sp.Expr, reason: str) -> Step:
    """φ⁽ᵏ⁾(x) in closed form, by induction on k: right at k = 1, and its derivative is the next."""

    def holds(right: Any) -> bool:
        starts = sp.simplify(_as_exp(right.subs(k, 1) - sp.diff(first, x))) == 0
        return bool(starts and sp.simplify(_as_exp(sp.diff(right, x) - right.subs(k, k + 1))) == 0)

    return Step(
        name, sp.Derivative(first, (x, k)), form, reason, (Proof("SymPy: k = 1, and d/dx leads to k + 1", holds),)
    )


def _elementary() -> tuple[Derivation, ...]:
    half = sp.pi * k / 2
    i = sp.I
    cases = (
        ("exp", sp.exp(x), sp.exp(x)),
        ("sin", sp.sin(x), sp.sin(x + half)),
        ("cos", sp.cos(x), sp.cos(x + half)),
        ("sinh", sp.sinh(x), (sp.exp(x) - sp.exp(i * sp.pi * k) * sp.exp(-x)) / 2),
        ("cosh", sp.cosh(x), (sp.exp(x) + sp.exp(i * sp.pi * k) * sp.exp(-x)) / 2),
        ("log", sp.log(x), -sp.exp(i * sp.pi * k) * sp.gamma(k) * x**-k),
    )
    return tuple(
        BoundDerivation(
            f"Derivatives of {name}",
            _size(name),
            sp.Abs(form) / sp.factorial(k),
            ("x > 0",) if name == "log" else (),
            (
                _induction(name, form, function, "induction on k; the closed form is evaluated on the whole interval"),
                Bound("code", _size(name), sp.Abs(form) / sp.factorial(k), "evaluated outward", (_contained(name),)),
            ),
        )
        for name, function, form in cases
    )


def _as_exp(expression: Any) -> Any:
    return sp.gammasimp(sp.expand(expression.rewrite(sp.exp)))


def _powers() -> Derivation:
    form = sp.ff(a, k) / sp.factorial(k) * x ** (a - k)

    def holds(right: Any) -> bool:
        start = sp.expand_func(right.subs(k, 1)) - a * x ** (a - 1)
        following = sp.diff(right, x) / (k + 1) / right
        ratio = sp.combsimp((right.subs(k, k + 1) / right).rewrite(sp.gamma))
        return bool(sp.simplify(start) == 0 and sp.simplify(sp.gammasimp((following - ratio).rewrite(sp.gamma))) == 0)

    def coded(right: Any) -> bool:
        for exponent in (flint.fmpq(1, 2), flint.fmpq(-1, 3), flint.fmpq(7, 2)):
            for at in (point for point in POINTS if point > 0):
                over = flint.arb(at).union(flint.arb(at) + 2 * REACH)
                series = flint.arb_series([flint.arb(at) + REACH, 1], ORDERS[-1] + 1)
                whole = (series.log() * flint.arb(exponent)).exp()
                middle, power = at + REACH, sp.Rational(int(exponent.p), int(exponent.q))
                for order in PRINTED:
                    size = abs(whole[order])
                    if not abs(_printed(right.subs(a, power), middle, order) - size) <= NARROW * size:
                        return False
                if not all(_inside(whole[n], bounds.power_derivative(exponent, over, n)) for n in ORDERS):
                    return False
        return True

    return BoundDerivation(
        "Derivatives of powers",
        _size("pow"),
        sp.Abs(form),
        ("x > 0",),
        (
            Step(
                "closed form",
                sp.Derivative(x**a, (x, k)) / sp.factorial(k),
                form,
                "induction on k; for x > 0 monotone, so that the ends of an interval bound it",
                (Proof("SymPy: k = 1, and d/dx leads to k + 1", holds),),
            ),
            Bound("code", _size("pow"), sp.Abs(form), "evaluated outward", (Proof("Arb", _precisely(coded)),)),
        ),
    )


def _arc_tangent() -> Derivation:
    bound = (1 + x**2) ** (-k / 2) / k
    pole = (x - sp.I) ** -k
    return BoundDerivation(
        "Derivatives of atan",
        _size("atan"),
        bound,
        (),
        (
            Step(
                "partial fractions",
                sp.Derivative(sp.atan(x), x),
                (1 / (x - sp.I) - 1 / (x + sp.I)) / (2 * sp.I),
                "the imaginary part of 1/(x − i)",
                (_zero(lambda right: sp.diff(sp.atan(x), x) - right, "SymPy: equal as rational functions"),),
            ),
            Step(
                "each derivative",
                sp.Derivative(pole, x),
                -k * (x - sp.I) ** (-k - 1),
                "so that atan^(k)(x)/k! is the imaginary part of (x − i)^(−k)/k but for its sign",
                (_zero(lambda right: sp.diff(pole, x) - right, "SymPy, for symbolic k"),),
            ),
            Bound(
                "modulus",
                _size("atan"),
                bound,
                "argued: an imaginary part is at most the modulus, |x − i|² = 1 + x²",
                (_contained("atan"),),
            ),
        ),
    )


def _hermite(last: int) -> list[Any]:
    """H_0, ..., H_last, exact."""
    found = [flint.fmpz_poly([1])]
    for _ in range(last):
        found.append(flint.fmpz_poly([0, 2]) * found[-1] - found[-1].derivative())
    return found


def _error_function() -> Derivation:
    n = k - 1
    cramer = K * sp.sqrt(2**n * sp.factorial(n)) * sp.exp(x**2 / 2)
    bound = 2 * K / sp.sqrt(sp.pi) * sp.sqrt(2**n * sp.factorial(n)) * sp.exp(-(x**2) / 2) / sp.factorial(k)

    def rodrigues(right: Any) -> bool:
        with precision(BITS, ORDERS[-1] + 2):
            for point in POINTS:
                for order in PRINTED:
                    derivative = _coefficients("erf", flint.arb(point))[order - 1] * flint.arb.fac_ui(order)
                    if not abs(_printed(right, point, order) - derivative) <= NARROW * abs(derivative):
                        return False
                at = flint.arb(point)
                outer = 2 * (-at * at).exp() / flint.arb.pi().sqrt()
                for order, value in enumerate(_coefficients("erf", at), start=1):
                    h = flint.arb_poly(_hermite(order - 1)[-1])(at) * (-1) ** (order - 1)
                    if not (outer * h / flint.arb.fac_ui(order)).overlaps(value):
                        return False
        return True

    def largest(right: Any) -> bool:
        """max |H_n| exp(−x²/2) at the roots of (H_n' − x H_n), all of them isolated."""
        constant = flint.arb(int(K.p)) / int(K.q)
        if right != cramer:
            return False
        for order, h in enumerate(_hermite(ORDERS[-1])):
            slope = h.derivative() - flint.fmpz_poly([0, 1]) * h
            most = constant * (flint.arb(2) ** order * flint.arb.fac_ui(order)).sqrt()
            at_roots = [_weighted(h, root.real) for root in _roots(slope)]
            if not at_roots or not all(value <= most for value in at_roots):
                return False
        return True

    return BoundDerivation(
        "Derivatives of erf",
        _size("erf"),
        bound,
        (),
        (
            Step(
                "Hermite polynomials",
                sp.Derivative(sp.erf(x), (x, k)),
                2 / sp.sqrt(sp.pi) * sp.exp(sp.I * sp.pi * n) * sp.hermite(n, x) * sp.exp(-(x**2)),
                "Rodrigues' formula",
                (Proof("Arb: overlapping balls at points, k = 1, ..., 40", rodrigues),),
            ),
            Bound(
                "Cramér's inequality",
                sp.Abs(sp.hermite(n, x)),
                cramer,
                "for every k a theorem (Abramowitz, Stegun 1964, 22.14.17; Indritz 1961); decided up to k = 41",
                (
                    Proof(
                        "flint: the supremum at the isolated roots of a derivative, n = 0, ..., 40", _precisely(largest)
                    ),
                ),
            ),
            Bound("together", _size("erf"), bound, "both", (_contained("erf"),)),
        ),
    )


def _roots(polynomial: Any) -> list[Any]:
    """All complex roots of a square-free integer polynomial, certified; those that meet the real axis."""
    return [root for root, _ in polynomial.complex_roots() if root.imag.contains(0)]


def _weighted(h: Any, at: Any) -> Any:
    """|H(x)| exp(−x²/2), above."""
    return abs(flint.arb_poly(h)(at)) * (-at * at / 2).exp()


def _tanh_polynomials(last: int) -> list[Any]:
    """P_1, ..., P_last with tanh^(k) = P_k(tanh): P_1 = 1 − y², P_(k+1) = (1 − y²) P_k'."""
    rate = flint.fmpz_poly([1, 0, -1])
    found = [rate]
    while len(found) < last:
        found.append(rate * found[-1].derivative())
    return found


def _hyperbolic_tangent() -> Derivation:
    bound = POLE_SUM
    closed = 2 * (sp.Integer(2) / sp.pi) ** (k + 1) * (1 - 2 ** (-k - 1)) * sp.zeta(k + 1)

    def expansion(right: Any) -> bool:
        return all(_between("tanh", right, point) for point in POINTS) and all(
            (_pole_sum(flint.arb(point), order) - value).overlaps(bounds.BETWEEN * _pole_tail(flint.arb(point), order))
            for point in POINTS
            for order, value in enumerate(_coefficients("tanh", flint.arb(point)), start=1)
        )

    def largest(right: Any) -> bool:
        """max |P_k| on [−1, 1] at the roots of P_k'."""
        for order, p in zip(ORDERS, _tanh_polynomials(ORDERS[-1]), strict=True):
            most = _arb(right.subs(k, order)) * flint.arb.fac_ui(order)
            slope = p.derivative()
            free = slope // slope.gcd(slope.derivative())
            for y in (-1, 1, *(root.real for root in _roots(free))):
                value = abs(flint.arb_poly(p)(flint.arb(y)))
                if not (value <= most or value.overlaps(most)):  # at y = 0 and odd k they are equal
                    return False
        return True

    return BoundDerivation(
        "Derivatives of tanh",
        _size("tanh"),
        bound,
        (),
        (
            Bound(
                "partial fractions",
                _size("tanh"),
                bound,
                "argued: tanh z = Σ 1/(z − p) over the poles p = ±iπ(j + ½) (Mittag-Leffler), differentiated term by "
                "term, and the triangle inequality",
                (Proof("Arb: the expansion at points, its tail bounded, k = 1, ..., 40", _precisely(expansion)),),
            ),
            Bound(
                "at its largest",
                _size("tanh"),
                closed,
                "the sum at x = 0; also decided without the expansion: tanh^(k) = P_k(tanh) with exact P_k",
                (
                    Proof(
                        "flint: the supremum of P_k at the isolated roots of P_k', k = 1, ..., 40", _precisely(largest)
                    ),
                ),
            ),
            Bound("code", _size("tanh"), bound, "the first terms, the others by an integral", (_contained("tanh"),)),
        ),
    )


def _arb(expression: sp.Expr) -> Any:
    """(2/π)^m and ζ(m) in balls."""
    argument = next(iter(expression.atoms(sp.zeta)), None)
    values = {sp.pi: flint.arb.pi()}
    if argument is not None:
        return _arb(expression / argument) * flint.arb(int(argument.args[0])).zeta()
    coefficient, power = expression.as_coeff_mul(sp.pi)
    (base, exponent) = power[0].as_base_exp() if power else (sp.pi, sp.Integer(0))
    return flint.arb(int(coefficient.p)) / int(coefficient.q) * values[base] ** int(exponent)


def _pole_sum(at: Any, order: int) -> Any:
    """(−1)^k Σ (x − p)^(−k−1) over the first pairs of poles of tanh."""
    total = flint.acb(0)
    for pair in range(PAIRS):
        pole = flint.acb(0, flint.arb.pi() * (2 * pair + 1) / 2)
        total += (at - pole) ** -(order + 1) + (at + pole) ** -(order + 1)
    return total.real * (-1) ** order


def _pole_tail(at: Any, order: int) -> Any:
    first = flint.arb.pi() * (2 * PAIRS - 1) / 2
    return 2 * (at * at + first * first) ** (flint.arb(1 - order) / 2) / (flint.arb.pi() * first)


def _sigmoids() -> tuple[Derivation, ...]:
    sigmoid = 1 / (1 + sp.exp(-x))
    half = HYPERBOLIC(k, x / 2) / 2 ** (k + 1)
    whole = LOGISTIC(k - 1, x) / k
    return (
        BoundDerivation(
            "Derivatives of sigmoid",
            _size("sigmoid"),
            half,
            ("S(k, x) is the bound of tanh",),
            (
                Step(
                    "by tanh",
                    sp.Symbol("sigmoid(x)"),
                    (1 + sp.tanh(x / 2)) / 2,
                    "so that its k-th derivative is that of tanh at x/2, over 2^(k+1)",
                    (_zero(lambda right: right.rewrite(sp.exp) - sigmoid, "SymPy: equal after exp is written out"),),
                ),
                Bound("code", _size("sigmoid"), half, "as tanh", (_contained("sigmoid"),)),
            ),
        ),
        BoundDerivation(
            "Derivatives of softplus",
            _size("softplus"),
            whole,
            ("k >= 2; L(k, x) is the bound of sigmoid; for k = 1 the derivative is sigmoid itself, monotone",),
            (
                Step(
                    "derivative",
                    sp.Derivative(sp.log(1 + sp.exp(x)), x),
                    sigmoid,
                    "softplus' = sigmoid",
                    (_zero(lambda right: sp.diff(sp.log(1 + sp.exp(x)), x) - right, "SymPy"),),
                ),
                Bound("code", _size("softplus"), whole, "by sigmoid", (_contained("softplus"),)),
            ),
        ),
    )


def _tangent() -> Derivation:
    left, right = LEFT, RIGHT
    bound = sum((d ** (-k - 1) + d**-k / (sp.pi * k) for d in (left, right)), sp.Integer(0))
    pole = sp.pi * j + left

    def integral(value: Any) -> bool:
        found = sp.integrate(pole ** (-k - 1), (j, 0, sp.oo), conds="none")
        return bool(sp.simplify(found - value) == 0)

    return BoundDerivation(
        "Derivatives of tan",
        _size("tan"),
        bound,
        ("d_1, d_2 > 0: the distances of x from the poles on either side",),
        (
            Bound(
                "partial fractions",
                _size("tan"),
                sp.Sum((left + sp.pi * j) ** (-k - 1) + (right + sp.pi * j) ** (-k - 1), (j, 0, sp.oo)),
                "argued: tan z = −Σ 1/(z − p) over the poles p = π(j + ½), differentiated term by term",
            ),
            Step(
                "terms from the second on",
                sp.Integral(pole ** (-k - 1), (j, 0, sp.oo)),
                left**-k / (sp.pi * k),
                "which bounds them, since they fall with j",
                (Proof("SymPy's integral, for symbolic k", integral),),
            ),
            Bound("code", _size("tan"), bound, "both sides", (_contained("tan"),)),
        ),
    )
