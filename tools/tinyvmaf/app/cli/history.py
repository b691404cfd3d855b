"""`tinyvmaf bench history` and `plot`: latency over commits."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from tinyvmaf.app.cli.common import Commands, add_command, positive_int, print_table
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.measure import latency_history
from tinyvmaf.measure.charts import known_suffix
from tinyvmaf.terminal import say

_MAKE = "`tox -e latency` measures the models and adds a run"
_ABOUT = """
Changes are found as asv does: the steps of a piecewise-constant fit in the L1 norm. A piece has at least three runs, so
a change shows from its third run on."""


def add_commands(commands: Commands) -> None:
    """Add `history` and `plot`."""
    history = add_command(
        commands,
        "history",
        _history,
        summary="list the runs and the changes of latency",
        description=f"List the runs of the latency history, newest last, and where a ratio changed.\n{_ABOUT}",
        examples="tinyvmaf bench history --model tinyvmaf_nano --batch 1",
    )
    _add_selection(history)
    history.add_argument("--json", action="store_true", help="print a JSON array of series, with runs and changes")
    plot = add_command(
        commands,
        "plot",
        _plot,
        summary="draw the history",
        description=f"Draw a ratio over the runs of the latency history, one panel per model and batch size.\n{_ABOUT}",
        examples="tinyvmaf bench plot --ratio svr --out latency.png",
    )
    _add_selection(plot)
    plot.add_argument(
        "--out",
        type=Path,
        default=Path("latency.svg"),
        metavar="FILE",
        help="SVG or PNG file to write (default: latency.svg)",
    )


def _add_selection(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--history",
        type=Path,
        metavar="FILE",
        help="history to read (default: $TINYVMAF_HISTORY, else .benchmarks/history.jsonl in the checkout)",
    )
    command.add_argument("--model", metavar="ID", help="only this model")
    command.add_argument("--batch", type=positive_int, metavar="N", help="only batches of N rows")
    command.add_argument(
        "--ratio",
        choices=latency_history.RATIOS,
        default="floor",
        help="model / Identity (floor, the default), model / SVR (svr), or model / baseline (baseline)",
    )
    command.add_argument(
        "--machine", metavar="ID", help="only runs of this machine, or `all` (default: the machine of the last run)"
    )


def _history(arguments: argparse.Namespace) -> int:
    path, runs = _read(arguments)
    if arguments.json:
        print(json.dumps([_json(one, runs) for one in _select(arguments, runs)] if runs else [], indent=2))
    elif not runs:
        say(f"There is no history yet at {path}: {_MAKE}.")
    else:
        _print(_select(arguments, runs), runs)
    return 0


def _plot(arguments: argparse.Namespace) -> int:
    known_suffix(arguments.out)
    path, runs = _read(arguments)
    if not runs:
        raise TinyvmafError(f"nothing to draw: there is no history yet at {path}", hint=_MAKE)
    latency_history.draw(arguments.out, runs, _select(arguments, runs))
    say(f"wrote {arguments.out}")
    return 0


def _read(arguments: argparse.Namespace) -> tuple[Path, list[latency_history.Run]]:
    path = latency_history.default_path() if arguments.history is None else arguments.history
    return path, latency_history.read(path)


def _select(arguments: argparse.Namespace, runs: Sequence[latency_history.Run]) -> list[latency_history.Series]:
    return latency_history.select(
        runs, model=arguments.model, batch=arguments.batch, ratio=arguments.ratio, machine=arguments.machine
    )


def _print(selected: Sequence[latency_history.Series], runs: Sequence[latency_history.Run]) -> None:
    rows = []
    for order, one in enumerate(selected):
        marks = {change.index: change.mark for change in one.changes}
        for index, at in enumerate(one.at):
            run, measured = runs[at], runs[at].models[one.model].batches[one.batch]
            ratios = ["" if r is None else f"{r:.3f}" for r in (measured.floor, measured.svr, measured.baseline)]
            cells = [run.at, run.label(), one.machine, one.model, str(one.batch), f"{measured.ns_a_row:.1f}", *ratios]
            rows.append(((at, order), [*cells, marks.get(index, "")]))
    header = [
        "at",
        "commit",
        "machine",
        "model",
        "batch",
        "ns/row",
        *latency_history.RATIOS,
        f"change of {selected[0].ratio}",
    ]
    print_table(header, [row for _, row in sorted(rows)])


def _json(one: latency_history.Series, runs: Sequence[latency_history.Run]) -> dict[str, object]:
    def about(run: latency_history.Run) -> dict[str, object]:
        return {"at": run.at, "commit": run.commit, "dirty": run.dirty}

    measured = [(runs[at], runs[at].models[one.model].batches[one.batch]) for at in one.at]
    return {
        "machine": one.machine,
        "model": one.model,
        "batch": one.batch,
        "ratio": one.ratio,
        "runs": [
            about(run) | {"ns_a_row": m.ns_a_row, "floor": m.floor, "svr": m.svr, "baseline": m.baseline}
            for run, m in measured
        ],
        "changes": [
            {"index": change.index, "before": change.before, "after": change.after, "factor": change.factor}
            | about(measured[change.index][0])
            for change in one.changes
        ],
    }
