"""Where the golden files are, each checked against its published git blob id before it is used."""

import os
import zlib
from pathlib import Path

import numpy as np

from tinyvmaf.data.golden.published import PublishedFile, load_files
from tinyvmaf.errors import GoldenError
from tinyvmaf.files import home, write_atomic
from tinyvmaf.vmaf.patterns import build, git_blob_id

ENV = "TINYVMAF_GOLDEN_ROOT"


class NotAtHandError(GoldenError):
    """A natural golden file is not on this machine."""


def natural_root() -> Path | None:
    """The folder with the natural files: `$TINYVMAF_GOLDEN_ROOT`, else `shared/netflix` beside the checkout, if there.

    Raises:
        GoldenError: the variable names a folder that is missing or holds none of the published files. Data that was
            asked for and is not there must not pass for data that nobody has.
    """
    asked = os.environ.get(ENV)
    if not asked:
        beside = home().parent / "shared" / "netflix"
        return beside if beside.is_dir() else None
    root = Path(asked)
    natural = [file.name for file in load_files().values() if file.kind == "natural"]
    if not any((root / name).is_file() for name in natural):
        raise GoldenError(
            f"{ENV} is {asked}, which holds none of {', '.join(natural)}",
            hint="fetch them: tinyvmaf golden fetch --to DIR",
        )
    return root


class GoldenFiles:
    """Gives the path of a golden file whose content is known to be the published one."""

    def __init__(self, workdir: Path, root: Path | None = None) -> None:
        """Args:
        workdir: where patterns are written.
        root: the folder with the natural files, or None if there is none.
        """
        self._workdir, self._root = workdir, root
        self._published = load_files()
        self._checked: dict[str, Path] = {}

    def path(self, name: str) -> Path:
        """The path of a golden file, after its content was checked.

        Raises:
            NotAtHandError: a natural file that is not here.
            GoldenError: no such file in the golden set, or its content is not the published one.
        """
        if name not in self._checked:
            if name not in self._published:
                raise GoldenError(f"{name} is not in the golden set")
            self._checked[name] = self._provide(self._published[name])
        return self._checked[name]

    def _provide(self, file: PublishedFile) -> Path:
        if file.kind == "pattern":
            return write_pattern(file, self._workdir)
        if self._root is None or not (self._root / file.name).is_file():
            where = f" in {self._root}" if self._root else f"; {ENV} is not set"
            raise NotAtHandError(f"{file.name} is not at hand{where}", hint="tinyvmaf golden fetch --to DIR")
        path = self._root / file.name
        verify(file, path.read_bytes(), str(path))
        return path


def write_pattern(file: PublishedFile, folder: Path) -> Path:
    """Rebuild a pattern, check it, and write it into `folder` under its published name.

    Raises:
        GoldenError: what was rebuilt is not the published content.
    """
    data = build(file.name)
    verify(file, data, f"{file.name}, as rebuilt here")
    write_atomic(folder / file.name, data)
    return folder / file.name


def verify(file: PublishedFile, data: bytes, where: str) -> None:
    """Refuse content that is not the published one.

    Raises:
        GoldenError: names both sizes or both blob ids, and the frames that differ where that can be told.
    """
    if len(data) != file.bytes:
        raise GoldenError(f"{where}: {len(data)} bytes, published {file.bytes}")
    actual = git_blob_id(data)
    if actual == file.blob:
        return
    raise GoldenError(f"{where}: git blob id {actual}, published {file.blob}{_changes(file, data)}")


def _changes(file: PublishedFile, data: bytes) -> str:
    """Which frames are not the published ones, and by how much their samples differ in sum."""
    changes = []
    for number, (crc, total) in enumerate(zip(file.frame_crc32, file.frame_sum, strict=True)):
        size = file.bytes // len(file.frame_crc32)
        frame = data[number * size : (number + 1) * size]
        if f"{zlib.crc32(frame):08x}" != crc:
            samples = np.frombuffer(frame, dtype="<u2" if file.bits > 8 else np.uint8)
            off = int(samples.sum(dtype=np.int64)) - total
            changes.append(f"frame {number} (its samples sum to {off:+d} of the published)")
    return f"; changed: {', '.join(changes)}" if changes else ""
