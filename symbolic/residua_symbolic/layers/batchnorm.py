from typing import Any


def forward(
    o: Any, x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, eps: Any, statistics: str
) -> Any:
    """Batch normalisation; Ioffe, Szegedy 2015 (arXiv:1502.03167), algorithm 1; stored statistics as in algorithm 2."""
    if statistics == "running":
        s = o.let("s", o.sqrt(running_var + eps))
        return weight * o.let("xhat", (x - running_mean) / s) + bias
    centred = o.let("c", x - o.mean(x, "batch"))
    s = o.let("s", o.sqrt(o.mean(centred * centred, "batch") + eps))
    return weight * o.let("xhat", centred / s) + bias
