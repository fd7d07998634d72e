"""Document 002, L63 to L82: networks of ReLU trained on sin, and its Taylor polynomials."""

from math import comb, log

from residua_bridge.claims.evidence import Evidence
from residua_bridge.claims.judging import judge
from residua_bridge.claims.ruling import Ruling
from residua_bridge.formats._text import spoken

FIT = "sin-fit"  # the report
STOP, PRINTED, TERM = 5e-4, 5.92e-4, 11  # 002, L73 and L82
SHARE = 0.01  # of D: what one would call flat in a plot
CHANCE = 0.01  # what chance alone brings more often shows nothing
FRESH = 0.2  # relative: by so much the error on other points may be larger where points still tell it

STRUCTURE = "Linear layers without activations"  # derivations
HINGES, LAW = "Piecewise-linear functions by ReLU", "Piecewise-linear functions in the mean square"
SQUARE = "The square, by N linear pieces"
SUMMARY, SEEDS, CLOSEST = "The networks together", "Network by network", "Which T_n is closest"  # tables
STOPS, VARIANTS, ERRORS = "Where the stop leaves the error", "Other settings", "Mean square errors of polynomials"
PIECES, READINGS = "How well N pieces can do", "What term 11 means"
ERROR, HEIGHT = "D: mean square distance to sin", "height of the plateau, $D_{15}$"  # rows of the summary


@judge("002-021")
def any_analytic_function(e: Evidence) -> Ruling:
    """To fit is to come as near as one likes on the interval. The claim holds if the error of N linear pieces is
    derived to fall with N for every twice continuously differentiable f, if ReLU weights are derived, and built on
    torch, that are these pieces, and if sin is met so; it fails if the error found for sin does not fall."""
    law = e.proved(FIT, LAW, "law") and e.proved(FIT, HINGES, "every piece")
    built = e.verdict(FIT, "A ReLU layer with suitable weights is the best piecewise-linear function")
    found = e.table(FIT, PIECES).column("found", bound="no N pieces do better than")
    counts = e.table(FIT, PIECES).column("pieces N", bound="exact")
    return Ruling(
        holds=law and built and found[-1] < STOP,
        fails=found[-1] >= found[0],
        correction="More units do not bring the error down.",
        counterexample="sin on [−π, π]",
        remark="With N units of one hidden layer, on a bounded interval, and with weights that can be written down: "
        "the mean square error is about $C_2 N^{-4}$ for every f that is twice continuously differentiable, analytic "
        f"or not; for sin and {counts[-1]:g} pieces {spoken(found[-1])} is found. ReLU never meets f exactly unless f "
        "is piecewise linear, and that there are such weights does not say that training finds them.",
    )


@judge("002-022")
def below_the_stop(e: Evidence) -> Ruling:
    """The error is the mean square over the interval, in evaluation mode, when the document's rule stops training. The
    claim holds as written if all networks with dropout meet the stop, fails if some do not, and holds under the
    condition named if most networks without dropout are below."""
    errors = e.table(FIT, SEEDS).column("D", "float64 rounding")
    below = sum(d < STOP for d in errors)
    dropout = e.table(FIT, "Dropout")
    met, networks = (sum(map(int, dropout.column(name, "counted"))) for name in ("met the stop", "networks"))
    rows = dropout.rows()
    evaluated = ", ".join(f"{row['D below 0.0005']} of {row['networks']} at rate {row['rate']}" for row in rows)
    rate = min(rows, key=lambda row: float(row["least minibatch loss"]))["rate"]
    loss = dropout.number("least minibatch loss", "float32 rounding", rate=rate)
    steps = dropout.number("steps", "median", rate=rate)
    usual = e.table(FIT, SUMMARY).number("median", "20 networks", quantity="steps")
    return Ruling(
        holds=met == networks,
        fails=met < networks,
        within=below > len(errors) / 2,
        condition="dropout is off while the loss is taken (the document does not state its rate): of "
        f"{len(errors)} networks without dropout {below} have an error below {STOP:g} when they stop, after "
        f"{usual:g} steps (median).",
        correction=f"With dropout active, {met} of {networks} networks met the stop in {steps:g} "
        f"steps. With dropout switched off afterwards their error is below it for {evaluated}.",
        counterexample=f"dropout at rate {rate}: no minibatch had a loss below {loss:.2g}.",
    )


