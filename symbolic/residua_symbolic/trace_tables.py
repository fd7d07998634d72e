"""The two tables of automatic differentiation: derivatives along a trace, from an input up or from an output down."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from residua_symbolic.printing import latex
from residua_symbolic.tables import Grid, for_notebook
from residua_symbolic.trace_notation import NumericProducts, Partial, Products, Rate, shown

if TYPE_CHECKING:
    from residua_symbolic.trace import Trace, TracedNode

SEED, STILL, UNUSED = "seed", "does not depend on it", "has no influence on it"


@dataclass(frozen=True)
class SweepRow:
    """One node's derivative.

    `chain`: by the chain rule, in names; `local`: with the operations' own derivatives put in; `numbers`: with numbers;
    all None where nothing is to be computed, and `note` says why. `exact`: where every number on the way is rational.
    `terms`: what is added, each as (operation, argument, row): ∂ operation/∂ argument times that row's derivative.
    """

    node: str
    symbol: Rate
    chain: Products | None
    local: Products | None
    numbers: NumericProducts | None
    value: float
    exact: Fraction | None
    note: str = ""
    terms: tuple[tuple[str, str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, formulas as text."""
        formulas = {name: _text(getattr(self, name)) for name in ("symbol", "chain", "local", "numbers")}
        exact = None if self.exact is None else str(self.exact)
        return {"node": self.node, **formulas, "value": self.value, "exact": exact, "note": self.note}


@dataclass(frozen=True, repr=False)
class Sweep:
    """One sweep over a trace.

    "forward": the derivative of every node by the input `of`, in order (tangents). "reverse": the derivative of the
    output `of` by every node, from the output down (adjoints), the contributions of all that use a node added.
    """

    mode: Literal["forward", "reverse"]
    of: str
    rows: tuple[SweepRow, ...]

    def __repr__(self) -> str:
        return f"<{self.title}: {len(self.rows)} rows>"

    @property
    def title(self) -> str:
        """What the table shows."""
        return f"Forward mode, by {self.of}" if self.mode == "forward" else f"Reverse mode, of {self.of}"

    def latex_title(self) -> str:
        """The same for LaTeX."""
        top, bottom = self.rows[0].symbol.args
        return f"Forward mode, by ${latex(bottom)}$" if self.mode == "forward" else f"Reverse mode, of ${latex(top)}$"

    @property
    def values(self) -> dict[str, float]:
        """The derivative at every node, by name."""
        return {row.node: row.value for row in self.rows}

    @property
    def exact(self) -> dict[str, Fraction | None]:
        """The same exactly, where every number on the way is rational."""
        return {row.node: row.exact for row in self.rows}

    def grid(self, whole: bool = True) -> Grid:
        """The table, step by step: in names, in formulas, in numbers.

        `whole`: with the rows of forward mode that are zero because the node does not depend on the input.
        """
        columns = ("derivative", "by the chain rule", "local derivatives", "numbers", "value")
        return Grid(columns, tuple(_cells(row) for row in self.rows if whole or row.note != STILL))

    def text(self) -> str:
        """For a terminal."""
        return self.grid().text()

    def markdown(self) -> str:
        """As GitHub renders it."""
        return self.grid().markdown()

    def latex(self) -> str:
        """A booktabs tabular."""
        return self.grid().latex()

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"mode": self.mode, "of": self.of, "rows": [row.to_dict() for row in self.rows]}

    def _repr_markdown_(self) -> str:
        return for_notebook(self.markdown())


def _cells(row: SweepRow) -> tuple[Any, ...]:
    steps = (row.chain, row.local, row.numbers) if row.chain is not None else (row.note, "", "")
    return (row.symbol, *steps, row.value)


def _text(formula: Any) -> str | None:
    return None if formula is None else str(formula)


@dataclass(frozen=True)
class _Term:
    """A product that is part of a derivative: an operation's own derivative and the rate it is multiplied with."""

    operation: "TracedNode"
    argument: str
    row: str
    other: Rate
    value: float
    exact: Fraction | None


def forward_sweep(trace: "Trace", by: str) -> Sweep:
    """dv/d(by) for every node: Σ over its arguments a of ∂v/∂a · da/d(by), inputs first."""
    symbols, rows, moving = trace.symbols, {}, {by}
    for node in trace.nodes:
        symbol = Rate(symbols[node.name], symbols[by])
        if node.function == "input":
            rows[node.name] = _unit(node.name, symbol) if node.name == by else _nothing(node.name, symbol, STILL)
            continue
        terms = [_Term(node, a, a, rows[a].symbol, rows[a].value, rows[a].exact) for a in node.partials if a in moving]
        if terms:
            moving.add(node.name)
        rows[node.name] = (
            _sum(trace, node.name, symbol, terms, partial_first=True) if terms else _nothing(node.name, symbol, STILL)
        )
    return Sweep("forward", by, tuple(rows.values()))


def reverse_sweep(trace: "Trace", output: str) -> Sweep:
    """d(output)/dv for every node: Σ over the operations c that use v of d(output)/dc · ∂c/∂v, from the output down.

    Constants are left out.
    """
    symbols = trace.symbols
    uses: dict[str, list[TracedNode]] = {node.name: [] for node in trace.nodes}
    for node in trace.nodes:
        for argument in node.partials:
            uses[argument].append(node)
    rows: dict[str, SweepRow] = {}
    reached = {output}
    for node in reversed(trace.nodes):
        if not node.moves:
            continue
        symbol = Rate(symbols[output], symbols[node.name])
        terms = [
            _Term(use, node.name, use.name, rows[use.name].symbol, rows[use.name].value, rows[use.name].exact)
            for use in reversed(uses[node.name])
            if use.name in reached
        ]
        if node.name == output:
            rows[node.name] = _unit(node.name, symbol)
        elif terms:
            reached.add(node.name)
            rows[node.name] = _sum(trace, node.name, symbol, terms, partial_first=False)
        else:
            rows[node.name] = _nothing(node.name, symbol, UNUSED)
    return Sweep("reverse", output, tuple(rows.values()))


def _unit(name: str, symbol: Rate) -> SweepRow:
    return SweepRow(name, symbol, None, None, None, 1.0, Fraction(1), SEED)


def _nothing(name: str, symbol: Rate, note: str) -> SweepRow:
    return SweepRow(name, symbol, None, None, None, 0.0, Fraction(0), note)


def _sum(trace: "Trace", name: str, symbol: Rate, terms: list[_Term], partial_first: bool) -> SweepRow:
    """Σ of the terms, in the three ways in which it is printed, and its value."""

    def ordered(partial: Any, other: Any) -> tuple[Any, Any]:
        return (partial, other) if partial_first else (other, partial)

    chain, local, numbers = [], [], []
    value, exact = None, None
    for term in terms:
        own = term.operation.partials[term.argument]
        sign = Partial(trace.symbols[term.operation.name], trace.symbols[term.argument])
        chain.append(ordered(sign, term.other))
        local.append(ordered(own.formula, term.other))
        numbers.append(ordered(shown(own.value), shown(term.value)))
        product = own.value * term.value
        value = product if value is None else value + product
        step = None if own.exact is None or term.exact is None else own.exact * term.exact
        exact = step if term is terms[0] else None if exact is None or step is None else exact + step
    products = Products(chain), Products(local), NumericProducts(numbers)
    used = tuple((term.operation.name, term.argument, term.row) for term in terms)
    return SweepRow(name, symbol, *products, value or 0.0, exact, terms=used)
