"""Files whose structure is hostile: functions, counts, sizes that are declared, names and versions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, helper

from .making import FLOAT, INT64, build, maker, node, write


def functions(depth: int, inner: Sequence[NodeProto], recursive: bool = False) -> ModelProto:
    ids = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    made = [helper.make_function("own", "f0", ["a"], ["b"], list(inner), ids)]
    for i in range(1, depth):
        made.append(
            helper.make_function(
                "own",
                f"f{i}",
                ["a"],
                ["b"],
                [
                    node(f"f{depth - 1 if recursive else i - 1}", ["a"], ["t"], domain="own"),
                    node(f"f{i - 1}", ["t"], ["b"], domain="own"),
                ],
                ids,
            )
        )
    m = build([node(f"f{depth - 1}", ["features"], ["x"], domain="own")], functions=made)
    m.opset_import.append(helper.make_opsetid("own", 1))
    return m


@maker
def billion_laughs(f: Path) -> None:
    write(f, functions(40, [node("Relu", ["a"], ["b"])]))


@maker
def functions_deep_and_thin(f: Path) -> None:
    ids = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    made = [helper.make_function("own", "f0", ["a"], ["b"], [node("Relu", ["a"], ["b"])], ids)]
    made += [
        helper.make_function("own", f"f{i}", ["a"], ["b"], [node(f"f{i - 1}", ["a"], ["b"], domain="own")], ids)
        for i in range(1, 8000)
    ]
    m = build([node("f7999", ["features"], ["x"], domain="own")], functions=made)
    m.opset_import.append(helper.make_opsetid("own", 1))
    write(f, m)


@maker
def functions_of_800(f: Path) -> None:
    ids = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    made = [helper.make_function("own", "f0", ["a"], ["b"], [node("Relu", ["a"], ["b"])], ids)]
    made += [
        helper.make_function("own", f"f{i}", ["a"], ["b"], [node(f"f{i - 1}", ["a"], ["b"], domain="own")], ids)
        for i in range(1, 800)
    ]
    m = build([node("f799", ["features"], ["x"], domain="own")], functions=made)
    m.opset_import.append(helper.make_opsetid("own", 1))
    write(f, m)


@maker
def functions_of_nothing(f: Path) -> None:
    """Empty functions cost no node, and are called 2**40 times."""
    ids = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    made = [helper.make_function("own", "f0", ["a"], [], [], ids)]
    for i in range(1, 40):
        made.append(
            helper.make_function("own", f"f{i}", ["a"], [], [node(f"f{i - 1}", ["a"], [], domain="own")] * 2, ids)
        )
    m = build([node("f39", ["features"], [], domain="own"), node("Relu", ["features"], ["x"])], functions=made)
    m.opset_import.append(helper.make_opsetid("own", 1))
    write(f, m)


@maker
def recursive_function(f: Path) -> None:
    write(f, functions(3, [node("Relu", ["a"], ["b"])], recursive=True))


@maker
def function_twice(f: Path) -> None:
    m = functions(2, [node("Relu", ["a"], ["b"])])
    m.functions.append(m.functions[0])
    write(f, m)


@maker
def sparse_initializer(f: Path) -> None:
    m = build([node("Add", ["features", "s"], ["x"])])
    m.graph.sparse_initializer.append(
        helper.make_sparse_tensor(
            helper.make_tensor("s", FLOAT, [1], [1.0]), helper.make_tensor("i", INT64, [1], [0]), [2**31, 6]
        )
    )
    write(f, m)


@maker
def declared_2_gb(f: Path) -> None:
    m = build([node("Add", ["features", "k"], ["x"])])
    m.graph.initializer.add(name="k", data_type=FLOAT, dims=[2**29])
    write(f, m)


@maker
def zero_dims(f: Path) -> None:
    write(f, build([node("Concat", ["features", "k"], ["x"], axis=1)], {"k": np.ones((1, 0), np.float32)}))


@maker
def negative_dims(f: Path) -> None:
    m = build([node("Add", ["features", "k"], ["x"])])
    m.graph.initializer.add(name="k", data_type=FLOAT, dims=[-1, -6], float_data=[1] * 6)
    write(f, m)


@maker
def many_dims(f: Path) -> None:
    m = build([node("Add", ["features", "k"], ["x"])])
    m.graph.initializer.add(name="k", data_type=FLOAT, dims=[1] * 100_000, float_data=[1])
    write(f, m)


@maker
def unknown_domain(f: Path) -> None:
    m = build([node("Relu", ["features"], ["x"])])
    m.opset_import.append(helper.make_opsetid("nobody.knows", 1))
    write(f, m)


@maker
def custom_operator(f: Path) -> None:
    m = build([node("Evil", ["features"], ["x"], domain="nobody.knows")])
    m.opset_import.append(helper.make_opsetid("nobody.knows", 1))
    write(f, m)


@maker
def opset_of_the_future(f: Path) -> None:
    m = build([node("Relu", ["features"], ["x"])])
    m.opset_import[0].version = 2**40
    write(f, m)


@maker
def nodes_200_000(f: Path) -> None:
    m = build([node("Relu", ["features"], ["x"])])
    m.graph.node.extend([NodeProto()] * 400_000)
    write(f, m)


@maker
def values_400_000(f: Path) -> None:
    m = build([node("Relu", ["features"], ["x"])])
    m.graph.value_info.extend([onnx.ValueInfoProto()] * 400_000)
    write(f, m)


@maker
def inputs_400_000(f: Path) -> None:
    m = build([node("Relu", ["features"], ["x"])])
    m.graph.input.extend([onnx.ValueInfoProto()] * 400_000)
    write(f, m)


@maker
def metadata_400_000(f: Path) -> None:
    m = build([node("Relu", ["features"], ["x"])])
    m.metadata_props.extend([onnx.StringStringEntryProto()] * 400_000)
    write(f, m)


@maker
def opsets_400_000(f: Path) -> None:
    m = build([node("Relu", ["features"], ["x"])])
    m.opset_import.extend([onnx.OperatorSetIdProto()] * 300_000)
    write(f, m)


@maker
def functions_300_000(f: Path) -> None:
    m = build([node("Relu", ["features"], ["x"])])
    m.functions.extend([onnx.FunctionProto()] * 300_000)
    write(f, m)


@maker
def inputs_of_a_node(f: Path) -> None:
    write(f, build([node("Max", ["features"] * 100_000, ["x"])]))


@maker
def chain_backwards(f: Path) -> None:
    """500 nodes in the wrong order."""
    steps = [node("Relu", ["features" if not i else f"h{i}"], ["x" if i == 498 else f"h{i + 1}"]) for i in range(499)]
    write(f, build(steps[::-1]))
