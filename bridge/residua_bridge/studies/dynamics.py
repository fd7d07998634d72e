"""Training that has a closed form: linear regression, modes of deep linear networks, networks near their linearisation."""

from collections.abc import Sequence
from functools import partial

from residua_bridge.budgets.law import Ladder
from residua_bridge.experiments.derivations import Derivations
from residua_bridge.experiments.dynamics import laws
from residua_bridge.experiments.dynamics.pictures import EXPONENTS, LEARNT, Exponents, Staged
from residua_bridge.experiments.dynamics.regression import RATES, RESOLUTION, Entry, RegressionPath
from residua_bridge.experiments.dynamics.sources import (
    MODES,
    Distances,
    HalfTimes,
    Halvings,
    Mode,
    OneStep,
    Regression,
    Remainder,
)
from residua_bridge.experiments.judged_laws import JudgedLaws, Met, PlantedLaws
from residua_bridge.findings import Section
from residua_bridge.study import By, Study
from residua_symbolic.dynamics.modes import derive_mode, derive_random_start
from residua_symbolic.dynamics.regression import derive_regression
from residua_symbolic.dynamics.remainder import derive_remainder

BEGIN = 1e-3  # strength of every mode at the start
TIMES = (2.0, 3.6, 7.2)  # about the half-time of each mode
PLANTED, LIMITS = "Planted mistakes", "The exponent in the limit"
CANCELS = 1e-9  # relative rounding of a remainder 1e−6 times the outputs of which it is the difference, and a margin
HALF = "Half-times from small random weights"
EXPONENT_APART = 0.4  # relative: where the distance falls by half a power less, the ratio is 41 % larger


SHRINKING = Ladder({"rate": 0.04}, {}, 1, 1e-5, 20.0)  # it is halved further, to take off its effect
EPSILONS = Ladder({"step": 0.25}, {"step": (0.125, 0.25)}, 1, 1e-5, 20.0)


def halves(resolution: float, seconds: float, hidden: int = 8) -> By:
    """Four inputs; small weights and small steps."""
    point = {"variance": 0.002, "rate": 0.05, "inputs": 4, "hidden": hidden}
    along = {"variance": (0.0005, 0.002, 0.008), "rate": (0.025, 0.05, 0.1)}
    return By(
        Ladder(point, along, 300, resolution, seconds),
        Ladder(point, along, 1000, resolution / 2, 10 * seconds),
    )


