"""Document 003, (1.6) to (1.11): what layer and RMS normalisation do to gradient products."""

from collections.abc import Sequence
from functools import partial

from residua_bridge.claims import claims_section
from residua_bridge.experiments.certified.rounding import CertifiedRounding, Small
from residua_bridge.experiments.comparison import Case, Comparisons
from residua_bridge.experiments.counterexample import SmallestCounterexample
from residua_bridge.experiments.derivations import Derivations
from residua_bridge.experiments.error_ladder import ErrorLadder, Family, law_in_width
from residua_bridge.experiments.error_law import ErrorLawOnEnsembles, LawFamily
from residua_bridge.experiments.fault_table import FaultTable
from residua_bridge.experiments.gradients import GradientNorms
from residua_bridge.experiments.row_coupling import RowCoupling
from residua_bridge.experiments.spectra import Spectra
from residua_bridge.experiments.stored_statistics import StoredStatistics
from residua_bridge.experiments.texts import percent
from residua_bridge.experiments.training import ThroughTraining
from residua_bridge.findings import Section
from residua_bridge.study import By, Labelled, Study
from residua_network import Activation, BatchNorm, Dropout, Layer, LayerNorm, Linear, Network, Residual, RMSNorm
from residua_symbolic import derive_layer, jacobian
from residua_symbolic.layer import CONSTANT_STATISTICS
from residua_symbolic.overstatement import error_of_one, error_through_depth
from residua_symbolic.printing import latex

DEPTH = 20
WIDTH = 32
BATCHED = 8  # width of the networks with batch statistics, whose Jacobian has (batch · width)² entries


def plain(depth: int, width: int = 8) -> Network:
    """(1.6): matrices alone."""
    return Network(tuple(Linear(width, width, bias=False) for _ in range(depth)))


Normaliser = type[LayerNorm] | type[RMSNorm] | type[BatchNorm]


def normaliser(kind: Normaliser, width: int) -> Network:
    """A normaliser alone, as it is initialised but with ε = 0."""
    return Network((kind(width, eps=0.0),))


def normalised(kind: Normaliser, width: int, depth: int, affine: bool = False) -> Network:
    """(1.9): Norm(W h), `depth` times."""
    return Network((Linear(width, width, bias=False), kind(width, eps=0.0, affine=affine)) * depth)


def batched(depth: int, activation: tuple[Layer, ...] = ()) -> Network:
    """(1.9) with batch statistics, `depth` times."""
    block = (Linear(BATCHED, BATCHED, bias=False), BatchNorm(BATCHED, eps=0.0, affine=False), *activation)
    return Network(block * depth)


def deep(kind: Normaliser, depth: int) -> Network:
    """(1.9) at a fixed width."""
    return normalised(kind, WIDTH, depth)


def wide(kind: Normaliser, width: int) -> Network:
    """(1.9) at a fixed depth."""
    return normalised(kind, width, DEPTH)


def classifier(block: tuple[Layer, ...], last: Layer | None = None) -> Network:
    """Four blocks between two linear layers, for 8 × 8 digits, with a normaliser before the last of them."""
    return Network((Linear(64, 32), *block * 4, last or LayerNorm(32), Linear(32, 10)))


def all_kinds() -> Network:
    """Every kind, with affine parameters, in a stream and in branches: where faults are planted."""
    return Network(
        (
            Linear(6, 12),
            Residual((LayerNorm(12, eps=1e-2), Activation("gelu"), Linear(12, 12)), scale=0.5),
            RMSNorm(12),
            Activation("gelu"),
            Dropout(0.1),
            Linear(12, 12),
            BatchNorm(12, eps=1e-2),
            Residual((Linear(12, 12), RMSNorm(12), Residual((LayerNorm(12, eps=1e-2),), scale=-0.5)), scale=0.7),
            Residual((BatchNorm(12), Linear(12, 12), BatchNorm(12, statistics="running")), scale=0.5),
        )
    )


NAME = "normalization"
CLAIMS = tuple(f"003-{n:03}" for n in (59, 76, 77, 78, 79, 80))


