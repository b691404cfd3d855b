"""The manifest: hashes of the gates' files, their tests, and the settings of pytest, as this package knows them.

What a run was asked for follows from it, whatever files, options or plugins say. `python -m tinyvmaf.judge.manifest`
writes it anew after a change of suites, gates.toml or the settings of pytest.
"""

import functools
import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tinyvmaf.files import sha256, write_atomic
from tinyvmaf.judge import kinds
from tinyvmaf.judge.asked import SUITES
from tinyvmaf.judge.properties import is_gate, suite_of
from tinyvmaf.judge.selection import fits_opinions, gate_asked, is_variant
from tinyvmaf.model.subject import Subject

FILE: Final = Path(__file__).with_name("manifest.json")
RENEW: Final = "python -m tinyvmaf.judge.manifest"
_OF_ALL: Final = ("conftest.py", "gates.toml")
_CODE: Final = (".py", ".json", ".toml", ".ini", ".cfg")
_AXES: Final = {"model": "{model}", "subject_id": "{model}", "engine_name": "{engine}", "set_name": "{set}"}
_ANY: Final = "any"
"""Of a test in whose place any number of parameters may stand."""


@dataclass(frozen=True)
class Manifest:
    """What the gates are."""

    files: Mapping[str, str]
    """sha256 by path from the checkout; line ends do not count."""
    settings: Mapping[str, Any]
    """pytest's, of pyproject.toml."""
    tests: Mapping[str, str]
    """Node ids with `{model}`, `{engine}` and `{set}`; and of which models each is asked: `viewers`, `teacher` and
    `parent` are those that are held against them, all if it is empty."""

    @property
    def suites(self) -> list[str]:
        """The names of the suites."""
        return sorted({suite_of(test) for test in self.tests})

    def changed(self, root: Path, suites: Iterable[str]) -> list[str]:
        """Files of the gates that are not as they are here: changed, gone or new.

        Args:
            root: the checkout.
            suites: those that were asked for.
        """
        there = files(root)
        found = []
        for path in sorted({*self.files, *there}):
            ours = path in _OF_ALL or path.count("/") < 2 or any(path.startswith(f"{SUITES}/{one}/") for one in suites)
            if ours and self.files.get(path) != there.get(path):
                what = "new" if path not in self.files else "gone" if path not in there else "changed"
                found.append(f"{path} ({what})")
        return found

    def expected(
        self, config: pytest.Config, subjects: Iterable[Subject], suites: Sequence[str]
    ) -> dict[str, str | None]:
        """The tests of suites that a run has to judge, and the model of each.

        Args:
            subjects: the models of the run.
            suites: those that were asked for.
        """
        found: dict[str, str | None] = {}
        for test, needs in self.tests.items():
            if suite_of(test) in suites:
                found |= dict(_filled(test, needs, config, list(subjects)))
        return found


def load(path: Path = FILE) -> Manifest:
    """The manifest of this package."""
    return Manifest(**json.loads(path.read_text(encoding="utf-8")))


def files(root: Path) -> dict[str, str]:
    """sha256 of each file of the gates in a checkout, by its path."""
    paths = [root / name for name in _OF_ALL]
    paths += [path for path in (root / SUITES).rglob("*") if path.suffix in _CODE and "__pycache__" not in path.parts]
    paths += (root / "tools" / "tests").rglob("conftest.py")
    found = {path.relative_to(root).as_posix(): path for path in paths if path.is_file()}
    return {name: digest(found[name]) for name in sorted(found)}


def digest(path: Path) -> str:
    """sha256 of a file, whatever ends its lines."""
    return sha256(path.read_bytes().replace(b"\r\n", b"\n"))


