"""The corpus is what it says it is: complete, paired, inside its root, spread out, and free of golden content."""

from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from tinyvmaf.data.corpus import CorpusFindings, clip_name, hash_split, leave_one_source_out, reference_name
from tinyvmaf.data.dataset import INDEX, Dataset
from tinyvmaf.data.embedded import EmbeddedCorpus
from tinyvmaf.data.golden import golden_among, load_rows
from tinyvmaf.data.ladder import load_spec
from tinyvmaf.data.store import key_of
from tinyvmaf.files import file_sha256
from tinyvmaf.judge.bounds import Bounds
from tinyvmaf.judge.outcomes import compare, hold
from tinyvmaf.judge.plugin import Judge, Note
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.features import Feature, feature_among
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN, Teacher, load_carried

AGAIN = "tox -e corpus"


def features_of(data: Dataset) -> list[Feature]:
    """The columns that a teacher could take."""
    return [one for name in data.table.column_names if (one := feature_among(name)) is not None]


def clip_sources(data: Dataset) -> dict[str, str]:
    return dict(zip(data.table["clip"].to_pylist(), data.table["source"].to_pylist(), strict=True))


def test_corpus_check_finds_no_fault_that_spoils_results(health: CorpusFindings) -> None:
    """Names, pairs, links, sizes, frame counts, geometry, duplicates, golden files; on files that are here."""
    assert health.videos
    spoiling = [f"{fault.path} {fault.text}" for fault in health.faults if fault.spoils]
    assert not spoiling, "tinyvmaf corpus check:\n  " + "\n  ".join(spoiling)


def test_names_pair_and_stay_inside_the_root(only_embedded: EmbeddedCorpus) -> None:
    paths = [PurePosixPath(path) for path in only_embedded.manifest["clips"]]
    assert all(len(path.parts) == 2 and path.parts[0] in ("ref", "dis") for path in paths)
    references = {reference_name(path) for path in paths if path.parts[0] == "ref"}
    clips = [clip_name(path) for path in paths if path.parts[0] == "dis"]
    assert None not in references
    assert None not in clips
    assert {clip.source for clip in clips if clip is not None} == references


def test_every_clip_is_there(data: Dataset, clip_ids: list[str]) -> None:
    assert sorted(clip_sources(data)) == clip_ids
    assert clip_ids


def test_frames_of_a_clip_are_numbered_without_a_hole(data: Dataset) -> None:
    clips, frames = data.table["clip"].to_numpy(), data.table["frame"].to_numpy()  # sorted by source, clip, frame
    first = np.concatenate([[True], clips[1:] != clips[:-1]])
    expected = np.where(first, 0, np.concatenate([[0], frames[:-1] + 1]))
    wrong = sorted(set(clips[frames != expected]))
    assert not wrong, f"{len(wrong)} clips: {', '.join(wrong[:5])}"


def test_provenance_leads_back_to_bytes(data: Dataset) -> None:
    """The teachers are the published ones, and the corpus' hash is that of the files listed."""
    provenance = data.provenance
    assert provenance["teachers"] == {name: KNOWN[name] for name in provenance["teachers"]}
    assert provenance["corpus_sha256"] == key_of(provenance["files_blake3"])
    assert {PurePosixPath(path).stem for path in provenance["files_blake3"] if path.startswith("dis/")} == set(
        clip_sources(data)
    )


def test_manifest_and_rows_are_of_one_build(data: Dataset, only_embedded: EmbeddedCorpus) -> None:
    manifest = only_embedded.manifest
    assert set(manifest["clips"]) == set(data.provenance["files_blake3"])
    assert manifest["tool"]["sha256"] == data.provenance["ffmpeg_sha256"]
    assert manifest["spec"] == file_sha256(only_embedded.spec), "the spec was changed after the corpus was built"


