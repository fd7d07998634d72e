"""Document 004, L180–265: can one hidden layer be near any function, with which activation, and at what cost?"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from residua_bridge.claims import Evidence, claims_section
from residua_bridge.experiments.universal.activations import EACH, Activations
from residua_bridge.experiments.universal.constructed import BUILT, Constructed, Goal
from residua_bridge.experiments.universal.depth import SQUARES, TEETH, WAVES, Depth
from residua_bridge.experiments.universal.exact import ExactLines
from residua_bridge.experiments.universal.overfit import EVERY, GAPS, NOISY, RATIOS, WHOLE, WIDE, Noise
from residua_bridge.experiments.universal.plane import PLANE, Plane, Surface
from residua_bridge.experiments.universal.trained import CONTEST, Contest
from residua_bridge.findings import Cell, Section
from residua_bridge.formats._text import spoken
from residua_bridge.study import By, Study

NAME = "universal-approximation"
SINE = Goal("sin(x)", "-pi", "pi", np.sin)
KINK = Goal("abs(x)", "-1", "1", np.abs)
ROOT = Goal("sqrt(x)", "0", "1", np.sqrt)
OWN = Goal("exp(-x**2)*cos(3*x)", "-2", "2", lambda x: np.exp(-(x**2)) * np.cos(3 * x))
CLAIMS = ("004-106", "004-107", "004-109", "004-110", "004-111", "004-112", "004-114", "004-115")


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off tables and verdicts."""
    e = Evidence({NAME: sections})
    verdicts = [v for section in sections for v in section.verdicts]
    good = sum(v.expected in ("", v.verdict) and v.explained for v in verdicts)
    return (
        f"Of {len(verdicts)} verdicts {good} are as expected or explained.",
        _built(e),
        _activations(e),
        _contest(e),
        _depth(e),
        _noise(e),
    )


def _rows(e: Evidence, table: str) -> tuple[tuple[Cell, ...], ...]:
    return e.table(NAME, table).table.rows


def _built(e: Evidence) -> str:
    rows = _rows(e, BUILT)
    under = sum(float(row[7]) <= float(row[6]) for row in rows)
    sine = {(str(row[1]), float(row[2])): int(row[3]) for row in rows if str(row[0]) == SINE.said}
    errors = sorted({error for _, error in sine}, reverse=True)
    widths = "; ".join(
        f"{sine['relu', error]} ReLUs, or {sine['hard sigmoid', error]} in pairs that are hard sigmoids, or {sine['sigmoid', error]} sigmoids, for an error of {error:g}"
        for error in errors
    )
    plane = _rows(e, PLANE)[0]
    return (
        f"Document 004's construction works, with explicit weights and a certified bound: {under} of {len(rows)} networks on torch are below theirs. "
        f"For sin on [−π, π] it takes {widths}. In two variables $xy$ takes {plane[4]} ReLUs for an error of {float(plane[3]):g}."
    )


def _activations(e: Evidence) -> str:
    rows = _rows(e, EACH)
    never = [str(row[0]) for row in rows if float(row[2]) > 0]
    floors = ", ".join(f"{float(row[2]):.3g} ({row[0]})" for row in rows if float(row[2]) > 0)
    return (
        f"Not every activation will do: {', '.join(never)} are polynomials, and with them the error of one hidden layer of any width for |x| is at least {floors}. "
        f"The other {len(rows) - len(never)} of ten are built."
    )


def _contest(e: Evidence) -> str:
    rows = _rows(e, CONTEST)
    told = []
    for activation in dict.fromkeys(str(row[0]) for row in rows):
        mine = [row for row in rows if row[0] == activation]
        parts = ", ".join(f"{row[11]} of {row[12]} seeds at width {row[1]}" for row in mine)
        told.append(f"with {activation}, Adam beats the construction in {parts}")
    best = [row for row in rows if row[0] == "relu"]
    gap = ", ".join(f"{float(row[9]) / float(row[3]):.3g} at {row[1]}" for row in best)
    return f"Who wins: {'; '.join(told)}. The median of the ReLU nets after second order steps is the error of the best lines times {gap}."


def _depth(e: Evidence) -> str:
    teeth, squares = _rows(e, TEETH)[-1], _rows(e, SQUARES)
    few = _rows(e, WAVES)[-1]
    pays = next((row for row in squares if row[5] == "depth"), None)
    when = f"from an error of {spoken(float(pays[0]))} on" if pays else "at none of the errors shown"
    return (
        f"How many units one layer needs depends on the function. A sawtooth of {teeth[1]} pieces takes {teeth[4]} parameters in one hidden layer and {teeth[2]} in depth; "
        f"for $x^2$ depth needs fewer {when}; sin takes {few[1]} ReLUs for an error of {float(few[0]):g}."
    )


def _noise(e: Evidence) -> str:
    (across,) = (row for row in _rows(e, RATIOS) if row[0] == EVERY)
    (whole,) = (row for row in _rows(e, GAPS) if row[0] == WHOLE)
    wide = [row for row in _rows(e, NOISY) if row[0] == WIDE]
    return (
        f"On few noisy points a wider layer overfits more: from {wide[0][2]} to {wide[-1][2]} parameters the excess of the test error over the training error grows by "
        f"{float(whole[1]):.2g} ± {float(whole[2]):.1g}. But three hidden layers with as many parameters overfit more than one: the test error of one is {float(across[1]):.2g} of theirs "
        f"(standard error of its logarithm {float(across[2]):.1g})."
    )


