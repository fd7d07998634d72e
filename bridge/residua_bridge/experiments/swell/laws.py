"""Laws of growth of iterated maps: found in the first levels, held against levels that did not go into them."""

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from residua_bridge.experiments.exact_counts import exactly, inconclusive
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.rendering import together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_symbolic.growth import Law, N, grouped, law_of
from residua_symbolic.printing import latex
from residua_symbolic.swell import shown, swell
from residua_symbolic.swell_derivation import derive_laws
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
LEARNT = 24  # levels that a law is read off, at most
SHARE = 0.75  # of the levels counted, at most: the others judge it


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
            laws = {name: law for name in LAWFUL if (law := learnt(name, rows)) is not None}
            met = [_held(one, form, name, laws.get(name), rows) for name in LAWFUL]
            found.extend(met)
            verdicts.append(together(met, f"Laws of the {one.label}, {_said(form)}", "agree"))
            formulas[one.label, form] = [_formula(laws.get(name)) for name in LAWFUL]
            last[one.label, form] = [_last(rows[-1], name) for name in LAWFUL]
            if form == "raw":
                figures.append(_figure(one, laws, rows))
        caption = (
            f"Counts of the derivative of level n, read off {LEARNT} levels at most (three quarters of those counted) "
            f"and verified exactly on the others, up to level {levels} (operations after cse of SymPy's form: while "
            f"it has at most {LARGEST_CSE} different subexpressions), from the level given on. SymPy: as sympy.diff "
            "returns it, sums and products flattened, quotients as powers; not proved beyond. Graph: residua's own "
            "derivative unfolded, every operation of at most two arguments; its operations after cse are those of the "
            "derivative alone. These laws, and those of the programs, are proved for every level below."
        )
        heads = ("map", "count", *map(_said, ("raw", "graph")))
        words = "Longer numbers are shortened, their digits counted. –: not computed."
        tables = (
            Table("Laws of growth", heads, self._side_by_side(formulas), caption),
            Table(f"Level {levels}, exactly", heads, self._side_by_side(last), words),
        )
        section = Section(
            self.title,
            self.prose,
            derivations=tuple(proved(derive_laws(one.label, one.expression)) for one in self.maps),
            tables=tables,
            figures=tuple(figures),
            verdicts=tuple(verdicts),
        )
        return Finding(section, tuple(found))

    def _side_by_side(self, cells: dict[tuple[str, str], list[str]]) -> tuple[tuple[Cell, ...], ...]:
        """A row for each map and count, the forms beside each other."""
        return tuple(
            (one.label, NAMED[name], cells[one.label, "raw"][k], cells[one.label, "graph"][k])
            for one in self.maps
            for k, name in enumerate(LAWFUL)
        )


def counted(name: str, rows: Sequence[Size]) -> list[int]:
    """The counts taken one by one, from level 1 to the first that was not."""
    found = []
    for row in rows:
        if (value := getattr(row, name)) is None or name in row.by_law:
            break
        found.append(value)
    return found


def learnt(name: str, rows: Sequence[Size]) -> Law | None:
    """The law of the first levels; enough are left to judge it by."""
    values = counted(name, rows)
    return law_of(values[: min(LEARNT, int(SHARE * len(values)))])


def _held(one: Map, form: str, name: str, law: Law | None, rows: Sequence[Size]) -> Discrepancy:
    """The law against the levels beyond those that it was learnt from. Every count of these maps has a law."""
    quantity, values = f"{NAMED[name]} of the {one.label}", counted(name, rows)
    if law is None:
        return inconclusive(quantity, "no law in the first levels, where one is expected", {"form": form})
    judged = values[law.last :]
    scope = {
        "levels": f"{law.last + 1} to {len(values)}",
        "form": form,
        "learnt from levels": f"{law.first} to {law.last}",
    }
    return exactly(quantity, law.upto(len(values))[law.last + 1 - law.first :], judged, scope)


def _last(row: Size, name: str) -> str:
    return f"{shown(getattr(row, name))}{' (by its law)' if name in row.by_law else ''}"


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
        points = list(enumerate(counted(name, rows), start=1))[1:]
        law = laws.get(name)
        if law is not None:
            line = [(n, law.at(n)) for n in range(max(law.first, 2), rows[-1].n + 1)]
            curves.append(Curve(NAMED[name], "predicted", *_floats(line)))
        curves.append(Curve(NAMED[name], "measured", *_floats(points)))
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
