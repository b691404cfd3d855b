"""Installs, into a folder of its own, the imageio-ffmpeg whose FFmpeg has libvmaf 2.3.0: python old_libvmaf.py DIR.

It stands beside the pinned one, so that what depends on libvmaf's motion epoch is tested against both.
"""

import os
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[2] / "locks/old-ffmpeg.txt"


def main(folder: Path) -> int:
    """Install unless it is there; returns pip's exit status."""
    if (folder / "imageio_ffmpeg" / "binaries").is_dir():
        return 0
    # The constraints pin the other version of the same package.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_CONSTRAINT")}
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--target", str(folder), "-r", str(REQUIREMENTS)]
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
