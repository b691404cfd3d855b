"""Which two videos may be compared, and in what form."""

from dataclasses import dataclass, field

from tinyvmaf.errors import NotComparableError
from tinyvmaf.vmaf.media.colour import REFUSED, different
from tinyvmaf.vmaf.media.geometry import Geometry, frame_format
from tinyvmaf.vmaf.media.options import SCALERS, PairOptions
from tinyvmaf.vmaf.media.ranges import agreed_range
from tinyvmaf.vmaf.media.timing import clock_warning
from tinyvmaf.vmaf.media.video import Video

SMALLEST = 17
"""Pixels: libvmaf dies with signal 11 where a side is shorter."""
_DEPTHS = (8, 10, 12, 16)
_SAME_ASPECT = 0.01  # rounding to even sides changes this much of a small frame


@dataclass(frozen=True)
class OpenedPair:
    """Two videos that may be compared, and in what form."""

    reference: Video
    distorted: Video
    options: PairOptions
    form: Geometry
    """Size and pixel format in which they are compared."""
    full_range: bool | None
    """Range in which they are compared; None: neither file says."""
    decided: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass
class _Findings:
    differences: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    decided: list[str] = field(default_factory=list)

    def refuse(self, difference: str, hint: str | None = None) -> None:
        self.differences.append(difference)
        if hint is not None and hint not in self.hints:
            self.hints.append(hint)


def require_comparable(reference: Video, distorted: Video, *, scaled: bool = False) -> None:
    """Refuse a pair that must not be compared. libvmaf would score most of them without a warning.

    Args:
        scaled: the distorted frames will be scaled to the reference's size, so sizes may differ.

    Raises:
        NotComparableError: the pair differs; names every difference.
    """
    pair_of(reference, distorted, PairOptions(scale="bicubic" if scaled else None))


def pair_of(reference: Video, distorted: Video, options: PairOptions) -> OpenedPair:
    """How two videos are compared.

    Raises:
        NotComparableError: they must not be compared: names every difference, and what brings them together.
    """
    if options.scale is not None and options.scale not in SCALERS:
        raise NotComparableError(f"unknown scaler {options.scale!r}", hint=f"known: {', '.join(SCALERS)}")
    for video, reading in zip((reference, distorted), options.readings, strict=True):
        _require_samples(video, reading.matrix)
    found = _Findings(decided=[*reference.chosen, *distorted.chosen])
    ref, dis = reference.geometry, distorted.geometry
    if (ref.width, ref.height) != (dis.width, dis.height):
        sizes = f"{ref.width}x{ref.height} against {dis.width}x{dis.height}"
        if options.scale is None:
            found.refuse(
                f"frame size {sizes}", "scale the distorted input to the reference's size with --scale bicubic"
            )
        else:
            found.decided.append(f"frame size {sizes}: the distorted frames are scaled ({options.scale})")
    layout = _layout(reference, distorted, options, found)
    bits = _bits(reference, distorted, options, found)
    full_range = agreed_range(reference, distorted, options, found.refuse, found.decided.append)
    _compare_colour(reference, distorted, options, found)
    piped = "pipe" in (reference.kind, distorted.kind)  # its frames are counted while they come
    if options.sync == "frames" and reference.frames != distorted.frames and not piped:
        found.refuse(
            f"frame count {reference.frames} against {distorted.frames}",
            "cut the longer one, or compare what is shown at the same time with --sync pts",
        )
    if options.sync == "pts":
        for video in (reference, distorted):
            if not video.timing.times:
                found.refuse(f"{video.path} has no timestamps, which --sync pts needs")
    if found.differences:
        raise NotComparableError(
            f"{reference.path} (reference) and {distorted.path} (distorted) differ: {'; '.join(found.differences)}",
            hint="; ".join(found.hints) or None,
        )
    if min(ref.width, ref.height) < SMALLEST:
        raise NotComparableError(
            f"{reference.path}: {ref.width}x{ref.height} is too small: libvmaf needs {SMALLEST} pixels a side"
        )
    form = frame_format(f"yuv{layout}p{'' if bits == 8 else f'{bits}le'}")
    assert form is not None
    warnings = [*reference.warnings, *distorted.warnings, *_location(reference, distorted)]
    warnings += _aspect(reference, distorted) if options.scale else []
    if options.sync == "frames" and (warning := clock_warning(reference, distorted)):
        warnings.append(warning)
    return OpenedPair(
        reference,
        distorted,
        options,
        Geometry(ref.width, ref.height, form),
        full_range,
        tuple(found.decided),
        tuple(warnings),
    )


def _require_samples(video: Video, matrix: str | None) -> None:
    pix_fmt = video.geometry.pix_fmt
    if pix_fmt.alpha:
        raise NotComparableError(
            f"{video.path}: it has an alpha channel ({pix_fmt.name}): its score depends on what lies behind it",
            hint=f"leave alpha out: ffmpeg -i {video.path} -pix_fmt {pix_fmt.planar} -c:v ffv1 flat.mkv",
        )
    if pix_fmt.family == "rgb" and matrix is None:
        raise NotComparableError(
            f"{video.path}: it is RGB ({pix_fmt.name}), and libvmaf reads YCbCr",
            hint="say by which matrix RGB becomes YCbCr with --matrix bt709 (or bt601, bt2020)",
        )
    if pix_fmt.family != "rgb" and matrix is not None:
        raise NotComparableError(
            f"{video.path}: --matrix is for RGB, and this is {pix_fmt.name}",
            hint="--matrix MATRIX, or --matrix ,MATRIX, gives it to one input; --colour same ignores wrong tags",
        )


def _layout(reference: Video, distorted: Video, options: PairOptions, found: _Findings) -> str:
    """`420`, `422` or `444`."""
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


def _bits(reference: Video, distorted: Video, options: PairOptions, found: _Findings) -> int:
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


def _compare_colour(reference: Video, distorted: Video, options: PairOptions, found: _Findings) -> None:
    for name, (ref, dis) in different(reference.colour, distorted.colour).items():
        if name not in REFUSED:
            continue
        if options.colour == "same":
            found.decided.append(f"colour {name} {ref} against {dis}: taken as the same, as asked")
            continue
        found.refuse(
            f"colour {name} {ref} against {dis}",
            "if the tags are right, convert one input with FFmpeg's scale, zscale or libplacebo filter and score the "
            "result; if a tag is wrong, --colour same compares the samples as they are",
        )


def _aspect(reference: Video, distorted: Video) -> list[str]:
    shapes = [one.geometry.width * one.sample_aspect / one.geometry.height for one in (reference, distorted)]
    if abs(shapes[1] / shapes[0] - 1) <= _SAME_ASPECT:
        return []
    return [
        f"aspect ratios differ, {float(shapes[0]):.3f} against {float(shapes[1]):.3f}: {distorted.path} is stretched "
        "to the reference's; was it cropped?"
    ]


def _location(reference: Video, distorted: Video) -> list[str]:
    names = different(reference.colour, distorted.colour).get("chroma_location")
    if names is None:
        return []
    return [
        f"chroma location {names[0]} against {names[1]}: samples are compared as they are; VMAF reads luma alone, "
        "features of chroma may notice"
    ]
