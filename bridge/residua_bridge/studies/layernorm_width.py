"""Layer and RMS normalisation at initialisation: the exact law of the gradient at every width, and its budgets."""

from collections.abc import Sequence
from math import exp

from residua_bridge.budgets.law import Ladder
from residua_bridge.claims import claims_section
from residua_bridge.experiments.derivations import Derivations
from residua_bridge.experiments.judged_laws import JudgedLaws, Met, PlantedLaws
from residua_bridge.experiments.layernorm import laws
from residua_bridge.experiments.layernorm.grid import GRID, TAILS, WholeDistribution, WidthAndDepth
from residua_bridge.experiments.layernorm.overstated import SHARES, Overstated
from residua_bridge.experiments.layernorm.relu import CORRECTION, ReluCorrection, rarity
from residua_bridge.experiments.layernorm.sources import Nets, Ratios, SquaredDeviations
from residua_bridge.findings import Section
from residua_bridge.study import By, Study
from residua_symbolic.moments.layer import laws as layer_laws
from residua_symbolic.moments.layer import relu as layer_relu
from residua_symbolic.moments.layer.signs import signs

LN, RMS = "layernorm", "rmsnorm"
PAIRS, PLANTED = Ratios(Nets(LN)), "Planted mistakes"
HE = Nets(LN, relu=True, init=2.0)


NAME = "layernorm-width"
LAWS, INTERIOR = "From output to input", "One layer"
MET, POPULAR, RELU = "The laws met along ladders", "Popular laws, with their budgets", "A ReLU between"
RELU_MET = "ReLU between: met along ladders"
CLAIMS = ("003-069", "003-080", "003-082")


def ladder(at_width: int, at_depth: int, resolution: float, seconds: float, **along: tuple[int, ...]) -> By:
    """At this point and along these sizes; in full ten times the work, and half the resolution."""

    def of(times: float, part: float) -> Ladder:
        point = {"width": at_width, "depth": at_depth}
        return Ladder(point, along, repetitions=1000, resolution=resolution * part, seconds=seconds * times)

    return By(of(1, 1), of(10, 0.5))


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off the tables and verdicts."""
    tables = {table.title: table for section in sections for table in section.tables}
    verdicts = [v for section in sections for v in section.verdicts]
    good = sum(v.expected == v.verdict and v.explained for v in verdicts)
    grid = {(r[0], r[1]): r for r in tables[GRID].rows}
    width, depth = 16, max(int(L) for _, L in grid)
    row = grid[width, depth]
    correction = tables[CORRECTION].rows[-1]
    planted = tables[PLANTED].rows
    caught = sum(str(r[-1]) in ("differ", "only at this scale") for r in planted)
    words: dict[str, list[str]] = {}
    for name, _, word, *_ in tables["Claims"].rows:
        words.setdefault(str(word), []).append(str(name))
    return (
        f"Of {len(verdicts)} verdicts {good} are as expected. In a linear net with layer normalisation the squared gradient is multiplied, a layer, by "
        "$\\chi^2_{n-2}/\\chi^2_{n-1}$, numerator and denominator independent: exactly, at every width, whatever the variance of the weights.",
        f"So its mean grows by $(n-2)/(n-3)$ a layer and its mean logarithm falls by nearly as much: at n = {width}, L = {depth} the mean is {float(row[3]):.3g} and the geometric mean "
        f"{exp(float(row[6])):.3g}. Both rates lie between $1/(n-2)$ and $1/(n-3)$ in size. Which of the two somebody reports decides whether gradients “explode” or “vanish”; "
        "in the limit of large width at fixed depth they do neither, and what counts is L/n.",
        f"With a ReLU between the law is exact too, up to one expectation over a sphere; a layer adds {float(correction[4]):.4g}/n at n = {correction[0]}, and $(2 - 2/\\pi)/n$ in the limit. With RMS "
        f"normalisation and ReLU the mean is infinite at every width, from two layers on, for a reason that no experiment sees: at n = 64 it takes an event of probability $10^{{{rarity(64):.0f}}}$.",
        f"Planted mistakes: {caught} of {len(planted)} are noticed.",
        "Claims: " + "; ".join(f"{word}: {', '.join(dict.fromkeys(names))}" for word, names in words.items()) + ".",
    )


def closing(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The lines of 003 that the laws of layer normalisation bear on."""
    prose = (
        "Each of these lines is decided together with other reports; what is found here is part of their evidence.",
    )
    return (claims_section("Lines of document 003", prose, CLAIMS, NAME, sections),)


