"""Numbers as they are printed: bounds rounded outward, constants by balls, fractions of any length, long formulas."""

import math
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any

import flint
import sympy as sp

from residua_symbolic.domains import balls
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.expressions.conversion import from_sympy
from residua_symbolic.expressions.evaluation import PointError, evaluate
from residua_symbolic.expressions.graph import Graph

PRECISIONS = (128, 512, 2048, 8192)  # bits, tried one after the other
ENOUGH_BITS = 64
LONGEST = 60  # letters of an exact value beside its decimals
KEPT = 24  # letters of what is longer
CLOSED = 150  # letters of an exact value in a line of its own
LINE = 56  # letters of a formula in a line of a page


@contextmanager
def whole_numbers() -> Iterator[None]:
    """Inside, whole numbers of any length are written; Python stops at 4300 digits."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(limit)


def within(found: Enclosure, digits: int) -> str:
    """Both bounds of one number, rounded outward to so many digits; or that there are none."""
    ball = found.balls if isinstance(found.balls, flint.arb) else found.balls.item()
    if not ball.is_finite():
        return "no bound found"
    if ball.is_zero():
        return "exactly 0"
    ends = float(found.lower), float(found.upper)
    if not all(map(math.isfinite, ends)):
        return "finite, but beyond float64"
    low, high = (
        f"{float(Context(prec=digits, rounding=rounding).create_decimal(Decimal(end))):.{digits}g}"
        for end, rounding in zip(ends, (ROUND_FLOOR, ROUND_CEILING), strict=True)
    )
    return f"within [{low}, {high}]"


def ball(value: sp.Expr) -> Any:
    """A constant of SymPy as a ball at the working precision."""
    (found,) = evaluate([from_sympy(Graph(), value)], {}, balls.BallDomain())
    return flint.arb(found)


def decimal(value: sp.Expr, digits: int) -> str:
    """A constant to so many digits; cancellation is met with more precision."""
    for bits in PRECISIONS:
        with balls.precision(bits):
            try:
                found = ball(value)
            except PointError:  # a sign that this precision does not tell
                continue
            if found.is_zero() or (found.is_finite() and found.rel_accuracy_bits() >= ENOUGH_BITS):
                return "0" if found.is_zero() else str(found.mid().str(digits, radius=False))
    return "not told from 0"


def said(value: Any, digits: int = 9) -> str:
    """An exact value, if it is short, with its decimals; or the bounds."""
    if isinstance(value, Enclosure):
        return within(value, digits)
    if len(written(value)) > CLOSED:
        return f"{decimal(value, digits)}, in closed form"
    return str(value) if value is sp.oo or value.is_Integer else f"{decimal(value, digits)} = {value}"


def shortened(value: Any) -> str:
    """A value as text, its middle left out where it is long."""
    words = written(value)
    if len(words) <= LONGEST:
        return words
    return f"{words[:KEPT]} ... {words[-KEPT // 2 :]} ({len(words)} letters)"


def is_long(value: Any) -> bool:
    """Whether it does not fit beside other things in a line."""
    if value.is_Rational and max(abs(value.p), value.q).bit_length() > 4 * LONGEST:
        return True
    return len(written(value)) > LONGEST


def joined(terms: Iterable[str]) -> str:
    """Terms as a sum."""
    first, *others = [*terms] or [""]
    return first + "".join(f" - {t[1:]}" if t.startswith("-") else f" + {t}" for t in others)


def written(value: Any) -> str:
    """A value as text, however long it is."""
    if not value.is_Rational:
        with whole_numbers():
            return str(value)
    top, bottom = (str(flint.fmpz(int(part))) for part in (value.p, value.q))  # in a time that is not quadratic
    return top if value.q == 1 else f"{top}/{bottom}"


def width(formula: str) -> int:
    """About how many letters a formula in LaTeX takes in a line; operators with their spaces."""
    seen = re.sub(r"\\(left|right|quad|,|displaystyle|!)|[ ]", "", formula)
    seen = re.sub(r"\^\{([^{}]*)\}", r"\1", seen)
    while (inner := re.sub(r"\\(?:frac|sqrt)\{([^{}]*)\}(?:\{([^{}]*)\})?", _wider, seen)) != seen:
        seen = inner
    seen = re.sub(r"\\[a-z]+\{?|[{}^_]", lambda found: found[0].strip("\\{}^_"), seen)
    return len(seen) + 2 * len(re.findall("[-+=]", seen))


def _wider(found: re.Match[str]) -> str:
    return max(found[1], found[2] or "", key=len)


def lines_of(pieces: Sequence[str]) -> list[str]:
    """Pieces of LaTeX joined into lines that fit a page, as far as their letters tell."""
    lines = [""]
    for piece in pieces:
        if lines[-1] and width(lines[-1]) + width(piece) > LINE:
            lines.append("")
        lines[-1] += piece
    return lines
