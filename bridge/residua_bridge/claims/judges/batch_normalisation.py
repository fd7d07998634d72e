"""Document 003, section 1.3: ε, smoothness, learning rates and small batches under batch normalisation."""

import math
from collections.abc import Sequence
from itertools import pairwise

from residua_bridge.claims.evidence import Evidence, MissingEvidenceError
from residua_bridge.claims.judges.powers import power
from residua_bridge.claims.judging import judge
from residua_bridge.claims.ruling import Ruling

INVARIANCE, SPECTRA, LAWS, TRAINED = "invariance", "normalization", "batchnorm-explosion", "normalised-training"
SCALE = "Scale invariance under batch normalisation"
EQUALITY = "Gradients before and after batch normalisation"
MET = f"{EQUALITY}: the equality"
USUAL = 1e-5  # torch's ε
ROUNDING = 1e-12  # of a cosine that is zero but for it
NOTHING = 1e-20  # of the squared gradient: the square of what rounding leaves, with room
EXISTS = 3  # rows: the mean squared gradient is finite above


@judge("003-059")
def only_the_denominator(e: Evidence) -> Ruling:
    """What else ε does is derived, for every batch: it changes the spectrum of the Jacobian and breaks the invariance
    under the scale of the weights. The claim holds if the cosine of weights and gradient, which is 0 without ε, is 0
    within rounding at every ε measured; it fails if the derivations stand and it is not; and it would hold for a small
    ε if at torch's the cosine were 0 within rounding."""
    table = e.table(INVARIANCE, "What ε leaves of the invariance")
    sizes = [size for size in table.column("ε", bound="exact") if size > 0]
    cosines = {size: table.number("measured", bound="float64 rounding", where={"ε": size}) for size in sizes}
    spectrum = e.proved(SPECTRA, "Spectrum of batchnorm", "eigenvalues") and e.verdict(SPECTRA, "Spectrum of batchnorm")
    derived = e.proved(INVARIANCE, SCALE, "Euler", "at ε = 0") and e.proved(INVARIANCE, EQUALITY, "length of x̂")
    where = e.table(SPECTRA, "Where the true Jacobian vanishes").cell(
        "the Jacobian vanishes at", normaliser="batchnorm"
    )
    if not sizes:
        raise MissingEvidenceError(f"{INVARIANCE}: expected sizes of ε above 0, got none")
    largest = max(sizes)
    return Ruling(
        holds=all(abs(cosine) < ROUNDING for cosine in cosines.values()),
        fails=spectrum and derived and e.verdict(INVARIANCE, "batchnorm with ε") and cosines[largest] > ROUNDING,
        within=abs(cosines[USUAL]) < ROUNDING,
        condition=f"$\\varepsilon \\le {power(USUAL)}$",
        correction=(
            "it also shrinks features of small variance, to the share $1 - \\varepsilon/s^2$ of variance 1; it lets "
            "$\\varepsilon/s^3$ of the gradient along $\\hat{x}$ through where nothing would pass; and it breaks the "
            f"invariance under the scale of the weights (cosine of $w$ and $\\nabla L$ {cosines[largest]:.2g} at "
            f"$\\varepsilon = {largest:g}$, though but {cosines[USUAL]:.1g} at torch's ${power(USUAL)}$)"
        ),
        counterexample=f"{where}: without ε no gradient passes, with it all that passes is ε's",
    )


