"""The command `residua claims`: the ledger on the screen. Everything heavy is imported inside."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from residua_bridge.expression_commands import PRINTED
from residua_network.checks import one_of

if TYPE_CHECKING:
    from residua_bridge.claims import Record
    from residua_bridge.findings import Findings

NOT_CONFIRMED = 1

app = typer.Typer()


@app.command()
def claims(
    claim: Annotated[list[str] | None, typer.Argument(help="names of claims: 003-046; default: all")] = None,
    document: Annotated[str | None, typer.Option(help="only the claims of this document: 000, 002, 003 or 004")] = None,
    verdict: Annotated[
        str | None, typer.Option(help='only those that are: true, conditional, false, undecidable or "not confirmed"')
    ] = None,
    reports: Annotated[
        Path | None,
        typer.Option(help="folder of the reports that hold the evidence; default: reports here, or of the checkout"),
    ] = None,
    format: Annotated[str, typer.Option(help="text, markdown, latex or json, on standard output")] = "text",
) -> None:
    """Judge the claims of the four source documents by what the reports found: the word, why, and the evidence.

    The words are computed now, from the findings that `residua report` wrote. Exit status 1 where one is not confirmed.
    """
    from residua_bridge.claims import DECIDED
    from residua_bridge.claims.reading import claims as judged
    from residua_bridge.claims.reading import findings_in, folder_of

    one_of(format, PRINTED, "format", "residua claims")
    records = judged(claim or (), document, verdict, reports)
    folder = folder_of(reports)
    if format == "text":
        text = "\n".join(_lines(records, in_full=bool(claim)))
        typer.echo(f"{text}\n\n{_counts(records)}; judged by the reports in {folder}")
    else:
        typer.echo(_printed(records, findings_in(folder), format))
    raise typer.Exit(0 if all(record.verdict in DECIDED for record in records) else NOT_CONFIRMED)


def _printed(records: Sequence["Record"], found: Sequence["Findings"], format: str) -> str:
    from residua_bridge.claims.report import claims_report
    from residua_bridge.findings import as_json
    from residua_bridge.formats import named

    if format == "json":
        return as_json([record.to_dict() for record in records])
    return named(format).render(claims_report(found, records))


def _lines(records: Sequence["Record"], in_full: bool) -> list[str]:
    """A line or two a claim; of claims that were asked for by name, all there is."""
    from residua_bridge.claims.report import entry
    from residua_bridge.formats._paper import told
    from residua_bridge.formats._text import plain

    lines = []
    for one in map(entry, records):
        lines.append(f"{one.name}  {one.word:13} {plain(one.statement)}  ({one.where})")
        if in_full:
            lines += [f"    {lead}: {plain(text)}" for lead, text in one.said]
            lines += [f"    - {seen.report}, {plain(seen.section)}: {plain(told(seen))}" for seen in one.evidence]
            lines += [f"    How it was computed: {plain(one.computed)}", ""]
    return lines


def _counts(records: Sequence["Record"]) -> str:
    from residua_bridge.claims import WORDS

    words = [record.verdict for record in records]
    shares = ", ".join(f"{words.count(word)} {word}" for word in WORDS if word in words)
    return f"{len(records)} claim{'' if len(records) == 1 else 's'}{f': {shares}' if shares else ''}"