@judge("002-023")
def order_of_dropout(e: Evidence) -> Ruling:
    """That ReLU lets factors of 0 and above through is derived. Both orders are run on torch with one mask: the claim
    fails if they agree to the last bit, and holds if they differ."""
    largest = max(e.table(FIT, "One mask, two orders").column("largest difference", "exact"))
    same = e.verdict(FIT, "Linear → Dropout → ReLU and Linear → ReLU → Dropout, with the same mask")
    return Ruling(
        holds=largest > 0,
        fails=e.proved(FIT, "Dropout before or after ReLU", "ReLU lets factors through") and same and largest == 0,
        correction="Dropout multiplies each unit by 0 or 1/(1 − rate), and ReLU lets factors $m \\geq 0$ through: both "
        f"orders are one function. The largest difference on torch is {largest:g}.",
        counterexample="one unit: $\\mathrm{relu}(m z) = m\\, \\mathrm{relu}(z)$, for every z and mask m.",
    )


@judge("002-024")
def only_two_terms(e: Evidence) -> Ruling:
    """That linear layers in a row are one linear layer is derived, and so is the least error of a line. The claim holds
    if torch's stacks are those lines and trained ones end at that error; it fails if one is below it."""
    variants = e.table(FIT, VARIANTS)
    setting = "no activations"
    floor = variants.number("proved floor", "closed form", setting=setting)
    least, median = (variants.number(name, "float64 rounding", setting=setting) for name in ("D, least", "D, median"))
    quotient = e.table(FIT, ERRORS).number("quotient", "closed form", degree_n=1)
    return Ruling(
        holds=stacked(e) and floor * (1 - SHARE) <= least and median <= floor * (1 + SHARE),
        fails=least < floor * (1 - SHARE),
        correction="A stack of linear layers is nearer to sin than any line.",
        counterexample="one of the trained stacks",
        remark=f"No line is less off than {floor:.4g} in the mean square, and trained stacks stop there: {least:.4g} "
        "at best. That line is not the Taylor polynomial of degree 1, whose error is "
        f"{quotient:.3g} times as large; of the Taylor polynomials the stacks are closest to the one of degree "
        f"{variants.cell('closest n', setting=setting)}.",
    )


@judge("002-025")
def power_of_one_matrix(e: Evidence) -> Ruling:
    """What k layers do is derived with free matrices. Stacks are built on torch and set beside the product of their
    matrices and beside the k-th power of the first: the claim fails if they are the product and not the power, and
    holds if they are the power."""
    table = e.table(FIT, "A stack, and the power of one matrix")
    largest, power = (table.column(name, "float64 rounding") for name in ("largest entry", "off the power"))
    product = table.column("off the product", "float64 rounding")
    off = [a / b for a, b in zip(power, largest, strict=True)]
    layers = table.column("layers", "exact")
    return Ruling(
        holds=max(off) < SHARE,
        fails=stacked(e) and min(off) > SHARE and max(product) < SHARE * min(largest),
        correction="It is a product of different matrices, $W_k \\cdots W_1 x$, and a constant from the biases. It "
        "would be a power if all layers shared one square matrix and had no bias; in the document's stack they have "
        "not even one shape.",
        counterexample=f"{layers[0]:g} square layers without bias, as torch initialises them: off "
        f"$W_1^{{{layers[0]:g}}}$ by {off[0]:.3g} times their largest entry.",
    )


@judge("002-026")
def any_broken_line(e: Evidence) -> Ruling:
    """Weights are derived with which N units are any N linear pieces that meet. The claim holds if torch networks with
    these weights are the functions they were made from, chosen and drawn at random; it fails if one is not."""
    found = [
        *e.verdicts(FIT, "A ReLU layer with suitable weights is the best piecewise-linear function"),
        *e.verdicts(FIT, "The same weights for knots and values drawn at random"),
    ]
    return Ruling(
        holds=e.proved(FIT, HINGES, "every piece") and all(v.verdict == "agree" and v.explained for v in found),
        fails=any(v.verdict == "differ" for v in found),
        correction="A network with the derived weights is another function.",
        counterexample="one of those built",
        remark="In the document's setting, functions of one number: every continuous one on an interval, N pieces with "
        "N units and a linear layer behind them.",
    )


