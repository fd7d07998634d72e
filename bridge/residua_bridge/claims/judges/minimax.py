"""Document 004, L200 and L263: how near a sigmoid comes to a hard sigmoid, and two ReLUs to a sigmoid."""

from residua_bridge.claims import Evidence, Ruling, judge
from residua_bridge.claims.judges.powers import at_least, at_most
from residua_bridge.experiments.minimax.pieces import FLOOR, LAW_SUP, SUPREMA
from residua_bridge.experiments.minimax.ramps import CURVE as RAMP_CURVE
from residua_bridge.experiments.minimax.ramps import LEAST, MOST, RAMPS, WORDS
from residua_bridge.experiments.minimax.sigmoids import ALIKE, MEAN, SHRINKS, SIGMOIDS, WIDTHS
from residua_bridge.experiments.minimax.sigmoids import CURVE as SIGMOID_CURVE
from residua_bridge.experiments.minimax.sigmoids import LEAST as NO_NEARER
from residua_bridge.experiments.texts import percent
from residua_symbolic.minimax.ramp_laws import NEAREST, UNITS
from residua_symbolic.minimax.sigmoid_laws import RIVALS, SCALES

REPORT = "minimax"
CERTIFIED = "certified"
ONE_PIECE, MANY_PIECES = 3, 63  # of the sigmoid's best pieces: what two ReLUs can make, and many
CONSTANT = 0.5  # of the height: what the best constant leaves, which nobody calls an approximation
NONE = "It comes no nearer than a constant."


@judge("004-108")
def sigmoid_for_hard_sigmoid(e: Evidence) -> Ruling:
    """Approximating is read as in the document: as near as one likes. The least largest error of one sigmoid is proved
    from both sides, the same for every width of the ramp; if it is above 0 the claim holds up to that error only, and
    is false if that is no less than what a constant leaves."""
    table = e.table(REPORT, SIGMOIDS)
    proved = e.proved(REPORT, RIVALS, "an operator", "twice a derivative", "points, ends free")
    carried = e.proved(REPORT, SCALES, "a wider ramp", "its distance") and e.verdict(REPORT, ALIKE)
    floor = table.number(NO_NEARER, CERTIFIED, values_far_out=WORDS["free"])
    reached = table.number("reached", CERTIFIED, values_far_out=WORDS["free"])
    held = table.number("reached", CERTIFIED, values_far_out=WORDS["held"])
    met = e.verdict(REPORT, SIGMOID_CURVE)
    means = e.verdict(REPORT, SHRINKS) and e.proved(REPORT, SCALES, "in the mean, width λ")
    widths = e.table(REPORT, WIDTHS)
    narrow, wide = (end(widths.column("half-width λ", "exact")) for end in (min, max))
    integrals = [widths.number(MEAN, "quadrature on torch", where={"half-width λ": at}) for at in (wide, narrow)]
    near = floor <= reached and met
    limit = (
        "; in the mean square they do meet as the ramp gets steeper: the integral of the squared error falls with "
        f"its half-width, from {integrals[0]:.2g} at {wide:g} to {integrals[1]:.2g} at {narrow:.2g}"
        if means
        else ""
    )
    return Ruling(
        holds=carried and near and reached == 0,
        fails=proved and carried and near and floor > 0,
        within=reached < CONSTANT,
        correction=NONE * (reached >= CONSTANT),
        condition=(
            f"up to {percent(reached)} of the height ({percent(held)} if the sigmoid is to run from 0 to 1 as well), "
            "whatever the width and slope of the hard sigmoid: that near, and never nearer, is one sigmoid in the "
            f"largest error{limit}"
        ),
        counterexample=(
            f"the ramp from 0 to 1 between −1 and 1: every $c\\,\\sigma(wx+b)+d$ is off by {at_least(floor, 6)} or "
            "more somewhere"
        ),
        remark="to come nearer takes sums of sigmoids, which the document arrives at a few lines later",
    )


@judge("004-113")
def two_relus_for_sigmoid(e: Evidence) -> Ruling:
    """Approximating is read as in the document: as near as one likes. The least largest error of two ReLUs on the line
    is proved from both sides; if it is above 0 the claim holds up to that error only, and is false if that is no less
    than what a constant leaves."""
    table = e.table(REPORT, RAMPS)
    where = {"target": "sigmoid", "on": "the line"}
    proved = e.proved(REPORT, UNITS, "between the knots", "beyond") and e.proved(
        REPORT, NEAREST, "stretches", "points, ends free", "points, ends held"
    )
    floor = table.number(LEAST, CERTIFIED, {**where, "ends": WORDS["free"]})
    reached = table.number(MOST, CERTIFIED, {**where, "ends": WORDS["free"]})
    held = table.number(MOST, CERTIFIED, {**where, "ends": WORDS["held"]})
    met = e.verdict(REPORT, RAMP_CURVE)
    pieces = e.table(REPORT, SUPREMA)
    row = {"function": "sigmoid(x) - 1/2"}
    three, many = (pieces.number("reached", CERTIFIED, {**row, "pieces N": n}) for n in (ONE_PIECE, MANY_PIECES))
    any_three = pieces.number(FLOOR, CERTIFIED, {**row, "pieces N": ONE_PIECE})
    more = e.verdict(REPORT, LAW_SUP)
    near = floor <= reached and met
    return Ruling(
        holds=near and reached == 0,
        fails=proved and near and floor > 0,
        within=reached < CONSTANT,
        correction=NONE * (reached >= CONSTANT),
        condition=(
            f"up to {at_most(reached, 4)} on the whole line, {at_most(held, 4)} if the ramp is to run from 0 to 1: "
            "that near, and never nearer, are two ReLUs in the largest error"
        ),
        counterexample=(
            f"the sigmoid itself: no two ReLUs and constants have an error below {at_least(floor, 6)} everywhere, and "
            f"on [−8, 8] no three linear pieces one below {at_least(any_three, 4)}"
        ),
        remark=(
            f"with more units the error falls as $N^{{-2}}$: on [−8, 8] {three:.3g} with {ONE_PIECE} pieces, "
            f"{many:.2g} with {MANY_PIECES}"
            if more
            else ""
        ),
    )
