"""`tinyvmaf certify`: does a model give the same bits on every engine?"""

import argparse
import json
import sys
from pathlib import Path

from tinyvmaf.app.cli.common import Commands, add_command, print_table
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.model.certificate import ExactnessCertificate, certify_file

_DESCRIPTION = """\
Prove that an ONNX model gives bit-identical results on every engine that computes float32 as IEEE 754 says, whatever
the order in which it adds, FMA, threads, batch size and rewriting of the graph. Nothing of the model runs. Or name the
first operation at which the proof ends, why, and what to do instead.

A model is certified if every sum in it is exact: activations and weights of few bits on grids of powers of two, as
Clip(Round(x * 2^a)) in front of each Gemm makes them, and no partial sum above 2^24 steps of the grid. Functions that
engines approximate (Tanh, Exp, ...) and divisions but by powers of two break it.

The table lists the sums. accumulator: bits that the largest partial sum takes, of 24. operands: significant bits of the
two factors; where both are at most 11, TF32 is exact as well, and at most 8, bfloat16.

A model with float64 inside is not certified, as there are engines that compute float64 in float32; whether it is exact
on the others is said."""

_EPILOG = """\
exit status: 0 all are certified, 1 one is not, 2 one could not be looked at (the reason is on stderr), or wrong use"""


def add_commands(commands: Commands) -> None:
    """Add `certify`."""
    command = add_command(
        commands,
        "certify",
        _run,
        summary="prove that a model gives the same bits on every engine",
        description=_DESCRIPTION,
    )
    command.epilog = _EPILOG
    command.add_argument("models", nargs="+", metavar="MODEL", help="ONNX file, or id of a registered model")
    command.add_argument("--json", action="store_true", help="print JSON, an object with an entry for each MODEL")


def _run(arguments: argparse.Namespace) -> int:
    status, found = 0, {}
    for name in dict.fromkeys(arguments.models):
        try:
            found[name] = certify_file(_path(name))
        except TinyvmafError as error:
            print(f"tinyvmaf certify: {error}", file=sys.stderr)
            status = 2
            continue
        if not found[name].certified:
            status = max(status, 1)
        if not arguments.json:
            _print(name, found[name])
    if arguments.json:
        json.dump({name: certificate.as_dict() for name, certificate in found.items()}, sys.stdout, indent=2)
        print()
    return status


def _path(name: str) -> Path:
    if name.endswith(".onnx") or Path(name).exists():
        return Path(name)
    from tinyvmaf.model import registry  # it needs more than a file does

    return registry.find(name).onnx


def _print(name: str, certificate: ExactnessCertificate) -> None:
    verdict = "CERTIFIED" if certificate.certified else "NOT CERTIFIED"
    print(f"{name}: {verdict}")
    for line in certificate.explain().splitlines():
        print(f"  {line}")
    if certificate.reductions:
        rows = [
            [r.node, r.op, str(r.accumulator_bits), " x ".join(map(str, r.operand_bits))]
            for r in certificate.reductions
        ]
        print_table(["node", "op", "accumulator", "operands"], rows)
