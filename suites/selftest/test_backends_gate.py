"""The backends gate, on copies with models that depend on their engine: each must be caught, its worst row shown."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import onnx
import pytest
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from tinyvmaf.files import home
from tinyvmaf.model.registry import register
from tinyvmaf.model.sidecar import read_sidecar
from tinyvmaf.train.export_student import student_model
from tinyvmaf.train.recipes import read_recipe
from tinyvmaf.train.students import Student
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import Teacher, load_built_in

from .conftest import Gate

FAIL, COULD_NOT_RUN = 1, 10
MODEL = "plain"
TWO = ("--engine", "onnxruntime-cpu", "--engine", "numpy")


Only = Callable[..., None]
Also = Callable[[str], None]


@pytest.fixture(scope="session")
def teacher(ffmpeg: FFmpeg) -> Teacher:
    return load_built_in(ffmpeg)


@pytest.fixture(scope="session")
def plain(teacher: Teacher) -> bytes:
    """A student as everybody makes them, float32 and tanh; fitted in a second, so not a good one."""
    from tinyvmaf.train.fitting.run import fit

    recipe = read_recipe("nano_tanh")
    quick = replace(
        recipe, samples=4000, optimiser=recipe.optimiser.model_copy(update={"steps": 8, "batch": 1000, "searches": 0})
    )
    student = fit(quick, teacher)[0].student
    assert isinstance(student, Student)
    return student_model(student, MODEL)


@pytest.fixture
def only(copy: Path) -> Only:
    """Registers a model as the only one, with a sidecar in order but for what is said of it."""

    def enter(data: bytes, **described: object) -> None:
        like = read_sidecar(home() / "model/tinyvmaf_nano.json").as_dict()
        kept = ("kind", "feature_order", "teacher", "engines", "training", "measured", "promised", "licence")
        (copy / "model/registry.json").unlink()
        register(MODEL, data, {name: like[name] for name in kept} | described, "card", copy / "model")

    return enter


@pytest.fixture
def also(copy: Path) -> Also:
    """Lines more at the end of the gate's fixtures, for a part of the package that goes wrong."""

    def change(lines: str) -> None:
        path = copy / "suites/backends/conftest.py"
        start = """
        import numpy as np
        from tinyvmaf.measure.engine_agreement import inputs as made, runs as code
        from tinyvmaf.measure.engine_agreement.runs import DEFAULT
        """
        path.write_text(f"{path.read_text(encoding='utf-8')}{dedent(start)}{dedent(lines)}", encoding="utf-8")

    return change


def failed_tests(out: str) -> set[str]:
    return set(re.findall(r"^(?:FAILED|ERROR) suites/backends/test_backends.py::(\w+)", out, re.MULTILINE))


def test_a_plain_float32_student_fails_and_its_worst_row_is_shown(gate: Gate, only: Only, plain: bytes) -> None:
    only(plain)
    status, out = gate("backends", *TWO)
    assert status == FAIL, out
    assert {"test_agrees_with_the_reference", "test_a_search_finds_no_row_that_differs"} <= failed_tests(out)
    assert re.search(r"plain on numpy: ULP distance of a score between an engine and the reference: \d+ of \d+", out)
    assert re.search(r"row \d+: expected \S+ = \S+p[+-]\d+ = 0x[0-9a-f]{8}\n", out), out
    assert re.search(r"inputs: (-?0x\S+, ){5}-?0x\S+\n", out)
    assert re.search(r"again: tox -e backends -- .*--engine.* -k 'plain and numpy'", out), out


def test_a_dynamically_quantised_student_fails_already_on_its_own(
    gate: Gate, only: Only, plain: bytes, tmp_path: Path
) -> None:
    """Its scale is that of the batch: a score depends on the rows that it is computed with."""
    (tmp_path / "plain.onnx").write_bytes(plain)
    quantize_dynamic(tmp_path / "plain.onnx", tmp_path / "quantised.onnx", weight_type=QuantType.QInt8)
    only((tmp_path / "quantised.onnx").read_bytes())
    status, out = gate("backends", "--engine", "onnxruntime-cpu", "--engine", "openvino")
    assert status == FAIL, out
    assert "test_a_score_does_not_depend_on_its_batch" in failed_tests(out)
    assert re.search(r"row \d+: expected \S+ = \S+ = 0x[0-9a-f]{8}\n", out), out
    assert int(max(re.findall(r"at most (\d+) ULP in float32", out), key=int)) > 100


