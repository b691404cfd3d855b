"""Measures a filter: PSNR here, VMAF and VMAF NEG by the real libvmaf.

Each frame is scored as a still: libvmaf measures detail and information of the frame, and the teacher's SVR gives the
score at motion 0. Frames of several clips can then be measured in one pass, whatever lies between them. Motion is that
of the reference and would be the same before and after, but moving frames reach the end of the scale at 100, where no
harm can be seen.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf import scratch
from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.measure.harm.applied import Filter, apply
from tinyvmaf.measure.harm.clips import FilterClip
from tinyvmaf.measure.harm.found import BANDS, ClipHarm, HarmFound, band_of
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import score_pair
from tinyvmaf.vmaf.media import both
from tinyvmaf.vmaf.teacher import load_built_in

TEACHERS: Final = {"vmaf": "vmaf_v0.6.1", "neg": "vmaf_v0.6.1neg"}
MOST_DB: Final = 100.0
"""PSNR of equal pictures, which has no finite value. One sample that is off by one in a frame of 640x360 is 102 dB."""
FLAT: Final = {"a black picture": 0, "a white picture": 255}
"""Clean input beside the references: its samples are at the ends of their range."""
LEAST_SOURCES: Final = 3
"""Fewer have no interval."""
_GREY: Final = 128

Frames = NDArray[np.uint8]
Floats = NDArray[np.float64]
Scores = Mapping[str, Sequence[float]]
"""Of each clip, by the names of `TEACHERS`, points."""


def measure_harm(
    filtered: Filter, clips: Sequence[FilterClip], ffmpeg: FFmpeg, unfiltered: Scores | None = None
) -> HarmFound:
    """What a filter does to clips, to their references, and to what it has filtered already.

    Args:
        clips: all of one size, in every band, of three sources at least.
        unfiltered: what `scores_of` gives for the clips as they are, if it is known; else it is measured.

    Raises:
        CouldNotRunError: a band has no clip, there are too few sources, or a clip has no frames or no reference.
        ModelError: the filter gives no pictures, see `apply`.
        FFmpegError, LogError: libvmaf cannot measure.
    """
    _require(clips)
    after = [apply(filtered, clip.distorted) for clip in clips]
    twice = [apply(filtered, frames) for frames in after]
    clean, kept = {}, []
    for source in sorted({clip.source for clip in clips}):
        pristine = next(clip.reference for clip in clips if clip.source == source)
        given = apply(filtered, pristine)
        clean[source] = min(psnr(pristine[at], given[at]) for at in range(len(pristine)))
        kept.append(np.array_equal(pristine, given))
    for name, level in FLAT.items():
        flat = np.full_like(clips[0].reference[:1], level)
        clean[name] = psnr(flat, apply(filtered, flat))
    before = scores_of(clips, ffmpeg) if unfiltered is None else unfiltered
    changed = [not np.array_equal(clip.distorted, frames) for clip, frames in zip(clips, after, strict=True)]
    behind = _of_changed(clips, after, changed, before, ffmpeg)
    found = [
        ClipHarm(
            clip.id,
            clip.source,
            clip.vmaf,
            (psnr(clip.reference, clip.distorted), psnr(clip.reference, after[i])),
            (before["vmaf"][i], behind["vmaf"][i]),
            (before["neg"][i], behind["neg"][i]),
            psnr(clip.reference, twice[i]),
        )
        for i, clip in enumerate(clips)
    ]
    return HarmFound(tuple(found), clean, all(kept) and not any(changed))


def scores_of(clips: Sequence[FilterClip], ffmpeg: FFmpeg, frames: Sequence[Frames] | None = None) -> Scores:
    """The mean score of each clip's frames as stills, by the names of `TEACHERS`, points.

    Args:
        frames: uint8 `[T, H, W]`, in place of the distorted ones of each clip.
    """
    given = [clip.distorted for clip in clips] if frames is None else frames
    scores = still_scores(np.concatenate([clip.reference for clip in clips]), np.concatenate(given), ffmpeg)
    ends = np.cumsum([len(one) for one in given])[:-1]
    return {name: [float(part.mean()) for part in np.split(each, ends)] for name, each in scores.items()}


def _of_changed(
    clips: Sequence[FilterClip], after: Sequence[Frames], changed: Sequence[bool], before: Scores, ffmpeg: FFmpeg
) -> Scores:
    """The scores behind the filter: those of clips that it leaves as they are need no libvmaf."""
    found = {name: list(values) for name, values in before.items()}
    numbers = [number for number, is_changed in enumerate(changed) if is_changed]
    if numbers:
        scores = scores_of([clips[i] for i in numbers], ffmpeg, [after[i] for i in numbers])
        for name, values in scores.items():
            for number, value in zip(numbers, values, strict=True):
                found[name][number] = value
    return found


def psnr(reference: Frames, distorted: Frames) -> float:
    """PSNR of 8-bit luma, of the mean squared error over all frames, dB; `MOST_DB` where nothing differs.

    Args:
        reference, distorted: uint8, of one shape.
    """
    error = reference.astype(np.int32) - distorted.astype(np.int32)
    squares = int((error * error).sum(dtype=np.int64))
    return MOST_DB if squares == 0 else min(MOST_DB, float(10.0 * np.log10(255.0**2 * error.size / squares)))


def still_scores(reference: Frames, distorted: Frames, ffmpeg: FFmpeg) -> dict[str, Floats]:
    """VMAF of each frame as a still, by the names of `TEACHERS`, float64 `[T]`, points.

    Args:
        reference, distorted: uint8 `[T, H, W]`; H and W are even.

    Raises:
        TinyvmafError: libvmaf cannot measure.
    """
    teachers = {name: load_built_in(ffmpeg, teacher) for name, teacher in TEACHERS.items()}
    _, height, width = reference.shape
    with scratch.folder() as folder:
        paths = [Path(folder, f"{name}.yuv") for name in ("reference", "distorted")]
        for path, frames in zip(paths, (reference, distorted), strict=True):
            _write(path, frames)
        table = score_pair(
            *paths,
            options=both(size=f"{width}x{height}", pix_fmt="yuv420p"),
            models=[teacher.model() for teacher in teachers.values()],
            ffmpeg=ffmpeg,
        )
    found = {}
    for name, teacher in teachers.items():
        rows = table.features(teacher.feature_names).copy()
        rows[:, [feature.is_still_at_first for feature in teacher.features]] = 0.0
        found[name] = teacher.predict(rows)
    return found


def _write(path: Path, frames: Frames) -> None:
    """Luma as yuv420p, with grey chroma, which libvmaf's features of luma do not read."""
    chroma = bytes([_GREY]) * (frames[0].size // 2)
    with path.open("wb") as file:
        for frame in frames:
            file.write(frame.tobytes())
            file.write(chroma)


def _require(clips: Sequence[FilterClip]) -> None:
    there = {band_of(clip.vmaf) for clip in clips}
    if lacking := [band.name for band in BANDS if band.name not in there]:
        raise CouldNotRunError(f"no clip whose VMAF is {', '.join(lacking)}: nothing is known of a filter there")
    sources = {clip.source for clip in clips}
    if len(sources) < LEAST_SOURCES:
        raise CouldNotRunError(f"clips of {len(sources)} sources; a filter is judged on {LEAST_SOURCES} or more")
    for clip in clips:
        if not len(clip.distorted) or clip.distorted.shape != clip.reference.shape:
            told = f"{list(clip.distorted.shape)} and of its reference {list(clip.reference.shape)}"
            raise CouldNotRunError(f"clip {clip.id} has frames {told}")
