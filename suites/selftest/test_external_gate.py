"""The external gate on sets that are made here: each fault of a set, of its published scores or of a model is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tinyvmaf.data import dataset
from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.data.imported import load, write_imported
from tinyvmaf.files import home
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, load_built_in

from .breaks.making import Made, add, before_clip, nothing
from .conftest import Gate

FAIL, COULD_NOT_RUN = 1, 10
PUBLISHED = "vmaf_4k_v0.6.1"
MOTION = 27.0  # more than any clip of the embedded corpus has
Columns = dict[str, Any]
NANO = ("-k", "nano or published")


def columns(decimals: int = 6) -> Columns:
    """Every third frame of the embedded corpus as others would publish it; one moves more than any of the corpus."""
    data = embedded_corpus().read()
    rows = data.columns(*CANONICAL)[::3]
    middling = np.abs(data.columns(DEFAULT)[::3, 0] - 50).argmin()
    rows[middling, CANONICAL.index("motion2")] = MOTION
    scores = load_built_in(find_ffmpeg(), PUBLISHED).predict(rows)
    features = {f"integer_{name}": np.round(rows[:, i], decimals) for i, name in enumerate(CANONICAL)}
    index = {name: data.table[name].to_numpy()[::3] for name in ("clip", "frame")}
    return {**index, **features, "vmaf": np.round(scores, decimals)}


def publish(folder: Path, name: str, change: Callable[[Columns], object] | None = None, decimals: int = 6) -> Path:
    """Write a set as its publisher gives it."""
    content = columns(decimals)
    if change is not None:
        change(content)
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}_frames.parquet"
    pq.write_table(pa.table(content), path)
    return path


def off_by(value: float, *rows: int) -> Callable[[Columns], None]:
    def change(content: Columns) -> None:
        content["vmaf"][list(rows) or slice(None)] += value

    return change


def outcomes(copy: Path, gate: str) -> dict[str, dict[str, Any]]:
    """The outcomes of a gate that the report has, by subject."""
    verdict = json.loads((copy / "report/verdict.json").read_text(encoding="utf-8"))
    return {one["subject"]: one for one in verdict["outcomes"] if one["gate"] == f"external.{gate}"}


def test_sets_that_are_in_order_pass_and_say_what_is_not_checked(copy: Path, tmp_path: Path, gate: Gate) -> None:
    """Six decimals and five; a set without a feature, one with half a column, one of an unknown model."""
    sets = tmp_path / "sets"
    publish(sets, "six")
    publish(sets, "five", decimals=5)
    publish(sets, "lacking", lambda content: content.pop("integer_vif_scale2"))
    publish(sets, "empty_column", lambda content: content["integer_vif_scale2"].fill(np.nan))
    publish(sets, "holes", lambda content: content["integer_vif_scale2"].__setitem__(slice(0, 500), np.nan))
    publish(sets, "unknown", lambda content: content.update(vmaf=np.round(content["vmaf"] * 0.8 + 7, 6)))
    publish(sets, "coarse", decimals=3)
    (sets / "notes_clips.csv").write_text("clip,mos\n", encoding="utf-8")
    status, text = gate("external", *NANO, TINYVMAF_EXTERNAL=str(sets))
    assert status == 0, text
    for told in (
        "six: vmaf is vmaf_4k_v0.6.1's (detected): 2,304 frames",
        "tinyvmaf_nano: lacking has no vif_scale2, which vmaf_v0.6.1 takes",
        "tinyvmaf_nano: empty_column has no vif_scale2, which vmaf_v0.6.1 takes",
        "holes: 500 frames without a feature that vmaf_v0.6.1 takes",
        "holes: published scores vmaf: 500 frames without a score or a feature",
        "unknown: published scores vmaf: no teacher that is known gives them; the nearest is",
        "coarse: published scores vmaf: their decimals allow up to",
        "lacking: published scores vmaf: no teacher that is known takes the features of this set",
    ):
        assert told in text, (told, text)
    allowed = outcomes(copy, "published")
    assert set(allowed) == {f"vmaf of {name} against {PUBLISHED}" for name in ("six", "five", "holes", "coarse")}
    frames = outcomes(copy, "frame_max_error")
    assert {name: one["count"] for name, one in frames.items()} == {
        f"tinyvmaf_nano on {name}": 1804 if name == "holes" else 2304
        for name in ("six", "five", "holes", "unknown", "coarse")
    }


def lie(path: Path, column: str, teacher: str) -> None:
    """Say in an imported set that a column is another teacher's."""
    data = load(path).data
    scores = [one | {"teacher": teacher, "how": "declared"} for one in data.provenance["scores"]]
    assert [one["column"] for one in scores] == [column]
    path.unlink()
    write_imported(path, data.table, {**data.provenance, "scores": scores})


