"""Hostile models made by hand: each maker writes `m.onnx` into a folder, and what lies beside it."""

import json
import os
import shutil
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from tinyvmaf.files import home
from tinyvmaf.vmaf.features import CANONICAL

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
FEATURES = list(CANONICAL)
node, value = helper.make_node, helper.make_tensor_value_info
Maker = Callable[[Path], None]
MAKERS: dict[str, Maker] = {}


def maker(make: Maker) -> Maker:
    """One of them, by its name."""
    MAKERS[make.__name__] = make
    return make


def build(nodes: Sequence[NodeProto], weights: dict[str, Any] | None = None, **more: Any) -> ModelProto:
    """A model from `features` [N, 6] to `score` [N, 1]; nodes that come first make `x` of `features`."""
    tensors = [
        numpy_helper.from_array(np.asarray(a), n)
        for n, a in ({"w": np.ones((6, 1), np.float32)} | (weights or {})).items()
    ]
    last = [] if any("score" in n.output for n in nodes) else [node("MatMul", ["x", "w"], ["score"])]
    graph = helper.make_graph(
        [*nodes, *last], "g", [value("features", FLOAT, ["N", 6])], [value("score", FLOAT, ["N", 1])], tensors
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, **more)


def write(folder: Path, model: ModelProto | bytes, sidecar: Any = FEATURES) -> None:
    data = model if isinstance(model, bytes) else model.SerializeToString()
    (folder / "m.onnx").write_bytes(data)
    if sidecar is not None:
        text = (
            sidecar
            if isinstance(sidecar, bytes)
            else json.dumps({"features": sidecar} if isinstance(sidecar, list) else sidecar).encode()
        )
        (folder / "m.json").write_bytes(text)


def scalar(name: str, number: Any, dtype: Any = np.int64) -> dict[str, Any]:
    return {name: np.array(number, dtype)}


@maker
def endless_loop(f: Path) -> None:
    step = [value("i", INT64, []), value("go", BOOL, []), value("s", FLOAT, ["N", 6])]
    body = helper.make_graph(
        [node("Identity", ["go"], ["keep"]), node("Relu", ["s"], ["y"])],
        "b",
        step,
        [value("keep", BOOL, []), value("y", FLOAT, ["N", 6])],
    )
    write(
        f, build([node("Loop", ["n", "c", "features"], ["x"], body=body)], {"n": np.array(2**62), "c": np.array(True)})
    )


@maker
def endless_loop_without_sidecar(f: Path) -> None:
    endless_loop(f)
    (f / "m.json").unlink()


@maker
def if_recursion(f: Path) -> None:
    g = helper.make_graph([node("Identity", ["features"], ["y"])], "b", [], [value("y", FLOAT, ["N", 6])])
    for _ in range(30):
        g = (
            helper.make_graph(
                [node("If", ["c"], ["y"], then_branch=g, else_branch=g)], "b", [], [value("y", FLOAT, ["N", 6])]
            )
            if len(g.SerializeToString()) < 300_000
            else g
        )
    write(f, build([node("If", ["c"], ["x"], then_branch=g, else_branch=g)], {"c": np.array(True)}))


@maker
def deep_subgraphs(f: Path) -> None:
    def ld(tag: int, body: bytes) -> bytes:
        n, out = len(body), b""
        while True:
            out += bytes([(n & 127) | (128 if n > 127 else 0)])
            n >>= 7
            if not n:
                break
        return bytes([tag]) + out + body

    inner = b""
    for _ in range(20_000):  # graph > node > attribute > graph ...
        inner = ld(0x0A, ld(0x2A, ld(0x32, inner)))
        if len(inner) > 200_000:
            break
    write(f, ld(0x3A, inner))


@maker
def expand(f: Path) -> None:
    write(
        f,
        build(
            [node("Expand", ["features", "to"], ["e"]), node("ReduceMean", ["e"], ["x"], axes=[0], keepdims=0)],
            {"to": np.array([220_000_000, 1, 6])},
        ),
    )


