"""Where a function may be singular in the complex plane: candidates, in floats, by Newton's method from many starts.

Nothing here is proved; circles.py does that. Logarithms and roots are taken on their principal branches.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from residua_symbolic.domains.named import Array, Named

Complexes = NDArray[np.complex128]

STEPS = 14  # of Newton's method
STARTS_EACH = 8  # starting points for each condition, at least
MANY_STARTS = 1200  # for all conditions together, where these are few
MOST_STARTS = 3000
ENOUGH_VALUES = 250_000  # complex numbers held for all conditions at all starting points together
HIGHEST_MULTIPLICITY, NEAR_MULTIPLICITY = 4, 0.01
CONVERGED = 1e-9  # last step beside the distance from the expansion point
SAME = 1e-7  # two candidates at this distance, beside theirs from the expansion point, are one
SIZES = np.geomspace(1e-9, 1e9, 73)
ROUNDS = 4
FINE_RADII, FINE_ANGLES = 20, 150


class Dual:
    """Complex values at many points (first axis) and their derivatives by z."""

    __array_ufunc__ = None

    def __init__(self, domain: "CandidateDomain", value: Complexes, slope: Complexes) -> None:
        self.domain, self.value, self.slope = domain, value, slope

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    def __neg__(self) -> "Dual":
        return Dual(self.domain, -self.value, -self.slope)

    def __add__(self, other: Any) -> "Dual":
        if isinstance(other, Dual):
            return Dual(self.domain, self.value + other.value, self.slope + other.slope)
        return Dual(self.domain, self.value + other, self.slope + 0 * np.asarray(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Dual":
        return self.__add__(-other)

    def __rsub__(self, other: Any) -> "Dual":
        return self.__neg__().__add__(other)

    def __mul__(self, other: Any) -> "Dual":
        if isinstance(other, Dual):
            return Dual(self.domain, self.value * other.value, self.slope * other.value + self.value * other.slope)
        return Dual(self.domain, self.value * other, self.slope * other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Dual":
        if not isinstance(other, Dual):
            return self.__mul__(1 / np.asarray(other))
        self.domain.vanishes(other, 0)
        quotient = self.value / other.value
        return Dual(self.domain, quotient, (self.slope - quotient * other.slope) / other.value)

    def __rtruediv__(self, other: Any) -> "Dual":
        return self.__mul__(0).__add__(other).__truediv__(self)

    def __pow__(self, exponent: int) -> "Dual":
        if exponent < 0:
            return 1 / self ** (-exponent)
        return Dual(self.domain, self.value**exponent, exponent * self.value ** max(exponent - 1, 0) * self.slope)

    def sum(self, axis: int, keepdims: bool = False) -> "Dual":
        """Σ over an axis."""
        return Dual(self.domain, self.value.sum(axis, keepdims=keepdims), self.slope.sum(axis, keepdims=keepdims))


class CandidateDomain(Named):
    """Forward maps and expression graphs over `Dual`, and the singularity that each condition lets expect nearby.

    `steps`: for every condition, and every point, Newton's step to the nearest of the values that it excludes.
    `signs`: as CurveDomain has them, at the first point, taken by the first run.
    """

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Complexes] = []
        self.signs: list[Any] = []
        self._kinks = 0
        self._begun = False

    def run(self, run: Callable[[Any, Array], Array], z: Complexes) -> Array:
        """The function at the points z; a later run keeps the signs of the first."""
        self.steps, self._kinks = [], 0
        with np.errstate(all="ignore"):
            found = run(self, Dual(self, z, np.ones_like(z)))
        self._begun = True
        return found

    def all_steps(self, points: int) -> Complexes:
        """(points, conditions)."""
        flat = [np.broadcast_to(step, (points, *step.shape[1:])).reshape(points, -1) for step in self.steps]
        return np.concatenate(flat, axis=1) if flat else np.zeros((points, 0), dtype=complex)

    def vanishes(self, u: Dual, value: complex, period: complex = 0) -> None:
        """A condition: u differs from value + period · k for every whole k."""
        target = value + period * np.round(((u.value - value) / period).real) if period else value
        self.steps.append((target - u.value) / u.slope)

    def let(self, name: str, value: Array) -> Array:
        """Names are of no use here."""
        return value

    def number(self, value: Any) -> Any:
        """As a float."""
        return float(value)

    def numbers(self, values: Any) -> Array:
        """As complex numbers."""
        return np.asarray(values, dtype=complex)

    def contract(self, weight: Array, x: Array) -> Array:
        """Σ_k weight[..., i, k] x[..., k]."""
        if not isinstance(weight, Dual):
            return Dual(self, x.value @ weight.T, x.slope @ weight.T)
        turned = np.swapaxes(weight.value, -1, -2), np.swapaxes(weight.slope, -1, -2)
        return Dual(self, x.value @ turned[0], x.slope @ turned[0] + x.value @ turned[1])

    def power(self, x: Any, exponent: Any) -> Any:
        """x ** exponent = exp(exponent · log x)."""
        return self.function("exp", exponent * self.function("log", x))

    def sqrt(self, x: Array) -> Array:
        """Square root, of constants too."""
        return self.function("sqrt", x)

    def function(self, name: str, x: Array) -> Array:
        """An elementary function by name."""
        if name in ("pi", "e"):
            return np.pi if name == "pi" else np.e
        if not isinstance(x, Dual):
            constant = np.asarray(x, dtype=complex)
            if name in ("relu", "abs", "sign", "step"):
                return constant * {"relu": constant.real > 0, "abs": np.sign(constant.real)}.get(name, 1)
            return (
                np.sqrt(constant) if name == "sqrt" else FUNCTIONS[name](self, Dual(self, constant, 0 * constant)).value
            )
        return FUNCTIONS[name](self, x)

    def piece(self, u: Dual) -> Any:
        """1 or 0: whether u > 0 at the first point."""
        if not self._begun:
            self.signs.append(np.asarray(u.value[0].real > 0, dtype=float))
        self._kinks += 1
        return self.signs[self._kinks - 1]


def _mapped(u: Dual, value: Any, derivative: Any) -> Dual:
    return Dual(u.domain, value, derivative * u.slope)


def _tanh(o: CandidateDomain, u: Dual) -> Dual:
    o.vanishes(u, 0.5j * np.pi, 1j * np.pi)
    t = np.tanh(u.value)
    return _mapped(u, t, 1 - t * t)


def _tan(o: CandidateDomain, u: Dual) -> Dual:
    o.vanishes(u, 0.5 * np.pi, np.pi)
    t = np.tan(u.value)
    return _mapped(u, t, 1 + t * t)


def _sigmoid(o: CandidateDomain, u: Dual) -> Dual:
    o.vanishes(u, 1j * np.pi, 2j * np.pi)
    s = (1 + np.tanh(u.value / 2)) / 2
    return _mapped(u, s, s * (1 - s))


def _softplus(o: CandidateDomain, u: Dual) -> Dual:
    slope = _sigmoid(o, u).value
    return _mapped(u, np.log1p(np.exp(u.value)), slope)


def _log(o: CandidateDomain, u: Dual) -> Dual:
    o.vanishes(u, 0)
    return _mapped(u, np.log(u.value), 1 / u.value)


def _sqrt(o: CandidateDomain, u: Dual) -> Dual:
    o.vanishes(u, 0)
    root = np.sqrt(u.value)
    return _mapped(u, root, 0.5 / root)


def _atan(o: CandidateDomain, u: Dual) -> Dual:
    o.vanishes(u, 1j)
    o.vanishes(u, -1j)
    return _mapped(u, np.arctan(u.value), 1 / (1 + u.value**2))


def _erf(u: Dual) -> Dual:
    return _mapped(u, special.erf(u.value), 2 / np.sqrt(np.pi) * np.exp(-(u.value**2)))


FUNCTIONS: dict[str, Callable[[CandidateDomain, Dual], Dual]] = {
    "identity": lambda o, u: u,
    "relu": lambda o, u: u * o.piece(u),
    "step": lambda o, u: 0 * u + o.piece(u),
    "abs": lambda o, u: u * (2 * o.piece(u) - 1),
    "sign": lambda o, u: 0 * u + (2 * o.piece(u) - 1),
    "tanh": _tanh,
    "tan": _tan,
    "sigmoid": _sigmoid,
    "silu": lambda o, u: u * _sigmoid(o, u),
    "softplus": _softplus,
    "gelu": lambda o, u: u * (1 + _erf(u * 0.5**0.5)) * 0.5,
    "erf": lambda o, u: _erf(u),
    "sqrt": _sqrt,
    "log": _log,
    "atan": _atan,
    "sin": lambda o, u: _mapped(u, np.sin(u.value), np.cos(u.value)),
    "cos": lambda o, u: _mapped(u, np.cos(u.value), -np.sin(u.value)),
    "exp": lambda o, u: _mapped(u, np.exp(u.value), np.exp(u.value)),
    "sinh": lambda o, u: _mapped(u, np.sinh(u.value), np.cosh(u.value)),
    "cosh": lambda o, u: _mapped(u, np.cosh(u.value), np.sinh(u.value)),
    "square": lambda o, u: u**2,
    "cube": lambda o, u: u**3,
}


def candidates(run: Callable[[Any, Array], Array], a: float, shape: tuple[int, ...] = ()) -> tuple[complex, ...]:
    """Points where a condition fails, nearest to a first; of a conjugate pair the one above the real axis.

    `shape`: axes that an array of points has beside the first, so that it is broadcast with the function's own arrays.
    Ever smaller discs are searched until the nearest candidate stays; the result may miss some, and may hold some that
    belong to another branch or that cancel.
    """
    search = _Search(run, a, shape)
    found = search.newton(_grid(a, search.scale() * np.geomspace(0.02, 16, 24), 24))
    for _ in range(ROUNDS):
        if not found:
            return ()
        nearest = abs(found[0] - a)
        found = search.merged([*found, *search.newton(_grid(a, nearest * np.linspace(0.05, 1.25, 20), 32))])
        if abs(found[0] - a) > (1 - SAME) * nearest:
            break
    return tuple(found)


def more_candidates(
    run: Callable[[Any, Array], Array], a: float, lower: float, upper: float, shape: tuple[int, ...] = ()
) -> tuple[complex, ...]:
    """As `candidates`, by a finer search of lower <= |z − a| <= upper alone."""
    search = _Search(run, a, shape)
    return tuple(search.newton(_grid(a, np.linspace(max(lower, upper / FINE_RADII), upper, FINE_RADII), FINE_ANGLES)))


def _grid(a: float, radii: NDArray[np.float64], angles: int) -> Complexes:
    """The upper half of circles around a, and both ends of each."""
    turns = np.exp(1j * np.linspace(0, np.pi, angles))
    grid: Complexes = (a + radii[:, None] * turns[None]).ravel()
    return grid


def _multiplicity(ratio: Complexes) -> NDArray[np.float64]:
    """m where steps shrink by 1 − 1/m, as Newton's method makes them near a zero of multiplicity m, else 1."""
    m = np.clip(np.round(1 / (1 - ratio.real)), 1, HIGHEST_MULTIPLICITY)
    return np.where(np.abs(ratio - (1 - 1 / m)) < NEAR_MULTIPLICITY, m, 1.0)


