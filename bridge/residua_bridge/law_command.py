"""The command `residua law`: a law of the user's own, met by ensembles. Everything heavy is imported inside."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from residua_bridge.expression_commands import PRINTED, value
from residua_bridge.progress import Display
from residua_network import ResiduaError
from residua_network.checks import one_of

if TYPE_CHECKING:
    from residua_bridge.verdict import Budget, Discrepancy

EXPECTED = {
    "agree": "agree",
    "differ": "differ",
    "only-at-this-scale": "only at this scale",
    "inconclusive": "inconclusive",
}
NOT_AS_EXPECTED = 1
TELL_MORE = "inconclusive: more --seconds, a coarser --resolution, or larger sizes in --at and --ladder may tell"

app = typer.Typer()


@app.command()
def law(
    formula: Annotated[str, typer.Argument(help='in L, l, n, B, s: "(1+L)/(1+l)"; "(s/2)^L"')],
    network: Annotated[
        str,
        typer.Option(
            help='layers, separated by semicolons: "Linear(n, n); L * Residual(LayerNorm(n, eps=0), relu, Linear(n, n, '
            'bias=False)); Linear(n, 1)"; the part that is repeated L times are the blocks'
        ),
    ],
    of: Annotated[
        str,
        typer.Option(
            help="the quantity: gradient ratio, gradient factor, network gradient ratio, mean of gradient ratios, "
            "log gradient ratio, geometric gradient ratio, median gradient ratio, mean square, log mean square, "
            "geometric mean square"
        ),
    ] = "gradient ratio",
    at: Annotated[
        str,
        typer.Option(
            help="sizes: L blocks, l the block before which the quantity is taken, n width, B rows, s scale, as in "
            "n=128,L=16,B=8"
        ),
    ] = "",
    limit: Annotated[
        list[str] | None,
        typer.Option(
            help="a size in which the law is claimed only as it grows: n; n=2 with the order of the correction; may be "
            "repeated"
        ),
    ] = None,
    ladder: Annotated[
        list[str] | None, typer.Option(help="sizes that are run beside --at: n=32,64,128; may be repeated")
    ] = None,
    init: Annotated[str, typer.Option(help="he, xavier, torch, or the weight variance times fan-in: 2, or s")] = "he",
    seconds: Annotated[float, typer.Option(help="of computing, at most")] = 30.0,
    resolution: Annotated[float, typer.Option(help="the relative difference that must not be missed")] = 0.02,
    seed: Annotated[int, typer.Option(help="of the networks")] = 0,
    expect: Annotated[str | None, typer.Option(help=f"{', '.join(EXPECTED)}: exit status 1 if it is another")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="draw the ladder, or the budget where there is none, into this .svg or .pdf")
    ] = None,
    format: Annotated[str, typer.Option(help="text, markdown, latex or json, on standard output")] = "text",
) -> None:
    """Whether a formula holds for a quantity of freshly initialised networks, and why not: budget and verdict."""
    one_of(format, PRINTED, "format", "residua law")
    if expect is not None:
        one_of(expect, EXPECTED, "verdict", "residua law: --expect")
    sizes, ladders, limits = _sizes(at), _ladders(ladder or ()), _limits(limit or ())
    if plot is not None and plot.suffix.lower() not in (".svg", ".pdf"):
        raise ResiduaError(f"{plot}: expected a file name that ends in .svg or .pdf")
    if plot is not None and not plot.parent.is_dir():
        raise ResiduaError(f"{plot}: expected a folder that exists, got {plot.parent}")
    from residua_bridge.budgets.user_law import law as judge

    with Display() as display:
        found = judge(
            formula,
            of,
            network=network,
            at=sizes,
            ladder=ladders,
            limits=limits,
            init=init if not _is_number(init) else float(init),
            seconds=seconds,
            resolution=resolution,
            seed=seed,
            track=display.track,
        )
    typer.echo(printed(found, formula, format))  # first: a picture that cannot be written must not lose it
    if plot is not None:
        _plotted(found, plot)
    if expect is not None and str(found.verdict) != EXPECTED[expect]:
        raise typer.Exit(NOT_AS_EXPECTED)


# what is typed


def _sizes(text: str) -> dict[str, float]:
    """Sizes from "n=128,L=16"."""
    found = {}
    for name, values in _named_values([text], "--at").items():
        if len(values) != 1:
            raise ResiduaError(f"--at: {name!r:.40}: expected one value, got {len(values)}")
        found[name] = values[0]
    return found


def _ladders(texts: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Ladders from "n=32,64,128"."""
    return {name: tuple(values) for name, values in _named_values(texts, "--ladder").items()}


