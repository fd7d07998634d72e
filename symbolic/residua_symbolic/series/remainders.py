"""Certified remainders: balls that contain f − T_n on a whole interval or box, for expressions and networks.

Around the expansion point a Taylor enclosure of order N > n gives f − T_n = Σ_{n<k<=N} c_k t^k + ρ(t) t^(N+1), in which
nothing is left of what T_n cancels. Where that is too wide, or where the series does not converge, the interval is cut:
a piece away from the point has an enclosure of its own around its middle, from which T_n, expanded there exactly, is
taken away. Always the piece that spoils the bound most is cut next, until the bound is within `SLACK` of values that
f − T_n certainly takes, or `PIECES` are used up; the result is an enclosure at any time.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np
import sympy as sp

from residua_network import Network, ResiduaError
from residua_symbolic.domains.balls import BallDomain, precision
from residua_symbolic.expressions.conversion import from_program, from_sympy
from residua_symbolic.expressions.evaluation import PointError, evaluate
from residua_symbolic.expressions.given import Given
from residua_symbolic.expressions.graph import Graph
from residua_symbolic.series.bounds import UNBOUNDED, whole_power
from residua_symbolic.series.models import Model, ModelDomain, line
from residua_symbolic.series.walk import output

Ball = Any
Poly = Any
Path = Callable[[Ball, Ball, int], Sequence[Model]]
"""The models, around t = centre, of a function of t: from the centre, a ball T around 0, and the order."""

UNIT = flint.arb(0.5, 0.5)  # contains [0, 1]
EXTRA = 8  # orders beyond n: what is left is relatively of the size (T/radius of convergence)^EXTRA
SLACK = flint.arb(0.05)  # how far the bound may exceed what f − T_n reaches, relatively
BOX_SLACK = flint.arb(0.2)  # the same of boxes, whose number grows with the power of their dimension
PIECES = 64
NETWORK_PIECES = 32
BOXES = 64
NARROWEST = 2.0**-14  # a piece so much narrower than the interval, and still without bound: there is none
CELLS = 8  # into which a piece is cut when its polynomial is bounded
MOST_BITS = 16  # times as many as asked for, where f − T_n is lost in rounding
NOISE = flint.arb(0.01)  # part of the bound that may be rounding


@dataclass(frozen=True)
class _Span:
    """Bounds of one output's f − T_n on a piece; values that it takes there: the largest is at least `reached[1]`, the
    least at most `reached[0]`; and the rounding in them."""

    lower: Ball
    upper: Ball
    reached: tuple[Ball, Ball]
    noise: Ball

    @property
    def is_finite(self) -> bool:
        return bool(self.lower.is_finite() and self.upper.is_finite())


@dataclass(frozen=True)
class _Piece:
    """An interval with exact ends, and the spans of all outputs."""

    lower: Ball
    upper: Ball
    spans: tuple[_Span, ...]


class _Remainder:
    """f − T_n along a path, on lower <= t <= upper, at a working precision."""

    def __init__(self, path: Path, order: int, lower: Ball, upper: Ball) -> None:
        self.path, self.order, self.lower, self.upper = path, order, lower, upper
        self._taylor: list[Poly] | None = None

    @property
    def taylor(self) -> list[Poly]:
        """T_n of every output. Raises PointError where it does not exist."""
        if self._taylor is None:
            models = self._models(flint.arb(0), flint.arb(0))
            for model in models:
                if model.order < self.order or not all(model.low[k].is_finite() for k in range(self.order + 1)):
                    raise PointError(f"the Taylor polynomial of order {self.order} does not exist at this point")
            self._taylor = [model.low.truncate(self.order + 1) for model in models]
        return self._taylor

    def _models(self, centre: Ball, over: Ball) -> Sequence[Model]:
        """Of order n + EXTRA, or more where removable singularities have used orders up."""
        wanted = self.order + EXTRA
        models = self.path(centre, over, wanted)
        lost = max(wanted - model.order for model in models)
        if 0 < lost < EXTRA:
            models = self.path(centre, over, wanted + lost)
        return models

    def piece(self, lower: Ball, upper: Ball) -> _Piece:
        """f − T_n on a part of the interval."""
        centre = flint.arb(0) if lower <= 0 <= upper else ((lower + upper) / 2).mid()
        low, high = (lower - centre).lower(), (upper - centre).upper()
        try:
            models = self._models(centre, low.union(high))
        except ResiduaError:  # f does not exist somewhere, or its sign is not certain
            return _Piece(lower, upper, tuple(_nowhere() for _ in self.taylor))
        if not centre.is_zero():
            left = [
                model.low - taylor(flint.arb_poly([centre, 1]))
                for model, taylor in zip(models, self.taylor, strict=True)
            ]
        else:
            left = [self._left(k, model) for k, model in enumerate(models)]
        spans = (
            _span(p, model.rest, model.order + 1, low, high) if model.span.is_finite() else _nowhere()
            for p, model in zip(left, models, strict=True)
        )
        return _Piece(lower, upper, tuple(spans))

    def _left(self, output: int, model: Model) -> Poly:
        """What T_n leaves of the polynomial around the point: no coefficient up to n where the model has them all."""
        if model.order >= self.order:
            return model.low.right_shift(self.order + 1).left_shift(self.order + 1)
        return -self.taylor[output].right_shift(model.order + 1).left_shift(model.order + 1)

    def search(self, most: int) -> list[_Piece]:
        """Pieces that make up the interval, cut where it pays."""
        pieces = [self.piece(self.lower, self.upper)]
        narrowest = (self.upper - self.lower) * NARROWEST
        while len(pieces) < most:
            worst = _worst(
                [piece.spans for piece in pieces], [piece.upper - piece.lower for piece in pieces], narrowest
            )
            if worst is None:
                break
            piece = pieces.pop(worst)
            cuts = self._cuts(piece)
            pieces += [self.piece(a, b) for a, b in itertools.pairwise(cuts)]
        return pieces

    @staticmethod
    def _cuts(piece: _Piece) -> list[Ball]:
        """In the middle; around the point so that half of the piece remains around it."""
        if not piece.lower <= 0 <= piece.upper:
            return [piece.lower, ((piece.lower + piece.upper) / 2).mid(), piece.upper]
        return [
            piece.lower,
            *([piece.lower / 2] if piece.lower < 0 else []),
            *([piece.upper / 2] if piece.upper > 0 else []),
            piece.upper,
        ]


def _worst(
    spans: Sequence[Sequence[_Span]], widths: Sequence[Ball], narrowest: Ball, slack: Ball = SLACK
) -> int | None:
    """The piece to cut next, by the spans of all outputs on it: the narrowest without bound, unless it is too narrow;
    else the one that exceeds what is reached the most."""
    endless = [k for k, piece in enumerate(spans) if not all(span.is_finite for span in piece)]
    if endless:
        k = min(endless, key=lambda k: widths[k])
        return k if widths[k] > narrowest else None
    found, most = None, slack
    for column in zip(*spans, strict=True):
        least, largest = _least(s.reached[0] for s in column), _largest(s.reached[1] for s in column)
        size = abs(least).max(abs(largest))
        for k, span in enumerate(column):
            excess = (span.upper - largest).max(least - span.lower)
            if excess > 2 * span.noise and excess > most * size:
                found, most = k, (excess / size if size > 0 else flint.arb.pos_inf())
    return found


def _least(values: Any) -> Ball:
    found = None
    for value in values:
        found = value if found is None or value < found else found
    return found


def _largest(values: Any) -> Ball:
    return -_least(-value for value in values)


def _nowhere() -> _Span:
    return _Span(UNBOUNDED, UNBOUNDED, (UNBOUNDED, UNBOUNDED), flint.arb(0))


def _span(polynomial: Poly, rest: Ball, power: int, low: Ball, high: Ball) -> _Span:
    """Bounds of p(t) + rest t^power on low <= t <= high: on each of several cells p is expanded at its middle."""
    if not rest.is_finite():
        return _nowhere()
    if polynomial.length() == 0 and rest.is_zero():
        zero = flint.arb(0)
        return _Span(zero, zero, (zero, zero), zero)
    ends = [low + (high - low) * flint.fmpq(k, CELLS) for k in range(CELLS + 1)]
    cells = [_cell(polynomial, rest, power, a, b) for a, b in itertools.pairwise(ends)] if high > low else []
    at = [polynomial(end.mid()) + rest * whole_power(end.mid(), power) for end in ends]
    noise = _largest(polynomial(end.mid()).rad() for end in (ends[0], ends[-1]))
    boxes = cells or at
    if not all(ball.is_finite() for ball in (*cells, *at)):  # a comparison with what is not a number is no
        return _nowhere()
    return _Span(
        _least(b.lower() for b in boxes),
        _largest(b.upper() for b in boxes),
        (_least(b.upper() for b in at), _largest(b.lower() for b in at)),
        noise,
    )


def _cell(polynomial: Poly, rest: Ball, power: int, lower: Ball, upper: Ball) -> Ball:
    """A ball with the values on one cell."""
    over = lower.union(upper)
    middle = over.mid()
    shifted = polynomial(flint.arb_poly([middle, 1]))
    return shifted(over - middle) + rest * whole_power(over, power)


def _certified(path: Path, order: int, lower: Ball, upper: Ball, bits: int, most: int) -> list[Ball]:
    """The enclosures of all outputs, at more bits where the remainder is lost in the rounding of f."""
    for times in (1, 2, 4, 8, MOST_BITS):
        with precision(times * bits, order + 4 * EXTRA):
            remainder = _Remainder(path, order, lower, upper)
            pieces = remainder.search(most)
            found = [_hull([piece.spans[k] for piece in pieces]) for k in range(len(pieces[0].spans))]
            if not all(ball.is_finite() for ball in found):
                _ = remainder.taylor
            if not any(_is_noisy([piece.spans[k] for piece in pieces], found[k]) for k in range(len(found))):
                break
    return found


def _hull(spans: Sequence[_Span]) -> Ball:
    if not all(span.is_finite for span in spans):
        return UNBOUNDED
    lower, upper = _least(span.lower for span in spans), _largest(span.upper for span in spans)
    return lower.union(upper)


def _is_noisy(spans: Sequence[_Span], hull: Ball) -> bool:
    """Whether rounding makes up a visible part of an enclosure."""
    return bool(hull.is_finite() and _largest(span.noise for span in spans) > NOISE * abs(hull).upper())


def expression_remainder(
    function: Given, variable: str, at: sp.Expr, order: int, lower: sp.Expr, upper: sp.Expr, bits: int = 128
) -> Ball:
    """A ball with f − T_n wherever f exists on lower <= variable <= upper, T_n the Taylor polynomial of f at `at`.

    Infinite where no bound can be had: across poles, and where f does not exist on more than an edge as thin as the
    rounding of balls. Raises ResiduaError unless lower <= at <= upper; PointError where T_n does not exist.
    """
    (node,) = from_program(Graph(), function.program)
    starts: dict[int, Ball] = {}
    with precision(MOST_BITS * bits):
        point, low, high = (_number(value) for value in (at, lower, upper))
        left, right = _checked(low - point, high - point, f"{variable} in [{lower}, {upper}] around {at}")

    def path(centre: Ball, over: Ball, to: int) -> list[Model]:
        if flint.ctx.prec not in starts:
            starts[flint.ctx.prec] = _number(at)
        x = line(starts[flint.ctx.prec] + centre, flint.arb(1), to, over)
        return [_as_model(value, x) for value in evaluate([node], {variable: x}, ModelDomain())]

    return _certified(path, order, left, right, bits, PIECES)[0]


def _number(value: Any) -> Ball:
    """A real number of SymPy's, or an exact one of Python's, as a ball at the current precision."""
    try:
        exact = value if isinstance(value, sp.Expr) else sp.Rational(*value.as_integer_ratio())
        (ball,) = evaluate([from_sympy(Graph(), exact)], {}, BallDomain())
    except (AttributeError, OverflowError, ValueError) as error:
        raise ResiduaError(f"expected a real number, got {value!r:.40}") from error
    if not ball.is_finite():
        raise ResiduaError(f"expected a finite real number, got {value!r:.40}")
    return ball


def _checked(left: Ball, right: Ball, where: str) -> tuple[Ball, Ball]:
    """The ends of the interval relative to the point as exact numbers, rounded outward."""
    if not (left.is_finite() and right.is_finite()) or left > 0 or right < 0:
        raise ResiduaError(f"{where}: expected a finite interval that contains the point")
    return left.lower().min(flint.arb(0)), right.upper().max(flint.arb(0))


def _as_model(value: Any, like: Model) -> Model:
    """A value that does not depend on the variable comes out of the graph as a constant."""
    return value if isinstance(value, Model) else like * 0 + value


def expression_box_remainder(
    function: Given,
    at: Mapping[str, sp.Expr],
    order: int,
    lower: Mapping[str, sp.Expr],
    upper: Mapping[str, sp.Expr],
    bits: int = 128,
) -> Ball:
    """A ball with f − T_n for lower <= x <= upper in every variable, T_n the Taylor polynomial of total degree n.

    For x = at + h the part of f(at + t h) beyond t^n at t = 1, with a box of h as direction; the box is cut for
    sharpness. Raises as `expression_remainder` does.
    """
    (node,) = from_program(Graph(), function.program)
    names = function.variables
    with precision(MOST_BITS * bits):
        ends = [_ends(name, *(_number(values[name]) for values in (at, lower, upper))) for name in names]

    def path(start: Sequence[Ball], direction: Sequence[Ball], to: int, over: Ball) -> list[Model]:
        points = [_number(at[name]) + s for name, s in zip(names, start, strict=True)]
        lines = [line(point, h, to, over) for point, h in zip(points, direction, strict=True)]
        values = evaluate([node], dict(zip(names, lines, strict=True)), ModelDomain())
        return [_as_model(value, lines[0]) for value in values]

    return _certified_box(path, order, ends, bits)[0]


def _ends(name: str, point: Ball, low: Ball, high: Ball) -> tuple[Ball, Ball]:
    return _checked(low - point, high - point, name)


def network_remainder(
    net: Network,
    weights: Mapping[str, Any],
    at: Any,
    along: Any,
    order: int,
    lower: float,
    upper: float,
    bits: int = 128,
) -> Any:
    """Balls with f(at + t along) − T_n(t) on lower <= t <= upper, one an output: an object array (outputs,), or
    (rows, outputs) for `at` of shape (rows, inputs).

    `along`: an array like `at`, or {parameter: array}, when it is the parameters that move: f(at; w + t along).
    Raises ResiduaError unless lower <= 0 <= upper; PointError where T_n does not exist.
    """
    rows = np.atleast_2d(np.asarray(at, dtype=np.float64))
    left, right = _checked(flint.arb(float(lower)), flint.arb(float(upper)), f"t in [{lower}, {upper}] around 0")
    moved = along if isinstance(along, Mapping) else {}
    direction = (
        np.zeros_like(rows) if isinstance(along, Mapping) else np.atleast_2d(np.asarray(along, dtype=np.float64))
    )

    def path(centre: Ball, over: Ball, to: int) -> list[Model]:
        def moving(values: Any, slopes: Any) -> Any:
            one = np.frompyfunc(lambda v, d: line(flint.arb(v) + centre * d, flint.arb(d), to, over), 2, 1)
            return one(values, np.broadcast_to(slopes, np.shape(values)))

        parameters = {
            name: moving(value, moved[name]) if name in moved else _constants(value) for name, value in weights.items()
        }
        x = moving(rows, direction)
        return [_as_model(value, x.flat[0]) for value in output(net, ModelDomain, x, parameters).flat]

    found = _certified(path, order, left, right, bits, NETWORK_PIECES)
    return _shaped(found, (*np.shape(at)[:-1], net.outputs))


def network_box_remainder(
    net: Network, weights: Mapping[str, Any], at: Any, order: int, lower: Any, upper: Any, bits: int = 128
) -> Any:
    """Balls with f − T_n for lower <= x <= upper, arrays (inputs,), T_n of total degree n: an object array (outputs,).

    Raises as `network_remainder` does.
    """
    ends = [
        _ends(f"input {k}", *(flint.arb(float(values[k])) for values in (at, lower, upper))) for k in range(net.inputs)
    ]
    parameters = {name: _constants(value) for name, value in weights.items()}

    def path(start: Sequence[Ball], direction: Sequence[Ball], to: int, over: Ball) -> list[Model]:
        x = np.empty((1, net.inputs), dtype=object)
        x[0] = [line(float(a) + s, h, to, over) for a, s, h in zip(at, start, direction, strict=True)]
        return [_as_model(value, x[0, 0]) for value in output(net, ModelDomain, x, parameters).flat]

    return _shaped(_certified_box(path, order, ends, bits), (net.outputs,))


def _shaped(found: Sequence[Ball], shape: tuple[int, ...]) -> Any:
    result = np.empty(len(found), dtype=object)
    result[:] = found
    return result.reshape(shape)


def _constants(values: Any) -> Any:
    return np.frompyfunc(lambda v: flint.arb(float(v)), 1, 1)(np.asarray(values))


@dataclass(frozen=True)
class _Box:
    """Sides, directions from the point as balls, and the spans of all outputs."""

    sides: tuple[Ball, ...]
    spans: tuple[_Span, ...]


BoxPath = Callable[[Sequence[Ball], Sequence[Ball], int, Ball], Sequence[Model]]
"""The models of t -> f(at + start + t direction), from start and direction, the order and the ball T."""


def _certified_box(path: BoxPath, order: int, ends: Sequence[tuple[Ball, Ball]], bits: int) -> list[Ball]:
    """As `_certified`, over the boxes into which the whole one is cut, each time across its widest side."""
    with precision(bits, order + 4 * EXTRA):
        boxes = [_boxed(path, order, tuple(a.union(b) for a, b in ends))]
        narrowest = _widest(boxes[0]) * NARROWEST
        while len(boxes) < BOXES:
            worst = _worst([box.spans for box in boxes], [_widest(box) for box in boxes], narrowest, BOX_SLACK)
            if worst is None:
                break
            boxes += [_boxed(path, order, half) for half in _halves(boxes.pop(worst).sides)]
        return [_hull([box.spans[k] for box in boxes]) for k in range(len(boxes[0].spans))]


def _boxed(path: BoxPath, order: int, sides: tuple[Ball, ...]) -> _Box:
    """Both along the rays from the point and by the range of f around the middle of the box less that of T_n; and the
    value at the corner that is farthest from the point."""
    zero = [flint.arb(0)] * len(sides)
    corner = [side.upper() if side.mid() >= 0 else side.lower() for side in sides]
    rays, there = path(zero, sides, order + EXTRA, UNIT), path(zero, corner, order + EXTRA, UNIT)
    known = rays if all(ray.order >= order for ray in rays) else path(zero, sides, order + EXTRA, flint.arb(0))
    middle = [side.mid() for side in sides]
    around = path(middle, [side - m for side, m in zip(sides, middle, strict=True)], EXTRA, UNIT)
    spans = []
    for ray, point, near, series in zip(rays, there, around, known, strict=True):
        taylor = series.low.truncate(order + 1)(flint.arb(1)) if series.order >= order else UNBOUNDED
        value, reached = _narrower(_end(ray, order), near.span - taylor), _end(point, order)
        reached = reached if reached.is_finite() else value
        spans.append(_Span(value.lower(), value.upper(), (reached.upper(), reached.lower()), flint.arb(0)))
    return _Box(sides, tuple(spans))


def _end(model: Model, order: int) -> Ball:
    """f − T_n at t = 1."""
    if model.order < order or not model.span.is_finite():
        return UNBOUNDED
    return model.low.right_shift(order + 1)(flint.arb(1)) + model.rest


def _narrower(a: Ball, b: Ball) -> Ball:
    """What lies in both."""
    if not (a.is_finite() and b.is_finite()):
        return a if a.is_finite() else b if b.is_finite() else UNBOUNDED
    return a.lower().max(b.lower()).union(a.upper().min(b.upper()))


def _widest(box: _Box) -> Ball:
    return _largest(side.rad() for side in box.sides)


def _halves(sides: tuple[Ball, ...]) -> list[tuple[Ball, ...]]:
    """The box cut across its widest side."""
    widest = max(range(len(sides)), key=lambda k: sides[k].rad())
    middle = sides[widest].mid()
    ends = (sides[widest].lower().union(middle), middle.union(sides[widest].upper()))
    return [(*sides[:widest], end, *sides[widest + 1 :]) for end in ends]