@judge("003-061")
def smoother(e: Evidence) -> Ruling:
    """An equality between the gradients before and behind a batch normalisation is derived and met; it says feature by
    feature when the gradient becomes shorter, which is what the paper calls smoother. Over scales of the weights the
    features are counted whose gradient becomes longer: the claim holds if there are none at any scale; it fails if
    there are and the condition names the same ones; and it holds under that condition if at some scale there are
    none."""
    table = e.table(INVARIANCE, "Where the objective is less smooth")
    rows = sorted(table.rows(), key=lambda row: float(row["scale of the weights"]))
    table.column("less smooth", bound="exact")
    worst, best = rows[0], rows[-1]
    same = all(row["less smooth"] == row["by the condition s < γ√κ"] for row in rows)
    proved = e.proved(INVARIANCE, EQUALITY, "spectrum", "squared", "share kept") and e.verdict(INVARIANCE, MET)
    e.figure(INVARIANCE, "invariance-smooth")
    return Ruling(
        holds=proved and not any(row["less smooth"] for row in rows),
        fails=proved and same and any(row["less smooth"] for row in rows),
        within=same and not best["less smooth"],
        condition=(
            "$s > |\\gamma| \\sqrt{\\kappa}$, feature by feature: $s$ the deviation that is divided by, $\\kappa \\le "
            "1$ the share of the gradient that the projector keeps"
        ),
        correction=(
            f"where the deviation is small the objective becomes less smooth: with weights "
            f"{float(best['scale of the weights']):g} times as large {best['less smooth']} of {best['features']} "
            f"features, with weights {float(worst['scale of the weights']):g} times as large {worst['less smooth']}"
        ),
        counterexample="a single feature with $\\gamma = 1$, $s < 1$ and a gradient that the projector keeps",
        remark=(
            "as a length of the gradient, the same gradient coming from above; of second derivatives nothing is decided"
        ),
    )


@judge("003-062")
def linear_only(e: Evidence) -> Ruling:
    """The theorem of the paper on the length of the gradient (Santurkar et al., theorem 4.1) is derived for any loss
    and any network around the normaliser, as an equality, and met on networks with tanh, ReLU and sine. The claim holds
    if with these activations the equality is missed, and fails if derivation and measurement have it."""
    return Ruling(
        holds=e.verdict(INVARIANCE, MET, "differ"),
        fails=e.proved(INVARIANCE, EQUALITY, "squared") and e.verdict(INVARIANCE, MET),
        correction=(
            "theorem 4.1 needs no linearity: it holds, as an equality, for any loss and whatever layers lie below and "
            "above the normaliser"
        ),
        counterexample="the networks of one normaliser with tanh, with ReLU and with sine that are measured here",
        remark="what else the paper's authors ran is history, and not looked at",
    )


@judge("003-063")
def fewer_optima(e: Evidence) -> Ruling:
    """Nothing here counts optima, so the claim is neither found to hold nor to fail. What can be derived is looked up:
    the curvature along the weights before a normaliser, and what becomes of a training at several rates."""
    rays = e.proved(INVARIANCE, SCALE, "Euler", "Hessian") and e.verdict(INVARIANCE, "batchnorm: H w + ∇L = 0")
    reached = _close(e)
    return Ruling(
        holds=False,
        fails=False,
        open="no experiment counts all optima of a network's loss, with and without normalisation",
        remark=(
            "derived and measured: with normalisation the loss is the same along every ray of $w$, so that no minimum "
            "in $w$ is isolated, and the rate of descent is set by $\\|w\\|$; a training of one normalised model "
            f"reached the same floor at {reached} of the rates tried"
            if rays
            else ""
        ),
    )


FLOOR = 1.05  # times the floor: reached


def _close(e: Evidence) -> str:
    """At how many of the rates the loss ended at its floor."""
    rows = e.table(INVARIANCE, "Rates with normalisation").rows()
    near = [float(row["loss at the end"]) < FLOOR * float(row["its floor"]) for row in rows]
    return f"{sum(near)} of {len(near)}"


