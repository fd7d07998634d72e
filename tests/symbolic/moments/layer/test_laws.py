"""Laws of layer and RMS normalisation at initialisation, against plain numpy that shares nothing with them."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy.special import digamma, polygamma
from scipy.stats import kstest

from residua_network import ResiduaError
from residua_symbolic import ProofError
from residua_symbolic.domains.tangents import n
from residua_symbolic.moments.integrals.psi import Psi, with_psi, without_psi
from residua_symbolic.moments.layer.laws import log_rate, log_spread, rate, through_depth
from residua_symbolic.moments.layer.premises import quotient
from residua_symbolic.moments.layer.projectors import Plain, T, orthogonal_to
from residua_symbolic.moments.layer.ratio import LayerRatio
from residua_symbolic.moments.layer.signs import signs
from residua_symbolic.moments.layer.terms import COUNT, KINDS, L, positive
from residua_symbolic.overstatement import error_through_depth
from residua_symbolic.printing import latex

LAWS = (rate, log_rate, log_spread, signs, through_depth)


def ensemble(kind: str, widths: tuple[int, ...], count: int, seed: int, length: float = 1) -> Any:
    """‖g_0‖²/‖g_L‖² of nets drawn by hand: widths of the input and of every layer; weights of variance 3/n."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        h = rng.normal(size=widths[0])
        h *= length * np.sqrt(widths[0]) / np.linalg.norm(h)
        passed = []
        for inside, outside in pairwise(widths):
            W = rng.normal(size=(outside, inside)) * np.sqrt(3 / inside)
            x = W @ h
            x = x - x.mean() if kind == "layernorm" else x
            s = np.sqrt((x * x).mean())
            h = x / s
            passed.append((W, h, s))
        g = rng.normal(size=widths[-1])
        top = g @ g
        for W, xhat, s in reversed(passed):
            g = g - g.mean() if kind == "layernorm" else g
            g = W.T @ ((g - xhat * (xhat @ g) / len(xhat)) / s)
        found.append(g @ g / top)
    return np.array(found)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("widths", [(12, 12, 12, 12), (9, 14, 20, 7)])
def test_the_whole_distribution_is_exact(kind: str, widths: tuple[int, ...]) -> None:
    ratios, law = ensemble(kind, widths, 4000, seed=widths[0]), LayerRatio(kind, widths)
    logs = np.log(ratios)
    assert kstest(logs, law.cdf).pvalue > 1e-4
    assert abs(logs.mean() - law.log_mean) < 4 * logs.std() / np.sqrt(len(logs))
    spread = (logs - logs.mean()) ** 2
    assert abs(spread.mean() - law.log_variance) < 4 * spread.std() / np.sqrt(len(logs))
    assert abs(ratios.mean() - law.mean) < 5 * np.sqrt(law.variance / len(ratios))


def test_an_input_of_another_length_divides_the_ratio() -> None:
    """The assumption that its mean square is 1: one four times as large makes every ratio a quarter."""
    assert all("mean square 1" in " ".join(law(kind).assumptions) for law in LAWS for kind in KINDS)
    unit, longer = (ensemble("layernorm", (6, 6, 6), 5, seed=4, length=length) for length in (1, 2))
    assert longer == pytest.approx(unit / 4)


def test_a_law_with_one_degree_of_freedom_more_is_noticed() -> None:
    logs = np.log(ensemble("layernorm", (5, 5, 5, 5), 4000, seed=12))
    assert kstest(logs, LayerRatio("layernorm", (5, 5, 5, 5)).cdf).pvalue > 1e-4
    assert kstest(logs, LayerRatio("rmsnorm", (5, 5, 5, 5)).cdf).pvalue < 1e-4
    assert kstest(logs, LayerRatio("layernorm", (5, 5, 5)).cdf).pvalue < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_formulas_and_distribution_say_the_same(kind: str) -> None:
    for width, depth in ((4, 3), (7, 1), (40, 9)):
        law = LayerRatio(kind, (width,) * (depth + 1))
        assert law.mean == pytest.approx(float(through_depth(kind).formula.subs({n: width, L: depth})), rel=1e-12)
        once = LayerRatio(kind, (width,) * (depth + 2))
        log = float(sp.N(without_psi(log_rate(kind).formula).subs(n, width)))
        assert once.log_mean - law.log_mean == pytest.approx(log, rel=1e-9)
        spread = float(sp.N(without_psi(log_spread(kind).formula).subs(n, width)))
        assert once.log_variance - law.log_variance == pytest.approx(spread, rel=1e-9)


def test_known_values() -> None:
    assert rate("layernorm").formula == (n - 2) / (n - 3)
    assert rate("rmsnorm").formula == (n - 1) / (n - 2)
    for width in (4, 9, 50):
        value = float(sp.N(log_rate("layernorm").formula.subs(n, width)))
        assert value == pytest.approx(digamma((width - 2) / 2) - digamma((width - 1) / 2), rel=1e-12)
        assert float(sp.N(log_spread("rmsnorm").formula.subs(n, width))) == pytest.approx(4 * polygamma(1, width - 1))


