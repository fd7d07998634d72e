"""Taylor series of expressions and networks, and certified remainders, against other libraries, in one run.

Prints tables and writes them to benchmarks/taylor.md, which says how to read them. float64, one thread.
"""

import argparse
import gc
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement
from math import factorial, prod
from pathlib import Path
from typing import Any

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import mpmath
import numpy as np
import sympy as sp
import taylor_peers as peers
import torch
from interleaved import Contender, interleave, judged, machine, milliseconds, table
from symbolic_peers import installed

from residua import Activation, Linear, Network, Residual, Task, build, train, weights_of
from residua_symbolic.expressions.given import given
from residua_symbolic.series.coefficients.exact import coefficients, polynomial
from residua_symbolic.series.enclosures.remainders import network_remainder
from residua_symbolic.series.networks.network import network_series

FOLDER = Path(__file__).resolve().parent
Cells = tuple[str, ...]
Peers = Mapping[str, tuple[Contender | None, float | None]]  # None: not installed; and the aim
TOLERANCE = 1e-9  # of the largest coefficient: hundreds of roundings, and far below any mistake
BY_AUTOBOUND = 2  # the highest order at which autobound bounds a remainder
PACKAGES = ("residua", "numpy", "sympy", "mpmath", "python-flint", "torch")
OTHERS = ("symengine", "heyoka", "jax")

# Of issue 5: times ours / peer at most, times peer / ours at least, and bound / error seen at most.
OVER_FLINT, AGAINST_MPMATH, OVER_FLOAT, LOOSENESS = 20, 250, 10, 20
AIMED = 50  # the order at which mpmath is to be beaten
SERIES_TO, NESTED_TO = 10, 6  # beyond: more than half a minute a call
WIDTH, BLOCKS, VARIABLES, DEGREE = 16, 10, 8, 6
RADIUS, ORDERS, STEPS = 0.2, (4, 6, 8, 10, 12), 1000
SEEN_AT, SEEN_DIGITS = 41, 50
HEAD = ("what", "ours", "peer", "peer / ours", "aim", "met")
OPENING = f"""# How fast Taylor series are, against whom

Written by `make bench`. Contenders take turns within one run, so that what slows the machine slows all. Results are
compared first: they agree to {TOLERANCE:g} of the largest coefficient, or nothing is written. `ours` and `peer` are the
fastest times of a call: processor time, one thread; Python's garbage collector is at work, but leaves alone what the
imports left. `peer / ours` is the median of the ratios over the repetitions, with the lowest and the highest: above 1,
ours is faster. `met`: the median reaches the aim. Where a peer is not installed, the row says so. What JAX and heyoka
take to compile, seconds to minutes, is not counted; nor is the reading of text.

"""
EXPRESSION = """## exp(sin x) at 0

Ours: `coefficients`, exact, as SymPy's rationals. python-flint, `ring_series`, SymEngine and SymPy are exact as well,
mpmath differentiates numerically, heyoka and JAX (recurrences written by hand) compute in float64.

"""
NETWORK = f"""
## A residual tanh net along a direction

{BLOCKS} blocks x + tanh(W x + b) of width {WIDTH}, and a last layer with one output. Ours: `network_series`, in float64
but for the rows `certified`: in Arb balls of 128 bits, the peer being ours in float64. torch: `jvp` of `jvp` of ..., to
order {NESTED_TO}.

"""
SEVERAL = f"""
## {VARIABLES} variables at total degree {DEGREE}

exp(sin(x₁ + 2x₂ − x₃) / (3 + x₄x₅)) + tanh(x₆x₇ + x₈ + x₁) at 0, exact: `polynomial`. A tanh net
{VARIABLES}–{VARIABLES}–1 in float64: `network_series` without a direction, beside nested `jacfwd`.

"""
CERTIFIED = f"""
## Certified remainders

Of a trained net with three tanh layers of width {WIDTH}, on |x| ≤ {RADIUS}: `network_remainder` at 128 bits beside the
largest error at {SEEN_AT} points, to {SEEN_DIGITS} digits.

"""
BESIDE = f"""
The same net with the sigmoid (autobound has no tanh), untrained, order {BY_AUTOBOUND} (autobound has no higher).
autobound runs in an environment of its own, because it works with jax 0.4.18 and numpy 1 but not with what residua
needs: `AUTOBOUND_PYTHON` names its Python.

"""


