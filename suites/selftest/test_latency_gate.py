"""The latency gate, on copies with models that are slow, wrong or not timed at all: each must be caught."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from tinyvmaf.files import home
from tinyvmaf.model.registry import register
from tinyvmaf.model.sidecar import read_sidecar
from tinyvmaf.vmaf.ffmpeg import FFmpeg

from .conftest import Gate

FAIL, COULD_NOT_RUN = 1, 10
MODEL = "tinyvmaf_nano"
QUIET = ("--benchmark-quiet",)
# What is red is looked at again some seconds later, for the machine may be busy for a while; here it is the model.
RACE = "import tinyvmaf.measure.latency.race as race"
CONFIRM_AT_ONCE = (RACE, "race.PAUSES_S = (0.0, 0.0)")
NEVER_CONFIRM = (RACE, "race.PAUSES_S = ()")


Only = Callable[[bytes], None]


@pytest.fixture
def only(copy: Path) -> Only:
    """Registers a changed nano as the only model; the baseline stays that of the good one."""

    def enter(data: bytes) -> None:
        like = read_sidecar(home() / f"model/{MODEL}.json").as_dict()
        kept = ("kind", "feature_order", "teacher", "engines", "training", "measured", "promised", "licence")
        (copy / "model/registry.json").unlink()
        register(MODEL, data, {name: like[name] for name in kept}, "card", copy / "model")
        also(copy, *CONFIRM_AT_ONCE)

    return enter


@pytest.fixture
def nano() -> onnx.ModelProto:
    return onnx.load(home() / f"model/{MODEL}.onnx")


def failed_tests(out: str) -> set[str]:
    return set(re.findall(r"^(?:FAILED|ERROR) suites/latency/test_latency.py::(\w+)", out, re.MULTILINE))


def also(copy: Path, *lines: str) -> None:
    """Lines more at the end of the gate's own fixtures in the copy."""
    path = copy / "suites/latency/conftest.py"
    path.write_text("\n".join([path.read_text(encoding="utf-8"), *lines, ""]), encoding="utf-8")


def batches(sizes: tuple[int, ...]) -> str:
    """A line that times only these batch sizes."""
    return f"import tinyvmaf.measure.latency.measured as one; one.BATCHES = latency.BATCHES = {sizes}"


def behind(model: onnx.ModelProto, op: str, other: str, times: int = 1) -> bytes:
    """The model with nodes more at its end."""
    for number in range(times):
        last = next(node for node in model.graph.node if "score" in node.output)
        last.output[0] = f"before_{number}"
        model.graph.node.append(helper.make_node(op, [f"before_{number}", other], ["score"]))
    return bytes(model.SerializeToString())


def test_an_unchanged_model_passes_and_is_a_line_more_in_the_history(gate: Gate, copy: Path) -> None:
    history = copy / "history.jsonl"
    also(copy, batches((1, 4096)))
    status, out = gate("latency", *QUIET, "--history", str(history), "-k", f"{MODEL} and not whole")
    assert status == 0, out
    assert re.search(r"VERDICT: PASS \(\d+ outcomes on \d+ values, 0 failed\)", out), out
    (told,) = (json.loads(line) for line in history.read_text(encoding="utf-8").splitlines())
    assert set(told["models"][MODEL]["batches"]) == {"1", "4096"}
    status, out = gate("latency", *QUIET, "--history", str(history), "-k", f"{MODEL} and grown")
    assert status == 0, out
    assert "nothing was added, for no model was measured at every batch size" in out
    assert len(history.read_text(encoding="utf-8").splitlines()) == 1


def test_every_bound_is_held(gate: Gate, copy: Path) -> None:
    """The unchanged model against bounds that it cannot meet: each of them must be in the message."""
    tight = {
        f"floor.model.{MODEL}": "1",
        "teacher": "0.001",
        "baseline": "0.5",
        "frames_a_second.tier.nano": "1e9",
        "whole_path": "0.5",
    }
    text = (copy / "gates.toml").read_text(encoding="utf-8")
    for name, value in tight.items():
        pattern = rf"({re.escape(f'[latency.{name}]')}\nvalue = )[^\n]*"
        text, count = re.subn(pattern, rf"\g<1>{value}", text)
        assert count == 1, name
    (copy / "gates.toml").write_text(text, encoding="utf-8")
    also(
        copy,
        "latency_run.PATH_PASSES = 2",
        batches((1,)),  # the least and the largest at once, so all bounds are its
        "from dataclasses import replace",
        "from tinyvmaf.judge.gates import GATES",  # in which a bound that cannot be met makes no sense
        "GATES |= {n: replace(g, lowest=0.0, highest=1e9) for n, g in GATES.items() if n.startswith('latency.')}",
    )
    status, out = gate("latency", *QUIET, "-k", f"{MODEL} and (fast or whole)")
    assert status == FAIL, out
    for message in (
        "time of a call with one row: 1 of 1 values outside <= 1 ",
        "time of a row among 4096: 1 of 1 values outside",
        "time of a row: 1 of 1 values outside <= 0.5 ",
        "frames a second of the model alone, one row a call: 1 of 1",
        "time from two files of 1080p to the model's scores: 1 of 1",
    ):
        assert message in out, (message, out)


