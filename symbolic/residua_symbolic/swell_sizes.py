"""The counts of one derivative: as SymPy writes it, as a graph, and as programs for value and derivative."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import sympy as sp

from residua_symbolic.counting import Counter, cse_operations, different
from residua_symbolic.differentiated import Derivatives
from residua_symbolic.expressions.calculus import derivative, gradient
from residua_symbolic.expressions.graph import Node, below, binary
from residua_symbolic.swell_limits import LARGEST_GRAPH, Stopped, Stopwatch

LARGEST_CSE = 330  # different subexpressions: sympy.cse compares all of them with each other
LARGEST_REWRITTEN = 30_000  # nodes of the tree that is expanded or factored


@dataclass(frozen=True)
class Size:
    """The counts of one derivative; None where a count was not computed.

    tree_nodes, graph_nodes (different subexpressions), operations (SymPy's count_ops), characters of its text,
    cse_operations (after sympy.cse), and the operations of a program for value and derivative by forward and by reverse
    mode: nodes of the hash-consed graph that are neither number nor variable. `by_law` names the counts that a law
    gave (`Swell.laws` says how far it was verified, and whether it is proved); all others were counted.
    """

    n: int
    tree_nodes: int | None
    graph_nodes: int | None
    operations: int | None
    characters: int | None
    cse_operations: int | None
    forward_operations: int | None
    reverse_operations: int | None
    by_law: tuple[str, ...] = ()


COUNTS = tuple(f.name for f in fields(Size) if f.name not in ("n", "by_law"))
LAWFUL = tuple(name for name in COUNTS if name != "characters")  # the digits of numbers obey no linear recurrence
OF_PROGRAMS = ("forward_operations", "reverse_operations")
Five = tuple[int | None, int | None, int | None, int | None, int | None]
NOTHING: Five = (None, None, None, None, None)


class Sizes:
    """The counts of derivatives in one form; what they share is counted once. `stopped` says what was not, and why."""

    def __init__(self, x: str, form: str) -> None:
        self.stopped: list[str] = []
        self.latest: sp.Expr = sp.S.Zero  # the derivative, as SymPy gave it
        self.numbers = Numbers(sp.Symbol(x, real=True))
        self._x, self._form = x, form
        self._counter = Counter()
        self._derivatives = Derivatives(sp.Symbol(x, real=True))
        self._watch = Stopwatch()
        self._trees: dict[int, tuple[int, int]] = {}
        self._closed = {"SymPy's form": False, "the graph": False}

    def of(self, n: int, e: Callable[[], sp.Expr], y: Node, order: int = 1, done: int = 0) -> Size:
        """The counts of the derivative of the given order, of a function given as a node and as a SymPy expression.

        `e` is called where SymPy's form is asked for; `done`: how many times what it gives is differentiated already.
        """
        five, programs = NOTHING, None
        try:
            if not self._closed["the graph"]:
                programs, d = self._programs(y, order)
                five = self._of_graph(d) if self._form == "graph" else five
        except Stopped as why:
            self._stop(n, "the graph", why)
        try:
            if self._form != "graph" and not self._closed["SymPy's form"]:
                five = self._of_expression(n, e, order - done)
        except Stopped as why:
            self._stop(n, "SymPy's form", why)
        return Size(n, *five, *(programs or (None, None)))

    def _stop(self, n: int, what: str, why: Stopped) -> None:
        self._closed[what] = True
        self.stopped.append(f"From n = {n} on {what} is not computed: {why}.")

    def _programs(self, y: Node, order: int) -> tuple[tuple[int, int], Node]:
        x = y.graph.variable(self._x)
        inner = y
        for _ in range(order - 1):
            inner = derivative(inner, x)
            _small(inner)
        return both_modes(y, x, inner), derivative(inner, x)

    def _of_expression(self, n: int, make: Callable[[], sp.Expr], orders: int) -> Five:
        with self._watch.piece("compose"):
            d = make()
        for _ in range(orders):
            with self._watch.piece("differentiate"):
                d = self._derivatives(d)
        self.latest = d
        count = self._counter
        with self._watch.piece("count"):
            if self._form != "raw":
                if count.tree_nodes(d) > LARGEST_REWRITTEN:
                    raise Stopped(f"the tree has more than {LARGEST_REWRITTEN} nodes before it is rewritten")
                d = sp.expand(d) if self._form == "expanded" else sp.factor(d)
            nodes = different(d)
            self.numbers.note(n, nodes)
            found = count.tree_nodes(d), len(nodes), count.operations(d), count.characters(d)
        return *found, self._after_cse(d, len(nodes))

    def _after_cse(self, d: sp.Expr, nodes: int) -> int | None:
        if nodes > LARGEST_CSE:
            return None
        try:
            with self._watch.piece("cse"):
                return cse_operations(d)
        except Stopped:
            return None

    def _of_graph(self, d: Node) -> Five:
        (d,) = binary([d])
        order = below([d])
        for node in order:
            if node.index not in self._trees:
                parts = [self._trees[a.index] for a in node.arguments]
                self._trees[node.index] = 1 + sum(p[0] for p in parts), bool(parts) + sum(p[1] for p in parts)
        tree, operations = self._trees[d.index]
        return tree, len(order), operations, None, sum(bool(node.arguments) for node in order)


def _small(inner: Node) -> None:
    if len(inner.graph) > LARGEST_GRAPH:
        raise Stopped(f"it would have more than {LARGEST_GRAPH} nodes")


class Numbers:
    """Which numbers the derivatives hold that a later level may hold otherwise, by level.

    SymPy's form changes with the numbers in it: x**(100*y/100) is x**y, 1*y is y, 100/100 is gone. So fractions, and
    what stands beside a parameter, have to be the same at every level before a law is continued.
    """

    def __init__(self, x: sp.Symbol) -> None:
        self._moving = {x}
        self._still: set[sp.Expr] = set()
        self._seen: dict[int, frozenset[sp.Expr]] = {}

    def note(self, n: int, nodes: Sequence[sp.Expr]) -> None:
        """The different subexpressions of level n, arguments first."""
        seen = set()
        for e in nodes:
            if e not in self._moving and e not in self._still:
                (self._still if self._moving.isdisjoint(e.args) else self._moving).add(e)
            if e.is_Number and not e.is_Integer:
                seen.add(e)
            if (e.is_Mul or e.is_Add) and any(a.free_symbols for a in e.args if a in self._still):
                seen.update(a for a in e.args if a.is_Number)
        self._seen[n] = frozenset(seen)

    def steady(self, first: int) -> bool:
        """Whether from level `first` on they are the same."""
        return len({seen for n, seen in self._seen.items() if n >= first}) == 1


def both_modes(y: Node, x: Node, inner: Node | None = None) -> tuple[int, int]:
    """The operations of the programs for y and the derivative of `inner` (y itself), by forward and by reverse mode."""
    inner = y if inner is None else inner
    return program_operations([y, derivative(inner, x)]), program_operations([y, *gradient(inner, [x])])


def program_operations(outputs: Sequence[Node]) -> int:
    """The nodes that the outputs need and that have arguments: one operation each."""
    return sum(bool(node.arguments) for node in below(binary(outputs)))
