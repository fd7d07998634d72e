"""The gradient at infinite width: for each feature, functions of the forward Gaussians times Gaussians of its own."""

from dataclasses import dataclass, field

from residua_symbolic.domains.floats import Floats
from residua_symbolic.moments.integrals import batch_sphere
from residua_symbolic.moments.propagation.entries import Atoms, Base, Entry, Function, Normalised, bases, inner
from residua_symbolic.moments.propagation.expectations import Expectations
from residua_symbolic.moments.propagation.values import NotExactError, Values


@dataclass(frozen=True, eq=False)
class Source:
    """A Gaussian that enters the gradient, of mean 0 and independent of the forward pass: E γ_a² = p, E γ_a γ_b = r."""

    p: float
    r: float


@dataclass(frozen=True)
class Pulled:
    """A part of the gradient that batch statistics have mixed over the rows: its kernel, and what it came from."""

    p: float
    r: float
    sources: frozenset[Source]
    bases: frozenset[Base]


@dataclass
class Gradient:
    """Σ coefficient_k γ_k, row by row, and parts of which only the row kernel is known."""

    local: dict[Source, Entry] = field(default_factory=dict)
    pulled: list[Pulled] = field(default_factory=list)

    @property
    def vanishes(self) -> bool:
        """Whether it is 0 whatever the sources are."""
        return not self.local and not self.pulled

    def add(self, other: "Gradient") -> None:
        """Sum of two parts; parts of one source interfere, which a kernel cannot tell. Raises NotExactError."""
        for source, coefficient in other.local.items():
            self.local[source] = self.local[source].plus(coefficient) if source in self.local else coefficient
        self.pulled += other.pulled
        seen: set[Source] = set(self.local)
        for part in self.pulled:
            if not seen.isdisjoint(part.sources):
                raise NotExactError("a gradient meets its own part that batch statistics pulled back")
            seen |= part.sources

    def times(self, factor: Entry, atoms: Atoms, of: Expectations) -> "Gradient":
        """factor ⊙ gradient."""
        local = {source: atoms.product(c, factor) for source, c in self.local.items()}
        depends = frozenset().union(*map(bases, factor.parts))
        if any(not depends.isdisjoint(part.bases) for part in self.pulled):
            raise NotExactError("a gradient pulled back through batch statistics meets a slope at the same entries")
        same, pair = (of.same(factor, factor), of.pair(factor, factor)) if self.pulled else (0.0, 0.0)
        pulled = [Pulled(part.p * same, part.r * pair, part.sources, part.bases | depends) for part in self.pulled]
        return Gradient({s: c for s, c in local.items() if c.parts or c.constant}, pulled)

    def p(self, of: Expectations) -> float:
        """E g_a²."""
        return sum(s.p * of.same(c, c) for s, c in self.local.items()) + sum(part.p for part in self.pulled)

    def r(self, of: Expectations) -> float:
        """E g_a g_b."""
        local = sum(s.r * of.pair(c, c) for s, c in self.local.items() if s.r)
        return local + sum(part.r for part in self.pulled)


def through_batch(gradient: Gradient, normalised: Normalised, of: Expectations) -> Gradient:
    """(1/s)(P − ρ² x̂ x̂ᵀ/B) applied to the gradient, ρ² = s²/(s² + ε): a part that sums to zero over the rows.

    Raises NotExactError where the gradient holds other Gaussians than x̂.
    """
    assert of.batch is not None
    if gradient.pulled:
        raise NotExactError("batch statistics of batch statistics")
    own = frozenset(a for a in normalised.of.parts if isinstance(a, Base))
    found = []
    for source, coefficient in gradient.local.items():
        p = _kernel(source, coefficient, normalised, of)
        depends = own.union(*map(bases, coefficient.parts))
        found.append(Pulled(p, -p / (of.batch - 1), frozenset({source}), depends))
    return Gradient({}, found)


def _kernel(source: Source, coefficient: Entry, normalised: Normalised, of: Expectations) -> float:
    B, p, r = of.batch, source.p, source.r
    assert B is not None
    variance = of.variance({b: c for b, c in normalised.of.parts.items() if isinstance(b, Base)}) * B / (B - 1)
    inverse = B / (variance * (B - 3)) if normalised.eps == 0 else 0.0
    if normalised.eps == 0 and coefficient.is_constant:
        return coefficient.constant**2 * inverse * batch_sphere.pulled_back(None, B, p, r)[0]
    name, scale = _slope_at(coefficient, normalised)
    if normalised.eps == 0 and name:
        return scale**2 * inverse * batch_sphere.pulled_back(name, B, p, r)[0]
    hat = Entry(0.0, {normalised: 1.0})
    radial = normalised.eps > 0 or not _only_of(coefficient, normalised)

    def integrand(s2: Floats, x: Floats, y: Floats, value: Values) -> Floats:
        """Of the trace of J D K D J over B, J = (P − κ X Xᵀ/B)^½ / s; a sum over rows is B or B(B−1) times one term."""
        d, e = value(coefficient, 0), value(coefficient, 1)
        rho2 = s2 / (s2 + normalised.eps)
        kappa = 2 * rho2 - rho2 * rho2
        alone = d * d * (1 - 1 / B - kappa * x * x / B)
        both = d * d - (d * d + (B - 1) * d * e) / B - kappa * (x * x * d * d + (B - 1) * x * y * d * e) / B
        weight = 1 / (s2 + normalised.eps) if radial else inverse
        return weight * ((p - r) * alone + r * both)

    return of.on_sphere(hat, coefficient, integrand, radial)


def _slope_at(coefficient: Entry, normalised: Normalised) -> tuple[str, float]:
    """(φ, k) where the coefficient is k φ'(x̂); no name where it is not."""
    if coefficient.constant == 0 and len(coefficient.parts) == 1:
        ((atom, k),) = coefficient.parts.items()
        if (
            isinstance(atom, Function)
            and atom.name.endswith("'")
            and atom.of.key == (0.0, frozenset({(normalised, 1.0)}))
        ):
            return atom.name[:-1], k
    return "", 0.0


def _only_of(coefficient: Entry, normalised: Normalised) -> bool:
    """Whether the Gaussians of a coefficient stand in it by their normalised values alone."""
    left = list(coefficient.parts)
    while left:
        atom = left.pop()
        if isinstance(atom, Base):
            return False
        if atom is not normalised and not isinstance(atom, Normalised):
            left += [a for e in inner(atom) for a in e.parts]
    return True
