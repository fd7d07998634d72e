"""An expression that was read: the text, the program as it is written, and SymPy's form."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from residua_network.program import Program
from residua_symbolic.functions import relu, sigmoid, softplus, step

FUNCTIONS: Mapping[str, Any] = {
    **{name: getattr(sp, name) for name in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{"atan": sp.atan, "erf": sp.erf, "abs": sp.Abs, "sign": sp.sign},
    **{"relu": relu, "step": step, "sigmoid": sigmoid, "softplus": softplus},
}
# Evaluated already: only put together, for evaluation is what may not end
TOGETHER: Mapping[str, Callable[..., sp.Expr]] = {
    "add": lambda *terms: sp.Add._from_args(terms),
    "mul": lambda *factors: sp.Mul._from_args(factors),
    "pow": lambda base, exponent: sp.Pow(base, exponent, evaluate=False),
}


@dataclass(frozen=True)
class Expression:
    """`program` is `text` operation by operation; `sympy` is what SymPy makes of it, in symbols that are real."""

    text: str
    program: Program
    sympy: sp.Expr

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables in order of first appearance."""
        return self.program.inputs


def rebuilt(tree: Sequence[Sequence[Any]]) -> sp.Expr:
    """The SymPy expression that `tree` lists part by part (as child.flattened does), by whitelist."""
    parts: list[sp.Expr] = []
    for what, *rest in tree:
        parts.append(_part(what, rest, parts))
    return parts[-1]


def _part(what: str, rest: Sequence[Any], parts: Sequence[sp.Expr]) -> sp.Expr:
    match what:
        case "symbol":
            return sp.Symbol(rest[0], real=True)
        case "rational":
            return sp.Rational(*rest)
        case "pi":
            return sp.pi
        case "e":
            return sp.E
    arguments = [parts[k] for k in rest]
    return TOGETHER[what](*arguments) if what in TOGETHER else FUNCTIONS[what](*arguments, evaluate=False)
