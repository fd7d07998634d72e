"""Document 003, section 1.5 and 2.1: products of Jacobians, what normalisation and skips do to them, saturation."""

from collections.abc import Sequence

from residua_bridge.claims.evidence import Evidence, MissingEvidenceError
from residua_bridge.claims.judges.powers import power
from residua_bridge.claims.judging import judge
from residua_bridge.claims.ruling import Ruling
from residua_bridge.findings import Cell

NORMALISED, LAYER, BATCH = "normalization", "layernorm-width", "batchnorm-explosion"
PLAIN, GROWTH, PRODUCTS, DIGITS = "plain-nets", "residual-growth", "residual-products", "digits"
SIGNALS = "Through many layers, by activation and variance"
BENEFIT = "Where batch normalisation helps"
BY_VARIANCE = "With and without, by the variance of the weights"
FOUR = "(1.8), four matrices"
CLEAR = 3.0  # standard errors that a sign has to be away from zero
SAME = 1e-9  # log10: what rounding may do to logarithms of gradients through some thirty layers
NOTHING = 1e-20  # of the squared gradient: the square of what rounding leaves, with room
KEPT, LOST = 0.5, 0.25  # of the difference between two inputs: more is kept, less is largely lost

Row = dict[str, Cell]


@judge("003-075")
def products(e: Evidence) -> Ruling:
    """Networks of many linear layers, and of many with ReLU, are run with weights of three variances. The claim holds
    if the gradient of a typical network vanishes or explodes at every variance; it fails if at the variance that keeps
    the mean it does neither; and it holds at the others if the law says so and the networks do as the law says."""
    table = e.table(PLAIN, SIGNALS)
    law = "squared gradient: law, n → ∞"
    rows = [*table.rows(activation="identity"), *table.rows(activation="relu")]
    critical = [row for row in rows if float(row[law]) == 1]
    others = [row for row in rows if float(row[law]) != 1]
    as_said = all(row["typical norm"] == ("vanishing" if float(row[law]) < 1 else "exploding") for row in others)
    derived = e.proved(BATCH, BENEFIT, "a plain layer", "plain, all layers")
    met = e.verdict(PLAIN, "The arithmetic mean of the ratio is 1 at every width and depth")
    linear = table.number("geometric mean", bound="s.e. of its log10", where=_of("identity", 1.0))
    tails = e.table(PLAIN, "Means that hide")
    deepest = max(tails.column("L", bound="exact"))
    typical = tails.number("geometric mean, law", bound="exact", L=deepest)
    depth = table.table.title.split(": ")[1]
    small, large = (table.number(law, bound="exact for the mean", where=_of("identity", v)) for v in (0.5, 2.0))
    return Ruling(
        holds=all(row["typical norm"] != "between" for row in rows),
        fails=any(row["typical norm"] == "between" for row in critical) and met,
        within=as_said and derived and len({row["typical norm"] for row in others}) == 2,
        condition=(
            "the weights have another variance than the one that keeps the mean: with variance $v/n$ the mean squared "
            f"gradient is multiplied by $v^L$ in linear nets, after {depth} by ${power(small)}$ with $v = "
            f"\\frac{{1}}{{2}}$ and by ${power(large)}$ with $v = 2$; with ReLU by $(v/2)^L$"
        ),
        correction=(
            "the number of factors does not decide, their size does; at the variance that keeps the mean it is $L/n$ "
            f"that counts: with He's rule, n = 16 and {deepest:.0f} layers the mean is 1 and a typical network's ratio "
            f"${power(typical)}$"
        ),
        counterexample=(
            f"linear layers with $v = 1$: the mean squared gradient is kept exactly, and a typical one is {linear:.2g} "
            f"times as large after {depth} (orthogonal matrices keep every gradient)"
        ),
    )


def _of(activation: str, variance: float) -> Row:
    return {"activation": activation, "variance times n": variance}


