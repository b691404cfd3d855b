"""Markup that its content cannot break: whatever is not markup already is escaped."""

import html
from collections.abc import Iterable
from typing import Final

from tinyvmaf.judge.report.words import clean

_VOID: Final = frozenset({"br", "hr", "meta", "circle", "line", "path", "rect"})
"""Written without an end where they are empty."""


class Markup(str):
    """Text that is HTML or SVG already."""

    __slots__ = ()


def escaped(text: object) -> Markup:
    """Any text as markup that shows it."""
    return text if isinstance(text, Markup) else Markup(html.escape(clean(text)))


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """An element. Children and attributes are escaped, and left out where they are None.

    In the names of attributes a trailing `_` is dropped, any other is a hyphen.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"' if value is not True else f" {key}"
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    content = join(children)
    if name in _VOID and not content:
        return Markup(f"<{name}{written}/>" if name != "br" else "<br>")
    return Markup(f"<{name}{written}>{content}</{name}>")


def join(parts: Iterable[object], between: str = "") -> Markup:
    """Parts one after the other, without those that are None."""
    return Markup(between.join(escaped(part) for part in parts if part is not None))
