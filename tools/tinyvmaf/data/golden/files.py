"""Finds the golden files and checks each against its published git blob id."""

import os
import zlib
from pathlib import Path

import numpy as np

from tinyvmaf.data.golden.published import PublishedFile, load_files
from tinyvmaf.errors import GoldenError
from tinyvmaf.files import home, write_atomic
from tinyvmaf.vmaf.patterns import build, git_blob_id

ENV = "TINYVMAF_GOLDEN_ROOT"


class GoldenFileMissingError(GoldenError):
    """A natural golden file is not on this machine."""


def natural_root() -> Path | None:
    """The folder with the natural files: `$TINYVMAF_GOLDEN_ROOT`, else `shared/netflix` beside the checkout, else None.

    Raises:
        GoldenError: the variable is set, but its folder is missing or holds no published file. Requested data that is
            missing is an error.
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
    """Gives the paths of golden files, and checks that their content is the published one."""

    def __init__(self, workdir: Path, root: Path | None = None) -> None:
        """Args:
        workdir: the folder to write patterns to.
        root: the folder with the natural files, or None.
        """
        self._workdir, self._root = workdir, root
        self._published = load_files()
        self._checked: dict[str, Path] = {}

    def path(self, name: str) -> Path:
        """The path of a golden file; its content is checked the first time.

        Raises:
            GoldenFileMissingError: a natural file is not on this machine.
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
            raise GoldenFileMissingError(f"{file.name}: not found{where}", hint="tinyvmaf golden fetch --to DIR")
        path = self._root / file.name
        verify(file, path.read_bytes(), str(path))
        return path


def write_pattern(file: PublishedFile, folder: Path) -> Path:
    """Rebuild a pattern, check it, and write it into `folder` under its published name.

    Raises:
        GoldenError: the rebuilt content is not the published one.
    """
    data = build(file.name)
    verify(file, data, f"{file.name}, as rebuilt here")
    write_atomic(folder / file.name, data)
    return folder / file.name


def verify(file: PublishedFile, data: bytes, where: str) -> None:
    """Refuse content that is not the published one.

    Raises:
        GoldenError: names both sizes or both blob ids, and the frames that differ, if their checksums are known.
    """
    if len(data) != file.bytes:
        raise GoldenError(f"{where}: {len(data)} bytes, published {file.bytes}")
    actual = git_blob_id(data)
    if actual == file.blob:
        return
    raise GoldenError(f"{where}: git blob id {actual}, published {file.blob}{_changes(file, data)}")


def _changes(file: PublishedFile, data: bytes) -> str:
    """The frames that differ from the published ones, and the difference of the sums of their samples."""
    changes = []
    for number, (crc, total) in enumerate(zip(file.frame_crc32, file.frame_sum, strict=True)):
        size = file.bytes // len(file.frame_crc32)
        frame = data[number * size : (number + 1) * size]
        if f"{zlib.crc32(frame):08x}" != crc:
            samples = np.frombuffer(frame, dtype="<u2" if file.bits > 8 else np.uint8)
            off = int(samples.sum(dtype=np.int64)) - total
            changes.append(f"frame {number} (the sum of its samples is off by {off:+d})")
    return f"; changed: {', '.join(changes)}" if changes else ""


def is_golden_file(path: Path) -> bool:
    """Whether the content of a file is that of a golden file; its name does not matter."""
    size = path.stat().st_size
    candidates = {file.blob for file in load_files().values() if file.bytes == size}
    return bool(candidates) and git_blob_id(path.read_bytes()) in candidates
