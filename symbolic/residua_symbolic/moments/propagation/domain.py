"""The domain in which forward maps say what happens to moments: means over features are expectations.

A forward map of layers/*.py runs on nodes. What is entry by entry stays a function of the same Gaussians; a
contraction with a fresh weight gives fresh Gaussians; a mean over features is a number; a mean over the rows of an
infinite batch is the expectation given what the rows share. No layer kind is known here by its name.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from residua_network import Layer, ResiduaError
from residua_symbolic.moments.propagation.entries import Atom, Base, Entry, Normalised
from residua_symbolic.moments.propagation.expectations import Expectations
from residua_symbolic.moments.propagation.forward_maps import constant_eps, is_batch_normaliser
from residua_symbolic.moments.propagation.gradient import Gradient, Source, through_batch
from residua_symbolic.moments.propagation.values import NotExactError, slope
from residua_symbolic.moments.propagation.walk import BatchStatisticsError, Walk, Weight

Pull = Callable[[Gradient], Gradient]


@dataclass(eq=False, repr=False)
class Node:
    """An array (rows, width) of the tape: what its entries are, and how a gradient passes to what it is made of."""

    domain: "MomentsDomain"
    entry: Entry
    width: int
    pulls: Sequence[tuple["Node", Pull]] = ()
    weight: Weight | None = None

    def __post_init__(self) -> None:
        self.domain.tape.append(self)

    def __add__(self, other: Any) -> "Node":
        return self.domain.sum_of(self, other, 1.0)

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Node":
        return self.domain.sum_of(self, other, -1.0)

    def __rsub__(self, other: Any) -> "Node":
        return self.domain.sum_of(-self, other, 1.0)

    def __neg__(self) -> "Node":
        return self.domain.product_of(self, -1.0)

    def __mul__(self, other: Any) -> "Node":
        return self.domain.product_of(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Node":
        if isinstance(other, Node):
            return self.domain.product_of(self, self.domain.function("reciprocal", other))
        return self.domain.product_of(self, 1.0 / other)

    def __rtruediv__(self, other: Any) -> "Node":
        return self.domain.product_of(self.domain.function("reciprocal", self), other)


@dataclass(repr=False)
class MomentsDomain(Walk):
    """Forward maps at infinite width. `rows`: whether rows meet in some layer; only then are covariances kept."""

    moments: Expectations
    rows: bool
    variance_of: Callable[[Layer], tuple[float, float]]
    tape: list[Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.atoms = self.moments.atoms

    def input(self, width: int) -> Node:
        """Isotropic rows of mean square 1, independent: standard normal entries where they are many."""
        return Node(self, self._exchangeable(1.0, 0.0), width)

    def _exchangeable(self, q: float, c: float) -> Entry:
        """Gaussians of mean 0 with E z_a² = q and E z_a z_b = c."""
        if not q > 0:
            return Entry(0.0)
        inverse = 0.0 if self.moments.batch is None else 1 / self.moments.batch
        shared = c + (q - c) * inverse
        parts: dict[Atom, float] = {Base(q - c, shared=False): 1.0} if q - c > 0 else {}
        if shared > q * 1e-14:  # else rounding: below a batch norm the rows sum to zero
            parts[Base(shared, shared=True)] = 1.0
        return Entry(0.0, parts)

    # what a forward map says

    def number(self, value: float) -> float:
        """A constant."""
        return float(value)

    def let(self, name: str, value: Any) -> Any:
        """Names say nothing here."""
        return value

    def sqrt(self, x: Any) -> Any:
        """Square root."""
        return self.function("sqrt", x) if isinstance(x, Node) else math.sqrt(x)

    def function(self, name: str, x: Any) -> Any:
        """φ, entry by entry."""
        if name == "identity":
            return self.copy(x) if isinstance(x, Node) else x
        value = self.atoms.function(name, x.entry)
        if x.entry.is_constant:
            value = Entry(self.moments.value(name, x.entry.constant))
        if name == "sqrt":
            steep = self.atoms.function("reciprocal", value).times(0.5)
        elif name == "reciprocal":
            steep = self.atoms.product(value, value).times(-1.0)
        else:
            steep = self.atoms.function(slope(name), x.entry)
        return Node(self, value, x.width, [(x, self._factor(steep))])

    def sum(self, x: Node, axis: str = "feature") -> Any:
        """Σ over an axis."""
        length = x.width if axis == "feature" else self.moments.batch
        if length is None:
            raise ResiduaError(f"predict_moments: {self.where}: a sum over infinitely many rows; give `batch`")
        return length * self.mean(x, axis)

    def mean(self, x: Node, axis: str = "feature") -> Any:
        """Over features: the expectation, through which no gradient comes back at infinite width."""
        if axis == "feature":
            return self.moments.mean(x.entry)
        if self.moments.batch is not None:
            raise BatchStatisticsError
        value = self.moments.batch_mean(x.entry)
        if value.is_constant:
            return value.constant
        return Node(self, value, x.width)

    def contract(self, weight: Weight, x: Node) -> Node:
        """Σ_k W_ik x_k: fresh Gaussians with the kernel of x; the gradient comes back through Wᵀ as fresh ones."""
        gain = weight.variance * weight.inputs
        try:
            q = self.moments.same(x.entry, x.entry)
            c = self.moments.pair(x.entry, x.entry) if self.rows else 0.0
        except ResiduaError as error:
            raise ResiduaError(f"predict_moments: {self.where}: {error}") from error
        self._finite(q)

        def pull(gradient: Gradient) -> Gradient:
            back, p = weight.variance * weight.outputs, gradient.p(self.moments)
            if p == 0:
                return Gradient()
            r = gradient.r(self.moments) if self.rows else 0.0
            return Gradient({Source(back * p, back * r): Entry(1.0)})

        return Node(self, self._exchangeable(gain * q, gain * c), weight.outputs, [(x, pull)], weight)

    def _finite(self, q: float) -> None:
        if not math.isfinite(q):
            raise ResiduaError(f"predict_moments: {self.where}: its mean square overflows")

    # arithmetic

    def sum_of(self, x: Node, y: Any, factor: float) -> Node:
        """x + factor · y."""
        if not isinstance(y, Node):
            return Node(self, x.entry.plus(Entry(factor * y)), x.width, [(x, lambda g: g)])
        pulls = [(x, lambda g: g), (y, self._factor(Entry(factor)))]
        return Node(self, x.entry.plus(y.entry, factor), x.width, pulls)

    def product_of(self, x: Node, y: Any) -> Node:
        """x · y."""
        if not isinstance(y, Node):
            return Node(self, x.entry.times(y), x.width, [(x, self._factor(Entry(float(y))))])
        value = self.atoms.product(x.entry, y.entry)
        return Node(self, value, x.width, [(x, self._factor(y.entry)), (y, self._factor(x.entry))])

    def _factor(self, entry: Entry) -> Pull:
        return lambda gradient: gradient.times(entry, self.atoms, self.moments)

    def copy(self, x: Node) -> Node:
        """x by another name: where a gradient is read."""
        return Node(self, x.entry, x.width, [(x, lambda g: g)])

    def bias(self, variance: float, size: int) -> Node:
        """The same for all rows."""
        return Node(self, Entry(0.0, {Base(variance, shared=True): 1.0}), size)

    def batch_normalised(self, layer: Layer, x: Node) -> Node:
        """Batch normalisation over a finite batch, exact where the entries are Gaussian."""
        if not is_batch_normaliser(layer):
            raise ResiduaError(f"predict_moments: {self.where}: no law for these batch statistics")
        eps, batch = constant_eps(layer), self.moments.batch
        if eps == 0 and batch is not None and batch <= 3:
            raise ResiduaError(
                f"predict_moments: {self.where}: expected a batch above 3, got {batch}: E[1/s²] over a batch of "
                "entries that have a density does not exist at ε = 0"
            )
        if not x.entry.is_gaussian:
            raise NotExactError("statistics of a finite batch of entries that are not Gaussian")
        value = self.atoms.normalised(x.entry, eps)
        (atom,) = value.parts
        assert isinstance(atom, Normalised)
        return Node(self, value, x.width, [(x, lambda g: through_batch(g, atom, self.moments))])

    def backward(self, output: Node) -> Mapping[Node, Gradient]:
        """The gradient at every node, from an isotropic one at the output."""
        found: dict[Node, Gradient] = {output: Gradient({Source(1.0, 0.0): Entry(1.0)})}
        for node in reversed(self.tape):
            for parent, pull in node.pulls if node in found else ():
                found.setdefault(parent, Gradient()).add(pull(found[node]))
        return found
