"""One hidden layer as four rows of numbers: constant + Σ v_k φ(w_k x + b_k)."""

from dataclasses import dataclass

import numpy as np

from residua_network import Activation, Linear, Network
from residua_symbolic.domains.floats import Floats

UNIT = 2.0**-53
ULPS = 8  # by which an activation may be off, as torch and numpy compute it
STEEPEST = {"sin": 1.0, "relu": 1.0, "sigmoid": 0.25, "tanh": 1.0, "softplus": 1.0, "silu": 1.1, "gelu": 1.13}


@dataclass(frozen=True, eq=False)
class Units:
    """float64 weights; `slopes` (m,) of one input, or (m, inputs)."""

    activation: str
    slopes: Floats
    biases: Floats
    factors: Floats
    constant: float

    @property
    def width(self) -> int:
        """m."""
        return len(self.factors)

    @property
    def inputs(self) -> int:
        """How many numbers a point has."""
        return 1 if self.slopes.ndim == 1 else int(self.slopes.shape[1])

    @property
    def network(self) -> Network:
        """inputs → m → 1."""
        return Network((Linear(self.inputs, self.width), Activation(self.activation), Linear(self.width, 1)))

    @property
    def weights(self) -> dict[str, Floats]:
        """By the description's names."""
        return {
            "0.weight": self.slopes.reshape(self.width, self.inputs).copy(),
            "0.bias": self.biases.copy(),
            "2.weight": self.factors[None, :].copy(),
            "2.bias": np.array([self.constant]),
        }

    def rounding(self, largest: float) -> float:
        """What float64 may add to an output at points with entries up to `largest`: first-order bounds of every
        operation, whatever the order of sums."""
        reach = np.abs(self.slopes).reshape(self.width, -1).sum(1) * largest + np.abs(self.biases)
        size = np.minimum(reach, 1.0) if self.activation in ("sin", "sigmoid", "tanh") else reach + 1.0
        before = (self.inputs + 2) * STEEPEST[self.activation] * reach + ULPS * size
        total = np.abs(self.factors) @ (before + (self.width + 2) * size) + (self.width + 2) * abs(self.constant)
        return float(2 * UNIT * total)
