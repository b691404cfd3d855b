"""`tinyvmaf prove`: prove how far a model is from its teacher at most, everywhere in the domain."""

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tinyvmaf.app.cli.common import (
    Commands,
    add_command,
    add_feed_options,
    add_ffmpeg_option,
    feed_of,
    positive_float,
    positive_int,
)
from tinyvmaf.app.cli.progress import proof_bar
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.model import registry
from tinyvmaf.model.contract.words import in_one_line
from tinyvmaf.terminal import say, say_lines

if TYPE_CHECKING:
    from tinyvmaf.measure.proof.proving import Found
    from tinyvmaf.model.subject import Subject
    from tinyvmaf.vmaf.teacher import Teacher

_CORES = os.cpu_count() or 1
_DESCRIPTION = """\
Prove that a model is nowhere more than so many VMAF points from its teacher: at no row of features that real video can
have, rounding included. This is no search: the domain is cut into boxes, and each box is shown to be within the bound,
or split. The result is one of

  PROVEN        no row of the domain exceeds the bound
  REFUTED       here is a row that does; the model was run on it
  OPEN          neither: time was up, or boxes became too small. The output says how much of the domain is left
  NOT PROVABLE  no proof exists for this kind of graph; the output says which operator it is

Without --bound it is the bound that was proven before, else the largest difference that the model's sidecar promises,
else 2 points. A tighter bound takes longer: half of it about five times as long.

What is done is kept in the cache, by the hashes of model, teacher, domain and method, and by the bound. A run that was
stopped (Ctrl-C, --seconds) goes on when the same command is typed again.

The method and what it assumes: docs/proof.md."""
_EXIT_STATUS = "0 all proven, 1 at least one is refuted or open, 2 at least one cannot be proven or read, or wrong use"


def add_commands(commands: Commands) -> None:
    """Add `prove`."""
    command = add_command(
        commands,
        "prove",
        _run,
        description=_DESCRIPTION,
        examples="tinyvmaf prove tinyvmaf_nano\n"
        "tinyvmaf prove their.onnx --bound 1 --seconds 600\n"
        "tinyvmaf prove tinyvmaf_nano --bound 0.45 --record",
        exit_status=_EXIT_STATUS,
    )
    command.add_argument(
        "models", nargs="*", metavar="MODEL", help="id of a registered model, or an ONNX file (default: all registered)"
    )
    command.add_argument("--bound", type=positive_float, metavar="X", help="in VMAF points")
    command.add_argument(
        "--jobs", type=positive_int, metavar="N", default=_CORES, help="processes, at most one a core (default)"
    )
    command.add_argument("--seconds", type=positive_float, metavar="S", help="stop then, for each MODEL")
    command.add_argument("--restart", action="store_true", help="forget what an earlier run has done")
    command.add_argument(
        "--record", action="store_true", help="record what is proven of a registered model; the contract gate checks it"
    )
    command.add_argument("--json", action="store_true", help="print a JSON object with one entry per MODEL")
    add_feed_options(command)
    add_ffmpeg_option(command)


def _run(arguments: argparse.Namespace) -> int:
    from tinyvmaf.measure.proof import NoProofError  # imported here: slow

    status, answers = 0, {}
    for name in dict.fromkeys(arguments.models or [one.id for one in registry.subjects()]):
        try:
            answer = _prove(name, arguments)
        except NoProofError as error:
            answer = {"status": "not provable", "reason": str(error)}
            if not arguments.json:
                say_lines(f"{name}: NOT PROVABLE: {error}")
        except TinyvmafError as error:
            say_lines(f"tinyvmaf prove: {error}", file=sys.stderr)
            status = 2
            continue
        answers[name] = answer
        status = max(status, {"proven": 0, "not provable": 2}.get(answer["status"], 1))
    if arguments.json:
        json.dump(answers, sys.stdout, indent=2)
        say()
    return status


