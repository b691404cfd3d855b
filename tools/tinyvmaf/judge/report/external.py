"""What the page shows of a model on sets that others measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from tinyvmaf.measure.charts.words import finite, line, number, one_minus

_MOST_CLIPS: Final = 50


@dataclass(frozen=True)
class ExternalSet:
    """A model on one set."""

    head: ClassVar[tuple[str, ...]] = (
        "set",
        "frames",
        "RMSE",
        "worst frame",
        "plcc",
        "worst clip",
        "outside the domain",
        "furthest",
    )
    clip_head: ClassVar[tuple[str, ...]] = (
        "clip",
        "frames",
        "teacher",
        "model",
        "RMSE",
        "worst frame",
        "its number",
        "outside the domain",
    )
    name: str
    row: list[str]
    """By `head`."""
    clips: list[list[str]]
    """By `clip_head`, the worst first."""
    left: int
    """Clips that are not shown."""


def external_sets(found: Mapping[str, Mapping[str, Any]]) -> list[ExternalSet]:
    """Every set of the evidence, in which anything may be missing."""
    shown = []
    for name, one in found.items():
        figures = [number(one.get(key), 3) for key in ("rmse", "max_error")]
        figures += [one_minus(one.get("plcc")), number(one.get("max_clip_error"), 3)]
        furthest = number(one.get("furthest_outside"), 3) if one.get("outside") else ""
        row = [line(name, 80), number(one.get("frames")), *figures, number(one.get("outside")), furthest]
        clips = one.get("clips") or []
        cells = [[line(clip[0], 120), *map(_cell, clip[1:])] for clip in clips[:_MOST_CLIPS]]
        shown.append(ExternalSet(line(name, 80), row, cells, max(0, len(clips) - _MOST_CLIPS)))
    return shown


def _cell(value: Any) -> str:
    return number(value, 4) if isinstance(value, float) and finite(value) else number(value)
