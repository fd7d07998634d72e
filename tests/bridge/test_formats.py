"""The report formats: what they promise to every reader, whatever strings the findings hold."""

import dataclasses
import re
import unicodedata
from pathlib import Path

import pytest

from residua_bridge.findings import Findings, Section, StepText, Table, VerdictText
from residua_bridge.formats import _characters, formats, named
from residua_bridge.formats._extent import broken, extent
from residua_bridge.formats._mathematics import COMMANDS, ENVIRONMENTS, checked
from residua_bridge.formats._tabular import prose, width
from residua_bridge.formats._text import number, pieces, spoken
from residua_bridge.formats.markdown import text
from residua_bridge.index import index
from residua_network.errors import ResiduaError

from .latex_tools import compile_latex, has_latex
from .sample_findings import FORMULA, HOSTILE, findings, verdicts

needs_latex = pytest.mark.skipif(not has_latex(), reason="latexmk is not installed")
FENCE = re.compile(r"^```math\n(.*?)\n```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"\$`(.*?)`\$")


def only(*prose: str, title: str = "t", tables: tuple[Table, ...] = ()) -> Findings:
    section = Section("s", prose=prose, tables=tables)
    return Findings("one", title, "q", "c", "r", (section,))


def write_tex(folder: Path, body: str) -> None:
    (folder / "report.tex").write_text("\\documentclass{article}\\begin{document}" + body + "\\end{document}")


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]


# the folder of formats


def test_formats_are_found_by_scanning() -> None:
    assert {name: one.file for name, one in formats().items()} == {"latex": "report.tex", "markdown": "report.md"}


def test_unknown_format_suggests_the_nearest() -> None:
    with pytest.raises(ResiduaError, match=r"unknown format 'markdwon'; did you mean 'markdown'\?"):
        named("markdwon")


@pytest.mark.parametrize("name", ["markdown", "latex"])
def test_same_findings_same_text(name: str) -> None:
    assert named(name).render(findings()) == named(name).render(Findings.from_json(findings().to_json()))


def test_findings_survive_json() -> None:
    once = findings().to_json()
    assert Findings.from_json(once).to_json() == once
    assert Findings.from_json(once).sections[1] == findings().sections[1]  # the part without NaN, which equals nothing


@pytest.mark.parametrize("name", ["markdown", "latex"])
def test_a_report_says_everything(name: str) -> None:
    comma = ",{}" if name == "latex" else ","
    words = ["Question", "Claim", "What would refute it", "Verdicts in short", "Assumptions", "matrix form: Read off"]
    words += ["polynomial identity over free generators", "Scope of every row", "approximation", "unexplained"]
    words += ["inconclusive, unexplained, NOT as expected (agree)".replace(",", comma), "The answer"]
    words += ["Where the numbers come from", "numpy 2.4", FORMULA]
    page = named(name).render(findings())
    assert [word for word in words if word not in page] == []


@pytest.mark.parametrize("name", ["markdown", "latex"])
def test_the_fragment_holds_every_verdict_and_cause(name: str) -> None:
    fragment = named(name).render_verdicts(verdicts())
    for verdict in verdicts():
        assert verdict.verdict in fragment
    assert fragment.count("approximation") == 2


@pytest.mark.parametrize("name", ["markdown", "latex"])
def test_a_row_with_too_few_cells_is_refused(name: str) -> None:
    table = Table("sizes", ("a", "b"), ((1, 2), (3,)))
    with pytest.raises(ResiduaError, match=r"table 'sizes', row 2: expected 2 cells, one a column, got 1"):
        named(name).render(only(tables=(table,)))


def judged(*every: VerdictText) -> Findings:
    return dataclasses.replace(only(), sections=(Section("s", verdicts=every),))


def test_many_verdicts_are_counted_and_the_odd_ones_listed() -> None:
    fine, _, odd = verdicts()
    unexplained = dataclasses.replace(fine, statement="left over", verdict="differ", expected="", explained=False)
    page = named("markdown").render(judged(*[fine] * 12, odd, unexplained))
    assert "| s | 12 × agree, as expected |" in page
    assert "| – gradients \\| grow | **inconclusive, unexplained, NOT as expected (agree)** |" in page
    assert "| – left over | **differ, unexplained** |" in page
    assert page.count("norms in the quantity's own space") == 1


