"""Taylor series of whole networks: along a direction of inputs or parameters, and in several inputs."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import flint
import numpy as np
import sympy as sp

from residua_network import Network, ResiduaError
from residua_network.checks import flag, whole
from residua_symbolic.domains import balls
from residua_symbolic.domains.float_series import FloatSeries, FloatSeriesDomain
from residua_symbolic.domains.floats import FloatDomain
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.printing import latex
from residua_symbolic.series.networks import ball_series, directions, rational_series
from residua_symbolic.series.networks.place import FLOAT_DEGREE, WHERE, Place, checked_order, checked_place
from residua_symbolic.series.networks.walk import PlacedError, output
from residua_symbolic.tables import Grid, for_notebook
from residua_symbolic.weights import Floats, Weights, checked_weights

LEAST_BITS, MOST_BITS = 32, 1 << 14
DOUBLINGS = 3  # of the precision, where balls are wider than floats
BITS_OF_A_DEGREE = 4  # that interpolation in several inputs takes
ROOT_ORDER = 24
FAR_INSIDE = 0.5  # of what the root test says, which is a little too large as a rule
SHOWN = 8  # outputs in a table
SHOWN_TERMS = 60


@dataclass(frozen=True, eq=False, repr=False)
class NetworkSeries:
    """What `taylor` found for a network f at given weights, and which is T_n(t) = Σ_k c_k t^k of f(at + t along).

    `coefficients`: (order + 1, outputs), for a batch (order + 1, batch, outputs); of float64, Arb balls or fractions,
    as `arithmetic` says. In several inputs, where `along` is None: {exponents: (outputs,)} of Π (x_i − at_i)^k_i, every
    one of total degree up to `order`. `bits`: the precision of the balls, which may be more than was asked for.
    """

    network: Network
    order: int
    weights: Mapping[str, Floats]
    at: Floats
    along: Any
    coefficients: Any
    arithmetic: str
    bits: int

    @cached_property
    def values(self) -> Any:
        """The coefficients in float64: themselves, or the nearest floats."""
        if self.arithmetic == "float64":
            return self.coefficients
        if isinstance(self.coefficients, dict):
            return {exponents: _nearest(value) for exponents, value in self.coefficients.items()}
        return _nearest(self.coefficients)

    @property
    def enclosure(self) -> Enclosure:
        """The coefficients along a direction as certified bounds."""
        if self.arithmetic != "balls" or self.along is None:
            raise ResiduaError(f"{WHERE}: bounds of coefficients are there along a direction, with certified=True")
        return Enclosure(self.coefficients, self.bits)

    def __call__(self, t: Any) -> Floats:
        """T_n in float64: at t of any shape (..., outputs); in several inputs at points x (..., inputs)."""
        t = np.asarray(t, dtype=np.float64)
        if not isinstance(self.values, dict):
            found = np.polynomial.polynomial.polyval(t, self.values)  # the outputs come first
            return np.moveaxis(found, range(self.values.ndim - 1), range(t.ndim, t.ndim + self.values.ndim - 1))
        if t.shape[-1:] != (self.network.inputs,):
            raise ResiduaError(f"{WHERE}: points expect the shape (..., {self.network.inputs}), got {t.shape}")
        moved = t - self.at
        terms = (np.prod(moved ** np.array(e), axis=-1)[..., None] * c for e, c in self.values.items())
        return np.asarray(sum(terms, np.zeros((*t.shape[:-1], self.network.outputs))))

    def function(self, t: Any) -> Floats:
        """f itself in float64, at t of any shape (..., outputs); in several inputs at points x (..., inputs)."""
        t = np.asarray(t, dtype=np.float64)
        if self.along is None:
            found = output(self.network, FloatDomain, t.reshape(-1, self.network.inputs), self.weights)
            return np.asarray(found.reshape(*t.shape[:-1], self.network.outputs))
        found = [self._moved(float(one)) for one in t.flat]
        return np.asarray(found).reshape(*t.shape, *found[0].shape)

    def _moved(self, t: float) -> Floats:
        """f(at + t along), of the shape of a coefficient."""
        weights, x = dict(self.weights), self.at
        if isinstance(self.along, dict):
            weights |= {name: self.weights[name] + t * moved for name, moved in self.along.items()}
        else:
            x = x + t * self.along
        found = output(self.network, FloatDomain, np.atleast_2d(x), weights)
        return np.asarray(found[0] if self.at.ndim == 1 else found)

    @cached_property
    def polynomial(self) -> Any:
        """T_n as a SymPy expression in t, or in x1, x2, ...; of several outputs as a matrix, (batch,) outputs."""
        if isinstance(self.coefficients, dict):
            moved = [sp.Symbol(f"x{i + 1}", real=True) - _exact(a) for i, a in enumerate(self.at.tolist())]
            powers = {e: sp.Mul(*(m**k for m, k in zip(moved, e, strict=True))) for e in self.coefficients}
            parts = [(powers[e], value) for e, value in self.coefficients.items()]
        else:
            t = sp.Symbol("t", real=True)
            parts = [(t**k, value) for k, value in enumerate(self.coefficients)]
        entries = [sp.Add(*(_exact(value[at]) * power for power, value in parts)) for at in np.ndindex(self._shape)]
        if len(entries) == 1:
            return entries[0]
        return sp.ImmutableDenseMatrix(*(self._shape if len(self._shape) == 2 else (len(entries), 1)), entries)

    @property
    def _shape(self) -> tuple[int, ...]:
        """Of one coefficient."""
        return (self.network.outputs,) if self.at.ndim == 1 else (len(self.at), self.network.outputs)

    def remainder(self, lower: Any, upper: Any, bits: int | None = None) -> Enclosure:
        """Certified bounds of f − T_n for lower <= t <= upper, which contains 0; of the shape of a coefficient.

        In several inputs `lower` and `upper`, (inputs,), are the corners of a box that contains `at`. Infinite where no
        bound can be had. Beyond the radius of convergence a ConvergenceWarning says so. Raises ResiduaError for what is
        no such interval or box.
        """
        from residua_symbolic.series.enclosures import remainders

        given, bits = (self.network, self.weights, self.at), self.bits if bits is None else bits
        if self.along is None:
            low, high = (self._corner(end, name) for end, name in ((lower, "lower"), (upper, "upper")))
            _check_contains(low, self.at, high, "at")
            found = remainders.network_box_remainder(*given, self.order, low, high, bits=bits)
            return Enclosure(found, bits)
        left, right = _number(lower, "lower"), _number(upper, "upper")
        _check_contains(np.array([left]), np.zeros(1), np.array([right]), "t = 0")
        self._warn_beyond_radius(max(-left, right))
        return Enclosure(remainders.network_remainder(*given, self.along, self.order, left, right, bits=bits), bits)

    @cached_property
    def convergence(self) -> Any:
        """The radius of convergence in t, what limits it, and whether it is certified."""
        from residua_symbolic.series.convergence.radius import network_radius

        if self.along is None:
            raise ResiduaError(f"{WHERE}: a radius of convergence is there along a direction; give along")
        return network_radius(self.network, self.weights, self.at, self.along)

    @property
    def radius(self) -> Any:
        """Of convergence in t: a SymPy number, oo included, or an Enclosure; `convergence` says how it is known."""
        return self.convergence.value

    @cached_property
    def _rough_radius(self) -> float:
        """By the root test of the orders 12 to 24, in float64; 0 where it cannot be had."""
        try:
            found = network_series(self.network, ROOT_ORDER, self.weights, self.at, self.along).coefficients
        except ResiduaError:
            return 0.0
        sizes = abs(found).reshape(ROOT_ORDER + 1, -1).max(axis=1)[ROOT_ORDER // 2 :]
        if not sizes.any():  # a polynomial, or pieces of one
            return 0.0
        return float(1 / np.max(sizes ** (1 / np.arange(ROOT_ORDER // 2, ROOT_ORDER + 1))))

    @cached_property
    def kink_search(self) -> Any:
        """The nearest kinks of relu along the direction on both sides, and how they are known."""
        from residua_symbolic.series.networks.kinks import nearest_kinks

        if self.along is None:
            raise ResiduaError(f"{WHERE}: kinks are looked for along a direction; give along")
        return nearest_kinks(self.network, self.weights, self.at, self.along)

    @property
    def kinks(self) -> tuple[float, float]:
        """(below, above): t of the nearest kinks of relu; −inf and inf where there is none."""
        return self.kink_search.below, self.kink_search.above

    @property
    def table(self) -> Grid:
        """Every coefficient, of at most eight outputs; balls with the largest radius of a row."""
        names = [_name(at, self._shape) for at in np.ndindex(self._shape)][:SHOWN]
        several = isinstance(self.values, dict)
        head = tuple(f"k{i + 1}" for i in range(self.network.inputs)) if several else ("k",)
        items = list(self.values.items()) if several else [((k,), value) for k, value in enumerate(self.values)]
        rows = [(*key, *np.ravel(value)[:SHOWN].tolist()) for key, value in items]
        if self.arithmetic != "balls":
            return Grid((*head, *names), tuple(rows))
        widest = [_widest(value) for value in (self.coefficients.values() if several else self.coefficients)]
        return Grid((*head, *names, "radius"), tuple((*row, w) for row, w in zip(rows, widest, strict=True)))

    def text(self) -> str:
        """For a terminal."""
        return f"{self._head()}\n\n{self.table.text()}\n"

    def markdown(self) -> str:
        """What was expanded, and the coefficients."""
        return f"{self._head()}\n\n{self.table.markdown()}"

    def latex(self) -> str:
        """The polynomial of a single output as a display, and the table with booktabs' rules."""
        return self._display() + self.table.latex()

    def _display(self) -> str:
        if isinstance(self.polynomial, sp.MatrixBase) or len(self.coefficients) > SHOWN_TERMS:
            return ""
        return f"\\[\n{latex(self.polynomial)}\n\\]\n\n"

    def _repr_markdown_(self) -> str:
        return for_notebook(self.markdown())

    def to_dict(self) -> dict[str, Any]:
        """Plain data with the attribute names of the result."""
        along = self.along
        if isinstance(along, dict):
            along = {name: value.tolist() for name, value in along.items()}
        found: dict[str, Any] = {
            "network": self.network.to_dict(),
            "order": self.order,
            "at": self.at.tolist(),
            "along": along if along is None or isinstance(along, dict) else along.tolist(),
            "arithmetic": self.arithmetic,
            "coefficients": self._plain(self.values),
        }
        if self.arithmetic == "balls":
            found |= {"bits": self.bits, "lower": self._each(_lower), "upper": self._each(_upper)}
        if self.arithmetic == "fractions":
            found["exact"] = self._each(lambda value: np.vectorize(str, otypes=[object])(value))
        return found

    def _each(self, one: Callable[[Any], Any]) -> Any:
        if isinstance(self.coefficients, dict):
            return self._plain({e: one(value) for e, value in self.coefficients.items()})
        return self._plain(one(self.coefficients))

    def _plain(self, values: Any) -> Any:
        if isinstance(values, dict):
            return {",".join(map(str, e)): value.tolist() for e, value in values.items()}
        return values.tolist()

    def _head(self) -> str:
        inputs, outputs = self.network.inputs, self.network.outputs
        if self.along is None:
            way = f"in {inputs} inputs, total degree {self.order}"
        else:
            moved = ", ".join(self.along) if isinstance(self.along, dict) else "the inputs"
            way = f"of order {self.order} in t, along a direction of {moved}"
        sort = {"float64": "float64", "balls": f"Arb balls of {self.bits} bits", "fractions": "exact"}[self.arithmetic]
        return f"Taylor polynomial of a network {inputs}-{outputs} with {len(self.network.layers)} layers {way}; {sort}"

    def __repr__(self) -> str:
        return f"<{self._head()}>"

    def _corner(self, end: Any, name: str) -> Floats:
        corner = np.asarray(end, dtype=np.float64)
        if corner.shape != self.at.shape:
            raise ResiduaError(f"{WHERE}: {name} expects the shape {self.at.shape}, got {corner.shape}")
        return corner

    def _warn_beyond_radius(self, reach: float) -> None:
        """The radius, which may take a while, is asked for where the coefficients do not say that it is far away."""
        from residua_symbolic.series.expression import ConvergenceWarning

        if reach < FAR_INSIDE * self._rough_radius:
            return
        radius = self.radius
        limit = float(radius.upper) if isinstance(radius, Enclosure) else float(radius)
        if reach > limit:
            words = f"the interval reaches {reach:.6g} from t = 0, beyond the radius of convergence {limit:.6g}"
            warnings.warn(f"{words}: the bound holds, more terms make it larger", ConvergenceWarning, 3)


