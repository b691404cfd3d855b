"""In which planar format two videos are compared: layout and depth."""

from dataclasses import dataclass, field, replace

from tinyvmaf.errors import NotComparableError
from tinyvmaf.vmaf.media.colour import MATRICES, meaning
from tinyvmaf.vmaf.media.options import PairOptions
from tinyvmaf.vmaf.media.video import Video

_DEPTHS = (8, 10, 12, 16)
FFMPEGS_MATRIX = "bt601"
"""By which FFmpeg makes YCbCr from RGB, if none is named."""


@dataclass
class Meeting:
    """What keeps two videos apart, what brings them together, and what was decided."""

    differences: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    decided: list[str] = field(default_factory=list)

    def refuse(self, difference: str, hint: str | None = None) -> None:
        """Note a difference, and the option that brings the two together."""
        self.differences.append(difference)
        if hint is not None and hint not in self.hints:
            self.hints.append(hint)


def is_rgb(video: Video) -> bool:
    """Whether its samples are RGB."""
    return video.geometry.pix_fmt.family == "rgb"


def in_ycbcr(video: Video, matrix: str | None, other: Video) -> Video:
    """The video, with the matrix by which RGB is converted.

    Raises:
        NotComparableError: it has alpha, or is RGB without a matrix.
    """
    pix_fmt = video.geometry.pix_fmt
    if pix_fmt.alpha:
        raise NotComparableError(
            f"{video.path}: it has an alpha channel ({pix_fmt.name}): its score depends on what lies behind it",
            hint=f"leave alpha out: ffmpeg -i {video.path} -pix_fmt {pix_fmt.planar} -c:v ffv1 flat.mkv",
        )
    if not is_rgb(video):
        return video
    if matrix is None:
        raise NotComparableError(
            f"{video.path}: it is RGB ({pix_fmt.name}), and libvmaf reads YCbCr",
            hint=_which_matrix(other),
        )
    return replace(video, colour=replace(video.colour, matrix=MATRICES[matrix]))


def _which_matrix(other: Video) -> str:
    stated = next(
        (name for name, tag in MATRICES.items() if meaning("matrix", tag) == meaning("matrix", other.colour.matrix)),
        None,
    )
    if stated is not None:
        return f"--matrix {stated} makes it YCbCr by the matrix that {other.path} states"
    if is_rgb(other):
        return "say by which matrix both become YCbCr: --matrix bt709 (or bt601, bt2020)"
    return (
        f"say by which matrix {other.path} was made from RGB: --matrix bt601 if FFmpeg made it without being told one, "
        "else bt709 or bt2020"
    )


def unstated_matrix(videos: tuple[Video, Video], options: PairOptions) -> list[str]:
    """A warning if RGB is converted by a matrix that the other input does not state, and FFmpeg did not take."""
    for rgb, other, reading in zip(videos, reversed(videos), options.readings, strict=True):
        if is_rgb(rgb) and not is_rgb(other) and other.colour.matrix is None and reading.matrix != FFMPEGS_MATRIX:
            return [
                f"{other.path} states no matrix: it is taken as {reading.matrix}, by which {rgb.path} is converted "
                "(FFmpeg makes YCbCr from RGB by bt601 unless another is named)"
            ]
    return []


def agreed_layout(reference: Video, distorted: Video, options: PairOptions, found: Meeting) -> str:
    """The layout in which both are compared: `420`, `422` or `444`."""
    names = [video.geometry.pix_fmt.name for video in (reference, distorted)]
    layouts = [video.geometry.pix_fmt.layout.replace("RGB", "4:4:4") for video in (reference, distorted)]
    if options.chroma is not None:
        for video, layout in zip((reference, distorted), layouts, strict=True):
            if layout != "4:2:0":
                how = "gets neutral chroma" if layout == "gray" else "is brought to 4:2:0"
                found.decided.append(f"chroma of {video.path} is {layout}: it {how}")
        return "420"
    hint = "bring both to 4:2:0 with --chroma 420"
    if layouts[0] != layouts[1]:
        found.refuse(f"chroma layout {names[0]} against {names[1]}", hint)
    elif layouts[0] not in ("4:2:0", "4:2:2", "4:4:4", "gray"):
        found.refuse(f"chroma layout {layouts[0]} ({names[0]}), which libvmaf does not read", hint)
    return "420" if layouts[0] == "gray" else layouts[0].replace(":", "")


def agreed_bits(reference: Video, distorted: Video, options: PairOptions, found: Meeting) -> int:
    """The bits per sample at which both are compared."""
    depths = [video.geometry.pix_fmt.bits for video in (reference, distorted)]
    enough = next(bits for bits in _DEPTHS if bits >= max(depths))
    if options.depth is None:
        if depths[0] != depths[1]:
            found.refuse(
                f"bit depth {depths[0]} against {depths[1]}",
                f"bring the shallower one up without loss with --depth {enough}, or auto",
            )
        elif enough != depths[0]:
            found.refuse(f"bit depth {depths[0]}, which libvmaf does not read", f"--depth {enough}")
        return enough
    wanted = enough if options.depth == "auto" else options.depth
    if wanted < enough:
        found.refuse(
            f"bit depth {depths[0]} against {depths[1]}: --depth {wanted} would lose bits", f"--depth {enough}"
        )
    for video, bits in zip((reference, distorted), depths, strict=True):
        if bits != wanted:
            found.decided.append(f"bit depth of {video.path} is {bits}: it is brought up to {wanted} bits")
    return wanted
