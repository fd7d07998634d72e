"""The two sides set side by side: the only place where a prediction meets a measurement."""

from typing import Any

import numpy as np
import torch

from residua_bridge.verdict import Discrepancy, Floats, Row, Uncertain, Verdict
from residua_network import Layer, ResiduaError
from residua_numeric import LayerMeasurement, Measurement, measure, measure_layers, modules_of, weights_of
from residua_symbolic import NetworkJacobian, Prediction, jacobian
from residua_symbolic.rounding import LayerPrediction, predict_block, predict_layer, product, spread
from residua_symbolic.weights import Weights

TOO_WIDE = 1e-2  # a bar of more than one percent of what is predicted decides nothing
SIGMAS = 4.0  # standard errors that count as sampling


def compare(
    prediction: NetworkJacobian | Prediction,
    measured: torch.nn.Module | Measurement,
    x: Any = None,
    *,
    weights: Weights | None = None,
) -> Discrepancy:
    """Set a derived Jacobian against a torch model at x of shape (batch, inputs), or any prediction against any
    measurement of the same quantity.

    With a Jacobian: every layer's output and Jacobian at the input that the model itself feeds it, and the product
    from `start` to `stop`. `weights` predicts with weights other than the model's. Raises ResiduaError where the two
    do not fit.
    """
    if isinstance(prediction, Prediction) and isinstance(measured, Measurement):
        return _pair(prediction, measured)
    if isinstance(prediction, NetworkJacobian) and isinstance(measured, torch.nn.Module):
        if x is None:
            raise ResiduaError(
                "compare: a Jacobian and a model are compared at inputs; give x of shape (batch, inputs)"
            )
        return _model(prediction, measured, x, weights_of(measured) if weights is None else weights)
    raise ResiduaError(
        "compare expects (a Jacobian, a torch model, x) or (a Prediction, a Measurement), "
        f"got ({type(prediction).__name__}, {type(measured).__name__})"
    )


def _pair(prediction: Prediction, measurement: Measurement) -> Discrepancy:
    if prediction.quantity != measurement.quantity:
        raise ResiduaError(f"compare: {prediction.quantity!r} was predicted, {measurement.quantity!r} was measured")
    if prediction.values.shape != measurement.values.shape:
        raise ResiduaError(f"compare: predicted {prediction.values.shape}, measured {measurement.values.shape}")
    sampling = np.zeros_like(prediction.error) if measurement.spread is None else SIGMAS * measurement.spread
    difference = measurement.values - prediction.values
    within = _within(difference, prediction.error + sampling)
    rounding, noise = float(np.linalg.norm(prediction.error)), float(np.linalg.norm(sampling))
    bar = rounding + noise
    verdict, reason = _verdict(within, prediction.values, measurement.values, bar)
    return Discrepancy(
        quantity=prediction.quantity,
        predicted=prediction.values,
        measured=measurement.values,
        difference=float(np.linalg.norm(difference)),
        causes={"rounding": rounding} | ({"sampling": noise} if noise else {}),
        unexplained=Uncertain(float(np.linalg.norm(difference)), bar),
        verdict=verdict,
        explained=within,
        reason=reason,
        scope={**prediction.scope, **measurement.scope, "dtype": measurement.dtype},
    )


def _model(J: NetworkJacobian, model: torch.nn.Module, x: Any, weights: Weights) -> Discrepancy:
    found = measure_layers(model, x)
    _same_layers(J, model)
    dtype = next(iter(found.values())).dtype
    point = np.asarray(x, dtype=dtype).astype(np.float64)  # the input as the model sees it
    predicted = J.evaluate(weights, point)
    dropped = None if J.dropped is None else J.dropped.evaluate(weights, point)
    measured = _measured(J, model, x, found)
    rows = tuple(_rows(J, found, weights, dtype))
    bar = _rounding(J, weights, point, dtype)
    difference = measured - predicted
    remainder = difference if dropped is None else difference - dropped
    raw, left = float(np.linalg.norm(difference)), float(np.linalg.norm(remainder))
    suspects = [row.layer for row in rows if row.fault]
    causes = {"rounding": bar}
    if dropped is not None:
        causes["approximation"] = float(np.linalg.norm(dropped))
    verdict, reason = _verdict(raw <= bar and not suspects, predicted, measured, bar)
    explained = left <= bar and not suspects
    return Discrepancy(
        quantity="jacobian",
        predicted=predicted,
        measured=measured,
        difference=raw,
        causes=causes,
        unexplained=Uncertain(left, bar),
        verdict=verdict,
        explained=explained,
        reason=_blame(reason, suspects, explained, verdict, dropped is not None),
        scope=_scope(J, len(point), dtype),
        rows=rows,
        title=J.title,
        assumptions=J.assumptions,
    )


def _rounding(J: NetworkJacobian, weights: Weights, x: Floats, dtype: str) -> float:
    """What rounding may add to measured − predicted (− dropped), as a norm."""
    bar = float(np.linalg.norm(spread(product(J, len(x)), J, weights, x, dtype)))
    if J.assume is None:
        return bar
    exact = jacobian(J.network, J.start, J.stop)
    return bar + float(np.linalg.norm(spread(product(exact, len(x)), exact, weights, x, dtype)))


