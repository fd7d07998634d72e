"""Which claims of document 000 the study of depth and order decides: words computed from the report's sections."""

from itertools import pairwise
from typing import NamedTuple

from residua_bridge.experiments.claim_places import Claim, Evidence, Judged, Word
from residua_bridge.experiments.depth_order_matrix import ANEW, BUILT, OWN, TAYLOR
from residua_bridge.experiments.depth_order_matrix import TRAINED as LEARNT
from residua_bridge.findings import Cell
from residua_bridge.formats._text import spoken

REACH, TRAINED = "Degree and what can be reached", "Floors, proved and trained"
TEETH, TANH = "One term a layer, by construction", "Width alone brings terms"
MATRIX, BLOCKS = "Which block gives which term", "The same function, block by block"
DEGREE = "Degree by depth and width"
WITHIN, FITS = "Coefficients within reach", "Floors and fits"
DIAGONAL, ALIKE, PARTIAL, TERMS = "How diagonal", "One function", "What the sum is", "Do the networks have"

EXACT = 1e-12  # of 1: what the rounding of float64 leaves of a share that is all


def ranks_grow(e: Evidence) -> bool:
    """Whether width, at a fixed depth, makes more coefficients free somewhere, and in the end no more."""
    rows = [row for row in e.rows(WITHIN) if "residual" in str(row[0])]
    counts = [[int(cell) for cell in row[3:-1]] for row in rows]
    return any(c[0] < c[-1] for c in counts) and all(a <= b for c in counts for a, b in pairwise(c))


def degrees_multiply(e: Evidence) -> bool:
    """Whether the law of the degree is proved and met on torch."""
    return (
        e.proved(DEGREE, "degree after L blocks")
        and e.proved(DEGREE, "leading coefficient of the output")
        and e.agree(REACH)
    )


def floors_hold(e: Evidence) -> bool:
    """Whether every verdict on floors is the expected one, and deeper networks of one kind have lower floors."""
    rows = e.rows(FITS)
    by_depth: dict[str, dict[int, float]] = {}
    for row in rows:
        floors = by_depth.setdefault(str(row[0]), {})
        floors[int(row[1])] = min(float(row[5]), floors.get(int(row[1]), 1.0))  # of all widths
    falling = all(
        floors[a] > floors[b]
        for floors in by_depth.values()
        for a, b in zip(sorted(floors), sorted(floors)[1:], strict=False)
    )
    judged = [v for v in e.section(TRAINED).verdicts if v.expected]
    return falling and bool(judged) and all(v.verdict == v.expected and v.explained for v in judged)


class Share(NamedTuple):
    """A row of the table of diagonals."""

    share: float
    error: float
    tilt: float
    tilt_error: float


def shares(e: Evidence, word: str) -> dict[str, Share]:
    """By target; nothing where no such network is in the table."""
    names = ("target", "network", "diagonal share", "±", "tilt", " ± ")
    rows = zip(*(e.column(DIAGONAL, name) for name in names), strict=True)
    return {str(row[0]): Share(*(float(cell or 0) for cell in row[2:])) for row in rows if row[1] == word}


def near_chance(e: Evidence) -> bool:
    """Whether the diagonal share of trained networks lies nearer to chance than to 000's 1, by two standard errors."""
    by_chance, learnt = shares(e, "all blocks alike"), shares(e, LEARNT)
    return bool(learnt) and all(
        one.share + 2 * one.error < (1 + by_chance[target].share) / 2 for target, one in learnt.items()
    )


def can_be_built(e: Evidence) -> bool:
    """Whether the networks built to be 000's have all of the diagonal, the terms, and agree with torch."""
    built = shares(e, BUILT)
    ratios = [float(cell) for cell in e.column(TERMS, "built")]
    return (
        e.agree(MATRIX)
        and bool(built)
        and all(abs(one.share - 1) <= EXACT for one in built.values())
        and all(abs(ratio - 1) <= EXACT for ratio in ratios)
    )


def said_shares(e: Evidence) -> str:
    """What the blocks of trained networks have of the orders that 000 gives them."""
    by_chance, learnt = shares(e, "all blocks alike"), shares(e, LEARNT)
    parts = (f"{100 * s.share:.3g} ± {100 * s.error:.2g} % for {target}" for target, s in learnt.items())
    (least,) = {f"{100 * one.share:.3g}" for one in by_chance.values()}
    return f"the block that 000 wants for an order has of it, in trained nets, {', '.join(parts)}; chance is {least} %"


def said_terms(e: Evidence) -> str:
    """How far the last coefficient of trained networks is from that of the function."""
    target, power, _, _, least, largest = [row for row in e.rows(TERMS) if row[0] == e.rows(TERMS)[0][0]][-1]
    return f"their coefficients of {power} are {_short(least)} to {_short(largest)} times that of {target}"


def _short(cell: Cell) -> str:
    return spoken(float(f"{float(cell or 0):.3g}"))


def not_determined(e: Evidence) -> bool:
    """Whether networks that are one function, to within a thousandth of it, differ in their blocks by more."""
    ((seeds, _, _, functions, parts),) = e.rows(ALIKE)
    return int(seeds or 0) > 1 and float(parts or 0) > 1000 * float(functions or 0)


