"""A model under test with all that it is timed against, and the whole path around it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data import dataset
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.errors import ModelError, TinyvmafError
from tinyvmaf.files import home, sha256
from tinyvmaf.measure.latency.baseline import BaselineError, baselines
from tinyvmaf.measure.latency.cost import features_of
from tinyvmaf.measure.latency.lanes import ANY_SCORE, BATCHES, Expected, FloorLane, ModelLane
from tinyvmaf.measure.latency.race import Race
from tinyvmaf.measure.latency.references import floor_model, teacher_model
from tinyvmaf.model import contract
from tinyvmaf.model.engines import EngineError, OnnxRuntimeCpu
from tinyvmaf.model.sidecar import Sidecar, read_sidecar
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import score_pair
from tinyvmaf.vmaf.patterns import HEIGHT, WIDTH, checkerboard
from tinyvmaf.vmaf.teacher import Teacher, load_built_in

MODEL: Final = "model"
FLOOR: Final = "floor"
TEACHER: Final = "teacher"
BASELINE: Final = "baseline"

_TEACHER_OFF: Final = 1e-3  # VMAF points; it and `Teacher.predict` are the same numbers in another order
_SHIFTS: Final = (0, 1)  # of the golden pair of checkerboards
_TIMES_OVER: Final = 5  # a pattern has 3 frames


@dataclass(frozen=True)
class Subject:
    """A model under test."""

    id: str
    data: bytes
    teacher: Teacher
    expected: Expected
    baseline: bytes | None
    """The model file that it may not be slower than; None if there is none."""

    def race(self, batch: int) -> Race:
        """A race at a batch size: the model, an Identity model, the teacher, and the baseline if there is one.

        Raises:
            ModelError: the model does not load or run.
            BaselineError, EngineError: another one does not, or memory is lacking.
        """
        expected = self.expected
        model = ModelLane(MODEL, self.data, expected, batch)
        floor = FloorLane(FLOOR, floor_model(expected.rows.shape[1]), expected, batch, fault=EngineError)
        exact = Expected(expected.rows, expected.scores, _TEACHER_OFF)
        teacher = ModelLane(TEACHER, teacher_model(self.teacher), exact, batch, fault=EngineError)
        lanes: list[ModelLane] = [model, floor, teacher]
        if self.baseline is not None:
            # It was good enough once; whether it is right is not the question here.
            loose = Expected(expected.rows, expected.scores, ANY_SCORE)
            lanes.append(ModelLane(BASELINE, self.baseline, loose, batch, like=model, fault=BaselineError))
        return Race(lanes)


def read_subject(path: Path, ffmpeg: FFmpeg, baseline: Path | None = None) -> tuple[Subject, Sidecar]:
    """A model from its file, with the sidecar beside it, on the rows of the embedded corpus.

    Args:
        ffmpeg: its libvmaf has the teacher.
        baseline: the file that it may not be slower than; None for the stored one, if there is one.

    Returns:
        The model, of which any score is expected so far; and its sidecar.

    Raises:
        ModelError: it does not keep the contract, or is not the sidecar's.
        BaselineError: the baseline does not keep it, or takes other features.
        RegistryError, TeacherError: no sidecar, or what it says cannot be.
    """
    if baseline is not None and (wrong := contract.file_faults(baseline)):
        raise BaselineError(f"{baseline} does not keep the contract, so it is not run: {wrong[0]}")
    if wrong := contract.file_faults(path):
        raise ModelError(f"{path} does not keep the contract, so it is not run: {wrong[0]}")
    data, sidecar = path.read_bytes(), read_sidecar(path.with_suffix(".json"))
    if sidecar.sha256 != sha256(data):
        raise ModelError(f"{path}: its sidecar is of another file", hint="tinyvmaf verify says what differs")
    teacher = load_built_in(ffmpeg, sidecar.teacher.id)
    if sidecar.feature_order != tuple(teacher.feature_names):
        raise ModelError(f"{path}: its features are not in its teacher's order")
    stored = baselines().get(sidecar.id) if baseline is None else None
    before = stored.data() if stored else baseline.read_bytes() if baseline else None
    if before is not None and (takes := features_of(before)) != len(teacher.features):
        raise BaselineError(f"the baseline of {sidecar.id} takes {takes} features, not {len(teacher.features)}")
    rows = dataset.read(home() / "fixtures" / "corpus" / "features.parquet")
    return Subject(sidecar.id, data, teacher, expected_of(rows, teacher), before), sidecar


def expected_of(corpus: Dataset, teacher: Teacher, most: float = ANY_SCORE) -> Expected:
    """Real rows and the teacher's scores of them.

    Args:
        corpus: has the teacher's features.
        most: by how much an output may be off, VMAF points.

    Raises:
        TinyvmafError: fewer rows than the largest batch, or a feature is missing.
    """
    rows = corpus.columns(*teacher.feature_names).astype(np.float32)
    if len(rows) < BATCHES[-1]:
        raise TinyvmafError(f"{len(rows)} rows, and the largest batch has {BATCHES[-1]}")
    # In an order of their own: neighbours of one clip are alike.
    rows = np.ascontiguousarray(rows[np.random.default_rng(0).permutation(len(rows))])
    return Expected(rows, teacher.predict(rows.astype(np.float64)), most)


@dataclass(frozen=True)
class WholePath:
    """libvmaf on a pair of 1080p, and what models add to it, pass by pass."""

    frames: int
    libvmaf_s: tuple[float, ...]
    """Seconds: opening the files, features, the teacher's score in libvmaf, reading its log."""
    models_s: dict[str, tuple[float, ...]]
    """Seconds, right behind: loading the model and scoring the frames; of those that did."""
    failed: dict[str, str]
    """Models that did not run, and why."""


