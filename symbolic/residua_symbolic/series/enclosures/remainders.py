"""Certified remainders: balls that contain f − T_n on a whole interval or box, for expressions and networks.

Around the expansion point a Taylor enclosure of order N > n gives f − T_n = Σ_{n<k<=N} c_k t^k + ρ(t) t^(N+1), in which
nothing is left of what T_n cancels. Where that is too wide, or where the series does not converge, the interval is cut:
a piece away from the point has an enclosure of its own around its middle, from which T_n, expanded there exactly, is
taken away. Always the piece that spoils the bound most is cut next, until the bound is within `SLACK` of values that
f − T_n certainly takes, or `PIECES` are used up; the result is an enclosure at any time.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
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
from residua_symbolic.series.enclosures.bounds import UNBOUNDED, whole_power
from residua_symbolic.series.enclosures.models import Model, ModelDomain, line
from residua_symbolic.series.networks import directions
from residua_symbolic.series.networks.walk import output

Ball = Any
Poly = Any
Exponents = tuple[int, ...]
Path = Callable[[Ball, Ball, int], Sequence[Model]]
"""The models, around t = centre, of a function of t: from the centre, a ball T around 0, and the order."""

UNIT = flint.arb(0.5, 0.5)  # contains [0, 1]
EXTRA = 8  # orders beyond n: what is left is relatively of the size (T/radius of convergence)^EXTRA
SLACK = flint.arb(0.05)  # how far the bound may exceed what f − T_n reaches, relatively
BOX_SLACK = flint.arb(0.2)  # the same of boxes, whose number grows with the power of their dimension
PIECES = 64
NETWORK_PIECES = 32
BOXES = 48
CONES = 256  # parts of the boundary of a box
BITS_A_DEGREE = 8  # what interpolation and Bernstein's form may lose
DIRECTIONS = 600  # that all boxes together may take
FEWEST = 6
MOST_DIRECTIONS = 400  # of one box
MOST_SIDES = 4  # Bernstein's form has the power of them as many coefficients
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
        spans = [
            _span(p, model.rest, model.order + 1, low, high) if model.span.is_finite() else _nowhere()
            for p, model in zip(left, models, strict=True)
        ]
        if any(_exceeds(span, taylor(lower.union(upper))) for span, taylor in zip(spans, self.taylor, strict=True)):
            spans = self._by_range(spans, centre, low, high)
        return _Piece(lower, upper, tuple(spans))

    def _by_range(self, spans: Sequence[_Span], centre: Ball, low: Ball, high: Ball) -> list[_Span]:
        """No worse than the range of f less T_n: of a wide piece a series says little, while sin is at most 1."""
        try:
            models = self.path(centre, low.union(high), -1)
        except ResiduaError:
            return list(spans)
        return [
            _better(span, _span(-taylor(flint.arb_poly([centre, 1])), model.span, 0, low, high))
            for span, taylor, model in zip(spans, self.taylor, models, strict=True)
        ]

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
    found, most = None, flint.arb(0)
    for column in zip(*spans, strict=True):
        least, largest = _least(s.reached[0] for s in column), _largest(s.reached[1] for s in column)
        size = abs(least).max(abs(largest))
        bound = _largest(abs(span.lower).max(abs(span.upper)) for span in column)
        for k, span in enumerate(column):
            excess = (span.upper - largest).max(least - span.lower)
            if excess > 2 * span.noise and excess > slack * size and excess > most * bound:
                found, most = k, excess / bound
    return found


def _least(values: Any) -> Ball:
    found = None
    for value in values:
        found = value if found is None or value < found else found
    return found


def _largest(values: Any) -> Ball:
    return -_least(-value for value in values)


def _exceeds(span: _Span, taylor: Ball) -> bool:
    """Whether f − T_n may be larger than T_n."""
    return not (span.is_finite and max(abs(span.lower), abs(span.upper)) <= abs(taylor).upper())


def _better(a: _Span, b: _Span) -> _Span:
    """Both bounds hold."""
    if not (a.is_finite and b.is_finite):
        return a if a.is_finite else b
    if a.lower >= b.lower and a.upper <= b.upper:
        return a
    reached = (a.reached[0].min(b.reached[0]), a.reached[1].max(b.reached[1]))
    return _Span(a.lower.max(b.lower), a.upper.min(b.upper), reached, a.noise.min(b.noise))


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
            noisy = [k for k in range(len(found)) if _is_noisy([piece.spans[k] for piece in pieces], found[k])]
            if not noisy or (times > 1 and all(_is_nothing(found[k], remainder.taylor[k]) for k in noisy)):
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


BoxPath = Callable[[Sequence[Ball], Sequence[Ball], int, Ball], Sequence[Model]]
"""The models of t -> f(at + start + t direction), from start and direction, the order and the ball T."""


@dataclass(frozen=True)
class _Box:
    """Sides, relative to the point, and the spans of all outputs."""

    sides: tuple[Ball, ...]
    spans: tuple[_Span, ...]


class _Boxes:
    """f − T_n on a box that contains the point, by Taylor polynomials in all variables and a remainder along the rays.

    Around the point, or around the middle of a box that does not contain it, f(b + h) = P(h) + ρ, with the coefficients
    of P from exact directions and ρ from the Taylor enclosure in t of f(b + t h), h the whole box, at t = 1. Interval
    arithmetic spoils only ρ: the coefficients of P − T_n are narrow, and Bernstein's form bounds it.
    """

    def __init__(self, path: BoxPath, order: int, ends: Sequence[tuple[Ball, Ball]]) -> None:
        self.path, self.order, self.degree, self.dimension = path, order, order + EXTRA, len(ends)
        self.whole = tuple(low.union(high) for low, high in ends)
        self.scale = [_reach(side) for side in self.whole]
        self.zero = [flint.arb(0)] * len(ends)
        found = self._terms(self.zero, self.scale, self.degree)
        if found is None:
            raise PointError(f"the Taylor polynomial of order {order} does not exist at this point")
        self.around = found
        self.taylor = [{a: c for a, c in terms.items() if sum(a) <= order} for terms in found]
        self.boxes = [self._box(self.whole)]

    def _terms(self, at: Sequence[Ball], scale: Sequence[Ball], degree: int) -> list[dict[Exponents, Ball]] | None:
        """Coefficients of f(at + scale u) in powers of u up to a degree, of every output; None where it has none."""
        nodes = tuple(0.05 + 0.9 * node for node in directions.leja(degree + 1))  # none at 0: sin(x)/x along y is 0/0
        ways = directions.directions(self.dimension, degree, nodes)
        parts: Any = None
        lost = 0
        for p, way in enumerate(ways.tolist()):
            slope = [s * w for s, w in zip(scale, way, strict=True)]
            try:
                models = self.path(at, slope, degree + lost, flint.arb(0))
                deficit = degree - min(model.order for model in models)
                if 0 < deficit < EXTRA:
                    lost = max(lost, deficit + lost)
                    models = self.path(at, slope, degree + lost, flint.arb(0))
            except ResiduaError:
                return None
            if parts is None:
                parts = np.empty((len(ways), degree + 1, len(models)), dtype=object)
            for k, model in enumerate(models):
                if model.order < degree or not model.low[0].is_finite():
                    return None
                parts[p, :, k] = [model.low[j] for j in range(degree + 1)]
        terms = directions.homogeneous(parts, self.dimension, degree, tuple(map(flint.arb, nodes)))
        found = [{a: c[k] for a, c in terms.items()} for k in range(parts.shape[2])]
        return found if all(c.is_finite() for each in found for c in each.values()) else None

    def _box(self, sides: tuple[Ball, ...]) -> _Box:
        """Bounds on a part of the whole box."""
        inside = all(side.contains(0) for side in sides)
        at = self.zero if inside else [side.mid() for side in sides]
        moved = [(s.lower() - a).lower().union((s.upper() - a).upper()) for s, a in zip(sides, at, strict=True)]
        try:
            rays = self.path(at, moved, self.degree, UNIT)
        except ResiduaError:  # f does not exist somewhere
            return _Box(sides, tuple(_nowhere() for _ in self.taylor))
        scale = self.scale if inside else [_reach(side) for side in moved]
        terms = self.around if inside else None
        if not inside and any(ray.rest.rad() * 2 < ray.span.rad() for ray in rays if ray.span.is_finite()):
            terms = self._terms(at, scale, max(ray.order for ray in rays))
        spans = []
        for k, ray in enumerate(rays):
            order = ray.order if terms is not None else -1
            if not ray.span.is_finite():
                spans.append(_nowhere())
                continue
            rest = ray.rest if order >= 0 else ray.span
            kept = {a: c for a, c in (terms[k] if terms is not None else {}).items() if sum(a) <= order}
            if inside:
                left = {a: -c for a, c in self.taylor[k].items() if sum(a) > order}
                left |= {a: c for a, c in kept.items() if sum(a) > self.order}
            else:
                left = kept
                for a, c in _shifted(
                    self.taylor[k],
                    [m / s for m, s in zip(at, self.scale, strict=True)],
                    [m / s for m, s in zip(scale, self.scale, strict=True)],
                ).items():
                    left[a] = left.get(a, flint.arb(0)) - c
            spans.append(_bernstein(left, [side / s for side, s in zip(moved, scale, strict=True)], rest))
        return _Box(sides, tuple(spans))

    def polynomials(self) -> list[_Span]:
        """Bounds on the whole box of P − T_n, P the polynomial around the point."""
        sides = [side / s for side, s in zip(self.whole, self.scale, strict=True)]
        return [_bernstein(_beyond(terms, self.order), sides, flint.arb(0)) for terms in self.around]

    def search(self, most: int) -> None:
        """Cut boxes where it pays, until there are `most`."""
        while len(self.boxes) < most:
            widths = [self._width(box) for box in self.boxes]
            worst = _worst([box.spans for box in self.boxes], widths, flint.arb(NARROWEST), BOX_SLACK)
            if worst is None:
                break
            self.boxes += [self._box(sides) for sides in self._parts(self.boxes.pop(worst).sides)]

    def _breadths(self, sides: Sequence[Ball]) -> list[Ball]:
        """Of every side, relative to the whole box."""
        pairs = zip(sides, self.scale, strict=True)
        return [(side.rad() / scale).mid() for side, scale in pairs]

    def _width(self, box: _Box) -> Ball:
        return _largest(self._breadths(box.sides))

    def _parts(self, sides: tuple[Ball, ...]) -> list[tuple[Ball, ...]]:
        """Cut across the broadest side: in the middle, or so that half of it remains around the point."""
        breadths = self._breadths(sides)
        broadest = max(range(len(sides)), key=lambda k: breadths[k])
        low, high = sides[broadest].lower(), sides[broadest].upper()
        inside = all(side.contains(0) for side in sides)
        middles = [end / 2 for end in (low, high) if not end.is_zero()] if inside else [((low + high) / 2).mid()]
        cuts = [low, *middles, high]
        return [(*sides[:broadest], a.union(b), *sides[broadest + 1 :]) for a, b in itertools.pairwise(cuts)]


def _beyond(terms: Mapping[Exponents, Ball], order: int) -> dict[Exponents, Ball]:
    return {a: c for a, c in terms.items() if sum(a) > order}


def _reach(side: Ball) -> Ball:
    """The distance of the farther end; 1 of a side without length at 0."""
    reach = abs(side).upper()
    return reach if reach > 0 else flint.arb(1)


def _shifted(terms: Mapping[Exponents, Ball], at: Sequence[Ball], slopes: Sequence[Ball]) -> dict[Exponents, Ball]:
    """Σ c_a Π (at_i + slope_i u_i)^(a_i) in powers of u."""
    for k, pair in enumerate(zip(at, slopes, strict=True)):
        found: dict[Exponents, Ball] = {}
        moved = flint.arb_poly(list(pair))
        powers = [moved**j for j in range(max(e[k] for e in terms) + 1)]
        for e, c in terms.items():
            for j, factor in enumerate(powers[e[k]].coeffs()):
                key = (*e[:k], j, *e[k + 1 :])
                found[key] = found.get(key, flint.arb(0)) + c * factor
        terms = found
    return dict(terms)


def _bernstein(terms: Mapping[Exponents, Ball], sides: Sequence[Ball], rest: Ball) -> _Span:
    """Bounds of Σ c_a u^a + rest for u in a box: a polynomial lies between its least and its largest coefficient in
    Bernstein's basis, and those of the corners are values."""
    if not terms:
        terms = {(0,) * len(sides): flint.arb(0)}
    degrees = [max(a[k] for a in terms) for k in range(len(sides))]
    tensor = np.full([d + 1 for d in degrees], flint.arb(0), dtype=object)
    for a, c in terms.items():
        tensor[a] = c
    for k, (degree, side) in enumerate(zip(degrees, sides, strict=True)):
        first = np.moveaxis(tensor, k, 0)
        product = _to_bernstein(degree, side) * flint.arb_mat(first.reshape(degree + 1, -1).tolist())
        tensor = np.moveaxis(np.array(product.tolist(), dtype=object).reshape(first.shape), 0, k)
    values = [c + rest for c in tensor.flat]
    corners = [tensor[at] + rest for at in itertools.product(*((0, degree) for degree in degrees))]
    if not all(value.is_finite() for value in values):
        return _nowhere()
    return _Span(
        _least(v.lower() for v in values),
        _largest(v.upper() for v in values),
        (_least(v.upper() for v in corners), _largest(v.lower() for v in corners)),
        _largest(c.rad() for c in tensor.flat),
    )