@judge("003-076")
def one_layer(e: Evidence) -> Ruling:
    """For $y = Wx$ the derivatives are proved to be the entries of the matrix, and torch agrees; a transposed matrix
    is planted, to see that it would be noticed. Put $W_l^T$ for $W$: the entries are those of $W_l$, once each index
    is where (1.7) has it. The claim holds if proof and torch stand, and fails if torch differs."""
    faults = e.table(NORMALISED, "Faults")
    seen = faults.cell("found at", fault="weight transposed") == "each there"
    return Ruling(
        holds=e.proved(NORMALISED, "Jacobian of linear", "components", "matrix form")
        and e.verdict(NORMALISED, FOUR)
        and seen,
        fails=e.verdict(NORMALISED, FOUR, "differ"),
        correction="the derivative is another matrix",
        remark=(
            "in the layout in which entry $(i, j)$ is $\\partial (H_l)_j / \\partial (H_{l-1})_i$, gradients being "
            "columns; as a Jacobian, with $i$ and $j$ the other way round, it is $W_l^T$. (1.8) keeps to the same "
            "layout"
        ),
    )


@judge("003-077")
def many_layers(e: Evidence) -> Ruling:
    """The chain rule through several matrices is derived, output-most factor first, and compared with torch's Jacobian
    of four. Transposed, as (1.7) has it, the factors stand in the order of the layers, which is that of (1.8). The
    claim holds if derivation and torch stand, and fails if torch differs."""
    return Ruling(
        holds=e.proved(NORMALISED, "Jacobian of layers 0 to 3", "linear", "chain rule") and e.verdict(NORMALISED, FOUR),
        fails=e.verdict(NORMALISED, FOUR, "differ"),
        correction="the product does not give torch's Jacobian",
        remark=(
            "in the layout of (1.7), the factors from left to right in the order of the layers, $W_{k+1} \\cdots W_l$; "
            "as a Jacobian it is the transpose, $W_l^T \\cdots W_{k+1}^T$. Matrices do not commute, so the order is "
            "part of it"
        ),
    )


@judge("003-078")
def as_defined(e: Evidence) -> Ruling:
    """As a definition, (1.9) is compared with what torch's layer and batch normalisation put out, at every such layer
    of a network of all kinds: the claim holds if all outputs are the same within rounding, and fails if one is not.
    The mean and the variance without their $1/n$, as (1.4) and (1.5) print them, are planted."""
    rows = [row for kind in ("layernorm", "batchnorm") for row in e.table(NORMALISED, "Layer by layer").rows(kind=kind)]
    alike = [float(row["output differs by"]) <= float(row["bound"]) for row in rows]  # of two bounds the output's
    planted = [str(row["fault"]) for row in e.table(NORMALISED, "Faults").rows(found_at="each there")]
    printed = [name for name in planted if "003, 1." in name]
    return Ruling(
        holds=bool(alike) and all(alike),
        fails=not all(alike),
        correction="torch puts out something else",
        remark=(
            f"met at {len(alike)} normalisers, $g$ and $\\beta$ entry by entry and $\\sigma$ with the $1/N$ of (1.3)"
            + (f"; not so with {' or '.join(printed)}" if printed else "")
        ),
    )


