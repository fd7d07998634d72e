"""Forward and backward statistics of ensembles of freshly initialised networks."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from residua_network import DescriptionError, Network, ShapeError
from residua_network.checks import one_of, whole
from residua_numeric.build import check_init, initial_laws, seed_of
from residua_numeric.modules import DTYPES
from residua_numeric.progress import Counter
from residua_numeric.side_by_side import outputs, widest
from residua_numeric.state import on_threads

Array = NDArray[np.float64]
CHUNK = 2**26  # bytes of the networks of one pass, at least one: fewer pay for more passes, more gain nothing
HELD = 4  # tensors as large as its output that the passes hold for each layer: value, gradient, and in between
LARGEST = 2**31 - 2**28  # bytes that a single network may take


@dataclass(frozen=True, eq=False, repr=False)
class InitialStatistics:
    """Of `networks` networks, each with its own inputs, weights and output gradient; column l is at the output of
    top-level layer l − 1, column 0 at the network's input. h: (rows, features) there, g: the gradient there.

    mean_squares: mean of h² over rows and features. products: mean of h_a h_b over features and pairs of rows a ≠ b,
    NaN for one row. means: mean of h over rows and features. row_means: mean over the rows of (mean of h over
    features)². gradients: ‖g‖² over all rows. gradient_products: mean of ⟨g_a, g_b⟩ over pairs of rows a ≠ b, NaN for
    one row (‖g‖² / rows is that for a = b). All of shape (networks, layers + 1), float64.
    """

    network: Network
    batch: int
    init: str | float
    seed: int
    first: int
    dtype: str
    mean_squares: Array
    products: Array
    means: Array
    row_means: Array
    gradients: Array
    gradient_products: Array

    def __repr__(self) -> str:
        return f"<InitialStatistics: {len(self.gradients)} networks, batch {self.batch}, {self.init}, {self.dtype}>"

    def gradient_ratio(self, start: int = 0, stop: int = -1) -> Array:
        """‖gradient at column `start`‖² / ‖gradient at column `stop`‖², one for each network: (networks,).

        NaN or infinite where the latter is 0, as between two ReLUs that let nothing through.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.gradients[:, start] / self.gradients[:, stop]

    def gradient_pair(self, start: int = 0, stop: int = -1) -> Array:
        """The two squared norms side by side, (networks, 2), for a ratio of means."""
        return np.stack([self.gradients[:, start], self.gradients[:, stop]], axis=1)


def initial_statistics(
    net: Network,
    networks: int,
    batch: int = 1,
    init: str | float = "he",
    seed: int = 0,
    dtype: str = "float64",
    first: int = 0,
    *,
    progress: bool | None = None,
    threads: int = 1,
) -> InitialStatistics:
    """Statistics of networks first, first + 1, … of `seed`, freshly initialised as `build` does it.

    The rows of the input are independent and isotropic, of mean square exactly 1; the gradient at the output has
    independent standard normal entries; batch norms use the batch, or the stored mean 0 and variance 1. Network k
    draws all it needs from (seed, k) alone, so that ensembles which follow one another are independent, and any part
    of one can be had again (up to the rounding of matrix products, whose order may depend on how many networks are
    multiplied at once). As many networks as fit the cache are run at once, wide ones one by one: one forward pass,
    and one backward pass to all columns. `progress`: None shows a bar at a terminal after two seconds.
    Raises ResiduaError.
    """
    where = "initial_statistics"
    if not isinstance(net, Network):
        raise DescriptionError(f"{where}: expected a Network, got {net!r}")
    networks, batch = whole(networks, "networks", where), whole(batch, "batch", where)
    seed, first = seed_of(seed, where), whole(first, "first", where, least=0)
    one_of(dtype, DTYPES, "dtype", where)
    check_init(init, where)
    if net.couples_rows and batch < 2:
        raise ShapeError(f"{where}: batch: expected at least 2 rows, as a batch norm normalises by them, got {batch}")
    draw = _Draw(net, batch, init, seed, dtype)
    found = np.empty((6, networks, len(net.layers) + 1))
    with on_threads(whole(threads, "threads", where)), Counter(networks, "networks", progress) as counter:
        for done in range(0, networks, draw.at_once):
            some = range(done, min(networks, done + draw.at_once))
            found[:, some.start : some.stop] = _statistics(net, *draw(first + done, len(some)))
            counter.update(some.stop)
    return InitialStatistics(net, batch, init, seed, first, dtype, *found)


