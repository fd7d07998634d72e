"""Progress of long work on standard error: bars on a terminal, a line for each part elsewhere."""

import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")


class Part(Protocol):
    """A part of the work, shown until it ends."""

    def advance(self) -> None:
        """One more of it is done."""

    def end(self) -> None:
        """All of it is."""


def tracked(items: Sequence[T], part: Part) -> Iterator[T]:
    """The items, one after the other."""
    for item in items:
        yield item
        part.advance()
    part.end()


class Display:
    """Shows how far the work is; a context manager."""

    def __init__(self) -> None:
        self._bars: Progress | None = None

    def __enter__(self) -> "Display":
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = Console(stderr=True)
        if self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bars = Progress(*columns, console=self._console)
            self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bars is not None:
            self._bars.stop()

    def part(self, label: str, total: int, *, stays: bool = True) -> Part:
        """A part of so many items; its bar goes when it ends unless it stays."""
        return _Line(self._say, label) if self._bars is None else _Bar(self._bars, label, total, stays)

    def track(self, items: Sequence[T], label: str) -> Iterator[T]:
        """The items, one after the other, as a part."""
        return tracked(items, self.part(label, len(items)))

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class _Line:
    """A part that is told of when it ends."""

    def __init__(self, say: Callable[[str], None], label: str) -> None:
        self._say, self._label, self._done, self._begin = say, label, 0, time.monotonic()

    def advance(self) -> None:
        self._done += 1

    def end(self) -> None:
        self._say(f"{self._label}: {self._done} done, {time.monotonic() - self._begin:.1f} s")


class _Bar:
    """A part as a bar."""

    def __init__(self, bars: "Progress", label: str, total: int, stays: bool) -> None:
        self._bars, self._stays = bars, stays
        self._bar = bars.add_task(label.replace("[", r"\["), total=total)

    def advance(self) -> None:
        self._bars.advance(self._bar)

    def end(self) -> None:
        if not self._stays:
            self._bars.remove_task(self._bar)
