"""Texts from a foreign file, made safe to print: quoted, escaped and short."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import NodeProto

_NAME, _LINE = 80, 300


def quoted(name: object) -> str:
    """A value in quotes, with control characters escaped, cut to 80 characters."""
    text = repr(name)
    return text if len(text) <= _NAME else f"{text[:_NAME]}... ({len(text)} characters)"


def node_name(i: int, node: "NodeProto") -> str:
    """A phrase for the graph's node number `i`: its name, else its first output, and its operator."""
    name = node.name or (node.output[0] if node.output else f"number {i}")
    return f"node {quoted(name)} ({quoted(node.op_type)[1:-1]})"


def type_name(data_type: int) -> str:
    """An element type's name; `number N` for an unknown type."""
    from onnx import TensorProto  # slow to import

    known = {number: name for name, number in TensorProto.DataType.items()}
    return str(known.get(data_type, f"number {data_type}"))


def in_one_line(error: BaseException) -> str:
    """An error's type and text in one line, cut to 300 characters."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return text if len(text) <= _LINE else f"{text[:_LINE]}..."
