"""Networks compared with their torch models, one verdict each."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.findings import Section, Table
from residua_bridge.random_networks import perturbed
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_network import Network
from residua_numeric import build
from residua_symbolic import jacobian

BATCH = 4


@dataclass(frozen=True)
class Case:
    """A network and the verdict that its comparison should end with."""

    statement: str
    network: Callable[[], Network]
    expected: str
    assume: str | None = None
    trained_away: bool = True  # γ, β and biases away from their initial values, which would hide mistakes


@dataclass(frozen=True)
class Comparisons:
    """Compare each case, and print the table by layer of the one named."""

    title: str
    prose: tuple[str, ...]
    cases: tuple[Case, ...]
    table_of: int = 0

    def run(self, settings: Settings) -> Finding:
        """Build, compare, tabulate."""
        found = [compared(case, seed) for seed, case in enumerate(settings.track(self.cases, self.title))]
        verdicts = tuple(as_text(d, case.statement, case.expected) for d, case in zip(found, self.cases, strict=True))
        shown = found[self.table_of]
        caption = f"By layer, for: {self.cases[self.table_of].statement}. Frobenius norms over the batch."
        section = Section(self.title, self.prose, tables=(by_layer(shown, caption),), verdicts=verdicts)
        return Finding(section, tuple(found))


def compared(case: Case, seed: int) -> Discrepancy:
    """One comparison at random inputs of mean square 1."""
    net = case.network()
    model = perturbed(net, seed) if case.trained_away else build(net, seed=seed)
    x = np.random.default_rng(seed).normal(size=(BATCH, net.inputs))
    return compare(jacobian(net, assume=case.assume), model, x)


def by_layer(d: Discrepancy, caption: str) -> Table:
    """The rows of a comparison."""
    columns = ("layer", "kind", "predicted", "measured", "difference", "bound", "output differs by", "bound", "cause")
    rows = tuple(
        (
            r.layer,
            r.kind,
            r.predicted,
            r.measured,
            r.difference,
            r.bound,
            r.output_difference,
            r.output_bound,
            r.cause,
        )
        for r in d.rows
    )
    return Table("Layer by layer", columns, rows, caption)
