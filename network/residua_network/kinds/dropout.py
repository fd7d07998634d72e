from dataclasses import dataclass

from residua_network.checks import number
from residua_network.layer import Layer


@dataclass(frozen=True, repr=False)
class Dropout(Layer):
    """Random only in training; the identity in derivations and comparisons."""

    rate: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", number(self.rate, "rate", "Dropout", least=0.0, below=1.0))