@judge("003-064")
def larger_rates(e: Evidence) -> Ruling:
    """A linear model is trained at multiples of the largest rate that it bears, and the same model with batch
    normalisation at the same rates, once its weights alone and once gain and shift, too. The claim holds if nothing
    diverges beyond the plain model's bound; it fails if gain and shift do; and it holds of the weights before the
    normaliser if the plain model diverges beyond its bound, as derived, and the normalised one at no rate."""
    plain = e.table(INVARIANCE, "Rates without normalisation")
    normal = e.table(INVARIANCE, "Rates with normalisation")
    behind = e.table(INVARIANCE, "Gain and shift behind the normaliser")
    rate = "rate over 2/λ_max"
    beyond = [row for row in plain.rows() if float(row[rate]) > 1]
    diverges = [float(row["measured"]) > 1 for row in beyond]
    falls = [float(row["loss at the end"]) < float(row["loss at the start"]) for row in normal.rows()]
    grown = [row for row in behind.rows() if float(row["after 12 steps"]) > float(row["loss at the start"])]
    most = max(normal.column(rate, bound="exact"))
    start, end, effective = (
        normal.number(name, bound="float64 rounding", where={rate: most})
        for name in ("loss at the start", "loss at the end", "effective rate η/‖w‖² over 2/λ_max, at the end")
    )
    bound = e.proved(INVARIANCE, "Rates without normalisation", "one step", "bound")
    growth = e.proved(INVARIANCE, SCALE, "growth") and e.verdict(INVARIANCE, "With normalisation: ‖w_T‖²")
    return Ruling(
        holds=all(falls) and not grown,
        fails=bool(grown) and bound,
        within=bool(beyond) and all(diverges) and all(falls) and bound and growth,
        condition=(
            f"of weights before a normaliser, in the sense that training does not diverge: at {most:g} times the rate "
            f"beyond which the plain linear model diverges the loss falls from {start:.3g} to {end:.2g}"
        ),
        correction=(
            "larger rates do not mean larger steps: $\\|w\\|^2$ grows with every step and the effective rate falls, "
            f"there to {effective:.1g} of the plain bound; gain and shift behind the normaliser keep a bound of their "
            f"own"
        ),
        counterexample=(
            f"gain and shift trained along, at {_smallest(grown, rate):g} times that rate: the loss grows without bound"
            if grown
            else ""
        ),
    )


def _smallest(rows: Sequence[dict[str, str | int | float | bool]], name: str) -> float:
    return min(float(row[name]) for row in rows)


@judge("003-066")
def small_batches(e: Evidence) -> Ruling:
    """Two things are looked at. Through linear nets with batch statistics the growth of the squared gradient is derived
    for every batch size and measured from two rows up; and nets are trained with and without batch normalisation, as
    many steps at every size. The claim holds if the law is met, the growth rises with every smaller batch, no gradient
    passes through a batch of two, and training at the smallest size is less accurate than without; it fails if the
    growth does not rise, or if training there is more accurate."""
    table = e.table(LAWS, "Small batches")
    widest = int(max(table.column("n", bound="exact")))
    growth = {float(row["B"]): float(row["ratio of means"]) for row in table.rows(n=widest)}
    table.column("ratio of means", bound="s.e.", n=widest)
    finite = sorted(batch for batch in growth if batch > EXISTS)
    if not finite:
        raise MissingEvidenceError(f"{LAWS}: expected batches of more than {EXISTS} rows, got none")
    rises = all(growth[small] > growth[large] for small, large in pairwise(finite))
    infinite = table.cell("mean: law a layer", bound="derived", B=EXISTS, n=widest) == "infinite"
    law = e.verdict(LAWS, "Linear → BatchNorm: the law at finite batch") and e.proved(
        LAWS, "Squared gradients through Linear → BatchNorm, L times", "inverse variance", "inner layer"
    )
    trained = e.table(TRAINED, "Accuracy by size of the batch")
    least = int(min(trained.column("B", bound="exact")))
    word = trained.cell("batch is", B=least)
    right = {kind: trained.number(kind, bound="seeds", B=least) for kind in ("none", "batch")}
    better = [float(row["B"]) for row in trained.rows(batch_is="higher")]
    smallest, largest = finite[0], finite[-1]
    return Ruling(
        holds=law and rises and infinite and growth.get(2.0, math.inf) < NOTHING and word == "lower",
        fails=not rises or word == "higher",
        correction="neither does the gradient grow faster in smaller batches, nor are they less accurate",
        remark=(
            f"at initialisation the squared gradient grows by {growth[smallest]:.3g} a layer at B = {smallest:.0f}, by "
            f"{growth[largest]:.3g} at B = {largest:.0f}; at B = {EXISTS} its mean is infinite, and at B = 2 no "
            f"gradient passes. Trained as many steps at every size, {right['batch']:.2g} of the test digits are right "
            f"at B = {least} with it and {right['none']:.2g} without"
            + (f"; from B = {min(better):.0f} on more are right with it" if better else "")
        ),
    )
