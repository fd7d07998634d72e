"""The construction mended with a carried state: torch models that equal T_n, and what T_n leaves out, certified."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np

from residua_bridge.experiments.residual_taylor.targets import Target, against, mean_square, measured, met, sup, up
from residua_bridge.findings import Cell, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_symbolic.series.constructions.obstruction import value_at
from residua_symbolic.series.constructions.stream_networks import taylor_network
from residua_symbolic.series.constructions.streams import taylor

RADIUS_COLUMNS = ("f", "radius", "the interval lies within it", "certified", "what limits it")


@dataclass(frozen=True)
class Case:
    """A target and the scale of the carried power: a power of two, at least |x|."""

    target: Target
    scale: int


@dataclass(frozen=True)
class CarriedState:
    """One residual block a term: against T_n, which it must equal, and against f, with truncation for the cause."""

    title: str
    prose: tuple[str, ...]
    cases: tuple[Case, ...]
    order: By

    def run(self, settings: Settings) -> Finding:
        """Build, measure, compare."""
        order = self.order.of(settings.profile)
        verdicts, found, rows = [], [], []
        for case in settings.track(self.cases, self.title):
            target, scope = case.target, {"interval": case.target.words, "blocks": order}
            c = target.coefficients(order)
            net, value = taylor_network(c, flint.fmpq(case.scale)), _taylor(c)
            is_taylor, is_f = (
                met(net, value, target.x, **scope),
                against(target, net, value, "truncation", target.x, **scope),
            )
            verdicts.append(
                as_text(is_taylor, f"Carried state, {target.name}: the network is $T_{{{order}}}$", "agree")
            )
            verdicts.append(as_text(is_f, f"Carried state, {target.name}: the network is {target.name}", "differ"))
            found += [is_taylor, is_f]
            rows += _errors(case, c)
        columns = (
            "f",
            "n",
            "sup |network − f|",
            "certified bound of |T_n − f|",
            "mean square, network",
            "mean square of T_n",
        )
        radii = tuple((case.target.label, *case.target.radius) for case in self.cases)
        caption = (
            "Networks with n residual blocks on a grid of 401 points; the certified bound holds on the whole "
            "interval, the last "
            "column is the integral in closed form, for tanh a certified one. Even terms of sin and tanh are 0 "
            "and are left out."
        )
        section = Section(
            self.title,
            self.prose,
            tables=(
                Table("Error of the carried state", columns, tuple(rows), caption),
                Table("Radius of convergence of the series", RADIUS_COLUMNS, radii),
            ),
            verdicts=tuple(verdicts),
        )
        return Finding(section, tuple(found))


def _taylor(c: Sequence[Any]) -> Any:
    """T_n as a function of a ball."""
    polynomial = taylor(c, len(c) - 1)
    return lambda x: value_at(polynomial, x)


def _errors(case: Case, c: Sequence[Any]) -> list[tuple[Cell, ...]]:
    target = case.target
    rows: list[tuple[Cell, ...]] = []
    for n in range(len(c)):
        if n and c[n] == 0:
            continue
        with np.errstate(all="ignore"):
            difference = (
                measured(taylor_network([*c[: n + 1], *([0] * (n == 0))], flint.fmpq(case.scale)), target.x).values
                - target.values
            )
        rows.append(
            (target.label, n, sup(difference), up(target.truncation(n)), mean_square(difference), target.mean_square(n))
        )
    return rows
