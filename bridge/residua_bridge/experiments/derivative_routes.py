"""The loss gradient of a trained network by every route: symbolic, automatic, numerical; in two precisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.difference.network import NET, ROWS, Floats, Trained
from residua_bridge.findings import Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_numeric import Measurement
from residua_numeric.autodiff import parameter_gradient
from residua_numeric.autograd_graph import graph_nodes
from residua_numeric.cost import saved_bytes
from residua_numeric.differencing import measured_differences
from residua_numeric.lines import loss_line
from residua_numeric.objective import objective
from residua_symbolic import Prediction
from residua_symbolic.domains import balls
from residua_symbolic.expressions.calculus import gradient
from residua_symbolic.expressions.evaluation import evaluate
from residua_symbolic.expressions.graph import Node, below
from residua_symbolic.expressions.networks import network_graph
from residua_symbolic.trace_rounding import running_errors

DTYPES = ("float64", "float32")
STEPS = {"float64": (2.0**-10, 2.0**-18, 2.0**-27), "float32": (2.0**-6, 2.0**-10, 2.0**-18)}
QUANTITY = "loss gradient"
RESOLUTION = 0.05  # a bound, not an estimate: in float32 it is a percent, and still tells a term that is missing


@dataclass(frozen=True)
class DerivativeRoutes:
    """Every entry of the gradient: the symbolic derivative in balls, autograd's, central quotients."""

    title: str
    prose: tuple[str, ...]

    def run(self, settings: Settings) -> Finding:
        """Derive once, evaluate and measure in both precisions."""
        trained = Trained.make()
        symbolic = SymbolicGradient.of(trained)
        rows: list[tuple[Any, ...]] = []
        found = []
        for dtype in settings.track(DTYPES, self.title):
            exact, error = symbolic.at(trained, dtype)
            scope: dict[str, str | int] = {"network": "1-6-6-1, tanh", "rows": ROWS, "parameters": len(exact)}
            measured = flat(parameter_gradient(trained.model, trained.task, dtype))
            prediction = Prediction(QUANTITY, exact[None], error[None], scope, resolution=RESOLUTION)
            found.append(compare(prediction, Measurement(QUANTITY, measured[None], dtype, None, {})))
            rows.append((dtype, "reverse mode", "–", distance(measured, exact)))
            for step in STEPS[dtype]:
                quotients = flat(central(trained, dtype, step))
                rows.append((dtype, "central quotients", f"$2^{{{round(np.log2(step))}}}$", distance(quotients, exact)))
        caption = (
            f"Distance of the gradient by all {len(symbolic.nodes)} parameters from the exact one, over the latter's "
            "norm; exact: the symbolic derivative in ball arithmetic, at weights and data as that precision has them."
        )
        columns = ("dtype", "route", "step", "relative distance")
        tables = (Table("The gradient by every route", columns, tuple(rows), caption), costs(trained, symbolic))
        verdicts = tuple(
            as_text(d, f"The symbolic gradient of the trained network is autograd's, {dtype}", "agree")
            for d, dtype in zip(found, DTYPES, strict=True)
        )
        return Finding(Section(self.title, self.prose, tables=tables, verdicts=verdicts), tuple(found))


@dataclass(frozen=True, eq=False)
class SymbolicGradient:
    """The loss as an expression graph over every parameter and data point, and its derivatives by all parameters."""

    loss: Node
    nodes: tuple[Node, ...]
    network: Any

    @classmethod
    def of(cls, trained: Trained) -> "SymbolicGradient":
        """Mean square error over the rows; targets are variables y1, y2, ...."""
        network = network_graph(NET, ROWS)
        loss = network.graph.zero
        for k, output in enumerate(network.outputs[:, 0]):
            residual = output - network.graph.variable(f"y{k + 1}")
            loss = loss + residual * residual
        loss = loss / ROWS
        parameters = [node for nodes in network.parameters.values() for node in nodes.flat]
        return cls(loss, gradient(loss, parameters), network)

    def at(self, trained: Trained, dtype: str) -> tuple[Floats, Floats]:
        """Values, and what rounding in `dtype` may do to them by running error analysis; (parameters,) both."""
        weights, x, y = trained.rounded(dtype)
        point = self.network.values(weights, x) | {f"y{k + 1}": target for k, target in enumerate(y[:, 0].tolist())}
        with balls.precision():
            domain = balls.BallDomain()
            exact = evaluate(self.nodes, {name: domain.number(value) for name, value in point.items()}, domain)
            values = np.array([float(ball.mid()) for ball in exact])
            radii = np.array([float(ball.rad()) for ball in exact])
        return values, radii + running_errors(self.nodes, point, dtype, dict.fromkeys(point, 0.0))


def flat(gradient: Mapping[str, Floats]) -> Floats:
    """All entries, in the order of the description."""
    return np.concatenate([gradient[name].ravel() for name in NET.parameters])


def central(trained: Trained, dtype: str, step: float) -> dict[str, Floats]:
    """Central quotients of the loss, entry by entry."""
    found = {}
    for name, (shape, _) in NET.parameters.items():
        found[name] = np.empty(shape)
        for index in np.ndindex(shape):
            line = loss_line(trained.model, trained.task, entry=(name, index), dtype=dtype)
            found[name][index] = measured_differences(line, (step,)).central[0]
    return found


def distance(values: Floats, exact: Floats) -> float:
    """‖values − exact‖ / ‖exact‖."""
    return float(np.linalg.norm(values - exact) / np.linalg.norm(exact))


def costs(trained: Trained, symbolic: SymbolicGradient) -> Table:
    """Sizes on both sides."""
    of = objective(trained.model, trained.task)
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in of.parameters.items()}
    held = [*leaves.values(), of.x, of.y]
    kept = saved_bytes(lambda: of(leaves), held)
    value = sum(bool(node.arguments) for node in below([symbolic.loss]))
    both = sum(bool(node.arguments) for node in below([symbolic.loss, *symbolic.nodes]))
    rows = (
        ("scalar operations of the loss, as a graph", value),
        ("scalar operations of loss and gradient, as a graph", both),
        ("the same, over those of the loss", both / value),
        ("nodes of autograd's graph, on whole matrices", graph_nodes(of(leaves))),
        ("bytes that autograd keeps for the way back, beside weights and data", kept),
        ("evaluations that central quotients take", 2 * len(symbolic.nodes)),
    )
    caption = f"{ROWS} rows, {len(symbolic.nodes)} parameters, float64."
    return Table("What the gradient takes", ("what", "count"), rows, caption)
