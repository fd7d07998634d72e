"""Many small networks at once: training against the plain loop and torch.func.vmap, and statistics of initial networks.

Prints tables and writes them to benchmarks/ensembles.md, which says how to read them. One thread.
`python ensembles.py memory WHAT` prints the peak memory of one ensemble, in a process of its own.
"""

import argparse
import copy
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import methodcaller
from pathlib import Path
from statistics import median

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

import numpy as np
import torch
from interleaved import Prepared, Times, interleave, machine, table
from memory import PROCESS, resident
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from torch.nn.functional import mse_loss

from residua import Activation, BatchNorm, Linear, Network, Task, build
from residua_numeric.descent import minibatches
from residua_numeric.ensemble import SharedDescent
from residua_numeric.initial import initial_statistics
from residua_numeric.progress import Bar

FOLDER = Path(__file__).resolve().parent
Cells = tuple[str, ...]
PACKAGES = ("residua", "numpy", "torch")
RATE = 1e-3
TOLERANCE = 1e-4  # of the loss: float32, a few Adam steps
TASK = Task.regression(np.sin, -np.pi, np.pi, points=10_000)

# Of issue 6: times the plain loop by width, and vmap; seconds and bytes of an ensemble of initial networks.
OVER_LOOP, OVER_VMAP = {16: 12.0, 64: 3.0}, 1.0
MANY, DEPTH, WIDTH, SECONDS, BYTES = 10_000, 20, 32, 120, 2 * 10**9
OPENING = """# How fast ensembles are, against whom

Written by `make bench`. Contenders take turns within one run, so that what slows the machine slows all. Times are
processor time on one thread.

"""
TRAINING = f"""## Training

Networks 1–w–w–w–w–w–1, minibatches of 10,000 points of sin, Adam, float32; what is made before the first step is not
counted. Ours: `train_many`, which also watches for losses and weights that are not finite and can undo a step. The
loop: torch's modules and Adam, one network after the other. vmap: `grad_and_value` of the functional call, one Adam
over the stacked parameters. Results are compared first: the losses of all three agree to {TOLERANCE:g}, or nothing is
written. `steps/s`: steps of all networks together, the fastest repetition. Ratios are the median over the repetitions,
with the lowest and the highest: above 1, ours is faster. `met`: the median reaches the aim.

"""
INITIAL = f"""
## Statistics of initial networks

`initial_statistics`: networks Linear → ReLU, depth times; drawn, run forward, and back once, in float64; mean squares
and gradient norms at every layer. Peak memory: of a process that does that alone, less what was resident after the
imports; the aim is below {BYTES / 1e9:g} GB whatever the ensemble, and {SECONDS} s for the first row.

"""


@dataclass(frozen=True)
class Setting:
    """How large a run is."""

    shapes: tuple[tuple[int, str, int, int], ...] = (
        (16, "relu", 100, 64),
        (16, "tanh", 100, 64),
        (64, "relu", 100, 64),
        (64, "tanh", 100, 64),
        (64, "relu", 10_000, 4),
        (256, "relu", 100, 4),
    )  # width, activation, batch, networks
    steps: int = 20
    repetitions: int = 5
    part: float = 1.0  # of the networks of an initial ensemble


QUICK = Setting(shapes=((16, "relu", 100, 8),), steps=3, repetitions=1, part=0.01)


def plain(width: int, activation: str) -> Network:
    """Five hidden layers."""
    hidden = (Linear(width, width), Activation(activation))
    return Network((Linear(1, width), Activation(activation), *hidden * 4, Linear(width, 1)))


def points() -> tuple[Tensor, Tensor]:
    """All of the task."""
    return torch.tensor(TASK.x, dtype=torch.float32), torch.tensor(TASK.y, dtype=torch.float32)


class Ours:
    """The steps of `train_many`."""

    def __init__(self, net: Network, seeds: Sequence[int], batch: int) -> None:
        models = [build(net, seed, "float32") for seed in seeds]
        self.descent = SharedDescent(net, "float32", models, seeds, TASK, "adam", RATE, batch)

    def run(self, steps: int) -> list[float]:
        """Losses at the last step."""
        self.descent.run(steps, 0.0, Bar(steps, RATE, shown=False))
        found: list[float] = self.descent.losses[-1].tolist()
        return found


class Loop:
    """One network after the other."""

    def __init__(self, net: Network, seeds: Sequence[int], batch: int) -> None:
        self.x, self.y = points()
        self.models = [build(net, seed, "float32") for seed in seeds]
        self.optimisers = [torch.optim.Adam(model.parameters(), lr=RATE) for model in self.models]
        self.chosen = [minibatches(len(self.x), batch, seed) for seed in seeds]

    def run(self, steps: int) -> list[float]:
        """Losses at the last step."""
        return [self._alone(s, steps) for s in range(len(self.models))]

    def _alone(self, s: int, steps: int) -> float:
        model, adam, loss = self.models[s], self.optimisers[s], torch.zeros(())
        for _, rows in zip(range(steps), self.chosen[s], strict=False):
            adam.zero_grad()
            loss = mse_loss(model(self.x[rows]), self.y[rows])
            loss.backward()
            adam.step()
        return loss.item()


