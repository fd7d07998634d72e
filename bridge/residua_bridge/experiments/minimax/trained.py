"""What training reaches of the proved optimum: two ReLUs on the sigmoid, one sigmoid on the ramp."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from residua_bridge.experiments.minimax.pieces import continuous_error
from residua_bridge.experiments.minimax.ramps import REACH, outward, ramp_network, sigmoid
from residua_bridge.experiments.minimax.sigmoids import hard, nearest_error, ramp_error, sigmoid_network, stated_curve
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy, Uncertain, Verdict
from residua_network import Activation, Linear, Network
from residua_numeric import Task, measure, weights_of
from residua_numeric.ensemble import train_many
from residua_numeric.least_squares import fit_least_squares
from residua_numeric.pieces import pieces
from residua_numeric.uniform_fit import fit_uniformly
from residua_symbolic.domains.floats import Floats
from residua_symbolic.minimax.cell_floors import cell_floors
from residua_symbolic.minimax.ramp import best_ramp
from residua_symbolic.minimax.square_laws import best_square_sigmoid
from residua_symbolic.minimax.sup_pieces import best_pieces

TRAINED = "Trained networks"  # table
SQUARES = "Mean square errors of two ReLUs"  # table
UNITS, SIGMOID = "two ReLUs on the sigmoid", "one sigmoid on the ramp"
LARGEST, SQUARE = "largest error", "mean square"  # what is trained for
RELU_FLOOR = "The best of the two-ReLU networks against the floor of nets whose units rise to one side"
SIGMOID_FLOOR = "The best of the one-sigmoid networks against their floor"
SIGMOID_SQUARE = "The best sigmoid in the mean square against its closed form"
RELU_SQUARE = "mean square error of two ReLUs"
RELU_MEAN = "Two ReLUs trained for the mean square against the floor of any three pieces"
REACH_TOO = "reach and optimisation"
THREE = "sigmoid(x) - 1/2", 3
POINTS, GRID = 801, 4001
SPAN = 8.0  # the interval on which one sigmoid is trained; the ramp has knots ±1
OWN_SPAN = 19.0  # below SPAN times the steepness of the nearest sigmoid: the same interval in its own unit
KINDS = ("one side", "both sides")
UNIT = float(np.finfo(np.float64).eps)
SQUARE_REACH = 60.0  # the line, for one sigmoid in the mean square


@dataclass(frozen=True)
class Trained:
    """Several seeds of each, the largest error of each network, and the distance of the best to its floor."""

    name: str
    title: str
    prose: tuple[str, ...]
    seeds: By
    steps: By

    def run(self, settings: Settings) -> Finding:
        """Train for the largest error, and as usual for the mean square."""
        seeds, steps = range(self.seeds.of(settings.profile)), self.steps.of(settings.profile)
        x = np.linspace(-REACH, REACH, POINTS)[:, None]
        two = fit_uniformly(ramp_network(), x, sigmoid(x), seeds, steps=steps).models
        usual = _usual(ramp_network(), x, sigmoid(x), seeds, steps)
        one = fit_uniformly(sigmoid_network(), x, hard(x), seeds, steps=steps).models
        plain = _usual(sigmoid_network(), x, hard(x), seeds, steps)
        groups = (
            (UNITS, LARGEST, two, relu_errors(two)),
            (UNITS, SQUARE, usual, relu_errors(usual)),
            (SIGMOID, LARGEST, one, [sigmoid_error(model) for model in one]),
            (SIGMOID, SQUARE, plain, [sigmoid_error(model) for model in plain]),
        )
        rows = [row for group in groups for row in _rows(*group)]
        best = min((e, s) for s, e in enumerate(relu_errors(two)) if kind_of(two[s]) == KINDS[0])
        narrow = min((sigmoid_error(model), s) for s, model in enumerate(one))
        squares = _square(seeds)
        found = (
            _against(best[0], outward(*_relu_bounds())[0], "largest error of two ReLUs", seeds, steps),
            _against(narrow[0], nearest_error("free", OWN_SPAN)[0], "largest error of one sigmoid", seeds, steps),
            _against(min(map(relu_square, usual)), cell_floors(*THREE)[-1], RELU_SQUARE, seeds, steps, REACH_TOO),
            squares,
        )
        texts = tuple(
            as_text(d, statement, "agree" if d is squares else "differ")
            for d, statement in zip(found, (RELU_FLOOR, SIGMOID_FLOOR, RELU_MEAN, SIGMOID_SQUARE), strict=True)
        )
        section = Section(
            self.title,
            self.prose,
            tables=(_table(rows), _square_table(groups[:2])),
            figures=(self._figure(two[best[1]], x), self._sigmoid_figure(one[narrow[1]])),
            verdicts=texts,
        )
        return Finding(section, found)

    def _figure(self, model: torch.nn.Module, x: Floats) -> Figure:
        best = best_ramp("free", REACH)
        fine = x[::2, 0]
        knot, level, slope = (float(b.mid()) for b in (best.ramp.knot, best.ramp.level, best.ramp.slope))
        stated = sigmoid(fine) - 0.5 - np.clip(slope * fine, level - 0.5, 0.5 - level)
        few = np.linspace(-REACH, REACH, 65)
        off = sigmoid(few) - measure(model, "output", few[:, None]).values[:, 0]
        low = float(best.error.mid())
        curves = (
            Curve("two ReLUs: predicted", "predicted", tuple(fine.tolist()), tuple(stated.tolist())),
            Curve("two ReLUs: measured", "measured", tuple(few.tolist()), tuple(off.tolist())),
            *(Curve(f"{y:+.5f}", "other", (-REACH, REACH), (y, y)) for y in (low, -low)),
        )
        caption = (
            "Sigmoid minus the best trained net of two ReLUs (points), and minus the nearest ramp on the interval "
            f"(line, knots ±{knot:.3f}). On one side the trained net need not be constant; that gains nothing in the "
            "largest error."
        )
        return Figure(
            f"{self.name}-trained-relu",
            "A trained net beside the optimum",
            "x",
            "sigmoid minus net",
            curves,
            caption=caption,
        )

    def _sigmoid_figure(self, model: torch.nn.Module) -> Figure:
        fine, few = np.linspace(-4, 4, 321), np.linspace(-4, 4, 65)
        stated = stated_curve("free", fine)
        off = ramp_error(model, 1.0, few)
        level = nearest_error("free")[1]
        curves = (
            Curve("one sigmoid: predicted", "predicted", tuple(fine.tolist()), tuple(stated.tolist())),
            Curve("one sigmoid: measured", "measured", tuple(few.tolist()), tuple(off.tolist())),
            *(Curve(f"{y:+.5f}", "other", (-4.0, 4.0), (y, y)) for y in (level, -level)),
        )
        caption = "The hard sigmoid minus the best trained sigmoid (points), and minus the nearest one (line)."
        return Figure(
            f"{self.name}-trained-sigmoid",
            "A trained sigmoid beside the optimum",
            "x",
            "ramp minus net",
            curves,
            caption=caption,
        )


def _usual(net: Network, x: Floats, y: Floats, seeds: Sequence[int], steps: int) -> tuple[torch.nn.Sequential, ...]:
    """Adam on the mean square error of all points, as long as the five powers together."""
    task = Task("curve", x, y, "mean square error")
    return train_many(net, task, seeds, 5 * steps, rate=0.01, batch=len(x), dtype="float64", progress=False).models


def kind_of(model: torch.nn.Sequential) -> str:
    """Whether both units rise to one side."""
    first = weights_of(model)["0.weight"][:, 0]
    return KINDS[0] if first[0] * first[1] > 0 else KINDS[1]


def relu_errors(models: Sequence[torch.nn.Sequential]) -> list[float]:
    """max |σ − net| on [−REACH, REACH]: at knots, ends, and where a piece is parallel to σ."""
    found = []
    for model in models:
        line = pieces(model, -REACH, REACH)
        places = list(line.knots)
        for a, b, slope in zip(line.knots[:-1], line.knots[1:], line.slopes[:, 0], strict=True):
            if 0 < slope < 0.25:
                root = np.sqrt(1 - 4 * slope)
                at = np.log((1 + root) / (1 - root))
                places += [p for p in (-at, at) if a < p < b]
        x = np.array(places)
        found.append(float(abs(sigmoid(x) - measure(model, "output", x[:, None]).values[:, 0]).max()))
    return found


def sigmoid_error(model: torch.nn.Sequential) -> float:
    """max |ramp − net| on [−SPAN, SPAN]: on a fine grid that holds the knots, a bound from below that misses little."""
    x = np.linspace(-SPAN, SPAN, GRID)
    return float(abs(ramp_error(model, 1.0, x)).max())


def relu_square(model: torch.nn.Sequential) -> float:
    """The mean square of σ − net on [−REACH, REACH], by quadrature between the knots."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    borders = np.unique(np.concatenate([pieces(model, -REACH, REACH).knots, np.linspace(-REACH, REACH, 17)]))
    half = np.diff(borders)[:, None] / 2
    x = (borders[:-1, None] + half + half * nodes).reshape(-1)
    off = sigmoid(x) - measure(model, "output", x[:, None]).values[:, 0]
    return float(np.sum((half * weights).reshape(-1) * off**2) / (2 * REACH))


