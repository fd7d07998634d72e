"""Laws of residual networks against networks drawn in plain numpy, and proofs against planted faults."""

import math
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import sympy as sp
from numpy.typing import NDArray
from scipy import stats

from residua_network import ResiduaError
from residua_symbolic import ProofError
from residua_symbolic.derivation import Derivation, Step
from residua_symbolic.moments.residual import paths as residual_paths
from residua_symbolic.moments.residual import postnorm as residual_postnorm
from residua_symbolic.moments.residual import prenorm as residual_prenorm
from residua_symbolic.moments.residual import relu as residual_relu
from residua_symbolic.moments.residual.laws import (
    GRADIENT,
    MEAN_SQUARE,
    PREDICTION_11,
    PREDICTION_12,
    PREDICTION_13,
    ResidualLaw,
)
from residua_symbolic.moments.residual.linear import log_growth, relative_variance
from residua_symbolic.moments.residual.terms import G, L, l

from ...test_printing import problems

Floats = NDArray[np.float64]
SIGMAS = 5.0  # standard errors: one of a hundred comparisons in two million runs
EVERY = (*PREDICTION_11, *PREDICTION_12, *PREDICTION_13)
ALL = [
    ResidualLaw(order, branch, norm)
    for order, norms in (("none", ("",)), ("pre", ("layernorm", "rmsnorm")), ("post", ("layernorm", "rmsnorm")))
    for branch, norm in product(("linear", "relu linear", "linear relu"), norms)
    if branch != "linear" or order == "none"
]


def proved(derivation: Derivation) -> list[Step]:
    return [step for step in derivation.steps if step.proofs]


@pytest.mark.parametrize("make", EVERY, ids=lambda make: make().title)
def test_every_step_proves_itself_and_refuses_what_is_wrong(make) -> None:  # type: ignore[no-untyped-def]
    derivation = make()
    derivation.check()
    assert len(proved(derivation)) >= 2
    for step in proved(derivation):
        for wrong in wrongs(step.right):
            with pytest.raises(ProofError):
                replace(step, right=wrong).check()
        assert not problems(step.latex()), step.latex()
    assert not problems(derivation.latex())


def wrongs(right: sp.Basic) -> list[sp.Basic]:
    """Near misses."""
    if isinstance(right, sp.Tuple):
        return [sp.Tuple(right[0] + 1, right[1]), sp.Tuple(right[1], right[1])]
    if isinstance(right, sp.MatrixExpr):
        return [2 * right, -right]
    found = [right + sp.Rational(1, 1000), right + 1 / L]
    return found


class Drawn:
    """Residual networks in plain numpy: forward, and the gradient by hand, for `networks` networks at once."""

    def __init__(self, law: ResidualLaw, depth: int, width: int, networks: int, seed: int) -> None:
        self.law, self.n = law, width
        random = np.random.default_rng(seed)
        x = random.normal(size=(networks, width))
        x *= math.sqrt(width) / np.linalg.norm(x, axis=1, keepdims=True)
        v = law.gain * (1 if law.branch == "linear" else 2)
        self.streams, tape = [x], []
        for _ in range(depth):
            W = random.normal(size=(networks, width, width)) * math.sqrt(v / width)
            u, s = self.normalised(x) if law.order == "pre" else (x, None)
            y, gates = self.branch(W, u)
            z = x + y
            t, s_after = self.normalised(z) if law.order == "post" else (z, None)
            tape.append((W, u, s, gates, t, s_after))
            x = t
            self.streams.append(x)
        g = random.normal(size=(networks, width))
        self.gradients, self.parts = [g], [g]
        for W, u, s, gates, t, s_after in reversed(tape):
            g = self.back(g, W, u, s, gates, t, s_after)[0]
            self.gradients.insert(0, g)
            skips, through = zip(*(self.back(p, W, u, s, gates, t, s_after)[1:] for p in self.parts), strict=True)
            none = np.zeros_like(g)
            self.parts = [a + b for a, b in zip([*skips, none], [none, *through], strict=True)]

    def normalised(self, x: Floats) -> tuple[Floats, Floats]:
        if self.law.norm == "layernorm":
            x = x - x.mean(axis=1, keepdims=True)
        s = np.sqrt((x**2).mean(axis=1, keepdims=True))
        return x / s, s

    def branch(self, W: Floats, u: Floats) -> tuple[Floats, Any]:
        if self.law.branch == "linear":
            return np.einsum("kij,kj->ki", W, u), np.ones_like(u)
        if self.law.branch == "relu linear":
            return np.einsum("kij,kj->ki", W, np.maximum(u, 0)), u > 0
        h = np.einsum("kij,kj->ki", W, u)
        return np.maximum(h, 0), h > 0

    def back(self, g: Floats, W: Floats, u: Floats, s: Any, gates: Any, t: Floats, s_after: Any) -> tuple[Floats, ...]:
        if s_after is not None:
            g = self.through_norm(g, t, s_after)
        if self.law.branch == "linear relu":
            inside = np.einsum("kji,kj->ki", W, gates * g)
        else:
            inside = gates * np.einsum("kji,kj->ki", W, g)
        if s is not None:
            inside = self.through_norm(inside, u, s)
        return g + inside, g, inside

    def through_norm(self, g: Floats, xhat: Floats, s: Any) -> Floats:
        out = g - xhat * (xhat * g).mean(axis=1, keepdims=True)
        return np.asarray((out - g.mean(axis=1, keepdims=True) * (self.law.norm == "layernorm")) / s)

    def mean_squares(self) -> Floats:
        return np.array([(x**2).mean(axis=1) for x in self.streams])

    def ratios(self) -> Floats:
        """Over ‖g_L‖² in mean, n: the denominator's own expectation."""
        return np.array([(g**2).sum(axis=1) / self.n for g in self.gradients])


