"""Taylor coefficients by other libraries, as their users would ask for them, or by the recurrences written out."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from math import factorial
from pathlib import Path
from typing import Any

import flint
import mpmath
import numpy as np
import sympy as sp
from sympy.core.cache import clear_cache
from sympy.polys import ring_series

X = sp.Symbol("x")
Layers = Sequence[tuple[Any, Any]]  # (weight, bias): residual blocks h + tanh(W h + b), and last a linear map
AUTOBOUND = Path(__file__).with_name("autobound_peer.py")


def flint_exp_sin(order: int) -> list[Any]:
    """exp(sin x) by python-flint."""
    before, flint.ctx.cap = flint.ctx.cap, order + 1
    try:
        found = flint.fmpq_series([0, 1]).sin().exp()
        return [found[k] for k in range(order + 1)]
    finally:
        flint.ctx.cap = before


def sympy_series(order: int) -> list[Any]:
    """By `series`, with SymPy's memory emptied."""
    clear_cache()
    found = sp.series(sp.exp(sp.sin(X)), X, 0, order + 1).removeO()
    return [found.coeff(X, k) for k in range(order + 1)]


def ring_series_exp_sin(order: int) -> list[Any]:
    """By SymPy's `ring_series`."""
    _, x = sp.ring("x", sp.QQ)
    found = ring_series.rs_exp(ring_series.rs_sin(x, x, order + 1), x, order + 1)
    return [found.coeff(x**k) for k in range(order + 1)]


def mpmath_exp_sin(order: int) -> list[Any]:
    """By numerical differentiation."""
    return list(mpmath.taylor(lambda t: mpmath.exp(mpmath.sin(t)), 0, order))


def symengine_exp_sin(order: int) -> list[Any]:
    """By SymEngine's series."""
    import symengine

    x = symengine.Symbol("x")
    found = dict(symengine.series(symengine.exp(symengine.sin(x)), x, 0, order + 1, True))
    return [found.get(k, 0) for k in range(order + 1)]


def heyoka_coefficients(function: Callable[[Any], Any], order: int) -> Callable[[], Any]:
    """A compiled program for f(0 + t): of y' = f(t), whose coefficients are those of f over k + 1."""
    import heyoka

    y = heyoka.make_vars("y")
    # The tolerance from which heyoka takes the order ⌈1 − log(tolerance) / 2⌉, here order + 1.
    system = heyoka.taylor_adaptive(
        [(y, function(heyoka.time))], [0.0], tol=float(np.exp(-2.0 * order)), compact_mode=True
    )
    factors = np.arange(1, order + 2)

    def run() -> Any:
        system.step(max_delta_t=0.0, write_tc=True)  # and stays where it is
        return system.tc[0, 1 : order + 2] * factors

    return run


def heyoka_exp_sin(order: int) -> Callable[[], Any]:
    """exp(sin x), compiled."""
    import heyoka

    return heyoka_coefficients(lambda t: heyoka.exp(heyoka.sin(t)), order)


def heyoka_net(layers: Layers, at: Any, along: Any, order: int) -> Callable[[], Any]:
    """The net along a direction, compiled."""
    import heyoka

    def net(t: Any) -> Any:
        h = [float(a) + float(v) * t for a, v in zip(at, along, strict=True)]
        for weight, bias in layers[:-1]:
            sums = [heyoka.sum([float(w) * v for w, v in zip(row, h, strict=True)]) for row in weight]
            h = [v + heyoka.tanh(s + float(b)) for v, s, b in zip(h, sums, bias, strict=True)]
        weight, bias = layers[-1]
        return heyoka.sum([float(w) * v for w, v in zip(weight[0], h, strict=True)]) + float(bias[0])

    return heyoka_coefficients(net, order)


def jax_exp_sin(order: int) -> Callable[[], Any]:
    """The recurrences of sin, cos and exp, written by hand and compiled."""
    jax, jnp = _jax()

    def run(u: Any) -> Any:
        k = jnp.arange(order + 1)

        def turn(n: Any, both: Any) -> Any:
            s, c = both
            before = jnp.where(k < n, n - k, 0) * u[jnp.clip(n - k, 0)]
            return s.at[n].set(before @ c / n), c.at[n].set(-(before @ s) / n)

        start = jnp.zeros(order + 1)
        s, _ = jax.lax.fori_loop(1, order + 1, turn, (start, start.at[0].set(1.0)))

        def grow(n: Any, e: Any) -> Any:
            before = jnp.where(k < n, n - k, 0) * s[jnp.clip(n - k, 0)]
            return e.at[n].set(before @ e / n)

        return jax.lax.fori_loop(1, order + 1, grow, start.at[0].set(1.0))

    compiled = jax.jit(run)
    line = jnp.zeros(order + 1).at[1].set(1.0)
    return lambda: compiled(line).block_until_ready()


