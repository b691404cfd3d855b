"""Text of the code as Markdown."""

import re
from typing import Final

_CODE: Final = re.compile(r"``[^`]+``|`[^`]+`")
_SPECIAL: Final = re.compile(r"(?<!\\)([<*_\[\]{}#|~$])")


def prose(text: str) -> str:
    """Text in which only `code` means something: no letter of it becomes markup."""
    parts, end = list[str](), 0
    for code in _CODE.finditer(text):
        parts += [_SPECIAL.sub(r"\\\1", text[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, _SPECIAL.sub(r"\\\1", text[end:])])


def cell(text: str) -> str:
    """Text in a table."""
    return re.sub(r"(?<!\\)\|", r"\\|", prose(" ".join(text.split())))


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table; its cells are Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
