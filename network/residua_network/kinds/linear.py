from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from residua_network.checks import flag, whole
from residua_network.layer import Layer, Parameter


@dataclass(frozen=True, repr=False)
class Linear(Layer):
    """y = W x + b with W of shape (outputs, inputs)."""

    inputs: int
    outputs: int
    bias: bool = True

    parameters: ClassVar[Mapping[str, Parameter]] = {
        "weight": Parameter(("outputs", "inputs")),
        "bias": Parameter(("outputs",), switch="bias", absent=0.0),
    }

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", whole(self.inputs, "inputs", "Linear"))
        object.__setattr__(self, "outputs", whole(self.outputs, "outputs", "Linear"))
        flag(self.bias, "bias", "Linear")

    @property
    def takes(self) -> int:
        return self.inputs

    @property
    def gives(self) -> int:
        return self.outputs
