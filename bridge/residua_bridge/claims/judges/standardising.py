"""Document 003 on standardising: moments, shape, γ and β, the sigmoid's range, printed statistics, few features."""

from residua_bridge.claims.evidence import Evidence, MissingEvidenceError
from residua_bridge.claims.judging import judge
from residua_bridge.claims.ruling import Ruling
from residua_bridge.experiments.texts import percent

REPORT = "standardising"
MOMENTS, DISTANCES, DIVIDED, NUMBERS, FAR = (
    "Moments of w x + b",
    "Distance of a unit from its inputs",
    "After division",
    "The numbers 1..100",
    "How far from normal",
)
DEPARTURES, RESTORED, LEARNT = (
    "Departures from a linear and an affine map",
    "What is left over after γ and β",
    "Digits with and without γ, β",
)
EDGES, REGIONS, LINE, PART, FITS = (
    "Sigmoid within ±t",
    "Where sigmoid is linear",
    "The best line on ±3",
    "Share of sigmoid's variance that is linear",
    "What nets fit with and without γ, β",
)
TRAINED, NOISY, FIXED, COST = (
    "What training makes of γ, β",
    "Accuracy on disturbed images, with and without γ, β",
    "Accuracy on disturbed images, γ held fixed",
    "What a first layer that normalises costs",
)
LAW, LINEAR_UNITS = "torch's w x + b by w p + b and |w| q", "Linear layers on Gaussian inputs: units at every depth"
STORED, BATCH, LAYER = "stored statistics", "statistics of the batch", "layer normalisation"
OWN, PLAIN, OTHER, BEST = (
    "its own, γ = √(v + ε)",
    "its own, γ = √v",
    "those of another batch",
    "the best for all batches",
)
WITH, RANDOM = "with γ, β", "without γ, β, first layer random"
ODD, CORNERS, ONE = "sin(πx), two inputs", "XOR, four corners", "sin(πx), one input"
INSIDE, OUTSIDE, SAMPLE = "torch by ε inside, 1/N", "torch by ε outside, 1/N", "torch by ε inside, 1/(N − 1)"
SHAPE, PRINTED = "Standardising keeps the shape", "(1.4) and (1.5) as printed"
SUM_MEAN, SUM_SQUARES = "torch by μ without 1/n", "torch by σ without 1/n"
ROUNDED, SEEDS, CERTIFIED = "float64 rounding", "standard error", "certified"
SURE = 4.0  # standard errors, or more, for what a mean over seeds is said to show
NEARLY = 0.99  # "nearly all"
BEND, STRAIGHT = 0.05, 0.01  # of the range of values: no line any more; a line to the eye
HALF, END = 0.5, 3.0  # of the largest slope: less is no longer linear; where the document's range ends
ZERO = 1e-9  # a cumulant that is 0 but for rounding


@judge("003-042")
def affine_moments_as_printed(e: Evidence) -> Ruling:
    """Mean and standard deviation of $wx+b$ are derived for every distribution, and measured in torch on four samples
    and three layers. The claim holds if torch's are within rounding of $p+b$ and $pw$ in every case, and fails if the
    law is proved and torch is off in one."""
    law = e.proved(REPORT, "Mean and standard deviation of an affine map", "mean", "standard deviation") and e.verdict(
        REPORT, LAW
    )
    small = e.proved(REPORT, "The numbers 1 and 3, doubled", "mean of 2, 6", "deviation of 2, 6")
    rows = e.table(REPORT, MOMENTS).rows()
    sides = (("mean in torch", "p + b (003)"), ("deviation in torch", "p w (003)"))
    off = [max(abs(float(r[a]) - float(r[b])) for a, b in sides) > float(r["bar"]) for r in rows]
    return Ruling(
        holds=not any(off),
        fails=law and small and any(off),
        correction=r"mean $wp+b$ and standard deviation $|w|q$, for every distribution",
        counterexample="the numbers 1 and 3 ($p=2$, $q=1$) doubled: mean 4 and deviation 2, not 2 and 4",
        remark=f"{sum(off)} of {len(off)} cases in torch are off the printed formulas and all on the derived ones",
    )


