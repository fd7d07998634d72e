"""float64 arrays: the domain of fast evaluation."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from residua_symbolic.domains.named import Named

Floats = NDArray[np.float64]


def _sigmoid(z: Floats) -> Floats:
    result: Floats = special.expit(z)
    return result


def _normal_cdf(z: Floats) -> Floats:
    result: Floats = special.ndtr(z)
    return result


# Forms that neither overflow nor cancel; what they stand for is defined in functions.py.
FUNCTIONS: dict[str, Callable[[Floats], Floats]] = {
    "identity": lambda z: z,
    "relu": lambda z: np.maximum(z, 0.0),  # a NaN stays one
    "step": lambda z: np.sign(np.maximum(z, 0.0)),  # half the time of np.heaviside
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "gelu": lambda z: z * _normal_cdf(z),
    "silu": lambda z: z * _sigmoid(z),
    "softplus": lambda z: np.logaddexp(0.0, z),
    "sin": np.sin,
    "cos": np.cos,
    "square": lambda z: z * z,
    "cube": lambda z: z * z * z,
    "exp": np.exp,
    "erf": lambda z: np.asarray(special.erf(z)),
    "sqrt": np.sqrt,
    "pi": lambda _: np.asarray(np.pi),
}
# of expressions only: no layer kind uses them
OTHERS: dict[str, Callable[[Floats], Floats]] = {
    "log": np.log,
    "tan": np.tan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "atan": np.arctan,
    "abs": np.abs,
    "sign": np.sign,
    "e": lambda _: np.asarray(np.e),
}


class FloatDomain(Named):
    """Forward maps over float64 arrays of shape (batch, features)."""

    def number(self, value: Any) -> Any:
        """A float as it is, a fraction as the nearest one."""
        return value if isinstance(value, float | int) else float(value)

    def power(self, x: Floats, exponent: Any) -> Floats:
        """x ** exponent, NaN for a negative base."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.power(x, exponent))

    def sqrt(self, x: Floats) -> Floats:
        """Square root; of a negative number NaN, as the later checks expect."""
        with np.errstate(invalid="ignore"):
            return np.sqrt(x)

    def function(self, name: str, x: Floats) -> Floats:
        """An elementary function by name."""
        return (FUNCTIONS.get(name) or OTHERS[name])(x)
