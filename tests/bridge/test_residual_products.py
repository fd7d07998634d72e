"""The experiments on residual products at their smallest, and that each would notice if it were wrong."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import comb
from typing import Any

import numpy as np
import pytest
import torch

from residua_bridge.compare import compare
from residua_bridge.experiments import gain_ladder, initialised, path_shares, path_sum
from residua_bridge.experiments.error_ladder import Family
from residua_bridge.experiments.gain_ladder import THE_SKIP, Effect, GainLadder, Skip, answer, change
from residua_bridge.experiments.gradient_growth import (
    EXCLUDED,
    KEPT,
    Fit,
    GradientGrowth,
    described_by,
    fits,
    reach,
    shape_of,
)
from residua_bridge.experiments.initialised import Initialised, passes
from residua_bridge.experiments.path_shares import Bins, Ladder, PathFamily, PathShares, at_zero, shares_of
from residua_bridge.experiments.path_sum import PathSum, by_enumeration
from residua_bridge.experiments.product_spectra import ProductSpectra
from residua_bridge.findings import Section, VerdictText
from residua_bridge.studies import residual_products as study
from residua_bridge.study import By, Settings
from residua_network import Network
from residua_numeric import build
from residua_symbolic import NetworkJacobian, jacobian

SETTINGS = Settings()
SMALL = 6  # width
PRE_NORM = partial(study.normed, study.relu_linear)


def small(make: Callable[..., Network], branch: Any) -> Callable[[int], Network]:
    """A family at a small width."""
    return lambda blocks: make(branch, blocks, SMALL)


PLAIN = Family("plain", small(study.plain, study.relu_linear))
SKIPPED = Family("residual", small(study.residual, study.relu_linear))
NORMED = Family("pre-norm", small(study.residual, PRE_NORM), partial(study.pre_norm_ratio, 1.0))


@pytest.fixture
def skip_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model loses the skip of its first residual block."""

    class Forgetful(torch.nn.Module):
        def __init__(self, block: Any) -> None:
            super().__init__()
            self.branch = block.branch

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.branch(x)
            return found

    def faulty(net: Network, **options: Any) -> torch.nn.Sequential:
        model = build(net, **options)
        place = next((k for k, module in enumerate(model) if hasattr(module, "branch")), None)
        if place is not None:
            model[place] = Forgetful(model[place])
        return model

    monkeypatch.setattr(initialised, "build", faulty)


