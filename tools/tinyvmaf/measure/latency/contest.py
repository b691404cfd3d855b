"""What a model is raced against, and the whole path around it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import ModelError
from tinyvmaf.measure.latency.baseline import BaselineError, baselines
from tinyvmaf.measure.latency.cost import features_of
from tinyvmaf.measure.latency.lanes import ANY_SCORE, SESSIONS, Expected, FloorLane, ModelLane
from tinyvmaf.measure.latency.race import REPEATS, Race
from tinyvmaf.measure.latency.references import floor_model, teacher_model
from tinyvmaf.model.door import check_file
from tinyvmaf.model.engines import EngineError, OnnxRuntimeCpu
from tinyvmaf.model.third_party.wrap import AsItCame
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import score_pair
from tinyvmaf.vmaf.media import both
from tinyvmaf.vmaf.patterns import HEIGHT, WIDTH, checkerboard
from tinyvmaf.vmaf.teacher import Teacher

MODEL: Final = "model"
FLOOR: Final = "floor"
TEACHER: Final = "teacher"
BASELINE: Final = "baseline"
LIBVMAF: Final = "libvmaf"
REFERENCES: Final = (FLOOR, TEACHER, BASELINE, LIBVMAF)
"""What a model's time may be compared with."""

_TEACHER_OFF: Final = 1e-3  # VMAF points; it and `Teacher.predict` are the same numbers in another order
_SHIFTS: Final = (0, 1)  # of the golden pair of checkerboards
_TIMES_OVER: Final = 5  # a pattern has 3 frames
_PASSES_A_RUN: Final = 5  # of models, behind a run of libvmaf


@dataclass(frozen=True)
class Opponents:
    """What a model is raced against, and on which rows."""

    teacher: Teacher
    expected: Expected
    baseline: bytes | None
    """The model file that it may not be slower than; None if there is none."""
    as_it_came: AsItCame | None = None
    """The original of an adopted model, timed in its place: the added nodes are not its own."""


def opponents(model_id: str, teacher: Teacher, expected: Expected, baseline: Path | None = None) -> Opponents:
    """The opponents of a model.

    Args:
        baseline: the file that it may not be slower than; None for the stored one, if there is one.

    Raises:
        BaselineError: the baseline does not keep the contract, or takes other features.
    """
    stored = baselines().get(model_id) if baseline is None else None
    try:
        before = stored.data() if stored else check_file(baseline) if baseline else None
    except ModelError as error:
        raise BaselineError(error.message, hint=error.hint) from error
    if before is not None and (takes := features_of(before)) != len(teacher.features):
        raise BaselineError(f"the baseline of {model_id} takes {takes} features, not {len(teacher.features)}")
    return Opponents(teacher, expected, before)


def race_of(data: bytes, against: Opponents, batch: int) -> Race:
    """A race at a batch size: a model, an Identity model, the teacher, and the baseline if there is one.

    Raises:
        ModelError: the model does not load or run.
        BaselineError, EngineError: another one does not, or memory is lacking.
    """
    expected = against.expected
    model = ModelLane(MODEL, data, expected, batch, came=against.as_it_came)
    floor = FloorLane(FLOOR, floor_model(expected.rows.shape[1]), expected, batch, fault=EngineError)
    exact = Expected(expected.rows, expected.scores, _TEACHER_OFF)
    teacher = ModelLane(TEACHER, teacher_model(against.teacher), exact, batch, fault=EngineError)
    lanes: list[ModelLane] = [model, floor, teacher]
    if against.baseline is not None:
        # It was good enough once; whether it is right is not the question here.
        loose = Expected(expected.rows, expected.scores, ANY_SCORE)
        lanes.append(ModelLane(BASELINE, against.baseline, loose, batch, like=model, fault=BaselineError))
    # A slow call runs through many interruptions itself. Once in each session is enough, and unclear races go on.
    return Race(lanes, repeats=SESSIONS if model.slow else REPEATS)


@dataclass(frozen=True)
class WholePath:
    """libvmaf on a pair of 1080p, and what models add to it, pass by pass."""

    frames: int
    libvmaf_s: tuple[float, ...]
    """Seconds, a run for five passes: opening the files, features, the teacher's score in libvmaf, reading its log."""
    models_s: dict[str, tuple[float, ...]]
    """Seconds, right behind: loading the model and scoring the frames; of those that did."""
    failed: dict[str, str]
    """Models that did not run, and why."""


def whole_path(
    models: Mapping[str, bytes],
    teacher: Teacher,
    ffmpeg: FFmpeg,
    folder: Path,
    *,
    passes: int,
    progress: Callable[[int, int], None] | None = None,
) -> WholePath:
    """Time the whole path, from two files to scores.

    libvmaf and a model run one after the other, so the whole path takes the sum, and what the model adds is measured
    by itself: the difference of two whole paths would drown in libvmaf's own variation, which is larger. For the same
    reason libvmaf runs for each fifth pass only: what the models add is what is judged.

    Args:
        models: the files of models, by id, of this teacher or of others that take the same features: what libvmaf
            computes for them differs by one SVR on a frame, which takes microseconds.
        folder: for the clips, 90 MB.
        progress: told the passes done, and all.

    Raises:
        FFmpegError: libvmaf did not run.
    """
    clips = [folder / f"checkerboard_{shift}.yuv" for shift in _SHIFTS]
    libvmaf, taken, failed = list[float](), {name: list[float]() for name in models}, dict[str, str]()
    try:
        for shift, path in zip(_SHIFTS, clips, strict=True):
            path.write_bytes(checkerboard(shift) * _TIMES_OVER)
        for done in range(passes):
            if done % _PASSES_A_RUN == 0:
                begin = time.perf_counter()
                table = score_pair(
                    *clips,
                    options=both(size=f"{WIDTH}x{HEIGHT}", pix_fmt="yuv420p"),
                    # FFmpeg's filter runs no bootstrap models; what takes the time is their features.
                    models=[] if teacher.bootstrap else [teacher.model()],
                    ffmpeg=ffmpeg,
                )
                run_s = time.perf_counter() - begin
            libvmaf.append(run_s)
            for name, data in models.items():
                begin = time.perf_counter()
                rows: NDArray[np.float64] = table.features(teacher.feature_names)
                try:
                    OnnxRuntimeCpu(data).run(rows)
                except ModelError as error:  # says nothing of the others
                    failed[name] = error.message
                taken[name].append(time.perf_counter() - begin)
            if progress is not None:
                progress(done + 1, passes)
    finally:
        for path in clips:
            path.unlink(missing_ok=True)
    times = {name: tuple(values) for name, values in taken.items() if name not in failed}
    return WholePath(len(table), tuple(libvmaf), times, failed)
