"""The words of an expression: functions, constants, and which names a variable may have."""

import keyword
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from fractions import Fraction

from residua_network.checks import unknown
from residua_network.program import ELEMENTARY

CONSTANTS = {"pi": "pi", "E": "e"}
SYNONYMS = {"ln": "log"}


@dataclass(frozen=True)
class Earlier:
    """An operation that was made before, by its position; a plain int would be equal to a Fraction of that value."""

    position: int


Term = Fraction | str | Earlier
"""A number, a variable, or an earlier operation."""

Apply = Callable[..., Term]
"""Writes one operation, given its function and its arguments."""

ONE, TWO = Fraction(1), Fraction(2)


def _gelu(apply: Apply, z: Term) -> Term:
    """z (1 + erf(z/√2)) / 2; Hendrycks, Gimpel 2016 (arXiv:1606.08415), sec. 2."""
    inner = apply("erf", apply("div", z, apply("sqrt", TWO)))
    return apply("div", apply("mul", z, apply("add", ONE, inner)), TWO)


def _silu(apply: Apply, z: Term) -> Term:
    """z sigmoid(z)."""
    return apply("mul", z, apply("sigmoid", z))


WRITTEN_OUT: dict[str, Callable[[Apply, Term], Term]] = {"gelu": _gelu, "silu": _silu}
FUNCTIONS = (*ELEMENTARY, *SYNONYMS, *WRITTEN_OUT)

NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,15}(_[A-Za-z0-9]{1,8})?")
NAMES = "a letter, then up to 15 letters or digits, then an underscore and up to 8 more"
# What other programs read as a number or as an object of their own
RESERVED = frozenset(("nan", "NaN", "inf", "Inf", "infinity", "oo", "zoo", "I", "S", "N", "O", "Q"))
INSTEAD = {"lambda": "lam", "e": "E for Euler's number or exp(...)", "Pi": "pi", "PI": "pi"}


def why_not_a_variable(name: str, variables: Collection[str] | None = None) -> str | None:
    """Why `name` cannot be a variable, in words; None if it can."""
    if name in INSTEAD or keyword.iskeyword(name) or name in RESERVED:
        instead = f"; write {INSTEAD[name]}" if name in INSTEAD else ""
        return f"{name!r} is reserved and cannot be a variable{instead}"
    if name in FUNCTIONS:
        return f"{name!r} is a function: expected '(' after it"
    if name in CONSTANTS:
        return f"{name!r} is a constant and cannot be a variable"
    if not NAME.fullmatch(name):
        return f"expected a name made of {NAMES}, got {name[:40]!r}"
    if variables is not None and name not in variables:
        return unknown("variable", name, variables) if variables else f"expected no variable, got {name!r}"
    return None
