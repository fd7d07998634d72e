"""What document 003 says of training: batches, whose values statistics are of, memory, accuracy, dropout, gates."""

from residua_bridge.claims import Evidence, Look, Ruling, judge
from residua_bridge.claims.evidence import MissingEvidenceError
from residua_bridge.experiments.layernorm.overstated import ROWS
from residua_bridge.experiments.normalised_training import accuracy, axes, batches, factor, memory, steps
from residua_bridge.experiments.normalised_training import gates as along
from residua_bridge.experiments.normalised_training.nets import BAR
from residua_bridge.findings import Cell
from residua_symbolic.training.absorbed import ABSORBED
from residua_symbolic.training.gates import GATES
from residua_symbolic.training.held import HELD
from residua_symbolic.training.sampling import CARRIED, DRAWN
from residua_symbolic.training.statistics import SPLIT

REPORT = "normalised-training"
HARDLY = 0.05  # of all test digits, one in twenty: a gain that is more would be called an improvement by anybody
LOSS = 0.01  # one in a hundred: an interval that ends above a loss of as much shows none that counts
NEAR = 0.5  # a product of which less than half is left is not near 1
LOST = 0.1  # of a step's gain: less than a tenth that the next batch sees is as good as none
LEARNT = 0.9  # right, of two classes: the net has learned to remember
EXACT, COUNT = "exact", "counted in torch"
SHARE, GAP = "share that carries over", "without − with dropout"


@judge("003-044")
def work_is_lost(e: Evidence) -> Ruling:
    """The share of a step's gain that another batch sees, in deep nets without normalisation: the claim holds if all
    intervals over seeds end below a tenth, it fails if one lies above 0; what the share is on average is derived."""
    table = e.table(REPORT, steps.SHARES)
    shares = table.column(SHARE, BAR, normalisation="none")
    bars = table.column(BAR, "half of a 95 % interval over seeds", normalisation="none")
    derived = e.proved(REPORT, CARRIED, "own batch", "the next batch", "share that carries over", "smallest case")
    met = e.verdict(REPORT, f"{steps.PRODUCTS}: no normalisation")
    moments = table.column("steps done", EXACT, normalisation="none")
    normalised = table.number(SHARE, BAR, normalisation="batch", steps_done=0)
    e.figure(REPORT, "carried")
    return Ruling(
        holds=all(share + bar < LOST for share, bar in zip(shares, bars, strict=True)),
        fails=derived and met and any(share > bar for share, bar in zip(shares, bars, strict=True)),
        correction=(
            "A step on one batch lowers the loss of the next one, of other examples, too, without any normalisation: "
            f"by {shares[0]:.2f} ± {bars[0]:.2f} of its own gain after {moments[0]:g} steps of training, by "
            f"{shares[-1]:.2f} ± {bars[-1]:.2f} of it after {moments[-1]:g}; of many data the share is "
            "$g^2/(g^2 + v/B)$ to first order, which is 0 only where the gradient $g$ of the whole loss is."
        ),
        counterexample=(
            "$L = (w-x)^2/2$ at $w = 0$: a step on $x = 1$ lowers the loss of the next example $x = 2$ for every "
            "rate below 4."
        ),
        remark=(
            f"Batch normalisation does not raise the share: {normalised:.2f} at the start."
            if normalised < shares[0] - bars[0]
            else ""
        ),
    )


@judge("003-056")
def neuron_for_a_sample(e: Evidence) -> Ruling:
    """The samples on which one output of torch's batch normalisation depends, counted: the claim holds if it is the
    sample itself alone, and fails if it is all of them, which replacing the others must bear out."""
    table, changed = e.table(REPORT, axes.DEPENDS), e.table(REPORT, axes.CHANGED)
    names = ("batch, images", "batch, vectors")
    seen = [table.number("samples among them", COUNT, normaliser=name) for name in names]
    there = [table.number("of samples", EXACT, normaliser=name) for name in names]
    channels = [table.number("channels among them", COUNT, normaliser=name) for name in names]
    every = seen == there and min(there) > 1 and channels == [1, 1]
    moved = [changed.number("largest change", EXACT, normaliser=name) for name in names]
    two = e.table(REPORT, axes.TWO)
    x, means, own = (
        two.column(name, "float64 rounding") for name in ("sample", "mean that torch stores", "mean of the sample")
    )
    split = e.proved(REPORT, SPLIT, "mean", "together")
    return Ruling(
        holds=all(count == 1 for count in seen) and max(moved) == 0,
        fails=every and min(moved) > 0 and split and means == [sum(x) / len(x)] * len(x) != own == x,
        correction=(
            "In batch normalisation a neuron is a feature (in images a channel), and its μ and σ are those of this "
            f"feature over all samples of the batch: an output depends on all {seen[0]:g} samples. Statistics of "
            "single samples are those of layer normalisation."
        ),
        counterexample=(
            f"A batch of two samples {x[0]:g} and {x[1]:g} of one feature: torch takes μ = {means[0]:g} for both; "
            f"their own means are {own[0]:g} and {own[1]:g}, with which each output would be 0."
        ),
    )


