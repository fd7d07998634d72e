"""Expressions at very many points: a program over numpy's own loops, run block by block so that it stays in the cache.

Each node is computed once, into a register that is free by then. Whole powers are products, roots are roots, what
depends on no variable is a number. Every operation is numpy's, so that the results are those of `lowered` in
`FloatDomain`, bit for bit. Beside the expression as it was given, a power x^k is off by at most k + 1 roundings, a
reciprocal power or a quotient by a number by one more; factors are multiplied in another order.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from residua_network import ResiduaError
from residua_symbolic.domains.floats import FloatDomain
from residua_symbolic.expressions.evaluation import evaluate
from residua_symbolic.expressions.graph import LARGEST_POWER, NUMBER, VARIABLE, Graph, Node, below, binary, rebuilt

Floats = NDArray[np.float64]

CACHE = 2**21  # bytes that the registers may take: more than the second level holds, but calls are not free either
SHORTEST, LONGEST = (
    2**12,
    2**14,
)  # points of a block; where it is longer, the system hands out its memory anew each time

# What is called, one after the other: each with what came before and the numbers beside it.
STEPS: dict[str, tuple[tuple[Any, ...], ...]] = {
    "add": ((np.add,),),
    "sub": ((np.subtract,),),
    "mul": ((np.multiply,),),
    "div": ((np.divide,),),
    "neg": ((np.negative,),),
    "pow": ((np.power,),),
    **{name: ((getattr(np, name),),) for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "atan": ((np.arctan,),),
    "erf": ((special.erf,),),
    "abs": ((np.absolute,),),
    "sign": ((np.sign,),),
    "relu": ((np.maximum, 0.0),),
    "step": ((np.maximum, 0.0), (np.sign,)),
    "sigmoid": ((special.expit,),),
    "softplus": ((np.logaddexp, 0.0),),
}


Instruction = tuple[Any, tuple[int, ...]]  # a ufunc, and the places of its arguments and, last, of its result
Place = tuple[str, Any]  # "input", "output" or "register" and which, or "number" and its value


@dataclass(frozen=True, eq=False)
class Blocks:
    """Outputs as a function of arrays; places are counted through inputs, outputs, numbers and registers."""

    names: tuple[str, ...]
    outputs: int
    numbers: tuple[float, ...]
    registers: int
    instructions: tuple[Instruction, ...]

    def __call__(self, *arrays: Any) -> Floats:
        """(outputs, *shape) from one array for each name, of one shape or broadcast to it; float64.

        NaN or ±inf where a function does not exist. Raises ResiduaError for another number of arrays.
        """
        if len(arrays) != len(self.names):
            raise ResiduaError(f"expected {len(self.names)} arrays ({', '.join(self.names)}), got {len(arrays)}")
        shape = np.broadcast_shapes(*map(np.shape, arrays))
        inputs = [np.broadcast_to(np.asarray(a, dtype=np.float64), shape).ravel() for a in arrays]
        points = math.prod(shape)
        length = max(1, min(points, LONGEST, max(SHORTEST, CACHE // (8 * (self.registers + 1)))))
        results, registers = np.empty((self.outputs, points)), np.empty((self.registers, length))
        numbers = [np.asarray(v) for v in self.numbers]
        with np.errstate(all="ignore"):
            for begin in range(0, points, length):
                here = slice(begin, begin + length)
                room = registers[:, : points - begin]
                self._run([*(x[here] for x in inputs), *results[:, here], *numbers, *room])
        return results.reshape(self.outputs, *shape)

    def _run(self, places: list[Any]) -> None:
        for function, at in self.instructions:
            if len(at) == 3:
                function(places[at[0]], places[at[1]], out=places[at[2]])
            else:
                function(places[at[0]], out=places[at[1]])


def compiled(outputs: Sequence[Node], names: Sequence[str]) -> Blocks:
    """The outputs as a function of arrays in the order of `names`, of which some may not occur.

    Raises ResiduaError for a variable that is not among the names, PointError for a number that does not exist.
    """
    outputs = lowered(outputs)
    order = below(outputs)
    unknown = next((node.value for node in order if node.function == VARIABLE and node.value not in names), None)
    if unknown is not None:
        raise ResiduaError(f"expected the name of every variable, got {', '.join(names) or 'none'} without {unknown!r}")
    place = _given(order, names)
    targets = {output: ("output", k) for k, output in reversed(list(enumerate(outputs)))}
    last = {a: node for node in order for a in node.arguments}  # which uses it last
    free: list[Place] = []
    taken = 0
    work: list[tuple[Any, list[Place]]] = []
    for node in order:
        if node in place:
            continue
        arguments = [place[a] for a in node.arguments]
        free += [place[a] for a in dict.fromkeys(node.arguments) if last[a] is node and place[a][0] == "register"]
        if node in targets:
            place[node] = targets[node]
        elif free:
            place[node] = free.pop()
        else:
            place[node] = ("register", taken)
            taken += 1
        for function, *beside in STEPS[node.function]:
            work.append((function, [*arguments, *(("number", v) for v in beside), place[node]]))
            arguments = [place[node]]
    copies = [(place[output], ("output", k)) for k, output in enumerate(outputs)]
    work += [(np.positive, [source, target]) for source, target in copies if source != target]
    return _counted(work, tuple(names), len(outputs), taken)


def _given(order: Sequence[Node], names: Sequence[str]) -> dict[Node, Place]:
    """The places of variables, and of what depends on none: a number."""
    place: dict[Node, Place] = {}
    fixed = []
    moving: set[Node] = set()
    for node in order:
        if node.function == VARIABLE:
            place[node] = ("input", list(names).index(node.value))
            moving.add(node)
        elif moving.isdisjoint(node.arguments):
            fixed.append(node)
        else:
            moving.add(node)
    with np.errstate(all="ignore"):
        values = evaluate(fixed, {}, FloatDomain())
    return place | {node: ("number", float(value)) for node, value in zip(fixed, values, strict=True)}


def _counted(work: list[tuple[Any, list[Place]]], names: tuple[str, ...], outputs: int, registers: int) -> Blocks:
    """The program with its places counted."""
    numbers = {v.hex(): v for _, places in work for kind, v in places if kind == "number"}  # −0 is not 0
    first = {"input": 0, "output": len(names), "register": len(names) + outputs + len(numbers)}
    counted = {digits: len(names) + outputs + k for k, digits in enumerate(numbers)}

    def at(place: Place) -> int:
        kind, which = place
        return counted[which.hex()] if kind == "number" else first[kind] + which

    instructions = tuple((function, tuple(map(at, places))) for function, places in work)
    return Blocks(names, outputs, tuple(numbers.values()), registers, instructions)


def lowered(outputs: Sequence[Node]) -> tuple[Node, ...]:
    """The outputs in operations that numpy is fast at: two arguments, whole powers as products, roots as roots."""

    def rule(node: Node, arguments: tuple[Node, ...]) -> Node:
        if node.function == "pow" and arguments[1].function == NUMBER:
            return _power(node.graph, *arguments)
        if node.function == "mul":
            return _product(node.graph, arguments)
        return node.graph.apply(node.function, *arguments) if arguments else node

    return binary(rebuilt(outputs, rule))


def _product(g: Graph, factors: Sequence[Node]) -> Node:
    """The factors that were made first, first: products begin alike and share their beginnings; numbers last."""
    first, *others = sorted(factors, key=lambda factor: (factor.function == NUMBER, factor.index))
    for other in others:
        first = g.mul(first, other)
    return first


def _power(g: Graph, base: Node, exponent: Node) -> Node:
    """base ** exponent by squaring; with a half-integer exponent through the root."""
    twice = exponent.value * 2
    if twice.denominator != 1 or abs(exponent.value) > LARGEST_POWER:
        return g.apply("pow", base, exponent)
    whole, half = divmod(abs(int(twice)), 2)
    product, square = g.function("sqrt", base) if half else g.one, base
    while whole:
        if whole & 1:
            product = g.mul(product, square)
        whole >>= 1
        square = g.mul(square, square) if whole else square
    return product if twice >= 0 else g.div(g.one, product)
