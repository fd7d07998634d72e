"""A network as plain data: what both sides read."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from residua_network.checks import one_of, unknown, whole
from residua_network.errors import DescriptionError
from residua_network.kinds import kinds
from residua_network.kinds.batchnorm import STATISTICS
from residua_network.layer import Layer, Parameter


@dataclass(frozen=True)
class Network:
    """Layers one after another. Sizes are checked here; `inputs` is needed only where no layer states a size."""

    layers: tuple[Layer, ...]
    inputs: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.layers, Layer) or not isinstance(self.layers, Sequence):
            raise DescriptionError(f"Network: expected a tuple of layers, got {self.layers!r}")
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise DescriptionError("Network: it is empty; give at least one layer")
        for layer in self.layers:
            if not isinstance(layer, Layer):
                raise DescriptionError(f"Network: expected layers, got {layer!r}")
        if type(self.inputs) is int and self.inputs == 0:
            stated = next((layer.takes for layer in self.layers if layer.takes is not None), None)
            if stated is None:
                raise DescriptionError("Network: no layer states a size; give Network(layers, inputs=n)")
            object.__setattr__(self, "inputs", stated)
        object.__setattr__(self, "inputs", whole(self.inputs, "inputs", "Network"))
        object.__setattr__(self, "_sizes", _sizes(self.layers, self.inputs, ""))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Width at the input of every top-level layer and, last, at the output."""
        sizes: tuple[int, ...] = self._sizes  # type: ignore[attr-defined]  # set once in __post_init__
        return sizes

    @property
    def outputs(self) -> int:
        """Width of the output."""
        return self.sizes[-1]

    def walk(self) -> Iterator[tuple[str, Layer]]:
        """Every layer with its name ("3.branch.1"), a composite before what is inside it."""
        yield from _walk(self.layers, "")

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """{"0.weight": (16, 8), ...} in the order of the layers, buffers included."""
        return {name: shape for name, (shape, _) in self.parameters.items()}

    @cached_property
    def parameters(self) -> Mapping[str, tuple[tuple[int, ...], Parameter]]:
        """{"0.weight": (its shape, what it is), ...} in the order of the layers, buffers included."""
        return {
            f"{place}.{name}": (shape, layer.parameters[name])
            for place, layer in self.walk()
            for name, shape in layer.shapes.items()
        }

    @property
    def couples_rows(self) -> bool:
        """Whether an output row depends on more than its own input row, as batch statistics make it."""
        return any(layer.couples_rows for layer in self.layers)

    def with_statistics(self, statistics: str) -> "Network":
        """The same network with every batch norm on "batch" or on "running" statistics."""
        one_of(statistics, STATISTICS, "statistics", "with_statistics")
        return Network(_with_statistics(self.layers, statistics), self.inputs)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, strings and numbers; `from_dict` takes them back."""
        return {"inputs": self.inputs, "layers": [_layer_to_dict(layer) for layer in self.layers]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Network":
        """The network that `to_dict` wrote. Raises DescriptionError for anything it would not write."""
        if not isinstance(data, Mapping) or set(data) != {"inputs", "layers"} or not isinstance(data["layers"], list):
            raise DescriptionError(f"Network: expected a dict with 'inputs' and a list 'layers', got {data!r}")
        inputs = whole(data["inputs"], "inputs", "Network")
        return cls(tuple(_layer_from_dict(d, str(k)) for k, d in enumerate(data["layers"])), inputs)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical form; equal exactly where the descriptions are."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


def _walk(layers: tuple[Layer, ...], prefix: str) -> Iterator[tuple[str, Layer]]:
    for k, layer in enumerate(layers):
        yield f"{prefix}{k}", layer
        yield from _walk(layer.branch, f"{prefix}{k}.branch.")


def _with_statistics(layers: tuple[Layer, ...], statistics: str) -> tuple[Layer, ...]:
    changed = []
    for layer in layers:
        new: dict[str, Any] = {"statistics": statistics} if hasattr(layer, "statistics") else {}
        if layer.branch:
            new["layers"] = _with_statistics(layer.branch, statistics)
        changed.append(replace(layer, **new))
    return tuple(changed)


def _sizes(layers: tuple[Layer, ...], size: int, prefix: str) -> tuple[int, ...]:
    """Widths before, between and after `layers`; raises where two neighbours do not meet."""
    sizes = [size]
    for k, layer in enumerate(layers):
        place, given = f"{prefix}{k}", sizes[-1]
        if layer.branch:
            inner = _sizes(layer.branch, given, f"{place}.branch.")
            if inner[-1] != given:
                raise DescriptionError(
                    f'Residual at "{place}" expects a branch as wide as the stream, {given}; it gives {inner[-1]}'
                )
        elif layer.takes not in (None, given):
            before = f"{layers[k - 1]!r} before it" if k else "the input" if not prefix else "the stream"
            raise DescriptionError(f'{layer!r} at "{place}" expects {layer.takes} inputs, but {before} gives {given}')
        sizes.append(given if layer.branch or layer.gives is None else layer.gives)
    return tuple(sizes)


def _layer_to_dict(layer: Layer) -> dict[str, Any]:
    result: dict[str, Any] = {"kind": layer.kind}
    for field in fields(layer):
        value = getattr(layer, field.name)
        result[field.name] = [_layer_to_dict(inner) for inner in value] if isinstance(value, tuple) else value
    return result


def _layer_from_dict(data: Any, place: str) -> Layer:
    if not isinstance(data, Mapping) or not isinstance(data.get("kind"), str):
        raise DescriptionError(f'layer "{place}": expected a dict with a "kind", got {data!r}')
    if data["kind"] not in kinds():
        raise DescriptionError(f'layer "{place}": {unknown("kind", data["kind"], kinds())}')
    kind = kinds()[data["kind"]]
    values = {name: value for name, value in data.items() if name != "kind"}
    expected = {field.name for field in fields(kind)}
    if set(values) != expected:
        raise DescriptionError(
            f'layer "{place}": {kind.kind} has the fields {sorted(expected)}, got {sorted(map(str, values))}'
        )
    for name, value in values.items():
        if isinstance(value, list):
            values[name] = tuple(_layer_from_dict(inner, f"{place}.branch.{k}") for k, inner in enumerate(value))
    return kind(**values)
