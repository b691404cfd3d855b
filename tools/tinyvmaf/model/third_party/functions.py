"""Functions that a file defines for itself, such as torch's exporter writes: the nodes that they stand for."""

from collections.abc import Iterable, Mapping
from typing import Final

from onnx import FunctionProto, ModelProto, NodeProto, inliner

from tinyvmaf.errors import ModelError
from tinyvmaf.model.contract import MAX_NODES

_CALLS: Final = 2
"""Nodes and calls together, per node that is allowed: onnx follows calls of empty functions too."""


def inlined(model: ModelProto) -> bool:
    """Put the nodes of functions in place of their calls, in place.

    Functions that have subgraphs are left: the contract refuses those.

    Returns:
        Whether there were any.

    Raises:
        ModelError: a function calls itself, or too many nodes would come of it.
    """
    functions = {(one.domain, one.name): one for one in model.functions}
    nodes = [*model.graph.node, *(node for one in model.functions for node in one.node)]
    if not functions or any(a.HasField("g") or a.graphs for node in nodes for a in node.attribute):
        return False
    if len(nodes) > MAX_NODES * _CALLS or _count(model.graph.node, functions, {}) > MAX_NODES * _CALLS:
        raise ModelError(f"its functions stand for more than {MAX_NODES} nodes, or as many calls")
    model.CopyFrom(inliner.inline_local_functions(model))
    return True


def _count(
    nodes: Iterable[NodeProto],
    functions: Mapping[tuple[str, str], FunctionProto],
    known: dict[tuple[str, str], int | None],
) -> int:
    """How many nodes and calls they stand for; a function may be called millions of times by few others."""
    total = 0
    for node in nodes:
        name = (node.domain, node.op_type)
        if name not in functions:
            total += 1
            continue
        if name not in known:
            known[name] = None  # while it is counted
            known[name] = _count(functions[name].node, functions, known)
        count = known[name]
        if count is None:
            raise ModelError(f"function {node.op_type[:40]!r} calls itself")
        total += 1 + count
    return total
