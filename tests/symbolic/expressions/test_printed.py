from typing import Any

import pytest
import sympy as sp

from residua_symbolic import derive_layer
from residua_symbolic.domains.tangents import i, j
from residua_symbolic.expressions import printed
from residua_symbolic.expressions.graph import Node, below
from residua_symbolic.expressions.printed import differences, jacobian_is

KINDS = ("layernorm", "rmsnorm")
SIZES = (2, 3, 5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_the_printed_jacobian_is_that_of_the_graph(kind: str, size: int) -> None:
    assert len(differences(derive_layer(kind).components, kind, size)) == size * size
    assert jacobian_is(derive_layer(kind).components, kind, size)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_printed_wrong_is_refused(kind: str) -> None:
    right = derive_layer(kind).components
    terms = sp.Add.make_args(sp.expand(right))
    signs = [right - 2 * term for term in terms]
    missing = [right - term for term in terms]
    small = [right * (1 + sp.Rational(1, 10**20)), right + sp.KroneckerDelta(i, j) / 10**30]
    for wrong in (*signs, *missing, *small, sp.Integer(0)):
        assert not jacobian_is(wrong, kind, 5)


def test_each_kind_has_its_own() -> None:
    assert not jacobian_is(derive_layer("rmsnorm").components, "layernorm", 4)
    assert not jacobian_is(derive_layer("layernorm").components, "rmsnorm", 4)


def test_every_entry_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    right = derive_layer("layernorm").components
    for k in range(9):

        def faulty(*given: Any, at: int = k) -> list[Node]:
            entries = differences(*given)
            entries[at] = entries[at] + entries[at].graph.number(2.0**-60)
            return entries

        monkeypatch.setattr(printed, "differences", faulty)
        assert not jacobian_is(right, "layernorm", 3)


def test_the_graph_grows_with_the_number_of_entries() -> None:
    nodes = [len(below(differences(derive_layer("layernorm").components, "layernorm", size))) for size in (4, 8, 16)]
    assert nodes[2] / nodes[1] < 4.2
    assert nodes[1] / nodes[0] < 4.2
