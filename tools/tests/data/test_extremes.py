"""Extremes: a table of filters, the same rows every time, and rows around and between them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyvmaf.app.cli import main
from tinyvmaf.data import dataset
from tinyvmaf.data.corpus import hash_sample
from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.data.extremes import TEACHERS, load_extremes, measure_extremes, sample_extremes
from tinyvmaf.data.store import Store
from tinyvmaf.errors import FFmpegError, TinyvmafError
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.features import CANONICAL, CANONICAL_FEATURES
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_built_in

EMBEDDED = embedded_corpus()
LADDER = EMBEDDED.spec
SHIPPED = load_extremes(EMBEDDED.extremes, LADDER)
DOMAIN = Domain(CANONICAL_FEATURES)
SMALL = """
height = 90
frames = 3

[tall]
source = "China"
heights = [96]
cases = ["sharp"]

[distorted]
sharp = "unsharp=5:5:3"
wrong = "[other]null"

[reference]
blurred = "gblur=2"

[both.grain]
reference = "[in][other]blend=all_opacity=0.5"
distorted = "noise=c0s=20:c0f=t:all_seed=1"
"""

Write = Callable[..., Path]


@pytest.fixture
def spec(tmp_path: Path) -> Write:
    """Write the small table, with `old` replaced by `new`."""

    def write(old: str = "", new: str = "") -> Path:
        assert old in SMALL
        path = tmp_path / "extremes.toml"
        path.write_text(SMALL.replace(old, new) if old else SMALL, encoding="utf-8")
        return path

    return write


def test_every_case_is_measured_on_every_natural_source_and_some_at_other_heights(spec: Write) -> None:
    cases = load_extremes(spec(), LADDER).cases
    assert len(cases) == 4 * 5 + 1
    assert [case.id for case in cases] == sorted(case.id for case in cases)
    assert {case.source.name for case in cases} == {"BigBuckBunny", "Bikes", "Carphone", "China", "Flower"}
    assert all(case.other != case.source for case in cases)
    assert {(case.geometry.width, case.geometry.height, case.frames) for case in cases} == {(160, 90, 3), (170, 96, 2)}


def test_the_shipped_table_has_every_kind_of_extreme_and_heights_from_90_to_2160() -> None:
    assert {case.geometry.height for case in SHIPPED.cases} == {90, 144, 270, 540, 1080, 2160}
    assert len({case.name for case in SHIPPED.cases}) > 90
    assert len({case.id for case in SHIPPED.cases}) == len(SHIPPED.cases)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("height = 90", "height = 88", "height"),
        ("frames = 3", "frames = 1", "frames"),
        ('source = "China"', 'source = "Peru"', r"\[tall\]: no such source: Peru\n  hint: known: BigBuckBunny"),
        ('cases = ["sharp"]', 'cases = ["shrap"]', r"\[tall\] names unknown cases: shrap"),
        ("blurred =", "wrong =", r"a case is in two of \[distorted\], \[reference\] and \[both\]"),
        ("[both.grain]", "[boht.grain]", "boht"),
        ("frames = 3", "frames =", "compare it with fixtures/corpus/extremes.toml"),
    ],
    ids=["height", "frames", "source", "case", "twice", "unknown", "no-toml"],
)
def test_a_wrong_table_is_refused(spec: Write, old: str, new: str, message: str) -> None:
    with pytest.raises(TinyvmafError, match=message):
        load_extremes(spec(old, new), LADDER)


def test_the_command_measures_a_table_and_says_how_much_of_it_is_outside(
    spec: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ffmpeg: FFmpeg
) -> None:
    """The second run measures nothing: no FFmpeg that makes a clip is started."""
    monkeypatch.setenv("TINYVMAF_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "extremes.parquet"
    arguments = ["corpus", "extremes", "--spec", str(spec()), "--out", str(out)]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert f"{out}: 21 cases, 62 frames\n" in printed
    assert all(f"outside the domain of {name}: " in printed for name in TEACHERS)
    first = out.read_bytes()
    monkeypatch.setattr("tinyvmaf.data.extremes.measure.run", lambda *_, **__: pytest.fail("measured again"))
    assert main(arguments) == 0
    assert out.read_bytes() == first
    found = dataset.read(out)
    for name in TEACHERS:
        teacher = load_built_in(ffmpeg, name)
        assert found.columns(name)[:, 0] == pytest.approx(
            teacher.predict(found.columns(*teacher.feature_names)), abs=1e-6
        )
    assert found.columns("adm2").max() > 1.1


def test_a_filter_that_ffmpeg_refuses_is_named_with_its_case(spec: Write, tmp_path: Path, ffmpeg: FFmpeg) -> None:
    extremes = load_extremes(spec("unsharp=5:5:3", "unsharp=5:5:3000"), LADDER)
    with pytest.raises(FFmpegError, match="extreme Bikes_sharp_90: "):
        measure_extremes(extremes, Store(tmp_path), ffmpeg, only=["Bikes_sharp_90"])
    with pytest.raises(TinyvmafError, match="no such extreme: Bikes_sharp_91"):
        measure_extremes(extremes, Store(tmp_path), ffmpeg, only=["Bikes_sharp_91"])


def test_the_shipped_rows_are_those_of_the_shipped_table(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    """Four of its cases, measured again with the same FFmpeg, give the same digits."""
    shipped = dataset.read(EMBEDDED.extreme_features)
    clips = shipped.table["clip"].to_pylist()
    assert sorted(set(clips)) == [case.id for case in SHIPPED.cases]
    small = [case.id for case in SHIPPED.cases if case.geometry.height < 500]
    again = measure_extremes(SHIPPED, Store(tmp_path), ffmpeg, only=hash_sample(small, 4))
    if again.provenance["ffmpeg_sha256"] != shipped.provenance["ffmpeg_sha256"]:
        pytest.skip("the shipped rows were measured with another FFmpeg")
    names = [name for name in shipped.table.column_names if name not in dataset.INDEX]
    measured = (again.table[name].to_pylist() for name in ("clip", "frame"))
    rows = [clips.index(clip) + frame for clip, frame in zip(*measured, strict=True)]
    assert np.array_equal(again.columns(*names), shipped.columns(*names)[rows])
    assert again.provenance["corpus_sha256"] == shipped.provenance["corpus_sha256"]


# Rows around and between extremes.


def real_rows() -> np.ndarray:
    return dataset.read(EMBEDDED.extreme_features).columns(*CANONICAL)


def test_sampled_rows_are_the_same_for_the_same_seed_and_lie_inside() -> None:
    rows = sample_extremes(DOMAIN, real_rows(), 3000, 1)
    assert rows.shape == (3000, 6)
    assert DOMAIN.contains(rows).all()
    assert np.array_equal(rows, sample_extremes(DOMAIN, real_rows(), 3000, 1))
    assert not np.array_equal(rows, sample_extremes(DOMAIN, real_rows(), 3000, 2))


@given(count=st.integers(0, 50), seed=st.integers(0, 2**32), number=st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_any_rows_of_the_domain_can_be_sampled_around(count: int, seed: int, number: int) -> None:
    rows = sample_extremes(DOMAIN, DOMAIN.sample(number, seed), count, seed)
    assert rows.shape == (count, 6)
    assert DOMAIN.contains(rows).all()


def test_nothing_is_sampled_around_rows_that_are_all_outside() -> None:
    with pytest.raises(TinyvmafError, match="no row is inside the domain"):
        sample_extremes(DOMAIN, np.full((3, 6), -1.0), 10, 0)
