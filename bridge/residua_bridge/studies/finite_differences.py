"""Document 004, L93–121: numerical differentiation, its two errors, and what gradient checks can tell."""

from collections.abc import Sequence
from functools import partial

from residua_bridge.claims import claims_section
from residua_bridge.experiments.derivations import Derivations
from residua_bridge.experiments.derivative_routes import DerivativeRoutes
from residua_bridge.experiments.difference.cases import Case
from residua_bridge.experiments.difference.checks import GradientChecks
from residua_bridge.experiments.difference.curves import ErrorCurves
from residua_bridge.experiments.difference.network import NetworkCurves
from residua_bridge.experiments.difference.rounded_steps import RoundedSteps
from residua_bridge.experiments.difference.table import PrintedTable
from residua_bridge.findings import Section
from residua_bridge.study import By, Study
from residua_symbolic.counterexamples import COUNTEREXAMPLES
from residua_symbolic.difference_formulas import FORMULAS, least_error, rounding_variance, truncation_series
from residua_symbolic.quotients import central_against_forward, limit_of

LIMITS_OF_THE_CLAIM = (
    "central limit",
    "central at a large step",
    "central at every small step",
    "central against backward",
)

NAME = "finite-differences"
CASES = (
    Case("exp(x)", 0.0),
    Case("sin(x)", 1.0),
    Case("log(x)", 1.5),
    Case("tanh(x)", 0.5),
    Case("1/x", 1.25),
    Case("exp(-x^2)*sin(3*x)", 0.7),
)


CLAIMS = tuple(f"004-{n:03}" for n in range(93, 99))