@judge("002-027")
def sums_of_powers(e: Evidence) -> Ruling:
    """The document gives these sums as an example of broken lines, which such a layer is without error. The least
    error with which N linear pieces fit $x^2$ is derived, and met by fits. The claim holds as written if a fit has
    no error, fails if none is without, and holds under the condition named if the error of N pieces is derived to
    fall with N for every such f, and ReLU weights are derived that are these pieces."""
    errors = e.table(FIT, "The square by N pieces").column("found", "float64 rounding")
    counts = e.table(FIT, "The square by N pieces").column("pieces N", "exact")
    law = e.proved(FIT, SQUARE, "mean square error") and e.verdict(FIT, "$x^2$ by N linear pieces")
    return Ruling(
        holds=min(errors) <= 0,
        fails=law and min(errors) > 0,
        within=e.proved(FIT, LAW, "law") and e.proved(FIT, HINGES, "every piece"),
        condition="to fit means to come as near as one likes, on a bounded interval, with enough units: with N of them "
        "the mean square error falls as $N^{-4}$.",
        correction="The network is piecewise linear, and equal to such a sum only if no power is above the first. If i "
        "is meant as an index and not as a power, the sum is a line.",
        counterexample=f"$x^2$ on [−1, 1]: N pieces are off by $4/(45 N^4)$ at least; {counts[0]:g} by "
        f"{errors[0]:.3g}, {counts[-1]:g} by {spoken(float(f'{errors[-1]:.3g}'))}.",
    )


@judge("002-028")
def more_parameters_more_pieces(e: Evidence) -> Ruling:
    """The document varies the size of the first layer. The linear pieces of trained networks with one hidden layer are
    counted kink by kink: the claim holds if every wider one has more than every narrower one, and fails if the median
    is not larger."""
    table = e.table(FIT, "Pieces by width")
    rows = table.rows()
    narrow, wide = sorted(table.column("width", "exact", layers=2))[:2]
    below, above = (table.number("after, median", "4 networks", layers=2, width=w) for w in (narrow, wide))
    most = table.number("after, largest", "counted", layers=2, width=narrow)
    least = table.number("after, least", "counted", layers=2, width=wide)
    pairs = [(a, b) for a in rows for b in rows if int(a["parameters"]) < int(b["parameters"])]
    fewer = [(a, b) for a, b in pairs if float(b["after, median"]) < float(a["after, median"])]
    other = "".join(
        f" Between networks of different depth the number of parameters does not decide: {b['parameters']} in "
        f"{b['layers']} layers make {float(b['after, median']):g} pieces, {a['parameters']} in {a['layers']} layers "
        f"{float(a['after, median']):g}."
        for a, b in fewer[:1]
    )
    last = rows[-1]
    return Ruling(
        holds=least > most,
        fails=above <= below,
        correction="A wider first layer does not bring more pieces.",
        counterexample=f"one hidden layer of {wide:g} units: {above:g} pieces (median); of {narrow:g}: {below:g}.",
        remark=f"One hidden layer of {narrow:g} units has {below:g} pieces (median), of {wide:g} units "
        f"{above:g}.{other} Nor are they well used: "
        f"{last['parameters']} parameters make {float(last['after, median']):g} pieces where "
        f"{float(last['pieces that would do']):g}, well placed, would do for the same error.",
    )


@judge("002-029")
def points_trained_on_as_test(e: Evidence) -> Ruling:
    """A test must be able to find a fault. Networks like the document's are trained on fewer points, and their error
    there is set beside that on fresh points: the claim fails if points that were trained on hide an error that fresh
    ones show, in every network of some row, and holds if they hide none in any row."""
    table = e.table(FIT, "Points trained on, and fresh ones")
    least = dict(zip(table.cells("points"), table.column("fresh over trained on, least", "5 networks"), strict=True))
    hides = [points for points, quotient in least.items() if quotient > 1 + FRESH]
    largest = max(table.column("fresh over trained on, largest", "5 networks"))
    own = e.table(FIT, SUMMARY)
    low, high = (own.number(name, "20 networks", quantity="fresh over trained on") for name in ("least", "largest"))
    shown = "".join(
        f"{points} points: the error on them is {spoken(float(f'{here:.2g}'))} (median), on fresh ones {elsewhere:.2g}."
        for points in hides[:1]
        for here in table.column("on the points, median", "5 networks", points=points)
        for elsewhere in table.column("on fresh points, median", "5 networks", points=points)
    )
    return Ruling(
        holds=largest <= 1 + FRESH and high <= 1 + FRESH,
        fails=bool(hides),
        correction="They are training data: the network is fitted to them, and stops by its error there. A test takes "
        "other points.",
        counterexample=shown,
        remark="With as many points as the document has, and so little training, it makes no difference: on fresh "
        f"points the error is {low:.3g} to {high:.3g} times as large.",
    )


