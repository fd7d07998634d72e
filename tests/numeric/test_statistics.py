from typing import Any

import pytest
import torch
from torch import Tensor, nn

from residua_network import BatchNorm, DescriptionError, LayerNorm, Network, ResiduaError, ShapeError
from residua_numeric import build, modules_of, statistics_of
from residua_numeric.faults import FAULTS, plant
from residua_numeric.layers.batchnorm import statistics_used
from residua_numeric.layers.residual import Residual
from residua_numeric.statistics import asked, batch_norms, check_rows, chosen, couplings

WORDS = {"1": "batch", "2.branch.0": "batch", "4.branch.0.branch.1": "batch", "5": "running"}
COUPLED = {"1", "2", "2.branch.0", "4", "4.branch.0", "4.branch.0.branch.1"}


class Unknown(nn.Module):
    """Holds a batch norm that has no name of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(x)
        return y


def fault(name: str) -> Any:
    return next(fault for fault in FAULTS if (fault.kind, fault.name) == ("batchnorm", name))


def test_what_the_description_says(every: Network, coupled: Network) -> None:
    assert statistics_of(coupled) == WORDS
    assert set(statistics_of(coupled.with_statistics("running")).values()) == {"running"}
    assert statistics_of(every) == {"1.branch.3.branch.1": "running"}
    assert statistics_of(Network((LayerNorm(2),))) == {}


def test_every_batch_norm_by_its_innermost_name(coupled: Network) -> None:
    model = build(coupled)
    plant(model, "2.branch.0", fault("sample variance, 1/(B − 1)"))
    norms = batch_norms(model)
    assert list(norms.values()) == [[name] for name in WORDS]
    modules = modules_of(model)
    assert [modules[name] is norm for norm, (name,) in norms.items()] == [True, False, True, True]
    unknown, shared = Unknown(), nn.BatchNorm1d(2)
    model = nn.Sequential(Residual(nn.Sequential(unknown)), shared, shared)
    assert batch_norms(model) == {unknown.norm: ["0.branch.0"], shared: ["1", "2"]}


def test_asked(coupled: Network) -> None:
    model = build(coupled)
    assert asked(model, None, "here") is None
    assert asked(model, "running", "here") == dict.fromkeys(WORDS, "running")
    assert asked(model, {"0": "batch"}, "here") == {"0": "batch"}
    assert asked(nn.Sequential(nn.Tanh()), "batch", "here") == {}


@pytest.mark.parametrize(
    ("statistics", "words"),
    [
        ("runing", r"here: unknown statistics 'runing'; did you mean 'running'"),
        ({"9": "batch"}, r"here: statistics: unknown layer '9'"),
        ({"1": "eval"}, r"here: unknown statistics 'eval'; known: batch, running"),
        (["batch"], r"here: statistics: expected None, \"batch\", \"running\" or \{layer name: .*\}, got \['batch'\]"),
    ],
)
def test_what_cannot_be_asked(coupled: Network, statistics: Any, words: str) -> None:
    with pytest.raises(DescriptionError, match=words):
        asked(build(coupled), statistics, "here")


def test_what_is_not_named_keeps_to_what_it_uses(coupled: Network) -> None:
    model = build(coupled.with_statistics("running"))
    assert list(chosen(model, {}).values()) == ["running"] * 4
    assert list(chosen(model, {"5": "batch"}).values()) == ["running"] * 3 + ["batch"]
    mixed = nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2).eval())
    assert list(chosen(mixed, {}).values()) == ["batch", "running"]


def test_one_module_has_one_word() -> None:
    norm = nn.BatchNorm1d(2)
    with pytest.raises(ResiduaError, match='"0" and "1" are one module'):
        chosen(nn.Sequential(norm, norm), {"0": "batch", "1": "running"})
    with pytest.raises(ResiduaError, match='"0" and "1" are one module'):
        chosen(nn.Sequential(norm, norm).eval(), {"0": "batch"})
    assert chosen(nn.Sequential(norm, norm).train(), {"0": "batch"}) == {norm: "batch"}


def own(**changes: float) -> nn.Sequential:
    model = build(Network((BatchNorm(2),)))
    with torch.no_grad():
        for name, value in changes.items():
            getattr(model[0], name)[1] = value
    return model


def counted() -> nn.Sequential:
    model = nn.Sequential(nn.BatchNorm1d(2))
    model[0].num_batches_tracked.fill_(1)  # type: ignore[operator]
    return model


@pytest.mark.parametrize(
    "model", [own(), nn.Sequential(nn.BatchNorm1d(2)), nn.Sequential(nn.BatchNorm1d(2, track_running_stats=False))]
)
def test_running_statistics_that_were_never_computed(model: nn.Sequential) -> None:
    assert list(chosen(model, {"0": "batch"}).values()) == ["batch"]
    with pytest.raises(
        ResiduaError, match=r'"0" has running statistics that were never computed; train it, or collect'
    ):
        chosen(model, {"0": "running"})


@pytest.mark.parametrize(
    "model",
    [
        own(running_mean=1e-9),
        own(running_var=2.0),
        counted(),
        nn.Sequential(nn.BatchNorm1d(2)).eval(),
        build(Network((BatchNorm(2, statistics="running"),))),
    ],
)
def test_running_statistics_that_are_taken_as_they_are(model: nn.Sequential) -> None:
    assert list(chosen(model, {"0": "running"}).values()) == ["running"]


def test_a_layer_is_coupled_where_something_in_it_uses_the_batch(coupled: Network) -> None:
    model = build(coupled)
    found = couplings(model, None)
    assert {name for name, coupling in found.items() if coupling.actual} == COUPLED | {""}
    assert all(coupling.stated == coupling.actual for coupling in found.values())
    assert not any(any(c) for c in couplings(build(coupled.with_statistics("running")), None).values())
    assert couplings(nn.Sequential(Unknown(), nn.Tanh()), None)["0"].actual
    plant(model, "2", next(fault for fault in FAULTS if fault.name == "skip left out"))
    plant(model, "5", fault("statistics of the batch, not the running ones"))
    assert {name for name, coupling in couplings(model, None).items() if coupling.actual} == COUPLED | {""}


def test_what_is_stated_counts_whatever_stands_there(coupled: Network) -> None:
    model = build(coupled)
    found = couplings(model, {"4.branch.0.branch.0": "batch", "1": "running"})
    assert {name for name, coupling in found.items() if coupling.stated} == {
        "",
        "4",
        "4.branch.0",
        "4.branch.0.branch.0",
    }
    assert {name for name, coupling in found.items() if coupling.actual} == COUPLED | {""}
    assert not any(coupling.stated for coupling in couplings(model, {}).values())


def test_too_few_rows(coupled: Network) -> None:
    with pytest.raises(ShapeError, match=r'here: expected at least 2 rows, as "1" normalises by .* the batch, got 1'):
        check_rows(build(coupled), 1, "here")
    check_rows(build(coupled), 2, "here")
    check_rows(build(coupled.with_statistics("running")), 1, "here")


def test_torch_refuses_eps_zero_with_batch_statistics() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2, eps=0.0))
    with pytest.raises(ValueError, match="eps must be positive"):
        model(torch.ones(2, 2))
    with pytest.raises(DescriptionError, match=r'here: "0": expected an eps above 0 .* got 0; build\(describe'):
        check_rows(model, 2, "here")
    check_rows(model.eval(), 2, "here")
    assert statistics_used(model[0]) == "running"  # type: ignore[arg-type]
