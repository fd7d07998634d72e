"""The command `residua law` as a user types it: formats, exit status, pictures, bad input."""

import json
from pathlib import Path

import pytest

from residua_bridge import cli

LINEAR = ["--network", "L * Linear(n, n, False)", "--init", "1", "--resolution", "0.1", "--seconds", "10"]
AT = ["--at", "n=16, L=2"]


def run(*arguments: str) -> int:
    return cli._status(["law", *arguments])


def test_a_law_is_judged_and_its_budget_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("1", *LINEAR, *AT) == cli.DONE
    out = capsys.readouterr().out
    assert out.startswith("agree: gradient ratio = 1\n")
    for word in ("predicted", "measured", "sampling", "unexplained", "E|g_l|^2 / E|g_L|^2", "L * Linear(n, n, False)"):
        assert word in out


def test_the_exit_status_tells_whether_the_verdict_is_the_expected_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("1.5", *LINEAR, *AT, "--expect", "differ") == cli.DONE
    assert run("1.5", *LINEAR, *AT, "--expect", "agree") == cli.NOT_AS_EXPECTED
    assert capsys.readouterr().out.count("differ: gradient ratio = 1.5") == 2


def test_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("(s/2)^L", *LINEAR[:2], *LINEAR[4:], "--init", "s/2", "--at", "n=16,L=1,s=3", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "agree"
    assert found["predicted"] == 1.5
    assert found["scope"]["init"] == "s/2"
    terms = sum(term["value"] for term in found["terms"])
    total = found["predicted"] + terms + found["unexplained"]["value"]
    assert found["measured"]["value"] == pytest.approx(total, rel=1e-9)
    assert {rung["repetitions"] for rung in found["rungs"]}
    for name, start in (("markdown", "agree"), ("latex", "\\")):
        assert run("1", *LINEAR, *AT, "--format", name) == cli.DONE
        assert start in capsys.readouterr().out


def test_ladders_and_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    block = ["--network", "L * Residual(LayerNorm(n, eps=0), relu, Linear(n, n, False))", "--resolution", "0.1"]
    picture = tmp_path / "ladder.svg"
    sizes = ["--at", "n=32,L=3", "--limit", "n", "--ladder", "n=8,16,32", "--plot", str(picture)]
    assert run("(1+L)/(1+l)", *block, *sizes, "--expect", "agree") == cli.DONE
    assert "finite width" in capsys.readouterr().out
    assert picture.read_text().startswith("<?xml")


def test_a_budget_is_drawn_where_there_is_no_ladder(tmp_path: Path) -> None:
    picture = tmp_path / "budget.pdf"
    assert run("1", *LINEAR, *AT, "--plot", str(picture)) == cli.DONE
    assert picture.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["1+x", *LINEAR], "unknown variable 'x'"),
        (["1"], "Missing option '--network'"),
        (["1", *LINEAR, "--at", "n=16,L=0"], "L, the number of blocks, must be a whole number of at least 1, got 0"),
        (["1", *LINEAR, "--at", "n"], "--at: expected values such as"),
        (["1", *LINEAR, "--at", "n=1,2"], "--at: 'n': expected one value, got 2"),
        (["1", *LINEAR, "--at", "n=x"], "--at: 'n': expected a number"),
        (["1", *LINEAR, "--at", "n=1,n=2"], "'n' is given twice"),
        (["1", *LINEAR, "--ladder", "n=32"], "ladder in n: expected at least two sizes, got 1"),
        (["1", *LINEAR, "--ladder", "32,64"], "--ladder: expected values such as"),
        (["1", *LINEAR, "--limit", "x"], "unknown size 'x'"),
        (["1", *LINEAR, "--limit", "n=0"], "must be positive"),
        (["1", *LINEAR, "--init", "0"], "a number above 0, got 0.0"),
        (["1", *LINEAR, "--init", "-1"], "a number above 0, got -1.0"),
        (["1", "--network", "L * Lineer(n, n)"], "unknown layer 'Lineer'"),
        (["1", "--network", "L * [Linear(n, n), BatchNorm(n, 0)]", "--at", "B=3"], "E[1/χ²_2], does not exist"),
        (["1", *LINEAR, "--of", "gradient"], "unknown quantity 'gradient'"),
        (["1", *LINEAR, "--expect", "yes"], "unknown verdict 'yes'"),
        (["1", *LINEAR, "--format", "xml"], "unknown format 'xml'"),
        (["1", *LINEAR, "--plot", "a.png"], "a.png: expected a file name that ends in .svg or .pdf"),
        (["1", *LINEAR, "--seconds", "0"], "seconds must be positive"),
        (["1", *LINEAR, "--plot", "/no/such/folder/a.svg"], "expected a folder that exists, got /no/such/folder"),
        (["-L", *LINEAR], "an expression that begins with a minus sign goes into brackets"),
        (["1", "--network", "L * relu"], "expected at least one that does, such as Linear(n, n)"),
    ],
)
def test_bad_input_gets_one_line_and_status_two(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == cli.BAD_INPUT
    caught = capsys.readouterr()
    assert expected in caught.err
    assert len(caught.err.strip().splitlines()) == 1
    assert caught.out == ""
