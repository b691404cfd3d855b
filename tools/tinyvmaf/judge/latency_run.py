"""One run of the latency gate: what it needs of the process, what it measured, and what the history gets of it."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tinyvmaf.errors import CouldNotRunError, TinyvmafError
from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.judge.collector import COLLECTOR
from tinyvmaf.judge.kinds import find
from tinyvmaf.judge.opponents import opponents_of
from tinyvmaf.measure import latency, latency_history
from tinyvmaf.measure.latency import (
    BASELINE,
    FLOOR,
    MODEL,
    TEACHER,
    BaselineError,
    Measured,
    MeasuredPictures,
    RatioBound,
    WholePath,
)
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.ffmpeg import FFmpeg

PATH_PASSES: Final = 10  # behind two runs of libvmaf


class LatencyRun:
    """What is measured, by model."""

    def __init__(self) -> None:
        self.results: dict[str, Measured] = {}
        self.pictures: dict[str, MeasuredPictures] = {}
        """Of models that take pictures."""

    def measured(self, subject: Subject, ffmpeg: FFmpeg, bounds: Bounds, baseline: str | None) -> Measured:
        """What was measured of a model so far.

        Args:
            baseline: the file of `--baseline`.

        Raises:
            TinyvmafError: as `opponents_of`.
        """
        if subject.id not in self.results:
            most = bounds.for_subject("latency.output", subject).value
            most = min(most, subject.promised.get("frame_max_error", most))
            against = opponents_of(subject, ffmpeg, None if baseline is None else Path(baseline), most=most)
            self.results[subject.id] = Measured(subject.data, against)
        return self.results[subject.id]

    def whole_paths(
        self,
        subjects: Iterable[Subject],
        measured: Callable[[Subject], Measured],
        ffmpeg: FFmpeg,
        folder: Callable[[str], Path],
        progress: Callable[[int, int], None],
    ) -> dict[str, WholePath]:
        """The whole path at 1080p with every model, by model; a run of libvmaf serves all models of its features."""
        groups: dict[tuple[str, ...], dict[str, Measured]] = {}
        for subject in subjects:
            try:
                one = measured(subject)
            except TinyvmafError:
                continue  # its own tests tell
            groups.setdefault(one.against.teacher.feature_names, {})[subject.id] = one
        found: dict[str, WholePath] = {}
        for number, group in enumerate(groups.values()):
            files, (first, *_) = {name: one.data for name, one in group.items()}, group.values()
            where, teacher = folder(f"path{number}"), first.against.teacher
            path = latency.whole_path(files, teacher, ffmpeg, where, passes=PATH_PASSES, progress=progress)
            found |= dict.fromkeys(group, path)
        return found

    def add_to_history(self, path: Path, *, stopped: bool, others: bool) -> str:
        """Add a line to the history, of the models that were measured at every batch size.

        Args:
            stopped: the run did not end by itself.
            others: it judged other models than the registered ones, or compared them with another baseline.

        Returns:
            What became of it.

        Raises:
            TinyvmafError: it cannot be written.
        """
        models = {name: run for name, one in self.results.items() if (run := latency_history.model_run(one))}
        models |= {name: run for name, one in self.pictures.items() if (run := latency_history.picture_run(one))}
        why_not = "" if models else "no model was measured at every batch size"
        if others:
            why_not = "it is that of the registered models and the stored baseline"
        if stopped:
            why_not = "the run was stopped"
        if why_not:
            return f"history: nothing was added, for {why_not}"
        latency_history.add_run(path, models)
        return f"history: {path} has one line more, of {len(models)} models"


def end_run(session: pytest.Session, exitstatus: int, run: LatencyRun) -> None:
    """Give the report what the history has of the models and, with `--history`, add the run to the file.

    The run is added whole, or not at all if it was stopped or judged other models.
    """
    config, option = session.config, session.config.getoption("--history")
    verdict = config.pluginmanager.get_plugin(COLLECTOR)
    if verdict is None:  # in a worker of xdist
        return
    path = history_path(option)
    verdict.add_evidence(latency_history.past(path, [*run.results, *run.pictures]))
    if option is None or exitstatus > pytest.ExitCode.TESTS_FAILED:
        return
    others = bool(config.getoption("--model") or config.getoption("--baseline"))
    try:
        stopped = bool(session.shouldstop or session.shouldfail)
        verdict.note(run.add_to_history(path, stopped=stopped, others=others))
    except TinyvmafError as error:
        verdict.could_not(f"history: nothing was added to {path}: {error}")


def check_history(config: pytest.Config) -> None:
    """Hold that the history can be read, before anything is measured.

    Raises:
        TinyvmafError: as `latency_history.read`.
    """
    if (option := config.getoption("--history")) is not None:
        latency_history.read(history_path(option))


def history_path(option: str) -> Path:
    """The file of `--history`, or the default one where the option has no value."""
    return Path(option) if option else latency_history.default_path()


def race_bounds(subject: Subject, measured: Measured, batch: int, bounds: Bounds) -> Mapping[RatioBound, Bound]:
    """What holds of a model's times at a batch size."""
    baseline = measured.against.baseline is not None
    wanted = {FLOOR: batch == min(latency.BATCHES), TEACHER: batch == max(latency.BATCHES), BASELINE: baseline}
    held = [to for to in find(subject.kind).raced_against if wanted.get(to)]
    found = {to: bounds.for_subject(f"latency.{to}", subject) for to in held}
    return {RatioBound(MODEL, to, bound.value): bound for to, bound in found.items()}


