"""Mean square and supremum errors of polynomials for sin on [−π, π]: closed forms and certified bounds, measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial

import numpy as np
import sympy as sp
import torch
from numpy.typing import NDArray

from residua_bridge.compare import compare
from residua_bridge.findings import Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement
from residua_symbolic import Prediction
from residua_symbolic.domains import balls
from residua_symbolic.expressions.given import given
from residua_symbolic.prediction import RESOLUTION
from residua_symbolic.series.approximation.minimax import best_in_supremum
from residua_symbolic.series.approximation.quadrature import constant
from residua_symbolic.series.approximation.sine_errors import sine_error
from residua_symbolic.series.approximation.sine_legendre import sine_best_error
from residua_symbolic.series.enclosures.remainders import expression_remainder

Floats = NDArray[np.float64]
SINE = "sin(x)"
ERRORS = "Mean square errors of polynomials"  # tables
SUPREMA = "Largest errors of polynomials"
TAYLOR, BEST = "T_n", "best"
BITS = 256
NODES = 64  # Gauss–Legendre: exact for polynomials of degree 127, and so for these to far below rounding
UNIT = float(np.finfo(np.float64).eps)


def as_float(e: sp.Expr) -> float:
    """An exact error to the last bit or so: 256 bits, for it is a small difference of large terms."""
    with balls.precision(BITS):
        return float(constant(e).mid())


def closed_forms(kind: str, degrees: Sequence[int]) -> list[float]:
    """Mean square errors from the derivations."""
    law = sine_best_error if kind == BEST else sine_error
    return [as_float(law(degree)) for degree in degrees]


@dataclass(frozen=True)
class PolynomialErrors:
    """Closed forms of the mean square errors, met by torch; the supremum certified from both sides."""

    title: str
    prose: tuple[str, ...]
    degrees: tuple[int, ...]
    suprema: By

    def run(self, settings: Settings) -> Finding:
        """Evaluate, measure, compare."""
        found = [self._compared(kind) for kind in settings.track((TAYLOR, BEST), self.title)]
        texts = (
            as_text(found[0], "Mean square error of $T_n$: the closed form is what torch measures", "agree"),
            as_text(
                found[1], "Least mean square error of a polynomial: the closed form is that of torch's fit", "agree"
            ),
        )
        tables = (self._errors(), _suprema(self.suprema.of(settings.profile)))
        return Finding(Section(self.title, self.prose, tables=tables, verdicts=texts), tuple(found))

    def _errors(self) -> Table:
        taylor, best = (closed_forms(kind, self.degrees) for kind in (TAYLOR, BEST))
        rows = tuple(
            (degree, (degree + 1) // 2, t, b, t / b) for degree, t, b in zip(self.degrees, taylor, best, strict=True)
        )
        columns = ("degree n", "non-zero terms", "$T_n$", "best polynomial", "quotient")
        caption = (
            "Closed forms, evaluated at 256 bits. Even degrees are those of the odd degree below. $T_n$ is the best "
            "polynomial at 0 only: over the whole interval it pays for it, more with every term."
        )
        return Table(ERRORS, columns, rows, caption)

    def _compared(self, kind: str) -> Discrepancy:
        """Those degrees at which float64 can tell the error from its own rounding."""
        predicted: list[list[float]] = []
        measured: list[list[float]] = []
        bars: list[list[float]] = []
        for degree, value in zip(self.degrees, closed_forms(kind, self.degrees), strict=True):
            error, rounding = (_measured_best if kind == BEST else _measured_taylor)(degree)
            bar = 2 * np.sqrt(value) * rounding + rounding**2 + NODES * UNIT * value  # the last: nodes and sum
            if bar <= RESOLUTION * value:
                predicted, measured, bars = [*predicted, [value]], [*measured, [error]], [*bars, [bar]]
        quantity = f"mean square error of {'the best polynomial' if kind == BEST else 'T_n'} for sin on [-pi, pi]"
        scope = {"degrees": f"{self.degrees[0]}–{self.degrees[len(predicted) - 1]}", "quadrature": f"{NODES} nodes"}
        return compare(
            Prediction(quantity, np.array(predicted), np.array(bars), scope),
            Measurement(quantity, np.array(measured), "float64", None, {}),
        )


def _nodes() -> tuple[torch.Tensor, torch.Tensor]:
    """Points of [−π, π] and weights that add up to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return torch.tensor(np.pi * nodes), torch.tensor(weights / 2)


def _measured_taylor(degree: int) -> tuple[float, float]:
    """The error in torch, term by term, and a bound of what rounding does to a value of sin − T_n."""
    x, weights = _nodes()
    total, sizes = torch.zeros_like(x), torch.ones_like(x)
    for power in range(1, degree + 1, 2):
        term = x**power / factorial(power)
        total = total + (-1) ** (power // 2) * term
        sizes = sizes + abs(term)
    rounding = UNIT * (degree + 3) * float(sizes.max())
    return float((weights * (torch.sin(x) - total) ** 2).sum()), rounding


def _measured_best(degree: int) -> tuple[float, float]:
    """Least squares in torch over Chebyshev polynomials, which know nothing of Legendre's."""
    x, weights = _nodes()
    t = x / np.pi
    columns = torch.stack([torch.cos(k * torch.arccos(t)) for k in range(degree + 1)], dim=1)
    root = weights.sqrt()
    fit = torch.linalg.lstsq(root[:, None] * columns, (root * torch.sin(x))[:, None]).solution
    residual = torch.sin(x) - (columns @ fit)[:, 0]
    rounding = UNIT * (degree + 3) * float(1 + (abs(columns) @ abs(fit)).max())
    return float((weights * residual**2).sum()), rounding


def _suprema(degrees: Sequence[int]) -> Table:
    """T_n by a certified remainder, the best polynomial between two certified bounds."""
    function = given(SINE)
    rows = []
    for degree in degrees:
        taylor = abs(expression_remainder(function, "x", sp.Integer(0), degree, -sp.pi, sp.pi))
        best = best_in_supremum(function, "x", degree, -sp.pi, sp.pi)
        lower, upper = float(best.lower.lower()), float(best.upper.upper())
        rows.append((degree, float(taylor.upper()), len(best.points), lower, upper, upper / lower - 1))
    columns = ("degree n", "$T_n$, certified", "alternating errors", "best: at least", "at most", "apart by")
    caption = (
        "Supremum over [−π, π]. $T_n$: a bound of the remainder, rounded outward. Best polynomial by Remez's exchange: "
        "no polynomial of the degree does better than the smallest of its n + 2 alternating errors; the upper bound is "
        "that of the polynomial found. All in ball arithmetic."
    )
    return Table(SUPREMA, columns, tuple(rows), caption)
