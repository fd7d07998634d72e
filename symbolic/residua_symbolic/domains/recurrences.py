"""Power series in float64: products, and elementary functions by the linear differential equations they solve.

Every array is (..., order + 1), the coefficient of t^k last. exp, reciprocals and powers obey linear recurrences
y_k = Σ_{0<j<=k} (u_j / k + v_j) y_{k-j}; Griewank, Walther, Evaluating Derivatives (SIAM 2008), ch. 13. All k of all
entries together are one triangular system with a band, so that LAPACK does in one call what would take a call of
numpy's for every k; the rest is products, integrals, and tanh z = 2/(1 + exp(−2 z)) − 1.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from scipy.linalg import lapack

Floats = NDArray[np.float64]
Array = Any  # float64 or complex128

SHORT = 4  # coefficients: a factor that has no more is multiplied out one by one
MOST = 1 << 18  # numbers in a band, 2 MiB: one that leaves the cache is slower than a loop


def multiplied(a: Array, b: Array, length: int) -> Array:
    """Σ_j a_j b_{k-j} for k below `length`, or below where the product ends; leading axes are broadcast."""
    if a.shape[-1] > b.shape[-1]:
        a, b = b, a
    length = min(length, a.shape[-1] + b.shape[-1] - 1)
    if a.shape[-1] > SHORT:
        return np.vecdot(_shifted(b, length, min(length, a.shape[-1])), a[..., None, :length])
    found = np.zeros((*np.broadcast_shapes(a.shape[:-1], b.shape[:-1]), length))
    for j in range(min(a.shape[-1], length)):
        stop = min(length, j + b.shape[-1])
        found[..., j:stop] += a[..., j : j + 1] * b[..., : stop - j]
    return found


def _shifted(b: Array, length: int, terms: int) -> Array:
    """[..., k, j] = b_{k-j} for k < length, j < terms, zero where there is none: a view of b in reverse, padded."""
    held = min(length, b.shape[-1])
    padded = np.zeros((*b.shape[:-1], length + terms - 1))
    padded[..., length - held : length] = b[..., :held][..., ::-1]
    *outer, step = padded.strides
    return as_strided(padded[..., length - 1 :], (*b.shape[:-1], length, terms), (*outer, -step, step), writeable=False)


def differentiated(z: Array) -> Array:
    """The series of the derivative, one coefficient less."""
    return z[..., 1:] * np.arange(1, z.shape[-1])


def along(slope: Array, z: Array, first: Array) -> Array:
    """∫ slope(t) z'(t) dt with this constant term: F(z), where `slope` is the series of F'(z), as long as z."""
    length = z.shape[-1]
    found = np.zeros(z.shape)
    found[..., 0] = first
    if length == 1:
        return found
    product = multiplied(slope[..., : length - 1], differentiated(z), length - 1)
    found[..., 1 : product.shape[-1] + 1] = product / np.arange(1, product.shape[-1] + 1)
    return found


def exponential(z: Array) -> Array:
    """exp(z), real or complex, from y' = z' y."""
    return _recurrence(z * np.arange(z.shape[-1]), None, np.exp(z[..., 0]))


def reciprocal(z: Array) -> Array:
    """1/z from z y = 1."""
    return _recurrence(None, -z / z[..., :1], 1 / z[..., 0])


def power(z: Array, exponent: float) -> Array:
    """z^a from z y' = a y z', with z_0 > 0."""
    relative = z / z[..., :1]
    weighted = (exponent + 1) * relative * np.arange(z.shape[-1])
    return _recurrence(weighted, -relative, np.power(z[..., 0], exponent))


def circular(z: Array) -> tuple[Array, Array]:
    """sin and cos of z: exp(iz)."""
    found = exponential(1j * z)
    return np.ascontiguousarray(found.imag), np.ascontiguousarray(found.real)


def hyperbolic(z: Array) -> tuple[Array, Array]:
    """sinh and cosh of z."""
    rising, falling = exponential(z), exponential(-z)
    sine, cosine = (rising - falling) / 2, (rising + falling) / 2
    sine[..., 0] = np.sinh(z[..., 0])
    return sine, cosine


def tanh(z: Array) -> Array:
    """tanh z, with the sign of z_0 taken out, so that no exponential overflows and none is large beside 1."""
    sign = np.where(z[..., :1] < 0, -1.0, 1.0)
    falling = exponential(-2 * sign * z)
    falling[..., 0] += 1
    found = (2 * sign) * reciprocal(falling)
    found[..., 0] = np.tanh(z[..., 0])
    return found


def _recurrence(u: Array | None, v: Array | None, first: Array) -> Array:
    """y_k = Σ_{0<j<=k} (u_j / k + v_j) y_{k-j} from y_0 = first; an absent u or v is zero."""
    given = v if u is None else u
    assert given is not None
    length, entries = given.shape[-1], given[..., 0].size
    if entries * length**2 <= MOST:
        return _solved(u, v, first)
    u, v = (None if w is None else np.ascontiguousarray(w.reshape(entries, length).T) for w in (u, v))
    found = np.empty((length, entries), dtype=given.dtype)
    found[0] = np.ravel(first)
    for k in range(1, length):
        weights: Array = np.zeros(())
        if u is not None:
            weights = u[1 : k + 1] / k
        if v is not None:
            weights = weights + v[1 : k + 1]
        found[k] = np.einsum("je,je->e", weights, found[k - 1 :: -1])
    return np.ascontiguousarray(found.T).reshape(given.shape)


def _solved(u: Array | None, v: Array | None, first: Array) -> Array:
    """The same as a unit triangular system: column (entry, c) holds −(u_j/(c+j) + v_j) in row c + j of that entry."""
    given = v if u is None else u
    assert given is not None
    shape, length = given.shape, given.shape[-1]
    inverses, inside = _inside(length)
    band: Array = np.zeros(())
    if u is not None:
        band = u.reshape(-1, 1, length) * inverses
    if v is not None:
        band = band - v.reshape(-1, 1, length) * inside
    right = np.zeros((band.shape[0], length), dtype=band.dtype)
    right[:, 0] = np.ravel(first)
    solve = lapack.ztbtrs if np.iscomplexobj(band) else lapack.dtbtrs
    found, _ = solve(band.reshape(-1, length).T, right.reshape(-1, 1), uplo="L", diag="U", overwrite_b=1)
    return found.reshape(shape)


@cache
def _inside(length: int) -> tuple[Floats, Floats]:
    """[c, j] = −1/(c + j), and 1, for 0 < j with c + j below `length`; else 0: there the next entry begins."""
    row = np.add.outer(np.arange(length), np.arange(length))
    inside = np.where((row < length) & (np.arange(length) > 0), 1.0, 0.0)
    return -inside / np.maximum(row, 1), inside
