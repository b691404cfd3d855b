"""Pictures of a ladder: chosen frames of each encode and of its reference, with their VMAF, kept in the store."""

from tinyvmaf.data.pictures.build import evenly, picture_set
from tinyvmaf.data.pictures.known import embedded_pictures, photograph_pictures
from tinyvmaf.data.pictures.sets import (
    PictureClip,
    PictureSet,
    SourceArrays,
    arrays_by_source,
    digest_of,
    picture_digest,
)

__all__ = [
    "PictureClip",
    "PictureSet",
    "SourceArrays",
    "arrays_by_source",
    "digest_of",
    "embedded_pictures",
    "evenly",
    "photograph_pictures",
    "picture_digest",
    "picture_set",
]
