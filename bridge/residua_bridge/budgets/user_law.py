"""A law of the user's own: a formula for a quantity of a family of networks, met by ensembles."""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from residua_bridge.budgets.judge import judged
from residua_bridge.budgets.law import Ladder, Law
from residua_bridge.budgets.network_text import SIZES, Family, Member, arithmetic, family
from residua_bridge.budgets.quantities import NEEDS_MEANS, QUANTITIES, Floats, Places, Quantity
from residua_bridge.study import Track, silent
from residua_bridge.verdict import Discrepancy, Verdict
from residua_network import BatchNorm, LayerNorm, ResiduaError, RMSNorm
from residua_network.checks import number, one_of, unknown, whole
from residua_numeric.build import INITS, check_init
from residua_numeric.initial import initial_statistics
from residua_symbolic.domains.floats import FloatDomain
from residua_symbolic.expressions.conversion import from_program
from residua_symbolic.expressions.evaluation import evaluate
from residua_symbolic.expressions.given import given
from residua_symbolic.expressions.graph import Graph

DEFAULTS: Mapping[str, float] = {"n": 128, "L": 16, "l": 0, "B": 1, "s": 1}
COUPLED = 8  # rows by default where a batch norm couples them
WORDS = {"n": "width", "L": "depth", "B": "batch", "s": "scale"}  # as budgets name the sizes of a ladder
LETTERS = {word: letter for letter, word in WORDS.items()}
ORDERS = {"n": 1.0}  # of the correction: at fixed depth that of a finite width is a series in 1/n; others are fitted
FRACTIONS = (1 / 4, 1 / 2, 1)  # of the size at the point: the ladder where none is given
LEAST = {"n": 8, "B": 8}  # in such a ladder
FIRST, FEWEST = 64, 8  # repetitions of the first look
PART = 1 / 8  # of the time that the first look may take
SECONDS = 1e-9  # about, for a unit of `FamilySource.cost`
PER_NETWORK = 5e4  # nanoseconds, whatever its layers
PER_LAYER = 5000.0  # nanoseconds, whatever its width
HINTED = 400  # layers at most of a network that a hint is derived for: deeper ones take minutes
Sizes = Mapping[str, float]


@dataclass(frozen=True)
class Formula:
    """A number for every choice of sizes, given by their letters; `uses` are those it depends on."""

    text: str
    latex: str
    uses: frozenset[str]
    value: Callable[[Sizes], float]


def law(
    formula: object,
    of: str = "gradient ratio",
    *,
    network: object,
    at: Sizes | None = None,
    ladder: Mapping[str, Iterable[float]] | None = None,
    limits: str | Iterable[str] | Mapping[str, float | None] = (),
    init: str | float = "he",
    seconds: float = 60.0,
    resolution: float = 0.02,
    repetitions: int | None = None,
    seed: int = 0,
    dtype: str = "float64",
    hint: bool = True,
    track: Track = silent,
) -> Discrepancy:
    """Whether a quantity of freshly initialised networks of a family is what `formula` says: verdict, and `.budget`.

    formula: text in L (blocks), l (the state it is taken at), n (width), B (rows), s (scale), a SymPy expression in
    them, a number, or a function of some of them. of: a name of `quantities.QUANTITIES`. network: text such as
    "L * Residual(LayerNorm(n, eps=0), relu, Linear(n, n, bias=False))", a Network, or a function of the sizes.
    at: the sizes, by default n = 128, L = 16, l = 0, s = 1, and B = 1, or 8 with batch statistics. limits: the sizes in
    which the law is claimed only as they grow; {"n": 2} gives the order of the correction, {"n": None} has it fitted,
    by default it is 1 in n and fitted in others. Without limits the law is claimed at the sizes themselves. ladder:
    which sizes are run beside those, as in {"n": (32, 64, 128)}; for limits a quarter and a half are by default.
    init: "he", "xavier", "torch", or the weight variance times fan-in, a number or text such as "s". Networks are drawn
    until the verdict is clear to `resolution`, relative (absolute for a logarithm), or for `seconds`. hint: where the
    law differs, what residua itself predicts is said with the reason. Raises ResiduaError, one line.
    """
    question = asked(
        formula,
        of,
        network=network,
        at=at,
        ladder=ladder,
        limits=limits,
        init=init,
        seconds=seconds,
        resolution=resolution,
        repetitions=repetitions,
        seed=seed,
        dtype=dtype,
    )
    found = met(question, track)
    if hint and found.verdict in (Verdict.DIFFER, Verdict.ONLY_AT_THIS_SCALE):
        found = replace(found, reason="; ".join(filter(None, (found.reason, _hint(question)))))
    return found


