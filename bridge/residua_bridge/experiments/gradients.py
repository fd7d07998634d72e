"""Gradient norms at every layer: predicted by one backward sweep of structured products, measured by one of torch."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.findings import Curve, Figure, Section
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_network import Network
from residua_numeric import build, measure, weights_of
from residua_symbolic import jacobian, predict
from residua_symbolic.layer import CONSTANT_STATISTICS

BATCH = 8


@dataclass(frozen=True)
class GradientNorms:
    """The norm of a random cotangent pulled back to every layer: true, measured, and as (1.11) has it."""

    name: str
    title: str
    prose: tuple[str, ...]
    network: Callable[[], Network]
    init: float

    def run(self, settings: Settings) -> Finding:
        """Predict twice, measure once."""
        net = self.network()
        model = build(net, seed=0, init=self.init)
        rng = np.random.default_rng(0)
        x, cotangent = rng.normal(size=(BATCH, net.inputs)), rng.normal(size=(BATCH, net.outputs))
        measured = measure(model, "gradient norms", x, cotangent=cotangent)
        weights = weights_of(model)
        exact = predict(jacobian(net), weights, x, "gradient norms", cotangent)
        assumed = predict(jacobian(net, assume=CONSTANT_STATISTICS), weights, x, "gradient norms", cotangent)
        true, wrong = compare(exact, measured), compare(assumed, measured, exact=exact)
        layers = tuple(float(k) for k in range(len(net.layers)))
        rms = [tuple(np.sqrt((values**2).mean(axis=0)).tolist()) for values in (exact.values, assumed.values)]
        seen = tuple(np.sqrt((measured.values**2).mean(axis=0)).tolist())
        curves = (
            Curve("derived Jacobian", "predicted", layers, rms[0]),
            Curve("measured", "measured", layers, seen),
            Curve("003 (1.11)", "other", layers, rms[1]),
        )
        caption = f"Gradient norm at the input of each layer: root mean square over {BATCH} inputs, random cotangents."
        figure = Figure(self.name, self.title, "layer", "gradient norm", curves, yscale="log", caption=caption)
        ratio = rms[1][0] / seen[0]
        words = f"At the first layer (1.11) gives a gradient {ratio:.3g} times as large as the true one."
        verdicts = (
            as_text(true, "Gradient norms from the derived Jacobian", "agree"),
            as_text(wrong, "Gradient norms from (1.11)", "differ"),
        )
        section = Section(self.title, (*self.prose, words), figures=(figure,), verdicts=verdicts)
        return Finding(section, (true, wrong))
