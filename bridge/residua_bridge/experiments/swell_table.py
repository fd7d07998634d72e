"""The swell table of Baydin et al., derived, and its last column against what the paper prints."""

from dataclasses import dataclass

from residua_bridge.experiments.exact_counts import exactly
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_symbolic.logistic_table import derive_table, level
from residua_symbolic.printing import latex
from residua_symbolic.swell import swell

# arXiv:1502.05767, Table 1, last column: coefficients from the constant on, the common factor in front taken out
PRINTED = ((1,), (1, -2), (1, -10, 24, -16), (1, -42, 504, -2640, 7040, -9984, 7168, -2048))


@dataclass(frozen=True)
class SwellTable:
    """Iterate, derivative by the product rule, derivative simplified; and how long SymPy's are, form by form."""

    title: str
    prose: tuple[str, ...]
    forms_to: int

    def run(self, settings: Settings) -> Finding:
        """Derive, prove, compare with the paper."""
        levels = [level(n) for n in range(1, len(PRINTED) + 1)]
        heads = ("$l_n$", "its derivative by the product rule", "the same, multiplied out")
        rows = tuple(
            (v.n, head, f"${latex(e)}$")
            for v in levels
            for head, e in zip(heads, (v.iterate, v.derivative, v.simplified), strict=True)
        )
        expressions = Table("Iterates of the logistic map", ("n", "what", "expression"), rows)
        derived = [c for v in levels for c in v.coefficients]
        d = exactly(
            "coefficients of the simplified derivatives", [c for row in PRINTED for c in row], derived, {"rows": 4}
        )
        section = Section(
            self.title,
            self.prose,
            derivations=(proved(derive_table(len(PRINTED))),),
            tables=(expressions, self._forms()),
            verdicts=(as_text(d, "The last column of Table 1 of Baydin et al.", "agree"),),
        )
        return Finding(section, (d,))

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


def _cell(count: int | None) -> str | int:
    return "–" if count is None else count
