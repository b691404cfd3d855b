"""Plugins of pytest that others installed are told from those that this project installs."""

import copy
from importlib.metadata import EntryPoint

import _pytest
import pytest

from tinyvmaf.judge import doubts, foreign
from tinyvmaf.judge.manifest import Manifest


@pytest.fixture
def sugar(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest-sugar and pytest-xdist are installed."""
    found = [EntryPoint(name, value, "pytest11") for name, value in (("sugar", "_pytest"), ("xdist", "xdist.plugin"))]
    monkeypatch.setattr(foreign, "KNOWN", ("xdist",))
    monkeypatch.setattr(foreign, "entry_points", lambda group: found if group == "pytest11" else [])
    foreign.installed.cache_clear()
    monkeypatch.setattr(foreign, "installed", foreign.installed.__wrapped__)


@pytest.mark.usefixtures("sugar")
def test_what_this_project_installs_is_known() -> None:
    assert foreign.installed() == {"sugar": "_pytest"}
    assert foreign.left_out(foreign.installed()) == ["-pno:sugar"]


@pytest.mark.usefixtures("sugar")
def test_a_plugin_of_others_is_named_once_as_the_option_takes_it(pytestconfig: pytest.Config) -> None:
    manager = pytest.PytestPluginManager()
    for name, plugin in list(manager.list_name_plugin()):
        del name
        manager.unregister(plugin)
    manager.register(_pytest, "sugar")
    manager.register(pytest.Cache)  # an object of its, without a name
    config = copy.copy(pytestconfig)
    config.pluginmanager = manager
    assert list(doubts._plugins(config, Manifest({}, {}, {}))) == ["sugar"]


def test_a_doubt_says_what_can_be_done() -> None:
    assert doubts.Doubt("plugins", "sugar", "-pno:sugar").told() == "sugar\n  hint: -pno:sugar; or --allow plugins"
    assert doubts.Doubt("plugins", "evil").told() == "evil\n  hint: --allow plugins"
    assert doubts.Doubt("", "lost").told() == "lost"
