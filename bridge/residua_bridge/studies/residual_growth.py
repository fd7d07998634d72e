"""Residual networks at initialisation: how stream and gradient grow with depth, by the order of the block."""

from collections.abc import Callable, Sequence

from residua_bridge.budgets.law import Ladder
from residua_bridge.claims import claims_section
from residua_bridge.experiments.derivations import Derivations
from residua_bridge.experiments.initialised import EXPLODING, VANISHING
from residua_bridge.experiments.judged_laws import JudgedLaws, Met
from residua_bridge.experiments.residual_growth.depth import WhereGradientsGo
from residua_bridge.experiments.residual_growth.laws import (
    LINEAR,
    CountedAlike,
    Derived,
    MeanLength,
    Mistaken,
    arithmetic_for_geometric,
    geometric_mean,
    scaled_at_once,
    scaled_exactly,
    scaled_in_the_limit,
)
from residua_bridge.experiments.residual_growth.sources import PathLengths, Stream
from residua_bridge.findings import Cell, Section
from residua_bridge.study import By, Study
from residua_symbolic.moments.residual.laws import PREDICTION_11, PREDICTION_12, PREDICTION_13, ResidualLaw
from residua_symbolic.moments.residual.relu import carried_growth

NAME = "residual-growth"
PLAIN, PRE, POST = "Without a norm", "Pre-norm", "Post-norm"
DEPTH, PATHS = "Where the gradients go", "Which paths carry the gradient"
CLAIMS = ("000-008", "000-016", "003-084")

RELU_LINEAR, LINEAR_RELU = (ResidualLaw("none", branch) for branch in ("relu linear", "linear relu"))
PRE_RL, PRE_LR = (ResidualLaw("pre", branch, "layernorm") for branch in ("relu linear", "linear relu"))
PRE_RMS_RL, PRE_RMS_LR = (ResidualLaw("pre", branch, "rmsnorm") for branch in ("relu linear", "linear relu"))
POST_RL, POST_LR = (ResidualLaw("post", branch, "layernorm") for branch in ("relu linear", "linear relu"))
POST_RMS_RL, POST_RMS_LR = (ResidualLaw("post", branch, "rmsnorm") for branch in ("relu linear", "linear relu"))
ALL = (LINEAR, RELU_LINEAR, LINEAR_RELU, PRE_RL, PRE_LR, PRE_RMS_LR, POST_RL, POST_LR, POST_RMS_LR)

EXACT = By(
    Ladder({"width": 16, "depth": 4}, {"width": (8, 16, 32), "depth": (2, 4, 6)}, 500, resolution=0.06, seconds=3),
    Ladder({"width": 16, "depth": 6}, {"width": (8, 16, 64), "depth": (2, 6, 12)}, 1000, resolution=0.02, seconds=60),
)
WIDE = By(
    Ladder({"width": 32, "depth": 4}, {"width": (16, 32, 64)}, 500, resolution=0.06, seconds=4),
    Ladder({"width": 64, "depth": 8}, {"width": (32, 64, 128)}, 500, resolution=0.03, seconds=90),
)
AT_DEPTHS = By(
    Ladder({"width": 32, "depth": 4}, {"width": (16, 32, 64), "depth": (2, 4, 6)}, 300, resolution=0.1, seconds=6),
    Ladder({"width": 64, "depth": 8}, {"width": (32, 64, 128), "depth": (2, 8, 16)}, 500, resolution=0.03, seconds=120),
)
DEEP = By(
    Ladder({"width": 32, "depth": 8}, {"depth": (4, 8, 16)}, 500, resolution=0.06, seconds=4),
    Ladder({"width": 32, "depth": 16}, {"depth": (4, 8, 16, 32)}, 1000, resolution=0.02, seconds=40),
)
ONE = By(
    Ladder({"width": 32, "depth": 4}, {}, 500, resolution=0.06, seconds=2),
    Ladder({"width": 32, "depth": 8}, {}, 1000, resolution=0.02, seconds=20),
)
LENGTHS = By(
    Ladder({"width": 64, "depth": 6}, {"width": (32, 64, 128)}, 400, resolution=0.06, seconds=4),
    Ladder({"width": 64, "depth": 12}, {"width": (32, 64, 128)}, 500, resolution=0.03, seconds=90),
)
ANY_WIDTH = By(
    Ladder({"width": 16, "depth": 6}, {}, 200, resolution=0.08, seconds=3),
    Ladder({"width": 16, "depth": 12}, {}, 1000, resolution=0.03, seconds=60),
)
NORMED = By(  # larger corrections of width: larger widths
    Ladder({"width": 64, "depth": 3}, {"width": (32, 64, 128)}, 400, resolution=0.06, seconds=4),
    Ladder({"width": 96, "depth": 8}, {"width": (48, 96, 192)}, 500, resolution=0.03, seconds=120),
)
RATIO = "ratio of means"
BLOCKS, BROAD = 48, 64  # of the deep networks, as an engineer would build them


