"""Which encodes are rungs of one curve, by their names."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# A number, unless it belongs to the name of a codec.
_PARTS: Final = re.compile(
    r"((?<![0-9])(?:[xh]\.?26[1-9]|av[12]|vp[89]|mpeg-?[124])(?![0-9]))|(\d+(?:\.\d+)?)", re.IGNORECASE
)


@dataclass(frozen=True)
class Group:
    """Encodes whose names differ only in numbers."""

    name: str
    """Their name, with `*` for each number that differs."""
    members: tuple[int, ...]
    """Indices of the names."""


def grouped(names: Sequence[str]) -> list[Group]:
    """Names that differ only in numbers, such as `x264_slow_400k.mp4` and `x264_slow_800k.mp4`, are a group.

    At least one of the numbers differs in all names of a group: `p4_crf30`, `p4_crf40`, `p6_crf30` and `p6_crf40` are
    two groups, because a preset is no rung.
    """
    split: dict[tuple[str, ...], list[int]] = defaultdict(list)
    texts, numbers = zip(*(_split(name) for name in names), strict=True) if names else ((), ())
    for index, text in enumerate(texts):
        split[text].append(index)
    found = [part for text in split for part in _distinct(split[text], numbers)]
    return [Group(_named(texts[part[0]], [numbers[i] for i in part]), tuple(part)) for part in sorted(found)]


def _split(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The texts around the numbers of a name, one more than numbers, and the numbers."""
    texts, numbers, end = [""], [], 0
    for part in _PARTS.finditer(name):
        texts[-1] += name[end : part.end() if part[1] else part.start()]
        end = part.end()
        if part[2]:
            numbers.append(part[2])
            texts.append("")
    texts[-1] += name[end:]
    return tuple(texts), tuple(numbers)


def _distinct(members: list[int], numbers: Sequence[tuple[str, ...]]) -> list[list[int]]:
    """Split members, by the number with the fewest values, until one number differs in all of them."""
    values = [len({numbers[i][n] for i in members}) for n in range(len(numbers[members[0]]))]
    differing = [n for n, count in enumerate(values) if count > 1]
    if not differing or max(values) == len(members):
        return [members]
    by = min(differing, key=lambda n: values[n])
    parts: dict[str, list[int]] = defaultdict(list)
    for i in members:
        parts[numbers[i][by]].append(i)
    return [one for part in parts.values() for one in _distinct(part, numbers)]


def _named(texts: Sequence[str], numbers: Sequence[Sequence[str]]) -> str:
    shown = [column[0] if len(set(column)) == 1 else "*" for column in zip(*numbers, strict=True)]
    return "".join(text + number for text, number in zip(texts, [*shown, ""], strict=True))
