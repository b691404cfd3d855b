"""What a card shows of a kind."""

from tinyvmaf.judge.kinds import kinds
from tinyvmaf.model import registry
from tinyvmaf.model.card import CardSummary
from tinyvmaf.train.export_teacher import _ROWS


def test_inputs_outputs_and_measured_values_are_rows_of_a_table() -> None:
    card = CardSummary("{count} columns: {features}", "a score", {"rmse": ("RMSE", "points"), "plcc": ("PLCC", "")})
    assert card.interface(["a", "b"]) == "| input | 2 columns: `a`, `b` |\n| output | a score |"
    assert card.figures({"plcc": 0.125, "rmse": 2e-6}) == "| PLCC | 0.125  |\n| RMSE | 2e-06 points |"
    assert card.figures({}) == ""


def test_a_kind_knows_all_measured_values_of_its_models() -> None:
    for subject in registry.subjects():
        card = kinds()[subject.kind].card
        shown = f"{card.interface(subject.features)}\n{card.figures(subject.sidecar.measured)}".splitlines()
        assert set(shown) <= set(subject.file.with_suffix(".md").read_text(encoding="utf-8").splitlines())


def test_the_teachers_card_gives_the_number_of_rows_that_are_measured() -> None:
    assert f" {_ROWS:,} rows" in kinds()["teacher"].card.measured["float64_max_abs_error_points"][0]