@judge("003-043")
def unrecognisable(e: Evidence) -> Ruling:
    """The shape of a unit's distribution over the inputs is set against that of the inputs, by the largest distance
    of the standardised distribution functions, in four kinds of random nets by depth. The claim holds if at the
    largest depth every kind is beyond a fresh sample of the inputs by 4 standard errors; it fails if one is not."""
    table = e.table(REPORT, DISTANCES)
    deepest = max(table.column("depth", "exact"))
    beyond, shown = {}, {}
    for row in table.rows(depth=int(deepest)):
        gap = float(row["distance"]) - float(row["of a sample of the inputs"])
        beyond[row["layers are"]] = gap > SURE * float(row["standard error"])
        shown[row["layers are"]] = float(row["distance"])
    if not {"linear", "ReLU", "tanh"} <= set(shown):
        raise MissingEvidenceError(f"{REPORT}: expected linear, ReLU and tanh at the largest depth, got {list(shown)}")
    e.figure(REPORT, "standardising-depth")
    stays = e.proved(
        REPORT, "An affine map of a Gaussian is a Gaussian", "one input", "n inputs, independent"
    ) and e.verdict(REPORT, LINEAR_UNITS)
    relu, linear = shown["ReLU"], shown["linear"]
    return Ruling(
        holds=all(beyond.values()),
        fails=stays and not beyond["linear"],
        within=beyond["ReLU"] and beyond["tanh"],
        condition=(
            f"unrecognisable means of another shape, and there are activations in between, or inputs that are not "
            f"Gaussian: after {deepest:g} layers of ReLU a "
            f"unit is {relu:.3f} "
            f"from its inputs' shape, of tanh {shown['tanh']:.3f}"
        ),
        correction="linear layers change mean and scale of Gaussian units, never their shape",
        counterexample=(
            f"linear layers on Gaussian inputs: exactly Gaussian at every depth; measured after {deepest:g}: "
            f"{linear:.3f}, as fresh samples"
        ),
        remark=(
            "the distance is that of two distribution functions, 0 to 1; by it even the deep units are far from "
            "unrecognisable"
        ),
    )


@judge("003-045")
def mean_and_variance(e: Evidence) -> Ruling:
    """The deviation of $(x-\\mu)/s$ is derived: 1 for s the standard deviation, 1/√v for s the variance v; and measured
    on 1, …, 100. The claim holds if dividing by the variance gives deviation 1, as (1.1) is to, and fails if not."""
    found = e.table(REPORT, DIVIDED)
    after = found.number("deviation of x̂", ROUNDED, divided_by_the="variance")
    right = found.number("deviation of x̂", ROUNDED, divided_by_the="standard deviation")
    derived = e.proved(REPORT, "What σ has to be in (1.1)", "s the standard deviation", "s the variance")
    small = e.proved(REPORT, "The numbers 0 and 4 divided by their variance", "divided by the variance")
    return Ruling(
        holds=abs(after - 1) < ZERO,
        fails=derived and small and abs(after - 1) > ZERO and abs(right - 1) < ZERO,
        correction="σ is the standard deviation: only divided by it the numbers have standard deviation 1",
        counterexample="0 and 4 have the variance 4; divided by it they have standard deviation 1/2",
        remark=f"1, …, 100 divided by their variance have standard deviation {after:.4f}",
    )


