"""The bytes of a model file and of what lies beside it."""

from pathlib import Path

from tinyvmaf.errors import ModelError
from tinyvmaf.files import NotRegularError, TooLargeError, read_bounded
from tinyvmaf.model.contract import LARGEST


def content(path: Path, most: int = LARGEST) -> bytes:
    """The bytes of a regular file of fewer than `most` bytes.

    Raises:
        ModelError: it is something else, larger, or cannot be read.
    """
    try:
        return read_bounded(path, most)
    except FileNotFoundError as error:
        raise ModelError(f"no such file: {path}") from error
    except NotRegularError as error:
        raise ModelError(f"{path}: not a regular file") from error
    except TooLargeError as error:
        raise ModelError(f"{path}: {error.size} bytes; fewer than {most} are allowed") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
