"""Document 004 on derivatives: chain rule, backpropagation, quotients, symbolic and automatic differentiation."""

from itertools import pairwise

from residua_bridge.claims.evidence import Evidence
from residua_bridge.claims.judges.powers import power
from residua_bridge.claims.judging import judge
from residua_bridge.claims.ruling import Ruling

AUTODIFF, QUOTIENTS, SWELL = "autodiff", "finite-differences", "swell"
THROUGH = "Backpropagation through a layer"
RECURSION = "δ by the recursion, adjoints of the trace, and torch's gradients"
RULE, SUM = "rule", "Linearity"
EXAMPLE = "The document's example: a logistic unit"
PRINTED, SAME = "As printed: 004, L163–169", "the same, to the digits printed"
CLOCK = 2.0  # a ratio of growths that the noise of a clock does not make
FEW, VAST = 10.0, 1e6  # of sizes: still of one kind; past any memory's help
SIX = 6  # of the document


@judge("004-087")
def chain_rules(e: Evidence) -> Ruling:
    """Both rules are proved from the definition of a derivative, for every differentiable function; programs that
    chain derivatives by them, node by node, are compared with torch. The claim holds if the proofs stand and torch
    agrees; it fails if torch's derivatives differ by more than rounding."""
    derived = [e.proved(AUTODIFF, name, RULE) for name in ("Chain rule", "Chain rule, two intermediate variables")]
    needed = e.proved(AUTODIFF, "Partial derivatives are not enough", "along the diagonal")
    remark = (
        "in the second rule $z$ has to be differentiable in $x$ and $y$ together: partial derivatives alone are not "
        "enough, as $x y^2 / (x^2 + y^2)$ shows"
    )
    return Ruling(
        holds=all(derived) and e.verdict(AUTODIFF, "Trace of"),
        fails=e.verdict(AUTODIFF, "Trace of", "differ"),
        correction="the derivative of a composition is not the product of the derivatives",
        remark=remark if needed else "",
    )


@judge("004-088")
def sum_of_costs(e: Evidence) -> Ruling:
    """Linearity of the derivative is proved for every finite number of terms. The gradient of a loss that is a mean
    over samples, derived by it, is compared with torch: the claim holds if the proof stands and torch agrees, and
    fails if torch differs by more than rounding."""
    met = "The symbolic gradient of the trained network is autograd's"
    return Ruling(
        holds=e.proved(AUTODIFF, SUM, "one term more", RULE) and e.verdict(QUOTIENTS, met),
        fails=e.verdict(QUOTIENTS, met, "differ"),
        correction="the derivative of the sum is not the sum of the derivatives",
        remark="for finitely many samples; the sum on the right of L45 lacks the index of $C^n$, a slip of the pen",
    )


@judge("004-089")
def weight_by_input(e: Evidence) -> Ruling:
    """The derivative of a weighted sum by its weights is proved for all sizes, and the gradients that it gives are
    compared with torch. The claim holds if the proof stands and torch agrees, and fails if torch differs."""
    return Ruling(
        holds=e.proved(AUTODIFF, THROUGH, "d z by W", "d C by W") and e.verdict(AUTODIFF, RECURSION),
        fails=e.verdict(AUTODIFF, RECURSION, "differ"),
        correction="the derivative by a weight is not its input",
        remark="for layers of all sizes; the derivative by a bias is 1 likewise",
    )


@judge("004-090")
def recursion_of_errors(e: Evidence) -> Ruling:
    """The recursion is proved for all sizes and whatever follows the layer, and so is its start at the outputs. On
    trained and untrained networks it is compared with reverse mode and with torch: the claim holds if the proofs
    stand and all three agree, and fails if they differ by more than rounding."""
    start = e.proved(AUTODIFF, "Backpropagation at the outputs", "error of an output")
    return Ruling(
        holds=start and e.proved(AUTODIFF, THROUGH, "d C by a", "d C by z") and e.verdict(AUTODIFF, RECURSION),
        fails=e.verdict(AUTODIFF, RECURSION, "differ"),
        correction="the recursion does not give torch's gradients",
        remark="for all sizes and any depth: what follows the layer may be any differentiable function",
    )


