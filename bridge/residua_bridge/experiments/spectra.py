"""Spectra of normalisers: the derived eigenvalues against the singular values of the torch module."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import together
from residua_bridge.study import Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_network import Network, kinds
from residua_numeric import build, measure
from residua_symbolic import Prediction, Spectrum, derive_spectrum
from residua_symbolic.domains.floats import FloatDomain
from residua_symbolic.domains.tangents import B, i
from residua_symbolic.evaluate import evaluate
from residua_symbolic.linearised import layer_values
from residua_symbolic.printing import latex
from residua_symbolic.rounding import predict_layer
from residua_symbolic.weights import Floats

BATCH = 3


@dataclass(frozen=True)
class Spectra:
    """Derive the spectrum of each kind with and without ε, and measure it at these sizes."""

    title: str
    prose: tuple[str, ...]
    kinds: tuple[str, ...]
    sizes: tuple[int, ...]
    eps: float

    def run(self, settings: Settings) -> Finding:
        """Derive, prove, measure."""
        derived = [derive_spectrum(kind, eps_is_zero=zero) for kind in self.kinds for zero in (False, True)]
        cases = [(kind, size, eps) for kind in self.kinds for size in self.sizes for eps in (self.eps, 0.0)]
        found = [_compared(kind, size, eps) for kind, size, eps in settings.track(cases, self.title)]
        sizes = ", ".join(map(str, self.sizes))
        verdicts = tuple(
            together(
                [d for (one, _, _), d in zip(cases, found, strict=True) if one == kind],
                f"Spectrum of {kind}, {derive_spectrum(kind).size} = {sizes}, ε = {self.eps:g} and 0",
                "agree",
            )
            for kind in self.kinds
        )
        shown = cases.index((self.kinds[0], self.sizes[-1], self.eps))
        section = Section(
            self.title,
            self.prose,
            derivations=tuple(proved(d) for d in derived),
            tables=(_eigenvalues(derived), self._vanishing()),
            figures=(_figure(self.kinds[0], self.sizes[-1], self.eps, found[shown]),),
            verdicts=verdicts,
        )
        return Finding(section, tuple(found))

    def _vanishing(self) -> Table:
        """All n at which the derived Jacobian is zero at ε = 0, next to what torch gives there."""
        rows: list[tuple[Any, ...]] = []
        for kind in self.kinds:
            for size in sorted(derive_spectrum(kind, eps_is_zero=True).vanishes_at()):
                model = build(_network(kind, int(size), 0.0), seed=0)
                x = np.random.default_rng(0).normal(size=_shape(kind, int(size)))
                largest = float(abs(measure(model, "jacobian", x).values).max())
                rows.append((kind, f"${derive_spectrum(kind).size}={size}$", largest))
        columns = ("normaliser", "the Jacobian vanishes at", "largest entry measured there")
        caption = (
            "All n (for batch normalisation, all B) from the smallest for which the spectrum is stated at which no "
            "eigenvalue but zero occurs; γ = 1, ε = 0, float64. Layer normalisation of a single feature has s = 0 for "
            "ε = 0, and is constant for ε > 0."
        )
        return Table("Where the true Jacobian vanishes", columns, tuple(rows), caption)


def _coupled(kind: str) -> bool:
    """Whether the spectrum is that of the rows of one feature, and its size the batch."""
    return bool(derive_spectrum(kind).size == B)


def _shape(kind: str, size: int) -> tuple[int, int]:
    """Rows and features of an input at which the spectrum has this size."""
    return (size, BATCH) if _coupled(kind) else (BATCH, size)


def _network(kind: str, size: int, eps: float) -> Network:
    return Network((kinds()[kind](_shape(kind, size)[1], eps=eps),))  # type: ignore[call-arg]


def _compared(kind: str, size: int, eps: float) -> Discrepancy:
    net = _network(kind, size, eps)
    x = np.random.default_rng(size).normal(size=_shape(kind, size)) + 0.5
    prediction = _predicted(derive_spectrum(kind, eps_is_zero=eps == 0.0), net, x)
    return compare(prediction, measure(build(net, seed=0), "singular values", x))


def _predicted(spectrum: Spectrum, net: Network, x: Floats) -> Prediction:
    """Eigenvalues, none negative, hence singular values; s from the symbolic side's own forward pass."""
    layer, coupled = net.layers[0], net.couples_rows
    one = {"weight": 1.0, "running_var": 1.0}
    weights = {name: np.full(shape, one.get(name, 0.0)) for name, shape in layer.shapes.items()}
    domain = FloatDomain()
    values = layer_values(domain, layer, x, weights)[1]
    found = []
    for eigenvalue in spectrum.eigenvalues:
        value = evaluate(eigenvalue.value, values, (i,) if coupled else (), domain)
        column = np.broadcast_to(value, (1, x.shape[1])) if coupled else np.broadcast_to(value, (len(x),))[:, None]
        found += [column] * int(eigenvalue.multiplicity.subs(spectrum.size, values[spectrum.size.name]))
    sizes = -np.sort(-np.concatenate(found, axis=1), axis=1)
    bound = predict_layer(layer, x, weights).jacobian_error.reshape(len(sizes), -1)
    error = np.linalg.norm(bound, axis=1)  # Weyl's inequality
    scope = {"batch": len(x), "inputs": x.shape[1], "outputs": x.shape[1], "dtype": "float64"}
    scale = float(np.linalg.norm(1.0 / values["s"]))  # what cancels where every eigenvalue is zero
    return Prediction("singular values", sizes, np.repeat(error[:, None], sizes.shape[1], axis=1), scope, scale)


def _eigenvalues(derived: list[Spectrum]) -> Table:
    rows = tuple((d.title, f"${latex(e.value)}$", f"${latex(e.multiplicity)}$") for d in derived for e in d.eigenvalues)
    return Table("Eigenvalues for γ = 1", ("spectrum", "eigenvalue", "how often"), rows)


def _figure(kind: str, size: int, eps: float, d: Discrepancy) -> Figure:
    places = tuple(float(p) for p in range(1, size + 1))
    curves = [
        Curve("predicted, row 1", "predicted", places, tuple(d.predicted[0].tolist())),
        Curve("measured, row 1", "measured", places, tuple(d.measured[0].tolist())),
    ]
    caption = (
        f"Singular values of the Jacobian of {kind} at n = {size}, ε = {eps:g}, in descending order. All but two are "
        f"equal; with ε one of the two is small but not zero."
    )
    return Figure("spectrum", "Spectrum", "place", "singular value", tuple(curves), yscale="linear", caption=caption)
