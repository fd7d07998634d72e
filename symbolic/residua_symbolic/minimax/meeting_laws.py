"""Where a function bends one way, the best unconnected pieces meet by themselves; fits that close by formulas."""

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same

u, t, a, b = sp.symbols("s t a b", positive=True)
lo, hi = sp.symbols("t_0 t_2", real=True)
alpha, beta = sp.symbols("alpha beta", positive=True)  # √ of the knots at both ends of a piece
l, m, f = (sp.Function(name) for name in ("l", "m", "f"))
N, i = sp.symbols("N i", integer=True, positive=True)
E, gap, knot = sp.Symbol("E", positive=True), sp.Function("d"), sp.Function("t")
MEETING = "Pieces that need not meet do so by themselves"
CLOSED = "Best pieces of x² and √x in the supremum"


def pieces_meet() -> Derivation:
    """At a knot of the best pieces (m − l)(2f − l − m) = 0; the second factor is not 0 where f bends one way."""
    first = sp.Integral((f(u) - l(u)) ** 2, (u, lo, t))
    second = sp.Integral((f(u) - m(u)) ** 2, (u, t, hi))
    steps = (
        Step(
            "a knot is moved",
            sp.Derivative(first + second, t),
            (f(t) - l(t)) ** 2 - (f(t) - m(t)) ** 2,
            "l and m are the best lines: their own change does not count",
            (_moved(first + second),),
        ),
        Step(
            "factored",
            (f(t) - l(t)) ** 2 - (f(t) - m(t)) ** 2,
            (m(t) - l(t)) * (2 * f(t) - l(t) - m(t)),
            "0 at the best knot. f − l is orthogonal to lines, so it changes sign twice; f convex: it is positive at "
            "both ends, and so is f − m. The second factor is positive, l(t) = m(t): continuous",
            (_factored(),),
        ),
    )
    assumptions = (
        "f is convex, or concave, on both pieces beside the knot; all lines are the best ones of their pieces",
    )
    return Derivation(MEETING, steps[1].left, steps[1].right, assumptions, steps)


def _moved(total: sp.Expr) -> Proof:
    return Proof("differentiated by the limit", lambda right: same(sp.diff(total, t), right))


def _factored() -> Proof:
    left = (f(t) - l(t)) ** 2 - (f(t) - m(t)) ** 2
    return Proof("multiplied out", lambda right: same(left, right))


def closed_fits() -> Derivation:
    """x² on [0, 1]: 1/(8N²); √x: 1/(4N(N + 1)): every piece's chord is off by twice the error."""
    chord_square = (b - a) ** 2 / 4
    chord_root = (beta - alpha) ** 2 / (4 * (alpha + beta))
    steps = (
        Step("chords of x²", gap(a, b), chord_square, "furthest from x² in the middle", (_chord_of_square(),)),
        Step(
            "N pieces of x²",
            E,
            1 / (8 * N**2),
            "equal pieces, b − a = 1/N; half the chord's error",
            (Proof("put in", lambda right: same(chord_square.subs(b, a + 1 / N) / 2, right)),),
        ),
        Step(
            "chords of √x",
            gap(alpha**2, beta**2),
            chord_root,
            "furthest where x = ((α + β)/2)²",
            (_chord_of_root(),),
        ),
        Step(
            "knots of √x",
            knot(i),
            (i * (i + 1) / (N * (N + 1))) ** 2,
            "the chords of all pieces are off alike",
            (_equal_gaps(chord_root),),
        ),
        Step(
            "N pieces of √x",
            E,
            1 / (4 * N * (N + 1)),
            "half the chord's error; N⁻² in spite of the infinite slope at 0",
            (_first_gap(chord_root),),
        ),
    )
    assumptions = ("x in [0, 1]", "N − 1 knots leave one of the N intervals uncut: nothing with N pieces is nearer")
    return Derivation(CLOSED, E, 1 / (4 * N * (N + 1)), assumptions, steps)


def _chord_of_square() -> Proof:
    def holds(right: sp.Expr) -> bool:
        chord = a**2 + (a + b) * (u - a)
        place = (a + b) / 2
        parallel = same(sp.diff(chord - u**2, u).subs(u, place), sp.Integer(0))
        return parallel and same((chord - u**2).subs(u, place), right)

    return Proof("chord minus x² where parallel", holds)


def _chord_of_root() -> Proof:
    """With x = u²: √x minus the chord is u − α − (u² − α²)/(α + β)."""

    def holds(right: sp.Expr) -> bool:
        off = u - alpha - (u**2 - alpha**2) / (alpha + beta)
        place = (alpha + beta) / 2
        at_end = same(off.subs(u, beta), sp.Integer(0))
        return at_end and same(off.diff(u).subs(u, place), sp.Integer(0)) and same(off.subs(u, place), right)

    return Proof("√x minus the chord where parallel", holds)


def _equal_gaps(chord: sp.Expr) -> Proof:
    def holds(right: sp.Expr) -> bool:
        roots = [sp.sqrt(right.subs(i, at)) for at in (i, i + 1)]
        size = chord.subs({alpha: roots[0], beta: roots[1]}, simultaneous=True)
        first = chord.subs({alpha: 0, beta: sp.sqrt(right.subs(i, 1))}, simultaneous=True)
        return same(size, first) and right.subs(i, N) == 1

    return Proof("the chord's error with them is free of i; the last knot is 1", holds)


def _first_gap(chord: sp.Expr) -> Proof:
    def holds(right: sp.Expr) -> bool:
        return same(chord.subs({alpha: 0, beta: 2 / (N * (N + 1))}, simultaneous=True) / 2, right)

    return Proof("of the first piece", holds)
