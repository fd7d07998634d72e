"""The torch side: models built, trained, kept and measured."""

from residua_numeric.build import build
from residua_numeric.collect import collect_statistics
from residua_numeric.contributions import contributions
from residua_numeric.describe import describe
from residua_numeric.ensemble import Ensemble, train_many
from residua_numeric.errors import SnapshotError, TaskError
from residua_numeric.history import Run
from residua_numeric.initial import InitialStatistics, initial_statistics
from residua_numeric.least_squares import fit_least_squares
from residua_numeric.losses import accuracy, loss_of
from residua_numeric.measure import Measurement, measure
from residua_numeric.measure_layers import LayerMeasurement, measure_layers
from residua_numeric.modules import modules_of
from residua_numeric.pieces import pieces
from residua_numeric.snapshot import Snapshot
from residua_numeric.statistics import statistics_of
from residua_numeric.storage import load, save
from residua_numeric.tasks import Task
from residua_numeric.train import train
from residua_numeric.training_state import TrainingState
from residua_numeric.weights import weights_of

__all__ = [
    "Ensemble",
    "InitialStatistics",
    "LayerMeasurement",
    "Measurement",
    "Run",
    "Snapshot",
    "SnapshotError",
    "Task",
    "TaskError",
    "TrainingState",
    "accuracy",
    "build",
    "collect_statistics",
    "contributions",
    "describe",
    "fit_least_squares",
    "initial_statistics",
    "load",
    "loss_of",
    "measure",
    "measure_layers",
    "modules_of",
    "pieces",
    "save",
    "statistics_of",
    "train",
    "train_many",
    "weights_of",
]