def gradient(law: ResidualLaw, label: str, formula: str, ladder: By) -> Met:
    """The whole ratio."""
    return Met(label, Derived(law, "gradient", formula), Stream(law, "gradient"), ladder, statistic=RATIO)


def stream(law: ResidualLaw, label: str, formula: str, ladder: By) -> Met:
    """The mean square at the output."""
    return Met(
        label, Derived(law, "mean square", formula), Stream(law, "mean square"), ladder, statistic="arithmetic mean"
    )


def mistaken(law: ResidualLaw, other: ResidualLaw, label: str, formula: str, why: str) -> Met:
    """The gradient ratio of another block."""
    made = Mistaken(law, other, "gradient", formula, why)
    return Met(label, made, Stream(law, "gradient"), WIDE, statistic=RATIO, expected="differ")


_LESSON = (
    "So: a skip without a norm multiplies, in both directions; pre-norm turns the product into a power of the depth, "
    "whose exponent is 1 with the ReLU first and π/(π − 1) with the ReLU last under layer norm, and into a constant "
    "under RMS norm with the ReLU last, since there the mean square of the stream grows as the square of the depth and "
    "later branches fade. Post-norm has a factor for every block: 1 with the ReLU first; 2π/(2π − 1) with the ReLU last "
    "under layer norm; 2/λ, below 1, in the limit of depth with the ReLU last under RMS norm. These are laws of means at "
    "infinite width and gain 1; a typical network lies below the mean, the more so the narrower and deeper it is."
)
_UNSURE = "Not every verdict is the expected one: what the laws say about depth is to be read with those that are not."


_ORDERS: dict[str, Callable[[str], bool]] = {
    "Pre-norm": lambda block: "x + (" in block and "Norm →" in block,
    "Post-norm": lambda block: "Norm(x" in block,
    "Without a norm": lambda block: "Norm" not in block,
}


def _answers(rows: Sequence[Sequence[Cell]]) -> tuple[str, ...]:
    """Where the gradients go, order by order, from the rows of the deep networks."""
    said = []
    for order, belongs in _ORDERS.items():
        blocks = "; ".join(
            f"{row[0]}: {float(row[3]):.3g} (law {float(row[1]):.3g}, typical network {float(row[5]):.3g}: {row[8]})"
            for row in rows
            if belongs(str(row[0]))
        )
        said.append(
            f"{order}, squared gradient at the input over that at the output of {BLOCKS} blocks, width {BROAD}: {blocks}."
        )
    words = f"vanishing and exploding are typical norms (roots) below {VANISHING:g} and above {EXPLODING:g}"
    return (*said[:-1], f"{said[-1]} The words: {words}.")


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off verdicts and tables."""
    verdicts = [v for section in sections for v in section.verdicts]
    right = [v for v in verdicts if v.expected == "agree"]
    wrong = [v for v in verdicts if v.expected == "differ"]
    rows = next(t.rows for s in sections for t in s.tables if t.title.startswith("Gradients through"))
    heavy = [str(row[0]) for row in rows if row[-1] != "–"]
    return (
        *_answers(rows),
        f"Of {len(right)} derived laws {sum(v.verdict == 'agree' for v in right)} agree, and of {len(wrong)} laws applied to "
        f"another block or taken beyond what they say {sum(v.verdict == 'differ' for v in wrong)} differ, each for the cause that is named.",
        f"Heavy tails, where the mean is made by few networks: {', '.join(heavy) or 'none'}.",
        (_LESSON if all(v.verdict == v.expected and v.explained for v in verdicts) else _UNSURE),
    )


def closing(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The lines of the documents that these laws bear on."""
    prose = (
        "Lines of the documents that these laws bear on, at initialisation. 003-084 is decided together with the study of "
        "residual products, which meets it over a ladder of gains, with and without the skip, kind by kind.",
    )
    return (claims_section("Claims", prose, CLAIMS, NAME, sections),)


