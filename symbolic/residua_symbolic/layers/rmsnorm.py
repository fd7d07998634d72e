from typing import Any


def forward(o: Any, x: Any, weight: Any, eps: Any) -> Any:
    """Root mean square normalisation; Zhang, Sennrich 2019 (arXiv:1910.07467), eq. 4, with ε under the root."""
    s = o.let("s", o.sqrt(o.mean(x * x) + eps))
    return weight * o.let("xhat", x / s)
