"""Where expectations are known at every width: Gaussian matrices with layer or RMS normalisation, and ReLU nets.

Linear, then a normaliser at ε = 0: given its input h, W h is normal, so n s²/(σ² ‖h‖²) is chi-square and independent
of the direction x̂. The gradient that comes back through the normaliser has no part along x̂ (nor along 1, for layer
normalisation), hence Wᵀu has none along h, and the rest of W is independent of W h.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sympy as sp

from residua_network import Layer, Network, ResiduaError
from residua_symbolic.domains.tangents import n
from residua_symbolic.moments.integrals.chi_square import inverse
from residua_symbolic.moments.propagation.forward_maps import (
    constant_eps,
    is_identity,
    is_linear,
    is_relu,
    lost_directions,
)
from residua_symbolic.moments.propagation.laws import Known, V

LINEAR = "exact at every width: chi-square law"
RELU = "exact at every width, but for layers that are dead as a whole (probability 2⁻ⁿ)"


@dataclass(frozen=True)
class ExactWidth:
    """The exact gradient ratio of every layer, None where it is that of infinite width; and what is said of it.

    `formulas`: the same as functions of n, the width of the layer's input, and v, that of the numbers beside them.
    """

    ratios: tuple[float | None, ...]
    formulas: tuple[tuple[sp.Expr, Known] | None, ...]
    words: str


def exact_width(net: Network, variance_of: Callable[[Layer], tuple[float, float]]) -> ExactWidth | None:
    """The exact law of the net, if its layers have one. Raises ResiduaError where an expectation is infinite."""
    if any(variance_of(layer)[1] for layer in net.layers):  # random biases: W h + b is not normal given its length
        return None
    if _is_relu_net(net.layers):
        return ExactWidth((None,) * len(net.layers), (None,) * len(net.layers), RELU)
    if not all(is_linear(layer) or is_identity(layer) or _normalises(layer) for layer in net.layers):
        return None
    return _linear_net(net, lambda layer: variance_of(layer)[0])


def _normalises(layer: Layer) -> bool:
    return lost_directions(layer) is not None and constant_eps(layer) == 0.0


def _is_relu_net(layers: Sequence[Layer]) -> bool:
    """Matrices and ReLUs, each ReLU on what a matrix gives: the signs of W h are fair coins, whatever |W h|."""
    fresh = False
    for layer in layers:
        if is_linear(layer):
            fresh = True
        elif is_relu(layer):
            if not fresh:
                return False
            fresh = False
        elif not is_identity(layer):
            return False
    return True


def _linear_net(net: Network, variance: Callable[[Layer], float]) -> ExactWidth | None:
    inverses = _inverse_squares(net, variance)
    if inverses is None:
        return None
    ratios: list[float | None] = [None] * len(net.layers)
    formulas: list[tuple[sp.Expr, Known] | None] = [None] * len(net.layers)
    below = False  # a normaliser: the gradient has no part along the forward vector
    for k in reversed(range(len(net.layers))):
        layer, width = net.layers[k], net.sizes[k]
        free = n - 1 if below else n
        if is_linear(layer):
            formulas[k] = V * free / n, {n: width, V: variance(layer) * width}
            if below and width == 1 and k > 0:  # one feature below a normaliser: no gradient at all reaches its input
                return None
        elif not is_identity(layer):
            formula, known = inverses[k]
            formulas[k] = formula * (n - (lost_directions(layer) or 0)) / free, {**known, n: width}
            below = True
        if found := formulas[k]:
            ratios[k] = float(found[0].subs(found[1]))
    return ExactWidth(tuple(ratios), tuple(formulas), LINEAR)


def _inverse_squares(net: Network, variance: Callable[[Layer], float]) -> dict[int, tuple[sp.Expr, Known]] | None:
    """E[1/s²] of every normaliser, from the input or the normaliser before it, where ‖h‖² is the width."""
    found: dict[int, tuple[sp.Expr, Known]] = {}
    between: list[int] = []  # widths between two matrices
    gain, drawn = 1.0, False  # product of the v, and whether there was a matrix
    for k, layer in enumerate(net.layers):
        if is_linear(layer):
            between = [*between, net.sizes[k]] if drawn else between
            gain, drawn = gain * variance(layer) * net.sizes[k], True
        elif not is_identity(layer):
            if not drawn:
                return None
            where = f'layer "{k}" {layer!r} with ε = 0'
            inverse_square = _inverse(n - (lost_directions(layer) or 0) + 1, net.sizes[k], where)
            narrow = sp.Mul(*(width * _inverse(sp.Integer(width), width, where) for width in between))
            found[k] = narrow * n * inverse_square / V, {V: gain}
            gain, between, drawn = 1.0, [], False
    return found


def _inverse(freedom: sp.Expr, width: int, where: str) -> sp.Expr:
    """E[1/χ²] with that freedom, as a function of n. Raises ResiduaError where it does not exist at this width."""
    if not freedom.subs(n, width) > 2:
        raise ResiduaError(
            f"predict_moments: {where}: E[1/s²] does not exist: a chi-square variable of {freedom.subs(n, width)} "
            "degrees of freedom stands in the denominator, expected more than 2"
        )
    return sp.sympify(inverse(freedom))
