"""`tinyvmaf quantise`: what it writes, what it refuses, and that the gates and the registry know the parent."""

import json
from pathlib import Path

import pytest

from tinyvmaf.app.cli import main
from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.files import home
from tinyvmaf.judge.opened import found
from tinyvmaf.judge.variants import parent_of
from tinyvmaf.model import registry
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_built_in

from ..train.quantise_samples import written

THEIRS = home() / "fixtures/third_party/quickvmaf.onnx"


@pytest.fixture
def small(ffmpeg: FFmpeg, tmp_path: Path) -> Path:
    return written(load_built_in(ffmpeg, "vmaf_v0.6.1"), tmp_path / "made").path


def quantised(model: Path | str, out: Path, *options: str) -> int:
    return main(["quantise", str(model), "--out", str(out), "--no-table", *options])


def test_a_variant_finds_its_parent_beside_it_and_nowhere_else(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert quantised(small, out, "--only", "weights8,qdq,weights8") == 0
    assert quantised(out / "small.onnx", out, "--only", "weights8") == 0  # once more, in place
    assert {path.name for path in out.glob("*.onnx")} == {"small.onnx", "small_weights8.onnx", "small_qdq.onnx"}
    with found(str(out / "small_qdq.onnx")) as variant:
        assert parent_of(variant).data == small.read_bytes()
        (out / "small.onnx").unlink()
        with pytest.raises(CouldNotRunError, match=r"is a variant of small, sha256 \w{64}, which is not here\n"):
            parent_of(variant)
        (out / "small.onnx").write_bytes((out / "small_weights8.onnx").read_bytes())
        with pytest.raises(CouldNotRunError, match=r"which is not here; .*small.*sha256"):
            parent_of(variant)


def test_a_variant_is_registered_behind_its_parent(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, into = tmp_path / "out", str(tmp_path / "into")
    quantised(small, out, "--only", "weights8")
    assert main(["register", str(out / "small_weights8.onnx"), "--into", into]) == 1
    error = capsys.readouterr().err
    assert "is a variant of small, sha256 " in error
    assert f"tinyvmaf register {out / 'small.onnx'}" in error
    assert main(["register", str(out / "small.onnx"), "--into", into]) == 0
    assert main(["register", str(out / "small_weights8.onnx"), "--into", into]) == 0
    of = registry.find("small_weights8", tmp_path / "into").sidecar.variant_of
    assert of is not None
    assert of.id == "small"


def test_a_third_party_model_is_quantised_as_it_was_adopted(tmp_path: Path) -> None:
    assert quantised(THEIRS, tmp_path, "--only", "dynamic,nbits8") == 0
    with found(str(tmp_path / "quickvmaf_dynamic.onnx")) as variant:
        assert parent_of(variant).features == variant.features
    theirs = json.loads((tmp_path / "quickvmaf_nbits8.json").read_text(encoding="utf-8"))
    assert theirs["variant_of"]["id"] == "quickvmaf"


def test_it_overwrites_no_model(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of that name in the folder, such as the third-party one that was adopted."""
    there = tmp_path / small.name
    there.write_bytes(b"theirs")
    assert quantised(small, tmp_path, "--only", "weights8") == 1
    assert "small.onnx would be overwritten, and is another file" in capsys.readouterr().err
    assert there.read_bytes() == b"theirs"
    assert not (tmp_path / "small_weights8.onnx").exists()


@pytest.mark.parametrize(
    ("model", "options", "says"),
    [
        ("tinyvmaf_nano", [], "is not quantised: it is proven exact"),
        ("vmaf_v0.6.1_svr", ["--only", "qqd"], "--only qqd: there is no such method"),
        ("vmaf_v0.6.1_svr", ["--seed", "-1"], "--seed -1: a seed is 0 or more"),
    ],
)
def test_what_it_refuses(
    model: str, options: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert quantised(model, tmp_path / "out", *options) == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
