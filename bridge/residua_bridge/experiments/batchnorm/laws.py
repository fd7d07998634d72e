"""The laws of batch normalisation without skips, and what (1.11) says instead, as plans for the judge."""

from collections.abc import Callable
from functools import partial

from residua_bridge.budgets.law import Ladder, Law, Sizes
from residua_bridge.experiments.batchnorm.sources import (
    LOOKS,
    Beside,
    Gradients,
    Planned,
    linear_block,
    relu_block,
    root,
)
from residua_bridge.experiments.batchnorm.story import POPULAR
from residua_symbolic.moments.batch.laws import layer_law

BLOCKS = {"linear": linear_block, "relu": relu_block}
NAMES = {"linear": "Linear → BatchNorm", "relu": "Linear → BatchNorm → ReLU"}
LABELS = {"linear": "linear nets", "relu": "ReLU nets"}
LARGE = "large batch"
WHOLE = "growth a layer"
DEPTH = 10
WIDTHS = (32.0, 64.0, 128.0)
BATCHES = {"linear": (8.0, 12.0, 16.0), "relu": (8.0, 16.0, 32.0)}
RESOLUTION = 0.02  # half of what (1.11) is off a layer at the largest batch; at the others it is off by more
PROJECTOR = "projector that (1.11) drops"
FIRST = 200  # networks a size at the first look: one scatters by up to 6 % a layer, which the extrapolation triples


def ours(kind: str, seconds: float) -> Planned:
    """The derived law, along batch, extrapolated in width."""
    derived = layer_law(kind)

    def value(sizes: Sizes) -> float:
        return root(derived.at(int(sizes["batch"]), int(sizes["depth"])), int(sizes["depth"]))

    law = Law(f"the law at finite batch, {NAMES[kind]}", WHOLE, value, limits={"width": 1.0})
    statement = f"{NAMES[kind]}: the law at finite batch"
    return Planned(LABELS[kind], statement, "agree", law, Gradients(BLOCKS[kind], seed=11), _ladder(kind, seconds))


def claimed(kind: str, seconds: float) -> Planned:
    """(1.11) by the mean square of its matrices, with what it drops as an approximation."""
    derived = layer_law(kind)

    def value(sizes: Sizes) -> float:
        return root(derived.claimed(int(sizes["batch"]), int(sizes["depth"])), int(sizes["depth"]))

    def dropped(sizes: Sizes) -> float:
        return root(derived.at(int(sizes["batch"]), int(sizes["depth"])), int(sizes["depth"])) - value(sizes)

    law = Law(
        statement=f"(1.11), {NAMES[kind]}",
        quantity=WHOLE,
        value=value,
        limits={"width": 1.0},
        causes={PROJECTOR: dropped},
        approximations=(PROJECTOR,),
    )
    statement = f"{NAMES[kind]}: what (1.11) says"
    return Planned(
        f"{LABELS[kind]}, (1.11)", statement, "differ", law, Gradients(BLOCKS[kind], seed=12), _ladder(kind, seconds)
    )


def large_batch(seconds: float) -> Planned:
    """π/(π−1) as what it is: the limit of large batch, for inner layers, which have no edge."""
    law = Law(
        statement="$\\pi/(\\pi-1)$ a layer as the batch grows, inner layers",
        quantity="growth a layer",
        value=lambda sizes: POPULAR,
        limits={"batch": 1.0, "width": 1.0},
    )
    ladder = Ladder(
        {"width": 128.0, "depth": 8.0, "batch": 64.0},
        {"batch": (16.0, 32.0, 64.0), "width": WIDTHS},
        repetitions=FIRST,
        resolution=0.04,  # the distance at batch 32 from the limit is 3.8 %
        seconds=seconds,
        looks=LOOKS,
    )
    statement = "π/(π−1) as the limit of large batch"
    source = Gradients(relu_block, start=1, layers=lambda depth: depth - 1, seed=13)
    return Planned(LARGE, statement, "agree", law, source, ladder)


BESIDE = Beside(
    "laws-batch",
    "Growth a layer against the batch",
    "batch",
    tuple(label for kind in BLOCKS for label in (LABELS[kind], f"{LABELS[kind]}, (1.11)")),
    WHOLE,
)
PLANS: tuple[Callable[[float], Planned], ...] = (
    *(partial(make, kind) for kind in BLOCKS for make in (ours, claimed)),
    large_batch,
)


def _ladder(kind: str, seconds: float) -> Ladder:
    batches = BATCHES[kind]
    point = {"width": WIDTHS[-1], "depth": float(DEPTH), "batch": batches[-1]}
    along = {"batch": batches, "width": WIDTHS}
    return Ladder(point, along, repetitions=FIRST, resolution=RESOLUTION, seconds=seconds, looks=LOOKS)
