import sys
from typing import Any

import numpy as np
import pytest
import sympy as sp

from oracles.dense import letters_of, multiplied_out
from oracles.samples import assert_close, rows, weights_of
from residua_network import STATISTICS, Activation, BatchNorm, Layer, LayerNorm, Linear, Network, Residual, RMSNorm
from residua_symbolic import jacobian
from residua_symbolic.domains.tangents import B
from residua_symbolic.factors import EachFeature, EachRow, ProductOver
from residua_symbolic.layer import CONSTANT_STATISTICS

BLOCK = Residual((LayerNorm(4), Activation("relu"), Linear(4, 4)))
TRIPLE = (Linear(4, 4), LayerNorm(4), Activation("tanh"))


def deep(depth: int) -> Network:
    return Network((Linear(3, 4), *[BLOCK] * depth, Linear(4, 1)))


def nodes(e: Any) -> int:
    return sum(1 for _ in sp.preorder_traversal(e))


def products(e: Any) -> list[ProductOver]:
    return [a for a in sp.preorder_traversal(e) if isinstance(a, ProductOver)]


@pytest.mark.parametrize("depth", [2, 64, 256])
def test_equal_blocks_are_one_product_and_that_many_factors(depth: int) -> None:
    J = jacobian(deep(depth))
    assert len(J.factors) == depth + 2
    assert [factor.name for factor in J.factors] == [str(k) for k in range(depth + 1, -1, -1)]
    (product,) = products(J.formula)
    assert product.args[1:] == (1, depth)
    assert len(product.unfold()) == depth
    assert len(J.unfold().args) == depth + 2
    assert J.formula.shape == J.unfold().shape == (1, 3)


def test_the_formula_does_not_grow_with_depth_and_unfolded_it_grows_linearly() -> None:
    shallow, middle, large = (jacobian(deep(depth)) for depth in (32, 64, 128))
    assert nodes(shallow.formula) == nodes(middle.formula) == nodes(large.formula)
    assert len(shallow.latex()) <= len(large.latex()) <= len(shallow.latex()) + 4  # the digits of the last index
    assert large.latex().replace("129", "33").replace("128", "32") == shallow.latex()
    assert nodes(large.unfold()) - nodes(middle.unfold()) == 2 * (nodes(middle.unfold()) - nodes(shallow.unfold()))
    assert [len(j.steps) for j in (shallow, middle, large)] == [len(shallow.steps)] * 3


def calls(net: Network) -> int:
    """Python calls that it takes to derive the Jacobian."""
    count = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        jacobian(net)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("equal", [True, False])
def test_the_work_grows_linearly(equal: bool) -> None:
    """Also where no two blocks are equal, and so nothing is folded."""

    def net(depth: int) -> Network:
        blocks = [Residual(BLOCK.layers, scale=1.0 if equal else 1.0 + k) for k in range(depth)]
        return Network((Linear(3, 4), *blocks, Linear(4, 1)))

    calls(net(32))  # what is kept is kept
    shallow, middle, large = (calls(net(depth)) for depth in (8, 16, 32))
    assert large - middle <= 2.3 * (middle - shallow)  # quadratic growth would give 4
    assert large > middle > shallow


def test_repeated_groups_are_recognised() -> None:
    J = jacobian(Network((*TRIPLE * 20, Linear(4, 2))))
    (product,) = products(J.formula)
    assert product.args[1:] == (0, 19)
    assert len(J.factors) == 61
    names = {a.name for a in product.args[0].atoms(sp.MatrixSymbol)}
    assert names == {"W__3*l+0", "gamma__3*l+1", "xhat__3*l+1", "x__3*l+2"}
    assert {a.name for a in product.factor(7).atoms(sp.MatrixSymbol)} == {"W__21", "gamma__22", "xhat__22", "x__23"}


@pytest.mark.parametrize(
    ("layers", "found"),
    [
        (TRIPLE, 0),
        ((*TRIPLE, *TRIPLE), 1),
        ((Linear(4, 4), Linear(4, 4, bias=False)), 0),
        ((BLOCK, Residual(BLOCK.layers, scale=0.5)), 0),
        ((BLOCK, BLOCK, Linear(4, 4), BLOCK, BLOCK), 2),
        ((LayerNorm(4), LayerNorm(4), LayerNorm(4, eps=0.5), LayerNorm(4)), 1),
        ((LayerNorm(4), RMSNorm(4)) * 4, 1),
        (((Linear(4, 6), Activation("sin"), Linear(6, 4)) * 3), 1),
        ((BatchNorm(4), Activation("sin"), Linear(4, 4)) * 3, 1),
        ((BatchNorm(4), BatchNorm(4, statistics="running"), Linear(4, 4)), 0),
        ((BatchNorm(4, statistics="running"), *[Residual((BatchNorm(4), Linear(4, 4)))] * 4), 1),
    ],
)
def test_only_equal_layers_are_folded(layers: tuple[Layer, ...], found: int) -> None:
    net = Network(layers)
    J = jacobian(net)
    assert len(products(J.formula)) == found
    weights, x = weights_of(net), rows(3, net.inputs)
    _, letters = letters_of(net.layers, x, weights)
    expected = multiplied_out(J.unfold(), letters)
    assert_close(multiplied_out(J.formula, letters), expected)
    assert_close(J.evaluate(weights, x), expected)


