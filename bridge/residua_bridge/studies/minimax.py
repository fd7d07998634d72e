"""Document 004, L200 and L263: ramp and sigmoid, as near as they come; the best linear pieces for several functions."""

from collections.abc import Sequence

from residua_bridge.claims import Evidence, claims_section
from residua_bridge.claims.judges.powers import at_least, at_most
from residua_bridge.experiments.minimax.pieces import (
    CONTINUOUS,
    SQUARES,
    UNCONNECTED,
    SquarePieces,
    SupremumPieces,
)
from residua_bridge.experiments.minimax.ramps import LEAST, LIBRARIES, MOST, RAMPS, WORDS, NearestRamps
from residua_bridge.experiments.minimax.sigmoids import LEAST as NO_NEARER
from residua_bridge.experiments.minimax.sigmoids import SIGMOIDS, NearestSigmoids
from residua_bridge.experiments.minimax.squares import MINIMA, Squares
from residua_bridge.experiments.minimax.trained import TRAINED, Trained
from residua_bridge.findings import Section
from residua_bridge.study import By, Study

NAME = "minimax"
CLAIMS = ("004-108", "004-113")
TITLES = (
    "Two ReLUs against the sigmoid",
    "One sigmoid against a hard sigmoid",
    "In the mean square",
    "More pieces: the largest error",
    "More pieces: the mean square error",
    "What training reaches",
)


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off tables."""
    e = Evidence({NAME: sections})
    ramps, sigmoids = e.table(NAME, RAMPS), e.table(NAME, SIGMOIDS)
    where = {"target": "sigmoid", "on": "the line"}
    free, held = (
        [ramps.number(column, "", {**where, "ends": WORDS[ends]}) for column in (LEAST, MOST)]
        for ends in ("free", "held")
    )
    own = sigmoids.number(NO_NEARER, "", values_far_out=WORDS["free"])
    own_held = sigmoids.number(NO_NEARER, "", values_far_out=WORDS["held"])
    library = {str(r["hard sigmoid"]): r for r in e.table(NAME, LIBRARIES).rows()}
    torch_row = next(row for name, row in library.items() if name.startswith("torch"))
    knots = e.table(NAME, MINIMA).column("k", "")
    squares = e.table(NAME, SQUARES)
    trained = e.table(NAME, TRAINED).rows()
    over = ", ".join(
        f"{float(str(r['least over floor, minus 1'])):.2g} ({r['network']}, trained for the {r['trained for']})"
        for r in trained
        if r["units rise to"] != "both sides"
    )
    verdicts = [v for section in sections for v in section.verdicts]
    good = sum(v.expected in ("", v.verdict) and v.explained for v in verdicts)
    exact = squares.number(CONTINUOUS, "", {"function": "tanh(x)", "pieces N": 2})
    apart = squares.number(UNCONNECTED, "", {"function": "tanh(x)", "pieces N": 2})
    return (
        f"Two ReLUs come within {at_most(free[1], 6)} of the sigmoid on the whole line, {at_most(held[1], 6)} if their "
        f"ramp runs from 0 to 1, and no nearer: the bounds from below, {at_least(free[0], 6)} and "
        f"{at_least(held[0], 6)}, are proved by alternating errors. The hard sigmoid of torch is "
        f"off by {float(str(torch_row['at most'])):.4f}.",
        f"One sigmoid comes within {at_most(own, 6)} of a hard sigmoid ({at_most(own_held, 6)} with its "
        "ends held), whatever the width: both problems are one. “Can approximate” is true up to that number and in "
        "the mean as the ramp gets steep, not in the largest error; for that it takes sums.",
        f"In the mean square the nearest ramp from 0 to 1 has its knots at ±{knots[0]:.4f}; the integral has a closed "
        "form with a dilogarithm.",
        "With N pieces the constants of the laws are met by certified optima in the largest error and by fits in the "
        "mean square, for functions whose second derivative is infinite at an end as well; certified floors hold for "
        "every N. Where a function bends one way, pieces that need not meet do so by themselves; for tanh by two "
        f"pieces they do not, and have {apart / exact:.2g} times the mean square error.",
        f"The least error of trained nets exceeds the proved floor by a share of {over}.",
        f"{good} of {len(verdicts)} verdicts are the expected ones, with causes that account for the differences.",
    )


def closing(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The claims, and what other reports hold."""
    elsewhere = Section(
        "What other reports hold",
        (
            "Squares by teeth, one term of a series a block, with its largest error $2^{-2L-2}$ proved by induction "
            "and met in torch to the last bit, and the sawtooth with its $2^L$ pieces: report depth-order, section on "
            "teeth. The floors of networks with squares as activations at any width, for sin: the same report, "
            "section on floors.",
            "The laws of linear pieces for sin, with floors by dynamic programming and trained networks beside them: "
            "report sin-fit. There the laws are derived for pieces so short that f'' does not vary on them; the "
            "floors here assume no such thing.",
            "Sums of sigmoids and of ReLUs as near to a continuous function as one likes: report "
            "universal-approximation.",
        ),
    )
    prose = ("Words computed from the sections above; document 004 has both claims without a number.",)
    return elsewhere, claims_section("Claims of document 004", prose, CLAIMS, NAME, (*sections, elsewhere))


