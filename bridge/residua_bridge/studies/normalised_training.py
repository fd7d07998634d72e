"""Document 003, L53–L127: what normalisation does to training, beyond gradients at initialisation."""

from collections.abc import Sequence

from residua_bridge.claims import Evidence, claims_section
from residua_bridge.claims.judges.normalised_training import NEAR
from residua_bridge.experiments.normalised_training import axes, batches, gates, memory, steps
from residua_bridge.experiments.normalised_training.accuracy import (
    BEST,
    EFFECTS,
    SIZES,
    BesideDropout,
    ByBatch,
    ByRate,
    Net,
)
from residua_bridge.experiments.normalised_training.axes import Axes
from residua_bridge.experiments.normalised_training.batches import Shuffled
from residua_bridge.experiments.normalised_training.factor import TRIED, LearnedFactor, Variant
from residua_bridge.experiments.normalised_training.gates import DERIVED, ForgetGates, Setup
from residua_bridge.experiments.normalised_training.memory import MemoryHeld
from residua_bridge.experiments.normalised_training.nets import BAR
from residua_bridge.experiments.normalised_training.steps import CarriedOver
from residua_bridge.findings import Cell, Section
from residua_bridge.study import By, Study

NAME = "normalised-training"
BATCHES = (2, 4, 8, 32, 128)
SHARE = "share that carries over"
CLAIMS = tuple(f"003-{n:03}" for n in (44, 56, 57, 60, 65, 67, 68, 69, 70, 71, 83, 85))


