"""Backpropagation, derived from the chain rule for one layer of any size, whatever comes after it.

A layer z_i = Σ_p W_ip x_p + b_i, a_i = φ(z_i) is followed by z'_k = Σ_i W'_ki a_i + b'_k, and what comes after that is
a function C(z') of which nothing is known but its derivatives δ'_k = ∂C/∂z'_k. So what is found for δ_i = ∂C/∂z_i
holds at every layer: that is the induction over the depth. Rumelhart, Hinton, Williams 1986 (Nature 323, 533–536);
Nielsen 2015, "Neural Networks and Deep Learning", ch. 2, (BP1) to (BP4).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction

from residua_network import ResiduaError
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import sums
from residua_symbolic.domains.named import Array
from residua_symbolic.domains.tangents import i, j, k, n
from residua_symbolic.domains.unknown import UnknownDomain
from residua_symbolic.evaluate import evaluate
from residua_symbolic.first_order import Slope
from residua_symbolic.functions import phi, phi_prime
from residua_symbolic.matrices import entry

p, t1, t2 = sp.symbols("p t1 t2", integer=True)  # input; bound labels
q, m = sp.symbols("q m", integer=True, positive=True)  # inputs, units of the next layer; n units here
x, z, a, b, d, c, W = (sp.IndexedBase(name, real=True) for name in ("x", "z", "a", "b", "delta", "c", "W"))
z_next, b_next, d_next, W_next = (sp.IndexedBase(f"{name}prime", real=True) for name in ("z", "b", "delta", "W"))
C = sp.Symbol("C", real=True)
REACH = {i: n, j: n, k: m, p: q}  # how far the labels run, from 1
# sizes that meet in a formula are different ones, so that none stands for another
SIZES = ((1, 2, 3), (2, 3, 1), (3, 1, 2))  # (q, n, m)
NETS = ((1, 2), (3, 2), (1, 2, 3), (2, 3, 1), (3, 1, 2), (1, 3, 2, 1), (2, 1, 3, 2), (3, 1, 2, 3, 1))  # widths
DIFFERENTIABLE = ("φ is differentiable at every z_i", "C is differentiable, as a function of all its values")
RECURSION = phi_prime(z[i]) * sp.Sum(W_next[k, i] * d_next[k], (k, 1, m))
OUTPUTS = phi_prime(z[i]) * c[i]


def delta_recursion() -> Derivation:
    """δ = φ'(z) ∘ W'ᵀδ', ∂C/∂W = δxᵀ, ∂C/∂b = δ, for all sizes and any depth: 004, L49–77; Nielsen (BP2) to (BP4)."""
    steps = (
        Step("weighted sum", z[i], sp.Sum(W[i, p] * x[p], (p, 1, q)) + b[i], "definition"),
        Step("activation", a[i], phi(z[i]), "definition"),
        Step("next layer", z_next[k], sp.Sum(W_next[k, i] * a[i], (i, 1, n)) + b_next[k], "definition"),
        Step("everything after", Slope(C, z_next[k]), d_next[k], "definition: C is any function of z'"),
        _of_value(z[i], W[j, p], sp.KroneckerDelta(i, j) * x[p], "the input that this weight multiplies"),
        _of_value(z[i], b[j], sp.KroneckerDelta(i, j), "δ with two indices is Kronecker's"),
        _of_value(a[i], z[j], sp.KroneckerDelta(i, j) * phi_prime(z[i]), "the activation acts on each unit alone"),
        _of_value(z_next[k], a[i], W_next[k, i], "the weight between them"),
        _of_cost(a[i], sp.Sum(W_next[k, i] * d_next[k], (k, 1, m)), "chain rule, m intermediate variables"),
        _of_cost(z[i], RECURSION, "chain rule, one intermediate variable", _at_every_layer("b")),
        Step("error of a unit", d[i], Slope(C, z[i]), "definition"),
        _of_cost(W[i, p], d[i] * x[p], "∂z/∂W and ∂C/∂z multiplied", _at_every_layer("W")),
        _of_cost(b[i], d[i], "∂z/∂b and ∂C/∂z multiplied", _at_every_layer("b")),
        _of_cost(x[p], sp.Sum(W[i, p] * d[i], (i, 1, n)), "∂C/∂a of the layer before"),
        *_matrix_forms(),
    )
    return Derivation("Backpropagation through a layer", _column("delta", n), steps[-3].right, DIFFERENTIABLE, steps)


