"""`tinyvmaf score` of several pairs: which, in which form, and what is left of a run that was stopped."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tinyvmaf.data.store import Store, default_folder

from ..fixture_types import Clip
from .test_cli import RAW, run


def old(path: Path) -> Path:
    """The file, not written just now: the store keeps what is measured of it."""
    past = time.time() - 10
    os.utime(path, (past, past))
    return path


@pytest.fixture
def ladder(clip: Clip, tmp_path: Path) -> list[str]:
    """A reference and three encodes, the second the worst."""
    (tmp_path / "encodes").mkdir()
    encodes = [clip(f"encodes/r_{name}.yuv", noise=noise) for name, noise in (("a", 4), ("b", 20), ("c", 9))]
    return [str(old(path)) for path in (clip("r.yuv"), *encodes)]


def means(out: str) -> dict[str, float]:
    """The mean of the first score of each pair, from `--json`."""
    return {Path(pair["distorted"]).name: pair["pooled_metrics"]["vmaf"]["mean"] for pair in json.loads(out)["pairs"]}


def test_several_encodes_in_one_table(ladder: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "score", *ladder, *RAW, "--feature", "psnr", "--teacher", "neg")
    assert (status, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert lines[2][:2] == ["teacher", "vmaf_v0.6.1neg,"]
    rows = [line for line in lines if line and line[0].startswith("/")]
    assert [row[0] for row in rows] == ladder[1:]
    assert [row[1] for row in rows] == ["vmaf_v0.6.1neg"] * 3
    assert [line[0] for line in lines if line and line[0].startswith("psnr")] == ["psnr_y", "psnr_cb", "psnr_cr"] * 3
    found = means(run(capsys, "score", *ladder, *RAW, "--teacher", "neg", "--json")[1])
    assert [f"{mean:.6f}" for mean in found.values()] == [row[2] for row in rows]
    assert found["r_b.yuv"] < found["r_c.yuv"] < found["r_a.yuv"]


def test_json_and_csv_files_hold_every_figure(
    ladder: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    files = [str(tmp_path / name) for name in ("scores.json", "scores.csv")]
    outs = ["--out", files[0], "--out", files[1]]
    status, out, err = run(capsys, "score", *ladder, str(tmp_path / "none.yuv"), *RAW, "--feature", "psnr", *outs)
    assert status == 1
    assert err == f"tinyvmaf: not scored: {tmp_path}/none.yuv: no such file\n"
    assert ladder[1] in out
    pairs = json.loads(Path(files[0]).read_text(encoding="utf-8"))["pairs"]
    assert pairs[3] == {
        "reference": ladder[0],
        "distorted": f"{tmp_path}/none.yuv",
        "error": f"{tmp_path}/none.yuv: no such file",
    }
    rows = list(csv.DictReader(Path(files[1]).read_text(encoding="utf-8").splitlines()))
    assert rows[-1]["error"] == f"{tmp_path}/none.yuv: no such file"
    for pair in pairs[:3]:
        (row,) = [r for r in rows if r["distorted"] == pair["distorted"] and r["metric"] == "vmaf_v0.6.1"]
        assert float(row["mean"]) == pytest.approx(pair["pooled_metrics"]["vmaf"]["mean"], abs=1e-6)
        assert (row["libvmaf"], row["sha256"]) == (pair["version"], pair["teachers"]["vmaf"]["sha256"])
        assert {"psnr_y", "adm2"} <= set(pair["summary"])
        assert pair["summary"]["vmaf"]["p5"] == pytest.approx(float(row["p5"]), abs=1e-6)
        scores = [frame["metrics"]["vmaf"] for frame in pair["frames"]]
        assert [one["score"] for one in pair["worst_frames"]] == sorted(scores)
        assert scores[int(row["worst_frame"])] == min(scores)
        assert pair["inputs"]["distorted"]["path"] == pair["distorted"]


def test_csv_of_each_frame(ladder: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "score", *ladder, *RAW, "--csv", "--frames")
    assert status == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["distorted"], row["frame"]) for row in rows] == [(d, str(n)) for d in ladder[1:] for n in range(4)]
    assert all(0 < float(row["vmaf_v0.6.1"]) <= 100 for row in rows)


def test_paths_with_odd_letters_are_written_as_they_are(
    ladder: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Quotes, commas, a line break, and a byte that is no UTF-8; the line break stands in quotes in CSV."""
    odd = [tmp_path / os.fsdecode(name) for name in (b'a "q",;\xc3\xa9.yuv', b"new\nline.yuv", b"byte\xff.yuv")]
    for path in odd:
        path.write_bytes(Path(ladder[1]).read_bytes())
    files = [tmp_path / "scores.csv", tmp_path / "scores.json"]
    outs = [word for path in files for word in ("--out", str(path))]
    assert run(capsys, "score", ladder[0], *map(str, odd), *RAW, *outs, "--json")[0] == 0
    rows = csv.DictReader(io.StringIO(files[0].read_bytes().decode("utf-8", "surrogateescape"), newline=""))
    assert list(dict.fromkeys(row["distorted"] for row in rows)) == [str(path) for path in odd]
    pairs = json.loads(files[1].read_text(encoding="utf-8"))["pairs"]
    assert [pair["distorted"] for pair in pairs] == [str(path) for path in odd]
    text = subprocess.run(
        [sys.executable, "-m", "tinyvmaf", "score", ladder[0], str(odd[2]), *RAW],
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONIOENCODING": "utf-8:strict"},
    )
    assert os.fsencode(odd[2]) in text.stdout


