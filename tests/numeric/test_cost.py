import itertools
import time

import pytest
import torch

from residua_network import Activation, DescriptionError, Linear, Network
from residua_numeric import build
from residua_numeric.cost import flops, saved_bytes, seconds

SHAPES = [(3, 2), (1, 1), (2, 3, 2), (5, 1, 4), (784, 100, 10), (8, 16, 16, 16, 1), (1, 64, 64, 64, 64, 1)]


def mlp(sizes: tuple[int, ...]) -> torch.nn.Sequential:
    linears = [Linear(a, b) for a, b in itertools.pairwise(sizes)]
    return build(Network(tuple(layer for one in linears for layer in (one, Activation("tanh")))[:-1]))


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("sizes", SHAPES)
def test_backward_over_forward(sizes: tuple[int, ...], batch: int) -> None:
    """2 − n_0 n_1 / Σ n_i n_{i+1}, in the integers; 2 once the input needs a gradient, too."""
    model, x = mlp(sizes), torch.ones(batch, sizes[0], dtype=torch.float64)
    products = [a * b for a, b in itertools.pairwise(sizes)]
    found = flops(lambda: model(x), list(model.parameters()))
    assert found.forward == 2 * batch * sum(products)
    assert found.backward * sum(products) == found.forward * (2 * sum(products) - products[0])
    x.requires_grad_()
    through = flops(lambda: model(x), [x, *model.parameters()])
    assert through.backward == 2 * through.forward != found.backward


def test_flops_without_a_graph() -> None:
    with pytest.raises(DescriptionError, match="flops: expected an output that depends on a tensor"):
        flops(lambda: torch.ones(3), [])


def test_saved_bytes_by_hand() -> None:
    x = torch.ones(10, dtype=torch.float64, requires_grad=True)
    assert saved_bytes(lambda: x + 1) == 0
    assert saved_bytes(lambda: x.exp()) == 80  # its result
    assert saved_bytes(lambda: x.sin()) == 80  # its argument
    assert saved_bytes(lambda: x.sin(), [x]) == 0
    assert saved_bytes(lambda: x.sin() * x.cos(), [x]) == 160  # both factors
    assert saved_bytes(lambda: x[:3].sin()) == 80  # a view keeps the whole storage
    assert saved_bytes(lambda: x.exp().sin()) == 80  # result of the one, argument of the other: one storage
    with torch.no_grad():
        assert saved_bytes(lambda: x.exp()) == 80  # asked for a graph, it gets one


def test_saved_bytes_of_a_network() -> None:
    sizes, batch = (3, 5, 7, 2), 4
    model, x = mlp(sizes), torch.ones(4, 3, dtype=torch.float64)
    held = [x, *model.parameters()]
    hidden = 8 * batch * (5 + 7)  # the results of tanh, which are the inputs of the next layers
    assert saved_bytes(lambda: model(x), held) == hidden
    weights = 8 * (5 * 7 + 7 * 2)  # the first weight is not needed: the input has no gradient
    assert saved_bytes(lambda: model(x)) == hidden + weights + 8 * batch * 3


def test_seconds_grow_with_the_work() -> None:
    a = torch.ones(300, 300, dtype=torch.float64)

    def work(times: int) -> None:
        for _ in range(times):
            a @ a

    threads = torch.get_num_threads()
    once, often = seconds(lambda: work(1)), seconds(lambda: work(10))
    assert 0 < once < often
    assert 3 < often / once < 30  # ten times the work
    assert torch.get_num_threads() == threads
    begin = time.process_time()
    work(200)
    assert 1 / 3 < 200 * once / (time.process_time() - begin) < 3
    with pytest.raises(DescriptionError, match="repetitions"):
        seconds(lambda: None, 0)