@dataclass(frozen=True)
class Setting:
    """How large a run is."""

    orders: tuple[int, ...] = (20, 50, 100)
    net_orders: tuple[int, ...] = (10, 20, 50)
    repetitions: int = 11
    slow: int = 3


QUICK = Setting(orders=(20,), net_orders=(10,), repetitions=3, slow=1)


def agree(found: Mapping[str, Any]) -> None:
    """Exits where one result differs from the first."""
    (first, expected), *others = ((name, np.asarray(value, dtype=float)) for name, value in found.items())
    for name, other in others:
        error = np.max(np.abs(other - expected)) / np.max(np.abs(expected))
        if not (other.shape == expected.shape and error <= TOLERANCE):
            sys.exit(f"benchmarks: {first} and {name} differ by {error:.1e} of the largest")


def rows_of(what: str, ours: Contender, others: Peers, repetitions: int) -> list[Cells]:
    """A row for each peer, all timed in turn."""
    there = {name: peer for name, (peer, _) in others.items() if peer is not None}
    times = interleave({"ours": ours, **there}, repetitions)
    rows: list[Cells] = []
    for name, (peer, aim) in others.items():
        if peer is None:
            rows.append((f"{what}: {name}", milliseconds(times.best("ours")), "not installed", "", "", ""))
        else:
            rows.append(times.faster_row(f"{what}: {name}", "ours", name, aim))
    return rows


def values(found: Any) -> list[float]:
    """Floats, whatever the numbers."""
    return [float(sp.Rational(int(c.p), int(c.q))) if hasattr(c, "q") else float(c) for c in found]


def expression_rows(order: int, setting: Setting) -> list[Cells]:
    """exp(sin x) at one order."""
    function = given("exp(sin(x))")
    ours = partial(coefficients, function, "x", sp.Integer(0), order)
    quick: dict[str, Any] = {
        "python-flint": partial(peers.flint_exp_sin, order),
        "SymPy `ring_series`": partial(peers.ring_series_exp_sin, order),
        "SymEngine": partial(peers.symengine_exp_sin, order) if installed("symengine") else None,
        "heyoka": peers.heyoka_exp_sin(order) if installed("heyoka") else None,
        "JAX, by hand": peers.jax_exp_sin(order) if installed("jax") else None,
        "mpmath `taylor`": partial(peers.mpmath_exp_sin, order),
    }
    agree({"ours": values(ours()), **{name: values(run()) for name, run in quick.items() if run is not None}})
    aims = {"python-flint": 1 / OVER_FLINT}
    others = {name: (run, aims.get(name)) for name, run in quick.items()}
    return rows_of(f"order {order}", ours, others, setting.repetitions)


def series_rows(setting: Setting) -> list[Cells]:
    """SymPy's `series`, which is too slow for the orders above."""
    function = given("exp(sin(x))")
    ours = partial(coefficients, function, "x", sp.Integer(0), SERIES_TO)
    peer = partial(peers.sympy_series, SERIES_TO)
    agree({"ours": values(ours()), "series": values(peer())})
    return rows_of(f"order {SERIES_TO}", ours, {"SymPy `series`": (peer, None)}, setting.slow)


@dataclass(frozen=True)
class Case:
    """A network, its torch twin, its weights, and a line through the inputs."""

    net: Network
    model: Any
    weights: Mapping[str, Any]
    at: Any
    along: Any

    @classmethod
    def of(cls, net: Network) -> "Case":
        """With weights of torch's own draw."""
        model, rng = build(net), np.random.default_rng(0)
        return cls(net, model, weights_of(model), *rng.normal(size=(2, net.inputs)) / np.sqrt(net.inputs))

    @property
    def layers(self) -> list[tuple[Any, Any]]:
        """(weight, bias) in order."""
        names = [name.removesuffix("weight") for name in self.weights if name.endswith("weight")]
        return [(self.weights[f"{name}weight"], self.weights[f"{name}bias"]) for name in names]


def residual_net() -> Network:
    """x + tanh(W x + b), several times, and a linear layer."""
    block = Residual((Linear(WIDTH, WIDTH), Activation("tanh")))
    return Network((*(block for _ in range(BLOCKS)), Linear(WIDTH, 1)))