@maker
def tile(f: Path) -> None:
    write(
        f,
        build(
            [
                node("Tile", ["features", "r"], ["t"]),
                node("ReduceMean", ["t"], ["m"], axes=[1]),
                node("Add", ["m", "features"], ["x"]),
            ],
            {"r": np.array([1, 2**28])},
        ),
    )


@maker
def range_(f: Path) -> None:
    write(
        f,
        build(
            [
                node("Range", ["a", "b", "d"], ["r"]),
                node("ReduceSum", ["r"], ["s"]),
                node("Add", ["features", "s"], ["x"]),
            ],
            {"a": np.float32(0), "b": np.float32(2e9), "d": np.float32(1)},
        ),
    )


@maker
def constant_of_shape(f: Path) -> None:
    write(
        f,
        build(
            [
                node("ConstantOfShape", ["s"], ["c"]),
                node("ReduceSum", ["c"], ["t"]),
                node("Add", ["features", "t"], ["x"]),
            ],
            {"s": np.array([2**32])},
        ),
    )


@maker
def resize(f: Path) -> None:
    write(
        f,
        build(
            [
                node("Resize", ["features", "", "sc"], ["r"]),
                node("ReduceMean", ["r"], ["m"], axes=[1]),
                node("Add", ["m", "features"], ["x"]),
            ],
            {"sc": np.array([1, 1e8], np.float32)},
        ),
    )


@maker
def conv_pads(f: Path) -> None:
    write(
        f,
        build(
            [
                node("Unsqueeze", ["features", "ax"], ["u"]),
                node("Conv", ["u", "k"], ["c"], pads=[2**30, 2**30]),
                node("ReduceMean", ["c"], ["m"], axes=[2], keepdims=0),
                node("Add", ["m", "features"], ["x"]),
            ],
            {"k": np.ones((1, 1, 1), np.float32), "ax": np.array([1])},
        ),
    )


@maker
def onehot_depth(f: Path) -> None:
    write(
        f,
        build(
            [
                node("Cast", ["features"], ["i"], to=INT64),
                node("OneHot", ["i", "d", "v"], ["o"]),
                node("ReduceSum", ["o", "ax"], ["x"], keepdims=0),
            ],
            {"d": np.array(2**31), "v": np.array([0, 1], np.float32), "ax": np.array([2])},
        ),
    )


@maker
def einsum(f: Path) -> None:
    write(
        f,
        build(
            [
                node("Einsum", ["features"] * 4, ["e"], equation="na,mb,oc,pd->nmop"),
                node("ReduceSum", ["e"], ["s"]),
                node("Add", ["features", "s"], ["x"]),
            ]
        ),
    )


@maker
def square_of_frames(f: Path) -> None:
    write(
        f,
        build(
            [
                node("Transpose", ["features"], ["t"]),
                node("MatMul", ["features", "t"], ["q"]),
                node("MatMul", ["q", "features"], ["x"]),
            ]
        ),
    )


@maker
def wide_values(f: Path) -> None:
    """Within the contract: 100,000 values a frame, over and over."""
    steps = [node("MatMul", ["features", "k"], ["h0"])] + [
        node("Exp" if i % 2 else "Tanh", [f"h{i}"], [f"h{i + 1}"]) for i in range(400)
    ]
    write(
        f,
        build(
            [*steps, node("ReduceMean", ["h400"], ["m"], axes=[1]), node("Add", ["m", "features"], ["x"])],
            {"k": np.ones((6, 40_000), np.float32)},
        ),
    )


@maker
def wide_values_made_by_squeezing(f: Path) -> None:
    write(
        f,
        build(
            [
                node("Unsqueeze", ["features", "ax"], ["u"]),
                node("MatMul", ["u", "k"], ["h"]),
                node("Mul", ["h", "q"], ["g"]),
                node("ReduceMean", ["g"], ["m"], axes=[1, 2], keepdims=0),
                node("Unsqueeze", ["m", "ax"], ["c"]),
                node("Add", ["c", "features"], ["x"]),
            ],
            {"k": np.ones((6, 300), np.float32), "q": np.ones((300, 1), np.float32), "ax": np.array([1])},
        ),
    )


@maker
def strings(f: Path) -> None:
    write(f, build([node("Cast", ["features"], ["s"], to=TensorProto.STRING), node("Cast", ["s"], ["x"], to=FLOAT)]))


