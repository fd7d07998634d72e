from dataclasses import dataclass
from typing import ClassVar

from residua_network.checks import one_of
from residua_network.layer import Layer

ACTIVATIONS = ("identity", "relu", "tanh", "sigmoid", "gelu", "silu", "softplus", "sin", "square", "cube")


@dataclass(frozen=True, repr=False)
class Activation(Layer):
    """y = φ(x) entry by entry; gelu is the exact one, x Φ(x), and relu'(0) = 0 as torch has it."""

    name: str

    variant: ClassVar[str] = "name"
    variants: ClassVar[tuple[str, ...]] = ACTIVATIONS

    def __post_init__(self) -> None:
        one_of(self.name, ACTIVATIONS, "activation", "Activation")