@judge("004-091")
def slope_is_a_number(e: Evidence) -> Ruling:
    """With the slope held constant the first derivative is proved to be the same, and torch's gradients are those of
    the recursion that uses the slope as a number: then the claim holds. It fails if those gradients differ. What a
    constant slope drops from second derivatives is derived and measured, and told in the remark."""
    dropped = "What φ' held constant drops from a second derivative"
    wrong = e.verdict(AUTODIFF, "Second derivatives with σ′(z) held constant", "differ")
    table = e.table(AUTODIFF, "Second derivatives")
    function = table.column("σ′ a function", bound="float64 rounding")
    constant = table.column("σ′ a constant", bound="float64 rounding")
    off = max(abs(a - b) for a, b in zip(function, constant, strict=True))
    remark = (
        "for one backward pass. Not to be carried over to second derivatives, in which a constant slope drops the "
        f"terms with $\\sigma''$: there it is off by up to {off:.2g}"
    )
    return Ruling(
        holds=e.proved(AUTODIFF, dropped, "first derivative, φ' held constant") and e.verdict(AUTODIFF, RECURSION),
        fails=e.verdict(AUTODIFF, RECURSION, "differ"),
        correction="with a constant slope the gradients are not torch's",
        remark=remark if wrong and e.proved(AUTODIFF, dropped, "dropped") else "",
    )


@judge("004-092")
def repeated_work(e: Evidence) -> Ruling:
    """Multiplications are counted in three ways on networks of several shapes: from the front with every derivative
    formed anew, from the front with every derivative kept, and from the back. The claim holds if both ways from the
    front take more than the way from the back; it fails if keeping takes no more; and it holds under the condition
    that nothing is kept if forming anew takes more wherever a layer before the last has two units or more."""
    table = e.table(AUTODIFF, "Work in three ways")
    anew, kept, back = (
        table.column(name, bound="exact") for name in ("products anew", "products kept", "products of the δ-recursion")
    )
    single = [cell == "yes" for cell in table.cells("one unit in every layer before the last")]
    widths = table.cells("widths")
    counted = e.verdict(AUTODIFF, "Evaluations, paths and multiplications") and e.proved(
        AUTODIFF, "Evaluations saved by working backwards", "E in closed form", "saved"
    )
    several = [(a, b) for a, b, alone in zip(anew, back, single, strict=True) if not alone]
    more = all(a > b for a, b in several) and bool(several)
    saved = all(a == b for a, b in zip(kept, back, strict=True))
    last, least = len(widths) - 1, min(range(len(widths)), key=lambda k: anew[k])
    return Ruling(
        holds=counted and more and not any(single) and all(a > b for a, b in zip(kept, back, strict=True)),
        fails=counted and saved,
        within=more,
        condition=(
            "each derivative is formed anew wherever it is needed, and some layer before the last has two units or "
            f"more (for {widths[last]}: {anew[last]:.0f} products anew, {back[last]:.0f} from the back)"
        ),
        correction=(
            f"from the front, every derivative kept, it is the same {kept[last]:.0f} products: what saves the work is "
            "that each is computed once, and the order only makes that easy"
        ),
        counterexample=f"{widths[least]}: {anew[least]:.0f} products even anew, {back[least]:.0f} from the back",
    )


@judge("004-093")
def two_errors(e: Evidence) -> Ruling:
    """Truncation error (growing with the step) and rounding error (falling with it) are derived, and the sum of their
    squares is compared with measured errors at steps from one half to below the last place, for six functions in two
    precisions. The claim holds if the derivations stand and all errors agree, and fails if any differs."""
    met = "Predicted rms errors of forward, backward, central and Richardson quotients"
    derived = e.proved(QUOTIENTS, "Truncation of the forward quotient, in every order", "error", "leading term")
    rounding = e.proved(QUOTIENTS, "Best step of the forward quotient", "variance of the rounding", "it is a minimum")
    best = e.table(QUOTIENTS, "Best step and least error")
    match = {"function": "exp(x) around 0", "dtype": "float64"}
    steps = {kind: best.number("best step", bound="derived", where={**match, "quotient": kind}) for kind in _KINDS}
    e.figure(QUOTIENTS, "difference-curves-float64")
    return Ruling(
        holds=derived and rounding and e.verdict(QUOTIENTS, met),
        fails=e.verdict(QUOTIENTS, met, "differ"),
        correction="the measured errors are not the sum of these two",
        remark=(
            f"the two errors balance for $e^x$ at 0 in float64 at $h = {power(steps['forward'])}$ for the forward and "
            f"$h = {power(steps['central'])}$ for the central quotient: the best step is computed, not guessed"
        ),
    )


