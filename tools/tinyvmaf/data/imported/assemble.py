"""From rows of logs and a table of clips to an imported set: one name for one thing, decimals, teachers, sources."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tinyvmaf.data.imported.layouts import ClipPlace, Layout, place_of_clip
from tinyvmaf.data.imported.names import role_of, score_name, statistic_of
from tinyvmaf.data.imported.opinion_files import ClipTable, scale_of
from tinyvmaf.data.imported.precision import decimals_by_column, decimals_of, decimals_of_single, half_unit
from tinyvmaf.data.imported.table import Opinion, PublishedScore, as_table, provenance_of
from tinyvmaf.data.imported.teachers import TeacherOf, find_teacher
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import sha256
from tinyvmaf.vmaf.features import CANONICAL, feature_among
from tinyvmaf.vmaf.teacher import KNOWN

Floats = NDArray[np.float64]
ClipKey = tuple[str | None, str]
"""Test and clip, as the set names them."""


@dataclass(frozen=True)
class Rows:
    """Rows of logs, one per frame: features under tinyvmaf's names, scores as the logs name them."""

    keys: tuple[ClipKey, ...]
    """The clips."""
    of: NDArray[np.int64]
    """`[N]`, the index of each row's clip in `keys`."""
    frame: NDArray[np.int64]
    columns: Mapping[str, Floats]
    """NaN where a log lacks the value."""
    group: NDArray[np.int64] | None = None
    """`[N]`, a number for the libvmaf that wrote the row; None: one for all."""
    single: frozenset[str] = frozenset()
    """Columns that were stored in float32."""


def assemble(
    name: str,
    rows: Rows,
    listed: ClipTable,
    *,
    layouts: Sequence[Layout],
    files: list[dict[str, Any]],
    versions: Sequence[str],
    teacher_of: TeacherOf,
    command: list[str],
    places: Mapping[ClipKey, ClipPlace] | None = None,
    scale: tuple[float, float] | None = None,
    notes: Sequence[str] = (),
) -> tuple[pa.Table, dict[str, Any]]:
    """The table of a set, and its provenance.

    Args:
        listed: the clips with their sources and opinions; a clip that the rows lack is noted and left out.
        places: by test and clip, where the logs' paths told.
        scale: of the opinions, worst and best; None: the layout's, else guessed, with a note.

    Raises:
        TinyvmafError: a clip has a frame twice, or its opinion is outside the scale.
    """
    found_notes = list(notes)
    keys = rows.keys
    placed = dict(places or {})
    layout = _common_layout([clip for _, clip in keys], layouts, placed)
    for test, clip in keys:
        if (test, clip) not in placed:
            placed[test, clip] = place_of_clip(clip, layout, test)
    used = {place.layout.name: place.layout for place in placed.values()}.values()
    sources = {(row.test, each.plain_name(row.clip)): row.source for row in listed.rows if row.source for each in used}
    for (test, clip), place in placed.items():
        plain = place.layout.plain_name(clip)
        told = sources.get((test, plain)) or sources.get((None, plain))
        if told:
            placed[test, clip] = ClipPlace(clip, told, test, place.layout)
    merged = _merged([placed[key] for key in keys])
    found_notes += [f"merged into source {new}: {', '.join(others)}" for new, others in merged.items()]
    columns, decimals, scores, left_out = _named(rows, placed, keys, teacher_of)
    found_notes += left_out
    if set(CANONICAL) & set(columns) and any(re.match(r"v?[01]\.\d", version) for version in versions):
        found_notes.append(
            "libvmaf 1 computed its features in floating point; they stand under the integer ones' names"
        )
    table = as_table([placed[key] for key in keys], rows.of, rows.frame, columns)
    _no_frame_twice(table)
    opinions, scale, about = _opinions(listed, placed, scale, table, scores)
    found_notes += about
    names = sorted({place.layout.name for place in placed.values()})
    provenance = provenance_of(
        name,
        files=files,
        corpus_sha256=sha256("\n".join(sorted(file["sha256"] for file in files)).encode()),
        libvmaf=", ".join(versions) or "not told",
        layout=", ".join(names),
        decimals=decimals,
        scores=scores,
        teachers={s.teacher: KNOWN[s.teacher] for s in scores if s.teacher in KNOWN},
        opinions=opinions,
        scale=scale,
        notes=found_notes,
        command=command,
    )
    return table, provenance


