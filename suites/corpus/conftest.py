"""The corpus under judgement: the embedded one, or the one of --data-root."""

import os
from pathlib import Path
from typing import Any

import pytest

from tinyvmaf.data import ladder
from tinyvmaf.data.corpus import Corpus, CorpusFindings, check_corpus, hash_sample, scan
from tinyvmaf.data.corpus.scan import ENV
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.embedded import EmbeddedCorpus, embedded_corpus
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.errors import CouldNotRunError, TinyvmafError
from tinyvmaf.judge.plugin import NotChecked
from tinyvmaf.judge.properties import NOT_CHECKED
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import Teacher, load_carried

SAMPLE = 4  # clips that are measured anew
OF_VIDEO = (
    "corpus_check_finds_no_fault_that_spoils_results",
    "every_clip_is_there",
    "provenance_leads_back_to_bytes",
    "teacher_scores_belong_to_their_features",
    "the_sample_is_built_to_the_same_bytes",
    "the_sample_gives_the_stored_rows",
)
"""Tests that an imported set, which has no video, cannot pass or fail; `external` judges its scores."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of an imported set, what needs video is NOT CHECKED."""
    named = config.getoption("--features")
    if not named or config.getoption("--data-root") is not None or any(os.environ.get(name) for name in ENV):
        return
    for item in items:
        if item.nodeid.startswith("suites/corpus/") and item.name.removeprefix("test_") in OF_VIDEO:
            what = "files, build and re-extraction of a set of --features: it has no video"
            item.user_properties.append((NOT_CHECKED, what))
            item.add_marker(pytest.mark.skip(reason=f"NOT CHECKED: {what}"))


@pytest.fixture(scope="session")
def data(data: Dataset, imported_corpus: Dataset | None) -> Dataset:
    """The corpus, or the sets of --features."""
    return data if imported_corpus is None else imported_corpus


@pytest.fixture(scope="session")
def embedded(on_disk: Corpus | None, imported_corpus: Dataset | None) -> EmbeddedCorpus | None:
    """The embedded corpus; None if another is judged."""
    if on_disk is not None or imported_corpus is not None:
        return None
    found = embedded_corpus()
    found.manifest  # noqa: B018 - the gate cannot run without
    return found


@pytest.fixture(scope="session")
def teachers(data: Dataset, ffmpeg: FFmpeg) -> dict[str, Teacher]:
    """The dataset's teachers that the libvmaf here carries; an older one lacks some."""
    return load_carried(ffmpeg, data.provenance["teachers"])


@pytest.fixture(scope="session")
def chosen(data: Dataset) -> list[str]:
    """The ids of the sample."""
    return hash_sample(data.table["clip"].to_pylist(), SAMPLE)


@pytest.fixture(scope="session")
def built(
    embedded: EmbeddedCorpus, chosen: list[str], ffmpeg: FFmpeg, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """The sample of the embedded corpus, built now, with its manifest."""
    root = tmp_path_factory.mktemp("built")
    try:
        return root, ladder.build(embedded.spec, root, ffmpeg, only=chosen)
    except TinyvmafError as error:
        raise CouldNotRunError(f"the sample cannot be built: {error.message}", hint=error.hint) from error


@pytest.fixture(scope="session")
def health(on_disk: Corpus | None, ffmpeg: FFmpeg, request: pytest.FixtureRequest) -> CorpusFindings:
    """The findings of `check_corpus` on the corpus on disk, or on the sample of the embedded one."""
    if on_disk is None:
        return check_corpus(scan(request.getfixturevalue("built")[0]), ffmpeg)
    return check_corpus(on_disk, ffmpeg, digest=Store(default_folder()).digest)


@pytest.fixture
def clip_ids(on_disk: Corpus | None, embedded: EmbeddedCorpus | None) -> list[str]:
    """Every clip that there should be, sorted."""
    if on_disk is not None:
        return [clip.id for clip in on_disk.clips]
    assert embedded is not None
    return embedded.clip_ids


@pytest.fixture
def only_embedded(embedded: EmbeddedCorpus | None, not_checked: NotChecked) -> EmbeddedCorpus:
    """For what is judged of the embedded corpus only."""
    if embedded is None:
        not_checked("spread and build of the corpus of --data-root or --features: asked of the embedded one only")
    assert embedded is not None
    return embedded
