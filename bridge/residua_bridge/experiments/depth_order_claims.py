"""Which claims of document 000 the study of depth and order decides: words computed from the report's sections."""

from itertools import pairwise

from residua_bridge.experiments.claim_places import Claim, Evidence, Judged

REACH, TRAINED = "Degree and what can be reached", "Floors, proved and trained"
TEETH, TANH = "One term a layer, by construction", "Width alone brings terms"
MATRIX, BLOCKS = "Which block gives which term", "The same function, block by block"
DEGREE = "Degree by depth and width"
WITHIN, FITS = "Coefficients within reach", "Floors and fits"
DIAGONAL, ALIKE, PARTIAL = "How diagonal", "One function", "What the sum is"


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


def chance(e: Evidence) -> bool:
    """Whether the diagonal share of trained networks lies nearer to chance than to 000's 1, for every target."""
    shares = {(str(row[0]), str(row[1])): float(row[3]) for row in e.rows(DIAGONAL)}
    targets = {target for target, _ in shares}
    return all(
        shares[t, "trained"] - shares[t, "all blocks alike"] < (1 - shares[t, "all blocks alike"]) / 2 for t in targets
    )


def not_determined(e: Evidence) -> bool:
    """Whether networks that are one function, to within a thousandth of it, differ in their blocks by more."""
    ((seeds, _, functions, parts),) = e.rows(ALIKE)
    return int(seeds) > 1 and float(parts) > 1000 * float(functions)


def nothing_early(e: Evidence) -> bool:
    """Whether the sum after half of the blocks is, in most networks, not within ten times of the final error."""
    return all(2 * _count(row[-1]) < _total(row[-1]) for row in e.rows(PARTIAL))


def _count(cell: object) -> int:
    return int(str(cell).split(" of ")[0])


def _total(cell: object) -> int:
    return int(str(cell).split(" of ")[1])


def _sums(e: Evidence) -> tuple[Judged, ...]:
    return (
        Judged(
            e.agree(BLOCKS),
            "true",
            "as an identity: the output is the embedding and a sum with one term a block, which is measured here",
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
            "are; one tanh layer of width m has the first m odd terms of any function",
        ),
    )


def _number_of_terms(e: Evidence) -> tuple[Judged, ...]:
    return (
        Judged(
            degrees_multiply(e) and chance(e),
            "false",
            "as a law: L blocks of degree d reach the order $d^L$, and trained blocks share every order about as "
            "chance would",
        ),
        Judged(
            e.agree(TEETH),
            "conditional",
            "it can be arranged: weights are known with one term of a series a block (Yarotsky's teeth for $x^2$)",
        ),
    )


def _addition(e: Evidence) -> tuple[Judged, ...]:
    return (
        Judged(
            e.agree(BLOCKS) and not_determined(e),
            "false",
            "both are sums, but the summands do not correspond: networks that are the same function to the last digits "
            "have blocks that add different polynomials",
        ),
    )


def _accuracy(e: Evidence) -> tuple[Judged, ...]:
    return (
        Judged(
            degrees_multiply(e) and floors_hold(e),
            "conditional",
            "more blocks, higher orders: of polynomial blocks, where the floor falls with depth",
        ),
        Judged(
            _some_do_not_improve(e),
            "false",
            "each block contributes accuracy: in trained networks the error of the sum up to a block also rises from "
            "one block to the next",
        ),
    )


def _some_do_not_improve(e: Evidence) -> bool:
    return any(_count(row[-2]) < _total(row[-2]) for row in e.rows(PARTIAL))


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
    return (
        Judged(
            nothing_early(e),
            "false",
            "for the networks trained here: the sum after half of the blocks is no approximation that the others "
            "refine; most of the error goes in the last block",
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
