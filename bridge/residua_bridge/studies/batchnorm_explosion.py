"""Document 003, L127: does normalisation mitigate exploding gradients? Batch normalisation at initialisation."""

from collections.abc import Sequence
from functools import partial

from residua_bridge.claims import Evidence, claims_section
from residua_bridge.experiments.batchnorm import laws as batchnorm_laws
from residua_bridge.experiments.batchnorm import residual as batchnorm_residual
from residua_bridge.experiments.batchnorm.benefit import Setting, WhichVariances
from residua_bridge.experiments.batchnorm.small import SmallBatches
from residua_bridge.experiments.batchnorm.sources import PlannedLaws
from residua_bridge.experiments.batchnorm.story import ALONG, OURS, Story
from residua_bridge.experiments.derivations import Derivations
from residua_bridge.findings import Cell, Section
from residua_bridge.study import By, Study
from residua_symbolic.moments.batch.benefit import benefit_law
from residua_symbolic.moments.batch.laws import layer_law
from residua_symbolic.moments.batch.residual_laws import ORDERS, post_norm_law, pre_norm_law

NAME = "batchnorm-explosion"
STORY = "One popular number, four depths"
LAWS = "The laws at finite batch, and what (1.11) says"
SMALL = "Small batches"
BENEFIT = "Which variances batch normalisation helps, and which it hurts"
RESIDUAL = "Residual nets with batch statistics"
BY_VARIANCE = "With and without"
SAME = 1e-9  # log10: what rounding may do to logarithms of gradients through some thirty layers
CLAIMS = tuple(f"003-0{n}" for n in (66, 75, 80, 81, 82, 84))
DEPTHS = (15, 30, 60, 120)
BATCH = 32


