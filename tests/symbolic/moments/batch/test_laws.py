"""The batch laws against one-feature simulations in plain numpy, in which a layer is its row kernel; and wrong laws."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from numpy.typing import NDArray

from residua_network import ResiduaError
from residua_symbolic import Derivation, ProofError
from residua_symbolic.domains.tangents import B
from residua_symbolic.moments.batch.benefit import benefit_law, plain_ratio
from residua_symbolic.moments.batch.laws import KINDS, BatchLaw, layer_law
from residua_symbolic.moments.batch.residual_laws import ORDERS, post_norm_law, pre_norm_law

Floats = NDArray[np.float64]
NORMAL = 4.5  # standard errors: 7e-6 of sound comparisons lie beyond; the seeds are fixed
COUNT = 400_000  # numbers a simulated layer
LAWS: tuple[Derivation, ...] = (
    *map(layer_law, KINDS),
    benefit_law(),
    *map(pre_norm_law, ORDERS),
    post_norm_law(),
)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.title)
def test_every_step_is_proved(law: Derivation) -> None:
    law.check()
    assert sum(bool(step.proofs) for step in law.steps) >= len(law.steps) / 2
    assert law.latex()


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.title)
def test_every_proof_can_fail(law: Derivation) -> None:
    for step in law.steps:
        if step.proofs:
            with pytest.raises(ProofError):
                replace(step, right=step.right * sp.Rational(101, 100) + sp.Rational(1, 1000)).check()


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.title)
def test_no_proof_accepts_a_factor_a_correction_or_a_neighbour(law: Derivation) -> None:
    rights = [step.right for step in law.steps]
    for step in law.steps:
        if not step.proofs:
            continue
        planted = {2 * step.right, step.right + 1 / B, *rights} - {step.right}
        for wrong in planted:
            if not is_same(wrong, step.right):
                with pytest.raises(ProofError):
                    replace(step, right=wrong).check()


def is_same(wrong: sp.Expr, right: sp.Expr) -> bool:
    """Whether two formulas have one value at four batches, with other symbols at numbers of their own."""
    symbols = sorted((wrong - right).free_symbols - {B}, key=str)
    for size in (5, 7, 11, 16):
        numbers = {B: size, **{s: sp.Rational(k + 3, k + 7) for k, s in enumerate(symbols)}}
        if (wrong - right).subs(numbers) != 0:
            return False
    return True


def test_what_is_not_proved_is_a_definition_or_an_assumption() -> None:
    unproved = {step.name for law in LAWS for step in law.steps if not step.proofs}
    assert unproved == {"one layer", "angle", "who is nearer to 1", "one block down", "x"}


def drawn(kernel: tuple[float, float], size: int, rng: np.random.Generator) -> Floats:
    """Normal columns of this row kernel, (COUNT // size, size)."""
    diagonal, off = kernel
    K = (diagonal - off) * np.eye(size) + off * np.ones((size, size))
    values, vectors = np.linalg.eigh(K)
    root = vectors * np.sqrt(np.maximum(values, 0))
    return np.asarray(rng.normal(size=(COUNT // size, size)) @ root.T)


class Feature:
    """One feature of a layer: from the kernel of x to that of φ(x̂), from the kernel of g to that of what is below."""

    def __init__(self, kind: str, kernel: tuple[float, float], size: int, seed: int) -> None:
        self.rng, self.size = np.random.default_rng(seed), size
        x = drawn(kernel, size, self.rng)
        x -= x.mean(1, keepdims=True)
        self.s = np.sqrt((x**2).mean(1, keepdims=True))
        self.hat = x / self.s
        self.gate = (self.hat > 0) if kind == "relu" else np.ones_like(x)

    def forward(self) -> tuple[float, float]:
        y = self.hat * self.gate
        return kernel_of(y)

    def backward(self, kernel: tuple[float, float], claimed: bool = False) -> tuple[tuple[float, float], float]:
        """The kernel below, and the relative standard error of its diagonal."""
        h = drawn(kernel, self.size, self.rng) * self.gate
        if not claimed:
            h = h - h.mean(1, keepdims=True)
            h = h - self.hat * (h * self.hat).mean(1, keepdims=True)
        h = h / self.s
        squares = (h**2).mean(1)
        return kernel_of(h), float(squares.std(ddof=1) / np.sqrt(len(squares)) / squares.mean())


def kernel_of(y: Floats) -> tuple[float, float]:
    size = y.shape[1]
    squares = (y**2).sum(1)
    return float(squares.mean() / size), float(((y.sum(1) ** 2) - squares).mean() / (size * (size - 1)))


def simulated(kind: str, size: int, depth: int, v: float, claimed: bool = False) -> tuple[float, float]:
    """The gradient ratio of so many layers, width → ∞, and its standard error."""
    kernel, layers = (1.0, 0.0), []
    for place in range(depth):
        layers.append(Feature(kind, (v * kernel[0], v * kernel[1]), size, seed=100 * size + place))
        kernel = layers[-1].forward()
    gradient, variance = (1.0, 0.0), 0.0
    for layer in reversed(layers):
        (p, r), error = layer.backward(gradient, claimed)
        gradient, variance = (v * p, v * r), variance + 2 * error**2  # twice: the forward kernel has errors as well
    return gradient[0], gradient[0] * variance**0.5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("size", "depth", "v"), [(7, 1, 2.0), (7, 4, 0.5), (8, 6, 2.0), (16, 3, 5.0), (32, 6, 2.0)])
def test_layers_by_their_kernels(kind: str, size: int, depth: int, v: float) -> None:
    ratio, error = simulated(kind, size, depth, v)
    law = layer_law(kind).at(size, depth)
    assert error < 0.03 * law
    assert abs(ratio - law) < NORMAL * error


@pytest.mark.parametrize("kind", KINDS)
def test_what_1_11_says(kind: str) -> None:
    ratio, error = simulated(kind, 8, 3, 2.0, claimed=True)
    law = layer_law(kind)
    assert abs(ratio - law.claimed(8, 3)) < NORMAL * error
    assert law.claimed(8, 3) > law.at(8, 3) + 10 * error


@pytest.mark.parametrize(("kind", "wrong"), [("linear", (B - 1) / (B - 3)), ("linear", (B - 2) / (B - 4))])
def test_wrong_rates_are_refused(kind: str, wrong: sp.Expr) -> None:
    ratio, error = simulated(kind, 8, 6, 2.0)
    assert abs(ratio - float(wrong.subs(B, 8)) ** 6) > 10 * error
    law = layer_law(kind)
    with pytest.raises(ProofError):
        replace(next(s for s in law.steps if s.name == "inner layer"), right=wrong).check()


def test_an_orthant_probability_that_ignores_the_correlation_is_refused() -> None:
    step = next(s for s in layer_law("relu").steps if s.name == "both rows pass")
    with pytest.raises(ProofError):
        replace(step, right=sp.Rational(1, 4)).check()


def test_numbers_of_the_relu_law() -> None:
    law = layer_law("relu")
    limit = np.pi / (np.pi - 1)
    correction = float(next(s for s in law.steps if s.name == "first correction").right)
    assert law.growth(10**6) == pytest.approx(limit, abs=3e-6)
    for size in (1000, 10_000):
        assert law.growth(size) == pytest.approx(limit + correction / size, abs=20 / size**2)
    assert law.growth(8) > law.growth(32) > limit  # small batches make it worse
    whole = law.at(32, 60)
    assert law.below(32, 60, 60) == whole
    assert law.below(32, 60, 30) < whole
    assert law.below(32, 60, 31) / law.below(32, 60, 30) == pytest.approx(law.growth(32), rel=1e-13)


@pytest.mark.parametrize("size", [4, 8, 32])
@pytest.mark.parametrize("depth", [1, 2, 60])
def test_help_is_decided_by_the_logarithm(size: int, depth: int) -> None:
    law, benefit = layer_law("relu"), benefit_law()
    low, high = benefit.hurts_between(size, depth)
    assert low <= 2 <= high
    assert law.growth(size) > 1
    assert (low < 2) == (law.at(size, depth) != 1)  # one layer at B = 4 has the ratio 1
    for v in (low * 0.99, low * 1.01, 1.9, 2.1, high * 0.99, high * 1.01):
        nearer = abs(np.log(law.at(size, depth))) < abs(np.log(plain_ratio(v, depth)))
        assert benefit.helps(v, size, depth) == nearer


def prenorm(order: str, size: int, depth: int, v: float) -> tuple[float, float]:
    """Pre-norm by its kernels: the stream is drawn as the sum of the branches, row by row, one feature at a time."""
    rng = np.random.default_rng(size)
    count = 2 * COUNT // size
    x, layers = rng.normal(size=(count, size)), []
    for _ in range(depth):
        centred = x - x.mean(1, keepdims=True)
        s = np.sqrt((centred**2).mean(1, keepdims=True))
        hat = centred / s
        inside = np.maximum(hat, 0) if order == "BatchNorm → ReLU → Linear" else hat
        q, c = kernel_of(inside)
        z = drawn_like(count, (v * q, v * c), size, rng)
        gate = z > 0 if order.endswith("ReLU") else (hat > 0 if "ReLU" in order else np.ones_like(z))
        layers.append((s, hat, gate))
        x = x + (np.maximum(z, 0) if order.endswith("ReLU") else z)
    kernel, variance = np.array([1.0, 0.0]), 0.0
    for s, hat, gate in reversed(layers):
        p, r = kernel
        if order.endswith("ReLU"):  # the gates belong to other features than s and x̂
            passed = drawn_like(count, (p, r), size, rng) * gate
            p, r = kernel_of(passed)
            h = drawn_like(count, (v * p, v * r), size, rng)
        else:
            h = drawn_like(count, (v * p, v * r), size, rng) * gate
        h = h - h.mean(1, keepdims=True)
        h = (h - hat * (h * hat).mean(1, keepdims=True)) / s
        squares = (h**2).mean(1)
        variance += 2 * (squares.std() / np.sqrt(count)) ** 2 / kernel[0] ** 2
        kernel = kernel + np.array(kernel_of(h))
    return float(kernel[0]), float(kernel[0] * np.sqrt(variance))


def drawn_like(count: int, kernel: tuple[float, float], size: int, rng: np.random.Generator) -> Floats:
    K = (kernel[0] - kernel[1]) * np.eye(size) + kernel[1] * np.ones((size, size))
    values, vectors = np.linalg.eigh(K)
    return np.asarray(rng.normal(size=(count, size)) @ (vectors * np.sqrt(np.maximum(values, 0))).T)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("size", "depth", "v"), [(8, 1, 2.0), (8, 5, 2.0), (32, 8, 0.7)])
def test_pre_norm_by_its_kernels(order: str, size: int, depth: int, v: float) -> None:
    law = pre_norm_law(order)
    ratio, error = prenorm(order, size, depth, v)
    assert error < 0.03 * ratio
    if law.exact or depth == 1:
        assert abs(ratio - law.at(size, depth, v)) < NORMAL * error
    else:  # entries that are sums of rectified normals: above the law, by less than what small batches do at most
        assert -NORMAL * error < ratio - law.at(size, depth, v) < (law.at(size, depth, v) - 1) * 2 / size


def test_powers_of_the_depth() -> None:
    for order in ORDERS:
        law = pre_norm_law(order)
        slope = np.log(law.at(32, 4000) / law.at(32, 2000)) / np.log(2)
        assert slope == pytest.approx(law.exponent(32), abs=2e-3)
        assert law.at(32, 7, block=6) < law.at(32, 7, block=0)
    limits = [pre_norm_law(order).exponent(10**7) for order in ORDERS]
    assert limits == pytest.approx([np.pi / (np.pi - 1)] * 2 + [1.0], abs=1e-5)


def test_refusals() -> None:
    law: BatchLaw = layer_law("relu")
    with pytest.raises(ResiduaError, match=r"E\[1/s²\].*batch of 3; expected at least 4"):
        law.at(3, 5)
    with pytest.raises(ResiduaError, match="depth"):
        law.at(8, 0)
    with pytest.raises(ResiduaError, match="layers must lie between"):
        law.below(8, 5, 6)
    with pytest.raises(ResiduaError, match="variance"):
        pre_norm_law(ORDERS[0]).at(8, 5, 0.0)
    with pytest.raises(ResiduaError, match="did you mean"):
        pre_norm_law("BatchNorm → ReLU → Linaer")
    with pytest.raises(ResiduaError, match="infinite at a batch of 2"):
        pre_norm_law(ORDERS[0]).at(2, 5)
