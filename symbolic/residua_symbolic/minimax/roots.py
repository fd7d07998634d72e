"""Zeros proved by Newton's interval step."""

from collections.abc import Callable
from typing import Any

import flint

from residua_network import ResiduaError

Function = Callable[[Any], Any]
BITS = 256
STEPS = 12  # each doubles the number of right bits of a float
RADIUS = 2.0**-200  # of the box in which a zero is proved; Newton's steps at 256 bits end far inside


def root_near(f: Function, slope: Function, near: float) -> Any:
    """The ball around the only zero of f in a box, which Newton's interval step maps into its inside.

    f and its derivative take balls. Raises ResiduaError where the step proves nothing.
    """
    x = flint.arb(near)
    for _ in range(STEPS):
        x = (x - f(x) / slope(x)).mid()
    box = flint.arb(x, RADIUS)
    image = x - f(x) / slope(box)
    if not (image.is_finite() and box.contains_interior(image)):
        raise ResiduaError(f"root_near: expected a simple zero near {near}, got a step that proves none")
    return image


def slope_of(f: Function) -> Function:
    """f', by power series of balls; f from exp, log, sqrt and arithmetic."""
    return lambda x: f(flint.arb_series([x, 1]))[1]
