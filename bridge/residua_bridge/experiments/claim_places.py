"""Which claims a report deals with, and where."""

from dataclasses import dataclass

from residua_bridge.findings import Section, Table
from residua_bridge.study import Finding, Settings


@dataclass(frozen=True)
class ClaimPlaces:
    """Rows of (claim, statement, section, what is done there)."""

    title: str
    prose: tuple[str, ...]
    places: tuple[tuple[str, str, str, str], ...]

    def run(self, settings: Settings) -> Finding:
        """The table as it is."""
        columns = ("claim", "statement", "section", "what is found there")
        return Finding(Section(self.title, self.prose, tables=(Table("Claims", columns, self.places),)))
