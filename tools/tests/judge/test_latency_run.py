"""A run of the latency gate: what is measured once, what the history gets, and what keeps a run from timing."""

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tinyvmaf.errors import CouldNotRunError, ModelError, TinyvmafError
from tinyvmaf.judge import latency_run
from tinyvmaf.judge.bounds import load_bounds
from tinyvmaf.judge.latency_run import LatencyRun
from tinyvmaf.measure import latency, latency_history
from tinyvmaf.measure.latency import BASELINE, FLOOR, TEACHER, BaselineError, Measured
from tinyvmaf.model import registry
from tinyvmaf.model.subject import Subject

FAKE: Any = None
"""For arguments that a double does not look at."""


def subject(name: str = "tinyvmaf_nano", *, registered: bool = True, **changed: object) -> Subject:
    found = Subject.at(registry.find(name).file)
    object.__setattr__(found, "registered", registered)
    found.__dict__["sidecar"] = found.sidecar.model_copy(update=changed)
    return found


def measured(baseline: bytes | None = b"before", teacher: str = "one", features: tuple[str, ...] = ()) -> Measured:
    named = SimpleNamespace(id=teacher, feature_names=features)
    against: Any = SimpleNamespace(baseline=baseline, teacher=named)
    return Measured(b"model", against)


class Options(dict[str, object]):
    """A pytest config that has options only."""

    def getoption(self, name: str, default: object = None) -> object:
        return self.get(name, default)


def test_a_model_is_prepared_once_and_held_to_the_tighter_of_bound_and_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Path | None, float]] = []

    def opponents(one: Subject, _: object, baseline: Path | None, *, most: float) -> Any:
        asked.append((one.id, baseline, most))
        return measured().against

    monkeypatch.setattr(latency_run, "opponents_of", opponents)
    bounds, run = load_bounds(), LatencyRun()
    promised = {"frame_max_error": 0.01}
    first = run.measured(subject(promised=promised), FAKE, bounds, "before.onnx")
    assert run.measured(subject(promised=promised), FAKE, bounds, "before.onnx") is first
    run.measured(subject("tinyvmaf_tiny", promised={"frame_max_error": 1e9}), FAKE, bounds, None)
    bound = bounds.for_subject("latency.output", subject("tinyvmaf_tiny")).value
    assert asked == [("tinyvmaf_nano", Path("before.onnx"), 0.01), ("tinyvmaf_tiny", None, bound)]
    assert list(run.results) == ["tinyvmaf_nano", "tinyvmaf_tiny"]