@pytest.mark.parametrize(
    "alone",
    [("onnxruntime-cpu",), ("numpy", "onnx-reference"), ("onnxruntime-cpu", "opencv")],
    ids=["one engine", "one family", "one matrix product"],
)
def test_fewer_than_two_independent_engines_fail(gate: Gate, only: Only, plain: bytes, alone: tuple[str, ...]) -> None:
    """OpenCV multiplies matrices with ONNX Runtime's code: they agree on a model on which any other engine differs."""
    only(plain)
    status, out = gate("backends", *(word for name in alone for word in ("--engine", name)), "-k", "two_independent")
    assert status == FAIL, out
    assert "independent engines that ran the model: 1 of 1 values outside >= 2 engines" in out
    assert re.search(r"- engines that --engine left out: .*\bopenvino\b.*torch-eager", out), out


def test_an_engine_that_is_asked_for_and_not_here_is_not_skipped(gate: Gate) -> None:
    status, out = gate("backends", "--require-engine", "onnxruntime-coreml", "-k", "coreml")
    assert status == COULD_NOT_RUN, out
    assert "engine onnxruntime-coreml was asked for and is not here: " in out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nonsense", "no engine 'nonsense'"),
        ("openvino", "engine openvino is required, and no test that was chosen runs on it"),
    ],
)
def test_a_required_engine_is_held_to_whatever_else_is_chosen(gate: Gate, name: str, message: str) -> None:
    status, out = gate("backends", "-k", "tinyvmaf_nano and numpy and second", "--require-engine", name)
    assert status == COULD_NOT_RUN, out
    assert message in out
    assert "(nothing was judged)" in out


def test_an_unknown_engine_is_named_beside_those_that_there_are(gate: Gate) -> None:
    status, out = gate("backends", "--engine", "onnxruntime")
    assert status == COULD_NOT_RUN, out
    assert "no engine 'onnxruntime'" in out
    assert "openvino" in out


def test_no_model_is_no_pass(gate: Gate, copy: Path) -> None:
    (copy / "model/registry.json").unlink()
    status, out = gate("backends", *TWO)
    assert status == COULD_NOT_RUN, out
    assert "no model is registered" in out


def test_a_sidecar_may_not_claim_engines_that_cannot_run_the_model(gate: Gate, only: Only) -> None:
    """A model with float64 inside, said to be for any engine."""
    only((home() / "model/tinyvmaf_tiny.onnx").read_bytes(), engines=None)
    status, out = gate("backends", "--engine", "openvino", "-k", "reference")
    assert status == FAIL, out
    assert "does not compute in float64, which the model uses; by its sidecar it is for any engine" in out


@pytest.mark.parametrize("named", [["onnxruntime-cpu", "opencv"], ["bogus-engine", "onnxruntime-cpu"]])
def test_a_sidecar_may_not_choose_its_engines(gate: Gate, only: Only, plain: bytes, named: list[str]) -> None:
    """A float32 model is for all: where its sidecar names those that agree, the others would never be asked."""
    only(plain, engines=named)
    status, out = gate("contract", "-k", "engines_of_the_file")
    assert status == FAIL, out
    assert f"plain: engines is {named}, and its number types say None (null is any)" in out
    status, out = gate("backends", "-k", "two_independent")
    if "bogus-engine" in named:
        assert status == FAIL, out
        assert "its sidecar names engines that nobody knows: 'bogus-engine'" in out
    else:
        assert "- plain on openvino: it is here and computes in float32, and the model's sidecar leaves it out" in out


