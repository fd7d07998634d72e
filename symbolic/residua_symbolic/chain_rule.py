"""Proof of a network's printed Jacobian: applied to a direction in ball arithmetic, against the series of the map."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import flint
import numpy as np
import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction

from residua_network import Layer, Network
from residua_symbolic.domains import balls
from residua_symbolic.evaluate import evaluate
from residua_symbolic.factors import ProductOver
from residua_symbolic.layers import apply
from residua_symbolic.symbols import symbol_of

BITS_A_LAYER = 8  # what a ball loses in one layer, generously
DOUBLINGS = 5  # of the precision, where a ball is too wide to decide: powers of powers, large angles
POINTS = 16  # tried where one of them does not tell all


def holds(net: Network, first: int, last: int, constant: bool, printed: sp.MatrixExpr, seed: int = 0) -> bool:
    """Whether printed · v is the t-coefficient of f(h + t v), at random weights, point h and direction v.

    Where all relus of a layer are dead, nothing is said about the factors around it, where all are alive, nothing
    about theirs. One point is enough if neither is so anywhere; narrow networks are tried at more.
    """
    for point in range(POINTS):
        agrees, tells_all = _at_point(net, first, last, constant, printed, [seed, point])
        if tells_all or not agrees:
            return agrees
    return True


def _at_point(
    net: Network, first: int, last: int, constant: bool, printed: sp.MatrixExpr, seed: list[int]
) -> tuple[bool, bool]:
    """Whether printed and found agree, and whether this says something about all factors."""
    bits = balls.BITS + BITS_A_LAYER * sum(1 for _ in net.walk())
    for doubling in range(DOUBLINGS + 1):
        with balls.precision(bits << doubling):
            try:
                rng = np.random.default_rng(seed)
                claimed, found, tells_all = _claimed_and_found(net, first, last, constant, printed, rng)
            except (ArithmeticError, ValueError):  # a ball around zero, where its sign is asked or it is divided by
                if doubling == DOUBLINGS:
                    raise
                continue
            if all(balls.agree(a, b) for a, b in zip(claimed, found, strict=True)):
                return True, tells_all
            if not all(a.overlaps(b) for a, b in zip(claimed, found, strict=True)):
                return False, tells_all
    return False, True


def _claimed_and_found(
    net: Network,
    first: int,
    last: int,
    constant: bool,
    printed: sp.MatrixExpr,
    rng: np.random.Generator,
) -> tuple[Any, Any, bool]:
    """printed · v, the t-coefficient of f(h + t v), and whether this tells all."""
    width = net.sizes[first]
    direction = rng.normal(size=width)
    x = balls.series(rng.normal(size=width), direction)
    values: dict[str, Any] = {}
    y, tells_all = _run(net.layers[first : last + 1], x, rng, values, str, first, constant)
    vector = np.array([flint.arb(d) for d in direction.tolist()], dtype=object)
    return _apply(printed, vector, values), balls.coefficient(y, 1), tells_all


def _run(
    layers: tuple[Layer, ...],
    x: Any,
    rng: np.random.Generator,
    values: dict[str, Any],
    tag: Callable[[int], str],
    first: int,
    constant: bool,
) -> tuple[Any, bool]:
    """The forward pass over series, and whether every layer moves with t and every relu has both sides.

    What formulas name is kept in `values` under the tagged letters.
    """
    tells_all = True
    for p, layer in enumerate(layers, first):
        here = tag(p)
        if layer.branch:
            inside = partial(_inside, here)
            inner, inner_tells_all = _run(layer.branch, x, rng, values, inside, 0, constant)
            values[f"alpha__{here}"] = flint.arb(layer.scale)  # type: ignore[attr-defined]
            x = apply(balls.BallDomain(), layer, x, {}, branch=lambda _, inner=inner: inner)
            tells_all = tells_all and inner_tells_all
            continue
        parameters = {name: _random(rng, name, shape) for name, shape in layer.shapes.items()}
        domain = balls.BallDomain(constant_statistics=constant)
        named = {"x": x, **{symbol_of(layer.kind, name): value for name, value in parameters.items()}}
        x = apply(domain, layer, x, parameters)
        values |= {f"{name}__{here}": value for name, value in (named | domain.names).items()}
        slopes = balls.coefficient(x, 1)
        tells_all = tells_all and any(bool(slope != 0) for slope in slopes)
        if getattr(layer, "name", "") == "relu":
            tells_all = tells_all and any(bool(slope == 0) for slope in slopes)
    return x, tells_all


def _inside(place: str, position: int) -> str:
    """The tag of a layer of the branch of the layer at `place`."""
    return f"{place},{position}"


def _random(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Any:
    """Weights of both signs and away from special values; matrices of about unit gain."""
    if len(shape) == 2:
        drawn = rng.normal(size=shape) / shape[-1] ** 0.5
    else:
        drawn = rng.uniform(0.5, 1.5, size=shape) * rng.choice([-1.0, 1.0], size=shape)
    return np.frompyfunc(flint.arb, 1, 1)(drawn)


def _apply(m: sp.MatrixExpr, v: Any, values: Mapping[str, Any]) -> Any:
    """m v, from the right: a product is never multiplied out."""
    if isinstance(m, sp.Identity):
        return v
    if isinstance(m, ProductOver):
        for factor in reversed(m.unfold()):
            v = _apply(factor, v, values)
        return v
    if isinstance(m, sp.MatMul):
        coefficient, matrices = m.as_coeff_matrices()
        for matrix in reversed(matrices):
            v = _apply(matrix, v, values)
        return v if coefficient == 1 else v * _scalar(coefficient, values)
    if isinstance(m, sp.MatAdd):
        return sum((_apply(a, v, values) for a in m.args[1:]), _apply(m.args[0], v, values))
    if isinstance(m, sp.DiagMatrix):
        return _column(m.args[0], values) * v
    if isinstance(m, sp.Transpose) and m.shape[0] == 1:
        return np.array([(_column(m.arg, values) * v).sum()], dtype=object)
    if isinstance(m, sp.Transpose):
        return values[m.arg.name].T @ v
    if m.shape[1] == 1:
        return _column(m, values) * v.item()
    if isinstance(m, sp.OneMatrix):
        total = np.array([v.sum()], dtype=object)
        return total if m.shape[0] == 1 else np.repeat(total, int(m.shape[0]))
    return values[m.name] @ v


def _scalar(e: sp.Expr, values: Mapping[str, Any]) -> Any:
    constants = {s.name: balls.coefficient(np.atleast_1d(values[s.name]), 0) for s in e.free_symbols}
    return evaluate(e, constants, (), flint.arb, balls.BallDomain().function)


def _column(m: sp.MatrixExpr, values: Mapping[str, Any]) -> Any:
    """The entries of a column, as balls."""
    if isinstance(m, sp.OneMatrix):
        return np.array([flint.arb(1)] * int(m.shape[0]), dtype=object)
    if isinstance(m, sp.HadamardProduct):
        return np.prod([_column(a, values) for a in m.args], axis=0)
    if isinstance(m, ElementwiseApplyFunction):
        z = sp.Symbol("i", integer=True)
        entries = m.function(sp.IndexedBase("z")[z])
        return evaluate(entries, {"z": _column(m.expr, values)}, (z,), flint.arb, balls.BallDomain().function)
    return balls.coefficient(values[m.name], 0).reshape(-1)  # a weight of one input is a column, too
