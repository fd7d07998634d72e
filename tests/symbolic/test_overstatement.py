"""The laws of the error of document 003 (1.10), (1.11), against plain numpy that shares nothing with the derivation."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp

from residua_network import ResiduaError
from residua_symbolic import ProofError
from residua_symbolic.domains.tangents import B, n
from residua_symbolic.overstatement import L, error_of_one, error_through_depth

KINDS = ("layernorm", "rmsnorm")
LAWS = [(kind, law) for kind in KINDS for law in (error_of_one, error_through_depth)] + [("batchnorm", error_of_one)]


def _jacobians(kind: str, h: Any, W: Any) -> tuple[Any, Any, Any]:
    """Output, true Jacobian and W/s of one layer, by hand."""
    z = W @ h
    z = z - z.mean() if kind == "layernorm" else z
    s = np.sqrt((z * z).mean())
    y, width = z / s, len(z)
    projector = np.eye(width) - np.outer(y, y) / width
    if kind == "layernorm":
        projector -= np.ones((width, width)) / width
    return y, projector @ W / s, W / s


def _ensemble(kind: str, width: int, depth: int, count: int, seed: int) -> tuple[float, float]:
    """Ratio of mean squares and its standard error."""
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        h, T, C = rng.normal(size=width), np.eye(width), np.eye(width)
        for _ in range(depth):
            h, true, claimed = _jacobians(kind, h, rng.normal(size=(width, width)) / np.sqrt(width))
            T, C = true @ T, claimed @ C
        pairs.append((((T - C) ** 2).sum(), (T**2).sum()))
    d, t = np.array(pairs).T
    ratio = d.sum() / t.sum()
    return float(ratio), float(np.sqrt(((d - ratio * t) ** 2).sum() / (count * (count - 1))) / t.mean())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("width", "depth", "count"), [(8, 1, 4000), (8, 2, 4000), (16, 5, 3000), (12, 3, 3000)])
def test_the_law_is_exact_at_finite_width(kind: str, width: int, depth: int, count: int) -> None:
    ratio, error = _ensemble(kind, width, depth, count, seed=depth)
    law = error_through_depth(kind).at(width, depth)
    assert error < 0.05 * law
    assert abs(ratio - law) < 4 * error


@pytest.mark.parametrize("kind", KINDS)
def test_the_approximation_that_takes_w_for_independent_of_s_is_refused(kind: str) -> None:
    """n/(n−1) · (n/(n−r))ᴸ − 1: off by O(1/n) a layer, of the order of the effect itself."""
    dropped = 2 if kind == "layernorm" else 1
    ratio, error = _ensemble(kind, 8, 1, 20000, seed=1)
    wrong = 8 / 7 * 8 / (8 - dropped) - 1
    assert abs(ratio - wrong) > 4 * error
    assert abs(ratio - error_through_depth(kind).at(8, 1)) < 4 * error


def test_known_values() -> None:
    assert error_of_one("layernorm").formula == 2 / (n - 2)
    assert error_of_one("rmsnorm").formula == 1 / (n - 1)
    assert sp.simplify(error_through_depth("rmsnorm").formula - 1 + ((n - 2) / (n - 1)) ** (L + 1)) == 0
    one = (3 * n - 4) / ((n - 1) * (n - 2))  # by hand
    assert sp.simplify(error_through_depth("layernorm").formula.subs(L, 1) - one) == 0


@pytest.mark.parametrize("batch", [3, 4, 9])
def test_the_law_of_batch_norm_is_that_of_any_feature(batch: int) -> None:
    """By hand: (1.10) keeps I / s where the truth is (I − 11ᵀ/B − x̂x̂ᵀ/B) / s."""
    law = error_of_one("batchnorm")
    assert law.formula == 2 / (B - 2)
    assert law.size == B
    x = np.random.default_rng(batch).normal(size=batch)
    xhat = (x - x.mean()) / x.std()
    dropped = (np.ones((batch, batch)) + np.outer(xhat, xhat)) / batch
    true = np.eye(batch) - dropped
    assert law.at(batch) == pytest.approx((dropped**2).sum() / (true**2).sum(), rel=1e-12)
    assert law.at(2) == float("inf")


def test_through_depth_there_is_no_law_where_rows_are_coupled() -> None:
    with pytest.raises(ResiduaError, match="there is no law for batchnorm, whose rows are coupled"):
        error_through_depth("batchnorm")


def test_for_rms_it_tends_to_one_and_for_layer_normalisation_it_grows() -> None:
    assert error_through_depth("rmsnorm").at(16, 500) == pytest.approx(1.0, abs=1e-9)
    assert error_through_depth("layernorm").at(16, 500) > 1e10


@pytest.mark.parametrize("kind", KINDS)
def test_below_the_smallest_width_there_is_none(kind: str) -> None:
    assert error_through_depth(kind).at(2, 3) == float("inf")
    assert error_of_one(kind).at(1) == float("inf")
    assert np.isfinite(error_through_depth(kind).at(4, 3))


@pytest.mark.parametrize(("kind", "law"), LAWS)
def test_every_step_proves_itself_and_refuses_what_is_wrong(kind: str, law: Any) -> None:
    derivation = law(kind)
    derivation.check()
    for step in derivation.steps:
        if not step.proofs or isinstance(step.right, sp.Tuple):
            continue
        for wrong in (step.right + 1, step.right * sp.Rational(11, 10) + sp.Rational(1, 7)):
            with pytest.raises(ProofError):
                replace(step, right=wrong).check()
