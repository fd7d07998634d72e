"""Values of what is read against formulas by hand; the child's forms; what becomes of a child that dies or hangs."""

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mpmath as mp
import pytest
import sympy as sp

from residua_network import ResiduaError
from residua_symbolic import functions
from residua_symbolic.reading import ExpressionError, child, limits, read, reader, worker
from residua_symbolic.reading.expression import rebuilt
from residua_symbolic.reading.grammar import parse

from .interpreters import of_program, of_sympy

POINT = {"x": 0.7, "y": -1.3, "w": 0.4, "b": 2.1}
DIGITS = 40
# math's functions are right to a few units in the last place, and no formula here loses more than three digits
RELATIVE = 1e3 * 2.0**-53
BY_HAND: dict[str, Callable[[float, float, float, float], float]] = {
    "1/(exp(-(w*x+b))+1)": lambda x, y, w, b: 1 / (1 + math.exp(-(w * x + b))),
    "log(x) + x*w - sin(w)": lambda x, y, w, b: math.log(x) + x * w - math.sin(w),
    "4*x*(1-x)": lambda x, y, w, b: 4 * x * (1 - x),
    "64*x*(1-x)*(1-2*x)^2*(1-8*x+8*x*x)^2": lambda x, y, w, b: (
        64 * x * (1 - x) * (1 - 2 * x) ** 2 * (1 - 8 * x + 8 * x * x) ** 2
    ),
    "x^2 - 2**x + x**-1.5": lambda x, y, w, b: x * x - 2**x + x**-1.5,
    "gelu(x) + gelu(y)": lambda x, y, w, b: (
        x * 0.5 * math.erfc(-x / math.sqrt(2)) + y * 0.5 * math.erfc(-y / math.sqrt(2))
    ),
    "silu(y) - softplus(y)": lambda x, y, w, b: y / (1 + math.exp(-y)) - math.log(1 + math.exp(y)),
    "relu(x) + 10*relu(y) + step(x) + 100*step(y)": lambda x, y, w, b: x + 1,
    "abs(y)*sign(y)/abs(x)": lambda x, y, w, b: y / x,
    "sinh(x)*cosh(y) - tanh(x)": lambda x, y, w, b: math.sinh(x) * math.cosh(y) - math.tanh(x),
    "atan(y) + tan(x) + cos(pi*x)": lambda x, y, w, b: math.atan(y) + math.tan(x) + math.cos(math.pi * x),
    "erf(x/sqrt(2)) + ln(E*b)": lambda x, y, w, b: math.erf(x / 2**0.5) + 1 + math.log(b),
    "-x^2^w": lambda x, y, w, b: -(x ** (2**w)),
    "1e-3*b/0.1": lambda x, y, w, b: b / 100,
    "tan(x + pi/2)": lambda x, y, w, b: -1 / math.tan(x),
    "sqrt(x^2*y^2) + sqrt(exp(y))": lambda x, y, w, b: abs(x * y) + math.exp(y / 2),
    "x - x + 3": lambda x, y, w, b: 3.0,
    "sigmoid(0) + relu(-3) + exp(0)": lambda x, y, w, b: 1.5,
}


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    reader._read.cache_clear()
    yield
    reader._read.cache_clear()


@pytest.mark.parametrize("text", BY_HAND)
def test_program_and_sympy_have_the_value_written_by_hand(text: str) -> None:
    expression = read(text)
    expected = BY_HAND[text](*POINT.values())
    with mp.workdps(DIGITS):
        values = {name: mp.mpf(POINT[name]) for name in expression.variables}
        for found in (of_program(expression.program, values), of_sympy(expression.sympy, values)):
            assert abs(found - expected) <= RELATIVE * max(1, abs(expected))


@pytest.mark.parametrize("text", BY_HAND)
def test_what_is_put_together_is_what_evaluation_gives(text: str) -> None:
    """Plain data, put together without evaluation, is equal to what SymPy builds here from the same program."""
    built = child.build(reader.request(parse(text).program))
    for name in ("relu", "step", "sigmoid", "softplus"):
        built = built.replace(child.FUNCTIONS[name], getattr(functions, name))
    assert read(text).sympy == built


def test_what_an_expression_is() -> None:
    expression = read("w*x + relu(b)")
    x, w, b = sp.symbols("x w b", real=True)
    assert expression.text == "w*x + relu(b)"
    assert expression.variables == ("w", "x", "b")
    assert expression.sympy == w * x + functions.relu(b)
    assert expression.sympy.diff(b) == functions.step(b)
    assert read("0.1").sympy == sp.Rational(1, 10)
    assert read("sqrt(x)").sympy == sp.sqrt(x)
    assert read("w*x + relu(b)") is expression


def test_the_program_stays_as_written_where_sympy_simplifies() -> None:
    expression = read("x - x + 0*y")
    assert expression.sympy == 0
    assert [one.function for one in expression.program.operations] == ["sub", "mul", "add"]
    assert expression.variables == ("x", "y")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("2 + 1/sin(pi)", "column 5: '1/sin(pi)' is not a finite real number"),
        ("sqrt(-1 - x^2)", "column 1: 'sqrt(-1 - x^2)' is not a finite real number"),
        ("1/(x - x)", "is not a finite real number"),
        ("log(x - x)", "is not a finite real number"),
        ("1/(log(6) - log(2) - log(3))", "is a division by what cannot be told from zero"),
        ("log(log(10) - log(2) - log(5))", "a logarithm of what cannot be told from zero"),
        ("((x^64)^64)^2", "is a power with an exponent beyond 4096"),
        ("((10*x)^64)^2", "is a number of more than 256 bits"),
    ],
)
def test_what_only_sympy_sees(text: str, what: str) -> None:
    with pytest.raises(ResiduaError) as caught:
        read(text)
    assert str(caught.value).startswith(f"expression '{text}': column ")
    assert what in str(caught.value)


