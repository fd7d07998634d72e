"""Document 000's construction, L82–102, derived for every f: what it gives as it stands, and what it takes to mend it.

c_l stands for f^(l)(0)/l!. Where a statement is about every f, the c_l are free generators; where it is about every
depth, later blocks are shown not to reach the orders that it speaks of.
"""

from collections.abc import Callable, Iterable, Sequence

import flint
import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.first_order import BY_IDENTITY
from residua_symbolic.identities import last_apart, same
from residua_symbolic.series.constructions.stream_networks import taylor_network
from residua_symbolic.series.constructions.streams import literal, taylor

x, y, t, a = sp.symbols("x y t a", real=True)
l, L = sp.symbols("l L", integer=True, positive=True)
ORDER = 4  # to which the generic f is followed
DEEPER = 3  # blocks beyond that order which are composed, too
DEEPEST = 6  # of networks that are composed in full, rational weights
c = sp.symbols("c_0:12")
Block = tuple[sp.Expr, int, sp.Expr]  # factor, power, centre: what is added is factor · (y − centre)^power
INPUT = (sp.S.Zero, sp.S.One)  # the stream x
BY_FORWARD_MAPS = "the forward maps of the described network, run over polynomials with rational coefficients"


def series(stream: Sequence[sp.Expr], blocks: Iterable[Block], order: int) -> list[sp.Expr]:
    """Coefficients of x^0 … x^order of the stream after the blocks."""
    value = [*stream, *[sp.S.Zero] * order][: order + 1]
    for factor, power, centre in blocks:
        base, product = [value[0] - centre, *value[1:]], [factor, *[sp.S.Zero] * order]
        for _ in range(power):
            product = _times(product, base)
        value = [sp.expand(a + b) for a, b in zip(value, product, strict=True)]
    return value


def _times(left: Sequence[sp.Expr], right: Sequence[sp.Expr]) -> list[sp.Expr]:
    """A product of series, cut off."""
    return [sp.expand(sp.Add(*(left[i] * right[k - i] for i in range(k + 1)))) for k in range(len(left))]


def literal_blocks(depth: int) -> list[Block]:
    """F_l(y) = c_l y^l for l = 1 … depth, of a generic f."""
    return [(c[power], power, sp.S.Zero) for power in range(1, depth + 1)]


def polynomial_of(coefficients: Sequence[sp.Expr]) -> sp.Expr:
    """The sum of the terms."""
    return sp.Add(*(value * x**k for k, value in enumerate(coefficients)))


def _to_order(blocks: Callable[[int], list[Block]], order: int) -> Proof:
    """What is printed are the coefficients of y_L to that order, whether there are later blocks or not."""

    def holds(right: sp.Expr) -> bool:
        if right.getO() != sp.O(x ** (order + 1)):
            return False
        printed = right.removeO()
        return all(
            same(polynomial_of(series(INPUT, blocks(depth), order)), printed)
            for depth in range(order, order + DEEPER + 1)
        )

    return Proof(f"L = {order}…{order + DEEPER} blocks composed, the c_l free generators", holds)


def telescoped() -> Derivation:
    """000, L82–83: y_L = x + Σ F_l(y_(l−1)), for any F_l whatever."""
    stream, block = sp.Function("y"), sp.Function("F")
    total = x + sp.Sum(block(l, stream(l - 1)), (l, 1, L))
    one = block(L, stream(L - 1))

    def by_induction(right: sp.Expr) -> bool:
        (added,) = right.atoms(sp.Sum)
        last, rest = last_apart(added)
        before = total.xreplace({L: L - 1})
        return same(right.xreplace({added: last + rest}), before + one) and same(right.xreplace({added: 0}), x)

    steps = (
        Step("a residual layer", stream(L), stream(L - 1) + one, "definition, 000 L49; y(0) = x"),
        Step(
            "all of them",
            stream(L),
            total,
            "the sum for L is that for L − 1 and one term more; the empty sum leaves x",
            (Proof("induction over L: the last term of the sum taken apart", by_induction),),
        ),
    )
    return Derivation("The sum of the residual blocks", stream(L), total, (), steps)