def whole_path(
    models: Sequence[Subject],
    ffmpeg: FFmpeg,
    folder: Path,
    *,
    passes: int,
    progress: Callable[[int, int], None] | None = None,
) -> WholePath:
    """Time the whole path, from two files to scores.

    libvmaf and a model run one after the other, so the whole path takes the sum, and what the model adds is measured
    by itself: the difference of two whole paths would drown in libvmaf's own variation, which is larger.

    Args:
        models: of one teacher.
        folder: for the clips, 90 MB.
        progress: told the passes done, and all.

    Raises:
        ValueError: two models of one id.
        FFmpegError: libvmaf did not run.
    """
    if len({subject.id for subject in models}) != len(models):
        raise ValueError("two models of one id")
    clips = [folder / f"checkerboard_{shift}.yuv" for shift in _SHIFTS]
    teacher = models[0].teacher
    libvmaf, taken, failed = list[float](), {subject.id: list[float]() for subject in models}, dict[str, str]()
    try:
        for shift, path in zip(_SHIFTS, clips, strict=True):
            path.write_bytes(checkerboard(shift) * _TIMES_OVER)
        for done in range(passes):
            begin = time.perf_counter()
            table = score_pair(
                *clips, size=f"{WIDTH}x{HEIGHT}", pix_fmt="yuv420p", models=[teacher.model()], ffmpeg=ffmpeg
            )
            libvmaf.append(time.perf_counter() - begin)
            for subject in models:
                begin = time.perf_counter()
                rows: NDArray[np.float64] = table.features(teacher.feature_names)
                try:
                    OnnxRuntimeCpu(subject.data).run(rows)
                except ModelError as error:  # says nothing of the others
                    failed[subject.id] = error.message
                taken[subject.id].append(time.perf_counter() - begin)
            if progress is not None:
                progress(done + 1, passes)
    finally:
        for path in clips:
            path.unlink(missing_ok=True)
    times = {name: tuple(values) for name, values in taken.items() if name not in failed}
    return WholePath(len(table), tuple(libvmaf), times, failed)
