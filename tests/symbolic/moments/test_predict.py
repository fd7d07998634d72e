"""Moments of every kind of network, against ensembles drawn by hand, against closed forms, and against bad input."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import sympy as sp
from scipy import integrate

from oracles.finite_nets import SLOPES, Seen, measured
from residua_network import (
    ACTIVATIONS,
    Activation,
    BatchNorm,
    Dropout,
    Layer,
    LayerNorm,
    Linear,
    Network,
    ResiduaError,
    Residual,
    RMSNorm,
)
from residua_symbolic.derivation import ProofError
from residua_symbolic.moments.moments import LayerMoments
from residua_symbolic.moments.predict import predict_moments
from residua_symbolic.moments.propagation.finite_width import LINEAR, RELU

SIGMAS = 4.5  # some 200 comparisons, each of which exceeds this by chance with probability 7e-6
CLOSE = 1e-9  # quadrature and closed forms, each to 1e-11 or better, through a few layers
WIDTHS, NETWORKS = (48, 96), (600, 400)
RELU_, TANH = Activation("relu"), Activation("tanh")


def square(n: int) -> Linear:
    return Linear(n, n)


def bn(n: int, eps: float = 0.0, statistics: str = "batch") -> BatchNorm:
    return BatchNorm(n, eps=eps, statistics=statistics)


Nets = Callable[[int], tuple[Layer, ...]]
# name: (layers at width n, init, batch)
CASES: dict[str, tuple[Nets, str | float, int | None]] = {
    "plain relu": (lambda n: (square(n), RELU_, square(n), RELU_, square(n)), "he", None),
    "plain tanh, v = 1.7": (lambda n: (square(n), TANH, square(n), TANH, Dropout(0.3)), 1.7, None),
    "torch": (lambda n: (square(n), Activation("softplus"), Linear(n, n, bias=False), TANH, square(n)), "torch", None),
    "widths, xavier": (
        lambda n: (Linear(n, 2 * n), Activation("sin"), Linear(2 * n, n // 2), Activation("gelu"), Linear(n // 2, n)),
        "xavier",
        None,
    ),
    "norms": (
        lambda n: (square(n), LayerNorm(n, eps=0.3), RELU_, LayerNorm(n), TANH, square(n), RMSNorm(n, eps=0.1), RELU_),
        "he",
        None,
    ),
    "activation first": (lambda n: (Activation("sigmoid"), LayerNorm(n), square(n)), "he", None),
    "norm first": (lambda n: (RMSNorm(n, eps=0.2), Activation("silu"), square(n)), "he", None),
    "running": (lambda n: (square(n), bn(n, 0.5, "running"), RELU_, square(n), bn(n, 0.1, "running")), "he", None),
    "linear branches": (
        lambda n: (square(n), *[Residual((LayerNorm(n), RELU_, square(n)), scale=0.7)] * 3, LayerNorm(n)),
        "he",
        None,
    ),
    "means carried": (
        lambda n: (square(n), *[Residual((LayerNorm(n), square(n), RELU_))] * 3, RELU_, square(n)),
        "he",
        None,
    ),
    "post-norm": (
        lambda n: (square(n), *[layer for _ in range(2) for layer in (Residual((square(n), RELU_)), LayerNorm(n))]),
        "he",
        None,
    ),
    "branches without a matrix": (
        lambda n: (
            square(n),
            Residual((TANH,), scale=-0.8),
            Residual((LayerNorm(n, eps=0.1), Activation("gelu"))),
            Residual((RMSNorm(n),), scale=0.5),
            square(n),
        ),
        "he",
        None,
    ),
    "nested": (
        lambda n: (
            square(n),
            Residual((LayerNorm(n), Residual((square(n), TANH), scale=0.6), Activation("silu"))),
            TANH,
            square(n),
        ),
        "he",
        None,
    ),
    "several parts meet": (lambda n: (square(n), *[Residual((square(n), RELU_))] * 2, TANH, square(n)), "he", None),
    "batch linear": (lambda n: (square(n), bn(n)) * 3, "he", 8),
    "batch relu": (lambda n: (square(n), bn(n), RELU_) * 3 + (square(n),), "he", 8),
    "batch gelu, eps": (lambda n: (square(n), bn(n, 0.2), Activation("gelu")) * 2 + (square(n),), "he", 7),
    "batch of three, eps": (lambda n: (square(n), bn(n, 0.5), TANH, square(n)), "he", 3),
    "batch, pre-norm": (lambda n: (square(n), *[Residual((bn(n), RELU_, square(n)))] * 2), "he", 9),
    "batch, pre-norm, eps": (lambda n: (square(n), *[Residual((bn(n, 0.1), TANH, square(n)))] * 2), 1.3, 9),
    "batch after relu": (lambda n: (square(n), RELU_, bn(n, 0.1), square(n), RELU_), "he", 8),
    "batch, skip beside": (lambda n: (square(n), Residual((bn(n, 0.1), RELU_)), square(n)), "he", 8),
    "batch of a stream with means": (lambda n: (square(n), *[Residual((bn(n, 0.1), square(n), RELU_))] * 2), "he", 8),
    "batch and layer": (lambda n: (square(n), LayerNorm(n), bn(n), TANH, square(n), LayerNorm(n)), "he", 8),
}


def by_name(layers: tuple[LayerMoments, ...]) -> dict[str, LayerMoments]:
    return {at.name: at for layer in layers for at in layer.walk()}


def limit(narrow: Seen, wide: Seen) -> Seen:
    """What 1/n corrections leave as n doubles once more and for ever; the next order is taken into the error."""
    value = 2 * wide.value - narrow.value
    bend = abs(wide.value - narrow.value) * 8 / WIDTHS[0]  # a/n + b/n² with |b| ≤ 8 |a|
    return Seen(value, math.hypot(2 * wide.error, narrow.error) + bend / SIGMAS)


def relative(seen: Seen, predicted: float) -> Seen:
    """In units of what is predicted at the same width: torch's biases have a variance that falls with it."""
    return Seen(seen.value / predicted, seen.error / abs(predicted))