@judge("003-057")
def values_of_a_channel(e: Evidence) -> Ruling:
    """The entries on which an output of torch's BatchNorm2d depends, counted, and its outputs against explicit means
    over N, H and W: the claim holds if all agree with N·H·W values of one channel."""
    table = e.table(REPORT, axes.DEPENDS)
    entries, channels, samples, of = (
        table.number(name, COUNT, normaliser="batch, images")
        for name in ("entries", "channels among them", "samples among them", "of samples")
    )
    one_channel = channels == 1 and samples == of
    verdicts = [e.verdicts(REPORT, begins) for begins in (axes.COUNTED, axes.EXPLICIT, axes.FLATTENED)]
    agree = all(found and all(v.verdict == "agree" for v in found) for found in verdicts)
    return Ruling(
        holds=agree and one_channel,
        fails=not one_channel or any(v.verdict == "differ" for found in verdicts for v in found),
        correction="The values that an output depends on are not those of one channel over all samples.",
        counterexample=f"{entries:g} entries were counted.",
        remark=(
            f"Counted: {entries:g} entries; and batch normalisation of images is that of N·H·W vectors of C features, "
            "to rounding."
        ),
    )


@judge("003-060")
def like_the_whole(e: Evidence) -> Ruling:
    """That each place of a shuffled batch is distributed like the whole, and by how much its mean differs, is proved
    and met on digits; the claim holds if shuffled batches also train better than sorted ones in every net."""
    proved = e.proved(REPORT, DRAWN, "one value", "mean", "variance")
    met = e.verdict(REPORT, batches.VARIANCES)
    differs = e.verdict(REPORT, batches.VARIANCES, "differ") or any(
        v.verdict == "differ" for v in e.verdicts(REPORT, batches.VARIANCES)
    )
    table, trained = e.table(REPORT, batches.DISTANCES), e.table(REPORT, batches.TRAINED)
    sizes = table.column("B", EXACT)
    shuffled = table.column("shuffled: measured", "standard error")
    over = table.column("sorted over shuffled", "computed from both columns")
    words = trained.cells("shuffled is", BAR)
    e.figure(REPORT, "batches")
    return Ruling(
        holds=proved and met and all(word == "higher" for word in words) and min(over) > 1,
        fails=differs or "lower" in words,
        correction="Shuffled batches of digits are not distributed as derived, or sorted ones train better.",
        counterexample="See the table of distances.",
        remark=(
            "Each place of a shuffled batch has exactly the distribution of the whole; the mean of the batch has the "
            f"variance $\\sigma^2/B\\,(N-B)/(N-1)$: {shuffled[0]:.2f} σ² at B = {sizes[0]:g}, {shuffled[-1]:.4f} σ² "
            f"at B = {sizes[-1]:g}. Sorted by class it is up to {max(over):.0f} times as much."
        ),
    )


