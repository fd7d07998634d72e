"""Document 003, L53–74 and L111–118: what standardising does to data, what γ and β restore, and printed statistics."""

from collections.abc import Sequence
from typing import Any

from residua_bridge.claims import claims_section
from residua_bridge.experiments.standardising.depth import DISTANCES, DepthDistances, Family
from residua_bridge.experiments.standardising.few import COST, Features, FewFeatures
from residua_bridge.experiments.standardising.lost import LEARNT, RANDOM, WITH, WithoutAffine
from residua_bridge.experiments.standardising.map import AsAMap, Restoring
from residua_bridge.experiments.standardising.moments import AffineMoments
from residua_bridge.experiments.standardising.printed import PrintedStatistics
from residua_bridge.experiments.standardising.saturation import HELD, NOISY, Saturation
from residua_bridge.experiments.standardising.shape import NUMBERS, OneToHundred, ShapeKept
from residua_bridge.experiments.standardising.sigmoid import FITS, LINE, PART, Fits, LinearPart, SigmoidRange
from residua_bridge.experiments.texts import percent
from residua_bridge.findings import Section
from residua_bridge.study import By, Study
from residua_numeric.standardising.distributions import EXPONENTIAL, NORMAL
from residua_symbolic.standardising import (
    affine_moments,
    as_printed,
    few_features,
    linearity,
    odd_functions,
    restoring,
    shape,
    sigmoid_range,
    whole_numbers,
)

NAME = "standardising"
EDGE = 3  # 003, L72
CLAIMS = tuple(f"003-0{k}" for k in (42, 43, *range(45, 56), 58, 72, 73, 74))


def _rows(sections: Sequence[Section], title: str) -> list[dict[str, Any]]:
    table = next(t for section in sections for t in section.tables if t.title == title)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def _row(sections: Sequence[Section], title: str, **match: Any) -> dict[str, Any]:
    return next(
        row for row in _rows(sections, title) if all(row[key.replace("_", " ")] == v for key, v in match.items())
    )


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off tables and verdicts."""
    verdicts = [v for section in sections for v in section.verdicts]
    good = sum(v.expected == v.verdict and v.explained for v in verdicts)
    numbers = {row["which"]: row["to two digits"] for row in _rows(sections, NUMBERS)}
    depth = _rows(sections, DISTANCES)
    deepest = max(row["depth"] for row in depth)
    linear, relu = (
        next(r for r in depth if r["layers are"] == name and r["depth"] == deepest) for name in ("linear", "ReLU")
    )
    line, part = _rows(sections, LINE)[0], _row(sections, PART, γ=1.0)
    fits = _rows(sections, FITS)
    without = [r for r in fits if r["γ, β"] == "without"]
    within = [r for r in fits if r["γ, β"] == "with"]
    learnt = [r for r in _rows(sections, LEARNT) if r["net"] in (WITH, RANDOM)]
    gaps = ", ".join(
        f"{r['activation']}, {r['net']}: {100 * r['above the net without']:+.2f} ± {100 * r['standard error of that']:.2f}"
        for r in learnt
    )
    noisy, held = _rows(sections, NOISY), _rows(sections, HELD)
    largest = max(r["γ"] for r in held)
    worst = [r for r in held if r["γ"] == largest]
    learnt_change = "; ".join(f"{r['disturbance']} {_change(r, 'difference', 'standard error')}" for r in noisy)
    above = next(name for name in worst[0] if name.startswith("above γ"))
    held_change = "; ".join(f"{r['disturbance']} {_change(r, above, 's.e. of the difference')}" for r in worst)
    people = next(r for r in _rows(sections, COST) if r["kinds"] == "different" and r["n"] == 2)
    alike = next(r for r in _rows(sections, COST) if r["kinds"] == "one")
    return (
        f"Of {len(verdicts)} verdicts {good} are as expected. For every distribution $wx + b$ has mean $wp + b$ and standard deviation $|w|q$; the σ of (1.1) is the standard "
        f"deviation. That of 1, …, 100 is {numbers['population']} by (1.3) and {numbers['sample']} with 1/(N − 1). Standardising relabels the axis: x̂ of an affine image is x̂ itself, "
        "so that every standardised cumulant stays, and nothing becomes normal that was not.",
        f"Depth by itself does not make a distribution unrecognisable: after {deepest} linear layers Gaussian units are as far from Gaussian ({linear['distance']:.3f}) as fresh samples are "
        f"({linear['of a sample of the inputs']:.3f}), which is proved; after {deepest} of ReLU, {relu['distance']:.3f} ± {relu['standard error']:.3f}.",
        "With μ and σ constant, (1.1) is affine; with those of the data it is neither linear nor affine: f(2x) = f(x). What it forgets are two numbers a feature, mean and scale. One "
        "γ and β restore one batch (γ = √(v + ε)), never two batches of different statistics, nor samples under layer normalisation. A linear layer behind takes γ and β in; what the layer before "
        f"has learnt is not wasted without them: accuracy in percent over the net without γ, β: {gaps}.",
        f"On ±{EDGE} the sigmoid is {line['at most']:.3f} off the best line ({percent(line['of the range of values'])} of its range); of a standard normal's image {percent(part['linear share'])} of "
        f"the variance is linear. That little is used: without γ, β a net leaves {without[0]['median']:.3g} of {without[0]['target']}, where the best line leaves {without[0]['best line']:.3g}. But 003 has a point that it does not "
        f"make: on symmetric data such a net is odd about the mean, at any depth, so that XOR ends at {without[2]['least']:.3g} exactly, and with one input it is one curve. With γ, β: {within[0]['median']:.1g} and {within[2]['median']:.1g}.",
        f"Robustness is no one thing. What learnt γ, β change in accuracy, in percent: {learnt_change}. γ held at {largest:g}, with {percent(worst[0]['saturated'])} "
        f"saturated, against γ held at 1: {held_change}.",
        f"ε stands inside the root in torch as in (1.3). (1.4) and (1.5) lack 1/n: what is centred keeps the mean (1 − n) μ, and x̂ the variance 1/n. Layer normalisation leaves n − 2 of n numbers, so of two "
        f"features a sign: on sex and age its accuracy is {people['layer norm']:.3f}, where the largest class is {people['largest class']:.3f} and batch normalisation has {people['batch norm']:.3f}; on {alike['data']}, {alike['n']} features of one kind, "
        f"{alike['layer norm']:.3f} and {alike['batch norm']:.3f}.",
    )


def closing(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The words of the ledger on what this study decides."""
    prose = ("Each claim of 003 that is decided here, by the same rule as in the ledger of all claims.",)
    return (claims_section("What document 003 says", prose, CLAIMS, NAME, sections),)


