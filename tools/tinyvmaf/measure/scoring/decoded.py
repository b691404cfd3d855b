"""Scores of a video by models that see its decoded pictures alone, without a reference."""

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import MediaError, ModelError
from tinyvmaf.files import sha256
from tinyvmaf.model.contract.luma import PICTURE, SMALLEST
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.media import Reading, Video, open_video
from tinyvmaf.vmaf.media.colour import HDR
from tinyvmaf.vmaf.media.ranges import RANGES
from tinyvmaf.vmaf.pictures import LumaFrame, luma_frames
from tinyvmaf.vmaf.pooling import Figures, summarise, time_code

if TYPE_CHECKING:
    from tinyvmaf.model.engines import OnnxRuntimeCpu
    from tinyvmaf.model.subject import Subject

NOTE: Final = (
    "predicted from the decoded picture alone: an estimate, not VMAF, which compares with a reference "
    "(docs/no-reference.md)"
)
"""Stands beside every score of this kind."""
_TRIED: Final = 4096 * 2160
"""Pixels of a picture. The trial of a model that is not registered has one of 3840x2160: larger ones were not tried."""


@dataclass(frozen=True, eq=False)
class PictureScores:
    """The scores of a clip by a model that sees its decoded pictures alone."""

    id: str
    sha256: str
    """sha256 of the ONNX file."""
    teacher: str
    """The id of the metric that it was fitted to."""
    scores: NDArray[np.float64]
    """`[T]`, VMAF points, an estimate."""
    warnings: tuple[str, ...] = ()
    """Why they may be far off."""


@dataclass(frozen=True, eq=False)
class ScoredVideo:
    """A video that was scored without a reference."""

    video: Video
    """As it was opened."""
    models: tuple[PictureScores, ...]
    """In the order in which they were asked for; at least one."""

    def __len__(self) -> int:
        return len(self.models[0].scores)

    @property
    def path(self) -> Path:
        """As it was named."""
        return self.video.path

    @property
    def fps(self) -> Fraction | None:
        """Frames per second as the file states them."""
        return self.video.timing.fps

    @property
    def warnings(self) -> list[str]:
        """Why the scores may not be what the caller wants."""
        return list(dict.fromkeys([*self.video.warnings, *(text for one in self.models for text in one.warnings)]))

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """The scores, `[T]` each, by the model's id."""
        return {one.id: one.scores for one in self.models}

    def summary(self) -> dict[str, Figures]:
        """The figures of each model's scores over the clip."""
        return {name: summarise(values) for name, values in self.columns().items()}

    def worst(self, count: int) -> list[int]:
        """The frames with the lowest scores by the first model, the lowest first."""
        return [int(frame) for frame in np.argsort(self.models[0].scores, kind="stable")[:count]]

    def time_code(self, frame: int) -> str:
        """When a frame is shown, as `pooling.time_code`."""
        return time_code(frame, self.fps)

    def record(self) -> dict[str, Any]:
        """The input, for JSON."""
        video, colour, fps = self.video, self.video.colour, self.fps
        return {
            "path": str(video.path),
            "stream": video.stream,
            "format": str(video.geometry),
            "frames": len(self),
            "range": RANGES[video.full_range],
            "matrix": colour.matrix,
            "primaries": colour.primaries,
            "transfer": colour.transfer,
            "fps": None if fps is None else float(fps),
            "bitrate": video.timing.bitrate,
            "decided": list(video.chosen),
            "warnings": self.warnings,
        }


def require_scores(models: "Sequence[Subject]") -> None:
    """Refuse filters: they give pictures and no score.

    Raises:
        ModelError: one of the models is a filter.
    """
    for model in models:
        if model.takes_pictures and model.outputs == (PICTURE,):
            raise ModelError(
                f"{model.id} is a filter: it gives pictures, and no score",
                hint=f"tinyvmaf gate --model {model.path} judges it",
            )


