"""Counts of programs for every level: proved by induction from finitely many levels, which are compared node by node.

Level n + 1 and its derivative are made from level n and its derivative, by the same calls; so is, in a reverse sweep,
the adjoint of level k from that of level k + 1. What a call makes depends on the functions of its arguments, of their
arguments, on which of these nodes are one, on constants, and on whether the node asked for is there already. The last
is decided near by, too: a set of nodes that is closed under arguments and lacks an argument lacks the node.

So let the *form* of a level be its new nodes, each with its function and its arguments, and these told by how many
levels back and at which place there they are; constants by themselves. If the forms refer at most r levels back and are
equal on more than 2 (r + 1) levels in a row, then at the next level everything that is looked at is as it was before,
and its form is equal again. By induction, a further level adds one copy of this form and changes nothing else.

Counts of nodes are then linear in n. The sizes of the trees of the nodes of a level are linear combinations, the same
at every level, of 1 and those of the r levels before: by Cayley and Hamilton they obey a linear recurrence of order
r m + 1, m the number of nodes of the form. If a law of order q holds at as many consecutive levels as the order s of a
recurrence that is known, it holds ever after: what it misses by obeys the known one, and is zero s times in a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from residua_network import Program
from residua_symbolic.expressions.calculus import adjoints, derivative
from residua_symbolic.expressions.conversion import from_program
from residua_symbolic.expressions.graph import Graph, Node, below, binary
from residua_symbolic.growth import Law

LEVELS = 18  # that are compared; what is proved holds for every level from here on
CONSTANT = "constant"
SPARE = 2  # levels in a row beyond those that the induction needs


@dataclass(frozen=True)
class Induction:
    """What is proved about the counts of a map's programs and of its graph form, for n ≥ `LEVELS`.

    `orders`: for each count the order of a linear recurrence that it obeys. `counts`: for the counts of nodes, their
    value at n = `LEVELS`, and how many each further level adds.
    """

    orders: dict[str, int]
    counts: dict[str, tuple[int, int]]

    def proves(self, name: str, law: Law) -> bool:
        """Whether a law that was verified in single levels holds for all that follow."""
        if name not in self.orders or law.first > LEVELS:
            return False
        value, slope = self.counts.get(name, (None, 0))
        if value is not None and law.upto(LEVELS + 1)[-2:] != [value, value + slope]:
            return False
        return law.last - LEVELS + 1 - len(law.recurrence) >= self.orders[name]


def induction(program: Program, x: str, order: int = 1) -> Induction:
    """What can be proved of the counts of l_n, l_1 = x, l_(n+1) = program(l_n), and its derivative by x.

    Counts whose levels are not alike are left out: numbers that are folded, for instance, differ from level to level.
    """
    graph = Graph()
    chain = [graph.variable(x)]
    for _ in range(LEVELS):
        chain += from_program(graph, program, {x: chain[-1]})
    found = Induction({}, {})
    runs = [_forward(chain[:n], order) for n in (LEVELS, LEVELS + 1)]
    if (reach := _reach(runs)) is not None:
        slopes = [derivative(level, chain[0], order) for level in chain[-2:]]
        alone, both = [[d] for d in slopes], [list(pair) for pair in zip(chain[-2:], slopes, strict=True)]
        _count("graph_nodes", runs, alone, False, found)
        _count("cse_operations", runs, alone, True, found)
        _count("forward_operations", runs, both, True, found)
        nodes, _ = runs[0].forms[LEVELS // 2]
        found.orders.update(dict.fromkeys(("tree_nodes", "operations"), max(reach, 1) * len(nodes) + 1))
    if order == 1:
        runs = [_reverse(chain[:n]) for n in (LEVELS, LEVELS + 1)]
        both = [[y, *adjoints([y], [graph.one], [chain[0]])] for y in chain[-2:]]
        _count("reverse_operations", runs, both, True, found)
    return found


def _count(
    name: str, runs: "Sequence[_Forms]", outputs: Sequence[Sequence[Node]], inner: bool, found: Induction
) -> None:
    """Enter a count of nodes, if the levels are alike and it takes the nodes at the same places of each."""
    reach = _reach(runs)
    used = [run.used(below(binary(ends)), inner) for run, ends in zip(runs, outputs, strict=True)]
    (few, still), (more, as_still) = used
    if reach is not None and still == as_still and _one_more(few, more, reach):
        total = [len(still) + sum(map(len, places)) for places, still in used]
        found.orders[name], found.counts[name] = 2, (total[0], total[1] - total[0])


def _reach(runs: "Sequence[_Forms]") -> int | None:
    """How many levels away the forms refer to; None where the levels are not alike."""
    few, more = (run.forms for run in runs)
    middles = [few[k + LEVELS // 2] for k in range(0, len(few), LEVELS)]
    told = [t for nodes, ends in middles for one in (*(refers for _, refers in nodes), ends) for t in one]
    reach = max((abs(t[0]) for t in told if t[0] != CONSTANT), default=0)
    return reach if _one_more(few, more, reach) else None


def _one_more(few: Sequence[Any], more: Sequence[Any], reach: int) -> bool:
    """Whether each part of `more` is that of `few` with its middle once more, and enough of the middle is alike."""
    for part in range(len(few) // LEVELS):
        one = list(few[part * LEVELS : (part + 1) * LEVELS])
        k = LEVELS // 2
        if list(more[part * (LEVELS + 1) : (part + 1) * (LEVELS + 1)]) != [*one[:k], one[k], *one[k:]]:
            return False
        before = next((i for i in range(k) if one[k - 1 - i] != one[k]), k)
        after = next((i for i in range(LEVELS - k) if one[k + i] != one[k]), LEVELS - k)
        if before + after < 2 * (reach + 1) + SPARE:
            return False
    return True


class _Forms:
    """The forms of the levels of one program, in the order in which it is made."""

    def __init__(self, x: Node) -> None:
        self.forms: list[Any] = []
        self._moving = {x}
        self._places: dict[Node, tuple[int, int]] = {}
        self._level_of_stage: list[int] = []

    def add(self, level: int, outputs: Sequence[Node]) -> None:
        """The new nodes that the outputs need, numbered from these on."""
        lowered = [*outputs, *binary(outputs)]
        for node in below(lowered):
            if not self._moving.isdisjoint(node.arguments):
                self._moving.add(node)
        new: list[Node] = []
        stage, stack = len(self.forms), lowered[::-1]
        self._level_of_stage.append(level)
        while stack:
            node = stack.pop()
            if node in self._moving and node not in self._places:
                self._places[node] = stage, len(new)
                new.append(node)
                stack.extend(reversed(node.arguments))
        nodes = tuple((node.function, self._told(level, node.arguments)) for node in new)
        self.forms.append((nodes, self._told(level, lowered)))

    def _told(self, level: int, nodes: Sequence[Node]) -> tuple[Any, ...]:
        told: list[tuple[Any, ...]] = []
        for node in nodes:
            if node in self._moving:
                stage, place = self._places[node]
                told.append((self._level_of_stage[stage] - level, self._part(stage), place))
            else:
                told.append((CONSTANT, node.index))
        return tuple(told)

    def _part(self, stage: int) -> bool:
        """Of the sweep back, rather than of the levels themselves."""
        return stage > 0 and self._level_of_stage[stage] <= self._level_of_stage[stage - 1]

    def used(self, nodes: Sequence[Node], inner: bool) -> tuple[list[frozenset[int]], frozenset[int]]:
        """Which of the nodes (those with arguments, if `inner`) are in each stage, at which places; and constants."""
        wanted = [node for node in nodes if node.arguments or not inner]
        by_stage: list[set[int]] = [set() for _ in self.forms]
        for node in wanted:
            if node in self._moving:
                stage, place = self._places[node]
                by_stage[stage].add(place)
        still = frozenset(node.index for node in wanted if node not in self._moving)
        return list(map(frozenset, by_stage)), still


def _forward(chain: Sequence[Node], order: int) -> _Forms:
    found = _Forms(chain[0])
    for n, level in enumerate(chain):
        found.add(n, [level, *(derivative(level, chain[0], k) for k in range(1, order + 1))])
    return found


def _reverse(chain: Sequence[Node]) -> _Forms:
    """The levels, then the adjoint of each, from the last one down."""
    found = _Forms(chain[0])
    for n, level in enumerate(chain):
        found.add(n, [level])
    one = chain[0].graph.one
    for n, level in reversed(list(enumerate(chain))):
        found.add(n, adjoints([chain[-1]], [one], [level]))
    return found
