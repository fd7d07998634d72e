"""Compiles a LaTeX document the way a careful reader would, and says what is wrong with the result."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

LIMIT_SECONDS = 180
LARGEST_OVERFULL_PT = 10.0  # design.md, section 8: what sticks out further is seen

_ERROR = re.compile(r"^(?:!|\S+:\d+:) .*")
_OVERFULL = re.compile(r"^Overfull \\[hv]box \(([\d.]+)pt too \w+\).*")
_SUSPECT = re.compile(r"^.*(?:Missing character|undefined|multiply[- ]defined|Float too large).*")


def has_latex() -> bool:
    """Whether `latexmk` can be run here."""
    return shutil.which("latexmk") is not None


def compile_latex(folder: Path, name: str = "report") -> list[str]:
    """Compiles `<name>.tex` in a copy of `folder`; returns the complaints, none for a good document."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(shutil.copytree(folder, Path(scratch) / "copy"))
        return _compile(copy, name)


def _compile(folder: Path, name: str) -> list[str]:
    command = ["latexmk", "-norc", "-pdf", "-interaction=nonstopmode", "-file-line-error"]
    command += ["-pdflatex=pdflatex -no-shell-escape %O %S", f"{name}.tex"]
    environment = {**os.environ, "openin_any": "p", "openout_any": "p", "max_print_line": "1000"}
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        return [f"{name}.tex did not compile within {LIMIT_SECONDS} s"]
    log = folder / f"{name}.log"
    complaints = list(complaints_in(log.read_text(encoding="latin-1"))) if log.exists() else ["there is no log"]
    if not complaints and (done.returncode or not (folder / f"{name}.pdf").exists()):
        complaints = [f"latexmk ended with {done.returncode}: {done.stdout.decode(errors='replace')[-500:]}"]
    return complaints


def complaints_in(log: str) -> Iterator[str]:
    """The lines of a TeX log that a reader of the document would mind."""
    for line in log.splitlines():
        overfull = _OVERFULL.match(line)
        too_wide = overfull is not None and not float(overfull[1]) <= LARGEST_OVERFULL_PT
        if too_wide or _ERROR.match(line) or _SUSPECT.match(line):
            yield line
