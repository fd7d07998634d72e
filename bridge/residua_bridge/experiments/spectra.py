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
from residua_symbolic.domains.tangents import n
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
                f"Spectrum of {kind}, n = {sizes}, ε = {self.eps:g} and 0",
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
                x = np.random.default_rng(0).normal(size=(BATCH, int(size)))
                largest = float(abs(measure(model, "jacobian", x).values).max())
                rows.append((kind, f"$n={size}$", largest))
        columns = ("normaliser", "the Jacobian vanishes at", "largest entry measured there")
        caption = (
            "All n from the smallest for which the spectrum is stated at which no eigenvalue but zero occurs; γ = 1, "
            "ε = 0, float64. Layer normalisation of a single feature has s = 0 for ε = 0, and is constant for ε > 0."
        )
        return Table("Where the true Jacobian vanishes", columns, tuple(rows), caption)


def _network(kind: str, size: int, eps: float) -> Network:
    return Network((kinds()[kind](size, eps=eps),))  # type: ignore[call-arg]


def _compared(kind: str, size: int, eps: float) -> Discrepancy:
    net = _network(kind, size, eps)
    x = np.random.default_rng(size).normal(size=(BATCH, size)) + 0.5
    prediction = _predicted(derive_spectrum(kind, eps_is_zero=eps == 0.0), net, x)
    return compare(prediction, measure(build(net, seed=0), "singular values", x))


def _predicted(spectrum: Spectrum, net: Network, x: Floats) -> Prediction:
    """Eigenvalues, none negative, hence singular values; s from the symbolic side's own forward pass."""
    layer, (rows, size) = net.layers[0], x.shape
    weights = {name: np.ones(shape) if name == "weight" else np.zeros(shape) for name, shape in layer.shapes.items()}
    values = layer_values(FloatDomain(), layer, x, weights)[1]
    found = []
    for eigenvalue in spectrum.eigenvalues:
        column = np.broadcast_to(evaluate(eigenvalue.value, values, ()), (rows,))
        found += [column] * int(eigenvalue.multiplicity.subs(n, size))
    sizes = -np.sort(-np.stack(found, axis=1), axis=1)
    error = np.linalg.norm(predict_layer(layer, x, weights).jacobian_error, axis=(1, 2))  # Weyl's inequality
    scope = {"batch": rows, "inputs": size, "outputs": size, "dtype": "float64"}
    scale = float(np.linalg.norm(1.0 / values["s"]))  # what cancels where every eigenvalue is zero
    return Prediction("singular values", sizes, np.repeat(error[:, None], size, axis=1), scope, scale)


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
