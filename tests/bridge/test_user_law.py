"""Laws of the user's own: true and wrong ones get the right word, and what makes no sense is refused in one line."""

import math
from typing import Any

import numpy as np
import pytest
import sympy as sp

from residua_bridge.budgets.network_text import family
from residua_bridge.budgets.quantities import QUANTITIES
from residua_bridge.budgets.user_law import FamilySource, law, predicted, read_formula, read_init
from residua_network import Activation, LayerNorm, Linear, Network, ResiduaError, Residual

RELU = "L * [Linear(n, n, False), relu]"
RESIDUAL = "L * Residual(Linear(n, n, False), scale=s)"
PRE_NORM = "L * Residual(LayerNorm(n, eps=0), relu, Linear(n, n, bias=False))"
LAYER = "L * [Linear(n, n, False), LayerNorm(n, 0)]"
BATCH = "L * [Linear(n, n, False), BatchNorm(n, 0)]"
SMALL: dict[str, Any] = {"n": 16, "L": 3}
COARSE: dict[str, Any] = {"resolution": 0.1, "seconds": 20.0}


def pre_norm(n: int, L: int) -> Network:
    block = Residual((LayerNorm(n, eps=0), Activation("relu"), Linear(n, n, bias=False)))
    return Network((block,) * L)


@pytest.mark.parametrize(
    ("formula", "of", "network", "more"),
    [
        ("1", "gradient ratio", RELU, {}),
        ("(s/2)^L", "gradient ratio", RELU, {"init": "s", "at": {**SMALL, "s": 1.8}}),
        ("(1+s^2)^(L-l)", "gradient ratio", RESIDUAL, {"init": 1.0, "at": {**SMALL, "s": 0.5, "l": 1}}),
        ("(1+s^2)^l", "mean square", RESIDUAL, {"init": 1.0, "at": {**SMALL, "s": 0.5, "l": 2}}),
        ("1+s^2", "gradient factor", RESIDUAL, {"init": 1.0, "at": {**SMALL, "s": 0.5, "l": 2}}),
        ("(n-2)/(n-3)", "gradient factor", LAYER, {"at": {**SMALL, "l": 1}}),
        ("(B-2)/(B-3)", "gradient factor", BATCH, {"at": {**SMALL, "n": 64, "l": 1}, "limits": "n"}),
        ("(1+L)/(1+l)", "gradient ratio", pre_norm, {"at": {**SMALL, "n": 32}, "limits": ("n",)}),
        ("1", "mean of gradient ratios", RELU, {}),
        ("1", "network gradient ratio", "Linear(n, n, False)", {"init": 1.0, "at": {"n": 16}}),
    ],
)
def test_a_true_law_agrees(formula: str, of: str, network: Any, more: dict[str, Any]) -> None:
    found = law(formula, of, network=network, **{"at": SMALL, **COARSE, **more})
    assert found.verdict == "agree", str(found)
    assert found.budget is not None


@pytest.mark.parametrize(
    ("formula", "of", "network", "more", "word"),
    [
        ("1.3", "gradient ratio", RELU, {}, "differ"),
        ("1", "geometric gradient ratio", RELU, {}, "differ"),
        ("1", "median gradient ratio", RELU, {}, "differ"),
        ("0", "log gradient ratio", RELU, {}, "differ"),
        ("0", "log mean square", RELU, {"at": {**SMALL, "l": 3}}, "differ"),
        ("1", "geometric mean square", RELU, {"at": {**SMALL, "l": 3}}, "differ"),
        ("(1+L)/(1+l)", "gradient ratio", f"Linear(n, n, False); {PRE_NORM}", {"limits": "n"}, "differ"),
        (
            "1 + L*s^2",
            "gradient ratio",
            RESIDUAL,
            {"init": 1.0, "at": {"n": 16, "L": 2, "s": 0.2}, "ladder": {"L": (2, 4, 8)}, "resolution": 0.02},
            "only at this scale",
        ),
    ],
)
def test_a_wrong_law_is_caught(formula: str, of: str, network: str, more: dict[str, Any], word: str) -> None:
    found = law(formula, of, network=network, **{"at": SMALL, **COARSE, **more})
    assert found.verdict == word, str(found)


def test_a_law_that_differs_is_told_what_residua_predicts() -> None:
    question: dict[str, Any] = {
        "network": f"Linear(n, n, False); {PRE_NORM}",
        "at": {**SMALL, "n": 48},
        "limits": "n",
        **COARSE,
    }
    assert "residua itself predicts 2.5 for wide networks" in law("(1+L)/(1+l)", **question).reason
    assert "predicts" not in law("(1+L)/(1+l)", hint=False, **question).reason
    assert law("(2+L)/(2+l)", **question).verdict == "agree"


