"""Derivations as reports print them, proved while they are written down; numbers in sentences."""

from residua_bridge.findings import DerivationText, StepText
from residua_symbolic import Derivation


def proved(derivation: Derivation) -> DerivationText:
    """The text of a derivation whose every step has just been proved. Raises ProofError where one is wrong."""
    derivation.check()
    steps = tuple(StepText(s.name, s.latex(), s.reason, tuple(p.by for p in s.proofs)) for s in derivation.steps)
    return DerivationText(derivation.title, derivation.latex(), derivation.assumptions, steps)


def percent(value: float) -> str:
    """A share as a reader expects it: 37.8 %, 0.012 %."""
    return f"{100 * value:.3g} %"
