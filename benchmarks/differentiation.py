"""Derivatives, their evaluation and a proof on the expression graph against other symbolic systems, in one run.

Prints tables and writes them to benchmarks/differentiation.md, which says how to read them. float64, one thread.
"""

import argparse
import gc
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

import numpy as np
import symbolic_peers as peers
import sympy as sp
import torch
from interleaved import Contender, Prepared, interleave, machine, milliseconds, table

from residua import Activation, Linear, Network, build, weights_of
from residua_symbolic import derive_layer
from residua_symbolic.domains.machine import MachineDomain
from residua_symbolic.domains.residues import ResidueDomain
from residua_symbolic.expressions.blocks import compiled
from residua_symbolic.expressions.calculus import derivative, gradient, hessian
from residua_symbolic.expressions.conversion import from_sympy, to_sympy
from residua_symbolic.expressions.evaluation import evaluate
from residua_symbolic.expressions.graph import Graph, Node, below
from residua_symbolic.expressions.networks import network_graph
from residua_symbolic.expressions.printed import jacobian_is

FOLDER = Path(__file__).resolve().parent
Cells = tuple[str, ...]
TOLERANCE = 1e-9  # of the largest entry: hundreds of roundings, and far below any mistake
PACKAGES = ("residua", "numpy", "sympy", "torch")
PEERS = ("symengine", "casadi")

# The smallest median ratios, peer over ours, that meet the aims; and seconds.
AGAINST_SYMPY, AGAINST_CASADI, AGAINST_LAMBDIFY, CHECK = 5000, 1, 1, 0.01
SYMENGINE_TO = 100  # its time grows with the cube of n: 13 s at n = 500
NET_WIDTH, NET_LAYERS = 16, 3
HEAD = ("what", "ours", "peer", "peer / ours", "aim", "met")
OPENING = f"""# How fast symbolic derivatives are, against whom

Written by `make bench`. Contenders take turns within one run, so that what slows the machine slows all. Results are
compared first, at points: they agree to {TOLERANCE:g} of the largest, or nothing is written. `ours` and `peer` are the
fastest times of a call: processor time, one thread, float64; Python's garbage collector is at work, but
leaves alone what the imports left. `peer / ours` is the median of the ratios over the repetitions, with the lowest and
the highest: above 1, ours is faster. `met`: the median reaches the aim. Where a peer is not installed, the row says so.

"""
ITERATE = """## The derivative of an iterate

l₁ = x, l₍ₙ₊₁₎ = 4 lₙ (1 − lₙ); dlₙ/dx as an expression of its own, each time anew. `derive`: from the expression, made
before, to its derivative. `write and derive`: from nothing but x.

"""
GROWTH = """
The same, as n grows: microseconds and nodes for each level.

"""
NET = f"""
## A network

Gradient and Hessian, by its {NET_WIDTH} inputs, of the sum of the outputs of {NET_LAYERS} layers tanh(W h + b) of width
{NET_WIDTH}, weights being numbers. `evaluate`: at all points, by what was compiled before.

"""
CHECKED = """
## A printed Jacobian, checked

Layer normalisation at n = 5: every entry of its Jacobian, derived anew, less the printed form. Ours: on the graph, at
a random point of a prime field. Peer: `diff`, then `simplify(...) == 0`.

"""
POINTS = """
## An expression at many points

Ours: `compiled(...)`. Peers: `lambdify(cse=True)` with numpy, and C from `ccode` after `cse`, made by
`cc -O3 -march=native`.

"""


@dataclass(frozen=True)
class Setting:
    """How large a run is."""

    levels: tuple[int, ...] = (12, 100, 500, 2000)
    repetitions: int = 11
    slow: int = 5
    points: int = 100_000
    inputs: int = 1000  # of the network


QUICK = Setting(levels=(12, 100), repetitions=3, slow=1, points=20_000, inputs=100)


def agree(found: Mapping[str, Any]) -> None:
    """Exits where one result differs from the first."""
    (first, expected), *others = ((name, np.asarray(value, dtype=float)) for name, value in found.items())
    for name, other in others:
        error = np.max(np.abs(other - expected)) / np.max(np.abs(expected))
        if not error <= TOLERANCE:
            sys.exit(f"benchmarks: {first} and {name} differ by {error:.1e} of the largest")


