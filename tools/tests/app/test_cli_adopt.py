"""One way in: what the gates adopt every command adopts, and what one refuses all refuse. Registering, and back."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.app.cli import main
from tinyvmaf.files import file_sha256, home
from tinyvmaf.judge import registering
from tinyvmaf.measure import latency
from tinyvmaf.model import registry
from tinyvmaf.model.golden_records import load_record
from tinyvmaf.vmaf.features import CANONICAL

from ..fixture_types import Clip
from ..model.third_party_files import PLAIN, network, truth, write

ORDER = f"--feature-order={','.join(CANONICAL)}"
RAW = ["--size", "128x96", "--pix-fmt", "yuv420p"]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the registry consists of."""
    folder = tmp_path / "house"
    for name in ("model", "fixtures"):
        shutil.copytree(home() / name, folder / name)
    shutil.copy(home() / "gates.toml", folder)
    monkeypatch.setenv("TINYVMAF_HOME", str(folder))
    return folder


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def commands(tmp_path: Path, clip: Clip) -> Callable[..., list[list[str]]]:
    """Every command that takes a model, with a model."""
    pair = [str(clip("r.yuv")), str(clip("d.yuv", noise=9)), *RAW]

    def of(model: Path, *options: str) -> list[list[str]]:
        return [
            ["score", *pair, "--model", str(model), "--frames", *options],
            ["certify", str(model), *options],
            ["bench", "run", str(model), *options],
            ["verify", str(model), *options],
            ["models", str(model), *options],
            ["adopt", str(model), "--out", str(tmp_path / "out"), *options],
            ["register", str(model), "--into", str(tmp_path / "registry"), *options],
        ]

    return of


