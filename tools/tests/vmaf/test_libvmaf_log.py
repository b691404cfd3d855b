"""libvmaf's log gives a table of finite numbers, or an error."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinyvmaf.errors import LogError
from tinyvmaf.vmaf.features import CANONICAL_FEATURES
from tinyvmaf.vmaf.libvmaf.log import FrameTable, parse_log
from tinyvmaf.vmaf.libvmaf.probe import probe_id, read_probes


def log(frames: int = 3) -> dict[str, Any]:
    rows = [{"frameNum": n, "metrics": {"integer_adm2": 0.5 + n, "vmaf": 90.0}} for n in range(frames)]
    return {"version": "x", "fps": 1.0, "frames": rows, "pooled_metrics": {}, "aggregate_metrics": {}}


def test_columns_have_one_value_per_frame() -> None:
    table = parse_log(json.dumps(log()), frames=3)
    assert table.column("integer_adm2").tolist() == [0.5, 1.5, 2.5]
    assert len(table) == 3


def drop_frame(d: dict[str, Any]) -> None:
    del d["frames"][1]


def reorder(d: dict[str, Any]) -> None:
    d["frames"].reverse()


def repeat(d: dict[str, Any]) -> None:
    d["frames"][2]["frameNum"] = 1


def null(d: dict[str, Any]) -> None:
    d["frames"][1]["metrics"]["vmaf"] = None


def nan(d: dict[str, Any]) -> None:
    d["frames"][2]["metrics"]["vmaf"] = float("nan")


def infinite(d: dict[str, Any]) -> None:
    d["frames"][0]["metrics"]["vmaf"] = float("inf")


def word(d: dict[str, Any]) -> None:
    d["frames"][0]["metrics"]["vmaf"] = "ninety"


def hole(d: dict[str, Any]) -> None:
    del d["frames"][1]["metrics"]["vmaf"]


def empty(d: dict[str, Any]) -> None:
    d["frames"] = []


def other(d: dict[str, Any]) -> None:
    del d["version"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (drop_frame, "2 frames, without frame 1; the inputs have 3"),
        (reorder, "3 frames; the inputs have 3"),
        (repeat, "without frame 2"),
        (null, "'vmaf' at frame 1 as null"),
        (nan, "'vmaf' at frame 2 as nan"),
        (infinite, "'vmaf' at frame 0 as inf"),
        (word, "'vmaf' at frame 0 as ninety"),
        (hole, "no 'vmaf' at frame 1"),
        (empty, "no frames"),
        (other, "cannot be read"),
    ],
)
def test_a_damaged_log_is_an_error(spoil: Callable[[dict[str, Any]], None], message: str) -> None:
    content = log()
    spoil(content)
    with pytest.raises(LogError, match=message):
        parse_log(json.dumps(content), frames=3)


@pytest.mark.parametrize("text", ["", "{", '{"frames": 3}', "[]", json.dumps(log()).replace("90.0", "-nan")])
def test_text_that_is_not_a_log_is_an_error(text: str) -> None:
    """Older libvmaf writes a bare nan, which is not JSON."""
    with pytest.raises(LogError, match="cannot be read"):
        parse_log(text, frames=3)


def test_an_unknown_column_or_feature_is_an_error_with_the_known_ones() -> None:
    table = parse_log(json.dumps(log()), frames=3)
    with pytest.raises(LogError, match=r"no 'psnr_y'\n  hint: it gave integer_adm2, vmaf"):
        table.column("psnr_y")
    with pytest.raises(LogError, match="feature 'adm2' was not measured"):
        table.features(["adm2"])


def test_probes_become_features_with_twelve_decimals() -> None:
    feature = CANONICAL_FEATURES[0]
    values = {probe_id(0): np.array([962083.914903]), feature.column: np.array([0.962084])}
    table = read_probes(FrameTable("x", values, {probe_id(0): {}, feature.column: {}}), [feature])
    assert table.features(["adm2"]).tolist() == [[0.962083914903]]
    assert list(table.columns) == list(table.pooled) == ["integer_adm2"]


def test_a_probe_that_is_missing_is_an_error() -> None:
    with pytest.raises(LogError, match=probe_id(0)):
        read_probes(FrameTable("x", {"a": np.zeros(1)}, {}), [CANONICAL_FEATURES[0]])
