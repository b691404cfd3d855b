"""`store verify --recompute` measures stored rows again, and does not pass without having measured any."""

import json
import os
import re
import time
from pathlib import Path

import pyarrow.compute as pc
import pytest

from tinyvmaf.app.cli import main
from tinyvmaf.data.store import Store, default_folder

from ..fixture_types import Clip, Encode

DIMS = "128x96"


@pytest.fixture
def measured(tmp_path: Path, clip: Clip, encode: Encode, capsys: pytest.CaptureFixture[str]) -> Store:
    """A store with two clips of a corpus, a pair that was scored, and an entry that is not of video."""
    for folder, name, noise in (("ref", "A_25fps", 0), ("dis", "A_1_90_100", 5), ("dis", "A_2_96_200", 9)):
        (tmp_path / "root" / folder).mkdir(parents=True, exist_ok=True)
        clip(f"{name}.yuv", folder=tmp_path / "root" / folder, noise=noise)
    pair = [encode("r.mkv", frames=3), encode("d.mkv", "-crf", "40", frames=3)]
    for path in (*tmp_path.rglob("*.yuv"), *pair):
        os.utime(path, (time.time() - 100,) * 2)
    root = ["--data-root", str(tmp_path / "root"), "--assume-dims", DIMS]
    assert main(["extract", *root, "--out", str(tmp_path / "o.parquet"), "--features", "luma_shift,psnr"]) == 0
    assert main(["score", *map(str, pair)]) == 0
    capsys.readouterr()
    return Store(default_folder())


def entry(store: Store, name: str) -> str:
    (key,) = [one.key for one in store.entries() if store.about(one.key).get("clip") == name]
    return key


@pytest.mark.usefixtures("measured")
def test_rows_that_are_measured_again_are_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "verify", "--recompute", "9"]) == 0
    text = capsys.readouterr().out
    seed = re.search(r"seed (\d+)\n", text)
    assert seed is not None
    assert "3 entries measured again, 0 differ; 0 could not be measured" in text
    assert main(["store", "verify", "--recompute", "1", "--seed", seed[1]]) == 0
    assert "1 entries measured again, 0 differ" in capsys.readouterr().out


def test_wrong_rows_are_named(measured: Store, capsys: pytest.CaptureFixture[str]) -> None:
    for name, column in (("A_1_90_100", "adm2"), ("d.mkv", "precise:motion2")):
        key = entry(measured, name)
        found = measured.get_described(key)
        assert found is not None
        table, about = found
        higher = pc.add(table[column], 1.0)
        measured.put(key, table.set_column(table.column_names.index(column), column, higher), about)
    assert main(["store", "verify"]) == 0  # each checksum is right
    assert main(["store", "verify", "--recompute", "9", "--seed", "1"]) == 1
    text = capsys.readouterr().out
    assert f"{entry(measured, 'A_1_90_100')[:16]} A_1_90_100: differs: adm2 by 1\n" in text
    assert " d.mkv: differs: precise:motion2 by 1\n" in text
    assert "3 entries measured again, 2 differ" in text


def test_what_cannot_be_measured_is_said_and_nothing_measured_is_no_pass(
    measured: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "root/dis/A_1_90_100.yuv").unlink()
    (tmp_path / "d.mkv").write_bytes(b"another")
    assert main(["store", "verify", "--recompute", "9"]) == 0
    text = capsys.readouterr().out
    assert f"A_1_90_100: not measured: {tmp_path / 'root' / 'dis' / 'A_1_90_100.yuv'} is gone\n" in text
    assert f"d.mkv: not measured: {tmp_path}/d.mkv has changed since\n" in text
    key = entry(measured, "A_2_96_200")
    found = measured.get_described(key)
    assert found is not None
    other = json.loads(json.dumps(found[1]))
    other["measured_with"]["packages"]["numpy"] = "1.0"
    measured.put(key, found[0], other)
    assert main(["store", "verify", "--recompute", "9"]) == 1
    shown = capsys.readouterr()
    assert "A_2_96_200: not measured: other code or packages measured it" in shown.out
    assert "no entry could be measured again, so nothing was verified" in shown.err