@pytest.mark.usefixtures("only_embedded")
def test_the_corpus_spreads_over_the_scale(data: Dataset, bounds: Bounds, judge: Judge) -> None:
    """Bad and good clips, no range of scores without one, still and fast pictures."""
    scores = np.sort(list(data.clip_means(DEFAULT).values()))
    motion = data.columns(*(one.name for one in features_of(data) if one.is_still_at_first))[:, 0]
    behind_first = motion[data.table["frame"].to_numpy() > 0]
    measured = {
        "clips_below_40": float((scores < 40).mean()),
        "clips_above_95": float((scores > 95).mean()),
        "widest_gap": float(np.diff(scores).max()),
        "least_motion": float(behind_first.min()),
        "most_motion": float(motion.max()),
    }
    for name, value in measured.items():
        judge(hold(bounds.for_(f"corpus.{name}"), "embedded corpus", {name: value}, reproduce=AGAIN))


def test_the_corpus_is_large_enough(data: Dataset, only_embedded: EmbeddedCorpus, bounds: Bounds, judge: Judge) -> None:
    sources = clip_sources(data)
    clips, counts = np.unique(data.table["clip"].to_numpy(), return_counts=True)
    rungs: dict[str, set[tuple[int, int]]] = {}
    for clip, source in sources.items():
        name = clip_name(Path(f"{clip}.yuv"))
        assert name is not None
        rungs.setdefault(source, set()).add((name.height, name.kbps))
    natural = {clip.source.name for clip in load_spec(only_embedded.spec).clips if clip.source.package}
    assert len(natural) >= 5, f"natural sources: {sorted(natural)}"
    judge(hold(bounds.for_("corpus.sources"), "embedded corpus", {"sources": float(len(rungs))}, reproduce=AGAIN))
    judge(
        hold(
            bounds.for_("corpus.rungs"),
            "embedded corpus",
            {s: float(len(r)) for s, r in rungs.items()},
            reproduce=AGAIN,
        )
    )
    frames = {str(clip): float(count) for clip, count in zip(clips, counts, strict=True)}
    judge(hold(bounds.for_("corpus.frames"), "embedded corpus", frames, reproduce=AGAIN))


def test_no_row_is_golden(data: Dataset) -> None:
    """Golden rows judge; they are never trained on."""
    there = [name for name in load_rows().feature_names() if name in data.table.column_names]
    golden = golden_among(dict(zip(there, data.columns(*there).T, strict=True)))
    assert golden is not None, "it has all features of no published teacher, so golden rows cannot be told"
    clips = data.table["clip"].to_numpy()[golden]
    assert not golden.any(), f"golden rows in {sorted(set(clips))}"


def test_values_are_in_range(data: Dataset, embedded: EmbeddedCorpus | None, bounds: Bounds, judge: Judge) -> None:
    """`columns` refuses what is not finite."""
    names = [name for name in data.table.column_names if name not in INDEX]
    values = dict(zip(names, data.columns(*names).T, strict=True))
    ratios = {one.name: float(values[one.name].max()) for one in features_of(data) if one.is_quality}
    scores = {name: float(values[name].max()) for name in data.provenance["teachers"]}
    judge(
        hold(
            bounds.for_("corpus.range_low"),
            "corpus",
            {name: float(v.min()) for name, v in values.items()},
            reproduce=AGAIN,
        )
    )
    if embedded is not None:
        judge(hold(bounds.for_("corpus.range_feature"), "corpus", ratios, reproduce=AGAIN))
    if scores or embedded is not None:  # an imported set may have none
        judge(hold(bounds.for_("corpus.range_score"), "corpus", scores, reproduce=AGAIN))


def test_it_has_what_each_published_teacher_takes_and_says(
    data: Dataset, only_embedded: EmbeddedCorpus, also_not_checked: Note
) -> None:
    """A student of any of them is judged on it. The features in floating point differ by rounding, and it has none."""
    del only_embedded
    for teacher, frozen in load_rows().teachers.items():
        if any(name.startswith("float_") for name in frozen.features):
            continue
        lacking = {teacher, *frozen.features} - set(data.table.column_names)
        assert not lacking, f"the embedded corpus lacks {', '.join(sorted(lacking))} of {teacher}"
        assert data.provenance["teachers"].get(teacher) == frozen.sha256, f"its scores are not those of {teacher}"
        for name in frozen.features:
            if not data.columns(name).any():
                also_not_checked(f"students of {teacher} on real rows with {name}: it is 0 in the whole corpus")


