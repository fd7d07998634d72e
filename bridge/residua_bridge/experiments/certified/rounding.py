"""Rounding told from everything else: float64 on both sides against ball arithmetic, which encloses what is exact."""

from dataclasses import dataclass

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.findings import Section, Table
from residua_bridge.random_networks import perturbed
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Labelled, Settings
from residua_numeric import weights_of
from residua_symbolic import jacobian, predict

BATCH = 3


@dataclass(frozen=True)
class Small(Labelled):
    """A network small enough for ball arithmetic of that precision, and the verdict that is expected."""

    bits: int = 128
    expected: str = "agree"


@dataclass(frozen=True)
class CertifiedRounding:
    """The distance of both float64 sides from the enclosed exact Jacobian, beside the estimated bar."""

    title: str
    prose: tuple[str, ...]
    networks: tuple[Small, ...]

    def run(self, settings: Settings) -> Finding:
        """Enclose, compare, tabulate."""
        rows, verdicts, found = [], [], []
        for small in settings.track(self.networks, self.title):
            net = small.network()
            model = perturbed(net, seed=1)
            weights, x = weights_of(model), np.random.default_rng(1).normal(size=(BATCH, net.inputs))
            J = jacobian(net)
            enclosure, d = J.enclose(weights, x, small.bits), compare(J, model, x, bits=small.bits)
            ours, theirs = (float(enclosure.distance(side).max()) for side in (J.evaluate(weights, x), d.measured))
            bar = np.sqrt((predict(J, weights, x).error ** 2).mean())
            rows.append((small.label, small.bits, float(enclosure.radius.max()), ours, theirs, float(bar)))
            verdicts.append(as_text(d, f"Enclosed Jacobian, {small.bits} bits: {small.label}", small.expected))
            found.append(d)
        head = ("network", "bits", "radius of the balls")
        columns = (*head, "error of the formula, at most", "error of torch, at most", "estimated bar")
        caption = (
            f"Largest entry over {BATCH} inputs. Radius: what the precision leaves open. Errors: certified upper "
            "bounds of the distance of float64 values from the exact ones, the radius included. Bar: root mean square "
            "over the entries of what Monte Carlo arithmetic allows for."
        )
        section = Section(
            self.title, self.prose, tables=(Table("Rounding", columns, tuple(rows), caption),), verdicts=tuple(verdicts)
        )
        return Finding(section, tuple(found))
