"""Options of `tinyvmaf gate` and of the suites, each declared once."""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tinyvmaf.model.third_party import FeedOptions


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
    """The gate makes it absolute, because pytest runs in the checkout."""
    of_suites: bool = False
    """Only pytest has it, `tinyvmaf gate` does not."""
    handed_on: bool = True
    """`tinyvmaf gate` passes it to pytest; else the gate handles it."""

    def declare(self, add: Callable[..., object], **more: Any) -> None:
        """Declare it: `add` is argparse's `add_argument` or pytest's `addoption`."""
        if self.metavar is None:
            add(f"--{self.name}", action="store_true", help=self.help)
        elif self.repeatable:
            add(f"--{self.name}", action="append", metavar=self.metavar, help=self.help, **more)
        else:
            add(f"--{self.name}", metavar=self.metavar, help=self.help, **more)

    def words(self, arguments: argparse.Namespace) -> Iterator[str]:
        """The option with its value, for pytest's command line; nothing if it was not given."""
        value = getattr(arguments, self.name.replace("-", "_"), None)
        if self.metavar is None:
            yield from (f"--{self.name}",) if value else ()
            return
        for one in (value or ()) if self.repeatable else () if value is None else (value,):
            yield f"--{self.name}={Path(one).absolute() if self.is_path else one}"


OPTIONS: Final = (
    Option("model", "PATH", "judge this ONNX file instead of the registered models; repeatable", True, True),
    Option("models", "ID", "judge this registered model, and no other; repeatable", True),
    Option("feature-order", "A,B,...", "features that the model takes, in input order, if it has no sidecar"),
    Option("input-mean", "X,Y,...", "mean of each feature, subtracted before the model's graph"),
    Option("input-std", "X,Y,...", "standard deviation of each feature, divided by after the mean"),
    Option(
        "normalisation",
        "WHO",
        "graph: mean and std of the sidecar only describe what the model's graph does; sidecar: they are applied in "
        "front of it; none: nothing normalises",
    ),
    Option("waivers", "FILE", "known exceptions with an expiry (default: waivers.toml, if it exists)", is_path=True),
    Option("report", "DIR", "folder to write the report to (default: report/)", is_path=True, handed_on=False),
    Option("fail-not-checked", None, "fail if anything is NOT CHECKED", handed_on=False),
    Option(
        "allow",
        "WORD",
        "NOT CHECKED instead of COULD NOT RUN where something is not ours: gates, home, plugins, selection, settings; "
        "repeatable",
        repeatable=True,
    ),
    Option("engine", "NAME", "backends: only this engine; repeatable; needs engines of two families", True),
    Option("require-engine", "NAME", "backends: COULD NOT RUN if this engine is missing; repeatable", True),
    Option("mos", "FILE", "loso: opinion scores for recipes that fit them, a CSV file: clip,mos[,ci]", is_path=True),
    Option("baseline", "PATH", "latency: compare with this ONNX file instead of the stored baselines", is_path=True),
    Option(
        "features",
        "FILE",
        "external, loso, corpus: a set that tinyvmaf import made, or as published; repeatable",
        repeatable=True,
        is_path=True,
    ),
    Option("data-root", "DIR", "corpus on disk to check instead of the embedded one", is_path=True),
    Option("assume-dims", "WxH[:FMT]", "geometry of the raw files under --data-root"),
    Option("ffmpeg", "PATH", "FFmpeg with the libvmaf filter (default: $TINYVMAF_FFMPEG, else one is found)"),
    Option("record", None, "write golden records anew; such a run always fails", of_suites=True),
    Option("recipe", "R", "loso: recipe to judge: TOML file, built-in name, or all; repeatable", True, of_suites=True),
    Option("refit", None, "loso: believe no record of a fit, and fit", of_suites=True),
    Option("history", "FILE", "latency: add the run to this history", of_suites=True),
    Option("part", "FILE", "for tinyvmaf gate: write the results to this file and give no verdict", of_suites=True),
)
_MORE_FOR_PYTEST: Final[dict[str, dict[str, Any]]] = {
    "report": {"default": "report"},
    # Without a value: $TINYVMAF_HISTORY, else .benchmarks/history.jsonl.
    "history": {"nargs": "?", "const": ""},
}


def declare_for_pytest(add: Callable[..., object]) -> None:
    """Declare all options but `--allow`, which the plugin declares itself."""
    for option in OPTIONS:
        if option.name != "allow":
            option.declare(add, **_MORE_FOR_PYTEST.get(option.name, {}))


def declare_for_plugin(add: Callable[..., object]) -> None:
    """Declare `--allow`: wherever the plugin is, it is understood."""
    next(one for one in OPTIONS if one.name == "allow").declare(add)


def declare_for_gate(add: Callable[..., object]) -> None:
    """Declare the options of `tinyvmaf gate`."""
    for option in OPTIONS:
        if not option.of_suites:
            option.declare(add)


def declare_for_feed(add: Callable[..., object]) -> None:
    """Declare the options that say how a model is fed, for any command that takes one."""
    for option in OPTIONS:
        if option.name in FeedOptions.names():
            option.declare(add)


def handed_on(arguments: argparse.Namespace) -> list[str]:
    """The options of `tinyvmaf gate` to pass to pytest, with `-k` and everything after `--`."""
    found = [word for one in OPTIONS if one.handed_on and not one.of_suites for word in one.words(arguments)]
    return [*found, *(("-k", arguments.k) if arguments.k is not None else ()), *arguments.pytest]
