"""One line of the table, and the numbers in it: as many digits as they deserve."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from residua_network import ResiduaError

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_TWO_DIGITS = 1.95  # bars from 1 to 1.95, times a power of ten, have two digits


class UnsupportedError(ResiduaError):
    """The findings no longer say what a highlight says."""


@dataclass(frozen=True)
class Highlight:
    """What is said, and what was found: `strong` in bold, then `found`. Texts may hold `$...$` (LaTeX, no bars), but
    numbers are Unicode: they are read where mathematics is not set, too.

    `links` are pairs of a word and the study whose report it leads to.
    """

    said: str
    strong: str
    found: str
    links: tuple[tuple[str, str], ...]


def require(holds: bool, highlight: str, expected: str) -> None:
    """Raises UnsupportedError unless the findings carry the words of this highlight."""
    if not holds:
        raise UnsupportedError(f"highlight {highlight!r}: expected findings by which {expected}, got others")


def shown(value: float, digits: int = 3) -> str:
    """So many significant digits: plainly from 0.001 to 10000, beyond as 1.2 × 10⁻⁵."""
    if not math.isfinite(value):
        raise UnsupportedError(f"a number to be shown: expected a finite one, got {value}")
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    if value == 0 or -3 <= power < 4:
        return f"{round(value, digits - 1 - power):.{max(0, digits - 1 - power)}f}".replace("-", "−")
    return f"{mantissa} × 10{str(power).translate(_RAISED)}".replace("-", "−")


def barred(value: float, bar: float) -> str:
    """Value ± error bar: the bar with one significant digit, two if it begins with 1, the value to the same place."""
    if not 0 < bar < math.inf:
        raise UnsupportedError(f"an error bar: expected a positive one, got {bar}")
    power = math.floor(math.log10(bar))
    place = power - 1 if bar < _TWO_DIGITS * 10**power else power
    return f"{_rounded(value, place)} ± {_rounded(bar, place)}"


def _rounded(value: float, place: int) -> str:
    return f"{round(value, -place):.{max(0, -place)}f}".replace("-", "−")


def at_most(value: float) -> str:
    """One significant digit, rounded up: for a bound from above of a positive number."""
    place = math.floor(math.log10(value))
    return shown(math.ceil(value / 10.0**place) * 10.0**place, 1)


def at_least(value: float, digits: int = 2) -> str:
    """So many significant digits, rounded down: for a bound from below of a positive number."""
    place = math.floor(math.log10(value)) + 1 - digits
    return shown(math.floor(value / 10.0**place) * 10.0**place, digits)


def percent(share: float, digits: int = 2) -> str:
    """A share in percent."""
    return f"{shown(100 * share, digits)} %"


def listed(words: Sequence[str]) -> str:
    """a, b and c."""
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]
