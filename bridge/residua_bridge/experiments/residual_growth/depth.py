"""Where the gradients go in a deep residual network at initialisation: every block order, layer by layer."""

import math
from dataclasses import dataclass

import numpy as np

from residua_bridge.experiments.initialised import EXPLODING, VANISHING
from residua_bridge.experiments.residual_growth.sources import FIRST_SEED, Floats, columns, statistics
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.study import By, Finding, Settings
from residua_numeric.streamed import StreamedMoments
from residua_symbolic.moments.residual.laws import ResidualLaw
from residua_symbolic.moments.residual.relu import gradients_at_width

MARKS = 12  # measured points on a curve: more would hide the line
BLOCK = 500  # added to the first seed: no ladder has so many blocks
GROUPS = {"layernorm": "layer norm, before or behind", "rmsnorm": "RMS norm, before or behind", "": "without a norm"}
STREAMS = {"pre": "pre-norm", "none": "without a norm"}


@dataclass(frozen=True)
class _Seen:
    """One block order, measured: (networks, states)."""

    law: ResidualLaw
    mean_squares: Floats
    gradients: Floats

    @property
    def ratios(self) -> Floats:
        """‖g_l‖² over the mean of ‖g_L‖²."""
        return np.asarray(self.gradients / self.gradients[:, -1].mean())

    def at_input(self) -> StreamedMoments:
        """‖g_0‖²/‖g_L‖² of every network."""
        return StreamedMoments(self.gradients[:, 0] / self.gradients[:, -1])


@dataclass(frozen=True)
class WhereGradientsGo:
    """Mean square of the stream and squared gradient at every block, against the laws."""

    name: str
    title: str
    prose: tuple[str, ...]
    laws: tuple[ResidualLaw, ...]
    depth: int
    width: int
    networks: By

    def run(self, settings: Settings) -> Finding:
        """Every order afresh."""
        count = self.networks.of(settings.profile)
        seen = [self._seen(k, law, count) for k, law in enumerate(settings.track(self.laws, self.title))]
        figures = [self._gradients(norm, [s for s in seen if s.law.norm == norm]) for norm in GROUPS]
        figures += [self._streams([s for s in seen if s.law.order == order]) for order in STREAMS]
        return Finding(Section(self.title, self.prose, tables=(self._table(seen, count),), figures=tuple(figures)))

    def _seen(self, k: int, law: ResidualLaw, count: int) -> _Seen:
        found = statistics(law, self.width, self.depth, count, FIRST_SEED + BLOCK + k)
        states = columns(law, self.depth)
        return _Seen(law, found.mean_squares[:, states], found.gradients[:, states])

    def _table(self, seen: list[_Seen], count: int) -> Table:
        rows: list[tuple[Cell, ...]] = []
        for one in seen:
            moments = one.at_input()
            whole, first = one.law.gradient_ratio(self.depth), one.law.gradients(self.depth)
            half = self.depth // 2
            carries = (one.law.order, one.law.branch) == ("none", "linear relu")
            cells: tuple[Cell, ...] = (
                whole,
                float(gradients_at_width(self.depth, self.width)[0]) if carries else "–",
                float(one.ratios[:, 0].mean()),
                float(one.ratios[:, 0].std(ddof=1) / math.sqrt(count)),
                math.exp(moments.log_mean),
                float(first[half] / first[0]),
                float(one.ratios[:, half].mean() / one.ratios[:, 0].mean()),
                _word(math.sqrt(math.exp(moments.log_mean))),
                moments.warning or "–",
            )
            rows.append((one.law.words, *cells))
        columns_ = (
            *("block", "law, n → ∞", f"at width {self.width}", "measured", "standard error", "geometric mean"),
            *(f"block {self.depth // 2} over block 0, law", "measured ", "typical norm", "tail"),
        )
        caption = (
            f"Squared gradient at the input over that at the output of {self.depth} blocks, width {self.width}, "
            f"{count} networks, as a ratio of means; the law at this width where the gradient's part along the stream "
            "is derived; the geometric mean is that of a typical network. Then the squared gradient half way over "
            "that at the input. Typical norm: whether the root of the geometric mean is below "
            f"{VANISHING:g} (vanishing), above {EXPLODING:g} (exploding), or between. At this width and depth the "
            "standard error of a mean with a heavy tail is not to be trusted, and n → ∞ is far: the ladders below "
            "judge the laws, this table shows what an engineer meets."
        )
        return Table(f"Gradients through {self.depth} blocks", columns_, tuple(rows), caption)

    def _gradients(self, norm: str, seen: list[_Seen]) -> Figure:
        curves = []
        for one in seen:
            line = one.law.gradients(self.depth)
            curves.append(self._line(f"{one.law.words}: predicted", line))
            curves.append(self._marks(f"{one.law.words}: measured", one.ratios))
        if not norm:
            along = gradients_at_width(self.depth, self.width)
            curves.append(self._line(f"x + (Linear → ReLU) at width {self.width}: predicted", along))
        caption = (
            f"Squared gradient in front of each of {self.depth} blocks over that behind the last, width {self.width}: "
            "lines are the laws of infinite width, points measured means with standard errors. The gradient travels "
            "from right to left."
        )
        title = f"Squared gradient by block, {GROUPS[norm]}"
        axes = ("block", "squared gradient, output = 1")
        return Figure(
            f"{self.name}-gradient-{norm or 'none'}", title, *axes, tuple(curves), yscale="log", caption=caption
        )

    def _streams(self, seen: list[_Seen]) -> Figure:
        curves = []
        for one in seen:
            curves.append(self._line(f"{one.law.words}: predicted", one.law.mean_squares(self.depth)))
            curves.append(self._marks(f"{one.law.words}: measured", one.mean_squares))
        order = seen[0].law.order
        caption = (
            f"Mean square of the stream in front of each of {self.depth} blocks and behind the last, width "
            f"{self.width}: laws, and measured means with standard errors."
        )
        axes = ("block", "mean square")
        title = f"Mean square of the stream, {STREAMS[order]}"
        return Figure(f"{self.name}-stream-{order}", title, *axes, tuple(curves), yscale="log", caption=caption)

    def _line(self, label: str, values: Floats) -> Curve:
        return Curve(label, "predicted", tuple(map(float, range(self.depth + 1))), tuple(values.tolist()))

    def _marks(self, label: str, values: Floats) -> Curve:
        every = max(1, self.depth // MARKS)
        shown = values[:, ::every]
        spread = shown.std(axis=0, ddof=1) / math.sqrt(len(shown))
        places = tuple(map(float, range(0, self.depth + 1, every)))
        return Curve(label, "measured", places, tuple(shown.mean(axis=0).tolist()), tuple(spread.tolist()))


def _word(norm: float) -> str:
    if norm < VANISHING:
        return "vanishing"
    return "exploding" if norm > EXPLODING else "between"
