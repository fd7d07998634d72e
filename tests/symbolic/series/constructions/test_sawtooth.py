"""Yarotsky's and Telgarsky's networks: what they compute, exactly, and proofs that refuse wrong statements."""

from dataclasses import replace

import flint
import pytest

from residua_network import ResiduaError
from residua_symbolic.derivation import ProofError
from residua_symbolic.series.constructions.broken_lines import broken_line
from residua_symbolic.series.constructions.sawtooth import (
    exact_pieces,
    exact_square_error,
    pieces_of_teeth,
    sawtooth_network,
    square_by_teeth,
)

Q = flint.fmpq


@pytest.mark.parametrize("depth", range(6))
def test_the_network_goes_through_the_squares(depth: int) -> None:
    line = broken_line(*sawtooth_network(depth), 0, 1)
    assert list(line.x) == [Q(k, 2**depth) for k in range(2**depth + 1)]
    assert list(line.y) == [Q(k, 2**depth) ** 2 for k in range(2**depth + 1)]
    assert exact_square_error(depth) == Q(1, 2 ** (2 * depth + 2))


@pytest.mark.parametrize("depth", range(1, 6))
def test_the_sawtooth_goes_up_and_down(depth: int) -> None:
    line = broken_line(*sawtooth_network(depth, "sawtooth"), 0, 1)
    assert list(line.y) == [k % 2 for k in range(2**depth + 1)]
    assert exact_pieces(depth) == 2**depth


def test_every_block_adds_one_term() -> None:
    """f_l − f_(l−1) is the tooth's l-th iterate over −4^l."""
    for depth in range(1, 5):
        added = broken_line(*sawtooth_network(depth), 0, 1) - broken_line(*sawtooth_network(depth - 1), 0, 1)
        assert added == broken_line(*sawtooth_network(depth, "sawtooth"), 0, 1) * Q(-1, 4**depth)


def test_weights_are_powers_of_two() -> None:
    _, weights = sawtooth_network(20)
    assert weights["20.branch.2.weight"][0].tolist() == [-(2.0**-39), 2.0**-38]


@pytest.mark.parametrize("derivation", [square_by_teeth(), pieces_of_teeth()], ids=lambda d: d.title)
def test_derivations_hold_and_wrong_ones_are_refused(derivation) -> None:  # type: ignore[no-untyped-def]
    derivation.check()
    for step in derivation.steps:
        for proof in step.proofs:
            with pytest.raises(ProofError):
                replace(step, right=2 * step.right, proofs=(proof,)).check()


def test_outputs_depths_and_ends_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ResiduaError, match="sawtooth_network"):
        sawtooth_network(2, "teeth")
    with pytest.raises(ResiduaError, match="depth"):
        sawtooth_network(-1)
    with pytest.raises(ResiduaError, match="expected a finite number"):
        broken_line(*sawtooth_network(1), 0, float("inf"))
