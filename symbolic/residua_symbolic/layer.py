"""The Jacobian of one layer kind: derived from its forward map for every size, brought to matrix form, proved."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import sympy as sp

from residua_network import ResiduaError, kinds
from residua_network.checks import unknown
from residua_symbolic import functions
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import sums
from residua_symbolic.domains.tangents import Fact, Named, Tangent, Tangents, atom, i, j, k, n
from residua_symbolic.layers import arguments, forward_map
from residua_symbolic.matrices import entry, matrix_form
from residua_symbolic.operator import Operator, read_off
from residua_symbolic.referee import Referee
from residua_symbolic.symbols import CONSTANTS, is_rectangular, symbol_of

m = sp.Symbol("m", integer=True, positive=True)  # outputs, where they are not as many as the inputs
CONSTANT_STATISTICS = "constant statistics"


@dataclass(frozen=True, repr=False)
class LayerDerivation(Derivation):
    """The Jacobian of a kind. `formula` is its matrix form, `components` the index form J[i, j]."""

    kind: str
    components: sp.Expr
    operator: Operator
    dropped: Operator | None = None  # what an assumption leaves out: true Jacobian minus this one


@cache
def derive_layer(kind: str, assume: str | None = None, function: str = "phi") -> LayerDerivation:
    """The Jacobian of a layer kind for symbolic size n, as a `LayerDerivation`.

    `function` names the activation (default: any differentiable one); `assume="constant statistics"` treats means as
    constants, as document 003 does in (1.10), and keeps what that drops. Raises ResiduaError for an unknown kind.
    """
    if kind not in kinds():
        raise ResiduaError(f"derive_layer: {unknown('kind', kind, kinds())}")
    if assume not in (None, CONSTANT_STATISTICS):
        raise ResiduaError(f"derive_layer: {unknown('assumption', assume, [CONSTANT_STATISTICS])}")
    if function not in functions.ACTIVATIONS:
        raise ResiduaError(f"derive_layer: {unknown('activation', function, functions.ACTIVATIONS)}")
    constant = assume == CONSTANT_STATISTICS
    domain, tangent = run(kind, function, constant)
    operator = read_off(tangent)
    referee = Referee(kind, function, constant)
    formula = matrix_form(operator, m if is_rectangular(kind) else n)
    steps = [*_recorded(domain, referee), *_function_steps(kind, function), *_result(operator, formula, referee)]
    dropped = None
    if constant:
        full = run(kind, function, False)[1]
        dropped = read_off(_difference(full, tangent))
        steps += _dropped_steps(read_off(full), operator, dropped)
    return LayerDerivation(
        title=f"Jacobian of {kind}" + (f" with {assume}" if assume else ""),
        symbol=sp.MatrixSymbol("J", *formula.shape),
        formula=formula,
        assumptions=_assumptions(kind, function, assume),
        steps=tuple(steps),
        kind=kind,
        components=operator.components,
        operator=operator,
        dropped=dropped,
    )


def run(kind: str, function: str, constant: bool) -> tuple[Tangents, Tangent]:
    """The forward map over symbolic arrays."""
    label = k if is_rectangular(kind) else i
    domain = Tangents(label, constant_statistics=constant)
    x = domain.input()
    values: dict[str, Any] = {}
    for name in arguments(kind):
        if name in kinds()[kind].parameters:
            axes = kinds()[kind].parameters[name].axes
            values[name] = atom(symbol_of(kind, name), [k if axis == "inputs" else i for axis in axes])
        elif name == "branch":
            values[name] = domain.abstract_map("F", "J_F")
        else:
            values[name] = CONSTANTS.get(name, function)
    return domain, domain.differential(forward_map(kind)(domain, x, **values))


def _difference(a: Tangent, b: Tangent) -> Tangent:
    return {pattern: a.get(pattern, sp.Integer(0)) - b.get(pattern, sp.Integer(0)) for pattern in {**a, **b}}


def _recorded(domain: Tangents, referee: "Referee") -> list[Step]:
    """What the forward map named, with its derivative, and the sums that were used, in that order."""
    steps = []
    for record in domain.steps:
        if isinstance(record, Fact):
            reason = "the names unfolded, known sums put in"
            steps.append(Step("sum", record.total, record.value, reason, referee.proofs_of_sum(record.total)))
        else:
            steps += _named_steps(record, referee)
    return steps


def _named_steps(record: Named, referee: "Referee") -> list[Step]:
    name = record.atom.base.label.name if isinstance(record.atom, sp.Indexed) else record.atom.name
    components = read_off(record.tangent).components if record.tangent else sp.Integer(0)
    left = sp.Derivative(record.atom, atom("x", (j,)), evaluate=False)
    constant = referee.constant and not record.tangent
    reason = "a statistic, taken for a constant: the assumption" if constant else "chain rule, in the newest names"
    return [
        Step(name, record.atom, record.value, "definition"),
        Step(f"d {name}", left, components, reason, () if constant else referee.proofs_of_derivative(name)),
    ]


def _function_steps(kind: str, function: str) -> list[Step]:
    """The elementary functions of our own that an activation uses, each with its derivative."""
    if kind != "activation":
        return []
    z = sp.Symbol("z", real=True)
    used = functions.ACTIVATIONS[function](z).atoms(functions.Elementary)
    return [
        Step(
            f"{type(f).__name__}'",
            sp.Derivative(f, z, evaluate=False),
            f.diff(z),
            "derivative of its definition" + ("; at 0 the value 0, as torch has it" if function == "relu" else ""),
            (Proof("exact comparison with the derivative of the definition", _definition_proof(type(f))),),
        )
        for f in sorted(used, key=str)
    ]


def _definition_proof(f: type[functions.Elementary]) -> Any:
    z = sp.Symbol("z", real=True)
    return lambda right: right == f(z).diff(z) and functions.derivative_holds(f)


def _result(operator: Operator, formula: sp.MatrixExpr, referee: "Referee") -> list[Step]:
    left = sp.Derivative(atom("y", (i,)), atom("x", (j,)), evaluate=False)
    as_entries = Proof(
        "for every n, entry by entry against the index form",
        lambda right: sums.vanishes(entry(right, i, j) - operator.components),
    )
    return [
        Step("components", left, operator.components, "the names put together", referee.proofs_of_derivative("y")),
        Step("matrix form", sp.MatrixSymbol("J", *formula.shape), formula, "common factors in front", (as_entries,)),
    ]


def _dropped_steps(full: Operator, kept: Operator, dropped: Operator) -> list[Step]:
    if not dropped.terms:
        return []
    proof = Proof(
        "for every n, entry by entry against the two Jacobians",
        lambda right: sums.vanishes(entry(right, i, j) - full.components + kept.components),
    )
    form = matrix_form(dropped)
    return [Step("dropped", sp.MatrixSymbol("D", *form.shape), form, "true Jacobian minus this one", (proof,))]


def _assumptions(kind: str, function: str, assume: str | None) -> tuple[str, ...]:
    stated = []
    if kind in ("layernorm", "rmsnorm"):
        stated.append("s > 0: the variance (mean square) plus ε does not vanish")
    if kind == "activation":
        stated.append("relu'(0) = 0, as torch has it" if function == "relu" else "φ is differentiable at x")
    if kind == "dropout":
        stated.append("evaluation mode: dropout is the identity")
    if assume:
        stated.append("mean and variance are constants: document 003, (1.10)")
    return tuple(stated)
