"""A sample of clips, built and measured anew, gives the stored rows to the last digit."""

from dataclasses import replace

import numpy as np
import pytest

from tinyvmaf.data.corpus import Corpus, scan
from tinyvmaf.data.dataset import INDEX, Dataset
from tinyvmaf.data.embedded import EmbeddedCorpus
from tinyvmaf.data.extract import Extraction, ExtractionRequest, extract
from tinyvmaf.data.store import Store
from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.files import file_sha256
from tinyvmaf.judge.bounds import Bounds
from tinyvmaf.judge.outcomes import compare
from tinyvmaf.judge.plugin import Judge, NotChecked
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import Teacher


@pytest.fixture(scope="session")
def anew(
    on_disk: Corpus | None,
    chosen: list[str],
    teachers: dict[str, Teacher],
    ffmpeg: FFmpeg,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Extraction:
    """The sample, measured with an empty store."""
    folder = tmp_path_factory.mktemp("anew")
    if on_disk is None:
        corpus = scan(request.getfixturevalue("built")[0])
    else:
        corpus = replace(on_disk, clips=tuple(clip for clip in on_disk.clips if clip.id in chosen))
    wanted = ExtractionRequest(tuple(teachers))
    result = extract(corpus, wanted, Store(folder / "store"), ffmpeg, jobs=2)
    if result.failures or result.table is None or result.computed != len(chosen):
        raise CouldNotRunError(f"the sample was not measured: {result.failures or chosen}")
    return result


def test_the_sample_is_built_to_the_same_bytes(
    only_embedded: EmbeddedCorpus, request: pytest.FixtureRequest, not_checked: NotChecked
) -> None:
    """Inputs and clips have the sha256 of the manifest, as long as the FFmpeg is the one that it names."""
    manifest, now = only_embedded.manifest, request.getfixturevalue("built")[1]
    changed = [name for name, digest in now["inputs"].items() if manifest["inputs"].get(name) != digest]
    assert not changed, f"other package files than the manifest's: {', '.join(changed)}"
    changed = [name for name, digest in now["clips"].items() if manifest["clips"].get(name) != digest]
    assert len(now["clips"]) > len({path for path in now["clips"] if path.startswith("dis/")}) > 0
    if now["tool"] != manifest["tool"]:
        not_checked(f"bytes of the clips: another FFmpeg than the manifest's; {len(changed)} of the sample differ")
    assert not changed, f"built with the same FFmpeg, yet other bytes: {', '.join(changed)}"


def test_the_sample_gives_the_stored_rows(
    anew: Extraction,
    data: Dataset,
    teachers: dict[str, Teacher],
    ffmpeg: FFmpeg,
    bounds: Bounds,
    judge: Judge,
    not_checked: NotChecked,
) -> None:
    """With another FFmpeg than the one that made the rows, the difference is measured and reported instead.

    What libvmaf measured is held to the last digit. FFmpeg's filter does not run bootstrap collections, so their scores
    are computed here from what it measured, in float64: their last digits are those of the processor.
    """
    assert anew.table is not None
    names = [name for name in anew.table.column_names if name not in INDEX]
    clips = set(anew.table["clip"].to_pylist())
    stored = data.table.filter([clip in clips for clip in data.table["clip"].to_pylist()])
    assert stored.select(INDEX).equals(anew.table.select(INDEX))
    # Teachers that this libvmaf lacks are named by test_teacher_scores_belong_to_their_features.
    there = np.column_stack([stored[name].to_numpy() for name in names])
    here = np.column_stack([anew.table[name].to_numpy() for name in names])
    if file_sha256(ffmpeg.path) != data.provenance["ffmpeg_sha256"]:
        worst = names[int(np.abs(here - there).max(axis=0).argmax())]
        not_checked(
            f"re-extraction: {ffmpeg.version} is another build than {data.provenance['ffmpeg']}; of {len(clips)} clips "
            f"the largest |d| is {np.abs(here - there).max():.3g} ({worst})"
        )
    rows = list(zip(stored["clip"].to_pylist(), stored["frame"].to_pylist(), strict=True))
    subject, again = f"{len(clips)} clips measured anew", "tox -e corpus -- -k sample"
    computed = [name for name, teacher in teachers.items() if teacher.bootstrap]
    held = {"corpus.reextraction": [name for name in names if name not in computed]}
    if computed:
        held["corpus.teacher"] = computed
    outcomes = []
    for gate, columns in held.items():
        places = [names.index(name) for name in columns]
        labels = [f"{clip} frame {frame} {name}" for clip, frame in rows for name in columns]
        outcomes.append(compare(bounds.for_(gate), subject, labels, there[:, places], here[:, places], reproduce=again))
    judge(*outcomes)
