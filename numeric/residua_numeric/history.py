"""What training leaves behind."""

from dataclasses import dataclass

from residua_numeric.snapshot import Snapshot


@dataclass(frozen=True, repr=False)
class Run:
    """The history of one training.

    `losses[k]` is the loss of minibatch k at the weights after k steps, before step k + 1 changes them; all are finite.
    `steps` is how many were asked for, `last.step` how many were taken. `batch` is what each step saw.
    `stopped` is empty if it ran to the end, else says why not: "loss is nan at step 17".
    """

    losses: tuple[float, ...]
    rate: float
    batch: int
    optimiser: str
    seed: int
    steps: int
    task: str
    snapshots: tuple[Snapshot, ...]
    last: Snapshot
    stopped: str
    seconds: float

    def __repr__(self) -> str:
        last = f"last loss {self.losses[-1]:.3g}" if self.losses else "no step"
        stopped = f", {self.stopped}" if self.stopped else ""
        return f"<Run: {self.task}, {self.last.step} of {self.steps} steps, {last}{stopped}>"
