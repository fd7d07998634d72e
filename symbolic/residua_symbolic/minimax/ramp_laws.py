"""Two ReLUs against a sigmoid: what they can be, the equations of the nearest one, and why none is nearer."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, permutations

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.functions import relu
from residua_symbolic.identities import same

x, b, t1, t2, V1, V2, A, B, V, v = sp.symbols("x b t_1 t_2 V_1 V_2 A B V v", real=True)
w, k, p = sp.symbols("w k p", positive=True)
s = sp.Symbol("s", positive=True)  # slope of the ramp, below 1/4
r = sp.Symbol("r", positive=True)  # √(1 − 4 s)
a = sp.Symbol("a", positive=True)  # the error at the ends
tail = sp.Symbol("t", nonnegative=True)  # σ(−A)
phi, y = sp.Function("phi"), sp.Function("y")
place, bulge = sp.Function("x"), sp.Function("beta")
UNITS = "Two ReLUs on the whole line"
EQUATIONS = "The ramp nearest to the sigmoid: equations"
NEAREST = "No ramp is nearer: alternating errors"
SIGMOID = 1 / (1 + sp.exp(-x))
PHI = SIGMOID - sp.Rational(1, 2)
RUNS, ONE_SIDE, POINTS_FREE, POINTS_HELD = sp.symbols("R R_A n_free n_held")


def two_units() -> Derivation:
    """A net of two ReLU units stays near a bounded function on the whole line only if it is a ramp."""
    between, beyond = A + V * (x - t1), A + V * (t2 - t1)
    steps = (
        Step(
            "a unit that rises to the right",
            v * relu(w * x + b),
            v * w * relu(x + b / w),
            "w > 0: ReLU lets positive factors through",
            (_unit(1),),
        ),
        Step(
            "one that rises to the left",
            v * relu(-w * x + b),
            v * (b - w * x) + v * w * relu(x - b / w),
            "relu(−z) = relu(z) − z: a line and a unit of the first kind",
            (_unit(-1),),
        ),
        Step(
            "the net", y(x), A + B * x + V1 * relu(x - t1) + V2 * relu(x - t2), "two such units and the output's bias"
        ),
        Step("slope far to the left", sp.Limit(y(x).diff(x), x, -sp.oo), B, "both units are off there", (_slope(0),)),
        Step("slope far to the right", sp.Limit(y(x).diff(x), x, sp.oo), B + V1 + V2, "both are on", (_slope(1),)),
        Step("bounded", V2, -V1, "both slopes vanish: else the distance to σ is infinite. With V = V₁"),
        Step("between the knots", y(x), between, "t₁ ≤ x ≤ t₂", (_net_at(t1 + p, t1 + 2 * p),)),
        Step("beyond", y(x), beyond, "constant again: a ramp from A to A + V (t₂ − t₁)", (_net_at(t2 + p, t2),)),
    )
    return Derivation(UNITS, y(x), beyond, ("x on the whole line", "t₁ ≤ t₂; equal knots give a constant"), steps)


def _unit(side: int) -> Proof:
    left = v * relu(side * w * x + b)

    def holds(right: sp.Expr) -> bool:
        kink = -side * b / w
        return all(sp.expand(_opened(left, at) - _opened(right, at)) == 0 for at in (kink + p, kink - p, kink))

    return Proof("by definition, on both sides of the kink and at it", holds)


def _opened(e: sp.Expr, at: sp.Expr) -> sp.Expr:
    return e.replace(relu, lambda z: relu.definition(sp.expand(z.subs(x, at))) if z.has(x) else relu(z)).subs(x, at)


def _slope(on: int) -> Proof:
    far = V1 * on + V2 * on + B
    return Proof("the slopes of the units that are on, added", lambda right: same(right, far))


def _net_at(at: sp.Expr, second: sp.Expr) -> Proof:
    """The bounded net at a point past t1 (where t2 = `second`), units opened by definition."""

    def holds(right: sp.Expr) -> bool:
        first = p + second - t1 if second is t2 else p  # x − t1 > 0 in both cases
        second_on = p if second is t2 else -p
        value = A + V * relu.definition(sp.Symbol("q", positive=True)).subs(sp.Symbol("q", positive=True), first)
        value -= V * relu.definition(second_on)
        return same(sp.expand(value), sp.expand(right.subs(x, at)))

    return Proof("both units by definition", holds)


def ramp_equations() -> Derivation:
    """Where the sigmoid leaves a ramp most, and the equations that make these errors equal."""
    root = sp.sqrt(1 - 4 * s)
    at = sp.log((1 + root) / (1 - root))
    size = root / 2 - s * at
    knot = sp.log((1 - tail - 2 * a) / (2 * a + tail))
    steps = (
        Step("centred", phi(x), PHI, "definition: the sigmoid measured from 1/2"),
        Step("odd", phi(-x), -PHI, "so x ≥ 0 is enough", (Proof("rational in exp x", _is_odd),)),
        Step("slope", phi(x).diff(x), sp.Rational(1, 4) - phi(x) ** 2, "at most 1/4", (_slope_of_phi(),)),
        Step(
            "bend",
            phi(x).diff(x, 2),
            -2 * phi(x) * (sp.Rational(1, 4) - phi(x) ** 2),
            "negative for x > 0: φ minus a line is largest where they are parallel and least at an end",
            (_bend_of_phi(),),
        ),
        Step("where parallel", place(s), at, "φ' = s, x > 0, s < 1/4", (_parallel(),)),
        Step("bulge", bulge(s), size, "φ − s x there; the ramp passes through (0, 1/2)", (_bulge(),)),
        Step("its change", bulge(s).diff(s), -at, "a flatter ramp has a larger bulge", (_by_derivative(size, s),)),
        Step(
            "ends held at 0 and 1",
            bulge(1 / (2 * k)),
            1 / (1 + sp.exp(k)),
            "the equation: the bulge is what the ramp is off at its knot k, s = 1/(2k), to the other side",
            (_at_knot(),),
        ),
        Step(
            "one zero",
            (bulge(1 / (2 * k)) - 1 / (1 + sp.exp(k))).diff(k),
            place(1 / (2 * k)) / (2 * k**2) + sp.exp(k) / (1 + sp.exp(k)) ** 2,
            "positive: the first error grows with k, the second falls",
            (_increases(size, at),),
        ),
        Step(
            "ends free",
            bulge((sp.Rational(1, 2) - a - tail) / k),
            a,
            "the second equation: the bulge is the error at the ends as well; a ramp from a + t to 1 − a − t, t = "
            "σ(−A) on [−A, A] and 0 on the line",
        ),
        Step("its knot", k, knot, "σ(k) − (1 − a − t) = −a: off to the other side", (_free_knot(),)),
    )
    assumptions = ("knots at −k and k: that the best ramp is symmetric follows, for no ramp at all is nearer",)
    return Derivation(EQUATIONS, bulge(s), size, assumptions, steps)


def _in_e(e: sp.Expr) -> sp.Expr:
    """With z = exp x."""
    z = sp.Symbol("z", positive=True)
    return sp.expand(e, power_exp=True).subs(sp.exp(-x), 1 / z).subs(sp.exp(x), z)


def _is_odd(right: sp.Expr) -> bool:
    return same(_in_e(PHI.subs(x, -x)), _in_e(right))


def _slope_of_phi() -> Proof:
    return Proof("rational in exp x", lambda right: same(_in_e(PHI.diff(x)), _in_e(right.subs(phi(x), PHI))))


def _bend_of_phi() -> Proof:
    return Proof("rational in exp x", lambda right: same(_in_e(PHI.diff(x, 2)), _in_e(right.subs(phi(x), PHI))))


def _with_root(e: sp.Expr) -> sp.Expr:
    """With r for √(1 − 4 s)."""
    return e.subs(sp.sqrt(1 - 4 * s), r).subs(s, (1 - r**2) / 4)


def _parallel() -> Proof:
    def holds(right: sp.Expr) -> bool:
        value = sp.exp(-_with_root(right))  # e^(−x)
        centred = 1 / (1 + value) - sp.Rational(1, 2)
        return same(sp.simplify(centred), r / 2) and same(sp.Rational(1, 4) - (r / 2) ** 2, (1 - r**2) / 4)

    return Proof("φ there is r/2, r = √(1 − 4s), and so 1/4 − φ² = s", holds)


def _bulge() -> Proof:
    def holds(right: sp.Expr) -> bool:
        root = sp.sqrt(1 - 4 * s)
        at = sp.log((1 + root) / (1 - root))
        return same(right, root / 2 - s * at)

    return Proof("φ = r/2 there, minus s x", holds)


def _by_derivative(size: sp.Expr, by: sp.Symbol) -> Proof:
    return Proof("differentiated", lambda right: same(_with_root(size.diff(by)), _with_root(right)))


def _at_knot() -> Proof:
    return Proof("1 − σ(k)", lambda right: same(_in_e(1 - SIGMOID), _in_e(right.subs(k, x))))


def _increases(size: sp.Expr, at: sp.Expr) -> Proof:
    """By the chain rule: −x(s) · ds/dk, s = 1/(2k), and the derivative of the knot's error."""

    def holds(right: sp.Expr) -> bool:
        moved = size.diff(s) * sp.diff(1 / (2 * k), k).subs(k, 1 / (2 * s))
        stated = right.subs(place(1 / (2 * k)), at)
        first = stated - sp.exp(k) / (1 + sp.exp(k)) ** 2
        chain = same(_with_root(moved), _with_root(first.subs(k, 1 / (2 * s))))
        second = -sp.diff(1 / (1 + sp.exp(k)), k)
        return bool(chain and same(second, stated - first) and second.is_positive)

    return Proof("chain rule; each part differentiated", holds)


