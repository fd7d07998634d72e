"""What 004 holds against symbolic differentiation, as far as it can be measured: compile time, language, errors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import flint
import sympy as sp
import torch
from sympy.core.cache import clear_cache

from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.study import By, Finding, Settings
from residua_network import ResiduaError
from residua_numeric.cost import seconds
from residua_symbolic.domains.machine import MachineDomain
from residua_symbolic.domains.rationals import RationalDomain
from residua_symbolic.expressions.calculus import derivative
from residua_symbolic.expressions.evaluation import evaluate
from residua_symbolic.expressions.graph import Graph, Node
from residua_symbolic.trace import trace

POINT = Fraction(3, 16)  # exact in float64
NEVER_DEFINED = "log(x - 2)"
REPETITIONS = 3
BRANCH, UNDEFINED = "derivative of x·x if x > 0, else −x, at 3", f"derivative of {NEVER_DEFINED} at 2"
EXHIBITS = "A language of its own, and debugging"
LOOP = "The derivative of a loop"
NO_ERROR, REFUSED = "no error", "refused"


@dataclass(frozen=True)
class SymbolicInPractice:
    """A loop of the logistic map differentiated by SymPy, on the graph, and by torch; then what each says of errors."""

    name: str
    title: str
    prose: tuple[str, ...]
    lengths: By

    def run(self, settings: Settings) -> Finding:
        """Time every length, several times."""
        lengths: Sequence[int] = self.lengths.of(settings.profile)
        rows = [_timed(n) for n in settings.track(lengths, self.title)]
        columns = ("passes", *(f"{name}, {what}" for name in WAYS for what in ("ms", "off by, relative")))
        table = Table(
            f"{LOOP}, derived, made runnable, and run once",
            columns,
            tuple(
                (r.length, *(cell for k in range(len(WAYS)) for cell in (1e3 * r.seconds[k], r.off[k]))) for r in rows
            ),
            f"$l_1 = x$, $l_{{k+1}} = 4 l_k (1 - l_k)$ at x = {POINT}; processor time, the median of {REPETITIONS} "
            "samples of 1 ms or more; the derivative beside its exact rational value.",
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
    times, off = [], []
    for way in WAYS.values():
        times.append(seconds(lambda way=way: way(length), REPETITIONS))  # type: ignore[misc]
        off.append(abs(way(length) / exact - 1))
    return _Timed(length, tuple(times), tuple(off))


def _by_sympy(length: int) -> float:
    clear_cache()  # else the second time costs nothing
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
        (BRANCH, "residua, as text", _outcome(lambda: trace("x*x if x > 0 else -x", {"x": 3.0}).gradient["x"])),
        (f"{BRANCH}, as Python has it", "SymPy", _outcome(lambda: _branch(sp.Symbol("x", real=True)))),
        (f"{BRANCH}, as a Piecewise", "SymPy", _outcome(_piecewise)),
        (f"{BRANCH}, as Python has it", "torch", _outcome(_branch_in_torch)),
        (UNDEFINED, "residua, trace", _outcome(_undefined)),
        (UNDEFINED, "SymPy", _outcome(_undefined_in_sympy)),
        (UNDEFINED, "torch", _outcome(_undefined_in_torch)),
    )
    return Table(EXHIBITS, ("function", "with", "what comes out"), rows)


def _outcome(attempt: Callable[[], object]) -> str:
    """What comes out, or the error that does."""
    try:
        return f"{attempt()}, {NO_ERROR}"
    except ResiduaError as error:
        return f"{REFUSED}: {error}"
    except TypeError as error:
        return f"{REFUSED}: TypeError: {error}"


def _undefined() -> object:
    return trace(NEVER_DEFINED, {"x": 2.0}).gradient["x"]


def _branch(x: Any) -> Any:
    """As somebody writes it who does not think of derivatives."""
    return x * x if x > 0 else -x


def _piecewise() -> sp.Expr:
    x = sp.Symbol("x", real=True)
    return sp.Piecewise((x * x, x > 0), (-x, True)).diff(x).subs(x, 3)


def _branch_in_torch() -> float:
    return _slope_in_torch(_branch, 3.0)


def _undefined_in_sympy() -> sp.Expr:
    x = sp.Symbol("x", real=True)
    return sp.log(x - 2).diff(x).subs(x, 2)


def _undefined_in_torch() -> float:
    return _slope_in_torch(lambda x: (x - 2).log(), 2.0)


def _slope_in_torch(function: Callable[[Any], Any], at: float) -> float:
    with torch.enable_grad():
        x = torch.tensor(at, dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(function(x), x)
    return float(slope)