def test_only_the_variables_that_are_given() -> None:
    read("x", variables=["x", "y"])
    with pytest.raises(ExpressionError, match="unknown variable 'z'; known: x, y"):
        read("z", variables=("x", "y"))
    read("z")


def test_a_tree_of_other_constructors_is_not_built() -> None:
    for what in ("lambdify", "__class__", "Symbol"):
        with pytest.raises(KeyError, match=what):
            rebuilt([["symbol", "x"], [what, 0]])


# the child


def child_of_now() -> subprocess.Popen[bytes]:
    assert worker.WORKER.process
    return worker.WORKER.process


def test_one_child_answers_many() -> None:
    read("x + 1")
    first = child_of_now()
    read("x + 2")
    assert child_of_now() is first


def test_a_child_that_was_killed_is_replaced() -> None:
    read("x + 1")
    first = child_of_now()
    os.kill(first.pid, signal.SIGKILL)
    assert read("x + 3").sympy == sp.Symbol("x", real=True) + 3
    assert child_of_now() is not first
    assert first.returncode == -signal.SIGKILL


def test_a_child_that_hangs_is_ended_and_the_next_question_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    read("x + 1")
    first = child_of_now()
    os.kill(first.pid, signal.SIGSTOP)
    with monkeypatch.context() as patched:
        patched.setattr(limits, "WALL_SECONDS", 0.2)
        begin = time.perf_counter()
        with pytest.raises(ExpressionError, match=r"^expression 'x \+ 4': expected an expression that SymPy builds in"):
            read("x + 4")
        assert time.perf_counter() - begin < limits.WALL_SECONDS + 5
    assert first.returncode == -signal.SIGKILL
    assert read("x + 4").variables == ("x",)


def children_that(do: str, patched: pytest.MonkeyPatch) -> None:
    """From now on the child is one that does something else: what SymPy itself hangs on changes with its version."""
    started = subprocess.Popen

    def altered(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        program, _, file, memory = command
        code = f"import sys; sys.path.insert(0, {str(Path(file).parent)!r}); import child; {do}; child.main()"
        return started([program, "-c", code, memory], **options)

    worker.WORKER.close()
    patched.setattr(subprocess, "Popen", altered)


def test_a_child_that_computes_too_long_is_ended_by_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    patient = 60.0
    with monkeypatch.context() as patched:
        children_that("child.answer = lambda _: [0 for _ in iter(int, 1)]", patched)
        patched.setattr(limits, "CPU_SECONDS", 0.1)
        patched.setattr(limits, "WALL_SECONDS", patient)
        begin = time.perf_counter()
        with pytest.raises(ExpressionError, match="it was stopped"):
            read("x + 5")
        assert time.perf_counter() - begin < patient
    assert worker.WORKER.process is None
    assert read("x + 5").variables == ("x",)


@pytest.mark.skipif(sys.platform != "linux", reason="this system does not limit the address space")
def test_a_child_that_needs_too_much_memory_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        children_that(f"child.build = lambda _: bytearray({limits.MEMORY_BYTES})", patched)
        with pytest.raises(ExpressionError, match="it is more memory than one expression may have"):
            read("x + 5")
    worker.WORKER.close()
    assert read("x + 5").variables == ("x",)


@pytest.mark.parametrize("command", ["no such program", sys.executable])
def test_a_child_that_cannot_start_is_said_in_one_line(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    worker.WORKER.close()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", command)
        patched.setattr(child, "__file__", "nothing.py")
        with pytest.raises(ExpressionError, match="the process that builds expressions failed") as caught:
            read("x + 6")
        assert "\n" not in str(caught.value)
    assert read("x + 6").variables == ("x",)


def test_an_interrupt_leaves_no_answer_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    read("x + 1")
    with monkeypatch.context() as patched:
        patched.setattr(worker.Worker, "_line", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            read("x + 7")
    assert worker.WORKER.process is None
    assert read("x + 8").sympy == sp.Symbol("x", real=True) + 8


def test_threads_get_their_own_answers() -> None:
    found: dict[int, sp.Expr] = {}
    threads = [threading.Thread(target=lambda k=k: found.update({k: read(f"x + {k}/7").sympy})) for k in range(1, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {k: sp.Symbol("x", real=True) + sp.Rational(k, 7) for k in range(1, 30)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_has_a_child_of_its_own() -> None:
    """Forked while another thread holds the lock, as it may happen; in a new Python, without other tests' threads."""
    code = """
import os
from residua_symbolic.reading import read, worker
read("x + 1")
first = worker.WORKER.process.pid
worker.WORKER.lock.acquire()
forked = os.fork()
if not forked:
    assert str(read("x + 2").sympy) == "x + 2"
    os._exit(0 if worker.WORKER.process.pid != first and not worker.WORKER.close() else 1)
worker.WORKER.lock.release()
assert os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]) == 0
assert str(read("x + 3").sympy) == "x + 3" and worker.WORKER.process.pid == first
print(first)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    with pytest.raises(ProcessLookupError):  # ended with its parent
        os.kill(int(done.stdout), 0)


def test_the_child_loads_no_more_than_sympy() -> None:
    code = f"import runpy, sys; runpy.run_path({child.__file__!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "sympy" in loaded
    assert loaded & {"numpy", "scipy", "torch", "residua_symbolic", "residua_network"} == set()