def rows_of(
    what: str, ours: Contender, others: Mapping[str, tuple[Contender | None, float | None]], repetitions: int
) -> list[Cells]:
    """A row for each peer, all timed in turn; None stands for one that is not there."""
    there = {name: peer for name, (peer, _) in others.items() if peer is not None}
    times = interleave({"ours": ours, **there}, repetitions)
    rows: list[Cells] = []
    for name, (peer, aim) in others.items():
        if peer is None:
            rows.append((f"{what}: {name}", milliseconds(times.best("ours")), "not installed", "", "", ""))
        else:
            rows.append(times.faster_row(f"{what}: {name}", "ours", name, aim))
    return rows


def our_iterate(n: int) -> tuple[Node, Node]:
    """x and the iterate, in a graph of their own."""
    x = Graph().variable("x")
    return x, peers.iterated(x, n)


def our_slope(given: tuple[Node, Node]) -> Node:
    """By forward mode."""
    x, y = given
    return derivative(y, x)


def casadi_slope(given: tuple[Any, Any]) -> Any:
    """By CasADi."""
    import casadi

    x, y = given
    return casadi.gradient(y, x)


def symengine_slope(given: tuple[Any, Any]) -> Any:
    """By SymEngine."""
    x, y = given
    return y.diff(x)


def iterate_rows(n: int, setting: Setting) -> list[Cells]:
    """Deriving, and writing and deriving."""
    ways = {"CasADi SX": ("casadi", peers.casadi_iterate, casadi_slope)}
    if n <= SYMENGINE_TO:
        ways["SymEngine"] = ("symengine", peers.symengine_iterate, symengine_slope)
    there = {name: way[1:] for name, way in ways.items() if peers.installed(way[0])}
    agree_on_slopes(n, there)
    aims = {"CasADi SX": AGAINST_CASADI if n == 500 else None}
    derive: dict[str, Any] = dict.fromkeys(ways)
    whole: dict[str, Any] = dict.fromkeys(ways)
    for name, (make, run) in there.items():
        derive[name] = Prepared(partial(make, n), run)
        whole[name] = lambda make=make, run=run: run(make(n))
    ours = Prepared(partial(our_iterate, n), our_slope)
    found = rows_of(f"derive, n = {n}", ours, {k: (v, aims.get(k)) for k, v in derive.items()}, setting.repetitions)
    if n == 12:
        diff = Prepared(partial(peers.sympy_iterate, n), lambda y: sp.diff(y, peers.X))
        found += rows_of(f"derive, n = {n}", ours, {"SymPy `diff`": (diff, AGAINST_SYMPY)}, setting.slow)
    whole_rows = {k: (v, aims.get(k)) for k, v in whole.items()}
    return found + rows_of(
        f"write and derive, n = {n}", lambda: our_slope(our_iterate(n)), whole_rows, setting.repetitions
    )


def agree_on_slopes(n: int, there: Mapping[str, Any]) -> None:
    """Ours modulo a prime at a random point, against the chain rule in a loop; all in floats where these hold out.

    The iterates are chaotic: a float tells a general point's slope at n = 12, later that of the fixed point 3/4, which
    is (−2)^(n−1), and from n = 1024 on none.
    """
    point = ResidueDomain().number(Fraction(5, 7))
    slope = our_slope(our_iterate(n))
    if evaluate([slope], {"x": point}, ResidueDomain()) != [recurrence(n, point)]:
        sys.exit(f"benchmarks: the slope of l_{n} is not what the chain rule gives")
    if n > 1000:
        return
    at = 0.3 if n <= 12 else 0.75
    found: dict[str, Any] = {"the chain rule": recurrence(n, at)}
    found["ours"] = evaluate([slope], {"x": at}, MachineDomain())
    for name, (make, run) in there.items():
        x, y = make(n)
        if name == "CasADi SX":
            import casadi

            found[name] = float(casadi.Function("slope", [x], [run((x, y))])(at))
        else:
            found[name] = float(run((x, y)).subs({x: at}))
    agree(found)


def recurrence(n: int, x: Any) -> Any:
    """dl_n/dx by the chain rule, in a loop."""
    slope = x * 0 + 1
    for _ in range(n - 1):
        slope, x = slope * (4 - 8 * x), 4 * x * (1 - x)
    return slope


