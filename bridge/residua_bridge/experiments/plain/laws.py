"""Laws of plain networks judged along ladders: each an entry of a section, with budget, waterfall and figures."""

from dataclasses import dataclass

from residua_bridge.budgets.law import Law, Sizes
from residua_symbolic.moments.integrals import gaussian
from residua_symbolic.moments.plain import breakpoints, phase, relu_chain


def _shape(sizes: Sizes) -> tuple[int, int]:
    return int(sizes["width"]), int(sizes["depth"])


# He-initialised ReLU networks


def mean_logarithm() -> Law:
    """L E log (2/n) χ²_K, K > 0."""

    def value(sizes: Sizes) -> float:
        width, depth = _shape(sizes)
        return depth * relu_chain.log_mean(width)

    return Law("The mean logarithm of the ratio is that of $L$ variables $(2/n)\\chi^2_K$", "E log ratio", value)


def variance_of_logarithm() -> Law:
    """L Var log (2/n) χ²_K."""

    def value(sizes: Sizes) -> float:
        width, depth = _shape(sizes)
        return depth * relu_chain.log_variance(width)

    statement = "The variance of its logarithm is the sum of the layers' own: digamma and trigamma sums"
    return Law(statement, "variance of log ratio", value)


def _common(sizes: Sizes) -> float:
    return relu_chain.common_rule(*_shape(sizes))


def common_rule() -> Law:
    """5 Σ 1/n taken at its word, what it leaves out being known."""

    def beyond(sizes: Sizes) -> float:
        width, depth = _shape(sizes)
        return depth * relu_chain.log_variance(width) - _common(sizes)

    return Law(
        "The common rule at its word: the variance of the logarithm is $5 \\sum 1/n_l$",
        "variance of log ratio",
        _common,
        causes={"finite width": beyond},
        approximations=("finite width",),
    )


def common_rule_in_the_limit() -> Law:
    """5 Σ 1/n as the first order in 1/n."""
    return Law(
        "The common rule as $n \\to \\infty$: the variance of the logarithm tends to $5 \\sum 1/n_l$",
        "variance of log ratio",
        _common,
        limits={"width": 1.0},
    )


def arithmetic_mean() -> Law:
    """1 at every width and depth."""
    return Law("The arithmetic mean of the ratio is 1 at every width and depth", "E ratio", lambda sizes: 1.0)


def probability_of_death() -> Law:
    """1 − (1 − 2^−n)^L."""
    return Law(
        "A network lets no gradient through with probability $1 - (1 - 2^{-n})^L$",
        "share of networks without gradient",
        lambda sizes: relu_chain.death(*_shape(sizes)),
    )


# other activations


@dataclass(frozen=True)
class Propagated:
    """The gradient ratio of depth L as the product of χ over the q of each layer, at infinite width."""

    activation: str
    variance: float
    quantity: str = "gradient ratio"

    def __call__(self) -> Law:
        """As n → ∞, with a correction of order 1/n."""
        return Law(
            f"{self.activation}, variance {self.variance:g}/n: as $n \\to \\infty$ the {self.quantity} is "
            "$\\prod_l \\chi(q_l)$",
            self.quantity,
            lambda sizes: phase.gradient_ratio(self.activation, self.variance, 0.0, int(sizes["depth"])),
            limits={"width": 1.0},
        )


@dataclass(frozen=True)
class AtTheFixedPoint:
    """χ(q*)^L, as it is mostly quoted; that the first layers are elsewhere is a cause that is known."""

    activation: str
    variance: float

    def __call__(self) -> Law:
        """With the finite depth as an approximation."""
        (q,) = phase.fixed_points(self.activation, self.variance, 0.0)
        chi = phase.growth(self.activation, q, self.variance)

        def value(sizes: Sizes) -> float:
            return float(chi ** int(sizes["depth"]))

        def before(sizes: Sizes) -> float:
            return phase.gradient_ratio(self.activation, self.variance, 0.0, int(sizes["depth"])) - value(sizes)

        return Law(
            f"{self.activation}, variance {self.variance:g}/n: the ratio of means is $\\chi(q_*)^L$, every layer being "
            "at the fixed point",
            "gradient ratio",
            value,
            limits={"width": 1.0},
            causes={"finite depth": before},
            approximations=("finite depth",),
        )


@dataclass(frozen=True)
class LayerNormalised:
    """Linear, layer normalisation, activation: (E φ'²)^L / (E φ²)^(L−1) at infinite width, whatever the variance."""

    activation: str

    def __call__(self) -> Law:
        """The first layer divides by the size of its weights times the input's, 1; all others by E φ², too."""
        slope = gaussian.slope_square(self.activation, 1.0).value
        square = gaussian.square(self.activation, 1.0).value

        def value(sizes: Sizes) -> float:
            depth = int(sizes["depth"])
            return float(slope**depth / square ** (depth - 1))

        statement = (
            f"{self.activation} with layer normalisation: as $n \\to \\infty$ the ratio of means is "
            "$(E\\varphi'^2)^L / (E\\varphi^2)^{L-1}$"
        )
        return Law(statement, "gradient ratio", value, limits={"width": 1.0})


def same_at_every_variance() -> Law:
    """Scaled weights scale what is divided by and nothing else: to rounding, network by network."""
    return Law(
        "tanh with layer normalisation: the ratio of each network is the same for every variance of its weights, at "
        "every width",
        "relative change of the ratio",
        lambda sizes: 0.0,
        scale=lambda sizes: 1.0,
    )


# pieces


@dataclass(frozen=True)
class KinksOfHe:
    """(2/π) arctan(y/a_l), a_l = σ_b √(l/2)."""

    bias: float
    reach: float
    exact: bool = False

    def __call__(self) -> Law:
        """As n → ∞; the first layer at every n."""

        def value(sizes: Sizes) -> float:
            return breakpoints.cauchy_share(breakpoints.he_scale(int(sizes["layer"]), self.bias), self.reach)

        which = "first layer, every width" if self.exact else "deeper layers, as $n \\to \\infty$"
        return Law(
            f"He weights, biases $N(0, {self.bias:g}^2)$: kinks of a neuron within ±{self.reach:g} are "
            f"$(2/\\pi)\\arctan(y/a_l)$ ({which})",
            "kinks per neuron",
            value,
            limits={} if self.exact else {"width": 1.0},
        )


@dataclass(frozen=True)
class KinksOfTorch:
    """torch's default: y/2 or 1 − 1/(2y) in the first layer, (2/π) arctan(y/a_l) in the others."""

    reach: float
    first: bool = False

    def __call__(self) -> Law:
        """The first layer at every width, the others as n → ∞ with the biases' share at width n in them."""

        def value(sizes: Sizes) -> float:
            if self.first:
                return breakpoints.torch_first(self.reach)
            layer, width = int(sizes["layer"]), int(sizes["width"])
            return breakpoints.cauchy_share(breakpoints.torch_scale(layer, width), self.reach)

        which = "first layer, every width" if self.first else "deeper layers, as $n \\to \\infty$"
        return Law(
            f"torch's default: expected kinks of a neuron within ±{self.reach:g} ({which})",
            "kinks per neuron",
            value,
            limits={} if self.first else {"width": 1.0},
        )
