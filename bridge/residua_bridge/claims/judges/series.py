"""Document 000: Taylor series, and residual networks that are to be their sums."""

from itertools import pairwise

from residua_bridge.claims.evidence import Evidence
from residua_bridge.claims.judging import judge
from residua_bridge.claims.ruling import Ruling
from residua_bridge.formats._text import spoken

TAYLOR, TRAINED, DEPTH = "residual-taylor", "certified-net", "depth-order"  # reports
LITERAL, FED = "The construction read literally", "The same with every block fed x"  # derivations
CARRIED = "Mended with a carried state: Linear(1, 3), L blocks Linear → square → Linear, Linear(3, 1)"
ERRORS = "Error of the carried state"  # table
SINE, EXP = "sin on [−π, π]", "exp on [−π, π]"
NAMES = ("sin", "exp", "tanh")
SMALL = 1e-4  # of a certified truncation bound: the series represents f for every purpose of these reports


@judge("000-001")
def both_add(e: Evidence) -> Ruling:
    """Two sums are derived: the output of any residual network is its input plus one term a block, and Taylor's
    formula. In trained networks of squares the terms of all blocks are expanded exactly and taken off: what is left
    must be of degree 1, the layer before the blocks; the claim fails if more is left."""
    derived = e.proved(TAYLOR, "The sum of the residual blocks", "all of them") and taylor_formula(e)
    measured = e.verdict(DEPTH, "Coefficients by block: exact polynomials against torch")
    rest = e.table(DEPTH, "One function, many ways to add it up").number("degree of the rest", bound="exact")
    return Ruling(
        holds=derived and measured and rest <= 1,
        fails=rest > 1,
        correction=f"The blocks of a residual network leave a rest of degree {rest:g}.",
        counterexample="networks of three square blocks, trained on sin",
        remark="In form only. A Taylor term is a number times a power of x; what a block adds is a function of the "
        "sum so far.",
    )


@judge("000-004")
def additions_correspond(e: Evidence) -> Ruling:
    """It would hold as written if the document's own construction were f near 0 on torch. It fails if a stream that
    is the sum alone has a certified error that no next block can undercut. Under the condition named it holds if a
    stream that carries x is derived, and measured, to add one Taylor term a block."""
    floor = floor_behind(e, "$T_{3}$ of sin on [−π, π]")
    parts = e.table(DEPTH, "One function, many ways").number(
        "their blocks differ by", bound="exact, of float64 weights"
    )
    return Ruling(
        holds=e.verdict(TAYLOR, "The construction for each of them is f near 0"),
        fails=folded(e),
        within=carried(e),
        condition="the stream carries x and its power beside the sum, and the weights are chosen so: the l-th residual "
        "addition is then the addition of the l-th term, to the rounding of float64.",
        correction="A residual addition adds some function of the state. Networks that learn one and the same "
        f"function (to the last digits) have blocks whose coefficients differ by up to {parts:.3g}.",
        counterexample=f"A stream that is the sum alone: behind $T_3$ of sin, on [−π, π], no block comes closer to sin "
        f"than {floor:.4g}, for the sum has taken one value at different x.",
    )


@judge("000-005")
def formula_with_remainder(e: Evidence) -> Ruling:
    """Taylor's formula is derived, with the remainder as an integral. On trained networks the remainder of every
    order tried is enclosed by certified bounds; the claim fails if a measured remainder lies outside."""
    enclosed = e.verdicts(TRAINED, "Every measured f − T_n lies in its certified enclosure")
    return Ruling(
        holds=taylor_formula(e) and bool(enclosed) and all(v.verdict == "agree" and v.explained for v in enclosed),
        fails=any(v.verdict == "differ" for v in enclosed),
        correction="A measured remainder lies outside its enclosure.",
        counterexample="one of the trained networks",
        remark="The document leaves $R_n$ open; as an integral it needs n + 1 continuous derivatives between a and x, "
        "not only at a.",
    )


