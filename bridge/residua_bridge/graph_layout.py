"""Where the nodes of an acyclic graph go: layers from left to right, few crossings, long edges straight.

As Sugiyama, Tagawa and Toda (1981) do it: layers by longest path, an order in each by barycentres, then heights. An
edge over several layers goes through a place kept free in each of those between; edges out of one node share these.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import numpy as np
from scipy.optimize import isotonic_regression

from residua_bridge.verdict import Floats
from residua_network.errors import ResiduaError

Place = tuple[str, int]  # (node, layer): the node in its own layer, in a later one the way of its long edges
Layers = list[list[Place]]

SWEEPS = 24  # barycentre sweeps; the best order seen is kept
PULLS = (1.0, 2.0, 8.0)  # of a line between two nodes, at an end of a long edge, within it
RELAXATIONS = 200  # each a fixed small cost; heights have settled long before in graphs that can be read


@dataclass(frozen=True)
class Layout:
    """The places of each layer from top to bottom, the height of the middle of each (downwards), layers of nodes."""

    layers: Layers
    heights: dict[Place, float]
    level: dict[str, int]


def way(start: str, end: str, level: Mapping[str, int]) -> list[Place]:
    """The places that an edge goes through, its ends included."""
    return [*((start, k) for k in range(level[start], level[end])), (end, level[end])]


def laid_out(
    sizes: Mapping[str, float], edges: Sequence[tuple[str, str]], last: frozenset[str], way: float, gap: float
) -> Layout:
    """Places for the nodes: those without predecessors just before their first use, those of `last` at the end.

    `sizes` says how high each node is, `way` how high a place kept free, `gap` what lies between two. Raises
    ResiduaError for a cycle.
    """
    level = _levels(list(sizes), edges, last)
    links = _links(edges, level)
    layers = _ordered(list(sizes), level, links)
    high = {place: sizes[place[0]] if is_node(place, level) else way for layer in layers for place in layer}
    return Layout(layers, _heights(layers, links, level, high, gap), level)


def is_node(place: Place, level: Mapping[str, int]) -> bool:
    """Whether a node is there, not a way kept free."""
    return level[place[0]] == place[1]


def _levels(nodes: Sequence[str], edges: Sequence[tuple[str, str]], last: frozenset[str]) -> dict[str, int]:
    graph = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(edges)
    if not nx.is_directed_acyclic_graph(graph):
        cycle = " -> ".join(edge[0] for edge in nx.find_cycle(graph))
        raise ResiduaError(f"expected a graph without cycles, got the cycle {cycle}")
    level = {node: k for k, layer in enumerate(nx.topological_generations(graph)) for node in layer}
    final = max(level.values(), default=0)
    for node in nodes:
        if graph.out_degree(node) == 0:
            level[node] = final if node in last else level[node]
        elif graph.in_degree(node) == 0:
            level[node] = min(level[after] for after in graph.successors(node)) - 1
    return level


def _links(edges: Sequence[tuple[str, str]], level: Mapping[str, int]) -> list[tuple[Place, Place]]:
    """Pairs of places in neighbouring layers that a line joins."""
    links: dict[tuple[Place, Place], None] = {}
    for start, end in edges:
        links.update(dict.fromkeys(pairwise(way(start, end, level))))
    return list(links)


# order


def _ordered(nodes: Sequence[str], level: Mapping[str, int], links: Sequence[tuple[Place, Place]]) -> Layers:
    """The order with the fewest crossings among those that sweeps come by, from two beginnings."""
    before, after = _neighbours(links)
    begin: Layers = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for node in nodes:
        begin[level[node]].append((node, level[node]))
    for start, _ in links:
        if not is_node(start, level) and start not in begin[start[1]]:
            begin[start[1]].append(start)
    candidates = [better for first in (begin, _depth_first(begin, before)) for better in _sweeps(first, before, after)]
    return _exchanged(min(candidates, key=lambda layers: _crossings(layers, after)), before, after)


def _neighbours(links: Sequence[tuple[Place, Place]]) -> tuple[dict[Place, list[Place]], dict[Place, list[Place]]]:
    before: dict[Place, list[Place]] = {}
    after: dict[Place, list[Place]] = {}
    for start, end in links:
        after.setdefault(start, []).append(end)
        before.setdefault(end, []).append(start)
    return before, after


def _depth_first(layers: Layers, before: Mapping[Place, list[Place]]) -> Layers:
    """The order in which a walk back from the results meets the places: a tree comes out without crossings."""
    met: dict[Place, None] = {}
    waiting = [place for layer in layers for place in reversed(layer)]
    while waiting:
        place = waiting.pop()
        if place not in met:
            met[place] = None
            waiting.extend(reversed(before.get(place, [])))
    rank = {place: k for k, place in enumerate(met)}
    return [sorted(layer, key=rank.__getitem__) for layer in layers]


def _sweeps(
    layers: Layers, before: Mapping[Place, list[Place]], after: Mapping[Place, list[Place]]
) -> Iterator[Layers]:
    yield layers
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        neighbours = before if forward else after
        layers = [list(layer) for layer in layers]
        position = {place: float(k) for layer in layers for k, place in enumerate(layer)}
        for layer in layers if forward else reversed(layers):
            middle = {
                place: float(np.mean([position[one] for one in neighbours[place]])) if place in neighbours else k
                for k, place in enumerate(layer)
            }
            layer.sort(key=middle.__getitem__)
            position.update({place: float(k) for k, place in enumerate(layer)})
        yield layers


def _crossings(layers: Layers, after: Mapping[Place, list[Place]]) -> int:
    total = 0
    for layer, following in pairwise(layers):
        position = {place: k for k, place in enumerate(following)}
        ends = [end for place in layer for end in sorted(position[one] for one in after.get(place, []))]
        total += sum(ends[k] > end for j, end in enumerate(ends) for k in range(j))
    return total


def _exchanged(layers: Layers, before: Mapping[Place, list[Place]], after: Mapping[Place, list[Place]]) -> Layers:
    """Neighbours exchanged as long as that saves a crossing."""
    position = {place: k for layer in layers for k, place in enumerate(layer)}

    def crossings(upper: Place, lower: Place) -> int:
        return sum(
            position[one] > position[other]
            for sides in (before, after)
            for one in sides.get(upper, [])
            for other in sides.get(lower, [])
        )

    better = True
    while better:
        better = False
        for layer in layers:
            for k in range(len(layer) - 1):
                upper, lower = layer[k : k + 2]
                if crossings(lower, upper) < crossings(upper, lower):
                    layer[k : k + 2] = lower, upper
                    position[upper], position[lower] = k + 1, k
                    better = True
    return layers


# heights


def _heights(
    layers: Layers,
    links: Sequence[tuple[Place, Place]],
    level: Mapping[str, int],
    size: Mapping[Place, float],
    gap: float,
) -> dict[Place, float]:
    """Heights that keep lines short: the squares of what each rises, free places counting more, are least.

    Layer after layer the least squares under the order are an isotonic regression; repeated, that finds the minimum,
    since the whole is convex and no condition joins two layers.
    """
    pulls: dict[Place, list[tuple[Place, float]]] = {}
    for start, end in links:
        weight = PULLS[sum(not is_node(place, level) for place in (start, end))]
        pulls.setdefault(start, []).append((end, weight))
        pulls.setdefault(end, []).append((start, weight))
    stacked = [_stacked(layer, size, gap) for layer in layers]
    heights = {
        place: y
        for layer, ys in zip(layers, stacked, strict=True)
        for place, y in zip(layer, ys - ys.mean(), strict=True)
    }
    for sweep in range(RELAXATIONS):
        for layer, ys in list(zip(layers, stacked, strict=True))[:: 1 if sweep % 2 else -1]:
            weights = np.array([sum(w for _, w in pulls.get(place, [])) or 1.0 for place in layer])
            wanted = np.array(
                [
                    sum(w * heights[one] for one, w in pulls.get(place, [(place, 1.0)])) / weight
                    for place, weight in zip(layer, weights, strict=True)
                ]
            )
            heights.update(zip(layer, isotonic_regression(wanted - ys, weights=weights).x + ys, strict=True))
    top = min((heights[place] - size[place] / 2 for place in heights), default=0.0)
    return {place: round(float(y - top), 2) for place, y in heights.items()}


def _stacked(layer: Sequence[Place], size: Mapping[Place, float], gap: float) -> Floats:
    """Heights of the places one right below the other."""
    sizes = np.array([size[place] for place in layer])
    return np.cumsum(sizes + gap) - sizes / 2
