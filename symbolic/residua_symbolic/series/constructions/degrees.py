"""Networks with powers as activations are polynomials of their input: which ones, exactly.

All numbers are rational (python-flint): no degree is decided by a tolerance, and no rank by a threshold. Networks map
one number to one number.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import flint
import numpy as np

from residua_network import Activation, Layer, Linear, Network, ResiduaError, Residual
from residua_network.checks import whole
from residua_symbolic.domains.exact import POLYNOMIALS
from residua_symbolic.expressions.calculus import gradient
from residua_symbolic.expressions.evaluation import evaluate
from residua_symbolic.expressions.networks import NetworkGraph, network_graph

POWERS = {"square": 2, "cube": 3}
X = flint.fmpq_poly([0, 1])
LARGEST = 9  # of the random whole numbers that are weights
POINTS = 3  # random weights at which a rank is looked for, unless it is as large as it can be


def rational(value: Any) -> Any:
    """A number as fmpq; a float at its exact value. Raises ResiduaError for infinity and NaN."""
    try:
        return value if isinstance(value, flint.fmpq) else flint.fmpq(*value.as_integer_ratio())
    except (OverflowError, ValueError):
        raise ResiduaError(f"rational: expected a finite number, got {value}") from None


class PolynomialDomain:
    """Numbers that are polynomials in x over the rationals; a function that is no polynomial is refused."""

    def number(self, value: Any) -> Any:
        """A rational number; a float is taken at its exact value."""
        return flint.fmpq_poly([rational(value)])

    def function(self, name: str, x: Any) -> Any:
        """A power."""
        if name not in POLYNOMIALS:
            raise ValueError(f"{name} is no polynomial")
        return POLYNOMIALS[name](x)

    def power(self, x: Any, exponent: Any) -> Any:
        """Refused: whole powers need no help."""
        raise ValueError(f"a power with exponent {exponent} is no polynomial")


def power_network(activation: str, depth: int, width: int, residual: bool = True) -> Network:
    """1 → width → 1 with `depth` blocks `Linear → activation → Linear`, each added to its input if `residual`.

    Without the residual connections a block is `activation → Linear`: two Linear layers in a row are one.
    """
    inner: tuple[Layer, ...]
    whole(depth, "depth", "power_network", least=0)
    if residual:
        inner = (Residual((Linear(width, width), Activation(activation), Linear(width, width))),) * depth
    else:
        inner = (Activation(activation), *(Linear(width, width), Activation(activation)) * (depth - 1)) * bool(depth)
    return Network((Linear(1, width), *inner, Linear(width, 1)))


def scalar_network(activation: str, depth: int, width: int) -> Network:
    """`depth` residual blocks 1 → width → 1 on a stream of one number."""
    whole(depth, "depth", "scalar_network")
    return Network((Residual((Linear(1, width), Activation(activation), Linear(width, 1))),) * depth)


def degree_law(net: Network) -> int:
    """The degree of a network in general position: powers multiply along the chain, and adding the input is no gain."""
    return _degree(net.layers)


def _degree(layers: tuple[Layer, ...]) -> int:
    total = 1
    for layer in layers:
        if isinstance(layer, Activation):
            if layer.name not in (*POWERS, "identity"):
                raise ResiduaError(f"degree: expected polynomial activations, got {layer.name!r}")
            total *= POWERS.get(layer.name, 1)
        elif isinstance(layer, Residual):
            total *= _degree(layer.layers)
        elif not isinstance(layer, Linear):
            raise ResiduaError(f"degree: expected Linear, Activation and Residual layers, got {layer.kind}")
    return total


def polynomials_after(net: Network, weights: Mapping[str, Any]) -> tuple[Any, ...]:
    """What stands after every top-level layer, exactly: arrays (features,) of fmpq_poly. Weights: float64 or fmpq."""
    known = _graph(net)
    found = [evaluate(list(nodes[0]), _values(known, weights), PolynomialDomain()) for nodes in known.after]
    return tuple(np.array([*row, None], dtype=object)[:-1] for row in found)  # an array of polynomials, not of numbers


def network_polynomial(net: Network, weights: Mapping[str, Any]) -> Any:
    """The polynomial (fmpq_poly) that a network from one number to one number is."""
    (result,) = evaluate([_graph(net).outputs[0, 0]], _values(_graph(net), weights), PolynomialDomain())
    return result


def contributed_polynomials(net: Network, weights: Mapping[str, Any]) -> tuple[Any, ...]:
    """What every top-level residual block adds to the output of a network that ends in one Linear layer, exactly.

    With h_l after block l and the readout w: w · (h_l − h_(l−1)).
    """
    after = polynomials_after(net, weights)
    last = len(net.layers) - 1
    if not isinstance(net.layers[last], Linear):
        raise ResiduaError(f"contributions: expected a Linear layer at the end, got {net.layers[last].kind}")
    readout = [rational(value) for value in np.asarray(weights[f"{last}.weight"])[0].tolist()]
    places = [k for k, layer in enumerate(net.layers) if isinstance(layer, Residual)]
    if places and (places[0] == 0 or places != list(range(places[0], last))):
        raise ResiduaError("contributions: expected a Linear layer, residual blocks in a row and a Linear layer")
    zero = flint.fmpq_poly([])
    return tuple(
        sum((w * (b - a) for w, a, b in zip(readout, after[k - 1], after[k], strict=True)), zero) for k in places
    )


def coefficient_rank(net: Network, seed: int = 0) -> int:
    """Dimension of the set of coefficient vectors that the network reaches as its parameters vary.

    It is the rank of d(coefficients)/d(parameters) at random whole numbers, exactly. A rank at one point is a proved
    lower bound of the rank in general position; it is smaller only on a set of measure zero, so that the largest of
    several draws is that rank with a probability that is as good as 1, and certainly where it is as large as it can be.
    """
    most = min(degree_law(net) + 1, sum(int(np.prod(shape)) for shape, _ in net.parameters.values()))
    found = 0
    for draw in range(POINTS):
        found = max(found, coefficient_jacobian(net, whole_weights(net, seed + draw)).rank())
        if found == most:
            break
    return found


def coefficient_jacobian(net: Network, weights: Mapping[str, Any]) -> Any:
    """d c_k / d θ_j: a row for each coefficient, from c_0, a column for each parameter; fmpq_mat."""
    known, nodes = _gradient(net)
    slopes = evaluate(nodes, _values(known, weights), PolynomialDomain())
    columns = [p.coeffs() for p in slopes]
    rows = degree_law(net) + 1
    entries = [[column[k] if k < len(column) else flint.fmpq(0) for column in columns] for k in range(rows)]
    return flint.fmpq_mat(entries)


def whole_weights(net: Network, seed: int) -> dict[str, Any]:
    """Random whole numbers from −9 to 9 but 0, in the shapes of the parameters."""
    rng = np.random.default_rng(seed)
    drawn = {}
    for name, (shape, _) in net.parameters.items():
        drawn[name] = rng.integers(1, LARGEST + 1, shape) * rng.choice((-1.0, 1.0), shape)
    return drawn


@cache
def _graph(net: Network) -> NetworkGraph:
    if net.inputs != 1 or net.outputs != 1:
        raise ResiduaError(f"polynomials: expected a network 1 → 1, got {net.inputs} → {net.outputs}")
    return network_graph(net)


@cache
def _gradient(net: Network) -> tuple[NetworkGraph, tuple[Any, ...]]:
    """The graph, and the nodes of the derivatives of its output by every parameter."""
    known = _graph(net)
    parameters = [node for nodes in known.parameters.values() for node in nodes.flat]
    return known, gradient(known.outputs[0, 0], parameters)


def _values(known: NetworkGraph, weights: Mapping[str, Any]) -> dict[str, Any]:
    """Polynomials for the variables of the graph: x itself, and constants for the parameters."""
    pairs = known.values(weights, np.array([[0.0]]))
    constants = {name: flint.fmpq_poly([rational(value)]) for name, value in pairs.items()}
    return constants | {known.inputs[0, 0].value: X}
