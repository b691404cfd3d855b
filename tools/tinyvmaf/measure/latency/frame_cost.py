"""CPU time of a frame of 1080p: of libvmaf, and of models that take its picture, in turns.

It is CPU time and not time on a clock, for libvmaf is another process, and of two processes a busy machine delays one.
"""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from tinyvmaf.errors import MachineError, ModelError
from tinyvmaf.measure.latency.pictures import MEGAPIXELS, PictureLane
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import VmafModel, score_pair
from tinyvmaf.vmaf.media import both
from tinyvmaf.vmaf.patterns import FRAMES, HEIGHT, WIDTH, checkerboard

FRAME_PASSES: Final = 3
_SHIFTS: Final = (0, 1)  # of the golden pair of checkerboards
_SHORT, _LONG = 1, 3  # times the frames of a pattern
_CALLS: Final = 3


@dataclass(frozen=True)
class FrameCost:
    """CPU time of a frame of 1080p, seconds, pass by pass."""

    libvmaf_s: tuple[float, ...]
    """Of libvmaf with one thread: features and score, without the start of a process."""
    models_s: Mapping[str, tuple[float, ...]]
    """Of the models that ran."""
    failed: Mapping[str, str]
    """Models that did not, and why."""

    def ratios(self, model: str) -> list[float]:
        """The time of a model over libvmaf's, pass by pass."""
        return [own / libvmaf for own, libvmaf in zip(self.models_s[model], self.libvmaf_s, strict=True)]

    def ratio(self, model: str) -> float:
        """The median over passes."""
        return statistics.median(self.ratios(model))


def frame_cost(
    models: Mapping[str, tuple[bytes, NDArray[Any]]],
    vmaf: VmafModel,
    ffmpeg: FFmpeg,
    folder: Path,
    *,
    passes: int = FRAME_PASSES,
    progress: Callable[[int, int], None] | None = None,
) -> FrameCost:
    """Measure libvmaf and models in turns: one pass of libvmaf serves all of them.

    libvmaf runs on a short and on a longer pair; the difference is that of the frames alone.

    Args:
        models: file and pictures `[R, 1, H, W]` of each, by id.
        vmaf: libvmaf's model.
        folder: for the clips, 75 MB.
        progress: told the passes done, and all.

    Raises:
        FFmpegError: libvmaf did not run.
        ModelError: a model that ran before does not run now.
        MachineError: the system does not tell the CPU time of a process.
    """
    lanes, failed = dict[str, PictureLane](), dict[str, str]()
    for name, (data, pictures) in models.items():
        try:
            lanes[name] = PictureLane(name, data, pictures)
        except ModelError as error:  # says nothing of the others
            failed[name] = error.message
    libvmaf, taken = list[float](), {name: list[float]() for name in lanes}
    for done in range(passes):
        times, calls = [], {name: list[float]() for name in lanes}
        for length in (_SHORT, _LONG):
            times.append(_libvmaf_s(length, vmaf, ffmpeg, folder))
            for name, lane in lanes.items():
                calls[name] += [lane.block() for _ in range(_CALLS)]
        libvmaf.append((times[1] - times[0]) / (FRAMES * (_LONG - _SHORT)))
        for name, each in calls.items():
            taken[name].append(min(each) * MEGAPIXELS / 1e9)
        if progress is not None:
            progress(done + 1, passes)
    if min(libvmaf) <= 0:
        raise MachineError(f"libvmaf's CPU time for a frame of 1080p reads {min(libvmaf):g} s, which cannot be")
    return FrameCost(tuple(libvmaf), {name: tuple(values) for name, values in taken.items()}, failed)


def _libvmaf_s(times: int, vmaf: VmafModel, ffmpeg: FFmpeg, folder: Path) -> float:
    """CPU time of a run of libvmaf on a pattern that is repeated so many times."""
    clips = [folder / f"checkerboard_{shift}.yuv" for shift in _SHIFTS]
    try:
        for shift, path in zip(_SHIFTS, clips, strict=True):
            path.write_bytes(checkerboard(shift) * times)
        before = _children_s()
        score_pair(
            *clips,
            options=both(size=f"{WIDTH}x{HEIGHT}", pix_fmt="yuv420p"),
            models=[vmaf],
            threads=1,
            ffmpeg=ffmpeg,
        )
        return _children_s() - before
    finally:
        for path in clips:
            path.unlink(missing_ok=True)


def _children_s() -> float:
    """CPU time of all processes that this one started and that ended."""
    try:
        import resource
    except ImportError as error:
        raise MachineError("this system does not tell the CPU time of a process that has ended") from error
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
