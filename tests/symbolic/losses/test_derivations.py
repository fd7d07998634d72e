"""Every derivation on losses proves itself, and every step with proofs refuses a wrong right-hand side."""

from collections.abc import Callable

import pytest
import sympy as sp

from residua_symbolic import Derivation
from residua_symbolic.derivation import Step
from residua_symbolic.losses import (
    classifiers,
    coding,
    entropy,
    fixed,
    initial_loss,
    perplexity,
    softmax,
    sources,
    squares,
)

from ..planted import refuses

DERIVATIONS: tuple[Callable[[], Derivation], ...] = (
    entropy.derive_decomposition,
    entropy.derive_gibbs,
    entropy.derive_bits,
    coding.derive_lengths,
    softmax.derive_gradient,
    softmax.derive_hessian,
    fixed.derive_gradients,
    fixed.derive_free,
    perplexity.derive_conditional,
    perplexity.derive_joint,
    perplexity.derive_embedding,
    initial_loss.derive_initial,
    initial_loss.derive_every,
    initial_loss.derive_bounds,
    sources.derive_floor,
    squares.derive_likelihood,
    squares.derive_minimisers,
    squares.derive_distance,
    classifiers.derive_choice,
    classifiers.derive_useless,
    classifiers.derive_naive,
)
PROVED = [(d, s.name) for d in DERIVATIONS for s in d().steps if s.proofs]
MISTAKES: dict[str, Callable[[sp.Expr], sp.Expr]] = {
    "one too much": lambda e: e + 1,
    "twice": lambda e: 2 * e,
    "the other sign": lambda e: -e,
}


def step(derive: Callable[[], Derivation], name: str) -> Step:
    return next(s for s in derive().steps if s.name == name)


@pytest.mark.parametrize("derive", DERIVATIONS, ids=lambda d: d().title)
def test_it_is_proved(derive: Callable[[], Derivation]) -> None:
    derive().check()
    assert any(s.proofs for s in derive().steps)


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize(("derive", "name"), PROVED, ids=[f"{d().title}: {name}" for d, name in PROVED])
def test_a_wrong_right_hand_side_is_refused(derive: Callable[[], Derivation], name: str, mistake: str) -> None:
    right = step(derive, name)
    wrong = MISTAKES[mistake](right.right)
    if wrong == right.right:
        return  # twice 0
    refuses(right, wrong)
