"""The highlights: what is said, and what residua found, every number looked up in the findings of a run.

Sizes that are written here are those that a row or a table is looked up by; what a table says of its own setting in
words only is looked for there.
"""

import math
from collections.abc import Callable

from residua_bridge.claims import Evidence, Look
from residua_bridge.claims.evidence import Where
from residua_bridge.highlights.row import Highlight, at_least, at_most, barred, listed, percent, require, shown

BATCHNORM, DYNAMICS, SIN = "batchnorm-explosion", "dynamics", "sin-fit"
BATCH = 32
PASSES_FOR, CONFIRMED = "by itself π/(π−1) passes for", "confirmed"  # a column, and what may stand there
ON_SIN = "sin on [−π, π]"
BEHIND = f"$T_{{3}}$ of {ON_SIN}"
STOP = 0.0005


def popular_growth(e: Evidence) -> Highlight:
    """Batch norm's π/(π−1), crossed on the way."""
    name, seen = "popular growth", e.table(BATCHNORM, "Nets of four depths")
    table = e.table(BATCHNORM, "One number at every depth")
    rows = {int(row["depth"]): row for row in table.rows()}
    measured = [table.number("measured", "standard error over networks", depth=depth) for depth in rows]
    bar = max(seen.column("standard error", "", law=f"depth {depth}")[0] for depth in rows)
    taken = [depth for depth, row in rows.items() if row[PASSES_FOR] == CONFIRMED]
    require(len(taken) == 1, name, "one depth alone seems to confirm π/(π−1)")
    edge, batch = (table.number(cause, "exact", depth=taken[0]) for cause in ("edge layer", "finite batch"))
    require(
        edge < 0 < batch
        and e.verdict(BATCHNORM, "π/(π−1) a layer, whatever the depth", "differ")
        and e.verdict(BATCHNORM, "The law at finite batch, along depth")
        and e.proved(BATCHNORM, "Squared gradients through Linear → BatchNorm → ReLU, L times", "inner layer"),
        name,
        "π/(π−1) differs, two errors cancel, and the law at finite batch is proved and agrees",
    )
    popular = table.number("π/(π−1)", "exact", depth=taken[0])
    return Highlight(
        said=f"With batch norm and ReLU the squared gradient grows by π/(π−1) = {shown(popular, 4)} a layer",
        strong=f"{listed([shown(value, 4) for value in measured])} (± {at_most(bar)} or less) at depths "
        f"{listed(list(map(str, rows)))}.",
        found=f"At depth {taken[0]} two errors cancel: {shown(edge, 2)} of the first layer, +{shown(batch, 2)} of the "
        f"batch of {BATCH}. An inner layer grows by exactly {shown(inner_growth(e), 5)} at this batch, and the law "
        "that knows the first layer meets every depth",
        links=(("batch norm", BATCHNORM),),
    )


def inner_growth(e: Evidence) -> float:
    """The factor of an inner layer of Linear → BatchNorm → ReLU."""
    return e.table(BATCHNORM, "Which variances batch").column("factor of an inner layer", "exact", B=BATCH)[0]


def he_and_batch_norm(e: Evidence) -> Highlight:
    """Batch norm makes gradients explode that He's weights keep."""
    layers, he = 30, 2.0
    bounds = e.table(BATCHNORM, "Which variances batch")
    low, high = (bounds.number(end, "exact", B=BATCH, layers=layers) for end in ("hurts from v =", "to v ="))
    pairs, where = e.table(BATCHNORM, "With and without"), {"n": 64, "layers": layers, "B": BATCH, "v": he}
    without, normed = (pairs.number(column, "largest s.e.", where) for column in ("measured", "measured "))
    require(
        low < he < high and pairs.cell("measured: it", "", where) == "hurts",
        "He and batch norm",
        "batch norm hurts at He's variance",
    )
    return Highlight(
        said="Normalisation mitigates exploding gradients",
        strong=f"At He's initialisation batch norm makes them explode: {shown(10**normed, 2)} where it is "
        f"{shown(10**without, 2)} without",
        found=f"(squared gradient through {layers} layers, batch {BATCH}, typical net). It hurts wherever fan-in × "
        f"variance of the weights lies between {shown(low)} and {shown(high)}; He's is {shown(he, 1)}",
        links=(("batch norm", BATCHNORM),),
    )


