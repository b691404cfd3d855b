"""Options of `tinyvmaf gate` and of the suites, each declared once."""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True)
class Option:
    """One option: argparse and pytest's parser are both filled from it."""

    name: str
    """Without the dashes."""
    metavar: str | None
    """None for a flag."""
    help: str
    repeatable: bool = False
    is_path: bool = False
    """pytest runs in the checkout, wherever the command was typed, so the gate makes it absolute."""
    of_suites: bool = False
    """Only pytest has it."""
    handed_on: bool = True
    """`tinyvmaf gate` hands it on as it is; else it acts on it by itself."""

    def declare(self, add: Callable[..., object], **more: Any) -> None:
        """Declare it: `add` is argparse's `add_argument` or pytest's `addoption`."""
        if self.metavar is None:
            add(f"--{self.name}", action="store_true", help=self.help)
        elif self.repeatable:
            add(f"--{self.name}", action="append", metavar=self.metavar, help=self.help, **more)
        else:
            add(f"--{self.name}", metavar=self.metavar, help=self.help, **more)

    def words(self, arguments: argparse.Namespace) -> Iterator[str]:
        """It and its value, for pytest; nothing if it was not given."""
        value = getattr(arguments, self.name.replace("-", "_"))
        for one in (value or ()) if self.repeatable else () if value is None else (value,):
            yield f"--{self.name}={Path(one).absolute() if self.is_path else one}"


OPTIONS: Final = (
    Option("model", "PATH", "judge this ONNX file instead of the registered models; again for more", True, True),
    Option("feature-order", "A,B,...", "features that --model takes, if no sidecar says so"),
    Option("input-mean", "X,Y,...", "subtracted from them before the graph of --model"),
    Option("input-std", "X,Y,...", "what the rest is divided by"),
    Option("waivers", "FILE", "known, dated exceptions (default: waivers.toml, if it is there)", is_path=True),
    Option("report", "DIR", "where the report goes (default: report/)", is_path=True, handed_on=False),
    Option("fail-not-checked", None, "fail where something could not be checked", handed_on=False),
    Option("engine", "NAME", "backends: only this engine; again for more; two families or it fails", True),
    Option("require-engine", "NAME", "backends: could not run without it; again for more", True),
    Option("mos", "FILE", "loso: opinions, clip,mos[,ci], for recipes that fit them", is_path=True),
    Option("baseline", "PATH", "latency: what models may not be slower than, instead of the stored ones", is_path=True),
    Option("data-root", "DIR", "corpus on disk to judge instead of the embedded one", is_path=True),
    Option("assume-dims", "WxH[:FMT]", "geometry of the raw files under --data-root"),
    Option("ffmpeg", "PATH", "FFmpeg with the libvmaf filter (else $TINYVMAF_FFMPEG, else found)"),
    Option("record", None, "write golden records anew; such a run always fails", of_suites=True),
    Option("recipe", "R", "loso: recipe to judge: TOML file, name, or all", True, of_suites=True),
    Option("history", "FILE", "latency: add the run to a history", of_suites=True),
    Option("part", "FILE", "give no verdict, and write what was found here: tinyvmaf gate joins it", of_suites=True),
)
_MORE_FOR_PYTEST: Final[dict[str, dict[str, Any]]] = {
    "report": {"default": "report"},
    # Without a value: $TINYVMAF_HISTORY, else .benchmarks/history.jsonl.
    "history": {"nargs": "?", "const": ""},
}


def declare_for_pytest(add: Callable[..., object]) -> None:
    """Declare all of them."""
    for option in OPTIONS:
        option.declare(add, **_MORE_FOR_PYTEST.get(option.name, {}))


def declare_for_gate(add: Callable[..., object]) -> None:
    """Declare those that are not of suites only."""
    for option in OPTIONS:
        if not option.of_suites:
            option.declare(add)


def handed_on(arguments: argparse.Namespace) -> list[str]:
    """What `tinyvmaf gate` was told, for pytest, with its `-k` and all that stands behind `--`."""
    found = [word for one in OPTIONS if one.handed_on and not one.of_suites for word in one.words(arguments)]
    return [*found, *(("-k", arguments.k) if arguments.k is not None else ()), *arguments.pytest]
