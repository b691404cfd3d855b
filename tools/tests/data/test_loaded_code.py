"""The hash of a module covers what this process runs, not only the file that it came from."""

from collections.abc import Callable

import pytest

from tinyvmaf.data.extract import job
from tinyvmaf.data.extract.loaded_code import loaded_code
from tinyvmaf.data.measured_with import measuring_modules
from tinyvmaf.vmaf import features
from tinyvmaf.vmaf.libvmaf import log


def another(*_: object, **__: object) -> None:
    """Stands for the code of another version."""


@pytest.mark.parametrize(
    ("change", "module"),
    [
        (lambda patch: patch.setattr(job, "measure", another), job.__name__),
        (lambda patch: patch.setattr(job, "score_pair", another), job.__name__),
        (lambda patch: patch.setattr(job, "_digest", another), job.__name__),
        (lambda patch: patch.setattr(job, "FULL", ("psnr",)), job.__name__),
        (lambda patch: patch.setattr(log.FrameTable, "features", another), log.__name__),
        (lambda patch: patch.setattr(features, "CANONICAL", features.CANONICAL[::-1]), features.__name__),
        (lambda patch: patch.setattr(job.measure, "__defaults__", (None,)), job.__name__),
        (lambda patch: patch.setattr(job._check, "__code__", another.__code__), job.__name__),
    ],
)
def test_what_is_changed_in_memory_shows(
    change: Callable[[pytest.MonkeyPatch], None], module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = loaded_code([module])
    assert loaded_code([module]) == before
    with monkeypatch.context() as patch:
        change(patch)
        assert loaded_code([module]) != before
    assert loaded_code([module]) == before


def test_every_module_that_reads_or_measures_video_is_covered() -> None:
    names = measuring_modules()
    assert {"tinyvmaf.vmaf.libvmaf.score", "tinyvmaf.vmaf.media", "tinyvmaf.vmaf.teacher.svr"} <= {*names}
    assert "tinyvmaf.data.extract.job" in names
    assert len(loaded_code(names)) == len(names) > 40
