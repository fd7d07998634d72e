"""Training to the last digit: Levenberg and Marquardt's method in float64, small networks from many seeds at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from residua_network import DescriptionError, Network, ShapeError
from residua_network.checks import whole
from residua_numeric.arrays import rows
from residua_numeric.build import build, seed_of
from residua_numeric.derivatives import to_float64
from residua_numeric.describe import describe
from residua_numeric.errors import TaskError
from residua_numeric.losses import fitting
from residua_numeric.modules import torch_model
from residua_numeric.stacked import Stack, together
from residua_numeric.state import on_threads
from residua_numeric.tasks import Task
from residua_numeric.weights import put, weights_of

FIRST_DAMPING = 0.1  # much less, and the first steps drive tanh into its flat parts
LEAST_DAMPING, MOST_DAMPING = 1e-14, 1e14  # beyond the latter a step is lost in the rounding of the parameters
STILL = 1e-14  # relative decrease, promised and found, at which a step is rounding only
LARGEST = 2**27  # entries of all Jacobians together: 1 GiB


@dataclass(frozen=True, eq=False, repr=False)
class Fits:
    """Networks fitted by least squares, one a seed (or one a start).

    `losses[s]`: the weighted mean square, of float64's full precision. `slopes[s]`: the largest cosine between the
    residuals and a column of their Jacobian, 0 at a stationary point.
    `steps[s]`: Jacobians taken. `settled[s]`: whether it stopped because no step led further down, and not at the last.
    """

    models: tuple[nn.Sequential, ...]
    losses: NDArray[np.float64]
    slopes: NDArray[np.float64]
    steps: tuple[int, ...]
    settled: tuple[bool, ...]

    @property
    def best(self) -> int:
        """The one with the least loss."""
        return int(np.nanargmin(self.losses))

    def __repr__(self) -> str:
        return f"<Fits: {len(self.models)}, least loss {self.losses[self.best]:.10g}>"


def fit_least_squares(
    net: Network,
    x: object,
    y: object,
    seeds: Sequence[int],
    *,
    weights: object = None,
    steps: int = 200,
    init: str | float = "torch",
    starts: Sequence[nn.Module] = (),
    threads: int = 1,
) -> Fits:
    """Minimise Σ_p w_p |net(x_p) − y_p|² / (Σ w · outputs) over the parameters, from `build(net, seed, init=init)` for
    every seed and from every model in `starts` after them.

    x: (points, inputs), y: (points, outputs), weights: (points,), ones if not given; with the nodes and weights of a
    quadrature the loss is the integral's. A step solves min |J d + r|² + λ |D d|², D² = diag(JᵀJ) (Marquardt 1963), by
    QR of the whole, so that no digits are lost in JᵀJ; λ follows the ratio of the decrease to the one promised
    (Nielsen 1999). Dropout is the identity. Raises ResiduaError, also where batch statistics couple the rows.
    """
    models = [*(build(net, seed_of(s, _HERE), init=init) for s in seeds), *(_copy(net, one) for one in starts)]
    if not models:
        raise DescriptionError(f"{_HERE}: expected at least one seed or start, got none")
    if net.couples_rows:
        raise DescriptionError(f"{_HERE}: expected rows that are independent, got batch norms on batch statistics")
    whole(steps, "steps", _HERE, least=0)
    points = rows(x, f"{_HERE}: x", net.inputs, None, torch.float64)
    target = rows(y, f"{_HERE}: y", net.outputs, len(points), torch.float64)
    problem = _Problem(Stack(net, "float64"), points, target, _roots(weights, target))
    if not problem.stack.names:
        raise DescriptionError(f"{_HERE}: the network has no parameter that can be fitted")
    if len(models) * target.numel() * sum(problem.stack.sizes) > LARGEST:
        size = f"{len(models)} × {target.numel()} × {sum(problem.stack.sizes)}"
        raise ShapeError(f"{_HERE}: expected at most {LARGEST} entries of Jacobians, got {size}; give fewer points")
    with on_threads(whole(threads, "threads", _HERE)), torch.no_grad():
        return _fit(problem, models, int(steps))


def polish(models: Sequence[nn.Module], task: Task, *, steps: int = 200) -> Fits:
    """Go on from trained models to the nearest minimum of the task's mean square error over its training part.

    The models stay as they are; those handed back are float64. Raises TaskError for another loss.
    """
    if not isinstance(task, Task) or task.loss != "mean square error":
        raise TaskError(f'polish: expected a Task with the loss "mean square error", got {task!r}')
    if not models:
        raise DescriptionError("polish: expected at least one model, got none")
    nets = {fitting(torch_model(model, "polish"), task, "polish") for model in models}
    if len(nets) > 1:
        raise DescriptionError(f"polish: expected models of one description, got {len(nets)}")
    return fit_least_squares(nets.pop(), task.x, task.y, (), steps=steps, starts=models)


_HERE = "fit_least_squares"


def _copy(net: Network, model: nn.Module) -> nn.Sequential:
    """A float64 copy of a model of `net`, with torch modules of ours."""
    if describe(torch_model(model, _HERE), net.inputs) != net:
        raise DescriptionError(f"{_HERE}: expected starts of the network's own description")
    copy = build(net)
    put(copy, {name: torch.tensor(array) for name, array in weights_of(model).items()})
    return copy


def _roots(weights: object, target: Tensor) -> Tensor:
    """Factors of the residuals whose squares, over all points and outputs, sum to 1: (points, 1)."""
    given = np.ones(len(target)) if weights is None else np.asarray(weights)
    if given.shape != (len(target),) or given.dtype.kind not in "fiu" or not (given > 0).all():
        raise ShapeError(f"{_HERE}: weights must be {len(target)} numbers above 0, got shape {given.shape}")
    roots = np.sqrt(given / (given.sum() * target.shape[1]))
    return torch.tensor(roots, dtype=torch.float64)[:, None]


@dataclass(frozen=True)
class _Problem:
    stack: Stack
    x: Tensor
    y: Tensor
    roots: Tensor

    def residuals(self, flat: Tensor, buffers: dict[str, Tensor]) -> Tensor:
        """(networks, points · outputs)."""
        found = together(lambda f, b: self.stack.one(f, b, self.x), flat, buffers)
        return (self.roots * (found - self.y)).flatten(1)

    def jacobian(self, flat: Tensor, buffers: dict[str, Tensor]) -> Tensor:
        """(networks, points · outputs, parameters)."""

        def row(parameters: Tensor, b: dict[str, Tensor], x: Tensor, root: Tensor) -> Tensor:
            output: Tensor = root * self.stack.one(parameters, b, x[None])[0]
            return output

        def one(parameters: Tensor, b: dict[str, Tensor]) -> Tensor:
            each = torch.func.vmap(torch.func.jacrev(row), in_dims=(None, None, 0, 0))
            found: Tensor = each(parameters, b, self.x, self.roots)
            return found

        return together(one, flat, buffers).flatten(1, 2)


def _fit(problem: _Problem, models: list[nn.Sequential], steps: int) -> Fits:
    stack = problem.stack
    walk = _Walk(problem, stack.flat(models), stack.buffers(models))
    for _ in range(steps):
        if not walk.step():
            break
    for model, row in zip(models, walk.flat, strict=True):
        stack.load(model, row, {})
    taken, settled = tuple(walk.taken.tolist()), tuple((walk.loss.isfinite() & ~walk.moving).tolist())
    return Fits(tuple(models), to_float64(walk.loss), to_float64(walk.slopes()), taken, settled)


class _Walk:
    """All networks on their way down; those that have settled are left alone."""

    def __init__(self, problem: _Problem, flat: Tensor, buffers: dict[str, Tensor]) -> None:
        self.problem, self.flat, self.buffers = problem, flat, buffers
        self.residual = problem.residuals(flat, buffers)
        self.loss = self.residual.square().sum(1)
        self.damping, self.growth = torch.full_like(self.loss, FIRST_DAMPING), torch.full_like(self.loss, 2.0)
        self.scale = torch.zeros_like(flat)  # the largest |column of J| so far (Moré 1978)
        self.taken, self.moving = torch.zeros(len(flat), dtype=torch.int64), self.loss.isfinite()

    def step(self) -> bool:
        """One step of every network that still moves; False when none does."""
        at = self.moving.nonzero()[:, 0]
        if not len(at):
            return False
        buffers = {name: b[at] for name, b in self.buffers.items()}
        J = self.problem.jacobian(self.flat[at], buffers)
        self.scale[at] = torch.maximum(self.scale[at], J.norm(dim=1))
        waiting = torch.ones(len(at), dtype=torch.bool)
        while waiting.any():  # until every network has gone down, or has settled
            tried = at[waiting]
            waiting[waiting.clone()] = ~self._try(tried, J[waiting])
        self.taken[at] += 1
        return True

    def _try(self, at: Tensor, J: Tensor) -> Tensor:
        """Try a step of each of these; whether it is done with this Jacobian."""
        damping, old, r = self.damping[at], self.loss[at], self.residual[at]
        scale = torch.where(self.scale[at] > 0, self.scale[at], 1.0)
        move, promised = _solve(J, r, damping, scale)
        flat = self.flat[at] + move
        residual = self.problem.residuals(flat, {name: b[at] for name, b in self.buffers.items()})
        new = residual.square().sum(1)
        gain = (old - new) / promised
        down = new < old
        self.flat[at[down]], self.residual[at[down]], self.loss[at[down]] = flat[down], residual[down], new[down]
        easier = damping * (1 - (2 * gain - 1) ** 3).clamp(min=1 / 3)
        self.damping[at] = torch.where(down, easier, damping * self.growth[at]).clamp(min=LEAST_DAMPING)
        self.growth[at] = torch.where(down, 2.0, 2 * self.growth[at])
        still = (promised <= STILL * old) & ((old - new).abs() <= STILL * old)
        stuck = still | ~(self.damping[at] < MOST_DAMPING) | ~(old > 0)
        self.moving[at[stuck]] = False
        return down | stuck

    def slopes(self) -> Tensor:
        """Largest cosine between the residuals and a column of the Jacobian; 0 for residuals that are all 0."""
        J = self.problem.jacobian(self.flat, self.buffers)
        sizes = J.norm(dim=1) * self.residual.norm(dim=1)[:, None]
        along = torch.einsum("smp,sm->sp", J, self.residual).abs()
        return torch.where(sizes > 0, along / sizes, 0.0).amax(1)


def _solve(J: Tensor, r: Tensor, damping: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """min over d of |J d + r|² + λ |D d|²: d, and by how much |J d + r|² lies below |r|², without cancellation.

    With more parameters than residuals D d lies in the span of the rows of J/D, and is found there.
    """
    if J.shape[2] > J.shape[1]:
        basis, rows = torch.linalg.qr((J / scale[:, None]).mT)
        inside, promised = _solve(rows.mT, r, damping, torch.ones_like(r))
        return torch.einsum("spm,sm->sp", basis, inside) / scale, promised
    below = torch.diag_embed(damping.sqrt()[:, None] * scale)
    q, upper = torch.linalg.qr(torch.cat([J, below], dim=1))
    projected = torch.einsum("smp,sm->sp", q[:, : J.shape[1]], r)
    move = -torch.linalg.solve_triangular(upper, projected[:, :, None], upper=True)[:, :, 0]
    damped = damping * (scale * move).square().sum(1)
    return move, projected.square().sum(1) + damped