def _square_table(groups: Sequence[tuple[str, str, Sequence[torch.nn.Sequential], Sequence[float]]]) -> Table:
    name, count = THREE
    floor, found = cell_floors(name, count)[-1], continuous_error(name, count)
    rows = []
    for _, trained, models, _ in groups:
        for kind in KINDS:
            mine = sorted(relu_square(model) for model in models if kind_of(model) == kind)
            if mine:
                rows.append((trained, kind, len(mine), mine[0], float(np.median(mine)), mine[-1], floor, found))
    columns = (
        "trained for",
        "units rise to",
        "networks",
        "least",
        "median",
        "largest",
        "floor of three pieces",
        "found",
    )
    caption = (
        "Mean square errors of the two-ReLU networks on [−8, 8]. The floor is certified for any three linear pieces; "
        "the last column is the best continuous three found. Two units cannot make all of them: one of the outer "
        "slopes is 0, or the middle one the sum of both."
    )
    return Table(SQUARES, columns, tuple(rows), caption)


def _relu_bounds() -> tuple[object, object]:
    best = best_ramp("free", REACH)
    return best.lower, best.upper


def _rows(
    what: str, trained: str, models: Sequence[torch.nn.Sequential], errors: Sequence[float]
) -> list[tuple[object, ...]]:
    """One row a kind of network: how many seeds ended there, their errors, and the floor of that kind."""
    rows: list[tuple[object, ...]] = []
    kinds = [kind_of(model) if what == UNITS else "–" for model in models]
    for kind in dict.fromkeys(sorted(kinds, reverse=True)):
        mine = sorted(e for e, k in zip(errors, kinds, strict=True) if k == kind)
        floor = _floor(what, kind)
        rows.append(
            (what, trained, kind, len(mine), mine[0], float(np.median(mine)), mine[-1], floor, mine[0] / floor - 1)
        )
    return rows


