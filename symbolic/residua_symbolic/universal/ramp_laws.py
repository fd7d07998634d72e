"""Hard sigmoids: what a constant and a finite sum of them is, and what it cannot be."""

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.functions import relu
from residua_symbolic.identities import same
from residua_symbolic.series.enclosures.bound_proofs import Bound, BoundDerivation

a, w = sp.symbols("a w", positive=True)  # distances to the ends of a ramp
before, after = sp.symbols("d e", positive=True)
x, s, d, b = sp.symbols("x s d b", real=True)
i, N = sp.symbols("i N", integer=True, positive=True)
F, H, y, knot, c, g = (sp.Function(name) for name in ("F", "H", "y", "t", "c", "g"))
B, E, J = sp.symbols("B E J", positive=True)
L, R, G = sp.symbols("f_- f_+ g_0", real=True)
RAMPS = "Piecewise-linear functions by hard sigmoids"
UNBOUNDED = "What no finite sum of hard sigmoids is"
JUMP = "What no continuous function is near"
BOTH = "A line, everywhere, by two ReLUs"


def ramp(at: sp.Expr, length: sp.Expr) -> sp.Expr:
    """(relu(at) − relu(at − length))/length, with `at` the distance from where it starts to rise."""
    return (relu(at) - relu(at - length)) / length


def ramp_law() -> Derivation:
    """y_0 + Σ (y_i − y_(i−1)) H_i is the line through both ends on every piece, and constant beyond the last knots."""
    length = knot(i) - knot(i - 1)
    line = y(i - 1) + (y(i) - y(i - 1)) * (x - knot(i - 1)) / length
    on = sp.Symbol("S") + c(i) * (x - knot(i - 1)) / length
    steps = (
        Step("before its ramp", ramp(-before, a + w), sp.Integer(0), "both ReLUs are off", (_cases(-before),)),
        Step("on its ramp", ramp(a, a + w), a / (a + w), "one is on; a of a + w is passed", (_cases(a),)),
        Step("past its ramp", ramp(a + w + after, a + w), sp.Integer(1), "both are on", (_cases(a + w + after),)),
        Step(
            "ramps that are passed",
            sp.Symbol("S"),
            y(0) + sp.Sum(c(sp.Symbol("j")), (sp.Symbol("j"), 1, i - 1)),
            "each adds its height",
        ),
        Step("heights", c(i), y(i) - y(i - 1), "definition"),
        Step("their sum", sp.Symbol("S"), y(i - 1), "telescopes", (_telescopes(),)),
        Step("piece i", F(i, x), on, "those before are passed, those after have not begun"),
        Step("every piece", F(i, x), line, "put in", (_put_in(on),)),
        Step("left of all", F(0, x), y(0), "no ramp has begun: a constant"),
        Step("right of all", F(N + 1, x), y(N), "all are passed: a constant"),
    )
    assumptions = (
        "one variable",
        "continuous: the value at a knot is that of both pieces",
        "H_i rises from 0 at t_(i−1) to 1 at t_i: a pair of ReLUs",
    )
    return Derivation(RAMPS, F(i, x), line, assumptions, steps)


def _cases(at: sp.Expr) -> Proof:
    def holds(right: sp.Expr) -> bool:
        found = sp.simplify(ramp(at, a + w).replace(relu, relu.definition))
        return same(found, right)

    return Proof("by definition, a, w, d, e > 0", holds)


def _telescopes() -> Proof:
    """S_1 = y_0, and S_(i+1) = S_i + c_i keeps S_i = y_(i−1)."""

    def holds(right: sp.Expr) -> bool:
        return right.subs(i, 1) == y(0) and same(right + y(i) - y(i - 1), right.subs(i, i + 1))

    return Proof("base and step of the induction", holds)


def _put_in(on: sp.Expr) -> Proof:
    values = {c(i): y(i) - y(i - 1), sp.Symbol("S"): y(i - 1)}

    def holds(right: sp.Expr) -> bool:
        ends = same(right.subs(x, knot(i - 1)), y(i - 1)) and same(right.subs(x, knot(i)), y(i))
        return ends and same(on.xreplace(values), right)

    return Proof("identity; the values at both knots", holds)


