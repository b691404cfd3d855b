"""Damaged files in many containers: a score that is not the whole file's comes with a warning, or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tinyvmaf.vmaf.ffmpeg import find_ffmpeg

from .damage import FILES, damaged, judge, make_files, score
from .part import Part, Result, Trial, Verdict

NAMES = tuple(sorted(FILES))


@contextmanager
def opened(folder: Path) -> Iterator[Trial]:
    """Encodes of one reference."""
    ffmpeg = find_ffmpeg(None)
    data, reference = make_files(ffmpeg, folder, NAMES), folder / "reference.y4m"
    whole = dict[str, list[float]]()
    for name in NAMES:
        (folder / name).write_bytes(data[name])
        whole[name], loud = score(ffmpeg, reference, folder / name)
        assert not loud, f"{name} is whole, and yet: {loud}"

    def trial(number: int, chance: Random) -> Result:
        name = NAMES[number % len(NAMES)]
        path = folder / name
        path.write_bytes(damaged(data[name], chance))
        verdict = judge(ffmpeg, reference, path, whole[name])
        return Result(
            path.suffix[1:], Verdict.WRONG if verdict.name == "wrong" else Verdict(verdict.name), verdict.detail
        )

    yield trial


PART = Part("video", "damaged files in many containers", opened)
