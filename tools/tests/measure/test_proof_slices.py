"""Proofs for teachers with a chroma correction and a polynomial: both slices, each rounding, and what is refused."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tinyvmaf.measure.proof import NoProofError
from tinyvmaf.measure.proof.boxes import ProvableNetwork
from tinyvmaf.measure.proof.gaussians import Gaussians, TaylorOfBoxes
from tinyvmaf.measure.proof.network import NetworkOnBoxes
from tinyvmaf.measure.proof.parts import Parts, box_bounds
from tinyvmaf.measure.proof.polynomials import basis
from tinyvmaf.measure.proof.provable import provable
from tinyvmaf.measure.proof.second_opinion import SecondOpinion
from tinyvmaf.measure.proof.slices import Slice, slices_of
from tinyvmaf.measure.proof.transformed import Transformed
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.model.writer import svr_model
from tinyvmaf.model.writer.graph import Graph
from tinyvmaf.model.writer.svr import add_chroma
from tinyvmaf.train.export_student import grid_model
from tinyvmaf.train.students import Architecture, Grid, GridStudent, Layer, Silence
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import Teacher, load_built_in

Floats = NDArray[np.float64]
GRID = Grid(14, 12, 11)
UNITS = 24
BOUND = 14.0


@pytest.fixture(scope="module", params=["vmaf_v1.0.16_3d0h", "vmaf_v1.0.16_3d0h_2160"])
def teacher(ffmpeg: FFmpeg, request: pytest.FixtureRequest) -> Teacher:
    return load_built_in(ffmpeg, request.param)


@pytest.fixture(scope="module")
def curved(ffmpeg: FFmpeg) -> Teacher:
    """With a quadratic behind it."""
    return load_built_in(ffmpeg, "vmaf_v1.0.16_3d0h")


def fitted(teacher: Teacher, pocket: float = 0.0, grid: Grid = GRID) -> GridStudent:
    """Random units and a fitted last layer: some points off; with a unit that adds points above a CAMBI of 16.5."""
    rng, domain, rule = np.random.default_rng(1), Domain(teacher.features), teacher.svr.chroma
    assert rule is not None
    exponents, high = grid.exponents(np.maximum(domain.bounds()[1], [0.0, 60.0, 0.0, 0.0]))
    silence = Silence.of(rule, exponents, high, grid.most)
    rows = domain.sample(3_000, 1).astype(np.float32).astype(np.float64)
    x = silence(rows, np.floor(np.clip(np.ldexp(rows, np.array(exponents)), 0, high)))
    finer = 1 << (GRID.input_bits - grid.input_bits)
    weights = rng.integers(-100, 101, (4, UNITS)) * finer
    bias = -(x[rng.integers(len(x), size=UNITS)] @ weights).diagonal().astype(np.int64)
    weights[:, -1], bias[-1] = [136 * finer, 0, 0, 0], -136 * finer * int(16.5 * 2.0 ** exponents[0]) - (4096 << 4)
    m = grid.level
    steps = np.array([11] * (UNITS - 1) + [4]) + 12 - grid.level_bits
    level = np.floor(np.clip(np.ldexp(x @ weights + bias, -steps), -m, m))
    values = np.floor(np.ldexp(level * (2 * m - np.abs(level)), -grid.shift))
    inputs = np.column_stack([values[:, :-1] / grid.value, np.ones(len(x))])
    truth = teacher.predict(rows)
    inside = (truth > 0.0) & (truth < teacher.svr.score_range[1])
    ridge = np.concatenate([inputs[inside], np.eye(UNITS)]), np.concatenate([truth[inside], np.zeros(UNITS)])
    *found, offset = np.linalg.lstsq(*ridge, rcond=None)[0]
    last = np.array([*found, 4.0 * pocket])
    fine = 2 + grid.value_bits
    integers = np.rint(np.ldexp(last / grid.value, fine)).astype(np.int64)[:, None]
    bias_last = np.rint(np.ldexp([offset + 4.0 * pocket], fine)).astype(np.int64)
    layers = Layer(weights, bias, steps), Layer(integers, bias_last, np.array([fine]))
    toy = Architecture("toy", "mlp", (UNITS,), "quadratic")
    return GridStudent(toy, teacher.feature_names, grid, exponents, high, layers, teacher.svr.score_range, silence)


def exported(teacher: Teacher, pocket: float = 0.0) -> bytes:
    return grid_model(fitted(teacher, pocket), "toy")


def uncorrected(teacher: Teacher) -> bytes:
    """A grid without the rule: silent chroma is its step 0."""
    return grid_model(replace(fitted(teacher), silence=None), "toy")


def floats(teacher: Teacher, correct: bool = True) -> bytes:
    """A network of random floats behind the teacher's correction."""
    rng, graph, rule = np.random.default_rng(3), Graph(), teacher.svr.chroma
    assert rule is not None
    x = add_chroma(graph, "features", rule, 4, np.float32) if correct else "features"
    scale = np.array([0.06, 0.02, 2.0, 0.06], dtype=np.float32)
    arrays = [scale[:, None] * rng.normal(size=(4, 12)), rng.normal(size=12), 9.0 * rng.normal(size=(12, 1)), [60.0]]
    names = [graph.constant(f"p{i}", np.array(value, dtype=np.float32)) for i, value in enumerate(arrays)]
    x = graph.node("Tanh", [graph.node("Gemm", [x, *names[:2]], "sum")], "hidden")
    graph.node("Gemm", [x, *names[2:]], "score")
    return graph.model("toy", 4, {})