def he_mean(e: Evidence) -> Highlight:
    """A mean of 1 that no network has."""
    name, report, width = "He weights", "plain-nets", 16
    table = e.table(report, "Means that hide their tails")
    depth = int(max(table.column("L", "")))
    mean, law = (table.number(f"{kind} mean, law".lstrip(), "exact", L=depth) for kind in ("", "geometric"))
    median = table.number("median, measured", "over the networks of a row", L=depth)
    share = table.number("share of the sum that the largest 1% hold", "", L=depth)
    _setting(name, table, f"n = {width},")
    require(
        mean == 1
        and e.verdict(report, "The arithmetic mean of the ratio is 1 at every width and depth")
        and e.proved(report, "Mean, second moment and death of the squared-gradient ratio", "arithmetic mean"),
        name,
        "the mean is 1 at every depth",
    )
    return Highlight(
        said="He initialisation keeps gradients at their size, however deep the net",
        strong=f"The mean is {shown(mean, 1)}, a typical net has {shown(median, 2)}",
        found=f"(squared gradient, width {width}, {depth} layers; derived: {shown(law, 2)}). The mean is exact at "
        f"every depth; of the sum that was measured, {percent(share)} sits in the largest hundredth of the nets",
        links=(("plain nets", report),),
    )


def mean_or_typical(e: Evidence) -> Highlight:
    """Layer norm: the mean grows, the logarithm falls."""
    report, where = "layernorm-width", {"n": 16, "L": 16}
    table = e.table(report, "Mean and mean logarithm, by width and depth")
    mean = table.number("law of the mean", "exact", where)
    typical = math.exp(table.number("law of the mean log", "exact", where))
    log, error = (table.number(column, "standard error ", where) for column in ("measured mean log", "standard error "))
    require(
        mean > 1 > typical
        and e.proved(report, "Opposite signs, and of one size: layernorm", "signs")
        and e.verdict(report, "mean logarithm of the gradient ratio, layernorm"),
        "layer norm",
        "mean and mean logarithm have opposite signs",
    )
    return Highlight(
        said="Layer norm keeps gradients from vanishing and from exploding",
        strong=f"Their mean grows to {shown(mean)}, that of a typical net falls to {shown(typical)}",
        found=f"(squared gradient, linear net of width and depth {where['n']}, exact laws; measured for the latter: "
        f"{barred(math.exp(log), math.exp(log) * error)}). Proved for every width: which mean one reports decides the "
        "word",
        links=(("layer norm", report),),
    )


def dropped_projector(e: Evidence) -> Highlight:
    """What (1.10) and (1.11) leave out."""
    report, width, narrow, layers = "normalization", 64, 32, 20
    one = e.table(report, "Relative error", "Error of (1.10) against n").number(
        "measured", "rounding", network="LayerNorm alone", n=width
    )
    deep = e.table(report, "Relative error", "Error of (1.11) against depth").number(
        "measured", "median over nets and inputs", network=f"LayerNorm, width {narrow}", layers=layers
    )
    nothing = e.table(report, "Where the true Jacobian vanishes").cell(
        "the Jacobian vanishes at", "proved", normaliser="layernorm"
    )
    require(e.verdict(report, "(1.1", "differ"), "the dropped projector", "(1.10) and (1.11) differ")
    return Highlight(
        said=r"The Jacobian of a normalised layer is $\frac{g}{\sigma} W$",
        strong=f"Off by {percent(one)} for one layer norm of width {width}, by {percent(deep, 3)} through {layers} "
        f"layers of width {narrow}.",
        found="Mean and variance depend on the input too; what that adds takes two directions out of the gradient, "
        f"and at {nothing} all of it",
        links=(("normalisation", report),),
    )