@judge("003-046")
def one_to_a_hundred(e: Evidence) -> Ruling:
    """Both standard deviations of 1, …, 100 are derived in closed form and certified. The claim holds as written if
    the one that (1.3) defines, with 1/N, rounds to 29.01; it fails if that one does not; it holds within a condition
    if the sample standard deviation does."""
    table = e.table(REPORT, NUMBERS)
    by = {which: table.cell("rounds to 29.01", CERTIFIED, which=which) == "yes" for which in ("population", "sample")}
    value = {which: table.number("at least", CERTIFIED, which=which) for which in by}
    derived = e.proved(REPORT, "The numbers 1, …, n", "population variance", "sample variance")
    layers = e.verdict(REPORT, "torch's batch norm and layer norm divide 1..100 by the population's")
    return Ruling(
        holds=by["population"],
        fails=derived and layers and not by["population"],
        within=by["sample"],
        condition=(
            f"the sample standard deviation is meant, with $1/(N-1)$: $\\sqrt{{n(n+1)/12}} = {value['sample']:.3f}$, "
            f"torch.std's default"
        ),
        correction=f"by (1.3) it is {value['population']:.2f}",
        counterexample=(
            f"by (1.3), with $1/N$, as torch's layers normalise: $\\sqrt{{(n^2-1)/12}} = {value['population']:.3f}$"
        ),
    )


@judge("003-047")
def keeps_the_shape(e: Evidence) -> Ruling:
    """Proved: the standardised variable of an affine image is that of x itself, so that all standardised cumulants
    stay and the distribution function is read on another scale; checked in torch on five samples. The claim holds if
    both stand and fails if a sample's skewness, kurtosis or shares change by more than rounding."""
    kept, shares = "Skewness and kurtosis are the same before and after", "Shares up to each number are the same"
    e.figure(REPORT, "standardising-shares")
    steps = ("the standardised variable", "distribution function", "cumulants, k ≥ 2", "standardised cumulants")
    return Ruling(
        holds=e.proved(REPORT, SHAPE, *steps) and e.verdict(REPORT, kept) and e.verdict(REPORT, shares),
        fails=e.verdict(REPORT, kept, "differ") or e.verdict(REPORT, shares, "differ"),
        correction="the shape changes with the scale",
        remark="for every distribution and at every order; L64 of the document says the opposite",
    )


@judge("003-048")
def standard_normal(e: Evidence) -> Ruling:
    """The document's own 1, …, 100: after standardising, the distance of the distribution function from the standard
    normal's is certified. n numbers can come within 1/(2n) of it; the claim holds if they are within 1/n, with
    skewness and kurtosis 0 but for rounding, and fails if they are not."""
    table = e.table(REPORT, FAR)
    row = {"sample": "1, …, 100"}
    low, high = (table.number(side, CERTIFIED, row) for side in ("from normal, at least", "at most"))
    kurtosis, count = table.number("kurtosis after", ROUNDED, row), table.number("n", "exact", row)
    two = e.proved(
        REPORT, "The numbers −1 and 1, standardised", "variance", "excess kurtosis", "of the standard normal"
    )
    return Ruling(
        holds=high * count <= 1 and abs(kurtosis) < ZERO,
        fails=low * count > 1 and abs(kurtosis) > ZERO and e.proved(REPORT, SHAPE, "standardised cumulants") and two,
        correction=(
            f"mean 0 and standard deviation 1, but the shape stays uniform: excess kurtosis {kurtosis:.3f}, at least "
            f"{low:.3f} from the standard normal "
            "distribution function; normal only if it was normal before"
        ),
        counterexample="−1 and 1: standardised already, excess kurtosis −2 in place of 0",
        remark="two lines before, at L62, the document says so itself",
    )


