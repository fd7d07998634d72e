"""The radius of convergence of a Taylor series, from the singularities of the function in the complex plane."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import flint
import numpy as np
import sympy as sp

from residua_network import Network, ResiduaError, ShapeError
from residua_symbolic.domains.balls import BITS, BallDomain, precision
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.expressions.conversion import from_program, from_sympy, to_sympy
from residua_symbolic.expressions.evaluation import PointError, evaluate, evaluate_nodes
from residua_symbolic.expressions.given import Given
from residua_symbolic.expressions.graph import Graph, Node, below, rebuilt, variables
from residua_symbolic.series.coefficients.exact import coefficients
from residua_symbolic.series.convergence.analytic import OfGraph, OfNetwork
from residua_symbolic.series.convergence.circles import (
    LONGEST_OF_LOOP,
    Run,
    exclusion,
    is_singular,
    kink,
    singular_functions,
)
from residua_symbolic.series.convergence.complex_balls import TooWideError
from residua_symbolic.series.convergence.discs import CLOSE, MOST_WORK, Disc, disc, estimate, shown
from residua_symbolic.series.convergence.exact_singularities import (
    MOST_NODES,
    Point,
    UnsolvedError,
    distance_of,
    first_distance,
    points_within,
    quotient,
    removable,
    singular_families,
    x,
    zeros_of,
)
from residua_symbolic.series.convergence.singularities import candidates
from residua_symbolic.weights import Weights, checked_rows, checked_weights

ENTIRE = "entire: nothing in it has a singularity"
FARTHEST = 1e12  # how far kinks of functions without singularities are looked for
NEAREST = 12  # singularities that are kept
LOOPS = (*((close, LONGEST_OF_LOOP) for close in CLOSE), (0.25, 2.0**-9))  # around points known exactly: radii, pieces
FARTHER = 8.0
WIDER = 1.5  # by how much a distance grows when all within it cancels
HALF_OF_THE_WORK = MOST_WORK / 2  # for an expression as it is given, and again as one quotient
MOST_REMOVED = 20
ASIDE = 2.0**-8  # of the way to the next singularity, from a point where the function is 0/0
PROBES = 20
PIECES = {  # (slope, constant) of the line that it is for negative and for positive arguments
    "relu": ((0, 0), (1, 0)),
    "abs": ((-1, 0), (1, 0)),
    "sign": ((0, -1), (0, 1)),
    "step": ((0, 0), (0, 1)),
}


@dataclass(frozen=True)
class Radius:
    """A radius of convergence.

    `value`: where `certified`, exact (a SymPy expression, oo included) or an `Enclosure`, both proved; otherwise an
    estimate, which proves nothing: a SymPy Float (or oo). `at_least`: what is proved in any case, 0 where nothing is.
    `words`: what limits it, or why it is an estimate. `singularities`: a dozen of the nearest ones in floats, of a
    conjugate pair the one above the real axis.
    """

    value: sp.Expr | Enclosure
    certified: bool
    words: str
    singularities: tuple[complex, ...]
    at_least: float

    @staticmethod
    def proved(value: sp.Expr | Enclosure, words: str, singularities: Sequence[complex] = ()) -> "Radius":
        """A certified one."""
        return Radius(value, True, words, tuple(singularities)[:NEAREST], _lower(value))

    @staticmethod
    def estimated(value: float, at_least: float, words: str, singularities: Sequence[complex] = ()) -> "Radius":
        """An estimate; `words` say why, the proved bound is put before them."""
        said = f"an estimate, at least {at_least:.6g} proved: {words}" if at_least else f"an estimate: {words}"
        return Radius(sp.Float(max(value, at_least)), False, said, tuple(singularities)[:NEAREST], at_least)


def expression_radius(function: Given, variable: str, at: sp.Expr) -> Radius:
    """Of the series in (variable − at). Raises ResiduaError for further variables; PointError where there is none."""
    (node,) = from_program(Graph(), function.program)
    others = [name for name in variables([node]) if name != variable]
    if others:
        raise ResiduaError(f"radius: expected a function of {variable} alone, got {others[0]!r:.40}, too")
    a = _ball(at)
    try:
        _counted(OfGraph(node, variable), a)  # whether it exists there
    except PointError:
        return _from_beside(function, variable, at, a)
    smooth, kinks = _smooth(node, variable, a)
    if kinks:  # SymPy knows that |x|² is x²
        node = from_sympy(Graph(), function.sympy)
        smooth, kinks = _smooth(node, variable, a)
    run = OfGraph(node, variable)
    found = _exact(smooth, variable, at, a) or _analytic_or_entire(OfGraph(smooth, variable), a)
    if not found.certified:
        found = _simplified(smooth, variable, at, a) or found
    if not kinks:
        return found
    return _exact_kink(_before_kinks(run, a, found), kinks, at)


def _from_beside(function: Given, variable: str, at: sp.Expr, a: Any) -> Radius:
    """Where the function is 0/0 at the point itself, as sin(x)/x is. Raises PointError where it is singular there."""
    coefficients(function, variable, at, 0)  # says so
    (node,) = from_program(Graph(), function.program)
    smooth, kinks = _smooth(node, variable, a + ASIDE)
    found = None if kinks else _simplified(smooth, variable, at, a)
    if found is not None:
        return found
    run = OfGraph(smooth, variable)
    middle = float(a.mid())
    suspected = [z for z in candidates(run, middle) if abs(z - middle) > CLOSE[2] * (1 + abs(middle))]
    guess = abs(suspected[0] - middle) if suspected else 1.0
    decay = estimate(run, middle, guess)
    unseen = ", and its kinks are not looked for" if kinks else ""
    words = f"from the decay of the coefficients; the function is 0/0 at the expansion point{unseen}"
    return Radius.estimated(decay if np.isfinite(decay) else guess, 0.0, words, suspected)


def _ball(at: sp.Expr) -> Any:
    with precision():
        (a,) = evaluate([from_sympy(Graph(), sp.sympify(at))], {}, BallDomain())
    return flint.arb(a)


def _smooth(node: Node, variable: str, a: Any) -> tuple[Node, list[Node]]:
    """The analytic function that it is near a, and the arguments of what has a kink. Raises PointError on a kink."""
    order = below([node])
    if not any(inner.function in PIECES for inner in order):
        return node, []
    with precision():
        values = evaluate_nodes(order, {variable: a}, BallDomain())
    kinks: list[Node] = []

    def rule(old: Node, arguments: tuple[Node, ...]) -> Node:
        graph = old.graph
        if old.function == "mul" and graph.zero in arguments:
            return graph.zero
        if old.function not in PIECES:
            return graph.apply(old.function, *arguments) if arguments else old
        value = values[old.arguments[0].index]
        if not (value > 0 or value < 0):
            raise PointError(f"{old.function}({value}): the point lies on the kink: no Taylor series there", old)
        if variables([arguments[0]]):
            kinks.append(arguments[0])
        slope, constant = PIECES[old.function][bool(value > 0)]
        return graph.add(graph.mul(graph.number(slope), arguments[0]), graph.number(constant))

    (smooth,) = rebuilt([node], rule)
    return smooth, kinks


def _analytic_or_entire(run: Run, a: Any) -> Radius:
    return _analytic(run, a, (), HALF_OF_THE_WORK) if _counted(run, a)[0] else Radius.proved(sp.oo, ENTIRE)


def _exact(node: Node, variable: str, at: sp.Expr, a: Any, form: sp.Expr | None = None) -> Radius | None:
    """The distance of the nearest singularity, where all possible ones are known exactly, and it is certainly one.

    `form`: the function as N/D, which shows that a point is none after all, perhaps `at` itself: the function is then
    continued from a point close to it. None where this decides nothing.
    """
    run, gone = OfGraph(node, variable), list[Point]()
    try:
        families = singular_families(node)
        distance = first_distance(families, at)
        finitely_many = all(family.period == 0 for family in families)
        while distance is not None and len(gone) <= MOST_REMOVED:
            reach = float("inf") if finitely_many else WIDER * (distance or 1.0)
            near = points_within(families, at, WIDER * reach)  # those beyond only so as to be left out of circles
            for place, point in enumerate(near):
                if point in gone or abs(point.number - complex(sp.N(at))) > reach:
                    continue
                if form is not None and _is_removable(form, point, at):
                    gone.append(point)
                    a = a + _aside(point, near) if _same(point, at) else a
                elif not gone and exclusion(run, a, (1 - CLOSE[2]) * abs(point.number - complex(sp.N(at)))).zero:
                    return None  # against what the solutions say: nothing is claimed
                elif _is_singular(run, a, point, near, complex(sp.N(at))):
                    words = f"singular at {shown(point.number)}"
                    return Radius.proved(distance_of(point, at), words, _floats(near[place:]))
                else:
                    return None
            distance = None if finitely_many else reach
    except UnsolvedError:
        return None
    if distance is not None:
        return None
    words = ENTIRE if not gone else f"entire: what is singular at {shown(gone[0].number)} cancels"
    return Radius.proved(sp.oo, words)


def _same(point: Point, at: sp.Expr) -> bool:
    middle = complex(sp.N(at))
    return abs(point.number - middle) < CLOSE[0] * (1 + abs(middle))


def _aside(point: Point, near: Sequence[Point]) -> Any:
    """A step to where nothing is singular, short beside the way to any other point."""
    gaps = [abs(p.number - point.number) for p in near]
    return flint.arb(ASIDE * min((gap for gap in gaps if gap > CLOSE[0]), default=1.0))


def _is_singular(run: Run, a: Any, point: Point, near: Sequence[Point], middle: complex) -> bool:
    """In a disc around the point that holds none of the others, `near` being all in a much larger disc around a."""
    size = abs(point.number - middle)
    gaps = [abs(point.number - p.number) for p in near]
    gap = min((g for g in gaps if g > CLOSE[0] * size), default=size)
    return any(is_singular(run, a, point.number, s * size, longest) for s, longest in LOOPS if s * size < gap / 2)


def _is_removable(form: sp.Expr, point: Point, at: sp.Expr) -> bool:
    """N/D, where D has no singularities at all, and N none at the point, nor, if there are any, on the real way to it.

    On that way logarithms and roots then stay on their real branches, which SymPy evaluates.
    """
    graph = Graph()
    top, bottom = (singular_families(from_sympy(graph, part)) for part in sp.fraction(form))
    middle = complex(sp.N(at))
    size = abs(point.number - middle)
    if bottom or (top and abs(point.number.imag) > CLOSE[0] * size):
        return False
    near = points_within(top, at, (1 + CLOSE[1]) * size + CLOSE[0])
    real = [p.number.real for p in near if abs(p.number.imag) < CLOSE[1] * size]
    return not any(_between(z, middle.real, point.number.real) for z in real) and removable(form, point)


def _between(z: float, a: float, b: float) -> bool:
    """With a margin."""
    margin = CLOSE[1] * abs(b - a)
    return min(a, b) - margin <= z <= max(a, b) + margin


def _floats(points: Sequence[Point]) -> tuple[complex, ...]:
    return tuple(dict.fromkeys(complex(p.number.real, abs(p.number.imag)) for p in points))


def _simplified(node: Node, variable: str, at: sp.Expr, a: Any) -> Radius | None:
    """From the function as one quotient, in which singularities have cancelled; None where that decides nothing."""
    if len(below([node])) > MOST_NODES:
        return None
    form = quotient(to_sympy(node, symbols={variable: x}))
    try:
        plain = from_sympy(Graph(), form)
        found = _exact(plain, x.name, at, a, form) or _analytic_or_entire(OfGraph(plain, x.name), a)
    except ResiduaError:
        return None
    return found if found.certified else None


def _exact_kink(found: Radius, kinks: Sequence[Node], at: sp.Expr) -> Radius:
    """The same with an exact value, where the kink is a point known exactly."""
    if not found.certified or not isinstance(found.value, Enclosure):
        return found
    upper = float(found.value.upper)
    try:
        near = points_within([family for node in kinks for family in zeros_of(node)], at, upper)
    except UnsolvedError:
        return found
    real = [p for p in near if abs(p.number.imag) < CLOSE[0] * upper]
    return Radius.proved(distance_of(real[0], at), found.words, found.singularities) if real else found


def network_radius(net: Network, weights: Weights, at: Any, along: Any = None) -> Radius:
    """Of the series in t of net(at + t · along).

    `at`: (inputs,), or (rows, inputs) where batch statistics couple rows; `along`: an array like it (ones where None),
    or {parameter: array}. Raises ShapeError, WeightsError; PointError on a kink.
    """
    rows = checked_rows(np.atleast_2d(np.asarray(at, dtype=np.float64)), "at", net.inputs)
    known = checked_weights(net, weights)
    run = OfNetwork(net, known, rows, _direction(along, rows, known))
    zero, shape = flint.arb(0), (1, 1)  # points, rows, features
    conditions, kinks = _counted(run, zero)
    found = _analytic(run, zero, shape) if conditions else Radius.proved(sp.oo, ENTIRE)
    return _before_kinks(run, zero, found) if kinks else found


def _direction(along: Any, x: Any, weights: Weights) -> Any:
    """Checked and as float64."""
    if isinstance(along, Mapping):
        for name, value in along.items():
            if name not in weights or np.shape(value) != weights[name].shape:
                expected = weights[name].shape if name in weights else f"one of {', '.join(weights)}"
                raise ShapeError(f"radius: along[{name!r:.40}] expects {expected}, got {np.shape(value)}")
        return {name: np.asarray(value, dtype=np.float64) for name, value in along.items()}
    direction = np.ones_like(x) if along is None else np.asarray(along, dtype=np.float64)
    if direction.size != x.size or not np.isfinite(direction).all():
        raise ShapeError(
            f"radius: along expects finite numbers in the shape {x.shape} of the point, got {direction.shape}"
        )
    return direction.reshape(x.shape)


def _counted(run: Run, a: Any) -> tuple[int, int]:
    try:
        return singular_functions(run, a)
    except TooWideError as error:
        raise PointError(f"the function does not exist at the expansion point: {error}") from None


def _analytic(run: Run, a: Any, shape: tuple[int, ...], most_work: float = MOST_WORK) -> Radius:
    found = disc(run, a, shape, most_work)
    if found.upper < np.inf:
        return Radius.proved(found.enclosure, f"{found.what} at {shown(found.nearest)}", found.candidates)
    if not found.candidates:
        found = _probed(run, a, found)
    guess = max(found.lower, abs(found.nearest - float(a.mid())))
    decay = estimate(run, float(a.mid()), guess, shape)
    told = bool(np.isfinite(decay))
    source = "from the decay of the coefficients" if told else "where a singularity is suspected"
    value = decay if told else guess
    return Radius.estimated(value, found.lower, f"{source}; not decided: {found.what}", found.candidates)


def _probed(run: Run, a: Any, found: Disc) -> Disc:
    """The largest of the discs of radius …, 1/2, 1, 2, … in which nothing is singular, for want of candidates."""
    lower = 0.0
    for power in range(-PROBES, PROBES):
        answer = exclusion(run, a, 2.0**power)
        if not answer.holds:
            break
        lower = 2.0**power
    return replace(found, lower=lower, nearest=complex(float(a.mid()) + lower))


def _before_kinks(run: Run, a: Any, found: Radius) -> Radius:
    """As far as the series equals the function, at most."""
    bounded = found.value != sp.oo
    reach = _lower(found.value) if bounded else FARTHEST
    lower, upper = _kink(run, a, reach)
    at_least = min(lower, found.at_least)
    if lower >= reach:
        words = f"{found.words}; no kink before that" if bounded else f"no kink within {FARTHEST:g}"
        return replace(found, certified=found.certified and bounded, words=words, at_least=at_least)
    if upper == np.inf:
        words = "farther on the real axis a kink that may not matter, or something else, is not decided"
        return Radius.estimated(lower, at_least, words, found.singularities)
    if upper > found.at_least:
        return Radius.estimated(
            lower, at_least, f"a kink, or before it a singularity; {found.words}", found.singularities
        )
    on = f"up to {_lower(found.value):.6g}" if bounded else "everywhere"
    words = (
        f"none across the kink at a distance of {lower:.6g}; the series converges {on}, to what the function is before"
    )
    with precision():
        value = Enclosure(flint.arb(lower).union(flint.arb(upper)), BITS)
    return Radius.proved(value, words, found.singularities)


def _kink(run: Run, a: Any, reach: float) -> tuple[float, float]:
    """As `kink`, near by first, where it is known best."""
    near = min(1.0, reach)
    while near < reach:
        lower, upper = kink(run, a, near)
        if lower < near:
            return lower, upper
        near *= FARTHER
    lower, upper = kink(run, a, reach)
    return kink(run, a, 2 * lower) if 0 < lower < reach / FARTHER else (lower, upper)


def _lower(value: sp.Expr | Enclosure) -> float:
    if isinstance(value, Enclosure) or value == sp.oo:
        return float(value.lower) if isinstance(value, Enclosure) else float("inf")
    return float(np.nextafter(float(value), 0))
