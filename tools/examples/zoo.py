"""Make and fit candidates as people make them, for the scoreboard: one file for each architecture and converter.

    python tools/examples/zoo.py DIR

Each learns the teacher's scores of 20,000 rows of its domain; no clip is seen. Needs the extra `zoo` (scikit-learn,
LightGBM, XGBoost and their converters, PyTorch and its two exporters). What a missing library would make, or a
converter does not take, is left out, and said.
"""

import copy
import json
import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, Teacher, load_built_in

ROWS: Final = 20_000
STEPS: Final = 1500
Array = NDArray[np.float32]
Make = Callable[[Path, Array, Array], None]
ZOO: dict[str, Make] = {}


def member(make: Make) -> Make:
    """Enter a maker: it writes `NAME.onnx`, and a sidecar if features and order are not all that is needed."""
    ZOO[make.__name__] = make
    return make


# scikit-learn and its kin, behind a scaler.


def _sklearn(path: Path, model: Any, x: Array, y: Array, *, scaled: bool = True) -> None:
    from skl2onnx import to_onnx
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    whole = make_pipeline(StandardScaler(), model) if scaled else model
    whole.fit(x, y)
    path.write_bytes(to_onnx(whole, x[:1], target_opset={"": 18, "ai.onnx.ml": 3}).SerializeToString())


@member
def sklearn_svr(path: Path, x: Array, y: Array) -> None:
    """A support vector regressor, which is what VMAF itself is."""
    from sklearn.svm import SVR

    _sklearn(path, SVR(C=1000.0, epsilon=1.0, gamma=0.2), x[:4000], y[:4000])


@member
def sklearn_linear(path: Path, x: Array, y: Array) -> None:
    """A ridge regression."""
    from sklearn.linear_model import Ridge

    _sklearn(path, Ridge(), x, y)


@member
def sklearn_mlp(path: Path, x: Array, y: Array) -> None:
    """A small network of scikit-learn's."""
    from sklearn.neural_network import MLPRegressor

    _sklearn(path, MLPRegressor(hidden_layer_sizes=(32, 32), max_iter=60, random_state=0), x, y)


@member
def sklearn_forest(path: Path, x: Array, y: Array) -> None:
    """A random forest, small enough for the largest size tier."""
    from sklearn.ensemble import RandomForestRegressor

    _sklearn(path, RandomForestRegressor(20, max_leaf_nodes=400, random_state=0), x, y, scaled=False)


@member
def sklearn_boosting(path: Path, x: Array, y: Array) -> None:
    """Histogram gradient boosting. skl2onnx 1.20 hands unsigned and Boolean numbers on, which protobuf refuses."""
    from skl2onnx.common import _container
    from sklearn.ensemble import HistGradientBoostingRegressor

    make_node = _container.make_node

    def of_plain_integers(*names: Any, **attributes: Any) -> Any:
        plain = {
            name: [int(one) if isinstance(one, bool | np.integer) else one for one in value]
            if isinstance(value, list)
            else value
            for name, value in attributes.items()
        }
        return make_node(*names, **plain)

    _container.make_node = of_plain_integers
    try:
        _sklearn(path, HistGradientBoostingRegressor(max_iter=150, random_state=0), x, y, scaled=False)
    finally:
        _container.make_node = make_node


@member
def lightgbm(path: Path, x: Array, y: Array) -> None:
    """LightGBM."""
    from lightgbm import LGBMRegressor
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    model = LGBMRegressor(n_estimators=150, random_state=0, verbose=-1).fit(x, y)
    found = convert_lightgbm(model, initial_types=[("x", FloatTensorType([None, x.shape[1]]))], target_opset=15)
    path.write_bytes(found.SerializeToString())


@member
def xgboost(path: Path, x: Array, y: Array) -> None:
    """XGBoost."""
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
    from xgboost import XGBRegressor

    model = XGBRegressor(n_estimators=150, max_depth=5, random_state=0).fit(x, y)
    found = convert_xgboost(model, initial_types=[("x", FloatTensorType([None, x.shape[1]]))], target_opset=15)
    path.write_bytes(found.SerializeToString())


# PyTorch, by both exporters.


