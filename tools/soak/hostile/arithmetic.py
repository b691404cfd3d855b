"""Graphs that fail at some data: sizes and indices from it, divisions, trees, numbers that are not finite."""

from pathlib import Path

import numpy as np
from onnx import NodeProto, helper

from .making import FLOAT, INT64, build, maker, node, value, write


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


def in_integers(f: Path, operations: list[NodeProto], constants: dict[str, np.ndarray]) -> None:
    """A file that computes `d` from `i`, the features as int64."""
    cast = node("Cast", ["features"], ["i"], to=INT64), node("Cast", ["d"], ["x"], to=FLOAT)
    write(f, build([cast[0], *operations, cast[1]], constants))


@maker
def division_of_integers_by_zero(f: Path) -> None:
    in_integers(f, [node("Div", ["i", "z"], ["d"])], {"z": np.array(0)})


@maker
def division_of_integers_overflows(f: Path) -> None:
    in_integers(
        f,
        [node("Mul", ["i", "zz"], ["o"]), node("Add", ["o", "least"], ["l"]), node("Div", ["l", "minus"], ["d"])],
        {"zz": np.array(0), "least": np.array(-(2**63)), "minus": np.array(-1)},
    )


@maker
def modulo_by_zero(f: Path) -> None:
    in_integers(f, [node("Mod", ["i", "z"], ["d"])], {"z": np.array(0)})


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
    in_integers(f, [node("Div", ["i", "i"], ["d"])], {})


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