@dataclass(frozen=True)
class Asked:
    """A law of the user's, checked, and all that is needed to judge it."""

    law: Law
    source: "FamilySource"
    ladder: Ladder
    quantity: Quantity
    sizes: Sizes
    init: object

    def heads(self) -> list[dict[str, float]]:
        """The sizes at which the law is judged: the point, and every size of a ladder in which it is no limit."""
        point = {name: float(size) for name, size in self.ladder.point.items()}
        others = [(name, sizes) for name, sizes in self.ladder.along.items() if name not in self.law.limits]
        heads = [point, *({**point, name: size} for name, sizes in others for size in sizes)]
        return list({tuple(head.items()): head for head in heads}.values())


def asked(
    formula: object,
    of: str,
    *,
    network: object,
    at: Sizes | None,
    ladder: Mapping[str, Iterable[float]] | None,
    limits: str | Iterable[str] | Mapping[str, float | None],
    init: str | float,
    seconds: float,
    resolution: float,
    repetitions: int | None,
    seed: int,
    dtype: str = "float64",
) -> Asked:
    """What `law` is asked, checked. Raises ResiduaError."""
    quantity = QUANTITIES[one_of(of, QUANTITIES, "quantity", "law")]
    members, claimed, initial = family(network), read_formula(formula), read_init(init)
    sizes, asymptotic = _point(at, members), _limits(limits)
    rungs = _ladder(ladder, asymptotic, sizes)
    for name in (*asymptotic, *rungs):
        if name not in {*members.uses, *claimed.uses, *initial.uses, "B"}:
            raise ResiduaError(f"law: neither the network nor the formula depends on {name}, which is in its ladder")
    source = FamilySource(members, quantity, int(sizes["l"]), initial, seed, dtype)
    for rung in _rungs(sizes, rungs):
        source.check(rung)
        _check_value(claimed, quantity, rung)
    stated = Law(
        f"{quantity.definition} is {f'${claimed.latex}$' if claimed.latex else claimed.text}",
        quantity.name,
        lambda at: claimed.value(_letters(at, source.state)),
        {WORDS[name]: order for name, order in asymptotic.items()},
        scale=None if quantity.positive else lambda at: 1.0,  # differences of logarithms are relative already
    )
    run = Ladder(
        _words(sizes),
        {WORDS[name]: tuple(values) for name, values in rungs.items()},
        _repetitions(repetitions, source, _rungs(sizes, rungs), seconds),
        resolution,
        seconds,
        clock=seconds,  # somebody waits
    )
    return Asked(stated, source, run, quantity, sizes, init)


def met(question: Asked, track: Track = silent) -> Discrepancy:
    """The law met by ensembles."""
    found = judged(question.law, question.source, question.ladder, question.quantity.statistic, track=track)
    of = {"network": question.source.family.statement, "init": question.init, "l": question.source.state}
    return replace(found, scope={**of, **found.scope, "seed": question.source.seed})


# the formula


