"""What batch normalisation does to exploding and vanishing gradients: nets with and without it, by weight variance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from residua_bridge.experiments.batchnorm.sources import Block, plain_block, relu_block
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.study import By, Finding, Settings
from residua_network import Network
from residua_numeric.initial import initial_statistics
from residua_symbolic.moments.batch.benefit import Benefit, benefit_law, plain_ratio

TICKS = (0.5, 1.0, 2.0, 4.0, 8.0)
FAR = 1.96  # standard errors between two logarithms before either is said to be the smaller


class Setting(NamedTuple):
    """One net: width, depth and batch."""

    width: int
    depth: int
    batch: int


@dataclass(frozen=True)
class WhichVariances:
    """log10 of the gradient ratio with and without batch normalisation against the variance, with what is predicted."""

    name: str
    title: str
    prose: tuple[str, ...]
    settings: tuple[Setting, ...]
    variances: tuple[float, ...]
    networks: By
    batches: tuple[int, ...]  # of the table of bounds
    depths: tuple[int, ...]

    def run(self, settings: Settings) -> Finding:
        """Measure both nets of every setting at every variance."""
        law, networks = benefit_law(), self.networks.of(settings.profile)
        cases = [(setting, v) for setting in self.settings for v in self.variances]
        found = [_Pair.of(*case, networks) for case in settings.track(cases, self.title)]
        section = Section(
            self.title,
            (*self.prose, *self._answer(found, law)),
            tables=(self._measured(found, law, networks), self._bounds(law)),
            figures=tuple(self._figure(s, [pair for pair in found if pair.setting == s], law) for s in self.settings),
        )
        return Finding(section)

    def _measured(self, found: Sequence["_Pair"], law: Benefit, networks: int) -> Table:
        columns = (
            "n",
            "layers",
            "B",
            "v",
            "without: law",
            "measured",
            "with: law",
            "measured ",
            "largest s.e.",
            "the law says",
            "measured: it",
        )
        rows: list[tuple[Cell, ...]] = [
            (
                *pair.setting,
                pair.v,
                math.log10(plain_ratio(pair.v, pair.setting.depth)),
                pair.without[0],
                math.log10(law.law.at(pair.setting.batch, pair.setting.depth)),
                pair.normalised[0],
                max(pair.without[1], pair.normalised[1]),
                _word(law.helps(pair.v, pair.setting.batch, pair.setting.depth)),
                pair.word,
            )
            for pair in found
        ]
        caption = (
            f"log10 of the squared gradient at the input over that at the output, mean over {networks} networks each. "
            "v is the fan-in times the variance of a weight; for different v the nets have the same random numbers, so "
            "that what batch normalisation makes of v is seen without noise. It helps where its logarithm is the "
            f"smaller in size; measured sizes closer than {FAR} standard errors are undecided. The laws speak of mean "
            "squares; the mean logarithm of a finite plain net lies below, by a term of order 1/n a layer."
        )
        return Table("With and without, by the variance of the weights", columns, tuple(rows), caption)

    def _bounds(self, law: Benefit) -> Table:
        columns = ("B", "layers", "factor of an inner layer", "hurts from v =", "to v =")
        rows = [
            (batch, depth, law.law.growth(batch), *law.hurts_between(batch, depth))
            for batch in self.batches
            for depth in self.depths
        ]
        limit = math.pi / (math.pi - 1)
        rows.append(("infinite", "infinite", limit, 2 / limit, 2 * limit))  # type: ignore[arg-type]
        caption = (
            "Between the two variances a net is better off without batch normalisation, outside of them with it. Depth "
            "acts through the two edge layers alone, the batch through the factor of an inner layer; the width through "
            "corrections that vanish as it grows."
        )
        return Table("Which variances batch normalisation hurts", columns, tuple(rows), caption)

    def _figure(self, setting: Setting, pairs: Sequence["_Pair"], law: Benefit) -> Figure:
        line = tuple(float(v) for v in np.geomspace(min(self.variances), max(self.variances), 61))
        level = math.log10(law.law.at(setting.batch, setting.depth))
        x = tuple(pair.v for pair in pairs)
        without, normalised = ([getattr(pair, side) for pair in pairs] for side in ("without", "normalised"))
        plain = tuple(math.log10(plain_ratio(v, setting.depth)) for v in line)
        curves = (
            Curve("without: predicted", "predicted", line, plain),
            Curve("without: measured", "measured", x, tuple(v for v, _ in without), tuple(e for _, e in without)),
            Curve("with: predicted", "predicted", line, (level,) * len(line)),
            Curve("with: measured", "measured", x, tuple(v for v, _ in normalised), tuple(e for _, e in normalised)),
            Curve("neither explodes nor vanishes", "other", line, (0.0,) * len(line)),
        )
        low, high = law.hurts_between(setting.batch, setting.depth)
        caption = (
            f"{setting.depth} layers of width {setting.width}, batch {setting.batch}: log10 of the gradient ratio "
            f"against the variance of the weights, with and without batch normalisation. From v = {low:.3g} to "
            f"{high:.3g} the plain net is the nearer to 0."
        )
        title = f"With and without: {setting.depth} layers, batch {setting.batch}"
        name = f"{self.name}-{self.settings.index(setting) + 1}"
        return Figure(name, title, "v", "log10 of the gradient ratio", curves, "log", caption=caption, ticks=TICKS)

    def _answer(self, found: Sequence["_Pair"], law: Benefit) -> tuple[str, ...]:
        decided = [pair for pair in found if pair.word != "undecided"]
        right = sum(pair.word == _word(law.helps(pair.v, pair.setting.batch, pair.setting.depth)) for pair in decided)
        helped, hurt = (sorted({pair.v for pair in found if pair.word == word}) for word in ("helps", "hurts"))
        apart = max(
            np.ptp([pair.normalised[0] for pair in found if pair.setting == setting]) for setting in self.settings
        )
        return (
            f"Of {len(found)} pairs of nets {len(decided)} are decided by their measured logarithms, and {right} of "
            f"these as the law says; at each of the {len(self.settings)} settings all rows are of the same draws, "
            f"scaled. Batch normalisation helped at v = {_listed(helped)}, and hurt at v = {_listed(hurt)}, at some "
            f"setting each. With it the logarithm is the same for every v, to {apart:.0e}: "
            "$1/s$ takes exactly what the matrices give. It does not bring the ratio to 1; it replaces $(v/2)^L$ by a "
            "growth of its own, which no choice of v undoes.",
        )


class _Pair(NamedTuple):
    """Both nets at one variance: mean of log10 of the ratio, and its standard error."""

    setting: Setting
    v: float
    without: tuple[float, float]
    normalised: tuple[float, float]

    @classmethod
    def of(cls, setting: Setting, v: float, networks: int) -> "_Pair":
        """Both measured."""
        return cls(
            setting, v, _log_ratio(plain_block, setting, v, networks), _log_ratio(relu_block, setting, v, networks)
        )

    @property
    def word(self) -> str:
        """What the measurement says of batch normalisation."""
        gap = abs(self.normalised[0]) - abs(self.without[0])
        if not abs(gap) > FAR * math.hypot(self.without[1], self.normalised[1]):
            return "undecided"
        return _word(gap < 0)


def _log_ratio(block: Block, setting: Setting, v: float, networks: int) -> tuple[float, float]:
    net = Network(block(setting.width) * setting.depth)
    found = initial_statistics(net, networks, batch=setting.batch, init=v, seed=21, progress=False)
    logs = np.log10(found.gradient_ratio())
    return float(logs.mean()), float(logs.std(ddof=1) / math.sqrt(networks))


def _word(helps: bool) -> str:
    return "helps" if helps else "hurts"


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{v:g}" for v in values) or "none"
