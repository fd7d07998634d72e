"""Document 000's construction as it stands, L87–100: what comes out exactly, where it explodes, and in torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np
import sympy as sp

from residua_bridge.experiments.residual_taylor.targets import (
    BITS,
    Target,
    against,
    exact_values,
    met,
    near_zero,
)
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.rendering import as_text, together
from residua_bridge.study import Finding, Settings
from residua_bridge.verdict import Floats
from residua_symbolic.domains import balls
from residua_symbolic.printing import latex
from residua_symbolic.series.constructions.explosion import Fate, fate
from residua_symbolic.series.constructions.stream_networks import stream_network
from residua_symbolic.series.constructions.streams import Stream, first_corrected, literal

CONSTRUCTIONS: dict[str, Callable[[Sequence[Any]], Stream]] = {
    "read literally": literal,
    "first block put right": first_corrected,
}
COLUMNS = 8  # orders of a series that a table shows
FURTHER = 4  # orders beyond the depth, in which the first that is wrong is looked for
ON_PICTURE = 3.0  # sizes beyond this are left out of a picture
NEAR = 0.5  # |x| up to which the constructions are judged once more: where a series is at its best
DEEPEST = 40  # blocks after which a fate that is not decided stays open
NEAR_POINTS = 101
LARGEST = 1e300  # beyond, the power of ten is all that is said


@dataclass(frozen=True)
class LiteralConstruction:
    """Exact series against f's, growth with depth, a torch model of each target against both.

    `targets` with the depth of the model; `exploding`: those with derivatives of size 1 or 0 at 0, whose fate as depth
    grows is proved.
    """

    name: str
    title: str
    prose: tuple[str, ...]
    targets: tuple[tuple[Target, int], ...]
    depth: int
    exploding: tuple[Target, ...]

    def run(self, settings: Settings) -> Finding:
        """Compose, build, measure."""
        verdicts, found, near_it, near_f = [], [], [], []
        near = np.linspace(-NEAR, NEAR, NEAR_POINTS)[:, None]
        for target, judged in settings.track(self.targets, self.title):
            stream = literal(target.coefficients(judged))
            net, x = stream_network(stream), target.x
            is_it = met(net, stream.value, x, depth=judged, interval=target.words)
            is_f = against(target, net, stream.value, "construction", x, depth=judged, interval=target.words)
            verdicts.append(
                as_text(is_it, f"The construction for {target.name} is the polynomial composed here", "agree")
            )
            verdicts.append(as_text(is_f, f"The construction for {target.name} is {target.name}", "differ"))
            found += [is_it, is_f]
            scope = {"f": target.name, "depth": judged, "interval": f"[−{NEAR}, {NEAR}]"}
            near_it.append(met(net, stream.value, near, **scope))
            near_f.append(against(target, net, stream.value, "construction", near, **scope))
        verdicts.append(together(near_it, "The construction for each of them is that polynomial near 0", "agree"))
        verdicts.append(together(near_f, "The construction for each of them is f near 0", "differ"))
        found += [*near_it, *near_f]
        for text, factor, words in (("x", 2, "$f(x) = x$ gives $2x$"), ("-sin(x)", 0, "$f(x) = -\\sin x$ gives 0")):
            target = Target(text, text, "pi", "[−π, π]")
            d = _counterexample(target, factor, self.depth)
            verdicts.append(as_text(d, f"Smallest counterexamples: {words}", "agree"))
            found.append(d)
        targets = [target for target, _ in self.targets]
        section = Section(
            self.title,
            self.prose,
            tables=(_series(targets, self.depth), _growth(targets, self.depth), _fates(self.exploding)),
            figures=tuple(self._figure(target) for target in targets[:1]),
            verdicts=tuple(verdicts),
        )
        return Finding(section, tuple(found))

    def _figure(self, target: Target) -> Figure:
        c = target.coefficients(self.depth)
        curves = [Curve(target.name, "other", *_pairs(target.x, target.values))]
        for label, make in CONSTRUCTIONS.items():
            for depth in [number for number, _ in make(c).blocks if number in (3, 5, 7)][:2]:
                stream = make(c[: depth + 1])
                values = exact_values(stream.value, target.x)[0].tolist()
                curves.append(Curve(f"{label}, $y_{depth}$", "predicted", *near_zero(target.x, values, ON_PICTURE)))
        caption = (
            f"Two constructions for {target.label}. Read literally the curves begin with slope 2 and leave the "
            "picture, "
            f"which ends at ±{ON_PICTURE:g}; with the first block put right $y_3$ is $T_3$."
        )
        return Figure(self.name, f"000's construction for {target.name}", "x", "y", tuple(curves), caption=caption)


def _counterexample(target: Target, factor: int, depth: int) -> Any:
    """The torch model of the construction for this f is factor · x."""
    stream = literal(target.coefficients(depth))
    return met(stream_network(stream), lambda x: x * factor, target.x, depth=depth, interval=target.words)


def _series(targets: Sequence[Target], depth: int) -> Table:
    """The coefficients of y_L beside those of f."""
    rows: list[tuple[Cell, ...]] = []
    for target in targets:
        c = target.coefficients(depth + FURTHER)
        rows.append((target.name, "f", *map(_fraction, c[:COLUMNS]), "–"))
        for label, make in CONSTRUCTIONS.items():
            y = make(c).series(depth + FURTHER)
            wrong = next(k for k in range(depth + FURTHER + 1) if y[k] != c[k])
            rows.append((target.name, label, *(_fraction(y[k]) for k in range(COLUMNS)), wrong))
    columns = ("f", "series of", *(f"$x^{k}$" for k in range(COLUMNS)), "first wrong order")
    caption = "Exact coefficients at 0; those of y are the same from depth 7 on, since block l begins with order l."
    return Table("Series of the construction", columns, tuple(rows), caption)


def _growth(targets: Sequence[Target], depth: int) -> Table:
    """Degree and distance from f, by depth."""
    rows: list[tuple[Cell, ...]] = []
    for target in targets:
        streams = [make(target.coefficients(depth)) for make in CONSTRUCTIONS.values()]
        for number, _ in streams[0].blocks:
            row: list[Cell] = [target.label, number, streams[0].upto(number).degree]
            for stream in streams:
                errors = _errors(target, stream.upto(number))
                within = near_zero(target.x, [0.0 if abs(e) <= 1 else 2.0 for e in errors], 1.0)[0]
                row += [_size(errors), float(max(map(abs, within), default=0.0))]
            rows.append(tuple(row))
    heads = [
        head
        for label in CONSTRUCTIONS
        for head in (f"{label}: sup of the error", f"at most 1 for |x| up to{' ' * (label != 'read literally')}")
    ]
    caption = (
        "Largest difference from f on a grid of 401 points, from ball arithmetic: it is that of the polynomials, "
        "nothing "
        "is rounded. The degree is that of the first construction."
    )
    return Table("Growth with depth", ("f", "L", "degree", *heads), tuple(rows), caption)


def _fates(targets: Sequence[Target]) -> Table:
    """For which x the output settles as depth grows, and for which it explodes."""
    rows: list[tuple[Cell, ...]] = []
    for target in targets:
        c = target.coefficients(DEEPEST)
        with balls.precision():
            seen = [(abs(x), fate(c, flint.arb(x))) for x in target.x[:, 0].tolist()]
        settles = min((x for x, end in seen if end is not Fate.SETTLES), default=float("inf"))
        explodes = max((x for x, end in seen if end is not Fate.EXPLODES), default=0.0)
        counts = [sum(end is one for _, end in seen) for one in Fate]
        rows.append(
            (
                target.label,
                max((x for x, _ in seen if x < settles), default=0.0),
                min((x for x, _ in seen if x > explodes), default="–"),
                *counts,
            )
        )
    columns = ("f", "settles for |x| up to", "explodes for |x| from", "points that explode", "that settle", "open")
    caption = (
        f"Read literally, as depth grows without bound, at 401 points; proved from at most {DEEPEST} blocks. Once "
        "$|y_{l-1}| \\geq 2l$, every further non-zero block makes it at least three times as large; once "
        "$|y_l| \\leq (l + 1)/12$, all further ones together add less than $(l + 1)/12$."
    )
    return Table("Fate of the stream", columns, tuple(rows), caption)


def _errors(target: Target, stream: Stream) -> list[Any]:
    with balls.precision(BITS):
        points = [flint.arb(x) for x in target.x[:, 0].tolist()]
        return [stream.value(x) - target.ball(x) for x in points]


def _size(errors: Sequence[Any]) -> Cell:
    """The largest, as a number or a power of ten."""
    with balls.precision(BITS):
        worst = max((abs(e) for e in errors), key=lambda e: e.mid())
        if worst < LARGEST:
            return float(worst.mid())
        return f"$10^{{{int(float((worst.log() / flint.arb(10).log()).mid()))}}}$"


def _fraction(value: Any) -> str:
    return f"${latex(sp.Rational(int(value.p), int(value.q)))}$"


def _pairs(x: Floats, y: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(x[:, 0].tolist()), tuple(np.ravel(y).tolist())
