"""The commands that take an expression: every format, the files, and bad input in one line with status 2."""

import json
import math
from pathlib import Path

import pytest

from residua_bridge.cli import BAD_INPUT, DONE, _status
from residua_bridge.expression_commands import PRINTED
from residua_bridge.findings import as_json

EXAMPLE = "1/(exp(-(w*x+b))+1)"
CALLS = {
    "taylor": ["taylor", "exp(sin(x))", "--order", "6", "--on", "-1/2", "1/2"],
    "swell": ["swell", "4*x*(1-x)", "--iterate", "4"],
    "trace": ["trace", EXAMPLE, "--at", "x=1,w=0,b=0"],
    "differences": ["differences", "exp(x)", "--at", "0"],
    "construct": ["construct", "abs(x)", "--on", "-1", "1", "--error", "0.1"],
}
WORDS = {
    "taylor": "0.004166666666666667",
    "swell": "166",
    "trace": "0.25",
    "differences": "1.0517091807564771",
    "construct": "relu",
}


@pytest.mark.parametrize("format", PRINTED)
@pytest.mark.parametrize("command", CALLS)
def test_every_command_prints_every_format(command: str, format: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _status([*CALLS[command], "--format", format]) == DONE
    printed = capsys.readouterr().out
    assert WORDS[command] in printed
    if format == "json":
        assert json.loads(printed)
    if format == "latex":
        assert r"\toprule" in printed


def test_json_has_the_names_of_the_attributes(capsys: pytest.CaptureFixture[str]) -> None:
    assert _status([*CALLS["trace"], "--format", "json"]) == DONE
    found = json.loads(capsys.readouterr().out)
    assert found["value"] == 0.5
    assert found["gradient"] == {"w": 0.25, "x": 0.0, "b": 0.25}
    assert _status([*CALLS["swell"], "--format", "json"]) == DONE
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["n"] for row in rows] == [1, 2, 3, 4]
    assert _status([*CALLS["differences"], "--steps", "1/10,1e-3", "--format", "json"]) == DONE
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["step"] for row in rows] == [0.1, 0.001]


def test_beyond_the_radius_there_is_a_warning_and_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert _status(["taylor", "1/(1+x^2)", "--order", "4", "--on", "-2", "2"]) == DONE
    said = capsys.readouterr()
    assert "beyond the radius of convergence 1" in said.err
    assert said.err.count("\n") == 1
    assert "certified: within" in said.out


def test_a_box_and_a_single_moving_variable(capsys: pytest.CaptureFixture[str]) -> None:
    call = ["taylor", "x*sin(y)", "--at", "x=1/2,y=1", "--order", "3"]
    assert _status([*call, "--on", "x=-1,y=0", "x=1,y=2", "--format", "json"]) == DONE
    found = json.loads(capsys.readouterr().out)
    assert found["interval"] == {"x": ["-1", "1"], "y": ["0", "2"]}
    assert found["remainder"]["lower"] <= -found["largest_error_seen"] < 0
    assert _status([*call, "--variable", "y", "--on", "0", "2", "--format", "json"]) == DONE
    found = json.loads(capsys.readouterr().out)
    assert found["coefficients"] == ["sin(1)/2", "cos(1)/2", "-sin(1)/4", "-cos(1)/12"]
    assert found["mean_square_error"]["value"] > 0


