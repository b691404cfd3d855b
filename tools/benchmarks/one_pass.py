"""Several encodes of one reference in one FFmpeg, which decodes it once: python one_pass.py [--encodes N] [--frames N]

Interleaved, for raw files, H.264 at 1080p, and an H.264 reference of a high bitrate. `alone` is one FFmpeg an encode,
one per core with one libvmaf thread. Prints medians of wall and of CPU time, and their ratios to `alone`.
"""

import argparse
import os
import resource
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from interleave import interleave, report
from score_overhead import HEIGHT, RAW, WIDTH, make_pair

from tinyvmaf.vmaf.ffmpeg import FFmpeg, find_ffmpeg
from tinyvmaf.vmaf.libvmaf import LibvmafRequest, score_opened
from tinyvmaf.vmaf.media import both, open_pair

ALONE = "alone"
TOGETHER = (2, 4)
KINDS = {"raw": None, "h264": "22", "h264 high bitrate": "12"}  # crf of the reference


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encodes", type=int, default=4)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    for kind, crf in KINDS.items():
        with tempfile.TemporaryDirectory(prefix="tinyvmaf-bench-") as name:
            print(f"{kind}:", flush=True)
            ffmpeg = find_ffmpeg()
            ref, encodes = _files(ffmpeg, Path(name), crf, arguments.encodes, arguments.frames)
            _measure(ffmpeg, ref, encodes, arguments.rounds)


def _files(ffmpeg: FFmpeg, folder: Path, crf: str | None, count: int, frames: int) -> tuple[Path, list[Path]]:
    raw, dis = make_pair(ffmpeg, folder, frames)
    if crf is None:
        return raw, [dis] * count
    ref, base = folder / "ref.mp4", [str(ffmpeg.path), "-y", "-v", "error", "-nostdin", *RAW, "-i", str(raw)]
    encodes = [folder / f"d{number}.mp4" for number in range(count)]
    for path, quality in ((ref, crf), *((path, str(30 + number)) for number, path in enumerate(encodes))):
        subprocess.run([*base, "-c:v", "libx264", "-preset", "veryfast", "-crf", quality, str(path)], check=True)
    return ref, encodes


def _measure(ffmpeg: FFmpeg, ref: Path, encodes: list[Path], rounds: int) -> None:
    raw = both(size=f"{WIDTH}x{HEIGHT}", pix_fmt="yuv420p") if ref.suffix == ".yuv" else both()
    opened = [open_pair(ref, encode, raw, ffmpeg) for encode in encodes]
    cpu: dict[str, list[float]] = {}

    def run(way: str, together: int) -> None:
        before = _children()
        parts = [opened[start : start + together] for start in range(0, len(opened), together)]
        with ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // together)) as pool:
            list(pool.map(lambda part: score_opened(part, LibvmafRequest(), ffmpeg, threads=1), parts))
        cpu.setdefault(way, []).append(_children() - before)

    ways: dict[str, Callable[[], None]] = {ALONE: lambda: run(ALONE, 1)}
    for together in TOGETHER:
        way = f"{together} in one FFmpeg"
        ways[way] = lambda way=way, together=together: run(way, together)  # type: ignore[misc]
    report(interleave(ways, rounds), ALONE)
    print("CPU time:")
    report({way: values[1:] for way, values in cpu.items()}, ALONE)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