def closing(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The lines of 003 that are decided here."""
    prose = ("Each word is computed from the tables, verdicts and proofs above.",)
    return (claims_section("What document 003 says", prose, CLAIMS, NAME, sections),)


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off tables and verdicts."""
    e = Evidence({NAME: sections})
    verdicts = [v for section in sections for v in section.verdicts]
    good = sum(v.expected == v.verdict and v.explained for v in verdicts)

    def row(table: str, **match: Cell) -> dict[str, Cell]:
        return e.table(NAME, table).rows(match)[0]

    def share(norm: str) -> str:
        first = row(steps.SHARES, normalisation=norm, steps_done=0)
        return f"{float(first[SHARE]):.2f} ± {float(first[BAR]):.2f}"

    cosine = float(row(steps.SHARES, normalisation="batch", steps_done=0)["cosine of the gradients"])
    kept_on = all(float(one[SHARE]) > float(one[BAR]) for one in e.table(NAME, steps.SHARES).rows(normalisation="none"))
    best = e.table(NAME, BEST).rows()
    sizes = e.table(NAME, SIZES).rows()
    hurt = [str(one["B"]) for one in sizes if one["batch is"] == "lower"]
    helped = [str(one["B"]) for one in sizes if one["batch is"] == "higher"]
    sorted_, shuffled = (float(row(batches.TRAINED, normalisation="batch")[order]) for order in ("sorted", "shuffled"))
    kept = row(memory.HOLDS, normaliser="batchnorm", B=64, n=128)
    paths = [one for one in e.table(NAME, gates.MEMORY).rows(to_remember=gates.FIRST) if one["bias"] != "–"]
    near = [one for one in paths if float(one["best path, after"]) - float(one[BAR]) > NEAR]
    learned = sum(one["net"] != gates.DERIVED for one in near)
    tried = [one for one in e.table(NAME, TRIED).rows() if one["it is"] in ("higher", "lower")]
    few = e.table(NAME, EFFECTS).rows(normalisation="batch")
    moved = {kind: float(row(axes.LEARNED, normaliser=kind)["γ moved by"]) for kind in ("BatchNorm", "LayerNorm")}
    return (
        f"Of {len(verdicts)} verdicts {good} are as expected.",
        f"The work of a step is {'not ' * kept_on}lost: before training, a batch of other examples sees {share('none')} of the gain without "
        f"normalisation, {share('layer')} with layer normalisation, and {share('batch')} with batch normalisation, where the "
        f"gradients of two batches are nearly orthogonal (cosine {cosine:.2f}).",
        "Statistics of batch normalisation are those of a feature over all samples, those of layer normalisation of a sample over all "
        f"features. Both learn γ and β: γ moved by {moved['BatchNorm']:.2f} and {moved['LayerNorm']:.2f}.",
        f"Batches sorted by class take a net with batch normalisation from {shuffled:.2f} to {sorted_:.2f} right. With as many steps at "
        f"every size, it is more accurate than none at B = {', '.join(helped) or 'no size'}, less at B = {', '.join(hurt) or 'no size'}.",
        "What batch normalisation adds to accuracy, each side at its best rate: "
        + "; ".join(f"{one['net']} {float(one['difference']):.3f} ± {float(one[BAR]):.3f}" for one in best)
        + ". Leaving dropout out beside it: "
        + "; ".join(
            f"{float(one['without − with dropout']):+.3f} ± {float(one[BAR]):.3f} on {one['training digits']} digits"
            for one in few
        )
        + ".",
        f"In a block of width {kept['n']} at batch {kept['B']} the stored statistics are {kept['stored statistics']} numbers, what is "
        f"kept for the way back {kept['kept for the way back']}, {float(kept['kept, times that without']):.2f} times that without "
        "normalisation.",
        "The LSTM's direct path keeps the product of the forget gates. After training to remember: "
        + "; ".join(
            f"{float(one['best path, after']):.2g} left with {str(one['net']).removeprefix('LSTM, ')}" for one in paths
        )
        + f". Above one half are: {', '.join(str(one['net']) for one in near) or 'none'}; of these {learned} by what was learned alone.",
        "A learned factor and addend add no function to a linear layer. In training they made a difference that the seeds decide in: "
        + ("; ".join(f"{one['net']}, {one['start']} ({float(one['difference']):+.2f})" for one in tried) or "no case")
        + ".",
    )


STUDY = Study(
    name=NAME,
    title="Training with normalisation: batches, statistics, memory, accuracy, gates",
    question=(
        "Document 003 explains normalisation by what happens in training: that without it the work of a step is lost for the next "
        "one, that batches must resemble each other, that it costs memory, replaces dropout, hardly changes accuracy; and it "
        "sets it beside the gates of the LSTM. What of this can be derived, and what does a real training show?"
    ),
    claim=(
        "003, L53, L78, L89, L98, L105, L111, L127: twelve statements on training with normalisation, and two on learned factors; the "
        "last section lists them."
    ),
    refuted_by=(
        "A derived number (means of products of gradients, variances of batch means, numbers held in memory, the derivative of the "
        "LSTM's cell, entries that an output depends on) that torch does not give refutes us. A statement of the document is "
        "refuted where an interval of 95 % over seeds lies on the other side of what it says."
    ),
    experiments=(
        CarriedOver(
            "carried",
            "Is the work of a step lost for the next batch?",
            (
                "003, L53: every loss refers only to its own batch, since the next one has other data, and without normalisation "
                "the work is done for nothing. Take a step on one batch, and look at the loss of another one, of other "
                "examples: the share of the gain that it sees is what is not lost.",
                "To first order in the rate the gain on the own batch is $\\eta \\|g_A\\|^2$ and that on the other $\\eta \\langle g_A, g_B\\rangle$. "
                "Their means over all pairs of disjoint batches are derived below, for any net and any data; the verdicts "
                "hold them against pairs drawn in torch.",
            ),
            hidden=8,
            width=32,
            batch=64,
            rate=0.05,
            step=0.01,
            moments=(0, 20, 100),
            seeds=By(6, 16),
            pairs=By(6, 24),
            population=256,
        ),
        Axes(
            "Whose values a statistic is made of",
            (
                "003, L78, says of batch normalisation that each neuron corresponds to a sample, that μ and σ are statistics of each sample, "
                "and that the average is over N·H·W values of a channel; of layer normalisation (L111) that it works on C·H·W values "
                "within one sample, keeps no statistics, and has γ and β that are fixed. The entries that an output depends on can "
                "be counted: they are those at which its gradient is not 0.",
                "Images are batches of vectors for the toolkit: batch normalisation of images is that of N·H·W rows of C features, "
                "layer normalisation that of N rows of C·H·W features.",
            ),
            samples=6,
            channels=3,
            height=4,
            width=5,
            seeds=By(6, 16),
            steps=150,
        ),
        Shuffled(
            "batches",
            "How near a batch is to the whole",
            (
                "003, L89: batch normalisation assumes that minibatches are distributed approximately like each other and like the "
                "whole, and shuffling helps. Shuffled, each place of a batch is filled by each example with the same "
                "probability: its distribution is that of the whole, exactly; what differs is the batch, by chance, and by how much "
                "can be derived. Sorted by class, nothing of this holds.",
            ),
            sizes=BATCHES,
            draws=By(500, 1000),
            batch=32,
            hidden=3,
            width=32,
            rate=0.1,
            steps=By(200, 600),
            seeds=By(6, 16),
        ),
        ByRate(
            "rates",
            "Accuracy with and without batch normalisation",
            (
                "003, L98: batch normalisation hardly improves accuracy. Nets that train easily, and nets that do not: few and many hidden "
                "layers, He's initialisation and torch's own, whose signals shrink from layer to layer. Each along a ladder of rates.",
            ),
            nets=(Net(2, "he"), Net(6, "he"), Net(6, "torch")),
            width=32,
            rates=(0.1, 0.3, 1.0),
            batch=64,
            steps=By(300, 300),
            seeds=By(6, 16),
        ),
        ByBatch(
            "sizes",
            "Small batches",
            (
                "003, L105, advises against batch normalisation where batches are small, and L111 says that layer normalisation has no such "
                "worry. Three hidden layers, the same number of steps at every size.",
            ),
            sizes=BATCHES,
            hidden=3,
            width=32,
            rate=0.1,
            steps=By(200, 800),
            seeds=By(6, 16),
        ),
        BesideDropout(
            "dropout",
            "Beside dropout",
            (
                "003, L105: with batch normalisation dropout can be left out, and the result is better for it, since batch normalisation "
                "regularises. On all training digits and on few, where regularisation matters more.",
            ),
            data=(1348, 50),
            dropouts=(0.0, 0.2),
            hidden=2,
            width=64,
            batch=32,
            rate=3e-3,
            steps=By(200, 800),
            seeds=By(16, 24),
        ),
        MemoryHeld(
            "memory",
            "Memory",
            (
                "003, L105: batch normalisation needs much memory because it has to keep two statistics; L111: layer normalisation "
                "saves a part of it. Counted in torch, and derived.",
            ),
            sizes=((8, 32), (64, 32), (64, 128), (256, 64)),
            batches=(2, 8, 32, 128, 512),
            width=64,
        ),
        ForgetGates(
            "gates",
            "The LSTM's gates",
            (
                "003, L127: in the LSTM a learned mechanism keeps the gradient along one path near 1. The path is that through the cell: "
                "its factor at each step is the forget gate.",
                "LSTMs are trained to say at the end of a sequence of noise which sign its first step had; for comparison a "
                "plain recurrent net, and an LSTM that has nothing to keep, for it is asked for the last sign. The bias of the forget "
                "gates begins at 0 (torch), at 1, or at what the derivation asks for.",
            ),
            setups=(
                Setup("plain recurrent net", "rnn", 0.0, "first"),
                Setup("LSTM, bias 0", "lstm", 0.0, "first"),
                Setup("LSTM, bias 1", "lstm", 1.0, "first"),
                Setup(DERIVED, "lstm", None, "first"),
                Setup("LSTM, bias 1, nothing to keep", "lstm", 1.0, "last"),
            ),
            delta=0.2,
            units=16,
            length=20,
            batch=32,
            rate=1e-2,
            steps=By(150, 600),
            seeds=By(5, 12),
        ),
        LearnedFactor(
            "A learned factor and a learned addend",
            (
                "003, L127, takes from normalisation, the LSTM and residual nets that two learned parameters on each layer, one that multiplies "
                "and one that is added, might be worth a try. On a linear layer they say nothing that it could not say by itself; what "
                "they change is the way through training. γ and β of a normaliser that does not normalise are such parameters; at γ = 0 in "
                "a residual branch they are those of ReZero (Bachlechner et al. 2020, arXiv:2003.04887).",
            ),
            variants=(
                Variant("plain", False, None),
                Variant("plain, factor from 1", False, 1.0, "plain"),
                Variant("residual", True, None),
                Variant("residual, factor from 1", True, 1.0, "residual"),
                Variant("residual, factor from 0", True, 0.0, "residual"),
            ),
            blocks=8,
            width=32,
            inits=("he", "torch"),
            rate=0.1,
            batch=64,
            steps=By(120, 600),
            seeds=By(5, 16),
        ),
    ),
    conclusion=conclusion,
    closing=closing,
)
