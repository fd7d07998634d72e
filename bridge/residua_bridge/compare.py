"""The two sides set side by side: the only place where a prediction meets a measurement."""

from typing import Any

import numpy as np
import torch

from residua_bridge.judgement import entries_within, judge, row_norms, rows_within
from residua_bridge.layerwise import all_finite, judged, measured_product, same_layers, unchained
from residua_bridge.verdict import Discrepancy, Floats, Uncertain, Verdict
from residua_network import ResiduaError
from residua_numeric import Measurement, measure, measure_layers, modules_of, statistics_of, weights_of
from residua_numeric.derivatives import to_float64
from residua_numeric.measure import inputs_of
from residua_symbolic import NetworkJacobian, NetworkSeries, Prediction, jacobian
from residua_symbolic.layer import CONSTANT_STATISTICS
from residua_symbolic.prediction import RESOLUTION
from residua_symbolic.rounding import product, spread
from residua_symbolic.series.networks.network import network_series
from residua_symbolic.weights import Weights

SIGMAS = 4.0  # standard errors that count as sampling
_TOGETHER = "every layer agrees by itself; the way they are put together does not"


def compare(
    prediction: NetworkJacobian | NetworkSeries | Prediction,
    measured: torch.nn.Module | Measurement,
    x: Any = None,
    *,
    weights: Weights | None = None,
    exact: Prediction | None = None,
    bits: int | None = None,
) -> Discrepancy:
    """Set a derived Jacobian against a torch model at x of shape (batch, inputs), a network's Taylor series against the
    model's own coefficients, or any prediction against any measurement of the same quantity.

    With a Jacobian: every layer's output and Jacobian at the input that the model itself feeds it, and the product
    from `start` to `stop`. `weights` predicts with weights other than the model's; `bits` evaluates the formula in ball
    arithmetic of that precision, so that its own rounding is known (small networks). Batch norms of the model use the
    statistics that the description states; modes and buffers are restored. With a series along a direction: its
    coefficients, certified, against those measured at its own point. With a prediction: `exact` is the same
    without its assumption, from which the size of the approximation follows. Raises ResiduaError where the two do not
    fit, and for an argument that is not of use to them.
    """
    if isinstance(prediction, Prediction) and isinstance(measured, Measurement):
        _refuse("a Prediction and a Measurement", x=x, weights=weights, bits=bits)
        with np.errstate(all="ignore"):  # what overflows ends as inf or NaN, and no comparison passes those
            return _pair(prediction, measured, exact)
    if isinstance(prediction, NetworkSeries) and isinstance(measured, torch.nn.Module):
        _refuse("a Taylor series and a model", x=x, weights=weights, exact=exact)
        with np.errstate(all="ignore"):
            return _pair(*_coefficients(prediction, measured, bits), None)
    if isinstance(prediction, NetworkJacobian) and isinstance(measured, torch.nn.Module):
        if x is None:
            raise ResiduaError(
                "compare: a Jacobian and a model are compared at inputs; give x of shape (batch, inputs)"
            )
        _refuse("a Jacobian and a model", exact=exact)
        with np.errstate(all="ignore"):
            return _model(prediction, measured, x, weights, bits)
    raise ResiduaError(
        "compare expects (a Jacobian, a torch model, x), (a Taylor series, a torch model) or (a Prediction, a "
        "Measurement), "
        f"got ({type(prediction).__name__}, {type(measured).__name__})"
    )


def _refuse(compared: str, **given: Any) -> None:
    """Raises ResiduaError for what would be ignored."""
    for name, value in given.items():
        if value is not None:
            raise ResiduaError(f"compare: {compared} are compared without `{name}`, got {type(value).__name__}")


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
    discretisation = np.zeros_like(prediction.error) if measurement.error is None else measurement.error
    difference = measurement.values - prediction.values
    error = prediction.error + sampling + discretisation + (0.0 if exact is None else exact.error)
    sizes = {
        "rounding": prediction.error,
        "sampling": sampling,
        "discretisation": discretisation,
        "approximation": approximation,
    }
    within = entries_within(difference, error)
    sides = prediction.values, measurement.values, error
    verdict, reason = judge(within, *sides, prediction.scale, measurement.dtype, prediction.resolution)
    return Discrepancy(
        quantity=prediction.quantity,
        predicted=prediction.values,
        measured=measurement.values,
        difference=_norm(difference),
        causes={name: _norm(size) for name, size in sizes.items() if name == "rounding" or size.any()},
        unexplained=Uncertain(_norm(difference - approximation), _norm(error)),
        verdict=verdict,
        explained=entries_within(difference - approximation, error),
        reason=reason,
        scope={**prediction.scope, **measurement.scope, "dtype": measurement.dtype},
    )


def _coefficients(series: NetworkSeries, model: torch.nn.Module, bits: int | None) -> tuple[Prediction, Measurement]:
    """Taylor coefficients along the series' direction: in balls, and by Cauchy's integral of the model."""
    if series.along is None:
        raise ResiduaError(
            "compare: a Taylor series and a model are compared along a direction; give taylor an `along`"
        )
    net, at, along = series.network, np.atleast_2d(series.at), series.along
    certified = network_series(
        net, series.order, series.weights, series.at, along, certified=True, bits=bits or series.bits
    )
    shape = (series.order + 1, len(at), net.outputs)
    values = certified.values.reshape(shape)
    error = certified.enclosure.distance(certified.values).reshape(shape)
    scope = {"order": series.order, "layers": len(net.layers), "outputs": net.outputs}
    measured = measure(
        model,
        "taylor coefficients",
        at,
        along=along if isinstance(along, dict) else np.atleast_2d(along),
        order=series.order,
        statistics=statistics_of(net) or None,
    )
    largest = float(row_norms(values).max())  # where a coefficient vanishes, its bar is measured by the others
    return Prediction(measured.quantity, values, error, scope, scale=largest), measured


