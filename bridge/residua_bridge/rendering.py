"""Comparisons as text: what `render` prints, and what reports keep."""

from collections.abc import Iterable, Sequence

from residua_bridge.findings import BudgetText, TermText, VerdictText
from residua_bridge.formats import named
from residua_bridge.verdict import Budget, Discrepancy
from residua_network import ResiduaError


def render(discrepancies: Iterable[Discrepancy], format: str = "markdown") -> str:
    """The verdicts with their causes as a fragment of "markdown" or "latex". Raises ResiduaError for other formats."""
    if isinstance(discrepancies, Discrepancy):
        discrepancies = [discrepancies]
    if not isinstance(discrepancies, Iterable):
        raise ResiduaError(f"render expects a list of comparisons, got {type(discrepancies).__name__}")
    every = list(discrepancies)  # a generator yields only once
    odd = [d for d in every if not isinstance(d, Discrepancy)]
    if odd:
        raise ResiduaError(f"render expects a list of comparisons, got {type(odd[0]).__name__} in it")
    return named(format).render_verdicts([as_text(d) for d in every])


def as_text(d: Discrepancy, statement: str = "", expected: str = "", note: str = "") -> VerdictText:
    """The verdict of a comparison with everything that it must print."""
    return VerdictText(
        statement=statement or d.title or d.quantity,
        verdict=str(d.verdict),
        explained=d.explained,
        expected=expected,
        scope=", ".join(f"{name} {value}" for name, value in d.scope.items()),
        difference=d.difference,
        causes=dict(d.causes),
        unexplained=d.unexplained.value,
        bar=d.unexplained.bar,
        note=note or d.reason,
        budget=None if d.budget is None else budget_text(d.budget),
    )


def budget_text(budget: Budget) -> BudgetText:
    """A budget as a report prints it."""
    return BudgetText(
        predicted=budget.predicted,
        measured=budget.measured.value,
        bar=budget.measured.bar,
        terms=tuple(TermText(term.cause, term.value, term.bar, term.how) for term in budget.terms),
        unexplained=budget.unexplained.value,
        unexplained_bar=budget.unexplained.bar,
        statistic=budget.statistic,
    )


def together(found: Sequence[Discrepancy], statement: str, expected: str, note: str = "") -> VerdictText:
    """One verdict for several comparisons: that of the one that fits worst, or of the first that ends otherwise."""
    odd = [d for d in found if str(d.verdict) != expected or not d.explained]
    shown = odd[0] if odd else max(found, key=_in_bars)
    alike = f"{len(found)} comparisons, all with this verdict; the numbers are those with the largest remainder"
    text = note or (f"{len(odd)} of {len(found)} comparisons end otherwise" if odd else alike)
    return as_text(shown, statement, expected, text)


def _in_bars(d: Discrepancy) -> float:
    """The remainder in units of its bar."""
    return d.unexplained.value / d.unexplained.bar if d.unexplained.bar else 0.0
