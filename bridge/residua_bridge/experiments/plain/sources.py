"""Where the study of plain networks gets its repetitions from: each a quantity of freshly initialised torch models."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from residua_bridge.budgets.law import Sizes
from residua_network import Activation, LayerNorm, Linear, Network
from residua_numeric import build
from residua_numeric.initial import initial_statistics
from residua_numeric.pieces import pieces
from residua_numeric.weights import tensors_of

Floats = NDArray[np.float64]
SPARE = 1.1  # more networks than are needed, where some die: fewer rounds
FIRST_SEED = 1000  # seeds of the blocks


def chain_cost(sizes: Sizes) -> float:
    """Nanoseconds of one network forwards and back, about: its weights are drawn and multiplied by twice."""
    return 10_000 + sizes["depth"] * (2_000 + 15 * sizes["width"] ** 2)


def plain(activation: str, width: int, depth: int, normalised: bool = False) -> Network:
    """`depth` times Linear without bias, layer normalisation (ε = 0) if asked for, and the activation."""
    norm = (LayerNorm(width, eps=0.0, affine=False),) * normalised
    return Network((Linear(width, width, bias=False), *norm, Activation(activation)) * depth)


def _ratios(net: Network, networks: int, seed: int, init: str | float, first: int = 0) -> Floats:
    found = initial_statistics(net, networks, init=init, seed=seed, first=first, progress=False)
    return found.gradient_ratio()


@dataclass(frozen=True)
class ReluRatio:
    """log R of He ReLU networks given R > 0, squared differences of pairs of it, R itself, or whether it is 0.

    R: ‖gradient at the input‖² / ‖gradient at the output‖². Half a squared difference has the variance as its mean.
    """

    of: Literal["logarithm", "half squared difference", "ratio", "death"]

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """One value a network, or a pair of networks."""
        net = plain("relu", int(sizes["width"]), int(sizes["depth"]))
        if self.of in ("ratio", "death"):
            found = _ratios(net, repetitions, FIRST_SEED + block, "he")
            return found if self.of == "ratio" else (found == 0).astype(float)
        pairs = self.of == "half squared difference"
        logs = np.log(_alive(net, repetitions * (1 + pairs), FIRST_SEED + block))
        return (logs[::2] - logs[1::2]) ** 2 / 2 if pairs else logs

    def cost(self, sizes: Sizes) -> float:
        """Of a network or a pair."""
        return chain_cost(sizes) * (2 if self.of == "half squared difference" else 1)


def _alive(net: Network, wanted: int, seed: int) -> Floats:
    """The ratios of the first networks of this seed that let something through in every layer."""
    found: list[Floats] = []
    done = kept = 0
    while kept < wanted:
        more = math.ceil((wanted - kept) * SPARE) + 8
        ratios = _ratios(net, more, seed, "he", done)
        found.append(ratios[ratios > 0])
        done, kept = done + more, kept + len(found[-1])
    return np.concatenate(found)[:wanted]


@dataclass(frozen=True)
class GradientPair:
    """Squared gradients at input and output of networks with weight variance `variance` / width, side by side."""

    activation: str
    variance: float
    normalised: bool = False

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """(repetitions, 2)."""
        net = plain(self.activation, int(sizes["width"]), int(sizes["depth"]), self.normalised)
        found = initial_statistics(net, repetitions, init=self.variance, seed=FIRST_SEED + block, progress=False)
        return found.gradient_pair()

    def cost(self, sizes: Sizes) -> float:
        """Of a network."""
        return chain_cost(sizes)


@dataclass(frozen=True)
class GradientRatio:
    """Their quotient, one a network."""

    activation: str
    variance: float

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """(repetitions,)."""
        net = plain(self.activation, int(sizes["width"]), int(sizes["depth"]))
        return _ratios(net, repetitions, FIRST_SEED + block, self.variance)

    def cost(self, sizes: Sizes) -> float:
        """Of a network."""
        return chain_cost(sizes)


@dataclass(frozen=True)
class OtherVariance:
    """Of networks with layer normalisation: how far the ratio with weight variance `variance` / width lies from that
    of the same draws scaled to variance 1 / width, relative, at most over the networks. No sampling error."""

    activation: str
    networks: int = 100

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """(1,), the largest of all."""
        net = plain(self.activation, int(sizes["width"]), int(sizes["depth"]), normalised=True)
        one, other = (_ratios(net, self.networks, FIRST_SEED + block, v) for v in (1.0, sizes["variance"]))
        return np.full(repetitions, np.abs(other / one - 1).max())

    def cost(self, sizes: Sizes) -> float:
        """Of all networks, twice."""
        return 2 * self.networks * chain_cost(sizes)


@dataclass(frozen=True)
class NewKinks:
    """Kinks that the ReLU of one layer adds within [−reach, reach], per neuron, in networks of one input.

    `bias`: standard deviation of normal biases beside He weights; None for torch's default initialisation.
    """

    reach: float
    bias: float | None

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """Counted on each network exactly."""
        width, layer = int(sizes["width"]), int(sizes["layer"])
        net = line_network(width, layer)
        seeds = np.random.SeedSequence((FIRST_SEED, block)).generate_state(repetitions, dtype=np.uint32).tolist()
        return np.array([self._of(net, layer, seed) / width for seed in seeds])

    def cost(self, sizes: Sizes) -> float:
        """Of one network: each kink is solved for."""
        return 700_000 + sizes["layer"] * (300_000 + 8_000 * sizes["width"])

    def _of(self, net: Network, layer: int, seed: int) -> int:
        kinks = counted(net, seed, self.bias, self.reach)
        return kinks[layer - 1]


def line_network(width: int, depth: int) -> Network:
    """Linear and ReLU, `depth` times, from one input."""
    sizes = (1, *(width,) * depth)
    return Network(tuple(layer for a, b in pairwise(sizes) for layer in (Linear(a, b), Activation("relu"))))


def counted(net: Network, seed: int, bias: float | None, reach: float) -> list[int]:
    """The kinks that each ReLU adds: those it has and the Linear before it has not."""
    model = build(net, seed=seed, init="torch" if bias is None else "he")
    if bias is not None:
        generator = torch.Generator().manual_seed(seed)
        generator.manual_seed(int(torch.randint(2**62, (1,), generator=generator)))  # another stream than the weights'
        with torch.no_grad():
            for name, tensor in tensors_of(model).items():
                if name.endswith("bias"):
                    tensor.normal_(0.0, bias, generator=generator)
    found = pieces(model, -reach, reach).by_layer
    names = [str(k) for k in range(1, len(net.layers), 2)]
    return [len(np.setdiff1d(found[name], found[str(int(name) - 1)])) for name in names]
