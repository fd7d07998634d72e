"""SymPy's derivative of expressions that share subexpressions: the same result, each subexpression differentiated once.

`sympy.diff` remembers only the last thousand expressions it has seen. The rules are its own, node by node, so that the
result is the same expression; the tests compare wherever `sympy.diff` finishes.
"""

import sympy as sp

from residua_network import ResiduaError
from residua_symbolic.counting import different


class Derivatives:
    """d/dx of any number of expressions, with what they share done once."""

    def __init__(self, x: sp.Symbol) -> None:
        self._known: dict[sp.Expr, sp.Expr] = {x: sp.S.One}

    def __call__(self, e: sp.Expr) -> sp.Expr:
        for node in different(e, self._known):
            self._known[node] = self._rule(node) if node.args else sp.S.Zero
        return self._known[e]

    def _rule(self, e: sp.Expr) -> sp.Expr:
        rates = [self._known[a] for a in e.args]
        if e.is_Add:
            return sp.Add(*rates)
        if e.is_Mul:
            return sp.Add(*[sp.Mul(*e.args[:k], rate, *e.args[k + 1 :]) for k, rate in enumerate(rates) if rate])
        if e.is_Pow:
            by_exponent = rates[1] * sp.log(e.base) if rates[1] else sp.S.Zero
            return e * (by_exponent + rates[0] * e.exp / e.base)
        if isinstance(e, sp.Abs):
            return rates[0] * sp.sign(e.args[0])
        if isinstance(e, sp.sign):
            return 2 * rates[0] * sp.DiracDelta(e.args[0])
        if not e.is_Function:
            raise ResiduaError(f"expected elementary functions, got {e.func.__name__}")
        return sp.Add(*[e.fdiff(k + 1) * rate for k, rate in enumerate(rates) if rate])
