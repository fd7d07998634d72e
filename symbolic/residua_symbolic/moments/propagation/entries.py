"""What the entries of a layer are at infinite width: one function of independent Gaussians for every feature."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, eq=False)
class Base:
    """A Gaussian of mean 0, drawn for each feature: once for all rows, or anew for each row.

    At a finite batch the latter is what is left of B independent draws when their mean is taken away (its variance in a
    row is (1 − 1/B) `variance`): mean and deviations of a Gaussian sample are independent.
    """

    variance: float
    shared: bool


@dataclass(frozen=True, eq=False, repr=False)  # shared parts written out would never end
class Function:
    """φ(entry); "φ'" stands for the derivative of φ."""

    name: str
    of: "Entry"


@dataclass(frozen=True, eq=False, repr=False)
class Product:
    """left · right, row by row."""

    left: "Entry"
    right: "Entry"


@dataclass(frozen=True, eq=False, repr=False)
class BatchMean:
    """The mean over infinitely many rows: the expectation given what the rows share."""

    of: "Entry"


@dataclass(frozen=True, eq=False, repr=False)
class Normalised:
    """(x − mean) / sqrt(variance + ε) over a finite batch of Gaussian entries x; `of` is x without its shared part."""

    of: "Entry"
    eps: float


Atom = Base | Function | Product | BatchMean | Normalised


@dataclass(frozen=True, eq=False, repr=False)
class Entry:
    """constant + Σ coefficient · atom."""

    constant: float
    parts: Mapping[Atom, float] = field(default_factory=dict)

    def plus(self, other: "Entry", factor: float = 1.0) -> "Entry":
        """self + factor · other."""
        parts = dict(self.parts)
        for atom, coefficient in other.parts.items():
            parts[atom] = parts.get(atom, 0.0) + factor * coefficient
        return Entry(self.constant + factor * other.constant, {a: c for a, c in parts.items() if c != 0.0})

    def times(self, factor: float) -> "Entry":
        """factor · self."""
        return Entry(0.0).plus(self, factor)

    @property
    def is_constant(self) -> bool:
        """Whether it is the same number for every feature and row."""
        return not self.parts

    @property
    def is_gaussian(self) -> bool:
        """Whether it is an affine function of Gaussians alone."""
        return all(isinstance(atom, Base) for atom in self.parts)

    def gaussian_part(self, shared: bool) -> dict[Atom, float]:
        """The Gaussians in the sum that rows share, or those that they do not."""
        return {a: c for a, c in self.parts.items() if isinstance(a, Base) and a.shared == shared}

    @property
    def key(self) -> tuple[float, frozenset[tuple[Atom, float]]]:
        """Equal for entries that are written alike."""
        return self.constant, frozenset(self.parts.items())


Key = frozenset[tuple[Base, float]]  # a sum of Gaussians


def gaussians(e: Entry) -> dict[Base, float]:
    """The Gaussians in the sum, with their coefficients."""
    return {a: c for a, c in e.parts.items() if isinstance(a, Base)}


def leaves_of(entries: Iterable[Entry], involved: Iterable[Atom]) -> list[tuple[Entry, Key]]:
    """Every entry, of these and of those in the atoms, in which Gaussians stand, with the sum of them."""
    within = [e for a in involved if not isinstance(a, BatchMean) for e in inner(a)]
    found = [(e, frozenset(gaussians(e).items())) for e in [*entries, *within]]
    return [(e, form) for e, form in found if form]


def inner(atom: Atom) -> tuple[Entry, ...]:
    """The entries that an atom is a function of."""
    if isinstance(atom, Base):
        return ()
    return (atom.left, atom.right) if isinstance(atom, Product) else (atom.of,)


def bases(atom: Atom) -> frozenset[Base]:
    """The Gaussians that an atom depends on; a batch mean depends on those alone that rows share."""
    known: dict[Atom, frozenset[Base]] = {}

    def found(a: Atom) -> frozenset[Base]:
        if a not in known:
            inside = frozenset({a}) if isinstance(a, Base) else frozenset().union(*map(found, below(a)))
            known[a] = frozenset(b for b in inside if b.shared) if isinstance(a, BatchMean) else inside
        return known[a]

    return found(atom)


def bases_of(e: Entry) -> frozenset[Base]:
    """The Gaussians that an entry depends on."""
    return frozenset().union(*map(bases, e.parts))


def below(atom: Atom) -> Iterator[Atom]:
    """The atoms that an atom is written in."""
    return (part for entry in inner(atom) for part in entry.parts)


def atoms_in(found: Iterable[Atom], into_means: bool = True) -> Iterator[Atom]:
    """These atoms and all that they are written in, each once; batch means opened or not."""
    seen: set[Atom] = set()
    left = list(found)
    while left:
        atom = left.pop()
        if atom not in seen:
            seen.add(atom)
            yield atom
            left += below(atom) if into_means or not isinstance(atom, BatchMean) else ()


class Atoms:
    """Makes atoms, the same one for the same expression, so that equal entries are seen to be equal."""

    def __init__(self) -> None:
        self._known: dict[Any, Atom] = {}

    def _one(self, key: Any, make: Callable[[], Atom]) -> Entry:
        if key not in self._known:
            self._known[key] = make()
        return Entry(0.0, {self._known[key]: 1.0})

    def function(self, name: str, of: Entry) -> Entry:
        """φ(of)."""
        return self._one((name, of.key), lambda: Function(name, of))

    def product(self, left: Entry, right: Entry) -> Entry:
        """left · right; a constant factor multiplies."""
        if left.is_constant:
            return right.times(left.constant)
        if right.is_constant:
            return left.times(right.constant)
        return self._one(frozenset({left.key, right.key}), lambda: Product(left, right))

    def mean_over_rows(self, of: Entry) -> Entry:
        """The mean over infinitely many rows, as an atom."""
        return self._one(("mean", of.key), lambda: BatchMean(of))

    def normalised(self, of: Entry, eps: float) -> Entry:
        """Batch normalisation of Gaussian entries over a finite batch."""
        deviation = Entry(0.0, of.gaussian_part(shared=False))
        return self._one(("normalised", deviation.key, eps), lambda: Normalised(deviation, eps))
