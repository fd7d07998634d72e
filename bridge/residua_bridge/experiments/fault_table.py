"""Planted faults: each found at its own layer and nowhere else, and none reported on random correct networks."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.findings import Section, Table
from residua_bridge.random_networks import perturbed, random_network
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy, Row, Verdict
from residua_network import Network, ResiduaError
from residua_numeric import weights_of
from residua_numeric.faults import FAULTS, Fault, plant
from residua_symbolic import jacobian

BATCH = 4


@dataclass(frozen=True)
class FaultTable:
    """Plant every fault at each layer of its kind in one network; then compare random correct networks."""

    title: str
    prose: tuple[str, ...]
    network: Callable[[], Network]
    correct: By

    def run(self, settings: Settings) -> Finding:
        """Raises ResiduaError when a fault is missed or misplaced, or a correct network is blamed: then this whole
        report cannot be trusted."""
        net = self.network()
        cases = [(fault, name) for fault in FAULTS for name, layer in net.walk() if fault.fits(layer)]
        planted = [(fault, name, _planted(net, name, fault)) for fault, name in settings.track(cases, self.title)]
        rows = tuple(_row(fault, [(name, d) for one, name, d in planted if one is fault]) for fault in FAULTS)
        missed = [f"{fault.name} at {name}" for fault, name, d in planted if d.suspects != (name,)]
        words, blamed = self._correct(settings)
        if missed or blamed:
            raise ResiduaError(f"fault suite: missed or misplaced: {missed or 'none'}; blamed though correct: {blamed}")
        columns = ("fault", "kind", "planted at, one at a time", "found at", "what differs", "difference / bound")
        caption = (
            f"{len(planted)} plantings of {len(FAULTS)} faults in one network. The last column is the smallest, over "
            "the plantings, of what differs in units of its bound: how far each fault was from going unnoticed; inf: "
            "nothing rounds there."
        )
        section = Section(self.title, (*self.prose, words), tables=(Table("Faults", columns, rows, caption),))
        return Finding(section, tuple(d for _, _, d in planted))

    def _correct(self, settings: Settings) -> tuple[str, list[int]]:
        """Compare random correct networks: a sentence, and the seeds of those that were blamed."""
        count = self.correct.of(settings.profile)
        words: Counter[str] = Counter()
        blamed, depths, largest = [], set(), 0.0
        for seed in settings.track(range(count), "Random correct networks"):
            net = random_network(seed)
            depths.add(len(net.layers))
            x = np.random.default_rng(seed).normal(size=(BATCH, net.inputs))
            d = compare(jacobian(net), perturbed(net, seed), x)
            words[str(d.verdict)] += 1
            largest = max(largest, d.unexplained.value / d.unexplained.bar)
            if d.suspects or d.verdict is Verdict.DIFFER:
                blamed.append(seed)
        tally = ", ".join(f"{number} {word}" for word, number in sorted(words.items()))
        sentence = (
            f"Of {count} random correct networks (depth {min(depths)} to {max(depths)}, kinds mixed, nested and scaled "
            f"blocks) {len(blamed)} were blamed; verdicts: {tally}. The largest difference was {largest:.2g} of its "
            "bar."
        )
        return sentence, blamed


def _planted(net: Network, name: str, fault: Fault) -> Discrepancy:
    model = perturbed(net, seed=1)
    weights = weights_of(model)
    plant(model, name, fault)
    x = np.random.default_rng(0).normal(size=(BATCH, net.inputs))
    return compare(jacobian(net), model, x, weights=weights)


def _row(fault: Fault, planted: list[tuple[str, Discrepancy]]) -> tuple[str | float, ...]:
    """One fault: where it was planted, and where each planting was found."""
    rows = [next(row for row in d.rows if row.layer == name) for name, d in planted]
    found = [", ".join(d.suspects) or "–" for _, d in planted]
    each = "each there" if found == [name for name, _ in planted] else ", ".join(found)
    kinds = sorted({row.fault or "–" for row in rows})
    places = ", ".join(name for name, _ in planted)
    return fault.name, fault.kind, places, each, "; ".join(kinds), min(map(_excess, rows))


def _excess(row: Row) -> float:
    """Difference in units of its bound, of output, Jacobian or pulled-back cotangent, whichever is largest."""
    pairs = (
        (row.difference, row.bound),
        (row.output_difference, row.output_bound),
        (row.pulled_difference, row.pulled_bound),
    )
    return max(difference / bound if bound else difference * float("inf") for difference, bound in pairs if difference)
