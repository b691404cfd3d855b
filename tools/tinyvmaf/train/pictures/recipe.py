"""Recipes of models that take pictures, as TOML files in `model/recipes/pictures`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from tinyvmaf.errors import TinyvmafError, known_hint
from tinyvmaf.files import home, sha256
from tinyvmaf.validation import Items, Strict, parse, read_toml

Count = Annotated[int, Field(ge=1)]
Side = Annotated[int, Field(ge=64, multiple_of=4)]
Group = Literal["photographs", "soft", "natural", "generated"]
SHARED: Final[frozenset[Group]] = frozenset({"photographs", "soft"})
"""Groups whose sources no fold holds out."""


class Widths(Strict):
    """Channels of each layer; `network.PictureNetwork` says what they do."""

    fine: Count
    coarse: Count
    second: Count
    third: Count
    last: Count
    hidden: Count


class Stage(Strict):
    """One stretch of the fit, with Adam; the learning rate falls to 0 along a cosine."""

    on: Annotated[Items[Group], Field(min_length=1)]
    """Groups of sources. Each is drawn as often as the others; one that is named twice, twice as often."""
    steps: Count
    learning_rate: Annotated[float, Field(gt=0)]
    sources: Count
    """Drawn at each step."""
    clips: Annotated[int, Field(ge=2)]
    """Of each source, one frame each: their order is part of the loss."""
    crop: Annotated[tuple[Side, Side], Field(strict=False)]
    """Height and width of the part of each frame."""
    grid: bool
    """Whether weights and activations are rounded."""

    @property
    def shared(self) -> bool:
        """Whether it is the same for every fold: no fold holds out what it sees."""
        return set(self.on) <= SHARED


class _File(Strict):
    summary: Annotated[str, Field(min_length=10)]
    teacher: Literal["vmaf_v0.6.1"]
    kind: Literal["no_reference"]
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    order: Annotated[float, Field(ge=0)]
    """Weight of the differences between clips of a source in the loss, against that of the scores."""
    widths: Widths
    stages: Annotated[Items[Stage], Field(min_length=1)]


@dataclass(frozen=True)
class PictureRecipe:
    """A recipe, as read."""

    id: str
    """The name of its file."""
    sha256: str
    """Of its content."""
    summary: str
    teacher: str
    kind: str
    seed: int
    order: float
    widths: Widths
    stages: tuple[Stage, ...]


def picture_recipe_ids() -> list[str]:
    """The names of the recipes that tinyvmaf brings, sorted."""
    return sorted(path.stem for path in _folder().glob("*.toml"))


def read_picture_recipe(name: str | Path) -> PictureRecipe:
    """Read a recipe.

    Args:
        name: a path, or the name of one that tinyvmaf brings.

    Raises:
        TinyvmafError: missing, not TOML, or an entry is wrong; says which.
    """
    path = Path(name) if str(name).endswith(".toml") else _folder() / f"{name}.toml"
    try:
        data = path.read_bytes()
        content = read_toml(data)
    except FileNotFoundError as error:
        hint = known_hint(str(name), picture_recipe_ids(), "a TOML file, or one of")
        raise TinyvmafError(f"no recipe {str(name)!r}", hint=hint) from error
    except (OSError, ValueError) as error:
        raise TinyvmafError(f"{path}: {error}") from error
    file = parse(_File, content, str(path), TinyvmafError)
    fields = {field: getattr(file, field) for field in _File.model_fields}
    return PictureRecipe(id=path.stem, sha256=sha256(data), **fields)


def _folder() -> Path:
    return home() / "model" / "recipes" / "pictures"
