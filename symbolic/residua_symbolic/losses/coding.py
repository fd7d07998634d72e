"""Codes for a source: what a code made for Q costs where P is drawn, derived for any V and made for given fractions.

Probabilities are exact fractions and weights whole numbers, so that every length and every interval is exact.
"""

import heapq
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from itertools import count

import sympy as sp

from residua_network import ResiduaError
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same
from residua_symbolic.losses.entropy import HPQ, D, H, cross_entropy_sum, divergence_sum, entropy_sum, p, q
from residua_symbolic.losses.sums import factorised, i, j, k, over, same_sums

TITLE = "Expected lengths of codes"
l, a = sp.IndexedBase("l", real=True), sp.IndexedBase("a", positive=True)
r = sp.IndexedBase("r", nonnegative=True)
IDEAL = -sp.log(q[k]) / sp.log(2)
SUMS = {H: entropy_sum(), HPQ: cross_entropy_sum(), D: divergence_sum()}


@cache
def derive_lengths() -> Derivation:
    """Σ p l = H(P, Q) in bits for l = −log₂ q, less than a bit more for whole l, 1/n of that in blocks of n."""
    bits, extra = HPQ / sp.log(2), over(p[k] * r[k])
    steps = (
        Step("ideal length", l[k], IDEAL, "definition: of the code made for Q, in bits"),
        Step(
            "room in the tree",
            over(2 ** -l[k]),
            over(q[k]),
            "it is 1: Kraft's sum, at most 1 for every code that can be told apart letter by letter",
            (Proof("term by term: 2 to the power log₂ q", lambda right: _kraft(right, sp.Integer(0))),),
        ),
        Step("expected length", over(p[k] * l[k]), bits, "symbols drawn from P", (_by_terms(IDEAL),)),
        Step(
            "more than needed",
            over(p[k] * l[k]) - H / sp.log(2),
            D / sp.log(2),
            "beside the code made for P itself, that costs H(P)",
            (_by_terms(IDEAL, minus=entropy_sum() / sp.log(2)),),
        ),
        Step(
            "whole lengths",
            over(p[k] * (l[k] + r[k])),
            bits + extra,
            "$r_k = \\lceil l_k \\rceil - l_k$ lies in [0, 1), so the sum added is at least 0 and below 1 bit",
            (_by_terms(IDEAL + r[k]),),
        ),
        Step(
            "still a prefix code",
            over(2 ** (-l[k] - r[k])),
            over(q[k] * 2 ** -r[k]),
            "at most Σ q = 1, as r ≥ 0: Shannon's code exists",
            (Proof("term by term", lambda right: _kraft(right, r[k])),),
        ),
        Step(
            "one more symbol",
            sp.Symbol("H_{n+1}"),
            sp.Symbol("H_n") + HPQ,
            "strings of n + 1 independent symbols: so n symbols need n H(P, Q), and rounding up costs one bit in all",
            (Proof("the double sum multiplied out, any V and n", _one_more),),
        ),
    )
    return Derivation(
        TITLE, over(p[k] * l[k]), bits, ("the code is made for Q, the symbols come from P", "q > 0 where p > 0"), steps
    )


def _kraft(right: sp.Expr, more: sp.Expr) -> bool:
    left = sp.exp(sp.expand_log((-IDEAL - more) * sp.log(2), force=True))
    stated = right.function.subs(2 ** -r[k], sp.exp(-r[k] * sp.log(2)))
    return bool(sp.simplify(left - stated) == 0)


def _by_terms(length: sp.Expr, minus: sp.Expr | int = 0) -> Proof:
    return Proof(
        "term by term, for any V", lambda right: same_sums(over(p[k] * length) - minus, sp.expand(right.subs(SUMS)))
    )


def _one_more(right: sp.Expr) -> bool:
    """−Σ_i Σ_j p_i p_j (log a_i + log q_j), i over strings of probability a under the code, j over symbols."""
    joint = -factorised(p[i] * p[j] * (sp.log(a[i]) + sp.log(q[j])))
    stated = right.subs({sp.Symbol("H_n"): -over(p[k] * sp.log(a[k])), HPQ: cross_entropy_sum()})
    return same(joint.subs(over(p[k]), 1), stated)


# prefix codes


