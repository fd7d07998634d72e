"""What document 002 measured, measured again on many networks: distances to T_n, the plateau, dropout, pieces."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import factorial
from typing import Any

import numpy as np
from scipy.stats import mannwhitneyu

from residua_bridge.compare import compare
from residua_bridge.experiments.sin.errors import BEST, TAYLOR, closed_forms
from residua_bridge.experiments.sin.lines import MOST_SQUARE, fit, found_error
from residua_bridge.experiments.sin.nets import DEGREES, STOP, Floats, Nets, Setting, quantiles, task
from residua_bridge.findings import Curve, Figure, Section, Table, VerdictText
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy, Uncertain
from residua_numeric import Measurement
from residua_symbolic import Prediction
from residua_symbolic.prediction import RESOLUTION
from residua_symbolic.series.approximation.plateau import distances
from residua_symbolic.series.approximation.sine_pieces import mean_square_floors

PRINTED = 5.92e-4  # 002, L82
SHARE = 0.01  # of D: what one would call flat in a plot
FRESH = "fresh over trained on"
ERROR = "D: mean square distance to sin"  # rows of the summary
ATTAINABLE = "error that as many pieces can have, 64 at most"
SUMMARY, CLOSEST, SEEDS = "The networks together", "Which T_n is closest", "Network by network"  # tables
STOPS, DROPOUTS, VARIANTS, WIDTHS = "Where the stop leaves the error", "Dropout", "Other settings", "Pieces by width"
NUMBER, ACTIVE = "networks", "with dropout active"
LOWEST, TO_TERM = "least minibatch loss", "to $T_{11}$"
DEEPER = "Deeper against shallower"  # table
SHOWN = 501  # points of a curve
ABOVE_STOP, ABOVE_PRINTED = f"with D above {STOP:g}", f"with D above {PRINTED:g}"
UNIT = float(np.finfo(np.float64).eps)
ROUNDINGS = 10_000  # more than there are nodes of quadrature: each adds a rounding at most
ENOUGH = 64  # pieces: the best function with so many is within 1e-7, which is more than the best with more of them


def words(s: Setting) -> str:
    """The setting in a line."""
    stop = f"stop below {s.stop:g}" if s.stop else f"{s.steps} steps"
    rate = f", dropout {s.dropout:g}" if s.dropout else ""
    return f"{s.hidden} hidden layers of {s.width}, batch {s.batch}, Adam {s.rate:g}{rate}, {stop}"


@dataclass(frozen=True)
class AsDescribed:
    """The experiment of 002, many times."""

    title: str
    prose: tuple[str, ...]
    setting: Setting
    seeds: By
    pieces: tuple[int, ...]

    def run(self, settings: Settings) -> Finding:
        """Train, measure, compare with the rule."""
        (nets,) = [one.trained(self.seeds.of(settings.profile)) for one in settings.track((self.setting,), self.title)]
        sums, flat, away = _sums(nets), _flat(nets), _from_floor(nets)
        texts: tuple[VerdictText, ...] = (
            as_text(sums, "Distance to $T_n$, n = 1…15: $D + 2 C_n + E_n$ with $E_n$ from its closed form", "agree"),
            as_text(
                flat,
                "Past the plateau's start, the distance to $T_n$ taken for the distance to sin",
                "differ",
                "every network at every n by less than the rule allows to the truncation of the series",
            ),
            as_text(
                away,
                "Error of the networks against the best function with as many linear pieces",
                "differ",
                "all of it is optimisation: the best function found with as many pieces is an upper bound of the floor",
            ),
        )
        tables = (_summary(nets), _closest(nets), _each(nets))
        figures = (
            _distance_figure(nets),
            _share_figure(nets),
            _error_figure(nets),
            _everything_figure(nets, self.pieces),
        )
        section = Section(self.title, self.prose, tables=tables, figures=figures, verdicts=texts)
        return Finding(section, (sums, flat, away))


def _sums(nets: Nets) -> Discrepancy:
    """D_n measured against the sum, C_n by its own quadrature; the bar: rounding of sums over all nodes."""
    closed = np.array(closed_forms(TAYLOR, DEGREES))
    parts = nets.errors[:, None], 2 * nets.products, np.broadcast_to(closed, nets.products.shape)
    sizes = sum(abs(part) for part in parts) + nets.errors[:, None]
    quantity = "mean square distance to T_n"
    scope: dict[str, str | int] = {"n": "1–15", "seeds": len(nets.errors), "net": words(nets.setting)}
    return compare(
        Prediction(quantity, np.asarray(sum(parts)), ROUNDINGS * UNIT * sizes, scope),
        Measurement(quantity, nets.distances, "float64", None, {"weights": nets.ensemble.dtype}),
    )


def _flat(nets: Nets) -> Discrepancy:
    """D_n against D at those n at which the rule leaves it less than a hundredth of room, for every network: what they
    differ by is the truncation of the series, as long as it is within that room."""
    reach = np.array([[distances(float(d), n)[1] - d for n in DEGREES] for d in nets.errors])
    narrow = [k for k in range(len(DEGREES)) if (reach[:, k] <= RESOLUTION * nets.errors).all()]
    quantity = "mean square distance to T_n past the plateau's start"
    scope: dict[str, str | int] = {
        "n": f"{DEGREES[narrow[0]]}–{DEGREES[narrow[-1]]}",
        "seeds": len(nets.errors),
        "net": words(nets.setting),
    }
    predicted = np.repeat(nets.errors[:, None], len(narrow), axis=1)
    d = compare(
        Prediction(quantity, predicted, np.zeros_like(predicted), scope),
        Measurement(quantity, nets.distances[:, narrow], "float64", None, {"weights": nets.ensemble.dtype}),
    )
    rest = np.maximum(abs(d.measured - d.predicted) - reach[:, narrow] * (1 + ROUNDINGS * UNIT), 0.0)
    causes = {**d.causes, "truncation, at most": float(np.linalg.norm(reach[:, narrow]))}
    left = float(np.linalg.norm(rest))
    return replace(d, causes=causes, unexplained=Uncertain(left, 0.0), explained=left == 0.0)


def attainable(nets: Nets) -> Floats:
    """The error of the best function found with as many pieces as each network has, or with `ENOUGH` of them."""
    return np.array([found_error(min(int(n), ENOUGH)) for n in nets.counts])


def _from_floor(nets: Nets) -> Discrepancy:
    """D against the best found with as many pieces; the distance between them is what training left undone."""
    floors = attainable(nets)[:, None]
    quantity, counts = "mean square error", f"{nets.counts.min()}–{nets.counts.max()}"
    d = compare(
        Prediction(
            quantity,
            floors,
            np.zeros_like(floors),
            {"seeds": len(floors), "pieces": counts, "net": words(nets.setting)},
        ),
        Measurement(quantity, nets.errors[:, None], "float64", None, {"weights": nets.ensemble.dtype}),
    )
    left = nets.errors[:, None] - floors
    above = bool((left > 0).all())
    causes = {**d.causes, "optimisation": float(np.linalg.norm(left)), "approximation": float(np.linalg.norm(floors))}
    return replace(d, causes=causes, unexplained=Uncertain(0.0 if above else d.difference, 0.0), explained=above)


def _summary(nets: Nets) -> Table:
    fresh, seen = nets.on(task(1)), nets.on(task())
    columns = ("quantity", "least", "median", "largest", "002")
    rows: list[tuple[Any, ...]] = [
        ("steps", *quantiles(nets.ensemble.stopped_at), "–"),
        ("minibatch loss at the stop", *quantiles(nets.last_losses), f"below {STOP:g}"),
        (ERROR, *quantiles(nets.errors), "–"),
        ("height of the plateau, $D_{15}$", *quantiles(nets.distances[:, -1]), PRINTED),
        ("error on the 10,000 points trained on", *quantiles(seen), "–"),
        ("error on 10,000 fresh points", *quantiles(fresh), "–"),
        (FRESH, *quantiles(fresh / seen), "–"),
        ("D over the minibatch loss", *quantiles(nets.errors / nets.last_losses), PRINTED / STOP),
        (f"plateau within {SHARE:g} from degree", *quantiles(nets.plateau_starts(SHARE)), 11),
        ("linear pieces", *quantiles(nets.counts), "–"),
        (ATTAINABLE, *quantiles(attainable(nets)), "–"),
    ]
    reached, above = int(np.sum(nets.ensemble.reached)), int((nets.errors > STOP).sum())
    caption = (
        f"{len(nets.errors)} networks, {words(nets.setting)}; {reached} met the stop. D above {STOP:g} in {above} of "
        f"them, above {PRINTED:g} in {int((nets.errors > PRINTED).sum())}. D and $D_n$ are integrals over [−π, π], "
        "taken piece by piece."
    )
    return Table(SUMMARY, columns, tuple(rows), caption)


def _closest(nets: Nets) -> Table:
    """How many networks are closest to each T_n, and by how much nearer that is than sin itself."""
    counts = Counter(int(n) for n in nets.closest)
    rows = []
    for n in range(7, 16, 2):
        mine = nets.closest == n
        gain = nets.distances[mine, DEGREES.index(n)] / nets.errors[mine] - 1
        towards = int((nets.products[mine, DEGREES.index(9)] < 0).sum())
        rows.append((n, counts[n], float(np.median(gain)) if mine.any() else "–", towards if mine.any() else "–"))
    columns = ("degree n", "closest for", "$D_n/D - 1$, median", "of them erring towards $T_9$")
    caption = (
        "$D_n - D = 2 C_n + E_n$: what decides is the sign of $C_n$, the mean of $(N - \\sin)(\\sin - T_n)$. "
        "$\\sin - T_n$ is large near ±π only, and of one sign at $T_9$, of the other at $T_{11}$: a network that at "
        "the ends errs towards $T_9$ is nearer to it than to sin."
    )
    return Table(CLOSEST, columns, tuple(rows), caption)


def _each(nets: Nets) -> Table:
    columns = ("seed", "steps", "minibatch loss", "D", "$D_9/D$", "$D_{11}/D$", "$D_{15}/D$", "closest n", "pieces")
    shares = nets.distances / nets.errors[:, None]
    rows = tuple(
        (
            int(seed),
            int(nets.ensemble.stopped_at[k]),
            float(nets.last_losses[k]),
            float(nets.errors[k]),
            *(float(shares[k, DEGREES.index(n)]) for n in (9, 11, 15)),
            int(nets.closest[k]),
            int(nets.counts[k]),
        )
        for k, seed in enumerate(nets.ensemble.seeds)
    )
    return Table(SEEDS, columns, rows)


def _distance_figure(nets: Nets) -> Figure:
    """D_n of all networks beside the rule's bounds at the median D."""
    x = tuple(float(n) for n in DEGREES)
    middle = np.median(nets.distances, axis=0)
    spread = np.median(abs(nets.distances - middle), axis=0)
    typical = float(np.median(nets.errors))
    bounds = [distances(typical, n) for n in DEGREES]
    curves = (
        Curve("networks to $T_n$: median", "measured", x, _tuple(middle), _tuple(spread)),
        Curve("most, whatever the network", "predicted", x, tuple(high for _, high in bounds)),
        Curve("least, whatever the network", "predicted", x, tuple(low for low, _ in bounds)),
        Curve("sin to $T_n$, n ≤ 10", "other", x[:10], tuple(closed_forms(TAYLOR, DEGREES[:10]))),
        Curve("002's plateau", "other", (11.0, 15.0), (PRINTED, PRINTED)),
    )
    caption = (
        f"Mean square distance to $T_n$; median of {len(nets.errors)} networks, bars: median absolute deviation. "
        f"The bounds are $(\\sqrt{{D}} \\pm \\sqrt{{E_n}})^2$ at the median D, {typical:.3g}."
    )
    return Figure(
        "sin-distances", "Distance to T_n", "degree n", "mean square distance", curves, "linear", "log", caption
    )