def settings(path: Path) -> dict[str, Any]:
    """The settings of pytest in a pyproject.toml; empty if there are none."""
    try:
        return dict(tomllib.loads(path.read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"])
    except (OSError, ValueError, KeyError):
        return {}


def is_among(test: str, ran: Iterable[str]) -> bool:
    """Whether an expected test ran; of one with `*` any of its parameters will do."""
    return test in ran if not test.endswith("*") else any(one.partition("[")[0] == test[:-1] for one in ran)


def _filled(
    test: str, needs: str, config: pytest.Config, subjects: Sequence[Subject]
) -> Iterator[tuple[str, str | None]]:
    """The tests that an entry stands for in a run."""
    if needs == _ANY:
        yield f"{test}*", None
        return
    if "{set}" in test:
        tests = [test.replace("{set}", _in_an_id(name)) for name in _sets(config)]
    else:
        tests = [test]
    if "{model}" not in test:
        yield from ((one, None) for one in tests)
        return
    if "subject_id" in needs and config.getoption("--recipe"):  # recipes are judged in place of models
        return
    name = gate_asked(test)
    for subject in subjects:
        if not (kinds.asked(subject, name) or kinds.not_checked(subject, name)):
            continue
        held = "viewers" in needs or "teacher" in needs
        if held and fits_opinions(config, subject.id) != ("viewers" in needs):
            continue
        if "parent" in needs and not is_variant(config, subject.id):
            continue
        for one in tests:
            filled = one.replace("{model}", _in_an_id(subject.id))
            for engine in _engines(config, subject) if "{engine}" in test else [""]:
                yield filled.replace("{engine}", engine), subject.id


def _in_an_id(name: str) -> str:
    """A name as pytest writes it into a node id."""
    return name.encode("unicode_escape").decode("ascii")


def _sets(config: pytest.Config) -> list[str]:
    from tinyvmaf.data.external import NO_SET, find_sets  # not every run needs pyarrow

    return [one.name for one in find_sets(config.getoption("--features") or ())] or [NO_SET]


def _engines(config: pytest.Config, subject: Subject) -> list[str]:
    from tinyvmaf.judge.asked_engines import engines_of_run, pairs

    return [name for _, name in pairs([subject], engines_of_run(config))]


class _Recorder:
    """A plugin of pytest that lists tests, for the manifest."""

    def __init__(self) -> None:
        self.tests: dict[str, str] = {}

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Before any hook can take it away."""
        if not is_gate(item.nodeid):
            return
        test, _, _ = item.nodeid.partition("[")
        params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if suite_of(test) == "selftest":  # hundreds of parameters, which no model and no engine brings
            self.tests[test] = _ANY
            return
        found = item.nodeid[len(test) :]
        for axis in (name for name in _AXES if name in params):
            if not isinstance(params[axis], str):  # no model here is of the kind that the suite is for
                found = f"[{_AXES[axis]}]"
            found = re.sub(rf"(?<=[\[-]){re.escape(str(params[axis]))}(?=[]-])", _AXES[axis], found, count=1)
        fixtures = getattr(item, "fixturenames", ())
        needs = [name for name in ("viewers", "teacher", "parent") if f"against_{name}" in fixtures]
        self.tests[test + found] = " ".join(needs + ["subject_id"] * ("subject_id" in params))


def renewed(root: Path) -> dict[str, Any]:
    """The manifest of a checkout as it is now; its tests are collected.

    Raises:
        RuntimeError: they cannot be.
    """
    recorder = _Recorder()
    options = ("--collect-only", "-qq", "-p", "no:cacheprovider", f"--part={os.devnull}")
    status = pytest.main([str(root / SUITES), *options], plugins=[recorder])
    if not recorder.tests:
        raise RuntimeError(f"no test was collected in {root / SUITES}; pytest ended with status {status}")
    tests = dict(sorted(recorder.tests.items()))
    return {"files": files(root), "settings": settings(root / "pyproject.toml"), "tests": tests}


@functools.cache
def shipped() -> Manifest:
    """The manifest of this package, read once."""
    return load()


if __name__ == "__main__":
    from tinyvmaf.files import home

    write_atomic(FILE, json.dumps(renewed(home()), indent=1, ensure_ascii=False) + "\n")
    print(f"{FILE} is renewed")
