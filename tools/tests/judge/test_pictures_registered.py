"""A model that takes pictures is found, registered, recorded and judged like any other."""

import json
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.errors import ModelError, TinyvmafError
from tinyvmaf.judge import opened
from tinyvmaf.judge.subjects import named
from tinyvmaf.model import registry
from tinyvmaf.model.golden_pictures import given_for_pictures
from tinyvmaf.model.golden_records import load_record, write_record
from tinyvmaf.model.sidecar import read_sidecar, sidecar_faults
from tinyvmaf.model.subject import Subject
from tinyvmaf.model.third_party import FeedOptions
from tinyvmaf.vmaf.features import Feature

from ..model.picture_models import BYTE, exact_filter, exact_score, fixed_size, identity_filter, three_channels


def no_features(teacher: str) -> list[Feature]:
    raise AssertionError(f"nobody needs the features of {teacher}")


def found(folder: Path, data: bytes, name: str = "mine") -> Subject:
    path = folder / f"{name}.onnx"
    path.write_bytes(data)
    (one,) = named([path], folder / "adopted", no_features, FeedOptions())
    return one


@pytest.mark.parametrize(
    ("data", "kind"), [(exact_score(), "no_reference"), (exact_filter(BYTE), "filter"), (identity_filter(), "filter")]
)
def test_a_file_without_a_sidecar_is_judged_as_it_is(data: bytes, kind: str, tmp_path: Path) -> None:
    one = found(tmp_path, data)
    assert one.fault is None
    assert (one.kind, one.features, one.takes_pictures, one.data) == (kind, (), True, data)
    assert opened.faults(one) == []
    assert one.engines is not None
    assert {"onnxruntime-cpu", "openvino", "opencv", "onnx-reference", "torch-eager"} <= set(one.engines)
    assert not {"torch-compiled", "onnxruntime-web"} & set(one.engines)


@pytest.mark.parametrize(("data", "said"), [(fixed_size(), "224x224"), (three_channels(), "3 channels")])
def test_one_that_breaks_the_contract_is_at_fault(data: bytes, said: str, tmp_path: Path) -> None:
    one = found(tmp_path, data)
    assert isinstance(one.fault, ModelError)
    assert said in str(one.fault)


def test_nobody_has_to_say_how_a_picture_is_fed(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(exact_score())
    (one,) = named([path], tmp_path / "adopted", no_features, FeedOptions(feature_order="adm2"))
    assert isinstance(one.fault, TinyvmafError)
    assert "takes pictures" in str(one.fault)


def test_its_sidecar_names_no_features(tmp_path: Path) -> None:
    one = found(tmp_path, exact_score())
    sidecar = read_sidecar(one.sidecar_path)
    assert sidecar_faults(sidecar, one.data) == []
    wrong = sidecar.model_copy(update={"feature_order": ("adm2",)})
    assert sidecar_faults(wrong, one.data) == ["feature_order names adm2, and the graph takes pictures"]
    nano = registry.find("tinyvmaf_nano")
    none = nano.sidecar.model_copy(update={"feature_order": ()})
    assert any("0 features, the graph takes 6" in one for one in sidecar_faults(none, nano.data))


@pytest.mark.parametrize("data", [exact_score(), exact_filter(), exact_filter(BYTE)])
def test_its_record_is_what_it_gives(data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tinyvmaf.data.golden import load_rows
    from tinyvmaf.model import golden_records

    one = found(tmp_path, data)
    where = type("Where", (), {"records": tmp_path})()
    monkeypatch.setattr(golden_records, "project", lambda: where)
    monkeypatch.setattr(golden_records, "writable", lambda: where)
    assert write_record(one, load_rows())
    assert not write_record(one, load_rows()), "the same again"
    given, recorded = given_for_pictures(one), load_record("mine", one.outputs[0])
    assert set(given) == set(recorded)
    for name, values in given.items():
        np.testing.assert_allclose(recorded[name], values, atol=5e-7)
    assert len(np.unique(np.concatenate(list(given.values())))) > 10
    assert json.loads((tmp_path / "mine.json").read_text())["model"] == "mine"
