"""Pictures of a ladder: the frames and scores that FFmpeg gives, made once, and never half."""

import json
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinyvmaf.app.cli import main
from tinyvmaf.data import dataset, ladder
from tinyvmaf.data.embedded import EmbeddedCorpus, embedded_corpus
from tinyvmaf.data.pictures import PictureSet, arrays_by_source, embedded_pictures, evenly, picture_set
from tinyvmaf.data.pictures.build import KnownScores
from tinyvmaf.data.pictures.known import committed_scores
from tinyvmaf.data.pictures.making import SCORES, measured_scores
from tinyvmaf.data.pictures.planes import packed, unpacked
from tinyvmaf.data.store import Store
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import VmafModel, score_pair
from tinyvmaf.vmaf.media import both

Capture = pytest.CaptureFixture[str]
SPEC = """
geometry = "128x96:yuv420p"
frames = 6

[[codecs]]
name = "libx264"
preset = "ultrafast"
quality = 1

[[sources]]
name = "Edges"
fps = 25
generator = "testsrc2=size=160x120:rate=25"
rungs = [[48, 40], [96, 200]]

[[sources]]
name = "Zone"
fps = 25
generator = "zoneplate=size=128x96:rate=25:kx2=3:ky2=5:kt=12"
rungs = [[64, 100]]
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "spec.toml"
    path.write_text(SPEC, encoding="utf-8")
    return path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, ffmpeg: FFmpeg) -> tuple[Path, Path, PictureSet]:
    """The spec, a store that has all of its pictures, and these; tests take copies."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "spec.toml").write_text(SPEC, encoding="utf-8")
    found = picture_set(folder / "spec.toml", Store(folder / "store"), ffmpeg)
    return folder / "spec.toml", folder / "store", found