def test_verdicts_of_a_section_share_a_table_scope_and_notes() -> None:
    first = VerdictText(
        "a", "agree", True, "agree", "width 4, seeds 0, 1, 2, float64", 1.0, {"rounding": 2.0}, 0.0, 3.0, "n"
    )
    second = dataclasses.replace(
        first, statement="b", scope="width 8, seeds 0, 1, 2, float64", causes={"sampling": 5.0}
    )
    third = dataclasses.replace(first, statement="c", note="other")
    page = named("markdown").render(judged(first, second, third))
    assert "| Statement | Verdict | difference | rounding | sampling | unexplained | ± bar | Scope; note |" in page
    assert "| a | **agree** | 1 | 2 |  | 0 | 3 | width 4; (a) |" in page
    assert "| b | **agree** | 1 |  | 5 | 0 | 3 | width 8; (a) |" in page
    assert "| c | **agree** | 1 | 2 |  | 0 | 3 | width 4; other |" in page
    assert "Scope of every row: seeds 0, 1, 2, float64. Notes: (a) n." in page
    assert "| a | **agree** | 1 | 2 | 0 | 3 | width 4, seeds 0, 1, 2, float64; n |" in named("markdown").render(
        judged(first)
    )


def test_steps_are_a_table_with_letters_for_proofs() -> None:
    page = named("markdown").render(findings())
    assert "| No. | Statement | Why | Proved by |" in page
    assert r"| 5 | $`a \le b`$ | a remark: Nothing to prove here. | – |" in page
    assert "(a) polynomial identity over free generators; (b) Schwartz–Zippel, 20 points." in page
    assert "The forward map, eq. 3 of Ba et al. 2016. | (a), (b) |" in page


# text and numbers


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1.2345e-16, "1.234e-16"),
        (12345.678, "1.235e4"),
        (0.25, "0.25"),
        (-0.0, "0"),
        (10**12, "1000000000000"),
        (True, "yes"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        ("as is", "as is"),
    ],
)
def test_numbers(value: int | float | bool | str, words: str) -> None:
    assert number(value) == words


def test_spoken_numbers() -> None:
    assert (spoken(0.5), spoken(3e-9)) == ("0.5", r"$3\times 10^{-9}$")


def test_dollars_mark_mathematics_only_in_pairs() -> None:
    assert pieces("a $x$ b") == [("a ", False), ("x", True), (" b", False)]
    for money in ("costs $5 and $6", "one $ only", "$$", "$ x $"):
        assert pieces(money) == [(money, False)]
    assert 3 <= width(r"$\hat{x}_{j}$ is") <= 5


# mathematics


@pytest.mark.parametrize(
    ("formula", "complaint"),
    [
        (r"\operatorname{erf}(x)", r"\\mathrm"),
        (r"\input{/etc/passwd}", r"\\input is not among"),
        (r"\catcode`\%=12", r"\\catcode"),
        (r"\href{http://x}{y}", r"\\href"),
        (r"\apha", r"\\apha"),
        ("a^^5cinput", r"\^\^"),
        ("a % b", "character %"),
        ("a $ b", r"character \$"),
        ("`", "character `"),
        (r"\frac{1}{2", "never closed"),
        ("a} + {b", "closes nothing"),
        (r"\left(a", "pair up"),
        (r"\begin{matrix}a", "never ended"),
        (r"\begin{document}", "environment"),
        (r"\begin{cases}a\end{matrix}", "closes nothing"),
        ("", "empty"),
    ],
)
@pytest.mark.parametrize("name", ["markdown", "latex"])
def test_formulas_that_not_every_format_can_set_are_refused(name: str, formula: str, complaint: str) -> None:
    with pytest.raises(ResiduaError, match=complaint):
        checked(formula)
    step = dataclasses.replace(findings().sections[0].derivations[0], formula=formula)
    with pytest.raises(ResiduaError, match=complaint):
        named(name).render(dataclasses.replace(only(), sections=(Section("s", derivations=(step,)),)))


@pytest.mark.parametrize(
    "formula",
    [
        FORMULA,
        r"\begin{cases} x & \text{for}\: x > 0 \\ 0 & \text{otherwise} \end{cases}",
        r"\left[\begin{matrix}a & b\\c & d\end{matrix}\right]",
        "\\left\\{ x \\mid\n x > 0 \\right\\}",
    ],
)
def test_formulas_that_sympy_prints_pass(formula: str) -> None:
    assert checked(formula) == " ".join(formula.split())


# Markdown


def test_markdown_formulas_are_fenced_and_inline() -> None:
    page = named("markdown").render(findings())
    assert FORMULA in FENCE.findall(page)
    assert r"\hat{x}" in INLINE.findall(page)


def test_markdown_rows_have_the_cells_of_their_head() -> None:
    page = named("markdown").render(findings())
    blocks = [block.splitlines() for block in page.split("\n\n") if block.startswith("| ")]
    assert len(blocks) == 7
    for rows in blocks:
        assert {len(cells(row)) for row in rows} == {len(cells(rows[0]))}


