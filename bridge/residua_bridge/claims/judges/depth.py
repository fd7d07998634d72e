"""Document 000: what depth and width do, to orders, to accuracy and to gradients."""

from itertools import pairwise

from residua_bridge.claims.evidence import Evidence, Look
from residua_bridge.claims.judging import judge
from residua_bridge.claims.ruling import Ruling
from residua_bridge.findings import Cell
from residua_bridge.formats._text import spoken

ORDER, TAYLOR, GROWTH, PRODUCTS, FIT = (
    "depth-order",
    "residual-taylor",
    "residual-growth",
    "residual-products",
    "sin-fit",
)
WITHIN, SUMS = "Coefficients within reach", "What the sum is after each block"  # tables
READ, GRADIENTS, SKIP = "Read out after every block", "Gradients through", "What the skip does"
OWN, ANEW = "trained, read by the last layer", "trained, read by a layer fitted there"
BEYOND = "tanh on [−π, π]"
CHANCE = 0.01  # a difference that chance alone brings more often is none
SURE = 2  # standard errors


@judge("000-002")
def width_and_depth(e: Evidence) -> Ruling:
    """Blocks that are powers make a network a polynomial. Its degree is derived for every depth, and how many of its
    coefficients a width sets free is counted exactly. The claim holds if depth raises the degree and a wider net never
    frees more than one coefficient more; it fails if it frees several, and one layer of tanh is derived, and measured,
    to have as many prescribed odd terms as it has units."""
    deeper, free, terms = degrees_multiply(e), freed(e), width_has_terms(e)
    several = free[1] - free[0] > 1 and e.verdict(ORDER, "Coefficients within reach, counted by singular values")
    return Ruling(
        holds=deeper and not several and not terms,
        fails=several and terms and deeper,
        correction="Width sets more coefficients free, in several orders at once, until all are; a layer of m tanh "
        "units has the first m odd terms of sin. Depth does bring higher orders where blocks are polynomials of degree "
        "d ≥ 2, but not one after the other: L of them have the degree $d^L$. A layer of tanh has all orders from the "
        "start.",
        counterexample=f"{free[2]}, each wider by one unit: the coefficients that can be chosen go from {free[0]} to "
        f"{free[1]}.",
    )


@judge("000-003")
def layers_are_terms(e: Evidence) -> Ruling:
    """The share that the block named by the document has of each order is measured in trained networks, beside what
    blocks would have that are all alike. The claim holds if it is nearer to all than to that, by two standard errors,
    and fails if it is nearer to that and the degree of L blocks is derived to be another than L."""
    shares = diagonal(e)
    degree = e.table(ORDER, WITHIN).number("terms up to degree", "derived", network="square, residual", depth_L=2)
    free = e.table(ORDER, WITHIN).number("w = 2", "exact", network="square, residual", depth_L=2)
    built = e.verdict(ORDER, "Networks built to be 000's: block l adds term l, on torch")
    arranged = " One can build a network with one term a block, with weights chosen for it." if built else ""
    told = ", ".join(f"{100 * s:.3g} ± {100 * error:.2g} % ({target})" for target, s, error, _ in shares)
    return Ruling(
        holds=all(s - SURE * error > (1 + blind) / 2 for _, s, error, blind in shares),
        fails=degrees_multiply(e) and all(s + SURE * error < (1 + blind) / 2 for _, s, error, blind in shares),
        correction="L blocks of degree d have terms up to the order $d^L$. Of an order, the block that the document "
        f"gives it to has {told} in trained networks; {100 * shares[0][3]:.3g} % is what it would have if all blocks "
        f"were alike.{arranged}",
        counterexample=f"Two residual blocks of squares have the degree {degree:g}, and all {free:g} coefficients can "
        "be chosen from width 2 on.",
    )


