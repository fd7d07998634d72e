"""From a standardised difference to a word, with error rates that hold over all looks together.

At every look the probability p is computed of a difference this large where the law is true. It *differs* where
p < α_k. The union bound over the looks gives P(differ | true) ≤ Σ α_k, whatever the dependence between looks and
wherever the sequence stops, as long as each p is uniform at its look. Before the bars are narrow enough,
α_k = EARLY/2, EARLY/4, …, in all at most EARLY; at the first look that decides (bars narrow enough, or the last one)
DECIDING; at those after it LATER/2, LATER/4, …: in all at most EARLY + DECIDING + LATER = 3 %. That is below the 5 %
that are allowed, since p is only nearly uniform: a t statistic of skewed values, a fit of a ladder.

With one number to judge, DECIDING is 2.355 standard errors: whatever is 4 of them off is found with probability
Φ(4 − 2.355) = 95 %. It *agrees* where p ≥ WITHIN (1.645 standard errors) and the bar is so narrow that a difference of
`resolution` lies (1.645 + 2.355) = 4 of them away, and so would have agreed with probability Φ(1.645 − 4) < 1 %. In
between, more is drawn: a true law gets there in 8 % of first decisions, and comes back from there mostly; of one that
is 4 bars off, 5 % get there, and twice the repetitions make √2 · 4 bars of it, beyond the next level by 2.8.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import chi2, norm, t

EARLY, DECIDING, LATER = 0.0015, 0.0185, 0.01
WITHIN = 0.1
MISSED = DECIDING / 2  # of differences as large as the resolution agree at most


@dataclass(frozen=True)
class Spending:
    """How much of the error rate has been spent: the number of early looks, and of those that decide."""

    early: int = 0
    deciding: int = 0

    def level(self, decides: bool) -> float:
        """The error rate of the next look."""
        if not decides:
            return EARLY * 0.5 ** (self.early + 1)
        return DECIDING if not self.deciding else LATER * 0.5**self.deciding

    def after(self, decides: bool) -> "Spending":
        """What is spent once the look is taken."""
        return Spending(self.early + (not decides), self.deciding + decides)


def standardised(difference: float, bar: float, freedom: float, skewness: float) -> float:
    """The standard normal quantile of a difference in units of its bar; NaN where that makes no sense.

    Student's t by `freedom`, after Hall's transformation (J. R. Statist. Soc. B 54, 1992), T + KT²/3 + K²T³/27 + K/6,
    which takes the effect of the estimate's own skewness K off a studentised mean.
    """
    if difference == 0 and bar == 0:
        return 0.0
    if not bar > 0:
        return math.copysign(math.inf, difference) if bar == 0 else math.nan
    T, K = difference / bar, skewness
    shifted = T + K * T**2 / 3 + K**2 * T**3 / 27 + K / 6
    if not math.isfinite(shifted) or not freedom > 0:
        return math.nan
    tail = float(t.logsf(abs(shifted), freedom)) if math.isfinite(freedom) else float(norm.logsf(abs(shifted)))
    return math.copysign(_normal_quantile(tail), shifted)


def _normal_quantile(log_tail: float) -> float:
    """z with ln P(Z > z) = log_tail; far out by z² = −2(ln tail + ln(z√2π))."""
    if log_tail > -700:
        return float(norm.isf(math.exp(log_tail)))
    return math.sqrt(-2 * log_tail)


def probability(z: Sequence[float]) -> float:
    """Of independent standardised differences at least as large, all of them together or one alone; NaN stays."""
    if any(math.isnan(one) for one in z):
        return math.nan
    largest = min(1.0, len(z) * 2 * float(norm.sf(max(map(abs, z)))))
    if len(z) == 1:
        return largest
    return min(1.0, 2 * min(largest, float(chi2.sf(sum(one**2 for one in z), len(z)))))


def bars_needed(count: int) -> float:
    """How many bars the resolution must measure, so that of `count` numbers none is missed: 4 for one."""
    tails = 2 if count == 1 else 4 * count  # as `probability` counts them
    return float(norm.isf(WITHIN / tails) + norm.isf(MISSED))
