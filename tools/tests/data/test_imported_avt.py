"""The sets that are published as tables: sources, tests and teachers of real rows. Skipped without them."""

from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.data.external import find_sets
from tinyvmaf.data.imported import Imported, allowed_by_rounding, load
from tinyvmaf.data.imported.check import check_set
from tinyvmaf.data.imported.load import built_in_teacher


def published(name: str) -> Imported:
    paths = [one.path for one in find_sets() if one.fault is None and one.path.name == f"{name}_frames.parquet"]
    if not paths:
        pytest.skip(f"NOT CHECKED: no {name}_frames.parquet in $TINYVMAF_EXTERNAL or ../shared/avt")
    return load(Path(paths[0]))


@pytest.mark.parametrize(
    ("name", "clips", "sources", "tests", "teachers"),
    [
        ("uhd1", 756, 17, {"1", "2", "3", "4"}, {"vmaf": "vmaf_b_v0.6.3"}),
        ("nvc", 216, 6, {None}, {"vmaf": "vmaf_4k_v0.6.1", "vmaf_neg": "vmaf_4k_v0.6.1neg"}),
    ],
)
def test_a_published_set_has_its_sources_tests_and_teachers(
    name: str, clips: int, sources: int, tests: set[str | None], teachers: dict[str, str]
) -> None:
    found = published(name)
    assert len(found.data.table["clip"].unique()) == clips == len(found.opinions)
    assert len(found.data.table["source"].unique()) == sources
    assert {opinion.test for opinion in found.opinions} == tests
    assert {score.published: score.teacher for score in found.scores} == teachers
    assert found.scale == (1, 5)
    findings = check_set(found, built_in_teacher)
    assert not findings.spoils, findings.faults
    for teacher_id in teachers.values():
        teacher = built_in_teacher(teacher_id)
        table = found.data.columns(*teacher.feature_names, teacher_id)[::7]
        allowed = allowed_by_rounding(teacher, table[:, :-1], found.decimals, found.decimals[teacher_id])
        share = np.abs(teacher.predict(table[:, :-1]) - table[:, -1]) / allowed
        assert 0.8 < share.max() <= 1.01  # the bound holds, and is not much more than what is needed
