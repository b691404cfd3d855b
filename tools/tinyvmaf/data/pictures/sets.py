"""A set of pictures as models and gates read it."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tinyvmaf.data.pictures.making import LUMA, SCORES
from tinyvmaf.data.pictures.planes import Plane, unpacked
from tinyvmaf.data.store import key_of
from tinyvmaf.errors import TinyvmafError, known_hint
from tinyvmaf.vmaf.media import Geometry
from tinyvmaf.vmaf.pictures import Pictures, pictures_of

Group = Literal["natural", "photograph", "generated"]
Frames = NDArray[np.uint8]
"""Luma of the chosen frames of a clip, uint8 `[T, H, W]`, range as coded."""


@dataclass(frozen=True)
class PackedFrames:
    """Chosen frames of one clip; they are unpacked each time that somebody asks."""

    table: pa.Table
    """A column `luma`, one plane a row."""
    geometry: Geometry

    def unpack(self) -> Frames:
        """uint8 `[T, H, W]`. It takes about a millisecond a frame of 640x360."""
        planes: list[Plane] = [
            unpacked(plane.as_buffer(), self.geometry.height, self.geometry.width) for plane in self.table[LUMA]
        ]
        return np.stack(planes)


@dataclass(frozen=True)
class PictureClip:
    """Chosen frames of one distorted clip and of its reference, and their scores."""

    id: str
    source: str
    group: Group
    """`natural`: video and photographs of the embedded corpus; `photograph`: a picture of a Debian package;
    `generated`: made by one of FFmpeg's generators."""
    codec: str
    """FFmpeg's name of the encoder."""
    height: int
    """Of the encode, in pixels, before it was scaled back."""
    kbps: int
    sha256: str
    """Of the whole clip as raw yuv."""
    numbers: tuple[int, ...]
    """Of the chosen frames in the clip."""
    scores: Mapping[str, NDArray[np.float64]]
    """float64 `[T]`: VMAF of each chosen frame, by model: `vmaf_v0.6.1` and `vmaf_v0.6.1neg`."""
    means: Mapping[str, float]
    """Mean VMAF of all frames of the clip, by model."""
    of_distorted: PackedFrames
    of_reference: PackedFrames

    @property
    def distorted(self) -> Frames:
        """The chosen frames of the encode, scaled back to the reference's size; unpacked at each call."""
        return self.of_distorted.unpack()

    @property
    def reference(self) -> Frames:
        """The same frames of the reference; unpacked at each call."""
        return self.of_reference.unpack()

    def pictures(self) -> Pictures:
        """The distorted frames as a model takes them, float32 `[T, 1, H, W]`."""
        return pictures_of(self.distorted)


@dataclass(frozen=True)
class PictureSet:
    """Clips of a ladder, as pictures."""

    spec_sha256: str
    geometry: Geometry
    clips: tuple[PictureClip, ...]
    """By id, sorted."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources, sorted."""
        return tuple(sorted({clip.source for clip in self.clips}))

    @property
    def digest(self) -> str:
        """Of the content: clips, chosen frames and scores. It does not depend on the machine."""
        told = {
            clip.id: [clip.sha256, list(clip.numbers), {name: v.tolist() for name, v in clip.scores.items()}]
            for clip in self.clips
        }
        return key_of(told)

    def of(self, *groups: Group) -> "PictureSet":
        """The clips of these groups.

        Raises:
            TinyvmafError: there is none.
        """
        clips = tuple(clip for clip in self.clips if clip.group in groups)
        if not clips:
            raise TinyvmafError(f"no clip of the groups {', '.join(groups)} in this set of pictures")
        return replace(self, clips=clips)

    def without(self, *sources: str) -> "PictureSet":
        """The clips of all other sources.

        Raises:
            TinyvmafError: the set does not have such a source, or has no other one.
        """
        self._require(sources)
        clips = tuple(clip for clip in self.clips if clip.source not in sources)
        if not clips:
            raise TinyvmafError(f"this set of pictures has no other source than {', '.join(sources)}")
        return replace(self, clips=clips)

    def only(self, *sources: str) -> "PictureSet":
        """The clips of these sources.

        Raises:
            TinyvmafError: the set does not have such a source.
        """
        self._require(sources)
        return replace(self, clips=tuple(clip for clip in self.clips if clip.source in sources))

    def _require(self, sources: Collection[str]) -> None:
        unknown = sorted(set(sources) - set(self.sources))
        if unknown or not sources:
            hint = known_hint(unknown[0] if unknown else "", self.sources)
            raise TinyvmafError(f"no such source of pictures: {', '.join(unknown) or 'none given'}", hint=hint)


class SourceArrays(NamedTuple):
    """Every clip of one source, as arrays."""

    ids: tuple[str, ...]
    """`[C]`, sorted."""
    group: Group
    distorted: NDArray[np.uint8]
    """`[C, T, H, W]`."""
    reference: NDArray[np.uint8]
    """`[T, H, W]`."""
    vmaf: NDArray[np.float64]
    """`[C, T]`: `vmaf_v0.6.1` of each frame."""
    neg: NDArray[np.float64]
    """`[C, T]`: `vmaf_v0.6.1neg`."""
    clip_vmaf: NDArray[np.float64]
    """`[C]`: the mean of `vmaf_v0.6.1` over all frames of the clip."""
    clip_neg: NDArray[np.float64]
    """`[C]`."""


def arrays_by_source(pictures: PictureSet) -> dict[str, SourceArrays]:
    """The clips of a set as plain arrays, by source. All are in memory: 1.8 MB for a clip of 8 frames of 640x360."""
    found = {}
    for source in pictures.sources:
        clips = pictures.only(source).clips
        vmaf, neg = (np.stack([clip.scores[name] for clip in clips]) for name in SCORES)
        means, neg_means = (np.array([clip.means[name] for clip in clips]) for name in SCORES)
        found[source] = SourceArrays(
            tuple(clip.id for clip in clips),
            clips[0].group,
            np.stack([clip.distorted for clip in clips]),
            clips[0].reference,
            vmaf,
            neg,
            means,
            neg_means,
        )
    return found


def digest_of(source: SourceArrays) -> str:
    """Of the distorted pictures of a source, whatever its name: 16 hexadecimal digits."""
    return hashlib.sha256(source.distorted.tobytes()).hexdigest()[:16]


def picture_digest(groups: Mapping[str, Mapping[str, SourceArrays]]) -> str:
    """sha256 of what a fit may see: the pictures of each source of each group."""
    return key_of({group: {name: digest_of(one) for name, one in of.items()} for group, of in groups.items()})
