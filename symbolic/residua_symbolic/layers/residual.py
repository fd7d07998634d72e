from typing import Any


def forward(o: Any, x: Any, branch: Any, scale: Any) -> Any:
    """y = x + α F(x); He et al. 2015 (arXiv:1512.03385), eq. 1."""
    return x + scale * branch(x)