def network_series(
    net: Network,
    order: int,
    weights: Weights,
    at: Any,
    along: Any = None,
    certified: bool = False,
    exact: bool = False,
    bits: int = balls.BITS,
) -> NetworkSeries:
    """The Taylor series of a network at weights {name: float64 array} and a point.

    at: (inputs,), or (batch, inputs); along: a direction of the same shape, {parameter name: array} for weights + t
    direction at fixed inputs, or None for a polynomial in all inputs. `certified`: Arb balls of at least `bits` bits;
    `exact`: fractions, for networks that map rationals to rationals. Raises ResiduaError for what does not fit the
    network, and with layer and neuron where the network has no Taylor series.
    """
    place = checked_place(net, at, along)
    order = checked_order(net, order, place)
    if flag(certified, "certified", WHERE) and flag(exact, "exact", WHERE):
        raise ResiduaError(f"{WHERE}: certified and exact exclude each other")
    if not LEAST_BITS <= whole(bits, "bits", WHERE) <= MOST_BITS:
        raise ResiduaError(f"{WHERE}: bits must lie between {LEAST_BITS} and {MOST_BITS}, got {bits!r}")
    weights = checked_weights(net, weights)
    exact = flag(exact, "exact", WHERE)
    arithmetic, used = "fractions" if exact else "balls" if certified else "float64", int(bits)
    degree = order if place.along is None and net.inputs > 1 and order > FLOAT_DEGREE else 0
    if certified:
        coefficients, used = _certified(net, order, weights, place, used + BITS_OF_A_DEGREE * degree)
    elif degree and not exact:
        coefficients = _rounded(net, order, weights, place, used + BITS_OF_A_DEGREE * degree)
    else:
        coefficients = (_exact_series if exact else _float_series)(net, order, weights, place)
    point = place.at[0] if place.single else place.at
    way = place.along[0] if isinstance(place.along, np.ndarray) and place.single else place.along
    return NetworkSeries(net, order, weights, point, way, coefficients, arithmetic, used)