def test_published_scores_that_are_off_are_caught(copy: Path, tmp_path: Path, gate: Gate) -> None:
    """One frame, every frame a little, a teacher that they are not by, and a teacher that the column names in vain."""
    sets = tmp_path / "sets"
    publish(sets, "one_frame", off_by(5e-4, 1000))
    publish(sets, "one_wild", off_by(-40, 1000))
    publish(sets, "shifted", off_by(0.01))
    lie(publish(sets, "lying"), PUBLISHED, "vmaf_v0.6.1")
    publish(sets, "of_other_rows", lambda content: content.update({PUBLISHED: np.roll(content.pop("vmaf"), 1)}))
    status, text = gate("external", "-k", "published", TINYVMAF_EXTERNAL=str(sets))
    assert status == FAIL, text
    found = outcomes(copy, "published")
    assert {subject: one["status"] for subject, one in found.items()} == {
        **{f"vmaf of {name} against {PUBLISHED}": "fail" for name in ("one_frame", "one_wild", "shifted")},
        "vmaf of lying against vmaf_v0.6.1": "fail",
        f"{PUBLISHED} of of_other_rows against {PUBLISHED}": "fail",
    }
    assert found[f"vmaf of one_frame against {PUBLISHED}"]["failures"] == 1
    data = load(sets / "one_frame_frames.parquet").data
    row = next(one for one in found[f"vmaf of one_frame against {PUBLISHED}"]["worst"] if not one["accepted"])
    assert row["label"].split(" frame ")[0] in data.table["clip"].to_pylist()


def candidate(folder: Path, change: Callable[[Made], None]) -> Path:
    """A file made of `tinyvmaf_nano`, with a sidecar that only says what it takes."""
    path = folder / "candidate.onnx"
    made = Made(onnx.load(home() / "model/tinyvmaf_nano.onnx"), {})
    change(made)
    onnx.save(made.model, path)
    path.with_suffix(".json").write_text(json.dumps({"feature_order": list(CANONICAL)}), encoding="utf-8")
    return path


def wrong_where_much_moves(made: Made) -> None:
    """Right on every row of the embedded corpus: 12 points too low where motion2 is above 25."""
    fast = add(made, "Gather", ["features", np.array([5])], "fast", at=0, axis=1)
    over = add(made, "Clip", [add(made, "Sub", [fast, 25.0], "over", at=1), 0.0, 1.0], "step", at=2)
    before_clip(made, ("Sub", add(made, "Mul", [over, 12.0], "penalty", at=3)))


def nan_where_much_moves(made: Made) -> None:
    """No score where motion2 is above 25, and right elsewhere."""
    fast = add(made, "Gather", ["features", np.array([5])], "fast", at=0, axis=1)
    over = add(made, "Clip", [add(made, "Sub", [fast, 25.0], "over", at=1), 0.0, 1.0], "step", at=2)
    huge = add(made, "Mul", [add(made, "Mul", [over, 3e38], "huge", at=3), 3e38], "infinite", at=4)
    before_clip(made, ("Add", add(made, "Sub", [huge, huge], "nothing", at=5)))


@pytest.mark.parametrize("change", [wrong_where_much_moves, nan_where_much_moves])
def test_a_candidate_that_is_right_on_the_corpus_alone_is_caught(
    change: Callable[[Made], None], copy: Path, tmp_path: Path, gate: Gate
) -> None:
    path, features = candidate(tmp_path, change), publish(tmp_path, "moving")
    status, text = gate("external", "--model", str(path), "--features", str(features))
    assert status == FAIL, text
    assert "COULD NOT RUN" not in text
    found = outcomes(copy, "frame_max_error")["candidate on moving"]
    worst = found["worst"][0]
    assert (found["value"], found["failures"], found["count"]) == (3.0, 1, 2304)
    assert f"motion2 {MOTION:g}" in worst["label"]
    if change is nan_where_much_moves:
        assert found["max_difference"] is worst["got"] is None
    else:
        assert worst["expected"] - worst["got"] > 6
    rows = copy / "fixtures/corpus/features.parquet"
    status, text = gate("external", "--model", str(path), "--features", str(rows), "-k", "every_frame")
    assert status == 0, text


