"""Tasks done by several processes, each taking the next one as soon as it has done one, and telling how far it is.

A process begins anew ("spawn": torch has threads, and a fork takes over their locks without them). All that it tells
comes through one pipe: a result after the progress towards it, and an end of the pipe where it dies.
"""

import pickle
import signal
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from multiprocessing import connection, get_context, resource_tracker
from multiprocessing.connection import Connection, Pipe
from typing import Any, TypeVar

from residua_bridge.progress import Part, tracked
from residua_bridge.study import Track
from residua_network import ResiduaError

Task = TypeVar("Task")
Result = TypeVar("Result")
T = TypeVar("T")


def processors() -> int:
    """How many processors may be used, by the affinity of this process and by the limits of its container."""
    from joblib import cpu_count

    return int(cpu_count())


def done(
    work: Callable[[Task, Track], Result],
    tasks: Sequence[Task],
    processes: int,
    begin: Callable[[Task, str, int], Part],
) -> Generator[tuple[Task, Result], None, None]:
    """Each task with what `work(task, track)` gives for it, in the order in which they are done.

    `begin(task, label, total)` is told of the parts of a task. All happens in this process where one is enough; else
    `work`, tasks and results are pickled. What a task raises is raised here and stops the others, as does closing the
    iterator. Raises ResiduaError where a process dies.
    """
    if min(processes, len(tasks)) > 1:
        yield from _elsewhere(work, tasks, min(processes, len(tasks)), begin)
    else:
        yield from ((task, work(task, _Here(task, begin))) for task in tasks)


class _Here:
    """Track of a task in this process."""

    def __init__(self, task: Any, begin: Callable[[Any, str, int], Part]) -> None:
        self._task, self._begin = task, begin

    def __call__(self, items: Sequence[T], label: str) -> Iterator[T]:
        return tracked(items, self._begin(self._task, label, len(items)))


def _elsewhere(
    work: Callable[[Any, Track], Any],
    tasks: Sequence[Any],
    processes: int,
    begin: Callable[[Any, str, int], Part],
) -> Iterator[tuple[Any, Any]]:
    waiting = iter(tasks)
    workers: dict[Any, _Worker] = {}
    try:
        for _ in range(processes):
            worker = _Worker(work, begin)
            workers[worker.pipe] = worker
        for worker in workers.values():
            worker.take(next(waiting))
        while workers:
            for pipe in connection.wait(list(workers)):
                result = workers[pipe].hear()
                if result is None:
                    continue
                for task in waiting:
                    workers[pipe].take(task)
                    break
                else:
                    workers.pop(pipe).stop()
                yield result
    finally:
        for worker in workers.values():
            worker.stop()


class _Worker:
    """A process, the end of its pipe that is ours, and the task that it has."""

    def __init__(self, work: Callable[[Any, Track], Any], begin: Callable[[Any, str, int], Part]) -> None:
        self.pipe, theirs = Pipe()
        self._begin = begin
        self._task: Any = None
        self._parts: dict[int, Part] = {}
        self._process = get_context("spawn").Process(target=_serve, args=(theirs, work))
        with _unheard_interruption():
            self._process.start()
        theirs.close()

    def take(self, task: Any) -> None:
        """Give it a task."""
        self._task, self._parts = task, {}
        try:
            self.pipe.send(task)
        except ConnectionError:
            raise self._died() from None

    def hear(self) -> tuple[Any, Any] | None:
        """What it tells next: the task and its result, if it is this."""
        try:
            word, *rest = self.pipe.recv()
        except (EOFError, ConnectionError):
            raise self._died() from None
        if word == "begin":
            part, label, total = rest
            self._parts[part] = self._begin(self._task, label, total)
        elif word == "advance":
            self._parts[rest[0]].advance()
        elif word == "end":
            self._parts[rest[0]].end()
        elif word == "failed":
            raise rest[0]
        else:
            task, self._task = self._task, None
            return task, rest[0]
        return None

    def stop(self) -> None:
        """End it: at its task, or as it ends by itself when there are no more."""
        self.pipe.close()
        if self._task is not None:
            self._process.terminate()
        self._process.join()

    def _died(self) -> ResiduaError:
        self._process.join()
        return ResiduaError(
            f"{self._task}: expected a result, but its process ended with status {self._process.exitcode}; "
            "where memory is short, use fewer processes"
        )


@contextmanager
def _unheard_interruption() -> Iterator[None]:
    """A process started here is deaf to Ctrl-C, which a terminal sends to all: who started it will stop it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it would be started with the process, and end the deafness
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: "Connection[Any, Any]", work: Callable[[Any, Track], Any]) -> None:
    """Do tasks until there are no more."""
    with suppress(EOFError, ConnectionError):  # who gave them has gone
        while True:
            task = pipe.recv()
            try:
                pipe.send(("done", work(task, _There(pipe))))
            except Exception as error:
                pipe.send(("failed", _portable(error)))


class _There:
    """Track of a task in another process."""

    def __init__(self, pipe: "Connection[Any, Any]") -> None:
        self._pipe, self._numbers = pipe, count()

    def __call__(self, items: Sequence[T], label: str) -> Iterator[T]:
        number = next(self._numbers)
        self._pipe.send(("begin", number, label, len(items)))
        return tracked(items, _Told(self._pipe, number))


class _Told:
    """A part that is shown in the process which gave the task."""

    def __init__(self, pipe: "Connection[Any, Any]", number: int) -> None:
        self._pipe, self._number = pipe, number

    def advance(self) -> None:
        self._pipe.send(("advance", self._number))

    def end(self) -> None:
        self._pipe.send(("end", self._number))


def _portable(error: Exception) -> Exception:
    """The exception as it can be pickled, with the place where it was raised if it is a mistake of ours."""
    words = traceback.format_exc()
    try:
        copy = pickle.loads(pickle.dumps(error))
    except Exception:
        return ResiduaError(str(error)) if isinstance(error, ResiduaError) else RuntimeError(words)
    if not isinstance(error, ResiduaError):
        copy.add_note(words)
    return copy if type(copy) is type(error) else RuntimeError(words)
