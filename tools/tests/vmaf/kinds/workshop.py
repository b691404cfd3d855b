"""Makes the files of the table in a folder, and runs the commands of a kind there."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tinyvmaf.vmaf.ffmpeg import FFmpeg

from .kind import Kind, Table

_TIMEOUT_S = 120.0


@dataclass
class Workshop:
    """A folder in which `ffmpeg` and `tinyvmaf` are commands, and the files of the table are made when needed."""

    table: Table
    ffmpeg: FFmpeg
    folder: Path
    made: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.work = self.folder / "work"
        self.bin = self.folder / "bin"
        for folder in (self.work, self.bin):
            folder.mkdir()
        commands = {
            "ffmpeg": f"'{self.ffmpeg.path}' -hide_banner -nostdin -y -loglevel verbose",
            "tinyvmaf": f"'{sys.executable}' -m tinyvmaf",
        }
        for name, command in commands.items():
            script = self.bin / name
            script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            script.chmod(0o755)

    def shell(self, command: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command line of the table."""
        environment = os.environ | self.table.variables | {"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}"}
        environment["TINYVMAF_FFMPEG"] = str(self.ffmpeg.path)
        done = subprocess.run(
            ["/bin/sh", "-ec", command],
            cwd=self.work,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{command}\nended with {done.returncode}:\n{done.stderr[-2000:]}")
        return done

    def make(self, name: str) -> None:
        """Make a file of the table, and before it those that its command names."""
        if name in self.made:
            return
        self.made.add(name)
        command = self.table.files[name]
        for other in self.table.used_in(command):
            self.make(other)
        self.shell(command)
        assert (self.work / name).exists() or "%" in name, f"{command}\ndid not write {name}"

    def prepare(self, kind: Kind) -> None:
        """Make the files of a kind."""
        for name in self.table.used_in(f"{kind.typed}\n{kind.bare}"):
            self.make(name)

    def bare(self, kind: Kind) -> float:
        """The score that FFmpeg's own command gives."""
        printed = self.shell(kind.bare).stderr
        frames = [
            int(n) for n in re.findall(r"\(video\): \d+ packets read.*?; (\d+) frames decoded", printed) if int(n)
        ]
        # The filter repeats the last frame of the shorter input.
        assert len(set(frames)) == 1 or "--sync pts" in kind.options, f"{kind.bare}\ndecoded {frames} frames"
        found = re.findall(r"VMAF score: ([0-9.]+)", printed)
        assert len(found) == 1, f"{kind.bare}\nprinted no score:\n{printed[-2000:]}"
        return float(found[0])
