"""Codes: exact lengths, prefix-freeness, and words that give their messages back."""

import math
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest

from residua_network import ResiduaError
from residua_symbolic.losses import coding

Q = coding.as_fractions((5, 3, 2, 1))


def test_shannons_lengths_are_the_logarithms_rounded_up() -> None:
    assert coding.shannon_lengths(Q) == tuple(math.ceil(-math.log2(q)) for q in Q) == (2, 2, 3, 4)
    assert coding.shannon_lengths((Fraction(1, 2), Fraction(1, 4), Fraction(1, 4))) == (1, 2, 2)  # not one more
    assert coding.kraft_sum((2, 2, 3, 4)) == Fraction(11, 16)
    with pytest.raises(ResiduaError, match="above 0"):
        coding.shannon_lengths((Fraction(1), Fraction(0)))


@pytest.mark.parametrize("weights", [(5, 3, 2, 1), (1, 1, 1, 1, 1), (40, 1, 1, 1), (1, 2, 4, 8, 16)])
def test_huffmans_code_is_the_best_of_all(weights: tuple[int, ...]) -> None:
    """No lengths up to the number of symbols that Kraft allows are shorter in the mean."""
    P = coding.as_fractions(weights)
    found = coding.expected_length(P, coding.huffman_lengths(P))
    entropy = -sum(float(p) * math.log2(p) for p in P)
    assert entropy - 1e-12 <= found < entropy + 1
    candidates = _lengths(len(P), len(P))
    assert found == min(coding.expected_length(P, lengths) for lengths in candidates)
    assert found <= coding.expected_length(P, coding.shannon_lengths(P))


def _lengths(symbols: int, longest: int) -> set[tuple[int, ...]]:
    """All lengths that Kraft allows, in every order."""
    rows: set[tuple[int, ...]] = {()}
    for _ in range(symbols):
        rows = {(*row, n) for row in rows for n in range(row[-1] if row else 1, longest + 1)}
    allowed = [row for row in rows if coding.kraft_sum(row) <= 1]
    return {order for row in allowed for order in permutations(row)}


def test_no_word_is_the_beginning_of_another() -> None:
    words = coding.code_words(coding.shannon_lengths(Q))
    assert [len(word) for word in words] == [2, 2, 3, 4]
    assert not any(a != b and b.startswith(a) for a in words for b in words)
    with pytest.raises(ResiduaError, match="Σ 2"):
        coding.code_words((1, 1, 2))


@pytest.mark.parametrize("seed", range(5))
def test_a_word_gives_its_message_back(seed: int) -> None:
    """Weights that change from place to place; at most two bits beyond the message's own."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(1, 50, size=(200, 6)).tolist()
    message = [int(rng.choice(6)) for _ in weights]
    word = coding.encode(message, weights)
    assert coding.decode(word, weights) == tuple(message)
    assert coding.decode(word + "0110", weights) == tuple(message)  # whatever follows
    bits = sum(-math.log2(row[s] / sum(row)) for s, row in zip(message, weights, strict=True))
    assert bits <= len(word) + 1e-9
    assert len(word) < bits + 2


def test_ends_of_coding() -> None:
    assert coding.encode([0], [(1,)]) == ""
    assert coding.decode("", [(1,), (7,)]) == (0, 0)
    assert coding.encode([], []) == ""
    with pytest.raises(ResiduaError, match="symbol 1 at place 0"):
        coding.encode([1], [(3, 0)])