def test_markdown_mathematics_in_cells_has_no_bar() -> None:
    table = Table("bars", (r"$|x|$",), ((r"$\left|x\right|$ and $\|W\|$ | text",),))
    page = named("markdown").render(only(tables=(table,)))
    assert r"| $`\left\vert x\right\vert`$ and $`\Vert W\Vert`$ \| text |" in page
    assert r"| $`\vert x\vert`$ |" in page


@pytest.mark.parametrize("hostile", HOSTILE)
def test_markdown_text_is_not_interpreted(hostile: str) -> None:
    shown = text(hostile).replace("<span>$</span>", "DOLLAR")
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]<>#|~$]", shown.replace(r"\\", ""))
    assert not re.match(r"[-+] |\d+[.)] ", shown)
    assert re.sub(r"\\(?=[_\W])", "", shown.replace(r"\\", "\0")).replace("\0", "\\").replace("DOLLAR", "$") == (
        re.sub(r"\s+", " ", hostile).strip()
    )


def test_markdown_keeps_layer_names_and_numbers_plain() -> None:
    assert [text(plain) for plain in ("3.branch.0", "-1.7 dB", "1.2e-16", "a & b")] == [
        "3.branch.0",
        "-1.7 dB",
        "1.2e-16",
        "a & b",
    ]


def test_figure_names_cannot_leave_the_folder() -> None:
    figure = dataclasses.replace(findings().sections[0].figures[0], name="../../etc/x")
    for name in formats():
        with pytest.raises(ResiduaError, match="file name"):
            named(name).render(dataclasses.replace(only(), sections=(Section("s", figures=(figure,)),)))


def test_index_links_reports_and_says_what_was_not_expected() -> None:
    line = index([findings()]).splitlines()[2]
    assert line.startswith("- [Do normalisers bend the gradient?")
    assert "(sample/report.md)" in line
    assert "differ, as expected" in line
    assert "inconclusive, unexplained, NOT as expected (agree)" in line


# LaTeX


@pytest.mark.parametrize("hostile", HOSTILE)
def test_latex_text_holds_no_foreign_command(hostile: str) -> None:
    shown = prose(hostile)
    ours = {"textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar", "ensuremath"}
    ours |= {"textquotedbl", "textasciigrave", "allowbreak", "ldots", "textquotedblleft", "textquotedblright", "tfrac"}
    assert set(re.findall(r"\\([A-Za-z]+)", shown)) <= ours | COMMANDS
    assert not re.search(r"(?<!\\)[%#&_]", re.sub(r"\\ensuremath\{[^ ]*\}", "", shown))


def test_latex_refuses_a_character_it_cannot_set() -> None:
    with pytest.raises(ResiduaError, match=r"got '🙂' \(SLIGHTLY SMILING FACE\) in 'well 🙂'"):
        named("latex").render(only("well 🙂"))
    with pytest.raises(ResiduaError, match="got '字'"):
        named("latex").render(only("$a 字$"))
    assert "🙂" in named("markdown").render(only("well 🙂"))


def test_latex_unicode_has_the_same_meaning() -> None:
    assert _characters.text("γ²") == r"\ensuremath{\gamma }\ensuremath{^{2}}"
    assert _characters.text("x\u0302") == r"\ensuremath{\hat{x}}"
    assert _characters.mathematics("x₁₂ ≤ 1") == r"x_{12} \leq  1"


def compiled(folder: Path, document: str) -> list[str]:
    (folder / "report.tex").write_text(document, encoding="utf-8")
    return compile_latex(folder)


@needs_latex
def test_latex_report_compiles(tmp_path: Path) -> None:
    from residua_bridge.writer import write

    write(findings(), tmp_path, ["latex"])
    assert compile_latex(tmp_path / "sample") == []
    assert sorted(path.name for path in (tmp_path / "sample").iterdir()) == ["figures", "findings.json", "report.tex"]


@needs_latex
def test_latex_sets_every_character_that_it_accepts(tmp_path: Path) -> None:
    everything = [chr(code) for code in range(33, 0x2FFFF) if unicodedata.category(chr(code))[0] not in "CZM"]
    accepted = [character for character in everything if _accepts(character)]
    assert len(accepted) > 300
    lines = tuple(" ".join(accepted[k : k + 40]) for k in range(0, len(accepted), 40))
    assert compiled(tmp_path, named("latex").render(only(*lines))) == []


def _accepts(character: str) -> bool:
    try:
        return bool(_characters.text(character))
    except ResiduaError:
        return False