def assert_met(predicted: float, error: float, seen: Seen, what: str) -> None:
    bound = SIGMAS * (seen.error + error * abs(predicted)) + CLOSE
    assert abs(predicted - seen.value) <= bound, (
        f"{what}: {predicted:.6g}, measured {seen.value:.6g} ± {seen.error:.2g}"
    )


@pytest.mark.parametrize("case", CASES)
def test_ensembles_of_finite_nets_tend_to_it(case: str) -> None:
    layers, init, batch = CASES[case]
    nets = [Network(layers(n), inputs=n) for n in WIDTHS]
    found = [by_name(predict_moments(net, init, batch).layers) for net in nets]
    seen = [
        measured(net, count, batch or 4, init, seed=k)
        for k, (net, count) in enumerate(zip(nets, NETWORKS, strict=True))
    ]
    assert seen[0].keys() == found[0].keys()
    for name in found[0]:
        for k, what in enumerate(("forward", "gradient_ratio")):
            narrow, wide = (relative(s[name][k], getattr(f[name], what)) for s, f in zip(seen, found, strict=True))
            error = 2 * found[1][name].error + found[0][name].error
            assert_met(1.0, error, limit(narrow, wide), f"{case}, layer {name}, {what}")


def blocks(found: tuple[float, ...], size: int) -> list[float]:
    """Products of so many neighbours."""
    return [math.prod(found[k : k + size]) for k in range(0, len(found), size)]


def expectation(f: Callable[[float], float], q: float) -> float:
    """E f(z), z ~ N(0, q), by scipy."""
    return float(
        integrate.quad(lambda t: f(math.sqrt(q) * t) * math.exp(-t * t / 2) / math.sqrt(2 * math.pi), -12, 12)[0]
    )


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_mean_field_of_every_activation(name: str) -> None:
    """Prediction 5: q and χ₁ propagated layer by layer, Poole et al. 2016 and Schoenholz et al. 2016."""
    found = predict_moments(Network((square(9), Activation(name)) * 2), init=0.6)
    value, slope = SLOPES[name]
    x2 = 1.0
    for k in range(2):
        q = 0.6 * x2
        x2 = expectation(lambda z: float(value(np.float64(z))) ** 2, q)
        assert found.forward[2 * k : 2 * k + 2] == pytest.approx((q, x2), rel=CLOSE)
        chi = 0.6 * expectation(lambda z: float(slope(np.float64(z))) ** 2, q)
        assert blocks(found.gradient_ratio, 2)[k] == pytest.approx(chi, rel=CLOSE)


