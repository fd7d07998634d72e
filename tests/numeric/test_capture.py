from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from residua_network import Network, ShapeError
from residua_numeric import build
from residua_numeric.capture import capture
from residua_numeric.layers.residual import Residual


def hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


class Skipping(Residual):
    """Never calls its branch."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class Twice(Residual):
    """Calls its branch twice."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.branch(self.branch(x))
        return y


def test_names_in_order_and_inputs_chain(every: Network, x: NDArray[np.float64]) -> None:
    model = build(every).eval()
    y, passed = capture(model, torch.tensor(x))
    assert list(passed) == [name for name, _ in every.walk()]
    top = [passed[str(k)] for k in range(len(every.layers))]
    for before, after in pairwise(top):
        assert torch.equal(before.output, after.input)
    assert torch.equal(top[0].input, torch.tensor(x))
    assert torch.equal(top[-1].output, y)
    assert torch.equal(passed["1.branch.0"].input, top[1].input)
    assert hooks(model) == 0


def test_a_module_used_twice_is_told_apart() -> None:
    layer = nn.Linear(2, 2)
    _, passed = capture(nn.Sequential(layer, nn.Tanh(), layer), torch.ones(1, 2))
    assert torch.equal(passed["2"].input, passed["1"].output)
    assert not torch.equal(passed["2"].input, passed["0"].input)


def test_in_place_modules_do_not_reach_what_is_kept() -> None:
    x = torch.tensor([[-1.0, 1.0]])
    _, passed = capture(nn.Sequential(nn.ReLU(inplace=True), nn.Hardtanh(0, 0.5, inplace=True)), x)
    assert passed["0"].input.tolist() == [[-1, 1]]
    assert passed["0"].output.tolist() == [[0, 1]]
    assert passed["1"].output.tolist() == [[0, 0.5]]
    assert x.tolist() == [[-1, 1]]


def test_what_is_never_called_has_no_entry_and_of_two_calls_the_first_counts() -> None:
    branch = nn.Sequential(nn.Linear(2, 2))
    x = torch.ones(1, 2)
    assert list(capture(nn.Sequential(Skipping(branch)), x)[1]) == ["0"]
    assert torch.equal(capture(nn.Sequential(Twice(branch)), x)[1]["0.branch.0"].input, x)
    with pytest.raises(ShapeError, match=r'"0\.branch\.0" stands at 2 places, but is called 3 times'):
        capture(nn.Sequential(Residual(branch), Twice(branch)), x)


def test_hooks_are_removed_on_error() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(3, 2))
    with pytest.raises(RuntimeError):
        capture(model, torch.ones(1, 2))
    assert hooks(model) == 0
