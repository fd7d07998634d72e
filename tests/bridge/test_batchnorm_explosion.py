"""The study of batch normalisation: its sources and judged laws at small sizes, planted laws, claims that can fail."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from residua_bridge.budgets.judge import judged
from residua_bridge.budgets.law import Ladder, Law, Sizes
from residua_bridge.claims import Evidence
from residua_bridge.experiments.batchnorm.benefit import Setting, WhichVariances
from residua_bridge.experiments.batchnorm.laws import ours
from residua_bridge.experiments.batchnorm.residual import POST_DEPTHS, not_normal, post_norm, pre_norm, resolution
from residua_bridge.experiments.batchnorm.small import SmallBatches
from residua_bridge.experiments.batchnorm.sources import (
    Gradients,
    Kept,
    Planned,
    linear_block,
    plain_block,
    post_norm_block,
    pre_norm_block,
    relu_block,
    root,
)
from residua_bridge.experiments.batchnorm.story import ALONG, BATCH, EDGE, POPULAR, Story, taken_for
from residua_bridge.figures import MANY
from residua_bridge.findings import Cell, Section, Table, VerdictText
from residua_bridge.studies.batchnorm_explosion import (
    BENEFIT,
    BY_VARIANCE,
    NAME,
    RESIDUAL,
    SMALL,
    STORY,
    _with_skips,
    bears_out_help,
)
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Verdict
from residua_network import Network
from residua_symbolic.moments.batch.laws import layer_law
from residua_symbolic.moments.batch.residual_laws import ORDERS, pre_norm_law

QUICK = Settings("quick")
HE = 2.0
NOTHING = 1e-20  # of the squared gradient: the square of what rounding leaves, with room
SIZES = {"width": 12.0, "depth": 3.0, "batch": 6.0}


def test_blocks_are_what_their_names_say() -> None:
    def kinds(layers: tuple[object, ...]) -> list[str]:
        return [type(layer).__name__ for layer in layers]

    assert kinds(linear_block(4)) == ["Linear", "BatchNorm"]
    assert kinds(relu_block(4)) == ["Linear", "BatchNorm", "Activation"]
    assert kinds(plain_block(4)) == ["Linear", "Activation"]
    (residual,) = pre_norm_block(ORDERS[1])(4)
    assert kinds(residual.layers) == ["BatchNorm", "Linear", "Activation"]  # type: ignore[attr-defined]
    assert kinds(post_norm_block("ReLU → Linear")(4)) == ["Residual", "BatchNorm"]
    Network(post_norm_block("ReLU → Linear")(4) * 2)


def test_a_source_repeats_its_blocks_and_no_others() -> None:
    source = Gradients(relu_block)
    first, again, other = (source.draw(SIZES, 3, block) for block in (0, 0, 1))
    assert (first == again).all()
    assert not np.isin(first, other).any()
    whole = replace(source, per_layer=False).draw(SIZES, 3, 0)
    assert first**3 == pytest.approx(whole)
    pairs = replace(source, pairs=True).draw(SIZES, 3, 0)
    assert pairs[:, 0] / pairs[:, 1] == pytest.approx(whole)
    inner = replace(source, start=1, per_layer=False).draw(SIZES, 3, 0)
    lowest = replace(source, layers=lambda depth: 1, per_layer=False).draw(SIZES, 3, 0)
    assert inner * lowest == pytest.approx(whole)


def test_weights_of_any_size_give_the_same_ratio() -> None:
    source = Gradients(relu_block)
    drawn = [source.draw({**SIZES, "variance": v}, 3, 0) for v in (0.1, 2.0, 30.0)]
    assert drawn[0] == pytest.approx(drawn[1], rel=1e-12)
    assert drawn[2] == pytest.approx(drawn[1], rel=1e-12)


def small(plan: Planned, law: Law, repetitions: int = 150) -> Verdict:
    """The plan's source and another law, in small nets."""
    ladder = Ladder(
        {"width": 64.0, "depth": 5.0, "batch": 8.0},
        {"batch": (8.0, 16.0), "width": (16.0, 32.0, 64.0)},
        repetitions=repetitions,
        resolution=0.03,
        seconds=20.0,
    )
    return judged(law, plan.source, ladder, plan.statistic).verdict


