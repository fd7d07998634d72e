"""The δ-recursion against planted faults, interpolation in exact fractions, and products of Jacobians."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp

from residua_network import ResiduaError
from residua_symbolic import Derivation, ProofError, Step
from residua_symbolic.backpropagation import (
    NETS,
    SIZES,
    C,
    W_next,
    backward,
    c,
    d,
    d_next,
    delta_recursion,
    last_layer,
    m,
    net_of,
    p,
    q,
    x,
    z,
)
from residua_symbolic.domains.tangents import i, j, k, n
from residua_symbolic.first_order import Slope

from .planted import refuses, refuses_in_place, wrong_limits
from .test_printing import problems
from .test_rules import proved

DERIVATIONS = {"layer": delta_recursion, "outputs": last_layer}
LAYER = delta_recursion()
INDEXED = [step for step in proved(LAYER) if isinstance(step.right, sp.Expr) and not step.right.is_Matrix]
WIDTHS = ((1, 1), (2, 3), (3, 2, 2), (2, 3, 1, 2), (2, 2, 3, 2, 1))


@pytest.mark.parametrize("name", DERIVATIONS)
def test_every_step_proves_itself(name: str) -> None:
    derivation = DERIVATIONS[name]()
    derivation.check()
    for text in (derivation.latex(), *(step.latex() for step in derivation.steps)):
        assert not problems(text), text


@pytest.mark.parametrize("step", [s for s in INDEXED if not s.name.endswith("form")], ids=lambda step: step.name)
def test_planted_faults_are_refused_by_every_proof(step: Step) -> None:
    right = step.right
    wrong = [-right, 2 * right, right + 1, right * (1 + sp.KroneckerDelta(i, j)) if right.has(j) else right * 3]
    wrong += [right.xreplace({delta: sp.Integer(1)}) for delta in right.atoms(sp.KroneckerDelta)]
    wrong += [right.xreplace({size: size - 1}) for size in right.free_symbols & {m, n}]
    for candidate in wrong:
        for proof in step.proofs:
            with pytest.raises(ProofError, match=f"step '{step.name}'"):
                replace(step, right=candidate, proofs=(proof,)).check()
    refuses_in_place(LAYER, step, wrong[0])


def sums_of(derivation: Derivation) -> list[Step]:
    """The proved steps with a Σ in them."""
    return [step for step in proved(derivation) if step.right.has(sp.Sum)]


@pytest.mark.parametrize("step", sums_of(LAYER), ids=lambda step: step.name)
def test_other_limits_of_a_sum_are_refused_by_every_proof(step: Step) -> None:
    wrong = wrong_limits(step.right, (q, n, m))
    assert len(wrong) == 6  # one Σ
    for candidate in wrong:
        refuses(step, candidate)
        refuses_in_place(LAYER, step, candidate)


def test_sums_are_where_they_are_expected() -> None:
    assert [step.name for step in sums_of(LAYER)] == ["d C by a", "d C by z", "d C by x"]


def test_sizes_that_meet_are_different_ones() -> None:
    for sizes in SIZES:
        assert len(set(sizes)) == 3
    for widths in NETS:
        for at in range(len(widths) - 1):
            assert len(set(widths[at : at + 3])) == len(widths[at : at + 3]), widths


def step_of(derivation: Derivation, left: sp.Expr) -> Step:
    return next(step for step in derivation.steps if step.left == left)


def test_weights_the_wrong_way_round_are_refused() -> None:
    """W' for its transpose, no φ', φ' of another unit: the faults that one makes."""
    step = step_of(delta_recursion(), Slope(C, z[i]))
    slope, summed = step.right.args if step.right.args[1].has(sp.Sum) else step.right.args[::-1]
    transposed = summed.xreplace({W_next[k, i]: W_next[i, k]})
    for wrong in (
        summed,
        slope * transposed,
        slope**2 * summed,
        slope.xreplace({z[i]: d[i]}) * summed,
        slope * d_next[i],
    ):
        with pytest.raises(ProofError):
            replace(step, right=wrong).check()


