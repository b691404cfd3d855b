"""Fixtures of the harm gate: a filter, tried on decoded frames of real encodes."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tinyvmaf.data.pictures import embedded_pictures
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.files import sha256
from tinyvmaf.judge.bounds import Bounds
from tinyvmaf.judge.kinds import kind_of
from tinyvmaf.judge.model_failed import model_failed
from tinyvmaf.judge.standing_in import Ask
from tinyvmaf.measure.harm import FilterClip, HarmFound, filter_clips, filter_of, stored_harm
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.model.engines.onnxruntime_cpu import OnnxRuntimeCpuEngine
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.ffmpeg import FFmpeg


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a filter among the models this suite has no test."""

    def is_empty(item: pytest.Item) -> bool:
        here = Path(__file__).parent in item.path.parents and isinstance(item, pytest.Function)
        return here and hasattr(item, "callspec") and not isinstance(item.callspec.params.get("model"), str)

    out = [item for item in items if is_empty(item)]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]


@pytest.fixture(scope="session")
def clips(ffmpeg: FFmpeg) -> Sequence[FilterClip]:
    """Frames of the embedded ladder: all encodes of its natural sources. The first run builds them."""
    return filter_clips(embedded_pictures(Store(default_folder()), ffmpeg))


@pytest.fixture(scope="session")
def measured(clips: Sequence[FilterClip], ffmpeg: FFmpeg) -> Callable[[Subject], HarmFound]:
    """What a filter does to them; measured once."""
    known: dict[str, HarmFound] = {}

    def measure(subject: Subject) -> HarmFound:
        if subject.id not in known:
            session = OnnxRuntimeCpu(subject.data)
            filtered = filter_of(session, subject.sidecar.inputs[0].dtype)
            engine = OnnxRuntimeCpuEngine()
            runtime = f"{engine.name} {engine.available().version}"
            store = Store(default_folder())
            known[subject.id] = stored_harm(filtered, sha256(subject.data), runtime, clips, ffmpeg, store)
        return known[subject.id]

    return measure


@pytest.fixture
def found(subject: Subject, measured: Callable[[Subject], HarmFound]) -> HarmFound:
    """What the model does, if it keeps the contract; a run that gives no pictures fails the test."""
    if faults := kind_of(subject).file_faults(subject.file):
        raise CouldNotRunError(f"{subject.id} does not keep the contract, so it is not run: {faults[0]}")
    with model_failed(subject.id):
        return measured(subject)


@pytest.fixture
def ask(subject: Subject, bounds: Bounds) -> Ask:
    """Who is judged, by which bounds."""
    return Ask(functools.partial(bounds.for_subject, subject=subject), subject.id, f"tox -e harm -- -k '{subject.id}'")