def test_rows_of_which_the_first_are_all_of_one_kind_are_refused(gate: Gate, also: Also) -> None:
    """What takes long is tried on the first rows only."""
    also(
        """
        def sorted_by_group(*arguments, right=made.mixed, **more):
            rows, groups = right(*arguments, **more)
            return rows[np.argsort(groups)], groups[np.argsort(groups)]
        made.mixed = sorted_by_group
        """
    )
    status, out = gate("backends", "-k", "every_kind and nano")
    assert status == FAIL, out
    assert "tinyvmaf_nano: rows 0 to 120 hold none of ['corpus', 'extreme', 'golden', 'inside', 'outside']" in out


def test_what_differs_only_in_a_batch_or_with_two_threads_is_found(gate: Gate, also: Also) -> None:
    also(
        """
        def wrapped(subject, engine, settings=DEFAULT, right=code.load):
            session = right(subject, engine, settings)
            if engine.name == "numpy" or settings.threads > 1:
                alone = session.run
                session.run = lambda rows: alone(rows) if len(rows) == 1 else np.nextafter(alone(rows), np.float32(200))
            return session
        code.load = wrapped
        """
    )
    chosen = "nano and (search and numpy or (its_batch or change_nothing) and onnxruntime)"
    status, out = gate("backends", *TWO, "-k", chosen)
    assert status == FAIL, out
    assert "3 failed" in out
    assert re.search(r"search 0, the worst of [\d,]+ rows, in its batch of 1,\d+", out), out
    assert re.search(r"threads 2, batch 1, \d+ rows", out), out


def test_a_model_that_is_proven_exact_and_is_not_fails(gate: Gate, also: Also, only: Only, plain: bytes) -> None:
    """A wrong proof: certified, and engines differ. Without one the distance from float64 is told, not judged."""
    only(plain)
    status, out = gate("backends", *TWO, "-k", "distance")
    assert status == COULD_NOT_RUN, out
    assert re.search(r"plain: \d+ ULP from the same graph in float64", out), out
    assert "VERDICT: COULD NOT RUN (nothing was judged)" in out
    also(
        """
        import tinyvmaf.model.subject as model_subject
        from dataclasses import replace
        right = model_subject.certify
        model_subject.certify = lambda data: replace(right(data), certified=True, exact_in_float64=True)
        made.EXACT_ROWS = 50_000
        """
    )
    status, out = gate("backends", *TWO, "-k", "search and numpy or distance")
    assert status == FAIL, out
    assert failed_tests(out) == {"test_a_search_finds_no_row_that_differs", "test_distance_from_float64_is_known"}
    assert "of a model that is proven exact" in out
    assert "plain is proven exact, and is not" in out


def test_bytes_that_are_no_model_fail(gate: Gate, copy: Path) -> None:
    (copy / "model/tinyvmaf_nano.onnx").write_bytes(b"\xff" * 100)
    status, out = gate("backends", *TWO, "-k", "nano and agrees and numpy")
    assert status == FAIL, out
    assert re.search(r"^tinyvmaf_nano: .*ONNX", out, re.MULTILINE), out


def test_a_model_of_some_features_is_judged_and_one_of_unknown_ones_fails(gate: Gate, also: Also, only: Only) -> None:
    """Two of its teacher's six; and an engine that it is not for is not loaded, as the reference neither."""
    also(
        """
        def wrapped(subject, engine, *rest, right=code.load):
            assert engine.name != "onnxruntime-cpu"
            return right(subject, engine, *rest)
        code.load = wrapped
        """
    )
    for_these = ["numpy", "openvino"]
    only(_of_two_features(), feature_order=["motion2", "adm2"], engines=for_these)
    status, out = gate("backends", "-k", "agrees and numpy or every_kind")
    assert status == 0, out
    only(_of_two_features(), feature_order=["motion2", "nonsense"], engines=for_these)
    status, out = gate("backends", "-k", "agrees and numpy")
    assert status == FAIL, out
    assert "plain takes nonsense, which vmaf_v0.6.1 does not have" in out


def _of_two_features() -> bytes:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["features", "first"], ["score"])],
        "g",
        [helper.make_tensor_value_info("features", onnx.TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("score", onnx.TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(_column(2), "first")],
    )
    opset = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())


