"""One popular number, π/(π−1) a layer, against nets of four depths: what it is made of at each of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from residua_bridge.budgets.decision import DECIDING, WITHIN, probability
from residua_bridge.budgets.judge import judged
from residua_bridge.budgets.law import Ladder, Law, Sizes
from residua_bridge.budgets.section import Case, rungs_table, said, waterfalls
from residua_bridge.experiments.batchnorm.sources import LOOKS, Gradients, Kept, relu_block, root
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Budget, Discrepancy
from residua_symbolic.moments.batch.laws import BatchLaw, layer_law

POPULAR = math.pi / (math.pi - 1)
QUANTITY = "growth a layer, lower half"
EDGE, BATCH = "edge layer", "finite batch"
WHOLE = {"width": 1.0, "batch": 1.0, "depth": 1.0}  # what π/(π−1) is a limit in: it leaves out 1/B and the edge layer
ALONG = "π/(π−1) a layer, whatever the depth"
TAKEN = "by itself π/(π−1) passes for"
OURS = "The law at finite batch, along depth"


def half(depth: int) -> int:
    """Layers in the lower half."""
    return depth // 2


def over_half(law: BatchLaw, sizes: Sizes) -> float:
    """What the law says of the growth a layer, averaged over the lower half."""
    batch, depth = int(sizes["batch"]), int(sizes["depth"])
    return root(law.below(batch, depth, half(depth)), half(depth))


def popular_law(law: BatchLaw, limits: Mapping[str, float | None]) -> Law:
    """π/(π−1), as it is quoted; what it leaves out is computed, and never part of it.

    `limits`: the sizes in which it is taken for a limit. It was derived as one in width and batch, of inner layers.
    """

    def edge(sizes: Sizes) -> float:
        return over_half(law, sizes) - law.growth(int(sizes["batch"]))

    return Law(
        statement="$\\pi/(\\pi-1)$ a layer",
        quantity=QUANTITY,
        value=lambda sizes: POPULAR,
        limits=limits,
        causes={EDGE: edge, BATCH: lambda sizes: law.growth(int(sizes["batch"])) - POPULAR},
        approximations=(EDGE, BATCH),
    )


def finite_law(law: BatchLaw) -> Law:
    """The law at finite batch, the first layer included."""
    statement = "the law at finite batch, first layer included"
    return Law(statement, QUANTITY, lambda sizes: over_half(law, sizes), limits={"width": 1.0})


def taken_for(case: Discrepancy) -> str:
    """What one number by itself would make of a law, by the rule that judges all others."""
    p = probability([_z(case)])
    return "confirmed" if p >= WITHIN else "refuted" if p < DECIDING else "neither confirmed nor refuted"


def _z(case: Discrepancy) -> float:
    return _budget(case).standard_errors[0]


def _budget(found: Discrepancy) -> Budget:
    assert found.budget is not None, "judged laws have a budget"
    return found.budget


@dataclass(frozen=True)
class Story:
    """The popular law judged at each depth and along depths, our law along depths, at one batch.

    The design follows from the laws alone: the resolution is half the distance between the factor of an inner layer at
    this batch and π/(π−1), the point is the widest and deepest net. Both laws along depth meet the same networks.
    """

    name: str
    title: str
    prose: tuple[str, ...]
    batch: int
    depths: tuple[int, ...]
    widths: tuple[int, ...]
    networks: By  # a size at the first look
    seconds: By  # of each law
    looks: int = LOOKS

    def run(self, settings: Settings) -> Finding:
        """Three kinds of verdicts, the table of terms, waterfalls, the picture along depth."""
        law = layer_law("relu")
        at_depths = [self._at(law, depth, seed, settings) for seed, depth in enumerate(self.depths)]
        source = Kept(Gradients(relu_block, half, seed=50))
        along = self._along(popular_law(law, {"width": 1.0}), source, ALONG, "differ", settings)
        ours = self._along(finite_law(law), source, OURS, "agree", settings)
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
        """One depth and one batch tell nothing of a law that is a limit in both, however near the number comes."""
        ladder = self._ladder({"width": self.widths}, depth, settings)
        source = Gradients(relu_block, half, seed=seed)
        found = judged(popular_law(law, WHOLE), source, ladder, "geometric mean", settings.track)
        words = f"π/(π−1) a layer, at depth {depth} alone"
        return Case(found, f"depth {depth}", words, "inconclusive", self._alone(found))

    @staticmethod
    def _alone(case: Discrepancy) -> str:
        """What the number would be taken for by itself, and what it is made of."""
        edge, batch = (next(t.value for t in _budget(case).terms if t.cause == cause) for cause in (EDGE, BATCH))
        return (
            f"{case.reason}. Taken by itself the number lies {abs(_z(case)):.1f} standard errors off in the limit of "
            f"width, and π/(π−1) would pass for {taken_for(case)}: edge layer {edge:+.3f}, finite batch {batch:+.3f}"
        )

    def _along(self, law: Law, source: Kept, words: str, expected: str, settings: Settings) -> Case:
        ladder = self._ladder({"depth": self.depths, "width": self.widths}, max(self.depths), settings)
        found = judged(law, source, ladder, "geometric mean", settings.track)
        return Case(found, words, words, expected)

    def _ladder(self, along: dict[str, tuple[int, ...]], depth: int, settings: Settings) -> Ladder:
        return Ladder(
            self._sizes(depth),
            {name: tuple(map(float, sizes)) for name, sizes in along.items()},
            repetitions=self.networks.of(settings.profile),
            resolution=(layer_law("relu").growth(self.batch) / POPULAR - 1) / 2,
            seconds=self.seconds.of(settings.profile),
            looks=self.looks,
        )

    def _sizes(self, depth: int) -> dict[str, float]:
        return {"width": float(max(self.widths)), "depth": float(depth), "batch": float(self.batch)}

    def _terms(self, cases: list[Case], law: BatchLaw) -> Table:
        names = ("edge layer", "finite batch", "finite width", "sampling")
        columns = (
            "depth",
            "layers averaged",
            "π/(π−1)",
            *names,
            "measured",
            "unexplained",
            "its bar",
            "our law",
            TAKEN,
        )
        rows: list[tuple[Cell, ...]] = []
        for depth, case in zip(self.depths, cases, strict=True):
            budget = case.budget
            terms = {term.cause: term.value for term in budget.terms}
            ours = over_half(law, self._sizes(depth))
            rest = (budget.measured.value, budget.unexplained.value, budget.unexplained.bar)
            rows.append(
                (depth, half(depth), POPULAR, *(terms[name] for name in names), *rest, ours, taken_for(case.found))
            )
        widths = ", ".join(map(str, self.widths))
        caption = (
            "Growth of the squared gradient a layer over the lower half, geometric mean over networks of width "
            f"{max(self.widths)}, batch {self.batch}. The terms of a row, with what is unexplained, add up from "
            "π/(π−1) to what was measured. Edge layer and finite batch are exact at infinite width; finite width is "
            f"fitted along {widths}. Depth acts through the edge layer alone, whose factor the layers averaged share. "
            "The last column is what a single depth would be taken for by whoever looks at no other."
        )
        return Table("One number at every depth", columns, tuple(rows), caption)

    def _figure(self, case: Case, law: BatchLaw) -> Figure:
        widest = float(max(self.widths))
        rungs = sorted(
            {r.sizes["depth"]: r for r in case.budget.rungs if r.sizes["width"] == widest}.values(),
            key=lambda r: r.sizes["depth"],
        )
        averaged = range(half(min(self.depths)), half(max(self.depths)) + 1)
        line, ends = tuple(map(float, averaged)), (float(averaged[0]), float(averaged[-1]))
        level = law.growth(self.batch)
        seen = [tuple(getattr(r, what) for r in rungs) for what in ("measured", "bar")]
        halves = tuple(float(half(int(r.sizes["depth"]))) for r in rungs)
        ours = tuple(over_half(law, self._sizes(2 * layers)) for layers in averaged)
        curves = (
            Curve(f"measured, width {widest:g}", "measured", halves, *seen),
            Curve("law at this batch, first layer included", "predicted", line, ours),
            Curve("an inner layer at this batch", "other", ends, (level, level)),
            Curve("π/(π−1)", "other", ends, (POPULAR, POPULAR)),
        )
        caption = (
            f"Growth a layer over the lower half against its number of layers, batch {self.batch}. The measured "
            "values pass π/(π−1) on their way to the rate of an inner layer; bars are standard errors."
        )
        title = "One popular number, crossed on the way"
        return Figure(
            self.name,
            title,
            "layers averaged",
            "growth a layer",
            curves,
            "log",
            caption=caption,
            ticks=tuple(float(half(depth)) for depth in self.depths),
        )