@judge("002-030")
def stop_and_plateau(e: Evidence) -> Ruling:
    """The plateau lies at the network's own error. The claim is that this can be above a loss that stopped training:
    it holds as written if some network of every batch size ends above the height printed, fails if none of some batch
    size does, and holds under the condition named if most of the smallest batch do."""
    stops = e.table(FIT, STOPS)
    rows, above = stops.rows(), [int(n) for n in stops.column(f"with D above {PRINTED:g}", "counted")]
    own = sum(d > PRINTED for d in e.table(FIT, SEEDS).column("D", "float64 rounding"))
    first = min(rows, key=lambda row: int(row["batch"]))
    last = max(rows, key=lambda row: int(row["batch"]))
    listed = ", ".join(
        f"{n} of {row['networks']} with batches of {row['batch']}" for n, row in zip(above, rows, strict=True)
    )
    quotients = [stops.number("D over loss", "median", batch=row["batch"]) for row in (first, last)]
    fresh = e.table(FIT, SUMMARY).number("largest", "20 networks", quantity="fresh over trained on")
    return Ruling(
        holds=all(above) and own > 0,
        fails=not all(above),
        within=int(first[f"with D above {PRINTED:g}"]) > int(first["networks"]) / 2,
        condition=f"the stop looks at the loss of a small minibatch: with batches of {first['batch']} the error of the "
        f"network is {quotients[0]:.3g} times that loss (median).",
        correction=f"Above {PRINTED:g} end {listed}. The document does not state its batch. A stop on all points would "
        f"leave little room: on fresh points the error is at most {fresh:.3g} times that on those trained on.",
        counterexample=f"batches of {last['batch']}: the error is {quotients[1]:.3g} times the loss that "
        f"stopped it (median), {float(last['D, largest']):.3g} at most.",
    )


@judge("002-031")
def tuning_or_layers(e: Evidence) -> Ruling:
    """One of the two is enough. The claim holds if the same networks, trained on without a stop, are all better than
    the best that stopped; it fails if none of them is better than the worst, and deeper ones are not better beyond
    chance (Mann and Whitney) either."""
    usual, longer = e.table(FIT, SUMMARY), "trained on, no stop"
    least, median, largest = (
        usual.number(name, "20 networks", quantity=ERROR) for name in ("least", "median", "largest")
    )
    variants = e.table(FIT, VARIANTS)
    tuned = [variants.number(name, "6 networks", setting=longer) for name in ("D, least", "D, median", "D, largest")]
    rows = e.table(FIT, "Deeper against shallower").rows()
    better = [float(row["chance of less"]) < CHANCE for row in rows]
    depth = "; ".join(
        f"from {row['from']} to {row['to']} the median is {float(row['quotient of the medians']):.2g} times as large, "
        f"which is {'' if less else 'not '}beyond chance"
        for row, less in zip(rows, better, strict=True)
    )
    return Ruling(
        holds=tuned[2] < least,
        fails=tuned[0] >= largest and not any(better),
        correction="Neither brings the error down.",
        counterexample="the networks in the tables",
        remark=f"More tuning does: trained on, every network gets below the best that stopped; the median falls from "
        f"{median:.3g} to {spoken(float(f'{tuned[1]:.3g}'))}. Of more layers it is not decided as clearly: {depth}.",
    )


@judge("002-032")
def closest_polynomial(e: Evidence) -> Ruling:
    """Term 11 is read as degree 11: the claim holds if all networks are closest to that polynomial, and fails if so few
    are that chance would not have it so, were it every second one. Under the condition named it holds if so many are
    closest to the polynomial that another way of counting names."""
    closest = e.table(FIT, CLOSEST)
    counts = {int(n): int(closest.number("closest for", "counted", degree_n=n)) for n in closest.cells("degree n")}
    total, own = len(e.table(FIT, SEEDS).column("closest n", "exact quadrature")), counts.get(TERM, 0)
    zeros = e.table(FIT, READINGS).number("its last non-zero term", "exact", counted_by="coefficient, zeros counted")
    others = ", ".join(
        f"{row['to $T_{11}$']} of {row['networks']} with batches of {row['batch']}"
        for row in e.table(FIT, STOPS).rows()
    )
    error = e.table(FIT, SUMMARY).number("median", "20 networks", quantity=ERROR)
    near = nearest_in_error(e, error)
    return Ruling(
        holds=sum(counts.values()) == total == own,
        fails=sum(counts.values()) == total and at_most(own, total) < CHANCE,
        within=at_most(total - counts.get(int(zeros), 0), total) < CHANCE,
        condition=f"term {TERM} is the eleventh coefficient, counted from the constant on with the zeros: the "
        f"polynomial is then $T_{{{zeros:g}}}$.",
        correction=f"By degree, closest are {listed(counts)} of {total} networks; to $T_{{{TERM}}}$ also {others}. "
        "Past the beginning of the plateau all are nearly equally close, and how the network errs near ±π decides. "
        f"None of this is accuracy: the networks' error {error:.3g} (median) is nearest to that of $T_{{{near}}}$.",
        counterexample=f"{total - own} of the {total} networks, seed by seed in the table.",
    )


