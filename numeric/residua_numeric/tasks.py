"""What a network is trained on: data and a loss."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from residua_network.checks import number, one_of, whole
from residua_numeric.arrays import Array, features, frozen
from residua_numeric.errors import TaskError

LOSSES = ("mean square error", "cross entropy")


@dataclass(frozen=True, eq=False)
class Task:
    """Training data x (points, inputs) float64, y, and a loss; perhaps test data of the same form.

    "mean square error": y is (points, outputs) float64, the loss a mean over points and outputs.
    "cross entropy": y is (points,) int64, classes 0, 1, ...; the loss is in nats. The arrays are read-only copies.
    Raises TaskError where data and loss do not fit.
    """

    name: str
    x: Array
    y: Array
    loss: str
    test_x: Array | None = None
    test_y: Array | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TaskError(f"task: expected a name, got {type(self.name).__name__}")
        one_of(self.loss, LOSSES, "loss", f'task "{self.name}"')
        if (self.test_x is None) != (self.test_y is None):
            raise TaskError(f'task "{self.name}": give both test_x and test_y, or neither')
        for x, y in (("x", "y"), ("test_x", "test_y")):
            if x == "x" or getattr(self, x) is not None:
                object.__setattr__(self, x, features(getattr(self, x), f'task "{self.name}": {x}'))
                object.__setattr__(self, y, self._targets(getattr(self, y), f'task "{self.name}": {y}'))
                if len(getattr(self, x)) != len(getattr(self, y)):
                    sizes = f"{len(getattr(self, x))} and {len(getattr(self, y))}"
                    raise TaskError(f'task "{self.name}": {x} and {y} must have equally many rows, got {sizes}')
        if self.test_x is not None and self.test_x.shape[1] != self.inputs:
            raise TaskError(f'task "{self.name}": test_x is {self.test_x.shape[1]} wide, x is {self.inputs}')

    @property
    def inputs(self) -> int:
        """Width of x."""
        return int(self.x.shape[1])

    @property
    def outputs(self) -> int:
        """Width of y, or the number of classes."""
        if self.loss == "mean square error":
            return int(self.y.shape[1])
        return 1 + max(int(y.max()) for y in (self.y, self.test_y) if y is not None)

    def _targets(self, y: ArrayLike, where: str) -> Array:
        if self.loss == "mean square error":
            return features(y, where)
        array = np.asarray(y)
        if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer) or array.min(initial=0) < 0:
            raise TaskError(f"{where} must be (points,) whole numbers from 0, got {array.dtype} {array.shape}")
        return frozen(array.astype(np.int64))

    @classmethod
    def data(
        cls, name: str, x: ArrayLike, y: ArrayLike, loss: str = "mean square error", *, test: Any = None
    ) -> "Task":
        """Your own arrays; x (points, inputs), y as the class says, `test` a pair (x, y) of the same form."""
        test_x, test_y = (None, None) if test is None else test
        return cls(name, np.asarray(x), np.asarray(y), loss, test_x, test_y)

    @classmethod
    def regression(
        cls,
        function: Callable[[Array], Array],
        lower: float | Sequence[float],
        upper: float | Sequence[float],
        points: int = 1024,
        inputs: int = 1,
        seed: int = 0,
        name: str = "",
    ) -> "Task":
        """Mean square error against `function`: (points, inputs) -> (points, outputs) or (points,).

        x is uniform on the box from `lower` to `upper`, each a number or one number an input.
        """
        name = name or f"regression on {getattr(function, '__name__', 'a function')}"
        where = f'task "{name}"'
        size = (whole(points, "points", where), whole(inputs, "inputs", where))
        low, high = _corner(lower, inputs, "lower", where), _corner(upper, inputs, "upper", where)
        if not (low < high).all():
            raise TaskError(f"{where}: lower must lie below upper, got {lower!r} and {upper!r}")
        rng = np.random.default_rng(whole(seed, "seed", where, least=0))
        x = rng.uniform(low, high, size=size)
        y = np.asarray(function(x.copy()))
        return cls(name, x, y[:, None] if y.ndim == 1 else y, "mean square error")

    @classmethod
    def digits(cls, test_share: float = 0.25, seed: int = 0) -> "Task":
        """1797 real handwritten digits, 8x8 pixels (UCI, from scikit-learn); ten classes, cross entropy.

        `test_share` of them, drawn by `seed`, are kept for testing; pixels are shifted and scaled so that those of the
        training part have mean 0 and standard deviation 1.
        """
        from sklearn.datasets import load_digits  # slow to import, and needed here only

        if not number(test_share, "test_share", "digits", least=0.0, below=1.0) > 0:
            raise TaskError(f"digits: test_share must lie above 0 and below 1, got {test_share!r}")
        x, y = load_digits(return_X_y=True)
        order = np.random.default_rng(whole(seed, "seed", "digits", least=0)).permutation(len(x))
        kept = min(max(1, round(test_share * len(x))), len(x) - 1)
        test, train = order[:kept], order[kept:]
        x = (x - x[train].mean()) / x[train].std()
        return cls("digits", x[train], y[train], "cross entropy", x[test], y[test])


def _corner(value: float | Sequence[float], inputs: int, name: str, where: str) -> Array:
    array = np.asarray(value, dtype=np.float64)
    if array.shape not in ((), (inputs,)) or not np.isfinite(array).all():
        raise TaskError(f"{where}: {name} must be a finite number, or {inputs} of them, got {value!r}")
    return array
