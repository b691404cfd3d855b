"""Models named by a caller: a registered id, or an `.onnx` file below the roots."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tinyvmaf import scratch
from tinyvmaf.app.mcp_server.limits import MAX_SIDECAR_BYTES
from tinyvmaf.app.mcp_server.roots import Roots
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import write_atomic
from tinyvmaf.model import contract, registry


@contextmanager
def readable(name: str, roots: Roots) -> Iterator[str]:
    """The id of a registered model, or the path of a private copy of the file, with its sidecar, card and weights.

    The file is copied because it is read more than once (checked, loaded, handed to a process), and somebody could
    exchange it in between.

    Raises:
        OutsideError: the file is not below the roots.
        TinyvmafError: no such model is registered, or the file cannot be read.
    """
    if not name.endswith(".onnx"):
        yield registry.find(name).id
        return
    from tinyvmaf.model.third_party.held import external_files  # imported here: slow

    with scratch.folder() as private:
        copy = Path(private, Path(name).name)
        copy.write_bytes(roots.read(name, contract.LARGEST))
        stem = name.removesuffix(".onnx")
        for beside, suffix in ((f"{stem}.json", ".json"), (f"{name}.json", ".onnx.json"), (f"{stem}.md", ".md")):
            if roots.exists(beside):
                copy.with_name(f"{copy.stem}{suffix}").write_bytes(roots.read(beside, MAX_SIDECAR_BYTES))
        left = contract.LARGEST
        for location in external_files(copy):
            if roots.exists(beside := str(Path(name).parent / location)):
                data = roots.read(beside, left)
                left -= len(data)
                write_atomic(copy.parent / location, data)
        try:
            yield str(copy)
        except TinyvmafError as error:  # the caller knows the file by its own name
            message = error.message.replace(f"{copy.parent}{os.sep}", "")
            raise type(error)(message, hint=error.hint) from error
