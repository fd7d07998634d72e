"""Numbers that a normalised block holds."""

import pytest
import torch

from residua_network import ResiduaError
from residua_numeric.kept_memory import NORMALISERS, held


@pytest.mark.parametrize("normaliser", NORMALISERS)
def test_numbers_do_not_depend_on_the_dtype(normaliser: str) -> None:
    assert held(normaliser, 6, 8) == held(normaliser, 6, 8, torch.float32)


def test_what_is_counted() -> None:
    """By hand: ReLU's output 6·8; with a normaliser its input as well, and two numbers a feature or a row."""
    none, batch, layer = (held(normaliser, 6, 8) for normaliser in NORMALISERS)
    assert none == (8 * 8 + 8, 0, 6 * 8)
    assert batch == (8 * 8 + 3 * 8, 2 * 8, 2 * 6 * 8 + 2 * 8)
    assert layer == (8 * 8 + 3 * 8, 0, 2 * 6 * 8 + 2 * 6)


def test_an_unknown_normaliser_is_named() -> None:
    with pytest.raises(ResiduaError, match="group"):
        held("group", 6, 8)
