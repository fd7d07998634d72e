"""All points where an expression may be singular, exactly, where they solve equations that have closed solutions.

An expression is analytic where every node of its graph is: quotients off the zeros of what is divided by, logarithms,
roots and other powers off those of their arguments (their cuts do not count, their branch points do), and tanh, tan,
the sigmoid, softplus and arctan off the points where they are infinite themselves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

from residua_symbolic.expressions.conversion import to_sympy
from residua_symbolic.expressions.graph import NUMBER, Node, below, variables
from residua_symbolic.functions import Elementary

x = sp.Symbol("x")  # complex, whatever the variable is called
DIGITS = 30
SAME = sp.Float("1e-18", DIGITS)  # closer than this, beside 1 or its distance, two points of DIGITS digits are one
FEW_DIGITS, NEWTON_STEPS = 8, 4
MOST_NODES = 60  # of an argument that is solved for: beyond that SymPy takes too long
MOST_TERMS = 60  # of a family within the distance looked at
HIGHEST_DEGREE = 4  # of a factor that is irreducible over the rationals; SymPy is slow beyond
MOST_DERIVATIVES = 30


class UnsolvedError(Exception):
    """An equation without closed solutions, as far as is known here."""


@dataclass(frozen=True)
class Family:
    """The solutions of P(x) = value + k · period: for every whole k, or for k = 0 alone where the period is 0."""

    P: sp.Expr
    value: sp.Expr
    period: sp.Expr = sp.S.Zero


@dataclass(frozen=True)
class Point:
    """A solution, and its numerical value."""

    exact: sp.Expr
    number: complex

    @staticmethod
    def of(exact: sp.Expr) -> "Point":
        if isinstance(exact, sp.CRootOf):  # SymPy is slow to more digits than tell which root it is
            return Point(exact, _polished(exact.poly, complex(exact.evalf(FEW_DIGITS))))
        return Point(exact, complex(sp.N(exact, DIGITS)))


def _polished(p: sp.Poly, z: complex) -> complex:
    """A simple root by Newton's method."""
    coefficients = [float(c) for c in p.all_coeffs()]
    slopes = np.polyder(coefficients)
    for _ in range(NEWTON_STEPS):
        z -= complex(np.polyval(coefficients, z) / np.polyval(slopes, z))
    return z


def singular_families(output: Node) -> list[Family]:
    """The solutions of all conditions of a graph in one variable, none missing. Raises UnsolvedError."""
    found: list[Family] = []
    for node in below([output]):
        if node.function in CONDITIONS:
            found += CONDITIONS[node.function](node)
    return list(dict.fromkeys(found))


def zeros_of(node: Node) -> list[Family]:
    """Where a node in one variable is zero. Raises UnsolvedError."""
    return zeros(_in_x(node))


def _in_x(node: Node) -> sp.Expr:
    if len(below([node])) > MOST_NODES:
        raise UnsolvedError
    return to_sympy(node, symbols=dict.fromkeys(variables([node]), x))


def zeros(e: sp.Expr) -> list[Family]:
    """The zeros of an expression in x. Some of them may be no zeros after all, but none is missing."""
    if not e.has(x):
        if _is_small(e):
            raise UnsolvedError
        return []
    if e.is_Mul:
        return [family for factor in e.args if factor.has(x) for family in zeros(factor)]
    if isinstance(e, sp.exp) or (e.is_Pow and not e.base.has(x)):
        return []
    if e.is_Pow and e.exp.is_real:
        return zeros(e.base) if e.exp.is_positive else []
    if e.is_polynomial(x):
        return [Family(e, sp.Integer(0))]
    top, bottom = sp.fraction(sp.together(_in_exponentials(e)))
    if top.is_polynomial(x):
        return [Family(top, sp.Integer(0))] if top.has(x) else []
    if bottom.has(x) and not isinstance(top, sp.Add):
        return zeros(top)
    return _of_generator(sp.expand(top))


def _is_small(constant: sp.Expr) -> bool:
    """Raises UnsolvedError where SymPy has no number for it."""
    written = constant.replace(lambda p: isinstance(p, Elementary), lambda p: p.definition(p.args[0]))
    found = sp.N(abs(written), DIGITS)
    if not found.is_Float and not found.is_Rational:
        raise UnsolvedError
    return bool(found < SAME)


def _in_exponentials(e: sp.Expr) -> sp.Expr:
    """Hyperbolic functions and the sigmoid by exp, so that a sum of them has one generator."""
    written = e.replace(lambda p: isinstance(p, Elementary), lambda p: p.definition(p.args[0]))
    if len(written.atoms(sp.Function)) > 1:
        written = written.rewrite([sp.tanh, sp.sinh, sp.cosh], sp.exp)
    return sp.expand(written, power_base=False, log=False)


