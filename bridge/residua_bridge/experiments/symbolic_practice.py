"""What 004 holds against symbolic differentiation, as far as it can be measured: compile time, language, errors."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import flint
import sympy as sp
import torch

from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.study import By, Finding, Settings
from residua_network import ResiduaError
from residua_symbolic.domains.machine import MachineDomain
from residua_symbolic.domains.rationals import RationalDomain
from residua_symbolic.expressions.calculus import derivative
from residua_symbolic.expressions.evaluation import evaluate
from residua_symbolic.expressions.graph import Graph, Node
from residua_symbolic.trace import trace

POINT = Fraction(3, 16)  # exact in float64
NEVER_DEFINED = "log(x - 2)"


@dataclass(frozen=True)
class SymbolicInPractice:
    """A loop of the logistic map differentiated by SymPy, on the graph, and by torch; then what each says of errors."""

    name: str
    title: str
    prose: tuple[str, ...]
    lengths: By

    def run(self, settings: Settings) -> Finding:
        """Time every length once."""
        lengths: Sequence[int] = self.lengths.of(settings.profile)
        for way in WAYS.values():
            way(1)  # what is loaded or compiled on first use
        rows = [_timed(n) for n in settings.track(lengths, self.title)]
        columns = ("passes", *(f"{name}, {what}" for name in WAYS for what in ("ms", "off by, relative")))
        table = Table(
            "The derivative of a loop, derived, made runnable, and run once",
            columns,
            tuple(
                (r.length, *(cell for k in range(len(WAYS)) for cell in (1e3 * r.seconds[k], r.off[k]))) for r in rows
            ),
            f"$l_1 = x$, $l_{{k+1}} = 4 l_k (1 - l_k)$ at x = {POINT}; the derivative beside its exact rational value.",
        )
        first, last = rows[0], rows[-1]
        growth = [last.seconds[k] / first.seconds[k] for k in range(len(WAYS))]
        beside = last.seconds[GRAPH] / last.seconds[TORCH]
        words = f"From {first.length} to {last.length} passes the time grows " + ", ".join(
            f"{g:.2g}-fold ({name})" for name, g in zip(WAYS, growth, strict=True)
        )
        x = tuple(float(r.length) for r in rows)
        curves = tuple(
            Curve(name, "measured", x, tuple(1e3 * r.seconds[k] for r in rows)) for k, name in enumerate(WAYS)
        )
        figure = Figure(
            self.name, "Time to a derivative of a loop", "passes of the loop", "ms", curves, yscale="log",
            caption="SymPy: diff and lambdify; graph: forward mode; torch: the loop itself, and one pass back.",
        )  # fmt: skip
        section = Section(
            self.title,
            (*self.prose, f"{words}. At {last.length} passes the graph takes {beside:.2g} times as long as torch."),
            tables=(table, _exhibits()),
            figures=(figure,),
        )
        return Finding(section)


class _Timed(NamedTuple):
    length: int
    seconds: tuple[float, ...]
    off: tuple[float, ...]


def _timed(length: int) -> _Timed:
    exact = _exact(length)
    seconds, off = [], []
    for way in WAYS.values():
        begin = time.process_time()
        value = way(length)
        seconds.append(time.process_time() - begin)
        off.append(abs(value / exact - 1))
    return _Timed(length, tuple(seconds), tuple(off))


def _by_sympy(length: int) -> float:
    x = sp.Symbol("x", real=True)
    loop = x
    for _ in range(length):
        loop = 4 * loop * (1 - loop)
    return float(sp.lambdify(x, sp.diff(loop, x), "math")(float(POINT)))


def _looped(length: int) -> Node:
    graph = Graph()
    x = graph.variable("x")
    loop = x
    for _ in range(length):
        loop = 4 * loop * (1 - loop)
    return derivative(loop, x)


def _on_the_graph(length: int) -> float:
    (value,) = evaluate([_looped(length)], {"x": float(POINT)}, MachineDomain())
    return float(value)


def _by_torch(length: int) -> float:
    with torch.enable_grad():
        x = torch.tensor(float(POINT), dtype=torch.float64, requires_grad=True)
        loop = x
        for _ in range(length):
            loop = 4 * loop * (1 - loop)
        (slope,) = torch.autograd.grad(loop, x)
    return float(slope)


def _exact(length: int) -> float:
    (value,) = evaluate([_looped(length)], {"x": flint.fmpq(POINT.numerator, POINT.denominator)}, RationalDomain())
    return float(Fraction(int(value.numerator), int(value.denominator)))


WAYS: dict[str, Callable[[int], float]] = {"SymPy": _by_sympy, "graph": _on_the_graph, "torch": _by_torch}

GRAPH, TORCH = (list(WAYS).index(name) for name in ("graph", "torch"))


def _exhibits() -> Table:
    """A branch, and a point where the function does not exist: what each side makes of them."""
    rows: tuple[tuple[Cell, ...], ...] = (
        ("x·x if x > 0, else −x, at 3", "text", _refusal("x*x if x > 0 else -x", 3.0)),
        ("the same as a Python function", "torch", f"derivative {_branch_in_torch(3.0):g}, declared nothing"),
        (f"{NEVER_DEFINED} at 2", "trace", _refusal(NEVER_DEFINED, 2.0)),
        (f"{NEVER_DEFINED} at 2", "SymPy", f"value {_in_sympy()}, no error"),
        (f"{NEVER_DEFINED} at 2", "torch", _silent_in_torch()),
    )
    return Table("A language of its own, and debugging", ("function", "with", "what comes out"), rows)


def _refusal(text: str, x: float) -> str:
    try:
        found = trace(text, {"x": x})
    except ResiduaError as error:
        return f"refused: {error}"
    return f"value {found.value}"


def _branch_in_torch(at: float) -> float:
    with torch.enable_grad():
        x = torch.tensor(at, dtype=torch.float64, requires_grad=True)
        y = x * x if x > 0 else -x
        (slope,) = torch.autograd.grad(y, x)
    return float(slope)


def _in_sympy() -> str:
    x = sp.Symbol("x", real=True)
    return str(sp.log(x - 2).subs(x, 2))


def _silent_in_torch() -> str:
    with torch.enable_grad():
        x = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
        y = (x - 2).log()
        (slope,) = torch.autograd.grad(y, x)
    return f"value {float(y.detach())}, derivative {float(slope)}, no error"