def closing(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The lines of 004 on numerical differentiation."""
    prose = ("Each word is computed from the tables, verdicts and proofs above.",)
    return (claims_section("What document 004 says", prose, CLAIMS, NAME, sections),)


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off tables and verdicts."""
    tables = {table.title: table.rows for section in sections for table in section.tables}
    verdicts = [v for section in sections for v in section.verdicts]
    good = sum(v.expected == v.verdict and v.explained for v in verdicts)
    table = next(v for v in verdicts if v.statement.startswith("004's nine"))
    curves = all(v.verdict == "agree" for v in verdicts if v.statement.startswith("Predicted rms errors"))
    rounded = all(row[3] == "yes" for row in tables["What the table needs of exp"])
    fewest = min(min(row[4:]) for row in tables["What the table needs of exp"])
    cost = {row[0]: row for row in tables["What a numerical derivative costs and gives"]}
    distances = {(row[0], row[1]): row for row in tables["How far a right gradient is from the numerical one"]}
    usual, best = distances["float32", "usual"], distances["float32", "best"]
    return (
        f"Of {len(verdicts)} verdicts {good} are as expected. The root mean square error of a quotient is "
        "$e^2 = t^2 h^{2p} + s^2 \\sum c^2 / h^2$: a V in logarithmic scales, its left branch rounding and its right branch truncation, "
        f"its bottom where both are of a size. The measured errors of {len(CASES)} functions "
        f"in two precisions are {'' if curves else 'not all '}the predicted ones, at every step that is judged.",
        f"004's table (004-098): {'to the last bit' if table.verdict == 'agree' else 'not reproduced'}. "
        + (
            "Python's exp is correctly rounded at the six points, so every C library of which the same is true prints these nine numbers; "
            if rounded
            else "Python's exp is not correctly rounded at all six points; "
        )
        + f"a library that is off by one float at one of them changes at least {fewest} of the nine.",
        "Truncation is what the Taylor series leaves when it is cut off (004-095), and the central quotient tends to the derivative "
        "wherever there is one (004-096; the converse fails, as |x| at 0 shows). Its truncation is of order $h^2$ in place of $h$: smaller "
        "for all small steps if $f'' \\neq 0$, not for every step (004-097, with that condition).",
        f"Of little practical use (004-094)? What can be measured: n derivatives take {cost['forward'][1]} evaluations forward and {cost['central'][1]} "
        f"central, and at the best step exp'(0) comes out to {cost['forward'][3]:g} and {cost['central'][3]:g} digits in float64, {cost['forward'][5]:g} and "
        f"{cost['central'][5]:g} in float32. One reverse pass gives all of them to about the last digit; for checking a gradient the quotients are good enough, in float64.",
        f"A gradient check in float32 misleads: with the usual step {usual[2]:g} a right gradient is {100 * usual[5]:.3g} % away from the numerical one "
        f"({100 * usual[4]:.3g} % predicted), and even at the best step {best[2]:.2g} it is {100 * best[5]:.2g} % away. The tolerance to use is computed, not customary: "
        f"here {best[6]:.2g} in float32 and {distances['float64', 'best'][6]:.2g} in float64.",
    )


STUDY = Study(
    name=NAME,
    title="Difference quotients: truncation, rounding, and what gradient checks can tell",
    question=(
        "How wrong is a numerical derivative at a given step, what is the best step, and how close must a numerical gradient come to "
        "a right one? Document 004 says that small steps suffer from rounding and large ones from truncation, prints a table for exp, and calls the method of little "
        "practical use."
    ),
    claim=(
        "004, L97–121: a step that is too small brings rounding error, one too large truncation error; cutting off the series of $e^x$ gives the truncation error; "
        "the central quotient tends to $f'(x)$ and has the smaller truncation error; the table for $e^x$ at 0."
    ),
    refuted_by=(
        "A measured root mean square error outside the sampling bar of the predicted one, at any step at which the model's conditions hold, refutes us. A number of 004's table "
        "that differs in its last bit refutes the table or the C library."
    ),
    experiments=(
        PrintedTable(
            "004's table, taken apart",
            (
                "004 prints forward, backward and central quotients of exp at 0. Each is formed here in float64 as it would be typed, "
                "with the C library's exp. Each then equals the derivative, 1, plus a truncation error that exact arithmetic would make, too, plus a rounding error. "
                "Both are computed exactly, in ball arithmetic, and add up to what is printed.",
                "Richardson's quotient, $(4\\,C(h/2) - C(h))/3$ of central quotients C, is added: it removes the next term of the series.",
            ),
        ),
        Derivations(
            "Truncation, in every order",
            (
                "A quotient $\\sum c\\, f(x + \\xi h)/h$ is known by its places ξ and weights c. With f's Taylor series in it, everything hangs on the moments "
                "$m_k = \\sum c\\, \\xi^k$. Central weights are opposite at opposite places: every even moment vanishes, and with it every odd power of h.",
            ),
            (
                partial(limit_of, "central"),
                *(partial(truncation_series, name) for name in FORMULAS),
                central_against_forward,
                *(COUNTEREXAMPLES[name] for name in LIMITS_OF_THE_CLAIM),
            ),
        ),
        Derivations(
            "Rounding, the best step and the least error",
            (
                "A rounding to nearest errs by up to half a spacing u of floats, and where between two floats a value falls is as good as random: the variance is $u^2/12$. "
                "Values of one operation that lie θ spacings apart, modulo 1, are rounded with the covariance below; it averages to 0, but matters for steps so small "
                "that f moves by a few spacings only. Errors of f with variance $s^2$ become $s^2 \\sum c^2/h^2$ in the quotient: $2 s^2/h^2$ for forward, $s^2/(2h^2)$ for central quotients.",
                "For an f of several operations s is put together from the roundings of all of them, carried to the result by the chain rule; sums and products that are exact "
                "or lie on a coarse grid are counted as such. The mean square error is the sum of both squares, and its least value follows by calculus.",
            ),
            (rounding_variance, *(partial(least_error, name) for name in FORMULAS)),
        ),
        ErrorCurves(
            "difference-curves",
            "Error curves, predicted and measured",
            (
                "Six functions, steps $2^{-1}$ to $2^{-50}$, in torch; at each step the root mean square over random points near the one that is named, on a grid on which $x \\pm h$ is exact. "
                "Predicted, without any fitted number: the truncation from Arb's power series at each point, the rounding from the model above. "
                "Measured: the quotient in the arithmetic of that precision, minus autograd's derivative in float64.",
                "The model is of operations that are rounded once, as arithmetic and the functions of a good library are, and the six functions are made of those. One that "
                "is made of several roundings (x³ by two products, sigmoid, softplus) has more noise: the last table measures it.",
                "What is judged, and how sharply: the rms error of each quotient at every step, to about four standard errors of the sample (a noise that is off by 20 % passes there); the "
                "rounding alone, in float32, where the truncation is known to far below it, over all steps together; that no other step is clearly better than the one predicted; and the least "
                "error itself. The roundings of the quotient's own subtraction and division are a small part of all of these: they are modelled, but what they come to is not tested by this sample.",
                "In float32, steps below half a spacing of x vanish beside it: the quotient is 0 and the error f' itself, which is the flat part on the left.",
            ),
            CASES,
            By(160, 1000),
        ),
        RoundedSteps(
            "Where x ± h is not exact",
            (
                "With steps such as 0.001 the sum $x + h$ is itself rounded, by up to half a spacing of x, and f is taken at another place: the quotient errs by $f'\\,\\delta/h$. "
                "Since x is a float, $x + h$ and $x - h$ are rounded by opposite errors, so the central quotient, which loses a half of the noise of f, keeps all of this term: "
                "$f'(x)^2\\,\\mathrm{ulp}(x)^2/(12 h^2)$ in the mean square, for both quotients. The model is tested with this term, and without it. At large steps each rounding counts with the slope "
                "where it happens, $f'(x + \\xi h)$: tested in float32 on the rounding alone, also where $f'(x)$ is nearly 0.",
            ),
            (Case("sin(x)", 1.0), Case("exp(x)", 1.0)),
            By(400, 4000),
        ),
        NetworkCurves(
            "difference-network",
            "The loss gradient of a trained network",
            (
                "A tanh network 1-6-6-1, trained on sin 3x at sixteen points (Adam, 400 steps, mean square error). Its loss is differentiated along random directions: exactly by Arb's power series "
                "through the network's expression graph, by autograd, and by quotients. What the loss's rounding comes to depends on the order in which torch sums, so "
                "here the noise s of one evaluation is measured: by how much the loss jumps about a polynomial fitted to it. "
                "Judged are the steps at which the noise is no larger than the derivative, and at which the last term of the Taylor series, of order 12, is below 2 % of the error: at larger steps "
                "the curve of the prediction is drawn, but says nothing.",
            ),
            By(64, 256),
        ),
        DerivativeRoutes(
            "Its gradient by every route",
            (
                "The same network: the gradient of its loss by every parameter, exactly (the symbolic derivative of the expression graph, in ball arithmetic, at weights and data as either "
                "precision has them), by autograd, and by central quotients, entry by entry. The bar of a verdict is a running error bound of the symbolic gradient carried out in that precision.",
            ),
        ),
        GradientChecks(
            "Gradient checks: which tolerance",
            (
                "A gradient check compares the gradient g that a program claims with central quotients, entry by entry. The distance of the numerical gradient from the right one is to be expected as "
                "$E(h) = \\sqrt{\\frac{h^4}{36} \\sum_i (\\partial_i^3 L)^2 + \\frac{n s^2}{2 h^2}}$, and at the best step as a multiple of $s^{2/3}$: in float32, where s is $2^{29}$ times as large, "
                "nearly six digits are lost. A tolerance below $E/\\|g\\|$ refuses right gradients; one far above it lets wrong ones pass. The tolerance computed here is $2 E(h_*)/\\|g\\|$. "
                "That the best step is the best is judged by steps of 4 and 16 times it, and of a quarter and a sixteenth.",
                "Planted faults: the gradient of the second layer's weights is off by a factor, as it would be with a wrong mean or a dropped term. Each is checked with tolerances in use and with the computed one.",
            ),
        ),
    ),
    conclusion=conclusion,
    closing=closing,
)
