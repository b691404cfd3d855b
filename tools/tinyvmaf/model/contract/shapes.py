"""Faults of a graph's input and output, and of the size of the values in between."""

import math

import onnx
from onnx import GraphProto, ModelProto, ValueInfoProto

from tinyvmaf.model.contract import INPUT, MAX_FEATURES, MAX_RANK, MAX_VALUES_A_ROW, OUTPUT
from tinyvmaf.model.contract.words import node_name, quoted, type_name


def interface_faults(graph: GraphProto) -> list[str]:
    """How the graph's interface differs from `features` float32 `[N, F]` to `score` float32 `[N, 1]`."""
    found = []
    batches = []
    for kind, values, name, width in (("input", graph.input, INPUT, None), ("output", graph.output, OUTPUT, 1)):
        if len(values) != 1:
            found.append(f"the graph has {len(values)} {kind}s; the contract is one, {name!r}")
            continue
        value = values[0]
        if value.name != name:
            found.append(f"the {kind} is called {quoted(value.name)}; the contract is {name!r}")
        batch, wrong = _rows(value, width)
        batches.append(batch)
        if wrong:
            shape = "[N, F]" if width is None else f"[N, {width}]"
            found.append(f"{kind} {quoted(value.name)} {wrong}; the contract is float32 {shape}, N symbolic")
    if not found and len(set(batches)) != 1:
        found.append(
            f"input and output have the batch symbols {' and '.join(map(quoted, batches))}: they must be "
            "the same, because each row has one score"
        )
    return found


def _rows(value: ValueInfoProto, width: int | None) -> tuple[str, str]:
    """The batch symbol of an input or output, and what is wrong with its type."""
    if value.type.WhichOneof("value") != "tensor_type":
        return "", f"is a {value.type.WhichOneof('value') or 'value without a type'}, not a tensor"
    kind = value.type.tensor_type
    if kind.elem_type != onnx.TensorProto.FLOAT:
        return "", f"is of element type {type_name(kind.elem_type)}"
    if not kind.HasField("shape") or len(kind.shape.dim) != 2:
        return "", f"has rank {len(kind.shape.dim)}" if kind.HasField("shape") else "has no shape"
    rows, columns = kind.shape.dim
    if not rows.dim_param:
        fixed = f"a fixed batch of {rows.dim_value}" if rows.HasField("dim_value") else "a batch without a symbol"
        return "", f"has {fixed}, so clips of other lengths do not fit"
    held = columns.dim_value or "an unknown number of"
    if width is not None and columns.dim_value != width:
        return rows.dim_param, f"has {held} columns"
    if not 1 <= columns.dim_value <= MAX_FEATURES:
        return rows.dim_param, f"has {held} columns, and 1 to {MAX_FEATURES} are allowed"
    return rows.dim_param, ""


def value_faults(model: ModelProto) -> list[str]:
    """Values whose size is too large, unknown, or not proportional to the number of rows.

    Args:
        model: without other faults; `onnx.checker` accepts it.
    """
    bare = ModelProto()
    bare.CopyFrom(model)
    # Shape inference falls back on the declared shapes, so a file could claim that its values are small.
    del bare.graph.value_info[:]
    bare.graph.output[0].type.tensor_type.ClearField("shape")
    # Without data_prop, which allocates constants: a Reshape to 2**47 rows made it allocate as much memory.
    inferred = onnx.shape_inference.infer_shapes(bare, check_type=True, strict_mode=True).graph
    batch = model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    shapes = {value.name: _shape(value) for value in [*inferred.value_info, *inferred.output]}
    for i, node in enumerate(model.graph.node):
        for name in filter(None, node.output):
            wrong = _growth(shapes.get(name), batch)
            if wrong:  # only the first: later ones follow from it
                return [f"{node_name(i, node)}: {quoted(name)} {wrong}"]
    score = shapes.get(OUTPUT) or []
    if score != [batch, 1]:
        return [f"output {OUTPUT!r} comes out as {_listed(score)}, not as the [{batch}, 1] that it declares"]
    return []


def _shape(value: ValueInfoProto) -> list[int | str] | None:
    """Axes: a length, a symbol, or '?' for an unknown length. None for an unknown rank."""
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        return None
    return [d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in kind.shape.dim]


def _growth(shape: list[int | str] | None, batch: str) -> str:
    """What is wrong with the size of a value; empty if nothing."""
    if shape is None:
        return "has a shape that is unknown before it runs"
    if any(isinstance(axis, str) and axis != batch for axis in shape):
        return (
            f"is {_listed(shape)}, with an axis whose length is unknown before it runs; in a Reshape, write 0 "
            "for the axis of frames, not -1"
        )
    if shape.count(batch) > 1:
        return f"is {_listed(shape)}: its size grows with the square of the number of frames"
    if len(shape) > MAX_RANK or math.prod(axis for axis in shape if isinstance(axis, int)) > MAX_VALUES_A_ROW:
        return f"is {_listed(shape)}; at most {MAX_VALUES_A_ROW} values a frame and {MAX_RANK} axes are allowed"
    return ""


def _listed(shape: list[int | str]) -> str:
    return f"[{', '.join(map(str, shape[:20]))}{', ...' if len(shape) > 20 else ''}]"
