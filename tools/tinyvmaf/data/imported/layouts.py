"""Which clip, source and test a log belongs to: a table of patterns, `layouts.toml`, and a user's own before it."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from tinyvmaf.errors import TinyvmafError, known_hint
from tinyvmaf.validation import Items, Strict, parse, read_toml

_COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zst")
_LOG: Final = re.compile(r"([._-]?(vmaf|libvmaf|log|report|quality_metrics))*\.(json|xml|csv|log|txt)$", re.IGNORECASE)
_VIDEO: Final = re.compile(r"\.(mkv|mp4|mov|webm|y4m|yuv|avi|ivf|h26[45]|hevc|obu|ts)$", re.IGNORECASE)
# The first part of a name that tells how it was encoded; what stands before it names the source.
_ENCODED: Final = re.compile(
    r"[._-]+(?=(\d+(\.\d+)?[kKmM](bps|bit)?|\d{3,4}[pi](\d+(\.\d+)?)?|\d+x\d+|\d+(\.\d+)?(fps|hz|Hz|FPS)|(q|qp|crf|cq|QP|CRF)_?\d+|"
    r"(x|h)\.?26[456]|hevc|avc|av1|vp[89]|vvc|evc|mpeg[24]|(lib)?(svt)?-?av1|libx26[45]|libaom|libvpx|vvenc|dcvc\w*|"
    r"hrc-?\d+)([._-]|$))",
    re.IGNORECASE,
)


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]


class Layout(Strict):
    """How a set names its logs and clips; `layouts.toml` explains the entries."""

    name: str
    path: Pattern | None = None
    clip: Pattern = r"(?P<source>.+)"
    drop: Pattern | None = None
    plain: Items[Annotated[tuple[Pattern, str], Field(strict=False)]] = ()
    same: Mapping[str, Items[str]] = Field(default_factory=dict)
    scores: Mapping[str, str] = Field(default_factory=dict)
    scale: Annotated[tuple[float, float] | None, Field(strict=False)] = None

    def fits_path(self, path: str) -> re.Match[str] | None:
        """The match of a log's path."""
        return None if self.path is None else re.search(f"(?:^|/)(?:{self.path})$", path)

    def source(self, clip: str) -> str | None:
        """The source in a clip's name, as it stands there; None: the clip does not fit."""
        match = re.fullmatch(self.clip, clip)
        return None if match is None else match.groupdict().get("source") or None

    def plain_name(self, clip: str) -> str:
        """The name of a clip by which its log and its opinion find each other."""
        name = clip_name(clip)
        for pattern, text in self.plain:
            name = re.sub(pattern, text, name)
        return name

    def canonical(self, source: str) -> str:
        """The one name of a source."""
        for name, others in self.same.items():
            if source == name or source in others:
                return name
        return (re.sub(self.drop, "", source) or source) if self.drop else source


class _File(Strict):
    layout: Items[Layout]


GUESS: Final = Layout(name="guess")
"""Where no layout fits: the source is what stands before the first part of a name that tells how it was encoded."""


@dataclass(frozen=True)
class ClipPlace:
    """Where a log or a clip belongs."""

    clip: str
    source: str
    """As it stands in the name."""
    test: str | None
    layout: Layout

    @property
    def key(self) -> str:
        """The clip's name, unique over the tests of a set: `test/clip`."""
        return self.clip if self.test is None else f"{self.test}/{self.clip}"

    @cached_property
    def canonical(self) -> str:
        """The one name of the source."""
        return self.layout.canonical(self.source)


def read_layouts(own: Path | None = None) -> tuple[Layout, ...]:
    """The known layouts, after a user's own.

    Raises:
        TinyvmafError: the user's file cannot be read, or an entry is wrong; names it.
    """
    return (*(() if own is None else _read(own)), *_known())


@lru_cache(maxsize=1)
def _known() -> tuple[Layout, ...]:
    return _read(Path(__file__).with_name("layouts.toml"))


def _read(path: Path) -> tuple[Layout, ...]:
    try:
        content = read_toml(path.read_bytes())
    except (OSError, ValueError) as error:
        raise TinyvmafError(f"{path}: {error}") from error
    return parse(_File, content, str(path), TinyvmafError).layout


def pick(layouts: Sequence[Layout], name: str | None) -> tuple[Layout, ...]:
    """The layouts to try: the named one alone, or all.

    Raises:
        TinyvmafError: none has that name.
    """
    chosen = tuple(layout for layout in layouts if name is None or layout.name == name)
    if not chosen and name != GUESS.name:
        names = [*(layout.name for layout in layouts), GUESS.name]
        raise TinyvmafError(f"unknown layout {name!r}", hint=known_hint(str(name), names))
    return chosen


def place_of_log(path: str, layouts: Iterable[Layout]) -> ClipPlace:
    """Where the log with this path belongs; `/` between folders, compressed or not."""
    path = bare(path)
    layouts = tuple(layouts)
    for layout in layouts:
        match = layout.fits_path(path)
        if match is None:
            continue
        groups = match.groupdict()
        clip = groups.get("clip") or clip_name(path)
        source = groups.get("source") or layout.source(clip)
        if source is not None:
            return ClipPlace(clip, source, groups.get("test"), layout)
    return place_of_clip(clip_name(path), layouts)


def place_of_clip(clip: str, layouts: Iterable[Layout], test: str | None = None) -> ClipPlace:
    """Where a clip of this name belongs."""
    for layout in layouts:
        source = layout.source(clip)
        if source is not None:
            return ClipPlace(clip, source, test, layout)
    head = _ENCODED.split(clip, maxsplit=1)[0]
    return ClipPlace(clip, head or clip, test, GUESS)


def bare(path: str) -> str:
    """A path without the endings of compressed files."""
    while path.lower().endswith(_COMPRESSED):
        path = path[: path.rindex(".")]
    return path


def clip_name(path: str) -> str:
    """The clip's name in a log's path, or in a list of clips: without folders, and endings of logs and videos.

    A log that is only called `vmaf.json` or the like has the name of its folder. Some systems write an accent as a
    letter of its own (NFD), so names are normalised.
    """
    where = PurePosixPath(bare(unicodedata.normalize("NFC", path)).replace("\\", "/"))
    name = _LOG.sub("", where.name)
    if not name or re.fullmatch(r"(vmaf|libvmaf|log|report|output|results?)", name, re.IGNORECASE):
        name = where.parent.name or where.name
    return _VIDEO.sub("", name) or name
