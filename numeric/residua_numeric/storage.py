"""Snapshots as files: safetensors, which executes nothing, with a SHA-256, as safetensors itself notices few flips."""

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as safetensors
from torch import nn

from residua_network import Network, ResiduaError
from residua_numeric.errors import SnapshotError
from residua_numeric.snapshot import Snapshot, snapshot_of
from residua_numeric.training_state import TrainingState

KEY = "residua"  # the one metadata key
FIELDS = {"network", "digest", "seed", "dtype", "step", "versions", "sha256"}
TRAINING = {"optimiser", "rate", "batch", "task", "data", "counts"}  # the fields of its metadata, where it is kept
GENERATOR = "training.generator"
KEPT = "training.optimiser."  # before the names of the optimiser's tensors


def save(what: nn.Module | Snapshot, path: str | Path) -> None:
    """Write a model or a Snapshot; a file already there is replaced in one move, or not at all.

    Raises SnapshotError when weights are not finite or the place cannot be written.
    """
    _checked_path(path, "save")
    snapshot = what if isinstance(what, Snapshot) else snapshot_of(what)
    for name, array in snapshot.weights.items():
        if not np.isfinite(array).all():
            raise SnapshotError(f'save: expected finite weights, but "{name}" is not')
    _replace(Path(os.path.realpath(path)), _to_bytes(snapshot))


def _checked_path(path: object, where: str) -> None:
    if not isinstance(path, str | os.PathLike):
        raise SnapshotError(f"{where}: expected a path, got {path!r}")


def load(path: str | Path) -> Snapshot:
    """The Snapshot that `save` wrote. Raises SnapshotError for a file that is missing, foreign, cut off or altered."""
    _checked_path(path, "load")
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise SnapshotError(f'load: cannot read "{path}": {error.strerror}') from None
    try:
        return _from_bytes(data)
    except SnapshotError as error:
        raise SnapshotError(f'load: "{path}": {error}') from None


def _to_bytes(snapshot: Snapshot) -> bytes:
    meta: dict[str, Any] = {
        "network": snapshot.network.to_dict(),
        "digest": snapshot.network.digest,
        "seed": snapshot.seed,
        "dtype": snapshot.dtype,
        "step": snapshot.step,
        "versions": dict(snapshot.versions),
    }
    tensors = dict(snapshot.weights)
    training = snapshot.training
    if training is not None:
        meta["training"] = {name: getattr(training, name) for name in TRAINING}
        tensors |= {GENERATOR: training.generator, **{KEPT + name: array for name, array in training.tensors.items()}}
    meta["sha256"] = _sha256(meta, tensors)
    return safetensors.save(tensors, metadata={KEY: _canonical(meta)})


def _from_bytes(data: bytes) -> Snapshot:
    try:
        tensors = safetensors.load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SnapshotError(f"expected a safetensors file written by residua, got {_short(error)}") from None
    meta = _metadata(data)
    claimed = meta.pop("sha256")
    found = _sha256(meta, tensors)
    if found != claimed:
        raise SnapshotError(f"the content is not what was saved: expected SHA-256 {_short(claimed)}, got {found}")
    return _snapshot(meta, tensors)


def _metadata(data: bytes) -> dict[str, Any]:
    """The JSON under our key in the header: 8 bytes of length, little-endian, then a JSON object."""
    try:
        header = _parse(data[8 : 8 + int.from_bytes(data[:8], "little")])
        meta = _parse(header["__metadata__"][KEY])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SnapshotError(f'expected metadata under "{KEY}", as residua writes it, got none') from None
    if not isinstance(meta, dict) or set(meta) - {"training"} != FIELDS:
        got = sorted(meta) if isinstance(meta, dict) else meta
        raise SnapshotError(f"expected metadata with the fields {sorted(FIELDS)}, got {_short(got)}")
    return meta


def _snapshot(meta: dict[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Snapshot:
    """The checksum keeps out accidents only, so that every field is still checked."""
    try:
        net = Network.from_dict(meta["network"])
        weights, training = _training(meta["training"], tensors) if "training" in meta else (tensors, None)
        snapshot = Snapshot(net, weights, meta["seed"], meta["dtype"], meta["step"], meta["versions"], training)
    except (ResiduaError, TypeError, ValueError, RecursionError, AttributeError) as error:
        raise SnapshotError(_short(error)) from None
    if net.digest != meta["digest"]:
        raise SnapshotError(f"expected a network with digest {_short(meta['digest'])}, got {net.digest}")
    for name in ("seed", "step"):
        if type(meta[name]) not in (int, type(None)):
            raise SnapshotError(f"expected {name} to be a whole number or null, got {_short(meta[name])}")
    if not all(isinstance(text, str) for text in snapshot.versions.values()):
        raise SnapshotError(f"expected versions to be text, got {_short(meta['versions'])}")
    for name, array in snapshot.weights.items():
        if not np.isfinite(array).all():
            raise SnapshotError(f'expected finite weights, but "{name}" is not')
    return snapshot


def _training(meta: Any, tensors: Mapping[str, NDArray[Any]]) -> tuple[dict[str, NDArray[Any]], TrainingState]:
    """The weights, and the state of the training that they are from."""
    if not isinstance(meta, dict) or set(meta) != TRAINING or GENERATOR not in tensors:
        fields = sorted(TRAINING)
        raise SnapshotError(f'expected "{GENERATOR}" and a training with the fields {fields}, got {_short(meta)}')
    kept = {name.removeprefix(KEPT): array for name, array in tensors.items() if name.startswith(KEPT)}
    weights = {name: array for name, array in tensors.items() if name != GENERATOR and not name.startswith(KEPT)}
    return weights, TrainingState(**meta, tensors=kept, generator=tensors[GENERATOR])


def _sha256(meta: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> str:
    """Of the canonical metadata and, by name, of every tensor's name, dtype, shape and bytes."""
    result = hashlib.sha256(_canonical(meta).encode())
    for name in sorted(tensors):
        array = tensors[name]
        result.update(_canonical([name, str(array.dtype), list(array.shape)]).encode())
        result.update(np.ascontiguousarray(array).tobytes())
    return result.hexdigest()


def _canonical(data: Any) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _parse(text: str | bytes) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def _short(value: object) -> str:
    """One line of at most 300 characters."""
    return " ".join(str(value).split())[:300]


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".residua-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise SnapshotError(f'save: cannot write "{path}": {error.strerror}') from None
    finally:
        with contextlib.suppress(OSError):  # moved, or never there
            temporary.unlink()
