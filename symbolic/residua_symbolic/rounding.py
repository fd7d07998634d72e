"""How far rounding alone can move what is predicted: a bound for one layer, an estimate for a product through depth."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from residua_network import Layer
from residua_symbolic.domains.floats import FloatDomain
from residua_symbolic.domains.rounded import UNIT, Rounded, RoundedDomain
from residua_symbolic.factors import operators_of
from residua_symbolic.jacobian import NetworkJacobian
from residua_symbolic.layers import apply
from residua_symbolic.linearised import (
    Chain,
    DomainOf,
    from_columns,
    identity_rows,
    layer_values,
    linearise,
    over_all_rows,
    row_norms,
)
from residua_symbolic.paths import by_length
from residua_symbolic.weights import Floats, Weights

Quantity = Callable[[Chain, Callable[[Floats], Any]], Floats]  # of a chain, and how an array enters its arithmetic

SIDES = 2.0  # prediction and measurement both round
SAMPLES = 8  # repetitions in Monte Carlo arithmetic
SPREAD = 4.0  # the largest of 8 deviations, doubled for what 8 did not show, and once more for the two sides


@dataclass(frozen=True)
class LayerPrediction:
    """One layer at given inputs: output (batch, m), jacobian (batch, m, n), and what an assumption drops from that.

    Where the layer couples the rows, Jacobians are (batch, m, batch, n). The errors bound what rounding may do; that of
    the Jacobian counts the dropped part in.
    """

    output: Floats
    output_error: Floats
    jacobian: Floats
    jacobian_error: Floats
    dropped: Floats | None


def predict_layer(
    layer: Layer, x: Floats, parameters: Weights, assume: str | None = None, dtype: str = "float64"
) -> LayerPrediction:
    """Predict a layer at its own input x of shape (batch, n), with a bound of the rounding on both sides together.

    `dtype` is that of the measurement.
    """
    domain = RoundedDomain(UNIT[dtype])
    with np.errstate(all="ignore"):  # what overflows ends as inf or NaN, and no comparison passes those
        y, values = layer_values(domain, layer, domain.array(x), parameters)
        found = _prediction(domain, layer, assume, y, values, x)
    if not _overflows(domain, x, dtype):
        return found
    unknown = np.full_like(found.output_error, np.inf), np.full_like(found.jacobian_error, np.inf)
    return replace(found, output_error=unknown[0], jacobian_error=unknown[1])


def _overflows(domain: RoundedDomain, x: Floats, dtype: str) -> bool:
    """Whether a sum that the forward map takes may overflow on the way, though its result need not: nothing is known
    of what a side computes then."""
    largest = max((float(np.max(abs(_plain(value)), initial=0.0)) for value in domain.names.values()), default=0.0)
    return not largest * max(x.shape) <= np.finfo(dtype).max


def predict_block(
    layer: Layer, x: Floats, weights: Weights, name: str, branch: tuple[Floats, Floats], dtype: str = "float64"
) -> LayerPrediction:
    """Predict a composite at its input x from output (batch, n) and Jacobian (batch, n, n) of its branch as measured.

    A branch measured alone and the same branch inside its block round differently: by what Monte Carlo arithmetic
    shows for it at these weights.
    """
    domain = RoundedDomain(UNIT[dtype])
    coupled, shape = layer.couples_rows, x.shape
    stacked = np.reshape(x, (1, -1)) if coupled else x  # rows that are coupled are one row of B · n features
    sizes = (stacked.shape, (*stacked.shape, stacked.shape[1]))
    with np.errstate(all="ignore"):
        errors = _branch_spread(layer, x, weights, name, dtype)
        output, jacobian = (
            Rounded(value.reshape(size), error.reshape(size), UNIT[dtype])
            for value, error, size in zip(branch, errors, sizes, strict=True)
        )
        y = apply(domain, layer, domain.array(stacked), {}, branch=lambda _: output)
        values = {"x": stacked, "J_F": jacobian, "alpha": layer.scale, "n": stacked.shape[-1]}  # type: ignore[attr-defined]
        found = _prediction(domain, layer, None, y, values, stacked)
    if not coupled:
        return found
    both = (*shape, *shape)
    return LayerPrediction(
        found.output.reshape(shape),
        found.output_error.reshape(shape),
        found.jacobian.reshape(both),
        found.jacobian_error.reshape(both),
        None,
    )


def _prediction(
    domain: RoundedDomain, layer: Layer, assume: str | None, y: Rounded, values: Mapping[str, Any], x: Floats
) -> LayerPrediction:
    kept, lost = operators_of(layer, assume)
    coupled = layer.couples_rows and not layer.branch
    unit_vectors = domain.array(over_all_rows(identity_rows(*x.shape)) if coupled else identity_rows(*x.shape))
    columns = from_columns(kept.at(values, domain).apply(unit_vectors), coupled)
    dropped, dropped_error = None, np.zeros(())
    if lost is not None:
        missing = from_columns(lost.at(values, domain).apply(unit_vectors), coupled)
        dropped, dropped_error = missing.value, missing.error
    shape = (*y.shape, *x.shape) if coupled else (*y.shape, x.shape[1])
    return LayerPrediction(
        np.array(y.value),
        SIDES * np.broadcast_to(y.error, y.shape),
        np.broadcast_to(columns.value, shape),
        SIDES * (np.broadcast_to(columns.error, shape) + dropped_error),
        dropped,
    )


def _branch_spread(layer: Layer, x: Floats, weights: Weights, name: str, dtype: str) -> tuple[Floats, Floats]:
    """Rounding of output (batch, n) and Jacobian (batch, n, n) of a branch: the largest deviation in each row."""

    def run(domain: DomainOf, lift: Callable[[Floats], Any]) -> tuple[Floats, Floats]:
        y, chain = linearise(layer.branch, lift(x), weights, prefix=f"{name}.branch.", domain=domain)
        return _plain(y), _plain(chain.pulled_back(lift(identity_rows(*x.shape)), layer.couples_rows))

    exact = run(FloatDomain, np.asarray)
    samples = [run(*_perturbed(dtype, sample)) for sample in range(SAMPLES)]
    spreads = [np.max([abs(s[k] - exact[k]) for s in samples], axis=0) for k in (0, 1)]
    output = spreads[0].max(axis=1, keepdims=True)
    jacobian = spreads[1].max(axis=tuple(range(1, spreads[1].ndim)), keepdims=True)
    return SPREAD * np.broadcast_to(output, exact[0].shape), SPREAD * np.broadcast_to(jacobian, exact[1].shape)


def spread(quantity: Quantity, J: NetworkJacobian, weights: Weights, x: Floats, dtype: str = "float64") -> Floats:
    """How far rounding may move every entry of a quantity of the product, by Monte Carlo arithmetic; same shape.

    An estimate, not a bound: a bound carried through many layers grows exponentially and says nothing.
    """

    def run(domain: DomainOf, lift: Callable[[Floats], Any]) -> Floats:
        h, _ = linearise(J.network.layers[: J.start], lift(x), weights, domain=domain)
        _, chain = linearise(J.layers, h, weights, J.assume, first=J.start, domain=domain)
        return quantity(chain, lift)

    with np.errstate(all="ignore"):
        base = run(FloatDomain, np.asarray)
        deviations = [abs(run(*_perturbed(dtype, sample)) - base) for sample in range(SAMPLES)]
    largest: Floats = SPREAD * np.max(deviations, axis=0)
    return largest


def product(J: NetworkJacobian, batch: int) -> Quantity:
    """The Jacobian as a quantity of a chain, in the shape of `J.evaluate`."""
    unit = identity_rows(batch, J.factors[0].outputs)
    return lambda chain, lift: _plain(chain.pulled_back(lift(unit), J.couples_rows))


def gradient_norms(cotangent: Floats) -> Quantity:
    """The norms at the input of every layer as a quantity of a chain: (batch, layers)."""

    def of(chain: Chain, lift: Callable[[Floats], Any]) -> Floats:
        pulled = [_plain(g) for g in chain.backward(lift(cotangent[:, None, :]))]
        return np.stack([row_norms(g)[:, 0] for g in pulled[::-1]], axis=1)

    return of


def path_gradients(cotangent: Floats) -> Quantity:
    """The cotangent pulled back by length of path as a quantity of a chain: (batch, lengths, inputs)."""
    return lambda chain, lift: np.concatenate(
        [_plain(v) for v in by_length(chain, lift(cotangent[:, None, :]))], axis=1
    )


def _perturbed(dtype: str, sample: int) -> tuple[DomainOf, Callable[[Floats], Any]]:
    """Monte Carlo arithmetic: the domain for each layer, and how an array enters it."""
    domain = partial(RoundedDomain, UNIT[dtype], np.random.default_rng(sample))
    return domain, domain().array


def _plain(values: Any) -> Floats:
    return np.array(values.value if isinstance(values, Rounded) else values)
