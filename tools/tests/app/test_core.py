"""What `pip install tinyvmaf` without extras can do: all that judges no corpus."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tinyvmaf.files import home
from tinyvmaf.vmaf.features import CANONICAL

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
    raw = [*videos, "--size", "128x96", "--pix-fmt", "yuv420p"]
    theirs = shutil.copy(home() / "model" / "tinyvmaf_nano.onnx", Path(videos[0]).with_name("theirs.onnx"))
    done = without(
        ["verify", "tinyvmaf_nano"],
        ["certify", "--quiet", "tinyvmaf_nano"],
        ["web", "--model", "tinyvmaf_nano", "--out", str(clip("page.html"))],
        ["score", *raw, "--model", "tinyvmaf_nano", "--json"],
        ["score", *raw, "--model", str(theirs), "--feature-order", ",".join(CANONICAL)],
        ["score", *raw, "--model", "none.onnx"],
        ["extract", "--data-root", "."],
        ["gate"],
        ["train", "--teacher", "v1", "--out", "none"],
    )
    assert [line for line in done.stdout.splitlines() if line.startswith("status")] == [
        *["status 0"] * 5,
        *["status 1"] * 4,
    ], done.stderr
    assert '"tinyvmaf_nano"' in done.stdout
    assert done.stdout.splitlines()[-1] == "imported []"
    assert done.stderr.count("this needs pyarrow, which is not installed") == 3
    assert all(f"[{extra}]" in done.stderr for extra in ("data", "gate", "fit"))
    assert "none.onnx: no such file" in done.stderr
    assert "warning" not in done.stderr
