"""Batch or running statistics: what a description says about them."""

from typing import Any

import pytest
from hypothesis import given, settings

from residua_network import STATISTICS, BatchNorm, DescriptionError, Layer, LayerNorm, Linear, Network, Residual, kinds

from .samples import networks

INNER = Residual((BatchNorm(3, eps=0.5, affine=False), Linear(3, 3)), scale=0.5)
NET = Network((Linear(2, 3), BatchNorm(3), Residual((LayerNorm(3), INNER), scale=-1.0), Linear(3, 1)))
RANDOM = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def used(net: Network) -> list[str]:
    """The statistics of every batch norm."""
    return [layer.statistics for _, layer in net.walk() if isinstance(layer, BatchNorm)]


def test_there_and_back() -> None:
    """Nested in branches too, and nothing else changes."""
    running = NET.with_statistics("running")
    assert (used(NET), used(running)) == (["batch"] * 2, ["running"] * 2)
    assert running.with_statistics("batch") == NET
    assert running.with_statistics("running") == running
    stored = Residual((BatchNorm(3, eps=0.5, affine=False, statistics="running"), Linear(3, 3)), scale=0.5)
    assert running.layers == (
        Linear(2, 3),
        BatchNorm(3, statistics="running"),
        Residual((LayerNorm(3), stored), scale=-1.0),
        Linear(3, 1),
    )
    assert running.inputs == NET.inputs


def test_the_digest_tells_them_apart() -> None:
    assert NET.with_statistics("running").digest != NET.digest
    assert NET.with_statistics("running").with_statistics("batch").digest == NET.digest
    assert NET.with_statistics("batch").digest == NET.digest


def test_parameters_are_the_same() -> None:
    assert NET.with_statistics("running").parameter_shapes() == NET.parameter_shapes()


@RANDOM
@given(networks())
def test_every_network_can_be_put_on_either(net: Network) -> None:
    for statistics in STATISTICS:
        changed = net.with_statistics(statistics)
        assert set(used(changed)) <= {statistics}
        assert [place for place, _ in changed.walk()] == [place for place, _ in net.walk()]
        assert changed.couples_rows == (statistics == "batch" and bool(used(net)))
        assert used(net) or changed == net


@pytest.mark.parametrize("statistics", ["runing", "Batch", "", None, 1, True, ("batch",)])
def test_unknown_statistics_are_refused(statistics: Any) -> None:
    with pytest.raises(DescriptionError, match=r"^with_statistics: unknown statistics .*known: batch, running$"):
        NET.with_statistics(statistics)
    with pytest.raises(DescriptionError, match=r"^BatchNorm: unknown statistics .*known: batch, running$"):
        BatchNorm(3, statistics=statistics)


def test_the_nearest_is_suggested() -> None:
    with pytest.raises(DescriptionError, match="unknown statistics 'runing'; did you mean 'running'"):
        BatchNorm(3, statistics="runing")


@pytest.mark.parametrize(
    ("layer", "coupled"),
    [
        (BatchNorm(3), True),
        (BatchNorm(3, statistics="running"), False),
        (LayerNorm(3), False),
        (Residual((LayerNorm(3), Residual((Linear(3, 3), BatchNorm(3))))), True),
        (Residual((LayerNorm(3), Residual((Linear(3, 3), BatchNorm(3, statistics="running"))))), False),
    ],
)
def test_what_couples_rows(layer: Layer, coupled: bool) -> None:
    assert layer.couples_rows == coupled
    assert Network((Linear(2, 3), layer, Linear(3, 1))).couples_rows == coupled


def test_buffers_are_among_the_shapes_and_not_trained() -> None:
    layer = BatchNorm(3)
    assert layer.shapes == {"weight": (3,), "bias": (3,), "running_mean": (3,), "running_var": (3,)}
    assert BatchNorm(3, affine=False).shapes == {"running_mean": (3,), "running_var": (3,)}
    assert list(Network((Residual((layer,)),)).parameter_shapes()) == [f"0.branch.0.{name}" for name in layer.shapes]
    trained = {name: parameter.trained for name, parameter in layer.parameters.items()}
    assert trained == {"weight": True, "bias": True, "running_mean": False, "running_var": False}
    untrained = {name for kind in kinds().values() for name, p in kind.parameters.items() if not p.trained}
    assert untrained == {"running_mean", "running_var"}


def test_a_variant_is_a_field_and_its_default_the_first() -> None:
    """An activation has no default: each is given by name."""
    for kind in kinds().values():
        assert bool(kind.variant) == bool(kind.variants)
        if kind.variant:
            default = kind.__dataclass_fields__[kind.variant].default
            assert default == kind.variants[0] or kind.kind == "activation"
    assert {kind.kind: kind.variant for kind in kinds().values() if kind.variant} == {
        "activation": "name",
        "batchnorm": "statistics",
    }
