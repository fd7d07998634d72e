"""What working backwards saves, what it costs in flops, and what a constant slope loses in a second derivative."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from residua_bridge.compare import compare
from residua_bridge.experiments.grids import exactly
from residua_bridge.experiments.trained_small import NETWORK, moons, trained
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.trace_match import SIDES
from residua_network import Activation, Layer, Linear, Network
from residua_numeric import Measurement, build, weights_of
from residua_numeric.autodiff import input_hessian
from residua_numeric.cost import flops
from residua_symbolic import Prediction
from residua_symbolic.backpropagation import Pass, backward
from residua_symbolic.domains.machine import MachineDomain
from residua_symbolic.expressions.calculus import hessian
from residua_symbolic.expressions.evaluation import evaluate
from residua_symbolic.expressions.networks import network_graph
from residua_symbolic.path_counts import (
    backward_products,
    matrix_flops,
    paths,
    repeated_evaluations,
    repeated_products,
)
from residua_symbolic.trace_rounding import running_errors

Widths = tuple[int, ...]
LARGEST_WEIGHT = 3
BATCH = 5
ANEW, KEPT, RECURSION = "products anew", "products kept", "products of the δ-recursion"  # columns
PREDICTED, SINGLE = "all as predicted", "one unit in every layer before the last"


@dataclass(frozen=True)
class RepeatedWork:
    """∂C/∂z of the first layer in exact fractions: each anew where it is asked for, each kept, by the δ-recursion."""

    name: str
    title: str
    prose: tuple[str, ...]
    nets: tuple[Widths, ...]
    width: int
    depths: By

    def run(self, settings: Settings) -> Finding:
        """Carry all out on networks with random whole weights and squares as activations."""
        found = [Work.of(widths) for widths in settings.track(self.nets, self.title)]
        depths: Sequence[int] = self.depths.of(settings.profile)
        ladder = [Work.of((self.width,) * (depth + 1)) for depth in depths]
        every = [*found, *ladder]
        discrepancy = exactly(
            "evaluations, paths and multiplications",
            [value for work in every for value in work.predicted],
            [value for work in every for value in work.counted],
            nets=len(every),
        )
        same = sum(work.same for work in every)
        words = (
            f"All derivatives of the first layer are the same fractions in all three ways in {same} of {len(every)} "
            f"nets. At {depths[-1]} layers of {self.width} units {ladder[-1].anew} multiplications are done where each "
            f"derivative is formed anew, {ladder[-1].kept} where it is kept, and {ladder[-1].recursion} by the "
            "recursion from the last layer back. It is keeping them that saves, and the recursion keeps them by its "
            "order. Where every layer before the last has a single unit there is one way on, and nothing to save."
        )
        section = Section(
            self.title,
            (*self.prose, words),
            tables=(_work_table(found),),
            figures=(_work_figure(self.name, self.width, depths, ladder),),
            verdicts=(as_text(discrepancy, "Evaluations, paths and multiplications, in all three ways", "agree"),),
        )
        return Finding(section, (discrepancy,))


@dataclass
class _Counting:
    """∂C/∂z by the chain rule from one unit on, remembered or not, with its work counted."""

    weights: list[Any]
    found: Pass
    remember: bool
    evaluations: int = 0
    ends: int = 0
    products: int = 0
    known: dict[tuple[int, int], Fraction] = field(default_factory=dict)

    def error(self, layer: int, unit: int) -> Fraction:
        """∂C/∂z of a unit: φ'(z) Σ_k W'_k ∂C/∂z'_k; at the outputs φ'(z) ∂C/∂a."""
        if (layer, unit) in self.known:
            return self.known[layer, unit]
        self.evaluations += 1
        slope = 2 * self.found.pre[layer][unit]
        if layer == len(self.weights) - 1:
            self.ends += 1
            self.products += 1
            result = slope * _cost_slope(self.found.post[-1])[unit]
        else:
            following = self.weights[layer + 1]
            total = sum(following[k, unit] * self.error(layer + 1, k) for k in range(len(following)))
            self.products += len(following) + 1
            result = slope * total
        if self.remember:
            self.known[layer, unit] = result
        return Fraction(result)


def _cost_slope(outputs: Any) -> Any:
    """∂C/∂a of C = Σ a² / 2."""
    return outputs


class _First(Fraction):
    """A weight of the first layer, which the errors z of that layer do not need."""


class _Error:
    """A number of the δ-recursion: counts the products from which errors arise, in `products`, which all share.

    `backward` forms errors as slope · error and weight · error, in this order, and gradients as error · input; the
    products of weights of the first layer with errors are ∂C/∂x. Neither of the last two is counted.
    """

    def __init__(self, value: Fraction, products: list[int]) -> None:
        self.value, self._products = value, products

    def __add__(self, other: "_Error") -> "_Error":
        return _Error(self.value + other.value, self._products)

    def __mul__(self, other: Fraction) -> "_Error":
        return _Error(self.value * other, self._products)

    def __rmul__(self, other: Fraction) -> "_Error":
        self._products[0] += not isinstance(other, _First)
        return _Error(other * self.value, self._products)


def _recursion(weights: Sequence[Any], biases: Sequence[Any], x: Any) -> tuple[list[Fraction], int]:
    """The errors of the first layer by `backward`, and how many products its recursion took."""
    products = [0]
    marked = [np.vectorize(_First, otypes=[object])(weights[0]), *weights[1:]]

    def cost_slope(outputs: Any) -> Any:
        return np.array([_Error(value, products) for value in _cost_slope(outputs)], dtype=object)

    found = backward(marked, biases, x, cost_slope)
    return [error.value for error in found.deltas[0]], products[0]


@dataclass(frozen=True)
class Work:
    """For all units of the first layer, as predicted and as counted.

    Evaluations, paths and products where each derivative is formed anew; evaluations and products where it is kept;
    products of the δ-recursion. `same`: all three ways give the same fractions.
    """

    widths: Widths
    predicted: tuple[int, ...]
    counted: tuple[int, ...]
    same: bool

    @property
    def anew(self) -> int:
        """Products counted where each derivative is formed anew."""
        return self.counted[2]

    @property
    def kept(self) -> int:
        """Products counted where each is kept."""
        return self.counted[4]

    @property
    def recursion(self) -> int:
        """Products of the δ-recursion, counted."""
        return self.counted[5]

    @classmethod
    def of(cls, widths: Widths) -> "Work":
        """A network with random whole weights."""
        rng = np.random.default_rng(len(widths))
        pairs = list(zip(widths[1:], widths[:-1], strict=True))
        weights = [_fractions(rng, pair) for pair in pairs]
        biases = [_fractions(rng, pair[:1]) for pair in pairs]
        x = _fractions(rng, widths[:1])
        found = backward(weights, biases, x, _cost_slope)
        again, once = _Counting(weights, found, remember=False), _Counting(weights, found, remember=True)
        errors = [[counting.error(0, unit) for unit in range(widths[1])] for counting in (again, once)]
        back, products = _recursion(weights, biases, x)
        units, each_once = widths[1], int(backward_products().at(widths))
        predicted = (
            *(units * int(count().at(widths)) for count in (repeated_evaluations, paths, repeated_products)),
            sum(widths[1:]),
            each_once,
            each_once,
        )
        counted = (again.evaluations, again.ends, again.products, once.evaluations, once.products, products)
        return cls(widths, predicted, counted, errors[0] == errors[1] == back == found.deltas[0].tolist())


def _fractions(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    whole = rng.integers(-LARGEST_WEIGHT, LARGEST_WEIGHT + 1, size=shape)
    return np.vectorize(Fraction, otypes=[object])(whole)


def _work_table(found: Sequence[Work]) -> Table:
    columns = (
        *("widths", "anew: evaluations", "paths", ANEW, "kept: evaluations", KEPT, RECURSION, PREDICTED),
        SINGLE,
    )
    rows: list[tuple[Cell, ...]] = [
        (
            _widths(work.widths),
            *work.counted,
            "yes" if work.predicted == work.counted else "no",
            "yes" if all(width == 1 for width in work.widths[1:-1]) else "no",
        )
        for work in found
    ]
    caption = (
        "For ∂C/∂z of all units of the first layer, counted while exact fractions are computed. Anew: from the first "
        "layer on, each derivative wherever the chain rule asks for it. Kept: the same, but what is known is not "
        "formed again. δ-recursion: from the last layer back. Predicted by the closed forms above."
    )
    return Table("Work in three ways", columns, tuple(rows), caption)


def _work_figure(name: str, width: int, depths: Sequence[int], ladder: Sequence[Work]) -> Figure:
    x = tuple(map(float, depths))
    curves = [
        Curve(label, source, x, tuple(float(getattr(work, side)[place]) for work in ladder))  # type: ignore[arg-type]
        for label, place in (("anew", 2), ("δ-recursion", 5))
        for source, side in (("predicted", "predicted"), ("measured", "counted"))
    ]
    title = f"Multiplications for the errors of the first layer, width {width}"
    caption = "Anew: each derivative wherever the chain rule asks for it. Kept, each is predicted as by the recursion."
    return Figure(name, title, "layers", "multiplications", tuple(curves), yscale="log", caption=caption)


def _widths(widths: Widths) -> str:
    return "-".join(map(str, widths))


@dataclass(frozen=True)
class MatrixFlops:
    """Flops of the matrix products of backward over forward, against torch's own counter."""

    title: str
    prose: tuple[str, ...]
    nets: tuple[Widths, ...]

    def run(self, settings: Settings) -> Finding:
        """Count each network's."""
        rows: list[tuple[Cell, ...]] = []
        predicted, measured = [], []
        for widths in settings.track(self.nets, self.title):
            ratio = matrix_flops().at(widths)
            forward = 2 * BATCH * sum(a * b for a, b in pairwise(widths))
            counted = _torch_flops(widths)
            predicted += [forward, int(ratio * forward)]
            measured += list(counted)
            rows.append(
                (_widths(widths), forward, counted[0], int(ratio * forward), counted[1], str(ratio), float(ratio))
            )
        discrepancy = exactly("flops of matrix products", predicted, measured, batch=BATCH)
        columns = ("widths", "forward, predicted", "torch", "backward, predicted", "torch", "ratio", "≈")
        caption = f"tanh networks, batch {BATCH}. Ratio: $2 - n_0 n_1 / \\sum n_{{l-1}} n_l$."
        section = Section(
            self.title,
            self.prose,
            tables=(Table("Backward over forward", columns, tuple(rows), caption),),
            verdicts=(as_text(discrepancy, "Flops forward and backward, every network", "agree"),),
        )
        return Finding(section, (discrepancy,))


