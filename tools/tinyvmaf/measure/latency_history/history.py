"""The history file: JSON lines, one run per line, oldest first."""

import os
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import write_atomic
from tinyvmaf.measure.latency_history.run import Run, from_line, to_line
from tinyvmaf.project import project

ENV: Final = "TINYVMAF_HISTORY"
_SECONDS: Final = 60.0


def default_path() -> Path:
    """`$TINYVMAF_HISTORY`, or `.benchmarks/history.jsonl` in the project.

    Raises:
        TinyvmafError: neither exists.
    """
    override = os.environ.get(ENV)
    return Path(override) if override else project().root / ".benchmarks" / "history.jsonl"


def read(path: Path) -> list[Run]:
    """All runs, oldest first; none if the file is missing or empty.

    Raises:
        TinyvmafError: the file cannot be read, or a line is not a run; names the line and its fault.
    """
    return _parse(path, _content(path))


def append(path: Path, run: Run) -> None:
    """Append a run atomically, also if the process is killed or others append at the same time.

    A new file replaces the old one, because a kill could cut an append short. A history with a line that is not a run
    is an error and is not changed, so that the fault is seen.

    Raises:
        TinyvmafError: the run is not valid; or the history is damaged, cannot be read or written, or is in use for a
            minute.
    """
    try:
        line = to_line(run)
    except ValueError as error:
        raise TinyvmafError(f"this run cannot be appended to {path}: {error}") from error
    path = Path(os.path.realpath(path))  # write to the target of a link
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=_SECONDS):
            content = _content(path)
            _parse(path, content)
            # The last line may lack its line break, for example after editing.
            gap = b"" if not content or content.endswith(b"\n") else b"\n"
            write_atomic(path, content + gap + line.encode() + b"\n")
    except Timeout as error:
        raise TinyvmafError(
            f"{path}: another process has locked it for {_SECONDS:.0f} s", hint="end that process and run this again"
        ) from error
    except OSError as error:
        raise TinyvmafError(
            f"{path}: cannot be written: {error.strerror or error}",
            hint=f"choose another file with --history or ${ENV}",
        ) from error


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise TinyvmafError(
            f"{path}: cannot be read: {error.strerror or error}", hint=f"choose another file with --history or ${ENV}"
        ) from error


def _parse(path: Path, content: bytes) -> list[Run]:
    # Not splitlines: it also splits at characters that JSON allows inside a line.
    lines = content.removesuffix(b"\n").split(b"\n") if content else []
    runs = []
    for number, line in enumerate(lines, 1):
        try:
            runs.append(from_line(line))
        except ValueError as error:
            cut = number == len(lines) and not content.endswith(b"\n")
            raise TinyvmafError(
                f"{path}, line {number} is not a run: {error}{' (the line is cut short)' if cut else ''}",
                hint="remove that line, or move the file away to start a new history",
            ) from error
    return runs
