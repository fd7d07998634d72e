"""Mean square error: a Gaussian likelihood of fixed variance, minimised by the mean, the square of a distance."""

from functools import cache

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same
from residua_symbolic.losses.sums import factorised, i, j, k, over, same_sums

LIKELIHOOD, MINIMISERS, DISTANCE = (
    "Mean square error as a likelihood",
    "What square and absolute errors are minimised by",
    "Is the mean square error a distance?",
)
N = sp.Symbol("N", integer=True, positive=True)
y, f = (sp.IndexedBase(name, real=True) for name in ("y", "f"))
sigma, b = sp.symbols("sigma b", positive=True)
a, mean, second, c = sp.symbols("a m M c", real=True)
t, h = sp.symbols("t h", positive=True)
MSE = sp.Symbol(r"\mathrm{MSE}")
E = sp.Function("E")
share = sp.Symbol("P", positive=True)  # of a class
below, above = sp.symbols("N_< N_>", nonnegative=True)
norm_v, norm_w = sp.symbols(r"{\|v\|} {\|w\|}", nonnegative=True)
mse = sp.Function(r"\mathrm{MSE}")


@cache
def derive_likelihood() -> Derivation:
    """−log Π N(y; f, σ²) = N MSE/(2σ²) + N log(2πσ²)/2: the same minimisers, and gradients but for a factor."""
    density = sp.exp(-((y[k] - f[k]) ** 2) / (2 * sigma**2)) / sp.sqrt(2 * sp.pi * sigma**2)
    laplace = sp.exp(-sp.Abs(y[k] - f[k]) / b) / (2 * b)
    loss, other = sp.Symbol(r"{-\log p(y)}"), sp.Symbol(r"{-\log p_b(y)}")
    form = N * MSE / (2 * sigma**2) + N * sp.log(2 * sp.pi * sigma**2) / 2
    squares = over((y[k] - f[k]) ** 2, N) / N
    absolute = over(sp.Abs(y[k] - f[k]), N) / b + N * sp.log(2 * b)
    factor = sp.Symbol(r"{\partial_f (-\log p)}")
    steps = (
        Step("density", sp.Symbol("{p(y_k)}"), density, "definition: Gaussian noise of one fixed variance around f"),
        Step("mean square error", MSE, squares, "definition, N rows"),
        Step(
            "N independent rows",
            loss,
            form,
            "a constant besides the mean square error",
            (Proof("term by term, any N", lambda right: _log_density(density, right.subs(MSE, squares))),),
        ),
        Step(
            "gradients",
            factor,
            N / (2 * sigma**2) * sp.Derivative(MSE, sp.Symbol("f")),
            "σ does not depend on f: a rate for one is a rate for the other",
            (
                Proof(
                    "differentiated", lambda right: same(sp.diff(form, MSE), right / sp.Derivative(MSE, sp.Symbol("f")))
                ),
            ),
        ),
        Step(
            "other noise",
            other,
            absolute,
            "with Laplace noise, as continuous, it is the mean absolute error",
            (Proof("term by term, any N", lambda right: _log_density(laplace, right)),),
        ),
    )
    return Derivation(LIKELIHOOD, loss, form, ("N independent outputs", "σ fixed: not an output of the network"), steps)


def _log_density(density: sp.Expr, right: sp.Expr) -> bool:
    """−Σ log of the density; a constant N c is Σ c."""
    spelled = -sp.expand_log(sp.log(density), force=True)
    sums, constant = sp.expand(right, deep=False).as_independent(sp.Sum)[::-1]
    return same_sums(over(sp.expand(spelled), N), over(sp.expand(sp.expand_log(constant / N)), N) + sums)


