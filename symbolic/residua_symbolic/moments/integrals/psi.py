"""The digamma function and its derivatives, as a reader knows them: ψ(x), ψ'(x)."""

from typing import Any

import sympy as sp


class Psi(sp.polygamma):
    """SymPy's polygamma, printed as ψ; it evaluates numerically, and stays as it is otherwise."""

    @classmethod
    def eval(cls, order: Any, z: Any) -> None:
        """Nothing is rewritten."""

    def _latex(self, printer: Any, exp: Any = None) -> str:
        order, z = self.args
        power = f"^{{{exp}}}" if exp is not None else ""
        primes = "'" * int(order)
        return rf"\psi{primes}{power}\left({printer._print(z)}\right)"


def with_psi(e: sp.Expr) -> sp.Expr:
    """`e` with every polygamma function as Psi."""
    return e.replace(sp.polygamma, Psi)


def without_psi(e: sp.Expr) -> sp.Expr:
    """`e` in SymPy's own functions, for its simplifications."""
    return e.replace(Psi, sp.polygamma)
