"""Training floors of polynomial networks for sin on [−π, π]: proved, and reached by least squares on torch models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from residua_bridge.findings import Curve, Figure, Section, Table, VerdictText
from residua_bridge.rendering import as_text, together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy, Uncertain, Verdict
from residua_network import Network
from residua_numeric import weights_of
from residua_numeric.least_squares import Fits, fit_least_squares
from residua_symbolic.domains.rounded import UNIT, RoundedDomain
from residua_symbolic.series.approximation.floors import mean_square_of, sine_floor, sum_of_squares, width_one_floor
from residua_symbolic.series.constructions.degrees import (
    coefficient_rank,
    degree_law,
    network_polynomial,
    power_network,
)
from residua_symbolic.series.networks.walk import output

Floats = np.ndarray[Any, np.dtype[np.float64]]
NODES = 48  # of Gauss and Legendre: exact for polynomials of degree 95, and for sin far below a rounding
FEWEST, ALL_SEEDS = 3, 64  # of wide networks; times the width
DIGITS = 8  # to which a floor counts as reached
REACHABLE = 1e-16  # floors below are beyond the squares of float64's own errors


class Case(NamedTuple):
    """Networks of a power, by depth and width; the seeds and steps that they are given in quick and in full.

    `sure`: the width from which on the floor is expected to be reached by the best of so many seeds; 0 for none.
    """

    activation: str
    depth: int
    sure: int
    widths: By
    seeds: By
    steps: By


class Fitted(NamedTuple):
    """The best of several fits, what it computes exactly, and the comparison with the floor."""

    case: Case
    width: int
    rank: int
    fits: Fits
    floor: float
    found: float
    excess: float
    discrepancy: Discrepancy

    @property
    def digits(self) -> float:
        """To how many digits the certified error is the floor; 17 where float64 holds no more."""
        relative = self.excess / self.floor
        return 17.0 if relative <= 1e-17 else max(0.0, -float(np.log10(relative)))

    @property
    def degree(self) -> int:
        """d^L."""
        return degree_law(self.network)

    @property
    def network(self) -> Network:
        """What was trained."""
        return power_network(self.case.activation, self.case.depth, self.width)

    @property
    def reached(self) -> bool:
        """To eight digits."""
        return self.digits >= DIGITS


def quadrature() -> tuple[Floats, Floats, Floats]:
    """Nodes on [−π, π], sin there, and weights: training on them is training on the integral."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    x = np.pi * nodes
    return x, np.sin(x), weights / 2