def order_in_the_block(e: Evidence) -> Highlight:
    """Pre-norm and post-norm, with the ReLU first and last."""
    name, report, width, blocks = "order in the block", "residual-growth", 64, 48
    table = e.table(report, f"Gradients through {blocks} blocks")
    _setting(name, table, f"width {width},")

    def seen(block: str) -> str:
        return barred(
            *(table.number(column, "standard error", block=block) for column in ("measured", "standard error"))
        )

    def law(block: str) -> float:
        return table.number("law, n → ∞", "exact", block=block)

    pre, swapped = "x + (LayerNorm → ReLU → Linear)", "x + (LayerNorm → Linear → ReLU)"
    post, post_swapped = "LayerNorm(x + (ReLU → Linear))", "LayerNorm(x + (Linear → ReLU))"
    require(law(pre) < law(swapped) and law(post) < law(post_swapped), name, "the order matters")
    return Highlight(
        said="Through $L$ pre-norm blocks the squared gradient grows by $1+L$, through post-norm blocks not at all",
        strong=f"Swap ReLU and Linear in the block, and {seen(pre)} becomes {seen(swapped)}; post-norm, {seen(post)} "
        f"becomes {seen(post_swapped)}",
        found=f"({blocks} blocks, width {width}). Laws, in the limit of width: {shown(law(pre), 2)} and "
        f"{shown(law(swapped))}, {shown(law(post), 1)} and {shown(law(post_swapped), 2)}",
        links=(("residual nets", report),),
    )


def linearised(e: Evidence) -> Highlight:
    """How the distance to the linearised network falls with width."""
    table = e.table(DYNAMICS, "Fitted exponents")

    def exponent(layers: int) -> str:
        columns = ("exponent", "standard error")
        return barred(*(table.number(column, "standard error", hidden_layers=layers) for column in columns))

    off = [table.number("off −1/2 by, in s.e.", "", hidden_layers=layers) for layers in (2, 1)]
    popular = e.verdict(DYNAMICS, "distance ∝ $n^{-1/2}$ as $n$ grows, 2 hidden layers", "differ")
    require(popular and min(off) > 4, "linearised networks", "the exponent is not −1/2")
    return Highlight(
        said="Training stays close to the linearised network (tangent kernel), at a distance that falls as "
        "$n^{-1/2}$ with the width $n$",
        strong=f"The exponent is {exponent(2)} with two hidden layers, {exponent(1)} with one:",
        found=f"{shown(off[0], 2)} and {shown(off[1], 2)} standard errors from −1/2 (tanh, weights of variance "
        "1/fan-in)",
        links=(("dynamics", DYNAMICS),),
    )


def large_rates(e: Evidence) -> Highlight:
    """Rates far beyond the largest stable one."""
    report, rates = "invariance", "rate over 2/λ_max"
    table, gain = e.table(report, "Rates with normalisation"), e.table(report, "Gain and shift behind")
    where = {rates: max(table.column(rates, ""))}
    before, after, start, end, effective = (
        table.number(column, "one training", where)
        for column in (
            "‖w‖² at the start",
            "‖w‖² after a step",
            "loss at the start",
            "loss at the end",
            "effective rate η/‖w‖² over 2/λ_max, at the end",
        )
    )
    beyond = min(rate for rate in gain.column(rates, "") if rate > 1)
    blown = gain.number("after 12 steps", "one training", {rates: beyond})
    require(end < start < blown and effective < 1, "large rates", "w survives any rate, and γ and β do not")
    return Highlight(
        said="Batch norm allows larger learning rates",
        strong=f"{where[rates]:,.0f} times the largest stable one does not diverge:".replace(",", " "),
        found=f"the first step takes ‖w‖² from {shown(before, 2)} to {shown(after, 2)}, and from then on the rate in "
        f"effect is {shown(effective, 1)} of that limit. Train γ and β as well, and at {shown(beyond, 2)} times the "
        f"limit the loss is {shown(blown, 2)} after 12 steps",
        links=(("invariance", report),),
    )