def _floor(what: str, kind: str) -> float:
    if what == SIGMOID:
        return nearest_error("free", OWN_SPAN)[0]
    if kind == KINDS[0]:
        return outward(*_relu_bounds())[0]
    return outward(best_pieces("sigmoid(x) - 1/2", 3).lower, best_pieces("sigmoid(x) - 1/2", 3).upper)[0]


def _table(rows: Sequence[tuple[object, ...]]) -> Table:
    columns = (
        "network",
        "trained for",
        "units rise to",
        "networks",
        "least largest error",
        "median",
        "largest",
        "floor",
        "least over floor, minus 1",
    )
    caption = (
        "Largest errors on [−8, 8], whatever was trained for. The floor is proved: for units that rise to one side "
        "that of the nearest ramp there, for others that of any three linear pieces, which such nets need not reach."
    )
    return Table(TRAINED, columns, tuple(rows), caption)  # type: ignore[arg-type]


def _against(
    found: float, floor: float, quantity: str, seeds: Sequence[int], steps: int, cause: str = "optimisation"
) -> Discrepancy:
    """The distance to a proved floor is what optimisation has left; below the floor nothing explains it."""
    rounding = 16 * UNIT
    above = found - floor
    explained = above >= -rounding
    return Discrepancy(
        quantity=quantity,
        predicted=np.array([[floor]]),
        measured=np.array([[found]]),
        difference=above,
        causes={"rounding": rounding, cause: max(above, 0.0)},
        unexplained=Uncertain(min(above, 0.0), rounding),
        verdict=Verdict.AGREE if abs(above) <= rounding else Verdict.DIFFER,
        explained=explained,
        reason=f"the best of {len(seeds)} seeds; what is above the proved floor is {cause}",
        scope={"seeds": len(seeds), "steps": 5 * steps, "points": POINTS, "interval": f"[−{REACH:g}, {REACH:g}]"},
    )


def _square(seeds: Sequence[int]) -> Discrepancy:
    """σ(w x + b) by least squares on the nodes of a quadrature of the line, against M(k)."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    borders = np.unique(np.concatenate([np.linspace(-SPAN, SPAN, 33), [-SQUARE_REACH, SQUARE_REACH]]))
    half = np.diff(borders)[:, None] / 2
    x = (borders[:-1, None] + half + half * nodes).reshape(-1)
    w = (half * weights).reshape(-1)
    net = Network((Linear(1, 1), Activation("sigmoid")))
    fits = fit_least_squares(net, x[:, None], hard(x)[:, None], seeds, weights=w)
    found = float(fits.losses[fits.best]) * float(w.sum())
    low, high = outward(best_square_sigmoid().integral, best_square_sigmoid().integral)
    bar = 64 * UNIT * (2 * SQUARE_REACH * np.sqrt(high) + high) + (high - low)
    above = found - high
    return Discrepancy(
        quantity="integral of the squared error of one sigmoid",
        predicted=np.array([[high]]),
        measured=np.array([[found]]),
        difference=above,
        causes={"rounding": bar},
        unexplained=Uncertain(above, bar),
        verdict=Verdict.AGREE if abs(above) <= bar else Verdict.DIFFER,
        explained=bool(abs(above) <= bar),
        reason=f"the best of {len(seeds)} fits",
        scope={"seeds": len(seeds), "points": len(x), "line": f"[−{SQUARE_REACH:g}, {SQUARE_REACH:g}]"},
    )
