"""The study of certified remainders of trained networks: its experiments on a short training, and planted faults."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from residua_bridge.claims import Evidence
from residua_bridge.experiments.certified import comparison as certified_comparison
from residua_bridge.experiments.certified import networks as certified_networks
from residua_bridge.experiments.certified import parameters as certified_parameters
from residua_bridge.experiments.certified.band import Band
from residua_bridge.experiments.certified.coefficients import _compared
from residua_bridge.experiments.certified.networks import (
    KINDS,
    Trained,
    exact_errors,
    places,
    radius_as_float,
    shares,
    trained,
)
from residua_bridge.experiments.certified.orders import _OneNetwork
from residua_bridge.experiments.certified.parameters import Parameters, _Ladder
from residua_bridge.experiments.certified.radius import _OneRadius
from residua_bridge.findings import Section, Table
from residua_bridge.studies.certified_net import CLAIMS, NAME, TRAINING, beyond, closing
from residua_bridge.study import By, Settings
from residua_numeric import build

STEPS = 30
SHORT = By(STEPS, STEPS)
ORDERS = (2, 5, 9)


# not LayerNorm: its radius of convergence, on which intervals depend, can take long after so short a training
@pytest.fixture(scope="module", params=KINDS[:2], ids=lambda kind: kind.label)
def one(request: Any) -> Trained:
    return trained(request.param, STEPS)


def spoilt(one: Trained, name: str = "0.weight", by: float = 1e-6) -> Trained:
    """The same weights on the symbolic side, a model that differs a little."""
    model = build(one.network, seed=0)
    model.load_state_dict({key: torch.from_numpy(value) for key, value in one.weights.items()})
    with torch.no_grad():
        dict(model.named_parameters())[name].mul_(1 + by)
    return replace(one, model=model)


def test_points_and_weights_are_exact(one: Trained) -> None:
    for value in one.weights.values():
        assert (value == np.round(value / certified_networks.GRID) * certified_networks.GRID).all()
    for _, end in shares(one):
        t = places(end)
        x = certified_networks.AT + t[:, None] * certified_networks.ALONG
        assert (x * 2**20 == np.round(x * 2**20)).all()


def test_every_error_lies_in_its_enclosure(one: Trained) -> None:
    found = _OneNetwork.of(one, ORDERS)
    columns = found.table().columns
    assert len(set(columns)) == len(columns)
    contained, *truncated = found.discrepancies()
    assert str(contained.verdict) == "agree"
    assert all(str(d.verdict) == "differ" and d.explained for d in truncated)
    assert 1 <= max(interval.sharpness for interval in found.intervals) <= 20


def test_a_model_that_is_a_little_off_is_noticed(one: Trained) -> None:
    off = spoilt(one, by=1e-4)
    assert str(_compared(one)[0].verdict) == "agree"
    assert str(_compared(off)[0].verdict) == "differ"
    contained, *truncated = _OneNetwork.of(off, (20,)).discrepancies()
    assert str(contained.verdict) == "differ"
    assert not truncated[0].explained


def test_enclosures_that_are_too_narrow_or_open_are_noticed() -> None:
    errors, rounding = np.array([[0.5, -0.2]]), np.full((1, 2), 1e-12)

    def word(low: float, high: float, values: Any = errors) -> str:
        bounds = np.array([[low]]), np.array([[high]])
        return str(certified_comparison.contained(values, bounds, rounding, {}).verdict)

    assert word(-0.2, 0.5) == "agree"
    assert word(-0.2, 0.4999) == "differ"
    assert word(-0.1999, 0.5) == "differ"
    assert word(-np.inf, np.inf) == "inconclusive"
    assert word(-0.2, 0.5, np.array([[np.nan, 0.0]])) == "differ"
    values, polynomial = np.array([[1.0, 2.0]]), np.array([[0.5, 2.2]])
    for high, explained in ((0.5, True), (0.4, False)):
        bounds = np.array([[-0.2]]), np.array([[high]])
        d = certified_comparison.truncated(values, polynomial, bounds, rounding, {})
        assert (str(d.verdict), d.explained) == ("differ", explained)


def test_errors_are_those_of_the_polynomial(one: Trained) -> None:
    series, t = one.series(3), places(0.125)
    by_floats = one.measured(t) - series(t)[:, 0]
    assert np.allclose(exact_errors(one.measured(t), series, t), by_floats, rtol=0, atol=1e-14)


def test_ladder_in_the_parameters(one: Trained) -> None:
    ladder = _Ladder.of(one)
    assert str(ladder.errors().verdict) == "agree"
    assert str(ladder.slopes().verdict) == "agree"
    shifted = replace(ladder, measured=np.vstack([ladder.measured[1:], ladder.measured[-1:]]))
    assert str(shifted.errors().verdict) == "differ"
    assert str(shifted.slopes().verdict) == "differ"


def test_a_network_with_layer_normalisation() -> None:
    one = trained(KINDS[2], STEPS)
    assert str(_compared(one)[0].verdict) == "agree"
    ladder = _Ladder.of(one)
    assert (str(ladder.errors().verdict), str(ladder.slopes().verdict)) == ("agree", "agree")


def test_radius_from_coefficients() -> None:
    found = _OneRadius.of(trained(KINDS[0], TRAINING.quick))
    assert found.trained.radius.certified
    assert str(found.discrepancy().verdict) == "agree"
    radius = radius_as_float(found.trained.radius)
    inside, outside = found.error_at(radius / 2), found.error_at(1.5 * radius)
    assert inside == sorted(inside, reverse=True)
    assert outside[-1] > 1e6 * outside[0]
    wrong = replace(
        found, sizes=found.sizes, series=replace(found.series, coefficients=found.series.coefficients.copy())
    )
    wrong.series.coefficients[:, 0] = [c * 2**k for k, c in enumerate(wrong.series.coefficients[:, 0])]
    wrong = replace(wrong, sizes=found.sizes + np.log(2) * np.arange(len(found.sizes)))
    assert str(wrong.discrepancy().verdict) == "differ"


@pytest.mark.parametrize(
    "experiment",
    [
        Band("band", "Band", (), SHORT),
        Parameters("parameters", "Parameters", (), SHORT),
    ],
    ids=lambda experiment: type(experiment).__name__,
)
def test_sections_come_out_as_expected(experiment: Any) -> None:
    section = experiment.run(Settings()).section
    assert all(v.verdict == v.expected and v.explained for v in section.verdicts)
    assert section.verdicts


def test_what_lies_beyond_the_radius_is_read_off_the_tables() -> None:
    high = ("blocks", "place", "n = 20", "n = 320")
    rows = (("tanh", "t = 0.9 R", 1.0, 0.1), ("tanh", "t = 1.3 R", 1.0, 100.0), ("GELU", "t = 0.75", 1.0, 0.1))
    tables = (
        Table("Radius of convergence", ("blocks", "R"), (("tanh", 0.7), ("GELU", "∞"))),
        Table("|f − T_n| at high order", high, rows),
    )
    sections = (Section("How far the series converge", tables=tables),)
    assert beyond(Evidence({NAME: sections})) == {"tanh": (1.0, 100.0)}
    (table,) = closing(sections)[0].tables
    assert [(row[0], row[2]) for row in table.rows] == [(name, "see the ledger") for name in CLAIMS]


def test_the_direction_of_the_parameters_is_fixed(one: Trained) -> None:
    first, second = certified_parameters.direction(one), certified_parameters.direction(one)
    assert all((first[name] == second[name]).all() for name in one.weights)
