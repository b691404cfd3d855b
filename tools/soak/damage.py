"""Damages video files, and judges what `score_pair` says of them."""

import json
import random
import re
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import score_pair
from tinyvmaf.vmaf.media.options import PairOptions, Reading

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
    "l.fragmented.mp4": f"{X264} -movflags frag_keyframe+empty_moov",
    "m.ivf": "-c:v libvpx-vp9 -crf 35 -b:v 0 -deadline realtime",
    "n.obu": "-c:v libsvtav1 -preset 10",
    "o.h264": X264,
    "p.hevc": "-c:v libx265 -preset veryfast -x265-params log-level=none",
    "q.gif": "",
    "r.yuv": "",
    "s.mpg": "-c:v mpeg2video -q:v 4 -g 4",
    "t.mxf": "-c:v mpeg2video -q:v 4 -g 4",
    "u.flv": X264,
    "v.nut": X264,
    "w.wmv": "-c:v wmv2",
}
"""Encoder options of each container."""
_OPTIONS = {
    "q.gif": PairOptions(distorted=Reading(matrix="bt601"), chroma="420"),
    "r.yuv": PairOptions(distorted=Reading(size="128x96", pix_fmt="yuv420p")),
}
_LOUD_THREADS = ["-thread_type", "frame"]
"""With a thread for each slice, FFmpeg conceals damage of MPEG-2 without a word, and differently in each run."""
_RAW = ["-f", "rawvideo", "-s", "128x96", "-pix_fmt", "yuv420p"]
_LOUD = re.compile(r"\[(warning|error|fatal|panic)\]")
_HARMLESS = re.compile(
    "Estimating duration from bitrate|ignoring invalid SAR|The tags at index|creation time before 1970|"
    "Could not find codec parameters for stream [1-9]"
)
"""Said of every raw file, of a shape of pixels, of tags, of a date, of another stream: no score depends on them."""
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Verdict:
    """What became of a damaged file."""

    name: str
    """`refused`; `same`: the score of the whole file; `warned`: another score, with a warning; `unseen`: another score,
    which is FFmpeg's own, and it has nothing to say of the file either; `WRONG`: another score, though FFmpeg saw the
    damage, or another than FFmpeg's own; `HANG`."""
    detail: str = ""


def make_files(ffmpeg: FFmpeg, folder: Path, names: Collection[str] = FILES) -> dict[str, bytes]:
    """A reference (`reference.y4m`) in `folder`, and the bytes of an encode of it in each container."""
    reference = folder / "reference.y4m"
    base = [str(ffmpeg.path), "-v", "error", "-nostdin", "-y"]
    made = [*base, "-f", "lavfi", "-i", SOURCE, "-frames:v", str(FRAMES), "-pix_fmt", "yuv420p", str(reference)]
    subprocess.run(made, check=True, timeout=_TIMEOUT_S)
    files = {}
    for name in names:
        path, options = folder / name, FILES[name]
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
    """The bytes cut short, with one bit flipped, with a run of other bytes, or with parts doubled, moved or grown."""
    changed = bytearray(data)
    way = chance.randrange(8)
    if way == 0:
        return data[: chance.randrange(1, len(data))]
    # Half of the damage hits the first 1,000 bytes, where the headers are.
    start = chance.randrange(len(data) if chance.randrange(2) else min(len(data), 1000))
    length = chance.choice((1, 2, 4, 16, 188, 400))
    piece = bytes(changed[start : start + length])
    if way == 1:
        changed[start] ^= 1 << chance.randrange(8)
    elif way == 2:
        changed[start : start + length] = chance.randbytes(len(piece))
    elif way == 3:
        del changed[start : start + length]
    elif way == 4:
        changed[start:start] = chance.choice((piece, chance.randbytes(length), bytes(length), data[:length]))
    elif way == 5:  # two parts change places
        other = chance.randrange(len(data))
        second = bytes(changed[other : other + length])
        if len(second) == len(piece):
            changed[start : start + length], changed[other : other + length] = second, piece
    elif way == 6:  # a size, count or offset at an extreme
        extremes = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\1", b"\1\0\0\0")
        changed[start : start + 4] = chance.choice(extremes)
    else:
        for _ in range(chance.randrange(2, 40)):
            changed[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(changed)


def score(ffmpeg: FFmpeg, reference: Path, distorted: Path) -> tuple[list[float], tuple[str, ...]]:
    """The frames' VMAF and the warnings."""
    options = _OPTIONS.get(distorted.name, PairOptions())
    table = score_pair(reference, distorted, options=options, threads=1, timeout=_TIMEOUT_S, ffmpeg=ffmpeg)
    warnings = () if table.inputs is None else table.inputs.warnings
    return table.column("vmaf_v0.6.1").tolist(), tuple(warnings)


def judge(ffmpeg: FFmpeg, reference: Path, path: Path, whole: list[float] | None) -> Verdict:
    """What `score_pair` says of a damaged file whose undamaged frames have the scores `whole`; None: no such frames."""
    try:
        scores, warnings = score(ffmpeg, reference, path)
    except TinyvmafError as error:
        return Verdict("HANG", str(error)) if "time limit" in str(error) else Verdict("refused", str(error))
    if scores == whole:
        return Verdict("same")
    if warnings:
        return Verdict("warned", "; ".join(warnings))
    seen = complaints(ffmpeg, path)
    if seen:
        return Verdict("WRONG", "; ".join(seen[:3]))
    bare = bare_score(ffmpeg, reference, path)
    if bare is not None and not np.allclose(bare, scores, rtol=0, atol=1e-5):
        return Verdict("WRONG", f"{scores}, but FFmpeg's own are {bare}")
    return Verdict("unseen")


def bare_score(ffmpeg: FFmpeg, reference: Path, path: Path) -> list[float] | None:
    """The frames' VMAF by FFmpeg's own command, frame by frame; None: it would convert the samples first."""
    if path.suffix == ".gif":
        return None
    # Gray becomes yuv420p, and the filter's own conversion would make its range narrower.
    each = "scale=in_range=full:out_range=full,settb=1/25,setpts=N"
    graph = f"[0:V:0]{each}[d];[1:V:0]{each}[r];[d][r]libvmaf=shortest=1:log_fmt=json"
    log = path.with_name("bare.json")
    command = [str(ffmpeg.path), "-hide_banner", "-nostdin", "-loglevel", "error", *_input(path)]
    command += ["-i", str(reference), "-lavfi", f"{graph}:log_path={log}", "-f", "null", "-"]
    subprocess.run(command, check=True, timeout=_TIMEOUT_S)
    return [frame["metrics"]["vmaf"] for frame in json.loads(log.read_text())["frames"]]


def _input(path: Path) -> list[str]:
    return [*_LOUD_THREADS, *(_RAW if path.suffix == ".yuv" else []), "-i", str(path)]


def complaints(ffmpeg: FFmpeg, path: Path) -> list[str]:
    """What FFmpeg alone says against the file when it decodes it."""
    command = [str(ffmpeg.path), "-hide_banner", "-nostdin", "-loglevel", "level+warning", "-err_detect", "explode"]
    command += [
        *_LOUD_THREADS,
        *(_RAW if path.suffix == ".yuv" else []),
        "-i",
        str(path),
        "-map",
        "0:V:0",
        "-f",
        "null",
        "-",
    ]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False)
    return [line for line in done.stderr.splitlines() if _LOUD.search(line) and not _HARMLESS.search(line)]
