"""Document 003's lines that the laws of layer normalisation decide."""

from collections.abc import Sequence

from residua_bridge.experiments.claim_places import Claim, Evidence, Judged, as_expected, claims_section
from residua_bridge.experiments.layernorm_grid import GRID, TAILS
from residua_bridge.experiments.layernorm_overstated import ROWS, SHARES
from residua_bridge.findings import Section

CLAIMS_TITLE = "Lines of document 003"
LAWS, INTERIOR = "From output to input", "One layer"
MET, POPULAR, RELU = "The laws met along ladders", "Popular laws, with their budgets", "A ReLU between"
RELU_MET = "ReLU between: met along ladders"


def _verdict(e: Evidence, section: str, words: str) -> bool:
    """Whether a verdict of this section whose statement has these words came out as expected."""
    found = [v for v in e.section(section).verdicts if words in v.statement or words in v.note]
    return bool(found) and all(map(as_expected, found))


def _mitigates(e: Evidence) -> tuple[Judged, ...]:
    rows = e.rows(GRID)
    up, down = all(float(r[3]) > 1 for r in rows if int(r[1]) > 1), all(float(r[6]) < 0 for r in rows)
    n, L, *_ = rows[-1]
    measurable = [r for r in rows if isinstance(r[5], str) and r[5][0].isdigit()]
    small, deep, _, mean, *_ = max(measurable, key=lambda r: float(r[3]))
    tails = max(e.rows(TAILS), key=lambda r: int(r[1]))
    held = up and down and _verdict(e, MET, "E} F)^L") and _verdict(e, POPULAR, "1 as")
    rectified = _verdict(e, RELU_MET, "1 as")
    return (
        Judged(
            held and rectified,
            "conditional",
            "at initialisation, layer normalisation, linear or with ReLU: the ratio tends to 1 as the width grows "
            "at fixed depth, whatever the variance of the "
            f"weights (at n = {n}, L = {L} its mean logarithm is {float(rows[-1][6]):.2g})",
        ),
        Judged(
            held,
            "false",
            f"at finite width both problems remain, at a rate of 1/n a layer: the mean explodes as ((n−2)/(n−3))^L "
            f"(by the law {float(mean):.3g} at n = {small}, L = {deep}) while the gradient of most "
            f"nets vanishes as exp(−L/n); at n = {tails[0]}, L = {tails[1]} it grows in "
            f"{100 * float(tails[5]):.0f} % of them",
        ),
    )


def _adapts(e: Evidence) -> tuple[Judged, ...]:
    scale = _verdict(e, MET, "whatever the variance")
    return (
        Judged(
            scale,
            "conditional",
            "true of the factor 1/σ, which cancels the scale of the weights exactly: the variance of the weights "
            "is in none of the laws. The g of the line is 1 in every layer at initialisation and adapts to nothing; "
            "what training does to it is not decided here",
        ),
    )


def _constant(e: Evidence) -> tuple[Judged, ...]:
    rows = e.rows(SHARES)
    share = {(r[0], r[1]): float(r[3]) for r in rows}
    widest = max(int(r[1]) for r in rows)
    held = e.agree(SHARES)
    words = (
        f"it overstates the squared gradient by the share 2/n for layer, 1/n for RMS normalisation "
        f"({share['layernorm', widest]:.2g} and {share['rmsnorm', widest]:.2g} measured at n = {widest}); "
        "it tends to the truth as n grows"
    )
    return (Judged(held, "false", words),)


def _product(e: Evidence) -> tuple[Judged, ...]:
    held = _verdict(e, POPULAR, "(1.11)")
    words = (
        "the error grows with depth: (1.11) has the rate (n − 2 + √2)/(n − 3) a layer where the truth has "
        "(n − 2)/(n − 3); the difference is accounted for by the dropped projectors"
    )
    return (Judged(held, "false", words),)


def _independent(e: Evidence) -> tuple[Judged, ...]:
    changed = {r[0]: tuple(map(float, r[1:])) for r in e.rows(ROWS)}
    return (
        Judged(
            max(changed["layernorm"]) == 0 < min(changed["batchnorm"]),
            "true",
            "of vectors; the C·H·W of images is not looked at. When all other rows are drawn anew, neither a row's "
            "output nor the gradient at it changes by a single bit; batch normalisation changes both",
        ),
    )


def claims(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The table of lines."""
    listed = (
        Claim(
            "003-082",
            "Normalisation mitigates both vanishing and exploding gradients",
            _mitigates,
            f"{GRID}; {MET}; {POPULAR}; {RELU_MET}; {TAILS}",
        ),
        Claim("003-081", "When gradients grow, g becomes smaller, and the other way round", _adapts, MET),
        Claim("003-079", "(1.10): the derivative is (g/σ) W", _constant, SHARES),
        Claim("003-080", "(1.11): products of these", _product, POPULAR),
        Claim("003-069", "Layer normalisation does not depend on the batch", _independent, SHARES),
    )
    prose = ("Words are computed from the sections above; a line has one for each of its parts.",)
    return (claims_section(CLAIMS_TITLE, prose, listed, sections),)
