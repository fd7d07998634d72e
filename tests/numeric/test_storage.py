import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save as foreign
from torch import nn

from residua_network import Activation, BatchNorm, Linear, Network
from residua_numeric import Snapshot, SnapshotError, Task, build, load, save, train
from residua_numeric.snapshot import snapshot_of
from residua_numeric.storage import GENERATOR, KEPT, KEY, _canonical, _sha256, _to_bytes
from residua_numeric.training_state import TrainingState

SMALL = Network((Linear(1, 1), Activation("sin")))
NORMED = Network((Linear(1, 3), BatchNorm(3), Linear(3, 1)))


def equal(a: Snapshot, b: Snapshot) -> bool:
    """Bit for bit, metadata included."""
    fields = ("network", "seed", "dtype", "step", "versions")
    return (
        all(getattr(a, name) == getattr(b, name) for name in fields)
        and list(a.weights) == list(b.weights)
        and all(a.weights[k].tobytes() == b.weights[k].tobytes() for k in a.weights)
        and all(a.weights[k].dtype == b.weights[k].dtype for k in a.weights)
        and equal_training(a.training, b.training)
    )


def equal_training(a: TrainingState | None, b: TrainingState | None) -> bool:
    if a is None or b is None:
        return a is b
    fields = ("optimiser", "rate", "batch", "task", "data", "counts")
    return (
        all(getattr(a, name) == getattr(b, name) for name in fields)
        and [(k, v.dtype, v.shape, v.tobytes()) for k, v in a.tensors.items()]
        == [(k, v.dtype, v.shape, v.tobytes()) for k, v in b.tensors.items()]
        and np.array_equal(a.generator, b.generator)
    )


def trained() -> Snapshot:
    return train(build(SMALL), Task.regression(np.sin, 0, 1, points=4), steps=2).last


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_round_trip_of_a_model(every: Network, moved: Callable[..., nn.Sequential], tmp_path: Path, dtype: str) -> None:
    model = moved(every, dtype)
    save(model, tmp_path / "a.safetensors")
    assert equal(load(str(tmp_path / "a.safetensors")), snapshot_of(model))


def test_round_trip_of_a_snapshot(tmp_path: Path) -> None:
    run = train(build(SMALL), Task.regression(np.sin, 0, 1), steps=3, seed=8)
    save(run.last, tmp_path / "a")
    found = load(tmp_path / "a")
    assert equal(found, run.last)
    assert (found.seed, found.step) == (8, 3)


@pytest.mark.parametrize("optimiser", ["sgd", "momentum", "adam"])
def test_round_trip_of_a_training(tmp_path: Path, optimiser: str) -> None:
    run = train(build(NORMED), Task.regression(np.sin, 0, 1), steps=3, optimiser=optimiser, rate=0.01)
    save(run.last, tmp_path / "a")
    found, wanted = load(tmp_path / "a"), run.last
    assert equal(found, wanted)
    assert equal(replace(found, training=None), replace(wanted, training=None))
    assert not equal(found, replace(wanted, training=None))
    assert found.training is not None
    assert len(found.training.tensors) == {"sgd": 0, "momentum": 6, "adam": 18}[optimiser]
    save(snapshot_of(build(NORMED)), tmp_path / "b")
    assert load(tmp_path / "b").training is None


def test_tensors_of_the_optimiser_may_be_infinite(tmp_path: Path) -> None:
    """A squared gradient overflows before the weights do, and the training goes on."""
    last = trained()
    assert last.training is not None
    tensors = {name: array * np.inf if name.endswith("sq") else array for name, array in last.training.tensors.items()}
    huge = replace(last, training=replace(last.training, tensors=tensors))
    save(huge, tmp_path / "a")
    assert equal(load(tmp_path / "a"), huge)


def test_a_network_without_parameters(tmp_path: Path) -> None:
    snapshot = Snapshot(Network((Activation("sin"),), inputs=2), {}, None, "float64", None, {})
    save(snapshot, tmp_path / "a")
    assert equal(load(tmp_path / "a"), snapshot)


