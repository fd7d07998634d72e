"""Document 003, L53: is the distribution of the inputs still recognisable after many layers?"""

from dataclasses import dataclass

import numpy as np

from residua_bridge.experiments.standardising.sides import SAMPLED, Mean, set_beside
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_numeric.standardising.distributions import NORMAL, Inputs, Shape, along_depth, of_samples
from residua_symbolic.standardising.affine_moments import gaussian_stays

DISTANCES = "Distance of a unit from its inputs"
LINEAR = "Linear layers on Gaussian inputs: units at every depth against fresh Gaussian samples"
COLUMNS = 64  # of a reference sample


@dataclass(frozen=True)
class Family:
    """Random nets of one activation, fed one distribution."""

    label: str
    inputs: Inputs
    activation: str
    init: str | float


@dataclass(frozen=True)
class DepthDistances:
    """Largest distance of the units' distribution functions from that of the inputs, standardised, by depth."""

    title: str
    prose: tuple[str, ...]
    families: tuple[Family, ...]
    depths: tuple[int, ...]
    width: int
    rows: int
    seeds: By

    def run(self, settings: Settings) -> Finding:
        """Draw nets and inputs afresh for every seed."""
        count = self.seeds.of(settings.profile)
        every = [(family, seed) for family in self.families for seed in range(count)]
        seen: dict[str, list[dict[int, Shape]]] = {family.label: [] for family in self.families}
        for family, seed in settings.track(every, self.title):
            shapes = along_depth(
                family.inputs, family.activation, family.init, self.width, self.depths, self.rows, seed
            )
            seen[family.label].append(shapes)
        references = {
            inputs.name: Mean.of([of_samples(inputs, self.rows, COLUMNS, 1000 + seed) for seed in range(count)])
            for inputs in {family.inputs.name: family.inputs for family in self.families}.values()
        }
        gaussian = next(f for f in self.families if f.activation == "identity" and f.inputs is NORMAL)
        measured = [Mean.of([one[depth].distance for one in seen[gaussian.label]]) for depth in self.depths]
        reference = references[NORMAL.name]
        d = set_beside(
            "mean largest distance from the standard normal",
            np.full((1, len(self.depths)), reference.value),
            np.array([[one.value for one in measured]]),
            np.full((1, len(self.depths)), 4 * reference.error),
            spread=np.array([[one.error for one in measured]]),
            resolution=SAMPLED,
            width=self.width,
            rows=self.rows,
            depths=", ".join(map(str, self.depths)),
            seeds=count,
        )
        section = Section(
            self.title,
            self.prose,
            derivations=(proved(gaussian_stays()),),
            tables=(self._table(seen, references, count),),
            figures=(self._figure(seen, references),),
            verdicts=(as_text(d, LINEAR, "agree", "the difference lies within sampling"),),
        )
        return Finding(section, (d,))

    def _table(self, seen: dict[str, list[dict[int, Shape]]], references: dict[str, Mean], count: int) -> Table:
        rows: list[tuple[Cell, ...]] = []
        for family in self.families:
            for depth in self.depths:
                shapes = [one[depth] for one in seen[family.label]]
                distance = Mean.of([s.distance for s in shapes])
                reference = references[family.inputs.name].value
                rest = [float(np.mean([getattr(s, name) for s in shapes])) for name in ("raw", "kurtosis", "offset")]
                rows.append((family.label, family.inputs.name, depth, distance.value, distance.error, reference, *rest))
        columns = (
            "layers are",
            "inputs",
            "depth",
            "distance",
            "standard error",
            "of a sample of the inputs",
            "not standardised",
            "excess kurtosis",
            "|mean| / deviation",
        )
        caption = (
            f"Largest distance between two distribution functions, 0 to 1: that of a unit over {self.rows} inputs, "
            f"standardised, and that of the inputs; "
            f"mean over the {self.width} units, mean and standard error over {count} nets, seeds 0, 1, …. A sample of "
            f"so many rows from the inputs' own distribution has "
            "the distance of the sixth column, so less cannot be told. The last columns: the distance without "
            "standardising, and means over units and nets."
        )
        return Table(DISTANCES, columns, tuple(rows), caption)

    def _figure(self, seen: dict[str, list[dict[int, Shape]]], references: dict[str, Mean]) -> Figure:
        x = tuple(map(float, self.depths))
        curves = []
        for family in self.families:
            found = [Mean.of([one[depth].distance for one in seen[family.label]]) for depth in self.depths]
            curves.append(
                Curve(family.label, "measured", x, tuple(f.value for f in found), tuple(f.error for f in found))
            )
        floor = references[NORMAL.name].value
        curves.append(Curve("a Gaussian sample itself", "predicted", x, (floor,) * len(x)))
        caption = (
            "Distance of the units' distribution, standardised, from that of the inputs, against depth. Bars: "
            "standard errors over nets."
        )
        return Figure(
            "standardising-depth",
            self.title,
            "linear layers",
            "distance",
            tuple(curves),
            "log",
            "log",
            caption=caption,
            ticks=x,
        )