@pytest.mark.parametrize("kind", ["linear", "relu"])
def test_the_law_agrees_and_planted_ones_do_not(kind: str) -> None:
    plan = ours(kind, 20.0)
    assert small(plan, plan.law) == Verdict.AGREE
    law = layer_law(kind)

    def without_edges(sizes: object) -> float:
        return law.growth(int(sizes["batch"]))  # type: ignore[index]

    def claimed(sizes: object) -> float:
        return root(law.claimed(int(sizes["batch"]), 5), 5)  # type: ignore[index]

    planted = [claimed] if kind == "linear" else [claimed, without_edges, lambda sizes: POPULAR]
    for value in planted:
        verdict = small(plan, replace(plan.law, value=value, causes={}, approximations=()))
        assert verdict in (Verdict.DIFFER, Verdict.ONLY_AT_THIS_SCALE)


def test_what_normal_entries_leave_out() -> None:
    term = not_normal(8, 4, 2.0)
    assert term.value > 3 * term.bar > 0
    assert not_normal(64, 4, 2.0).value < term.value
    law = pre_norm_law("BatchNorm → Linear → ReLU")
    one = not_normal(8, 1, 2.0)  # the input is normal
    assert abs(one.value) < 1e-12 * law.at(8, 1)
    assert not pre_norm(ORDERS[0], 1.0).law.causes


@cache
def sections() -> tuple[Section, ...]:
    """Of the experiments that are quick enough here."""
    story = Story("s", STORY, (), 8, (4, 16), (16, 32), By(12, 12), By(3, 3), looks=2)
    helped = WhichVariances("b", BENEFIT, (), (Setting(16, 8, 8),), (0.25, 2.0, 12.0), By(12, 12), (8,), (8,))
    few = SmallBatches(SMALL, (), (2, 3, 4, 16), (64,), 2, By(60, 60))
    found: list[Finding] = [experiment.run(QUICK) for experiment in (story, helped, few)]
    return tuple(finding.section for finding in found)


def evidence(of: tuple[Section, ...]) -> Evidence:
    """These sections as the study's report."""
    return Evidence({NAME: of})


def rows_of(table: str) -> tuple[tuple[Cell, ...], ...]:
    """Of the experiments that are quick enough here."""
    return evidence(sections()).table(NAME, table).table.rows


def test_the_terms_of_the_story_add_up() -> None:
    rows = rows_of("One number at every depth")
    assert [row[0] for row in rows] == [4, 16]
    for row in rows:
        popular, edge, batch, width, sampling, measured, rest, _, law = map(float, row[2:-1])
        assert popular + edge + batch + width + sampling + rest == pytest.approx(measured, abs=1e-9)
        assert popular + edge + batch == pytest.approx(law, abs=1e-12)


def test_lines_that_are_no_measurement_look_different() -> None:
    (figure,) = sections()[0].figures
    flat = [curve for curve in figure.curves if curve.source == "other"]
    assert len(flat) == 2
    assert all(len(curve.x) <= MANY for curve in flat)  # above that, a line is drawn solid
    law = next(curve for curve in figure.curves if curve.source == "predicted")
    rows = _rows_by_depth()
    for layers, depth in ((2.0, 4), (8.0, 16)):
        assert law.y[law.x.index(layers)] == pytest.approx(rows[depth][-2])


def test_one_depth_never_decides_a_limit_of_depth_and_batch() -> None:
    verdicts = {v.statement: v for v in sections()[0].verdicts}
    for depth in (4, 16):
        alone = verdicts[f"π/(π−1) a layer, at depth {depth} alone"]
        assert alone.verdict == "inconclusive"
        assert "batch and depth" in alone.note
        assert f"pass for {_rows_by_depth()[depth][-1]}" in alone.note
    assert verdicts[ALONG].verdict == "differ"
    assert verdicts[ALONG].explained


def _rows_by_depth() -> dict[Cell, tuple[Cell, ...]]:
    return {row[0]: row for row in rows_of("One number at every depth")}


