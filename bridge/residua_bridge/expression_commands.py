"""The commands that take one expression: taylor, swell, trace, differences, construct. Heavy imports are inside."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from residua_bridge.findings import as_json
from residua_network import ResiduaError
from residua_network.checks import one_of

PRINTED = ("text", "markdown", "latex", "json")

app = typer.Typer()

Expression = Annotated[str, typer.Argument(help='a function, for instance "1/(exp(-(w*x+b))+1)" or "4*x*(1-x)"')]
Format = Annotated[str, typer.Option(help="text, markdown, latex or json, on standard output")]
Variable = Annotated[str | None, typer.Option(help="the variable to differentiate by, where there are several")]


@app.command()
def taylor(
    expression: Expression,
    order: Annotated[int, typer.Option(help="the highest power")] = 5,
    at: Annotated[
        str, typer.Option(help='the point: "0", "pi/2", or "x=0,y=1" where there are several variables')
    ] = "0",
    variable: Annotated[
        str | None, typer.Option(help="the only variable that moves; the others are constants, with values from --at")
    ] = None,
    on: Annotated[
        tuple[str, str] | None,
        typer.Option(
            help='an interval, or the corners of a box, "x=-1,y=0" "x=1,y=2": certified remainder, error seen, mean '
            "square error there",
            metavar="L U",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="draw function, polynomial and certified band into this file, .svg or .pdf; needs --on"),
    ] = None,
    format: Format = "text",
) -> None:
    """The Taylor polynomial of an expression: coefficients, radius of convergence, certified remainder."""
    one_of(format, PRINTED, "format", "residua taylor")
    if plot is not None and on is None:
        raise ResiduaError("--plot: expected an interval to draw on, --on L U")
    from residua_symbolic.series.taylor import taylor as derive

    found = derive(expression, order, corner(at, "--at"), variable=variable)
    interval = {} if on is None else {"lower": corner(on[0], "--on"), "upper": corner(on[1], "--on")}
    with said_warnings():
        if plot is not None:
            from residua_bridge.figures import draw_into
            from residua_bridge.taylor_plot import series_with_band

            draw_into(series_with_band(found, **interval), plot)
        typer.echo(printed(found, format, **interval))


@app.command()
def swell(
    expression: Expression,
    iterate: Annotated[int | None, typer.Option(help="rows for l_1 = x, l_2 = f(l_1), ... up to l_N")] = None,
    variable: Variable = None,
    form: Annotated[str, typer.Option(help="raw, expanded, simplified or graph")] = "raw",
    order: Annotated[
        int, typer.Option(help="the order of the derivative; without --iterate, a row for each up to it")
    ] = 1,
    format: Format = "text",
) -> None:
    """How large the derivative of an expression is: as a tree, as a graph, and as a program."""
    one_of(format, PRINTED, "format", "residua swell")
    from residua_symbolic.swell import swell as derive

    typer.echo(printed(derive(expression, iterate=iterate, variable=variable, form=form, order=order), format))


@app.command()
def trace(
    expression: Expression,
    at: Annotated[str, typer.Option(help='the point, for instance "x=1,w=0,b=0"')] = "",
    mode: Annotated[str, typer.Option(help="forward, reverse or both")] = "both",
    graph: Annotated[Path | None, typer.Option(help="draw the computation graph into this file, .svg or .pdf")] = None,
    format: Format = "text",
) -> None:
    """The computation graph of an expression, and its derivatives by forward and reverse mode, step by step."""
    one_of(format, PRINTED, "format", "residua trace")
    from residua_symbolic.trace import MODES
    from residua_symbolic.trace import trace as derive

    one_of(mode, MODES, "mode", "residua trace")
    found = derive(expression, point(at))
    if graph is not None:
        from residua_bridge.graph_drawing import draw_graph
        from residua_bridge.trace_drawing import drawing_of

        draw_graph(drawing_of(found, "trace", expression), graph)
    typer.echo(printed(found, format, mode=mode))


@app.command()
def differences(
    expression: Expression,
    at: Annotated[str, typer.Option(help='the point: "0", or "x=0,y=1" where there are several variables')] = "0",
    steps: Annotated[str, typer.Option(help="step sizes, separated by commas")] = "0.1,0.01,0.001",
    variable: Variable = None,
    plot: Annotated[
        Path | None, typer.Option(help="draw the errors over the step into this file, .svg or .pdf")
    ] = None,
    format: Format = "text",
) -> None:
    """Difference quotients of an expression, and their truncation and rounding errors; the best step."""
    one_of(format, PRINTED, "format", "residua differences")
    from residua_symbolic.differences import differences as derive

    place = point(at) if "=" in at else value(at, "--at")
    sizes = tuple(value(step, "--steps") for step in steps.split(","))
    found = derive(expression, at=place, steps=sizes, variable=variable)
    if plot is not None:
        from residua_bridge.difference_plot import error_curves
        from residua_bridge.figures import draw_into

        draw_into(error_curves(found), plot)
    typer.echo(printed(found, format))


@app.command()
def construct(
    expression: Expression,
    on: Annotated[tuple[str, str], typer.Option(help="the interval", metavar="L U")],
    error: Annotated[float, typer.Option(help="how far off the network may be at most, anywhere on the interval")],
    by: Annotated[
        str, typer.Option(help="relu, hard sigmoid, sigmoid, tanh, softplus, silu, gelu or sin: the units")
    ] = "relu",
    format: Format = "text",
) -> None:
    """A network of one hidden layer within an error of an expression: explicit weights, and a certified bound."""
    one_of(format, PRINTED, "format", "residua construct")
    from residua_symbolic.universal import construct as derive

    typer.echo(printed(derive(expression, on[0], on[1], error, by=by), format))


def printed(result: Any, format: str, **options: Any) -> str:
    """A result in one of the formats, without the last line's end."""
    if format == "json":
        return as_json(result.to_dict(**options))
    return str(getattr(result, format)(**options)).rstrip("\n")


@contextmanager
def said_warnings() -> Iterator[None]:
    """Warnings of what runs inside, each once, as lines on standard error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        typer.echo(f"residua: warning: {message}", err=True)


def corner(text: str, option: str) -> Any:
    """A constant as text, or several of them by name."""
    return point(text, option, exact=True) if "=" in text or "," in text else text


def point(text: str, option: str = "--at", exact: bool = False) -> dict[str, Any]:
    """Values by name from "x=1,w=0"; `exact`: as the texts themselves.

    Raises ResiduaError that says which part is not of that form.
    """
    found: dict[str, Any] = {}
    for part in text.split(",") if text.strip() else ():
        name, equals, number = (piece.strip() for piece in part.partition("="))
        if not equals or not name:
            raise ResiduaError(f'{option}: expected values such as "x=1,w=0", got {part!r:.40}')
        if name in found:
            raise ResiduaError(f"{option}: expected one value for each variable, got two for {name!r:.40}")
        found[name] = number if exact else value(number, f"{option}: {name!r:.40}")
    return found


def value(text: str, where: str) -> Any:
    """A number from text, a constant expression such as 1/3 or pi/2: exactly where it is rational, else a float."""
    from residua_symbolic.expressions.given import constant

    return constant(text, where)