@judge("003-049")
def linear_transformation(e: Evidence) -> Ruling:
    """Departures of torch's normalisations from an affine map, half-way between two inputs. The claim holds if none
    is beyond rounding, and fails if those with the data's own μ and σ are; within a condition it holds if that with
    constant statistics is affine, proved and measured."""
    table = e.table(REPORT, DEPARTURES)
    bend = {
        name: table.number("half-way, from affine", "rounding", normalised_by=name) for name in (STORED, BATCH, LAYER)
    }
    limit = max(table.column("rounding", ROUNDED))
    constant = e.proved(REPORT, "Standardising with constant μ and σ", "affine") and bend[STORED] <= limit
    own = e.proved(REPORT, "Standardising with the data's own μ and σ", "the same output", "doubled")
    small = e.proved(REPORT, "Half-way between two inputs", "at (0, 1)", "at (3, 0)", "half-way", "an affine map has")
    return Ruling(
        holds=all(value <= limit for value in bend.values()),
        fails=own and small and min(bend[BATCH], bend[LAYER]) > limit,
        within=constant,
        condition=(
            "μ and σ are constants (stored statistics), and linear means affine, as the document has it for $wx+b$"
        ),
        correction="affine in x for constant μ and σ; as a map of the data neither linear nor affine",
        counterexample=(
            "with μ, σ of the data $f(2x) = f(x)$; (0, 1) and (3, 0) become (−1, 1) and (1, −1), half-way between "
            "them (1, −1), not (0, 0)"
        ),
        remark=(
            f"half-way, batch statistics are {percent(bend[BATCH])} of the output away from any affine map, in torch"
        ),
    )


@judge("003-050")
def restore_completely(e: Evidence) -> Ruling:
    """What γ x̂ + β leaves over of x in torch, relative to its deviation. The claim holds if one pair γ, β restores
    several batches to rounding, and fails if the best pair does not; within a condition it holds if a batch's own
    pair restores it, proved and measured."""
    table = e.table(REPORT, RESTORED)
    left = {name: table.number("left over", "rounding", γ_and_β_are=name) for name in (OWN, PLAIN, OTHER, BEST)}
    limit = max(table.column("rounding", ROUNDED))
    steps = ("what is left over", "γ = s, β = μ", "another batch")
    proved = e.proved(REPORT, "What γ and β restore", *steps)
    two = e.proved(REPORT, "Two batches with one image", "of −1, 1", "of −2, 2")
    return Ruling(
        holds=left[OWN] <= limit and left[BEST] <= limit,
        fails=proved and two and min(left[BEST], left[OTHER]) > limit,
        within=proved and left[OWN] <= limit < left[PLAIN],
        condition=r"one batch, and $\gamma = \sqrt{v+\varepsilon}$ (the σ of (1.3), with its ε), $\beta = \mu$",
        correction="one pair γ, β restores one batch, not all of them",
        counterexample=(
            "the batches −1, 1 and −2, 2 have one image, so nothing behind it restores both; under layer "
            "normalisation the same goes for two samples"
        ),
        remark=(
            f"six batches in torch: the best γ, β leave over {percent(left[BEST])} of the deviation, those of "
            f"another batch {percent(left[OTHER])}"
        ),
    )


@judge("003-051")
def work_would_be_wasted(e: Evidence) -> Ruling:
    """On digits, nets without γ, β whose first layer is trained, against the same with a first layer that stays
    random. Were the first layer's work wasted, both would do alike: the claim holds if the gap is within 4 standard
    errors for every activation, and fails if it is beyond for every one. What is forgotten is derived."""
    table = e.table(REPORT, LEARNT)
    gap, bar = "above the net without", "standard error of that"
    gaps = list(zip(table.column(gap, bar, net=RANDOM), table.column(bar, SEEDS, net=RANDOM), strict=True))
    affine = list(zip(table.column(gap, bar, net=WITH), table.column(bar, SEEDS, net=WITH), strict=True))
    seen = [value < -SURE * error for value, error in gaps]
    forgotten = e.proved(
        REPORT, "What standardising forgets", "undone", "another x' with this image", "and every such x'"
    )
    merged = e.proved(REPORT, "A linear layer takes γ and β in", "and a linear layer")
    lost = " and ".join(percent(-value) for value, _ in gaps)
    return Ruling(
        holds=not any(seen),
        fails=all(seen) and forgotten and merged,
        correction=(
            "exactly two numbers a feature are forgotten, mean and scale; all else that the layer has learnt passes, "
            "and a linear layer right behind can supply γ and β"
        ),
        counterexample=(
            f"digits without γ, β: with its first layer random instead of trained the net loses {lost} of accuracy "
            f"(sigmoid, ReLU)"
        ),
        remark=f"γ and β themselves bring {' and '.join(f'{100 * v:.2f} ± {100 * s:.2f} %' for v, s in affine)}",
    )


