"""ONNX Runtime Web: its Node process may die, hang or be left behind."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tinyvmaf.model import engines
from tinyvmaf.model.engines import EngineError, Session
from tinyvmaf.model.engines.onnxruntime_web import ENV

from .engine_samples import IDENTITY, grid, load, rows

# ONNX Runtime Web.


def test_without_the_variable_it_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    web = engines.find("onnxruntime-web")
    monkeypatch.delenv(ENV, raising=False)
    assert ENV in web.available().reason
    monkeypatch.setenv(ENV, str(tmp_path))
    assert web.available().reason.startswith(f"{ENV}={tmp_path} has no onnxruntime-web")
    folder = tmp_path / "node_modules" / "onnxruntime-web"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"version": "1.2.3"}))
    monkeypatch.setenv("PATH", str(tmp_path))
    here = web.available()
    assert (here.version, here.reason.split(",")[0]) == ("1.2.3", "node is not on the PATH")
    with pytest.raises(EngineError, match="node is not on the PATH"):
        web.load(IDENTITY)


@pytest.fixture
def web() -> Session:
    return load("onnxruntime-web", grid())


def test_a_node_process_that_is_killed_is_no_fault_of_the_model(web: Any) -> None:
    """During a run and before it. The process is stopped first, so that the kill comes before the answer."""
    os.kill(web._process.pid, signal.SIGSTOP)
    killer = threading.Timer(0.2, os.kill, (web._process.pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(EngineError, match="the Node process died: exit status -9"):
        web.run(rows(4096))
    killer.join()
    with pytest.raises(EngineError, match="the Node process died"):
        web.run(rows(1))
    web.close()


def test_an_answer_that_does_not_come_is_no_fault_of_the_model(web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinyvmaf.model.engines.onnxruntime_web._SECONDS", 0.2)
    os.kill(web._process.pid, signal.SIGSTOP)
    with pytest.raises(EngineError, match="the Node process died: exit status -9"):
        web.run(rows(1))


def test_closing_ends_the_node_process(web: Any) -> None:
    web.run(rows(1))
    web.close()
    assert web._process.returncode == -signal.SIGKILL
    web.close()
    with pytest.raises(EngineError, match="the session is closed"):
        web.run(rows(1))


def test_a_forgotten_session_ends_its_process() -> None:
    session: Any = load("onnxruntime-web", IDENTITY)
    process = session._process
    del session
    assert process.returncode == -signal.SIGKILL


def test_the_node_process_ends_with_ours(tmp_path: Path) -> None:
    """A killed parent cannot end it, but its stdin ends."""
    load("onnxruntime-web", IDENTITY).close()
    (tmp_path / "m.onnx").write_bytes(IDENTITY)
    code = (
        "import os, signal, sys; from pathlib import Path; from tinyvmaf.model import engines;"
        f"s = engines.find('onnxruntime-web').load(Path({str(tmp_path / 'm.onnx')!r}).read_bytes());"
        "print(s._process.pid, flush=True); sys.stdin.read(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    os.kill(child, 0)
    parent.communicate("", timeout=30)
    wait_until(lambda: not alive(child))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    event = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if true():
            return
        event.wait(0.05)
    pytest.fail(f"not within {seconds} s")