@judge("000-006")
def series_is_the_function(e: Evidence) -> Ruling:
    """The document says that there is a condition. The claim holds if every series whose interval lies within its
    radius of convergence approaches its function: certified bounds for sin and exp, errors that fall from the first
    order to the last for the others, trained networks among them. It fails if one of these does not fall."""
    errors, radii = e.table(TAYLOR, ERRORS), e.table(TAYLOR, "Radius of convergence of the series")
    inside = radii.cells("f", bound="certified", where={"the interval lies within it": "yes"})
    beyond = radii.cells("f", bound="certified", where={"the interval lies within it": "no"})
    size = "sup |network − f|"
    falls = [column[-1] < column[0] for column in (errors.column(size, "401 points", f=f) for f in inside)]
    bounds = [errors.column("certified bound of |T_n − f|", "certified", f=f)[-1] for f in (SINE, EXP)]
    nets = e.table(TRAINED, "|f − T_n| at high order")
    for place in ("t = 0.9 R", "t = 0.75"):
        early, late = (nets.column(name, "ball arithmetic", place=place) for name in ("n = 20", "n = 320"))
        falls += [b < a for a, b in zip(early, late, strict=True)]
    off = errors.column(size, "401 points", f=str(beyond[0]))[-1]
    last = errors.column("n", "exact", f=str(beyond[0]))[-1]
    return Ruling(
        holds=all(falls) and max(bounds) < SMALL,
        fails=not all(falls),
        correction="Within its radius of convergence a series does not approach its function.",
        counterexample="one of the series in the tables",
        remark="The condition that the document does not name: x must lie within the radius of convergence, which the "
        "nearest singularity in the complex plane sets, and the remainder must tend to 0 there. sin and exp have no "
        f"singularity: on [−π, π] the last polynomials are within {spoken(max(bounds))} of them, certified. tanh, as "
        f"smooth, is missed there by {spoken(off)} at order {last:g}.",
    )


@judge("000-007")
def every_term_improves(e: Evidence) -> Ruling:
    """In the document's example, sin on [−π, π], the mean square error of every Taylor polynomial has a closed form,
    which is derived. The claim holds if it falls with every non-zero term, and fails if it rises with one."""
    closed = e.proved("sin-fit", "Mean square error of the Taylor polynomials of sin", "mean square error")
    table = e.table(TAYLOR, ERRORS)
    orders = [int(n) for n in table.column("n", bound="exact", f=SINE)]
    errors = dict(zip(orders, table.column("mean square of T_n", "closed form", f=SINE), strict=True))
    worse = [(before, n) for before, n in pairwise(orders) if errors[n] > errors[before]]
    improve = [n for before, n in pairwise(orders) if errors[n] < errors[before]]
    near = e.table(TRAINED, "Remainders, tanh").column("seen", "float64 rounding")
    orders_near = e.table(TRAINED, "Remainders, tanh").column("n", "exact")
    rises = next((k for k, (a, b) in enumerate(pairwise(near), 1) if b > a), None)
    return Ruling(
        holds=closed and not worse and bool(improve),
        fails=closed and bool(worse),
        correction=f"Terms of even degree are 0; of the others, up to degree {orders[-1]}, {len(improve)} improve and "
        f"{len(worse)} {'does' if len(worse) == 1 else 'do'} harm. Only where the series converges does the error "
        "fall in the end.",
        counterexample="; ".join(
            f"the mean square error on [−π, π] goes from {errors[a]:.3g} for $T_{{{a}}}$ to {errors[b]:.3g} for "
            f"$T_{{{b}}}$"
            for a, b in worse[:1]
        )
        + ".",
        remark=""
        if rises is None
        else "In a trained network of tanh, well within the radius of convergence, the error grows as well: from "
        f"{near[rises - 1]:.2g} at order {orders_near[rises - 1]:g} to {near[rises]:.2g} at order "
        f"{orders_near[rises]:g}.",
    )


