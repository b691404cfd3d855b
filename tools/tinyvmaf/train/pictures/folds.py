"""The model files of a recipe: one of each natural source held out, and one of all."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.data.pictures import (
    SourceArrays,
    arrays_by_source,
    digest_of,
    embedded_pictures,
    photograph_pictures,
    picture_set,
)
from tinyvmaf.data.store import Store
from tinyvmaf.train.pictures.export import no_reference_model
from tinyvmaf.train.pictures.fitting import Groups, Progress, fit_rest
from tinyvmaf.train.pictures.network import PictureNetwork
from tinyvmaf.train.pictures.recipe import PictureRecipe
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import Teacher

_PHOTOGRAPH_FRAMES: Final = 4


@dataclass(frozen=True)
class Seen:
    """What a model file says of the pictures that it was fitted on."""

    held_out: str
    """The natural source that it did not see; empty if it saw all."""
    sources: tuple[str, ...]
    """Names of the natural sources that it saw."""
    digests: tuple[str, ...]
    """Of their pictures, as `digest_of` gives them."""

    @classmethod
    def of(cls, metadata: Mapping[str, str]) -> "Seen":
        """As the file's metadata have it."""
        found = (json.loads(metadata.get(name, "[]")) for name in ("sources", "pictures"))
        sources, digests = (tuple(map(str, one)) for one in found)
        return cls(metadata.get("held_out", ""), sources, digests)


def training_pictures(store: Store, ffmpeg: FFmpeg) -> dict[str, dict[str, SourceArrays]]:
    """Everything that a recipe may see, from the store or built now.

    Raises:
        TinyvmafError: as `photograph_pictures`: a Debian package is not installed.
    """
    embedded = embedded_pictures(store, ffmpeg)
    soft = picture_set(embedded_corpus().soft_photographs, store, ffmpeg, frames=_PHOTOGRAPH_FRAMES)
    return {
        "natural": arrays_by_source(embedded.of("natural")),
        "generated": arrays_by_source(embedded.of("generated")),
        "photographs": arrays_by_source(photograph_pictures(store, ffmpeg, frames=_PHOTOGRAPH_FRAMES)),
        "soft": arrays_by_source(soft),
    }


def without(groups: Groups, held_out: str) -> Groups:
    """All groups, the natural one without a source."""
    natural = {name: one for name, one in groups["natural"].items() if name != held_out}
    if held_out and len(natural) == len(groups["natural"]):
        raise ValueError(f"no natural source {held_out}")
    return {**groups, "natural": natural}


def fold_model(
    shared: PictureNetwork,
    recipe: PictureRecipe,
    groups: Groups,
    teacher: Teacher,
    held_out: str = "",
    progress: Progress | None = None,
) -> bytes:
    """The model file that did not see a natural source; with an empty name, the one that saw all of them."""
    seen = without(groups, held_out)
    network = fit_rest(shared, recipe, seen, progress)
    natural = sorted(seen["natural"])
    metadata = {
        "held_out": held_out,
        "pictures": json.dumps([digest_of(seen["natural"][name]) for name in natural]),
        "recipe": recipe.id,
        "recipe_sha256": recipe.sha256,
        "seed": str(recipe.seed),
        "sources": json.dumps(natural),
        "teacher": teacher.id,
        "teacher_sha256": teacher.sha256,
    }
    return no_reference_model(network, recipe.id, metadata)


def held_out_sources(groups: Groups) -> Sequence[str]:
    """The natural sources: each is held out once."""
    return sorted(groups["natural"])
