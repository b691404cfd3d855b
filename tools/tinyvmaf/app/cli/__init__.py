"""The command line: thin shells around the package, one file per group of commands."""

import argparse
import io
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

from tinyvmaf import __version__
from tinyvmaf.app.cli import ending
from tinyvmaf.app.cli.parser import Parser, TopParser
from tinyvmaf.app.cli.progress import hide
from tinyvmaf.app.cli.tasks import COMMANDS
from tinyvmaf.errors import TinyvmafError, install
from tinyvmaf.machine import lacking
from tinyvmaf.terminal import say_lines, typed

_INTERRUPTED = 128 + signal.SIGINT
_OF_DATA = ("pyarrow", "scipy")
_EXTRAS = {"gate": "gate", "train": "fit", "refit": "fit"}
"""By command, the extra that has all that it needs; of others `data`."""
"""What the core does without; the extra `data` brings it."""
_DESCRIPTION = """\
May this small ONNX model stand in for Netflix's VMAF?

`tinyvmaf gate` answers it: it runs every suite of quality gates on a model and gives one verdict. The other commands
score video with the real libvmaf, extract features of a corpus, fit tiny students to VMAF's SVR, write them as ONNX,
and keep the registry of models."""
_EXAMPLES = """\
examples:
  tinyvmaf gate --model candidate.onnx
  tinyvmaf score ref.mp4 dis.mp4
  tinyvmaf score ref.yuv dis.yuv --size 1920x1080 --pix-fmt yuv420p --json > vmaf.json
  tinyvmaf train --recipe tinyvmaf_nano --out candidates
  tinyvmaf info

exit status: 0 done, 1 could not be done (stderr says why), 2 wrong use"""


def parser(command: str | None = None) -> argparse.ArgumentParser:
    """The whole command line; for the first word that was typed only what its module adds, which takes a fraction of
    the time to import.
    """
    top = TopParser(
        prog="tinyvmaf",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"tinyvmaf {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    for module in dict.fromkeys(task.module for name, task in COMMANDS.items() if command in (None, name)):
        import_module(f"{__name__}.{module}").add_commands(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    ending.heed()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # a path may have bytes that are no UTF-8
    words = sys.argv[1:] if argv is None else argv
    typed(words)
    try:
        arguments = parser(words[0] if words else "").parse_args(words)
        if sys.stdout is None and words[0] != "mcp":
            raise TinyvmafError("standard output is closed", hint="send it to /dev/null if nobody is to read it")
        hide(arguments.quiet)
        status: int = arguments.run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()  # here a full disk is a sentence, not a traceback
    except TinyvmafError as error:
        say_lines(f"tinyvmaf: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as missing:
        if missing.name not in _OF_DATA:
            raise
        extra = _EXTRAS.get(words[0], "data")
        text = f"this needs {missing.name}, which is not installed\n  hint: {install(extra)}"
        say_lines(f"tinyvmaf: {text}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tinyvmaf: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader is gone (`| head`): Python must not flush into the closed pipe at exit.
        sys.stdout = None
        return 1
    except (OSError, MemoryError, ImportError, RuntimeError) as error:
        if (sentence := lacking(error)) is None:
            raise
        if isinstance(error, OSError) and error.filename is None:
            sys.stdout = None  # it may be the output that is full: Python must not flush into it at exit
        say_lines(f"tinyvmaf: {sentence}", file=sys.stderr)
        return 1
    return status
