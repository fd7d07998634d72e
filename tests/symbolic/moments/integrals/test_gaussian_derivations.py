"""Derivations of Gaussian moments hold, and every proof of theirs refuses what is wrong."""

from dataclasses import replace

import pytest
import sympy as sp

from residua_network import ResiduaError
from residua_network.kinds.activation import ACTIVATIONS
from residua_symbolic.moments.integrals.gaussian import derive_moment, square
from residua_symbolic.moments.integrals.gaussian_forms import WHAT, at_any_mean, c, closed_form, m, q

from ...planted import refuses, refuses_in_place

CLOSED = [(name, what) for name in ACTIVATIONS for what in WHAT if closed_form(name, what) is not None]
MORE = sp.Rational(1, 1000)


def test_which_have_one() -> None:
    assert {name for name, _ in CLOSED} == {"identity", "square", "cube", "sin", "relu", "gelu"}
    assert len(CLOSED) == 6 * len(WHAT)


@pytest.mark.parametrize(("name", "what"), CLOSED)
def test_a_derivation_holds(name: str, what: str) -> None:
    derivation = derive_moment(name, what)
    derivation.check()
    assert derivation.formula == closed_form(name, what)
    assert ("m = 0" in derivation.assumptions) == (not at_any_mean(name, what))
    assert all(r"\operatorname" not in step.latex() for step in derivation.steps)


@pytest.mark.parametrize(("name", "what"), [*(("relu", what) for what in WHAT), ("gelu", "mean"), ("gelu", "product")])
def test_what_is_wrong_is_refused(name: str, what: str) -> None:
    derivation = derive_moment(name, what)
    for place, step in enumerate(derivation.steps):
        if step.proofs:
            for wrong in (2 * step.right, step.right * (1 + MORE), step.right.subs(q, q * (1 + MORE))):
                if wrong != step.right:
                    refuses(step, wrong)
            refuses_in_place(replace(derivation, steps=derivation.steps[place:]), step, -step.right)


@pytest.mark.parametrize(("name", "what"), CLOSED)
def test_a_moment_that_is_wrong_is_refused(name: str, what: str) -> None:
    step = derive_moment(name, what).steps[-1]
    for wrong in (step.right + MORE, step.right + MORE * q**2, step.right + MORE * c, step.right.subs(m, m + MORE)):
        if wrong != step.right and not (wrong.has(c) and "product" not in what):
            refuses(step, wrong)


def test_what_has_none_says_so() -> None:
    with pytest.raises(ResiduaError, match="no closed form of the square of tanh"):
        derive_moment("tanh", "square")
    with pytest.raises(ResiduaError, match="expected one of mean, square"):
        derive_moment("relu", "cube")
    with pytest.raises(ResiduaError, match="unknown activation"):
        derive_moment("swish", "mean")
    assert square("tanh", 1.0).formula is None