@judge("003-065")
def hardly_more_accurate(e: Evidence) -> Ruling:
    """Test accuracy on digits with and without batch normalisation, each at its best rate, several nets and seeds: the
    claim fails in a net whose interval for the gain lies above five percent, and holds where it lies below. If chance
    leaves open which it is in a net that trains without, nothing is confirmed."""
    table = e.table(REPORT, accuracy.BEST)
    rows, differences = table.rows(), table.column("difference", BAR)
    gains = {str(row["net"]): (gap, float(row[BAR])) for row, gap in zip(rows, differences, strict=True)}
    trains = {str(row["net"]) for row in rows if row["trains without"] == "yes"}
    small = {net for net, (gain, bar) in gains.items() if gain + bar < HARDLY}
    large = {net for net, (gain, bar) in gains.items() if gain - bar > HARDLY}
    largest = max(gains, key=lambda net: gains[net][0])
    easy = max((gains[net] for net in trains), default=(0.0, 0.0))
    without = table.number("without", "standard error over seeds in the table of all rates", net=largest)
    every = e.table(REPORT, accuracy.EVERY)
    fixed = max(every.column("difference", BAR))
    for k in range(1, len(rows) + 1):
        e.figure(REPORT, f"rates-{k}")
    return Ruling(
        holds=small == set(gains),
        fails=bool(large) and trains <= small | large,
        within=bool(trains) and trains <= small and fixed > HARDLY,
        condition=(
            "the net also trains without it, each side at its best rate: the gain is at most "
            f"{easy[0]:.3f} ± {easy[1]:.3f} in the nets tried. At one rate for both it is up to {fixed:.2f}, for the "
            "plain net then fails to train."
        ),
        correction=(
            "In nets that without it do not train at any rate tried, batch normalisation is what makes them accurate."
        ),
        counterexample=(
            f"{largest}: {without:.2f} right without at the best rate, {gains[largest][0]:.2f} ± "
            f"{gains[largest][1]:.2f} more with it."
        ),
    )


@judge("003-067")
def two_statistics(e: Evidence) -> Ruling:
    """Numbers that a block of torch holds, counted and derived: the reason given holds if the two stored statistics are
    the larger part of what batch normalisation adds, and fails if the input that it keeps for the way back is."""
    table = e.table(REPORT, memory.HOLDS)
    rows = table.rows(normaliser="batchnorm")
    over = table.column("kept more, over the statistics", COUNT, normaliser="batchnorm")
    times = table.column("kept, times that without", COUNT, normaliser="batchnorm")
    counted = e.verdict(REPORT, memory.COUNTED)
    derived = e.proved(
        REPORT, HELD, "share of the stored statistics at rest", "added for the way back, over the stored statistics"
    )
    first = min(rows, key=lambda row: float(row["n"]) * float(row["B"]))
    layer = table.number("kept for the way back", COUNT, normaliser="layernorm", B=first["B"], n=first["n"])
    e.figure(REPORT, "memory")
    return Ruling(
        holds=max(over) <= 1,
        fails=counted and derived and min(over) > 1 and min(times) > 1 and layer > 0,
        correction=(
            "The two stored statistics are $2n$ numbers, $2/(n+5)$ of what the block holds at rest. What costs "
            "memory in training is the input that batch and layer normalisation alike keep for the way back, $B n$ "
            f"numbers: what is kept is {min(times):.2f} to {max(times):.2f} times as much."
        ),
        counterexample=(
            f"B = {first['B']}, n = {first['n']}: {first['stored statistics']} stored statistics, "
            f"{first['kept for the way back']} numbers kept; layer normalisation stores none and keeps {layer:g}."
        ),
    )


@judge("003-068")
def without_dropout(e: Evidence) -> Ruling:
    """Test accuracy of nets with batch normalisation, without dropout minus with it, paired by seed, on all and on few
    training digits: the claim fails where the interval lies below 0, and holds where it ends above a loss of 1 %."""
    table = e.table(REPORT, accuracy.EFFECTS)
    rows = table.rows(normalisation="batch")
    gaps = table.column(GAP, BAR, normalisation="batch")
    bars = table.column(BAR, "half of a 95 % interval over seeds", normalisation="batch")
    pairs = list(zip(rows, gaps, bars, strict=True))
    bad = [row for row, gap, bar in pairs if gap + bar < 0]
    sizes = sorted({int(row["training digits"]) for row in rows})
    good = [n for n in sizes if all(gap - bar > -LOSS for row, gap, bar in pairs if row["training digits"] == n)]
    largest = max(good, default=max(sizes))
    match: dict[str, Cell] = {"normalisation": "batch", "training digits": largest}
    gap, bar = (table.number(name, "over seeds", where=match) for name in (GAP, BAR))
    rate = table.number("dropout", EXACT, where=match)
    return Ruling(
        holds=good == sizes,
        fails=bool(bad),
        within=bool(good),
        condition=(
            f"there are enough data: on {largest} training digits leaving out dropout (rate {rate:g}) changes the "
            f"share of right answers by {gap:+.3f} ± {bar:.3f}."
        ),
        correction="Batch normalisation is not a regulariser that replaces dropout whatever the data.",
        counterexample=_loss_without(bad),
    )


def _loss_without(bad: list[dict[str, Cell]]) -> str:
    return "; ".join(
        f"{row['training digits']} training digits: without dropout (rate {row['dropout']:g}) the share of right "
        f"answers is {-float(row[GAP]):.3f} ± {float(row[BAR]):.3f} lower"
        for row in bad
    )


