"""The parts by name. A part is imported when it is asked for."""

from importlib import import_module

from .part import Part

PARTS = {
    "video": "soak.video",
    "onnx": "soak.onnx_files",
    "y4m": "soak.y4m",
    "matroska": "soak.matroska",
    "rpc": "soak.rpc",
    "calls": "soak.calls",
    "killed": "soak.killed",
    "disk": "soak.disk",
    "clock": "soak.clock",
    "gates": "soak.gates",
}
"""The module of each; its `PART` is the part."""


def load(name: str) -> Part:
    """The part of a name."""
    part: Part = import_module(PARTS[name]).PART
    return part
