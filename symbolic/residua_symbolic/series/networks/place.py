"""Where a network is expanded: a point and a direction, of the inputs or of the parameters, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from residua_network import Network, ResiduaError, ShapeError
from residua_network.checks import whole
from residua_symbolic.series.networks.directions import count
from residua_symbolic.weights import Floats, checked_rows

WHERE = "taylor"
HIGHEST_ORDER = 10_000  # a series takes the square of it
FLOAT_DEGREE = 8  # in several inputs; interpolation loses a digit with every two or three degrees, four of 16 by then
MOST_TERMS = 1 << 20  # of a polynomial in several inputs
MOST_BALLS = 1_000_000  # ball numbers of all layers in several inputs: some ten seconds
MOST_NUMBERS = 1 << 27  # float64 numbers of one layer's series, 1 GiB


@dataclass(frozen=True, eq=False)
class Place:
    """`at`: (rows, inputs), of one row where `single`. `along`: None, the same shape, or {parameter name: array}."""

    at: Floats
    single: bool
    along: Any

    @property
    def in_parameters(self) -> bool:
        """Whether the parameters move."""
        return isinstance(self.along, dict)


def checked_place(net: Network, at: Any, along: Any) -> Place:
    """Raises ShapeError, or ResiduaError for a direction that is no direction."""
    if not isinstance(net, Network):
        raise ResiduaError(f"{WHERE}: expected a Network, got {type(net).__name__}")
    point = _floats(at, "at", net.inputs)
    single = point.ndim < 2
    rows = checked_rows(np.atleast_2d(point), f"{WHERE}: at", net.inputs)
    if along is None:
        if not single:
            raise ResiduaError(
                f"{WHERE}: at of shape {point.shape} holds several rows; a series in all inputs is taken at one point, "
                "of several rows along a direction: give along"
            )
        if net.couples_rows:
            raise ResiduaError(
                f"{WHERE}: a network on batch statistics is expanded along a direction of a whole batch: give at and "
                "along of shape (batch, inputs)"
            )
        return Place(rows, True, None)
    if isinstance(along, Mapping):
        return Place(rows, single, _of_parameters(net, along))
    direction = _floats(along, "along", net.inputs)
    if direction.shape != point.shape:
        raise ShapeError(f"{WHERE}: along expects the shape of at, {point.shape}, got {direction.shape}")
    direction = checked_rows(np.atleast_2d(direction), f"{WHERE}: along", net.inputs)
    _refuse_zero(direction.any())
    return Place(rows, single, direction)


def checked_order(net: Network, order: Any, place: Place) -> int:
    """A whole number of at least 0, for which there is memory."""
    found = whole(order, "order", WHERE, least=0)
    if found > HIGHEST_ORDER:
        raise ResiduaError(f"{WHERE}: order must be at most {HIGHEST_ORDER}, got {found}")
    width = max(net.sizes)
    rows = len(place.at) if place.along is not None else count(net.inputs, found)
    if place.along is None and net.inputs > 1:
        _check_degree(net, found, rows)
    if rows * width * (found + 1) > MOST_NUMBERS:
        series = f"{rows} series of {width} values"
        raise ResiduaError(f"{WHERE}: order {found} takes {series}, more than {MOST_NUMBERS} numbers; lower the order")
    return found


def _check_degree(net: Network, order: int, directions: int) -> None:
    """In several inputs, where floats do not do for high degrees."""
    terms, numbers = count(net.inputs + 1, order), directions * sum(net.sizes) * (order + 1)
    if terms > MOST_TERMS or (order > FLOAT_DEGREE and numbers > MOST_BALLS):
        raise ResiduaError(
            f"{WHERE}: order {order} in {net.inputs} inputs has {terms} terms, for which {numbers} numbers must be "
            "computed in high precision; lower the order, or give along"
        )


def _floats(value: Any, name: str, width: int) -> Any:
    """An array as it came, lists and whole numbers as float64; a single number where there is one input."""
    if not isinstance(value, np.ndarray):
        try:
            value = np.asarray(value)
        except (ValueError, RuntimeError, TypeError):
            raise ShapeError(f"{WHERE}: {name} expects a numpy array, got {type(value).__name__}") from None
    if value.dtype.kind in "iu":
        value = value.astype(np.float64)
    if value.ndim == 0 and width == 1:
        value = value.reshape(1)
    if value.ndim not in (1, 2) or value.shape[-1] != width:
        raise ShapeError(f"{WHERE}: {name} expects the shape ({width},) or (batch, {width}), got {value.shape}")
    return value


def _of_parameters(net: Network, along: Mapping[Any, Any]) -> dict[str, Floats]:
    """In the order of the description."""
    shapes = net.parameter_shapes()
    surplus = [str(name) for name in along if name not in shapes]
    if surplus:
        raise ResiduaError(f'{WHERE}: along: the network has no "{surplus[0]:.60}"; it has {", ".join(shapes)}')
    for name, value in along.items():
        if not isinstance(value, np.ndarray) or value.dtype != np.float64 or value.shape != shapes[name]:
            got = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
            raise ShapeError(f'{WHERE}: along["{name}"] expects a float64 array of shape {shapes[name]}, got {got}')
        if not np.isfinite(value).all():
            raise ShapeError(f'{WHERE}: along["{name}"] expects finite values')
    _refuse_zero(any(value.any() for value in along.values()))
    return {name: along[name] for name in shapes if name in along}


def _refuse_zero(moves: Any) -> None:
    if not moves:
        raise ResiduaError(f"{WHERE}: along: expected a direction, got zeros only")
