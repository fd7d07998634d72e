"""Checks of single values, each with a message that says where, what was expected and what was got."""

import difflib
import math
import operator
import reprlib
from collections.abc import Iterable

from residua_network.errors import DescriptionError


def whole(value: object, name: str, where: str, least: int = 1) -> int:
    """`value` as an int of at least `least`, from numpy's integers too; booleans and floats are refused."""
    try:
        found = least - 1 if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        found = least - 1
    if found < least:
        raise DescriptionError(f"{where}: {name} must be a whole number of at least {least}, got {value!r}")
    return found


def number(value: object, name: str, where: str, least: float = -math.inf, below: float = math.inf) -> float:
    """`value` as a finite float with least <= value < below; -0.0 becomes 0.0, which it equals."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        raise DescriptionError(f"{where}: {name} must be a finite number, got {value!r}")
    if not least <= value < below:
        raise DescriptionError(f"{where}: {name} must lie in [{least:g}, {below:g}), got {value!r}")
    return float(value) + 0.0


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def flag(value: object, name: str, where: str) -> bool:
    """`value` if it is True or False."""
    if not isinstance(value, bool):
        raise DescriptionError(f"{where}: {name} must be True or False, got {value!r}")
    return value


def one_of(value: object, names: Iterable[str], what: str, where: str) -> str:
    """`value` if it is one of `names`; else an error that suggests the nearest."""
    known = list(names)
    if isinstance(value, str) and value in known:
        return value
    raise DescriptionError(f"{where}: {unknown(what, value, known)}")


def unknown(what: str, value: object, known: Iterable[str]) -> str:
    """The words for a name that is not known, with the nearest one that is."""
    names = list(known)
    shown = " ".join(reprlib.repr(value).split())  # one line, whatever it was
    near = difflib.get_close_matches(str(value), names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {what} {shown}; {hint}known: {', '.join(names)}"
