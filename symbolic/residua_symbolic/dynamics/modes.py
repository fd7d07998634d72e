"""Modes of a linear network with one hidden layer under gradient flow: Saxe et al. 2013 (arXiv:1312.6120), eq. 3–8."""

import math
from functools import cache
from typing import Any

import sympy as sp

from residua_network import ResiduaError
from residua_network.checks import number, whole
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.moments.integrals.chi_square import derive_power, log_mean
from residua_symbolic.moments.integrals.psi import with_psi, without_psi

s, t, a0, alpha = sp.symbols("s t a_0 alpha", positive=True)
c, n, h, rho = sp.symbols("c n h rho", positive=True)
a = sp.Symbol("a", positive=True)
SOLUTION = s * sp.exp(2 * s * t) / (sp.exp(2 * s * t) - 1 + s / a0)
HALF = sp.log(s / a0 - 1) / (2 * s)
MEAN_HALF = with_psi((sp.log(4 * s / (c * (1 / n + 1 / h))) - log_mean(h)) / (2 * s))
CHI_SQUARE = sp.Symbol("chi^2")
RATE = 2 * a * (s - a)
FLOW = ("gradient flow, that is descent in the limit of small steps", "whitened inputs: X Xᵀ/N = 1")


@cache
def derive_mode() -> Derivation:
    """a(t) = s e^{2st}/(e^{2st} − 1 + s/a_0) for the strength a of a mode of W_2 W_1, s its strength in the data."""
    of_first, of_second = sp.Symbol(r"\dot W_1"), sp.Symbol(r"\dot W_2")
    first, second, sigma = _matrices()
    error = sigma - second * first
    steps = (
        Step(
            "flow, first layer",
            of_first,
            second.T * error,
            "−∇ of ½‖Σ − W_2 W_1‖², to which the loss comes down for whitened inputs; Σ = Y Xᵀ/N",
            (Proof("entry by entry, 2–3–2", lambda right: _is_gradient(right, first)),),
        ),
        Step(
            "flow, second layer",
            of_second,
            error * first.T,
            "the same by W_2",
            (Proof("entry by entry, 2–3–2", lambda right: _is_gradient(right, second)),),
        ),
        Step(
            "balance",
            sp.Symbol(r"\frac{d}{dt}(W_2^T W_2 - W_1 W_1^T)"),
            sp.Integer(0),
            "what is balanced once stays so",
            (Proof("matrices of symbolic size, expanded", lambda right: _is_balanced(right)),),
        ),
        Step(
            "modes",
            sp.Symbol(r"\dot \alpha"),
            alpha * (s - alpha**2),
            "W_1 = Σ α r vᵀ, W_2 = Σ α u rᵀ u and v the singular vectors of Σ, r orthonormal: no mode sees another",
            (Proof("two modes, orthonormality applied, order kept", _decouples),),
        ),
        Step(
            "strength",
            sp.Symbol(r"\dot a"),
            RATE,
            "a = α²",
            (
                Proof(
                    "chain rule",
                    lambda right: sp.expand(2 * alpha * alpha * (s - alpha**2) - right.subs(a, alpha**2)) == 0,
                ),
            ),
        ),
        Step(
            "solution",
            sp.Function("a")(t),
            SOLUTION,
            "log(a/(s − a)) grows at the constant rate 2s",
            (
                Proof("it obeys the equation and begins at a_0", _solves),
                Proof("log(a/(s − a)) is a_0's own plus 2st", _is_logistic),
            ),
        ),
        Step(
            "half-time",
            sp.Symbol(r"t_{1/2}"),
            HALF,
            "where a = s/2",
            (Proof("put into the solution", lambda right: sp.simplify(SOLUTION.subs(t, right) - s / 2) == 0),),
        ),
    )
    assumptions = (*FLOW, "balanced and aligned at the start")
    return Derivation("A mode of a deep linear network", sp.Function("a")(t), SOLUTION, assumptions, steps)