def test_nan_hides_no_other_row_and_nan_on_one_engine_fails(gate: Gate, only: Only, also: Also, plain: bytes) -> None:
    """log(1 + x) - log(1 + x), say: here, infinity less infinity for a large feature."""
    model = onnx.load_model_from_string(plain)
    for node in model.graph.node:
        for i, name in enumerate(node.output):
            node.output[i] = "finite" if name == "score" else name
    graph = model.graph
    graph.initializer.append(numpy_helper.from_array(numpy_helper.to_array(graph.initializer[0]) * 0 + 3e38, "huge"))
    graph.initializer.append(numpy_helper.from_array(onnx.numpy_helper.to_array(graph.initializer[0]) * 0, "none"))
    width = graph.input[0].type.tensor_type.shape.dim[1].dim_value
    graph.initializer.append(numpy_helper.from_array(_column(width), "first"))
    graph.node.extend(
        [
            helper.make_node("MatMul", ["features", "first"], ["column"]),
            helper.make_node("Mul", ["column", "huge"], ["overflows"]),
            helper.make_node("Sub", ["overflows", "overflows"], ["nan"]),
            helper.make_node("Add", ["finite", "nan"], ["score"]),
        ]
    )
    only(model.SerializeToString())
    status, out = gate("backends", *TWO, "-k", "agrees")
    assert status == FAIL, out
    assert re.search(r"ULP on [\d,]+ rows \(.*\); on [\d,]+ rows no finite score, which contract judges", out), out
    assert "worst not finite" not in out
    also(
        """
        def wrapped(subject, engine, settings=DEFAULT, right=code.load):
            session = right(subject, engine, settings)
            if engine.name == "numpy":
                alone = session.run
                session.run = lambda rows: np.where(rows[:, 1] > 1e5, np.float32("nan"), alone(np.minimum(rows, 1)))
            return session
        code.load = wrapped
        """
    )
    status, out = gate("backends", *TWO, "-k", "agrees and numpy")
    assert status == FAIL, out
    assert "worst not finite" in out
    assert "at most NaN or infinity instead of a finite score" in out


def _column(width: int) -> Any:
    import numpy as np

    column = np.zeros((width, 1), dtype=np.float32)
    column[0] = 1.0
    return column


@pytest.mark.parametrize("claim", [{"certified": True}, {"accumulator_bits": 12}, {"in_float64": True}])
def test_the_contract_gate_catches_a_sidecar_that_claims_more_than_is_proven(
    gate: Gate, copy: Path, only: Only, plain: bytes, claim: dict[str, object]
) -> None:
    only(plain)
    path = copy / f"model/{MODEL}.json"
    sidecar = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(sidecar | {"exact": sidecar["exact"] | claim}), encoding="utf-8")
    status, out = gate("contract", "-k", "registered_ones")
    assert status == FAIL, out
    assert "exact is {" in out


def test_an_engine_that_dies_could_not_run_and_the_others_are_judged(
    gate: Gate, also: Also, copy: Path, page: Path
) -> None:
    """Its fault is said once; the model has none, and the report is written."""
    also(
        """
        from tinyvmaf.model.engines import trial
        trial._death = lambda engine, *_: "dies of SIGSEGV on it" if engine == "opencv" else ""
        """
    )
    chosen = ("--engine", "opencv", "--engine", "numpy", "--engine", "onnxruntime-cpu", "-k", "agrees or second")
    status, out = gate("backends", *chosen, "--model", "fixtures/third_party/quickvmaf.onnx")
    assert status == FAIL, out
    verdict = json.loads((copy / "report/verdict.json").read_text(encoding="utf-8"))
    assert {one["test"].partition("[")[2] for one in verdict["could_not_run"]} == {"quickvmaf-opencv]"}
    judged = {one["subject"] for one in verdict["outcomes"]}
    assert {"quickvmaf on numpy", "quickvmaf on onnxruntime-cpu"} <= judged
    assert out.partition("= verdict =")[2].count("dies of SIGSEGV on it: a fault of the engine, not of the model") == 1
    assert page.is_file()