def test_no_row_is_outside_a_domain(data: Dataset, ffmpeg: FFmpeg, bounds: Bounds, judge: Judge, note: Note) -> None:
    """Students are promised inside their teacher's domain only. Teachers of the same features have the same one."""
    clips, frames = data.table["clip"].to_pylist(), data.table["frame"].to_pylist()
    labels = [f"{clip} frame {frame}" for clip, frame in zip(clips, frames, strict=True)]
    teachers = {t.feature_names: t for t in reversed(load_carried(ffmpeg, KNOWN).values())}
    for names, teacher in teachers.items():
        if set(names) <= set(data.table.column_names):
            domain, rows = Domain(teacher.features), data.columns(*names)
            away = domain.distance(rows)
            furthest = domain.excess_in_words(rows[away.argmax()])
            count = int((away > 0.0).sum())
            note(f"{count} of {len(rows)} rows are outside the domain of {teacher.id}" + (furthest and f": {furthest}"))
            measured = dict(zip(labels, away.tolist(), strict=True))
            bound = bounds.for_("corpus.outside")
            judge(hold(bound, f"domain of {teacher.id}", measured, reproduce=AGAIN, details=furthest))


def test_no_golden_row_is_outside_a_domain(ffmpeg: FFmpeg, bounds: Bounds, judge: Judge) -> None:
    bound, rows = bounds.for_("corpus.outside"), load_rows()
    for teacher in load_carried(ffmpeg, KNOWN).values():
        measured = {
            f"{pair.id} frame {frame}": float(away)
            for pair in rows.pairs.values()
            for frame, away in enumerate(Domain(teacher.features).distance(pair.features(teacher.feature_names)))
        }
        judge(hold(bound, f"golden rows in the domain of {teacher.id}", measured, reproduce=AGAIN))


def test_motion_of_frame_0_is_0(data: Dataset, embedded: EmbeddedCorpus | None, also_not_checked: Note) -> None:
    first = data.table["frame"].to_numpy() == 0
    still = [one.name for one in features_of(data) if one.is_still_at_first]
    assert first.any()
    assert still or embedded is None, "it has no feature that is 0 at frame 0"
    if still:
        assert not data.columns(*still)[first].any()
    else:
        also_not_checked("motion of frame 0: this set has no feature that is 0 there")


def test_teacher_scores_belong_to_their_features(
    data: Dataset,
    teachers: dict[str, Teacher],
    bounds: Bounds,
    judge: Judge,
    also_not_checked: Note,
) -> None:
    """Each stored score is that of the SVR in float64 on the stored features."""
    clips, frames = data.table["clip"].to_pylist(), data.table["frame"].to_pylist()
    rows = [f"{clip} frame {frame}" for clip, frame in zip(clips, frames, strict=True)]
    bound, outcomes = bounds.for_("corpus.teacher"), []
    for name in data.provenance["teachers"]:
        if name not in teachers:
            also_not_checked(f"stored scores of {name}: this libvmaf does not carry it")
            continue
        expected = data.columns(name)[:, 0]
        got = teachers[name].predict(data.columns(*teachers[name].feature_names))
        outcomes.append(compare(bound, name, rows, expected, got, reproduce=AGAIN))
    judge(*outcomes)


def test_splits_do_not_leak(data: Dataset) -> None:
    """No source on both sides, each held out once, and nothing depends on order."""
    sources = clip_sources(data)
    folds = leave_one_source_out(sources.values())
    assert [fold.held_out for fold in folds] == sorted(set(sources.values()))
    assert all(fold.held_out not in fold.train for fold in folds)
    if len(folds) >= 5:
        named = [(source, clip) for clip, source in sources.items()]
        split = hash_split(named, test_share=0.4)
        assert split == hash_split(named[::-1], test_share=0.4)
        assert not {sources[clip] for clip in split.train} & {sources[clip] for clip in split.test}