@cache
def derive_random_start() -> Derivation:
    """E t_½ for one mode from small Gaussian weights, entries of variance c/fan-in, n inputs, h hidden units."""
    u, z, grows = sp.symbols("u z u_0", real=True)
    z0 = sp.Symbol("z_0", real=True)
    early = ((grows + z0) / 2 * sp.exp(s * t), (grows - z0) / 2 * sp.exp(-s * t))
    power = derive_power()
    steps = (
        Step(
            "early",
            sp.Symbol(r"(\dot u, \dot z)"),
            sp.Tuple(s * z, s * u),
            "the first layer's answer u = W_1 v and the second layer's row z, while W_2 W_1 is far below s",
            (Proof("of first order in the weights", lambda right: _linear_part(right, u, z)),),
        ),
        Step(
            "early growth",
            sp.Tuple(u, z),
            sp.Tuple(early[0] + early[1], early[0] - early[1]),
            "u + z grows, u − z dies out",
            (Proof("it obeys the equation and begins at u_0, z_0", lambda right: _grows(right, grows, z0)),),
        ),
        Step(
            "the start that it has",
            a0,
            rho**2 / 4,
            "ρ = ‖u_0 + z_0‖; u · z beside the early solution, a_0 e^(2st): as if it had begun balanced",
            (Proof("limit of u · z e^(−2st), each direction of the hidden layer", lambda r: _effective(r, grows, z0)),),
        ),
        Step(
            "its law",
            sp.Symbol(r"a_0"),
            c * (1 / n + 1 / h) / 4 * CHI_SQUARE,
            "χ² has h degrees of freedom: u_0 has h entries of variance c/n, z_0 of c/h, all independent",
            (Proof("variance of an entry of u_0 + z_0", lambda right: _has_that_variance(right, grows, z0)),),
        ),
        *power.steps[-1:],
        Step(
            "mean half-time",
            sp.Symbol(r"\mathbb{E} t_{1/2}"),
            MEAN_HALF,
            "log(s/a_0)/(2s) as a_0 → 0, E log χ²_h being the derivative of E (χ²_h)^t at t = 0",
            (Proof("derivative of the moments, in balls", _mean_of_log),),
        ),
    )
    assumptions = (*FLOW, "one output, so one mode", "c → 0", "independent Gaussian weights")
    return Derivation(
        "Half-time from small random weights", sp.Symbol(r"\mathbb{E} t_{1/2}"), MEAN_HALF, assumptions, steps
    )


def strength(mode: float, begin: float, time: float) -> float:
    """a(t)."""
    at = {s: _positive(mode, "s"), a0: _positive(begin, "a_0"), t: number(time, "t", "strength", least=0.0)}
    return float(SOLUTION.subs({name: sp.Rational(value) for name, value in at.items()}).evalf(20))


def half_time(mode: float, begin: float) -> float:
    """The time at which a = s/2, from a_0 below it."""
    if not _positive(begin, "a_0") < _positive(mode, "s") / 2:
        raise ResiduaError(f"half_time: expected a_0 below s/2 = {mode / 2:g}, got {begin:g}")
    return math.log(mode / begin - 1) / (2 * mode)


def mean_half_time(mode: float, variance: float, inputs: int, hidden: int) -> float:
    """E t_½ from small Gaussian weights of variance `variance`/fan-in, in the limit of small ones."""
    sizes = {n: whole(inputs, "inputs", "mean_half_time"), h: whole(hidden, "hidden", "mean_half_time")}
    values = {s: _positive(mode, "s"), c: _positive(variance, "the variance")}
    exact = {name: sp.Rational(value) for name, value in {**sizes, **values}.items()}
    return float(without_psi(MEAN_HALF).subs(exact).evalf(20))


def _positive(value: float, name: str) -> float:
    if not number(value, name, "modes") > 0:
        raise ResiduaError(f"modes: {name} must be positive, got {value!r}")
    return value


def _matrices() -> tuple[Any, Any, Any]:
    inputs, hidden, outputs = sp.symbols("n h m", integer=True, positive=True)
    return (
        sp.MatrixSymbol("W_1", hidden, inputs),
        sp.MatrixSymbol("W_2", outputs, hidden),
        sp.MatrixSymbol("Sigma", outputs, inputs),
    )


def _is_gradient(right: Any, by: Any) -> bool:
    """−∂/∂(entry) of the reduced loss, and that of the loss itself over whitened inputs, for sizes 2–3–2."""
    first, second, sigma = _matrices()
    small = {first: sp.MatrixSymbol("A", 3, 2), second: sp.MatrixSymbol("B", 2, 3), sigma: sp.MatrixSymbol("S", 2, 2)}
    A, B, S = (sp.Matrix(one) for one in small.values())
    inputs = sp.Matrix([[1, 1, -1, -1], [1, -1, 1, -1]])  # X Xᵀ/4 = 1
    outputs = S * inputs + sp.Matrix([[1, -1, -1, 1], [2, -2, -2, 2]])  # what no linear map has a part in
    reduced = sum(e**2 for e in (S - B * A)) / 2
    whole_loss = sum(e**2 for e in (outputs - B * A * inputs)) / 8
    entries = A if by == first else B
    expected = -sp.Matrix(entries.shape[0], entries.shape[1], lambda i, j: sp.diff(reduced, entries[i, j]))
    again = -sp.Matrix(entries.shape[0], entries.shape[1], lambda i, j: sp.diff(whole_loss, entries[i, j]))
    stated = second.T * (sigma - second * first) if by == first else (sigma - second * first) * first.T
    at_sizes = B.T * (S - B * A) if by == first else (S - B * A) * A.T
    same = sp.expand(at_sizes - expected) == sp.zeros(*entries.shape) and sp.expand(expected - again) == 0 * expected
    return bool(right == stated and same)


