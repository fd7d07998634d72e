"""What a study found, as plain data: the only thing that report formats and figures read, kept as findings.json.

Prose is plain text in which `$...$` marks mathematics written by us; everything outside the dollars is escaped by
the formats. Formulas are LaTeX printed from SymPy objects. Numbers are Python floats and ints.
"""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Cell = str | int | float | bool


@dataclass(frozen=True)
class Table:
    """Rows under column heads; the cells may hold `$...$`."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class Curve:
    """One curve or set of points; `spread` is the half-height of the error bars, in the units of y."""

    label: str
    source: Literal["predicted", "measured", "other"]
    x: tuple[float, ...]
    y: tuple[float, ...]
    spread: tuple[float, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A picture: curves on one pair of axes. `name` is the file name without ending.

    `ticks` are the values named on a logarithmic x axis; without any, those of the curves where they are few.
    """

    name: str
    title: str
    xlabel: str
    ylabel: str
    curves: tuple[Curve, ...]
    xscale: Literal["linear", "log"] = "linear"
    yscale: Literal["linear", "log"] = "linear"
    caption: str = ""
    ticks: tuple[float, ...] = ()


@dataclass(frozen=True)
class GraphNode:
    """A node of a drawn graph; `label` and, in smaller letters below it, `below` may hold `$...$`."""

    name: str
    label: str
    below: str = ""
    kind: Literal["input", "constant", "operation", "output"] = "operation"


@dataclass(frozen=True)
class Drawing:
    """A directed graph without cycles; edges are (from, to, label), nodes by name. `name` is the file name."""

    name: str
    title: str
    nodes: tuple[GraphNode, ...]
    edges: tuple[tuple[str, str, str], ...]
    caption: str = ""


@dataclass(frozen=True)
class Panel:
    """One matrix of a picture: `values[i][j]` stands at row i, from above, and column j; `marked` cells get a frame."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    marked: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Matrix:
    """Matrices as coloured cells, side by side on one scale of colours: the magnitudes, on a logarithmic scale.

    The colours span `decades` powers of ten at most, below the largest magnitude; what is smaller has the palest
    colour. An exact zero is an empty cell, what is not finite a cross, what is negative has a minus sign in it.
    `unit` says what the colours measure. Labels and titles may hold `$...$`. `name` is the file name without ending.
    """

    name: str
    title: str
    xlabel: str
    ylabel: str
    unit: str
    panels: tuple[Panel, ...]
    decades: float = 8.0
    caption: str = ""


@dataclass(frozen=True)
class TermText:
    """A term of a budget: its signed size and error bar, and how they were obtained."""

    cause: str
    value: float
    bar: float
    how: str


@dataclass(frozen=True)
class BudgetText:
    """measured = predicted + the terms + unexplained, in the quantity's own units; `bar` is that of `measured`."""

    predicted: float
    measured: float
    bar: float
    terms: tuple[TermText, ...]
    unexplained: float
    unexplained_bar: float
    statistic: str


@dataclass(frozen=True)
class Steps:
    """One comparison in a waterfall: from predicted through each cause, and what none explains, to measured."""

    title: str
    budget: BudgetText


@dataclass(frozen=True)
class Waterfall:
    """Budgets as pictures, side by side: each cause a bar from where the one above it ends, with its error bar.

    `xlabel` says what is measured, in which units. Titles may hold `$...$`. `name` is the file name without ending.
    """

    name: str
    title: str
    xlabel: str
    panels: tuple[Steps, ...]
    caption: str = ""


@dataclass(frozen=True)
class StepText:
    """One step of a derivation: the statement as LaTeX, the reason, and the proofs that passed in this run."""

    name: str
    statement: str
    reason: str
    proofs: tuple[str, ...]


@dataclass(frozen=True)
class DerivationText:
    """A derivation as a report prints it."""

    title: str
    formula: str
    assumptions: tuple[str, ...]
    steps: tuple[StepText, ...]


@dataclass(frozen=True)
class VerdictText:
    """A verdict with everything that it must print: the scope, the causes and what is left unexplained."""

    statement: str
    verdict: str
    explained: bool
    expected: str
    scope: str
    difference: float
    causes: dict[str, float]
    unexplained: float
    bar: float
    note: str = ""
    budget: BudgetText | None = None


@dataclass(frozen=True)
class Reference:
    """What a judge of claims looked at: where it stands, what it showed, and how sure that is.

    `value` is None where there is no one number or word; `bound` is an error bar, "exact", the proofs passed, ….
    """

    kind: Literal["proof", "number", "numbers", "verdict", "picture"]
    report: str
    section: str
    what: str
    value: Cell | None = None
    bound: str = ""


@dataclass(frozen=True)
class Entry:
    """A claim of a ledger: its name, where it is made, its sentence, the word, and what is to be said with it.

    `said` holds pairs of a lead and a text, such as ("Holds if", "…"); `computed` is how the word came about.
    """

    name: str
    where: str
    statement: str
    word: str
    said: tuple[tuple[str, str], ...]
    evidence: tuple[Reference, ...]
    computed: str


