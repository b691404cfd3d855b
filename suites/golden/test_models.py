"""Every registered model reproduces its own record on the frozen golden rows. Needs neither video nor FFmpeg."""

from collections.abc import Callable

import numpy as np
import pytest

from tinyvmaf import registry
from tinyvmaf.engines import OnnxRuntimeCpu
from tinyvmaf.errors import RegistryError
from tinyvmaf.features import CANONICAL
from tinyvmaf.gates import CouldNotRunError, Gates, Outcome, compare
from tinyvmaf.golden import load_pairs, load_record, load_rows
from tinyvmaf.golden.published import VALUES
from tinyvmaf.golden.records import HINT, recorded_ids
from tinyvmaf.golden.rows import GoldenRows
from tinyvmaf.registry import Entry
from tinyvmaf.teacher import DEFAULT, KNOWN

Judge = Callable[[Outcome], None]
FROZEN = list(load_rows().pairs)
MOTION = CANONICAL.index("motion2")


def model_ids() -> list[str]:
    """The registered models; one stand-in if there is none, for whose sake the gate then fails."""
    try:
        return [entry.id for entry in registry.entries()]
    except RegistryError:
        return ["no model"]


MODELS = model_ids()


@pytest.fixture
def entry(model: str) -> Entry:
    """The registry's entry of the model under test."""
    return registry.find(model)


def reproduce(model: str, pair: str) -> str:
    return f"tox -e golden -- -k '{model} and {pair}'"


def run_on(entry: Entry, frozen: GoldenRows, pair: str) -> np.ndarray:
    """The model's scores on a pair's frozen rows, with its features in its own order."""
    order = entry.sidecar()["feature_order"]
    if not set(order) <= set(CANONICAL):
        raise CouldNotRunError(f"{entry.id} takes {order}; the golden rows have {list(CANONICAL)}")
    return OnnxRuntimeCpu(entry.onnx).run(frozen.pairs[pair].features[:, [CANONICAL.index(name) for name in order]])


@pytest.mark.parametrize("model", MODELS)
def test_files_are_the_registered_ones(entry: Entry) -> None:
    """Model file and sidecar have the registered hashes and agree with each other."""
    found = registry.faults(entry)
    assert not found, f"{entry.id} is not what was registered:\n  " + "\n  ".join(found)


@pytest.mark.parametrize("pair", FROZEN)
@pytest.mark.parametrize("model", MODELS)
def test_golden_scores(model: str, pair: str, entry: Entry, frozen: GoldenRows, gates: Gates, judge: Judge) -> None:
    """Each frame's score is the recorded one at places=4."""
    record = load_record(model)
    if pair not in record:
        raise CouldNotRunError(f"the record of {model} has no scores for {pair}", hint=HINT)
    scores = run_on(entry, frozen, pair)
    each = [f"frame {frame}" for frame in range(len(scores))]
    judge(compare(gates["golden.record"], f"{model} on {pair}", each, record[pair], scores,
                  reproduce=reproduce(model, pair)))  # fmt: skip


@pytest.mark.parametrize("pair", FROZEN)
@pytest.mark.parametrize("model", MODELS)
def test_frame_0_has_no_motion_and_is_scored_so(
    model: str, pair: str, entry: Entry, frozen: GoldenRows, gates: Gates, judge: Judge
) -> None:
    """motion2 of frame 0 is 0 by libvmaf's definition, so even identical videos score below 100 on it."""
    first = frozen.pairs[pair].features[0]
    assert first[MOTION] == 0.0, f"{pair}: motion2 of frame 0 is {first[MOTION]}"
    score = run_on(entry, frozen, pair)[0]
    judge(compare(gates["golden.record"], f"{model} on frame 0 of {pair}", ["frame 0"], load_record(model)[pair][:1],
                  [score], reproduce=reproduce(model, pair)))  # fmt: skip


@pytest.mark.parametrize("pair", FROZEN)
@pytest.mark.parametrize("model", [model for model in MODELS if model == f"{DEFAULT}_svr"] or [f"{DEFAULT}_svr"])
def test_svr_clip_mean_is_libvmafs(
    model: str, pair: str, entry: Entry, frozen: GoldenRows, gates: Gates, judge: Judge
) -> None:
    """The SVR as ONNX gives libvmaf's clip mean at places=4."""
    mean = run_on(entry, frozen, pair).astype(np.float64).mean()
    expected = frozen.pairs[pair].scores.mean()
    judge(compare(gates["golden.svr_clip_mean"], f"{model} on {pair}", ["clip mean"], [expected], [mean],
                  reproduce=reproduce(model, pair)))  # fmt: skip


def test_records_and_registry_name_the_same_models() -> None:
    """A record without its model is a leftover; it must not look like something that is checked."""
    registered = {entry.id for entry in registry.entries()}
    left_over = sorted(set(recorded_ids()) - registered)
    assert not left_over, f"records of models that are not registered: {', '.join(left_over)}"


@pytest.mark.parametrize("model", MODELS)
def test_record_is_of_this_model_and_these_rows(model: str, frozen: GoldenRows) -> None:
    """The record has each frozen pair, each frame of it, and nothing else."""
    record = load_record(model)
    lengths = {pair: len(scores) for pair, scores in record.items()}
    assert lengths == {pair: len(rows.scores) for pair, rows in frozen.pairs.items()}, HINT


@pytest.mark.parametrize("pair", FROZEN)
def test_frozen_rows_are_the_published_ones(pair: str, frozen: GoldenRows, gates: Gates, judge: Judge) -> None:
    """The clip means of the frozen rows are Netflix's, so rows cannot be edited to suit a model."""
    assert frozen.provenance["teacher"] == DEFAULT
    assert frozen.provenance["teacher_sha256"] == KNOWN[DEFAULT]
    published, rows = load_pairs()[pair], frozen.pairs[pair]
    values = published.values(frozen.provenance["motion_epoch"])
    if values is None:
        raise CouldNotRunError(f"{pair}: nothing is published for epoch {frozen.provenance['motion_epoch']}")
    means = [rows.scores.mean(), *rows.features.mean(axis=0)]
    judge(compare(gates["golden.published"], f"frozen rows of {pair}", VALUES, [values[name] for name in VALUES],
                  means, reproduce=f"tox -e golden -- -k 'frozen_rows_are and {pair}'"))  # fmt: skip
