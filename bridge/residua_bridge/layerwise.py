"""Every layer judged by itself, at the input that the model feeds it: what tells the layer at fault from the others."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from residua_bridge.judgement import fits
from residua_bridge.verdict import Floats, Row
from residua_network import Layer, ResiduaError
from residua_numeric import LayerMeasurement, measure, modules_of, statistics_of
from residua_symbolic import NetworkJacobian
from residua_symbolic.rounding import SIDES, LayerPrediction, predict_block, predict_layer
from residua_symbolic.weights import Weights


def same_layers(J: NetworkJacobian, model: torch.nn.Module, found: dict[str, LayerMeasurement]) -> None:
    """Raises ResiduaError where the model has not the described layers, does not call one, or their widths differ."""
    described, present = [name for name, _ in J.network.walk()], list(modules_of(model))
    if described != present:
        odd = next((a or b for a, b in _zip_longest(described, present) if a != b), "")
        raise ResiduaError(
            f'compare: the description has {len(described)} layers, the model {len(present)}; they part at "{odd}"'
        )
    for name, layer in J.network.walk():
        if name not in found:
            raise ResiduaError(f'compare: the model never calls its layer "{name}"')
        taken, given = found[name].input.shape[1], found[name].output.shape[1]
        wanted = layer.takes or taken, layer.gives or taken
        if wanted != (taken, given):
            words = f"takes {wanted[0]} and gives {wanted[1]}, in the model it takes {taken} and gives {given}"
            raise ResiduaError(f'compare: {layer!r} at "{name}" {words}')


def unchained(J: NetworkJacobian, model: torch.nn.Module, found: dict[str, LayerMeasurement], x: Floats) -> list[str]:
    """The layers up to `stop` that are not fed, bit for bit, what the layer before them gave; and "output", where the
    model hands on something else than its last layer gives."""
    given, odd = {"": x}, []
    for name, _ in _layers(J, 0):
        sequence = name.rpartition(".")[0]
        if not np.array_equal(found[name].input, given[sequence], equal_nan=True):
            odd.append(name)
        given |= {sequence: found[name].output, f"{name}.branch": found[name].input}
    if J.stop == len(J.network.layers) - 1:
        output = measure(model, "output", x, statistics=statistics_of(J.network)).values
        if not np.array_equal(output, given[""], equal_nan=True):
            odd.append("output")
    return odd


def _layers(J: NetworkJacobian, start: int) -> list[tuple[str, Layer]]:
    """The layers from `start` to the last of J, those inside branches too."""
    wanted = {str(k) for k in range(start, J.stop + 1)}
    return [(name, layer) for name, layer in J.network.walk() if name.partition(".")[0] in wanted]


def _zip_longest(a: list[str], b: list[str]) -> list[tuple[str, str]]:
    length = max(len(a), len(b))
    return list(zip(a + [""] * (length - len(a)), b + [""] * (length - len(b)), strict=True))


def measured_product(J: NetworkJacobian, model: torch.nn.Module, x: Any, found: dict[str, LayerMeasurement]) -> Floats:
    """The Jacobian of the model, or of its layers from `start` to `stop` at the input that the model feeds them."""
    statistics = statistics_of(J.network)
    if (J.start, J.stop) == (0, len(J.network.layers) - 1):
        return measure(model, "jacobian", x, statistics=statistics).values
    modules = modules_of(model)
    part = torch.nn.Sequential(*(modules[str(k)] for k in range(J.start, J.stop + 1)))
    own = {name for name, _ in _layers(J, J.start)}
    shifted = {_shifted(name, J.start): word for name, word in statistics.items() if name in own}
    return measure(part, "jacobian", found[str(J.start)].input, statistics=shifted).values


def _shifted(name: str, start: int) -> str:
    """The name of a layer in the part of the model that begins at `start`."""
    position, dot, rest = name.partition(".")
    return f"{int(position) - start}{dot}{rest}"


def judged(
    J: NetworkJacobian, found: dict[str, LayerMeasurement], weights: Weights, dtype: str, put_back: bool
) -> Iterator[Row]:
    """The layers from `start` to `stop`; before them those with a faulty output, which moves the input at `start`.

    `put_back`: what an assumption drops is put back before a layer is judged; else the assumption itself is.
    """
    own = {name for name, _ in _layers(J, J.start)}
    for name, layer in _layers(J, 0):
        row = _row(name, layer, found[name], weights, J.assume if name in own else None, dtype, put_back)
        if name in own or "output" in row.fault:
            yield row


def _row(
    name: str,
    layer: Layer,
    found: LayerMeasurement,
    weights: Weights,
    assume: str | None,
    dtype: str,
    put_back: bool,
) -> Row:
    if found.branch_output is not None and found.branch_jacobian is not None:
        branch = found.branch_output, found.branch_jacobian
        predicted = predict_block(layer, found.input, weights, name, branch, dtype)
    else:
        parameters = {p: weights[f"{name}.{p}"] for p in layer.shapes}
        predicted = predict_layer(layer, found.input, parameters, assume, dtype)
    true = predicted.jacobian
    if predicted.dropped is not None and put_back:
        true = true + predicted.dropped
    pulled = _pulled_back(true, predicted.jacobian_error, found, getattr(layer, "scale", 0.0))
    fault = _fault(predicted, true, pulled, found)
    difference = _distance(found.jacobian, predicted.jacobian)
    differs = not _same(found.jacobian, predicted.jacobian, predicted.jacobian_error, found)
    return Row(
        layer=name,
        kind=layer.kind,
        predicted=float(np.linalg.norm(predicted.jacobian)),
        measured=float(np.linalg.norm(found.jacobian)),
        difference=difference,
        bound=float(np.linalg.norm(predicted.jacobian_error)),
        output_difference=_distance(found.output, predicted.output),
        output_bound=float(np.linalg.norm(predicted.output_error)),
        cause="unexplained" if fault else "approximation" if differs else "rounding",
        fault=fault,
        pulled_difference=_distance(found.pulled_back, pulled[0]),
        pulled_bound=float(np.linalg.norm(pulled[1])),
    )


def _fault(predicted: LayerPrediction, true: Floats, pulled: tuple[Floats, Floats], found: LayerMeasurement) -> str:
    """What lies outside its bound."""
    faults = []
    if not _same(found.output, predicted.output, predicted.output_error, found):
        faults.append("output")
    if not _same(found.jacobian, true, predicted.jacobian_error, found):
        faults.append("Jacobian")
    elif not _same(found.pulled_back, *pulled, found):
        faults.append("coupling of rows")
    return " and ".join(faults)


def _pulled_back(true: Floats, error: Floats, found: LayerMeasurement, scale: float) -> tuple[Floats, Floats]:
    """The measurement's cotangent pulled back by the Jacobian as it should be, and a bound of the rounding.

    Through a branch by what that does to the whole batch, so that rows which meet inside it are blamed there alone.
    """
    if found.jacobian.shape != true.shape:
        return found.pulled_back, np.zeros_like(found.pulled_back)  # which is a fault already
    by_rows = "bi,bij->bj" if true.ndim == 3 else "bi,bicj->cj"
    value = np.einsum(by_rows, found.cotangent, true)
    sizes = abs(true)
    if found.branch_jacobian is not None and found.branch_pulled_back is not None:
        value = value + scale * (found.branch_pulled_back - np.einsum(by_rows, found.cotangent, found.branch_jacobian))
        sizes = sizes + abs(scale * found.branch_jacobian)
    terms = sizes[0].size / sizes.shape[-1]
    bound = error + SIDES * (terms + 2) * np.finfo(found.dtype).eps * sizes
    return value, np.einsum(by_rows, abs(found.cotangent), bound)


def _same(measured: Floats, predicted: Floats, bound: Floats, at: LayerMeasurement) -> bool:
    """Within the bound, entry by entry. Where the prediction overflows, and where the input of the layer has already
    done so (of any row, if rows are coupled), nothing is held against it."""
    if measured.shape != predicted.shape:
        return False
    fed: Any = np.isfinite(at.input).all(axis=1).reshape(-1, *(1,) * (predicted.ndim - 1))
    if at.jacobian.ndim == 4:
        fed = fed.all()
    known = fed & fits(predicted, at.dtype) & np.isfinite(bound)
    return bool(np.all((abs(measured - predicted) <= bound) | ~known))


def all_finite(found: dict[str, LayerMeasurement]) -> bool:
    return all(np.isfinite(at.output).all() and np.isfinite(at.jacobian).all() for at in found.values())


def _distance(a: Floats, b: Floats) -> float:
    return float(np.linalg.norm(a - b)) if a.shape == b.shape else float("inf")
