"""Numbers of any size, in the texts of rulings."""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal


def power(value: float) -> str:
    """Two digits and a power of ten, for LaTeX: 2.6e21 is 2.6 \\cdot 10^{21}."""
    if not math.isfinite(value):
        return f"{value}"
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits} \\cdot 10^{{{int(exponent)}}}"


def at_least(value: float, places: int) -> str:
    """With so many decimals, rounded down: a bound from below stays one."""
    return str(Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_FLOOR))


def at_most(value: float, places: int) -> str:
    """Rounded up."""
    return str(Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_CEILING))