def _change(row: dict[str, Any], value: str, error: str) -> str:
    return f"{100 * row[value]:+.1f} ± {100 * row[error]:.1f}"


STUDY = Study(
    name=NAME,
    title="Standardising: what it changes, what it forgets, and what γ and β bring back",
    question=(
        "What do μ, σ, γ and β do to the data that passes through a layer? Document 003 says how distributions change, what standardising is, what γ and β restore, why they are there, and prints four formulas."
    ),
    claim=(
        "003, L53–72 and L111: moments of an affine map; standardising as a linear map to the standard normal distribution; γ = σ, β = μ restore everything, and without them the layer before would have learnt in vain and sigmoids "
        "would be linear; layer normalisation by sums without 1/n, which can destroy features of different kinds."
    ),
    refuted_by=(
        "A proof that fails, a moment or an x̂ in torch outside the rounding of the derived one, a net without β below the proved floor, or a mean over seeds several standard errors from what is claimed."
    ),
    experiments=(
        AffineMoments(
            "Moments of an affine map",
            (
                "003, L53: the input has mean p and standard deviation q; then $y = wx + b$ has mean $p + b$ and standard deviation $pw$. All that is used of a mean is that it is linear and that the mean of 1 is 1: what follows holds for "
                "numbers, batches and distributions alike.",
            ),
            (affine_moments.affine_moments, affine_moments.smallest_counterexample, affine_moments.matrix_moments),
            ((2.0, 0.0), (-1.5, 0.5), (0.25, 3.0)),
        ),
        DepthDistances(
            "The distribution after many layers",
            (
                "003, L53: after many layers the distribution has become unrecognisable. What can be measured: a unit's distribution over the inputs, standardised, so that only its shape counts, against the shape of the "
                "inputs, by the largest distance between the two distribution functions. Four kinds of random nets; what is looked at is what the linear layers give.",
                "Linear layers keep a Gaussian a Gaussian, exactly, at any depth. Inputs that are not Gaussian are mixed: one linear layer of many independent inputs takes units towards a Gaussian (an exponential distribution has excess kurtosis 6), a change of shape that a scalar $wx + b$ "
                "cannot make. With activations the shape drifts on.",
            ),
            (
                Family("linear", NORMAL, "identity", 1.0),
                Family("linear, exponential inputs", EXPONENTIAL, "identity", 1.0),
                Family("tanh", NORMAL, "tanh", 1.0),
                Family("ReLU", NORMAL, "relu", "he"),
            ),
            (1, 2, 4, 8, 16, 32),
            32,
            2000,
            By(8, 24),
        ),
        OneToHundred(
            "The numbers 1, …, 100",
            (
                "003, L62, standardises the numbers 1, …, 100 and gives 50.5 and 29.01 as mean and standard deviation, and calls μ and σ mean and variance. Sums of powers are proved by induction; both standard deviations follow, with 1/n and with 1/(n − 1).",
            ),
            (whole_numbers.whole_numbers, shape.needed_deviation, shape.variance_counterexample),
        ),
        ShapeKept(
            "What standardising leaves as it was",
            (
                "003, L62: the data does not become normal, the distribution itself does not change, only its mean and standard deviation; and two lines further: x now follows the standard normal distribution. The first is right, "
                "for every distribution and at every order; the second contradicts it.",
            ),
            (shape.same_shape, shape.two_points),
        ),
        AsAMap(
            "Is standardising a linear map?",
            (
                "003, L68–70, writes (1.1) as $\\frac{1}{\\sigma}x - \\frac{\\mu}{\\sigma}$ and calls it a linear transformation, the word it has for $wx + b$, too. With μ and σ constant (stored statistics) that is an affine map. But μ and σ are computed from x.",
            ),
            (linearity.with_constants, linearity.of_the_data, linearity.midpoint),
        ),
        Restoring(
            "What γ and β restore",
            (
                "003, L70: γ = σ and β = μ restore the input completely. On the batch whose μ and σ they are, they do, if σ is the root of (1.3), ε included. But γ and β are parameters, one pair a feature, and each batch (each sample, under layer normalisation) has statistics of its own.",
            ),
            (restoring.restored, restoring.two_batches),
        ),
        WithoutAffine(
            "Without γ and β",
            (
                "003, L70: without γ and β the first layer would have learnt for nothing. What is lost is known exactly: two inputs have the same x̂ if and only if one is $a x + c$ of the other. All else that the layer before has made of the data passes. And where a linear layer "
                "follows, γ and β add nothing at all.",
                "Were the claim right, a first layer that is left random would do as well as a trained one. So both are measured, on digits.",
            ),
            (restoring.forgotten, restoring.absorbed, restoring.rectified),
            ("sigmoid", "relu"),
            250,
            By(6, 24),
        ),
        SigmoidRange(
            "The sigmoid on [−3, 3]",
            (
                "003, L72: nearly all of a standard normal lies in [−3, 3], all of it in the unsaturated, linear region of the sigmoid. The first is a number; for the second, three readings: what is left of the slope, how far the sigmoid is off its tangent, and how close any line comes to it.",
            ),
            (sigmoid_range.within, sigmoid_range.tangent, sigmoid_range.bent),
            (0.5, 1.0, 2.0, 3.0, 4.0),
            EDGE,
        ),
        LinearPart(
            "How much of it is linear",
            (
                "Of σ(γz) with z standard normal: the share of its variance that the best line in z explains. At γ = 1, as normalisation leaves it, nearly all; nearly is not all.",
            ),
            (sigmoid_range.linear_share,),
        ),
        Fits(
            "Is there no non-linearity to use?",
            (
                "003, L72: so the model could not gain any power of non-linear expression. One unit is nearly linear; weights behind it can be large, and can cancel the linear part. What cannot be had without β is proved first: on data that is symmetric about its mean, "
                "as the corners of XOR are, sigmoid behind batch normalisation is an odd function and a constant, at any depth and width. With one input all units see ±x̂, and the net is $a + c\\,\\sigma(\\hat{x})$.",
            ),
            (odd_functions.odd_only,),
            400,
            By(5, 12),
        ),
        Saturation(
            "standardising-noise",
            "Saturation and robustness",
            (
                "003, L72: γ and β move some data into the saturated region and so make the model more robust. The share is a closed form. What training makes of γ and β, and what becomes of accuracy on disturbed images, is measured on digits: with γ, β against without, and with γ held at values that saturate more and more; with several kinds of disturbance, since robustness is no one number. (Salt, contrast and brightness were tried beforehand, too: they scatter too much over seeds to tell.)",
            ),
            (sigmoid_range.saturated,),
            700,
            350,
            By(8, 24),
            (1.0, 4.0),
        ),
        PrintedStatistics(
            "The formulas (1.2) to (1.5)",
            (
                "(1.3) has ε inside the root and 1/N. (1.4) and (1.5), for layer normalisation, have no 1/n. Each variant is evaluated in ball arithmetic and set beside torch's layers, on samples whose deviation lies below, about and above √ε.",
            ),
            (as_printed.as_printed, as_printed.smallest),
        ),
        FewFeatures(
            "Layer normalisation of few features",
            (
                "003, L111: features of one sample that differ much, as sex and age do, can cost layer normalisation power of expression. Of n numbers it leaves n − 2: two equations hold afterwards. Of two features one sign is left, of three an angle; of 64 pixels hardly anything is missing. "
                "And the feature with large numbers decides μ and σ for all others.",
            ),
            (few_features.sphere, few_features.two_features, few_features.people),
            (
                Features("sex and age", "people", (0, 1), False),
                Features("wine, alcohol and proline", "wine", (0, 12), False),
                Features("wine, three columns", "wine", (0, 6, 12), False),
                Features("wine, all", "wine", tuple(range(13)), False),
                Features("breast cancer, all", "breast_cancer", tuple(range(30)), False),
                Features("digits", "digits", tuple(range(64)), True),
            ),
            120,
            By(5, 20),
        ),
    ),
    conclusion=conclusion,
    closing=closing,
)
