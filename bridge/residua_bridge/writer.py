"""A report's folder, written whole or not at all: built beside its place, then put there in one step."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from residua_bridge.figures import draw, file_stem
from residua_bridge.findings import Findings
from residua_bridge.formats import Format, named
from residua_bridge.formats._paper import Picture
from residua_bridge.graph_drawing import draw_graph_files
from residua_bridge.matrix_drawing import draw_matrix_files
from residua_bridge.waterfall_drawing import draw_waterfall_files
from residua_network.errors import ResiduaError

DATA = "findings.json"


def write(findings: Findings, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Writes `<folder>/<study>/` anew with the reports, findings.json and figures/; returns the paths of the files.

    Raises ResiduaError, with what was there untouched, when the folder cannot be written or something else is in it.
    """
    place = folder / file_stem(findings.study)
    chosen = [named(name) for name in dict.fromkeys(formats)]
    try:
        _check(folder, place)
        folder.mkdir(parents=True, exist_ok=True)
        _recover(place)
        draft = _hidden(place, f"new-{os.getpid()}")
        try:
            names = [path.relative_to(draft) for path in _fill(draft, findings, chosen)]
            _replace(place, draft)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise ResiduaError(f"{place}: expected to write a report there, got: {error.strerror or error}") from error
    return [place / name for name in names]


def ensure_writable(folder: Path, study: str) -> None:
    """Raises ResiduaError now where `write` would do so after the computing."""
    place = folder / file_stem(study)
    try:
        _check(folder, place)
        folder.mkdir(parents=True, exist_ok=True)
        probe = _hidden(place, f"probe-{os.getpid()}")
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise ResiduaError(
            f"{folder}: expected a folder to write reports into, got: {error.strerror or error}"
        ) from error


def replace_file(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    draft = _hidden(path, f"new-{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8", newline="\n")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ResiduaError(f"{path}: expected to write a file there, got: {error.strerror or error}") from error


def _check(folder: Path, place: Path) -> None:
    for path in (place, folder, *folder.parents):
        if (path == place and path.is_symlink()) or (path.exists() and not path.is_dir()):
            raise ResiduaError(f"{path}: expected a folder to write a report into, got something else of that name")
    if place.exists() and any(place.iterdir()) and not (place / DATA).exists():
        raise ResiduaError(f"{place}: expected a report or nothing there, got a folder without {DATA}; left as it is")


def _fill(draft: Path, findings: Findings, chosen: Sequence[Format]) -> list[Path]:
    """All files of the report, the documents first, so that what they refuse is refused before any drawing."""
    draft.mkdir()
    texts = {one.file: one.render(findings) for one in chosen} | {DATA: findings.to_json()}
    for name, text in texts.items():
        (draft / name).write_text(text, encoding="utf-8", newline="\n")
    return [draft / name for name in texts] + _figures(draft / "figures", findings)


def _figures(folder: Path, findings: Findings) -> list[Path]:
    figures = [figure for section in findings.sections for figure in section.figures]
    drawings = [drawing for section in findings.sections for drawing in section.drawings]
    matrices = [matrix for section in findings.sections for matrix in section.matrices]
    waterfalls = [waterfall for section in findings.sections for waterfall in section.waterfalls]
    pictures: list[Picture] = [*figures, *drawings, *matrices, *waterfalls]
    names = [one.name for one in pictures]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ResiduaError(f"{findings.study}: expected figures of different names, got twice: {', '.join(twice)}")
    if names:
        folder.mkdir()
    paths = [path for figure in figures for path in draw(figure, folder)]
    paths += [path for drawing in drawings for path in draw_graph_files(drawing, folder)]
    paths += [path for matrix in matrices for path in draw_matrix_files(matrix, folder)]
    return paths + [path for waterfall in waterfalls for path in draw_waterfall_files(waterfall, folder)]


def _hidden(place: Path, suffix: str) -> Path:
    return place.with_name(f".{place.name}.{suffix}")


def _recover(place: Path) -> None:
    """Puts back what an interrupted run had moved aside, and removes its drafts: one writer a folder at a time."""
    old = _hidden(place, "old")
    if old.exists() and not place.exists():
        old.rename(place)
    for stale in (old, *place.parent.glob(f".{place.name}.new-*")):
        if stale.exists():
            shutil.rmtree(stale)


def _replace(place: Path, draft: Path) -> None:
    old = _hidden(place, "old")
    if place.exists():
        place.rename(old)
    try:
        draft.rename(place)
    except BaseException:
        if old.exists():
            old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)
