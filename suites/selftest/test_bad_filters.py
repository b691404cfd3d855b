"""Broken filters (breaks/filters.py): the gate of harm catches each, and says where; an identity is no fault."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.data.pictures import embedded_pictures
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.errors import ModelError
from tinyvmaf.judge.bounds import load_bounds
from tinyvmaf.judge.harm import gain_outcomes, harm_outcomes
from tinyvmaf.judge.outcomes import Limit
from tinyvmaf.judge.standing_in import Ask
from tinyvmaf.measure.harm import FilterClip, filter_clips, filter_of, measure_harm, scores_of
from tinyvmaf.measure.harm.measured import Scores
from tinyvmaf.model.contract.luma import PICTURE, picture_file_faults
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.vmaf.ffmpeg import FFmpeg

from .breaks.filters import CONTRACT, FILTERS, BadFilter, depends_on_the_batch

QUALITIES = ("1", "3", "5", "7", "8", "18")
"""Rungs of each source that are tried, from the worst to the best."""
GATES = ("psnr", "vmaf", "neg", "clean", "drift", "psnr_gain", "vmaf_gain")
ASK = Ask(load_bounds().for_, "broken", "tox -e harm")


@dataclass(frozen=True)
class Tried:
    """What all filters are tried on: one frame of some clips, with their scores."""

    clips: list[FilterClip]
    scores: Scores
    ffmpeg: FFmpeg

    def outcomes(self, model: bytes, broken: BadFilter) -> dict[str, Limit]:
        """Of a filter, by gate."""
        found = measure_harm(filter_of(OnnxRuntimeCpu(model)), self.clips, self.ffmpeg, self.scores)
        return {one.gate: one for one in (*harm_outcomes(ASK, found), *gain_outcomes(ASK, found, broken.promised))}


@pytest.fixture(scope="session")
def tried(ffmpeg: FFmpeg) -> Tried:
    clips = filter_clips(embedded_pictures(Store(default_folder()), ffmpeg), frames=1)
    some = [clip for clip in clips if clip.id.split("_")[1] in QUALITIES]
    assert len(some) == len(QUALITIES) * 5
    return Tried(some, scores_of(some, ffmpeg), ffmpeg)


@pytest.mark.parametrize("broken", FILTERS, ids=[one.name for one in FILTERS])
def test_each_is_caught_and_said_where(broken: BadFilter, tried: Tried) -> None:
    if broken.gate == CONTRACT:
        with pytest.raises(ModelError, match=broken.says):
            tried.outcomes(broken.model(), broken)
        return
    found = tried.outcomes(broken.model(), broken)
    red = [gate for gate, one in found.items() if one.failed]
    assert broken.gate in red
    assert broken.says in found[broken.gate].explain()
    assert all(found[gate].details for gate in red), "red without a sentence"
    assert not broken.alone or red == [broken.gate]


@pytest.mark.parametrize("broken", FILTERS, ids=[one.name for one in FILTERS])
def test_what_harm_must_catch_keeps_the_contract(broken: BadFilter, tmp_path: Path) -> None:
    """Else another gate would stop it, and this one would not be shown to do anything."""
    path = tmp_path / "broken.onnx"
    path.write_bytes(broken.model())
    faults = picture_file_faults(path, PICTURE)
    assert broken.gate == CONTRACT or not faults


def test_an_identity_that_promises_nothing_is_green(tried: Tried) -> None:
    identity = next(one for one in FILTERS if one.name == "identity_that_promises_a_gain")
    found = tried.outcomes(identity.model(), BadFilter("identity", "", "", "", identity.make))
    assert [gate.removeprefix("harm.") for gate in found] == ["psnr", "vmaf", "neg", "clean", "drift"]
    assert not any(one.failed for one in found.values())


def test_each_gate_is_red_for_one_of_them() -> None:
    assert {one.gate for one in FILTERS} == {CONTRACT, *(f"harm.{gate}" for gate in GATES)}
    assert len({one.name for one in FILTERS}) == len(FILTERS) >= 20


def test_the_one_that_depends_on_the_batch_does() -> None:
    """The contract's test of batches has to catch it; here it is only shown to be broken."""
    filtered = filter_of(OnnxRuntimeCpu(depends_on_the_batch()))
    pictures = np.stack([np.full((1, 64, 64), value, np.float32) for value in (0.25, 0.7)])
    pictures[0, 0, 0, :8] = np.linspace(0.2, 0.3, 8)
    assert not np.array_equal(filtered(pictures)[:1], filtered(pictures[:1]))