def test_a_weight_meets_its_own_input() -> None:
    """004, L49: ∂z/∂w is the input that w multiplies, not another one, and nothing for the weights of other units."""
    step = next(s for s in delta_recursion().steps if s.name == "d z by W")
    assert step.right == sp.KroneckerDelta(i, j) * x[p]
    for wrong in (x[p], sp.KroneckerDelta(i, j) * x[j], sp.KroneckerDelta(i, j)):
        with pytest.raises(ProofError):
            replace(step, right=wrong).check()


def test_the_last_layer_refuses_what_is_wrong() -> None:
    step = last_layer().steps[-1]
    for wrong in (c[i], step.right * c[i], step.right + d[i], step.right.xreplace({c[i]: sp.Integer(1)})):
        with pytest.raises(ProofError):
            replace(step, right=wrong).check()


def test_matrix_forms_refuse_what_is_wrong() -> None:
    delta, weights, biases = delta_recursion().steps[-3:]
    slope, product = delta.right.args
    transposed = sp.MatrixSymbol("Wprime", n, m) * product.args[1]
    for step, wrong in (
        (delta, product),
        (delta, sp.HadamardProduct(slope, slope, product)),
        (delta, sp.HadamardProduct(slope, transposed)),
        (weights, 2 * weights.right),
        (weights, weights.right.T),
        (biases, sp.MatrixSymbol("x", n, 1)),
    ):
        with pytest.raises(ProofError):
            replace(step, right=wrong).check()


def test_nets_of_every_depth_are_looked_at() -> None:
    assert {len(widths) - 1 for widths in NETS} == {1, 2, 3, 4}
    assert {w for widths in NETS for w in widths} == {1, 2, 3}


def a_net(widths: tuple[int, ...], seed: int = 0) -> tuple[list[Any], list[Any], Any]:
    """Small fractions for weights, biases and input."""
    rng = np.random.default_rng([seed, *widths])

    def fractions(*shape: int) -> Any:
        return np.vectorize(lambda v: Fraction(int(v), 3), otypes=[object])(rng.integers(-4, 5, size=shape))

    pairs = list(zip(widths[1:], widths[:-1], strict=True))
    return [fractions(*pair) for pair in pairs], [fractions(pair[0]) for pair in pairs], fractions(widths[0])


def half_square(outputs: Any) -> Fraction:
    """C = Σ a² / 2, by hand; its slope is a."""
    return sum((a * a for a in outputs), Fraction(0)) / 2


def cost(weights: Any, biases: Any, at: Any) -> Fraction:
    for weight, bias in zip(weights, biases, strict=True):
        at = [sum((w * v for w, v in zip(row, at, strict=True)), b) ** 2 for row, b in zip(weight, bias, strict=True)]
    return half_square(at)


def slope_by_interpolation(move: Any, depth: int) -> Fraction:
    """The derivative at 0 of a polynomial of degree 2^(depth+1), from as many values: exact, and no rule is used."""
    t = sp.Symbol("t")
    points = range(2 ** (depth + 1) + 1)
    values = [move(Fraction(point)) for point in points]
    polynomial = sp.interpolate(
        [(point, sp.Rational(v.numerator, v.denominator)) for point, v in zip(points, values, strict=True)], t
    )
    slope = sp.Poly(polynomial, t).coeff_monomial(t)
    return Fraction(int(slope.p), int(slope.q))