@dataclass(frozen=True)
class _Arithmetic:
    """Series in the numbers of a domain, from float64 arrays and back to arrays with the coefficients last."""

    domain: Callable[[], Any]
    constants: Callable[[Any], Any]
    lines: Callable[[Any, Any], Any]  # values + t · slopes
    coefficients: Callable[[Any, int], Any]
    nodes: Callable[[int], tuple[Any, ...]]
    number: Callable[[Any], Any]  # of a node


FRACTIONS = _Arithmetic(
    rational_series.RationalSeriesDomain,
    rational_series.constants,
    rational_series.lines,
    rational_series.at_most,
    directions.whole,
    Fraction,
)
BALLS = _Arithmetic(
    ball_series.BallSeriesDomain,
    balls.exact,
    ball_series.lines,
    ball_series.at_most,
    directions.leja,
    flint.arb,
)


def _float_series(net: Network, order: int, weights: Weights, place: Place) -> Any:
    def lines(values: Any, slopes: Any) -> FloatSeries:
        return FloatSeries(np.stack([values, slopes][: order + 1], axis=-1), order + 1)

    def coefficients(values: Any, length: int) -> Any:
        found = values.full if isinstance(values, FloatSeries) else FloatSeries(values[..., None], length).full
        if not np.isfinite(found).all():
            first = int(np.argwhere(~np.isfinite(found))[:, -1].min())
            raise ResiduaError(f"{WHERE}: the coefficient of order {first} is beyond float64; with certified=True not")
        return found

    floats = _Arithmetic(FloatSeriesDomain, np.asarray, lines, coefficients, directions.leja, float)
    with np.errstate(all="ignore"):  # what overflows is refused at the end
        return _expanded(net, order, weights, place, floats)


