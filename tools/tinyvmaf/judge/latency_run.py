"""One run of the latency gate: what it needs of the process, what it measured, and what the history gets of it."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tinyvmaf.errors import CouldNotRunError, TinyvmafError
from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.judge.opponents import opponents_of
from tinyvmaf.measure import latency, latency_history
from tinyvmaf.measure.latency import BASELINE, FLOOR, MODEL, TEACHER, Measured, RatioBound, WholePath
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.ffmpeg import FFmpeg

PATH_PASSES: Final = 9


class LatencyRun:
    """What is measured, by model."""

    def __init__(self) -> None:
        self.results: dict[str, Measured] = {}

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
        """The whole path at 1080p with every model, by model; a run of libvmaf serves all models of its teacher."""
        groups: dict[str, dict[str, Measured]] = {}
        for subject in subjects:
            try:
                one = measured(subject)
            except TinyvmafError:
                continue  # its own tests tell
            groups.setdefault(one.against.teacher.id, {})[subject.id] = one
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
        why_not = "" if models else "no model was measured at every batch size"
        if others:
            why_not = "it is that of the registered models and the stored baseline"
        if stopped:
            why_not = "the run was stopped"
        if why_not:
            return f"history: nothing was added, for {why_not}"
        latency_history.add_run(path, models)
        return f"history: {path} has one line more, of {len(models)} models"


def history_path(option: str) -> Path:
    """The file of `--history`, or the default one where the option has no value."""
    return Path(option) if option else latency_history.default_path()


def race_bounds(subject: Subject, measured: Measured, batch: int, bounds: Bounds) -> Mapping[RatioBound, Bound]:
    """What holds of a model's times at a batch size."""
    baseline = measured.against.baseline is not None
    wanted = {FLOOR: batch == min(latency.BATCHES), TEACHER: batch == max(latency.BATCHES), BASELINE: baseline}
    found = {to: bounds.for_subject(f"latency.{to}", subject) for to, asked in wanted.items() if asked}
    return {RatioBound(MODEL, to, bound.value): bound for to, bound in found.items()}


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