def test_fail_under_names_the_pairs_and_by_how_much(ladder: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    found = means(run(capsys, "score", *ladder, *RAW, "--json")[1])
    least = (found["r_b.yuv"] + found["r_c.yuv"]) / 2
    status, _, err = run(capsys, "score", *ladder, *RAW, "--fail-under", str(least))
    assert status == 1
    by = least - found["r_b.yuv"]
    assert err.startswith(f"tinyvmaf: {ladder[2]}: the mean of vmaf_v0.6.1 is {found['r_b.yuv']:.6f}, {by:.6g} below ")
    assert len(err.splitlines()) == 1
    assert run(capsys, "score", *ladder, *RAW, "--fail-under", str(found["r_b.yuv"] - 0.01))[0] == 0


def test_names_with_letters_of_patterns_are_plain(
    ladder: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`[1]` and `*` in the name of a reference stand for themselves; the reference is no encode of itself."""
    folder = tmp_path / "odd"
    folder.mkdir()
    for name in ("a[1]*.yuv", "a[1]*_x.yuv", "a1_x.yuv"):
        (folder / name).write_bytes(Path(ladder[1]).read_bytes())
    words = ["score", str(folder / "a[1]*.yuv"), str(folder), *RAW, "--json", "--match"]
    status, out, _ = run(capsys, *words, "{ref}_*.yuv")
    assert (status, json.loads(out)["distorted"]) == (0, str(folder / "a[1]*_x.yuv"))
    assert list(means(run(capsys, *words, "*.yuv")[1])) == ["a1_x.yuv", "a[1]*_x.yuv"]


def test_a_folder_and_a_pattern(ladder: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "encodes" / "notes.txt").write_text("no video", encoding="utf-8")
    status, out, _ = run(capsys, "score", ladder[0], str(tmp_path / "encodes"), *RAW, "--match", "*_[ab].yuv", "--json")
    assert status == 0
    assert list(means(out)) == ["r_a.yuv", "r_b.yuv"]
    masters = tmp_path / "masters"
    masters.mkdir()
    Path(ladder[0]).rename(masters / "r.yuv")
    both_ways = ["score", str(masters), str(tmp_path / "encodes"), *RAW, "--json", "--match"]
    status, out, _ = run(capsys, *both_ways, "{ref}_*.yuv")
    assert (status, list(means(out))) == (0, ["r_a.yuv", "r_b.yuv", "r_c.yuv"])
    (masters / "r_a.yuv").write_bytes((masters / "r.yuv").read_bytes())
    status, out, err = run(capsys, *both_ways, "{ref}*.yuv")
    assert (status, out) == (2, "")
    assert "r_a.yuv matches two references, " in err


@pytest.mark.usefixtures("ladder")
def test_a_table_of_pairs(clip: Clip, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Paths are relative to the table; a row has its own options; Excel's byte order mark and semicolons are read."""
    clip("encodes/r_big.yuv", size=(160, 120))
    table = tmp_path / "encodes" / "pairs.csv"
    rows = "../r.yuv;r_a.yuv;;\n\n../r.yuv;r_big.yuv;128x96,160x120;bicubic\n"
    table.write_text("\ufeffReference;distorted;size;scale\n" + rows, encoding="utf-8")
    status, out, err = run(capsys, "score", "--pairs", str(table), *RAW, "--json")
    assert (status, err) == (0, "")
    assert list(means(out)) == ["r_a.yuv", "r_big.yuv"]
    formats = [pair["inputs"]["distorted"]["format"] for pair in json.loads(out)["pairs"]]
    assert formats == ["128x96 yuv420p", "160x120 yuv420p"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "reference,distored\na,b\n",
            "unknown column 'distored'; did you mean distorted? known: reference, ",
        ),
        ("reference\na\n", "no column distorted; the first line names the columns"),
        ("reference,distorted,size,size\na,b,c,d\n", "the column size is there twice"),
        ("reference,distorted\na\n", ", line 2: 1 cells where the first line has 2"),
        ("reference,distorted\n,b\n", ", line 2: no reference"),
        ("reference,distorted\n", "no pair below the first line"),
        ("", "no column reference and none distorted"),
        ("reference,distorted,scale\na,b,lanzos\n", ", line 2: --scale does not take 'lanzos'"),
        ('reference,distorted\n"a,b\n', ", line 2: unexpected end of data"),
        ("reference,distorted\n\xe4,b\n", "not UTF-8"),
    ],
)
def test_a_table_that_is_wrong(text: str, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_bytes(text.encode("latin-1"))
    status, out, err = run(capsys, "score", "--pairs", str(path))
    assert (status, out) == (2, "")
    assert f"{path}" in err
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.mp4"], "name a reference and what to score: REF DIS..., or --pairs FILE.csv"),
        (["--pairs", "p.csv", "a.mp4"], "--pairs names the videos: leave REF, DIS and --match out"),
        (["a.mp4", "."], ". is a folder: add --match PATTERN, such as --match '*.mp4'"),
        (["a.mp4", "b.mp4", "--match", "*"], "--match is for a folder as DIS"),
        (["a.mp4", ".", "--match", "*.none"], "no file of . matches *.none"),
        ([".", "b.mp4"], ". is a folder: add --match with {ref}, such as --match '{ref}_*.mp4'"),
        (["-", "b.mp4", "c.mp4"], "a pipe can be read once: score one pair, or name files"),
        (["a.mp4", "b.mp4", "--out", "x.txt"], "--out x.txt: the ending says the format: .json or .csv"),
        (["a.mp4", "b.mp4", "--out", "no/x.csv"], "--out no/x.csv: no such folder"),
        (["a.mp4", "b.mp4", "--plot", "x.txt"], "x.txt: cannot draw .txt"),
        (["a.mp4", "b.mp4", "--fail-under", "nan"], "'nan' is not a number"),
        (["a.mp4", "b.mp4", "--json", "--csv"], "not allowed with argument --json"),
        (["a.mp4", "b.mp4", "--feature", "ssim"], "did you mean float_ssim or float_ms_ssim?"),
        (["a.mp4", "b.mp4", "--teacher", "negg"], "unknown teacher 'negg'; did you mean neg"),
    ],
)
def test_wrong_use_of_score(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capsys, "score", *arguments)
    assert (status, out) == (2, "")
    assert message in err


