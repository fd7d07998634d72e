"""Contenders timed in turn within one run, so that what slows the machine slows them all, and compared as ratios.

Time is that of the processor, all threads together: on one thread the time on the clock, less what others took.
"""

import gc
import math
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Prepared:
    """A contender that needs a thing of its own for every call, made while no clock runs."""

    make: Callable[[], Any]
    run: Callable[[Any], object]

    def __call__(self) -> object:
        return self.run(self.make())


Contender = Callable[[], object] | Prepared

SHORTEST = 0.05  # seconds: a sample repeats its contender until it takes about that long
MANY = 1000  # calls in a sample, at most


@dataclass(frozen=True)
class Times:
    """Seconds of a call, one for each repetition, by the contender's name."""

    seconds: Mapping[str, Sequence[float]]

    def best(self, name: str) -> float:
        """The fastest: what the machine does when nothing disturbs it."""
        return min(self.seconds[name])

    def ratios(self, name: str, to: str) -> list[float]:
        """Time of one contender over that of another in the same repetition, ascending."""
        return sorted(a / b for a, b in zip(self.seconds[name], self.seconds[to], strict=True))

    def row(self, what: str, name: str, peer: str, aim: float | None = None) -> tuple[str, ...]:
        """A row of the table; `aim`: the largest median ratio that meets it."""
        found = self.ratios(name, peer)
        ratio = f"{median(found):.2f} ({found[0]:.2f}–{found[-1]:.2f})"
        times = (milliseconds(self.best(name)), milliseconds(self.best(peer)))
        return (what, *times, ratio, *judged(median(found), aim, f"{aim:g}" if aim else ""))

    def faster_row(self, what: str, name: str, peer: str, aim: float | None = None) -> tuple[str, ...]:
        """A row with the ratio the other way round; `aim`: the smallest median that meets it."""
        found = self.ratios(peer, name)
        ratio = f"{median(found):.3g} ({found[0]:.3g}–{found[-1]:.3g})"
        met = ("", "") if aim is None else (f"≥ {aim:g}", "yes" if median(found) >= aim else "no")
        return (what, milliseconds(self.best(name)), milliseconds(self.best(peer)), ratio, *met)


def judged(value: float, aim: float | None, text: str) -> tuple[str, str]:
    """The last two cells of a row: the aim, and whether it is met."""
    return ("", "") if aim is None else (f"≤ {text}", "yes" if value <= aim else "no")


def interleave(contenders: Mapping[str, Contender], repetitions: int) -> Times:
    """Time the contenders in turn, there and back again; the first call of each does not count."""
    calls = {name: _calls(contender) for name, contender in contenders.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    for _ in range(repetitions):
        for name in order:
            seconds[name].append(_sample(contenders[name], calls[name]))
        order.reverse()
    return Times(seconds)


def _calls(contender: Contender) -> int:
    contender()
    return min(MANY, max(1, math.ceil(SHORTEST / _sample(contender, 1))))


def _sample(contender: Contender, calls: int) -> float:
    gc.collect()
    if isinstance(contender, Prepared):
        return sum(_one(partial(contender.run, contender.make())) for _ in range(calls)) / calls
    begin = time.process_time()
    for _ in range(calls):
        contender()
    return (time.process_time() - begin) / calls


def _one(call: Callable[[], object]) -> float:
    begin = time.process_time()
    call()
    return time.process_time() - begin


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def milliseconds(seconds: float) -> str:
    """Three digits."""
    if seconds < 1e-3:
        return f"{seconds * 1e3:.3f} ms"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def machine(packages: Sequence[str]) -> str:
    """What the numbers depend on: the processor's model and the versions."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in packages)
    return f"{_processor()}; Python {platform.python_version()}, {versions}"


def _processor() -> str:
    """Only Linux tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
