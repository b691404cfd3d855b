"""A quantised variant is held against its parent: each way to be another model is caught, and told from no parent."""

import json
import re
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tinyvmaf.model import registry

from .conftest import Gate, keep_models

PARENT = "tinyvmaf_nano"
FAIL = 1


def variant(folder: Path, name: str, *nodes: tuple[str, float], sha256: str | None = None) -> str:
    """The parent with nodes in front of its last clip, under another name; its path."""
    parent = registry.find(PARENT)
    model = onnx.load_model_from_string(parent.data)
    (clip,) = [node for node in model.graph.node if node.output[0] == "score"]
    at, end = list(model.graph.node).index(clip), clip.input[0]
    for number, (operator, value) in enumerate(nodes):
        model.graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), f"changed{number}"))
        node = helper.make_node(operator, [end, f"changed{number}"], [f"changed_score{number}"])
        model.graph.node.insert(at + number, node)
        end = node.output[0]
    clip.input[0] = end
    of = {"id": PARENT, "sha256": sha256 or parent.sha256, "method": "weights8"}
    claims = {
        "kind": "regressor",
        "feature_order": [*parent.features],
        "teacher": parent.sidecar.teacher.model_dump(),
        "engines": None,
        "training": None,
        "measured": {},
        "promised": {},
        "variant_of": of,
        "licence": "none",
    }
    return str(registry.register(name, model.SerializeToString(), claims, f"# {name}\n", folder).file)


def test_a_variant_that_is_another_model_fails(copy: Path, tmp_path: Path, gate: Gate) -> None:
    """One that is its parent passes; one without a parent could not run."""
    keep_models(copy, PARENT)
    files = [
        variant(tmp_path, "itself"),
        variant(tmp_path, "scaled", ("Mul", 0.9)),  # every order is right
        variant(tmp_path, "bent", ("Max", 45.0)),
        variant(tmp_path, "orphan", sha256="0" * 64),
    ]
    status, text = gate("loso", "-k", "variant", *(f"--model={path}" for path in files))
    assert status == FAIL, text
    found = json.loads((copy / "report/verdict.json").read_text(encoding="utf-8"))
    red = {name: set[str]() for name in ("itself", "scaled", "bent", "orphan")}
    for outcome in found["outcomes"]:
        if outcome["status"] == "fail":
            red[outcome["model"]].add(outcome["gate"])
    rmse, drop = "loso.parent_rmse", "loso.parent_plcc_drop"
    assert red == {"itself": set(), "scaled": {rmse}, "bent": {rmse, drop}, "orphan": set()}, text
    assert re.search(r"COULD NOT RUN: orphan is a variant of tinyvmaf_nano, sha256 0{64}, which is not here", text), (
        text
    )