def last_layer() -> Derivation:
    """δ_i = φ'(z_i) ∂C/∂a_i at the outputs, where the recursion begins: Nielsen (BP1)."""
    by = "nets of " + listed(NETS) + " units in exact fractions: the derivative by the bias of every output"
    proof = Proof(by, lambda right: all(net_of(widths).holds(len(widths) - 2, right, "b") for widths in NETS))
    steps = (
        Step("derivative of the cost", Slope(C, a[i]), c[i], "definition: C is any function of the outputs a"),
        Step("error of an output", d[i], OUTPUTS, "chain rule, one intermediate variable", (proof,)),
    )
    return Derivation("Backpropagation at the outputs", d[i], OUTPUTS, DIFFERENTIABLE, steps)


def _column(name: str, size: sp.Expr) -> sp.MatrixSymbol:
    return sp.MatrixSymbol(name, size, 1)


def _matrix_forms() -> tuple[Step, Step, Step]:
    """The same for whole layers: the error, and the gradients of weights and biases."""
    argument = sp.Symbol("z", real=True)
    slope = ElementwiseApplyFunction(sp.Lambda(argument, phi_prime(argument)), _column("z", n))
    delta = sp.HadamardProduct(slope, sp.MatrixSymbol("Wprime", m, n).T * _column("deltaprime", m))
    product = _column("delta", n) * _column("x", q).T
    return (
        _matrix_form("error", _column("delta", n), delta, RECURSION, None),
        _matrix_form("gradient of the weights", sp.MatrixSymbol("G_W", n, q), product, d[i] * x[p], p),
        _matrix_form("gradient of the biases", sp.MatrixSymbol("G_b", n, 1), _column("delta", n), d[i], None),
    )


def _matrix_form(name: str, symbol: sp.MatrixExpr, form: sp.MatrixExpr, index: sp.Expr, second: Any) -> Step:
    def holds(right: sp.MatrixExpr) -> bool:
        return right.shape == form.shape and equal(entry(right, i, second), index)

    return Step(f"{name}, in matrix form", symbol, form, "all units at once", (Proof("entry by entry", holds),))


def _of_value(value: sp.Indexed, variable: sp.Indexed, right: sp.Expr, reason: str) -> Step:
    """The derivative of one value by another that it is computed from."""
    left = Slope(value, variable)

    def at_sizes(printed: sp.Expr) -> bool:
        for sizes in SIZES:
            layer = layer_of(sizes, _level(variable))
            names = layer.names[_name(variable)]
            true = np.array([layer.domain.derivatives(e, names) for e in layer.values[_name(value)]], dtype=object)
            marks = (*value.indices, *variable.indices)
            if not layer.domain.agree(true, evaluate(printed, layer.values, marks, layer.domain)):
                return False
        return True

    def every_size(printed: sp.Expr) -> bool:
        return equal(sp.diff(whole(value, _level(variable)), variable), printed)

    return Step(f"d {_name(value)} by {_name(variable)}", left, right, reason, _both(at_sizes, every_size))


def _of_cost(variable: sp.Indexed, right: sp.Expr, reason: str, *more: Proof) -> Step:
    """The derivative of C by a value or parameter of the layer."""

    def at_sizes(printed: sp.Expr) -> bool:
        for sizes in SIZES:
            layer = layer_of(sizes, _level(variable))
            true = layer.domain.derivatives(layer.cost, layer.names[_name(variable)])
            if not layer.domain.agree(true, evaluate(printed, layer.values, variable.indices, layer.domain)):
                return False
        return True

    def every_size(printed: sp.Expr) -> bool:
        """Through the z' for what is in between; through the z, whose errors are known by then, for all else."""
        level = _level(variable)
        after, error, size = (z, d, n) if level == "x" else (z_next, d_next, m)
        bound = sp.Symbol("t0", integer=True)
        return equal(sp.Sum(error[bound] * sp.diff(whole(after[bound], level), variable), (bound, 1, size)), printed)

    return Step(f"d C by {_name(variable)}", Slope(C, variable), right, reason, _both(at_sizes, every_size) + more)


