"""Jacobians and gradient norms through 50 residual blocks, training and memory: ours against torch, in one run.

Prints a table and writes it to benchmarks/results.md, which says how to read it. float64, one thread.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

import numpy as np
import peers
import torch
from interleaved import Contender, Times, interleave, judged, machine, table
from torch import Tensor

from residua import Activation, LayerNorm, Linear, Network, Residual, Task, build, jacobian, train, weights_of

FOLDER = Path(__file__).resolve().parent
Cells = tuple[str, ...]
TOLERANCE = 1e-10  # of the largest entry: thousands of roundings, and far below any mistake

# The largest median ratios that meet the aims, and MB above what the imports take.
AT_512, AT_64, GRADIENT_NORMS, TRAINING, MEMORY = 1.1, 1.0, 1.2, 1.3, 300
RATE = 1e-3

NAMED = ("LayerNorm", "Linear", "ReLU")  # the block that the aims are set for
PRE_ACTIVATION = ("LayerNorm", "ReLU", "Linear")
HEAD = ("what", "ours", "peer", "ours / peer", "aim", "met")
FLOPS_HEAD = ("Jacobians", "GFlop", "bare products, GFlop/s", "ours, GFlop/s", "vmap, GFlop/s", "ours / bare products")
OPENING = f"""# How fast, against whom

Written by `make bench`. Each row times two ways to one result in turn within one run, so that what slows the machine
slows both. Results are compared first: they agree to {TOLERANCE:g} of the largest entry, or nothing is written.
`ours` and `peer` are the fastest times of a call: processor time, one thread, float64. `ours / peer` is the median of
the ratios over the repetitions, with the lowest and the highest: below 1, ours is faster. `met`: the median is within
the aim.

- Jacobians: `jacobian(net).evaluate(weights, x)` against `torch.func.vmap(jacrev(model))(x)` and against one
  `autograd.grad` an output, all from x to the array. The derivation is made once, before.
- Gradient norms: `jacobian(net).gradient_norms(weights, x, cotangent)` against one `autograd.grad` with respect to the
  inputs of all blocks, both from x to the norms.