def test_a_promise_of_a_candidate_holds_on_external_rows(tmp_path: Path, copy: Path, gate: Gate) -> None:
    path = copy / "model/tinyvmaf_nano.json"
    sidecar = json.loads(path.read_text(encoding="utf-8"))
    folder = tmp_path / "candidate"
    folder.mkdir()
    (folder / "mine.onnx").write_bytes(path.with_suffix(".onnx").read_bytes())
    promised = {"id": "mine", "promised": {"frame_max_error": 0.001}}
    (folder / "mine.json").write_text(json.dumps(sidecar | promised), encoding="utf-8")
    status, text = gate(
        "external",
        "--model",
        str(folder / "mine.onnx"),
        "--features",
        str(publish(tmp_path, "set")),
        "-k",
        "every_frame",
    )
    assert status == FAIL, text
    found = outcomes(copy, "frame_max_error")["mine on set"]
    assert (found["value"], found["table"], found["status"]) == (0.001, "promised in the sidecar", "fail")


def without_rows(path: Path) -> None:
    table = pq.read_table(publish(path.parent, "whole"))
    pq.write_table(table.slice(0, 0), path)


def damaged(path: Path) -> None:
    path.write_bytes(publish(path.parent, "whole").read_bytes()[:5000])


def without_clips(path: Path) -> None:
    pq.write_table(pq.read_table(publish(path.parent, "whole")).drop_columns(["clip"]), path)


def text_for_numbers(path: Path) -> None:
    table = pq.read_table(publish(path.parent, "whole"))
    pq.write_table(table.set_column(3, "integer_vif_scale0", pa.array(["0.5"] * len(table))), path)


@pytest.mark.parametrize("make", [None, without_rows, damaged, without_clips, text_for_numbers, Path.mkdir])
def test_a_set_that_is_named_and_cannot_be_read_could_not_run(
    make: Callable[[Path], object] | None, tmp_path: Path, gate: Gate
) -> None:
    path = tmp_path / "sets" / "mine_frames.parquet"
    path.parent.mkdir()
    if make is not None:
        make(path)
    status, text = gate("external", *NANO, "--features", str(path))
    assert status == COULD_NOT_RUN, text
    assert "mine_frames.parquet" in text
    assert text.count("NOT CHECKED") == 1
    assert "NOT CHECKED:\n  - --allow gates: " in text


def test_a_folder_that_is_named_and_has_no_set_could_not_run(tmp_path: Path, gate: Gate) -> None:
    status, text = gate("external", *NANO, TINYVMAF_EXTERNAL=str(tmp_path))
    assert status == COULD_NOT_RUN, text
    assert "no imported set" in text


def test_without_a_set_it_says_so_once_and_never_passes(gate: Gate) -> None:
    told = "sets that nobody trained on: none is at hand"
    status, text = gate("external")
    assert status == COULD_NOT_RUN, text
    assert text.split("= verdict =")[1].count(told) == 1
    assert "VERDICT: COULD NOT RUN (nothing was judged)" in text
    status, text = gate("external", "suites/contract", "-k", "published or tier")
    assert status == 0, text
    assert text.split("= verdict =")[1].count(told) == 1


def test_loso_and_corpus_judge_a_set_that_has_no_video(tmp_path: Path, gate: Gate) -> None:
    """In place of the embedded corpus; frames that are missing are seen."""
    data = embedded_corpus().read()
    index = {name: data.table[name].to_numpy() for name in ("clip", "frame")}
    features = dict(zip(CANONICAL, np.round(data.columns(*CANONICAL), 6).T, strict=True))
    whole = tmp_path / "whole_frames.parquet"
    pq.write_table(pa.table({**index, **features}), whole)
    status, text = gate("corpus", "--features", str(whole))
    assert status == 0, text
    assert "files, build and re-extraction of a set of --features: it has no video" in text
    path = candidate(tmp_path, nothing)  # without a recipe, so that nothing is fitted
    status, text = gate(
        "loso", "--model", str(path), "--features", str(whole), "-k", "no_frame_is_far_off or standing_in"
    )
    assert status == 0, text
    status, text = gate("corpus", "--features", str(publish(tmp_path, "thirds")))
    assert status == FAIL, text
    assert "test_frames_of_a_clip_are_numbered_without_a_hole" in text


def test_rows_that_were_extracted_are_a_set_too(copy: Path, gate: Gate) -> None:
    rows = copy / "fixtures/corpus/features.parquet"
    status, text = gate("external", *NANO, "--features", str(rows))
    assert status == 0, text
    assert len(dataset.read(rows).table) == outcomes(copy, "frame_max_error")["tinyvmaf_nano on features"]["count"]
