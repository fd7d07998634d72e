"""The exact side: derivations that prove themselves, and their evaluation. No torch."""

from residua_symbolic.derivation import Derivation, Proof, ProofError, Step
from residua_symbolic.differences import Differences, differences
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.jacobian import NetworkJacobian, jacobian
from residua_symbolic.layer import LayerDerivation, derive_layer
from residua_symbolic.moments.moments import Moments
from residua_symbolic.moments.predict import predict_moments
from residua_symbolic.paths import Paths
from residua_symbolic.prediction import Prediction, predict
from residua_symbolic.series.expression import ConvergenceWarning, ExpressionSeries
from residua_symbolic.series.networks.network import NetworkSeries
from residua_symbolic.series.taylor import taylor
from residua_symbolic.spectrum import Spectrum, derive_spectrum
from residua_symbolic.swell import Swell, swell
from residua_symbolic.trace import Trace, trace
from residua_symbolic.universal import Construction, construct

__all__ = [
    "Construction",
    "ConvergenceWarning",
    "Derivation",
    "Differences",
    "Enclosure",
    "ExpressionSeries",
    "LayerDerivation",
    "Moments",
    "NetworkJacobian",
    "NetworkSeries",
    "Paths",
    "Prediction",
    "Proof",
    "ProofError",
    "Spectrum",
    "Step",
    "Swell",
    "Trace",
    "construct",
    "derive_layer",
    "derive_spectrum",
    "differences",
    "jacobian",
    "predict",
    "predict_moments",
    "swell",
    "taylor",
    "trace",
]
