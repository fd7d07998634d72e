"""The same statement before, during and after training on a real task."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.findings import Curve, Figure, Section, Table, VerdictText
from residua_bridge.rendering import together
from residua_bridge.study import By, Finding, Labelled, Settings
from residua_bridge.verdict import Discrepancy
from residua_network import Network
from residua_numeric import Task, accuracy, build, loss_of, train
from residua_symbolic import jacobian
from residua_symbolic.layer import CONSTANT_STATISTICS

BATCH = 8
CURVE_POINTS = 200


@dataclass(frozen=True)
class ThroughTraining:
    """Error of (1.11) for the whole network, and of (1.10) for its normalisers, along training on digits."""

    name: str
    title: str
    prose: tuple[str, ...]
    trainings: tuple[Labelled, ...]
    steps: By
    snapshots: By
    rate: float = 1e-3
    batch: int = 64

    def run(self, settings: Settings) -> Finding:
        """Train, and compare at every snapshot, with the same inputs from the test part."""
        task = Task.digits()
        along = [self._along(t, task, settings.profile) for t in settings.track(self.trainings, self.title)]
        section = Section(
            self.title,
            self.prose,
            tables=(_table(along),),
            figures=(self._errors(along), self._losses(along)),
            verdicts=tuple(text for one in along for text in one.verdicts()),
        )
        return Finding(section, tuple(d for one in along for p in one.points for d in (p.assumed, p.exact)))

    def _along(self, training: Labelled, task: Task, profile: str) -> "_Along":
        net = training.network()
        model = build(net, seed=0)
        steps, snapshots = self.steps.of(profile), self.snapshots.of(profile)
        history = train(model, task, steps, rate=self.rate, batch=self.batch, snapshots=snapshots, progress=False)
        assert task.test_x is not None
        x = np.asarray(task.test_x[:BATCH], dtype=np.float64)
        return _Along(training.label, tuple(_Point.of(net, one, task, x) for one in history.snapshots), history.losses)

    def _errors(self, along: "list[_Along]") -> Figure:
        curves = []
        for one in along:
            curves.append(Curve(f"{one.label}: predicted", "predicted", one.steps, one.of("predicted")))
            curves.append(Curve(f"{one.label}: measured", "measured", one.steps, one.of("measured")))
        caption = "Relative error of (1.11) for the whole network along training: prediction and measurement."
        return Figure(self.name, self.title, "step", "relative error of (1.11)", tuple(curves), caption=caption)

    def _losses(self, along: "list[_Along]") -> Figure:
        curves = []
        for one in along:
            curves.append(Curve(f"{one.label}: test loss", "measured", one.steps, one.of("loss")))
            every = range(0, len(one.losses), max(1, len(one.losses) // CURVE_POINTS))
            seen = tuple(float(k) for k in every), tuple(one.losses[k] for k in every)
            curves.append(Curve(f"{one.label}: loss of each batch", "other", *seen))
        caption = "Labelled on scikit-learn's digits."
        return Figure(
            f"{self.name}-loss", "Loss", "step", "cross entropy in nats", tuple(curves), yscale="log", caption=caption
        )


def _table(along: "list[_Along]") -> Table:
    columns = ("network", "step", "test loss", "test accuracy", "predicted", "measured", "(1.10), worst layer")
    rows = tuple(
        (one.label, p.step, p.loss, p.accuracy, p.predicted, p.measured, p.worst_layer)
        for one in along
        for p in one.points
    )
    caption = (
        f"Relative error of (1.11) for the whole network on {BATCH} test images, predicted and measured, and of (1.10) "
        "at the normaliser where it is largest. Cross entropy in nats; Adam, seed 0, one thread."
    )
    return Table("Along training", columns, rows, caption)


@dataclass(frozen=True)
class _Along:
    """One training: what was seen at each snapshot, and the loss of every batch."""

    label: str
    points: "tuple[_Point, ...]"
    losses: tuple[float, ...]

    @property
    def steps(self) -> tuple[float, ...]:
        return tuple(float(p.step) for p in self.points)

    def of(self, name: str) -> tuple[float, ...]:
        return tuple(getattr(p, name) for p in self.points)

    def verdicts(self) -> list[VerdictText]:
        """The derived Jacobian and (1.11), at every snapshot."""
        steps = ", ".join(str(p.step) for p in self.points)
        return [
            together([p.exact for p in self.points], f"Derived Jacobian: {self.label}, steps {steps}", "agree"),
            together([p.assumed for p in self.points], f"(1.11): {self.label}, steps {steps}", "differ"),
        ]


@dataclass(frozen=True)
class _Point:
    """One snapshot."""

    step: int
    loss: float
    accuracy: float
    predicted: float
    measured: float
    worst_layer: float
    exact: Discrepancy
    assumed: Discrepancy

    @classmethod
    def of(cls, net: Network, snapshot: Any, task: Task, x: Any) -> "_Point":
        model = snapshot.build()
        assumed_J = jacobian(net, assume=CONSTANT_STATISTICS)
        exact, assumed = compare(jacobian(net), model, x), compare(assumed_J, model, x)
        lost = assumed.causes["approximation"]
        rows = [row.difference / row.measured for row in assumed.rows if row.cause == "approximation" and row.measured]
        return cls(
            snapshot.step,
            loss_of(model, task, "test"),
            accuracy(model, task),
            lost / float(np.linalg.norm(exact.predicted)),
            assumed.difference / float(np.linalg.norm(assumed.measured)),
            max(rows, default=0.0),
            exact,
            assumed,
        )
