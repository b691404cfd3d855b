"""What a part of the soak test is, and what may become of a trial."""

import enum
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from random import Random


class Verdict(enum.Enum):
    """What became of a trial."""

    REFUSED = "refused"
    """One sentence, and status 1."""
    SAME = "same"
    """What it gives without the attack."""
    ACCEPTED = "accepted"
    """What was attacked is sound all the same, and does what it says."""
    WARNED = "warned"
    """Another result, with a warning."""
    UNSEEN = "unseen"
    """Another result without a warning, of a file that FFmpeg itself has nothing to say against."""
    NOT_TRIED = "not tried"
    """Not possible on this machine."""
    WRONG = "WRONG"
    """Another result without a warning, or an answer to somebody who must not get one."""
    CRASH = "CRASH"
    HANG = "HANG"
    MEMORY = "TOO MUCH MEMORY"
    LEFT = "LEFT BEHIND"
    """A process or a file is still there."""


BAD = frozenset({Verdict.WRONG, Verdict.CRASH, Verdict.HANG, Verdict.MEMORY, Verdict.LEFT})


@dataclass(frozen=True)
class Result:
    """One trial."""

    what: str
    """The kind of attack in a word or three: a row of the table."""
    verdict: Verdict
    detail: str = ""


Trial = Callable[[int, Random], Result]
"""Tries one thing. The number and the dice decide what; the same number and seed try the same again."""


@dataclass(frozen=True)
class Part:
    """One door, and the attacks on it."""

    name: str
    about: str
    """One line for `--help`."""
    opened: Callable[[Path], AbstractContextManager[Trial]]
    """Prepares files and servers in the folder, which is empty and private, and gives the trial."""
    limit_s: float = 60.0
    """Seconds of one trial, after which it is a HANG."""
    memory_mb: int = 1000
    """The most that a process may take which a trial starts and awaits."""
    cases: int | None = None
    """How many different trials there are, where they can be counted: the part ends there."""
    watched: bool = True
    """Whether the soak test itself looks for processes and temporary files after each trial. A part with a pool of its
    own says no, and looks itself."""