def _prove(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    from tinyvmaf.judge import proofs
    from tinyvmaf.judge.opened import opened
    from tinyvmaf.measure.proof.proving import PARTS, prove
    from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
    from tinyvmaf.vmaf.teacher import load_teacher

    with opened(name, feed_of(arguments), arguments.ffmpeg) as subject:
        teacher = load_teacher(find_ffmpeg(arguments.ffmpeg), subject.teacher_id)
        if arguments.record and not subject.registered:
            raise TinyvmafError(f"{name} is not registered, so nothing can be recorded", hint=_register(name))
        bound = arguments.bound or proofs.bound_of(subject)
        claim = proofs.claim_of(subject, teacher, bound)
        journal = proofs.journal_of(claim)
        if arguments.restart:
            journal.unlink(missing_ok=True)
        _require_provable(subject, teacher)
        started = time.monotonic()
        try:
            with proof_bar(f"{subject.id} within {bound:g}") as tell:
                found = prove(
                    subject.data,
                    teacher,
                    bound,
                    subject.features,
                    jobs=min(arguments.jobs, _CORES),
                    journal=journal,
                    progress=tell,
                    seconds=arguments.seconds or float("inf"),
                )
        except KeyboardInterrupt:
            say(f"what is done of {subject.id} is kept: {_again(name, bound, arguments)} goes on", file=sys.stderr)
            raise
        answer = {
            "status": found.status,
            "bound_points": bound,
            "largest_proven_points": found.largest,
            "boxes": found.boxes,
            "share_left": found.left,
            "parts_done": found.done,
            "seconds": round(time.monotonic() - started, 1),
            "teacher": teacher.id,
            "method": claim.method,
        }
        if found.row is not None:
            score, expected = proofs.scores_of(subject, teacher, found.row)
            answer |= {
                "row": dict(zip(teacher.feature_names, found.row, strict=True)),
                "score": score,
                "teacher_score": expected,
                "difference_points": found.difference,
            }
        if not arguments.json:
            for line in _lines(name, found, answer, PARTS, arguments):
                say(line)
        if arguments.record and found.status == "proven":
            answer["record"] = str(proofs.record(subject, teacher, found))
            if not arguments.json:
                say(f"  recorded: {answer['record']}, with its sidecar, card and registry; commit them")
        return answer


def _require_provable(subject: "Subject", teacher: "Teacher") -> None:
    from tinyvmaf.measure.proof import NoProofError
    from tinyvmaf.measure.proof.provable import provable

    try:
        provable(subject.data, teacher, subject.features)
    except TinyvmafError:
        raise
    except Exception as error:  # of onnx, where it cannot compute the constants of a graph
        raise NoProofError(f"its constants cannot be computed: {in_one_line(error)}") from error


def _register(path: str) -> str:
    return shlex.join(["tinyvmaf", "register", path])


def _again(name: str, bound: float, arguments: argparse.Namespace) -> str:
    """The command that goes on."""
    words = ["tinyvmaf", "prove", name, "--bound", f"{bound:g}", *feed_of(arguments).words()]
    words += [f"--ffmpeg={arguments.ffmpeg}"] if arguments.ffmpeg else []
    return shlex.join([*words, *(["--record"] if arguments.record else [])])


def _see(name: str, row: list[float] | None, arguments: argparse.Namespace) -> str:
    """The command that shows both scores of a row."""
    options = asdict(feed_of(arguments)) | {"ffmpeg": arguments.ffmpeg}
    more = [f"{option}={json.dumps(value)}" for option, value in options.items() if value is not None]
    code = f"from tinyvmaf.judge.proofs import show; show({', '.join([json.dumps(name), str(row), *more])})"
    return shlex.join(["python", "-c", code])


def _lines(
    name: str, found: "Found", answer: dict[str, Any], parts: int, arguments: argparse.Namespace
) -> Iterator[str]:
    bound, looked = f"{found.bound:g} points", f"{found.boxes:,} boxes, {answer['seconds']:g} s"
    row = found.row
    values = ", ".join(f"{key} {value:.9g}" for key, value in answer.get("row", {}).items())
    if found.status == "proven":
        yield f"{name}: PROVEN: nowhere in the domain is it more than {bound} from {answer['teacher']}"
        yield f"  largest bound of a box {found.largest:.6g}; {looked}"
    elif found.status == "refuted":
        yield (
            f"{name}: REFUTED: it says {answer['score']:.6f}, {answer['teacher']} says {answer['teacher_score']:.6f}: "
            f"{found.difference:.6g} points apart, more than {found.bound:g}"
        )
        yield f"  at {values}"
        yield f"  see it: {_see(name, row, arguments)}"
    else:
        yield f"{name}: OPEN: {found.left:.2%} of the domain is not proven within {bound}; {looked}"
        if row is not None:
            yield f"  a row in what is left: {values}; the difference there is {found.difference:.4g}"
        if found.done < parts:
            again = _again(name, found.bound, arguments)
            yield f"  {found.done} of {parts} parts are done and kept; to go on: {again}"
        else:
            yield "  boxes became too small: try a larger --bound"
