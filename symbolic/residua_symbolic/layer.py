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
from residua_symbolic.domains.tangents import BATCH, FEATURE, Fact, Named, Tangent, Tangents, atom, j
from residua_symbolic.kind import run
from residua_symbolic.matrices import entry, matrix_form
from residua_symbolic.operator import Operator, read_off
from residua_symbolic.referee import Referee
from residua_symbolic.symbols import is_rectangular

m = sp.Symbol("m", integer=True, positive=True)  # outputs, where they are not as many as the inputs
CONSTANT_STATISTICS = "constant statistics"


@dataclass(frozen=True, repr=False)
class LayerDerivation(Derivation):
    """The Jacobian of a kind. `formula` is its matrix form, `components` the index form J[i, j].

    Where rows are coupled, `formula` is the B × B matrix of one feature i, and `components` J[b, i, c, j].
    """

    kind: str
    components: sp.Expr
    operator: Operator
    dropped: Operator | None = None  # what an assumption leaves out: true Jacobian minus this one


def derive_layer(kind: str, assume: str | None = None, variant: str | None = None) -> LayerDerivation:
    """The Jacobian of a layer kind for symbolic sizes, as a `LayerDerivation`.

    `variant`: the function of an activation (default: any differentiable one), the statistics of batch norm (default:
    "batch"). `assume="constant statistics"` treats means as constants, as document 003 does in (1.10), and keeps what
    that drops. Raises ResiduaError for an unknown kind, variant or assumption.
    """
    if kind not in kinds():
        raise ResiduaError(f"derive_layer: {unknown('kind', kind, kinds())}")
    if assume not in (None, CONSTANT_STATISTICS):
        raise ResiduaError(f"derive_layer: {unknown('assumption', assume, [CONSTANT_STATISTICS])}")
    known = variants(kind)
    if variant is not None and variant not in known:
        if not kinds()[kind].variant:
            raise ResiduaError(f"derive_layer: {kind} has no variants, got {variant!r}")
        what = "activation" if kind == "activation" else kinds()[kind].variant
        raise ResiduaError(f"derive_layer: {unknown(what, variant, known)}")
    return _derive(kind, assume, known[0] if variant is None else variant)


def variants(kind: str) -> tuple[str, ...]:
    """The variants of a kind, the default first; of an activation "phi", any differentiable function, too."""
    if kind == "activation":
        return ("phi", *kinds()[kind].variants)
    return kinds()[kind].variants or ("",)


@cache
def _derive(kind: str, assume: str | None, variant: str) -> LayerDerivation:
    full = run(kind, variant, False)
    constant = assume == CONSTANT_STATISTICS and run(kind, variant, True)[1] != full[1]  # else nothing is assumed
    domain, tangent = run(kind, variant, True) if constant else full
    operator = read_off(tangent)
    referee = Referee(kind, variant, constant, operator.axis)
    formula = matrix_form(operator, m if is_rectangular(kind) else None)
    steps = [*_recorded(domain, referee), *_function_steps(kind, variant), *_result(operator, formula, referee)]
    dropped = None if assume is None else read_off(_difference(full[1], tangent))
    if dropped is not None:
        steps += _dropped_steps(read_off(full[1]), operator, dropped)
    return LayerDerivation(
        title=f"Jacobian of {named(kind, variant)}" + (f" with {assume}" if assume else ""),
        symbol=sp.MatrixSymbol("J", *formula.shape),
        formula=formula,
        assumptions=_assumptions(kind, variant, assume),
        steps=tuple(steps),
        kind=kind,
        components=operator.components,
        operator=operator,
        dropped=dropped,
    )


def named(kind: str, variant: str) -> str:
    """The kind as titles call it."""
    return f"{kind} on {variant} statistics" if kinds()[kind].variant == "statistics" else kind


def _difference(a: Tangent, b: Tangent) -> Tangent:
    return {pattern: a.get(pattern, sp.Integer(0)) - b.get(pattern, sp.Integer(0)) for pattern in {**a, **b}}


