"""What every layer kind is: a frozen dataclass of names, sizes and constants, without behaviour."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from typing import ClassVar, NamedTuple


class Parameter(NamedTuple):
    """An array of a layer: a parameter, or a buffer."""

    axes: tuple[str, ...]  # the fields that hold its sizes, in order
    switch: str | None = None  # the field that says whether the layer has it
    absent: float = 0.0  # what takes its place in the forward map where the layer has none, and its initial value
    trained: bool = True  # False: a buffer, which no gradient changes
    least: float = -math.inf  # no entry may be smaller


@dataclass(frozen=True, repr=False)
class Layer:
    """A layer kind; its name is the name of the file that defines it, the same on every side of the project."""

    kind: ClassVar[str]
    parameters: ClassVar[Mapping[str, Parameter]] = {}
    variant: ClassVar[str] = ""  # the field, if any, that picks one of several maps by name
    variants: ClassVar[tuple[str, ...]] = ()  # those names; the first is the default of the field, if it has one

    def __init_subclass__(cls) -> None:
        cls.kind = cls.__module__.rpartition(".")[2]

    @property
    def takes(self) -> int | None:
        """Size of the input; None: any."""
        return None

    @property
    def gives(self) -> int | None:
        """Size of the output; None: that of the input."""
        return self.takes

    @property
    def branch(self) -> "tuple[Layer, ...]":
        """The layers inside this one; empty for all but composites."""
        return ()

    @property
    def couples_rows(self) -> bool:
        """Whether an output row depends on more than its own input row."""
        return any(layer.couples_rows for layer in self.branch)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters and buffers that this layer has of its own."""
        return {
            name: tuple(getattr(self, axis) for axis in parameter.axes)
            for name, parameter in self.parameters.items()
            if parameter.switch is None or getattr(self, parameter.switch)
        }

    def __repr__(self) -> str:
        """As one would type it: constants at their defaults are left out."""
        parts = []
        for field in fields(self):
            value = getattr(self, field.name)
            if field.default is MISSING:
                parts.append(repr(value))
            elif value != field.default:
                parts.append(f"{field.name}={value!r}")
        return f"{type(self).__name__}({', '.join(parts)})"
