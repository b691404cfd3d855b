"""Faults of a graph's input and output, and of the size of the values in between."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from tinyvmaf.model.contract import INPUT, MAX_FEATURES, MAX_RANK, MAX_VALUES_A_ROW, OUTPUT, STDDEV, ml
from tinyvmaf.model.contract.words import in_one_line, node_name, quoted, type_name

# One row, for which operators may do something else, and a prime that is no width of a layer: an axis that it divides
# is one of frames.
_ONE: Final = 1
_MANY: Final = 100_003
_FLOATS: Final = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)


def interface_faults(graph: GraphProto, outputs: Sequence[str] | None = None) -> list[str]:
    """How the graph's interface differs from `features` float32 `[N, F]` to outputs float32 `[N, 1]`.

    Args:
        outputs: their names; None: `score`, which `stddev` may follow.
    """
    if outputs is None:
        outputs = (OUTPUT, STDDEV) if [value.name for value in graph.output[1:]] == [STDDEV] else (OUTPUT,)
    found = []
    batches = []
    for kind, values, names, width in (("input", graph.input, (INPUT,), None), ("output", graph.output, outputs, 1)):
        if len(values) != len(names):
            count = "one" if len(names) == 1 else str(len(names))
            found.append(
                f"the graph has {len(values)} {kind}s; the contract is {count}, {' and '.join(map(repr, names))}"
            )
            continue
        for value, name in zip(values, names, strict=True):
            if value.name != name:
                found.append(f"the {kind} is called {quoted(value.name)}; the contract is {name!r}")
            batch, wrong = _rows(value, width)
            batches.append(batch)
            if wrong:
                shape = "[N, F]" if width is None else f"[N, {width}]"
                found.append(f"{kind} {quoted(value.name)} {wrong}; the contract is float32 {shape}, N symbolic")
    if not found and len(set(batches)) != 1:
        found.append(
            f"input and output have the batch symbols {' and '.join(map(quoted, dict.fromkeys(batches)))}: they must "
            "be the same, because each row has one score"
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
    try:
        one, many = (_inferred(model, rows) for rows in (_ONE, _MANY))
    except onnx.shape_inference.InferenceError as error:
        return [f"its shapes fit some numbers of frames only: {in_one_line(error)}"]
    outputs = [value.name for value in model.graph.output]
    for i, node in enumerate(model.graph.node):
        for name in filter(None, node.output):
            wrong = _growth(
                shape_of(one.get(name)), shape_of(many.get(name)), empty=node.op_type == "Constant" or name in outputs
            )
            if wrong:  # only the first: later ones follow from it
                return [f"{node_name(i, node)}: {quoted(name)} {wrong}"]
        if node.op_type == "Div" and may_crash(model.graph, node, one):
            return [
                f"{node_name(i, node)} divides integers by what may be 0 or -1, which ends the process of an engine"
            ]
    for name in outputs:
        shapes = [shape_of(one[name]), shape_of(many[name])]
        if shapes != [[_ONE, 1], [_MANY, 1]]:
            return [f"output {name!r} comes out as {_listed(shapes[1] or [])}, not as the [N, 1] that it declares"]
    return []


def may_crash(graph: GraphProto, node: NodeProto, known: dict[str, ValueInfoProto]) -> bool:
    """Whether a division is one of integers, and not by positive constants."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    made = known.get(node.output[0])
    if made is None or made.type.tensor_type.elem_type in _FLOATS:
        return False
    divisor = constants.get(node.input[1])
    return divisor is None or bool((numpy_helper.to_array(divisor) < 1).any())


def _inferred(model: ModelProto, rows: int) -> dict[str, ValueInfoProto]:
    """All values with their shapes for this many rows."""
    bare = ModelProto()
    bare.CopyFrom(model)
    without_ml(bare.graph)
    # Shape inference falls back on the declared shapes, so a file could claim that its values are small.
    del bare.graph.value_info[:]
    for output in bare.graph.output:
        output.type.tensor_type.ClearField("shape")
    bare.graph.input[0].type.tensor_type.shape.dim[0].dim_value = rows
    # Without data_prop, which allocates constants: a Reshape to 2**47 rows made it allocate as much memory.
    inferred = onnx.shape_inference.infer_shapes(bare, check_type=True, strict_mode=True).graph
    return {value.name: value for value in [*inferred.value_info, *inferred.output]}


