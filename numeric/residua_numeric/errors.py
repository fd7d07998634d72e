"""What the numeric side refuses; each is a ResiduaError."""

from residua_network import ResiduaError


class TaskError(ResiduaError):
    """Data or a loss that make no task, or a task that does not fit the model."""


class SnapshotError(ResiduaError):
    """A snapshot file that cannot be written or read, or is not what was saved; one that no training can resume."""