_KINDS = ("forward", "central")


@judge("004-094")
def practical_use(e: Evidence) -> Ruling:
    """Three things that can be measured are taken for practical use: what a gradient costs, to how many digits it
    comes out, and whether quotients can check a gradient. The claim holds if they cannot; it fails if with the
    computed step and tolerance right gradients pass and planted faults are caught; and it holds of computing the
    gradient if quotients take many times the operations of a reverse pass and come out worse in both precisions."""
    checks = "What the computed tolerance lets pass and what it catches"
    spent = e.table(QUOTIENTS, "What the gradient takes")
    reverse = spent.number("count", bound="exact", what="the same, over those of the loss")
    evaluations = spent.number("count", bound="exact", what="evaluations that central quotients take")
    routes = e.table(QUOTIENTS, "The gradient by every route")
    off = {dtype: _routes_off(routes.rows(dtype=dtype)) for dtype in ("float64", "float32")}
    digits = e.table(QUOTIENTS, "What a numerical derivative costs and gives")
    least = digits.number("digits", bound="of the least error in float64, at the best step", quotient="central")
    worse = all(quotients > exact for exact, quotients in off.values())
    return Ruling(
        holds=e.verdict(QUOTIENTS, checks, "differ") and worse,
        fails=e.verdict(QUOTIENTS, checks),
        within=evaluations > FEW * reverse and worse,
        condition=(
            "the gradient by many parameters is to be computed: for the network that was trained here "
            f"{evaluations:.0f} evaluations of the loss, where a reverse pass takes the work of {reverse:.2g}; and in "
            f"float32 at best {off['float32'][1]:.1g} off, by reverse mode {off['float32'][0]:.1g}"
        ),
        correction=(
            "a suitable step is not difficult to find, it is computed from $f$ and its rounding; and for checking a "
            "gradient the quotients are of use, with the tolerance that goes with the step"
        ),
        counterexample=f"one derivative of $e^x$ at 0: {least:.3g} digits in float64 for two evaluations",
    )


def _routes_off(rows: list[dict[str, str | int | float | bool]]) -> tuple[float, float]:
    """How far the gradient is off: by reverse mode, and by quotients at the best of the steps tried."""
    far = [(row["route"], float(row["relative distance"])) for row in rows]
    exact, quotients = ([v for route, v in far if route == one] for one in ("reverse mode", "central quotients"))
    return min(exact, default=float("nan")), min(quotients, default=float("nan"))


@judge("004-095")
def cut_off_series(e: Evidence) -> Ruling:
    """The truncation error of a quotient is derived as the part of the Taylor series that is cut off. For $e^x$ at 0
    it is computed exactly at every step, and the part behind the first term cut off is enclosed by what remains of the
    series. The claim holds if the derivation stands and every enclosure has it; it fails if one has not."""
    table = e.table(QUOTIENTS, "What the errors are made of")
    whole = table.column("truncation", bound="certified")
    leading = table.column("its leading term", bound="exact")
    rest = [_interval(str(cell)) for cell in table.cells("the rest lies in")]
    inside = [low <= t - first <= high for t, first, (low, high) in zip(whole, leading, rest, strict=True)]
    derived = e.proved(QUOTIENTS, "Truncation of the forward quotient, in every order", "error", "leading term")
    return Ruling(
        holds=derived and all(inside),
        fails=not all(inside),
        correction="the error of the quotient is not what the series leaves",
        remark=f"met for {len(inside)} quotients and steps; the forward quotient cuts the series off behind its slope",
    )


def _interval(text: str) -> tuple[float, float]:
    """From [a, b], widened by what its last digit may have been rounded."""
    low, high = (float(part) for part in text.strip("[]").split(","))
    return low - abs(low) * _PRINTED, high + abs(high) * _PRINTED


_PRINTED = 0.5e-2  # relative: half a unit of the third digit printed


