"""The same recipe for another teacher: what `tinyvmaf train --teacher` fits by."""

import re
from pathlib import Path
from typing import Final

from tinyvmaf.train.recipes.file import RecipeError, find_recipe, parse_recipe, read_recipe, recipe_ids
from tinyvmaf.train.recipes.recipe import Recipe
from tinyvmaf.validation import read_toml
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import NETFLIX, Teacher, load_built_in

NANO: Final = "tinyvmaf_nano"
"""The smallest student of a teacher: this, and an ending for other teachers than the default one."""
_TEACHER: Final = re.compile(r"^teacher[ \t]*=.*$", re.MULTILINE)
_SHA256: Final = re.compile(r"^teacher_sha256[ \t]*=.*\n?", re.MULTILINE)


def nano_for(teacher: Teacher, ffmpeg: FFmpeg) -> str:
    """The recipe of a nano for a teacher: its own if it has one, else that of a teacher with such features."""
    nanos = [read_recipe(name) for name in recipe_ids() if name == NANO or name.startswith(f"{NANO}_")]
    own = [recipe.id for recipe in nanos if (recipe.teacher, recipe.teacher_sha256) == _as_written(teacher)]
    bases = [feature.base for feature in teacher.features]
    for recipe in () if own else nanos:
        if recipe.teacher_sha256 is None:
            other = load_built_in(ffmpeg, recipe.teacher)
            if [feature.base for feature in other.features] == bases:
                return recipe.id
    return own[0] if own else NANO


def for_teacher(name: str | Path, teacher: Teacher, folder: Path) -> tuple[Recipe, bytes]:
    """A recipe for this teacher, and the content of its file: the recipe itself if it is for it, else its like.

    Args:
        folder: where the file is going to lie.

    Raises:
        RecipeError: as `read_recipe`, or its file has no line `teacher = ...` that can be replaced.
    """
    path = find_recipe(name)
    data, found = path.read_bytes(), read_recipe(name)
    written = _as_written(teacher)
    if (found.teacher, found.teacher_sha256) == written:
        return found, data
    base = NANO if found.id.startswith(f"{NANO}_") else found.id
    new = f'teacher = "{teacher.id}"' + (f'\nteacher_sha256 = "{teacher.sha256}"' if written[1] else "")
    text, changed = _TEACHER.subn(new, _SHA256.sub("", data.decode()), count=1)
    content = text.encode()
    before, after = read_toml(data), read_toml(content) if changed else {}
    own = ("teacher", "teacher_sha256")
    if {key: value for key, value in before.items() if key not in own} != {
        key: value for key, value in after.items() if key not in own
    }:
        raise RecipeError(f"{path}: no line teacher = ... of its own", hint="write it so, above all tables")
    return parse_recipe(content, folder / f"{base}_{teacher.id.removeprefix('vmaf_')}.toml"), content


def _as_written(teacher: Teacher) -> tuple[str, str | None]:
    """The entries `teacher` and `teacher_sha256` of a recipe for it."""
    return teacher.id, None if teacher.id in NETFLIX else teacher.sha256