@pytest.fixture
def slightly_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every prediction is wrong by a millionth."""
    true = Initialised.predicted

    def wrong(self: Initialised, quantity: str) -> Any:
        prediction = true(self, quantity)
        return replace(prediction, values=prediction.values * (1 + 1e-6))

    monkeypatch.setattr(Initialised, "predicted", wrong)


def words(section: Section) -> list[tuple[str, bool]]:
    """The verdicts of a section."""
    return [(v.verdict, v.explained) for v in section.verdicts]


def columns(section: Section, title: str) -> dict[str, tuple[Any, ...]]:
    """A table by column."""
    (table,) = (t for t in section.tables if t.title == title)
    return dict(zip(table.columns, zip(*table.rows, strict=True), strict=True))


def growth() -> GradientGrowth:
    return GradientGrowth("g", "t", (), (PLAIN, NORMED), (2, 4), By(3, 3), By(1, 1))


def test_gradient_norms_agree_at_every_depth() -> None:
    section = growth().run(SETTINGS).section
    assert words(section) == [("agree", True)] * 2
    table = columns(section, "Gradient ratio by depth")
    assert table["predicted"] == pytest.approx(table["measured"], rel=1e-12)
    assert table["wide limit"][:2] == ("–", "–")
    assert table["wide limit"][2:] == pytest.approx((np.sqrt(3), np.sqrt(5)))
    assert [len(c.x) for c in section.figures[0].curves] == [4] * 4


@pytest.mark.usefixtures("slightly_off")
def test_gradient_norms_off_by_a_millionth_differ() -> None:
    assert words(growth().run(SETTINGS).section) == [("differ", False)] * 2


@pytest.mark.usefixtures("skip_forgotten")
def test_a_forgotten_skip_changes_the_verdict_of_its_family_only() -> None:
    assert words(growth().run(SETTINGS).section) == [("agree", True), ("differ", False)]


def test_the_ratio_is_that_of_a_chain_rule_by_hand() -> None:
    start = Initialised.of(jacobian(SKIPPED.network(3)), seed=5, rows=2)
    g = start.cotangent
    for l in reversed(range(3)):
        x = start.x
        for k in range(l):
            x = x + np.maximum(x, 0) @ start.weights[f"{k}.branch.1.weight"].T
        g = g + (g @ start.weights[f"{l}.branch.1.weight"]) * (x > 0)
    by_hand = np.sqrt((g**2).sum() / (start.cotangent**2).sum())
    predicted, measured = start.relative_norms()
    assert predicted[0] == pytest.approx(by_hand, rel=1e-12)
    assert measured[0] == pytest.approx(by_hand, rel=1e-12)


DEEP = np.array([2.0, 4, 8, 16, 32, 64])


def test_each_shape_of_growth_is_told_from_the_others() -> None:
    small = np.full(6, 1e-6)
    for k, (name, logs) in enumerate(
        (("exponential", 0.1 * DEEP), ("power", 0.5 * np.log10(1 + DEEP)), ("constant", np.full(6, 0.3)))
    ):
        found = fits(DEEP, logs, small)
        assert described_by(found, 4, 8) == shape_of(logs, DEEP) == name
        assert found[k].left < 1e-12
    assert fits(DEEP, 0.5 * np.log10(1 + DEEP), small)[1].parameter == pytest.approx(0.5)
    assert described_by(fits(DEEP, np.zeros(6), small), 4, 8) == "not decided: exponential, power, constant"
    assert described_by(fits(DEEP, np.log10(1 + DEEP) ** 3, small), 4, 8) == "none of the three"
    assert shape_of(np.zeros(6), DEEP) == "constant"


def test_a_curve_neither_kept_nor_excluded_leaves_the_growth_open() -> None:
    near, between, far = (Fit(name, 1.0, 0.1, worst) for name, worst in (("a", 3.0), ("b", 6.0), ("c", 9.0)))
    assert described_by((near, far), 4, 8) == "a"
    assert described_by((near, between, far), 4, 8) == "not decided: a, b"
    assert described_by((between, far), 4, 8) == "not decided: b"
    assert described_by((far,), 4, 8) == "none of the three"


def test_a_true_curve_is_lost_as_rarely_as_is_said() -> None:
    rng, seeds, trials = np.random.default_rng(0), 6, 2000
    kept, excluded = (reach(chance, seeds, len(DEEP)) for chance in (KEPT, EXCLUDED))
    worst = []
    for _ in range(trials):
        draws = 0.05 * DEEP[:, None] + 0.1 * np.sqrt(DEEP)[:, None] * rng.normal(size=(len(DEEP), seeds))
        errors = draws.std(axis=1, ddof=1) / np.sqrt(seeds)
        worst.append(fits(DEEP, draws.mean(axis=1), errors)[0].worst)
    assert np.mean(np.array(worst) > kept) < 1.3 * KEPT
    assert np.mean(np.array(worst) > excluded) < 3 * EXCLUDED


def test_depths_have_seeds_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    true = Initialised.of

    def noted(J: NetworkJacobian, seed: int, rows: int, init: str | float = "he") -> Initialised:
        drawn.append(seed)
        return true(J, seed, rows, init)

    monkeypatch.setattr(Initialised, "of", noted)
    replace(growth(), families=(NORMED,)).run(SETTINGS)
    assert drawn == [2000, 2001, 2002, 4000, 4001, 4002]


def test_a_word_that_contradicts_the_argued_law_says_so() -> None:
    row: study.Row = {"network": "net", "described by": "exponential", "argued for infinite width": "constant"}
    assert study._beside(row) == "net (unlike the law argued for infinite width, nearest to: constant)"
    assert study._beside(row | {"argued for infinite width": "exponential"}) == "net"
    assert study._beside(row | {"argued for infinite width": "–"}) == "net"


def test_limits() -> None:
    assert [passes(log) for log in (-3.1, -2.9, 2.9, 3.1)] == ["vanishing", "–", "–", "exploding"]


def test_families_beyond_a_limit_are_named_and_left_out_of_the_figure_by_depth() -> None:
    residual = Family("residual", small(study.residual, study.linear_relu), study.powers(2.0))
    experiment = replace(growth(), families=(residual, NORMED), depths=(2, 40))
    section = experiment.run(SETTINGS).section
    assert columns(section, "How the ratio grows")["explodes from"] == (40, "–")
    assert "pass a limit: residual." in section.figures[1].caption
    assert {c.label for c in section.figures[1].curves} == {"pre-norm: predicted", "pre-norm: measured"}


def gains() -> GainLadder:
    skips = (Skip(study.ALONE, PLAIN, SKIPPED), Skip("both", PLAIN, NORMED, "the skip and LN"))
    return GainLadder("gain", "t", (), skips, (0.05, 16.0), (16,), By(4, 4))


def test_a_skip_alone_cures_vanishing_and_not_exploding() -> None:
    section = gains().run(SETTINGS).section
    assert words(section) == [("agree", True)] * 3
    table = columns(section, "What the skip does")
    assert table["plain vanishes at"] == ("0.05", "0.05")
    assert table["vanishing is"] == ("rarer", "rarer")
    assert table["exploding is"] == ("as frequent", "rarer")
    assert table["left out"] == ("none", "none")
    assert section.prose[0].startswith("Claim 003-084, with a skip alone. Both problems are rarer in 0 of 1")
    assert section.prose[1].startswith("Beside claim 003-084, since the pairs differ in the skip and LN: both.")
    assert max(columns(section, "Gain ladder")["predicted − measured"]) < 1e-12


@pytest.mark.usefixtures("slightly_off")
def test_gains_with_a_wrong_prediction_differ() -> None:
    assert words(gains().run(SETTINGS).section) == [("differ", False)] * 3


def test_the_answer_is_drawn_from_the_gains_at_which_gradients_pass_the_limits() -> None:
    none, some, all_ = frozenset[float](), frozenset({4.0}), frozenset({2.0, 4.0})
    skip = Skip("a skip", PLAIN, SKIPPED)
    both = Effect(skip, 4, (all_, some), (some, none), none)
    worse = Effect(skip, 4, (all_, some), (some, all_), none)
    assert [change(all_, some), change(some, all_), change(some, some)] == ["rarer", "more frequent", "as frequent"]
    assert change(frozenset({1.0}), some) == "elsewhere"
    assert change(none, none) == "absent"
    absent = Effect(skip, 4, (none, none), (some, none), none)
    assert [e.rarer for e in (both, worse, absent)] == [True, False, False]
    assert "absent in all of them" in answer([absent])[0]
    assert [text.count("rarer in 1 of 2") for text in answer([both, worse])] == [1]
    assert "exploding is rarer in 1, more frequent in 1" in answer([both, worse])[0]


def test_a_ratio_near_a_limit_decides_nothing() -> None:
    point = gain_ladder._Point.of(jacobian(PLAIN.network(2)), 1.0, 2)
    sure, unsure, calm = (replace(point, measured=value, error=0.1) for value in (3.5, 3.3, 0.0))
    assert [p.near(1e3) for p in (sure, unsure, calm)] == [False, True, False]
    assert not unsure.near(1e-3)
    skip, gains = Skip("a skip", PLAIN, SKIPPED), (1.0, 2.0)
    points = {(f.label, 4, g): calm for f in (PLAIN, SKIPPED) for g in gains}
    one = Effect.of(skip, 4, gains, points | {("plain", 4, 1.0): sure, ("plain", 4, 2.0): unsure})
    assert one.exploding == (frozenset({1.0}), frozenset())
    assert one.open == (frozenset(), frozenset({2.0}))
    assert one.changes == ("absent", "rarer")
    none = Effect.of(skip, 4, gains, points | {("plain", 4, 2.0): unsure})
    assert none.changes == ("absent", "open")
    assert not none.rarer


@pytest.mark.parametrize("skip", study.SKIPS, ids=lambda skip: f"{skip.kind}, {skip.skipped.label}")
def test_pairs_differ_in_what_they_say(skip: Skip) -> None:
    blocks = 3
    plain, skipped = (family.network(blocks).layers for family in (skip.plain, skip.skipped))
    branches = tuple(layer for block in skipped for layer in block.branch)
    scales = {block.scale for block in skipped}  # type: ignore[attr-defined]
    others = tuple(layer for layer in branches if layer.kind != "layernorm")
    same = {
        THE_SKIP: branches == plain and scales == {1.0},
        "the skip and the factor 1/√L": branches == plain and scales == {1 / np.sqrt(blocks)},
        "the skip and the normaliser": others == plain != branches and scales == {1.0},
    }
    assert same[skip.differs]
    assert sum(same.values()) == 1


def test_the_claim_is_judged_by_pairs_that_differ_in_the_skip_only() -> None:
    fair, all_ = [skip for skip in study.SKIPS if skip.differs == THE_SKIP], frozenset({4.0})
    assert {skip.skipped.label for skip in fair if skip.kind != study.ALONE} == {f[4].label for f in study.ORDERS}
    texts = answer([Effect(skip, 4, (all_, frozenset()), (all_, frozenset()), all_) for skip in study.SKIPS])
    assert [text.startswith("Claim 003-084, with") for text in texts] == [True, True, False, False]


def spectra() -> ProductSpectra:
    return ProductSpectra("s", "t", (), (PLAIN, NORMED), (2, 4), 4, By(1, 1))


def test_spectra_agree_and_say_what_is_told_from_zero() -> None:
    section = spectra().run(SETTINGS).section
    assert words(section) == [("agree", True)] * 2
    table = columns(section, "Singular values of the product")
    assert table["largest"] == pytest.approx(table["largest, predicted"], rel=1e-12)
    plain, normed = table["log10 of the condition number"][1], table["log10 of the condition number"][3]
    assert isinstance(plain, str)  # the ReLUs leave directions that nothing passes
    assert isinstance(normed, float)
    assert all(value > 0 for curve in section.figures[0].curves for value in curve.y)


@pytest.mark.usefixtures("slightly_off")
def test_spectra_with_a_wrong_prediction_differ() -> None:
    assert words(spectra().run(SETTINGS).section) == [("differ", False)] * 2


def test_independent_steps() -> None:
    assert shares_of([1.0] * 5) == pytest.approx([comb(5, k) / 32 for k in range(6)])
    pre_norm = shares_of([study.normalised_odds(1.0, l) for l in range(7)])
    assert pre_norm @ np.arange(8) == pytest.approx(sum(1 / (l + 2) for l in range(7)))
    assert pre_norm.sum() == pytest.approx(1)


def test_extrapolation_recovers_a_line_and_its_error() -> None:
    x, rng = np.array([1.0, 0.5, 0.25]), np.random.default_rng(0)
    value, error = at_zero(x, np.stack([2 + 3 * x, 1 - x], axis=1), np.full((3, 2), 0.1))
    assert value == pytest.approx([2, 1])
    noisy = 2 + 3 * x[:, None] + 0.1 * rng.normal(size=(3, 4000))
    assert at_zero(x, noisy, np.full_like(noisy, 0.1))[0].std() == pytest.approx(error[0], rel=0.05)


def paths(odds: Callable[[int], float] | None, branch: Any = PRE_NORM) -> PathShares:
    family = PathFamily("paths", partial(study.residual, branch), odds)
    return PathShares("p", "t", (), (family,), 4, (24, 48), By(30, 30), By(1, 1))


def test_the_argued_law_meets_the_shares_and_the_count_does_not() -> None:
    section = paths(partial(study.normalised_odds, 1.0)).run(SETTINGS).section
    assert words(section) == [("agree", True), ("agree", True), ("differ", True)]
    table = columns(section, "Share of each path length")
    assert table["predicted"] == pytest.approx(table["measured"], rel=1e-9)
    assert columns(section, "Path lengths against width")["width"] == ("24", "48", "∞")


def test_a_wrong_law_is_refused() -> None:
    section = paths(partial(study.normalised_odds, 0.2)).run(SETTINGS).section
    assert words(section)[1] == ("differ", False)


def test_without_a_law_nothing_is_extrapolated_nor_judged_at_infinite_width() -> None:
    section = paths(None).run(SETTINGS).section
    assert words(section) == [("agree", True)]
    table = columns(section, "Path lengths against width")
    assert set(table["argued"]) == {"–"}
    assert table["width"] == ("24", "48")
    assert set(columns(section, "Share of each path length")["width → ∞"]) == {"–"}
    assert not any("extrapolated" in curve.label for curve in section.figures[0].curves)


def test_tails_are_pooled_where_the_law_is_small() -> None:
    law = np.array([0.001, 0.002, 0.3, 0.69, 0.004, 0.003])
    bins = Bins.of(law)
    assert bins.pooled(law) == pytest.approx([0.003, 0.3, 0.69, 0.007])
    assert bins.words(6) == ["< 2", "2", "3", "≥ 4"]
    assert Bins.of(law[2:]).pooled(np.stack([law[2:]] * 2)) == pytest.approx(np.array([[0.3, 0.69, 0.007]] * 2))
    assert Bins.of(law[2:4]).pooled(law[2:4]) == pytest.approx([0.3, 0.69])
    assert Bins.of(law[2:4]).words(2) == ["0", "1"]


@pytest.fixture(scope="module")
def measured_ladder() -> Ladder:
    """The family of the study whose odds hold κ, as in its quick profile; nothing derived."""
    family = study.PATHS[3]
    points = tuple(path_shares._Point.of(family, study.BLOCKS, width, 12, 0, False) for width in (32, 64, 128))
    return Ladder(family, study.BLOCKS, points)


@pytest.mark.parametrize(("factor", "agrees"), [(0.8, False), (1.0, True), (1.2, False)])
def test_a_law_with_kappa_off_by_a_fifth_is_refused(measured_ladder: Ladder, factor: float, agrees: bool) -> None:
    odds = partial(study.normalised_odds, factor * study.KEPT)
    ladder = replace(measured_ladder, family=replace(measured_ladder.family, odds=odds))
    d = compare(ladder._prediction(shares_of([odds(l) for l in range(study.BLOCKS)])), ladder._measurement())
    assert (str(d.verdict) == "agree") == agrees


@pytest.mark.usefixtures("slightly_off")
def test_path_gradients_off_by_a_millionth_differ() -> None:
    assert words(paths(None).run(SETTINGS).section)[0] == ("differ", False)


@pytest.mark.usefixtures("skip_forgotten")
def test_a_forgotten_skip_is_seen_in_the_paths() -> None:
    assert words(every_path().run(SETTINGS).section) == [("differ", False)] * 2


def every_path() -> PathSum:
    family = PathFamily("paths", partial(study.residual, study.relu_linear), study.alike)
    return PathSum("t", (), (family,), 4, SMALL)


def test_all_paths_add_up_to_the_measured_jacobian() -> None:
    section = every_path().run(SETTINGS).section
    assert words(section) == [("agree", True)] * 2
    table = columns(section, "All paths one by one")
    assert table["paths by length"] == ("1, 4, 6, 4, 1",)
    assert max(*table["sum − product"], *table["grouped − by length"]) < 50


def test_a_path_left_out_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def one_short(*arguments: Any) -> Any:
        grouped, counts = by_enumeration(*arguments)
        return grouped * np.array([1, 1, 1, 1, 0])[:, None, None, None], counts

    monkeypatch.setattr(path_sum, "by_enumeration", one_short)
    assert words(every_path().run(SETTINGS).section) == [("differ", False)] * 2


def test_the_wide_limits_of_the_study_are_those_of_its_odds() -> None:
    assert study.pre_norm_ratio(1.0, 24) == pytest.approx(5.0)
    assert study.scaled_ratio(10**6) == pytest.approx(np.sqrt(np.e), rel=1e-6)
    assert study.powers(4.0, 1)(3) == pytest.approx(4.0)


def test_networks_are_what_their_names_say() -> None:
    net = study.post_norm(study.linear_relu, 2, SMALL)
    assert [layer.kind for layer in net.layers] == ["residual", "layernorm"] * 2
    assert [layer.kind for layer in net.layers[0].branch] == ["linear", "activation"]
    assert [layer.kind for layer in study.residual(PRE_NORM, 1, SMALL).layers[0].branch] == [
        "layernorm",
        "activation",
        "linear",
    ]
    assert study.scaled(study.relu_linear, 16, SMALL).layers[0].scale == 0.25  # type: ignore[attr-defined]


def sections(verdict: str = "agree") -> list[Section]:
    """What a run of the whole study would hand to its conclusion, at the smallest sizes."""
    found = [e.run(SETTINGS).section for e in (growth(), gains(), spectra(), paths(None))]
    texts = [replace(v, verdict=verdict) if v.statement.startswith("Gradient") else v for v in found[0].verdicts]
    return [replace(found[0], verdicts=tuple(texts)), *found[1:]]


def test_the_conclusion_is_computed_from_the_tables() -> None:
    right, wrong = (study.conclusion(sections(word)) for word in ("agree", "differ"))
    assert right[0] != wrong[0]
    assert "8 of 8" in right[0]
    assert "6 of 8" in wrong[0]
    assert any("none" in text and "counting every path alike is right for" in text for text in right)


def test_the_conclusion_follows_the_verdict_on_counting() -> None:
    counted = VerdictText("Paths counted alike: some net", "agree", True, "agree", "", 0.0, {}, 0.0, 0.0)
    every = [*sections(), Section("more", verdicts=(counted,))]
    assert any(text.endswith("counting every path alike is right for: some net.") for text in study.conclusion(every))


def test_every_derivation_of_the_study_has_a_title_of_its_own() -> None:
    (first,) = (e for e in study.STUDY.experiments if hasattr(e, "derive"))
    made = [make() for make in first.derive[:2]]
    assert all(isinstance(J, NetworkJacobian) for J in made)
    assert len({J.title for J in made}) == 2
    titles = [e.title for e in study.STUDY.experiments]  # type: ignore[attr-defined]
    assert len(titles) == len(set(titles))
