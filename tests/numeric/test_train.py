import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from residua_network import (
    Activation,
    BatchNorm,
    Dropout,
    LayerNorm,
    Linear,
    Network,
    ResiduaError,
    Residual,
    ShapeError,
)
from residua_numeric import Run, Task, accuracy, build, loss_of, modules_of, save, train, weights_of
from residua_numeric.descent import minibatches
from residua_numeric.state import on_threads

NOISY = Network((Linear(1, 8), Dropout(0.2), Residual((LayerNorm(8), Activation("tanh"))), Linear(8, 1)))
SINE = Task.regression(np.sin, -3, 3, points=256)


def same(a: nn.Module, b: nn.Module) -> bool:
    first, second = weights_of(a), weights_of(b)
    return all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(("optimiser", "rate"), [("sgd", 0.05), ("momentum", 0.02), ("adam", 0.01)])
def test_training_learns_the_sine(optimiser: str, rate: float) -> None:
    model = build(Network((Linear(1, 16), Activation("tanh"), Linear(16, 1))))
    before = loss_of(model, SINE)
    run = train(model, SINE, steps=400, optimiser=optimiser, rate=rate)
    assert loss_of(model, SINE) < before / 10
    assert len(run.losses) == 400
    assert run.stopped == ""
    assert np.mean(run.losses[-20:]) < np.mean(run.losses[:20]) / 5


def test_training_learns_the_digits() -> None:
    task = Task.digits()
    model = build(Network((Linear(64, 32), Activation("relu"), Linear(32, 10))), dtype="float32")
    assert accuracy(model, task) < 0.3
    train(model, task, steps=300, rate=3e-3)
    assert accuracy(model, task) > 0.9


