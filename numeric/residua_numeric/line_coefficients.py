"""Taylor coefficients of a model along a line, by Cauchy's integral.

Forward mode within forward mode would be another way, but it costs twice as much with every order, and torch 2.13
differentiates its fused layer and batch norms wrongly from the second derivative on, without a word.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from residua_network import DescriptionError, ResiduaError, ShapeError
from residua_network.checks import unknown, whole
from residua_numeric.arrays import rows
from residua_numeric.continuation import Continuation
from residua_numeric.stacked import together

Floats = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)
MOST = 200  # the order; the integral itself goes on, but a circle that serves order 0 and this one is hard to find
SMALLEST, LARGEST = -12, 10  # radii as powers of 2, in units of the length of the direction
STEPS = {20: 2, MOST: 4}  # circles a doubling, up to these orders: a radius that is off by r costs a factor r^order
LEAST_POINTS = 128
SAFETY = 4.0  # largest of some hundred errors against the largest of as many others
ROUNDINGS = 16.0  # of values on the circle that all err alike, which no frequency shows
ANALYTIC = 1e-6  # share of frequencies that an analytic function does not have, above which a circle tells nothing
SAME = 1e-9  # of the values: continuation against the model itself on the real line; kernels differ in some roundings


class Coefficients(NamedTuple):
    """values[k]: that of t^k in model(x + t·along), (order + 1, batch, outputs); errors: what they may be off by."""

    values: Floats
    errors: Floats


class Line:
    """t ↦ model(x + t·along), or model at parameters + t·along, for real and complex t, in float64."""

    def __init__(self, model: nn.Module, x: Tensor, along: object, where: str) -> None:
        self.continued, self.x = Continuation(model), x.double()
        self.direction, self.moved = torch.zeros_like(self.x), dict[str, Tensor]()
        if isinstance(along, Mapping):
            self.moved = {self._name(n, where): self._like(n, array, where) for n, array in along.items()}
        else:
            self.direction = rows(along, f"{where}: along", x.shape[1], x.shape[0], torch.float64)
        self.length = max(float(v.abs().max()) for v in (self.direction, *self.moved.values()))
        if not self.length > 0:
            raise ShapeError(f"{where}: along: expected a direction that is not zero")

    def _name(self, name: object, where: str) -> str:
        if name not in self.continued.names:
            raise DescriptionError(f"{where}: along: {unknown('parameter', name, self.continued.names)}")
        return self.continued.names[str(name)]

    def _like(self, name: str, array: object, where: str) -> Tensor:
        shape = tuple(self.continued.tensors[self.continued.names[name]].shape)
        given = np.asarray(array)
        if given.shape != shape or given.dtype.kind not in "fiu" or not np.isfinite(given).all():
            raise ShapeError(f'{where}: along["{name}"]: expected finite numbers of shape {shape}, got {given.shape}')
        return torch.tensor(given.astype(np.float64))

    def real(self, t: float) -> Floats:
        """The model itself at t: (batch, outputs)."""
        with torch.no_grad():
            return np.asarray(self.continued.real(self.x + t * self.direction, self._at(t)).numpy())

    def complex(self, t: Tensor) -> NDArray[np.complex128]:
        """At complex t of shape (points,): (points, batch, outputs). Raises ResiduaError where torch cannot."""

        def one(s: Tensor) -> Tensor:
            return self.continued(self.x + s * self.direction, self._at(s))

        try:
            with torch.no_grad():
                return np.asarray(together(one, t).numpy())
        except RuntimeError as error:
            words = " ".join(str(error).split())[:120]
            raise ResiduaError(f"taylor coefficients: the model does not run on complex numbers: {words}") from None

    def _at(self, t: Tensor | float) -> dict[str, Tensor]:
        return {name: self.continued.tensors[name] + t * v for name, v in self.moved.items()}


def line_coefficients(model: nn.Module, x: Tensor, along: object, order: object, where: str) -> Coefficients:
    """c_k = 1/(2πi) ∮ model(x + t·along) t^(−k−1) dt on circles, by the discrete Fourier transform of equal steps.

    Of every coefficient that of the circle on which its error is least. The error is seen on the circle: an analytic
    function has no negative frequencies, so what is found there is rounding, what folds over from high orders (the
    transform has more than twice as many points as the order), or a singularity inside. Circles on whose real points
    the continuation is not the model itself are left out, and where two circles differ by more than their errors the
    difference is the error. Raises ResiduaError where no circle is good: at a kink, for one.
    """
    last = whole(order, "order", where, least=0)
    if last > MOST:
        raise DescriptionError(f"{where}: order must be at most {MOST}, got {last}")
    good = _circles(Line(model, x, along, where), max(last, 1))
    if not good:
        raise ResiduaError(f"{where}: no circle was found on which the model is analytic; is the point on a kink?")
    values, errors = np.stack([one.values for one in good])[:, : last + 1], _errors(good)[:, : last + 1]
    ranks = np.argsort(errors, axis=0)
    best, second = ranks[:1], ranks[:2][-1:]
    value, error = (np.take_along_axis(a, best, 0)[0] for a in (values, errors))
    other, bar = (np.take_along_axis(a, second, 0)[0] for a in (values, errors))
    if not np.isfinite(error).all():
        row = int(np.argwhere(~np.isfinite(error))[0][1])
        raise ResiduaError(f"{where}: no circle was found on which row {row} is analytic; is it on a kink?")
    gap = abs(value - other)
    return Coefficients(value, np.where(gap <= error + bar, error, np.maximum(error, gap)))


class _Circle(NamedTuple):
    """values (order + 1, batch, outputs), those that this circle gives; powers[k] = radius^−k; largest (batch,
    outputs): the values on it; share: its negative frequencies as a part of that, NaN where they are no rounding."""

    values: Floats
    powers: Floats
    largest: Floats
    share: Floats


def _errors(circles: list[_Circle]) -> Floats:
    """(circles, order + 1, batch, outputs); infinite where a circle tells nothing.

    On a small circle all values are rounded alike, and the share of rounding does not show; so it counts as no less
    than on any circle up to the one that serves the first derivative.
    """
    share = np.stack([one.share for one in circles])
    largest, powers = np.stack([one.largest for one in circles]), np.stack([one.powers for one in circles])
    # where a small circle has nothing but zeros and a larger one has not, rounding has swallowed what there was
    largest = np.where((largest == 0) & (largest.max(axis=0) > 0), np.inf, largest)
    first = np.argmin(np.nan_to_num(share + EPS, nan=np.inf, posinf=np.inf) * largest * powers[:, 1], axis=0)
    seen = np.maximum.accumulate(np.nan_to_num(share, nan=0.0), axis=0)
    least = np.take_along_axis(seen, first[None], axis=0)
    relative = SAFETY * np.maximum(share, least) + ROUNDINGS * EPS
    return np.asarray(np.nan_to_num(relative * largest, nan=np.inf, posinf=np.inf)[:, None] * powers)


def _circles(line: Line, order: int) -> list[_Circle]:
    """Of every circle that tells anything."""
    good: list[_Circle] = []
    steps = next(count for most, count in STEPS.items() if order <= most)
    for k in range(SMALLEST * steps, LARGEST * steps + 1):
        found = _on_circle(line, 2.0 ** (k / steps) / line.length, order)
        if found is not None and np.isfinite(found.share).any():
            good.append(found)
        elif good:  # a singularity inside stays inside
            break
    return good


def _on_circle(line: Line, radius: float, order: int) -> _Circle | None:
    """By the circle of this radius; None where it is of no use."""
    points = max(LEAST_POINTS, 1 << (4 * (order + 1) - 1).bit_length())
    angles = 2 * torch.pi * torch.arange(points // 2 + 1, dtype=torch.float64) / points
    half = line.complex(radius * torch.exp(1j * angles))  # the model is real on the real line: the rest is conjugate
    largest = abs(half).max(axis=0)
    if not np.isfinite(largest).all():
        return None
    for t, there in ((radius, half[0]), (-radius, half[-1])):
        if not (abs(line.real(t) - there) <= SAME * largest).all():
            return None
    frequencies = np.fft.hfft(half, n=points, axis=0) / points  # entry k belongs to t^k, entry points − k to t^(−k)
    share = abs(frequencies[points // 2 + 1 :]).max(axis=0) / np.where(largest > 0, largest, 1.0)
    powers = radius ** -np.arange(order + 1.0)[:, None, None]
    return _Circle(frequencies[: order + 1] * powers, powers, largest, np.where(share <= ANALYTIC, share, np.nan))
