"""Document 004, L180–265: broken lines, universal approximation, the activations, and one hidden layer's price."""

from math import exp

from residua_bridge.claims import Evidence, Ruling, judge
from residua_bridge.experiments.universal.activations import EACH
from residua_bridge.experiments.universal.constructed import BUILT, WIDTHS
from residua_bridge.experiments.universal.depth import SQUARES, TEETH, WAVES
from residua_bridge.experiments.universal.exact import BEYOND, DRAWN
from residua_bridge.experiments.universal.overfit import EVERY, GAPS, NOISY, RATIOS, WHOLE, WIDE
from residua_bridge.experiments.universal.plane import PLANE
from residua_bridge.experiments.universal.trained import CONTEST, WON
from residua_symbolic.universal.activation_laws import MONOMIALS, POLYNOMIAL
from residua_symbolic.universal.chord_laws import CHORD
from residua_symbolic.universal.depth_laws import CROSSINGS, PARABOLA
from residua_symbolic.universal.ramp_laws import JUMP, RAMPS, UNBOUNDED
from residua_symbolic.universal.ridge import RIDGES
from residua_symbolic.universal.smooth_laws import SMOOTH
from residua_symbolic.universal.steep_laws import MONOTONE, STEEP

REPORT = "universal-approximation"
CERTIFIED = "certified"
SEEDS = "counted over seeds"
SURE = 2  # standard errors
LOG = "standard error of its log"
AS_BUILT = "as document 004 builds it"
BOUNDED = "No error on torch is above its certified bound"
COMPUTED = "Constructed layers on torch are what their exact weights say"
LINES = "Broken lines by hard sigmoid units are exact"


def built(e: Evidence, by: str) -> tuple[int, int]:
    """How many of the layers by this activation are certified to be within the error asked for, and how many not."""
    table = e.table(REPORT, BUILT)
    asked = table.column("error asked for", "exact", by=by)
    certified = table.column("certified: at most", CERTIFIED, by=by)
    good = sum(most <= error for most, error in zip(certified, asked, strict=True))
    return good, len(asked) - good


def on_torch(e: Evidence) -> bool:
    """Whether the torch models are the layers that were certified, and stay below their bounds."""
    return e.verdict(REPORT, COMPUTED) and e.verdict(REPORT, BOUNDED)


@judge("004-106")
def constant_and_hard_sigmoids(e: Evidence) -> Ruling:
    """Between the outer knots the sum of a constant and hard sigmoids is derived to be the broken line, and broken
    lines drawn at random are met on torch. Beyond them it is derived to be flat, and bounded: the claim fails if a
    straight line is shown to leave every bound, and the error of its sum on torch grows past the proven one."""
    inside = e.proved(REPORT, RAMPS, "on its ramp", "past its ramp", "every piece") and e.verdict(REPORT, LINES)
    apart = e.proved(REPORT, UNBOUNDED, "the line at a place", "so it is off by")
    table = e.table(REPORT, BEYOND)
    error, least = (table.column(name, bound) for name, bound in (BEYOND_ERROR, BEYOND_LEAST))
    place = table.column("x", "exact")
    grows = all(seen >= floor for seen, floor in zip(error, least, strict=True)) and least[-1] > least[0]
    pieces = e.table(REPORT, DRAWN).column("pieces", "exact", by="hard sigmoid")
    return Ruling(
        holds=inside and max(error) == 0,
        fails=apart and grows and least[-1] > 0,
        within=inside,
        condition="on a closed interval, or where the function is constant beyond its last knots: there it is exact "
        f"for every continuous broken line (measured up to {max(pieces):.0f} pieces)",
        counterexample=f"$y = x$ on the whole line: a finite sum of hard sigmoids is bounded; the one that is $x$ on "
        f"[−1, 1] is off by {error[-1]:g} at x = {place[-1]:g}",
        correction="On the whole line ReLUs do it, of which two are a hard sigmoid.",
    )


BEYOND_ERROR, BEYOND_LEAST = ("hard sigmoid: error", "float64 rounding"), ("at least, proved", "proved")


@judge("004-107")
def enough_segments(e: Evidence) -> Ruling:
    """How far a chord is from a curve is derived, and it falls to 0 with the length of the piece. Curves are cut until
    a stated error is certified, one of them without a derivative and one with a vertical tangent; the claim fails if
    one certified error is above the one asked for."""
    law = e.proved(REPORT, CHORD, "the chord", "at most", "and then at most")
    good, bad = built(e, "relu")
    widths = e.table(REPORT, WIDTHS)
    errors, pieces = widths.column("error", "asked for"), widths.column("relu", "certified")
    told = ", ".join(f"{count:.0f} to {error:g}" for error, count in zip(errors, pieces, strict=True))
    return Ruling(
        holds=law and good > 0 and not bad and on_torch(e),
        fails=bad > 0,
        correction="not every curve is met by the pieces that were built",
        counterexample=f"{bad} of {good + bad} curves",
        remark=f"Drawn, as there, over a bounded stretch. Segments for sin on [−π, π]: {told}; where the second "
        "derivative is bounded their number grows no faster than the root of 1/error",
    )