def test_where_nothing_is_resolved_the_gate_could_not_run(gate: Gate, copy: Path) -> None:
    """Every verdict made unresolved: none may count as a pass."""
    unresolved = "{one: latency.RatioVerdict('unresolved', race.ratio(one.lane, one.to)) for one in bounds}"
    also(copy, batches((16,)), f"latency.judge = lambda start, bounds, race: {unresolved}")
    status, out = gate("latency", *QUIET, "-k", f"{MODEL} and (fast or tell)")
    assert status == COULD_NOT_RUN, out
    assert "3 of 3 bounds are unresolved" in out
    assert re.search(
        r"  - tinyvmaf_nano, batch 16: .* times the Identity floor against .*: too noisy here to tell", out
    )


def test_under_a_tracer_the_gate_could_not_run(gate: Gate, copy: Path) -> None:
    """As coverage and debuggers do: what runs in Python is slowed, and that by the call."""
    also(copy, "import sys", "sys.settrace(lambda *rest: None)")
    status, out = gate("latency", *QUIET, "-k", f"{MODEL} and 16]")
    assert status == COULD_NOT_RUN, out
    assert "latency cannot be measured under a tracer" in out


def test_a_file_of_ones_own_is_judged_and_compared_with_another(gate: Gate, copy: Path, nano: onnx.ModelProto) -> None:
    mine, history = copy / "mine.onnx", copy / "history.jsonl"
    mine.write_bytes((copy / f"model/{MODEL}.onnx").read_bytes())
    mine.with_suffix(".json").write_bytes((copy / f"model/{MODEL}.json").read_bytes())
    status, out = gate("latency", *QUIET, "--model", str(mine), "--history", str(history), "-k", "16] or grown")
    assert status == 0, out
    assert "VERDICT: PASS" in out
    assert "nothing was added, for it is that of the registered models" in out
    assert not history.exists()
    also(copy, *CONFIRM_AT_ONCE)
    slower = copy / f"model/baseline/{MODEL}.onnx"
    nano.graph.initializer.append(numpy_helper.from_array(np.array(-1, np.float32), "below"))
    mine.write_bytes(behind(nano, "Max", "below", times=40))
    sidecar = json.loads(mine.with_suffix(".json").read_text(encoding="utf-8"))
    sidecar |= {"sha256": hashlib.sha256(mine.read_bytes()).hexdigest(), "id": "mine", "kind": "teacher"}
    mine.with_suffix(".json").write_text(json.dumps(sidecar), encoding="utf-8")
    status, out = gate("latency", *QUIET, "--model", str(mine), "--baseline", str(slower), "-k", "1]")
    assert status == FAIL, out
    assert "time of a call with one row: 1 of 1 values outside" in out, "whatever its sidecar says it is"
    assert f"again: tox -e latency -- --model={mine} --baseline={slower} -k 'mine and fast and 1]'" in out
    mine.write_bytes(b"nothing")
    status, out = gate("latency", *QUIET, "--model", str(mine), "-k", "16]")
    assert status == FAIL, out
    assert "mine.onnx does not keep the contract" in out


def test_a_graph_with_idle_nodes_is_slow_at_one_row_and_has_grown(
    gate: Gate, only: Only, nano: onnx.ModelProto
) -> None:
    nano.graph.initializer.append(numpy_helper.from_array(np.array(-1, np.float32), "below"))
    only(behind(nano, "Max", "below", times=40))
    status, out = gate("latency", *QUIET, "-k", "grown or (fast and 1])")
    assert status == FAIL, out
    assert failed_tests(out) == {"test_graph_has_not_grown", "test_is_fast_enough"}, out
    for to in ("Identity floor", "baseline's time"):
        assert re.search(rf"batch 1, times the {to} +\S+ +\S+ +<", out), out
    assert re.search(r"\d+ nodes|growth of bytes over the baseline", out), out
    assert "99 % interval" in out
    assert "the first race, with sessions of its own" in out


def test_a_wide_layer_that_changes_nothing_is_slow_in_bulk(gate: Gate, only: Only, nano: onnx.ModelProto) -> None:
    rng = np.random.default_rng(0)
    for name, shape in (("wide_in", (6, 1000)), ("wide_out", (1000, 1)), ("nothing", ())):
        value = np.zeros(shape, np.float32) if name == "nothing" else rng.random(shape, dtype=np.float32)
        nano.graph.initializer.append(numpy_helper.from_array(value, name))
    nano.graph.node.extend(
        [
            helper.make_node("MatMul", ["features", "wide_in"], ["wide"]),
            helper.make_node("MatMul", ["wide", "wide_out"], ["sum"]),
            helper.make_node("Clip", ["sum", "nothing", "nothing"], ["zero"]),
        ]
    )
    only(behind(nano, "Add", "zero"))
    status, out = gate("latency", *QUIET, "-k", "fast and 256]")
    assert status == FAIL, out
    assert re.search(r"batch 256, times the baseline's time +\d\.\d+ +\S+ +<", out), out
    assert failed_tests(out) == {"test_is_fast_enough"}


