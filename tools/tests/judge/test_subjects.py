"""Which models a run judges, and what becomes of files that nobody can judge."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tinyvmaf.errors import ModelError
from tinyvmaf.files import home
from tinyvmaf.judge import subjects
from tinyvmaf.judge.subjects import adoption_faults
from tinyvmaf.model import registry
from tinyvmaf.model.subject import Subject
from tinyvmaf.model.third_party import FeedOptions, original
from tinyvmaf.vmaf.features import CANONICAL_FEATURES

from ..model.third_party_files import PLAIN, network, write


def of(paths: list[Path], folder: Path, options: FeedOptions | None = None) -> list[Subject]:
    return subjects.named(paths, folder / "adopted", lambda _: CANONICAL_FEATURES, options or FeedOptions())


@pytest.fixture
def nano(tmp_path: Path) -> Path:
    """A copy of a shipped model with its sidecar, registered nowhere."""
    for suffix in ("onnx", "json", "md"):
        shutil.copy(home() / "model" / f"tinyvmaf_nano.{suffix}", tmp_path)
    return tmp_path / "tinyvmaf_nano.onnx"


def test_a_third_party_file_is_adopted_whole(tmp_path: Path) -> None:
    path = write(tmp_path, network(rank=1), {**PLAIN, "sha256": "0" * 64}, name="their model v1")
    (one,) = of([path], tmp_path)
    assert (one.id, one.registered, one.fault) == ("their_model_v1", False, None)
    assert one.fault is None
    assert registry.faults(one) == []
    said = one.as_dict()
    assert (said["teacher"], said["recipe"], said["bytes"]) == ("vmaf_v0.6.1", None, path.stat().st_size)
    assert any("Unsqueeze" in sentence for sentence in said["adaptor"])


def test_a_sidecar_that_is_of_another_file_is_a_fault(tmp_path: Path) -> None:
    said = {**PLAIN, "sha256": "0" * 64, "opset": 12, "output_name": "y"}
    (one,) = of([write(tmp_path, network(), said)], tmp_path)
    assert one.adopted is not None
    found = "\n".join(adoption_faults(one.adopted))
    assert "it says sha256 '000" in found
    assert "says opset 12, the file has 17" in found
    assert "says output_name 'y', the file has 'vmaf'" in found


def test_a_sidecar_that_agrees_is_none(tmp_path: Path) -> None:
    path = write(tmp_path, network(), {**PLAIN, "opset": 17, "input_name": "input"})
    (one,) = of([path], tmp_path)
    assert one.adopted is not None
    assert adoption_faults(one.adopted) == []


def test_a_file_with_our_sidecar_is_judged_as_it_is(nano: Path, tmp_path: Path) -> None:
    (one,) = of([nano], tmp_path)
    assert one.adopted is None
    assert one.fault is None
    assert registry.faults(one) == []
    assert one.as_dict()["recipe"] == "tinyvmaf_nano"


def test_our_sidecar_says_it_all(nano: Path, tmp_path: Path) -> None:
    (one,) = of([nano], tmp_path, FeedOptions("adm2"))
    assert one.fault is not None
    assert "leave out the options" in str(one.fault)


def test_a_file_by_another_name_is_what_its_sidecar_says(nano: Path, tmp_path: Path) -> None:
    for suffix in (".onnx", ".json", ".md"):
        nano.with_suffix(suffix).rename(nano.with_name(f"mine{suffix}"))
    (one,) = of([nano.with_name("mine.onnx")], tmp_path)
    assert (one.id, one.path.name) == ("tinyvmaf_nano", "mine.onnx")
    assert one.fault is None
    assert registry.faults(one) == []


@pytest.mark.parametrize("name", ["../../etc/x", "", "a b", 7, "x" * 200])
def test_an_id_is_a_name_and_no_path(name: object, nano: Path, tmp_path: Path) -> None:
    sidecar = nano.with_suffix(".json")
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"id": name}), encoding="utf-8")
    (one,) = of([nano], tmp_path)
    if name == 7:
        assert one.fault is None  # the schema's to refuse
    else:
        assert "is not a valid model id" in str(one.fault)


def test_what_cannot_be_judged_is_there_with_its_fault(tmp_path: Path) -> None:
    (tmp_path / "empty.onnx").touch()
    (tmp_path / "empty.json").write_text(json.dumps(PLAIN), encoding="utf-8")
    (tmp_path / "folder.onnx").mkdir()
    paths = [
        tmp_path / "missing.onnx",
        tmp_path / "empty.onnx",
        tmp_path / "folder.onnx",
        write(tmp_path, network(), name="silent"),
        write(tmp_path, network(batch=1), PLAIN, name="fixed"),
    ]
    found = {one.id: one for one in of(paths, tmp_path)}
    assert set(found) == {"missing", "empty", "folder", "silent", "fixed"}
    assert all(one.fault is not None and one.as_dict()["sha256"] is None for one in found.values())
    assert {name for name, one in found.items() if isinstance(one.fault, ModelError)} == {"empty", "fixed"}


def test_what_a_file_brings_about_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody thought of is a fault of that file, and the others are judged."""
    good = write(tmp_path, network(), PLAIN, name="good")
    bad = write(tmp_path, network(), PLAIN, name="bad")
    real = original.read_original

    def read_original(path: Path, width: int, held: Any) -> Any:
        if path == bad:
            raise MemoryError("hostile")
        return real(path, width, held)

    monkeypatch.setattr(original, "read_original", read_original)
    one, two = of([bad, good], tmp_path)
    assert "cannot be judged: MemoryError: hostile" in str(one.fault)
    assert two.fault is None


def test_the_second_of_a_name_does_not_stand_for_the_first(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    paths = [write(tmp_path / "a", network(), PLAIN), write(tmp_path / "b", network(rank=1), PLAIN)]
    before = of(paths[:1], tmp_path / "alone")[0]
    first = of(paths, tmp_path / "both")[0]
    assert before.fault is None
    assert first.fault is None
    assert first.file.read_bytes() == before.file.read_bytes()


def test_large_files_are_not_read(nano: Path, tmp_path: Path) -> None:
    with nano.open("ab") as file:
        file.truncate(4 << 30)  # sparse
    (one,) = of([nano], tmp_path)
    assert one.as_dict()["sha256"] is None
    nano.with_suffix(".json").write_text(" " * 2_000_000, encoding="utf-8")
    (one,) = of([nano], tmp_path)
    assert "a sidecar has fewer than 1000000" in str(one.fault)


def test_one_name_is_one_model(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    paths = [write(tmp_path / folder, network(), PLAIN) for folder in ("a", "b")]
    one, two = of([paths[0], paths[0], paths[1]], tmp_path)
    assert one.fault is None
    assert "are both called theirs" in str(two.fault)


def test_a_stranger_may_not_take_the_name_of_a_registered_model(tmp_path: Path) -> None:
    """Bounds and waivers go by names."""
    (one,) = of([write(tmp_path, network(), PLAIN, name="vmaf_v0.6.1_svr")], tmp_path)
    assert "has the name of a registered model" in str(one.fault)


def test_no_registry_leaves_one_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gates.toml").touch()
    monkeypatch.setenv("TINYVMAF_HOME", str(tmp_path))
    (one,) = subjects.registered()
    assert (one.id, one.fault is None) == ("no model", False)
    assert "registry.json" in str(one.fault)
