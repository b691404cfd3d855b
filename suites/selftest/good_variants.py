"""Files that are a shipped model in all but looks: none of them may fail a gate."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, helper, numpy_helper

from tinyvmaf.files import home
from tinyvmaf.model.sidecar import read_sidecar

MEAN = (0.5, 0.5, 0.75, 0.75, 0.875, 4.0)
STD = (0.25, 0.25, 0.125, 0.25, 0.125, 8.0)


def in_front(model: ModelProto, *nodes: tuple[str, np.ndarray]) -> ModelProto:
    """Nodes with a constant each, between the features and what took them."""
    for node in model.graph.node:
        node.input[:] = ["inner_features" if name == "features" else name for name in node.input]
    at = "features"
    for number, (op, value) in enumerate(nodes):
        model.graph.initializer.append(numpy_helper.from_array(value, f"front{number}"))
        out = "inner_features" if number == len(nodes) - 1 else f"front{number}_out"
        attributes: dict[str, Any] = {"axis": 1} if op == "Gather" else {}
        model.graph.node.insert(number, helper.make_node(op, [at, f"front{number}"], [out], **attributes))
        at = out
    return model


def renamed_tensors(model: ModelProto) -> ModelProto:
    """Every value under another name, input and output too."""
    graph = model.graph
    for named in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        named.name = f"other_{named.name}"
    for node in graph.node:
        node.input[:] = [name and f"other_{name}" for name in node.input]
        node.output[:] = [f"other_{name}" for name in node.output]
    return model


def good_variants(model_id: str, folder: Path) -> list[Path]:
    """Write them, and give their paths."""
    source = home() / "model" / f"{model_id}.onnx"
    features = read_sidecar(source.with_suffix(".json")).feature_order

    def write(name: str, model: ModelProto, **claims: object) -> Path:
        path = folder / f"{model_id}_{name}.onnx"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model.SerializeToString())
        told = {"features": list(features)} | claims
        path.with_suffix(".json").write_text(json.dumps(told), encoding="utf-8")
        return path

    with_metadata, opset_18 = onnx.load(source), onnx.load(source)
    with_metadata.metadata_props.add(key="author", value="nobody")
    opset_18.opset_import[0].version = 18
    order = list(np.random.default_rng(3).permutation(len(features)))
    reordered = in_front(onnx.load(source), ("Gather", np.argsort(order).astype(np.int64)))
    scaled = in_front(onnx.load(source), ("Mul", np.array(STD, np.float32)), ("Add", np.array(MEAN, np.float32)))
    for model in (reordered, scaled):
        del model.metadata_props[:]
    made = [
        write("renamed", onnx.load(source)),
        write("with_metadata", with_metadata),
        write("other_tensors", renamed_tensors(onnx.load(source))),
        write("opset_18", opset_18),
        write("reordered", reordered, features=[features[i] for i in order]),
        write("scaler_outside", scaled, input_mean=list(MEAN), input_std=list(STD)),
        write("Übung mit Leerzeichen/模型 1", onnx.load(source)),
    ]
    link = folder / f"{model_id}_linked.onnx"
    for suffix in (".onnx", ".json"):
        link.with_suffix(suffix).symlink_to(made[0].with_suffix(suffix))
    return [*made, link]