def fitted(case: Case, width: int, profile: str) -> Fitted:
    """Fit from several seeds; judge the best one by the polynomial that it is."""
    net = power_network(case.activation, case.depth, width)
    x, y, weights = quadrature()
    seeds = range(max(FEWEST, min(case.seeds.of(profile), ALL_SEEDS // width)))  # wide networks are slow, and sure
    fits = fit_least_squares(net, x[:, None], y[:, None], seeds, weights=weights, steps=case.steps.of(profile))
    return judged(case, width, net, fits)


def has_own_floor(case: Case, width: int) -> bool:
    """Whether this is the network of which the floor below the width that suffices is known."""
    return (case.activation, case.depth, width) == ("square", 2, 1)


def judged(case: Case, width: int, net: Network, fits: Fits) -> Fitted:
    """The loss that torch found against the floor; optimisation is the certified excess of the polynomial it is."""
    x, y, weights = quadrature()
    found = weights_of(fits.models[fits.best])
    polynomial, degree = network_polynomial(net, found), degree_law(net)
    error, excess = (float(e.middle) for e in mean_square_of(polynomial, degree))
    # at the degree at most: what a narrower network reaches, a wider one does, too
    rank = coefficient_rank(power_network(case.activation, case.depth, min(width, degree)))
    floor, loss = float(sine_floor(degree).middle), float(fits.losses[fits.best])
    if has_own_floor(case, width):
        known = width_one_floor().floor
        floor, excess = float(known.middle), error - float(known.middle)
    # what a sum of squares of float64 numbers is, exactly, and what float64 may make of it
    rule = float(sum_of_squares(polynomial, x, y, weights).middle)
    bar = _rounding(net, found, rule)
    difference, left = loss - floor, loss - rule
    cause = "optimisation" if rank > degree or has_own_floor(case, width) else "reach and optimisation"
    inside = abs(difference) <= bar + abs(rule - error)
    discrepancy = Discrepancy(
        quantity="mean square error",
        predicted=np.array([[floor]]),
        measured=np.array([[loss]]),
        difference=difference,
        causes={"rounding": bar, cause: excess, "discretisation": abs(rule - error)},
        unexplained=Uncertain(left, bar),
        verdict=Verdict.AGREE if inside and bar <= 1e-2 * floor else Verdict.DIFFER,
        explained=bool(abs(left) <= bar),
        reason=f"the best of {len(fits.models)} fits",
        scope={
            "activation": case.activation,
            "depth": case.depth,
            "width": width,
            "seeds": len(fits.models),
            "points": NODES,
            "dtype": "float64",
        },
    )
    return Fitted(case, width, rank, fits, floor, error, excess, discrepancy)


def _rounding(net: Network, weights: dict[str, Floats], loss: float) -> float:
    """What float64 may make of the loss: running error bounds of the outputs, and of the sum."""
    x, y, shares = quadrature()
    unit = UNIT["float64"]
    with np.errstate(all="ignore"):
        made = output(net, lambda: RoundedDomain(unit), RoundedDomain(unit).array(x[:, None]), weights)
        error = np.broadcast_to(made.error, made.shape)[:, 0] + unit * np.abs(y)
        apart = np.abs(made.value[:, 0] - y)
        squares = shares * (2 * apart * error + error**2)
    return float(squares.sum() / shares.sum()) + (NODES + 4) * unit * loss


@dataclass(frozen=True)
class Floors:
    """By depth and width: the proved floor, and how near training comes."""

    name: str
    title: str
    prose: tuple[str, ...]
    cases: tuple[Case, ...]

    def run(self, settings: Settings) -> Finding:
        """Fit, certify, compare."""
        work = [(case, width) for case in self.cases for width in case.widths.of(settings.profile)]
        found = [fitted(case, width, settings.profile) for case, width in settings.track(work, self.title)]
        section = Section(
            self.title,
            self.prose,
            tables=(self._table(found), *self._width_one(found)),
            figures=(self._figure(found),),
            verdicts=self._verdicts(found),
        )
        return Finding(section, tuple(one.discrepancy for one in found))

    def _table(self, found: Sequence[Fitted]) -> Table:
        head = (
            "activation",
            "depth",
            "degree",
            "width",
            "coefficients in reach",
            "floor (proved)",
            "best fit (certified)",
            "digits",
            "fits at the floor",
            "excess",
        )
        rows = tuple(
            (
                one.case.activation,
                one.case.depth,
                one.degree,
                one.width,
                f"{one.rank} of {one.degree + 1}",
                one.floor,
                one.found,
                round(one.digits, 1),
                f"{self._there(one)} of {len(one.fits.models)}",
                one.excess,
            )
            for one in found
        )
        caption = (
            "Mean square errors for sin on [−π, π]. Floor: the best polynomial of that degree, by Legendre, exactly. "
            "Best fit: the polynomial that the best network is, from its weights, certified; digits: to how many of "
            f"them it is the floor. Fits at the floor: losses that agree with it to {DIGITS} digits. Excess: "
            "certified; where all coefficients are in reach it is what optimisation has left. Two squares of width 1 "
            "have a floor of their own."
        )
        return Table("Floors and fits", head, rows, caption)

    def _there(self, one: Fitted) -> int:
        """How many fits reached the floor to eight digits, by torch's own loss."""
        return int(np.sum(np.abs(one.fits.losses - one.floor) <= 10.0**-DIGITS * one.floor))

    def _width_one(self, found: Sequence[Fitted]) -> tuple[Table, ...]:
        """The floor of two squares at width 1, where it was trained."""
        trained = [one for one in found if has_own_floor(one.case, one.width)]
        if not trained:
            return ()
        (one,), known = trained, width_one_floor()
        lower = float(sine_floor(one.degree).middle)
        row = (
            float(known.floor.middle),
            float(np.pi * known.vertex),
            one.found,
            one.found / float(known.floor.middle) - 1,
            lower,
        )
        head = (
            "floor at width 1 (proved)",
            "even about c = ±",
            "best fit (certified)",
            "relative excess",
            "floor at larger width",
        )
        caption = "Two square blocks: the floor itself moves, since not every quartic is in reach at width 1."
        return (Table("Width moves a floor below the width that suffices", head, (row,), caption),)

    def _figure(self, found: Sequence[Fitted]) -> Figure:
        curves = []
        for case in self.cases:
            own = [one for one in found if one.case is case and one.floor >= REACHABLE]
            if not own:
                continue
            label = f"{case.activation}, L = {case.depth}"
            widths = tuple(float(one.width) for one in own)
            curves += [
                Curve(f"{label}: predicted", "predicted", widths, tuple(one.floor for one in own)),
                Curve(
                    f"{label}: measured",
                    "measured",
                    widths,
                    tuple(float(one.fits.losses[one.fits.best]) for one in own),
                ),
            ]
        caption = "Lines: proved floors. Points: the least loss of several seeds. Floors beyond float64 are left out."
        return Figure(
            self.name, "Floors by depth and width", "width w", "mean square error", tuple(curves), "log", "log", caption
        )

    def _verdicts(self, found: Sequence[Fitted]) -> tuple[VerdictText, ...]:
        made = []
        for case in self.cases:
            own = [one for one in found if one.case is case]
            sure = [one for one in own if case.sure and one.width >= case.sure]
            label = f"{case.activation}, depth {case.depth}"
            if sure:
                widths = ", ".join(str(one.width) for one in sure)
                statement = f"{label}, width {widths}: trained to the proved floor"
                every = [one.discrepancy for one in sure]
                made.append(
                    as_text(every[0], statement, "agree") if len(every) == 1 else together(every, statement, "agree")
                )
            for one in own:
                if one not in sure:
                    statement = f"{label}, width {one.width}: is the floor reached?"
                    made.append(as_text(one.discrepancy, statement, self._expected(one), self._why(one)))
        return tuple(made)

    def _expected(self, one: Fitted) -> str:
        """Where not every polynomial is in reach, or float64 does not reach that far down."""
        if has_own_floor(one.case, one.width):
            return "agree"
        return "differ" if one.rank <= one.degree or one.floor < REACHABLE else ""

    def _why(self, one: Fitted) -> str:
        if has_own_floor(one.case, one.width):
            return "its own floor, at width 1"
        if one.rank <= one.degree:
            return f"only {one.rank} of {one.degree + 1} coefficients are in reach"
        if one.floor < REACHABLE:
            return "the floor is beyond float64"
        return f"every coefficient can be moved; {self._there(one)} of {len(one.fits.models)} seeds find the way"
