"""A network's forward maps over any domain, layer by layer, nested residuals included."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from residua_network import Activation, Layer, Network, ResiduaError, Residual
from residua_symbolic.layers import apply

Seen = Callable[[str, Layer, Any], None]


def output(
    net: Network, make_domain: Callable[[], Any], x: Any, parameters: Mapping[str, Any], seen: Seen | None = None
) -> Any:
    """The output at x of shape (rows, inputs) of the domain; `parameters` by the description's names.

    `seen` is called with the place, the layer and the input of every layer that is no composite, before it is applied.
    Raises ResiduaError with the place where the domain raises ArithmeticError.
    """
    return _chain(net.layers, "", make_domain, x, parameters, seen)


def _chain(
    layers: Sequence[Layer], prefix: str, make_domain: Callable[[], Any], x: Any, parameters: Any, seen: Seen | None
) -> Any:
    for k, layer in enumerate(layers):
        place = f"{prefix}{k}"

        def branch(y: Any, layer: Layer = layer, place: str = place) -> Any:
            return _chain(layer.branch, f"{place}.branch.", make_domain, y, parameters, seen)

        if seen is not None and not isinstance(layer, Residual):
            seen(place, layer, x)
        own = {name: parameters[f"{place}.{name}"] for name in layer.shapes}
        try:
            x = apply(make_domain(), layer, x, own, branch)  # a domain of its own: a layer's names are
        except ArithmeticError as error:
            raise PlacedError(layer, place, error) from error
    return x


class PlacedError(ResiduaError):
    """What a domain refused, with the layer and, of an activation, the row and the neuron; `reason` as it said it."""

    def __init__(self, layer: Layer, place: str, error: ArithmeticError) -> None:
        entry = getattr(error, "entry", ()) if isinstance(layer, Activation) else ()
        where = "".join(f", {name} {at}" for name, at in zip(("row", "neuron"), entry, strict=False))
        super().__init__(f'{layer!r} at "{place}"{where}: {error}')
        self.reason = error
