import torch

from residua_numeric.autograd_graph import graph_nodes


def leaf(*shape: int) -> torch.Tensor:
    return torch.ones(shape, dtype=torch.float64, requires_grad=True)


def test_nodes_by_hand() -> None:
    x = leaf()
    assert graph_nodes(torch.ones(())) == 0
    assert graph_nodes(x) == 1  # AccumulateGrad
    assert graph_nodes(x.exp()) == 2
    assert graph_nodes(x * x) == 2  # x is one node, though it goes in twice
    y = x.exp()
    assert graph_nodes(y * y.sin() + x) == 5  # AccumulateGrad, Exp, Sin, Mul, Add


def test_what_is_shared_counts_once() -> None:
    y = leaf()
    for _ in range(60):
        y = y * (1 - y)  # Rsub and Mul; the tree has 2^60 leaves
    assert graph_nodes(y) == 1 + 2 * 60


def test_a_linear_layer_as_torch_records_it() -> None:
    layer = torch.nn.Linear(3, 2)
    assert graph_nodes(layer(torch.ones(4, 3))) == 4  # Addmm, T, the weight, the bias
    assert graph_nodes(layer(torch.ones(4, 3)).detach()) == 0


def test_a_deep_graph() -> None:
    y = leaf()
    for _ in range(5000):
        y = y.sin()
    assert graph_nodes(y) == 5001