def read_formula(value: object) -> Formula:
    """What may be given as a formula. Raises ResiduaError that names a symbol which is no size."""
    if callable(value):
        return _from_function(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = repr(number(value, "the formula", "law"))
    symbols = sorted(str(symbol) for symbol in getattr(value, "free_symbols", ()))
    odd = [name for name in symbols if name not in SIZES]
    if odd:
        raise ResiduaError(f"law: {unknown('symbol', odd[0], SIZES)}")
    read = given(value, variables=tuple(SIZES) if isinstance(value, str) else None)
    (node,) = from_program(Graph(), read.program)

    def at(sizes: Sizes) -> float:
        with np.errstate(all="ignore"):  # what is not finite is refused by name
            (found,) = evaluate([node], {name: np.float64(sizes[name]) for name in read.variables}, FloatDomain())
        return float(found)

    from sympy import latex

    return Formula(str(value), latex(read.sympy), frozenset(read.variables), at)


def _from_function(function: Callable[..., Any]) -> Formula:
    """A function of sizes, by the names of its parameters."""
    name = getattr(function, "__name__", type(function).__name__)
    parameters = inspect.signature(function).parameters
    odd = [p for p in parameters if p not in SIZES]
    if odd:
        raise ResiduaError(f"law: {name}: {unknown('size', odd[0], SIZES)}")

    def at(sizes: Sizes) -> float:
        return float(function(**{p: _plain(sizes[p]) for p in parameters}))

    return Formula(f"{name}({', '.join(parameters)})", "", frozenset(parameters), at)


def _plain(value: float) -> float:
    return int(value) if float(value).is_integer() else value


def _check_value(formula: Formula, quantity: Quantity, sizes: Sizes) -> None:
    value = formula.value(sizes)
    if not math.isfinite(value) or (quantity.positive and not value > 0):
        expected = "a positive number, as the quantity is" if quantity.positive else "a finite number"
        raise ResiduaError(f"law: {formula.text} at {_shown(sizes)}: expected {expected}, got {value:g}")


# how weights are drawn


@dataclass(frozen=True)
class Init:
    """The name of an initialisation, or the weight variance times fan-in, at every choice of sizes."""

    uses: frozenset[str]
    at: Callable[[Sizes], str | float]


def read_init(init: str | float) -> Init:
    """A name, a number, or arithmetic of the sizes. Raises ResiduaError."""
    if isinstance(init, str) and init not in INITS:
        try:
            return Init(*arithmetic(init, "init"))
        except ResiduaError as error:
            raise ResiduaError(f"{error}; or one of {', '.join(INITS)}") from None
    return Init(frozenset(), lambda sizes: init)


# the sizes


def _point(at: Sizes | None, members: Family) -> dict[str, float]:
    """All sizes at the point, checked; without L in the network, L is the number of its blocks."""
    chosen = dict(at or {})
    for name, value in chosen.items():
        if name not in SIZES:
            raise ResiduaError(f"law: at: {unknown('size', name, SIZES)}")
        chosen[name] = float(number(value, name, "law: at"))
    sizes = {**DEFAULTS, **chosen}
    for name in ("n", "L", "B"):
        whole(_plain(sizes[name]), f"{name}, the {SIZES[name]},", "law: at")
    member = members.member(sizes)
    blocks = member.blocks
    if member.network.couples_rows and "B" not in chosen:
        sizes["B"] = COUPLED
    if "L" not in members.uses:
        if sizes["L"] != blocks and "L" in chosen:
            raise ResiduaError(f"law: at: the network has {blocks} blocks, and no L in it, got L = {sizes['L']:g}")
        sizes["L"] = blocks
    if not 0 <= whole(_plain(sizes["l"]), f"l, {SIZES['l']},", "law: at", least=0) <= blocks:
        raise ResiduaError(f"law: at: expected l between 0 and the number of blocks, {blocks}, got {sizes['l']:g}")
    if not sizes["s"] > 0:
        raise ResiduaError(f"law: at: s, the {SIZES['s']}: expected a positive number, got {sizes['s']:g}")
    return sizes


def _limits(given_limits: str | Iterable[str] | Mapping[str, float | None]) -> dict[str, float | None]:
    names = [given_limits] if isinstance(given_limits, str) else list(given_limits)
    for name in names:
        if name not in WORDS:
            raise ResiduaError(f"law: limit: {unknown('size', name, WORDS)}")
    orders = given_limits if isinstance(given_limits, Mapping) else ORDERS
    return {name: orders.get(name) for name in names}


def _ladder(
    chosen: Mapping[str, Iterable[float]] | None, limits: Iterable[str], sizes: Sizes
) -> dict[str, tuple[float, ...]]:
    found = {}
    for name, values in (chosen or {}).items():
        if name not in WORDS:
            raise ResiduaError(f"law: ladder: {unknown('size', name, WORDS)}")
        found[name] = tuple(float(number(value, name, "law: ladder")) for value in values)
    for name in limits:
        parts = {max(LEAST.get(name, 1), math.floor(part * sizes[name])) for part in FRACTIONS}
        found.setdefault(name, tuple(map(float, sorted(part for part in parts if part <= sizes[name]))))
    for name, values in found.items():
        if len(values) < 2:
            raise ResiduaError(f"law: ladder in {name}: expected at least two sizes, got {len(values)}")
    return found


def _rungs(sizes: Sizes, ladder: Mapping[str, Iterable[float]]) -> list[Sizes]:
    """The point and every size of every ladder."""
    return [sizes, *({**sizes, name: value} for name, values in ladder.items() for value in values)]


def _repetitions(chosen: int | None, source: "FamilySource", rungs: Iterable[Sizes], seconds: float) -> int:
    """Of the first look: `FIRST`, fewer where they would take more than a part of the time."""
    if chosen is not None:
        return whole(chosen, "repetitions", "law", least=2)
    cost = sum(source.cost(_words(rung)) for rung in rungs) * SECONDS
    return int(min(FIRST, max(FEWEST, PART * seconds / cost))) if seconds > 0 else FIRST


def _words(sizes: Sizes) -> dict[str, float]:
    return {word: _plain(sizes[letter]) for letter, word in WORDS.items()}


def _letters(sizes: Sizes, state: int) -> dict[str, float]:
    return {**{LETTERS[word]: float(value) for word, value in sizes.items() if word in LETTERS}, "l": float(state)}


def _shown(sizes: Sizes) -> str:
    return ", ".join(f"{name} = {value:g}" for name, value in sizes.items())


# the networks


@dataclass(frozen=True)
class FamilySource:
    """Repetitions of a quantity: each a network of the family at the sizes, with weights and inputs of its own."""

    family: Family
    quantity: Quantity
    state: int
    init: Init
    seed: int = 0
    dtype: str = "float64"

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """Shape (repetitions,) or (repetitions, 2). Networks of other sizes and blocks are other networks."""
        letters = _letters(sizes, self.state)
        member = self.member(letters)
        words = (self.seed, block, *(abs(hash(letters[name])) for name in sorted(WORDS)))
        drawn = int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> 1)
        found = initial_statistics(
            member.network, repetitions, int(letters["B"]), self.init.at(letters), drawn, self.dtype, progress=False
        )
        return self.quantity.values(found, self.places(member))

    def cost(self, sizes: Sizes) -> float:
        """Of one repetition: drawing the weights and multiplying by them."""
        letters = _letters(sizes, self.state)
        net = self.member(letters).network
        weights = sum(math.prod(shape) for shape in net.parameter_shapes().values())
        return PER_NETWORK + weights * (8 + letters["B"]) + PER_LAYER * sum(1 for _ in net.walk())

    def member(self, letters: Sizes) -> Member:
        """The network at these sizes, made once."""
        key = tuple(sorted(letters.items()))
        if key not in self._members:
            self._members[key] = self.family.member(letters)
        return self._members[key]

    @cached_property
    def _members(self) -> dict[tuple[tuple[str, float], ...], Member]:
        return {}

    def places(self, member: Member) -> Places:
        """Where the quantity is taken in this network."""
        ends, after = member.ends, self.state + 1
        return Places(ends[self.state], ends[after] if after < len(ends) else -1, ends[-1])

    def check(self, sizes: Sizes) -> None:
        """Raises ResiduaError where the quantity does not exist at these sizes."""
        member = self.member(sizes)
        check_init(self.init.at(sizes), "law")
        if self.state > member.blocks:
            raise ResiduaError(f"law: l = {self.state} lies beyond the {member.blocks} blocks at {_shown(sizes)}")
        if self.quantity.name == "gradient factor" and self.state == member.blocks:
            raise ResiduaError(f"law: a gradient factor is that of block l: expected l below {member.blocks}")
        if self.quantity.of_gradients:
            _check_moments(member, int(sizes["B"]), self.quantity)


