import sys

import pytest

from residua_numeric import progress
from residua_numeric.progress import Bar


def draw(shown: bool | None) -> None:
    with Bar(3, 0.125, shown) as bar:
        for done in (1, 2, 3):
            bar.update(done, 0.5)


def test_asked_for_it_shows_loss_rate_and_speed(capsys: pytest.CaptureFixture[str]) -> None:
    draw(True)
    printed = capsys.readouterr()
    assert printed.out == ""
    for words in ("3/3", "loss 5.000e-01", "rate 0.125", "steps/s"):
        assert words in printed.err


def test_the_speed_is_that_of_the_steps_since_it_began(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.monotonic", iter((0.0, 2.0)).__next__)
    with Bar(200, 0.125, True, begun=100) as bar:
        bar.update(200, 0.5)
    printed = capsys.readouterr().err
    assert "200/200" in printed
    assert "50 steps/s" in printed


@pytest.mark.parametrize("shown", [False, None])
def test_it_is_silent_where_stderr_is_no_terminal(capsys: pytest.CaptureFixture[str], shown: bool | None) -> None:
    draw(shown)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("delay", "appears"), [(0.0, True), (60.0, False)])
def test_at_a_terminal_it_appears_after_a_while(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, delay: float, appears: bool
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(progress, "DELAY", delay)
    draw(None)
    assert ("steps/s" in capsys.readouterr().err) == appears
