"""The kinds that take pictures: what is asked of them, what they are tried on, and how outputs are compared."""

import ast
from dataclasses import replace

import numpy as np
import pytest

from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.files import home
from tinyvmaf.judge import kinds
from tinyvmaf.judge.bounds import load_bounds
from tinyvmaf.judge.kinds import OWN, SUITES, Material, picture_inputs, row_inputs
from tinyvmaf.judge.kinds.base import ONLY_BY_NAME
from tinyvmaf.judge.kinds.pictures import FILTER, NO_REFERENCE, LumaKind
from tinyvmaf.judge.picture_runs import distances, furthest
from tinyvmaf.model import registry
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.teacher import Teacher

KINDS = [NO_REFERENCE, FILTER]
TESTS = {
    f"{path.parent.name}.{node.name.removeprefix('test_')}"
    for suite in (*SUITES, *OWN)
    for path in (home() / "suites" / suite).glob("test_*.py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
}
ROWS = {"fixtures": {"rows", "some_rows", "reference", "run", "run_all", "frozen"}}


def subject(kind: str, *, registered: bool = True) -> Subject:
    """A registered model under another kind."""
    nano = registry.find("tinyvmaf_nano")
    found = replace(nano, registered=registered)
    found.__dict__["sidecar"] = nano.sidecar.model_copy(update={"kind": kind})
    return found


def teacher(name: str) -> Teacher:
    raise AssertionError(f"nobody needs {name}")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_everything_that_it_asks_is_there(kind: LumaKind) -> None:
    """A name that no test has would be asked of nobody."""
    named = {one.removeprefix("!") for one in kind.asked_of_strangers}
    assert not named - TESTS
    assert {"contract", "golden", "backends"} <= set(kinds.suites_of(subject(kind.name)))


@pytest.mark.parametrize("registered", [True, False])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_test_of_rows_is_asked(kind: LumaKind, *, registered: bool) -> None:
    found = subject(kind.name, registered=registered)
    asked = {test for test in TESTS if kinds.asked(found, test)}
    assert "contract.the_file_keeps_the_contract" in asked
    for path in (home() / "suites").glob("*/test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            name = f"{path.parent.name}.{node.name.removeprefix('test_')}"
            if name in asked:
                takes = {one.arg for one in node.args.args}
                assert not takes & ROWS["fixtures"], f"{name} takes {takes}"


@pytest.mark.parametrize("name", ["regressor", "teacher", "interval"])
def test_no_test_of_pictures_is_asked_of_rows(name: str) -> None:
    for registered in (True, False):
        found = subject(name, registered=registered)
        assert not [test for test in ONLY_BY_NAME if "picture" in test and kinds.asked(found, test)]


def test_a_filter_is_not_asked_for_a_score() -> None:
    tiled = "contract.the_score_of_a_tiled_or_padded_picture_stays"
    assert kinds.asked(subject("no_reference"), tiled)
    assert not kinds.asked(subject("filter"), tiled)


def test_a_file_of_rows_is_none_of_these_kinds() -> None:
    path = registry.find("tinyvmaf_nano").file
    for kind in KINDS:
        assert any("the contract is 'luma'" in one for one in kind.file_faults(path))


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_they_are_tried_on_pictures_of_every_group(dtype: str) -> None:
    one = subject("no_reference")
    taken = one.sidecar.inputs[0].model_copy(update={"dtype": dtype})
    one.__dict__["sidecar"] = one.sidecar.model_copy(update={"inputs": (taken,)})
    found = picture_inputs(one, Material(embedded_corpus().read(), teacher))
    assert found.left_out == "frames of real videos, which are not here"
    assert (
        set(found.groups) == found.wanted == {"noise", "pattern", "flat", *(["extreme"] if dtype == "float32" else [])}
    )
    for label, stack in found.stacks:
        assert stack.dtype == dtype, label
        assert np.isfinite(stack.astype(np.float32)).all(), label
        assert min(stack.shape[2:]) >= 64
        assert len(stack) > 1
    assert len(found.few) == len(found.groups)


def test_rows_and_pictures_are_told_apart() -> None:
    material = Material(embedded_corpus().read(), teacher)
    with pytest.raises(CouldNotRunError, match="takes pictures, not rows"):
        row_inputs(subject("filter"), material)
    one = subject("a_kind")
    with pytest.raises(CouldNotRunError):
        picture_inputs(one, material)


def test_distances_are_in_the_unit_of_their_bound() -> None:
    bounds = load_bounds()
    exact, points, samples = (bounds.for_(f"backends.{name}") for name in ("exact", "points", "samples"))
    first = np.array([1.0, 2.0, np.nan, np.inf], np.float32)
    second = np.array([np.nextafter(np.float32(1.0), np.float32(2.0)), 2.0, np.nan, 3.0], np.float32)
    assert distances(exact, first, second).tolist() == [1.0, 0.0, 0.0, np.inf]
    assert distances(points, first, second).tolist() == [pytest.approx(1.2e-7, rel=0.1), 0.0, 0.0, np.inf]
    pictures = np.zeros((2, 1, 64, 64), np.float32)
    moved = pictures.copy()
    moved[1, 0, 5, 6] = 1 / 255
    assert distances(samples, pictures, moved).tolist() == [0.0, pytest.approx(1.0)]
    assert distances(exact, pictures.astype(np.uint8), (moved * 255).round().astype(np.uint8)).tolist() == [0.0, 1.0]
    with pytest.raises(CouldNotRunError, match="cannot be compared"):
        distances(points, first, second[:2])


def test_the_furthest_picture_of_each_stack_is_named() -> None:
    stack = np.zeros((3, 1, 64, 64), np.float32)
    scores = np.array([0.0, 5.0, 1.0], np.float32)
    gate = load_bounds().for_("backends.points")
    found = dict(furthest(gate, [("noise 64x64", stack)], lambda _: scores, lambda _: scores * 0))
    assert found == {"noise 64x64, picture 1 of 3": 5.0}
