"""The journal of a proof: each part that is done is a line of JSON, so that a run that was stopped goes on."""

import json
from dataclasses import asdict
from pathlib import Path

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.measure.proof.branching import Progress


def read_journal(path: Path | None) -> dict[int, Progress]:
    """The parts that are done, by their numbers."""
    if path is None or not path.exists():
        return {}
    done = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
            number = int(entry.pop("part"))
            left = [(centre, tuple(splits)) for centre, splits in entry.pop("left")]
            candidates = [(size, row) for size, row in entry.pop("candidates")]
            done[number] = Progress(**entry, left=left, candidates=candidates)
        except (ValueError, KeyError, TypeError, AttributeError):  # the last line of a run that was killed
            continue
    return done


def add_to_journal(path: Path | None, number: int, part: Progress) -> None:
    """Write down a part.

    Raises:
        TinyvmafError: it cannot be written.
    """
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            # The line before may be half of one.
            file.write("\n" + json.dumps({"part": number} | asdict(part)))
    except OSError as error:
        hint = "set TINYVMAF_CACHE to a folder that you may write to"
        raise TinyvmafError(f"{path}: {error.strerror}", hint=hint) from error
