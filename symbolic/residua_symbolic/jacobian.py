"""The Jacobian of a network: the product of its layers' Jacobians through depth, kept factored."""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import sympy as sp

from residua_network import Layer, Network, ResiduaError
from residua_network.checks import unknown, whole
from residua_symbolic import chain_rule
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.factors import Factor, derivation_of, folded, product, telescoped
from residua_symbolic.layer import CONSTANT_STATISTICS
from residua_symbolic.linearised import Chain, from_columns, identity_rows, linearise, over_all_rows, row_norms
from residua_symbolic.paths import Paths
from residua_symbolic.printing import latex
from residua_symbolic.weights import Floats, Weights, checked_cotangent, checked_rows, checked_weights


@dataclass(frozen=True)
class Dropped:
    """What an assumption leaves out of a network's Jacobian: the exact product minus the approximate one."""

    jacobian: "NetworkJacobian"

    @cached_property
    def formula(self) -> sp.MatrixExpr:
        """Σ_l (exact factors above l) · D_l · (approximate factors below l); zero where nothing is dropped."""
        factors = self.jacobian.factors
        result = telescoped(factors, [factor.name for factor in factors])
        return sp.ZeroMatrix(*self.jacobian.formula.shape) if result is None else result

    @property
    def layers(self) -> dict[str, sp.MatrixExpr]:
        """D_l by layer or block, for those that lose something."""
        found = {f.name: f.dropped(f.name) for f in self.jacobian.factors}
        return {name: formula for name, formula in found.items() if formula is not None}

    def evaluate(self, weights: Weights, x: Floats) -> Floats:
        """float64 of the shape of the Jacobian: the telescoped sum, by structured products."""
        chain, _ = self.jacobian.linearised(weights, x)
        v = identity_rows(len(x), self.jacobian.factors[-1].inputs)
        coupled = self.jacobian.couples_rows
        v = over_all_rows(v) if coupled else v
        with np.errstate(all="ignore"):
            missing: Floats = from_columns(chain.missing(v, np.zeros_like(v))[1], coupled)
        return missing

    def latex(self) -> str:
        """The formula."""
        return latex(self.formula)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


@dataclass(frozen=True, repr=False)
class NetworkJacobian(Derivation):
    """d(output of layer `stop`) / d(input of layer `start`), one factor a layer or block, output-most first."""

    network: Network
    start: int
    stop: int
    assume: str | None
    factors: tuple[Factor, ...]

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers from `start` to `stop`, both included."""
        return self.network.layers[self.start : self.stop + 1]

    @property
    def couples_rows(self) -> bool:
        """Whether batch statistics between `start` and `stop` couple the rows of the batch."""
        return any(layer.couples_rows for layer in self.layers)

    @property
    def dropped(self) -> Dropped | None:
        """What the assumption leaves out; None without an assumption."""
        return None if self.assume is None else Dropped(self)

    def unfold(self) -> sp.MatrixExpr:
        """The product with every factor written out."""
        return sp.MatMul(*(factor.formula for factor in self.factors))

    def linearised(self, weights: Weights, x: Floats) -> tuple[Chain, Floats]:
        """The structured operators at the network's input x, and the output of layer `stop`."""
        w = checked_weights(self.network, weights)
        rows = checked_rows(x, "x", self.network.inputs)
        with np.errstate(all="ignore"):  # an overflow shows as inf or NaN in the result, which every comparison tests
            h, _ = linearise(self.network.layers[: self.start], rows, w, None)
            y, chain = linearise(self.layers, h, w, self.assume, first=self.start)
        return chain, y

    def evaluate(self, weights: Weights, x: Floats) -> Floats:
        """J[b, i, j] = ∂y[b, i] / ∂h[b, j] in float64, by structured products; where rows are coupled,
        J[b, i, c, j] = ∂y[b, i] / ∂h[c, j].

        weights: {name: float64 array} of the whole network; x: (batch, inputs), the input of the network, also where
        `start` is not the first layer. Returns (batch, outputs, inputs), or (batch, outputs, batch, inputs). Raises
        WeightsError or ShapeError.
        """
        chain, _ = self.linearised(weights, x)
        outputs, inputs = self.factors[0].outputs, self.factors[-1].inputs
        with np.errstate(all="ignore"):
            product: Floats
            if outputs <= inputs:
                product = chain.pulled_back(identity_rows(len(x), outputs), self.couples_rows)
            else:
                product = chain.pushed_forward(identity_rows(len(x), inputs), self.couples_rows)
        return product

    def enclose(self, weights: Weights, x: Floats, bits: int = balls.BITS) -> Enclosure:
        """`evaluate` in ball arithmetic of that many bits: certified bounds of the exact values, for small networks.

        Raises ResiduaError where that precision does not decide: a relu at its kink, balls that are not finite.
        """
        whole(bits, "bits", "enclose", least=2)
        w, rows = checked_weights(self.network, weights), checked_rows(x, "x", self.network.inputs)
        lifted = {name: balls.exact(array) for name, array in w.items()}
        with balls.precision(bits):
            try:
                h, _ = linearise(self.network.layers[: self.start], balls.exact(rows), lifted, domain=balls.BallDomain)
                _, chain = linearise(self.layers, h, lifted, self.assume, first=self.start, domain=balls.BallDomain)
                unit = balls.exact(identity_rows(len(rows), self.factors[0].outputs))
                found = chain.pulled_back(unit, self.couples_rows)
            except ArithmeticError as error:
                raise ResiduaError(f"enclose: {bits} bits do not decide at this point: {error}") from None
        if not all(ball.is_finite() for ball in found.ravel()):
            raise ResiduaError(f"enclose: {bits} bits give no finite bounds at this point; more bits may")
        return Enclosure(found, bits)

    def paths(self) -> Paths:
        """The expansion of Π (I + α F) over the residual blocks at top level, grouped by length."""
        return Paths(self)

    def gradient_norms(self, weights: Weights, x: Floats, cotangent: Floats) -> Floats:
        """Euclidean norm, for each row, of the pulled-back cotangent at the input of every layer.

        cotangent: (batch, outputs). Returns (batch, layers), in layer order; one backward sweep.
        """
        chain, _ = self.linearised(weights, x)
        u = checked_cotangent(cotangent, len(x), self.factors[0].outputs)
        with np.errstate(all="ignore"):
            norms = [row_norms(g)[:, 0] for g in chain.backward(u[:, None, :])]
        return np.stack(norms[::-1], axis=1)


