"""What a page of scores shows: for each reference and each score, the encodes, their curves, and their worst frames."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.charts.words import line
from tinyvmaf.measure.rate_quality import LITTLE_OVERLAP, BdRateError, RateCurve, bd_rate, grouped
from tinyvmaf.measure.scoring import ENDS, ScoredPair
from tinyvmaf.vmaf.pooling import Figures

WORST: Final = 3
"""Frames of an encode that are marked, and shown as pictures."""
FIGURES: Final = tuple(field.name for field in fields(Figures) if field.name != "frames")
"""The columns of the table."""
_HDR: Final = ("smpte2084", "arib-std-b67")
"""PQ and HLG."""
_LETTERS: Final = 160

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ShownEncode:
    """The scores of one encode by one teacher or model."""

    name: str
    pair: ScoredPair
    score: str
    """Id of the teacher or model."""
    colour: int
    """Number of its colour."""
    values: Floats
    """`[T]`, VMAF points."""
    low: Floats | None = None
    high: Floats | None = None
    """Ends of the 95 % interval of each frame, `[T]`; NaN where it is clipped."""

    @property
    def mean(self) -> float:
        """Over all frames, as libvmaf pools."""
        return float(self.figures.mean or 0.0)

    @cached_property
    def figures(self) -> Figures:
        """Over all frames."""
        return self.pair.summary()[self.score]

    @property
    def interval(self) -> tuple[float, float] | None:
        """Means of the ends over the clip; None if a frame has none."""
        if self.low is None or self.high is None or not np.isfinite(self.low).all():
            return None
        return float(self.low.mean()), float(self.high.mean())

    @property
    def alike(self) -> tuple[float, float] | None:
        """As `interval`, of the model's teacher by the model's formula."""
        teacher = next((one.teacher for one in self.pair.tiny if one.id == self.score), "")
        low, high = (self.pair.summary().get(f"{teacher}_{end}", Figures()).mean for end in ENDS)
        return None if low is None or high is None else (low, high)

    @property
    def worst(self) -> list[int]:
        """The frames with the lowest scores, the worst first."""
        return [int(n) for n in np.argsort(self.values, kind="stable")[:WORST]]


@dataclass(frozen=True)
class ShownCurve:
    """Encodes that are rungs of one encoder."""

    name: str
    encodes: tuple[ShownEncode, ...]
    """By rising bitrate."""
    colour: int
    """Number of its colour."""

    def rate_curve(self) -> RateCurve:
        """For BD-rate."""
        return RateCurve.of(self.name, [one.pair.bitrate for one in self.encodes], [one.mean for one in self.encodes])


@dataclass(frozen=True)
class BdRow:
    """A curve against the first one."""

    name: str
    text: str
    """The number, or why there is none."""
    about: str = ""


@dataclass(frozen=True)
class Block:
    """All encodes of one reference, by one score."""

    reference: Path
    score: str
    """Id of the teacher or model."""
    encodes: tuple[ShownEncode, ...]

    @property
    def fps(self) -> Fraction | None:
        """Frames per second, if it is known and the same for all encodes."""
        rates = {one.pair.fps for one in self.encodes}
        return rates.pop() if len(rates) == 1 else None

    @property
    def hdr(self) -> bool:
        """Whether an input says that it is HDR."""
        inputs = [one.pair.table.inputs for one in self.encodes]
        return any(
            side.transfer in _HDR for one in inputs if one is not None for side in (one.reference, one.distorted)
        )

    def warnings(self) -> list[str]:
        """Why scores may not be what the caller wants, with the name of the encode."""
        found = []
        for one in self.encodes:
            found += [f"{one.name}: {text}" for text in one.pair.warnings]
        return found

    def curves(self) -> list[ShownCurve]:
        """The encodes with a bitrate, as curves; none if fewer than two have one."""
        known = [one for one in self.encodes if one.pair.bitrate is not None]
        if len(known) < 2:
            return []
        groups = [(group.name, [known[i] for i in group.members]) for group in grouped([one.name for one in known])]
        return [
            ShownCurve(name, tuple(sorted(members, key=lambda one: (one.pair.bitrate or 0.0, one.mean))), n)
            for n, (name, members) in enumerate(groups)
        ]

    def bd_rates(self) -> tuple[str, list[BdRow]]:
        """The first curve of several rungs, and each other one against it."""
        curves = [one for one in self.curves() if len(one.encodes) > 1]
        if len(curves) < 2:
            return "", []
        anchor, rows = curves[0].rate_curve(), list[BdRow]()
        for curve in curves[1:]:
            try:
                found = bd_rate(anchor, curve.rate_curve())
            except BdRateError as error:
                rows.append(BdRow(curve.name, "no number", error.message))
                continue
            over = f"over scores {found.low:.2f} to {found.high:.2f}, {100 * found.share:.0f} % of both curves' range"
            little = ": little, so this number says little" if found.share < LITTLE_OVERLAP else ""
            rows.append(BdRow(curve.name, f"{found.percent:+.2f} %".replace("-", "−"), over + little))
        return anchor.name, rows


def blocks_of(pairs: Sequence[ScoredPair]) -> list[Block]:
    """A block for each reference and each score that all of its encodes have."""
    names = short_names([pair.distorted for pair in pairs])
    found = []
    for reference in dict.fromkeys(pair.reference for pair in pairs):
        rows = [(name, pair) for name, pair in zip(names, pairs, strict=True) if pair.reference == reference]
        scores = [pair.all_scores() for _, pair in rows]
        for score in (name for name in scores[0] if all(name in one for one in scores)):
            encodes = [_shown(n, name, pair, score) for n, (name, pair) in enumerate(rows)]
            found.append(Block(reference, score, tuple(encodes)))
    return found


def short_names(paths: Sequence[Path]) -> list[str]:
    """The names of files, without the folders that all have in common; a name that comes twice has a number."""
    try:
        common = os.path.commonpath([path.absolute().parent for path in paths])
        names = [line(path.absolute().relative_to(common).as_posix(), _LETTERS) for path in paths]
    except ValueError:  # Windows: on several drives
        names = [line(path.as_posix(), _LETTERS) for path in paths]
    return [
        name if names.count(name) == 1 else f"{name} ({names[: n + 1].count(name)})" for n, name in enumerate(names)
    ]


def shortened(name: str, most: int) -> str:
    """A name without its middle: encodes differ at its end."""
    tail = most // 2
    return name if len(name) <= most else f"{name[: most - tail - 1]}…{name[-tail:]}"


def inputs_of(pair: ScoredPair) -> list[str]:
    """What was found in the inputs of a pair, and what was decided, a line each."""
    return [] if pair.table.inputs is None else pair.table.inputs.lines()


def _shown(number: int, name: str, pair: ScoredPair, score: str) -> ShownEncode:
    ends = pair.ends(score) or (None, None)
    return ShownEncode(name, pair, score, number, pair.all_scores()[score], *ends)
