from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from residua_network.checks import flag, number, whole
from residua_network.layer import Layer, Parameter


@dataclass(frozen=True, repr=False)
class LayerNorm(Layer):
    """y = γ (x − mean) / sqrt(variance + ε) + β over the features of one row; variance with 1/n."""

    size: int
    eps: float = 1e-5
    affine: bool = True

    parameters: ClassVar[Mapping[str, Parameter]] = {
        "weight": Parameter(("size",), switch="affine", absent=1.0),
        "bias": Parameter(("size",), switch="affine", absent=0.0),
    }

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", whole(self.size, "size", "LayerNorm"))
        object.__setattr__(self, "eps", number(self.eps, "eps", "LayerNorm", least=0.0))
        flag(self.affine, "affine", "LayerNorm")

    @property
    def takes(self) -> int:
        return self.size
