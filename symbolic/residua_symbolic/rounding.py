"""How far rounding alone can move what is predicted: a bound for one layer, an estimate for a product through depth."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from residua_network import Layer
from residua_symbolic.domains.rounded import UNIT, Rounded, RoundedDomain
from residua_symbolic.factors import derivation_of
from residua_symbolic.jacobian import NetworkJacobian
from residua_symbolic.layers import apply
from residua_symbolic.linearised import identity_rows, layer_values, linearise, operator_at
from residua_symbolic.weights import Floats, Weights

SIDES = 2.0  # prediction and measurement both round
SAMPLES = 8  # repetitions in Monte Carlo arithmetic
SPREAD = 4.0  # the largest of 8 deviations, doubled for what 8 did not show, and once more for the two sides


@dataclass(frozen=True)
class LayerPrediction:
    """One layer at given inputs: output (batch, m), jacobian (batch, m, n), their rounding, and what is dropped."""

    output: Floats
    output_error: Floats
    jacobian: Floats
    jacobian_error: Floats
    dropped: Floats | None


def predict_layer(
    layer: Layer,
    x: Floats,
    parameters: Mapping[str, Floats],
    assume: str | None = None,
    dtype: str = "float64",
    branch: tuple[Floats, Floats] | None = None,
) -> LayerPrediction:
    """Predict a layer at its own input x of shape (batch, n), with a bound of the rounding on both sides together.

    `dtype` is that of the measurement. For a composite, `branch` holds output and Jacobian of what is inside it.
    """
    domain = RoundedDomain(UNIT[dtype])
    with np.errstate(all="ignore"):  # what overflows ends as inf or NaN, and no comparison passes those
        if branch is None:
            y, values = layer_values(domain, layer, domain.array(x), parameters)
        else:
            y, values = _composite(domain, layer, x, branch)
        derivation = derivation_of(layer, assume)
        unit_vectors = domain.array(identity_rows(len(x), x.shape[1]))
        columns = operator_at(domain, layer, derivation.operator, values).apply(unit_vectors)
        lost = derivation.dropped
        dropped = None
        if lost is not None and lost.terms:
            dropped = operator_at(domain, layer, lost, values).apply(unit_vectors).value.swapaxes(1, 2)
    shape = (len(x), y.shape[-1], x.shape[1])
    return LayerPrediction(
        np.array(y.value),
        SIDES * np.broadcast_to(y.error, y.shape),
        np.broadcast_to(columns.value.swapaxes(1, 2), shape),
        SIDES * np.broadcast_to(columns.error, columns.shape).swapaxes(1, 2),
        dropped,
    )


def _composite(
    domain: RoundedDomain, layer: Layer, x: Floats, branch: tuple[Floats, Floats]
) -> tuple[Rounded, dict[str, object]]:
    output, jacobian = branch
    y = apply(domain, layer, domain.array(x), {}, branch=lambda _: output)
    return y, {"x": x, "J_F": jacobian, "alpha": layer.scale, "n": x.shape[-1]}  # type: ignore[attr-defined]


def product_error(J: NetworkJacobian, weights: Weights, x: Floats, dtype: str = "float64", seed: int = 0) -> float:
    """Frobenius norm that rounding may give to measured minus predicted product, by Monte Carlo arithmetic.

    An estimate, not a bound: a bound carried through many layers grows exponentially and says nothing.
    """
    base = J.evaluate(weights, x)
    deviations = []
    for sample in range(SAMPLES):
        domain = partial(RoundedDomain, UNIT[dtype], np.random.default_rng([seed, sample]))
        o = domain()
        with np.errstate(all="ignore"):
            h, _ = linearise(J.network.layers[: J.start], o.array(x), weights, domain=domain)
            _, chain = linearise(J.layers, h, weights, J.assume, first=J.start, domain=domain)
            rows = chain.transpose(o.array(identity_rows(len(x), J.factors[0].outputs)))
        deviations.append(float(np.linalg.norm(rows.value - base)))
    return SPREAD * max(deviations)
