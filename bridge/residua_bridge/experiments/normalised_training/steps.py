"""Whether a step on one minibatch is lost for the next: losses of both before and after, and their gradients."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.normalised_training.nets import BAR, NORMS, classifier, digits, interval
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement, build
from residua_numeric.carry_over import Effect, effect, gradients_of_examples
from residua_numeric.ensemble import train_many
from residua_symbolic import Prediction
from residua_symbolic.training.sampling import carried

SHARES = "What a step does for the next batch"  # table
PRODUCTS = "Mean squared gradient of a batch, and mean product of the gradients of two"  # verdicts
RESOLUTION = 0.25  # of mean products: a quarter of a number tells a gradient that carries over from one that does not
UNIT = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class CarriedOver:
    """Deep nets along a training: one step on a batch, seen by it and by another one."""

    name: str
    title: str
    prose: tuple[str, ...]
    hidden: int
    width: int
    batch: int
    rate: float
    step: float
    moments: tuple[int, ...]
    seeds: By
    pairs: By
    population: int  # examples of which the law of the mean products is checked

    def run(self, settings: Settings) -> Finding:
        """Train to each moment, take steps, compare."""
        seeds, pairs = range(self.seeds.of(settings.profile)), self.pairs.of(settings.profile)
        cases = [(norm, moment) for norm in NORMS for moment in self.moments]
        found = [self._point(norm, moment, seeds, pairs) for norm, moment in settings.track(cases, self.title)]
        products = [self._products(norm, 8 * pairs) for norm in ("none", "layer")]
        texts = tuple(
            as_text(d, f"{PRODUCTS}: {name}", "agree", d.reason.replace("rounding", "sampling"))
            for name, d in zip(("no normalisation", "layer normalisation"), products, strict=True)
        )
        section = Section(
            self.title,
            self.prose,
            (proved(carried()),),
            (self._table(found, len(seeds), pairs),),
            (self._figure(found),),
            texts,
        )
        return Finding(section, tuple(products))

    def _point(self, norm: str, moment: int, seeds: range, pairs: int) -> "_Point":
        net, task = classifier(self.hidden, self.width, norm), digits()
        trained = train_many(
            net, task, seeds, moment, "sgd", self.rate, self.batch, dtype="float64", init="he", progress=False
        )
        effects = []
        for seed, model in zip(seeds, trained.models, strict=True):
            drawn = np.random.default_rng((seed, moment))
            batches = [drawn.permutation(len(task.x))[: 2 * self.batch].reshape(2, -1) for _ in range(pairs)]
            effects.append([effect(model, task, own, other, self.step) for own, other in batches])
        return _Point(norm, moment, effects)

    def _products(self, norm: str, pairs: int) -> Discrepancy:
        """The exact means over all pairs of disjoint batches of a population, and those of pairs that are drawn."""
        task, model = digits(), build(classifier(self.hidden, self.width, norm), seed=0, init="he")
        rows = np.arange(self.population)
        single = gradients_of_examples(model, task, rows)
        mean = float((single.mean(0) ** 2).sum())
        spread, size = float(single.var(0).sum()), self.batch
        own = mean + spread / size * (len(rows) - size) / (len(rows) - 1)
        law = np.array([own, mean - spread / (len(rows) - 1)])
        drawn = np.random.default_rng(17)
        effects = []
        for _ in range(pairs):
            a, b = drawn.permutation(rows)[: 2 * size].reshape(2, -1)
            effects.append(effect(model, task, a, b, self.step))
        values = np.array([[e.squared, e.product] for e in effects])
        spreads = values.std(0, ddof=1) / np.sqrt(pairs)
        scope: dict[str, str | int] = {
            "examples": len(rows),
            "batch": size,
            "pairs": pairs,
            "hidden layers": self.hidden,
        }
        rounding = UNIT * single.size**0.5 * np.abs(law)  # sums of so many terms on both sides
        prediction = Prediction(PRODUCTS, law[None], rounding[None], scope, resolution=RESOLUTION)
        return compare(prediction, Measurement(PRODUCTS, values.mean(0)[None], "float64", spreads[None], {}))

    def _table(self, found: "Sequence[_Point]", seeds: int, pairs: int) -> Table:
        columns = (
            "normalisation",
            "steps done",
            "own loss falls by",
            "the next loss falls by",
            "share that carries over",
            BAR,
            "cosine of the gradients",
            f"{BAR} of it",
            "next loss fell, of steps",
        )
        rows = tuple((p.norm, p.moment, p.mean("own"), p.mean("other"), *p.share, *p.cosine, p.fell) for p in found)
        caption = (
            f"{self.hidden} hidden layers of width {self.width}, He's initialisation, trained by gradient descent at "
            f"rate {self.rate:g}; then one step at rate {self.step:g}, disjoint batches of {self.batch}; {seeds} "
            f"seeds with {pairs} pairs each. The share is the mean fall of the next loss over the mean fall of the "
            "own loss. Bars: t intervals over seeds."
        )
        return Table(SHARES, columns, rows, caption)

    def _figure(self, found: "Sequence[_Point]") -> Figure:
        curves = []
        for norm in NORMS:
            mine = [p for p in found if p.norm == norm]
            x = tuple(float(p.moment) for p in mine)
            curves.append(
                Curve(
                    f"{norm}: measured", "measured", x, tuple(p.share[0] for p in mine), tuple(p.share[1] for p in mine)
                )
            )
        ends = (0.0, float(max(self.moments)))
        curves.append(Curve("all of it is lost", "other", ends, (0.0, 0.0)))
        curves.append(Curve("nothing is lost", "other", ends, (1.0, 1.0)))
        caption = "Share of a step's gain that the next batch sees, along training; 95 % intervals over seeds."
        return Figure(self.name, SHARES, "steps done", "share that carries over", tuple(curves), caption=caption)


class _Point(NamedTuple):
    """Of one net at one moment: effects[seed][pair]."""

    norm: str
    moment: int
    effects: list[list[Effect]]

    def mean(self, what: str) -> float:
        return float(np.mean([[getattr(e, what) for e in of_seed] for of_seed in self.effects]))

    @property
    def share(self) -> tuple[float, float]:
        """Ratio of the sums of every seed; its interval over seeds."""
        return interval([sum(e.other for e in one) / sum(e.own for e in one) for one in self.effects])

    @property
    def cosine(self) -> tuple[float, float]:
        return interval([float(np.mean([e.cosine for e in one])) for one in self.effects])

    @property
    def fell(self) -> float:
        return float(np.mean([[e.other > 0 for e in one] for one in self.effects]))
