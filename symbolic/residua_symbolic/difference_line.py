"""A function along one variable through a point: its exact values, its derivatives there, and where it has none."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import flint

from residua_network import Program
from residua_symbolic.difference_formulas import Formula
from residua_symbolic.domains import balls
from residua_symbolic.domains.machine import MachineDomain
from residua_symbolic.domains.rationals import RationalDomain
from residua_symbolic.expressions.calculus import derivative, tangents
from residua_symbolic.expressions.conversion import from_program
from residua_symbolic.expressions.evaluation import PointError, evaluate, evaluate_nodes
from residua_symbolic.expressions.graph import NUMBER, VARIABLE, Graph, Node, below, rebuilt

BITS = 256  # to begin with
MOST_BITS = 2**14  # beyond, what is not told from 0 is taken for 0: 2^-1074 is the smallest float
DIGITS = 70  # bits that are wanted of a value, well beyond float64's 53
FLOAT_BITS = 1100  # of the numerator or denominator of any float, or of a float plus a small multiple of a step
DIGITS_KEPT = 2.0**20  # bits of a rational number; beyond, balls are faster
MOST_KINKS = 6  # at one point; each doubles the branches, or trebles them
LIPSCHITZ, JUMPS = ("abs", "relu"), ("sign", "step")


class FunctionLine:
    """f along `variable` through `point`, floats by name; evaluated as the program is written."""

    def __init__(self, program: Program, variable: str, point: Mapping[str, float]) -> None:
        (self.node,) = from_program(Graph(), program)[:1]
        self.variable, self.point = variable, dict(point)
        self.at = self.point[variable]
        self._x = self.node.graph.variable(variable)
        self._order = below([self.node])
        self._slope = derivative(self.node, self._x)
        self.is_rational = _stays_small(below([self.node, self._slope]), 2 * FLOAT_BITS)

    def value(self, x: float) -> float:
        """f(x) as Python computes it. Raises PointError, with the node, where it has no finite value."""
        found = evaluate_nodes(self._order, {**self.point, self.variable: x}, MachineDomain())
        for node in self._order:
            value = found[node.index]
            if not _finite(value):
                raise PointError(f"{_described(node)} is not finite at {self.variable} = {x!r}: {value!r}", node)
        return float(found[self.node.index])

    def error_in_spacings(self, x: float) -> float:
        """(computed − exact value of f at x) / spacing of floats there: within ±1/2 f is correctly rounded."""
        value = self.value(x)
        unit = Fraction(math.ulp(value))
        return narrow(lambda: -(self.exact(Fraction(x)) - _arb(Fraction(value))) / _arb(unit))

    def exact(self, x: Fraction) -> Any:
        """f(x): fmpq where it is rational, else an Arb ball at the precision at hand."""
        return self._exactly([self.node], x)[0]

    def derivative_enclosed(self, bits: int = BITS) -> Any:
        """f'(at) as a ball, or as a rational number. Raises PointError where f has no derivative."""
        with balls.precision(bits):
            self._check_kinks()
            (value,) = self._exactly([self._slope], Fraction(self.at), "derivative of ")
        return value

    def truncation(self, formula: Formula, step: float) -> float:
        """(Σ c f(at + s h)) / h − f'(at), correctly rounded but for a bit; steps that are exact numbers."""
        return narrow(lambda: self._quotient(formula, step) - self._slope_exact())

    def rounding(self, formula: Formula, step: float, computed: float) -> float:
        """What was computed minus the exact quotient."""
        return narrow(lambda: -(self._quotient(formula, step) - _arb(Fraction(computed))))

    @property
    def slope(self) -> Node:
        """f' as a graph."""
        return self._slope

    def coefficients(self, order: int, radius: Fraction | None = None) -> list[Any]:
        """f⁽ᵏ⁾/k! for k = 0…order at the point, as balls; with a radius, enclosures over [at − radius, at + radius].

        Power series arithmetic over a ball encloses the coefficients around each of its points (Moore 1966).
        """
        with balls.precision(max(BITS, flint.ctx.prec), order + 1):
            middle = flint.arb(self.at)
            start = middle if radius is None else middle + flint.arb(0, _arb(radius).upper())
            values = {name: flint.arb(v) for name, v in self.point.items()}
            values[self.variable] = flint.arb_series([start, 1])
            try:
                (found,) = evaluate([self.node], values, _Series())
            except PointError as error:
                if error.node is None:
                    raise
                what = f"{_described(error.node)} has none, or its argument cannot be told from a corner"
                raise PointError(f"no Taylor series at {self.variable} = {self.at!r}: {what}", error.node) from error
            if not isinstance(found, flint.arb_series):
                return [flint.arb(found), *[flint.arb(0)] * order]
            return [found[k] for k in range(order + 1)]

    def _quotient(self, formula: Formula, step: float) -> Any:
        h = Fraction(step)
        total: Any = flint.fmpq(0)
        for s, c in formula.weights.items():
            total = total + self.exact(Fraction(self.at) + s * h) * flint.fmpq(c.numerator, c.denominator)
        return total / flint.fmpq(h.numerator, h.denominator)

    def _slope_exact(self) -> Any:
        return self._exactly([self._slope], Fraction(self.at))[0]

    def _exactly(self, nodes: list[Node], x: Fraction, what: str = "") -> list[Any]:
        values = {name: Fraction(v) for name, v in self.point.items()} | {self.variable: x}
        try:
            if not self.is_rational:
                raise PointError("its digits would be too many")
            rationals = {name: flint.fmpq(v.numerator, v.denominator) for name, v in values.items()}
            return evaluate(nodes, rationals, RationalDomain())
        except PointError:  # not rational: balls tell whether it exists
            pass
        order = below(nodes)
        found = evaluate_nodes(order, {name: _arb(v) for name, v in values.items()}, balls.BallDomain())
        for node in order:
            if not found[node.index].is_finite():
                raise PointError(f"{what}f does not exist: {_described(node)} at {self.variable} = {x}", node)
        return [found[node.index] for node in nodes]

    def _check_kinks(self) -> None:
        """Raises PointError, with the node, where a corner or a jump at the point leaves f without a derivative.

        Near the point f is at each x one of the branches that its corners and jumps choose from; f is differentiable
        there where all of them have the same value and the same slope at it.
        """
        branches = self._branches(self.node, MOST_KINKS)
        (first, _), *others = branches
        for branch, kink in others:
            for difference in (branch - first, derivative(branch - first, self._x)):
                gap = self._exactly([difference], Fraction(self.at))[0]
                if not _vanishes(gap):
                    what = f"{_described(kink)} has a {'jump' if kink.function in JUMPS else 'corner'}"
                    if not _told_from_zero(self._exactly([kink.arguments[0]], Fraction(self.at))[0]):
                        what = f"the argument of {_described(kink)} cannot be told from 0"
                    at = f"at {self.variable} = {self.at!r}"
                    raise PointError(f"derivative of f does not exist, or cannot be had: {what} {at}", kink)

    def _branches(self, y: Node, left: int) -> list[tuple[Node, Any]]:
        """(branch, the kink that it comes from), the innermost kink first; the first branch stands for all."""
        for kink in (node for node in below([y]) if node.function in LIPSCHITZ + JUMPS):
            (inner,) = kink.arguments
            (rate,) = tangents([inner], {self._x: y.graph.one})
            if rate is y.graph.zero or _is_away(self._exactly([inner], Fraction(self.at))[0]):
                continue
            if not left:
                where = f"at {self.variable} = {self.at!r}"
                raise PointError(f"more than {MOST_KINKS} corners and jumps {where}: {_described(kink)}", kink)
            zero, one = y.graph.zero, y.graph.one
            ways = {
                "abs": (inner, -inner),
                "relu": (inner, zero),
                "sign": (one, -one, zero),
                "step": (one, zero, y.graph.number(Fraction(1, 2))),
            }[kink.function]
            found = [self._branches(_replaced(y, kink, way), left - 1) for way in ways]
            return [
                found[0][0],
                *((branch, kink) for branch, _ in found[0][1:]),
                *((branch, kink) for part in found[1:] for branch, _ in part),
            ]
        return [(y, None)]


