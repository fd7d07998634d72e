"""What is said of stacks of layers, before any training: linear ones are a line, dropout commutes with ReLU."""

import itertools
from dataclasses import dataclass
from math import pi

import numpy as np
import torch

from residua_bridge.compare import compare
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Section, Table
from residua_bridge.rendering import as_text, together
from residua_bridge.study import Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_network import Activation, Dropout, Linear, Network
from residua_numeric import Measurement, build, weights_of
from residua_numeric.state import global_seed
from residua_symbolic import Prediction, jacobian
from residua_symbolic.expressions.given import given
from residua_symbolic.series.approximation.piecewise_linear import best_fit
from residua_symbolic.series.approximation.relu_laws import dropout_order, linear_stack, parabola

LAYERS, WIDTH, SEEDS = 6, 16, 5
ORDERS, STACKS, SQUARES = (
    "One mask, two orders",
    "A stack, and the power of one matrix",
    "The square by N pieces",
)  # tables
COUNTS = (1, 2, 3, 5, 8, 13)
UNIT = float(np.finfo(np.float64).eps)
NODES = 20


@dataclass(frozen=True)
class Structure:
    """Derived, and held against torch."""

    title: str
    prose: tuple[str, ...]

    def run(self, settings: Settings) -> Finding:
        """Compare."""
        lines = [_stack(seed) for seed in range(SEEDS)]
        order, table = _orders()
        powers, squares = _parabolas()
        texts = (
            together(lines, f"{LAYERS} linear layers are a line whose slope is the product of their matrices", "agree"),
            as_text(order, "Linear → Dropout → ReLU and Linear → ReLU → Dropout, with the same mask", "agree"),
            as_text(powers, "$x^2$ by N linear pieces: $4/(45 N^4)$, not 0", "agree"),
        )
        derivations = tuple(proved(make()) for make in (linear_stack, dropout_order, parabola))
        section = Section(
            self.title, self.prose, derivations=derivations, tables=(_stacks(), table, squares), verdicts=texts
        )
        return Finding(section, (*lines, order, powers))


def linear_network() -> Network:
    """Six Linear layers with nothing in between."""
    sizes = (1, *[WIDTH] * (LAYERS - 1), 1)
    return Network(tuple(Linear(a, b) for a, b in itertools.pairwise(sizes)))


def _stack(seed: int) -> Discrepancy:
    """Its Jacobian: the same at every point."""
    net = linear_network()
    x = np.random.default_rng(seed).uniform(-pi, pi, size=(4, 1))
    return compare(jacobian(net), build(net, seed=seed), x)


def _stacks() -> Table:
    """What square layers without bias make of the unit vectors: their product, which no power of one of them is."""
    rows = []
    for count in range(2, LAYERS + 1):
        model = build(Network((Linear(WIDTH, WIDTH, bias=False),) * count), seed=0)
        matrices = list(weights_of(model).values())
        with torch.no_grad():
            whole = model(torch.eye(WIDTH, dtype=torch.float64)).numpy().T  # rows are inputs
        product = np.linalg.multi_dot(matrices[::-1])
        power = np.linalg.matrix_power(matrices[0], count)
        rows.append((count, *(float(abs(found).max()) for found in (whole, whole - product, whole - power))))
    columns = ("layers", "largest entry", "off the product", "off the power")
    caption = (
        f"Layers of {WIDTH} to {WIDTH} units without biases and activations, as torch initialises them: the matrix "
        "that the stack is, the product of its matrices, and the power of the first. In the stack of 002 the first and "
        "the last matrix have another shape, and no power exists."
    )
    return Table(STACKS, columns, tuple(rows), caption)


def _orders() -> tuple[Discrepancy, Table]:
    """The outputs of both orders in training mode, from one state of the random generator: equal to the last bit."""
    rows, values = [], []
    x = torch.tensor(np.random.default_rng(0).uniform(-pi, pi, size=(64, 1)))
    for rate in (0.1, 0.5, 0.9):
        outputs = []
        for middle in ((Dropout(rate), Activation("relu")), (Activation("relu"), Dropout(rate))):
            model = build(Network((Linear(1, WIDTH), *middle, Linear(WIDTH, 1))), seed=0).train()
            with global_seed(0), torch.no_grad():
                outputs.append(model(x)[:, 0].numpy())
        values.append(outputs)
        rows.append((rate, float(abs(outputs[0]).max()), float(abs(outputs[0] - outputs[1]).max())))
    quantity = "outputs with dropout before ReLU and after it"
    before, after = (np.array([pair[side] for pair in values]) for side in (0, 1))
    d = compare(
        Prediction(quantity, before, np.zeros_like(before), {"rates": "0.1, 0.5, 0.9", "batch": len(x)}),
        Measurement(quantity, after, "float64", None, {}),
    )
    columns = ("rate", "largest output", "largest difference")
    return d, Table(ORDERS, columns, tuple(rows), "torch, training mode, the same seed for the mask.")


def _parabolas() -> tuple[Discrepancy, Table]:
    """The law against fits that know nothing of it."""
    square = given("x^2")
    found = [[best_fit(square, "x", -1.0, 1.0, n).mean_square_distance(np.square)] for n in COUNTS]
    stated = np.array([[4 / (45 * n**4)] for n in COUNTS])
    roots = np.sqrt(stated)
    bars = 2 * roots * NODES * UNIT + NODES * UNIT * stated + (NODES * UNIT) ** 2  # of values, and of the sum
    quantity = "mean square error of the best fit to x^2 on [-1, 1]"
    d = compare(
        Prediction(quantity, stated, bars, {"pieces": ", ".join(map(str, COUNTS))}),
        Measurement(quantity, np.array(found), "float64", None, {}),
    )
    rows = tuple((n, float(law), error) for n, (law,), (error,) in zip(COUNTS, stated, found, strict=True))
    caption = "Mean square error on [−1, 1]. Found: the best knots and values, by descent."
    return d, Table(SQUARES, ("pieces N", "$4/(45 N^4)$", "found"), rows, caption)
