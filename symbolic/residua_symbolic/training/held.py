"""Numbers that a block Linear → normaliser → ReLU holds: weights, statistics, and what it keeps for the way back."""

from functools import cache
from typing import NamedTuple

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same

HELD = "What a normalised block holds"
B, n = sp.symbols("B n", integer=True, positive=True)


class Held(NamedTuple):
    """Of one block: parameters, stored statistics, numbers kept for the way back, in numbers, not bytes."""

    parameters: sp.Expr
    statistics: sp.Expr
    kept: sp.Expr


BLOCKS = {
    "none": Held(n**2 + n, sp.Integer(0), B * n),
    "batchnorm": Held(n**2 + 3 * n, 2 * n, 2 * B * n + 2 * n),
    "layernorm": Held(n**2 + 3 * n, sp.Integer(0), 2 * B * n + 2 * B),
}


@cache
def held() -> Derivation:
    """The two stored statistics are 2 of n + 5 parts of what a batch-normalised block holds at rest, and it keeps
    B + 1 times as much for the way back, B of that for its input."""
    batch, plain, layer = BLOCKS["batchnorm"], BLOCKS["none"], BLOCKS["layernorm"]
    at_rest, added = 2 / (n + 5), batch.kept - plain.kept
    steps = (
        Step(
            "without", sp.Symbol("K_0"), plain.kept, "the output of ReLU: its own way back and the next matrix need it"
        ),
        Step(
            "with batch normalisation",
            sp.Symbol("K_B"),
            batch.kept,
            "its input besides, from which the derivative makes x̂; and mean and 1/s of every feature",
        ),
        Step(
            "with layer normalisation",
            sp.Symbol("K_L"),
            layer.kept,
            "its input besides; and mean and 1/s of every row",
        ),
        Step(
            "share of the stored statistics at rest",
            batch.statistics / sp.Symbol("R_B"),
            at_rest,
            "R: all that it holds at rest; two numbers a feature beside n weights, a bias, γ and β a feature",
            (
                Proof(
                    "statistics over statistics and parameters",
                    lambda right: same(batch.statistics / (batch.statistics + batch.parameters), right),
                ),
            ),
        ),
        Step(
            "added for the way back, over the stored statistics",
            (sp.Symbol("K_B") - sp.Symbol("K_0")) / batch.statistics,
            B / 2 + 1,
            "the input of the normaliser, B numbers a feature, and the two that it has computed",
            (Proof("divided", lambda right: same(added / batch.statistics, right)),),
        ),
        Step(
            "batch over layer normalisation",
            sp.Symbol("K_B") - sp.Symbol("K_L"),
            2 * (n - B),
            "in training: two numbers a feature against two numbers a row; layer normalisation keeps more where B > n",
            (Proof("subtracted", lambda right: same(batch.kept - layer.kept, right)),),
        ),
    )
    assumptions = ("Linear(n, n) with bias, normaliser with γ and β, ReLU; batch of B vectors", "torch's own kernels")
    return Derivation(HELD, sp.Symbol("K_B"), batch.kept, assumptions, steps)