def test_a_run_of_libvmaf_serves_all_models_of_its_features(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In their order, of whichever teacher. A model that cannot be measured is left out: its own tests fail."""
    takes = {"a": ("one", ("x", "y")), "b": ("two", ("y", "x")), "c": ("three", ("x", "y"))}
    models: Any = [SimpleNamespace(id=name) for name in "abcd"]

    def of(one: Subject) -> Measured:
        if one.id == "d":
            raise ModelError("does not load")
        teacher, features = takes[one.id]
        return measured(teacher=teacher, features=features)

    asked: list[tuple[list[str], str, str]] = []

    def whole_path(files: dict[str, bytes], teacher: Any, _: object, folder: Path, **__: object) -> Any:
        asked.append((list(files), teacher.id, folder.name))
        return teacher.id

    monkeypatch.setattr(latency, "whole_path", whole_path)
    found: dict[str, Any] = LatencyRun().whole_paths(models, of, FAKE, tmp_path.joinpath, FAKE)
    assert found == {"a": "one", "b": "two", "c": "one"}
    assert asked == [(["a", "c"], "one", "path0"), (["b"], "two", "path1")]


@pytest.mark.parametrize(
    ("complete", "how", "told"),
    [
        (True, {}, "has one line more, of 1 models"),
        (False, {}, "for no model was measured at every batch size"),
        (True, {"others": True}, "for it is that of the registered models and the stored baseline"),
        (True, {"others": True, "stopped": True}, "for the run was stopped"),
    ],
)
def test_the_history_gets_a_whole_run_of_registered_models_or_nothing(
    complete: bool, how: dict[str, bool], told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    added: list[tuple[Path, Iterable[str]]] = []
    monkeypatch.setattr(latency_history, "model_run", lambda _: "line" if complete else None)
    monkeypatch.setattr(latency_history, "add_run", lambda path, models: added.append((path, list(models))))
    run, path = LatencyRun(), tmp_path / "history.jsonl"
    run.results = {"nano": measured()}
    assert told in run.add_to_history(path, **({"stopped": False, "others": False} | how))
    assert added == ([(path, ["nano"])] if "one line more" in told else [])


class Verdict:
    def __init__(self) -> None:
        self.evidence: list[object] = []
        self.notes: list[str] = []
        self.faults: list[str] = []
        self.add_evidence, self.note, self.could_not = self.evidence.append, self.notes.append, self.faults.append


@pytest.mark.parametrize(
    ("option", "status", "notes", "faults"),
    [
        ("history.jsonl", 0, 1, 0),
        ("history.jsonl", 1, 1, 0),
        ("history.jsonl", 2, 0, 0),
        (None, 0, 0, 0),
        ("read-only", 0, 0, 1),
    ],
)
def test_the_end_of_a_run_tells_the_report_and_adds_to_the_history_if_asked(
    option: str | None, status: int, notes: int, faults: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(_: LatencyRun, path: Path, *, stopped: bool, others: bool) -> str:
        if path.name == "read-only":
            raise TinyvmafError("read-only")
        assert (stopped, others) == (False, True)
        return "added"

    monkeypatch.setattr(LatencyRun, "add_to_history", add)
    monkeypatch.setattr(latency_history, "past", lambda _, models: {"past": list(models)})
    config: Any = Options({"--history": option, "--model": ["a.onnx"]})
    verdict = Verdict()
    config.pluginmanager = SimpleNamespace(get_plugin=lambda _: verdict)
    session: Any = SimpleNamespace(config=config, shouldstop=False, shouldfail=False)
    latency_run.end_run(session, status, LatencyRun())
    assert verdict.evidence == [{"past": []}]
    assert (len(verdict.notes), len(verdict.faults)) == (notes, faults)
    assert all(fault.startswith("history: nothing was added to read-only") for fault in verdict.faults)
    config.pluginmanager = SimpleNamespace(get_plugin=lambda _: None)
    latency_run.end_run(session, status, LatencyRun())  # a worker of xdist


def test_floor_and_teacher_bound_one_batch_each_and_a_baseline_all() -> None:
    bounds, least, largest = load_bounds(), min(latency.BATCHES), max(latency.BATCHES)
    for batch, held in ((least, {FLOOR, BASELINE}), (largest, {TEACHER, BASELINE}), (16, {BASELINE})):
        assert {one.to for one in latency_run.race_bounds(subject(), measured(), batch, bounds)} == held
    assert not latency_run.race_bounds(subject(), measured(None), 16, bounds)


def test_a_registered_model_has_a_baseline_and_others_are_not_checked_without() -> None:
    notes: list[str] = []
    assert latency_run.baseline_of(subject(), measured(), None, notes.append) == b"before"
    assert not notes
    assert latency_run.baseline_of(subject(registered=False), measured(None), None, notes.append) is None
    assert latency_run.baseline_of(subject(), measured(), "other.onnx", notes.append) == b"before"
    assert [note.partition(":")[0] for note in notes] == [
        "tinyvmaf_nano has no baseline to be compared with",
        "tinyvmaf_nano against the stored baseline",
    ]
    with pytest.raises(BaselineError, match="no baseline") as caught:
        latency_run.baseline_of(subject(), measured(None), None, notes.append)
    assert caught.value.hint == "tinyvmaf bench baseline --accept tinyvmaf_nano --reason '...'"


def test_nothing_is_timed_beside_workers_under_a_tracer_or_without_pytest_benchmark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config: Any = Options()
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.setattr(latency, "disturbed", lambda: None)
    latency_run.check_undisturbed(config)
    monkeypatch.setattr(latency, "disturbed", lambda: "a profiler")
    with pytest.raises(CouldNotRunError, match="under a profiler"):
        latency_run.check_undisturbed(config)
    with pytest.raises(CouldNotRunError, match="xdist"):
        latency_run.check_undisturbed(Options(numprocesses=2))  # type: ignore[arg-type]
    config.pluginmanager = SimpleNamespace(has_plugin=lambda name: name != "benchmark")
    with pytest.raises(CouldNotRunError, match="pytest-benchmark is not here"):
        latency_run.check_benchmark(config)
    request: Any = SimpleNamespace(getfixturevalue=lambda _: SimpleNamespace(disabled=True))
    with pytest.raises(CouldNotRunError, match="switched off"):
        latency_run.benchmark_of(request)


def test_a_history_that_cannot_be_read_is_found_out_first(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text("no line\n", encoding="utf-8")
    config: Any = Options({"--history": str(tmp_path / "history.jsonl")})
    with pytest.raises(TinyvmafError, match=r"history\.jsonl"):
        latency_run.check_history(config)
    latency_run.check_history(Options())  # type: ignore[arg-type]
    assert latency_run.history_path("") == latency_history.default_path()
