"""A bar for training that takes long enough to need one."""

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

DELAY = 2.0  # seconds of training before a bar appears by itself
INTERVAL = 0.1  # seconds between two updates: more cannot be read


class Bar:
    """Loss, learning rate and steps a second on stderr.

    shown: True at once, False never, None after two seconds if stderr is a terminal. begun: steps done before.
    """

    def __init__(self, steps: int, rate: float, shown: bool | None = None, begun: int = 0) -> None:
        self.steps, self.rate, self.begun = steps, rate, begun
        self.wanted = sys.stderr.isatty() if shown is None else shown
        self.begin = time.monotonic()
        self.next = self.begin + (DELAY if shown is None else 0.0)
        self.progress: Progress | None = None

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.progress is not None:
            self.progress.stop()

    def update(self, done: int, loss: float) -> None:
        """Call after every step; draws seldom."""
        now = time.monotonic()
        if not self.wanted or (now < self.next and not (done == self.steps and self.progress)):
            return
        self.next = now + INTERVAL
        if self.progress is None:
            self.progress = _progress(self.steps)
        speed = (done - self.begun) / max(now - self.begin, 1e-9)
        text = f"loss {loss:.3e}  rate {self.rate:g}  {speed:.0f} steps/s"
        self.progress.update(self.progress.task_ids[0], completed=done, description=text)


class Counter:
    """How many of `total` things are done, on stderr.

    shown: True at once, False never, None after two seconds if stderr is a terminal.
    """

    def __init__(self, total: int, what: str, shown: bool | None = None) -> None:
        self.total, self.what = total, what
        self.wanted = sys.stderr.isatty() if shown is None else shown
        self.begin = time.monotonic()
        self.next = self.begin + (DELAY if shown is None else 0.0)
        self.progress: Progress | None = None

    def __enter__(self) -> "Counter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.progress is not None:
            self.progress.stop()

    def update(self, done: int) -> None:
        """Call as often as you like; draws seldom."""
        now = time.monotonic()
        if not self.wanted or (now < self.next and not (done == self.total and self.progress)):
            return
        self.next = now + INTERVAL
        if self.progress is None:
            self.progress = _progress(self.total)
        self.progress.update(self.progress.task_ids[0], completed=done, description=self.what)


def _progress(steps: int) -> Progress:
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=False)
    progress.add_task("", total=steps)
    progress.start()
    return progress
