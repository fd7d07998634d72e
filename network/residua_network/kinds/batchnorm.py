from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from residua_network.checks import flag, number, one_of, whole
from residua_network.layer import Layer, Parameter

STATISTICS = ("batch", "running")


@dataclass(frozen=True, repr=False)
class BatchNorm(Layer):
    """y = γ (x − mean) / sqrt(variance + ε) + β for each feature; Ioffe, Szegedy 2015 (arXiv:1502.03167), algorithm 1.

    `statistics`: "batch", mean and variance (with 1/B) over the rows of the batch, which couples them; or "running",
    the stored `running_mean` and `running_var`, which are constants. It decides in training and evaluation alike.
    """

    size: int
    eps: float = 1e-5
    affine: bool = True
    statistics: str = "batch"

    parameters: ClassVar[Mapping[str, Parameter]] = {
        "weight": Parameter(("size",), switch="affine", absent=1.0),
        "bias": Parameter(("size",), switch="affine", absent=0.0),
        "running_mean": Parameter(("size",), absent=0.0, trained=False),
        "running_var": Parameter(("size",), absent=1.0, trained=False, least=0.0),
    }
    variant: ClassVar[str] = "statistics"
    variants: ClassVar[tuple[str, ...]] = STATISTICS

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", whole(self.size, "size", "BatchNorm"))
        object.__setattr__(self, "eps", number(self.eps, "eps", "BatchNorm", least=0.0))
        flag(self.affine, "affine", "BatchNorm")
        one_of(self.statistics, STATISTICS, "statistics", "BatchNorm")

    @property
    def takes(self) -> int:
        return self.size

    @property
    def couples_rows(self) -> bool:
        return self.statistics == "batch"
