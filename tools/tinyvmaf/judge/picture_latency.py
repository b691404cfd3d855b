"""How the latency gate times models that take pictures."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.judge.kinds import find
from tinyvmaf.judge.opponents import picture_opponents_of
from tinyvmaf.measure import latency
from tinyvmaf.measure.latency import (
    BASELINE,
    FLOOR,
    LIBVMAF,
    MODEL,
    FrameCost,
    MeasuredPictures,
    PictureLane,
    PictureTimes,
    Race,
    RatioBound,
)
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import VmafModel
from tinyvmaf.vmaf.teacher import DEFAULT

_GATES = {FLOOR: "latency.copy", BASELINE: "latency.baseline"}


def measured_pictures(
    results: dict[str, MeasuredPictures], subject: Subject, ffmpeg: FFmpeg, baseline: str | None
) -> MeasuredPictures:
    """What was measured of a model so far.

    Args:
        results: of this run, by model; a new one is added.
        baseline: the file of `--baseline`.

    Raises:
        TinyvmafError: as `picture_opponents_of`.
    """
    if subject.id not in results:
        against = picture_opponents_of(subject, ffmpeg, None if baseline is None else Path(baseline))
        results[subject.id] = MeasuredPictures(subject.data, against)
    return results[subject.id]


def races_libvmaf(subject: Subject) -> bool:
    """Whether its time is held against libvmaf's."""
    kind = find(subject.kind)
    return LIBVMAF in kind.raced_against


def picture_bounds(subject: Subject, measured: MeasuredPictures, bounds: Bounds) -> Mapping[RatioBound, Bound]:
    """What holds of the ratios of a model's times in its race."""
    asked = [to for to in find(subject.kind).raced_against if to in _GATES]
    if measured.against.baseline is None:
        asked = [to for to in asked if to != BASELINE]
    words = "time of a picture of 1080p"
    found = {to: bounds.for_subject(_GATES[to], subject).named(words) for to in asked}
    return {RatioBound(MODEL, to, bound.value): bound for to, bound in found.items()}


def picture_times(race: Race) -> PictureTimes:
    """What a race showed."""
    ratios = {to: race.ratio(MODEL, to) for to in race.times if to != MODEL}
    times = race.times[MODEL]
    return PictureTimes(
        race.median(MODEL) * latency.MEGAPIXELS, min(times) * latency.MEGAPIXELS, ratios, picture_lane(race).creation_ms
    )


def picture_lane(race: Race) -> PictureLane:
    """The lane of the model."""
    lane = race.lanes[0]
    assert isinstance(lane, PictureLane)
    return lane


def frame_costs(
    subjects: Iterable[Subject],
    measured: Callable[[Subject], MeasuredPictures],
    ffmpeg: FFmpeg,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> FrameCost:
    """CPU time of a frame, of libvmaf and of each model that is held against it, in turns.

    Raises:
        FFmpegError, MachineError: libvmaf could not be measured.
    """
    models = {}
    for subject in subjects:
        try:
            if races_libvmaf(subject):
                models[subject.id] = (subject.data, measured(subject).against.pictures)
        except TinyvmafError:
            continue  # its own tests tell
    return latency.frame_cost(models, VmafModel(DEFAULT), ffmpeg, folder, progress=progress)