@pytest.mark.parametrize("batch", [4, 5, 8, 100])
def test_batch_statistics_of_linear_nets(batch: int) -> None:
    """Prediction 6; above, the gradient is isotropic, not orthogonal to 1; below, the rows are, and do not sum to 0."""
    found = blocks(predict_moments(Network((square(9), bn(9)) * 4), batch=batch).gradient_ratio, 2)
    B = batch
    assert found[1:3] == pytest.approx([(B - 2) / (B - 3)] * 2, rel=CLOSE)
    assert found[0] == pytest.approx((B - 2) / (B - 3) * B / (B - 1), rel=CLOSE)
    assert found[3] == pytest.approx((B - 2) / (B - 3) * (B - 1) / B, rel=CLOSE)


def test_batch_statistics_of_relu_nets_at_large_batch() -> None:
    """Prediction 7: π/(π−1) a layer, except where the input is not rectified; and the limit of finite batches."""
    net = Network((square(9), bn(9), RELU_) * 4)
    found = blocks(predict_moments(net).gradient_ratio, 3)
    assert found == pytest.approx([0.5, *[math.pi / (math.pi - 1)] * 3], rel=CLOSE)
    one, two = (math.prod(predict_moments(net, batch=B).gradient_ratio[3:9]) for B in (400, 800))
    assert 2 * two - one == pytest.approx((math.pi / (math.pi - 1)) ** 2, rel=20 / 400**2)


def test_running_statistics_are_constants() -> None:
    found = predict_moments(Network((square(9), bn(9, 0.25, "running"))))
    assert found.forward == pytest.approx((2, 1.6), rel=CLOSE)
    assert found.gradient_ratio == pytest.approx((2, 0.8), rel=CLOSE)


@pytest.mark.parametrize("norm", [LayerNorm, RMSNorm])
def test_linear_nets_with_a_normaliser_at_every_width(norm: type[LayerNorm] | type[RMSNorm]) -> None:
    """Prediction 8: (n − 2)/(n − 3) a layer; RMS normalisation at n like layer normalisation at n + 1."""
    n, lost = 7, 2 if norm is LayerNorm else 1
    found = predict_moments(Network((square(n), norm(n, eps=0.0)) * 4), init=3.0)
    factor = (n - lost) / (n - lost - 1)
    assert found.gradient_total == pytest.approx((n - 1) / n * factor**4, rel=CLOSE)
    assert blocks(found.gradient_ratio, 2)[1:3] == pytest.approx([factor, factor], rel=CLOSE)
    assert set(found.finite_size) == {LINEAR}


EXACT: dict[str, tuple[tuple[Layer, ...], str | float]] = {
    "narrow between": (
        (Linear(5, 9), LayerNorm(9, eps=0.0), Linear(9, 7), Linear(7, 8), RMSNorm(8, eps=0.0), Linear(8, 3)),
        "xavier",
    ),
    "matrices below and above": (
        (Linear(4, 8), Dropout(0.1), Linear(8, 7), LayerNorm(7, eps=0.0), Linear(7, 5), Linear(5, 2)),
        1.5,
    ),
    "relu": ((Linear(4, 7), RELU_, Linear(7, 8), Linear(8, 6), RELU_, Dropout(0.1), Linear(6, 2)), "he"),
}