@judge("004-096")
def central_limit(e: Evidence) -> Ruling:
    """The limit is proved for every differentiable function. For $e^x$ at 0 the central quotient's exact distance from
    the derivative is looked at, step by step: the claim holds if the limit is proved and the distance falls with the
    step, and fails if it does not fall."""
    table = e.table(QUOTIENTS, "What the errors are made of")
    steps = table.column("h", bound="exact", quotient="central")
    errors = table.column("truncation", bound="certified", quotient="central")
    ordered = [abs(error) for _, error in sorted(zip(steps, errors, strict=True))]
    falls = all(a < b for a, b in pairwise(ordered))
    converse = e.proved(
        QUOTIENTS, "A central limit without a derivative", "central quotient", "forward quotient, h > 0"
    )
    return Ruling(
        holds=e.proved(QUOTIENTS, "Limit of the central quotient", "quotient", "limit") and falls,
        fails=not falls,
        correction="the central quotient does not tend to the derivative",
        remark=(
            "where there is a derivative; it is no definition of one, since the central quotient of $|x|$ at 0 is 0 "
            "at every step, although $|x|$ has no derivative there"
            if converse
            else ""
        ),
    )


@judge("004-097")
def smaller_truncation(e: Evidence) -> Ruling:
    """A comparison for all functions and steps is refuted by one: two counterexamples have to be proved, one at a large
    step, one at every small step where $f'' = 0$; no table could establish it, so that it is never found true. It holds
    for small steps and $f'' \\neq 0$ if the limit of the ratio of the two errors is proved and the document's own
    table of $e^x$ has the smaller error in the central row at every step."""
    at_large = e.proved(QUOTIENTS, "A step at which the forward quotient is better", "difference of squares")
    at_small = e.proved(QUOTIENTS, "The forward quotient better at every small step", "difference of squares")
    table = e.table(QUOTIENTS, "What the errors are made of")
    errors = {kind: table.column("truncation", bound="certified", quotient=kind) for kind in (*_KINDS, "backward")}
    smaller = all(
        abs(c) < min(abs(f), abs(b))
        for c, f, b in zip(errors["central"], errors["forward"], errors["backward"], strict=True)
    )
    proved = e.proved(QUOTIENTS, "Central against forward error", "forward error", "central error", "ratio")
    gain = abs(errors["forward"][-1] / (errors["central"][-1] or float("nan")))
    return Ruling(
        holds=False,
        fails=at_large and at_small,
        within=proved and smaller,
        condition=(
            "$f''(x) \\neq 0$ and small steps: the errors are $f''' h^2 / 6$ and $f'' h / 2$, for $e^x$ at 0 and the "
            f"document's smallest step {gain:.2g} times apart"
        ),
        correction="the order in $h$ is higher, the error need not be smaller",
        counterexample=(
            "$x^3 - x^4$ at 0: the central error is $h^2$, the forward one $h^2 - h^3$, at every step below 2; and "
            "$x^3 - x^2$ at 0 beyond $h = \\frac{1}{2}$"
        ),
    )


@judge("004-098")
def printed_table(e: Evidence) -> Ruling:
    """The nine quotients are formed in float64 as the document would have, and compared with the printed digits to the
    last bit: the claim holds if all are the same, and fails if one is not."""
    nine = "004's nine numbers, to the last bit"
    needs = e.table(QUOTIENTS, "What the table needs of exp")
    rounded = needs.cells("correctly rounded")
    fewest = min(min(needs.column(name, bound="exact")) for name in ("changed by a spacing up", "down"))
    return Ruling(
        holds=e.verdict(QUOTIENTS, nine),
        fails=e.verdict(QUOTIENTS, nine, "differ"),
        correction="other digits come out",
        remark=(
            f"to the last bit, with a C library whose exp is correctly rounded at {rounded.count('yes')} of the "
            f"{len(rounded)} points; one that is off by a float at one of them changes at least {fewest:.0f} of these"
        ),
    )


@judge("004-099")
def sums_and_products(e: Evidence) -> Ruling:
    """Both rules are proved from the definition of a derivative; a function of sums and products is differentiated by
    them, node by node, and compared with torch. The claim holds if the proofs stand and torch agrees, and fails if
    torch differs by more than rounding."""
    met = "Trace of log(x1) + x1*x2 - sin(x2)"
    derived = [e.proved(AUTODIFF, name, RULE) for name in ("Sum rule", "Product rule")]
    return Ruling(
        holds=all(derived) and e.verdict(AUTODIFF, met),
        fails=e.verdict(AUTODIFF, met, "differ"),
        correction="the rules do not give torch's derivatives",
    )


