"""Whole numbers predicted by a law against whole numbers counted: equal or not, nothing between."""

from collections.abc import Mapping, Sequence

import numpy as np

from residua_bridge.verdict import Discrepancy, Uncertain, Verdict


def exactly(
    quantity: str, predicted: Sequence[int], counted: Sequence[int], scope: Mapping[str, str | int]
) -> Discrepancy:
    """A comparison without error bars, made in the integers; the difference is the root of the sum of squares.

    Nothing to compare is inconclusive.
    """
    if not predicted and not counted:
        return inconclusive(quantity, "nothing to compare", scope)
    equal = list(predicted) == list(counted)
    pairs = zip(predicted, counted, strict=False)
    difference = float(sum((c - p) ** 2 for p, c in pairs)) ** 0.5 if not equal else 0.0
    words = "equal, digit by digit" if equal else "not equal"
    return Discrepancy(
        quantity=quantity,
        predicted=np.array([float(p) for p in predicted]),
        measured=np.array([float(c) for c in counted]),
        difference=difference,
        causes={},
        unexplained=Uncertain(difference, 0.0),
        verdict=Verdict.AGREE if equal else Verdict.DIFFER,
        explained=equal,
        reason=f"{len(counted)} whole numbers, {words}",
        scope=dict(scope),
    )


def inconclusive(quantity: str, reason: str, scope: Mapping[str, str | int]) -> Discrepancy:
    """A comparison that could not be made."""
    return Discrepancy(
        quantity=quantity,
        predicted=np.array([]),
        measured=np.array([]),
        difference=0.0,
        causes={},
        unexplained=Uncertain(0.0, 0.0),
        verdict=Verdict.INCONCLUSIVE,
        explained=False,
        reason=reason,
        scope=dict(scope),
    )
