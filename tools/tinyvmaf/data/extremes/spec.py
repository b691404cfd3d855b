"""A table of extremes as its TOML file describes it, checked before anything is measured."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from tinyvmaf.data.ladder import LadderSource, load_spec
from tinyvmaf.errors import TinyvmafError, known_hint
from tinyvmaf.files import sha256
from tinyvmaf.validation import Items, Strict, parse
from tinyvmaf.vmaf.media import Geometry, pixel_format

_Name = Annotated[str, Field(pattern="^[a-z0-9_]+$")]
_Height = Annotated[int, Field(ge=90, multiple_of=2)]
_TALL_FRAMES: Final = 2


@dataclass(frozen=True)
class ExtremeCase:
    """A pair to measure: FFmpeg filters on a source for the reference and for the distorted clip."""

    name: str
    reference: str
    distorted: str
    source: LadderSource
    other: LadderSource
    """The source that the filters call `[other]`."""
    geometry: Geometry
    frames: int

    @property
    def id(self) -> str:
        """Unique in a table."""
        return f"{self.source.name}_{self.name}_{self.geometry.height}"


@dataclass(frozen=True)
class Extremes:
    """A table of extremes."""

    sha256: str
    """Of the files that describe it."""
    cases: tuple[ExtremeCase, ...]
    """Every pair, by id."""


class _Pair(Strict):
    reference: str
    distorted: str


class _Tall(Strict):
    source: str
    heights: Items[_Height]
    cases: Items[_Name]


class _Tables(Strict):
    height: _Height
    frames: Annotated[int, Field(ge=2)]
    tall: _Tall
    distorted: Mapping[_Name, str]
    reference: Mapping[_Name, str]
    both: Mapping[_Name, _Pair]

    @model_validator(mode="after")
    def _names_are_unique_and_known(self) -> Self:
        pairs = self.pairs()
        if len(pairs) < len(self.distorted) + len(self.reference) + len(self.both):
            raise ValueError("a case is in two of [distorted], [reference] and [both]: give it another name")
        if unknown := sorted(set(self.tall.cases) - set(pairs)):
            raise ValueError(f"[tall] names unknown cases: {', '.join(unknown)}")
        return self

    def pairs(self) -> dict[str, _Pair]:
        pairs = {name: _Pair(reference="null", distorted=f) for name, f in self.distorted.items()}
        pairs |= {name: _Pair(reference=f, distorted="null") for name, f in self.reference.items()}
        return pairs | dict(self.both)


def load_extremes(path: Path, ladder: Path) -> Extremes:
    """Read and check a table of extremes.

    Args:
        ladder: the ladder spec that has the sources.

    Raises:
        TinyvmafError: unreadable, malformed, or with an entry that is missing, unknown or out of range; says which.
    """
    hint = "compare it with fixtures/corpus/extremes.toml"
    try:
        data = path.read_bytes()
        tables = parse(_Tables, tomllib.loads(data.decode()), str(path), TinyvmafError)
    except (OSError, ValueError, RecursionError) as error:
        raise TinyvmafError(f"{path}: {error.args[-1]}", hint=hint) from error
    except TinyvmafError as error:
        raise TinyvmafError(error.message, hint=error.hint or hint) from error
    spec = load_spec(ladder)
    named = {clip.source.name: clip.source for clip in spec.clips if clip.source.package}
    if tables.tall.source not in named:
        hint = known_hint(tables.tall.source, named)
        raise TinyvmafError(f"{path}: [tall]: no such source: {tables.tall.source}", hint=hint)
    sources = list(named.values())
    others = dict(zip(named, sources[1:] + sources[:1], strict=True))

    def case(name: str, source: LadderSource, height: int, frames: int) -> ExtremeCase:
        pair = tables.pairs()[name]
        geometry = Geometry(round(height * 8 / 9) * 2, height, pixel_format("yuv420p"))
        return ExtremeCase(name, pair.reference, pair.distorted, source, others[source.name], geometry, frames)

    cases = [case(name, source, tables.height, tables.frames) for name in tables.pairs() for source in sources]
    for height in tables.tall.heights:
        cases += [case(name, named[tables.tall.source], height, _TALL_FRAMES) for name in tables.tall.cases]
    return Extremes(sha256(data + spec.sha256.encode()), tuple(sorted(cases, key=lambda c: c.id)))
