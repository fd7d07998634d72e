"""Numbers of any size, in the texts of rulings."""

import math


def power(value: float) -> str:
    """Two digits and a power of ten, for LaTeX: 2.6e21 is 2.6 \\cdot 10^{21}."""
    if not math.isfinite(value):
        return f"{value}"
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits} \\cdot 10^{{{int(exponent)}}}"
