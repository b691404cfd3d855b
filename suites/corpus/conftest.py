"""The corpus under judgement: the embedded one, or the one of --data-root."""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tinyvmaf.data import ladder
from tinyvmaf.data.corpus import Corpus, CorpusFindings, check_corpus, hash_sample, scan
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.errors import CouldNotRunError, TeacherError, TinyvmafError
from tinyvmaf.files import home
from tinyvmaf.judge.plugin import NotChecked
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import Teacher, load_built_in

SAMPLE = 4  # clips that are measured anew


@dataclass(frozen=True)
class Embedded:
    """What is committed of the embedded corpus."""

    spec: Path
    manifest: dict[str, Any]


@pytest.fixture(scope="session")
def embedded(on_disk: Corpus | None) -> Embedded | None:
    """The embedded corpus' spec and manifest; None if another is judged."""
    if on_disk is not None:
        return None
    folder = home() / "fixtures" / "corpus"
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CouldNotRunError(f"{folder / 'manifest.json'}: {error}") from error
    return Embedded(folder / "ladder9.toml", manifest)


@pytest.fixture(scope="session")
def teachers(data: Dataset, ffmpeg: FFmpeg) -> dict[str, Teacher]:
    """The dataset's teachers that the libvmaf here carries; an older one lacks some."""
    found = {}
    for name in data.provenance["teachers"]:
        with contextlib.suppress(TeacherError):
            found[name] = load_built_in(ffmpeg, name)
    if not found:
        raise CouldNotRunError(f"{ffmpeg} carries none of {', '.join(data.provenance['teachers'])}")
    return found


@pytest.fixture(scope="session")
def chosen(data: Dataset) -> list[str]:
    """The ids of the sample."""
    return hash_sample(data.table["clip"].to_pylist(), SAMPLE)


@pytest.fixture(scope="session")
def built(
    embedded: Embedded, chosen: list[str], ffmpeg: FFmpeg, tmp_path_factory: pytest.TempPathFactory
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
def clip_ids(on_disk: Corpus | None, embedded: Embedded | None) -> list[str]:
    """Every clip that there should be, sorted."""
    if on_disk is not None:
        return [clip.id for clip in on_disk.clips]
    assert embedded is not None
    return sorted(Path(path).stem for path in embedded.manifest["clips"] if path.startswith("dis/"))


@pytest.fixture
def only_embedded(embedded: Embedded | None, not_checked: NotChecked) -> Embedded:
    """For what is judged of the embedded corpus only."""
    if embedded is None:
        not_checked("spread and build of the corpus under --data-root: asked of the embedded one only")
    assert embedded is not None
    return embedded
