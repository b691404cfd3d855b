"""docs/quantised.md says what the code does: methods, columns, bounds, and gates that follow from the figures shown."""

import re

import pytest

from tinyvmaf.files import home
from tinyvmaf.judge.bounds import load_bounds
from tinyvmaf.judge.scoreboard import Line
from tinyvmaf.judge.variants import table
from tinyvmaf.model.sidecar import VariantOf
from tinyvmaf.train.quantise.words import WORDS

PAGE = (home() / "docs/quantised.md").read_text(encoding="utf-8")
TEACHER = "vmaf_v0.6.1"
GRIDS = ("tinyvmaf_exact", "tinyvmaf_nano", "tinyvmaf_tiny")


def rows(text: str) -> list[list[str]]:
    """The cells of each line of its tables, without the lines under headings."""
    found = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    return [cells for cells in found if cells[0] != "---"]


TABLES = [rows(part) for part in PAGE.split("\n\n") if part.startswith("| model |")]


def test_every_method_is_there_in_its_words() -> None:
    section = PAGE.split("## Methods\n")[1].split("\n## ")[0]
    assert rows(section)[1:] == [[f"`{name}`", words] for name, words in WORDS.items()]


def test_the_bounds_are_those_of_the_gates() -> None:
    listed = {cells[0].split("`")[1]: cells[1] for cells in rows(PAGE) if "`loso.p" in cells[0] or "`back" in cells[0]}
    bounds = load_bounds()
    assert {gate: float(text.split()[0]) for gate, text in listed.items()} == {
        gate: bounds.for_(gate, teacher=TEACHER).value for gate in table.HELD.values()
    }


@pytest.mark.parametrize("number", range(3))
def test_a_table_has_the_columns_of_the_command_and_gates_that_follow_from_them(number: int) -> None:
    headings, parent, *lines = TABLES[number]
    assert tuple(headings) == table.HEADINGS
    assert [cells[0] for cells in lines if cells[0] in GRIDS] == [*GRIDS]
    variants = [cells for cells in lines if cells[0] not in GRIDS]
    methods = [cells[0].removeprefix(f"{parent[0]}_") for cells in variants]
    assert methods == [name for name in WORDS if name in methods]
    assert number == 2 or set(WORDS) - set(methods) <= {"float32"}
    for cells in (parent, *lines):
        figures = {
            key: float(cell.replace(",", ""))
            for key, cell in zip(table.FIGURES, cells[1:-1], strict=True)
            if cell != "—"
        }
        held = table.gates(Line(cells[0], figures), is_variant=cells in variants, teacher=TEACHER)
        assert cells[-1] in (held, "refused"), cells
        assert cells[-1] != "refused" or "nbits" in cells[0]


def test_the_fields_of_a_parent_are_named() -> None:
    named = re.findall(r'"(\w+)": \.\.\.', PAGE)
    assert named == [*VariantOf.model_fields]
