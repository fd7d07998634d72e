"""Batch statistics in residual nets: pre-norm in three orders, with a power of the depth; post-norm, with a factor."""

from collections.abc import Callable
from functools import cache, partial

import numpy as np

from residua_bridge.budgets.law import Ladder, Law, Sizes
from residua_bridge.experiments.batchnorm.sources import (
    HE,
    LOOKS,
    Beside,
    Gradients,
    Planned,
    post_norm_block,
    pre_norm_block,
)
from residua_bridge.verdict import Uncertain
from residua_symbolic.moments.batch.laws import v
from residua_symbolic.moments.batch.residual_laws import ORDERS, post_norm_law, pre_norm_law

BATCH = 16
WIDTHS = (32.0, 64.0, 128.0)
WIDER = (*WIDTHS, 256.0)  # pre-norm: nothing is known of its corrections in the width; four sizes leave little of them
DEPTHS = (2.0, 4.0, 8.0)
POST_DEPTHS = (4.0, 16.0)  # a power of the depth with the factor of a block at 16 is off by a quarter at 4
LARGE_BATCH = 10**6  # in its place the law is that of large batch to some 1e-6
SHORT = {order: order.replace("BatchNorm", "BN") for order in ORDERS}
RATIO = "gradient ratio"
BLOCK = "growth a block"
NOT_NORMAL = "entries that are not normal"
FEATURES = 80_000  # simulated for the inverse variance of a stream; leaves a bar of about 0.1 %
NETWORKS = 100
POST_NETWORKS = 32


def pre_norm(order: str, seconds: float) -> Planned:
    """The law, along depth, extrapolated in width; with what its approximation leaves out, where it has one."""
    derived = pre_norm_law(order)
    causes = {} if derived.exact else {NOT_NORMAL: _not_normal}
    law = Law(
        statement=f"pre-norm, {order}",
        quantity=RATIO,
        value=lambda sizes: derived.at(int(sizes["batch"]), int(sizes["depth"])),
        limits={"width": 1.0},
        causes=causes,
    )
    ladder = Ladder(
        {"width": WIDER[-1], "depth": DEPTHS[-1], "batch": float(BATCH)},
        {"depth": DEPTHS, "width": WIDER},
        repetitions=NETWORKS,
        resolution=resolution(),
        seconds=seconds,
        looks=LOOKS,
    )
    statement = f"Pre-norm, {order}"
    source = Gradients(pre_norm_block(order), per_layer=False, seed=30 + ORDERS.index(order))
    return Planned(SHORT[order], statement, "agree", law, source, ladder)


@cache
def resolution() -> float:
    """Half of what the laws of large batch would be off in the deepest nets, in the order where that is least."""
    laws, depth = map(pre_norm_law, ORDERS), int(DEPTHS[-1])
    return min(1 - law.at(LARGE_BATCH, depth) / law.at(BATCH, depth) for law in laws) / 2


def post_norm(order: str, seconds: float) -> Planned:
    """The factor of a block as batch and width grow, along depth: were it a power of the depth, it would fall."""
    factor = float(post_norm_law().formula.subs(v, HE))
    law = Law(
        statement=f"post-norm, {order}",
        quantity=BLOCK,
        value=lambda sizes: factor,
        limits={"batch": 1.0, "width": 1.0},
    )
    ladder = Ladder(
        {"width": WIDTHS[-1], "depth": POST_DEPTHS[-1], "batch": 64.0},
        {"depth": POST_DEPTHS, "batch": (16.0, 32.0, 64.0), "width": WIDTHS},
        repetitions=POST_NETWORKS,
        resolution=(factor - 1) / factor / 4,  # a quarter of the growth
        seconds=seconds,
        looks=LOOKS,
    )
    statement = f"Post-norm, branch {order}"
    return Planned(f"post, {order}", statement, "agree", law, Gradients(post_norm_block(order), seed=40), ladder)


BESIDE = Beside("residual-depth", "Pre-norm: a power of the depth", "depth", tuple(SHORT.values()), RATIO, "log")
PLANS: tuple[Callable[[float], Planned], ...] = (
    *(partial(pre_norm, order) for order in ORDERS),
    *(partial(post_norm, order) for order in ("ReLU → Linear", "Linear → ReLU")),
)


def _not_normal(sizes: Sizes) -> Uncertain:
    """What it adds that a stream of rectified normals has another E[1/s²] than a normal one of the same spread."""
    return not_normal(int(sizes["batch"]), int(sizes["depth"]), float(sizes.get("variance", HE)))


@cache
def not_normal(batch: int, depth: int, variance: float) -> Uncertain:
    """For BatchNorm → Linear → ReLU: the law with simulated factors E[1/s²] less the law, and the bar of that."""
    derived = pre_norm_law("BatchNorm → Linear → ReLU")
    grow, add, spread = derived.numbers(batch, variance)
    rng = np.random.default_rng(depth)
    x, factors = rng.normal(size=(FEATURES, batch)), []
    for place in range(depth):
        centred = x - x.mean(axis=1, keepdims=True)
        inverse = 1 / np.mean(centred**2, axis=1)
        normal = batch / ((1 + spread * place) * (batch - 3))
        factors.append((float(inverse.mean() / normal), float(inverse.std() / normal / np.sqrt(FEATURES))))
        z = rng.normal(size=x.shape)
        z = np.sqrt(variance * batch / (batch - 1)) * (z - z.mean(axis=1, keepdims=True))
        x = x + np.maximum(z, 0)
    factors[0] = (1.0, 0.0)  # the input is normal
    exact = _share([f for f, _ in factors], grow, add, spread)
    bars = [
        _share([g + (error if j == k else 0.0) for j, (g, _) in enumerate(factors)], grow, add, spread) - exact
        for k, (_, error) in enumerate(factors)
    ]
    scale = (batch - 1) / batch
    here = float(1 / batch + scale * exact)
    return Uncertain(here - derived.at(batch, depth, variance), scale * float(np.linalg.norm(bars)))


def _share(factors: list[float], grow: float, add: float, spread: float) -> float:
    share = 1.0
    for place in reversed(range(len(factors))):
        share += factors[place] * (grow * share + add) / (1 + spread * place)
    return share