@judge("000-009")
def a_residual_layer(e: Evidence) -> Ruling:
    """A definition. It holds if torch models whose layers do what it says are, one after the other, the polynomials
    that are derived from it, and fails if one of them is another function."""
    made = ["The construction for each of them is that polynomial near 0"]
    made += [f"Carried state, {name}: the network is $T" for name in NAMES]
    found = [v for begins in made for v in e.verdicts(TAYLOR, begins)]
    derived = e.proved(TAYLOR, "The sum of the residual blocks", "all of them")
    return Ruling(
        holds=derived and bool(found) and all(v.verdict == "agree" and v.explained for v in found),
        fails=any(v.verdict == "differ" for v in found),
        correction="A torch model of such layers computes something else.",
        counterexample="one of the models in the tables",
        remark="He et al. (arXiv:1512.03385, eq. 1) define it so, and put a ReLU behind the addition.",
    )


@judge("000-010")
def only_the_residual(e: Evidence) -> Ruling:
    """A layer can learn what its input lacks if the wanted output is a function of that input. The claim holds if no
    state of the table has an error that no function of it undercuts (certified), fails if one has, and holds under
    the condition named if every state that keeps its points apart has none."""
    floors = e.table(TAYLOR, "Certified floors")
    apart = floors.column("floor against f: at least", "certified", injective="yes")
    mixed = floors.column("floor against f: at least", "certified", injective="no")
    floor = floor_behind(e, "$T_{3}$ of sin on [−π, π]")
    best = e.proved(TAYLOR, "The best block behind a state", "mean square")
    return Ruling(
        holds=max(*apart, *mixed) == 0,
        fails=folded(e),
        within=max(apart) == 0 and best,
        condition="the wanted output is a function of what reaches the layer. $F$ is then their difference.",
        correction="Where the layers before have given two inputs the same state, no residual leads to the wanted "
        "output; the best that can be learnt is the mean of what is to be told apart.",
        counterexample=f"behind $T_3$ of sin, on [−π, π], whatever is learnt errs by {floor:.4g} at least; networks "
        "trained there err by more.",
    )


@judge("000-011")
def the_sum_of_blocks(e: Evidence) -> Ruling:
    """The sum is derived for any blocks. That it plays the part of the Taylor sum would hold if the document's
    construction were f, fails if its linear coefficient is derived to be off by 1, and torch shows another function
    than f, and holds under the condition named if a stream that carries x is derived, and measured, to be the sum."""
    identity = e.proved(TAYLOR, "The sum of the residual blocks", "all of them")
    return Ruling(
        holds=identity and is_f(e),
        fails=identity and literally_wrong(e),
        within=carried(e),
        condition="the stream carries x and its power, so that block l can form the l-th term. (The sum itself is an "
        "identity, for any blocks.)",
        correction="What is summed are functions of the sum so far. With the blocks as the document chooses them it "
        "is not the Taylor sum of any f: the linear coefficient is $1 + f'(0)$.",
        counterexample="$f(x) = x$: the sum is $2x$.",
    )


@judge("000-012")
def blocks_are_terms(e: Evidence) -> Ruling:
    """Both readings are derived for every f: blocks that act on the sum so far, as a layer is defined, and blocks
    that are fed x. The claim fails if each is off f, and torch shows the first one to be the derived polynomial and
    not f; it holds if torch shows it to be f."""
    return Ruling(
        holds=is_f(e),
        fails=literally_wrong(e) and fed_wrong(e) and smallest(e),
        correction="As the document defines a layer, block l is a power of the sum so far, the linear coefficient is "
        "$1 + f'(0)$ at every depth, and f(0) is missing. With x itself fed to every block the sum is off by "
        "$x - f(0)$. It is the Taylor sum if the stream carries x and its power beside it; or if it begins with f(0) "
        "and every block reads x from outside the stream, which is no residual network any more.",
        counterexample="$f(x) = x$: the network is $2x$. $f(x) = -\\sin x$: it is 0.",
    )


