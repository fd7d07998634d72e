"""The graph that autograd keeps of a computation, counted."""

from torch import Tensor
from torch.autograd.graph import Node, get_gradient_edge


def graph_nodes(tensor: Tensor) -> int:
    """Distinct nodes of autograd's graph from `tensor` back, the leaves' (AccumulateGrad) included; 0 for a constant.

    A module in torch's own C++ counts as autograd records it: a Linear is AddmmBackward0 and the TBackward0 of its
    weight.
    """
    if not tensor.requires_grad:
        return 0
    start = get_gradient_edge(tensor).node
    seen: set[Node] = {start}  # kept alive by the set: torch makes their Python sides anew, at addresses that return
    waiting = [start]
    while waiting:
        for node, _ in waiting.pop().next_functions:
            if node is not None and node not in seen:
                seen.add(node)
                waiting.append(node)
    return len(seen)