def _free_knot() -> Proof:
    return Proof(
        "put in: σ(k) = 1 − t − 2a",
        lambda right: same(sp.simplify(1 / (1 + sp.exp(-right))), 1 - tail - 2 * a),
    )


def no_ramp_is_nearer() -> Derivation:
    """De la Vallée Poussin's argument for ramps: D = rival − ramp bends at four knots at most."""
    steps = (
        Step(
            "stretches",
            RUNS,
            sp.Integer(3),
            "D' is a step function, 0 far out on both sides: so many stretches at most on which D rises or falls, one "
            "way after the other, whatever the order of the knots and the slope of the rival",
            (Proof("every order of the four knots, every slope below, between and above", _is_most_runs),),
        ),
        Step(
            "stretches, one end constant",
            ONE_SIDE,
            sp.Integer(3),
            "on [−A, k]: a rival whose units rise to the right bends twice and is constant to the left of both knots; "
            "the ramp bends once",
            (Proof("every order of the three knots, every pair of slopes", _is_most_one_sided),),
        ),
        Step(
            "points, ends free",
            POINTS_FREE,
            RUNS + 2,
            "were the rival's error below the least of n alternating errors, D would have their signs in turn, and so "
            "n − 1 stretches: more than it can have",
            (Proof("n − 1 exceeds the stretches, n − 2 does not", lambda right: _least(right - RUNS, 1)),),
        ),
        Step(
            "points, ends held",
            POINTS_HELD,
            RUNS,
            "D also starts and ends at 0: two stretches more",
            (Proof("n + 1 exceeds the stretches, n does not", lambda right: _least(right - RUNS, -1)),),
        ),
    )
    assumptions = (
        "any ramp as the rival, rising or falling, with any knots and levels; steps (equal knots) as limits",
        "on an interval [−A, A]: any rival of two units that rise to one side, constant beyond their knots",
        "the points may be infinite: the errors there are limits",
    )
    return Derivation(NEAREST, RUNS, sp.Integer(3), assumptions, steps)


