"""What a proof leaves behind when it is killed: nothing that runs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_processes_end_with_a_killed_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tinyvmaf", "prove", "tinyvmaf_nano", "--bound", "0.33", "--jobs", "2"]
    with subprocess.Popen(
        command,
        env=os.environ | {"TINYVMAF_CACHE": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as parent:
        workers = wait_for_workers(parent.pid)
        parent.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(workers, timeout=60.0)
    for one in alive:
        one.kill()
    assert not alive


def wait_for_workers(pid: int) -> list[psutil.Process]:
    """Both, once they have settled in: they use the processor."""
    until = time.monotonic() + 100.0
    while time.monotonic() < until:
        found: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
        busy = [one for one in found if "multiprocessing-fork" in " ".join(one.cmdline())]
        if len(busy) == 2 and all(sum(one.cpu_times()[:2]) > 1.5 for one in busy):
            return found
        time.sleep(0.1)
    raise AssertionError("no workers")
