from collections.abc import Sequence
from dataclasses import dataclass

from residua_network.checks import number
from residua_network.errors import DescriptionError
from residua_network.layer import Layer


@dataclass(frozen=True, repr=False)
class Residual(Layer):
    """y = x + scale · branch(x); He et al. 2015 (arXiv:1512.03385), eq. 1."""

    layers: tuple[Layer, ...]
    scale: float = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.layers, Layer) or not isinstance(self.layers, Sequence):
            raise DescriptionError(f"Residual: expected a tuple of layers, got {self.layers!r}")
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise DescriptionError("Residual: the branch is empty; give at least one layer")
        for layer in self.layers:
            if not isinstance(layer, Layer):
                raise DescriptionError(f"Residual: the branch takes layers, got {layer!r}")
        object.__setattr__(self, "scale", number(self.scale, "scale", "Residual"))

    @property
    def takes(self) -> int | None:
        return next((size for size in (layer.takes for layer in self.layers) if size is not None), None)

    @property
    def branch(self) -> tuple[Layer, ...]:
        return self.layers
