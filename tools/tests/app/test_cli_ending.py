"""A command that gets SIGTERM or SIGHUP cleans up, and ends even if its code swallows what the handler raises."""

import signal
import subprocess
import sys
import time

import pytest

START = "import time\nfrom tinyvmaf.app.cli import ending\nending.heed()\n"
DEAF = """
while True:
    try:
        print(flush=True)
        time.sleep(60)
    except SystemExit:
        print("swallowed", flush=True)
"""
CLEANING = """
try:
    print(flush=True)
    time.sleep(60)
finally:
    time.sleep(0.5)
    print("clean", flush=True)
"""
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")


def ended(code: str, *numbers: signal.Signals) -> tuple[int, str, float]:
    """Status, output, and seconds from the first signal to the end."""
    with subprocess.Popen([sys.executable, "-c", START + code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        begun = time.monotonic()
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.1)
        status = process.wait(20)
        return status, process.stdout.read(), time.monotonic() - begun


def test_a_command_that_swallows_the_exception_ends_all_the_same() -> None:
    status, printed, seconds = ended(DEAF, signal.SIGTERM)
    assert (status, printed) == (128 + signal.SIGTERM, "swallowed\n\n")
    assert 0.9 < seconds < 10


def test_a_second_signal_does_not_end_the_cleaning_up() -> None:
    status, printed, seconds = ended(CLEANING, signal.SIGTERM, signal.SIGHUP, signal.SIGTERM)
    assert (status, printed) == (128 + signal.SIGTERM, "clean\n")
    assert seconds < 10
