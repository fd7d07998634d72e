"""Values of a trace as exact rational numbers, as far as they are rational and short."""

import math
import numbers
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import flint
import sympy as sp

from residua_network import ResiduaError
from residua_symbolic.domains.balls import precision
from residua_symbolic.domains.rationals import RationalDomain
from residua_symbolic.expressions.evaluation import PointError, evaluate
from residua_symbolic.expressions.graph import NUMBER, Node

LARGEST_BITS = 256  # of numerator and denominator: longer numbers are not printed by anybody
LARGEST_POWER = 64
SHORT_BITS, DIGITS = 64, 6  # a number of more bits is rounded to so many digits in messages
# the one rational argument at which an elementary function has a rational value, and that value
RATIONAL = {
    **dict.fromkeys(("exp", "cos", "cosh"), (0, flint.fmpq(1))),
    **dict.fromkeys(("sin", "tan", "sinh", "tanh", "atan", "erf"), (0, flint.fmpq(0))),
    "log": (1, flint.fmpq(0)),
    "sigmoid": (0, flint.fmpq(1, 2)),
}


class _Domain(RationalDomain):
    def function(self, name: str, x: Any) -> Any:
        """As in `RationalDomain`, and the values of elementary functions where they are rational."""
        argument, value = RATIONAL.get(name, (None, None))
        return value if argument is not None and x == argument else super().function(name, x)


def exact_value(node: Node, point: Mapping[str, Fraction | None]) -> Fraction | None:
    """The value of a node, or None where it is not rational, or not known to be, or long."""
    if any(value is None for value in point.values()) or _is_large_power(node):
        return None
    try:
        (value,) = evaluate(
            [node],
            {name: flint.fmpq(q.numerator, q.denominator) for name, q in point.items() if q is not None},
            _Domain(),
        )
    except PointError:
        return None
    found = Fraction(int(value.numerator), int(value.denominator))
    return found if max(found.numerator.bit_length(), found.denominator.bit_length()) <= LARGEST_BITS else None


def _is_large_power(node: Node) -> bool:
    """Whether the result has more digits than it is worth to find."""
    if node.function != "pow":
        return any(map(_is_large_power, node.arguments))
    exponent = node.arguments[1]
    return (
        exponent.function != NUMBER or abs(exponent.value) > LARGEST_POWER or exponent.value.denominator > LARGEST_POWER
    )


def in_short(q: Fraction) -> str:
    """A number as a message has room for it: 1/3, about 4.89e+23."""
    if max(q.numerator.bit_length(), q.denominator.bit_length()) <= SHORT_BITS:
        return str(q)
    with precision():
        return f"about {flint.arb(flint.fmpq(q.numerator, q.denominator)).str(DIGITS, radius=False)}"


def fraction(value: object, where: str) -> Fraction:
    """A finite real number, exactly. Raises ResiduaError that says where it stood."""
    if isinstance(value, sp.Rational) and value.is_finite:
        return Fraction(int(value.p), int(value.q))
    if isinstance(value, sp.Float):
        value = float(value)
    if isinstance(value, numbers.Rational) and not isinstance(value, bool):
        return Fraction(value)
    if isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value):
        return Fraction(float(value))
    raise ResiduaError(f"{where}: expected a finite number, got {value!r:.40}")