def off(values: Floats, expected: float) -> float:
    """In standard errors."""
    return float(abs(values.mean() - expected) / (values.std(ddof=1) / math.sqrt(len(values))))


@pytest.mark.parametrize("law", [law for law in ALL if MEAN_SQUARE in law.exact], ids=lambda law: law.words)
@pytest.mark.parametrize("width", [3, 8])
def test_what_is_exact_holds_at_small_width(law: ResidualLaw, width: int) -> None:
    drawn = Drawn(law, 4, width, 20_000, seed=width)
    squares = drawn.mean_squares()
    if law.order != "post":
        for k in range(1, 5):
            assert off(squares[k], law.mean_squares(4)[k]) < SIGMAS
        means = np.array([x.mean(axis=1) for x in drawn.streams])
        for k in range(1, 5):
            assert off(means[k], law.means(4)[k]) < SIGMAS
    else:
        assert abs(squares - 1).max() < 1e-12
    if GRADIENT in law.exact:
        for k in range(4):
            assert off(drawn.ratios()[k], law.gradients(4)[k]) < SIGMAS


@pytest.mark.parametrize("law", ALL, ids=lambda law: law.words)
def test_limits_of_width_with_room_of_order_depth_over_width(law: ResidualLaw) -> None:
    depth, width, networks = 4, 96, 600
    drawn = Drawn(law, depth, width, networks, seed=1)
    room = 2 * depth / width  # the first correction, of order depth/width; twice covers what these laws have
    if law.branch == "linear relu" and law.order == "none":
        room += residual_relu.gradient_at_width(depth, width) / law.gradient_ratio(depth) - 1
    for k in range(depth + 1):
        for values, expected in (
            (drawn.mean_squares()[k], law.mean_squares(depth)[k]),
            (drawn.ratios()[k], law.gradients(depth)[k]),
        ):
            sampling = SIGMAS * values.std(ddof=1) / math.sqrt(networks)
            assert abs(values.mean() - expected) <= sampling + room * expected
    assert room < 0.25  # another order of the block is further off than this


@pytest.mark.parametrize("law", [law for law in ALL if law.order != "post"], ids=lambda law: law.words)
def test_shares_of_paths(law: ResidualLaw) -> None:
    depth, width, networks = 4, 96, 400
    drawn = Drawn(law, depth, width, networks, seed=2)
    squares = np.array([(part**2).sum(axis=1) for part in drawn.parts])
    total = squares.sum(axis=0).mean()
    room = 2 * depth / width
    if law.branch == "linear relu" and law.order == "none":
        room *= 2
    for share, values in zip(law.path_shares(depth), squares, strict=True):
        mean, bar = values.mean() / total, values.std(ddof=1) / math.sqrt(networks) / total
        assert abs(mean - share) <= SIGMAS * bar + room * max(share, 1 / depth)


