"""Memory of one evaluation, in a process of its own: `python memory.py ours|peer WIDTH DEPTH` prints bytes as JSON.

`total`: the peak of resident memory minus what was resident after the imports; `beyond weights`: the same peak minus
what was resident with the weights in place.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

import numpy as np

from residua import Activation, LayerNorm, Linear, Network, Residual, jacobian

PROCESS = Path("/proc/self")  # Linux; getrusage would count what the parent had resident when it forked


def resident(field: str) -> int:
    """Bytes: "VmRSS" now, "VmHWM" at the peak."""
    lines = (PROCESS / "status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) * 1024


def ours(net: Network) -> Callable[[], object]:
    """The evaluation, with its weights made; the derivation belongs to it."""
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=shape) / np.sqrt(shape[-1]) for name, shape in net.parameter_shapes().items()}
    x = rng.normal(size=(1, net.inputs))
    return lambda: jacobian(net).evaluate(weights, x)


def peer(net: Network) -> Callable[[], object]:
    """The same by vmap(jacrev)."""
    import torch

    from residua import build

    torch.set_num_threads(1)
    model = build(net).eval().requires_grad_(False)
    x = torch.randn(1, net.inputs, dtype=torch.float64)
    return lambda: torch.func.vmap(torch.func.jacrev(model))(x)


def main(side: str, width: int, depth: int) -> None:
    """Evaluate once and print."""
    if side == "peer":
        import residua_numeric  # noqa: F401  an import, and not to be counted
    net = Network((Residual((LayerNorm(width), Linear(width, width), Activation("relu"))),) * depth)
    imported = resident("VmRSS")
    evaluate = (ours if side == "ours" else peer)(net)
    with_weights = resident("VmRSS")
    (PROCESS / "clear_refs").write_text("5", encoding="ascii")  # the peak begins anew: making weights takes copies
    evaluate()
    peak = resident("VmHWM")
    print(json.dumps({"total": peak - imported, "beyond weights": peak - with_weights}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
