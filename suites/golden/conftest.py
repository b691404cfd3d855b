"""Fixtures of the golden gate."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from tinyvmaf.data.golden import GoldenFileMissingError, GoldenFiles, load_pairs, load_rows
from tinyvmaf.data.golden.files import natural_root
from tinyvmaf.data.golden.freezing import frozen_columns, score_golden_pair
from tinyvmaf.data.golden.rows import GoldenRows
from tinyvmaf.judge.plugin import NotChecked
from tinyvmaf.model.golden_records import write_record
from tinyvmaf.model.registry import subjects
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import motion_epoch
from tinyvmaf.vmaf.teacher import KNOWN, Teacher, load_carried

Columns = Mapping[str, np.ndarray]


@pytest.fixture(scope="session")
def golden_files(tmp_path_factory: pytest.TempPathFactory) -> GoldenFiles:
    """Golden files, each checked against its blob id before use."""
    return GoldenFiles(tmp_path_factory.mktemp("golden"), natural_root())


@pytest.fixture(scope="session")
def epoch(ffmpeg: FFmpeg) -> tuple[str, str]:
    """The epoch of the motion feature here, and libvmaf's version."""
    return motion_epoch(ffmpeg)


@pytest.fixture(scope="session")
def frozen() -> GoldenRows:
    """The frozen rows."""
    return load_rows()


@pytest.fixture(scope="session")
def teachers(ffmpeg: FFmpeg) -> dict[str, Teacher]:
    """The published teachers that the libvmaf here carries; an older one lacks some."""
    return load_carried(ffmpeg, KNOWN)


@pytest.fixture(scope="session")
def _measured() -> dict[str, Columns]:
    return {}


@pytest.fixture
def measured(
    ffmpeg: FFmpeg,
    golden_files: GoldenFiles,
    teachers: dict[str, Teacher],
    _measured: dict[str, Columns],
    not_checked: NotChecked,
) -> Callable[[str], Columns]:
    """What libvmaf here says of a golden pair, as it would be frozen; a pair without its files is NOT CHECKED."""

    def measure_once(pair_id: str) -> Columns:
        if pair_id not in _measured:
            try:
                table = score_golden_pair(load_pairs()[pair_id], golden_files, ffmpeg, teachers.values())
                _measured[pair_id] = frozen_columns(table, teachers.values())
            except GoldenFileMissingError as error:
                not_checked(f"golden pair {pair_id}: {error.message}; get it: {error.hint}")
        return _measured[pair_id]

    return measure_once


@pytest.fixture(scope="session", autouse=True)
def _record(pytestconfig: pytest.Config) -> None:
    """With --record: write every model's record anew and fail the run, so that no run blesses itself."""
    if pytestconfig.getoption("--record"):
        changed = [entry.id for entry in subjects() if write_record(entry, load_rows())]
        what = f"records written anew: {', '.join(changed)}" if changed else "no record changed"
        pytest.exit(f"{what}. This run fails on purpose: look at the change, commit it, run again.", returncode=1)
