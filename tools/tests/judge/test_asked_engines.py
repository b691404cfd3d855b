"""Which engines a run asks for, and on which of them a model runs."""

from pathlib import Path

import pytest

from tinyvmaf.errors import CouldNotRunError, ModelError
from tinyvmaf.judge.asked_engines import asked_engines, check_asked, check_named, pairs, reference_engine
from tinyvmaf.model import engines, registry
from tinyvmaf.model.subject import Subject

HERE = [engine.name for engine in engines.all_engines() if engine.available().ok]
ABSENT = next(engine.name for engine in engines.all_engines() if not engine.available().ok)


def subject(for_engines: tuple[str, ...] | None) -> Subject:
    found = Subject.at(registry.find("tinyvmaf_nano").file)
    found.__dict__["sidecar"] = found.sidecar.model_copy(update={"engines": for_engines})
    return found


def test_without_options_all_that_are_here_run() -> None:
    assert asked_engines(None, None) == HERE
    assert asked_engines(None, [ABSENT]) == [*HERE, ABSENT]
    assert asked_engines(["numpy"], ["numpy", ABSENT]) == ["numpy", ABSENT]


def test_a_model_runs_on_the_engines_that_it_is_for() -> None:
    names = ["onnxruntime-cpu", "numpy"]
    assert pairs([subject(None)], names) == [("tinyvmaf_nano", name) for name in names]
    assert pairs([subject(("numpy", "openvino"))], names) == [("tinyvmaf_nano", "numpy")]
    assert reference_engine(subject(("numpy", "onnx-reference"))).name in {"numpy", "onnx-reference"}
    with pytest.raises(CouldNotRunError, match="no engine that it is for is here"):
        reference_engine(subject((ABSENT, "bogus")))


def test_a_model_whose_sidecar_cannot_be_read_runs_on_all_of_them_to_say_so(tmp_path: Path) -> None:
    lost = Subject("lost", tmp_path / "lost.onnx", registered=True)
    assert pairs([lost], ["numpy"]) == [("lost", "numpy")]


def test_an_engine_that_nobody_knows_is_the_models_fault() -> None:
    check_named(subject(None))
    check_named(subject(("numpy", "openvino")))
    with pytest.raises(ModelError, match="'bogus'"):
        check_named(subject(("numpy", "bogus")))


def test_an_engine_that_is_asked_for_is_here_and_runs_something_if_it_is_required() -> None:
    check_asked("numpy", ["numpy"], {"numpy"})
    check_asked("numpy", [], set())
    with pytest.raises(CouldNotRunError, match=f"engine {ABSENT} was asked for and is not here"):
        check_asked(ABSENT, [], {ABSENT})
    with pytest.raises(CouldNotRunError, match="engine numpy is required, and no test that was chosen runs on it"):
        check_asked("numpy", ["numpy"], {"openvino"})