def test_the_gradient_of_linear_relu_at_finite_width() -> None:
    """832 ± 26 where the wide limit says 256: in reach of the resummed term, relative errors of order depth/width."""
    law = ResidualLaw("none", "linear relu")
    depth, width, networks = 8, 16, 4000
    ratios = Drawn(law, depth, width, networks, seed=3).ratios()[0]
    bar = ratios.std(ddof=1) / math.sqrt(networks)
    expected = residual_relu.gradient_at_width(depth, width)
    assert abs(ratios.mean() - expected) <= SIGMAS * bar + depth / width * expected / 4
    assert ratios.mean() > law.gradient_ratio(depth) + 10 * bar
    assert residual_relu.gradient_at_width(depth, 10**9) == pytest.approx(law.gradient_ratio(depth), rel=1e-5)


def test_the_covariance_of_the_gradient_given_a_stream_that_is_drawn() -> None:
    """n × n covariances, given streams of stratified Gaussian entries, so that little but the law is left."""
    n, depth, draws = 400, 8, 24
    scores = stats.norm.ppf((np.arange(n) + 0.5) / n)
    scores /= math.sqrt(float((scores**2).mean()))
    found = []
    for seed in range(draws):
        random = np.random.default_rng(seed)
        x, stream = random.permutation(scores), []
        for _ in range(depth):
            h = math.sqrt(2 * float(x @ x) / n) * random.permutation(scores)
            stream.append((x, np.maximum(h, 0)))
            x = x + stream[-1][1]
        covariance = np.eye(n)
        for x, r in reversed(stream):
            through = 2 / n * float(np.diag(covariance)[r > 0].sum())
            T = np.eye(n) + np.outer(x, r) / (x @ x)
            covariance = T @ covariance @ T.T + through * (np.eye(n) - np.outer(x, x) / (x @ x))
        found.append(np.trace(covariance) / n - 2.0**depth)
    excess = residual_relu.gradient_at_width(depth, n) - 2.0**depth
    values = np.array(found)
    bar = values.std(ddof=1) / math.sqrt(draws)
    assert abs(values.mean() - excess) <= SIGMAS * bar + depth / n * excess
    assert SIGMAS * bar + depth / n * excess < 0.1 * excess  # the gates of a block lean on its own ReLU by more


def test_the_bound_on_the_gradient_at_every_width() -> None:
    law = ResidualLaw("none", "linear relu")
    drawn = Drawn(law, 6, 4, 20_000, seed=4)
    products = np.array([(x * g).sum(axis=1) for x, g in zip(drawn.streams, drawn.gradients, strict=True)])
    assert abs(products - products[0]).max() <= 1e-9 * abs(products).max()  # Euler, network by network
    share = (drawn.gradients[0] * drawn.streams[0]).sum(axis=1) ** 2 / 4
    along = drawn.mean_squares()[-1]  # E (g_L·x_L)²/‖x_0‖² = E‖x_L‖²/n
    difference = share - along * (drawn.gradients[-1] ** 2).mean()
    assert off(difference, 0.0) < SIGMAS


