"""LaTeX as the reports print it: no \\operatorname, which GitHub refuses, and the signs that a reader expects."""

from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE

from residua_network import kinds

NAMES = {"xhat": r"\hat{x}", "sigma2": r"\sigma^{2}", "epsilon": r"\varepsilon", "m": "m"}


def _of_kind(name: str) -> str | None:
    """J_layernorm with the kind in upright letters; SymPy would read its ending as an accent."""
    base, _, kind = name.partition("_")
    return rf"{base}_{{\mathrm{{{kind}}}}}" if kind in kinds() else None


class _Printer(LatexPrinter):
    def __init__(self) -> None:
        super().__init__({"mul_symbol": r" \, ", "fold_short_frac": False})

    def _print_Symbol(self, e: sp.Symbol, style: str = "plain") -> str:  # noqa: N802
        name, _, tag = e.name.partition("__")
        known = NAMES.get(name) or _of_kind(name)
        printed = known if known else super()._print_Symbol(sp.Symbol(name), style)
        if not tag:
            return str(printed)
        tag = tag.replace("*", "").replace("l+0", "l").replace(":", r",\cdot ").removeprefix(",")
        if "_" in printed:
            base, _, index = printed.partition("_")
            return f"{base}_{{{index.strip('{}')},{tag}}}"
        return f"{printed}_{{{tag}}}"

    def _print_MatrixSymbol(self, e: sp.MatrixSymbol, style: str = "plain") -> str:  # noqa: N802
        return self._print_Symbol(sp.Symbol(e.name), style)

    def _print_Indexed(self, e: sp.Indexed) -> str:  # noqa: N802
        base = self._print(e.base.label)
        indices = " ".join(self._print(index) for index in e.indices)
        if "_" in base:
            base = f"\\left({base}\\right)"
        return f"{base}_{{{indices}}}"

    def _print_DiagMatrix(self, e: Any) -> str:  # noqa: N802
        return rf"\mathrm{{diag}}\!\left({self._print(e.args[0])}\right)"

    def _print_OneMatrix(self, e: Any) -> str:  # noqa: N802
        rows, columns = e.shape
        return r"\mathbf{1}" if columns == 1 else r"\mathbf{1}^{T}" if rows == 1 else r"\mathbf{1} \mathbf{1}^{T}"

    def _print_Identity(self, e: Any) -> str:  # noqa: N802
        return "I"

    def _print_ElementwiseApplyFunction(self, e: Any) -> str:  # noqa: N802
        (variable,) = e.function.variables
        inner = sp.Symbol(f"residua{id(e)}")
        printed = self._print(e.function.expr.xreplace({variable: inner}))
        return str(printed).replace(self._print(inner), self._print(e.expr))

    def _print_Transpose(self, e: Any) -> str:  # noqa: N802
        return f"{self.parenthesize(e.arg, 100)}^{{T}}"

    def _print_MatMul(self, e: Any) -> str:  # noqa: N802
        coefficient, matrices = _flat(e)
        negative = bool(coefficient.could_extract_minus_sign())
        size = -coefficient if negative else coefficient
        parts = [] if size == 1 else [self.parenthesize(size, PRECEDENCE["Mul"]) if size.is_Add else self._print(size)]
        parts += [f"\\left({self._print(m)}\\right)" if isinstance(m, sp.MatAdd) else self._print(m) for m in matrices]
        return ("-" if negative else "") + r" \, ".join(parts)

    def _print_MatAdd(self, e: Any) -> str:  # noqa: N802
        terms = sorted(e.args, key=lambda t: (not isinstance(t, sp.Identity), len(str(t)), str(t)))
        first, *rest = [self._print(term) for term in terms]
        return str(first) + "".join(term if term.startswith("-") else f"+{term}" for term in rest)

    def _print_erf(self, e: Any, exp: Any = None) -> str:
        return rf"\mathrm{{erf}}{self._power(exp)}\left({self._print(e.args[0])}\right)"

    def _print_atan(self, e: Any, exp: Any = None) -> str:
        return rf"\arctan{self._power(exp)}\left({self._print(e.args[0])}\right)"

    def _print_sign(self, e: Any, exp: Any = None) -> str:
        return rf"\mathrm{{sign}}{self._power(exp)}\left({self._print(e.args[0])}\right)"

    @staticmethod
    def _power(exp: Any) -> str:
        return f"^{{{exp}}}" if exp is not None else ""


def _flat(e: Any) -> tuple[Any, list[Any]]:
    """The scalar in front, and the matrices with nested products taken apart."""
    coefficient, matrices = e.as_coeff_matrices()
    flat: list[Any] = []
    for matrix in matrices:
        if isinstance(matrix, sp.MatMul):
            inner, more = _flat(matrix)
            coefficient, flat = coefficient * inner, flat + more
        else:
            flat.append(matrix)
    return coefficient, flat


def latex(e: Any) -> str:
    """LaTeX of a SymPy object, without \\operatorname. Names `a__l` print as a with the tag l below."""
    printed = str(_Printer().doprint(e))
    if r"\operatorname" in printed:
        raise ValueError(f"no printer without \\operatorname for {e!r}")
    return printed
