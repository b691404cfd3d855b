"""A ladder as its TOML spec describes it, checked before anything is built."""

import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tinyvmaf.errors import MediaError, TinyvmafError
from tinyvmaf.files import read_bounded, sha256
from tinyvmaf.validation import Items, Strict, one_of, parse
from tinyvmaf.vmaf.media import Geometry, parse_size, pixel_format

# Each gives the same frames every time; `gradients` does not, whatever its seed.
_MOST_BYTES: Final = 1 << 24
GENERATORS: Final = ("cellauto", "color", "mandelbrot", "smptehdbars", "testsrc2", "zoneplate")
# What keeps an encoder to one thread and, where it can, to the same decisions on every processor.
CODECS: Final = {
    "libx264": ("-x264-params", "threads=1:sliced-threads=0:cpu-independent=1"),
    "libx265": ("-x265-params", "pools=none:frame-threads=1:no-wpp=1"),
}
_SHARE: Final = "/usr/share/"
_OF_DEBIAN: Final = ("debian", "version", "path", "sha256", "licence")


def _geometry(text: Any) -> Geometry:
    size, _, pix_fmt = str(text).partition(":")
    try:
        return Geometry(*parse_size(size), pixel_format(pix_fmt))
    except MediaError as error:
        raise ValueError(error.message) from error


def _rung(rung: tuple[int, int]) -> tuple[int, int]:
    if rung[0] < 16 or rung[0] % 2 or rung[1] <= 0:
        raise ValueError("it must be [even height of at least 16, kbit/s above 0]")
    return rung


class Codec(Strict):
    """An encoder of the ladder."""

    name: Annotated[str, one_of(CODECS)]
    """FFmpeg's name."""
    preset: str
    quality: Annotated[int, Field(ge=0)]
    """The `quality` field in the name of a source's first rung; the rungs after it count on."""


class LadderSource(Strict):
    """A pristine clip and its rungs: from a generator, or from a file of a Python package or of a Debian package."""

    name: Annotated[str, Field(pattern="^[A-Za-z][A-Za-z0-9]*$")]
    fps: Annotated[int, Field(gt=0)]
    rungs: Items[Annotated[tuple[int, int], Field(strict=False), AfterValidator(_rung)]]
    """(height in pixels, kbit/s) each."""
    generator: str = ""
    """One of `GENERATORS` with its options, as FFmpeg writes them."""
    package: str = ""
    file: str = ""
    """Path inside the package's folder, with forward slashes."""
    debian: Annotated[str, Field(pattern="^([a-z0-9][a-z0-9+.-]+)?$")] = ""
    """Name of a Debian package."""
    version: str = ""
    """Of the Debian package that has this file."""
    path: str = ""
    """Of the Debian package's file, below `/usr/share/`."""
    sha256: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = ""
    """Of the Debian package's file."""
    licence: str = ""
    """Of the Debian package's file, and who holds the copyright, as the package says."""
    filter: str = "null"
    """FFmpeg filters between this input and the scaling to the ladder's geometry."""

    @model_validator(mode="after")
    def _has_one_origin(self) -> Self:
        if self.generator:
            kind = self.generator.partition("=")[0]
            if kind not in GENERATORS:
                raise ValueError(f"unknown generator {kind!r}; known: {', '.join(GENERATORS)}")
            if self.package or self.file or self.debian or self.path:
                raise ValueError("both a generator and a file")
            return self
        if self.debian or self.path:
            if self.package or self.file:
                raise ValueError("both a file of a Debian package and one of a Python package")
            lacking = [name for name in _OF_DEBIAN if not getattr(self, name)]
            if lacking:
                raise ValueError(f"a file of a Debian package needs {', '.join(lacking)}")
            if not self.path.startswith(_SHARE) or ".." in self.path.split("/"):
                raise ValueError(f"path is {self.path!r}; it must be below {_SHARE}")
            return self
        # A dotted name would have to be imported to be found, and not all of these packages can be.
        inside = self.file and ".." not in self.file.split("/") and not self.file.startswith("/")
        if not (self.package.isidentifier() and inside):
            raise ValueError("neither a generator nor a file inside a package")
        return self

    @property
    def input(self) -> str:
        """The file's name in a manifest: `package/file`, or the path of a Debian package's file; empty: none."""
        return self.path or (f"{self.package}/{self.file}" if self.package else "")

    @property
    def group(self) -> Literal["natural", "photograph", "generated"]:
        """`natural`: a file of a Python package; `photograph`: a file of a Debian package; `generated`: no file."""
        if self.path:
            return "photograph"
        return "natural" if self.package else "generated"

    def origin(self) -> dict[str, Any]:
        """What the frames of the reference depend on, beside the content of the file, as JSON values."""
        names = ("fps", "generator", "filter")
        return {name: getattr(self, name) for name in names} | {"input": self.input}

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


class _Tables(Strict):
    geometry: Annotated[Geometry, BeforeValidator(_geometry)]
    frames: Annotated[int, Field(gt=0)]
    codecs: Items[Codec]
    sources: Items[LadderSource]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for source in self.sources:
            for rung in source.rungs:
                if rung[0] > self.geometry.height:
                    raise ValueError(f"source {source.name}: rung {list(rung)} is higher than {self.geometry.height}")
        clips = self.clips()
        if not clips:
            raise ValueError("no clip: it needs a codec and a source with a rung")
        names = Counter(f"{clip.source.name}, quality {clip.quality}" for clip in clips)
        if twice := [name for name, count in names.items() if count > 1]:
            raise ValueError(
                f"two clips of {'; '.join(twice)}: give sources other names, and codecs qualities further apart"
            )
        return self

    def clips(self) -> list[LadderClip]:
        return [
            LadderClip(source, codec, codec.quality + number, *rung)
            for source in self.sources
            for codec in self.codecs
            for number, rung in enumerate(source.rungs)
        ]


def load_spec(path: Path) -> Spec:
    """Read and check a ladder spec. Packages are looked up by `build`, so it can be read without them.

    Raises:
        TinyvmafError: unreadable, malformed, or with an entry that is missing, unknown or out of range; says which.
    """
    hint = "compare it with fixtures/corpus/ladder9.toml"
    try:
        data = read_bounded(path, _MOST_BYTES)
        tables = parse(_Tables, tomllib.loads(data.decode()), str(path), TinyvmafError)
    except (OSError, ValueError, RecursionError) as error:
        raise TinyvmafError(f"{path}: {error.args[-1]}", hint=hint) from error
    except TinyvmafError as error:
        raise TinyvmafError(error.message, hint=error.hint or hint) from error
    clips = tuple(sorted(tables.clips(), key=lambda clip: clip.id))
    return Spec(sha256(data), tables.geometry, tables.frames, clips)


def require(condition: object, message: str, hint: str | None = None) -> None:
    if not condition:
        raise TinyvmafError(message, hint=hint)


def clip_ids(spec_path: Path) -> list[str]:
    """File stems of the distorted clips, sorted.

    Raises:
        TinyvmafError: as `load_spec`.
    """
    return [clip.id for clip in load_spec(spec_path).clips]
