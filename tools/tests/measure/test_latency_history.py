"""The history of runs: a run is read back as written, anything else is refused, and no line is lost or cut."""

import json
import math
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tinyvmaf import scratch
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import home
from tinyvmaf.measure import environment, latency_history
from tinyvmaf.measure.environment import Machine, Versions
from tinyvmaf.measure.latency_history import Batch, ModelRun, Run, append, read, select
from tinyvmaf.measure.latency_history.run import Ratio

MACHINE = Machine("0123456789ab", "AMD EPYC", 2, "Linux x86_64")


def run_of(n: int, floor: float = 1.5, *, machine: Machine = MACHINE, baseline: float | None = None) -> Run:
    """The n-th run, of two models with batches of 1 and 16."""
    batches = {rows: Batch(900.5, floor * rows, floor / 10, baseline) for rows in (1, 16)}
    model = ModelRun("ab" * 32, 4096, 8, 600, 1.25, None, batches)
    models = {"tinyvmaf_nano": model, "vmaf_v0.6.1_svr": replace(model, peak_kib=1024)}
    return Run(
        f"2026-11-21T13:00:{n:02}Z", f"{n:040x}", n % 2 == 1, machine, Versions("0.1.0", "3.11", "1.2", "2"), models
    )


def content_of(run: Run, tmp_path: Path) -> dict[str, Any]:
    """A run as in the history file, for tests to corrupt."""
    path = tmp_path / "one.jsonl"
    append(path, run)
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    return content


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "history.jsonl"


# What goes in comes back.


def test_a_missing_or_empty_history_has_no_runs(path: Path) -> None:
    assert read(path) == []
    path.parent.mkdir()
    path.touch()
    assert read(path) == []


def test_runs_come_back_in_order(path: Path) -> None:
    runs = [run_of(0), run_of(1, baseline=0.99), replace(run_of(2), commit=None, dirty=None)]
    for run in runs:
        append(path, run)
    assert read(path) == runs
    assert path.read_text(encoding="utf-8").count("\n") == 3


def test_a_line_is_as_the_schema_is_published(tmp_path: Path) -> None:
    content = content_of(run_of(1, baseline=0.5), tmp_path)
    assert list(content) == ["schema", "at", "commit", "dirty", "machine", "versions", "models"]
    assert content["machine"] == {"id": "0123456789ab", "cpu": "AMD EPYC", "cores": 2, "os": "Linux x86_64"}
    assert content["models"]["tinyvmaf_nano"]["batches"]["16"] == {
        "ns_a_row": 900.5,
        "floor": 24.0,
        "svr": 0.15,
        "baseline": 0.5,
    }


def test_intervals_come_back_and_belong_to_their_series(path: Path, tmp_path: Path) -> None:
    known = replace(run_of(1, baseline=0.99), models={"m": with_intervals(run_of(1, baseline=0.99))})
    for run in (run_of(0), known):
        append(path, run)
    assert read(path) == [run_of(0), known]
    (found,) = select(read(path), model="m", batch=1)
    assert found.intervals == {1: (1.4, 1.6)}
    assert select(read(path), model="tinyvmaf_nano", batch=1)[0].intervals == {}
    latency_history.draw(tmp_path / "a.svg", read(path), [found])
    assert "99 % intervals" in (tmp_path / "a.svg").read_text(encoding="utf-8")


def with_intervals(run: Run) -> ModelRun:
    model = run.models["tinyvmaf_nano"]
    intervals: dict[Ratio, tuple[float, float]] = {"floor": (1.4, 1.6), "svr": (0.1, 0.2)}
    return replace(model, batches={rows: replace(one, intervals=intervals) for rows, one in model.batches.items()})


def test_the_path_comes_from_the_variable_or_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYVMAF_HISTORY", "/a/b.jsonl")
    assert latency_history.default_path() == Path("/a/b.jsonl")
    monkeypatch.delenv("TINYVMAF_HISTORY")
    assert latency_history.default_path() == home() / ".benchmarks" / "history.jsonl"


def test_a_link_to_a_history_stays_a_link(path: Path, tmp_path: Path) -> None:
    append(path, run_of(0))
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    append(link, run_of(1))
    assert link.is_symlink()
    assert len(read(path)) == 2


# What is not a run is not taken for one.

Spoil = Callable[[dict[str, Any]], object]