@judge("000-008")
def introduced_for(e: Evidence) -> Ruling:
    """Not computed: what someone introduced something for is no matter of evidence of this kind. What a skip does to
    the gradients of networks before training is measured, and told."""
    words = [str(word) for word in gradients(e).cells("typical norm", "120 networks")]
    blocks = gradients(e).table.title.removeprefix(GRADIENTS).split()[0]
    vanishing = with_skip(e, "vanishing is")
    exploding = with_skip(e, "exploding is")
    return Ruling(
        holds=False,
        fails=False,
        open="What residual networks were introduced for is history. He et al. (arXiv:1512.03385) name the "
        "degradation of training with depth, and say that normalisation had largely dealt with vanishing gradients",
        remark=f"what can be measured: set beside the same network without it, a skip alone makes vanishing gradients "
        f"{either(vanishing)} and exploding ones {either(exploding)}. Of {len(words)} kinds of residual blocks, "
        f"through {blocks} of them at initialisation, {words.count('between')} have neither.",
    )


@judge("000-014")
def every_layer_contributes(e: Evidence) -> Ruling:
    """Trained networks are read out after every block by their own last layer. The claim holds if the error falls
    with every block of every network, and the derived degree grows with depth; it fails if in some network the error
    rises with some block."""
    (own, every), (anew, _) = counted(e, OWN, "every block improves"), counted(e, ANEW, "every block improves")
    taylor = e.table(ORDER, SUMS).cell("every block improves", "exact", sums_of="Taylor sums", target="sin")
    rows = e.table(TAYLOR, READ).rows(read_by="the last layer")
    worse = next((row for row in rows if float(row["after 1 block"]) > float(row["after 0 blocks"])), None)
    shown = ""
    if worse:
        before, behind = (read_out(e, name, worse["seed"]) for name in ("after 0 blocks", "after 1 block"))
        shown = (
            f"A network trained on sin (seed {worse['seed']}), read by its last layer: mean square error {before:.3g} "
            f"before the first block, {behind:.3g} behind it."
        )
    terms = "" if str(taylor).startswith("1 ") else ", and the Taylor sums of sin themselves do not"
    return Ruling(
        holds=own == every and degrees_multiply(e),
        fails=own < every,
        correction=f"Of {every} trained networks {own} improve with every block, read by their own last layer, and "
        f"{anew} if a new layer is fitted to read them{terms}. More blocks do bring higher orders where blocks "
        "are polynomials of degree d: L of them have the degree $d^L$.",
        counterexample=shown,
    )


@judge("000-015")
def more_layers_are_better(e: Evidence) -> Ruling:
    """The claim would hold if networks of the document's kind, one Taylor term a block, always improved with depth,
    and trained ones did beyond chance. It fails if those for a function whose series diverges get worse. Under the
    condition named it holds if the least error that is proved for every depth falls with it."""
    errors = e.table(TAYLOR, "Error of the carried state").column("sup |network − f|", "401 points", f=BEYOND)
    chances = e.table(FIT, "Deeper against shallower").column("chance of less", "Mann and Whitney")
    better = sum(chance < CHANCE for chance in chances)
    return Ruling(
        holds=errors[-1] < errors[0] and better == len(chances),
        fails=errors[-1] > errors[0],
        within=floors_fall(e),
        condition="one compares the best that each depth can do, at enough width: a block can add nothing, so that it "
        "never gets worse, and for polynomial blocks the floor falls with every block.",
        correction=f"What training finds is another matter: of {len(chances)} steps to deeper networks, trained on sin "
        f"alike, {better} brought less error beyond chance.",
        counterexample="A network with one Taylor term of tanh a block, on [−π, π]: its largest error grows from "
        f"{errors[0]:.3g} without blocks to {spoken(float(f'{errors[-1]:.3g}'))} with all of them.",
    )


