"""Text from outside on its way to a terminal: file names, fields of a sidecar, names of tools, settings, errors.

A terminal obeys escape sequences, a line break forges a line, and a bidirectional mark turns a name round.
"""

import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TextIO

_KEPT: Final = "\u200c\u200d"
"""They join letters in some scripts, and emoji."""
_RAW: Final = range(0xDC80, 0xDCA0)
"""Bytes of a file name that are no UTF-8, as Python holds them: these some terminals obey."""
_typed: Final = set[str]()


def typed(words: Iterable[str]) -> None:
    """Words of a command line: where a text of several lines contains one with line breaks, they are not its own."""
    _typed.clear()
    for word in words:
        if "\n" in word:
            path = Path(word)
            _typed.update(part for part in (word, path.name, path.stem) if "\n" in part)


def shown(text: object) -> str:
    r"""The text in one line: control characters, line breaks and bidirectional marks as `\x1b`, `\n`, `\u202e`.

    Other bytes of a file name that are no UTF-8 stay as they are, so that the name can be copied.
    """
    return "".join(map(_shown, str(text)))


def shown_lines(text: object, indent: str = "") -> str:
    """As `shown`, and line breaks stay. What follows one begins with `indent`, if it does not already."""
    content = str(text)
    for word in sorted(_typed, key=len, reverse=True):
        content = content.replace(word, shown(word))
    first, *rest = map(shown, content.split("\n"))
    return "\n".join([first, *(line if not line or line.startswith(indent) else f"{indent}{line}" for line in rest)])


def say(text: object = "", *, file: TextIO | None = None, flush: bool = False) -> None:
    """Print the text as one line."""
    print(shown(text), file=file, flush=flush)


def say_lines(text: object, *, file: TextIO | None = None, flush: bool = False) -> None:
    """Print a text of several lines, such as an error with its hint; every line behind the first is indented."""
    print(shown_lines(text, "  "), file=file, flush=flush)


def _shown(letter: str) -> str:
    if letter.isprintable() or letter in _KEPT:
        return letter
    number = ord(letter)
    if number in _RAW:
        return f"\\x{number - 0xDC00:02x}"
    if unicodedata.category(letter) not in ("Cc", "Cf", "Zl", "Zp"):
        return letter
    return letter.encode("unicode_escape").decode("ascii")
