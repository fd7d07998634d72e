from typing import Any

import pytest
import torch
from torch import nn

from residua_network import Activation, BatchNorm, DescriptionError, LayerNorm, Linear, Network, Residual, RMSNorm
from residua_numeric import build, describe
from residua_numeric.layers.batchnorm import BatchNorm as BatchNormModule
from residua_numeric.layers.residual import Residual as ResidualModule


class Doubled(nn.Linear):
    """Computes something else than its parent."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


class Backwards(nn.Sequential):
    """Runs its modules the other way round."""

    def forward(self, x: Any) -> Any:
        for module in reversed(self):
            x = module(x)
        return x


def test_round_trip(every: Network, coupled: Network) -> None:
    for net in (every, coupled, coupled.with_statistics("running")):
        assert describe(build(net)) == net
        assert describe(build(net).eval()) == net
    assert describe(build(coupled)) != coupled.with_statistics("running")


@pytest.mark.parametrize(
    ("module", "layer"),
    [
        (nn.ReLU(inplace=True), Activation("relu")),
        (nn.Tanh(), Activation("tanh")),
        (nn.Sigmoid(), Activation("sigmoid")),
        (nn.GELU(), Activation("gelu")),
        (nn.SiLU(), Activation("silu")),
        (nn.Softplus(), Activation("softplus")),
        (nn.Identity(), Activation("identity")),
        (nn.LayerNorm(2, eps=0.5), LayerNorm(2, eps=0.5)),
        (nn.LayerNorm(2, bias=False), LayerNorm(2)),
        (nn.LayerNorm(2, elementwise_affine=False), LayerNorm(2, affine=False)),
        (nn.RMSNorm(2), RMSNorm(2, eps=2.0**-23)),
        (nn.RMSNorm(2, eps=0.1), RMSNorm(2, eps=0.1)),
        (nn.BatchNorm1d(2, eps=0.5), BatchNorm(2, eps=0.5)),
        (nn.BatchNorm1d(2).eval(), BatchNorm(2, statistics="running")),
        (nn.BatchNorm1d(2, track_running_stats=False).eval(), BatchNorm(2)),
        (nn.BatchNorm1d(2, affine=False, momentum=None, eps=0.0), BatchNorm(2, eps=0.0, affine=False)),
        (BatchNormModule(2, 0.0, False, "running").train(), BatchNorm(2, 0.0, False, "running")),
        (BatchNormModule(2).eval(), BatchNorm(2)),
        (nn.Linear(2, 2, bias=False), Linear(2, 2, bias=False)),
    ],
)
def test_torch_modules(module: nn.Module, layer: Any) -> None:
    assert describe(nn.Sequential(module, nn.Linear(2, 1))) == Network((layer, Linear(2, 1)))


def test_rmsnorm_takes_eps_from_the_dtype() -> None:
    assert describe(nn.Sequential(nn.RMSNorm(2)).double()) == Network((RMSNorm(2, eps=2.0**-52),))


def test_nested_sequentials_are_flattened() -> None:
    inside = nn.Sequential(nn.Sequential(nn.Tanh()), nn.Linear(3, 3))
    model = nn.Sequential(nn.Sequential(nn.Linear(3, 3), ResidualModule(inside, 0.5)), nn.Sequential(nn.ReLU()))
    block = Residual((Activation("tanh"), Linear(3, 3)), scale=0.5)
    assert describe(model) == Network((Linear(3, 3), block, Activation("relu")))


def test_inputs_where_no_layer_states_them() -> None:
    model = nn.Sequential(nn.Tanh())
    assert describe(model, 3) == Network((Activation("tanh"),), inputs=3)
    with pytest.raises(DescriptionError, match="no layer states a size"):
        describe(model)


def reparametrised() -> nn.Module:
    return nn.utils.parametrizations.spectral_norm(nn.Linear(2, 2))


def resized() -> nn.Module:
    module = nn.Linear(2, 2)
    module.weight = nn.Parameter(torch.ones(2, 3))
    return module


def overridden() -> nn.Module:
    module = nn.Tanh()
    module.forward = lambda x: x  # type: ignore[method-assign, assignment]
    return module


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (nn.Conv2d(1, 1, 1), r'"0\.branch\.1" is Conv2d\(.*no layer kind for; known: Activation, .*Linear'),
        (nn.GELU(approximate="tanh"), r'"0\.branch\.1" is GELU\(approximate=\'tanh\'\), .*approximate'),
        (nn.Softplus(beta=2.0), "beta=1"),
        (nn.Softplus(threshold=2.0), "threshold"),
        (nn.LayerNorm((2, 2)), "one axis"),
        (nn.RMSNorm((2, 2)), "one axis"),
        (nn.Dropout(1.0), r"rate must lie in"),
        (Doubled(2, 2), r"is Doubled\("),
        (nn.BatchNorm1d(2, eps=-1.0), r"eps must lie in"),
        (nn.BatchNorm2d(2), "BatchNorm2d"),
        (Backwards(nn.Linear(2, 2), nn.Tanh()), "forward of its own"),
        (reparametrised(), "Parametrized"),
        (resized(), r"whose parameters are .*\(2, 3\)"),
        (overridden(), "no layer kind"),
    ],
)
def test_refusals_name_the_module_and_its_place(module: nn.Module, words: str) -> None:
    model = nn.Sequential(ResidualModule(nn.Sequential(nn.Linear(2, 2), module)))
    with pytest.raises(DescriptionError, match=words):
        describe(model)


@pytest.mark.parametrize("model", [nn.Linear(2, 2), None, nn.ModuleList([nn.Linear(2, 2)])])
def test_only_sequentials(model: Any) -> None:
    with pytest.raises(DescriptionError, match="Sequential"):
        describe(model)


def test_half_precision_is_refused() -> None:
    with pytest.raises(DescriptionError.__base__, match="bfloat16"):  # type: ignore[arg-type]
        describe(nn.Sequential(nn.Linear(2, 2)).to(torch.bfloat16))
