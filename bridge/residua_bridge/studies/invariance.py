"""What batch normalisation does to the objective: smoothness as an equality, scale invariance, rates, rotation."""

from collections.abc import Sequence

from residua_bridge.claims import claims_section
from residua_bridge.experiments.derivations import Derivations
from residua_bridge.experiments.invariance.rates import BEYOND, RATES, Rates
from residua_bridge.experiments.invariance.rotation import PATH, TURNS, Rotation
from residua_bridge.experiments.invariance.scale import EPSILON, INVARIANT, ScaleInvariance
from residua_bridge.experiments.invariance.smoothness import SMOOTH, Smoothness
from residua_bridge.findings import Section
from residua_bridge.study import By, Study
from residua_symbolic import invariance

NAME = "invariance"
EQUALITY, LARGE = "Before and after batch normalisation", "Rates beyond the largest"
CLAIMS = ("003-059", "003-061", "003-062", "003-063", "003-064")


def closing(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The lines of 003 that scale invariance and the equality of gradients decide."""
    prose = ("Words are computed from the sections above.",)
    return (claims_section("Lines of document 003", prose, CLAIMS, NAME, sections),)


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off the tables and verdicts."""
    tables = {table.title: table.rows for section in sections for table in section.tables}
    verdicts = [v for section in sections for v in section.verdicts]
    good = sum(v.expected == v.verdict and v.explained for v in verdicts)
    less = [f"{r[2]} of {r[1]} at {r[0]:g}" for r in tables[SMOOTH]]
    far = tables[RATES][-1]
    eps = {float(r[0]): r for r in tables[EPSILON]}
    turn = min(tables[PATH], key=lambda r: float(r[0]))
    words: dict[str, list[str]] = {}
    for name, _, word, *_ in tables["Claims"]:
        words.setdefault(str(word), []).append(str(name))
    return (
        f"Of {len(verdicts)} verdicts {good} are as expected. Batch normalisation multiplies the squared gradient of a feature by $\\gamma^2 \\kappa/s^2$, exactly; the bound of the literature is "
        f"an equality. So the objective is less smooth wherever $s < |\\gamma|\\sqrt{{\\kappa}}$: by scale of the weights {', '.join(less)}.",
        f"The weights before it are met by gradients orthogonal to them, and grow by $\\eta^2\\|\\nabla L\\|^2$ a step. That is why training at {BEYOND:g} times the largest plain rate does not diverge: the first step "
        f"takes ‖w‖² from {float(far[5]):.2g} to {float(far[6]):.2g}, the loss goes from {float(far[1]):.3g} to {float(far[3]):.3g}, {float(far[3]) / float(far[4]):.2g} times its floor, and the effective rate at the end is {float(far[8]):.2g} of the largest plain one.",
        f"All of this is exact at ε = 0. At ε = 1e-5 the cosine between w and its gradient is {float(eps[1e-5][2]):.1e}, and the formula gives it to rounding.",
        f"With weight decay the geometric mean of $\\cos\\theta$ is $1 - \\eta\\lambda$ up to the two ends of ‖w‖, whose part falls as 1/T and is known: for any loss and noise. At ηλ = {float(turn[0]):g} the root mean square "
        f"is {float(turn[6]):.4g}, $\\sqrt{{2\\eta\\lambda}}$ = {float(turn[2]):.4g}.",
        "Claims: " + "; ".join(f"{word}: {', '.join(dict.fromkeys(names))}" for word, names in words.items()) + ".",
    )


STUDY = Study(
    name=NAME,
    title="What batch normalisation does to the objective: smoothness, scale invariance, rates and rotation",
    question=(
        "Is the objective smoother with batch normalisation? Why does training survive rates that make a plain net diverge? And what does weight decay do where the length of the weights has no effect on the output?"
    ),
    claim=(
        "$\\|\\partial L/\\partial x\\|^2 = \\frac{\\gamma^2}{s^2}(\\|g\\|^2 - \\frac{\\langle 1, g\\rangle^2}{B} - (1 + \\frac{\\varepsilon}{s^2})\\frac{\\langle \\hat{x}, g\\rangle^2}{B})$ "
        "(Santurkar et al., arXiv:1805.11604, as an equality). At ε = 0: $\\langle w, \\nabla L\\rangle = 0$, $H w + \\nabla L = 0$, $\\|w_{t+1}\\|^2 = \\|w_t\\|^2 + \\eta^2 \\|\\nabla L\\|^2$; with weight "
        "decay a rotation of $\\sqrt{2\\eta\\lambda}$ a step (van Laarhoven, arXiv:1706.05350). Predictions 9 and 10."
    ),
    refuted_by=(
        "A torch model whose gradients before and after differ from the equality by more than rounding; a feature that is smoother where the condition says otherwise; a normalised model whose weights do not grow "
        "as stated; a training whose geometric mean of cos θ, its two ends taken off, is not 1 − ηλ."
    ),
    experiments=(
        Smoothness(
            "invariance",
            EQUALITY,
            (
                "One feature of a batch: x before, $z = \\gamma\\hat{x} + \\beta$ after, g the gradient at z. Without the normaliser the same g would arrive at x. The equality is checked on torch models, every feature "
                "of every net, with perturbed γ, several activations and values of ε.",
                "The condition is then put to the test by scaling the weights: the output of the net does not change, s does. So the same function is smooth or not by the length of its weights; which is why smoothness "
                "in x or w alone explains little.",
            ),
            ("tanh", "relu", "sin"),
            (0.0, 1e-5, 0.1),
            (0.125, 0.5, 1.0, 2.0, 8.0),
            By(6, 40),
        ),
        Derivations(
            "The equality, derived",
            ("For every batch size, with ε.",),
            (invariance.gradients_before_and_after,),
        ),
        ScaleInvariance(
            "invariance",
            INVARIANT,
            (
                "Batch normalisation makes each feature's weights invariant, layer and RMS normalisation the whole matrix before them. Inner products, Hessian products (by double backward passes) and the growth of ‖w‖² "
                "vanish to rounding at ε = 0; with ε the inner product is what the formula says.",
            ),
            (0.0, 1e-8, 1e-5, 1e-3, 1e-2, 1e-1),
            By(6, 40),
        ),
        Derivations(
            "Scale invariance, derived",
            ("The leak through ε comes out of the same Jacobian.",),
            (invariance.scale_invariance,),
        ),
        Rates(
            "invariance",
            LARGE,
            (
                "Linear regression, four inputs, full batch. Without normalisation everything is known: beyond $2/\\lambda_{\\max}$ the distance grows by a fixed factor a step. With batch normalisation after the same Linear "
                "layer the loss is bounded, and its gradient falls as 1/‖w‖; a step that is far too large leaves long weights, and long weights make small steps. The γ and β behind the normaliser keep a bound of their own.",
            ),
            (0.5, 0.99, 1.01, 1.1, 2.0),
            (1.0, 10.0, 100.0, 1e3, BEYOND),
            By(3000, 30_000),
        ),
        Derivations(
            "Rates without normalisation, derived", ("The bound that is exceeded.",), (invariance.plain_rates,)
        ),
        Rotation(
            "invariance",
            TURNS,
            (
                "A net of one hidden layer, batch normalised, trained by stochastic gradient descent on noisy targets; the weights before the normaliser decay. Growth by gradients and shrinking by decay find a balance. "
                "The statement of the literature is √(2ηλ) in equilibrium; what holds exactly is the mean logarithm of cos θ. The root mean square is met along a ladder of ηλ, and at a large ηλ with a budget: "
                "part of the difference is the step's size, part that angles fluctuate, so that their mean square and their geometric mean differ.",
            ),
            (0.2, 0.1, 0.05, 0.02, 0.01),
            0.2,
            1e-2,
            By(12, 100),
        ),
        Derivations("Rotation, derived", ("From the orthogonality alone.",), (invariance.rotation,)),
    ),
    conclusion=conclusion,
    closing=closing,
)
