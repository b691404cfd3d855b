"""FFmpeg's filter graph for one pair."""

from tinyvmaf.vmaf.media import OpenedPair, frames_graph


def pair_graph(pair: OpenedPair, inputs: tuple[int, int], libvmaf: str, output: str) -> str:
    """The graph that compares a pair.

    Args:
        inputs: as `frames_graph`.
        libvmaf: the options of the libvmaf filter.
        output: the name of the graph's output pad.
    """
    return f"{frames_graph(pair, inputs)};[dis][ref]libvmaf={libvmaf}[{output}]"