def test_what_a_number_by_itself_would_pass_for() -> None:
    """Two laws off by opposite terms that cancel at one size, and by one of them."""

    class Normal:
        def draw(self, sizes: Sizes, repetitions: int, block: int) -> NDArray[np.float64]:
            return np.asarray(np.random.default_rng((3, block)).normal(1.0, 0.1, repetitions))

    def law(edge: float, batch: float) -> Law:
        causes = {EDGE: lambda sizes: edge, BATCH: lambda sizes: batch}
        return Law("s", "q", lambda sizes: 1.0 - edge - batch, {"batch": 1.0}, causes, (EDGE, BATCH))

    ladder = Ladder({"batch": 8.0}, repetitions=400, resolution=0.05, seconds=5.0)
    cancelling, off = (judged(law(0.2, batch), Normal(), ladder) for batch in (-0.2, 0.2))
    assert (taken_for(cancelling), taken_for(off)) == ("confirmed", "refuted")
    assert cancelling.verdict == off.verdict == Verdict.INCONCLUSIVE


def test_kept_draws_are_the_same_and_not_drawn_twice() -> None:
    source = Gradients(relu_block)
    kept = Kept(source)
    first = kept.draw(SIZES, 3, 0)
    assert kept.draw(dict(reversed(SIZES.items())), 3, 0) is first
    assert (source.draw(SIZES, 3, 0) == first).all()
    assert (kept.draw(SIZES, 3, 1) != first).all()
    assert (kept.draw({**SIZES, "depth": 4.0}, 3, 0) != first).all()


@pytest.mark.parametrize("kind", ["ReLU → Linear", "Linear → ReLU"])
def test_a_power_of_the_depth_is_not_taken_for_post_norm(kind: str) -> None:
    plan = post_norm(kind, 20.0)
    deepest = max(POST_DEPTHS)
    factor = plan.law.value(plan.ladder.point)
    power = deepest * np.log(factor) / np.log(1 + deepest)

    def grows(sizes: Sizes) -> float:
        return float((1 + sizes["depth"]) ** (power / sizes["depth"]))

    wrong = replace(plan.law, value=grows)
    assert grows(plan.ladder.point) == pytest.approx(factor)
    assert judged(wrong, plan.source, plan.ladder, plan.statistic).verdict != Verdict.AGREE


def test_the_resolutions_tell_the_laws_of_large_batch_apart() -> None:
    for order in ORDERS:
        law, depth = pre_norm_law(order), 8
        assert 1 - law.at(10**6, depth) / law.at(16, depth) >= 2 * resolution() * (1 - 1e-12)


def test_conclusions_on_residual_nets_need_their_verdicts() -> None:
    def section(word: str) -> Section:
        texts = [VerdictText(s, word, True, "agree", "", 0.0, {}, 0.0, 0.0) for s in ("Pre-norm, a", "Post-norm, b")]
        return Section(RESIDUAL, (), verdicts=tuple(texts))

    assert "stays exponential" in _with_skips(evidence((section("agree"),)))[0]
    (refused,) = _with_skips(evidence((section("differ"),)))
    assert "exponential" not in refused
    assert "pre-norm and post-norm is not borne out" in refused


def test_who_is_helped_needs_its_evidence() -> None:
    assert bears_out_help(evidence(sections()))
    assert not bears_out_help(evidence(tuple(replace(s, tables=tuple(map(_turned, s.tables))) for s in sections())))


def _turned(table: Table) -> Table:
    """A table of variances with one row spoiled: another normalised ratio, a plain one that is far, a wrong word."""
    if not table.title.startswith(BY_VARIANCE):
        return table
    rows: list[list[Cell]] = [list(row) for row in table.rows]
    for row in rows:
        if row[3] == HE:
            row[5], row[7], row[-1] = 5.0, 1e-3 - float(row[7]), "helps"
    return replace(table, rows=tuple(tuple(row) for row in rows))


def test_small_batches_pass_nothing_or_everything() -> None:
    rows = {row[0]: row for row in rows_of("Small batches")}
    assert float(rows[2][3]) < NOTHING
    assert rows[3][2] == "infinite"
    assert rows[4][-1] == "heavy"
    assert float(rows[4][3]) > float(rows[16][3])
