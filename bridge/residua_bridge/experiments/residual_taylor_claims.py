"""The claims of document 000 that the study residual-taylor decides: words, and what goes with them."""

from collections.abc import Sequence
from itertools import pairwise

from residua_bridge.experiments.claim_places import Claim, Evidence, Judged, as_expected, claims_section
from residua_bridge.experiments.residual_taylor_targets import up
from residua_bridge.findings import Section, VerdictText

CLAIMS_TITLE = "The claims of document 000"
CARRIED = "Mended with a carried state: Linear(1, 3), L blocks Linear → square → Linear, Linear(3, 1)"
SMALL = 1e-4  # of a certified truncation bound: the series represents f for every purpose of this report


def _verdicts(evidence: Evidence, begins: str) -> list[VerdictText]:
    return [v for s in evidence.sections for v in s.verdicts if v.statement.startswith(begins)]


def _hold(evidence: Evidence, begins: str) -> bool:
    """Whether there are verdicts on this, all as expected."""
    found = _verdicts(evidence, begins)
    return bool(found) and all(map(as_expected, found))


def _floor(evidence: Evidence, state: str) -> float:
    """The certified lower bound behind a state."""
    rows = [row for row in evidence.rows("Certified floors") if str(row[0]).startswith(state)]
    return float(rows[0][2])


def _errors(evidence: Evidence, label: str, column: str) -> dict[int, float]:
    """A column of the carried states, by n."""
    labels, orders = (evidence.column("Error of the carried state", name) for name in ("f", "n"))
    values = evidence.column("Error of the carried state", column)
    return {int(n): float(v) for f, n, v in zip(labels, orders, values, strict=True) if str(f) == label}


def _folded(evidence: Evidence) -> bool:
    """Whether the obstruction stands: certified, proved, and no model below it."""
    proofs = evidence.proved("Two points with one state", "both errors") and evidence.proved(
        "Behind T_3 of sin", "floor against sin"
    )
    return (
        proofs
        and _floor(evidence, "$T_{3}$ of sin") > 0
        and _hold(evidence, "Scalar streams in torch")
        and _hold(evidence, "Trained behind")
    )


def _is_literal(evidence: Evidence) -> bool:
    """Whether the construction is what was derived, and is not f."""
    names = ("all blocks", "order 1 against f", "f'(0) = −1")
    return all(evidence.proved("The construction read literally", name) for name in names) and _hold(
        evidence, "The construction for"
    )


def _is_carried(evidence: Evidence) -> bool:
    """Whether the stream that carries x is T_n, derived and in torch."""
    return evidence.proved(CARRIED, "the network") and _hold(evidence, "Carried state")


def _both_add(evidence: Evidence) -> tuple[Judged, ...]:
    held = evidence.proved("The sum of the residual blocks", "all of them") and evidence.proved(
        "Taylor's formula with its remainder", "Taylor's formula"
    )
    words = "both are sums by definition; what is summed differs: terms in x there, functions of the sum so far here"
    return (Judged(held, "true", words),)


def _additions(evidence: Evidence) -> tuple[Judged, ...]:
    floor = _floor(evidence, "$T_{3}$ of sin")
    words = (
        "with a stream that carries x beside the sum: the l-th residual addition is then the l-th term, to the "
        "last digit that float64 has. "
        "On a stream that is the sum alone it fails as soon as the sum folds: behind $T_3$ of sin by at least "
        f"{floor:.4g}"
    )
    return (Judged(_is_carried(evidence) and _folded(evidence), "conditional", words),)


def _formula(evidence: Evidence) -> tuple[Judged, ...]:
    held = evidence.proved("Taylor's formula with its remainder", "Taylor's formula")
    return (Judged(held, "true", "with R_n as an integral, for f that is n + 1 times continuously differentiable"),)


def _represents(evidence: Evidence) -> tuple[Judged, ...]:
    bound = "certified bound of |T_n − f|"
    good = [_errors(evidence, f"{name} on [−π, π]", bound) for name in ("sin", "exp")]
    bad = _errors(evidence, "tanh on [−π, π]", "sup |network − f|")
    last = max(bad)
    radii = {str(row[0]): row for row in evidence.rows("Radius of convergence")}
    within = [radii[f"{name} on [−π, π]"][2] for name in ("sin", "exp", "tanh")]
    held = all(errors[max(errors)] < SMALL for errors in good) and bad[last] > bad[0] and within == ["yes", "yes", "no"]
    words = (
        "the document names no condition, but says that there is one: sin and exp come within "
        f"{up(max(e[max(e)] for e in good), 2):.1e} on [−π, π]; "
        f"tanh, smooth as it is, is missed there by {bad[last]:.3g} at n = {last}, for π lies beyond its radius "
        f"{radii['tanh on [−π, π]'][1]}"
    )
    return (Judged(held, "true", words),)


def _every_term(evidence: Evidence) -> tuple[Judged, ...]:
    errors = _errors(evidence, "sin on [−π, π]", "mean square of T_n")
    orders = sorted(errors)
    worse = [n for before, n in pairwise(orders) if errors[n] > errors[before]]
    words = (
        f"on [−π, π] the mean square error goes from {errors[0]:.3g} to {errors[orders[1]]:.3g} with the first term: "
        "$T_1 = x$ is worse than 0. Even terms of sin add nothing; every other non-zero term up to "
        f"n = {orders[-1]} improves"
    )
    return (Judged(worse == [1], "false", words),)