def gradient_check(e: Evidence) -> Highlight:
    """A float32 gradient check with the usual step."""
    report = "finite-differences"
    table = e.table(report, "How far a right gradient is")
    usual, best, double = (
        {"dtype": dtype, "step": step}
        for dtype, step in (("float32", "usual"), ("float32", "best"), ("float64", "usual"))
    )
    off, least, fine = (table.number("measured", "expected distance, relative", w) for w in (usual, best, double))
    require(off > 0.1 > least > fine, "gradient check", "the usual step misleads in float32 alone")
    return Highlight(
        said=f"Check gradients by finite differences, step {shown(table.number('h', '', usual), 1)}",
        strong=f"In float32 a right gradient is then {percent(off)} off,",
        found=f"{percent(least)} at the best step, {shown(table.number('h', '', best), 2)}. Step and tolerance can be "
        f"computed (in float64 this step does: {shown(fine, 2)} off)",
        links=(("finite differences", report),),
    )


def closest_polynomial(e: Evidence) -> Highlight:
    """Which Taylor polynomial a trained network is closest to."""
    quoted = 11
    closest = e.table(SIN, "Which T_n is closest")
    counts = {int(n): int(closest.number("closest for", "", degree_n=n)) for n in closest.column("degree n", "")}
    winner = max(counts, key=lambda n: counts[n])
    together = e.table(SIN, "The networks together")
    least, most = (together.number(end, "counted", quantity="linear pieces") for end in ("least", "largest"))
    pieces = e.table(SIN, "How many pieces an error takes")
    enough = pieces.number("pieces that do", "certified", error_meant="mean square", at_most=STOP)
    require(winner != quoted and enough < least, "closest polynomial", f"the closest degree is not {quoted}")
    return Highlight(
        said=f"A ReLU net trained on sin comes closest to the {quoted}th Taylor polynomial",
        strong=f"{counts[quoted]} of {sum(counts.values())} seeds. {counts[winner]} come closest to the {winner}th.",
        found="How a net errs next to ±π decides it; its distance to higher ones is its own error. It spends "
        f"{least:.0f} to {most:.0f} linear pieces on an error of {STOP:g}, for which {enough:.0f} suffice",
        links=(("sin", SIN),),
    )


def built_or_trained(e: Evidence) -> Highlight:
    """Weights that are written down against weights that are learnt."""
    name, report, width = "built or trained", "universal-approximation", 32
    where: Where = {"activation": "relu", "width": width}
    table = e.table(report, "Constructed against trained")
    _setting(name, table, "Adam")
    _setting(name, table, "sin")
    floor, built = (table.number(column, "proved", where) for column in ("floor", "best lines built"))
    adam, later = (
        table.number(column, "median over seeds", where)
        for column in ("trained by Adam: median", "then second order: median")
    )
    seeds = int(table.number("seeds", "", where))
    require(floor < built < later < adam, name, "what is built is nearer than what is trained")
    return Highlight(
        said="Universal approximation explains how networks learn functions",
        strong=f"It says that good weights exist, not that training finds them: on sin {width} ReLUs with computed "
        f"weights have the mean square error {shown(built, 2)}, trained ones {shown(adam, 2)}",
        found=f"(median of {seeds} seeds, Adam; {shown(later, 2)} after a second-order method). No weights have less "
        f"than {at_least(floor)}: proved",
        links=(("universal approximation", report),),
    )