def _check_moments(member: Member, batch: int, quantity: Quantity) -> None:
    """Without ε a norm over k + 1 entries divides the squared gradient by a variance ~ χ²_k; over k for RMS."""
    for place, layer in member.network.walk():
        match layer:
            case BatchNorm(eps=0.0, statistics="batch"):
                what, degrees = f"batch {batch}", batch - 1
            case LayerNorm(eps=0.0, size=size):
                what, degrees = f"width {size}", size - 1
            case RMSNorm(eps=0.0, size=size):
                what, degrees = f"width {size}", size
            case _:
                continue
        where = f'law: {quantity.name}: {what} is too small for {type(layer).__name__} without eps at "{place}"'
        more = "; take more, eps above 0" + (", or a geometric mean" if quantity.statistic in NEEDS_MEANS else "")
        if degrees < 2:
            raise ResiduaError(f"{where}: no gradient passes{more}")
        if not quantity.positive or quantity.statistic not in NEEDS_MEANS:
            continue
        if degrees <= 2:
            raise ResiduaError(f"{where}: the mean of the squared gradient, E[1/χ²_{degrees}], does not exist{more}")
        if degrees <= 4:
            raise ResiduaError(
                f"{where}: the squared gradient has no variance, E[1/(χ²_{degrees})²] does not exist, and so its mean "
                f"has no standard error{more}"
            )