@judge("003-079")
def one_normalised_layer(e: Evidence) -> Ruling:
    """The Jacobian of each normaliser is derived for every size, and (1.10) is compared with torch's, for layer, RMS
    and batch normalisation, alone and behind a matrix: the claim holds if all comparisons agree; it fails if they
    differ by what the derivation says is dropped. The smallest input at which both sides are fractions is searched
    for."""
    table = e.table(NORMALISED, "Counterexamples")
    said, true, x = (
        str(table.cell(column, bound="exact", normaliser="layernorm", n=2))
        for column in ("(1.10): g W / σ with g = 1, W = I", "true Jacobian", "x")
    )
    dropped = [
        e.proved(NORMALISED, f"Jacobian of {kind} with constant statistics", "dropped")
        for kind in ("layernorm", "rmsnorm", "batchnorm on batch statistics")
    ]
    errors = e.table(NORMALISED, "Relative error", section="Error of (1.10) against n")
    wide = max(errors.column("n", bound="exact", network="LayerNorm alone"))
    off = errors.number("measured", bound="float64 rounding", network="LayerNorm alone", n=wide)
    law = e.proved(LAYER, "Error of (1.10) for layernorm alone", "relative error")
    right = _projector(e)
    return Ruling(
        holds=e.verdict(NORMALISED, "(1.10):"),
        fails=e.verdict(NORMALISED, "(1.10):", "differ") and all(dropped) and said != true and bool(right),
        correction=right,
        counterexample=(
            f"layer normalisation of two features, $g = 1$, $W = I$, $x = {_bare(x)}$: (1.10) says {said}, true is "
            f"{true}"
        ),
        remark=(
            (f"the relative error is $\\sqrt{{2/(n-2)}}$ for layer normalisation, {off:.2g} at n = {wide:.0f}; " * law)
            + "with stored statistics, which do not depend on the input, (1.10) is right, but nothing is trained with "
            "them"
        ),
    )


def _bare(text: str) -> str:
    return text.strip("$")


def _projector(e: Evidence) -> str:
    """The right formula, where its derivation is in the report."""
    found = e.proved(NORMALISED, "Jacobian of layernorm", "matrix form")
    batch = e.proved(NORMALISED, "Jacobian of batchnorm on batch statistics", "matrix form")
    said = (
        "mean and $\\sigma$ depend on the input, and their derivative takes two directions out: in the layout of (1.7) "
        "$W_l P_l\\, \\mathrm{diag}(g_l) / \\sigma_l$ with $P = I - \\frac{1}{n} \\mathbf{1} \\mathbf{1}^T - "
        "\\frac{1}{n} \\hat{x} \\hat{x}^T$, for batch normalisation over the batch in place of the features"
    )
    return said if found and batch else ""


@judge("003-080")
def normalised_product(e: Evidence) -> Ruling:
    """(1.11) is compared with torch's Jacobians through many layers, for layer, RMS and batch normalisation, at
    initialisation and along a training on digits, and its rate with the measured growth of gradients. The claim holds
    if every comparison agrees, and fails if every one differs for the derived reason."""
    asked = (
        (NORMALISED, "(1.11)"),
        (DIGITS, "(1.11)"),
        (BATCH, "Linear → BatchNorm: what (1.11) says"),
        (BATCH, "Linear → BatchNorm → ReLU: what (1.11) says"),
        (LAYER, "linear, LayerNorm: what (1.11) says"),
    )
    errors = e.table(NORMALISED, "Relative error", section="Error of (1.11) against depth")
    network = "LayerNorm, width 32"
    deep = max(errors.column("layers", bound="exact", network=network))
    off = errors.number("measured", bound="spread", network=network, layers=deep)
    agreed = [e.verdict(*one) for one in asked]  # every one is looked at, for the list of evidence
    differed = [e.verdict(*one, "differ") for one in asked]
    x = str(e.table(NORMALISED, "Counterexamples").cell("x", normaliser="layernorm", n=2))
    rates = e.proved(BATCH, "Squared gradients through Linear → BatchNorm, L times", "inner layer", "(1.11) instead")
    popular = e.table(LAYER, "Popular laws")
    said, true, n, layers = (
        popular.number(name, bound="standard error", law="003, (1.11)")
        for name in ("predicted", "measured", "width", "depth")
    )
    return Ruling(
        holds=all(agreed),
        fails=all(differed) and rates,
        correction=(
            "every factor has its projector between matrix and gain, "
            "$\\prod_i W_i P_i\\, \\mathrm{diag}(g_i) / \\sigma_i$; without it the squared product grows too fast, in "
            "linear nets by $(B-1)/(B-3)$ in place of $(B-2)/(B-3)$ a layer with batch statistics, and to "
            f"{said:.2f} in place of {true:.2f} through {layers:.0f} layers of width {n:.0f} with layer normalisation"
        ),
        counterexample=(
            f"one layer, layer normalisation of two features at $x = {_bare(x)}$, where the true Jacobian is 0"
        ),
        remark=f"the error compounds with depth: {off:.2g} times the true product after {deep:.0f} layers of width 32",
    )


