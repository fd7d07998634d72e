"""All 2^L paths of a residual network one by one: their sum, and their sums by length, against torch."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.initialised import Initialised
from residua_bridge.experiments.path_shares import PathFamily
from residua_bridge.findings import Cell, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_symbolic import jacobian
from residua_symbolic.paths import Paths
from residua_symbolic.weights import Weights

ROWS = 2
UNIT = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class PathSum:
    """Enumerate every path of each family, add them up, and meet the measured Jacobian and path gradients."""

    title: str
    prose: tuple[str, ...]
    families: tuple[PathFamily, ...]
    blocks: int
    width: int

    def run(self, settings: Settings) -> Finding:
        """One network a family."""
        found = [_enumerated(family, self.blocks, self.width) for family in settings.track(self.families, self.title)]
        columns = ("network", "paths by length", "sum − product", "grouped − by length", "largest entry")
        caption = (
            f"All $2^{{{self.blocks}}}$ paths of {self.blocks} blocks of width {self.width}, each a matrix. Largest "
            "entry of their sum minus the product of Jacobians, and of their sums by length minus the coefficients of "
            "t, both in units of $2^{-52}$ times the largest entry of the product, which the last column gives."
        )
        texts = []
        for family, one in zip(self.families, found, strict=True):
            texts.append(as_text(one.whole, f"Sum of all paths: {family.label}", "agree"))
            texts.append(as_text(one.parts, f"Paths summed by length: {family.label}", "agree"))
        table = Table("All paths one by one", columns, tuple(one.row for one in found), caption)
        section = Section(self.title, self.prose, tables=(table,), verdicts=tuple(texts))
        return Finding(section, tuple(d for one in found for d in (one.whole, one.parts)))


@dataclass(frozen=True)
class _Enumerated:
    """One family: its row, and the two comparisons with torch."""

    row: tuple[Cell, ...]
    whole: Discrepancy
    parts: Discrepancy


def _enumerated(family: PathFamily, blocks: int, width: int) -> _Enumerated:
    start = Initialised.of(jacobian(family.network(blocks, width)), 0, ROWS)
    paths, at = start.J.paths(), (start.weights, start.x)
    grouped, counts = by_enumeration(paths, *at)
    product, derived = start.J.evaluate(*at), paths.evaluate(*at)
    unit = UNIT * float(abs(product).max())
    off = [float(abs(difference).max()) / unit for difference in (grouped.sum(axis=0) - product, grouped - derived)]
    row: tuple[Cell, ...] = (family.label, ", ".join(map(str, counts)), *off, float(abs(product).max()))
    pulled = np.einsum("kboi,bo->bki", grouped, start.cotangent)
    whole = replace(start.predicted("jacobian"), values=grouped.sum(axis=0))
    parts = replace(start.predicted("path gradients"), values=pulled)
    return _Enumerated(
        row, compare(whole, start.measured("jacobian")), compare(parts, start.measured("path gradients"))
    )


def by_enumeration(paths: Paths, weights: Weights, x: Floats) -> tuple[Floats, tuple[int, ...]]:
    """The matrices of all paths added up by length, (lengths, batch, outputs, inputs), and how many there were."""
    sums: dict[int, Floats] = {}
    counts: Counter[int] = Counter()
    for taken, matrix in paths.enumerate(weights, x):
        length = len(taken)
        sums[length] = sums[length] + matrix if length in sums else matrix
        counts[length] += 1
    lengths = range(len(paths.blocks) + 1)
    return np.stack([sums[length] for length in lengths]), tuple(counts[length] for length in lengths)
