"""Jacobians of a batch: (batch, m, n) where rows are apart, (batch, m, batch, n) where they are coupled."""

from typing import Any

import numpy as np


def spread(jacobian: Any) -> Any:
    """As (batch, m, batch, n), with zeros between different rows."""
    if jacobian.ndim == 4:
        return jacobian
    rows, outputs, inputs = jacobian.shape
    whole = np.zeros((rows, outputs, rows, inputs), dtype=jacobian.dtype)
    whole[range(rows), :, range(rows)] = jacobian
    return whole


def apart(whole: Any) -> Any:
    """(batch, m, n) out of (batch, m, batch, n), where no row may depend on another one."""
    own = whole[range(len(whole)), :, range(len(whole))]
    others = ~np.eye(len(whole), dtype=bool)
    assert not whole.swapaxes(1, 2)[others].any(), "a row depends on another one"
    return own


def stacked(jacobian: Any) -> Any:
    """The matrix of the stacked batch, (batch · m, batch · n)."""
    rows, outputs, _, inputs = spread(jacobian).shape
    return spread(jacobian).reshape(rows * outputs, rows * inputs)


def times(above: Any, below: Any) -> Any:
    """The product of two Jacobians of a batch; its rows are coupled where those of a factor are."""
    if above.ndim == below.ndim == 3:
        return above @ below
    return np.tensordot(spread(above), spread(below), axes=2)