def _replaced(y: Node, old: Node, new: Node) -> Node:
    """y with `new` in the place of `old`."""

    def rule(node: Node, arguments: tuple[Node, ...]) -> Node:
        if node is old:
            return new
        return node.graph.apply(node.function, *arguments) if arguments else node

    return rebuilt([y], rule)[0]


def _is_away(value: Any) -> bool:
    """Whether it is known not to be 0."""
    return bool(value != 0) if isinstance(value, flint.fmpq) else not value.contains(0)


def _told_from_zero(value: Any) -> bool:
    """Whether it is known to be 0, or not to be."""
    return _is_away(value) or _vanishes(value)


def _stays_small(order: Sequence[Node], places: int) -> bool:
    """Whether rational values keep fewer digits than `DIGITS_KEPT`: a bound from the degrees, nothing computed."""
    bits: dict[int, float] = {}
    for node in order:
        own = [bits[a.index] for a in node.arguments]
        if node.function == NUMBER:
            bits[node.index] = float(node.value.numerator.bit_length() + node.value.denominator.bit_length())
        elif node.function == VARIABLE:
            bits[node.index] = float(places)
        elif node.function == "pow":
            exponent = node.arguments[1]
            if exponent.function != NUMBER:
                return False
            bits[node.index] = own[0] * max(1.0, abs(float(exponent.value.numerator)))
        else:
            bits[node.index] = sum(own) + len(own)
        if bits[node.index] > DIGITS_KEPT:
            return False
    return True


