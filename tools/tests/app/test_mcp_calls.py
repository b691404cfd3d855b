"""A call ends when it is done, cancelled or out of time, and its FFmpegs with it."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from tinyvmaf.app.mcp_server.calls import Call, in_thread
from tinyvmaf.app.mcp_server.gate import _verdict, run_suite
from tinyvmaf.app.mcp_server.limits import LimitError
from tinyvmaf.errors import CouldNotRunError, FFmpegError, TinyvmafError
from tinyvmaf.judge import results
from tinyvmaf.vmaf.ffmpeg import FFmpeg, Stop, run

ENDLESS = ["-re", "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=30", "-f", "null", "-"]


class Reports(list[Any]):
    """A reporter that keeps its reports."""

    async def report_progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        self.append((progress, total, message))


def ffmpegs() -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if "ffmpeg" in child.name()]


def call(work: Callable[[Call], Any], *, seconds: float = 30.0, reports: Reports | None = None) -> Any:
    async def main() -> Any:
        reporter = Reports() if reports is None else reports
        return await in_thread(reporter, work, seconds=seconds, limiter=anyio.CapacityLimiter(2))

    return anyio.run(main)


def test_a_call_returns_the_result_of_its_work_and_reports_progress() -> None:
    reports, seen = Reports(), threading.Event()

    def work(call: Call) -> str:
        call.report(1, 2)
        seen.wait(0.5)  # long enough for the report to be sent
        call.report(2, 2)
        return "done"

    assert call(work, reports=reports) == "done"
    assert reports[0] == (1, 2, None)


def test_an_error_of_the_work_is_the_error_of_the_call() -> None:
    def work(_: Call) -> None:
        raise TinyvmafError("wrong", hint="right")

    with pytest.raises(TinyvmafError, match="wrong\n  hint: right"):
        call(work)


def test_a_call_out_of_time_ends_its_ffmpeg(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    with pytest.raises(LimitError, match="ended after 1 s"):
        call(lambda _: run(ffmpeg, ENDLESS, cwd=tmp_path), seconds=1.0)
    assert not ffmpegs()


def test_a_cancelled_call_ends_its_ffmpeg_and_starts_no_other(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    """The other call goes on."""
    errors: list[str] = []

    def twice(call: Call) -> None:
        for _ in range(2):
            try:
                run(ffmpeg, ENDLESS, cwd=tmp_path)
            except FFmpegError as error:
                errors.append(error.message)
        with pytest.raises(TinyvmafError, match="cancelled"):
            call.report(1, 2)

    async def main() -> None:
        limiter = anyio.CapacityLimiter(2)
        start = partial(in_thread, Reports(), seconds=30.0, limiter=limiter)
        async with anyio.create_task_group() as others:
            others.start_soon(partial(start, lambda _: run(ffmpeg, ENDLESS, cwd=tmp_path)))
            with anyio.move_on_after(1.0):
                await start(twice)
            assert len(ffmpegs()) == 1
            others.cancel_scope.cancel()

    anyio.run(main)
    assert ["killed" in text or "not started" in text for text in errors] == [True, True]
    assert "not started: the caller was stopped" in errors[1]
    assert not ffmpegs()


def test_nothing_runs_after_a_stop(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    stop = Stop()
    stop.stop()
    with stop.watching(), pytest.raises(FFmpegError, match="not started"):
        run(ffmpeg, ENDLESS, cwd=tmp_path)
    run(ffmpeg, ["-f", "lavfi", "-i", "testsrc2=size=64x64:duration=0.1", "-f", "null", "-"], cwd=tmp_path)


def test_a_gate_out_of_time_leaves_no_process() -> None:
    with pytest.raises(LimitError, match="golden: ended after"):
        anyio.run(partial(run_suite, "golden", None, Reports(), seconds=0.5))
    assert not [child for child in psutil.Process().children(recursive=True) if "pytest" in " ".join(child.cmdline())]


@pytest.mark.parametrize(
    ("suite", "model", "message"),
    [
        ("mcp", None, "unknown suite 'mcp'"),
        ("corpus", "tinyvmaf_nano", "judges no model"),
    ],
)
def test_a_gate_that_is_not_offered_is_refused(suite: Any, model: str | None, message: str) -> None:
    with pytest.raises(TinyvmafError, match=message):
        anyio.run(partial(run_suite, suite, model, Reports(), seconds=5))


def test_a_gate_without_suites_could_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gates.toml").touch()
    monkeypatch.setenv("TINYVMAF_HOME", str(tmp_path))
    with pytest.raises(CouldNotRunError, match="has no suite golden"):
        anyio.run(partial(run_suite, "golden", None, Reports(), seconds=5))


def test_a_gate_without_a_verdict_could_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gates.toml").touch()
    (tmp_path / "suites" / "golden").mkdir(parents=True)
    (tmp_path / "suites" / "golden" / "conftest.py").write_text("no python", encoding="utf-8")
    monkeypatch.setenv("TINYVMAF_HOME", str(tmp_path))
    with pytest.raises(CouldNotRunError, match="golden: pytest gave no verdict; its last lines:"):
        anyio.run(partial(run_suite, "golden", None, Reports(), seconds=30))


@pytest.mark.parametrize(
    ("run", "model", "expected"),
    [
        ("PASS", "PASS", "PASS"),
        ("FAIL", "PASS", "FAIL"),
        ("COULD NOT RUN", "PASS", "COULD NOT RUN"),
        ("COULD NOT RUN", "FAIL", "FAIL"),
        ("FAIL", "COULD NOT RUN", "FAIL"),
        ("NONE", "NONE", "NONE"),
    ],
)
@pytest.mark.parametrize("named", ["a", "somewhere/a.onnx", None])
def test_a_verdict_is_never_better_than_that_of_the_run(named: str | None, run: str, model: str, expected: str) -> None:
    """A libvmaf that fails its golden values, and a broken waivers.toml, are about no model."""
    counts = {"outcomes": 1, "values": 1}
    found = results.empty({"models": [{"id": "a", "verdict": model}], "verdict": run, "summary": "", "counts": counts})
    assert _verdict("golden", named, found).verdict == (run if named is None else expected)
