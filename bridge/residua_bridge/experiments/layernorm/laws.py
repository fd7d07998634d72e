"""Laws of nets with layer or RMS normalisation, true, popular and planted, as what a ladder is held against."""

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from residua_bridge.budgets.law import Law, Sizes
from residua_symbolic.domains.tangents import n
from residua_symbolic.moments.layer.laws import rate
from residua_symbolic.moments.layer.ratio import LayerRatio
from residua_symbolic.moments.layer.relu import relu_through_depth, rms_relu_first, rms_relu_log
from residua_symbolic.overstatement import error_through_depth

MEAN = r"$\mathbb{E}\|g_0\|^2 / \mathbb{E}\|g_L\|^2$"
GEOMETRIC = r"$\exp\mathbb{E}\log(\|g_0\|^2/\|g_L\|^2)$"
SPREAD = r"$\mathrm{Var}\log(\|g_0\|^2/\|g_L\|^2)$"
INTERIOR = r"$\mathbb{E}\|u_1\|^2 / \mathbb{E}\|u_L\|^2$"


def ratio(kind: str, sizes: Sizes) -> LayerRatio:
    """The derived distribution at these sizes."""
    return _ratio(kind, int(sizes["width"]), int(sizes["depth"]))


@cache
def _ratio(kind: str, width: int, depth: int) -> LayerRatio:
    return LayerRatio(kind, (width,) * (depth + 1))


def log_mean(kind: str) -> Callable[[Sizes], float]:
    """E log R, derived."""
    return lambda sizes: ratio(kind, sizes).log_mean


def mean_law(kind: str) -> Law:
    """The mean, from the input to the output."""
    return Law(_words(kind, r"$\frac{n-1}{n} (\mathbb{E} F)^L$"), MEAN, lambda sizes: ratio(kind, sizes).mean)


def geometric_law(kind: str) -> Law:
    """The mean logarithm, as a geometric mean."""
    statement = _words(kind, r"$\log R$ is $\log\beta + \sum \log F_l$, in the mean")
    return Law(statement, GEOMETRIC, lambda sizes: math.exp(ratio(kind, sizes).log_mean))


def spread_law(kind: str) -> Law:
    """The variance of the logarithm."""
    return Law(_words(kind, r"$4 L \psi'$ and edges"), SPREAD, lambda sizes: ratio(kind, sizes).log_variance)


def constant_law(kind: str, limit: bool) -> Law:
    """Gradients neither grow nor shrink: as the width goes to infinity, or at every width."""
    if limit:
        return Law(_words(kind, "1 as $n$ grows, $L$ fixed"), MEAN, lambda sizes: 1.0, limits={"width": 1.0})
    finite: dict[str, Callable[[Sizes], float]] = {"finite width": lambda sizes: ratio(kind, sizes).mean - 1}
    return Law(_words(kind, "1 at every width"), MEAN, lambda sizes: 1.0, causes=finite, approximations=tuple(finite))


def growing_law(kind: str) -> Law:
    """Gradients neither grow nor shrink, at this depth and at every other."""
    finite: dict[str, Callable[[Sizes], float]] = {"finite width": lambda sizes: ratio(kind, sizes).mean - 1}
    return Law(_words(kind, "1 at every depth"), MEAN, lambda sizes: 1.0, causes=finite, approximations=tuple(finite))


def geometric_for_mean(kind: str) -> Law:
    """The exponential of the mean logarithm in the place of the mean."""
    other: dict[str, Callable[[Sizes], float]] = {
        "geometric for arithmetic mean": lambda sizes: ratio(kind, sizes).mean - math.exp(ratio(kind, sizes).log_mean)
    }
    statement = _words(kind, r"$\exp\mathbb{E}\log$ stated as the mean")
    return Law(
        statement,
        MEAN,
        lambda sizes: math.exp(ratio(kind, sizes).log_mean),
        causes=other,
        approximations=tuple(other),
    )


