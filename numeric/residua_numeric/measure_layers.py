"""Every layer by itself, at the input which the model feeds it: what tells the layer at fault from those after it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from residua_network import ShapeError
from residua_numeric.capture import Passed, capture
from residua_numeric.derivatives import forward, jacobian, pullback, to_float64
from residua_numeric.measure import inputs_of
from residua_numeric.modules import branch_of, dtype_name, modules_of, torch_model
from residua_numeric.state import undisturbed
from residua_numeric.statistics import Coupling, asked, check_rows, couplings

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerMeasurement:
    """One module alone, float64 copies of what came out at `dtype`.

    input (batch, n), as the model feeds it; output (batch, m), as the model got it; jacobian (batch, m, n) of the
    module at that input, (batch, m, batch, n) where its rows are coupled. branch_output and branch_jacobian: those of a
    composite's branch at the same input, else None.

    pulled_back (batch, n): the gradient of <cotangent, output> of the whole batch, for a random cotangent (batch, m). A
    Jacobian (batch, m, n) is taken row by row; this shows whether rows meet. branch_pulled_back: through the branch.
    """

    name: str
    dtype: str
    input: Array
    output: Array
    jacobian: Array
    cotangent: Array
    pulled_back: Array
    branch_output: Array | None = None
    branch_jacobian: Array | None = None
    branch_pulled_back: Array | None = None


def measure_layers(
    model: nn.Module, x: object, statistics: str | Mapping[str, str] | None = None
) -> dict[str, LayerMeasurement]:
    """{name as in the description: measurement}, every layer, those inside branches too, in the order of `net.walk()`.

    x: (batch, inputs). statistics: as in `measure`. In eval mode; modes, buffers, gradients and hooks stay as they are.
    A layer that the model never calls has no entry. Raises ShapeError where x does not fit or a layer takes or gives no
    (batch, size), ResiduaError for statistics that were never computed.
    """
    torch_model(model, "measure_layers")
    words = asked(model, statistics, "measure_layers")
    with torch.inference_mode(False), undisturbed(model, words):
        point = inputs_of(model, x, "measure_layers")
        check_rows(model, len(point), "measure_layers: x")
        with torch.no_grad():
            _, passed = capture(model, point)
        modules, coupled, dtype = modules_of(model), couplings(model, words), dtype_name(model)
        return {name: _alone(name, modules[name], at, coupled[name], dtype) for name, at in passed.items()}


def _alone(name: str, module: nn.Module, at: Passed, coupling: Coupling, dtype: str) -> LayerMeasurement:
    place = f'measure_layers: "{name}"'
    for what, tensor in (("input", at.input), ("output", at.output)):
        if not isinstance(tensor, Tensor) or tensor.ndim != 2:
            got = tuple(tensor.shape) if isinstance(tensor, Tensor) else type(tensor).__name__
            raise ShapeError(f"{place}: expected an {what} of shape (batch, size), got {got}")
    cotangent = torch.randn(at.output.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u = cotangent.to(at.output.dtype)
    branch = branch_of(module)
    inside: tuple[Array, Array, Array] | None = None
    if branch is not None:
        with torch.no_grad():
            output = to_float64(forward(branch, at.input, place))
        of_branch = to_float64(jacobian(branch, at.input, *coupling, place))
        inside = output, of_branch, _pulled_back(branch, at.input, u, place)
    return LayerMeasurement(
        name,
        dtype,
        to_float64(at.input),
        to_float64(at.output),
        to_float64(jacobian(module, at.input, *coupling, place)),
        to_float64(u),
        _pulled_back(module, at.input, u, place),
        *(inside or ()),
    )


def _pulled_back(module: nn.Module, x: Tensor, cotangent: Tensor, place: str) -> Array:
    return to_float64(pullback(module, x, cotangent[None], place)[0])
