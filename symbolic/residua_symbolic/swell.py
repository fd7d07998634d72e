"""Expression swell: how large the derivative of an expression is, as SymPy writes it and as a graph or program.

Sizes are counted, not measured: on the different subexpressions, exactly, also where the tree would fit nowhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import sympy as sp

from residua_network import Network, ResiduaError
from residua_network.checks import unknown
from residua_symbolic.counting import digits
from residua_symbolic.expressions.conversion import from_program, to_sympy
from residua_symbolic.expressions.given import Given, given
from residua_symbolic.expressions.graph import VARIABLE, Graph, below
from residua_symbolic.expressions.networks import network_graph
from residua_symbolic.growth import Law, law_of
from residua_symbolic.swell_induction import LEVELS, Induction, induction
from residua_symbolic.swell_limits import composed
from residua_symbolic.swell_sizes import COUNTS, LAWFUL, NOTHING, OF_PROGRAMS, Size, Sizes
from residua_symbolic.tables import Grid, escaped, for_notebook

FORMS = {
    "raw": "as sympy.diff returns it",
    "expanded": "sympy.expand of what sympy.diff returns",
    "simplified": "sympy.factor of what sympy.diff returns",
    "graph": "unfolded from residua's graph, operations of at most two arguments",
}
COUNTED = 64  # iterates whose counts are taken one by one; SymPy's form then has 2,500 different subexpressions
MOST_ROWS = 10_000  # counts of the last then have thousands of digits each
HIGHEST_ORDER = 40
DIGITS = 25  # longer numbers are shortened in tables


@dataclass(frozen=True, repr=False)
class Swell:
    """Rows of counts. `quantity` says of what, `form` in which form (a key of FORMS), `laws` what the counts
    obey, `stopped` what is not computed from some row on, and why."""

    quantity: str
    form: str
    rows: tuple[Size, ...]
    laws: dict[str, Law]
    stopped: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Size]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, k: Any) -> Any:
        return self.rows[k]

    def __repr__(self) -> str:
        return f"<swell of {self.quantity}, {self.form}: {len(self.rows)} rows>"

    def grid(self) -> Grid:
        """The table; numbers of more than 25 digits are shortened."""
        columns = ("n", *(_spelt(name) for name in COUNTS))
        return Grid(columns, tuple((row.n, *(shown(getattr(row, name)) for name in COUNTS)) for row in self.rows))

    def laws_grid(self) -> Grid:
        """The laws that have a closed form, in n."""
        found = ((_spelt(name), law.formula, law.words) for name, law in self.laws.items() if law.formula is not None)
        return Grid(("count", "law", "holds"), tuple(found))

    def text(self) -> str:
        """For a terminal."""
        return "\n\n".join(["\n".join(self._words()), *(grid.text() for grid in self._grids())])

    def markdown(self) -> str:
        """Tables of counts and of laws, after their words."""
        return "\n\n".join([*self._words(), *(grid.markdown() for grid in self._grids())])

    def latex(self) -> str:
        """The same as booktabs tabulars no wider than a line; needs booktabs, amsmath and graphicx."""
        title, *words = map(escaped, self._words())
        tables = [grid.fitted(title if k == 0 else "Laws") for k, grid in enumerate(self._grids())]
        return "\n\\bigskip\n".join([*tables, *(f"\\noindent {line}\n" for line in words)])

    def _grids(self) -> list[Grid]:
        return [self.grid(), *([self.laws_grid()] if self.laws_grid().rows else [])]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, numbers in full."""
        laws = {
            name: {
                "formula": str(law.formula),
                "recurrence": list(law.recurrence),
                "first": law.first,
                "last": law.last,
                "holds": law.words,
            }
            for name, law in self.laws.items()
        }
        rows = [{**asdict(row), "by_law": list(row.by_law)} for row in self.rows]
        return {"quantity": self.quantity, "form": self.form, "rows": rows, "laws": laws, "words": self._words()}

    def _words(self) -> list[str]:
        words = [f"{self.quantity}; form: {self.form}, {FORMS[self.form]}."]
        words += self.stopped
        for name, law in self.laws.items():
            begin = next((row.n for row in self.rows if name in row.by_law), None)
            if begin is not None:
                words.append(f"{_spelt(name).capitalize()} from n = {begin} on: by a law {law.words}.")
        if any(getattr(row, name) is None for row in self.rows for name in COUNTS):
            words.append("–: not computed, and no law that can be relied on.")
        return words

    def _repr_markdown_(self) -> str:
        return for_notebook(self.markdown())


def _spelt(count: str) -> str:
    """The name of a count as a heading."""
    return count.replace("_", " ")


def shown(count: int | None) -> str | int:
    """A count as a table has room for it: in full, or 263471…051906 (40 digits)."""
    if count is None:
        return "–"
    text = digits(count)
    return count if len(text) <= DIGITS else f"{text[:6]}…{text[-6:]} ({len(text)} digits)"


