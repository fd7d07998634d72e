"""The command `residua`. Everything heavy is imported inside the commands, so that `--help` answers at once."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from residua_bridge.claims_command import app as ledger
from residua_bridge.expression_commands import PRINTED
from residua_bridge.expression_commands import app as expressions
from residua_bridge.law_command import app as laws
from residua_bridge.progress import Display
from residua_network import ResiduaError
from residua_network.checks import one_of

DONE, NOT_AS_EXPECTED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(expressions)
app.add_typer(laws)
app.add_typer(ledger)


@app.callback(invoke_without_command=True)
def residua(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)] = False,
) -> None:
    """What the mathematics says a network does, what the trained network does, and why they differ."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"residua {installed('residua')}")
        raise typer.Exit(DONE)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


Profile = Annotated[str, typer.Option(help="quick (a few minutes for all) or full (more sizes, more seeds)")]


@app.command()
def report(
    study: Annotated[
        list[str] | None,
        typer.Argument(help="names of studies, and claims: the ledger, from the reports in the folder; default: all"),
    ] = None,
    out: Annotated[Path, typer.Option(help="folder for the reports; a study's own is replaced whole")] = Path(
        "reports"
    ),
    profile: Profile = "quick",
    format: Annotated[list[str] | None, typer.Option(help="markdown, latex; may be repeated; default: both")] = None,
    processes: Annotated[int | None, typer.Option(help="how many at once; default: as many as processors")] = None,
) -> None:
    """Run every study, or those named, and write their reports, with figures; for all, the ledger and an index too."""
    from functools import partial

    from residua_bridge.claims.reading import findings_in, folder_of
    from residua_bridge.claims.report import NAME, claims_report
    from residua_bridge.reporting import Closing, write_all
    from residua_bridge.study import studies, studies_named
    from residua_bridge.workers import processors

    at_once = processors() if processes is None else processes
    named = tuple(name for name in study or () if name != NAME)
    catalogue = partial(studies_named, named) if study else studies
    closing = None if study else Closing(NAME, claims_report)
    if study and NAME in study:
        closing = Closing(NAME, lambda _: claims_report(findings_in(folder_of(out))))
    formats = tuple(format or ("markdown", "latex"))
    outcomes = write_all(catalogue, out, profile, formats, at_once, indexed=not study, closing=closing)
    raise typer.Exit(DONE if all(outcome.as_expected for outcome in outcomes) else NOT_AS_EXPECTED)


@app.command("list")
def list_studies() -> None:
    """List the studies: name and question."""
    from residua_bridge.formats._text import plain
    from residua_bridge.study import studies

    for study in studies().values():
        typer.echo(f"{study.name}\n    {study.title}\n    {plain(study.question)}")


@app.command()
def run(
    study: Annotated[list[str], typer.Argument(help="names of studies, as `residua list` gives them")],
    profile: Profile = "quick",
    format: Annotated[str, typer.Option(help="text, markdown, latex or json, on standard output")] = "text",
) -> None:
    """Run studies and print what they found. Exit status 1 when a verdict is not the one that the study expects."""
    from residua_bridge.reporting import printed
    from residua_bridge.study import Settings, carry_out, study_named

    one_of(format, PRINTED, "format", "residua run")
    outcomes = []
    for chosen in [study_named(name) for name in study]:
        with Display() as display:
            outcomes.append(carry_out(chosen, Settings(profile, display.track)))
        typer.echo(printed(outcomes[-1].findings, format))
    raise typer.Exit(DONE if all(outcome.as_expected for outcome in outcomes) else NOT_AS_EXPECTED)


def main() -> None:
    """Entry point: one clear line and status 2 for bad input, never a traceback."""
    sys.exit(_status(sys.argv[1:]))


def _status(arguments: list[str]) -> int:
    try:
        status = int(typer.main.get_command(app).main(arguments, prog_name="residua", standalone_mode=False) or DONE)
        return status if status != INTERRUPTED else _interrupted()
    except ResiduaError as error:
        return _complain(str(error))
    except typer.Exit as error:  # typer turns an interruption into this one
        return int(error.exit_code) if error.exit_code != INTERRUPTED else _interrupted()
    except (typer.Abort, KeyboardInterrupt):
        return _interrupted()
    except BrokenPipeError:
        return DONE
    except OSError as error:
        return _complain(f"{error.filename or 'standard output'}: {error.strerror or error}")
    except Exception as error:
        message = getattr(error, "format_message", None)  # what is wrong with the words of the call
        if message is None:
            raise
        said = message().rstrip(".")
        if said.startswith("No such option: -") and not said.startswith("No such option: --"):
            said += " (an expression that begins with a minus sign goes into brackets: (-x))"
        return _complain(f"{said}. See residua --help.")


def _interrupted() -> int:
    typer.echo("residua: interrupted; what is written is complete", err=True)
    return INTERRUPTED


def _complain(message: Any) -> int:
    typer.echo("residua: " + " ".join(str(message).split()), err=True)
    return BAD_INPUT
