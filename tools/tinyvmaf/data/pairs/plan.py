"""Which pairs one FFmpeg measures, how many run at a time, and with how many threads."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from tinyvmaf.vmaf.media import PairOptions

_TOGETHER: Final = 4  # encodes of one reference that one FFmpeg reads: more save little, and take memory
_MOST_TOGETHER: Final = 8


@dataclass(frozen=True)
class AskedPair:
    """A pair of videos, and how they are read."""

    reference: Path
    distorted: Path
    options: PairOptions = field(default_factory=PairOptions)


@dataclass(frozen=True)
class PairBatch:
    """Pairs of one reference that one FFmpeg measures."""

    numbers: tuple[int, ...]
    """Of the pairs."""
    threads: int
    """Of libvmaf, for each pair."""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def plan(
    pairs: Sequence[AskedPair], numbers: Sequence[int], jobs: int | None = None, threads: int | None = None
) -> tuple[list[PairBatch], int]:
    """Batches of pairs, and how many of them run at a time.

    Encodes of one reference go into one FFmpeg, which decodes the reference once. Each core has one pair at a time.

    Args:
        numbers: which of the pairs to measure.
        jobs: batches at a time; None: as the cores allow.
        threads: of libvmaf, for each pair; None: as the cores allow.
    """
    by_reference: dict[object, list[int]] = {}
    for number in numbers:
        pair = pairs[number]
        # Errors that are only listed must be those of one pair.
        alone = pair.options.allow_errors or pair.options.sync != "frames" or not pair.reference.is_file()
        by_reference.setdefault(number if alone else (pair.reference, pair.options), []).append(number)
    count = cores()
    most = min(max(_TOGETHER, count), _MOST_TOGETHER)
    parts = [part for group in by_reference.values() for part in _evenly(group, most)]
    parts.sort(key=lambda part: part[0])
    at_once = jobs or max(1, min(len(parts), count // max(map(len, parts), default=1)))
    # The last batches share the cores that no other batch takes.
    rest = len(parts) % at_once
    batches = []
    for place, part in enumerate(parts):
        beside = rest if place >= len(parts) - rest else at_once
        batches.append(PairBatch(tuple(part), threads or max(1, -(-count // (beside * len(part))))))
    return batches, at_once


def _evenly(numbers: list[int], most: int) -> list[list[int]]:
    """As few parts as possible, none longer than `most`, and of about equal length."""
    parts = -(-len(numbers) // most)
    ends = [len(numbers) * part // parts for part in range(parts + 1)]
    return [numbers[start:end] for start, end in pairwise(ends)]
