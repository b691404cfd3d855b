"""Which two videos may be compared, and in what form."""

from dataclasses import dataclass

from tinyvmaf.errors import NotComparableError, known_hint
from tinyvmaf.vmaf.media.colour import HDR, REFUSED, different
from tinyvmaf.vmaf.media.forms import Meeting, agreed_bits, agreed_layout, in_ycbcr, is_rgb, unstated_matrix
from tinyvmaf.vmaf.media.geometry import Geometry, frame_format
from tinyvmaf.vmaf.media.options import SCALERS, PairOptions
from tinyvmaf.vmaf.media.ranges import agreed_range
from tinyvmaf.vmaf.media.timing import clock_warning
from tinyvmaf.vmaf.media.video import Video

SMALLEST = 17
"""Pixels: libvmaf dies with signal 11 where a side is shorter."""
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
    of_chroma: tuple[str, ...] = ()
    """Warnings that concern only features of chroma."""


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
        raise NotComparableError(f"unknown scaler {options.scale!r}", hint=known_hint(str(options.scale), SCALERS))
    reference, distorted = (
        in_ycbcr(video, reading.matrix, other)
        for video, other, reading in zip((reference, distorted), (distorted, reference), options.readings, strict=True)
    )
    if any(one.matrix for one in options.readings) and not any(is_rgb(one) for one in (reference, distorted)):
        raise NotComparableError(
            "--matrix is for RGB, and neither input is RGB", hint="--colour same ignores wrong tags"
        )
    found = Meeting(decided=[*reference.chosen, *distorted.chosen])
    ref, dis = reference.geometry, distorted.geometry
    if (ref.width, ref.height) != (dis.width, dis.height):
        sizes = f"{ref.width}x{ref.height} against {dis.width}x{dis.height}"
        if options.scale is None:
            stretched = _aspect(reference, distorted)
            way_on = "scale the distorted input to the reference's size with --scale bicubic"
            other = "their shapes differ too: crop or turn one as the other was cropped or turned"
            found.refuse(f"frame size {sizes}", other if stretched else way_on)
        else:
            found.decided.append(f"frame size {sizes}: the distorted frames are scaled ({options.scale})")
    layout = agreed_layout(reference, distorted, options, found)
    bits = agreed_bits(reference, distorted, options, found)
    full_range = agreed_range(reference, distorted, options, found.refuse, found.decided.append)
    _compare_colour(reference, distorted, options, found)
    piped = "pipe" in (reference.kind, distorted.kind)  # its frames are counted while they come
    if options.sync == "frames" and reference.frames != distorted.frames and not piped:
        found.refuse(f"frame count {reference.frames} against {distorted.frames}", _about_frames(reference, distorted))
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
    warnings = [*reference.warnings, *distorted.warnings, *unstated_matrix((reference, distorted), options)]
    warnings += [*_light(reference, distorted), *(_aspect(reference, distorted) if options.scale else [])]
    warnings += _fields(reference, distorted, scaled=(ref.width, ref.height) != (dis.width, dis.height))
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
        _location(reference, distorted),
    )


def _compare_colour(reference: Video, distorted: Video, options: PairOptions, found: Meeting) -> None:
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


def _light(reference: Video, distorted: Video) -> list[str]:
    for stated, other in ((reference, distorted), (distorted, reference)):
        if stated.colour.transfer in HDR and other.colour.transfer is None:
            return [
                f"{other.path} states no transfer: it is taken as {stated.colour.transfer}, as {stated.path} states; "
                "if it is SDR, the two have no score"
            ]
    return []


def _fields(reference: Video, distorted: Video, *, scaled: bool) -> list[str]:
    states = reference.interlaced, distorted.interlaced
    if None not in states and states[0] != states[1]:
        first, other = (reference, distorted) if states[0] else (distorted, reference)
        return [f"{first.path} is interlaced, {other.path} is not: a deinterlaced encode needs its deinterlaced source"]
    return [f"{distorted.path} is interlaced: scaling mixes its two fields"] if scaled and distorted.interlaced else []


def _about_frames(reference: Video, distorted: Video) -> str:
    for video in (reference, distorted):
        if video.packets > video.frames and video.exact:
            return (
                f"{video.packets - video.frames} of {video.packets} packets of {video.path} gave no frame: is it "
                "damaged, or cut before a key frame?"
            )
    return "cut the longer one, or compare what is shown at the same time with --sync pts"


def _aspect(reference: Video, distorted: Video) -> list[str]:
    shapes = [one.geometry.width * one.sample_aspect / one.geometry.height for one in (reference, distorted)]
    if abs(shapes[1] / shapes[0] - 1) <= _SAME_ASPECT:
        return []
    return [
        f"aspect ratios differ, {float(shapes[0]):.3f} against {float(shapes[1]):.3f}: {distorted.path} is stretched "
        "to the reference's; was it cropped?"
    ]


def _location(reference: Video, distorted: Video) -> tuple[str, ...]:
    names = different(reference.colour, distorted.colour).get("chroma_location")
    if names is None:
        return ()
    return (
        f"chroma location {names[0]} against {names[1]}: samples are compared as they are, and features of chroma see "
        "chroma that is shifted",
    )
