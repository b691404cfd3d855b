"""FFmpeg's filters that bring two videos into one form. They change samples only where the caller asked for it."""

from dataclasses import replace
from math import inf

from tinyvmaf.vmaf.media.colour import MATRICES
from tinyvmaf.vmaf.media.compare import OpenedPair
from tinyvmaf.vmaf.media.options import Reading
from tinyvmaf.vmaf.media.ranges import RANGES
from tinyvmaf.vmaf.media.timing import ROUNDING_S, end_of, lead_of
from tinyvmaf.vmaf.media.video import Video

# FFmpeg's scale filter converts between tags that differ, and libvmaf's refuses them. With the same tags on both sides,
# samples are compared. That they may be is decided before.
_SAME = "colorspace=bt709:color_primaries=bt709:color_trc=bt709"


def frames_graph(pair: OpenedPair, inputs: tuple[int, int]) -> str:
    """The graph whose ends, `[dis]` and `[ref]`, give the frames that are compared.

    Args:
        inputs: the numbers of FFmpeg's inputs that are the reference and the distorted video.
    """
    reference, distorted = pair.reference, pair.distorted
    ref, dis = (
        ",".join(_chain(video, pair, reading))
        for video, reading in zip((reference, distorted), pair.options.readings, strict=True)
    )
    return f"[{inputs[1]}:{distorted.stream}]{dis}[dis];[{inputs[0]}:{reference.stream}]{ref}[ref]"


def _chain(video: Video, pair: OpenedPair, reading: Reading) -> list[str]:
    pix_fmt, form = video.geometry.pix_fmt, pair.form
    full = bool(video.full_range)
    filters = []
    if pix_fmt.family == "rgb":
        full, planar = bool(pair.full_range), pix_fmt.planar
        matrix = MATRICES[reading.matrix or ""]
        flags = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
        filters.append(f"scale=out_color_matrix={matrix}:out_range={RANGES[full]}:{flags},format={planar}")
    else:
        planar = pix_fmt.planar
    # Gray has no matrix: with one, FFmpeg's scale filter changes its luma above 8 bits.
    filters += [*([] if pix_fmt.family == "gray" else [f"setparams={_SAME}"]), *video.planar()]
    filters += [f"setparams={_SAME}"] if pix_fmt.family == "gray" else []
    if full and pix_fmt.bits != form.pix_fmt.bits:
        # FFmpeg brings the largest sample to the largest one only where it does nothing else.
        planar = replace(pix_fmt, bits=form.pix_fmt.bits).planar
        filters.append(f"scale=in_range=full:out_range=full,format={planar}")
    resized = (video.geometry.width, video.geometry.height) != (form.width, form.height)
    if resized or planar != form.pix_fmt.name or full != bool(pair.full_range):
        ranges = f"in_range={RANGES[full]}:out_range={RANGES[bool(pair.full_range)]}"
        size = f"{form.width}:{form.height}:" if resized else ""
        filters.append(f"scale={size}flags={pair.options.scale or 'bicubic'}:{ranges},format={form.pix_fmt.name}")
    # libvmaf's filter does not know full range. The tag changes no sample.
    filters.append(f"setparams=range=limited:{_SAME}")
    # libvmaf's filter compares a distorted frame with the last reference frame that does not begin after it.
    if pair.options.sync == "frames":
        filters.append("settb=1/25,setpts=N")
    else:
        own, lead = video is pair.distorted, lead_of(pair.distorted)
        filters.append(f"settb=1/1000000,setpts=PTS-STARTPTS{f'+{round(lead * 1e6)}' if own else ''}")
        # Nothing is compared after the reference ended. After the last distorted frame, the filter would go on with it.
        end = end_of(pair.reference) - ROUNDING_S if own else pair.distorted.timing.times[-1] + 1e-6
        filters += [f"trim=end={end + lead:.6f}"] if end < inf else []
    return filters