SPOILT: dict[str, tuple[Spoil, str]] = {
    "schema": (lambda c: c.update(schema=2), "schema is 2; this tinyvmaf knows 1"),
    "no-schema": (lambda c: c.pop("schema"), "schema is None"),
    "no-models": (lambda c: c.update(models={}), "models is {}; it must have at least 1 item"),
    "unknown": (lambda c: c.update(host="x"), "unknown key host"),
    "zero": (
        lambda c: c["models"]["tinyvmaf_nano"]["batches"]["1"].update(floor=0),
        r"\.1\.floor is 0; it must be",
    ),
    "nan": (lambda c: c["models"]["tinyvmaf_nano"]["batches"]["1"].update(svr=math.nan), "NaN is not a number"),
    "infinite": (lambda c: c["models"]["tinyvmaf_nano"].update(creation_ms=math.inf), "Infinity is not a number"),
    "huge": (lambda c: c["models"]["tinyvmaf_nano"].update(bytes=10**400), "is not a number that fits in a float"),
    "true": (lambda c: c["models"]["tinyvmaf_nano"].update(nodes=True), "nodes is True; it must be a whole number"),
    "batch": (
        lambda c: c["models"]["tinyvmaf_nano"]["batches"].update({"01": {}}),
        r"\.01: it must be a number of rows",
    ),
    "commit": (lambda c: c.update(commit="f" * 39), "commit is .*; it must match"),
    "commit-break": (lambda c: c.update(commit="f" * 40 + "\n"), "commit is .*; it must match"),
    "machine": (lambda c: c["machine"].update(id="host"), "machine.id is 'host'; it must match"),
    "at": (lambda c: c.update(at="2026-11-21T13:00:00+01:00"), "at is .*; time data .* does not match"),
    "no-day": (lambda c: c.update(at="2026-02-30T13:00:00Z"), "at is .*; day is out of range"),
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_line_that_is_no_run_says_where_and_why(spoilt: str, path: Path, tmp_path: Path) -> None:
    spoil, message = SPOILT[spoilt]
    content = content_of(run_of(1), tmp_path)
    spoil(content)
    append(path, run_of(0))
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(content) + "\n")
    with pytest.raises(TinyvmafError, match=f"history.jsonl, line 2 is not a run: .*{message}") as raised:
        read(path)
    assert raised.value.hint == "remove that line, or move the file away to start a new history"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"garbage", "Expecting value"),
        (b"", "Expecting value"),
        (b"\xff\xfe", "invalid start byte"),
        (b"\0" * 40, "Expecting value"),
        (b"[1]", "it must be a table"),
        (b'{"schema":1,"schema":1}', "key 'schema' is there twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"at":1e999}', "1e999 is not a number"),
        (json.dumps("x" * 10_000).encode(), "it must be a table"),
    ],
)
def test_garbage_is_named_by_its_line(line: bytes, message: str, path: Path) -> None:
    append(path, run_of(0))
    path.write_bytes(path.read_bytes() + line + b"\n" + path.read_bytes())
    with pytest.raises(TinyvmafError, match="line 2 is not a run: ") as raised:
        read(path)
    assert re.search(message, raised.value.message)
    assert len(raised.value.message) < 600


def test_a_number_beyond_every_float_is_refused(path: Path, tmp_path: Path) -> None:
    """JSON can write it as 1e999, without the name Infinity, which the reader refuses."""
    path.parent.mkdir()
    text = json.dumps(content_of(run_of(1), tmp_path)).replace("900.5", "1e999")
    path.write_text(text + "\n", encoding="utf-8")
    with pytest.raises(TinyvmafError, match=r"line 1 is not a run: .*1e999 is not a number that fits in a float"):
        read(path)


def test_a_history_that_is_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TinyvmafError, match="cannot be read: Is a directory"):
        read(tmp_path)


# Whole lines or none.


def test_a_line_cut_short_is_reported_and_nothing_is_changed(path: Path) -> None:
    append(path, run_of(0))
    append(path, run_of(1))
    damaged = path.read_bytes()[:-100]
    path.write_bytes(damaged)
    with pytest.raises(TinyvmafError, match=r"line 2 is not a run: .*\(the line is cut short\)"):
        read(path)
    with pytest.raises(TinyvmafError, match=r"line 2 is not a run: .*\(the line is cut short\)"):
        append(path, run_of(2))
    assert path.read_bytes() == damaged


def test_a_whole_last_line_without_its_break_is_not_joined(path: Path) -> None:
    append(path, run_of(0))
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    assert read(path) == [run_of(0)]
    append(path, run_of(1))
    assert read(path) == [run_of(0), run_of(1)]


def test_a_run_that_is_none_is_not_appended(path: Path) -> None:
    with pytest.raises(TinyvmafError, match=r"this run cannot be appended to .*: commit is \'HEAD\'; it must match"):
        append(path, replace(run_of(0), commit="HEAD"))
    with pytest.raises(TinyvmafError, match=r"cannot be appended .*: NaN is not a number"):
        append(path, run_of(0, math.nan))
    assert not path.exists()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TinyvmafError, match="cannot be written: ") as raised:
        append(tmp_path / "file" / "history.jsonl", run_of(0))
    assert raised.value.hint == "choose another file with --history or $TINYVMAF_HISTORY"


