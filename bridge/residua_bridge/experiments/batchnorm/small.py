"""Batches so small that a mean of inverse variances is decided by a few features, or does not exist."""

from dataclasses import dataclass

import numpy as np

from residua_bridge.budgets.estimate import estimate
from residua_bridge.experiments.batchnorm.sources import linear_block, root
from residua_bridge.findings import Cell, Section, Table
from residua_bridge.study import By, Finding, Settings
from residua_network import Network
from residua_numeric.initial import initial_statistics
from residua_symbolic.moments.batch.laws import layer_law

EXISTS, ITS_ERROR = 3, 5  # the mean is finite for larger batches, its standard error for larger ones than the second


@dataclass(frozen=True)
class SmallBatches:
    """Ratio of means and geometric mean of linear nets, by batch and width, beside the law of the mean."""

    title: str
    prose: tuple[str, ...]
    batches: tuple[int, ...]
    widths: tuple[int, ...]
    depth: int
    networks: By

    def run(self, settings: Settings) -> Finding:
        """A row a batch and width."""
        count = self.networks.of(settings.profile)
        cases = [(batch, width) for batch in self.batches for width in self.widths]
        rows = tuple(self._row(*case, count) for case in settings.track(cases, self.title))
        columns = (
            "B",
            "n",
            "mean: law a layer",
            "ratio of means",
            "s.e.",
            "geometric mean",
            "s.e. ",
            "largest of all nets",
            "tails",
        )
        caption = (
            f"Linear → BatchNorm, {self.depth} layers, {count} networks a row; the factor of a layer, the root of the "
            "ratio of the whole net. Ratio of means: sum of squared gradients at the input over that at the output; "
            f"its mean is infinite for B ≤ {EXISTS}, its standard error meaningless for B ≤ {ITS_ERROR}. Largest: the "
            "share of the one largest net in the sum. Tails are called heavy where a few nets decide the mean."
        )
        return Finding(Section(self.title, self.prose, tables=(Table("Small batches", columns, rows, caption),)))

    def _row(self, batch: int, width: int, count: int) -> tuple[Cell, ...]:
        net = Network(linear_block(width) * self.depth)
        found = initial_statistics(net, count, batch=batch, init=2.0, seed=51, progress=False)
        pairs = found.gradient_pair()
        law: Cell = layer_law("linear").growth(batch) if batch > EXISTS else "infinite"
        if not pairs[:, 0].max() > 1e-20 * pairs[:, 1].max():  # two rows: x̂ and 1 are all there is
            return (batch, width, 0, float(pairs[:, 0].sum() / pairs[:, 1].sum()), 0.0, "", "", "", "none: all is 0")
        mean, log = estimate(pairs, "ratio of means"), estimate(pairs[:, 0] / pairs[:, 1], "geometric mean")
        value, middle = (root(one.value, self.depth) for one in (mean, log))
        errors = (one.bar / one.value * at / self.depth for one, at in ((mean, value), (log, middle)))
        share = float(np.max(pairs[:, 0]) / pairs[:, 0].sum())
        first, second = errors
        tails = "heavy" if mean.heavy or batch <= ITS_ERROR else "light"
        return (batch, width, law, value, first, middle, second, f"{share:.1%}", tails)