STUDY = Study(
    name=NAME,
    title="Residual networks at initialisation: where stream and gradient go",
    question=(
        "How do the mean square of the stream and the squared gradient of a residual network depend on its depth, for blocks without a norm, pre-norm and post-norm, with the "
        "ReLU before and after the linear layer? Pre-norm or post-norm at depth 48: where do the gradients go?"
    ),
    claim=(
        "Unnormalised: both grow as $(1 + s^2)^L$. Pre-norm LayerNorm → ReLU → Linear: mean square $1 + l$, gradient $(1 + L)/(1 + l)$ (Xiong 2002.04745, De and Smith 2002.10444). "
        "Paths: squared gradient by length is binomial without a norm (Veit 1605.06431). What other orders do is derived here."
    ),
    refuted_by=(
        "A limit of width or depth, extrapolated along a ladder, or a value that is exact at every width, which differs from the measured one by more than its bar with no cause for it; "
        "the law of another block order that is not told apart."
    ),
    experiments=(
        WhereGradientsGo(
            "residual-growth-depth",
            DEPTH,
            (
                f"Networks of {BLOCKS} blocks at initialisation, gain 1, every block order beside the others. A branch is one linear layer "
                "with a ReLU before or behind it. With two layers and the ReLU between, nothing is run here.",
            ),
            ALL,
            depth=BLOCKS,
            width=BROAD,
            networks=By(120, 600),
        ),
        Derivations(
            "Without a norm, derived",
            (
                "Weights have variance $v/n$. A block is $x + F(x)$ with a branch of gain G, its mean square over that of its input: $G = v$ for a Linear, $G = v/2$ where a ReLU stands beside it. "
                "$q$ is the mean square of the stream, $m$ its mean, $p$ the expected squared gradient.",
                "With ReLU → Linear both laws of linear branches hold, as n → ∞ at a fixed depth. With Linear → ReLU the gradient's law holds and the stream's does not: the mean of the ReLU is carried along, meets the mean of "
                "the next one, and the mean square grows by λ a block in the limit of depth, "
                f"{carried_growth():.4g} at gain 1. "
                "At finite width the gradient does not escape it: its part along the stream grows as the stream does, "
                "and is one part in n to begin with.",
            ),
            PREDICTION_11,
        ),
        Derivations(
            "Pre-norm and post-norm, derived",
            (
                "A pre-norm block is $x + F(\\mathrm{norm}(x))$, a post-norm block $\\mathrm{norm}(x + F(x))$. The normaliser divides the gradient by the deviation s of the stream, which grows; the branches of "
                "later blocks count for less and less. Which deviation it is, that of the variance or of the mean square, decides between a power of the depth and a constant.",
                "With batch statistics the same questions have other answers; the study of batch normalisation has them.",
            ),
            PREDICTION_12,
        ),
        Derivations(
            "Paths, derived",
            (
                "Multiplied out, L blocks are $2^L$ paths. Paths that differ in a block are uncorrelated at initialisation, so their squared gradients add, and the number of branches on the way is a sum of "
                "independent steps.",
            ),
            PREDICTION_13,
        ),
        JudgedLaws(
            "residual-growth-plain",
            PLAIN,
            (
                "Each law against ensembles of torch networks. Linear branches: exact at every width, so no ladder is needed for a limit; widths and depths are run beside the point all the same. "
                "The relative variance of one network is $(1 + (4v + 2v^2)/(n(1 + v)^2))^L - 1$: the deeper and narrower, the fewer networks make the mean. A typical network follows the geometric mean.",
            ),
            (
                stream(LINEAR, "Linear, mean square", "$q(L) = 2^L$", EXACT),
                gradient(LINEAR, "Linear, gradient", "$p(0)/p(L) = 2^L$", EXACT),
                Met(
                    "Linear, geometric mean",
                    geometric_mean,
                    Stream(LINEAR, "mean square"),
                    ONE,
                    statistic="geometric mean",
                ),
                Met(
                    "Linear, the wrong mean",
                    arithmetic_for_geometric,
                    Stream(LINEAR, "mean square"),
                    ONE,
                    statistic="geometric mean",
                    expected="differ",
                ),
                Met("1/√L, exactly", scaled_exactly, Stream(LINEAR, "gradient", scaled=True), ONE, statistic=RATIO),
                Met("1/√L, limit", scaled_in_the_limit, Stream(LINEAR, "gradient", scaled=True), DEEP, statistic=RATIO),
                Met(
                    "1/√L, e at once",
                    scaled_at_once,
                    Stream(LINEAR, "gradient", scaled=True),
                    ONE,
                    statistic=RATIO,
                    expected="differ",
                ),
            ),
            ladders=False,
        ),
        JudgedLaws(
            "residual-growth-relu",
            "Without a norm, with a ReLU",
            (
                "Limits of width, extrapolated along a ladder in it with a correction of order 1/n. For Linear → ReLU the gradient's part along the stream is a known cause, computed at each width; "
                "without it the law would be missed by far. The limit is one of width at a fixed depth: n must be far above "
                f"$(\\lambda/2)^L$, here {carried_growth() / 2:.3g} to the power L, and at {BLOCKS} blocks no width that is built is.",
            ),
            (
                stream(RELU_LINEAR, "ReLU → Linear, mean square", "$q(L) = 2^L$", WIDE),
                gradient(RELU_LINEAR, "ReLU → Linear, gradient", "$p(0)/p(L) = 2^L$", WIDE),
                stream(LINEAR_RELU, "Linear → ReLU, mean square", "the recursion of mean and mean square", WIDE),
                gradient(LINEAR_RELU, "Linear → ReLU, gradient", "$p(0)/p(L) = 2^L$", WIDE),
                Met(
                    "Linear → ReLU taken for ReLU → Linear",
                    Mistaken(LINEAR_RELU, RELU_LINEAR, "mean square", "$q(L) = 2^L$", "mean carried along"),
                    Stream(LINEAR_RELU, "mean square"),
                    WIDE,
                    statistic="arithmetic mean",
                    expected="differ",
                ),
            ),
        ),
        JudgedLaws(
            "residual-growth-pre",
            PRE,
            (
                "At gain 1. With the ReLU last mean, variance and mean square of the stream are exact at every width, as means over networks and isotropic inputs, since what a block adds is "
                "independent of the stream; with the ReLU first the mean square is exact up to the first block. The gradient is a limit of width throughout, at a fixed depth.",
            ),
            (
                stream(PRE_RL, "LN → ReLU → Linear, mean square", "$q(l) = 1 + l$", WIDE),
                gradient(PRE_RL, "LN → ReLU → Linear, gradient", "$p(0)/p(L) = 1 + L$", AT_DEPTHS),
                stream(PRE_LR, "LN → Linear → ReLU, mean square", "$q(l) = 1 + (1 - 1/\\pi) l + l^2/\\pi$", EXACT),
                Met(
                    "LN → Linear → ReLU, mean",
                    Derived(PRE_LR, "mean", "$m(l) = l/\\sqrt{\\pi}$"),
                    Stream(PRE_LR, "mean"),
                    EXACT,
                    statistic="arithmetic mean",
                ),
                Met(
                    "LN → Linear → ReLU, variance",
                    Derived(PRE_LR, "variance", "$(1 - 1/n)(1 + (1 - 1/\\pi) l)$ over the features"),
                    Stream(PRE_LR, "variance"),
                    EXACT,
                    statistic="arithmetic mean",
                ),
                gradient(PRE_LR, "LN → Linear → ReLU, gradient", "Gammas, as $L^{\\pi/(\\pi - 1)}$", WIDE),
                gradient(PRE_RMS_LR, "RMS → Linear → ReLU, gradient", "Gammas, bounded", WIDE),
                gradient(PRE_RMS_RL, "RMS → ReLU → Linear, gradient", "$1 + L$", WIDE),
                mistaken(PRE_LR, PRE_RL, "ReLU last taken for ReLU first", "$1 + L$", "mean removed by the norm"),
                mistaken(
                    PRE_RMS_LR,
                    PRE_LR,
                    "RMS norm taken for layer norm",
                    "Gammas, as $L^{\\pi/(\\pi - 1)}$",
                    "mean kept by the norm",
                ),
            ),
            ladders=False,
        ),
        JudgedLaws(
            "residual-growth-post",
            POST,
            (
                "At gain 1, as a ratio over all blocks, each of which has the same factor, but for RMS norm with the ReLU last: there "
                f"it tends to 2/λ = {2 / carried_growth():.3g} in the limit of depth.",
            ),
            (
                gradient(POST_RL, "LN((ReLU → Linear) + skip)", "$p(0)/p(L) = 1$", NORMED),
                gradient(POST_LR, "LN((Linear → ReLU) + skip)", "$(2\\pi/(2\\pi - 1))^L$", NORMED),
                gradient(POST_RMS_RL, "RMS((ReLU → Linear) + skip)", "$p(0)/p(L) = 1$", NORMED),
                gradient(POST_RMS_LR, "RMS((Linear → ReLU) + skip)", "$2^L/q(L)$ of the stream without a norm", NORMED),
                mistaken(POST_RL, PRE_RL, "Post-norm taken for pre-norm", "$1 + L$", "skip divided by the norm"),
            ),
            ladders=False,
        ),
        JudgedLaws(
            "residual-growth-paths",
            PATHS,
            (
                "Torch's gradient is split by the number of branches on the way; measured is the ratio of means over networks. A uniform random permutation of L + 1 things has the same "
                "law of cycles, less one, as the paths of LN → ReLU → Linear have of lengths: mean $H_{L+1} - 1$.",
            ),
            (
                Met(
                    "Linear, mean length", MeanLength(LINEAR, "$L/2$"), PathLengths(LINEAR), ANY_WIDTH, statistic=RATIO
                ),
                Met(
                    "LN → ReLU → Linear, mean length",
                    MeanLength(PRE_RL, "$H_{L+1} - 1$"),
                    PathLengths(PRE_RL),
                    LENGTHS,
                    statistic=RATIO,
                ),
                Met(
                    "LN → ReLU → Linear, no branch",
                    MeanLength(PRE_RL, "$1/(L + 1)$", share=0),
                    PathLengths(PRE_RL, share=0),
                    LENGTHS,
                    statistic=RATIO,
                ),
                Met(
                    "LN → Linear → ReLU, mean length",
                    MeanLength(PRE_LR, "$\\sum_l 1/(2 + (1 - 1/\\pi) l)$"),
                    PathLengths(PRE_LR),
                    LENGTHS,
                    statistic=RATIO,
                ),
                Met(
                    "All paths alike",
                    CountedAlike(PRE_RL),
                    PathLengths(PRE_RL),
                    LENGTHS,
                    statistic=RATIO,
                    expected="differ",
                ),
            ),
        ),
    ),
    conclusion=conclusion,
    closing=closing,
)
