from dataclasses import replace

import pytest

from residua_symbolic.derivation import ProofError
from residua_symbolic.dynamics.remainder import REMAINDER, derive_remainder, eta, f, g


def test_every_proof_holds_and_refuses_what_is_wrong() -> None:
    derivation = derive_remainder()
    derivation.check()
    step = next(step for step in derivation.steps if step.name == "remainder")
    assert len(step.proofs) == 2
    for wrong in (2 * REMAINDER, REMAINDER / f, REMAINDER * eta, REMAINDER / g):
        for proof in step.proofs:
            with pytest.raises(ProofError):
                replace(step, right=wrong, proofs=(proof,)).check()


@pytest.mark.parametrize("name", ["second layer", "first layer", "at rate η₀/n"])
def test_each_step_refuses_twice_itself_and_the_other_sign(name: str) -> None:
    step = next(step for step in derive_remainder().steps if step.name == name)
    for wrong in (2 * step.right, -1 * step.right, step.right.subs(eta, 2 * eta)):
        if wrong != step.right:
            with pytest.raises(ProofError):
                replace(step, right=wrong).check()
