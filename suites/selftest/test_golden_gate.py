"""The golden gate, broken in every way: each must be caught, named, and told apart from a gate that could not run.

Each test works on a copy of what the gate reads, so nothing here can pass by looking at the real files.
"""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from tinyvmaf.data.golden.files import natural_root
from tinyvmaf.files import home
from tinyvmaf.judge.plugin import NotChecked

from .conftest import Gate, keep_models

FAIL, COULD_NOT_RUN = 1, 10
MODEL = "vmaf_v0.6.1_svr"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(autouse=True)
def _one_model(copy: Path) -> None:
    """Each break is of one model, or of what is about none."""
    keep_models(copy, MODEL)


def test_the_unchanged_copy_passes(copy: Path, page: Path, gate: Gate) -> None:
    for folder in ("model", "fixtures/golden/records"):
        shutil.copytree(home() / folder, copy / folder, dirs_exist_ok=True)
    status, text = gate("golden")
    assert (status, "VERDICT: PASS" in text.splitlines()[-1]) == (0, True), text
    assert "NOT CHECKED:\n  - golden pair" in text
    assert "motion epoch mirror-fix" in text
    assert page.is_file()


def test_the_models_part_needs_no_ffmpeg(tmp_path: Path, gate: Gate) -> None:
    status, text = gate("golden", "-k", "test_models", TINYVMAF_FFMPEG=str(tmp_path / "none"))
    assert status == 0, text
    assert "(-k 'test_models')" in text


def test_workers_give_the_same_verdict(gate: Gate) -> None:
    """Under xdist outcomes come from other processes; none may be lost."""
    alone, spread = (
        re.search(r"VERDICT: .*", gate("golden", "-k", "test_models or natural_10bit", *way)[1])
        for way in ([], ["-n", "2"])
    )
    assert alone
    assert spread
    assert alone[0] == spread[0]


@pytest.mark.parametrize("pair", ["checkerboard_10px", "flat"])
def test_a_published_value_changed_by_1e_4_fails(pair: str, copy: Path, gate: Gate) -> None:
    old = {"checkerboard_10px": "7.985898744818505", "flat": "97.42804264261031"}[pair]
    edit(copy / "fixtures/golden/published.toml", old, repr(float(old) + 1e-4))
    status, text = gate("golden", "-k", pair)
    assert status == FAIL, text
    assert re.search(rf"libvmaf on {pair}: \|d\| of a published clip mean: 1 of 7 values outside 4 places", text)
    assert re.search(r"  vmaf_v0\.6\.1 +[0-9.]+ +[0-9.]+ +(1\.0\de-04|9\.\d\de-05) +<", text)
    assert f"again: tox -e golden -- -k '{pair}'" in text


def test_a_golden_pixel_changed_fails(tmp_path: Path, gate: Gate, not_checked: NotChecked) -> None:
    root = natural_root()
    if root is None:
        not_checked("a golden pixel changed: no natural golden file is at hand")
    spoiled = tmp_path / "spoiled"
    shutil.copytree(root, spoiled)
    path = spoiled / "src01_hrc01_576x324.yuv420p10le.yuv"
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 & ~1] ^= 1  # the low byte of a 10-bit sample in frame 1
    path.write_bytes(data)
    status, text = gate("golden", "-k", "natural_10bit", TINYVMAF_GOLDEN_ROOT=str(spoiled))
    assert status == COULD_NOT_RUN, text
    changed = r"changed: frame 1 \(the sum of its samples is off by [+-]1\)"
    assert re.search(rf"{path.name}: git blob id [0-9a-f]{{40}}, published [0-9a-f]{{40}}; {changed}", text), text


def test_a_pattern_pixel_changed_fails(copy: Path, gate: Gate) -> None:
    """The id of the pattern is the publisher's, so another pattern is not used, whoever is at fault."""
    edit(copy / "fixtures/golden/published.toml", "046620c544d4815d4e19b583f9df910200b9f931", "0" * 40)
    status, text = gate("golden", "-k", "flat")
    assert status == COULD_NOT_RUN, text
    assert "flat_1920_1080_0.yuv, as rebuilt here: git blob id 046620" in text