@judge("003-081")
def adapting_gain(e: Evidence) -> Ruling:
    """Two networks are trained from several seeds, one in which gradients grow on their way back and one in which they
    vanish, and the learned gains are looked at. The claim holds if they end clearly below 1 in the first and clearly
    above it in the second; it fails if in either they end clearly on the other side."""
    table = e.table(DIGITS, "Learned gains")
    grow, vanish = (_Gains(table.rows(), begins) for begins in ("gradients grow", "gradients vanish"))
    table.column("log10 of the gains, after", bound="standard error beside each")
    scaled = _scale_is_taken(e)
    return Ruling(
        holds=grow.ratio > 0 > vanish.ratio and grow.gain < -CLEAR * grow.error and vanish.gain > CLEAR * vanish.error,
        fails=(grow.ratio > 0 and grow.gain > CLEAR * grow.error)
        or (vanish.ratio < 0 and vanish.gain < -CLEAR * vanish.error),
        correction=(
            "$g$ is 1 at initialisation whatever the gradients do, and training changes it by "
            f"{grow.percent:+.1f} % where gradients grow and by {vanish.percent:+.1f} % where they vanish"
            + (
                "; what adapts is $1/\\sigma$, which takes the size of the weights off the gradient exactly"
                if scaled
                else ""
            )
        ),
        counterexample=(
            f"{grow.name}, {grow.layers} layers: the squared gradient grows $10^{{{grow.ratio:.3g}}}$-fold, and "
            f"training changes $g$ by {grow.percent:+.1f} % all the same"
        ),
    )


class _Gains:
    """The row of the table of learned gains whose network begins so."""

    def __init__(self, rows: Sequence[Row], begins: str) -> None:
        row = next((row for row in rows if str(row["network"]).startswith(begins)), None)
        if row is None:
            raise MissingEvidenceError(f"learned gains: expected a network in which {begins}, got none")
        self.name = str(row["network"]).split(": ")[1]
        self.layers = int(row["layers"])
        self.ratio = float(row["log10 of the gradient ratio, before"])
        self.gain, self.error = float(row["log10 of the gains, after"]), float(row["standard error  "])
        self.percent = 100 * (10**self.gain - 1)


def _scale_is_taken(e: Evidence) -> bool:
    """Whether with batch statistics the measured ratio is the same for every variance of the weights."""
    settings: dict[tuple[Cell, ...], list[float]] = {}
    for row in e.table(BATCH, BY_VARIANCE).rows():
        settings.setdefault((row["n"], row["layers"], row["B"]), []).append(float(row["measured "]))
    return all(max(logs) - min(logs) < SAME for logs in settings.values())


