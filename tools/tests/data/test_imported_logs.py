"""Logs as libvmaf and the tools around it write them."""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.data.imported import LogRows, find_logs, parse_any
from tinyvmaf.data.imported.logs import NotALogError
from tinyvmaf.errors import LogError, TinyvmafError

OLD_JSON = """{
  "version":"1.3.11",
  "params":{ "model":"vmaf_rb_v0.6.3.pkl", "scaledWidth":3840, "scaledHeight":2160, "subsample":1 },
  "metrics":[ "adm2", "motion2", "vmaf" ],
  "frames":[
    { "frameNum":0, "metrics":{ "adm2":0.80017, "motion2":0.0, "vmaf":46.19867 } },
    { "frameNum":1, "metrics":{ "adm2":0.8942600000000001, "motion2":1.09971, "vmaf":47.03072 } }
  ],
  "VMAF score":46.6, "aggregateVMAF":46.6
}"""
NEW_JSON = """{
  "version": "2b2cf9c", "fps": inf,
  "frames": [
    { "frameNum": 0, "metrics": { "integer_adm2": 1.003869, "psnr_hvs": null, "vmaf": 95.364193, "vmaf_neg": 79.95 } },
    { "frameNum": 1, "metrics": { "integer_adm2": 1.000172, "psnr_hvs": 30.6, "vmaf": 95.817015, "vmaf_neg": 81.1 } }
  ],
  "pooled_metrics": { "vmaf": { "min": 84.7, "max": 97.1, "mean": 90.0, "harmonic_mean": 90.0 } },
  "aggregate_metrics": { }
}"""
OLD_XML = """<?xml version="1.0"?>
<VMAF version="1.3.14">
\t<params model="vmaf_v0.6.1.pkl" scaledWidth="1920" scaledHeight="1080" subsample="1" />
\t<fyi numOfFrames="2" aggregateVMAF="90.1" aggregatePSNR="38.2" execFps="32.8" timeTaken="30.3" />
\t<frames>
\t\t<frame frameNum="0" adm2="0.96217" motion2="0.00000" vmaf="83.86810" />
\t\t<frame frameNum="1" adm2="0.94984" motion2="4.21569" vmaf="82.66163" />
\t</frames>
</VMAF>"""
RC_XML = """<VMAF version="RELEASE_CANDIDATE">
  <params width="576" height="324" />
  <fyi fps="66.44" />
  <frames>
    <frame frameNum="0" motion2="0.000000" adm2="0.962171" ../model/vmaf_v0.6.1.pkl="83.868099" />
    <frame frameNum="1" motion2="4.215693" adm2="0.949842" ../model/vmaf_v0.6.1.pkl="nan" />
  </frames>
</VMAF>"""
CSV = "Frame,integer_adm2,integer_motion2,vmaf,\n0,0.962171,0.000000,83.868099,\n1,0.949842,4.215693,82.661630,\n"
PYTHON_RUNNER = """{"executorId": "VMAF_VF0.2.4c-0.6.1", "asset": {"identifier": "x"},
 "frames": [{"frameNum": 0, "VMAF_feature_adm2_score": 0.9621, "VMAF_score": 76.1},
            {"frameNum": 1, "VMAF_feature_adm2_score": 0.9521, "VMAF_score": 75.1}],
 "aggregate": {"VMAF_score": 75.6, "method": "mean"}}"""
QUALITY_METRICS = """{"vmaf": [{"integer_adm2": 0.704, "vmaf": 7.985, "n": 1},
  {"integer_adm2": 0.702, "vmaf": 8, "n": 2}],
 "psnr": [{"n": 1, "psnr_avg": 17.2}, {"n": 2, "psnr_avg": 17.1}],
 "global": {"vmaf": {"vmaf": {"average": 8}}}, "input_file_dist": "d.mp4"}"""


def frames(rows: LogRows) -> list[int]:
    return [int(number) for number in rows.frame]


