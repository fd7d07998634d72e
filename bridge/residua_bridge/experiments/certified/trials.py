"""Certified remainders on trial: random expressions and networks, each judged by mpmath on its source.

One trial: a random function, point, order and interval; the enclosure of f − T_n; and values of f − T_n that the
referee computes at 50 digits and more. A value outside the enclosure is a violation. Trials are numbered: the number is
the seed, so that each can be repeated alone, and a long run goes on where it stopped.
"""

import json
import math
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import date
from fractions import Fraction
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np
import sympy as sp
from mpmath import mp

from residua_bridge.experiments.certified import referee
from residua_bridge.experiments.digests import digest
from residua_bridge.findings import Section, Table
from residua_bridge.study import By, Finding, Settings
from residua_network import (
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
from residua_symbolic.expressions.given import Given, given
from residua_symbolic.reading.grammar import parse
from residua_symbolic.series.enclosures.remainders import (
    expression_box_remainder,
    expression_remainder,
    network_box_remainder,
    network_remainder,
)

FULL_RUN = Path(__file__).with_suffix(".json")
DIGITS = 50  # of the referee, beyond the size of the remainder
SPARE = 15  # digits that the referee may lose
CERTAIN = 1e5  # times its rounding: from where on a value of the referee is told from 0
SAMPLES = 6  # values of f − T_n that are looked at, the ends among them
NEAR = 0.1  # of the distance to the nearest singularity: where the sharpness is measured
INSIDE = 0.9  # of that distance
FULL_COUNT = 100_000
CHUNK = 500
SHARE = 10  # trials that a process takes at a time
LARGEST = 300.0  # values inside a random expression
LARGEST_AT_ENDS = 1e4
EVERY_TEXT = 50  # every so many trials the text goes through the reader's own process, too

UNARY = ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan", "erf", "sigmoid", "softplus")
OTHERS = ("gelu", "silu", "neg", "abs", "relu", "sign", "step")
BINARY = ("add", "sub", "mul", "mul", "div", "pow")
BEHIND = tuple(Fraction(k, 2) for k in (0, 0, 1, 2))
BEYOND = tuple(Fraction(k, 4) for k in (4, 4, 4, 5))
WAYS, WAY_SHARES = ("inputs", "parameters", "box"), (0.65, 0.3, 0.05)
SMOOTH = ("identity", "tanh", "sigmoid", "gelu", "silu", "softplus", "sin", "square", "cube")


@dataclass(frozen=True)
class Trial:
    """What came of one: kind, order, interval relative to the distance of the nearest singularity, whether the
    enclosure is finite, whether f exists at all that was looked at, bound/true, whether a value lies outside."""

    seed: int
    kind: str
    source: str
    order: int
    share: float
    finite: bool
    defined: bool
    ratio: float
    violated: bool


@dataclass(frozen=True)
class Case:
    """A function of t (or of a box) with the referee's version of it, ready for an interval."""

    kind: str
    source: str
    order: int
    distance: float
    enclose: Callable[[Fraction, Fraction], Any]
    referee: Callable[[Any, int], list[Any]]
    """From t of mpmath, the value of every output; from None, the first `length` Taylor coefficients at t = 0."""
    one_sided: bool = False
    tame: Callable[[Fraction], bool] | None = None
    """Whether the values inside the expression are not so large that mpmath would take minutes."""
    gap: Callable[[Fraction, Fraction], bool] | None = None
    """Whether there is a point of the interval at which the expression as written does not exist."""


def trial(seed: int) -> Trial:
    """Trial number `seed`."""
    rng = np.random.default_rng(seed)
    case = None
    while case is None:
        case = _network_case(rng) if rng.random() < 0.3 else _expression_case(rng, seed)
    share = (
        NEAR if rng.random() < 0.5 else float(rng.choice([rng.uniform(0.01, 0.9), rng.uniform(0.9, 2.5)], p=[0.8, 0.2]))
    )
    left, right = _interval(rng, case, share)
    while case.tame is not None and not (case.tame(left) and case.tame(right)):
        left, right, share = left / 2, right / 2, share / 2
    try:
        balls = case.enclose(left, right)
    except ResiduaError:  # no answer counts as one that is not finite
        balls = []
    finite = bool(balls) and all(bool(ball.is_finite()) for ball in balls)
    defined, ratio, violated = _judged(rng, case, balls, left, right)
    if defined and not finite and case.gap is not None:
        defined = not case.gap(left, right)
    return Trial(seed, case.kind, case.source, case.order, share, finite, defined, ratio, violated)


def _interval(rng: np.random.Generator, case: Case, share: float) -> tuple[Fraction, Fraction]:
    """An interval around 0 whose farther end is at `share` of the distance; the nearer one anywhere, or at 0."""
    far = Fraction(share * case.distance).limit_denominator(10**6) or Fraction(1, 10**6)
    near = far * Fraction(int(rng.integers(0, 5)), 4)
    if case.one_sided:
        return Fraction(0), far
    return (-far, near) if rng.random() < 0.5 else (-near, far)


def _judged(
    rng: np.random.Generator, case: Case, balls: Sequence[Any], left: Fraction, right: Fraction
) -> tuple[bool, float, bool]:
    """Whether f exists at the points looked at, the largest bound/true over the outputs, whether a value is outside."""
    mp.dps = DIGITS
    sizes = [size for ball in balls if ball.is_finite() and (size := _mpf(abs(ball).upper())) > 0]
    mp.dps = DIGITS + SPARE + max(0, int(-mp.log10(min(sizes, default=mp.mpf(1)))))
    points = [
        left,
        right,
        *(left + (right - left) * Fraction(int(rng.integers(1, 2**20)), 2**20) for _ in range(SAMPLES - 2)),
    ]
    try:
        series = case.referee(None, case.order + 1)
    except referee.UndefinedError:
        return False, math.nan, False
    defined, violated, most = True, False, [mp.mpf(0)] * len(balls)
    for point in points:
        t = referee.number(point)
        try:
            values = case.referee(t, 1)
        except referee.UndefinedError:
            defined = False
            continue
        for k, (ball, value, coefficients) in enumerate(zip(balls, values, series, strict=bool(balls))):
            terms = [c * t**j for j, c in enumerate(coefficients)]
            error = value[0] - mp.fsum(terms)
            spare = mp.mpf(10) ** (SPARE - mp.dps) * (abs(value[0]) + mp.fsum(map(abs, terms)) + 1)
            most[k] = max(most[k], abs(error) if abs(error) > spare * CERTAIN else mp.mpf(0))
            if ball.is_finite() and not (_mpf(ball.lower()) - spare <= error <= _mpf(ball.upper()) + spare):
                violated = True
    ratios = [_ratio(ball, reached) for ball, reached in zip(balls, most, strict=True) if ball.is_finite()]
    return defined, max((r for r in ratios if not math.isnan(r)), default=math.nan), violated


def _ratio(ball: Any, reached: Any) -> float:
    """bound/true; NaN where f − T_n is zero, as far as the referee can see: f is that polynomial."""
    return float(_mpf(abs(ball).upper()) / reached) if reached > 0 else math.nan


def _mpf(exact: Any) -> Any:
    """A ball of radius zero as mpmath's number."""
    mantissa, exponent = exact.mid().man_exp()
    return mp.mpf(int(mantissa)) * mp.mpf(2) ** int(exponent)


def _expression_case(rng: np.random.Generator, seed: int) -> Case | None:
    """A random expression at a random point where it is finite and smooth, or None."""
    names = ("x",) if rng.random() < 0.96 else ("x", "y")
    tree = _tree(rng, int(rng.integers(1, 5)), names)
    at = {name: Fraction(int(rng.integers(-12, 13)), int(rng.choice([1, 2, 3, 4, 7]))) for name in names}
    used = {name for name in names if _occurs(tree, name)}
    if not used or _size(tree, at) > LARGEST:
        return None
    text = referee.text_of(tree)
    function = given(text) if seed % EVERY_TEXT == 0 else given(parse(text).program)
    order = int(rng.integers(0, 11))
    at = {name: at[name] for name in function.variables}
    along = (
        {name: Fraction(int(rng.integers(-4, 5)), 4) for name in at} if len(at) > 1 else dict.fromkeys(at, Fraction(1))
    )

    def judged(t: Any, length: int) -> list[Any]:
        if t is None:
            values = {
                name: ([referee.number(at[name]), referee.number(along[name])] + [mp.mpf(0)] * length)[:length]
                for name in at
            }
        else:
            values = {name: [referee.number(at[name]) + t * referee.number(along[name])] for name in at}
        return [referee.of_tree(tree, values)]

    def tame(t: Fraction) -> bool:
        size = _size(tree, {name: at[name] + t * along[name] for name in at}, LARGEST_AT_ENDS)
        return size <= LARGEST_AT_ENDS or size == math.inf

    distance = _distance(judged)
    if distance is None:
        return None
    if len(at) > 1:
        enclose = partial(_enclosed_box, function, at, order, along, _stretches(rng, len(at)))
        return Case("box", text, order, min(distance, 1.0), enclose, judged, True, tame)
    return Case(
        "expression",
        text,
        order,
        distance,
        partial(_enclosed, function, at, order),
        judged,
        tame=tame,
        gap=partial(_gap, tree, at),
    )


def _gap(tree: referee.Tree, at: dict[str, Fraction], left: Fraction, right: Fraction) -> bool:
    """Whether a denominator, or the argument of a logarithm, changes its sign or vanishes."""
    ((name, point),) = at.items()
    mp.dps = DIGITS
    ends = [{name: [referee.number(point + left + (right - left) * Fraction(k, GRID))]} for k in range(GRID + 1)]
    try:
        return any(
            min(values) <= 0 <= max(values)
            for part in _parts(tree)
            if (inner := _divisor(part))
            for values in [[referee.of_tree(inner, end)[0] for end in ends]]
        )
    except referee.UndefinedError:
        return True


def _divisor(part: referee.Tree) -> referee.Tree | None:
    """What must not be zero in this part for it to exist, tangents included."""
    head, *arguments = part
    if head in ("div", "pow"):
        first, second = arguments
        if head == "div":
            return cast(referee.Tree, second)
        return cast(referee.Tree, first) if second[0] != "number" or second[1] < 0 else None
    if head == "tan":
        return ("cos", arguments[0])
    return cast(referee.Tree, arguments[0]) if head == "log" else None


def _enclosed(function: Given, at: dict[str, Fraction], order: int, left: Fraction, right: Fraction) -> list[Any]:
    ((name, point),) = at.items()
    return [expression_remainder(function, name, _exact(point), order, _exact(point + left), _exact(point + right))]


def _stretches(rng: np.random.Generator, count: int) -> list[tuple[Fraction, Fraction]]:
    """How far, side by side, a box reaches: behind the point and beyond the end of the ray, in parts of the ray."""
    chosen = rng.integers(0, (len(BEHIND), len(BEYOND)), size=(count, 2))
    return [(BEHIND[k], BEYOND[j]) for k, j in chosen.tolist()]


def _enclosed_box(
    function: Given,
    at: dict[str, Fraction],
    order: int,
    along: dict[str, Fraction],
    stretches: Sequence[tuple[Fraction, Fraction]],
    _: Fraction,
    right: Fraction,
) -> list[Any]:
    """On a box that contains the point and the end of the ray, often as corners."""
    ends = {
        name: (at[name] - behind * right * along[name], at[name] + beyond * right * along[name])
        for name, (behind, beyond) in zip(at, stretches, strict=True)
    }
    lower, upper = ({name: _exact(choose(pair)) for name, pair in ends.items()} for choose in (min, max))
    return [expression_box_remainder(function, {name: _exact(v) for name, v in at.items()}, order, lower, upper)]


def _exact(value: Fraction) -> sp.Rational:
    return sp.Rational(value.numerator, value.denominator)


def _tree(rng: np.random.Generator, depth: int, names: Sequence[str]) -> referee.Tree:
    """A random expression."""
    if depth == 0 or rng.random() < 0.08:
        if rng.random() < 0.65:
            return (str(rng.choice(names)),)
        return ("number", Fraction(int(rng.integers(-9, 10)), int(rng.integers(1, 6))))
    if rng.random() < 0.5:
        name = str(rng.choice(UNARY if rng.random() < 0.85 else OTHERS))
        return (name, _tree(rng, depth - 1, names))
    operation = str(rng.choice(BINARY))
    first = _tree(rng, depth - 1, names)
    if operation == "pow" and rng.random() < 0.9:
        whole = [Fraction(k) for k in (-2, -1, 2, 3, 4)]
        broken = [Fraction(p, q) for p, q in ((1, 2), (3, 2), (-1, 2), (1, 3), (-2, 3), (5, 2))]
        choice = whole if rng.random() < 0.7 else broken
        return ("pow", first, ("number", choice[int(rng.integers(len(choice)))]))
    return (operation, first, _tree(rng, depth - 1, names))


def _occurs(tree: referee.Tree, name: str) -> bool:
    return tree == (name,) or any(isinstance(a, tuple) and _occurs(a, name) for a in tree[1:])


def _size(tree: referee.Tree, at: Mapping[str, Fraction], most: float = LARGEST) -> float:
    """The largest value of any part of the expression at a point, the inner ones first, until one exceeds `most`;
    infinite if one does not exist."""
    mp.dps = DIGITS
    largest = 0.0
    values = {name: [referee.number(value)] for name, value in at.items()}
    for part in _parts(tree):
        try:
            value = abs(referee.of_tree(part, values)[0])
        except (ArithmeticError, ValueError):
            return math.inf
        largest = max(largest, float(value))
        if largest > most:
            break
    return largest


def _parts(tree: referee.Tree) -> Iterable[referee.Tree]:
    """All subexpressions, the inner ones first."""
    for argument in tree[1:]:
        if isinstance(argument, tuple):
            yield from _parts(argument)
    yield tree


GRID = 64
ROUGH = 20  # digits of that estimate
TERMS = 14  # from which the distance of the nearest singularity is estimated
FARTHEST = 4.0  # taken for the distance where the series gives a larger one, or none


def _distance(judged: Callable[[Any, int], list[Any]]) -> float | None:
    """About how far the nearest singularity is, by the root test on the last coefficients; None where there is none
    to the order. A kink is not seen: it may lie nearer."""
    mp.dps = ROUGH
    try:
        series = judged(None, TERMS)
    except (ArithmeticError, ValueError):
        return None
    scale = [max(abs(c[0]) for c in series), mp.mpf(10) ** -30]
    roots = [abs(c[k] / max(scale)) ** (mp.mpf(1) / k) for c in series for k in range(TERMS // 2, TERMS)]
    return min(FARTHEST, float(1 / max(roots))) if max(roots) > 0 else FARTHEST


def _network_case(rng: np.random.Generator) -> Case:
    """A random small network at random weights: along a direction of its inputs, of its parameters, or on a box."""
    net = _network(rng)
    weights = {name: _parameter(rng, name, shape) for name, (shape, _) in net.parameters.items()}
    couples = any(isinstance(layer, BatchNorm) and layer.couples_rows for layer in net.layers)
    rows = 3 if couples else 1
    x, v = rng.normal(size=(rows, net.inputs)), rng.normal(size=(rows, net.inputs))
    order = int(rng.integers(0, 9))
    way = "inputs" if couples else str(rng.choice(WAYS, p=WAY_SHARES))
    moved = {
        name: rng.normal(size=w.shape) * 0.5
        for name, w in weights.items()
        if way == "parameters" and "running" not in name
    }
    if moved:
        v = np.zeros_like(v)
    stretches = _stretches(rng, net.inputs)

    def judged(t: Any, length: int) -> list[Any]:
        def one(value: float, slope: float) -> list[Any]:
            start, rate = mp.mpf(float(value)), mp.mpf(float(slope))
            return ([start, rate] + [mp.mpf(0)] * length)[:length] if t is None else [start + t * rate]

        parameters = {name: _lists(w, moved.get(name, np.zeros_like(w)), one) for name, w in weights.items()}
        inputs = _lists(x, v, one)
        return [y for row in referee.of_layers(net.layers, parameters, "", inputs) for y in row]

    def enclose(left: Fraction, right: Fraction) -> list[Any]:
        low, high = float(left), float(right)
        if way == "box":
            behind, beyond = (np.array(stretch, dtype=np.float64) for stretch in zip(*stretches, strict=True))
            ends = x[0] - behind * high * v[0], x[0] + beyond * high * v[0]
            return list(
                network_box_remainder(net, weights, x[0], order, _below(np.minimum(*ends)), _above(np.maximum(*ends)))
            )
        return list(
            np.ravel(
                network_remainder(
                    net, weights, x if couples else x[0], moved or (v if couples else v[0]), order, low, high
                )
            )
        )

    distance = _distance(judged) or FARTHEST
    return Case(f"network, {way}", repr(net), order, distance, enclose, judged, one_sided=way == "box")


def _below(values: Any) -> Any:
    return np.nextafter(values, -np.inf)


def _above(values: Any) -> Any:
    return np.nextafter(values, np.inf)


def _lists(values: Any, slopes: Any, one: Callable[[float, float], list[Any]]) -> Any:
    """Nested lists of what `one` makes of every entry."""
    if np.ndim(values) == 0:
        return one(float(values), float(slopes))
    return [_lists(a, b, one) for a, b in zip(values, slopes, strict=True)]


def _network(rng: np.random.Generator) -> Network:
    inputs, width = int(rng.integers(1, 4)), int(rng.integers(2, 5))
    layers: list[Layer] = [Linear(inputs, width, bias=bool(rng.random() < 0.8))]
    for _ in range(int(rng.integers(1, 4))):
        layers.append(_layer(rng, width, nested=True))
    return Network((*layers, Linear(width, int(rng.integers(1, 3)))))


def _layer(rng: np.random.Generator, width: int, nested: bool) -> Layer:
    eps = float(rng.choice([1e-5, 1e-2]))
    affine = bool(rng.random() < 0.7)
    choice = str(
        rng.choice(["activation", "activation", "linear", "layernorm", "rmsnorm", "batchnorm", "dropout", "residual"])
    )
    if choice == "linear":
        return Linear(width, width)
    if choice == "layernorm":
        return LayerNorm(width, eps, affine)
    if choice == "rmsnorm":
        return RMSNorm(width, eps, affine)
    if choice == "batchnorm" and nested:
        return BatchNorm(width, eps, affine, str(rng.choice(["batch", "running"])))
    if choice == "dropout":
        return Dropout(0.1)
    if choice == "residual" and nested:
        return Residual(
            tuple(_layer(rng, width, nested=False) for _ in range(int(rng.integers(1, 3)))),
            float(rng.choice([1.0, 0.5, -0.3])),
        )
    return Activation(str(rng.choice(SMOOTH)) if rng.random() < 0.9 else "relu")


def _parameter(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Any:
    if name.endswith("running_var"):
        return rng.uniform(0.3, 2.0, shape)
    start = 1.0 if name.endswith("weight") and len(shape) == 1 else 0.0
    return start + rng.normal(size=shape) * (1 / math.sqrt(shape[-1]) if len(shape) == 2 else 0.3)


@dataclass(frozen=True)
class Tally:
    """What came of many trials. Intervals: those that reach to at most 0.9 of the estimated distance of the nearest
    singularity are `inside`; the ratios bound/true are of those that reach to 0.1 of it."""

    trials: int
    kinds: dict[str, int]
    violations: int
    violated: list[int]
    undefined: int
    finite_share: float
    finite_share_inside: float
    judged_near: int
    exact_near: int
    median: float
    ninth_decile: float
    last_percent: float
    largest: float


def tally(trials: Sequence[Trial]) -> Tally:
    """Count them."""
    exists = [t for t in trials if t.defined]
    inside = [t for t in exists if t.share <= INSIDE]
    near = [t for t in exists if t.share == NEAR]
    ratios = sorted(t.ratio if t.finite else math.inf for t in near if not (t.finite and math.isnan(t.ratio)))
    at = [
        ratios[min(len(ratios) - 1, int(share * len(ratios)))] if ratios else math.nan for share in (0.5, 0.9, 0.99, 1)
    ]
    return Tally(
        len(trials),
        dict(sorted(Counter(t.kind for t in trials).items())),
        sum(t.violated for t in trials),
        [t.seed for t in trials if t.violated],
        len(trials) - len(exists),
        _share(t.finite for t in exists),
        _share(t.finite for t in inside),
        len(ratios),
        len(near) - len(ratios),
        *at,
    )


def _share(values: Iterable[bool]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else math.nan


def sources() -> str:
    """A digest of the statements that make and judge enclosures: whether a run was made with this code."""
    from residua_symbolic.series.enclosures import bounds, models, remainders

    files = [*(Path(str(module.__file__)) for module in (bounds, models, remainders)), Path(referee.__file__)]
    return digest(files)


def full_run(log: Path, count: int, out: Path = FULL_RUN, processes: int = 1) -> Tally:
    """Trials 0 to `count` − 1, chunk by chunk into `log`, from which it goes on if it was stopped; then the figures
    into `out`, with date and versions. Each chunk is shared by the processes."""
    done: list[Trial] = []
    code = sources()
    if log.exists():
        for line in log.read_text().splitlines():
            record = json.loads(line)
            if record["sources"] == code:
                done += [Trial(**t) for t in record["trials"]]
    start = time.perf_counter()
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(processes)) if processes > 1 else None
        while len(done) < count:
            seeds = range(len(done), min(count, len(done) + CHUNK))
            chunk = list(pool.map(trial, seeds, chunksize=SHARE) if pool else map(trial, seeds))
            done += chunk
            with log.open("a") as file:
                file.write(json.dumps({"sources": code, "trials": [asdict(t) for t in chunk]}) + "\n")
            violations = [t.seed for t in done if t.violated]
            print(f"{len(done)} of {count}, violations {violations}, {time.perf_counter() - start:.0f} s", flush=True)
    found = tally(done)
    versions = {name: version(name) for name in ("python-flint", "mpmath", "sympy", "numpy")}
    record = {"date": date.today().isoformat(), "sources": code, "python": platform.python_version(), **versions}
    out.write_text(json.dumps({**record, **asdict(found)}, indent=2) + "\n")
    return found


@dataclass(frozen=True)
class CertifiedTrials:
    """Trials counted: violations, the share of finite enclosures, their sharpness; beside those of the full run."""

    title: str
    prose: tuple[str, ...]
    trials: By
    first: int = 10**6  # other trials than those of the full run

    def run(self, settings: Settings) -> Finding:
        """Try, count, tabulate."""
        seeds = range(self.first, self.first + self.trials.of(settings.profile))
        here = tally([trial(seed) for seed in settings.track(seeds, self.title)])
        columns = ["in this run"]
        tallies = [asdict(here)]
        notes = []
        if FULL_RUN.exists():
            full = json.loads(FULL_RUN.read_text())
            columns.append(f"full run of {full['date']}")
            tallies.append(full)
            same = "the code of this report" if full["sources"] == sources() else "an earlier state of the code"
            notes.append(
                f"The full run of {full['date']} was made with {same} (python-flint {full['python-flint']}, mpmath "
                f"{full['mpmath']}); it is repeated by python -m residua_bridge.experiments.certified.trials "
                "LOG PROCESSES."
            )
            notes += [f"{full['remark']}."] if "remark" in full else []
        rows = tuple((what, *(_shown(t[key]) for t in tallies)) for key, what in ROWS.items())
        table = Table("Reliability", ("", *columns), rows, CAPTION)
        return Finding(Section(self.title, (*self.prose, *notes), tables=(table,)))


ROWS = {
    "trials": "trials",
    "violations": "values outside their enclosure",
    "undefined": "intervals on which the function does not exist everywhere",
    "finite_share": "finite, of the others",
    "finite_share_inside": "finite, of those within 0.9 of the distance to the nearest singularity",
    "judged_near": "judged at 0.1 of that distance",
    "median": "there: bound/true, median",
    "ninth_decile": "90 % are at most",
    "last_percent": "99 % are at most",
}
CAPTION = (
    "Random expressions, random networks (along inputs, along parameters) and boxes of several inputs, at random "
    "points and orders 0 to 10. Each enclosure of f − T_n is held against values that mpmath computes from the source "
    "at 50 digits beyond its size. The distance is estimated by the root test, a kink is not seen by it."
)


def _shown(value: float) -> float | str:
    return f"{value:.4%}" if isinstance(value, float) and value <= 1 and value > 0.5 else value


if __name__ == "__main__":
    full_run(Path(sys.argv[1]), FULL_COUNT, processes=int(sys.argv[2]) if len(sys.argv) > 2 else 1)
