"""The two sides set side by side: the only place where a prediction meets a measurement."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from residua_bridge.verdict import Discrepancy, Floats, Row, Uncertain, Verdict
from residua_network import Layer, ResiduaError
from residua_numeric import LayerMeasurement, Measurement, measure, measure_layers, modules_of, weights_of
from residua_numeric.derivatives import to_float64
from residua_numeric.measure import inputs_of
from residua_symbolic import NetworkJacobian, Prediction, jacobian
from residua_symbolic.layer import CONSTANT_STATISTICS
from residua_symbolic.rounding import LayerPrediction, predict_block, predict_layer, product, spread
from residua_symbolic.weights import Weights

TOO_WIDE = 1e-2  # a bar of more than one percent of what is predicted decides nothing
SIGMAS = 4.0  # standard errors that count as sampling
_TOGETHER = "every layer agrees by itself; the way they are put together does not"


def compare(
    prediction: NetworkJacobian | Prediction,
    measured: torch.nn.Module | Measurement,
    x: Any = None,
    *,
    weights: Weights | None = None,
    exact: Prediction | None = None,
) -> Discrepancy:
    """Set a derived Jacobian against a torch model at x of shape (batch, inputs), or any prediction against any
    measurement of the same quantity.

    With a Jacobian: every layer's output and Jacobian at the input that the model itself feeds it, and the product
    from `start` to `stop`. `weights` predicts with weights other than the model's; `exact` is the same prediction
    without its assumption, from which the size of the approximation follows. Raises ResiduaError where the two do not
    fit.
    """
    if isinstance(prediction, Prediction) and isinstance(measured, Measurement):
        with np.errstate(all="ignore"):  # what overflows ends as inf or NaN, and no comparison passes those
            return _pair(prediction, measured, exact)
    if isinstance(prediction, NetworkJacobian) and isinstance(measured, torch.nn.Module):
        if x is None:
            raise ResiduaError(
                "compare: a Jacobian and a model are compared at inputs; give x of shape (batch, inputs)"
            )
        with np.errstate(all="ignore"):
            return _model(prediction, measured, x, weights)
    raise ResiduaError(
        "compare expects (a Jacobian, a torch model, x) or (a Prediction, a Measurement), "
        f"got ({type(prediction).__name__}, {type(measured).__name__})"
    )


def _pair(prediction: Prediction, measurement: Measurement, exact: Prediction | None) -> Discrepancy:
    for other in (measurement, exact or prediction):
        if prediction.quantity != other.quantity or prediction.values.shape != other.values.shape:
            raise ResiduaError(
                f"compare: {prediction.quantity!r} of shape {prediction.values.shape} was predicted, "
                f"got {other.quantity!r} of shape {other.values.shape}"
            )
    dtype = prediction.scope.get("dtype", measurement.dtype)
    if dtype != measurement.dtype:
        raise ResiduaError(f"compare: the rounding of {dtype} was predicted, the measurement is {measurement.dtype}")
    sampling = np.zeros_like(prediction.error) if measurement.spread is None else SIGMAS * measurement.spread
    approximation = np.zeros_like(prediction.values) if exact is None else exact.values - prediction.values
    difference = measurement.values - prediction.values
    error = prediction.error + sampling + (0.0 if exact is None else exact.error)
    sizes = {"rounding": prediction.error, "sampling": sampling, "approximation": approximation}
    causes = {name: float(np.linalg.norm(size)) for name, size in sizes.items() if name == "rounding" or size.any()}
    bar = float(np.linalg.norm(error))
    verdict, reason = _verdict(
        _within(difference, error), prediction.values, measurement.values, bar, prediction.scale, measurement.dtype
    )
    return Discrepancy(
        quantity=prediction.quantity,
        predicted=prediction.values,
        measured=measurement.values,
        difference=float(np.linalg.norm(difference)),
        causes=causes,
        unexplained=Uncertain(float(np.linalg.norm(difference - approximation)), bar),
        verdict=verdict,
        explained=_within(difference - approximation, error),
        reason=reason,
        scope={**prediction.scope, **measurement.scope, "dtype": measurement.dtype},
    )


def _model(J: NetworkJacobian, model: torch.nn.Module, x: Any, weights: Weights | None) -> Discrepancy:
    point = to_float64(inputs_of(model, x, "compare"))  # the input as the model sees it
    found = measure_layers(model, x)
    _same_layers(J, model, found)
    if weights is None:
        weights = weights_of(model)
    dtype = next(iter(found.values())).dtype
    predicted = J.evaluate(weights, point)
    dropped = None if J.dropped is None else J.dropped.evaluate(weights, point)
    measured = _measured(J, model, x, found)
    rows = tuple(_rows(J, found, weights, dtype))
    bar = _rounding(J, weights, point, dtype)
    difference = measured - predicted
    remainder = difference if dropped is None else difference - dropped
    raw, left = float(np.linalg.norm(difference)), float(np.linalg.norm(remainder))
    blame = _blame([row.layer for row in rows if row.fault], _unchained(J, found, point))
    causes = {"rounding": bar}
    if dropped is not None:
        causes["approximation"] = float(np.linalg.norm(dropped))
    verdict, reason = _verdict(raw <= bar, predicted, measured, bar, _scale(J, weights, point), dtype)
    if blame:
        verdict, reason = Verdict.DIFFER, blame
    elif verdict is Verdict.DIFFER and not _finite(found):
        verdict, reason = (
            Verdict.INCONCLUSIVE,
            f"values overflow in {dtype}; smaller weights or fewer layers would tell",
        )
    explained = left <= bar and not blame
    return Discrepancy(
        quantity="jacobian",
        predicted=predicted,
        measured=measured,
        difference=raw,
        causes=causes,
        unexplained=Uncertain(left, bar),
        verdict=verdict,
        explained=explained,
        reason=reason if blame or verdict is not Verdict.DIFFER else _remainder(explained),
        scope=_scope(J, len(point), dtype),
        rows=rows,
        title=J.title,
        assumptions=J.assumptions,
    )


def _rounding(J: NetworkJacobian, weights: Weights, x: Floats, dtype: str) -> float:
    """What rounding may add to measured − predicted (− dropped), as a norm."""
    entries = spread(product(J, len(x)), J, weights, x, dtype)
    bar = float(np.linalg.norm(entries + np.where(entries > 0, np.finfo(dtype).tiny, 0.0)))  # the latter: underflow
    if J.assume is None:
        return bar
    exact = jacobian(J.network, J.start, J.stop)
    return bar + float(np.linalg.norm(spread(product(exact, len(x)), exact, weights, x, dtype)))


def _scope(J: NetworkJacobian, batch: int, dtype: str) -> dict[str, Any]:
    widths = J.network.sizes[J.start : J.stop + 2]
    sizes = f"{min(widths)}" if min(widths) == max(widths) else f"{min(widths)}–{max(widths)}"
    return {"layers": len(J.factors), "width": sizes, "batch": batch, "dtype": dtype}


def _blame(suspects: list[str], unchained: list[str]) -> str:
    """What is wrong with the model whatever the product says; "" for nothing."""
    if suspects:
        return f"at fault: {', '.join(suspects)}"
    if unchained:
        return f'{_TOGETHER}: "{unchained[0]}" is not fed what comes before it'
    return ""


def _remainder(explained: bool) -> str:
    return "what the assumption drops accounts for it" if explained else _TOGETHER


def _scale(J: NetworkJacobian, weights: Weights, x: Floats) -> float:
    """Size of the terms that cancel where a product vanishes: its norm with the statistics held constant."""
    kept = jacobian(J.network, J.start, J.stop, CONSTANT_STATISTICS)
    return float(np.linalg.norm(kept.evaluate(weights, x)))


def _verdict(
    within: bool, predicted: Floats, measured: Floats, bar: float, scale: float, dtype: str
) -> tuple[Verdict, str]:
    """The word, and the reason for it. `scale` is what a bar may be measured by where the prediction itself is zero.

    NaN and infinity on the predicted side leave it open; on the measured side alone they differ.
    """
    if not _fits(predicted, dtype).all():
        return Verdict.INCONCLUSIVE, f"the prediction overflows {dtype}; smaller weights or fewer layers would tell"
    if not np.isfinite(measured).all():
        return Verdict.DIFFER, "the measurement is not finite where the prediction is"
    if not within:
        return Verdict.DIFFER, "the difference exceeds rounding"
    size = max(float(np.linalg.norm(predicted)), float(np.linalg.norm(measured)), scale)
    if not bar <= TOO_WIDE * size:
        return (
            Verdict.INCONCLUSIVE,
            f"rounding alone may be {bar:.1e} of {size:.1e}; float64 or fewer layers would tell",
        )
    return Verdict.AGREE, "the difference lies within rounding"


def _within(difference: Floats, bound: Floats) -> bool:
    """Whether every entry lies within its bound; NaN does not."""
    return bool(np.all(abs(difference) <= bound))


def _same_layers(J: NetworkJacobian, model: torch.nn.Module, found: dict[str, LayerMeasurement]) -> None:
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


def _unchained(J: NetworkJacobian, found: dict[str, LayerMeasurement], x: Floats) -> list[str]:
    """The layers up to `stop` that are not fed, bit for bit, what the layer before them gave."""
    given, unchained = {"": x}, []
    for name, _ in _layers(J, 0):
        sequence = name.rpartition(".")[0]
        if not np.array_equal(found[name].input, given[sequence], equal_nan=True):
            unchained.append(name)
        given |= {sequence: found[name].output, f"{name}.branch": found[name].input}
    return unchained


def _layers(J: NetworkJacobian, start: int) -> list[tuple[str, Layer]]:
    """The layers from `start` to the last of J, those inside branches too."""
    wanted = {str(k) for k in range(start, J.stop + 1)}
    return [(name, layer) for name, layer in J.network.walk() if name.partition(".")[0] in wanted]


def _zip_longest(a: list[str], b: list[str]) -> list[tuple[str, str]]:
    length = max(len(a), len(b))
    return list(zip(a + [""] * (length - len(a)), b + [""] * (length - len(b)), strict=True))


def _measured(J: NetworkJacobian, model: torch.nn.Module, x: Any, found: dict[str, LayerMeasurement]) -> Floats:
    """The Jacobian of the model, or of its layers from `start` to `stop` at the input that the model feeds them."""
    if (J.start, J.stop) == (0, len(J.network.layers) - 1):
        return measure(model, "jacobian", x).values
    modules = modules_of(model)
    part = torch.nn.Sequential(*(modules[str(k)] for k in range(J.start, J.stop + 1)))
    return measure(part, "jacobian", found[str(J.start)].input).values


def _rows(J: NetworkJacobian, found: dict[str, LayerMeasurement], weights: Weights, dtype: str) -> Iterator[Row]:
    """The layers from `start` to `stop`; before them those with a faulty output, which moves the input at `start`."""
    own = {name for name, _ in _layers(J, J.start)}
    for name, layer in _layers(J, 0):
        row = _row(name, layer, found[name], weights, J.assume if name in own else None, dtype)
        if name in own or "output" in row.fault:
            yield row


def _row(name: str, layer: Layer, found: LayerMeasurement, weights: Weights, assume: str | None, dtype: str) -> Row:
    if found.branch_output is not None and found.branch_jacobian is not None:
        branch = found.branch_output, found.branch_jacobian
        predicted = predict_block(layer, found.input, weights, name, branch, dtype)
    else:
        parameters = {p: weights[f"{name}.{p}"] for p in layer.shapes}
        predicted = predict_layer(layer, found.input, parameters, assume, dtype)
    fault = _fault(predicted, found)
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
    )


def _fault(predicted: LayerPrediction, found: LayerMeasurement) -> str:
    """What lies outside its bound, once what the assumption drops has been put back."""
    true = predicted.jacobian if predicted.dropped is None else predicted.jacobian + predicted.dropped
    faults = []
    if not _same(found.output, predicted.output, predicted.output_error, found):
        faults.append("output")
    if not _same(found.jacobian, true, predicted.jacobian_error, found):
        faults.append("Jacobian")
    return " and ".join(faults)


def _same(measured: Floats, predicted: Floats, bound: Floats, at: LayerMeasurement) -> bool:
    """Within the bound, entry by entry. Where the prediction overflows, and where the input of the layer has already
    done so, nothing is held against it."""
    if measured.shape != predicted.shape:
        return False
    fed = np.isfinite(at.input).all(axis=1).reshape(-1, *(1,) * (predicted.ndim - 1))
    known = fed & _fits(predicted, at.dtype) & np.isfinite(bound)
    return bool(np.all((abs(measured - predicted) <= bound) | ~known))


def _fits(values: Floats, dtype: str) -> Any:
    """Which values are finite in the dtype of the measurement; NaN is not."""
    return abs(values) <= np.finfo(dtype).max


def _finite(found: dict[str, LayerMeasurement]) -> bool:
    return all(np.isfinite(at.output).all() and np.isfinite(at.jacobian).all() for at in found.values())


def _distance(a: Floats, b: Floats) -> float:
    return float(np.linalg.norm(a - b)) if a.shape == b.shape else float("inf")