def jax_net(layers: Layers, at: Any, along: Any, order: int) -> Callable[[], Any]:
    """The recurrence y' = (1 − y²) u' for whole layers, written by hand and compiled."""
    jax, jnp = _jax()
    k = jnp.arange(order + 1)

    def tanh(u: Any) -> Any:
        def next_one(n: Any, both: Any) -> Any:
            y, c = both  # c = 1 − y²
            slopes = jnp.where(k < n, n - k, 0)[:, None] * u[jnp.clip(n - k, 0)]
            y = y.at[n].set((slopes * c).sum(axis=0) / n)
            other = jnp.where((k <= n)[:, None], y[jnp.clip(n - k, 0)], 0.0)
            return y, c.at[n].set(-(other * y).sum(axis=0))

        y = jnp.zeros_like(u).at[0].set(jnp.tanh(u[0]))
        c = jnp.zeros_like(u).at[0].set(1 - y[0] ** 2)
        return jax.lax.fori_loop(1, order + 1, next_one, (y, c))[0]

    def run(h: Any) -> Any:
        for weight, bias in layers[:-1]:
            h = h + tanh((h @ weight.T).at[0].add(bias))
        weight, bias = layers[-1]
        return (h @ weight.T).at[0].add(bias)[:, 0]

    compiled = jax.jit(run)
    line = jnp.zeros((order + 1, len(at))).at[0].set(at).at[1].set(along)
    return lambda: compiled(line).block_until_ready()


def mpmath_net(layers: Layers, at: Any, along: Any) -> Callable[[Any], Any]:
    """The net along a direction, in mpmath's numbers."""
    rows = [([[mpmath.mpf(float(w)) for w in row] for row in W], [mpmath.mpf(float(b)) for b in B]) for W, B in layers]
    start, way = ([mpmath.mpf(float(v)) for v in values] for values in (at, along))

    def linear(weight: Any, bias: Any, h: Any) -> list[Any]:
        return [mpmath.fdot(row, h) + b for row, b in zip(weight, bias, strict=True)]

    def net(t: Any) -> Any:
        h = [a + t * v for a, v in zip(start, way, strict=True)]
        for weight, bias in rows[:-1]:
            h = [v + mpmath.tanh(s) for v, s in zip(h, linear(weight, bias, h), strict=True)]
        return linear(*rows[-1], h)[0]

    return net


def torch_nested(model: Any, at: Any, along: Any, order: int) -> Callable[[], Any]:
    """A jvp of a jvp of ..., each giving the derivatives before it as well."""
    import torch

    x, v, one = torch.tensor(at)[None], torch.tensor(along)[None], torch.ones((), dtype=torch.float64)

    def derivatives(f: Callable[[Any], Any], count: int) -> Callable[[Any], Any]:
        if not count:
            return lambda t: (f(t),)

        def more(t: Any) -> Any:
            below, slopes = torch.func.jvp(derivatives(f, count - 1), (t,), (one,))
            return (*below, slopes[-1])

        return more

    run = derivatives(lambda t: model(x + t * v)[0, 0], order)
    zero = torch.zeros((), dtype=torch.float64)
    return lambda: [d.item() / factorial(k) for k, d in enumerate(run(zero))]


def torch_tensors(model: Any, at: Any, order: int) -> Callable[[], list[Any]]:
    """jacfwd of jacfwd of ...: all derivative tensors."""
    import torch

    x = torch.tensor(at)

    def tensors(f: Callable[[Any], Any], count: int) -> Callable[[Any], Any]:
        if not count:
            return lambda x: (f(x), (f(x),))

        def more(x: Any) -> Any:
            top, below = torch.func.jacfwd(tensors(f, count - 1), has_aux=True)(x)
            return top, (*below, top)

        return more

    run = tensors(lambda x: model(x[None])[0, 0], order)
    return lambda: [part.detach().numpy() for part in run(x)[1]]


def ring_series_of_eight(order: int) -> dict[tuple[int, ...], Any]:
    """`eight` below by `ring_series`, along t times the variables."""
    _, t, *x = sp.ring(["t", *(f"x{k}" for k in range(1, 9))], sp.QQ)
    n = order + 1
    x = [t * v for v in x]

    def cut(p: Any) -> Any:
        return ring_series.rs_trunc(p, t, n)

    sine = ring_series.rs_sin(cut(x[0] + 2 * x[1] - x[2]), t, n)
    inverse = ring_series.rs_series_inversion(cut(3 + x[3] * x[4]), t, n)
    grown = ring_series.rs_exp(ring_series.rs_mul(sine, inverse, t, n), t, n)
    found = grown + ring_series.rs_tanh(cut(x[5] * x[6] + x[7] + x[0]), t, n)
    return {tuple(m[1:]): c for m, c in found.terms()}


def eight() -> sp.Expr:
    """A function of eight variables."""
    x = sp.symbols("x1:9", real=True)
    return sp.exp(sp.sin(x[0] + 2 * x[1] - x[2]) / (3 + x[3] * x[4])) + sp.tanh(x[5] * x[6] + x[7] + x[0])


def autobound(layers: Layers, order: int, radius: float) -> tuple[float, float] | None:
    """(bound, seconds of a call) of autobound for a sigmoid net around 0; None where it is not there.

    It works with jax 0.4.18 and numpy 1, which residua does not: the environment variable AUTOBOUND_PYTHON names the
    Python of an environment that has them.
    """
    python = os.environ.get("AUTOBOUND_PYTHON")
    if python is None:
        return None
    given = {"layers": [(w.tolist(), b.tolist()) for w, b in layers], "order": order, "radius": radius}
    done = subprocess.run(
        [python, str(AUTOBOUND)], input=json.dumps(given), capture_output=True, text=True, check=True, timeout=300
    )
    found = json.loads(done.stdout)
    return float(found["bound"]), float(found["seconds"])


def seconds(call: Callable[[], object], calls: int) -> float:
    """Of processor time, the fastest of several calls."""
    found = []
    for _ in range(calls):
        begin = time.process_time()
        call()
        found.append(time.process_time() - begin)
    return min(found)


def _jax() -> tuple[Any, Any]:
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax, jax.numpy