def _share_figure(nets: Nets) -> Figure:
    """D_9, D_11 and D_13 over D of every network: the lowest of them is closest, and sin itself lies at 1."""
    order = np.argsort(nets.distances[:, DEGREES.index(9)] / nets.errors)
    x = tuple(float(k + 1) for k in range(len(order)))
    curves = [
        Curve(f"$T_{{{n}}}$", "measured", x, _tuple((nets.distances[:, DEGREES.index(n)] / nets.errors)[order]))
        for n in (9, 11, 13)
    ]
    curves += [
        Curve(f"$T_9$, {word}", "other", x, _tuple([distances(float(d), 9)[end] / d for d in nets.errors[order]]))
        for end, word in enumerate(("the least that can be", "the most"))
    ]
    caption = (
        "Distance of each network to $T_n$ over its distance D to sin, sorted. The lowest mark is the closest "
        "polynomial; below 1 it is closer than sin. Lines: what the rule allows to $T_9$ at each network's D."
    )
    label = "distance to $T_n$ over D"
    return Figure("sin-shares", "Which T_n is closest", "network, sorted", label, tuple(curves), caption=caption)


def _error_figure(nets: Nets) -> Figure:
    """Where a network errs, and where T_9 and the best function of few pieces do."""
    x = np.linspace(-np.pi, np.pi, SHOWN)
    place = int(np.argsort(nets.errors)[len(nets.errors) // 2])
    nine = sum((-1) ** (k // 2) * x**k / factorial(k) for k in range(1, 10, 2))
    few = _fewest(STOP)
    curves = (
        Curve("network", "measured", _tuple(x), _tuple(nets.functions[place](x) - np.sin(x))),
        Curve("$T_9$", "predicted", _tuple(x), _tuple(nine - np.sin(x))),
        Curve(f"best {few} linear pieces", "predicted", _tuple(x), _tuple(fit(few)(x) - np.sin(x))),
    )
    caption = (
        f"What is too much, over [−π, π]: the network of seed {int(nets.ensemble.seeds[place])}, whose D = "
        f"{nets.errors[place]:.3g} is in the middle; the Taylor polynomial, right but near the ends; and the best "
        f"function of {few} linear pieces, D = {found_error(few):.3g}."
    )
    return Figure("sin-errors", "Where the network errs", "x", "error", curves, caption=caption)


def _everything_figure(nets: Nets, counts: tuple[int, ...]) -> Figure:
    """Polynomials by degree, pieces by number, networks by their number of pieces, on one axis."""
    odd = tuple(range(1, 10, 2))
    degrees = tuple(map(float, odd))
    floors = mean_square_floors(MOST_SQUARE)
    few = [n for n in counts if n <= MOST_SQUARE]
    curves = (
        Curve("Taylor polynomial", "predicted", degrees, tuple(closed_forms(TAYLOR, odd))),
        Curve("best polynomial", "predicted", degrees, tuple(closed_forms(BEST, odd))),
        Curve("best linear pieces", "predicted", tuple(map(float, counts)), tuple(map(found_error, counts))),
        Curve("trained networks", "measured", _tuple(nets.counts), _tuple(nets.errors)),
        Curve("no linear pieces below: proved", "other", tuple(map(float, few)), tuple(floors[n - 1] for n in few)),
        Curve(f"002: {PRINTED:g}", "other", (1.0, float(max(nets.counts))), (PRINTED, PRINTED)),
    )
    caption = (
        "Mean square error for sin on [−π, π]: polynomials against their degree, piecewise-linear functions against "
        "the number of their pieces, each trained network at the number of pieces that it has."
    )
    title, label = "Polynomials, linear pieces and trained networks", "degree, or number of linear pieces"
    return Figure("sin-everything", title, label, "mean square error", curves, "log", "log", caption)


def _tuple(values: Any) -> tuple[float, ...]:
    return tuple(float(v) for v in values)


@dataclass(frozen=True)
class WhereItStops:
    """The stop looks at a minibatch: its size decides how far above it the error of the network may lie."""

    title: str
    prose: tuple[str, ...]
    settings: tuple[Setting, ...]
    seeds: By

    def run(self, settings: Settings) -> Finding:
        """Train with several sizes of minibatches."""
        rows = []
        for one in settings.track(self.settings, self.title):
            nets = one.trained(self.seeds.of(settings.profile))
            errors, losses = nets.errors, nets.last_losses
            rows.append(
                (
                    one.batch,
                    len(errors),
                    float(np.median(nets.ensemble.stopped_at)),
                    float(np.median(losses)),
                    *quantiles(errors),
                    float(np.median(errors / losses)),
                    int((errors > STOP).sum()),
                    int((errors > PRINTED).sum()),
                    *(int((nets.closest == n).sum()) for n in (9, 11)),
                )
            )
        columns = ("batch", NUMBER, "steps", "minibatch loss", "D, least", "D, median", "D, largest",
                   "D over loss", ABOVE_STOP, ABOVE_PRINTED, "closest to $T_9$", TO_TERM)  # fmt: skip
        caption = "Medians over the networks; the loss is that of the minibatch at which each stopped."
        return Finding(Section(self.title, self.prose, tables=(Table(STOPS, columns, tuple(rows), caption),)))


@dataclass(frozen=True)
class WithDropout:
    """Dropout on, at several rates: errors with it and without it, in training and in evaluation mode."""

    title: str
    prose: tuple[str, ...]
    settings: tuple[Setting, ...]
    seeds: By
    draws: int = 2

    def run(self, settings: Settings) -> Finding:
        """Train with the rule of 002, for a limited time: with dropout it is not met."""
        rows = []
        for one in settings.track(self.settings, self.title):
            nets = one.trained(self.seeds.of(settings.profile))
            active = nets.noisy(task(), self.draws) if one.dropout else nets.on(task())
            closest = ", ".join(str(n) for n in sorted(set(map(int, nets.closest))))
            rows.append(
                (
                    one.dropout,
                    len(nets.errors),
                    int(np.sum(nets.ensemble.reached)),
                    float(np.median(nets.ensemble.stopped_at)),
                    *quantiles(nets.errors),
                    float(np.median(active)),
                    float(np.nanmin(nets.ensemble.losses)),
                    int((nets.errors < STOP).sum()),
                    closest,
                    float(np.median(nets.plateau_starts(SHARE))),
                )
            )
        columns = ("rate", NUMBER, "met the stop", "steps", "D, least", "D, median", "D, largest", ACTIVE,
                   LOWEST, f"D below {STOP:g}", "closest n", "plateau from")  # fmt: skip
        caption = (
            "D: evaluation mode, dropout off; beside it the error with dropout active, as training sees it, median; "
            "and the least loss of a minibatch that any of them saw. "
            f"Plateau: within {SHARE:g} of D. Networks that do not meet the stop take all their steps."
        )
        return Finding(Section(self.title, self.prose, tables=(Table(DROPOUTS, columns, tuple(rows), caption),)))


@dataclass(frozen=True)
class Variant:
    """A setting and what it is called; `floor`: what no such network can beat."""

    label: str
    setting: Setting
    floor: float = 0.0


@dataclass(frozen=True)
class OtherSettings:
    """Longer training, more and fewer layers, no activations."""

    title: str
    prose: tuple[str, ...]
    variants: tuple[Variant, ...]
    seeds: By
    deeper: tuple[tuple[str, str], ...] = ()

    def run(self, settings: Settings) -> Finding:
        """Train each."""
        rows, errors = [], {}
        for one in settings.track(self.variants, self.title):
            nets = one.setting.trained(self.seeds.of(settings.profile))
            errors[one.label] = nets.errors
            rows.append(
                (
                    one.label,
                    one.setting.hidden + 1,
                    len(nets.errors),
                    float(np.median(nets.ensemble.stopped_at)),
                    *quantiles(nets.errors),
                    one.floor,
                    float(np.median(nets.counts)),
                    ", ".join(str(n) for n in sorted(set(map(int, nets.closest)))),
                )
            )
        columns = ("setting", "layers", NUMBER, "steps", "D, least", "D, median", "D, largest", "proved floor",
                   "pieces, median", "closest n")  # fmt: skip
        caption = (
            "Floor: the least error of a polynomial of degree 1 for networks without activations, else none above 0."
        )
        tables = (Table(VARIANTS, columns, tuple(rows), caption), _pairs(self.deeper, errors))
        return Finding(Section(self.title, self.prose, tables=tables))


def _pairs(pairs: Sequence[tuple[str, str]], errors: Mapping[str, Floats]) -> Table:
    """Which of two groups of networks errs less, and how often chance alone would have it so."""
    rows = []
    for first, second in pairs:
        before, after = errors[first], errors[second]
        less, more = (mannwhitneyu(after, before, alternative=side).pvalue for side in ("less", "greater"))
        rows.append((first, second, float(np.median(after) / np.median(before)), float(less), float(more)))
    columns = ("from", "to", "quotient of the medians", "chance of less", "chance of more")
    caption = (
        "The chance that networks which do not differ come out so far apart, to the side of less error and to that of "
        "more, by the ranks of D (Mann and Whitney)."
    )
    return Table(DEEPER, columns, tuple(rows), caption)


@dataclass(frozen=True)
class PiecesByWidth:
    """How many linear pieces networks have, by width, before and after training."""

    title: str
    prose: tuple[str, ...]
    settings: tuple[Setting, ...]
    seeds: By

    def run(self, settings: Settings) -> Finding:
        """Count."""
        rows = []
        for one in settings.track(self.settings, self.title):
            count = self.seeds.of(settings.profile)
            before, after = replace(one, steps=0).trained(count), one.trained(count)
            weights = sum(int(np.prod(shape)) for shape in one.network().parameter_shapes().values())
            enough = [_fewest(float(e)) for e in after.errors]
            rows.append(
                (
                    one.hidden + 1,
                    one.width,
                    weights,
                    count,
                    float(np.median(before.counts)),
                    *quantiles(after.counts),
                    float(np.median(after.errors)),
                    float(np.median(enough)),
                )
            )
        columns = ("layers", "width", "parameters", NUMBER, "pieces before training", "after, least", "after, median",
                   "after, largest", "D, median", "pieces that would do")  # fmt: skip
        caption = (
            "Counted kink by kink on [−π, π]. Last column: the least number of pieces with which the best function is "
            "as good as the network, median."
        )
        return Finding(Section(self.title, self.prose, tables=(Table(WIDTHS, columns, tuple(rows), caption),)))


def _fewest(error: float) -> int:
    """The least N whose best fit is at most so wrong."""
    count = 1
    while found_error(count) > error:
        count += 1
    return count