def network_rows(order: int, setting: Setting) -> list[Cells]:
    """The residual net at one order."""
    case = Case.of(residual_net())
    line = (case.layers, case.at, case.along)
    ours = partial(network_series, case.net, order, case.weights, case.at, along=case.along)
    in_mpmath = peers.mpmath_net(*line)
    fast: dict[str, Any] = {
        "heyoka": peers.heyoka_net(*line, order) if installed("heyoka") else None,
        "JAX, by hand": peers.jax_net(*line, order) if installed("jax") else None,
    }
    slow = {"mpmath `taylor`": lambda: mpmath.taylor(in_mpmath, 0, order)}
    found = {"ours": ours().coefficients[:, 0]}
    agree(found | {name: values(run()) for name, run in (fast | slow).items() if run is not None})
    what = f"order {order}"
    rows = rows_of(what, ours, {name: (run, None) for name, run in fast.items()}, setting.repetitions)
    aim = AGAINST_MPMATH if order == AIMED else None
    rows += rows_of(what, ours, {name: (run, aim) for name, run in slow.items()}, setting.slow)
    certified = partial(ours, certified=True)
    agree(found | {"certified": np.array(certified().coefficients[:, 0], dtype=float)})
    return rows + rows_of(
        f"{what}, certified", certified, {"ours in float64": (ours, 1 / OVER_FLOAT)}, setting.repetitions
    )


def nested_rows(setting: Setting) -> list[Cells]:
    """torch, as far as it gets."""
    case = Case.of(residual_net())
    ours = partial(network_series, case.net, NESTED_TO, case.weights, case.at, along=case.along)
    peer = peers.torch_nested(case.model, case.at, case.along, NESTED_TO)
    agree({"ours": ours().coefficients[:, 0], "torch": peer()})
    return rows_of(f"order {NESTED_TO}", ours, {"torch, nested `jvp`": (peer, None)}, setting.slow)


def several_rows(setting: Setting) -> list[Cells]:
    """Eight variables: an expression exactly, a network in float64."""
    function = given(peers.eight())
    at = dict.fromkeys(function.variables, sp.Integer(0))
    ours = partial(polynomial, function, at, DEGREE)
    peer = partial(peers.ring_series_of_eight, DEGREE)
    place = [int(name[1:]) - 1 for name in function.variables]
    expected = peer()
    found = {tuple(m[place.index(i)] for i in range(VARIABLES)): c for m, c in ours().items()}
    agree({"ours": values(found[m] for m in sorted(found)), "ring": values(expected[m] for m in sorted(expected))})
    rows = rows_of("expression", ours, {"SymPy `ring_series`": (peer, None)}, setting.slow)
    case = Case.of(Network((Linear(VARIABLES, VARIABLES), Activation("tanh"), Linear(VARIABLES, 1))))
    net = partial(network_series, case.net, DEGREE, case.weights, case.at)
    nested = peers.torch_tensors(case.model, case.at, DEGREE)
    agree({"ours": [c[0] for _, c in sorted(net().coefficients.items())], "torch": from_tensors(nested())})
    return rows + rows_of("network", net, {"torch, nested `jacfwd`": (nested, None)}, setting.slow)


def from_tensors(tensors: list[Any]) -> list[float]:
    """The coefficients of monomials from derivative tensors, by exponents in lexicographic order."""
    found = {}
    for degree, tensor in enumerate(tensors):
        for place in combinations_with_replacement(range(VARIABLES), degree):
            exponents = tuple(place.count(i) for i in range(VARIABLES))
            found[exponents] = float(tensor[place]) / prod(map(factorial, exponents))
    return [c for _, c in sorted(found.items())]


def three_layers(activation: str) -> Network:
    """One input, one output."""
    hidden = (Linear(1, WIDTH), *(Linear(WIDTH, WIDTH) for _ in range(2)))
    return Network((*(layer for one in hidden for layer in (one, Activation(activation))), Linear(WIDTH, 1)))


def trained() -> Case:
    """The tanh net, fitted to sin."""
    case = Case.of(three_layers("tanh"))
    x = np.linspace(-np.pi, np.pi, 256)[:, None]
    train(case.model, Task.data("sin", x, np.sin(x)), steps=STEPS, rate=1e-2, batch=64, progress=False)
    return Case(case.net, case.model, weights_of(case.model), np.zeros(1), np.ones(1))


