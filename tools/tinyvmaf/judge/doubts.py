"""What makes a verdict doubtful, whatever the tests say: gates, settings, code or a home not ours; tests left out.

Each is COULD NOT RUN; with `--allow WORD`, typed by whoever starts the run, it is NOT CHECKED.
Code that runs in this process can do anything, also to this module. What is not ours is named before it is believed.
"""

import functools
import os
import site
import sys
import sysconfig
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

import tinyvmaf
from tinyvmaf.files import file_sha256, home
from tinyvmaf.judge import foreign, manifest
from tinyvmaf.judge.asked import SUITES, Asked
from tinyvmaf.judge.manifest import RENEW, Manifest
from tinyvmaf.judge.properties import suite_of
from tinyvmaf.model.subject import Subject

GATES: Final = "gates"
HOME: Final = "home"
PLUGINS: Final = "plugins"
SELECTION: Final = "selection"
SETTINGS: Final = "settings"
WORDS: Final = (GATES, HOME, PLUGINS, SELECTION, SETTINGS)
"""What `--allow` takes."""
_NEEDED: Final = ("warnings", "skipping", "assertion")
_SHOWN: Final = 3
_LONGEST: Final = 99
_OF_NO_TEST: Final = ("strict_", "cache_dir=", "junit_", "log_", "console_output_style=", "tmp_path_", "faulthandler_")
_CHOOSING: Final = {
    "keyword": "-k",
    "markexpr": "-m",
    "deselect": "--deselect",
    "ignore": "--ignore",
    "ignore_glob": "--ignore-glob",
    "lf": "--lf",
    "stepwise": "--stepwise",
    "maxfail": "--maxfail",
}


@dataclass(frozen=True)
class Doubt:
    """Something that may have changed what was judged."""

    word: str
    """The value of `--allow` for it; empty if nothing allows it."""
    text: str
    instead: str = ""
    """What may be done in place of allowing it."""

    def told(self) -> str:
        """For COULD NOT RUN."""
        hint = f"{self.instead}; or " if self.instead else ""
        return f"{self.text}\n  hint: {hint}--allow {self.word}" if self.word else self.text


def allowed(typed: Iterable[str]) -> set[str]:
    """The words of `--allow` on a command line as it was typed; variables and files of settings allow nothing.

    Raises:
        pytest.UsageError: a word that is none.
    """
    words, found = list(map(str, typed)), set()
    for word, behind in zip(words, [*words[1:], ""], strict=True):
        if word == "--allow" or word.startswith("--allow="):
            found |= set((behind if word == "--allow" else word.partition("=")[2]).split(","))
    if unknown := found - set(WORDS):
        raise pytest.UsageError(f"--allow {', '.join(sorted(unknown))}: no such word; known: {', '.join(WORDS)}")
    return found


def selections(config: pytest.Config) -> list[str]:
    """The options and arguments of a run that leave out tests."""
    option = config.option
    found = [f"{name} {value!r}" for key, name in _CHOOSING.items() if (value := getattr(option, key, None))]
    if parts := Asked.of(config).chosen:
        found.append("the arguments name " + ", ".join(parts[:_SHOWN]))
    return found


def of_run(config: pytest.Config, ran: Collection[str]) -> Iterator[Doubt]:
    """Doubts of how the run was started, and of the code that takes part in it.

    Args:
        ran: node ids.
    """
    known = manifest.shipped()
    if changed := known.changed(config.rootpath, _suites(config, ran)):
        text = f"changed gates, which are not those of the manifest: {', '.join(changed)}"
        yield Doubt(GATES, text, f"{RENEW}, if the change is meant")
    yield from _of_settings(config, known)
    if home().resolve() != config.rootpath.resolve():
        yield Doubt(HOME, f"TINYVMAF_HOME is {home()}, not {config.rootpath}, so models and bounds are those of there")
    plugins = sorted({*_plugins(config, known)})
    if strangers := [*(f"plugin {name}" for name in plugins), *sorted({*_modules(config, known)})]:
        text = f"code of others took part, which can change any result: {', '.join(strangers)}"
        yield Doubt(PLUGINS, text, " ".join(foreign.left_out(name for name in plugins if name in foreign.installed())))


