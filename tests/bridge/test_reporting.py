"""Reports written by several processes: the same bytes, each as soon as it is done; interruption, errors and deaths.

The made-up studies stand in a module of their own, which the processes import.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from residua_bridge import cli, workers
from residua_bridge.findings import Findings
from residua_bridge.reporting import write_all
from residua_bridge.study import Settings, carry_out
from residua_network import ResiduaError, ShapeError

MODULE = '''
"""Studies for tests."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.study import Finding, Study
from residua_network import ResiduaError, ShapeError


@dataclass(frozen=True)
class Says:
    """A section that any process computes alike, after a while."""

    title: str
    seconds: float = 0.0

    def run(self, settings):
        rows = []
        for k in settings.track(range(3), self.title):
            time.sleep(self.seconds / 3)
            rows.append((k, k / 7))
        curve = Curve("a", "measured", (1.0, 2.0), (3.0, 4.0))
        figure = Figure(self.title.replace(" ", "-"), "t", "x", "y", (curve,))
        return Finding(Section(self.title, tables=(Table("T", ("k", "v"), tuple(rows)),), figures=(figure,)))


@dataclass(frozen=True)
class Marks:
    """Leaves its process id in a file, then sleeps."""

    folder: str
    seconds: float = 60.0

    def run(self, settings):
        (Path(self.folder) / f"{os.getpid()}.pid").write_text("")
        return Says("marked", self.seconds).run(settings)


@dataclass(frozen=True)
class Waits:
    """Until a file is there."""

    path: str

    def run(self, settings):
        end = time.monotonic() + 60
        while not Path(self.path).exists() and time.monotonic() < end:
            time.sleep(0.02)
        return Says("it came" if Path(self.path).exists() else "it never came").run(settings)


class Awkward(ResiduaError):
    """Cannot be made anew from its words."""

    def __init__(self, a, b):
        super().__init__(f"awkward: {a} {b}")


@dataclass(frozen=True)
class Fails:
    """Raises."""

    how: str

    def run(self, settings):
        if self.how == "dies":
            os._exit(7)
        if self.how == "unpicklable":
            return Finding(Section("s"), (lambda: None,))
        if self.how == "awkward":
            raise Awkward(1, 2)
        raise {"ours": ShapeError("x: expected 3, got 4"), "mistake": KeyError("k")}[self.how]


def study(name, *experiments):
    """Not to be pickled: it holds a lambda."""
    return Study(name, name.title(), "?", "c", "r", experiments, lambda sections: (f"{len(sections)} sections",))


def good():
    return {
        "slow": study("slow", Says("s one", 0.6), Says("s two"), Says("s three", 0.3)),
        "empty": study("empty"),
        "fast": study("fast", Says("f one"), Says("f two", 0.1)),
    }


def one_fails(how):
    return {"fine": study("fine", Says("n")), "bad": study("bad", Says("b one", 2.0), Fails(how))}


def ours():
    return one_fails("ours")


def awkward():
    return one_fails("awkward")


def mistake():
    return one_fails("mistake")


def dies():
    return one_fails("dies")


def unpicklable():
    return one_fails("unpicklable")


def one_waits():
    return {"slow": study("slow", Waits(os.environ["AWAITED"])), "fast": study("fast", Says("f"))}


def endless():
    folder = os.environ["MARKS"]
    return {"quick": study("quick", Says("q")), "endless": study("endless", Marks(folder), Marks(folder))}
