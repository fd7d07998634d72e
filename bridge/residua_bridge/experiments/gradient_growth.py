"""Gradient norms at every layer along a ladder of depths, and how the ratio from last layer to first grows."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from residua_bridge.experiments.error_ladder import Family
from residua_bridge.experiments.initialised import EXPLODING, VANISHING, Initialised, passes
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_symbolic import jacobian

ROWS = 4
MARKED = 16  # measured points on a curve by layer: more would hide the line
APART = 1000  # seeds of one depth start at so many times the depth: no two depths share a network
KEPT, EXCLUDED = 0.05, 0.001  # chance that a true curve is not kept, that it is excluded, over all depths together
NOWHERE = ("–", "–")


@dataclass(frozen=True)
class GradientGrowth:
    """Families of networks by number of blocks; the first `judged` of the seeds get verdicts, which cost most."""

    name: str
    title: str
    prose: tuple[str, ...]
    families: tuple[Family, ...]
    depths: tuple[int, ...]
    seeds: By
    judged: By

    def run(self, settings: Settings) -> Finding:
        """Predict and measure every network."""
        seeds, judged = self.seeds.of(settings.profile), self.judged.of(settings.profile)
        cases = [(family, depth) for family in self.families for depth in self.depths]
        points = [_Point.of(family, depth, seeds, judged) for family, depth in settings.track(cases, self.title)]
        of = {f.label: [p for p in points if p.family is f] for f in self.families}
        depths = ", ".join(map(str, self.depths))
        verdicts = tuple(
            together([d for p in mine for d in p.found], f"Gradient norms: {label}; {depths} blocks", "agree")
            for label, mine in of.items()
        )
        section = Section(
            self.title,
            self.prose,
            tables=(_by_depth(points, seeds), _growth(of)),
            figures=(self._by_layer(points), self._against_depth(of)),
            verdicts=verdicts,
        )
        return Finding(section, tuple(d for p in points for d in p.found))

    def _by_layer(self, points: "list[_Point]") -> Figure:
        """All families at the largest depth."""
        curves = []
        for p in (p for p in points if p.depth == max(self.depths)):
            every = max(1, p.depth // MARKED)
            blocks = tuple(float(k) for k in range(p.depth))
            line, (marks, spread) = p.middle("predicted")[0], p.middle("measured")
            curves.append(Curve(f"{p.family.label}: predicted", "predicted", blocks, tuple(line)))
            shown = blocks[::every], tuple(marks[::every]), tuple(spread[::every])
            curves.append(Curve(f"{p.family.label}: measured", "measured", *shown))
        caption = (
            f"Gradient norm at the input of each of {max(self.depths)} blocks, relative to that at the output: mean "
            "over seeds of the decimal logarithm; bars: standard deviation over seeds. The gradient travels from right "
            "to left."
        )
        words = ("block", "log10 of the gradient norm", tuple(curves))
        return Figure(f"{self.name}-by-layer", "Gradient norm by layer", *words, caption=caption)

    def _against_depth(self, of: "dict[str, list[_Point]]") -> Figure:
        """The families that pass no limit; beside the others they would lie on one line."""
        curves, beyond = [], []
        for label, mine in of.items():
            if _from(mine) != NOWHERE:
                beyond.append(label)
                continue
            depths = tuple(float(p.depth) for p in mine)
            predicted, measured = ([p.ratio(side) for p in mine] for side in ("predicted", "measured"))
            curves.append(Curve(f"{label}: predicted", "predicted", depths, tuple(y for y, _ in predicted)))
            marks = tuple(y for y, _ in measured), tuple(s for _, s in measured)
            curves.append(Curve(f"{label}: measured", "measured", depths, *marks))
        left_out = f" Left out, since they pass a limit: {', '.join(beyond)}." if beyond else ""
        caption = (
            "Gradient norm at the input over that at the output, against the number of blocks: mean over seeds of the "
            f"decimal logarithm; bars: standard deviation over seeds.{left_out}"
        )
        words = ("blocks", "log10 of the gradient ratio", tuple(curves))
        return Figure(f"{self.name}-by-depth", "Gradient ratio by depth", *words, xscale="log", caption=caption)


@dataclass(frozen=True)
class _Point:
    """One family at one depth: log10 of the relative gradient norm at the input of every block, (seeds, blocks)."""

    family: Family
    depth: int
    predicted: Floats
    measured: Floats
    found: tuple[Discrepancy, ...]

    @classmethod
    def of(cls, family: Family, depth: int, seeds: int, judged: int) -> "_Point":
        J = jacobian(family.network(depth))
        starts = [Initialised.of(J, APART * depth + k, ROWS) for k in range(seeds)]
        found = tuple(start.compared("gradient norms") for start in starts[:judged])
        sides = zip(*(start.relative_norms() for start in starts), strict=True)
        layers = len(J.network.layers) // depth  # a block begins at every so many layers
        predicted, measured = (np.log10(np.array(side)[:, ::layers]) for side in sides)
        return cls(family, depth, predicted, measured, found)

    def middle(self, side: str) -> tuple[Floats, Floats]:
        """Mean and standard deviation over the seeds, by block."""
        values = getattr(self, side)
        return values.mean(axis=0), values.std(axis=0, ddof=1)

    def ratio(self, side: str) -> tuple[float, float]:
        """The same at the input of the network."""
        mean, spread = self.middle(side)
        return float(mean[0]), float(spread[0])

    @property
    def noise(self) -> float:
        """Standard error of the measured ratio."""
        return self.ratio("measured")[1] / float(np.sqrt(len(self.measured)))


def _by_depth(points: list[_Point], seeds: int) -> Table:
    head = ("network", "blocks", "predicted", "measured", "spread, factor", "growth a block")
    rows = []
    for p in points:
        (predicted, _), (measured, spread) = p.ratio("predicted"), p.ratio("measured")
        law = p.family.law(p.depth) if p.family.law is not None else "–"
        growth = 10 ** (measured / p.depth)
        sides = 10**predicted, 10**measured, 10**spread
        rows.append((p.family.label, p.depth, *sides, growth, law, passes(measured)))
    caption = (
        f"Gradient norm at the input over that at the output: root mean square over {ROWS} inputs, geometric mean over "
        f"{seeds} seeds; the spread is the standard deviation over seeds, as a factor. Growth: of the measured norm. "
        "Wide limit: root of the mean square for infinite width at this depth, argued and not proved; the geometric "
        f"mean of finite networks lies lower the more they spread. Limit passed: below {VANISHING:g} is called "
        f"vanishing, above {EXPLODING:g} exploding."
    )
    return Table("Gradient ratio by depth", (*head, "wide limit", "limit passed"), tuple(rows), caption)


@dataclass(frozen=True)
class Fit:
    """A curve with one parameter through the log10 ratios.

    `left`: root mean square of what remains; `worst`: the largest remainder in standard errors of its depth.
    """

    name: str
    parameter: float
    left: float
    worst: float


def fits(depths: Floats, logs: Floats, errors: Floats) -> tuple[Fit, ...]:
    """10^y = e^(rate L), (1 + L)^power or a constant, by weighted least squares; the first two are 1 without any
    block."""
    shapes = {"exponential": depths / np.log(10), "power": np.log10(1 + depths), "constant": np.ones_like(depths)}
    found = []
    for name, shape in shapes.items():
        weighted = shape / errors**2
        parameter = float(weighted @ logs / (weighted @ shape))
        left = logs - parameter * shape
        found.append(Fit(name, parameter, float(np.sqrt((left**2).mean())), float(abs(left / errors).max())))
    return tuple(found)


def reach(chance: float, seeds: int, depths: int) -> float:
    """Standard errors, each estimated from so many seeds, that some depth of a true curve exceeds with this chance."""
    return float(stats.t.isf(chance / (2 * depths), seeds - 1))


def described_by(found: tuple[Fit, ...], kept: float, excluded: float) -> str:
    """The one curve that is kept, if all others are excluded."""
    near = [fit.name for fit in found if fit.worst <= kept]
    open_ = [fit.name for fit in found if fit.worst <= excluded]
    if len(near) == len(open_) == 1:
        return near[0]
    return f"not decided: {', '.join(open_)}" if open_ else "none of the three"


def shape_of(law: Floats, depths: Floats) -> str:
    """The curve nearest to an argued law, given by its decimal logarithm; a law of 1 is a constant."""
    if not law.any():
        return "constant"
    return min(fits(depths, law, np.ones_like(depths)), key=lambda fit: fit.left).name


def _growth(of: dict[str, list[_Point]]) -> Table:
    columns = ("network", "e-fold a block", "left", "power of 1 + L", "left", "constant", "left")
    rows = []
    for label, mine in of.items():
        depths = np.array([float(p.depth) for p in mine])
        logs, errors = np.array([p.ratio("measured")[0] for p in mine]), np.array([p.noise for p in mine])
        seeds, law = len(mine[0].measured), mine[0].family.law
        exponential, power, constant = found = fits(depths, logs, errors)
        cells = exponential.parameter, exponential.worst, power.parameter, power.worst
        word = described_by(found, *(reach(chance, seeds, len(mine)) for chance in (KEPT, EXCLUDED)))
        argued = "–" if law is None else shape_of(np.log10([law(p.depth) for p in mine]), depths)
        rows.append((label, *cells, 10**constant.parameter, constant.worst, word, argued, *_from(mine)))
    near, far = (reach(chance, seeds, len(depths)) for chance in (KEPT, EXCLUDED))
    caption = (
        "Three curves with one parameter each, fitted to the logarithm of the measured ratio over all depths, every "
        "depth weighted by its standard error and with seeds of its own. Left: the largest remainder, in standard "
        f"errors. A true curve leaves more than {near:.1f} at some depth with a chance of at most {KEPT:.0%}, and more "
        f"than {far:.1f} with {EXCLUDED:.1%} (Student's t with {seeds - 1} degrees of freedom, Bonferroni over the "
        "depths): a curve describes the points if it leaves at most the former and the others more than the latter; "
        "else nothing is decided, and the curves not excluded are named. Argued: the curve nearest to the wide limit "
        f"of the table above. The last two columns: the first depth at which the ratio is below {VANISHING:g}, above "
        f"{EXPLODING:g}."
    )
    head = (*columns, "described by", "argued for infinite width", "vanishes from", "explodes from")
    return Table("How the ratio grows", head, tuple(rows), caption)


def _from(mine: list[_Point]) -> tuple[str | int, str | int]:
    """The first depths at which the ratio vanishes and explodes."""
    words = {p.depth: passes(p.ratio("measured")[0]) for p in mine}
    first = [[depth for depth, word in words.items() if word == limit] for limit in ("vanishing", "exploding")]
    vanishes, explodes = (min(depths, default="–") for depths in first)
    return vanishes, explodes