def counted(e: Evidence, reader: str, place: int) -> tuple[int, int]:
    """Of the networks for all targets, read in this way: how many do it, and how many there are."""
    cells = [str(row[place]).split(" of ") for row in e.rows(PARTIAL) if row[1] == reader]
    return sum(int(some) for some, _ in cells), sum(int(every) for _, every in cells)


EVERY, REFINES = -2, -1  # columns of the table of sums


def refinement_is_fair(e: Evidence) -> bool:
    """Whether the Taylor sums themselves approximate and then refine, by the measure that networks are held against."""
    good, every = counted(e, TAYLOR, REFINES)
    return 0 < good == every


def _sums(e: Evidence) -> tuple[Judged, ...]:
    return (
        Judged(
            e.agree(BLOCKS) and all(int(row[2] or 0) <= 1 for row in e.rows(ALIKE)),
            "true",
            "as an identity: the output is the embedding, of degree 1, and a sum with one term a block; exactly here, "
            "and measured",
        ),
    )


def _width_and_depth(e: Evidence) -> tuple[Judged, ...]:
    return (
        Judged(
            degrees_multiply(e),
            "conditional",
            "deeper brings higher orders: true of blocks that are polynomials of degree d ≥ 2, of which L give the "
            "degree $d^L$, not one order more a block. A single tanh layer has all orders already",
        ),
        Judged(
            ranks_grow(e) and e.agree(TANH),
            "false",
            "wider amplifies one order only: width makes more coefficients free, in several orders at once, until all "
            "are; one tanh layer of width m can have the first m odd terms of any function",
        ),
    )


def _number_of_terms(e: Evidence) -> tuple[Judged, ...]:
    return (
        Judged(
            degrees_multiply(e) and near_chance(e),
            "false",
            f"as a law: L blocks of degree d reach the order $d^L$; {said_shares(e)}; and {said_terms(e)}",
        ),
        Judged(
            can_be_built(e) and e.agree(TEETH),
            "conditional",
            "it can be arranged, with chosen weights: squares on a stream of three numbers with one Taylor term a "
            "block, teeth with one term of another series",
        ),
    )


def _addition(e: Evidence) -> tuple[Judged, ...]:
    return (
        Judged(
            can_be_built(e) and e.agree(BLOCKS) and not_determined(e),
            "conditional",
            "in networks built so, with a stream that carries x and its power. Learning does not lead there by "
            "itself: networks that are the same function to the last digits have blocks that add different polynomials",
        ),
    )


def _accuracy(e: Evidence) -> tuple[Judged, ...]:
    good, every = counted(e, OWN, EVERY)
    return (
        Judged(
            degrees_multiply(e) and floors_hold(e),
            "conditional",
            "more blocks, higher orders: of polynomial blocks, where the floor falls with depth",
        ),
        Judged(
            good < every,
            "false",
            f"each block contributes accuracy: in {every - good} of {every} trained nets some block makes the error of "
            "the sum larger",
        ),
    )


def _more_layers(e: Evidence) -> tuple[Judged, ...]:
    return (
        Judged(
            floors_hold(e),
            "conditional",
            "the best that can be reached never gets worse, since a block can add nothing, and falls for polynomial "
            "blocks; what training reaches is another matter: its distance to the floor is in the table",
        ),
    )


def _early_layers(e: Evidence) -> tuple[Judged, ...]:
    """By a measure that the Taylor sums themselves meet, or none."""
    (own, every), (anew, _) = (counted(e, reader, REFINES) for reader in (OWN, ANEW))
    word: Word = "conditional" if every in (own, anew) else "false"
    return (
        Judged(
            refinement_is_fair(e) and every > 0,
            word,
            "the Taylor sums are better than a constant after half of the terms, and better with every later one. So "
            f"are {own} of {every} trained nets, read by their last layer, and {anew} read by a layer fitted anew",
        ),
    )


def _analogy(e: Evidence) -> tuple[Judged, ...]:
    return (
        Judged(
            degrees_multiply(e) and e.agree(TEETH) and ranks_grow(e) and e.agree(TANH),
            "false",
            "depth is better where composition multiplies, degrees to $d^L$ and pieces to $2^L$; adding terms, on "
            "which the analogy rests, is what width does as well",
        ),
    )


CLAIMS = (
    Claim(
        "000-001", "A Taylor series and a residual network both build their output by accumulating terms", _sums, BLOCKS
    ),
    Claim(
        "000-002",
        "Widening only amplifies one order; deepening brings new higher-order terms",
        _width_and_depth,
        f"{REACH}; {TANH}",
    ),
    Claim(
        "000-003",
        "The number of layers corresponds to the number of Taylor terms",
        _number_of_terms,
        f"{REACH}; {MATRIX}; {TEETH}",
    ),
    Claim(
        "000-004", "The residual addition corresponds to the addition of series terms", _addition, f"{MATRIX}; {BLOCKS}"
    ),
    Claim(
        "000-014",
        "Each layer contributes accuracy; more layers correspond to more high-order terms",
        _accuracy,
        f"{TRAINED}; {MATRIX}",
    ),
    Claim("000-015", "The more layers, the better the model", _more_layers, TRAINED),
    Claim("000-017", "Early layers give a first approximation and later ones only refine it", _early_layers, MATRIX),
    Claim("000-018", "The analogy explains why depth is better than width", _analogy, f"{REACH}; {TEETH}; {TANH}"),
)