@pytest.fixture
def filled(whole: tuple[Path, Path, PictureSet], spec: Path, store: Store) -> PictureSet:
    """What `store` has now: all pictures of `spec`."""
    assert spec.read_bytes() == whole[0].read_bytes()
    shutil.copytree(whole[1], store.folder)
    return whole[2]


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The clips of each build."""
    found, build = list[list[str]](), ladder.build

    def counted(*given: object, **named: object) -> object:
        found.append(sorted(named["only"]))  # type: ignore[call-overload]
        return build(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("tinyvmaf.data.ladder.build", counted)
    return found


def luma(path: Path) -> np.ndarray:
    return np.fromfile(path, np.uint8).reshape(6, -1)[:, : 128 * 96].reshape(6, 96, 128)


def same(one: PictureSet, other: PictureSet) -> bool:
    return one.digest == other.digest and all(
        np.array_equal(a.distorted, b.distorted) and np.array_equal(a.reference, b.reference)
        for a, b in zip(one.clips, other.clips, strict=True)
    )


@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_a_plane_comes_back_as_it_was(plane: np.ndarray) -> None:
    assert np.array_equal(unpacked(packed(plane), *plane.shape), plane)


def test_frames_are_evenly_spread() -> None:
    assert evenly(48, 8) == (3, 9, 15, 21, 27, 33, 39, 45)
    assert evenly(5, 5) == (0, 1, 2, 3, 4)
    assert evenly(7, 1) == (3,)
    for count in (0, 8):
        with pytest.raises(ValueError, match=f"{count} of 7 frames"):
            evenly(7, count)


def test_frames_and_scores_are_those_of_the_built_clips(
    spec: Path, store: Store, tmp_path: Path, ffmpeg: FFmpeg
) -> None:
    steps = list[tuple[int, int]]()
    found = picture_set(spec, store, ffmpeg, frames=[1, 4], report=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (3, 3)
    assert steps == sorted(steps)
    manifest = ladder.build(spec, tmp_path / "out", ffmpeg)
    assert [clip.id for clip in found.clips] == ["Edges_1_48_40", "Edges_2_96_200", "Zone_1_64_100"]
    for clip in found.clips:
        pair = [tmp_path / f"out/ref/{clip.source}_25fps.yuv", tmp_path / f"out/dis/{clip.id}.yuv"]
        assert clip.sha256 == manifest["clips"][f"dis/{clip.id}.yuv"]
        assert (clip.group, clip.codec, clip.numbers) == ("generated", "libx264", (1, 4))
        assert np.array_equal(clip.reference, luma(pair[0])[[1, 4]])
        assert np.array_equal(clip.distorted, luma(pair[1])[[1, 4]])
        assert np.array_equal(clip.pictures(), (clip.distorted[:, None] / np.float32(255)).astype(np.float32))
        table = score_pair(
            *pair,
            options=both(size="128x96", pix_fmt="yuv420p"),
            models=[VmafModel(name) for name in SCORES],
            ffmpeg=ffmpeg,
        )
        for name in SCORES:
            assert np.array_equal(clip.scores[name], table.column(name)[[1, 4]])
            assert clip.means[name] == table.column(name).mean()
    assert len({clip.means[SCORES[0]] for clip in found.clips}) == 3


def test_what_the_store_has_is_not_built_again(
    filled: PictureSet, spec: Path, store: Store, ffmpeg: FFmpeg, builds: list[list[str]]
) -> None:
    assert filled.clips[0].numbers == (0, 1, 2, 3, 4, 5)  # no more than there are
    assert same(picture_set(spec, store, ffmpeg), filled)
    assert builds == []
    spec.write_text(SPEC.replace("kt=12", "kt=13"), encoding="utf-8")
    other = picture_set(spec, store, ffmpeg)
    assert builds == [["Zone_1_64_100"]]  # the other source is as it was
    assert other.digest != filled.digest
    picture_set(spec, store, ffmpeg, frames=2, sources=["Zone"])
    assert builds[1:] == [["Zone_1_64_100"]]


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4])
def test_a_damaged_entry_is_found_and_built_again(
    number: int, filled: PictureSet, spec: Path, store: Store, ffmpeg: FFmpeg, builds: list[list[str]]
) -> None:
    entry = list(store.entries())[number]
    data = bytearray(entry.path.read_bytes())
    data[-100] ^= 1
    entry.path.write_bytes(data)
    assert same(picture_set(spec, store, ffmpeg), filled)
    assert store.damaged == [entry.key]
    assert [len(clips) for clips in builds] == [1]  # that clip, or the reference with one


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError])
def test_a_stopped_build_keeps_whole_clips_and_goes_on(
    failure: type[BaseException], spec: Path, store: Store, ffmpeg: FFmpeg, builds: list[list[str]]
) -> None:
    def stop(done: int, _: int) -> None:
        if done == 1:
            raise failure

    with pytest.raises(failure):
        picture_set(spec, store, ffmpeg, jobs=1, report=stop)
    entries = list(store.entries())
    assert 2 <= len(entries) <= 3  # the reference, and what was done before the stop
    assert all(store.get(entry.key) is not None for entry in entries)
    assert not list(store.folder.rglob(".tinyvmaf-*"))
    assert len(picture_set(spec, store, ffmpeg).clips) == 3
    first = ["Edges_1_48_40", "Edges_2_96_200"]
    assert builds[0] == first
    assert set(builds[1]) < set(first) if len(entries) == 2 else builds[1] == ["Zone_1_64_100"]


def test_two_builders_do_not_build_twice(spec: Path, store: Store, ffmpeg: FFmpeg, builds: list[list[str]]) -> None:
    found = list[PictureSet]()
    threads = [
        threading.Thread(target=lambda: found.append(picture_set(spec, Store(store.folder), ffmpeg, sources=["Zone"])))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same(*found)
    assert builds == [["Zone_1_64_100"]]


def test_known_scores_are_taken_for_the_same_bytes_only(spec: Path, tmp_path: Path, ffmpeg: FFmpeg) -> None:
    clips = ladder.build(spec, tmp_path / "out", ffmpeg)["clips"]
    scores = {"Zone_1_64_100": {name: [float(n) for n in range(6)] for name in SCORES}}
    known = KnownScores("a", clips, scores)
    (clip,) = picture_set(spec, Store(tmp_path / "a"), ffmpeg, sources=["Zone"], known=known).clips
    assert clip.means[SCORES[0]] == 2.5
    for path in ("ref/Zone_25fps.yuv", "dis/Zone_1_64_100.yuv"):
        other = KnownScores("b", {**clips, path: "0" * 64}, scores)
        (clip,) = picture_set(spec, Store(tmp_path / path[:3]), ffmpeg, sources=["Zone"], known=other).clips
        assert clip.means[SCORES[0]] > 20.0


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"frames": []}, r"frames \[\]; give increasing numbers below 6"),
        ({"frames": [2, 1]}, r"frames \[2, 1\]; give increasing"),
        ({"frames": [0, 6]}, "numbers below 6"),
        ({"frames": [-1]}, "numbers below 6"),
        ({"sources": ["Edge"]}, "no source Edge\n  hint: did you mean Edges"),
        ({"sources": []}, "no source is chosen"),
    ],
)
def test_frames_and_sources_that_are_not_there_are_refused(
    asked: dict[str, object], says: str, spec: Path, store: Store, ffmpeg: FFmpeg
) -> None:
    ask: Callable[..., PictureSet] = picture_set
    with pytest.raises(TinyvmafError, match=says):
        ask(spec, store, ffmpeg, **asked)


def test_a_spec_of_more_than_8_bits_is_refused(spec: Path, store: Store, ffmpeg: FFmpeg) -> None:
    spec.write_text(SPEC.replace("yuv420p", "yuv420p10le"), encoding="utf-8")
    with pytest.raises(TinyvmafError, match="pictures have 8 bits, not 128x96 yuv420p10le"):
        picture_set(spec, store, ffmpeg)


def test_a_set_is_divided_by_source_and_group(whole: tuple[Path, Path, PictureSet]) -> None:
    found = whole[2]
    assert found.sources == ("Edges", "Zone")
    assert found.without("Zone").sources == found.only("Edges").sources == ("Edges",)
    assert found.of("generated") == found
    with pytest.raises(TinyvmafError, match="no clip of the groups natural"):
        found.of("natural")
    with pytest.raises(TinyvmafError, match="no other source than Zone, Edges"):
        found.without("Zone", "Edges")
    with pytest.raises(TinyvmafError, match="no such source of pictures: Zon\n  hint: did you mean Zone"):
        found.only("Zon")
    by_source = arrays_by_source(found)
    edges = by_source["Edges"]
    assert edges.ids == ("Edges_1_48_40", "Edges_2_96_200")
    assert (edges.distorted.shape, edges.reference.shape) == ((2, 6, 96, 128), (6, 96, 128))
    for row, clip in enumerate(found.only("Edges").clips):
        assert np.array_equal(edges.distorted[row], clip.distorted)
        assert np.array_equal(edges.vmaf[row], clip.scores["vmaf_v0.6.1"])
        assert np.array_equal(edges.neg[row], clip.scores["vmaf_v0.6.1neg"])
        assert (edges.clip_vmaf[row], edges.clip_neg[row]) == tuple(clip.means[name] for name in SCORES)


def test_a_committed_score_is_what_libvmaf_gives(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    corpus, clip_id = embedded_corpus(), "Flower_1_72_24"
    made = ladder.build(corpus.spec, tmp_path, ffmpeg, only=[clip_id])["clips"]
    spec = ladder.load_spec(corpus.spec)
    (clip,) = (clip for clip in spec.clips if clip.id == clip_id)
    known = committed_scores(corpus).of(clip.source, clip, made)
    if known is None:  # another FFmpeg: other bytes
        assert made[f"dis/{clip_id}.yuv"] != corpus.manifest["clips"][f"dis/{clip_id}.yuv"]
        pytest.skip("this FFmpeg makes other clips than those of the committed scores")
    assert known == measured_scores(tmp_path / "ref/Flower_25fps.yuv", tmp_path / f"dis/{clip_id}.yuv", spec, ffmpeg)


@pytest.fixture
def corpus(spec: Path, tmp_path: Path, ffmpeg: FFmpeg) -> EmbeddedCorpus:
    """A corpus of the small spec, whose committed scores are the numbers of its frames."""
    manifest = ladder.build(spec, tmp_path / "out", ffmpeg)
    made = EmbeddedCorpus(tmp_path / "corpus")
    made.folder.mkdir()
    made.spec.write_text(SPEC, encoding="utf-8")
    (made.folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    ids = [clip.id for clip in ladder.load_spec(spec).clips for _ in range(6)]
    rows = {"source": ids, "clip": ids, "frame": pa.array([*range(6)] * 3, pa.int32())}
    rows |= {name: [float(n % 6) for n in range(18)] for name in SCORES}
    dataset.write(made.features, pa.table(rows), embedded_corpus().read().provenance)
    return made


def test_the_pictures_of_an_embedded_corpus_have_its_scores(
    corpus: EmbeddedCorpus, store: Store, ffmpeg: FFmpeg, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    found = embedded_pictures(store, ffmpeg, corpus=corpus)
    assert [clip.scores[name].tolist() for clip in found.clips for name in SCORES] == [[0, 1, 2, 3, 4, 5]] * 6
    monkeypatch.setattr("tinyvmaf.data.pictures.known.embedded_corpus", lambda: corpus)
    monkeypatch.setenv("TINYVMAF_CACHE", str(store.folder))
    assert main(["corpus", "pictures"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^Edges +generated +2 +6 +2\.5 to 2\.5$", printed, re.MULTILINE)
    assert f"3 clips in {store.folder}; their digest is {found.digest[:12]}\n" in printed


def test_photographs_need_packages_and_the_message_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("tinyvmaf.data.ladder.make._ROOT", tmp_path)
    assert main(["corpus", "pictures", "--photographs"]) == 1
    assert "hint: apt-get install lomiri-wallpapers-16.04 (version " in capsys.readouterr().err