STUDY = Study(
    name=NAME,
    title="Ramp and sigmoid: how near they come",
    question=(
        "Document 004 lets sigmoids stand for hard sigmoids, and says that two ReLUs can approximate a sigmoid. How "
        "near do they come, at best, and what does a trained network reach of that? How near do N linear pieces come "
        "to a function?"
    ),
    claim=(
        "The least errors are numbers above 0, the same for every width and height: they are solved by equal errors "
        "of alternating sign, proved from both sides to many digits, and met by torch. With more pieces they fall as "
        "N⁻² (largest error) and N⁻⁴ (mean square)."
    ),
    refuted_by=(
        "A network of two ReLUs, or of one sigmoid, with a largest error below a floor; a curve of errors in torch "
        "that is not the derived one; fits whose limit is not the constant of the law."
    ),
    experiments=(
        NearestRamps(
            NAME,
            TITLES[0],
            (
                "Two ReLU units make a function of at most three linear pieces. On the whole line its distance to the "
                "sigmoid is finite only if it is constant far out on both sides: a ramp, the difference of two ReLUs "
                "(first derivation).",
                "The best ramp is found as Chebyshev found best polynomials: the error must take its largest size "
                "several times, with signs in turn. That gives an equation in one unknown (second derivation). Its "
                "zero is proved by an interval step of Newton's method and known to many digits.",
                "That no other ramp is nearer needs no search: the difference of two ramps rises and falls three "
                "times at most, so it cannot have as many changes of sign as the errors of a nearer rival would force "
                "on it (third derivation). The argument takes the errors at a few points only, so it gives a "
                "certified number for any ramp that nearly alternates.",
            ),
        ),
        NearestSigmoids(
            NAME,
            TITLES[1],
            (
                "The document replaces each hard sigmoid (a ramp) by one sigmoid. Stretched to another width, a "
                "sigmoid is a sigmoid: the least error is one number for all hard sigmoids, and tuning w and b does "
                "not get below it. It follows from the one of the section before, because ramp and sigmoid change "
                "places (first derivation).",
                "That no sigmoid is nearer is a count again: where the slopes of two sigmoids agree, a sum of four "
                "exponentials vanishes, which it does twice at most.",
            ),
        ),
        Squares(
            NAME,
            TITLES[2],
            (
                "The integral of the squared difference is finite if both have the values 0 and 1 far out. Then it is "
                "a closed form in the knot k of the ramp, with a dilogarithm, and it has one minimum: proved, not "
                "searched. The same form, divided by k, is the distance of σ(k x) to the ramp with knots −1 and 1.",
            ),
        ),
        SupremumPieces(
            NAME,
            TITLES[3],
            (
                "With N pieces the best fit of a function that bends one way has chords that are all off by twice the "
                "error, moved by the error. N − 1 knots leave one of these N intervals uncut, and on it every line is "
                "off by as much: a proof for all functions with N linear pieces, continuous or not, at one stroke. "
                "Odd functions that bend one way on each side of 0 have a middle piece through 0, and the same proof.",
                "The law $N^2 \\cdot$ error → C is derived in the report sin-fit for every f; here it is met by "
                "certified optima of six functions.",
            ),
            (1, 2, 3, 4, 8, 16, 64),
            By((4, 8, 16, 32, 64), (8, 16, 32, 64, 128, 256)),
        ),
        SquarePieces(
            NAME,
            TITLES[4],
            (
                "In the mean square each piece is its own best line, if it need not meet its neighbours. Where f is "
                "convex on both sides of a knot, the best ones meet all the same (first derivation).",
                "Floors for every N: on a piece where |f''| ≥ q a line leaves at least $q^2 h^5/720$, exactly, not "
                "only for short pieces; more knots than allowed are put at the borders of K cells, and Hölder's "
                "inequality gives the least of the sum (second derivation). Its limit is the law.",
                "For few pieces that floor is low. There f'' is bounded on 800 cells, each piece is cut down to whole "
                "cells, and what it leaves is bounded by two of Legendre's polynomials (third derivation); the least "
                "sum over all placings of the pieces is found by dynamic programming.",
            ),
            (1, 2, 4, 8, 16, 32, 64),
            By((4, 8, 16, 32, 64), (8, 16, 32, 64, 128)),
        ),
        Trained(
            NAME,
            TITLES[5],
            (
                "Networks of two ReLUs are trained on the sigmoid over [−8, 8], and networks of one sigmoid on the "
                "hard one: for the largest error, by Adam on the mean of its 2nd, 8th, 32nd, 128th and 512th powers "
                "in turn, and as usual for the mean square. All weights are free. What a network is above the proved "
                "floor is left to optimisation, and where it was trained for the mean square, to that.",
                "Two units that rise to opposite sides make a function whose middle slope is the sum of the outer "
                "ones: a poor picture of a sigmoid, and descent does not turn a unit round. Such networks are listed "
                "by themselves.",
            ),
            By(12, 64),
            By(300, 1500),
        ),
    ),
    conclusion=conclusion,
    closing=closing,
)