def test_a_folder_that_is_closed_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated, because root ignores the file mode."""

    def closed(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path.parent.mkdir()
    monkeypatch.setattr(scratch, "write", closed)
    with pytest.raises(TinyvmafError, match="cannot be written: Permission denied"):
        append(path, run_of(0))


def test_a_full_disk_leaves_the_history_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(path, run_of(0))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(TinyvmafError, match="cannot be written: No space left on device"):
        append(path, run_of(1))
    assert read(path) == [run_of(0)]
    assert [file.name for file in path.parent.iterdir() if file.name != ".history.jsonl.lock"] == ["history.jsonl"]


def test_a_history_in_use_is_an_error_in_the_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import FileLock

    monkeypatch.setattr(latency_history.history, "_SECONDS", 0.01)
    path.parent.mkdir()
    held = FileLock(path.parent / ".history.jsonl.lock")
    with held, pytest.raises(TinyvmafError, match="another process has locked it"):
        append(path, run_of(0))


APPEND = """
import sys
from dataclasses import replace
from pathlib import Path
from tinyvmaf.measure.latency_history import append, read
path, start = Path(sys.argv[1]), int(sys.argv[2])
(run,) = read(path)[:1]
for n in range(start, start + 15):
    append(path, replace(run, commit=f"{n:040x}"))
"""

# Dies where it can do most harm: the new file is written, and has not taken the old one's place.
KILLED = """
import os, signal
from pathlib import Path
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
"""


def test_processes_at_once_lose_no_run(path: Path) -> None:
    append(path, run_of(0))
    workers = [subprocess.Popen([sys.executable, "-c", APPEND, str(path), str(start)]) for start in (100, 200)]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    numbers = sorted(int(run.commit or "", 16) for run in read(path))
    assert numbers == [0, *range(100, 115), *range(200, 215)]


def test_a_killed_process_leaves_the_history_as_it_was_and_no_lock(path: Path) -> None:
    append(path, run_of(0))
    done = subprocess.run([sys.executable, "-c", KILLED + APPEND, str(path), "100"], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert read(path) == [run_of(0)]
    append(path, run_of(1))
    assert read(path) == [run_of(0), run_of(1)]


# Series.


def test_a_series_is_of_one_machine_and_skips_runs_without_the_ratio() -> None:
    other = replace(MACHINE, id="f" * 12)
    runs = [run_of(0), run_of(1, 2.0, machine=other), run_of(2, 1.75, baseline=0.5)]
    (found,) = select(runs, model="tinyvmaf_nano", batch=16, ratio="floor", machine=MACHINE.id)
    assert (found.at, found.values.tolist()) == ((0, 2), [24.0, 28.0])
    (found,) = select(runs, model="tinyvmaf_nano", batch=1, ratio="baseline", machine=MACHINE.id)
    assert (found.at, found.values.tolist()) == ((2,), [0.5])


def test_a_selection_is_of_the_last_runs_machine_unless_told() -> None:
    other = replace(MACHINE, id="f" * 12)
    runs = [run_of(0, machine=other), run_of(1)]
    assert {one.machine for one in select(runs)} == {MACHINE.id}
    assert {one.machine for one in select(runs, machine=other.id)} == {other.id}
    assert [one.machine for one in select(runs, model="tinyvmaf_nano", batch=1, machine=latency_history.ALL)] == [
        other.id,
        MACHINE.id,
    ]
    assert [(one.model, one.batch) for one in select(runs)] == [
        *(("tinyvmaf_nano", rows) for rows in (1, 16)),
        *(("vmaf_v0.6.1_svr", rows) for rows in (1, 16)),
    ]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"model": "other"}, "the history has no run of model other\n.*it has tinyvmaf_nano, vmaf_v0.6.1_svr"),
        ({"batch": 2}, "the history has no run of batch 2\n.*it has 1, 16"),
        ({"machine": "other"}, "the history has no run of machine other\n.*it has 0123456789ab"),
        ({"ratio": "baseline"}, "has the ratio 'baseline'"),
    ],
)
def test_a_selection_of_nothing_says_what_there_is(wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(TinyvmafError, match=message):
        select([run_of(0)], **wanted)


# Here.


def test_this_machine_and_its_versions_make_a_run(path: Path) -> None:
    sha, dirty = environment.commit()
    run = Run(environment.now(), sha, dirty, environment.machine(), environment.versions(), run_of(0).models)
    append(path, run)
    assert read(path) == [run]
    assert environment.machine() == environment.machine()
    assert run.versions.python == ".".join(map(str, sys.version_info[:3]))
