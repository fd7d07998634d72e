"""A derivation is a chain of checked steps: each states what it equals and why, and can prove itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from residua_symbolic.printing import latex


class ProofError(AssertionError):
    """A step whose proof fails: the statement is wrong."""


@dataclass(frozen=True)
class Proof:
    """A way to decide a statement. It is given the right-hand side that is printed, so that this is what is proved."""

    by: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True)
class Step:
    """left = right, for a reason. A step without proofs is a definition or an assumption, and says so in its reason."""

    name: str
    left: sp.Basic
    right: sp.Basic
    reason: str
    proofs: tuple[Proof, ...] = ()

    def check(self) -> None:
        """Run every proof. Raises ProofError naming the step and the proof that fails, or cannot read the statement."""
        for proof in self.proofs:
            try:
                holds = proof.holds(self.right)
            except ProofError:
                raise
            except Exception as error:  # a wrong statement may be one that makes no sense to the proof
                raise ProofError(f"{self._statement()} cannot be decided by {proof.by}: {error!r}") from error
            if not holds:
                raise ProofError(f"{self._statement()} is refused by {proof.by}")

    def _statement(self) -> str:
        return f"step {self.name!r}: {self.left} = {self.right}"

    def latex(self) -> str:
        """The statement."""
        return f"{latex(self.left)} = {latex(self.right)}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


@dataclass(frozen=True, repr=False)
class Derivation:
    """An exact result, what it assumes, and the steps that lead to it."""

    title: str
    symbol: sp.Basic
    formula: sp.Basic
    assumptions: tuple[str, ...]
    steps: tuple[Step, ...]

    def __repr__(self) -> str:
        return f"<{self.title}: {len(self.steps)} steps, {self.latex()}>"

    def check(self) -> None:
        """Prove every step. Raises ProofError at the first that fails."""
        for step in self.steps:
            step.check()

    def latex(self) -> str:
        """The result."""
        return f"{latex(self.symbol)} = {latex(self.formula)}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"
