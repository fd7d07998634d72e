"""Laws of growth of iterated maps: found in the first levels, held against levels that did not go into them."""

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from residua_bridge.experiments.exact_counts import exactly
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.rendering import together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_symbolic.growth import Law, N, grouped
from residua_symbolic.printing import latex
from residua_symbolic.swell import laws_of, shown, swell
from residua_symbolic.swell_sizes import LARGEST_CSE, LAWFUL, Size

NAMED = {
    "tree_nodes": "tree",
    "graph_nodes": "graph",
    "operations": "operations",
    "cse_operations": "operations after cse",
    "forward_operations": "forward mode",
    "reverse_operations": "reverse mode",
}
DRAWN = ("tree_nodes", "operations", "graph_nodes", "cse_operations", "forward_operations")
LEARNT = 24  # levels that a law is read off


@dataclass(frozen=True)
class Map:
    """An iterated map by name."""

    label: str
    name: str
    expression: sp.Expr


@dataclass(frozen=True)
class SwellLaws:
    """For each map and form: closed formulas, verdicts on later levels, a picture, the last level in figures."""

    title: str
    prose: tuple[str, ...]
    maps: tuple[Map, ...]
    levels: By

    def run(self, settings: Settings) -> Finding:
        """Count, find, predict, compare."""
        levels = self.levels.of(settings.profile)
        cases = [(one, form) for one in self.maps for form in ("raw", "graph")]
        formulas: dict[tuple[str, str], list[str]] = {}
        last: dict[tuple[str, str], list[str]] = {}
        figures, verdicts, found = [], [], []
        for one, form in settings.track(cases, self.title):
            rows = swell(one.expression, iterate=levels, form=form).rows
            laws = laws_of(rows[:LEARNT])
            met = [_held(one, form, name, law, rows) for name, law in laws.items()]
            found.extend(met)
            verdicts.append(together(met, f"Laws of the {one.label}, {_said(form)}", "agree"))
            formulas[one.label, form] = [_formula(laws.get(name)) for name in LAWFUL]
            last[one.label, form] = [str(shown(getattr(rows[-1], name))) for name in LAWFUL]
            if form == "raw":
                figures.append(_figure(one, laws, rows))
        caption = (
            f"Counts of the derivative of level n, read off levels up to {LEARNT} and verified exactly up to level "
            f"{levels} (operations after cse of SymPy's form: as long as it has at most {LARGEST_CSE} different "
            "subexpressions), from the level given on. SymPy: as sympy.diff returns it, sums and products flattened, "
            "quotients as powers. Graph: residua's own derivative unfolded, every operation of at most two arguments; "
            "its operations after cse are those of the derivative alone."
        )
        heads = ("map", "count", *map(_said, ("raw", "graph")))
        words = "Longer numbers are shortened, their digits counted. –: not computed."
        tables = (
            Table("Laws of growth", heads, self._side_by_side(formulas), caption),
            Table(f"Level {levels}, exactly", heads, self._side_by_side(last), words),
        )
        section = Section(self.title, self.prose, tables=tables, figures=tuple(figures), verdicts=tuple(verdicts))
        return Finding(section, tuple(found))

    def _side_by_side(self, cells: dict[tuple[str, str], list[str]]) -> tuple[tuple[Cell, ...], ...]:
        """A row for each map and count, the forms beside each other."""
        return tuple(
            (one.label, NAMED[name], cells[one.label, "raw"][k], cells[one.label, "graph"][k])
            for one in self.maps
            for k, name in enumerate(LAWFUL)
        )


def _held(one: Map, form: str, name: str, law: Law, rows: Sequence[Size]) -> Discrepancy:
    """The law against the levels that did not determine it, as far as the count was taken one by one."""
    begin = law.first + len(law.values)
    counted = [value for row in rows[begin - 1 :] if (value := getattr(row, name)) is not None and not row.by_law]
    end = begin + len(counted) - 1
    scope = {"levels": f"{begin} to {end}", "form": form, "determined by levels": f"{law.first} to {begin - 1}"}
    predicted = law.upto(end)[begin - law.first :]
    return exactly(f"{NAMED[name]} of the {one.label}", predicted, counted, scope)


def _formula(law: Law | None) -> str:
    if law is None or law.formula is None:
        return "–"
    return f"${written(law.formula, N)}$, $n \\geq {law.first}$"


def written(formula: sp.Expr, exponent: sp.Symbol) -> str:
    """LaTeX over one denominator, in one line: fractions do not fit into the rows of a table."""
    top, bottom = grouped(formula, exponent)
    return latex(top) if bottom == 1 else rf"\left({latex(top)}\right) / {latex(bottom)}"


def _said(form: str) -> str:
    return "SymPy" if form == "raw" else "graph"


def _figure(one: Map, laws: dict[str, Law], rows: Sequence[Size]) -> Figure:
    curves = []
    for name in DRAWN:
        counted = [(row.n, value) for row in rows if (value := getattr(row, name)) is not None and row.n > 1]
        law = laws.get(name)
        if law is not None:
            line = [(n, law.at(n)) for n in range(max(law.first, 2), rows[-1].n + 1)]
            curves.append(Curve(NAMED[name], "predicted", *_floats(line)))
        curves.append(Curve(NAMED[name], "measured", *_floats(counted)))
    return Figure(
        f"swell-{one.name}",
        f"Size of the derivative of the {one.label}",
        "level n",
        "count",
        tuple(curves),
        yscale="log",
        caption=(
            "Points: counted. Lines: the laws. Tree, operations, graph and operations after cse of what SymPy writes; "
            "forward mode: operations of the program for value and derivative (reverse mode has the same number)."
        ),
    )


def _floats(points: Sequence[tuple[int, int]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(float(n) for n, _ in points), tuple(float(value) for _, value in points)
