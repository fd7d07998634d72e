"""Numbers that a normalised block holds, by torch's own bookkeeping, against what was derived."""

from dataclasses import dataclass

from residua_bridge.experiments.grids import exactly
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_numeric.kept_memory import NORMALISERS, held
from residua_symbolic.training import held as law

HOLDS = "What a block holds"  # table
COUNTED = "Numbers held by a block"  # verdict
PARTS = ("parameters", "statistics", "kept")


@dataclass(frozen=True)
class MemoryHeld:
    """Linear → normaliser → ReLU in training mode, at several batches and widths."""

    name: str
    title: str
    prose: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]  # batch, width
    batches: tuple[int, ...]  # of the figure
    width: int

    def run(self, settings: Settings) -> Finding:
        """Count, compare, tabulate."""
        cases = [(norm, *size) for size in self.sizes for norm in NORMALISERS]
        found = {case: held(*case) for case in settings.track(cases, self.title)}
        predicted = [self._law(part, *case) for case in cases for part in PARTS]
        measured = [getattr(found[case], part) for case in cases for part in PARTS]
        d = exactly(COUNTED, predicted, measured, sizes=", ".join(f"B {b} n {n}" for b, n in self.sizes))
        text = as_text(d, f"{COUNTED}: parameters, stored statistics, kept for the way back", "agree")
        rows: list[tuple[Cell, ...]] = []
        for norm, batch, width in cases:
            plain, mine = found["none", batch, width], found[norm, batch, width]
            share = mine.statistics / (mine.statistics + mine.parameters)
            added = mine.kept - plain.kept
            over = added / mine.statistics if mine.statistics else "–"
            rows.append((norm, batch, width, *mine, share, mine.kept / plain.kept, over))
        columns = (
            "normaliser",
            "B",
            "n",
            "parameters",
            "stored statistics",
            "kept for the way back",
            "statistics, share at rest",
            "kept, times that without",
            "kept more, over the statistics",
        )
        caption = (
            "Numbers, not bytes, of one block Linear(n, n) → normaliser → ReLU of torch in training mode; what "
            "autograd keeps is counted storage by storage, parameters, buffers and the block's input not included."
        )
        table = Table(HOLDS, columns, tuple(rows), caption)
        section = Section(self.title, self.prose, (proved(law.held()),), (table,), (self._figure(),), (text,))
        return Finding(section, (d,))

    @staticmethod
    def _law(part: str, norm: str, batch: int, width: int) -> int:
        formula = getattr(law.BLOCKS[norm], part)
        return int(formula.subs({law.B: batch, law.n: width}))

    def _figure(self) -> Figure:
        x, curves = tuple(map(float, self.batches)), []
        for norm in NORMALISERS:
            mine = [held(norm, batch, self.width) for batch in self.batches]
            predicted = tuple(float(self._law("kept", norm, batch, self.width)) for batch in self.batches)
            curves.append(Curve(f"{norm}: predicted", "predicted", x, predicted))
            curves.append(Curve(f"{norm}: measured", "measured", x, tuple(float(one.kept) for one in mine)))
        stored = float(self._law("statistics", "batchnorm", 1, self.width))
        curves.append(Curve("stored statistics", "other", x, (stored,) * len(x)))
        caption = f"Numbers kept for the way back by one block of width {self.width}, and the two stored statistics."
        return Figure(self.name, HOLDS, "B", "numbers", tuple(curves), "log", "log", caption, x)
