"""Judged laws in a report: words, tables, waterfalls, ladder figures, in both formats."""

import json
import math
import re
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib import style
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from residua_bridge import figures, reporting, waterfall_drawing
from residua_bridge.budgets.judge import judged
from residua_bridge.budgets.law import Ladder, Law, Sizes
from residua_bridge.budgets.section import Case, budgets_section, ladder_figures, rungs_table, said, waterfalls
from residua_bridge.findings import BudgetText, Figure, Findings, Section, Steps, TermText, Waterfall
from residua_bridge.formats import formats, named
from residua_bridge.rendering import render
from residua_bridge.waterfall_drawing import draw_waterfall, draw_waterfall_files
from residua_bridge.writer import write
from residua_network import ResiduaError

from .synthetic import Noisy

CAUSES = {"finite batch": lambda s: 0.1, "edge layers": lambda s: -0.06}


@cache
def cases() -> tuple[Case, ...]:
    limit = Law("The gain tends to $1$", "gain", lambda s: 1.0, limits={"width": 1})
    popular = Law("Popular: $1$ & <1>", "gain", lambda s: 1.0, causes=CAUSES, approximations=tuple(CAUSES))
    sizes = {"width": (16.0, 32.0, 64.0, 128.0)}
    two = Ladder({"width": 64, "depth": 5}, {**sizes, "depth": (5.0, 10.0)}, looks=2)
    found = (
        judged(limit, Noisy(falling), Ladder({"width": 64}, sizes)),
        judged(popular, Noisy(lambda s: 1.04), Ladder({"width": 64}, resolution=0.02)),
        judged(limit, Noisy(falling), two),
    )
    return (Case(found[0], "gain", expected="agree"), Case(found[1], "popular", note="a | b"), Case(found[2], "depths"))


def falling(sizes: Sizes) -> float:
    return 1 + 2 / sizes["width"]


def report(section: Section) -> Findings:
    return Findings("budgets", "Budgets", "q?", "c", "r", (section,), provenance={"profile": "quick"})


def section() -> Section:
    return budgets_section("gains", "Gains", ("Some prose.",), cases()).section


def text(*terms: tuple[str, float, float], measured: float = 1.5, unexplained: float = 0.1) -> BudgetText:
    return BudgetText(1.0, measured, 0.05, tuple(TermText(*t, "how") for t in terms), unexplained, 0.02, "mean")


def panel(budget: BudgetText) -> Waterfall:
    return Waterfall("w", "title", "gain", (Steps("p", budget),))


def test_findings_come_back_from_json() -> None:
    found = report(section())
    assert Findings.from_json(found.to_json()) == found
    nan = report(Section("s", waterfalls=(panel(text(("x", math.nan, math.inf))),)))
    again = Findings.from_json(nan.to_json()).sections[0].waterfalls[0].panels[0].budget
    assert math.isnan(again.terms[0].value)
    assert math.isinf(again.terms[0].bar)


def test_words_that_look_like_numbers_stay_words() -> None:
    budget = BudgetText(1.0, 1.5, 0.05, (TermText("nan", 0.5, 0.1, "inf"),), 0.0, 0.02, "inf")
    found = report(Section("s", waterfalls=(panel(budget),)))
    assert Findings.from_json(found.to_json()) == found


def test_the_budget_is_printed_as_text_and_json() -> None:
    found = report(section())
    printed = reporting.printed(found, "text")
    for verdict in found.verdicts:
        assert verdict.budget is not None
        lines = printed.splitlines()
        for term in verdict.budget.terms:
            assert any(line.split()[: len(term.cause.split())] == term.cause.split() for line in lines)
            assert f"{term.value:+.2e}" in printed
        assert f"{verdict.budget.unexplained:+.2e}" in printed
        assert f"{verdict.budget.measured:.6g}" in printed
        assert f"{verdict.budget.predicted:.6g}" in printed
    stored = json.loads(reporting.printed(found, "json"))["sections"][0]["verdicts"][0]["budget"]
    assert [term["cause"] for term in stored["terms"]] == ["finite width", "sampling", "rounding"]
    assert stored["unexplained"] == found.verdicts[0].budget.unexplained  # type: ignore[union-attr]


def test_reports_without_any_stay_as_they_were() -> None:
    verdict = replace(cases()[0].text, budget=None)
    plain = Section("s", figures=(Figure("f", "t", "x", "y", ()),), verdicts=(verdict,))
    names = set(re.findall(r'"(\w+)":', report(plain).to_json()))
    assert {"xscale", "verdict"} <= names
    assert not {"waterfalls", "budget", "ticks"} & names
    assert Findings.from_json(report(plain).to_json()) == report(plain)


def test_words_name_the_causes_and_leave_out_what_does_not_matter() -> None:
    words = said(cases()[0])
    assert "finite width" in words
    assert "rounding" not in words
    assert "“agree”" in words
    assert "explained by these causes" in said(cases()[1])


@pytest.mark.parametrize("name", sorted(formats()))
def test_every_term_is_printed(name: str) -> None:
    printed = named(name).render(report(section()))
    assert printed.count("unexplained") >= 3
    for word in ("finite width", "edge layers", "sampling", "rounding", "gains-budget", "gains-1-width"):
        assert word in printed
    fragment = render([case.found for case in cases()], name)
    assert "edge layers" in fragment
    assert "fitted along width 16," in fragment


def test_terms_of_the_table_add_up_to_what_was_measured() -> None:
    for verdict in section().verdicts:
        b = verdict.budget
        assert b is not None
        assert b.predicted + sum(t.value for t in b.terms) + b.unexplained == pytest.approx(b.measured, rel=1e-12)