def taylor_formula() -> Derivation:
    """000, L26–32: f(x) = T_n(x) + R_n(x), with R_n as an integral."""
    f, n = sp.Function("f"), sp.Symbol("n", integer=True, nonnegative=True)
    k = sp.Symbol("k", integer=True, nonnegative=True)

    def slope(order: sp.Expr, at: sp.Expr = t) -> sp.Expr:
        return sp.Derivative(f(at), (at, order))

    total = sp.Sum(slope(k) * (x - t) ** k / sp.factorial(k), (k, 0, n))
    derivative = slope(n + 1) * (x - t) ** n / sp.factorial(n)

    def by_induction(right: sp.Expr) -> bool:
        last, rest = last_apart(total.xreplace({n: n + 1}))
        step = _one_factorial(sp.diff(last, t), n)
        first = sp.diff(total.subs(n, 0).doit(), t)
        return (
            rest == total
            and same(_one_factorial(right.xreplace({n: n + 1}), n) - right, step)
            and same(right.subs(n, 0).doit(), first)
        )

    remainder = sp.Integral(derivative, (t, a, x))
    polynomial = sp.Sum(slope(k, a) * (x - a) ** k / sp.factorial(k), (k, 0, n))

    def by_integration(right: sp.Expr) -> bool:
        """The Σ of the step before at t = a, and what it is the derivative of, integrated; at t = x only k = 0 is
        left, which is f."""
        (written,), (rest,) = right.atoms(sp.Sum), right.atoms(sp.Integral)
        vanishing = total.function / (x - t) ** k
        return bool(
            right == written + rest
            and written.xreplace({a: t}) == total
            and rest == sp.Integral(derivative, (t, a, x))
            and not vanishing.has(x)
            and total.function.subs(k, 0).doit() == f(t)
        )

    def of_polynomials(right: sp.Expr) -> bool:
        for order in range(4):
            p = sp.Add(*(s * t**j for j, s in enumerate(sp.symbols(f"s_0:{order + 4}"))))
            written = right.subs(n, order).doit(integrals=False).replace(f, sp.Lambda(t, p)).doit()
            if sp.expand(p.subs(t, x) - written) != 0:
                return False
        return True

    steps = (
        Step(
            "moving the point of expansion",
            sp.Derivative(total, t, evaluate=False),
            derivative,
            "the product rule; every second part cancels the first of its neighbour",
            (Proof("induction over n, f a free function: the last term of the sum taken apart", by_induction),),
        ),
        Step(
            "Taylor's formula",
            f(x),
            polynomial + remainder,
            "integrated from t = a to t = x, where the sum is f(x); the integral is R_n",
            (
                Proof("the ends of the sum, and its derivative as the integrand", by_integration),
                Proof("polynomials of degree n + 3 with free coefficients, n = 0…3, put in", of_polynomials),
            ),
        ),
    )
    assumptions = ("f is n + 1 times continuously differentiable between a and x",)
    return Derivation("Taylor's formula with its remainder", f(x), polynomial + remainder, assumptions, steps)


def _one_factorial(e: sp.Expr, n: sp.Symbol) -> sp.Expr:
    """(n + 1)! written as (n + 1) n!."""
    return e.xreplace({sp.factorial(n + 1): (n + 1) * sp.factorial(n)})


def read_literally() -> Derivation:
    """000, L87–100, with F_l acting on y_(l−1) as L49 says: the coefficients of y_L for every f and every depth."""
    coefficients = series(INPUT, literal_blocks(ORDER), ORDER)
    stated = polynomial_of([sp.factor(value) for value in coefficients]) + sp.O(x ** (ORDER + 1))
    beta = 1 + c[1]
    output, error = sp.Symbol("y_L"), sp.Function("e")
    leading = sp.Function("D")
    steps = (
        Step("block 1", sp.Symbol("y_1"), beta * x, "x is there already, and c_1 x comes on top", (_is(x + c[1] * x),)),
        Step(
            "block 2",
            sp.Symbol("y_2"),
            beta * x + c[2] * beta**2 * x**2,
            "the square is of y_1, not of x",
            (_is(beta * x + c[2] * (beta * x) ** 2),),
        ),
        Step(
            "all blocks",
            output,
            stated,
            f"L ≥ {ORDER}: y_(l−1) has no constant term, so block l begins with x^l",
            (_to_order(literal_blocks, ORDER),),
        ),
        *(
            Step(
                f"order {order} against f",
                error(order),
                value,
                f"coefficient of x^{order} in y_L minus c_{order}",
                (_is(coefficients[order] - c[order]),),
            )
            for order, value in (
                (0, -c[0]),
                (1, sp.Integer(1)),
                (2, c[1] * c[2] * (c[1] + 2)),
            )
        ),
        Step(
            "f'(0) = −1",
            output,
            sp.Integer(0),
            "y_1 = x − x = 0, and every further block is a power of 0: the output is 0 for every x, at every depth",
            (Proof(f"c_1 = −1 put into the blocks, L = 1…{DEEPEST}", _vanishes),),
        ),
        Step(
            "degree",
            leading(L),
            sp.factorial(L),
            "block l multiplies the degree of the stream by l, if c_l ≠ 0 for all l and c_1 ≠ −1",
            (Proof("composed in full for L = 1…5, rational coefficients", _has_degree),),
        ),
    )
    title = "The construction read literally"
    assumptions = ("F_l(y) = c_l y^l with c_l = f^(l)(0)/l!, y_0 = x; f analytic at 0 and otherwise free",)
    return Derivation(title, output, stated, assumptions, steps)


