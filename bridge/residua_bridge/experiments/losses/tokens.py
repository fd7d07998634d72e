"""Decoders: their loss at the start over variances and vocabularies, its floor, and what a number of a token means."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from residua_bridge.compare import compare
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement, loss_decoder
from residua_symbolic import Prediction
from residua_symbolic.losses import sources
from residua_symbolic.losses.initial_loss import derive_bounds, derive_every, derive_initial, expected_initial_loss

STARTS, FLOOR, NUMBERS, UNKNOWN = (
    "Cross entropy of new decoders",
    "Trained decoders and the entropy of their source",
    "Two numberings of the same tokens",
    "A token outside the vocabulary",
)  # tables
BELOW = "A decoder's cross entropy on unseen texts is the source's entropy plus what it has not learnt"
TOKENS = 8
Floats = np.ndarray


@dataclass(frozen=True)
class Starts:
    """New decoders over vocabularies and variances: the exact law, the asymptotic one and its bounds."""

    name: str
    title: str
    prose: tuple[str, ...]
    vocabularies: tuple[int, ...]
    variances: tuple[float, ...]
    networks: By

    def run(self, settings: Settings) -> Finding:
        """Draw decoders."""
        count = self.networks.of(settings.profile)
        every = [(v, s) for v in self.vocabularies for s in self.variances]
        rows = [_start(v, s, count, 100 + k) for k, (v, s) in enumerate(settings.track(every, self.title))]
        columns = (
            "V",
            "Var(logit)",
            "log V",
            "exact law",
            "measured",
            "standard error",
            "log V + Var/2",
            "2 log V",
        )
        caption = (
            f"Nats, {count} torch decoders each. The exact law lies between log V and log V + Var/2, near the "
            "latter as "
            "long as Var is far below 2 log V; beyond, one class decides."
        )
        d = _met(rows, count)
        section = Section(
            self.title,
            self.prose,
            (proved(derive_initial()), proved(derive_every()), proved(derive_bounds())),
            (Table(STARTS, columns, tuple(rows), caption),),
            (self._figure(rows),),
            (
                as_text(
                    d,
                    "The loss of new decoders is the exact law's, at every V and variance",
                    "agree",
                    d.reason.replace("rounding", "sampling"),
                ),
            ),
        )
        return Finding(section, (d,))

    def _figure(self, rows: list[tuple[float, ...]]) -> Figure:
        line = np.linspace(min(self.variances), max(self.variances), 25)
        curves: list[Curve] = []
        for v in self.vocabularies:
            mine = [row for row in rows if row[0] == v]
            x, base = tuple(map(float, line)), math.log(v)
            exact = tuple(expected_initial_loss(v, math.sqrt(s)) - base for s in line)
            curves.append(Curve(f"V = {v}: predicted", "predicted", x, exact))
            points = tuple(float(row[4]) - base for row in mine)
            curves.append(
                Curve(
                    f"V = {v}: measured",
                    "measured",
                    tuple(row[1] for row in mine),
                    points,
                    tuple(row[5] for row in mine),
                )
            )
        curves.append(Curve("Var/2", "other", tuple(map(float, line)), tuple(float(s) / 2 for s in line)))
        caption = (
            "Cross entropy of new decoders above log V: the exact law, torch decoders with standard errors, and Var/2."
        )
        return Figure(
            f"{self.name}-start",
            self.title,
            "variance of a logit",
            "cross entropy − log V, nats",
            tuple(curves),
            caption=caption,
        )


def _start(vocabulary: int, variance: float, count: int, seed: int) -> tuple[float, ...]:
    spread = math.sqrt(variance)
    losses = loss_decoder.initial_losses(vocabulary, spread, count, seed)
    base = math.log(vocabulary)
    mean, error = float(losses.mean()), float(losses.std(ddof=1) / math.sqrt(count))
    return (
        vocabulary,
        variance,
        base,
        expected_initial_loss(vocabulary, spread),
        mean,
        error,
        base + variance / 2,
        2 * base,
    )


def _met(rows: list[tuple[float, ...]], count: int) -> Discrepancy:
    quantity = "cross entropy of new decoders"
    predicted, measured, errors = (np.array([[row[k]] for row in rows]) for k in (3, 4, 5))
    scope: dict[str, str | int] = {"networks": count, "combinations": len(rows), "resolution": "10 %"}
    prediction = Prediction(quantity, predicted, np.zeros_like(predicted), scope, resolution=0.1)
    return compare(prediction, Measurement(quantity, measured, "float64", errors, {}))


@dataclass(frozen=True)
class Floor:
    """Decoders trained on a Markov source whose entropy is known."""

    name: str
    title: str
    prose: tuple[str, ...]
    seeds: tuple[int, ...]
    steps: By
    texts: int

    def run(self, settings: Settings) -> Finding:
        """Train, read unseen texts, compare with the source itself on the same texts."""
        transition = source()
        floor = sources.conditional_entropy(transition)
        steps = self.steps.of(settings.profile)
        rows, curves, trained = [], [], []
        for seed in settings.track(self.seeds, self.title):
            test = loss_decoder.markov_texts(transition, self.texts, 17, 500 + seed)
            taught = loss_decoder.teach(transition, steps, seed, test)
            row = _excess(transition, test, taught.surprise)
            rows.append((seed, floor, *row))
            trained.append(row)
            x = tuple(map(float, range(0, steps, 5)))
            curves.append(Curve(f"seed {seed}", "measured", x, tuple(float(v) for v in taught.losses[::5])))
        line = (0.0, float(steps))
        curves.append(Curve("entropy of the source", "predicted", line, (floor, floor)))
        curves.append(Curve("log V", "other", line, (math.log(TOKENS), math.log(TOKENS))))
        d = _above(floor, trained, self.texts)
        columns = (
            "seed",
            "entropy of the source",
            "decoder",
            "standard error",
            "the source itself",
            "decoder − source",
            "its standard error",
        )
        caption = (
            f"Nats a token, {self.texts} unseen texts of 17 tokens each; the source itself: −log of its own "
            "probabilities on "
            "the same texts, so that their sampling drops out of the difference."
        )
        figure = Figure(
            f"{self.name}-floor",
            "Down to the source's entropy",
            "step",
            "cross entropy, nats",
            tuple(curves),
            caption="Training losses on fresh texts, every fifth step.",
        )
        section = Section(
            self.title,
            self.prose,
            (proved(sources.derive_floor()),),
            (Table(FLOOR, columns, tuple(rows), caption), _numberings(transition), _unknown()),
            (figure,),
            (as_text(d, BELOW, "agree", d.reason.replace("rounding", "sampling")),),
        )
        return Finding(section, (d,))


def source() -> Floats:
    """Eight tokens; squares of random whole numbers as weights of the next one."""
    weights = np.random.default_rng(0).integers(1, 20, size=(TOKENS, TOKENS)) ** 2
    rows: Floats = weights / weights.sum(axis=1, keepdims=True)
    return rows


def _excess(transition: Floats, test: np.ndarray, surprise: Floats) -> tuple[float, ...]:
    """The decoder's mean and standard error over texts, the source's mean, their difference and its standard error."""
    own = -np.log(transition[test[:, :-1], test[:, 1:]])
    of_texts, gap = surprise.mean(axis=1), (surprise - own).mean(axis=1)
    root = math.sqrt(len(test))
    return (
        float(of_texts.mean()),
        float(of_texts.std(ddof=1) / root),
        float(own.mean()),
        float(gap.mean()),
        float(gap.std(ddof=1) / root),
    )


def _above(floor: float, rows: list[tuple[float, ...]], texts: int) -> Discrepancy:
    """Cross entropy less the divergence, as measured on the same texts, against the entropy of the source."""
    quantity = "cross entropy less what is not learnt"
    predicted = np.full((len(rows), 1), floor)
    measured = np.array([[row[0] - row[3]] for row in rows])
    errors = np.array([[math.hypot(row[1], row[4])] for row in rows])
    scope: dict[str, str | int] = {"decoders": len(rows), "texts": texts, "tokens": TOKENS, "resolution": "5 %"}
    prediction = Prediction(quantity, predicted, np.zeros_like(predicted), scope, resolution=0.05)
    return compare(prediction, Measurement(quantity, measured, "float64", errors, {}))


def _numberings(transition: Floats) -> Table:
    """Cross entropy does not know the numbers; squares of differences of numbers do."""
    rows: list[tuple[Cell, ...]] = []
    for label, numbers in (
        ("0, 1, …, 7", np.arange(TOKENS)),
        ("shuffled", np.random.default_rng(1).permutation(TOKENS)),
    ):
        place = np.argsort(numbers)  # the token that has each number
        renamed = transition[np.ix_(place, place)]
        rows.append(
            (label, sources.conditional_entropy(renamed), sources.square_floor(transition, numbers.astype(np.float64)))
        )
    columns = ("numbers of the tokens", "least cross entropy", "least mean square error of the number")
    caption = (
        "The same source, its tokens numbered in two ways: floors of both losses, exact up to rounding. Numbers "
        "of tokens are names."
    )
    return Table(NUMBERS, columns, tuple(rows), caption)


def _unknown() -> Table:
    """torch's cross entropy where the true token has no logit, or one of −∞."""
    logits = torch.zeros(1, TOKENS, dtype=torch.float64)
    excluded = logits.clone()
    excluded[0, -1] = -torch.inf
    known = float(torch.nn.functional.cross_entropy(logits, torch.tensor([TOKENS - 1])))
    infinite = float(torch.nn.functional.cross_entropy(excluded, torch.tensor([TOKENS - 1])))
    try:
        torch.nn.functional.cross_entropy(logits, torch.tensor([TOKENS]))
        refused = "a number"
    except (IndexError, RuntimeError):
        refused = "refused"
    rows = (
        ("in the vocabulary, all alike", known),
        ("in it, but excluded (logit −∞)", infinite),
        (f"number {TOKENS} of a vocabulary of {TOKENS}", refused),
    )
    return Table(
        UNKNOWN,
        ("true token", "cross entropy by torch"),
        rows,
        f"V = {TOKENS}. What the vocabulary does not hold has no finite loss: it has to be fixed, or to grow with "
        "the model.",
    )
