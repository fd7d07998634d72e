"""The share of each path length in the squared gradient of a residual network: counted, predicted and measured."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.initialised import Initialised
from residua_bridge.findings import Cell, Curve, Figure, Section, Table, VerdictText
from residua_bridge.rendering import as_text, together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_network import Network
from residua_numeric import Measurement
from residua_symbolic import Prediction, jacobian

ROWS = 8
SHOWN = 5e-3  # lengths of a share below half a percent are pooled before they are judged, and not shown
RESOLUTION = 0.3  # four standard errors within 30 % tell lengths around L/2 from lengths that grow like log L
QUANTITY = "share of each path length, extrapolated in width"


@dataclass(frozen=True)
class PathFamily:
    """Networks by number of blocks and width; `odds` of taking the branch of block l at infinite width.

    None where no argument gives them, or where these widths are too small for their limit to show.
    """

    label: str
    network: Callable[[int, int], Network]
    odds: Callable[[int], float] | None


@dataclass(frozen=True)
class Bins:
    """Lengths from `low` up to `high` one by one, and what lies below and above them, each in one."""

    low: int
    high: int

    @classmethod
    def of(cls, law: Floats) -> "Bins":
        """By what a law, not a measurement, says is large enough to be seen."""
        seen = np.flatnonzero(law > SHOWN)
        return cls(int(seen.min()), int(seen.max()) + 1)

    def pooled(self, shares: Floats) -> Floats:
        """(..., lengths) to (..., bins)."""
        below, above = shares[..., : self.low], shares[..., self.high :]
        tails = [tail.sum(axis=-1, keepdims=True) if tail.shape[-1] else tail for tail in (below, above)]
        return np.concatenate([tails[0], shares[..., self.low : self.high], tails[1]], axis=-1)

    def words(self, lengths: int) -> list[str]:
        """What is in each."""
        below = [f"< {self.low}"] if self.low else []
        above = [f"≥ {self.high}"] if self.high < lengths else []
        return [*below, *map(str, range(self.low, self.high)), *above]


def shares_of(odds: "list[float]") -> Floats:
    """Coefficients of Π (1 + odds_l t) / (1 + odds_l): independent steps, one a block; (lengths,)."""
    found = np.ones(1)
    for one in odds:
        found = np.convolve(found, [1 / (1 + one), one / (1 + one)])
    return found


@dataclass(frozen=True)
class PathShares:
    """Shares by length at the first width, and a ladder of widths; the first `judged` seeds get verdicts row by row."""

    name: str
    title: str
    prose: tuple[str, ...]
    families: tuple[PathFamily, ...]
    blocks: int
    widths: tuple[int, ...]
    seeds: By
    judged: By

    def run(self, settings: Settings) -> Finding:
        """Predict and measure at the first width, measure along the widths, extrapolate."""
        seeds, judged = self.seeds.of(settings.profile), self.judged.of(settings.profile)
        cases = [(family, width) for family in self.families for width in self.widths]
        points = []
        for family, width in settings.track(cases, self.title):
            first = width == self.widths[0]
            points.append(_Point.of(family, self.blocks, width, seeds, judged if first else 0, first))
        ladders = [Ladder(f, self.blocks, tuple(p for p in points if p.family is f)) for f in self.families]
        found = [text_of for ladder in ladders for text_of in ladder.judged()]
        section = Section(
            self.title,
            self.prose,
            tables=(self._by_length(ladders, seeds), self._by_width(ladders)),
            figures=tuple(self._figure(ladder) for ladder in ladders),
            verdicts=tuple(text for text, _ in found),
        )
        return Finding(section, tuple(d for _, several in found for d in several))

    def _by_length(self, ladders: "list[Ladder]", seeds: int) -> Table:
        columns = ("network", "length", "counted", "argued", "predicted", "measured", "s.e.", "width → ∞", "s.e.")
        rows: list[tuple[Cell, ...]] = []
        for ladder in ladders:
            p, pooled = ladder.points[0], ladder.bins.pooled
            counted, predicted = pooled(ladder.counted), pooled(p.predicted).mean(axis=0)
            measured, spread = p.mean("measured", ladder.bins)
            none: list[Cell] = ["–"] * len(counted)
            argued = none if ladder.argued is None else pooled(ladder.argued).tolist()
            limit, error = (none, none) if ladder.argued is None else (v.tolist() for v in ladder.extrapolated())
            seen = (side.tolist() for side in (predicted, measured, spread))
            cells = zip(ladder.bins.words(self.blocks + 1), counted.tolist(), argued, *seen, limit, error, strict=True)
            rows.extend((p.family.label, *row) for row in cells)
        caption = (
            f"Share of each length in the squared gradient of {self.blocks} blocks. Counted: of all paths. Argued: "
            f"independent steps with the odds of the text. Predicted and measured: width {self.widths[0]}, mean over "
            f"{seeds} seeds of the share summed over {ROWS} inputs, with its standard error over seeds. The last two: "
            f"extrapolated from widths {_listed(self.widths)}, where an argument says what to expect. Lengths whose "
            f"argued share (where there is none: counted) is at most {SHOWN:g} are pooled on either side, before "
            "anything is extrapolated or judged."
        )
        return Table("Share of each path length", columns, tuple(rows), caption)

    def _by_width(self, ladders: "list[Ladder]") -> Table:
        head = ("network", "width", "mean length", "s.e.", "counted", "argued", "off counted", "off argued")
        rows = [row for ladder in ladders for row in ladder.rows()]
        caption = (
            "Mean path length, measured, with its standard error over seeds, beside that of counting every path alike "
            "and that of the argument. Off: half the sum of absolute differences of the shares, 0 for equal and 1 for "
            "disjoint, after pooling as in the table above. Whole / parts: squared norm of the gradient over the sum "
            "of the squared norms of its parts by length, geometric mean: 1 where the parts are orthogonal on average. "
            "∞: linear in 1/width, by weighted least squares, where an argument says what to expect."
        )
        return Table("Path lengths against width", (*head, "whole / parts"), tuple(rows), caption)

    def _figure(self, ladder: "Ladder") -> Figure:
        p, lengths = ladder.points[0], tuple(float(k) for k in range(self.blocks + 1))
        (measured, spread), predicted = p.mean("measured"), p.mean("predicted")[0]
        curves = [
            Curve(f"width {p.width}: predicted", "predicted", lengths, tuple(predicted.tolist())),
            Curve(f"width {p.width}: measured", "measured", lengths, tuple(measured.tolist()), tuple(spread.tolist())),
            Curve("counted", "other", lengths, tuple(ladder.counted.tolist())),
        ]
        if ladder.argued is not None:
            first = 1 if ladder.bins.low else 0  # behind the pooled lengths
            shown = lengths[ladder.bins.low : ladder.bins.high]
            limit, error = (tuple(v[first : first + len(shown)].tolist()) for v in ladder.extrapolated())
            curves.append(Curve("measured, extrapolated in width", "measured", shown, limit, error))
            curves.append(Curve("argued", "other", lengths, tuple(ladder.argued.tolist())))
        number = self.families.index(ladder.family)
        caption = f"Share of each path length in the squared gradient of {self.blocks} blocks; bars: standard errors."
        words = ("path length", "share", tuple(curves))
        return Figure(f"{self.name}-{number}", f"Path lengths, {p.family.label}", *words, caption=caption)


@dataclass(frozen=True)
class _Point:
    """One family at one width: shares of every seed, (seeds, lengths), and how far the parts add up.

    `predicted` is empty where the derivation is not evaluated.
    """

    family: PathFamily
    width: int
    predicted: Floats
    measured: Floats
    whole: Floats
    found: tuple[Discrepancy, ...]

    @classmethod
    def of(cls, family: PathFamily, blocks: int, width: int, seeds: int, judged: int, derive: bool) -> "_Point":
        J = jacobian(family.network(blocks, width))
        starts = [Initialised.of(J, seed, ROWS) for seed in range(seeds)]
        found = tuple(start.compared("path gradients") for start in starts[:judged])
        derived = [J.paths().gradients(s.weights, s.x, s.cotangent) for s in starts if derive]
        seen = [start.measured("path gradients").values for start in starts]
        whole = [float((g.sum(axis=1) ** 2).sum() / (g**2).sum()) for g in seen]
        predicted, measured = (np.array([_shares(g) for g in side]) for side in (derived, seen))
        return cls(family, width, predicted, measured, np.array(whole), found)

    def mean(self, side: str, bins: Bins | None = None) -> tuple[Floats, Floats]:
        """Mean and standard error over seeds, by length or by bin."""
        values = getattr(self, side) if bins is None else bins.pooled(getattr(self, side))
        return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))


def _shares(gradients: Floats) -> Floats:
    """(batch, lengths, inputs) to the share of each length."""
    squares = (gradients**2).sum(axis=(0, 2))
    shares: Floats = squares / squares.sum()
    return shares


@dataclass(frozen=True)
class Ladder:
    """One family along widths, beside what counting and the argument say."""

    family: PathFamily
    blocks: int
    points: tuple[_Point, ...]

    @property
    def counted(self) -> Floats:
        """Every path alike: binomial."""
        return shares_of([1.0] * self.blocks)

    @property
    def argued(self) -> Floats | None:
        """Independent steps with the odds of the family."""
        return None if self.family.odds is None else shares_of([self.family.odds(l) for l in range(self.blocks)])

    @property
    def bins(self) -> Bins:
        """Where shares are judged."""
        return Bins.of(self.counted if self.argued is None else self.argued)

    def extrapolated(self) -> tuple[Floats, Floats]:
        """The pooled measured shares on a line in 1 / width, at 0, and their standard errors."""
        means, errors = (np.array(v) for v in zip(*(p.mean("measured", self.bins) for p in self.points), strict=True))
        return at_zero(np.array([1 / p.width for p in self.points]), means, errors)

    def judged(self) -> list[tuple[VerdictText, tuple[Discrepancy, ...]]]:
        """Prediction row by row; then, where a limit of width is argued, that limit against the argument and against
        counting."""
        met = self.points[0].found
        texts = [(together(met, f"Path gradients: {self.family.label}", "agree"), met)]
        if self.argued is None:
            return texts
        known = self._prediction(self.argued)
        d = compare(known, self._measurement())
        texts.append((as_text(d, f"Argued path lengths: {self.family.label}", "agree", _sampling(d)), (d,)))
        d = compare(self._prediction(self.counted), self._measurement(), exact=known)
        expected = "agree" if np.array_equal(self.argued, self.counted) else "differ"
        texts.append((as_text(d, f"Paths counted alike: {self.family.label}", expected, _sampling(d)), (d,)))
        return texts

    def _prediction(self, shares: Floats) -> Prediction:
        scope: dict[str, str | int] = {"blocks": self.blocks, "widths": _listed(tuple(p.width for p in self.points))}
        scope |= {"seeds": len(self.points[0].measured), "inputs each": ROWS, "resolution": f"{RESOLUTION:.0%}"}
        values = self.bins.pooled(shares)[None]
        return Prediction(QUANTITY, values, np.zeros_like(values), scope, resolution=RESOLUTION)

    def _measurement(self) -> Measurement:
        limit, error = self.extrapolated()
        return Measurement(QUANTITY, limit[None], "float64", error[None], {})

    def rows(self) -> list[tuple[Cell, ...]]:
        """One for each width, and the limit where one is argued."""
        lengths = np.arange(self.blocks + 1)
        known = [None if law is None else float(law @ lengths) for law in (self.counted, self.argued)]
        rows: list[tuple[Cell, ...]] = []
        means, errors = [], []
        for p in self.points:
            each = p.measured @ lengths
            means.append(each.mean())
            errors.append(each.std(ddof=1) / np.sqrt(len(each)))
            whole = float(np.exp(np.log(p.whole).mean()))
            rows.append(self._row(str(p.width), means[-1], errors[-1], known, p.mean("measured", self.bins)[0], whole))
        if self.argued is None:
            return rows
        limit = at_zero(np.array([1 / p.width for p in self.points]), np.array(means), np.array(errors))
        rows.append(self._row("∞", float(limit[0]), float(limit[1]), known, self.extrapolated()[0], "–"))
        return rows

    def _row(
        self, width: str, mean: float, error: float, known: list[float | None], shares: Floats, whole: Cell
    ) -> tuple[Cell, ...]:
        laws = [None if law is None else self.bins.pooled(law) for law in (self.counted, self.argued)]
        off = [None if law is None else float(abs(shares - law).sum() / 2) for law in laws]
        cells = ["–" if value is None else value for value in (*known, *off)]
        return self.family.label, width, float(mean), float(error), *cells, whole


def at_zero(x: Floats, y: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """Value at 0 of the line through (x, y) by weighted least squares, and its standard error; y: (points, ...)."""
    w = 1 / errors**2
    x = x.reshape(-1, *[1] * (y.ndim - 1))
    s, sx, sxx, sy, sxy = ((w * part).sum(axis=0) for part in (np.ones_like(y), x, x**2, y, x * y))
    determinant = s * sxx - sx**2
    return (sxx * sy - sx * sxy) / determinant, np.sqrt(sxx / determinant)


def _sampling(d: Discrepancy) -> str:
    return d.reason.replace("rounding", "sampling")


def _listed(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values))
