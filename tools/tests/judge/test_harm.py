"""Outcomes of filters: the sentence names the band, a claim without a gain fails, nothing passes on nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge.bounds import load_bounds
from tinyvmaf.judge.harm import gain_outcomes, harm_outcomes, summary
from tinyvmaf.judge.outcomes import Limit
from tinyvmaf.judge.standing_in import Ask
from tinyvmaf.measure.harm import ClipHarm, HarmFound

ASK = Ask(load_bounds().for_, "mine", "tox -e harm")
LEVELS = (20.0, 50.0, 70.0, 90.0, 97.0)
Change = Callable[[ClipHarm], ClipHarm]


def found(change: Change = lambda clip: clip, clean: float = 100.0) -> HarmFound:
    clips = [
        change(ClipHarm(f"{source}_{vmaf:g}", source, vmaf, (40.0, 40.0), (vmaf, vmaf), (vmaf, vmaf), 40.0))
        for source in ("Hill", "River", "Street")
        for vmaf in LEVELS
    ]
    return HarmFound(tuple(clips), {"Hill": 100.0, "River": clean, "Street": 100.0, "a black picture": 100.0}, False)


def by_gate(outcomes: list[Limit]) -> dict[str, Limit]:
    return {one.gate: one for one in outcomes}


def moved(metric: str, by: float, above: float = -1.0, source: str = "") -> Change:
    def change(clip: ClipHarm) -> ClipHarm:
        if clip.vmaf_of_clip < above or source not in clip.source:
            return clip
        before, after = getattr(clip, metric)
        twice = clip.psnr_twice + by if metric == "psnr" else clip.psnr_twice
        changes: dict[str, Any] = {metric: (before, after + by), "psnr_twice": twice}
        return replace(clip, **changes)

    return change


def test_without_harm_all_are_green() -> None:
    outcomes = harm_outcomes(ASK, found())
    assert [one.gate for one in outcomes] == ["harm.psnr", "harm.vmaf", "harm.neg", "harm.clean", "harm.drift"]
    assert not any(one.failed for one in outcomes)


@pytest.mark.parametrize(
    ("gate", "harm", "says"),
    [
        ("harm.psnr", found(moved("psnr", -16.0, above=95.0)), "16 dB worse where VMAF is above 95, mean of 3 clips"),
        ("harm.psnr", found(moved("psnr", -0.06)), "0.06 dB worse where VMAF is below 40"),
        (
            "harm.psnr",
            found(moved("psnr", -0.09, 95.0, "River")),
            "0.09 dB worse on clip River_97 of River, whose VMAF",
        ),
        (
            "harm.psnr",
            found(moved("psnr", -3.0, source="River")),
            "by source: Hill +0.00, River -3.00, Street +0.00 dB",
        ),
        ("harm.vmaf", found(moved("vmaf", -0.11)), "0.11 points worse"),
        ("harm.neg", found(moved("neg", -0.11, above=80.0)), "0.11 points worse where VMAF is 80 to 95"),
        ("harm.clean", found(clean=54.9), "clean pictures of River come back at 54.9 dB"),
        ("harm.drift", found(lambda clip: replace(clip, psnr_twice=39.0)), "1 dB worse after a second application"),
    ],
)
def test_each_harm_is_red_and_says_where(gate: str, harm: HarmFound, says: str) -> None:
    outcomes = by_gate(harm_outcomes(ASK, harm))
    assert [name for name, one in outcomes.items() if one.failed] == [gate]
    assert says in outcomes[gate].details
    assert says in outcomes[gate].explain()


def test_one_bad_clip_is_enough() -> None:
    outcomes = by_gate(harm_outcomes(ASK, found(moved("psnr", -0.051, 95.0, "Hill"))))
    assert outcomes["harm.psnr"].failures == 1
    assert outcomes["harm.psnr"].worst[0].label == "Hill_97 (VMAF 97.0)"


def test_what_is_not_finite_fails() -> None:
    outcomes = by_gate(harm_outcomes(ASK, found(moved("vmaf", float("nan"), 95.0, "Hill"))))
    assert outcomes["harm.vmaf"].failures == 1


def test_sharpening_is_called_so() -> None:
    both = found(lambda clip: moved("neg", -1.0)(moved("vmaf", 4.0)(clip)))
    assert (
        "VMAF itself rises by 4 points: that is what sharpening does"
        in by_gate(harm_outcomes(ASK, both))["harm.neg"].details
    )
    gains = by_gate(gain_outcomes(ASK, both, {"vmaf_gain_points": 1.0}))
    assert all(one.failed for one in gains.values())
    assert "VMAF +4.00, VMAF NEG -1.00, and the smaller one counts" in gains["harm.vmaf_gain"].details


def test_a_filter_that_promises_nothing_is_held_to_no_gain() -> None:
    assert gain_outcomes(ASK, found(), {}) == []


def test_a_gain_passes_from_a_tenth_of_a_decibel_on() -> None:
    held = {"psnr_gain_db": 0.1}
    assert not any(one.failed for one in gain_outcomes(ASK, found(moved("psnr", 0.11)), held))
    small = by_gate(gain_outcomes(ASK, found(moved("psnr", 0.09)), {"psnr_gain_db": 0.05}))
    assert [name for name, one in small.items() if one.failed] == ["harm.psnr_gain"]
    less = by_gate(gain_outcomes(ASK, found(moved("psnr", 0.2)), {"psnr_gain_db": 0.3}))
    assert [name for name, one in less.items() if one.failed] == ["sidecar.psnr_gain_db"]


def test_a_gain_of_one_source_is_chance() -> None:
    gains = by_gate(gain_outcomes(ASK, found(moved("psnr", 3.0, source="River")), {"psnr_gain_db": 0.5}))
    assert [name for name, one in gains.items() if one.failed] == ["harm.psnr_gain_low"]
    assert "95 % interval over sources and clips: " in gains["harm.psnr_gain_low"].details


def test_an_identity_that_promises_a_gain_fails_and_is_called_so() -> None:
    identity = replace(found(), unchanged=True)
    gains = gain_outcomes(ASK, identity, {"psnr_gain_db": 0.3})
    assert all(one.failed for one in gains)
    assert all("it gives back every picture as it was" in one.details for one in gains)
    assert summary("mine", identity).startswith("mine: it gives back every picture as it was: an identity")
    assert "PSNR +0.500 dB" in summary("mine", found(moved("psnr", 0.5)))


def test_what_nobody_measures_could_not_run() -> None:
    with pytest.raises(CouldNotRunError, match="promises ssim_gain"):
        gain_outcomes(ASK, found(), {"ssim_gain": 0.1})
    with pytest.raises(CouldNotRunError, match="tried on nothing"):
        harm_outcomes(ASK, HarmFound((), {}, True))