def _limits(texts: Sequence[str]) -> Any:
    """Names, with the order of the correction where one is given."""
    names = [part.strip() for text in texts for part in text.split(",")]
    bare = [name for name in names if "=" not in name]
    given = {name: values[0] for name, values in _named_values([n for n in names if "=" in n], "--limit").items()}
    from residua_bridge.budgets.user_law import ORDERS

    return {**{name: ORDERS.get(name) for name in bare}, **given}


def _named_values(texts: Sequence[str], option: str) -> dict[str, list[float]]:
    """{"n": [32, 64]} from "n=32,64": a part without a name belongs to the name before it."""
    found: dict[str, list[float]] = {}
    for text in texts:
        name = ""
        for part in text.split(",") if text.strip() else ():
            before, equals, after = (piece.strip() for piece in part.rpartition("="))
            if equals:
                name = before
                if name in found:
                    raise ResiduaError(f"{option}: {name!r:.40} is given twice")
                found[name] = []
            if not name:
                raise ResiduaError(f'{option}: expected values such as "n=128", got {part!r:.40}')
            found[name].append(float(value(after, f"{option}: {name!r:.40}")))
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# what is printed


def printed(found: "Discrepancy", formula: str, format: str) -> str:
    """The verdict with its budget in one of the formats."""
    if format == "json":
        from residua_bridge.findings import as_json

        return as_json(_plain(found, formula))
    if format == "text":
        return _text(found, formula)
    from residua_bridge.rendering import render

    return render([found], format).rstrip("\n")


def _text(found: "Discrepancy", formula: str) -> str:
    from residua_bridge.budgets.quantities import QUANTITIES

    budget = _budget(found)
    rows = [
        ("predicted", f"{budget.predicted:.6g}", "the formula"),
        ("measured", f"{budget.measured.value:.6g} ± {budget.measured.bar:.2g}", budget.statistic),
        *((f"  {term.cause}", f"{term.value:.3g} ± {term.bar:.2g}", term.how) for term in budget.terms),
        ("  unexplained", f"{budget.unexplained.value:.3g} ± {budget.unexplained.bar:.2g}", ""),
    ]
    first, second = (max(len(row[k]) for row in rows) for k in (0, 1))
    scope = ", ".join(f"{name} {size}" for name, size in found.scope.items())
    return "\n".join(
        [
            f"{found.verdict}: {found.quantity} = {formula}",
            f"  {found.reason}",
            "",
            *(f"{a:{first}}  {b:{second}}  {c}".rstrip() for a, b, c in rows),
            "",
            f"{found.quantity}: {QUANTITIES[found.quantity].words}",
            *([TELL_MORE] if str(found.verdict) == "inconclusive" else ()),
            f"scope: {scope}",
        ]
    )


def _plain(found: "Discrepancy", formula: str) -> dict[str, Any]:
    budget = _budget(found)
    return {
        "formula": formula,
        "of": found.quantity,
        "verdict": str(found.verdict),
        "explained": found.explained,
        "reason": found.reason,
        "predicted": budget.predicted,
        "measured": _pair(budget.measured),
        "terms": [{"cause": t.cause, "value": t.value, "bar": t.bar, "how": t.how} for t in budget.terms],
        "unexplained": _pair(budget.unexplained),
        "standard_errors": list(budget.standard_errors),
        "rungs": [
            {
                "sizes": dict(r.sizes),
                "predicted": r.predicted,
                "measured": r.measured,
                "bar": r.bar,
                "repetitions": r.repetitions,
            }
            for r in budget.rungs
        ],
        "statistic": budget.statistic,
        "scope": dict(found.scope),
    }


def _pair(one: Any) -> Mapping[str, float]:
    return {"value": one.value, "bar": one.bar}


def _plotted(found: "Discrepancy", path: Path) -> None:
    """The ladder with its fit, or the budget as a waterfall where no ladder was run."""
    from residua_bridge.budgets.section import Case, ladder_figures, waterfalls
    from residua_bridge.figures import draw_into

    case = Case(found, f"{found.quantity}: {found.verdict}")
    figures = ladder_figures("law", case)
    if figures:
        draw_into(figures[0], path)
        return
    from residua_bridge.waterfall_drawing import draw_waterfall

    draw_waterfall(waterfalls("law", "From predicted to measured", [case])[0], path)


def _budget(found: "Discrepancy") -> "Budget":
    assert found.budget is not None, "a judged law has a budget"
    return found.budget
