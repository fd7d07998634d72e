from typing import Any

import numpy as np
import pytest
import torch

from residua_network import ShapeError
from residua_numeric.arrays import rows


@pytest.mark.parametrize(
    "values",
    [
        [[1, 2], [3, 4]],
        np.array([[1, 2], [3, 4]], dtype=np.float16),
        np.array([[1, 2], [3, 4]], dtype=np.longdouble),
        torch.tensor([[1, 2], [3, 4]], dtype=torch.bfloat16, requires_grad=False),
        torch.tensor([[1.0, 2], [3, 4]], requires_grad=True),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_any_real_array(values: Any, dtype: torch.dtype) -> None:
    found = rows(values, "x", 2, None, dtype)
    assert found.dtype == dtype
    assert not found.requires_grad
    assert found.tolist() == [[1, 2], [3, 4]]


def test_it_is_a_copy() -> None:
    x = np.ones((1, 1))
    rows(x, "x", None, None, torch.float64).zero_()
    assert x == 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.ones(2), r"x: expected shape \(batch, 2\), got \(2,\)"),
        (np.ones((1, 3)), r"\(batch, 2\), got \(1, 3\)"),
        (np.ones((0, 2)), r"got \(0, 2\)"),
        ([[1.0, 2.0], [3.0]], "unequal lengths"),
        ([["a", "b"]], "real numbers"),
        (np.ones((1, 2)) * 1j, "real numbers .* complex128"),
        ([[True, False]], "real numbers .* bool"),
        ([[0.0, 1.0], [np.nan, 1.0]], "in row 1"),
        ([[1e39, 1.0]], r"finite in torch\.float32"),
    ],
)
def test_refusals(values: Any, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        rows(values, "x", 2, None, torch.float32)
