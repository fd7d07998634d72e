"""Plain networks at initialisation: the law of the gradient at every width, growth by activation, pieces by layer."""

from collections.abc import Sequence
from functools import partial

from residua_bridge.budgets.law import Ladder
from residua_bridge.claims import Evidence, claims_section
from residua_bridge.experiments.derivations import Derivations
from residua_bridge.experiments.judged_laws import JudgedLaws, Met
from residua_bridge.experiments.plain import laws
from residua_bridge.experiments.plain.phase import PhasePicture
from residua_bridge.experiments.plain.signals import SIGNALS, Signals
from residua_bridge.experiments.plain.sources import (
    GradientPair,
    GradientRatio,
    NewKinks,
    OtherVariance,
    ReluRatio,
)
from residua_bridge.experiments.plain.tails import HeavyTails
from residua_bridge.findings import BudgetText, Section, VerdictText
from residua_bridge.study import By, Study
from residua_symbolic.moments.integrals import chi_square
from residua_symbolic.moments.integrals.gaussian import derive_moment
from residua_symbolic.moments.plain import breakpoints, phase, relu_chain

NAME = "plain-nets"
EXACT, CHAIN = "He ReLU networks: the exact law", "Growth layer by layer: tanh and others"
PLANE, TAILS = "The plane of variances", "A mean of 1 and its tails"
RULE, PIECES, NORMED = "The common rule", "Pieces by layer", "With layer normalisation"
CLAIMS = ("003-075", "003-086")
WIDTH = 16  # of the networks whose means hide their tails
TANH, REACH, BIAS = 1.5, 1.0, 0.5
RULE_WIDTH, CHAIN_WIDTH = 8, 32
ROUNDED = 2.0**-40  # relative: 4096 units in the last place, for about 1000 roundings: sums of 32 terms, 3 layers
SCALED = Ladder(
    {"width": 32, "depth": 3, "variance": 3.0},
    {"width": (8, 32), "variance": (0.5, 3.0, 8.0)},
    repetitions=1,
    rounding=ROUNDED,
)