@dataclass(frozen=True)
class Section:
    """Part of a report, in order: prose, derivations, drawings, tables, figures, matrices, waterfalls, verdicts,
    entries."""

    title: str
    prose: tuple[str, ...] = ()
    derivations: tuple[DerivationText, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    verdicts: tuple[VerdictText, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    matrices: tuple[Matrix, ...] = ()
    waterfalls: tuple[Waterfall, ...] = ()
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Findings:
    """All that a study found, and where each number came from."""

    study: str
    title: str
    question: str
    claim: str
    refuted_by: str
    sections: tuple[Section, ...]
    conclusion: tuple[str, ...] = ()
    provenance: dict[str, str] = field(default_factory=dict)

    @property
    def verdicts(self) -> tuple[VerdictText, ...]:
        """Every verdict, in reading order."""
        return tuple(verdict for section in self.sections for verdict in section.verdicts)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every entry of a ledger, in reading order."""
        return tuple(entry for section in self.sections for entry in section.entries)

    def to_json(self) -> str:
        """All of it, as `as_json` writes it."""
        data = asdict(self)
        for section in data["sections"]:
            for later in (
                "drawings",
                "matrices",
                "waterfalls",
                "entries",
            ):  # reports from before there were any stay as they are
                if not section[later]:
                    del section[later]
            for figure in section["figures"]:
                if not figure["ticks"]:
                    del figure["ticks"]
            for verdict in section["verdicts"]:
                if verdict["budget"] is None:
                    del verdict["budget"]
        return as_json(data) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Findings":
        """The findings that `to_json` wrote."""
        data = json.loads(text)
        sections = tuple(_section(section) for section in data.pop("sections"))
        return cls(**{**data, "conclusion": tuple(data["conclusion"]), "sections": sections})


def as_json(data: Any) -> str:
    """Full precision; what JSON's readers may not take is written as a string.

    That is a value that is not finite ("nan", "inf"), and a whole number of more digits than Python reads unasked.
    """
    return json.dumps(_plain(data), indent=1, ensure_ascii=False, allow_nan=False)


LONGEST = 14_000  # bits; Python reads and writes 4300 digits
_UNBOUNDED = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and value.bit_length() > LONGEST:
        from flint import fmpz  # prints them, and in a time that is not quadratic

        return str(fmpz(value))
    return value


def _number(value: Any) -> Any:
    return _UNBOUNDED.get(value, value) if isinstance(value, str) else value


def _section(data: dict[str, Any]) -> Section:
    return Section(
        title=data["title"],
        prose=tuple(data["prose"]),
        derivations=tuple(_derivation(item) for item in data["derivations"]),
        tables=tuple(_table(item) for item in data["tables"]),
        figures=tuple(_figure(item) for item in data["figures"]),
        verdicts=tuple(_verdict(item) for item in data["verdicts"]),
        drawings=tuple(_drawing(item) for item in data.get("drawings", ())),
        matrices=tuple(_matrix(item) for item in data.get("matrices", ())),
        waterfalls=tuple(_waterfall(item) for item in data.get("waterfalls", ())),
        entries=tuple(_entry(item) for item in data.get("entries", ())),
    )


def _entry(data: dict[str, Any]) -> Entry:
    evidence = tuple(Reference(**{**item, "value": _number(item["value"])}) for item in data["evidence"])
    return Entry(**{**data, "said": tuple((lead, text) for lead, text in data["said"]), "evidence": evidence})


def _derivation(data: dict[str, Any]) -> DerivationText:
    steps = tuple(StepText(**{**step, "proofs": tuple(step["proofs"])}) for step in data["steps"])
    return DerivationText(**{**data, "assumptions": tuple(data["assumptions"]), "steps": steps})


def _table(data: dict[str, Any]) -> Table:
    rows = tuple(tuple(_number(cell) for cell in row) for row in data["rows"])
    return Table(**{**data, "columns": tuple(data["columns"]), "rows": rows})


def _figure(data: dict[str, Any]) -> Figure:
    curves = tuple(
        Curve(**{**curve, **{name: tuple(map(_number, curve[name])) for name in ("x", "y", "spread")}})
        for curve in data["curves"]
    )
    return Figure(**{**data, "curves": curves, "ticks": tuple(data.get("ticks", ()))})


def _drawing(data: dict[str, Any]) -> Drawing:
    nodes = tuple(GraphNode(**node) for node in data["nodes"])
    return Drawing(
        **{**data, "nodes": nodes, "edges": tuple((start, end, label) for start, end, label in data["edges"])}
    )


def _matrix(data: dict[str, Any]) -> Matrix:
    return Matrix(**{**data, "panels": tuple(map(_panel, data["panels"]))})


def _panel(data: dict[str, Any]) -> Panel:
    values = tuple(tuple(map(_number, row)) for row in data["values"])
    labels = {name: tuple(data[name]) for name in ("rows", "columns")}
    return Panel(**{**data, **labels, "values": values, "marked": tuple((i, j) for i, j in data["marked"])})


def _waterfall(data: dict[str, Any]) -> Waterfall:
    panels = tuple(Steps(panel["title"], _budget(panel["budget"])) for panel in data["panels"])
    return Waterfall(**{**data, "panels": panels})


def _budget(data: dict[str, Any]) -> BudgetText:
    terms = tuple(TermText(**_numbers(term, words=("cause", "how"))) for term in data["terms"])
    return BudgetText(**{**_numbers(data, words=("terms", "statistic")), "terms": terms})


def _numbers(data: dict[str, Any], words: tuple[str, ...]) -> dict[str, Any]:
    return {key: value if key in words else _number(value) for key, value in data.items()}


def _verdict(data: dict[str, Any]) -> VerdictText:
    numbers = {name: _number(data[name]) for name in ("difference", "unexplained", "bar")}
    budget = _budget(data["budget"]) if data.get("budget") else None
    causes = {k: _number(v) for k, v in data["causes"].items()}
    return VerdictText(**{**data, **numbers, "causes": causes, "budget": budget})