def _is(e: sp.Expr) -> Proof:
    return Proof(BY_IDENTITY, lambda right: same(e, right))


def _vanishes(right: sp.Expr) -> bool:
    """No order is left, whatever c_2, c_3, … are: y_1 is 0, and so is what is made of it."""
    blocks = [(factor.xreplace({c[1]: -sp.S.One}), power, centre) for factor, power, centre in literal_blocks(DEEPEST)]
    return all(same(polynomial_of(series(INPUT, blocks[:depth], DEEPEST)), right) for depth in range(1, DEEPEST + 1))


def _has_degree(right: sp.Expr) -> bool:
    stream = literal([flint.fmpq(1, k + 2) for k in range(6)])
    return all(stream.upto(k).polynomial().degree() == right.subs(L, k) for k in range(1, 6))


def fed_the_input() -> Derivation:
    """000, L87–100, taken by the letter: F_l(x). Then it is no residual net, and is off by x − f(0) at every depth; and
    what another beginning than y_0 = x makes of either reading."""
    k, depth = sp.Symbol("k", integer=True, nonnegative=True), sp.Symbol("L", integer=True, nonnegative=True)
    coefficient = sp.IndexedBase("c")
    terms = sp.Sum(coefficient[k] * x**k, (k, 1, depth))
    whole = sp.Sum(coefficient[k] * x**k, (k, 0, depth))
    output, target, begin = sp.Function("y")(depth), sp.Function("T")(depth), sp.Symbol("y_0")

    def from_beginning(at: sp.Expr) -> Proof:
        """By induction over L: both sums gain one term, the same; without blocks the difference is y_0 − c_0."""
        (gained, before), (also, others) = last_apart(terms), last_apart(whole)
        same_step = gained == also and (before, others) == (
            terms.xreplace({depth: depth - 1}),
            whole.xreplace({depth: depth - 1}),
        )

        def holds(right: sp.Expr) -> bool:
            return same_step and not right.has(depth) and same(at - whole.subs(depth, 0).doit(), right)

        return Proof("induction over L: the last terms of both sums taken apart", holds)

    steps = (
        Step("sum", output, begin + terms, "000, L83, with F_l(x) = c_l x^l in the place of F_l(y_(l−1))"),
        Step(
            "begun with x",
            output - target,
            x - coefficient[0],
            "as 000 has it: the sums differ by the terms k = 0 and by the input that the stream began with",
            (from_beginning(x),),
        ),
        Step(
            "begun with 0",
            output - target,
            -coefficient[0],
            "y_0 = 0, which 000 does not say: right where f(0) = 0, but the blocks are fed from outside the stream",
            (from_beginning(sp.S.Zero),),
        ),
        Step(
            "begun with f(0)",
            output - target,
            sp.S.Zero,
            "y_0 = f(0): Taylor's sum, each block reading x past the stream; 000's layer, L49, reads y_(l−1) alone",
            (from_beginning(coefficient[0]),),
        ),
        Step(
            "begun with 0, blocks fed the stream",
            output,
            sp.S.Zero,
            "y_0 = 0 in the first reading: every F_l(0) is 0, and x never enters",
            (Proof(f"the blocks composed, L = 1…{DEEPEST}", _stays_zero),),
        ),
    )
    return Derivation(
        "The same with every block fed x", steps[1].left, steps[1].right, ("y_0 = x in the result",), steps
    )


def _stays_zero(right: sp.Expr) -> bool:
    return all(
        same(polynomial_of(series((sp.S.Zero,), literal_blocks(depth), DEEPEST)), right)
        for depth in range(1, DEEPEST + 1)
    )


