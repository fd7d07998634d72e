"""Documents 000 and 003 on a real task: what is said about gradients, before, during and after training."""

from collections.abc import Sequence

from residua_bridge.claims import claims_section
from residua_bridge.experiments.along_training import AlongTraining, Moment, Statement, agrees
from residua_bridge.experiments.learned_gains import GAINS, LearnedGains
from residua_bridge.findings import Section
from residua_bridge.study import By, Labelled, Study
from residua_network import Activation, BatchNorm, Layer, LayerNorm, Linear, Network, Residual

WIDTH = 32
BLOCKS = 8
NEAR = 0.1  # a tenth: what one would call "about" in a lecture
FACTOR = 10.0  # a gradient that keeps its size up to this factor has neither vanished nor exploded

RELU, SQUARE = Activation("relu"), Linear(WIDTH, WIDTH)


def classifier(*block: Layer, last: tuple[Layer, ...] = ()) -> Network:
    """Eight blocks between two linear layers, for 8 × 8 digits."""
    return Network((Linear(64, WIDTH), *block * BLOCKS, *last, Linear(WIDTH, 10)))


def plain() -> Network:
    """Neither normalised nor residual."""
    return classifier(SQUARE, RELU)


def layer_normalised() -> Network:
    """As 003 draws it: Norm(W h), then the activation."""
    return classifier(SQUARE, LayerNorm(WIDTH), RELU)


def batch_normalised() -> Network:
    """The same with batch statistics."""
    return classifier(SQUARE, BatchNorm(WIDTH), RELU)


def saturating() -> Network:
    """Four blocks of Linear, LayerNorm, sigmoid: gradients vanish."""
    return Network((Linear(64, WIDTH), *(SQUARE, LayerNorm(WIDTH), Activation("sigmoid")) * 4, Linear(WIDTH, 10)))


def residual() -> Network:
    """As 000 draws it: x + F(x), not normalised."""
    return classifier(Residual((RELU, SQUARE)))


def pre_norm() -> Network:
    """x + F(LayerNorm(x)), a last normaliser before the output."""
    return classifier(Residual((LayerNorm(WIDTH), RELU, SQUARE)), last=(LayerNorm(WIDTH),))


def post_norm() -> Network:
    """LayerNorm(x + F(x))."""
    return classifier(Residual((SQUARE, RELU)), LayerNorm(WIDTH))


def claim_is_near(m: Moment) -> bool | None:
    """(1.11) within a tenth, where it drops anything."""
    return m.lost[1] <= NEAR if m.lost[0] else None


def keeps_its_size(m: Moment) -> bool:
    """The measured gradient at the first layer within a factor of ten of that at the last."""
    return 1 / FACTOR <= m.ratio[1] <= FACTOR


def paths_as_counted(m: Moment) -> bool | None:
    """The measured mean path length within a tenth of half the number of blocks."""
    if m.mean_length is None:
        return None
    return abs(m.mean_length[1] - m.blocks / 2) <= NEAR * m.blocks / 2


NAME = "digits"
CLAIMS = ("003-080", "003-081")


