"""The top of the README: what its findings give, to the letter; a changed number changes it; a missing one is named."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import matplotlib.style
import pytest

from residua_bridge import figures
from residua_bridge.claims import Evidence, ledger
from residua_bridge.findings import Section
from residua_bridge.highlights import UnsupportedError, update
from residua_bridge.highlights import __main__ as command
from residua_bridge.highlights.closing import judged, trust
from residua_bridge.highlights.picture import NAME, Glance, _canvas, draw, glance
from residua_bridge.highlights.readme import BEGIN, END
from residua_bridge.highlights.row import at_least, at_most, barred, listed, percent, shown
from residua_bridge.highlights.rows import BATCHNORM, ON_SIN, PASSES_FOR, ROWS
from residua_network import ResiduaError

from .claims.planting import Plant, cell, committed, unproved, verdict

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
USED = (
    BATCHNORM, "calibration", "dynamics", "finite-differences", "invariance", "layernorm-width", "minimax",
    "normalization", "plain-nets", "residual-growth", "residual-taylor", "sin-fit", "swell",
    "universal-approximation",
)  # fmt: skip


# what is committed


def test_the_readme_is_what_the_findings_give() -> None:
    assert update(README, committed()) == README


def test_the_picture_is_what_the_findings_give(tmp_path: Path) -> None:
    drawn = draw(glance(Evidence(committed())), tmp_path / NAME)
    assert drawn.read_bytes() == (ROOT / "reports" / NAME).read_bytes()
    assert f"](reports/{NAME})" in README


# what changes it


def times(factor: float) -> Callable[[object], float]:
    return lambda old: factor * float(str(old))


# A number of every highlight, altered.
ALTERED: dict[str, tuple[Plant, ...]] = {
    "popular_growth": (
        cell(BATCHNORM, "One number at every depth", "measured", times(1.1), depth=15),
        cell(BATCHNORM, "One number at every depth", "finite batch", times(1.1), depth=60),
        cell(BATCHNORM, "Which variances batch", "factor of an inner layer", times(1.001), B=32),
        cell(BATCHNORM, "Nets of four depths", "standard error", times(3), law="depth 30"),
    ),
    "he_and_batch_norm": (cell(BATCHNORM, "Which variances batch", "to v =", times(1.1), B=32, layers=30),),
    "he_mean": (cell("plain-nets", "Means that hide", "median, measured", times(2), L=64),),
    "mean_or_typical": (
        cell("layernorm-width", "Mean and mean log", "law of the mean", times(1.1), n=16, L=16),
        cell("layernorm-width", "Mean and mean log", "measured mean log", times(1.1), n=16, L=16),
    ),
    "dropped_projector": (
        cell("normalization", "Where the true", "the Jacobian vanishes at", "$n=3$", normaliser="layernorm"),
    ),
    "order_in_the_block": (
        cell("residual-growth", "Gradients through", "law, n → ∞", 150.0, block="x + (LayerNorm → Linear → ReLU)"),
        cell("residual-growth", "Gradients through", "standard error", 9.0, block="x + (LayerNorm → ReLU → Linear)"),
    ),
    "linearised": (cell("dynamics", "Fitted exponents", "exponent", times(1.1), hidden_layers=2),),
    "large_rates": (cell("invariance", "Rates with normalisation", "‖w‖² after a step", times(2)),),
    "gradient_check": (cell("finite-differences", "How far a right", "measured", 0.7, dtype="float32", step="usual"),),
    "closest_polynomial": (cell("sin-fit", "Which T_n is closest", "closest for", 2, degree_n=11),),
    "built_or_trained": (
        cell("universal-approximation", "Constructed against", "trained by Adam: median", 5e-5, width=32),
    ),
    "two_relus": (
        cell("minimax", "Hard sigmoids of lib", "largest error, at least", 0.07, hard_sigmoid="torch: relu6(x + 3)/6"),
    ),
    "taylor_blocks": (
        cell("residual-taylor", "Growth with depth", "read literally: sup of the error", 9.0, f=ON_SIN, L=7),
        cell("residual-taylor", "Certified floors", "floor against f: at least", 0.5),
    ),
    "swell": (cell("swell", "Level 60", "graph", "412", map="logistic map", count="reverse mode"),),
}
BY_NAME = {row.__name__: row for row in ROWS}


def test_every_highlight_has_altered_numbers() -> None:
    assert set(ALTERED) == set(BY_NAME)


@pytest.mark.parametrize(("name", "plant"), [(name, plant) for name, plants in ALTERED.items() for plant in plants])
def test_an_altered_number_changes_its_highlight(name: str, plant: Plant) -> None:
    assert BY_NAME[name](Evidence(plant(committed()))) != BY_NAME[name](Evidence(committed()))


def test_an_altered_number_changes_the_readme() -> None:
    changed = update(README, cell("swell", "Level 60", "graph", "412", map="logistic map")(committed()))
    assert "412 operations" in changed
    assert update(changed, committed()) == update(README, committed()) != changed


# What takes its sense from a highlight: a number on the other side, a proof that is gone, a verdict that has turned.
REFUTED: dict[str, tuple[Plant, ...]] = {
    "popular_growth": (
        unproved(BATCHNORM, "Squared gradients through Linear → BatchNorm → ReLU, L times", "inner layer"),
        verdict(BATCHNORM, "π/(π−1) a layer, whatever the depth", "agree"),
        verdict(BATCHNORM, "The law at finite batch, along depth", "differ"),
        cell(BATCHNORM, "One number at every depth", "finite batch", -0.05),
        cell(BATCHNORM, "One number at every depth", PASSES_FOR, "confirmed"),
    ),
    "he_and_batch_norm": (
        cell(BATCHNORM, "Which variances batch", "to v =", 1.9, B=32, layers=30),
        cell(BATCHNORM, "With and without", "measured: it", "helps", n=64, layers=30, v=2.0),
    ),
    "he_mean": (
        verdict("plain-nets", "The arithmetic mean of the ratio", "differ"),
        cell("plain-nets", "Means that hide", "mean, law", 0.99, L=64),
    ),
    "mean_or_typical": (
        unproved("layernorm-width", "Opposite signs, and of one size: layernorm"),
        verdict("layernorm-width", "mean logarithm of the gradient ratio", "differ"),
        cell("layernorm-width", "Mean and mean log", "law of the mean log", 0.1, n=16, L=16),
    ),
    "dropped_projector": (verdict("normalization", "(1.10)", "agree"), verdict("normalization", "(1.11)", "agree")),
    "order_in_the_block": (
        cell("residual-growth", "Gradients through", "law, n → ∞", 1.0, block="x + (LayerNorm → Linear → ReLU)"),
        cell("residual-growth", "Gradients through", "law, n → ∞", 1.0, block="LayerNorm(x + (Linear → ReLU))"),
    ),
    "linearised": (
        verdict("dynamics", "distance ∝ $n^{-1/2}$ as $n$ grows, 2", "agree"),
        cell("dynamics", "Fitted exponents", "off −1/2 by, in s.e.", 1.0, hidden_layers=1),
    ),
    "large_rates": (cell("invariance", "Rates with normalisation", "loss at the end", 1e9),),
    "gradient_check": (
        cell("finite-differences", "How far a right", "measured", 1e-9, dtype="float32", step="usual"),
        cell("finite-differences", "How far a right", "measured", 0.9, dtype="float64", step="usual"),
    ),
    "closest_polynomial": (cell("sin-fit", "Which T_n is closest", "closest for", 20, degree_n=11),),
    "built_or_trained": (
        cell("universal-approximation", "Constructed against", "then second order: median", 5e-7, width=32),
        cell("universal-approximation", "Constructed against", "floor", 1e-6, width=32),
    ),
    "two_relus": (
        cell("minimax", "The nearest ramps", "no ramp is nearer than", 0.04),
        cell("minimax", "The nearest ramps", "reached", 0.06),
        verdict("minimax", "The error of two ReLUs in torch", "differ"),
    ),
    "taylor_blocks": (
        verdict("residual-taylor", "Smallest counterexamples", "differ"),
        verdict("residual-taylor", "The construction for sin is sin", "agree"),
        cell("residual-taylor", "Trained scalar", "sup error", 0.1, stream="sin, behind $T_{3}$"),
    ),
    "swell": (verdict("swell", "Laws of the logistic map", "differ"),),
}


def test_every_highlight_can_be_refuted() -> None:
    assert set(REFUTED) == set(BY_NAME)


@pytest.mark.parametrize(("name", "plant"), [(name, plant) for name, plants in REFUTED.items() for plant in plants])
def test_what_is_no_longer_supported_is_refused(name: str, plant: Plant) -> None:
    with pytest.raises(UnsupportedError, match=r"^highlight '.*': expected findings by which .*, got others$"):
        BY_NAME[name](Evidence(plant(committed())))


def test_verdicts_that_cannot_be_trusted_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="highlight 'trust'"):
        trust(Evidence(cell("calibration", "What is asked", "passed", False)(committed())))


@pytest.mark.parametrize("report", USED)
def test_a_missing_report_is_named(report: str) -> None:
    with pytest.raises(ResiduaError, match=f"expected a report '{report}'") as caught:
        update(README, {name: sections for name, sections in committed().items() if name != report})
    assert "\n" not in str(caught.value)


def test_the_claims_are_counted() -> None:
    found = ledger(committed())
    said = judged(committed()).words
    counts = [int(word) for word in re.findall(r"[0-9]+", said)]
    assert counts[0] == len(found) == sum(counts[1:])
    assert f"{sum(one.verdict == 'false' for one in found)} do not hold" in said
    fewer = judged({name: sections for name, sections in committed().items() if name != "standardising"}).words
    assert int(re.findall(r"([0-9]+) not confirmed", fewer)[0]) > 1


@pytest.mark.parametrize("readme", ["", BEGIN, f"{END}\n{BEGIN}", f"{BEGIN}{BEGIN}{END}", f"{BEGIN}{END}{END}"])
def test_a_readme_without_its_markers_is_refused(readme: str) -> None:
    with pytest.raises(ResiduaError, match=r"README\.md: expected one line"):
        update(readme, committed())


def test_what_stands_around_the_block_stays() -> None:
    assert update(f"a\n\n{BEGIN}old{END}\n\nb\n", committed()).startswith(f"a\n\n{BEGIN}\n\n![")
    assert update(f"a\n\n{BEGIN}old{END}\n\nb\n", committed()).endswith(f"\n\n{END}\n\nb\n")


# numbers


@pytest.mark.parametrize(
    ("value", "digits", "words"),
    [
        (1.4669, 4, "1.467"),
        (1.5219528, 5, "1.5220"),
        (-0.0526, 2, "−0.053"),
        (145.2, 3, "145"),
        (4108.0, 2, "4100"),
        (9996.0, 3, "1.00 × 10⁴"),
        (1.155e-5, 2, "1.2 × 10⁻⁵"),
        (-2.6347e21, 2, "−2.6 × 10²¹"),
        (0.0, 2, "0.0"),
        (2.0, 1, "2"),
    ],
)
def test_shown(value: float, digits: int, words: str) -> None:
    assert shown(value, digits) == words


@pytest.mark.parametrize(
    ("value", "bar", "words"),
    [
        (55.118, 4.024, "55 ± 4"),
        (186.76, 15.3, "187 ± 15"),
        (6550.8, 1320.2, "6600 ± 1300"),
        (-1.0986, 0.0322, "−1.10 ± 0.03"),
        (1.0, 0.0998, "1.00 ± 0.10"),
    ],
)
def test_barred(value: float, bar: float, words: str) -> None:
    assert barred(value, bar) == words


def test_other_words() -> None:
    assert percent(0.00137611) == "0.14 %"
    assert at_most(0.00270) == "0.003"
    assert at_least(5.29e-7) == "5.2 × 10⁻⁷"
    assert at_most(0.0031) == "0.004"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a"]) == "a"


@pytest.mark.parametrize(
    "wrong", [lambda: shown(float("nan")), lambda: barred(1.0, 0.0), lambda: barred(1.0, float("inf"))]
)
def test_what_is_no_number_is_refused(wrong: Callable[[], str]) -> None:
    with pytest.raises(UnsupportedError):
        wrong()


# the picture


@pytest.fixture(scope="module")
def story() -> Glance:
    return glance(Evidence(committed()))


def test_same_bytes_on_every_draw(story: Glance, tmp_path: Path) -> None:
    drawn = [draw(story, tmp_path / f"{k}.svg").read_bytes() for k in range(4)]
    assert len(set(drawn)) == 1


def test_a_waterfall_goes_from_the_popular_number_to_the_measured_one(story: Glance) -> None:
    for step in story.steps:
        sizes = sum(term.value for term in step.budget.terms) + step.budget.unexplained
        assert step.budget.predicted == story.popular
        assert step.budget.predicted + sizes == pytest.approx(step.budget.measured, abs=1e-12)
    assert [step.passes_for for step in story.steps] == ["refuted", "confirmed"]


def test_other_data_give_another_picture(story: Glance, tmp_path: Path) -> None:
    low, high = story.steps
    budget = dataclasses.replace(high.budget, measured=1.1 * high.budget.measured)
    other = dataclasses.replace(story, steps=(low, dataclasses.replace(high, budget=budget)))
    assert draw(other, tmp_path / "a.svg").read_bytes() != draw(story, tmp_path / "b.svg").read_bytes()


def test_no_words_of_the_picture_overlap(story: Glance) -> None:
    assert overlaps(story) == []
    far = dataclasses.replace(story, points=dataclasses.replace(story.points, y=(1.466,) * len(story.points.y)))
    assert overlaps(far) != []


def overlaps(story: Glance) -> list[tuple[str, str]]:
    """Pairs of words in the picture that touch; rotated ones by the ends of their ticks, which are apart."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    with matplotlib.style.context(["default", figures._STYLE]):
        canvas = _canvas(story)
        drawn = FigureCanvasAgg(canvas)
        drawn.draw()  # type: ignore[no-untyped-call]
        renderer = drawn.get_renderer()  # type: ignore[no-untyped-call]
        words = [w for w in canvas.findobj(Text) if isinstance(w, Text) and w.get_text() and w.get_visible()]
        boxes = [(w.get_text(), w.get_window_extent(renderer)) for w in words if not w.get_rotation()]
    return [(a, b) for k, (a, one) in enumerate(boxes) for b, other in boxes[:k] if one.width and one.overlaps(other)]


