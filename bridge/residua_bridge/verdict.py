"""The words that a comparison can end with, and what it ends with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residua_network.errors import ResiduaError

SUMMED = 1e-9  # of the largest part of a budget: what rounding in their sum stays far below

Floats = NDArray[np.float64]


class Verdict(StrEnum):
    """The word of a comparison.

    `agree`: the difference lies within rounding, sampling and what the prediction's scope names. `differ`: it does not.
    `only at this scale`: it does, but drifts along a ladder. `inconclusive`: the bars are too wide, or values overflow.
    """

    AGREE = "agree"
    DIFFER = "differ"
    ONLY_AT_THIS_SCALE = "only at this scale"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Uncertain:
    """A value with its error bar, both in the quantity's own units."""

    value: float
    bar: float

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return f"{self.value:.2e} ± {self.bar:.2e}"


@dataclass(frozen=True)
class Row:
    """One layer, judged at the input that the model itself feeds it.

    `predicted`, `measured`, `difference` and `bound` are Frobenius norms of the Jacobian (over the batch), of what
    rounding may do to it; `output_difference` and `output_bound` the same of the output, `pulled_difference` and
    `pulled_bound` of a cotangent pulled back through the whole batch at once, where rows could meet unasked. `fault`
    names what lies outside its bound and has no cause: "", or "output", "Jacobian", "coupling of rows" joined by "and".
    """

    layer: str
    kind: str
    predicted: float
    measured: float
    difference: float
    bound: float
    output_difference: float
    output_bound: float
    cause: str
    fault: str = ""
    pulled_difference: float = 0.0
    pulled_bound: float = 0.0


@dataclass(frozen=True)
class Term:
    """A cause of a difference: its signed size and error bar in the quantity's units, and how they were obtained."""

    cause: str
    value: float
    bar: float
    how: str


@dataclass(frozen=True)
class Rung:
    """A quantity at one combination of sizes: what was predicted, what was measured, its standard error."""

    sizes: Mapping[str, float]
    predicted: float
    measured: float
    bar: float
    repetitions: int


@dataclass(frozen=True)
class LadderFit:
    """The fit along one size, `name`, others as in `sizes`: at `line`, the law and the fit through what was measured.

    `left` is what remains in the limit, relative to the law's `unit`.
    """

    name: str
    sizes: Mapping[str, float]
    line: tuple[float, ...]
    law: tuple[float, ...]
    fit: tuple[float, ...]
    unit: tuple[float, ...]
    left: Uncertain


@dataclass(frozen=True)
class Budget:
    """measured = predicted + Σ terms + unexplained, signed, in the quantity's own units.

    `rungs` and `fits` are the ladders that the terms come from; `standard_errors` how many of them the law is off, one
    number for each value of the sizes in which it is not a limit. Raises ResiduaError where the parts do not add up.
    """

    predicted: float
    measured: Uncertain
    terms: tuple[Term, ...]
    unexplained: Uncertain
    statistic: str = ""
    rungs: tuple[Rung, ...] = ()
    fits: tuple[LadderFit, ...] = ()
    standard_errors: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        parts = [self.predicted, *(term.value for term in self.terms), self.unexplained.value]
        total, largest = sum(parts), max(map(abs, (*parts, self.measured.value)))
        if abs(self.measured.value - total) > SUMMED * largest:  # False of what is not a number, which shows
            raise ResiduaError(
                f"budget: expected terms that add up to the measured {self.measured.value:g}, got {total:g}"
            )


@dataclass(frozen=True, eq=False, repr=False)
class Discrepancy:
    """A prediction and a measurement of one quantity: by how much they differ, the causes, and the verdict.

    `difference` is the norm of measured − predicted; `causes` holds the norms of the terms that explain it, which add
    in the quantity's own space; `unexplained` is the norm of what is left, its bar what rounding may account for.
    """

    quantity: str
    predicted: Floats
    measured: Floats
    difference: float
    causes: dict[str, float]
    unexplained: Uncertain
    verdict: Verdict
    explained: bool
    reason: str
    scope: dict[str, Any]
    rows: tuple[Row, ...] = ()
    title: str = ""
    assumptions: tuple[str, ...] = field(default=())
    budget: Budget | None = None

    @property
    def suspects(self) -> tuple[str, ...]:
        """Names of the layers that disagree, without a cause, at the input the model itself feeds them."""
        return tuple(row.layer for row in self.rows if row.fault)

    def __str__(self) -> str:
        scope = ", ".join(f"{name} {value}" for name, value in self.scope.items())
        return f"{self.quantity}: {self.verdict}{'' if self.explained else ', unexplained'} ({self.reason}; {scope})"

    def __repr__(self) -> str:
        return f"<{self}>"

    def _repr_markdown_(self) -> str:
        from residua_bridge.rendering import render

        return render([self], "markdown")
