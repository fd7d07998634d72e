"""Mean and standard deviation of w x + b in torch, against the law and against 003's."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch

from residua_bridge.experiments.standardising.sides import UNIT, set_beside
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_network import Linear, Network
from residua_numeric import build
from residua_numeric.weights import put
from residua_symbolic import Derivation
from residua_symbolic.standardising.averages import mean, variance

MOMENTS = "Moments of w x + b"
LAW, PRINTED, MATRIX = (
    "torch's w x + b by w p + b and |w| q",
    "torch's w x + b by 003's p + b and p w",
    "torch's W x + b",
)
NUMBERS = 200
ROWS, INPUTS, OUTPUTS = 200, 3, 4
SAMPLES: dict[str, Callable[[np.random.Generator], Floats]] = {
    "coin": lambda random: random.integers(0, 2, NUMBERS).astype(np.float64),
    "uniform": lambda random: random.uniform(1, 2, NUMBERS),
    "exponential": lambda random: random.exponential(size=NUMBERS),
    "normal": lambda random: random.normal(2, 1, NUMBERS),
}


@dataclass(frozen=True)
class AffineMoments:
    """Each sample through each layer; mean and deviation of the sample in fractions, of the output in torch."""

    title: str
    prose: tuple[str, ...]
    derive: tuple[Callable[[], Derivation], ...]
    layers: tuple[tuple[float, float], ...]  # w, b

    def run(self, settings: Settings) -> Finding:
        """Prove, compute, compare."""
        cases = [(name, w, b) for name in SAMPLES for w, b in self.layers]
        found = [_case(*case) for case in settings.track(cases, self.title)]
        sides = [np.array([getattr(c, side) for c in found]) for side in ("law", "printed", "measured")]
        bars = np.array([[c.bar, c.bar] for c in found])
        quantity, names, layers = "mean and deviation of w x + b", ", ".join(SAMPLES), len(self.layers)
        law = set_beside(quantity, sides[0], sides[2], bars, samples=names, numbers=NUMBERS, layers=layers)
        wrong = set_beside(
            quantity, sides[1], sides[2], bars, exact=sides[0], samples=names, numbers=NUMBERS, layers=layers
        )
        matrix = _matrix()
        columns = (
            "sample",
            "w",
            "b",
            "mean in torch",
            "w p + b",
            "p + b (003)",
            "deviation in torch",
            "|w| q",
            "p w (003)",
            "bar",
        )
        rows = tuple(
            (n, w, b, c.measured[0], c.law[0], c.printed[0], c.measured[1], c.law[1], c.printed[1], c.bar)
            for (n, w, b), c in zip(cases, found, strict=True)
        )
        caption = (
            f"{NUMBERS} numbers a sample, p and q of the sample itself (1/n), in fractions. Bar: what rounding in "
            f"float64 may do."
        )
        section = Section(
            self.title,
            self.prose,
            derivations=tuple(proved(make()) for make in self.derive),
            tables=(Table(MOMENTS, columns, rows, caption),),
            verdicts=(
                as_text(law, LAW, "agree"),
                as_text(wrong, PRINTED, "differ"),
                as_text(matrix, f"{MATRIX}: mean W p + b, covariance W C Wᵀ", "agree"),
            ),
        )
        return Finding(section, (law, wrong, matrix))


@dataclass(frozen=True)
class _Case:
    """Mean and deviation: by the law, by 003, in torch; what rounding may do."""

    law: tuple[float, float]
    printed: tuple[float, float]
    measured: tuple[float, float]
    bar: float


def _case(name: str, w: float, b: float) -> _Case:
    x = SAMPLES[name](np.random.default_rng(0))
    exact = [Fraction(value) for value in x.tolist()]
    p, q = mean(exact), float(variance(exact)) ** 0.5
    model = build(Network((Linear(1, 1),)))
    put(model, {"0.weight": torch.tensor([[w]]), "0.bias": torch.tensor([b])})
    with torch.no_grad():
        y = model(torch.tensor(x)[:, None])[:, 0]
    # values err by 2 u of their size, sums of n of them by n u more; the deviation moves no more than the values
    bar = 2 * (NUMBERS + 6) * UNIT * (abs(w) * float(abs(x).max()) + abs(b))
    law = (float(Fraction(w) * p + Fraction(b)), abs(w) * q)
    return _Case(law, (float(p + Fraction(b)), float(p) * w), (float(y.mean()), float(y.std(unbiased=False))), bar)


def _matrix() -> Discrepancy:
    """Rows with dependent entries through Linear(3, 4)."""
    random = np.random.default_rng(1)
    x = random.exponential(size=(ROWS, INPUTS)) @ random.normal(size=(INPUTS, INPUTS))
    model = build(Network((Linear(INPUTS, OUTPUTS),)), seed=1)
    with torch.no_grad():
        y = model(torch.tensor(x)).numpy()
    W, b = (t.detach().numpy() for t in model[0].parameters())
    centred = x - x.mean(axis=0)
    predicted = np.column_stack([W @ x.mean(axis=0) + b, W @ (centred.T @ centred / ROWS) @ W.T])
    seen = y - y.mean(axis=0)
    measured = np.column_stack([y.mean(axis=0), seen.T @ seen / ROWS])
    largest = float((abs(W) @ abs(x).max(axis=0) + abs(b)).max())
    bar = 4 * (ROWS + 2 * INPUTS + 6) * UNIT * np.array([largest] + [largest**2] * OUTPUTS)
    return set_beside(
        "mean and covariance of W x + b", predicted, measured, bar, rows=ROWS, inputs=INPUTS, outputs=OUTPUTS
    )
