"""What every output gives for a frame whose standard deviation is 0."""

import json
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.app.cli.score.show import show_pair
from tinyvmaf.app.cli.score.write import Result, as_csv, as_json
from tinyvmaf.app.mcp_server.scored import result_of
from tinyvmaf.data.pairs import AskedPair
from tinyvmaf.measure.score_page.blocks import blocks_of
from tinyvmaf.measure.score_page.page import page
from tinyvmaf.measure.scoring import ENDS, scored_pair
from tinyvmaf.model import registry
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import FrameTable
from tinyvmaf.vmaf.pooling import Figures
from tinyvmaf.vmaf.teacher import load_built_in


def test_a_clipped_frame_has_no_interval_and_neither_has_its_clip(
    ffmpeg: FFmpeg, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A standard deviation of 0 means "clipped", and not "certain"; the teacher's ends by the same formula alike."""
    rows = np.array([[0.9, 0.5, 0.8, 0.85, 0.9, 3.5], [1.0, 1.0, 1.0, 1.0, 1.0, 4.0]])
    teacher, model = load_built_in(ffmpeg, "vmaf_b_v0.6.3"), registry.find("tinyvmaf_interval")
    table = FrameTable("1", {teacher.id: teacher.predict(rows)}, {}, precise=dict(zip(CANONICAL, rows.T, strict=True)))
    pair = scored_pair(tmp_path, tmp_path, table, [teacher], models=[model])
    columns, summary = pair.columns(), pair.summary()
    below = 1.96 * columns[f"{teacher.id}_stddev"][0]
    assert columns[f"{teacher.id}_lo95"][0] == pytest.approx(columns[teacher.id][0] - below)
    for name in (teacher.id, model.id):
        assert columns[f"{name}_stddev"][1] == 0.0
        for end in ENDS:
            assert np.isnan(columns[f"{name}_{end}"]).tolist() == [False, True]
            assert summary[f"{name}_{end}"] == Figures(frames=1)
    assert columns[f"{model.id}_lo95"][0] == pytest.approx(columns[f"{teacher.id}_lo95"][0], abs=0.5)
    assert columns[f"{teacher.id}_ci_p95_lo"][1] < 95.0
    assert pair.warnings == [
        "tinyvmaf_interval states a standard deviation of 0 on 1 of 2 frames: they are clipped and have no interval, "
        "so the clip has none either"
    ]
    results = [Result(AskedPair(tmp_path, tmp_path), pair)]
    show_pair(pair, frames=True)
    shown = capsys.readouterr().out
    assert "nan" not in shown + as_csv(results, frames=True) + as_csv(results, frames=False)
    assert shown.splitlines()[-1].split().count("-") == 4
    log = json.loads(as_json(results, ffmpeg))
    assert log["tiny_model"]["frames"][1]["lo95"] is None is log["tiny_model"]["frames"][1]["teacher_hi95"]
    assert log["summary"]["tinyvmaf_interval_lo95"]["mean"] is None
    found = result_of(pair, ffmpeg, per_frame=True)
    interval, frames = found.tiny_models[0].interval, found.per_frame
    assert interval is not None
    assert frames is not None
    assert (interval.low, interval.teacher_high, interval.clipped) == (None, None, 1)
    assert frames[1].scores["tinyvmaf_interval_hi95"] is None
    text = page([block for block in blocks_of([pair]) if block.score == model.id], [], {})
    assert "NaN" not in text
    assert '"low": [' in text
    assert "100.000 to 100.000" not in text