@judge("004-109")
def the_form_is_universal(e: Evidence) -> Ruling:
    """In one variable the error of a sigmoid for every hard sigmoid is derived and every layer built is certified; in
    two variables polynomials, which by Weierstrass' theorem are near everything, are derived to be sums of functions of
    one direction each, and such sums are built, certified and met on torch."""
    law = e.proved(REPORT, STEEP, "all other ramps", "for κ = 7") and e.proved(
        REPORT, MONOTONE, "on piece p", "its own step"
    )
    ridges = e.proved(REPORT, RIDGES, "coefficients", "their determinant")
    good, bad = built(e, "sigmoid")
    plane = e.table(REPORT, PLANE)
    asked = plane.column("error asked for", "exact", by="sigmoid")
    most = plane.column("certified: at most", CERTIFIED, by="sigmoid")
    wide = plane.column("width", "exact", by="sigmoid")
    above = bad + sum(bound > error for bound, error in zip(most, asked, strict=True))
    met = (
        on_torch(e)
        and e.verdict(REPORT, "Layers of two inputs on torch")
        and e.verdict(REPORT, "No error of two inputs on torch")
    )
    return Ruling(
        holds=law and ridges and met and good > 0 and not above,
        fails=above > 0,
        correction="not every function is met by the sums that were built",
        counterexample=f"{above} of the layers by sigmoids",
        remark="For continuous functions on a closed, bounded set, with as many terms as it takes; derived here for "
        f"one and two variables: $xy$ on [−1, 1]² with {wide[0]:.0f} sigmoids to {asked[0]:g}",
    )


@judge("004-110")
def explains_how(e: Evidence) -> Ruling:
    """That good weights exist is shown by building them, for every function tried. The claim fails for a function with
    a jump if it is proved that half the jump is left, and as an explanation of what networks do if Adam, from several
    seeds, ends above the constructed network of the same width more often than not."""
    exist = on_torch(e) and all(not built(e, by)[1] for by in ("relu", "sigmoid"))
    jump = e.proved(REPORT, JUMP, "two distances", "the larger of them")
    table = e.table(REPORT, CONTEST)
    won, seeds = sum(table.column(WON, SEEDS)), sum(table.column("seeds", "exact"))
    built_so, then = (
        table.column(AS_BUILT, "float64 rounding"),
        table.column("then second order: median", "median over seeds"),
    )
    below = sum(after < before for before, after in zip(built_so, then, strict=True))
    return Ruling(
        holds=exist and not jump and 2 * won > seeds,
        fails=jump and 2 * won < seeds,
        within=exist,
        condition="that weights exist with which it is as near as one likes to any continuous function on a bounded "
        f"interval: so much is explained, with weights written down. Not what training finds: Adam ends above the "
        f"constructed network of its width in {seeds - won:.0f} of {seeds:.0f} runs, and second order steps after it "
        f"below (in the median) in {below} of {len(then)} rows",
        counterexample="a step of height 1: every such network is off by 1/2 or more next to it",
    )


@judge("004-111")
def bounded_monotone(e: Evidence) -> Ruling:
    """For an activation that rises from one limit to another an error that falls to 0 is derived for steps built from
    it, whatever the continuous function; sigmoid and tanh are such, and every layer built of them is certified. The
    claim fails if one certified error is above the one asked for."""
    law = e.proved(REPORT, MONOTONE, "on piece p", "its own step", "with η = 1/N")
    found = [built(e, by) for by in ("sigmoid", "tanh")]
    good, bad = (sum(one[k] for one in found) for k in (0, 1))
    return Ruling(
        holds=law and good > 0 and not bad and on_torch(e),
        fails=bad > 0,
        correction="not every function is met by the layers that were built",
        counterexample=f"{bad} layers of sigmoid or tanh",
        remark="For continuous functions on a closed, bounded set. Sufficient, not necessary: ReLU is not bounded, and "
        "the derivation does not use that the activation is continuous",
    )


