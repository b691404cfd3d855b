"""Baselines are files that change only when accepted."""

import json
from pathlib import Path

import pytest

from tinyvmaf.errors import RegistryError
from tinyvmaf.measure import latency
from tinyvmaf.measure.latency import BaselineError
from tinyvmaf.measure.latency.baseline import FILE
from tinyvmaf.model import registry

MODEL = "tinyvmaf_nano"


def test_accepting_copies_the_registered_file_and_says_why(tmp_path: Path) -> None:
    assert latency.baselines(tmp_path) == {}
    (moved,) = latency.accept([MODEL], " faster nodes ", tmp_path)
    assert latency.baselines(tmp_path) == {MODEL: moved}
    assert (moved.id, moved.sha256, moved.reason) == (MODEL, registry.find(MODEL).sha256, "faster nodes")
    assert moved.data(tmp_path) == registry.find(MODEL).file.read_bytes()
    latency.accept(["tinyvmaf_tiny"], "another", tmp_path)
    assert list(latency.baselines(tmp_path)) == [MODEL, "tinyvmaf_tiny"]


def test_a_baseline_of_a_model_that_is_registered_no_more_goes(tmp_path: Path) -> None:
    latency.accept([MODEL], "first", tmp_path)
    listed = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))
    listed.append(listed[0] | {"id": "gone"})
    (tmp_path / FILE).write_text(json.dumps(listed), encoding="utf-8")
    (tmp_path / "gone.onnx").write_bytes(b"of old")
    latency.accept([MODEL], "second", tmp_path)
    assert list(latency.baselines(tmp_path)) == [MODEL]
    assert not (tmp_path / "gone.onnx").exists()


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_baseline_is_not_moved_without_a_reason(tmp_path: Path, reason: str) -> None:
    with pytest.raises(BaselineError, match="needs a reason"):
        latency.accept([MODEL], reason, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_only_registered_models_that_are_what_they_were_become_baselines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RegistryError, match="no model 'unknown' is registered"):
        latency.accept([MODEL, "unknown"], "why", tmp_path)
    monkeypatch.setattr(registry, "faults", lambda entry: [f"{entry.id}.onnx: sha256 is another"])
    with pytest.raises(RegistryError, match=r"is not what was registered: tinyvmaf_nano\.onnx"):
        latency.accept([MODEL], "why", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_baseline_that_changed_or_went_is_none(tmp_path: Path) -> None:
    (moved,) = latency.accept([MODEL], "why", tmp_path)
    file = tmp_path / f"{MODEL}.onnx"
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(BaselineError, match="accepted was"):
        moved.data(tmp_path)
    file.unlink()
    with pytest.raises(BaselineError, match="No such file"):
        moved.data(tmp_path)


@pytest.mark.parametrize("text", ["", "{}x", '[{"id": "a"}]', '[{"id": "a", "more": 1}]', "[1]", '{"a": "b"}'])
def test_a_list_that_nobody_wrote_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(BaselineError, match=FILE):
        latency.baselines(tmp_path)


def test_every_registered_model_has_a_baseline_whose_file_is_there() -> None:
    known = latency.baselines()
    assert set(known) == {entry.id for entry in registry.subjects()}
    for one in known.values():
        assert one.data()
