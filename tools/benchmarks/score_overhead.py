"""The time of `tinyvmaf score` compared with the same plain FFmpeg command: python score_overhead.py [--frames N]

300 frames of 1080p, raw yuv420p, vmaf_v0.6.1, one libvmaf thread per core. Whole processes, interleaved; prints the
ratio of medians last.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from interleave import interleave, report

from tinyvmaf.vmaf.ffmpeg import FFmpeg, find_ffmpeg

WIDTH, HEIGHT = 1920, 1080
BARE, SCORE, WITH_MODEL = "bare ffmpeg", "tinyvmaf score", "tinyvmaf score --model"


def make_pair(ffmpeg: FFmpeg, folder: Path, frames: int) -> tuple[Path, Path]:
    """A moving picture with noise, and the same encoded with x264 at low quality."""
    ref, coded, dis = folder / "ref.yuv", folder / "dis.mkv", folder / "dis.yuv"
    base = [str(ffmpeg.path), "-y", "-v", "error", "-nostdin"]
    source = f"mandelbrot=size={WIDTH}x{HEIGHT}:rate=25,noise=alls=8:allf=t,format=yuv420p"
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", f"{WIDTH}x{HEIGHT}"]
    output = ["-f", "rawvideo", "-pix_fmt", "yuv420p"]
    subprocess.run([*base, "-f", "lavfi", "-i", source, "-frames:v", str(frames), *output, str(ref)], check=True)
    subprocess.run(
        [*base, *raw, "-i", str(ref), "-c:v", "libx264", "-preset", "veryfast", "-crf", "35", str(coded)], check=True
    )
    subprocess.run([*base, "-i", str(coded), *output, str(dis)], check=True)
    return ref, dis


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    report(measure(arguments.frames, arguments.rounds), BARE)
    return 0


def measure(frames: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each round for one pair, by command."""
    ffmpeg = find_ffmpeg()
    with tempfile.TemporaryDirectory(prefix="tinyvmaf-bench-") as name:
        folder = Path(name)
        print(f"{ffmpeg}\nmaking {frames} frames of {WIDTH}x{HEIGHT} ...", flush=True)
        ref, dis = make_pair(ffmpeg, folder, frames)
        raw = ["-f", "rawvideo", "-video_size", f"{WIDTH}x{HEIGHT}", "-pixel_format", "yuv420p", "-framerate", "25"]
        graph = f"libvmaf=log_path=log.json:log_fmt=json:n_threads={os.cpu_count()}:model=version=vmaf_v0.6.1"
        bare = [str(ffmpeg.path), "-v", "error", "-nostdin", *raw, "-i", str(dis), *raw, "-i", str(ref)]
        bare += ["-lavfi", graph, "-f", "null", "-"]
        ours = [sys.executable, "-m", "tinyvmaf", "score", str(ref), str(dis), "--json"]
        ours += ["--size", f"{WIDTH}x{HEIGHT}", "--pix-fmt", "yuv420p"]

        def quietly(command: list[str]) -> None:
            subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=True)

        ways = {
            BARE: lambda: quietly(bare),
            SCORE: lambda: quietly(ours),
            WITH_MODEL: lambda: quietly([*ours, "--model", "tinyvmaf_nano"]),
        }
        return interleave(ways, rounds)


if __name__ == "__main__":
    sys.exit(main())
