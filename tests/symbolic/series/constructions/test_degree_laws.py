"""The derivations prove themselves, refuse wrong statements, and their networks are what they say."""

from dataclasses import replace

import flint
import pytest
import sympy as sp

from residua_symbolic import Derivation
from residua_symbolic.derivation import ProofError
from residua_symbolic.series.constructions.degree_laws import (
    L,
    d,
    degree_of_depth,
    every_polynomial,
    polynomial_network,
    width_one,
)
from residua_symbolic.series.constructions.degrees import network_polynomial

DERIVATIONS = [
    degree_of_depth(),
    *(width_one(name) for name in ("square", "cube")),
    *(every_polynomial(name) for name in ("square", "cube")),
]
PROVED = [(one, k) for one in DERIVATIONS for k, step in enumerate(one.steps) if step.proofs]


@pytest.mark.parametrize("derivation", DERIVATIONS, ids=lambda one: one.title)
def test_derivations_hold(derivation: Derivation) -> None:
    derivation.check()
    assert derivation.latex()


@pytest.mark.parametrize(("derivation", "k"), PROVED, ids=lambda v: v.title if isinstance(v, Derivation) else str(v))
@pytest.mark.parametrize("wrong", [lambda e: e + 1, lambda e: 2 * e, lambda e: -e], ids=["+1", "doubled", "negated"])
def test_wrong_statements_are_refused(derivation: Derivation, k: int, wrong: object) -> None:
    step = derivation.steps[k]
    for proof in step.proofs:  # each by itself
        with pytest.raises(ProofError):
            replace(step, right=wrong(step.right), proofs=(proof,)).check()  # type: ignore[operator]


def test_formulas() -> None:
    assert degree_of_depth().formula.subs({L: 3, d: 2}) == 8
    assert [width_one("square").formula.subs(L, p) for p in (1, 2, 3)] == [3, 4, 5]
    assert [width_one("cube").formula.subs(L, p) for p in (1, 2, 3)] == [4, 6, 8]


@pytest.mark.parametrize(("activation", "depth"), [("square", 3), ("cube", 1), ("cube", 2)])
def test_a_taylor_polynomial_is_a_network(activation: str, depth: int) -> None:
    degree = {"square": 2, "cube": 3}[activation] ** depth
    wanted = [sp.sin(sp.Symbol("x")).series(n=degree + 1).removeO().coeff(sp.Symbol("x"), p) for p in range(degree + 1)]
    exact = [flint.fmpq(int(c.p), int(c.q)) for c in wanted]
    net, weights = polynomial_network(activation, depth, exact)
    assert network_polynomial(net, weights) == flint.fmpq_poly(exact)
    assert len([layer for layer in net.layers if layer.branch]) == depth
