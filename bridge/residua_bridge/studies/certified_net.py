"""Trained networks and their Taylor polynomials: certified remainders beside measured errors, inside and outside."""

from collections.abc import Sequence

from residua_bridge.claims import Evidence, claims_section
from residua_bridge.experiments.certified.band import Band
from residua_bridge.experiments.certified.bounds import BoundProofs
from residua_bridge.experiments.certified.coefficients import Coefficients
from residua_bridge.experiments.certified.orders import Orders
from residua_bridge.experiments.certified.parameters import Parameters
from residua_bridge.experiments.certified.radius import Radii
from residua_bridge.experiments.certified.trials import CertifiedTrials
from residua_bridge.findings import Cell, Section, VerdictText
from residua_bridge.study import By, Study

TRAINING = By(500, 4000)
ORDERS = "Taylor polynomials, order by order"
RADIUS = "How far the series converge"
PARAMETERS = "In the parameters"
TRIALS = "Reliability"
INFINITE = "∞"
NAME = "certified-net"
CLAIMS = ("000-005", "000-006", "000-007")


def _rows(evidence: Evidence, table: str) -> tuple[tuple[Cell, ...], ...]:
    """The rows of the table whose title begins so."""
    return evidence.table(NAME, table).table.rows


def beyond(evidence: Evidence) -> dict[str, tuple[Cell, ...]]:
    """|f − T_n| at high order beyond the radius of convergence, by kind of block."""
    finite = {row[0] for row in _rows(evidence, "Radius of convergence") if row[1] != INFINITE}
    rows = _rows(evidence, "|f − T_n| at high order")
    return {str(row[0]): row[2:] for row in rows if row[0] in finite and "1.3" in str(row[1])}


def closing(sections: Sequence[Section]) -> tuple[Section, ...]:
    """What this decides of document 000."""
    prose = (
        "What these networks have to do with the claims of document 000 on Taylor's series. The claims rest on the study residual-taylor as well; the words stand in the ledger of all claims.",
    )
    return (claims_section("Claims of document 000", prose, CLAIMS, NAME, sections),)


