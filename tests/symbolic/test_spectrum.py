from typing import Any

import numpy as np
import pytest
import sympy as sp

from oracles.samples import assert_close, rows, weights_of
from residua_network import BatchNorm, Layer, LayerNorm, Network, ResiduaError, RMSNorm
from residua_symbolic import derive_spectrum, jacobian
from residua_symbolic.domains.tangents import B, i, n
from residua_symbolic.layer import CONSTANT_STATISTICS
from residua_symbolic.spectrum import EPS, Spectrum

from .planted import refuses, refuses_in_place, wrong_entries

LAYERS: dict[str, Any] = {"layernorm": LayerNorm, "rmsnorm": RMSNorm, "batchnorm": BatchNorm}
SMALLEST = {"layernorm": 2, "rmsnorm": 1, "batchnorm": 2}
FEATURES = 2  # of a batch norm
PARTS = ("jacobian", "dropped")
every = pytest.mark.parametrize(
    ("kind", "eps_is_zero", "part"), [(k, e, p) for k in LAYERS for e in (False, True) for p in PARTS]
)


def layer_and_rows(kind: str, size: int, eps: float) -> tuple[Layer, Any]:
    """At γ = 1: over `size` features of one row, or over `size` rows."""
    if kind == "batchnorm":
        return BatchNorm(FEATURES, eps=eps, affine=False), rows(size, FEATURES, seed=size)
    return LAYERS[kind](size, eps=eps, affine=False), rows(1, size, seed=size)


def matrix(layer: Layer, part: str, x: Any) -> Any:
    """The matrix in float64; of a batch norm, that of the first feature."""
    net = Network((layer,))
    J = jacobian(net) if part == "jacobian" else jacobian(net, assume=CONSTANT_STATISTICS).dropped
    assert J is not None
    found = J.evaluate(weights_of(net), x)
    return found[:, 0, :, 0] if found.ndim == 4 else found[0]


def values_of(spectrum: Spectrum, kind: str, size: int, eps: float, x: Any) -> Any:
    """The eigenvalues with their multiplicities, as numbers in ascending order, and the squared norm."""
    entries = x[:, 0] if kind == "batchnorm" else x[0]
    centred = entries if kind == "rmsnorm" else entries - entries.mean()
    s = sp.IndexedBase("s", positive=True)[i] if kind == "batchnorm" else sp.Symbol("s", positive=True)
    at = {s: np.sqrt((centred**2).mean() + eps), EPS: eps, spectrum.size: size}
    found: list[float] = []
    for eigenvalue in spectrum.eigenvalues:
        found += [float(eigenvalue.value.subs(at))] * int(eigenvalue.multiplicity.subs(at))
    return np.sort(found), float(spectrum.squared_norm.subs(at))


@every
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_the_eigenvalues_are_those_of_the_matrix(kind: str, eps_is_zero: bool, part: str, size: int) -> None:
    if size < SMALLEST[kind]:
        return
    eps = 0.0 if eps_is_zero else 0.25
    layer, x = layer_and_rows(kind, size, eps)
    dense = matrix(layer, part, x)
    assert_close(dense, dense.T)
    eigenvalues, squared = values_of(derive_spectrum(kind, eps_is_zero, part), kind, size, eps, x)
    scale = max(1.0, float(np.abs(dense).max()))
    assert_close(eigenvalues, np.linalg.eigvalsh(dense), scale)
    assert_close(np.array(squared), np.sum(dense**2), scale**2)


@every
def test_planted_faults_are_refused(kind: str, eps_is_zero: bool, part: str) -> None:
    spectrum = derive_spectrum(kind, eps_is_zero, part)
    spectrum.check()
    for step in spectrum.steps:
        wrong = wrong_entries(step.right) if step.name == "sum" else wrong_spectra(step.right, spectrum.size)
        assert wrong
        for right in wrong:
            refuses(step, right)
        refuses_in_place(spectrum, step, wrong[-1])


