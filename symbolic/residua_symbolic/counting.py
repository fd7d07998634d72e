"""How large a SymPy expression is, counted on its different subexpressions: exact where the tree would never fit.

Every count is a node's own share plus the counts of what it is made of, so that each different subexpression is
looked at once. The counts are those of SymPy itself: `preorder_traversal`, `count_ops`, `len(str(e))`, `cse`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import flint
import sympy as sp
from sympy.core.exprtools import decompose_power
from sympy.core.function import _coeff_isneg
from sympy.core.numbers import NumberSymbol
from sympy.printing.str import StrPrinter
from sympy.simplify.cse_main import opt_cse, tree_cse

Share = tuple[int, Sequence[sp.Expr]]


def different(e: sp.Expr, known: Any = ()) -> list[sp.Expr]:
    """The different subexpressions of e, arguments first, without those known already; no recursion."""
    done: set[sp.Expr] = set()
    found: list[sp.Expr] = []
    stack = [e]
    while stack:
        top = stack[-1]
        waiting = [] if top in done or top in known else [a for a in top.args if a not in done and a not in known]
        stack.extend(waiting)
        if not waiting:
            stack.pop()
            if top not in done and top not in known:
                done.add(top)
                found.append(top)
    return found


class Count:
    """A count by a rule for one node: its own share, and the expressions whose counts are added."""

    def __init__(self, rule: Callable[[sp.Expr], Share]) -> None:
        self._rule = rule
        self._known: dict[sp.Expr, int] = {}

    def __call__(self, e: sp.Expr) -> int:
        stack: list[tuple[sp.Expr, Share]] = [(e, self._rule(e))] if e not in self._known else []
        while stack:
            top, (own, parts) = stack[-1]
            waiting = [part for part in parts if part not in self._known]
            if waiting:
                stack.extend((part, self._rule(part)) for part in dict.fromkeys(waiting))
            else:
                self._known[top] = own + sum(self._known[part] for part in parts)
                stack.pop()
        return self._known[e]


def _nodes(e: sp.Expr) -> Share:
    return 1, e.args


def _operations(e: sp.Expr) -> Share:
    """One step of `sympy.count_ops`: a minus sign and a division count as one, functions of several arguments too."""
    own = 0
    if e.is_Rational:
        if e is not sp.S.One:
            return int(e.p < 0) + int(e.q != 1), ()
    elif e.is_Mul:
        if _coeff_isneg(e):
            own += 1
            e = e.as_two_terms()[1] if e.args[0] is sp.S.NegativeOne else -e
        top, bottom = sp.fraction(e)
        if top.is_Integer:
            return own + 1 + int(bool(top < 0)), (bottom,)
        if bottom is not sp.S.One:
            return own + 1, (top,) if bottom.is_Integer else (bottom, top)
    elif e.is_Add:
        negative = [bool(_coeff_isneg(a)) for a in e.args]
        own = len(e.args) - 1 + int(all(negative))
        return own, [-a if minus else a for a, minus in zip(e.args, negative, strict=True)]
    if e.is_Pow and e.exp is sp.S.NegativeOne:
        return own + 1, (e.base,)
    if e == sp.S.Exp1:
        return own + 1, ()
    if e.is_Pow and e.base == sp.S.Exp1:
        return own + 1, (e.exp,)
    if e.is_Mul:
        own += len(e.args) - 1
    elif e.args and (e.is_Pow or e.is_Function):
        own += 1
    return own, e.args


class Order:
    """The order in which SymPy prints the terms of a sum, with the sort key of each subexpression made once.

    SymPy keeps its sort keys for the last thousand expressions only, and beyond these walks whole trees.
    """

    def __init__(self) -> None:
        self._keys: dict[sp.Expr, Any] = {}
        self._symbols = Count(lambda e: (int(e.is_Symbol), e.args))  # `is_number` walks the whole tree

    def key(self, e: sp.Expr) -> Any:
        """`default_sort_key(e)`."""
        for node in different(e, self._keys):
            self._keys[node] = self._made(node)
        return self._keys[e]

    def _made(self, e: sp.Expr) -> Any:
        """As `Expr.sort_key`."""
        coefficient, rest = e.as_coeff_Mul()
        exponent = sp.S.One
        if rest.is_Pow:
            rest, exponent = rest.as_base_exp()
            if rest is sp.S.Exp1:
                rest, exponent = sp.Function("exp")(exponent), sp.S.One
        if rest.is_Number:
            return e.sort_key()
        parts = self._parts(rest)
        return rest.class_key(), (len(parts), parts), self.key(exponent), coefficient

    def _parts(self, e: sp.Expr) -> tuple[Any, ...]:
        if e.is_Atom:
            return (str(e),)
        keys = [self.key(part) for part in (self.terms(e) if e.is_Add else e.args)]
        return tuple(sorted(keys) if e.is_Mul else keys)

    def terms(self, e: sp.Add) -> list[sp.Expr]:
        """`e.as_ordered_terms()`."""
        if (two := _number_first(e)) is not None:
            return two
        rows = [(term, *self._monomial(term)) for term in e.args]
        generators = sorted({base for _, _, powers in rows for base in powers}, key=self.key)
        key, _ = e._parse_order(None)

        def sort_key(row: Any) -> Any:
            term, size, powers = row
            exponents = tuple(powers.get(base, 0) for base in generators)
            return key((term, ((size.real, size.imag), exponents, ())))

        return [row[0] for row in sorted(rows, key=sort_key)]

    def _monomial(self, term: sp.Expr) -> tuple[complex, dict[sp.Expr, Any]]:
        """Coefficient and exponents of a term, as `Expr.as_terms` has them."""
        number, rest = term.as_coeff_Mul()
        coefficient, powers = complex(number), {}
        for factor in sp.Mul.make_args(rest) if rest is not sp.S.One else ():
            value = _value(factor) if self._symbols(factor) == 0 else None
            if value is None:
                base, exponent = decompose_power(factor)
                powers[base] = exponent
            else:
                coefficient *= value
        return coefficient, powers


def _number_first(e: sp.Add) -> list[sp.Expr] | None:
    """SymPy's exception: 1 - 2*x, not -2*x + 1."""
    terms = sorted(e.args, key=lambda a: not isinstance(a, sp.Number | NumberSymbol))
    if len(terms) != 2 or not isinstance(terms[0], sp.Number | NumberSymbol) or not isinstance(terms[1], sp.Mul):
        return None
    factors = sorted(terms[1].args, key=lambda a: not isinstance(a, sp.Number | NumberSymbol))
    plain = len(factors) == 2 and isinstance(factors[0], sp.Number)
    return terms if plain and terms[0].is_positive and factors[0].is_negative else None


