"""The face of residua: hands the public names on, each loaded when it is first asked for, and defines nothing."""

from importlib import import_module
from typing import Any

_HOME = {
    "residua_network": (
        "Activation", "BatchNorm", "Dropout", "Layer", "LayerNorm", "Linear", "Network", "RMSNorm", "Residual",
        "ResiduaError",
    ),
    "residua_symbolic": (
        "Construction", "ConvergenceWarning", "Differences", "Enclosure", "ExpressionSeries", "Moments",
        "NetworkSeries", "Paths", "Prediction", "Swell", "Trace", "construct", "derive_layer", "derive_spectrum",
        "differences", "jacobian", "predict", "predict_moments", "swell", "taylor", "trace",
    ),
    "residua_numeric": (
        "Ensemble", "InitialStatistics", "Measurement", "Run", "Snapshot", "Task", "accuracy", "build",
        "collect_statistics", "contributions", "describe", "fit_least_squares", "initial_statistics", "load", "loss_of",
        "measure", "pieces", "save", "train", "train_many", "weights_of",
    ),
    "residua_bridge.budgets.judge": ("judged",),
    "residua_bridge.budgets.law": ("Ladder", "Law"),
    "residua_bridge.budgets.user_law": ("law",),
    "residua_bridge.claims.ledger": ("Record",),
    "residua_bridge.claims.reading": ("claims",),
    "residua_bridge.compare": ("compare",),
    "residua_bridge.rendering": ("render",),
    "residua_bridge.study": ("Study", "run", "studies"),
    "residua_bridge.verdict": ("Budget", "Discrepancy", "Verdict"),
}  # fmt: skip
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE)


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module 'residua' has no attribute {name!r}")
    return getattr(import_module(_MODULE[name]), name)


def __dir__() -> list[str]:
    return __all__
