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
from residua_symbolic.domains.tangents import i, j
from residua_symbolic.evaluate import evaluate
from residua_symbolic.layers import arguments, forward_map
from residua_symbolic.symbols import CONSTANTS, is_rectangular, symbol_of

SIZES = (2, 3, 4, 5)
AT_SIZES = "n = 2…5 in exact fractions"


class Referee:
    """The proofs of statements about one kind, by routes that share only the forward map with the derivation."""

    def __init__(self, kind: str, function: str, constant: bool) -> None:
        self.kind, self.function, self.constant = kind, function, constant

    @property
    def exact(self) -> bool:
        """Whether the function has exact values: polynomials, and the unknown function."""
        return self.function in POLYNOMIALS or self.function == "phi"

    def proofs_of_derivative(self, name: str) -> tuple[Proof, ...]:
        """∂(name)/∂x_j equals what is printed."""
        if not self.exact:
            by = f"{balls.POINTS} random points in {balls.BITS}-bit balls, against flint's power series"
            return (Proof(by, lambda right: balls.derivative_agrees(self.function, right)),)
        proofs = [Proof(f"{AT_SIZES}, by implicit differentiation", self._at_sizes(name))]
        if self.kind != "residual":
            by = "every n: SymPy's derivative of the whole expression, as an identity in free generators"
            proofs.append(Proof(by, lambda right: sums.vanishes(self._raw(right) - sums.derivative(self._whole(name)))))
        return tuple(proofs)

    def proofs_of_sum(self, total: sp.Sum) -> tuple[Proof, ...]:
        """A sum over the features equals what is printed."""

        def at_sizes(right: sp.Expr) -> bool:
            for size in SIZES:
                values, domain = exact_values(self.kind, self.function, size, self.constant)
                printed = evaluate(right, values, (), domain.number, domain.function)
                if not domain.is_zero(evaluate(total, values, (), domain.number, domain.function) - printed):
                    return False
            return True

        every_n = "every n: the names replaced by what they stand for, as an identity in free generators"
        return (
            Proof(AT_SIZES, at_sizes),
            Proof(every_n, lambda right: sums.vanishes(self._raw(total) - self._raw(right))),
        )

    def _at_sizes(self, name: str) -> Any:
        def holds(right: sp.Expr) -> bool:
            for size in SIZES:
                values, domain = exact_values(self.kind, self.function, size, self.constant)
                y = values[name]
                slopes = [[domain.derivative(e, f"x{q}") for q in range(size)] for e in y]
                printed = evaluate(right, values, (i, j), domain.number, domain.function)
                difference = (np.array(slopes, dtype=object) - printed).ravel()
                if not all(domain.is_zero(e) for e in difference):
                    return False
            return True

        return holds

    def _whole(self, name: str) -> sp.Expr:
        value = _whole_values(self.kind, self.function, self.constant)[name]
        return value.at(i) if isinstance(value, sums.Indexed) else value

    def _raw(self, right: sp.Expr) -> sp.Expr:
        """A printed formula with every name replaced by what it stands for."""
        names = _whole_values(self.kind, self.function, self.constant)
        found = {}
        for a in right.atoms(sp.Indexed, sp.Symbol):
            name = a.base.label.name if isinstance(a, sp.Indexed) else a.name
            if name in names and name != "x":
                found[a] = names[name].at(a.indices[0]) if isinstance(a, sp.Indexed) else names[name]
        return right.xreplace(found)


@cache
def exact_values(
    kind: str, function: str, size: int, constant: bool, eps_is_zero: bool = False
) -> tuple[dict[str, Any], ExactDomain]:
    """The forward map over exact fractions: every named value, and y."""
    outputs = size + 1 if is_rectangular(kind) else size
    lengths = {"inputs": size, "size": size, "outputs": outputs}
    arrays: dict[str, Any] = {"x": [f"x{p}" for p in range(size)]}
    for parameter_name, parameter in kinds()[kind].parameters.items():
        shape = [lengths[axis] for axis in parameter.axes]
        letter = symbol_of(kind, parameter_name)
        arrays[letter] = (
            np.array([letter + "_".join(map(str, at)) for at in np.ndindex(*shape)]).reshape(shape).tolist()
        )
    if "branch" in arguments(kind):
        arrays["F"] = [f"F{p}" for p in range(size)]
        arrays["J_F"] = [[f"J{p}_{q}" for q in range(size)] for p in range(size)]
    generators = [name for names in arrays.values() for name in np.array(names).ravel().tolist()]
    domain = ExactDomain([*generators, *(s.name for s in CONSTANTS.values())], room=size, constant_statistics=constant)
    values: dict[str, Any] = {letter: domain.array(names) for letter, names in arrays.items()}
    values |= {s.name: domain.generator(s.name) for s in CONSTANTS.values()}
    if eps_is_zero:
        values[CONSTANTS["eps"].name] = domain.number(0)
    given: dict[str, Any] = {}
    for name in arguments(kind):
        if name in kinds()[kind].parameters:
            given[name] = values[symbol_of(kind, name)]
        elif name == "branch":
            given[name] = domain.abstract_map(arrays["F"], arrays["J_F"], arrays["x"])
        else:
            given[name] = values[CONSTANTS[name].name] if name in CONSTANTS else function
    y = forward_map(kind)(domain, values["x"], **given)
    return {**values, **domain.names, "y": y, "n": size}, domain


@cache
def _whole_values(kind: str, function: str, constant: bool) -> dict[str, Any]:
    """The forward map over whole expressions with sums: every named value, and y."""
    domain = sums.SumsDomain(constant_statistics=constant)
    base = {name: sp.IndexedBase(name, real=True) for name in ("x", "gamma", "beta", "W", "b")}
    given: dict[str, Any] = {}
    for name in arguments(kind):
        if name in kinds()[kind].parameters:
            letter = symbol_of(kind, name)
            given[name] = base[letter] if letter == "W" else sums.Indexed(base[letter].__getitem__)
        else:
            given[name] = CONSTANTS.get(name, function)
    y = forward_map(kind)(domain, sums.Indexed(lambda at: base["x"][at]), **given)
    return {**domain.names, "y": y}