def jacobian(
    net: Network, start: int | None = None, stop: int | None = None, assume: str | None = None
) -> NetworkJacobian:
    """Derive d(output of layer `stop`) / d(input of layer `start`); both are positions, inclusive, default: all.

    `assume="constant statistics"` treats the means inside normalisers as constants: document 003, (1.10) and (1.11).
    Raises ResiduaError for anything that is not a network, positions out of range, or an unknown assumption.
    """
    if not isinstance(net, Network):
        raise ResiduaError(f"jacobian expects a Network, got {type(net).__name__}; describe(model) makes one")
    first, last = _position(net, start, "start", 0), _position(net, stop, "stop", len(net.layers) - 1)
    if first > last:
        raise ResiduaError(f"jacobian: start={first} comes after stop={last}")
    if assume not in (None, CONSTANT_STATISTICS):
        raise ResiduaError(f"jacobian: {unknown('assumption', assume, [CONSTANT_STATISTICS])}")
    layers = net.layers[first : last + 1]
    coupled = any(layer.couples_rows for layer in layers)
    factors = _factors(layers, net.sizes[first : last + 2], assume, coupled, "", first)
    formulas = folded(factors)
    formula = product(formulas)
    return NetworkJacobian(
        title=f"Jacobian of layers {first} to {last}" + (f" with {assume}" if assume else ""),
        symbol=sp.MatrixSymbol("J", *formula.shape),
        formula=formula,
        assumptions=_assumptions(net, first, last, assume),
        steps=_steps(net, first, last, assume, formula),
        network=net,
        start=first,
        stop=last,
        assume=assume,
        factors=factors,
    )


def _position(net: Network, value: int | None, name: str, default: int) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(net.layers):
        raise ResiduaError(f"jacobian: {name} must be a layer from 0 to {len(net.layers) - 1}, got {value!r}")
    return value


def _factors(
    layers: tuple[Layer, ...], sizes: tuple[int, ...], assume: str | None, coupled: bool, prefix: str, first: int = 0
) -> tuple[Factor, ...]:
    """Output-most first."""
    made = []
    for p, layer in enumerate(layers):
        name = f"{prefix}{first + p}"
        branch: tuple[Factor, ...] = ()
        if layer.branch:
            inner = Network(layer.branch, inputs=sizes[p])
            branch = _factors(layer.branch, inner.sizes, assume, coupled, f"{name}.branch.")
        made.append(Factor(name, layer, sizes[p], sizes[p + 1], assume, branch, coupled))
    return tuple(reversed(made))


def _leaves(layers: tuple[Layer, ...]) -> dict[tuple[str, str], Layer]:
    """One layer of every kind and variant that occurs, composites included."""
    found: dict[tuple[str, str], Layer] = {}
    for layer in layers:
        found.setdefault((layer.kind, getattr(layer, layer.variant, "")), layer)
        found = {**_leaves(layer.branch), **found}
    return found


def _steps(net: Network, first: int, last: int, assume: str | None, formula: sp.MatrixExpr) -> tuple[Step, ...]:
    """The Jacobian of every kind that occurs, then the chain rule."""
    steps = []
    for layer in _leaves(net.layers[first : last + 1]).values():
        d = derivation_of(layer, assume)
        name = " ".join([layer.kind, getattr(layer, layer.variant, "")]).strip()
        proof = Proof("the derivation of this kind, every step", partial(_proves, d))
        symbol = sp.MatrixSymbol(f"J_{layer.kind}", *d.formula.shape)
        steps.append(Step(name, symbol, d.formula, "derived from the forward map of the kind", (proof,)))
    by = "a random point and direction of this very network in balls, against flint's power series"
    proof = Proof(by, lambda right: chain_rule.holds(net, first, last, assume == CONSTANT_STATISTICS, right))
    symbol = sp.MatrixSymbol("J", *formula.shape)
    steps.append(Step("chain rule", symbol, formula, "the factors multiplied, output-most first", (proof,)))
    return tuple(steps)


def _proves(derivation: Any, right: Any) -> bool:
    derivation.check()
    return bool(right == derivation.formula)


def _assumptions(net: Network, first: int, last: int, assume: str | None) -> tuple[str, ...]:
    stated: dict[str, None] = {}
    layers = net.layers[first : last + 1]
    for layer in _leaves(layers).values():
        stated |= dict.fromkeys(derivation_of(layer, assume).assumptions)
    if any(layer.couples_rows for layer in layers):
        return (*stated, "acts on the stacked batch: ⊕ over b on every row, ⊕ over i on the rows of every feature")
    return tuple(stated)
