"""Derivatives of graphs as graphs: forward, reverse, and one over the other; Griewank and Walther 2008, chapter 3.

One table of partial derivatives serves both modes. Every derivative is made of the nodes of the expression itself and
a few more for each, so that time and size are linear in the graph: nothing swells.
"""

from collections.abc import Callable, Sequence

import flint

from residua_symbolic.expressions.graph import Graph, GraphError, Node, below

HALF = flint.fmpq(1, 2)


def _two_over_root_pi(g: Graph) -> Node:
    return g.div(g.number(2), g.function("sqrt", g.apply("pi")))


# d f(z) / dz from z and y = f(z); `functions.py` and SymPy's own rules are what the tests prove them against.
ELEMENTARY: dict[str, Callable[[Graph, Node, Node], Node]] = {
    "exp": lambda g, z, y: y,
    "log": lambda g, z, y: g.div(g.one, z),
    "sqrt": lambda g, z, y: g.div(g.number(HALF), y),
    "sin": lambda g, z, y: g.function("cos", z),
    "cos": lambda g, z, y: g.neg(g.function("sin", z)),
    "tan": lambda g, z, y: g.add(g.one, g.mul(y, y)),
    "sinh": lambda g, z, y: g.function("cosh", z),
    "cosh": lambda g, z, y: g.function("sinh", z),
    "tanh": lambda g, z, y: g.sub(g.one, g.mul(y, y)),
    "atan": lambda g, z, y: g.div(g.one, g.add(g.one, g.mul(z, z))),
    "erf": lambda g, z, y: g.mul(_two_over_root_pi(g), g.function("exp", g.neg(g.mul(z, z)))),
    "abs": lambda g, z, y: g.function("sign", z),
    "sign": lambda g, z, y: g.zero,  # off the kink, as for step
    "relu": lambda g, z, y: g.function("step", z),
    "step": lambda g, z, y: g.zero,
    "sigmoid": lambda g, z, y: g.mul(y, g.sub(g.one, y)),
    "softplus": lambda g, z, y: g.function("sigmoid", z),
}


def partials(node: Node, wanted: Sequence[bool]) -> list[Node]:
    """∂node/∂argument for every argument that is wanted, zero for the others."""
    g, f, a = node.graph, node.function, node.arguments
    if f == "mul":
        return [a[1], a[0]] if len(a) == 2 else _of_product(g, a)
    if f == "add":
        return [g.one] * len(a)
    if f == "sub":
        return [g.one, g.minus_one]
    if f == "neg":
        return [g.minus_one]
    if f == "div":
        by_top = g.div(g.one, a[1]) if wanted[0] else g.zero
        return [by_top, g.neg(g.div(node, a[1])) if wanted[1] else g.zero]
    if f == "pow":
        base, exponent = a
        by_base = g.mul(exponent, g.pow(base, g.sub(exponent, g.one))) if wanted[0] else g.zero
        return [by_base, g.mul(node, g.function("log", base)) if wanted[1] else g.zero]
    if f in ELEMENTARY:
        return [ELEMENTARY[f](g, a[0], node)]
    raise GraphError(f"no derivative is known of {f!r}")


def _of_product(g: Graph, factors: Sequence[Node]) -> list[Node]:
    """The products of all factors but one, for each; linear in their number."""
    before, after = [g.one], [g.one]
    for k in range(len(factors) - 1):
        before.append(g.mul(before[-1], factors[k]))
        after.append(g.mul(factors[-1 - k], after[-1]))
    return [g.mul(p, q) for p, q in zip(before, reversed(after), strict=True)]


def derivative(y: Node, x: Node, order: int = 1) -> Node:
    """d^order y / dx^order by forward mode; x is a variable (or any node, as if it were one)."""
    for _ in range(order):
        (y,) = tangents([y], {x: x.graph.one})
    return y


def tangents(outputs: Sequence[Node], seeds: dict[Node, Node]) -> tuple[Node, ...]:
    """Forward mode: the derivatives of the outputs where each seeded node moves at the rate of its seed."""
    if not outputs:
        return ()
    g = outputs[0].graph
    rate: dict[Node, Node | None] = dict(seeds)  # without an entry, a node does not move
    for node in below(outputs):
        if node.arguments and node not in rate:
            rates = [rate.get(a) for a in node.arguments]
            if any(rates):
                rate[node] = _pushed(g, node, rates)
    return tuple(rate.get(output) or g.zero for output in outputs)


def _pushed(g: Graph, node: Node, rates: Sequence[Node | None]) -> Node | None:
    """The rate of a node from those of its arguments, None for none."""
    total = None
    if node.function == "sub":
        da, db = rates
        total = da if db is None else g.sub(da or g.zero, db)
    elif node.function == "mul" and len(rates) == 2:
        (a, b), (da, db) = node.arguments, rates
        if da:
            total = g.add_product(None, b, da)
        if db:
            total = g.add_product(total, a, db)
    else:
        for partial, dz in zip(partials(node, [dz is not None for dz in rates]), rates, strict=True):
            if dz:
                total = g.add_product(total, partial, dz)
    return None if total is g.zero else total


def gradient(y: Node, inputs: Sequence[Node]) -> tuple[Node, ...]:
    """Reverse mode: ∂y/∂x for every input, in one sweep."""
    return adjoints([y], [y.graph.one], inputs)


def adjoints(outputs: Sequence[Node], seeds: Sequence[Node], inputs: Sequence[Node]) -> tuple[Node, ...]:
    """Reverse mode: Σ_k seed_k ∂output_k/∂input, for every input."""
    if not outputs:
        return tuple(x.graph.zero for x in inputs)
    g = outputs[0].graph
    moving = set(inputs)
    active = []  # the nodes between inputs and outputs
    for node in below(outputs):
        if not moving.isdisjoint(node.arguments):
            moving.add(node)
            active.append(node)
    collected: dict[Node, Node] = {}
    for output, seed in zip(outputs, seeds, strict=True):
        collected[output] = collected[output] + seed if output in collected else seed
    for node in reversed(active):
        adjoint = collected.get(node)
        if adjoint and adjoint is not g.zero:
            wanted = [a in moving for a in node.arguments]
            for a, partial, useful in zip(node.arguments, partials(node, wanted), wanted, strict=True):
                if useful:
                    collected[a] = g.add_product(collected.get(a), adjoint, partial)
    return tuple(collected.get(x, g.zero) for x in inputs)


def jacobian(outputs: Sequence[Node], inputs: Sequence[Node]) -> tuple[tuple[Node, ...], ...]:
    """∂output/∂input, a row an output; by the mode that takes fewer sweeps."""
    if len(outputs) <= len(inputs):
        return tuple(gradient(y, inputs) for y in outputs)
    columns = [tangents(outputs, {x: x.graph.one}) for x in inputs]
    return tuple(zip(*columns, strict=True))


def hessian(y: Node, inputs: Sequence[Node]) -> tuple[tuple[Node, ...], ...]:
    """∂²y/∂x∂x', forward over reverse."""
    slopes = gradient(y, inputs)
    return tuple(zip(*(tangents(slopes, {x: x.graph.one}) for x in inputs), strict=True))
