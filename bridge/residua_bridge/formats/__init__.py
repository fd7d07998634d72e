"""Report formats, one file each; `formats()` scans this folder, so that adding one needs no other edit.

A format file offers `FILE`, `render` and `render_verdicts`. Files with a leading underscore are what formats share:
`_paper` says what a report says, in which order; a format says how it is written.
"""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from residua_bridge.findings import Findings, VerdictText
from residua_network.checks import unknown
from residua_network.errors import ResiduaError


@dataclass(frozen=True)
class Format:
    """A way to write a report: `file` is the name of the whole document, `render_verdicts` gives a fragment."""

    name: str
    file: str
    render: Callable[[Findings], str]
    render_verdicts: Callable[[Sequence[VerdictText]], str]


@cache
def formats() -> dict[str, Format]:
    """Every format by name, in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return {name: _load(name) for name in names}


def named(name: str) -> Format:
    """The format of that name; raises ResiduaError with the nearest one that exists."""
    if name not in formats():
        raise ResiduaError(f"formats: {unknown('format', name, formats())}")
    return formats()[name]


def _load(name: str) -> Format:
    module = importlib.import_module(f"{__name__}.{name}")
    return Format(name, module.FILE, module.render, module.render_verdicts)