def closing(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The lines of 003 that are decided here."""
    prose = (
        "Each word is computed from tables, verdicts and proofs, here or together with other reports. All that stands in "
        "this one speaks of networks at initialisation.",
    )
    return (claims_section("What document 003 says", prose, CLAIMS, NAME, sections),)


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off tables and verdicts."""
    e = Evidence({NAME: sections})
    terms = e.table(NAME, "One number at every depth").table.rows
    verdicts = {v.statement: v for section in sections for v in section.verdicts}
    along, ours = verdicts[ALONG], verdicts[OURS]
    expected = [v for v in verdicts.values() if v.expected]
    crossing = min(terms, key=lambda row: abs(float(row[7]) - float(row[2])))
    measured = ", ".join(f"{float(row[7]):.3f}" for row in terms)
    variances = e.table(NAME, "Which variances batch normalisation hurts").table.rows
    bounds = [row for row in variances if row[0] == BATCH]
    deepest = max(bounds, key=lambda row: int(row[1]))
    limit = variances[-1]
    return (
        f"Of {len(expected)} verdicts that the study expects, {sum(v.verdict == v.expected and v.explained for v in expected)} came out so.",
        f"The popular $\\pi/(\\pi-1) = {float(crossing[2]):.3f}$ a layer measured {measured} at depths "
        f"{', '.join(str(row[0]) for row in terms)} (batch {BATCH}, lower half of the net). Judged along depth: "
        f"“{along.verdict}”. At depth {crossing[0]}, where by itself it would pass for {crossing[-1]}, two errors meet: one layer of the {crossing[1]} averaged has an input that is not "
        f"rectified ({float(crossing[3]):+.3f}), and the batch is not large ({float(crossing[4]):+.3f} at {BATCH}); {abs(float(crossing[3]) + float(crossing[4])):.3f} is left of them. The law at finite batch with its first layer: "
        f"“{ours.verdict}”.",
        "An inner layer of Linear → BatchNorm → ReLU multiplies the squared gradient by $G = (B/2 - 1 + \\theta + \\kappa)/((1/2 - \\kappa)(B - 3))$, at every batch size B; θ and κ are "
        f"closed functions of B. G is {float(deepest[2]):.4f} at B = {BATCH} and tends to $\\pi/(\\pi-1)$. Linear nets: $(B-2)/(B-3)$, where (1.11) says $(B-1)/(B-3)$.",
        "Does batch normalisation mitigate exploding gradients at initialisation? "
        + ("" if bears_out_help(e) else "Of what follows not all is borne out by the measured pairs. ")
        + "It removes the size of the weights exactly, and with it $(v/2)^L$; what it "
        f"puts in its place grows by G a layer whatever v is. So it helps where v/2 is, in its logarithm, farther from 1 than G, and hurts in between: at B = {BATCH} and {deepest[1]} layers from "
        f"v = {float(deepest[3]):.3f} to {float(deepest[4]):.3f}, in deep nets and large batches from {float(limit[3]):.3f} to {float(limit[4]):.3f}. He's v = 2 lies inside at every batch and depth at which the "
        "normalised ratio is not 1: there, in deep nets, normalisation makes gradients explode that were stable. Depth moves the bounds through the two edge layers only, a smaller batch widens the range, width does not matter but for "
        "corrections that vanish as it grows.",
        *_with_skips(e),
    )


def bears_out_help(e: Evidence) -> bool:
    """Whether the measured pairs of nets bear out who is helped, and that the size of the weights is taken off."""
    rows = e.table(NAME, BY_VARIANCE).rows()
    words = [(row["the law says"], row["measured: it"]) for row in rows if row["measured: it"] != "undecided"]
    decided = {"helps", "hurts"} <= {said for _, said in words} and all(law == said for law, said in words)
    settings: dict[tuple[Cell, ...], list[float]] = {}
    for row in rows:
        settings.setdefault((row["n"], row["layers"], row["B"]), []).append(float(row["measured "]))
    return decided and all(max(logs) - min(logs) < SAME for logs in settings.values())


def _with_skips(e: Evidence) -> tuple[str, ...]:
    """What the verdicts on residual nets bear out."""
    pre, post = (e.verdict(NAME, begins, section=RESIDUAL) for begins in ("Pre-norm", "Post-norm"))
    said = (
        "In pre-norm residual nets the exponential growth turns into a power of the depth, and its exponent is the same "
        "G for BatchNorm → ReLU → Linear."
    ) * pre + (
        " Post-norm stays exponential, with $2\\pi/(2\\pi-1)$ a block at He's variance and large batch, whatever the depth."
    ) * post
    open_ = [name for name, held in (("pre-norm", pre), ("post-norm", post)) if not held]
    left = f" What was derived for {' and '.join(open_)} is not borne out by its verdicts." if open_ else ""
    return ((said + left).strip(),)


STUDY = Study(
    name=NAME,
    title="Batch normalisation and exploding gradients at initialisation",
    question=(
        "Document 003 says that normalisation mitigates vanishing and exploding gradients. Others say that batch "
        "normalisation makes gradients explode, by $\\pi/(\\pi-1)$ a layer. Measured at batch 32 over the lower half of a "
        "net, that number comes out as about 1.31, 1.41, 1.47 and 1.49, depending on the depth. Which is right, what is "
        "each of these numbers made of, and for which weights does batch normalisation help?"
    ),
    claim=(
        "003, L127: when gradients grow, $g_l$ becomes smaller, and the other way round; normalisation thereby mitigates "
        "both problems. Yang et al. 2019 (arXiv:1902.08129): the squared gradient grows by $\\pi/(\\pi-1)$ a layer."
    ),
    refuted_by=(
        "A measured growth outside the bars of the law at finite batch, extrapolated in width, at any batch or depth run here "
        "refutes our law. A variance at which the net with batch normalisation is measured to be nearer to a ratio of 1 "
        "where the law says otherwise refutes our answer on who is helped."
    ),
    experiments=(
        Derivations(
            "The laws, derived at every batch size",
            (
                "A batch norm sees one feature at a time: B numbers, one a row. In a wide net these are jointly normal, and "
                "all rows are alike, so that two numbers describe a layer: q, the mean square of an entry, and c, the mean "
                "product of two rows. Likewise p and r for the gradient. Orthogonal to the constant vector such a feature "
                "is isotropic: its direction $\\hat{x}$ is uniform, and independent of its length s, whose mean inverse "
                "square is that of a chi-square variable with B − 1 degrees of freedom.",
                "What a batch norm passes back is $\\frac{1}{s}(I - \\mathbf{1}\\mathbf{1}^T/B - \\hat{x}\\hat{x}^T/B)$ times "
                "the gradient: it sums to zero over the rows. The next batch norm below therefore has less to take off "
                "than from a gradient that comes from outside, and the layer above the input has another input than all "
                "others. The two edge layers are not like the inner ones.",
            ),
            (partial(layer_law, "linear"), partial(layer_law, "relu")),
        ),
        Story(
            "story",
            STORY,
            (
                "The squared gradient at the input over that in the middle of the net, as a factor a layer: Linear → "
                "BatchNorm → ReLU, He's variance, batch 32. π/(π−1) was derived as a limit, of large batch and of "
                "inner layers, so one depth at one batch cannot decide it; the table says for what it would pass by "
                "itself. Quoted as a growth that holds at this batch whatever the depth, it is judged along depth, and "
                "so is the law at finite batch with its first layer, on the same networks; both extrapolated in width.",
                "The statistic is the geometric mean over networks: the ratio of a single deep net has wide tails, and "
                "of their mean a few nets would decide. At infinite width both statistics agree; what is left of their "
                "difference is part of the finite width.",
            ),
            batch=BATCH,
            depths=DEPTHS,
            widths=(32, 64, 128),
            networks=By(40, 200),
            seconds=By(30.0, 80.0),
        ),
        PlannedLaws(
            "laws",
            LAWS,
            (
                "Each law is met at several batch sizes, in nets of three widths each, and judged by the limit of large "
                "width that the ladder extrapolates to. (1.11) takes mean and variance for constants: its product "
                "lacks the projector, and what that takes off is computed, not fitted. The last law is π/(π−1) as what "
                "it is: the limit of large batch, here of inner layers only.",
            ),
            batchnorm_laws.PLANS,
            By(30.0, 60.0),
            drawn=("ReLU nets", batchnorm_laws.LARGE),
            beside=(batchnorm_laws.BESIDE,),
        ),
        SmallBatches(
            SMALL,
            (
                "$\\mathbb{E}[1/s^2]$ is the mean of an inverse chi-square variable with B − 1 degrees of freedom: it is "
                "finite for B > 3, and its variance for B > 5. Below that a mean over networks is decided by the few "
                "features that happen to be nearly constant over the batch, and the wider the net, the more of them it "
                "meets. The geometric mean is finite for every B > 2; in a net of finite width it lies below the law.",
            ),
            batches=(2, 3, 4, 5, 6, 8, 16),
            widths=(16, 64, 256),
            depth=3,
            networks=By(120, 1000),
        ),
        Derivations(
            "When it helps: derived",
            (
                "Help is meant so: the logarithm of the squared gradient at the input over that at the output is nearer "
                "to 0 with batch normalisation than without. Without it, the ratio of a ReLU net is $(v/2)^L$.",
            ),
            (benefit_law,),
        ),
        WhichVariances(
            "benefit",
            BENEFIT,
            (
                "The same nets with and without batch normalisation, at one batch and depth each, by the variance of their weights.",
            ),
            settings=(Setting(32, 10, 8), Setting(32, 10, 32), Setting(32, 30, 32), Setting(64, 30, 32)),
            variances=(0.5, 1.0, 1.3, 1.5, 2.0, 2.7, 3.0, 4.0, 8.0),
            networks=By(24, 200),
            batches=(4, 8, 32, 128),
            depths=(1, 10, 30, 100),
        ),
        Derivations(
            "With skips: derived",
            (
                "In a residual net the stream keeps what a branch adds, and its spread grows; each batch norm divides by "
                "more, and adds less to the gradient, than the one before. Where the branch ends in ReLU, the stream "
                "carries means, which every batch norm takes off again; its spread grows as in the other order.",
            ),
            (*(partial(pre_norm_law, order) for order in ORDERS), post_norm_law),
        ),
        PlannedLaws(
            "residual",
            RESIDUAL,
            (
                "The squared gradient at the input over that at the output, batch 16, along depth for pre-norm; the "
                "factor of a block, along batch, width and two depths, for post-norm: a power of the depth would not have "
                "the same factor at both. What is told apart is fixed beforehand: half of what the laws of large batch "
                "would be off, and a quarter of the growth of a block. In BatchNorm → Linear → ReLU the stream is a "
                "sum of rectified normals, not normal before a batch norm at finite B as the law assumes: its mean inverse "
                "variance is simulated feature by feature, at infinite width, and what that changes is a term of the "
                "budget. All other streams and layers are normal there at infinite width, at every B.",
            ),
            batchnorm_residual.PLANS,
            By(30.0, 60.0),
            drawn=("post, ReLU → Linear",),
            beside=(batchnorm_residual.BESIDE,),
        ),
    ),
    conclusion=conclusion,
    closing=closing,
)
