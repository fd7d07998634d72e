"""Python's own floats: one number at a time, elementary functions from the C library, as a reader would type them."""

import math
from collections.abc import Callable
from typing import Any

FUNCTIONS: dict[str, Callable[[float], float]] = {
    **{name: getattr(math, name) for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{name: getattr(math, name) for name in ("atan", "erf")},
    "abs": abs,
    "sign": lambda z: float((z > 0) - (z < 0)),
    "relu": lambda z: max(z, 0.0),
    "step": lambda z: float(z > 0),
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z)),
    "softplus": lambda z: max(z, 0.0) + math.log1p(math.exp(-abs(z))),
    "pi": lambda _: math.pi,
    "e": lambda _: math.e,
}


class MachineDomain:
    """Float64 as the processor and the C library have it. Every function raises where it does not exist."""

    def number(self, value: Any) -> float:
        """The nearest float."""
        return float(value)

    def function(self, name: str, x: float) -> float:
        """An elementary function by name."""
        return FUNCTIONS[name](x)

    def power(self, x: float, exponent: float) -> float:
        """x ** exponent; of a negative base a ValueError."""
        return math.pow(x, exponent)