@maker
def string_tensor(f: Path) -> None:
    m = build([node("Add", ["features", "features"], ["x"])])
    m.graph.initializer.append(TensorProto(name="t", data_type=TensorProto.STRING, dims=[1], string_data=[b"x" * 1000]))
    write(f, m)


@maker
def sequences(f: Path) -> None:
    write(
        f,
        build(
            [
                node("SequenceConstruct", ["features", "features"], ["s"]),
                node("ConcatFromSequence", ["s"], ["x"], axis=0),
            ]
        ),
    )


@maker
def optional_output(f: Path) -> None:
    m = build([node("Optional", ["features"], ["o"]), node("OptionalGetElement", ["o"], ["x"])])
    m.graph.output.append(
        onnx.ValueInfoProto(
            name="o", type=helper.make_optional_type_proto(helper.make_tensor_type_proto(FLOAT, ["N", 6]))
        )
    )
    write(f, m)


@maker
def sequence_input(f: Path) -> None:
    m = build([node("Add", ["features", "features"], ["x"])])
    m.graph.input[0].CopyFrom(helper.make_tensor_sequence_value_info("features", FLOAT, ["N", 6]))
    write(f, m)


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


def external(f: Path, location: str, count: int = 1, dims: Sequence[int] = (6, 1), **more: str) -> None:
    m = build([node("Add", ["features", "features"], ["x"])])
    del m.graph.initializer[:]
    for i in range(count):
        t = m.graph.initializer.add(
            name="w" if not i else f"w{i}", data_type=FLOAT, dims=dims, data_location=TensorProto.EXTERNAL
        )
        for key, text in {"location": location, **more}.items():
            t.external_data.add(key=key, value=text)
    write(f, m)


@maker
def external_8000_times(f: Path) -> None:
    (f / "data").write_bytes(bytes(400_000))
    external(f, "data", 8000, (100_000,))


@maker
def external_400_times(f: Path) -> None:
    (f / "data").write_bytes(bytes(400_000))
    external(f, "data", 400, (100_000,))


@maker
def external_dev_zero(f: Path) -> None:
    external(f, "/dev/zero")


@maker
def external_link_to_dev_zero(f: Path) -> None:
    (f / "data").symlink_to("/dev/zero")
    external(f, "data")


@maker
def external_fifo(f: Path) -> None:
    os.mkfifo(f / "data")
    external(f, "data")


@maker
def external_up(f: Path) -> None:
    (f.parent / "data").write_bytes(bytes(24))
    external(f, "../data")


@maker
def external_link_out(f: Path) -> None:
    (f / "data").symlink_to("/etc/passwd")
    external(f, "data")


@maker
def external_overflow(f: Path) -> None:
    (f / "data").write_bytes(bytes(24))
    external(f, "data", offset=str(2**64 - 8), length="24")


@maker
def external_huge_number(f: Path) -> None:
    (f / "data").write_bytes(bytes(24))
    external(f, "data", offset="9" * 5000)


@maker
def external_in_attribute(f: Path) -> None:
    t = TensorProto(name="k", data_type=FLOAT, dims=[6, 1], data_location=TensorProto.EXTERNAL)
    t.external_data.add(key="location", value="/dev/zero")
    write(f, build([node("Constant", [], ["k"], value=t), node("Relu", ["features"], ["x"])]))


@maker
def external_itself(f: Path) -> None:
    external(f, "m.onnx")


@maker
def external_sparse_gigabytes(f: Path) -> None:
    with (f / "data").open("wb") as file:
        file.truncate(2**40)
    external(f, "data")


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


@maker
def softmax_tower(f: Path) -> None:
    write(
        f,
        build(
            [
                node("Softmax", ["features" if not i else f"h{i}"], ["x" if i == 498 else f"h{i + 1}"])
                for i in range(499)
            ]
        ),
    )


