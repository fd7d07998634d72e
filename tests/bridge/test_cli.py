"""The command as a user types it: good input, bad input, interruption."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from residua_bridge import cli, study
from residua_bridge.experiments.comparison import Case, Comparisons
from residua_bridge.findings import Findings
from residua_bridge.study import Study
from residua_network import LayerNorm, Linear, Network

COMMAND = [sys.executable, "-c", "from residua_bridge.cli import main; main()"]


def _residua(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=300, cwd=cwd, check=False)


def _tiny(expected: str) -> Study:
    case = Case("a case", lambda: Network((Linear(3, 3), LayerNorm(3))), expected)
    return Study("tiny", "Tiny", "Is $x$ so?", "c", "r", (Comparisons("Compared", (), (case,)),))


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "studies", lambda: {"tiny": _tiny("agree"), "wrong": _tiny("differ")})


@pytest.mark.usefixtures("tiny")
def test_run_prints_the_verdicts(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._status(["run", "tiny"]) == cli.DONE
    out = capsys.readouterr().out
    assert re.search(r"agree +explained +a case", out)
    assert "rounding" in out


@pytest.mark.usefixtures("tiny")
def test_run_prints_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    for name, start in (("markdown", "# Tiny"), ("latex", r"\documentclass"), ("json", "{")):
        assert cli._status(["run", "tiny", "--format", name]) == cli.DONE
        assert capsys.readouterr().out.lstrip().startswith(start)
    assert cli._status(["run", "tiny", "--format", "json"]) == cli.DONE
    text = capsys.readouterr().out
    assert json.loads(text)["study"] == "tiny"
    assert Findings.from_json(text).verdicts[0].verdict == "agree"


@pytest.mark.usefixtures("tiny")
def test_a_verdict_that_is_not_expected_gives_status_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._status(["run", "wrong"]) == cli.NOT_AS_EXPECTED
    assert "expected: differ" in capsys.readouterr().out


@pytest.mark.usefixtures("tiny")
def test_report_of_named_studies_leaves_the_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = ["report", "--processes", "1", "--out", str(tmp_path)]
    assert cli._status([*report, "tiny"]) == cli.DONE  # the other one is not run
    assert {p.name for p in tmp_path.iterdir()} == {"tiny"}
    assert cli._status([*report, "tinny"]) == cli.BAD_INPUT
    assert "tinny" in capsys.readouterr().err


@pytest.mark.usefixtures("tiny")
def test_the_ledger_is_drawn_anew_from_the_reports_of_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = ["report", "--processes", "1", "--out", str(tmp_path)]
    assert cli._status([*report, "claims"]) == cli.BAD_INPUT
    assert "expected reports" in capsys.readouterr().err
    assert cli._status([*report, "tiny", "claims"]) == cli.NOT_AS_EXPECTED  # nothing there confirms a claim
    assert {p.name for p in tmp_path.iterdir()} == {"claims", "tiny"}
    assert "115 claims" in capsys.readouterr().out


@pytest.mark.usefixtures("tiny")
def test_report_writes_everything_and_replaces_it_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "reports"
    report = ["report", "--processes", "1", "--out", str(out)]
    assert cli._status(report) == cli.NOT_AS_EXPECTED  # one of the two expects wrongly
    assert {p.name for p in out.iterdir()} == {"README.md", "claims", "tiny"}
    assert {p.name for p in (out / "tiny").iterdir()} == {"report.md", "report.tex", "findings.json"}
    (out / "tiny" / "stale.txt").write_text("old")
    assert cli._status([*report, "--format", "markdown"]) == cli.NOT_AS_EXPECTED
    assert {p.name for p in (out / "tiny").iterdir()} == {"report.md", "findings.json"}
    assert "as expected" in capsys.readouterr().out


@pytest.mark.usefixtures("tiny")
def test_list_names_the_studies(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._status(["list"]) == cli.DONE
    out = capsys.readouterr().out
    assert "tiny" in out
    assert "Is x so?" in out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "normalisation"], "did you mean 'normalization'?"),
        (["run"], "Missing argument"),
        (["bogus"], "bogus"),
        (["--bogus"], "--bogus"),
        (["run", "normalization", "--format", "xml"], "unknown format 'xml'"),
        (["run", "normalization", "--profile", "slow"], "unknown profile 'slow'; known: quick, full"),
        (["report", "--profile", "slow"], "unknown profile 'slow'"),
        (["report", "--format", "pdf"], "unknown format 'pdf'"),
        (["report", "--processes", "0"], "processes must be a whole number of at least 1, got 0"),
        (["list", "more"], "more"),
    ],
)
def test_bad_input_gets_one_line_and_status_two(arguments: list[str], expected: str, tmp_path: Path) -> None:
    result = _residua(*arguments, cwd=tmp_path)
    assert result.returncode == cli.BAD_INPUT
    assert result.stdout == ""
    assert expected in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_a_file_is_refused_before_any_computing(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("mine")
    begin = time.monotonic()
    result = _residua("report", "--out", str(target))
    assert result.returncode == cli.BAD_INPUT
    assert str(target) in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert target.read_text() == "mine"
    assert time.monotonic() - begin < 30


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write into read-only folders")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        result = _residua("report", "--out", str(tmp_path / "reports"))
        assert result.returncode == cli.BAD_INPUT
        assert len(result.stderr.strip().splitlines()) == 1
    finally:
        tmp_path.chmod(0o700)


def test_a_readme_that_is_not_ours_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "README.md"
    mine.write_text("# My thesis\n", encoding="utf-8")
    assert cli._status(["report", "--out", str(tmp_path)]) == cli.BAD_INPUT
    assert "another file" in capsys.readouterr().err
    assert mine.read_text(encoding="utf-8") == "# My thesis\n"
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_interruption_leaves_complete_files_only(tmp_path: Path) -> None:
    old = tmp_path / "normalization"
    old.mkdir()
    (old / "findings.json").write_text("{}")
    process = subprocess.Popen(
        [*COMMAND, "report", "--out", str(tmp_path)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    process.stderr.readline()  # the first part is done
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == cli.INTERRUPTED
    assert "Traceback" not in err
    assert [p.name for p in tmp_path.iterdir()] == ["normalization"]
    assert (old / "findings.json").read_text() == "{}"


def test_no_arguments_ask_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._status(["--help"]) == cli.DONE
    help = capsys.readouterr().out
    assert help.startswith("Usage: residua [OPTIONS] COMMAND")
    assert cli._status([]) == cli.DONE
    assert capsys.readouterr() == (help, "")


def test_the_version_is_the_installed_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._status(["--version"]) == cli.DONE
    assert capsys.readouterr() == (f"residua {version('residua')}\n", "")


def test_help_helps() -> None:
    for arguments in (["--help"], ["run", "--help"], ["report", "--help"]):
        result = _residua(*arguments)
        assert result.returncode == cli.DONE
        assert "--help" in result.stdout
