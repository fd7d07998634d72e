"""A child process kept for many questions: started when first needed, replaced when it dies or takes too long."""

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from residua_symbolic.reading import child, limits

ATTEMPTS = 2  # the child may have been ended by someone else between two questions
OUT_OF_TIME = {-signal.SIGXCPU} if hasattr(signal, "SIGXCPU") else set[int]()  # exit status; not on every system


class TooLongError(RuntimeError):
    """The child used up its time and was ended."""


class NoChildError(RuntimeError):
    """The child cannot be started, or dies without an answer."""


class Worker:
    """Asks one question at a time, from whichever thread. A forked process starts a child of its own."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.lock = threading.Lock()

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The child's answer. Raises TooLongError after its processor time or limits.WALL_SECONDS, NoChildError."""
        line = json.dumps(request, allow_nan=False).encode() + b"\n"
        with self.lock:
            for _ in range(ATTEMPTS):
                found = self._exchange(line)
                if found:
                    answer: dict[str, Any] = json.loads(found)
                    return answer
        raise NoChildError("it ended without an answer")

    def _exchange(self, line: bytes) -> bytes:
        """The answer; nothing if the child has died for a reason of its own."""
        process = self._running()
        assert process.stdin
        try:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(line)
                process.stdin.flush()
            found = self._line(process, limits.WALL_SECONDS)
        except BaseException:  # an interrupt: what the child says now would be taken for the next answer
            self._end()
            raise
        if not found:
            status = self._end()
            if status in OUT_OF_TIME:
                raise TooLongError
        return found

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None or self.process.poll() is not None:
            self._end()
            self.process = _start()
            try:
                ready = self._line(self.process, limits.START_SECONDS)
            except TooLongError:
                raise NoChildError(f"it is not ready after {limits.START_SECONDS:g} s") from None
            if ready.decode().strip() != child.READY:
                status = self._end()
                raise NoChildError(f"it ended with status {status} before it was ready")
        return self.process

    def _line(self, process: subprocess.Popen[bytes], seconds: float) -> bytes:
        """The next line of the child, which is ended where it does not write one in time."""
        assert process.stdout
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            found = process.stdout.readline()
        finally:
            timer.cancel()
        if not found.endswith(b"\n") and late.is_set():
            self._end()
            raise TooLongError
        return found if found.endswith(b"\n") else b""

    def _end(self) -> int | None:
        """Ends the child where it still runs, and returns its status."""
        process, self.process = self.process, None
        if process is None:
            return None
        process.kill()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if stream:
                    stream.close()
        return process.wait()

    def close(self) -> None:
        """Ends the child; the next question starts another."""
        with self.lock:
            self._end()

    def forget(self) -> None:
        """After a fork: the child is the parent's, its pipes and lock are as they happened to be, and left alone."""
        if self.process is not None:
            self.process.returncode = 0  # not ours to wait for
            _ABANDONED.append(self.process)
        self.process, self.lock = None, threading.Lock()


_ABANDONED: list[subprocess.Popen[bytes]] = []  # kept: closing a pipe may write what another thread had begun to


def _start() -> subprocess.Popen[bytes]:
    # -P: no module is taken from the folder of child.py; one hash seed: one order of terms in every run
    command = [sys.executable, "-P", str(Path(child.__file__)), str(limits.MEMORY_BYTES)]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONIOENCODING": "ascii"}
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment)
    except OSError as error:
        raise NoChildError(error.strerror or type(error).__name__) from None


WORKER = Worker()
atexit.register(WORKER.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=WORKER.forget)