def of_tests(
    config: pytest.Config, subjects: Iterable[Subject], ran: Collection[str], *, stopped: bool
) -> Iterator[Doubt]:
    """Doubts of what was judged: tests that were asked for and did not run.

    Args:
        subjects: the models as they were found before any test.
        ran: node ids.
        stopped: the run was broken off.
    """
    known, chosen = manifest.shipped(), selections(config)
    why = "; ".join(chosen) or "nothing says why"
    why += f"; PYTEST_ADDOPTS is {os.environ['PYTEST_ADDOPTS']!r}" if os.environ.get("PYTEST_ADDOPTS") else ""
    suites = _suites(config, ran)
    unknown = [one for one in suites if known.changed(config.rootpath, [one])]
    if unknown and chosen:
        yield Doubt(SELECTION, f"{', '.join(unknown)}: tests were left out ({why})")
    expected = known.expected(config, subjects, [one for one in suites if one not in unknown])
    for suite in suites if not stopped else ():
        whole = [test for test in expected if suite_of(test) == suite]
        if missing := [test for test in whole if not manifest.is_among(test, ran)]:
            some = ", ".join(test.partition("::")[2] for test in missing[:_SHOWN])
            text = f"{suite}: {len(missing)} of {len(whole)} tests did not run ({why}): {some}"
            yield Doubt(SELECTION if chosen else "", text + (", ..." if len(missing) > _SHOWN else ""))


def digests(subjects: Iterable[Subject]) -> dict[str, list[str | None]]:
    """sha256 of the file and of the sidecar of each model as they are now; None where there is none."""
    found = {}
    for subject in subjects:
        paths = (subject.path, subject.path.with_suffix(".json"))
        readable = subject.fault is None
        found[subject.id] = [file_sha256(path) if readable and path.is_file() else None for path in paths]
    return found


def of_models(
    before: Mapping[str, Sequence[str | None]], subjects: Iterable[Subject], judged: Mapping[str, set[str]]
) -> Iterator[Doubt]:
    """Doubts of the models: files that are not as they were when the run began.

    Args:
        before: by `digests`.
        subjects: the same models.
        judged: sha256 of the files that the tests judged.
    """
    now = digests(subjects)
    for subject in subjects:
        others = judged.get(subject.id, set()) - {before[subject.id][0]}
        if now[subject.id] != before[subject.id] or others:
            yield Doubt("", f"{subject.id}: {subject.path} or its sidecar changed while it was judged")


def _suites(config: pytest.Config, ran: Iterable[str]) -> list[str]:
    """The suites of a run: asked for, or run whatever was asked for."""
    return sorted({*Asked.of(config).suites(manifest.shipped().suites), *map(suite_of, ran)})


def _of_settings(config: pytest.Config, known: Manifest) -> Iterator[Doubt]:
    option, found = config.option, []
    if sys.flags.optimize:  # nothing allows it: a gate without assertions passes on anything
        off = "Python's -O or PYTHONOPTIMIZE switches assertions off"
        yield Doubt("", f"{off}\n  hint: unset PYTHONOPTIMIZE, or leave out -O")
    if config.inipath != config.rootpath / "pyproject.toml" or manifest.settings(config.inipath) != known.settings:
        found.append(f"pytest's settings are those of {config.inipath}")
    found += [f"-o {one}" for one in option.override_ini or () if not one.startswith(_OF_NO_TEST)]
    found += [f"-W {one}" for one in getattr(option, "pythonwarnings", None) or () if not one.startswith("error")]
    if getattr(option, "importmode", "importlib") != "importlib":
        found.append(f"--import-mode={option.importmode}")
    found += [f"-p no:{one}" for one in _NEEDED if config.pluginmanager.is_blocked(one)]
    if found:
        yield Doubt(SETTINGS, f"settings that are not ours: {'; '.join(found)}")


