"""No fault is reported on random correct networks; the study runs more of them."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from residua_bridge.compare import compare
from residua_bridge.random_networks import DEEPEST, perturbed, random_network
from residua_bridge.verdict import Discrepancy, Verdict
from residua_network import Network
from residua_network.kinds import kinds
from residua_numeric import build, modules_of
from residua_numeric.faults import FAULTS, plant
from residua_numeric.state import on_threads
from residua_symbolic import jacobian

SEEDS = {"float64": range(60), "float32": range(60, 80)}
MANY = range(200)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices: more threads only wait for each other."""
    with on_threads(1):
        yield


def compared(seed: int, dtype: str, fault: str = "", place: str = "") -> Discrepancy:
    net = random_network(seed)
    model = perturbed(net, seed, dtype)
    if fault:
        plant(model, place, next(one for one in FAULTS if one.name == fault))
    return compare(jacobian(net), model, np.random.default_rng(seed).normal(size=(2, net.inputs)))


@pytest.mark.parametrize(
    ("dtype", "seed"), [(dtype, seeds[k : k + 10]) for dtype, seeds in SEEDS.items() for k in range(0, len(seeds), 10)]
)
def test_a_right_network_is_never_blamed(dtype: str, seed: range) -> None:
    for one in seed:
        d = compared(one, dtype)
        assert d.suspects == (), (one, str(d))
        assert d.verdict is not Verdict.DIFFER, (one, str(d))
        assert d.verdict is Verdict.AGREE or dtype == "float32", (one, str(d))


def test_but_a_wrong_one_is() -> None:
    """The negative test: in each a weight of its first layer is moved by 1e-6."""
    for seed in range(10):
        d = compared(seed, "float64", "one weight moved by 1e-6", "0") if has_bias(seed) else None
        assert d is None or (d.verdict, d.suspects) == (Verdict.DIFFER, ("0",)), (seed, str(d))
    assert sum(map(has_bias, range(10))) == 10


def has_bias(seed: int) -> bool:
    return "0.bias" in random_network(seed).parameter_shapes()


def test_the_same_network_and_weights_for_the_same_seed() -> None:
    assert [random_network(seed) for seed in range(20)] == [random_network(seed) for seed in range(20)]
    first, second, other = (perturbed(random_network(3), seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)


def test_they_are_mixed() -> None:
    nets = [random_network(seed) for seed in MANY]
    assert len(set(nets)) > 0.95 * len(nets)  # those of a single layer may meet
    assert {layer.kind for net in nets for _, layer in net.walk()} == set(kinds())
    depths = {len(net.layers) for net in nets}
    assert min(depths) == 1
    assert DEEPEST // 2 < max(depths) <= DEEPEST
    assert any(name.count("branch") == 2 for net in nets for name, _ in net.walk())
    assert {getattr(layer, "scale", None) for net in nets for _, layer in net.walk()} == {None, 1.0, 0.5, -0.3}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_no_weight_stays_where_it_began(dtype: str) -> None:
    net: Network = random_network(5)
    before, after = build(net, seed=5, dtype=dtype).state_dict(), perturbed(net, 5, dtype).state_dict()
    assert list(before) == list(after) == list(net.parameter_shapes())
    assert all((before[name] != after[name]).all() for name in before)
    assert all(bool(module.training) for module in modules_of(perturbed(net, 5)).values())


def test_the_global_random_state_stays() -> None:
    before = torch.get_rng_state()
    perturbed(random_network(1), 1)
    assert torch.equal(before, torch.get_rng_state())
