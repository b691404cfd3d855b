"""When frames are shown: what is warned of, and what --sync pts needs."""

from fractions import Fraction
from pathlib import Path

import pytest

from tinyvmaf.errors import NotComparableError
from tinyvmaf.vmaf.media import PIXEL_FORMATS, Geometry, PairOptions, Video
from tinyvmaf.vmaf.media.compare import pair_of
from tinyvmaf.vmaf.media.timing import clock_warning, partner_warnings
from tinyvmaf.vmaf.media.video import Timing


def video(times: list[float]) -> Video:
    geometry = Geometry(320, 180, PIXEL_FORMATS["yuv420p"])
    return Video(Path("v.mkv"), "container", geometry, 48, exact=True, timing=Timing(Fraction(25), tuple(times)))


def constant(rate: float, *, milliseconds: bool = False) -> list[float]:
    return [round(n / rate, 3) if milliseconds else n / rate for n in range(48)]


@pytest.mark.parametrize(
    ("reference", "distorted", "warning"),
    [
        (constant(25), constant(25), ""),
        (constant(24000 / 1001), constant(24000 / 1001, milliseconds=True), ""),
        (constant(24000 / 1001), constant(24), ""),
        (constant(24), constant(25), ""),
        (constant(25), constant(50), "frame rates differ: 25.000 against 50.000"),
        (constant(25), [t + 0.12 * (n > 9) for n, t in enumerate(constant(25))], "frame 10 is shown at 0.400 s"),
        (constant(25), [], ""),
    ],
)
def test_times_that_differ_are_warned_of(reference: list[float], distorted: list[float], warning: str) -> None:
    for first, second in ((reference, distorted), (distorted, reference)):
        text = clock_warning(video(first), video(second))
        assert bool(text) == bool(warning)
        if first is reference:
            assert warning in text


def test_sync_by_time_needs_times_and_allows_other_counts() -> None:
    options = PairOptions(sync="pts")
    with pytest.raises(NotComparableError, match="has no timestamps, which --sync pts needs"):
        pair_of(video([]), video(constant(25)), options)
    pair_of(video(constant(25)), video(constant(25)[:40]), options)


def test_what_is_left_over_by_time_is_said() -> None:
    dropped = constant(25)[:5] + constant(25)[6:]
    assert partner_warnings(video(constant(25)), video(constant(25))) == []
    assert partner_warnings(video(constant(25)), video(dropped)) == [
        "1 of 48 reference frames have no partner: no distorted frame is shown with them"
    ]
    assert partner_warnings(video(constant(25)[:46]), video(constant(25))) == [
        "2 of 48 distorted frames have no partner: they are shown after the reference ended"
    ]


def test_two_rules_of_pairing_are_warned_of_where_they_differ() -> None:
    """At a third of the rate, FFmpeg's filter fps shows frames 1, 4, 7, where leaving frames out shows 0, 3, 6."""
    third = constant(30)[::3]
    assert any("two rules differ" in text for text in partner_warnings(video(constant(30)), video(third)))
    half = constant(30)[::2]
    assert not any("two rules differ" in text for text in partner_warnings(video(constant(30)), video(half)))
