"""`tinyvmaf quantise`: the quantised variants of a float model, and what each one takes and gives."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tinyvmaf.app.cli.common import (
    Commands,
    add_command,
    add_feed_options,
    add_ffmpeg_option,
    feed_of,
    positive_int,
    print_table,
)
from tinyvmaf.app.cli.progress import progress_bar
from tinyvmaf.errors import TinyvmafError, known_hint
from tinyvmaf.terminal import say
from tinyvmaf.train.quantise.words import WORDS

if TYPE_CHECKING:
    from tinyvmaf.judge.scoreboard import Line
    from tinyvmaf.model.subject import Subject

TABLE: Final = "quantised"
_DESCRIPTION: Final = """\
Make the quantised variants of a float model and print a table of what each one takes and gives.

Ranges are those of samples of the teacher's domain and of its corners; no clip is seen. Each feature is scaled by
itself, and the first and the last product stay in float32, unless --as-it-is hands the file to ONNX Runtime's
quantiser unchanged.

RMSE, worst frame, PLCC drop   from the float model, on the embedded corpus, in VMAF points
ULP                            the largest distance between engines here, or of a row alone from itself in a batch
1 row, 4096 rows               times of the float model, measured in turns
gates                          which of the gates on PLCC drop, RMSE and ULP it misses

Registered models that are proven exact stand below: their weights and activations are whole numbers of few bits.

--out DIR will contain, for each method, ID_METHOD.onnx with a sidecar that names the float model and its sha256; the
float model, unless it is registered; and the table as quantised.md and quantised.json. Next: tinyvmaf gate --model.

methods:
"""


def add_commands(commands: Commands) -> None:
    """Add `quantise`."""
    command = add_command(
        commands,
        "quantise",
        _quantise,
        description=_DESCRIPTION + "\n".join(f"  {name:<9} {words}" for name, words in WORDS.items()),
        examples="tinyvmaf quantise candidates/mlp_small.onnx --out variants\n"
        "tinyvmaf quantise candidates/mlp_small.onnx --out variants --only qdq,qat",
        exit_status="0 all were made and measured, 1 some were not, 2 wrong use",
    )
    command.add_argument("model", metavar="MODEL", help="id of a registered model, or an ONNX file")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write the variants to")
    command.add_argument("--only", metavar="METHODS", help="some of them, separated by commas (default: all)")
    command.add_argument(
        "--as-it-is", action="store_true", help="leave the graph as it is, and the quantiser its own settings"
    )
    command.add_argument(
        "--samples", type=positive_int, default=4096, metavar="N", help="rows for calibration (default 4096)"
    )
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of samples and training (default 0)")
    command.add_argument("--no-table", action="store_true", help="make the files, and measure nothing")
    command.add_argument("--json", action="store_true", help="print JSON")
    add_feed_options(command)
    add_ffmpeg_option(command)


def _quantise(arguments: argparse.Namespace) -> int:
    # Imported here: ONNX and its runtime are slow to import.
    from tinyvmaf.judge.opened import opened

    methods = [] if arguments.only is None else [*dict.fromkeys(arguments.only.split(","))]
    for method in methods:
        if method not in WORDS:
            raise TinyvmafError(f"--only {method}: there is no such method", hint=known_hint(method, WORDS))
    if arguments.seed < 0:
        raise TinyvmafError(f"--seed {arguments.seed}: a seed is 0 or more")
    with opened(arguments.model, feed_of(arguments), arguments.ffmpeg) as subject:
        parent, files, failed = _make(subject, methods, arguments)
    for sentence in failed:
        say(sentence)
    if arguments.no_table:
        for path in files:
            say(f"{path}  {path.stat().st_size} bytes")
        return int(bool(failed))
    return max(_table(parent, files, arguments), int(bool(failed)))


def _make(
    subject: "Subject", methods: list[str], arguments: argparse.Namespace
) -> tuple["Subject", list[Path], list[str]]:
    """The parent where it stays, the variants, and a sentence for each that could not be made."""
    from tinyvmaf.judge import kinds
    from tinyvmaf.train.quantise import job_of, made, methods_for, refuse, write_variant
    from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
    from tinyvmaf.vmaf.teacher.own import FOLDER, load_teacher

    refuse(subject)
    methods = methods or methods_for(subject.data)
    teacher = load_teacher(find_ffmpeg(arguments.ffmpeg), subject.teacher_id, [subject.path.parent / FOLDER])
    given = {"samples": arguments.samples, "seed": arguments.seed, "as_it_is": arguments.as_it_is}
    job = job_of(subject.data, subject.features, teacher, **given)
    parent, files, failed = _parent_in(subject, arguments.out), list[Path](), list[str]()
    with progress_bar(subject.id, "methods") as report:
        for number, method in enumerate(methods):
            try:
                data = made(method, job)
            except TinyvmafError as error:
                failed.append(f"{method}: not made: {error.message}" + (f"; {error.hint}" if error.hint else ""))
            else:
                new = write_variant(parent, method, data, kind=kinds.find("regressor"), folder=arguments.out)
                files.append(new.path)
            report(number + 1, len(methods))
    return parent, files, failed


def _parent_in(subject: "Subject", out: Path) -> "Subject":
    """The parent where its variants find it: as it is registered, or written beside them."""
    from tinyvmaf.model import registry

    there = out / f"{subject.id}.onnx"
    if subject.registered:
        return subject
    if there.exists():
        if there.read_bytes() != subject.data:
            raise TinyvmafError(f"{there} would be overwritten, and is another file", hint="--out DIR: another folder")
        return subject.at(there)
    beside = subject.file.with_suffix(".md")
    card = beside.read_text(encoding="utf-8") if beside.is_file() else f"# {subject.id}\n"
    return registry.register(subject.id, subject.data, subject.sidecar.as_dict(), card, out)


def _table(parent: "Subject", files: list[Path], arguments: argparse.Namespace) -> int:
    from tinyvmaf.files import write_atomic
    from tinyvmaf.judge.variants import table

    beside = table.grids(parent.teacher_id)
    paths = [parent.file, *files, *(one.file for one in beside)]
    lines: list[Line] = []
    with progress_bar("measure", "steps") as report:
        for number, path in enumerate(paths):
            steps = list(table.STEPS)

            def begun(step: str, number: int = number, steps: list[str] = steps) -> None:
                report(number * len(steps) + steps.index(step), len(paths) * len(steps))

            lines.append(table.measured(path, parent.file, arguments.ffmpeg, begun))
    variants = {path.stem for path in files}
    rows = [table.row(one, is_variant=one.name in variants, teacher=parent.teacher_id) for one in lines]
    listed = [one.as_dict() | {"gates": cells[-1]} for one, cells in zip(lines, rows, strict=True)]
    text = json.dumps({"parent": parent.id, "sha256": parent.sha256, "lines": listed}, indent=2)
    write_atomic(arguments.out / f"{TABLE}.json", text + "\n")
    write_atomic(arguments.out / f"{TABLE}.md", table.markdown(rows, lines))
    if arguments.json:
        print(text)
    else:
        print_table(table.HEADINGS, rows)
        for names, note in table.noted(lines):
            say(f"{names}: {note}")
    return int(any(one.figures.keys() != table.FIGURES.keys() for one in lines[1:]))