class _Series(balls.BallDomain):
    """Power series over balls."""

    def power(self, x: Any, exponent: Any) -> Any:
        """exp(exponent · log x), for constants too."""
        return (_series(x).log() * exponent).exp()


def _series(x: Any) -> Any:
    return x if isinstance(x, flint.arb_series) else flint.arb_series([x])


def narrow(value: Any) -> float:
    """The float nearest to `value()`, computed at more and more bits until it is known."""
    bits = BITS
    while True:
        with balls.precision(bits):
            found = value()
            if isinstance(found, flint.fmpq):
                return float(Fraction(int(found.p), int(found.q)))
            if found.rel_accuracy_bits() >= DIGITS or found.is_zero():
                return float(found.mid())
            if bits >= MOST_BITS:
                return 0.0 if found.contains(0) else float(found.mid())
        bits *= 2


def _arb(value: Fraction) -> Any:
    return flint.arb(flint.fmpq(value.numerator, value.denominator))


def _vanishes(value: Any) -> bool:
    return bool(value == 0) if isinstance(value, flint.fmpq) else bool(value.is_zero())


def _finite(value: float) -> bool:
    return value - value == 0


def _described(node: Node) -> str:
    return f"{node.function} (node v{node.index})"


def taylor_bound(line: FunctionLine, formula: Formula, step: float, order: int) -> Any:
    """Σ c s^m h^(m−1) f⁽ᵐ⁾(ξ_s)/m! for ξ_s between at and at + s h: what Taylor's terms below m leave (Lagrange)."""
    h = Fraction(step)
    reach = max(abs(s) for s in formula.weights) * h
    bound = line.coefficients(order, reach)[order]
    total = flint.arb(0)
    for s, c in formula.weights.items():
        total = total + bound * _arb(c * s**order * h ** (order - 1))
    return total


def leading_coefficient(formula: Formula, coefficients: list[Any]) -> tuple[int, Any]:
    """(p, m_k f⁽ᵏ⁾/k!) for the first k = p + 1 > 1 at which it is not 0; (0, 0) where there is none among these."""
    for order in range(2, len(coefficients)):
        moment = formula.moment(order)
        if moment and not coefficients[order].contains(0):
            return order - 1, coefficients[order] * _arb(moment)
    return 0, flint.arb(0)
