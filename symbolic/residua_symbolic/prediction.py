"""A prediction: a derivation evaluated at given weights, with what rounding may add to it, and its scope."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from residua_network import ResiduaError
from residua_network.checks import one_of
from residua_symbolic import rounding
from residua_symbolic.domains.rounded import UNIT
from residua_symbolic.jacobian import NetworkJacobian
from residua_symbolic.weights import Floats, Weights, checked_cotangent, checked_rows

RESOLUTION = 1e-2  # a bar of more than one percent of what is predicted decides nothing
QUANTITIES = ("jacobian", "gradient norms", "singular values", "path gradients")


@dataclass(frozen=True, eq=False)
class Prediction:
    """`values` in float64 and `error`, what rounding on both sides may make of them, entry by entry.

    `scale`: size of the terms that cancel in a prediction which vanishes; an error bar is judged by it there.
    `resolution`: the largest error bar, relative to the values, with which a comparison still decides something.
    """

    quantity: str
    values: Floats
    error: Floats
    scope: Mapping[str, str | int]
    scale: float = 0.0
    resolution: float = RESOLUTION


def predict(
    J: NetworkJacobian,
    weights: Weights,
    x: Floats,
    quantity: str = "jacobian",
    cotangent: Floats | None = None,
    dtype: str = "float64",
    bits: int | None = None,
) -> Prediction:
    """A quantity of the Jacobian at x of shape (batch, inputs), to be met by a measurement at `dtype`.

    "jacobian" in the shape of `J.evaluate`; "singular values" of it (batch, min), descending, or (1, min) where rows
    are coupled; for a cotangent (batch, outputs), ones if not given, "gradient norms" (batch, layers) and "path
    gradients" (batch, lengths, inputs), by length of residual path.

    `bits`: the Jacobian comes from ball arithmetic of that precision, so that all rounding is the measurement's.
    """
    if not isinstance(J, NetworkJacobian):
        raise ResiduaError(f"predict expects a Jacobian, got {type(J).__name__}; jacobian(net) derives one")
    one_of(quantity, QUANTITIES, "quantity", "predict")
    one_of(dtype, UNIT, "dtype", "predict")
    if bits is not None and quantity != "jacobian":
        raise ResiduaError(f'predict: a precision goes with "jacobian" only, not with {quantity!r}')
    x = checked_rows(x, "x", J.network.inputs)
    outputs = J.factors[0].outputs
    u = np.ones((len(x), outputs)) if cotangent is None else checked_cotangent(cotangent, len(x), outputs)
    if quantity == "gradient norms":
        values = J.gradient_norms(weights, x, u)
        error = rounding.spread(rounding.gradient_norms(u), J, weights, x, dtype)
        terms = max(J.network.sizes[J.start : J.stop + 2]) + 2  # of the sum of squares, which both sides round
        error = error + rounding.SIDES * terms * UNIT[dtype] * values
    elif quantity == "path gradients":
        values = J.paths().gradients(weights, x, u)
        error = rounding.spread(rounding.path_gradients(u), J, weights, x, dtype)
    elif bits is not None:
        enclosure = J.enclose(weights, x, bits)
        values = enclosure.middle
        error = enclosure.distance(values) + rounding.spread(rounding.product(J, len(x)), J, weights, x, dtype) / 2
    else:
        values = J.evaluate(weights, x)
        error = rounding.spread(rounding.product(J, len(x)), J, weights, x, dtype)
    if quantity == "singular values":  # Weyl: no singular value moves by more than the norm of the change
        values = singular_values(values)
        error = np.repeat(np.linalg.norm(_stacked(error), axis=(1, 2))[:, None], values.shape[1], axis=1)
    scope = {"batch": len(x), "layers": len(J.factors), "inputs": x.shape[1], "outputs": outputs, "dtype": dtype}
    return Prediction(quantity, values, error, scope)


def _stacked(jacobian: Floats) -> Floats:
    """One matrix a row; where rows are coupled, one matrix for the batch: (1, batch · outputs, batch · inputs)."""
    if jacobian.ndim == 3:
        return jacobian
    rows, outputs, _, inputs = jacobian.shape
    return jacobian.reshape(1, rows * outputs, rows * inputs)


def singular_values(jacobian: Floats) -> Floats:
    """(batch, min(outputs, inputs)), descending; one row where rows are coupled. NaN for what is not finite."""
    matrices = _stacked(jacobian)
    values = np.full((len(matrices), min(matrices.shape[1:])), np.nan)
    finite = np.isfinite(matrices).all(axis=(1, 2))
    values[finite] = np.linalg.svd(matrices[finite], compute_uv=False)
    return values
