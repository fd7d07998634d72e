"""What stacks of linear layers, ReLU and dropout can and cannot be, in one line each."""

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.functions import relu
from residua_symbolic.identities import same

m = sp.Symbol("m", nonnegative=True)  # dropout's factor of a unit: 0 or 1/(1 − rate)
z = sp.Symbol("z", real=True)
W1, W2, v, b1, b2 = sp.symbols("W_1 W_2 x b_1 b_2", commutative=False)
f1, f2 = sp.Function("f_1"), sp.Function("f_2")
N = sp.Symbol("N", integer=True, positive=True)
h, s, q = sp.symbols("h s q", positive=True)
E = sp.Function("E")
PARABOLA = "The square, by N linear pieces"
ORDER = "Dropout before or after ReLU"
STACK = "Linear layers without activations"
HINGES = "Piecewise-linear functions by ReLU"
F, y, slope, knot = (sp.Function(name) for name in ("F", "y", "s", "t"))
i = sp.Symbol("i", integer=True, positive=True)
x = sp.Symbol("x", real=True)


def dropout_order() -> Derivation:
    """relu(m z) = m relu(z) for every m ≥ 0: Linear → Dropout → ReLU is Linear → ReLU → Dropout."""
    step = Step("ReLU lets factors through", relu(m * z), m * relu(z), "m ≥ 0; z > 0 and z ≤ 0 apart", (_both_signs(),))
    return Derivation(ORDER, relu(m * z), m * relu(z), ("the same units are dropped on both sides",), (step,))


def _both_signs() -> Proof:
    size, factor = sp.symbols("p m_p", positive=True)

    def holds(right: sp.Expr) -> bool:
        for value in (size, -size, sp.Integer(0)):
            for mask in (factor, sp.Integer(0)):
                stated = right.replace(relu, relu.definition).subs({z: value, m: mask})
                if relu.definition(mask * value) != stated:
                    return False
        return True

    return Proof("by definition, for z positive, negative and 0, and m positive and 0", holds)


def linear_stack() -> Derivation:
    """Two affine layers are one; so are six."""
    first, both = W1 * v + b1, W2 * W1 * v + W2 * b1 + b2
    steps = (
        Step("one layer", f1(v), first, "definition"),
        Step("the next", f2(v), W2 * v + b2, "definition"),
        Step("one after the other", f2(f1(v)), both, "multiplied out", (_composed(),)),
    )
    assumptions = ("nothing between the layers",)
    return Derivation(STACK, f2(f1(v)), both, assumptions, steps)


def _composed() -> Proof:
    return Proof(
        "noncommutative expansion: the factors are different matrices",
        lambda right: sp.expand((W2 * v + b2).subs(v, W1 * v + b1) - right) == 0,
    )


def hinges() -> Derivation:
    """y_0 + s_1 relu(x − t_0) + Σ (s_(k+1) − s_k) relu(x − t_k) is the line of slope s_i through (t_(i−1), y_(i−1)) on
    piece i, whatever the knots, slopes and first value are: every continuous function of N pieces by N units."""
    first = y(0) + slope(1) * (x - knot(0))
    grown = F(i, x) + (slope(i + 1) - slope(i)) * (x - knot(i))
    value = y(i - 1) + slope(i) * (knot(i) - knot(i - 1))
    line = y(i - 1) + slope(i) * (x - knot(i - 1))
    steps = (
        Step("a unit past its knot", relu(h), h, "it adds a line; h > 0", (_by_definition(h),)),
        Step("a unit before its knot", relu(-h), sp.Integer(0), "it adds nothing", (_by_definition(-h),)),
        Step("first piece", F(1, x), first, "definition: the unit of knot 0 is on"),
        Step("next piece", F(i + 1, x), grown, "definition: past knot i its unit is on as well"),
        Step("value at the knot", y(i), value, "definition: the line of piece i ends there"),
        Step("every piece", F(i, x), line, "by induction over the pieces", (_induction(first, grown, value),)),
    )
    assumptions = ("one variable, t_0 ≤ x ≤ t_N", "continuous: the value at a knot is that of both pieces")
    return Derivation(HINGES, F(i, x), line, assumptions, steps)


def _by_definition(argument: sp.Expr) -> Proof:
    return Proof("by definition", lambda right: relu.definition(argument) == right)


def _induction(first: sp.Expr, grown: sp.Expr, value: sp.Expr) -> Proof:
    def holds(right: sp.Expr) -> bool:
        step = grown.subs(F(i, x), right) - right.subs(i, i + 1).subs(y(i), value)
        return same(right.subs(i, 1), first) and same(sp.expand(step), sp.Integer(0))

    return Proof("base and step of the induction, as identities", holds)


def parabola() -> Derivation:
    """x² on [−1, 1] by N linear pieces: the least mean square error is 4/(45 N⁴), never 0."""
    power = sp.Rational(4, 45) / N**4
    steps = (
        Step("on one piece", sp.Symbol("e"), h**5 / 180, "what the best line leaves of the integral", (_left(),)),
        Step(
            "equal pieces are best",
            sp.Symbol("S"),
            32 / N**4,
            "the least Σ h⁵ with Σ h = 2: h⁵ is convex (Jensen)",
            (_convex(),),
        ),
        Step(
            "mean square error",
            E(N),
            power,
            "over the length 2; the best lines meet: all are off by h²/6 at the ends",
            (_total(),),
        ),
    )
    return Derivation(PARABOLA, E(N), power, ("continuous or not",), steps)


def _left() -> Proof:
    """x² on [c − h/2, c + h/2] is s² and a line in s = x − c; its best line leaves s² − h²/12."""

    def holds(right: sp.Expr) -> bool:
        left = s**2 - h**2 / 12
        ends = (s, -h / 2, h / 2)
        orthogonal = sp.integrate(left, ends) == 0 and sp.integrate(left * s, ends) == 0
        return orthogonal and same(sp.integrate(sp.expand(left**2), ends), right)

    return Proof("the residual is orthogonal to lines; its square integrated", holds)


def _convex() -> Proof:
    def holds(right: sp.Expr) -> bool:
        return same(N * (2 / N) ** 5, right) and bool(sp.diff(h**5, h, 2).is_positive)

    return Proof("put in; the second derivative 20 h³ is positive", holds)


def _total() -> Proof:
    return Proof("32/N⁴ · 1/180 over 2", lambda right: same(sp.Rational(32, 180) / N**4 / 2, right))
