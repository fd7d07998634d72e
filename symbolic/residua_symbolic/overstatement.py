"""How wrong document 003 is: the relative error of (1.10) for one normaliser, and of (1.11) after L layers."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import sympy as sp

from residua_network import ResiduaError
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains.tangents import FEATURE, i, j, n
from residua_symbolic.evaluate import evaluate
from residua_symbolic.layer import CONSTANT_STATISTICS, derive_layer, variants
from residua_symbolic.referee import SIZES, at_sizes, exact_values
from residua_symbolic.spectrum import Spectrum, derive_spectrum, matrix_at, scalar_at, without_gamma

L = sp.Symbol("L", integer=True, positive=True)
SIGMA, S = sp.Symbol("sigma", positive=True), sp.Symbol("s", positive=True)
X = sp.IndexedBase("x", real=True)


@dataclass(frozen=True, repr=False)
class ErrorLaw(Derivation):
    """The squared relative error ‖true − approximate‖² / ‖true‖² in Frobenius norms, as a function of n (and L).

    For batch norm (batch statistics) it is a function of the batch B.
    """

    size: sp.Symbol  # n or B
    smallest: int  # size from which on it exists

    def at(self, size: int, depth: int = 1) -> float:
        """The squared relative error at that size and L = depth; infinite below the smallest size."""
        return float(self.formula.subs({self.size: size, L: depth})) if size >= self.smallest else float("inf")


@cache
def error_of_one(kind: str) -> ErrorLaw:
    """The squared relative error of (1.10) for the normaliser alone: γ = 1, ε = 0, any input with s > 0."""
    true, dropped = derive_spectrum(kind, eps_is_zero=True), derive_spectrum(kind, eps_is_zero=True, part="dropped")
    steps = []
    for name, spectrum in (("J", true), ("D", dropped)):
        by = Proof("the derivation of the spectrum, every step", _checks(spectrum, spectrum.squared_norm))
        symbol = sp.Symbol(f"N_{name}")
        reason = f"squared Frobenius norm of {name}: Σ multiplicity · eigenvalue²; {name} is symmetric"
        steps.append(Step(f"norm of {name}", symbol, spectrum.squared_norm, reason, (by, _norm_at_sizes(kind, name))))
    formula = sp.simplify(dropped.squared_norm / true.squared_norm)
    symbol = sp.Symbol("e") ** 2
    quotient = Proof(
        "multiplied out", lambda right: bool(sp.simplify(right * true.squared_norm - dropped.squared_norm) == 0)
    )
    steps.append(Step("relative error", symbol, formula, "the quotient of the two", (quotient,)))
    first = int(max(true.vanishes_at())) + 1
    title, assumptions = f"Error of (1.10) for {kind} alone", ("γ = 1", "ε = 0", "s > 0")
    return ErrorLaw(title, symbol, formula, assumptions, tuple(steps), true.size, first)


@dataclass(frozen=True)
class _Counts:
    """What the law of a normaliser depends on, as functions of n."""

    kept: sp.Expr  # directions that survive
    means: sp.Expr  # directions lost beside that of the input itself: 1 for layer, 0 for RMS normalisation
    freedom: sp.Expr  # degrees of freedom of s²

    @classmethod
    def of(cls, spectrum: Spectrum) -> "_Counts":
        """Read off the spectrum at ε = 0."""
        kept = next(e.multiplicity for e in spectrum.eigenvalues if e.value != 0)
        return cls(kept, n - kept - 1, kept + 1)

    @property
    def inverse(self) -> sp.Expr:
        """E[σ²/s²] for n s²/(σ² h²) chi-square with that freedom, h² = n."""
        return 1 / (self.freedom - 2)

    @property
    def step(self) -> sp.Matrix:
        """The two recursions of (1.11) beside that of the true product: (q, a) in units of t."""
        return sp.Matrix([[n - 1, self.means], [1, self.freedom - 2]]) / self.kept


@cache
def error_through_depth(kind: str) -> ErrorLaw:
    """The squared relative error of (1.11) after L times Linear(n, n) and the normaliser, exact at every width.

    With T the true product and C that of (1.11): E‖T − C‖² / E‖T‖² = E‖C‖² / E‖T‖² − 1, since E⟨T, C⟩ = E‖T‖².
    """
    spectrum = derive_spectrum(kind, eps_is_zero=True)
    if spectrum.size != n:
        raise ResiduaError(f"error_through_depth: there is no law for {kind}, whose rows are coupled")
    counts = _Counts.of(spectrum)
    formula = _power_sum(counts.step, sp.Matrix([n - 1, 1]))
    result = Step(
        "relative error",
        sp.Symbol("e") ** 2,
        formula,
        "(q(L) + a(L)) / t(L) − 1 from q(0) = n − 1, a(0) = 1: powers of the 2 × 2 matrix of the recursions",
        (
            Proof("the recursions iterated for L = 0…6", lambda right: _iterates(right, counts)),
            Proof("every L: first values and characteristic polynomial", lambda right: _recurs(right, counts.step)),
        ),
    )
    assumptions = (
        "W square, entries independent, normal, mean 0, equal variance; no bias; γ = 1, β = 0, ε = 0; h ≠ 0",
        f"ratio of expectations over the weights; E‖T‖² is finite for n > {_smallest(counts.freedom)}",
    )
    return ErrorLaw(
        f"Error of (1.11) after L layers, {kind}",
        sp.Symbol("e") ** 2,
        formula,
        assumptions,
        (*_premises(kind, spectrum, counts), *_recursions(spectrum, counts), result),
        n,
        _smallest(counts.freedom) + 1,
    )


def _premises(kind: str, spectrum: Spectrum, counts: _Counts) -> tuple[Step, ...]:
    """What the normaliser annihilates, its spectrum, and the two moments that the recursions use."""
    return (
        Step(
            "homogeneity",
            sp.Sum(sp.Function("J")(i, j) * X[j], (j, 1, n)),
            sp.Integer(0),
            "the output does not change when x is scaled (Euler): J annihilates W h; J is symmetric, so no column of T "
            "has a part along the next input h",
            (Proof(at_sizes(FEATURE), lambda right: _annihilates(kind, right)),),
        ),
        Step(
            "projector",
            spectrum.symbol,
            spectrum.formula,
            "J is symmetric with these eigenvalues: 1/s times an orthogonal projector",
            (Proof("the derivation of the spectrum, every step", _checks(spectrum, spectrum.formula)),),
        ),
        Step(
            "second moments",
            sp.Symbol("E") * sp.Symbol("N_AWB"),
            SIGMA**2 * sp.Symbol("N_A") * sp.Symbol("N_B"),
            "expected squared norm of A W B, entries of W independent with variance σ²; used for the part of W that "
            "meets no h, which is independent of W h and so of s",
            (Proof("2 × 2 and 3 × 3, every second moment put in", _second_moments),),
        ),
        Step(
            "inverse moment",
            sp.Symbol("E") * (SIGMA / S) ** 2,
            counts.inverse,
            f"n s²/(σ² h²) is chi-square with {counts.freedom} degrees of freedom, and h² = n from the second layer on",
            (Proof("integrated over the chi-square density", lambda right: _inverse_moment(right, counts.freedom)),),
        ),
    )


def _recursions(spectrum: Spectrum, counts: _Counts) -> tuple[Step, ...]:
    """One layer more: of the true product, and of the two parts of that of (1.11)."""
    l = sp.Symbol("l", integer=True, nonnegative=True)
    q, a, t = (sp.Function(name) for name in "qat")
    return (
        Step(
            "true product",
            t(l + 1),
            counts.kept * counts.inverse * t(l),
            "t = E‖T‖²: second moments with A = J; t(0) = n − 1, since J W meets no h",
            (_gain(t(l), spectrum.squared_norm * S**2 * counts.inverse, "J"),),
        ),
        Step(
            "(1.11), beside h",
            q(l + 1),
            ((n - 1) * q(l) + counts.means * a(l)) * counts.inverse,
            "q: expected squared norm of the part of C beside h"
            + ("; the mean of W h feeds it from a" if counts.means else "")
            + " (argued, met by the ensembles; no machine proof)",
        ),
        Step(
            "(1.11), along h",
            a(l + 1),
            a(l) + q(l) * counts.inverse,
            "a: that of the part along h, which (1.11) carries on unchanged: W h / s is the next h up to its mean "
            "(argued, met by the ensembles; no machine proof)",
        ),
    )


def _smallest(freedom: sp.Expr) -> int:
    """The largest n at which E[1/s²] does not exist."""
    return int(sp.solve(freedom - 2, n)[0])


def _power_sum(step: sp.Matrix, start: sp.Matrix) -> sp.Expr:
    """(1 1) · stepᴸ · start / start[0] − 1 in closed form, by the eigenvectors of the matrix."""
    total = sp.Integer(0)
    left = {sp.simplify(value): vectors[0] for value, _, vectors in step.T.eigenvects()}
    for value, _, (vector,) in step.eigenvects():
        covector = left[sp.simplify(value)]
        weight = (covector.T * start)[0] / (covector.T * vector)[0] * (vector[0] + vector[1]) / start[0]
        total += _in_parts(weight) * _in_parts(value) ** L
    return total - 1


def _in_parts(e: sp.Expr) -> sp.Expr:
    """`e`, a quotient of polynomials in n with square roots in it, as a sum of simple fractions."""
    return sp.apart(sp.cancel(sp.radsimp(sp.simplify(e)), n, extension=True), n, extension=True)


def _inverse_moment(right: sp.Expr, freedom: sp.Expr) -> bool:
    """E[1/χ²] over the density x^(k/2−1) e^(−x/2) / (2^(k/2) Γ(k/2)), k = `freedom` > 2."""
    x, k = sp.Symbol("x", positive=True), sp.Symbol("k", positive=True)
    shifted = k + 2  # so that the integral converges for every k > 0
    density = x ** (shifted / 2 - 1) * sp.exp(-x / 2) / (2 ** (shifted / 2) * sp.gamma(shifted / 2))
    moment = sp.gammasimp(sp.integrate(density / x, (x, 0, sp.oo)))
    return bool(sp.simplify(moment.subs(k, freedom - 2) - right) == 0)


def _checks(derivation: Derivation, stated: Any) -> Any:
    def holds(right: Any) -> bool:
        derivation.check()
        return bool(sp.simplify(right - stated) == 0) if isinstance(right, sp.Expr) else bool(right == stated)

    return holds


def _gain(value: sp.Expr, norm: sp.Expr, what: str) -> Proof:
    """The factor of a recursion is a squared norm that was derived, times E[σ²/s²]."""
    by = f"the derived squared norm of {what}, times the inverse moment"
    return Proof(by, lambda right: bool(sp.simplify(right - norm * value) == 0))


def _norm_at_sizes(kind: str, name: str) -> Proof:
    """Σ_ij J_ij² equals what is printed, entry by entry in exact fractions."""
    derivation = derive_layer(kind, None if name == "J" else CONSTANT_STATISTICS)
    operator = derivation.operator if name == "J" else derivation.dropped
    assert operator is not None

    def holds(right: sp.Expr) -> bool:
        for size in SIZES:
            values, domain = exact_values(kind, variants(kind)[0], size, False, True)
            matrix = matrix_at(without_gamma(operator), values, domain)
            printed = scalar_at(right.subs(operator.axis.size, size), values, domain)
            if not domain.is_zero((matrix * matrix).sum() - printed):
                return False
        return True

    return Proof(f"{at_sizes(operator.axis)}, the sum of the squares of all entries", holds)


def _annihilates(kind: str, right: sp.Expr) -> bool:
    """J x = 0 at ε = 0."""
    for size in SIZES:
        values, domain = exact_values(kind, variants(kind)[0], size, False, True)
        matrix = evaluate(derive_layer(kind).components, values, (i, j), domain)
        printed = evaluate(right, values, (), domain)
        if not all(domain.is_zero(e - printed) for e in matrix @ values["x"]):
            return False
    return True


def _second_moments(right: sp.Expr) -> bool:
    """E‖A W B‖² with E[w_ij w_kl] = σ² δ_ik δ_jl, as a polynomial identity in the entries of A and B."""
    for size in (2, 3):
        A, W, B = (sp.Matrix(size, size, sp.symbols(f"{letter}:{size * size}")) for letter in "awb")
        product = A * W * B
        entries = [sp.Poly(e, *W) for e in product]
        expected = sp.Add(*(SIGMA**2 * sp.Add(*(value**2 for value in e.coeffs())) for e in entries))
        norms = {sp.Symbol("N_A"): sp.Add(*(e**2 for e in A)), sp.Symbol("N_B"): sp.Add(*(e**2 for e in B))}
        if sp.expand(expected - right.subs(norms)) != 0:
            return False
    return True


def _iterates(right: sp.Expr, counts: _Counts) -> bool:
    q, a, t = n - 1, sp.Integer(1), n - 1
    for depth in range(7):
        if sp.simplify((q + a) / t - 1 - right.subs(L, depth)) != 0:
            return False
        q, a, t = (
            ((n - 1) * q + counts.means * a) * counts.inverse,
            a + q * counts.inverse,
            counts.kept * t * counts.inverse,
        )
    return True


def _recurs(right: sp.Expr, step: sp.Matrix) -> bool:
    """f(L + 2) = trace · f(L + 1) − det · f(L) for f = e² + 1 (Cayley and Hamilton); two values then fix all."""
    f = right + 1
    start = sp.Matrix([n - 1, 1])
    for depth in (0, 1):
        if sp.simplify(f.subs(L, depth) - sum(step**depth * start) / (n - 1)) != 0:
            return False
    return all(sp.simplify(base**2 - step.trace() * base + step.det()) == 0 for base in _bases(f))


def _bases(f: sp.Expr) -> list[sp.Expr]:
    """The numbers whose L-th power occurs; 1 for a constant term."""
    found = [power.base for power in f.atoms(sp.Pow) if power.exp.has(L)]
    return [*found, sp.Integer(1)] if any(not term.has(L) for term in sp.Add.make_args(f)) else found
