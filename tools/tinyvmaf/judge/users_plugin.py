"""pytest plugin for everybody: every run of pytest loads it where tinyvmaf is installed, so it imports only pytest.

It gives the fixtures of `users_fixtures`, and `pytest --pyargs tinyvmaf.suites.golden` runs a suite from anywhere. Any
other run is as it would be without it.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest

SUITES: Final = "tinyvmaf.suites"
_GATES: Final = "tinyvmaf.judge.plugin"


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the options of the suites, if they are asked for: nobody else's run has them."""
    # pytest rewrites every module of a package that brings a plugin, at each import that finds no cache.
    for name in ("_must_rewrite", "_marked_for_rewrite_cache"):
        marked = getattr(getattr(pluginmanager, "rewrite_hook", None), name, None)
        if isinstance(marked, set):
            marked.discard("tinyvmaf")
        elif isinstance(marked, dict):
            marked.clear()
    config = pluginmanager.get_plugin("pytestconfig")
    if isinstance(config, pytest.Config) and _suites(map(str, config.invocation_params.args)):
        from tinyvmaf.judge import options

        group = parser.getgroup("tinyvmaf")
        options.declare_for_pytest(group.addoption)
        options.declare_for_plugin(group.addoption)


def pytest_configure(config: pytest.Config) -> None:
    """The suites have a fixture `judge` of their own."""
    if not config.pluginmanager.has_plugin(_GATES):
        from tinyvmaf.judge import users_fixtures

        config.pluginmanager.register(users_fixtures, "tinyvmaf-fixtures")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Run the suites of `--pyargs` with their own settings, in a process of its own."""
    words = [str(word) for word in config.invocation_params.args]
    asked = _suites(words)
    if not asked:
        return None
    if others := [str(word) for word in config.args if str(word) not in asked]:
        raise pytest.UsageError(f"{', '.join(others)} beside {asked[0]}: run the suites by themselves")
    from tinyvmaf.errors import TinyvmafError
    from tinyvmaf.judge import suites_run

    try:
        return suites_run.by_name(asked, [word for word in words if word not in asked and word != "--pyargs"])
    except TinyvmafError as error:
        raise pytest.UsageError(str(error)) from error


def _suites(words: Iterable[str]) -> list[str]:
    """The words that name suites; none without --pyargs, and none where a folder is called so."""
    every = list(words)
    named = [word for word in every if word.split("::")[0].split(".")[:2] == SUITES.split(".")]
    return [word for word in named if not Path(word).exists()] if "--pyargs" in every else []