@judge("003-052")
def nearly_all_within_three(e: Evidence) -> Ruling:
    """The share is proved to be $\\mathrm{erf}(t/\\sqrt{2})$ and certified at t = 3. The claim holds if it is above
    99 %, and fails if it is below."""
    table = e.table(REPORT, EDGES)
    low, high = (table.number(f"share within, {side}", CERTIFIED, t=3.0) for side in ("at least", "at most"))
    return Ruling(
        holds=e.proved(REPORT, "Share of a standard normal within [−t, t]", "share") and low > NEARLY,
        fails=high < NEARLY,
        correction=f"only {percent(high)} of it",
        remark=f"$P(|z| \\leq 3) = {low:.6f}$",
    )


@judge("003-053")
def linear_region(e: Evidence) -> Ruling:
    """How far any line stays from the sigmoid on [−3, 3], certified from below and above by Remez's exchange. The
    claim holds if a line comes within 1 % of the range of values, and fails if none comes within 5 %, a second
    difference is proved not to vanish, and at 3 the slope is less than half of the largest."""
    line = e.table(REPORT, LINE)
    low, share = line.number("largest distance, at least", CERTIFIED), line.number("of the range of values", CERTIFIED)
    slope = e.table(REPORT, EDGES).number("slope left, at most", CERTIFIED, t=3.0)
    regions = e.table(REPORT, REGIONS)
    near = {"sigmoid is": f"off its tangent by {percent(0.05)}"}
    up_to = regions.number("up to t, at least", CERTIFIED, near)
    inside = regions.number("share of a standard normal within", CERTIFIED, near)
    e.figure(REPORT, "standardising-sigmoid")
    bent = e.proved(REPORT, "Sigmoid is no line on [0, 3]", "of a line a + c x", "of sigmoid")
    falls = e.proved(REPORT, "Sigmoid and its tangent at 0", "over the tangent", "it falls")
    return Ruling(
        holds=share <= STRAIGHT,
        fails=bent and falls and share > BEND and slope < HALF and up_to < END,
        correction=(
            f"within 5 % of its tangent up to $|x| \\leq {up_to:.3f}$ only, where {percent(inside)} of a standard "
            f"normal lies; on [−3, 3] every line is {low:.3f} off "
            f"somewhere, {percent(share)} of the range, and at 3 the slope is down to {percent(slope)}"
        ),
        counterexample=r"0, 3/2 and 3: $\sigma(0) - 2\sigma(3/2) + \sigma(3) < -0.18$, where every line has 0",
    )


@judge("003-054")
def no_non_linearity(e: Evidence) -> Ruling:
    """Sigmoid nets with batch normalisation and no γ, β, trained on sin(πx) of two inputs: the claim holds if none is
    below the error of the best line, and fails if all of them are. The linear share of a sigmoid of a standard normal
    is certified, and what such nets cannot do is proved."""
    fits = e.table(REPORT, FITS)
    row = {"target": ODD, "γ, β": "without"}
    line, least, largest = (fits.number(name, f"{name} of the nets", row) for name in ("best line", "least", "largest"))
    rest = e.table(REPORT, PART).number("the rest", "bound", γ=1.0)
    xor = fits.number("least", "exact floor", {"target": CORNERS, "γ, β": "without"})
    one, one_line = (
        fits.number(name, "trained", {"target": ONE, "γ, β": "without"}) for name in ("least", "best line")
    )
    odd = e.proved(
        REPORT,
        "Sigmoid nets with batch normalisation and no β, on symmetric data",
        "sigmoid mirrored",
        "what the next layer is fed",
        "normalised",
        "error on a pair",
    )
    kernel = (
        f"there is something in it: on data that is symmetric about its mean such a net is an odd function and a "
        f"constant, at any depth, so XOR stays at {xor:.2f}; "
        f"of one input it is one curve, which leaves {one:.3f} of sin(πx), a line {one_line:.3f}. β mends both"
    )
    return Ruling(
        holds=least >= line,
        fails=largest < line and rest > 0,
        correction=f"{percent(rest)} of the variance of a sigmoid of a standard normal is not linear, and nets use it",
        counterexample=(
            f"sin(πx) of two inputs, without γ, β: every trained net leaves {largest:.3f} at most, the best line "
            f"{line:.3f}"
        ),
        remark=kernel if odd and xor > 0 and 0 < one < one_line else "",
    )


