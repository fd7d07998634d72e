"""One popular number, π/(π−1) a layer, against nets of four depths: what it is made of at each of them."""

import math
from dataclasses import dataclass

from residua_bridge.budgets.judge import judged
from residua_bridge.budgets.law import Ladder, Law, Sizes
from residua_bridge.budgets.section import Case, rungs_table, said, waterfalls
from residua_bridge.experiments.batchnorm_sources import Gradients, relu_block, root
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Budget, Discrepancy, Verdict
from residua_symbolic.moments.batch_laws import BatchLaw, layer_law

POPULAR = math.pi / (math.pi - 1)
QUANTITY = "growth a layer, lower half"
EDGE, BATCH = "edge layer", "finite batch"


def half(depth: int) -> int:
    """Layers in the lower half."""
    return depth // 2


def over_half(law: BatchLaw, sizes: Sizes) -> float:
    """What the law says of the growth a layer, averaged over the lower half."""
    batch, depth = int(sizes["batch"]), int(sizes["depth"])
    return root(law.below(batch, depth, half(depth)), half(depth))


def popular_law(law: BatchLaw) -> Law:
    """π/(π−1) at every depth and batch, as it is quoted; what it leaves out is computed, and never part of it."""

    def edge(sizes: Sizes) -> float:
        return over_half(law, sizes) - law.growth(int(sizes["batch"]))

    return Law(
        statement="$\\pi/(\\pi-1)$ a layer",
        quantity=QUANTITY,
        value=lambda sizes: POPULAR,
        limits={"width": 1.0},
        causes={EDGE: edge, BATCH: lambda sizes: law.growth(int(sizes["batch"])) - POPULAR},
        approximations=(EDGE, BATCH),
    )


def finite_law(law: BatchLaw) -> Law:
    """The law at finite batch, the first layer included."""
    statement = "the law at finite batch, first layer included"
    return Law(statement, QUANTITY, lambda sizes: over_half(law, sizes), limits={"width": 1.0})


def _budget(found: Discrepancy) -> Budget:
    assert found.budget is not None, "judged laws have a budget"
    return found.budget


