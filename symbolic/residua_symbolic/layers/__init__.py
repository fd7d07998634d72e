"""One file a kind: its forward map, the only mathematics typed in by hand."""

import importlib
from collections.abc import Callable, Mapping
from functools import cache
from inspect import signature
from typing import Any

from residua_network import Layer, ResiduaError


@cache
def forward_map(kind: str) -> Callable[..., Any]:
    """The forward map `forward(o, x, ...)` of a kind. Raises ResiduaError naming the file that is missing."""
    try:
        return importlib.import_module(f"{__name__}.{kind}").forward  # type: ignore[no-any-return]
    except ModuleNotFoundError as error:
        raise ResiduaError(f"no forward map: symbolic/residua_symbolic/layers/{kind}.py is missing") from error


@cache
def arguments(kind: str) -> tuple[str, ...]:
    """What a forward map takes beside the domain and x: parameters and constants, by the description's names."""
    return tuple(signature(forward_map(kind)).parameters)[2:]


def apply(domain: Any, layer: Layer, x: Any, parameters: Mapping[str, Any], branch: Any = None) -> Any:
    """y = layer(x) over a domain; `branch` is the map inside a composite, a function of one array."""
    values: dict[str, Any] = {}
    for name in arguments(layer.kind):
        if name == "branch":
            values[name] = branch
        elif name in layer.parameters:
            absent = layer.parameters[name].absent
            values[name] = parameters[name] if name in parameters else domain.number(absent)
        else:
            constant = getattr(layer, name)
            values[name] = constant if isinstance(constant, str) else domain.number(constant)
    return forward_map(layer.kind)(domain, x, **values)