def without_ml(graph: GraphProto) -> None:
    """Replace operators of `ai.onnx.ml` by ones of ONNX's own that take and give the same shapes, in place.

    onnx infers no shapes for most of them. A width that does not fit is an error of inference, or an empty result.
    """
    nodes = list[NodeProto]()
    for i, node in enumerate(graph.node):
        if node.domain != ml.DOMAIN:
            nodes.append(node)
            continue
        found, name = ml.read(node), f"{node.output[0]}/{i}"
        x, (y,) = f"{name}/x", node.output
        # All but TreeEnsemble give float32, whatever they take.
        if node.op_type == "TreeEnsemble":
            nodes.append(helper.make_node("Identity", node.input, [x]))
        else:
            nodes.append(helper.make_node("Cast", node.input, [x], to=TensorProto.FLOAT))
        if isinstance(found, ml.Trees):
            last = int(found.features.max())
            ends = [numpy_helper.from_array(np.array([n]), f"{name}/{n}") for n in (last, last + 1)]
            column = numpy_helper.from_array(np.array([1]), f"{name}/axis")
            graph.initializer.extend([*ends, column])
            nodes.append(helper.make_node("Slice", [x, *(one.name for one in ends), column.name], [y]))
        elif isinstance(found, ml.Normalizer):
            nodes.append(helper.make_node("Identity", [x], [y]))
        else:
            shape = (
                (len(found.offset),)
                if isinstance(found, ml.Scaler)
                else (found.vectors.shape[1] if isinstance(found, ml.SupportVectors) else len(found.coefficients), 1)
            )
            graph.initializer.append(numpy_helper.from_array(np.zeros(shape, np.float32), f"{name}/w"))
            nodes.append(helper.make_node("Add" if isinstance(found, ml.Scaler) else "MatMul", [x, f"{name}/w"], [y]))
    del graph.node[:]
    graph.node.extend(nodes)


def shape_of(value: ValueInfoProto | None) -> list[int | str] | None:
    """Axes are a length, a symbol, or '?'; None for an unknown rank."""
    if value is None or not value.type.tensor_type.HasField("shape"):
        return None
    kind = value.type.tensor_type
    return [d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in kind.shape.dim]


def _growth(one: list[int | str] | None, many: list[int | str] | None, *, empty: bool) -> str:
    """What is wrong with the size of a value, given its shapes for one and for many rows; '' if nothing.

    Args:
        empty: whether it may have no element.
    """
    if one is None or many is None or len(one) != len(many):
        return "has a shape that is unknown before it runs"
    lengths = [[axis for axis in shape if isinstance(axis, int)] for shape in (one, many)]
    if min(map(len, lengths)) < len(many):
        return f"is {_listed(many)}, with an axis whose length is unknown before it runs"
    a_row, all_rows = map(math.prod, lengths)
    if not (a_row or empty):
        return f"is {_listed(many)}: it has no element, and engines differ in what they make of nothing"
    if all_rows == a_row * _MANY**2 > 0:
        return f"is {_listed(many)}: its size grows with the square of the number of frames"
    if all_rows not in (a_row, a_row * _MANY):
        return f"is {_listed(many)}: its size is not proportional to the number of frames"
    if len(many) > MAX_RANK or a_row > MAX_VALUES_A_ROW:
        return f"is {_listed(many)}; at most {MAX_VALUES_A_ROW} values a frame and {MAX_RANK} axes are allowed"
    return ""


def _listed(shape: list[int | str]) -> str:
    """For a sentence, with N for the number of rows."""
    named = [_axis(axis) for axis in shape[:20]]
    return f"[{', '.join(named)}{', ...' if len(shape) > 20 else ''}]"


def _axis(axis: int | str) -> str:
    if isinstance(axis, str) or axis % _MANY or not axis:
        return str(axis)
    return "N" if axis == _MANY else f"{axis // _MANY} N"
