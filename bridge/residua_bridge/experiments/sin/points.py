"""Can points that were trained on serve as a test? Networks trained on few of them, and their error elsewhere."""

from dataclasses import dataclass
from math import pi

import numpy as np

from residua_bridge.experiments.sin.nets import Nets, Setting, quantiles, task
from residua_bridge.findings import Section, Table
from residua_bridge.study import By, Finding, Settings
from residua_numeric.ensemble import train_many
from residua_numeric.tasks import Task

POINTS_TABLE = "Points trained on, and fresh ones"
FRESH_SEED = 1  # of the points that none was trained on


@dataclass(frozen=True)
class FewPoints:
    """The same networks, trained on so many points each, for as many steps, without a stop."""

    title: str
    prose: tuple[str, ...]
    setting: Setting
    points: tuple[int, ...]
    seeds: By

    def run(self, settings: Settings) -> Finding:
        """Train, and measure on both sets of points."""
        rows = [self._row(count, self.seeds.of(settings.profile)) for count in settings.track(self.points, self.title)]
        columns = ("points", "networks", "steps", "on the points, median", "on fresh points, median",
                   "fresh over trained on, least", "fresh over trained on, largest")  # fmt: skip
        caption = (
            "Mean square errors on the points that a network was trained on and on 10,000 others; then how many times "
            "larger the second is, least and largest of the networks."
        )
        return Finding(Section(self.title, self.prose, tables=(Table(POINTS_TABLE, columns, tuple(rows), caption),)))

    def _row(self, count: int, seeds: int) -> tuple[int | float, ...]:
        one = self.setting
        points = Task.regression(np.sin, -pi, pi, points=count, seed=0, name=f"sin, {count} points")
        ensemble = train_many(
            one.network(), points, range(seeds), one.steps, rate=one.rate, batch=one.batch, progress=False
        )
        nets = Nets(one, ensemble)
        here, fresh = nets.on(points), nets.on(task(FRESH_SEED))
        least, _, largest = quantiles(fresh / here)
        return count, seeds, one.steps, float(np.median(here)), float(np.median(fresh)), least, largest
