"""Splits that depend only on names, not on the order in which a folder lists its files."""

import hashlib
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from tinyvmaf.errors import TinyvmafError

_SCALE: Final = 1 << 64


@dataclass(frozen=True)
class Fold:
    """One fold of leave-one-source-out."""

    held_out: str
    train: tuple[str, ...]
    """The other sources, sorted."""


@dataclass(frozen=True)
class Split:
    """The clips of the two parts of a corpus, sorted."""

    by: str
    train: tuple[str, ...]
    test: tuple[str, ...]


def leave_one_source_out(sources: Iterable[str]) -> list[Fold]:
    """One fold per source, sorted.

    Raises:
        TinyvmafError: fewer than two sources.
    """
    names = sorted(set(sources))
    if len(names) < 2:
        raise TinyvmafError(f"leave-one-source-out needs two sources or more, not {len(names)}")
    return [Fold(name, tuple(other for other in names if other != name)) for name in names]


def hash_split(
    clips: Iterable[tuple[str, str]],
    *,
    by: Literal["source", "path"] = "source",
    test_share: float = 0.2,
    salt: str = "tinyvmaf",
) -> Split:
    """Split clips by the hash of their source or of their path.

    Args:
        clips: (source, path relative to the root) of each.
        by: `source` keeps the clips of a source together; `path` does not, and warns.
        test_share: the expected share of `test`, between 0 and 1.
        salt: another salt gives another split.

    Raises:
        TinyvmafError: a part would be empty, or the share is not between 0 and 1.
    """
    if not 0.0 < test_share < 1.0:
        raise TinyvmafError(f"the test share must be between 0 and 1, not {test_share}")
    if by == "path":
        warnings.warn("split by path: clips of one source fall on both sides", UserWarning, stacklevel=2)
    parts: tuple[list[str], list[str]] = ([], [])
    for source, path in clips:
        key = source if by == "source" else path
        digest = hashlib.sha256(f"{salt}\0{key}".encode()).digest()
        parts[int.from_bytes(digest[:8], "big") < test_share * _SCALE].append(path)
    if not all(parts):
        raise TinyvmafError(
            f"split by {by}: the {'test' if parts[0] else 'train'} part is empty",
            hint="too few names for this share: choose another share or salt",
        )
    train, test = (tuple(sorted(part)) for part in parts)
    return Split(by, train, test)


def hash_sample(names: Iterable[str], count: int) -> list[str]:
    """`count` of the names, chosen by their hash: the same every time, and no choice of a person."""
    return sorted(set(names), key=lambda name: hashlib.sha256(name.encode()).digest())[:count]
