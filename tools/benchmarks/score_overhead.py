"""The time of `tinyvmaf score` compared with plain FFmpeg commands: python score_overhead.py [--only pair raw coded]

1080p, vmaf_v0.6.1, whole processes, interleaved; the store has no table of the pairs, but knows this FFmpeg.

pair    300 frames of raw yuv420p; FFmpeg has one libvmaf thread per core. At most 1.03.
raw     16 raw encodes of one raw reference, 60 frames each; one FFmpeg per core with one libvmaf thread. At most 1.01.
coded   the same as H.264 files. At most 1.01; less, because the reference is decoded once for several encodes.

Prints medians and their ratios, and the ratio of CPU time, which depends less on what else the machine does. Exits with
1 if a ratio of wall time is above its bound.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from interleave import interleave, report

from tinyvmaf.vmaf.ffmpeg import FFmpeg, find_ffmpeg

WIDTH, HEIGHT = 1920, 1080
BARE, SCORE, WITH_MODEL = "bare ffmpeg", "tinyvmaf score", "tinyvmaf score --model"
PAIRS, PAIR_FRAMES = 16, 60
MOST = {"pair": 1.03, "raw": 1.01, "coded": 1.01}
RAW = ["-f", "rawvideo", "-pixel_format", "yuv420p", "-video_size", f"{WIDTH}x{HEIGHT}", "-framerate", "25"]


def make_pair(ffmpeg: FFmpeg, folder: Path, frames: int) -> tuple[Path, Path]:
    """A moving picture with noise, and the same encoded with x264 at low quality; both raw."""
    ref, coded, dis = folder / "ref.yuv", folder / "dis.mkv", folder / "dis.yuv"
    source = f"mandelbrot=size={WIDTH}x{HEIGHT}:rate=25,noise=alls=8:allf=t,format=yuv420p"
    output = ["-f", "rawvideo", "-pix_fmt", "yuv420p"]
    _ffmpeg(ffmpeg, "-f", "lavfi", "-i", source, "-frames:v", str(frames), *output, str(ref))
    _ffmpeg(ffmpeg, *RAW, "-i", str(ref), "-c:v", "libx264", "-preset", "veryfast", "-crf", "35", str(coded))
    _ffmpeg(ffmpeg, "-i", str(coded), *output, str(dis))
    return ref, dis


def make_encodes(ffmpeg: FFmpeg, folder: Path, kind: str) -> tuple[Path, list[Path]]:
    """A reference and its encodes, raw or coded."""
    ref, dis = make_pair(ffmpeg, folder, PAIR_FRAMES)
    if kind == "raw":
        encodes = [folder / f"d{number}.yuv" for number in range(PAIRS)]
        for encode in encodes:
            shutil.copyfile(dis, encode)
        return ref, encodes
    coded = folder / "ref.mp4"
    x264 = ["-c:v", "libx264", "-preset", "veryfast"]
    _ffmpeg(ffmpeg, *RAW, "-i", str(ref), *x264, "-crf", "18", str(coded))
    encodes = [folder / f"d{number}.mp4" for number in range(PAIRS)]
    for number, encode in enumerate(encodes):
        _ffmpeg(ffmpeg, *RAW, "-i", str(ref), *x264, "-crf", str(24 + number), str(encode))
    return coded, encodes


def main() -> int:
    """Measure, print, and compare with the bounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=300, help="of `pair`")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=MOST, default=list(MOST))
    arguments = parser.parse_args()
    failed = False
    for what in arguments.only:
        cpu: dict[str, list[float]] = {}
        seconds = (
            measure(arguments.frames, arguments.rounds, cpu)
            if what == "pair"
            else measure_encodes(what, arguments.rounds, cpu)
        )
        report(seconds, BARE)
        print("CPU time:")
        report({way: values[1:] for way, values in cpu.items()}, BARE)  # the first filled the caches
        ratio = statistics.median(seconds[SCORE]) / statistics.median(seconds[BARE])
        failed = failed or ratio > MOST[what]
        print(f"{what}: ratio {ratio:.3f}, at most {MOST[what]}: {'FAILED' if ratio > MOST[what] else 'held'}\n")
    return int(failed)