def test_a_law_that_holds_at_infinite_width_alone_is_told_how_to_claim_that() -> None:
    question: dict[str, Any] = {"network": PRE_NORM, "at": {"n": 8, "L": 8}, **COARSE, "resolution": 0.05}
    assert "by a limit in n" in law("1+L", **question).reason
    assert "by a limit in n" not in law("2", **question).reason


def test_no_hint_is_derived_for_a_network_that_would_take_minutes() -> None:
    deep = FamilySource(family(RELU), QUANTITIES["gradient ratio"], 0, read_init("he"))
    assert predicted(deep, {**SMALL, "L": 201.0, "B": 1.0, "s": 1.0}) is None


@pytest.mark.parametrize(
    ("of", "state", "value"),
    [("gradient ratio", 1, 5 / 3), ("gradient factor", 1, 4 / 3), ("mean square", 0, 2.0), ("mean square", 2, 4.0)],
)
def test_what_residua_predicts_for_each_quantity(of: str, state: int, value: float) -> None:
    members, sizes = family(f"Linear(n, n, False); {PRE_NORM}; Linear(n, 1, False)"), {**SMALL, "B": 1.0, "s": 1.0}
    source = FamilySource(members, QUANTITIES[of], state, read_init("he"))
    assert predicted(source, sizes) == pytest.approx(value, rel=1e-6)


def test_the_whole_network_and_statistics_without_a_prediction() -> None:
    members, sizes = family(RELU), {**SMALL, "B": 1.0, "s": 1.0}
    whole = FamilySource(members, QUANTITIES["network gradient ratio"], 0, read_init(1.0))
    assert predicted(whole, sizes) == pytest.approx(1 / 8, rel=1e-6)
    assert predicted(FamilySource(members, QUANTITIES["log gradient ratio"], 0, read_init("he")), sizes) is None


@pytest.mark.parametrize(
    "formula",
    ["(1+L)/(1+l)", sp.sympify("(1+L)/(1+l)"), lambda L, l: (1 + L) / (1 + l)],
    ids=["text", "sympy", "function"],
)
def test_ways_to_give_a_formula(formula: object) -> None:
    read = read_formula(formula)
    assert read.uses == {"L", "l"}
    assert read.value({"L": 5, "l": 1, "n": 8, "B": 1, "s": 1}) == pytest.approx(3.0)
    assert read_formula(2.5).value({}) == 2.5


def test_sources_repeat_a_block_and_draw_others_for_other_blocks_seeds_and_sizes() -> None:
    def draw(block: int, seed: int = 0, **changed: float) -> Any:
        source = FamilySource(family(RELU), QUANTITIES["gradient ratio"], 0, read_init("he"), seed)
        return source.draw({"width": 8, "depth": 2, "batch": 1, "scale": 1, **changed}, 4, block)

    assert draw(0).shape == (4, 2)
    assert (draw(0) == draw(0)).all()
    others = [draw(1), draw(0, seed=1), draw(0, scale=0.5), draw(0, width=9), draw(0, batch=2)]
    assert all((draw(0) != other).any() for other in others)


def test_quantities_are_taken_where_they_say() -> None:
    """Against the statistics themselves: ends of blocks, and the statistic's columns."""
    text = f"Linear(4, n); {RELU}; Linear(n, 3)"
    members, sizes = family(text), {"width": 6.0, "depth": 3.0, "batch": 2.0, "scale": 1.0}
    member, drawn = members.member({"n": 6, "L": 3}), 5

    def values(of: str, state: int) -> Any:
        return FamilySource(members, QUANTITIES[of], state, read_init("he")).draw(sizes, drawn, 0)

    ratio, factor, whole = (values(of, 1) for of in ("gradient ratio", "gradient factor", "network gradient ratio"))
    assert (ratio[:, 0] == factor[:, 0]).all()
    assert (values("gradient ratio", 2)[:, 0] == factor[:, 1]).all()
    assert (values("gradient factor", 2)[:, 1] == ratio[:, 1]).all()
    assert (whole[:, 1] != ratio[:, 1]).all()
    np.testing.assert_allclose(values("log gradient ratio", 1), np.log(ratio[:, 0] / ratio[:, 1]))
    np.testing.assert_allclose(values("log mean square", 3), np.log(values("geometric mean square", 3)))
    assert member.ends == (1, 3, 5, 7)
    assert len(member.network.layers) == 8


