"""Laws of growth: linear recurrences found in exact counts, verified in the integers, and solved in closed form.

A recurrence of order r is determined by 2r values (Berlekamp and Massey); every further value is a check. A closed
formula in several sizes is a combination of given terms: as many values as terms determine it, the others check it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import flint
import sympy as sp

from residua_network import ResiduaError

N = sp.Symbol("n", integer=True, positive=True)
LONGEST = 12  # order of a recurrence
LATEST = 8  # the first value from which a law may hold
CHECKS = 6  # values beyond those that determine a law, at least


@dataclass(frozen=True)
class Law:
    """A count as a function of n: Σ_k recurrence[k] · count(n − 1 − k) for n ≥ first + order.

    `formula` is its closed form, None where the roots are not rational; it was verified exactly, in the integers, for
    n = first … last, of which `checks` values did not go into it. `proved`: for
    all later n, too.
    """

    recurrence: tuple[int, ...]
    formula: sp.Expr | None
    first: int
    last: int
    checks: int
    values: tuple[int, ...]
    proved: bool = False

    def at(self, n: int) -> int:
        """The count at n ≥ first, by the recurrence."""
        return self.upto(n)[-1]

    def upto(self, n: int) -> list[int]:
        """The counts from `first` to n."""
        if n < self.first:
            raise ResiduaError(f"the law holds from n = {self.first} on, got n = {n}")
        found = list(self.values[: max(len(self.recurrence), 1)])
        while len(found) <= n - self.first:
            found.append(sum(c * v for c, v in zip(self.recurrence, reversed(found), strict=False)))
        return found[: n - self.first + 1]

    @property
    def verified(self) -> str:
        """The range, in words."""
        return f"n = {self.first}…{self.last}"

    @property
    def words(self) -> str:
        """How far it may be relied on."""
        beyond = "proved by induction for all later n" if self.proved else "not proved beyond"
        return f"verified exactly for {self.verified}, {beyond}"


def law_of(values: Sequence[int], first: int = 1) -> Law | None:
    """The law that the counts at n = first, first + 1, ... obey from some early n on; None where none is found.

    It is accepted only where at least `CHECKS` values, and as many as went into it, check it.
    """
    for skipped in range(min(LATEST, len(values))):  # the first `skipped` values are exceptions
        rest = list(values[skipped:])
        found = recurrence(rest)
        if found is None or (found and found[-1] == 0):
            continue
        determined = 2 * len(found)
        if len(rest) - determined < max(CHECKS, len(found)):
            continue
        law = Law(
            found,
            None,
            first + skipped,
            first + len(values) - 1,
            len(rest) - determined,
            tuple(rest[: max(determined, 1)]),
        )
        if law.upto(law.last) == rest:
            return Law(found, _closed(law, rest), law.first, law.last, law.checks, law.values)
    return None


def recurrence(values: Sequence[int]) -> tuple[int, ...] | None:
    """The shortest linear recurrence of the values, by Berlekamp and Massey over the rationals.

    None where it is longer than `LONGEST`, or not in integers.
    """
    zero, one = flint.fmpq(0), flint.fmpq(1)
    current, previous = [one], [one]
    length, gap, last = 0, 1, one
    for k, value in enumerate(values):
        error = flint.fmpq(value) + sum(
            (current[i] * values[k - i] for i in range(1, min(length, k, len(current) - 1) + 1)), zero
        )
        if error == 0:
            gap += 1
            continue
        factor, before = error / last, list(current)
        current += [zero] * (gap + len(previous) - len(current))
        for i, c in enumerate(previous):
            current[i + gap] -= factor * c
        if 2 * length <= k:
            length, previous, last, gap = k + 1 - length, before, error, 1
            if length > LONGEST:
                return None
        else:
            gap += 1
    coefficients = [-c for c in (current + [zero] * length)[1 : length + 1]]
    return tuple(int(c.numerator) for c in coefficients) if all(c.denominator == 1 for c in coefficients) else None


def _closed(law: Law, values: Sequence[int]) -> sp.Expr | None:
    """Σ over the roots λ of multiplicity m of (c_0 + … + c_{m−1} n^{m−1}) λ^n."""
    order = len(law.recurrence)
    if order == 0:
        return sp.Integer(0)
    z = sp.Symbol("z")
    polynomial = sp.Poly(z**order - sum(c * z ** (order - 1 - k) for k, c in enumerate(law.recurrence)), z)
    roots = sp.roots(polynomial, filter="Q")
    if sum(roots.values()) != order:
        return None
    terms = [N**a * root**N for root, multiplicity in roots.items() for a in range(multiplicity)]
    return combination(terms, {(law.first + k,): v for k, v in enumerate(values)}, (N,))


def combination(terms: Sequence[sp.Expr], values: Mapping[Any, int], sizes: Sequence[sp.Symbol]) -> sp.Expr | None:
    """Σ c_k term_k with rational c_k that has exactly these values at these sizes.

    None where there is none, or where the sizes are too few to tell the terms apart.
    """
    points = list(values)
    rows = [[_rational(term.subs(dict(zip(sizes, point, strict=True)))) for term in terms] for point in points]
    matrix = flint.fmpq_mat(rows)
    right = flint.fmpq_mat([[flint.fmpq(values[point])] for point in points])
    transposed = matrix.transpose()
    normal = transposed * matrix
    if normal.rank() < len(terms):
        return None
    solution = normal.solve(transposed * right)
    if matrix * solution != right:
        return None
    found = [solution[k, 0] for k in range(len(terms))]
    coefficients = [sp.Rational(int(c.numerator), int(c.denominator)) for c in found]
    return sp.Add(*[c * term for c, term in zip(coefficients, terms, strict=True)])


def grouped(formula: sp.Expr, exponent: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    """Numerator and denominator; in the numerator, what multiplies each power with that exponent is factored."""
    top, bottom = sp.fraction(sp.together(formula))
    groups: dict[sp.Expr, sp.Expr] = {}
    for term in sp.Add.make_args(sp.expand(top)):
        power = sp.Mul(*[f for f in sp.Mul.make_args(term) if f.is_Pow and exponent in f.exp.free_symbols])
        groups[power] = groups.get(power, sp.S.Zero) + term / power
    return sp.Add(*[rest if power == 1 else sp.factor(rest) * power for power, rest in groups.items()]), sp.factor(
        bottom
    )


def _rational(value: Any) -> Any:
    return flint.fmpq(int(value.p), int(value.q))
