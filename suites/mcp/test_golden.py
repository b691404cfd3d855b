"""Scores over MCP equal the published golden values and the models' golden records."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinyvmaf.data.golden import load_pairs
from tinyvmaf.data.golden.published import VALUES
from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge.bounds import Bounds
from tinyvmaf.judge.outcomes import compare
from tinyvmaf.judge.plugin import Judge, Note
from tinyvmaf.model import registry
from tinyvmaf.model.golden_records import load_record
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import motion_epoch
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN

Arguments = Callable[[str], dict[str, str]]
PATTERN, NATURAL = "checkerboard_1px", "natural_10bit"


@pytest.fixture(scope="session")
def epoch(ffmpeg: FFmpeg) -> tuple[str, str]:
    """The motion epoch of this libvmaf, and its version."""
    return motion_epoch(ffmpeg)


@pytest.mark.parametrize("pair", [PATTERN, NATURAL])
def test_a_client_gets_the_published_values_and_a_models_recorded_scores(
    pair: str,
    server: Any,
    arguments: Arguments,
    epoch: tuple[str, str],
    bounds: Bounds,
    judge: Judge,
    also_not_checked: Note,
) -> None:
    """Clip means of libvmaf's score and features equal Netflix's values at places=4; a model's equal its record."""
    model = _model_for(pair)
    found = server.ask("vmaf_score", **arguments(pair), teachers=[DEFAULT], models=[model.id], per_frame=True)
    frames, published = found["per_frame"], load_pairs()[pair]
    assert found["frames"] == len(frames) == published.frames
    teacher = found["teachers"][0]
    assert [one["id"] for one in found["teachers"]] == list(dict.fromkeys([DEFAULT, model.teacher_id]))
    assert (teacher["id"], teacher["sha256"]) == (DEFAULT, KNOWN[DEFAULT])
    assert [one["sha256"] for one in found["tiny_models"]] == [model.sha256]
    again = f"tox -e mcp -- -k {pair}"
    record = load_record(model.id)
    if pair not in record:
        raise CouldNotRunError(f"the record of {model.id} has no scores for {pair}")
    each, scores = [f"frame {n}" for n in range(len(frames))], [frame["scores"][model.id] for frame in frames]
    outcomes = [
        compare(
            bounds.for_subject("golden.record", Subject.at(model.file)),
            f"{model.id} over MCP on {pair}",
            each,
            record[pair],
            scores,
            reproduce=again,
        )
    ]
    expected = published.values(epoch[0])
    if expected is None:
        also_not_checked(f"golden pair {pair} over MCP: nothing is published for motion epoch {epoch[0]!r}")
    else:
        features = [[frame["features"][name] for name in VALUES[1:]] for frame in frames]
        means = [teacher["pooled"]["mean"], *np.mean(features, axis=0)]
        wanted = [expected[name] for name in VALUES]
        outcomes.append(
            compare(
                bounds.for_("golden.published"), f"the MCP server on {pair}", VALUES, wanted, means, reproduce=again
            )
        )
    judge(*outcomes)


def _model_for(pair: str) -> Subject:
    """A different registered model of features for each pair; the golden gate covers all of them."""
    registered = [one for one in registry.subjects() if not one.takes_pictures]
    if not registered:
        raise CouldNotRunError("no model that takes features is registered")
    return registered[(PATTERN, NATURAL).index(pair) % len(registered)]
