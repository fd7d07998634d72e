"""The letters that parameters and constants have in formulas."""

from functools import cache

import sympy as sp

from residua_network import kinds

CONSTANTS = {"eps": sp.Symbol("epsilon", nonnegative=True), "scale": sp.Symbol("alpha", real=True)}

LETTERS = {name: symbol.name for name, symbol in CONSTANTS.items()}


@cache
def is_rectangular(kind: str) -> bool:
    """Whether the kind maps one size to another, by a matrix."""
    return any(parameter.axes == ("outputs", "inputs") for parameter in kinds()[kind].parameters.values())


@cache
def symbol_of(kind: str, name: str) -> str:
    """The letter of a parameter: W and b beside a matrix, γ and β without one; μ and σ² for stored statistics."""
    letters = {"weight": "W", "bias": "b"} if is_rectangular(kind) else {"weight": "gamma", "bias": "beta"}
    return {**letters, "running_mean": "mu", "running_var": "sigma2"}[name]
