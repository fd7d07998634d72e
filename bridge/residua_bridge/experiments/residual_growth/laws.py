"""The laws of residual growth as the study states them, and those of another block order, applied wrongly."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from residua_bridge.budgets.law import Law, Sizes
from residua_symbolic.moments.residual.laws import GRADIENT, MEAN_SQUARE, ResidualLaw
from residua_symbolic.moments.residual.linear import log_growth
from residua_symbolic.moments.residual.relu import gradient_at_width

Of = Literal["gradient", "mean square", "mean", "variance"]
RATIO = "gradient ratio"
QUANTITIES = {GRADIENT: RATIO, MEAN_SQUARE: MEAN_SQUARE, "mean": "mean", "variance": "variance"}
ALONG = "gradient along the stream"
WIDE = {"width": 1.0}  # the correction is of order 1/n


def value_of(law: ResidualLaw, of: str) -> Callable[[Sizes], float]:
    """The law of a quantity at the output, or of the whole gradient ratio, as a function of the sizes."""

    def value(sizes: Sizes) -> float:
        depth = int(sizes["depth"])
        if of == GRADIENT:
            return law.gradient_ratio(depth)
        if of == "variance":  # over the n features of a row: the mean of a row takes 1/n of it
            return float(law.variances(depth)[-1]) * (1 - 1 / sizes["width"])
        return float((law.means(depth) if of == "mean" else law.mean_squares(depth))[-1])

    return value


@dataclass(frozen=True)
class Derived:
    """The law of this block order; a limit of width where it is derived as one."""

    law: ResidualLaw
    of: Of
    formula: str

    def __call__(self) -> Law:
        """With what is known of the gradient of Linear → ReLU at finite width."""
        exact = self.of in ("mean", "variance") or self.of in self.law.exact
        where = "at every width" if exact else "as $n \\to \\infty$"
        return Law(
            f"{self.law.words}: {self.formula}, {where}",
            QUANTITIES[self.of],
            value_of(self.law, self.of),
            limits={} if exact else WIDE,
            causes={ALONG: self._along} if self._carries and self.of == GRADIENT else {},
        )

    @property
    def _carries(self) -> bool:
        return (self.law.order, self.law.branch) == ("none", "linear relu")

    def _along(self, sizes: Sizes) -> float:
        depth = int(sizes["depth"])
        whole = gradient_at_width(depth, int(sizes["width"]), self.law.gain)
        return whole - self.law.gradient_ratio(depth)


@dataclass(frozen=True)
class Mistaken:
    """The law of another block, claimed of this one; `why` is the cause that tells them apart."""

    law: ResidualLaw
    other: ResidualLaw
    of: Of
    formula: str
    why: str

    def __call__(self) -> Law:
        """The right law less the wrong one is a cause that never yields agreement."""
        wrong, right = value_of(self.other, self.of), value_of(self.law, self.of)
        exact = self.of in self.law.exact
        return Law(
            f"{self.law.words} taken for {self.other.words}: {self.formula}",
            QUANTITIES[self.of],
            wrong,
            limits={} if exact else WIDE,
            causes={self.why: lambda sizes: right(sizes) - wrong(sizes)},
            approximations=(self.why,),
        )


LINEAR = ResidualLaw("none", "linear")
SCALED = "branches times $1/\\sqrt{L}$"


def scaled_exactly() -> Law:
    """(1 + 1/L)^L."""
    return Law(f"x + Linear, {SCALED}: $(1 + 1/L)^L$, at every width", RATIO, _scaled)


def scaled_in_the_limit() -> Law:
    """e as L → ∞."""
    return Law(
        f"x + Linear, {SCALED}: tends to $e$ as $L \\to \\infty$", RATIO, lambda sizes: math.e, limits={"depth": 1.0}
    )


def scaled_at_once() -> Law:
    """e at a finite depth: (1 + 1/L)^L − e is left out, about −e/(2L)."""
    return Law(
        f"x + Linear, {SCALED}: $e$ at a finite depth",
        RATIO,
        lambda sizes: math.e,
        causes={"finite depth": lambda sizes: _scaled(sizes) - math.e},
        approximations=("finite depth",),
    )


def geometric_mean() -> Law:
    """exp of L times the mean logarithm of a non-central χ²."""
    return Law("x + Linear: the geometric mean is $e^{L\\,E\\log f}$, at every width", MEAN_SQUARE, _geometric)


def arithmetic_for_geometric() -> Law:
    """2^L claimed of the geometric mean."""
    return Law(
        "x + Linear: $2^L$ claimed of the geometric mean",
        MEAN_SQUARE,
        value_of(LINEAR, MEAN_SQUARE),
        causes={"another mean": lambda sizes: _geometric(sizes) - value_of(LINEAR, MEAN_SQUARE)(sizes)},
        approximations=("another mean",),
    )


def _scaled(sizes: Sizes) -> float:
    return float((1 + 1 / sizes["depth"]) ** sizes["depth"])


def _geometric(sizes: Sizes) -> float:
    return math.exp(sizes["depth"] * log_growth(int(sizes["width"])))


@dataclass(frozen=True)
class MeanLength:
    """The mean number of branches on the paths of the gradient; with `share`, the share of paths of that length."""

    law: ResidualLaw
    formula: str
    share: int | None = None

    def __call__(self) -> Law:
        """At every width for linear branches, as n → ∞ for others."""
        exact = self.law.branch == "linear"
        where = "at every width" if exact else "as $n \\to \\infty$"
        what = "mean length of paths" if self.share is None else f"share of paths of length {self.share}"
        statement = f"{self.law.words}: {what} {self.formula}, {where}"
        return Law(statement, what, self.value, limits={} if exact else WIDE)

    def value(self, sizes: Sizes) -> float:
        """From the odds of every block."""
        shares = self.law.path_shares(int(sizes["depth"]))
        return float(shares @ np.arange(len(shares)) if self.share is None else shares[self.share])


@dataclass(frozen=True)
class CountedAlike:
    """Every one of the 2^L paths carries the same: half of the blocks on average."""

    law: ResidualLaw

    def __call__(self) -> Law:
        """The odds of a block that is normalised fall: the cause."""
        right = MeanLength(self.law, "").value
        why = "falling odds of later blocks"
        return Law(
            f"{self.law.words} with all paths counted alike: mean length $L/2$",
            "mean length of paths",
            lambda sizes: sizes["depth"] / 2,
            limits=WIDE,
            causes={why: lambda sizes: right(sizes) - sizes["depth"] / 2},
            approximations=(why,),
        )
