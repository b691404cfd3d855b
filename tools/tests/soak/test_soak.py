"""The soak test itself: each part tries a few things in seconds, counts, and can be told to do one again."""

import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from soak import run as running
from soak.__main__ import main
from soak.part import Part, Result, Trial, Verdict
from soak.parts import PARTS, load

SHORT = {
    "video": (0, 3),
    "y4m": (0, 4),
    "matroska": (0, 4),
    "rpc": (1, 1),
    "calls": (0, 1),
    "onnx": (0, 2),
    "killed": (0, 1),
    "disk": (0, 1),
    "clock": (0, 1),
}
"""The first trial and the number of trials of each part here. Two runs of suites at once would take too long."""


def test_every_part_is_tried_here_but_one() -> None:
    assert set(PARTS) - set(SHORT) == {"gates"}
    assert load("gates").name == "gates"


@pytest.mark.parametrize("name", sorted(SHORT))
def test_a_few_trials_of_each_part(
    name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soak.calls.CALLS", 50)
    monkeypatch.setattr("soak.clock._RUNS", 1)
    monkeypatch.setattr("soak.video.NAMES", ("a.mp4", "r.yuv", "s.mpg"))
    first, trials = SHORT[name]
    assert load(name).name == name
    assert main([name, "--seed", "20", "--first", str(first), "--trials", str(trials)]) == 0, capfd.readouterr()
    assert f"{name}: {trials} trials in " in capfd.readouterr().out


def part(trial: Trial, limit_s: float = 60.0) -> Part:
    @contextmanager
    def opened(_: Path) -> Iterator[Trial]:
        yield trial

    return Part("own", "", opened, limit_s)


def tried(trial: Trial, trials: int = 2, limit_s: float = 60.0) -> running.Count:
    count = running.Count("own", 3)
    running.run(part(trial, limit_s), 3, range(trials), 60.0, count)
    return count


def fine(_: int, chance: Random) -> Result:
    return Result(str(chance.random()), Verdict.SAME)


def wrong(_: int, _chance: Random) -> Result:
    return Result("it", Verdict.WRONG, "7.2")


def crash(_: int, _chance: Random) -> Result:
    raise ValueError("boom")


def hang(_: int, _chance: Random) -> Result:
    time.sleep(5)
    raise AssertionError


def leaves_a_file(number: int, _: Random) -> Result:
    (Path(tempfile.gettempdir()) / str(number)).touch()
    return Result("it", Verdict.REFUSED)


def leaves_a_process(_: int, _chance: Random) -> Result:
    os.posix_spawn(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)"], os.environ)
    return Result("it", Verdict.REFUSED)


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "GRACE_S", 0.3)


@pytest.mark.usefixtures("short_grace")
def test_what_is_bad_is_counted_and_named(capfd: pytest.CaptureFixture[str]) -> None:
    for trial, verdict in ((wrong, Verdict.WRONG), (crash, Verdict.CRASH), (leaves_a_file, Verdict.LEFT)):
        count = tried(trial)
        assert [one.verdict for _, one in count.bad] == [verdict, verdict]
        assert "again: python -m soak own --seed 3 --only 1" in capfd.readouterr().err
    for trial, verdict in ((hang, Verdict.HANG), (leaves_a_process, Verdict.LEFT)):
        assert [one.verdict for _, one in tried(trial, 1, limit_s=0.2).bad] == [verdict]
    assert os.wait()[1] == signal.SIGKILL


def test_the_same_seed_tries_the_same_and_another_does_not(capfd: pytest.CaptureFixture[str]) -> None:
    first = tried(fine, 20)
    assert first.of == tried(fine, 20).of
    assert len(first.of) == first.tried == 20
    assert first.bad == []
    table = running.table([first])
    assert table.count("\n") == 23
    assert re.search(r"own: 20 trials in \d+ s, 0 bad, seed 3", table)
    assert capfd.readouterr().err == ""


def test_a_part_that_tries_nothing_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("soak.__main__.load", lambda _: part(lambda *_: Result("it", Verdict.NOT_TRIED, "no rights")))
    assert main(["video", "--trials", "2"]) == 1
    assert "nothing was tried: video" in capsys.readouterr().out