def test_unequal_snapshots_are_noticed() -> None:
    first, second = (snapshot_of(build(SMALL, seed)) for seed in (0, 1))
    assert not equal(first, second)
    assert not equal(first, snapshot_of(build(SMALL), seed=1))


def test_saving_replaces_the_file_in_one_move(tmp_path: Path) -> None:
    path = tmp_path / "a"
    save(build(SMALL, 0), path)
    save(build(SMALL, 1), path)
    assert equal(load(path), snapshot_of(build(SMALL, 1)))
    assert os.listdir(tmp_path) == ["a"]


def test_every_flipped_byte_is_refused_or_harmless(tmp_path: Path) -> None:
    snapshot = snapshot_of(build(SMALL))
    data, path = _to_bytes(snapshot), tmp_path / "a"
    refused = 0
    for at in range(len(data)):
        for flip in (1, 0x20, 0x80, 0xFF):
            path.write_bytes(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :])
            try:
                found = load(path)
            except SnapshotError:
                refused += 1
            else:
                assert equal(found, snapshot), at
    assert refused > 3.9 * len(data)  # what may be changed is the blanks after the header


def test_every_cut_is_refused(tmp_path: Path) -> None:
    data, path = _to_bytes(snapshot_of(build(SMALL))), tmp_path / "a"
    for end in range(len(data)):
        path.write_bytes(data[:end])
        with pytest.raises(SnapshotError):
            load(path)


def forged(**changes: Any) -> bytes:
    """A file whose checksum is right and whose metadata is not."""
    snapshot = snapshot_of(build(SMALL))
    meta: dict[str, Any] = {
        "network": SMALL.to_dict(),
        "digest": SMALL.digest,
        "seed": 0,
        "dtype": "float64",
        "step": 0,
        "versions": {},
        **changes,
    }
    meta["sha256"] = _sha256(meta, snapshot.weights)
    return foreign(dict(snapshot.weights), metadata={KEY: _canonical(meta)})


def test_flipped_bytes_of_a_training_are_refused_or_harmless(tmp_path: Path) -> None:
    snapshot = trained()
    data, path = _to_bytes(snapshot), tmp_path / "a"
    for at in range(0, len(data), 41):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x20]) + data[at + 1 :])
        try:
            found = load(path)
        except SnapshotError:
            continue
        assert equal(found, snapshot), at
    for end in range(0, len(data), 41):
        path.write_bytes(data[:end])
        with pytest.raises(SnapshotError):
            load(path)


TRAINED = trained()
STATE: Any = TRAINED.training
FIELDS = ("optimiser", "rate", "batch", "task", "data", "counts")


def forged_training(tensors: dict[str, Any] | None = None, meta: Any = None, **changes: Any) -> bytes:
    """A file whose checksum is right and whose training is not."""
    arrays = {**TRAINED.weights, GENERATOR: STATE.generator, **{KEPT + name: a for name, a in STATE.tensors.items()}}
    arrays = {name: a for name, a in {**arrays, **(tensors or {})}.items() if a is not None}
    training = {**{name: getattr(STATE, name) for name in FIELDS}, **changes} if meta is None else meta
    head: dict[str, Any] = {
        "network": SMALL.to_dict(),
        "digest": SMALL.digest,
        "seed": TRAINED.seed,
        "dtype": "float64",
        "step": TRAINED.step,
        "versions": dict(TRAINED.versions),
        "training": training,
    }
    head["sha256"] = _sha256(head, arrays)
    return foreign(arrays, metadata={KEY: _canonical(head)})


