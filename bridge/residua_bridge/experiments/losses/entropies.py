"""Entropy, divergence and cross entropy: derived for any number of classes, and as torch computes them."""

from dataclasses import dataclass

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement
from residua_numeric.loss_pairs import informations
from residua_symbolic import Prediction
from residua_symbolic.losses.entropy import derive_bits, derive_decomposition, derive_gibbs, information

SPLIT, ZEROS = "Cross entropy, entropy and divergence on torch", "Where Q gives nothing"  # tables
UNIT = 2.0**-53
OPERATIONS = 16  # roundings of a term: two logarithms, a product, a normalisation
EVEN = 0.3  # P of the picture: (0.3, 0.7)
ALIKE = "$H(P, Q) = H(P) + D(P \\parallel Q)$ on torch"

Floats = np.ndarray


@dataclass(frozen=True)
class Entropies:
    """All three at random distributions, and where probabilities vanish."""

    name: str
    title: str
    prose: tuple[str, ...]
    sizes: tuple[int, ...]

    def run(self, settings: Settings) -> Finding:
        """Derive, draw, compute on both sides."""
        rows, predicted, measured, bars = [], [], [], []
        for size in settings.track(self.sizes, self.title):
            P, Q = drawn(size)
            own, crossed, apart = information(P, Q)
            seen = informations(P, Q)
            bar = rounding(P, Q)
            rows.append((size, *seen, abs(seen[1] - seen[0] - seen[2]), 3 * bar))
            predicted.append([own, own + apart, crossed, apart])
            measured.append([seen[0], seen[1], seen[1], seen[2]])
            bars.append([bar, bar, bar, bar])
        d = _compared(np.array(predicted), np.array(measured), np.array(bars), self.sizes)
        columns = ("classes", "H(P)", "H(P, Q)", "D(P ‖ Q)", "H(P, Q) − H(P) − D", "rounding")
        caption = (
            "Nats, by torch: Categorical.entropy, xlogy, kl_div; P and Q drawn at random (seed: the number of classes)."
        )
        tables = (Table(SPLIT, columns, tuple(rows), caption), _zeros())
        texts = (as_text(d, ALIKE, "agree"),)
        derivations = tuple(proved(derive()) for derive in (derive_decomposition, derive_gibbs, derive_bits))
        section = Section(self.title, self.prose, derivations, tables, (self._figure(),), texts)
        return Finding(section, (d,))

    def _figure(self) -> Figure:
        """Along Q = (x, 1 − x): the sum, its parts, and torch's points."""
        line, points = np.linspace(0.02, 0.98, 97), np.linspace(0.05, 0.95, 10)
        P = np.array([EVEN, 1 - EVEN])
        sides = [information(P, [x, 1 - x]) for x in line]
        crossed = [informations(P, np.array([x, 1 - x]))[1] for x in points]
        apart = [informations(P, np.array([x, 1 - x]))[2] for x in points]
        x, at = tuple(map(float, line)), tuple(map(float, points))
        curves = (
            Curve("H(P, Q): predicted", "predicted", x, tuple(own + gap for own, _, gap in sides)),
            Curve("H(P, Q): measured", "measured", at, tuple(crossed)),
            Curve("D(P ‖ Q): predicted", "predicted", x, tuple(gap for _, _, gap in sides)),
            Curve("D(P ‖ Q): measured", "measured", at, tuple(apart)),
            Curve("H(P)", "other", x, tuple(own for own, _, _ in sides)),
        )
        caption = (
            f"P = ({EVEN:g}, {1 - EVEN:g}), Q = (x, 1 − x): the cross entropy is the divergence moved up by H(P), "
            "both least at Q = P."
        )
        return Figure(f"{self.name}-split", "Two losses, one shape", "x", "nats", curves, caption=caption)


def drawn(size: int) -> tuple[Floats, Floats]:
    """P and Q of so many classes."""
    rng = np.random.default_rng(size)
    P, Q = rng.dirichlet(np.ones(size), 2)
    return P, Q


def rounding(P: Floats, Q: Floats) -> float:
    """Of sums of p log p and p log q in any order, and of the normalisation that torch does beforehand."""
    terms = (P * (abs(np.log(P)) + abs(np.log(Q)) + 1)).sum()
    return float((len(P) + OPERATIONS) * UNIT * terms)


def _compared(predicted: Floats, measured: Floats, bars: Floats, sizes: tuple[int, ...]) -> Discrepancy:
    quantity = "entropy, sum of entropy and divergence, cross entropy, divergence"
    scope: dict[str, str | int] = {"classes": ", ".join(map(str, sizes)), "unit": "nats", "dtype": "float64"}
    return compare(Prediction(quantity, predicted, bars, scope), Measurement(quantity, measured, "float64", None, {}))


def _zeros() -> Table:
    cases = (
        ("P = Q", (0.5, 0.25, 0.25), (0.5, 0.25, 0.25)),
        ("one-hot P", (1.0, 0.0, 0.0), (0.5, 0.25, 0.25)),
        ("Q is 0 where P is 0", (0.5, 0.5, 0.0), (0.75, 0.25, 0.0)),
        ("Q is 0 where P is not", (0.5, 0.25, 0.25), (0.5, 0.5, 0.0)),
    )
    rows: list[tuple[Cell, ...]] = []
    for label, P, Q in cases:
        ours, theirs = information(P, Q), informations(np.array(P), np.array(Q))
        rows.append((label, *ours, theirs[1], theirs[2]))
    columns = ("case", "H(P)", "H(P, Q)", "D(P ‖ Q)", "H(P, Q), torch", "D(P ‖ Q), torch")
    caption = (
        "Three classes, nats. A class that Q excludes and P does not makes both losses infinite; H(P) is never. "
        "Where both are 0, torch's kl_div multiplies 0 by log q = −∞: nan."
    )
    return Table(ZEROS, columns, tuple(rows), caption)
