"""A training that was interrupted equals one that was not, bit for bit."""

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from residua_network import Activation, BatchNorm, Dropout, LayerNorm, Linear, Network, ResiduaError, Residual
from residua_numeric import Run, Snapshot, SnapshotError, Task, build, load, save, train, weights_of
from residua_numeric.modules import modules_of
from residua_numeric.snapshot import snapshot_of

SINE = Task.regression(np.sin, -3, 3, points=50)
CLASSES = Task.data("classes", np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 3, "cross entropy")
PLAIN = Network((Linear(1, 4), Activation("tanh"), Linear(4, 1)))
NOISY = Network((Linear(1, 6), Dropout(0.3), Residual((LayerNorm(6), Activation("tanh"), Dropout(0.1))), Linear(6, 1)))
NORMED = Network(
    (Linear(1, 6), BatchNorm(6), Residual((BatchNorm(6, eps=0.0), Activation("relu"), Dropout(0.2))), Linear(6, 1))
)
NETS = {"plain": PLAIN, "dropout": NOISY, "batch norm and dropout": NORMED}
STEPS, BATCH = 11, 12  # 50 points: four steps an epoch
OPTIMISERS = ("sgd", "momentum", "adam")


def go(net: Network, steps: int, **arguments: Any) -> tuple[nn.Sequential, Run]:
    model = build(net, seed=2)
    return model, train(model, SINE, **{"steps": steps, "batch": BATCH, "seed": 5, **arguments})


def same(a: nn.Module | Snapshot, b: nn.Module | Snapshot) -> bool:
    first, second = weights_of(a), weights_of(b)
    return list(first) == list(second) and all(np.array_equal(first[name], second[name]) for name in first)


def same_state(a: Snapshot, b: Snapshot) -> bool:
    """All of it, the optimiser's tensors and the generator included."""
    if a.training is None or b.training is None:
        return False
    plain = ("optimiser", "rate", "batch", "task", "data", "counts")
    first, second = a.training.tensors, b.training.tensors
    return (
        same(a, b)
        and (a.network, a.seed, a.step, a.dtype) == (b.network, b.seed, b.step, b.dtype)
        and all(getattr(a.training, name) == getattr(b.training, name) for name in plain)
        and list(first) == list(second)
        and all(first[k].dtype == second[k].dtype and np.array_equal(first[k], second[k]) for k in first)
        and np.array_equal(a.training.generator, b.training.generator)
    )


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("name", NETS)
def test_an_interruption_leaves_no_trace(name: str, optimiser: str, tmp_path: Path) -> None:
    net = NETS[name]
    whole, wanted = go(net, STEPS, optimiser=optimiser)
    for k in (0, 1, 4, 6, STEPS):  # at both ends, between two epochs, within one
        _, first = go(net, k, optimiser=optimiser)
        save(first.last, tmp_path / "a")
        for snapshot in (first.last, load(tmp_path / "a")):
            torch.manual_seed(k)  # what the global state holds must not matter
            model = build(net, seed=99)
            run = train(model, SINE, steps=STEPS, resume=snapshot)
            assert same(model, whole)
            assert first.losses + run.losses == wanted.losses
            assert same_state(run.last, wanted.last)
            assert (run.begun, len(run.losses), run.steps) == (k, STEPS - k, STEPS)
            assert (run.rate, run.batch, run.optimiser, run.seed) == (1e-3, BATCH, optimiser, 5)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_any_snapshot_will_do(dtype: str) -> None:
    model = build(NORMED, 2, dtype)
    wanted = train(model, SINE, steps=STEPS, batch=BATCH, snapshots=range(STEPS + 1))
    for snapshot in wanted.snapshots:
        again = build(NORMED, 3, dtype)
        run = train(again, SINE, steps=STEPS, resume=snapshot, snapshots=(STEPS,))
        assert same(again, model)
        assert same_state(run.snapshots[0], wanted.snapshots[-1])


def test_twice_interrupted() -> None:
    whole, wanted = go(NORMED, STEPS)
    _, first = go(NORMED, 3)
    second = train(build(NORMED), SINE, steps=7, resume=first.last)
    model = build(NORMED)
    third = train(model, SINE, steps=STEPS, resume=second.last)
    assert same(model, whole)
    assert first.losses + second.losses + third.losses == wanted.losses
    assert (second.begun, third.begun) == (3, 7)


def test_classes_resume_too() -> None:
    net = Network((Linear(2, 5), BatchNorm(5), Activation("relu"), Linear(5, 3)))
    whole, model = build(net), build(net, seed=1)
    wanted = train(whole, CLASSES, steps=9)
    run = train(model, CLASSES, steps=9, resume=train(build(net), CLASSES, steps=4).last)
    assert same(model, whole)
    assert run.losses == wanted.losses[4:]
    assert run.batch == 40