def _model(
    J: NetworkJacobian, model: torch.nn.Module, x: Any, weights: Weights | None, bits: int | None
) -> Discrepancy:
    point = to_float64(inputs_of(model, x, "compare"))  # the input as the model sees it
    present = modules_of(model)  # a layer that is not there is reported below
    statistics = {name: word for name, word in statistics_of(J.network).items() if name in present}
    found = measure_layers(model, x, statistics)
    same_layers(J, model, found)
    if weights is None:
        weights = weights_of(model)
    dtype = next(iter(found.values())).dtype
    predicted, measured = J.evaluate(weights, point), measured_product(J, model, x, found)
    certified, radius = {}, np.zeros(())
    if bits is not None:
        enclosure = J.enclose(weights, point, bits)
        certified = {"rounding of the formula, certified": _norm(enclosure.distance(predicted))}
        predicted, radius = enclosure.middle, enclosure.radius
    dropped = np.zeros_like(predicted) if J.dropped is None else J.dropped.evaluate(weights, point)
    difference, error = measured - predicted, radius + _rounding(J, weights, point, dtype)
    within = rows_within(difference, error)
    scale = _scale(J, weights, point)
    verdict, reason = judge(within, predicted, measured, error, scale, dtype, RESOLUTION)
    rows = tuple(judged(J, found, weights, dtype, put_back=True))
    if J.assume is not None and within:  # the model may do what the assumption says
        as_assumed = tuple(judged(J, found, weights, dtype, put_back=False))
        rows = rows if any(row.fault for row in as_assumed) else as_assumed
    blame = _blame([row.layer for row in rows if row.fault], unchained(J, model, found, point))
    explained = not blame and (within or rows_within(difference - dropped, error))
    if bits is not None and verdict is Verdict.INCONCLUSIVE and _norm(radius) > _norm(error) / 2:
        reason = f"{bits} bits leave {np.max(radius):.1e} open; more bits would tell"
    if blame:
        verdict, reason = Verdict.DIFFER, blame
    elif verdict is Verdict.DIFFER and not (all_finite(found) and all(np.isfinite(row.bound) for row in rows)):
        verdict = Verdict.INCONCLUSIVE
        reason = f"values overflow in {dtype}; smaller weights or fewer layers would tell"
    elif verdict is Verdict.DIFFER:
        reason = "what the assumption drops accounts for it" if explained else _TOGETHER
    approximation = {} if J.assume is None else {"approximation": _norm(dropped)}
    return Discrepancy(
        quantity="jacobian",
        predicted=predicted,
        measured=measured,
        difference=_norm(difference),
        causes={"rounding": _norm(error), **certified, **approximation},
        unexplained=Uncertain(_norm(difference if within else difference - dropped), _norm(error)),
        verdict=verdict,
        explained=explained,
        reason=reason,
        scope=_scope(J, len(point), dtype),
        rows=rows,
        title=J.title,
        assumptions=J.assumptions,
    )


def _rounding(J: NetworkJacobian, weights: Weights, x: Floats, dtype: str) -> Floats:
    """What rounding may add to every entry of measured − predicted (− dropped)."""
    entries = spread(product(J, len(x)), J, weights, x, dtype)
    entries = entries + np.where(entries > 0, np.finfo(dtype).tiny, 0.0)  # the latter: underflow
    if J.assume is None:
        return entries
    exact = jacobian(J.network, J.start, J.stop)
    return entries + spread(product(exact, len(x)), exact, weights, x, dtype)


def _scope(J: NetworkJacobian, batch: int, dtype: str) -> dict[str, Any]:
    widths = J.network.sizes[J.start : J.stop + 2]
    sizes = f"{min(widths)}" if min(widths) == max(widths) else f"{min(widths)}–{max(widths)}"
    statistics = sorted(set(statistics_of(J.network).values()))
    used = {"statistics": " and ".join(statistics)} if statistics else {}
    return {"layers": len(J.factors), "width": sizes, "batch": batch, **used, "dtype": dtype}


def _blame(suspects: list[str], odd: list[str]) -> str:
    """What is wrong with the model whatever the product says; "" for nothing."""
    if suspects:
        return f"at fault: {', '.join(suspects)}"
    if odd == ["output"]:
        return f"{_TOGETHER}: the output is not what the last layer gives"
    if odd:
        return f'{_TOGETHER}: "{odd[0]}" is not fed what comes before it'
    return ""


def _scale(J: NetworkJacobian, weights: Weights, x: Floats) -> Floats:
    """Size, in each row, of the terms that cancel where a product vanishes: with the statistics held constant."""
    kept = jacobian(J.network, J.start, J.stop, CONSTANT_STATISTICS)
    return row_norms(kept.evaluate(weights, x))


def _norm(values: Floats) -> float:
    return float(np.linalg.norm(values))