@judge("003-055")
def saturation_and_robustness(e: Evidence) -> Ruling:
    """The shares of what sigmoids are fed beyond ±3 before and after training on digits; and test accuracy on images
    disturbed in four ways, with γ, β less that without, and with γ held large less that with γ held at 1. The claim
    holds if the share grows and accuracy does, by 4 standard errors, for some disturbance, and falls for none, not by 1
    standard error; it fails where it falls by 4; within a condition it holds if saturation alone, of γ held large,
    gains where learnt γ, β do."""
    trained, noisy, fixed = (e.table(REPORT, name) for name in (TRAINED, NOISY, FIXED))
    before, after = max(trained.column("before", "s.e. before")), min(trained.column("after", "s.e. after"))
    closed = e.proved(REPORT, "Share of γ z + β beyond ±t", "outside")
    learnt = {str(r["disturbance"]): (float(r["difference"]), float(r["standard error"])) for r in noisy.rows()}
    large = max(fixed.column("γ", "exact"))
    held = {
        str(r["disturbance"]): (float(r["above γ = 1"]), float(r["s.e. of the difference"]))
        for r in fixed.rows(γ=large)
    }
    e.figure(REPORT, "standardising-noise")
    gains, by_itself = (_beyond(change, SURE) for change in (learnt, held))
    losses = _beyond(learnt, -SURE) | {f"{n}, γ held at {large:g}": v for n, v in _beyond(held, -SURE).items()}
    better, worse = (", ".join(f"{n} ({100 * v:+.1f} %)" for n, v in some.items()) for some in (gains, losses))
    moved = closed and after > before
    return Ruling(
        holds=moved and bool(gains) and not _beyond(learnt, -1.0) and not _beyond(held, -1.0),
        fails=bool(losses),
        within=moved and bool(gains) and set(gains) <= set(by_itself),
        condition=(
            f"robustness means accuracy under noise or small steps: {better}; saturated are {percent(before)} at "
            f"most before, {percent(after)} at least after training"
        ),
        correction="γ and β help against some disturbances and harm against others" if gains else "it is less robust",
        counterexample=f"{worse}: accuracy with more saturation less that with less" if losses else "",
        remark="sigmoid nets on digits; robustness in general is no one number",
    )


def _beyond(change: dict[str, tuple[float, float]], errors: float) -> dict[str, float]:
    """The disturbances under which accuracy changes by so many standard errors or more, to that side."""
    side = 1 if errors > 0 else -1
    return {n: d for n, (d, s) in change.items() if side * d > abs(errors) * s and n != "none"}


@judge("003-058")
def eps_inside(e: Evidence) -> Ruling:
    """x̂ of samples whose deviation lies below, about and above √ε, in ball arithmetic by (1.3) and by its variants,
    against torch's batch norm and layer norm. The claim holds if torch is within rounding of (1.3) and not of ε
    outside the root, and fails if it is the other way round."""
    sample = e.verdict(REPORT, SAMPLE, "differ")
    return Ruling(
        holds=e.verdict(REPORT, INSIDE) and e.verdict(REPORT, OUTSIDE, "differ"),
        fails=e.verdict(REPORT, OUTSIDE) and e.verdict(REPORT, INSIDE, "differ"),
        correction="ε stands outside the root",
        remark="with $1/N$, as in (1.3): torch's is not the sample variance" if sample else "",
    )