def shannon_lengths(Q: Sequence[Fraction]) -> tuple[int, ...]:
    """⌈−log₂ q⌉ for every q, exactly: the first l with 2^−l ≤ q. Raises ResiduaError for q ≤ 0 or q > 1."""
    if not all(0 < one <= 1 for one in Q):
        raise ResiduaError(f"shannon_lengths: expected probabilities above 0, at most 1, got {min(Q)} to {max(Q)}")
    return tuple(next(n for n in count() if Fraction(1, 2**n) <= one) for one in Q)


def huffman_lengths(Q: Sequence[Fraction]) -> tuple[int, ...]:
    """Lengths of the prefix code with the least Σ q l: the two rarest are joined until one is left."""
    ties = count()
    heap: list[tuple[Fraction, int, tuple[int, ...]]] = [(one, next(ties), (symbol,)) for symbol, one in enumerate(Q)]
    heapq.heapify(heap)
    lengths = [0] * len(Q)
    while len(heap) > 1:
        one, _, left = heapq.heappop(heap)
        other, _, right = heapq.heappop(heap)
        for symbol in (*left, *right):
            lengths[symbol] += 1
        heapq.heappush(heap, (one + other, next(ties), (*left, *right)))
    return tuple(lengths)


def kraft_sum(lengths: Sequence[int]) -> Fraction:
    """Σ 2^−l."""
    return sum((Fraction(1, 2**n) for n in lengths), Fraction(0))


def expected_length(P: Sequence[Fraction], lengths: Sequence[int]) -> Fraction:
    """Σ p l, in bits a symbol."""
    return sum((one * n for one, n in zip(P, lengths, strict=True)), Fraction(0))


def code_words(lengths: Sequence[int]) -> tuple[str, ...]:
    """Words of these lengths, none the beginning of another. Raises ResiduaError where there are none (Kraft)."""
    if kraft_sum(lengths) > 1:
        raise ResiduaError(f"code_words: expected Σ 2^−l ≤ 1, got {kraft_sum(lengths)}")
    words, place, before = [""] * len(lengths), 0, 0
    for symbol in sorted(range(len(lengths)), key=lambda s: lengths[s]):
        place <<= lengths[symbol] - before
        before = lengths[symbol]
        words[symbol] = format(place, f"0{before}b") if before else ""
        place += 1
    return tuple(words)


# arithmetic coding: one word for a whole message

Weights = Sequence[Sequence[int]]  # of every symbol, at every place of the message


def encode(message: Sequence[int], weights: Weights) -> str:
    """The word of a message: the shortest binary fraction all of whose continuations lie in the message's interval.

    weights[t][s] / Σ weights[t] is the probability of symbol s at place t, given what came before. The word has at most
    2 bits more than −log₂ of the message's probability. Raises ResiduaError for a symbol of weight 0: no word has it.
    """
    low, width, whole = 0, 1, 1  # the interval [low, low + width) / whole
    for place, (symbol, row) in enumerate(zip(message, weights, strict=True)):
        if row[symbol] == 0:
            raise ResiduaError(f"encode: symbol {symbol} at place {place} has probability 0, got it nevertheless")
        total = sum(row)
        low, whole = low * total + width * sum(row[:symbol]), whole * total
        width *= row[symbol]
    for size in count(max(0, whole.bit_length() - width.bit_length() - 1)):
        start = -(-(low << size) // whole)  # the first multiple of 2^−size that is not below
        if (start + 1) * whole <= (low + width) << size:
            return format(start, f"0{size}b") if size else ""
    raise AssertionError("an interval holds a binary fraction")


def decode(word: str, weights: Weights) -> tuple[int, ...]:
    """The message of a word; `weights` as in `encode`."""
    value, unit = int(word, 2) if word else 0, 1 << len(word)  # value / unit − low, in units of 1 / whole
    message, width = [], 1
    for row in weights:
        total = sum(row)
        value *= total
        symbol, below = 0, 0
        while value >= width * (below + row[symbol]) * unit:
            below += row[symbol]
            symbol += 1
        value -= width * below * unit
        width *= row[symbol]
        message.append(symbol)
    return tuple(message)


def as_fractions(weights: Sequence[int]) -> tuple[Fraction, ...]:
    """Weights as probabilities."""
    return tuple(Fraction(w, sum(weights)) for w in weights)
