"""Random SymPy expressions over everything that an expression graph holds."""

import random
from typing import Any

import sympy as sp

from residua_symbolic.expressions.conversion import CONSTANTS, FUNCTIONS

X, Y, Z = SYMBOLS = sp.symbols("x y z", real=True)
KINKED = ("abs", "sign", "relu", "step")  # not smooth everywhere
SMOOTH = tuple(name for name in FUNCTIONS if name not in KINKED)


def expression(seed: int, depth: int = 4, names: Any = tuple(FUNCTIONS), evaluate: bool = True) -> sp.Expr:
    """Of at most that depth; with `evaluate` False, as it is written: nothing collected, no sign pulled out."""
    return _expression(random.Random(seed), depth, names, evaluate)


def rational(seed: int, depth: int = 4) -> sp.Expr:
    """Sums, products, quotients and whole powers of symbols and rational numbers."""
    return expression(seed, depth, names=())


def _expression(rng: random.Random, depth: int, names: Any, evaluate: bool) -> sp.Expr:
    if depth == 0 or rng.random() < 0.1:
        return _leaf(rng, constants=bool(names))
    below = [_expression(rng, depth - 1, names, evaluate) for _ in range(3)]
    kind = rng.choice(("sum", "product", "power", "quotient", *(("function",) * 4 if names else ())))
    if kind == "sum":
        return sp.Add(*below[: rng.choice((2, 3))], evaluate=evaluate)
    if kind == "product":
        return sp.Mul(*below[: rng.choice((2, 3))], evaluate=evaluate)
    if kind == "power":
        return sp.Pow(below[0], rng.choice((2, 3)), evaluate=evaluate)
    if kind == "quotient":
        return sp.Mul(below[0], sp.Pow(2 + below[1] ** 2, -1, evaluate=evaluate), evaluate=evaluate)
    name = rng.choice(names)
    inside = 2 + below[0] ** 2 if name == "log" else below[0]
    return FUNCTIONS[name](inside, evaluate=evaluate)


def _leaf(rng: random.Random, constants: bool) -> sp.Expr:
    number = sp.Rational(rng.randint(-6, 6), rng.randint(1, 4))
    return rng.choice((*SYMBOLS, *SYMBOLS, number, *(CONSTANTS.values() if constants else ())))