def unbounded_law() -> Derivation:
    """|b + Σ c_i H_i| ≤ |b| + Σ|c_i| everywhere, and a line of slope s ≠ 0 leaves every bound."""
    place = sp.sign(s) * (B + sp.Abs(d) + E) / sp.Abs(s)
    steps = (
        Bound("one ramp", sp.Abs(ramp(a, a + w)), sp.Integer(1), "between 0 and 1", (_at_most_one(),)),
        Step(
            "all of them", B, sp.Abs(b) + sp.Symbol("Sigma"), "Σ is the sum of the |c_i|; argued: triangle inequality"
        ),
        Step(
            "the line at a place", s * place + d, B + sp.Abs(d) + E + d, "x = sign(s) (B + |d| + E)/|s|", (_at_place(),)
        ),
        Bound(
            "so it is off by",
            E,
            sp.Abs(g(place) - s * place - d),
            "g ≤ B and |d| + d ≥ 0; for every E > 0: no finite sum is near on all of R",
            (_off(place),),
        ),
    )
    assumptions = ("s ≠ 0", "g = b + Σ c_i H_i, finitely many", "the same for sigmoid and tanh, which are bounded, too")
    return BoundDerivation(UNBOUNDED, E, sp.Abs(g(place) - s * place - d), assumptions, steps)


def _at_most_one() -> Proof:
    def holds(right: sp.Expr) -> bool:
        value = a / (a + w)
        return bool(value.is_positive) and bool(sp.simplify(right - value).is_positive)

    return Proof("a/(a + w) for a, w > 0", holds)


def _at_place() -> Proof:
    def holds(right: sp.Expr) -> bool:
        size = sp.Symbol("S", positive=True)
        reach = B + sp.Abs(d) + E
        return all(same((sign * size) * (sign * reach / size) + d, right) for sign in (1, -1))

    return Proof("for both signs of s", holds)


def _off(place: sp.Expr) -> Proof:
    """The line minus the largest that g can be is E + (|d| + d), and |d| + d is 2d or 0."""

    def holds(right: sp.Expr) -> bool:
        size = sp.Symbol("D", positive=True)
        slack = all(sp.Abs(v) + v >= 0 for v in (size, -size, sp.Integer(0)))
        least = (B + sp.Abs(d) + E + d) - B - (sp.Abs(d) + d)
        return bool(slack) and same(least, E) and right == sp.Abs(g(place) - s * place - d)

    return Proof("the line at the place less B; |d| + d by cases", holds)


def jump_law() -> Derivation:
    """At a jump of height J every continuous function is off by J/2 or more: f has values near f_− and f_+ as close by
    as one likes, and g is near g_0 at both."""
    steps = (
        Bound("two distances", sp.Abs(R - L), sp.Abs(G - L) + sp.Abs(R - G), "triangle inequality", (_triangle(),)),
        Bound("the larger of them", J / 2, E, "J = |f_+ − f_−| ≤ 2E", (Proof("J ≤ E + E solved", _is_half),)),
    )
    assumptions = ("g is continuous, as sums of ramps, ReLUs and sigmoids are", "E = sup |f − g|")
    return BoundDerivation(JUMP, J / 2, E, assumptions, steps)


def _triangle() -> Proof:
    def holds(right: sp.Expr) -> bool:
        u, v = sp.symbols("u v", real=True)
        moved = right.subs({R: G + v, L: G - u}, simultaneous=True)
        return same(moved, sp.Abs(u) + sp.Abs(v)) or sp.simplify(moved - sp.Abs(u) - sp.Abs(v)) == 0

    return Proof("with u = g_0 − f_−, v = f_+ − g_0: |u + v| ≤ |u| + |v|", holds)


def _is_half(right: sp.Expr) -> bool:
    return same(right + right, E + E)


def line_by_relus() -> Derivation:
    """s relu(x) − s relu(−x) + d = s x + d for every x: what two ReLUs can do and no number of hard sigmoids."""
    left = s * relu(x) - s * relu(-x) + d

    def holds(right: sp.Expr) -> bool:
        size = sp.Symbol("p", positive=True)
        return all(
            same(left.subs(x, at).replace(relu, relu.definition), right.subs(x, at))
            for at in (size, -size, sp.Integer(0))
        )

    step = Step("two ReLUs", left, s * x + d, "x > 0, x < 0 and x = 0 apart", (Proof("by definition", holds),))
    return Derivation(BOTH, left, s * x + d, ("any real x",), (step,))
