"""How long derivatives of logistic iterates take: sympy.diff, SymPy's rules once for each subexpression, the graph."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp
from sympy.core.cache import clear_cache

from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.study import By, Finding, Settings
from residua_symbolic.differentiated import Derivatives
from residua_symbolic.expressions.calculus import derivative
from residua_symbolic.expressions.graph import Graph, Node, below

X = sp.Symbol("x", real=True)
REPEATS = 3  # the shortest counts: what else the machine does only adds
NODE_BYTES = Node.__basicsize__  # of a node itself; its arguments and its place in the table come on top
ROUTES = ("sympy.diff", "SymPy's rules, each subexpression once", "residua's graph")


@dataclass(frozen=True)
class SwellTimes:
    """Seconds by level; the quickest of several."""

    title: str
    prose: tuple[str, ...]
    levels: By
    sympy_to: int

    def run(self, settings: Settings) -> Finding:
        """Measure."""
        levels = self.levels.of(settings.profile)
        rows: list[tuple[int, float | None, float, float, int]] = []
        for n in settings.track(levels, self.title):
            by_sympy = quickest(sympy_route(n)) if n <= self.sympy_to else None
            nodes = graph_route(n)()
            rows.append((n, by_sympy, quickest(shared_route(n)), quickest(graph_route(n)), nodes))
        shown = tuple(
            (
                n,
                *("–" if t is None else float(f"{1000 * t:.1g}") for t in times),
                nodes,
                round(nodes * NODE_BYTES / 1024),
            )
            for n, *times, nodes in rows
        )
        heads = ("level", *(f"{route}, ms" for route in ROUTES), "graph nodes", "KiB at least")
        caption = (
            f"The quickest of {REPEATS}, in milliseconds to one digit, SymPy's cache emptied before each; building "
            "SymPy's iterate is not timed, building the graph's is. They hold for the machine that wrote this report "
            f"and differ a little from run to run. Nodes: of value and derivative; each takes {NODE_BYTES} bytes, and "
            "its arguments and its place in the table on top."
        )
        curves = tuple(_curve(route, [(r[0], r[k + 1]) for r in rows]) for k, route in enumerate(ROUTES))
        figure = Figure(
            "swell-times",
            "Time of a derivative",
            "level n",
            "seconds",
            curves,
            yscale="log",
            xscale="log",
            caption="The quickest of several; on the machine that wrote this report.",
        )
        return Finding(
            Section(self.title, self.prose, tables=(Table("Times", heads, shown, caption),), figures=(figure,))
        )


def _curve(route: str, points: list[tuple[int, float | None]]) -> Curve:
    taken = [(float(n), t) for n, t in points if t is not None]
    return Curve(route, "measured", tuple(n for n, _ in taken), tuple(t for _, t in taken))


def quickest(what: Callable[[], object]) -> float:
    """Seconds."""
    found = []
    for _ in range(REPEATS):
        clear_cache()
        begin = time.perf_counter()
        what()
        found.append(time.perf_counter() - begin)
    return min(found)


def iterate(n: int) -> sp.Expr:
    """l_n as SymPy has it."""
    e: sp.Expr = X
    for _ in range(n - 1):
        e = 4 * e * (1 - e)
    return e


def sympy_route(n: int) -> Callable[[], object]:
    """sympy.diff."""
    e = iterate(n)
    return lambda: sp.diff(e, X)


def shared_route(n: int) -> Callable[[], object]:
    """The same result, with each subexpression differentiated once."""
    e = iterate(n)
    return lambda: Derivatives(X)(e)


def graph_route(n: int) -> Callable[[], int]:
    """Value and derivative as a graph; the number of its nodes. The derivative is made anew each time."""

    def run() -> int:
        graph = Graph()
        y = x = graph.variable("x")
        for _ in range(n - 1):
            y = graph.number(4) * y * (1 - y)
        return len(below([y, derivative(y, x)]))

    return run
