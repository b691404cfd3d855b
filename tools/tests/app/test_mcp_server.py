"""The tools, called in this process: their results and their errors."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from mcp import Client

from tinyvmaf.app.mcp_server import limits
from tinyvmaf.app.mcp_server.roots import Roots
from tinyvmaf.app.mcp_server.server import build
from tinyvmaf.files import home
from tinyvmaf.measure import agreement
from tinyvmaf.model import registry
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import score_pair
from tinyvmaf.vmaf.media import both
from tinyvmaf.vmaf.teacher import DEFAULT, load_built_in

from ..model.third_party_files import PLAIN, network, truth, write

Ask = Callable[..., dict[str, Any]]
RAW: dict[str, Any] = {"size": "128x96", "pix_fmt": "yuv420p"}


@pytest.fixture
def call(tmp_path: Path) -> Callable[..., Any]:
    """Call a tool of a server whose root is the test's folder."""

    async def of(tool: str, arguments: dict[str, Any]) -> Any:
        async with Client(build(Roots([tmp_path]))) as client:
            return await client.call_tool(tool, arguments)

    return lambda tool, **arguments: anyio.run(partial(of, tool, arguments))


@pytest.fixture
def ask(call: Callable[..., Any]) -> Ask:
    """The result of a call."""

    def found(tool: str, **arguments: Any) -> dict[str, Any]:
        answer = call(tool, **arguments)
        assert not answer.is_error, answer.content[0].text
        return dict(answer.structured_content)

    return found


@pytest.fixture
def refused(call: Callable[..., Any]) -> Callable[..., str]:
    """The error text of a call that fails."""

    def text(tool: str, **arguments: Any) -> str:
        answer = call(tool, **arguments)
        assert answer.is_error
        return str(answer.content[0].text)

    return text


@pytest.fixture
def pair(clip: Any) -> dict[str, str]:
    clip("r.yuv")
    clip("d.yuv", noise=9)
    return {"reference": "r.yuv", "distorted": "d.yuv", **RAW}


@pytest.fixture
def own(tmp_path: Path) -> str:
    """The caller's own model, with sidecar and card."""
    for suffix in ("onnx", "json", "md"):
        shutil.copy(home() / "model" / f"tinyvmaf_nano.{suffix}", tmp_path / f"own.{suffix}")
    return "own.onnx"


def test_a_score_is_the_packages(ask: Ask, pair: dict[str, str], ffmpeg: FFmpeg, tmp_path: Path) -> None:
    teachers = [DEFAULT, "vmaf_b_v0.6.3"]
    found = ask("vmaf_score", **pair, teachers=teachers, models=["tinyvmaf_nano"], per_frame=True)
    load = [load_built_in(ffmpeg, name) for name in teachers]
    table = score_pair(
        tmp_path / "r.yuv", tmp_path / "d.yuv", options=both(**RAW), models=[load[0].model()], ffmpeg=ffmpeg
    )
    assert found["teachers"][0]["pooled"] == {
        name: table.pooled[DEFAULT][name] for name in ("mean", "harmonic_mean", "min", "max")
    }
    by_hand = load[1].predict(table.features(load[1].feature_names))
    assert found["teachers"][1]["pooled"]["mean"] == pytest.approx(by_hand.mean(), abs=1e-9)
    assert [frame["features"] for frame in found["per_frame"]] == [
        dict(zip(CANONICAL, row.tolist(), strict=True)) for row in table.features(CANONICAL)
    ]
    scores = [frame["scores"] for frame in found["per_frame"]]
    assert [one[DEFAULT] for one in scores] == table.column(DEFAULT).tolist()
    off = max(abs(one["tinyvmaf_nano"] - one[DEFAULT]) for one in scores)
    (tiny,) = found["tiny_models"]
    assert tiny["max_abs_difference"] == pytest.approx(off, abs=2e-6)
    assert (tiny["sha256"], tiny["teacher"]) == (registry.find("tinyvmaf_nano").sha256, DEFAULT)
    assert (tiny["outside_domain"], tiny["furthest_outside"]) == (0, "")
    assert ask("vmaf_score", **pair)["per_frame"] is None


def test_models_of_several_teachers_are_scored_beside_them(ask: Ask, pair: dict[str, str]) -> None:
    models = ["tinyvmaf_nano_neg", "tinyvmaf_nano", "tinyvmaf_exact"]
    found = ask("vmaf_score", **pair, models=models, per_frame=True)
    assert [one["id"] for one in found["teachers"]] == ["vmaf_v0.6.1neg", DEFAULT]
    assert [(one["id"], one["interval"]) for one in found["tiny_models"]] == [(name, None) for name in models]
    for one in found["tiny_models"]:
        off = max(abs(frame["scores"][one["id"]] - frame["scores"][one["teacher"]]) for frame in found["per_frame"])
        assert one["max_abs_difference"] == pytest.approx(off, abs=2e-6)
        assert off < 0.5
    assert found["per_frame"][1]["features"].keys() == {*CANONICAL, *registry.find(models[0]).features}
    listed = {one["id"]: one for one in ask("list_models")["models"]}
    assert (listed[models[0]]["teacher"], listed[models[0]]["outputs"]) == ("vmaf_v0.6.1neg", ["score"])