def _rounded(net: Network, order: int, weights: Weights, place: Place, bits: int) -> dict[tuple[int, ...], Floats]:
    """Of high degree in several inputs, where interpolation in floats would lose all digits: balls, rounded."""
    found = {exponents: _nearest(value) for exponents, value in _certified(net, order, weights, place, bits)[0].items()}
    beyond = [sum(exponents) for exponents, value in found.items() if not np.isfinite(value).all()]
    if beyond:
        raise ResiduaError(f"{WHERE}: a coefficient of order {min(beyond)} is beyond float64; with certified=True not")
    return found


def _certified(net: Network, order: int, weights: Weights, place: Place, bits: int) -> tuple[Any, int]:
    """Balls, and the precision that made them narrower than floats, or the most that was tried."""
    for used in (bits << attempt for attempt in range(DOUBLINGS)):
        with balls.precision(used, order + 1):
            try:
                found = _expanded(net, order, weights, place, BALLS)
            except PlacedError as error:
                if not isinstance(error.reason, ball_series.UndecidedError):
                    raise
                continue
            if _narrow(found):
                return found, used
    with balls.precision(bits << DOUBLINGS, order + 1):
        return _expanded(net, order, weights, place, BALLS), bits << DOUBLINGS


def _exact_series(net: Network, order: int, weights: Weights, place: Place) -> Any:
    with balls.precision(terms=order + 1):
        return _expanded(net, order, weights, place, FRACTIONS)


