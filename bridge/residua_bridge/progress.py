"""Progress of long work on standard error: a bar on a terminal, a line for each part elsewhere."""

import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")


class Display:
    """Shows how far a study is. Use as a context manager; `track` passes items on and counts them."""

    def __init__(self, title: str = "") -> None:
        self._title = title
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

    def track(self, items: Sequence[T], label: str) -> Iterator[T]:
        """The items, one after the other."""
        begin = time.monotonic()
        task = self._bars.add_task(label, total=len(items)) if self._bars is not None else None
        for item in items:
            yield item
            if self._bars is not None and task is not None:
                self._bars.advance(task)
        if self._bars is None:
            line = f"{self._title}{label}: {len(items)} done, {time.monotonic() - begin:.1f} s"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
