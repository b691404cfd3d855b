"""Commands that list something print JSON, too; `--quiet` hides what is on the way."""

import argparse
import json
from typing import Any

import pytest

from tinyvmaf.app.cli import main, parser
from tinyvmaf.app.cli.common import print_listing

from .test_cli import leaves, run

LISTINGS: dict[str, dict[str, Any]] = {
    "models": {"model": "tinyvmaf_nano", "kind": "regressor"},
    "verify": {"model": "tinyvmaf_nano", "registered": True, "faults": []},
    "recipes": {"recipe": "tinyvmaf_nano", "teacher": "vmaf_v0.6.1"},
    "bench baseline": {"model": "tinyvmaf_nano", "registered": "same file"},
}
NOT_LISTED = ("corpus split",)
"""They print JSON always."""


@pytest.mark.parametrize("command", LISTINGS)
def test_a_listing_is_json_on_request(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--json"]) == 0
    listed: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert any(one.items() >= LISTINGS[command].items() for one in listed)


def test_info_is_json_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert any(one["id"] == "vmaf_v0.6.1" and one["features"] for one in content["teachers"])


@pytest.mark.parametrize("command", list(leaves(parser())), ids=lambda command: command.prog)
def test_each_command_that_lists_has_json(command: argparse.ArgumentParser) -> None:
    name = command.prog.removeprefix("tinyvmaf ")
    lists = (command.description or "").startswith("List")
    options = command._option_string_actions
    assert not lists or "--json" in options or name in NOT_LISTED or name == "store prune"
    assert "--quiet" in options


def test_json_has_null_where_a_table_has_an_empty_cell(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[list[Any]] = [["a", None, True], ["b", float("nan"), False]]
    print_listing(["model", "ns/row", "it holds"], rows, as_json=True)
    first, second = json.loads(capsys.readouterr().out)
    assert first == {"model": "a", "ns_per_row": None, "it_holds": True}
    assert second["ns_per_row"] is None
    print_listing(["model", "ns/row", "it holds"], rows, as_json=False)
    assert capsys.readouterr().out.splitlines()[1].split() == ["a", "yes"]


def test_prune_asks_what_to_remove(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys, "store", "prune")
    assert status == 2
    assert "one of the arguments --days --all is required" in err
