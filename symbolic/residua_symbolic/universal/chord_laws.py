"""How far a function is from its chord: what decides the number of pieces."""

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same
from residua_symbolic.series.enclosures.bound_proofs import Bound, BoundDerivation

t = sp.Symbol("t", real=True)
r, h, M = sp.symbols("r h M", positive=True)
c, f_c, slope, p, q = sp.symbols("c f_c f'_c p q", real=True)
rho = sp.Function("rho")
f, chord, E = sp.Function("f"), sp.Function("C"), sp.Symbol("E")
LEFT, RIGHT, HERE = sp.symbols("rho_- rho_+ rho_t", real=True)
CHORD = "How far a chord is from its curve"


def chord_law() -> Derivation:
    """|f − chord| ≤ r² max(|p|, |q|, q − p) on a piece of half length r, p ≤ ρ ≤ q; h² M/8 where |f''| ≤ M; and never
    more than the oscillation of f."""
    local = f_c + slope * t + HERE * t**2
    through = f_c + slope * t + r * ((r + t) * RIGHT + (r - t) * LEFT) / 2
    apart = HERE * t**2 - r * ((r + t) * RIGHT + (r - t) * LEFT) / 2
    most = sp.Max(sp.Abs(p), sp.Abs(q), q - p) * r**2
    steps = (
        Step("the curve", f(c + t), local, "definition of ρ, a difference quotient: no second derivative is needed"),
        Step("the chord", chord(t), through, "the line that meets it at −r and r", (_meets(),)),
        Step("between them", f(c + t) - chord(t), apart, "subtracted", (_subtracted(local, through),)),
        Bound(
            "at most",
            sp.Abs(f(c + t) - chord(t)),
            most,
            "linear in ρ(t), ρ(r), ρ(−r), with weights t² ≥ 0 and −r(r ± t)/2 ≤ 0 that sum to t² − r², "
            "so that the extremes are at p and q, and at t² = 0 or r²",
            (_corners(),),
        ),
        Step(
            "with a second derivative",
            f(c + t) - chord(t),
            sp.Symbol("f''_xi") * (t**2 - r**2) / 2,
            "at some ξ of the piece; argued: Rolle's theorem twice",
            (_quadratic(),),
        ),
        Bound("and then at most", E, M * h**2 / 8, "r² − t² ≤ r², h = 2r, |f''| ≤ M", (_halved(),)),
    )
    assumptions = (
        "−r ≤ t ≤ r",
        "f(c + t) = f(c) + f'(c) t + ρ(t) t² with p ≤ ρ ≤ q",
        "without bounds of ρ: f and chord lie between the extremes of f, so no farther apart than these",
    )
    return BoundDerivation(CHORD, E, most, assumptions, steps)


def _meets() -> Proof:
    def holds(right: sp.Expr) -> bool:
        ends = ((r, RIGHT), (-r, LEFT))
        linear = sp.Poly(right, t).degree() <= 1
        return linear and all(same(right.subs(t, at), f_c + slope * at + value * r**2) for at, value in ends)

    return Proof("degree 1 in t; equal to the curve at both ends", holds)


def _subtracted(local: sp.Expr, through: sp.Expr) -> Proof:
    return Proof("identity", lambda right: same(local - through, right))


def _corners() -> Proof:
    """The difference, linear in three values in [p, q] and, at fixed values of these, linear in t²: its largest
    and least values are q t² − p r² and p t² − q r², and these are within the bound at t² = 0 and at t² = r²."""

    def holds(right: sp.Expr) -> bool:
        apart = HERE * t**2 - r * ((r + t) * RIGHT + (r - t) * LEFT) / 2
        high = apart.subs({HERE: q, RIGHT: p, LEFT: p})
        low = apart.subs({HERE: p, RIGHT: q, LEFT: q})
        if not (same(high, q * t**2 - p * r**2) and same(low, p * t**2 - q * r**2)):
            return False
        ends = [e.subs(t, at) for e in (high, low) for at in (0, r)]
        sizes = {sp.expand(e / r**2) for e in ends}
        allowed = {-p, -q, q - p, p - q}
        inside = right.args if right.is_Mul else (right,)
        (largest,) = (a for a in inside if isinstance(a, sp.Max))
        covered = set(largest.args) == {sp.Abs(p), sp.Abs(q), q - p} and same(right / largest, r**2)
        return sizes <= allowed and covered

    return Proof("the extremes as identities, at the ends of t²", holds)


def _quadratic() -> Proof:
    """For a square, whose second derivative is one number, the identity is exact, and so is Rolle's constant."""

    def holds(right: sp.Expr) -> bool:
        apart = HERE * t**2 - r * ((r + t) * RIGHT + (r - t) * LEFT) / 2
        half = sp.Symbol("f''_xi") / 2
        return same(apart.subs({HERE: half, RIGHT: half, LEFT: half}), right)

    return Proof("for curves of one second derivative, as an identity", holds)


def _halved() -> Proof:
    def holds(right: sp.Expr) -> bool:
        return same((M * (r**2 - t**2) / 2).subs({t: 0, r: h / 2}), right)

    return Proof("t = 0 and r = h/2 put in", holds)
