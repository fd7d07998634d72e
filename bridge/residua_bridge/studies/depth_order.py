"""Document 000: do layers correspond to terms? What depth and width do to the orders that a network has."""

from collections.abc import Sequence
from functools import partial

from residua_bridge.claims import Evidence, claims_section
from residua_bridge.claims.judges.depth import counted, degrees_multiply, diagonal, floors_fall
from residua_bridge.experiments.depth_order.blocks import PolynomialBlocks
from residua_bridge.experiments.depth_order.degrees import Reach
from residua_bridge.experiments.depth_order.floors import DIGITS, Case, Floors
from residua_bridge.experiments.depth_order.matrix import ANEW, BUILT, EXPONENTIAL, OWN, SINE, TAYLOR, Contributions
from residua_bridge.experiments.depth_order.tanh import TanhWidths
from residua_bridge.experiments.depth_order.teeth import Teeth
from residua_bridge.experiments.derivations import Derivations
from residua_bridge.findings import Cell, Section
from residua_bridge.formats._text import spoken
from residua_bridge.study import By, Study
from residua_symbolic.series.approximation.floors import width_one_law
from residua_symbolic.series.approximation.sine_legendre import best_mean_square_of_sine
from residua_symbolic.series.constructions.degree_laws import degree_of_depth, every_polynomial, width_one

NAME = "depth-order"
CLAIMS = tuple(f"000-{n:03}" for n in (1, 2, 3, 4, 14, 15, 17, 18))
CLAIMED = "Claims of document 000"
REACH, TRAINED = "Degree and what can be reached", "Floors, proved and trained"
TEETH, TANH = "One term a layer, by construction", "Width alone brings terms"
MATRIX, BLOCKS = "Which block gives which term", "The same function, block by block"
WITHIN, FITS = "Coefficients within reach", "Floors and fits"  # tables
DIAGONAL, ALIKE, PARTIAL, TERMS = "How diagonal", "One function", "What the sum is", "Do the networks have"
REFINES = "approximates, then refines"  # column
EXACT = 1e-12  # of 1: what the rounding of float64 leaves of a share that is all
SURE = 2  # standard errors
WIDE = (1, 2, 3, 4, 8, 16, 32, 64, 128)

CASES = (
    Case("square", 1, 1, By((1, 2, 64), WIDE), By(4, 20), By(100, 400)),
    Case("square", 2, 2, By((1, 2, 4, 32), WIDE), By(4, 20), By(100, 400)),
    Case("square", 3, 3, By((1, 2, 4), WIDE), By(6, 20), By(200, 1000)),
    Case("cube", 1, 1, By((1, 4), WIDE), By(4, 20), By(100, 400)),
    Case("cube", 2, 4, By((1, 4, 32), WIDE), By(6, 20), By(200, 1000)),
    Case("cube", 3, 0, By((2,), WIDE[:-4]), By(3, 10), By(100, 400)),
)