def corrected_blocks(depth: int) -> list[Block]:
    """The blocks of f with f(0) = 0 and f'(0) = 1 behind a first block that leaves y_1 = x = T_1."""
    return literal_blocks(depth)[1:]


def literal_blocks_behind_slope(depth: int) -> list[Block]:
    """The same of any f, counted from f(0): the first block turns x into c_1 x."""
    return [(c[1] - 1, 1, sp.S.Zero), *corrected_blocks(depth)]


def odd_blocks(depth: int) -> list[Block]:
    """The same of an odd f: l = 3, 5, …"""
    return literal_blocks(depth)[2::2]


def first_block_corrected() -> Derivation:
    """y_1 = T_1: order 2 comes out right only if f'(0) is 1 or −1; with f'(0) = 1 orders 1 to 3, for odd f 1 to 6, and
    then products of terms enter."""
    general, odd = sp.Symbol("y_L"), sp.Symbol("y_L")
    right = sp.Add(*(c[k] * x**k for k in (2, 3))) + x + (c[4] + 3 * c[2] * c[3]) * x**4 + sp.O(x**5)
    right_odd = x + c[3] * x**3 + c[5] * x**5 + (c[7] + 5 * c[3] * c[5]) * x**7 + sp.O(x**8)
    sloped = c[1] * x + c[2] * c[1] ** 2 * x**2 + sp.O(x**3)
    steps = (
        Step(
            "any slope",
            general,
            sloped,
            "block l is a power of c_1 x + …: c_l comes out times c_1^l, right at order 2 only if c_2 (c_1² − 1) = 0",
            (_to_order(literal_blocks_behind_slope, 2),),
        ),
        Step(
            "f'(0) = 1, any f",
            general,
            right,
            "the cube of x + c_2 x² holds 3 c_2 x⁴",
            (_to_order(corrected_blocks, 4),),
        ),
        Step(
            "f'(0) = 1, odd f",
            odd,
            right_odd,
            "the fifth power of x + c_3 x³ holds 5 c_3 x⁷",
            (_to_order(odd_blocks, 7),),
        ),
    )
    assumptions = (
        "f'(0) = 1, but for the first step",
        "y counted from f(0): y_1 = f'(0) x, F_l(y) = c_l y^l for l ≥ 2",
    )
    return Derivation("The first block put right", general, right, assumptions, steps)


def carried_state() -> Derivation:
    """A stream of width 3 that carries x and its power: block l adds the l-th term, and the output is T_n."""
    u, v, w, p = sp.symbols("u v w p", real=True)
    term = sp.Symbol("c_l") * sp.Symbol("rho", positive=True) ** l
    sample = [flint.fmpq(2 * k + 3, k + 2) for k in range(DEEPEST + 1)]

    def is_taylor(right: sp.Expr) -> bool:
        if right != sp.Function("T")(L):
            return False
        return all(
            taylor_network(sample[: depth + 1], flint.fmpq(4)).polynomial() == taylor(sample, depth)
            for depth in range(1, DEEPEST + 1)
        )

    steps = (
        Step(
            "products by squares",
            u * v,
            (u + v) ** 2 / 4 - (u - v) ** 2 / 4,
            "so that Linear, square, Linear gives a product",
            (_is(u * v),),
        ),
        Step(
            "what block l adds to the power",
            w * p - p,
            (p + w - 1) ** 2 / 4 - (p - w + 1) ** 2 / 4,
            "its branch, for the second number of the stream: p becomes w p",
            (_is(w * p - p),),
        ),
        Step(
            "what block l adds to the sum",
            term * w * p,
            term / 4 * ((w + p) ** 2 - (w - p) ** 2),
            "its branch, for the third",
            (_is(term * w * p),),
        ),
        Step(
            "power before, times w",
            w * w ** (l - 1),
            w**l,
            "if p was the power l − 1 of w = x/ρ it is now the power l, and the sum has gained c_l x^l",
            (_is(w**l),),
        ),
        Step(
            "the network",
            sp.Function("y")(L),
            sp.Function("T")(L),
            "by induction from (w, 1, f(0)): the l-th residual addition is the l-th term",
            (Proof(f"{BY_FORWARD_MAPS}, L = 1…{DEEPEST}", is_taylor),),
        ),
    )
    title = "Mended with a carried state: Linear(1, 3), L blocks Linear → square → Linear, Linear(3, 1)"
    return Derivation(title, sp.Function("y")(L), sp.Function("T")(L), (), steps)


