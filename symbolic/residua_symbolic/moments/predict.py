"""What a network does at initialisation, layer by layer: mean squares forward, squared gradients backward."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import sympy as sp

from residua_network import Layer, Network, ResiduaError
from residua_network.checks import number, one_of, whole
from residua_symbolic.moments.moments import LayerMoments, Moments
from residua_symbolic.moments.propagation.domain import MomentsDomain
from residua_symbolic.moments.propagation.entries import bases_of
from residua_symbolic.moments.propagation.expectations import Expectations
from residua_symbolic.moments.propagation.finite_width import ExactWidth, exact_width
from residua_symbolic.moments.propagation.forward_maps import constant_eps, lost_directions
from residua_symbolic.moments.propagation.gradient import Gradient
from residua_symbolic.moments.propagation.laws import ALPHA, BIAS, F2, G2, GG, XF, Known, Law, V, c, law_of, m, q
from residua_symbolic.moments.propagation.particles import ParticleDomain
from residua_symbolic.moments.propagation.steps import derive, finite_size, said_of
from residua_symbolic.moments.propagation.values import NotExactError
from residua_symbolic.moments.propagation.walk import Place

INITS = ("he", "xavier", "torch")
VarianceOf = Callable[[Layer], tuple[float, float]]
SETTING = (
    "inputs: independent isotropic rows of mean square 1; the gradient at the output is isotropic, Gaussian and "
    "independent of the net",
    "infinite width: features are independent draws, what a fresh matrix gives is Gaussian, means over features are "
    "their expectations, and no gradient comes back through these",
    "the gradient is independent of the forward pass but for the activations' slopes: W and Wᵀ as if drawn apart",
)
ZERO = "where s = 0 has a probability, E[1/s²] does not exist at ε = 0"
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
    init = init.item() if isinstance(init, np.number) else init
    variance_of = variances(init)
    try:
        found = _exact(net, variance_of, batch)
    except NotExactError as reason:
        found = _simulated(net, variance_of, batch, str(reason))
    width = exact_width(net, variance_of)
    _refuse(found, width)
    layers = _layers(net, found, width, batch)
    total = math.prod(layer.gradient_ratio for layer in layers)
    assumptions = (*SETTING, *said_of(net, init, batch), *found.how)
    derivation = derive(layers, found.laws, total, assumptions)
    return Moments(net, init, batch, layers, total, assumptions, derivation)


def _refuse(found: "Predicted", width: ExactWidth | None) -> None:
    """Raises ResiduaError where a moment is not finite, or no gradient is left to compare with; inside a branch of
    scale 0 there is none, and nothing depends on it."""
    places = list(walk(found.places))
    for place in places:
        lost = lost_directions(place.layer)
        if lost and place.before.width < lost:
            raise _refused(place, "one feature less its own mean is 0: expected a width above 1")
        if width is None and place.name in found.fresh and lost and place.before.width <= lost + 1:
            raise _refused(place, f"E[1/s²] does not exist at ε = 0: expected a width above {lost + 1}")
        if not math.isfinite(found.seen[place.name].square):
            raise _refused(place, f"its mean square is not finite; {ZERO}")
    for place in reversed(places):
        seen = found.seen[place.name]
        if not seen.after > 0 and place in found.places:
            raise _refused(place, "no gradient reaches its output, so that there is no ratio")
        if not math.isfinite(seen.before):
            raise _refused(place, f"its squared gradient is not finite; {ZERO}")


def _refused(place: Place, why: str) -> ResiduaError:
    return ResiduaError(f'predict_moments: layer "{place.name}" {place.layer!r}: {why}')


def _layers(net: Network, found: "Predicted", width: ExactWidth | None, batch: int | None) -> tuple[LayerMoments, ...]:
    layers = []
    for k, place in enumerate(found.places):
        layer = _layer(place, found, finite_size(net, place, batch))
        if width is not None:
            layer = replace(layer, finite_size=width.words)
            exact = width.ratios[k]
            if exact is not None:
                expression, known = width.formulas[k] or (sp.nan, {})
                law = found.laws[place.name]
                found.laws[place.name] = Law(law.forward, expression, {**law.at, **known})
                layer = replace(layer, gradient_ratio=exact, formulas=found.laws[place.name].equations)
        layers.append(layer)
    gradient = 1.0
    for k in reversed(range(len(layers))):
        gradient *= layers[k].gradient_ratio
        layers[k] = replace(layers[k], gradient=gradient)
    return tuple(layers)


def _layer(place: Place, found: "Predicted", words: str) -> LayerMoments:
    seen = found.seen[place.name]
    return LayerMoments(
        name=place.name,
        layer=repr(place.layer),
        mean=seen.mean,
        forward=seen.square,
        covariance=seen.covariance,
        gradient_ratio=seen.ratio,
        gradient=seen.total_before,
        error=found.errors[place.name],
        formulas=found.laws[place.name].equations,
        finite_size=words,
        branch=tuple(_layer(inside, found, words) for inside in place.inside),
    )


def variances(init: str | float) -> VarianceOf:
    """The variances of the entries of a layer's weight and bias. Raises ResiduaError."""
    if isinstance(init, str):
        one_of(init, INITS, "init", "predict_moments")
    elif not number(init, "init", "predict_moments") > 0:
        raise ResiduaError(
            f"predict_moments: init must be one of {', '.join(INITS)} or n times a variance above 0, got {init!r}"
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
    laws: dict[str, Law]
    fresh: frozenset[str] = frozenset()  # layers at ε = 0 whose input is Gaussian, and not that of the net


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
    laws = {place.name: _law(place, domain, gradients) for place in walk(places)}
    how = () if of.integrals == 0 else (f"{of.integrals} integrals by quadrature, relative error {of.error:.1e}",)
    drawn = frozenset(
        place.name
        for place in walk(places)
        if place.before.entry.is_gaussian
        and not place.before.entry.parts.keys() & start.entry.parts.keys()
        and constant_eps(place.layer) == 0
    )
    return Predicted(tuple(places), seen, dict.fromkeys(seen, of.error), how, laws, drawn)


def _law(place: Place, domain: MomentsDomain, gradients: Mapping[Any, Gradient]) -> Law:
    of, x = domain.moments, place.before.entry
    weights, biases = domain.variance_of(place.layer)
    covariance = of.pair(x, x) if domain.rows else 0.0
    known = {q: of.same(x, x), m: of.mean(x), c: covariance, V: weights * place.before.width, BIAS: biases}
    gradient = gradients.get(place.after, Gradient())
    if place.inside:
        return _of_block(place, of, gradients, known)
    correlations = {} if gradient.pulled else {e: source.r / source.p for source, e in gradient.local.items()}
    law = law_of(place.layer, x, known, of.batch, correlations)
    depends = bases_of(x)
    met = any(not depends.isdisjoint(bases_of(e)) for e in gradient.local.values())
    return replace(law, ratio=None) if gradient.vanishes or (met and law.slope_varies) else law


def _of_block(place: Place, of: Expectations, gradients: Mapping[Any, Gradient], known: Known) -> Law:
    """A residual block whose forward map is x + α F(x), by the moments of F: whether it is one is checked by number."""
    branch, x = place.inside[-1].after.entry, place.before.entry
    alpha = float(getattr(place.layer, "scale", 1.0))
    at = {**known, ALPHA: alpha, F2: of.same(branch, branch), XF: of.same(x, branch)}
    forward = q + 2 * ALPHA * XF + ALPHA**2 * F2
    before, inside, after = (
        gradients.get(node, Gradient()).p(of) for node in (place.before, place.inside[0].before, place.after)
    )
    if after == 0:
        return Law(forward, None, at)
    at |= {G2: inside / after, GG: (before - after - inside) / (2 * after)}
    return Law(forward, 1 + 2 * GG + G2, at)


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
        with np.errstate(all="ignore"):  # what is not finite is refused by the name of its layer
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
    return Predicted(tuple(places), middle, errors, (words,), {name: Law(None, None, {}) for name in middle})


def _averaged(seen: Sequence[Seen]) -> Seen:
    values = {field.name: [getattr(s, field.name) for s in seen] for field in fields(Seen)}
    middle: dict[str, Any] = {name: None if v[0] is None else float(np.mean(v)) for name, v in values.items()}
    return Seen(**middle)


def _standard_error(seen: Sequence[Seen]) -> float:
    """The larger relative one of the mean square and of the ratio."""
    worst = 0.0
    for values in ([s.square for s in seen], [s.ratio for s in seen]):
        middle = float(np.mean(values))
        worst = max(worst, float(np.std(values, ddof=1)) / len(values) ** 0.5 / abs(middle) if middle else 0.0)
    return worst
