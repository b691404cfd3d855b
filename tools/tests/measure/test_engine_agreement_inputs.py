"""The rows on which a model is tried: of every group, in the model's order, many for a proof."""

import numpy as np
import pytest

from tinyvmaf.data import dataset
from tinyvmaf.errors import CouldNotRunError, ModelError
from tinyvmaf.files import home
from tinyvmaf.measure.engine_agreement import inputs, rows_for, sole
from tinyvmaf.model import registry
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_built_in


def subject(*features: str) -> Subject:
    found = Subject.at(registry.find("tinyvmaf_nano").file)
    if features:
        found.__dict__["sidecar"] = found.sidecar.model_copy(update={"feature_order": features})
    return found


@pytest.fixture
def domain(ffmpeg: FFmpeg) -> Domain:
    return Domain(load_built_in(ffmpeg).features)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "EXACT_ROWS", 40_000)
    monkeypatch.setattr(inputs, "OTHER_ROWS", 20_000)


def test_rows_are_of_every_group_and_some_of_each_come_first(domain: Domain) -> None:
    corpus = dataset.read(home() / "fixtures" / "corpus" / "features.parquet")
    found = rows_for(subject(), domain, corpus)
    assert sole(found.every).shape == (40_000, 6)
    assert np.isfinite(sole(found.every)).all()
    assert set(found.groups.tolist()) == found.wanted == set(inputs.GROUPS)
    assert set(found.groups[: len(inputs.GROUPS)].tolist()) == found.wanted
    turned = rows_for(subject(*reversed(subject().features)), domain, corpus)
    assert (sole(turned.every) == sole(found.every)[:, ::-1]).all()


def test_a_feature_that_the_teacher_does_not_have_is_the_models_fault(domain: Domain) -> None:
    with pytest.raises(ModelError, match=r"tinyvmaf_nano takes nonsense, which vmaf_v0\.6\.1 does not have"):
        rows_for(subject("adm2", "nonsense"), domain, dataset.read(home() / "fixtures/corpus/features.parquet"))


def test_engines_take_one_input() -> None:
    rows = np.zeros((2, 3), np.float32)
    assert sole({"features": rows}) is rows
    with pytest.raises(CouldNotRunError, match="the model takes left, right"):
        sole({"left": rows, "right": rows})
