"""The best N linear pieces for several functions: certified in the supremum, floored and found in the mean square."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.minimax.ramps import outward
from residua_bridge.experiments.sin.lines import explicit
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import as_text, together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement, measure
from residua_symbolic import Prediction
from residua_symbolic.domains import balls
from residua_symbolic.domains.floats import Floats
from residua_symbolic.expressions.given import given
from residua_symbolic.minimax.cell_floors import MOST as MOST_BY_CELLS
from residua_symbolic.minimax.cell_floors import cell_floors, legendre_law
from residua_symbolic.minimax.meeting_laws import closed_fits, pieces_meet
from residua_symbolic.minimax.piece_floors import floors, floors_law
from residua_symbolic.minimax.square_pieces import best_lines, function_values
from residua_symbolic.minimax.sup_pieces import BestPieces, best_pieces
from residua_symbolic.minimax.targets import FLOATS, TARGETS
from residua_symbolic.series.approximation.piecewise_linear import best_fit

SUPREMA, SQUARES, CONSTANTS = "Best pieces in the supremum", "Best pieces in the mean square", "Constants of the laws"
FLOOR, UNCONNECTED, CONTINUOUS = "no N pieces do better than", "best unconnected found", "best continuous found"
LAW_SUP = "N² times the least largest error, as N grows: the constant of the law"
LAW_SQUARE = "N⁴ times the least mean square error found, as N grows: the constant of the law"
CLOSED = "x² and √x: the closed forms 1/(8N²) and 1/(4N(N + 1))"
MEET = "Where f bends one way, unconnected pieces are no better than continuous ones"
IN_TORCH = "ReLU networks with these weights are off by as much"
SMOOTH = ("exp(x)", "x^2", "tanh(x)")  # in the mean square: quadrature needs derivatives at 0
UNIT = float(np.finfo(np.float64).eps)
SOLVED = 1e-9  # relative: to which descent finds knots; the error is stationary there, so it is known far better
MANY = (100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)  # floors are closed: any number of pieces
CLOSED_FORMS: dict[str, Callable[[int], float]] = {
    "x^2": lambda n: 1 / (8 * n**2),
    "sqrt(x)": lambda n: 1 / (4 * n * (n + 1)),
}
NETWORKS = (("exp(x)", 4), ("exp(x)", 16), ("tanh(x)", 3), ("tanh(x)", 9), ("sigmoid(x) - 1/2", 3))


def counts_for(name: str, counts: tuple[int, ...]) -> tuple[int, ...]:
    """Odd ones for an odd function, each once."""
    return tuple(dict.fromkeys(n - 1 if TARGETS[name].odd and n % 2 == 0 else n for n in counts))


def constants(name: str) -> tuple[float, float]:
    """Of the laws in the mean square and in the supremum."""
    square, sup = TARGETS[name].constants
    return float(square.mid()), float(sup.mid())


def square_floor(name: str, count: int) -> float:
    """The higher one of the two floors of the mean square error: closed, or by cells for few pieces."""
    closed = floors(name, count).square
    return max(closed, cell_floors(name)[count - 1]) if count <= MOST_BY_CELLS else closed


@cache
def continuous_error(name: str, count: int) -> float:
    """The mean square error of the best continuous fit found."""
    target = TARGETS[name]
    fit = best_fit(given(name), "x", -target.end if target.odd else 0.0, target.end, count)
    return fit.mean_square_distance(lambda x: function_values(target, x))


def limit(counts: tuple[int, ...], values: list[float]) -> tuple[float, float]:
    """a of a + b/N + c/N² through the last three rungs, and its change from the three before, the values' error added.

    The ladder doubles: the change bounds what is left if a rung more halves the error of a, at least.
    """
    n, v = np.array(counts, dtype=np.float64), np.array(values)

    def through(first: int) -> float:
        some = slice(first, first + 3)
        return float(np.linalg.solve(np.vander(1 / n[some], 3, increasing=True), v[some])[0])

    last, before = through(len(v) - 3), through(len(v) - 4)
    return last, abs(last - before) + SOLVED * abs(last)


@dataclass(frozen=True)
class SupremumPieces:
    """Certified from both sides, along a ladder; explicit networks."""

    name: str
    title: str
    prose: tuple[str, ...]
    shown: tuple[int, ...]
    ladder: By

    def run(self, settings: Settings) -> Finding:
        """Fit, certify, extrapolate."""
        ladder = self.ladder.of(settings.profile)
        laws = []
        for name in settings.track(tuple(TARGETS), self.title):
            counts = counts_for(name, ladder)
            laws.append(_law(name, "supremum", counts, [best_pieces(name, n).error * n**2 for n in counts]))
        closed, torch = _closed(ladder), _networks()
        texts = (
            together(laws, LAW_SUP, "agree"),
            as_text(closed, CLOSED, "agree"),
            as_text(torch, IN_TORCH, "agree"),
        )
        section = Section(
            self.title,
            self.prose,
            derivations=(proved(closed_fits()),),
            tables=(_constants(), self._table()),
            figures=(self._figure(),),
            verdicts=texts,
        )
        return Finding(section, (*laws, closed, torch))

    def _table(self) -> Table:
        rows = []
        for name, target in TARGETS.items():
            for count in counts_for(name, self.shown):
                best = best_pieces(name, count)
                low, high = outward(best.lower, best.upper)
                rows.append((name, target.interval, count, low, high, best.error * count**2 / constants(name)[1]))
        columns = ("function", "on", "pieces N", FLOOR, "reached", "times $N^2$ over the constant")
        caption = (
            "Proved from both sides, for all functions with N linear pieces, continuous or not; what reaches it is "
            "continuous. Odd functions with odd N only: their middle piece passes through 0."
        )
        return Table(SUPREMA, columns, tuple(rows), caption)

    def _figure(self) -> Figure:
        name, count = "exp(x)", 4
        best = best_pieces(name, count)
        x = np.linspace(0, TARGETS[name].end, 241)
        few = np.linspace(0, TARGETS[name].end, 41)
        model = explicit(best.fit)
        stated = function_values(TARGETS[name], x) - best.fit(x)
        seen = function_values(TARGETS[name], few) - measure(model, "output", few[:, None]).values[:, 0]
        curves = (
            Curve("exp: predicted", "predicted", tuple(x.tolist()), tuple(stated.tolist())),
            Curve("exp: measured", "measured", tuple(few.tolist()), tuple(seen.tolist())),
            *(Curve(f"{e:+.6f}", "other", (0.0, 1.0), (e, e)) for e in (best.error, -best.error)),
        )
        caption = (
            f"exp minus the best {count} pieces on [0, 1], and minus a ReLU network in torch with these weights: "
            f"{2 * count + 1} errors of one size, in turn."
        )
        return Figure(
            f"{self.name}-pieces",
            "The errors of the best four pieces",
            "x",
            "exp minus pieces",
            curves,
            caption=caption,
        )


def _constants() -> Table:
    rows = []
    for name, target in TARGETS.items():
        square, sup = target.constants
        rows.append(
            (name, target.interval, float(square.mid()), float(square.rad()), float(sup.mid()), float(sup.rad()))
        )
    columns = ("function", "on", "$C_2$", "radius of $C_2$", "$C$", "radius of $C$")
    caption = (
        "$C_2 = (\\int |f''|^{2/5})^5/(720 L)$ and $C = (\\int |f''|^{1/2})^2/16$ by certified quadrature; they are "
        "finite for √x and $x^{3/2}$, too, whose second derivatives are not."
    )
    return Table(CONSTANTS, columns, tuple(rows), caption)


def _law(name: str, norm: str, counts: tuple[int, ...], values: list[float]) -> Discrepancy:
    last, bar = limit(counts, values)
    constant = constants(name)[0 if norm == "mean square" else 1]
    quantity = f"limit in the {norm}"
    scope: dict[str, str | int] = {
        "function": name,
        "N": ", ".join(map(str, counts)),
        "extrapolated in": "1/N, two orders",
    }
    return compare(
        Prediction(quantity, np.array([[constant]]), np.array([[bar]]), scope),
        Measurement(quantity, np.array([[last]]), "float64", None, {}),
    )


def _closed(ladder: tuple[int, ...]) -> Discrepancy:
    pairs = [(form(n), best_pieces(name, n).error) for name, form in CLOSED_FORMS.items() for n in ladder]
    stated = np.array([[one] for one, _ in pairs])
    quantity = "least largest error"
    scope: dict[str, str | int] = {"functions": "x^2, sqrt(x)", "N": ", ".join(map(str, ladder))}
    bars = 16 * UNIT * np.ones_like(stated) / 4  # differences of values up to 1, of which half a gap is taken
    return compare(
        Prediction(quantity, stated, bars, scope),
        Measurement(quantity, np.array([[other] for _, other in pairs]), "float64", None, {}),
    )


def _networks() -> Discrepancy:
    """At knots and where a piece is parallel to f, on torch."""
    stated, seen = [], []
    for name, count in NETWORKS:
        best = best_pieces(name, count)
        x = _extremes(name, best)
        model = explicit(best.fit)
        off = abs(function_values(TARGETS[name], x) - measure(model, "output", x[:, None]).values[:, 0])
        stated.append(best.error)
        seen.append(float(off.max()))
    quantity = "largest error of explicit ReLU networks"
    scope: dict[str, str | int] = {"networks": ", ".join(f"{name} by {count}" for name, count in NETWORKS)}
    # N products of a bend and a distance, each of a size below 1e2, summed
    bars = np.array([[64 * UNIT * count * 8] for _, count in NETWORKS])
    return compare(
        Prediction(quantity, np.array(stated)[:, None], bars, scope),
        Measurement(quantity, np.array(seen)[:, None], "float64", None, {}),
    )


def _extremes(name: str, best: BestPieces) -> Floats:
    target = TARGETS[name]
    slopes = abs(best.fit.slopes) if target.odd else best.fit.slopes
    inside = np.array([float(target.parallel(FLOATS, slope)) for slope in slopes])
    inside = np.clip(inside, 0.0, target.end)
    places = np.concatenate([best.fit.knots, inside, -inside if target.odd else inside])
    return np.asarray(places)


@dataclass(frozen=True)
class SquarePieces:
    """Floors for every N, unconnected and continuous fits, the law along a ladder."""

    name: str
    title: str
    prose: tuple[str, ...]
    shown: tuple[int, ...]
    ladder: By

    def run(self, settings: Settings) -> Finding:
        """Fit, bound, extrapolate."""
        ladder = self.ladder.of(settings.profile)
        laws = []
        for name in settings.track(SMOOTH, self.title):
            laws.append(_law(name, "mean square", ladder, [continuous_error(name, n) * n**4 for n in ladder]))
        meet = self._meet()
        texts = (together(laws, LAW_SQUARE, "agree"), as_text(meet, MEET, "agree"))
        section = Section(
            self.title,
            self.prose,
            derivations=(proved(pieces_meet()), proved(floors_law()), proved(legendre_law())),
            tables=(self._table(),),
            figures=(self._figure(),),
            verdicts=texts,
        )
        return Finding(section, (*laws, meet))

    def _meet(self) -> Discrepancy:
        pairs = [(continuous_error(n, c), best_lines(n, c).error) for n in ("exp(x)", "x^2") for c in self.shown]
        stated = np.array([[one] for one, _ in pairs])
        quantity = "mean square error of the best fit"
        scope: dict[str, str | int] = {"functions": "exp(x), x^2", "N": ", ".join(map(str, self.shown))}
        bars = stated * SOLVED + 64 * UNIT * np.sqrt(stated)
        return compare(
            Prediction(quantity, stated, bars, scope),
            Measurement(quantity, np.array([[other] for _, other in pairs]), "float64", None, {}),
        )

    def _table(self) -> Table:
        rows = []
        for name in SMOOTH:
            for count in self.shown:
                joined = continuous_error(name, count)
                law = constants(name)[0] / count**4
                rows.append(
                    (
                        name,
                        TARGETS[name].interval,
                        count,
                        square_floor(name, count),
                        best_lines(name, count).error,
                        joined,
                        joined / law,
                    )
                )
        columns = ("function", "on", "pieces N", FLOOR, UNCONNECTED, CONTINUOUS, "continuous over $C_2 N^{-4}$")
        caption = (
            "Mean square errors. The floor is certified, for every function with N pieces: by cells here, closed for "
            "larger N. The fits are found by descent from several placings of the knots: they bound the least error "
            "from above."
        )
        return Table(SQUARES, columns, tuple(rows), caption)

    def _figure(self) -> Figure:
        curves = []
        for name in SMOOTH:
            if name == "x^2":
                continue  # both are 1
            square = constants(name)[0]
            many = (*self.shown, *(n for n in MANY if n > max(self.shown)))
            low = tuple(square_floor(name, n) * n**4 / square for n in many)
            high = tuple(best_lines(name, n).error * n**4 / square for n in self.shown)
            curves.append(Curve(f"{name}: certified floor", "predicted", tuple(map(float, many)), low))
            curves.append(Curve(f"{name}: best unconnected found", "measured", tuple(map(float, self.shown)), high))
        curves.append(Curve("the law", "other", (1.0, float(MANY[-1])), (1.0, 1.0)))
        caption = (
            "Mean square error times N⁴ over the constant of the law. The floors hold for every function with N "
            "pieces, up to 64 by cells, then in closed form: these reach the law from below, slowly, without assuming "
            "it."
        )
        return Figure(
            f"{self.name}-floors",
            "Floors and fits",
            "pieces N",
            "error times $N^4/C_2$",
            tuple(curves),
            "log",
            "linear",
            caption,
        )


def bracket(name: str, pieces: int) -> tuple[float, float]:
    """Certified floors over the laws, in the mean square and in the supremum."""
    square, sup = constants(name)
    found = floors(name, pieces)
    with balls.precision():
        return found.square * pieces**4 / square, found.supremum * pieces**2 / sup