class _Draw:
    """Inputs, weights and output gradients of consecutive networks."""

    def __init__(self, net: Network, batch: int, init: str | float, seed: int, dtype: str) -> None:
        self.net, self.batch, self.seed, self.dtype = net, batch, seed, DTYPES[dtype]
        self.laws = {
            f"{place}.{name}": (law, layer.shapes[name])
            for place, layer in net.walk()
            for name, law in initial_laws(layer, init).items()
        }
        drawn = [(law, shape) for law, shape in self.laws.values() if law.word != "constant"]
        self.uniform = any(law.word == "uniform" for law, _ in drawn)
        self.size = sum(math.prod(shape) for _, shape in drawn)
        needed = self._bytes()
        if needed > LARGEST:
            raise DescriptionError(
                f"initial_statistics: expected networks of at most {LARGEST:.1e} bytes, got one of {needed:.1e}"
            )
        self.at_once = max(1, CHUNK // needed)

    def __call__(self, first: int, networks: int) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """{name: weights}, input and output gradient of networks first, first + 1, …"""
        flat = np.empty((networks, self.size))
        x = np.empty((networks, self.batch, self.net.inputs))
        g = np.empty((networks, self.batch, self.net.outputs))
        for k in range(networks):
            random = np.random.Generator(np.random.SFC64(np.random.SeedSequence((self.seed, first + k))))
            random.standard_normal(out=x[k])
            random.standard_normal(out=g[k])
            if self.uniform:
                random.random(out=flat[k])
            else:
                random.standard_normal(out=flat[k])
        if self.uniform:
            flat *= 2
            flat -= 1
        x /= np.sqrt(np.mean(x * x, axis=2, keepdims=True))
        return self._named(torch.from_numpy(flat)), self._tensor(x), self._tensor(g)

    def _named(self, flat: Tensor) -> dict[str, Tensor]:
        found, done, networks = {}, 0, len(flat)
        for name, (law, shape) in self.laws.items():
            if law.word == "constant":
                found[name] = torch.full(shape, law.size, dtype=self.dtype).expand(networks, *shape)
                continue
            size = math.prod(shape)
            found[name] = flat[:, done : done + size].mul_(law.size).to(self.dtype).view(networks, *shape)
            done += size
        return found

    def _tensor(self, array: Array) -> Tensor:
        return torch.from_numpy(array).to(self.dtype)

    def _bytes(self) -> int:
        """Of one network, with what its passes hold."""
        item = self.dtype.itemsize
        layers = 1 + sum(1 for _ in self.net.walk())
        return self.size * (8 if item == 8 else 8 + item) + HELD * self.batch * widest(self.net) * layers * item


def _statistics(net: Network, weights: dict[str, Tensor], x: Tensor, g: Tensor) -> Array:
    """What `InitialStatistics` holds of these networks, in its order: (6, networks, layers + 1)."""
    with torch.enable_grad():
        values = [x.requires_grad_(), *outputs(net.layers, weights, x)]
        gradients = [*torch.autograd.grad(values[-1], values[:-1], g), g]
    rows = x.shape[1]
    with torch.no_grad():
        columns = [
            torch.stack([*_forward(h.double(), rows), *_backward(u.double(), rows)])
            for h, u in zip(values, gradients, strict=True)
        ]
    return np.asarray(torch.stack(columns, dim=2).numpy(), dtype=np.float64)


def _forward(h: Tensor, rows: int) -> tuple[Tensor, ...]:
    square, product = _kernel(h, rows)
    width, row_means = h.shape[2], h.mean(2)
    return square / (rows * width), product / width, row_means.mean(1), row_means.square().mean(1)


def _backward(g: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    return _kernel(g, rows)


def _kernel(h: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """Σ_a |h_a|², and the mean of ⟨h_a, h_b⟩ over pairs a ≠ b."""
    square = torch.linalg.vector_norm(h.flatten(1), dim=1).square()
    if rows == 1:
        return square, torch.full_like(square, torch.nan)
    return square, (torch.linalg.vector_norm(h.sum(1), dim=1).square() - square) / (rows * (rows - 1))
