"""The computation graph of a trace as a drawing: values in the boxes, local derivatives along the edges."""

from fractions import Fraction

from residua_bridge.findings import Drawing, GraphNode
from residua_symbolic.printing import latex
from residua_symbolic.trace import INPUT, Trace, TracedNode

MOST_EDGES = 30  # beyond it labels on edges would hide each other
SHORT = 4  # digits of a number in a box


def drawing_of(trace: Trace, name: str, title: str, caption: str = "") -> Drawing:
    """Leaves are inputs and numbers, every other node is one operation; `name` is the file name."""
    plain = trace.drawing()
    labelled = len(plain.edges) <= MOST_EDGES
    nodes = [_node(trace, node, node.name in plain.outputs) for node in plain.nodes]
    nodes += [GraphNode(leaf, f"${_number(q)}$", kind="constant") for leaf, q in plain.leaves.items()]
    edges = tuple(
        (e.argument, e.operation, f"${latex(e.local.formula)}$" if labelled and e.local is not None else "")
        for e in plain.edges
    )
    return Drawing(name, title, tuple(nodes), edges, caption)


def _node(trace: Trace, node: TracedNode, is_output: bool) -> GraphNode:
    symbol = latex(trace.symbols[node.name])
    if node.function == INPUT:
        return GraphNode(node.name, f"${symbol}$", f"{node.value:.{SHORT}g}", "input")
    kind = "output" if is_output else "operation"
    return GraphNode(node.name, f"${symbol} = {latex(node.formula)}$", f"{node.value:.{SHORT}g}", kind)  # type: ignore[arg-type]


def _number(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"