def matched_order_by_order() -> Derivation:
    """One monomial a block on a scalar stream, factors chosen order by order: y_L = T_L + O(x^(L+1)) if f'(0) ≠ 0."""
    factors = _matching_factors(ORDER)
    blocks = [(value, power, c[0]) for power, value in factors.items()]
    names = {power: sp.Symbol(f"a_{power}") for power in factors}
    steps = [
        Step(
            f"factor of block {power}",
            names[power],
            value,
            f"c_{power} minus the coefficient of x^{power} that is there already, over the power of c_1",
            (Proof("the coefficient of that order in the composition is c_l", _matches(power)),),
        )
        for power, value in factors.items()
    ]
    stated = sp.Add(*(c[k] * x**k for k in range(ORDER + 1))) + sp.O(x ** (ORDER + 1))

    def holds(right: sp.Expr) -> bool:
        return bool(right.getO() == sp.O(x ** (ORDER + 1))) and same(
            polynomial_of(series(c[:2], blocks, ORDER)), right.removeO()
        )

    steps.append(
        Step(
            "all orders up to L",
            sp.Symbol(f"y_{ORDER}"),
            stated,
            "block l begins with (c_1 x)^l, so it changes no lower order",
            (Proof(f"L = {ORDER} blocks composed, the c_l free generators", holds),),
        )
    )
    assumptions = ("c_1 = f'(0) ≠ 0", "F_1(y) = c_0 + (c_1 − 1) y, F_l(y) = a_l (y − c_0)^l")
    return Derivation("On a scalar stream, order by order", sp.Symbol(f"y_{ORDER}"), stated, assumptions, tuple(steps))


def _matching_factors(order: int) -> dict[int, sp.Expr]:
    """a_2, a_3, …"""
    found: dict[int, sp.Expr] = {}
    for power in range(2, order + 1):
        there = series(c[:2], [(value, k, c[0]) for k, value in found.items()], power)[power]
        found[power] = sp.factor((c[power] - there) / c[1] ** power)
    return found


def _matches(power: int) -> Callable[[sp.Expr], bool]:
    earlier = [(value, k, c[0]) for k, value in _matching_factors(power - 1).items()]
    return lambda right: same(series(c[:2], [*earlier, (right, power, c[0])], power)[power], c[power])


def reversion() -> Derivation:
    """y_l = T_l on a scalar stream: F_l(y) = c_l (T_(l−1)⁻¹(y))^l, the inverse as a series. Needs f'(0) ≠ 0."""
    w = sp.Symbol("w")
    inverse = w / c[1] - c[2] * w**2 / c[1] ** 3 + (2 * c[2] ** 2 - c[1] * c[3]) * w**3 / c[1] ** 5 + sp.O(w**4)

    def inverts(right: sp.Expr) -> bool:
        if right.getO() != sp.O(w**4):
            return False
        back = sp.expand(sp.Add(*(c[k] * right.removeO() ** k for k in (1, 2, 3))))
        return same(sp.Add(*(back.coeff(w, k) * w**k for k in (1, 2, 3))), w)

    third = c[3] * w**3 / c[1] ** 3 - 3 * c[2] * c[3] * w**4 / c[1] ** 5 + sp.O(w**5)

    def follows(right: sp.Expr) -> bool:
        if right.getO() != sp.O(w**5):
            return False
        cube = sp.expand(c[3] * (w / c[1] - c[2] * w**2 / c[1] ** 3) ** 3)
        return same(cube.coeff(w, 3) * w**3 + cube.coeff(w, 4) * w**4, right.removeO())

    steps = (
        Step(
            "what block l has to add",
            sp.Function("F_l")(sp.Symbol("y_{l-1}")),
            sp.Symbol("c_l") * x**l,
            "y_l − y_(l−1) = c_l x^l, where y_(l−1) = T_(l−1)(x)",
        ),
        Step(
            "x from the state",
            x,
            inverse,
            "T_3 = c_0 + w, solved for x as a series",
            (Proof("put back into T_3, to order 3", inverts),),
        ),
        Step(
            "block 3",
            sp.Function("F_3")(c[0] + w),
            third,
            "c_3 x³ with x from T_2 = c_0 + w",
            (Proof("the cube of the inverse of T_2, multiplied out", follows),),
        ),
    )
    title = "On a scalar stream, by series reversion"
    return Derivation(title, steps[1].left, inverse, ("c_1 = f'(0) ≠ 0",), steps)
