"""A network walked through layer by layer: each layer's own forward map, run over a domain of random arrays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from residua_network import Layer, ResiduaError
from residua_symbolic.layers import apply


@dataclass(frozen=True)
class Weight:
    """A matrix (outputs, inputs) of independent entries of mean 0."""

    inputs: int
    outputs: int
    variance: float


@dataclass(frozen=True)
class Place:
    """A layer, by its name in the description, and the arrays before and after it."""

    name: str
    layer: Layer
    before: Any
    after: Any
    inside: tuple["Place", ...] = ()


class BatchStatisticsError(Exception):
    """The forward map takes a mean over the rows of a finite batch, which the domain knows as a whole only."""


class Walk:
    """What the domains of random arrays have in common. They add `copy`, `bias`, `batch_normalised`, and arithmetic."""

    variance_of: Callable[[Layer], tuple[float, float]]  # variance of a layer's weights and biases
    where: str = ""

    def __getattr__(self, name: str) -> Any:
        """What a forward map asks for, and no domain of moments has: refused by the layer's name."""
        if name.startswith("__"):
            raise AttributeError(name)
        raise ResiduaError(f"predict_moments: {self.where}: no law: its forward map uses {name!r}")

    def copy(self, x: Any) -> Any:
        """x by another name: where a gradient is read."""
        raise NotImplementedError

    def bias(self, variance: float, size: int) -> Any:
        """A vector of independent entries, the same for all rows."""
        raise NotImplementedError

    def batch_normalised(self, layer: Layer, x: Any) -> Any:
        """A layer that asks for statistics of a finite batch, as a whole."""
        raise NotImplementedError

    def layers(self, layers: Sequence[Layer], x: Any, prefix: str, places: list[Place]) -> Any:
        """Layers one after another, each remembered in `places`."""
        for k, layer in enumerate(layers):
            x = self.layer(layer, x, f"{prefix}{k}", places)
        return x

    def layer(self, layer: Layer, x: Any, name: str, places: list[Place]) -> Any:
        """One layer: its own forward map, run here."""
        before = self.copy(x)
        inside: list[Place] = []

        def branch(z: Any) -> Any:
            return self.layers(layer.branch, z, f"{name}.branch.", inside)

        self.where = f'layer "{name}" {layer!r}'
        try:
            after = apply(self, layer, before, self._parameters(layer), branch if layer.branch else None)
        except BatchStatisticsError:
            after = self.batch_normalised(layer, before)
        except ZeroDivisionError as error:
            raise ResiduaError(f'predict_moments: layer "{name}" {layer!r}: its input has variance zero') from error
        places.append(Place(name, layer, before, after, tuple(inside)))
        return after

    def _parameters(self, layer: Layer) -> Mapping[str, Any]:
        """Matrices, and vectors beside them, are drawn; other vectors begin at what changes nothing."""
        weights, biases = self.variance_of(layer)
        drawn: dict[str, Any] = {}
        has_matrix = any(len(shape) == 2 for shape in layer.shapes.values())
        for name, shape in layer.shapes.items():
            if len(shape) == 2:
                drawn[name] = Weight(shape[1], shape[0], weights)
            elif has_matrix and biases:
                drawn[name] = self.bias(biases, shape[0])
        return drawn
