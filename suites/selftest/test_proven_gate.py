"""Recorded proofs in the contract gate: what is not what was proven is red, in one run of the gate."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tinyvmaf.files import file_sha256
from tinyvmaf.judge import proofs
from tinyvmaf.measure.proof.proving import Found
from tinyvmaf.model import registry
from tinyvmaf.model.proof_records import proof_path
from tinyvmaf.model.sidecar import graph_facts
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, Teacher, load_built_in

from .breaks import nothing
from .conftest import Gate

FAIL = 1
SVR = "vmaf_v0.6.1_svr"
BOUND = 0.0005
FIRST_BOXES = 9910
Break = Callable[[Subject], object]


def edited(**changed: Any) -> Break:
    """The record, edited by hand."""

    def edit(one: Subject) -> None:
        path = proof_path(one.id, one.path.parent)
        path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changed), encoding="utf-8")

    return edit


def no_record(one: Subject) -> None:
    proof_path(one.id, one.path.parent).unlink()


def damaged_record(one: Subject) -> None:
    proof_path(one.id, one.path.parent).write_text("{", encoding="utf-8")


def swapped(one: Subject) -> None:
    """Another file, with the proof of the one before, all hashes in order."""
    model = onnx.load_model_from_string(one.data)
    model.producer_version = "another"
    data = model.SerializeToString()
    one.path.write_bytes(data)
    entered(one, graph_facts(data))


def no_promise(one: Subject) -> None:
    entered(one, {"proven_everywhere_points": None})


def entered(one: Subject, changed: dict[str, Any]) -> None:
    """The sidecar changed, and the registry with it, by hand."""
    one.sidecar_path.write_text(json.dumps(one.sidecar.as_dict() | changed), encoding="utf-8")
    path = one.path.with_name(registry.REGISTRY)
    content = json.loads(path.read_text("utf-8"))
    (entry,) = [entry for entry in content["models"] if entry["id"] == one.id]
    entry |= {"sha256": file_sha256(one.path), "sidecar_sha256": file_sha256(one.sidecar_path)}
    path.write_text(json.dumps(content), encoding="utf-8")


BROKEN: dict[str, tuple[Break, str]] = {
    "no_record": (no_record, "its sidecar says proven within 0.0005, no proof is recorded"),
    "damaged": (damaged_record, "damaged.json: "),
    "no_promise": (no_promise, "its sidecar says proven within nothing, the record says 0.0005"),
    "lowered": (edited(bound_points=0.0004), "its sidecar says proven within 0.0005, the record says 0.0004"),
    "swapped": (swapped, "the record is about another file"),
    "other_teacher": (edited(teacher={"id": DEFAULT, "sha256": "0" * 64}), "the record is about another file, or an"),
    "other_domain": (edited(domain="0" * 64), "the domain is another than when it was proven"),
    "other_method": (edited(method="0" * 64), "the method is another than when it was proven"),
    "other_boxes": (edited(first_boxes=9000, boxes=9000), "the domain has 9,910 boxes"),
    "fewer_in_all": (edited(boxes=400), "400 boxes in all cannot be, with 1 at most for a first box"),
    "smaller": (edited(largest_points=1e-4), "points, the record says 0.0001 at most"),
    "never_proven": (nothing, "never_proven is not proven within 1e-05 points: "),
}


def found(bound: float) -> Found:
    """What `tinyvmaf prove` finds of the SVR."""
    each = np.ones(FIRST_BOXES, dtype=np.intp)
    return Found("proven", bound, min(bound, 0.0003017), FIRST_BOXES, 0.0, boxes_of=each)


@pytest.fixture
def teacher(ffmpeg: FFmpeg) -> Teacher:
    return load_built_in(ffmpeg, DEFAULT)


def test_what_is_not_what_was_proven_is_red(copy: Path, gate: Gate, teacher: Teacher) -> None:
    folder = copy / "model"
    svr = registry.find(SVR, folder)
    claims = svr.sidecar.as_dict() | {"proven_everywhere_points": None}
    (folder / registry.REGISTRY).write_text('{"schema": 1, "models": []}', encoding="utf-8")
    for name in ("sound", "unproven", *BROKEN):
        one = registry.register(name, svr.data, claims | {"id": name}, "card", folder)
        if name != "unproven":
            proofs.record(one, teacher, found(1e-5 if name == "never_proven" else BOUND))
        if name in BROKEN:
            BROKEN[name][0](registry.find(name, folder))

    status, out = gate("contract", "-k", "proven")

    assert status == FAIL, out
    verdict = json.loads((copy / "report/verdict.json").read_text("utf-8"))
    red = {entry["model"]: entry["text"] for entry in [*verdict["failures"], *verdict["could_not_run"]]}
    for name, (_, words) in BROKEN.items():
        assert words in red.get(name, ""), (name, red.get(name), out[-3000:])
        assert f"tinyvmaf prove {name} --record" in red[name]
    assert not {"sound", "unproven"} & set(red), red
    assert "sound: proven within 0.0005 points everywhere; " in out