def _both(at_sizes: Callable[[Any], bool], every_size: Callable[[Any], bool]) -> tuple[Proof, Proof]:
    return (
        Proof(f"(q, n, m) in {listed(SIZES)}, in exact fractions, by implicit differentiation", at_sizes),
        Proof("all sizes: SymPy's derivative of the whole expression, sums over Kronecker deltas reduced", every_size),
    )


def listed(shapes: Sequence[tuple[int, ...]]) -> str:
    """Sizes as a proof names them."""
    return ", ".join("-".join(map(str, shape)) for shape in shapes)


def _name(e: sp.Indexed) -> str:
    return str(e.base.label.name)


def _level(variable: sp.Indexed) -> str:
    """What is free when this is: the activations, the weighted sums, or the layer's input and parameters."""
    return _name(variable) if _name(variable) in ("a", "z") else "x"


def whole(value: sp.Indexed, level: str) -> sp.Expr:
    """A value as an expression in what is free, with explicit sums."""
    name, at = _name(value), value.indices[0]
    if name == level:
        return value
    if name == "z":
        return sp.Sum(W[at, t1] * x[t1], (t1, 1, q)) + b[at]
    if name == "a":
        return phi(whole(z[at], level))
    return sp.Sum(W_next[at, t2] * whole(a[t2], level), (t2, 1, n)) + b_next[at]


def equal(left: sp.Expr, right: sp.Expr) -> bool:
    """Equal for every size: the same once sums are split into monomials and Kronecker deltas collapsed."""
    return bool(sp.expand(sums.reduced(left, REACH) - sums.reduced(sp.sympify(right), REACH)) == 0)


@dataclass(frozen=True)
class LayerValues:
    """A layer and what comes after it over exact fractions, with the names of what is free."""

    domain: UnknownDomain
    names: dict[str, Array]
    values: dict[str, Any]
    cost: Any


@cache
def layer_of(sizes: tuple[int, int, int], level: str, constant_slopes: bool = False) -> LayerValues:
    """The layer with these sizes (q, n, m), free from `level` on: a, z, or x with the parameters."""
    inputs, units, following = sizes
    free: dict[str, dict[str, tuple[int, ...]]] = {
        "x": {"W": (units, inputs), "b": (units,), "x": (inputs,)},
        "z": {"z": (units,)},
        "a": {"a": (units,)},
    }
    shapes = {"Wprime": (following, units), "bprime": (following,), **free[level]}
    names = {letter: names_of(letter, shape) for letter, shape in shapes.items()}
    domain = UnknownDomain(
        [name for array in names.values() for name in array.ravel().tolist()], units, following, constant_slopes
    )
    values: dict[str, Any] = {letter: domain.array(array) for letter, array in names.items()}
    if level == "x":
        values["z"] = values["W"] @ values["x"] + values["b"]
    if level != "a":
        values["a"] = domain.function("phi", values["z"])
    values["zprime"] = values["Wprime"] @ values["a"] + values["bprime"]
    cost, values["deltaprime"], values["Hprime"] = domain.scalar(values["zprime"])
    if level != "a":
        values["delta"] = domain.function("phi_prime", values["z"]) * (values["Wprime"].T @ values["deltaprime"])
    return LayerValues(domain, names, {**values, "q": inputs, "n": units, "m": following}, cost)


def names_of(letter: str, shape: tuple[int, ...]) -> Array:
    """Names of generators, in an array of that shape."""
    return np.array(["_".join([letter, *map(str, at)]) for at in np.ndindex(*shape)]).reshape(shape)


def _at_every_layer(variable: str) -> Proof:
    """The formula at every layer but the last of whole nets, from the true errors of the layer after it."""

    def holds(right: sp.Expr) -> bool:
        return all(net_of(widths).holds(at, right, variable) for widths in NETS for at in range(len(widths) - 2))

    return Proof(f"every layer of nets of {listed(NETS)} units, in exact fractions, by implicit differentiation", holds)


