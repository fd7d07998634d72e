from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from residua_network import (
    Activation,
    BatchNorm,
    DescriptionError,
    Dropout,
    LayerNorm,
    Linear,
    Network,
    ResiduaError,
    Residual,
    RMSNorm,
    ShapeError,
)
from residua_numeric import Task, TaskError, build, describe, train, weights_of
from residua_numeric.ensemble import Ensemble, train_many
from residua_numeric.state import global_seed

SINE = Task.regression(np.sin, -3, 3, points=256)
NOISY = Network((Linear(1, 8), Dropout(0.2), Residual((LayerNorm(8), Activation("tanh"), Dropout(0.5))), Linear(8, 1)))
NORMED = Network(
    (Linear(1, 6), BatchNorm(6), Activation("tanh"), Linear(6, 6), BatchNorm(6, eps=0.0, affine=False), Linear(6, 1))
)
SEEDS = (3, 0, 7)
STEPS = 12
# A rounding error of an update grows with every step after it. Adam's first steps divide a gradient by its own size, so
# that the relative error of the smallest gradient counts in full: 1e4 roundings of entries of order 1 have room.
ROUNDINGS = 1e4


def close(a: nn.Module, b: nn.Module, dtype: str) -> bool:
    first, second = weights_of(a), weights_of(b)
    bound = ROUNDINGS * float(np.finfo(dtype).eps)
    return set(first) == set(second) and all(abs(first[name] - second[name]).max() <= bound for name in first)


def trained(net: Network, seeds: Any = SEEDS, **arguments: Any) -> Ensemble:
    return train_many(net, SINE, seeds, **{"steps": STEPS, "batch": 100, "dtype": "float64", **arguments})


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("net", "optimiser", "rate"),
    [
        (NOISY, "adam", 1e-3),
        (NOISY, "momentum", 0.02),
        (NORMED, "sgd", 0.05),  # Adam would divide the rounding noise of biases that cancel by itself
        (NORMED.with_statistics("running"), "adam", 1e-3),
        (Network((Linear(1, 4), RMSNorm(4), Activation("gelu"), Linear(4, 1, bias=False))), "adam", 1e-2),
    ],
)
def test_each_network_is_what_train_makes_of_it(net: Network, optimiser: str, rate: float, dtype: str) -> None:
    """Initial weights, minibatches, dropout's masks, optimiser, stored statistics: another program, all of it."""
    many = trained(net, optimiser=optimiser, rate=rate, dtype=dtype)
    assert many.losses.shape == (STEPS, len(SEEDS))
    assert many.stopped_at == (STEPS,) * 3
    assert many.stopped == ("",) * 3
    for s, seed in enumerate(SEEDS):
        model = build(net, seed, dtype)
        assert not close(model, many.models[s], dtype)
        run = train(model, SINE, STEPS, optimiser, rate, batch=100, seed=seed)
        assert close(model, many.models[s], dtype)
        assert abs(np.array(run.losses) - many.losses[:, s]).max() <= ROUNDINGS * np.finfo(dtype).eps
        assert describe(many.models[s]) == net


def test_classes_are_learnt_too() -> None:
    task = Task.digits()
    net = Network((Linear(64, 16), Activation("relu"), Linear(16, 10)))
    many = train_many(net, task, (0, 1), 20, batch=50, dtype="float64")
    for s in (0, 1):
        model = build(net, s)
        train(model, task, 20, batch=50, seed=s)
        assert close(model, many.models[s], "float64")


@pytest.mark.parametrize("net", [NOISY, NORMED])
def test_a_network_does_not_depend_on_its_neighbours(net: Network) -> None:
    many = trained(net, optimiser="sgd", rate=0.02)
    alone, others = trained(net, (7,), optimiser="sgd", rate=0.02), trained(net, (9, 7), optimiser="sgd", rate=0.02)
    for one in (alone.models[0], others.models[1]):
        assert close(many.models[2], one, "float64")
        assert not close(many.models[1], one, "float64")


def test_equal_arguments_give_equal_bits() -> None:
    first, second = trained(NOISY), trained(NOISY)
    assert np.array_equal(first.losses, second.losses)
    x = SINE.x[:5]
    assert np.array_equal(first.outputs(x), second.outputs(x))
    assert np.array_equal(first.noisy_outputs(x, 3, seed=4), second.noisy_outputs(x, 3, seed=4))
    assert not np.array_equal(first.noisy_outputs(x, 3, seed=4), second.noisy_outputs(x, 3, seed=5))


SMALL = Network((Linear(1, 16), Activation("tanh"), Linear(16, 1)))


def test_a_network_below_the_mark_stays_where_it_was() -> None:
    mark = 0.12
    many = trained(SMALL, range(4), steps=60, rate=0.03, stop_below=mark)
    assert many.reached[0]
    assert len(set(many.stopped_at)) > 1  # they do not all stop together
    for s in range(4):
        k, losses = many.stopped_at[s], many.losses[:, s]
        assert many.reached[s] == (many.stopped[s] == f"loss is below {mark:g} at step {k}")
        if many.reached[s]:
            assert losses[k] < mark
            assert (losses[:k] >= mark).all()
            assert np.isnan(losses[k + 1 :]).all()
        model = build(SMALL, s)
        train(model, SINE, k, rate=0.03, batch=100, seed=s)
        assert close(model, many.models[s], "float64")


def test_all_may_reach_the_mark_at_once() -> None:
    many = trained(SMALL, stop_below=1e9)
    assert many.stopped_at == (0, 0, 0)
    assert many.losses.shape == (1, 3)
    assert all(close(build(SMALL, seed), many.models[s], "float64") for s, seed in enumerate(SEEDS))


