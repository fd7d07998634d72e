"""Why the mean square distance of a trained network to T_n becomes flat in n, from which n on, and at what height.

With D that of the network N to f, D_n to T_n, and E_n of f to T_n: D_n = D + 2 C_n + E_n, where C_n is the mean of
(N − f)(f − T_n). Whatever the network, D_n lies within (√D ± √E_n)².
"""

from functools import cache
from math import sqrt

import flint
import sympy as sp

from residua_network import ResiduaError
from residua_network.checks import number
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.identities import same
from residua_symbolic.series.approximation.quadrature import constant
from residua_symbolic.series.approximation.sine_errors import sine_error

N, f, T, u = sp.Function("N"), sp.Function("f"), sp.Function("T_n"), sp.Symbol("u")
x = sp.Symbol("x", real=True)
n = sp.Symbol("n", integer=True, positive=True)
D, Dn, En, tau = sp.Symbol("D"), sp.Symbol("D_n"), sp.Symbol("E_n"), sp.Symbol("tau", positive=True)
d, e, rho = sp.symbols("d e rho", nonnegative=True)  # √D, √E_n, their quotient
Cn, Cm, Dm, Em = sp.Symbol("C_n"), sp.Symbol("C_m"), sp.Symbol("D_m"), sp.Symbol("E_m")
LAST = 61  # degree; the mean square error of the Taylor polynomial of sin is then below 1e-110
BITS = 256


def plateau_rule() -> Derivation:
    """From which n on D_n is D within a share τ, whatever the network; and what decides which n is closest."""
    errors = N(x) - f(x), f(x) - T(x)
    product = errors[0] ** 2 + 2 * errors[0] * errors[1] + errors[1] ** 2
    polarised = (errors[0] - u * errors[1]) ** 2
    share = Dn / D - 1
    steps = (
        Step("squared distance", (N(x) - T(x)) ** 2, product, "f put in between", (_multiplied(),)),
        Step("averaged", Dn, D + 2 * Cn + En, "the mean of the line before; C_n: mean of (N − f)(f − T_n)"),
        Step(
            "Cauchy–Schwarz",
            polarised,
            errors[0] ** 2 - 2 * u * errors[0] * errors[1] + u**2 * errors[1] ** 2,
            "its mean D − 2u C_n + u² E_n is nowhere negative, at u = C_n/E_n: C_n² ≤ D E_n",
            (_squared(), _discriminant()),
        ),
        Step("above", (d + e) ** 2 - Dn, 2 * (d * e - Cn), "d = √D, e = √E_n; not negative", (_gap(1),)),
        Step("below", Dn - (d - e) ** 2, 2 * (d * e + Cn), "not negative: |√D_n − √D| ≤ √E_n", (_gap(-1),)),
        Step("as a share of D", share, 2 * rho + rho**2, "the most that it can be, with ρ = √(E_n/D)", (_share(),)),
        Step(
            "flat within τ",
            En,
            D * (sp.sqrt(1 + tau) - 1) ** 2,
            "the largest E_n for which that is at most τ: from the first n on with a smaller one",
            (_at_most(),),
        ),
        Step(
            "which is closest",
            Dn - Dm,
            2 * (Cn - Cm) + En - Em,
            "D drops out: at most 2(√(D E_n) + √(D E_m)) + E_n, decided by how this network happens to err",
            (_difference(),),
        ),
    )
    assumptions = ("all means are over the same points or the same interval", "f is what the network was trained on")
    return Derivation("When the distance to T_n becomes flat", En, D * (sp.sqrt(1 + tau) - 1) ** 2, assumptions, steps)


def _multiplied() -> Proof:
    return Proof("an identity in N, f and T", lambda right: same((N(x) - T(x)) ** 2, right))


def _squared() -> Proof:
    return Proof("an identity in N, f, T and u", lambda right: same(((N(x) - f(x)) - u * (f(x) - T(x))) ** 2, right))


def _discriminant() -> Proof:
    """(D − 2u C + u² E) at u = C/E is D − C²/E."""
    quadratic = D - 2 * u * Cn + u**2 * En
    return Proof(
        "its mean at u = C/E is (D E − C²)/E", lambda _: same(quadratic.subs(u, Cn / En), (D * En - Cn**2) / En)
    )


def _gap(sign: int) -> Proof:
    stated = sign * ((d + sign * e) ** 2 - (d**2 + 2 * Cn + e**2))
    return Proof("D_n put in, as an identity", lambda right: same(stated, right))


def _share() -> Proof:
    return Proof("((d + e)² − d²)/d² at e = ρ d", lambda right: same(((d + rho * d) ** 2 - d**2) / d**2, right))


def _at_most() -> Proof:
    def holds(right: sp.Expr) -> bool:
        root = sp.Symbol("r")  # √(1 + τ), so that τ = r² − 1
        ratio = right.subs(sp.sqrt(1 + tau), root) / D  # ρ² at the limit
        return same(ratio, (root - 1) ** 2) and same(2 * (root - 1) + (root - 1) ** 2, root**2 - 1)

    return Proof("ρ = √(1 + τ) − 1 put into 2ρ + ρ² gives τ, which grows with ρ", holds)


def _difference() -> Proof:
    return Proof("both lines subtracted", lambda right: same((D + 2 * Cn + En) - (D + 2 * Cm + Em), right))


@cache
def taylor_error(degree: int) -> float:
    """E_n of sin on [−π, π] as a float, from its closed form."""
    with balls.precision(BITS):
        return float(constant(sine_error(degree)).mid())


def at_most(degree: int) -> flint.arb:
    """A bound of E_n: |sin x − T_n(x)| ≤ |x|^(n+2)/(n+2)! for odd n, squared and averaged; it falls with n."""
    odd = degree - 1 + degree % 2
    return flint.arb.pi() ** (2 * odd + 4) / (flint.arb(odd + 2).gamma() * (odd + 2)) ** 2 / (2 * odd + 5)


def plateau_start(error: float, share: float) -> int:
    """The first n from which on D_n lies within `share` of D = `error` for sin on [−π, π], whatever the network.

    Raises ResiduaError for an error or a share that is not positive, or so small that no n up to 61 will do.
    """
    if not (number(error, "error", "plateau_start") > 0 and number(share, "share", "plateau_start") > 0):
        raise ResiduaError(f"plateau_start: error and share must be above 0, got {error!r} and {share!r}")
    with balls.precision(BITS):
        limit = flint.arb(error) * ((1 + flint.arb(share)).sqrt() - 1) ** 2
        bounded = next((degree for degree in range(1, LAST + 1, 2) if at_most(degree) <= limit), None)
        if bounded is None:
            raise ResiduaError(f"plateau_start: no Taylor polynomial up to degree {LAST} is that close")
        late = [degree for degree in range(1, bounded, 2) if not constant(sine_error(degree)) <= limit]
    return late[-1] + 2 if late else 1


def room(error: float, degree: int) -> float:
    """The share of D = `error` by which D_n may differ from it, whatever the network: 2ρ + ρ², ρ = √(E_n/D)."""
    ratio = sqrt(taylor_error(degree) / error)
    return 2 * ratio + ratio**2


def distances(error: float, degree: int) -> tuple[float, float]:
    """The least and the largest D_n that any network with D = `error` can have: (√D ± √E_n)²."""
    middle, reach = sqrt(error), sqrt(taylor_error(degree))
    return (middle - reach) ** 2, (middle + reach) ** 2