def _of_generator(e: sp.Expr) -> list[Family]:
    """The zeros of a polynomial in g(P(x)), of one g and one polynomial P; multiples of P for exp."""
    atoms = sorted((a for a in e.atoms(sp.Function, sp.exp) if a.has(x)), key=sp.default_sort_key)
    if not atoms or not all(a.args[0].is_polynomial(x) for a in atoms) or len({a.func for a in atoms}) > 1:
        raise UnsolvedError
    G = sp.Dummy("G")
    inner, e = (atoms[0].args[0], e.xreplace({atoms[0]: G})) if len(atoms) == 1 else _common(atoms, e, G)
    if e.has(x) or atoms[0].func not in INVERSES:
        raise UnsolvedError
    values = _roots(sp.fraction(sp.together(e))[0], G)
    return [family for value in values for family in INVERSES[atoms[0].func](inner, value)]


def _common(atoms: Sequence[sp.Expr], e: sp.Expr, G: sp.Dummy) -> tuple[sp.Expr, sp.Expr]:
    """exp of multiples of one polynomial as powers of G."""
    first = atoms[0].args[0]
    ratios = [sp.cancel(a.args[0] / first) for a in atoms]
    if atoms[0].func != sp.exp or not all(ratio.is_Rational for ratio in ratios):
        raise UnsolvedError
    scale = sp.ilcm(*(ratio.q for ratio in ratios))
    return first / scale, e.xreplace({a: G ** (ratio * scale) for a, ratio in zip(atoms, ratios, strict=True)})


def _roots(e: sp.Expr, symbol: sp.Symbol) -> list[sp.Expr]:
    """All roots of a polynomial, each once. Raises UnsolvedError where they have no closed form that is of use."""
    try:
        p = sp.Poly(e, symbol)
    except sp.PolynomialError:
        raise UnsolvedError from None
    if p.is_zero:
        raise UnsolvedError
    if p.degree() == 0:
        return []
    if p.domain.is_ZZ or p.domain.is_QQ:
        if any(factor.degree() > HIGHEST_DEGREE for factor, _ in p.factor_list()[1]):
            raise UnsolvedError
        return list(dict.fromkeys(p.all_roots()))
    if p.degree() > 2 and len(p.terms()) > 2:  # nobody wants Cardano's formulas
        raise UnsolvedError
    found = sp.roots(p)
    if sum(found.values()) != p.degree():
        raise UnsolvedError
    return list(found)


I = sp.I
_2PI = 2 * sp.pi


def _inverse_tan(inner: sp.Expr, c: sp.Expr) -> list[Family]:
    return [] if sp.expand(c**2 + 1) == 0 else [Family(inner, sp.atan(c), sp.pi)]


def _inverse_tanh(inner: sp.Expr, c: sp.Expr) -> list[Family]:
    return [] if sp.expand(c**2 - 1) == 0 else [Family(inner, sp.atanh(c), I * sp.pi)]


# all solutions u = inner(x) of g(u) = c
INVERSES: dict[sp.FunctionClass, Callable[[sp.Expr, sp.Expr], list[Family]]] = {
    sp.exp: lambda u, c: [] if c == 0 else [Family(u, sp.log(c), I * _2PI)],
    sp.sin: lambda u, c: [Family(u, sp.asin(c), _2PI), Family(u, sp.pi - sp.asin(c), _2PI)],
    sp.cos: lambda u, c: [Family(u, sp.acos(c), _2PI), Family(u, -sp.acos(c), _2PI)],
    sp.sinh: lambda u, c: [Family(u, sp.asinh(c), I * _2PI), Family(u, I * sp.pi - sp.asinh(c), I * _2PI)],
    sp.cosh: lambda u, c: [Family(u, sp.acosh(c), I * _2PI), Family(u, -sp.acosh(c), I * _2PI)],
    sp.tan: _inverse_tan,
    sp.tanh: _inverse_tanh,
}


def _first(node: Node) -> list[Family]:
    return zeros_of(node.arguments[0])


def _power(node: Node) -> list[Family]:
    exponent = node.arguments[1]
    if exponent.function == NUMBER and exponent.value.denominator == 1 and exponent.value >= 0:
        return []
    return zeros_of(node.arguments[0]) if variables([node.arguments[0]]) else []