@pytest.mark.parametrize("case", EXACT)
def test_what_is_exact_holds_at_small_widths(case: str) -> None:
    layers, init = EXACT[case]
    net = Network(layers)
    found = predict_moments(net, init)
    assert set(found.finite_size) <= {LINEAR, RELU}
    seen = measured(net, 6000, 1, init, seed=5)
    for name, at in by_name(found.layers).items():
        for k, value in enumerate((at.forward, at.gradient_ratio)):
            assert_met(value, 2.0**-6 if case == "relu" else 0.0, seen[name][k], f"{case}, layer {name}, {'qR'[k]}")


def test_unnormalised_residual_nets() -> None:
    """Prediction 11: (1 + s²)^L with ReLU → Linear; with Linear → ReLU the gradient keeps it, the stream does not."""
    s = 0.6
    before = predict_moments(Network((Residual((RELU_, square(9)), scale=s),) * 5))
    assert before.forward == pytest.approx([(1 + s * s) ** (l + 1) for l in range(5)], rel=CLOSE)
    assert before.gradient_ratio == pytest.approx([1 + s * s] * 5, rel=CLOSE)
    after = predict_moments(Network((Residual((square(9), RELU_), scale=s),) * 5))
    assert after.gradient_ratio == pytest.approx([1 + s * s] * 5, rel=CLOSE)
    q, mean = 1.0, 0.0
    for found in after.forward:
        q, mean = q * (1 + s * s) + 2 * s * mean * math.sqrt(q / math.pi), mean + s * math.sqrt(q / math.pi)
        assert found == pytest.approx(q, rel=CLOSE)


@pytest.mark.parametrize("norm", [LayerNorm(9, eps=0.0), RMSNorm(9, eps=0.0), bn(9)])
def test_pre_norm_residual_nets(norm: Layer) -> None:
    """Prediction 12, both orders. Layer normalisation takes the mean over features away, RMS normalisation does not;
    batch normalisation takes away what the rows have in common: with ReLU → Linear, too."""
    L = 6
    apart = [1 + l * (1 - 1 / math.pi) for l in range(L)]
    found = predict_moments(Network((Residual((norm, RELU_, square(9))),) * L))
    assert found.forward == pytest.approx([2.0 + l for l in range(L)], rel=CLOSE)
    s2 = apart if norm.kind == "batchnorm" else [1.0 + l for l in range(L)]
    assert found.gradient_ratio == pytest.approx([1 + 1 / s2[l] for l in range(L)], rel=CLOSE)
    found = predict_moments(Network((Residual((norm, square(9), RELU_)),) * L))
    q = [1 + l + l * (l - 1) / math.pi for l in range(L + 1)]
    assert found.forward == pytest.approx(q[1:], rel=CLOSE)
    s2 = q if norm.kind == "rmsnorm" else apart
    assert found.gradient_ratio == pytest.approx([1 + 1 / s2[l] for l in range(L)], rel=CLOSE)


def test_a_branch_that_is_only_an_activation_is_correlated_with_the_stream() -> None:
    """x + α φ(x): one Gaussian, Jacobian 1 + α φ'."""
    q, alpha = 2.0, -0.7
    found = predict_moments(Network((square(9), Residual((TANH,), scale=alpha))))
    forward = expectation(lambda z: (z + alpha * math.tanh(z)) ** 2, q)
    ratio = expectation(lambda z: (1 + alpha * (1 - math.tanh(z) ** 2)) ** 2, q)
    assert found.forward[1] == pytest.approx(forward, rel=CLOSE)
    assert found.gradient_ratio[1] == pytest.approx(ratio, rel=CLOSE)
    assert found.branch["1"][0].gradient_ratio == pytest.approx(
        expectation(lambda z: (1 - math.tanh(z) ** 2) ** 2, q), rel=CLOSE
    )


def test_slopes_that_meet_are_not_independent() -> None:
    """relu, then tanh of the same entry: E (φ'ψ')² is not the product of two means."""
    found = predict_moments(Network((square(9), RELU_, TANH)), init=1.0)
    both = expectation(lambda z: (1 - math.tanh(z) ** 2) ** 2 if z > 0 else 0.0, 1.0)
    assert math.prod(found.gradient_ratio[1:]) == pytest.approx(both, rel=CLOSE)


