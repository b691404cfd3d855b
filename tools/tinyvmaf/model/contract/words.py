"""Names out of a model that somebody else wrote, made fit for a sentence."""

from onnx import NodeProto, TensorProto

_NAME, _LINE = 80, 300


def quoted(name: object) -> str:
    """A name: quoted, control characters escaped, and short."""
    text = repr(name)
    return text if len(text) <= _NAME else f"{text[:_NAME]}... ({len(text)} characters)"


def node_name(i: int, node: NodeProto) -> str:
    """What to call the graph's node number `i`: its name, else what it makes, and its operator."""
    name = node.name or (node.output[0] if node.output else f"number {i}")
    return f"node {quoted(name)} ({quoted(node.op_type)[1:-1]})"


def type_name(data_type: int) -> str:
    """An element type's name, also of one that there is not."""
    known = {number: name for name, number in TensorProto.DataType.items()}
    return str(known.get(data_type, f"number {data_type}"))


def in_one_line(error: BaseException) -> str:
    """An error's kind and text without line breaks, at most 300 characters of it."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return text if len(text) <= _LINE else f"{text[:_LINE]}..."
