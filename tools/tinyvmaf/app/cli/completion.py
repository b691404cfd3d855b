"""`tinyvmaf completion`: what a shell needs to complete commands, options and values."""

import argparse
import re
from collections.abc import Iterator
from typing import Final

from tinyvmaf.app.cli.common import Commands, add_command

_FOLDER: Final = re.compile("DIR")
_FILE: Final = re.compile("FILE|PATH|MODEL|REF|DIS|RAW|LOG")
_SHELLS: Final = ("bash", "zsh", "fish", "tcsh", "powershell")
_DESCRIPTION: Final = """\
Print a script that completes commands, options and their values in a shell.

bash: put this line into ~/.bashrc:
  eval "$(tinyvmaf completion bash)"
zsh: write the script into a folder of $fpath:
  tinyvmaf completion zsh > ~/.zfunc/_tinyvmaf
fish:
  tinyvmaf completion fish > ~/.config/fish/completions/tinyvmaf.fish"""


def add_commands(commands: Commands) -> None:
    """Add `completion`."""
    command = add_command(commands, "completion", _run, description=_DESCRIPTION, examples="tinyvmaf completion bash")
    command.add_argument("shell", choices=_SHELLS, metavar="SHELL", help=f"one of {', '.join(_SHELLS)}")


def _run(arguments: argparse.Namespace) -> int:
    import shtab

    from tinyvmaf.app.cli import parser

    top = parser()
    for action in _actions(top):
        if what := _FOLDER.search(str(action.metavar)) or _FILE.search(str(action.metavar)):
            action.complete = shtab.DIRECTORY if what.re is _FOLDER else shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(top, shell=arguments.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """The arguments of a parser and of its commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _actions(inner)
        elif action.choices is None:
            yield action
