"""What training leaves behind."""

from dataclasses import dataclass

from residua_numeric.snapshot import Snapshot


@dataclass(frozen=True, repr=False)
class Run:
    """The history of one training.

    `losses[k]` is the loss of minibatch begun + k at the weights after as many steps, before the next step changes
    them; all are finite. `begun`: how many steps it resumed after, 0 for a training from its beginning.
    `steps` is how many were asked for in total, `last.step` how many were taken. `batch` is what each step saw.
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
    begun: int = 0

    def __repr__(self) -> str:
        last = f"last loss {self.losses[-1]:.3g}" if self.losses else "no step"
        stopped = f", {self.stopped}" if self.stopped else ""
        return f"<Run: {self.task}, {self.last.step} of {self.steps} steps, {last}{stopped}>"
