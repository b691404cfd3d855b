"""Tables of measured pairs in the store.

A table is found by the files' place, size, times and inode, not by a hash of their content: to hash two raw files of
1080p takes 4 % of the time that libvmaf takes. A file that was copied, touched or rewritten is measured again.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tinyvmaf.data.measured_with import measured_with
from tinyvmaf.data.pairs.plan import AskedPair
from tinyvmaf.files import sha256
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import FrameTable, LibvmafRequest

if TYPE_CHECKING:
    import pyarrow as pa

# A file that changed this recently may change again without new times.
_RACY_NS: Final = 2_000_000_000
_LOG, _PRECISE = "log:", "precise:"


def identity(path: Path) -> tuple[str, int, int, int, int] | None:
    """What tells a file from any other, and from itself after a change; None: not a plain file."""
    if not path.is_file():
        return None
    status = path.stat()
    return (os.path.realpath(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def settled(path: Path) -> bool:
    """Whether a change of the file, from now on, would show in its times."""
    return time.time_ns() - path.stat().st_mtime_ns > _RACY_NS


def key_fields(pair: AskedPair, request: LibvmafRequest, program: FFmpeg) -> dict[str, Any] | None:
    """Everything that a pair's table depends on; None: the store cannot keep it."""
    files = [identity(path) for path in (pair.reference, pair.distorted)]
    if None in files:
        return None
    return {
        "measurement": "pair",
        "measured_with": measured_with(),
        "files": files,
        "options": asdict(pair.options),
        "models": {model.id: sha256(model.json or b"") for model in request.models},
        "features": list(request.features),
        "may_be_null": list(request.may_be_null),
        "ffmpeg": identity(program.path),
    }


def to_arrow(table: FrameTable) -> tuple["pa.Table", dict[str, Any]]:
    """The table's columns, and all else of it as JSON values."""
    import pyarrow as pa

    columns = {_LOG + name: values for name, values in table.columns.items()}
    columns |= {_PRECISE + name: values for name, values in table.precise.items()}
    about = {"version": table.version, "pooled": table.pooled, "command": list(table.command)}
    # A frame rate is a fraction, which JSON does not have.
    seen = None if table.inputs is None else json.loads(json.dumps(asdict(table.inputs), default=str))
    return pa.table(columns), {"table": about | {"inputs": seen}}


def from_arrow(stored: "pa.Table", about: Mapping[str, Any], pair: AskedPair) -> FrameTable:
    """The table that `to_arrow` took apart; its inputs have the names of this pair's files."""
    from pydantic import TypeAdapter

    from tinyvmaf.vmaf.media import PairSeen

    def those(prefix: str) -> dict[str, Any]:
        names = [name for name in stored.column_names if name.startswith(prefix)]
        return {name.removeprefix(prefix): stored[name].to_numpy() for name in names}

    rest = about["table"]
    seen = None
    if rest["inputs"] is not None:
        seen = TypeAdapter(PairSeen).validate_python(rest["inputs"])
        seen = replace(
            seen,
            reference=replace(seen.reference, path=str(pair.reference)),
            distorted=replace(seen.distorted, path=str(pair.distorted)),
        )
    return FrameTable(rest["version"], those(_LOG), rest["pooled"], those(_PRECISE), tuple(rest["command"]), seen)
