"""Taylor polynomials of trained networks, order by order: certified bounds beside errors seen, inside and outside."""

from dataclasses import dataclass

import numpy as np

from residua_bridge.experiments.certified.comparison import contained, truncated
from residua_bridge.experiments.certified.networks import (
    KINDS,
    PLACES,
    POINTS,
    Floats,
    Kind,
    Trained,
    exact_errors,
    places,
    shares,
    trained,
)
from residua_bridge.findings import Cell, Curve, Figure, Section, Table, VerdictText
from residua_bridge.rendering import as_text, together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy

SEEN = 1e-12  # errors below are mostly rounding: bound/seen says nothing there


@dataclass(frozen=True)
class Orders:
    """For every network: T_n for n = 2 … 20 on several intervals."""

    name: str
    title: str
    prose: tuple[str, ...]
    steps: By
    orders: By

    def run(self, settings: Settings) -> Finding:
        """Train, expand, bound, measure."""
        found = [
            _OneNetwork.of(trained(kind, self.steps.of(settings.profile)), self.orders.of(settings.profile))
            for kind in settings.track(KINDS, self.title)
        ]
        section = Section(
            self.title,
            self.prose,
            tables=(_training(found), *(one.table() for one in found)),
            figures=tuple(one.figure(f"{self.name}-{k}") for k, one in enumerate(found)),
            verdicts=tuple(text for one in found for text in one.texts()),
        )
        return Finding(section, tuple(d for one in found for d in one.discrepancies()))


@dataclass(frozen=True)
class _Interval:
    """One interval: for every order the bounds, errors at all places, and the rounding there."""

    words: str
    end: float
    lower: Floats  # (orders,)
    upper: Floats
    errors: Floats  # (orders, places)
    values: Floats  # (places,)
    rounding: Floats  # (places,)

    @property
    def bound(self) -> Floats:
        return np.maximum(abs(self.lower), abs(self.upper))

    @property
    def seen(self) -> Floats:
        return np.asarray(abs(self.errors).max(axis=1))

    @property
    def sharpness(self) -> float:
        """The largest bound over error seen, of orders with errors above rounding; NaN if there is none."""
        clear = self.seen > max(SEEN, 10 * float(self.rounding.max()))
        return float(np.max(self.bound[clear] / self.seen[clear])) if clear.any() else float("nan")


@dataclass(frozen=True)
class _OneNetwork:
    trained: Trained
    orders: tuple[int, ...]
    intervals: tuple[_Interval, ...]

    @classmethod
    def of(cls, one: Trained, orders: tuple[int, ...]) -> "_OneNetwork":
        series = [one.series(n) for n in orders]
        intervals = []
        for words, end in shares(one):
            t = places(end)
            values = one.measured(t)
            bounds = np.array([one.remainder(n, -end, end) for n in orders])
            errors = np.array([exact_errors(values, s, t) for s in series])
            intervals.append(_Interval(words, end, bounds[:, 0], bounds[:, 1], errors, values, one.rounding(t)))
        return cls(one, orders, tuple(intervals))

    @property
    def kind(self) -> Kind:
        return self.trained.kind

    def table(self) -> Table:
        columns = ["n"]
        for k, one in enumerate(self.intervals):
            columns += [f"{one.words}: certified", "seen" + " " * k]  # a name of its own
        rows = []
        for k, n in enumerate(self.orders):
            row: list[Cell] = [n]
            for one in self.intervals:
                row += [float(f"{one.bound[k]:.3g}"), float(f"{one.seen[k]:.3g}")]
            rows.append(tuple(row))
        ends = ", ".join(f"{one.end:g}" for one in self.intervals)
        caption = (
            f"Certified: bound of |f − T_n| for all t with |t| ≤ {ends}. Seen: the largest |f − T_n| of the torch "
            f"model at {PLACES + 1} of these t, in float64, whose rounding shows where hardly anything is left."
        )
        return Table(f"Remainders, {self.kind.label}", tuple(columns), tuple(rows), caption)

    def figure(self, name: str) -> Figure:
        orders = tuple(map(float, self.orders))
        curves = []
        for one in self.intervals:
            curves.append(Curve(f"{one.words}: certified", "predicted", orders, tuple(one.bound.tolist())))
            curves.append(Curve(f"{one.words}: seen", "measured", orders, tuple(one.seen.tolist())))
        caption = (
            f"Blocks of {self.kind.label}: |f − T_n| against the order n. Lines: certified for the whole interval; "
            "markers: the largest error seen of the trained model."
        )
        title = f"Error against order, {self.kind.label}"
        return Figure(name, title, "order $n$", "$|f - T_n|$", tuple(curves), yscale="log", caption=caption)

    def discrepancies(self) -> list[Discrepancy]:
        return [self._contained(), *(self._truncated(one) for one in self.intervals)]

    def _contained(self) -> Discrepancy:
        """Every interval and order at once: (cases, places)."""
        errors = np.concatenate([one.errors for one in self.intervals])
        lower, upper = (
            np.concatenate([getattr(one, side) for one in self.intervals])[:, None] for side in ("lower", "upper")
        )
        rounding = np.concatenate([np.broadcast_to(one.rounding, one.errors.shape) for one in self.intervals])
        return contained(errors, (lower, upper), rounding, {**self._scope, "t": self.intervals[-1].words})

    def _truncated(self, one: _Interval) -> Discrepancy:
        values = np.broadcast_to(one.values, one.errors.shape)
        bounds = one.lower[:, None], one.upper[:, None]
        rounding = np.broadcast_to(one.rounding, one.errors.shape)
        return truncated(values, values - one.errors, bounds, rounding, {**self._scope, "t": one.words})

    @property
    def _scope(self) -> dict[str, str | int]:
        return {**self.trained.scope, "orders": f"{self.orders[0]}–{self.orders[-1]}", "places": PLACES + 1}

    def texts(self) -> list[VerdictText]:
        label = self.kind.label
        contained, *truncated = self.discrepancies()
        ratios = [one.sharpness for one in self.intervals]
        note = f"bound/seen at most {np.nanmax(ratios):.3g}, where the error is clear of rounding"
        found = [as_text(contained, f"Every measured f − T_n lies in its certified enclosure: {label}", "agree", note)]
        words = ", ".join(one.words.removeprefix("|t| ≤ ") for one in self.intervals)
        farthest, left = truncated[-1], max(d.unexplained.value for d in truncated)
        note = (
            f"{len(truncated)} comparisons, |t| ≤ {words}; in each the certified truncation accounts for the "
            f"difference, but for at most {left:.2g}; the numbers are those of the longest interval"
        )
        odd = [d for d in truncated if d.verdict != farthest.verdict or not d.explained]
        if odd:
            found.append(together(truncated, f"T_n is the network: {label}", "differ"))
        else:
            found.append(as_text(farthest, f"T_n is the network: {label}", "differ", note))
        return found


def _training(found: list[_OneNetwork]) -> Table:
    columns = ("blocks", "number", "parameters", "loss before", "loss after", "steps")
    rows = []
    for one in found:
        size = sum(value.size for value in one.trained.weights.values())
        rows.append((one.kind.label, one.kind.blocks, size, *one.trained.losses, one.trained.steps))
    caption = (
        f"Mean square error on {POINTS} points; Adam on all of them at each step, seed 0. The trained weights are then "
        "cut to multiples of $2^{-24}$, so that weights and points along the line are exact floats."
    )
    return Table("Training", columns, tuple(rows), caption)
