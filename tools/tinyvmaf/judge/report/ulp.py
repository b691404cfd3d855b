"""Distances between engines as a heat map."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tinyvmaf.measure.charts.words import DASH, finite, line, number

_LEVELS: Final = (2, 32, 1024, 65536)
"""ULP up to which each colour of the heat map goes."""


@dataclass(frozen=True)
class UlpCell:
    """A distance in ULP."""

    text: str
    colour: str
    """A CSS class."""
    outside: bool


@dataclass(frozen=True)
class UlpTable:
    """Distances by engine and size of a batch."""

    head: list[str]
    rows: list[tuple[str, list[UlpCell]]]
    bound: str
    """In ULP; empty where none was asked for."""
    levels: list[str]
    """What the colours stand for."""


def ulp_table(found: Mapping[str, Mapping[str, Any]], bound: Any) -> UlpTable | None:
    """Distances by engine and batch size; None if there are none."""
    engines = {engine: batches for engine, batches in found.items() if batches}
    if not engines:
        return None
    sizes = list(dict.fromkeys(size for batches in engines.values() for size in batches))
    rows = [(engine, [_ulp_cell(batches.get(size), bound) for size in sizes]) for engine, batches in engines.items()]
    edges = [0, *_LEVELS]
    levels = ["0", *(f"{a + 1:,} to {b:,}" for a, b in zip(edges, _LEVELS, strict=False)), "more"]
    head = ["engine", *(f"batch {line(size, 12)}" for size in sizes)]
    return UlpTable(head, rows, number(bound) if finite(bound) else "", levels)


def _ulp_cell(value: Any, bound: Any) -> UlpCell:
    if not finite(value):
        return UlpCell(DASH, "none", outside=False)
    level = 0 if value == 0 else next((n for n, edge in enumerate(_LEVELS, 1) if value <= edge), len(_LEVELS) + 1)
    return UlpCell(number(value), f"h{level}", outside=finite(bound) and value > bound)