def _common_layout(
    clips: Sequence[str], layouts: Sequence[Layout], placed: Mapping[ClipKey, ClipPlace]
) -> tuple[Layout, ...]:
    """The layout of a list of clips: the first one whose pattern fits all of them, as one set has one layout."""
    if placed:
        return tuple(layouts)
    for layout in layouts:
        if all(layout.source(clip) is not None for clip in clips):
            return (layout,)
    return ()


def _merged(places: Sequence[ClipPlace]) -> dict[str, list[str]]:
    names: dict[str, set[str]] = defaultdict(set)
    for place in places:
        names[place.canonical].add(place.source)
    return {new: sorted(old - {new}) for new, old in sorted(names.items()) if len(old) > 1}


def _named(
    rows: Rows,
    placed: Mapping[ClipKey, ClipPlace],
    keys: Sequence[ClipKey],
    teacher_of: TeacherOf,
) -> tuple[dict[str, Floats], dict[str, int | None], list[PublishedScore], list[str]]:
    """The columns with each score under its teacher's name, their decimals, the scores, and what was left out."""
    notes: list[str] = []
    published, written = rows.columns, decimals_by_column(rows.columns, rows.group)
    for name in rows.single & set(published):
        most = decimals_of_single(published[name])
        own = written[name]
        written[name] = most if own is None else min(own, most)
    columns = {name: values for name, values in published.items() if role_of(name) == "feature"}
    decimals = {name: written[name] for name in columns}
    features = dict(columns)
    declared = {k: v for key in keys for k, v in placed[key].layout.scores.items()}
    scores: list[PublishedScore] = []
    members = [name for name in published if role_of(name) == "member"]
    if members:
        notes.append(f"left out: the scores of {len(members)} models of a bootstrap, {members[0]} to {members[-1]}")
    for name, values in published.items():
        if role_of(name) != "score":
            continue
        plain = score_name(name)
        places = written[name]
        score = find_teacher(plain, values, features, decimals, places, teacher_of, declared=declared.get(plain))
        if score.column in columns:
            old = columns[score.column]
            both = np.isfinite(old) & np.isfinite(values)
            if (old[both] != values[both]).any():
                notes.append(f"left out: {name}, a second column for {score.column}")
                continue
            columns[score.column] = np.where(np.isfinite(old), old, values)
            decimals[score.column] = max(decimals[score.column], places, key=half_unit)
            notes.append(
                f"scores under the names {next(s for s in scores if s.column == score.column).published} "
                f"and {name} are one column, {score.column}"
            )
            continue
        scores.append(score)
        columns[score.column], decimals[score.column] = values, places
    for name, values in published.items():
        found = statistic_of(name)
        if found is None or role_of(name) != "statistic":
            continue
        of, statistic = found
        base = next((s.column for s in scores if of in (s.published, None) and (of or "b_v" in s.column)), of or "vmaf")
        columns[f"{base}_{statistic}"], decimals[f"{base}_{statistic}"] = values, written[name]
    for name, values in columns.items():
        if name not in rows.single and (places := decimals_of(values)) is not None:
            columns[name] = np.round(values, places)  # without libvmaf 1's noise
    return columns, decimals, scores, notes


def _no_frame_twice(table: pa.Table) -> None:
    clip, frame = table["clip"].to_numpy(zero_copy_only=False), table["frame"].to_numpy()
    twice = np.flatnonzero((clip[1:] == clip[:-1]) & (frame[1:] == frame[:-1]))
    if len(twice):
        raise TinyvmafError(f"clip {clip[twice[0]]} has frame {frame[twice[0]]} twice")