def test_a_value_that_libvmaf_does_not_give_costs_no_pair(
    ladder: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """psnr_hvs of equal planes is infinite."""
    words = ["score", ladder[0], ladder[0], ladder[1], *RAW, "--feature", "psnr_hvs"]
    status, out, _ = run(capsys, *words, "--json")
    assert status == 0
    same, other = json.loads(out)["pairs"]
    assert same["frames"][0]["metrics"]["psnr_hvs_y"] is None
    assert same["summary"]["psnr_hvs_y"] == dict.fromkeys(other["summary"]["psnr_hvs_y"]) | {"frames": 0}
    assert other["summary"]["psnr_hvs_y"]["frames"] == 4
    status, out, _ = run(capsys, "score", ladder[0], ladder[0], *RAW, "--feature", "psnr_hvs")
    assert "psnr_hvs_y: 4 of 4 frames have no finite value" in out


@pytest.mark.usefixtures("sigint_is_heeded")
def test_ctrl_c_leaves_nothing_half_written_and_the_next_run_goes_on(ladder: list[str], tmp_path: Path) -> None:
    """The second pair takes long; it is stopped after the first was printed."""
    big = [tmp_path / "R.yuv", tmp_path / "D.yuv"]
    for path in big:
        with path.open("wb") as file:
            file.truncate(1280 * 720 * 3 // 2 * 1500)  # takes no space on the disk
        old(path)
    table = tmp_path / "pairs.csv"
    rows = f"{ladder[0]},{ladder[1]},128x96\n{big[0]},{big[1]},1280x720\n"
    table.write_text("reference,distorted,size\n" + rows, encoding="utf-8")
    scratch, out = tmp_path / "scratch", tmp_path / "scores.csv"
    scratch.mkdir()
    words = ["score", "--pairs", str(table), "--pix-fmt", "yuv420p", "--jobs", "1", "--out", str(out)]
    words += ["--feature", "float_ms_ssim", "--feature", "cambi"]
    environment = os.environ | {"TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tinyvmaf", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    shown = iter(process.stdout.readline, "")
    assert any(line.startswith(ladder[1]) for line in shown)  # the first pair is done
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "tinyvmaf: interrupted\n"
    assert not out.exists()
    assert not list(scratch.iterdir())
    names = [Store(default_folder()).about(entry.key)["clip"] for entry in Store(default_folder()).entries()]
    assert names == ["r_a.yuv"]