def _poles(value: sp.Expr, period: sp.Expr) -> Callable[[Node], list[Family]]:
    """Of a function with a periodic array of poles, where its argument is a polynomial."""

    def solve(node: Node) -> list[Family]:
        argument = _in_x(node.arguments[0])
        if not argument.has(x):
            return []
        if not argument.is_polynomial(x):
            raise UnsolvedError
        return [Family(argument, value, period)]

    return solve


def _atan(node: Node) -> list[Family]:
    graph, (u,) = node.graph, node.arguments
    return zeros_of(graph.add(graph.one, graph.mul(u, u)))


CONDITIONS: dict[str, Callable[[Node], list[Family]]] = {
    "div": lambda node: zeros_of(node.arguments[1]),
    "pow": _power,
    "log": _first,
    "sqrt": _first,
    "tanh": _poles(I * sp.pi / 2, I * sp.pi),
    "tan": _poles(sp.pi / 2, sp.pi),
    "sigmoid": _poles(I * sp.pi, I * _2PI),
    "softplus": _poles(I * sp.pi, I * _2PI),
    "atan": _atan,
}


def points_within(families: Sequence[Family], a: sp.Expr, distance: float) -> list[Point]:
    """All solutions with |x − a| <= distance, nearest first. Raises UnsolvedError, also where they are too many."""
    middle = complex(sp.N(a, DIGITS))
    equations = [
        family.P - family.value - k * family.period for family in families for k in _labels(family, a, distance)
    ]
    found = [Point.of(root) for equation in equations for root in _roots(equation, x)]
    near = [p for p in found if abs(p.number - middle) <= distance]
    return sorted(near, key=lambda p: (abs(p.number - middle), p.number.imag < 0, p.number.real))


def first_distance(families: Sequence[Family], a: sp.Expr) -> float | None:
    """The distance of some solution, so that the nearest is no farther; None where there is none."""
    middle = complex(sp.N(a, DIGITS))
    equations = [f.P - f.value - _central(f, a) * f.period for f in families]
    return min((abs(Point.of(root).number - middle) for e in equations for root in _roots(e, x)), default=None)


def _central(family: Family, a: sp.Expr) -> int:
    """The k with value + k · period nearest to P(a)."""
    if family.period == 0:
        return 0
    return round(complex(sp.N((family.P.subs(x, a) - family.value) / family.period, DIGITS)).real)


def _labels(family: Family, a: sp.Expr, distance: float) -> list[int]:
    """The k that can have a solution at this distance: |value + k period − P(a)| <= Σ_j |P⁽ʲ⁾(a)|/j! distance^j."""
    if family.period == 0:
        return [0]
    moved = sp.Poly(sp.expand(family.P.subs(x, x + a)), x).all_coeffs()[::-1]
    reach = sum(abs(complex(sp.N(c, DIGITS))) * distance**j for j, c in enumerate(moved) if j)
    many = int(reach / abs(complex(sp.N(family.period, DIGITS)))) + 1
    if many > MOST_TERMS:
        raise UnsolvedError
    centre = _central(family, a)
    return list(range(centre - many, centre + many + 1))


def distance_of(point: Point, a: sp.Expr) -> sp.Expr:
    """|x − a|, exact, as simple as is certain to be the same number."""
    if point.exact.has(sp.CRootOf):
        return sp.Abs(point.exact - a, evaluate=False)
    plain = sp.Abs(point.exact - a)
    real, imaginary = sp.expand_complex((point.exact - a).rewrite(sp.log)).as_real_imag()
    simple = sp.sqrt(sp.simplify(real**2 + imaginary**2))
    return simple if abs(sp.N(simple - plain, DIGITS)) < SAME * (1 + abs(sp.N(plain))) else plain


def removable(form: sp.Expr, point: Point) -> bool:
    """Whether N/D is certainly analytic at a zero of D where N is: as many derivatives of N vanish there exactly.

    For N and D without singularities of their own.
    """
    top, bottom = sp.fraction(form)
    at = {x: point.exact}
    for _ in range(MOST_DERIVATIVES):
        if not _is_small(bottom.subs(at)):
            return True
        if sp.simplify(top.subs(at)) != 0:
            return False
        top, bottom = top.diff(x), bottom.diff(x)
    return False


def quotient(e: sp.Expr) -> sp.Expr:
    """The same function as one quotient, common factors cancelled: tan as sin/cos, hyperbolic functions by exp."""
    written = e.replace(lambda p: isinstance(p, Elementary), lambda p: p.definition(p.args[0]))
    written = written.replace(sp.tan, lambda u: sp.sin(u) / sp.cos(u))
    top, bottom = sp.fraction(sp.cancel(sp.together(written.rewrite([sp.tanh, sp.sinh, sp.cosh], sp.exp))))
    return top / sp.factor(bottom)
