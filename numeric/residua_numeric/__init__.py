"""The torch side: models built, trained, kept and measured."""

from residua_numeric.build import build
from residua_numeric.collect import collect_statistics
from residua_numeric.describe import describe
from residua_numeric.errors import SnapshotError, TaskError
from residua_numeric.history import Run
from residua_numeric.losses import accuracy, loss_of
from residua_numeric.measure import Measurement, measure
from residua_numeric.measure_layers import LayerMeasurement, measure_layers
from residua_numeric.modules import modules_of
from residua_numeric.snapshot import Snapshot
from residua_numeric.statistics import statistics_of
from residua_numeric.storage import load, save
from residua_numeric.tasks import Task
from residua_numeric.train import train
from residua_numeric.training_state import TrainingState
from residua_numeric.weights import weights_of

__all__ = [
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
    "describe",
    "load",
    "loss_of",
    "measure",
    "measure_layers",
    "modules_of",
    "save",
    "statistics_of",
    "train",
    "weights_of",
]