def _plugins(config: pytest.Config, known: Manifest) -> Iterator[str]:
    """Plugins of others: not of an installed package that we know, and no conftest.py of the manifest."""
    manager = config.pluginmanager
    packages = {package for name, package in foreign.installed().items() if manager.has_plugin(name)}
    for name, plugin in manager.list_name_plugin():
        module = plugin if hasattr(plugin, "__file__") else sys.modules.get(_module(plugin))
        path = getattr(module, "__file__", None)
        if plugin is None or path is None:
            continue
        if _is_ours(path, config, known):
            continue
        top = str(getattr(module, "__name__", "")).partition(".")[0]
        if top in packages and name not in foreign.installed():
            continue  # an object of a plugin that is named
        if not (top in foreign.KNOWN and _is_installed(path)):
            yield top if name.isdecimal() or len(name) > _LONGEST else name


def _module(plugin: object) -> str:
    return str(getattr(plugin if isinstance(plugin, type) else type(plugin), "__module__", ""))


def _modules(config: pytest.Config, known: Manifest) -> Iterator[str]:
    """Modules from where a checkout or a variable can put them in front of those that are installed."""
    named = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
    places = [config.rootpath, config.invocation_params.dir, Path.cwd(), *map(Path, named)]
    begins = tuple({f"{way}{os.sep}" for one in places for way in (one.absolute(), one.resolve())})
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if not isinstance(path, str):
            continue
        if name in ("sitecustomize", "usercustomize"):
            if not path.startswith(_of_the_interpreter()):
                yield f"{name} ({path})"
        elif path.startswith(begins) and not (_is_installed(path) or _is_ours(path, config, known)):
            yield f"module {name} ({path})"
    if sys.flags.safe_path:  # then a folder is no place to import from, unless something put it there
        on_path = {Path(one).resolve() for one in sys.path if one}
        places = [place for place in places if place.resolve() in on_path]
    for path in (path for place in set(places) for path in (*place.glob("*.py"), *place.glob("*/__init__.py"))):
        name = path.parent.name if path.name == "__init__.py" else path.stem
        there = getattr(sys.modules.get(name), "__file__", None)  # it may have put the package's in its own place
        if there is not None and not Path(there).is_relative_to(path.parent) and not _is_installed(str(path)):
            yield f"module {name} ({path})"


def _is_installed(path: str) -> bool:
    return path.startswith(_installed())


@functools.cache
def _installed() -> tuple[str, ...]:
    """Where packages and their commands lie, also by files .pth of theirs, this one wherever it lies, and the standard
    library. An environment may lie in the checkout, as tox' do, and then `pytest` itself does."""
    paths = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    paths += [*site.getsitepackages(), site.getusersitepackages(), str(Path(tinyvmaf.__file__).parent)]
    for file in (file for path in paths[2:] for file in Path(path).glob("*.pth")):
        paths += [line for line in file.read_text("utf-8").splitlines() if line in sys.path]
    return tuple(f"{path}{os.sep}" for path in [*paths, sysconfig.get_path("scripts")])


def _of_the_interpreter() -> tuple[str, ...]:
    """Where a distribution puts a sitecustomize of its own."""
    return (f"{sysconfig.get_path('stdlib')}{os.sep}", f"{os.sep}etc{os.sep}", "/usr/lib/python3/dist-packages/")


def _is_ours(file: str, config: pytest.Config, known: Manifest) -> bool:
    """Whether a file is of the manifest, or of the unit tests. Of a suite that was asked for `_of_gates` tells."""
    path, root = Path(file).resolve(), config.rootpath.resolve()
    if not path.is_relative_to(root):
        return False
    name = path.relative_to(root).as_posix()
    asked = tuple(f"{SUITES}/{one}/" for one in Asked.of(config).suites(known.suites))
    of_all = name in ("conftest.py", f"{SUITES}/conftest.py")
    if of_all or name.startswith(asked) or (name.startswith("tools/") and path.name != "conftest.py"):
        return True
    return name in known.files and manifest.digest(path) == known.files[name]
