"""A report's folder is written whole or not at all."""

import dataclasses
from pathlib import Path

import pytest

from residua_bridge import writer
from residua_bridge.findings import Findings, Section
from residua_bridge.writer import write
from residua_network.errors import ResiduaError

from .sample_findings import errors_figure

FORMATS = ("markdown", "latex")


def report(title: str = "first", *, figures: bool = True) -> Findings:
    section = Section("s", figures=(errors_figure(),) if figures else ())
    return Findings("study", title, "q", "c", "r", (section,))


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_all_files_are_written(tmp_path: Path) -> None:
    paths = write(report(), tmp_path / "new" / "reports", FORMATS)
    folder = tmp_path / "new" / "reports" / "study"
    files = ["figures/errors.pdf", "figures/errors.svg", "findings.json", "report.md", "report.tex"]
    assert names(folder) == files
    assert sorted(paths) == sorted(folder / name for name in files)
    assert Findings.from_json((folder / "findings.json").read_text(encoding="utf-8")) == report()


def test_a_second_run_replaces_the_folder_whole(tmp_path: Path) -> None:
    write(report(), tmp_path, FORMATS)
    write(report("second", figures=False), tmp_path, ["markdown"])
    assert names(tmp_path) == ["study/findings.json", "study/report.md"]
    assert "# second" in (tmp_path / "study" / "report.md").read_text()


def test_an_interrupted_run_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(report(), tmp_path, FORMATS)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def interrupt(*_: object) -> list[Path]:
        raise KeyboardInterrupt

    monkeypatch.setattr(writer, "draw", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(report("second"), tmp_path, FORMATS)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_run_killed_at_any_point_is_cleaned_up_by_the_next(tmp_path: Path) -> None:
    write(report(), tmp_path, FORMATS)
    stale = tmp_path / ".study.new-12345"
    stale.mkdir()
    (stale / "report.md").write_text("half")
    (tmp_path / "study").rename(tmp_path / ".study.old")  # killed between the two renamings
    with pytest.raises(ResiduaError, match="SLIGHTLY SMILING FACE"):
        write(report("🙂"), tmp_path, FORMATS)
    assert "# first" in (tmp_path / "study" / "report.md").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def test_when_the_last_step_fails_the_old_report_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(report(), tmp_path, FORMATS)
    rename = Path.rename

    def refuse_the_draft(path: Path, target: Path) -> Path:
        if ".new-" in path.name:
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse_the_draft)
    with pytest.raises(ResiduaError, match=r"study: expected to write a report there, got: No space left on device"):
        write(report("second"), tmp_path, FORMATS)
    assert "# first" in (tmp_path / "study" / "report.md").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


@pytest.mark.parametrize("place", ["reports", "reports/study"])
def test_a_file_in_the_way_is_refused_and_kept(tmp_path: Path, place: str) -> None:
    obstacle = tmp_path / place
    obstacle.parent.mkdir(exist_ok=True)
    obstacle.write_text("mine")
    with pytest.raises(ResiduaError, match=r"expected a folder to write a report into, got") as caught:
        write(report(), tmp_path / "reports", FORMATS)
    assert "\n" not in str(caught.value)
    assert obstacle.read_text() == "mine"
    assert names(tmp_path) == [place]


def test_a_folder_that_is_no_report_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "thesis.txt").write_text("mine")
    with pytest.raises(ResiduaError, match=r"got a folder without findings.json; left as it is"):
        write(report(), tmp_path, FORMATS)
    assert names(tmp_path) == ["study/thesis.txt"]


def test_a_link_in_the_place_of_the_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "study").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ResiduaError, match="expected a folder"):
        write(report(), tmp_path, FORMATS)


def test_bad_input_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ResiduaError, match="did you mean 'latex'"):
        write(report(), tmp_path, ["latx"])
    with pytest.raises(ResiduaError, match="file name"):
        write(dataclasses.replace(report(), study="../escape"), tmp_path, FORMATS)
    twice = dataclasses.replace(report(), sections=report().sections * 2)
    with pytest.raises(ResiduaError, match="got twice: errors"):
        write(twice, tmp_path, FORMATS)
    assert names(tmp_path) == []