def closing(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The claims that this study decides, alone or with others."""
    prose = (
        "Each word is a function of the sections above, by the rules of the ledger of all claims, where those stand that rest on other reports as well.",
    )
    return (claims_section(CLAIMED, prose, CLAIMS, NAME, sections),)


def _rows(e: Evidence, table: str) -> list[dict[str, Cell]]:
    """The rows of the table whose title begins so, by column."""
    return e.table(NAME, table).rows()


def near_chance(e: Evidence) -> bool:
    """Whether the diagonal share of trained networks lies nearer to chance than to 000's 1, by two standard errors."""
    return all(share + SURE * error < (1 + blind) / 2 for _, share, error, blind in diagonal(e))


def can_be_built(e: Evidence) -> bool:
    """Whether the networks built to be 000's have all of the diagonal, the terms, and agree with torch."""
    shares = e.table(NAME, DIAGONAL).column("diagonal share", "exact", network=BUILT)
    ratios = e.table(NAME, TERMS).column("built", "exact")
    return _agree(e, MATRIX) and all(abs(one - 1) <= EXACT for one in (*shares, *ratios))


def not_determined(e: Evidence) -> bool:
    """Whether networks that are one function, to within a thousandth of it, differ in their blocks by more."""
    (row,) = _rows(e, ALIKE)
    return int(row["seeds"]) > 1 and float(row["their blocks differ by"]) > 1000 * float(
        row["their functions differ by"]
    )


def refinement_is_fair(e: Evidence) -> bool:
    """Whether the Taylor sums themselves approximate and then refine, by the measure that networks are held against."""
    good, every = counted(e, TAYLOR, REFINES)
    return 0 < good == every


def _agree(e: Evidence, title: str) -> bool:
    """Whether the section has verdicts, and every one of them came out as expected."""
    found = e.verdicts(NAME, section=title)
    return bool(found) and all(v.verdict == v.expected and v.explained for v in found)


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off tables and verdicts; a sentence whose evidence is missing says so."""
    e = Evidence({NAME: sections})
    verdicts = [v for section in sections for v in section.verdicts]
    good = sum(v.expected in ("", v.verdict) and v.explained for v in verdicts)
    words: dict[str, list[str]] = {}
    for row in _rows(e, "Claims"):
        words.setdefault(str(row["word"]), []).append(str(row["claim"]))
    told = "; ".join(f"{word}: {', '.join(names)}" for word, names in words.items())
    said = (
        (near_chance(e) and degrees_multiply(e), "Layers do not correspond to terms", _degrees(e)),
        (floors_fall(e) and floors_met(e), "Floors move with depth", _floors(e)),
        (near_chance(e), "Trained blocks are not terms", _blocks(e)),
        (not_determined(e), "The function does not fix its blocks", _alike(e)),
        (refinement_is_fair(e), "The sum after each block is read", _sums(e)),
        (can_be_built(e) and _agree(e, TEETH) and _agree(e, TANH), "One term a layer can be built", BY_CONSTRUCTION),
    )
    return (
        f"Of {len(verdicts)} verdicts {good} are as expected or explained.",
        *(f"{head}. {rest}" if held else f"Not confirmed in this run: {head.lower()}." for held, head, rest in said),
        f"Claims of document 000, {told}.",
    )


def floors_met(e: Evidence) -> bool:
    """Whether every verdict on floors that was expected is as it was expected."""
    found = [v for v in e.verdicts(NAME, section=TRAINED) if v.expected]
    return bool(found) and all(v.verdict == v.expected and v.explained for v in found)


BY_CONSTRUCTION = (
    "Squares on a stream of three numbers have one Taylor term a block; Yarotsky's net for $x^2$, with a term of another series a "
    "block, has the error $2^{-2L-2}$. So can terms by width alone: a tanh layer of width m can have the first m odd terms of sin."
)


def _degrees(e: Evidence) -> str:
    enough = {(str(row["network"]), str(row["depth L"])): str(row["all from width"]) for row in _rows(e, WITHIN)}
    parts = (
        f"{word}s {enough[f'{word}, residual', '2']} and {enough[f'{word}, residual', '3']}"
        for word in ("square", "cube")
    )
    return (
        "L blocks of degree d make one polynomial of degree $d^L$: depth multiplies orders, it does not add one. Width leaves the degree as it is and makes more of its coefficients free. "
        f"The widths from which all of them are, at depth 2 and 3, are for {', for '.join(parts)}."
    )


def _floors(e: Evidence) -> str:
    rows = _rows(e, FITS)
    within = [row for row in rows if len(set(str(row["coefficients in reach"]).split(" of "))) == 1]
    reached = [float(row["floor (proved)"]) for row in within if float(row["digits"]) >= DIGITS]
    first = next(row for row in rows if (row["activation"], row["depth"]) == ("square", 1))
    lowest = f", the lowest {spoken(min(reached))}" if reached else ""
    return (
        f"With width they do only up to the one at which all coefficients are in reach. Of the {len(within)} networks that have them all, training brings "
        f"{len(reached)} to their floor, to {DIGITS} digits or more{lowest}. A quadratic activation in one block has the floor {float(first['floor (proved)']):.6g} for sin at any width."
    )


def _blocks(e: Evidence) -> str:
    found = diagonal(e)
    shown = ", ".join(f"{100 * share:.3g} ± {100 * error:.2g} % for {target}" for target, share, error, _ in found)
    blind = e.table(NAME, DIAGONAL).rows(network="untrained")
    before = ", ".join(f"{100 * float(row['diagonal share']):.3g} % for {row['target']}" for row in blind)
    later = ", ".join(
        f"{float(row['tilt']):.2g} ± {float(row[' ± ']):.1g} of a block later for {row['target']}"
        for row in e.table(NAME, DIAGONAL).rows(network="trained")
    )
    first, *_ = _rows(e, TERMS)
    last = e.table(NAME, TERMS).rows(target=first["target"])[-1]
    least, largest = (spoken(float(f"{float(last[name]):.3g}")) for name in ("least", "largest"))
    return (
        f"The block that 000 wants for an order has of it, in trained nets, {shown}; chance is {100 * found[0][3]:.3g} %, and untrained nets have {before}. "
        f"Each further order comes {later}, where 000 has 1. As for the terms of trained nets, their coefficients of {last['power']} are {least} to {largest} times that of {last['target']}."
    )


def _alike(e: Evidence) -> str:
    (row,) = _rows(e, ALIKE)
    functions, parts = (float(row[name]) for name in ("their functions differ by", "their blocks differ by"))
    return f"{row['seeds']} square nets that are the same function to {spoken(functions)} have blocks whose coefficients differ by up to {spoken(parts)}."


def _sums(e: Evidence) -> str:
    parts = []
    for reader, said in ((OWN, "its last layer"), (ANEW, "a layer fitted anew")):
        some, every = counted(e, reader, REFINES)
        rows = e.table(NAME, PARTIAL).rows(sums_of=reader)
        first = ", ".join(f"{spoken(float(row['after block 1']))} for {row['target']}" for row in rows)
        parts.append(
            f"read by {said}, {some} of {every} nets first approximate and then refine, and the median error after one block is {first}"
        )
    return f"By a measure that Taylor sums meet: {'; '.join(parts)}."


STUDY = Study(
    name=NAME,
    title="Do layers correspond to terms? Orders by depth and width",
    question=(
        "Document 000 says that the layers of a residual network are the terms of a Taylor series: deeper is of higher order, wider only amplifies one order. "
        "Which orders does a network have, by depth and width, which of them can it choose, and which block adds which?"
    ),
    claim=(
        "000, L13–18 and L110–129: the number of layers corresponds to the number of terms; width amplifies one order, depth brings new ones; early layers approximate, later ones refine; "
        "and this is why depth is better than width."
    ),
    refuted_by=(
        "For 000: one network, of which every order of the output comes from one block of its own after training. For us: a torch model whose degree, rank, floor or coefficients by block are not the derived ones."
    ),
    experiments=(
        Derivations(
            "Orders by depth",
            (
                "Blocks whose activation is a power make the network a polynomial of its input, so that its orders can be counted. All steps are exact; the networks that prove them are "
                "run through the forward maps of their layers over the rationals.",
                "That all coefficients can be moved independently does not say that every polynomial is in reach, only that none in the neighbourhood is missing; from the width of the last two derivations on it is said, too, with explicit weights.",
            ),
            (
                degree_of_depth,
                *(partial(width_one, name) for name in ("square", "cube")),
                *(partial(every_polynomial, name) for name in ("square", "cube")),
            ),
        ),
        Reach(
            "depth-order-reach",
            REACH,
            (
                "How many of the coefficients can a network choose? As many as the map from its parameters to them has rank. The rank is taken exactly, over the rationals, at a random point: "
                "what is found there holds everywhere but on a set of measure zero, unless the point was unlucky, and is a lower bound in any case.",
                "A stream of one number, the literal picture of 000, reaches no more than width 1, however wide its blocks are.",
            ),
            By((1, 2, 3), (1, 2, 3)),
            By((1, 2, 3, 4), (1, 2, 3, 4, 6, 8)),
        ),
        Derivations(
            "Floors: the best polynomial of a degree",
            (
                "No network of degree n is nearer to sin, in the mean square on $[-\\pi, \\pi]$, than the best polynomial of degree n. At width 1 not every polynomial is in reach, and the floor is higher: for two squares it is the minimum "
                "of a function of one number, found with all its stationary points enclosed.",
            ),
            (best_mean_square_of_sine, width_one_law),
        ),
        Floors(
            "depth-order-floors",
            TRAINED,
            (
                "Residual nets of squares and cubes are fitted to sin by Levenberg and Marquardt's method in float64, on the nodes of a Gauss rule, so that the loss is the integral. The best of several seeds is then taken for the polynomial that it is: "
                "its weights are rational numbers, and its error and its distance to the best polynomial of its degree are enclosed. That distance is what optimisation has left.",
                "Even powers are of no use for sin: the floor of degree 2 is that of degree 1, and of degree 4 that of degree 3.",
                "A wider network contains the narrower ones (put zeros), so a floor that is reached at a width is reached at every larger one.",
            ),
            CASES,
        ),
        Contributions(
            "depth-order-matrix",
            MATRIX,
            (
                "The output of a residual net with a linear readout is a sum with one term a block. Each of these is expanded in powers of x: certified from the weights, by power series in ball arithmetic, and measured on the blocks of the torch model, by Cauchy's integral.",
                "000 has the l-th term in block l and nothing else. For sin, which has every other term only, block l is given the l-th of those that are there: the reading that is kindest to 000.",
                "That 000's picture is possible is shown beside it: a network built to be it, of squares, has all of every order in one block. Whether trained ones come near it is measured by the share of that block, next to what the same blocks would have in any other order.",
                "Tanh nets of five blocks and width 8, trained with Adam on 1024 random points: sin on $[-\\pi, \\pi]$ and exp on $[-2, 2]$.",
            ),
            (SINE, EXPONENTIAL),
            8,
            By(8, 24),
            By(1500, 5000),
        ),
        PolynomialBlocks(
            "depth-order-blocks",
            BLOCKS,
            (
                "Where three square blocks of width 4 reach the floor for sin the function is known to the last digits, and is the same for every seed that gets there. If blocks were terms, they would be the same, too.",
            ),
            "square",
            3,
            4,
            By(6, 20),
            By(100, 400),
        ),
        Teeth(
            "depth-order-teeth",
            TEETH,
            (
                "Yarotsky (2017, arXiv:1610.01145) writes $x^2 = x - \\sum_l T^{\\circ l}(x)/4^l$ with the tooth T of Telgarsky (2015, arXiv:1509.08101) and gives each block one term. The stream carries the tooth beside the sum, so that two units a block are enough.",
            ),
            By(8, 12),
        ),
        TanhWidths(
            "depth-order-tanh",
            TANH,
            (
                "If width amplified one order only, one hidden layer could not have several prescribed ones. It can: the factors of m tanh units solve a Vandermonde system. It is solved over the rationals for sin; the weights are then rounded to float64 and the torch model is measured.",
            ),
            By(6, 8),
        ),
    ),
    closing=closing,
    conclusion=conclusion,
)
