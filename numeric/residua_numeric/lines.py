"""A function along one variable, as torch evaluates it in one precision: a program, or the loss of a model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from residua_network import DescriptionError, ShapeError
from residua_network.checks import one_of
from residua_network.program import Program
from residua_numeric.modules import DTYPES
from residua_numeric.objective import Objective, check_loss, gradient, objective
from residua_numeric.programs import evaluate_program, run_program
from residua_numeric.state import on_threads
from residua_numeric.tasks import Task

Points = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Line:
    """f(t) in `dtype`, at and around t = `at`, a number of that dtype.

    values: points (count,) of `dtype` to values (count,) of `dtype`, all finite. slope: autograd's derivative at `at`,
    in `dtype`. reference: the same function, at the same rounded point, weights and data, in float64; None where it is
    already that.
    """

    dtype: str
    at: float
    values: Callable[[Points], Points]
    slope: Callable[[], float]
    reference: "Line | None" = None

    @property
    def wide(self) -> "Line":
        """The line in float64."""
        return self.reference or self


def program_line(
    program: Program, at: Mapping[str, float], variable: str, dtype: str = "float64", *, output: int = 0
) -> Line:
    """Output number `output` along `variable` through the point `at`, which is rounded to `dtype`.

    The exact numbers in the program are rounded to the dtype at hand: to `dtype` here, to float64 in the reference.
    Raises as `run_program` does.
    """
    run = run_program(program, at, dtype, output=output)
    one_of(variable, program.inputs, "input", "program_line")
    point = {name: run.values[name] for name in program.inputs}

    def line(dtype: str, reference: Line | None) -> Line:
        return Line(
            dtype,
            point[variable],
            lambda points: evaluate_program(program, {**point, variable: points}, dtype, output=output),
            lambda: run_program(program, point, dtype, output=output).gradients[variable],
            reference,
        )

    return line(dtype, None if dtype == "float64" else line("float64", None))


def loss_line(
    model: nn.Module,
    task: Task,
    *,
    entry: tuple[str, tuple[int, ...]] | None = None,
    direction: Mapping[str, ArrayLike] | None = None,
    dtype: str = "float64",
) -> Line:
    """The loss of `model` on the task's training part, along one parameter entry or along a direction.

    entry: (parameter name, index), t is the value of that entry. direction: {parameter name: array of its shape}; the
    parameters are w + t·direction, computed in `dtype`, about t = 0; parameters without a name stay. In eval mode; the
    model stays as it is. Raises DescriptionError for an unknown name, ShapeError for an index or array that does not
    fit, PointError where the loss is not finite.
    """
    if (entry is None) == (direction is None):
        raise DescriptionError("loss_line: expected either an entry or a direction")
    of = objective(model, task, dtype)
    make = _along_entry(of, *entry) if entry is not None else _along_direction(of, direction or {})
    return make(of, None if dtype == "float64" else make(of.in_float64(), None))


def _along_entry(of: Objective, name: str, index: tuple[int, ...]) -> Callable[[Objective, Line | None], Line]:
    one_of(name, of.parameters, "parameter", "loss_line")
    shape = tuple(of.parameters[name].shape)
    if len(index) != len(shape) or not all(0 <= i < size for i, size in zip(index, shape, strict=True)):
        raise ShapeError(f'loss_line: entry: expected an index into "{name}" of shape {shape}, got {index}')

    def moved(of: Objective, t: Tensor) -> dict[str, Tensor]:
        return {name: of.parameters[name].index_put([torch.tensor(i) for i in index], t)}

    def make(of: Objective, reference: Line | None) -> Line:
        at = float(of.parameters[name][index])
        return Line(of.dtype, at, _values(of, moved), lambda: float(gradient(of)[name][index]), reference)

    return make


def _along_direction(of: Objective, direction: Mapping[str, ArrayLike]) -> Callable[[Objective, Line | None], Line]:
    along = {name: _fitting(of, name, array) for name, array in direction.items()}

    def moved(of: Objective, t: Tensor) -> dict[str, Tensor]:
        return {name: of.parameters[name] + t * v.to(t.dtype) for name, v in along.items()}

    def slope(of: Objective) -> float:
        found = gradient(of)
        return float(sum((found[name] * v.to(found[name].dtype)).sum() for name, v in along.items()))

    def make(of: Objective, reference: Line | None) -> Line:
        return Line(of.dtype, 0.0, _values(of, moved), lambda: slope(of), reference)

    return make


def _fitting(of: Objective, name: str, array: ArrayLike) -> Tensor:
    one_of(name, of.parameters, "parameter", "loss_line: direction")
    values, shape = np.asarray(array), tuple(of.parameters[name].shape)
    if values.dtype.kind not in "fiu" or values.shape != shape or not np.isfinite(values).all():
        raise ShapeError(
            f'loss_line: direction: expected finite numbers of shape {shape} for "{name}", got {values.dtype} '
            f"{values.shape}"
        )
    return torch.tensor(values, dtype=torch.float64).to(DTYPES[of.dtype])


def _values(of: Objective, moved: Callable[[Objective, Tensor], dict[str, Tensor]]) -> Callable[[Points], Points]:
    def one(t: Tensor) -> Tensor:
        loss = of(moved(of, t))
        check_loss(loss, of)
        return loss

    def values(points: Points) -> Points:
        with torch.inference_mode(False), torch.no_grad(), on_threads(1):  # on more, sums round differently
            losses = [one(t) for t in torch.tensor(points, dtype=DTYPES[of.dtype])]
        return torch.stack(losses).numpy() if losses else np.empty(0, dtype=of.dtype)

    return values