def _expanded(net: Network, order: int, weights: Weights, place: Place, numbers: _Arithmetic) -> Any:
    """The coefficients, in the shape of `NetworkSeries.coefficients`."""
    moving = place.along if isinstance(place.along, dict) else {}
    parameters = {
        name: numbers.lines(value, moving[name]) if name in moving else numbers.constants(value)
        for name, value in weights.items()
    }
    nodes = numbers.nodes(order + 1)
    if place.along is None:
        ways = directions.directions(net.inputs, order, nodes)
    else:
        ways = np.zeros_like(place.at) if moving else place.along
    x = numbers.lines(np.broadcast_to(place.at, ways.shape), ways)
    found = numbers.coefficients(output(net, numbers.domain, x, parameters), order + 1)
    if place.along is None:
        parts = np.moveaxis(found, -1, 1)
        return directions.homogeneous(parts, net.inputs, order, tuple(map(numbers.number, nodes)))
    found = np.moveaxis(found, -1, 0)
    return found[:, 0] if place.single else found


def _narrow(found: Any) -> bool:
    """Whether every ball is finite and within a rounding of the largest coefficient of its order or the next ones.

    The next ones, because every other coefficient of an odd or even function is 0.
    """
    orders: dict[int, list[Any]] = {}
    for key, value in found.items() if isinstance(found, dict) else enumerate(found):
        orders.setdefault(sum(key) if isinstance(key, tuple) else key, []).extend(np.ravel(value))
    if not all(ball.is_finite() for several in orders.values() for ball in several):
        return False
    sizes = {k: max(flint.arb(abs(ball.mid())) for ball in several) for k, several in orders.items()}
    radii = {k: max(flint.arb(ball.rad()) for ball in several) for k, several in orders.items()}
    unit = flint.arb(2) ** -53
    return all(bool(radii[k] <= unit * max(sizes[near] for near in (k - 1, k, k + 1) if near in sizes)) for k in orders)


def _nearest(values: Any) -> Floats:
    """The nearest floats of balls' middles, or of fractions; inf beyond."""

    def one(value: Any) -> float:
        try:
            return float(value) if isinstance(value, Fraction) else float(value.mid())
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")

    return np.asarray(np.frompyfunc(one, 1, 1)(values), dtype=np.float64)


def _widest(values: Any) -> float:
    return float(np.max(Enclosure(values, balls.BITS).radius))


def _lower(values: Any) -> Floats:
    return Enclosure(values, balls.BITS).lower


def _upper(values: Any) -> Floats:
    return Enclosure(values, balls.BITS).upper


def _exact(value: Any) -> sp.Expr:
    """A number as SymPy has it: floats as floats, a ball by its middle, a fraction exactly."""
    if isinstance(value, Fraction):
        return sp.Rational(value.numerator, value.denominator)
    return sp.Float(float(value if isinstance(value, float) else value.mid()))


def _name(at: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """Of one output in a table."""
    if len(shape) == 1:
        return "c" if shape == (1,) else f"output {at[0] + 1}"
    return f"row {at[0] + 1}, output {at[1] + 1}"


def _number(value: Any, name: str) -> float:
    """A finite number."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = float("nan")
    if not np.isfinite(found):
        raise ResiduaError(f"{WHERE}: {name} must be a finite number, got {value!r:.40}")
    return found


def _check_contains(lower: Floats, at: Floats, upper: Floats, what: str) -> None:
    if not (np.isfinite(lower) & np.isfinite(upper) & (lower < upper)).all():
        raise ResiduaError(f"{WHERE}: remainder: expected lower < upper, got {lower.tolist()} and {upper.tolist()}")
    if not ((lower <= at) & (at <= upper)).all():
        got = f"{lower.tolist()} to {upper.tolist()}"
        raise ResiduaError(f"{WHERE}: remainder: expected an interval that contains {what}, got {got}")
