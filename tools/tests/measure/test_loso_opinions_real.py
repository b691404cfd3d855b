"""The figures of docs/decisions/0021-opinions.md, from the published set itself; skipped where it is not at hand."""

import numpy as np
import pytest

from tinyvmaf.data.external import find_sets
from tinyvmaf.data.imported import load
from tinyvmaf.data.targets import with_target
from tinyvmaf.measure.loso import opinion_report
from tinyvmaf.measure.loso.opinions import ClipScores
from tinyvmaf.train.recipes import read_recipe
from tinyvmaf.train.students import pooled_score
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_built_in


def test_pooling_beats_the_cubic_on_real_opinions_as_it_is_said_to(ffmpeg: FFmpeg) -> None:
    """From clip means, without fitting the recipe's graphs, which the suite does."""
    path = next((one.path for one in find_sets() if one.name == "uhd1"), None)
    if path is None:
        pytest.skip("NOT CHECKED: uhd1 is not at hand: ../shared/avt, or a folder in TINYVMAF_EXTERNAL")
    recipe, found = read_recipe("mos_pooled"), load(path)
    assert recipe.mos is not None
    assert isinstance(recipe.mos.pooling, float)
    teacher = load_built_in(ffmpeg, recipe.teacher)
    data = with_target(found.data, teacher)
    frames, (scores,) = data.table["clip"].to_numpy(zero_copy_only=False), data.columns(teacher.id).T
    starts = np.sort(np.unique(frames, return_index=True)[1])
    clips = frames[starts].astype(str)
    assert len(starts) == 1 + np.count_nonzero(frames[1:] != frames[:-1])  # a clip's rows lie together
    by_clip = {opinion.clip: opinion for opinion in found.opinions}
    source = np.array([by_clip[clip].source for clip in clips])
    opinions = np.array([recipe.mos.points(by_clip[clip].mos) for clip in clips])
    plain, pooled = (pooled_score(scores, starts, pooling) for pooling in (0.0, recipe.mos.pooling))
    got = np.empty_like(opinions)
    for name in set(source.tolist()):
        mine = source == name
        got[mine] = np.polyval(np.polyfit(pooled[~mine], opinions[~mine], 1), pooled[mine])
    means = dict(zip(clips.tolist(), plain.tolist(), strict=True))
    report = opinion_report(
        "mos_pooled", teacher.id, ClipScores(source, clips, opinions, np.clip(got, 0, 100)), means, (0.0, 100.0)
    )
    assert report is not None
    assert (report.clips, report.sources) == (756, 17)
    figures = [
        (round(each.over.rmse, 1), round(each.over.plcc, 3), round(each.plcc_within, 3))
        for each in (report.as_it_is, report.cubic, report.model)
    ]
    assert figures == [(16.0, 0.853, 0.952), (15.1, 0.834, 0.951), (14.3, 0.853, 0.959)]
    assert report.less_cubic.high == pytest.approx(-0.25, abs=0.05)
