"""Richardson's extrapolation of a value that depends on a step: its limit, and what the step itself does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from residua_bridge.budgets.law import ROUNDING, Sizes, Source
from residua_bridge.verdict import Uncertain


def extrapolated(values: Sequence[float]) -> Uncertain:
    """The limit of values at steps h, h/2, h/4, …, whose error is a power series in the step.

    Neville's scheme; the bar is what the last halving, or the last order, has changed, whichever is more, and rounding.
    """
    row = np.array(values, dtype=float)
    before = row
    for order in range(1, len(values)):
        before, row = row, row[1:] + (row[1:] - row[:-1]) / (2**order - 1)
    last = before[-1] if len(values) > 1 else row[-1]
    changed = max(abs(row[-1] - last), abs(before[-1] - before[0])) if len(values) > 1 else np.inf
    return Uncertain(float(row[-1]), float(changed + ROUNDING * np.max(np.abs(values))))


@dataclass(frozen=True)
class ByHalving:
    """The term `discretisation` of a law: what a source gives at a step less its own limit; prediction has no part in
    it. `size` names the step, `halvings` how often it is halved."""

    source: Source
    size: str
    halvings: int

    def __call__(self, sizes: Sizes) -> Uncertain:
        values = [self._at(sizes, 2.0**-k) for k in range(self.halvings + 1)]
        limit = extrapolated(values)
        return Uncertain(values[0] - limit.value, limit.bar)

    def _at(self, sizes: Sizes, part: float) -> float:
        return float(self.source.draw({**sizes, self.size: sizes[self.size] * part}, 1, 0)[0])


def discretisation(source: Source, size: str, halvings: int) -> dict[str, Callable[[Sizes], Uncertain]]:
    """As a law's only cause."""
    return {"discretisation": ByHalving(source, size, halvings)}