class Vmap:
    """The recipe of torch's documentation."""

    def __init__(self, net: Network, seeds: Sequence[int], batch: int) -> None:
        self.x, self.y = points()
        models = [build(net, seed, "float32") for seed in seeds]
        base = copy.deepcopy(models[0])
        self.parameters, self.buffers = stack_module_state(models)

        def loss(own: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
            return mse_loss(functional_call(base, (own, buffers), (x,)), y)

        self.differentiated = vmap(grad_and_value(loss))
        self.adam = torch.optim.Adam(self.parameters.values(), lr=RATE)
        self.chosen = [minibatches(len(self.x), batch, seed) for seed in seeds]

    def run(self, steps: int) -> list[float]:
        """Losses at the last step."""
        losses = torch.zeros(len(self.chosen))
        for _ in range(steps):
            rows = torch.stack([next(one) for one in self.chosen])
            now = {name: parameter.detach() for name, parameter in self.parameters.items()}
            gradients, losses = self.differentiated(now, self.buffers, self.x[rows], self.y[rows])
            for name, parameter in self.parameters.items():
                parameter.grad = gradients[name]
            self.adam.step()
        return losses.tolist()


CONTENDERS = {"ours": Ours, "loop": Loop, "vmap": Vmap}


def training_row(width: int, activation: str, batch: int, networks: int, setting: Setting) -> Cells:
    """One shape, all contenders."""
    net, seeds = plain(width, activation), range(networks)
    steps = max(2, setting.steps * 100 * 64 // (batch * networks) if batch > 100 else setting.steps)
    agree({name: np.array(contender(net, seeds, batch).run(5)) for name, contender in CONTENDERS.items()})
    runs = {
        name: Prepared(partial(contender, net, seeds, batch), methodcaller("run", steps))
        for name, contender in CONTENDERS.items()
    }
    times = interleave(runs, setting.repetitions)
    what = f"{networks} networks, width {width}, {activation}, minibatch {batch}"
    speed = (f"{networks * steps / times.best(name):,.0f}" for name in CONTENDERS)
    aim = OVER_LOOP.get(width) if batch == 100 else None
    return (what, *speed, *ratio(times, "loop", aim), *ratio(times, "vmap", OVER_VMAP))


def ratio(times: Times, peer: str, aim: float | None) -> Cells:
    """Ratio, aim, and whether it is met."""
    found = times.ratios(peer, "ours")
    text = f"{median(found):.2f} ({found[0]:.2f}–{found[-1]:.2f})"
    return (text, *(("", "") if aim is None else (f"≥ {aim:g}", "yes" if median(found) >= aim else "no")))


def agree(found: Mapping[str, NDArray[np.float64]]) -> None:
    """Exits where losses differ from the first's."""
    first, *others = found.items()
    for name, other in others:
        error = np.max(np.abs(other - first[1]) / first[1])
        if not error <= TOLERANCE:
            sys.exit(f"benchmarks: {first[0]} and {name} differ by {error:.1e} of the loss")


@dataclass(frozen=True)
class Initial:
    """An ensemble of initial networks."""

    what: str
    width: int
    depth: int
    networks: int
    batch: int = 1
    normalised: bool = False
    aim: float | None = None

    def network(self) -> Network:
        """Of ReLUs."""
        norm = (BatchNorm(self.width, eps=0.0, affine=False),) if self.normalised else ()
        return Network((Linear(self.width, self.width, bias=False), *norm, Activation("relu")) * self.depth)

    def measured(self) -> tuple[float, int]:
        """Seconds of processor time, and bytes at the peak, here and now."""
        net, imported = self.network(), resident("VmRSS")
        (PROCESS / "clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
        begin = time.process_time()
        initial_statistics(net, self.networks, self.batch, progress=False)
        return time.process_time() - begin, resident("VmHWM") - imported


ENSEMBLES = {
    "narrow": Initial("width 32, depth 20", WIDTH, DEPTH, MANY, aim=SECONDS),
    "normalised": Initial("the same with batch norms, 32 rows", WIDTH, DEPTH, MANY // 10, 32, normalised=True),
    "wide": Initial("width 512, depth 20", 512, DEPTH, 20),
    "widest": Initial("width 2048, depth 30", 2048, 30, 2),
}


def initial_row(name: str, setting: Setting) -> Cells:
    """In a process of its own."""
    command = [sys.executable, __file__, "memory", name, str(setting.part)]
    seconds, peak = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    one = ENSEMBLES[name]
    networks = max(1, round(one.networks * setting.part))
    met = peak < BYTES and (one.aim is None or seconds < one.aim)
    aim = f"< {BYTES / 1e9:g} GB" + ("" if one.aim is None else f", < {one.aim:g} s")
    return (one.what, f"{networks:,}", f"{seconds:.1f} s", f"{peak / 1e6:.0f} MB", aim, "yes" if met else "no")


def report(setting: Setting) -> str:
    """All measurements, as Markdown."""
    head = (
        "what",
        *(f"steps/s, {name}" for name in CONTENDERS),
        "loop / ours",
        "aim",
        "met",
        "vmap / ours",
        "aim",
        "met",
    )
    initial_head = ("what", "networks", "time", "peak memory", "aim", "met")
    return "".join(
        (
            f"{OPENING}{machine(PACKAGES)}.\n\n",
            TRAINING + table(head, [training_row(*shape, setting) for shape in setting.shapes]),
            INITIAL + table(initial_head, [initial_row(name, setting) for name in ENSEMBLES]),
        )
    )


def main() -> None:
    """Measure, print, and write unless it was a quick run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    quick = "small sizes and few repetitions, nothing written: does it still run?"
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("memory", nargs="*", help="memory WHAT PART")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.memory:
        _, name, part = arguments.memory
        one = ENSEMBLES[name]
        print(json.dumps(replace(one, networks=max(1, round(one.networks * float(part)))).measured()))
        return
    setting = QUICK if arguments.quick else Setting()
    gc.freeze()  # a collection of all that torch holds would fall on one contender or another
    found = report(setting)
    print(found)
    if setting is not QUICK:
        (FOLDER / "ensembles.md").write_text(found, encoding="utf-8")


if __name__ == "__main__":
    main()
