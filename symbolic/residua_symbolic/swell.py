"""Expression swell: how large the derivative of an expression is, as SymPy writes it and as a graph or program.

Sizes are counted, not measured: on the different subexpressions, exactly, also where the tree would fit nowhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import sympy as sp

from residua_network import Network, ResiduaError
from residua_network.checks import unknown
from residua_symbolic.counting import Counter, cse_operations, graph_nodes
from residua_symbolic.differentiated import Derivatives
from residua_symbolic.expressions.calculus import derivative, gradient
from residua_symbolic.expressions.conversion import from_program, to_sympy
from residua_symbolic.expressions.given import Given, given
from residua_symbolic.expressions.graph import VARIABLE, Graph, Node, below, binary
from residua_symbolic.expressions.networks import network_graph
from residua_symbolic.growth import Law, law_of
from residua_symbolic.tables import Grid

FORMS = {
    "raw": "as sympy.diff returns it",
    "expanded": "sympy.expand of what sympy.diff returns",
    "simplified": "sympy.factor of what sympy.diff returns",
    "graph": "unfolded from residua's graph, operations of at most two arguments",
}
COUNTED = 64  # iterates whose counts are taken one by one; SymPy's form then has 2,500 different subexpressions
LARGEST_CSE = 330  # different subexpressions: sympy.cse compares all of them with each other
LARGEST_REWRITTEN = 30_000  # nodes of the tree that is expanded or factored
MOST_ROWS = 10_000  # counts of the last then have thousands of digits each
HIGHEST_ORDER = 40
DIGITS = 15  # longer numbers are shortened in tables


@dataclass(frozen=True)
class Size:
    """The counts of one derivative; None where a count was not computed.

    tree_nodes, graph_nodes (different subexpressions), operations (SymPy's count_ops), characters of its text,
    cse_operations (after sympy.cse), and the operations of a program for value and derivative by forward and by reverse
    mode: nodes of the hash-consed graph that are neither number nor variable. `by_law` names the counts that a law
    gave which was verified exactly on the rows before; all others were counted.
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


@dataclass(frozen=True, repr=False)
class Swell:
    """Rows of counts. `quantity` says of what, `form` in which form (a key of FORMS), `laws` what the counts obey."""

    quantity: str
    form: str
    rows: tuple[Size, ...]
    laws: dict[str, Law]

    def __iter__(self) -> Iterator[Size]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, k: Any) -> Any:
        return self.rows[k]

    def __repr__(self) -> str:
        return f"<swell of {self.quantity}, {self.form}: {len(self.rows)} rows>"

    def grid(self) -> Grid:
        """The table; numbers of more than 15 digits are shortened."""
        columns = ("n", *(name.replace("_", " ") for name in COUNTS))
        return Grid(columns, tuple((row.n, *(shown(getattr(row, name)) for name in COUNTS)) for row in self.rows))

    def text(self) -> str:
        """For a terminal."""
        return "\n".join([*self._words(), "", self.grid().text()])

    def markdown(self) -> str:
        """A table between its words."""
        return "\n\n".join([*self._words(), self.grid().markdown()])

    def latex(self) -> str:
        """A booktabs tabular."""
        return self.grid().latex()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, numbers in full."""
        laws = {
            name: {
                "formula": str(law.formula),
                "recurrence": list(law.recurrence),
                "first": law.first,
                "last": law.last,
            }
            for name, law in self.laws.items()
        }
        rows = [{**asdict(row), "by_law": list(row.by_law)} for row in self.rows]
        return {"quantity": self.quantity, "form": self.form, "rows": rows, "laws": laws}

    def _words(self) -> list[str]:
        words = [f"{self.quantity}; form: {self.form}, {FORMS[self.form]}."]
        if any(row.by_law for row in self.rows):
            first = next(row.n for row in self.rows if row.by_law)
            checked = {law.verified for name, law in self.laws.items() if name in self.rows[-1].by_law}
            words.append(
                f"From n = {first} on by linear recurrences verified exactly for {', '.join(sorted(checked))}."
            )
        if any(getattr(row, name) is None for row in self.rows for name in COUNTS):
            words.append("–: not computed.")
        return words

    def _repr_markdown_(self) -> str:
        return self.markdown()


def shown(count: int | None) -> str | int:
    """A count as a table has room for it: 263471…051906 (22 digits)."""
    if count is None:
        return "–"
    digits = sp.Integer(count).__str__() if count < 10**4000 else _long(count)
    return count if len(digits) <= DIGITS else f"{digits[:6]}…{digits[-6:]} ({len(digits)} digits)"


def _long(count: int) -> str:
    """Python refuses to print integers of more than 4300 digits; flint does not."""
    import flint

    return str(flint.fmpz(count))


def swell(
    expression: str | sp.Expr | Network,
    iterate: int | None = None,
    variable: str | None = None,
    order: int = 1,
    form: str = "raw",
) -> Swell:
    """How large derivatives are.

    With `iterate`: rows n = 1 … iterate of the derivative of l_n, where l_1 = x and l_{n+1} = f(l_n). Without: rows
    n = 1 … order, the n-th derivative, each the derivative of the one before. Of a network: rows n = 1 … layers, the
    derivative of the first output of layer n by `variable`, an input (x1, x2, ...) or parameter ("0.weight[0,0]").
    Variables are real. Raises ResiduaError for what makes no sense.
    """
    if form not in FORMS:
        raise ResiduaError(unknown("form", form, tuple(FORMS)))
    _whole("order", order, HIGHEST_ORDER)
    if isinstance(expression, Network):
        if iterate is not None:
            raise ResiduaError("swell: a network is not iterated; leave out iterate")
        return _of_network(expression, variable or "x1", order, form)
    function = given(expression)
    x = _variable(function, variable)
    if iterate is None:
        return _of_orders(function, x, order, form)
    return _of_iterates(function, x, _whole("iterate", iterate, MOST_ROWS), order, form)


def _whole(name: str, value: Any, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ResiduaError(f"swell: {name}: expected a whole number from 1 to {most}, got {value!r:.40}")
    return value


def _variable(function: Given, variable: str | None) -> str:
    names = function.variables
    if variable is None:
        if len(names) != 1:
            raise ResiduaError(
                f"swell: expected the variable to differentiate by, one of: {', '.join(names) or 'none'}"
            )
        return names[0]
    if variable not in names:
        raise ResiduaError(unknown("variable", variable, names))
    return variable


_Five = tuple[int | None, int | None, int | None, int | None, int | None]


class _Sizes:
    """The counts of derivatives in one form; what they share is counted once."""

    def __init__(self, x: str, order: int, form: str) -> None:
        self._x, self._order, self._form = x, order, form
        self._counter = Counter()
        self._derivatives = Derivatives(sp.Symbol(x, real=True))
        self._trees: dict[int, tuple[int, int]] = {}

    def of(self, n: int, e: sp.Expr | None, y: Node) -> Size:
        """The counts for a function given both as a SymPy expression and as a node."""
        x = y.graph.variable(self._x)
        forward, reverse = both_modes(y, x, self._order)
        if self._form == "graph":
            found = self._of_graph(derivative(y, x, self._order))
        else:
            for _ in range(self._order):
                e = self._derivatives(e)
            found = self._of_expression(e)
        tree, different, operations, characters, cse = found
        return Size(n, tree, different, operations, characters, cse, forward, reverse)

    def _of_expression(self, d: Any) -> _Five:
        count = self._counter
        if self._form != "raw":
            if count.tree_nodes(d) > LARGEST_REWRITTEN:
                return None, None, None, None, None
            d = sp.expand(d) if self._form == "expanded" else sp.factor(d)
        size = count.tree_nodes(d)
        different = graph_nodes(d)
        cse = cse_operations(d) if different <= LARGEST_CSE else None
        return size, different, count.operations(d), count.characters(d), cse

    def _of_graph(self, d: Node) -> _Five:
        (d,) = binary([d])
        order = below([d])
        for node in order:
            if node.index not in self._trees:
                parts = [self._trees[a.index] for a in node.arguments]
                self._trees[node.index] = 1 + sum(p[0] for p in parts), bool(parts) + sum(p[1] for p in parts)
        tree, operations = self._trees[d.index]
        return tree, len(order), operations, None, sum(bool(node.arguments) for node in order)


def both_modes(y: Node, x: Node, order: int = 1) -> tuple[int, int]:
    """The operations of the programs for y and its derivative, by forward and by reverse mode.

    Of a higher order: for y and its last derivative, the others by forward mode.
    """
    inner = derivative(y, x, order - 1)
    return program_operations([y, derivative(inner, x)]), program_operations([y, *gradient(inner, [x])])


def program_operations(outputs: Sequence[Node]) -> int:
    """The nodes that the outputs need and that have arguments: one operation each."""
    return sum(bool(node.arguments) for node in below(binary(outputs)))


def _of_iterates(function: Given, x: str, iterate: int, order: int, form: str) -> Swell:
    f, symbol = _real(function.sympy), sp.Symbol(x, real=True)
    graph = Graph()
    level, node = symbol, graph.variable(x)
    sizes, rows = _Sizes(x, order, form), []
    for n in range(1, min(iterate, COUNTED) + 1):
        rows.append(sizes.of(n, level, node))
        (node,) = from_program(graph, function.program, {x: node})
        if form != "graph":
            level = f.xreplace({symbol: level})
    quantity = f"Derivative{_nth(order)} by {x} of l_n, l_1 = {x}, l_(n+1) = f(l_n), f({x}) = {_short(function)}"
    laws = laws_of(rows)
    return Swell(quantity, form, (*rows, *_continued(laws, len(rows), iterate)), laws)


def laws_of(rows: Sequence[Size]) -> dict[str, Law]:
    """The laws that the counts obey, as far as they were counted."""
    found = {}
    for name in LAWFUL:
        values = []
        for row in rows:
            if (value := getattr(row, name)) is None:
                break
            values.append(value)
        law = law_of(values)
        if law is not None:
            found[name] = law
    return found


def _continued(laws: dict[str, Law], counted: int, iterate: int) -> Iterator[Size]:
    """The rows beyond those that were counted one by one, by the laws that were verified up to the last of these."""
    if iterate <= counted:
        return
    kept = {name: law for name, law in laws.items() if law.last == counted}
    columns = {name: law.upto(iterate)[counted + 1 - law.first :] for name, law in kept.items()}
    for k in range(iterate - counted):
        row = {name: columns[name][k] if name in columns else None for name in COUNTS}
        yield Size(counted + 1 + k, **row, by_law=tuple(columns))


def _of_orders(function: Given, x: str, order: int, form: str) -> Swell:
    graph, e = Graph(), _real(function.sympy)
    (y,) = from_program(graph, function.program)
    rows = [_Sizes(x, k, form).of(k, e, y) for k in range(1, order + 1)]
    return Swell(f"n-th derivative by {x} of {_short(function)}", form, tuple(rows), {})


def _of_network(net: Network, variable: str, order: int, form: str) -> Swell:
    described = network_graph(net)
    names = [node.value for node in below(described.outputs.ravel()) if node.function == VARIABLE]
    if variable not in names:
        raise ResiduaError(unknown("variable", variable, names))
    sizes = _Sizes(variable, order, form)
    rows = []
    for n, layer in enumerate(described.after, start=1):
        y = layer.ravel()[0]
        e = None if form == "graph" else to_sympy(y)
        rows.append(sizes.of(n, e, y))
    return Swell(f"Derivative{_nth(order)} by {variable} of the first output of layer n", form, tuple(rows), {})


def size_of_network(net: Network, variable: str, form: str = "raw") -> Size:
    """The counts of the derivative of a network's first output; n is the number of its layers."""
    y = network_graph(net).outputs.ravel()[0]
    e = None if form == "graph" else to_sympy(y)
    return _Sizes(variable, 1, form).of(len(net.layers), e, y)


def _real(e: sp.Expr) -> sp.Expr:
    return e.xreplace({s: sp.Symbol(s.name, real=True) for s in e.free_symbols})


def _nth(order: int) -> str:
    return "" if order == 1 else f" of order {order}"


def _short(function: Given) -> str:
    text = str(function.sympy)
    return text if len(text) <= 60 else f"{text[:57]}..."