@judge("000-016")
def skips_against_vanishing(e: Evidence) -> Ruling:
    """Networks with the document's layer, x + F(x), are set beside the same without the skip, over a ladder of weight
    variances, at initialisation. The claim holds if vanishing gradients are rarer in every such comparison, and the
    expected squared gradient is derived to grow with every block; it fails if they are more frequent in one, or if
    a typical network with such blocks vanishes."""
    table = gradients(e)
    bare = {str(row["block"]): str(row["typical norm"]) for row in table.rows() if str(row["block"]).startswith("x + ")}
    rarer = with_skip(e, "vanishing is")
    without = with_skip(e, "plain vanishes at")
    skipped = either(with_skip(e, "vanishes with skip"))
    law = e.proved(GROWTH, "Unnormalised, ReLU → Linear", "one block, backward", "L blocks")
    same = all(e.verdict(PRODUCTS, f"Gradient norms: residual {kind}, He variance") for kind in KINDS)
    behind = [str(block) for block in table.cells("block", typical_norm="vanishing")]
    training = e.table("digits", "Gradients and spectrum").column(
        "gradient ratio, predicted", "rounding", network="residual"
    )
    return Ruling(
        holds=law and same and set(rarer) == {"rarer"} and "vanishing" not in bare.values(),
        fails="more frequent" in rarer or "vanishing" in bare.values(),
        correction="With a skip gradients vanish more often than without.",
        counterexample="one of the networks in the tables",
        remark=f"Without the skip the gradient through {with_skip(e, 'blocks')[-1]} blocks vanishes at {without[-1]} "
        f"times He's variance, with it at {skipped}; but exploding gradients are "
        f"{either(with_skip(e, 'exploding is'))}. This is so at initialisation; in training, on digits, the gradient "
        f"at the first block is {min(training):.3g} to {max(training):.3g} times that at the last. A normaliser "
        "behind the addition, which the document's layer does not have, can undo it: through "
        f"{'; '.join(behind) or 'no such block'} the gradient vanishes.",
    )


@judge("000-017")
def early_and_late(e: Evidence) -> Ruling:
    """A measure that the Taylor sums themselves must meet: better than the best constant after more than half of the
    terms, and better with every later one. The claim holds if all trained networks meet it, by their own last layer
    and by one fitted anew, holds under a condition if all do by one of the two, and fails if some do not."""
    column = "approximates, then refines"
    (own, every), (anew, _) = counted(e, OWN, column), counted(e, ANEW, column)
    fair, terms = counted(e, "Taylor sums", column)
    rows = e.table(TAYLOR, READ).rows(read_by="the last layer")
    late = max(rows, key=lambda row: float(row["after 3 blocks"]) / float(row["after 4 blocks"]))["seed"]
    three, four = (read_out(e, name, late) for name in ("after 3 blocks", "after 4 blocks"))
    zero = e.table(TAYLOR, "Error of the carried state").number(
        "mean square of T_n", "closed form", f="sin on [−π, π]", n=0
    )
    return Ruling(
        holds=fair == terms and own == anew == every,
        fails=fair == terms and min(own, anew) < every,
        within=every in (own, anew),
        condition=f"the sums are read by {'the last layer' if own == every else 'a layer fitted to them'}.",
        correction=f"Of {every} trained networks {own} first approximate and then refine, as the Taylor sums do, if "
        f"read by their last layer, and {anew} if a new layer is fitted to read them.",
        counterexample=f"A network of four blocks trained on sin (seed {late}): mean square error {three:.3g} after "
        f"three blocks, where the constant 0 has {zero:g}, and {spoken(float(f'{four:.2g}'))} after the fourth.",
    )


@judge("000-018")
def why_depth(e: Evidence) -> Ruling:
    """The analogy explains it if its two premises hold: a term a layer, and width that adds none. The claim holds if
    the blocks of trained networks have the terms that it gives them and width frees no coefficient; it fails if they
    have not, width brings terms as well, and what depth alone brings is derived to come from composing: degrees and
    numbers of linear pieces that multiply."""
    shares, free = diagonal(e), freed(e)
    near_all = all(s - SURE * error > (1 + blind) / 2 for _, s, error, blind in shares)
    near_blind = all(s + SURE * error < (1 + blind) / 2 for _, s, error, blind in shares)
    wide, composed = width_has_terms(e), degrees_multiply(e)
    teeth = e.proved(ORDER, "Teeth: the number of pieces", "L blocks") and e.verdict(ORDER, "pieces of the sawtooth")
    last = e.table(ORDER, "One term of a series a block").rows()[-1]
    return Ruling(
        holds=near_all and free[0] == free[1] and not wide,
        fails=near_blind and free[1] > free[0] and wide and composed and teeth,
        correction="Adding terms, on which the analogy rests, is what width does as well. Depth is better where "
        "composition multiplies: degrees to $d^L$, linear pieces to $2^L$.",
        counterexample=f"{last['blocks']} blocks of two units have {last['pieces, exact']} linear pieces; one hidden "
        f"layer needs {last['hidden units that one layer would need']} units for them. A layer of m tanh units has the "
        "first m odd terms of sin, with no depth at all.",
    )


