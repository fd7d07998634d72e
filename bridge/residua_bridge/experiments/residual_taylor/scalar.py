"""What can be had on a stream of one number where f'(0) ≠ 0: orders matched one by one, and series reversion."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from residua_bridge.experiments.residual_taylor.targets import Target, against, exact_values, met, sup
from residua_bridge.findings import Cell, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_bridge.verdict import Floats
from residua_symbolic.printing import latex
from residua_symbolic.series.constructions.inverse_radius import inverse_radius, reach
from residua_symbolic.series.constructions.obstruction import value_at
from residua_symbolic.series.constructions.stream_networks import stream_network
from residua_symbolic.series.constructions.streams import Stream, matched, reverted, taylor

ORDERS = (7, 11, 15, 23)  # after which the blocks of the reversion are cut off
BUILT = 11  # the one that is built in torch
SHARE = 0.6  # of the reach: where the reversion is asked to work
BEYOND = 6  # orders after the last that matches
LARGEST = 1e300


@dataclass(frozen=True)
class ScalarStream:
    """For each target: factors of the matched blocks, radii of the inverse series, errors, torch against both.

    `depth`: number L of the last block, by target.
    """

    title: str
    prose: tuple[str, ...]
    targets: tuple[tuple[Target, int], ...]

    def run(self, settings: Settings) -> Finding:
        """Build, measure, compare."""
        verdicts, found = [], []
        for target, depth in settings.track(self.targets, self.title):
            c = target.coefficients(depth)
            for label, stream, x in (
                ("orders matched", matched(c), target.x),
                ("reversion", reverted(c, BUILT), _inner(target, depth)),
            ):
                net, scope = stream_network(stream), {"blocks": depth, "interval": _said(x)}
                is_it = met(net, stream.value, x, **scope)
                is_f = against(target, net, stream.value, "construction", x, **scope)
                verdicts.append(
                    as_text(is_it, f"Scalar stream, {label}, {target.name}: torch is the composed polynomial", "agree")
                )
                verdicts.append(as_text(is_f, f"Scalar stream, {label}, {target.name}: it is {target.name}", "differ"))
                found += [is_it, is_f]
        tables = (_factors(self.targets), _radii(self.targets), _errors(self.targets))
        return Finding(Section(self.title, self.prose, tables=tables, verdicts=tuple(verdicts)), tuple(found))


def _reach(target: Target, depth: int) -> float:
    """How far x stays on the branch that all inverses up to block `depth` are made for."""
    c = target.coefficients(depth)
    used = [number - 1 for number in range(2, depth + 1) if c[number] != 0]
    end = float(target.x[-1, 0])
    return min(reach(c, last, inverse_radius(c, last).radius, end) for last in used)


def _inner(target: Target, depth: int) -> Floats:
    half = SHARE * _reach(target, depth)
    return np.linspace(-half, half, 201)[:, None]


def _said(x: Floats) -> str:
    return f"[−{x[-1, 0]:.3g}, {x[-1, 0]:.3g}]"


def _factors(targets: Sequence[tuple[Target, int]]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for target, depth in targets:
        c = target.coefficients(depth + BEYOND)
        stream = matched(c[: depth + 1])
        series = stream.series(depth + BEYOND)
        wrong = next(k for k in range(depth + BEYOND + 1) if series[k] != c[k])
        for number, block in stream.blocks[1:]:
            a = block[number]
            rows.append((target.name, number, _fraction(c[number]), _fraction(a), stream.upto(number).degree))
        rows.append(
            (target.name, "output", _fraction(c[wrong]), _fraction(series[wrong]), f"order {wrong}, the first wrong")
        )
    columns = ("f", "block l", "Taylor's $c_l$", "factor $a_l$", "degree of $y_l$")
    caption = (
        "$F_l(y) = a_l (y - f(0))^l$ with the factors that make order l right; last rows: the first order that is not."
    )
    return Table("Factors that match the orders", columns, tuple(rows), caption)


def _radii(targets: Sequence[tuple[Target, int]]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for target, depth in targets:
        c = target.coefficients(depth)
        for number in range(2, depth + 1):
            if c[number] == 0:
                continue
            found = inverse_radius(c, number - 1)
            end = float(target.x[-1, 0])
            far = reach(c, number - 1, found.radius, end)
            cells = [_finite(value) for value in (found.least, found.estimate, found.radius)]
            rows.append((target.label, number, *cells, far))
    columns = (
        "f",
        "block l",
        "radius at least, certified",
        "by the root test",
        "the critical value it is",
        "x on the branch up to",
    )
    caption = (
        "Radius of convergence, in y around f(0), of the series of $T_{l-1}^{-1}$ that block l is made of. It "
        "ends at a critical value of "
        "$T_{l-1}$ in the complex plane: the least of them bounds it from below, the root test of 160 exact terms "
        "tells which it is. Last "
        "column: $T_{l-1}$ is monotone up to there, and its value within that radius."
    )
    return Table("Where the inverse series converge", columns, tuple(rows), caption)


def _errors(targets: Sequence[tuple[Target, int]]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for target, depth in targets:
        c, inner = target.coefficients(depth), _inner(target, depth)
        polynomial = taylor(c, depth)
        cases: list[tuple[str, Stream]] = [("orders matched", matched(c))]
        cases += [(f"reversion to order {order}", reverted(c, order)) for order in ORDERS]
        for label, stream in cases:
            on_inner = _distance(stream.value, partial(value_at, polynomial), inner)
            rows.append(
                (
                    target.name,
                    label,
                    depth,
                    on_inner,
                    _distance(stream.value, target.ball, inner),
                    _distance(stream.value, target.ball, target.x),
                )
            )
    columns = (
        "f",
        "construction",
        "L",
        "sup |y_L − T_L|, inside",
        "sup |y_L − f|, inside",
        "sup |y_L − f|, whole interval",
    )
    caption = f"Inside: |x| up to {SHARE:g} of the least reach in the table above. Values of the exact polynomials."
    return Table("Errors on a scalar stream", columns, tuple(rows), caption)


def _distance(one: Callable[[Any], Any], other: Callable[[Any], Any], x: Floats) -> Cell:
    with np.errstate(all="ignore"):
        size = sup(exact_values(lambda at: one(at) - other(at), x))
    return size if size < LARGEST else "above $10^{300}$"


def _finite(value: float) -> Cell:
    return value if np.isfinite(value) else "–"


def _fraction(value: Any) -> str:
    return f"${latex(sp.Rational(int(value.p), int(value.q)))}$"