def shifted(data: bytes, name: str, by: float, column: int = 1) -> bytes:
    """With a number added to a constant's column."""
    model = onnx.load_model_from_string(data)
    one = next(one for one in model.graph.initializer if one.name == name)
    array = numpy_helper.to_array(one).copy()
    array[..., column] += np.array(by, array.dtype)
    one.CopyFrom(numpy_helper.from_array(array, one.name))
    return bytes(model.SerializeToString())


def rows_of(one: Slice, teacher: Teacher, count: int, seed: int) -> tuple[Floats, Floats]:
    """Rows of a slice, and the whole rows."""
    rows = Domain(one.teacher.features).sample(count, seed).astype(np.float32).astype(np.float64)
    if one is slices_of(teacher)[0] or len(one.columns) == 4:
        rows[:, 1] = np.maximum(rows[:, 1], 1e-3)
    return rows, one.whole(rows, 4)


def test_slices_are_the_teacher(teacher: Teacher) -> None:
    for one in slices_of(teacher):
        rows, whole = rows_of(one, teacher, 2_000, 1)
        y = one.teacher.svr.predict(rows, finish=False)
        if one.behind is not None:
            y = one.behind[0] + one.behind[1] * y + one.behind[2] * y * y
        np.testing.assert_allclose(np.clip(y, *teacher.svr.score_range), teacher.predict(whole), rtol=0, atol=1e-9)
    assert [one.columns for one in slices_of(teacher)] == [(0, 1, 2, 3), (0, 2, 3)]


@pytest.mark.parametrize("size", [0.01, 0.1, 0.2])
def test_a_transformed_polynomial_is_within_its_rest(size: float, teacher: Teacher) -> None:
    for one in slices_of(teacher):
        behind = one.behind or (1.0, 0.9, -0.002)
        gaussians, width = Gaussians(one.teacher), len(one.columns)
        radius, rng = np.full(width, size), np.random.default_rng(1)
        z = gaussians.to_z(rows_of(one, teacher, 1_000, 1)[0])
        way = rng.choice([-1.0, -0.5, 1.0], z.shape)
        made = Transformed(TaylorOfBoxes(gaussians, radius), radius, behind, z)
        found = (made.polynomials(z) * basis(width).powers(way)).sum(axis=0)
        truth, step = [], 1e-4
        for moved in (0.0, step):
            y = one.teacher.svr.predict(gaussians.to_rows(z + way * radius + moved * np.eye(width)[0]), finish=False)
            truth.append(behind[0] + behind[1] * y + behind[2] * y * y)
        off = np.abs(found - truth[0])
        assert (off <= made.rest).all()
        assert size < 0.1 or (off > made.rest / 1_000).any(), "else a wrong degree would not be noticed"
        steepest = basis(width).steepness(made.polynomials(z))[0] / size + made.rest_of_slope
        assert (np.abs(truth[1] - truth[0]) / step <= 1.001 * steepest + 0.01).all()


