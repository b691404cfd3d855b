"""What a verdict says of the bounds of a project that are looser than those of tinyvmaf."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tinyvmaf.judge.bounds import Bounds

_BEGINS: Final = "looser bound: "


def told(bounds: "Bounds") -> list[str]:
    """A sentence for each looser bound, for NOT CHECKED: what tinyvmaf asks there is not asked."""
    return [
        f"{_BEGINS}{own.gate.name} {own} ({own.table}: {own.reason}); tinyvmaf asks {ours} ({ours.table})"
        for own, ours in bounds.looser
    ]


def named(not_checked: Iterable[Mapping[str, Any]]) -> list[str]:
    """The gates of such sentences in a record."""
    texts = [entry["text"] for entry in not_checked if entry["text"].startswith(_BEGINS)]
    return sorted({text.removeprefix(_BEGINS).partition(" ")[0] for text in texts})
