"""The errors that a user meets: what is wrong, where, and what to do about it."""


class TinyvmafError(Exception):
    """Base of every error that tinyvmaf raises on purpose.

    `message` says what is wrong and where; `hint`, when there is one, says what to do.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n  hint: {self.hint}"


def install(extra: str) -> str:
    """The hint for what one of the package's extras brings: it is on no index, so it is installed from a checkout."""
    return f"in a checkout: pip install -c constraints.txt -e '.[{extra}]'"


class FFmpegNotFoundError(TinyvmafError):
    """No FFmpeg with the libvmaf filter was found."""


class FFmpegError(TinyvmafError):
    """FFmpeg ended with an error, was killed, or ran past its time limit."""


class MediaError(TinyvmafError):
    """An input is missing, empty, truncated or of a kind that is not understood."""


class NotComparableError(TinyvmafError):
    """Two inputs differ in geometry, pixel format or frame count."""


class LogError(TinyvmafError):
    """libvmaf's log lacks frames or columns, or holds a value that is not finite."""


class TeacherError(TinyvmafError):
    """A teacher is unknown, is not in this libvmaf, or is not the one it is said to be."""


class ModelError(TinyvmafError):
    """An ONNX model cannot be loaded, or does not keep the model contract."""


class RegistryError(TinyvmafError):
    """The registry, a sidecar and a model file do not agree."""


class GoldenError(TinyvmafError):
    """A golden file, row or record is missing or is not the published one."""


class CouldNotRunError(TinyvmafError):
    """A gate had nothing to judge, or not what it needs: it neither passed nor failed."""