@pytest.mark.parametrize("constant", ["coefficients_i32", "intercepts", "slopes", "offset"])
def test_a_weight_changed_by_1e_3_fails_with_what_and_by_how_much(constant: str, copy: Path, gate: Gate) -> None:
    path = copy / f"model/{MODEL}.onnx"
    model = onnx.load(path)
    (tensor,) = [c for c in model.graph.initializer if c.name == constant]
    values = onnx.numpy_helper.to_array(tensor).copy()
    # Of the coefficients the first column: the second has what lies below the steps of the first.
    column = values.reshape(len(values), -1)[:, 0]
    largest = np.abs(column).argmax()
    column[largest] = (column[largest] * (1 + 1e-3)).astype(values.dtype)
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, constant))
    path.write_bytes(model.SerializeToString(deterministic=True))
    status, text = gate("golden", "-k", "test_models")
    assert status == FAIL, text
    assert f"{MODEL}.onnx: sha256 is" in text
    assert re.search(rf"{MODEL} on \w+: \|d\| of a recorded score of a frame: \d+ of 3 values outside", text)
    assert re.search(rf"{MODEL} on \w+: \|d\| of a clip mean, SVR as ONNX against libvmaf", text)


def spoil_registry(copy: Path) -> None:
    (copy / "model/registry.json").write_text('{"schema": 1, "models": []}', encoding="utf-8")


def remove_registry(copy: Path) -> None:
    (copy / "model/registry.json").unlink()


def remove_record(copy: Path) -> None:
    (copy / f"fixtures/golden/records/{MODEL}.json").unlink()


def remove_gates(copy: Path) -> None:
    (copy / "gates.toml").write_text("", encoding="utf-8")


def remove_rows(copy: Path) -> None:
    (copy / "fixtures/golden/rows.json").unlink()


def remove_pairs(copy: Path) -> None:
    path = copy / "fixtures/golden/published.toml"
    path.write_text(path.read_text(encoding="utf-8").split("[[pair]]")[0], encoding="utf-8")


def remove_model(copy: Path) -> None:
    (copy / f"model/{MODEL}.onnx").unlink()


def model_without_the_pair(copy: Path) -> None:
    path = copy / f"fixtures/golden/records/{MODEL}.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["scores"]["flat"]
    path.write_text(json.dumps(content), encoding="utf-8")


def pair_forgotten(copy: Path) -> None:
    """Rows and record agree, yet nobody looks at the pair any more."""
    for name, key in (("rows.json", "pairs"), (f"records/{MODEL}.json", "scores")):
        path = copy / "fixtures/golden" / name
        content = json.loads(path.read_text(encoding="utf-8"))
        del content[key]["flat"]
        path.write_text(json.dumps(content), encoding="utf-8")


def rows_with_nan(copy: Path) -> None:
    edit(copy / "fixtures/golden/rows.json", "97.428043", "NaN")


def skipped_silently(copy: Path) -> None:
    edit(copy / "suites/golden/test_models.py", "record = load_record(model, output)", "pytest.skip()")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_registry, "registry.json lists no model"),
        (remove_registry, "registry.json: .*No such file"),
        (remove_record, f"{MODEL} has no record"),
        (remove_gates, "gates.toml: no bound for golden.published"),
        (remove_rows, "rows.json"),
        (remove_pairs, "lists no pair"),
        (model_without_the_pair, f"the record of {MODEL} has no scores for flat"),
        (pair_forgotten, "flat has no frozen rows"),
        (rows_with_nan, "each column must .*, all finite"),
        (skipped_silently, "skipped without an account"),
    ],
)
def test_a_gate_without_what_it_needs_could_not_run(
    spoil: Callable[[Path], None], message: str, copy: Path, gate: Gate
) -> None:
    spoil(copy)
    status, text = gate("golden", "-k", "flat or test_models")
    assert status in (FAIL, COULD_NOT_RUN), text
    assert "VERDICT: PASS" not in text
    assert re.search(message, text), text
    assert "COULD NOT RUN" in text


def test_an_ffmpeg_that_is_missing_could_not_run(gate: Gate) -> None:
    status, text = gate("golden", TINYVMAF_FFMPEG="/no/such/ffmpeg")
    assert status == COULD_NOT_RUN, text
    assert "COULD NOT RUN: TINYVMAF_FFMPEG: /no/such/ffmpeg is not an executable file" in text


