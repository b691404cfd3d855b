"""Pairs: which go into one FFmpeg, what the store keeps of them, and what becomes of a bad one."""

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyvmaf.data.pairs import AskedPair, MeasuredPair, PairRun
from tinyvmaf.data.pairs.plan import plan
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.errors import MediaError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import FrameTable, LibvmafRequest, score_pair
from tinyvmaf.vmaf.media import both

from ..fixture_types import Clip

RAW = both(size="128x96", pix_fmt="yuv420p")
REQUEST = LibvmafRequest(features=("psnr",))


def old(path: Path) -> Path:
    """The file, not written just now: a change of it would show in its times."""
    past = time.time() - 10
    os.utime(path, (past, past))
    return path


@pytest.fixture
def pairs(clip: Clip) -> list[AskedPair]:
    reference = old(clip("r.yuv"))
    return [AskedPair(reference, old(clip(f"d{noise}.yuv", noise=noise)), RAW) for noise in (3, 6, 9)]


@pytest.fixture
def store() -> Store:
    return Store(default_folder())


def measured(
    pairs: list[AskedPair], ffmpeg: FFmpeg, store: Store | None, request: LibvmafRequest = REQUEST
) -> list[MeasuredPair]:
    found = list(PairRun(request, ffmpeg, store=store).measure(pairs))
    return sorted(found, key=lambda one: one.number)


def table_of(one: MeasuredPair) -> FrameTable:
    assert one.table is not None, one.error
    return one.table


def same(one: FrameTable, other: FrameTable) -> None:
    assert one.version == other.version
    for ours, theirs in ((one.columns, other.columns), (one.precise, other.precise)):
        assert set(ours) == set(theirs)
        for name, values in ours.items():
            np.testing.assert_array_equal(values, theirs[name])
    assert one.pooled == other.pooled
    assert one.inputs == other.inputs


def test_encodes_of_one_reference_are_measured_together_as_each_alone(pairs: list[AskedPair], ffmpeg: FFmpeg) -> None:
    found = measured(pairs, ffmpeg, None)
    for pair, one in zip(pairs, found, strict=True):
        table = table_of(one)
        assert table.command.count("-i") == 4  # three encodes, and the reference once
        alone = score_pair(pair.reference, pair.distorted, options=RAW, features=["psnr"], ffmpeg=ffmpeg)
        same(table, alone)


def test_what_was_measured_comes_from_the_store_until_a_file_or_the_request_changes(
    pairs: list[AskedPair], ffmpeg: FFmpeg, store: Store
) -> None:
    first = measured(pairs, ffmpeg, store)
    again = measured(pairs, ffmpeg, store)
    assert [one.stored for one in (*first, *again)] == [False] * 3 + [True] * 3
    for one, other in zip(first, again, strict=True):
        same(table_of(one), table_of(other))
        assert table_of(one).command == table_of(other).command
    changed = pairs[1].distorted
    changed.write_bytes(pairs[2].distorted.read_bytes())
    old(changed)  # same size, and the modification time of before
    assert [one.stored for one in measured(pairs, ffmpeg, store)] == [True, False, True]
    other_request = replace(REQUEST, features=())
    assert not any(one.stored for one in measured(pairs, ffmpeg, store, other_request))
    other_options = [replace(pair, options=replace(RAW, scale="bicubic")) for pair in pairs]
    assert not any(one.stored for one in measured(other_options, ffmpeg, store))


def test_a_file_that_was_written_just_now_is_not_kept(clip: Clip, ffmpeg: FFmpeg, store: Store) -> None:
    """It may change again without new times."""
    pair = AskedPair(clip("r.yuv"), clip("d.yuv", noise=9), RAW)
    assert [measured([pair], ffmpeg, store)[0].stored for _ in range(2)] == [False, False]


def test_a_file_that_changes_while_it_is_scored_has_no_score(pairs: list[AskedPair], ffmpeg: FFmpeg) -> None:
    run = PairRun(REQUEST, ffmpeg, store=None, on_progress=lambda *_: pairs[0].distorted.touch())
    found = {one.number: one for one in run.measure(pairs)}
    assert found[0].table is None
    assert isinstance(found[0].error, MediaError)
    assert "d3.yuv: the file changed while it was scored" in str(found[0].error)
    assert found[1].table is not None


def test_one_bad_encode_spoils_no_other(pairs: list[AskedPair], ffmpeg: FFmpeg, store: Store, clip: Clip) -> None:
    """One cannot be opened; one is shorter than the reference."""
    pairs.insert(1, AskedPair(pairs[0].reference, pairs[0].reference.with_name("none.yuv"), RAW))
    pairs.insert(2, AskedPair(pairs[0].reference, clip("short.yuv", frames=3), RAW))
    found = measured(pairs, ffmpeg, store)
    assert [one.table is not None for one in found] == [True, False, False, True, True]
    assert "none.yuv: no such file" in str(found[1].error)
    assert "frame count 4 against 3" in str(found[2].error)


@given(st.lists(st.sampled_from("abc"), max_size=40), st.sampled_from([None, 1, 3]))
def test_each_pair_is_in_one_batch_of_its_reference(references: list[str], jobs: int | None) -> None:
    pairs = [AskedPair(Path(__file__).with_name(f"{name}.py"), Path(str(n))) for n, name in enumerate(references)]
    batches, at_once = plan([replace(pair, reference=Path(__file__)) for pair in pairs], range(len(pairs)), jobs)
    assert sorted(number for batch in batches for number in batch.numbers) == list(range(len(pairs)))
    assert all(1 <= len(batch.numbers) <= 8 and batch.threads >= 1 for batch in batches)
    assert at_once >= 1
    lengths = [len(batch.numbers) for batch in batches]
    assert max(lengths, default=0) - min(lengths, default=0) <= 1  # one reference: parts of about equal length
    alone, _ = plan(pairs, range(len(pairs)), jobs)  # these references are no files
    assert all(len(batch.numbers) == 1 for batch in alone)