def test_same_bytes_on_two_draws(tmp_path: Path) -> None:
    found = Findings.from_json(report(section()).to_json())
    contents = []
    for name in ("a", "b"):
        paths = write(found, tmp_path / name, tuple(formats()))
        contents.append({path.name: path.read_bytes() for path in paths})
    assert contents[0] == contents[1]
    assert {"gains-budget.svg", "gains-budget.pdf", "gains-1-width.svg", "report.md"} <= set(contents[0])


@pytest.mark.parametrize(
    ("predicted", "measured", "bar", "words"),
    [
        (1e6, 1e6 + 2.5, 0.5, ("1000000", "1000002.5 ± 0.5")),
        (1.0, 1.5, 0.05, ("1", "1.5 ± 0.05")),
        (-1.0, math.nan, math.inf, ("-1", "nan ± inf")),
    ],
)
def test_digits_show_the_difference(predicted: float, measured: float, bar: float, words: tuple[str, str]) -> None:
    budget = BudgetText(predicted, measured, bar, (), measured - predicted, bar, "mean")
    canvas = waterfall_drawing._canvas(panel(budget))
    said = [text.get_text() for text in canvas.axes[0].texts]
    assert set(words) <= set(said)


def test_each_bar_begins_where_the_one_before_ends() -> None:
    canvas = waterfall_drawing._canvas(panel(text(("up", 0.6, 0.1), ("down", -0.2, 0.1))))
    bars = [p for p in canvas.axes[0].patches if isinstance(p, Rectangle)]
    assert [p.get_x() for p in bars] == pytest.approx([1.0, 1.6, 1.4])
    assert [p.get_width() for p in bars] == pytest.approx([0.6, -0.2, 0.1])
    assert [p.get_hatch() for p in bars] == [None, "/////", "xxxxx"]
    assert [t.get_text() for t in canvas.axes[0].get_yticklabels()] == [
        "predicted",
        "up",
        "down",
        "unexplained",
        "measured",
    ]
    low, high = canvas.axes[0].get_xlim()
    assert low < 1.0
    assert high > 1.7


def test_what_adds_and_what_takes_away_are_told_apart_without_colours() -> None:
    styles = (waterfall_drawing.ADDS, waterfall_drawing.TAKES, waterfall_drawing.REST)
    assert len({style.get("hatch") for style in styles}) == 3


def test_what_is_not_finite_is_said_and_drawn_all_the_same(tmp_path: Path) -> None:
    broken = panel(text(("x", math.nan, math.inf), measured=math.nan, unexplained=math.nan))
    words = [a.get_text() for a in waterfall_drawing._canvas(broken).axes[0].texts]
    assert "not finite" in words
    assert len(draw_waterfall_files(broken, tmp_path)) == 2


def test_nothing_at_all_and_too_much_are_refused(tmp_path: Path) -> None:
    for count in (0, 9):
        with pytest.raises(ResiduaError, match=f"waterfall 'w': expected 1 to 8 panels, got {count}"):
            draw_waterfall(Waterfall("w", "t", "x", (Steps("p", text()),) * count), tmp_path / "w.svg")


def test_many_cases_take_several_pictures() -> None:
    names = [w.name for w in waterfalls("many", "title", cases() * 3)]
    assert names == ["many-budget-1", "many-budget-2"]
    assert [w.name for w in waterfalls("few", "title", cases())] == ["few-budget"]


def test_ladder_figures_show_points_fit_and_limit() -> None:
    (figure,) = ladder_figures("l", cases()[0])
    kinds = [(curve.source, curve.label) for curve in figure.curves]
    assert ("other", "fit") in kinds
    assert ("other", "limit of the fit, with its bar") in kinds
    measured = next(curve for curve in figure.curves if curve.source == "measured")
    assert measured.x == figure.ticks == (16.0, 32.0, 64.0, 128.0)
    assert all(s > 0 for s in measured.spread)
    fit = next(curve for curve in figure.curves if curve.label == "fit")
    assert np.interp(16, fit.x, fit.y) == pytest.approx(measured.y[0], abs=4 * measured.spread[0])
    assert [f.name for f in ladder_figures("l", cases()[2])] == ["l-width", "l-depth"]


class Fixed:
    """Nothing random."""

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> NDArray[np.float64]:
        return np.full(repetitions, 1.0)


def test_a_source_without_chance_is_not_said_to_be_sampled() -> None:
    found = judged(Law("one", "one", lambda sizes: 1.0), Fixed(), Ladder({"steps": 1}, {}, 1, 1e-6))
    assert "bars of rounding" in found.reason
    assert "sampling" not in found.reason
    assert "0.00%" not in found.reason
    assert [row[-1] for row in rungs_table("fixed", [Case(found, "one")]).rows] == ["–"]


@pytest.mark.parametrize("value", [-0.1236561148593, 1.0])
@pytest.mark.parametrize("bar", [1e-13, 1e-9, 1e-3])
def test_labels_below_a_narrow_panel_do_not_overlap(value: float, bar: float) -> None:
    """Down to a span that only rounding fills."""
    budget = BudgetText(value, value, bar, (), 0.0, bar, "arithmetic mean")
    with style.context(["default", figures._STYLE]):
        canvas = waterfall_drawing._canvas(Waterfall("narrow", "Narrow", "x", (Steps("a", budget),) * 2, ""))
        canvas.draw_without_rendering()
    for axes in canvas.axes:
        boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
        assert len(boxes) >= 1
        assert all(a.x1 < b.x0 for a, b in pairwise(boxes))