def test_a_model_of_the_callers_own(ask: Ask, pair: dict[str, str], own: str) -> None:
    mine, registered = ask("vmaf_score", **pair, models=[own, "tinyvmaf_nano"])["tiny_models"]
    assert mine == registered | {"id": "own"}
    described = ask("describe_model", model=own)
    assert (described["id"], described["faults"], described["certificate"]["certified"]) == ("own", [], True)
    assert described["measured"] == registry.find("tinyvmaf_nano").sidecar.measured


def test_faults_of_a_model_are_described_and_stop_it(
    ask: Ask, refused: Callable[..., str], pair: dict[str, str], own: str, tmp_path: Path
) -> None:
    (tmp_path / own).write_bytes(b"no model")
    found = ask("describe_model", model=own)
    assert found["faults"]
    assert found["certificate"] is None
    assert "own.onnx: " in refused("vmaf_score", **pair, models=[own])
    (tmp_path / own).write_bytes(bytes(1_000_000))
    assert "1,000,000 bytes or more" in refused("describe_model", model=own)
    (tmp_path / "own.json").unlink()
    shutil.copy(home() / "model" / "tinyvmaf_nano.onnx", tmp_path / own)
    unfed = "own.onnx: no sidecar says which features the model takes"
    assert unfed in refused("vmaf_score", **pair, models=[own])


def test_a_file_of_others_is_adopted(
    ask: Ask, refused: Callable[..., str], pair: dict[str, str], tmp_path: Path
) -> None:
    """As the gates do, by a sidecar or by `feed`; and refused beside the sidecar of another file."""
    write(tmp_path, network(rank=1))
    feed = {"feature_order": ",".join(CANONICAL)}
    assert "theirs.onnx: no sidecar says which features" in refused("vmaf_score", **pair, models=["theirs.onnx"])
    found = ask("vmaf_score", **pair, models=["theirs.onnx"], feed=feed, per_frame=True)
    rows = np.array([[frame["features"][name] for name in CANONICAL] for frame in found["per_frame"]])
    scores = [frame["scores"]["theirs"] for frame in found["per_frame"]]
    np.testing.assert_allclose(scores, truth(rows), atol=1e-3)
    described = ask("describe_model", model="theirs.onnx", feed=feed)
    assert described["faults"] == []
    assert "Unsqueeze" in described["card"]
    assert ask("compare_models", **pair, models=["theirs.onnx"], feed=feed)["models"][0]["id"] == "theirs"
    assert "feed` says how an .onnx file is fed" in refused("run_gate", suite="golden", feed=feed)
    for path in (home() / "fixtures/third_party").glob("quickvmaf.*"):
        shutil.copy(path, tmp_path)
    assert ask("describe_model", model="quickvmaf.onnx")["faults"] == []
    (tmp_path / "quickvmaf.onnx.data").unlink()
    assert ask("describe_model", model="quickvmaf.onnx")["faults"] == ["no such file: quickvmaf.onnx.data"]
    write(tmp_path, network(), {**PLAIN, "sha256": "0" * 64})
    for tool, more in (("vmaf_score", pair), ("worst_frames", pair), ("compare_models", {})):
        named = {"model": "theirs.onnx"} if tool == "worst_frames" else {"models": ["theirs.onnx"]}
        assert "the sidecar is of another file" in refused(tool, **more, **named), tool
    assert "the sidecar is of another file" in ask("describe_model", model="theirs.onnx")["faults"][0]


def test_worst_frames_are_the_worst(ask: Ask, pair: dict[str, str]) -> None:
    every = ask("vmaf_score", **pair, models=["tinyvmaf_nano"], per_frame=True)["per_frame"]
    found = ask("worst_frames", **pair, count=2)
    scores = {frame["frame"]: frame["scores"][DEFAULT] for frame in every}
    assert [frame["frame"] for frame in found["worst"]] == sorted(scores, key=scores.__getitem__)[:2]
    assert found["differences"] is None
    found = ask("worst_frames", **pair, model="tinyvmaf_nano", count=9)
    assert sorted(frame["frame"] for frame in found["worst"]) == [0, 1, 2, 3]
    off = [abs(frame["scores"]["tinyvmaf_nano"] - frame["scores"][DEFAULT]) for frame in found["worst"]]
    np.testing.assert_allclose(found["differences"], off, atol=2e-6)
    assert off[0] == max(off)


