"""Outcomes of whether a model may stand in for its teacher: which band, which row, by how much."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from tinyvmaf.judge.bounds import Bound
from tinyvmaf.judge.outcomes import Limit, hold
from tinyvmaf.judge.rows import Spot
from tinyvmaf.measure.charts.words import counted
from tinyvmaf.measure.loso import LosoReport, Trial
from tinyvmaf.measure.standing_in import (
    BANDS,
    TOP,
    BandErrors,
    Probed,
    Probes,
    Scored,
    against,
    errors,
    rank_correlations,
    reversals,
    scores_a_point,
    worst_rows,
)

GAP: Final = 1.0
"""VMAF points that the teacher puts between two rows whose order counts."""


class Told(NamedTuple):
    """A measured value, and what a person reads of it where it is outside the bound."""

    label: str
    value: float
    sentence: str
    place: Spot | None = None
    """Of a frame or clip."""


class Ask(NamedTuple):
    """Who is judged, by which bounds."""

    bound: Callable[[str], Bound]
    """Of a gate."""
    subject: str
    reproduce: str

    def hold(self, gate: str, values: Iterable[Told]) -> Limit:
        """Hold values against a gate; the sentence of the worst one that is outside leads the details."""
        bound, found = self.bound(gate), list(values)
        outside = [one for one in found if not bound.accepts(one.value)]
        worst = min(outside, key=lambda one: (np.isfinite(one.value), bound.margin(one.value)), default=None)
        return hold(
            bound,
            self.subject,
            {one.label: one.value for one in found},
            reproduce=self.reproduce,
            details=worst.sentence if worst else "",
            places={one.label: one.place for one in found},
        )


def frames_of(trial: Trial) -> list[Scored]:
    """The frames of the corpus by the models that have not seen them, and by the file where it is another model."""
    found: dict[int, Scored] = {}
    for who, report in trial.reports.items():  # one report twice if the folds are the file
        found[id(report)] = _frames(report, f"frames of the corpus, {who}")
    return list(found.values())


def _frames(report: LosoReport, name: str) -> Scored:
    frames = report.frames
    assert frames is not None
    return Scored(
        name,
        frames.expected,
        frames.got,
        lambda row: f"frame {frames.frame[row]} of {frames.clip[row]}",
        frames.clip,
        frames.source,
        frames.frame,
    )


def error_outcomes(ask: Ask, held: Sequence[Scored]) -> list[Limit]:
    """Bias, RMSE and slope of all scores and of each band; the worst frame and the worst clip of each band.

    `loso.top_max_error` is left out if no row is above 90.
    """
    clips = [one for one in (scored.clips() for scored in held) if one is not None]
    stretch = _by_band(
        held,
        lambda each: each.stretch,
        lambda each: f"the range of scores is too {'wide' if each.stretch > 0 else 'narrow'} by",
    )
    outcomes = [
        bias_outcome(ask, "loso.bias", held),
        ask.hold("loso.rmse", _by_band(held, lambda each: each.rmse, lambda _: "RMSE")),
        ask.hold("loso.stretch", stretch),
        ask.hold("loso.frame_max_error", _worst(held)),
        ask.hold("loso.clip_max_error", _worst(clips)),
    ]
    if top := _worst(list(map(_top, held))):
        outcomes.append(ask.hold("loso.top_max_error", top))
    return outcomes


def bands_without_rows(held: Sequence[Scored]) -> list[str]:
    """The bands in which the teacher puts no row, so that no error there is measured."""
    return [band.name for band in BANDS if not any(band.holds(scored.expected).any() for scored in held)]


def bias_outcome(ask: Ask, gate: str, held: Sequence[Scored]) -> Limit:
    """Bias of all scores and of each band."""
    values = _by_band(held, lambda each: each.bias, lambda each: f"on average too {_side(each.bias)} by")
    return ask.hold(gate, values)


def _by_band(
    held: Sequence[Scored], value: Callable[[BandErrors], float], what: Callable[[BandErrors], str]
) -> list[Told]:
    return [
        Told(
            f"{each.band}, {scored.name}",
            abs(value(each)),
            f"{each.band}: {_off(each, value(each), what)}, over {each.rows:,} {scored.name}",
        )
        for scored in held
        for each in errors(scored)
    ]


def _off(each: BandErrors, value: float, what: Callable[[BandErrors], str]) -> str:
    return f"{what(each)} {abs(value):.2g} points" if np.isfinite(value) else "a score is not finite"


def clip_outcomes(ask: Ask, report: LosoReport) -> list[Limit]:
    """Of a model that scores clips only: bias, RMSE and the worst clip."""
    pooled, name = report.pooled["clip"], "clips of held-out sources"
    told = f"all scores: on average too {_side(pooled.bias)} by {abs(pooled.bias):.2g} points, over {pooled.n:,} {name}"
    return [
        ask.hold("loso.bias", [Told(name, abs(pooled.bias), told)]),
        ask.hold("loso.rmse", [Told(name, pooled.rmse, "")]),
        ask.hold("loso.clip_max_error", [Told(name, pooled.max_error, "")]),
    ]


def _top(scored: Scored) -> Scored:
    return scored.only(np.flatnonzero(TOP.holds(scored.expected)))


def _worst(held: Sequence[Scored]) -> list[Told]:
    return [
        Told(
            f"{band}, {scored.name}: {scored.where(row)}",
            abs(scored.got[row] - scored.expected[row]),
            f"{band}: {scored.both(row)}",
            place_of(scored, row),
        )
        for scored in held
        for band, row in worst_rows(scored).items()
    ]


def place_of(scored: Scored, row: int) -> Spot | None:
    """Where a row is from; None where rows are of no source."""
    if scored.source is None:
        return None
    clip = None if scored.clip is None else str(scored.clip[row])
    frame = None if scored.frame is None else int(scored.frame[row])
    return Spot(source=str(scored.source[row]), clip=clip, frame=frame)


def order_outcomes(ask: Ask, held: Sequence[Scored], score_range: tuple[float, float]) -> list[Limit]:
    """Rank correlation within bands; above 90, if there are pairs, the share of reversed ones and the widest."""
    ranks = [
        Told(f"{band}, {scored.name}", value, f"{band}: SROCC {value:.3f} within the band, {scored.name}")
        for scored in held
        for band, value in rank_correlations(scored, score_range).items()
    ]
    shares, widths = [], []
    for scored in map(_top, held):
        found = reversals(scored.expected, scored.got, GAP)
        if found.pairs:
            pairs = f"{counted(found.pairs, 'pair')} of {scored.name}"
            shares.append(Told(pairs, found.share, f"above 90: {found.share:.2%} of {pairs} are the other way round"))
            told = f"above 90: {scored.both(found.worse)}, and {scored.both(found.better)}"
            widths.append(Told(f"widest of {pairs}", found.widest, told))
    outcomes = [ask.hold("loso.band_srocc", ranks)]
    if shares:
        outcomes += [ask.hold("loso.reversed", shares), ask.hold("loso.reversal", widths)]
    return outcomes


def without_order(held: Sequence[Scored], score_range: tuple[float, float]) -> list[str]:
    """What `order_outcomes` leaves out, because too few rows are there."""
    ranked = {band for scored in held for band in rank_correlations(scored, score_range)}
    pairs = any(reversals(one.expected, one.got, GAP).pairs for one in map(_top, held))
    return [band.name for band in BANDS if band.name not in ranked] + ([] if pairs else ["pairs above 90"])


def direction_outcome(ask: Ask, probes: Probes, probed: Probed) -> Limit:
    """Along paths of the domain."""
    expected, got = probed.paths
    found = against(expected, got)
    begin, end = (found.path, found.begin), (found.path, found.end)
    moved = ", ".join(
        f"{name} {old:.4g} to {new:.4g}"
        for name, old, new in zip(probes.names, probes.paths[begin], probes.paths[end], strict=True)
        if old != new
    )
    at = probes.in_words(probes.paths[begin])
    told = (
        f"from {at}, with {moved}: teacher {expected[begin]:.2f} to {expected[end]:.2f}, "
        f"model {got[begin]:.2f} to {got[end]:.2f}"
    )
    return ask.hold("loso.against", [Told(f"worst of {counted(len(got), 'path')}, from {at}", found.by, told)])


def resolution_outcome(ask: Ask, held: Sequence[Scored]) -> Limit:
    """Distinct scores a point, by band."""
    return ask.hold(
        "loso.resolution",
        [
            Told(f"{band}, {scored.name}", value, f"{band}: {value:.2g} distinct scores a point, {scored.name}")
            for scored in held
            for band, value in scores_a_point(scored).items()
        ],
    )


def identical_outcome(ask: Ask, probed: Probed) -> Limit:
    """Pictures that are their own reference."""
    same = probed.identical
    return ask.hold(
        "loso.identical",
        [
            Told(same.where(row), abs(same.got[row] - same.expected[row]), f"identical pictures: {same.both(row)}")
            for row in range(len(same.got))
        ],
    )


def _side(value: float) -> str:
    return "high" if value > 0 else "low"