@pytest.mark.parametrize("widths", [widths for widths in WIDTHS if len(widths) <= 4])
def test_exact_gradients_without_any_rule(widths: tuple[int, ...]) -> None:
    weights, biases, at = a_net(widths)
    found = backward(weights, biases, at, lambda a: a)
    rng = np.random.default_rng(1)
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        row, column = (int(rng.integers(size)) for size in weight.shape)

        def moved_weight(by: Fraction, layer: int = layer, row: int = row, column: int = column) -> Fraction:
            changed = [w.copy() for w in weights]
            changed[layer][row, column] += by
            return cost(changed, biases, at)

        def moved_bias(by: Fraction, layer: int = layer, row: int = row) -> Fraction:
            changed = [b.copy() for b in biases]
            changed[layer][row] += by
            return cost(weights, changed, at)

        assert found.weights[layer][row, column] == slope_by_interpolation(moved_weight, len(weights))
        assert found.biases[layer][row] == found.deltas[layer][row] == slope_by_interpolation(moved_bias, len(weights))
        assert weight.shape == found.weights[layer].shape
        assert bias.shape == found.biases[layer].shape

    def moved_input(by: Fraction) -> Fraction:
        return cost(weights, biases, [at[0] + by, *at[1:]])

    assert found.inputs[0] == slope_by_interpolation(moved_input, len(weights))


@pytest.mark.parametrize("widths", WIDTHS)
def test_the_errors_are_products_of_jacobians(widths: tuple[int, ...]) -> None:
    """Forwards: ∂z_L/∂z_l as a matrix product, then the transposed slope of the cost."""
    weights, biases, at = a_net(widths, seed=2)
    found = backward(weights, biases, at, lambda a: a)
    for layer in range(len(weights)):
        matrix = np.diag(2 * found.pre[layer])
        for weight, pre in zip(weights[layer + 1 :], found.pre[layer + 1 :], strict=True):
            matrix = np.diag(2 * pre) @ weight @ matrix
        assert (found.deltas[layer] == matrix.T @ found.post[-1]).all()


def test_all_is_exact() -> None:
    weights, biases, at = a_net((2, 3, 2))
    found = backward(weights, biases, at, lambda a: a)
    for array in (*found.pre, *found.post, *found.deltas, *found.weights, *found.biases, found.inputs):
        assert all(isinstance(entry, Fraction) for entry in np.ravel(array))


def test_any_activation_and_floats() -> None:
    rng = np.random.default_rng(0)
    weights, biases = [rng.normal(size=(3, 2)), rng.normal(size=(1, 3))], [rng.normal(size=3), rng.normal(size=1)]
    at = rng.normal(size=2)
    found = backward(weights, biases, at, lambda a: a, np.tanh, lambda pre: 1 - np.tanh(pre) ** 2)

    def value(moved: Any) -> Any:
        return (np.tanh(weights[1] @ np.tanh(moved @ at + biases[0]) + biases[1]) ** 2).sum() / 2

    step = np.zeros((3, 2))
    step[1, 0] = 2.0**-17  # near the cube root of the precision
    quotient = (value(weights[0] + step) - value(weights[0] - step)) / 2.0**-16
    assert found.weights[0][1, 0] == pytest.approx(quotient, abs=1e-9)


@pytest.mark.parametrize(
    ("weights", "biases", "at"),
    [
        ([np.ones((2, 3))], [np.ones(2)], np.ones(2)),
        ([np.ones((2, 3))], [np.ones(3)], np.ones(3)),
        ([np.ones(3)], [np.ones(3)], np.ones(3)),
        ([np.ones((2, 3)), np.ones((2, 3))], [np.ones(2), np.ones(2)], np.ones(3)),
    ],
)
def test_sizes_that_do_not_fit_are_refused(weights: Any, biases: Any, at: Any) -> None:
    with pytest.raises(ResiduaError, match=r"backward: layer \d has \d inputs and expects"):
        backward(weights, biases, at, lambda a: a)


def test_errors_of_a_net_over_unknown_functions_are_those_of_the_recursion() -> None:
    net = net_of((2, 3, 2))
    o = net.domain
    last = o.function("phi_prime", net.pre[1]) * net.cost_slopes
    first = o.function("phi_prime", net.pre[0]) * (o.array(net.weights[1]).T @ last)
    assert o.agree(net.error(1), last)
    assert o.agree(net.error(0), first)
    assert not o.agree(net.error(0), first[::-1])