@pytest.mark.parametrize(
    ("text", "version", "columns", "score"),
    [
        (OLD_JSON, "1.3.11", ["adm2", "motion2", "vmaf"], "vmaf"),
        (NEW_JSON, "2b2cf9c", ["integer_adm2", "psnr_hvs", "vmaf", "vmaf_neg"], "vmaf"),
        (OLD_XML, "1.3.14", ["adm2", "motion2", "vmaf"], "vmaf"),
        (CSV, None, ["integer_adm2", "integer_motion2", "vmaf"], "vmaf"),
        (CSV.replace(",\n", "\n").replace(",", ";"), None, ["integer_adm2", "integer_motion2", "vmaf"], "vmaf"),
        (PYTHON_RUNNER, None, ["VMAF_feature_adm2_score", "VMAF_score"], "VMAF_score"),
        (QUALITY_METRICS, None, ["integer_adm2", "vmaf", "psnr_avg"], "vmaf"),
        ("n,integer_adm2,vmaf\n1,0.7,8\n2,0.7,9\n", None, ["integer_adm2", "vmaf"], "vmaf"),
    ],
)
def test_every_kind_of_log_is_read(text: str, version: str | None, columns: list[str], score: str) -> None:
    for data in (
        text.encode(),
        b"\xef\xbb\xbf" + text.encode(),
        text.encode("utf-16"),
        text.replace("\n", "\r\n").encode(),
    ):
        rows = parse_any(data)
        assert (frames(rows), rows.version, list(rows.columns), rows.cut_off, rows.notes) == (
            [0, 1],
            version,
            columns,
            False,
            (),
        )
        assert np.isfinite(rows.columns[score]).all()


def test_a_log_with_commas_in_its_numbers_is_damage_that_says_so() -> None:
    text = CSV.replace(",\n", "\n").replace(",", ";").replace(".", ",")
    with pytest.raises(LogError, match="'0,962171'; decimals must follow a point"):
        parse_any(text.encode())
    with pytest.raises(LogError, match="has no numbers: its first value is 'x'"):
        parse_any(b"Frame,vmaf\n0,x\n1,y\n")


def test_the_model_of_libvmaf_1_is_told() -> None:
    assert parse_any(OLD_JSON.encode()).model == "vmaf_rb_v0.6.3.pkl"
    assert parse_any(OLD_XML.encode()).model == "vmaf_v0.6.1.pkl"


def test_a_column_whose_name_is_not_xml_is_read_and_a_frame_without_a_score_left_out() -> None:
    rows = parse_any(RC_XML.encode())
    assert rows.columns["../model/vmaf_v0.6.1.pkl"].tolist() == [83.868099]
    assert rows.notes == ("without numbers, left out: frame 1",)


@pytest.mark.parametrize("value", ["nan", "-nan", "inf", "NaN", "-Infinity", "null", "-nan(ind)", "1.#QNAN"])
def test_values_that_are_not_numbers_leave_their_frame_out(value: str) -> None:
    rows = parse_any(OLD_JSON.replace("47.03072", value).encode())
    assert (frames(rows), rows.notes) == ([0], ("without numbers, left out: frame 1",))
    assert not rows.cut_off


def log(numbers: list[int], **values: object) -> bytes:
    entries = [{"frameNum": n, "metrics": {"integer_adm2": 0.5 + n / 1000, "vmaf": 50.0 + n} | values} for n in numbers]
    return json.dumps({"version": "3.0.0", "frames": entries}, indent=1).encode()


def test_what_is_odd_about_frames_is_named() -> None:
    assert parse_any(log([0, 1, 2, 4, 7])).notes == ("without frames 3, 5 and 6",)
    assert parse_any(log([0, 5, 10, 15, 20])).notes == ("it has one frame in 5",)
    assert parse_any(log([0, 5, 10, 20, 25])).notes == ("it has one frame in 5", "without frame 15")
    assert parse_any(log([3, 4, 5])).notes == ("without frames 0, 1 and 2",)
    assert parse_any(log([1, 0, 2])).notes == ("its frames are not in order",)
    assert parse_any(log([0, 1, 1, 2])).notes == ("twice, with the same values: frame 1",)
    assert parse_any(log([0, 5, 10])).step == 5
    assert parse_any(log([*range(10), 30])).notes == ("without 20 frames, the first 10",)


def test_a_frame_number_beyond_all_video_is_damage_and_a_large_gap_costs_nothing() -> None:
    with pytest.raises(LogError, match="number 9999999999"):
        parse_any(log([0, 9_999_999_999]))
    assert parse_any(log([0, 1, 2, 2_000_000_000])).notes == ("without 1999999997 frames, the first 3",)
    for number in (-1, 1.5, None, "x", [1]):
        with pytest.raises(LogError, match="a frame with the number"):
            parse_any(json.dumps({"frames": [{"frameNum": number, "metrics": {"vmaf": 1}}]}).encode())


