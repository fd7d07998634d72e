"""The laws of growth of programs and of the graph form, as a derivation: every step is an induction over levels."""

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.expressions.given import given
from residua_symbolic.growth import N
from residua_symbolic.swell import COUNTED, Swell, swell
from residua_symbolic.swell_induction import LEVELS, Induction, induction
from residua_symbolic.swell_sizes import OF_PROGRAMS

COUNTS = {
    "tree_nodes": "T",
    "operations": "O",
    "graph_nodes": "G",
    "cse_operations": "C",
    "forward_operations": "F",
    "reverse_operations": "R",
}
MEANT = {
    "tree_nodes": "nodes of the derivative's tree",
    "operations": "operations of that tree",
    "graph_nodes": "nodes of its graph",
    "cse_operations": "operations of its graph",
    "forward_operations": "operations of the program for value and derivative, forward mode",
    "reverse_operations": "the same, reverse mode",
}
INDUCTION = (
    "the new nodes of each level, compared node by node: they are the same from level to level, and what is made at "
    "one depends on nothing further away"
)


def derive_laws(label: str, expression: sp.Expr) -> Derivation:
    """Closed formulas for the counts of l_n, l_1 = x, l_(n+1) = f(l_n), proved for every n from the first on.

    A count whose levels are not alike, or whose law has no closed formula, is left out.
    """
    function = given(expression)
    (x,) = function.variables
    found, known = swell(expression, iterate=COUNTED, form="graph"), induction(function.program, x)
    steps = []
    for name, letter in COUNTS.items():
        law = found.laws.get(name)
        if law is not None and law.formula is not None and known.proves(name, law):
            reason = f"{MEANT[name]}, n ≥ {law.first}"
            steps.append(Step(MEANT[name], sp.Function(letter)(N), law.formula, reason, _proofs(name, found, known)))
    last = steps[-1]
    assumptions = (
        "l_1 = x, l_(n+1) = f(l_n) with the operations of f as they are written",
        "residua's rules for derivatives; equal nodes are one node",
        f"Induction over levels: compared are levels 1 to {LEVELS + 1}; counted are levels 1 to {COUNTED}",
    )
    return Derivation(
        f"Growth of the {label}: programs and graph form", last.left, last.right, assumptions, tuple(steps)
    )


def _proofs(name: str, found: Swell, known: Induction) -> tuple[Proof, ...]:
    law = found.laws[name]

    def counted(right: sp.Expr) -> bool:
        return all(right.subs(N, row.n) == getattr(row, name) for row in found if row.n >= law.first)

    def inductive(right: sp.Expr) -> bool:
        """The law is proved; the formula obeys its recurrence, and has its values at first."""
        begin, order = law.first, len(law.recurrence)
        rest = right - sum(c * right.subs(N, N - 1 - k) for k, c in enumerate(law.recurrence))
        same = all(right.subs(N, begin + k) == v for k, v in enumerate(law.values[:order]))
        return known.proves(name, law) and same and sp.simplify(rest) == 0

    where = "programs" if name in OF_PROGRAMS else "graphs"
    return (
        Proof(f"counted on the {where} of every level up to {COUNTED}", counted),
        Proof(INDUCTION, inductive),
    )
