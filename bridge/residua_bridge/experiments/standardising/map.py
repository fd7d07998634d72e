"""Standardising as a map of its input, in torch: linear, affine, or neither; and what γ and β restore."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from residua_bridge.experiments.standardising.sides import UNIT, set_beside
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_symbolic import Derivation
from residua_symbolic.standardising.linearity import FIRST, SECOND, standardised_pair

DEPARTURES, RESTORED = "Departures from a linear and an affine map", "What is left over after γ and β"
STORED, BATCH, LAYER = "stored statistics", "statistics of the batch", "layer normalisation"
OWN, PLAIN, OTHER, BEST, PER_SAMPLE = (
    "its own, γ = √(v + ε)",
    "its own, γ = √v",
    "those of another batch",
    "the best for all batches",
    "the best per feature, layer normalisation",
)
ROWS, FEATURES = 8, 5
EPS = 1e-2  # large enough that √v and √(v + ε) are told apart at a glance
BATCHES = 6


@dataclass(frozen=True)
class AsAMap:
    """f(2x) − 2 f(x) and f half-way − the mean of both ends, for constant statistics and for those of the data."""

    title: str
    prose: tuple[str, ...]
    derive: tuple[Callable[[], Derivation], ...]

    def run(self, settings: Settings) -> Finding:
        """At two random inputs, and at the pair of the counterexample."""
        random = np.random.default_rng(0)
        x, y = (torch.tensor(random.normal(1, 2, size=(ROWS, FEATURES))) for _ in range(2))
        mean, variance = torch.tensor(random.normal(size=FEATURES)), torch.tensor(random.uniform(1, 2, size=FEATURES))
        maps: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
            STORED: lambda t: functional.batch_norm(t, mean, variance, training=False, eps=0.0),
            BATCH: lambda t: functional.batch_norm(t, None, None, training=True, eps=1e-12),
            LAYER: lambda t: functional.layer_norm(t, (FEATURES,), eps=1e-12),
        }
        rows = []
        for name, f in maps.items():
            size = float(f(x).norm())
            linear = float((f(2 * x) - 2 * f(x)).norm()) / size
            doubled = float((f(2 * x) - f(x)).norm()) / size
            affine = float((f((x + y) / 2) - (f(x) + f(y)) / 2).norm()) / size
            rows.append((name, linear, doubled, affine, 100 * UNIT))
        pair = _pair()
        columns = ("normalised by", "$|f(2x) - 2f(x)|$", "$|f(2x) - f(x)|$", "half-way, from affine", "rounding")
        caption = (
            f"Norms over that of f(x), at random x and y of {ROWS} rows and {FEATURES} features. A linear map has 0 "
            f"in the first column, one that does "
            "not see the size of x in the second, an affine map in the third. Rounding: what float64 leaves of a 0, "
            "at most."
        )
        section = Section(
            self.title,
            self.prose,
            derivations=tuple(proved(make()) for make in self.derive),
            tables=(Table(DEPARTURES, columns, tuple(rows), caption),),
            verdicts=(as_text(pair, "torch's layer norm at (0, 1), (3, 0) and half-way", "agree"),),
        )
        return Finding(section, (pair,))


def _pair() -> Discrepancy:
    middle = tuple((p + q) / 2 for p, q in zip(FIRST, SECOND, strict=True))
    points = np.array([[float(e) for e in values] for values in (FIRST, SECOND, middle)])
    predicted = np.array([[float(e) for e in standardised_pair(values)] for values in (FIRST, SECOND, middle)])
    measured = functional.layer_norm(torch.tensor(points), (2,), eps=0.0).numpy()
    return set_beside("layer norm of two numbers", predicted, measured, np.full((3, 2), 50 * UNIT), points=3)


@dataclass(frozen=True)
class Restoring:
    """x̂ scaled and shifted back in torch: on the batch that γ and β were taken from, and on others."""

    title: str
    prose: tuple[str, ...]
    derive: tuple[Callable[[], Derivation], ...]

    def run(self, settings: Settings) -> Finding:
        """Batches whose statistics differ as those of minibatches of a skewed distribution do."""
        random = np.random.default_rng(0)
        batches = [random.exponential(size=(ROWS, FEATURES)) for _ in range(BATCHES)]
        images = [_image(x) for x in batches]
        statistics = [(np.sqrt(x.var(axis=0) + EPS), x.mean(axis=0), x.std(axis=0)) for x in batches]
        s, mu, plain = statistics[0]
        x, xhat = batches[0], images[0]
        every, every_image = np.concatenate(batches), np.concatenate(images)
        left = {
            OWN: _left(xhat, x, s, mu),
            PLAIN: _left(xhat, x, plain, mu),
            OTHER: float(np.mean([_left(xh, b, s, mu) for xh, b in zip(images[1:], batches[1:], strict=True)])),
            BEST: _best(every_image, every),
            PER_SAMPLE: _best(functional.layer_norm(torch.tensor(every), (FEATURES,), eps=EPS).numpy(), every),
        }
        predicted = _relative((x - mu) * (plain / s - 1), x)
        bar = 200 * UNIT * float(abs(x).max() / abs(x - mu).std())
        d = set_beside(
            "what γ = √v leaves over",
            np.array([[predicted]]),
            np.array([[left[PLAIN]]]),
            np.array([[bar]]),
            rows=ROWS,
            eps=str(EPS),
        )
        own = set_beside(
            "what γ = √(v + ε), β = μ leaves over",
            np.zeros((1, 1)),
            np.array([[left[OWN]]]),
            np.array([[bar]]),
            rows=ROWS,
            eps=str(EPS),
        )
        rows = tuple((name, value, bar) for name, value in left.items())
        caption = (
            f"Root mean square of γ x̂ + β − x over the deviation of x; {BATCHES} batches of {ROWS} rows and "
            f"{FEATURES} features from an exponential distribution, "
            f"ε = {EPS:g}. The best: γ and β of every feature by least squares over all batches. Rounding: what "
            f"float64 leaves of a 0, at most."
        )
        section = Section(
            self.title,
            self.prose,
            derivations=tuple(proved(make()) for make in self.derive),
            tables=(Table(RESTORED, ("γ and β are", "left over", "rounding"), rows, caption),),
            verdicts=(
                as_text(own, "One batch is restored by its own γ = √(v + ε), β = μ", "agree"),
                as_text(d, "γ = √v leaves over what is derived", "agree"),
            ),
        )
        return Finding(section, (own, d))


def _image(x: Floats) -> Floats:
    found: Floats = functional.batch_norm(torch.tensor(x), None, None, training=True, eps=EPS).numpy()
    return found


def _relative(difference: Floats, x: Floats) -> float:
    return float(np.sqrt((difference**2).mean()) / x.std())


def _left(xhat: Floats, x: Floats, gamma: Floats, beta: Floats) -> float:
    return _relative(gamma * xhat + beta - x, x)


def _best(xhat: Floats, x: Floats) -> float:
    """With the γ and β of every feature that leave least."""
    fitted = np.empty_like(x)
    for k in range(x.shape[1]):
        slope, constant = np.polyfit(xhat[:, k], x[:, k], 1)
        fitted[:, k] = slope * xhat[:, k] + constant
    return _relative(fitted - x, x)