- Training: `train` against the bare loop (`zero_grad`, loss, `backward`, `step`; torch's Adam) on the same batches.
- Memory: the peak of resident memory in a process of its own above what is resident after the imports, weights
  included; in brackets the same above what is resident with the weights in place.

"""
FLOPS = """
The floor of a Jacobian is one n×n product a block and an input, 2 n³ flops. Speeds count these flops only; bare
products are that many products in numpy, in the same run.

"""


@dataclass(frozen=True)
class Setting:
    """How large a run is."""

    depth: int = 50
    batches: tuple[tuple[int, int], ...] = ((64, 1), (64, 16), (512, 1), (512, 4))  # width, inputs
    rows: int = 64  # of a batch for gradient norms and training
    repetitions: int = 11
    slow: int = 3  # repetitions against the loop over outputs
    blocks: tuple[int, ...] = (4, 16)  # of what is trained
    steps: int = 200


QUICK = Setting(depth=6, batches=((64, 2), (512, 1)), repetitions=3, slow=1, blocks=(2,), steps=20)


class Case:
    """One network on both sides, its weights away from their initial values, with inputs."""

    def __init__(self, order: tuple[str, ...], width: int, depth: int, batch: int) -> None:
        layers = {"LayerNorm": LayerNorm(width), "Linear": Linear(width, width), "ReLU": Activation("relu")}
        self.width = width
        self.net = Network((Residual(tuple(layers[name] for name in order)),) * depth)
        generator = torch.Generator().manual_seed(0)
        self.model = build(self.net).eval().requires_grad_(False)
        for p in self.model.parameters():
            p += 0.01 * _normal(p.shape, generator)
        self.weights = weights_of(self.model)
        self.derived = jacobian(self.net)
        self.x, self.u = (_normal((batch, width), generator) for _ in range(2))
        self.title = f"{', '.join(order)}; width {width}, {batch} input{'s' if batch > 1 else ''}"

    @property
    def flops(self) -> int:
        """Of all n×n products."""
        return 2 * self.width * self.width * self.width * len(self.net.layers) * len(self.x)

    def jacobians(self) -> dict[str, Contender]:
        """All ways to the Jacobians."""
        return {
            "ours": lambda: self.derived.evaluate(self.weights, self.x.numpy()),
            "vmap": lambda: peers.vmap_jacrev(self.model, self.x),
            "loop": lambda: peers.loop_over_outputs(self.model, self.x),
        }

    def gradient_norms(self) -> dict[str, Contender]:
        """Both ways to the gradient norms."""
        return {
            "ours": lambda: self.derived.gradient_norms(self.weights, self.x.numpy(), self.u.numpy()),
            "grad": lambda: peers.gradient_norms(self.model, self.x, self.u),
        }

    def bare_products(self) -> None:
        """As many flops as the floor."""
        matrices = [array for array in self.weights.values() if array.ndim == 2]
        for _ in range(len(self.x)):
            for W in matrices:
                W @ W


def _normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def agree(contenders: Mapping[str, Contender]) -> None:
    """Exits where one result differs from the first."""
    first, *others = (np.asarray(contender()) for contender in contenders.values())
    for name, other in zip(list(contenders)[1:], others, strict=True):
        error = np.max(np.abs(other - first)) / np.max(np.abs(first))
        if not error <= TOLERANCE:
            sys.exit(f"benchmarks: ours and {name} differ by {error:.1e} of the largest entry")


def jacobian_tables(setting: Setting) -> tuple[list[Cells], list[Cells]]:
    """Rows on Jacobians for the two tables."""
    rows, speeds = [], []
    for width, batch in setting.batches:
        case = Case(NAMED, width, setting.depth, batch)
        times = jacobian_times(case, setting.repetitions)
        aim = AT_512 if width == 512 else AT_64
        rows.append(times.row(f"Jacobian, {case.title}: vmap(jacrev)", "ours", "vmap", aim))
        rows.append(loop_row(case, setting.slow))
        speeds.append(speed_row(case, times))
        other = Case(PRE_ACTIVATION, width, setting.depth, batch)
        times = jacobian_times(other, setting.repetitions)
        rows.append(times.row(f"Jacobian, {other.title}: vmap(jacrev)", "ours", "vmap", aim))
    return rows, speeds


def jacobian_times(case: Case, repetitions: int) -> Times:
    """Ours, vmap(jacrev) and the floor."""
    ways = case.jacobians()
    agree(ways)
    return interleave({"ours": ways["ours"], "vmap": ways["vmap"], "floor": case.bare_products}, repetitions)


def loop_row(case: Case, repetitions: int) -> Cells:
    """Against the loop over outputs, the slowest by far."""
    ways = case.jacobians()
    times = interleave({name: ways[name] for name in ("ours", "loop")}, repetitions)
    return times.row(f"Jacobian, {case.title}: loop over outputs", "ours", "loop")


def speed_row(case: Case, times: Times) -> Cells:
    """A row of the second table."""
    rates = (f"{case.flops / times.best(name) / 1e9:.1f}" for name in ("floor", "ours", "vmap"))
    return case.title, f"{case.flops / 1e9:.2f}", *rates, f"{median(times.ratios('ours', 'floor')):.2f}"


def norm_row(width: int, setting: Setting) -> Cells:
    """Gradient norms at the inputs of all blocks."""
    case = Case(NAMED, width, setting.depth, setting.rows)
    ways = case.gradient_norms()
    agree(ways)
    times = interleave(ways, setting.repetitions)
    return times.row(f"Gradient norms, {case.title}: one autograd.grad", "ours", "grad", GRADIENT_NORMS)


def training_row(blocks: int, setting: Setting) -> Cells:
    """Regression at width 64, with Adam: both from the same weights, on the same batches."""
    block = Residual((LayerNorm(64), Linear(64, 64), Activation("relu")))
    model = build(Network((Linear(8, 64), *[block] * blocks, Linear(64, 1))))
    task = Task.regression(lambda x: np.sin(x).sum(axis=1), -2.0, 2.0, points=1024, inputs=8)
    initial = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    x, y = torch.tensor(task.x), torch.tensor(task.y)
    trainers: dict[str, Contender] = {
        "ours": lambda: train(model, task, setting.steps, "adam", RATE, setting.rows, seed=0, progress=False),
        "loop": lambda: peers.training(model, x, y, setting.steps, RATE, setting.rows, seed=0),
    }

    def trained(way: Contender) -> Tensor:
        model.load_state_dict(initial)
        way()
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    ways = {name: partial(trained, way) for name, way in trainers.items()}
    agree(ways)
    times = interleave(ways, max(3, setting.repetitions // 2))
    what = f"Training, {blocks} blocks of width 64, batch {setting.rows}, {setting.steps} steps: bare loop"
    return times.row(what, "ours", "loop", TRAINING)


def memory_row(depth: int) -> Cells:
    """Peak of one evaluation at width 512."""
    ours, peer = (memory(side, depth) for side in ("ours", "peer"))
    ratio = f"{ours['total'] / peer['total']:.2f}"
    shown = (f"{side['total'] / 1e6:.0f} MB ({side['beyond weights'] / 1e6:.0f})" for side in (ours, peer))
    aim = judged(ours["total"] / 1e6, MEMORY, f"{MEMORY} MB")
    return f"Memory, Jacobian, width 512, {depth} blocks, 1 input: vmap(jacrev)", *shown, ratio, *aim


def memory(side: str, depth: int) -> dict[str, int]:
    """Bytes, measured in a child."""
    command = [sys.executable, str(FOLDER / "memory.py"), side, "512", str(depth)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    measured: dict[str, int] = json.loads(printed)
    return measured


def report(setting: Setting) -> str:
    """All measurements, as Markdown."""
    rows, speeds = jacobian_tables(setting)
    rows += [norm_row(width, setting) for width in sorted({width for width, _ in setting.batches})]
    rows += [training_row(blocks, setting) for blocks in setting.blocks]
    if Path("/proc/self/clear_refs").exists():  # Linux
        rows.append(memory_row(setting.depth))
    begin = f"{OPENING}{setting.depth} blocks. {machine(('residua', 'numpy', 'torch'))}.\n\n"
    return begin + table(HEAD, rows) + FLOPS + table(FLOPS_HEAD, speeds)


def main() -> None:
    """Measure, print, and write unless it was a quick run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    quick = "6 blocks and few repetitions, nothing written: does it still run?"
    parser.add_argument("--quick", action="store_true", help=quick)
    setting = QUICK if parser.parse_args().quick else Setting()
    torch.set_num_threads(1)
    found = report(setting)
    print(found)
    if setting is not QUICK:
        (FOLDER / "results.md").write_text(found, encoding="utf-8")


if __name__ == "__main__":
    main()