def baseline_of(
    subject: Subject, measured: Measured | MeasuredPictures, named: str | None, note: Callable[[str], None]
) -> bytes | None:
    """The baseline that a model was raced against. A registered model has one.

    Args:
        named: the file of `--baseline`.
        note: takes what cannot be compared, for NOT CHECKED.

    Raises:
        BaselineError: a registered model has none.
    """
    if named and subject.registered:
        note(f"{subject.id} against the stored baseline: --baseline {named} stood in for it")
    if measured.against.baseline is None:
        lacking = f"{subject.id} has no baseline to be compared with"
        if subject.registered:
            raise BaselineError(lacking, hint=f"tinyvmaf bench baseline --accept {subject.id} --reason '...'")
        note(f"{lacking}: --baseline PATH names one")
    return measured.against.baseline


def check_undisturbed(config: pytest.Config) -> None:
    """Hold that nothing else of this run is at work, beside the tests or within them.

    Raises:
        CouldNotRunError: workers of xdist, a tracer or a profiler are.
    """
    if os.environ.get("PYTEST_XDIST_WORKER") or config.getoption("numprocesses", None):
        raise CouldNotRunError(
            "latency cannot be measured while other tests run beside it (xdist)",
            hint="tox -e latency, or pytest suites/latency -n 0",
        )
    if by := latency.disturbed():
        raise CouldNotRunError(
            f"latency cannot be measured under {by}: it costs by the call",
            hint="run the suite without --cov, coverage, debugger and profiler",
        )


def check_benchmark(config: pytest.Config) -> None:
    """Hold that pytest-benchmark is here.

    Raises:
        CouldNotRunError: it is not.
    """
    if not config.pluginmanager.has_plugin("benchmark"):
        raise CouldNotRunError(
            "pytest-benchmark is not here, or was switched off with -p no:benchmark",
            hint="pip install -c constraints.txt -e '.[gate]'",
        )


def benchmark_of(request: pytest.FixtureRequest) -> Any:
    """pytest-benchmark's fixture, to be asked for when there is something to time: unused, it would warn.

    Raises:
        CouldNotRunError: it was switched off.
    """
    found = request.getfixturevalue("benchmark")
    if found.disabled:
        raise CouldNotRunError(
            "pytest-benchmark was switched off, so nothing would be timed", hint="leave out --benchmark-disable"
        )
    return found
