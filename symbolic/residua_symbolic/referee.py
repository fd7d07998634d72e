"""Proofs of statements about one layer kind, by routes that share only the forward map with the derivation.

Two routes decide, one samples: exact fractions at n = 2…5, an identity in free generators for every n, and, where a
function has no exact values, random points in ball arithmetic. A wrong forward map passes all three: only the torch
twin and the foreign oracles of the tests see that.
"""

from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from residua_network import kinds
from residua_symbolic.derivation import Proof
from residua_symbolic.domains import balls, sums
from residua_symbolic.domains.exact import POLYNOMIALS, ExactDomain
from residua_symbolic.domains.tangents import BATCH, FEATURE, Axis, atom, i, j, labels
from residua_symbolic.evaluate import evaluate
from residua_symbolic.kind import coupled_axis
from residua_symbolic.layers import arguments, forward_map
from residua_symbolic.symbols import CONSTANTS, is_rectangular, symbol_of

SIZES = (2, 3, 4, 5)
FEATURES = 2  # where rows are coupled: enough to show that features do not meet


def at_sizes(axis: Axis) -> str:
    """What the proof at single sizes is called."""
    return f"{axis.size} = {SIZES[0]}…{SIZES[-1]} in exact fractions"


class Referee:
    """The proofs of statements about one kind, by routes that share only the forward map with the derivation."""

    def __init__(self, kind: str, variant: str, constant: bool, axis: Axis) -> None:
        self.kind, self.variant, self.constant, self.axis = kind, variant, constant, axis

    @property
    def exact(self) -> bool:
        """Whether the function has exact values: polynomials, and the unknown function."""
        return self.kind != "activation" or self.variant in POLYNOMIALS or self.variant == "phi"

    def proofs_of_derivative(self, name: str) -> tuple[Proof, ...]:
        """∂(name)/∂x_j equals what is printed."""
        if not self.exact:
            by = f"{balls.POINTS} random points in {balls.BITS}-bit balls, against flint's power series"
            return (Proof(by, lambda right: balls.derivative_agrees(self.variant, right)),)
        proofs = [Proof(f"{at_sizes(self.axis)}, by implicit differentiation", self._at_sizes(name))]
        if self.kind != "residual":
            by = "SymPy's derivative of the whole expression, as an identity in free generators"
            proofs.append(Proof(f"every {self.axis.size}: {by}", self._every_size(name)))
        return tuple(proofs)

    def proofs_of_sum(self, total: sp.Sum) -> tuple[Proof, ...]:
        """A sum over the coupled axis equals what is printed."""

        def holds(right: sp.Expr) -> bool:
            for size in SIZES:
                values, domain = exact_values(self.kind, self.variant, size, self.constant)
                difference = evaluate(total, values, self._rest, domain) - evaluate(right, values, self._rest, domain)
                if not all(domain.is_zero(e) for e in np.ravel(difference)):
                    return False
            return True

        every_size = (
            f"every {self.axis.size}: the names replaced by what they stand for, as an identity in free generators"
        )
        return (
            Proof(at_sizes(self.axis), holds),
            Proof(every_size, lambda right: sums.vanishes(self._raw(total) - self._raw(right), self.axis)),
        )

    @property
    def _rest(self) -> tuple[sp.Symbol, ...]:
        """The labels beside the coupled axis."""
        return () if self.axis is FEATURE else (i,)

    def _at_sizes(self, name: str) -> Any:
        marks = (i, j) if self.axis is FEATURE else (self.axis.label, i, self.axis.primed, j)

        def holds(right: sp.Expr) -> bool:
            for size in SIZES:
                values, domain = exact_values(self.kind, self.variant, size, self.constant)
                variables = values["variables"]
                slopes = [[domain.derivative(e, x) for x in variables.ravel()] for e in values[name].ravel()]
                shaped = np.array(slopes, dtype=object).reshape(values[name].shape + variables.shape)
                difference = shaped - evaluate(right, values, marks, domain)
                if not all(domain.is_zero(e) for e in difference.ravel()):
                    return False
            return True

        return holds

    def _every_size(self, name: str) -> Any:
        def holds(right: sp.Expr) -> bool:
            true = sums.derivative(self._whole(name), self.axis)
            if self.axis is FEATURE:
                return sums.vanishes(self._raw(right) - true)
            delta = sp.KroneckerDelta(i, j)  # the features do not meet: what is printed must say so
            within, across = right.xreplace({delta: sp.Integer(1)}), right.xreplace({delta: sp.Integer(0)})
            return across == 0 and sums.vanishes(self._raw(within) - true, self.axis)

        return holds

    def _whole(self, name: str) -> sp.Expr:
        value = _whole_values(self.kind, self.variant, self.constant, self.axis)[name]
        return value.at(self.axis.label) if isinstance(value, sums.Indexed) else value

    def _raw(self, right: sp.Expr) -> sp.Expr:
        """A printed formula with every name replaced by what it stands for."""
        names = _whole_values(self.kind, self.variant, self.constant, self.axis)
        found = {}
        for a in right.atoms(sp.Indexed):
            if a.base.label.name in names and (self.axis is FEATURE or a.indices[-1] == i):
                whole = names[a.base.label.name]
                found[a] = whole.at(a.indices[0]) if isinstance(whole, sums.Indexed) else whole
        scalars = right.free_symbols - {label for a in right.atoms(sp.Indexed) for label in a.free_symbols}
        found |= {a: names[a.name] for a in scalars if a.name in names and not labels(a)}
        return right.xreplace(found)