class _Search:
    def __init__(self, run: Callable[[Any, Array], Array], a: float, shape: tuple[int, ...]) -> None:
        self._run, self._a, self._shape, self._domain = run, a, shape, CandidateDomain()
        self._first = self._steps(np.array([complex(a)]))

    def _steps(self, z: Complexes) -> Complexes:
        self._domain.run(self._run, z.reshape(-1, *self._shape))
        return self._domain.all_steps(len(z))

    def scale(self) -> float:
        """A length to begin with: of the shortest of ways out to points of all sizes and by Newton's steps from there.

        Steps from a alone mislead where slopes are nearly zero at a.
        """
        z = _grid(self._a, SIZES, 4)
        with np.errstate(all="ignore"):
            ways = np.abs(self._steps(z)) + np.abs(z - self._a)[:, None]
        ways = ways[np.isfinite(ways)]
        return float(ways.min()) if ways.size else 1.0

    def newton(self, grid: Complexes) -> list[complex]:
        """From the points of the grid that promise most for each condition."""
        conditions = self._first.shape[1]
        if not conditions:
            return []
        grid = grid[: max(1, ENOUGH_VALUES // conditions)]
        with np.errstate(all="ignore"):
            steps = self._steps(grid)
            promise = np.abs(steps) + np.abs(grid[:, None] + steps - self._a)
            promise[~np.isfinite(promise)] = np.inf
            best = np.argsort(promise, axis=0)[: max(STARTS_EACH, MANY_STARTS // conditions)]
        rows, which = best.ravel(), np.tile(np.arange(conditions), len(best))
        score = promise[rows, which]
        keep = np.argsort(score)[: min(MOST_STARTS, ENOUGH_VALUES // conditions)]
        keep = keep[np.isfinite(score[keep])]
        return self._followed(grid[rows[keep]], which[keep])

    def _followed(self, z: Complexes, which: NDArray[np.intp]) -> list[complex]:
        if not len(z):
            return []
        every = np.arange(len(z))
        step = np.full(len(z), np.inf + 0j)
        for _ in range(STEPS):
            with np.errstate(all="ignore"):
                before, step = step, self._steps(z)[every, which]
                step = step * _multiplicity(step / before)
                bound = np.abs(z - self._a)
                short = np.where(np.abs(step) > bound, step / np.abs(step) * bound, step)
                z = np.where(np.isfinite(z + short), z + short, z)
        good = np.isfinite(step) & (np.abs(step) <= CONVERGED * np.abs(z - self._a)) & (z != self._a)
        return self.merged(z[good].tolist())

    def merged(self, points: list[complex]) -> list[complex]:
        """One of each, nearest first."""
        found: list[complex] = []
        above = [complex(z.real, abs(z.imag)) for z in points]
        for z in sorted(above, key=lambda z: (abs(z - self._a), z.imag)):
            if all(abs(z - other) > SAME * abs(z - self._a) for other in found[-8:]):
                found.append(z)
        return found