class Net:
    """An MLP over exact fractions: every weight, bias and input a generator, φ and C(outputs) unknown functions."""

    def __init__(self, widths: Sequence[int], constant_slopes: bool = False) -> None:
        pairs = list(zip(widths[1:], widths[:-1], strict=True))
        self.weights = [names_of(f"W{at}", pair) for at, pair in enumerate(pairs)]
        self.biases = [names_of(f"b{at}", pair[:1]) for at, pair in enumerate(pairs)]
        inputs = names_of("x", (widths[0],))
        every = [name for array in (*self.weights, *self.biases, inputs) for name in array.ravel().tolist()]
        self.domain = UnknownDomain(every, sum(widths[1:]), widths[-1], constant_slopes)
        self.pre: list[Array] = []
        self.post = [self.domain.array(inputs)]
        for weight, bias in zip(self.weights, self.biases, strict=True):
            self.pre.append(self.domain.array(weight) @ self.post[-1] + self.domain.array(bias))
            self.post.append(self.domain.function("phi", self.pre[-1]))
        self.cost, self.cost_slopes, self.cost_second = self.domain.scalar(self.post[-1])

    @property
    def depth(self) -> int:
        """Number of layers with weights."""
        return len(self.weights)

    def error(self, at: int) -> Array:
        """∂C/∂z of layer `at`, by implicit differentiation: the derivative by the bias, which is added to z."""
        return self.domain.derivatives(self.cost, self.biases[at])

    def holds(self, at: int, right: sp.Expr, variable: str) -> bool:
        """Whether the printed formula is ∂C/∂W (or ∂C/∂b) of layer `at`."""
        values = {"x": self.post[at], "z": self.pre[at], "delta": self.error(at), "n": len(self.pre[at])}
        values |= {"q": len(self.post[at])}
        if at + 1 < self.depth:
            weight = self.domain.array(self.weights[at + 1])
            values |= {"Wprime": weight, "deltaprime": self.error(at + 1), "m": len(weight)}
        else:
            values |= {"c": self.cost_slopes}
        names, marks = (self.weights, (i, p)) if variable == "W" else (self.biases, (i,))
        true = self.domain.derivatives(self.cost, names[at])
        return self.domain.agree(true, evaluate(right, values, marks, self.domain))


@cache
def net_of(widths: tuple[int, ...], constant_slopes: bool = False) -> Net:
    """The net with these widths, inputs first."""
    return Net(widths, constant_slopes)


@dataclass(frozen=True)
class Pass:
    """One forward and one backward pass through an MLP, by layer: z, a (the input first), δ, ∂C/∂W, ∂C/∂b; ∂C/∂x."""

    pre: tuple[Array, ...]
    post: tuple[Array, ...]
    deltas: tuple[Array, ...]
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    inputs: Array


def backward(
    weights: Sequence[Array],
    biases: Sequence[Array],
    x: Array,
    cost_slope: Callable[[Array], Array],
    activation: Callable[[Any], Any] = lambda z: z * z,
    slope: Callable[[Any], Any] = lambda z: 2 * z,
) -> Pass:
    """The δ-recursion over any numbers; with Fractions, exactly. The activation is the square unless given.

    weights: (units, inputs) a layer; x: (inputs,); `cost_slope`: the outputs to ∂C/∂(outputs), of the same shape.
    The activation acts at every layer, the last one included. Raises ResiduaError where sizes do not fit.
    """
    pre, post = [], [np.asarray(x)]
    for at, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        _check_sizes(at, np.shape(weight), np.shape(bias), len(post[-1]))
        pre.append(np.asarray(weight) @ post[-1] + np.asarray(bias))
        post.append(activation(pre[-1]))
    deltas = [slope(pre[-1]) * cost_slope(post[-1])]
    for weight, z_here in zip(reversed(weights[1:]), reversed(pre[:-1]), strict=True):
        deltas.insert(0, slope(z_here) * (np.asarray(weight).T @ deltas[0]))
    gradients = tuple(np.outer(delta, a_before) for delta, a_before in zip(deltas, post[:-1], strict=True))
    inputs = np.asarray(weights[0]).T @ deltas[0]
    return Pass(tuple(pre), tuple(post), tuple(deltas), gradients, tuple(deltas), inputs)


def _check_sizes(at: int, weight: tuple[int, ...], bias: tuple[int, ...], inputs: int) -> None:
    if len(weight) != 2 or weight[1] != inputs or bias != weight[:1]:
        raise ResiduaError(
            f"backward: layer {at} has {inputs} inputs and expects weights (units, {inputs}) and biases (units,), "
            f"got shapes {weight} and {bias}"
        )
