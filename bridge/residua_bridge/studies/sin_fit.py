"""Document 002, L60–82: networks trained on sin, and how near they are to its Taylor polynomials."""

from collections.abc import Sequence
from typing import Any

from residua_bridge.claims import Evidence, claims_section
from residua_bridge.experiments.derivations import Derivations
from residua_bridge.experiments.sin.errors import ERRORS, PolynomialErrors, as_float
from residua_bridge.experiments.sin.lines import MEAN, NEEDED, ExplicitNetworks, PieceErrors
from residua_bridge.experiments.sin.nets import DEGREES, STOP, Setting
from residua_bridge.experiments.sin.plateau import STARTS, PlateauRule
from residua_bridge.experiments.sin.points import FewPoints
from residua_bridge.experiments.sin.structure import Structure
from residua_bridge.experiments.sin.trained import (
    ABOVE_PRINTED,
    ABOVE_STOP,
    ATTAINABLE,
    CLOSEST,
    ERROR,
    NUMBER,
    PRINTED,
    SEEDS,
    SHARE,
    STOPS,
    SUMMARY,
    AsDescribed,
    OtherSettings,
    PiecesByWidth,
    Variant,
    WhereItStops,
    WithDropout,
)
from residua_bridge.experiments.texts import percent
from residua_bridge.findings import Section
from residua_bridge.study import By, Study
from residua_symbolic.series.approximation.piece_laws import mean_square_law, supremum_law
from residua_symbolic.series.approximation.sine_errors import mean_square_of_sine
from residua_symbolic.series.approximation.sine_legendre import best_mean_square_of_sine, sine_best_error

NAME = "sin-fit"
CLAIMS = tuple(f"002-{n:03}" for n in range(21, 35))
TERM = 11  # 002, L82

STRUCTURE = "What the layers can do, before any training"
TAYLOR_TITLE = "Polynomials: closed forms"
POLYNOMIALS = "Polynomials: errors, measured and certified"
LAWS = "Linear pieces: how the error falls"
PIECES = "Linear pieces: what N of them can do"
EXPLICIT = "Explicit weights"
PLATEAU = "The plateau"
TRAINED = "Networks trained as 002 describes"
STOPPING = "What the stop says about the network"
DROPOUT = "Dropout"
OTHERS = "More tuning, more layers, no activations"
WIDTH = "How many pieces networks have"
POINTS = "Points to train on, points to test on"
CLAIMS_TITLE = "Where each claim is dealt with"

LONGER, SHALLOW, USUAL, DEEP, LINEAR = (
    "trained on, no stop",
    "3 layers",
    "6 layers",
    "10 layers",
    "no activations",
)
STEPS = 400  # of every depth alike


def _number(value: object) -> float:
    return float(str(value))


def _rows(e: Evidence, table: str) -> list[dict[str, Any]]:
    """The rows of a table, by column."""
    return list(e.table(NAME, table).rows())


def _row(e: Evidence, table: str, first: object) -> dict[str, Any]:
    """The row of a table that begins so, by column."""
    return next(row for row in _rows(e, table) if next(iter(row.values())) == first)


def _listed(counts: dict[int, int]) -> str:
    """How many networks are closest to which polynomial."""
    return ", ".join(f"$T_{{{n}}}$ for {k}" for n, k in counts.items() if k)


def _derived_start(e: Evidence) -> int:
    """The degree from which on the rule leaves a distance of 002's height no more than the share of room."""
    return int(_row(e, STARTS, PRINTED)[f"within {SHARE:g}"])


