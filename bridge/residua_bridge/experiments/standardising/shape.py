"""Document 003, L62–66: the numbers 1, …, 100, standardised; what changes and what does not."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from scipy.special import ndtr

from residua_bridge.experiments.grids import exactly
from residua_bridge.experiments.standardising.sides import UNIT, set_beside
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_numeric.standardising.distributions import distances
from residua_symbolic import Derivation
from residua_symbolic.standardising.whole_numbers import deviations, distance_from_normal

NUMBERS, FAR, DIVIDED = "The numbers 1..100", "How far from normal", "After division"
POPULATION, SAMPLE = "population", "sample"
COUNT = 100  # 003, L62
PRINTED = "29.01"  # the same
ROWS = 400


@dataclass(frozen=True)
class OneToHundred:
    """Both standard deviations, certified, beside what torch and numpy give."""

    title: str
    prose: tuple[str, ...]
    derive: tuple[Callable[[], Derivation], ...]

    def run(self, settings: Settings) -> Finding:
        """Derive, certify, compare."""
        x = torch.arange(1, COUNT + 1, dtype=torch.float64)
        exact = deviations(COUNT)
        given = {
            POPULATION: (
                exact.population,
                "$\\sqrt{(n^2-1)/12}$",
                float(x.std(unbiased=False)),
                "torch.std(unbiased=False), numpy.std, (1.3)",
            ),
            SAMPLE: (exact.sample, "$\\sqrt{n(n+1)/12}$", float(x.std()), "torch.std, numpy.std(ddof=1)"),
        }
        rows = tuple(
            (
                which,
                formula,
                float(e.lower),
                float(e.upper),
                measured,
                f"{float(e.middle):.2f}",
                _rounds(e.lower, e.upper),
                by,
            )
            for which, (e, formula, measured, by) in given.items()
        )
        columns = (
            "which",
            "formula",
            "at least",
            "at most",
            "in torch",
            "to two digits",
            f"rounds to {PRINTED}",
            "given by",
        )
        caption = f"n = {COUNT}; the mean is {float(exact.mean)}, exactly. Certified bounds in ball arithmetic."
        predicted = np.array([[float(e.middle)] for e, *_ in given.values()])
        measured = np.array([[m] for _, _, m, _ in given.values()])
        bars = np.full((2, 1), 2 * (COUNT + 6) * UNIT * COUNT)
        d = set_beside("standard deviations of 1, …, 100", predicted, measured, bars, numbers=COUNT)
        numpy_too = set_beside(
            "standard deviation of 1, …, 100 in numpy",
            predicted[:1],
            np.array([[x.numpy().std()]]),
            bars[:1],
            numbers=COUNT,
        )
        by_layers = _used_by_layers(x)
        spread = x.std(unbiased=False)
        divided = {"standard deviation": spread, "variance": spread**2}
        after = tuple(
            (what, float(by), float(((x - x.mean()) / by).std(unbiased=False))) for what, by in divided.items()
        )
        check = set_beside(
            "standard deviation after division",
            np.array([[1.0, 1 / float(exact.population.middle)]]),
            np.array([[row[2] for row in after]]),
            np.full((1, 2), 4 * (COUNT + 6) * UNIT),
            numbers=COUNT,
        )
        section = Section(
            self.title,
            self.prose,
            derivations=tuple(proved(make()) for make in self.derive),
            tables=(
                Table(NUMBERS, columns, rows, caption),
                Table(
                    DIVIDED,
                    ("divided by the", "which is", "deviation of x̂"),
                    after,
                    "1, …, 100 less their mean, in torch; rounding is below $10^{-13}$.",
                ),
            ),
            verdicts=(
                as_text(d, "torch.std without and with 1/(n − 1)", "agree"),
                as_text(numpy_too, "numpy.std is the population's", "agree"),
                as_text(by_layers, "torch's batch norm and layer norm divide 1..100 by the population's", "agree"),
                as_text(check, "After division by σ the deviation is 1, by the variance 1/σ", "agree"),
            ),
        )
        return Finding(section, (d, numpy_too, by_layers, check))


def _rounds(lower: Floats, upper: Floats) -> str:
    """Whether every number between the bounds is printed so."""
    ends = {f"{float(end):.2f}" for end in (lower, upper)}
    return "yes" if ends == {PRINTED} else "no"


def _used_by_layers(x: torch.Tensor) -> Discrepancy:
    """The deviation that a layer divides by: of the largest and smallest x̂, 99 deviations apart; ε = 1e−5."""
    batch = torch.nn.functional.batch_norm(x[:, None], None, None, training=True)[:, 0]
    layer = torch.nn.functional.layer_norm(x, (COUNT,))
    eps = 1e-5
    used = [float((x[-1] - x[0]) / (y[-1] - y[0])) for y in (batch, layer)]
    root = float(np.sqrt(float(deviations(COUNT).population.middle) ** 2 + eps))
    bars = np.full((1, 2), 4 * (COUNT + 6) * UNIT * COUNT)
    return set_beside("deviation that x̂ is divided by", np.full((1, 2), root), np.array([used]), bars, numbers=COUNT)


SAMPLES: dict[str, Callable[[np.random.Generator], Floats]] = {
    "1, …, 100": lambda _: np.arange(1.0, COUNT + 1),
    "−1 and 1": lambda _: np.array([-1.0, 1.0]),
    "coin": lambda random: random.integers(0, 2, ROWS).astype(np.float64),
    "exponential": lambda random: random.exponential(size=ROWS),
    "normal, mean 2, deviation 3": lambda random: random.normal(2, 3, ROWS),
}


@dataclass(frozen=True)
class ShapeKept:
    """Samples before and after standardising in torch: shares, third and fourth cumulant, distance from the normal."""

    title: str
    prose: tuple[str, ...]
    derive: tuple[Callable[[], Derivation], ...]

    def run(self, settings: Settings) -> Finding:
        """Standardise, count, compare."""
        random = np.random.default_rng(0)
        rows, before, after, counts = [], [], [], []
        for name in settings.track(tuple(SAMPLES), self.title):
            x = SAMPLES[name](random)
            z = _standardised(x)
            before.append(_cumulants(x))
            after.append(_cumulants(z))
            counts.append(int(_up_to(x) == _up_to(z)))
            e = distance_from_normal(tuple(map(Fraction, sorted(x.tolist()))))
            rows.append((name, len(x), *before[-1], *after[-1], float(e.lower), float(e.upper)))
        bars = np.full((len(rows), 2), 200 * ROWS * UNIT)
        kept = set_beside(
            "skewness and excess kurtosis", np.array(before), np.array(after), bars, samples=len(rows), rows=ROWS
        )
        shares = exactly("share of numbers up to each of them, before and after", [1] * len(counts), counts)
        columns = (
            "sample",
            "n",
            "skewness before",
            "kurtosis before",
            "skewness after",
            "kurtosis after",
            "from normal, at least",
            "at most",
        )
        caption = (
            "Standardised in torch with 1/n. Kurtosis is excess kurtosis: 0 for a normal distribution, as is the "
            "skewness. Last: largest distance between "
            f"distribution functions, of the standardised numbers and of the standard normal, certified. A sample of "
            f"{ROWS} from a normal distribution is about "
            f"{_normal_distance():.3f} away from it."
        )
        section = Section(
            self.title,
            self.prose,
            derivations=tuple(proved(make()) for make in self.derive),
            tables=(Table(FAR, columns, tuple(rows), caption),),
            figures=(_figure(),),
            verdicts=(
                as_text(kept, "Skewness and kurtosis are the same before and after", "agree"),
                as_text(shares, "Shares up to each number are the same before and after", "agree"),
            ),
        )
        return Finding(section, (kept, shares))


def _standardised(x: Floats) -> Floats:
    values = torch.tensor(x)
    found: Floats = ((values - values.mean()) / values.std(unbiased=False)).numpy()
    return found


def _cumulants(x: Floats) -> tuple[float, float]:
    """Skewness and excess kurtosis."""
    z = (x - x.mean()) / x.std()
    return float((z**3).mean()), float((z**4).mean() - 3)


def _up_to(x: Floats) -> list[int]:
    """How many of the numbers are at most the k-th one."""
    return [int((x <= value).sum()) for value in x]


def _normal_distance() -> float:
    drawn = np.random.default_rng(1).normal(size=(ROWS, 200))
    return float(distances((drawn - drawn.mean(axis=0)) / drawn.std(axis=0), ndtr).mean())


def _figure() -> Figure:
    x = np.arange(1.0, COUNT + 1)
    share = tuple((np.arange(1, COUNT + 1) / COUNT).tolist())
    scale = float(deviations(COUNT).population.middle)
    before = tuple(((x - (COUNT + 1) / 2) / scale).tolist())
    few = slice(0, COUNT, 6)
    z = np.linspace(-3, 3, 61)
    after = _standardised(x)
    curves = (
        Curve("1, …, 100 before, axis relabelled", "predicted", before, share),
        Curve("1, …, 100 after", "measured", tuple(after[few].tolist()), share[few]),
        Curve("standard normal", "other", tuple(z.tolist()), tuple(ndtr(z).tolist())),
    )
    caption = (
        "Share of the numbers up to t. Standardising relabels the axis, F(μ + σ t): a straight line stays a straight "
        "line, and "
        "does not become the curve of the standard normal."
    )
    return Figure(
        "standardising-shares",
        "Shares before and after",
        "t, in standard deviations from the mean",
        "share up to t",
        curves,
        caption=caption,
    )
