"""MCP tools and models that take pictures: scores without a reference, beside one, and what is refused."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from tinyvmaf.app.mcp_server import limits
from tinyvmaf.app.mcp_server.roots import Roots
from tinyvmaf.app.mcp_server.server import build
from tinyvmaf.files import sha256
from tinyvmaf.measure.scoring import NOTE
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.pictures import read_luma
from tinyvmaf.vmaf.teacher import DEFAULT

from ..fixture_types import Clip, Encode
from ..model.picture_models import exact_filter, exact_score
from .picture_sidecars import written

Ask = Callable[..., Any]
RAW: dict[str, Any] = {"size": "128x96", "pix_fmt": "yuv420p"}


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """The result of a call, or the text of its error, from a server whose root has the models nr and filter."""
    written(tmp_path / "nr.onnx", exact_score())
    written(tmp_path / "filter.onnx", exact_filter(), "filter")

    async def of(tool: str, arguments: dict[str, Any]) -> Any:
        async with Client(build(Roots([tmp_path]))) as client:
            answer: Any = await client.call_tool(tool, arguments)
            return answer.content[0].text if answer.is_error else dict(answer.structured_content)

    return lambda tool, **arguments: anyio.run(partial(of, tool, arguments))


def by_hand(path: Path, ffmpeg: FFmpeg) -> list[float]:
    """Each frame alone, through the engine."""
    with OnnxRuntimeCpu(exact_score()) as session:
        return [float(session.run_pictures(frame.pictures())[0]) for frame in read_luma(path, ffmpeg)]


def test_a_video_is_scored_without_a_reference(ask: Ask, encode: Encode, ffmpeg: FFmpeg) -> None:
    expected = by_hand(encode("v.mp4", "-crf", "45", size="192x160"), ffmpeg)
    found = ask("score_without_reference", video="v.mp4", models=["nr.onnx"], per_frame=True)
    assert [frame["scores"] for frame in found["per_frame"]] == [{"nr": score} for score in expected]
    (model,) = found["models"]
    assert (model["id"], model["sha256"], model["fitted_to"]) == ("nr", sha256(exact_score()), DEFAULT)
    assert model["pooled"]["min"] == min(expected)
    assert (found["frames"], found["format"], found["note"]) == (10, "192x160 yuv420p", NOTE)
    assert found["warnings"] == []
    assert ask("score_without_reference", video="v.mp4", models=["nr.onnx"])["per_frame"] is None


def test_files_are_named_as_the_caller_names_them(ask: Ask, encode: Encode) -> None:
    encode("full.mkv", "-vf", "scale=out_range=full", "-color_range", "pc")
    found = ask("score_without_reference", video="full.mkv", models=["nr.onnx"])
    assert found["warnings"][0].startswith("full.mkv is full range: ")
    encode("small.mp4", size="48x32")
    text = ask("score_without_reference", video="small.mp4", models=["nr.onnx"])
    assert text.endswith("small.mp4: frames of 48x32 are too small: models of pictures take 64x64 and more")


def test_a_pair_gets_both(ask: Ask, clip: Clip) -> None:
    clip("r.yuv")
    clip("d.yuv", noise=9)
    pair = {"reference": "r.yuv", "distorted": "d.yuv", **RAW}
    found = ask("vmaf_score", **pair, models=["nr.onnx", "tinyvmaf_nano"], per_frame=True)
    assert [one["id"] for one in found["teachers"]] == [DEFAULT]
    assert [one["id"] for one in found["tiny_models"]] == ["tinyvmaf_nano"]
    assert [one["id"] for one in found["no_reference_models"]] == ["nr"]
    alone = ask("score_without_reference", video="d.yuv", **RAW, models=["nr.onnx"], per_frame=True)
    assert [frame["scores"]["nr"] for frame in found["per_frame"]] == [
        frame["scores"]["nr"] for frame in alone["per_frame"]
    ]
    assert ask("vmaf_score", **pair)["no_reference_models"] == []


@pytest.mark.parametrize(
    ("tool", "changes", "message"),
    [
        ("score_without_reference", {"models": ["tinyvmaf_nano"]}, "tinyvmaf_nano takes features"),
        ("score_without_reference", {"models": ["filter.onnx"]}, "filter is a filter: it gives pictures, and no score"),
        ("score_without_reference", {"models": []}, "at least 1 item"),
        ("score_without_reference", {"video": "../x.yuv"}, "'../x.yuv' is not below a root"),
        ("score_without_reference", {"size": None}, "give both size and pix_fmt"),
        ("score_without_reference", {"inputs": {"scale": "bicubic"}}, "unknown input option 'scale'"),
        ("score_without_reference", {"inputs": {"stream": "0,1"}}, "stream takes one value"),
        ("vmaf_score", {"models": ["filter.onnx"]}, "filter is a filter"),
        ("worst_frames", {"model": "nr.onnx"}, "nr takes pictures, and only models of features"),
        ("compare_models", {"models": ["nr.onnx"]}, "nr takes pictures, and only models of features"),
    ],
)
def test_what_cannot_be_has_a_sentence(tool: str, changes: dict[str, Any], message: str, ask: Ask, clip: Clip) -> None:
    clip("d.yuv")
    fine: dict[str, dict[str, Any]] = {
        "score_without_reference": {"video": "d.yuv", "models": ["nr.onnx"], **RAW},
        "vmaf_score": {"reference": "d.yuv", "distorted": "d.yuv", **RAW},
        "worst_frames": {"reference": "d.yuv", "distorted": "d.yuv", **RAW},
        "compare_models": {},
    }
    text = ask(tool, **fine[tool] | changes)
    assert message in str(text)


def test_limits_hold_without_a_reference(ask: Ask, clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    clip("d.yuv")
    asked = {"video": "d.yuv", "models": ["nr.onnx"], **RAW}
    monkeypatch.setattr(limits, "MAX_FRAMES", 3)
    assert "d.yuv: 4 frames are more than 3" in ask("score_without_reference", **asked)


def test_the_description_of_a_model_of_pictures(ask: Ask) -> None:
    found = ask("describe_model", model="nr.onnx")
    assert (found["sidecar"]["kind"], found["faults"]) == ("no_reference", ["nr.md: no model card"])