@pytest.mark.parametrize("net", [NOISY, NORMED])
def test_networks_may_be_trained_a_few_at_a_time(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are where a layer of all of them leaves the cache; some stop on the way."""
    arguments = {"optimiser": "momentum", "rate": 0.01, "steps": 40, "stop_below": 0.3}
    whole = trained(net, range(5), **arguments)
    assert len(set(whole.stopped_at)) > 1
    row = 100 * 8 * (8 if net is NOISY else 6)
    for at_once in (1, 2):
        monkeypatch.setattr("residua_numeric.ensemble.CACHE", at_once * row)
        parts = trained(net, range(5), **arguments)
        assert parts.stopped_at == whole.stopped_at
        assert all(close(a, b, "float64") for a, b in zip(parts.models, whole.models, strict=True))


CUBIC = Network((Linear(1, 4), Activation("cube"), Linear(4, 1)))


def test_a_diverged_network_spoils_no_other() -> None:
    """Each alone, by the other program: where it stopped, why, and its last finite weights."""
    many = trained(CUBIC, range(8), steps=25, optimiser="sgd", rate=0.03)
    runs = []
    for seed in range(8):
        model = build(CUBIC, seed)
        runs.append(train(model, SINE, 25, "sgd", 0.03, 100, seed))
        found = weights_of(many.models[seed])
        for name, array in weights_of(model).items():  # of any size, so relative to it
            assert abs(found[name] - array).max() <= 1e-8 * abs(array).max()
    assert many.stopped == tuple(run.stopped for run in runs)
    assert many.stopped_at == tuple(run.last.step for run in runs)
    assert "" in many.stopped
    assert any(many.stopped)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 6, 7, 8])
def test_the_last_step_is_checked_too(steps: int) -> None:
    many = trained(CUBIC, (0, 1), steps=steps, optimiser="sgd", rate=30.0)
    runs = [train(build(CUBIC, seed), SINE, steps, "sgd", 30.0, 100, seed) for seed in (0, 1)]
    assert many.stopped == tuple(run.stopped for run in runs)
    assert many.stopped_at == tuple(run.last.step for run in runs)


def test_weights_that_are_not_finite_stop_a_network() -> None:
    task = Task.data("far", [[1e3]], [[1e3]])
    net = Network((Linear(1, 1),))
    many = train_many(net, task, (0,), 5, "sgd", 2e37)
    assert many.stopped == ("weights are not finite after step 1",)
    assert many.stopped_at == (0,)
    assert close(many.models[0], build(net, 0, "float32"), "float32")


def test_outputs_are_those_of_the_models() -> None:
    many = trained(NOISY)
    x = torch.tensor(SINE.x[:7])
    found = many.outputs(x)
    assert found.shape == (3, 7, 1)
    for s, model in enumerate(many.models):
        assert abs(found[s] - model.eval()(x).detach().numpy()).max() <= 64 * 2.0**-53 * abs(found).max()


def test_noisy_outputs_are_torchs_dropout() -> None:
    """Mean and variance over many samples, beside torch's own with its own generator; and nothing without dropout."""
    many, samples = trained(NOISY), 2000
    x = np.full((1, 1), 1.5)
    found = many.noisy_outputs(x, samples)[:, :, 0, 0]
    for s, model in enumerate(many.models):
        with global_seed(5), torch.no_grad():
            own = model.train()(torch.tensor(np.repeat(x, samples, axis=0))).numpy()[:, 0]
        error = np.sqrt((own.var() + found[:, s].var()) / samples)
        assert error > 0
        assert abs(own.mean() - found[:, s].mean()) <= 5 * error
        assert 0.8 < own.std() / found[:, s].std() < 1.25
    plain = trained(SMALL)
    assert np.array_equal(plain.noisy_outputs(SINE.x)[0], plain.outputs(SINE.x))


def test_many_points_are_run_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    many = trained(NOISY)
    whole = many.outputs(SINE.x), many.noisy_outputs(SINE.x)
    monkeypatch.setattr("residua_numeric.ensemble.LARGEST", 300)
    parts = many.outputs(SINE.x), many.noisy_outputs(SINE.x)
    for one, other in zip(whole, parts, strict=True):
        assert abs(one - other).max() <= 64 * 2.0**-53 * abs(one).max()


def test_the_global_generator_is_not_touched() -> None:
    state = torch.get_rng_state()
    trained(NOISY).noisy_outputs(SINE.x)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (DescriptionError, "at least one seed", {"seeds": ()}),
        (DescriptionError, "seed must be", {"seeds": (0, -1)}),
        (DescriptionError, "stop_below must be above 0", {"stop_below": 0.0}),
        (DescriptionError, "stop_below must be a finite number", {"stop_below": float("nan")}),
        (DescriptionError, "train_many: steps", {"steps": -1}),
        (DescriptionError, "train_many: rate", {"rate": 0.0}),
        (DescriptionError, "unknown optimiser", {"optimiser": "adm"}),
        (DescriptionError, "unknown dtype", {"dtype": "float16"}),
        (TaskError, "expected a Task", {"task": None}),
        (ShapeError, "train_many: task", {"net": Network((Linear(2, 1),))}),
        (ShapeError, "at least 2 rows", {"net": NORMED, "batch": 1}),
        (DescriptionError, "no parameter", {"net": Network((Activation("tanh"),), inputs=1)}),
    ],
)
def test_refusals(error: type[ResiduaError], message: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(error, match=message):
        train_many(**{"net": SMALL, "task": SINE, "seeds": SEEDS, **arguments})
