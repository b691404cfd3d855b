"""A trial: which recipe of a model is believed, which models it judges, and what its report is of."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.measure.loso import LosoError, LosoReport, Trial, trial_of, trial_of_recipe
from tinyvmaf.measure.loso import trial as code
from tinyvmaf.train.folds import FitRequest, FoldModel
from tinyvmaf.train.recipes import RecipeError, read_recipe

from .test_loso import TOY, judged, linear

TEACHER: Any = SimpleNamespace(id="truth", sha256="of truth", feature_names=("x", "y"))
FILE = linear(None)
ROWS = np.array([[10.0, 20.0]], np.float32)  # x, y


def subject(
    recipe: str | None = None, *, registered: bool = True, data: bytes = FILE.data, in_file: str | None = None
) -> Any:
    """A model of the toy corpus that names a recipe in its sidecar, or in its file."""
    training = None if recipe is None else SimpleNamespace(recipe=recipe, seed=0)
    facts = {"id": "mine", "path": Path("none/mine.onnx"), "features": ("x", "y"), "teacher_id": "truth"}
    facts["recipe_of_the_file"] = in_file
    return SimpleNamespace(**facts, training=training, registered=registered, data=data)


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[FitRequest]:
    """Fits take no time and give straight lines; the requests for them."""
    asked: list[FitRequest] = []

    def models(request: FitRequest, _: object) -> list[FoldModel]:
        asked.append(request)
        if not request.recipe.sees_clips:
            return [FoldModel(None, 0, FILE.data)]
        return [linear(fold.held_out, bias=1.0) for fold in request.folds]

    monkeypatch.setattr(code, "fold_models", models)
    monkeypatch.setattr(code, "evaluate_recipe", lambda *of, **_: judged(*of[3]))
    return asked


def teacher_of(_: str) -> Any:
    return TEACHER


def trial(one: Any) -> Trial:
    return trial_of(one, teacher_of, TOY, None)


def bias(report: LosoReport) -> float:
    return round(report.mean("frame", "bias"), 4)


@pytest.mark.parametrize("registered", [False, True])
def test_a_model_without_a_recipe_is_judged_as_a_file_on_each_source(registered: bool) -> None:
    found = trial(subject(registered=registered))
    assert (found.id, found.recipe, found.registered, found.features) == ("mine", None, registered, ("x", "y"))
    assert found.models == [found.file] == [FILE]
    assert found.reports == {"file, each source": found.report}
    assert found.shown is found.report
    assert [fold.held_out for fold in found.report.folds] == ["A", "B"]
    assert found.report.facts["evaluation"] == "per source, the file itself"


def test_a_recipe_that_the_sidecar_hides_and_the_file_names_is_asked_for() -> None:
    with pytest.raises(CouldNotRunError, match="no source can be held out; its file names mlp_small"):
        trial(subject(in_file="mlp_small"))


def test_the_folds_and_the_registered_file_are_judged_apart(fitted: list[FitRequest]) -> None:
    """The file has seen what its folds have not: both have to hold, and a person sees the folds."""
    found = trial(subject("mlp_small"))
    assert {who: bias(report) for who, report in found.reports.items()} == {"folds": 1.0, "registered file": 0.0}
    assert found.shown is found.report is found.reports["folds"]
    assert [fold.held_out for fold in fitted[0].folds] == ["A", "B"]
    assert (fitted[0].seeds, fitted[0].model_id) == ([0], "mine")


@pytest.mark.usefixtures("fitted")
def test_a_file_that_is_not_registered_is_shown_as_it_is() -> None:
    found = trial(subject("mlp_small", registered=False))
    assert found.recipe is not None
    assert found.shown is found.reports["registered file"]
    assert bias(found.shown) == 0.0


@pytest.mark.usefixtures("fitted")
def test_the_same_bytes_are_evaluated_once() -> None:
    """A recipe that sees no clip makes the file itself, so folds and file are one."""
    found = trial(subject("nano_tanh"))
    assert found.reports["folds"] is found.reports["registered file"]


@pytest.mark.usefixtures("fitted")
def test_a_stranger_that_its_recipe_does_not_make_has_no_recipe() -> None:
    """The claim is checked where it can be; a recipe that nobody has here is not believed either."""
    assert trial(subject("nano_tanh", registered=False)).recipe == read_recipe("nano_tanh")
    other = subject("nano_tanh", registered=False, data=linear(None, bias=3.0).data)
    assert trial(other).recipe is None
    assert trial(subject("their_own", registered=False)).recipe is None
    with pytest.raises(RecipeError, match="their_own"):
        trial(subject("their_own"))


@pytest.mark.usefixtures("fitted")
def test_a_fold_that_cannot_be_judged_keeps_the_gate_from_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "evaluate_recipe", Mock(side_effect=LosoError("no rows", hint="some")))
    with pytest.raises(CouldNotRunError, match="no rows"):
        _ = trial(subject("mlp_small")).report


def test_a_recipe_alone_is_judged_by_its_folds_only(fitted: list[FitRequest]) -> None:
    found = trial_of_recipe("mlp_small", teacher_of, TOY, None)
    assert (found.id, found.subject, found.registered) == ("mlp_small", None, False)
    assert (found.features, found.reports) == (("x", "y"), {"folds": found.report})
    assert fitted[0].seeds is None


def test_a_recipe_that_fits_opinions_needs_a_file_of_them(tmp_path: Path) -> None:
    (tmp_path / "mos.csv").write_text("clip,mos\na1,3\n", encoding="utf-8")
    without, with_them = (trial_of_recipe("mos_tuned", teacher_of, TOY, mos) for mos in (None, tmp_path / "mos.csv"))
    assert without.lacks_opinions
    assert not with_them.lacks_opinions
    assert with_them.opinions is not None
    assert not trial_of_recipe("mlp_small", teacher_of, TOY, tmp_path / "none.csv").lacks_opinions
    compared = [without, with_them, trial_of_recipe("a3", teacher_of, TOY, None)]
    assert [one.compared_with_teacher for one in compared] == [True, False, False]
    assert trial(subject(registered=False)).compared_with_teacher


def test_the_search_asks_the_file_in_its_own_order_of_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """The teacher's rows are in the teacher's order, the file's weights in the file's."""
    one = subject(registered=False, data=linear(None, (1.0, 0.0)).data)
    one.features = ("y", "x")  # so that the file's first weight is for y
    asked = []
    monkeypatch.setattr(code, "hunt", lambda _, run, features, __: asked.append((features, float(run(ROWS)[0]))))
    assert trial(one).searched is None
    assert asked == [(("y", "x"), 10.0)]
