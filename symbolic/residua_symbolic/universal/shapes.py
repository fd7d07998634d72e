"""The activations of one hidden layer in balls: value, slope, curvature on a whole ball, and what they are far away."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flint

from residua_symbolic.series.enclosures.bounds import whole_power

Ball = Any


@dataclass(frozen=True)
class Shape:
    """`at(z)`: φ and φ' at a point; `bend(z)`: a ball with φ''/2 on a whole ball; `left` and `right`: (α, β) of the
    line α + β z that φ tends to, None where it tends to none."""

    at: Callable[[Ball], tuple[Ball, Ball]]
    bend: Callable[[Ball], Ball]
    left: tuple[int, int] | None = None
    right: tuple[int, int] | None = None


def _logistic(z: Ball) -> Ball:
    return 1 / (1 + (-z).exp())


def _over(rises: Callable[[Ball], Ball], z: Ball) -> Ball:
    """A function that rises, on a whole ball: from its ends."""
    return rises(z.lower()).lower().union(rises(z.upper()).upper())


def _bell(s: Ball) -> Ball:
    """s (1 − s) without writing s twice: 1/4 − (s − 1/2)²."""
    return flint.arb("0.25") - whole_power(s - flint.arb("0.5"), 2)


def _sigmoid(z: Ball) -> tuple[Ball, Ball]:
    s = _logistic(z)
    return s, s * (1 - s)


def _sigmoid_bend(z: Ball) -> Ball:
    s = _over(_logistic, z)
    return _bell(s) * (1 - 2 * s) / 2


def _tanh(z: Ball) -> tuple[Ball, Ball]:
    t = z.tanh()
    return t, 1 - t**2


def _tanh_bend(z: Ball) -> Ball:
    t = _over(lambda end: end.tanh(), z)
    return -t * (1 - whole_power(t, 2))


def _softplus(z: Ball) -> tuple[Ball, Ball]:
    return (1 + z.exp()).log(), _logistic(z)


def _softplus_bend(z: Ball) -> Ball:
    return _bell(_over(_logistic, z)) / 2


def _silu(z: Ball) -> tuple[Ball, Ball]:
    s = _logistic(z)
    return z * s, s + z * s * (1 - s)


def _silu_bend(z: Ball) -> Ball:
    s = _over(_logistic, z)
    bell = _bell(s)
    return bell + z * bell * (1 - 2 * s) / 2


def _density(z: Ball) -> Ball:
    return (-whole_power(z, 2) / 2).exp() / (2 * flint.arb.pi()).sqrt()


def _gelu(z: Ball) -> tuple[Ball, Ball]:
    share = (1 + (z / flint.arb(2).sqrt()).erf()) / 2
    return z * share, share + z * _density(z)


def _gelu_bend(z: Ball) -> Ball:
    return _density(z) * (1 - whole_power(z, 2) / 2)


def _no_bend(z: Ball) -> Ball:
    raise ArithmeticError("relu has a kink")


def _kink(z: Ball) -> tuple[Ball, Ball]:
    raise ArithmeticError("relu is a line on either side of its kink")


SHAPES = {
    "relu": Shape(_kink, _no_bend, (0, 0), (0, 1)),
    "sigmoid": Shape(_sigmoid, _sigmoid_bend, (0, 0), (1, 0)),
    "tanh": Shape(_tanh, _tanh_bend, (-1, 0), (1, 0)),
    "softplus": Shape(_softplus, _softplus_bend, (0, 0), (0, 1)),
    "silu": Shape(_silu, _silu_bend, (0, 0), (0, 1)),
    "gelu": Shape(_gelu, _gelu_bend, (0, 0), (0, 1)),
    "sin": Shape(lambda z: (z.sin(), z.cos()), lambda z: -z.sin() / 2),
}