@cache
def exact_values(
    kind: str, variant: str, size: int, constant: bool, eps_is_zero: bool = False
) -> tuple[dict[str, Any], ExactDomain]:
    """The forward map over exact fractions: every named value, y, and the names of the variables x.

    `size` features; where rows are coupled, so many rows of `FEATURES` features.
    """
    coupled = coupled_axis(kind, variant) is BATCH
    features = FEATURES if coupled else size
    outputs = features + 1 if is_rectangular(kind) else features
    lengths = {"inputs": features, "size": features, "outputs": outputs}
    arrays: dict[str, Any] = {"x": _names("x", (size, features) if coupled else (size,))}
    for parameter_name, parameter in kinds()[kind].parameters.items():
        letter = symbol_of(kind, parameter_name)
        arrays[letter] = _names(letter, tuple(lengths[axis] for axis in parameter.axes))
    if "branch" in arguments(kind):
        arrays |= {"F": _names("F", (size,)), "J_F": _names("J", (size, size))}
    generators = [name for names in arrays.values() for name in names.ravel().tolist()]
    constants = [s.name for s in CONSTANTS.values()]
    room = size * features
    domain = ExactDomain([*generators, *constants], room=room, constant_statistics=constant)
    values: dict[str, Any] = {letter: domain.array(names) for letter, names in arrays.items()}
    values |= {name: domain.generator(name) for name in constants}
    if eps_is_zero:
        values[CONSTANTS["eps"].name] = domain.number(0)
    given: dict[str, Any] = {}
    for name in arguments(kind):
        if name in kinds()[kind].parameters:
            given[name] = values[symbol_of(kind, name)]
        elif name == "branch":
            given[name] = domain.abstract_map(arrays["F"].tolist(), arrays["J_F"].tolist(), arrays["x"].tolist())
        else:
            given[name] = values[CONSTANTS[name].name] if name in CONSTANTS else variant
    y = forward_map(kind)(domain, values["x"], **given)
    sizes = {"n": features, "B": size} if coupled else {"n": size}
    return {**values, **domain.names, "y": y, "variables": arrays["x"], **sizes}, domain


def _names(letter: str, shape: tuple[int, ...]) -> Any:
    """Names of generators, in an array of that shape."""
    return np.array([letter + "_".join(map(str, at)) for at in np.ndindex(*shape)]).reshape(shape)


@cache
def _whole_values(kind: str, variant: str, constant: bool, axis: Axis) -> dict[str, Any]:
    """The forward map over whole expressions with sums along `axis`: every named value, and y."""
    domain = sums.SumsDomain(axis, constant_statistics=constant)

    def along(letter: str, *rest: sp.Symbol) -> sums.Indexed:
        return sums.Indexed(lambda at: atom(letter, (at, *rest)))

    given: dict[str, Any] = {}
    for name in arguments(kind):
        if name in kinds()[kind].parameters:
            letter = symbol_of(kind, name)
            matrix = len(kinds()[kind].parameters[name].axes) == 2
            fixed = atom(letter, (i,))  # one of the features, where the rows are summed over
            given[name] = sp.IndexedBase(letter, real=True) if matrix else along(letter) if axis is FEATURE else fixed
        else:
            given[name] = CONSTANTS.get(name, variant)
    y = forward_map(kind)(domain, along("x", *(() if axis is FEATURE else (i,))), **given)
    return {**domain.names, "y": y}