def closing(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The claims of 002 that this study decides."""
    prose = (
        "Each line of 002 that is decided here, judged by the same rules as in the ledger of all claims: a word is a "
        "function of the tables, derivations and verdicts above.",
    )
    return (claims_section(CLAIMS_TITLE, prose, CLAIMS, NAME, sections),)


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off tables and verdicts."""
    e = Evidence({NAME: sections})
    verdicts = [v for section in sections for v in section.verdicts]
    good = sum(v.verdict == v.expected and v.explained for v in verdicts)
    counts = {int(row["degree n"]): int(row["closest for"]) for row in _rows(e, CLOSEST)}
    height = _row(e, SUMMARY, "height of the plateau, $D_{15}$")
    pieces_row, needed = _row(e, SUMMARY, "linear pieces"), _row(e, NEEDED, MEAN)
    start = _row(e, SUMMARY, f"plateau within {SHARE:g} from degree")
    total = len(_rows(e, SEEDS))
    stops = _rows(e, STOPS)
    smallest = stops[0]
    attainable, least = (
        _number(_row(e, SUMMARY, name)[side]) for name, side in ((ATTAINABLE, "largest"), (ERROR, "least"))
    )
    return (
        f"Of {len(verdicts)} verdicts {good} are as expected.",
        f"The plateau is a fact about the network, not about sin: for every network with error D the distance to $T_n$ lies within "
        f"$(\\sqrt{{D}} \\pm \\sqrt{{E_n}})^2$, and $E_n$ falls faster than any power. At D near {PRINTED:g} that leaves "
        f"{percent(SHARE)} of room at most from degree {_derived_start(e)} on; measured, it begins at degree {start['median']:g} (median).",
        f"Which $T_n$ is closest is decided by how the network errs near ±π, where sin and $T_n$ part: {_listed(counts)} of {total} "
        f"networks. None of this is accuracy: D is the error of $T_n$ with n between {_between(e, _number(height['median']))}.",
        f"The height of the plateau is another for every seed: {_number(height['least']):.3g} to {_number(height['largest']):.3g} with batches "
        f"of {Setting().batch}. {PRINTED:g} lies in the range of networks that stop on batches of {_batches(stops)}; with {smallest['batch']}, "
        f"{smallest[ABOVE_STOP]} of {smallest[NUMBER]} lie above {STOP:g} and {smallest[ABOVE_PRINTED]} above {PRINTED:g}.",
        f"The networks have {pieces_row['least']:g} to {pieces_row['largest']:g} linear pieces where {needed['pieces that do']} do for {STOP:g} "
        f"({needed['pieces needed, proved']} are needed: proved). With so many, 64 at most, an error of {attainable:.2g} is possible; "
        f"theirs is {least / attainable:.2g} times as large at least: what training left undone.",
    )


def _between(e: Evidence, error: float) -> str:
    """The odd degrees whose Taylor polynomials are less and more accurate."""
    errors = {row["degree n"]: row["$T_n$"] for row in _rows(e, ERRORS) if row["degree n"] % 2}
    worse = max((n for n in errors if errors[n] > error), default=0)
    return f"{worse} and {worse + 2}"


def _batches(stops: Sequence[dict[str, Any]]) -> str:
    """The sizes with which the printed height lies between the least error and the largest."""
    found = [str(row["batch"]) for row in stops if _number(row["D, least"]) <= PRINTED <= _number(row["D, largest"])]
    return " and ".join(found) or "none of these sizes"


STUDY = Study(
    name=NAME,
    title="A network trained on sin, and its Taylor polynomials",
    question=(
        "Document 002 trains a six-layer ReLU network on sin and compares it with Taylor polynomials of growing degree. Why does the "
        "difference become flat, where, and at what height? Which polynomial is closest? And how well could such a network do?"
    ),
    claim=(
        "002, L67–82: five layers of Linear, Dropout and ReLU and a last linear one, 10,000 points on [−π, π], stopped below $5 \\times 10^{-4}$; the mean "
        "square difference to the Taylor polynomials is least at about the 11th term, and from there on stays at $5.92 \\times 10^{-4}$."
    ),
    refuted_by=(
        "A trained network whose distance to some $T_n$ leaves the bounds of the rule refutes the rule. A piecewise-linear function "
        "below its floor, or a measured error of a polynomial off its closed form by more than rounding, refutes us."
    ),
    experiments=(
        Structure(
            STRUCTURE,
            (
                "Three things that 002 says or implies about its layers can be settled without training. Linear layers in a row are one linear "
                "layer. Dropout multiplies each unit by 0 or by 1/(1 − rate), and ReLU lets such factors through, so that the order of the two makes "
                "no difference. And a piecewise-linear function is never a parabola: with N pieces it stays off $x^2$ by $4/(45 N^4)$.",
            ),
        ),
        Derivations(
            TAYLOR_TITLE,
            (
                "The mean square error of the Taylor polynomial $T_n$ of sin at 0 over [−π, π], for every n. The moments of sin obey a recurrence "
                "whose solution is twice a Taylor polynomial at π; so everything is a polynomial in π.",
                "The polynomial of degree n with the least mean square error is the part of sin along Legendre's polynomials; its coefficients are "
                "spherical Bessel functions at π, which are polynomials in 1/π.",
            ),
            (mean_square_of_sine, best_mean_square_of_sine),
        ),
        PolynomialErrors(
            POLYNOMIALS,
            (
                "The closed forms as numbers, against sums over quadrature nodes in torch: $T_n$ term by term, the best polynomial by least "
                "squares over Chebyshev polynomials. And the largest errors on the interval, certified.",
            ),
            DEGREES,
            By((1, 3, 5, 7, 9, 11), (1, 3, 5, 7, 9, 11, 13, 15)),
        ),
        Derivations(
            LAWS,
            (
                "A ReLU network of one input is piecewise linear, whatever its depth. So what can N linear pieces do, with knots placed as well "
                "as can be? On a short piece f is a parabola; the rest is a question of where to put the knots.",
            ),
            (mean_square_law, supremum_law),
        ),
        PieceErrors(
            PIECES,
            (
                "For sin the best placement is found by descent, and a floor is proved that no N pieces get below. With an even N one knot would fall "
                "on 0, where sin has no curvature: the best placement is then not symmetric.",
                f"002 says that it stopped when the difference was below {STOP:g}. Read as a mean square and as a largest difference, this takes very "
                "different numbers of pieces.",
            ),
            By((1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 16, 21, 32, 40), tuple(range(1, 41))),
            (21, 41, 81, 161),
            (STOP, PRINTED),
        ),
        ExplicitNetworks(
            EXPLICIT,
            (
                "These fits are networks: $y_0 + s_1 \\mathrm{relu}(x - t_0) + \\sum_k (s_{k+1} - s_k)\\, \\mathrm{relu}(x - t_k)$ is one hidden layer of N "
                "units with weights that can be written down, for any knots and values. Built in torch and measured: the fits, and functions drawn at random.",
            ),
            (1, 2, 5, 6, 7, 21, 41),
        ),
        PlateauRule(
            PLATEAU,
            (
                "Let D be the mean square distance of a network to sin, $D_n$ its distance to $T_n$, and $E_n$ that of sin to $T_n$, whose closed form "
                "is known. Putting sin in between bounds $D_n$ from both sides, for every network, trained or not.",
                "What 002 calls term n may be the degree, the number of the non-zero term, or the number of the coefficient with zeros counted. "
                "The even degrees add nothing, so that a curve over degrees has pairs of equal values.",
            ),
            DEGREES,
            (1e-3, STOP, PRINTED),
            TERM,
        ),
        AsDescribed(
            TRAINED,
            (
                "1-64-64-64-64-64-1, ReLU, dropout 0, Adam at 0.001, batches of 256, float32, 10,000 points uniform on [−π, π], stopped as soon as the "
                f"loss of a minibatch is below {STOP:g}: 002 leaves width, rate, batch, optimiser and dropout open; with these its rule is met "
                "after about a hundred steps. One network a seed. Errors are integrals over the interval: each network is taken apart into its linear pieces.",
            ),
            Setting(),
            By(20, 40),
            (1, 2, 3, 4, 5, 6, 7, 8, 11, 16, 24, 32, 48, 64),
        ),
        FewPoints(
            POINTS,
            (
                "002 calls its 10,000 points test data, and trains on them. What points that were trained on say of the error elsewhere is "
                "seen where there are few of them.",
            ),
            Setting(stop=None, steps=STEPS),
            (8, 32, 128),
            By(5, 20),
        ),
        WhereItStops(
            STOPPING,
            (
                "The loss of a minibatch scatters about the error of the network, the more the smaller the batch. The stop takes the first one "
                "that is small enough, and so prefers batches on which the network happens to look good. How far, then, is the error above the loss "
                "that stopped it?",
            ),
            tuple(Setting(batch=batch) for batch in (16, 64, 256)),
            By(10, 40),
        ),
        WithDropout(
            DROPOUT,
            (
                "002 has dropout in every hidden layer and does not say at what rate. With dropout active the loss that training sees has a "
                "floor of its own, the variance that dropout puts in. Is the stop met all the same? What the network does in evaluation mode is another number.",
            ),
            tuple(Setting(dropout=rate, steps=200) for rate in (0.01, 0.1, 0.5)),
            By(5, 20),
        ),
        OtherSettings(
            OTHERS,
            (
                "The same network trained on without a stop; three depths, for equally many steps; and the same stack without activations, which is a line, "
                "and whose floor is the error of the best line, $\\frac{1}{2} - 3/\\pi^2$.",
            ),
            (
                Variant(LONGER, Setting(stop=None, steps=600)),
                Variant(SHALLOW, Setting(hidden=2, stop=None, steps=STEPS)),
                Variant(USUAL, Setting(stop=None, steps=STEPS)),
                Variant(DEEP, Setting(hidden=9, stop=None, steps=STEPS)),
                Variant(
                    LINEAR,
                    Setting(activation=None, width=16, rate=3e-3, stop=None, steps=300),
                    as_float(sine_best_error(1)),
                ),
            ),
            By(6, 20),
            ((SHALLOW, USUAL), (USUAL, DEEP)),
        ),
        PiecesByWidth(
            WIDTH,
            (
                "Pieces counted kink by kink, before and after training, in networks of one hidden layer and of five. A hidden layer of w units has at most "
                "w kinks; depth could multiply them.",
            ),
            tuple(
                Setting(hidden=hidden, width=width, steps=300)
                for hidden, width in ((1, 16), (1, 64), (5, 4), (5, 16), (5, 64))
            ),
            By(4, 20),
        ),
    ),
    conclusion=conclusion,
    closing=closing,
)