def swell(
    expression: str | sp.Expr | Network,
    iterate: int | None = None,
    variable: str | None = None,
    order: int = 1,
    form: str = "raw",
) -> Swell:
    """How large derivatives are: a row of counts (see `Size`) for each.

    `form`, in which it is counted: "raw" as sympy.diff returns it, "expanded" and "simplified" (sympy.factor) of that,
    or "graph", residua's own with operations of at most two arguments.
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
    if not names:  # a constant: its derivative by whatever it is
        return variable or "x"
    if variable is None:
        if len(names) != 1:
            raise ResiduaError(f"swell: expected the variable to differentiate by, one of: {', '.join(names)}")
        return names[0]
    if variable not in names:
        raise ResiduaError(unknown("variable", variable, names))
    return variable


def _of_iterates(function: Given, x: str, iterate: int, order: int, form: str) -> Swell:
    f, symbol = _real(function.sympy), sp.Symbol(x, real=True)
    graph, levels = Graph(), [symbol]
    node = graph.variable(x)
    sizes = Sizes(x, form)
    rows: list[Size] = []

    def level() -> sp.Expr:
        if rows:
            levels.append(composed(f, symbol, levels[-1]))
        return levels[-1]

    for n in range(1, min(iterate, COUNTED) + 1):
        rows.append(sizes.of(n, level, node, order))
        (node,) = from_program(graph, function.program, {x: node})
    quantity = f"Derivative{_nth(order)} by {x} of l_n, l_1 = {x}, l_(n+1) = f(l_n), f({x}) = {_short(function)}"
    laws = laws_of(rows)
    if iterate > LEVELS:
        proved = induction(function.program, x, order)
        laws = {name: replace(law, proved=_is_proved(proved, name, law, form)) for name, law in laws.items()}
    kept = {name: law for name, law in laws.items() if _goes_on(name, law, form, sizes, rows)}
    filled = tuple(_filled(rows, kept, iterate))
    return Swell(quantity, form, filled, laws, tuple(sizes.stopped))


def _is_proved(proved: Induction, name: str, law: Law, form: str) -> bool:
    return (form == "graph" or name in OF_PROGRAMS) and proved.proves(name, law)


def _goes_on(name: str, law: Law, form: str, sizes: Sizes, rows: Sequence[Size]) -> bool:
    """Whether a law may give the counts that were not taken one by one."""
    if form == "graph" or name in OF_PROGRAMS:
        return law.proved
    last = max(row.n for row in rows if row.tree_nodes is not None)
    return law.last == last and sizes.numbers.steady(law.first)


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


def _filled(rows: Sequence[Size], laws: dict[str, Law], iterate: int) -> Iterator[Size]:
    """All rows; what was not counted by the laws, from the first such row on."""
    columns = {name: law.upto(iterate) for name, law in laws.items()}
    for n in range(1, iterate + 1):
        row = rows[n - 1] if n <= len(rows) else Size(n, *NOTHING, None, None)
        given = {name: columns[name][n - law.first] for name, law in laws.items() if n > law.last}
        yield replace(row, **given, by_law=tuple(given)) if given else row


def _of_orders(function: Given, x: str, order: int, form: str) -> Swell:
    graph, e = Graph(), _real(function.sympy)
    (y,) = from_program(graph, function.program)
    sizes = Sizes(x, form)
    rows = [sizes.of(1, lambda: e, y)]
    rows += [sizes.of(k, lambda: sizes.latest, y, k, k - 1) for k in range(2, order + 1)]
    return Swell(f"n-th derivative by {x} of {_short(function)}", form, tuple(rows), {}, tuple(sizes.stopped))


def _of_network(net: Network, variable: str, order: int, form: str) -> Swell:
    described = network_graph(net)
    names = [node.value for node in below(described.outputs.ravel()) if node.function == VARIABLE]
    if variable not in names:
        raise ResiduaError(unknown("variable", variable, names))
    sizes = Sizes(variable, form)
    rows = []
    for n, layer in enumerate(described.after, start=1):
        y = layer.ravel()[0]
        rows.append(sizes.of(n, partial(to_sympy, y), y, order))
    quantity = f"Derivative{_nth(order)} by {variable} of the first output of layer n"
    return Swell(quantity, form, tuple(rows), {}, tuple(sizes.stopped))


def size_of_network(net: Network, variable: str, form: str = "raw") -> Size:
    """The counts of the derivative of a network's first output; n is the number of its layers."""
    y = network_graph(net).outputs.ravel()[0]
    return Sizes(variable, form).of(len(net.layers), partial(to_sympy, y), y)


def _real(e: sp.Expr) -> sp.Expr:
    return e.xreplace({s: sp.Symbol(s.name, real=True) for s in e.free_symbols})


def _nth(order: int) -> str:
    return "" if order == 1 else f" of order {order}"


def _short(function: Given) -> str:
    text = str(function.sympy)
    return text if len(text) <= 60 else f"{text[:57]}..."
