"""Random graphs: a certified one gives the same bits in every computation, and those of exact arithmetic.

Small graphs are made at random: quantised-looking nets, with random bits, scales and activations, and with random
breaks. Whatever of them is certified has to give 0 ULP between exact arithmetic with one correct rounding an operation
(the strongest check: it knows of no engine), sums in other orders, with FMA, and from the bias on, graphs rewritten as
engines rewrite them, and ONNX Runtime, the ONNX reference evaluator, PyTorch and OpenVINO. Seeds are fixed; for more
graphs than those of `tox -e fuzz`, set TINYVMAF_FUZZ_GRAPHS.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest

from tinyvmaf.model.certificate import ExactnessCertificate, certify
from tinyvmaf.model.certificate.proof import Walk
from tinyvmaf.model.certificate.values import Refusal, Values

from ..effort import tries
from .evaluators import Exact, Flushing, Plain, openvino, rows_of, ways
from .nets import Array, Net
from .random_graphs import Gardener

pytestmark = pytest.mark.fuzz

GRAPHS = int(os.environ.get("TINYVMAF_FUZZ_GRAPHS", tries(50, 1000)))


# Tests.


@dataclass
class Seen:
    """One graph, its certificate, and the computations that disagreed."""

    net: Net
    seed: int
    certificate: ExactnessCertificate
    different: list[str]


@cache
def seen() -> tuple[Seen, ...]:
    """All graphs of this run, computed in every way."""
    found = []
    for seed in range(GRAPHS):
        net = Gardener(seed).grow()
        certificate = certify(net.onnx())
        rows = rows_of(net, seed)
        if certificate.exact_in_float64:  # true of all that are certified, too
            found.append(Seen(net, seed, certificate, different_from_exact(net, seed, rows)))
        else:
            found.append(Seen(net, seed, certificate, different_from_each_other(net, seed, rows)))
    return tuple(found)


def different_from_exact(net: Net, seed: int, rows: Array) -> list[str]:
    exact = Exact().run(net, rows)
    found = []
    for name, run in ways(net, seed, engines=True):
        made = run(rows)
        if made.dtype != np.float32 or made.shape != exact.shape or not np.array_equal(made, exact):
            found.append(name)
    return found


def different_from_each_other(net: Net, seed: int, rows: Array) -> list[str]:
    first, found = None, []
    for name, run in ways(net, seed, engines=False):
        try:
            made = run(rows)
        except Exception:
            continue  # not every refused graph runs everywhere
        first = made if first is None else first
        if not np.array_equal(made, first, equal_nan=True):
            found.append(name)
    return found


def told(one: Seen) -> str:
    lines = [f"{s.op}({', '.join(s.takes)}) -> {s.makes} {s.attributes or ''}" for s in one.net.steps]
    return "\n".join([f"graph {one.seed} differs in {', '.join(one.different)}", *lines, repr(one.net.constants)])


def test_a_certified_graph_gives_the_same_bits_in_every_computation() -> None:
    """Includes graphs that are proven for float64 only; OpenVINO, which lacks float64, does not run them."""
    wrong = [one for one in seen() if one.certificate.exact_in_float64 and one.different]
    assert not wrong, told(wrong[0])


def test_every_value_lies_within_its_proven_bounds() -> None:
    """Checks interval, grid and bits of each element of each value, up to the node that the proof refuses."""
    some, checked = seen()[: max(200, GRAPHS // 10)], 0
    for one in some:
        walk = Walk(one.net.onnx())
        with suppress(Refusal):
            walk.run()
        held = Plain().all(one.net, rows_of(one.net, one.seed, count=4))
        for name, known in walk.known.items():
            if known.kind in ("float32", "float64"):
                checked += keeps_to(known, held[name], f"{name} of\n{told(one)}")
    assert checked > 200 * len(some)


def keeps_to(known: Values, made: Array, where: str) -> int:
    """Assert that finite values match what the proof knows about them; returns their number."""
    lo, hi, grid, bits = (np.broadcast_to(part, made.shape) for part in (known.lo, known.hi, known.grid, known.bits))
    places = np.flatnonzero(np.isfinite(made) & (made != 0))
    for i in places:
        numerator, denominator = float(made.flat[i]).as_integer_ratio()
        twos = (numerator & -numerator).bit_length() - 1
        exponent = twos - denominator.bit_length() + 1
        assert exponent >= grid.item(i), where
        assert (numerator >> twos).bit_length() <= bits.item(i), where
    unit = Fraction(2) ** known.unit
    for i in places:
        assert lo.item(i) * unit <= Fraction(float(made.flat[i])) <= hi.item(i) * unit, where
    zeros = made == 0
    assert all(lo[zeros] <= 0), where
    assert all(hi[zeros] >= 0), where
    return len(places)


def test_a_fair_share_is_certified_and_a_fair_share_is_not() -> None:
    """A proof that refuses everything fails here, and so does one that certifies everything."""
    proven = [one for one in seen() if one.certificate.exact_in_float64]
    double = [one for one in proven if not one.certificate.certified]
    assert 0.2 * GRAPHS <= len(proven) - len(double) <= 0.8 * GRAPHS
    assert len(double) >= 0.02 * GRAPHS


def test_many_of_the_refused_graphs_do_differ() -> None:
    """A measure of completeness: these graphs are rightly refused."""
    refused = [one for one in seen() if not one.certificate.exact_in_float64]
    found = [one for one in refused if one.different]
    print(f"{GRAPHS} graphs, {len(refused)} refused, {len(found)} of those were seen to differ")
    assert len(found) >= 0.25 * len(refused)


def test_what_is_safe_from_flushing_does_not_show_it() -> None:
    safe = [one for one in seen() if one.certificate.flush_to_zero_safe]
    assert len(safe) >= 0.1 * GRAPHS
    for one in safe:
        rows = rows_of(one.net, one.seed)
        np.testing.assert_array_equal(Flushing().run(one.net, rows), Plain().run(one.net, rows), told(one))


@pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")
def test_openvino_agrees() -> None:
    certified = [one for one in seen() if one.certificate.certified]
    for one in certified if GRAPHS > 1000 else certified[:40]:
        rows = rows_of(one.net, one.seed)
        np.testing.assert_array_equal(openvino(one.net.onnx(), rows), Plain().run(one.net, rows), told(one))
