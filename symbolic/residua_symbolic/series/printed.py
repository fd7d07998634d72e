"""What is printed of the Taylor series of an expression: its polynomial as text and LaTeX, facts, coefficients."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import sympy as sp

from residua_network import ResiduaError
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.printing import latex
from residua_symbolic.series.convergence.radius import Radius
from residua_symbolic.series.decimals import (
    LINE,
    decimal,
    is_long,
    joined,
    lines_of,
    said,
    shortened,
    whole_numbers,
    width,
    within,
)
from residua_symbolic.tables import Grid

if TYPE_CHECKING:
    from residua_symbolic.series.expression import ExpressionSeries

SHOWN = 60  # terms of a polynomial that is printed; all coefficients are in the table
LINES = 12  # of a formula
LETTERS = 400  # of a polynomial in a text


def fact_lines(series: "ExpressionSeries", lower: object, upper: object) -> list[str]:
    """The facts, a line each."""
    what = f"Taylor polynomial of {shortened(series.expression)} at {series.where()}, order {series.order}"
    lines = [f"{what}: {_written(series)}"]
    if len(series.variables) == 1:
        lines.append(f"radius of convergence: {_radius_line(series)}")
    if series.has_interval(lower, upper):
        lines += _interval_lines(series, lower, upper)
    return lines


def _written(series: "ExpressionSeries") -> str:
    """The polynomial in rising order as text, as far as it goes into some lines."""
    shown, length = list[str](), 0
    for word in terms_in_words(series, shortened):
        length += len(word) + len(" + ")
        if shown and length > LETTERS:
            break
        shown.append(word)
    return joined(shown + ["..."] * (len(shown) < len(series.terms))) or "0"


def terms_in_words(series: "ExpressionSeries", say: Callable[[sp.Expr], str]) -> Iterator[str]:
    """Every term, in rising order."""
    moved = [_difference(name, series.at[name]) for name in series.variables]
    for exponents in sorted(series.terms, key=by_degree):
        powers = (f"{m}**{k}" if k > 1 else m for m, k in zip(moved, exponents, strict=True) if k)
        product = sp.Symbol("*".join(powers)) if any(exponents) else sp.Integer(1)
        coefficient = series.terms[exponents]
        factor = f"*{product}" if any(exponents) else ""
        yield f"({say(coefficient)}){factor}" if is_long(coefficient) else str(coefficient * product)


def _radius_line(series: "ExpressionSeries") -> str:
    try:
        known = series.convergence
    except ResiduaError as error:
        return f"not known ({error})"
    value = said(known.value) if known.certified else f"about {estimate(known):.4g}"
    return f"{value} ({known.words})"


def _interval_lines(series: "ExpressionSeries", lower: object, upper: object) -> list[str]:
    low, high = series.corners(lower, upper)
    place = "on " + " x ".join(f"[{low[name]}, {high[name]}]" for name in series.variables)
    lines = [f"remainder f - T {place}, certified: {within(series.remainder(lower, upper), 6)}"]
    seen, where, points, missing = series.seen(low, high)
    if where is None:
        return [*lines, f"f does not exist at any of {points} points {place}"]
    at = ", ".join(f"{n} = {v:.6g}" for n, v in where.items()) if isinstance(where, dict) else f"{where:.6g}"
    at = "" if series.is_exact else f", at {at}"
    gaps = f"; f does not exist at {missing} of them" if missing else ""
    lines.append(f"largest |f - T| seen at {points} points {place}: {seen:.6g}{at}{gaps}")
    if len(series.variables) == 1:
        lines.append(f"mean square error {place}: {said(series.mean_square_error(lower, upper))}")
    return lines


def formula(series: "ExpressionSeries") -> str:
    """The polynomial, term by term in rising order, in as many lines as it needs, up to a dozen."""
    point = ", ".join(f"{latex(sp.Symbol(name))}={latex(value)}" for name, value in series.at.items())
    first, *others = [_shown(series, exponents) for exponents in _first_exponents(series)] or ["0"]
    signed = (f" - {t[1:].lstrip()}" if t.startswith("-") else f" + {t}" for t in others)
    lines = lines_of([first, *signed])
    cut = len(series.terms) > SHOWN or len(lines) > LINES
    last = r" + \dots" * (cut or (len(series.variables) > 1 and not series.is_exact)) + _order_term(series)
    *before, end = lines[:LINES]
    lines = [*before, *lines_of([end, rf"{last} \quad ({point})"])]
    name = _left_side(series)
    if len(lines) == 1 and width(name) + width(lines[0]) <= LINE:
        return f"{name} = {lines[0]}"
    body = " \\\\\n&\\quad ".join([f"{name} ={{}}& {lines[0]}", *lines[1:]])
    if width(name) > LINE // 3:
        body = " \\\\\n&\\quad ".join([f"&{name}", f"= {lines[0]}", *lines[1:]])
    return rf"\begin{{aligned}}{body}\end{{aligned}}"


def _left_side(series: "ExpressionSeries") -> str:
    """The function, or only its name where it is too long for a line."""
    name = latex(series.expression)
    return name if width(name) <= LINE else rf"f\left({', '.join(latex(sp.Symbol(n)) for n in series.variables)}\right)"


def _order_term(series: "ExpressionSeries") -> str:
    """What is left, unless nothing is."""
    if series.is_exact or len(series.variables) > 1:
        return ""
    power = latex(displacements(series)[0] ** (series.order + 1))
    return rf" + O{{\left({power} \right)}}"


def _first_exponents(series: "ExpressionSeries") -> list[tuple[int, ...]]:
    """Those that are shown, of rising degree."""
    return sorted(series.terms, key=by_degree)[:SHOWN]


def _shown(series: "ExpressionSeries", exponents: tuple[int, ...]) -> str:
    """A term in LaTeX; where it would not fit into a line, with a name for the coefficient, which the table has."""
    power = power_of(displacements(series), exponents)
    printed = latex(series.terms[exponents] * power)
    return printed if width(printed) <= LINE else latex(sp.Symbol("c_" + "".join(map(str, exponents))) * power)


def radius_dict(series: "ExpressionSeries") -> dict[str, Any]:
    try:
        known = series.convergence
    except ResiduaError as error:
        return {"radius": None, "radius_certified": False, "radius_words": str(error)}
    value = plain(known.value) if known.certified else {"estimate": estimate(known)}
    return {"radius": value, "radius_certified": known.certified, "radius_words": known.words}


def interval_dict(series: "ExpressionSeries", lower: object, upper: object) -> dict[str, Any]:
    low, high = series.corners(lower, upper)
    found: dict[str, Any] = {
        "interval": {name: [str(low[name]), str(high[name])] for name in series.variables},
        "remainder": plain(series.remainder(lower, upper)),
        "largest_error_seen": series.largest_error_seen(lower, upper)[0],
    }
    if len(series.variables) == 1:
        found["mean_square_error"] = plain(series.mean_square_error(lower, upper))
    return found


def coefficient_table(series: "ExpressionSeries") -> Grid:
    """Every coefficient, exactly (of long ones the beginning and the end) and in float64."""
    if len(series.variables) > 1:
        rows = tuple(
            (*exponents, _cell(series.terms[exponents]), float(series.terms[exponents]))
            for exponents in sorted(series.terms, key=by_degree)
        )
        return Grid((*series.variables, "coefficient", "value"), rows)
    items = enumerate(series.coefficients)
    return Grid(("k", "coefficient", "value"), tuple((k, _cell(c), float(c)) for k, c in items))


def displacements(series: "ExpressionSeries") -> list[sp.Expr]:
    return [sp.Symbol(name, real=True) - series.at[name] for name in series.variables]


def estimate(known: Radius) -> float:
    return float(known.value.middle if isinstance(known.value, Enclosure) else known.value)


def _difference(name: str, place: sp.Expr) -> str:
    """Of a variable and its point, as text."""
    if place == 0:
        return name
    parts = [sp.sstr(-part) for part in sp.Add.make_args(place)]
    return f"({name}{''.join(f' - {part[1:]}' if part.startswith('-') else f' + {part}' for part in parts)})"


def _cell(value: sp.Expr) -> sp.Expr | str:
    """A coefficient in a table."""
    with whole_numbers():
        return value if not is_long(value) else shortened(value)


def plain(value: Any) -> Any:
    """Bounds, or an exact value and the float next to it."""
    if isinstance(value, Enclosure):
        return {"lower": float(value.lower), "upper": float(value.upper)}
    return {"exact": str(value), "value": float(decimal(value, 20)) if value.is_finite else float(value)}


def power_of(displacements: Sequence[Any], exponents: Sequence[int]) -> Any:
    found = 1
    for d, k in zip(displacements, exponents, strict=True):
        if k:
            found = found * d**k
    return found


def by_degree(exponents: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    return sum(exponents), tuple(-k for k in exponents)
