"""A tiny model that a caller names: a registered one by its id, or a file below the roots."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tinyvmaf.app.mcp_server.limits import MAX_SIDECAR_BYTES
from tinyvmaf.app.mcp_server.roots import Roots, copied_name
from tinyvmaf.errors import ModelError, TinyvmafError
from tinyvmaf.model import contract, registry


@contextmanager
def named(name: str, roots: Roots) -> Iterator[str]:
    """What the package takes for a model: the id, or the path of a private copy with its sidecar and card beside it.

    A copy, for a file that somebody may write to is looked at more than once: checked, read, handed to a process.

    Raises:
        OutsideError: a file that is not below the roots.
        TinyvmafError: neither registered nor a file; or it cannot be read.
    """
    if not name.endswith(".onnx"):
        yield registry.find(name).id
        return
    with tempfile.TemporaryDirectory(prefix="tinyvmaf-mcp-") as private:
        copy = Path(private, copied_name(name))
        copy.write_bytes(roots.read(name, contract.LARGEST))
        stem = name.removesuffix(".onnx")
        for beside, suffix in ((f"{stem}.json", ".json"), (f"{name}.json", ".onnx.json"), (f"{stem}.md", ".md")):
            if roots.exists(beside):
                copy.with_name(f"{copy.stem}{suffix}").write_bytes(roots.read(beside, MAX_SIDECAR_BYTES))
        try:
            yield str(copy)
        except TinyvmafError as error:  # which calls the file what the caller calls it
            said = error.message.replace(f"{copy.parent}{os.sep}", "")
            raise type(error)(said, hint=error.hint) from error


def require_sound(name: str) -> None:
    """Refuse a file that breaks the model contract, before anything runs it: what is in it was written by a stranger.

    Args:
        name: of `named`.

    Raises:
        ModelError: lists the first faults.
    """
    if name.endswith(".onnx") and (wrong := contract.file_faults(Path(name))):
        raise ModelError(f"{Path(name).name}: {'; '.join(wrong[:3])}")
