"""Files around `tinyvmaf score`: outputs never replace inputs, and a full disk or a closed terminal is a sentence."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tinyvmaf.app.cli import main

from ..fixture_types import Clip
from .test_cli import RAW


@pytest.fixture
def pair(clip: Clip) -> list[str]:
    return [str(clip("r.yuv")), str(clip("d.yuv", noise=9)), *RAW]


@pytest.mark.parametrize("how", ["itself", "symlink", "hard link"])
def test_an_output_that_is_an_input_is_refused(
    how: str, pair: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    reference, distorted = (Path(one) for one in pair[:2])
    output = tmp_path / "out.json"
    if how == "itself":
        output.write_bytes(distorted.read_bytes())
        pair = [str(reference), str(output), *pair[2:]]
    elif how == "symlink":
        output.symlink_to(distorted)
    else:
        os.link(distorted, output) if distorted.stat().st_dev == tmp_path.stat().st_dev else output.symlink_to(
            distorted
        )
    before = output.read_bytes()
    assert main(["score", *pair, "--out", str(output)]) == 2
    assert "it is an input, which would be replaced" in capsys.readouterr().err
    assert output.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out", "a.csv", "--out", "a.csv"], "--out a.csv: named twice"),
        (["--out", "e_001.json"], ""),
        (["--plot", "e_001.png"], "--plot e_001.png: it is an input"),
    ],
)
def test_pictures_of_a_sequence_and_other_outputs_are_not_replaced(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    status = main(["score", "r_%03d.png", "e_%03d.png", *words])
    error = capsys.readouterr().err
    assert status == (2 if message else 1), error  # the pictures are not there
    assert message in error


def test_a_table_of_pairs_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pairs.csv").write_text("reference,distorted\na.mp4,b.mp4\n", encoding="utf-8")
    assert main(["score", "--pairs", "pairs.csv", "--out", "pairs.csv"]) == 2
    assert "--out pairs.csv: it is an input" in capsys.readouterr().err
    assert "a.mp4,b.mp4" in Path("pairs.csv").read_text(encoding="utf-8")


def test_without_a_store_there_is_a_score_and_a_warning(
    pair: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TINYVMAF_CACHE", str(tmp_path / "file/below"))
    assert main(["score", *pair]) == 0
    out, error = capsys.readouterr()
    assert "vmaf_v0.6.1" in out
    assert "not kept" in error
    assert "TINYVMAF_CACHE names another folder" in error


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is of Linux")
def test_a_full_disk_is_a_sentence(pair: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tinyvmaf", "score", *pair],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        "tinyvmaf: the output cannot be written: No space left on device",
        "  hint: make room there",
    ]
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
def test_a_signal_in_the_first_moments_is_no_traceback(name: str, pair: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tinyvmaf", "score", *pair], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    time.sleep(0.3)
    process.send_signal(getattr(signal, name))
    error = process.communicate(timeout=120)[1]
    assert process.returncode in (0, 128 + getattr(signal, name))
    assert "Traceback" not in error


def test_a_file_whose_name_begins_like_an_option_is_told_how_to_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-dis.mp4").touch()
    with pytest.raises(SystemExit):
        main(["score", "ref.mp4", "-dis.mp4"])
    assert "unrecognized arguments: -dis.mp4; the file is ./-dis.mp4" in capsys.readouterr().err