def score_video(
    path: Path,
    models: "Sequence[Subject]",
    ffmpeg: FFmpeg,
    *,
    reading: Reading | None = None,
    allow_errors: bool = False,
    threads: int = 1,
    timeout: float | None = None,
    typed: bool = True,
    on_open: Callable[[Video], None] | None = None,
    on_frame: Callable[[int, int], None] | None = None,
) -> ScoredVideo:
    """Score a video without a reference: every frame at its own size, with its samples as they were decoded.

    Args:
        models: at least one; each takes pictures and gives a score.
        reading: what the caller says of the file.
        allow_errors: read on where the file is damaged.
        threads: of the engine.
        timeout: seconds after which FFmpeg is killed.
        typed: as in `open_video`.
        on_open: called with the opened video, before a frame is decoded.
        on_frame: called with the number of frames that are done, and of those that the file seems to have.

    Raises:
        MediaError: as `read_luma`; a matrix for what is no RGB; frames too small, too large, or too deep for a model.
        ModelError: a model cannot be run, or gives a score that is not finite.
    """
    from tinyvmaf.model.engines import OnnxRuntimeCpu, Settings

    video = open_video(path, ffmpeg, reading=reading, allow_errors=allow_errors, typed=typed)
    if on_open is not None:
        on_open(video)
    _require_size(video, models)
    matrix = None if reading is None else reading.matrix
    if matrix is not None and video.geometry.pix_fmt.family != "rgb":
        raise MediaError(f"{path}: --matrix is for RGB, and this is {video.geometry.pix_fmt.name}", hint="leave it out")
    found: list[list[float]] = [[] for _ in models]
    with ExitStack() as stack:
        sessions = [stack.enter_context(OnnxRuntimeCpu(one.data, Settings(threads=threads))) for one in models]
        frames = luma_frames(video, ffmpeg, matrix=matrix, allow_errors=allow_errors, timeout=timeout)
        # Closed at once, not when it is collected: FFmpeg ends with it.
        for frame in stack.enter_context(closing(cast(Generator[LumaFrame, None, None], frames))):
            for scores, model, session in zip(found, models, sessions, strict=True):
                scores.append(_score(model, session, frame, video))
            if on_frame is not None:
                on_frame(frame.number + 1, max(video.frames, frame.number + 1))
    warnings, scored = _warnings(video), zip(models, found, strict=True)
    return ScoredVideo(
        video,
        tuple(
            PictureScores(one.id, sha256(one.data), one.teacher_id, np.array(scores), warnings)
            for one, scores in scored
        ),
    )


def pair_scores(
    path: Path,
    models: "Sequence[Subject]",
    ffmpeg: FFmpeg,
    frames: int,
    *,
    reading: Reading | None = None,
    allow_errors: bool = False,
    threads: int = 1,
    typed: bool = True,
    on_frame: Callable[[int, int], None] | None = None,
) -> tuple[PictureScores, ...]:
    """Scores of a pair's distorted video, as `score_video` gives them: not scaled, and of its own range.

    Args:
        frames: as many as were compared with the reference.

    Raises:
        MediaError: as `score_video`, or it has another number of frames.
    """
    if not models:
        return ()
    found = score_video(
        path,
        models,
        ffmpeg,
        reading=reading,
        allow_errors=allow_errors,
        threads=threads,
        typed=typed,
        on_frame=on_frame,
    )
    if len(found) != frames:
        raise MediaError(
            f"{path}: {len(found)} frames are decoded of it, and {frames} were compared with the reference",
            hint="score it without a reference",
        )
    return found.models


def _require_size(video: Video, models: "Sequence[Subject]") -> None:
    from tinyvmaf.model.certificate.load import LARGEST_PICTURE
    from tinyvmaf.model.door import LARGE

    width, height = video.geometry.width, video.geometry.height
    size = f"{video.path}: frames of {width}x{height}"
    if min(width, height) < SMALLEST:
        raise MediaError(f"{size} are too small: models of pictures take {SMALLEST}x{SMALLEST} and more")
    if min(width, height) > LARGEST_PICTURE[0] or max(width, height) > LARGEST_PICTURE[1]:
        largest = f"{LARGEST_PICTURE[1]}x{LARGEST_PICTURE[0]}"
        raise MediaError(f"{size} are too large: models of pictures take at most {largest}, or that turned")
    strangers = [one for one in models if not one.registered]
    if strangers and width * height > _TRIED:
        raise MediaError(
            f"{size} are larger than the {LARGE[1]}x{LARGE[0]} on which {strangers[0].id} was tried: it is not "
            "registered",
            hint="register it, or score a video that is not as large",
        )
    bits = video.geometry.pix_fmt.bits
    if bits != 8 and (bytes_only := [one for one in models if one.sidecar.inputs[0].dtype == "uint8"]):
        raise MediaError(
            f"{video.path}: samples of {bits} bits, and {bytes_only[0].id} takes those of 8 bits alone",
            hint="name a model that takes float32",
        )


def _score(model: "Subject", session: "OnnxRuntimeCpu", frame: LumaFrame, video: Video) -> float:
    from tinyvmaf.model.engines.protocol import NotFiniteError

    taken = frame.samples[None, None] if model.sidecar.inputs[0].dtype == "uint8" else frame.pictures()
    try:
        return float(session.run_pictures(taken)[0])
    except NotFiniteError as error:
        raise ModelError(
            f"{model.id} gives {error.scores[0]} for frame {frame.number} of {video.path}",
            hint=f"the model is at fault: tinyvmaf gate --model {model.path} -k contract says where else",
        ) from error


def _warnings(video: Video) -> tuple[str, ...]:
    """Where a model that was fitted to usual video may be far off."""
    transfer = video.colour.transfer
    unusual = {
        "full range": video.full_range is True and video.geometry.pix_fmt.family != "rgb",  # RGB becomes limited
        "interlaced": video.interlaced is True,
        f"HDR ({transfer})": transfer in HDR,
    }
    if not (named := [what for what, holds in unusual.items() if holds]):
        return ()
    return (
        f"{video.path} is {' and '.join(named)}: a model without a reference sees its samples as they are, and may be "
        "far off if it was fitted to progressive SDR of limited range",
    )
