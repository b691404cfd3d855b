"""Tags of colour, range, depth and layout: which pairs are refused, and that no tag changes a sample."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyvmaf.errors import NotComparableError
from tinyvmaf.vmaf.media import Geometry, OpenedPair, PairOptions, Video, both, frames_graph
from tinyvmaf.vmaf.media.colour import Colour, colour_of, different, filled
from tinyvmaf.vmaf.media.compare import pair_of
from tinyvmaf.vmaf.media.geometry import frame_format

MATRICES = ("bt709", "bt470bg", "smpte170m", "bt2020nc", "bt2020c", "ycgco", "unknown", "reserved")
PRIMARIES = ("bt709", "bt470bg", "smpte170m", "smpte240m", "bt2020", "smpte432", "unknown")
TRANSFERS = ("bt709", "smpte170m", "bt2020-10", "smpte2084", "arib-std-b67", "iec61966-2-1", "unknown")
LOCATIONS = ("left", "center", "topleft", "unspecified")
colours = st.builds(
    colour_of,
    matrix=st.sampled_from(MATRICES),
    primaries=st.sampled_from(PRIMARIES),
    transfer=st.sampled_from(TRANSFERS),
    chroma_location=st.sampled_from(LOCATIONS),
)


def video(name: str = "v.mkv", pix_fmt: str = "yuv420p", size: tuple[int, int] = (320, 180), **facts: object) -> Video:
    known = frame_format(pix_fmt)
    assert known is not None
    return replace(Video(Path(name), "container", Geometry(*size, known), 12, exact=True), **facts)  # type: ignore[arg-type]


def paired(reference: Video, distorted: Video, options: PairOptions | None = None) -> OpenedPair | str:
    """The pair, or why it is refused."""
    try:
        return pair_of(reference, distorted, options or PairOptions())
    except NotComparableError as error:
        return str(error)


@given(colours, colours)
def test_swapped_tags_give_the_same_decision_and_the_same_graph(one: Colour, two: Colour) -> None:
    first, second = (paired(video(colour=a), video(colour=b)) for a, b in ((one, two), (two, one)))
    assert isinstance(first, str) == isinstance(second, str)
    if isinstance(first, OpenedPair) and isinstance(second, OpenedPair):
        assert frames_graph(first, (1, 0)) == frames_graph(second, (1, 0))


@given(colours, colours, st.sampled_from([None, "bicubic"]))
def test_a_tag_never_changes_what_happens_to_a_sample(one: Colour, two: Colour, scale: str | None) -> None:
    """The graph is all that touches samples, and it is that of two files without tags."""
    size = (320, 180) if scale is None else (160, 90)
    options = PairOptions(scale=scale, colour="same")
    tagged = paired(video(colour=one), video(colour=two, size=size), options)
    untagged = paired(video(), video(size=size), options)
    assert isinstance(tagged, OpenedPair)
    assert isinstance(untagged, OpenedPair)
    assert frames_graph(tagged, (1, 0)) == frames_graph(untagged, (1, 0))


@given(colours)
def test_an_unknown_tag_is_that_of_the_other_input(colour: Colour) -> None:
    assert isinstance(paired(video(colour=colour), video()), OpenedPair)
    assert filled(Colour(), colour) == filled(colour, Colour()) == colour


@given(colours, colours)
def test_known_tags_are_refused_only_where_they_differ(one: Colour, two: Colour) -> None:
    refused = paired(video(colour=one), video(colour=two))
    names = set(different(one, two)) - {"chroma_location"}
    assert isinstance(refused, str) == bool(names)
    for name in names:
        assert f"colour {name} {getattr(one, name)} against {getattr(two, name)}" in refused  # type: ignore[operator]


@pytest.mark.parametrize(
    ("tags", "same"),
    [
        ({"matrix": ("bt470bg", "smpte170m")}, True),
        ({"matrix": ("bt709", "smpte170m")}, False),
        ({"matrix": ("bt2020nc", "bt2020c")}, False),
        ({"primaries": ("smpte170m", "smpte240m")}, True),
        ({"primaries": ("bt470bg", "smpte170m")}, False),
        ({"transfer": ("bt709", "bt2020-10")}, True),
        ({"transfer": ("smpte2084", "arib-std-b67")}, False),
        ({"transfer": ("bt709", "iec61966-2-1")}, False),
    ],
)
def test_two_names_of_one_thing_are_equal(tags: dict[str, tuple[str, str]], same: bool) -> None:
    one, two = (Colour(**{name: values[side] for name, values in tags.items()}) for side in (0, 1))
    assert (not different(one, two)) == same


def test_hdr_against_a_file_that_states_no_transfer_is_a_warning() -> None:
    for transfer, warns in (("smpte2084", True), ("arib-std-b67", True), ("bt709", False)):
        found = paired(video(colour=Colour(transfer=transfer)), video())
        assert isinstance(found, OpenedPair)
        assert any("states no transfer: it is taken as" in text for text in found.warnings) == warns


def test_another_chroma_location_is_a_warning() -> None:
    found = paired(video(colour=Colour(chroma_location="left")), video(colour=Colour(chroma_location="topleft")))
    assert isinstance(found, OpenedPair)
    assert found.warnings == ()
    assert "chroma location left against topleft" in found.of_chroma[0]


@pytest.mark.parametrize(
    ("ranges", "agreed"),
    [
        ((True, True), True),
        ((False, False), False),
        ((None, None), None),
        ((False, None), False),
        ((None, False), False),
        ((True, None), "range full against unstated"),
        ((None, True), "range unstated against full"),
        ((True, False), "range full against limited"),
        ((False, True), "range limited against full"),
    ],
)
def test_full_range_is_refused_against_all_else(ranges: tuple[bool | None, bool | None], agreed: bool | str) -> None:
    found = paired(video(full_range=ranges[0]), video(full_range=ranges[1]))
    if isinstance(agreed, str):
        assert agreed in found  # type: ignore[operator]
        words = ",".join("full" if one else "limited" for one in ranges)
        assert f"--range {words} says so and brings full down to limited" in found  # type: ignore[operator]
    else:
        assert isinstance(found, OpenedPair)
        assert found.full_range == agreed


def test_a_range_that_was_typed_brings_full_down() -> None:
    options = replace(both(range="full"), distorted=both(range="limited").distorted)
    found = paired(video(full_range=True), video(full_range=False), options)
    assert isinstance(found, OpenedPair)
    dis, ref = frames_graph(found, (1, 0)).split(";")
    assert "in_range=full:out_range=limited" in ref
    assert "scale" not in dis
    assert found.decided == ("range full against limited: full is brought down to limited",)


@pytest.mark.parametrize(
    ("formats", "options", "result"),
    [
        (("yuv420p", "yuv420p10le"), {}, "bit depth 8 against 10(.|\n)*--depth 10, or auto"),
        (("yuv420p", "yuv420p10le"), {"depth": "auto"}, "yuv420p10le"),
        (("yuv420p", "yuv420p"), {"depth": 12}, "yuv420p12le"),
        (("yuv420p10le", "yuv420p10le"), {"depth": 8}, "--depth 8 would lose bits"),
        (("yuv422p14le", "yuv422p14le"), {}, "bit depth 14, which libvmaf does not read(.|\n)*--depth 16"),
        (("yuv422p14le", "yuv422p14le"), {"depth": "auto"}, "yuv422p16le"),
        (("yuv422p", "yuv420p"), {}, "chroma layout yuv422p against yuv420p(.|\n)*--chroma 420"),
        (("yuv422p", "yuv420p"), {"chroma": "420"}, "yuv420p"),
        (("yuv411p", "yuv411p"), {}, r"chroma layout 4:1:1 \(yuv411p\), which libvmaf does not read"),
        (("gray", "gray"), {}, "yuv420p"),
        (("gray", "yuv420p"), {}, "chroma layout gray against yuv420p"),
        (("gray10le", "yuv420p10le"), {"chroma": "420"}, "yuv420p10le"),
        (("nv12", "yuv420p"), {}, "yuv420p"),
        (("p010le", "yuv420p10be"), {}, "yuv420p10le"),
        (("rgb24", "yuv420p"), {}, r"RGB \(rgb24\)(.|\n)*--matrix bt601"),
        (("yuva420p", "yuv420p"), {}, "alpha channel"),
    ],
)
def test_depth_and_layout(formats: tuple[str, str], options: dict[str, object], result: str) -> None:
    found = paired(video(pix_fmt=formats[0]), video(pix_fmt=formats[1]), PairOptions(**options))  # type: ignore[arg-type]
    text = found if isinstance(found, str) else found.form.pix_fmt.name
    assert re.search(result, text), text


def test_rgb_takes_range_and_layout_of_the_other_input() -> None:
    options = replace(PairOptions(chroma="420"), reference=both(matrix="bt601").reference)
    found = paired(video(pix_fmt="rgb24"), video(full_range=True), options)
    assert isinstance(found, OpenedPair)
    assert "scale=out_color_matrix=smpte170m:out_range=full" in frames_graph(found, (1, 0))
    assert "--matrix is for RGB" in paired(video(), video(), both(matrix="bt709"))  # type: ignore[operator]


def test_the_matrix_of_an_encode_of_rgb_is_asked_for_and_warned_of() -> None:
    rgb, unstated = video(pix_fmt="gbrp"), video("d.mp4", "yuv444p")
    assert "--matrix bt601 if FFmpeg made it" in paired(rgb, unstated)  # type: ignore[operator]
    stated = video("d.mp4", "yuv444p", colour=Colour(matrix="bt470bg"))
    assert "--matrix bt601 makes it YCbCr by the matrix that d.mp4 states" in paired(rgb, stated)  # type: ignore[operator]
    for other, matrix, warns in ((unstated, "bt709", True), (unstated, "bt601", False), (stated, "bt601", False)):
        found = paired(rgb, other, both(matrix=matrix))
        assert isinstance(found, OpenedPair)
        assert any(f"d.mp4 states no matrix: it is taken as {matrix}" in text for text in found.warnings) == warns


def test_rgb_is_not_converted_by_another_matrix_than_the_other_input_has() -> None:
    rgb = video(pix_fmt="gbrp", colour=Colour(matrix="gbr"))
    for matrix, fits in (("bt709", False), ("bt601", True)):
        found = paired(rgb, video(pix_fmt="yuv444p", colour=Colour(matrix="bt470bg")), both(matrix=matrix))
        assert isinstance(found, OpenedPair) == fits


@pytest.mark.parametrize(("side", "refused"), [(16, True), (17, False)])
def test_frames_on_which_libvmaf_dies_are_refused(side: int, refused: bool) -> None:
    found = paired(video(size=(320, side)), video(size=(320, side)))
    assert isinstance(found, str) == refused


def test_a_stretched_picture_is_a_warning() -> None:
    options = PairOptions(scale="bicubic")
    assert paired(video(), video(size=(160, 90)), options).warnings == ()  # type: ignore[union-attr]
    cropped = paired(video(), video(size=(320, 136)), options)
    assert "aspect ratios differ, 1.778 against 2.353" in cropped.warnings[0]  # type: ignore[union-attr]
