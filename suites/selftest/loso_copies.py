"""Copies of a checkout with one registered student, distilled here in seconds, for tests of the loso gate."""

import json
import re
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from tinyvmaf.model import registry
from tinyvmaf.model.sidecar import graph_facts, read_sidecar

FAIL, COULD_NOT_RUN = 1, 10
ID = "distilled"
RECIPE = """\
summary = "A student for this test, in seconds"
teacher = "vmaf_v0.6.1"
method = "B1f"
architecture = "tanh_24"
seeds = [0]

[domain]
samples = 20_000

[optimiser]
name = "levenberg_marquardt"
steps = 25
batch = 3000
searches = 3

[promises]
frame_rmse = 1
frame_max_error = 3
frame_plcc = 0.99
"""
ON_CLIPS = """\
summary = "A student that has seen clips, however well"
teacher = "vmaf_v0.6.1"
method = "B1"
architecture = "linear"
seeds = [0]

[optimiser]
name = "adam"
steps = 40
batch = 256
learning_rate = 0.1
"""
Columns = dict[str, np.ndarray]


def without_students(copy: Path) -> None:
    path = copy / "model/registry.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    kept = [m for m in content["models"] if read_sidecar(path.parent / f"{m['id']}.json").training is None]
    assert kept
    path.write_text(json.dumps(content | {"models": kept}), encoding="utf-8")


def register(copy: Path, data: bytes, sidecar: dict[str, object], model_id: str = ID) -> None:
    """Enter a student in good order: it is the gate that must object, not the registry."""
    described = {name: value for name, value in sidecar.items() if name not in graph_facts(data)}
    registry.register(model_id, data, described | {"id": model_id}, "card", copy / "model")


def register_anew(copy: Path, data: bytes | None = None, model_id: str = ID, **changed: object) -> None:
    """Enter the student once more, changed; another id stands beside it."""
    entry = registry.find(ID, copy / "model")
    register(copy, data or entry.file.read_bytes(), entry.sidecar.as_dict() | changed, model_id)


def halved(copy: Path) -> None:
    """A student that gives half of each score, all hashes in order."""
    model = onnx.load(copy / f"model/{ID}.onnx")
    for tensor in model.graph.initializer:
        if tensor.name.startswith("raw_score"):
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(0.5), tensor.name))
    register_anew(copy, model.SerializeToString(deterministic=True), promised={"frame_plcc": 0.9})


def failed(text: str) -> set[str]:
    """The tests that failed."""
    return set(re.findall(r"^FAILED \S+::(\w+)", text, re.MULTILINE))


SEEN = "test_no_model_has_seen_its_held_out_source"
OFF = "test_no_frame_is_far_off"
CORRELATE = "test_unseen_sources_correlate"
PROMISES = "test_promises_are_kept"
VIEWERS = "test_viewers_are_met_better_than_by_a_cubic_of_the_teacher"
BANDS, ORDER = "test_scores_are_the_teachers_in_every_band", "test_order_is_the_teachers"
MOVES, SAME = "test_scores_move_as_the_teachers_do", "test_identical_pictures_have_the_teachers_score"
DOMAIN = "test_nothing_in_the_domain_is_far_off"