@dataclass(frozen=True)
class Story:
    """The popular law judged at each depth and along depths, our law along depths, at one batch."""

    name: str
    title: str
    prose: tuple[str, ...]
    batch: int
    depths: tuple[int, ...]
    widths: tuple[int, ...]
    networks: By  # a size at each depth alone
    few: By  # a size at the first look of the laws along depth
    resolution: float
    seconds: By  # of each depth alone
    longer: By  # of our law along depth

    def run(self, settings: Settings) -> Finding:
        """Three kinds of verdicts, the table of terms, waterfalls, the picture along depth."""
        law = layer_law("relu")
        at_depths = [self._at(law, depth, seed, settings) for seed, depth in enumerate(self.depths)]
        along = self._along(popular_law(law), "π/(π−1) a layer, along depth", "only at this scale", 50, settings)
        ours = self._along(finite_law(law), "The law at finite batch, along depth", "agree", 60, settings)
        cases = [*at_depths, along, ours]
        section = Section(
            self.title,
            (*self.prose, *(said(case) for case in cases)),
            tables=(self._terms(at_depths, law), rungs_table("Nets of four depths: what was measured", cases)),
            figures=(self._figure(ours, law),),
            waterfalls=waterfalls(self.name, "π/(π−1) a layer: from predicted to measured", at_depths),
            verdicts=tuple(case.text for case in cases),
        )
        return Finding(section, tuple(case.found for case in cases))

    def _at(self, law: BatchLaw, depth: int, seed: int, settings: Settings) -> Case:
        ladder = self._ladder({"width": self.widths}, depth, self.networks, self.seconds, settings)
        found = judged(
            popular_law(law), Gradients(relu_block, half, seed=seed), ladder, "geometric mean", settings.track
        )
        words = f"π/(π−1) a layer, at depth {depth} alone"
        return Case(found, f"depth {depth}", words, note=self._alone(found))

    @staticmethod
    def _alone(case: Discrepancy) -> str:
        """What one run seems to say, and why it must not be believed."""
        edge, batch = (next(t.value for t in _budget(case).terms if t.cause == cause) for cause in (EDGE, BATCH))
        if case.verdict is not Verdict.AGREE:
            return case.reason
        return (
            f"{case.reason}. One depth alone, at which two errors cancel: edge layer {edge:+.3f}, finite batch "
            f"{batch:+.3f}; the verdict along depth is another"
        )

    def _along(self, law: Law, words: str, expected: str, seed: int, settings: Settings) -> Case:
        limits = {"width": self.widths} if expected == "agree" else {}
        crossing = min(self.depths, key=lambda depth: abs(over_half(layer_law("relu"), self._sizes(depth)) - POPULAR))
        along = {"depth": self.depths, **limits}
        ladder = self._ladder(along, crossing, self.few, self.longer if limits else self.seconds, settings)
        if not limits:  # as it is quoted: whatever the width
            law = Law(law.statement, law.quantity, law.value, causes=law.causes, approximations=law.approximations)
        found = judged(law, Gradients(relu_block, half, seed=seed), ladder, "geometric mean", settings.track)
        return Case(found, words, words, expected)

    def _ladder(
        self, along: dict[str, tuple[int, ...]], depth: int, networks: By, seconds: By, settings: Settings
    ) -> Ladder:
        return Ladder(
            self._sizes(depth),
            {name: tuple(map(float, sizes)) for name, sizes in along.items()},
            repetitions=networks.of(settings.profile),
            resolution=self.resolution,
            seconds=seconds.of(settings.profile),
        )

    def _sizes(self, depth: int) -> dict[str, float]:
        return {"width": float(max(self.widths)), "depth": float(depth), "batch": float(self.batch)}

    def _terms(self, cases: list[Case], law: BatchLaw) -> Table:
        names = ("edge layer", "finite batch", "finite width", "sampling")
        columns = ("depth", "layers averaged", "π/(π−1)", *names, "measured", "unexplained", "its bar", "our law")
        rows: list[tuple[Cell, ...]] = []
        for depth, case in zip(self.depths, cases, strict=True):
            budget = case.budget
            terms = {term.cause: term.value for term in budget.terms}
            ours = over_half(law, self._sizes(depth))
            rest = (budget.measured.value, budget.unexplained.value, budget.unexplained.bar)
            rows.append((depth, half(depth), POPULAR, *(terms[name] for name in names), *rest, ours))
        widths = ", ".join(map(str, self.widths))
        caption = (
            "Growth of the squared gradient a layer over the lower half, geometric mean over networks of width "
            f"{max(self.widths)}, batch {self.batch}. The terms of a row, with what is unexplained, add up from "
            "π/(π−1) to what was measured. Edge layer and finite batch are exact at infinite width; finite width is "
            f"fitted along {widths}. Depth acts through the edge layer alone, whose factor the layers averaged share."
        )
        return Table("One number at every depth", columns, tuple(rows), caption)

    def _figure(self, case: Case, law: BatchLaw) -> Figure:
        widest = float(max(self.widths))
        rungs = sorted(
            {r.sizes["depth"]: r for r in case.budget.rungs if r.sizes["width"] == widest}.values(),
            key=lambda r: r.sizes["depth"],
        )
        line = tuple(float(depth) for depth in range(min(self.depths), max(self.depths) + 1))
        level = law.growth(self.batch)
        seen = [tuple(getattr(r, what) for r in rungs) for what in ("measured", "bar")]
        depths = tuple(r.sizes["depth"] for r in rungs)
        ours = tuple(over_half(law, self._sizes(int(x))) for x in line)
        curves = (
            Curve(f"measured, width {widest:g}", "measured", depths, *seen),
            Curve("law at this batch, first layer included", "predicted", line, ours),
            Curve("an inner layer at this batch", "other", line, (level,) * len(line)),
            Curve("π/(π−1)", "other", line, (POPULAR,) * len(line)),
        )
        caption = (
            f"Growth a layer over the lower half against depth, batch {self.batch}. The measured values pass π/(π−1) "
            "on their way to the rate of an inner layer; bars are standard errors."
        )
        title = "One popular number, crossed on the way"
        return Figure(
            self.name,
            title,
            "layers",
            "growth a layer",
            curves,
            "log",
            caption=caption,
            ticks=tuple(map(float, self.depths)),
        )
