"""The loss of freshly drawn decoders, as what laws are met by; and the laws, true and planted."""

import math
from dataclasses import dataclass

import numpy as np

from residua_bridge.budgets.law import Law, Sizes
from residua_numeric.loss_decoder import initial_losses
from residua_symbolic.losses.initial_loss import expected_initial_loss

LOSS = "loss, nats"
CHUNK = 100  # networks a call
Floats = np.ndarray


@dataclass(frozen=True)
class NewDecoders:
    """One decoder a repetition: its mean cross entropy on tokens drawn evenly."""

    seed: int = 0

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """Sizes: "classes", and "variance" of a logit."""
        spread = math.sqrt(sizes["variance"])
        return initial_losses(int(sizes["classes"]), spread, repetitions, 1_000_003 * self.seed + block)

    def cost(self, sizes: Sizes) -> float:
        """Nanoseconds of one decoder: it is drawn, and its logits are."""
        return 700_000 + 4_500 * sizes["classes"]


def asymptotic_law(half: float = 0.5, words: str = r"\mathrm{Var}/2") -> Law:
    """log V + Var/2 as V grows; planted with another factor."""

    def value(sizes: Sizes) -> float:
        return math.log(sizes["classes"]) + half * sizes["variance"]

    return Law(
        f"$\\log V + {words}$ as $V \\to \\infty$",
        LOSS,
        value,
        limits={"classes": 1.0},
        scale=lambda sizes: 1.0,
    )


def exact_law(shift: float = 0.0, words: str = "") -> Law:
    """E log Σ exp z at every V and variance, by its integral; planted with a shift."""

    def value(sizes: Sizes) -> float:
        return expected_initial_loss(int(sizes["classes"]), math.sqrt(sizes["variance"])) + shift

    return Law(
        "$\\int (e^{-e^u} - \\varphi(e^u)^V) \\, du$, every V and variance" + words,
        LOSS,
        value,
        scale=lambda sizes: 1.0,
    )


def even_law() -> Law:
    """log V, as it is often quoted: what an even distribution costs."""
    return asymptotic_law(0.0, r"0")
