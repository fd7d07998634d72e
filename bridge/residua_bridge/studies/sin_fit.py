"""Document 002, L60–82: networks trained on sin, and how near they are to its Taylor polynomials."""

from collections.abc import Callable, Sequence
from math import comb, log
from typing import Any

from residua_bridge.experiments.claim_places import Claim, Evidence, Judged, Word, as_expected, claims_section
from residua_bridge.experiments.derivations import Derivations
from residua_bridge.experiments.sin_errors import ERRORS, PolynomialErrors, as_float
from residua_bridge.experiments.sin_lines import MEAN, NEEDED, ExplicitNetworks, PieceErrors
from residua_bridge.experiments.sin_nets import DEGREES, STOP, Setting
from residua_bridge.experiments.sin_plateau import BELOW, LEAST, READINGS, SAME, SHARES, STARTS, PlateauRule
from residua_bridge.experiments.sin_structure import Structure
from residua_bridge.experiments.sin_trained import (
    ABOVE_PRINTED,
    ABOVE_STOP,
    ATTAINABLE,
    CLOSEST,
    DEEPER,
    DROPOUTS,
    ERROR,
    FRESH,
    NUMBER,
    PRINTED,
    SEEDS,
    SHARE,
    STOPS,
    SUMMARY,
    TO_TERM,
    VARIANTS,
    WIDTHS,
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
from residua_symbolic.series.approximation.relu_laws import HINGES, ORDER, PARABOLA, STACK
from residua_symbolic.series.approximation.sine_errors import mean_square_of_sine
from residua_symbolic.series.approximation.sine_legendre import best_mean_square_of_sine, sine_best_error

TERM = 11  # 002, L82
CHANCE = 0.01  # of a word that only looks borne out, where it rests on a number of networks

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
    found = next(t for section in e.sections for t in section.tables if t.title == table)
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def _row(e: Evidence, table: str, first: object) -> dict[str, Any]:
    """The row of a table that begins so, by column."""
    return next(row for row in _rows(e, table) if next(iter(row.values())) == first)


def _analytic(e: Evidence) -> tuple[Judged, ...]:
    law = e.proved("Piecewise-linear functions in the mean square", "law")
    held = law and e.agree(EXPLICIT) and e.agree(PIECES)
    words = (
        "as closely as one likes on a bounded interval, never exactly by ReLU unless it is piecewise linear: with N pieces, "
        "and weights that can be written down, the mean square error is about $C_2 N^{-4}$ for every f that is twice "
        "continuously differentiable, analytic or not. That training finds such weights does not follow"
    )
    return (Judged(held, "conditional", words),)


def _reached(e: Evidence) -> tuple[Judged, ...]:
    errors = [_number(d) for d in e.column(SEEDS, "D")]
    below = sum(d < STOP for d in errors)
    dropped = [row for row in _rows(e, DROPOUTS) if _number(row["rate"]) > 0]
    met = sum(int(_number(row["met the stop"])) for row in dropped)
    networks = sum(int(_number(row[NUMBER])) for row in dropped)
    eval_mode = ", ".join(f"{row[f'D below {STOP:g}']} of {row[NUMBER]} at rate {row['rate']}" for row in dropped)
    words = (
        f"with dropout 0: {below} of {len(errors)} networks have a mean square error below {STOP:g} when they stop. With "
        f"dropout active {met} of {networks} met the stop in the steps given to them; in evaluation mode their error is "
        f"below it for {eval_mode}. 002 does not state its rate"
    )
    return (Judged(below > 0 and met < networks, "conditional", words),)


def _order(e: Evidence) -> tuple[Judged, ...]:
    held = e.proved(ORDER, "ReLU lets factors through") and e.agree(STRUCTURE)
    return (
        Judged(held, "false", "ReLU lets factors $m \\geq 0$ through: both orders are one function, to the last bit"),
    )


def _linear(e: Evidence) -> tuple[Judged, ...]:
    row = _row(e, VARIANTS, LINEAR)
    floor, least = _number(row["proved floor"]), _number(row["D, least"])
    there = floor * (1 - SHARE) <= least and _number(row["D, median"]) <= floor * (1 + SHARE)
    held = e.proved(STACK, "one after the other") and e.agree(STRUCTURE) and there
    words = (
        f"they are lines, and no line is less off than {floor:.4g} in the mean square; trained stacks stop there: {least:.4g} "
        f"at best. It is not the Taylor polynomial of degree 1, whose error is {_number(e.rows(ERRORS)[0][4]):.3g} times as "
        f"large; by distance, the stacks are closest to $T_n$ with n = {row['closest n']}"
    )
    return (Judged(held, "true", words),)


def _power(e: Evidence) -> tuple[Judged, ...]:
    held = e.proved(STACK, "one after the other") and e.agree(STRUCTURE)
    words = (
        "a product of different matrices, $W_k \\cdots W_1 x$, and a constant from the biases; a power only if all layers "
        "share one square matrix and have no bias"
    )
    return (Judged(held, "false", words),)


def _any_lines(e: Evidence) -> tuple[Judged, ...]:
    words = "every continuous one of one variable on an interval, N pieces with N units: proved, weights written down"
    return (Judged(e.proved(HINGES, "every piece") and e.agree(EXPLICIT), "true", words),)


def _sums_of_powers(e: Evidence) -> tuple[Judged, ...]:
    law = e.proved("Piecewise-linear functions in the mean square", "law") and e.proved(HINGES, "every piece")
    held = law and e.proved(PARABOLA, "mean square error") and e.agree(STRUCTURE)
    words = (
        "if fitting means: as closely as one likes, on a bounded interval, with enough units. With N of them the mean square "
        "error falls as $N^{-4}$ and does not become 0: for $x^2$ on [−1, 1] it is $4/(45 N^4)$ at least. Equal they are for "
        "$i \\leq 1$ only; and if i is no power but an index, the sum is a line"
    )
    return (Judged(held, "conditional", words),)


def _more_pieces(e: Evidence) -> tuple[Judged, ...]:
    layers, widths, after = (e.column(WIDTHS, name) for name in ("layers", "width", "after, median"))
    found: dict[object, list[tuple[float, float]]] = {}
    for depth, width, count in zip(layers, widths, after, strict=True):
        found.setdefault(depth, []).append((_number(width), _number(count)))
    grows = all(a[1] < b[1] for some in found.values() for a, b in zip(sorted(some), sorted(some)[1:], strict=False))
    last = _rows(e, WIDTHS)[-1]
    words = (
        f"with the width of the layers, in these networks; not one a parameter: {last['parameters']} parameters make {last['after, median']:g} pieces "
        f"(median), of which {last['pieces that would do']:g}, well placed, would do for the same error"
    )
    return (Judged(grows, "conditional", words),)


def _test_data(e: Evidence) -> tuple[Judged, ...]:
    row = _row(e, SUMMARY, FRESH)
    near = max(abs(_number(row[name]) - 1) for name in ("least", "largest"))
    words = (
        "points that are trained on test nothing. It does no harm here: on fresh points the error is "
        f"{_number(row['least']):.3f} to {_number(row['largest']):.3f} times as large"
    )
    return (Judged(near < 0.2, "false", words),)


def _below_and_above(e: Evidence) -> tuple[Judged, ...]:
    rows = _rows(e, STOPS)
    above = [(row["batch"], row[ABOVE_PRINTED], row[NUMBER]) for row in rows]
    first, last = rows[0], rows[-1]
    own = sum(_number(d) > PRINTED for d in e.column(SEEDS, "D"))
    words = (
        "the two are different numbers if the stop looks at a minibatch. A stop on all points would leave little "
        f"between them: on fresh points the error is {_number(_row(e, SUMMARY, FRESH)['largest']):.3g} times that on those at most. The "
        f"error of the network is {_number(first['D over loss']):.3g} times that loss with batches of {first['batch']}, {_number(last['D over loss']):.3g} times with {last['batch']} (medians); "
        f"above {PRINTED:g} lie {', '.join(f'{n} of {of} with batches of {b}' for b, n, of in above)}, and {own} of the "
        f"{len(e.rows(SEEDS))} networks of the main experiment. 002 does not state its batch"
    )
    return (Judged(any(int(_number(n)) > 0 for _, n, _ in above), "conditional", words),)


def _better(e: Evidence) -> tuple[Judged, ...]:
    usual, longer = _row(e, SUMMARY, ERROR), _row(e, VARIANTS, LONGER)
    tuned = (
        f"training on lowers the error, median {usual['median']:.3g}, to {longer['D, median']:.3g}, in every network below the "
        f"least of those that stopped; {_row(e, NEEDED, MEAN)['pieces that do']} linear pieces can be below {STOP:g}"
    )
    rows = e.rows(DEEPER)
    pairs = "; ".join(
        f"{_compared(row)} from {row[0]} to {row[1]} (median {_number(row[2]):.2g} times as large)" for row in rows
    )
    return (
        Judged(_number(longer["D, largest"]) < _number(usual["least"]), "true", f"more tuning: {tuned}"),
        Judged(
            bool(rows),
            _deeper(rows),
            f"more layers, {STEPS} steps each, {_row(e, VARIANTS, DEEP)[NUMBER]} networks: {pairs}",
        ),
    )


def _compared(row: Sequence[Any]) -> str:
    """What a pair of depths shows, beyond chance."""
    less, more = _number(row[3]), _number(row[4])
    return "less error" if less < CHANCE else "more error" if more < CHANCE else "no difference beyond chance"


def _deeper(rows: Sequence[Sequence[Any]]) -> Word:
    """Of "more layers would fit better"."""
    found = [_compared(row) for row in rows]
    if all(word == "less error" for word in found):
        return "true"
    if all(word == "more error" for word in found):
        return "false"
    return "conditional" if "less error" in found else "undecidable"


def _closest(e: Evidence) -> tuple[Judged, ...]:
    counts = {int(_number(row[0])): int(_number(row[1])) for row in e.rows(CLOSEST)}
    total, own = len(e.rows(SEEDS)), counts.get(TERM, 0)
    begins = _number(_row(e, SUMMARY, f"plateau within {SHARE:g} from degree")["median"])
    towards = sum(int(_number(row[3])) for row in e.rows(CLOSEST) if row[0] == 9 and row[3] != "–")
    others = ", ".join(f"{row[TO_TERM]} of {row[NUMBER]} ({row['batch']})" for row in _rows(e, STOPS))
    words = (
        f"closest are: {_listed(counts)} of {total}. Past the plateau's start "
        f"all are nearly equally close; what decides is how the network errs near ±π. {towards} of those closest to $T_9$ err "
        f"there towards it. Degree {begins:g} is where the plateau begins, within {percent(SHARE)} (median). With other batches, closest to $T_{{{TERM}}}$ "
        f"are {others}"
    )
    few = sum(comb(total, k) for k in range(own + 1)) / 2**total  # chance of no more, if it were every second network
    word: Word = "true" if own == total else "false" if few < CHANCE else "conditional"
    return (Judged(sum(counts.values()) == total, word, words), _as_accurate(e))


def _as_accurate(e: Evidence) -> Judged:
    """The other reading of the line: the network is as accurate as the 11th polynomial."""
    errors = {int(_number(row[0])): _number(row[2]) for row in e.rows(ERRORS)}
    own = _number(_row(e, SUMMARY, ERROR)["median"])
    near = {d: min((n for n in errors if n % 2), key=lambda n: abs(log(errors[n] / d))) for d in (own, PRINTED)}
    words = (
        f"read as: as accurate as that polynomial. An error of {own:.3g} (median), or {PRINTED:g}, is nearest to that of "
        f"{' and '.join(f'$T_{{{n}}}$' for n in sorted(set(near.values())))}; that of $T_{{{TERM}}}$ is {errors[TERM]:.3g}"
    )
    return Judged(True, "true" if set(near.values()) == {TERM} else "false", words)


def _listed(counts: dict[int, int]) -> str:
    """How many networks are closest to which polynomial."""
    return ", ".join(f"$T_{{{n}}}$ for {k}" for n, k in counts.items() if k)


def _plateau(e: Evidence) -> tuple[Judged, ...]:
    stays = e.proved("When the distance to T_n becomes flat", "flat within τ") and e.agree(TRAINED)
    row = _row(e, SUMMARY, "height of the plateau, $D_{15}$")
    low, high = (_number(row[name]) for name in ("least", "largest"))
    within = low <= PRINTED <= high
    place = "inside" if within else "outside"
    words = (
        f"its height is the network's own error D, whatever the term; here {low:.3g} to {high:.3g}, another for each seed: "
        f"{PRINTED:g} lies {place} that range and says nothing of sin or of Taylor"
    )
    return (
        Judged(stays, "true", "that it stays: derived for every network, and measured"),
        Judged(high > low, "conditional", f"at {PRINTED:g}: {words}"),
    )


def _derived_start(e: Evidence) -> int:
    """The degree from which on the rule leaves a distance of 002's height no more than the share of room."""
    starts = {_number(row[0]): row for row in e.rows(STARTS)}
    return int(_number(starts[PRINTED][1 + SHARES.index(SHARE)]))


def _counting(e: Evidence) -> tuple[Judged, ...]:
    readings = _rows(e, READINGS)
    counts = {int(_number(row[0])): int(_number(row[1])) for row in e.rows(CLOSEST)}
    flat = {str(r["counted by"]) for r in readings if _number(r[LEAST]) <= SHARE < _number(r[BELOW])}
    most = max(counts, key=lambda n: counts[n])
    closest = {str(r["counted by"]) for r in readings if int(_number(r[SAME])) == most}
    read = ", ".join(f"degree {r['degree']} by {r['counted by']}" for r in readings)
    ranges = ", ".join(
        f"{percent(_number(r[LEAST]))} to {percent(_number(r[BELOW]))} by {r['counted by']}" for r in readings
    )
    words = (
        f"what 002 counted cannot be derived; its two remarks can be asked. Term {TERM} is {read}. With D = {PRINTED:g} "
        f"the plateau begins there if one calls flat what stays within {ranges}: {percent(SHARE)} makes it {_either(flat)}. "
        f"That the network is closest there makes it {_either(closest)}: {_listed(counts)} of {sum(counts.values())} here"
    )
    word: Word = "undecidable"
    if flat == closest:
        word = "true" if flat == {"degree"} else "false"
    return (Judged(bool(flat), word, words),)


def _either(readings: set[str]) -> str:
    return " or ".join(f"counting by {name}" for name in sorted(readings)) or "no reading"


Judge = Callable[[Evidence], tuple[Judged, ...]]
CLAIMS: tuple[Claim, ...] = (
    Claim("002-021", "any analytic function can be fitted", _analytic, f"{LAWS}; {EXPLICIT}"),
    Claim("002-022", f"six layers with dropout reach an error below {STOP:g}", _reached, f"{TRAINED}; {DROPOUT}"),
    Claim("002-023", "the order Linear → Dropout → ReLU matters", _order, STRUCTURE),
    Claim("002-024", "without activations only the first two terms can be compared", _linear, f"{STRUCTURE}; {OTHERS}"),
    Claim("002-025", "the linear stack is $W^k x$", _power, STRUCTURE),
    Claim("002-026", "a ReLU layer fits any piecewise-linear function", _any_lines, EXPLICIT),
    Claim("002-027", "Linear, ReLU, Linear fit any $\\sum (a_i x^i + b_i)$", _sums_of_powers, STRUCTURE),
    Claim("002-028", "more parameters, more linear segments", _more_pieces, WIDTH),
    Claim("002-029", "10,000 points are test data for training", _test_data, TRAINED),
    Claim("002-030", f"stopped below {STOP:g}, plateau at {PRINTED:g}", _below_and_above, STOPPING),
    Claim("002-031", "more tuning or more layers would fit better", _better, f"{OTHERS}; {PIECES}"),
    Claim("002-032", "the network is closest to the 11th Taylor polynomial", _closest, f"{TRAINED}; {STOPPING}"),
    Claim("002-033", f"past the 11th term the difference stays at {PRINTED:g}", _plateau, f"{PLATEAU}; {TRAINED}"),
    Claim("002-034", "term n means degree n", _counting, f"{PLATEAU}; {TRAINED}"),
)


def closing(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The claims of 002 that this study decides."""
    prose = (
        "Each line of 002 that is decided here. The word is drawn from the tables and verdicts above; where they do not "
        "bear it out, it reads: not confirmed here.",
    )
    return (claims_section(CLAIMS_TITLE, prose, CLAIMS, sections),)


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off tables and verdicts."""
    e = Evidence(sections)
    verdicts = [v for section in sections for v in section.verdicts]
    good = sum(map(as_expected, verdicts))
    counts = {int(_number(row[0])): int(_number(row[1])) for row in e.rows(CLOSEST)}
    height = _row(e, SUMMARY, "height of the plateau, $D_{15}$")
    pieces_row, needed = _row(e, SUMMARY, "linear pieces"), _row(e, NEEDED, MEAN)
    start = _row(e, SUMMARY, f"plateau within {SHARE:g} from degree")
    total = len(e.rows(SEEDS))
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
    errors = {int(_number(row[0])): _number(row[2]) for row in e.rows(ERRORS) if int(_number(row[0])) % 2}
    worse = max((n for n in errors if errors[n] > error), default=0)
    return f"{worse} and {worse + 2}"


def _batches(stops: Sequence[dict[str, Any]]) -> str:
    """The sizes with which the printed height lies between the least error and the largest."""
    found = [str(row["batch"]) for row in stops if _number(row["D, least"]) <= PRINTED <= _number(row["D, largest"])]
    return " and ".join(found) or "none of these sizes"


STUDY = Study(
    name="sin-fit",
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