def _about(verdict: VerdictText) -> str:
    """Which network a verdict is on."""
    return verdict.statement.rpartition(": ")[2]


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off tables and verdicts."""
    evidence = Evidence({NAME: sections})
    verdicts = [v for section in sections for v in section.verdicts]
    good = sum(v.expected == v.verdict and v.explained for v in verdicts)
    enclosed = [v for v in verdicts if v.statement.startswith("Every measured f − T_n")]
    truncated = [v for v in verdicts if v.statement.startswith("T_n is the network")]
    held = all(v.verdict == "agree" for v in enclosed)
    radii = {str(row[0]): row for row in _rows(evidence, "Radius of convergence")}
    roots = {str(row[0]): row for row in _rows(evidence, "Radius from coefficients") if row[1] == "root test"}
    coefficients = _rows(evidence, "Coefficients three ways")
    tried = {str(row[0]): row[1] for row in _rows(evidence, "Reliability")}
    entire = [name for name, row in radii.items() if row[1] == INFINITE]
    outside = "; ".join(f"{name}: from {row[0]:.3g} to {row[-1]:.3g}" for name, row in beyond(evidence).items())
    paragraphs = [
        f"Of {len(verdicts)} verdicts {good} are as expected. "
        + (
            "Every measured error of a Taylor polynomial lies in its certified enclosure, at every order, inside the radius of convergence and outside; "
            if held
            else "Not every measured error lies in its certified enclosure; "
        )
        + "; ".join(f"{_about(v)}: {v.note.partition(',')[0]}" for v in enclosed)
        + ". Random trials: "
        f"{tried['values outside their enclosure']} values outside their enclosures in {tried['trials']} of this run.",
        "T_n in the place of the network differs from it, and the certified truncation accounts for all of the difference."
        if all(v.verdict == "differ" and v.explained for v in truncated)
        else "What T_n differs by from the network is not always accounted for by the certified truncation.",
        "Coefficients of whole networks come out three ways: balls leave at most "
        f"{max(float(row[1]) for row in coefficients):.2g} of them open, float64 recurrences err by at most {max(float(row[2]) for row in coefficients):.2g}, and those that were "
        f"measured on the torch models differ by at most {max(float(row[3]) for row in coefficients):.2g} up to order 20.",
        "The radius of convergence is a property of the complex plane: "
        + "; ".join(
            f"{name}: R = {row[1] if isinstance(row[1], str) else format(row[1], '.6g')} ({row[2]})"
            for name, row in radii.items()
        )
        + f". Beyond it the error grows with the order, at 1.3 R from n = 20 to n = 320 ({outside}), although f is smooth there; the enclosures say so, and stay honest.",
    ]
    if entire:
        (first, *_) = entire
        row = roots[first]
        paragraphs.append(
            f"An infinite radius promises little at moderate order: the network of {first} blocks is entire, yet the root test of its coefficients reads "
            f"{row[2]:.3g} at order 20 and still {row[-1]:.3g} at order 320."
        )
    return tuple(paragraphs)


STUDY = Study(
    name=NAME,
    title="Trained networks and their Taylor polynomials, with certified remainders",
    question=(
        "How well does a Taylor polynomial stand in for a trained residual network, and can its error be known for certain, not only seen at some points? How far does "
        "the series converge, and what happens beyond?"
    ),
    claim=(
        "000, L26–36: a smooth function is its Taylor polynomial plus a remainder; as the order grows the series represents the function completely, under certain "
        "conditions; every added term improves the approximation."
    ),
    refuted_by=(
        "One measured error outside its certified enclosure refutes the bounds; a coefficient outside its ball those, or the measurement; an error that does not grow beyond the "
        "radius of convergence refutes the radius."
    ),
    experiments=(
        Orders(
            "certified-orders",
            ORDERS,
            (
                "Three residual networks, with tanh, with GELU and with layer normalisation before tanh, are trained on $\\sin(2 x_1) \\cos x_2$. Each is expanded along a line, $f(x_0 + t v)$, "
                "at $t = 0$. For each order n an enclosure of $f - T_n$ on a whole interval is computed from the weights: Taylor enclosures with proved bounds of all derivatives, in ball arithmetic, rounded outward.",
                "Beside it stands the error that is seen: the torch model's own output in float64 minus $T_n$, at 33 points. What float64 may add is bounded by a running error bound of the forward pass. "
                "Where R is infinite the intervals are given by their lengths.",
                "Two statements are judged: that the measured errors lie in the enclosures, and that $T_n$ is the network. The second one is wrong, "
                "and the certified truncation must account for the whole difference.",
            ),
            TRAINING,
            By(tuple(range(2, 21, 2)), tuple(range(2, 21))),
        ),
        Coefficients(
            "The coefficients themselves",
            (
                "On the symbolic side the forward maps are run over power series, in balls and in float64. On the numeric side the torch model is evaluated at complex inputs on a circle, and Cauchy's "
                "integral gives the coefficients. The two sides share no arithmetic.",
            ),
            TRAINING,
        ),
        Radii(
            RADIUS,
            (
                "tanh has poles at $i\\pi/2 + i\\pi k$, and layer normalisation branch points where variance + ε vanishes. They are reached through the layers at complex t; the nearest one sets the radius of convergence. "
                "Certified: regions are excluded by ball arithmetic, and a loop around the singularity shows that it is one. GELU is entire, and so is every network of it without normalisation.",
                "The coefficients must tell the same. The root test converges slowly; a pair of singularities $R e^{\\pm i\\theta}$ makes the coefficients obey $c_k \\approx a c_{k-1} + b c_{k-2}$ with $b = -1/R^2$, "
                "which is read from 16 of them. Its bar is by how much the estimate moves from order 160 to 320. Only a certified radius is judged.",
            ),
            TRAINING,
        ),
        Band(
            "certified-band",
            "The band in which the network lies",
            (
                "$T_6$ of the tanh network, with certified bounds that hold for every point between 0 and t: drawn inside the radius of convergence and beyond. "
                "Such a band contains $T_6$ itself, because $f - T_6$ is 0 at $t = 0$; at best it reaches from $T_6$ to the network and no further.",
            ),
            TRAINING,
        ),
        Parameters(
            "certified-parameters",
            PARAMETERS,
            (
                "The same in the weights: $f(x_0; w + t d)$ along a random direction d of all parameters. Here the first order is the linearisation on which gradient descent "
                "rests. $f - T_n = c_{n+1} t^{n+1} + c_{n+2} t^{n+2} + \\dots$: halving a small step divides the error by $2^{n+1}$.",
                "The errors at each step are predicted from the certified series up to order 16, whose own remainder is enclosed, and measured on the torch model with its parameters moved. "
                "The slopes are judged at the smallest step that is clear of rounding, where they are $n + 1$ and what the finite step adds by the series.",
            ),
            TRAINING,
        ),
        BoundProofs(
            "The bounds of derivatives, proved",
            (
                "The enclosures need $|\\varphi^{(k)}(x)|/k!$ for all x of an interval and every k. A table of sampled maxima would not do; each bound is derived.",
            ),
        ),
        CertifiedTrials(
            TRIALS,
            (
                "The whole machinery on trial: random expressions and networks, random points, orders and intervals. The referee evaluates the source itself with mpmath, at 50 digits beyond the "
                "size of the remainder, and shares nothing with the graphs and models in between.",
            ),
            By(800, 100_000),
        ),
    ),
    conclusion=conclusion,
    closing=closing,
)
