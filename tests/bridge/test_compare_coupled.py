"""Comparisons where batch statistics couple the rows, and where stored ones take their place."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from residua_bridge.compare import compare
from residua_bridge.random_networks import perturbed
from residua_bridge.verdict import Discrepancy, Verdict
from residua_network import Activation, BatchNorm, LayerNorm, Linear, Network, ResiduaError, Residual, ShapeError
from residua_numeric import build, collect_statistics, describe, measure, weights_of
from residua_numeric.state import on_threads
from residua_symbolic import jacobian, predict
from residua_symbolic.layer import CONSTANT_STATISTICS

NET = Network(
    (
        Linear(4, 5),
        BatchNorm(5, eps=1e-2),
        Activation("gelu"),
        Residual((LayerNorm(5), BatchNorm(5), Activation("tanh"), Linear(5, 5)), scale=0.5),
        BatchNorm(5, statistics="running"),
        Linear(5, 3),
    )
)
X = np.random.default_rng(0).normal(size=(6, 4))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with on_threads(1):
        yield


def agrees(d: Discrepancy) -> bool:
    return (d.verdict, d.explained, d.suspects) == (Verdict.AGREE, True, ())


def user_model(training: bool) -> nn.Sequential:
    """A model of torch's own modules, with stored statistics of its own."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 3)).double()
    model(torch.tensor(3.0 * X + 1.0))
    return model.train(training)


@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_a_right_model_agrees_on_either_statistics(statistics: str) -> None:
    net = NET.with_statistics(statistics)
    d = compare(jacobian(net), perturbed(NET, 1), X)
    assert agrees(d), str(d)
    assert d.scope["statistics"] == statistics
    assert d.predicted.shape == d.measured.shape == ((6, 3, 6, 4) if statistics == "batch" else (6, 3, 4))


@pytest.mark.parametrize("start", range(6))
def test_every_part_agrees(start: int) -> None:
    for stop in range(start, 6):
        d = compare(jacobian(NET, start, stop), perturbed(NET, 1), X)
        assert agrees(d), (stop, str(d))
        assert d.predicted.ndim == (4 if start <= 1 <= stop or start <= 3 <= stop else 3)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_of_a_model_decides_nothing_and_is_kept(training: bool) -> None:
    model = perturbed(NET, 1).train(training)
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    for statistics in ("batch", "running"):
        assert agrees(compare(jacobian(NET.with_statistics(statistics)), model, X))
    assert all(module.training is training for module in model.modules())
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())


@pytest.mark.parametrize("training", [True, False])
def test_a_model_of_torchs_own_modules_is_described_as_it_stands(training: bool) -> None:
    model = user_model(training)
    net = describe(model)
    assert net.couples_rows is training
    assert agrees(compare(jacobian(net), model, X))
    other = net.with_statistics("running" if training else "batch")
    assert agrees(compare(jacobian(other), model, X))
    assert model.training is training


def test_the_two_statistics_are_told_apart() -> None:
    """The Jacobian with stored statistics is not that of a row among the batch."""
    model = perturbed(NET, 1)
    measured = measure(model, "jacobian", X)
    stored = predict(jacobian(NET.with_statistics("running")), weights_of(model), X)
    own = np.stack([measured.values[b, :, b, :] for b in range(6)])
    assert np.abs(own - stored.values).max() > 1e-3


def test_constant_statistics_differ_and_the_dropped_term_explains_it() -> None:
    d = compare(jacobian(NET, assume=CONSTANT_STATISTICS), perturbed(NET, 1), X)
    assert (d.verdict, d.explained, d.suspects) == (Verdict.DIFFER, True, ())
    assert d.causes["approximation"] > 1e3 * d.unexplained.bar
    assert {row.layer for row in d.rows if row.cause == "approximation"} == {"1", "3.branch.0", "3.branch.1"}


def test_stored_statistics_are_constants_so_that_nothing_is_dropped() -> None:
    net = Network((Linear(4, 5), BatchNorm(5, statistics="running"), Linear(5, 3)))
    d = compare(jacobian(net, assume=CONSTANT_STATISTICS), perturbed(net, 1), X)
    assert agrees(d)
    assert d.causes["approximation"] == 0.0


