"""The commands by task: their modules and one line each, for `tinyvmaf --help` without an import of any command."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class TopCommand:
    """A command that is named directly after `tinyvmaf`."""

    module: str
    """The module of this package that declares it."""
    summary: str


TASKS: Final = {
    "judge a model": {
        "gate": TopCommand("gate", "run every suite and give one verdict"),
        "certify": TopCommand("certify", "prove that a model gives the same bits on every engine"),
        "prove": TopCommand("prove", "prove how far a model is from its teacher, everywhere"),
        "refit": TopCommand("refit", "fit the recipes of registered models anew, and compare"),
        "bench": TopCommand("bench", "latency of a model, its baseline and history"),
        "scoreboard": TopCommand("scoreboard", "measure every candidate of a folder, side by side"),
    },
    "score video": {
        "score": TopCommand("score", "score distorted videos against their references"),
        "web": TopCommand("web", "write a page that scores feature rows in a browser"),
        "info": TopCommand("info", "show the FFmpeg, libvmaf and teachers in use"),
    },
    "make a model": {
        "train": TopCommand("train", "fit students by recipes"),
        "recipes": TopCommand("train", "list the built-in recipes"),
        "quantise": TopCommand("quantise", "make and measure the quantised variants of a model"),
        "export-teacher": TopCommand("models", "write a teacher's SVR as ONNX"),
        "adopt": TopCommand("models", "make a third-party file one that can be registered"),
    },
    "keep models": {
        "init": TopCommand("init", "make the current folder a project"),
        "models": TopCommand("models", "list models"),
        "verify": TopCommand("models", "check models against their contract and hashes"),
        "register": TopCommand("models", "add a model to the registry"),
        "unregister": TopCommand("models", "take a model out of the registry"),
    },
    "get data": {
        "corpus": TopCommand("corpus", "check, build or split a corpus; measure extremes"),
        "extract": TopCommand("extract", "extract features and teacher scores of a corpus"),
        "import": TopCommand("import_", "import logs of libvmaf, and opinions"),
        "golden": TopCommand("golden", "files and feature rows of the golden gate"),
        "store": TopCommand("store", "the store (cache) of measurements and fits"),
    },
    "use it from elsewhere": {
        "mcp": TopCommand("mcp", "serve the Model Context Protocol"),
        "completion": TopCommand("completion", "print the completion of a shell"),
    },
}
"""By task, in the order of `tinyvmaf --help`."""

COMMANDS: Final = {name: task for tasks in TASKS.values() for name, task in tasks.items()}
"""Every command that is named directly after `tinyvmaf`."""
