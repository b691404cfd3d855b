"""Damages video files, and judges what `score_pair` says of them."""

import random
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import score_pair

SOURCE = "testsrc2=s=128x96:r=25,noise=alls=8:allf=t:all_seed=3"
FRAMES = 8
X264 = "-c:v libx264 -preset veryfast -crf 25 -g 4"
FILES = {
    "a.mp4": X264,
    "b.mkv": X264,
    "c.webm": "-c:v libvpx-vp9 -crf 35 -b:v 0 -deadline realtime",
    "d.ts": X264,
    "e.avi": "-c:v mpeg4 -q:v 5 -g 4",
    "f.y4m": "",
    "g.mov": X264,
    "h.ogg": "-c:v libtheora -q:v 7",
    "i.mkv": "-c:v libx265 -preset veryfast -x265-params log-level=none",
    "j.mp4": "-c:v libsvtav1 -preset 10",
    "k.mkv": "-c:v ffv1 -slicecrc 1",
}
"""Encoder options of each container."""
_LOUD = re.compile(r"\[(warning|error|fatal|panic)\]")
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Verdict:
    """What became of a damaged file."""

    name: str
    """`refused`; `same`: the score of the whole file; `warned`: another score, with a warning; `unseen`: another score,
    and FFmpeg has nothing to say of the file either; `WRONG`: another score, though FFmpeg saw the damage."""
    detail: str = ""


def make_files(ffmpeg: FFmpeg, folder: Path) -> dict[str, bytes]:
    """A reference (`reference.y4m`) in `folder`, and the bytes of an encode of it in each container."""
    reference = folder / "reference.y4m"
    base = [str(ffmpeg.path), "-v", "error", "-nostdin", "-y"]
    made = [*base, "-f", "lavfi", "-i", SOURCE, "-frames:v", str(FRAMES), "-pix_fmt", "yuv420p", str(reference)]
    subprocess.run(made, check=True, timeout=_TIMEOUT_S)
    files = {}
    for name, options in FILES.items():
        path = folder / name
        subprocess.run(
            [*base, "-i", str(reference), *options.split(), str(path)],
            check=True,
            timeout=_TIMEOUT_S,
            stderr=subprocess.DEVNULL,  # SVT-AV1 prints its banner
        )
        files[name] = path.read_bytes()
        path.unlink()
    return files


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The bytes cut short, with one bit flipped, or with a run of other bytes."""
    changed = bytearray(data)
    way = chance.randrange(4)
    if way == 0:
        return data[: chance.randrange(1, len(data))]
    # Half of the damage hits the first 1,000 bytes, where the headers are.
    start = chance.randrange(len(data) if chance.randrange(2) else min(len(data), 1000))
    if way == 1:
        changed[start] ^= 1 << chance.randrange(8)
    elif way == 2:
        length = chance.choice((2, 16, 188, 400))
        changed[start : start + length] = chance.randbytes(len(changed[start : start + length]))
    else:
        del changed[start : start + chance.choice((1, 16, 188))]
    return bytes(changed)


def score(ffmpeg: FFmpeg, reference: Path, distorted: Path) -> tuple[list[float], tuple[str, ...]]:
    """The frames' VMAF and the warnings."""
    table = score_pair(reference, distorted, threads=1, timeout=_TIMEOUT_S, ffmpeg=ffmpeg)
    warnings = () if table.inputs is None else table.inputs.warnings
    return table.column("vmaf_v0.6.1").tolist(), tuple(warnings)


def judge(ffmpeg: FFmpeg, reference: Path, path: Path, whole: list[float]) -> Verdict:
    """What `score_pair` says of a damaged file whose undamaged frames have the scores `whole`."""
    try:
        scores, warnings = score(ffmpeg, reference, path)
    except TinyvmafError as error:
        return Verdict("HANG", str(error)) if "time limit" in str(error) else Verdict("refused", str(error))
    if scores == whole:
        return Verdict("same")
    if warnings:
        return Verdict("warned", "; ".join(warnings))
    seen = complaints(ffmpeg, path)
    return Verdict("WRONG", "; ".join(seen[:3])) if seen else Verdict("unseen")


def complaints(ffmpeg: FFmpeg, path: Path) -> list[str]:
    """What FFmpeg alone says against the file when it decodes it."""
    command = [str(ffmpeg.path), "-hide_banner", "-nostdin", "-loglevel", "level+warning", "-err_detect", "explode"]
    command += ["-i", str(path), "-map", "0:V:0", "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False)
    return [line for line in done.stderr.splitlines() if _LOUD.search(line)]