def closing(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The lines of 003 that Jacobians decide."""
    prose = ("Each word is computed from the tables, verdicts and proofs above.",)
    return (claims_section("What document 003 says", prose, CLAIMS, NAME, sections),)


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off the tables: nothing here is a number that was typed in."""
    tables = [table for section in sections for table in section.tables]
    ladder = {
        (row[0], row[1]): dict(zip(table.columns, row, strict=True))
        for table in tables
        if table.title == "Relative error"
        for row in table.rows
    }
    alone, deepest = ladder["LayerNorm alone", 64], ladder[f"LayerNorm, width {WIDTH}", DEPTH]
    laws = [row for table in tables if table.title == "The law of the error" for row in table.rows]
    off = max(float(row[6]) for row in laws)
    trained = [row for table in tables if table.title == "Along training" for row in table.rows]
    errors, accuracies = [float(row[5]) for row in trained], [float(row[3]) for row in trained]
    vanishing = [row for table in tables if table.title == "Where the true Jacobian vanishes" for row in table.rows]
    where = "; ".join(f"{row[0]} at {row[1]}" for row in vanishing)
    stored = [row for table in tables if table.title == "Batch and stored statistics" for row in table.rows]
    planted = [row for table in tables if table.title == "Faults" for row in table.rows]
    claimed = [v for section in sections for v in section.verdicts if v.statement.startswith(("(1.10)", "(1.11)"))]
    answer = "No" if all(v.verdict == "differ" and v.explained for v in claimed) else "Not as plainly as we expected"
    right = [latex(derive_layer(kind).formula) for kind in ("layernorm", "rmsnorm")]
    return (
        f"{answer}. The Jacobian of Norm(W h) is ${right[0]}\\,W$ for layer normalisation and ${right[1]}\\,W$ for RMS "
        "normalisation (in 003's layout the transpose), and the product through depth multiplies these.",
        "(1.10) is the Jacobian that normalisation would have if mean and variance did not depend on its input. They "
        "do, and the derivative of the statistics removes whole directions from the gradient: the mean and the input's "
        "own direction for layer normalisation, the input's own direction for RMS normalisation. ",
        f"Of {len(claimed)} verdicts on (1.10) and (1.11) below, {sum(v.verdict == 'differ' for v in claimed)} say that they differ "
        f"from the measured Jacobian; in {sum(v.explained for v in claimed)} of them the dropped projector, derived, accounts for it.",
        f"One normaliser of width 64: relative error {percent(float(alone['measured']))} measured, {percent(float(alone['formula']))} by "
        f"the formula. {DEPTH} layers (W, then layer normalisation) of width {WIDTH}: {percent(float(deepest['measured']))} "
        f"measured, median. The law of the mean squares through depth (two of its steps are argued, not proved by machine) was met within {off:.1f} standard errors.",
        f"Batch normalisation couples the rows of a batch: for each feature the Jacobian is ${latex(derive_layer('batchnorm').formula)}$, and "
        f"(1.10) is off by ${latex(error_of_one('batchnorm').formula)}$ in squares. With stored statistics (1.10) is right; but along a training the Jacobian with stored "
        f"statistics differs from that of the same rows in their batch by {percent(min(float(row[3]) for row in stored))} to {percent(max(float(row[3]) for row in stored))}.",
        f"With ε = 0 the true Jacobian vanishes, and (1.10) does not: {where}. No gradient passes there at all.",
        f"Along the trainings shown (one seed each, eight test images) the relative error of (1.11) lies between "
        f"{percent(min(errors))} and {percent(max(errors))}, at accuracies up to {max(accuracies):.3f}.",
        f"How far these comparisons can be trusted: {len(planted)} kinds of planted faults were each found at their own "
        "layer, and nowhere else.",
    )


def family(kind: Normaliser, what: str) -> Family:
    """One of the ladders' families."""
    name = kind.__name__
    if kind is BatchNorm:  # the size is that of the batch
        network = normaliser(kind, BATCHED) if what == "alone" else batched(1 if what == "with a matrix" else 5)
        called = {"alone": "alone", "with a matrix": "after W"}.get(what, "five times")
        law = law_in_width(partial(error_of_one, kind.kind)) if what == "alone" else None
        return Family(f"{name} {called}", lambda size: network, law, rows=lambda size: size)
    if what == "alone":
        return Family(f"{name} alone", partial(normaliser, kind), law_in_width(partial(error_of_one, kind.kind)))
    if what == "with a matrix":
        return Family(f"{name} after W", partial(normalised, kind, depth=1))
    if what == "deep":
        return Family(f"{name}, width {WIDTH}", partial(deep, kind))
    return Family(f"{name}, {DEPTH} layers", partial(wide, kind))


STUDY = Study(
    name=NAME,
    title="What normalisation does to the gradient: document 003, (1.6) to (1.11)",
    question=(
        "Is the Jacobian of a normalised layer $\\frac{g}{\\sigma} W$, as document 003 writes, and the product through "
        "depth $\\prod \\frac{g_i}{\\sigma_i} W_i$? If not: how wrong is it, in one layer and compounded over twenty, at "
        "initialisation and through training, and what is the right formula?"
    ),
    claim=(
        "003 (1.10), (1.11): $\\frac{\\partial H_l}{\\partial H_{l-1}} = \\frac{g_l}{\\sigma_l} W_l$ for "
        "$H_l = \\mathrm{Norm}(W_l^T H_{l-1})$, hence "
        "$\\frac{\\partial H_l}{\\partial H_k} = \\prod_{i=k+1}^{l} \\frac{g_i}{\\sigma_i} W_i$. Here for layer, RMS "
        "and batch normalisation."
    ),
    refuted_by=(
        "A measured Jacobian that differs from (1.10) by more than rounding refutes the claim. A measured Jacobian that "
        "differs by more than rounding from the derived one, or a remainder that the dropped term leaves, refutes us."
    ),
    experiments=(
        Derivations(
            "Without normalisation: (1.6) to (1.8)",
            (
                "003 writes $H_l = W_l^T H_{l-1}$ and its derivative as $W_l$. With derivatives written as "
                "$J_{ij} = \\partial y_i / \\partial x_j$ and a layer as $y = W x$, the Jacobian of a linear layer is its "
                "matrix, and that of several is their product, the last layer on the left. The document's "
                "$W_l$ is the transpose of that Jacobian; in its layout the product runs from the left in the order of "
                "the layers, so (1.7) and (1.8) are consistent with (1.6) as they stand. With a vector g, its (1.10) is then $W_l\\,\\mathrm{diag}(g_l)/\\sigma_l$, and ours its transpose.",
            ),
            (partial(derive_layer, "linear"), lambda: jacobian(plain(4))),
        ),
        Derivations(
            "The Jacobian of normalisation, for every n",
            (
                "Only the forward map is typed in. Every value that it names becomes a step, with its derivative; each "
                "step is proved twice more, by routes that share no rule of differentiation with the derivation. "
                "$\\hat{x}$ is the normalised input, $s = \\sqrt{\\mathrm{variance} + \\varepsilon}$ (for RMS: of the "
                "mean square), $\\gamma$ is what 003 calls g. The last derivation is what (1.11) should be: the product through twenty layers of Norm(W h), each factor the right (1.10), output-most first.",
            ),
            (
                partial(derive_layer, "layernorm"),
                partial(derive_layer, "rmsnorm"),
                lambda: jacobian(normalised(LayerNorm, WIDTH, DEPTH, affine=True)),
            ),
        ),
        Derivations(
            "Batch normalisation, for every B and n: rows are coupled",
            (
                "Mean and variance are taken over the rows b of the batch, one of each for every feature i: "
                "$x_{b i}$ is entry i of row b. The Jacobian has four indices, $\\partial y_{b i} / \\partial x_{c j}$; it vanishes unless i = j, and for each feature it is a B × B matrix of the same form as that of layer normalisation, with B in place of n. With stored statistics the rows are apart again, and $\\mu$, $\\sigma^2$ are constants: then (1.10) is right. "
                "The last derivation is a product through three layers on the stacked batch: $\\bigoplus_b$ acts on every row by itself, $\\bigoplus_i$ on the rows of every feature. It is never written out as a matrix of (B n)² entries.",
            ),
            (
                partial(derive_layer, "batchnorm"),
                partial(derive_layer, "batchnorm", CONSTANT_STATISTICS),
                partial(derive_layer, "batchnorm", None, "running"),
                lambda: jacobian(batched(3)),
            ),
        ),
        Derivations(
            "What (1.10) drops",
            (
                "Taking mean and variance for constants gives exactly the factor of (1.10). What it leaves out is D: "
                "for $\\gamma = 1$ and $\\varepsilon = 0$ it is $-1/s$ times an orthogonal projector, onto the constant "
                "vector and $\\hat{x}$ for layer normalisation, onto $\\hat{x}$ alone for RMS normalisation.",
            ),
            (
                partial(derive_layer, "layernorm", CONSTANT_STATISTICS),
                partial(derive_layer, "rmsnorm", CONSTANT_STATISTICS),
            ),
        ),
        Spectra(
            "The spectrum, with and without ε, and where the Jacobian vanishes",
            (
                "For $\\gamma = 1$ the Jacobian is symmetric: $1/s$ on all directions but two (one for RMS). For batch "
                "normalisation this is the spectrum of one feature, over the rows of the batch. With "
                "$\\varepsilon = 0$ those are annihilated; with $\\varepsilon > 0$ the direction of $\\hat{x}$ keeps "
                "$\\varepsilon/s^3$. The number of directions that survive says at which n nothing is left.",
            ),
            kinds=("layernorm", "rmsnorm", "batchnorm"),
            sizes=(2, 3, 8),
            eps=1e-2,
        ),
        SmallestCounterexample(
            "The smallest counterexample, exactly",
            (
                "Whole numbers x for which s is rational, W = I, so that both sides are matrices of fractions. For layer "
                "normalisation at n = 3 there is none at all: $s^2 = \\frac{2}{9}(p^2+pq+q^2)$ with p, q the differences of the entries, and 2 divides $p^2+pq+q^2$ an even number of times, so that s is irrational.",
            ),
            kinds=("layernorm", "rmsnorm"),
        ),
        Comparisons(
            "The derived Jacobian against torch, layer by layer",
            (
                "Each layer is judged at the input that the model itself feeds it, output and Jacobian, a residual block with its branch as measured; then the product. "
                "γ, β and biases are moved away from their initial values, which would hide mistakes.",
            ),
            cases=(
                Case("(1.8), four matrices", partial(plain, 4), "agree"),
                Case("Derived Jacobian, residual network of all kinds", all_kinds, "agree"),
                Case("(1.11), the same network", all_kinds, "differ", CONSTANT_STATISTICS),
                Case("Derived Jacobian, twenty layers", partial(normalised, LayerNorm, 16, DEPTH), "agree"),
                Case("(1.11), twenty layers", partial(normalised, LayerNorm, 16, DEPTH), "differ", CONSTANT_STATISTICS),
            ),
            table_of=2,
        ),
        CertifiedRounding(
            "What rounding does, certified",
            (
                "For small networks the derived formula is evaluated in ball arithmetic, which encloses the exact values. "
                "The error of float64 on either side is then a certified number, and no difference can hide behind it. Balls grow with depth: "
                "through twenty normalised layers 128 bits leave too much open, and the comparison says so; 256 bits suffice.",
            ),
            networks=(
                Small(
                    "twenty layers, Linear and LayerNorm",
                    partial(normalised, LayerNorm, BATCHED, DEPTH),
                    128,
                    "inconclusive",
                ),
                Small("twenty layers, Linear and LayerNorm", partial(normalised, LayerNorm, BATCHED, DEPTH), 256),
                Small("five layers, Linear and BatchNorm", partial(batched, 5)),
                Small("residual network of all kinds", all_kinds),
            ),
        ),
        Derivations(
            "The error of (1.10) and (1.11) as a formula",
            (
                "For one normaliser the error follows from the two spectra. With a random matrix before it the error is "
                "larger, because the output $W h$ is itself annihilated: W is aligned with $\\hat{x}$ through its own "
                "output. Through depth, the part of the product of (1.11) along $\\hat{x}$, which the true one does not have, is carried on from layer to layer. N stands for a squared Frobenius norm, E for the expectation over W.",
            ),
            (
                *(partial(error_of_one, kind) for kind in ("layernorm", "rmsnorm", "batchnorm")),
                *(partial(error_through_depth, kind) for kind in ("layernorm", "rmsnorm")),
            ),
        ),
        ErrorLawOnEnsembles(
            "error-law",
            "The law against ensembles of networks",
            (
                "The expectation of the squared error over the expectation of the squared norm: for layer normalisation it grows "
                "exponentially with depth, for RMS normalisation it tends to 1. This is the place where the derived law and torch "
                "meet as independent statements; in the ladders below, prediction and measurement share the weights of each model.",
            ),
            families=tuple(
                LawFamily(kind.__name__, partial(error_through_depth, kind.kind), partial(normalised, kind))
                for kind in (LayerNorm, RMSNorm)
            ),
            cases=((16, 1), (16, 2), (16, 5), (32, 1), (32, 2), (32, 5), (32, 10)),
            networks=By(300, 3000),
        ),
        ErrorLadder(
            "error-against-width",
            "Error of (1.10) against n",
            (
                "A normaliser alone, where the formula holds for every input, and with a random matrix before it, as in (1.9).",
            ),
            axis="n",
            families=tuple(family(kind, what) for what in ("alone", "with a matrix") for kind in (LayerNorm, RMSNorm)),
            sizes=By((3, 4, 8, 16, 32, 64), (3, 4, 8, 16, 32, 64, 128, 256)),
            seeds=By(5, 20),
            claim="(1.10)",
        ),
        ErrorLadder(
            "error-against-depth",
            "Error of (1.11) against depth",
            (
                f"Up to {DEPTH} layers of Norm(W h) at width {WIDTH}: medians over weights and inputs, predicted from the "
                "dropped term at the weights of each model.",
            ),
            axis="layers",
            families=tuple(family(kind, "deep") for kind in (LayerNorm, RMSNorm)),
            sizes=By((1, 2, 5, 10, DEPTH), (1, 2, 3, 5, 7, 10, 14, DEPTH)),
            seeds=By(3, 10),
            claim="(1.11)",
        ),
        ErrorLadder(
            "error-of-twenty-layers",
            f"Error of (1.11) over {DEPTH} layers, against n",
            ("The same at a fixed depth: what width buys.",),
            axis="n",
            families=tuple(family(kind, "wide") for kind in (LayerNorm, RMSNorm)),
            sizes=By((4, 8, 16, 32), (4, 8, 16, 32, 64, 128)),
            seeds=By(3, 10),
            claim="(1.11)",
        ),
        ErrorLadder(
            "error-against-batch",
            "Batch normalisation: error of (1.10) and (1.11) against B",
            (
                "What (1.10) is off by depends on the size of the batch, as it depends on the width for layer "
                "normalisation. At B = 2 the true Jacobian is zero and the relative error infinite (next section).",
            ),
            axis="B",
            families=tuple(family(BatchNorm, what) for what in ("alone", "with a matrix", "deep")),
            sizes=By((3, 4, 8, 16, 32), (3, 4, 8, 16, 32, 64)),
            seeds=By(3, 10),
            claim="(1.10)",
        ),
        RowCoupling(
            "coupling-of-rows",
            "Batch normalisation: how strongly the rows are coupled, and B = 2",
            (
                "The Jacobian of a batch has blocks: how output row b moves with input row c. The blocks with b ≠ c exist only because mean and variance are shared. "
                "At B = 2 the normalised values are $\\pm 1$ whatever the input, so that with $\\varepsilon = 0$ no gradient passes at all.",
            ),
            networks=(
                Labelled("BatchNorm alone", partial(normaliser, BatchNorm, BATCHED)),
                Labelled("W, BatchNorm, five times", partial(batched, 5)),
                Labelled("W, BatchNorm, ReLU, five times", partial(batched, 5, (Activation("relu"),))),
            ),
            batches=By((2, 3, 4, 8, 16, 32), (2, 3, 4, 8, 16, 32, 64)),
            seeds=By(2, 5),
        ),
        StoredStatistics(
            "Batch against stored statistics, through training",
            (
                "The same model used in two ways: with the statistics of the batch at hand, and with the stored ones that training averaged. "
                "They are two functions with two Jacobians; each derived one is compared with torch, and then the one is put in the place of the other.",
            ),
            network=partial(classifier, (Linear(32, 32), BatchNorm(32), Activation("relu")), BatchNorm(32)),
            steps=By(300, 3000),
            snapshots=By((1, 10, 30, 100, 300), (1, 10, 30, 100, 300, 1000, 3000)),
        ),
        GradientNorms(
            "gradient-norms",
            "Gradient norms by layer",
            ("Twenty layers of width 16: a cotangent pulled back from the output to every layer.",),
            network=partial(normalised, LayerNorm, 16, DEPTH),
            init=1.0,
        ),
        ThroughTraining(
            "through-training",
            "Through training on digits",
            (
                "A real task: scikit-learn's 1797 digits, Adam, cross entropy. Four blocks with a normaliser each, plain "
                "(Linear, Norm, ReLU, as 003 draws them) and pre-norm residual, one more normaliser before the last layer.",
            ),
            trainings=(
                Labelled("plain, LayerNorm", partial(classifier, (Linear(32, 32), LayerNorm(32), Activation("relu")))),
                Labelled("plain, RMSNorm", partial(classifier, (Linear(32, 32), RMSNorm(32), Activation("relu")))),
                Labelled(
                    "residual, LayerNorm",
                    partial(classifier, (Residual((LayerNorm(32), Activation("relu"), Linear(32, 32))),)),
                ),
            ),
            steps=By(600, 3000),
            snapshots=By((0, 20, 50, 100, 200, 400, 600), (0, 20, 50, 100, 200, 400, 800, 1500, 3000)),
        ),
        FaultTable(
            "Would a mistake be noticed? Planted faults",
            (
                "Mistakes that people make in such modules, each planted at every layer of its kind in one network of all "
                "kinds. A comparison is worth something only if it finds them, at the right layer and nowhere else.",
            ),
            network=all_kinds,
            correct=By(200, 200),
        ),
    ),
    conclusion=conclusion,
    closing=closing,
)