def _least(more: sp.Expr, spent: int) -> bool:
    """Whether n = R + more is the least n for which n − spent > R."""
    return bool(more - spent > 0 and more - 1 - spent <= 0)


def _is_most_runs(right: sp.Expr) -> bool:
    return bool(max(map(_runs, _differences())) == right)


def _is_most_one_sided(right: sp.Expr) -> bool:
    """Values of D': the rival's slope is 0, m, n; the ramp's 0, 1."""
    slopes = (sp.Integer(-1), sp.Integer(0), sp.Rational(1, 2), sp.Integer(1), sp.Integer(2))
    orders = set(permutations("ttk"))
    found = [_one_sided(order, (sp.Integer(0), m, n)) for order in orders for m in slopes for n in slopes]
    return bool(max(map(_runs, found)) == right)


def _one_sided(order: Iterable[str], slopes: Sequence[sp.Rational]) -> list[sp.Rational]:
    passed, values = {"t": 0, "k": 0}, []
    for knot in order:
        passed[knot] += 1
        values.append(slopes[passed["t"]] - passed["k"])
    return values


def _differences() -> Iterator[list[sp.Rational]]:
    """The values of D' in turn, of all rivals: m on [t1, t2] minus 1 on [−k, k]."""
    for order in set(permutations("ttkk")):
        for m in (sp.Integer(-1), sp.Rational(1, 2), sp.Integer(1), sp.Integer(2)):
            inside = {"t": 0, "k": 0}
            values = []
            for knot in order:
                inside[knot] = 1 - inside[knot]
                values.append(m * inside["t"] - inside["k"])
            yield values


def _runs(values: list[sp.Rational]) -> int:
    """Stretches of one sign, zeros left out."""
    signs = [sp.sign(value) for value in values if value != 0]
    return sum(1 for _ in groupby(signs))
