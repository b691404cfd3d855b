"""The search of a teacher's domain: where it looks, what it says of that, and that it asks a model in its own order."""

import numpy as np
import onnx
import pytest

from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.files import home
from tinyvmaf.measure.enclosure import Enclosure
from tinyvmaf.measure.search import Searched, coverage, hunt
from tinyvmaf.measure.search.around import JITTER, rows_around
from tinyvmaf.measure.search.evolve import evolve
from tinyvmaf.measure.search.hunting import embedded_rows
from tinyvmaf.measure.search.units import Units
from tinyvmaf.model.engines import OnnxRuntimeCpu, all_scores
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, load_built_in

TEACHER = load_built_in(find_ffmpeg(None), DEFAULT)
DOMAIN = Domain(TEACHER.features)
KNOWN = embedded_rows(TEACHER)
NANO = (home() / "model/tinyvmaf_nano.onnx").read_bytes()
COLUMN = "i = Constant <value = int64[1] {5}> () s = Gather <axis = 1> (features, i)"
ORDER = ("adm2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "motion2")


def short(model: bytes, known: np.ndarray | None = KNOWN) -> Searched:
    engine = OnnxRuntimeCpu(model)
    return hunt(model, lambda rows: all_scores(engine, rows), ORDER, TEACHER, known, samples=2000, starts=5, rounds=5)


def text(nodes: str) -> bytes:
    """A model of a few nodes."""
    graph = f'<ir_version: 8, opset_import: ["": 17]> g (float[N, 6] features) => (float[N, 1] score) {{ {nodes} }}'
    return bytes(onnx.parser.parse_model(graph).SerializeToString())


def test_the_same_file_gives_the_same_search_and_another_one_other_rows() -> None:
    """A byte of metadata is enough, so that samples cannot be known before the file is."""
    model = onnx.load_model_from_string(NANO)
    model.doc_string = "other"
    once, again, other = short(NANO), short(NANO), short(model.SerializeToString())
    assert (once.difference, once.row, once.seed) == (again.difference, again.row, again.seed)
    assert other.seed != once.seed
    assert other.row != once.row


def test_the_row_is_one_of_the_domain_and_has_the_difference() -> None:
    found = short(NANO)
    row = np.array([found.row], dtype=np.float32)
    assert DOMAIN.contains(row).all()
    order = [TEACHER.feature_names.index(name) for name in ORDER]
    off = OnnxRuntimeCpu(NANO).run(row[:, order])[0] - TEACHER.predict(row.astype(np.float64))[0]
    assert abs(off) == pytest.approx(found.difference, abs=1e-9)
    assert 0.1 < found.difference < 0.5


def test_a_score_that_is_not_finite_is_infinitely_far() -> None:
    model = text(f"{COLUMN} z = Sub (s, s) score = Div (z, z)")
    assert short(model).difference == np.inf


def test_the_sentence_says_how_far_it_looked() -> None:
    found = short(NANO)
    assert found.sentence.startswith(f"{found.rows:,} rows drawn from sha256 {found.seed}...; ")
    assert "of the domain and" in found.sentence
    assert found.sentence.endswith("in each feature; no unit of its graph sleeps in them")
    assert "real video" not in short(NANO, KNOWN[:0]).sentence
    quantised = text(f"{COLUMN} q, a, b = DynamicQuantizeLinear (s) score = Cast <to = 1> (q)")
    assert short(quantised).sentence.endswith("its graph was not searched: no enclosure for DynamicQuantizeLinear")


def test_rows_around_known_ones_are_near_them_and_in_the_domain() -> None:
    rng = np.random.default_rng(1)
    rows = rows_around(KNOWN, DOMAIN, 6000, rng)
    assert len(rows) == 6000
    assert DOMAIN.contains(rows).all()
    low, high = DOMAIN.bounds()
    beside = rows[3:600:6]
    far = np.abs(beside[:, None] - KNOWN[None]) / (high - low)
    assert np.median(far.max(axis=2).min(axis=1)) < max(JITTER)
    adm = rows[:, TEACHER.feature_names.index("adm2")]
    assert np.mean(adm > 0.9) > np.mean(KNOWN[:, TEACHER.feature_names.index("adm2")] > 0.9)


def test_coverage_grows_with_rows() -> None:
    few, many = (coverage(DOMAIN.sample(n, 3), KNOWN, DOMAIN, np.random.default_rng(1)) for n in (200, 50_000))
    assert 0.0 <= few.domain < many.domain < 1.0
    assert few.video < many.video
    own = coverage(KNOWN, KNOWN, DOMAIN, np.random.default_rng(1))
    assert own.video > 0.95
    assert own.domain < 0.05
    assert np.isnan(coverage(KNOWN, KNOWN[:0], DOMAIN, np.random.default_rng(1)).video)


def test_a_climb_ends_at_a_peak_and_never_below_its_start() -> None:
    rng = np.random.default_rng(2)
    points, peak = rng.random((20, 6)), np.array([0.0, 1.0, 0.3, 0.5, 0.7, 0.2])

    def height(at: np.ndarray) -> np.ndarray:
        return np.asarray(-np.abs(at - peak).sum(axis=1))

    ends, values = evolve(height, points, height(points), rng)
    assert np.all(values >= height(points))
    np.testing.assert_allclose(height(ends), values)
    assert values.max() > -0.2


def units(model: bytes) -> Units:
    return Units(model, np.array([TEACHER.feature_names.index(name) for name in ORDER]), DOMAIN)


def test_a_unit_that_cannot_wake_in_the_domain_is_ruled_out() -> None:
    """adm2 may be at most 0.6 above five times vif_scale3: a box of features allows more than the domain does."""
    weights = "a = Constant <value = float[6, 1] {1.0, 0.0, 0.0, 0.0, -5.0, 0.0}> () s = MatMul (features, a)"
    model = text(f"{weights} b = Constant <value = float[1] {{0.7}}> () d = Sub (s, b) score = Relu (d)")
    rows = DOMAIN.sample(500, 1)
    (unit,) = [one for one in units(model).asleep(rows) if one.sign > 0]
    assert unit.alike
    woken = units(model).woken(rows, np.random.default_rng(1))
    assert (woken.asleep, woken.reached, woken.ruled_out) == (1, 0, 1)
    assert "1 cannot wake anywhere in the domain" in str(woken)


def test_leaves_that_no_row_is_in_get_rows() -> None:
    model = onnx.load(home() / "tools/tests/model/converted/forest.onnx")
    for one in model.opset_import:
        one.version = one.version if one.domain == "ai.onnx.ml" else 17
    forest = model.SerializeToString()
    (trees,) = Enclosure(forest).forests
    rows = np.tile(DOMAIN.sample(1, 1), (3, 1))
    found = units(forest).leaves(rows, np.random.default_rng(1))
    assert DOMAIN.contains(found).all()
    assert len(found) >= len(trees.weights) // 2


def test_choices_are_what_is_no_sum() -> None:
    assert Enclosure(NANO).choices == ["scaled_clipped", "clipped0", "abs0", "product0", "score"]


def test_a_corpus_without_a_feature_gives_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(KNOWN) == embedded_corpus().read().table.num_rows
    monkeypatch.setattr(type(TEACHER), "feature_names", ("adm2", "nobody"))
    assert embedded_rows(TEACHER).shape == (0, 2)
