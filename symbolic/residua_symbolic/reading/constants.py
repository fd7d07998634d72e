"""Values of the parts of an expression in which no variable occurs: exact where rational, else to double precision."""

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from residua_symbolic.reading.limits import MAX_BITS, MAX_EXPONENT

Constant = Fraction | float
Value = Constant | None  # None: a variable occurs


class NoValueError(ValueError):
    """A constant part that is not a finite real number, or too large; the message says which."""


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z)) if z > 0 else math.exp(z) / (1 + math.exp(z))


def softplus(z: float) -> float:
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


EXACT: Mapping[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "abs": abs,
    "sign": lambda a: Fraction((a > 0) - (a < 0)),
    "step": lambda a: Fraction(a > 0),
    "relu": lambda a: max(a, Fraction(0)),
}
DOUBLE: Mapping[str, Callable[..., Any]] = {
    **{name: getattr(math, name) for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{name: getattr(math, name) for name in ("atan", "erf")},
    **EXACT,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "pow": math.pow,
    "pi": lambda: math.pi,
    "e": lambda: math.e,
}


def value(function: str, arguments: Sequence[Value]) -> Value:
    """`function` of `arguments`; None where it depends on a variable. Raises NoValueError."""
    if function == "div" and arguments[1] == 0:
        raise NoValueError("a division by zero")
    if function == "pow":
        _check_power(*arguments)
    known = [one for one in arguments if one is not None]
    if len(known) < len(arguments):
        return None
    rational = [one for one in known if isinstance(one, Fraction)]
    if function in EXACT and len(rational) == len(known):
        return small(EXACT[function](*rational))
    if function == "pow" and len(rational) == 2 and rational[1].denominator == 1:
        return small(rational[0] ** rational[1].numerator)
    return _double(function, known)


def small(number: Fraction) -> Fraction:
    """`number` if its numerator and denominator are within the limit."""
    if max(abs(number.numerator), number.denominator).bit_length() > MAX_BITS:
        raise NoValueError(f"a number of more than {MAX_BITS} bits")
    return number


def _check_power(base: Value, exponent: Value) -> None:
    """Refuses what is not real, and what would be too large to compute, before it is computed."""
    if exponent is not None and not -MAX_EXPONENT <= exponent <= MAX_EXPONENT:
        raise NoValueError(f"a power with an exponent beyond {MAX_EXPONENT}")
    if base is None:
        return
    whole = isinstance(exponent, Fraction) and exponent.denominator == 1
    if base == 0 and (exponent is None or exponent <= 0):
        raise NoValueError("zero to a power that need not be positive")
    if base < 0 and not whole:
        raise NoValueError("a negative number to a power that need not be whole, which is not real")
    if isinstance(base, Fraction) and isinstance(exponent, Fraction):
        bits = max(abs(base.numerator), base.denominator).bit_length()
        if (bits - 1) * abs(exponent) > MAX_BITS:
            raise NoValueError(f"a power of more than {MAX_BITS} bits")


def _double(function: str, arguments: Sequence[Constant]) -> float:
    try:
        found = float(DOUBLE[function](*map(float, arguments)))
    except OverflowError:
        found = math.inf
    except ValueError:  # the logarithm or root of a number that has none
        found = math.nan
    if not math.isfinite(found):
        shown = ", ".join(f"{float(one):.6g}" for one in arguments)
        raise NoValueError(f"not a finite real number in double precision: {function}({shown})")
    return found