@judge("003-069")
def within_one_sample(e: Evidence) -> Ruling:
    """The entries on which an output of torch's LayerNorm((C, H, W)) depends, counted, and what replacing all other
    samples changes; the claim holds if they are C·H·W of one sample and nothing changes, to the last bit."""
    table, changed = e.table(REPORT, axes.DEPENDS), e.table(REPORT, axes.CHANGED)
    kinds = ("images", "vectors")
    samples, channels, of = (
        [table.number(name, COUNT, normaliser=f"layer, {kind}") for kind in kinds]
        for name in ("samples among them", "channels among them", "of channels")
    )
    own = samples == [1, 1] and channels == of
    moved = [changed.number("largest change", EXACT, normaliser=f"layer, {kind}") for kind in kinds]
    batch = [changed.number("largest change", EXACT, normaliser=f"batch, {kind}") for kind in kinds]
    other = e.table("layernorm-width", ROWS)
    vectors = [
        other.number(f"change of {what}", EXACT, normaliser="layernorm")
        for what in ("the row's output", "the gradient at it")
    ]
    entries = table.number("entries", COUNT, normaliser="layer, images")
    counted, explicit = e.verdict(REPORT, axes.COUNTED), e.verdict(REPORT, axes.EXPLICIT)
    return Ruling(
        holds=own and counted and explicit and max(moved + vectors) == 0 < min(batch),
        fails=not own or max(moved + vectors) > 0,
        correction="The output of a sample depends on the others.",
        counterexample=f"Replacing them changes it by {max(moved + vectors):.2g}.",
        remark=f"One output depends on {entries:g} entries, all of its own sample; replacing the others changes no "
        "bit.",
    )


@judge("003-070")
def keeps_no_statistics(e: Evidence) -> Ruling:
    """The buffers of torch's layer normalisation, and the numbers that it holds at rest and in training, counted."""
    learned, table = e.table(REPORT, axes.LEARNED), e.table(REPORT, memory.HOLDS)
    stored = learned.cell("stored statistics", COUNT, normaliser="LayerNorm")
    numbers = table.column("stored statistics", COUNT, normaliser="layernorm")
    batch = table.column("stored statistics", COUNT, normaliser="batchnorm")
    derived = e.proved(REPORT, HELD, "batch over layer normalisation") and e.verdict(REPORT, memory.COUNTED)
    return Ruling(
        holds=stored == "none" and max(numbers) == 0 < min(batch) and derived,
        fails=stored != "none" or max(numbers) > 0,
        correction="Layer normalisation stores statistics.",
        counterexample=f"{stored}: {max(numbers):g} numbers.",
        remark=(
            "It saves the two stored numbers a feature. In training it keeps mean and 1/s of every row for the way "
            "back, $2B$ numbers where batch normalisation keeps $2n$: more, where $B > n$."
        ),
    )


@judge("003-071")
def fixed_in_layer_normalisation(e: Evidence) -> Ruling:
    """The parameters of torch's two normalisers, and how far they move in training: the claim holds if those of layer
    normalisation stay, and fails if they move by more than the interval over seeds."""
    table = e.table(REPORT, axes.LEARNED)
    names = {kind: table.cell("parameters", COUNT, normaliser=kind) for kind in ("BatchNorm", "LayerNorm")}
    gamma = {kind: table.number("γ moved by", BAR, normaliser=kind) for kind in names}
    beta = {kind: table.number("β moved by", f"{BAR} of it", normaliser=kind) for kind in names}
    bars = {kind: [table.number(bar, "over seeds", normaliser=kind) for bar in (BAR, f"{BAR} of it")] for kind in names}
    moves = all(gamma[kind] > bars[kind][0] and beta[kind] > bars[kind][1] for kind in names)
    return Ruling(
        holds=gamma["LayerNorm"] == beta["LayerNorm"] == 0 < gamma["BatchNorm"],
        fails=names["LayerNorm"] == names["BatchNorm"] == "weight, bias" and moves,
        correction=(
            "γ and β are parameters of both and learned in both: trained on digits γ moved away from 1 by "
            f"{gamma['BatchNorm']:.2f} in batch and by {gamma['LayerNorm']:.2f} in layer normalisation, β from 0 by "
            f"{beta['BatchNorm']:.2f} and {beta['LayerNorm']:.2f}."
        ),
        counterexample="torch.nn.LayerNorm: its weight and bias take part in training.",
    )