@pytest.mark.parametrize("kind", KINDS)
def test_mean_and_logarithm_lie_between_the_same_bounds(kind: str) -> None:
    """1/kept < log E F < 1/(kept − 1), and so does −E log F."""
    for width in range(rate(kind).freedom.subs(n, 0) * -1 + 3, 60):
        kept = int(rate(kind).kept.subs(n, width))
        if kept < 2:
            continue
        up = float(sp.log(rate(kind).formula.subs(n, width)))
        down = -float(sp.N(log_rate(kind).formula.subs(n, width)))
        assert 1 / kept < up < 1 / (kept - 1)
        assert 1 / kept < down < 1 / (kept - 1)


def test_rms_at_n_is_layer_normalisation_at_n_plus_one() -> None:
    for law in (rate, log_rate, log_spread):
        assert sp.simplify(law("layernorm").formula.subs(n, n + 1) - law("rmsnorm").formula) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_true_part_of_the_law_of_what_003_overstates(kind: str) -> None:
    """By hand at width 5: E‖W/s‖² of what acts beside h, n (n − 1) entries, and of x hᵀ/‖h‖², which knows s."""
    inverse = 1 / (5 - 1 - 2 if kind == "layernorm" else 5 - 2)
    claimed = (5 * 4 * inverse + 1 + inverse * (kind == "layernorm")) / 5
    truth = LayerRatio(kind, (5, 5)).mean
    assert claimed / truth == pytest.approx(1 + error_through_depth(kind).at(5, 1), rel=1e-12)


def mistakes(right: sp.Expr, size: sp.Symbol) -> tuple[sp.Expr, ...]:
    """Wrong right-hand sides: a little more, a term of order 1/size, twice it, its negative, one less of the size."""
    small = sp.Rational(1, 10**9)
    shifted = (right.subs(size, size - 1),) if right.has(size) else ()
    doubled = () if right == 0 else (2 * right, -right)
    return (right + small, right + 1 / size, *doubled, *shifted)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("law", LAWS)
def test_every_step_proves_itself_and_refuses_what_is_wrong(kind: str, law: Any) -> None:
    derivation = law(kind)
    derivation.check()
    for step in derivation.steps:
        if not step.proofs or isinstance(step.right, sp.Tuple):
            continue
        for wrong in mistakes(step.right, n):
            with pytest.raises(ProofError):
                replace(step, right=wrong).check()


def test_the_signs_are_refused_the_other_way_round() -> None:
    final = signs("layernorm").steps[-1]
    with pytest.raises(ProofError):
        replace(final, right=sp.Tuple(-1, 1)).check()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_argued_says_so(kind: str) -> None:
    assert ["argued" in step.reason for step in quotient(kind) if not step.proofs] == [True]


def test_moments_that_do_not_exist_are_named() -> None:
    with pytest.raises(ResiduaError, match=r"E R\^1 does not exist.*2 degrees of freedom.*layernorm at width 3"):
        _ = LayerRatio("layernorm", (8, 3)).mean
    assert LayerRatio("layernorm", (8, 5)).variance == float("inf")
    assert LayerRatio("layernorm", (8, 6)).variance < float("inf")
    with pytest.raises(ResiduaError, match="leaves no gradient"):
        LayerRatio("layernorm", (8, 2))
    with pytest.raises(ResiduaError, match="at least one layer"):
        LayerRatio("layernorm", (8,))
    with pytest.raises(ResiduaError, match="kind"):
        LayerRatio("batchnorm", (8, 8))


def test_projectors_for_every_n() -> None:
    one = orthogonal_to(0, among=2)
    assert one.projects
    assert one.trace == n - 1
    assert sp.simplify(one.generating - (1 - 2 * T) ** (-(n - 1) / 2)) == 0
    both = one @ orthogonal_to(1, among=2)
    assert both.projects
    assert both.trace == n - 2
    assert not Plain(sp.Integer(2), sp.zeros(1, 1)).projects
    assert not Plain(sp.Integer(1), sp.diag(-2)).projects


def test_signs_of_coefficients_do_not_prove_too_much() -> None:
    assert positive(1 / (n - 3), n - 2)
    assert not positive((n - 5) / (n - 3), n - 2)  # negative at n = 4
    assert not positive(1 / (n - 4), n - 2)  # infinite there
    assert not positive((n - COUNT) / n, n - 2, COUNT)


def test_psi_is_printed_and_evaluated() -> None:
    e = with_psi(sp.digamma(n / 2) - 4 * sp.trigamma(n) ** 2)
    assert latex(Psi(1, n)) == r"\psi'\left(n\right)"
    assert r"\operatorname" not in latex(e)
    assert float(e.subs(n, 3).evalf()) == pytest.approx(digamma(1.5) - 4 * polygamma(1, 3) ** 2)