def _torch_flops(widths: Widths) -> tuple[int, int]:
    layers: list[Layer] = []
    for before, after in pairwise(widths):
        layers += [Linear(before, after), Activation("tanh")]
    model = build(Network(tuple(layers)), seed=0)
    x = torch.ones(BATCH, widths[0], dtype=torch.float64)
    found = flops(lambda: model(x), tuple(model.parameters()))
    return found.forward, found.backward


@dataclass(frozen=True)
class ConstantSlopes:
    """Second derivatives of the trained network by its inputs: double backward in torch, and the graph's."""

    title: str
    prose: tuple[str, ...]

    def run(self, settings: Settings) -> Finding:
        """Predict with σ' as the function it is, and as a constant; measure once."""
        model, _ = trained()
        x = moons().x[:1]
        values, error = _hessians(weights_of(model), x[0])
        scope = {"inputs": x.shape[1], "outputs": NETWORK.outputs, "dtype": "float64"}
        scale = float(abs(values).max())
        exact = Prediction("second derivatives by the inputs", values, SIDES * error, scope, scale)
        constant = Prediction(exact.quantity, np.zeros_like(values), np.zeros_like(values), scope, scale)
        there = input_hessian(model, x)
        measured = Measurement(exact.quantity, there.values, "float64", None, {})
        true, wrong = compare(exact, measured), compare(constant, measured, exact=exact)
        places = [(k, i, j) for k in range(NETWORK.outputs) for i in range(2) for j in range(2) if i <= j]
        rows = tuple(
            (
                f"$\\partial^2 a_{k + 1} / \\partial x_{i + 1} \\partial x_{j + 1}$",
                float(values[0, k, i, j]),
                0.0,
                float(there.values[0, k, i, j]),
            )
            for k, i, j in places
        )
        words = (
            f"With constant slopes every output is a linear function of the inputs, and all second derivatives are 0; "
            f"the true ones reach {scale:.3g}. torch takes {there.passes} passes back for them: the graph of the first "
            "derivative holds σ′(z) as a function of z."
        )
        columns = ("derivative", "σ′ a function", "σ′ a constant", "torch, double backward")
        section = Section(
            self.title,
            (*self.prose, words),
            tables=(Table("Second derivatives", columns, rows, "The trained 2-3-2 network at one training point."),),
            verdicts=(
                as_text(true, "Second derivatives from the graph and by double backward", "agree"),
                as_text(wrong, "Second derivatives with σ′(z) held constant", "differ"),
            ),
        )
        return Finding(section, (true, wrong))


def _hessians(weights: dict[str, Any], x: Any) -> tuple[Any, Any]:
    """∂²a_k/∂x_i∂x_j, (1, outputs, inputs, inputs), and bounds of what rounding does to them on one side."""
    described = network_graph(NETWORK)
    inputs = described.inputs[0].tolist()
    nodes = [entry for y in described.outputs.ravel() for row in hessian(y, inputs) for entry in row]
    point = described.values(weights, x[None])
    shape = (1, NETWORK.outputs, len(inputs), len(inputs))
    values = np.array(evaluate(nodes, point, MachineDomain())).reshape(shape)
    return values, np.array(running_errors(nodes, point)).reshape(shape)