@pytest.mark.parametrize("optimiser", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_equal_seeds_give_equal_bits_and_others_do_not(optimiser: str, dtype: str) -> None:
    runs: list[Run] = []
    models: list[nn.Module] = []
    for seed in (1, 1, 2):
        torch.manual_seed(len(runs))  # what the global state holds must not matter, to dropout neither
        models.append(build(NOISY, 3, dtype))
        runs.append(train(models[-1], SINE, steps=20, optimiser=optimiser, batch=100, seed=seed))
    assert runs[0].losses == runs[1].losses != runs[2].losses
    assert same(models[0], models[1])
    assert not same(models[0], models[2])


def test_one_step_of_sgd_is_the_formula() -> None:
    """w - rate · 2 mean((w x + b - y) x), the whole data in one batch."""
    task = Task.data("line", [[1.0], [2.0], [-1.0]], [[0.5], [1.0], [3.0]])
    model = build(Network((Linear(1, 1),)), seed=2)
    w, b = (array.item() for array in weights_of(model).values())
    x, y = task.x[:, 0], task.y[:, 0]
    residue = w * x + b - y
    run = train(model, task, steps=1, optimiser="sgd", rate=0.1)
    after = weights_of(model)
    bound = 32 * 2.0**-53  # a dozen operations on numbers below 4
    assert abs(run.losses[0] - (residue**2).mean()) <= bound * 16
    assert abs(after["0.weight"].item() - (w - 0.1 * 2 * (residue * x).mean())) <= bound
    assert abs(after["0.bias"].item() - (b - 0.1 * 2 * residue.mean())) <= bound
    assert run.batch == 3


def test_momentum_is_nine_tenths() -> None:
    """Two steps at x = y = 0 with loss (b - 0)²: v₁ = 2 b₀, v₂ = 0.9 v₁ + 2 b₁."""
    model = build(Network((Linear(1, 1),)), seed=2)
    b = weights_of(model)["0.bias"].item()
    train(model, Task.data("nought", [[0.0]], [[0.0]]), steps=2, optimiser="momentum", rate=0.1)
    b1 = b - 0.1 * 2 * b
    b2 = b1 - 0.1 * (0.9 * 2 * b + 2 * b1)
    assert abs(weights_of(model)["0.bias"].item() - b2) <= 16 * 2.0**-53


def test_gradients_left_from_before_do_not_count() -> None:
    models = [build(NOISY), build(NOISY)]
    for parameter in models[0].parameters():
        parameter.grad = torch.ones_like(parameter)
    for model in models:
        train(model, SINE, steps=2, optimiser="sgd")
    assert same(*models)


def test_snapshots_hold_the_weights_of_their_step() -> None:
    model = build(NOISY)
    begin = weights_of(model)
    run = train(model, SINE, steps=10, snapshots=(10, 0, 4), seed=6)
    assert [s.step for s in run.snapshots] == [0, 4, 10]
    assert run.last.step == 10
    assert all(s.seed == 6 and s.network == NOISY for s in run.snapshots)
    assert all(np.array_equal(run.snapshots[0].weights[name], begin[name]) for name in begin)
    shorter = build(NOISY)
    train(shorter, SINE, steps=4, seed=6)
    assert same(run.snapshots[1].build(), shorter)
    assert same(run.snapshots[2].build(), model)
    assert same(run.last.build(), model)


def test_no_steps_change_nothing() -> None:
    model = build(NOISY)
    run = train(model, SINE, steps=0, snapshots=(0,))
    assert same(model, build(NOISY))
    assert (run.losses, run.last.step, len(run.snapshots), run.stopped) == ((), 0, 1, "")


def diverging() -> tuple[nn.Sequential, Run]:
    model = build(Network((Linear(1, 4), Activation("cube"), Linear(4, 1))), seed=1)
    return model, train(model, SINE, steps=50, optimiser="sgd", rate=30.0, snapshots=range(51), progress=False)


def test_a_loss_that_is_not_finite_stops_training_at_the_last_finite_weights() -> None:
    model, run = diverging()
    step = run.last.step
    assert step is not None
    assert 0 < step < 49
    assert run.stopped in {f"loss is {value} at step {step + 1}" for value in ("nan", "inf")}
    assert len(run.losses) == step + 1
    assert all(math.isfinite(loss) for loss in run.losses)
    assert math.isfinite(loss_of(model, SINE))
    assert same(model, run.last.build())
    assert [s.step for s in run.snapshots] == list(range(step + 1))
    assert same(run.snapshots[-1].build(), model)


def test_the_last_step_is_checked_too() -> None:
    _, longer = diverging()
    assert longer.last.step is not None
    model = build(Network((Linear(1, 4), Activation("cube"), Linear(4, 1))), seed=1)
    run = train(model, SINE, steps=longer.last.step + 1, optimiser="sgd", rate=30.0)
    assert run.stopped == longer.stopped
    assert same(model, longer.last.build())


def test_weights_that_are_not_finite_stop_training() -> None:
    task = Task.data("far", [[1e3]], [[1e3]])
    model = build(Network((Linear(1, 1),)), dtype="float32")
    run = train(model, task, steps=5, optimiser="sgd", rate=2e37)
    assert run.stopped == "weights are not finite after step 1"
    assert run.last.step == 0
    assert len(run.losses) == 1
    assert same(model, build(Network((Linear(1, 1),)), dtype="float32"))


def test_a_loss_that_is_not_finite_at_the_start() -> None:
    model = build(Network((Linear(1, 1), Activation("cube"))))
    with torch.no_grad():
        next(model.parameters()).fill_(1e200)
    run = train(model, SINE, steps=5)
    assert run.stopped == "loss is inf at step 0"
    assert (run.last.step, run.losses) == (0, ())
    assert (weights_of(model)["0.weight"] == 1e200).all()


@pytest.mark.parametrize("task", [SINE, Task.data("bad", [[1e200]], [[1.0]])])
def test_what_is_borrowed_is_given_back(task: Task) -> None:
    model = build(NOISY)
    modules_of(model)["2"].eval()
    modes = [module.training for module in model.modules()]
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    train(model, task, steps=3, threads=2 if threads == 1 else 1)
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(state, torch.get_rng_state())
    assert torch.get_num_threads() == threads
    assert all(p.grad is None for p in model.parameters())


def test_it_trains_where_gradients_are_off() -> None:
    model = build(NOISY)
    with torch.no_grad():
        train(model, SINE, steps=1)
    assert not same(model, build(NOISY))


def test_dropout_acts_in_training_only() -> None:
    net = Network((Linear(1, 16), Dropout(0.5), Linear(16, 1)))
    task = Task.data("one", [[1.0]], [[1.0]])
    losses = [train(build(net).eval(), task, steps=1, seed=seed).losses[0] for seed in range(5)]
    assert len(set(losses)) > 1
    assert loss_of(build(net), task) == loss_of(build(net), task)


NORMED = Network(
    (Linear(1, 6), BatchNorm(6), Activation("tanh"), Linear(6, 6), BatchNorm(6, affine=False), Linear(6, 1))
)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_batch_norm_trains_as_torchs_own_bit_for_bit(dtype: str) -> None:
    """Plain torch, its own modules, a loop by hand."""
    ours = build(NORMED, 4, dtype)
    theirs = nn.Sequential(
        *[nn.Linear(1, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 6), nn.BatchNorm1d(6, affine=False)],
        nn.Linear(6, 1),
    ).to(getattr(torch, dtype))
    theirs.load_state_dict(ours.state_dict(), strict=False)
    run = train(ours, SINE, steps=12, batch=32, seed=3)
    x, y = (torch.tensor(array, dtype=getattr(torch, dtype)) for array in (SINE.x, SINE.y))
    optimiser, chosen, losses = torch.optim.Adam(theirs.parameters(), lr=1e-3), minibatches(256, 32, 3), []
    with on_threads(1):
        for _ in range(12):
            rows = next(chosen)
            optimiser.zero_grad()
            loss = nn.functional.mse_loss(theirs(x[rows]), y[rows])
            losses.append(loss.item())
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    assert list(run.losses) == losses
    assert same(ours, theirs)
    assert not same(ours, build(NORMED, 4, dtype))
    assert weights_of(ours)["1.running_var"].std() > 0


def test_running_statistics_stay_in_training() -> None:
    model = build(NORMED.with_statistics("running"))
    train(model, SINE, steps=3)
    now = weights_of(model)
    assert all((now[name] == (name.endswith("var"))).all() for name in now if "running" in name)
    assert not same(model, build(NORMED.with_statistics("running")))


@pytest.mark.parametrize("model", [build(NORMED), nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1)).eval()])
@pytest.mark.parametrize("arguments", [{"batch": 1}, {"task": Task.data("one", [[1.0]], [[1.0]])}])
def test_one_row_has_no_statistics(model: nn.Sequential, arguments: dict[str, Any]) -> None:
    before = weights_of(model)
    with pytest.raises(ShapeError, match=r'train: batch: expected at least 2 rows, as "1" normalises .*, got 1'):
        train(**{"model": model, "task": SINE, "steps": 1, **arguments})
    assert all(np.array_equal(array, before[name]) for name, array in weights_of(model).items())
    assert train(build(NORMED.with_statistics("running")), SINE, steps=1, batch=1).stopped == ""