def error_seen(case: Case, activation: Callable[[Any], Any], order: int) -> float:
    """The largest |f − T_n| on a grid: f in mpmath, T_n from certified coefficients."""
    series = network_series(case.net, order, case.weights, case.at, along=case.along, certified=True, bits=256)
    with mpmath.workdps(SEEN_DIGITS):
        c = [mpmath.mpf(one.mid().str(2 * SEEN_DIGITS, radius=False)) for one in series.coefficients[:, 0]]
        errors = [
            abs(in_mpmath(case.layers, activation, t) - mpmath.polyval(c[::-1], t))
            for t in map(mpmath.mpf, np.linspace(-RADIUS, RADIUS, SEEN_AT).tolist())
        ]
        return float(max(errors))


def in_mpmath(layers: list[tuple[Any, Any]], activation: Callable[[Any], Any], t: Any) -> Any:
    """A plain net of one input."""
    h = [t]
    for at, (weight, bias) in enumerate(layers, 1):
        h = [mpmath.fdot(row, h) + b for row, b in zip(weight.tolist(), bias.tolist(), strict=True)]
        h = h if at == len(layers) else [activation(v) for v in h]
    return h[0]


def remainder(case: Case, order: int) -> float:
    """The certified bound of |f − T_n|."""
    (ball,) = network_remainder(case.net, case.weights, case.at, case.along, order, -RADIUS, RADIUS)
    return float(abs(ball).upper())


def remainder_rows() -> list[Cells]:
    """Bound, error and time at each order."""
    case, rows = trained(), list[Cells]()
    for order in ORDERS:
        bound, seen = remainder(case, order), error_seen(case, mpmath.tanh, order)
        cost = milliseconds(peers.seconds(partial(remainder, case, order), 3))
        if not seen <= bound:
            sys.exit(f"benchmarks: at order {order} an error of {seen:.3g} is beyond its bound {bound:.3g}")
        shown = (str(order), cost, f"{bound:.3g}", f"{seen:.3g}", f"{bound / seen:.3g}")
        rows.append((*shown, *judged(bound / seen, LOOSENESS, f"{LOOSENESS}")))
    return rows


def autobound_rows() -> list[Cells]:
    """Ours, and autobound where there is one."""
    drawn = Case.of(three_layers("sigmoid"))
    case = Case(drawn.net, drawn.model, drawn.weights, np.zeros(1), np.ones(1))
    seen = error_seen(case, lambda z: 1 / (1 + mpmath.exp(-z)), BY_AUTOBOUND)
    bound = remainder(case, BY_AUTOBOUND)
    cost = peers.seconds(partial(remainder, case, BY_AUTOBOUND), 5)
    rows = [("ours", milliseconds(cost), f"{bound:.3g}", f"{seen:.3g}", f"{bound / seen:.3g}")]
    other = peers.autobound(case.layers, BY_AUTOBOUND, RADIUS)
    if other is None:
        return [*rows, ("autobound", "not installed", "", "", "")]
    bound, cost = other
    return [*rows, ("autobound", milliseconds(cost), f"{bound:.3g}", f"{seen:.3g}", f"{bound / seen:.3g}")]


def report(setting: Setting) -> str:
    """All measurements, as Markdown."""
    there = tuple(p for p in OTHERS if installed(p))
    expressions = [row for order in setting.orders for row in expression_rows(order, setting)]
    networks = [row for order in setting.net_orders for row in network_rows(order, setting)]
    bounds = ("time", "bound", "largest error seen", "bound / error")
    return "".join(
        (
            f"{OPENING}{machine(PACKAGES + there)}.\n\n",
            EXPRESSION + table(HEAD, expressions + series_rows(setting)),
            NETWORK + table(HEAD, networks + nested_rows(setting)),
            SEVERAL + table(HEAD, several_rows(setting)),
            CERTIFIED + table(("order", *bounds, "aim", "met"), remainder_rows()),
            BESIDE + table(("whose", *bounds), autobound_rows()),
        )
    )


def main() -> None:
    """Measure, print, and write unless it was a quick run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    quick = "small sizes and few repetitions, nothing written: does it still run?"
    parser.add_argument("--quick", action="store_true", help=quick)
    setting = QUICK if parser.parse_args().quick else Setting()
    torch.set_num_threads(1)
    gc.freeze()  # a collection of all that torch and SymPy hold would fall on one contender or another
    found = report(setting)
    print(found)
    if setting is not QUICK:
        (FOLDER / "taylor.md").write_text(found, encoding="utf-8")


if __name__ == "__main__":
    main()