def test_a_model_file_that_is_missing_fails(copy: Path, gate: Gate) -> None:
    remove_model(copy)
    status, text = gate("golden", "-k", "test_models")
    assert status == FAIL, text
    assert f"{MODEL}.onnx: No such file" in text


def test_a_record_edited_to_suit_fails(copy: Path, gate: Gate) -> None:
    edit(copy / f"fixtures/golden/records/{MODEL}.json", "97.42804", "97.42704")
    status, text = gate("golden", "-k", "test_models")
    assert status == FAIL, text
    assert f"{MODEL} on flat: |d| of a recorded score of a frame: 3 of 3 values outside 4 places" in text


def test_rows_edited_to_suit_fail(copy: Path, gate: Gate) -> None:
    edit(copy / "fixtures/golden/rows.json", "0.962083914903", "0.962983914903")
    status, text = gate("golden", "-k", "test_models")
    assert status == FAIL, text
    assert "frozen rows of natural_10bit: |d| of a published clip mean" in text


def test_a_record_without_its_model_fails(copy: Path, gate: Gate) -> None:
    records = copy / "fixtures/golden/records"
    shutil.copy(records / f"{MODEL}.json", records / "gone.json")
    status, text = gate("golden", "-k", "test_models")
    assert status == FAIL, text
    assert "records of models that are not registered: gone" in text


def test_published_places_beyond_the_bound_could_not_run(copy: Path, gate: Gate) -> None:
    edit(copy / "gates.toml", "value = 4", "value = 2")
    status, text = gate("golden", "-k", "flat")
    assert status == COULD_NOT_RUN, text
    assert "gates.toml: [golden.published]: value 2 is outside 4 to 9 places" in text


def test_recording_fails_its_own_run_and_the_next_one_judges_it(copy: Path, gate: Gate) -> None:
    remove_record(copy)
    status, text = gate("golden", "--record")
    assert status == FAIL, text
    assert f"records written anew: {MODEL}" in text
    assert "VERDICT: PASS" not in text
    assert (copy / f"fixtures/golden/records/{MODEL}.json").read_bytes() == (
        home() / f"fixtures/golden/records/{MODEL}.json"
    ).read_bytes()
    assert gate("golden", "-k", "test_models")[0] == 0
    status, text = gate("golden", "--record")
    assert status == FAIL, text
    assert "no record changed" in text


@pytest.mark.parametrize(
    "options", [["-k", "nothing_has_this_name"], ["-m", "slow"], ["--deselect", "suites/golden"]], ids=lambda o: o[0]
)
def test_a_selection_of_nothing_is_not_green(options: list[str], gate: Gate) -> None:
    status, text = gate("golden", *options)
    assert status != 0, text
    assert "VERDICT: PASS" not in text


def test_a_selection_that_judges_nothing_could_not_run(gate: Gate) -> None:
    status, text = gate("golden", "-k", "records_and_registry")
    assert status == COULD_NOT_RUN, text
    assert "VERDICT: COULD NOT RUN (nothing was judged)" in text


def test_what_is_not_checked_can_be_made_to_fail(gate: Gate) -> None:
    status, text = gate("golden", "--fail-not-checked", "-k", "natural_8bit or flat")
    assert status == COULD_NOT_RUN, text


def test_an_older_libvmaf_is_held_against_its_own_values(gate: Gate, not_checked: NotChecked) -> None:
    """The epoch decides which published value is right, and what has none is NOT CHECKED."""
    path = os.environ.get("TINYVMAF_TESTS_OLD_FFMPEG")
    if not path:
        not_checked("a libvmaf of the epoch before: TINYVMAF_TESTS_OLD_FFMPEG is not set")
    (executable,) = Path(path, "imageio_ffmpeg", "binaries").glob("ffmpeg-*")
    executable.chmod(0o755)
    status, text = gate("golden", TINYVMAF_FFMPEG=str(executable))
    assert status == 0, text
    assert "libvmaf 2.3.0, motion epoch before" in text
    assert "natural_10bit: no value is published for motion epoch 'before'" in text