def test_a_picture_of_a_function_with_poles_shows_the_polynomial_everywhere() -> None:
    from residua_bridge.taylor_plot import series_with_band
    from residua_symbolic import taylor

    f, band = series_with_band(taylor("tan(x)", 3), -2, 2).curves
    assert all(map(math.isfinite, band.y))
    assert any(map(math.isnan, band.spread))
    assert band.spread[len(band.spread) // 2] == 0.0
    assert max(abs(y) for y in f.y if math.isfinite(y)) < 30
    held = [
        (y, t, b) for y, t, b in zip(f.y, band.y, band.spread, strict=True) if math.isfinite(y) and not math.isnan(b)
    ]
    assert len(held) > 100
    assert all(abs(y - t) <= b + 1e-15 * abs(y) for y, t, b in held)


def test_json_of_what_is_not_finite_or_very_long() -> None:
    data = json.loads(as_json({"a": float("inf"), "b": [float("nan"), 2**60], "c": 10**5000}))
    assert data == {"a": "inf", "b": ["nan", 2**60], "c": "1" + 5000 * "0"}


def test_a_constant_has_a_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert _status(["trace", "2^3"]) == DONE
    assert "8.0" in capsys.readouterr().out


def test_one_mode_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert _status([*CALLS["trace"], "--mode", "reverse"]) == DONE
    printed = capsys.readouterr().out
    assert "Reverse mode" in printed
    assert "Forward mode" not in printed


@pytest.mark.parametrize("ending", ["svg", "pdf"])
def test_pictures_are_drawn(ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph, plot = tmp_path / f"graph.{ending}", tmp_path / f"plot.{ending}"
    assert _status([*CALLS["trace"], "--graph", str(graph)]) == DONE
    assert _status([*CALLS["differences"], "--plot", str(plot)]) == DONE
    assert _status([*CALLS["taylor"], "--plot", str(tmp_path / f"taylor.{ending}")]) == DONE
    assert (tmp_path / f"taylor.{ending}").exists()
    head = {"svg": b"<?xml", "pdf": b"%PDF"}[ending]
    assert graph.read_bytes().startswith(head)
    assert plot.read_bytes().startswith(head)
    capsys.readouterr()


BAD = {
    "order below zero": (["taylor", "sin(x)", "--order", "-1"], "order"),
    "absurd order": (["taylor", "sin(x)", "--order", "1000000000"], "at most 2000"),
    "interval reversed": (["taylor", "sin(x)", "--on", "1", "-1"], "lower < upper"),
    "interval without the point": (["taylor", "sin(x)", "--on", "1", "2"], "contains x = 0"),
    "empty interval": (["taylor", "sin(x)", "--on", "0", "0"], "lower < upper"),
    "point outside the domain": (["taylor", "log(x)", "--at", "-1"], "log"),
    "a kink": (["taylor", "relu(x)"], "relu"),
    "plot without interval": (["taylor", "sin(x)", "--plot", "p.svg"], "--on L U"),
    "box without a variable": (["taylor", "x*y", "--at", "x=0,y=0", "--on", "x=-1", "x=1"], "got values for x"),
    "interval for a box": (["taylor", "x*y", "--at", "x=0,y=0", "--on", "-1", "1"], "by name"),
    "plot of a box": (
        ["taylor", "x*y", "--at", "x=0,y=0", "--on", "x=-1,y=-1", "x=1,y=1", "--plot", "p.svg"],
        "one variable",
    ),
    "half a box": (["taylor", "x*y", "--at", "x=0,y=0", "--on", "x=-1,y", "x=1,y=2"], "--on"),
    "several variables, no point": (["taylor", "x*y"], "such as x=0, y=0"),
    "no such variable": (["taylor", "x*y", "--at", "x=0,y=0", "--variable", "z"], "one of x, y"),
    "hostile interval": (["taylor", "sin(x)", "--on", "__import__('os')", "1"], "lower"),
    "no expression": (["trace", "", "--at", "x=1"], "expected an expression"),
    "a point from noise": (["trace", "x", "--at", "x=sign(sin(1)^2+cos(1)^2-1)"], "cannot be told from 0"),
    "hostile": (["trace", "__import__('os').getcwd()", "--at", "x=1"], "column"),
    "no point": (["trace", EXAMPLE], "missing: w, x, b"),
    "a value is missing": (["trace", EXAMPLE, "--at", "x=1,w=0"], "missing: b"),
    "a value too many": (["trace", "x", "--at", "x=1,y=2"], "surplus: y"),
    "two values": (["trace", "x", "--at", "x=1,x=2"], "one value for each variable"),
    "no value": (["trace", "x", "--at", "x"], 'such as "x=1,w=0"'),
    "not a number": (["trace", "x", "--at", "x=nan"], "finite number"),
    "not a number either": (["trace", "x", "--at", "x=y"], "expected no variable"),
    "unknown mode": (["trace", "x", "--at", "x=1", "--mode", "sideways"], "unknown mode 'sideways'"),
    "unknown format": (["trace", "x", "--at", "x=1", "--format", "html"], "unknown format 'html'"),
    "where a function does not exist": (["trace", "log(x)", "--at", "x=0"], "log(x)"),
    "where a derivative does not exist": (["trace", "sqrt(x)", "--at", "x=0"], "sqrt(x)"),
    "at a kink": (["trace", "abs(x)", "--at", "x=0"], "abs(x)"),
    "an ending": (["trace", "x*x", "--at", "x=1", "--graph", "graph.docx"], "graph.docx"),
    "no bound there": (["construct", "1/x", "--on", "-1", "1", "--error", "0.1"], "1/x"),
    "an interval backwards": (["construct", "x", "--on", "1", "0", "--error", "0.1"], "lower < upper"),
    "a polynomial as unit": (["construct", "x", "--on", "0", "1", "--error", "0.1", "--by", "square"], "square"),
    "a step of zero": (["differences", "exp(x)", "--at", "0", "--steps", "0"], "step"),
    "a negative step": (["differences", "exp(x)", "--at", "0", "--steps", "-0.1"], "step"),
    "a step that is none": (["differences", "exp(x)", "--at", "0", "--steps", "nan"], "finite number"),
    "a point outside": (["differences", "log(x)", "--at", "-1"], "log"),
    "which variable": (["differences", "x*y", "--at", "x=1,y=2"], "variable"),
    "iterate": (["swell", "4*x*(1-x)", "--iterate", "0"], "iterate"),
    "form": (["swell", "x*x", "--form", "pretty"], "unknown form 'pretty'"),
    "swell by which variable": (["swell", "x*y"], "variable"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_status_2(
    case: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, words = BAD[case]
    assert _status(arguments) == BAD_INPUT
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("residua: ")
    assert words in err
    assert list(tmp_path.iterdir()) == []
