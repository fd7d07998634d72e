"""The symbolic derivative of a trained network: as a tree it fits nowhere, as a graph it is what autograd computes."""

from dataclasses import dataclass

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.findings import Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_network import Activation, Linear, Network
from residua_numeric import Task, build, measure, train, weights_of
from residua_symbolic import Prediction, jacobian, predict
from residua_symbolic.domains.balls import BallDomain, precision
from residua_symbolic.domains.machine import MachineDomain
from residua_symbolic.expressions.calculus import gradient
from residua_symbolic.expressions.evaluation import evaluate
from residua_symbolic.expressions.networks import network_graph
from residua_symbolic.swell import shown, size_of_network
from residua_symbolic.swell_sizes import both_modes

POINTS, ROWS = 256, 5
INPUTS, WIDTH, HIDDEN = 2, 6, 3
BITS = 128


def small_network() -> Network:
    """Three hidden layers of six, tanh."""
    hidden = (Linear(WIDTH, WIDTH), Activation("tanh")) * (HIDDEN - 1)
    return Network((Linear(INPUTS, WIDTH), Activation("tanh"), *hidden, Linear(WIDTH, 1)))


@dataclass(frozen=True)
class TrainedSwell:
    """Train, derive, evaluate at inputs; against torch, within the rounding of either side."""

    title: str
    prose: tuple[str, ...]
    steps: By

    def run(self, settings: Settings) -> Finding:
        """Train and compare."""
        net = small_network()
        rng = np.random.default_rng(0)
        x = rng.uniform(-2.0, 2.0, size=(POINTS, INPUTS))
        task = Task("sin(x1) x2", x, np.sin(x[:, :1]) * x[:, 1:], "mean square error")
        model = build(net, seed=0)
        steps = self.steps.of(settings.profile)
        history = train(model, task, steps=steps, rate=1e-2, batch=32, seed=0, progress=False)
        weights, points = weights_of(model), rng.uniform(-2.0, 2.0, size=(ROWS, INPUTS))
        floats, exact, radius = slopes(net, weights, points)
        rounding = predict(jacobian(net), weights, points)
        scope: dict[str, str | int] = {"inputs": ROWS, "training steps": steps, "bits of the enclosure": BITS}
        prediction = Prediction("jacobian", exact, rounding.error + radius, {**rounding.scope, **scope})
        d = compare(prediction, measure(model, "jacobian", points))
        theirs = float(abs(d.measured - exact).max() + radius.max())
        ours = float(abs(floats - exact).max() + radius.max())
        tables = (self._sizes(net), self._errors(ours, theirs, rounding.error, history.losses))
        verdict = as_text(d, "The graph's derivative of the trained network is torch's", "agree")
        return Finding(Section(self.title, self.prose, tables=tables, verdicts=(verdict,)), (d,))

    def _sizes(self, net: Network) -> Table:
        size, unfolded = size_of_network(net, "x1"), size_of_network(net, "x1", "graph")
        described = network_graph(net)
        y = described.outputs.ravel()[0]
        forward, reverse = both_modes(y, described.inputs.ravel()[0])
        rows = (
            ("tree of what SymPy writes, nodes", shown(size.tree_nodes)),
            ("its operations", shown(size.operations)),
            ("its characters", shown(size.characters)),
            ("different subexpressions in it", shown(size.graph_nodes)),
            ("residua's derivative unfolded, nodes", shown(unfolded.tree_nodes)),
            ("residua's derivative as a graph, nodes", shown(unfolded.graph_nodes)),
            ("operations of value and derivative, forward mode", forward),
            ("the same, reverse mode", reverse),
        )
        caption = f"Derivative by one input; {INPUTS} inputs, {HIDDEN} hidden layers of {WIDTH}, one output."
        return Table("One derivative, as tree and as graph", ("what", "count"), rows, caption)

    def _errors(self, ours: float, theirs: float, bar: np.ndarray, losses: object) -> Table:
        caption = (
            f"Largest over {ROWS} inputs and both derivatives; distances from the exact value, certified by {BITS}-bit "
            "balls. The bar is what the verdict allows for."
        )
        rows = (
            ("residua's graph in float64", ours),
            ("torch's autograd", theirs),
            ("estimated bar, largest", float(bar.max())),
        )
        return Table("Distance from the exact derivative", ("side", "at most"), rows, caption)


def slopes(net: Network, weights: dict[str, np.ndarray], points: np.ndarray) -> tuple[np.ndarray, ...]:
    """The graph's derivative at every point: in float64, middle and radius of its enclosure; (rows, 1, inputs)."""
    described = network_graph(net)
    y, inputs = described.outputs.ravel()[0], list(described.inputs.ravel())
    derivatives = gradient(y, inputs)
    floats, middles, radii = [], [], []
    with precision(BITS):
        balls = BallDomain()
        for point in points:
            values = described.values(weights, point)
            floats.append(evaluate(derivatives, values, MachineDomain()))
            enclosed = evaluate(derivatives, {k: balls.number(v) for k, v in values.items()}, balls)
            middles.append([float(b.mid()) for b in enclosed])
            radii.append([float(b.rad()) + abs(float(b.mid())) * 2.0**-53 for b in enclosed])
    return tuple(np.array(found)[:, None, :] for found in (floats, middles, radii))
