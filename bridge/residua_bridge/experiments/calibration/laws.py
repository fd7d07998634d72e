"""Laws that are true, and wrong ones made of them: what verdicts are calibrated on. The networks are real ones."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from scipy.special import digamma
from scipy.stats import binom, chi2

from residua_network import Activation, Linear, Network, Residual

Formula = str | Callable[..., float]
RELU = "L * [Linear(n, n, False), relu]"
LINEAR = "L * Linear(n, n, False)"
LAYER_LINEAR = "L * [Linear(n, n, False), LayerNorm(n, 0)]"
RMS_LINEAR = "L * [Linear(n, n, False), RMSNorm(n, 0)]"
BATCH_LINEAR = "L * [Linear(n, n, False), BatchNorm(n, 0)]"
BATCH_RELU = "L * [Linear(n, n, False), BatchNorm(n, 0), relu]"
TANH = "L * [Linear(n, n, False), tanh]"
RESIDUAL_LINEAR = "L * Residual(Linear(n, n, False), scale=s)"
RESIDUAL_RELU = "L * Residual(relu, Linear(n, n, False), scale=s)"
RESIDUAL_RELU_LAST = "L * Residual(Linear(n, n, False), relu, scale=s)"
PRE_NORM = "L * Residual(LayerNorm(n, 0), relu, Linear(n, n, False))"
PRE_NORM_RELU_LAST = "L * Residual(LayerNorm(n, 0), Linear(n, n, False), relu)"
POST_NORM = "L * [Residual(relu, Linear(n, n, False)), LayerNorm(n, 0)]"
WIDENING = "Linear(n, 2*n, False); relu; Linear(2*n, n, False)"


@dataclass(frozen=True)
class Question:
    """What `law` is asked, but for the formula and the seed."""

    of: str
    network: str | Callable[..., Network]
    at: Mapping[str, float]
    limits: tuple[str, ...] = ()
    ladder: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    init: str | float = "he"
    resolution: float = 0.02


@dataclass(frozen=True)
class TrueLaw:
    """`words` is the formula as a table shows it; `exact` at the sizes themselves, else in the limit of width."""

    name: str
    words: str
    formula: Formula
    question: Question


@dataclass(frozen=True)
class WrongLaw:
    """A formula that does not hold of the networks of `question`.

    `truth` is what holds at every rung of it (in the limit, where one is claimed); None where no formula is known: then
    many more networks than a trial has are drawn at its sizes, with seeds of their own, before any trial.
    """

    fault: str
    words: str
    formula: Formula
    question: Question
    truth: Formula | None


# exact expectations that no text can hold


def log_relu(n: int, L: int) -> float:
    """E log of Π (2/n) χ²_K, K ~ Bin(n, ½) above 0; Hanin, Nica 2018 (arXiv:1812.05994)."""
    k = np.arange(1, n + 1)
    shares = binom.pmf(k, n, 0.5)
    return L * float(shares @ (math.log(4 / n) + digamma(k / 2)) / shares.sum())


def log_linear(n: int, L: int) -> float:
    """E log of Π χ²_n / n."""
    return L * (math.log(2 / n) + float(digamma(n / 2)))


def geometric_linear(n: int, L: int) -> float:
    """exp of that."""
    return math.exp(log_linear(n, L))


def log_layer(n: int, L: int) -> float:
    """E log of the ratio of L linear layers with layer normalisation: two directions are taken out of n at the top,
    one of n − 1 below."""
    inner = digamma((n - 2) / 2) - digamma((n - 1) / 2)
    return float((L - 1) * inner + digamma((n - 2) / 2) - digamma(n / 2))


def log_rms(n: int, L: int) -> float:
    """The same with RMS normalisation: one direction is taken out at the top, none below, where it is gone already."""
    return float((L + 1) * (digamma((n - 1) / 2) - digamma(n / 2)))


def median_linear(n: int) -> float:
    """Median of χ²_n / n."""
    return float(chi2.median(n)) / n


def batch_relu(B: int) -> float:
    """The factor of an inner layer, Linear → batch statistics → ReLU."""
    from residua_symbolic.moments.batch.laws import layer_law

    return layer_law("relu").growth(B)


NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(120)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


@cache
def tanh_slopes(depth: int, frozen: bool) -> float:
    """Π χ over the layers at weight variance 2, χ = 2 E tanh′(√q z)², with q as it is, or frozen at the first layer."""
    q, product = 2.0, 1.0
    for _ in range(depth):
        values = np.tanh(math.sqrt(q) * NODES)
        product *= 2 * float(WEIGHTS @ (1 - values**2) ** 2)
        q = q if frozen else 2 * float(WEIGHTS @ values**2)
    return product


def tanh_ratio(L: int) -> float:
    """Mean field, width → ∞; Poole et al. 2016 (arXiv:1606.05340)."""
    return tanh_slopes(L, frozen=False)


def tanh_frozen(L: int) -> float:
    """The same with the variance of the first layer in every layer."""
    return tanh_slopes(L, frozen=True)


def fading(n: int, L: int) -> Network:
    """Residual blocks of gain ¼, of which those from the fifth on have a fifth less of it."""
    blocks = [Residual((Linear(n, n, False),), 0.5 if k < 4 else 0.5 * math.sqrt(0.8)) for k in range(L)]
    return Network(tuple(blocks))


def saturating(n: int, L: int) -> Network:
    """Linear layers that keep the gradient, of which those from the fifth on are followed by a tanh."""
    layers = [(Linear(n, n, False), Activation("identity" if k < 4 else "tanh")) for k in range(L)]
    return Network(tuple(layer for block in layers for layer in block))


LOG_RELU = r"$L\,E\log((2/n)\chi^2_K)$"
S = 0.5  # scale of the residual branches
EXACT = (
    TrueLaw("plain ReLU", "1", "1", Question("gradient ratio", RELU, {"n": 48, "L": 3})),
    TrueLaw(
        "plain ReLU, variance s",
        r"$(s/2)^L$",
        "(s/2)^L",
        Question("gradient ratio", RELU, {"n": 24, "L": 4, "s": 1.8}, init="s"),
    ),
    TrueLaw(
        "plain ReLU, logarithm",
        LOG_RELU,
        log_relu,
        Question("log gradient ratio", RELU, {"n": 48, "L": 3}),
    ),
    TrueLaw(
        "plain ReLU, logarithm of the mean square",
        LOG_RELU,
        log_relu,
        Question("log mean square", RELU, {"n": 48, "L": 3, "l": 3}),
    ),
    TrueLaw(
        "linear, geometric mean",
        r"$\exp L(\psi(n/2) + \log(2/n))$",
        geometric_linear,
        Question("geometric gradient ratio", LINEAR, {"n": 16, "L": 3}, init=1.0),
    ),
    TrueLaw(
        "linear, median",
        r"median of $\chi^2_n/n$",
        median_linear,
        Question("median gradient ratio", LINEAR, {"n": 16, "L": 1}, init=1.0),
    ),
    TrueLaw(
        "linear, layer norm",
        "$(n-2)/(n-3)$",
        "(n-2)/(n-3)",
        Question("gradient factor", LAYER_LINEAR, {"n": 12, "L": 3, "l": 1}),
    ),
    TrueLaw(
        "linear, layer norm, logarithm",
        r"$L\,\psi(\frac{n-2}{2}) - (L-1)\,\psi(\frac{n-1}{2}) - \psi(\frac{n}{2})$",
        log_layer,
        Question("log gradient ratio", LAYER_LINEAR, {"n": 12, "L": 3}),
    ),
    TrueLaw(
        "linear, RMS norm",
        "$(n-1)/(n-2)$",
        "(n-1)/(n-2)",
        Question("gradient factor", RMS_LINEAR, {"n": 12, "L": 3, "l": 1}),
    ),
    TrueLaw(
        "linear, RMS norm, logarithm",
        r"$(L+1)(\psi(\frac{n-1}{2}) - \psi(\frac{n}{2}))$",
        log_rms,
        Question("log gradient ratio", RMS_LINEAR, {"n": 12, "L": 3}),
    ),
    TrueLaw(
        "residual, linear",
        "$(1+s^2)^L$",
        "(1+s^2)^L",
        Question("gradient ratio", RESIDUAL_LINEAR, {"n": 16, "L": 6, "s": S}, init=1.0),
    ),
    TrueLaw(
        "residual, linear, mean square",
        "$(1+s^2)^l$",
        "(1+s^2)^l",
        Question("mean square", RESIDUAL_LINEAR, {"n": 16, "L": 8, "l": 8, "s": S}, init=1.0),
    ),
    TrueLaw(
        "widening, Xavier",
        "4/9",
        "4/9",
        Question("network gradient ratio", WIDENING, {"n": 16}, init="xavier"),
    ),
    TrueLaw(
        "pre-norm, first mean square",
        "2",
        "1+l",
        Question("mean square", PRE_NORM, {"n": 24, "L": 2, "l": 1}),
    ),
)
LIMITS = (
    TrueLaw(
        "linear, batch statistics",
        "$(B-2)/(B-3)$, as $n$ grows",
        "(B-2)/(B-3)",
        Question("gradient factor", BATCH_LINEAR, {"n": 64, "L": 3, "l": 1, "B": 8}, ("n",), {"n": (16, 32, 64)}),
    ),
    TrueLaw(
        "ReLU, batch statistics",
        "that of every $B$, as $n$ grows",
        batch_relu,
        Question("gradient factor", BATCH_RELU, {"n": 64, "L": 3, "l": 1, "B": 8}, ("n",), {"n": (16, 32, 64)}),
    ),
    TrueLaw(
        "residual, ReLU then Linear",
        "$(1+s^2)^L$, as $n$ grows",
        "(1+s^2)^L",
        Question("gradient ratio", RESIDUAL_RELU, {"n": 64, "L": 4, "s": S}, ("n",), {"n": (16, 32, 64)}),
    ),
    TrueLaw(
        "pre-norm",
        "$(1+L)/(1+l)$, as $n$ grows",
        "(1+L)/(1+l)",
        Question("gradient ratio", PRE_NORM, {"n": 96, "L": 3}, ("n",), {"n": (24, 48, 96)}),
    ),
    TrueLaw(
        "pre-norm, mean square",
        "$1+l$, as $n$ grows",
        "1+l",
        Question("mean square", PRE_NORM, {"n": 64, "L": 4, "l": 4}, ("n",), {"n": (16, 32, 64)}),
    ),
    TrueLaw(
        "tanh",
        r"$\prod\chi$, as $n$ grows",
        tanh_ratio,
        Question("gradient ratio", TANH, {"n": 128, "L": 2}, ("n",), {"n": (32, 64, 128)}),
    ),
)
TRUE_LAWS = (*EXACT, *LIMITS)


def _question(name: str, **changed: object) -> Question:
    """That of a true law, with some of it changed."""
    question = next(law.question for law in TRUE_LAWS if law.name == name)
    at = {**question.at, **changed.pop("at", {})}  # type: ignore[dict-item]
    return replace(question, at=at, **changed)  # type: ignore[arg-type]


FACTOR, EXPONENT = "a factor", "an exponent"
BATCH, WIDTH = "$(B-1)/(B-3)$ for $(B-2)/(B-3)$", "$n$ for $n-1$"
MEAN, FINITE = "one mean for another", "a limit claimed at finite size"
ORDER, BEYOND = "another block's law", "holds up to some depth only"
NARROW: dict[str, object] = {"limits": (), "ladder": {}}
DEPTHS = {"L": (2.0, 4.0, 8.0)}
WRONG_LAWS = (
    WrongLaw(FACTOR, "1.01 for 1", "1.01", _question("plain ReLU"), "1"),
    WrongLaw(FACTOR, "1.03 for 1", "1.03", _question("plain ReLU"), "1"),
    WrongLaw(FACTOR, r"$1.02\,(1+s^2)^L$", "1.02*(1+s^2)^L", _question("residual, linear"), "(1+s^2)^L"),
    WrongLaw(FACTOR, r"$0.96 \cdot 4/9$", "0.96*4/9", _question("widening, Xavier"), "4/9"),
    WrongLaw(FACTOR, r"$1.05\,(B-2)/(B-3)$", "1.05*(B-2)/(B-3)", _question("linear, batch statistics"), "(B-2)/(B-3)"),
    WrongLaw(FACTOR, r"$0.96\,(1+L)/(1+l)$", "0.96*(1+L)/(1+l)", _question("pre-norm"), "(1+L)/(1+l)"),
    WrongLaw(
        FACTOR,
        "0.97 of the layer norm's",
        "0.97*(n-2)/(n-3)",
        _question("linear, layer norm"),
        "(n-2)/(n-3)",
    ),
    WrongLaw(EXPONENT, "$(s/2)^{L-1}$", "(s/2)^(L-1)", _question("plain ReLU, variance s"), "(s/2)^L"),
    WrongLaw(EXPONENT, "$(1+s^2)^{L-1}$", "(1+s^2)^(L-1)", _question("residual, linear"), "(1+s^2)^L"),
    WrongLaw(EXPONENT, "$((1+L)/(1+l))^{0.95}$", "((1+L)/(1+l))^0.95", _question("pre-norm"), "(1+L)/(1+l)"),
    WrongLaw(EXPONENT, "$(1+s^2)^{L/2}$", "(1+s^2)^(L/2)", _question("residual, ReLU then Linear"), "(1+s^2)^L"),
    WrongLaw(BATCH, "at B = 8", "(B-1)/(B-3)", _question("linear, batch statistics"), "(B-2)/(B-3)"),
    WrongLaw(BATCH, "at B = 24", "(B-1)/(B-3)", _question("linear, batch statistics", at={"B": 24}), "(B-2)/(B-3)"),
    WrongLaw(
        WIDTH,
        "$(n-1)/(n-2)$ with layer norm",
        "(n-1)/(n-2)",
        _question("linear, layer norm", at={"n": 10}, resolution=0.015),
        "(n-2)/(n-3)",
    ),
    WrongLaw(
        WIDTH,
        "$n/(n-1)$ with RMS norm",
        "n/(n-1)",
        _question("linear, RMS norm", at={"n": 8}, resolution=0.015),
        "(n-1)/(n-2)",
    ),
    WrongLaw(
        WIDTH,
        "layer norm, logarithm, $n + 1$ for $n$",
        lambda n, L: log_layer(n + 1, L),
        _question("linear, layer norm, logarithm"),
        log_layer,
    ),
    WrongLaw(MEAN, "arithmetic for geometric, linear", "1", _question("linear, geometric mean"), geometric_linear),
    WrongLaw(MEAN, "arithmetic for logarithm, ReLU", "0", _question("plain ReLU, logarithm"), log_relu),
    WrongLaw(MEAN, "arithmetic for median, linear", "1", _question("linear, median"), median_linear),
    WrongLaw(
        MEAN,
        "geometric for arithmetic, linear",
        geometric_linear,
        _question("linear, geometric mean", of="gradient ratio"),
        "1",
    ),
    WrongLaw(
        FINITE,
        "$(1+L)/(1+l)$ at $n = 12$",
        "(1+L)/(1+l)",
        _question("pre-norm", at={"n": 12, "L": 8}, **NARROW),
        None,
    ),
    WrongLaw(
        FINITE,
        "$(B-2)/(B-3)$ at $n = 16$",
        "(B-2)/(B-3)",
        _question("linear, batch statistics", at={"n": 16}, **NARROW),
        None,
    ),
    WrongLaw(FINITE, r"$\prod\chi$ of tanh at $n = 16$", tanh_ratio, _question("tanh", at={"n": 16}, **NARROW), None),
    WrongLaw(FINITE, r"$\pi/(\pi-1)$ at $B = 8$", "pi/(pi-1)", _question("ReLU, batch statistics"), batch_relu),
    WrongLaw(
        ORDER,
        "$(1+s^2)^l$, Linear then ReLU",
        "(1+s^2)^l",
        Question("mean square", RESIDUAL_RELU_LAST, {"n": 32, "L": 4, "l": 4, "s": S}),
        None,
    ),
    WrongLaw(
        ORDER,
        "$(1+L)/(1+l)$, Linear then ReLU",
        "(1+L)/(1+l)",
        Question("gradient ratio", PRE_NORM_RELU_LAST, {"n": 64, "L": 3}),
        None,
    ),
    WrongLaw(
        ORDER,
        "$(1+L)/(1+l)$, post-norm",
        "(1+L)/(1+l)",
        Question("gradient ratio", POST_NORM, {"n": 32, "L": 3}),
        None,
    ),
    WrongLaw(
        BEYOND,
        "$(5/4)^L$, less from block 5 on",
        "(5/4)^L",
        Question("gradient ratio", fading, {"n": 16, "L": 4}, ladder=DEPTHS, init=1.0),
        lambda L: 1.25 ** min(L, 4) * 1.2 ** max(L - 4, 0),
    ),
    WrongLaw(
        BEYOND,
        "1, tanh from layer 5 on",
        "1",
        Question("gradient ratio", saturating, {"n": 32, "L": 4}, ladder=DEPTHS, init=1.0),
        None,
    ),
    WrongLaw(
        BEYOND,
        "$1 + Ls^2$ for $(1+s^2)^L$",
        "1 + L*s^2",
        Question("gradient ratio", RESIDUAL_LINEAR, {"n": 16, "L": 2, "s": 0.2}, ladder=DEPTHS, init=1.0),
        "(1+s^2)^L",
    ),
)
