"""All quantities of the gradient, predicted and measured, before, during and after training on a real task."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import together
from residua_bridge.study import By, Finding, Labelled, Settings
from residua_bridge.verdict import Discrepancy, Floats, Verdict
from residua_network import Network
from residua_numeric import Snapshot, Task, accuracy, build, loss_of, measure, train, weights_of
from residua_symbolic import jacobian, predict
from residua_symbolic.layer import CONSTANT_STATISTICS

BATCH = 16


@dataclass(frozen=True)
class Statement:
    """Something said about networks, and when it counts as true at a snapshot; None: it does not apply there."""

    text: str
    holds: "Callable[[Moment], bool | None]"


@dataclass(frozen=True)
class AlongTraining:
    """Train each network on digits; at every snapshot its Jacobian, gradient norms, spectrum and paths."""

    name: str
    title: str
    prose: tuple[str, ...]
    trainings: tuple[Labelled, ...]
    statements: tuple[Statement, ...]
    steps: By
    snapshots: By
    init: str = "he"
    rate: float = 1e-3
    batch: int = 64

    def run(self, settings: Settings) -> Finding:
        """Train, predict, measure, compare."""
        task = Task.digits()
        tracks = [self._along(one, task, settings.profile) for one in settings.track(self.trainings, self.title)]
        section = Section(
            self.title,
            self.prose,
            tables=(_success(tracks), _gradients(tracks), _path_table(tracks), self._where(tracks)),
            figures=tuple(self._figures(tracks)),
            verdicts=tuple(text for track in tracks for text in track.verdicts()),
        )
        return Finding(section, tuple(d for track in tracks for m in track.moments for d in m.found))

    def _along(self, one: Labelled, task: Task, profile: str) -> "_Track":
        net = one.network()
        steps, kept = self.steps.of(profile), self.snapshots.of(profile)
        model = build(net, seed=0, init=self.init)
        history = train(model, task, steps, rate=self.rate, batch=self.batch, snapshots=kept, progress=False)
        return _Track(one.label, tuple(Moment.of(net, snapshot, task) for snapshot in history.snapshots))

    def _where(self, tracks: "Sequence[_Track]") -> Table:
        rows = []
        for statement in self.statements:
            for track in tracks:
                answers = [(m.step, statement.holds(m)) for m in track.moments]
                if any(answer is not None for _, answer in answers):
                    yes, no = (", ".join(str(s) for s, a in answers if a is word) or "–" for word in (True, False))
                    rows.append((statement.text, track.label, yes, no))
        columns = ("statement", "network", "holds after step", "does not hold after step")
        caption = "Each statement decided at each snapshot, by the criterion that it states."
        return Table("Where each statement holds", columns, tuple(rows), caption)

    def _figures(self, tracks: "Sequence[_Track]") -> list[Figure]:
        curves = tuple(Curve(t.label, "measured", t.steps, t.of("accuracy")) for t in tracks)
        name, caption = f"{self.name}-accuracy", "Test accuracy along training."
        captions = (
            "Root-mean-square gradient norm at the first layer over that at the last: lines predicted, marks measured.",
            "Relative error of (1.11) for the whole network: lines predicted, marks measured.",
        )
        return [
            Figure(name, "Accuracy", "step", "test accuracy", curves, caption=caption),
            self._pairs("gradient", "Gradient", "first layer / last layer", "ratio", tracks, captions[0]),
            self._pairs("claim", "Error of (1.11)", "relative error of (1.11)", "lost", tracks, captions[1]),
        ]

    def _pairs(
        self, name: str, title: str, ylabel: str, field: str, tracks: "Sequence[_Track]", caption: str
    ) -> Figure:
        curves = []
        for track in tracks:
            predicted, measured = zip(*(getattr(m, field) for m in track.moments), strict=True)
            if any(predicted):
                curves.append(Curve(f"{track.label}: predicted", "predicted", track.steps, predicted))
                curves.append(Curve(f"{track.label}: measured", "measured", track.steps, measured))
        return Figure(f"{self.name}-{name}", title, "step", ylabel, tuple(curves), yscale="log", caption=caption)


Pair = tuple[float, float]  # predicted, measured


@dataclass(frozen=True)
class Moment:
    """One snapshot of one training; `found` holds all comparisons. Pairs are (predicted, measured)."""

    step: int
    loss: float
    accuracy: float
    exact: Discrepancy
    assumed: Discrepancy
    norms: Discrepancy
    spectrum: Discrepancy
    paths: Discrepancy | None

    @classmethod
    def of(cls, net: Network, snapshot: Snapshot, task: Task) -> "Moment":
        """Everything at the first images of the test part, with one random cotangent a row."""
        model, weights = snapshot.build(), weights_of(snapshot)
        assert task.test_x is not None
        assert snapshot.step is not None
        x = np.asarray(task.test_x[:BATCH], dtype=np.float64)
        u = np.random.default_rng(0).normal(size=(BATCH, net.outputs))
        J, assumed = jacobian(net), jacobian(net, assume=CONSTANT_STATISTICS)

        def met(quantity: str, cotangent: Floats | None = None) -> Discrepancy:
            prediction = predict(J, weights, x, quantity, cotangent)
            return compare(prediction, measure(model, quantity, x, cotangent=cotangent))

        return cls(
            snapshot.step,
            loss_of(model, task, "test"),
            accuracy(model, task),
            compare(J, model, x),
            compare(assumed, model, x),
            met("gradient norms", u),
            met("singular values"),
            met("path gradients", u) if J.paths().blocks else None,
        )

    @property
    def found(self) -> tuple[Discrepancy, ...]:
        """Every comparison."""
        always = (self.exact, self.assumed, self.norms, self.spectrum)
        return always if self.paths is None else (*always, self.paths)

    @property
    def ratio(self) -> Pair:
        """Gradient norm at the first layer over that at the last."""
        first, second = (np.sqrt((side**2).mean(axis=0)) for side in (self.norms.predicted, self.norms.measured))
        return float(first[0] / first[-1]), float(second[0] / second[-1])

    @property
    def lost(self) -> Pair:
        """Relative error of (1.11) for the whole network; zero where it drops nothing."""
        dropped = self.assumed.causes.get("approximation", 0.0)
        measured = self.assumed.difference / float(np.linalg.norm(self.assumed.measured)) if dropped else 0.0
        return dropped / float(np.linalg.norm(self.exact.predicted)), measured

    @property
    def largest(self) -> Pair:
        """Largest singular value, mean over the rows."""
        return float(self.spectrum.predicted[:, 0].mean()), float(self.spectrum.measured[:, 0].mean())

    @property
    def median(self) -> Pair:
        """Median singular value, mean over the rows."""
        sides = (self.spectrum.predicted, self.spectrum.measured)
        predicted, measured = (float(np.median(side, axis=1).mean()) for side in sides)
        return predicted, measured

    @property
    def mean_length(self) -> Pair | None:
        """Mean path length, each length weighted with its share of the squared gradient."""
        if self.paths is None:
            return None
        return _mean_length(self.paths.predicted), _mean_length(self.paths.measured)

    @property
    def blocks(self) -> int:
        """How many residual blocks the paths go through."""
        return 0 if self.paths is None else self.paths.predicted.shape[1] - 1


def _mean_length(gradients: Floats) -> float:
    """gradients: (batch, lengths, inputs)."""
    squares = (gradients**2).sum(axis=(0, 2))
    return float((squares * np.arange(len(squares))).sum() / squares.sum())


@dataclass(frozen=True)
class _Track:
    """One training."""

    label: str
    moments: tuple[Moment, ...]

    @property
    def steps(self) -> tuple[float, ...]:
        return tuple(float(m.step) for m in self.moments)

    def of(self, name: str) -> tuple[float, ...]:
        return tuple(getattr(m, name) for m in self.moments)

    def verdicts(self) -> list[Any]:
        """One for each quantity, over all snapshots."""
        steps = ", ".join(str(m.step) for m in self.moments)
        pairs = [
            ("Derived Jacobian", [m.exact for m in self.moments], "agree"),
            ("(1.11)", [m.assumed for m in self.moments if m.lost[0]], "differ"),
            ("Gradient norms", [m.norms for m in self.moments], "agree"),
            ("Singular values", [m.spectrum for m in self.moments], "agree"),
            ("Gradient by path length", [m.paths for m in self.moments if m.paths is not None], "agree"),
        ]
        return [together(ds, f"{what}: {self.label}, steps {steps}", word) for what, ds, word in pairs if ds]


def _success(tracks: Sequence[_Track]) -> Table:
    rows = tuple(
        (t.label, m.step, m.loss, round(m.accuracy, 3), *(m.lost if m.lost[0] else ("–", "–")))
        for t in tracks
        for m in t.moments
    )
    columns = ("network", "step", "test loss", "test accuracy", "error of (1.11), predicted", "measured")
    caption = (
        f"Cross entropy in nats; relative error of (1.11) for the whole network on {BATCH} test images. Adam, seed 0, "
        "one thread. Batch normalisation uses the statistics of what it is given: of the whole test part for loss and "
        "accuracy, of these images for the error."
    )
    return Table("Training", columns, rows, caption)


def _gradients(tracks: Sequence[_Track]) -> Table:
    rows = tuple((t.label, m.step, *m.ratio, *m.largest, *m.median) for t in tracks for m in t.moments)
    columns = ("network", "step", "gradient ratio, predicted", "measured", "largest σ, predicted", "measured")
    caption = (
        f"Gradient ratio: root-mean-square norm at the first layer over that at the last, {BATCH} images, one random "
        "cotangent each: another draw moves it, most where rows are coupled. σ: singular values of the whole "
        "Jacobian, mean over the images (for batch normalisation, of the Jacobian of the whole batch)."
    )
    return Table("Gradients and spectrum", (*columns, "median σ, predicted", "measured"), rows, caption)


def _path_table(tracks: Sequence[_Track]) -> Table:
    rows = tuple(
        (t.label, m.step, m.blocks / 2, *m.mean_length) for t in tracks for m in t.moments if m.mean_length is not None
    )
    columns = ("network", "step", "mean path length, counted", "predicted", "measured")
    caption = (
        "Counted: half the number of blocks, the mean over all paths. Predicted and measured: each length weighted "
        "with the squared gradient that passes through the paths of that length, added up over the images."
    )
    return Table("Path lengths", columns, rows, caption)


def agrees(m: Moment) -> bool:
    """Whether every derived quantity is the measured one at this snapshot."""
    derived = [m.exact, m.norms, m.spectrum, *([] if m.paths is None else [m.paths])]
    return all(d.verdict is Verdict.AGREE for d in derived)
