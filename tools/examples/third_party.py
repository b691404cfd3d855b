"""Write a model as one downloads them: names, sidecar and habits of its own. It is what `--model` is tried on.

    python tools/examples/third_party.py DIR

`quickvmaf.onnx` takes `x`, features in another order, normalised outside of the graph by what its sidecar says; it
gives `y` of rank 1, at opset 13, and keeps its weights in `quickvmaf.onnx.data`. One hidden layer of fixed random
features and a linear readout, fitted by least squares to the clips of the embedded corpus, as published models are.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tinyvmaf.data import dataset
from tinyvmaf.files import home

ORDER = ("vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "adm2", "motion2")
HIDDEN = 96
RIDGE = 1e-6
OPSET = 13


def fit() -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Weights by name, and mean and standard deviation of the features."""
    rows = dataset.read(home() / "fixtures" / "corpus" / "features.parquet").columns(*ORDER, "vmaf_v0.6.1")
    mean, std = rows[:, :-1].mean(axis=0).round(4), rows[:, :-1].std(axis=0).round(4)
    x = (rows[:, :-1] - mean) / std
    random = np.random.default_rng(0)
    w1, b1 = random.normal(0, 0.5, (len(ORDER), HIDDEN)), random.normal(0, 1, HIDDEN)
    hidden = np.column_stack([np.tanh(x @ w1 + b1), np.ones(len(x))])
    solved = np.linalg.solve(hidden.T @ hidden + RIDGE * len(x) * np.eye(HIDDEN + 1), hidden.T @ rows[:, -1])
    weights = {"fc1.weight": w1, "fc1.bias": b1, "fc2.weight": solved[:-1, None], "fc2.bias": solved[-1:]}
    # Four decimals, so that another BLAS gives the same file.
    return {name: value.round(4).astype(np.float32) for name, value in weights.items()}, mean, std


def write(folder: Path) -> Path:
    """Write the model, its data and its sidecar; gives the path of the model."""
    weights, mean, std = fit()
    nodes = [
        helper.make_node("Gemm", ["x", "fc1.weight", "fc1.bias"], ["a"]),
        helper.make_node("Tanh", ["a"], ["h"]),
        helper.make_node("Gemm", ["h", "fc2.weight", "fc2.bias"], ["z"]),
        helper.make_node("Clip", ["z", "low", "high"], ["c"]),
        helper.make_node("Squeeze", ["c", "axes"], ["y"]),
    ]
    constants = {"low": np.float32(0), "high": np.float32(100), "axes": np.array([1], dtype=np.int64)}
    graph = helper.make_graph(
        nodes,
        "quickvmaf",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch_size", len(ORDER)])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch_size"])],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in (weights | constants).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="pytorch")
    model.ir_version = 7
    path = folder / "quickvmaf.onnx"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{path.name}.data").unlink(missing_ok=True)
    onnx.save(model, path, save_as_external_data=True, location=f"{path.name}.data", size_threshold=64)
    said = {
        "name": "QuickVMAF",
        "version": "0.3",
        "features": [f"integer_{name}" for name in ORDER],
        "input_mean": mean.tolist(),
        "input_std": std.tolist(),
        "framework": "pytorch",
        "val_rmse": 1.2,
    }
    path.with_suffix(".json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(write(Path(sys.argv[1])))
