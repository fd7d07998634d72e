from typing import Any


def forward(o: Any, x: Any, weight: Any, bias: Any) -> Any:
    """y_i = Σ_k W_ik x_k + b_i."""
    return o.contract(weight, x) + bias
