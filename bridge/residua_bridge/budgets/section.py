"""Judged laws as a section of a report: verdicts with their budgets, waterfalls, and a figure a ladder."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from residua_bridge.findings import Cell, Curve, Figure, Section, Steps, Table, VerdictText, Waterfall
from residua_bridge.rendering import as_text, budget_text
from residua_bridge.study import Finding
from residua_bridge.verdict import Budget, Discrepancy, LadderFit, Rung, Verdict

PANELS = 6  # of one waterfall picture
LONGEST_LABEL = 34  # characters along the side of a picture
WIDE = 20.0  # values that span more than this have a logarithmic axis


@dataclass(frozen=True)
class Case:
    """A judged law and how a report speaks of it: `label` is short, for pictures; `statement` is the verdict's line."""

    found: Discrepancy
    label: str = ""
    statement: str = ""
    expected: str = ""
    note: str = ""

    @property
    def title(self) -> str:
        """The short name."""
        return self.label or self.statement or self.found.quantity

    @property
    def budget(self) -> Budget:
        """Of the law's own comparison."""
        assert self.found.budget is not None, f"{self.found.quantity} was not judged along a ladder"
        return self.found.budget

    @property
    def text(self) -> VerdictText:
        """The verdict as it is printed."""
        return as_text(self.found, self.statement, self.expected, self.note)


def budgets_section(
    name: str, title: str, prose: Sequence[str], cases: Sequence[Case], *, ladders: bool = True
) -> Finding:
    """One call for all: prose, a sentence a law, the table of what was run, waterfalls, ladder figures, verdicts.

    `name` begins the names of the pictures, `ladders=False` leaves out their figures.
    """
    section = Section(
        title=title,
        prose=(*prose, *(said(case) for case in cases)),
        tables=(rungs_table(f"{title}: what was measured", cases),),
        figures=tuple(f for k, case in enumerate(cases) for f in ladder_figures(f"{name}-{k + 1}", case)) * ladders,
        waterfalls=waterfalls(name, f"{title}: from predicted to measured", cases),
        verdicts=tuple(case.text for case in cases),
    )
    return Finding(section, tuple(case.found for case in cases))


def said(case: Case) -> str:
    """A law's verdict and budget in words: what was predicted, what was measured, which causes lie between."""
    b = case.budget
    off = b.measured.value - b.predicted
    parts = [
        f"{term.cause} {term.value:+.2g} ± {term.bar:.1g}" for term in b.terms if _matters(term.value, term.bar, b)
    ]
    causes = f" Of the difference of {off:+.3g}: {', '.join(parts)}." if parts else f" The difference is {off:+.3g}."
    left = f" Unexplained is {b.unexplained.value:+.2g} ± {b.unexplained.bar:.1g}."
    word = f"The verdict is “{case.found.verdict}”"
    why = "" if case.found.verdict is Verdict.AGREE or not case.found.explained else ", explained by these causes"
    return (
        f"{_sentence(case.title)} Predicted {b.predicted:.5g}, measured {b.measured.value:.5g} ± {b.measured.bar:.1g} "
        f"({b.statistic}).{causes}{left} {word}{why}: {case.found.reason}."
    )


def waterfalls(name: str, title: str, cases: Sequence[Case], xlabel: str = "") -> tuple[Waterfall, ...]:
    """The budgets of the cases as waterfalls, `PANELS` a picture."""
    groups = [cases[k : k + PANELS] for k in range(0, len(cases), PANELS)]
    caption = (
        "Each bar begins where the one above it ends: blue adds, hatched takes away, cross-hatched grey is what no "
        "cause explains; black lines are error bars (one standard error), numbers signed sizes."
    )
    return tuple(
        Waterfall(
            f"{name}-budget" + (f"-{k}" if len(groups) > 1 else ""),
            title,
            xlabel or _same({case.found.quantity for case in group}),
            tuple(Steps(case.title, budget_text(case.budget)) for case in group),
            caption,
        )
        for k, group in enumerate(groups, start=1)
    )


def ladder_figures(name: str, case: Case) -> tuple[Figure, ...]:
    """A figure for each size of a ladder: the law, what was measured, the fit, and the limit that it tends to."""
    b = case.budget
    figures = [
        _limit_figure(f"{name}-{_stem(size)}", case, list(fits))
        for size, fits in groupby(sorted(b.fits, key=lambda f: f.name), key=lambda f: f.name)
    ]
    checked = [size for size in b.rungs[0].sizes if size not in {f.name for f in b.fits} and len(_column(b, size)) > 1]
    return (*figures, *(_check_figure(f"{name}-{_stem(size)}", case, size) for size in checked))


def rungs_table(title: str, cases: Sequence[Case]) -> Table:
    """Every combination of sizes that was run."""
    names = list(dict.fromkeys(size for case in cases for rung in case.budget.rungs for size in rung.sizes))
    columns = ("law", *names, "repetitions", "predicted", "measured", "standard error", "off by, in s.e.")
    rows = tuple(
        (case.title if k == 0 else "", *(_whole(rung.sizes.get(n, "")) for n in names), *_numbers(rung))
        for case in cases
        for k, rung in enumerate(_distinct(case.budget.rungs))
    )
    caption = (
        "Every combination of sizes that was run, the point of the budget first. Predicted is the law with the causes "
        "that it allows for; finite sizes of which it is the limit are not taken off here."
    )
    return Table(title, columns, rows, caption)