def test_models_are_compared_on_a_pair(ask: Ask, refused: Callable[..., str], pair: dict[str, str], clip: Any) -> None:
    every = ask("vmaf_score", **pair, models=["tinyvmaf_nano"], per_frame=True)["per_frame"]
    truth, got = (np.array([frame["scores"][name] for frame in every]) for name in (DEFAULT, "tinyvmaf_nano"))
    (found,) = ask("compare_models", **pair, models=["tinyvmaf_nano"])["models"]
    assert found["clips"] is None
    expected = agreement.agreement(truth, got).as_dict()
    for name in ("rmse", "max_error", "plcc"):
        assert found["frames"][name] == pytest.approx(expected[name], abs=5e-6)
    assert "only one of reference and distorted" in refused("compare_models", reference="r.yuv")
    clip("one.yuv", frames=2)
    assert "2 values are too few" in refused("compare_models", reference="one.yuv", distorted="one.yuv", **RAW)
    assert "there is no correlation" in refused("compare_models", **flat(clip))
    # Too small for the chroma features of VMAF v1: unless one of its models is named, they are left out. So are models
    # of pictures.
    every = ask("compare_models", **pair)
    known = registry.subjects()
    assert every["left_out"] == [
        *(one.id for one in known if one.teacher_id.startswith("vmaf_v1") and not one.takes_pictures),
        *(one.id for one in known if one.takes_pictures),
    ]
    assert {one["id"] for one in every["models"]} == {one.id for one in registry.subjects()} - {*every["left_out"]}
    assert "too small" in refused("compare_models", **pair, models=["tinyvmaf_nano", "tinyvmaf_nano_v1"])


def flat(clip: Any) -> dict[str, str]:
    """A pair whose frames all get the same score, except the first, which has no motion."""
    path = clip("flat.yuv", frames=3)
    path.write_bytes(bytes(path.stat().st_size))
    return {"reference": "flat.yuv", "distorted": "flat.yuv", **RAW}


def test_a_corpus_is_checked(ask: Ask, refused: Callable[..., str], clip: Any, tmp_path: Path) -> None:
    for name in ("ref", "dis"):
        (tmp_path / "c" / name).mkdir(parents=True)
    clip("a_25fps.yuv", folder=tmp_path / "c" / "ref")
    clip("a_1_96_100.yuv", noise=5, folder=tmp_path / "c" / "dis")
    clip("b_1_96_100.yuv", folder=tmp_path / "c" / "dis")
    found = ask("check_corpus", data_root="c", assume_dims="128x96")
    assert found["sources"]["a"] == {
        "reference": "ref/a_25fps.yuv",
        "clips": 1,
        "frames": 4,
        "geometry": "128x96 yuv420p",
    }
    assert [fault["code"] for fault in found["faults"]] == ["orphan"]
    assert found["spoils"]
    assert "no folder ref/" in refused("check_corpus", data_root=".")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": None}, "give both size and pix_fmt"),
        ({"reference": "x.mp4", "distorted": "y.mp4"}, "size and pix_fmt are for raw files"),
        ({"size": "96x128", "distorted": "d.yuv"}, None),
        ({"size": "128x98"}, "r.yuv: 73728 bytes are not a whole number of frames"),
    ],
)
def test_raw_files_need_a_geometry_and_others_refuse_it(
    changes: dict[str, Any], message: str | None, call: Callable[..., Any], pair: dict[str, str]
) -> None:
    answer = call("vmaf_score", **pair | changes)
    text = answer.content[0].text
    assert answer.is_error == (message is not None)
    assert (message or "") in text
    assert "tinyvmaf-mcp-" not in text  # the message names files as the caller does


def test_how_the_inputs_are_read_is_an_argument(ask: Ask, refused: Callable[..., str], pair: dict[str, str]) -> None:
    found = ask("vmaf_score", **pair, inputs={"depth": "10", "range": "full,limited"})
    assert found["decided"] == [
        "bit depth of r.yuv is 8: it is brought up to 10 bits",
        "bit depth of d.yuv is 8: it is brought up to 10 bits",
        "range full against limited: full is brought down to limited",
    ]
    assert found["warnings"] == []
    assert "--depth does not take '11'" in refused("vmaf_score", **pair, inputs={"depth": "11"})
    assert "unknown input option --to" in refused("vmaf_score", **pair, inputs={"to": "x"})


def test_long_clips_are_not_listed(refused: Callable[..., str], ask: Ask, tmp_path: Path) -> None:
    frames = limits.MAX_ROWS + 1
    (tmp_path / "l.yuv").write_bytes(bytes(64 * 64 * 3 // 2) * frames)
    pair = {"reference": "l.yuv", "distorted": "l.yuv", "size": "64x64", "pix_fmt": "yuv420p"}
    assert "2001 frames are too many to list" in refused("vmaf_score", **pair, per_frame=True)
    assert ask("vmaf_score", **pair)["frames"] == frames
    with (tmp_path / "l.yuv").open("wb") as file:
        file.truncate(64 * 64 * 3 // 2 * (limits.MAX_FRAMES + 1))
    assert "36001 frames are more than 36000" in refused("vmaf_score", **pair)


def test_a_misspelt_argument_is_not_ignored(refused: Callable[..., str], pair: dict[str, str]) -> None:
    assert "Extra inputs are not permitted" in refused("vmaf_score", **pair, modle="tinyvmaf_nano")


def test_a_gate_fails_a_file_that_is_not_a_model(ask: Ask, own: str, tmp_path: Path) -> None:
    (tmp_path / own).write_bytes(b"no model")
    found = ask("run_gate", suite="contract", model=own)
    assert (found["verdict"], found["model"]) == ("FAIL", "own"), found
    assert found["failures"]