def _to_bernstein(degree: int, side: Ball) -> Any:
    """The matrix from coefficients of powers of u to those in Bernstein's basis of the interval [l, r]: with
    u = l + (r − l) s, s^k has the coefficients C(i, k)/C(d, k)."""
    start = flint.arb_poly([side.lower(), side.upper() - side.lower()])
    powers = [(start**j).coeffs() for j in range(degree + 1)]
    return flint.arb_mat(
        [
            [
                _total(c * flint.fmpq(comb(i, k), comb(degree, k)) for k, c in enumerate(powers[j][: i + 1]))
                for j in range(degree + 1)
            ]
            for i in range(degree + 1)
        ]
    )


class _Cones:
    """The same box as the union of cones t d, 0 <= t <= 1, over the parts d of those faces that do not contain the
    point: of each part the Taylor enclosure along its rays, whose direction is nearly known."""

    def __init__(self, path: BoxPath, order: int, ends: Sequence[tuple[Ball, Ball]]) -> None:
        self.path, self.order = path, order
        whole = [low.union(high) for low, high in ends]
        self.scale = [_reach(side) for side in whole]
        self.faces = [
            (*whole[:k], end, *whole[k + 1 :]) for k, pair in enumerate(ends) for end in pair if not end.is_zero()
        ] or [tuple(whole)]  # the box is the point

    def rays(self, sides: Sequence[Ball]) -> _Remainder:
        """f − T_n along the rays of a part."""

        def path(centre: Ball, over: Ball, to: int) -> Sequence[Model]:
            return self.path([centre * side for side in sides], sides, to, over)

        return _Remainder(path, self.order, flint.arb(0), flint.arb(1))

    def halves(self, sides: tuple[Ball, ...]) -> list[tuple[Ball, ...]]:
        """A part cut across its broadest side, relative to the box; itself where it is a point."""
        broadest = self.broadest(sides)
        side = sides[broadest]
        if side.rad().is_zero():
            return [sides]
        ends = (side.lower().union(side.mid()), side.mid().union(side.upper()))
        return [(*sides[:broadest], end, *sides[broadest + 1 :]) for end in ends]

    def broadest(self, sides: Sequence[Ball]) -> int:
        """Which side that is."""
        return max(range(len(sides)), key=lambda k: (sides[k].rad() / self.scale[k]).mid())

    def bounds(self, most: int) -> list[Ball]:
        """Enclosures of all outputs, from the enclosures of coefficients over each part."""
        parts = [(face, self.rays(face).piece(flint.arb(0), flint.arb(1)).spans) for face in self.faces]
        while len(parts) < most:
            sizes = [_largest(_size(_hull([span])) for span in spans) for _, spans in parts]
            worst = max(range(len(parts)), key=lambda k: (sizes[k], parts[k][0][self.broadest(parts[k][0])].rad()))
            halves = self.halves(parts.pop(worst)[0])
            parts += [(half, self.rays(half).piece(flint.arb(0), flint.arb(1)).spans) for half in halves]
            if len(halves) == 1:
                break
        return [_hull([spans[k] for _, spans in parts]) for k in range(len(parts[0][1]))]

    def rests(self, degree: int, goal: Sequence[Ball], most: int) -> list[Ball] | None:
        """ρ t^(degree + 1) = f(at + t d) − P(t d) for every t and d, of all outputs; cut until it is within the goal.
        None where one part has none."""
        if not all(rest.is_finite() for face in self.faces for rest in self.rest(self._smallest(face, most), degree)):
            return None
        waiting = [(face, self.rest(face, degree)) for face in self.faces]
        while len(waiting) < most:
            sizes = [_largest(r / g for r, g in zip(map(_size, rests), goal, strict=True)) for _, rests in waiting]
            worst = max(range(len(waiting)), key=lambda k: (sizes[k], self._breadth(waiting[k][0])))
            if sizes[worst] <= 1:
                break
            sides, _ = waiting.pop(worst)
            halves = self.halves(sides)
            waiting += [(half, self.rest(half, degree)) for half in halves]
            if len(halves) == 1:
                break
        found = [rests for _, rests in waiting]
        if not all(rest.is_finite() for rests in found for rest in rests):
            return None
        return [_union([flint.arb(0), *(rests[k] for rests in found)]) for k in range(len(found[0]))]

    def _smallest(self, face: Sequence[Ball], most: int) -> list[Ball]:
        """A part in the middle of a face, as small as so many equal parts are: where it has no bound, none will do."""
        share = (len(self.faces) / most) ** (1 / max(1, len(face) - 1))
        return [flint.arb(side.mid(), side.rad() * share) for side in face]

    def _breadth(self, sides: Sequence[Ball]) -> Ball:
        k = self.broadest(sides)
        return (sides[k].rad() / self.scale[k]).mid()

    def rest(self, sides: Sequence[Ball], degree: int) -> list[Ball]:
        """ρ on one part."""
        try:
            models = self.path([flint.arb(0)] * len(sides), sides, degree, UNIT)
        except ResiduaError:
            return [UNBOUNDED]
        return [m.rest if m.order >= degree and m.span.is_finite() else UNBOUNDED for m in models]