def ladder(point: dict[str, float], resolution: float, seconds: float, start: int, **along: tuple[float, ...]) -> By:
    """At this point and along these sizes; in full ten times the work, and half the resolution."""

    def of(times: float, part: float) -> Ladder:
        return Ladder(point, along, repetitions=start, resolution=resolution * part, seconds=seconds * times)

    return By(of(1, 1), of(10, 0.5))


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off tables and verdicts."""
    evidence = Evidence({NAME: sections})
    verdicts = [v for section in sections for v in section.verdicts]
    good = sum(v.expected == v.verdict and v.explained for v in verdicts)
    deepest = evidence.table(NAME, "Means that hide").table.rows[-1]
    growths = {row[0]: row for row in evidence.table(NAME, "Growth per layer").table.rows}
    rule, ratio, geometric, fixed = (
        _budget(verdicts, words)
        for words in ("at its word", "the gradient ratio is", "the geometric", "every layer being")
    )
    left = _term(rule, "finite width") / rule.predicted
    return (
        f"Of {len(verdicts)} verdicts {good} are as expected. Through a Linear layer with He weights and a ReLU the squared gradient is multiplied by $(2/n)\\chi^2_K$, K binomial, "
        f"independently for every layer: derived for every width, and {_met(evidence, EXACT)} at every width and depth run.",
        f"The common rule, variance $5\\sum 1/n_l$ of its logarithm, is the first order in 1/n of that law; at n = {RULE_WIDTH} the law exceeds it by {left:.0%}.",
        f"The arithmetic mean is 1 at every depth, and tells little: at n = {WIDTH}, L = {deepest[0]} the geometric mean is {deepest[6]:.2g}, the median {deepest[7]:.2g}, and the largest hundredth of the "
        f"networks holds {deepest[8]:.0%} of the sum. Which mean is meant has to be said.",
        f"For tanh the product of χ over the layers' own q is the limit of large width of both means, but at width {CHAIN_WIDTH} finite width moves the ratio of means by {_term(ratio, 'finite width') / ratio.predicted:+.1%} and "
        f"the geometric mean by {_term(geometric, 'finite width') / geometric.predicted:+.1%}. χ at the fixed point to the power L predicts {fixed.predicted:.3g} where {fixed.measured:.3g} is measured: the first layers are not at the fixed "
        f"point, which accounts for {_term(fixed, 'finite depth'):+.3g}. Laws of this section: {_met(evidence, CHAIN)}.",
        f"With layer normalisation and without biases the growth does not depend on the weights' variance ({_met(evidence, NORMED)}): {growths['relu'][1]:.4g} for relu, {growths['tanh'][1]:.4g} for tanh. With batch statistics it is "
        f"$E\\varphi'^2 / \\mathrm{{Var}}\\,\\varphi \\ge 1$ for every activation: {growths['relu'][2]:.4g} for relu, {growths['tanh'][2]:.4g} for tanh.",
        "A neuron of any layer has one kink over the whole line on average (He weights, normal biases, large width), at places that are Cauchy distributed with a scale that grows as the root of the depth: as many kinks as neurons. "
        f"Within ±{REACH:g} that is {_met(evidence, PIECES)}, and so is the law of torch's default initialisation.",
    )


def closing(sections: Sequence[Section]) -> tuple[Section, ...]:
    """What it says of document 003."""
    prose = ("Each word is computed from the tables, verdicts and proofs above.",)
    return (claims_section("What it says of document 003", prose, CLAIMS, NAME, sections),)


def _budget(verdicts: Sequence[VerdictText], words: str) -> BudgetText:
    """Of the first verdict that has these words in its statement."""
    found = next(v.budget for v in verdicts if words in v.statement)
    assert found is not None
    return found


def _term(budget: BudgetText, cause: str) -> float:
    return next(term.value for term in budget.terms if term.cause == cause)


def _met(evidence: Evidence, title: str) -> str:
    found = evidence.verdicts(NAME, section=title)
    met = bool(found) and all(v.verdict == v.expected and v.explained for v in found)
    return "met" if met else "not met throughout"


STUDY = Study(
    name=NAME,
    title="Plain networks at initialisation: gradients, their tails, and pieces",
    question=(
        "What happens to the gradient of a freshly initialised network without normalisation and without residual connections, at finite width and depth? "
        "How does that depend on the activation and on the variances of weights and biases, and into how many pieces does a ReLU network of one input cut the line?"
    ),
    claim=(
        "Common lore: with He's initialisation the squared gradient neither grows nor falls; the variance of its logarithm is $5 \\sum 1/n_l$ (Hanin, Nica 1812.05994); tanh networks multiply it by "
        "$\\chi_1 = \\sigma_w^2 E \\tanh'(\\sqrt{q} z)^2$ a layer (Poole 1606.05340, Schoenholz 1611.01232); a random ReLU network has about as many pieces as neurons (Hanin, Rolnick 1901.09021)."
    ),
    refuted_by=(
        "A law called exact that lies outside its sampling bar at any width or depth run; a law called a limit whose ladder does not lead to it; a remainder that no cause accounts for."
    ),
    experiments=(
        Derivations(
            "Derivations: the ReLU chain",
            (
                "The gradient goes backwards through a ReLU, which keeps the entries that were positive on the way forwards, and through the transposed weights. Flipping the sign of a row of weights "
                "together with that entry of the gradient changes nothing but whether the entry is kept; so forwards and backwards are independent here at every width, which elsewhere is an assumption of infinite width.",
                "What is left is a chi-square variable with a random number of degrees of freedom for every layer, and its moments.",
            ),
            (
                relu_chain.derive_one_layer,
                relu_chain.derive_moments,
                relu_chain.derive_logarithm,
                chi_square.derive_inverse,
            ),
        ),
        JudgedLaws(
            "plain-exact",
            EXACT,
            (
                "Networks of `depth` times Linear without bias and ReLU, all of one width, He weights; R is the squared norm of the gradient at the input over that at the output. All laws are exact: "
                "there is no finite-width term, at any size run the difference has to be sampling alone. Logarithms are of networks that let something through in every layer; how many do not is a law of its own.",
            ),
            (
                Met(
                    "mean of log R",
                    laws.mean_logarithm,
                    ReluRatio("logarithm"),
                    ladder({"width": 8, "depth": 8}, 0.05, 7, 4000, width=(4, 8, 16), depth=(1, 8)),
                    statistic="arithmetic mean",
                ),
                Met(
                    "variance of log R",
                    laws.variance_of_logarithm,
                    ReluRatio("half squared difference"),
                    ladder({"width": 8, "depth": 8}, 0.1, 6, 2000, width=(4, 8, 32)),
                    statistic="arithmetic mean",
                ),
                Met(
                    "mean of R",
                    laws.arithmetic_mean,
                    ReluRatio("ratio"),
                    ladder({"width": 16, "depth": 4}, 0.06, 5, 2000, width=(8, 16)),
                    statistic="arithmetic mean",
                ),
                Met(
                    "death",
                    laws.probability_of_death,
                    ReluRatio("death"),
                    ladder({"width": 4, "depth": 4}, 0.08, 3, 4000, depth=(4, 16)),
                    statistic="arithmetic mean",
                ),
            ),
        ),
        JudgedLaws(
            "plain-rule",
            RULE,
            (
                "The common rule for the variance of the logarithm is judged twice: at its word, at finite width, where it has to differ and the exact law has to account for all of the difference; and as what it is, the first order in 1/n.",
            ),
            (
                Met(
                    "5 Σ 1/n at its word",
                    laws.common_rule,
                    ReluRatio("half squared difference"),
                    ladder({"width": RULE_WIDTH, "depth": 8}, 0.1, 4, 2000),
                    statistic="arithmetic mean",
                    expected="differ",
                ),
                Met(
                    "5 Σ 1/n as the width grows",
                    laws.common_rule_in_the_limit,
                    ReluRatio("half squared difference"),
                    ladder({"width": 32, "depth": 4}, 0.2, 10, 2000, width=(8, 16, 32, 64)),
                    statistic="arithmetic mean",
                ),
            ),
        ),
        HeavyTails(
            "plain-tails",
            TAILS,
            (
                "E R = 1 at every depth, while every single network's R falls: the mean is held up by ever fewer networks. A mean over networks then says 1 only if those few are among them, and its own standard error does not know of those that are not.",
            ),
            WIDTH,
            (2, 8, 16, 32, 64),
            By(1500, 20000),
        ),
        Derivations(
            "Derivations: growth by activation",
            (
                "At infinite width the entries before an activation are normal with mean 0 and a variance q that obeys $q_{l+1} = \\sigma_w^2 E \\varphi(\\sqrt{q_l} z)^2 + \\sigma_b^2$, and an independent gradient is multiplied by "
                "$\\chi = \\sigma_w^2 E \\varphi'(\\sqrt{q} z)^2$ in the mean square. The Gaussian integrals have closed forms for some activations, by the differential equations that the Gaussian density obeys; those of tanh, sigmoid, silu and softplus "
                "are certified quadrature.",
            ),
            (
                partial(derive_moment, "relu", "product"),
                partial(derive_moment, "gelu", "slope square"),
                partial(derive_moment, "sin", "square"),
                *(partial(phase.derive_growth, norm) for norm in (phase.LAYER, phase.BATCH)),
                phase.derive_least,
            ),
        ),
        JudgedLaws(
            "plain-chain",
            CHAIN,
            (
                "Networks of `depth` times Linear without bias and activation, inputs of mean square 1, so $q_1 = \\sigma_w^2$. Predicted is $\\prod_l \\chi(q_l)$ with q propagated layer by layer, a limit of large width. It is the limit of both means, "
                "since at fixed depth the ratio of a network tends to a number; at finite width they differ, because the logarithm has a variance of order L/n. “Ratio of means” is E‖gradient at the input‖² / E‖gradient at the output‖².",
                "With the fixed point's q in every layer the law is the one that is mostly quoted; the product over the layers' own q minus that is the term “finite depth”.",
            ),
            (
                Met(
                    "tanh, ratio of means",
                    laws.Propagated("tanh", TANH),
                    GradientPair("tanh", TANH),
                    ladder({"width": CHAIN_WIDTH, "depth": 5}, 0.04, 9, 1000, width=(12, 24, 32, 64)),
                    statistic="ratio of means",
                ),
                Met(
                    "tanh, geometric mean",
                    laws.Propagated("tanh", TANH, "geometric gradient ratio"),
                    GradientRatio("tanh", TANH),
                    ladder({"width": CHAIN_WIDTH, "depth": 5}, 0.06, 12, 1000, width=(16, 32, 64, 128)),
                    statistic="geometric mean",
                ),
                Met(
                    "tanh, fixed point",
                    laws.AtTheFixedPoint("tanh", TANH),
                    GradientPair("tanh", TANH),
                    ladder({"width": CHAIN_WIDTH, "depth": 5}, 0.06, 9, 1000, width=(12, 24, 32, 64)),
                    statistic="ratio of means",
                    expected="differ",
                ),
                Met(
                    "gelu, ratio of means",
                    laws.Propagated("gelu", 2.0),
                    GradientPair("gelu", 2.0),
                    ladder({"width": CHAIN_WIDTH, "depth": 4}, 0.08, 9, 1000, width=(12, 24, 32, 64)),
                    statistic="ratio of means",
                ),
            ),
        ),
        Signals(
            SIGNALS,
            (
                "003 blames products of matrices (L119) and activations (L147) for gradients that vanish or explode and for deep layers that no longer see the input. Both are told apart here: the same depth without "
                "an activation, with one that keeps its slope, with one that saturates on both sides, and with one whose slope is nowhere above a quarter; each with small, fitting and large weights.",
            ),
            (
                *(("identity", v) for v in (0.5, 1.0, 2.0)),
                *(("relu", v) for v in (1.0, 2.0, 4.0)),
                *(("tanh", v) for v in (0.5, 1.5, 3.0)),
                *(("sigmoid", v) for v in (1.0, 16.0, 64.0)),
            ),
            width=64,
            depth=50,
            networks=By(40, 400),
        ),
        PhasePicture(
            "plain-phase",
            PLANE,
            (
                "Where q settles at a fixed point along the depth, χ there says whether gradients grow or fall. A line of given χ is traced by its fixed points, $\\sigma_w^2 = \\chi / E\\varphi'^2$ and $\\sigma_b^2 = q - \\sigma_w^2 E\\varphi^2$, so no equation has "
                "to be solved. Drawn is what attracts: elsewhere q grows without bound, vanishes or settles at another value. For relu χ is $\\sigma_w^2/2$ whatever q does, and its lines are vertical; the edge χ = 1 of tanh begins at (1, 0). square and cube have no fixed point that attracts on these lines.",
                "A normalisation between Linear and activation sets q = 1 everywhere. Then the plane is all but gone: with layer or RMS normalisation χ depends on the quotient of the two variances, and its lines are rays from the origin; with the statistics of a large batch it depends on neither, "
                "so that the whole plane has one χ and there are no lines: see the table.",
            ),
            ("relu", "tanh", "sin", "gelu", "silu", "softplus", "sigmoid"),
            (0.8, 1.0, 1.25),
        ),
        JudgedLaws(
            "plain-normed",
            NORMED,
            (
                "Linear without bias, layer normalisation (ε = 0), tanh: scaled weights scale what the normalisation divides by, and nothing else, so that the ratio of every single network stays. "
                "In the limit of large width it is $E\\varphi'^2 / E\\varphi^2$ a layer; but the first layer is an edge: what it normalises is the input, of mean square 1, and not tanh of something.",
            ),
            (
                Met(
                    "another variance",
                    laws.same_at_every_variance,
                    OtherVariance("tanh"),
                    By(SCALED, SCALED),
                    statistic="arithmetic mean",
                ),
                Met(
                    "tanh with layer norm",
                    laws.LayerNormalised("tanh"),
                    GradientPair("tanh", 1.0, normalised=True),
                    ladder({"width": CHAIN_WIDTH, "depth": 3}, 0.06, 12, 4000, width=(16, 32, 64, 128)),
                    statistic="ratio of means",
                ),
            ),
        ),
        Derivations(
            "Derivations: kinks by layer",
            (
                "A neuron adds a kink where what enters its ReLU crosses zero. As a function of the single input that is a Gaussian process at infinite width; Kac and Rice give the density of its zeros.",
            ),
            (breakpoints.derive_he, breakpoints.derive_torch),
        ),
        JudgedLaws(
            "plain-pieces",
            PIECES,
            (
                f"Networks 1-n-…-n; kinks that the ReLUs of one layer add within ±{REACH:g}, found exactly, per neuron. With He weights and no biases all kinks lie at 0; so biases are $N(0, {BIAS:g}^2)$ here. Under torch's default initialisation weights and biases are uniform within "
                "$\\pm 1/\\sqrt{n_{in}}$: the biases of deeper layers vanish beside what they are added to, but less so the deeper the layer, and that part is in the law. In the first layer both laws are exact at every width.",
            ),
            (
                Met(
                    "He, first layer",
                    laws.KinksOfHe(BIAS, REACH, exact=True),
                    NewKinks(REACH, BIAS),
                    ladder({"width": 64, "layer": 1}, 0.04, 3, 100, width=(8, 64)),
                    statistic="arithmetic mean",
                ),
                Met(
                    "He, deeper",
                    laws.KinksOfHe(BIAS, REACH),
                    NewKinks(REACH, BIAS),
                    ladder({"width": 64, "layer": 3}, 0.06, 9, 60, width=(16, 32, 64, 128), layer=(2, 3)),
                    statistic="arithmetic mean",
                ),
                Met(
                    "torch, first layer",
                    laws.KinksOfTorch(REACH, first=True),
                    NewKinks(REACH, None),
                    ladder({"width": 64, "layer": 1}, 0.04, 3, 100, width=(8, 64)),
                    statistic="arithmetic mean",
                ),
                Met(
                    "torch, deeper",
                    laws.KinksOfTorch(REACH),
                    NewKinks(REACH, None),
                    ladder({"width": 64, "layer": 3}, 0.06, 9, 60, width=(16, 32, 64, 128), layer=(2, 3)),
                    statistic="arithmetic mean",
                ),
            ),
        ),
    ),
    conclusion=conclusion,
    closing=closing,
)
