"""The names and the least size of what models of pictures take and give; `pictures` has the rest of their contract."""

from pathlib import Path
from typing import Final

from tinyvmaf.files import NotRegularError, TooLargeError, read_bounded
from tinyvmaf.model.contract import LARGEST, faults, file_faults

LUMA: Final = "luma"
"""The input of a model that takes pictures."""
PICTURE: Final = "picture"
"""The output of a filter."""
SMALLEST: Final = 64
"""The least height and width of a picture."""


def picture_file_faults(path: Path, output: str) -> list[str]:
    """As `contract.file_faults`, of a file whose kind takes luma.

    Args:
        output: what its kind gives, `score` or `picture`.
    """
    try:
        data = read_bounded(path, LARGEST)
    except (OSError, NotRegularError, TooLargeError):
        return file_faults(path)  # which says it
    return picture_faults(data, output)


def picture_faults(data: bytes, output: str) -> list[str]:
    """As `contract.faults`, of a file whose kind takes luma and gives `output`."""
    found = faults(data)
    if not 0 < len(data) < LARGEST:
        return found
    import onnx  # slow, and of no use to who needs the names

    from tinyvmaf.model.contract.pictures import interface_faults

    try:
        interface = interface_faults(onnx.load_model_from_string(data).graph, output)
    except Exception:  # protobuf and onnx do not document what they raise on hostile bytes
        return found
    return [*interface, *(one for one in found if one not in interface)]
