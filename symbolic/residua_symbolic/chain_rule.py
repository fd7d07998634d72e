"""Proof of a network's printed Jacobian: applied to a direction in ball arithmetic, against the series of the map."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import flint
import numpy as np
import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction

from residua_network import Layer, Network
from residua_symbolic.domains import balls
from residua_symbolic.domains.tangents import B, i
from residua_symbolic.evaluate import evaluate
from residua_symbolic.factors import EachFeature, EachRow, ProductOver
from residua_symbolic.layers import apply
from residua_symbolic.matrices import COLUMN
from residua_symbolic.symbols import symbol_of

BITS_A_LAYER = 8  # what a ball loses in one layer, generously
DOUBLINGS = 5  # of the precision, where a ball is too wide to decide: powers of powers, large angles
COUPLED_ROWS = (3, 5, 8)  # all of them are tried; at two and ε = 0 a batch norm lets nothing through
POINTS = 16  # tried where one of them does not tell all


def holds(net: Network, first: int, last: int, constant: bool, printed: sp.MatrixExpr, seed: int = 0) -> bool:
    """Whether printed · v is the t-coefficient of f(h + t v), at random weights, point h and direction v.

    Where all relus of a layer are dead, nothing is said about the factors around it, where all are alive, nothing
    about theirs. One point is enough if neither is so anywhere; narrow networks are tried at more. Where rows are
    coupled, this is done for batches of several sizes; the kinds themselves are proved for every one.
    """
    coupled = any(layer.couples_rows for layer in net.layers[first : last + 1])
    batches = COUPLED_ROWS if coupled else (1,)
    return all(_holds_for(net, first, last, constant, printed, [seed, rows], rows) for rows in batches)


def _holds_for(
    net: Network, first: int, last: int, constant: bool, printed: sp.MatrixExpr, seed: list[int], rows: int
) -> bool:
    for point in range(POINTS):
        agrees, tells_all = _at_point(net, first, last, constant, printed, [*seed, point], rows)
        if tells_all or not agrees:
            return agrees
    return True


def _at_point(
    net: Network, first: int, last: int, constant: bool, printed: sp.MatrixExpr, seed: list[int], rows: int
) -> tuple[bool, bool]:
    """Whether printed and found agree, and whether this says something about all factors."""
    bits = balls.BITS + BITS_A_LAYER * sum(1 for _ in net.walk())
    for doubling in range(DOUBLINGS + 1):
        with balls.precision(bits << doubling):
            try:
                rng = np.random.default_rng(seed)
                claimed, found, tells_all = _claimed_and_found(net, first, last, constant, printed, rng, rows)
            except (ArithmeticError, ValueError):  # a ball around zero, where its sign is asked or it is divided by
                if doubling == DOUBLINGS:
                    raise
                continue
            if all(balls.agree(a, b) for a, b in zip(claimed, found, strict=True)):
                return True, tells_all
            if not all(a.overlaps(b) for a, b in zip(claimed, found, strict=True)):
                return False, tells_all
    return False, True


@dataclass
class _Point:
    """What formulas name, under the tagged letters: parameters, and values of the forward pass (rows, features)."""

    rows: int
    parameters: dict[str, Any] = field(default_factory=dict)
    passed: dict[str, Any] = field(default_factory=dict)

    def at_row(self, b: int) -> dict[str, Any]:
        """For a formula that acts on one row."""
        found = {name: a[min(b, len(a) - 1)] if a.ndim == 2 else a for name, a in self.passed.items()}
        return self.parameters | found

    def at_feature(self, q: int) -> dict[str, Any]:
        """For a formula that acts on the rows of one feature."""
        vectors = {name: a[q : q + 1] for name, a in self.parameters.items() if np.ndim(a) == 1 and len(a) > q}
        found = ((name if len(a) == 1 else f"{name}{COLUMN}{i}", a) for name, a in self.passed.items())
        passed = {name: a[..., q] for name, a in found if a.shape[-1] > q}
        return vectors | passed


def _claimed_and_found(
    net: Network,
    first: int,
    last: int,
    constant: bool,
    printed: sp.MatrixExpr,
    rng: np.random.Generator,
    rows: int,
) -> tuple[Any, Any, bool]:
    """printed · v, the t-coefficient of f(h + t v), and whether this tells all."""
    coupled = any(layer.couples_rows for layer in net.layers[first : last + 1])
    shape = (rows, net.sizes[first])
    direction = rng.normal(size=shape)
    x = balls.series(rng.normal(size=shape), direction)
    point = _Point(shape[0])
    y, tells_all = _run(net.layers[first : last + 1], x, rng, point, str, first, constant)
    vectors = np.array([[flint.arb(d) for d in row] for row in direction.tolist()], dtype=object)
    claimed = _apply_to_batch(printed, vectors, point) if coupled else _apply(printed, vectors[0], point.at_row(0))
    return np.ravel(claimed), np.ravel(balls.coefficient(y, 1)), tells_all


def _run(
    layers: tuple[Layer, ...],
    x: Any,
    rng: np.random.Generator,
    point: _Point,
    tag: Callable[[int], str],
    first: int,
    constant: bool,
) -> tuple[Any, bool]:
    """The forward pass over series, and whether every layer moves with t and every relu has both sides.

    What formulas name is kept in `point` under the tagged letters.
    """
    tells_all = True
    for p, layer in enumerate(layers, first):
        here = tag(p)
        if layer.branch:
            inside = partial(_inside, here)
            inner, inner_tells_all = _run(layer.branch, x, rng, point, inside, 0, constant)
            point.parameters[f"alpha__{here}"] = flint.arb(layer.scale)  # type: ignore[attr-defined]
            x = apply(balls.BallDomain(), layer, x, {}, branch=lambda _, inner=inner: inner)
            tells_all = tells_all and inner_tells_all
            continue
        parameters = {name: _random(rng, name, shape) for name, shape in layer.shapes.items()}
        domain = balls.BallDomain(constant_statistics=constant)
        point.passed |= {f"x__{here}": x}
        point.parameters |= {f"{symbol_of(layer.kind, name)}__{here}": value for name, value in parameters.items()}
        x = apply(domain, layer, x, parameters)
        point.passed |= {f"{name}__{here}": value for name, value in domain.names.items()}
        slopes = balls.coefficient(x, 1).ravel()
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
        drawn = rng.uniform(0.5, 1.5, size=shape)
        if name != "running_var":
            drawn *= rng.choice([-1.0, 1.0], size=shape)
    return np.frompyfunc(flint.arb, 1, 1)(drawn)


def _apply_to_batch(m: sp.MatrixExpr, v: Any, point: _Point) -> Any:
    """m v for a formula on the stacked batch; v of shape (rows, features)."""
    if isinstance(m, EachRow):
        return np.stack([_apply(m.args[0], row, point.at_row(b)) for b, row in enumerate(v)])
    if isinstance(m, EachFeature):
        body = m.args[0].xreplace({B: sp.Integer(point.rows)})
        return np.stack([_apply(body, column, point.at_feature(q)) for q, column in enumerate(v.T)], axis=1)
    return _composite(m, v, point.parameters, lambda inner, u: _apply_to_batch(inner, u, point))


def _composite(m: sp.MatrixExpr, v: Any, values: Mapping[str, Any], apply: Callable[[Any, Any], Any]) -> Any:
    """m v from the right, a product never multiplied out; None where m is no identity, product or sum."""
    if isinstance(m, sp.Identity):
        return v
    if isinstance(m, ProductOver):
        for factor in reversed(m.unfold()):
            v = apply(factor, v)
        return v
    if isinstance(m, sp.MatMul):
        coefficient, matrices = m.as_coeff_matrices()
        for matrix in reversed(matrices):
            v = apply(matrix, v)
        return v if coefficient == 1 else v * _scalar(coefficient, values)
    if isinstance(m, sp.MatAdd):
        return sum((apply(a, v) for a in m.args[1:]), apply(m.args[0], v))
    return None


def _apply(m: sp.MatrixExpr, v: Any, values: Mapping[str, Any]) -> Any:
    """m v for a vector v."""
    found = _composite(m, v, values, lambda inner, u: _apply(inner, u, values))
    if found is not None:
        return found
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
    """A coefficient; gamma[i] of the feature at hand under the name alone."""
    e = e.xreplace({a: sp.Symbol(a.base.label.name) for a in e.atoms(sp.Indexed) if a.indices == (i,)})
    constants = {s.name: balls.coefficient(np.atleast_1d(values[s.name]), 0) for s in e.free_symbols}
    return evaluate(e, constants, (), balls.BallDomain())


def _column(m: sp.MatrixExpr, values: Mapping[str, Any]) -> Any:
    """The entries of a column, as balls."""
    if isinstance(m, sp.OneMatrix):
        return np.array([flint.arb(1)] * int(m.shape[0]), dtype=object)
    if isinstance(m, sp.HadamardProduct):
        return np.prod([_column(a, values) for a in m.args], axis=0)
    if isinstance(m, ElementwiseApplyFunction):
        z = sp.Symbol("i", integer=True)
        entries = m.function(sp.IndexedBase("z")[z])
        return evaluate(entries, {"z": _column(m.expr, values)}, (z,), balls.BallDomain())
    return balls.coefficient(values[m.name], 0).reshape(-1)  # a weight of one input is a column, too