def _history(evidence: Evidence) -> tuple[Judged, ...]:
    words = (
        "what someone introduced something for is history; He et al. (arXiv:1512.03385) name the degradation of "
        "training with depth, and say that "
        "normalisation had largely dealt with vanishing gradients. What a skip does to gradients is measured in "
        "the study residual-products"
    )
    return (Judged(True, "undecidable", words),)


def _layer(evidence: Evidence) -> tuple[Judged, ...]:
    found = [*_verdicts(evidence, "The construction for"), *_verdicts(evidence, "Carried state")]
    same = [v for v in found if v.expected == "agree"]
    held = bool(same) and all(map(as_expected, same))
    return (Judged(held, "true", "a definition; torch's blocks do what it says, layer for layer"),)


def _residual(evidence: Evidence) -> tuple[Judged, ...]:
    words = (
        "where the desired output is a function of what reaches the layer, F is their difference. Where the "
        "stream has folded it is not, and "
        "nothing that the layer could learn is: the best it can do is the middle, or the mean, of the values that "
        "it cannot tell apart"
    )
    held = _folded(evidence) and evidence.proved("The best block behind a state", "mean square")
    return (Judged(held, "conditional", words),)


def _sum(evidence: Evidence) -> tuple[Judged, ...]:
    return (
        Judged(evidence.proved("The sum of the residual blocks", "all of them"), "true", "the sum, for any blocks"),
        Judged(
            _is_literal(evidence) and _is_carried(evidence),
            "conditional",
            "that it plays the part of the Taylor sum: with a carried state; with the blocks as the document "
            "chooses them it does not",
        ),
    )


def _choice(evidence: Evidence) -> tuple[Judged, ...]:
    held = _is_literal(evidence) and _hold(evidence, "Smallest counterexamples") and _fed(evidence)
    words = (
        "as L49 and L83 define a layer, the linear coefficient is $1 + f'(0)$ for every f, at every depth, f(0) is "
        "missing, and block l is a power of the sum so far, not of x. "
        "Smallest counterexample: $f(x) = x$ gives $2x$; $f = -\\sin$ gives 0. With x itself fed to every block the "
        "sum is off by $x - f(0)$. Correction: let the stream carry x and its power; or begin with f(0) and feed x to "
        "every block from outside, which is no residual network any more"
    )
    return (Judged(held, "false", words),)


def _fed(evidence: Evidence) -> bool:
    """Whether the other reading, and what another beginning makes of it, is derived."""
    names = ("begun with x", "begun with f(0)")
    return all(evidence.proved("The same with every block fed x", name) for name in names)


def _approximates(evidence: Evidence) -> tuple[Judged, ...]:
    depths, errors = (evidence.column("Growth with depth", name) for name in ("L", "read literally: sup of the error"))
    labels = evidence.column("Growth with depth", "f")
    sine = [row for row in zip(labels, depths, errors, strict=True) if str(row[0]) == "sin on [−π, π]"]
    by_depth = {depth: float(error) for _, depth, error in sine if isinstance(error, float)}
    begin, end = min(by_depth), max(by_depth)
    words = (
        f"for sin on [−π, π] the output is off by {by_depth[begin]:.3g} at depth {begin}, and by {by_depth[end]:.1g} "
        f"at depth {end}. Nor near 0, for any f: the error begins with $-f(0) + x$, in either reading of $F_l$"
    )
    held = _is_literal(evidence) and _fed(evidence) and by_depth[end] > by_depth[begin]
    return (Judged(held, "false", words),)


CLAIMS = (
    Claim("000-001", "both build their output by adding terms", _both_add, "What 000 says, derived"),
    Claim(
        "000-004",
        "the residual addition corresponds to the addition of series terms",
        _additions,
        "Mended with a carried state, derived; Carried state; Obstruction",
    ),
    Claim("000-005", "Taylor's formula", _formula, "What 000 says, derived"),
    Claim("000-006", "the series represents f under certain conditions", _represents, "Carried state"),
    Claim("000-007", "every added term improves the approximation", _every_term, "Carried state"),
    Claim("000-008", "residual nets were introduced against vanishing and exploding gradients", _history, "–"),
    Claim("000-009", "a residual layer is $y_l = y_{l-1} + F(y_{l-1})$", _layer, "Read literally; Carried state"),
    Claim("000-010", "a layer only has to learn the residual", _residual, "Obstruction; Training"),
    Claim(
        "000-011",
        "$y_L = x + \\sum F(y_{l-1})$, which plays the part of the Taylor sum",
        _sum,
        "What 000 says, derived; Mended with a carried state, derived; Carried state",
    ),
    Claim("000-012", "$F_l$ can be the l-th Taylor term", _choice, "What 000 says, derived; Read literally"),
    Claim("000-013", "the output then approximates f", _approximates, "What 000 says, derived; Read literally"),
)


def claims(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The closing section."""
    prose = (
        "Each word is computed from the sections above; “not confirmed here” stands where their evidence is "
        "missing. What depth and width do (000-002, 003, 014, 015, 017, 018) is "
        "decided in the study depth-order, what skips do to gradients (000-016) in residual-products.",
    )
    return (claims_section(CLAIMS_TITLE, prose, CLAIMS, sections),)
