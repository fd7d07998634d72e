"""What becomes of y_l = y_(l−1) + c_l y_(l−1)^l as l grows, where |c_l| = 1/l! or 0 (sin, cos, exp): both fates proved.

It explodes: if |y_(l−1)| ≥ 2l at some l ≥ 3 with c_l ≠ 0, then |y_l| ≥ |y_(l−1)| (|y_(l−1)|^(l−1)/l! − 1), and since
l! ≤ l^(l−1) this is at least (2^(l−1) − 1) |y_(l−1)| ≥ 6l ≥ 2(l + 2): so it goes on at the next non-zero coefficient,
at least a factor of 3 each time, if that is at most two further.

It settles: if |y_l| ≤ (l + 1)/12 at some l ≥ 3, then, as long as |y| ≤ r = (l + 1)/6, the j-th block adds at most
r^j/j! ≤ (e/6)^j, and all of them after l at most (e/6)^(l+1)/(1 − e/6) < 0.08 < (l + 1)/12: |y| stays below r, and
the sum converges.
"""

from enum import StrEnum
from typing import Any

import flint

from residua_network import ResiduaError
from residua_symbolic.series.constructions.streams import Rationals

LEAST = 3  # the first l of which either argument speaks


class Fate(StrEnum):
    """Of the output as depth grows. `open`: not decided by the coefficients given."""

    EXPLODES = "explodes"
    SETTLES = "settles"
    OPEN = "open"


def fate(c: Rationals, x: Any) -> Fate:
    """What becomes of the stream that begins with the ball x. Raises ResiduaError unless every |c_l| is 1/l! or 0, no
    two of them in a row 0 from l = 1 on."""
    _check(c)
    y = flint.arb(x)
    for power in range(1, len(c)):
        if c[power] != 0 and power >= LEAST and abs(y) >= 2 * power:
            return Fate.EXPLODES
        if c[power] != 0:
            y = y + y**power * c[power]
        if power >= LEAST and abs(y) * 12 <= power + 1:
            return Fate.SETTLES
    return Fate.OPEN


def _check(c: Rationals) -> None:
    factorial = flint.fmpq(1)
    for power in range(1, len(c)):
        factorial *= power
        if abs(c[power]) * factorial not in (0, 1) or (power > 1 and c[power] == 0 == c[power - 1]):
            raise ResiduaError(f"fate: expected |c_{power}| to be 1/{power}! or 0, and no two zeros in a row")