def _recorded(domain: Tangents, referee: Referee) -> list[Step]:
    """What the forward map named, with its derivative, and the sums that were used, in that order."""
    steps = []
    for record in domain.steps:
        if isinstance(record, Fact):
            reason = "the names unfolded, known sums put in"
            steps.append(Step("sum", record.total, record.value, reason, referee.proofs_of_sum(record.total)))
        else:
            steps += _named_steps(record, referee)
    return steps


def _named_steps(record: Named, referee: Referee) -> list[Step]:
    name = record.atom.base.label.name if isinstance(record.atom, sp.Indexed) else record.atom.name
    components = read_off(record.tangent).components if record.tangent else sp.Integer(0)
    left = sp.Derivative(record.atom, _input(referee), evaluate=False)
    constant = referee.constant and not record.tangent
    reason = "a statistic, taken for a constant: the assumption" if constant else "chain rule, in the newest names"
    return [
        Step(name, record.atom, record.value, "definition"),
        Step(f"d {name}", left, components, reason, () if constant else referee.proofs_of_derivative(name)),
    ]


def _input(referee: Referee) -> sp.Expr:
    """The entry of x by which is differentiated."""
    return atom("x", (j,) if referee.axis is FEATURE else (referee.axis.primed, j))


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


def _result(operator: Operator, formula: sp.MatrixExpr, referee: Referee) -> list[Step]:
    axis = operator.axis
    left = sp.Derivative(atom("y", operator.output), _input(referee), evaluate=False)
    as_entries = Proof(
        f"for every {axis.size}, entry by entry against the index form",
        lambda right: (
            right.shape == formula.shape
            and _sizes(right) <= _sizes(formula)
            and sums.vanishes(entry(right, axis.label, axis.primed) - operator.of_one_feature, axis)
        ),
    )
    reason = "common factors in front" + (", for each feature i" if axis is BATCH else "")
    return [
        Step("components", left, operator.components, "the names put together", referee.proofs_of_derivative("y")),
        Step("matrix form", sp.MatrixSymbol("J", *formula.shape), formula, reason, (as_entries,)),
    ]


def _sizes(m: sp.MatrixExpr) -> set[sp.Expr]:
    """The lengths of all matrices in an expression: entries alone do not tell I_n from I_3."""
    return {length for part in sp.preorder_traversal(m) if isinstance(part, sp.MatrixExpr) for length in part.shape}


def _dropped_steps(full: Operator, kept: Operator, dropped: Operator) -> list[Step]:
    if not dropped.terms:
        return []
    axis, form = full.axis, matrix_form(dropped)
    difference = full.of_one_feature - kept.of_one_feature
    proof = Proof(
        f"for every {axis.size}, entry by entry against the two Jacobians",
        lambda right: (
            right.shape == form.shape
            and _sizes(right) <= _sizes(form)
            and sums.vanishes(entry(right, axis.label, axis.primed) - difference, axis)
        ),
    )
    return [Step("dropped", sp.MatrixSymbol("D", *form.shape), form, "true Jacobian minus this one", (proof,))]


def _assumptions(kind: str, variant: str, assume: str | None) -> tuple[str, ...]:
    stated = []
    if kind in ("layernorm", "rmsnorm", "batchnorm"):
        stated.append("s > 0: the variance (mean square) plus ε does not vanish")
    if kind == "batchnorm":
        coupled = "statistics of the batch: rows are coupled, features are not"
        stated.append(coupled if variant == "batch" else "stored statistics: constants")
    if kind == "activation":
        stated.append("relu'(0) = 0, as torch has it" if variant == "relu" else "φ is differentiable at x")
    if kind == "dropout":
        stated.append("evaluation mode: dropout is the identity")
    if assume:
        stated.append("mean and variance are constants: document 003, (1.10)")
    return tuple(stated)
