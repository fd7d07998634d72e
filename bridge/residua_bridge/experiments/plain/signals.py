"""What many plain layers leave of a gradient and of the difference of two inputs, by activation and weight variance."""

from dataclasses import dataclass

import numpy as np

from residua_bridge.experiments.initialised import EXPLODING, VANISHING
from residua_bridge.experiments.plain.sources import FIRST_SEED, Floats, plain
from residua_bridge.findings import Cell, Section, Table
from residua_bridge.study import By, Finding, Settings
from residua_numeric.initial import initial_statistics
from residua_symbolic.moments.plain import phase

ROUNDED = 1e-12  # of a difference that is 0 but for rounding
SIGNALS = "Through many layers, by activation and variance"
COLUMNS = (
    *(
        "activation",
        "variance times n",
        "squared gradient: law, n → ∞",
        "geometric mean",
        "s.e. of its log10",
    ),
    *("typical norm", "relative difference of two outputs", "standard error"),
)


@dataclass(frozen=True)
class Signals:
    """Networks of one width and depth, without biases, two independent inputs through each."""

    title: str
    prose: tuple[str, ...]
    settings_of: tuple[tuple[str, float], ...]
    width: int
    depth: int
    networks: By

    def run(self, settings: Settings) -> Finding:
        """One row an activation and variance."""
        count = self.networks.of(settings.profile)
        rows = tuple(self._row(*pair, count) for pair in settings.track(self.settings_of, self.title))
        caption = (
            f"{self.depth} layers of width n = {self.width}, weights of variance v/n, {count} networks each, seed "
            f"{FIRST_SEED}. The law is that of the mean; a typical network's gradient at finite width lies below it. "
            f"Its norm, the root of the geometric mean, is called vanishing below {VANISHING:g} and exploding above "
            f"{EXPLODING:g}. The relative difference of the outputs for two independent inputs is "
            "$1 - \\langle h_a, h_b \\rangle / |h|^2$, a mean over networks: for the inputs 1, but for sampling, "
            "and 0 for outputs that are equal within rounding."
        )
        table = Table(f"{SIGNALS}: {self.depth} layers", COLUMNS, rows, caption)
        return Finding(Section(self.title, self.prose, tables=(table,)))

    def _row(self, activation: str, variance: float, count: int) -> tuple[Cell, ...]:
        net = plain(activation, self.width, self.depth)
        found = initial_statistics(net, count, 2, init=variance, seed=FIRST_SEED, progress=False)
        logs = np.log10(found.gradient_ratio())
        apart = 1 - found.products[:, -1] / found.mean_squares[:, -1]
        mean, error = _mean(logs)
        difference, bar = _mean(apart)
        if abs(difference) < ROUNDED:
            difference = bar = 0.0
        law = phase.gradient_ratio(activation, variance, 0.0, self.depth)
        limits = (2 * np.log10(VANISHING), 2 * np.log10(EXPLODING))
        word = "vanishing" if mean < limits[0] else "exploding" if mean > limits[1] else "between"
        return (activation, variance, law, float(10**mean), error, word, difference, bar)


def _mean(values: Floats) -> tuple[float, float]:
    """And its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