def _is_nothing(remainder: Ball, taylor: Poly) -> bool:
    """Whether a bound that is rounding is so small beside T_n that more bits are not worth their time."""
    return bool(taylor.length() > 0 and _size(remainder) <= _negligible(taylor.coeffs()))


def _size(ball: Ball) -> Ball:
    return abs(ball).upper() if ball.is_finite() else flint.arb.pos_inf()


def _union(balls: Sequence[Ball]) -> Ball:
    found = balls[0]
    for ball in balls[1:]:
        found = found.union(ball)
    return found


def _total(balls: Iterable[Ball]) -> Ball:
    return sum(balls, flint.arb(0))


def _certified_box(path: BoxPath, order: int, ends: Sequence[tuple[Ball, Ball]], bits: int) -> list[Ball]:
    """As `_certified`, in all variables at once where it does not need too many directions."""
    if len(ends) == 1:
        return _certified(lambda at, over, to: path([at], [flint.arb(1)], to, over), order, *ends[0], bits, PIECES)
    with precision(bits + BITS_A_DEGREE * (order + EXTRA), order + 4 * EXTRA):
        cones = _Cones(path, order, ends)
        needed = directions.count(len(ends), order + EXTRA)
        if needed > MOST_DIRECTIONS or len(ends) > MOST_SIDES:
            return cones.bounds(BOXES)
        boxes = _Boxes(path, order, ends)
        found = [_hull([box.spans[k] for box in boxes.boxes]) for k in range(len(boxes.taylor))]
        near = boxes.polynomials()
        goal = [
            (_size(_hull([span])) * BOX_SLACK).max(_negligible(list(t.values())))
            for span, t in zip(near, boxes.taylor, strict=True)
        ]
        rests = cones.rests(boxes.degree, goal, CONES)
        if rests is not None:
            found = [_narrower(f, _hull([s]) + r) for f, s, r in zip(found, near, rests, strict=True)]
        if not all(_size(r) <= g for r, g in zip(rests or [UNBOUNDED] * len(goal), goal, strict=True)):
            boxes.search(max(FEWEST, min(BOXES, DIRECTIONS // needed)))
            found = [_narrower(f, _hull([box.spans[k] for box in boxes.boxes])) for k, f in enumerate(found)]
        return found


def _negligible(taylor: Sequence[Ball]) -> Ball:
    """What is nothing beside the coefficients of T_n at half of the working precision."""
    return _largest(abs(c).upper() for c in taylor) * flint.arb(2) ** (-flint.ctx.prec // 2)


def _narrower(a: Ball, b: Ball) -> Ball:
    """What lies in both."""
    if not (a.is_finite() and b.is_finite()):
        return a if a.is_finite() else b if b.is_finite() else UNBOUNDED
    return a.lower().max(b.lower()).union(a.upper().min(b.upper()))
