"""The students hold on rows around and between the extremes of what libvmaf gives."""

import numpy as np
import pytest

from tinyvmaf.data import dataset
from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.data.extremes import sample_extremes
from tinyvmaf.model import registry
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_built_in

COUNT = 100_000
NOT_REACHED = pytest.mark.xfail(strict=True, reason="0.058: docs/decisions/0022-students-of-the-wider-domain.md")


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("tinyvmaf_nano", 0.3),
        ("tinyvmaf_exact", 0.1),
        pytest.param("tinyvmaf_tiny", 0.05, marks=NOT_REACHED),
    ],
)
def test_worst_row_of_the_extremes(name: str, most: float, ffmpeg: FFmpeg) -> None:
    teacher = load_built_in(ffmpeg, "vmaf_v0.6.1")
    extremes = dataset.read(embedded_corpus().extreme_features).columns(*CANONICAL)
    rows = sample_extremes(Domain(teacher.features), extremes, COUNT, seed=1)
    rows = rows.astype(np.float32)
    off = np.abs(OnnxRuntimeCpu(registry.find(name).data).run(rows) - teacher.predict(rows))
    assert float(off.max()) <= most
