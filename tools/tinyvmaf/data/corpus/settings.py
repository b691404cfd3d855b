"""corpus.toml: the geometry of a corpus' raw files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BeforeValidator

from tinyvmaf.errors import MediaError, TinyvmafError
from tinyvmaf.files import read_bounded
from tinyvmaf.validation import Strict, parse, read_toml
from tinyvmaf.vmaf.media import Geometry, parse_size, pixel_format

_MOST_BYTES: Final = 1 << 20
SETTINGS: Final = "corpus.toml"


def parse_geometry(text: str) -> Geometry:
    """`WxH` or `WxH:pix_fmt`; the default format is yuv420p.

    Raises:
        MediaError: another form, or an unknown format.
    """
    size, _, name = text.partition(":")
    return Geometry(*parse_size(size), pixel_format(name or "yuv420p"))


def _geometry(text: Any) -> Geometry:
    try:
        return parse_geometry(str(text))
    except MediaError as error:
        raise ValueError(error.message) from error


_Geometry = Annotated[Geometry, BeforeValidator(_geometry)]


class _Own(Strict):
    geometry: _Geometry


class _Settings(Strict):
    geometry: _Geometry = parse_geometry("1920x1080:yuv420p")
    sources: Mapping[str, _Own] = {}


def read_settings(root: Path) -> tuple[dict[str, Geometry], Geometry]:
    """The geometry of each source that has its own, and that of all others (1080p yuv420p without a corpus.toml).

    Raises:
        TinyvmafError: corpus.toml cannot be read, or has an unknown or wrong entry.
    """
    path = root / SETTINGS
    try:
        content = read_toml(read_bounded(path, _MOST_BYTES)) if path.exists() else {}
    except (OSError, ValueError) as error:
        hint = 'it takes geometry = "WxH[:pix_fmt]", and [sources.NAME] with its own geometry'
        raise TinyvmafError(f"{path}: {error}", hint=hint) from error
    settings = parse(_Settings, content, str(path), TinyvmafError)
    return {name: own.geometry for name, own in settings.sources.items()}, settings.geometry
