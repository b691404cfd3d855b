"""What files say of colour, and whether two may be compared. VMAF compares samples: nothing is converted.

A tag that one input lacks is taken from the other. Two tags that mean the same are equal. Others are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

UNKNOWN: Final = frozenset({"", "unknown", "unspecified", "reserved"})
"""How FFmpeg says that a file does not say."""


@dataclass(frozen=True)
class Colour:
    """Tags of a video by FFmpeg's names. None: the file does not say."""

    matrix: str | None = None
    """Between RGB and YCbCr, for example `bt709`."""
    primaries: str | None = None
    transfer: str | None = None
    chroma_location: str | None = None
    """Where chroma samples lie between luma samples: `left`, `center`, `topleft`, ..."""


MATRICES: Final = {"bt601": "smpte170m", "bt709": "bt709", "bt2020": "bt2020nc"}
"""FFmpeg's names of the matrices that people name."""
# One name for tags of which H.273 says that they are functionally the same.
_SAME: Final[Mapping[str, Mapping[str, str]]] = {
    "matrix": {"smpte170m": "bt601", "bt470bg": "bt601"},
    "primaries": {"smpte170m": "smpte170m", "smpte240m": "smpte170m"},
    "transfer": {"smpte170m": "bt709", "bt2020-10": "bt709", "bt2020-12": "bt709"},
    "chroma_location": {},
}
HDR: Final = ("smpte2084", "arib-std-b67")
"""Transfers of HDR: PQ and HLG."""
# A different chroma location is only a warning, where a feature reads chroma.
REFUSED: Final = ("matrix", "primaries", "transfer")


def colour_of(**tags: str | None) -> Colour:
    """Tags as FFmpeg prints them."""
    return Colour(**{name: None if (tag or "") in UNKNOWN else tag for name, tag in tags.items()})


def filled(first: Colour, second: Colour) -> Colour:
    """The first, with the second's tags where it has none."""
    return replace(first, **{f.name: getattr(first, f.name) or getattr(second, f.name) for f in fields(Colour)})


def meaning(name: str, tag: str | None) -> str | None:
    """One name for all tags that mean the same."""
    return None if tag is None else _SAME[name].get(tag, tag)


def different(reference: Colour, distorted: Colour) -> dict[str, tuple[str, str]]:
    """The tags that both have and that mean different things, by their names."""
    found = {}
    for name in _SAME:
        ref, dis = getattr(reference, name), getattr(distorted, name)
        if ref is not None and dis is not None and meaning(name, ref) != meaning(name, dis):
            found[name] = (ref, dis)
    return found
