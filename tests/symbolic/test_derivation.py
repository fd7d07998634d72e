import re

import pytest
import sympy as sp

from residua_symbolic import Derivation, Proof, ProofError, Step, derive_layer

x = sp.Symbol("x")
GOOD = Proof("looking", lambda right: bool(right == 2 * x))


def step(right: sp.Expr, *proofs: Proof) -> Step:
    return Step("double", x + x, right, "by hand", proofs)


def test_a_step_that_holds() -> None:
    step(2 * x, GOOD).check()
    step(3 * x).check()  # a definition: nothing to prove


def test_the_first_proof_that_refuses_is_named() -> None:
    with pytest.raises(ProofError, match=re.escape("step 'double': 2*x = 3*x is refused by looking")):
        step(3 * x, Proof("trust", lambda right: True), GOOD).check()


def test_a_proof_that_fails_does_not_prove() -> None:
    def broken(right: sp.Expr) -> bool:
        raise KeyError("W__7")

    with pytest.raises(ProofError, match=r"'double'.*cannot be decided by luck: KeyError") as error:
        step(2 * x, GOOD, Proof("luck", broken)).check()
    assert isinstance(error.value.__cause__, KeyError)


def test_a_derivation_proves_every_step() -> None:
    good, bad = step(2 * x, GOOD), step(-2 * x, GOOD)
    Derivation("doubling", x, 2 * x, (), (good, good)).check()
    with pytest.raises(ProofError, match="'double'"):
        Derivation("doubling", x, 2 * x, (), (good, bad, good)).check()


def test_the_printed_side_is_what_is_proved() -> None:
    seen: list[sp.Expr] = []

    def note(right: sp.Expr) -> bool:
        seen.append(right)
        return True

    step(2 * x, Proof("noting", note)).check()
    assert seen == [2 * x]


def test_latex() -> None:
    assert step(2 * x).latex() == r"2 \, x = 2 \, x"
    assert step(2 * x)._repr_latex_() == r"$\displaystyle 2 \, x = 2 \, x$"
    derivation = derive_layer("rmsnorm")
    assert derivation.latex().startswith(r"J = \frac{1}{s} \, ")
    assert derivation._repr_latex_() == f"$\\displaystyle {derivation.latex()}$"