def _scope(J: NetworkJacobian, batch: int, dtype: str) -> dict[str, Any]:
    widths = J.network.sizes[J.start : J.stop + 2]
    sizes = f"{min(widths)}" if min(widths) == max(widths) else f"{min(widths)}–{max(widths)}"
    return {"layers": len(J.factors), "width": sizes, "batch": batch, "dtype": dtype}


def _blame(reason: str, suspects: list[str], explained: bool, verdict: Verdict, assumed: bool) -> str:
    if verdict is Verdict.INCONCLUSIVE:
        return reason
    if suspects:
        return f"at fault: {', '.join(suspects)}"
    if not explained:
        return "every layer agrees by itself; the way they are put together does not"
    return "what the assumption drops accounts for it" if assumed and verdict is Verdict.DIFFER else reason


def _verdict(within: bool, predicted: Floats, measured: Floats, bar: float) -> tuple[Verdict, str]:
    """The word, and the reason for it. NaN and infinity on the predicted side leave it open; on the measured side
    alone they differ."""
    if not np.isfinite(predicted).all():
        return (
            Verdict.INCONCLUSIVE,
            "the prediction overflows; smaller weights or fewer layers would tell",
        )
    if not np.isfinite(measured).all():
        return Verdict.DIFFER, "the measurement is not finite where the prediction is"
    if not within:
        return Verdict.DIFFER, "the difference exceeds rounding"
    size = max(float(np.linalg.norm(predicted)), float(np.linalg.norm(measured)))
    if not np.isfinite(bar) or bar > TOO_WIDE * max(size, _unit(predicted)):
        return (
            Verdict.INCONCLUSIVE,
            f"rounding alone may be {bar:.1e} of {size:.1e}; float64 or fewer layers would tell",
        )
    return Verdict.AGREE, "the difference lies within rounding"


def _unit(values: Floats) -> float:
    """What is not negligible for a product that vanishes: rounding of entries of the size of one."""
    return float(np.finfo(np.float64).eps * values.size) / TOO_WIDE


def _within(difference: Floats, bound: Floats) -> bool:
    """Whether every entry lies within its bound; NaN does not."""
    return bool(np.all(abs(difference) <= bound))


def _same_layers(J: NetworkJacobian, model: torch.nn.Module) -> None:
    described, present = [name for name, _ in J.network.walk()], list(modules_of(model))
    if described != present:
        odd = next((a or b for a, b in _zip_longest(described, present) if a != b), "")
        raise ResiduaError(
            f'compare: the description has {len(described)} layers, the model {len(present)}; they part at "{odd}"'
        )


def _zip_longest(a: list[str], b: list[str]) -> list[tuple[str, str]]:
    length = max(len(a), len(b))
    return list(zip(a + [""] * (length - len(a)), b + [""] * (length - len(b)), strict=True))


def _measured(J: NetworkJacobian, model: torch.nn.Module, x: Any, found: dict[str, LayerMeasurement]) -> Floats:
    """The Jacobian of the model, or of its layers from `start` to `stop` at the input that the model feeds them."""
    if (J.start, J.stop) == (0, len(J.network.layers) - 1):
        return measure(model, "jacobian", x).values
    modules = modules_of(model)
    part = torch.nn.Sequential(*(modules[str(k)] for k in range(J.start, J.stop + 1)))
    mode = model.training
    try:
        return measure(part, "jacobian", found[str(J.start)].input).values
    finally:
        model.train(mode)


def _rows(J: NetworkJacobian, found: dict[str, LayerMeasurement], weights: Weights, dtype: str) -> list[Row]:
    wanted = {str(k) for k in range(J.start, J.stop + 1)}
    layers = [(name, layer) for name, layer in J.network.walk() if name.partition(".")[0] in wanted]
    missing = [name for name, _ in layers if name not in found]
    if missing:
        raise ResiduaError(f'compare: the model never calls its layer "{missing[0]}"')
    return [_row(name, layer, found[name], J, weights, dtype) for name, layer in layers]


def _row(name: str, layer: Layer, found: LayerMeasurement, J: NetworkJacobian, weights: Weights, dtype: str) -> Row:
    if found.branch_output is not None and found.branch_jacobian is not None:
        branch = found.branch_output, found.branch_jacobian
        predicted = predict_block(layer, found.input, weights, name, branch, dtype)
    else:
        parameters = {p: weights[f"{name}.{p}"] for p in layer.shapes}
        predicted = predict_layer(layer, found.input, parameters, J.assume, dtype)
    fault = _fault(predicted, found)
    difference = _distance(found.jacobian, predicted.jacobian)
    differs = not _same(found.jacobian, predicted.jacobian, predicted.jacobian_error)
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
    if not _same(found.output, predicted.output, predicted.output_error):
        faults.append("output")
    if not _same(found.jacobian, true, predicted.jacobian_error):
        faults.append("Jacobian")
    return " and ".join(faults)


def _same(measured: Floats, predicted: Floats, bound: Floats) -> bool:
    """Within the bound, entry by entry. Where the prediction itself overflows nothing is held against the layer."""
    if measured.shape != predicted.shape:
        return False
    known = np.isfinite(predicted) & np.isfinite(bound)
    return bool(np.all((abs(measured - predicted) <= bound) | ~known))


def _distance(a: Floats, b: Floats) -> float:
    return float(np.linalg.norm(a - b)) if a.shape == b.shape else float("inf")