@pytest.mark.parametrize(
    ("formula", "question", "expected"),
    [
        ("(1+x)/2", {}, "unknown variable 'x'"),
        (sp.Symbol("q") + 1, {}, "unknown symbol 'q'; known: n, L, B, s, l"),
        (lambda q: q, {}, "unknown size 'q'"),
        ("1 +", {}, "expression"),
        (None, {}, "expected text or a SymPy expression"),
        ("1", {"of": "gradient ration"}, "did you mean 'gradient ratio'?"),
        ("1", {"network": "L * Lineer(n, n)"}, "unknown layer 'Lineer'"),
        ("1", {"at": {"L": 0}}, "L, the number of blocks, must be a whole number of at least 1, got 0"),
        ("1", {"at": {"n": 2.5}}, "n, the width, must be a whole number"),
        ("1", {"at": {"B": 0}}, "B, the rows of the batch, must be a whole number"),
        ("1", {"at": {"q": 1}}, "unknown size 'q'"),
        ("1", {"at": {"s": 0}}, "s, the scale or gain: expected a positive number, got 0"),
        ("1", {"at": {"L": 3, "l": 4}}, "expected l between 0 and the number of blocks, 3, got 4"),
        ("1", {"at": {"L": 3, "l": 3}, "of": "gradient factor"}, "expected l below 3"),
        ("1", {"network": "4 * [Linear(n, n), relu]", "at": {"L": 3}}, "the network has 4 blocks"),
        ("1", {"init": 0.0}, "init must be one of torch, he, xavier or a number above 0, got 0.0"),
        ("1", {"init": "0 - s"}, "a number above 0, got -1"),
        ("1", {"init": "normal"}, "unknown size 'normal'"),
        ("1", {"ladder": {"n": (16,)}}, "ladder in n: expected at least two sizes, got 1"),
        ("1", {"ladder": {"n": (32, 16)}}, "increasing sizes"),
        ("1", {"ladder": {"q": (16, 32)}}, "unknown size 'q'"),
        ("1", {"ladder": {"s": (1, 2)}}, "neither the network nor the formula depends on s"),
        ("1", {"limits": "n", "at": {"n": 8}}, "ladder in n: expected at least two sizes, got 1"),
        ("1", {"limits": "q"}, "limit: unknown size 'q'"),
        ("1", {"limits": "l"}, "limit: unknown size 'l'"),
        ("1 - L", {}, "expected a positive number, as the quantity is, got -2"),
        ("1/(n-16)", {}, "got inf"),
        ("1/(n-8)", {"ladder": {"n": (8, 16)}}, "at n = 8"),
        ("1", {"network": BATCH, "at": {"n": 8, "B": 2}}, "no gradient passes"),
        ("1", {"network": BATCH, "at": {"n": 8, "B": 3}}, "E[1/χ²_2], does not exist"),
        ("1", {"network": BATCH, "at": {"n": 8, "B": 5}}, "E[1/(χ²_4)²] does not exist"),
        ("1", {"network": LAYER, "at": {"n": 5}}, "width 5 is too small for LayerNorm"),
        ("1", {"network": LAYER, "ladder": {"n": (4, 8)}}, "width 4 is too small for LayerNorm"),
        ("1", {"network": "L * [Linear(n, n), RMSNorm(n, 0)]", "at": {"n": 4}}, "width 4 is too small for RMSNorm"),
        ("1", {"resolution": 0}, "resolution must be positive"),
        ("1", {"seconds": -1}, "seconds must be positive"),
        ("1", {"repetitions": 1}, "repetitions must be a whole number of at least 2"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(formula: object, question: dict[str, Any], expected: str) -> None:
    with pytest.raises(ResiduaError) as caught:
        law(formula, **{"network": RELU, "at": SMALL, **question})
    assert expected in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("batch", [3, 5])
def test_a_small_batch_is_fine_for_logarithms_and_with_eps(batch: int) -> None:
    at = {"n": 8, "L": 2, "B": batch}
    found = law("1", "geometric gradient ratio", network=BATCH, at=at, seconds=0.2, resolution=0.5)
    assert math.isfinite(found.difference)
    law("1", network="L * [Linear(n, n), BatchNorm(n, 0.1)]", at=at, seconds=0.2, resolution=0.5)


def test_the_batch_is_one_row_unless_rows_are_coupled() -> None:
    quick: dict[str, Any] = {"at": SMALL, "seconds": 0.2, "resolution": 0.9}
    assert law("1", network=RELU, **quick).scope["batch"] == "1"
    assert law("1", network=BATCH, **quick).scope["batch"] == "8"


def test_a_wide_network_has_fewer_repetitions_at_first_so_that_time_is_kept() -> None:
    found = law("1", network="L * Linear(n, n, False)", init=1.0, at={"n": 1024, "L": 4}, seconds=0.5, resolution=1e-4)
    assert int(found.scope["repetitions"].split("–")[0]) < 64
    assert found.verdict == "inconclusive"


def test_the_scope_says_of_which_networks() -> None:
    found = law("1", network=RELU, at=SMALL, seed=5, seconds=0.2, resolution=0.9)
    assert found.scope["network"] == RELU
    assert (found.scope["init"], found.scope["l"], found.scope["seed"]) == ("he", 0, 5)
