"""`tinyvmaf certify`: prove that a model gives the same bits on every engine."""

import argparse
import json
import sys

from tinyvmaf.app.cli.common import Commands, add_command, add_feed_options, feed_of, print_table
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.model.certificate import ExactnessCertificate
from tinyvmaf.terminal import say, say_lines

_DESCRIPTION = """\
Prove that an ONNX model gives the same bits on every engine with IEEE 754 float32, for every order of summation, with
or without FMA, for any threads, batch size and graph optimisation. The model is not run. If there is no proof, name the
first operation that breaks it, why, and what to do instead.

A model is certified if every sum in it is exact: activations and weights have few bits, on grids of powers of two (put
Clip(Round(x * 2^a)) in front of each Gemm), and no partial sum exceeds 2^24 grid steps. Functions that engines
approximate (Tanh, Exp, ...) and divisions by anything but a power of two break the proof.

The table lists the sums. accumulator: bits of the largest partial sum; float32 has 24. operands: significant bits of
the two factors; if both are at most 11, TF32 is exact too, and if both are at most 8, bfloat16.

A model with float64 inside is not certified, because some engines compute float64 in float32. The output says whether
it is exact on the others."""

_EXIT_STATUS = "0 all certified, 1 at least one is not, 2 a model could not be read (stderr says why), or wrong use"


def add_commands(commands: Commands) -> None:
    """Add `certify`."""
    command = add_command(
        commands,
        "certify",
        _run,
        description=_DESCRIPTION,
        examples="tinyvmaf certify tinyvmaf_exact\ntinyvmaf certify candidates/tinyvmaf_nano.onnx --json",
        exit_status=_EXIT_STATUS,
    )
    command.add_argument("models", nargs="+", metavar="MODEL", help="id of a registered model, or an ONNX file")
    add_feed_options(command)
    command.add_argument("--json", action="store_true", help="print a JSON object with one entry per MODEL")


def _run(arguments: argparse.Namespace) -> int:
    from tinyvmaf.judge.opened import opened  # imported here: slow

    status, found = 0, {}
    for name in dict.fromkeys(arguments.models):
        try:
            with opened(name, feed_of(arguments), needs_feed=False) as subject:
                found[name] = subject.proof
        except TinyvmafError as error:
            say_lines(f"tinyvmaf certify: {error}", file=sys.stderr)
            status = 2
            continue
        if not found[name].certified:
            status = max(status, 1)
        if not arguments.json:
            _print(name, found[name])
    if arguments.json:
        json.dump({name: certificate.as_dict() for name, certificate in found.items()}, sys.stdout, indent=2)
        say()
    return status


def _print(name: str, certificate: ExactnessCertificate) -> None:
    verdict = "CERTIFIED" if certificate.certified else "NOT CERTIFIED"
    say(f"{name}: {verdict}")
    for line in certificate.explain().splitlines():
        say(f"  {line}")
    if certificate.reductions:
        rows = [
            [r.node, r.op, str(r.accumulator_bits), " x ".join(map(str, r.operand_bits))]
            for r in certificate.reductions
        ]
        print_table(["node", "op", "accumulator", "operands"], rows)
