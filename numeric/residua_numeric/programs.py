"""A Program carried out in torch: every value, every derivative by autograd, the graph that autograd kept of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from residua_network import DescriptionError, ResiduaError, ShapeError
from residua_network.checks import number, one_of
from residua_network.program import Argument, Operation, Program
from residua_numeric.autograd_graph import graph_nodes
from residua_numeric.elementary import CONSTANTS, FUNCTIONS
from residua_numeric.forward_mode import pushforward
from residua_numeric.modules import DTYPES
from residua_numeric.state import on_threads

BLOCK = 64  # points; a multiple of every vector length that torch's kernels have


class PointError(ResiduaError):
    """A point at which an operation has no finite value, or an output no finite derivative."""


@dataclass(frozen=True)
class ProgramRun:
    """What came out at `dtype`, as exact floats, for one output.

    values: of every input and operation. gradients: d output / d value of every input and of every operation that
    depends on one; a constant has no entry. functions: {operation: the autograd node that stands for it, such as
    "MulBackward0"}, again without constants. nodes: distinct nodes of the output's autograd graph: one an operation
    and one (AccumulateGrad) an input, as far as the output depends on them.
    """

    dtype: str
    values: Mapping[str, float]
    gradients: Mapping[str, float]
    functions: Mapping[str, str]
    nodes: int


def run_program(
    program: Program, values: Mapping[str, float], dtype: str = "float64", *, output: int = 0
) -> ProgramRun:
    """`program` at one point and, by one reverse pass, the derivative of its output number `output` by every value.

    Exact numbers and inputs are rounded to float64, then to `dtype`. At a kink the derivative is torch's: 0 at 0 for
    abs, relu, sign and step. Raises DescriptionError for missing or surplus values, PointError, naming the operation,
    for a value or derivative that is not finite.
    """
    with torch.inference_mode(False), torch.enable_grad():
        point = {
            name: tensor.requires_grad_() for name, tensor in _point(program, values, dtype, "run_program").items()
        }
        found = _carry_out(program, point, dtype)
        result = _output(program, found, output, dtype, "run_program")
        varying = {name: tensor for name, tensor in found.items() if tensor.requires_grad}
        for tensor in varying.values():
            tensor.retain_grad()
        if result.requires_grad:
            result.backward()  # type: ignore[no-untyped-call]
    gradients = {name: 0.0 if tensor.grad is None else float(tensor.grad) for name, tensor in varying.items()}
    _check_derivatives({name: gradients[name] for name in reversed(gradients)}, "of the output by it")
    functions = {name: tensor.grad_fn.name() for name, tensor in varying.items() if tensor.grad_fn is not None}
    plain = {name: float(tensor.detach()) for name, tensor in found.items()}
    return ProgramRun(dtype, plain, gradients, functions, graph_nodes(result))


def program_tangents(
    program: Program, values: Mapping[str, float], variable: str, dtype: str = "float64"
) -> dict[str, float]:
    """d value / d `variable` of every input and operation, by one forward-mode pass of torch.

    Raises as `run_program` does.
    """
    with torch.inference_mode(False):
        point = _point(program, values, dtype, "program_tangents")
        t = point[one_of(variable, program.inputs, "input", "program_tangents")]
        found = pushforward(lambda x: _carry_out(program, {**point, variable: x}, dtype), t, torch.ones_like(t))
    tangents = {name: float(tangent) for name, tangent in found.items()}
    _check_derivatives(tangents, f'of it by "{variable}"')
    return tangents


def evaluate_program(
    program: Program, values: Mapping[str, ArrayLike], dtype: str = "float64", *, output: int = 0
) -> NDArray[Any]:
    """Output number `output` at arrays of points, which broadcast against each other; an array of `dtype`.

    All points go through torch's vector kernels, so that a value does not depend on which points stand beside it;
    `run_program` goes through the scalar ones, which differ in the last place for sinh, cosh and sigmoid. Raises as
    `run_program` does, and ShapeError for arrays that do not fit.
    """
    where = "evaluate_program"
    _check_names(program, values, dtype, where)
    try:
        arrays = np.broadcast_arrays(*(np.asarray(values[name], dtype=np.float64) for name in program.inputs))
    except (TypeError, ValueError) as error:
        raise ShapeError(f"{where}: expected arrays of numbers that broadcast against each other: {error}") from None
    shape = arrays[0].shape if arrays else ()
    count = int(np.prod(shape))
    if count == 0:
        return np.empty(shape, dtype=dtype)
    padded = [np.pad(array.ravel(), (0, -count % BLOCK), mode="edge") for array in arrays]
    with torch.inference_mode(False), torch.no_grad(), on_threads(1):  # on more, the points are dealt out unpadded
        point = {name: _rounded(array, dtype) for name, array in zip(program.inputs, padded, strict=True)}
        result = _output(program, _carry_out(program, point, dtype), output, dtype, where)
    return np.resize(result.numpy(), count).reshape(shape)  # repeats a constant, cuts off the padding


def _carry_out(program: Program, point: Mapping[str, Tensor], dtype: str) -> dict[str, Tensor]:
    """{name: value} of every input and operation. Raises PointError at the first that is not finite."""
    found = dict(point)
    for name, tensor in point.items():
        _check_finite(tensor, f'"{name}"', point, dtype)
    for operation in program.operations:
        found[operation.name] = _apply(operation, found, dtype)
        _check_finite(found[operation.name], _words(operation), point, dtype)
    return found


def _apply(operation: Operation, found: Mapping[str, Tensor], dtype: str) -> Tensor:
    """One operation; numbers become tensors, for with a plain number torch takes some operations apart (1/x)."""
    if operation.function in CONSTANTS:
        return torch.tensor(CONSTANTS[operation.function], dtype=DTYPES[dtype])
    arguments: list[Tensor | float] = [_value(argument, found, dtype) for argument in operation.arguments]
    if operation.function == "pow" and isinstance(operation.arguments[1], Fraction):
        arguments[1] = _float(operation.arguments[1])  # squares and roots, which torch knows by a plain exponent
    return FUNCTIONS[operation.function](*arguments)


def _value(argument: Argument, found: Mapping[str, Tensor], dtype: str) -> Tensor:
    return found[argument] if isinstance(argument, str) else torch.tensor(_float(argument), dtype=DTYPES[dtype])


def _float(exact: Fraction) -> float:
    """The nearest float64."""
    try:
        return float(exact)
    except OverflowError:
        raise PointError("program: expected numbers that are finite in float64, got one beyond them") from None


def _output(program: Program, found: Mapping[str, Tensor], output: int, dtype: str, where: str) -> Tensor:
    if not isinstance(output, int) or not 0 <= output < len(program.outputs):
        raise DescriptionError(f"{where}: output must be a whole number below {len(program.outputs)}, got {output!r}")
    return _value(program.outputs[output], found, dtype)


def _point(program: Program, values: Mapping[str, float], dtype: str, where: str) -> dict[str, Tensor]:
    _check_names(program, values, dtype, where)
    return {name: _rounded(np.array(number(values[name], f'"{name}"', where)), dtype) for name in program.inputs}


def _rounded(array: NDArray[np.float64], dtype: str) -> Tensor:
    with np.errstate(over="ignore"):  # found where the program is carried out
        return torch.from_numpy(array.astype(dtype))


def _check_names(program: Program, values: Mapping[str, object], dtype: str, where: str) -> None:
    one_of(dtype, DTYPES, "dtype", where)
    for problem, names in (
        ("missing", [name for name in program.inputs if name not in values]),
        ("surplus", [name for name in values if name not in program.inputs]),
    ):
        if names:
            known = ", ".join(program.inputs) or "no value"
            raise DescriptionError(f"{where}: expected values for {known}; {problem}: {', '.join(map(str, names))}")


def _check_finite(tensor: Tensor, words: str, point: Mapping[str, Tensor], dtype: str) -> None:
    finite = tensor.detach().isfinite()
    if bool(finite.all()):
        return
    first = int((~finite).flatten().nonzero()[0]) if tensor.ndim else 0
    at = ", ".join(
        f"{name}={float(value.detach().flatten()[first if value.ndim else 0])!r}" for name, value in point.items()
    )
    got = float(tensor.detach().flatten()[first])
    raise PointError(f"{words}: expected a value that is finite in {dtype}, got {got}{' at ' if at else ''}{at}")


def _check_derivatives(derivatives: Mapping[str, float], what: str) -> None:
    for name, derivative in derivatives.items():
        if not np.isfinite(derivative):
            raise PointError(f'"{name}": expected a finite derivative {what}, got {derivative}')


def _words(operation: Operation) -> str:
    return f'"{operation.name}" = {operation.function}({", ".join(map(str, operation.arguments))})'
