"""The reference of the command line, from the parser itself."""

import argparse
import re
from collections.abc import Iterator
from typing import Final

from tinyvmaf.app.cli import parser
from tinyvmaf.app.cli.tasks import TASKS

from .pages import fenced
from .text import prose

_INTRODUCTION: Final = """\
# Command line

Made from the parser of `tinyvmaf` when this site was built. `tinyvmaf COMMAND --help` prints the same.
"""


def page() -> str:
    """Every command with all its options."""
    top = parser()
    parts = [_INTRODUCTION, fenced(_usage(top), "text")]
    found = dict(below(top))
    for task, commands in TASKS.items():
        parts.append(f"## {task[0].upper()}{task[1:]}\n")
        for name, one in found.items():
            if name.split()[1] in commands:
                parts.append(_command(name, one))
    return "\n".join(parts)


def below(one: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command below a parser, by its name, which begins with `tinyvmaf`."""
    for action in one._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in dict.items(action.choices):
                yield f"{one.prog.split(' [')[0]} {name}", inner
                yield from below(inner)


def _command(name: str, one: argparse.ArgumentParser) -> str:
    parts = [f"### {name}\n", _words(one.description or "") + "\n"]
    parts += [fenced(_usage(one), "text"), f"```{{program}} {name}\n```\n"]
    parts += [_option(one, action) for action in one._actions if action.help != argparse.SUPPRESS]
    if one.epilog:
        parts.append(fenced(one.epilog, "text"))
    return "\n".join(parts)


def _words(text: str) -> str:
    """Text of the help; options in it are code."""
    return prose(re.sub(r"(?<![\w`-])--[a-z][a-z-]*(?: [A-Z]{3,}\b)?", r"`\g<0>`", text))


def _usage(one: argparse.ArgumentParser) -> str:
    return re.sub(r"^usage: |(?<=\n) {7}", "", one.format_usage().strip())


def _option(one: argparse.ArgumentParser, action: argparse.Action) -> str:
    formatter = one._get_formatter()
    default = formatter._get_default_metavar_for_optional(action) if action.option_strings else action.dest
    value = "" if action.nargs == 0 else formatter._format_args(action, default)
    if isinstance(action, argparse._SubParsersAction):
        value = str(action.metavar or "COMMAND")
    names = ", ".join(f"{name} {value}".rstrip() for name in action.option_strings) or value
    words = formatter._expand_help(action) if action.help else ""
    if isinstance(action, argparse._SubParsersAction):
        words = f"one of {', '.join(f'`{name}`' for name in action.choices)}"
    return f"````{{option}} {names}\n\n{_words(words)}\n````\n"
