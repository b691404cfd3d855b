"""FFmpeg's filter graph for one pair."""

from tinyvmaf.vmaf.libvmaf.opened import OpenedPair
from tinyvmaf.vmaf.media import Video


def pair_graph(pair: OpenedPair, inputs: tuple[int, int], libvmaf: str, output: str) -> str:
    """The graph that compares a pair.

    Args:
        inputs: the numbers of FFmpeg's inputs that are the reference and the distorted video.
        libvmaf: the options of the libvmaf filter.
        output: the name of the graph's output pad.
    """
    return f"{frames_graph(pair, inputs)};[dis][ref]libvmaf={libvmaf}[{output}]"


def frames_graph(pair: OpenedPair, inputs: tuple[int, int]) -> str:
    """The graph whose ends, `[dis]` and `[ref]`, give the frames that are compared.

    Args:
        inputs: as `pair_graph`.
    """
    ref, dis = pair.reference, pair.distorted
    size = f"{ref.geometry.width}:{ref.geometry.height}"
    scaler = f"scale={size}:flags={pair.options.scale}," if pair.options.scale else ""
    return f"[{inputs[1]}:v:0]{scaler}{_normalised(dis)}[dis];[{inputs[0]}:v:0]{_normalised(ref)}[ref]"


def _normalised(video: Video) -> str:
    """Filters that pass samples on unchanged, but normalise timestamps, range and the names of full-range formats."""
    # libvmaf's filter pairs frames by timestamp; this pairs frame n with frame n.
    clock = "settb=1/25,setpts=N"
    # The filter does not know the yuvj formats, so they get their yuv names. Full to full range changes no sample.
    renamed = f"scale=in_range=full:out_range=full,format={video.geometry.pix_fmt.name}," if video.full_range else ""
    return f"{renamed}setparams=range=limited,{clock}"