def growth_rows(setting: Setting) -> list[Cells]:
    """Time and size for each level."""
    contenders = {str(n): Prepared(partial(our_iterate, n), our_slope) for n in setting.levels}
    times = interleave(contenders, setting.repetitions)
    rows = []
    for n in setting.levels:
        nodes = len(below([our_slope(our_iterate(n))]))
        micro = sorted(1e6 * s / (n - 1) for s in times.seconds[str(n)])
        rows.append((str(n), f"{nodes}", f"{nodes / (n - 1):g}", f"{micro[0]:.2f} ({median(micro):.2f})"))
    return rows


class Net:
    """The network on all sides."""

    def __init__(self, inputs: int) -> None:
        self.net = Network((Linear(NET_WIDTH, NET_WIDTH), Activation("tanh")) * NET_LAYERS)
        self.model = build(self.net).eval()
        self.weights = weights_of(self.model)
        pairs = range(0, 2 * NET_LAYERS, 2)
        self.layers = [(self.weights[f"{k}.weight"], self.weights[f"{k}.bias"]) for k in pairs]
        self.x = np.random.default_rng(0).normal(size=(inputs, NET_WIDTH))

    def nodes(self) -> tuple[list[Node], Node]:
        """Inputs, and the sum of outputs."""
        made = network_graph(self.net, weights=self.weights)
        return list(made.inputs.flat), sum(made.outputs.flat, made.graph.zero)


def net_rows(setting: Setting) -> list[Cells]:
    """Deriving, and evaluating what was derived."""
    case = Net(setting.inputs)
    rows: list[Cells] = []
    for what, ours, torch_way in (
        ("gradient", lambda given: list(gradient(given[1], given[0])), torch.func.grad),
        ("Hessian", lambda given: [e for row in hessian(given[1], given[0]) for e in row], torch.func.hessian),
    ):
        casadi_way = partial(casadi_entries, what)
        derive: dict[str, Any] = {"CasADi SX": (None, None), "SymEngine": (None, None)}
        if peers.installed("casadi"):
            derive["CasADi SX"] = (Prepared(partial(peers.casadi_net, case.layers), casadi_way), None)
        if peers.installed("symengine"):
            entries = partial(symengine_entries, what)
            derive["SymEngine"] = (Prepared(partial(peers.symengine_net, case.layers), entries), None)
        rows += rows_of(f"{what}, derive", Prepared(case.nodes, ours), derive, setting.slow)
        rows += rows_of(
            f"{what}, evaluate, {setting.inputs} points", *evaluations(case, what, ours, torch_way), setting.slow
        )
    return rows


def casadi_entries(what: str, given: tuple[Any, Any]) -> Any:
    """A column of entries."""
    import casadi

    x, y = given
    return casadi.gradient(y, x) if what == "gradient" else casadi.vec(casadi.hessian(y, x)[0])


def symengine_entries(what: str, given: tuple[list[Any], Any]) -> list[Any]:
    """The same."""
    x, y = given
    slopes = [y.diff(v) for v in x]
    return slopes if what == "gradient" else [slope.diff(v) for slope in slopes for v in x]


def evaluations(
    case: Net, what: str, ours: Callable[..., list[Node]], torch_way: Any
) -> tuple[Contender, dict[str, Any]]:
    """Ours and the peers at all points, after a comparison."""
    inputs, y = case.nodes()
    program = compiled(ours((inputs, y)), [x.value for x in inputs])
    columns = np.ascontiguousarray(case.x.T)
    tensor = torch.tensor(case.x)
    by_torch = torch.func.vmap(torch_way(lambda x: case.model(x[None]).sum()))
    ways: dict[str, Any] = {"`torch.func`": lambda: by_torch(tensor), "CasADi SX": None}
    found = {"ours": program(*columns), "torch": by_torch(tensor).detach().reshape(len(case.x), -1).T.numpy()}
    if peers.installed("casadi"):
        import casadi

        x, value = peers.casadi_net(case.layers)
        function = casadi.Function("f", [x], [casadi_entries(what, (x, value))])
        ways["CasADi SX"] = lambda: function(columns)
        found["CasADi"] = np.asarray(function(columns))
    agree(found)
    return lambda: program(*columns), {name: (way, None) for name, way in ways.items()}