@maker
def reshape_by_data(f: Path) -> None:
    write(
        f,
        build(
            [
                node("ReduceSum", ["features"], ["s"], keepdims=0),
                node("Cast", ["s"], ["i"], to=INT64),
                node("Unsqueeze", ["i", "ax"], ["to"]),
                node("Reshape", ["features", "to"], ["r"]),
                node("ReduceMean", ["r"], ["m"], keepdims=0),
                node("Add", ["features", "m"], ["x"]),
            ],
            {"ax": np.array([0])},
        ),
    )


@maker
def slice_by_data(f: Path) -> None:
    write(
        f,
        build(
            [
                node("ReduceSum", ["features"], ["s"], keepdims=0),
                node("Cast", ["s"], ["i"], to=INT64),
                node("Unsqueeze", ["i", "ax"], ["e"]),
                node("Slice", ["features", "ax", "e", "one"], ["r"]),
                node("ReduceMean", ["r"], ["m"], axes=[1]),
                node("Add", ["features", "m"], ["x"]),
            ],
            {"ax": np.array([0]), "one": np.array([1])},
        ),
    )


@maker
def gather_out_of_range(f: Path) -> None:
    write(f, build([node("Gather", ["features", "i"], ["x"], axis=1)], {"i": np.array([2**40] * 6)}))


@maker
def gather_by_data(f: Path) -> None:
    write(
        f,
        build(
            [node("Cast", ["features"], ["i"], to=INT64), node("Gather", ["k", "i"], ["x"], axis=0)],
            {"k": np.ones(6, np.float32)},
        ),
    )


@maker
def division_of_integers_by_zero(f: Path) -> None:
    write(
        f,
        build(
            [
                node("Cast", ["features"], ["i"], to=INT64),
                node("Div", ["i", "z"], ["d"]),
                node("Cast", ["d"], ["x"], to=FLOAT),
            ],
            {"z": np.array(0)},
        ),
    )


@maker
def division_of_integers_overflows(f: Path) -> None:
    write(
        f,
        build(
            [
                node("Cast", ["features"], ["i"], to=INT64),
                node("Mul", ["i", "zz"], ["o"]),
                node("Add", ["o", "least"], ["l"]),
                node("Div", ["l", "minus"], ["d"]),
                node("Cast", ["d"], ["x"], to=FLOAT),
            ],
            {"zz": np.array(0), "least": np.array(-(2**63)), "minus": np.array(-1)},
        ),
    )


@maker
def modulo_by_zero(f: Path) -> None:
    write(
        f,
        build(
            [
                node("Cast", ["features"], ["i"], to=INT64),
                node("Mod", ["i", "z"], ["d"]),
                node("Cast", ["d"], ["x"], to=FLOAT),
            ],
            {"z": np.array(0)},
        ),
    )


@maker
def slice_step_zero(f: Path) -> None:
    write(
        f,
        build(
            [node("Slice", ["features", "a", "b", "ax", "st"], ["x"])],
            {"a": np.array([0]), "b": np.array([6]), "ax": np.array([1]), "st": np.array([0])},
        ),
    )


@maker
def not_finite_scores(f: Path) -> None:
    write(f, build([node("Log", ["features"], ["l"]), node("Sqrt", ["l"], ["x"])]))


@maker
def tree_ensemble(f: Path) -> None:
    n = 20_000
    m = build(
        [
            node(
                "TreeEnsembleRegressor",
                ["features"],
                ["score"],
                domain="ai.onnx.ml",
                n_targets=1,
                nodes_treeids=[0] * n,
                nodes_nodeids=list(range(n)),
                nodes_featureids=[0] * n,
                nodes_modes=["BRANCH_LEQ"] * n,
                nodes_values=[0.5] * n,
                nodes_truenodeids=[(i + 1) % n for i in range(n)],
                nodes_falsenodeids=[(i + 1) % n for i in range(n)],
                target_treeids=[0],
                target_nodeids=[0],
                target_ids=[0],
                target_weights=[1.0],
            )
        ]
    )
    m.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    write(f, m)


