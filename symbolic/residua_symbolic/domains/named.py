"""What the domains of numbers have in common: arrays (..., features), and the values that a forward map names."""

from typing import Any

Array = Any  # numpy arrays of float64 or of objects (fractions, balls, series), or a domain's own kind of array
AXES = {"feature": -1, "batch": -2}


class Named:
    """Sums, means and names over arrays; a domain of numbers adds `sqrt`, `function` and what its numbers need.

    Sums that the map does not name are called m1, m2, ... in the order in which they are taken, in every domain.
    """

    def __init__(self) -> None:
        self.names: dict[str, Array] = {}
        self.reductions = 0

    def let(self, name: str, value: Array) -> Array:
        """Give `value` a name; a name used twice is refused."""
        if name in self.names:
            raise ValueError(f"the forward map uses the name {name!r} twice")
        self.names[name] = value
        return value

    def number(self, value: float) -> Any:
        """A constant of the description in this domain."""
        return value

    def function(self, name: str, x: Array) -> Array:
        """An elementary function by name."""
        raise TypeError(f"{type(self).__name__} has no function {name!r}")

    def sum(self, x: Array, axis: str = "feature") -> Array:
        """Σ over an axis, which stays with length 1."""
        return self._reduced(x.sum(axis=AXES[axis], keepdims=True))

    def mean(self, x: Array, axis: str = "feature") -> Array:
        """Σ over an axis divided by its length."""
        return self._reduced(x.sum(axis=AXES[axis], keepdims=True) / self.number(x.shape[AXES[axis]]))

    def contract(self, weight: Array, x: Array) -> Array:
        """Σ_k weight[i, k] x[..., k]."""
        return self._reduced(x @ weight.T)

    def _reduced(self, value: Array) -> Array:
        self.reductions += 1
        return self.let(f"m{self.reductions}", value)
