"""Backpropagation differentiated again, and what is lost where φ'(z) is held to be a constant (004, L61).

In a backward pass φ'(z) is a number, since z is known: for a first derivative that is no approximation. A second
derivative asks how δ moves with z, and then φ' moves, too.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from residua_symbolic.backpropagation import (
    DIFFERENTIABLE,
    NETS,
    REACH,
    RECURSION,
    SIZES,
    C,
    Net,
    W_next,
    d_next,
    equal,
    layer_of,
    listed,
    m,
    net_of,
    whole,
    z,
    z_next,
)
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import sums
from residua_symbolic.domains.tangents import i, j, k
from residua_symbolic.evaluate import evaluate
from residua_symbolic.first_order import Slope
from residua_symbolic.functions import phi_prime

H_next, A, H, S = (sp.IndexedBase(name, real=True) for name in ("Hprime", "A", "H", "s"))
l, u, v = sp.symbols("l u v", integer=True)  # units
o, U = sp.symbols("o U", integer=True, positive=True)  # outputs; units of all layers


class phi_second(sp.Function):  # noqa: N801
    """Second derivative of the function that stands for any activation."""

    nargs = 1

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return rf"\varphi''\left({printer._print(self.args[0])}\right)" + (f"^{{{exp}}}" if exp else "")


CURVED = (
    sp.KroneckerDelta(i, j) * phi_second(z[i]) * sp.Sum(W_next[k, i] * d_next[k], (k, 1, m))
)  # what φ'' contributes
CARRIED = (
    phi_prime(z[i]) * phi_prime(z[j]) * sp.Sum(W_next[k, i] * sp.Sum(H_next[k, l] * W_next[l, j], (l, 1, m)), (k, 1, m))
)
VERIFIED = "; verified at these sizes, not derived for all"
ASSUMPTIONS = (*DIFFERENTIABLE, "φ and C are twice differentiable")


def slopes_held_constant() -> Derivation:
    """∂²C/∂z_i∂z_j of a layer, what φ' held constant leaves of it, and what that drops: δ_ij φ''(z_i) ∂C/∂a_i."""
    second = sp.Derivative(C, z[i], z[j], evaluate=False)
    kept, dropped = sp.Function("K")(i, j), sp.Function("D")(i, j)
    steps = (
        Step(
            "rest of the net",
            sp.Derivative(C, sp.IndexedBase("zprime")[k], sp.IndexedBase("zprime")[l], evaluate=False),
            H_next[k, l],
            "definition",
        ),
        Step("first derivative, φ' held constant", Slope(C, z[i]), RECURSION, "as without: nothing is lost", _first()),
        Step("second derivative", second, CURVED + CARRIED, "product rule of φ'(z_i) and the sum", _second(False)),
        Step("second derivative, φ' held constant", kept, CARRIED, "the second factor alone moves", _second(True)),
        Step("dropped", dropped, CURVED, "the true one minus the other", _dropped()),
        Step(
            "dropped where φ is linear in pieces",
            dropped,
            sp.Integer(0),
            "φ'' = 0 off the kinks: relu loses nothing",
            (
                Proof(
                    "0 put in for φ''", lambda right: bool(CURVED.xreplace({phi_second(z[i]): sp.Integer(0)}) == right)
                ),
            ),
        ),
        Step(
            "smallest example",
            sp.Derivative(sp.Symbol("z") ** 2, (sp.Symbol("z"), 2), evaluate=False),
            sp.Integer(2),
            "one unit, φ(z) = z², C = φ(z): with φ'(z) held constant it would be 0",
            (
                Proof(
                    "SymPy's second derivative",
                    lambda right: bool(sp.diff(sp.Symbol("z") ** 2, sp.Symbol("z"), 2) == right),
                ),
            ),
        ),
    )
    return Derivation("What φ' held constant drops from a second derivative", dropped, CURVED, ASSUMPTIONS, steps)


def gauss_newton() -> Derivation:
    """With φ' constant in all layers, double backward through a net gives JᵀHJ, the Gauss–Newton matrix of C.

    The true second derivative by the first layer's z has besides Σ_u A_ui A_uj s_u over the units of all layers.
    Both are verified for nets of some sizes, not derived for all.
    """
    J = sp.IndexedBase("J", real=True)
    kept = sp.Sum(J[u, i] * sp.Sum(H[u, v] * J[v, j], (v, 1, o)), (u, 1, o))
    extra = sp.Sum(A[u, i] * A[u, j] * S[u], (u, 1, U))
    first = sp.IndexedBase("z_1")
    left = sp.Derivative(C, first[i], first[j], evaluate=False)
    steps = (
        Step("outputs", J[u, i], Slope(sp.IndexedBase("y")[u], first[i]), "definition; y are the outputs of the net"),
        Step("weighted sums", A[u, i], Slope(z[u], first[i]), "definition; u runs over the units of all layers"),
        Step("curvature of a unit", S[u], phi_second(z[u]) * Slope(C, sp.IndexedBase("a")[u]), "definition"),
        Step(
            "all φ' held constant",
            sp.Function("K")(i, j),
            kept,
            f"the recursion without φ''{VERIFIED}",
            (_at_nets(True),),
        ),
        Step(
            "second derivative",
            left,
            kept + extra,
            f"the recursion, from the outputs back{VERIFIED}",
            (_at_nets(False),),
        ),
    )
    return Derivation("Gauss–Newton matrix by double backward", sp.Function("K")(i, j), kept, ASSUMPTIONS, steps)


