"""argparse's parser, which says what a mistyped command, option or choice may have meant."""

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NoReturn

from tinyvmaf.app.cli.tasks import COMMANDS, TASKS
from tinyvmaf.errors import nearest
from tinyvmaf.terminal import shown

_UNKNOWN: Final = re.compile(r"unrecognized arguments: (.*)", re.DOTALL)
_CHOICE: Final = re.compile(r"invalid choice: '(.*?)' \(choose from (.*)\)", re.DOTALL)
_NO_COMMAND: Final = "the following arguments are required: COMMAND"


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` whose errors end with the nearest command, option or choice."""

    def error(self, message: str) -> NoReturn:
        """As the base class: prints usage and message, and exits with status 2. Without a command, prints the help."""
        if message == _NO_COMMAND:
            self.print_help(sys.stderr)
            self.exit(2)
        found, files = list[str](), list[str]()
        if unknown := _UNKNOWN.search(message):
            options = sorted(self._options())
            files = [word for word in unknown[1].split() if word.startswith("-") and Path(word).exists()]
            for word in unknown[1].split():
                found += _near(word.partition("=")[0], options) if word.startswith("-") else []
        elif choice := _CHOICE.search(message):
            found = _near(choice[1], [one.strip("' ") for one in choice[2].split(",")])
        message = shown(message) + "".join(f"; the file is ./{shown(word)}" for word in files)
        super().error(f"{message}; did you mean {' and '.join(dict.fromkeys(found))}?" if found else message)

    def _options(self) -> set[str]:
        """The options of this parser and of its commands: the top one reports what a command does not know."""
        found = set(self._option_string_actions)
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                for parser in action.choices.values():
                    found |= parser._options()
        return found

    def _named(self, words: Iterable[str]) -> argparse.ArgumentParser:
        """The parser of the command that words name: this one, or one below it."""
        found: argparse.ArgumentParser = self
        for word in words:
            inner = [one.choices for one in found._actions if isinstance(one, argparse._SubParsersAction)]
            if not inner or word not in inner[0]:
                break
            found = inner[0][word]
        return found


class TopParser(Parser):
    """The parser of `tinyvmaf` itself, whose help shows the commands by task, also those that were not declared."""

    def format_help(self) -> str:
        """As the base class."""
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        formatter.add_text(self.description)
        for title, tasks in TASKS.items():
            formatter.start_section(title)
            listing = argparse._SubParsersAction([], "tinyvmaf", type(self), metavar="")
            for name, task in tasks.items():
                listing._choices_actions.append(listing._ChoicesPseudoAction(name, [], task.summary))
            formatter.add_arguments(listing._choices_actions)
            formatter.end_section()
        formatter.start_section("options")
        formatter.add_arguments([action for action in self._actions if action.option_strings])
        formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As the base class; it remembers the words, so that an error names the command that they are for."""
        self._words = list(args or ())
        return super().parse_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """As `Parser`, with every command as a choice. What a command does not know, that command reports."""
        if _UNKNOWN.search(message) and (command := self._named(self._words)) is not self:
            command.error(message)
        if choice := _CHOICE.search(message):
            known = ", ".join(map(repr, COMMANDS))
            message = message[: choice.start(0)] + f"invalid choice: {choice[1]!r} (choose from {known})"
        super().error(message)


def _near(word: str, known: Iterable[str]) -> list[str]:
    """The nearest, at most one."""
    return [near] if (near := nearest(word, known)) else []
