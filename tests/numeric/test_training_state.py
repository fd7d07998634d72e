from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from residua_network import BatchNorm, Linear, Network, ResiduaError
from residua_numeric import Snapshot, Task, build, train
from residua_numeric.training_state import TrainingState, digest_of

NET = Network((Linear(1, 2), BatchNorm(2)))
TASK = Task.data("mine", np.ones((4, 1)), np.ones((4, 2)))
SNAPSHOT = train(build(NET), TASK, steps=2).last
STATE: Any = SNAPSHOT.training
GENERATOR = torch.Generator().get_state().numpy()


def test_it_holds_copies_that_are_read_only() -> None:
    tensors, generator = {"0.bias.momentum_buffer": np.ones(2)}, GENERATOR.copy()
    state = TrainingState("momentum", 0.1, 4, "mine", "0" * 64, tensors, {}, generator)
    tensors["0.bias.momentum_buffer"][:] = generator[:] = 7
    assert state.tensors["0.bias.momentum_buffer"].tolist() == [1, 1]
    assert np.array_equal(state.generator, GENERATOR)
    for array in (state.tensors["0.bias.momentum_buffer"], state.generator):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0


def test_the_digest_is_that_of_data_and_loss() -> None:
    same = Task.data("another name", np.ones((4, 1)), np.ones((4, 2)), test=(np.ones((1, 1)), np.ones((1, 2))))
    assert digest_of(TASK) == digest_of(same) == STATE.data
    others = [
        Task.data("mine", np.ones((4, 1)) * (1 + 2**-52), np.ones((4, 2))),
        Task.data("mine", np.ones((4, 1)), np.ones((4, 2)) * (1 + 2**-52)),
        Task.data("mine", np.ones((4, 2)), np.ones((4, 1))),
        Task.data("mine", np.ones((4, 1)), np.ones(4, dtype=int), "cross entropy"),
    ]
    assert len({digest_of(task) for task in [TASK, *others]}) == 5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimiser": "adm"}, "did you mean 'adam'"),
        ({"rate": 0.0}, "rate must be above 0"),
        ({"rate": np.nan}, "finite"),
        ({"batch": 0}, "batch must be"),
        ({"batch": True}, "batch must be"),
        ({"task": 3}, "a task's name and SHA-256, got 3"),
        ({"data": "0" * 63}, "SHA-256"),
        ({"data": "g" * 64}, "SHA-256"),
        ({"generator": GENERATOR[:-1]}, "state of a generator, got .*5056"),
        ({"generator": GENERATOR * 0}, "state of a generator, got Invalid"),
        ({"generator": GENERATOR.astype(np.float64)}, "state of a generator"),
    ],
)
def test_values_are_checked(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ResiduaError, match=words):
        replace(STATE, **changes)


def without(name: str) -> dict[str, Any]:
    return {key: array for key, array in STATE.tensors.items() if key != name}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"tensors": without("0.bias.exp_avg")},
            'training: "0.bias.exp_avg" is missing; adam keeps step, exp_avg, exp',
        ),
        ({"optimiser": "momentum"}, '"0.bias.exp_avg" is surplus; momentum keeps momentum_buffer'),
        ({"optimiser": "sgd"}, "sgd keeps nothing"),
        ({"tensors": {"1.running_mean.step": np.ones(())}}, '"1.running_mean" is not a parameter that is trained'),
        ({"tensors": {"7.weight.step": np.ones(())}}, '"7.weight" is not a parameter'),
        (
            {"tensors": {**STATE.tensors, "0.bias.exp_avg": np.ones(3)}},
            r'"0.bias.exp_avg" must be float64 of shape \(2,\), got float64 of shape \(3,\)',
        ),
        ({"tensors": {**STATE.tensors, "0.bias.exp_avg": np.ones(2, np.float32)}}, "got float32 of shape"),
        ({"tensors": {**STATE.tensors, "0.bias.step": np.ones(1)}}, r"must be float32 or float64 of shape \(\), got"),
        ({"tensors": {**STATE.tensors, "0.bias.step": np.ones((), int)}}, "got int64"),
        ({"counts": {"0": 3}}, "training: unknown batch norm '0'; known: 1"),
        ({"counts": {"1": -1}}, 'count of "1" must be a whole number of at least 0'),
    ],
)
def test_it_must_be_of_the_network(changes: dict[str, Any], words: str) -> None:
    training: TrainingState = STATE
    with pytest.raises(ResiduaError, match=words):
        replace(SNAPSHOT, training=replace(training, **changes))


def test_the_state_of_a_training_is_kept_as_it_is() -> None:
    assert replace(SNAPSHOT).training is STATE


@pytest.mark.parametrize("name", ["seed", "step"])
def test_seed_and_step_must_be_known(name: str) -> None:
    assert isinstance(replace(SNAPSHOT, training=None, **{name: None}), Snapshot)  # type: ignore[arg-type]
    with pytest.raises(ResiduaError, match=f"Snapshot of a training: {name} must be a whole number"):
        replace(SNAPSHOT, **{name: None})  # type: ignore[arg-type]