def _opinions(
    listed: ClipTable,
    placed: Mapping[ClipKey, ClipPlace],
    scale: tuple[float, float] | None,
    table: pa.Table,
    scores: Sequence[PublishedScore],
) -> tuple[list[Opinion], tuple[float, float] | None, list[str]]:
    """The opinions of the clips that have rows, their scale, and what there is to say."""
    notes: list[str] = []
    rated = [row for row in listed.rows if row.mos is not None]
    if not rated:
        return [], None, notes
    by_clip: dict[str, list[ClipPlace]] = defaultdict(list)
    for place in placed.values():
        by_clip[place.layout.plain_name(place.clip)].append(place)
    used = {place.layout.name: place.layout for place in placed.values()}.values()
    found: dict[str, Opinion] = {}
    absent: list[str] = []
    for row in rated:
        names = dict.fromkeys(layout.plain_name(row.clip) for layout in used)
        near = [place for name in names for place in by_clip.get(name, ())]
        matches = [p for p in near if row.test is None or p.test is None or p.test == row.test]
        if len(matches) != 1:
            if matches:
                raise TinyvmafError(
                    f"an opinion of {row.clip} names no test, and the clip is in {len(matches)} tests",
                    hint="add a column test to the opinions",
                )
            absent.append(row.clip)
            continue
        place = matches[0]
        if place.key in found:
            raise TinyvmafError(f"two opinions of {place.key}")
        found[place.key] = Opinion(place.key, place.canonical, place.test, float(row.mos or 0.0), row.ci)
    if absent:
        notes.append(
            f"{len(absent)} opinions are of clips without a log: {', '.join(absent[:3])}{', …' * (len(absent) > 3)}"
        )
    without = len(placed) - len(found)
    if without:
        notes.append(f"clips without an opinion: {without}")
    if not found:
        return [], None, notes
    opinions = [found[key] for key in sorted(found)]
    zeros = sum(opinion.ci == 0 for opinion in opinions)
    above = [opinion.ci for opinion in opinions if opinion.ci]
    if zeros and above and all(opinion.ci is not None for opinion in opinions):
        notes.append(f"clips with a ci of 0: {zeros}; fits take {min(above):.4g}, the smallest ci above 0")
    unknown = sum(opinion.ci is None for opinion in opinions)
    if above and unknown:
        notes.append(f"opinions without a ci: {unknown} of {len(opinions)}; fits weigh all alike")
    elif zeros and not above:
        notes.append("no opinion has a ci above 0; fits weigh all alike")
    mos = [opinion.mos for opinion in opinions]
    declared = next((p.layout.scale for p in placed.values() if p.layout.scale is not None), None)
    if scale is None and declared is not None and min(declared) <= min(mos) and max(mos) <= max(declared):
        scale = declared
    if scale is None:
        scale = scale_of(mos)
        if _fall_with_quality(opinions, table, scores):
            scale = scale[1], scale[0]
        notes.append(
            f"opinions are taken to go from {scale[0]:g} (worst) to {scale[1]:g} (best), as their values suggest"
        )
    elif not min(scale) <= min(mos) <= max(mos) <= max(scale):
        raise TinyvmafError(
            f"opinions go from {min(mos):g} to {max(mos):g}, outside the scale {scale[0]:g} to {scale[1]:g}"
        )
    return opinions, scale, notes


def _fall_with_quality(opinions: Sequence[Opinion], table: pa.Table, scores: Sequence[PublishedScore]) -> bool:
    """Whether opinions fall as the quality rises (DMOS of some sets), by the scores, else by ADM or VIF."""
    quality = [name for name in table.column_names if (one := feature_among(name)) is not None and one.is_quality]
    column = next((s.column for s in scores), None) or next(reversed(quality), None)
    if column is None or len(opinions) < 3:
        return False
    grouped = table.group_by("clip").aggregate([(column, "mean")])
    means = dict(zip(grouped["clip"].to_pylist(), grouped[f"{column}_mean"].to_pylist(), strict=True))
    x, y = np.array([means[o.clip] for o in opinions]), np.array([o.mos for o in opinions])
    usable = np.isfinite(x)
    return bool(
        usable.sum() > 2 and x[usable].std() > 0 and y[usable].std() > 0 and np.corrcoef(x[usable], y[usable])[0, 1] < 0
    )