def _limit_figure(name: str, case: Case, fits: Sequence[LadderFit]) -> Figure:
    """Of one ladder in the quantity's own units; of several, the differences relative to the law's unit."""
    size, alone = fits[0].name, len(fits) == 1
    curves: list[Curve] = []
    ticks: set[float] = set()
    for fit in fits:
        rungs = sorted(_on(case.budget.rungs, fit.sizes, size), key=lambda r: r.sizes[size])
        ticks |= {r.sizes[size] for r in rungs}
        label = case.title if alone else _others(fit, fits, size)
        x, y, spread = _points(rungs, size)
        law = dict(zip(fit.line, zip(fit.law, fit.unit, strict=True), strict=True))
        if not alone:
            y = tuple((value - law[at][0]) / law[at][1] for at, value in zip(x, y, strict=True))
            spread = tuple(bar / law[at][1] for at, bar in zip(x, spread, strict=True))
        curves.append(Curve(f"{label}: measured", "measured", x, y, spread))
        base = [law[at][0] if alone else 0.0 for at in fit.line]
        unit = [law[at][1] if alone else 1.0 for at in fit.line]
        scaled = zip(fit.fit, fit.law, fit.unit, strict=True)
        through = fit.fit if alone else tuple((value - predicted) / one for value, predicted, one in scaled)
        limit = tuple(at + fit.left.value * one for at, one in zip(base, unit, strict=True))
        curves.append(Curve(f"{label}: predicted", "predicted", fit.line, tuple(base)))
        curves.append(Curve(_join(label, "fit", alone), "other", fit.line, through))
        band = tuple(fit.left.bar * one for one in unit)
        curves.append(Curve(_join(label, "limit of the fit, with its bar", alone), "other", fit.line, limit, band))
    ylabel = _wrapped(case.found.quantity if alone else f"{case.found.quantity}: relative difference")
    caption = (
        f"{_sentence(case.title)} Measured against {size} with standard errors, the fit of the correction, and the law "
        "with what is left of the difference in the limit (the band is one standard error)."
    )
    title = f"{case.title}: along {size}"
    return Figure(name, title, size, ylabel, tuple(curves), "log", caption=caption, ticks=tuple(sorted(ticks)))


def _on(rungs: Sequence[Rung], sizes: Mapping[str, float], size: str) -> list[Rung]:
    """The rungs along one size, at given others."""
    return [r for r in _distinct(rungs) if all(r.sizes[n] == s for n, s in sizes.items() if n != size)]


def _others(fit: LadderFit, fits: Sequence[LadderFit], size: str) -> str:
    """By which sizes a ladder differs from those beside it."""
    return ", ".join(f"{n} {s:g}" for n, s in fit.sizes.items() if n != size and len({f.sizes[n] for f in fits}) > 1)


def _join(label: str, words: str, alone: bool) -> str:
    return words if alone else f"{label}: {words}"


def _wrapped(label: str) -> str:
    """On several lines where the side of a picture is too short for it."""
    if "$" in label:  # mathematics stays in one piece
        return label
    return "\n".join(textwrap.wrap(label, LONGEST_LABEL, break_long_words=False, break_on_hyphens=False))


def _check_figure(name: str, case: Case, size: str) -> Figure:
    """The law at every value of a size in which it is no limit."""
    rungs = sorted(_on(case.budget.rungs, case.budget.rungs[0].sizes, size), key=lambda r: r.sizes[size])
    x, y, spread = _points(rungs, size)
    law = tuple(r.predicted for r in rungs)
    values = [*law, *y]
    yscale: Literal["linear", "log"] = "log" if 0 < WIDE * min(values) < max(values) else "linear"
    measured = Curve(f"{case.title}: measured", "measured", x, y, spread)
    curves = (Curve(f"{case.title}: predicted", "predicted", x, law), measured)
    caption = f"{_sentence(case.title)} The law and what was measured, with standard errors, against {size}."
    title = f"{case.title}: along {size}"
    return Figure(name, title, size, _wrapped(case.found.quantity), curves, "log", yscale, caption, ticks=x)


def _points(rungs: Sequence[Rung], size: str) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    return (
        tuple(r.sizes[size] for r in rungs),
        tuple(r.measured for r in rungs),
        tuple(r.bar for r in rungs),
    )


def _distinct(rungs: Sequence[Rung]) -> list[Rung]:
    return list({tuple(r.sizes.items()): r for r in rungs}.values())


def _column(b: Budget, size: str) -> set[float]:
    return {r.sizes[size] for r in b.rungs}


def _numbers(r: Rung) -> tuple[Cell, ...]:
    off: Cell = abs(r.measured - r.predicted) / r.bar if r.bar > 0 else "–"
    return (r.repetitions, r.predicted, r.measured, r.bar, off)


def _whole(size: float | str) -> Cell:
    return int(size) if isinstance(size, float) and size.is_integer() else size


def _matters(value: float, bar: float, b: Budget) -> bool:
    """Whether a term is worth a word: not a rounding far below every bar."""
    return max(abs(value), bar) > 1e-3 * max(b.measured.bar, b.unexplained.bar, abs(b.measured.value - b.predicted))


def _sentence(title: str) -> str:
    return title if title.endswith((".", "?", "!")) else f"{title}."


def _stem(size: str) -> str:
    return "".join(c if c.isalnum() and c.isascii() else "-" for c in size)


def _same(words: set[str]) -> str:
    return words.pop() if len(words) == 1 else "the quantity of each law"
