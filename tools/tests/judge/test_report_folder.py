"""A report stays until a run of suites ends, and is never that of a run that gave none."""

from functools import partial
from pathlib import Path

import pytest

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.judge import report, report_folder, results
from tinyvmaf.judge.report_folder import LOCK, UNFINISHED, FolderInUseError, begin, publish, remove
from tinyvmaf.judge.verdict import FILES

from .test_results import found, outcome

COMMAND = "tinyvmaf gate"


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {LOCK}


def test_a_run_replaces_the_report_when_it_ends(tmp_path: Path) -> None:
    publish(tmp_path, results.finish(found(outcomes=[outcome()])), {"schema": 1, "models": {}})
    before = (tmp_path / "verdict.json").read_text(encoding="utf-8")
    lock = begin(tmp_path, COMMAND)
    assert files(tmp_path) == {*FILES, UNFINISHED}
    assert (tmp_path / "verdict.json").read_text(encoding="utf-8") == before
    publish(tmp_path, results.finish(found(outcomes=[outcome(101.0)])), {"schema": 1, "models": {}})
    assert files(tmp_path) == set(FILES)
    assert '"FAIL"' in (tmp_path / "verdict.json").read_text(encoding="utf-8")
    lock.release()


def test_where_a_page_fails_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = results.finish(found(outcomes=[outcome()]))
    publish(tmp_path, whole, {"schema": 1, "models": {}})

    def fails(*_: object) -> None:
        raise OverflowError("too large")

    monkeypatch.setattr(report, "write", fails)
    with pytest.raises(OverflowError):
        report_folder.publish(tmp_path, whole, {"schema": 1, "models": {}})
    assert files(tmp_path) == set()


def test_a_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for attempt in (partial(begin, command=COMMAND), remove):
        with pytest.raises(TinyvmafError, match="--report DIR"):
            attempt(tmp_path / "file")


def test_a_folder_is_that_of_one_run_at_a_time(tmp_path: Path) -> None:
    first = begin(tmp_path, "tinyvmaf gate -k \x1b[31mnano\n")
    before = (tmp_path / UNFINISHED).read_text(encoding="utf-8")
    assert before.startswith(r"'tinyvmaf gate -k \x1b[31mnano\n' (process ")
    with pytest.raises(FolderInUseError, match=r"another run .*: 'tinyvmaf gate -k .*' \(process [0-9]+, 20.*Z\)\n"):
        begin(tmp_path, "pytest suites/golden")
    assert (tmp_path / UNFINISHED).read_text(encoding="utf-8") == before
    first.release()
    begin(tmp_path, "pytest suites/golden").release()
