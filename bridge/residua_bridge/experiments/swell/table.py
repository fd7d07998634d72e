"""The swell table of Baydin et al., derived, and its last column against what the paper prints."""

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from residua_bridge.experiments.exact_counts import exactly
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_symbolic.logistic_table import X, derive_table, level
from residua_symbolic.printing import latex
from residua_symbolic.swell import swell

Q = 1 - 8 * X + 8 * X**2
PRINTED = {  # arXiv:1502.05767, Table 1, as it stands there, row by row
    "iterates": (X, 4 * X * (1 - X), 16 * X * (1 - X) * (1 - 2 * X) ** 2, 64 * X * (1 - X) * (1 - 2 * X) ** 2 * Q**2),
    "derivatives by the product rule": (
        sp.Integer(1),
        4 * (1 - X) - 4 * X,
        16 * (1 - X) * (1 - 2 * X) ** 2 - 16 * X * (1 - 2 * X) ** 2 - 64 * X * (1 - X) * (1 - 2 * X),
        128 * X * (1 - X) * (-8 + 16 * X) * (1 - 2 * X) ** 2 * Q
        + 64 * (1 - X) * (1 - 2 * X) ** 2 * Q**2
        - 64 * X * (1 - 2 * X) ** 2 * Q**2
        - 256 * X * (1 - X) * (1 - 2 * X) * Q**2,
    ),
}
COLLECTED = (  # the last column: the factor in front, and what it multiplies, from the constant on
    (1, (1,)),
    (4, (1, -2)),
    (16, (1, -10, 24, -16)),
    (64, (1, -42, 504, -2640, 7040, -9984, 7168, -2048)),
)


@dataclass(frozen=True)
class SwellTable:
    """Iterate, derivative by the product rule, derivative simplified; and how long SymPy's are, form by form."""

    title: str
    prose: tuple[str, ...]
    forms_to: int

    def run(self, settings: Settings) -> Finding:
        """Derive, prove, compare with the paper."""
        levels = [level(n) for n in range(1, len(COLLECTED) + 1)]
        heads = ("$l_n$", "its derivative by the product rule", "the same, multiplied out")
        rows = tuple(
            (v.n, head, f"${latex(e)}$")
            for v in levels
            for head, e in zip(heads, (v.iterate, v.derivative, v.simplified), strict=True)
        )
        expressions = Table("Iterates of the logistic map", ("n", "what", "expression"), rows)
        found = [
            _same("iterates", [v.iterate for v in levels]),
            _same("derivatives by the product rule", [v.derivative for v in levels]),
            exactly(
                "common factors and coefficients of the simplified derivatives",
                [c for factor, row in COLLECTED for c in (factor, *row)],
                [c for v in levels for c in (v.factor, *v.coefficients)],
                {"rows": len(levels)},
            ),
        ]
        section = Section(
            self.title,
            self.prose,
            derivations=(proved(derive_table(len(COLLECTED))),),
            tables=(expressions, self._forms()),
            verdicts=tuple(as_text(d, f"Table 1 of Baydin et al.: {d.quantity}", "agree") for d in found),
        )
        return Finding(section, tuple(found))

    def _forms(self) -> Table:
        forms = [swell("4*x*(1-x)", iterate=self.forms_to, form=form) for form in ("raw", "expanded", "simplified")]
        rows = tuple(
            (k + 1, *(cell for one in forms for cell in (_cell(one[k].tree_nodes), _cell(one[k].characters))))
            for k in range(self.forms_to)
        )
        heads = ("n", "raw: nodes", "characters", "expanded: nodes", "characters", "factored: nodes", "characters")
        caption = (
            "The same derivative as sympy.diff returns it, after expand, and after factor. The expanded form is a "
            "polynomial of degree $2^{n-1}-1$: it doubles with every level, too."
        )
        return Table("Three forms of one derivative", heads, rows, caption)


def _same(column: str, ours: Sequence[sp.Expr]) -> Discrepancy:
    """The paper's column and ours as polynomials: by all coefficients, row by row, from the constant on."""
    theirs, found = ([c for e in one for c in _coefficients(e)] for one in (PRINTED[column], ours))
    return exactly(column, theirs, found, {"rows": len(ours), "compared": "as polynomials"})


def _coefficients(e: sp.Expr) -> list[int]:
    """The degree, and the coefficients: rows of other lengths are not the same."""
    polynomial = sp.Poly(e, X)
    return [polynomial.degree(), *map(int, reversed(polynomial.all_coeffs()))]


def _cell(count: int | None) -> str | int:
    return "–" if count is None else count