def test_a_forged_training_with_nothing_wrong_loads(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(forged_training())
    assert equal(load(tmp_path / "a"), TRAINED)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (forged_training(meta=[]), "a training with the fields"),
        (forged_training(more=1), "a training with the fields"),
        (forged_training({GENERATOR: None}), 'expected "training.generator"'),
        (forged_training({GENERATOR: np.zeros(3, np.uint8)}), "state of a generator"),
        (forged_training(optimiser="adm"), "did you mean 'adam'"),
        (forged_training(optimiser="sgd"), "sgd keeps nothing"),
        (forged_training(rate=-1.0), "rate must be above 0"),
        (forged_training(rate="1"), "finite number"),
        (forged_training(batch=0), "batch must be"),
        (forged_training(task=1), "a task's name"),
        (forged_training(data="a"), "SHA-256"),
        (forged_training(counts={"0": 1}), "unknown batch norm '0'"),
        (forged_training(counts=3), "not iterable"),
        (forged_training({KEPT + "0.bias.exp_avg": None}), '"0.bias.exp_avg" is missing'),
        (forged_training({KEPT + "0.bias.more": np.ones(1)}), '"0.bias.more" is surplus'),
        (forged_training({KEPT + "0.bias.exp_avg": np.ones(2)}), r"of shape \(1,\), got float64 of shape \(2,\)"),
        (forged_training({"training.more": np.ones(1)}), '"training.more" is not a parameter'),
        (forged(seed=None, training={}), "a training with the fields"),
    ],
)
def test_forged_trainings_are_refused(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(SnapshotError, match=words) as caught:
        load(tmp_path / "a")
    assert "\n" not in str(caught.value)


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


WIDER = Network((Linear(1, 2), Linear(2, 1)))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "expected a safetensors file"),
        (b"hello, this is no snapshot at all", "expected a safetensors file"),
        (foreign({"a": np.ones(2)}), 'metadata under "residua"'),
        (foreign({"a": np.ones(2)}, metadata={KEY: "{"}), "metadata"),
        (foreign({"a": np.ones(2)}, metadata={KEY: nested(100_000)}), "metadata"),
        (foreign({"a": np.ones(2)}, metadata={KEY: '{"seed": NaN}'}), "metadata"),
        (foreign({"a": np.ones(2)}, metadata={KEY: "[1]"}), r"with the fields \['digest'.*got \[1\]"),
        (forged(network=WIDER.to_dict()), "is missing"),
        (forged(network={"inputs": 1, "layers": [{"kind": "lin"}]}), "unknown kind 'lin'"),
        (forged(network={"inputs": 1, "layers": [{"kind": "dropout", "rate": []}]}), "finite number"),
        (forged(network=None), "expected a dict"),
        (forged(digest="0"), "expected a network with digest 0"),
        (forged(dtype="float32"), "must be float32"),
        (forged(dtype=[1]), "unknown dtype"),
        (forged(seed="0"), "seed to be a whole number"),
        (forged(step=0.5), "step to be a whole number"),
        (forged(versions=3), "not iterable"),
        (forged(versions={"torch": 2}), "versions to be text"),
        (forged(more=1), "with the fields"),
    ],
)
def test_foreign_and_forged_files_are_refused(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(SnapshotError, match=words) as caught:
        load(tmp_path / "a")
    assert "\n" not in str(caught.value)


def test_a_forged_file_with_nothing_wrong_loads(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(forged())
    assert load(tmp_path / "a").network == SMALL


def test_places_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    model = build(SMALL)
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / "no" / "a", tmp_path / "file" / "a"):
        with pytest.raises(SnapshotError, match="cannot write"):
            save(model, path)
        with pytest.raises(SnapshotError, match="cannot read"):
            load(path)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path, value: float) -> None:
    model = build(SMALL)
    with torch.no_grad():
        next(model.parameters()).fill_(value)
    with pytest.raises(SnapshotError, match=r'"0\.weight" is not'):
        save(model, tmp_path / "a")
    assert os.listdir(tmp_path) == []


def test_metadata_is_json(tmp_path: Path) -> None:
    data = _to_bytes(snapshot_of(build(SMALL)))
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert list(header["__metadata__"]) == [KEY]
    assert json.loads(header["__metadata__"][KEY])["network"] == SMALL.to_dict()
