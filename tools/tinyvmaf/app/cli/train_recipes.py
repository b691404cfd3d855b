"""Which recipes `tinyvmaf train` fits, each with its teacher."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from tinyvmaf.errors import TeacherError, TinyvmafError
from tinyvmaf.files import file_sha256
from tinyvmaf.project import project
from tinyvmaf.train.recipes import Recipe, find_recipe, named_recipes, read_recipe, recipe_folder
from tinyvmaf.train.recipes.other_teacher import for_teacher, nano_for
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import FOLDER, KNOWN, Teacher, load_json, load_teacher, require_own_id, teacher_id


@dataclass(frozen=True)
class AskedRecipe:
    """A recipe that is to be fitted."""

    recipe: Recipe
    data: bytes
    """The content of its file."""
    teacher: Teacher
    brought: bool
    """Whether its file lies where `tinyvmaf train --recipe NAME` finds it."""


def add_recipe_options(command: argparse.ArgumentParser) -> None:
    """Add --recipe and the options that name a teacher."""
    command.add_argument(
        "--recipe", action="append", default=[], metavar="R", help="TOML file, built-in name, or all; repeatable"
    )
    command.add_argument(
        "--teacher",
        action="append",
        default=[],
        metavar="NAME",
        help="fit the recipe for this teacher, without --recipe its nano; repeatable",
    )
    command.add_argument("--teacher-json", type=Path, metavar="FILE", help="the same, for a VMAF model's JSON file")
    command.add_argument(
        "--teacher-sha256",
        metavar="HEX",
        help="expected sha256 of --teacher-json, needed if Netflix did not publish the file",
    )


def wrong_use(arguments: argparse.Namespace) -> str | None:
    """Why the options do not go together; None if they do."""
    if not (arguments.recipe or arguments.teacher or arguments.teacher_json):
        return "say what to fit: --recipe R, --teacher NAME or --teacher-json FILE"
    if arguments.teacher_sha256 and not arguments.teacher_json:
        return "--teacher-sha256 needs --teacher-json FILE"
    return None


def asked_recipes(arguments: argparse.Namespace, ffmpeg: FFmpeg) -> list[AskedRecipe]:
    """The recipes that the arguments ask for.

    Raises:
        TinyvmafError: one is missing or wrong, its teacher is not known, or two have the same id.
    """
    teachers = _teachers(arguments, ffmpeg)
    asked = []
    for teacher in teachers:
        for name in named_recipes(arguments.recipe or [nano_for(teacher, ffmpeg)]):
            recipe, data = for_teacher(name, teacher, arguments.out)
            asked.append(AskedRecipe(recipe, data, teacher, _is_brought(recipe, data)))
    for name in named_recipes(arguments.recipe) if not teachers else ():
        path, recipe = find_recipe(name), read_recipe(name)
        teacher = load_teacher(ffmpeg, recipe.teacher, [path.parent / FOLDER])
        asked.append(AskedRecipe(recipe, path.read_bytes(), teacher, path.parent == recipe_folder()))
    ids = [one.recipe.id for one in asked]
    if len(set(ids)) != len(ids):
        raise TinyvmafError(f"two recipes have the same id: {', '.join(ids)}", hint="rename one of the files")
    return asked


def _teachers(arguments: argparse.Namespace, ffmpeg: FFmpeg) -> list[Teacher]:
    """The teachers that are named, each once."""
    found = []
    for name in arguments.teacher:
        own = (project().teachers / f"{name}.json").is_file()
        found.append(load_teacher(ffmpeg, name if own else teacher_id(name)))
    if arguments.teacher_json is not None:
        _require_hash(arguments)
        found.append(load_json(arguments.teacher_json, expected_sha256=arguments.teacher_sha256))
        require_own_id(found[-1])
    return list({teacher.id: teacher for teacher in found}.values())


def _require_hash(arguments: argparse.Namespace) -> None:
    """A model that Netflix did not publish is named by its hash: nobody trains on a file that was changed unseen."""
    path: Path = arguments.teacher_json
    if arguments.teacher_sha256 is None and path.is_file() and (digest := file_sha256(path)) not in KNOWN.values():
        raise TeacherError(
            f"{path} is no model that Netflix published",
            hint=f"if it is your own, type the command again with --teacher-sha256 {digest}",
        )


def _is_brought(recipe: Recipe, data: bytes) -> bool:
    path = recipe_folder() / f"{recipe.id}.toml"
    return path.is_file() and path.read_bytes() == data
