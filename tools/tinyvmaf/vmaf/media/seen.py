"""What was found in the inputs of a pair, and what was decided from it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from tinyvmaf.terminal import shown
from tinyvmaf.vmaf.media.colour import filled
from tinyvmaf.vmaf.media.compare import OpenedPair
from tinyvmaf.vmaf.media.ranges import RANGES
from tinyvmaf.vmaf.media.video import Video


@dataclass(frozen=True)
class InputSeen:
    """One input as it was scored."""

    path: str
    stream: int
    """Index in the file."""
    format: str
    """Size and pixel format, such as `1920x1080 yuv420p`."""
    frames: int
    range: str
    """`full`, `limited` or `unstated`."""
    matrix: str | None
    """By FFmpeg's name, such as `bt709`; of the other input if only that one says it; None: neither says."""
    primaries: str | None
    transfer: str | None
    fps: Fraction | None
    """Frames per second as the file states them."""
    bitrate: float | None
    """Bits per second of the stream's packets."""
    matrix_stated: bool = True
    """Whether this input says its matrix itself."""

    def record(self) -> Mapping[str, Any]:
        """For JSON."""
        return asdict(self) | {"fps": None if self.fps is None else float(self.fps)}


@dataclass(frozen=True)
class PairSeen:
    """Both inputs, and what was decided: printed above the scores, and `inputs` in JSON."""

    reference: InputSeen
    distorted: InputSeen
    decided: tuple[str, ...] = ()
    """One sentence for each choice that another choice would have changed the scores."""
    warnings: tuple[str, ...] = ()
    """Why the scores may not be what the caller wants."""

    def lines(self) -> list[str]:
        """For people: one line an input, then what was decided. Warnings are not in it."""
        sides = (("reference", self.reference), ("distorted", self.distorted))
        lines = [*(f"{name}: {side.path}, {_about(side)}" for name, side in sides), *self.decided]
        # A file's name must not forge a line, or colour the terminal.
        return [*map(shown, lines)]

    def record(self) -> Mapping[str, Any]:
        """For JSON."""
        sides = {"reference": self.reference.record(), "distorted": self.distorted.record()}
        return sides | {"decided": list(self.decided), "warnings": list(self.warnings)}


def _about(side: InputSeen) -> str:
    matrix = (
        "" if side.matrix is None else side.matrix if side.matrix_stated else f"matrix unstated, taken as {side.matrix}"
    )
    return ", ".join(filter(None, [side.format, f"{side.range} range", matrix]))


def seen(pair: OpenedPair, frames: tuple[int, int], warnings: tuple[str, ...] = ()) -> PairSeen:
    """What was found in a pair.

    Args:
        frames: of the reference and of the distorted input, as decoded.
        warnings: beside those of the pair.
    """
    both = zip((pair.reference, pair.distorted), (pair.distorted, pair.reference), frames, strict=True)
    reference, distorted = (_input(video, other, count) for video, other, count in both)
    return PairSeen(reference, distorted, pair.decided, (*pair.warnings, *warnings))


def _input(video: Video, other: Video, frames: int) -> InputSeen:
    colour = filled(video.colour, other.colour)
    return InputSeen(
        str(video.path),
        video.stream,
        str(video.geometry),
        frames,
        RANGES[video.full_range],
        colour.matrix,
        colour.primaries,
        colour.transfer,
        video.timing.fps,
        video.timing.bitrate,
        video.colour.matrix is not None,
    )