@pytest.mark.parametrize("make", [exported, uncorrected, floats, lambda t: floats(t, correct=False)])
def test_bounds_hold_in_onnx_runtime(make: Callable[[Teacher], bytes], teacher: Teacher) -> None:
    data = make(teacher)
    session = OnnxRuntimeCpu(data)
    for one in slices_of(teacher):
        model, gaussians = provable(data, teacher, teacher.feature_names, one), Gaussians(one.teacher)
        low, high = Domain(one.teacher.features).bounds()
        z = gaussians.to_z(rows_of(one, teacher, 500, 2)[0])
        for size in (1e-5, 0.02, 0.1):
            radius, rng = np.full(len(one.columns), size), np.random.default_rng(2)
            rows = gaussians.to_rows(z + radius * rng.choice([-1.0, -0.5, 0.3, 1.0], z.shape))
            rows = np.clip(rows, low, high).astype(np.float32).astype(np.float64)
            if len(one.columns) == 4:
                rows[rows[:, 1] == 0.0, 1] = 2.0**-100
            wide = radius * (1.0 + 1e-3) + 1e-6
            boxes = box_bounds(one, model, wide)
            found = boxes.bounds(z)
            whole = one.whole(rows, 4)
            off = session.run(whole.astype(np.float32)).astype(np.float64) - teacher.predict(whole)
            assert (off <= found.above).all()
            assert (-off <= found.below).all()
            if size == 1e-5:  # and they say something: the floors of these random units are up to a point
                assert (np.maximum(found.above, found.below) <= np.abs(off) + 1.5).all()


def test_the_exported_teacher_is_within_its_loss(teacher: Teacher) -> None:
    data = svr_model(teacher, f"{teacher.id}_svr")
    parts = Parts(data, teacher, 0.01, teacher.feature_names)
    found = parts.settle(np.arange(len(parts)))
    assert found.finished
    assert found.boxes == len(parts)
    for one in slices_of(teacher):
        whole = rows_of(one, teacher, 2_000, 3)[1]
        off = np.abs(OnnxRuntimeCpu(data).run(whole.astype(np.float32)).astype(np.float64) - teacher.predict(whole))
        assert off.max() <= found.proven
    lower = Parts(data, teacher, 1e-6, teacher.feature_names)
    assert not lower.settle(np.arange(0, len(lower), 40), lambda now: now.boxes < 1_000).finished


@pytest.mark.parametrize("rule", [True, False])
def test_what_floors_do_to_silent_chroma_is_in_the_bounds(rule: bool, curved: Teacher) -> None:
    """On a coarse grid with fine levels, in the middle of the other features' steps, it is all there is."""
    made = fitted(curved, grid=Grid(6, 20, 20, 53))
    data, silent = grid_model(made if rule else replace(made, silence=None), "toy"), slices_of(curved)[1]
    model = provable(data, curved, curved.feature_names, silent)
    assert isinstance(model, ProvableNetwork)
    low, high = Domain(silent.teacher.features).bounds()
    scale = np.exp2(np.array(made.exponents))[list(silent.columns)]
    rows = (np.floor(Domain(silent.teacher.features).sample(2_000, 1) * scale) + 0.5) / scale
    rows = rows[((rows > low) & (rows < high)).all(axis=1)]
    score = OnnxRuntimeCpu(data).run(silent.whole(rows, 4).astype(np.float32)).astype(np.float64)
    inside = (score > 0.0) & (score < 100.0)
    found = NetworkOnBoxes(model.network, np.ones(3), np.zeros(3), np.full(3, 1e-9), high).enclose(rows[inside])
    off = np.abs(found.polynomials[0] - score[inside])
    assert (off <= found.errors).all()
    assert (off > 0.4 * found.errors).any() if rule else (found.errors < 0.01).all()


