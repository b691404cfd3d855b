"""The interval of a bootstrap collection is that of libvmaf, from the scores that libvmaf gives each of its models."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import VmafModel, score_pair
from tinyvmaf.vmaf.media import both
from tinyvmaf.vmaf.teacher import load_built_in

from ..fixture_types import Clip


def percentile(scores: list[float], percent: float) -> float:
    """`percentile` of libvmaf/src/predict.c; scores are sorted."""
    place = percent * (len(scores) - 1) / 100.0
    left, right = math.floor(place), math.ceil(place)
    return scores[left] if left == right else scores[left] * (right - place) + scores[right] * (place - left)


def clip_score(score: float) -> float:
    return min(max(score, 0.0), 100.0)


def libvmaf_statistics(scores: list[float]) -> tuple[float, float, float, float]:
    """Bagging, standard deviation and interval, from libvmaf/src/predict.c for a model without transform."""
    mean = sum(scores) / len(scores)
    slope = (clip_score(mean + 0.01) - clip_score(mean - 0.01)) / 0.02
    stddev = math.sqrt(sum((score - mean) ** 2 for score in scores) / len(scores)) * slope
    ends = (percentile(sorted(scores), percent) for percent in (2.5, 97.5))
    low, high = map(clip_score, ends)
    return clip_score(mean), stddev, low, high


@pytest.fixture
def mixed(clip: Clip, tmp_path: Path) -> tuple[Path, Path]:
    """A pair with a perfect frame in the middle, two bad ones, and a slightly worse one."""
    reference, size = clip("r.yuv"), 128 * 96 * 3 // 2
    whole, bad, fair = (p.read_bytes() for p in (reference, clip("b.yuv", noise=40), clip("f.yuv", noise=6)))
    pieces = (bad[:size], whole[size : 2 * size], fair[2 * size : 3 * size], bad[3 * size :])
    (distorted := tmp_path / "d.yuv").write_bytes(b"".join(pieces))
    return reference, distorted


def test_the_interval_of_every_frame_is_that_of_libvmaf(mixed: tuple[Path, Path], ffmpeg: FFmpeg) -> None:
    """The 20 models run in libvmaf itself, without their clip: FFmpeg's filter runs no collection, but any model."""
    teacher = load_built_in(ffmpeg, "vmaf_b_v0.6.3")
    content = json.loads(teacher.json)
    assert {svr.transform for svr in teacher.bootstrap} == {None}
    for part in content.values():
        assert part["model_dict"].pop("score_clip") == [0.0, 100.0]
    models = [VmafModel(f"m{n}", json.dumps(content[str(n)]).encode()) for n in range(21)]
    options = both(size="128x96", pix_fmt="yuv420p")
    table = score_pair(*mixed, options=options, models=models, ffmpeg=ffmpeg, threads=1)
    features = table.features(teacher.feature_names)
    expected = np.array([libvmaf_statistics([table.column(f"m{n}")[t] for n in range(1, 21)]) for t in range(4)])
    np.testing.assert_allclose(np.array(teacher.bagging(features)).T, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(teacher.predict(features), np.clip(table.column("m0"), 0, 100), rtol=0, atol=1e-6)
    assert expected[1, 0] == expected[1, 3] == 100.0  # the frame that is clipped
    assert expected[1, 1] == 0.0
    assert (expected[[0, 2, 3], 2] < expected[[0, 2, 3], 0]).all()