@judge("000-013")
def the_output_approximates(e: Evidence) -> Ruling:
    """For sin on [−π, π] the largest error of the construction is computed exactly, depth by depth. The claim holds
    if the construction is f on torch and the error falls with depth; it fails if the error grows from the first depth
    to the last, above that of the constant 0, and is off f near 0 in both readings, as derived."""
    growth = e.table(TAYLOR, "Growth with depth")
    depths, cells = (
        growth.column("L", "exact", f=SINE),
        growth.cells("read literally: sup of the error", "exact", f=SINE),
    )
    errors = {n: float(c) for n, c in zip(depths, cells, strict=True) if isinstance(c, int | float)}
    zero = e.table(TAYLOR, ERRORS).number("sup |network − f|", "401 points", f=SINE, n=0)
    begin, end = min(errors), max(errors)
    return Ruling(
        holds=is_f(e) and errors[end] < min(errors[begin], zero),
        fails=literally_wrong(e) and fed_wrong(e) and errors[end] > errors[begin] > zero,
        correction="It approximates another function: the error begins with $x - f(0)$ near 0, for every f and in "
        "either reading of $F_l$, and further out it grows with depth.",
        counterexample=f"$f(x) = x$ gives $2x$. For sin on [−π, π] the output is off by {errors[begin]:.3g} at depth "
        f"{begin:g} and by {spoken(float(f'{errors[end]:.1g}'))} at depth {end:g}; the constant 0 is off by {zero:g}.",
    )


def taylor_formula(e: Evidence) -> bool:
    """Whether it is derived."""
    return e.proved(TAYLOR, "Taylor's formula with its remainder", "Taylor's formula")


def carried(e: Evidence) -> bool:
    """Whether the stream that carries x is T_n, derived and in torch."""
    derived = e.proved(TAYLOR, CARRIED, "the network")
    return derived and all(e.verdict(TAYLOR, f"Carried state, {name}: the network is $T") for name in NAMES)


def is_f(e: Evidence) -> bool:
    """Whether torch shows the document's construction to be the function it is made from, where rounding is small."""
    return e.verdict(TAYLOR, "The construction for each of them is f near 0")


def literally_wrong(e: Evidence) -> bool:
    """Whether blocks on the sum so far are derived to be off f, torch being the derived polynomial and not f."""
    derived = e.proved(TAYLOR, LITERAL, "all blocks", "order 0 against f", "order 1 against f")
    made = e.verdict(TAYLOR, "The construction for each of them is that polynomial near 0")
    return derived and made and e.verdict(TAYLOR, "The construction for each of them is f near 0", "differ")


def fed_wrong(e: Evidence) -> bool:
    """Whether blocks that are fed x are derived to be off the Taylor sum, and what another beginning makes of it."""
    return e.proved(TAYLOR, FED, "begun with x", "begun with f(0)")


def smallest(e: Evidence) -> bool:
    """Whether the two least examples are what was derived, on torch."""
    return e.verdict(TAYLOR, "Smallest counterexamples")


def floor_behind(e: Evidence, state: str) -> float:
    """What no function of that state undercuts."""
    return e.table(TAYLOR, "Certified floors").number("floor against f: at least", "certified, from below", state=state)


def folded(e: Evidence) -> bool:
    """Whether the obstruction stands: proved, certified, and no model, trained or not, below it."""
    proofs = e.proved(TAYLOR, "Two points with one state", "both errors") and e.proved(
        TAYLOR, "Behind T_3 of sin", "floor against sin"
    )
    models = e.verdict(TAYLOR, "Scalar streams in torch") and e.verdict(
        TAYLOR, "Trained behind $T_{3}$, sin: no sup error below the certified floor"
    )
    return proofs and models and floor_behind(e, "$T_{3}$ of sin on [−π, π]") > 0
