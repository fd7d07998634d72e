"""A prediction: a derivation evaluated at given weights, with what rounding may add to it, and its scope."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from residua_network import ResiduaError
from residua_network.checks import one_of
from residua_symbolic import rounding
from residua_symbolic.domains.rounded import UNIT
from residua_symbolic.jacobian import NetworkJacobian
from residua_symbolic.weights import Floats, Weights, checked_rows

RESOLUTION = 1e-2  # a bar of more than one percent of what is predicted decides nothing
QUANTITIES = ("jacobian", "gradient norms", "singular values")


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
) -> Prediction:
    """A quantity of the Jacobian at x of shape (batch, inputs), to be met by a measurement at `dtype`.

    "jacobian" (batch, outputs, inputs); "singular values" of it (batch, min), descending; "gradient norms"
    (batch, layers) for a cotangent (batch, outputs), ones if not given.
    """
    if not isinstance(J, NetworkJacobian):
        raise ResiduaError(f"predict expects a Jacobian, got {type(J).__name__}; jacobian(net) derives one")
    one_of(quantity, QUANTITIES, "quantity", "predict")
    one_of(dtype, UNIT, "dtype", "predict")
    x = checked_rows(x, "x", J.network.inputs)
    outputs = J.factors[0].outputs
    if quantity == "gradient norms":
        u = np.ones((len(x), outputs)) if cotangent is None else checked_rows(cotangent, "cotangent", outputs)
        values = J.gradient_norms(weights, x, u)
        error = rounding.spread(rounding.gradient_norms(u), J, weights, x, dtype)
    else:
        values = J.evaluate(weights, x)
        error = rounding.spread(rounding.product(J, len(x)), J, weights, x, dtype)
    if quantity == "singular values":  # Weyl: no singular value moves by more than the norm of the change
        values = _singular_values(values)
        error = np.repeat(np.linalg.norm(error, axis=(1, 2))[:, None], values.shape[1], axis=1)
    scope = {"batch": len(x), "layers": len(J.factors), "inputs": x.shape[1], "outputs": outputs, "dtype": dtype}
    return Prediction(quantity, values, error, scope)


def _singular_values(matrices: Floats) -> Floats:
    """(batch, min(rows, columns)), descending; NaN for a matrix that is not finite."""
    values = np.full((len(matrices), min(matrices.shape[1:])), np.nan)
    finite = np.isfinite(matrices).all(axis=(1, 2))
    values[finite] = np.linalg.svd(matrices[finite], compute_uv=False)
    return values
