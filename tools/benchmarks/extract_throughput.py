"""Throughput of `tinyvmaf extract` divided by that of plain FFmpeg commands: python extract_throughput.py

Both score the same 1080p pairs, raw yuv420p, with vmaf_v0.6.1 and one libvmaf thread per pair, as many pairs at once as
there are cores. Whole processes, interleaved, with an empty store. Exit status 1 if the ratio of medians is below 0.95.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from interleave import interleave, report
from score_overhead import HEIGHT, WIDTH, make_pair

from tinyvmaf.vmaf.ffmpeg import find_ffmpeg

LEAST = 0.95
SOURCES, CLIPS = 2, 8
BARE, OURS = "bare ffmpeg", "tinyvmaf extract"


def main() -> int:
    """Measure, print, and compare with the bound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=90, help="frames per clip")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    seconds = measure(arguments.frames, arguments.rounds)
    report(seconds, BARE)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for way, median in medians.items():
        print(f"{way:24} {SOURCES * CLIPS * arguments.frames / median:8.1f} frames/s")
    ratio = medians[BARE] / medians[OURS]
    print(f"throughput ratio {ratio:.3f}, at least {LEAST}: {'held' if ratio >= LEAST else 'FAILED'}")
    return int(ratio < LEAST)


def measure(frames: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each round for `SOURCES * CLIPS` pairs, by command."""
    ffmpeg = find_ffmpeg()
    with tempfile.TemporaryDirectory(prefix="tinyvmaf-bench-") as name:
        folder, root = Path(name), Path(name, "root")
        for part in ("ref", "dis"):
            (root / part).mkdir(parents=True)
        print(f"{ffmpeg}\nmaking {SOURCES * CLIPS} pairs of {frames} frames ...", flush=True)
        ref, dis = make_pair(ffmpeg, folder, frames)
        pairs = []
        for source in range(SOURCES):
            reference = root / "ref" / f"S{source}_25fps.yuv"
            _variant(ref, reference, source)
            for clip in range(CLIPS):
                distorted = root / "dis" / f"S{source}_{clip}_1080_{100 + clip}.yuv"
                _variant(dis, distorted, 100 * source + clip + 1)
                pairs.append((reference, distorted))
        raw = ["-f", "rawvideo", "-video_size", f"{WIDTH}x{HEIGHT}", "-pixel_format", "yuv420p", "-framerate", "25"]

        def one(pair: tuple[Path, Path]) -> None:
            graph = f"libvmaf=log_path={pair[1].stem}.json:log_fmt=json:n_threads=1:model=version=vmaf_v0.6.1"
            command = [str(ffmpeg.path), "-v", "error", "-nostdin", *raw, "-i", str(pair[1]), *raw, "-i", str(pair[0])]
            subprocess.run([*command, "-lavfi", graph, "-f", "null", "-"], cwd=folder, check=True)

        def bare() -> None:
            with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                list(pool.map(one, pairs))

        def ours() -> None:
            cache = folder / "cache"
            shutil.rmtree(cache, ignore_errors=True)
            command = [
                sys.executable,
                "-m",
                "tinyvmaf",
                "extract",
                "--data-root",
                str(root),
                "--out",
                str(folder / "o.parquet"),
            ]
            subprocess.run(
                command, check=True, env=os.environ | {"TINYVMAF_CACHE": str(cache)}, stdout=subprocess.DEVNULL
            )

        return interleave({BARE: bare, OURS: ours}, rounds)


def _variant(source: Path, target: Path, number: int) -> None:
    """Copy a file and change its first sample, so that no two files are equal."""
    shutil.copyfile(source, target)
    with target.open("r+b") as file:
        file.write(bytes([number % 256]))


if __name__ == "__main__":
    sys.exit(main())
