"""What a statistic over a batch of samples is made of: not of the statistics of single samples."""

from functools import cache

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same

SPLIT = "One variance over all samples"
N, M = sp.symbols("N M", integer=True, positive=True)  # samples, values of a channel in one of them
MEAN, OWN = sp.IndexedBase("mu", real=True), sp.IndexedBase("sigma", real=True)
n, m = sp.symbols("n m", integer=True, positive=True)
X = sp.IndexedBase("x", real=True)
SQUARE, OF_MEANS, MIDDLE = sp.symbols("Q P mu", real=True)  # means of x², of μ_n², of x
SIZES = ((1, 2), (2, 1), (2, 2), (3, 2), (2, 3))


@cache
def split() -> Derivation:
    """σ² over N samples of M values each = mean of the samples' own variances + variance of their means."""
    within, between = SQUARE - OF_MEANS, OF_MEANS - MIDDLE**2
    steps = (
        Step(
            "mean",
            MIDDLE,
            sp.Sum(MEAN[n], (n, 1, N)) / N,
            "all samples have as many values: the mean over N M values is the mean of the samples' means",
            (Proof("N and M up to 3, any values", _means),),
        ),
        Step(
            "variance", sp.Symbol("sigma^2"), SQUARE - MIDDLE**2, "definition; Q is the mean of x² over all N M values"
        ),
        Step("within a sample, on average", sp.Symbol("W"), within, "mean of Q_n − μ_n²; P is the mean of μ_n²"),
        Step("between samples", sp.Symbol("V"), between, "the variance of the samples' means"),
        Step(
            "together",
            sp.Symbol("sigma^2"),
            sp.Symbol("W") + sp.Symbol("V"),
            "so that the variance of a batch is that of a sample only where all samples have the same mean; with one "
            "value a sample (M = 1) each sample's own variance is 0 and all of it lies between samples",
            (
                Proof(
                    "every N and M, as an identity",
                    lambda right: same(
                        right.subs({sp.Symbol("W"): within, sp.Symbol("V"): between}), SQUARE - MIDDLE**2
                    ),
                ),
                Proof("N and M up to 3, any values", _variances),
            ),
        ),
    )
    assumptions = ("one channel; N samples of M = H·W values each, or of M = 1 where layers are vectors",)
    return Derivation(SPLIT, sp.Symbol("sigma^2"), steps[-1].right, assumptions, steps)


def _means(right: sp.Expr) -> bool:
    def one(samples: int, values: int) -> bool:
        x, means, _ = _drawn(samples, values)
        stated = right.subs(N, samples).doit().subs({MEAN[k + 1]: mean for k, mean in enumerate(means)})
        return bool(sp.expand(sp.Add(*sum(x, ())) / (samples * values) - stated) == 0)

    return all(one(*size) for size in SIZES)


def _variances(right: sp.Expr) -> bool:
    def one(samples: int, values: int) -> bool:
        x, means, own = _drawn(samples, values)
        every = sum(x, ())
        middle = sp.Add(*every) / len(every)
        whole = sp.Add(*((e - middle) ** 2 for e in every)) / len(every)
        between = sp.Add(*((mean - middle) ** 2 for mean in means)) / samples
        stated = right.subs({sp.Symbol("W"): sp.Add(*own) / samples, sp.Symbol("V"): between})
        return bool(sp.expand(whole - stated) == 0)

    return all(one(*size) for size in SIZES)


def _drawn(samples: int, values: int) -> tuple[list[tuple[sp.Expr, ...]], list[sp.Expr], list[sp.Expr]]:
    """Free values, and the mean and the variance of each sample."""
    x = [sp.symbols(f"x_{k}_1:{values + 1}", real=True) for k in range(samples)]
    means = [sp.Add(*row) / values for row in x]
    own = [sp.Add(*((e - mean) ** 2 for e in row)) / values for row, mean in zip(x, means, strict=True)]
    return x, means, own