STUDY = Study(
    name=NAME,
    title="One hidden layer: what it can be, with weights written down",
    question=(
        "Document 004 builds a network that is near any function: a curve is cut into lines, lines into hard sigmoids, hard sigmoids are replaced by sigmoids. Does each step hold, "
        "what error is left, for which activations, does training find as much, and does one layer take very many parameters and overfit?"
    ),
    claim=(
        "004, L180–265: every piecewise-linear function is a constant and hard sigmoids; enough lines approximate any curve; with sigmoids for hard sigmoids this is the universal approximation theorem, "
        "which holds for bounded monotone activations and in fact for all; one hidden layer needs very many parameters and easily overfits."
    ),
    refuted_by=(
        "For 004: a function, or an activation, for which a proven floor leaves an error at every width. For us: one network on torch whose error is above its certified bound, or one below a floor."
    ),
    experiments=(
        ExactLines(
            "universal-lines",
            "Broken lines, exactly",
            (
                "A hard sigmoid is 0, rises along a straight line, and is 1. Document 004 adds a constant and one of them for every piece of a broken line. Two ReLUs are one hard sigmoid, so the sum is a network "
                "of one hidden layer, and its weights can be written down from the knots and the values there.",
                "Between the first and the last knot that is exact for every continuous broken line. Beyond them a finite sum of hard sigmoids is flat, so that on the whole line it cannot even be y = x; two ReLUs can. "
                "Nor is any continuous function near a jump: half of it is left at least.",
            ),
            (1, 2, 4, 8, 32, 128),
            (1.0, 2.0, 5.0, 10.0, 100.0, 1000.0),
        ),
        Constructed(
            "universal-constructed",
            "Any continuous function, to a stated error",
            (
                "A function is replaced by chords, so short that a derived bound of their distance is below the error; each activation then makes a layer of the broken line, with a derived bound of its own. "
                "For sigmoids that is document 004's way, a sigmoid of steepness 7/h for every ramp of length h, and tanh is the same with other weights; softplus, silu and gelu are smooth hinges; sin, which is neither a step nor a hinge, takes waves.",
                "Width and weights come from the derived bounds. The finished network is then certified apart from them: the largest error of its float64 weights is enclosed in ball arithmetic, cell by cell, and torch must stay below.",
            ),
            (SINE, KINK, ROOT, OWN),
            ("relu", "hard sigmoid", "sigmoid", "tanh", "softplus", "silu", "gelu", "sin"),
            By((0.1,), (0.1, 0.03)),
            By((0.3, 0.1, 0.03), (0.3, 0.1, 0.03, 0.01)),
        ),
        Plane(
            "Several variables",
            (
                "004's form has $\\sigma(b_i + \\sum_j w_{ij} x_j)$: a function of one direction a unit. A polynomial in two variables is a sum of functions of one direction each, found exactly; each of these is built as above. "
                "Certified are the errors of the directions, added up.",
            ),
            (Surface("x*y", 0.1), Surface("x**2*y - y**3 + 1/2", 0.3)),
            ("relu", "sigmoid"),
        ),
        Activations(
            "universal-activations",
            "Which activations",
            (
                "Leshno, Lin, Pinkus and Schocken (1993): with a continuous activation one hidden layer is near every continuous function on a compact set if, and only if, the activation is not a polynomial. "
                "That polynomials fail is proved here, with a certified floor; that the others do is shown by building the layers, and, for the smooth ones, by forming powers of x from a few units, which works for any activation whose derivatives do not vanish.",
                "Training shows the same from the other side: with polynomials more units change nothing.",
            ),
            SINE,
            (0.1,),
            (2, 3),
            By((1, 2, 4, 8), (1, 2, 4, 8, 16)),
            By(3, 8),
            By(50, 300),
        ),
        Contest(
            "universal-contest",
            "The construction against training",
            (
                "The theorem says that good weights exist. Does training find as good ones? The construction is the document's, with equal pieces. For ReLU, the best broken line with as many pieces as units is built as well, and a floor is proved which no layer of this width can pass.",
            ),
            ("relu", "sigmoid"),
            By((4, 8, 16, 32), (4, 8, 16, 32, 64)),
            By(6, 20),
            By(800, 10_000),
            By(40, 200),
        ),
        Depth(
            "universal-depth",
            "Very many parameters?",
            (
                "One hidden ReLU layer of m units has at most m + 1 linear pieces, while L blocks of two units can have $2^L$. So there are functions for which one layer takes exponentially more, exactly. "
                "For a smooth function of one variable it does not: what is needed is a few pieces.",
            ),
            By(8, 10),
            tuple(Fraction(1, 10**k) for k in (1, 2, 3, 4, 5, 6, 8)),
            SINE,
        ),
        Noise(
            "universal-noise",
            "Does it overfit?",
            (
                "004 gives overfitting as a reason against one hidden layer. Nets of one hidden layer and of three, with equally many parameters, are trained on the same few noisy points for as long. "
                "If the document is right, one layer overfits the more the wider it is, and more than the deep net does.",
            ),
            By((8, 32, 128, 512), (8, 32, 128, 512, 2048)),
            20,
            0.3,
            By(16, 32),
            1,
            By(1000, 4000),
            1e-2,
        ),
    ),
    closing=lambda sections: (
        claims_section(
            "Claims of document 004",
            ("Each word is computed from what stands above; the ledger has the evidence of each in full.",),
            CLAIMS,
            NAME,
            sections,
        ),
    ),
    conclusion=conclusion,
)
