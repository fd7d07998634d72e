"""Laws of growth of plain networks in depth and width, held against sizes that did not go into them."""

from dataclasses import dataclass

from residua_bridge.experiments.exact_counts import exactly, inconclusive
from residua_bridge.experiments.swell.laws import DRAWN, NAMED, written
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.rendering import together
from residua_bridge.study import Finding, Settings
from residua_symbolic.swell import size_of_network
from residua_symbolic.swell_networks import DEPTH, DEPTHS, WIDTHS, network_laws, network_sizes, plain_network
from residua_symbolic.swell_sizes import LAWFUL


@dataclass(frozen=True)
class NetworkSwell:
    """Formulas in L and w, verdicts at sizes beyond, pictures along depth and along width."""

    title: str
    prose: tuple[str, ...]
    beyond: tuple[tuple[int, int], ...]

    def run(self, settings: Settings) -> Finding:
        """Count, find, predict, compare."""
        rows: list[tuple[Cell, ...]] = []
        verdicts, found = [], []
        for form in settings.track(("raw", "graph"), self.title):
            laws = network_laws(form)
            sizes = {at: size_of_network(plain_network(*at), "x1", form) for at in self.beyond}
            met = []
            for name in LAWFUL:
                if (law := laws.get(name)) is None:
                    met.append(inconclusive(f"{NAMED[name]} of plain networks", "no law", {"form": form}))
                    continue
                judged = {at: v for at, size in sizes.items() if (v := getattr(size, name)) is not None}
                scope = {"sizes (L, w)": ", ".join(map(str, judged)), "form": form}
                predicted = [law.at(*at) for at in judged]
                met.append(exactly(f"{NAMED[name]} of plain networks", predicted, list(judged.values()), scope))
                checks = len(law.values) - law.terms
                rows.append((_said(form), NAMED[name], f"${written(law.formula, DEPTH)}$", len(law.values), checks))
            found.extend(met)
            verdicts.append(together(met, f"Laws of plain networks, {_said(form)}", "agree"))
        caption = (
            f"Derivative of the output by the first input; every value of L = {DEPTHS[0]}…{DEPTHS[-1]}, "
            f"w = {WIDTHS[0]}…{WIDTHS[-1]} that was counted. "
            "Checks: how many of these are beyond what determines the formula."
        )
        heads = ("form", "count", "formula", "sizes", "checks")
        section = Section(
            self.title,
            self.prose,
            tables=(Table("Laws in depth and width", heads, tuple(rows), caption),),
            figures=(_along("depth"), _along("width")),
            verdicts=tuple(verdicts),
        )
        return Finding(section, tuple(found))


def _said(form: str) -> str:
    return "SymPy" if form == "raw" else "graph"


def _along(axis: str) -> Figure:
    """At the middle of the other size."""
    sizes, laws = network_sizes("raw"), network_laws("raw")
    fixed = 4 if axis == "depth" else 3
    at = [(L, fixed) for L in DEPTHS] if axis == "depth" else [(fixed, w) for w in WIDTHS]
    x = tuple(float(L if axis == "depth" else w) for L, w in at)
    curves = []
    for name in DRAWN:
        if name in laws:
            curves.append(Curve(NAMED[name], "predicted", x, tuple(float(laws[name].at(*one)) for one in at)))
        counted = [(p, value) for p, one in zip(x, at, strict=True) if (value := getattr(sizes[one], name)) is not None]
        px, py = zip(*counted, strict=True)
        curves.append(Curve(NAMED[name], "measured", px, tuple(float(value) for value in py)))
    other = f"width {fixed}" if axis == "depth" else f"{fixed} hidden layers"
    return Figure(
        f"swell-network-{axis}",
        f"Size of a network's derivative against {axis}, {other}",
        "hidden layers L" if axis == "depth" else "width w",
        "count",
        tuple(curves),
        yscale="log",
        caption=f"{other.capitalize()}, tanh. Points: counted. Lines: the laws.",
    )
