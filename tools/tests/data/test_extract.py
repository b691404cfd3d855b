"""Extraction gives the right values, measures nothing twice, and survives kills, damage and dead workers."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from tinyvmaf.app.cli import main
from tinyvmaf.data import dataset
from tinyvmaf.data.corpus import Corpus, scan
from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.data.extract import FULL, ExtractionRequest, extract, measure
from tinyvmaf.data.extract.job import Job, MeasuredClip
from tinyvmaf.data.store import Store
from tinyvmaf.errors import MediaError, TinyvmafError
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.frame_features import FRAME_FEATURES, luma_shift
from tinyvmaf.vmaf.libvmaf import score_pair
from tinyvmaf.vmaf.media import both
from tinyvmaf.vmaf.teacher import KNOWN

from ..effort import tries
from ..fixture_types import Clip

DIMS = "128x96"


@pytest.fixture
def root(tmp_path: Path, clip: Clip) -> Path:
    """Three sources with three clips each; the files are old enough for their digests to be stored."""
    folder = tmp_path / "root"
    for name in ("ref", "dis"):
        (folder / name).mkdir(parents=True)
    for number, source in enumerate("ABC"):
        clip(f"{source}_25fps.yuv", folder=folder / "ref", noise=number / 8)
        for rung in (1, 2, 3):
            clip(f"{source}_{rung}_{90 * rung}_{100 * rung}.yuv", folder=folder / "dis", noise=number + 5.0 * rung)
    for path in folder.rglob("*.yuv"):
        os.utime(path, (time.time() - 100,) * 2)
    return folder


@pytest.fixture
def corpus(root: Path) -> Corpus:
    return scan(root, assume=DIMS)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_extracted_values_equal_those_of_score_pair(corpus: Corpus, store: Store, ffmpeg: FFmpeg) -> None:
    result = extract(corpus, ExtractionRequest(), store, ffmpeg, jobs=2)
    assert result.table is not None
    assert not result.failures
    assert result.table.column_names == ["source", "clip", "frame", *CANONICAL, "vmaf_v0.6.1"]
    assert result.table.num_rows == 9 * 4
    for clip in corpus.clips:
        table = score_pair(clip.reference, clip.path, options=both(size=DIMS, pix_fmt="yuv420p"), ffmpeg=ffmpeg)
        mine = result.table.filter([name == clip.id for name in result.table["clip"].to_pylist()])
        np.testing.assert_array_equal(
            np.column_stack([mine[n].to_numpy() for n in CANONICAL]), table.features(CANONICAL)
        )
        assert mine["source"].to_pylist() == [clip.source] * 4
        assert mine["frame"].to_pylist() == [0, 1, 2, 3]


def test_a_measured_clip_is_not_measured_again(corpus: Corpus, store: Store, ffmpeg: FFmpeg) -> None:
    first = extract(corpus, ExtractionRequest(), store, ffmpeg, jobs=2)
    again = extract(
        corpus, ExtractionRequest(), Store(store.folder), ffmpeg, jobs=2, run=lambda _: pytest.fail("measured again")
    )
    assert (first.computed, again.computed) == (9, 0)
    assert first.table is not None
    assert first.table.equals(again.table)
    assert first.libvmaf == again.libvmaf != ""


def test_another_request_clip_content_or_ffmpeg_build_is_measured_anew(
    corpus: Corpus, store: Store, ffmpeg: FFmpeg, old_ffmpeg: FFmpeg
) -> None:
    extract(corpus, ExtractionRequest(), store, ffmpeg, jobs=2)
    assert extract(corpus, ExtractionRequest(features=("psnr",)), store, ffmpeg, jobs=2).computed == 9
    assert extract(corpus, ExtractionRequest(teachers=("vmaf_v0.6.1neg",)), store, ffmpeg, jobs=2).computed == 9
    assert extract(corpus, ExtractionRequest(), store, old_ffmpeg, jobs=2).computed == 9
    path = corpus.clips[0].path
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    assert extract(corpus, ExtractionRequest(), store, ffmpeg, jobs=2).computed == 1
    other = scan(corpus.root, assume="96x128")
    assert extract(other, ExtractionRequest(), store, ffmpeg, jobs=2).computed == 9


def test_a_damaged_entry_is_reported_and_measured_again(corpus: Corpus, store: Store, ffmpeg: FFmpeg) -> None:
    first = extract(corpus, ExtractionRequest(), store, ffmpeg, jobs=2)
    entry = next(store.entries())
    entry.path.write_bytes(entry.path.read_bytes()[:-3])
    again = extract(corpus, ExtractionRequest(), Store(store.folder), ffmpeg, jobs=2)
    assert (again.computed, again.damaged) == (1, [entry.key])
    assert first.table is not None
    assert first.table.equals(again.table)


def test_a_clip_that_fails_is_named_and_the_rest_is_kept(corpus: Corpus, store: Store, ffmpeg: FFmpeg) -> None:
    path = corpus.clips[4].path
    path.write_bytes(path.read_bytes()[:-5])
    seen: list[tuple[int, int, int]] = []
    result = extract(corpus, ExtractionRequest(), store, ffmpeg, jobs=2, on_clip=lambda *done: seen.append(done))
    (failure,) = result.failures
    assert failure.clip == corpus.clips[4].id
    assert "not a whole number of frames" in failure.reason
    assert result.table is not None
    assert result.table.num_rows == 8 * 4
    assert seen[-1] == (9, 9, 32)


def test_features_full_gives_every_column_that_libvmaf_logs(tmp_path: Path, clip: Clip, store: Store) -> None:
    for name in ("ref", "dis"):
        (tmp_path / "full" / name).mkdir(parents=True)
    size = (320, 192)
    clip("A_25fps.yuv", folder=tmp_path / "full/ref", size=size)
    clip("A_1_90_100.yuv", folder=tmp_path / "full/dis", size=size, noise=9)
    out = tmp_path / "full.parquet"
    arguments = ["extract", "--data-root", str(tmp_path / "full"), "--assume-dims", "320x192", "--out", str(out)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYVMAF_CACHE", str(store.folder))
        teachers = ["--teacher", "vmaf_v0.6.1", "--teacher", "vmaf_float_v0.6.1", "--teacher", "vmaf_b_v0.6.3"]
        assert main([*arguments, "--features", "full", *teachers]) == 0
    columns = dataset.read(out).table.column_names
    wanted = {
        "adm2",
        "float_adm2",
        "adm_scale0",
        "vif_scale3",
        "motion2",
        "motion3",
        "psnr_y",
        "psnr_cb",
        "float_ssim",
        "float_ms_ssim",
        "psnr_hvs",
        "ciede2000",
        "cambi",
        "vmaf_b_v0.6.3",
        "vmaf_float_v0.6.1",
    }
    assert wanted <= set(columns)
    assert len(set(columns)) == len(columns)
    psnr_hvs_cb = dataset.read(out).table["psnr_hvs_cb"]  # equal chroma planes give infinity, stored as null
    assert psnr_hvs_cb.null_count == len(psnr_hvs_cb)
    with pytest.raises(TinyvmafError, match="psnr_hvs_cb of clip A_1_90_100, frame 0 is nan"):
        dataset.read(out).columns("psnr_hvs_cb")


def command(root: Path, out: Path, *more: str) -> list[str]:
    arguments = ["extract", "--data-root", str(root), "--assume-dims", DIMS, "--out", str(out)]
    return [sys.executable, "-m", "tinyvmaf", *arguments, *more]


@pytest.mark.fuzz
def test_killed_again_and_again_it_finishes_with_the_same_bytes(root: Path, tmp_path: Path) -> None:
    """kill -9 at random moments: finished clips are not measured again, and no half-written file is left."""
    clean = os.environ | {"TINYVMAF_CACHE": str(tmp_path / "clean")}
    started = time.monotonic()
    subprocess.run(command(root, tmp_path / "clean.parquet"), env=clean, check=True, stdout=subprocess.PIPE, timeout=60)
    whole = time.monotonic() - started
    environment = os.environ | {"TINYVMAF_CACHE": str(tmp_path / "killed")}
    chance = random.Random(20)
    entries = 0
    for _ in range(tries(6, 20)):
        run = subprocess.Popen(command(root, tmp_path / "out.parquet"), env=environment, stdout=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, whole))
        run.kill()
        run.wait(30)
        there = list(Store(tmp_path / "killed").entries())
        assert len(there) >= entries  # nothing that was finished is lost
        entries = len(there)
        if (tmp_path / "out.parquet").exists():
            assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "clean.parquet").read_bytes()
    done = subprocess.run(
        command(root, tmp_path / "out.parquet"),
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert f"{9 - min(entries, 9)} clips measured" in done.stdout or entries > 9  # the epoch has an entry too
    assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "clean.parquet").read_bytes()


@pytest.mark.usefixtures("sigint_is_heeded")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_children_and_keeps_finished_clips(
    number: signal.Signals, clip: Clip, root: Path, tmp_path: Path
) -> None:
    long = clip("long.yuv", frames=3000)
    for name in ("ref/L_25fps.yuv", "dis/L_1_90_100.yuv", "dis/L_2_90_100.yuv", "dis/L_3_90_100.yuv"):
        (root / name).write_bytes(long.read_bytes())
    environment = os.environ | {"TINYVMAF_CACHE": str(tmp_path / "cache")}
    run = subprocess.Popen(command(root, tmp_path / "out.parquet"), env=environment, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while len(list(Store(tmp_path / "cache").entries())) < 9:  # the short ones come first
        assert run.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    children = psutil.Process(run.pid).children()
    run.send_signal(number)
    run.communicate(timeout=30)
    assert run.returncode == 128 + number
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert not (tmp_path / "out.parquet").exists()
    assert len(list(Store(tmp_path / "cache").entries())) >= 9


def test_two_runs_at_once_share_the_work(root: Path, tmp_path: Path) -> None:
    environment = os.environ | {"TINYVMAF_CACHE": str(tmp_path / "cache")}
    runs = [
        subprocess.Popen(command(root, tmp_path / f"{n}.parquet"), env=environment, stdout=subprocess.PIPE, text=True)
        for n in range(2)
    ]
    output = [run.communicate(timeout=60)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    measured = [int(text.split(" clips measured")[0].split("; ")[-1]) for text in output]
    assert sum(measured) == 9
    assert (tmp_path / "0.parquet").read_bytes() == (tmp_path / "1.parquet").read_bytes()


def test_the_command_names_the_clips_that_failed(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYVMAF_CACHE", str(tmp_path / "cache"))
    (root / "dis/B_2_180_200.yuv").write_bytes(b"x")
    (root / "dis/Z_1_90_100.yuv").write_bytes(b"x")
    out = tmp_path / "out.parquet"
    assert main(command(root, out)[3:]) == 1
    text = capsys.readouterr()
    assert "8 clips, 32 frames" in text.out
    assert "B_2_180_200 failed: " in text.err
    assert "dis/Z_1_90_100.yuv has no reference" in text.err
    for path in (root / "dis").iterdir():
        path.write_bytes(b"x")
    out.unlink()
    assert main(command(root, out)[3:]) == 1
    assert "every clip failed" in capsys.readouterr().err
    assert not out.exists()


def test_the_time_limit_holds_per_clip(corpus: Corpus, store: Store, ffmpeg: FFmpeg) -> None:
    result = extract(corpus, ExtractionRequest(timeout=0.001), store, ffmpeg, jobs=2)
    assert result.table is None
    assert all("time limit" in failure.reason for failure in result.failures)


def test_an_unknown_teacher_is_an_error() -> None:
    with pytest.raises(TinyvmafError, match="unknown teacher 'x'"):
        ExtractionRequest(teachers=("x",))


@pytest.mark.parametrize("name", ["", "lumashift", "luma_shift:x=1", "Luma_Shift"])
def test_an_unknown_feature_is_an_error_that_lists_the_known_ones(name: str) -> None:
    with pytest.raises(TinyvmafError, match=rf"unknown feature '{name}'\n.*: psnr, .*, luma_shift"):
        ExtractionRequest(features=("psnr", name))


def test_any_feature_of_libvmaf_may_be_asked_for() -> None:
    ExtractionRequest(features=(*FULL, "cambi:full_ref=true", "a_later_one"))


@pytest.mark.parametrize("name", ["clip", "adm2", "psnr_y", "vif_scale0_egl_1", "integer_adm", *KNOWN])
def test_a_frame_feature_may_not_take_a_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FRAME_FEATURES, name, luma_shift)
    with pytest.raises(TinyvmafError, match=f"frame feature {name}: the name is taken"):
        ExtractionRequest(features=(name,))


@pytest.mark.parametrize("names", ["luma_shift", "canonical,luma_shift", "luma_shift, psnr", "full,luma_shift"])
def test_features_are_listed_in_any_combination(
    names: str, tmp_path: Path, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYVMAF_CACHE", str(tmp_path / "cache"))
    for folder, name in (("ref", "A_25fps.yuv"), ("dis", "A_1_90_100.yuv")):
        (tmp_path / "root" / folder).mkdir(parents=True)
        clip(name, folder=tmp_path / "root" / folder, size=(320, 192), noise=9 * (folder == "dis"))
    options = ["--data-root", str(tmp_path / "root"), "--assume-dims", "320x192", "--out", str(tmp_path / "o.parquet")]
    assert main(["extract", *options, "--features", names]) == 0
    columns = set(dataset.read(tmp_path / "o.parquet").table.column_names)
    assert {*CANONICAL, "luma_shift"} <= columns
    assert ("psnr_y" in columns) == ("psnr" in names or "full" in names)
    assert ("cambi" in columns) == ("full" in names)


def test_a_dataset_carries_its_provenance(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYVMAF_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "out.parquet"
    assert main(command(root, out, "--teacher", "vmaf_v0.6.1", "--teacher", "vmaf_v0.6.1neg")[3:]) == 0
    data = dataset.read(out)
    assert data.provenance["motion_epoch"] == "mirror-fix"
    assert set(data.provenance["teachers"]) == {"vmaf_v0.6.1", "vmaf_v0.6.1neg"}
    assert len(data.provenance["files_blake3"]) == 12
    assert data.columns(*CANONICAL).shape == (36, 6)
    assert len(data.clip_means("vmaf_v0.6.1")) == 9
    assert str(tmp_path) not in json.dumps(dict(data.provenance))
    with pytest.raises(TinyvmafError, match=r"no column 'x'\n  hint: the columns are source, "):
        data.columns("x")
    for key in ("libvmaf", "teachers"):
        with pytest.raises(TinyvmafError, match=f"its provenance lacks {key}"):
            dataset.write(tmp_path / "no.parquet", data.table, {**data.provenance, key: ""})


@pytest.mark.parametrize("spoil", ["missing", "cut", "flip", "bare"])
def test_a_missing_or_damaged_dataset_is_an_error(spoil: str, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    path = tmp_path / "d.parquet"
    table = embedded_corpus().read().table.slice(0, 36)
    fields = dict.fromkeys(
        ("libvmaf", "motion_epoch", "ffmpeg", "teachers", "corpus_sha256", "geometry", "command"), "x"
    )
    dataset.write(path, table, fields)
    data = bytearray(path.read_bytes())
    if spoil == "missing":
        path.unlink()
    elif spoil == "bare":
        pq.write_table(table.replace_schema_metadata({}), path)
    else:
        if spoil == "flip":
            data[len(data) // 3] ^= 1
        path.write_bytes(data if spoil == "flip" else data[:-9])
    with pytest.raises(TinyvmafError, match=r"d\.parquet"):
        dataset.read(path)


def test_a_worker_without_the_data_root_or_the_same_ffmpeg_is_an_error(
    corpus: Corpus, store: Store, ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    jobs = []

    def keep(job: Job) -> MeasuredClip:
        jobs.append(job)
        return measure(job)

    extract(corpus, ExtractionRequest(), store, ffmpeg, jobs=1, run=keep)
    with pytest.raises(MediaError, match=r"does not see the data root .*elsewhere\n  hint: .*mount"):
        measure(replace(jobs[0], root=tmp_path / "elsewhere"))
    with pytest.raises(TinyvmafError, match="has another build of FFmpeg"):
        measure(replace(jobs[0], ffmpeg_digest="0"))


def test_warnings_of_a_clip_stay_with_it(corpus: Corpus, store: Store, ffmpeg: FFmpeg) -> None:
    def warned(job: Job) -> MeasuredClip:
        return measure(job)._replace(warnings=("timestamps differ",))

    for run in (warned, measure):  # the second run finds every clip in the store
        result = extract(corpus, ExtractionRequest(), store, ffmpeg, jobs=2, run=run)
        assert result.warnings == [f"{clip.id}: timestamps differ" for clip in corpus.clips]