'''


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the module; a process that is started gets the path from this one."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "made_up_studies.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    sys.modules.pop("made_up_studies", None)


def catalogue(name: str):  # type: ignore[no-untyped-def]
    import made_up_studies  # type: ignore[import-not-found]

    return getattr(made_up_studies, name)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("made_up")
def test_several_processes_write_the_bytes_of_one(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    formats = ("markdown", "latex")
    outcomes = write_all(catalogue("good"), tmp_path / "one", "quick", formats)
    one = capfd.readouterr()
    several = write_all(catalogue("good"), tmp_path / "two", "quick", formats, processes=2)
    two = capfd.readouterr()
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert set(contents(tmp_path / "one")) >= {
        "README.md",
        "slow/report.md",
        "fast/figures/f-one.svg",
        "empty/report.tex",
    }
    assert several == outcomes
    assert [outcome.findings.study for outcome in several] == ["slow", "empty", "fast"]
    assert several[0].findings == carry_out(catalogue("good")()["slow"], Settings()).findings
    told = sorted(line.partition(" done")[0] for line in one.err.splitlines())
    assert told == sorted(line.partition(" done")[0] for line in two.err.splitlines())
    assert {"slow: s one: 3", "slow: experiments: 3", "fast: experiments: 2"} <= set(told)


@pytest.mark.usefixtures("made_up")
def test_a_study_that_is_done_is_written_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWAITED", str(tmp_path / "fast" / "report.md"))
    slow, fast = write_all(catalogue("one_waits"), tmp_path, "quick", ("markdown",), processes=2)
    assert (slow.findings.sections[0].title, fast.findings.sections[0].title) == ("it came", "f")


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ("ours", ResiduaError, "^x: expected 3, got 4$"),
        ("awkward", ResiduaError, "^awkward: 1 2$"),
        ("mistake", KeyError, "k"),
        ("dies", ResiduaError, "^bad, experiment 2: expected a result, but its process ended with status 7; where"),
        ("unpicklable", Exception, "(?i)pickle"),
    ],
)
def test_what_a_task_raises_ends_all(tmp_path: Path, how: str, error: type[Exception], words: str) -> None:
    begin = time.monotonic()
    with pytest.raises(error, match=words) as caught:
        write_all(catalogue(how), tmp_path, "quick", ("markdown",), processes=2)
    assert caught.type is not RuntimeError
    assert time.monotonic() - begin < 60
    assert set(contents(tmp_path / "fine")) <= {"report.md", "findings.json", "figures/n.svg", "figures/n.pdf"}
    assert not (tmp_path / "bad").exists()
    assert not (tmp_path / "README.md").exists()
    if how == "mistake":
        assert "in run" in caught.value.__notes__[0]  # where in the other process


@pytest.mark.usefixtures("made_up")
def test_the_kind_of_an_error_survives(tmp_path: Path) -> None:
    with pytest.raises(ShapeError):
        write_all(catalogue("ours"), tmp_path, "quick", (), processes=2)


def interruptible(made_up: Path, out: Path) -> subprocess.Popen[str]:
    """`residua report` of the studies of which one does not end, by two processes."""
    code = (
        f"import sys; sys.path.insert(0, {str(made_up)!r}); import made_up_studies; "
        "from residua_bridge import cli, study; study.studies = made_up_studies.endless; cli.main()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, "report", "--out", str(out), "--processes", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MARKS": str(out)},
    )


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_interruption_stops_all_processes_and_leaves_what_is_complete(made_up: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with interruptible(made_up, out) as process:
        end = time.monotonic() + 60
        while len(list(out.glob("*.pid"))) < 2 or not (out / "quick").exists():
            assert time.monotonic() < end, process.communicate()
            assert process.poll() is None
            time.sleep(0.05)
        for mark in out.glob("*.pid"):  # a terminal sends it to all of them
            os.kill(int(mark.stem), signal.SIGINT)
        time.sleep(0.5)
        assert all(lives(int(mark.stem)) for mark in out.glob("*.pid"))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == cli.INTERRUPTED
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "residua: interrupted; what is written is complete"
    assert not any(lives(int(mark.stem)) for mark in out.glob("*.pid"))
    assert {path.name for path in out.iterdir() if path.suffix != ".pid"} == {"quick"}
    assert Findings.from_json((out / "quick" / "findings.json").read_text()).study == "quick"


def test_there_are_processors() -> None:
    assert 1 <= workers.processors() <= (os.cpu_count() or 1)
