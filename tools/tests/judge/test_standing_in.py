"""Outcomes of standing in: each says which band and row, and by how much."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tinyvmaf.judge.bounds import load_bounds
from tinyvmaf.judge.outcomes import Limit
from tinyvmaf.judge.standing_in import (
    Ask,
    bands_without_rows,
    clip_outcomes,
    direction_outcome,
    error_outcomes,
    identical_outcome,
    order_outcomes,
    resolution_outcome,
    without_order,
)
from tinyvmaf.measure.agreement import agreement
from tinyvmaf.measure.loso import LosoReport
from tinyvmaf.measure.standing_in import Probed, Probes, Scored

Floats = NDArray[np.float64]
EXPECTED = np.repeat(np.linspace(0.0, 100.0, 10_001), 2)
ASK = Ask(load_bounds().for_, "model", "tox -e loso")


def held(got: Floats) -> list[Scored]:
    clip = np.array([f"clip{row // 1000}" for row in range(len(got))])
    return [Scored("frames of the corpus", EXPECTED, got, lambda row: f"frame {row % 1000} of {clip[row]}", clip)]


def by_gate(found: list[Limit]) -> dict[str, Limit]:
    return {one.gate.removeprefix("loso."): one for one in found}


def test_an_error_of_one_band_names_it() -> None:
    top = EXPECTED >= 95
    found = by_gate(error_outcomes(ASK, held(EXPECTED - 5.8 * top)))
    assert found["bias"].details == "above 95: on average too low by 5.8 points, over 1,002 frames of the corpus"
    assert found["rmse"].details.startswith("above 95: RMSE 5.8 points")
    assert found["top_max_error"].details == "above 95: frame 0 of clip19: teacher 95.00, model 89.20"
    assert found["frame_max_error"].worst[0].label == "above 95, frames of the corpus: frame 0 of clip19"
    assert found["clip_max_error"].details == "above 95: clip clip19: teacher 97.49, model 91.69"
    assert (found["frame_max_error"].failures, found["frame_max_error"].count) == (1, 5)
    assert (found["top_max_error"].failures, found["top_max_error"].count) == (1, 2)
    assert not by_gate(error_outcomes(ASK, held(EXPECTED + 0.1)))["bias"].failed


def test_a_wider_scale_is_told() -> None:
    found = by_gate(error_outcomes(ASK, held((EXPECTED - 50) * 0.97 + 50)))
    assert found["stretch"].details.startswith("all scores: the range of scores is too narrow by 3 points, over 20,002")


def test_reversed_pairs_are_named() -> None:
    found = by_gate(order_outcomes(ASK, held(np.where(EXPECTED > 97, 194.0 - EXPECTED, EXPECTED)), (0.0, 100.0)))
    pair = (
        "above 90: frame 400 of clip19: teacher 97.00, model 97.00, and frame 0 of clip20: teacher 100.00, model 94.00"
    )
    assert found["reversal"].details == pair
    assert found["reversed"].details.startswith("above 90: ")
    assert "pairs of frames of the corpus are the other way round" in found["reversed"].details
    assert found["reversal"].worst_value == pytest.approx(3.0)
    assert not any(one.failed for one in order_outcomes(ASK, held(EXPECTED), (0.0, 100.0)))


def test_what_no_row_is_in_is_known() -> None:
    """Nothing above 90, and one row below 40."""
    low, scores = (
        [Scored("rows", EXPECTED[7999:9000], EXPECTED[7999:9000], str, np.array(["clip"] * 1001))],
        (0.0, 100.0),
    )
    assert [one.gate for one in order_outcomes(ASK, low, scores)] == ["loso.band_srocc"]
    assert without_order(low, scores) == ["below 40", "70 to 90", "90 to 95", "above 95", "pairs above 90"]
    assert "top_max_error" not in by_gate(error_outcomes(ASK, low))
    assert bands_without_rows(low) == ["70 to 90", "90 to 95", "above 95"]
    assert not without_order(held(EXPECTED), scores)
    assert not bands_without_rows(held(EXPECTED))


def test_steps_are_named() -> None:
    found = resolution_outcome(ASK, held(np.floor(EXPECTED / 8) * 8))
    assert (found.failures, found.count) == (5, 5)
    assert "distinct scores a point, frames of the corpus" in found.details
    assert not resolution_outcome(ASK, held(EXPECTED)).failed


def test_a_path_and_identical_pictures_are_named() -> None:
    paths = np.array([[[0.1, 5.0], [0.5, 5.0]]])
    probes = Probes(("adm2", "motion2"), np.zeros((1, 2)), paths, np.zeros((1, 2)), np.zeros(4))
    same = Scored("identical", np.array([100.0]), np.array([94.0]), lambda _: "adm2 1, motion2 3")
    probed = Probed(same, (np.array([[10.0, 60.0]]), np.array([[12.0, 9.0]])), same)
    along = direction_outcome(ASK, probes, probed)
    words = "from adm2 0.1, motion2 5, with adm2 0.1 to 0.5: teacher 10.00 to 60.00, model 12.00 to 9.00"
    assert (along.failed, along.worst_value, along.details) == (True, 3.0, words)
    words = "identical pictures: adm2 1, motion2 3: teacher 100.00, model 94.00"
    assert identical_outcome(ASK, probed).details == words


def test_scores_of_clips_are_held_without_frames() -> None:
    scores = np.linspace(10, 90, 20)
    report = LosoReport("model", (), {"clip": agreement(scores, scores + 2)}, {})
    found = by_gate(clip_outcomes(ASK, report))
    assert found.keys() == {"bias", "rmse", "clip_max_error"}
    assert all(one.failed for one in found.values())
    assert found["bias"].details == "all scores: on average too high by 2 points, over 20 clips of held-out sources"


@pytest.mark.parametrize("bad", [[np.nan], [np.inf], [-np.inf, np.inf]])
def test_scores_that_are_not_finite_are_outside_of_every_bound_of_their_bands(bad: list[float]) -> None:
    for row in (-len(bad), 5000):
        got = EXPECTED.copy()
        got[row : row + len(bad) or None] = bad
        found = by_gate([*error_outcomes(ASK, held(got)), *order_outcomes(ASK, held(got), (0.0, 100.0))])
        red = {"bias", "rmse", "stretch", "frame_max_error", "clip_max_error"}
        # The teacher clips the last rows, so they have no order within a band.
        red |= {"band_srocc"} if row == 5000 else {"top_max_error", "reversed", "reversal"}
        assert {name for name, one in found.items() if one.failed} == red
        assert "a score is not finite, over" in found["bias"].details
        assert found["bias"].failures == 2
        assert found["frame_max_error"].failures == 1


@pytest.mark.parametrize("got", [EXPECTED * np.nan, np.full_like(EXPECTED, np.inf), np.full_like(EXPECTED, 100.0)])
def test_a_model_with_one_score_has_no_order(got: Floats) -> None:
    found = by_gate([*error_outcomes(ASK, held(got)), *order_outcomes(ASK, held(got), (0.0, 100.0))])
    constant = {"reversed", "reversal"} if np.isfinite(got).all() else set()
    assert {name for name, one in found.items() if not one.failed} == constant
    assert resolution_outcome(ASK, held(got)).failed