@pytest.mark.parametrize("part", ["weights", "tensors", "generator", "seed", "step", "counts"])
def test_each_part_of_the_state_matters(part: str) -> None:
    """What resumes without it is seen to be another training."""

    def model_of(seed: int) -> nn.Sequential:
        model = build(NOISY, seed)
        model[0].register_forward_hook(lambda *_: None)
        return nn.Sequential(*model, nn.BatchNorm1d(1, momentum=None).double())

    wanted = train(model_of(2), SINE, steps=STEPS, batch=BATCH)
    last = train(model_of(2), SINE, steps=6, batch=BATCH).last
    assert last.training is not None
    broken = {
        "weights": replace(last, weights={name: array + 1e-9 for name, array in last.weights.items()}),
        "tensors": replace(last, training=replace(last.training, tensors={})),
        "generator": replace(last, training=replace(last.training, generator=torch.Generator().get_state().numpy())),
        "seed": replace(last, seed=1),
        "step": replace(last, step=5),
        "counts": replace(last, training=replace(last.training, counts={"4": 1})),
    }
    right, wrong = model_of(0), model_of(0)
    train(right, SINE, steps=STEPS, resume=last)
    assert same(right, wanted.last)
    train(wrong, SINE, steps=STEPS, resume=broken[part])
    assert not same(wrong, wanted.last)


def test_torchs_own_batch_norm_goes_on_counting() -> None:
    def model_of() -> nn.Sequential:
        return nn.Sequential(nn.Linear(1, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))

    first = model_of()
    run = train(first, SINE, steps=4)
    assert run.last.training is not None
    assert run.last.training.counts == {"1": 4}
    model = model_of()
    train(model, SINE, steps=6, resume=run.last)
    assert int(model[1].num_batches_tracked) == 6  # type: ignore[arg-type]
    own = train(build(run.last.network, dtype="float32"), SINE, steps=5, resume=run.last)
    assert own.last.training is not None
    assert own.last.training.counts == {}
    train(model, SINE, steps=6, resume=own.last)
    assert int(model[1].num_batches_tracked) == 6  # type: ignore[arg-type]


def test_frozen_parameters_stay_frozen() -> None:
    def frozen(seed: int) -> nn.Sequential:
        model = build(NOISY, seed)
        model[0].weight.requires_grad_(False)
        return model

    whole = frozen(2)
    train(whole, SINE, steps=STEPS, batch=BATCH)
    first = train(frozen(2), SINE, steps=5, batch=BATCH)
    model = frozen(1)
    train(model, SINE, steps=STEPS, resume=first.last)
    assert same(model, whole)
    assert first.last.training is not None
    assert not any(name.startswith("0.weight.") for name in first.last.training.tensors)


RATES: tuple[dict[str, Any], ...] = ({}, {"rate": 0.01}, {"rate": 1e-3})


def test_what_is_given_and_equal_is_accepted_and_the_rate_may_be_another() -> None:
    _, first = go(PLAIN, 4, optimiser="momentum", rate=0.01)
    arguments: dict[str, Any] = {"steps": 8, "resume": first.last, "optimiser": "momentum", "batch": BATCH, "seed": 5}
    runs = [train(build(PLAIN), SINE, **arguments, **rate) for rate in RATES]
    assert [run.rate for run in runs] == [0.01, 0.01, 1e-3]
    assert runs[0].losses == runs[1].losses
    assert runs[2].losses[:1] == runs[0].losses[:1]
    assert runs[2].losses[1:] != runs[0].losses[1:]
    assert runs[2].last.training is not None
    assert runs[2].last.training.rate == 1e-3


def test_the_signature_shows_the_defaults() -> None:
    parameters = inspect.signature(train).parameters
    shown = {name: repr(parameters[name].default) for name in ("steps", "optimiser", "rate", "batch", "seed")}
    assert shown == {"steps": "500", "optimiser": "'adam'", "rate": "0.001", "batch": "64", "seed": "0"}
    run = train(build(PLAIN), SINE, steps=0)
    assert (type(run.rate), type(run.batch), type(run.seed), type(run.optimiser)) == (float, int, int, str)


# where numbers end


def diverging(steps: int, **arguments: Any) -> tuple[nn.Sequential, Run]:
    net = Network((Linear(1, 4), BatchNorm(4), Activation("cube"), Dropout(0.1), Linear(4, 1)))
    model = build(net, seed=1)
    given = {"optimiser": "momentum", "rate": 0.5, "snapshots": range(arguments.pop("begun", 0), steps + 1)}
    return model, train(model, SINE, steps=steps, batch=BATCH, **{**given, **arguments})


