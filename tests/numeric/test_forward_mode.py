import subprocess
import sys

import torch

from residua_numeric.forward_mode import pushforward


def test_a_tensor_and_a_dictionary() -> None:
    x, v = torch.tensor([2.0, 3.0]), torch.tensor([1.0, 10.0])
    assert pushforward(lambda x: x**2, x, v).tolist() == [4.0, 60.0]
    found = pushforward(lambda x: {"square": x**2, "constant": torch.ones(2)}, x, v)
    assert {name: tensor.tolist() for name, tensor in found.items()} == {"square": [4.0, 60.0], "constant": [0.0, 0.0]}


def test_parameters_are_not_differentiated() -> None:
    layer = torch.nn.Linear(2, 1)
    found = pushforward(layer, torch.ones(2), torch.tensor([1.0, 0.0]))
    assert not found.requires_grad
    assert found.tolist() == [float(layer.weight[0, 0].detach())]


def test_the_first_use_warns_of_nothing() -> None:
    code = "import torch; from residua_numeric.forward_mode import pushforward as p; p(torch.exp, *torch.ones(2, 1))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
