"""What a network does at initialisation, layer by layer: mean squares forward, squared gradients backward."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import sympy as sp

from residua_network import Layer, Network, ResiduaError
from residua_network.checks import number, one_of, whole
from residua_symbolic.derivation import Derivation
from residua_symbolic.moments.domain import MomentsDomain
from residua_symbolic.moments.expectations import Expectations, NotExactError
from residua_symbolic.moments.moments import LayerMoments, Moments
from residua_symbolic.moments.particles import ParticleDomain
from residua_symbolic.moments.walk import Place

INITS = ("he", "xavier", "torch")
VarianceOf = Callable[[Layer], tuple[float, float]]
ROWS = 64  # of a simulation that stands for infinitely many
ENTRIES, FEATURES, REPETITIONS = 2**15, 2**10, 24


def predict_moments(net: Network, init: str | float = "he", batch: int | None = None) -> Moments:
    """Mean squares and gradient ratios of every layer of `net` over its random initial weights, as `Moments`.

    init: "he" (variance 2/n_in), "xavier" (2/(n_in + n_out)), "torch" (uniform within ±1/√n_in, biases alike), or n_in
    times the weight variance as a number above 0. batch: the rows over which batch statistics are taken; None:
    infinitely many. Inputs are independent isotropic rows of mean square 1, the gradient at the output is isotropic,
    Gaussian and independent of the net. Raises ResiduaError for anything else, and where a moment does not exist.
    """
    if not isinstance(net, Network):
        raise ResiduaError(f"predict_moments: expected a Network, got {type(net).__name__}")
    if batch is not None:
        batch = whole(batch, "batch", "predict_moments", least=2 if net.couples_rows else 1)
    variance_of = variances(init)
    try:
        found = _exact(net, variance_of, batch)
    except NotExactError as reason:
        found = _simulated(net, variance_of, batch, str(reason))
    return _result(net, init, batch, found)


def _result(net: Network, init: str | float, batch: int | None, found: "Predicted") -> Moments:
    derivation = Derivation("Moments", sp.Symbol("R"), sp.Integer(0), (), ())
    layers = tuple(_layer(place, found) for place in found.places)
    total = layers[0].gradient if layers else 1.0
    return Moments(net, init, batch, layers, total, found.how, derivation)


def _layer(place: Place, found: "Predicted") -> LayerMoments:
    seen, inside = found.seen[place.name], tuple(_layer(p, found) for p in place.inside)
    return LayerMoments(
        place.name,
        repr(place.layer),
        seen.mean,
        seen.square,
        seen.covariance,
        seen.ratio,
        seen.total_before,
        found.errors[place.name],
        (),
        "",
        inside,
    )


def variances(init: str | float) -> VarianceOf:
    """The variances of the entries of a layer's weight and bias. Raises ResiduaError."""
    if isinstance(init, str):
        one_of(init, INITS, "init", "predict_moments")
    elif not number(init, "init", "predict_moments") > 0:
        raise ResiduaError(
            f"predict_moments: init must be one of {', '.join(INITS)} or n times a weight variance above 0, got {init!r}"
        )

    def of(layer: Layer) -> tuple[float, float]:
        matrix = next((shape for shape in layer.shapes.values() if len(shape) == 2), None)
        if matrix is None:
            return 0.0, 0.0
        outputs, inputs = matrix
        if init == "torch":  # uniform within ±1/√n_in
            return 1 / (3 * inputs), 1 / (3 * inputs)
        if isinstance(init, str):
            return (2 / inputs if init == "he" else 2 / (inputs + outputs)), 0.0
        return float(init) / inputs, 0.0

    return of


@dataclass(frozen=True)
class Seen:
    """The moments at one place of a walk: E x, E x², E x x' after the layer; E g² before and after, and widths."""

    mean: float
    square: float
    covariance: float | None
    before: float
    after: float
    total_before: float

    @property
    def ratio(self) -> float:
        """E‖g‖² before over after, as totals over the features."""
        return self.before / self.after if self.after else math.nan


@dataclass(frozen=True)
class Predicted:
    """The walk through a network, every place's numbers with their errors, and how they were got."""

    places: tuple[Place, ...]
    seen: dict[str, Seen]
    errors: dict[str, float]
    how: tuple[str, ...]


def _exact(net: Network, variance_of: VarianceOf, batch: int | None) -> Predicted:
    of = Expectations(batch)
    domain = MomentsDomain(of, net.couples_rows, variance_of)
    places: list[Place] = []
    start = domain.input(net.sizes[0])
    end = domain.layers(net.layers, start, "", places)
    gradients = domain.backward(end)

    def total(node: Any) -> float:
        return node.width * gradients[node].p(of) if node in gradients else 0.0

    def see(place: Place) -> Seen:
        entry = place.after.entry
        covariance = of.pair(entry, entry) if net.couples_rows else None
        before, after = total(place.before), total(place.after)
        return Seen(of.mean(entry), of.same(entry, entry), covariance, before, after, before / end.width)

    seen = {place.name: see(place) for place in walk(places)}
    return Predicted(tuple(places), seen, dict.fromkeys(seen, of.error), ())


def walk(places: Sequence[Place]) -> Iterator[Place]:
    """Every place, those inside a block after it."""
    for place in places:
        yield place
        yield from walk(place.inside)


def _simulated(net: Network, variance_of: VarianceOf, batch: int | None, reason: str) -> Predicted:
    """Where there is no formula: independent draws of features, repeated; errors are standard errors."""
    rows = ROWS if batch is None else batch
    features = max(FEATURES, ENTRIES // rows)
    found = []
    for repetition in range(REPETITIONS):
        rng = np.random.default_rng(repetition)
        domain = ParticleDomain(features, rows if net.couples_rows else 1, rng, variance_of)
        places: list[Place] = []
        end = domain.layers(net.layers, domain.input(net.sizes[0]), "", places)
        gradients = domain.backward(end)
        seen = {}
        for place in walk(places):
            square, covariance = domain.kernel(place.after.values)
            before, after = (
                node.width * domain.kernel(gradients[node])[0] if node in gradients else 0.0
                for node in (place.before, place.after)
            )
            output = end.width * domain.kernel(gradients[end])[0]
            seen[place.name] = Seen(
                float(np.mean(place.after.values)),
                square,
                covariance if net.couples_rows else None,
                before,
                after,
                before / output,
            )
        found.append(seen)
    middle = {name: _averaged([seen[name] for seen in found]) for name in found[0]}
    errors = {name: _standard_error([seen[name] for seen in found]) for name in found[0]}
    words = (
        f"{reason}: simulated features, {REPETITIONS} times {features} features of {rows} rows, bias of order "
        f"1/{features}" + (f"; {rows} rows stand for infinitely many, bias of order 1/{rows}" if batch is None else "")
    )
    return Predicted(tuple(places), middle, errors, (words,))


def _averaged(seen: Sequence[Seen]) -> Seen:
    values = {field.name: [getattr(s, field.name) for s in seen] for field in fields(Seen)}
    return Seen(**{name: None if v[0] is None else float(np.mean(v)) for name, v in values.items()})


def _standard_error(seen: Sequence[Seen]) -> float:
    """The larger relative one of the mean square and of the ratio."""
    worst = 0.0
    for values in ([s.square for s in seen], [s.ratio for s in seen]):
        middle = float(np.mean(values))
        worst = max(worst, float(np.std(values, ddof=1)) / len(values) ** 0.5 / abs(middle) if middle else 0.0)
    return worst