@pytest.mark.parametrize("wrong", ["one row of 6,912", "every row by seven points", "nan on one row"])
def test_a_fast_model_with_a_wrong_output_fails_inside_the_benchmark(
    gate: Gate, copy: Path, only: Only, nano: onnx.ModelProto, wrong: str, ffmpeg: FFmpeg
) -> None:
    if wrong == "every row by seven points":
        nano.graph.initializer.append(numpy_helper.from_array(np.array(7, np.float32), "seven"))
        only(behind(nano, "Sub", "seven"))
    else:
        from tinyvmaf.judge.opponents import opponents_of
        from tinyvmaf.model import registry
        from tinyvmaf.model.subject import Subject

        expected = opponents_of(Subject.at(registry.find(MODEL).file), ffmpeg).expected
        row = int(np.argmax(np.abs(expected.scores - 50) < 10))
        only(one_row(nano, expected.rows[row], "Sqrt" if "nan" in wrong else "Abs", -90.0))
    also(copy, *NEVER_CONFIRM)  # it may be slow as well
    status, out = gate("latency", *QUIET, "-k", "fast and 256]")
    assert status == FAIL, out
    assert failed_tests(out) == {"test_is_fast_enough"}
    assert re.search(r"\|d\| of an output while it was timed, from the teacher's score", out), out
    assert re.search(r"batch 256, row \d+ +\d", out), out


def one_row(model: onnx.ModelProto, row: np.ndarray, op: str, of: float) -> bytes:
    """The model, but for one row of features, which gets what an operator makes of a number."""
    last = next(node for node in model.graph.node if "score" in node.output)
    last.output[0] = "right"
    for name, value in (
        ("row", row[None]),
        ("six", np.array(6, np.float32)),
        ("of", np.array(of, np.float32)),
        ("no", np.array([1], np.int64)),
    ):
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    model.graph.node.extend(
        [
            helper.make_node("Equal", ["features", "row"], ["same"]),
            helper.make_node("Cast", ["same"], ["ones"], to=onnx.TensorProto.FLOAT),
            helper.make_node("ReduceSum", ["ones", "no"], ["number"], keepdims=1),
            helper.make_node("Equal", ["number", "six"], ["all"]),
            helper.make_node(op, ["of"], ["wrong"]),
            helper.make_node("Where", ["all", "wrong", "right"], ["score"]),
        ]
    )
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-n", "1"), "latency cannot be measured while other tests run beside it (xdist)"),
        (("--benchmark-disable",), "pytest-benchmark was switched off, so nothing would be timed"),
        (("-p", "no:benchmark"), "pytest-benchmark is not here, or was switched off"),
        (("--benchmark-skip",), "skipped without an account"),
        (("--model", "nowhere.onnx"), "nowhere.onnx: no such file"),
        (("--baseline", "nowhere.onnx"), "no such file: nowhere.onnx"),
    ],
)
def test_what_would_time_nothing_could_not_run(gate: Gate, options: tuple[str, ...], message: str) -> None:
    status, out = gate(
        "latency", "-k", f"fast and {MODEL} and 16]" if options[0] != "--model" else "fast and 16]", *options
    )
    assert status == COULD_NOT_RUN, out
    assert message in out, out


def test_a_registered_model_without_a_baseline_could_not_run(gate: Gate, copy: Path) -> None:
    path = copy / "model/baseline/baseline.json"
    kept = [one for one in json.loads(path.read_text(encoding="utf-8")) if one["id"] != MODEL]
    path.write_text(json.dumps(kept), encoding="utf-8")
    status, out = gate("latency", *QUIET, "-k", f"{MODEL} and grown")
    assert status == COULD_NOT_RUN, out
    assert f"tinyvmaf bench baseline --accept {MODEL}" in out


def test_a_baseline_that_is_another_file_could_not_run(gate: Gate, copy: Path) -> None:
    path = copy / f"model/baseline/{MODEL}.onnx"
    path.write_bytes((copy / "model/tinyvmaf_tiny.onnx").read_bytes())
    status, out = gate("latency", *QUIET, "-k", f"{MODEL} and grown")
    assert status == COULD_NOT_RUN, out
    assert "accepted was" in out


def test_an_empty_registry_could_not_run(gate: Gate, copy: Path) -> None:
    (copy / "model/registry.json").write_text('{"schema": 1, "models": []}', encoding="utf-8")
    status, out = gate("latency", *QUIET, "-k", "16]")
    assert status == COULD_NOT_RUN, out
    assert "registry.json lists no model" in out


def test_a_history_that_is_none_is_not_added_to_and_the_run_is_not_green(gate: Gate, copy: Path) -> None:
    history = copy / "history.jsonl"
    history.write_text("not a run\n", encoding="utf-8")
    status, out = gate("latency", *QUIET, "--history", str(history), "-k", f"{MODEL} and grown")
    assert status != 0, out
    assert "history.jsonl" in out
    assert history.read_text(encoding="utf-8") == "not a run\n"