def widths(largest: int, resolution: float, seconds: float) -> By:
    """From 8 on; the pair at each size is that width and twice it."""
    sizes = tuple(n for n in (8, 16, 32, 64, 128) if n <= largest)
    return By(
        Ladder({"width": 16}, {"width": sizes}, 128, resolution, seconds),
        Ladder({"width": 16}, {"width": (*sizes, 2 * largest)}, 512, resolution / 2, 10 * seconds),
    )


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off the tables and verdicts."""
    tables = {table.title: table.rows for section in sections for table in section.tables}
    verdicts = [v for section in sections for v in section.verdicts]
    good = sum(v.expected == v.verdict and v.explained for v in verdicts if v.expected)
    judged = sum(bool(v.expected) for v in verdicts)
    errors = tables[RATES]
    one, two = tables[EXPONENTS]
    planted = tables[PLANTED]
    limits = [v for s in sections if s.title == LIMITS for v in s.verdicts]
    caught = sum(str(row[-1]) in ("differ", "only at this scale") for row in planted)
    half = next(v for s in sections if s.title == HALF for v in s.verdicts)
    stages = ", ".join(f"{float(row[2]):.2f} (predicted {float(row[1]):.2f})" for row in tables[LEARNT])
    budget = half.budget
    assert budget is not None
    return (
        f"Of {judged} verdicts with an expectation {good} are as expected. Linear regression: every weight after every "
        f"number of steps is the formula's to within rounding, {max(float(r[4]) for r in errors if float(r[0]) < 1):.1g} "
        f"at most below the largest stable rate $2/\\lambda_{{\\max}}$; above it the weights diverge as the formula says.",
        f"Modes of a deep linear net are learnt one after the other, the strongest first: half-times {stages}. What "
        "separates descent from the solution is the step, of first order in η, and extrapolates away.",
        f"From small random weights the mean half-time is {budget.predicted:.3f} by the law and {budget.measured:.3f} "
        f"± {budget.bar:.3f} measured at the point; the verdict along the ladders is “{half.verdict}”. The "
        "randomness enters through one chi-square with as many degrees of freedom as there are hidden units.",
        f"The distance to the linearised network falls with width as $n^{{{float(two[1]):.2f} \\pm {float(two[2]):.2f}}}$ with "
        f"two hidden layers and as $n^{{{float(one[1]):.2f} \\pm {float(one[2]):.2f}}}$ with one: {float(two[3]):.0f} and "
        f"{float(one[3]):.0f} standard errors from the often quoted −1/2. With one hidden layer, these weights, and a "
        "rate ∝ 1/n the first layer hardly learns, and one more power of n is gained. Straight lines do not know of "
        "corrections at finite width; asked along the ladder, as the width grows: "
        + "; ".join(f"{v.statement}: {v.verdict}" for v in limits)
        + ".",
        f"Planted mistakes: {caught} of {len(planted)} are noticed.",
    )


STUDY = Study(
    name="dynamics",
    title="Training in closed form: regression, deep linear modes, and the linearised network",
    question=(
        "Where the course of training can be derived, do networks follow it: step by step in linear regression, mode by "
        "mode in deep linear networks, and how closely does a wide network follow its linearisation in the parameters?"
    ),
    claim=(
        "Predictions 33–35: $w_t = w_* + (1 - \\eta H)^t (w_0 - w_*)$; $a(t) = s e^{2st}/(e^{2st} - 1 + s/a_0)$ and the "
        "half-times that follow from it; Taylor remainders of orders 2 and 3 in the parameters; a distance from the "
        "linearised network that falls with width, with an exponent to be found."
    ),
    refuted_by=(
        "A weight of a regression beyond the rounding bound; a mode or a mean half-time that does not extrapolate to its "
        "law; an exponent that its ladder refuses; a planted mistake that agrees."
    ),
    experiments=(
        Derivations(
            "Linear regression",
            (
                "With all rows in every step, the gradient of the mean square error is linear in the weights, and a step "
                "multiplies the distance from the solution by $1 - \\eta H$.",
            ),
            (derive_regression,),
        ),
        RegressionPath(
            "dynamics-regression",
            "Regression, step by step",
            (
                "A torch model with five weights, trained by full-batch descent. Predicted are the weights by the formula "
                "in ball arithmetic; the bound is that of float64's roundings in residuals, gradient and update, carried "
                "from step to step by $\\|1 - \\eta H\\|$.",
            ),
            (1, 10, 100, 1000, 10_000),
            (0.1, 0.45, 0.95, 1.01),
            By(1000, 10_000),
        ),
        Derivations(
            "Modes of a deep linear network",
            (
                "One hidden layer, whitened inputs. Begun balanced and aligned, each singular mode of the data grows by "
                "itself, along a logistic curve: a long wait, and a sudden rise.",
            ),
            (derive_mode, derive_random_start),
        ),
        Staged(
            "dynamics-modes",
            "Staged learning",
            ("A net with four inputs, eight hidden units and three outputs learns three modes.",),
            BEGIN,
            0.01,
            14.0,
        ),
        JudgedLaws(
            "dynamics-modes-met",
            "Modes: extrapolated to vanishing steps",
            (
                "Each mode near its half-time, where it moves fastest. Descent has steps, the law has none: the effect of "
                "the step, of first order in it, is found by halving the step five times and extrapolating what is measured "
                "(Richardson); it is the term “discretisation”, in which the law has no part.",
            ),
            tuple(
                Met(
                    f"s = {s:g}",
                    partial(laws.mode_law, Mode(k, BEGIN, time)),
                    Mode(k, BEGIN, time),
                    By(SHRINKING, SHRINKING),
                    "arithmetic mean",
                )
                for k, (s, time) in enumerate(zip(MODES, TIMES, strict=True))
            ),
        ),
        JudgedLaws(
            "dynamics-half-times",
            HALF,
            (
                "One output, so one mode, of strength 1. The weights are small, random and not balanced: at first the part "
                "of them that grows does so exponentially, and by the time it counts the net is balanced and aligned. So "
                "the law is that of a balanced start with a random strength.",
            ),
            (Met("mean half-time", laws.half_time_law, HalfTimes(), halves(0.02, 12), "arithmetic mean"),),
        ),
        Derivations(
            "What linearisation leaves out",
            (
                "The exact case: one hidden linear layer, one step. With a rate ∝ 1/n it falls as $n^{-2}$. With a second "
                "hidden layer the inner matrix takes part in learning at the same pace as the last, and counting powers of n "
                "in the second-order term gives $n^{-1}$: an argument, not a proof. So is either exponent for tanh and for more "
                "steps than one.",
            ),
            (derive_remainder,),
        ),
        JudgedLaws(
            "dynamics-remainders",
            "Remainders in the parameters",
            (
                "A tanh net moved by εΔ in all its parameters. What its first-order Taylor polynomial in ε leaves out is of "
                "second order, with the coefficient that the network's own series in the parameters gives; the second-order "
                "polynomial leaves the third. And the exact remainder of one step of training of the linear net.",
            ),
            (
                Met(
                    "order 2",
                    lambda: laws.remainder_law(Remainder(2)),
                    Remainder(2),
                    By(EPSILONS, EPSILONS),
                    "arithmetic mean",
                ),
                Met(
                    "order 3",
                    lambda: laws.remainder_law(Remainder(3)),
                    Remainder(3),
                    By(EPSILONS, EPSILONS),
                    "arithmetic mean",
                ),
                Met(
                    "one step, linear net",
                    laws.one_step_law,
                    OneStep(),
                    By(
                        Ladder({"width": 32}, {"width": (8, 128)}, 16, 1e-6, 5.0, looks=1, rounding=CANCELS),
                        Ladder({"width": 32}, {"width": (8, 128, 512)}, 64, 1e-6, 50.0, looks=1, rounding=CANCELS),
                    ),
                    "arithmetic mean",
                ),
            ),
            ladders=False,
        ),
        Exponents(
            "dynamics-linearised",
            "The distance from the linearised network",
            (
                "tanh networks with one and with two hidden layers, weights of variance 1/fan-in, no biases, rate 1/(2n), 20 "
                "steps of full-batch descent on four points; the network and its linearisation at the start are trained "
                "alike and compared at four other points. Nothing is assumed of the exponent.",
            ),
            (8, 16, 32, 64, 128),
            By(96, 768),
        ),
        JudgedLaws(
            "dynamics-exponents",
            LIMITS,
            (
                "How the distance changes when the width doubles, as the width grows: $2^{-p}$. Asked of each exponent, with "
                "the correction at finite width fitted.",
            ),
            (
                Met(
                    "two hidden layers, −1",
                    lambda: laws.width_law(2, 1.0, "1"),
                    Halvings(Distances(2, seed=1)),
                    widths(64, EXPONENT_APART, 8),
                    "geometric mean",
                ),
                Met(
                    "two hidden layers, −1/2",
                    lambda: laws.width_law(2, 0.5, "1/2", truly=1.0),
                    Halvings(Distances(2, seed=2)),
                    widths(64, EXPONENT_APART, 8),
                    "geometric mean",
                    "differ",
                ),
                Met(
                    "one hidden layer, −2",
                    lambda: laws.width_law(1, 2.0, "2"),
                    Halvings(Distances(1, seed=3)),
                    widths(128, EXPONENT_APART, 8),
                    "geometric mean",
                ),
            ),
        ),
        PlantedLaws(
            PLANTED,
            ("Wrong laws, handed to the same judge.",),
            (
                Met(
                    "one step too many",
                    lambda: laws.entry_law(Regression(), late=1),
                    Entry(Regression()),
                    By(*2 * (Ladder({"steps": 10}, {"steps": (1, 10, 100)}, 1, RESOLUTION, 20.0),)),
                    "arithmetic mean",
                ),
                Met(
                    "$e^{st}$ for $e^{2st}$",
                    lambda: laws.mode_law(Mode(1, BEGIN, TIMES[1]), 1.0),
                    Mode(1, BEGIN, TIMES[1]),
                    By(SHRINKING, SHRINKING),
                    "arithmetic mean",
                ),
                Met(
                    "logarithm of the mean for the mean logarithm",
                    lambda: laws.half_time_law(mean_log=False),
                    HalfTimes(),
                    halves(0.02, 8, hidden=2),
                    "arithmetic mean",
                ),
                Met(
                    "remainder half as large",
                    lambda: laws.remainder_law(Remainder(2), 0.5),
                    Remainder(2),
                    By(EPSILONS, EPSILONS),
                    "arithmetic mean",
                ),
                Met(
                    "one hidden layer, −1/2",
                    lambda: laws.width_law(1, 0.5, "1/2"),
                    Halvings(Distances(1, seed=4)),
                    widths(64, EXPONENT_APART, 4),
                    "geometric mean",
                ),
            ),
        ),
    ),
    conclusion=conclusion,
)