@judge("004-112")
def all_activations(e: Evidence) -> Ruling:
    """For each of the contract's ten activations: a layer is built and certified, or a floor is proved that no width
    gets below. The claim holds if all are built. It fails if one, the identity or a power, has a floor above 0, which
    trained networks of several widths do not get below either, and all the others are built."""
    table = e.table(REPORT, EACH)
    names = [str(name) for name in table.cells("activation")]
    kinks = table.column("|x| on [−1, 1]: at least", CERTIFIED)
    stuck = {name: kink for name, kink in zip(names, kinks, strict=True) if kink > 0}
    law = all(e.proved(REPORT, POLYNOMIAL, f"{name}: derivative {degree} of a unit") for name, degree in PROVED.items())
    kept = e.verdict(REPORT, "No trained polynomial activation is below its floor for sin")
    made = [name for name in names if name not in stuck]
    works = all(not built(e, name)[1] for name in made) and e.proved(REPORT, MONOMIALS, "so the sum begins")
    smooth = e.proved(REPORT, SMOOTH, "scaled") and e.proved(REPORT, STEEP, "tanh")
    works = works and smooth and on_torch(e)
    return Ruling(
        holds=works and not stuck,
        fails=law and kept and works and set(stuck) == set(PROVED),
        correction=f"It holds for every continuous activation that is not a polynomial, and for none that is (Leshno "
        f"and others 1993). {', '.join(made)} are built here, each with a derived error; with "
        f"{', '.join(stuck)} one hidden layer of any width is a polynomial of that degree.",
        counterexample="at any width the error for $|x|$ on [−1, 1] is at least "
        + ", ".join(f"{size:.4g} ({name})" for name, size in stuck.items()),
    )


PROVED = {"identity": 2, "square": 3, "cube": 4}  # the derivative that vanishes


@judge("004-114")
def very_many_parameters(e: Evidence) -> Ruling:
    """How many units one hidden layer must have is derived for a sawtooth and for a parabola, and compared with the
    parameters of deep networks that are these functions. The claim holds if one layer needs more in every case; it
    fails if for the parabola, at some error, it needs fewer, and for sin a small layer is certified."""
    law = e.proved(REPORT, CROSSINGS, "levels crossed", "units that are needed")
    squares = e.table(REPORT, SQUARES)
    wide = squares.column("parameters one layer needs", "proved")
    deep = squares.column("parameters of the deep net", "exact")
    errors = squares.column("sup error", "exact")
    few = [error for error, one, other in zip(errors, wide, deep, strict=True) if one <= other]
    exact = e.proved(REPORT, PARABOLA, "the best line on a piece", "so")
    teeth = e.table(REPORT, TEETH)
    needed, used = (
        teeth.column(name, bound)[-1]
        for name, bound in (("parameters one layer needs", "proved"), ("parameters of the deep net", "exact"))
    )
    pieces = teeth.column("pieces", "exact")[-1]
    waves = e.table(REPORT, WAVES)
    last = waves.column("sup error", "exact")[-1]
    small = waves.column("parameters", CERTIFIED)[-1]
    many = law and needed > used
    return Ruling(
        holds=many and not few,
        fails=exact and bool(few) and waves.column("certified: at most", CERTIFIED)[-1] <= last,
        within=many,
        condition=f"for functions with very many bends, or to a very small error: a sawtooth of {pieces:.0f} pieces "
        f"takes {needed:.0f} parameters in one hidden layer and {used:.0f} in depth; Yarotsky's deep net for $x^2$ has "
        f"fewer than one layer needs only below an error of {min(few, default=0):g}",
        counterexample=f"sin on [−π, π] to {last:g} takes one hidden layer of {small:.0f} parameters; $x^2$ to "
        f"{max(few, default=0):g} takes {wide[0]:.0f}, and Yarotsky's deep net {deep[0]:.0f}",
    )


@judge("004-115")
def easily_overfits(e: Evidence) -> Ruling:
    """On few noisy points nets of one and of three hidden layers, with about as many parameters, are trained for as
    long; overfitting is the excess of the test error over the training error. The claim, a reason for depth, holds if
    one layer overfits more the wider it is, and its test error is above that of three; it fails if its test error is
    below that and it overfits less; all by two standard errors over draws of the data."""
    gaps, ratios = e.table(REPORT, GAPS), e.table(REPORT, RATIOS)
    growth, across = (gaps.number("difference", "standard error", excess=name) for name in (WHOLE, EVERY))
    bars = [float(gaps.cell("standard error", "over draws of the data", excess=name)) for name in (WHOLE, EVERY)]
    ratio = ratios.number("ratio", LOG, test_errors=EVERY)
    bar = float(ratios.cell(LOG, "over draws of the data", test_errors=EVERY))
    sizes = e.table(REPORT, NOISY).column("parameters", "exact", network=WIDE)
    up = growth > SURE * bars[0]
    return Ruling(
        holds=up and ratio > exp(SURE * bar),
        fails=ratio < exp(-SURE * bar) and across < -SURE * bars[1],
        within=up,
        condition="in comparison with narrower layers, on few noisy points: from "
        f"{sizes[0]:.0f} to {sizes[-1]:.0f} parameters the excess of the test error over the training error grows by "
        f"{growth:.2g} ± {bars[0]:.1g}",
        correction="It is no reason for depth: with about as many parameters, trained for as long, one hidden layer "
        "overfits less than three there",
        counterexample=f"the test error of one hidden layer is {ratio:.2g} of that of three (standard error of its "
        f"logarithm {bar:.1g}), its excess over the training error {-across:.2g} ± {bars[1]:.1g} less",
    )
