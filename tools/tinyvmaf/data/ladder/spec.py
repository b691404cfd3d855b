"""A ladder as its TOML spec describes it, checked before anything is built."""

import re
import tomllib
from collections import Counter
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, get_origin

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import sha256
from tinyvmaf.vmaf.media import Geometry, parse_size, pixel_format

# Each gives the same frames every time; `gradients` does not, whatever its seed.
GENERATORS = ("cellauto", "color", "mandelbrot", "smptehdbars", "testsrc2", "zoneplate")
# What keeps an encoder to one thread and, where it can, to the same decisions on every processor.
# What keeps an encoder to one thread and, where it can, to the same decisions on every processor.
CODECS = {
    "libx264": ("-x264-params", "threads=1:sliced-threads=0:cpu-independent=1"),
    "libx265": ("-x265-params", "pools=none:frame-threads=1:no-wpp=1"),
}
_T = TypeVar("_T")


@dataclass(frozen=True)
class Codec:
    """An encoder of the ladder."""

    name: str
    """FFmpeg's name, a key of `CODECS`."""
    preset: str
    quality: int
    """The `quality` field in the name of a source's first rung; the rungs after it count on."""


@dataclass(frozen=True)
class LadderSource:
    """A pristine clip and its rungs: from a generator, or from a file of a package."""

    name: str
    fps: int
    rungs: list[list[int]]
    """(height in pixels, kbit/s) each."""
    generator: str = ""
    """One of `GENERATORS` with its options, as FFmpeg writes them."""
    package: str = ""
    file: str = ""
    """Path inside the package's folder, with forward slashes."""
    filter: str = "null"
    """FFmpeg filters between this input and the scaling to the ladder's geometry."""

    @property
    def id(self) -> str:
        """File stem of the reference."""
        return f"{self.name}_{self.fps}fps"


@dataclass(frozen=True)
class LadderClip:
    """One distorted clip: a source at a rung of its ladder, encoded by a codec."""

    source: LadderSource
    codec: Codec
    quality: int
    height: int
    kbps: int

    @property
    def id(self) -> str:
        """File stem."""
        return f"{self.source.name}_{self.quality}_{self.height}_{self.kbps}"


@dataclass(frozen=True)
class Spec:
    """A ladder as its TOML file describes it."""

    sha256: str
    """Of the file's bytes."""
    geometry: Geometry
    """Of every clip, pristine or distorted."""
    frames: int
    clips: tuple[LadderClip, ...]
    """Every distorted clip, by id."""


@dataclass(frozen=True)
class _Tables:
    geometry: str
    frames: int
    codecs: list[Any]
    sources: list[Any]


def load_spec(path: Path) -> Spec:
    """Read and check a ladder spec. Packages are looked up by `build`, so it can be read without them.

    Raises:
        TinyvmafError: unreadable, malformed, or with an entry that is missing, unknown or out of range; says which.
    """
    try:
        data = path.read_bytes()
        tables = _entry(_Tables, tomllib.loads(data.decode()), "the spec")
        size, _, pix_fmt = tables.geometry.partition(":")
        geometry = Geometry(*parse_size(size), pixel_format(pix_fmt))
        require(tables.frames > 0, f"frames = {tables.frames} is not above 0")
        codecs = [_codec(value) for value in tables.codecs]
        sources = [_source(value, geometry) for value in tables.sources]
        clips = sorted(_clips(sources, codecs), key=lambda clip: clip.id)
    except (OSError, ValueError, TinyvmafError) as error:
        hint = getattr(error, "hint", None) or "compare it with fixtures/corpus/ladder9.toml"
        raise TinyvmafError(f"{path}: {error.args[-1]}", hint=hint) from error
    return Spec(sha256(data), geometry, tables.frames, tuple(clips))


def _clips(sources: list[LadderSource], codecs: list[Codec]) -> list[LadderClip]:
    clips = [LadderClip(s, c, c.quality + n, *rung) for s in sources for c in codecs for n, rung in enumerate(s.rungs)]
    require(clips, "no clip: it needs a codec and a source with a rung")
    names = Counter(f"{clip.source.name}, quality {clip.quality}" for clip in clips)
    twice = [name for name, count in names.items() if count > 1]
    require(
        not twice, f"two clips of {'; '.join(twice)}", "give sources other names, and codecs qualities further apart"
    )
    return clips


def _entry(kind: type[_T], value: Any, where: str) -> _T:
    """A TOML table as a dataclass: every key known, none missing, each of its type."""
    require(isinstance(value, dict), f"{where}: {value!r} is not a table")
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for key in value:
        require(key in known, f"{where}: unknown key {key!r}")
    for key, field in known.items():
        require(key in value or field.default is not MISSING, f"{where}: no {key!r}")
        wanted = get_origin(field.type) or field.type
        require(key not in value or type(value[key]) is wanted, f"{where}: {key} = {value.get(key)!r}: wrong type")
    return kind(**value)


def _codec(value: Any) -> Codec:
    codec = _entry(Codec, value, "a codec")
    require(codec.name in CODECS, f"unknown codec {codec.name!r}", f"known: {', '.join(CODECS)}")
    require(codec.quality >= 0, f"codec {codec.name}: quality {codec.quality} is below 0")
    return codec


def _source(value: Any, geometry: Geometry) -> LadderSource:
    source = _entry(LadderSource, value, "a source")
    where = f"source {source.name!r}"
    require(re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", source.name), f"{where}: a name is letters and digits")
    require(source.fps > 0, f"{where}: fps = {source.fps} is not above 0")
    if source.generator:
        kind = source.generator.partition("=")[0]
        require(kind in GENERATORS, f"{where}: unknown generator {kind!r}", f"known: {', '.join(GENERATORS)}")
        require(not source.package + source.file, f"{where}: both a generator and a file")
    else:
        # A dotted name would have to be imported to be found, and not all of these packages can be.
        inside = source.file and ".." not in source.file.split("/") and not source.file.startswith("/")
        require(source.package.isidentifier() and inside, f"{where}: neither a generator nor a file inside a package")
    for rung in source.rungs:
        good = isinstance(rung, list) and len(rung) == 2 and all(type(number) is int for number in rung)
        good = good and 16 <= rung[0] <= geometry.height and rung[0] % 2 == 0 and rung[1] > 0
        require(good, f"{where}: rung {rung} is not [even height of 16 to {geometry.height}, kbit/s above 0]")
    return source


def require(condition: object, message: str, hint: str | None = None) -> None:
    if not condition:
        raise TinyvmafError(message, hint=hint)


def clip_ids(spec_path: Path) -> list[str]:
    """File stems of the distorted clips, sorted.

    Raises:
        TinyvmafError: as `load_spec`.
    """
    return [clip.id for clip in load_spec(spec_path).clips]