def test_a_resumed_training_stops_where_it_would_have() -> None:
    whole, wanted = diverging(40)
    assert wanted.stopped
    stop = wanted.last.step
    assert stop is not None
    assert stop > 1
    assert same_state(wanted.last, wanted.snapshots[-1])
    for snapshot in wanted.snapshots:
        model, run = diverging(40, resume=snapshot, begun=snapshot.step)
        assert run.stopped == wanted.stopped
        assert same(model, whole)
        assert same_state(run.last, wanted.last)
        assert run.losses == wanted.losses[snapshot.step :]
    _, again = diverging(40, resume=wanted.last, begun=stop)
    assert again.last.step == stop
    slower = train(build(wanted.last.network), SINE, steps=stop + 5, rate=1e-9, resume=wanted.snapshots[1])
    assert slower.stopped == ""
    assert len(slower.losses) == stop + 4


def test_weights_that_are_not_finite_are_taken_back_with_all_that_goes_with_them() -> None:
    task = Task.data("far", [[1e3]], [[1e3]])
    net = Network((Linear(1, 1), Dropout(0.0)))
    first = train(build(net, dtype="float32"), task, steps=2, optimiser="momentum", rate=1e-9)
    run = train(build(net, dtype="float32"), task, steps=5, rate=2e37, resume=first.last)
    assert run.stopped == "weights are not finite after step 3"
    assert (run.begun, run.last.step, len(run.losses)) == (2, 2, 1)
    assert run.last.training is not None
    assert first.last.training is not None
    assert same_state(replace(run.last, training=replace(run.last.training, rate=1e-9)), first.last)


def test_a_loss_that_is_not_finite_at_once() -> None:
    _, first = go(PLAIN, 2)
    assert first.last.training is not None
    huge = replace(first.last, weights={name: array * 0 + 1e200 for name, array in first.last.weights.items()})
    run = train(build(PLAIN), SINE, steps=4, resume=huge)
    assert (run.stopped, run.begun, run.last.step, run.losses) == ("loss is inf at step 2", 2, 2, ())
    assert same(run.last, huge)


def test_what_is_borrowed_is_given_back() -> None:
    _, first = go(NOISY, 3)
    model = build(NOISY)
    modules_of(model)["2"].eval()
    modes, state, threads = [m.training for m in model.modules()], torch.get_rng_state(), torch.get_num_threads()
    train(model, SINE, steps=5, resume=first.last)
    assert [m.training for m in model.modules()] == modes
    assert torch.equal(state, torch.get_rng_state())
    assert torch.get_num_threads() == threads


# refusals

LAST = go(NORMED, 3)[1].last
OTHER = Task.data(SINE.name, SINE.x + 1e-9, SINE.y)
SIX = Task.data("six", SINE.x, np.ones((50, 6)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"resume": snapshot_of(build(NORMED), 5, 3)}, "expected a snapshot that train.. took, got one without"),
        ({"resume": go(NORMED, 1)[1]}, "expected a Snapshot, as run.last is one, got Run"),
        ({"resume": "a.safetensors"}, "expected a Snapshot, .* got str"),
        ({"model": build(NOISY)}, r'"1": expected BatchNorm\(6\), as in the snapshot, got Dropout\(0\.3\)'),
        ({"model": build(Network(NORMED.layers[:2])), "task": SIX}, '"2": expected Residual.* got no layer'),
        ({"model": build(NORMED.with_statistics("running"))}, r"got BatchNorm\(6, statistics='running'\)"),
        ({"model": build(NORMED, dtype="float32")}, "dtype: expected that of the snapshot, 'float64', got 'float32'"),
        ({"optimiser": "sgd"}, "optimiser: expected that of the snapshot, 'adam', got 'sgd'"),
        ({"batch": 64}, "batch: expected that of the snapshot, 12, got 50"),
        ({"seed": 0}, "seed: expected that of the snapshot, 5, got 0"),
        ({"task": replace(SINE, name="cosine")}, "task: expected that of .*, 'regression on sin', got 'cosine'"),
        ({"task": OTHER}, "data and loss of task .* expected that of the snapshot, '[0-9a-f]{64}', got '"),
        ({"steps": 2}, "expected at least the 3 steps that the snapshot has taken, got steps = 2"),
    ],
)
def test_what_cannot_go_on_is_refused_in_one_line(arguments: dict[str, Any], words: str) -> None:
    given = {"model": build(NORMED, seed=2), "task": SINE, "steps": 9, "resume": LAST, **arguments}
    before = weights_of(given["model"])
    with pytest.raises(SnapshotError, match=words) as caught:
        train(**given)
    assert "\n" not in str(caught.value)
    assert all(np.array_equal(array, before[name]) for name, array in weights_of(given["model"]).items())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"snapshots": (2,)}, "snapshots must lie between 3 and steps = 9, got 2"),
        ({"rate": 0.0}, "rate must be above 0"),
        ({"optimiser": "adm"}, "did you mean 'adam'"),
        ({"task": "sine"}, "expected a Task"),
    ],
)
def test_arguments_are_checked_as_ever(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ResiduaError, match=words):
        train(**{"model": build(NORMED), "task": SINE, "steps": 9, "resume": LAST, **arguments})
