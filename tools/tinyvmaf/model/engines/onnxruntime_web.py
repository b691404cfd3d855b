"""ONNX Runtime Web: ONNX Runtime compiled to WebAssembly, as in a browser, here in a Node process.

Optional: run `npm install onnxruntime-web` in a folder and set `$TINYVMAF_NODE_MODULES` to it.
"""

import json
import math
import os
import shutil
import struct
import subprocess
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf import children, scratch
from tinyvmaf.errors import ModelError
from tinyvmaf.model.contract import MOST_OUTPUTS
from tinyvmaf.model.engines.installed import output_of
from tinyvmaf.model.engines.model_file import parse
from tinyvmaf.model.engines.protocol import LEVELS, Availability, EngineError, Settings, UnsupportedModelError
from tinyvmaf.model.engines.session import CheckedSession, Rows, side_by_side

ENV: Final = "TINYVMAF_NODE_MODULES"
_PACKAGE: Final = "onnxruntime-web"
_SCRIPT: Final = Path(__file__).with_suffix(".mjs")
_SECONDS: Final = 120.0
"""Limit for one answer: a hundred times what the largest model of the contract needs for 4096 rows."""
_TAIL: Final = 1000
_LENGTHS: Final = struct.Struct("<II")


class OnnxRuntimeWebSession(CheckedSession):
    """A model in its own Node process, which ends with the session or with this process."""

    def __init__(self, model: bytes, engine: "OnnxRuntimeWeb", settings: Settings) -> None:
        """Start it.

        Raises:
            as `Engine.load`.
        """
        file = parse(model, engine, settings, most=MOST_OUTPUTS)
        package, node = _package(), shutil.which("node")
        assert package is not None, "parse asked whether the engine is available"
        assert node is not None
        self._log: IO[bytes] = scratch.nameless()
        try:
            self._process = subprocess.Popen(
                [node, str(_SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                process_group=children.group(),
            )
        except OSError as error:
            self._log.close()
            raise EngineError(f"{engine.name}: {node} cannot be started: {error}") from error
        self._end = weakref.finalize(self, _end, self._process, self._log)
        told = {"package": package.as_posix(), "threads": settings.threads, "optimisation": settings.optimisation}
        try:
            answer, _ = self._ask(told, model)
        except EngineError:
            self.close()
            raise
        except ModelError as error:
            self.close()
            lacks = "Could not find an implementation" in error.message
            raise (UnsupportedModelError if lacks else ModelError)(f"model: {engine.name}: {error.message}") from error
        if answer["threads"] != settings.threads:
            self.close()
            raise EngineError(f"{engine.name} was given {settings.threads} threads and uses {answer['threads']}")
        super().__init__("model", f"ONNX Runtime Web {answer['version']}", file.width, len(file.outputs))

    def close(self) -> None:
        """End the process."""
        self._end()

    def _infer(self, rows: Rows) -> NDArray[np.generic]:
        answer, values = self._ask({"rows": rows.shape[0], "width": rows.shape[1]}, rows.astype("<f4").tobytes())
        found, start = [], 0
        for one in answer["outputs"]:
            kind = np.dtype(f"<{_NUMPY.get(one['type'], 'V1')}")
            count = math.prod(one["dims"])
            found.append(np.frombuffer(values, dtype=kind, count=count, offset=start).reshape(one["dims"]))
            start += count * kind.itemsize
        return side_by_side(found)

    def _ask(self, header: Mapping[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """Send one message and read its answer.

        Raises:
            EngineError: no answer in time, or the process has ended.
            ModelError: it answers with an error.
        """
        if not self._end.alive:
            raise EngineError("the session is closed")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # Killing the process ends the read below, on every system.
        timer = threading.Timer(_SECONDS, self._process.kill)
        timer.start()
        try:
            question = json.dumps(header).encode()
            self._process.stdin.write(_LENGTHS.pack(len(question), len(body)) + question + body)
            self._process.stdin.flush()
            lengths = _LENGTHS.unpack(_exactly(self._process.stdout, _LENGTHS.size))
            text, values = (_exactly(self._process.stdout, length) for length in lengths)
        except OSError as error:  # a broken pipe, or `_exactly` read too little
            raise EngineError(f"the Node process died: {self._last_words()}") from error
        finally:
            timer.cancel()
        answer = json.loads(text)
        if "error" in answer:
            raise ModelError(f"ONNX Runtime Web: {answer['error']}")
        return answer, values

    def _last_words(self) -> str:
        self._process.kill()
        status = self._process.wait(_SECONDS)
        self._log.seek(0)
        text = self._log.read().decode(errors="replace").strip()
        return f"exit status {status}" + (f", stderr: ...{text[-_TAIL:]}" if text else "")


_NUMPY: Final = {"float32": "f4", "float64": "f8", "int64": "i8", "int32": "i4"}


@dataclass(frozen=True)
class OnnxRuntimeWeb:
    """ONNX Runtime Web under Node. Of ONNX Runtime's family: the same sources, compiled to WebAssembly."""

    name: str = "onnxruntime-web"
    family: str = "onnxruntime"
    arithmetic: frozenset[str] = frozenset({"float32", "float64"})
    levels: tuple[str, ...] = LEVELS
    threaded: bool = True

    def available(self) -> Availability:
        """Whether the variable names a folder with the package, and Node runs."""
        folder, package = os.environ.get(ENV), _package()
        if not folder:
            return Availability(False, f"{ENV} is not set: a folder in which `npm install {_PACKAGE}` was run")
        if package is None:
            return Availability(False, f"{ENV}={folder} has no {_PACKAGE}: run `npm install {_PACKAGE}` there")
        version = str(json.loads((package / "package.json").read_text(encoding="utf-8")).get("version", "unknown"))
        node = output_of("node", "--version")
        if not node:
            return Availability(False, "node is not on the PATH, or does not run: install Node", version)
        return Availability(True, "", version, f"WebAssembly, Node {node.removeprefix('v')}")

    def load(self, model: bytes, settings: Settings = Settings()) -> OnnxRuntimeWebSession:  # noqa: B008
        """As `Engine.load`."""
        return OnnxRuntimeWebSession(model, self, settings)


ENGINE: Final = OnnxRuntimeWeb()


def _package() -> Path | None:
    """The package's folder, in `node_modules` of the folder that the variable names, or directly in it."""
    folder = os.environ.get(ENV)
    if not folder:
        return None
    places = (Path(folder, "node_modules", _PACKAGE), Path(folder, _PACKAGE))
    return next((place.resolve() for place in places if (place / "package.json").is_file()), None)


def _exactly(pipe: IO[bytes], count: int) -> bytes:
    data = pipe.read(count)
    if len(data) < count:
        raise ConnectionError(f"{len(data)} of {count} bytes")
    return data


def _end(process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    process.kill()
    process.wait(_SECONDS)
    for pipe in (process.stdin, process.stdout, log):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:  # data that was never flushed to the dead process
                continue