def wrong_spectra(right: Any, size: sp.Symbol) -> list[Any]:
    """A multiplicity off by one, two exchanged, an eigenvalue negated, doubled, shifted, left out, or at size − 1."""
    pairs = [tuple(pair) for pair in right]
    found: list[Any] = []
    for p, (value, times) in enumerate(pairs):
        changed = [(value, times + 1), (value, times - 1), (value + 1, times), (-value, times), (2 * value, times)]
        changed += [(value, times.subs(size, size - 1))] if times.has(size) else []
        found += [[*pairs[:p], pair, *pairs[p + 1 :]] for pair in changed if pair != (value, times)]
        found.append([*pairs[:p], *pairs[p + 1 :]])
    for p in range(len(pairs) - 1):
        (a, k), (b, l) = pairs[p : p + 2]
        if k != l:
            found.append([*pairs[:p], (a, l), (b, k), *pairs[p + 2 :]])
    return [sp.Tuple(*(sp.Tuple(*pair) for pair in pairs)) for pairs in found if pairs]


@every
def test_multiplicities_add_up(kind: str, eps_is_zero: bool, part: str) -> None:
    spectrum = derive_spectrum(kind, eps_is_zero, part)
    assert spectrum.size == (B if kind == "batchnorm" else n)
    assert sp.expand(sp.Add(*(e.multiplicity for e in spectrum.eigenvalues)) - spectrum.size) == 0


def test_where_everything_vanishes() -> None:
    assert derive_spectrum("layernorm", eps_is_zero=True).vanishes_at() == sp.FiniteSet(2)
    assert derive_spectrum("batchnorm", eps_is_zero=True).vanishes_at() == sp.FiniteSet(2)
    assert derive_spectrum("rmsnorm", eps_is_zero=True).vanishes_at() == sp.FiniteSet(1)
    for kind in LAYERS:
        assert derive_spectrum(kind).vanishes_at() == sp.S.EmptySet
        assert derive_spectrum(kind, eps_is_zero=True, part="dropped").vanishes_at() == sp.S.EmptySet


@pytest.mark.parametrize(("kind", "size"), [("layernorm", 2), ("rmsnorm", 1), ("batchnorm", 2)])
def test_and_there_the_matrix_is_zero(kind: str, size: int) -> None:
    here, beyond = (layer_and_rows(kind, at, 0.0) for at in (size, size + 1))
    assert_close(matrix(here[0], "jacobian", here[1]), np.zeros((size, size)), scale=10.0)
    assert np.abs(matrix(beyond[0], "jacobian", beyond[1])).max() > 0.1


def test_closed_forms() -> None:
    s = sp.Symbol("s", positive=True)
    assert sp.simplify(derive_spectrum("layernorm", eps_is_zero=True).squared_norm - (n - 2) / s**2) == 0
    assert sp.simplify(derive_spectrum("rmsnorm", eps_is_zero=True).squared_norm - (n - 1) / s**2) == 0
    squared = sp.IndexedBase("s", positive=True)[i] ** 2
    assert sp.simplify(derive_spectrum("batchnorm", eps_is_zero=True).squared_norm - (B - 2) / squared) == 0
    assert derive_spectrum("batchnorm", eps_is_zero=True).assumptions == ("γ = 1, B ≥ 2", "ε = 0, variance > 0")
    assert derive_spectrum("layernorm", eps_is_zero=True).assumptions == ("γ = 1, n ≥ 2", "ε = 0, variance > 0")


def test_other_kinds_are_refused() -> None:
    """For these a multiple of the identity plus terms of rank one would be a wrong answer."""
    for kind in ("linear", "residual", "activation"):
        with pytest.raises(ResiduaError, match=f"{kind} is not a multiple of the identity plus terms of rank one"):
            derive_spectrum(kind)
    with pytest.raises(ResiduaError, match="dropout has no statistics"):
        derive_spectrum("dropout", part="dropped")
    with pytest.raises(ResiduaError, match="unknown part 'droped'; did you mean 'dropped'"):
        derive_spectrum("layernorm", part="droped")
    derive_spectrum("dropout").check()