def test_a_stop_takes_the_buffers_back_too() -> None:
    net = Network((Linear(1, 1), BatchNorm(1), Linear(1, 1), Activation("cube")))
    model = build(net)
    run = train(model, SINE, steps=30, optimiser="sgd", rate=1e5, snapshots=range(31))
    assert run.stopped
    assert run.last.step is not None
    assert 0 < run.last.step < 29
    assert same(run.snapshots[-1].build(), run.last.build())
    shorter = build(net)
    train(shorter, SINE, steps=run.last.step, optimiser="sgd", rate=1e5)
    assert same(run.last.build(), shorter)


def test_frozen_parameters_stay() -> None:
    model = build(NOISY)
    model[0].weight.requires_grad_(False)
    train(model, SINE, steps=2)
    now, before = weights_of(model), weights_of(build(NOISY))
    assert np.array_equal(now["0.weight"], before["0.weight"])
    assert not np.array_equal(now["3.weight"], before["3.weight"])


@pytest.mark.parametrize(("points", "batch"), [(10, 3), (9, 3), (5, 5)])
def test_every_epoch_is_a_reshuffled_pass(points: int, batch: int) -> None:
    chosen = minibatches(points, batch, seed=1)
    epochs = [[next(chosen) for _ in range(points // batch)] for _ in range(20)]
    orders = {tuple(torch.cat(epoch).tolist()) for epoch in epochs}
    assert all(len(set(order)) == points // batch * batch for order in orders)
    assert len(orders) > 15
    assert set().union(*orders) == set(range(points))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"steps": -1}, "steps must be"),
        ({"steps": 1.5}, "steps must be"),
        ({"rate": 0.0}, "rate must be above 0"),
        ({"rate": math.inf}, "finite"),
        ({"rate": 1e308}, "rate must be at most 1e.307 for a float64 model"),
        ({"batch": 0}, "batch must be"),
        ({"threads": 0}, "threads must be"),
        ({"seed": -1}, "seed must be"),
        ({"optimiser": "adm"}, "did you mean 'adam'"),
        ({"snapshots": (501,)}, "between 0 and steps = 500, got 501"),
        ({"snapshots": (-1,)}, "at least 0"),
        ({"task": "sine"}, "expected a Task"),
        ({"model": build(Network((Activation("sin"),), inputs=1))}, "no parameter"),
    ],
)
def test_refusals(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ResiduaError, match=words):
        train(**{"model": build(NOISY), "task": SINE, **arguments})


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (Task.data("wide", np.ones((2, 3)), np.ones((2, 1))), '"wide" gives 3 inputs, but the model takes 1'),
        (Task.data("two", np.ones((2, 1)), np.ones((2, 2))), "2 outputs, but the model gives 1"),
        (Task.data("classes", np.ones((2, 1)), [0, 1], "cross entropy"), "2 classes, but the model gives 1"),
    ],
)
@pytest.mark.parametrize("what", [train, loss_of])
def test_task_and_model_must_fit(task: Task, words: str, what: Callable[..., object]) -> None:
    with pytest.raises(ShapeError, match=words):
        what(build(NOISY), task)


def test_numpys_integers_are_taken(tmp_path: Path) -> None:
    integers: tuple[Any, Any] = (np.int64, int)
    net = Network((Linear(1, 2), Linear(2, 1)))
    task = Task.regression(np.sin, -1, 1, points=20)
    found, plain = (
        train(build(net), task, whole(4), "adam", 0.01, whole(8), whole(3), snapshots=(whole(2),), threads=whole(1))
        for whole in integers
    )
    assert found.losses == plain.losses
    save(found.last, tmp_path / "one")
    save(plain.last, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
