"""Noisy points: one wide hidden layer against deep narrow nets with as many parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import pi

import numpy as np

from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Floats
from residua_network import Activation, Layer, Linear, Network
from residua_numeric.universal_noise import train_each

NOISY, RATIOS, GAPS = (
    "Test errors on few noisy points",
    "Ratios of test errors",
    "Test less training error, differences",
)
WHOLE, EVERY = "one hidden layer: the widest over the narrowest", "all sizes: one hidden layer over three"
GRID = 201
WIDE, DEEP = "one hidden layer", "three hidden layers"


def shallow(width: int) -> Network:
    """1 → m → 1."""
    return Network((Linear(1, width), Activation("relu"), Linear(width, 1)))


def deep(width: int) -> Network:
    """1 → m → m → m → 1."""
    inner: tuple[Layer, ...] = (Linear(width, width), Activation("relu")) * 2
    return Network((Linear(1, width), Activation("relu"), *inner, Linear(width, 1)))


def parameters(net: Network) -> int:
    """How many numbers are trained."""
    return sum(int(np.prod(shape)) for shape in net.parameter_shapes().values())


def matching_depth(count: int) -> int:
    """The width of three hidden layers whose number of parameters is nearest."""
    return min(range(1, 200), key=lambda width: abs(parameters(deep(width)) - count))


@dataclass(frozen=True)
class Noise:
    """sin with normal noise at a few random points; draws of the data, and seeds for each."""

    name: str
    title: str
    prose: tuple[str, ...]
    widths: By
    points: int
    noise: float
    draws: By
    seeds: int
    steps: By
    rate: float

    def run(self, settings: Settings) -> Finding:
        """Train all of a kind at once; average over seeds, and take the spread over the draws."""
        widths = self.widths.of(settings.profile)
        nets = [(WIDE, shallow(m)) for m in widths]
        nets += [(DEEP, deep(matching_depth(parameters(net)))) for _, net in nets[1:]]  # the least would not fit at all
        found = [(kind, net, *self._trained(net, settings.profile)) for kind, net in settings.track(nets, self.title)]
        rows: list[tuple[Cell, ...]] = [
            (kind, net.sizes[1], parameters(net), *_mean(test), *_mean(own), *_mean(test - own))
            for kind, net, test, own in found
        ]
        columns = (
            "network", "width", "parameters", "test error", "standard error", "training error", "its standard error",
            "test less training", "standard error ",
        )  # fmt: skip
        draws = self.draws.of(settings.profile)
        caption = (
            f"{self.points} points of sin on [−π, π] with normal noise of standard deviation {self.noise:g}; Adam "
            f"on all points, rate "
            f"{self.rate:g}, {self.steps.of(settings.profile)} steps. Test error: mean square to sin itself, "
            f"without noise. Means over {draws} draws "
            f"of the data, {self.seeds} seeds each; standard errors over the draws."
        )
        section = Section(
            self.title,
            self.prose,
            tables=(Table(NOISY, columns, tuple(rows), caption), self._ratios(found), self._gaps(found)),
            figures=(self._figure(rows),),
        )
        return Finding(section)

    def _trained(self, net: Network, profile: str) -> tuple[Floats, Floats]:
        """Test and training errors, (draws,), seeds averaged."""
        draws = self.draws.of(profile)
        x, y = self._data(draws)
        seeds = list(range(draws * self.seeds))
        grid = np.linspace(-pi, pi, GRID)[:, None]
        own, far = train_each(net, x, y, seeds, self.steps.of(profile), self.rate, grid)
        test = ((far - np.sin(grid[:, 0])) ** 2).mean(1).reshape(draws, self.seeds).mean(1)
        return test, ((own - y[:, :, 0]) ** 2).mean(1).reshape(draws, self.seeds).mean(1)

    def _data(self, draws: int) -> tuple[Floats, Floats]:
        """(draws · seeds, points, 1), the same points for all seeds of a draw."""
        sides = []
        for draw in range(draws):
            random = np.random.default_rng(draw)
            x = random.uniform(-pi, pi, (self.points, 1))
            sides += [(x, np.sin(x) + self.noise * random.normal(size=x.shape))] * self.seeds
        x, y = (np.array(side) for side in zip(*sides, strict=True))
        return x, y

    def _ratios(self, found: list[tuple[str, Network, Floats, Floats]]) -> Table:
        """Of test errors, draw by draw: the widest over the narrowest of a kind, and one kind over the other."""
        wide, narrow = ([one for one in found if one[0] == kind] for kind in (WIDE, DEEP))
        pairs = [(f"{WIDE}: {b[1].sizes[1]} units over {a[1].sizes[1]}", b[2] / a[2]) for a, b in pairwise(wide)]
        pairs.append((WHOLE, wide[-1][2] / wide[0][2]))
        pairs += [
            (f"{parameters(a[1])} parameters: {WIDE} over {DEEP} ({parameters(b[1])})", a[2] / b[2])
            for a, b in zip(wide[1:], narrow, strict=True)
        ]
        every = np.mean([np.log(a[2] / b[2]) for a, b in zip(wide[1:], narrow, strict=True)], axis=0)
        pairs += [(EVERY, np.exp(every))]
        rows = []
        for name, ratio in pairs:
            logs = np.log(ratio)
            rows.append((name, float(np.exp(logs.mean())), float(logs.std(ddof=1) / np.sqrt(len(logs)))))
        caption = "Geometric means over the draws; the standard error is that of the logarithm."
        return Table(RATIOS, ("test errors", "ratio", "standard error of its log"), tuple(rows), caption)

    def _gaps(self, found: list[tuple[str, Network, Floats, Floats]]) -> Table:
        """Draw by draw: how much more the test error exceeds the training error."""
        wide, narrow = ([test - own for kind, _, test, own in found if kind == one] for one in (WIDE, DEEP))
        across = np.mean([a - b for a, b in zip(wide[1:], narrow, strict=True)], axis=0)
        rows = ((WHOLE, *_mean(wide[-1] - wide[0])), (EVERY, *_mean(across)))
        caption = (
            "Overfitting as the excess of the test error over the training error: the wider less the narrower net, and "
            "one hidden layer less three, the mean over the sizes. The noise, which only the training error contains, "
            "drops out."
        )
        return Table(GAPS, ("excess", "difference", "standard error"), rows, caption)

    def _figure(self, rows: Sequence[tuple[Cell, ...]]) -> Figure:
        curves = []
        for kind in (WIDE, DEEP):
            mine = [row for row in rows if row[0] == kind]
            x = tuple(float(row[2]) for row in mine)
            test, own = (
                [tuple(float(row[k]) for row in mine) for k in (place, place + 1)] for place in (3, 5)
            )  # values and bars
            curves.append(Curve(f"{kind}: test", "measured", x, *test))
            curves.append(Curve(f"{kind}: training", "other", x, *own))
        caption = "Error bars: standard errors over draws of the data."
        return Figure(
            self.name, "Few noisy points", "parameters", "mean square error", tuple(curves), "log", "log", caption
        )


def _mean(values: Floats) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