@judge("004-100")
def against_symbolic(e: Evidence) -> Ruling:
    """For a loop of growing length the time to derive, make runnable and run is compared: written out in SymPy, as a
    graph, and in torch; and Python's own branch is given to each. The claim holds if graph and written form both slow
    down against torch by more than a clock's noise and both refuse the branch; it fails if the graph does not slow
    down; and it holds of formulas that are written out if SymPy does and refuses the branch."""
    table = e.table(AUTODIFF, "The derivative of a loop")
    passes = table.column("passes", bound="exact")
    first, last = min(passes), max(passes)
    growth = {
        name: table.number(f"{name}, ms", bound="one clock, least of several runs", passes=last)
        / table.number(f"{name}, ms", bound="one clock, least of several runs", passes=first)
        for name in ("SymPy", "graph", "torch")
    }
    slow = {name: growth[name] > CLOCK * growth["torch"] for name in ("SymPy", "graph")}
    shown = e.table(AUTODIFF, "A language of its own, and debugging")
    said = {(str(r["function"]), str(r["with"])): str(r["what comes out"]) for r in shown.rows()}
    refuses = {who: any("as Python has it" in f and w == who and _refused(out) for (f, w), out in said.items())
               for who in ("SymPy", "torch")}  # fmt: skip
    told = [who for (f, who), out in said.items() if "log" in f and _refused(out)]
    silent = [who for (f, who), out in said.items() if "log" in f and not _refused(out)]
    return Ruling(
        holds=slow["SymPy"] and slow["graph"] and refuses["SymPy"],
        fails=not slow["graph"],
        within=slow["SymPy"] and refuses["SymPy"] and not refuses["torch"],
        condition=(
            f"the formula is written out, as in SymPy: from {first:.0f} to {last:.0f} passes of a loop its time grows "
            f"{growth['SymPy']:.2g}-fold, that of torch {growth['torch']:.2g}-fold; and the program has branches, "
            "which need a language of their own (SymPy refuses Python's if, torch takes it)"
        ),
        correction=(
            f"kept as a graph the same derivative takes {growth['graph']:.2g} times as long for the longer loop, and "
            "formulas need no more of a language than Python's operators"
        ),
        counterexample=f"the loop of {last:.0f} passes, differentiated as a graph",
        remark=(
            "hard to debug is a matter of persons and tools: an undefined point is named by "
            f"{', '.join(told) or 'none'} and passed over by {', '.join(silent) or 'none'}, both kinds among them"
        ),
    )


def _refused(said: str) -> bool:
    return said.startswith("refused")


@judge("004-101")
def expression_swell(e: Evidence) -> Ruling:
    """The document's table is derived and compared number by number, and the size of the derivative of a deep iterate
    of the logistic map is counted exactly, written out as a tree and as a graph in which equal parts stand once. The
    claim holds if both are vast beside the program that computes value and derivative; it fails if the graph is not;
    and it holds of the written form if only the tree is."""
    table = e.table(SWELL, "Level")
    size = {
        (count, form): table.number(form, bound="exact", where={"map": "logistic map", "count": count})
        for count in ("tree", "graph", "forward mode")
        for form in ("SymPy", "graph")
    }
    program = size["forward mode", "graph"]
    printed = e.verdict(SWELL, "Table 1 of Baydin et al.") and e.verdict(SWELL, "Laws of the logistic map")
    derived = e.proved(
        SWELL,
        "Growth of the logistic map: programs and graph form",
        "nodes of its graph",
        "nodes of the derivative's tree",
    )
    level = table.table.title.split(",")[0].lower()
    tanh = table.number("SymPy", bound="exact", where={"map": "tanh chain", "count": "tree"})
    grown = size["tree", "SymPy"] > VAST * program
    shared = size["graph", "graph"] < FEW * program
    return Ruling(
        holds=printed and grown and size["graph", "graph"] > VAST * program,
        fails=derived and shared,
        within=printed and grown,
        condition=(
            f"the derivative is written out, with a repeated argument: at {level} of the logistic map SymPy's tree has "
            f"${power(size['tree', 'SymPy'])}$ nodes"
        ),
        correction=(
            f"as a graph the same derivative has {size['graph', 'graph']:.0f} nodes, beside a program of {program:.0f} "
            "operations for value and derivative: the writing swells and not the derivative"
        ),
        counterexample=(f"a chain of tanh, whose argument stands once: {tanh:.0f} nodes at {level} even written out"),
        remark="the document's table of the logistic map is right, number by number",
    )