DERIVED: dict[str, tuple[Network, str | float, int | None]] = {
    "norms": (Network((Linear(8, 9), RELU_, LayerNorm(9), TANH, square(9), RMSNorm(9), square(9))), "he", None),
    "batch": (Network((square(9), bn(9), RELU_) * 2 + (square(9), bn(9), Activation("square"), square(9))), "he", 8),
    "population": (Network((square(9), bn(9, 1e-3), RELU_) * 2), "he", None),
    "residual": (
        Network((Residual((RMSNorm(9), RELU_, square(9)), scale=0.5), Residual((Activation("gelu"),)))),
        "he",
        None,
    ),
    "exact": (Network((square(9), LayerNorm(9, eps=0.0)) * 2), 3.0, None),
    "torch": (Network((square(9), Activation("sin"), Linear(9, 9, bias=False))), "torch", None),
}


@pytest.mark.parametrize("case", DERIVED)
def test_every_step_proves_itself_and_no_other(case: str) -> None:
    net, init, batch = DERIVED[case]
    found = predict_moments(net, init, batch)
    found.derivation.check()
    proved = [step for step in found.derivation.steps if step.proofs]
    assert len(proved) > len(net.layers)
    for step in proved:
        assert step.latex()
        with pytest.raises(ProofError, match="refused"):
            replace(step, right=step.right * sp.Rational(1001, 1000)).check()


@pytest.mark.parametrize("batch", [None, 6])
def test_branches_of_scale_0_change_nothing(batch: int | None) -> None:
    """ReZero (Bachlechner et al. 2020): inside there are mean squares, but no gradient and no ratio."""
    branch = (bn(9), RELU_, square(9), Residual((TANH,)))
    found = predict_moments(Network((square(9), Residual(branch, scale=0.0), square(9))), batch=batch)
    assert found.forward == pytest.approx((2, 2, 4), rel=CLOSE)
    assert found.gradient_ratio == pytest.approx((2, 1, 2), rel=CLOSE)
    found.derivation.check()
    inside = by_name(found.branch["1"])
    assert [at.forward for at in inside.values()][:3] == pytest.approx((1, 0.5, 1), rel=CLOSE)
    assert all(math.isnan(at.gradient_ratio) and at.gradient == 0 and at.forward > 0 for at in inside.values())


def test_what_is_asked_with_numbers_of_numpy() -> None:
    net = Network((square(9), bn(9, 0.1), RELU_))
    two, three, eight = (cast(Any, kind(value)) for kind, value in ((np.float32, 2), (np.int64, 3), (np.int64, 8)))
    assert predict_moments(net, two, eight).forward == predict_moments(net, "he", 8).forward
    assert type(predict_moments(net, three).init) is int


def test_biases_of_torch_at_small_widths() -> None:
    """Weights and biases of variance 1/(3 n): kernels of linear layers are exact at every width; the limit of wide
    ones does not see biases, which fall with the width."""
    net = Network((Linear(3, 4), Linear(4, 5), Linear(5, 6, bias=False), bn(6, 0.5)))
    found = predict_moments(net, "torch", 8)
    seen = measured(net, 6000, 8, "torch", seed=9)
    q, c = 1.0, 0.0
    for k, biases in enumerate((1 / 9, 1 / 12, 0.0)):
        q, c = q / 3 + biases, c / 3 + biases
        assert found.forward[k] == pytest.approx(q, rel=CLOSE)
        assert found.layers[k].covariance == pytest.approx(c, rel=CLOSE)
        assert_met(q, 0.0, seen[str(k)][0], f"layer {k}")


def test_the_result_shows_itself() -> None:
    block = Residual((LayerNorm(9), RELU_, Residual((square(9),), scale=0.5)))
    found = predict_moments(Network((square(9), block, square(9))))
    assert found.gradient_total == pytest.approx(math.prod(found.gradient_ratio))
    assert found.layers[1].gradient == pytest.approx(found.gradient_ratio[1] * found.gradient_ratio[2])
    assert set(found.branch) == {"1", "1.branch.2"}
    assert all(f"{name} " in repr(found) for name in ("0", "1", "1.branch.0", "1.branch.2.branch.0", "2"))
    assert found._repr_markdown_().count("\n") == 2 + 3 + 3 + 1
    assert [len(laws) for laws in found.formulas] == [2, 2, 2]
    assert any("independent" in words for words in found.assumptions)


