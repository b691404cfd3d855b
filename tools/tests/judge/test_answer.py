"""The answer in one sentence: its numbers, where the worst frame is, and that nothing is shown on the wrong side."""

from typing import Any

import pytest

from tinyvmaf.judge.answer import answer, not_run, of_model, of_the_bound, value_and_bound
from tinyvmaf.judge.bounds import load_bounds
from tinyvmaf.judge.outcomes import hold
from tinyvmaf.judge.report import digest
from tinyvmaf.judge.rows import Spot

from .report_samples import MODELS, of_nothing, sample


def limit(gate: str, values: dict[str, float], **places: Spot) -> dict[str, Any]:
    """An outcome of model `m`."""
    found = hold(load_bounds().for_(gate), "m", values, reproduce="again", places=places)
    return found.placed(test=gate, suite=gate.partition(".")[0], model="m").model_dump(mode="json")


FRAME = Spot(source="Rushing", clip="Rushing_11", frame=12)


def test_it_says_the_number_the_bound_and_the_worst_frame() -> None:
    rmse = limit("loso.rmse", {"all scores, frames of the corpus": 0.9, "below 40, frames of the corpus": 0.4})
    frame = limit("loso.frame_max_error", {"a": 23.0, "b": 1.0}, a=FRAME)
    assert of_model("m", [rmse, frame]) == (
        "RMSE 0.9: within 1; worst frame 23 points off, on source Rushing, frame 12: outside 3"
    )


def test_a_frame_of_the_corpus_is_named_before_a_row_of_the_domain() -> None:
    frame = limit("loso.frame_max_error", {"a": 4.0}, a=FRAME)
    row = limit("loso.frame_max_error", {"90 to 95, rows of the domain: adm2 1": 9.0})
    assert "worst frame 4 points off, on source Rushing" in of_model("m", [row, frame])
    assert "worst row of the domain 9 points off: outside 3" in of_model("m", [row])


def test_what_else_is_outside_is_said_and_counted() -> None:
    frame = limit("loso.frame_max_error", {"a": 0.1}, a=FRAME)
    others = [limit("backends.ulp", {"batch 1": 65536.0}), limit("latency.floor", {"batch 1": 2.3})]
    text = of_model("m", [frame, *others])
    assert text.startswith("worst frame 0.1 points off, on source Rushing, frame 12: within 3; ")
    assert text.endswith("must be at most 2 ULP, and 1 more gate failed")


@pytest.mark.parametrize(
    ("gate", "value", "used"),
    [
        ("loso.rmse", 0.5, 0.5),
        ("loso.rmse", 1.0 + 1e-12, 1.0 + 1e-9),
        ("loso.rmse", float("nan"), float("inf")),
        ("loso.plcc", 0.985, 0.5),
        ("backends.exact", 0.0, 0.0),
        ("backends.exact", 1.0, float("inf")),
        ("contract.range_low", 0.0, 0.0),
        ("contract.range_low", -1.0, 2.0),
    ],
)
def test_how_much_of_a_bound_is_used(gate: str, value: float, used: float) -> None:
    found = limit(gate, {"a": value})
    assert of_the_bound(found) == pytest.approx(used, rel=1e-6)
    assert (of_the_bound(found) > 1) == (found["failures"] > 0)
    known_outside = found | {"failures": 1, "worst_value": found["value"]}
    assert of_the_bound(known_outside) > 1  # also where rounding would say that it is on the bound


def test_a_value_just_outside_is_not_rounded_to_its_bound() -> None:
    assert value_and_bound(limit("loso.rmse", {"a": 1.0004})).startswith("1.0004, must be at most 1 ")


def test_of_several_models_the_worst_is_named() -> None:
    run, _ = sample(frames=2)
    assert answer(run).startswith("1 of 4 models fails. tinyvmaf_nano: ")
    assert run["answer"] == answer(run)
    assert answer(sample(MODELS[:1], failing=False, frames=2)[0]).startswith("Worst frame ")


def test_what_could_not_run_is_a_reason_and_no_name_of_a_test() -> None:
    run = of_nothing(could_not_run="no FFmpeg\n  hint: install one")
    run["could_not_run"] = [
        run["could_not_run"][0] | {"suite": "loso", "test": name, "text": f"{name}: {why}"}
        for name, why in (("t::test_a", "no FFmpeg"), ("t::test_b", "as t::test_a"))
    ]
    assert answer(run) == "No FFmpeg (2 checks)."


def test_what_was_not_run_is_said() -> None:
    run, _ = sample(MODELS[:2], frames=2)
    assert not_run(run) == "Not run: external, mcp. Not checked: 2 (backends 2)."


@pytest.mark.parametrize("run", [sample(frames=2)[0], of_nothing(could_not_run="x"), of_nothing(failure="y")])
def test_the_tiles_add_up(run: dict[str, Any]) -> None:
    (_, whole), *parts = digest.tiles(run)
    assert whole == sum(count for _, count in parts) > 0
