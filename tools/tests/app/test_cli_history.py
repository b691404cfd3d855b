"""`tinyvmaf bench history` and `plot`, on a parser of their own."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tinyvmaf.app.cli import history as commands
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.measure.environment import Machine, Versions
from tinyvmaf.measure.latency_history import Batch, ModelRun, Run, append
from tinyvmaf.measure.latency_history.run import to_line

MACHINE = Machine("0123456789ab", "AMD EPYC", 2, "Linux x86_64")
Bench = Callable[..., str]


def runs_of(n: int, step: int) -> list[Run]:
    """Runs of one model; the first has no baseline, and from run `step` on the model is 25 % slower."""
    runs = []
    for i in range(n):
        floor = (2.0 if i < step else 2.5) + (i % 3) / 100
        batches = {rows: Batch(1000.0 * floor, floor, floor / 10, None if i == 0 else 1.0) for rows in (1, 16)}
        model = ModelRun("a" * 64, 1, 1, 1, 1.0, None, batches)
        versions = Versions("0", "3", "1", "2")
        runs.append(Run(f"2026-11-{i + 1:02}T13:00:00Z", f"{i:010x}" * 4, i == 0, MACHINE, versions, {"nano": model}))
    return runs


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "history.jsonl"
    path.write_text("".join(f"{to_line(run)}\n" for run in runs_of(20, 12)), encoding="utf-8")
    return path


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str]) -> Bench:
    """Run a command; gives its output."""

    def run(*words: str) -> str:
        parser = argparse.ArgumentParser(prog="bench")
        commands.add_commands(parser.add_subparsers(required=True))
        arguments = parser.parse_args(words)
        assert arguments.run(arguments) == 0
        return capsys.readouterr().out

    return run


def test_the_table_has_the_newest_last_and_marks_the_change(history: Path, bench: Bench) -> None:
    lines = bench("history", "--history", str(history), "--batch", "16").splitlines()
    assert lines[0].split() == [
        "at",
        "commit",
        "machine",
        "model",
        "batch",
        "ns/row",
        "floor",
        "svr",
        "baseline",
        "change",
        "of",
        "floor",
    ]
    assert len(lines) == 21
    assert lines[1].split() == [
        "2026-11-01T13:00:00Z",
        "0000000000+",
        "0123456789ab",
        "nano",
        "16",
        "2000.0",
        "2.000",
        "0.200",
    ]
    assert lines[-1].split()[:2] == ["2026-11-20T13:00:00Z", f"{19:010x}"]
    assert [(number, line.split("  ")[-1]) for number, line in enumerate(lines[1:]) if "%" in line] == [(12, "+24.9 %")]


def test_rows_of_one_run_are_together_in_the_table(history: Path, bench: Bench) -> None:
    lines = bench("history", "--history", str(history)).splitlines()[1:]
    assert [line.split()[4] for line in lines[:4]] == ["1", "16", "1", "16"]
    assert sum("%" in line for line in lines) == 2


def test_json_has_the_series_with_their_changes(history: Path, bench: Bench) -> None:
    found = json.loads(bench("history", "--history", str(history), "--json", "--ratio", "svr"))
    assert [(one["model"], one["batch"], one["ratio"], one["machine"]) for one in found] == [
        ("nano", 1, "svr", MACHINE.id),
        ("nano", 16, "svr", MACHINE.id),
    ]
    assert [len(one["runs"]) for one in found] == [20, 20]
    assert found[0]["runs"][0] == {
        "at": "2026-11-01T13:00:00Z",
        "commit": "0" * 40,
        "dirty": True,
        "ns_a_row": 2000.0,
        "floor": 2.0,
        "svr": 0.2,
        "baseline": None,
    }
    (change,) = found[0]["changes"]
    assert change["index"] == 12
    assert change["commit"] == found[0]["runs"][12]["commit"]
    assert change["factor"] == pytest.approx(change["after"] / change["before"])
    assert change["factor"] == pytest.approx(1.25, abs=0.01)


def test_a_run_without_the_ratio_is_not_in_its_series(history: Path, bench: Bench) -> None:
    (found,) = json.loads(bench("history", "--history", str(history), "--json", "--ratio", "baseline", "--batch", "1"))
    assert len(found["runs"]) == 19
    assert found["changes"] == []


def test_the_default_machine_is_that_of_the_last_run(history: Path, bench: Bench) -> None:
    other = replace(runs_of(1, 5)[0], machine=replace(MACHINE, id="f" * 12))
    append(history, other)
    options = ("history", "--history", str(history), "--batch", "1")
    assert bench(*options).count("\n") == 2
    assert bench(*options, "--machine", MACHINE.id).count("\n") == 21
    assert bench(*options, "--machine", "all").count("\n") == 22


def test_without_a_history_it_says_how_to_make_one(
    tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "none.jsonl"
    monkeypatch.setenv("TINYVMAF_HISTORY", str(path))
    expected = f"There is no history yet at {path}: `tox -e latency` measures the models and adds a run.\n"
    assert bench("history") == expected
    assert bench("history", "--model", "nano") == expected
    assert json.loads(bench("history", "--json")) == []
    path.touch()
    assert bench("history") == expected
    with pytest.raises(TinyvmafError, match=r"nothing to draw: there is no history yet at .*none\.jsonl") as raised:
        bench("plot", "--out", str(tmp_path / "latency.svg"))
    assert raised.value.hint == "`tox -e latency` measures the models and adds a run"
    assert [file.name for file in tmp_path.iterdir()] == ["none.jsonl"]


def test_a_damaged_history_is_an_error_and_not_an_empty_one(history: Path, bench: Bench) -> None:
    history.write_bytes(history.read_bytes()[:-9])
    for options in (("history",), ("history", "--json"), ("plot", "--out", str(history.with_suffix(".svg")))):
        with pytest.raises(TinyvmafError, match="line 20 is not a run"):
            bench(*options, "--history", str(history))
    assert not history.with_suffix(".svg").exists()


def test_a_model_that_was_never_measured_is_an_error(history: Path, bench: Bench) -> None:
    with pytest.raises(TinyvmafError, match="no run of model tiny"):
        bench("history", "--history", str(history), "--model", "tiny")


@pytest.mark.parametrize("wrong", [["--batch", "0"], ["--ratio", "time"]])
def test_wrong_use_is_exit_status_2(wrong: list[str], bench: Bench) -> None:
    with pytest.raises(SystemExit, match="2"):
        bench("history", *wrong)


def test_the_picture_is_written(history: Path, bench: Bench, tmp_path: Path) -> None:
    out = tmp_path / "pictures" / "latency.svg"
    assert bench("plot", "--history", str(history), "--out", str(out), "--model", "nano") == f"wrote {out}\n"
    assert out.read_bytes().startswith(b"<?xml")


def test_the_suffix_is_checked_first(tmp_path: Path, bench: Bench) -> None:
    with pytest.raises(TinyvmafError, match=r"cannot draw \.gif"):
        bench("plot", "--history", str(tmp_path / "none.jsonl"), "--out", str(tmp_path / "latency.gif"))


def test_a_list_does_not_import_matplotlib() -> None:
    code = "import sys, tinyvmaf.app.cli.history; print(*{'matplotlib', 'onnxruntime'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == ""
