"""Fixtures for anybody's tests. They are here wherever tinyvmaf is installed, and import nothing until they are used.

def test_mine(tinyvmaf_model, judge):  # once for each registered model of the project
    judge(*stands_in(tinyvmaf_model))

@pytest.mark.parametrize("tinyvmaf_model", ["mine.onnx"], indirect=True)  # or for these files
def test_this(tinyvmaf_model): ...

def test_that(assert_stands_in):
    assert_stands_in("mine.onnx", feature_order="adm2,motion2,...")
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from tinyvmaf.judge.outcomes import Limit
    from tinyvmaf.model.subject import Subject

_MODEL: Final = "tinyvmaf_model"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `tinyvmaf_model`, and does not say which, runs for each registered model of the project."""
    if _MODEL not in metafunc.fixturenames or _is_given(metafunc):
        return
    from tinyvmaf.errors import RegistryError
    from tinyvmaf.model import registry

    try:
        names = [one.id for one in registry.subjects()]
    except RegistryError:  # the fixture says so: no test passes on nothing
        names = ["no model"]
    metafunc.parametrize(_MODEL, names, indirect=True)


def _is_given(metafunc: pytest.Metafunc) -> bool:
    named = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize") if mark.args]
    if any(_MODEL in (one.replace(" ", "").split(",") if isinstance(one, str) else one) for one in named):
        return True
    own = getattr(metafunc, "_arg2fixturedefs", {}).get(_MODEL, ())  # somebody's own fixture of that name
    return bool(own) and own[-1].func.__module__ != __name__


@pytest.fixture
def tinyvmaf_model(request: pytest.FixtureRequest) -> "Iterator[Subject]":
    """A model: registered ones by their ids, files by their paths."""
    from tinyvmaf.errors import RegistryError
    from tinyvmaf.judge.opened import opened
    from tinyvmaf.model import registry

    name = str(getattr(request, "param", ""))
    if not name:
        raise RegistryError("no model is named", hint=f"@pytest.mark.parametrize({_MODEL!r}, [...], indirect=True)")
    if name == "no model":
        registry.subjects()  # says what is wrong
    with opened(name) as subject:
        yield subject


@pytest.fixture
def judge() -> "Callable[..., None]":
    """Hold that outcomes, such as those of `tinyvmaf.judge.checks`, are within their bounds."""

    def judge_outcomes(*outcomes: "Limit") -> None:
        __tracebackhide__ = True
        from tinyvmaf.judge.checks import assert_good

        assert_good(outcomes)

    return judge_outcomes


@pytest.fixture
def assert_stands_in() -> "Callable[..., None]":
    """`tinyvmaf.judge.checks.assert_stands_in`: a model, and how it is fed."""
    from tinyvmaf.judge import checks

    return checks.assert_stands_in
