"""The golden values and files that Netflix published, from fixtures/golden/published.toml."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyvmaf.errors import GoldenError
from tinyvmaf.files import home
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.teacher import DEFAULT

VALUES = (DEFAULT, *CANONICAL)
"""What must be published of a pair, means over the clip: the score of `vmaf_v0.6.1`, and its features."""


@dataclass(frozen=True)
class PublishedFile:
    """A file of the golden set."""

    name: str
    kind: str
    """`pattern`: rebuilt by `vmaf/patterns.py`; `natural`: a video, fetched from Netflix."""
    bytes: int
    blob: str
    """git's blob id."""
    bits: int = 8
    """Bits per sample; above 8, two bytes each, little endian."""
    frame_crc32: tuple[str, ...] = ()
    """CRC-32 of each frame, if known; shows which frames changed."""
    frame_sum: tuple[int, ...] = ()
    """Sum of the samples of each frame, if known; shows by how much."""


@dataclass(frozen=True)
class Pair:
    """A reference and a distorted file with their published values."""

    id: str
    ref: str
    dis: str
    size: str
    pix_fmt: str
    frames: int
    places: int
    """Decimal places to which Netflix's tests assert the values."""
    source: str
    expected: Mapping[str, Mapping[str, float]]
    """The values, by the name of a teacher or feature, by motion epoch of libvmaf, or under `any`."""

    def values(self, epoch: str) -> Mapping[str, float] | None:
        """The published values for that motion epoch; None if there are none."""
        return self.expected.get("any") or self.expected.get(epoch)


def golden_folder() -> Path:
    """The folder of the golden fixtures."""
    return home() / "fixtures" / "golden"


def load_files(path: Path | None = None) -> dict[str, PublishedFile]:
    """The golden files by name.

    Raises:
        GoldenError: the fixture cannot be read, or lists no file.
    """
    path = path or golden_folder() / "published.toml"
    entries = _read(path)["file"]
    try:
        files = [_file(entry) for entry in entries]
    except TypeError as error:
        raise GoldenError(f"{path}: {error}") from error
    return {file.name: file for file in files}


def _file(entry: dict[str, Any]) -> PublishedFile:
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return PublishedFile(**fields)


def load_pairs(path: Path | None = None) -> dict[str, Pair]:
    """The golden pairs by id.

    Raises:
        GoldenError: the fixture cannot be read, lists no pair, or lacks a value of a pair.
    """
    path = path or golden_folder() / "published.toml"
    pairs = {}
    for entry in _read(path)["pair"]:
        try:
            pair = Pair(**entry)
        except TypeError as error:
            raise GoldenError(f"{path}: {error}") from error
        for epoch, values in pair.expected.items():
            if lacking := set(VALUES) - set(values):
                raise GoldenError(f"{path}: {pair.id}, epoch {epoch}: has {sorted(values)}, not {sorted(lacking)}")
        if not pair.expected or pair.id in pairs:
            raise GoldenError(f"{path}: {pair.id} has no values or appears twice")
        pairs[pair.id] = pair
    return pairs


def _read(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise GoldenError(f"{path}: {error}") from error
    for key in ("file", "pair"):
        if not content.get(key) or not isinstance(content[key], list):
            raise GoldenError(f"{path}: lists no {key}")
    return content
