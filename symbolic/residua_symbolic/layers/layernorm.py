from typing import Any


def forward(o: Any, x: Any, weight: Any, bias: Any, eps: Any) -> Any:
    """Layer normalisation over the feature axis; Ba et al. 2016 (arXiv:1607.06450), eq. 3, with ε under the root."""
    centred = o.let("c", x - o.mean(x))
    s = o.let("s", o.sqrt(o.mean(centred * centred) + eps))
    return weight * o.let("xhat", centred / s) + bias
