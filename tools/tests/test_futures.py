"""Ctrl-C gets through at every moment of waiting for other threads."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tinyvmaf.futures import finished

# The signal comes at some moment just before or while the main thread waits.
WAITS = """
import random, signal, time
from concurrent.futures import ThreadPoolExecutor
from tinyvmaf.futures import finished

signal.signal(signal.SIGALRM, signal.default_int_handler)
for _ in range(8):
    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(time.sleep, 0.0), pool.submit(time.sleep, 0.0005), pool.submit(time.sleep, 0.4)]
        begun = time.monotonic()
        try:
            for number, _ in enumerate(finished(tasks)):
                if number == 0:
                    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 1e-3))
        except KeyboardInterrupt:
            assert time.monotonic() - begun < 0.35, "it came only when the next task was done"
        else:
            raise SystemExit("a signal was lost")
"""


def test_each_future_comes_once_and_errors_too() -> None:
    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(int, text) for text in ("1", "x", "3")]
        found = list(finished(tasks))
    assert sorted(map(id, found)) == sorted(map(id, tasks))
    assert [one.exception() is None for one in tasks] == [True, False, True]
    assert list(finished(found)) == found  # those that are done already, too
    assert list(finished([])) == []


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no timers of signals")
def test_ctrl_c_gets_through_at_any_moment() -> None:
    done = subprocess.run([sys.executable, "-c", WAITS], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
