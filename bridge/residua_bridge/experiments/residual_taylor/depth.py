"""Sup errors over depth of the constructions of document 000, computed and in torch, above the certified floor."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np

from residua_bridge.experiments.residual_taylor.folds import Fold
from residua_bridge.experiments.residual_taylor.targets import Target, down, exact_values, measured, sup
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.study import Finding, Settings
from residua_symbolic.series.constructions.obstruction import value_at
from residua_symbolic.series.constructions.stream_networks import ExactNetwork, stream_network, taylor_network
from residua_symbolic.series.constructions.streams import first_corrected, literal, matched, taylor

HIGHEST = 1e3  # errors beyond this leave the picture
SCALAR: dict[str, Callable[[Sequence[Any]], Any]] = {
    "read literally": literal,
    "first block put right": first_corrected,
    "orders matched": matched,
}
CARRIED = "carried state"


@dataclass(frozen=True)
class ErrorsOverDepth:
    """A picture and a table a target. Each target with the fold that its scalar streams pass through, the scale of its
    carried state, and the last depth of scalar and of carried streams."""

    name: str
    title: str
    prose: tuple[str, ...]
    cases: tuple[tuple[Fold, int, int, int], ...]

    def run(self, settings: Settings) -> Finding:
        """Compute, build, measure."""
        figures, rows = [], []
        for fold, scale, scalar, carried in settings.track(self.cases, self.title):
            lines = _lines(fold.target, scale, scalar, carried)
            figures.append(self._figure(fold, lines, carried))
            rows += _rows(fold, lines)
        columns = (
            "f",
            "construction",
            "last depth",
            "sup error there",
            "floor behind the fold",
            "crosses the floor at",
        )
        caption = (
            "The floor holds for every stream of one number that has passed through the state named; the first "
            "construction "
            "passes through other states. Crosses: first depth with a smaller error from there on."
        )
        table = Table("Depth against the floor", columns, tuple(rows), caption)
        return Finding(Section(self.title, (*self.prose, _said(rows)), tables=(table,), figures=tuple(figures)))

    def _figure(self, fold: Fold, lines: "dict[str, list[_Point]]", last: int) -> Figure:
        curves = []
        for label, points in lines.items():
            for source, kept in (
                ("predicted", [(p.depth, p.exact) for p in points]),
                ("measured", [(p.depth, p.torch) for p in points]),
            ):
                shown = [(float(depth), error) for depth, error in kept if error < HIGHEST]
                curves.append(
                    Curve(f"{label}: {source}", source, tuple(d for d, _ in shown), tuple(e for _, e in shown))  # type: ignore[arg-type]
                )
        floor = fold.floor().lower
        curves.append(
            Curve(f"floor behind $T_{fold.order}$", "other", (float(fold.order), float(last)), (floor, floor))
        )
        caption = (
            f"sup |output − {fold.target.name}| on {fold.target.words} after block l: of the exact polynomials, "
            "and of torch models. "
            f"Errors above {HIGHEST:g} are left out."
        )
        return Figure(
            f"{self.name}-{fold.target.name}",
            f"Errors over depth, {fold.target.name}",
            "blocks up to l",
            "sup error",
            tuple(curves),
            yscale="log",
            caption=caption,
        )


@dataclass(frozen=True)
class _Point:
    depth: int
    exact: float
    torch: float


def _lines(target: Target, scale: int, scalar: int, carried: int) -> dict[str, list[_Point]]:
    """By construction, every depth that adds something."""
    found: dict[str, list[_Point]] = {}
    for label, make in SCALAR.items():
        stream = make(target.coefficients(scalar))
        parts = [(number, stream.upto(number)) for number, _ in stream.blocks]
        found[label] = [_point(target, number, stream_network(part), part.value) for number, part in parts]
    c = target.coefficients(carried)
    found[CARRIED] = [
        _point(target, n, taylor_network(c[: n + 1], flint.fmpq(scale)), _taylor(c, n))
        for n in range(1, carried + 1)
        if c[n] != 0
    ]
    return found


def _taylor(c: Sequence[Any], order: int) -> Callable[[Any], Any]:
    polynomial = taylor(c, order)
    return lambda x: value_at(polynomial, x)


def _point(target: Target, depth: int, net: ExactNetwork, value: Callable[[Any], Any]) -> _Point:
    with np.errstate(all="ignore"):
        exact = sup(exact_values(value, target.x) - target.values)
        return _Point(depth, exact, sup(measured(net, target.x).values - target.values))


def _said(rows: Sequence[tuple[Cell, ...]]) -> str:
    """Which constructions end below the floor, and for how many targets."""
    targets = len({row[0] for row in rows})
    below = Counter(str(row[1]) for row in rows if row[-1] != "never")
    return (
        "Below its floor ends: " + (", ".join(f"{n}, for {k} of {targets}" for n, k in below.items()) or "none") + "."
    )


def _rows(fold: Fold, lines: dict[str, list[_Point]]) -> list[tuple[Cell, ...]]:
    floor = fold.floor().lower
    rows: list[tuple[Cell, ...]] = []
    for label, points in lines.items():
        below = [p.depth for k, p in enumerate(points) if all(q.exact < floor for q in points[k:])]
        last = points[-1]
        shown: Cell = last.exact if np.isfinite(last.exact) else "overflows"
        rows.append((fold.target.label, label, last.depth, shown, down(floor), below[0] if below else "never"))
    return rows
