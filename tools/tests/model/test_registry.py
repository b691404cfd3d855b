"""Registry, sidecar and model file agree, or what disagrees is named."""

import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tinyvmaf.errors import RegistryError
from tinyvmaf.files import home, write_atomic
from tinyvmaf.judge.kinds.teacher import TEACHER
from tinyvmaf.model import contract, registry
from tinyvmaf.model.sidecar import read_sidecar
from tinyvmaf.train.export_teacher import export_teacher
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_built_in

MODEL = "vmaf_v0.6.1_svr"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the registry in use."""
    return Path(shutil.copytree(registry.model_folder(), tmp_path / "model"))


SHIPPED = sorted(path.stem for path in (home() / "model").glob("*.onnx"))


def rewrite(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_the_registered_models_are_as_registered() -> None:
    assert {entry.id: registry.faults(entry) for entry in registry.subjects()} == {name: [] for name in SHIPPED}
    assert {"tinyvmaf_exact", "tinyvmaf_nano", "tinyvmaf_tiny", MODEL} <= set(SHIPPED)


def test_exporting_again_changes_no_byte(folder: Path, ffmpeg: FFmpeg) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    export_teacher(load_built_in(ffmpeg), TEACHER, folder)
    assert before == {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_another_teacher_is_added_beside(folder: Path, ffmpeg: FFmpeg) -> None:
    entry = export_teacher(load_built_in(ffmpeg, "vmaf_v1.0.16_3d0h"), TEACHER, folder)
    assert [e.id for e in registry.subjects(folder)] == [*SHIPPED, "vmaf_v1.0.16_3d0h_svr"]
    assert not registry.faults(entry)
    assert entry.sidecar.feature_order[0].startswith("cambi")


def test_a_first_model_makes_the_registry(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    export_teacher(load_built_in(ffmpeg), TEACHER, tmp_path / "new")
    assert registry.find(MODEL, tmp_path / "new").file.is_file()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        ("{", "Expecting"),
        ("{}", "schema is missing; models is missing"),
        ('{"schema": 1, "models": []}', "lists no model"),
        (
            '{"schema": 1, "models": [{"id": "../x", "sha256": "", "sidecar_sha256": ""}]}',
            "models.0.id is '../x'",
        ),
        (
            json.dumps({"schema": 1, "models": [{"id": "a", "sha256": "0" * 64, "sidecar_sha256": "0" * 64}] * 2}),
            "lists a model twice",
        ),
    ],
)
def test_a_registry_that_is_none_is_an_error(content: str | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "registry.json").write_text(content, encoding="utf-8")
    with pytest.raises(RegistryError, match=message):
        registry.subjects(tmp_path)


def test_an_unknown_model_names_the_known_ones() -> None:
    with pytest.raises(
        RegistryError,
        match=f"no model 'micro' is registered\n  hint: registered: {', '.join(SHIPPED)}$",
    ):
        registry.find("micro")


@pytest.mark.parametrize(
    ("name", "spoil", "messages"),
    [
        (".onnx", lambda p: p.unlink(), ["No such file"]),
        (".onnx", lambda p: p.write_bytes(p.read_bytes() + b"\0"), ["sha256 is .*, registered", "not an ONNX model"]),
        (".onnx", lambda p: p.write_bytes(b""), ["sha256 is", "not an ONNX model"]),
        (".json", lambda p: p.unlink(), ["No such file"]),
        (".json", lambda p: rewrite(p, opset=16), ["sha256 is", "opset is 16, the model file says 17"]),
        (".json", lambda p: rewrite(p, tier="nano"), ["sha256 is", "tier is 'nano', the model file says 'tiny'"]),
        (".json", lambda p: rewrite(p, feature_order=["a"]), ["sha256 is", "1 features, the graph takes 6"]),
        (
            ".json",
            lambda p: rewrite(p, feature_order=json.loads(p.read_text(encoding="utf-8"))["feature_order"][::-1]),
            ["feature_order is 'motion2,vif_scale3,.*, the model file's metadata says 'adm2,vif_scale0,"],
        ),
        (
            ".json",
            lambda p: rewrite(p, teacher={"id": "vmaf_v0.6.1neg", "sha256": "0" * 64}),
            ["teacher is 'vmaf_v0.6.1neg', the model file's metadata says 'vmaf_v0.6.1'"],
        ),
        (".json", lambda p: rewrite(p, colour="red"), ["unknown key colour"]),
        (
            ".json",
            lambda p: rewrite(p, measured={"error": "small"}),
            ["'small'; it must be a number"],
        ),
        (".json", lambda p: rewrite(p, promised={"frame_rmse": 0}), ["frame_rmse is 0; it must be greater than 0"]),
        (".json", lambda p: rewrite(p, promised={"frame_rmse": math.inf}), ["is not a number that fits in a float"]),
        (".md", lambda p: p.unlink(), ["no model card"]),
    ],
)
def test_each_disagreement_is_named(
    name: str, spoil: Callable[[Path], object], messages: list[str], folder: Path
) -> None:
    spoil(folder / f"{MODEL}{name}")
    found = "\n".join(registry.faults(registry.find(MODEL, folder)))
    for message in messages:
        assert re.search(message, found), found


@pytest.mark.parametrize(("size", "tier"), [(1, "nano"), (9_999, "nano"), (10_000, "tiny"), (999_999, "small")])
def test_tiers_end_below_their_limit(size: int, tier: str) -> None:
    assert contract.tier(size) == tier


def test_what_is_too_large_is_no_tiny_model() -> None:
    with pytest.raises(RegistryError, match="a model must be smaller than 1000000 bytes"):
        contract.tier(1_000_000)


def test_a_sidecar_that_would_be_wrong_is_not_written(folder: Path) -> None:
    data = registry.find(MODEL, folder).file.read_bytes()
    with pytest.raises(RegistryError, match="sidecar of new"):
        registry.register("new", data, {"kind": "teacher"}, "", folder)
    assert not (folder / "new.onnx").exists()


@pytest.mark.parametrize("model_id", [entry.id for entry in registry.subjects()])
def test_a_sidecar_is_written_as_it_was_read(model_id: str) -> None:
    path = registry.find(model_id).sidecar_path
    assert read_sidecar(path).text() == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": True}, "schema is True; this tinyvmaf knows 1"),
        ({"bytes": 1.0}, r"bytes is 1\.0; it must be a whole number"),
        ({"engines": ["numpy"]}, "engines is .*; it must have at least 2 items"),
        ({"engines": ["numpy", "numpy"]}, "engines is .*; a value is there twice"),
        ({"teacher": {"id": "x"}}, r"teacher\.sha256 is missing"),
        ({"training": {}}, r"training\.recipe is missing; training\.recipe_sha256 is missing; .* and 2 more"),
        ({"tier": "huge"}, "tier is 'huge'; it must be 'nano', 'tiny' or 'small'"),
    ],
)
def test_a_sidecar_that_is_none_is_refused(changes: dict[str, object], message: str, folder: Path) -> None:
    path = folder / f"{MODEL}.json"
    rewrite(path, **changes)
    with pytest.raises(RegistryError, match=message):
        read_sidecar(path)


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    write_atomic(path, "old")

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
