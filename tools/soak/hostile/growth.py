"""Graphs whose operators take time or memory without end, or give what is no number."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from .making import BOOL, FLOAT, INT64, build, maker, node, value, write


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
