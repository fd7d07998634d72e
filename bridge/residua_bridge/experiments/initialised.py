"""A network as it is initialised, at random inputs and with a random cotangent, seen from both sides."""

from dataclasses import dataclass

import numpy as np
import torch

from residua_bridge.compare import compare
from residua_bridge.verdict import Discrepancy, Floats
from residua_numeric import Measurement, build, measure, weights_of
from residua_numeric.measure import PULLED_BACK
from residua_numeric.state import on_threads
from residua_symbolic import NetworkJacobian, Prediction, predict
from residua_symbolic.weights import Weights

VANISHING, EXPLODING = 1e-3, 1e3  # learning rates are searched over some three decades: beyond, none fits all layers


@dataclass(frozen=True, eq=False)
class Initialised:
    """A model without biases, inputs of mean square 1 and Gaussian cotangents, all drawn from one seed."""

    J: NetworkJacobian
    model: torch.nn.Module
    weights: Weights
    x: Floats
    cotangent: Floats

    @classmethod
    def of(cls, J: NetworkJacobian, seed: int, rows: int, init: str | float = "he") -> "Initialised":
        """Draw them."""
        model = build(J.network, seed=seed, init=init)
        rng = np.random.default_rng(seed)
        x, u = rng.normal(size=(rows, J.network.inputs)), rng.normal(size=(rows, J.network.outputs))
        return cls(J, model, weights_of(model), x, u)

    def predicted(self, quantity: str) -> Prediction:
        """From the derivation at these weights, with what rounding may do."""
        return predict(self.J, self.weights, self.x, quantity, self.cotangent)

    def measured(self, quantity: str) -> Measurement:
        """By torch; on one thread, since matrices of this size gain nothing from more."""
        with on_threads(1):
            return measure(self.model, quantity, self.x, cotangent=self.cotangent if quantity in PULLED_BACK else None)

    def compared(self, quantity: str) -> Discrepancy:
        """The one against the other."""
        return compare(self.predicted(quantity), self.measured(quantity))

    def relative_norms(self) -> tuple[Floats, Floats]:
        """Gradient norm at the input of every layer over that of the cotangent, predicted and measured: each the root
        of a mean square over the rows, (layers,)."""
        predicted = self.J.gradient_norms(self.weights, self.x, self.cotangent)
        measured = self.measured("gradient norms").values
        size = (self.cotangent**2).sum(axis=1).mean()
        first, second = (np.sqrt((norms**2).mean(axis=0) / size) for norms in (predicted, measured))
        return first, second


def passes(log_ratio: float) -> str:
    """Which limit a gradient ratio, given by its decimal logarithm, lies beyond."""
    if log_ratio < np.log10(VANISHING):
        return "vanishing"
    return "exploding" if log_ratio > np.log10(EXPLODING) else "–"
