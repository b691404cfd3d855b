"""What tests of the backends gate share, and that a refusal by an engine is the model's failure."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.errors import CouldNotRunError, ModelError
from tinyvmaf.judge import backends_run, subjects
from tinyvmaf.judge.backends_run import BackendsRun
from tinyvmaf.judge.bounds import load_bounds
from tinyvmaf.judge.kinds import kind_of
from tinyvmaf.measure.engine_agreement import Rows
from tinyvmaf.model import engines, registry
from tinyvmaf.model.engines import Session
from tinyvmaf.model.subject import Subject
from tinyvmaf.model.third_party import FeedOptions
from tinyvmaf.vmaf.features import CANONICAL, CANONICAL_FEATURES
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_built_in

ROWS = np.full((5, 6), 0.5, np.float32)
NUMPY = engines.find("numpy")


def subject(name: str = "tinyvmaf_nano", **changed: object) -> Subject:
    found = Subject.at(registry.find(name).file)
    found.__dict__["sidecar"] = found.sidecar.model_copy(update=changed)
    return found


@pytest.fixture
def runs(ffmpeg: FFmpeg) -> Iterator[BackendsRun]:
    with closing(BackendsRun(embedded_corpus().read(), partial(load_built_in, ffmpeg))) as started:
        yield started


def test_tests_share_a_session_unless_one_asks_for_a_fresh_one(runs: BackendsRun) -> None:
    shared = runs.load(subject(), NUMPY)
    assert runs.load(subject(), NUMPY) is shared
    assert runs.load(subject(), NUMPY, fresh=True) is not shared
    runs.close_fresh()
    assert runs.load(subject(), NUMPY) is shared


def test_the_reference_gives_the_scores_of_its_session_in_batches(runs: BackendsRun) -> None:
    one = subject(engines=("numpy",))
    session = runs.load(one, NUMPY)
    np.testing.assert_array_equal(runs.reference(one)(ROWS), session.run(ROWS))
    np.testing.assert_array_equal(runs.run(session, ROWS, 2), session.run(ROWS))
    with pytest.raises(CouldNotRunError, match="no engine that it is for is here"):
        runs.reference(subject(engines=("bogus",)))


def test_the_reference_scores_all_rows_once_and_no_other_rows_for_them(
    runs: BackendsRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, asked = subject(engines=("numpy",)), subject("tinyvmaf_tiny", engines=("numpy",)), list[int]()
    run = runs.run

    def counted(session: Session, rows: Rows, batch: int) -> Rows:
        asked.append(len(rows))
        return run(session, rows, batch)

    monkeypatch.setattr(runs, "run", counted)
    many = np.random.default_rng(0).uniform(size=(10_000, 6)).astype(np.float32)
    again, expected = many[::-1].copy(), run(runs.load(one, NUMPY), many, 4096)
    for _ in range(2):
        np.testing.assert_array_equal(runs.reference(one)(many), expected)
    assert asked == [10_000]
    with pytest.raises(ValueError, match="read-only"):
        runs.reference(one)(many)[0] = 1.0
    np.testing.assert_array_equal(runs.reference(one)(again), expected[::-1])
    np.testing.assert_array_equal(runs.reference(other)(again), run(runs.load(other, NUMPY), again, 4096))
    with_another = runs.reference(subject(engines=("onnx-reference",)))(again)
    np.testing.assert_array_equal(with_another, run(runs.load(one, engines.find("onnx-reference")), again, 4096))
    for _ in range(2):
        runs.reference(one)(ROWS)
    assert asked == [10_000, 10_000, 10_000, 10_000, 5, 5]


def test_an_engine_that_refuses_a_model_fails_the_test(runs: BackendsRun) -> None:
    session = runs.load(subject(), NUMPY)
    with pytest.raises(pytest.fail.Exception):
        runs.run(session, ROWS[:, :3], 2)
    broken = subject()
    broken.__dict__["data"] = b"no model"
    with pytest.raises(pytest.fail.Exception, match="tinyvmaf_nano on numpy"):
        runs.load(broken, NUMPY)


def test_what_an_engine_lacks_for_a_third_party_model_is_told(runs: BackendsRun, tmp_path: Path) -> None:
    """Of a model that nobody here registered: a sidecar promises nothing for it."""
    path = Path(__file__).parents[1] / "model" / "converted" / "qdq.onnx"
    options = FeedOptions(feature_order=",".join(CANONICAL))
    (one,) = subjects.named([path], tmp_path, lambda _: CANONICAL_FEATURES, options)
    assert runs.lacking(one, NUMPY) == ""
    assert "does not evaluate it" in runs.lacking(one, engines.find("onnx-reference"))
    assert runs.lacking(replace(one, adopted=None), engines.find("onnx-reference")) == ""
    one.__dict__["data"] = b"no model"
    assert runs.lacking(one, NUMPY) == ""  # the reference does not load it either: the model is at fault


def test_models_of_one_shape_share_their_inputs(runs: BackendsRun, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    kind = type(kind_of(subject()))

    def inputs(_: object, one: Subject, __: object) -> object:
        asked.append(one.id)
        if one.features == ("wrong",):
            raise ModelError("takes something that does not exist")
        return object()

    monkeypatch.setattr(kind, "engine_inputs", inputs)
    found = [runs.inputs(subject(name)) for name in ("tinyvmaf_nano", "tinyvmaf_tiny", "tinyvmaf_nano")]
    assert len({id(one) for one in found}) == len(asked) == len({(subject(name).proof.certified) for name in asked})
    with pytest.raises(pytest.fail.Exception, match="takes something that does not exist"):
        runs.inputs(subject(feature_order=("wrong",)))


def test_a_candidate_can_be_read_and_names_engines_that_exist(tmp_path: Path) -> None:
    one = subject()
    assert backends_run.check_candidate(one) is one
    with pytest.raises(pytest.fail.Exception, match="tinyvmaf_nano: its sidecar names engines that nobody knows"):
        backends_run.check_candidate(subject(engines=("bogus",)))
    path = tmp_path / "none.onnx"
    with pytest.raises(CouldNotRunError, match=r"none\.onnx: No such file"):
        backends_run.check_candidate(Subject("none", path, registered=False))
    other = subject()
    other.__dict__["data"] = b"no model"
    with pytest.raises(pytest.fail.Exception, match="tinyvmaf_nano: "):
        backends_run.check_candidate(other)


def test_an_exact_model_has_the_bound_of_exact_ones() -> None:
    plain = subject("vmaf_v0.6.1_svr")
    plain.__dict__["proof"] = replace(plain.proof, certified=False, exact_in_float64=False)
    found = [backends_run.ulp_bound(one, NUMPY, load_bounds()).gate.name for one in (subject(), plain)]
    assert found == ["backends.exact", "backends.ulp"]