def test_every_command_refuses_a_file_beside_the_sidecar_of_another(
    commands: Callable[..., list[list[str]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ours and theirs: the sidecar says a sha256, and the file has another."""
    ours = tmp_path / "tinyvmaf_nano.onnx"
    shutil.copy(home() / "model/tinyvmaf_tiny.onnx", ours)
    for suffix in (".json", ".md"):
        shutil.copy((home() / "model/tinyvmaf_nano.onnx").with_suffix(suffix), tmp_path)
    theirs = write(tmp_path, network(), {**PLAIN, "sha256": "0" * 64})
    for model in (ours, theirs):
        for command in commands(model):
            if (command[0], model) == ("adopt", ours):
                continue  # nothing to adopt
            assert main(command) != 0, command
            out, err = capsys.readouterr()
            assert "sha256" in out + err, command
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "registry").exists()


def test_every_command_adopts_what_options_describe(
    commands: Callable[..., list[list[str]]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(latency, "BATCHES", (1,))
    monkeypatch.setattr(latency, "PASSES", 3)
    model = write(tmp_path, network(rank=1))
    shown = {}
    for command in commands(model, ORDER):
        assert main(command) == int(command[0] == "certify"), command  # a sigmoid is not exact
        shown[command[0]] = capsys.readouterr().out
    lines = [line.split() for line in shown["score"].splitlines()]
    head = next(number for number, line in enumerate(lines) if line[:1] == ["frame"])
    first = dict(zip(lines[head], lines[head + 1], strict=True))
    score, features = float(first["theirs"]), np.array([[first[name] for name in CANONICAL]], dtype=np.float64)
    assert score == pytest.approx(truth(features)[0], abs=1e-3)
    assert "NOT CERTIFIED" in shown["certify"]
    assert "theirs: keeps the contract" in shown["verify"]
    assert "added after the original: Unsqueeze" in shown["adopt"]
    one, other = (tmp_path / folder / "theirs.onnx" for folder in ("out", "registry"))
    assert one.read_bytes() == other.read_bytes()
    assert (tmp_path / "out/theirs.md").read_text(encoding="utf-8").startswith("# theirs\n\nAdopted from `theirs.onnx`")


def test_options_are_for_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["verify", "tinyvmaf_nano", ORDER]) == 1
    assert "tinyvmaf_nano is registered, so it is known how it is fed" in capsys.readouterr().err
    assert main(["score", "a.mp4", "b.mp4", ORDER]) == 2
    assert "need --model PATH" in capsys.readouterr().err
    assert main(["register", str(tmp_path / "none.onnx")]) == 1
    assert "none.onnx: no such file" in capsys.readouterr().err


def test_nothing_that_is_not_ours_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write(tmp_path, network(), PLAIN)
    before = files(tmp_path)
    assert main(["adopt", str(model), "--out", str(tmp_path)]) == 1
    assert "would be overwritten, and is not ours\n  hint: --out DIR: another folder" in capsys.readouterr().err
    assert files(tmp_path) == before
    for _ in range(2):  # what it wrote itself may be written anew
        assert main(["adopt", str(model), "--out", str(tmp_path / "adopted")]) == 0
    assert main(["adopt", str(home() / "model/tinyvmaf_nano.onnx"), "--out", str(tmp_path / "out")]) == 1
    assert "there is nothing to adopt\n  hint: tinyvmaf register " in capsys.readouterr().err


def test_an_adopted_file_that_scores_otherwise_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tinyvmaf.model.third_party import wrap

    real = wrap.original_scorer
    monkeypatch.setattr(wrap, "original_scorer", lambda *a: lambda rows: real(*a)(rows) + 0.01)
    assert main(["adopt", str(write(tmp_path, network(), PLAIN)), "--out", str(tmp_path / "out")]) == 1
    assert "theirs.onnx is not registered:\n  theirs: |d|" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_model_without_a_recipe_is_registered_completed_and_taken_back(
    house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(house)
    model = write(tmp_path, network(), PLAIN)
    assert main(["register", str(model)]) == 0
    out = capsys.readouterr().out
    assert "missing: its golden record\n  tox -e golden -- --record" in out
    assert "missing: its latency baseline\n  tinyvmaf bench baseline --accept theirs --reason" in out
    assert main(["register", str(model), "--all"]) == 0
    assert "missing" not in capsys.readouterr().out
    assert registry.faults(registry.find("theirs")) == []
    assert load_record("theirs")
    assert latency.baselines()["theirs"].sha256 == registry.find("theirs").sha256
    assert main(["unregister", "theirs"]) == 0
    assert capsys.readouterr().out.count("removed: ") == 5
    assert files(house) == before
    assert main(["unregister", "theirs"]) == 1
    assert "no model 'theirs' is registered" in capsys.readouterr().err


def test_a_new_version_is_held_to_the_baseline_that_is_there(house: Path, tmp_path: Path) -> None:
    assert main(["register", str(write(tmp_path, network(), PLAIN)), "--all"]) == 0
    old = latency.baselines()["theirs"].sha256
    assert main(["register", str(write(tmp_path, network(rank=1), PLAIN)), "--all"]) == 0
    assert old == latency.baselines()["theirs"].sha256 != registry.find("theirs").sha256
    assert list(registering.missing(registry.find("theirs"))) == []
    assert house.exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("disk full")], ids=repr)
@pytest.mark.parametrize("where", ["write_record", "latency.accept"])
def test_what_is_interrupted_leaves_nothing(
    where: str, error: BaseException, house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise error

    before = files(house)
    monkeypatch.setattr(f"tinyvmaf.judge.registering.{where}", stop)
    command = ["register", str(write(tmp_path, network(), PLAIN)), "--all"]
    if isinstance(error, RuntimeError):
        with pytest.raises(RuntimeError):
            main(command)
    else:
        assert main(command) == 130
    assert files(house) == before


@pytest.fixture
def fitted(house: Path, tmp_path: Path) -> Path:
    """A candidate whose recipe is not among those that come along."""
    folder = tmp_path / "candidates"
    folder.mkdir()
    recipe = (home() / "model/recipes/tinyvmaf_nano.toml").read_text(encoding="utf-8")
    (folder / "own.toml").write_text(recipe.partition("[promises]")[0], encoding="utf-8")
    for suffix in ("onnx", "json", "md"):
        shutil.copy(house / f"model/tinyvmaf_nano.{suffix}", folder / f"own.{suffix}")
    change(folder / "own.json", "own", file_sha256(folder / "own.toml"), {})
    return folder / "own.onnx"


def change(path: Path, recipe: str, sha256: str, promised: dict[str, float]) -> None:
    sidecar = json.loads(path.read_text(encoding="utf-8"))
    sidecar |= {"id": "own", "promised": promised}
    sidecar["training"] |= {"recipe": recipe, "recipe_sha256": sha256}
    path.write_text(json.dumps(sidecar), encoding="utf-8")


def test_the_recipe_comes_along(fitted: Path, house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(house)
    assert main(["register", str(fitted)]) == 0
    copied = house / "model/recipes/own.toml"
    assert copied.read_bytes() == fitted.with_suffix(".toml").read_bytes()
    out = capsys.readouterr().out
    assert f"{copied}: its recipe" in out
    assert "missing: promises: model/recipes/own.toml, its recipe, has no table [promises]" in out
    assert "tinyvmaf train --recipe own --out DIR" in out
    assert main(["unregister", "own"]) == 0
    assert "left: its recipe, model/recipes/own.toml" in capsys.readouterr().out
    assert files(house) == before | {copied: copied.read_bytes()}


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("gone", "was fitted by this recipe, and the gates fit it anew\n  hint: tinyvmaf register "),
        ("tinyvmaf_nano", "tinyvmaf_nano.toml is another recipe than "),
        ("../own", "recipe '../own' is not a valid name"),
    ],
)
def test_a_recipe_that_is_not_here_is_asked_for(
    recipe: str, message: str, fitted: Path, house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(house)
    change(fitted.with_suffix(".json"), recipe, "0" * 64, {})
    assert main(["register", str(fitted)]) == 1
    assert message in capsys.readouterr().err
    assert files(house) == before


def test_a_recipe_may_lie_elsewhere_and_must_be_the_one(
    fitted: Path, house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = fitted.with_suffix(".toml").rename(tmp_path / "elsewhere.toml")
    (tmp_path / "other.toml").write_text("", encoding="utf-8")
    assert main(["register", str(fitted), "--recipe", str(tmp_path / "other.toml")]) == 1
    assert "other.toml is another recipe than" in capsys.readouterr().err
    assert main(["register", str(fitted), "--recipe", str(moved)]) == 0
    assert (house / "model/recipes/own.toml").is_file()


def test_a_file_names_its_recipe_whatever_the_sidecar_says(house: Path, tmp_path: Path) -> None:
    """`loso` asks for it of a registered model; a file that was made elsewhere has none."""
    assert main(["register", str(write(tmp_path, network(), PLAIN))]) == 0
    assert registry.find("theirs").recipe_of_the_file is None
    assert registry.find("tinyvmaf_nano").recipe_of_the_file == "tinyvmaf_nano"
    assert house.exists()


@pytest.mark.parametrize("command", [["adopt", "MODEL", "--out", "FILE"], ["register", "MODEL", "--into", "FILE"]])
def test_a_folder_that_cannot_be_is_a_sentence(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    names = {"MODEL": str(home() / "fixtures/third_party/quickvmaf.onnx"), "FILE": str(tmp_path / "file")}
    if command[0] == "register":
        names["MODEL"] = str(home() / "model/tinyvmaf_nano.onnx")
    assert main([names.get(word, word) for word in command]) == 1
    err = capsys.readouterr().err
    assert err.startswith("tinyvmaf: ")
    assert str(tmp_path / "file") in err
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_two_files_that_become_one_id_do_not_replace_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a b", "a_b"):
        write(tmp_path, network(), PLAIN, name)
    assert main(["adopt", str(tmp_path / "a b.onnx"), "--out", str(tmp_path / "out")]) == 0
    card = (tmp_path / "out/a_b.md").read_text(encoding="utf-8")
    assert "meant as VMAF points" in card
    assert main(["adopt", str(tmp_path / "a_b.onnx"), "--out", str(tmp_path / "out")]) == 1
    assert "both would be called a_b" in capsys.readouterr().err
    assert (tmp_path / "out/a_b.md").read_text(encoding="utf-8") == card
    assert main(["adopt", str(tmp_path / "a b.onnx"), "--out", str(tmp_path / "out")]) == 0