def _at_sizes(marks: tuple[sp.Symbol, ...], true: Any, constant: bool) -> Proof:
    def holds(right: sp.Expr) -> bool:
        for sizes in SIZES:
            layer = layer_of(sizes, "z", constant)
            if not layer.domain.agree(true(layer), evaluate(right, layer.values, marks, layer.domain)):
                return False
        return True

    what = ", every φ' a generator on which nothing depends" if constant else ""
    return Proof(f"(q, n, m) in {listed(SIZES)}, in exact fractions, by implicit differentiation{what}", holds)


def _first() -> tuple[Proof, Proof]:
    at_sizes = _at_sizes((i,), lambda layer: layer.domain.derivatives(layer.cost, layer.names["z"]), True)
    return at_sizes, _every_size(lambda: _through_next(held, z[i]))


def _hessian(domain: Any, cost: Any, names: Any) -> Any:
    return np.array([domain.derivatives(slope, names) for slope in domain.derivatives(cost, names)], dtype=object)


def _second(constant: bool) -> tuple[Proof, Proof]:
    at_sizes = _at_sizes((i, j), lambda layer: _hessian(layer.domain, layer.cost, layer.names["z"]), constant)
    return at_sizes, _every_size(lambda: _again(held if constant else moving))


def _dropped() -> tuple[Proof, Proof]:
    at_sizes = _at_sizes(
        (i, j),
        lambda layer: (
            _hessian(layer.domain, layer.cost, layer.names["z"]) - evaluate(CARRIED, layer.values, (i, j), layer.domain)
        ),
        False,
    )
    return at_sizes, _every_size(lambda: _again(moving) - _again(held))


class moving(sp.Function):  # noqa: N801
    """φ' where it is differentiated."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return phi_second(self.args[0])


class held(sp.Function):  # noqa: N801
    """φ' where it is taken for a constant."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.Integer(0)


def _every_size(true: Callable[[], sp.Expr]) -> Proof:
    def holds(right: sp.Expr) -> bool:
        return equal(true().replace(lambda e: isinstance(e, moving | held), lambda e: phi_prime(*e.args)), right)

    return Proof("all sizes: SymPy's derivative of the sums, through every z', Kronecker deltas reduced", holds)


def _through_next(slope: type[sp.Function], variable: sp.Indexed) -> sp.Expr:
    """∂C/∂z as Σ_k δ'_k ∂z'_k/∂z, whatever stands for φ'."""
    bound = sp.Symbol("t3", integer=True)
    return sp.Sum(d_next[bound] * _of_next(slope, bound, variable), (bound, 1, m))


def _of_next(slope: type[sp.Function], at: sp.Symbol, variable: sp.Indexed) -> sp.Expr:
    """∂z'/∂z: SymPy's derivative of z' = Σ_t W'_t φ(z_t) + b'."""
    by = sp.diff(whole(z_next[at], "z"), variable)
    return by.replace(lambda e: isinstance(e, phi_prime), lambda e: slope(*e.args))


def _again(slope: type[sp.Function]) -> sp.Expr:
    """∂²C/∂z_i∂z_j: ∂C/∂z_i moves with its own z_j, and with its δ', of which H' says how they move with z'."""
    first, (of, to) = sums.reduced(_through_next(slope, z[i]), REACH), sp.symbols("t4 t5", integer=True)
    moved = sp.Sum(H_next[of, to] * _of_next(slope, to, z[j]), (to, 1, m))
    return sp.diff(first, z[j]) + sp.Sum(sp.diff(first, d_next[of]) * moved, (of, 1, m))


def _at_nets(constant: bool) -> Proof:
    def holds(right: sp.Expr) -> bool:
        return all(_agrees(net_of(widths, constant), right) for widths in NETS)

    return Proof(f"nets of {listed(NETS)} units alone, in exact fractions, by implicit differentiation twice", holds)


def _agrees(net: Net, right: sp.Expr) -> bool:
    """The second derivative by the biases of the first layer, which are added to its z."""
    domain, names = net.domain, net.biases[0]
    values: dict[str, Any] = {"J": _by(net, net.post[-1]), "H": net.cost_second, "A": _by(net, np.concatenate(net.pre))}
    values |= {"o": len(net.post[-1]), "U": len(values["A"]), "n": len(names)}
    if right.has(S):
        values["s"] = np.concatenate([_curvature(net, at) for at in range(net.depth)])
    return domain.agree(_hessian(domain, net.cost, names), evaluate(right, values, (i, j), domain))


def _by(net: Net, values: Any) -> Any:
    """The derivatives of values by the weighted sums of the first layer."""
    return np.array([net.domain.derivatives(e, net.biases[0]) for e in values], dtype=object)


def _curvature(net: Net, at: int) -> Any:
    """φ''(z) ∂C/∂a of every unit of a layer; ∂C/∂a through the layer after it."""
    last = at + 1 == net.depth
    by_value = net.cost_slopes if last else net.domain.array(net.weights[at + 1]).T @ net.error(at + 1)
    return net.domain.function("phi_second", net.pre[at]) * by_value
