"""The ledger as a report and on the command line: counts, links, formats, exit status, bad input."""

import dataclasses
import json
from pathlib import Path

import pytest

from residua_bridge import cli
from residua_bridge.claims import Record, documents, ledger, register
from residua_bridge.claims.report import NAME, claims_report, counts, entry
from residua_bridge.findings import Findings, Reference, Section
from residua_bridge.formats import formats
from residua_bridge.formats.markdown import link
from residua_bridge.writer import write

from .planting import FOLDER, committed

SEEN = (
    Reference("proof", "study", "A section, of it", "Law $a$: step", True, "exact"),
    Reference("number", "study", "A section, of it", "Table: mean", 0.123456, "± 0.01 (s.e.)"),
    Reference("number", "study", "In $x$", "Count", 3, "exact"),
    Reference("verdict", "other", "", "none of these", "none", ""),
    Reference("picture", "other", "Pictures", "A curve"),
)


def made(name: str, verdict: str, **texts: str) -> Record:
    claim = register()[name]
    said = {"conditions": "", "correction": "", "counterexample": "", "remark": "", **texts}
    return Record(name, claim.document, claim.where, claim.statement, verdict, **said, evidence=SEEN, computed="Thus.")  # type: ignore[arg-type]


def study(name: str) -> Findings:
    return Findings(
        name, "t", "q", "c", "r", (Section("A section, of it"),), provenance={"profile": "quick", "x": name}
    )


def test_counts_add_up() -> None:
    records = [made("000-001", "true"), made("003-046", "false"), made("003-047", "true")]
    table = counts(records)
    assert table.columns[2:] == ("claims", "true", "conditional", "false", "undecidable")
    assert [row[2:] for row in table.rows] == [(1, 1, 0, 0, 0), (2, 1, 0, 1, 0), (3, 2, 0, 1, 0)]
    assert counts([made("003-046", "not confirmed")]).columns[-1] == "not confirmed"


@pytest.mark.parametrize("name", sorted(formats()))
def test_an_entry_says_everything(name: str) -> None:
    record = made("003-046", "conditional", conditions="if $n > 1$", correction="not so", counterexample="{1, 2}")
    text = formats()[name].render(claims_report([study("one"), study("two")], [record])).replace("{}", "")
    for part in ("003-046: conditional", "L62", "It holds if", "What is right", "Not so", "Where it fails", "Thus."):
        assert part in text
    for part in ("proved (exact)", "0.1235", "0.01", "picture: A curve", "profile: quick", "reports: one, two"):
        assert part in text
    assert "x: one" not in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a step", "A step"), ("by (1.3)", "By (1.3)"), ("x + 1", "x + 1"), ("tanh, 2", "tanh, 2"), ("$x$ is", "$x$ is")],
)
def test_a_text_begins_as_a_sentence(text: str, shown: str) -> None:
    said = dict(entry(made("003-046", "false", correction=text)).said)
    assert said["What is right"] == shown


def test_evidence_is_linked_as_github_names_headings() -> None:
    text = formats()["markdown"].render(claims_report([study("one")], [made("003-046", "true")]))
    assert "](../study/report.md#a-section-of-it): Law" in text
    assert text.count("../study/report.md") == 2
    assert "](../other/report.md): none" in text
    assert link("sin-fit", "1. β, and x_1 (of it)") == "sin-fit/report.md#1-β-and-x_1-of-it"


def test_a_title_is_said_once() -> None:
    looks = [Reference("number", "study", "S", f"Growth: {name}", 1.5, "exact") for name in ("mean", "median")]
    other = Reference("proof", "study", "S", "Law: step", True, "exact")
    found = dataclasses.replace(made("003-046", "true"), evidence=(*looks, other, looks[0]))
    text = formats()["markdown"].render(claims_report([study("one")], [found]))
    line = "Growth: mean: 1.5 (exact); median: 1.5 (exact); Law: step: proved (exact); Growth: mean: 1.5 (exact)"
    assert line in text