@judge("003-083")
def path_near_one(e: Evidence) -> Ruling:
    """The derivative along the LSTM's cell is derived and met by torch; after training LSTMs to remember a sign, the
    product of forget gates of the unit that keeps most: the claim fails of a net that has learned the task and keeps
    less than half, by an interval over seeds, and holds where more is kept."""
    derived = e.proved(REPORT, GATES, "direct path, same unit", "all other paths", "never 1", "to stay within δ of 1")
    met = e.verdict(REPORT, along.STEP) and e.verdict(REPORT, along.HELD, "differ")
    table = e.table(REPORT, along.MEMORY)
    gated = [row for row in _kept(table) if str(row["net"]).startswith("LSTM")]
    paths = {str(row["net"]): (float(row["best path, after"]), float(row[BAR])) for row in gated}
    near = {net for net, (path, bar) in paths.items() if path - bar > NEAR}
    right = {str(row["net"]): float(row["right"]) for row in gated}
    far = {net for net, (path, bar) in paths.items() if path + bar < NEAR and right[net] > LEARNT}
    chosen = next((row for row in gated if row["net"] == along.DERIVED), None)
    if not gated:
        raise MissingEvidenceError(f"{REPORT}: expected LSTMs that have something to remember, got none")
    at_zero = min(gated, key=lambda row: float(row["bias"]))
    taught = max((row for row in gated if row["net"] in far), key=lambda row: float(row["right"]), default=at_zero)
    e.figure(REPORT, "gates-paths")
    return Ruling(
        holds=derived and met and near == set(paths),
        fails=derived and met and bool(far),
        within=chosen is not None and along.DERIVED in near,
        condition=(
            "the forget gates begin open, with a bias of about $\\log(T/\\delta)$, which is set and not learned: at "
            f"{float(chosen['bias']) if chosen else 0:.2f} the product of the gates over the sequence is "
            f"{paths.get(along.DERIVED, (0.0, 0.0))[0]:.2f}."
        ),
        correction=(
            "The factor of a step along the cell is the forget gate f < 1, and the path keeps $\\prod f_t$, always "
            "below 1; other paths through the gates run beside it."
        ),
        counterexample=(
            f"At bias {float(taught['bias']):.3g} the task is learnt ({float(taught['right']):.2f} right) with "
            f"{float(taught['best path, after']):.2g} of the path left; at bias {float(at_zero['bias']):.3g}, torch's, "
            f"{float(at_zero['best path, after']):.2g} is left and {float(at_zero['right']):.2f} right after as many "
            "steps."
        ),
    )


def _kept(table: Look) -> list[dict[str, Cell]]:
    """The nets that have something to keep to the end; notes the numbers used."""
    table.cells("best path, after", BAR, to_remember=along.FIRST)
    table.cells("right", "share of new sequences", to_remember=along.FIRST)
    return table.rows(to_remember=along.FIRST)


@judge("003-085")
def worth_trying(e: Evidence) -> Ruling:
    """A suggestion: nothing decides whether something is worth a try. What can be is: that factor and addend give no
    new functions is proved, and what they do to the training of deep nets is measured."""
    absorbed = e.proved(REPORT, ABSORBED, "one linear layer", "in a residual branch", "one step of gradient descent")
    table = e.table(REPORT, factor.TRIED)
    rows = [row for row in table.rows() if isinstance(row["difference"], float)]
    table.cells("difference", BAR)
    counts = {word: sum(row["it is"] == word for row in rows) for word in ("higher", "lower", "undecided")}
    best = max(rows, key=lambda row: float(row["difference"]), default=None)
    helped = best is not None and float(best["difference"]) > float(best[BAR])
    return Ruling(
        holds=False,
        fails=False,
        open="A suggestion to try something; nets, data and taste decide whether it was worth it.",
        remark=(
            (
                "Proved: beside a linear layer with bias they are absorbed and add no function; only the way through "
                "training changes. " * absorbed
            )
            + f"Measured in {len(rows)} pairs of deep nets: accuracy higher in {counts['higher']}, lower in "
            f"{counts['lower']}, undecided in {counts['undecided']}"
            + (
                f"; most with “{best['net']}”, {best['start']}, at one rate for all: {float(best['difference']):.2f} "
                f"± {float(best[BAR]):.2f}."
                if best is not None and helped
                else "."
            )
        ),
    )
