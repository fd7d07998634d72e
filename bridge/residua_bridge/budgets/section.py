"""Judged laws as a section of a report: verdicts with their budgets, waterfalls, and a figure a ladder."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from residua_bridge.findings import Cell, Curve, Figure, Section, Steps, Table, VerdictText, Waterfall
from residua_bridge.rendering import as_text, budget_text
from residua_bridge.study import Finding
from residua_bridge.verdict import Budget, Discrepancy, LadderFit, Rung, Verdict

PANELS = 6  # of one waterfall picture


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
        "Each bar begins where the one above it ends: blue adds, hatched takes away, cross-hatched grey is what no cause "
        "explains; black lines are error bars (one standard error), numbers signed sizes."
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
    size = fits[0].name
    curves: list[Curve] = []
    for fit in fits:
        there = [
            r for r in _distinct(case.budget.rungs) if all(r.sizes[n] == s for n, s in fit.sizes.items() if n != size)
        ]
        there.sort(key=lambda r: r.sizes[size])
        others = {n: s for n, s in fit.sizes.items() if len({f.sizes[n] for f in fits}) > 1 and n != size}
        label = ", ".join(f"{n} {s:g}" for n, s in others.items())
        part = f"{label}: " if label else ""
        limit = tuple(law + fit.left.value * unit for law, unit in zip(fit.law, fit.unit, strict=True))
        band = tuple(fit.left.bar * unit for unit in fit.unit)
        curves += [
            Curve(f"{part}predicted", "predicted", fit.line, fit.law),
            Curve(f"{part}measured", "measured", *_points(there, size)),
            Curve(f"{part}fit", "other", fit.line, fit.fit),
            Curve(f"{part}limit of the fit ± its bar", "other", fit.line, limit, band),
        ]
    caption = (
        f"{_sentence(case.title)} Measured against {size} with standard errors, the fit of the correction, and the law "
        "with what is left of the difference in the limit (a band of one standard error)."
    )
    return Figure(
        name, f"{case.title}: along {size}", size, case.found.quantity, tuple(curves), "log", "linear", caption
    )


def _check_figure(name: str, case: Case, size: str) -> Figure:
    """The law at every value of a size in which it is no limit."""
    first = case.budget.rungs[0].sizes
    rungs = [r for r in _distinct(case.budget.rungs) if all(r.sizes[n] == s for n, s in first.items() if n != size)]
    rungs.sort(key=lambda r: r.sizes[size])
    x, y, spread = _points(rungs, size)
    law = tuple(r.predicted for r in rungs)
    values = [*law, *y]
    yscale = "log" if min(values) > 0 and max(values) > 20 * min(values) else "linear"
    curves = (Curve("predicted", "predicted", x, law), Curve("measured", "measured", x, y, spread))
    caption = f"{_sentence(case.title)} The law and what was measured, with standard errors, against {size}."
    return Figure(
        name,
        f"{case.title}: along {size}",
        size,
        case.found.quantity,
        curves,
        "log",
        "log" if yscale == "log" else "linear",
        caption,
    )


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
    off = abs(r.measured - r.predicted) / r.bar if r.bar > 0 else math.nan
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
