"""Small models that take pictures, as files with sidecars."""

import json
from pathlib import Path

from tinyvmaf.files import sha256
from tinyvmaf.model.sidecar import graph_facts
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN


def written(path: Path, data: bytes, kind: str = "no_reference") -> str:
    """Write a model and its sidecar; gives the path."""
    claims = {
        "schema": 1,
        "id": path.stem,
        "kind": kind,
        **graph_facts(data),
        "feature_order": [],
        "teacher": {"id": DEFAULT, "sha256": KNOWN[DEFAULT]},
        "engines": None,
        "training": None,
        "measured": {},
        "promised": {},
        "licence": "none",
    }
    path.write_bytes(data)
    path.with_suffix(".json").write_text(json.dumps(claims))
    assert claims["sha256"] == sha256(data)
    return str(path)
