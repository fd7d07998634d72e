"""The whole distribution of the gradient ratio of a linear net with layer or RMS normalisation, for any widths.

R = ‖g_0‖²/‖g_L‖², for an input of mean square 1, over the widths n_0 (the input), n_1, …, n_L is a product of
independent factors: χ²/n_0 of n_0 − 1 degrees of freedom, a quotient χ²(kept)/χ²(kept + 1) at each of n_1 …
n_{L−1}, and at the last n_L B/χ², B the Beta share of a random gradient that the normaliser keeps. The variance of the
weights cancels.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, loggamma, polygamma

from residua_network import ResiduaError
from residua_network.checks import one_of, whole
from residua_symbolic.domains.tangents import n
from residua_symbolic.moments.layer.terms import KINDS, freedoms

Floats = NDArray[np.float64]
NEGLIGIBLE = 37.0  # a characteristic function below exp(−37) changes no digit of a distribution function
NODES = 1024  # of the inversion by the midpoint rule, which is off by what log R has beyond a period 2π/step


@dataclass(frozen=True)
class LayerRatio:
    """R of one input of mean square 1 through Linear(n_0, n_1), normaliser, …, Linear(n_{L−1}, n_L), normaliser; ε = 0,
    no affine part.

    Raises ResiduaError for a kind without a law, for no layer, and for a width that leaves no direction.
    """

    kind: str
    widths: tuple[int, ...]

    def __post_init__(self) -> None:
        one_of(self.kind, KINDS, "kind", "LayerRatio")
        if len(self.widths) < 2:
            raise ResiduaError(
                f"LayerRatio: expected the widths of the input and of at least one layer, got {self.widths}"
            )
        for width in self.widths:
            whole(width, "width", "LayerRatio")
        if self.widths[0] < 2 or any(kept < 1 for kept in self._kept):
            raise ResiduaError(f"LayerRatio: {self.kind} leaves no gradient at a width of {self.widths}")

    @property
    def _kept(self) -> tuple[int, ...]:
        kept, _ = freedoms(self.kind)
        return tuple(int(kept.subs(n, width)) for width in self.widths[1:])

    @property
    def mean(self) -> float:
        """E R. Raises ResiduaError where it does not exist."""
        return self.moment(1)

    @property
    def variance(self) -> float:
        """Var R; infinite where E R² does not exist."""
        return self.moment(2) - self.mean**2 if min(self._kept) > 3 else math.inf

    @property
    def log_mean(self) -> float:
        """E log R."""
        return self._cumulant(digamma) + self._scale

    @property
    def log_variance(self) -> float:
        """Var log R."""
        return self._cumulant(lambda x: polygamma(1, x), second=True)

    def moment(self, power: int) -> float:
        """E R^power. Raises ResiduaError where it does not exist."""
        if min(self._kept) + 1 <= 2 * power:
            width = self.widths[1 + self._kept.index(min(self._kept))]
            raise ResiduaError(
                f"LayerRatio: E R^{power} does not exist, since E (1/χ²)^{power} of {min(self._kept) + 1} degrees of "
                f"freedom does not ({self.kind} at width {width}); expected more than {2 * power}"
            )
        return math.exp(float(self._log_mellin(np.array(float(power))).real))

    def cdf(self, log_ratio: Any) -> Floats:
        """P(log R ≤ log_ratio), by Gil-Pelaez (Biometrika 38, 1951) from the characteristic function of log R."""
        at = np.asarray(log_ratio, dtype=np.float64)
        t, values = self._transform
        waves = np.exp(-1j * np.multiply.outer(at, t)) * (values / t)
        return np.asarray(0.5 - waves.imag.sum(axis=-1) * (t[1] - t[0]) / math.pi)

    @cached_property
    def _transform(self) -> tuple[Floats, Any]:
        """The characteristic function of log R at the middles of equal steps, to where it is negligible."""
        last = 1.0
        while self._log_mellin(np.array(1j * last)).real > -NEGLIGIBLE:
            last *= 1.25
        t = (np.arange(NODES) + 0.5) * last / NODES
        return t, np.exp(self._log_mellin(1j * t))

    @property
    def _scale(self) -> float:
        return math.log(self.widths[-1] / self.widths[0])

    def _log_mellin(self, t: Any) -> Any:
        """log E R^t for complex t; log 2 cancels between χ² above and below."""
        first, last, kept = self.widths[0], self.widths[-1], self._kept

        def raised(x: float, by: Any) -> Any:
            return loggamma(x + by) - loggamma(x)

        total = raised((first - 1) / 2, t) - raised(last / 2, t) + t * self._scale
        for one in kept:
            total = total + raised(one / 2, t) + raised((one + 1) / 2, -t)
        return total

    def _cumulant(self, psi: Callable[[float], Any], second: bool = False) -> float:
        """Of log R, up to its scale: ψ counts with the sign of its exponent, ψ' with that of numerator or share."""
        first, last = psi((self.widths[0] - 1) / 2), psi(self.widths[-1] / 2)
        sign = 1 if second else -1
        return float(first - last + sum(psi(one / 2) + sign * psi((one + 1) / 2) for one in self._kept))
