"""The statistics of the batch against the stored ones, in one model along its training."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.findings import Section, Table
from residua_bridge.rendering import together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_network import Network
from residua_numeric import Snapshot, Task, accuracy, build, measure, train, weights_of
from residua_symbolic import Prediction, jacobian, predict

BATCH = 16


@dataclass(frozen=True)
class StoredStatistics:
    """Train on digits; at every snapshot both Jacobians against torch, and the one in place of the other."""

    title: str
    prose: tuple[str, ...]
    network: Callable[[], Network]
    steps: By
    snapshots: By
    rate: float = 1e-3

    def run(self, settings: Settings) -> Finding:
        """Train, compare, tabulate."""
        task, net = Task.digits(), self.network()
        steps, kept = self.steps.of(settings.profile), self.snapshots.of(settings.profile)
        history = train(build(net, seed=0), task, steps, rate=self.rate, snapshots=kept, progress=False)
        points = [_Point.of(net, one, task) for one in settings.track(history.snapshots, self.title)]
        where = f"steps {', '.join(str(p.step) for p in points)}"
        verdicts = (
            together([p.batch for p in points], f"Derived Jacobian, statistics of the batch, {where}", "agree"),
            together([p.stored for p in points], f"Derived Jacobian, stored statistics, {where}", "agree"),
            together([p.mixed for p in points], f"Stored statistics for those of the batch, {where}", "differ"),
        )
        section = Section(self.title, self.prose, tables=(_table(points),), verdicts=verdicts)
        return Finding(section, tuple(d for p in points for d in (p.batch, p.stored, p.mixed)))


@dataclass(frozen=True)
class _Point:
    """One snapshot."""

    step: int
    accuracies: tuple[float, float]
    own_rows: float
    size: float
    between_rows: float
    batch: Discrepancy
    stored: Discrepancy
    mixed: Discrepancy

    @classmethod
    def of(cls, net: Network, snapshot: Snapshot, task: Task) -> "_Point":
        model, weights = snapshot.build(), weights_of(snapshot)
        assert task.test_x is not None
        assert snapshot.step is not None
        x = np.asarray(task.test_x[:BATCH], dtype=np.float64)
        running = net.with_statistics("running")
        exact, alone = predict(jacobian(net), weights, x), predict(jacobian(running), weights, x)
        measured = measure(model, "jacobian", x)
        own = np.stack([measured.values[b, :, b, :] for b in range(BATCH)])
        return cls(
            snapshot.step,
            (accuracy(model, task), accuracy(replace(snapshot, network=running).build(), task)),
            float(np.linalg.norm(alone.values - own) / np.linalg.norm(own)),
            float(np.linalg.norm(alone.values) / np.linalg.norm(own)),
            float(np.linalg.norm(measured.values - _embedded(own)) / np.linalg.norm(measured.values)),
            compare(jacobian(net), model, x),
            compare(jacobian(running), model, x),
            compare(_in_place(alone), measured, exact=exact),
        )


def _in_place(alone: Prediction) -> Prediction:
    """The Jacobian with stored statistics as a claim about coupled rows: nothing between them."""
    return Prediction(alone.quantity, _embedded(alone.values), _embedded(alone.error), alone.scope)


def _embedded(own: Floats) -> Floats:
    """(batch, outputs, inputs) as the blocks b = c of (batch, outputs, batch, inputs)."""
    rows, outputs, inputs = own.shape
    whole = np.zeros((rows, outputs, rows, inputs))
    for b in range(rows):
        whole[b, :, b, :] = own[b]
    return whole


def _table(points: "list[_Point]") -> Table:
    head = ("step", "accuracy, batch", "accuracy, stored")
    columns = (*head, "own rows differ by", "norm, stored / batch", "norm between rows")
    rows = tuple((p.step, *p.accuracies, p.own_rows, p.size, p.between_rows) for p in points)
    caption = (
        f"Test accuracy with the statistics of the test part itself and with the stored ones. On {BATCH} test images: "
        "relative difference of the Jacobian with stored statistics from the blocks of each row by itself, the ratio "
        "of their norms, and the share of the norm of the whole Jacobian that joins different rows, which stored "
        "statistics leave out. Adam, seed 0."
    )
    return Table("Batch and stored statistics", columns, rows, caption)
