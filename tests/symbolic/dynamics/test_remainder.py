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