@pytest.mark.parametrize("start", [0, 1, 4, 10, 11])
def test_indices_are_those_of_the_network(start: int) -> None:
    """Two digits, nested branches and a start in the middle."""
    net = Network((Linear(4, 4), *[Residual((Residual((BLOCK,), scale=0.5), Linear(4, 4)))] * 12))
    J = jacobian(net, start=start)
    unfolded = [f for product in products(J.formula) for f in product.unfold()]
    assert unfolded == [factor.formula for factor in J.factors if factor.name != "0"] or start == 12
    weights, x = weights_of(net), rows(1, 4)
    _, letters = letters_of(net.layers, x, weights)
    assert_close(multiplied_out(J.formula, letters), J.evaluate(weights, x))


def test_a_product_prints_itself_and_not_its_factors() -> None:
    J = jacobian(deep(64))
    (product,) = products(J.formula)
    assert product.doit() is product
    assert J.latex().count(r"\prod_{l=64}^{1}") == 1
    assert J.latex().count("W_{") == 3
    assert r"W_{65} \, \prod_{l=64}^{1}\left(I+" in J.latex()


@pytest.mark.parametrize("assume", [None, CONSTANT_STATISTICS])
def test_absent_parameters_are_not_written(assume: str | None) -> None:
    statistics = [BatchNorm(4, affine=False, statistics=statistics) for statistics in STATISTICS]
    net = Network((LayerNorm(4, affine=False), RMSNorm(4, affine=False), *statistics))
    J = jacobian(net, assume=assume)
    assert "gamma" not in J.latex()
    weights, x = weights_of(net), rows(3, 4)
    assert_close(multiplied_out(J.formula, letters_of(net.layers, x, weights)[1]), J.evaluate(weights, x))


def test_a_scale_of_one_is_not_written() -> None:
    assert "alpha" not in jacobian(Network((BLOCK,))).latex()
    assert r"\alpha_{0}" in jacobian(Network((Residual(BLOCK.layers, scale=0.5),))).latex()


def test_sizes_in_a_formula_are_numbers() -> None:
    for factor in jacobian(deep(2)).factors:
        assert all(size.is_Integer for a in factor.formula.atoms(sp.MatrixSymbol) for size in a.shape)
        assert not {"n", "m", "B"} & {s.name for s in factor.formula.free_symbols}
    assert np.prod(jacobian(deep(2)).formula.shape) == 3


def test_what_acts_on_every_row_is_written_once() -> None:
    """Neighbours share one ⊕ over b, and only what lies between coupled layers stands alone."""
    net = Network((Linear(3, 4), Activation("relu"), BatchNorm(4), Linear(4, 4), LayerNorm(4), Linear(4, 2)))
    J = jacobian(net)
    assert [type(factor).__name__ for factor in J.formula.args] == ["EachRow", "EachFeature", "EachRow"]
    assert J.formula.shape == (2 * B, 3 * B)
    assert J.latex().count(r"\bigoplus_{b}") == 2
    assert J.latex().count(r"\bigoplus_{i}") == 1
    running = jacobian(net.with_statistics("running"))
    assert running.formula.shape == (2, 3)
    assert "bigoplus" not in running.latex()


def test_rows_are_coupled_only_where_a_layer_between_couples_them() -> None:
    net = Network((Linear(3, 4), BatchNorm(4), Linear(4, 2)))
    assert [jacobian(net, *cut).couples_rows for cut in ((0, 0), (0, 1), (1, 1), (1, 2), (2, 2))] == [
        *(False, True, True, True, False),
    ]
    assert jacobian(net, 2, 2).formula == jacobian(net.with_statistics("running"), 2, 2).formula


@pytest.mark.parametrize("one", [EachRow(sp.Identity(3)), EachFeature(sp.Identity(B), 3)])
def test_a_sum_over_rows_or_features_prints_itself(one: Any) -> None:
    assert one.doit() is one
    assert one.shape == (3 * B, 3 * B)