@cache
def derive_minimisers() -> Derivation:
    """E (y − a)² = Var + (m − a)²: the mean; Σ |y − a| falls while more values lie above: the median."""
    square = second - mean**2 + (mean - a) ** 2
    steps = (
        Step(
            "squares",
            E((sp.Symbol("y") - a) ** 2),
            square,
            "m and M: means of y and y². Least at a = m, the (conditional) mean, whether y is continuous or not",
            (Proof("multiplied out", lambda right: same(second - 2 * a * mean + a**2, right)),),
        ),
        Step(
            "classes",
            E((sp.Symbol("{1_c}") - a) ** 2),
            share - share**2 + (share - a) ** 2,
            "1 for class c, 0 for others: least at a = P(c). For classes, too, squares are minimised by the "
            "probabilities",
            (
                Proof(
                    "1 with probability P, else 0",
                    lambda right: same(share * (1 - a) ** 2 + (1 - share) * a**2, right),
                ),
            ),
        ),
        Step(
            "absolute errors",
            sp.Symbol(r"{\sum |y - a - h| - \sum |y - a|}"),
            h * (below - above),
            "no value of y in between: it falls as long as more lie above than below. Least at the median",
            (Proof("a value below adds h, one above takes it away", _moved),),
        ),
    )
    return Derivation(
        MINIMISERS, E((sp.Symbol("y") - a) ** 2), square, ("y any random number with a mean of y²",), steps
    )


def _moved(right: sp.Expr) -> bool:
    """y = a − t lies below a by t > 0; y = a + h + t above a + h."""
    under = sp.Abs(-t - h) - sp.Abs(-t)
    over_it = sp.Abs(t) - sp.Abs(h + t)
    return same(under * below + over_it * above, right)


@cache
def derive_distance() -> Derivation:
    """0, 1, 2: the squares are 1, 1 and 4 > 1 + 1. The root of the mean square error is a distance."""
    v, w = (sp.IndexedBase(name, real=True) for name in ("v", "w"))
    cross = over(v[k] * w[k], N)
    squares = over(v[k] ** 2, N) * over(w[k] ** 2, N)
    pairs = sp.Sum((v[i] * w[j] - v[j] * w[i]) ** 2, (i, 1, N), (j, 1, N)) / 2
    points = {"01": (0, 1), "12": (1, 2), "02": (0, 2)}
    small = [sp.Integer((left - right) ** 2) for left, right in points.values()]
    steps = (
        Step(
            "the detour is shorter",
            mse(0, 2) - mse(0, 1) - mse(1, 2),
            small[2] - small[0] - small[1],
            "above 0: the triangle inequality fails, one output and one row",
            (
                Proof(
                    "integers",
                    lambda right: right == sum(s * (x - z) ** 2 for s, x, z in ((1, 0, 2), (-1, 0, 1), (-1, 1, 2))),
                ),
            ),
        ),
        Step(
            "scaled",
            over((c * v[k]) ** 2, N) / N,
            c**2 * over(v[k] ** 2, N) / N,
            "a norm would give |c|: twice the error counts four times",
            (Proof("term by term, any N", lambda right: same_sums(over((c * v[k]) ** 2, N) / N, right)),),
        ),
        Step(
            "Cauchy and Schwarz",
            squares - cross**2,
            pairs,
            "a sum of squares (Lagrange), so $|v \\cdot w| \\le \\|v\\| \\|w\\|$",
            (Proof("the double sum multiplied out, any N", lambda right: _lagrange(right, squares, cross)),),
        ),
        Step(
            "the root obeys the triangle inequality",
            (norm_v + norm_w) ** 2 - over((v[k] + w[k]) ** 2, N),
            2 * norm_v * norm_w - 2 * cross,
            "≥ 0: the root mean square error is the L2 distance over √N, and has the same minimisers",
            (Proof("multiplied out, any N", lambda right: _triangle(right, v, w)),),
        ),
    )
    return Derivation(DISTANCE, mse(0, 2) - mse(0, 1) - mse(1, 2), sp.Integer(2), ("real outputs",), steps)


def _lagrange(right: sp.Expr, squares: sp.Expr, cross: sp.Expr) -> bool:
    factor, double = right.as_independent(sp.Sum)
    return same(factor * factorised(double.function, N), squares - cross**2)


def _triangle(right: sp.Expr, v: sp.IndexedBase, w: sp.IndexedBase) -> bool:
    """(‖v‖ + ‖w‖)² − ‖v + w‖² with ‖v‖² = Σ v², term by term."""
    left_over = sp.expand(2 * norm_v * norm_w - right, deep=False)  # of ‖v + w‖², beside ‖v‖² + ‖w‖²
    return same_sums(over((v[k] + w[k]) ** 2, N), over(v[k] ** 2, N) + over(w[k] ** 2, N) + left_over)
