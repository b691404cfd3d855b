"""The ladder: which specs are valid, and files that have the same bytes every time and are never half-written."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tinyvmaf.data.ladder import build, clip_ids, load_spec
from tinyvmaf.errors import FFmpegError, TinyvmafError
from tinyvmaf.files import home, sha256
from tinyvmaf.vmaf.ffmpeg import FFmpeg, run

SPEC = """
geometry = "128x96:yuv420p"
frames = 4

[[codecs]]
name = "libx264"
preset = "ultrafast"
quality = 1

[[codecs]]
name = "libx265"
preset = "ultrafast"
quality = 11

[[sources]]
name = "Edges"
fps = 25
generator = "testsrc2=size=160x120:rate=25"
filter = "crop=144:108"
rungs = [[48, 40], [96, 200]]

[[sources]]
name = "Grain"
fps = 30
generator = "color=gray:size=128x96:rate=30"
filter = "noise=c0s=16:c0f=t:all_seed=3"
rungs = [[64, 100]]
"""
FRAMES_BYTES = 4 * 128 * 96 * 3 // 2
IDS = ["Edges_11_48_40", "Edges_12_96_200", "Edges_1_48_40", "Edges_2_96_200", "Grain_11_64_100", "Grain_1_64_100"]
SHIPPED = home() / "fixtures" / "corpus" / "ladder9.toml"
PHOTOGRAPHS = home() / "fixtures" / "corpus" / "photos38.toml"
LICENCES = {"CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC0-1.0", "GPL-2+"}

Write = Callable[..., Path]


@pytest.fixture
def spec(tmp_path: Path) -> Write:
    """Write the small spec, with `old` replaced by `new`."""

    def write(old: str = "", new: str = "", name: str = "spec.toml") -> Path:
        assert old in SPEC
        path = tmp_path / name
        path.write_text(SPEC.replace(old, new) if old else SPEC, encoding="utf-8")
        return path

    return write


def everything(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_clip_is_named_by_source_quality_height_and_rate(spec: Write) -> None:
    assert clip_ids(spec()) == IDS


def test_the_shipped_ladder_is_nine_sources_on_eight_rungs_by_two_codecs() -> None:
    ids = clip_ids(SHIPPED)
    assert len(ids) == len(set(ids)) == 144
    assert ids == sorted(ids)
    fields = [re.fullmatch(r"([A-Z][A-Za-z]+)_(\d+)_(\d+)_(\d+)", name) for name in ids]
    assert len({match[1] for match in fields if match}) == 9
    assert {int(match[2]) for match in fields if match} == {*range(1, 9), *range(11, 19)}
    natural = {clip.source.name for clip in load_spec(SHIPPED).clips if clip.source.package}
    assert natural == {"BigBuckBunny", "Bikes", "Carphone", "China", "Flower"}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"Edges"', '"Edges', "Illegal character"),
        ("frames = 4", "", "frames is missing"),
        ("frames = 4", "frames = 0", "frames is 0; it must be greater than 0"),
        ("frames = 4", "frames = true", "frames is True; it must be a whole number"),
        ("frames = 4", "frames = 4\nframe = 4", "unknown key frame\n  hint: did you mean frames?"),
        ("frames = 4", "frames = 4\ncolour = 1", "unknown key colour\n  hint: known: geometry"),
        ("128x96:yuv420p", "128:yuv420p", "'128' is not a frame size"),
        ("128x96:yuv420p", "128x96", "unknown pixel format ''"),
        ("libx265", "libx266", "codecs.1.name is 'libx266'; it must be one of libx264, libx265"),
        ("quality = 11", "quality = -1", "codecs.1.quality is -1; it must be greater than or equal to 0"),
        ("quality = 11", "quality = 2", "two clips of Edges, quality 2"),
        ('"Grain"', '"Edges"', "two clips of Edges, quality 1"),
        ('"Grain"', '"Gra_in"', "sources.1.name is 'Gra_in'; it must match pattern"),
        ("fps = 30", "fps = 0", "sources.1.fps is 0; it must be greater than 0"),
        ("color=gray", "gradients=seed=1", "sources.1: unknown generator 'gradients'; known: cellauto"),
        ('generator = "color', 'package = "p"\ngenerator = "color', "sources.1: both a generator and a file"),
        ('generator = "color', 'file = "', "sources.1: neither a generator nor a file inside a package"),
        ("[64, 100]", "[64]", "sources.1.rungs.0.1 is missing"),
        ("[64, 100]", "[65, 100]", "rungs.0 is [65, 100]; it must be [even height of at least 16, kbit/s above 0]"),
        ("[64, 100]", "[98, 100]", "source Grain: rung [98, 100] is higher than 96"),
        ("[64, 100]", "[64, 0]", "rungs.0 is [64, 0]; it must be [even"),
        ("[64, 100]", "[64, 1.5]", "rungs.0.1 is 1.5; it must be a whole number"),
    ],
)
def test_an_invalid_entry_is_named(spec: Write, old: str, new: str, says: str) -> None:
    path = spec(old, new)
    with pytest.raises(TinyvmafError, match=re.escape(str(path))) as caught:
        load_spec(path)
    assert says in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("package", "file"),
    [("os.path", "a"), ("", "a"), ("p", ""), ("p", "../a"), ("p", "a/../../b"), ("p", "/etc/hosts"), ("-p", "a")],
)
def test_a_file_lies_inside_a_top_level_package(spec: Write, package: str, file: str) -> None:
    path = spec('generator = "testsrc2=size=160x120:rate=25"', f'package = "{package}"\nfile = "{file}"')
    with pytest.raises(TinyvmafError, match="neither a generator nor a file inside a package"):
        load_spec(path)


def test_a_spec_that_is_missing_or_without_a_clip_is_refused(tmp_path: Path, spec: Write) -> None:
    with pytest.raises(TinyvmafError, match="No such file"):
        load_spec(tmp_path / "none.toml")
    path = spec()
    path.write_text('geometry = "64x64:yuv420p"\nframes = 1\ncodecs = []\nsources = []\n', encoding="utf-8")
    with pytest.raises(TinyvmafError, match="no clip"):
        load_spec(path)


def test_two_builds_of_the_whole_ladder_have_the_same_bytes(spec: Write, tmp_path: Path, ffmpeg: FFmpeg) -> None:
    steps: list[tuple[int, int]] = []
    first = build(spec(), tmp_path / "a", ffmpeg, report=lambda done, total: steps.append((done, total)))
    assert steps == [(n, 8) for n in range(1, 9)]
    assert first == build(spec(), tmp_path / "b", ffmpeg, jobs=1)
    assert first == json.loads((tmp_path / "a" / "manifest.json").read_text())
    files = ["ref/Edges_25fps.yuv", "ref/Grain_30fps.yuv", *(f"dis/{name}.yuv" for name in IDS)]
    assert list(first["clips"]) == sorted(files)
    assert everything(tmp_path / "a") == sorted([*files, "corpus.toml", "manifest.json", "origin.json"])
    for name, digest in first["clips"].items():
        data = (tmp_path / "a" / name).read_bytes()
        assert (len(data), sha256(data)) == (FRAMES_BYTES, digest)
    assert len(set(first["clips"].values())) == 8  # all clips differ
    assert first["spec"] == sha256(spec().read_bytes())
    assert first["tool"] == {"version": ffmpeg.version, "sha256": sha256(ffmpeg.path.read_bytes())}
    assert first["inputs"] == {}
    assert (tmp_path / "a" / "corpus.toml").read_text() == 'geometry = "128x96:yuv420p"\n'


def test_only_makes_these_clips_and_their_references(spec: Write, tmp_path: Path, ffmpeg: FFmpeg) -> None:
    out = tmp_path / "out"
    manifest = build(spec(), out, ffmpeg, only={"Grain_1_64_100"})
    assert list(manifest["clips"]) == ["dis/Grain_1_64_100.yuv", "ref/Grain_30fps.yuv"]
    assert everything(out) == ["corpus.toml", "dis/Grain_1_64_100.yuv", "origin.json", "ref/Grain_30fps.yuv"]
    for only in (["Grain_9_64_100"], []):
        with pytest.raises(TinyvmafError, match=r"no such clip: (Grain_9_64_100|none given)"):
            build(spec(), out, ffmpeg, only=only)


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError])
def test_an_interrupted_build_leaves_whole_files_and_can_continue(
    failure: type[BaseException], spec: Write, tmp_path: Path, ffmpeg: FFmpeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, only, calls = tmp_path / "out", ["Edges_1_48_40", "Grain_1_64_100"], []

    def stop(done: int, _: int) -> None:
        if done == 3:
            raise failure

    with pytest.raises(failure):
        build(spec(), out, ffmpeg, only=only, jobs=1, report=stop)
    there = [name for name in everything(out) if name.endswith(".yuv")]
    assert len(there) >= 3
    assert all((out / name).stat().st_size == FRAMES_BYTES for name in there)
    assert not list(out.rglob(".*"))

    def counted(*given: Any, **named: Any) -> Any:
        calls.append(given)
        return run(*given, **named)

    monkeypatch.setattr("tinyvmaf.data.ladder.make.run", counted)
    resumed = build(spec(), out, ffmpeg, only=only)
    assert len(calls) == 2 * (4 - len(there))  # an encoder and a decoder for each missing clip
    assert resumed == build(spec(), tmp_path / "fresh", ffmpeg, only=only)


@pytest.mark.parametrize(
    ("filters", "says"),
    [("trim=end_frame=3", r"55296 bytes of 73728\n.*too few frames"), ("nonsense", "No such filter")],
)
def test_a_failing_source_is_named_and_leaves_no_file(
    filters: str, says: str, spec: Write, tmp_path: Path, ffmpeg: FFmpeg
) -> None:
    out = tmp_path / "out"
    with pytest.raises(FFmpegError, match=rf"(?s)Edges_25fps\.yuv: .*{says}"):
        build(spec("crop=144:108", filters), out, ffmpeg, only=["Edges_1_48_40"])
    assert everything(out) == ["origin.json"]
    assert not list(out.rglob(".*"))


def test_a_folder_built_from_another_spec_is_refused(spec: Write, tmp_path: Path, ffmpeg: FFmpeg) -> None:
    build(spec(), tmp_path / "out", ffmpeg, only=["Edges_1_48_40"])
    with pytest.raises(TinyvmafError, match="built from another spec, FFmpeg or package file"):
        build(spec("seed=3", "seed=4"), tmp_path / "out", ffmpeg, only=["Edges_1_48_40"])


@pytest.fixture
def natural(spec: Write) -> Path:
    """The spec whose source Edges is a file of a package."""
    return spec('generator = "testsrc2=size=160x120:rate=25"', 'package = "tinyvmafpictures"\nfile = "data/moving.mkv"')


def test_a_missing_package_and_a_missing_file_are_told_apart(
    natural: Path, tmp_path: Path, ffmpeg: FFmpeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = ["Edges_1_48_40"]
    with pytest.raises(TinyvmafError, match="'Edges': the package 'tinyvmafpictures' is not installed") as caught:
        build(natural, tmp_path / "out", ffmpeg, only=only)
    assert caught.value.hint == "in a checkout: pip install -c constraints.txt -e '.[corpus]'"
    assert not (tmp_path / "out").exists()
    # A clip of another source needs no package.
    assert build(natural, tmp_path / "other", ffmpeg, only=["Grain_1_64_100"])["inputs"] == {}
    (tmp_path / "site" / "tinyvmafpictures").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(TinyvmafError, match=r"'Edges': .*moving\.mkv: no such file"):
        build(natural, tmp_path / "out", ffmpeg, only=only)


def test_a_package_is_read_without_importing_it(
    natural: Path, tmp_path: Path, ffmpeg: FFmpeg, monkeypatch: pytest.MonkeyPatch, encode: Any
) -> None:
    package, only = tmp_path / "site" / "tinyvmafpictures", ["Edges_1_48_40"]
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('broken on this numpy')")
    video = encode("moving.mkv", "-c:v", "libx264", folder=package / "data", size="160x120")
    monkeypatch.syspath_prepend(tmp_path / "site")
    manifest = build(natural, tmp_path / "out", ffmpeg, only=only)
    assert manifest["inputs"] == {"tinyvmafpictures/data/moving.mkv": sha256(video.read_bytes())}
    build(natural, tmp_path / "out", ffmpeg, only=["Grain_1_64_100"])  # keeps the recorded input
    video.write_bytes(video.read_bytes() + b"\0")
    with pytest.raises(TinyvmafError, match="another spec, FFmpeg or package file"):
        build(natural, tmp_path / "out", ffmpeg, only=only)


DEBIAN = """debian = "some-wallpapers"
version = "1.0-1"
path = "/usr/share/backgrounds/Still.png"
sha256 = "SHA"
licence = "CC0-1.0, 2020 Nobody"
"""


@pytest.fixture
def photograph(spec: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encode: Any) -> Callable[[str], Path]:
    """The spec whose source Edges is a file of a Debian package, and that file; gives the spec with this sha256."""
    monkeypatch.setattr("tinyvmaf.data.ladder.make._ROOT", tmp_path / "root")
    folder = tmp_path / "root" / "usr" / "share" / "backgrounds"
    folder.mkdir(parents=True)
    still = encode("Still.png", frames=1, folder=folder, size="160x120")

    def write(digest: str = "") -> Path:
        text = DEBIAN.replace("SHA", digest or sha256(still.read_bytes()))
        path = spec('generator = "testsrc2=size=160x120:rate=25"\n', text)
        path.write_text(path.read_text().replace("crop=144:108", "loop=3:1:0,crop=144:108:x=n"), encoding="utf-8")
        return path

    return write


def test_a_file_of_a_debian_package_is_a_source(
    photograph: Callable[[str], Path], tmp_path: Path, ffmpeg: FFmpeg
) -> None:
    path = photograph("")
    only = ["Edges_1_48_40"]
    manifest = build(path, tmp_path / "out", ffmpeg, only=only)
    still = tmp_path / "root" / "usr" / "share" / "backgrounds" / "Still.png"
    assert manifest["inputs"] == {"/usr/share/backgrounds/Still.png": sha256(still.read_bytes())}
    assert manifest["licences"] == {"/usr/share/backgrounds/Still.png": "CC0-1.0, 2020 Nobody"}
    assert {clip.source.name: clip.source.group for clip in load_spec(path).clips} == {
        "Edges": "photograph",
        "Grain": "generated",
    }
    still.unlink()
    with pytest.raises(TinyvmafError, match=r"'Edges': .*Still\.png: no such file") as caught:
        build(path, tmp_path / "out", ffmpeg, only=only)
    assert caught.value.hint == "apt-get install some-wallpapers (version 1.0-1 has it)"


def test_another_file_than_the_spec_names_is_refused(
    photograph: Callable[[str], Path], tmp_path: Path, ffmpeg: FFmpeg
) -> None:
    with pytest.raises(TinyvmafError, match=r"Still\.png is another file than the spec's: its sha256 is") as caught:
        build(photograph("0" * 64), tmp_path / "out", ffmpeg, only=["Edges_1_48_40"])
    assert caught.value.hint == "the spec's is of some-wallpapers 1.0-1"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('version = "1.0-1"\n', "", "a file of a Debian package needs version"),
        ('debian = "some-wallpapers"\n', "", "a file of a Debian package needs debian"),
        ('licence = "CC0-1.0, 2020 Nobody"\n', "", "a file of a Debian package needs licence"),
        ('sha256 = "SHA"', 'sha256 = "00"', "sources.0.sha256 is '00'; it must match pattern"),
        ("/usr/share/", "/etc/", "it must be below /usr/share/"),
        ("/usr/share/", "/usr/share/../", "it must be below /usr/share/"),
        ("debian =", 'package = "p"\ndebian =', "both a file of a Debian package and one of a Python package"),
        ("debian =", 'generator = "testsrc2"\ndebian =', "both a generator and a file"),
    ],
)
def test_a_file_of_a_debian_package_is_described_in_full(spec: Write, old: str, new: str, says: str) -> None:
    assert old in DEBIAN
    path = spec('generator = "testsrc2=size=160x120:rate=25"\n', DEBIAN.replace(old, new).replace("SHA", "0" * 64))
    with pytest.raises(TinyvmafError, match=re.escape(says)):
        load_spec(path)


def test_the_shipped_photographs_say_package_and_licence() -> None:
    sources = {clip.source.name: clip.source for clip in load_spec(PHOTOGRAPHS).clips}
    assert len(sources) == 38
    assert len(clip_ids(PHOTOGRAPHS)) == 38 * 16
    assert {source.group for source in sources.values()} == {"photograph"}
    assert len({source.path for source in sources.values()}) == 38
    assert {source.licence.partition(",")[0].split()[0] for source in sources.values()} == LICENCES