@judge("003-082")
def mitigation(e: Evidence) -> Ruling:
    """ReLU nets with and without batch normalisation are run over a ladder of weight variances, and each pair that the
    measurement decides is one that it helps or hurts. The claim holds if it helps all of them; it fails if the law
    and the measurement say of some that it hurts, or if no gradient at all passes a small batch; it holds away from
    He's variance if both ends of the ladder are helped, and if with layer normalisation the ratio tends to 1."""
    rows = [row for row in e.table(BATCH, BY_VARIANCE).rows() if row["measured: it"] != "undecided"]
    helped, hurt = ([row for row in rows if row["measured: it"] == word] for word in ("helps", "hurts"))
    as_said = all(row["the law says"] == row["measured: it"] for row in rows)
    ends = {float(row["v"]) for row in rows if row in helped}
    both_ends = {min(float(r["v"]) for r in rows), max(float(r["v"]) for r in rows)} <= ends
    limits = [e.verdict(LAYER, f"{nets}: 1 as") for nets in ("linear, LayerNorm", "LayerNorm, ReLU")]
    scale = e.verdict(LAYER, "linear, LayerNorm: $\\frac{n-1}{n} (\\mathbb{E} F)^L$")
    none = e.table(BATCH, "Small batches").column("ratio of means", bound="float64 rounding", B=2)
    bounds = e.table(BATCH, "Which variances batch normalisation hurts")
    deep = max(bounds.column("layers", bound="exact", B=32))
    low, high = (bounds.number(name, bound="derived", B=32, layers=deep) for name in ("hurts from v =", "to v ="))
    factor = bounds.number("factor of an inner layer", bound="derived", B=32, layers=deep)
    grid = e.table(LAYER, "Mean and mean logarithm, by width and depth")
    narrow = {
        name: grid.number(name, bound="derived", n=8, L=16) for name in ("law of the mean", "law of the mean log")
    }
    proved = e.proved(BATCH, BENEFIT, "an inner layer always grows", "lower bound", "upper bound")
    residual = e.verdict(BATCH, "Pre-norm") and e.verdict(BATCH, "Post-norm")
    return Ruling(
        holds=not hurt and bool(helped),
        fails=(bool(hurt) and as_said) or max(none) < NOTHING,
        within=both_ends and as_said and all(limits) and scale and proved,
        condition=(
            f"at initialisation, weights far from He's variance ($v = 2$): with batch statistics of 32 rows, ReLU and "
            f"{deep:.0f} layers it helps for $v < {low:.3g}$ and $v > {high:.3g}$; or layer normalisation in wide "
            "nets, where the ratio tends to 1 whatever $v$ is"
        ),
        correction=(
            f"between these variances batch normalisation makes gradients explode that were in no danger, by "
            f"{factor:.3g} a layer; layer normalisation leaves a rate of $1/n$ a layer: at width 8 and 16 layers the "
            f"mean is {narrow['law of the mean']:.3g} and the typical ratio $e^{{{narrow['law of the mean log']:.3g}}}$"
        ),
        counterexample=("batches of two: with $\\varepsilon = 0$ no gradient passes"),
        remark=(
            "in the branches of a residual net batch normalisation turns exponential growth into a power of the depth, "
            "behind the addition it does not"
            if residual
            else ""
        ),
    )


