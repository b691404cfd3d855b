"""Bounds of a project: in the places of tinyvmaf's, and said where they are looser."""

from pathlib import Path

import pytest

from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.files import home
from tinyvmaf.judge import own_bounds, results
from tinyvmaf.judge.bounds import Bounds, load_bounds
from tinyvmaf.project import of_folder

OURS = load_bounds(home() / "gates.toml")


def with_bounds(folder: Path, text: str) -> Bounds:
    (folder / "tinyvmaf.toml").write_text(text, encoding="utf-8")
    project = of_folder(folder)
    assert project is not None
    return OURS.with_those_of(project)


def table(gate: str, value: float, more: str = "") -> str:
    return f'[bounds.{gate}{more}]\nvalue = {value}\nreason = "ours is a small screen"\n'


def test_a_bound_of_the_project_takes_the_place_of_ours(tmp_path: Path) -> None:
    bounds = with_bounds(tmp_path, table("loso.rmse", 0.25))
    found = bounds.for_("loso.rmse")
    assert (found.value, found.reason) == (0.25, "ours is a small screen")
    assert found.table == "tinyvmaf.toml [bounds.loso.rmse]"
    assert found.source == str(tmp_path / "tinyvmaf.toml")
    assert own_bounds.told(bounds) == []
    assert bounds.for_("loso.bias") == OURS.for_("loso.bias")


@pytest.mark.parametrize(
    ("gate", "value", "more"),
    [
        ("loso.rmse", 2, ""),
        ("loso.plcc", 0.5, ""),
        ("loso.rmse", 2, ".model.mine"),
        ("backends.ulp", 100, ".engine.openvino"),
        ("latency.frames_a_second", 1, ".tier.tiny"),
    ],
)
def test_a_looser_one_is_said_in_the_verdict(gate: str, value: float, more: str, tmp_path: Path) -> None:
    bounds = with_bounds(tmp_path, table(gate, value, more))
    (sentence, *_) = own_bounds.told(bounds)
    assert sentence.startswith(f"looser bound: {gate} ")
    assert f"tinyvmaf.toml [bounds.{gate}{more}]: ours is a small screen" in sentence
    record = results.empty(dict.fromkeys(results.FACTS)) | {"models": [], "waivers": []}
    record["not_checked"] = [results.finding(None, None, None, sentence)]
    assert results.finish(record)["summary"].endswith(f"; looser bounds than tinyvmaf's: {gate}")


def test_each_looser_value_is_found_and_no_tighter_one(tmp_path: Path) -> None:
    """Of every gate: a step to either side of each value that holds for all."""
    general = [bound for bound in OURS if not bound.selectors]
    for sign, better in ((1, "at least"), (-1, "at most")):
        tables = {}
        for bound in general:
            value = bound.value + sign * (1 if bound.gate.whole else max(abs(bound.value), 1e-3) * 1e-3)
            if not bound.gate.fault(value):
                tables[bound.gate.name] = table(bound.gate.name, value)
        bounds = with_bounds(tmp_path, "".join(tables.values()))
        looser = {own.gate.name for own, ours in bounds.looser if not ours.selectors}
        fewer = {"at most": "at least", "at least": "at most"}  # decimals that must agree: more of them are tighter
        directions = {
            one.gate.name: fewer[one.gate.direction] if one.gate.unit == "places" else one.gate.direction
            for one in general
        }
        assert looser == {name for name in tables if directions[name] != better}
        assert len(tables) > len(general) / 2


def test_what_holds_for_our_models_does_not_hold_for_theirs(tmp_path: Path) -> None:
    """A model of the project may have the id of one that tinyvmaf brings."""
    asked = {"model": "tinyvmaf_tiny", "teacher": "vmaf_v0.6.1", "tier": "nano"}
    general = with_bounds(tmp_path, "").for_("latency.floor", **asked)
    assert OURS.for_("latency.floor", **asked).selectors != general.selectors
    assert "model" not in dict(general.selectors)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (table("loso.rmsee", 1), "no gate loso.rmsee; did you mean loso.rmse?"),
        ("[bounds.loso.rmse]\nvalue = 1\n", "[loso.rmse] has no reason"),
        ("[bounds.loso.rmse]\nvalue = nan\nreason = 'a'\n", "[loso.rmse]"),
        (table("loso.rmse", 1, ".engine.numpy"), "does not depend on the engine"),
        ("[bounds]\nloso = 3\n", "loso is not a table of gates"),
    ],
)
def test_a_wrong_bound_is_a_sentence_that_names_the_file(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CouldNotRunError) as error:
        with_bounds(tmp_path, text)
    assert message in str(error.value)
    assert str(tmp_path / "tinyvmaf.toml") in str(error.value)


def test_a_checkout_has_its_bounds_in_gates_toml_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest has the hash of that file; a table beside it would widen a bound unseen."""
    (tmp_path / "gates.toml").write_bytes((home() / "gates.toml").read_bytes())
    (tmp_path / "pyproject.toml").write_text(table("loso.rmse", 9).replace("[", "[tool.tinyvmaf.", 1), encoding="utf-8")
    monkeypatch.setenv("TINYVMAF_HOME", str(tmp_path))
    with pytest.raises(CouldNotRunError, match=r"bounds of tinyvmaf itself stand in gates\.toml"):
        load_bounds()