def without_edges(kind: str) -> Law:
    """Every layer an interior one."""
    inside = _power(kind)
    edges: dict[str, Callable[[Sizes], float]] = {"edge layers": lambda sizes: -inside(sizes) / sizes["width"]}
    statement = _words(kind, r"$(\mathbb{E} F)^L$ from the input to the output")
    return Law(statement, MEAN, inside, causes=edges, approximations=tuple(edges))


def interior_law(kind: str) -> Law:
    """Between the first and the last Linear: L − 1 factors and no edge."""
    factor = _rate(kind)
    statement = _words(kind, r"$(\mathbb{E} F)^{L-1}$ between the Linear layers")
    return Law(statement, INTERIOR, lambda sizes: factor(sizes["width"]) ** (sizes["depth"] - 1))


def with_constant_statistics(kind: str) -> Law:
    """Document 003's (1.11): the product of W/s alone."""
    error = error_through_depth(kind)

    def claimed(sizes: Sizes) -> float:
        return ratio(kind, sizes).mean * (1 + error.at(int(sizes["width"]), int(sizes["depth"])))

    dropped: dict[str, Callable[[Sizes], float]] = {
        "dropped projectors": lambda sizes: ratio(kind, sizes).mean - claimed(sizes)
    }
    statement = _words(kind, r"what (1.11) says, $\mathbb{E}\|\prod W_l/s_l\|^2/n$")
    return Law(statement, MEAN, claimed, causes=dropped, approximations=tuple(dropped))


def relu_law() -> Law:
    """Linear, LayerNorm, ReLU: exact at every width."""
    statement = r"LayerNorm, ReLU: edges $\frac{(n-1)(n-2)}{n(n-3)}$, times $(\mathbb{E} F)^{L-1}$"
    return Law(statement, MEAN, lambda sizes: relu_through_depth(int(sizes["width"]), int(sizes["depth"])).value)


def relu_limit() -> Law:
    """The same as the width grows: 1, with a correction that a ladder finds."""
    return Law("LayerNorm, ReLU: 1 as $n$ grows, $L$ fixed", MEAN, lambda sizes: 1.0, limits={"width": 1.0})


def rms_relu_law() -> Law:
    """Linear, RMSNorm, ReLU: the mean logarithm between the Linear layers."""

    def value(sizes: Sizes) -> float:
        width = int(sizes["width"])
        return math.exp((sizes["depth"] - 2) * rms_relu_log(width)[0] + rms_relu_first(width))

    statement = r"RMSNorm, ReLU, given $K \geq 2$ in every layer: $\mathbb{E}\log F$, $F = \chi^2_{K-1}/\chi^2_K$"
    return Law(statement, r"$\exp\mathbb{E}\log(\|u_1\|^2/\|u_L\|^2)$", value)


def planted(formula: Callable[[float, float], float], statement: str) -> Law:
    """A wrong formula in n and L."""
    return Law(statement, MEAN, lambda sizes: float(formula(sizes["width"], sizes["depth"])))


def correction_measured(width: float, depth: float, value: float) -> float:
    """n (R^{1/(L−1)} − 1) with the edges taken off R: what a layer with a ReLU adds, times n."""
    edges = (width - 1) * (width - 2) / (width * (width - 3))
    return float(width * ((value / edges) ** (1 / (depth - 1)) - 1))


def _power(kind: str) -> Callable[[Sizes], float]:
    factor = _rate(kind)
    return lambda sizes: factor(sizes["width"]) ** sizes["depth"]


@cache
def _rate(kind: str) -> Callable[[float], float]:
    formula = rate(kind).formula
    return lambda width: float(np.float64(formula.subs(n, int(width))))


def _words(kind: str, formula: str) -> str:
    return f"linear, {'LayerNorm' if kind == 'layernorm' else 'RMSNorm'}: {formula}"