def closing(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The lines of 003 on learned gains and on products."""
    prose = ("Each word is computed from the tables and verdicts above, together with other reports.",)
    return (claims_section("What document 003 says", prose, CLAIMS, NAME, sections),)


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off the tables: nothing here is a number that was typed in."""
    tables = {table.title: table for section in sections for table in section.tables}
    rows = tables["Training"].rows
    last = {row[0]: row for row in rows}
    best = max(last.values(), key=lambda row: float(row[3]))
    errors = [float(row[5]) for row in rows if row[5] != "–"]
    verdicts = [v for section in sections for v in section.verdicts]
    derived = [v for v in verdicts if not v.statement.startswith("(1.11)")]
    where = tables["Where each statement holds"].rows
    always = [f"{row[1]}" for row in where if row[0] == KEEPS and row[3] == "–"]
    never = [f"{row[1]}" for row in where if row[0] == KEEPS and row[2] == "–"]
    lengths = tables["Path lengths"].rows
    gains = tables[GAINS].rows if GAINS in tables else ()
    shortest, longest = (f(lengths, key=lambda row: float(row[4])) for f in (min, max))
    return (
        f"Of {len(derived)} verdicts on derived quantities (Jacobian, gradient norms, singular values, paths; every "
        f"network, all snapshots) {sum(v.verdict == 'agree' for v in derived)} are 'agree': the derivation holds before, during and after training.",
        f"(1.11) is off by between {100 * min(errors):.3g} % and {100 * max(errors):.3g} % where it drops anything, "
        "at every stage of training: training does not make it right.",
        f"The gradient keeps its size within a factor of {FACTOR:g} at all snapshots in: {'; '.join(always) or 'none'}"
        + (f"; at none in: {'; '.join(never)}" if never else "")
        + ".",
        f"The paths that carry the gradient have a mean length between {float(shortest[4]):.2f} ({shortest[0]}, step {shortest[1]}) "
        f"and {float(longest[4]):.2f} ({longest[0]}, step {longest[1]}), where counting gives {float(longest[2]):g}.",
        f"Test accuracy at the end, one seed each, so that the last few thousandths rank nothing: {float(best[3]):.3f} ({best[0]}); "
        + "; ".join(f"{label} {float(row[3]):.3f}" for label, row in last.items() if row is not best)
        + ". Batch normalisation is given the statistics of the test part itself.",
        *(
            f"Learned gains, {row[0]}: a squared gradient ratio of $10^{{{float(row[2]):.2g}}}$ at the start and gains {10 ** float(row[6]) - 1:+.1%} after training."
            for row in gains
        ),
    )


KEEPS = f"The gradient at the first layer is within a factor of {FACTOR:g} of that at the last (003 says so of normalised and of residual networks)"

STUDY = Study(
    name=NAME,
    title="Gradients on a real task: handwritten digits, before, during and after training",
    question=(
        "What documents 000 and 003 say about gradient products is said of networks that learn. Where along a real "
        "training does each statement hold?"
    ),
    claim=(
        "003: (1.11) gives the gradient through normalised layers; normalisation and residual connections keep gradients from "
        "vanishing and exploding. 000, as Veit et al. count it: a residual network is a sum over $2^L$ paths, most of them of about half "
        "the length."
    ),
    refuted_by=(
        "A statement is refuted at every snapshot at which the measured quantity misses the criterion that it states. "
        "A derived quantity that differs from the measured one by more than rounding, anywhere along training, refutes us."
    ),
    experiments=(
        AlongTraining(
            "digits",
            "Six networks on digits",
            (
                "scikit-learn's 1797 digits, a quarter of them kept for testing; Adam, cross entropy, one seed, He's initialisation (on which the gradient ratios and path lengths before training depend: a smaller one makes paths short and plain gradients vanish). Six networks of eight "
                "blocks and width 32: plain (Linear, ReLU); layer-normalised (Linear, LayerNorm, ReLU) and batch-normalised (Linear, BatchNorm, ReLU), as 003 draws them; "
                "residual without normalisation (x + Linear(ReLU(x))); pre-norm (x + Linear(ReLU(LayerNorm(x)))); post-norm (LayerNorm(x + ReLU(Linear(x)))). ",
                "At every snapshot the derived Jacobian, the gradient norms at every layer, the singular values of the whole "
                "product and the gradient by length of residual path are predicted from the weights and measured in torch, on the same sixteen test images, which are also the batch where batch statistics couple them.",
            ),
            trainings=(
                Labelled("plain", plain),
                Labelled("layer-normalised", layer_normalised),
                Labelled("batch-normalised", batch_normalised),
                Labelled("residual", residual),
                Labelled("pre-norm", pre_norm),
                Labelled("post-norm", post_norm),
            ),
            statements=(
                Statement("Derived Jacobian, gradient norms, singular values and paths are the measured ones", agrees),
                Statement(f"(1.11) is right within {NEAR:.0%} (003)", claim_is_near),
                Statement(KEEPS, keeps_its_size),
                Statement(
                    f"The mean path length is half the number of blocks, within {NEAR:.0%} (paths as counted)",
                    paths_as_counted,
                ),
            ),
            steps=By(600, 3000),
            snapshots=By((0, 10, 50, 200, 600), (0, 10, 20, 50, 100, 200, 400, 800, 1500, 3000)),
        ),
        LearnedGains(
            "What the learned gains do",
            (
                "003 (L127) says of the learned factor g of a normaliser that it becomes smaller where gradients grow and larger where they fall. Two networks, in one of which gradients grow on the way "
                "back through the layers at the start (batch normalisation and ReLU), in the other of which they vanish (layer normalisation and sigmoid); all gains are 1 before training.",
            ),
            (
                Labelled("gradients grow: Linear → BatchNorm → ReLU", batch_normalised),
                Labelled("gradients vanish: Linear → LayerNorm → sigmoid", saturating),
            ),
            seeds=By(4, 12),
            steps=200,
        ),
    ),
    conclusion=conclusion,
    closing=closing,
)
