import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save as foreign
from torch import nn

from residua_network import Activation, Linear, Network
from residua_numeric import Snapshot, SnapshotError, Task, build, load, save, train
from residua_numeric.snapshot import snapshot_of
from residua_numeric.storage import KEY, _canonical, _sha256, _to_bytes

SMALL = Network((Linear(1, 1), Activation("sin")))


def equal(a: Snapshot, b: Snapshot) -> bool:
    """Bit for bit, metadata included."""
    fields = ("network", "seed", "dtype", "step", "versions")
    return (
        all(getattr(a, name) == getattr(b, name) for name in fields)
        and list(a.weights) == list(b.weights)
        and all(a.weights[k].tobytes() == b.weights[k].tobytes() for k in a.weights)
        and all(a.weights[k].dtype == b.weights[k].dtype for k in a.weights)
    )


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
