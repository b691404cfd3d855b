"""What clients see: tools, results, errors; and what is left behind when they cancel."""

import json
import re
import threading
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto, helper

from tinyvmaf.judge.plugin import NotChecked, Note
from tinyvmaf.model import engines, registry
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN

from . import processes
from .client import schema_of
from .conftest import SCHEMA

END_S = 10.0  # until what was ended is gone
HUGE = {"size": "1920x1080", "pix_fmt": "yuv420p"}
pytestmark = pytest.mark.usefixtures("judged_by_assertions")


@pytest.fixture(scope="session")
def small(root: Path) -> dict[str, str]:
    """A pair of small raw videos; beside it a video that is too wide and a link that leads out of the root."""
    for name, level in (("small_ref.yuv", 90), ("small_dis.yuv", 99)):
        frame = bytes(range(level, level + 96)) * 96 + bytes([128]) * (96 * 96 // 2)
        (root / name).write_bytes(frame * 4)
    (root / "wide.yuv").write_bytes(bytes(8194 * 18 * 3 // 2))
    (root / "way_out.yuv").symlink_to("/etc/passwd")
    return {"reference": "small_ref.yuv", "distorted": "small_dis.yuv", "size": "96x96", "pix_fmt": "yuv420p"}


@pytest.fixture(scope="session")
def brightness(root: Path) -> str:
    """A model below the root that takes pictures: 100 times the mean of their samples."""
    luma = helper.make_tensor_value_info("luma", TensorProto.FLOAT, ["N", 1, "H", "W"])
    score = helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])
    nodes = [
        helper.make_node("ReduceMean", ["luma"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "hundred"], ["score"]),
    ]
    hundred = helper.make_tensor("hundred", TensorProto.FLOAT, [], [100.0])
    graph = helper.make_graph(nodes, "brightness", [luma], [score], [hundred])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    claims: dict[str, Any] = {
        "kind": "no_reference",
        "feature_order": [],
        "teacher": {"id": DEFAULT, "sha256": KNOWN[DEFAULT]},
        "engines": None,
        "training": None,
        "measured": {},
        "promised": {},
        "licence": "none",
    }
    registry.register("brightness", model.SerializeToString(), claims, "# brightness\n", root)
    return "brightness.onnx"


@pytest.fixture(scope="session")
def long(root: Path) -> dict[str, str]:
    """A pair that takes a minute to score; the files are sparse."""
    for name in ("long_ref.yuv", "long_dis.yuv"):
        with (root / name).open("wb") as file:
            file.truncate(1920 * 1080 * 3 // 2 * 600)
    return {"reference": "long_ref.yuv", "distorted": "long_dis.yuv", **HUGE}


@pytest.fixture
def linux(not_checked: NotChecked) -> None:
    if not processes.HERE:
        not_checked("processes left by an MCP server: can only be checked on Linux")


def test_tools_are_the_recorded_ones(server: Any) -> None:
    """Names, arguments, results and descriptions are those that clients know. `--record` writes them anew."""
    assert schema_of(server.tools()) == json.loads(SCHEMA.read_text(encoding="utf-8"))


def test_lists_say_what_is_here(server: Any) -> None:
    """The lists of models, engines and teachers are the package's."""
    assert [row["id"] for row in server.ask("list_models")["models"]] == [one.id for one in registry.subjects()]
    assert all(row["as_registered"] for row in server.ask("list_models")["models"])
    assert [row["name"] for row in server.ask("list_engines")["engines"]] == [one.name for one in engines.table()]
    teachers = server.ask("list_teachers")["teachers"]
    assert {row["id"]: row["sha256"] for row in teachers} == KNOWN
    assert [row["id"] for row in teachers if row["default"]] == [DEFAULT]


def test_a_model_is_described_with_what_is_proven_and_measured(server: Any) -> None:
    """Card, sidecar and certificate are those of the registry, and the model has no faults."""
    for entry in registry.subjects():
        found = server.ask("describe_model", model=entry.id)
        assert found["sidecar"] == entry.sidecar.as_dict()
        assert found["card"] == entry.file.with_suffix(".md").read_text(encoding="utf-8")
        assert found["faults"] == []
        assert found["certificate"]["certified"] == entry.sidecar.exact.certified


def test_models_are_compared_on_the_embedded_corpus(server: Any) -> None:
    """On all frames and clips, the closest to its teacher first."""
    asked = [entry.id for entry in registry.subjects() if not entry.takes_pictures][:2]
    found = server.ask("compare_models", models=asked)["models"]
    assert {row["id"] for row in found} == set(asked)
    assert [row["frames"]["rmse"] for row in found] == sorted(row["frames"]["rmse"] for row in found)
    for row in found:
        assert row["frames"]["n"] > row["clips"]["n"] > 100
        assert row["frames"]["plcc"] > 0.99


def test_the_worst_frames_come_first(server: Any, small: dict[str, str]) -> None:
    """By the teacher's score; with a model, by its difference."""
    found = server.ask("worst_frames", **small, count=3)
    scores = [frame["scores"][DEFAULT] for frame in found["worst"]]
    assert (found["frames"], len(scores), scores) == (4, 3, sorted(scores))
    by_model = server.ask("worst_frames", **small, count=4, model=f"{DEFAULT}_svr")["differences"]
    assert by_model == sorted(by_model, reverse=True)
    assert max(by_model) < 1e-4


def test_a_video_is_scored_without_its_reference(server: Any, small: dict[str, str], brightness: str) -> None:
    """By a model that measures how bright a frame is: the samples that it gets are those of the file."""
    geometry = {name: small[name] for name in ("size", "pix_fmt")}
    found = server.ask("score_without_reference", video=small["distorted"], models=[brightness], **geometry)
    row = 100.0 * sum(range(99, 99 + 96)) / 96 / 255  # of each of the 96 rows
    assert found["models"][0]["pooled"]["mean"] == pytest.approx(row, abs=1e-3)
    assert (found["frames"], found["models"][0]["fitted_to"]) == (4, DEFAULT)
    assert "not VMAF" in found["note"]
    both = server.ask("vmaf_score", **small, models=[brightness])
    assert both["no_reference_models"] == found["models"]
    assert both["teachers"][0]["id"] == DEFAULT


def test_a_gate_gives_its_verdict_with_progress(server: Any) -> None:
    """The golden gate on one model, in a process of its own."""
    seen: list[float] = []

    async def progress(done: float, total: float | None, what: str | None) -> None:
        assert (total, what) == (100, "tests")
        seen.append(done)

    model = registry.subjects()[0].id
    answer = server.start("run_gate", suite="golden", model=model, progress=progress).result(60)
    found = answer.structured_content
    assert not answer.is_error, answer.content[0].text
    assert (found["verdict"], found["model"], found["failures"]) == ("PASS", model, [])
    assert found["outcomes"] > 10
    assert seen == sorted(seen)
    assert seen[-1] == 100


@pytest.mark.parametrize(
    ("tool", "changes", "message"),
    [
        ("nothing_like_it", {}, "Unknown tool"),
        ("vmaf_score", {"reference": "/etc/passwd"}, "'/etc/passwd' is not below a root"),
        ("vmaf_score", {"distorted": "../../../etc/passwd"}, "is not below a root"),
        ("vmaf_score", {"reference": "way_out.yuv"}, "'way_out.yuv' is not below a root"),
        ("vmaf_score", {"reference": "missing.yuv"}, "'missing.yuv': No such file"),
        ("vmaf_score", {"size": "96x97"}, "are not a whole number of frames"),
        ("vmaf_score", {"size": "0x0"}, "is not a frame size"),
        ("vmaf_score", {"size": "99999999x1"}, "is not a frame size"),
        ("vmaf_score", {"size": "8194x18", "reference": "wide.yuv", "distorted": "wide.yuv"}, "larger than 8192"),
        ("vmaf_score", {"pix_fmt": "rgb24"}, "unknown pixel format 'rgb24'"),
        ("vmaf_score", {"pix_fmt": None}, "give both size and pix_fmt"),
        ("vmaf_score", {"teachers": ["vmaf_v9"]}, "unknown teacher 'vmaf_v9'"),
        ("vmaf_score", {"models": ["nobody"]}, "no model 'nobody' is registered"),
        ("vmaf_score", {"per_frames": True}, "Extra inputs are not permitted"),
        ("vmaf_score", {"reference": 7}, "valid string"),
        ("run_gate", {"suite": "mcp"}, "Input should be 'golden'"),
        ("run_gate", {"suite": "golden", "model": "../../x.onnx"}, "is not below a root"),
        ("check_corpus", {"data_root": "/"}, "is not below a root"),
    ],
)
def test_a_call_that_fails_says_why(
    tool: str, changes: dict[str, Any], message: str, server: Any, small: dict[str, str]
) -> None:
    """The error says what is wrong; the server does not crash and answers the next call."""
    answer = server.call(tool, **(small if tool == "vmaf_score" else {}) | changes)
    text = answer.content[0].text
    assert answer.is_error
    assert message in text
    assert not re.fullmatch(r"Error executing tool \w+", text)
    assert server.ask("list_models")["models"]


@pytest.fixture
def started() -> tuple[threading.Event, Any]:
    """An event that is set when a call reports progress, and the progress function to pass to the call."""
    event = threading.Event()

    async def progress(done: float, total: float | None, what: str | None) -> None:
        del done, total, what
        event.set()

    return event, progress


@pytest.mark.usefixtures("linux")
def test_a_cancelled_call_ends_its_ffmpeg(server: Any, long: dict[str, str], started: Any) -> None:
    """FFmpeg runs when the call is cancelled, is gone soon after, and the server keeps answering."""
    event, progress = started
    call = server.start("vmaf_score", **long, progress=progress)
    assert event.wait(30), "no progress was reported"
    assert processes.ffmpegs(server.mark)
    call.cancel()
    with pytest.raises(CancelledError):
        call.result(END_S)
    assert server.ask("list_engines")
    assert processes.wait(lambda: not processes.ffmpegs(server.mark), END_S), processes.ffmpegs(server.mark)


@pytest.mark.usefixtures("linux")
def test_a_cancelled_gate_leaves_no_process(server: Any, started: Any) -> None:
    """pytest, its workers and their FFmpegs are gone."""
    event, progress = started
    before = set(processes.of(server.mark))
    call = server.start("run_gate", suite="golden", progress=progress)
    assert event.wait(30), "no progress was reported"
    assert set(processes.of(server.mark)) > before
    call.cancel()
    assert processes.wait(lambda: set(processes.of(server.mark)) == before, END_S), processes.of(server.mark)


def test_two_clients_at_once_get_their_own_answers_and_one_that_leaves_leaves_no_process(
    connect: Any,
    root: Path,
    server: Any,
    small: dict[str, str],
    long: dict[str, str],
    started: Any,
    also_not_checked: Note,
) -> None:
    """Two servers on the same files, one with a client of the protocol before 2026, and several calls to each at once.
    Then that client leaves in the middle of a call: its server and FFmpeg end too."""
    event, progress = started
    alone = server.ask("vmaf_score", **small)
    turned = small | {"reference": small["distorted"], "distorted": small["reference"]}
    with connect(root, mode="legacy") as other:
        calls = [who.start("vmaf_score", **what) for what in (small, turned) for who in (server, other)]
        found = [call.result(60).structured_content for call in calls]
        assert found[0] == found[1] == alone
        assert found[2] == found[3] != alone
        other.start("vmaf_score", **long, progress=progress)
        assert event.wait(30), "no progress was reported"
        assert processes.ffmpegs(other.mark) or not processes.HERE
    if not processes.HERE:
        also_not_checked("processes left by an MCP server: can only be checked on Linux")
    else:
        assert processes.wait(lambda: not processes.of(other.mark), END_S), processes.of(other.mark)
