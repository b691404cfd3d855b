"""Imports of logs: what is left out, what is kept from one run to the next, what the names of files tell."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.data.imported import (
    ClipTable,
    ImportReport,
    built_in_teacher,
    find_logs,
    import_logs,
    read_clip_table,
    read_layouts,
)
from tinyvmaf.data.store import Store
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_built_in

from .imported_samples import SIX, real_rows


def write_log(
    path: Path,
    ffmpeg: FFmpeg,
    *,
    first: int = 0,
    frames: int = 6,
    decimals: int = 6,
    version: str = "3.0.0",
    **more: float,
) -> Path:
    """A log of libvmaf 2, or with version 1.x of libvmaf 1, of real rows from `first` on."""
    rows = real_rows(1000)[first : first + frames]
    scores = load_built_in(ffmpeg).predict(rows)
    prefix = "" if version.startswith("1.") else "integer_"
    entries = []
    for number, (row, score) in enumerate(zip(np.round(rows, decimals), np.round(scores, decimals), strict=True)):
        metrics = {f"{prefix}{name}": float(value) for name, value in zip(SIX, row, strict=True)}
        entries.append({"frameNum": number, "metrics": metrics | {"vmaf": float(score)} | more})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": version, "frames": entries}, indent=2))
    return path


def imported(
    paths: Sequence[Path], tmp_path: Path, *, mos: Path | None = None, layouts: Path | None = None, **more: object
) -> ImportReport:
    return import_logs(
        find_logs(paths),
        "set",
        store=Store(tmp_path / "store"),
        layouts=read_layouts(layouts),
        teacher_of=built_in_teacher,
        listed=read_clip_table(mos) if mos else ClipTable((), None),
        **more,  # type: ignore[arg-type]
    )


def test_damaged_logs_are_named_and_the_others_are_imported(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    logs = tmp_path / "logs"
    for number, name in enumerate(("a__1", "a__2", "b__1")):
        write_log(logs / f"{name}.json", ffmpeg, first=10 * number)
    whole = (logs / "a__2.json").read_text()
    (logs / "a__2.json").write_text(whole[: len(whole) * 2 // 3])
    (logs / "b__2.json").write_text("")
    (logs / "b__3.xml").write_bytes(gzip.compress(b"x")[:9])
    (logs / "notes.txt").write_text("hello")
    report = imported([logs], tmp_path)
    assert sorted(set(report.found.data.table["clip"].to_pylist())) == ["a__1", "b__1"]
    assert [(Path(left.name).name, left.why) for left in report.damaged] == [
        ("a__2.json", "is cut off after 3 frames; --partial keeps those"),
        ("b__2.json", "is empty"),
    ]
    assert sorted(Path(name).name for name in report.ignored) == ["b__3.xml", "notes.txt"]
    kept = imported([logs], tmp_path, partial=True)
    assert kept.found.data.table.num_rows == 15
    assert any("a__2: its log is cut off, 3 frames are kept" in note for note in kept.found.notes)


def test_what_was_read_is_kept_by_content(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    paths = [write_log(tmp_path / f"a__{n}.json", ffmpeg, first=n) for n in range(3)]
    first = imported(paths, tmp_path)
    assert first.remembered == 0
    renamed = paths[0].rename(tmp_path / "c__9.json")
    write_log(paths[1], ffmpeg, first=50)
    again = imported([renamed, *paths[1:]], tmp_path)
    assert again.remembered == 2
    assert sorted(set(again.found.data.table["source"].to_pylist())) == ["a", "c"]


def test_many_logs_in_several_processes_give_what_one_gives(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    logs = tmp_path / "logs"
    for number in range(30):
        write_log(logs / f"s{number % 3}__{number}.json", ffmpeg, first=number)
    (logs / "s0__99.json").write_text("{")
    done: list[tuple[int, int]] = []
    several = imported([logs], tmp_path, jobs=2, progress=lambda *counts: done.append(counts))
    one = imported([logs], tmp_path / "other", jobs=1)
    assert several.found.data.table.equals(one.found.data.table)
    assert done[-1] == (31, 31)
    assert len(several.damaged) + len(several.ignored) == 1


def test_two_logs_of_one_clip_are_refused_but_a_copy_is_noted(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    one = write_log(tmp_path / "x" / "a__1.json", ffmpeg)
    copy = tmp_path / "y" / "a__1.json.gz"
    copy.parent.mkdir()
    copy.write_bytes(gzip.compress(one.read_bytes()))
    report = imported([tmp_path / "x", tmp_path / "y"], tmp_path)
    assert report.found.data.table.num_rows == 6
    assert any("is a copy of" in note for note in report.found.notes)
    write_log(tmp_path / "y" / "a__1.json", ffmpeg, first=3)
    with pytest.raises(TinyvmafError, match="two logs of clip a__1") as failure:
        imported([tmp_path / "x", tmp_path / "y"], tmp_path)
    assert "--layouts" in (failure.value.hint or "")


def test_tests_sources_and_opinions_come_from_the_layout(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    for test, name in ((1, "water_netflix"), (2, "water_netflix_8s"), (3, "fog_cropped_8s"), (4, "fog_cropped_8s")):
        clip = f"{name}_200kbps_360p_59.94fps_h264"
        folder = tmp_path / "db" / f"test_{test}"
        write_log(folder / "vmaf_reports" / f"{clip}_vmaf.json", ffmpeg, first=test, decimals=5, version="1.3.11")
        (folder / "mos_ci.csv").write_text(f"video_name,MOS,CI\n{clip}.mkv,{test},0.2\n")
    tables = [read_clip_table(tmp_path / "db" / f"test_{test}" / "mos_ci.csv") for test in range(1, 5)]
    listed = ClipTable(tuple(row for table in tables for row in table.rows), "MOS")
    report = import_logs(
        find_logs([tmp_path / "db"]),
        "db",
        store=Store(tmp_path / "store"),
        layouts=read_layouts(),
        teacher_of=built_in_teacher,
        listed=listed,
    )
    found = report.found
    assert sorted(set(found.data.table["source"].to_pylist())) == ["fog", "water_netflix"]
    assert [(opinion.clip, opinion.mos) for opinion in found.opinions] == [
        (f"{n}/{name}_200kbps_360p_59.94fps_h264", float(n))
        for n, name in ((1, "water_netflix"), (2, "water_netflix_8s"), (3, "fog_cropped_8s"), (4, "fog_cropped_8s"))
    ]
    assert found.scale == (1, 5)
    assert found.data.provenance["libvmaf"] == "1.3.11"
    assert "merged into source water_netflix: water_netflix_8s" in found.notes
    assert any("floating point" in note for note in found.notes)
    (score,) = found.scores
    assert (score.teacher, score.how) == ("vmaf_v0.6.1", "detected")  # the rows tell, though the layout names another


def test_a_layout_of_ones_own_is_one_entry(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    own = tmp_path / "mine.toml"
    own.write_text(
        "[[layout]]\nname = 'mine'\npath = '(?P<clip>[^/]+)/vmaf\\.json'\nclip = '(?P<source>[a-z]+)-.*'\n"
        "same = { sea = ['ocean'] }\nscale = [0, 10]\n"
    )
    for name in ("sea-1", "ocean-1", "hill-1"):
        write_log(tmp_path / "logs" / name / "vmaf.json", ffmpeg, first=len(name))
    report = imported([tmp_path / "logs"], tmp_path, layouts=own)
    assert sorted(set(report.found.data.table["source"].to_pylist())) == ["hill", "sea"]
    own.write_text("[[layout]]\nname = 'mine'\nclip = '('\n")
    with pytest.raises(TinyvmafError, match="no regular expression"):
        read_layouts(own)


def test_logs_of_two_libvmafs_have_one_name_for_one_feature(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    write_log(tmp_path / "a__1.json", ffmpeg, version="1.5.3")
    write_log(tmp_path / "a__2.json", ffmpeg, first=9, version="b9ac69e6")
    found = imported([tmp_path / "a__1.json", tmp_path / "a__2.json"], tmp_path).found
    assert found.data.columns(*SIX, "vmaf_v0.6.1").shape == (12, 7)
    assert found.data.provenance["libvmaf"] == "1.5.3, b9ac69e6"


def test_logs_with_5_and_with_6_decimals_in_one_set_get_the_bounds_of_5(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    write_log(tmp_path / "a__1.json", ffmpeg, frames=60, version="1.5.3", decimals=5)
    write_log(tmp_path / "a__2.json", ffmpeg, first=70, frames=60)
    found = imported([tmp_path / "a__1.json", tmp_path / "a__2.json"], tmp_path).found
    assert set(found.decimals.values()) == {5}
    (score,) = found.scores
    assert (score.teacher, score.how) == ("vmaf_v0.6.1", "detected")
    assert 0.5 < (score.share or 0.0) <= 1.01
    assert found.data.columns("adm2").max() == round(found.data.columns("adm2").max(), 6)


def test_a_column_that_does_not_show_its_decimals_has_those_of_the_others(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    path = write_log(tmp_path / "a__1.json", ffmpeg, frames=60)
    log = json.loads(path.read_text())
    teacher = load_built_in(ffmpeg)
    for entry in log["frames"]:
        entry["metrics"]["integer_motion2"] = 0.0
        row = [entry["metrics"][f"integer_{name}"] for name in SIX]
        entry["metrics"]["vmaf"] = round(float(teacher.predict([row])[0]), 6)
    path.write_text(json.dumps(log))
    assert imported([path], tmp_path).found.decimals["motion2"] == 6


def test_scores_of_one_teacher_under_two_names_become_one_column(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    one, two = (write_log(tmp_path / f"a__{n}.json", ffmpeg, first=10 * n) for n in (1, 2))
    two.write_text(two.read_text().replace('"vmaf":', '"hd":'))
    found = imported([one, two], tmp_path).found
    assert found.data.columns("vmaf_v0.6.1").shape == (12, 1)
    assert [score.column for score in found.scores] == ["vmaf_v0.6.1"]
    assert "scores under the names vmaf and hd are one column, vmaf_v0.6.1" in found.notes


def test_an_interrupted_import_leaves_nothing_half_written_and_continues(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    logs = tmp_path / "logs"
    for number in range(40):
        write_log(logs / f"s__{number}.json", ffmpeg, first=number, frames=60)
    out = tmp_path / "out" / "F.parquet"
    command = [sys.executable, "-m", "tinyvmaf", "import", str(logs), "--out", str(out), "--jobs", "2"]
    environment = os.environ | {"TINYVMAF_CACHE": str(tmp_path / "cache")}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    until = time.monotonic() + 60
    while not list((tmp_path / "cache").rglob("*.entry")) and time.monotonic() < until and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, errors = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip("the import was faster than the interrupt")
    assert (process.returncode, errors.strip()) == (130, "tinyvmaf: interrupted")
    assert not out.parent.exists() or not list(out.parent.iterdir())
    finished = subprocess.run([*command, "--json"], env=environment, capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stderr
    content = json.loads(finished.stdout)
    assert content["clips"] == 40
    assert content["remembered"] > 0
