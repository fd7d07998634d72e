"""Numbers or probabilities for classes, and Bayes' formula with independent indicators: cases and models."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np
import torch

from residua_bridge.compare import compare
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Cell, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_network import Activation, Linear, Network
from residua_numeric import Measurement, Task, build, train
from residua_symbolic import Prediction
from residua_symbolic.losses import classifiers

TRAINED, CASES, CERTAIN = (
    "Digits: probabilities, numbers, squares",
    "Three meanings of independent",
    "One input, three classes",
)
LEARNT = "Naive Bayes and a torch net reach the accuracies that the fractions give"
HALF = Fraction(1, 2)
PRIOR = Fraction(3, 5)  # not even: at a tie a fitted model chooses by chance
NAIVE, NET = "naive Bayes, scikit-learn", "64 ReLU units, torch"


@dataclass(frozen=True)
class Labels:
    """The most probable class, exactly; nets that output probabilities, or the label as a number."""

    title: str
    prose: tuple[str, ...]
    seeds: By
    steps: int

    def run(self, settings: Settings) -> Finding:
        """Train each kind of net."""
        seeds = range(self.seeds.of(settings.profile))
        rows = [
            (label, *_accuracies(kind, seeds, self.steps))
            for label, kind in settings.track(list(KINDS.items()), self.title)
        ]
        columns = ("output and loss", "accuracy on unseen digits", "standard error", "on the training part")
        caption = (
            f"64-32 ReLU nets, {self.steps} steps of Adam, {len(seeds)} seeds of weights, mean; the number is "
            "rounded to the nearest label."
        )
        tables = (_certain(), Table(TRAINED, columns, tuple(rows), caption))
        return Finding(Section(self.title, self.prose, (proved(classifiers.derive_choice()),), tables))


CERTAINTIES: tuple[tuple[str, tuple[Fraction, ...]], ...] = (
    ("a map: class 2 for certain", (Fraction(0), Fraction(0), Fraction(1))),
    ("noisy labels", classifiers.NOISY),
)


def _certain() -> Table:
    """Exact: what each output says, of a map and of noisy labels."""
    rows: list[tuple[Cell, ...]] = []
    for label, p in CERTAINTIES:
        mean = sum((c * v for c, v in enumerate(p)), Fraction(0))
        best = max(range(3), key=lambda c: p[c])
        rounded = math.floor(mean + HALF)
        shares = ", ".join(str(v) for v in p)
        rows.append((label, shares, best, float(p[best]), float(mean), rounded, float(p[rounded])))
    columns = (
        "labels",
        "probabilities of 0, 1, 2",
        "most probable",
        "right",
        "mean label",
        "rounded",
        "right, rounded",
    )
    caption = "The most probable class beside the number that squares are minimised by; right: how often, exactly."
    return Table(CERTAIN, columns, tuple(rows), caption)


def _network(outputs: int) -> Network:
    return Network((Linear(64, 32), Activation("relu"), Linear(32, outputs)))


def _probabilities(task: Task) -> tuple[Task, int]:
    return task, 10


def _numbers(task: Task) -> tuple[Task, int]:
    return _as_squares(task, lambda y: y[:, None].astype(np.float64)), 1


def _one_hot(task: Task) -> tuple[Task, int]:
    return _as_squares(task, lambda y: np.eye(10)[y]), 10


def _as_squares(task: Task, targets: Callable[[np.ndarray], np.ndarray]) -> Task:
    return Task.data("digits, squares", task.x, targets(task.y), test=(task.test_x, targets(np.asarray(task.test_y))))


Kind = Callable[[Task], tuple[Task, int]]
KINDS: dict[str, Kind] = {
    "ten probabilities, cross entropy": _probabilities,
    "ten numbers for one-hot labels, mean square error": _one_hot,
    "the label as a number, mean square error": _numbers,
}


def _accuracies(kind: Kind, seeds: range, steps: int) -> tuple[float, float, float]:
    """Mean and standard error over seeds on the test part, mean on the training part."""
    task = Task.digits()
    shown, outputs = kind(task)
    found = []
    for seed in seeds:
        model = build(_network(outputs), seed=seed)
        train(model, shown, steps, "adam", 0.005, 64, seed=seed, progress=False)
        found.append(
            [_right(model, np.asarray(x), np.asarray(y)) for x, y in ((task.test_x, task.test_y), (task.x, task.y))]
        )
    unseen, seen = np.array(found).T
    return float(unseen.mean()), float(unseen.std(ddof=1) / math.sqrt(len(seeds))), float(seen.mean())


def _right(model: torch.nn.Module, x: np.ndarray, y: np.ndarray) -> float:
    with torch.no_grad():
        out = model(torch.tensor(x)).numpy()
    chosen = out.argmax(axis=1) if out.shape[1] > 1 else np.clip(np.rint(out[:, 0]), 0, 9)
    return float((chosen == y).mean())


# independent indicators


@dataclass(frozen=True)
class Indicators:
    """Joint distributions in fractions, Bayes and naive Bayes in fractions, and models fitted to samples."""

    title: str
    prose: tuple[str, ...]
    samples: By

    def run(self, settings: Settings) -> Finding:
        """Draw from each case and fit."""
        count = self.samples.of(settings.profile)
        rows: list[tuple[Cell, ...]] = []
        predicted, measured, errors = [], [], []
        for label, joint in settings.track(list(cases().items()), self.title):
            exact = classifiers.accuracies(joint)
            seen, bars = _fitted(joint, count)
            dependence = [f(joint) for f in DEPENDENCES]
            rows.append((label, *map(_share, dependence), *map(_share, exact), *seen, max(bars)))
            predicted.append([float(exact[2]), float(exact[1])])
            measured.append(list(seen))
            errors.append(list(bars))
        columns = (
            "indicators",
            "one depends on class",
            "all together",
            "within a class",
            "blind guess",
            "Bayes",
            "naive Bayes",
            NAIVE,
            NET,
            "standard error",
        )
        caption = (
            "Two binary indicators, two classes. Dependences: largest difference of probabilities, 0 for "
            "independent. Accuracies "
            f"by fractions, then measured on {count} unseen rows after fitting {count}."
        )
        quantity = "accuracy"
        scope: dict[str, str | int] = {"rows": count, "cases": len(rows), "resolution": "5 %"}
        d = compare(
            Prediction(quantity, np.array(predicted), np.zeros((len(rows), 2)), scope, resolution=0.05),
            Measurement(quantity, np.array(measured), "float64", np.array(errors), {}),
        )
        derivations = (classifiers.derive_useless, classifiers.derive_naive)
        section = Section(
            self.title,
            self.prose,
            tuple(proved(derive()) for derive in derivations),
            (Table(CASES, columns, tuple(rows), caption),),
            verdicts=(as_text(d, LEARNT, "agree", d.reason.replace("rounding", "sampling")),),
        )
        return Finding(section, (d,))


DEPENDENCES = (classifiers.dependence_on_class, classifiers.dependence_together, classifiers.dependence_within)
INDEPENDENT, WITHIN, APART, COPIED = (
    "independent of the class",
    "independent within each class",
    "each independent of the class, not together",
    "copies: dependent within a class",
)


@cache
def cases() -> dict[str, classifiers.Joint]:
    """Four joint distributions in fractions."""
    third, fifth = Fraction(1, 3), Fraction(1, 5)
    useless = classifiers.independent_given_class(PRIOR, ((third, third), (fifth, fifth)))
    within = classifiers.independent_given_class(
        HALF, ((Fraction(1, 4), Fraction(3, 4)), (Fraction(2, 5), Fraction(4, 5)))
    )
    bits: list[tuple[int, ...]] = [(a, b) for a in (0, 1) for b in (0, 1)]
    shares = (1 - PRIOR, PRIOR)
    apart = {(x, s): shares[s] / 2 if x[0] ^ x[1] == s else Fraction(0) for x in bits for s in (0, 1)}
    one = classifiers.independent_given_class(Fraction(3, 10), ((Fraction(1, 4), HALF),))
    copied = {(x, s): one[(x[0],), s] if x[0] == x[1] else Fraction(0) for x in bits for s in (0, 1)}
    return {INDEPENDENT: useless, WITHIN: within, APART: apart, COPIED: copied}


def _share(value: Fraction) -> str:
    return f"${value}$"


def _drawn(joint: classifiers.Joint, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    keys = sorted(joint)
    rng = np.random.default_rng(seed)
    places = rng.choice(len(keys), size=count, p=[float(joint[key]) for key in keys])
    return np.array([keys[p][0] for p in places]), np.array([keys[p][1] for p in places])


def _fitted(joint: classifiers.Joint, count: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Accuracies of naive Bayes and of a net on unseen rows, and their standard errors."""
    from sklearn.naive_bayes import BernoulliNB  # slow to import

    x, s = _drawn(joint, count, 1)
    unseen, truth = _drawn(joint, count, 2)
    naive = BernoulliNB(alpha=1e-10).fit(x, s).predict(unseen)
    model = build(Network((Linear(2, 64), Activation("relu"), Linear(64, 2))), seed=0)
    train(model, Task.data("indicators", x, s, "cross entropy"), 300, "adam", 0.01, 256, progress=False)
    with torch.no_grad():
        net = model(torch.tensor(unseen, dtype=torch.float64)).argmax(dim=1).numpy()
    accuracies = float((naive == truth).mean()), float((net == truth).mean())
    bars = tuple(math.sqrt(max(a * (1 - a), 1 / count) / count) for a in accuracies)
    return accuracies, (bars[0], bars[1])