def test_findings_with_entries_survive_json() -> None:
    found = claims_report([study("one")], [made("003-046", "false", correction="no")])
    assert Findings.from_json(found.to_json()) == found


def test_the_committed_ledger_is_what_the_committed_findings_give() -> None:
    found = Findings.from_json((FOLDER / NAME / "findings.json").read_text(encoding="utf-8"))
    fresh = claims_report([], ledger(committed()))
    assert found.entries == fresh.entries
    assert len(found.entries) == 115


def test_links_of_the_ledger_lead_to_sections_that_are_there() -> None:
    headings = {name: {section.title for section in sections} for name, sections in committed().items()}
    for record in ledger(committed()):
        for seen in record.evidence:
            assert seen.section == "" or seen.section in headings[seen.report], (record.id, seen)


def run(*arguments: str) -> int:
    return cli._status(["claims", *arguments])


def test_json_is_a_list_of_records(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--format", "json", "--reports", str(FOLDER)) == cli.DONE
    records = json.loads(capsys.readouterr().out)
    assert [record["id"] for record in records] == list(register())
    for record in records:
        assert set(record) >= {"id", "verdict", "conditions", "correction", "evidence", "counterexample", "computed"}
        for seen in record["evidence"]:
            assert (FOLDER / seen["link"].partition("#")[0]).exists()


def test_claims_are_chosen_by_name_document_and_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    run("003-046", "004-105", "--reports", str(FOLDER))
    out = capsys.readouterr().out
    assert "003-046" in out
    assert "How it was computed" in out
    assert "2 claims" in out
    run("--document", "003", "--verdict", "false", "--reports", str(FOLDER), "--format", "json")
    chosen = json.loads(capsys.readouterr().out)
    assert chosen
    assert {(record["document"], record["verdict"]) for record in chosen} == {("003", "false")}
    for format_, start in (("markdown", "# "), ("latex", "\\documentclass")):
        run("003-046", "--reports", str(FOLDER), "--format", format_)
        assert capsys.readouterr().out.startswith(start)


def test_what_is_not_confirmed_is_an_exit_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(study("one"), tmp_path, ())
    assert run("003-046", "--reports", str(tmp_path)) == 1
    assert "not confirmed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("003-999",), "unknown claim '003-999'"),
        (("--document", "001"), "unknown document '001'"),
        (("--verdict", "wrong"), "wrong"),
        (("--format", "yaml"), "yaml"),
        (("--reports", "/nowhere/at/all"), "/nowhere/at/all: expected reports"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == cli.BAD_INPUT
    err = capsys.readouterr().err
    assert complaint in err
    assert err.count("\n") == 1


def test_a_damaged_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "findings.json").write_text('{"study": 3', encoding="utf-8")
    assert run("--reports", str(tmp_path)) == cli.BAD_INPUT
    assert "findings.json: expected the findings of a report" in capsys.readouterr().err


def test_every_document_has_its_part() -> None:
    records = [made(document.claims[0].name, "true") for document in documents()]
    titles = [section.title for section in claims_report([study("one")], records).sections]
    assert [title[:12] for title in titles] == [
        "Counts",
        "Document 000",
        "Document 002",
        "Document 003",
        "Document 004",
    ]


def test_the_ledger_from_python() -> None:
    from residua import ResiduaError, claims

    chosen = claims(document="003", reports=FOLDER)
    assert [record.id for record in chosen] == [name for name in register() if name.startswith("003")]
    assert [record.id for record in claims("003-046", reports=str(FOLDER))] == ["003-046"]
    assert claims(("003-046",), verdict="undecidable", reports=FOLDER) == []
    with pytest.raises(ResiduaError, match="expected reports"):
        claims(reports="/nowhere")
    with pytest.raises(ResiduaError, match="expected names such as '003-046', got 3"):
        claims(3)
    with pytest.raises(
        ResiduaError, match=r"unknown claim '03-046'; did you mean '003-046'\?; known: 000-001 … 000-018"
    ):
        claims("03-046")
