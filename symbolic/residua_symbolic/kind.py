"""A layer kind run over symbolic arrays: once for every kind and variant, whatever the sizes."""

from functools import cache
from typing import Any

import sympy as sp

from residua_network import kinds
from residua_symbolic.domains.tangents import BATCH, FEATURE, Axis, RowsCoupledError, Tangent, Tangents, atom, i, k
from residua_symbolic.layers import arguments, forward_map
from residua_symbolic.symbols import CONSTANTS, is_rectangular, symbol_of


def run(kind: str, variant: str, constant: bool) -> tuple[Tangents, Tangent]:
    """The forward map over symbolic arrays, with the differential of the output.

    Rows are kept apart unless the map itself asks for the batch axis.
    """
    try:
        return _run(kind, variant, constant, rows_coupled=False)
    except RowsCoupledError:
        return _run(kind, variant, constant, rows_coupled=True)


@cache
def coupled_axis(kind: str, variant: str) -> Axis:
    """The axis that the kind couples: the features of one row, or the rows of one feature."""
    return BATCH if "batch" in run(kind, variant, False)[0].axes else FEATURE


def _run(kind: str, variant: str, constant: bool, rows_coupled: bool) -> tuple[Tangents, Tangent]:
    label = k if is_rectangular(kind) else i
    domain = Tangents(label, rows_coupled, constant_statistics=constant)
    x = domain.input()
    values: dict[str, Any] = {}
    for name in arguments(kind):
        if name in kinds()[kind].parameters:
            axes = kinds()[kind].parameters[name].axes
            values[name] = atom(symbol_of(kind, name), [k if axis == "inputs" else i for axis in axes])
        elif name == "branch":
            values[name] = domain.abstract_map("F", "J_F")
        else:
            values[name] = CONSTANTS.get(name, variant)
    return domain, domain.differential(sp.sympify(forward_map(kind)(domain, x, **values)))