@pytest.mark.parametrize(
    "change",
    [
        lambda s: dataclasses.replace(s, figures=()),
        lambda s: dataclasses.replace(s, waterfalls=()),
    ],
)
def test_a_picture_without_its_data_is_refused(change: Callable[[Section], Section]) -> None:
    with pytest.raises(UnsupportedError, match="highlight 'the picture'"):
        glance(Evidence({**committed(), BATCHNORM: tuple(map(change, committed()[BATCHNORM]))}))


def test_a_picture_of_a_number_that_is_never_confirmed_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="one depth seems to confirm"):
        glance(Evidence(cell(BATCHNORM, "One number at every depth", PASSES_FOR, "refuted")(committed())))


# the command


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "README.md").write_text(f"# t\n{BEGIN}{END}\n", encoding="utf-8")
    for name in committed():
        folder = tmp_path / "reports" / name
        folder.mkdir(parents=True)
        (folder / "findings.json").symlink_to(ROOT / "reports" / name / "findings.json")
    return tmp_path


def status(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = command.main(list(arguments))
    return code, capsys.readouterr().err


def test_bad_input_is_one_line_and_status_2(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(checkout)
    before = (checkout / "README.md").read_bytes()
    assert status(capsys, "--all") == (2, "residua highlights: highlights: expected no arguments, got --all\n")
    broken = checkout / "reports" / "swell" / "findings.json"
    broken.unlink()
    for content in ("{", "[]", '{"sections": 1}'):
        broken.write_text(content, encoding="utf-8")
        code, said = status(capsys)
        assert code == 2
        assert "swell/findings.json: expected the findings of a report" in said
        assert said.count("\n") == 1
    broken.unlink()
    code, said = status(capsys)
    assert (code, "expected a report 'swell'" in said, said.count("\n")) == (2, True, 1)
    assert (checkout / "README.md").read_bytes() == before
    assert not (checkout / "reports" / NAME).exists()
    (checkout / "README.md").unlink()
    assert status(capsys)[0] == 2
    monkeypatch.chdir(checkout / "reports")
    code, said = status(capsys)
    assert (code, "expected reports with findings.json, got none" in said) == (2, True)


def test_the_command_writes_both(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(checkout)
    assert command.main([]) == 0
    assert capsys.readouterr() == (f"README.md\nreports/{NAME}\n", "")
    assert (checkout / "README.md").read_text(encoding="utf-8") == update(f"# t\n{BEGIN}{END}\n", committed())
    assert (checkout / "reports" / NAME).read_bytes() == (ROOT / "reports" / NAME).read_bytes()
