"""docs/gates.md says what the code does: verdicts, the fields of verdict.json, waivers, and where a way is tried."""

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from tinyvmaf.files import home
from tinyvmaf.judge.outcomes import TYPES
from tinyvmaf.judge.verdict import EXIT, FILES, Verdict
from tinyvmaf.judge.waivers import Waiver, read_waivers

PAGE = (home() / "docs/gates.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The cells of each line of its tables."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_verdict_is_there_with_its_exit_status() -> None:
    found = {cells[0]: int(cells[1].split()[0]) for cells in rows(section("The verdict")) if cells[0] != "verdict"}
    assert found == dict(EXIT)


def test_every_file_of_a_report_is_named() -> None:
    assert {name for name in names(section("The report")) if name in FILES} == set(FILES)


def test_every_field_of_the_schema_is_there_and_no_other() -> None:
    found = {names(cells[0])[0]: names(cells[2]) for cells in rows(section("The report")) if names(cells[0])}
    assert found == {field.alias or name: nested(field.annotation) for name, field in Verdict.model_fields.items()}


def nested(annotation: Any) -> list[str]:
    """The fields of a table, or of each entry of a list; those of an outcome stand in a table of their own."""
    inner = next(iter(get_args(annotation)), annotation)
    return list(inner.model_fields) if isinstance(inner, type) and issubclass(inner, BaseModel) else []


def test_the_table_of_outcomes_is_the_one_of_the_code() -> None:
    assert [cells for cells in rows(section("Outcomes")) if cells[0] != "field"] == [
        [f"`{name}`", ", ".join(types), description] for name, (types, description) in outcome_fields().items()
    ]


def outcome_fields() -> dict[str, tuple[list[str], str]]:
    """Each field of an outcome or of its rows: which types have it, and what it is."""
    found: dict[str, tuple[list[str], str]] = {}
    for kind, of in TYPES.items():
        for name, field in of.model_fields.items():
            found.setdefault(name, ([], field.description or ""))[0].append(kind)
        for name, field in of.row.model_fields.items() if "worst" in of.model_fields else ():
            found.setdefault(f"worst[].{name}", ([], field.description or ""))[0].append(kind)
    return found


def test_the_waiver_that_is_shown_is_one(tmp_path: Path) -> None:
    text = re.findall(r"```toml\n(.*?)```", section("Waivers"), re.DOTALL)
    assert len(text) == 1
    (tmp_path / "waivers.toml").write_text(text[0], encoding="utf-8")
    (waiver,) = read_waivers(tmp_path / "waivers.toml")
    assert (
        waiver.gate.partition(".")[2] in tomllib.loads((home() / "gates.toml").read_text(encoding="utf-8"))["latency"]
    )
    assert {name for cells in rows(section("Waivers")) for name in names(cells[0])} == set(Waiver.model_fields)


@pytest.mark.parametrize("cells", rows(section("Ways to run nothing")), ids=lambda cells: cells[0][:40])
def test_a_way_to_run_nothing_is_tried_where_the_page_says(cells: list[str]) -> None:
    if not any(cells):
        return
    files = names(cells[-1])
    assert files
    for name in files:
        assert (home() / "suites/selftest" / name).is_file()
