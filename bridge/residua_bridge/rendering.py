"""Comparisons as text: what `render` prints, and what reports keep."""

from collections.abc import Iterable

from residua_bridge.findings import VerdictText
from residua_bridge.formats import named
from residua_bridge.verdict import Discrepancy
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
    )