def test_one_frame_with_two_contents_is_damage() -> None:
    twice = log([0, 1])[:-3] + b"," + log([1], vmaf=3.0).split(b'"frames": [')[1]
    with pytest.raises(LogError, match="frame 1 twice, with different values"):
        parse_any(twice)


@pytest.mark.parametrize("share", [*np.linspace(0.05, 0.98, 14), 0.99])
@pytest.mark.parametrize("kind", [log(list(range(40))), CSV.encode() + b"2,0.9,1.0,70.0,\n", OLD_XML.encode()])
def test_a_log_that_is_cut_off_is_known_as_such_and_its_whole_frames_are_read(kind: bytes, share: float) -> None:
    whole = parse_any(kind)
    try:
        rows = parse_any(kind[: int(len(kind) * share)])
    except LogError:
        assert share < 0.85
        return
    assert rows.cut_off
    assert len(rows.frame) <= len(whole.frame)
    for name, column in rows.columns.items():
        assert column.tolist() == whole.columns[name][: len(column)].tolist()


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"a": 1}',
        "clip,mos\na,1\n",
        "<html></html>",
        "hello",
        '{"frames": 3}',
        "[" * 100_000,
        "\x00\x01",
        "a\rb,c\n1,2\n",
    ],
)
def test_what_libvmaf_did_not_write_is_no_log(text: str) -> None:
    with pytest.raises(NotALogError):
        parse_any(text.encode())


def test_an_empty_file_and_a_pointer_are_damage() -> None:
    with pytest.raises(LogError, match="is empty"):
        parse_any(b"\n")
    with pytest.raises(LogError, match="git lfs pull"):
        parse_any(b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n")


def test_logs_are_found_in_folders_and_archives_compressed_or_not(tmp_path: Path) -> None:
    import bz2
    import lzma
    import tarfile
    import zipfile

    import pyarrow as pa

    data = log([0, 1])
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.json").write_bytes(data)
    (tmp_path / "in" / "b.json.gz").write_bytes(gzip.compress(data))
    (tmp_path / "in" / "c.json.bz2").write_bytes(bz2.compress(data))
    (tmp_path / "in" / "d.json.xz").write_bytes(lzma.compress(data))
    with pa.CompressedOutputStream(str(tmp_path / "in" / "e.json.zst"), "zstd") as out:
        out.write(data)
    (tmp_path / "in" / "video.mkv").write_bytes(b"")
    (tmp_path / "in" / ".hidden.json").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.write(tmp_path / "in" / "a.json", "x/a.json")
    with tarfile.open(tmp_path / "in.tar", "w") as tape:
        tape.add(tmp_path / "in" / "b.json.gz", "y/b.json.gz")
    found = find_logs([tmp_path / "in", tmp_path / "in.zip", tmp_path / "in.tar", tmp_path / "in" / "a.json"])
    assert len(found) == 7
    assert {file.read() for file in found} == {data}
    assert [file.asked for file in found].count(True) == 1
    with pytest.raises(TinyvmafError, match="no such file"):
        find_logs([tmp_path / "none"])
    (tmp_path / "in.tar.gz").write_bytes(b"")
    with pytest.raises(TinyvmafError, match="unpack it first"):
        find_logs([tmp_path / "in.tar.gz"])


def test_a_pipe_and_a_device_are_refused(tmp_path: Path) -> None:
    """Reading them waits for ever, or fills the memory."""
    pipe, device = tmp_path / "a.json", tmp_path / "b.json"
    os.mkfifo(pipe)
    device.symlink_to("/dev/zero")
    for path in (pipe, device):
        with pytest.raises(TinyvmafError, match=r"\.json: neither a file nor a folder"):
            find_logs([path])


def test_a_damaged_compressed_log_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(log([0, 1]))[:-20])
    with pytest.raises(LogError, match="cannot be read"):
        find_logs([path])[0].read()


def test_an_archive_that_is_cut_off_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "logs.zip"
    path.write_bytes(b"PK\x03\x04" + bytes(2000))
    with pytest.raises(TinyvmafError, match="cut off, damaged, or no zip or tar archive"):
        find_logs([path])