def _is_balanced(right: Any) -> bool:
    first, second, sigma = _matrices()
    error = sp.MatrixSymbol("E", *sigma.shape)
    of_first, of_second = second.T * error, error * first.T
    moves = of_second.T * second + second.T * of_second - of_first * first.T - first * of_first.T
    return bool(right == 0 and sp.expand(moves.doit()).doit() == sp.ZeroMatrix(first.shape[0], first.shape[0]))


def _decouples(right: Any) -> bool:
    """With two modes; vectors are symbols that do not commute, their inner products 0 or 1."""
    names = {f"{v}{k}{T}": sp.Symbol(f"{v}{k}{T}", commutative=False) for v in "ruv" for k in "12" for T in ("", "t")}
    strengths, modes = sp.symbols("alpha1 alpha2"), sp.symbols("s1 s2")
    inner = {names[f"{v}{k}t"] * names[f"{v}{j}"]: int(k == j) for v in "ruv" for k in "12" for j in "12"}
    first = sum(x * names[f"r{k}"] * names[f"v{k}t"] for x, k in zip(strengths, "12", strict=True))
    second = sum(x * names[f"u{k}"] * names[f"r{k}t"] for x, k in zip(strengths, "12", strict=True))
    transposed = sum(x * names[f"r{k}"] * names[f"u{k}t"] for x, k in zip(strengths, "12", strict=True))
    sigma = sum(x * names[f"u{k}"] * names[f"v{k}t"] for x, k in zip(modes, "12", strict=True))
    product = _contracted(sp.expand(second * first), inner)
    moves = _contracted(sp.expand(transposed * (sigma - product)), inner)
    expected = sum(
        right.subs({alpha: x, s: y}) * names[f"r{k}"] * names[f"v{k}t"]
        for x, y, k in zip(strengths, modes, "12", strict=True)
    )
    return bool(sp.expand(moves - sp.expand(expected)) == 0)


def _contracted(e: Any, inner: Any) -> Any:
    while True:
        done = sp.expand(e.subs(inner))
        if done == e:
            return e
        e = done


def _solves(right: Any) -> bool:
    return bool(sp.simplify(sp.diff(right, t) - RATE.subs(a, right)) == 0 and sp.simplify(right.subs(t, 0) - a0) == 0)


def _is_logistic(right: Any) -> bool:
    odds = sp.simplify(right / (s - right))
    return bool(sp.simplify(odds / (a0 / (s - a0)) - sp.exp(2 * s * t)) == 0)


def _linear_part(right: Any, u: Any, z: Any) -> bool:
    """W_1 v and the row of W_2 under the flow, Σ = s vᵀ: the terms of first order in a scale ε of the weights."""
    small = sp.Symbol("epsilon")
    of_first, of_second = z * small * (s - small**2 * z * u), (s - small**2 * z * u) * small * u
    parts = [sp.series(one, small, 0, 2).removeO() / small for one in (of_first, of_second)]
    return all(sp.expand(one - two) == 0 for one, two in zip(parts, right, strict=True))


def _grows(right: Any, u0: Any, z0: Any) -> bool:
    u, z = right
    obeys = sp.simplify(sp.diff(u, t) - s * z) == 0 and sp.simplify(sp.diff(z, t) - s * u) == 0
    return bool(obeys and sp.simplify(u.subs(t, 0) - u0) == 0 and sp.simplify(z.subs(t, 0) - z0) == 0)


def _effective(right: Any, u0: Any, z0: Any) -> bool:
    """In one direction of the hidden layer; the inner product is the sum over all of them."""
    early, late = (u0 + z0) / 2 * sp.exp(s * t), (u0 - z0) / 2 * sp.exp(-s * t)
    product = sp.expand((early + late) * (early - late) * sp.exp(-2 * s * t))
    return bool(sp.expand(sp.limit(product, t, sp.oo) - right.subs(rho, u0 + z0)) == 0)


def _has_that_variance(right: Any, u0: Any, z0: Any) -> bool:
    """ρ²/4 with ρ² = (variance of an entry) χ²_h, a sum of h squares of independent centred Gaussians."""
    moments = {(2, 0): c / n, (0, 2): c / h, (1, 1): sp.Integer(0)}
    square = sum(moments[powers] * factor for powers, factor in sp.Poly((u0 + z0) ** 2, u0, z0).terms())
    return bool(sp.expand(right - square * CHI_SQUARE / 4) == 0)


def _mean_of_log(right: Any) -> bool:
    """E log χ²_h as the derivative of the moments, at rational sizes, to thirty digits."""
    order = sp.Symbol("x", positive=True)
    moments = 2**order * sp.gamma(h / 2 + order) / sp.gamma(h / 2)
    of_log = sp.diff(moments, order).subs(order, 0)
    expected = (sp.log(s) - sp.log(c * (1 / n + 1 / h) / 4) - of_log) / (2 * s)
    points = ({s: 1, c: sp.Rational(1, 100), n: 3, h: 5}, {s: sp.Rational(5, 2), c: sp.Rational(1, 7), n: 8, h: 2})
    return all(abs((without_psi(right) - expected).subs(point).evalf(40)) < sp.Float("1e-30") for point in points)
