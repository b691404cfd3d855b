"""docs/students.md says what the code does: architectures, recipe entries, the domain, and the recipes it judges."""

import re

import pytest

from tinyvmaf.files import home
from tinyvmaf.model.registry import subjects
from tinyvmaf.train.fitting import grid
from tinyvmaf.train.recipes import PROMISES, Mos, Optimiser, RecipeFile, Validation, read_recipe, recipe_ids
from tinyvmaf.train.recipes.recipe import IntervalNetworks
from tinyvmaf.train.students import ARCHITECTURES, Grid
from tinyvmaf.vmaf.domain import teacher_domain
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.teacher import teacher_id

PAGE = (home() / "docs/students.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def rows(text: str) -> dict[str, str]:
    """The lines of its tables by what stands first in each."""
    return {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| ")}


def test_every_architecture_is_there_with_its_count_of_numbers() -> None:
    found = rows(section("Architectures"))
    assert {f"`{name}`" for name in ARCHITECTURES} == {name for name in found if name.startswith("`")}
    for name, architecture in ARCHITECTURES.items():
        assert f" {architecture.parameters(len(CANONICAL)):,} " in found[f"`{name}`"]


def test_every_entry_of_a_recipe_is_explained_and_no_other() -> None:
    tables = {
        "domain": ["samples"],
        "grid": ["input_bits", "level_bits", "value_bits"],
        "validation": list(Validation.model_fields),
        "mos": list(Mos.model_fields),
        "optimiser": list(Optimiser.model_fields),
        "interval": list(IntervalNetworks.model_fields),
        "promises": list(PROMISES),
    }
    said: set[str] = set()
    for cell in rows(section("Recipes")):
        names = re.findall(r"`([^`]+)`", cell)
        table = names.pop(0).strip("[]") + "." if names and names[0].startswith("[") else ""
        said |= {table + name for name in names}
    plain = set(RecipeFile.model_fields) - set(tables)
    assert said == plain | {f"{table}.{name}" for table, names in tables.items() for name in names}


@pytest.mark.parametrize("name", recipe_ids())
def test_every_recipe_that_needs_no_opinions_stands_in_the_table(name: str) -> None:
    recipe, text = read_recipe(name), section("What they reach")
    if recipe.needs_mos:
        assert f"`{name}`" in text.split("|")[0]
    else:
        assert f"| `{name}` | {recipe.method} |" in text


def test_the_students_of_other_teachers_are_the_registered_ones() -> None:
    found, nanos = rows(section("Other teachers")), 0
    for sidecar in (one.sidecar for one in subjects()):
        if sidecar.id == "tinyvmaf_nano" or sidecar.id.startswith("tinyvmaf_nano_"):
            nanos += 1
            names = ("loso_frame_rmse_points", "loso_frame_max_abs_error_points", "domain_worst_difference_points")
            figures = [f"{sidecar.measured[name]:.2g}" for name in names]
            line = found.pop(f"`{sidecar.teacher.id}`")
            assert line.endswith(f"| {' | '.join(figures)} | {sidecar.proven_everywhere_points or ''} |"), line
            assert f"| [{sidecar.id}](../model/{sidecar.id}.md) |" in line
            assert teacher_id(line.split("`")[3]) == sidecar.teacher.id
    assert nanos == 8
    assert not [name for name in found if name.startswith("`vmaf_")]


def test_the_grid_is_that_of_the_code() -> None:
    text, entries = section("On a grid"), rows(section("Recipes"))
    for arithmetic, bits in (("float32", 24), ("float64", 53)):
        assert f"| `{arithmetic}` | 2^{bits} steps |" in text
        Grid(1, bits // 2, 1, bits)
    assert 'at most 12, with `arithmetic = "float64"` 26 |' in entries["`[grid]` `level_bits`"]
    said = {1: "One", 4: "four", 8: "Eight"}
    assert f"{said[grid._TUNE]} steps follow with the grid in the loop" in text
    assert grid._GROUPS == 4
    assert "a quarter of a layer at a time" in text
    assert f"{said[grid._STEPS_A_GROUP]} steps follow each quarter" in text


def test_the_bounds_of_the_domain_are_those_of_the_code() -> None:
    found, text = rows(section("The domain")), section("The domain")
    drops = ", ".join(f"{drop:g}" for drop in teacher_domain.VIF_DROP.values())
    assert f"| {teacher_domain.VIF_END:g}:" in found["`vif_scale0`"]
    assert f"or 1, less {drops}:" in found["`vif_scale1`, `vif_scale2`, `vif_scale3`"]
    assert f"| {teacher_domain.VIF_END:g} |" in found["`vif_scale1`, `vif_scale2`, `vif_scale3`"]
    assert f"`vif_scale3` less {teacher_domain.ADM_BELOW:g} " in found["`adm2`"]
    above = f"{teacher_domain.ADM_ABOVE:g} and {teacher_domain.ADM_SLOPE:g} times `vif_scale3`"
    assert f"| {teacher_domain.ADM_END:g}, or {above}:" in found["`adm2`"]
    assert f"| {teacher_domain.MOST_MOTION:g} |" in found["`motion2`"]
    assert f"sum up to {teacher_domain._AMPLIFIED:g}." in text
    assert f"Their ends are {teacher_domain.NO_GAIN_END:g}," in text
