"""The kinds of input: what they are, what makes them, and what is right. The data are the files of `table/`."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parent / "table"


@dataclass(frozen=True)
class Kind:
    """A pair of inputs. It has one right score, or no score."""

    id: str
    what: str
    """What is special about the pair."""
    reference: str = "src.mp4"
    distorted: str = "dis.mp4"
    options: str = ""
    """Options of `tinyvmaf score`, as typed."""
    command: str = ""
    """The whole command line, where it is not `tinyvmaf score REF DIS OPTIONS`."""
    bare: str = ""
    """The FFmpeg command that gives the right score."""
    score: float | None = None
    """What `bare` gave when it was written down: the mean VMAF, to 6 decimals."""
    warns: str = ""
    """A phrase of the warning that must be printed."""
    says: str = ""
    """A phrase of what the output must say about how the inputs were read."""
    refused: str = ""
    """A phrase of the sentence that refuses the pair."""
    why: str = ""
    """Why it is refused."""
    instead: str = ""
    """What to type."""
    like: str = ""
    """The id of the kind that is refused for the same reason."""
    seen: str = ""
    """Where people met it."""
    quick: bool = False
    """Whether the normal run tries it."""
    xfail: str = ""
    """Why it is known to be wrong."""
    stable: bool = True
    """Whether `bare` gives the same score on every machine: not all encoders do."""

    @property
    def typed(self) -> str:
        """The command line for this pair, for a shell."""
        return (
            self.command or f"tinyvmaf score {quoted(self.reference)} {quoted(self.distorted)} {self.options}".strip()
        )


@dataclass(frozen=True)
class Table:
    """All kinds, and the commands that make their files."""

    variables: dict[str, str]
    """Shell variables of the commands."""
    files: dict[str, str]
    """The command that makes each file, by the file's name."""
    chapters: dict[str, tuple[str, tuple[Kind, ...]]]
    """Title and kinds, by the name of the chapter's file."""

    @property
    def kinds(self) -> list[Kind]:
        return [kind for _, kinds in self.chapters.values() for kind in kinds]

    def used_in(self, command: str) -> list[str]:
        """The files of the table that a command names."""
        return [name for name in self.files if re.search(rf"(?<![\w.%-]){re.escape(name)}(?![\w.-])", command)]


def quoted(name: str) -> str:
    """A file's name for a shell: in single quotes where it needs them."""
    return name if re.fullmatch(r"[\w.%/-]+", name) else f"'{name}'"


def read_table(folder: Path = TABLE) -> Table:
    """The table; a key that no kind has is a TypeError, an id that stands twice a ValueError."""
    parts: dict[str, dict[str, Any]] = {
        path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.toml"))
    }
    variables: dict[str, str] = {}
    files: dict[str, str] = {}
    for part in parts.values():
        variables |= part.get("variables", {})
        files |= part.get("files", {})
    chapters = {
        name: (part["title"], tuple(Kind(**kind) for kind in part["kind"]))
        for name, part in parts.items()
        if "kind" in part
    }
    table = Table(variables, files, chapters)
    ids = [kind.id for kind in table.kinds]
    if twice := {name for name in ids if ids.count(name) > 1}:
        raise ValueError(f"ids that stand twice: {twice}")
    return table
