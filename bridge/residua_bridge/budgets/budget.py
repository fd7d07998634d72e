"""The budget of a difference at the point of a ladder: measured − predicted as a sum of named terms."""

from collections.abc import Sequence
from typing import Any

from residua_bridge.budgets.law import finite
from residua_bridge.budgets.sampling import Compared, Group, Sample
from residua_bridge.verdict import Budget, LadderFit, Rung, Term, Uncertain

FINE = 60  # points of a drawn fit


def budget_of(sample: Sample, groups: Sequence[Group]) -> Budget:
    """Every term at the point, in the quantity's own units; they add up with the unexplained rest.

    The unexplained rest is the limit of what the approximations leave, with the bar that generalised least squares
    gives it: the finite-size terms come from the same data, so that bars do not add in squares. What the measured value
    at the point is off the fit counts as sampling.
    """
    group, law = groups[0], sample.law
    here = group.here
    terms = [Term(c, *_pair(law.term(c, here.sizes)), _known(sample, c)) for c in law.causes]
    for name, correction in group.rest.corrections.items():
        scaled = Uncertain(correction.value * here.unit, correction.bar * group.rest.spread * here.unit)
        cause = f"{finite(name)}, further" if finite(name) in law.causes else finite(name)
        terms.append(Term(cause, *_pair(scaled), _ladder_words(sample, group, name)))
    m = here.measured
    terms.append(Term("sampling", group.rest.residual * here.unit, m.bar, _sampling_words(sample, group)))
    scale = max(abs(law.predicted(here.sizes).value), here.unit)
    rounded = Uncertain(sample.rounded.value * here.unit, sample.rounded.bar * scale)
    terms.append(Term("rounding", *_pair(rounded), sample.rounded_how))
    return Budget(
        predicted=float(law.value(here.sizes)),
        measured=Uncertain(m.value, m.bar),
        terms=tuple(terms),
        unexplained=Uncertain(group.explained * here.unit, group.explained_bar * here.unit),
        statistic=sample.statistic,
        rungs=tuple(_rung(g, r) for g in groups for r in g.rungs),
        fits=tuple(fit for g in groups for fit in _fits(sample, g)),
        standard_errors=tuple(g.z for g in groups),
    )


def scope_of(sample: Sample) -> dict[str, Any]:
    """The sizes run, and how many repetitions."""
    scope: dict[str, Any] = {}
    for name, size in sample.ladder.point.items():
        sizes = sorted({rung.sizes[name] for rung in sample.rungs.values()})
        others = f" (of {', '.join(f'{s:g}' for s in sizes)})" if len(sizes) > 1 else ""
        scope[name] = f"{size:g}{others}"
    counts = sorted(rung.count for rung in sample.rungs.values())
    between = f"{counts[0]}" if counts[0] == counts[-1] else f"{counts[0]}–{counts[-1]}"
    return {
        **scope,
        "repetitions": between,
        "statistic": sample.statistic,
        "resolution": f"{sample.ladder.resolution:.3g}",
    }


def _pair(one: Uncertain) -> tuple[float, float]:
    return one.value, one.bar


def _known(sample: Sample, cause: str) -> str:
    used = "; not part of the law, so never agreement" if cause in sample.law.approximations else ""
    return f"computed at these sizes{used}"


def _ladder_words(sample: Sample, group: Group, name: str) -> str:
    sizes = ", ".join(f"{s:g}" for s in sorted({r.sizes[name] for r in group.rungs}))
    order = group.rest.orders[name]
    sign = "" if name in sample.law.vanishing else "−"
    power = f"{order.value:.3g}" + (f" ± {order.bar:.2g} (fitted)" if order.bar > 0 else "")
    return f"fitted along {name} {sizes} as {name}^({sign}{power}), the next orders in the bar"


def _sampling_words(sample: Sample, group: Group) -> str:
    m = group.here.measured
    off = "; the value is what the point lies off the fit" if len(group.rungs) > 1 else ""
    student = f", {m.freedom:.3g} degrees of freedom" if m.freedom < 30 else ""
    heavy = "; heavy tails: a few repetitions decide it" if m.heavy else ""
    return f"standard error of the {sample.statistic} of {m.count} repetitions{student}{heavy}{off}"


def _rung(group: Group, r: Compared) -> Rung:
    return Rung(dict(r.sizes), r.predicted.value, r.measured.value, r.measured.bar, r.measured.count)


def _fits(sample: Sample, group: Group) -> list[LadderFit]:
    """For each ladder of the group: the sizes, the law there, the fit through what was measured, and its limit."""
    found = []
    for name in group.fit.corrections:
        sizes = sorted({r.sizes[name] for r in group.rungs})
        line = _between(sizes)
        law, fit, unit = [], [], []
        for size in line:
            there = {**group.here.sizes, name: size}
            predicted = sample.law.predicted(there).value
            law.append(predicted)
            unit.append(sample.law.unit(there))
            fit.append(predicted + group.fit.at(there) * unit[-1])
        left = Uncertain(group.difference, group.bar)
        there = dict(group.here.sizes)
        found.append(LadderFit(name, there, tuple(line), tuple(law), tuple(fit), tuple(unit), left))
    return found


def _between(sizes: Sequence[float]) -> list[float]:
    """Whole numbers between whole numbers, geometrically spaced."""
    low, high = sizes[0], sizes[-1]
    line = [low * (high / low) ** (k / (FINE - 1)) for k in range(FINE)]
    if all(float(s).is_integer() for s in sizes):
        line = [float(round(x)) for x in line]
    return sorted({*line, *sizes})