@judge("002-033")
def height_of_the_plateau(e: Evidence) -> Ruling:
    """That the distance to the Taylor polynomials settles, at the network's own error, is derived for every network.
    The claim holds as written if all networks have the printed height, within a hundredth, fails if some have not,
    and holds under the condition named if the rule is met on torch and networks with that error occur."""
    summary = e.table(FIT, SUMMARY)
    low, high = (summary.number(name, "20 networks", quantity=HEIGHT) for name in ("least", "largest"))
    off = [abs(height / PRINTED - 1) for height in (low, high)]
    start = e.table(FIT, "Where the plateau starts").number(f"within {SHARE:g}", "derived", D=PRINTED)
    rule = e.proved(FIT, "When the distance to T_n becomes flat", "flat within τ")
    met = e.verdict(FIT, "Distance to $T_n$, n = 1…15") and e.verdict(FIT, "Past the plateau's start", "differ")
    batches = [
        row["batch"]
        for row in e.table(FIT, STOPS).rows()
        if float(row["D, least"]) <= PRINTED <= float(row["D, largest"])
    ]
    return Ruling(
        holds=rule and met and max(off) <= SHARE,
        fails=max(off) > SHARE,
        within=rule and met and bool(batches),
        condition=f"the network's own mean square error is {PRINTED:g}; from degree {start:g} on the difference then "
        f"stays within {100 * SHARE:g} % of it, whatever the network.",
        correction="That it stays is true of every network. Its height says nothing of sin or of Taylor: it is the "
        f"network's error, {low:.3g} to {high:.3g} here, another for every seed. The printed height lies in the range "
        f"of networks that stop on batches of {' and '.join(map(str, batches)) or 'no size tried'}.",
        counterexample=f"the networks of the main experiment: none has a plateau at {PRINTED:g}."
        if high < PRINTED
        else f"a network with a plateau at {low:.3g}.",
    )


@judge("002-034")
def what_a_term_is(e: Evidence) -> Ruling:
    """Two remarks of the document are asked which way of counting they fit: that the plateau begins at term 11 (by the
    derived rule, within a hundredth), and that the network is closest there. The claim holds if both mean the degree,
    and fails if both mean one other count; if they contradict each other, what was counted stays open."""
    readings = e.table(FIT, READINGS).rows()
    counts = {int(row["degree n"]): int(row["closest for"]) for row in e.table(FIT, CLOSEST).rows()}
    most = max(counts, key=lambda n: counts[n])
    flat = {str(r["counted by"]) for r in readings if float(r["flat within: least"]) <= SHARE < float(r["below"])}
    closest = {str(r["counted by"]) for r in readings if int(r["its last non-zero term"]) == most}
    read = ", ".join(f"degree {r['degree']} if one counts by {r['counted by']}" for r in readings)
    return Ruling(
        holds=flat == closest == {"degree"},
        fails=flat == closest and len(flat) == 1 and "degree" not in flat,
        correction=f"Both remarks fit counting by {either(flat)}.",
        counterexample=f"term {TERM}: {read}.",
        open="What was counted is a matter of the document's program, which is not given, and its two remarks "
        "contradict each other",
        remark=f"term {TERM} is {read}; that the plateau begins there, at {PRINTED:g}, fits counting by "
        f"{either(flat)}; that the network is closest there fits counting by {either(closest)} ({listed(counts)} "
        f"networks)",
    )


def stacked(e: Evidence) -> bool:
    """Whether linear layers in a row are one, with the product of their matrices: derived, and on torch."""
    return e.proved(FIT, STRUCTURE, "one after the other") and e.verdict(FIT, "6 linear layers are a line")


def at_most(count: int, of: int) -> float:
    """The chance of so few or fewer, were it every second one."""
    return float(sum(comb(of, k) for k in range(count + 1)) / 2**of)


def nearest_in_error(e: Evidence, error: float) -> int:
    """The odd degree whose Taylor polynomial is nearly as accurate, by the ratio."""
    table = e.table(FIT, ERRORS)
    errors = dict(zip(table.column("degree n", "exact"), table.column("$T_n$", "closed form"), strict=True))
    return int(min((n for n in errors if n % 2), key=lambda n: abs(log(errors[n] / error))))


def listed(counts: dict[int, int]) -> str:
    """How many networks are closest to which polynomial."""
    return ", ".join(f"$T_{{{n}}}$ for {k}" for n, k in counts.items() if k)


def either(readings: set[str]) -> str:
    """Ways of counting, or none."""
    return " or ".join(sorted(readings)) or "none of these ways"
