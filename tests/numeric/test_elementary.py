import torch

from residua_numeric.elementary import FUNCTIONS
from residua_numeric.forward_mode import pushforward

X = torch.tensor([-2.0, 0.0, 3.0], dtype=torch.float64)


def test_step_is_in_the_graph_and_its_derivative_is_nothing() -> None:
    x = X.clone().requires_grad_()
    y = FUNCTIONS["step"](x)
    assert y.tolist() == [0.0, 0.0, 1.0]
    assert (y.dtype, y.requires_grad) == (x.dtype, True)
    (3 * y).sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 0.0, 0.0]
    assert pushforward(FUNCTIONS["step"], X, torch.ones_like(X)).tolist() == [0.0, 0.0, 0.0]


def test_softplus_where_torch_has_the_identity() -> None:
    x = torch.tensor([-800.0, 25.0, 800.0], dtype=torch.float64)
    found = FUNCTIONS["softplus"](x)
    assert found.tolist() == [0.0, 25.0 + torch.exp(-x[1]).item(), 800.0]
    assert torch.nn.functional.softplus(x)[1] != found[1]
