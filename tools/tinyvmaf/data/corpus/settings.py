"""corpus.toml: the geometry of a corpus' raw files."""

import tomllib
from pathlib import Path
from typing import Final

from tinyvmaf.errors import MediaError, TinyvmafError
from tinyvmaf.vmaf.media import Geometry, parse_size, pixel_format

SETTINGS: Final = "corpus.toml"
_DEFAULT: Final = "1920x1080:yuv420p"


def parse_geometry(text: str) -> Geometry:
    """`WxH` or `WxH:pix_fmt`; the default format is yuv420p.

    Raises:
        MediaError: another form, or an unknown format.
    """
    size, _, name = text.partition(":")
    return Geometry(*parse_size(size), pixel_format(name or "yuv420p"))


def read_settings(root: Path) -> tuple[dict[str, Geometry], Geometry]:
    """The geometry of each source that has its own, and that of all others (1080p yuv420p without a corpus.toml).

    Raises:
        TinyvmafError: corpus.toml cannot be read, or has an unknown or wrong entry.
    """
    path = root / SETTINGS
    if not path.exists():
        return {}, parse_geometry(_DEFAULT)
    form = 'geometry = "WxH[:pix_fmt]", and [sources.NAME] with its own geometry'
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        sources = content.pop("sources", {})
        default = parse_geometry(content.pop("geometry", _DEFAULT))
        if content:
            raise ValueError(f"unknown setting {', '.join(content)}")
        own = {}
        for source, entry in sources.items():
            if set(entry) != {"geometry"}:
                raise ValueError(f"sources.{source} has {sorted(entry)}")
            own[source] = parse_geometry(entry["geometry"])
    except MediaError as error:
        raise TinyvmafError(f"{path}: {error.message}", hint=error.hint) from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise TinyvmafError(f"{path}: {error}", hint=f"it takes {form}") from error
    return own, default