# the hint


def _hint(question: Asked) -> str:
    """What residua itself derives for wide networks, in words; nothing where it does not."""
    try:
        value = predicted(question.source, question.sizes)
    except ResiduaError:
        return ""
    if value is None:
        return ""
    said = f"residua itself predicts {value:.6g} for wide networks"
    unit = abs(value) if question.quantity.positive else 1.0
    same = abs(question.law.value(_words(question.sizes)) - value) <= question.ladder.resolution * unit
    if same and "width" not in question.law.limits:
        said += ", as the formula does; claimed for n -> oo only, by a limit in n, it would be judged there"
    return said


def predicted(source: FamilySource, sizes: Sizes) -> float | None:
    """The quantity by `predict_moments`, where it is one of its quantities."""
    from residua_symbolic.moments.predict import predict_moments

    name, member = source.quantity.name, source.member(sizes)
    if name not in ("gradient ratio", "gradient factor", "network gradient ratio", "mean square"):
        return None
    if sum(1 for _ in member.network.walk()) > HINTED:
        return None
    moments, at = predict_moments(member.network, source.init.at(sizes), int(sizes["B"])), source.places(member)
    if name == "mean square":
        return 1.0 if at.here == 0 else float(moments.forward[at.here - 1])
    start, stop = {
        "gradient ratio": (at.here, at.end),
        "gradient factor": (at.here, at.next),
        "network gradient ratio": (0, len(member.network.layers)),
    }[name]
    return math.prod(moments.gradient_ratio[start:stop])
