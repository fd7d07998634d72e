"""The gradient of a trained network by every route: they agree, and a planted mistake in any of them is seen."""

from typing import Any

import numpy as np
import pytest

from residua_bridge.experiments import derivative_routes as routes
from residua_bridge.experiments.difference.network import NET, ROWS, Trained
from residua_bridge.study import Finding, Settings
from residua_numeric.autodiff import parameter_gradient


def found() -> Finding:
    return routes.DerivativeRoutes("Routes", ()).run(Settings())


def test_symbolic_and_automatic_agree_in_both_precisions() -> None:
    finding = found()
    assert [str(d.verdict) for d in finding.discrepancies] == ["agree", "agree"]
    rows = [(str(row[0]), str(row[1]), float(row[3])) for row in finding.section.tables[0].rows]
    assert next(d for dtype, route, d in rows if (dtype, route) == ("float64", "reverse mode")) < 1e-12
    for dtype in routes.DTYPES:
        quotients = [d for kind, route, d in rows if (kind, route) == (dtype, "central quotients")]
        assert len(quotients) == 3
        assert min(quotients) < min(quotients[0], quotients[-1])  # a V: neither end is the best


@pytest.mark.parametrize("name", ["0.weight", "2.bias"])
def test_a_wrong_gradient_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*arguments: Any) -> Any:
        gradient = parameter_gradient(*arguments)
        return {**gradient, name: 1.2 * gradient[name]}

    monkeypatch.setattr(routes, "parameter_gradient", wrong)
    assert [str(d.verdict) for d in found().discrepancies] == ["differ", "differ"]


def test_a_wrong_symbolic_side_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = Trained.make()
    symbolic = routes.SymbolicGradient.of(trained)
    wrong = routes.SymbolicGradient(symbolic.loss, tuple(2 * node for node in symbolic.nodes), symbolic.network)
    monkeypatch.setattr(routes.SymbolicGradient, "of", classmethod(lambda cls, trained: wrong))
    assert [str(d.verdict) for d in found().discrepancies] == ["differ", "differ"]


def test_the_costs_are_those_of_the_gradient() -> None:
    trained = Trained.make()
    table = routes.costs(trained, routes.SymbolicGradient.of(trained))
    rows = {str(row[0]): float(row[1]) for row in table.rows}
    parameters = sum(int(np.prod(shape)) for shape, _ in NET.parameters.values())
    assert rows["evaluations that central quotients take"] == 2 * parameters
    hidden = 2 * ROWS * 6 * 8  # the values of both tanh layers, float64
    assert rows["bytes that autograd keeps for the way back, beside weights and data"] >= hidden
