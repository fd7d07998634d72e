"""The ledger from reports on disk: their findings are read, and every word is computed anew."""

from collections.abc import Sequence
from pathlib import Path

from residua_bridge.claims.ledger import Record, ledger
from residua_bridge.claims.register import claims_named
from residua_bridge.claims.report import NAME
from residua_bridge.claims.ruling import WORDS
from residua_bridge.findings import Findings
from residua_bridge.writer import DATA
from residua_network import ResiduaError
from residua_network.checks import one_of

WRITTEN = Path(__file__).parents[3] / "reports"  # of a checkout


def claims(
    names: Sequence[str] = (),
    document: str | None = None,
    verdict: str | None = None,
    reports: str | Path | None = None,
) -> list[Record]:
    """The claims of the four source documents, judged by what the reports in a folder found.

    `names` chooses some ("003-046"), `document` those of one document ("003"), `verdict` those with this word.
    `reports` is what `residua report` wrote; by default `reports` here, or that of the checkout. Raises ResiduaError
    for unknown names, and where there are no findings.
    """
    if not isinstance(names, Sequence):
        raise ResiduaError(f"claims: expected names such as '003-046', got {names!r:.40}")
    chosen = claims_named((names,) if isinstance(names, str) else tuple(names), document)
    if verdict is not None:
        one_of(verdict, WORDS, "verdict", "claims")
    found = {one.study: one.sections for one in findings_in(folder_of(reports))}
    return [record for record in ledger(found, chosen) if verdict in (None, record.verdict)]


def folder_of(reports: str | Path | None) -> Path:
    """Where the reports are; raises ResiduaError where there are none."""
    places = [Path("reports"), WRITTEN] if reports is None else [Path(reports)]
    for place in places:
        if any(place.glob(f"*/{DATA}")):
            return place
    raise ResiduaError(
        f"{places[0]}: expected reports with {DATA}, got none; `residua report --out {places[0]}` writes them"
    )


def findings_in(folder: Path) -> list[Findings]:
    """What the studies found; raises ResiduaError, naming the file, where one cannot be read."""
    read = [_read(file) for file in sorted(folder.glob(f"*/{DATA}"))]
    return [one for one in read if one.study != NAME]


def _read(file: Path) -> Findings:
    try:
        return Findings.from_json(file.read_text(encoding="utf-8"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ResiduaError(f"{file}: expected the findings of a report, got something else ({error})") from error