def test_two_rows_without_epsilon_let_no_gradient_pass() -> None:
    net = Network((Linear(4, 5, bias=False), BatchNorm(5, eps=0.0)))
    d = compare(jacobian(net), perturbed(net, 1), X[:2])
    assert agrees(d)
    assert "zero within rounding" in d.reason
    kept = jacobian(net, assume=CONSTANT_STATISTICS).evaluate(weights_of(perturbed(net, 1)), X[:2])
    assert np.abs(d.measured).max() <= 1e-12 * np.abs(kept).max()


def test_balls_certify_the_rounding_of_the_formula() -> None:
    model = perturbed(NET, 1)
    d = compare(jacobian(NET), model, X, bits=128)
    assert agrees(d)
    assert 0 < d.causes["rounding of the formula, certified"] < d.causes["rounding"]
    exact = jacobian(NET).enclose(weights_of(model), X)
    assert (exact.distance(d.measured) <= np.linalg.norm(d.unexplained.bar)).all()


def test_too_few_bits_leave_the_question_open() -> None:
    d = compare(jacobian(NET), perturbed(NET, 1), X, bits=24)
    assert d.verdict is Verdict.INCONCLUSIVE
    assert d.reason.startswith("24 bits leave")


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: compare(jacobian(NET), perturbed(NET, 1), X[:1]), "expected at least 2 rows"),
        (lambda: jacobian(NET).evaluate(weights_of(perturbed(NET, 1)), X[:1]), "expects at least 2 rows"),
        (lambda: compare(jacobian(NET.with_statistics("running")), build(NET), X), "never computed"),
        (lambda: compare(jacobian(NET), perturbed(NET, 1), X, bits=0), "bits"),
    ],
)
def test_bad_input_is_met_by_one_line(ask: Any, words: str) -> None:
    with pytest.raises(ResiduaError, match=words) as error:
        ask()
    assert "\n" not in str(error.value)


def test_a_batch_without_variance_is_refused_by_name() -> None:
    net = Network((BatchNorm(4, eps=0.0),))
    with pytest.raises(ShapeError, match=r"'0' expects every feature to have a variance"):
        jacobian(net).evaluate(weights_of(build(net)), np.ones((3, 4)))


def test_statistics_collected_serve_where_none_were_computed() -> None:
    model = build(NET, seed=3)
    collect_statistics(model, X)
    assert agrees(compare(jacobian(NET.with_statistics("running")), model, X))


class Leaking(nn.Module):
    """The output of gelu; its gradient reaches the other rows."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        others = x.sum(dim=0, keepdim=True) - x
        return nn.functional.gelu(x) + (others - others.detach())


class OfTheBatch(nn.BatchNorm1d):
    """Statistics of the batch where stored ones were meant; takes no batch of one."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.batch_norm(x, None, None, training=True)


@pytest.mark.parametrize("place", ["1", "2.branch.0"])
def test_rows_that_meet_unasked_are_found_at_their_layer(place: str) -> None:
    net = Network((Linear(4, 5), Activation("gelu"), Residual((Activation("gelu"), Linear(5, 5))), Linear(5, 3)))
    model = build(net)
    parent = model[2].branch if "branch" in place else model
    parent[int(place[-1])] = Leaking()  # type: ignore[operator,assignment]
    d = compare(jacobian(net), model, X, weights=weights_of(build(net)))
    assert (d.verdict, d.explained, d.suspects) == (Verdict.DIFFER, False, (place,))
    assert {row.fault for row in d.rows} == {"", "coupling of rows"}


def test_a_module_that_takes_no_batch_of_one_is_judged_all_the_same() -> None:
    net = Network((Linear(4, 5), BatchNorm(5, affine=False, statistics="running"), Linear(5, 3)))
    model = build(net)
    weights = weights_of(model)
    model[1] = OfTheBatch(5, affine=False).double().eval()
    d = compare(jacobian(net), model, X, weights=weights)
    assert (d.verdict, d.suspects) == (Verdict.DIFFER, ("1",))


@pytest.mark.parametrize(("dtype", "size"), [("float32", 1e20), ("float64", 1e155), ("float64", 1e300)])
@pytest.mark.parametrize("norm", [BatchNorm, LayerNorm])
def test_what_overflows_on_the_way_blames_nobody(norm: Any, dtype: str, size: float) -> None:
    net = Network((Linear(4, 5), norm(5), Linear(5, 3)))
    d = compare(jacobian(net), build(net, dtype=dtype), size * X)
    assert d.verdict is Verdict.INCONCLUSIVE
    assert not d.suspects
    assert "overflow" in d.reason
