"""Document 003's lines that scale invariance and the equality of gradients decide."""

from collections.abc import Sequence

from residua_bridge.experiments.claim_places import Claim, Evidence, Judged, as_expected, claims_section
from residua_bridge.experiments.invariance_rates import BEHIND, BEYOND, PLAIN, RATES
from residua_bridge.experiments.invariance_scale import EPSILON, INVARIANT
from residua_bridge.experiments.invariance_smoothness import SMOOTH
from residua_bridge.findings import Section

CLAIMS_TITLE = "Lines of document 003"
EQUALITY, LARGE = "Before and after batch normalisation", "Rates beyond the largest"


def _smoother(e: Evidence) -> tuple[Judged, ...]:
    rows = e.rows(SMOOTH)
    same = all(r[2] == r[3] for r in rows)
    most, none = max(rows, key=lambda r: int(r[2])), min(rows, key=lambda r: int(r[2]))
    held = same and e.agree(EQUALITY) and int(most[2]) > 0 and int(none[2]) < int(none[1])
    words = (
        "as a length of the gradient at x, the same g coming from above: smoother if and only if s > |γ| √κ, "
        "feature by feature, κ ≤ 1 the share of the gradient that the projector keeps. Of second derivatives nothing "
        "is decided here. At "
        f"weights scaled by {most[0]:g} {most[2]} of {most[1]} features are less smooth, by {none[0]:g} {none[2]}"
    )
    return (Judged(held, "conditional", words),)


def _linear_only(e: Evidence) -> tuple[Judged, ...]:
    held = e.proved("Gradients before and after batch normalisation", "squared") and e.agree(EQUALITY)
    words = (
        "if it is theorem 4.1 of Santurkar et al. that is meant: it holds, as an equality, for any loss and anything "
        "above the normaliser; met here with tanh, ReLU and sin"
    )
    return (Judged(held, "false", words),)


def _larger_rates(e: Evidence) -> tuple[Judged, ...]:
    normal = {float(r[0]): r for r in e.rows(RATES)}
    plain = {float(r[0]): r for r in e.rows(PLAIN)}
    last = normal[BEYOND]
    held = (
        all(map(as_expected, e.section(LARGE).verdicts))
        and all(float(r[3]) < float(r[1]) for r in normal.values())
        and all((float(r[4]) > float(r[3])) for times, r in plain.items() if times > 1.05)
    )
    words = (
        "for weights before a normaliser, in the sense that training does not diverge: a linear model does beyond "
        f"2/λ_max; with batch normalisation (ε = 0, no decay) {BEYOND:g} times that rate takes the loss from "
        f"{float(last[1]):.3g} to {float(last[3]):.3g} (floor {float(last[4]):.3g}, which smaller rates reach), since "
        f"‖w‖² grows with "
        "every step and the effective rate η/‖w‖² falls: larger rates do not mean larger steps"
    )
    learned = [(float(r[1]), float(r[3]) > float(r[2])) for r in e.rows(BEHIND)]
    grown = [grows for rate, grows in learned if rate > 1]
    behind = bool(grown) and all(grown) and not any(grows for rate, grows in learned if rate < 1)
    proved = e.proved("Rates without normalisation", "bound")
    beyond = (
        "for γ and β behind it, by which the loss here is quadratic: they keep the bound 2/λ_max of their own, 1, "
        "beyond which this training diverges"
    )
    return (Judged(held, "conditional", words), Judged(behind and proved, "false", beyond))


def _only_the_denominator(e: Evidence) -> tuple[Judged, ...]:
    rows = e.rows(EPSILON)
    last, usual = rows[-1], next(float(r[2]) for r in rows if float(r[0]) == 1e-5)
    held = e.agree(INVARIANT) and float(last[2]) > 0 and float(rows[0][2]) < 1e-12
    words = (
        "it also breaks scale invariance: ⟨w, ∇L⟩ = (ε/s²) γ ⟨x̂, g⟩ instead of 0, a cosine of "
        f"{float(last[2]):.2g} at ε = {float(last[0]):g}, though but {usual:.1g} at torch's 1e-5 and s² of order 1"
    )
    return (Judged(held, "false", words),)


def _fewer_optima(e: Evidence) -> tuple[Judged, ...]:
    held = e.proved("Scale invariance under batch normalisation", "Hessian")
    words = (
        "no experiment counts all optima. What can be said: with normalisation no minimum in w is isolated, each "
        "is a ray, "
        "and the rate of descent along the sphere is set by ‖w‖"
    )
    return (Judged(held, "undecidable", words),)


def claims(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The table of lines."""
    listed = (
        Claim("003-061", "Batch normalisation makes the objective smoother", _smoother, EQUALITY),
        Claim("003-062", "That result was obtained for linear networks only", _linear_only, EQUALITY),
        Claim("003-063", "Fewer local optima, found sooner", _fewer_optima, INVARIANT),
        Claim(
            "003-064",
            "Batch normalisation allows larger learning rates",
            _larger_rates,
            f"{LARGE}; Rates without normalisation, derived",
        ),
        Claim("003-059", "ε only keeps the denominator from being zero", _only_the_denominator, INVARIANT),
    )
    return (claims_section(CLAIMS_TITLE, ("Words are computed from the sections above.",), listed, sections),)
