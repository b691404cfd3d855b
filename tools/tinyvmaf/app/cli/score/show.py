"""The tables of `tinyvmaf score`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from typing import Final

from tinyvmaf.app.cli.common import print_table
from tinyvmaf.measure.scoring import NOTE, PictureScores, ScoredPair, ScoredVideo
from tinyvmaf.terminal import say, shown
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.pooling import Figures

FIGURES: Final = tuple(field.name for field in fields(Figures) if field.name != "frames")
WORST: Final = 5
"""Worst frames that are shown."""
_WIDTH: Final = 13  # of a number, as of the longest heading


def show_measured_by(pair: ScoredPair, ffmpeg: FFmpeg) -> None:
    """Print which FFmpeg, libvmaf and models gave the numbers."""
    say(ffmpeg)
    say(f"libvmaf {pair.table.version}")
    for teacher in pair.teachers:
        say(f"teacher {teacher.id}, sha256 {teacher.sha256}")
    for tiny in pair.tiny:
        say(f"tiny model {tiny.id}, sha256 {tiny.sha256}")
    _show_decoded(pair.decoded)


def show_video_measured_by(scored: ScoredVideo, ffmpeg: FFmpeg) -> None:
    """Print which FFmpeg and models gave the numbers, and that they are no VMAF."""
    say(ffmpeg)
    _show_decoded(scored.models)


def _show_decoded(models: Sequence[PictureScores]) -> None:
    for one in models:
        say(f"no-reference model {one.id}, sha256 {one.sha256}, fitted to {one.teacher}")
    if models:
        say(f"{', '.join(one.id for one in models)}: {NOTE}")


def show_pair(pair: ScoredPair, *, frames: bool) -> None:
    """Print one pair: what was seen of its inputs, then the summary or a line for each frame."""
    for line in [] if pair.table.inputs is None else pair.table.inputs.lines():
        say(line)
    say(f"{len(pair)} frames{', from the store' if pair.stored else ''}")
    say()
    if frames:
        timed = [] if pair.fps is None else ["time"]
        columns = pair.columns()
        rows = [
            [str(n), *([pair.time_code(n)] if timed else []), *(_number(values[n]) for values in columns.values())]
            for n in range(len(pair))
        ]
        print_table(["frame", *timed, *columns], rows)
        return
    summary = pair.summary()
    print_table(["", *FIGURES], [[name, *_figures(figures)] for name, figures in summary.items()])
    for name, figures in summary.items():
        if figures.frames < len(pair):
            say(f"{name}: {len(pair) - figures.frames} of {len(pair)} frames have no finite value")
    say()
    say(f"worst frames by {pair.teachers[0].id}:")
    scores = pair.all_scores()
    timed = [] if pair.fps is None else ["time"]
    print_table(
        ["frame", *timed, *scores],
        [
            [str(n), *([pair.time_code(n)] if timed else []), *(_number(values[n]) for values in scores.values())]
            for n in pair.worst(WORST)
        ],
    )


def show_video(scored: ScoredVideo, *, frames: bool) -> None:
    """Print a video that was scored without a reference: what was seen of it, then the summary or its frames."""
    seen = scored.record()
    matrix = "" if seen["matrix"] is None else f", {seen['matrix']}"
    for line in (f"video: {seen['path']}, {seen['format']}, {seen['range']} range{matrix}", *seen["decided"]):
        say(shown(line))
    say(f"{len(scored)} frames")
    say()
    rows = [*range(len(scored))]
    if not frames:
        print_table(["", *FIGURES], [[name, *_figures(figures)] for name, figures in scored.summary().items()])
        say()
        say(f"worst frames by {scored.models[0].id}:")
        rows = scored.worst(WORST)
    columns, timed = scored.columns(), [] if scored.fps is None else ["time"]
    print_table(
        ["frame", *timed, *columns],
        [
            [str(n), *([scored.time_code(n)] if timed else []), *(_number(values[n]) for values in columns.values())]
            for n in rows
        ],
    )


class SummaryTable:
    """One table for several pairs or videos, whose rows are printed as they are scored."""

    def __init__(self, names: Sequence[str]) -> None:
        """
        Args:
            names: of all pairs or videos, in their order.
        """
        self._names = names
        self._width = max(map(len, names))
        self._metrics = 0

    def add(self, number: int, pair: ScoredPair) -> None:
        """Print the rows of a pair: one for each score, and for each feature that was asked for."""
        rows = {name: one for name, one in pair.summary().items() if name in pair.asked or name not in pair.features}
        self._rows(number, pair, rows)
        for line in () if pair.table.inputs is None else pair.table.inputs.decided:
            say(f"{'':{self._width}}  {line}", flush=True)

    def add_alone(self, number: int, scored: ScoredVideo) -> None:
        """Print the rows of a video that was scored without a reference: one for each model."""
        self._rows(number, scored, scored.summary())

    def _rows(self, number: int, scored: ScoredPair | ScoredVideo, rows: Mapping[str, Figures]) -> None:
        if not self._metrics:
            self._metrics = max(map(len, rows))
            say()
            self._line("", "", [*FIGURES, "worst frame"])
        (worst,) = scored.worst(1)
        for place, (name, figures) in enumerate(rows.items()):
            where = f"{worst} {scored.time_code(worst)}".strip() if place == 0 else ""
            self._line("" if place else self._names[number], name, [*_figures(figures), where])

    def _line(self, name: str, metric: str, cells: Sequence[str]) -> None:
        numbers = "".join(f"{cell:>{_WIDTH + 2}}" for cell in cells[:-1])
        say(f"{name:<{self._width}}  {metric:<{self._metrics}}{numbers}  {cells[-1]}".rstrip(), flush=True)


def _figures(figures: Figures) -> list[str]:
    return ["-" if value is None else _number(value) for value in astuple(figures)[: len(FIGURES)]]


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.6f}"
