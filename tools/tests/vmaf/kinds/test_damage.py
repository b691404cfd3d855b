"""A damaged file gets no score without a warning where FFmpeg sees the damage, and leaves nothing behind."""

import random
from collections import Counter
from pathlib import Path

import psutil
import pytest

from soak.damage import FILES, complaints, damaged, judge, make_files, score
from tinyvmaf import children
from tinyvmaf.vmaf.ffmpeg import FFmpeg

from ...effort import tries

SEED = 20
CASES = tries(len(FILES), 2000)
FOLDS = tries(1, 10)
"""Parts of the run, so that several processes share it."""


@pytest.fixture(scope="module")
def files(ffmpeg: FFmpeg, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """The reference, and the bytes of the whole files."""
    folder = tmp_path_factory.mktemp("whole")
    return folder / "reference.y4m", make_files(ffmpeg, folder)


@pytest.mark.fuzz
@pytest.mark.parametrize("fold", range(FOLDS))
def test_no_score_of_a_damaged_file_without_a_warning(
    fold: int, files: tuple[Path, dict[str, bytes]], ffmpeg: FFmpeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference, data = files
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    guard = children.group()
    whole: dict[str, list[float]] = {}
    count: Counter[tuple[str, str]] = Counter()
    for number in range(fold, CASES, FOLDS):
        chance = random.Random(f"{SEED} {number}")
        name = sorted(FILES)[number % len(FILES)]
        path = tmp_path / name
        if name not in whole:
            path.write_bytes(data[name])
            whole[name], loud = score(ffmpeg, reference, path)
            assert not loud, f"{name} is whole, and yet: {loud}"
        path.write_bytes(damaged(data[name], chance))
        verdict = judge(ffmpeg, reference, path, whole[name])
        count[path.suffix, verdict.name] += 1
        assert verdict.name not in ("WRONG", "HANG"), f"case {number}, {name}: {verdict.detail}"
        assert not list(scratch.iterdir()), f"case {number}, {name}: a file was left"
        left = [one for one in psutil.Process().children(recursive=True) if one.pid != guard]
        assert not left, f"case {number}, {name}: a process was left"
    assert sum(count.values()) == len(range(fold, CASES, FOLDS))
    print(*sorted(count.items()), sep="\n")
    assert sum(n for (_, name), n in count.items() if name == "unseen") < sum(count.values()) / 4


def test_damage_of_mpeg2_that_threads_conceal_is_refused(
    files: tuple[Path, dict[str, bytes]], ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    """With a thread for each slice, FFmpeg says nothing of this bit, and decodes the rest differently each time."""
    reference, data = files
    path = tmp_path / "s.mpg"
    path.write_bytes(data["s.mpg"][:14231] + b"\2" + data["s.mpg"][14232:])
    assert complaints(ffmpeg, path)
    assert judge(ffmpeg, reference, path, None).name == "refused"


def test_damage_is_the_same_in_each_run() -> None:
    data = bytes(range(256)) * 8
    assert damaged(data, random.Random("20 1")) == damaged(data, random.Random("20 1"))
    assert sum(damaged(data, random.Random(n)) != data for n in range(100)) >= 95