@needs_latex
def test_latex_sets_every_command_that_formulas_may_use(tmp_path: Path) -> None:
    pairs = {"left", "right", "middle", "begin", "end"}
    one = {"frac", "dfrac", "tfrac", "cfrac", "binom", "dbinom", "tbinom", "overset", "underset", "stackrel"}
    special = {"big", "Big", "bigg", "Bigg", "not", "hline", "limits", "nolimits", "imath", "jmath", *pairs}
    special |= {name for name in COMMANDS if re.fullmatch("[bB]igg?[lrm]", name)}
    arguments = {name: "{a}{b}" if name in one else "{a}" for name in COMMANDS - special}
    formulas = [f"$\\{name}{argument}$" for name, argument in sorted(arguments.items())]
    formulas += [f"$\\{name}|$" for name in sorted(special) if name[0] in "bB" and name != "begin"]
    formulas += [r"$\not= \sum\limits_a \sum\nolimits_b \hat{\imath}\hat{\jmath} \left( \middle| \right)$"]
    formulas += [_environment(name) for name in sorted(ENVIRONMENTS)]
    assert compiled(tmp_path, named("latex").render(only(*formulas))) == []


def _environment(name: str) -> str:
    argument = {"array": "{c|c}", "alignedat": "{1}"}.get(name, "")
    return rf"$\begin{{{name}}}{argument} a {'' if name == 'gathered' else '&'} b \\ c \end{{{name}}}$"


@needs_latex
@pytest.mark.parametrize(
    "table",
    [
        Table("wide", tuple(f"column number {k}" for k in range(14)), ((1.234e-16,) * 14,) * 60),
        Table("words", tuple(f"c{k}" for k in range(12)), (("some words in this very cell",) * 12,) * 30),
        Table("empty", ("a", "b"), ()),
        Table("capitals", ("A", "B"), ((("WIDE " * 30), "MMMM" * 30),) * 40),
        Table("", ("untitled", "and long"), ((1, "x" * 200),) * 80),
        Table("integers", ("n", "n factorial"), ((1, 10**120), (2, 3))),
    ],
    ids=lambda table: table.title or "untitled",
)
def test_latex_tables_do_not_overflow(tmp_path: Path, table: Table) -> None:
    assert compiled(tmp_path, named("latex").render(only(tables=(table, table)))) == []


def test_wide_formulas_are_broken_outside_brackets() -> None:
    assert broken("a = (b + c) + \\frac{d - e}{2} - f", 8) == ["a ", "= (b + c) ", "+ \\frac{d - e}{2} ", "- f"]
    assert broken("a = -b^{-1}", 3) == ["a ", "= -b^{-1}"]
    assert broken("a + b", 99) == ["a + b"]
    assert broken(r"a & b = c", 1) == [r"a & b = c"]
    assert extent(r"\frac{aaaa}{b}") < extent("aaaa + b")


@needs_latex
def test_latex_steps_do_not_overflow(tmp_path: Path) -> None:
    wide = (" + ".join([FORMULA] * 4), rf"\left({' + '.join([FORMULA] * 5)}\right)", r"\mathrm{" + "m" * 150 + "}")
    steps = tuple(StepText("x", one, "for some reason that takes many words " * 3, ("p",)) for one in wide * 12)
    derivation = dataclasses.replace(findings().sections[0].derivations[0], steps=steps)
    report = dataclasses.replace(only(), sections=(Section("s", (), (derivation,)),))
    assert compiled(tmp_path, named("latex").render(report)) == []


@needs_latex
def test_latex_formulas_do_not_overflow(tmp_path: Path) -> None:
    long = " + ".join([FORMULA] * 6)
    derivation = dataclasses.replace(findings().sections[0].derivations[0], formula=long)
    report = dataclasses.replace(only(f"Inline ${FORMULA} = {FORMULA}$."), sections=(Section("s", (), (derivation,)),))
    assert compiled(tmp_path, named("latex").render(report)) == []


@needs_latex
def test_latex_fragment_compiles_in_a_users_document(tmp_path: Path) -> None:
    packages = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{amsmath,amssymb,booktabs,lmodern}"
    fragment = named("latex").render_verdicts(verdicts())
    assert not [
        complaint
        for complaint in compiled(tmp_path, rf"{packages}\begin{{document}}{fragment}\end{{document}}")
        if not complaint.startswith("Overfull")  # the width of the user's page is not ours to know
    ]


@needs_latex
@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (r"\symbol{200} {\fontencoding{OT1}\selectfont\char200}", "Missing character"),
        (r"See \ref{nowhere}.", "undefined"),
        (r"\noindent\hbox to 1.2\textwidth{\hfil}", "Overfull"),
        (r"\nosuchcommand", "Undefined control sequence"),
        (r"\input{/etc/passwd}", "passwd"),
    ],
)
def test_a_broken_document_is_reported(tmp_path: Path, body: str, complaint: str) -> None:
    write_tex(tmp_path, body)
    assert any(complaint in line for line in compile_latex(tmp_path))


@needs_latex
def test_a_good_document_is_not_reported(tmp_path: Path) -> None:
    write_tex(tmp_path, r"\noindent\hbox to 1.005\textwidth{\hfil}")
    assert compile_latex(tmp_path) == []
