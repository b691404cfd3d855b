"""Recipes as TOML files: everything that decides what a student becomes. The same recipe gives the same model file."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tinyvmaf.errors import TinyvmafError, known_hint
from tinyvmaf.files import home, sha256
from tinyvmaf.project import project
from tinyvmaf.train.recipes.contradictions import contradiction
from tinyvmaf.train.recipes.recipe import Count, IntervalNetworks, Method, Mos, Optimiser, Positive, Recipe, Validation
from tinyvmaf.train.students import ARCHITECTURES, Grid, StudentError, architecture
from tinyvmaf.validation import Items, Sha256, Strict, one_of, parse, read_toml, unique
from tinyvmaf.vmaf.teacher import NETFLIX

PROMISES: Final[Mapping[str, tuple[str, str, str]]] = {
    "frame_rmse": ("RMSE of frames, held-out sources", "at most", "VMAF points"),
    "frame_max_error": ("largest error of a frame, held-out sources", "at most", "VMAF points"),
    "frame_plcc": ("PLCC of frames, held-out sources", "at least", ""),
    "stddev_rmse": ("RMSE of the standard deviation of frames, held-out sources", "at most", "VMAF points"),
    "interval_rmse": ("RMSE of the ends of the 95 % interval of frames, held-out sources", "at most", "VMAF points"),
    "worst_difference": ("largest difference from the teacher found in its domain", "at most", "VMAF points"),
}
"""What a recipe may promise: the metric in words, on which side of its bound it must lie, and its unit."""


_Float = Literal["float32", "float64"]


class RecipeError(TinyvmafError):
    """A recipe is missing, is not TOML, or is wrong."""


class _Domain(Strict):
    samples: Count


class _Grid(Strict):
    input_bits: Count
    level_bits: Count
    value_bits: Count


class RecipeFile(Strict):
    """What a recipe may say; docs/students.md explains each entry."""

    summary: Annotated[str, Field(min_length=10)]
    teacher: Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    teacher_sha256: Sha256 | None = None
    method: Method
    architecture: Annotated[str, one_of(ARCHITECTURES)]
    seeds: Annotated[Items[Annotated[int, Field(ge=0, lt=2**63)]], Field(min_length=1), AfterValidator(unique)]
    optimiser: Optimiser
    per: Literal["frame", "clip"] = "frame"
    frames: Count = 16
    precision: _Float = "float32"
    arithmetic: _Float = "float32"
    soft_labels_temperature: Positive | None = None
    domain: _Domain | None = None
    grid: _Grid | None = None
    validation: Validation | None = None
    mos: Mos | None = None
    interval: IntervalNetworks | None = None
    promises: Mapping[Annotated[str, one_of(PROMISES)], Positive] | None = None

    @model_validator(mode="after")
    def _teacher_is_known(self) -> Self:
        if self.teacher in NETFLIX and self.teacher_sha256 is not None:
            raise ValueError(f"teacher {self.teacher} is published: remove teacher_sha256")
        if self.teacher not in NETFLIX and self.teacher_sha256 is None:
            raise ValueError(
                f"teacher is {self.teacher!r}; it must be one of {', '.join(NETFLIX)}, or have its teacher_sha256"
            )
        return self


def recipe_folder() -> Path:
    """Where the project's recipes lie."""
    return project().recipes


def recipe_folders() -> list[Path]:
    """Where recipes are looked for: those of the project go before those that tinyvmaf brings."""
    return list(dict.fromkeys((recipe_folder(), home() / "model" / "recipes")))


def recipe_ids() -> list[str]:
    """The names of those recipes, sorted."""
    return sorted({path.stem for folder in recipe_folders() for path in folder.glob("*.toml")})


def named_recipes(names: Iterable[str]) -> list[str]:
    """The names, each once; `all` stands for every recipe that has a name."""
    return list(dict.fromkeys(one for name in names for one in (recipe_ids() if name == "all" else [name])))


def find_recipe(name: str | Path) -> Path:
    """The file of a recipe: a path, or the name of one that the project has or tinyvmaf brings.

    Raises:
        RecipeError: there is none; lists those that have a name.
    """
    path = Path(name)
    for candidate in (path, *(folder / f"{name}.toml" for folder in recipe_folders())):
        if candidate.suffix == ".toml" and candidate.is_file():
            return candidate
    raise RecipeError(f"no recipe {str(name)!r}", hint=known_hint(str(name), recipe_ids(), "a TOML file, or one of"))


def read_recipe(name: str | Path) -> Recipe:
    """Read a recipe.

    Raises:
        RecipeError: missing, not TOML, an entry is wrong, or entries do not go together; says which.
    """
    path = find_recipe(name)
    return parse_recipe(path.read_bytes(), path)


def parse_recipe(data: bytes, path: Path) -> Recipe:
    """The recipe of a file with this content; the file's name is its id.

    Raises:
        RecipeError: as `read_recipe`.
    """
    try:
        content = read_toml(data)
    except ValueError as error:
        raise RecipeError(f"{path}: {error}") from error
    file = parse(RecipeFile, content, str(path), RecipeError)
    direct = {
        name: getattr(file, name) for name in RecipeFile.model_fields if name not in ("architecture", "domain", "grid")
    }
    recipe = Recipe(
        id=path.stem,
        sha256=sha256(data),
        architecture=architecture(file.architecture),
        samples=file.domain.samples if file.domain else 0,
        grid=_grid(file, path),
        **{name: getattr(file, name) for name in direct},
    )
    if wrong := contradiction(recipe, file.model_fields_set):
        raise RecipeError(f"{path}: {wrong}")
    return recipe


def _grid(file: RecipeFile, path: Path) -> Grid | None:
    if file.grid is None:
        return None
    try:
        return Grid(**file.grid.model_dump(), accumulator_bits=53 if file.arithmetic == "float64" else 24)
    except StudentError as error:
        raise RecipeError(f"{path}: grid: {error.message}", hint=error.hint) from error
