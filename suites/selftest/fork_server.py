"""Runs modules as `python -m` does, each in a fork of this process, which has imported what they need and run none.

Most of what a gate takes on a copy is imports. A fork has them at once, and shares nothing else with the next one.

A line of JSON on stdin asks for a run: `module`, `arguments`, `cwd`, `environment` (all of it), `stdout` and `stderr`
(files to write), `limit` (seconds). A line on stdout answers with the exit status, null if the limit was exceeded.
Behind a run its process group is killed, so nothing of it stays. The end of stdin, however it comes about, is the end
of this process and of what it runs.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import sys
import tempfile
import threading
import warnings
import weakref
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn

# What gates import, and takes time. Not ONNX Runtime, which starts a thread; nor `tinyvmaf.judge.plugin`, a plugin of
# pytest, which rewrites its assertions as it is imported.
IMPORTED = (
    "onnx.reference",
    "pyarrow.dataset",
    "scipy.stats",
    "tinyvmaf.measure.latency",
    "tinyvmaf.train.packaging",
    "tinyvmaf.app.cli.corpus",
    "tinyvmaf.app.cli.extract",
    "tinyvmaf.judge.feeding",
    "tinyvmaf.judge.report",
    "tinyvmaf.judge.kinds.regressor",
    "tinyvmaf.judge.kinds.teacher",
    "tinyvmaf.judge.loso_shown",
    "tinyvmaf.judge.selection",
    "tinyvmaf.measure.latency_history",
    "tinyvmaf.measure.loso",
    "tinyvmaf.measure.engine_agreement.float64_reference",
    "tinyvmaf.model.certificate.proof",
    "tinyvmaf.model.golden_records",
)
IF_INSTALLED = (("torch", "tinyvmaf.train.fitting.run"), ("mcp", "mcp.client.stdio"))
# jemalloc, in pyarrow, is made for forks. So is OpenBLAS, which ends its threads before one: they are not seen here.
HARMLESS = {"jemalloc_bg_thd"}


def load() -> None:
    """Import it all."""
    import pytest

    # What it prints must not wait in a buffer that each fork would print as its own.
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):
        # Plugins by pytest itself, which rewrites them, too. It takes a run; this one has no tests.
        pytest.main(["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", folder, folder])
    for name in IMPORTED:
        importlib.import_module(name)
    for names in IF_INSTALLED:
        with suppress(ImportError):
            for name in names:
                importlib.import_module(name)
    importlib.import_module("tinyvmaf.judge.report.rendering").compile_templates()
    read_once()


def read_once() -> None:
    """What each process reads once: the teachers, from libvmaf."""
    from tinyvmaf.errors import TinyvmafError
    from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
    from tinyvmaf.vmaf.teacher import load_built_in

    with suppress(TinyvmafError):  # a gate says what is wrong
        load_built_in(find_ffmpeg())
    for registered in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        registered.atexit = False  # PyTorch's cost each fork 0.03 s at its end


def check() -> None:
    """A fork has only the thread that forked, and whatever another one had locked stays so: there must not be any."""
    if not (child := fork()):
        os._exit(0)
    os.waitpid(child, 0)
    names = {path.parent.name: path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")}
    del names[str(os.getpid())]
    if found := set(names.values()) - HARMLESS:
        sys.exit(f"{len(names)} threads ({', '.join(found)}): what starts them must not be imported before a fork")


def fork() -> int:
    """As `os.fork`, without what Python says of any thread from 3.12 on: `check` has looked at them."""
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        return os.fork()


def serve(requests: int, answers: int) -> dict[str, Any]:
    """Fork for each request. Comes back in the forks only, with the request."""
    with os.fdopen(requests, "rb", buffering=0) as lines:
        while line := lines.readline():
            asked = dict(json.loads(line))
            limit = asked.pop("limit")
            child = fork()
            if child == 0:
                os.setpgid(0, 0)
                os.close(answers)
                return asked
            with suppress(OSError):
                os.setpgid(child, child)  # by both, for nobody knows who comes first
            status = wait(child, limit, requests)
            with suppress(BrokenPipeError):
                os.write(answers, f"{json.dumps(status)}\n".encode())
    sys.exit()


def wait(child: int, limit: float, requests: int) -> int | None:
    """Exit status of a fork; None if it was killed, at its limit, or as nobody waits for it any more."""
    handle = os.pidfd_open(child)
    ended = handle in select.select([handle, requests], [], [], limit)[0]
    os.killpg(child, signal.SIGKILL)  # not waited for yet, so the number is still its own
    os.close(handle)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status if ended else None


def become(module: str, arguments: list[str], cwd: str, environment: dict[str, str], stdout: str, stderr: str) -> None:
    """Be what `python -m module arguments` is."""
    os.chdir(cwd)
    for number, path, how in ((0, os.devnull, os.O_RDONLY), (1, stdout, os.O_WRONLY), (2, stderr, os.O_WRONLY)):
        put(number, os.open(path, how | os.O_CREAT | os.O_TRUNC))
    os.environ.clear()
    os.environ.update(environment)
    if (hypothesis := sys.modules.get("hypothesis.configuration")) is not None:  # its plugin of pytest imports it
        hypothesis.set_hypothesis_home_dir(Path(cwd, ".hypothesis"))  # it took the folder that it was imported in
    sys.path[0] = cwd
    sys.argv[1:] = arguments
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, int):
            leave(end.code)
        raise


def leave(status: int) -> NoReturn:
    """As forks of `multiprocessing` end: what was to be done is done, and a third of a second of freeing memory not."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def put(number: int, opened: int) -> None:
    """Have a file under a number, for programs that are started, too."""
    os.dup2(opened, number)
    os.close(opened)


if __name__ == "__main__":
    ends = os.dup(0), os.dup(1)
    put(0, os.open(os.devnull, os.O_RDONLY))
    put(1, os.open(os.devnull, os.O_WRONLY))
    load()
    check()
    gc.collect()
    gc.freeze()  # a collection in a fork would touch, and so copy, all of it
    become(**serve(*ends))
