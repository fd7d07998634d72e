"""How wrong document 003 is: the relative error of (1.10) for one normaliser, and of (1.11) after L layers."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains.tangents import i, j, n
from residua_symbolic.evaluate import evaluate
from residua_symbolic.layer import CONSTANT_STATISTICS, derive_layer
from residua_symbolic.operator import Operator, Term
from residua_symbolic.referee import AT_SIZES, SIZES, exact_values
from residua_symbolic.spectrum import derive_spectrum

L = sp.Symbol("L", integer=True, positive=True)
SIGMA, S = sp.Symbol("sigma", positive=True), sp.Symbol("s", positive=True)
X, GAMMA = sp.IndexedBase("x", real=True), sp.IndexedBase("gamma", real=True)


@dataclass(frozen=True)
class ErrorLaw(Derivation):
    """The squared relative error ‖true − approximate‖² / ‖true‖² in Frobenius norms, as a function of n (and L)."""

    def at(self, width: int, depth: int = 1) -> float:
        """The relative error itself, at n = width and L = depth; infinite where the true Jacobian vanishes."""
        value = self.formula.subs({n: width, L: depth})
        return float("inf") if value.has(sp.zoo) else float(sp.sqrt(value))


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
    return ErrorLaw(f"Error of (1.10) for {kind} alone", symbol, formula, ("γ = 1", "ε = 0", "s > 0"), tuple(steps))


@cache
def error_through_depth(kind: str) -> ErrorLaw:
    """The squared relative error of (1.11) after L times Linear(n, n) and the normaliser.

    With T the true product and C that of (1.11): E⟨T, C⟩ = E‖T‖², so the error is E‖C‖²/E‖T‖² − 1.
    """
    spectrum = derive_spectrum(kind, eps_is_zero=True)
    rank = next(e.multiplicity for e in spectrum.eigenvalues if e.value != 0)
    t, c = sp.Function("t"), sp.Function("c")
    l = sp.Symbol("l", integer=True, nonnegative=True)
    gain_t, gain_c = SIGMA**2 * rank / S**2, SIGMA**2 * n / S**2
    formula = sp.factor(n / (n - 1)) * (n / rank) ** L - 1
    steps = (
        Step(
            "homogeneity",
            sp.Sum(sp.Function("J")(i, j) * X[j], (j, 1, n)),
            sp.Integer(0),
            "the output does not change when x is scaled (Euler): the normaliser's Jacobian annihilates W h",
            (Proof(AT_SIZES, lambda right: _annihilates(kind, right)),),
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
            "expected squared norm of A W B for independent entries of W with variance σ²; N is the squared norm",
            (Proof("2 × 2 and 3 × 3, every second moment put in", _second_moments),),
        ),
        Step(
            "true product",
            t(l + 1),
            gain_t * t(l),
            "second moments with A = J; J W T = J W (I − h hᵀ/|h|²) T, where W meets no h and is independent of s; "
            "t(0) = n − 1 is the squared norm of I − h hᵀ/|h|²",
            (_gain(t(l), spectrum.squared_norm, "J"),),
        ),
        Step(
            "(1.11)",
            c(l + 1),
            gain_c * c(l),
            "second moments with A = I/s, and |W h|² at its mean n σ² |h|²; c(0) = n is the squared norm of I",
            (_gain(c(l), _kept_norm(kind), "the Jacobian with constant statistics"),),
        ),
        Step(
            "relative error",
            sp.Symbol("e") ** 2,
            formula,
            "c(L)/t(L) − 1: the σ²/s² cancel",
            (Proof("both recursions iterated for L = 1…8", lambda right: _iterates(right, gain_t, gain_c)),),
        ),
    )
    assumptions = (
        "entries of W independent, mean 0, equal variance, normally distributed; no bias; γ = 1, β = 0, ε = 0",
        "ratio of expectations; |W h|² is replaced by its mean, which costs a relative 1/n",
    )
    return ErrorLaw(f"Error of (1.11) after L layers, {kind}", sp.Symbol("e") ** 2, formula, assumptions, steps)


def _checks(derivation: Derivation, stated: Any) -> Any:
    def holds(right: Any) -> bool:
        derivation.check()
        return bool(sp.simplify(right - stated) == 0) if isinstance(right, sp.Expr) else bool(right == stated)

    return holds


def _gain(value: sp.Expr, norm: sp.Expr, what: str) -> Proof:
    """The factor of a recursion is σ² times a squared norm that was derived."""
    by = f"σ² times the derived squared norm of {what}"
    return Proof(by, lambda right: bool(sp.simplify(right - SIGMA**2 * norm * value) == 0))


def _kept_norm(kind: str) -> sp.Expr:
    """Squared norm of the Jacobian with constant statistics, γ = 1: a multiple of the identity."""
    (term,) = _plain(derive_layer(kind, CONSTANT_STATISTICS).operator).terms
    return n * term.left**2


def _plain(operator: Operator) -> Operator:
    """The operator for γ = 1."""
    return Operator(
        tuple(Term(t.tied, t.left.xreplace({GAMMA[i]: sp.Integer(1)}), t.matrix, t.right) for t in operator.terms)
    )


def _norm_at_sizes(kind: str, name: str) -> Proof:
    """Σ_ij J_ij² equals what is printed, entry by entry in exact fractions."""
    derivation = derive_layer(kind, None if name == "J" else CONSTANT_STATISTICS)
    operator = derivation.operator if name == "J" else derivation.dropped
    assert operator is not None

    def holds(right: sp.Expr) -> bool:
        for size in SIZES:
            values, domain = exact_values(kind, "phi", size, False, True)
            matrix = evaluate(_plain(operator).components, values, (i, j), domain.number)
            total = (matrix * matrix).sum()
            if not domain.is_zero(total - evaluate(right.subs(n, size), values, (), domain.number)):
                return False
        return True

    return Proof(f"{AT_SIZES}, the sum of the squares of all entries", holds)


def _annihilates(kind: str, right: sp.Expr) -> bool:
    """J x = 0 at ε = 0."""
    for size in SIZES:
        values, domain = exact_values(kind, "phi", size, False, True)
        matrix = evaluate(derive_layer(kind).components, values, (i, j), domain.number)
        printed = evaluate(right, values, (), domain.number)
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


def _iterates(right: sp.Expr, gain_t: sp.Expr, gain_c: sp.Expr) -> bool:
    t, c = n - 1, sp.sympify(n)
    for depth in range(1, 9):
        t, c = gain_t * t, gain_c * c
        if sp.simplify(c / t - 1 - right.subs(L, depth)) != 0:
            return False
    return True
