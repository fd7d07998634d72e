"""The words of a verdict, and a comparison as text."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from residua_bridge.compare import compare
from residua_bridge.random_networks import perturbed
from residua_bridge.rendering import as_text, render
from residua_bridge.verdict import Discrepancy, Row, Uncertain, Verdict
from residua_network import Activation, LayerNorm, Linear, Network, ResiduaError
from residua_numeric.faults import FAULTS, plant
from residua_symbolic import jacobian

from .latex_tools import compile_latex, has_latex
from .sample_findings import HOSTILE

NET = Network((Linear(3, 4), LayerNorm(4, eps=1e-2), Activation("tanh"), Linear(4, 2)))
X = np.random.default_rng(0).normal(size=(2, 3))
DOCUMENT = (
    "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage[utf8]{inputenc}\\usepackage{lmodern,amsmath,amssymb}"
    "\\usepackage{booktabs,graphicx}\\begin{document}\n\\resizebox{\\linewidth}{!}{%\n"
)


def model() -> nn.Sequential:
    return perturbed(NET, 1)


@pytest.fixture(scope="module")
def agreed() -> Discrepancy:
    return compare(jacobian(NET), model(), X)


@pytest.fixture(scope="module")
def explained() -> Discrepancy:
    return compare(jacobian(NET, assume="constant statistics"), model(), X)


@pytest.fixture(scope="module")
def blamed() -> Discrepancy:
    faulty = model()
    plant(faulty, "2", next(fault for fault in FAULTS if fault.name == "activation left out"))
    return compare(jacobian(NET), faulty, X)


def cells(markdown: str) -> list[dict[str, str]]:
    head, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in markdown.strip().splitlines())
    return [dict(zip(head, row, strict=True)) for row in rows]


# words


def test_the_words_of_the_design() -> None:
    assert [str(word) for word in Verdict] == ["agree", "differ", "only at this scale", "inconclusive"]
    assert str(Verdict.ONLY_AT_THIS_SCALE) == f"{Verdict.ONLY_AT_THIS_SCALE}" == "only at this scale"
    assert Verdict("agree") is Verdict.AGREE
    assert Verdict.DIFFER.value == "differ"
    with pytest.raises(ValueError, match="perhaps"):
        Verdict("perhaps")


def test_a_value_with_its_bar() -> None:
    one = Uncertain(1.5, 0.25)
    assert (float(one), one.value, one.bar, str(one)) == (1.5, 1.5, 0.25, "1.50e+00 ± 2.50e-01")
    assert one == Uncertain(1.5, 0.25) != Uncertain(1.5, 0.5)


def test_suspects_are_the_rows_at_fault(agreed: Discrepancy) -> None:
    row: Row = agreed.rows[1]
    rows = (agreed.rows[0], replace(row, fault="output"), agreed.rows[2], replace(agreed.rows[3], fault="Jacobian"))
    assert agreed.suspects == ()
    assert replace(agreed, rows=rows).suspects == ("1", "3")
    assert replace(agreed, rows=()).suspects == ()


def test_as_a_sentence(agreed: Discrepancy, explained: Discrepancy, blamed: Discrepancy) -> None:
    scope = "layers 4, width 2–4, batch 2, dtype float64"
    assert str(agreed) == f"jacobian: agree (the difference lies within rounding; {scope})"
    assert str(explained) == f"jacobian: differ (what the assumption drops accounts for it; {scope})"
    assert str(blamed) == f"jacobian: differ, unexplained (at fault: 2; {scope})"


def test_as_plain_data(explained: Discrepancy) -> None:
    text = as_text(explained, statement="s", expected="differ", note="n")
    assert (text.statement, text.verdict, text.expected, text.note) == ("s", "differ", "differ", "n")
    assert type(text.verdict) is str
    assert (text.explained, text.difference) == (True, explained.difference)
    assert text.causes == explained.causes
    assert text.causes is not explained.causes
    assert (text.unexplained, text.bar) == (explained.unexplained.value, explained.unexplained.bar)
    assert text.scope == "layers 4, width 2–4, batch 2, dtype float64"
    assert (as_text(explained).statement, as_text(explained).note) == (explained.title, explained.reason)
    assert as_text(replace(explained, title="")).statement == "jacobian"


# fragments


def test_markdown(agreed: Discrepancy, explained: Discrepancy, blamed: Discrepancy) -> None:
    first, second, third = cells(render([agreed, explained, blamed], "markdown"))
    assert first["Statement"] == "Jacobian of layers 0 to 3"
    assert second["Statement"] == "Jacobian of layers 0 to 3 with constant statistics"
    assert [row["Verdict"] for row in (first, second, third)] == ["agree", "differ", "differ"]
    assert [row["Explained?"] for row in (first, second, third)] == ["yes", "yes", "no"]
    assert {row["Scope"] for row in (first, second, third)} == {"layers 4, width 2–4, batch 2, dtype float64"}
    assert "approximation" in second["Causes"]
    assert "approximation" not in first["Causes"] + third["Causes"]
    assert all("rounding" in row["Causes"] for row in (first, second, third))
    assert float(third["Difference"]) == pytest.approx(blamed.difference, rel=1e-3)


def test_latex(agreed: Discrepancy, explained: Discrepancy) -> None:
    fragment = render([agreed, explained], "latex")
    assert fragment.count(r"\begin{tabular}") == fragment.count(r"\end{tabular}") == 1
    assert r"\documentclass" not in fragment
    assert "constant statistics" in fragment
    assert "approximation" in fragment


@pytest.mark.parametrize("name", ["markdown", "latex"])
def test_any_sequence_of_comparisons_or_a_single_one(name: str, agreed: Discrepancy, blamed: Discrepancy) -> None:
    wanted = render([agreed, blamed], name)
    assert render((agreed, blamed), name) == wanted
    assert render((one for one in (agreed, blamed)), name) == wanted
    assert render(agreed, name) == render([agreed], name) != wanted  # type: ignore[arg-type]
    assert render([], name) != render([agreed], name)


def test_markdown_is_the_default_and_what_a_notebook_shows(agreed: Discrepancy) -> None:
    assert render([agreed]) == render([agreed], "markdown") == agreed._repr_markdown_()


@pytest.mark.parametrize(("name", "near"), [("markdwon", "markdown"), ("latx", "latex"), ("LaTeX", "latex")])
def test_another_format_is_refused_with_the_nearest(name: str, near: str, agreed: Discrepancy) -> None:
    words = rf"unknown format '{name}'; (did you mean '{near}'\? )?known: latex, markdown"
    with pytest.raises(ResiduaError, match=words) as caught:
        render([agreed], name)
    assert ("did you mean" in str(caught.value)) == (name != "LaTeX")


@pytest.mark.parametrize(("odd", "name"), [("text", "str"), (["a"], "str"), ([None], "NoneType"), (3, "int")])
def test_only_comparisons(odd: Any, name: str) -> None:
    with pytest.raises(ResiduaError, match=rf"render expects a list of comparisons, got {name}"):
        render(odd)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_titles_are_escaped_in_markdown(hostile: str, agreed: Discrepancy) -> None:
    fragment = render([replace(agreed, title=hostile, scope={"place": hostile})], "markdown")
    assert len(fragment.strip().splitlines()) == 3
    assert len(re.split(r"(?<!\\)\|", fragment.strip().splitlines()[2])) == 10
    assert not re.search(r"(?<!\\)<(script|a|!--)", fragment)


@pytest.mark.skipif(not has_latex(), reason="latexmk is not installed")
def test_hostile_titles_compile_in_latex(tmp_path: Path, agreed: Discrepancy) -> None:
    short = [text for text in HOSTILE if len(text) < 90]
    fragment = render([replace(agreed, title=text, scope={text: 1}) for text in short], "latex")
    (tmp_path / "report.tex").write_text(f"{DOCUMENT}{fragment.strip()}}}\n\\end{{document}}\n", encoding="utf-8")
    complaints = compile_latex(tmp_path)
    assert [line for line in complaints if "Overfull" not in line] == []  # the table is as wide as the strings are
    assert "/etc/passwd}" not in fragment.replace(r"\}", "")