KINDS = ("ReLU → Linear", "Linear → ReLU")  # branches of residual blocks


def degrees_multiply(e: Evidence) -> bool:
    """Whether the degree of L blocks is derived, and met on torch."""
    steps = ("degree after L blocks", "leading coefficient of the output")
    return e.proved(ORDER, "Degree by depth and width", *steps) and e.verdict(ORDER, "Degree of torch models")


def width_has_terms(e: Evidence) -> bool:
    """Whether one layer of m tanh units has the first m odd terms, derived and on torch."""
    derived = e.proved(ORDER, "A tanh layer of width m has m odd terms", "so the first m odd coefficients")
    return derived and e.verdict(ORDER, "Width m has the first m odd terms of sin")


def freed(e: Evidence) -> tuple[int, int, str]:
    """The first unit of width that sets several coefficients free, in the shallowest residual net (or the one that sets
    most free, if none does): coefficients before, after, and where."""
    steps: list[tuple[int, int, str]] = []
    for row in sorted(e.table(ORDER, WITHIN).rows(), key=lambda row: int(row["depth L"])):
        kind, _, rest = str(row["network"]).partition(", ")
        counts = [int(cell) for name, cell in row.items() if name.startswith("w = ")]
        if rest == "residual":
            place = f"{row['depth L']} residual block{'s' if row['depth L'] != 1 else ''} of {kind}s"
            steps += [(a, b, place) for a, b in pairwise(counts)]
    several = [step for step in steps if step[1] - step[0] > 1]
    return several[0] if several else max(steps, key=lambda step: step[1] - step[0])


def diagonal(e: Evidence) -> list[tuple[str, float, float, float]]:
    """By target: the share of trained blocks in the order that 000 gives them, its standard error, that of chance."""
    table, column = e.table(ORDER, "How diagonal the matrices are"), "diagonal share"
    found = []
    for row in table.rows(network="trained"):
        target = str(row["target"])
        share = table.number(column, "±", target=target, network="trained")
        blind = table.number(column, "exact", target=target, network="all blocks alike")
        found.append((target, share, float(row["±"]), blind))
    return found


def counted(e: Evidence, reader: str, column: str) -> tuple[int, int]:
    """Of the networks for all targets, read so: how many do it, of how many."""
    cells = [str(cell).split(" of ") for cell in e.table(ORDER, SUMS).cells(column, "counted", sums_of=reader)]
    return sum(int(some) for some, _ in cells), sum(int(every) for _, every in cells)


def read_out(e: Evidence, column: str, seed: Cell) -> float:
    """The error of what the last layer of that network reads from the stream after so many blocks."""
    return e.table(TAYLOR, READ).number(column, "401 points", seed=seed, read_by="the last layer")


def floors_fall(e: Evidence) -> bool:
    """Whether the least error of polynomial blocks is derived, falls with depth, and is what training finds."""
    derived = e.proved(ORDER, "The best polynomials of sin", "least mean square error") and degrees_multiply(e)
    floors: dict[tuple[str, int], float] = {}
    for row in e.table(ORDER, "Floors and fits").rows():
        place = str(row["activation"]), int(row["depth"])
        floors[place] = min(float(row["floor (proved)"]), floors.get(place, float("inf")))
    falling = [floors[b] < floors[a] for a, b in pairwise(sorted(floors)) if a[0] == b[0]]
    judged = e.verdicts(ORDER, section="Floors, proved and trained")
    met = [v.verdict == "agree" and v.explained for v in judged if v.statement.endswith("trained to the proved floor")]
    return derived and bool(met) and all(met) and bool(falling) and all(falling)


def gradients(e: Evidence) -> Look:
    """The table of residual blocks of every order, at initialisation."""
    return e.table(GROWTH, GRADIENTS)


def with_skip(e: Evidence, column: str) -> list[str]:
    """A column of the comparisons that differ in the skip and in nothing else."""
    return list(map(str, e.table(PRODUCTS, SKIP).cells(column, "measured", kind_of_skip="a skip alone")))


def either(words: list[str]) -> str:
    """One word, or several."""
    return " or ".join(sorted(set(words)))