def _network(x: Array, y: Array, activation: str) -> Any:
    """A network with its scaler inside, fitted; and its scaler's numbers."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    mean, std = torch.tensor(x.mean(axis=0)), torch.tensor(x.std(axis=0))

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", mean)
            self.register_buffer("std", std)
            act = getattr(nn, activation)
            self.layers = nn.Sequential(nn.Linear(6, 32), act(), nn.Linear(32, 32), act(), nn.Linear(32, 1))

        def forward(self, rows: Any) -> Any:
            return torch.clamp(self.layers((rows - self.mean) / self.std) * 20 + 50, 0, 100)

    net, rows, truth = Net(), torch.tensor(x), torch.tensor(y)[:, None]
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for step in range(STEPS):
        some = torch.arange(512) * (step % 39 + 1) % len(rows)
        loss = (net.layers((rows[some] - mean) / std) * 20 + 50).clamp(-5, 105).sub(truth[some]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return net.eval()


def _export(path: Path, net: Any, x: Array, *, dynamo: bool) -> None:
    import torch

    rows = torch.tensor(x[:3])
    names: dict[str, Any] = {"input_names": ["x"], "output_names": ["vmaf"]}
    if dynamo:
        shapes = ({0: torch.export.Dim("batch")},)
        torch.onnx.export(net, (rows,), str(path), dynamo=True, dynamic_shapes=shapes, external_data=False, **names)
    else:
        axes = {name: {0: "batch"} for name in ("x", "vmaf")}
        torch.onnx.export(net, (rows,), str(path), dynamo=False, dynamic_axes=axes, **names)
    # Both hold the scaler, and the sidecar describes it, as published models do.
    numbers = {"mean": net.mean.tolist(), "std": net.std.tolist()}
    path.with_suffix(".json").write_text(json.dumps(numbers), encoding="utf-8")


_FITTED: dict[str, Any] = {}


def _torch(activation: str, *, dynamo: bool) -> None:
    def make(path: Path, x: Array, y: Array) -> None:
        if activation not in _FITTED:
            _FITTED[activation] = _network(x, y, activation)
        _export(path, _FITTED[activation], x, dynamo=dynamo)

    ZOO[f"torch_{activation.lower()}_{'dynamo' if dynamo else 'trace'}"] = make


for _name in ("ReLU", "GELU", "SiLU"):
    for _dynamo in (False, True):
        _torch(_name, dynamo=_dynamo)


# Fewer bits, made of the traced ReLU network.


def _fewer(name: str, change: Callable[[Path, Path, Array], None]) -> None:
    def make(path: Path, x: Array, y: Array) -> None:
        plain = path.with_name("torch_relu_trace.onnx")
        if not plain.is_file():
            ZOO[plain.stem](plain, x, y)
        change(plain, path, x)
        path.with_suffix(".json").write_bytes(plain.with_suffix(".json").read_bytes())

    ZOO[name] = make


def _dynamic(plain: Path, path: Path, _: Array) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(plain, path, weight_type=QuantType.QInt8)


def _static(kind: str) -> Callable[[Path, Path, Array], None]:
    def change(plain: Path, path: Path, x: Array) -> None:
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

        class Reader(CalibrationDataReader):  # type: ignore[misc]
            def __init__(self) -> None:
                self.left = [{"x": x[i : i + 100]} for i in range(0, 2000, 100)]

            def get_next(self) -> Any:
                return self.left.pop() if self.left else None

        quantize_static(plain, path, Reader(), quant_format=getattr(QuantFormat, kind))

    return change


def _weights_only(plain: Path, path: Path, _: Array) -> None:
    """Weights as int8 behind a DequantizeLinear."""
    from onnx import helper, numpy_helper

    model = onnx.load(plain)
    graph = model.graph
    for tensor in list(graph.initializer):
        weights = numpy_helper.to_array(tensor)
        if weights.ndim != 2:
            continue
        scale = np.asarray(np.abs(weights).max() / 127, dtype=np.float32)
        graph.initializer.remove(tensor)
        graph.initializer.extend(
            [
                numpy_helper.from_array(np.rint(weights / scale).astype(np.int8), f"{tensor.name}_q"),
                numpy_helper.from_array(scale, f"{tensor.name}_s"),
            ]
        )
        names = [f"{tensor.name}_q", f"{tensor.name}_s"]
        graph.node.insert(0, helper.make_node("DequantizeLinear", names, [tensor.name]))
    onnx.save(model, path)


def _half(plain: Path, path: Path, _: Array) -> None:
    """float16 inside, float32 at both ends."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(plain), keep_io_types=True), path)


def _brain(_: Path, path: Path, x: Array) -> None:
    """bfloat16 inside, float32 at both ends."""
    import torch

    class Inside(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = copy.deepcopy(_FITTED["ReLU"]).bfloat16()
            self.mean, self.std = self.net.mean, self.net.std

        def forward(self, rows: Any) -> Any:
            return self.net(rows.bfloat16()).float()

    _export(path, Inside(), x, dynamo=False)


_fewer("bfloat16", _brain)
_fewer("int8_dynamic", _dynamic)
_fewer("int8_qdq", _static("QDQ"))
_fewer("int8_qoperator", _static("QOperator"))
_fewer("int8_weights_only", _weights_only)
_fewer("float16", _half)


def rows_of(teacher: Teacher) -> tuple[Array, Array]:
    """What every member learns: rows of the teacher's domain and their scores."""
    rows = Domain(teacher.features).sample(ROWS, seed=11).astype(np.float32)
    return rows, teacher.predict(rows).astype(np.float32)


def main(folder: Path) -> int:
    """Make all members; returns how many were left out."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    teacher = load_built_in(find_ffmpeg(), DEFAULT)
    x, y = rows_of(teacher)
    folder.mkdir(parents=True, exist_ok=True)
    left_out = 0
    for name, make in ZOO.items():
        path = folder / f"{name}.onnx"
        try:
            make(path, x, y)
        except Exception as error:  # a library is missing, or a converter does not take its own library's model
            print(f"{name}: left out: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
            path.unlink(missing_ok=True)
            left_out += 1
            continue
        sidecar = path.with_suffix(".json")
        known = json.loads(sidecar.read_text(encoding="utf-8")) if sidecar.is_file() else {}
        sidecar.write_text(json.dumps({"features": list(teacher.feature_names)} | known) + "\n", encoding="utf-8")
        print(f"{name}: {path.stat().st_size:,} bytes", flush=True)
    return left_out


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(1 if main(Path(sys.argv[1])) else 0)