def test_growth_with_the_mean_carried_along() -> None:
    found = residual_relu.carried(60)[:, 1]
    assert found[-1] / found[-2] == pytest.approx(residual_relu.carried_growth(), rel=1e-12)
    for gain in (0.1, 0.5, 3.0):
        found = residual_relu.carried(400, gain)[:, 1]
        assert found[-1] / found[-2] == pytest.approx(residual_relu.carried_growth(gain), rel=1e-9)
    law = ResidualLaw("post", "linear relu", "rmsnorm", 0.7)
    unnormalised = ResidualLaw("none", "linear relu", gain=0.7)
    expected = 1.7**9 / unnormalised.mean_squares(9)[-1]
    assert law.gradient_ratio(9) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("gain", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("norm", ["layernorm", "rmsnorm"])
def test_closed_forms_are_the_products(norm: str, gain: float) -> None:
    for branch, make in (("relu linear", residual_prenorm.relu_linear), ("linear relu", residual_prenorm.linear_relu)):
        law = ResidualLaw("pre", branch, norm, gain)
        formula = residual_prenorm._spelled(make(norm).formula)
        for first, last in ((0, 1), (0, 7), (3, 40)):
            value = sp.N(formula.subs({L: last, l: first, G: sp.Rational(str(gain))}), 20)
            assert complex(value) == pytest.approx(law.gradients(last)[first], rel=1e-12)


@pytest.mark.parametrize("gain", [0.3, 1.0, 2.5])
def test_asymptotics(gain: float) -> None:
    deep = 4000
    layer = residual_prenorm.linear_relu("layernorm").steps[-1].right
    expected = float(sp.N(layer.subs({L: deep, G: sp.Rational(str(gain))})))
    found = ResidualLaw("pre", "linear relu", "layernorm", gain).gradient_ratio(deep)
    assert found == pytest.approx(expected, rel=20 / (gain * deep))  # corrections of order 1/(κ L)
    rms = residual_prenorm._spelled(residual_prenorm.linear_relu("rmsnorm").steps[-1].right)
    limit = complex(sp.N(rms.subs(G, sp.Rational(str(gain))), 20)).real
    law = ResidualLaw("pre", "linear relu", "rmsnorm", gain)
    assert law.gradient_ratio(deep) < limit
    assert law.gradient_ratio(deep) == pytest.approx(limit, rel=2 * math.pi / deep)  # the odds left: π/l² summed


def test_laws_of_linear_branches_network_by_network() -> None:
    """One block: (v/n) times a non-central χ² of n degrees of freedom."""
    for width, gain in ((3, 1.0), (8, 0.2), (16, 2.0)):
        one = stats.ncx2(width, width / gain)
        grid = np.linspace(1e-7, 1 - 1e-7, 400_001)
        logs = np.log(gain / width * one.ppf(grid))
        tails = 2e-7 * abs(np.log(1e-7)) * 3  # what the grid leaves out
        assert log_growth(width, gain) == pytest.approx(np.trapezoid(logs, grid), abs=tails + 1e-5)
        relative = (gain / width) ** 2 * one.var() / (1 + gain) ** 2
        assert relative_variance(5, width, gain) == pytest.approx((1 + relative) ** 5 - 1, rel=1e-10)


def test_lengths_of_paths() -> None:
    law = ResidualLaw("pre", "relu linear", "layernorm")
    shares = law.path_shares(32)
    lengths = np.arange(33)
    harmonic = sum(1 / j for j in range(1, 34))
    assert shares @ lengths == pytest.approx(harmonic - 1, rel=1e-12)
    second = sum(1 / j**2 for j in range(1, 34))
    assert shares @ lengths**2 - (shares @ lengths) ** 2 == pytest.approx(harmonic - second, rel=1e-10)
    assert ResidualLaw("none", "linear").path_shares(6) == pytest.approx(stats.binom(6, 0.5).pmf(range(7)), rel=1e-12)
    cycles = [0] * 5  # of all permutations of four things: three blocks
    from itertools import permutations

    for p in permutations(range(4)):
        seen: set[int] = set()
        count = 0
        for start in range(4):
            if start not in seen:
                count += 1
                while start not in seen:
                    seen.add(start)
                    start = p[start]
        cycles[count] += 1
    assert law.path_shares(3) == pytest.approx(np.array(cycles[1:]) / 24, rel=1e-12)
    assert residual_paths.shares([]) == [1.0]


def test_planted_faults_are_refused() -> None:
    """A law of another order, or (n − 1) for (n − 2), is no step of this derivation."""
    derivation = residual_prenorm.linear_relu("layernorm")
    other = {step.name: step for step in residual_prenorm.linear_relu("rmsnorm").steps}
    for step in derivation.steps:
        if step.name in ("Jacobian of layernorm", "one block, backward", "ratio"):
            wrong = other[step.name.replace("layernorm", "rmsnorm")].right
            with pytest.raises(ProofError):
                replace(step, right=wrong).check()
    post = {step.name: step for step in residual_postnorm.linear_relu_layer().steps}
    with pytest.raises(ProofError):
        replace(post["L blocks"], right=sp.Integer(2) ** L).check()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("pre", "relu linear"), "no law"),
        (("none", "linear", "layernorm"), "no law"),
        (("pre", "linear", "layernorm"), "no law"),
        (("before", "linear"), "unknown order"),
        (("pre", "relu", "layernorm"), "unknown branch"),
        (("pre", "relu linear", "batchnorm"), "unknown norm"),
        (("none", "linear", "", 0.0), "gain must be above 0"),
        (("none", "linear", "", math.nan), "gain must be a finite"),
    ],
)
def test_bad_input(arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(ResiduaError, match=words):
        ResidualLaw(*arguments)  # type: ignore[arg-type]


def test_depths() -> None:
    law = ResidualLaw("pre", "linear relu", "layernorm")
    assert law.gradients(0).tolist() == [1.0]
    assert law.path_shares(0).tolist() == [1.0]
    with pytest.raises(ResiduaError, match="depth"):
        law.gradients(-1)
    with pytest.raises(ResiduaError, match="gain"):
        log_growth(4, 0.0)
