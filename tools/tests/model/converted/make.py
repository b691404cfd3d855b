"""Makes the files of this folder with real converters, and `expected.json` with the scores of the models themselves.

Needs scikit-learn, skl2onnx, onnxmltools, lightgbm, xgboost, torch and onnxruntime, which no test needs.
"""

# mypy: ignore-errors

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx

HERE = Path(__file__).parent
RANDOM = np.random.default_rng(1)
X = RANDOM.uniform(0, 1, (80, 6)).astype(np.float32)
Y = 100 * np.sqrt(X[:, 0] * X[:, 4]) + 5 * np.sin(9 * X[:, 5])
ROWS = RANDOM.uniform(0, 1, (9, 6)).astype(np.float32)


def of_scikit_learn() -> Iterator[tuple[str, Any, Any]]:
    from lightgbm import LGBMRegressor
    from onnxmltools import convert_lightgbm, convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType as Floats
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer, StandardScaler
    from sklearn.svm import SVR
    from xgboost import XGBRegressor

    for name, model in (
        ("svr", make_pipeline(StandardScaler(), SVR(C=100, epsilon=8))),
        ("svr_poly", SVR(kernel="poly", C=50, epsilon=10)),
        ("svr_sigmoid", SVR(kernel="sigmoid", epsilon=15)),
        ("svr_linear", SVR(kernel="linear", epsilon=15)),
        ("forest", RandomForestRegressor(4, max_depth=3, random_state=0)),
        ("scaled", make_pipeline(StandardScaler(), LinearRegression())),
        ("normalized", make_pipeline(Normalizer("l1"), LinearRegression())),
    ):
        made = convert_sklearn(model.fit(X, Y), initial_types=[("float_input", FloatTensorType([None, 6]))])
        yield name, made, model.predict(ROWS)
    types = [("float_input", Floats([None, 6]))]
    boosted = LGBMRegressor(n_estimators=4, num_leaves=6, verbose=-1).fit(X, Y)
    yield "lightgbm", convert_lightgbm(boosted, initial_types=types), boosted.predict(ROWS)
    grown = XGBRegressor(n_estimators=4, max_depth=2).fit(X, Y)
    yield "xgboost", convert_xgboost(grown, initial_types=types), grown.predict(ROWS)


def of_torch() -> Iterator[tuple[str, Any, Any]]:
    import torch
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_dynamic,
        quantize_static,
    )
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from torch import nn

    class Rows(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter([{"x": X}])

        def get_next(self) -> Any:
            return next(self.left, None)

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
    optimiser = torch.optim.Adam(net.parameters(), 0.05)
    for _ in range(300):
        optimiser.zero_grad()
        (net(torch.tensor(X)) * 100 - torch.tensor(Y, dtype=torch.float32)[:, None]).square().mean().backward()
        optimiser.step()
    net = nn.Sequential(net, nn.Linear(1, 1))
    nn.init.constant_(net[1].weight, 100.0)
    nn.init.zeros_(net[1].bias)
    scores = net(torch.tensor(ROWS)).detach().numpy().ravel()
    plain, made = HERE / "plain.onnx", HERE / "made.onnx"
    named: dict[str, Any] = {"input_names": ["x"], "output_names": ["y"], "opset_version": 17, "dynamo": False}
    named["dynamic_axes"] = {"x": {0: "batch"}, "y": {0: "batch"}}
    torch.onnx.export(net, (torch.tensor(X),), str(plain), **named)
    for name, format in (("qdq", QuantFormat.QDQ), ("qoperator", QuantFormat.QOperator)):
        quantize_static(plain, made, Rows(), quant_format=format, per_channel=True, weight_type=QuantType.QInt8)
        yield name, onnx.load(made), scores
    quantize_dynamic(plain, made, weight_type=QuantType.QInt8)
    yield "dynamic", onnx.load(made), scores
    yield "float16_inside", convert_float_to_float16(onnx.load(plain), keep_io_types=True), scores
    yield "float16", convert_float_to_float16(onnx.load(plain), keep_io_types=False), scores
    bits = net.to(torch.bfloat16)
    wrapped = nn.Sequential(_Cast(torch.bfloat16), bits, _Cast(torch.float32))
    torch.onnx.export(wrapped, (torch.tensor(X),), str(made), **named)
    yield "bfloat16", onnx.load(made), scores
    plain.unlink()
    made.unlink()


def _Cast(kind: Any) -> Any:  # noqa: N802 - a module
    from torch import nn

    class Cast(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.to(kind)

    return Cast()


def main() -> None:
    expected: dict[str, Any] = {"rows": ROWS.tolist(), "scores": {}}
    for make in (of_scikit_learn, of_torch):
        for name, model, scores in make():
            del model.graph.value_info[:]
            (HERE / f"{name}.onnx").write_bytes(model.SerializeToString())
            expected["scores"][name] = np.asarray(scores, dtype=float).ravel().round(6).tolist()
    (HERE / "expected.json").write_text(json.dumps(expected) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