def measure(frames: int, rounds: int, cpu: dict[str, list[float]] | None = None) -> dict[str, list[float]]:
    """Seconds of each round for one pair, by command; CPU seconds are added to `cpu`."""
    ffmpeg = find_ffmpeg()
    with tempfile.TemporaryDirectory(prefix="tinyvmaf-bench-") as name:
        folder = Path(name)
        print(f"{ffmpeg}\nmaking {frames} frames of {WIDTH}x{HEIGHT} ...", flush=True)
        ref, dis = make_pair(ffmpeg, folder, frames)
        ours = [*_score(), str(ref), str(dis), "--json", "--size", f"{WIDTH}x{HEIGHT}", "--pix-fmt", "yuv420p"]
        ways: dict[str, Callable[[], None]] = {
            BARE: lambda: _run(_bare(ffmpeg, ref, dis, os.cpu_count() or 1), folder),
            SCORE: lambda: _run(ours, folder),
            WITH_MODEL: lambda: _run([*ours, "--model", "tinyvmaf_nano"], folder),
        }
        return interleave(_with_cpu(ways, {} if cpu is None else cpu), rounds)


def measure_encodes(kind: str, rounds: int, cpu: dict[str, list[float]]) -> dict[str, list[float]]:
    """Seconds of each round for `PAIRS` encodes of one reference, by command; CPU seconds are added to `cpu`."""
    ffmpeg = find_ffmpeg()
    with tempfile.TemporaryDirectory(prefix="tinyvmaf-bench-") as name:
        folder = Path(name)
        print(f"making {PAIRS} encodes ({kind}) of {PAIR_FRAMES} frames ...", flush=True)
        ref, encodes = make_encodes(ffmpeg, folder, kind)
        raw = ["--size", f"{WIDTH}x{HEIGHT}", "--pix-fmt", "yuv420p"] if kind == "raw" else []
        ours = [*_score(), str(ref), *map(str, encodes), "--json", *raw]

        def bare() -> None:
            with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                list(pool.map(lambda encode: _run(_bare(ffmpeg, ref, encode, 1), folder), encodes))

        return interleave(_with_cpu({BARE: bare, SCORE: lambda: _run(ours, folder)}, cpu), rounds)


def _score() -> list[str]:
    return [sys.executable, "-m", "tinyvmaf", "score"]


def _bare(ffmpeg: FFmpeg, ref: Path, dis: Path, threads: int) -> list[str]:
    graph = f"libvmaf=log_path={dis.stem}.json:log_fmt=json:n_threads={threads}:model=version=vmaf_v0.6.1"
    inputs = [word for path in (dis, ref) for word in (*(RAW if path.suffix == ".yuv" else []), "-i", str(path))]
    return [str(ffmpeg.path), "-v", "error", "-nostdin", *inputs, "-lavfi", graph, "-f", "null", "-"]


def _run(command: list[str], folder: Path) -> None:
    cache = folder / "cache"
    shutil.rmtree(cache / "entries", ignore_errors=True)
    environment = os.environ | {"TINYVMAF_CACHE": str(cache)}
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=True, env=environment)


def _with_cpu(ways: dict[str, Callable[[], None]], cpu: dict[str, list[float]]) -> dict[str, Callable[[], None]]:
    def timed(way: str) -> None:
        before = _children()
        ways[way]()
        cpu.setdefault(way, []).append(_children() - before)

    return {way: lambda way=way: timed(way) for way in ways}  # type: ignore[misc]


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ffmpeg(ffmpeg: FFmpeg, *words: str) -> None:
    subprocess.run([str(ffmpeg.path), "-y", "-v", "error", "-nostdin", *words], check=True)


if __name__ == "__main__":
    sys.exit(main())
