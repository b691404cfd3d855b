"""The history: a file of JSON lines, one run a line, the oldest first."""

import os
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import home, write_atomic
from tinyvmaf.measure.latency_history.run import Run, from_line, to_line

ENV: Final = "TINYVMAF_HISTORY"
_SECONDS: Final = 60.0


def default_path() -> Path:
    """`$TINYVMAF_HISTORY`, else `.benchmarks/history.jsonl` in the checkout.

    Raises:
        TinyvmafError: there is neither.
    """
    override = os.environ.get(ENV)
    return Path(override) if override else home() / ".benchmarks" / "history.jsonl"


def read(path: Path) -> list[Run]:
    """Every run, in the order in which they were appended; none of a missing or empty file.

    Raises:
        TinyvmafError: the file cannot be read, or a line is not a run: says which line, and what is wrong with it.
    """
    return _parse(path, _content(path))


def append(path: Path, run: Run) -> None:
    """Add a run: its whole line or nothing, also when killed or when others append at the same time.

    The file is written anew beside the old one and takes its place, for a kill can cut an append itself short. A
    history with a line that is not a run, as another program may leave it when it is cut short, is left as it is and
    is an error: the new line would make it no better, and nobody would see.

    Raises:
        TinyvmafError: the run is not valid, the history is damaged, cannot be read or written, or is in use
            for a minute.
    """
    try:
        line = to_line(run)
    except ValueError as error:
        raise TinyvmafError(f"this run cannot be appended to {path}: {error}") from error
    path = Path(os.path.realpath(path))  # a link stays one
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=_SECONDS):
            content = _content(path)
            _parse(path, content)
            # A whole line at the end may lack its break, as an editor leaves it.
            gap = b"" if not content or content.endswith(b"\n") else b"\n"
            write_atomic(path, content + gap + line.encode() + b"\n")
    except Timeout as error:
        raise TinyvmafError(
            f"{path}: another process has had it for {_SECONDS:.0f} s", hint="end that process and run this again"
        ) from error
    except OSError as error:
        raise TinyvmafError(
            f"{path}: cannot be written: {error.strerror or error}", hint=f"choose another file by --history or ${ENV}"
        ) from error


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise TinyvmafError(
            f"{path}: cannot be read: {error.strerror or error}", hint=f"choose another file by --history or ${ENV}"
        ) from error


def _parse(path: Path, content: bytes) -> list[Run]:
    # Not splitlines, which also splits at breaks that JSON lets stand between words.
    lines = content.removesuffix(b"\n").split(b"\n") if content else []
    runs = []
    for number, line in enumerate(lines, 1):
        try:
            runs.append(from_line(line))
        except ValueError as error:
            cut = number == len(lines) and not content.endswith(b"\n")
            raise TinyvmafError(
                f"{path}, line {number} is not a run: {error}{' (the line is cut short)' if cut else ''}",
                hint="look at that line and take it out, or move the file away to begin a new history",
            ) from error
    return runs