def test_a_good_student_is_proven_and_broken_ones_are_refuted(teacher: Teacher) -> None:
    data = exported(teacher)
    parts = Parts(data, teacher, BOUND, teacher.feature_names)
    every = np.arange(len(parts))
    good = parts.settle(every)
    assert good.finished
    assert good.settled == pytest.approx(1.0)
    assert len(good.boxes_of) == len(parts)
    silent = shifted(data, "replacing_bias", 40.0 * 2**8)
    for broken, place in ((silent, 1), (exported(teacher, pocket=40.0), 0)):
        found = Parts(broken, teacher, BOUND, teacher.feature_names).settle(every)
        assert not found.finished
        size, row = found.candidates[0]
        off = OnnxRuntimeCpu(broken).run(np.array([row], dtype=np.float32))[0] - teacher.predict([row])[0]
        assert abs(off) == pytest.approx(size)
        assert size > BOUND
        assert row[1] == 0.0 if place else row[0] > 16.5
    others = every[parts.middles()[:, 1] > 0.0]
    assert Parts(silent, teacher, BOUND, teacher.feature_names).settle(others).finished, "only silent rows are broken"


def test_a_second_opinion_from_the_whole_teacher(curved: Teacher) -> None:
    data = exported(curved)
    for one in slices_of(curved):
        model, gaussians = provable(data, curved, curved.feature_names, one), Gaussians(one.teacher)
        assert isinstance(model, ProvableNetwork)
        radius = np.full(len(one.columns), 1e-4)
        z = gaussians.to_z(rows_of(one, curved, 8, 2)[0])
        boxes = box_bounds(one, model, radius)
        found = boxes.bounds(z)
        first, second = np.maximum(found.above, found.below), SecondOpinion(model, gaussians, curved)
        largest_of = np.array([float(second.largest(row, radius)[0].upper()) for row in z])
        np.testing.assert_allclose(largest_of, first, rtol=0.02, atol=0.05)
        assert (first > 0.2).sum() > 3


def selected_by_luma(data: bytes) -> bytes:
    """The replacement where ADM is silent, not chroma."""
    model = onnx.load_model_from_string(data)
    position, less = next((i, node) for i, node in enumerate(model.graph.node) if node.op_type == "Less")
    model.graph.initializer.append(numpy_helper.from_array(np.array([2, 2, 2, 2]), "luma_columns"))
    model.graph.node.insert(position, helper.make_node("Gather", ["features", "luma_columns"], ["luma"], axis=1))
    less.input[0] = "luma"
    return bytes(model.SerializeToString())


def a_condition_as_a_number(data: bytes) -> bytes:
    model = onnx.load_model_from_string(data)
    position = next(i for i, node in enumerate(model.graph.node) if node.op_type == "Where")
    cast = helper.make_node("Cast", ["silent"], ["silent_number"], to=TensorProto.FLOAT)
    add = helper.make_node("Add", ["chosen_steps", "silent_number"], ["both"])
    next(node for node in model.graph.node if node.input[0] == "chosen_steps").input[0] = "both"
    model.graph.node.insert(position + 1, cast)
    model.graph.node.insert(position + 2, add)
    return bytes(model.SerializeToString())


def often_silent(data: bytes) -> bytes:
    """Chroma below 1e-3 counts as silent."""
    model = onnx.load_model_from_string(data)
    one = next(one for one in model.graph.initializer if one.name == "silent_below")
    one.CopyFrom(numpy_helper.from_array(np.full_like(numpy_helper.to_array(one), 1e-3), one.name))
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (selected_by_luma, "another feature than chroma"),
        (a_condition_as_a_number, "silent"),
        (often_silent, "does not ask whether features are 0"),
        (lambda data: shifted(data, "replacing_bias", 1.0, column=0), "another feature than chroma"),
        (lambda data: shifted(data, "replacing_weights", 0.5, column=3), "another feature than chroma"),
    ],
)
def test_other_selections_are_refused(change: Callable[[bytes], bytes], words: str, curved: Teacher) -> None:
    data = change(exported(curved))
    with pytest.raises(NoProofError, match=words):
        Parts(data, curved, BOUND, curved.feature_names)


def test_other_transforms_are_refused(curved: Teacher) -> None:
    transform = curved.svr.transform
    assert transform is not None
    for changed in (replace(transform, at_least_input=True), replace(transform, p1=0.0)):
        with pytest.raises(NoProofError, match="not a polynomial"):
            slices_of(replace(curved, svr=replace(curved.svr, transform=changed)))
