"""Filters of pictures are measured: PSNR, VMAF and NEG as stills, clean input, a second application."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.data.store import Store
from tinyvmaf.errors import CouldNotRunError, ModelError
from tinyvmaf.measure.harm import (
    METRICS,
    FilterClip,
    HarmFound,
    apply,
    band_of,
    gain_interval,
    measure_harm,
    scores_of,
    stored_harm,
)
from tinyvmaf.measure.harm.measured import MOST_DB, psnr, still_scores
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.libvmaf import VmafModel, score_pair
from tinyvmaf.vmaf.media import both
from tinyvmaf.vmaf.pictures import Pictures

from .harm_samples import SOURCES, blur, clip, clips, identity

FFMPEG = find_ffmpeg()


def test_an_identity_changes_nothing() -> None:
    found = measure_harm(identity, clips(), FFMPEG)
    assert found.unchanged
    assert {clip.gain(metric) for clip in found.clips for metric in METRICS} == {0.0}
    assert {clip.drift for clip in found.clips} == {0.0}
    assert set(found.clean) == {*SOURCES, "a black picture", "a white picture"}
    assert set(found.clean.values()) == {MOST_DB}


def test_a_blur_is_worse_where_encodes_are_good() -> None:
    found = measure_harm(blur, clips(), FFMPEG)
    assert not found.unchanged
    gains = {name: found.mean(lambda clip: clip.gain("psnr"), each) for name, each in found.by_band().items()}
    assert list(gains) == ["below 40", "40 to 60", "60 to 80", "80 to 95", "above 95"]
    assert gains["below 40"] > 0 > gains["above 95"]
    assert found.clean["a black picture"] == MOST_DB
    assert found.clean["Hill"] < 55
    assert list(found.by_source()) == sorted(SOURCES)


def test_scores_of_clips_that_a_filter_leaves_alone_are_not_measured_again() -> None:
    """Half of the clips come back as they are; the others get the scores of a run of their own."""

    def noisy_only(pictures: Pictures) -> Pictures:
        return blur(pictures) if float(pictures.std()) > 0.167 else pictures

    every, known = clips(), scores_of(clips(), FFMPEG)
    found = measure_harm(noisy_only, every, FFMPEG, known)
    again = scores_of(every, FFMPEG, [apply(noisy_only, one.distorted) for one in every])
    assert [one.vmaf[1] for one in found.clips] == pytest.approx(again["vmaf"], abs=1e-9)
    changed = [one.gain("vmaf") != 0.0 for one in found.clips]
    assert any(changed)
    assert not all(changed)


def test_stills_have_the_scores_that_libvmaf_gives_a_repeated_frame(tmp_path: Path) -> None:
    one = clip("Hill", 70.0)
    height, width = one.reference.shape[1:]
    for name, frame in (("ref", one.reference[1]), ("dis", one.distorted[1])):
        (tmp_path / f"{name}.yuv").write_bytes((frame.tobytes() + bytes([128]) * (frame.size // 2)) * 3)
    table = score_pair(
        tmp_path / "ref.yuv",
        tmp_path / "dis.yuv",
        options=both(size=f"{width}x{height}", pix_fmt="yuv420p"),
        models=[VmafModel("vmaf_v0.6.1"), VmafModel("vmaf_v0.6.1neg")],
        ffmpeg=FFMPEG,
    )
    stills = still_scores(one.reference, one.distorted, FFMPEG)
    assert stills["vmaf"][1] == pytest.approx(table.column("vmaf_v0.6.1")[1], abs=1e-5)
    assert stills["neg"][1] == pytest.approx(table.column("vmaf_v0.6.1neg")[1], abs=1e-5)
    assert stills["vmaf"][0] != stills["vmaf"][1]


def test_psnr_is_that_of_all_frames_together() -> None:
    frames = np.zeros((2, 8, 8), np.uint8)
    other = frames.copy()
    other[0, 0, 0] = 1
    assert psnr(frames, other) == pytest.approx(10 * np.log10(255**2 * 128))
    assert psnr(frames, frames) == MOST_DB
    assert psnr(np.full((1, 4, 4), 255, np.uint8), np.zeros((1, 4, 4), np.uint8)) == 0.0


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (lambda x: x[:, :, ::2, ::2], "it must give the shape and dtype"),
        (lambda x: x.astype(np.float64), "it must give the shape and dtype"),
        (lambda x: x * np.float32("nan"), "not finite"),
        (lambda x: x * np.float32(1.5), "it must keep within 0 to 1"),
        (lambda x: x - np.float32(0.5), "it must keep within 0 to 1"),
    ],
)
def test_what_is_no_picture_is_refused(broken: object, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        apply(broken, clip("Hill", 97.0).distorted)  # type: ignore[arg-type]


def test_a_filter_cannot_change_the_frames_that_it_gets() -> None:
    def overwrites(pictures: Pictures) -> Pictures:
        pictures[:] = 0.0
        return pictures

    frames = clip("Hill", 97.0).distorted
    before = frames.copy()
    assert not apply(overwrites, frames).any()
    assert np.array_equal(frames, before)


def without_frames(one: FilterClip) -> FilterClip:
    return replace(one, distorted=one.distorted[:0], reference=one.reference[:0])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "no clip whose VMAF is below 40"),
        ([one for one in clips() if band_of(one.vmaf) != "above 95"], "no clip whose VMAF is above 95"),
        ([one for one in clips() if one.source != "Hill"], "clips of 2 sources"),
        ([*clips()[1:], without_frames(clips()[0])], "clip Hill_20 has frames"),
        ([*clips()[1:], replace(clips()[0], reference=clips()[0].reference[:1])], "of its reference"),
    ],
)
def test_nothing_is_measured_on_too_little(given: list[FilterClip], says: str) -> None:
    with pytest.raises(CouldNotRunError, match=says):
        measure_harm(identity, given, FFMPEG)


def test_what_was_measured_is_kept(tmp_path: Path) -> None:
    store, every, calls = Store(tmp_path), clips(), []

    def counted(pictures: Pictures) -> Pictures:
        calls.append(len(pictures))
        return blur(pictures)

    def measure(model: str = "a", given: list[FilterClip] = every) -> HarmFound:
        calls.clear()
        return stored_harm(counted, model, "engine 1", given, FFMPEG, store)

    first = measure()
    assert calls
    assert measure() == first == stored_harm(blur, "a", "engine 1", every, FFMPEG, None)
    assert not calls
    measure("b")
    assert calls, "another file"
    measure(given=[replace(every[0], vmaf=21.0), *every[1:]])
    assert calls, "other clips"
    for entry in store.entries():
        entry.path.write_bytes(entry.path.read_bytes()[:-1] + b"x")
    assert measure() == first
    assert calls, "damaged entries"
    assert HarmFound.of(asdict(first)) == first


def test_nothing_is_kept_of_a_filter_that_fails(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for _ in range(2):
        with pytest.raises(ModelError):
            stored_harm(lambda x: x[:, :, 1:], "a", "engine 1", clips(), FFMPEG, store)


def test_the_interval_of_a_gain_is_that_of_sources() -> None:
    sources = [source for source in "abcde" for _ in range(8)]
    rng = np.random.default_rng(1)
    level = {source: 0.1 * (number + 1) for number, source in enumerate("abcde")}
    gains = [level[source] + rng.normal(0, 0.01) for source in sources]
    found = gain_interval(sources, gains)
    assert found == gain_interval(sources, gains)
    assert 0.1 < found.low < 0.2
    assert 0.4 < found.high < 0.5
    clips_alone = 2 * 0.01 / np.sqrt(len(gains))
    assert found.high - found.low > 10 * clips_alone, "sources differ more than clips"
    assert gain_interval(sources, [0.25] * 40).low == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("sources", "gains"), [("aabb", [1.0] * 4), ("abc", [1.0, 2.0, float("nan")]), ("abc", [1.0]), ("", [])]
)
def test_no_interval_of_too_little(sources: str, gains: list[float]) -> None:
    with pytest.raises(ValueError, match="sources or more"):
        gain_interval(list(sources), gains)
