"""softplus, silu and gelu as hinges: φ(kz)/k tends to relu, and how fast."""

from collections.abc import Callable
from typing import Any

import flint
import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.functions import ACTIVATIONS, relu, sigmoid, softplus
from residua_symbolic.identities import same
from residua_symbolic.series.enclosures.bound_proofs import Bound, BoundDerivation

z, x = sp.symbols("z x", real=True)
k, e_phi = sp.symbols("k e", positive=True)
beta = sp.Symbol("beta", positive=True)
net, line = sp.Function("g"), sp.Function("p")
SMOOTH = "Smooth hinges"
BOUNDS = {"softplus": sp.Rational(6932, 10_000), "silu": sp.Rational(2785, 10_000), "gelu": sp.Rational(17, 100)}
CELLS = 4000  # on [−40, 0]
FARTHEST = 40


def smooth_law() -> Derivation:
    """|φ(kz)/k − relu(z)| ≤ e/k with e = sup |φ − relu|: a broken line with bends b_i is met within e Σ|b_i|/k."""
    mirrored = tuple(
        Step(
            f"{name}, mirrored",
            _by_name(name)(z) - z,
            _by_name(name)(-z),
            "so |φ(z) − relu(z)| is |φ(−|z|)|, and z ≤ 0 is enough",
            (Proof("as functions of e^z, or of erf", _mirror(name)),),
        )
        for name in BOUNDS
    )
    sizes = tuple(
        Bound(f"{name}, largest", sp.Abs(_by_name(name)(z) - relu(z)), BOUNDS[name], "z ≤ 0", (_largest(name),))
        for name in BOUNDS
    )
    scaled = Step(
        "scaled", relu(k * z) / k, relu(z), "so φ(kz)/k is within e/k of relu(z)", (Proof("both signs", _scales),)
    )
    total = e_phi * beta / k
    last = Bound(
        "a broken line",
        sp.Abs(net(x) - line(x)),
        total,
        "β = Σ |b_i|, the first slope among the bends: triangle inequality",
    )
    return BoundDerivation(
        SMOOTH, sp.Abs(net(x) - line(x)), total, ("k > 0", "e = sup |φ − relu|"), (*mirrored, *sizes, scaled, last)
    )


def _by_name(name: str) -> Callable[[sp.Expr], sp.Expr]:
    return ACTIVATIONS[name]


def _mirror(name: str) -> Callable[[sp.Expr], bool]:
    def holds(right: sp.Expr) -> bool:
        apart = (_by_name(name)(z) - z - right).replace(sigmoid, sigmoid.definition)
        if name == "softplus":  # log(1 + e^z) − z = log((1 + e^z) e^(−z))
            ((inside,), (mirrored,)) = (e.definition(e.args[0]).args for e in (softplus(z), right))
            return bool(sp.simplify(inside * sp.exp(-z) - mirrored) == 0)
        return bool(sp.simplify(apart) == 0)

    return holds


def largest_gap(name: str) -> Any:
    """A ball with sup |φ − relu|: cells of [−40, 0], and less than 40 e^(−40) beyond."""
    apply = balls.FUNCTIONS[name]
    lower, upper = flint.arb(0), flint.arb(FARTHEST) * flint.arb(-FARTHEST).exp()
    for cell in range(CELLS):
        left, right = (flint.arb(-FARTHEST) * (cell + shift) / CELLS for shift in (1, 0))
        middle, half = ((left + right) / 2).mid(), flint.arb(FARTHEST) / CELLS / 2
        series = apply(flint.arb_series([middle, 1], 2))
        wide = apply(flint.arb_series([flint.arb(middle, half.upper()), 1], 3))[2]
        size = abs(series[0]) + abs(series[1]) * half + abs(wide) * half**2
        lower, upper = lower.max(abs(series[0]).lower()), upper.max(size.upper())
    at_zero = abs(apply(flint.arb(0)))
    return lower.max(at_zero.lower()).lower().union(upper.max(at_zero.upper()).upper())


def _largest(name: str) -> Proof:
    def holds(right: sp.Expr) -> bool:
        with balls.precision(terms=3):
            return bool(largest_gap(name).upper() <= flint.arb(int(right.p)) / int(right.q))

    return Proof(f"Arb on {CELLS} cells of [−{FARTHEST}, 0]; beyond, |φ(z)| ≤ |z| e^z", holds)


def _scales(right: sp.Expr) -> bool:
    size = sp.Symbol("p", positive=True)
    return all(
        same(relu.definition(k * at) / k, right.subs(z, at).replace(relu, relu.definition)) for at in (size, -size)
    )