def test_assumptions_say_what_the_case_needs() -> None:
    said = " ".join(predict_moments(Network((TANH, square(9), bn(9, 0.1), RELU_, bn(9, 0.1))), batch=8).assumptions)
    assert "input itself" in said
    assert "exact at this batch" in said
    assert "not Gaussian: simulated" in said
    assert "uniform" in " ".join(predict_moments(Network((square(9),)), "torch").assumptions)


NET, BATCHED = Network((square(9), RELU_)), Network((square(9), bn(9), RELU_, square(9)))
REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: predict_moments("net"), "expected a Network"),  # type: ignore[arg-type]
    (lambda: predict_moments(NET, "He"), "known: he, xavier, torch"),
    (lambda: predict_moments(NET, 0), "above 0"),
    (lambda: predict_moments(NET, -1.0), "above 0"),
    (lambda: predict_moments(NET, math.nan), "finite"),
    (lambda: predict_moments(NET, None), "finite number"),  # type: ignore[arg-type]
    (lambda: predict_moments(BATCHED, batch=1), "at least 2, got 1"),
    (lambda: predict_moments(BATCHED, batch=2.5), "whole number"),  # type: ignore[arg-type]
    (lambda: predict_moments(BATCHED, batch=3), r'layer "1".*above 3, got 3: E\[1/s²\]'),
    (lambda: predict_moments(Network((square(9), TANH, bn(9))), batch=3), r'layer "2".*above 3, got 3: E\[1/s²\]'),
    (lambda: predict_moments(Network((square(9), TANH, bn(9))), batch=2), r'layer "2".*above 3, got 2: E\[1/s²\]'),
    (lambda: predict_moments(Network((square(3), LayerNorm(3, eps=0.0)))), r'layer "1".*E\[1/s²\] does not exist'),
    (lambda: predict_moments(Network((square(2), RMSNorm(2, eps=0.0)))), r'layer "1".*E\[1/s²\] does not exist'),
    (
        lambda: predict_moments(Network((square(3), LayerNorm(3, eps=0.0), RELU_))),
        r'layer "1".*expected a width above 3',
    ),
    (lambda: predict_moments(Network((Linear(9, 1), LayerNorm(1), TANH))), r'layer "1".*expected a width above 1'),
    (lambda: predict_moments(Network((Linear(9, 2), Linear(2, 9), LayerNorm(9, eps=0.0)))), r'layer "2".*of 2 degrees'),
    (lambda: predict_moments(Network((square(9), RELU_, bn(9)) * 2), batch=4), r"E\[1/s²\]"),
    (lambda: predict_moments(Network((square(9), Residual((Dropout(0.1),), scale=-1.0)))), "no gradient"),
    (
        lambda: predict_moments(Network((Residual((Dropout(0.1),), scale=-1.0), LayerNorm(9, eps=0.0)), inputs=9)),
        "variance zero",
    ),
    (lambda: predict_moments(Network((square(9), Activation("cube")) * 8)), r'layer "\d+" .*(overflows|finite|float)'),
]


@pytest.mark.parametrize("k", range(len(REFUSED)))
def test_what_makes_no_sense_is_refused_in_one_line(k: int) -> None:
    ask, words = REFUSED[k]
    with pytest.raises(ResiduaError, match=words) as refusal:
        ask()
    assert "\n" not in str(refusal.value)


def test_the_result_prints_in_every_format() -> None:
    found = predict_moments(Network((Linear(4, 4), LayerNorm(4), Activation("relu"), Linear(4, 2))))
    assert json.loads(json.dumps(found.to_dict()))["forward"] == list(found.forward)
    assert all(assumed in found.markdown() and assumed in found.text() for assumed in found.assumptions)
    assert found.latex().count("LayerNorm") == 1