@maker
def tree_that_is_a_circle(f: Path) -> None:
    m = build(
        [
            node(
                "TreeEnsembleRegressor",
                ["features"],
                ["score"],
                domain="ai.onnx.ml",
                n_targets=1,
                nodes_treeids=[0, 0, 0],
                nodes_nodeids=[0, 1, 2],
                nodes_featureids=[0, 0, 0],
                nodes_modes=["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"],
                nodes_values=[0.5, 0.5, 0.0],
                nodes_truenodeids=[1, 0, 0],
                nodes_falsenodeids=[1, 0, 0],
                target_treeids=[0],
                target_nodeids=[2],
                target_ids=[0],
                target_weights=[1.0],
            )
        ]
    )
    m.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    write(f, m)


def nano(f: Path, change: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
    model = home() / "model"
    shutil.copy(model / "tinyvmaf_nano.onnx", f / "m.onnx")
    shutil.copy(model / "tinyvmaf_nano.md", f / "m.md")
    content = json.loads((model / "tinyvmaf_nano.json").read_bytes())
    change(content)
    (f / "m.json").write_text(json.dumps(content))


@maker
def sidecar_of_another_model(f: Path) -> None:
    nano(f)
    shutil.copy(home() / "model/tinyvmaf_tiny.onnx", f / "m.onnx")


@maker
def sidecar_of_another_same_interface(f: Path) -> None:
    nano(f)
    write(f, build([node("Relu", ["features"], ["x"])]), None)


@maker
def plain_sidecar_with_a_wrong_hash(f: Path) -> None:
    write(f, build([node("Relu", ["features"], ["x"])]), {"features": FEATURES, "sha256": "0" * 64})


@maker
def sidecar_with_a_hash_of_another_kind(f: Path) -> None:
    nano(f, lambda c: c.update(sha256=5))


@maker
def sidecar_without_a_hash(f: Path) -> None:
    nano(f, lambda c: c.pop("sha256"))


@maker
def sidecar_without_an_id(f: Path) -> None:
    nano(f, lambda c: c.pop("id"))


@maker
def sidecar_of_no_schema(f: Path) -> None:
    nano(f, lambda c: c.pop("schema"))
    shutil.copy(home() / "model/tinyvmaf_tiny.onnx", f / "m.onnx")


@maker
def sidecar_of_an_unknown_kind(f: Path) -> None:
    nano(f, lambda c: c.update(kind="nothing"))


@maker
def sidecar_id_is_a_path(f: Path) -> None:
    nano(f, lambda c: c.update(id="../../etc/passwd"))


@maker
def sidecar_huge(f: Path) -> None:
    nano(f)
    with (f / "m.json").open("wb") as file:
        file.truncate(2**40)


@maker
def sidecar_of_900_kb(f: Path) -> None:
    nano(f, lambda c: c.update(measured={f"k{i}": float(i) for i in range(40_000)}))


@maker
def sidecar_deep(f: Path) -> None:
    nano(f)
    (f / "m.json").write_bytes(b"[" * 400_000)


@maker
def sidecar_deep_inside(f: Path) -> None:
    write(
        f,
        build([node("Relu", ["features"], ["x"])]),
        b'{"features": ' + json.dumps(FEATURES).encode() + b', "a": ' + b'{"b": ' * 5000 + b"1" + b"}" * 5001,
    )


@maker
def sidecar_fifo(f: Path) -> None:
    nano(f)
    (f / "m.json").unlink()
    os.mkfifo(f / "m.json")


@maker
def sidecar_folder(f: Path) -> None:
    nano(f)
    (f / "m.json").unlink()
    (f / "m.json").mkdir()


@maker
def sidecar_dev_zero(f: Path) -> None:
    nano(f)
    (f / "m.json").unlink()
    (f / "m.json").symlink_to("/dev/zero")


@maker
def sidecar_dangling(f: Path) -> None:
    nano(f)
    (f / "m.json").unlink()
    (f / "m.json").symlink_to("nowhere")


@maker
def sidecar_not_utf8(f: Path) -> None:
    nano(f)
    (f / "m.json").write_bytes(b'{"schema": 1, "id": "\xff\xfe"}')


@maker
def sidecar_utf16(f: Path) -> None:
    nano(f)
    (f / "m.json").write_bytes((f / "m.json").read_text().encode("utf-16"))


@maker
def sidecar_numbers(f: Path) -> None:
    nano(f)
    (f / "m.json").write_bytes(b'{"schema": 1, "id": "m", "kind": "regressor", "bytes": ' + b"9" * 100_000 + b"}")


@maker
def sidecar_nan(f: Path) -> None:
    write(
        f,
        build([node("Relu", ["features"], ["x"])]),
        b'{"features": '
        + json.dumps(FEATURES).encode()
        + b', "input_mean": [NaN, 0, 0, 0, 0, 0], "input_std": [1, 1, 1, 1, 1, Infinity]}',
    )


@maker
def card_fifo(f: Path) -> None:
    nano(f)
    (f / "m.md").unlink()
    os.mkfifo(f / "m.md")


@maker
def card_huge(f: Path) -> None:
    nano(f)
    with (f / "m.md").open("wb") as file:
        file.truncate(2**36)


@maker
def model_fifo(f: Path) -> None:
    os.mkfifo(f / "m.onnx")
    nano_sidecar(f)


def nano_sidecar(f: Path) -> None:
    shutil.copy(home() / "model/tinyvmaf_nano.json", f / "m.json")


@maker
def model_folder(f: Path) -> None:
    (f / "m.onnx").mkdir()


@maker
def model_dev_zero(f: Path) -> None:
    (f / "m.onnx").symlink_to("/dev/zero")
    nano_sidecar(f)


@maker
def model_socket(f: Path) -> None:
    here = Path.cwd()
    os.chdir(f)  # the name of a socket has at most 100 bytes
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("m.onnx")
    os.chdir(here)


@maker
def model_link_to_itself(f: Path) -> None:
    (f / "m.onnx").symlink_to("m.onnx")


@maker
def model_empty(f: Path) -> None:
    write(f, b"")


@maker
def model_sparse_terabyte(f: Path) -> None:
    with (f / "m.onnx").open("wb") as file:
        file.truncate(2**40)


@maker
def model_zeros(f: Path) -> None:
    write(f, bytes(999_999))


@maker
def mean_of_no_integers(f: Path) -> None:
    nodes = [
        node("Cast", ["features"], ["i"], to=INT64),
        node("Slice", ["i", "zero", "zero", "one"], ["n"]),
        node("ReduceMean", ["n"], ["m"], axes=[1]),
        node("Cast", ["m"], ["c"], to=FLOAT),
        node("Add", ["features", "c"], ["x"]),
    ]
    write(f, build(nodes, {"zero": np.array([0]), "one": np.array([1])}))


@maker
def division_of_integers_by_data(f: Path) -> None:
    nodes = [node("Cast", ["features"], ["i"], to=INT64), node("Div", ["i", "i"], ["d"])]
    write(f, build([*nodes, node("Cast", ["d"], ["x"], to=FLOAT)]))


@maker
def softmax_of_nothing(f: Path) -> None:
    nodes = [node("Slice", ["features", "zero", "zero", "one"], ["n"]), node("Softmax", ["n"], ["s"], axis=1)]
    more = [node("ReduceSum", ["s", "one"], ["t"]), node("Add", ["features", "t"], ["x"])]
    write(f, build([*nodes, *more], {"zero": np.array([0]), "one": np.array([1])}))


@maker
def slow_within_the_contract(f: Path) -> None:
    """Hundreds of functions of thousands of values a frame: little memory, much time."""
    tower = [node("Erf" if i % 2 else "Exp", [f"h{i}"], [f"h{i + 1}"]) for i in range(490)]
    ends = [node("ReduceMean", ["h490"], ["m"], axes=[1]), node("Add", ["m", "features"], ["x"])]
    write(f, build([node("MatMul", ["features", "k"], ["h0"]), *tower, *ends], {"k": np.ones((6, 8000), np.float32)}))


@maker
def scan(f: Path) -> None:
    row, total = value("row", FLOAT, [6]), value("t", FLOAT, [6])
    body = helper.make_graph([node("Add", ["row", "s"], ["t"])], "b", [value("s", FLOAT, [6]), row], [total])
    write(
        f, build([node("Scan", ["z", "features"], ["x"], body=body, num_scan_inputs=1)], {"z": np.zeros(6, np.float32)})
    )