STUDY = Study(
    name=NAME,
    title="Layer normalisation at every width: exact laws of gradients at initialisation",
    question=(
        "What do layer and RMS normalisation do to gradients at initialisation, at a given width and depth? Do they grow or vanish; in the mean, in the typical net, in the limit?"
    ),
    claim=(
        "Linear nets: one layer multiplies the squared gradient by a quotient of independent chi-squares with n − 2 and n − 1 degrees of freedom (layer normalisation), n − 1 and n (RMS). "
        "Its mean is above 1 and its mean logarithm below 0, at every width. The law through L layers, edges included, is that of $\\beta F_1 \\cdots F_L$. Predictions 3 and 8."
    ),
    refuted_by=(
        "An ensemble whose mean, mean logarithm, variance of the logarithm or deciles lie beyond sampling error of the law; a planted mistake that agrees."
    ),
    experiments=(
        Derivations(
            INTERIOR,
            (
                "A layer is Linear(n, n) and a normaliser. Everything follows from two facts: the normaliser's Jacobian annihilates its own input $x = W h$, so the gradient u that leaves it is orthogonal to x; "
                "and of W, once x is known, all is still open that acts beside h. So $W^T u$ is a fresh isotropic Gaussian vector, orthogonal to h. The next normaliser below, whose output is h, would take away "
                "the part along h and the mean; the part along h is gone already, so it takes away the mean alone. That makes n − 2 degrees of freedom; $s^2$, in the denominator, has n − 1.",
                "RMS normalisation takes away nothing more: n − 1 over n. It obeys the law of layer normalisation at width n + 1.",
            ),
            (
                lambda: layer_laws.rate(LN),
                lambda: layer_laws.log_rate(LN),
                lambda: layer_laws.log_spread(LN),
                lambda: signs(LN),
                lambda: layer_laws.rate(RMS),
                lambda: signs(RMS),
            ),
        ),
        Derivations(
            LAWS,
            (
                "The last layer and the first differ from those between. The gradient at the output is random, and loses the part along h as well as the mean; and there is no normaliser below the first Linear. "
                "Together they amount to one more factor F and a factor β near 1.",
            ),
            (lambda: layer_laws.through_depth(LN), lambda: layer_laws.through_depth(RMS)),
        ),
        WidthAndDepth(
            "layernorm",
            GRID,
            (
                "Torch nets, one input and one output gradient each. At widths 4 and 5 the mean exists and its standard error does not: a sample's mean there is no estimate to rely on. "
                "The mean logarithm has moments of all orders everywhere.",
            ),
            LN,
            (4, 5, 8, 16, 64, 256),
            (1, 4, 16),
            By(4e6, 4e7),
            (8, 64),
        ),
        WholeDistribution(
            "layernorm",
            TAILS,
            (
                "The law is a distribution, not only two moments: its Mellin transform is a product of gamma functions, and is inverted to the distribution function of log R.",
            ),
            LN,
            ((6, 3), (16, 16), (64, 16)),
            By(4000, 40_000),
        ),
        JudgedLaws(
            "layernorm-met",
            MET,
            (
                "Each law is met by ensembles that grow until the verdict is clear. Sizes in which a law is exact are judged one by one; all of them count.",
            ),
            (
                Met("mean", lambda: laws.mean_law(LN), PAIRS, ladder(24, 6, 0.12, 6, width=(16, 64), depth=(2, 12))),
                Met(
                    "mean, weights ten times as large",
                    lambda: laws.mean_law(LN),
                    Ratios(Nets(LN, init=100.0), seed=2),
                    ladder(24, 6, 0.04, 3),
                    note="the same law, whatever the variance of the weights",
                ),
                Met(
                    "interior layers alone",
                    lambda: laws.interior_law(LN),
                    Ratios(Nets(LN), edges=False, seed=3),
                    ladder(24, 6, 0.04, 3),
                ),
                Met(
                    "geometric mean",
                    lambda: laws.geometric_law(LN),
                    Ratios(Nets(LN), "ratio", seed=4),
                    ladder(8, 6, 0.1, 7, width=(4, 16, 64), depth=(2, 12)),
                    "geometric mean",
                ),
                Met(
                    "variance of the logarithm",
                    lambda: laws.spread_law(LN),
                    SquaredDeviations(Ratios(Nets(LN), "log", seed=5), laws.log_mean(LN)),
                    ladder(8, 6, 0.05, 4, width=(4, 32)),
                    "arithmetic mean",
                ),
                Met("RMS: mean", lambda: laws.mean_law(RMS), Ratios(Nets(RMS), seed=6), ladder(16, 6, 0.04, 3)),
                Met(
                    "RMS: geometric mean",
                    lambda: laws.geometric_law(RMS),
                    Ratios(Nets(RMS), "ratio", seed=7),
                    ladder(8, 6, 0.08, 4, width=(4, 32)),
                    "geometric mean",
                ),
            ),
            ladders=False,
        ),
        JudgedLaws(
            "layernorm-popular",
            POPULAR,
            (
                "“Normalised gradients stay constant” is a law of infinite width. As such it is right; at a finite width it is not, and the difference is the finite width's own exact term; at one depth it may look "
                "right. The exponential of a mean logarithm is not a mean, an edge layer is not an interior one, and (1.11) is not the product of the Jacobians: three budgets whose first cause has a name.",
            ),
            (
                Met(
                    "constant, as n grows",
                    lambda: laws.constant_law(LN, limit=True),
                    Ratios(Nets(LN), seed=8),
                    ladder(48, 3, 0.05, 8, width=(12, 24, 48, 96)),
                ),
                Met(
                    "constant, at n = 24",
                    lambda: laws.constant_law(LN, limit=False),
                    Ratios(Nets(LN), seed=9),
                    ladder(24, 6, 0.04, 3),
                    expected="differ",
                ),
                Met(
                    "constant, at every depth",
                    lambda: laws.growing_law(LN),
                    Ratios(Nets(LN), seed=10),
                    ladder(128, 2, 0.08, 6, depth=(2, 16)),
                    expected="only at this scale",
                ),
                Met(
                    "geometric for arithmetic mean",
                    lambda: laws.geometric_for_mean(LN),
                    Ratios(Nets(LN), seed=11),
                    ladder(24, 6, 0.04, 3),
                    expected="differ",
                ),
                Met(
                    "edges forgotten",
                    lambda: laws.without_edges(LN),
                    Ratios(Nets(LN), seed=12),
                    ladder(16, 2, 0.02, 4),
                    expected="differ",
                ),
                Met(
                    "003, (1.11)",
                    lambda: laws.with_constant_statistics(LN),
                    Ratios(Nets(LN), seed=13),
                    ladder(24, 6, 0.04, 3),
                    expected="differ",
                ),
            ),
        ),
        Derivations(
            RELU,
            (
                "Linear, layer normalisation, ReLU. The gradient still comes through $W^T$ isotropic beside h, and the mask keeps its K active entries, less the direction of h. So the factor of a layer depends on the "
                "direction x̂ alone, which is uniform on a sphere and new in every layer: the law is exact at every width, and its one expectation is a double integral.",
                "Under RMS normalisation h is the whole of the mask's part along x̂: F is $\\chi^2_{K-1}/\\chi^2_K$, the linear law at a random width. Two active entries, which occur at every width $n \\geq 2$, make its mean infinite from two layers on. With one active entry no gradient passes, and with none nothing does: the net is dead, log F is −∞ or not defined. So the mean logarithm under RMS is that of nets in which every layer has two active entries or more.",
            ),
            (layer_relu.relu_rate, layer_relu.relu_correction),
        ),
        ReluCorrection(
            "layernorm-relu",
            "The correction of a ReLU layer",
            (
                "The factor at each width by quadrature, its error by halving the nodes, and ensembles through several layers.",
            ),
            (4, 6, 8, 16, 32, 64, 256, 1024),
            4,
            (8, 16, 32, 64),
            By(2e7, 2e8),
        ),
        JudgedLaws(
            "layernorm-relu-met",
            RELU_MET,
            (
                "The exact law; its limit, 1, with the ladder's own fit of the correction; and the mean logarithm under RMS normalisation.",
            ),
            (
                Met("exact", laws.relu_law, Ratios(HE, seed=14), ladder(24, 4, 0.06, 6, width=(16, 48))),
                Met(
                    "limit",
                    laws.relu_limit,
                    Ratios(HE, seed=15),
                    ladder(48, 3, 0.06, 8, width=(16, 24, 48, 96)),
                ),
                Met(
                    "RMS: geometric mean",
                    laws.rms_relu_law,
                    Ratios(Nets(RMS, relu=True, init=2.0), "ratio", edges=False, seed=16),
                    ladder(32, 6, 0.08, 4, width=(24, 48)),
                    "geometric mean",
                ),
            ),
        ),
        Overstated(
            "layernorm-overstated",
            SHARES,
            (
                "Prediction 3. (1.10) says $\\gamma W/s$ where a projector belongs: the normaliser takes away the mean and the part along its own output. For a random gradient these are two directions of n.",
            ),
            (3, 4, 8, 16, 64, 128),
            By(3000, 30_000),
        ),
        PlantedLaws(
            PLANTED,
            (
                "The judge that passes the laws above is handed wrong ones, at the same sizes and with the same patience.",
            ),
            (
                Met(
                    "n for n − 1 degrees of freedom of s",
                    lambda: laws.planted(lambda n, L: (n - 1) / n * ((n - 2) / (n - 2)) ** L, "$(n-1)/n$"),
                    Ratios(Nets(LN), seed=17),
                    ladder(24, 6, 0.04, 3),
                ),
                Met(
                    "the law of RMS",
                    lambda: laws.planted(
                        lambda n, L: (n - 1) / n * ((n - 1) / (n - 2)) ** L, "$\\frac{n-1}{n}(\\frac{n-1}{n-2})^L$"
                    ),
                    Ratios(Nets(LN), seed=18),
                    ladder(8, 6, 0.04, 3),
                ),
                Met(
                    "one layer too many",
                    lambda: laws.planted(
                        lambda n, L: (n - 1) / n * ((n - 2) / (n - 3)) ** (L + 1),
                        "$\\frac{n-1}{n}(\\mathbb{E} F)^{L+1}$",
                    ),
                    Ratios(Nets(LN), seed=19),
                    ladder(16, 2, 0.02, 4),
                ),
                Met(
                    "every layer loses two directions of n",
                    lambda: laws.planted(
                        lambda n, L: ((n - 2) / n * n / (n - 3)) ** L * (n - 1) / n * ((n - 1) / n) ** L,
                        "$(\\frac{(n-1)(n-2)}{n(n-3)})^L\\frac{n-1}{n}$",
                    ),
                    Ratios(Nets(LN), seed=20),
                    ladder(16, 6, 0.04, 4),
                ),
            ),
        ),
    ),
    conclusion=conclusion,
    closing=closing,
)