def check_rows(setting: Setting) -> list[Cells]:
    """Layer normalisation at n = 5."""
    printed = derive_layer("layernorm").components

    def ours() -> bool:
        return jacobian_is(printed, "layernorm", 5)

    def peer() -> bool:
        return peers.layernorm_by_simplify(5, index_form)

    if not (ours() and peer()):
        sys.exit("benchmarks: the printed Jacobian of layer normalisation is refused")
    times = interleave({"ours": ours, "peer": peer}, setting.slow)
    what, mine, other, ratio, *_ = times.faster_row("n = 5: SymPy `simplify`", "ours", "peer")
    met = "yes" if median(times.seconds["ours"]) <= CHECK else "no"
    return [(what, mine, other, ratio, f"≤ {milliseconds(CHECK)}", met)]


def index_form(i: int, j: int, gamma: Any, xhat: Any, s: Any, n: int) -> sp.Expr:
    """What is printed, for SymPy's explicit names."""
    return gamma[i] / s * (int(i == j) - sp.Rational(1, n) - xhat[i] * xhat[j] / n)


def point_rows(setting: Setting) -> list[Cells]:
    """Each expression at many points."""
    x, y = sp.symbols("x y", real=True)
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(0.1, 0.9, setting.points) for _ in range(2)]
    rows: list[Cells] = []
    for what, (expression, node) in expressions(x, y).items():
        program = compiled([node], ["x", "y"])
        python = sp.lambdify([x, y], expression, "numpy", cse=True)
        c = peers.generated_c(expression, [x, y])
        agree({"ours": program(*arrays)[0], "lambdify": python(*arrays), **({"C": c(*arrays)} if c else {})})
        ways: dict[str, Any] = {
            "`lambdify(cse=True)`": (partial(python, *arrays), AGAINST_LAMBDIFY),
            "C": (partial(c, *arrays) if c else None, None),
        }
        rows += rows_of(what, partial(program, *arrays), ways, setting.repetitions)
    return rows


def expressions(x: sp.Symbol, y: sp.Symbol) -> dict[str, tuple[sp.Expr, Node]]:
    """For SymPy and as a node: both from SymPy, or each its own derivative, or both from the graph."""
    g = Graph()
    polynomial = sum(sp.Rational(k + 1, 3) * x**k * y ** (k % 4) for k in range(9))
    mixed = sp.exp(-(x**2)) * sp.sin(3 * x) + sp.tanh(x * y) / (1 + x**2 + y**2)
    root = 1 / sp.sqrt(x**2 + y**2 + 1) ** 3
    slope = sp.diff(peers.iterated(x, 8), x)
    start, end = our_iterate(8)
    net = Network((Linear(2, 8), Activation("tanh"), Linear(8, 8), Activation("tanh"), Linear(8, 1)))
    made = network_graph(net, weights=weights_of(build(net)))
    output = made.outputs.flat[0]
    named = {"x1": x, "x2": y}
    given = {"x1": g.variable("x"), "x2": g.variable("y")}
    mlp = to_sympy(output, symbols=named)
    return {
        "a polynomial of degree 8 in x": (polynomial, from_sympy(g, polynomial)),
        "exp(−x²) sin 3x + tanh(xy) / (1 + x² + y²)": (mixed, from_sympy(g, mixed)),
        "(x² + y² + 1)^(−3/2)": (root, from_sympy(g, root)),
        "dl₈/dx, each its own": (slope, derivative(end, start)),
        "dl₈/dx, SymPy's": (slope, from_sympy(g, slope)),
        "a 2-8-8-1 tanh network": (mlp, from_sympy(given["x1"].graph, mlp)),
    }


def report(setting: Setting) -> str:
    """All measurements, as Markdown."""
    there = tuple(p for p in PEERS if peers.installed(p))
    iterates = [row for n in setting.levels for row in iterate_rows(n, setting)]
    return "".join(
        (
            f"{OPENING}{machine(PACKAGES + there)}.\n\n",
            ITERATE + table(HEAD, iterates),
            GROWTH + table(("n", "nodes", "a level", "µs a level, best (median)"), growth_rows(setting)),
            NET + table(HEAD, net_rows(setting)),
            CHECKED + table(HEAD, check_rows(setting)),
            POINTS + f"{setting.points} points.\n\n" + table(HEAD, point_rows(setting)),
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
        (FOLDER / "differentiation.md").write_text(found, encoding="utf-8")


if __name__ == "__main__":
    main()