def _value(constant: sp.Expr) -> complex | None:
    """None where SymPy knows no value: functions of ours."""
    try:
        return complex(constant)
    except (TypeError, ValueError):
        return None


def digits(number: int) -> str:
    """In full; Python refuses integers of more than 4300 digits, and takes quadratic time."""
    return str(flint.fmpz(number))


class Characters(StrPrinter):  # SymPy has no types
    """`len(str(e))`: SymPy's printer run once for each different subexpression, over marks in the place of its parts.

    A mark keeps the sign in front, which is all that the text around it depends on.
    """

    def __init__(self) -> None:
        super().__init__({"order": "none"})  # the order of factors does not change the length
        self._lengths: dict[sp.Expr, int] = {}
        self._signed: dict[sp.Expr, bool] = {}
        self._used: list[list[sp.Expr]] = []
        self._order = Order()

    def __call__(self, e: sp.Expr) -> int:
        for node in different(e, self._lengths):
            self._measure(node)
        return self._lengths[e]

    def _measure(self, e: sp.Expr) -> None:
        self._used.append([])
        text = super()._print(e)
        parts = self._used.pop()
        self._signed[e] = text.startswith("-")
        self._lengths[e] = len(text) + sum(self._lengths[part] - len(self._mark(part)) for part in parts)

    def _mark(self, e: sp.Expr) -> str:
        return "-~" if self._signed[e] else "~"

    def _print(self, expr: Any, **kwargs: Any) -> str:
        if expr not in self._lengths:
            self._measure(expr)
        self._used[-1].append(expr)
        return self._mark(expr)

    def _print_Integer(self, expr: sp.Integer) -> str:  # noqa: N802 -- SymPy's name
        return digits(int(expr.p))

    def _print_Rational(self, expr: sp.Rational) -> str:  # noqa: N802 -- SymPy's name
        return f"{digits(int(expr.p))}/{digits(int(expr.q))}"

    def _as_ordered_terms(self, expr: sp.Expr, order: Any = None) -> list[sp.Expr]:
        return self._order.terms(expr) if expr.is_Add else [expr]


class Counter:
    """The counts of expressions that share subexpressions, each of which is looked at once for all of them."""

    def __init__(self) -> None:
        self.tree_nodes = Count(_nodes)
        self.operations = Count(_operations)
        self.characters = Characters()


def tree_nodes(e: sp.Expr) -> int:
    """How many nodes the tree of e has: what `preorder_traversal` would visit."""
    return Count(_nodes)(e)


def graph_nodes(e: sp.Expr) -> int:
    """How many different subexpressions e has, itself included."""
    return len(different(e))


def operations(e: sp.Expr) -> int:
    """`sympy.count_ops(e)`."""
    return Count(_operations)(e)


def characters(e: sp.Expr) -> int:
    """`len(str(e))`."""
    return Characters()(e)


LARGEST_SORTED = 400_000  # nodes of a tree whose arguments are put in order


def cse_operations(e: sp.Expr) -> int | None:
    """The operations of what `sympy.cse(e)` gives: those of the parts it names, and of the rest.

    The order of arguments decides only what the parts are called, and sorting them walks whole trees: it is left out.
    Without it, though, SymPy makes every node anew, and 2*(x + 1) would become 2*x + 2; where that happens the
    arguments are sorted, and the result is None if the tree is too large for it.
    """
    order = "none" if all(node.func(*node.args) == node for node in different(e) if node.args) else "canonical"
    if order == "canonical" and tree_nodes(e) > LARGEST_SORTED:
        return None
    names = (sp.Symbol(f"residua_part_{k}", real=True) for k in _naturals())
    parts, rest = tree_cse([e], names, opt_cse([e]), order=order)
    return int(sum(sp.count_ops(part) for _, part in parts) + sum(map(sp.count_ops, rest)))


def _naturals() -> Iterator[int]:
    k = 0
    while True:
        yield k
        k += 1
