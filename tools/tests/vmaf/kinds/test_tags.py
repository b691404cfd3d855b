"""Whatever a file says of its samples, the same samples have the same score, or none.

Two H.264 streams are packed again and again with other tags, containers, times and other streams, without a new encode.
"""

import random
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tinyvmaf.errors import NotComparableError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import score_pair

from ...effort import tries

SOURCE = "testsrc2=s=128x96:r=25,noise=alls=12:allf=t:all_seed=3"
UNSTATED = 2
# Code points of ITU-T H.273. Those of one set are one matrix, one set of primaries, one curve.
ALIKE = {
    "matrix_coefficients": [{1}, {5, 6}, {7}, {9}],
    "colour_primaries": [{1}, {5}, {6, 7}, {9}],
    "transfer_characteristics": [{1, 6, 14, 15}, {13}, {16}, {18}],
}
RANGE = "video_full_range_flag"
CONTAINERS = ("mp4", "mkv", "mov", "ts", "nut", "avi", "flv")
CASES = tries(2, 300)
FOLDS = tries(1, 10)


@dataclass(frozen=True)
class Packing:
    """How a stream is packed."""

    tags: tuple[tuple[str, int], ...]
    """Fields of the H.264 stream; a field that is not there is not stated."""
    container: str
    sound: bool
    start_s: float
    aspect: str

    def value(self, name: str) -> int:
        return dict(self.tags).get(name, UNSTATED)


def packing(chance: random.Random) -> Packing:
    """A random one; half of the tags are not stated."""
    tags = {name: chance.choice(sorted(set.union(*sets))) for name, sets in ALIKE.items() if chance.random() < 0.5}
    if chance.random() < 0.4:
        tags[RANGE] = chance.randrange(2)
    container = chance.choice(CONTAINERS)
    return Packing(
        tuple(sorted(tags.items())),
        container,
        chance.random() < 0.3,
        chance.choice((0.0, 0.0, 37.1)),
        chance.choice(("1/1", "4/3")),
    )


def conflicts(one: Packing, other: Packing) -> list[str]:
    """The tags that both state, with different meanings; full range also conflicts with a range that is not stated."""
    found = []
    for name, sets in ALIKE.items():
        values = {one.value(name), other.value(name)}
        if UNSTATED not in values and not any(values <= alike for alike in sets):
            found.append(name)
    ranges = {one.value(RANGE), other.value(RANGE)}
    return [*found, RANGE] if ranges in ({0, 1}, {1, UNSTATED}) else found


def pack(ffmpeg: FFmpeg, stream: Path, sound: Path, how: Packing, path: Path) -> Path:
    fields = ":".join(f"{name}={value}" for name, value in how.tags)
    command = [str(ffmpeg.path), "-v", "error", "-nostdin", "-y", "-i", str(stream)]
    command += ["-i", str(sound), "-map", "1", "-map", "0"] if how.sound else []
    command += ["-c", "copy", "-output_ts_offset", str(how.start_s)]
    filters = f"h264_metadata=sample_aspect_ratio={how.aspect}" + (f":{fields}" if fields else "")
    command += ["-bsf:v", filters]
    target = path.with_suffix(f".{how.container}")
    subprocess.run([*command, str(target)], check=True, timeout=60)
    return target


@pytest.fixture(scope="module")
def streams(ffmpeg: FFmpeg, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A source, an encode of it, and sound."""
    folder = tmp_path_factory.mktemp("streams")
    base = [str(ffmpeg.path), "-v", "error", "-nostdin", "-y"]
    x264 = "-pix_fmt yuv420p -bf 0 -c:v libx264"
    commands = [
        f"-f lavfi -i {SOURCE} -frames:v 6 {x264} -qp 0 -preset ultrafast source.mp4",
        f"-i source.mp4 {x264} -crf 30 -preset veryfast encode.mp4",
        "-f lavfi -i sine=d=0.24 sound.m4a",
    ]
    for command in commands:
        subprocess.run([*base, *shlex.split(command)], cwd=folder, check=True, timeout=60)
    return folder / "source.mp4", folder / "encode.mp4", folder / "sound.m4a"


@pytest.mark.fuzz
@pytest.mark.parametrize("fold", range(FOLDS))
def test_no_tag_changes_a_score(fold: int, streams: tuple[Path, Path, Path], ffmpeg: FFmpeg, tmp_path: Path) -> None:
    source, encode, sound = streams

    def score(reference: Path, distorted: Path) -> list[float] | None:
        try:
            table = score_pair(reference, distorted, threads=1, ffmpeg=ffmpeg, timeout=60)
        except NotComparableError:
            return None
        scores: list[float] = table.column("vmaf_v0.6.1").tolist()
        return scores

    right = score(source, encode)
    for number in range(fold, CASES, FOLDS):
        chance = random.Random(f"tags {number}")
        one, other = packing(chance), packing(chance)
        found = {
            name: score(
                pack(ffmpeg, source, sound, ref, tmp_path / "r"), pack(ffmpeg, encode, sound, dis, tmp_path / "d")
            )
            for name, ref, dis in (("as drawn", one, other), ("swapped", other, one))
        }
        expected = None if conflicts(one, other) else right
        for name, scores in found.items():
            assert scores == expected, f"case {number}, {name}: {one} against {other}: {conflicts(one, other)}"