@judge("003-084")
def skips(e: Evidence) -> Ruling:
    """Networks with and without a skip are run over a ladder of gains, and for each pair it is told whether vanishing
    and exploding became rarer; the law of the expected squared gradient is derived and met. The claim holds if a skip
    alone makes both rarer in every pair; it fails if the law holds and exploding becomes more frequent; and it holds
    of small branches if with the factor $1/\\sqrt{L}$ both become rarer in every pair and the law of pre-norm with
    batch statistics is met."""
    rows = e.table(PRODUCTS, "What the skip does").rows()
    alone = [row for row in rows if row["kind of skip"] == "a skip alone"]
    scaled = [row for row in rows if row["differs in"] == "the skip and the factor 1/√L"]
    adds_one = e.proved(PRODUCTS, "One pre-norm block, x + (LN → ReLU → Linear)", "residual")
    law = e.proved(GROWTH, "Unnormalised, ReLU → Linear", "one block, backward", "L blocks") and e.proved(
        GROWTH, "Unnormalised, linear branches, factor 1/√L", "gain 1/L", "limit of depth"
    )
    met = [e.verdict(GROWTH, f"x + ({kind}): $p(0)/p(L)") for kind in ("Linear", "ReLU → Linear", "Linear → ReLU")]
    vanishing, exploding = ([str(row[f"{what} is"]) for row in alone] for what in ("vanishing", "exploding"))
    both = [row["vanishing is"] == row["exploding is"] == "rarer" for row in scaled]
    deep = e.table(GROWTH, "Gradients through")
    grown = deep.number("law, n → ∞", bound="derived", block="x + (Linear)")
    blocks = deep.table.title.removeprefix("Gradients through ")
    powers = e.verdict(BATCH, "Pre-norm")
    return Ruling(
        holds=bool(alone) and set(vanishing) == set(exploding) == {"rarer"},
        fails=law and all(met) and "more frequent" in exploding,
        within=adds_one and bool(both) and all(both) and powers,
        condition=(
            "the branches are kept small: with the factor $1/\\sqrt{L}$ on them both problems were rarer than without "
            f"skip and factor in {sum(both)} of {len(both)} comparisons; with batch normalisation inside the branch "
            "exponential growth $G^L$ becomes a power $L^G$"
        ),
        correction=(
            f"a skip alone makes vanishing rarer ({vanishing.count('rarer')} of {len(vanishing)} comparisons) and "
            f"exploding more frequent ({exploding.count('more frequent')} of {len(exploding)}): the 1 makes the "
            "expected squared gradient grow as $(1 + G)^L$ at every gain $G$ of the branch, and not only above 1"
        ),
        counterexample=(
            f"x + Linear at gain 1, where without the skip the mean is kept: ${power(grown)}$ through {blocks}, a "
            "factor 2 in the first block already"
        ),
    )


@judge("003-086")
def saturation(e: Evidence) -> Ruling:
    """Many layers without an activation, with ReLU, tanh and sigmoid are run with weights of three variances each: what
    becomes of a gradient, and of the difference of two inputs. The claim holds if with every activation and variance
    the gradient vanishes and the difference is lost; it fails if with some activation neither happens; and it holds of
    the sigmoid if both happen at each of its variances, while without an activation no difference is lost."""
    table = e.table(PLAIN, SIGNALS)
    difference = "relative difference of two outputs"
    rows = table.rows()
    active = [row for row in rows if row["activation"] != "identity"]
    bare = [row for row in rows if row["activation"] == "identity"]
    gone = [row for row in active if row["typical norm"] == "vanishing" and float(row[difference]) < LOST]
    fine = [row for row in active if row["typical norm"] == "between" and float(row[difference]) > KEPT]
    sigmoid = [row for row in active if row["activation"] == "sigmoid"]
    relu = table.number(difference, bound="standard error ", where=_of("relu", 2.0))
    met = e.verdict(PLAIN, "tanh, variance 1.5/n: as $n \\to \\infty$ the gradient ratio")
    variances = [f"{float(row['variance times n']):g}" for row in sigmoid]
    depth = table.table.title.split(": ")[1]
    kept = "; ".join(f"{row['activation']}, $v = {float(row['variance times n']):g}$" for row in fine)
    small = table.number("squared gradient: law, n → ∞", bound="exact for the mean", where=_of("identity", 0.5))
    return Ruling(
        holds=len(gone) == len(active),
        fails=bool(fine) and met,
        within=bool(sigmoid) and all(row in gone for row in sigmoid) and all(float(r[difference]) > KEPT for r in bare),
        condition=(
            f"a sigmoid, whose slope is at most $\\frac{{1}}{{4}}$: through {depth} at initialisation the gradient "
            "vanishes and the outputs of different inputs become equal, with weights of variance "
            f"{', '.join(variances)} over n"
        ),
        correction=(
            f"activation and variance decide together. With ReLU at He's variance the gradient stays and {relu:.2g} of "
            "the difference between two inputs is left; with tanh and larger weights, which saturate it more, both "
            f"stay; and without any activation the gradient vanishes, too, if weights are small (${power(small)}$ for "
            f"$v = \\frac{{1}}{{2}}$)"
        ),
        counterexample=f"{kept}, through {depth}",
        remark="at initialisation and without biases; what training makes of it is not looked at",
    )
