"""Wrong formulas put in the place of right ones: each has to be refused by the proof of its own step."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from residua_bridge.findings import Cell, Section, Table
from residua_bridge.study import Finding, Settings
from residua_symbolic import Derivation
from residua_symbolic.derivation import ProofError
from residua_symbolic.losses import classifiers, coding, entropy, fixed, initial_loss, perplexity, softmax, squares
from residua_symbolic.printing import latex

REFUSED = "Wrong formulas"  # table


@dataclass(frozen=True)
class Wrong:
    """A step's right-hand side, and what is put there instead."""

    label: str
    derive: Callable[[], Derivation]
    step: str
    instead: Callable[[Any], Any]


WRONG = (
    Wrong(
        "entropy of Q for that of P",
        entropy.derive_decomposition,
        "their sum",
        lambda e: e.subs(entropy.H, sp.Symbol("H(Q)")),
    ),
    Wrong("entropy less divergence", entropy.derive_decomposition, "their sum", lambda e: entropy.H - entropy.D),
    Wrong("the divergence's slope without 1/x", entropy.derive_gibbs, "slope", lambda e: entropy.x - 1),
    Wrong("gradient p − q", softmax.derive_gradient, "gradient", lambda e: -e),
    Wrong("no off-diagonal Hessian", softmax.derive_hessian, "beside it", lambda e: sp.Integer(0)),
    Wrong("Hessian q on the diagonal", softmax.derive_hessian, "diagonal", lambda e: softmax.qi),
    Wrong("code lengths in nats", coding.derive_lengths, "expected length", lambda e: entropy.HPQ),
    Wrong("slope of H(P) without log p", fixed.derive_gradients, "of one class", lambda e: -fixed.SLOPE),
    Wrong("entropy that grows with β", perplexity.derive_conditional, "it falls with β", lambda e: -e),
    Wrong(
        "entropy at β = 0 of one neighbour more",
        perplexity.derive_conditional,
        "at β = 0",
        lambda e: sp.log(perplexity.N + 1),
    ),
    Wrong(
        "variance for half the variance", initial_loss.derive_initial, "together", lambda e: e + initial_loss.s**2 / 2
    ),
    Wrong(
        "square error over σ² without the half",
        squares.derive_likelihood,
        "N independent rows",
        lambda e: e + squares.N * squares.MSE / (2 * squares.sigma**2),
    ),
    Wrong("the median's condition turned round", squares.derive_minimisers, "absolute errors", lambda e: -e),
    Wrong("a posterior that is not the prior", classifiers.derive_useless, "independent of the class", lambda e: 1 - e),
)


@dataclass(frozen=True)
class Refusals:
    """A table of wrong statements and of what refuses them."""

    title: str
    prose: tuple[str, ...]

    def run(self, settings: Settings) -> Finding:
        """Put each in, and check its step."""
        rows: list[tuple[Cell, ...]] = []
        for wrong in settings.track(WRONG, self.title):
            step = next(s for s in wrong.derive().steps if s.name == wrong.step)
            planted = replace(step, right=wrong.instead(step.right))
            rows.append((wrong.label, f"${latex(planted.left)} = {latex(planted.right)}$", refused(planted)))
        columns = ("mistake", "statement", "refused by its proof")
        return Finding(Section(self.title, self.prose, tables=(Table(REFUSED, columns, tuple(rows)),)))


def refused(step: Any) -> bool:
    """Whether the step's proofs find the statement wrong."""
    try:
        step.check()
    except ProofError:
        return True
    return False