@judge("003-072")
def destroys_information(e: Evidence) -> Ruling:
    """Proved: layer normalisation of two features keeps a sign alone, of n features n − 2 numbers. Measured: a
    classifier of sex and age behind it, against batch normalisation. The claim holds if the loss is beyond 4 standard
    errors and what is left no better than the largest class, and fails if there is no such loss."""
    table = e.table(REPORT, COST)
    row = {"data": "sex and age"}
    layer, batch = (
        table.number("layer norm", "s.e. of layer norm", row),
        table.number("batch norm", "s.e. of batch norm", row),
    )
    gap, error = table.number("layer norm above batch norm", SEEDS, row), table.number("standard error", SEEDS, row)
    base, own = table.number("largest class", "exact", row), table.number("s.e. of layer norm", SEEDS, row)
    alike = table.number("layer norm above batch norm", SEEDS, data="digits")
    steps = e.proved(REPORT, "Layer normalisation of two features", "variance", "ε = 0") and e.proved(
        REPORT, "Where layer normalisation puts n features", "mean of x̂", "mean square of x̂"
    )
    people = e.proved(REPORT, "Sex and age of two people", "sex 0, age 20", "sex 1, age 70")
    lost = gap < -SURE * error
    return Ruling(
        holds=steps and people and lost and layer < base + SURE * own < batch,
        fails=not lost,
        correction="nothing is lost",
        counterexample="sex and age are told apart as well as by batch normalisation",
        remark=(
            f"(0, 20) and (1, 70) both become (−1, 1). A classifier of the two has accuracy {layer:.3f} behind layer "
            f"normalisation, {batch:.3f} behind batch normalisation; of 64 pixels, features of one "
            f"kind, the difference is {100 * alike:+.1f} %"
        ),
    )


@judge("003-073")
def sum_for_a_mean(e: Evidence) -> Ruling:
    """x̂ with μ = Σ x_i in ball arithmetic, against torch's layers. The claim holds if torch is within rounding of it,
    and fails if it is not, and is within rounding of the mean."""
    right, wrong = INSIDE, SUM_MEAN
    moved = e.proved(REPORT, PRINTED, "mean of what is centred", "shifted by b")
    small = e.proved(REPORT, "The numbers 1 and 3 by (1.4), −1 and 1 by (1.5)", "(1.4) of 1, 3", "their mean")
    return Ruling(
        holds=e.verdict(REPORT, wrong),
        fails=e.verdict(REPORT, wrong, "differ") and e.verdict(REPORT, right) and small and moved,
        correction=r"$\mu = \frac{1}{n} \sum_i x_i$",
        counterexample="1 and 3: the sum is 4, the mean 2 (of one number both are the same)" if small else "",
        remark=(
            r"with the sum, what is centred keeps the mean $(1-n)\mu$, and a shift of all features is seen"
            if moved
            else ""
        ),
    )


@judge("003-074")
def sum_for_a_variance(e: Evidence) -> Ruling:
    """x̂ with σ = √(Σ (x_i − μ)² + ε) in ball arithmetic, against torch's layers. The claim holds if torch is within
    rounding of it, and fails if it is not, and is within rounding of the mean square."""
    right, wrong = INSIDE, SUM_SQUARES
    share = e.proved(REPORT, PRINTED, "variance of x̂ then, ε = 0", "LN over √n")
    small = e.proved(REPORT, "The numbers 1 and 3 by (1.4), −1 and 1 by (1.5)", "(1.5)² of −1, 1", "their variance")
    return Ruling(
        holds=e.verdict(REPORT, wrong),
        fails=e.verdict(REPORT, wrong, "differ") and e.verdict(REPORT, right) and small and share,
        correction=r"$\sigma = \sqrt{\frac{1}{n} \sum_i (x_i - \mu)^2 + \varepsilon}$",
        counterexample=r"−1 and 1: $\sqrt{2}$, where the deviation is 1" if small else "",
        remark=(
            r"with the sum, x̂ has the variance $1/n$: layer normalisation with $\varepsilon/n$, over $\sqrt{n}$"
            if share
            else ""
        ),
    )
