"""The errors that users see: what is wrong, where, and what to do."""

from collections.abc import Iterable
from pathlib import Path


class TinyvmafError(Exception):
    """Base of every error that tinyvmaf raises on purpose.

    `message` says what is wrong and where; the optional `hint` says what to do.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n  hint: {self.hint}"


def install(extra: str) -> str:
    """The hint that installs an extra of tinyvmaf."""
    if not Path(__file__).parents[2].joinpath("constraints.txt").is_file():  # from a wheel
        return f"pip install 'tinyvmaf[{extra}]'"
    return f"in a checkout: pip install -c constraints.txt -e '.[{extra}]'"


def known_hint(word: str, names: Iterable[str], what: str = "known") -> str:
    """The hint for a word that is none of `names`: the nearest one, if any is near, and all of them."""
    names = list(names)
    near = nearest(word, names)
    return f"{f'did you mean {near}? ' if near else ''}{what}: {', '.join(names) or 'none'}"


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name that a misspelt word may mean: one of the same letters, else the most similar; None if none is near."""
    import difflib  # only when something was misspelt

    names = list(names)
    same = [one for one in names if sorted(one) == sorted(word)]
    return next(iter(same or difflib.get_close_matches(word, names, n=1)), None)


class FFmpegNotFoundError(TinyvmafError):
    """No FFmpeg with the libvmaf filter was found."""


class FFmpegError(TinyvmafError):
    """FFmpeg failed, was killed, or ran past its time limit."""

    stderr: str = ""
    """All that FFmpeg printed."""


class MediaError(TinyvmafError):
    """A video file is missing, empty, damaged or of an unknown kind."""


class NotComparableError(TinyvmafError):
    """Two videos differ in frame size, pixel format, range or frame count."""


class LogError(TinyvmafError):
    """libvmaf's log lacks frames or columns, or has a value that is not finite."""


class TeacherError(TinyvmafError):
    """A teacher is unknown, is not in this libvmaf, or has another sha256 than expected."""


class ModelError(TinyvmafError):
    """An ONNX model cannot be loaded, or breaks the model contract."""


class RegistryError(TinyvmafError):
    """The registry, a sidecar and a model file disagree."""


class GoldenError(TinyvmafError):
    """A golden file, row or record is missing or wrong."""


class ClusterError(TinyvmafError):
    """A Dask cluster is lost, or has a worker that would measure other numbers."""


class MachineError(TinyvmafError):
    """This machine lacks room, memory, open files or a permission; no input is at fault."""


class CouldNotRunError(TinyvmafError):
    """A gate lacks something it needs, so it neither passed nor failed."""


class ProjectError(CouldNotRunError):
    """The settings of a project are wrong, or there is no project to write to."""