def two_relus(e: Evidence) -> Highlight:
    """The ramps nearest to the sigmoid."""
    name, report = "two ReLUs", "minimax"
    table = e.table(report, "The nearest ramps")

    def nearest(ends: str) -> tuple[float, float]:
        where = {"target": "sigmoid", "ends": ends, "on": "the line"}
        least, reached = (table.number(column, "certified", where) for column in ("no ramp is nearer than", "reached"))
        return least, reached

    (free, free_reached), (held, held_reached) = nearest("free"), nearest("held at 0 and 1")
    library = "torch: relu6(x + 3)/6"
    torch = e.table(report, "Hard sigmoids of libraries").number(
        "largest error, at least", "certified", hard_sigmoid=library
    )
    require(
        shown(free) == shown(free_reached)
        and shown(held) == shown(held_reached)
        and e.verdict(report, "The error of two ReLUs in torch is the curve of the nearest ramp")
        and torch > held_reached,
        name,
        "both bounds meet, and torch's hard sigmoid is farther off",
    )
    return Highlight(
        said="Two ReLUs can approximate a sigmoid",
        strong=f"To {shown(free)} and no nearer; to {shown(held)} if they run from 0 to 1:",
        found=f"proved from both sides, on the whole line. torch's hard sigmoid is off by {shown(torch)}",
        links=(("ramps and sigmoids", report),),
    )


def taylor_blocks(e: Evidence) -> Highlight:
    """Document 000's construction, read literally."""
    report, blocks = "residual-taylor", 7
    growth = e.table(report, "Growth with depth")
    off = growth.number("read literally: sup of the error", "ball arithmetic", f=ON_SIN, L=blocks)
    floor = e.table(report, "Certified floors").number("floor against f: at least", "certified", state=BEHIND)
    trained = e.table(report, "Trained scalar streams").column("sup error", "on a grid", stream="sin, behind $T_{3}$")
    require(
        e.verdict(report, "Smallest counterexamples: $f(x) = x$ gives $2x$")
        and e.verdict(report, f"The construction for {ON_SIN.split()[0]} is sin", "differ")
        and min(trained) > floor > 0,
        "Taylor blocks",
        "the construction fails and the floor stands",
    )
    return Highlight(
        said="A residual network is a Taylor series: block $l$ adds the $l$-th term",
        strong=f"Taken at its word, f(x) = x comes out as 2x, and sin is off by {shown(off, 2)} after {blocks} blocks.",
        found=f"A partial sum has forgotten x: behind $T_3$ no block of any kind comes closer to sin than {floor:g} "
        f"(certified); trained ones end at {shown(min(trained))} to {shown(max(trained))}",
        links=(("residual Taylor", report),),
    )


def swell(e: Evidence) -> Highlight:
    """Trees and graphs of one derivative."""
    report, level, where = "swell", 60, {"map": "logistic map"}
    table = e.table(report, f"Level {level}, exactly")
    tree = int(table.cell("SymPy", "exact", {**where, "count": "tree"}))
    operations = int(table.cell("graph", "proved", {**where, "count": "reverse mode"}))
    require(
        e.verdict(report, "Laws of the logistic map, SymPy") and e.verdict(report, "Laws of the logistic map, graph"),
        "swell",
        "the laws of growth agree",
    )
    return Highlight(
        said="Symbolic derivatives swell beyond use",
        strong=f"{shown(tree, 2)} nodes as a tree, {operations} operations as a graph:",
        found=f"the same derivative, of level {level} of the logistic map, counted exactly. What swells is the way of "
        "writing it down",
        links=(("swell", report),),
    )


def _setting(name: str, table: Look, words: str) -> None:
    """The caption of this table says so of its setting."""
    require(words in table.table.caption, name, f"“{words}” stands in the caption of {table.table.title!r}")


ROWS: tuple[Callable[[Evidence], Highlight], ...] = (
    popular_growth,
    he_and_batch_norm,
    he_mean,
    mean_or_typical,
    linearised,
    dropped_projector,
    order_in_the_block,
    large_rates,
    gradient_check,
    built_or_trained,
    two_relus,
    taylor_blocks,
    closest_polynomial,
    swell,
)
