"""Ctrl-C gets through at every moment of waiting for other threads."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tinyvmaf.futures import finished

# A signal that another thread takes does not wake the main thread, like one that comes just before it begins to wait.
WAITS = """
import signal, threading, time
from concurrent.futures import ThreadPoolExecutor
from tinyvmaf.futures import finished

signal.signal(signal.SIGINT, signal.default_int_handler)
ended = threading.Event()

def work():
    time.sleep(0.1)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
    ended.wait(20)

with ThreadPoolExecutor(1) as pool:
    begun = time.monotonic()
    try:
        list(finished([pool.submit(work)]))
    except KeyboardInterrupt:
        assert time.monotonic() - begun < 10
    else:
        raise SystemExit("it came only when the work was done")
    finally:
        ended.set()
"""


def test_each_future_comes_once_and_errors_too() -> None:
    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(int, text) for text in ("1", "x", "3")]
        found = list(finished(tasks))
    assert sorted(map(id, found)) == sorted(map(id, tasks))
    assert [one.exception() is None for one in tasks] == [True, False, True]
    assert list(finished(found)) == found  # those that are done already, too
    assert list(finished([])) == []


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="Windows has no pthread_kill")
def test_ctrl_c_gets_through_at_any_moment() -> None:
    done = subprocess.run([sys.executable, "-c", WAITS], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