@judge("004-102")
def six_functions(e: Evidence) -> Ruling:
    """The function is read as a program; its operations are counted, and value and derivatives at every node are
    compared with torch. The claim holds if there are six and torch agrees, and fails if there is another number."""
    table = e.table(AUTODIFF, "The elementary functions", section=EXAMPLE)
    operations = [name for name in table.cells("node") if str(name).startswith("$h_")]
    return Ruling(
        holds=len(operations) == SIX and e.verdict(AUTODIFF, "Trace of 1/(exp(-(w*x+b))+1)"),
        fails=len(operations) != SIX,
        correction=f"there are {len(operations)}",
        remark=(
            f"{len(operations)}, each sign and each function being one, as in the document's own steps; another idea "
            "of what is elementary gives another number"
        ),
    )


@judge("004-103")
def forward_by_hand(e: Evidence) -> Ruling:
    """Every factor, formula and result that L163–169 print is compared with a forward pass through the function, and
    that with torch. The claim holds if all are the same and torch agrees, and fails if one is not."""
    same = e.table(AUTODIFF, PRINTED).cells(SAME, bound="to the digits printed")
    table = e.table(AUTODIFF, "Forward mode, by w", section=EXAMPLE)
    result = table.number("value", bound="float64 rounding", derivative="$\\mathrm{d} h_{6} / \\mathrm{d} w$")
    return Ruling(
        holds=set(same) == {"yes"} and e.verdict(AUTODIFF, "Trace of 1/(exp(-(w*x+b))+1)"),
        fails="no" in same,
        correction=f"{same.count('no')} of {len(same)} printed factors and results are others; at the end {result:g}",
        remark=f"all {same.count('yes')} factors, formulas and results, and {result:g} at the end",
    )


@judge("004-104")
def special_case(e: Evidence) -> Ruling:
    """On networks of different shapes the recursion of backpropagation and the adjoints of reverse mode are compared
    as graphs: the claim holds if all of them are identical and both give torch's gradients, and fails if one is
    not."""
    table = e.table(AUTODIFF, "Networks in which the recursion is the reverse sweep")
    same, of = table.column("identical", bound="exact"), table.column("of", bound="exact")
    return Ruling(
        holds=same == of and e.verdict(AUTODIFF, "δ by the recursion"),
        fails=any(a < b for a, b in zip(same, of, strict=True)),
        correction="in some networks the recursion computes something else than reverse mode",
        remark=(
            f"the error of a unit is the adjoint of its weighted sum: {sum(same):.0f} of {sum(of):.0f} nodes of "
            f"{len(of)} networks are identical as graphs"
        ),
    )


@judge("004-105")
def one_reverse_pass(e: Evidence) -> Ruling:
    """The operations of a reverse pass are bounded by a proof that does not know the number of inputs, and counted for
    functions of many inputs and for chains of every operation; torch's passes are counted. The claim holds if the
    proof stands, every count is within the bound and one output takes one pass whatever the inputs; it fails if a
    count exceeds the bound or more passes are needed."""
    gradients, chains = e.table(AUTODIFF, "Operations of gradients"), e.table(AUTODIFF, "Operations of chains")
    ratio = "reverse / function"
    counted = gradients.column(ratio, "exact") + chains.column(ratio, "exact")
    allowed = gradients.column("bound", "proved") + chains.column("bound c + 2k", "proved")
    within = all(r <= b for r, b in zip(counted, allowed, strict=True))
    passes = "Passes: one an input in forward mode, one an output in reverse mode"
    inputs, forward = gradients.column("n", "exact"), gradients.column("forward / function", "exact")
    return Ruling(
        holds=e.proved(AUTODIFF, "Cost of one reverse pass", "bound") and within and e.verdict(AUTODIFF, passes),
        fails=not within or e.verdict(AUTODIFF, passes, "differ"),
        correction="it takes more than one pass, or more work than the bound",
        remark=(
            f"and one pass costs no more for more inputs: counted up to {max(counted):.2g} times the function, where "
            f"forward mode takes up to {max(forward):.2g} times at {max(inputs):.0f} inputs"
        ),
    )
