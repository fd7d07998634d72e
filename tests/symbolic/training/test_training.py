"""Batches, gates, memory, variances and absorbed factors: against enumeration and differences in plain numpy."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp

from residua_symbolic import Derivation
from residua_symbolic.training import gates, held, sampling
from residua_symbolic.training.absorbed import absorbed
from residua_symbolic.training.statistics import split

from ..planted import refuses, refuses_in_place

DERIVATIONS = (sampling.drawn, sampling.carried, gates.gates, held.held, absorbed, split)
Derive = Callable[[], Derivation]
each = pytest.mark.parametrize("derive", DERIVATIONS, ids=lambda derive: derive.__name__)


def wrongs(right: sp.Expr) -> list[sp.Expr]:
    """Other formulas, each with one fault."""
    found = [-right, 2 * right, right + 1]
    found += [right.subs(symbol, symbol + 1) for symbol in sorted(right.free_symbols, key=str) if symbol.is_commutative]
    return [wrong for wrong in found if wrong != right]


@each
def test_every_step_is_proved_and_refuses_what_is_wrong(derive: Derive) -> None:
    derivation = derive()
    derivation.check()
    proved = [step for step in derivation.steps if step.proofs]
    assert proved
    for step in proved:
        for wrong in wrongs(step.right):
            if step.name == "smallest case" or len(step.proofs) > 1:  # a sign alone does not tell a number
                with pytest.raises(AssertionError):
                    type(step)(step.name, step.left, wrong, step.reason, step.proofs).check()
            else:
                refuses(step, wrong)
        refuses_in_place(derivation, step, step.right + 1)


@pytest.mark.parametrize(("count", "size"), [(5, 2), (6, 3), (7, 6)])
def test_batches_of_vectors(count: int, size: int) -> None:
    """Mean squared length of a batch's mean vector, and mean product with that of a disjoint batch, by listing all."""
    vectors = np.random.default_rng(count).normal(1.0, 2.0, size=(count, 3))
    rows = set(range(count))
    own, cross = [], []
    for batch in itertools.combinations(range(count), size):
        mean = vectors[list(batch)].mean(axis=0)
        own.append(mean @ mean)
        cross += [mean @ vectors[other] for other in rows - set(batch)]
    at = {
        sampling.N: count,
        sampling.B: size,
        sampling.FULL: float((vectors.mean(axis=0) ** 2).sum()),
        sampling.SPREAD: float(vectors.var(axis=0).sum()),
    }
    steps = {step.name: step.right for step in sampling.carried().steps}
    assert float(steps["own batch"].subs(at)) == pytest.approx(np.mean(own), rel=1e-12)
    assert float(steps["the next batch"].subs(at)) == pytest.approx(np.mean(cross), rel=1e-12, abs=1e-12)


def test_the_gates_derivative_meets_central_differences() -> None:
    """Three units: a step of the cell differentiated along each c_q, with h = o tanh(c) moving along."""
    rng, units = np.random.default_rng(2), 3
    u = {name: rng.normal(size=(units, units)) for name in "fig"}
    pre = {name: rng.normal(size=units) for name in "fig"}
    c, o = rng.normal(size=units), rng.uniform(0.2, 0.8, size=units)

    def values(c: np.ndarray) -> tuple[np.ndarray, ...]:
        f, i, g = (pre[name] + u[name] @ (o * np.tanh(c)) for name in "fig")
        return 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-i)), np.tanh(g)

    def step(c: np.ndarray) -> np.ndarray:
        f, i, g = values(c)
        return np.asarray(f * c + i * g)

    f, i, g = values(c)
    steps = {s.name: s.right for s in gates.gates().steps}
    for p, q in itertools.product(range(units), repeat=2):
        shift = np.eye(units)[q] * 1e-6
        measured = (step(c + shift) - step(c - shift))[p] / 2e-6
        at = {gates.GATE["f"]: f[p], gates.GATE["i"]: i[p], gates.GATE["g"]: g[p], gates.c: c[p], gates.cq: c[q]}
        at |= {gates.INTO[name]: u[name][p, q] for name in "fig"} | {gates.o: o[q]}
        stated = float(steps["all other paths"].subs(at)) + float(steps["direct path, same unit"].subs(at)) * (p == q)
        assert stated == pytest.approx(measured, abs=1e-8)


@pytest.mark.parametrize("length", [1, 7, 300])
def test_the_bias_keeps_what_it_should(length: int) -> None:
    steps = {s.name: s.right for s in gates.gates().steps}
    bias = float(steps["to stay within δ of 1"].subs({gates.T: length, gates.DELTA: 0.3}))
    assert (1 + math.exp(-bias)) ** -length == pytest.approx(0.7, rel=1e-10)
    half = float(steps["half gone"].subs(gates.b, 1.5))
    assert (1 + math.exp(-1.5)) ** -half == pytest.approx(0.5, rel=1e-12)


def test_the_split_of_a_variance_meets_numpy() -> None:
    x = np.random.default_rng(1).normal(size=(4, 5)) * np.array([[1.0], [2], [3], [4]])
    assert x.var(axis=1).mean() + x.mean(axis=1).var() == pytest.approx(x.var(), rel=1e-12)
    assert split().steps[-1].right == sp.Symbol("V") + sp.Symbol("W")


def test_a_step_on_factor_and_weight_meets_numpy() -> None:
    """One step of gradient descent on a and W of L = ‖a W x − y‖²/2, entry by entry."""
    rng = np.random.default_rng(3)
    W, x, y, a, eta = rng.normal(size=(2, 3)), rng.normal(size=3), rng.normal(size=2), 1.7, 0.1
    G = np.outer(a * W @ x - y, x)  # gradient at a W
    after = (a - eta * (W * G).sum()) * (W - eta * a * G)
    change = absorbed().steps[-1].right
    names = {symbol.name: symbol for symbol in change.free_symbols}
    at = {names["a"]: a, names["eta"]: eta, names["p"]: float((W * G).sum())}
    for place in np.ndindex(*W.shape):
        stated = float(change.subs({**at, names["w"]: W[place], names["g"]: G[place]}))
        assert stated == pytest.approx((after - a * W)[place], rel=1e-12)


@pytest.mark.parametrize("kind", list(held.BLOCKS))
def test_counts_of_a_block_are_whole_and_grow(kind: str) -> None:
    small, large = (tuple(part.subs({held.B: b, held.n: n}) for part in held.BLOCKS[kind]) for b, n in ((2, 3), (4, 6)))
    assert all(value.is_Integer for value in (*small, *large))
    assert all(a <= b for a, b in zip(small, large, strict=True))
    assert (small[1] == 0) == (kind != "batchnorm")
