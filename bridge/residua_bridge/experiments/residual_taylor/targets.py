"""What document 000's construction is asked to approximate, and torch models with the rational weights of a described
network, measured beside exact values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Context, Decimal
from functools import cached_property
from typing import Any

import flint
import numpy as np
import sympy as sp
import torch

from residua_bridge.compare import compare
from residua_bridge.verdict import Discrepancy, Floats
from residua_network import Network
from residua_numeric import Measurement, build, measure
from residua_numeric.weights import put
from residua_symbolic import Prediction
from residua_symbolic.domains import balls
from residua_symbolic.expressions.conversion import from_program
from residua_symbolic.expressions.evaluation import evaluate
from residua_symbolic.expressions.given import Given, given
from residua_symbolic.expressions.graph import Graph, Node
from residua_symbolic.printing import latex
from residua_symbolic.series.approximation.mean_square import mean_square_error
from residua_symbolic.series.coefficients.exact import coefficients
from residua_symbolic.series.constructions.obstruction import State
from residua_symbolic.series.constructions.stream_networks import ExactNetwork
from residua_symbolic.series.constructions.streams import taylor
from residua_symbolic.series.convergence.radius import expression_radius
from residua_symbolic.series.enclosures.remainders import expression_remainder

BITS = 1024  # of values: blocks that explode lose digits, and Arb says how many
POINTS = 401
DIGITS = 4  # of a bound, as reports print them
OUTPUT = "output"


@dataclass(frozen=True)
class Target:
    """A function of x with its Taylor series at 0, on an interval around 0."""

    name: str
    text: str
    half: str  # of the interval: half ≥ x ≥ −half
    words: str  # the interval as a report prints it

    @cached_property
    def given(self) -> Given:
        """The function as the symbolic side reads it."""
        return given(self.text)

    @cached_property
    def end(self) -> sp.Expr:
        """The upper end of the interval; the lower one is its negative."""
        return given(self.half, variables=()).sympy

    @property
    def label(self) -> str:
        """Name and interval."""
        return f"{self.name} on {self.words}"

    def coefficients(self, order: int) -> list[Any]:
        """c_0 … c_order as fmpq."""
        found = coefficients(self.given, "x", sp.Integer(0), order)
        return [flint.fmpq(int(value.p), int(value.q)) for value in found]

    def ball(self, x: Any) -> Any:
        """f at a ball, at the current precision."""
        (value,) = evaluate([self._node], {"x": x}, balls.BallDomain())
        return value

    @cached_property
    def _node(self) -> Node:
        (node,) = from_program(Graph(), self.given.program)
        return node

    @cached_property
    def ends(self) -> tuple[Any, Any]:
        """The interval, as balls."""
        with balls.precision(BITS):
            (node,) = from_program(Graph(), given(self.half, variables=()).program)
            (end,) = evaluate([node], {}, balls.BallDomain())
            return -end, end

    @cached_property
    def x(self) -> Floats:
        """A grid over the interval, (points, 1), ends included as far as float64 has them."""
        low, high = State(taylor([0, 1], 1), *self.ends).ends
        return np.linspace(low, high, POINTS)[:, None]

    @cached_property
    def values(self) -> Floats:
        """f on the grid, (1, points)."""
        return exact_values(self.ball, self.x)

    def state(self, order: int) -> State:
        """T_order as a state of the stream on the interval."""
        return State(taylor(self.coefficients(order), order), *self.ends)

    def truncation(self, order: int) -> float:
        """A certified bound of |f − T_order| on the interval; infinite where there is none."""
        ball = expression_remainder(self.given, "x", sp.Integer(0), order, -self.end, self.end)
        return float(abs(ball).upper()) if ball.is_finite() else float("inf")

    @cached_property
    def radius(self) -> tuple[str, str, str, str]:
        """Radius of convergence, whether the interval lies within it, whether that is certified, and what limits it."""
        found = expression_radius(self.given, "x", sp.Integer(0))
        if isinstance(found.value, sp.Expr):
            words, within = f"${latex(found.value)}$", bool(self.end < found.value)
        else:
            words, within = f"{float(found.value.middle):.6g}", float(self.end) < float(found.value.middle)
        return words, "yes" if within else "no", "yes" if found.certified else "no", found.words

    def mean_square(self, order: int) -> float:
        """The mean square error of T_order on the interval, from the closed form or a certified integral."""
        terms = coefficients(self.given, "x", sp.Integer(0), order)
        found = mean_square_error(self.given, "x", sp.Integer(0), terms, -self.end, self.end)
        return float(found.evalf(30)) if isinstance(found, sp.Expr) else float(found.middle)


def exact_values(value: Any, x: Floats) -> Floats:
    """A function of balls on the grid (points, 1), as the float64 numbers nearest to it, (1, points)."""
    with balls.precision(BITS):
        return np.array([[float(value(flint.arb(at)).mid()) for at in x[:, 0].tolist()]])


def put_in_torch(net: Network, weights: Mapping[str, Floats]) -> torch.nn.Sequential:
    """The torch model of a described network with these weights."""
    model = build(net)
    put(model, {name: torch.from_numpy(value) for name, value in weights.items()})
    return model


def model_of(exact: ExactNetwork) -> torch.nn.Sequential:
    """The torch model of a described network, its weights the float64 numbers nearest to the rational ones."""
    return put_in_torch(exact.network, exact.rounded())


def measured(exact: ExactNetwork, x: Floats) -> Measurement:
    """The output of the torch model, (1, points): one thing on a grid, so that a zero of f is no row of its own."""
    found = measure(model_of(exact), OUTPUT, x)
    return replace(found, values=found.values.T.copy())


def rounding(exact: ExactNetwork, values: Floats, x: Floats) -> Floats:
    """What may lie between the exact values (1, points) and the torch model's: rounded weights, computed in balls, and
    arithmetic, a running error bound."""
    with balls.precision(BITS):
        stored = exact.values_as_stored(x)
        weights = np.array([[float(abs(s - flint.arb(v)).upper()) for s, v in zip(stored, values[0], strict=True)]])
    return weights + exact.rounding(x).T


def met(exact: ExactNetwork, value: Any, x: Floats, **scope: Any) -> Discrepancy:
    """The torch model against what it should compute: `value`, a function of balls."""
    expected = exact_values(value, x)
    prediction = Prediction(OUTPUT, expected, rounding(exact, expected, x), scope, scale=sup(expected) or 1.0)
    return compare(prediction, measured(exact, x))


def against(target: Target, exact: ExactNetwork, value: Any, cause: str, x: Floats, **scope: Any) -> Discrepancy:
    """The torch model against f itself; what it computes instead, `value`, is the cause of the difference."""
    f, instead = exact_values(target.ball, x), exact_values(value, x)
    error = rounding(exact, instead, x)
    claimed = Prediction(OUTPUT, f, error, scope, scale=sup(f))
    found = compare(claimed, measured(exact, x), exact=Prediction(OUTPUT, instead, np.zeros_like(error), scope))
    named = {cause if name == "approximation" else name: size for name, size in found.causes.items()}
    words = f"{cause} accounts for it" if found.explained and str(found.verdict) == "differ" else found.reason
    return replace(found, causes=named, reason=words)


def down(bound: float, digits: int = DIGITS) -> float:
    """A lower bound with so many digits, rounded down: what is printed is still one."""
    return float(Context(prec=digits, rounding=ROUND_FLOOR).create_decimal(Decimal(bound)))


def up(bound: float, digits: int = DIGITS) -> float:
    """An upper bound, rounded up."""
    return -down(-bound, digits)


def sup(values: Floats) -> float:
    """The largest size; NaN if one of them is."""
    return float(np.max(abs(values)))


def mean_square(values: Floats) -> float:
    """Of values (1, points) on the grid, by the trapezoidal rule."""
    weights = np.ones(values.shape[1])
    weights[[0, -1]] = 0.5
    with np.errstate(over="ignore"):
        return float((weights * values[0] ** 2).sum() / weights.sum())


def near_zero(x: Floats, values: Sequence[float], most: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The part of a curve around 0 that stays below `most` in size, for a picture."""
    sizes = np.abs(np.asarray(values, dtype=np.float64))
    good = sizes <= most
    middle = len(sizes) // 2
    low = middle - int(np.argmin([*good[middle::-1], False]))
    high = middle + int(np.argmin([*good[middle:], False]))
    kept = slice(low + 1, high)
    return tuple(x[kept, 0].tolist()), tuple(np.asarray(values)[kept].tolist())
