"""Finds and pairs the files of a data root. Files outside the root are never opened."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tinyvmaf.data.corpus.names import EXTENSIONS, clip_name, reference_name
from tinyvmaf.data.corpus.settings import SETTINGS, parse_geometry, read_settings
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.vmaf.media import Geometry

ENV: Final = ("TINYVMAF_DATA_ROOT", "VMAF_DATA_ROOT")


@dataclass(frozen=True)
class CorpusFault:
    """Something wrong with a corpus."""

    code: str
    """A word for programs, such as `orphan`."""
    path: str
    """Relative to the data root."""
    text: str
    spoils: bool = True
    """True: results would be wrong. False: they would only lack something."""


@dataclass(frozen=True)
class Clip:
    """A distorted clip and its reference."""

    id: str
    """The file name without its extension; unique in a corpus."""
    source: str
    path: Path
    reference: Path
    quality: int
    height: int
    kbps: int


@dataclass(frozen=True)
class Corpus:
    """The files of a data root."""

    root: Path
    """Absolute, without links."""
    references: Mapping[str, Path]
    """By source, sorted."""
    clips: tuple[Clip, ...]
    """The clips that have a reference, sorted by id."""
    geometries: Mapping[str, Geometry]
    """Of raw files, by source."""
    faults: tuple[CorpusFault, ...]
    """Faults that names and links show, without opening a file."""

    def relative(self, path: Path) -> str:
        """`path` relative to the root, with forward slashes."""
        return path.relative_to(self.root).as_posix()


def data_root(option: Path | None) -> Path:
    """`--data-root`, else `$TINYVMAF_DATA_ROOT`, else `$VMAF_DATA_ROOT`.

    Raises:
        TinyvmafError: none is set.
    """
    if option is not None:
        return option
    for name in ENV:
        if os.environ.get(name):
            return Path(os.environ[name])
    raise TinyvmafError("no data root", hint=f"give --data-root DIR, or set {' or '.join(ENV)}")


def scan(root: Path, *, assume: str | None = None) -> Corpus:
    """Find and pair the files of a data root by their names.

    Args:
        root: a folder with `ref/` and `dis/`.
        assume: geometry of every raw file, `WxH[:pix_fmt]`; None: that of corpus.toml, else 1080p yuv420p.

    Raises:
        TinyvmafError: the folder, `ref/` or `dis/` is missing; one of them is a link out of the root; corpus.toml
            cannot be read.
    """
    if not root.is_dir():
        raise TinyvmafError(f"{root}: the data root is not a folder")
    root = root.resolve()
    for name in ("ref", "dis"):
        if not (root / name).is_dir():
            raise TinyvmafError(f"{root}: no folder {name}/", hint="a data root holds ref/ and dis/")
    for name in ("ref", "dis", SETTINGS):
        if not (root / name).resolve().is_relative_to(root):
            raise TinyvmafError(f"{root / name} is a link out of the data root: not opened")
    faults: list[CorpusFault] = []
    references: dict[str, Path] = {}
    for path in _files(root, "ref", faults):
        source = reference_name(path)
        if source is None:
            form = "<source>_<fps>fps.<ext> or <source>_0_<height>_0.<ext>"
            faults.append(CorpusFault("name", f"ref/{path.name}", f"is not named as a reference: {form}"))
        elif source in references:
            other = references[source].name
            faults.append(
                CorpusFault("two-references", f"ref/{path.name}", f"{source} already has a reference: {other}")
            )
        else:
            references[source] = path
    clips = _clips(root, references, faults)
    faults += _corpus_faults(root, references, clips)
    settings, default = read_settings(root)
    for source in settings.keys() - references.keys():
        faults.append(
            CorpusFault("settings", SETTINGS, f"names the source {source!r}, which has no reference", spoils=False)
        )
    chosen = {s: parse_geometry(assume) if assume else settings.get(s, default) for s in sorted(references)}
    return Corpus(root, dict(sorted(references.items())), clips, chosen, tuple(faults))


def _files(root: Path, folder: str, faults: list[CorpusFault]) -> list[Path]:
    """The video files of `ref/` or `dis/`, sorted; adds a fault for each entry left out."""
    found = []
    for path in sorted((root / folder).iterdir()):
        where = f"{folder}/{path.name}"
        if not path.resolve().is_relative_to(root):
            faults.append(
                CorpusFault("outside", where, f"is a link out of the data root, to {path.resolve()}: not opened")
            )
        elif path.is_symlink() and not path.exists():
            faults.append(CorpusFault("dangling", where, "is a link to nothing"))
        elif path.is_dir():
            faults.append(
                CorpusFault("folder", where, "is a folder; put files directly into ref/ and dis/", spoils=False)
            )
        elif path.suffix.lower() not in EXTENSIONS:
            known = " ".join(EXTENSIONS)
            faults.append(
                CorpusFault("extension", where, f"is left out: its extension is not one of {known}", spoils=False)
            )
        else:
            found.append(path)
    return found


def _clips(root: Path, references: Mapping[str, Path], faults: list[CorpusFault]) -> tuple[Clip, ...]:
    clips: dict[str, Clip] = {}
    for path in _files(root, "dis", faults):
        where, name = f"dis/{path.name}", clip_name(path)
        if name is None:
            form = "<source>_<quality>_<height>_<kbps>.<ext>"
            faults.append(CorpusFault("name", where, f"is not named as a distorted clip: {form}"))
        elif name.source not in references:
            faults.append(CorpusFault("orphan", where, f"has no reference: no ref/{name.source}_<fps>fps"))
        elif path.stem in clips:
            faults.append(CorpusFault("same-id", where, f"has the same name as {clips[path.stem].path.name}"))
        else:
            reference = references[name.source]
            clips[path.stem] = Clip(path.stem, name.source, path, reference, name.quality, name.height, name.kbps)
    return tuple(clips[key] for key in sorted(clips))


def _corpus_faults(root: Path, references: Mapping[str, Path], clips: tuple[Clip, ...]) -> list[CorpusFault]:
    """Faults of the corpus as a whole."""
    faults = []
    if not references:
        faults.append(CorpusFault("empty", "ref/", "holds no reference"))
    if not clips:
        faults.append(CorpusFault("empty", "dis/", "holds no distorted clip that has a reference"))
    used = {clip.source for clip in clips}
    for source in sorted(references.keys() - used):
        path = references[source].relative_to(root).as_posix()
        faults.append(CorpusFault("unused", path, f"{source} has no distorted clip", spoils=False))
    folded: dict[str, str] = {}
    for source in sorted(references):
        other = folded.setdefault(source.casefold(), source)
        if other != source:
            where = references[source].relative_to(root).as_posix()
            faults.append(CorpusFault("case", where, f"the sources {other} and {source} differ only in case"))
    return faults
