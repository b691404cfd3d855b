"""What `pip install tinyvmaf` without extras can do: all that judges no corpus."""

import json
import subprocess
import sys

from ..fixture_types import Clip

# Python's own way to say that a module is not there. Each command in its own way would take a second more.
WITHOUT = """
import sys
sys.modules.update(pyarrow=None, scipy=None)
from tinyvmaf.app.cli import main
import json
for words in json.loads(sys.argv[1]):
    print("status", main(words), flush=True)
print("imported", sorted({"torch", "matplotlib", "pytest"} & sys.modules.keys()))
"""


def without(*commands: list[str]) -> subprocess.CompletedProcess[str]:
    """Run commands in one Python that has neither pyarrow nor scipy."""
    command = [sys.executable, "-c", WITHOUT, json.dumps(commands)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_models_are_checked_and_video_is_scored_without_pyarrow_and_scipy(clip: Clip) -> None:
    videos = [str(clip("reference.yuv")), str(clip("distorted.yuv", noise=9))]
    done = without(
        ["verify", "tinyvmaf_nano"],
        ["certify", "--quiet", "tinyvmaf_nano"],
        ["web", "--model", "tinyvmaf_nano", "--out", str(clip("page.html"))],
        ["score", *videos, "--size", "128x96", "--pix-fmt", "yuv420p", "--model", "tinyvmaf_nano", "--json"],
        ["extract", "--data-root", "."],
        ["gate"],
    )
    assert [line for line in done.stdout.splitlines() if line.startswith("status")] == [
        *["status 0"] * 4,
        *["status 1"] * 2,
    ], done.stderr
    assert '"tinyvmaf_nano"' in done.stdout
    assert done.stdout.splitlines()[-1] == "imported []"
    assert done.stderr.count("this needs pyarrow, which is not installed") == 2
    assert "[data]" in done.stderr
    assert "[gate]" in done.stderr
