"""Outcomes of whether a filter does harm, and whether the gain that it promises is there."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge.bounds import Bound
from tinyvmaf.judge.gates import Gate
from tinyvmaf.judge.outcomes import Limit
from tinyvmaf.judge.rows import Spot
from tinyvmaf.judge.standing_in import Ask, Told
from tinyvmaf.measure.charts.words import counted
from tinyvmaf.measure.harm import METRICS, ClipHarm, HarmFound, gain_interval

PROMISED: Final = {"psnr_gain_db": "psnr", "vmaf_gain_points": "vmaf"}
"""The gains that a sidecar may promise, and the metric of each."""
_NAMES: Final = {"psnr": "PSNR", "vmaf": "VMAF", "neg": "VMAF NEG"}

Value = Callable[[ClipHarm], float]


def harm_outcomes(ask: Ask, found: HarmFound) -> list[Limit]:
    """What the filter loses on clips, on clean input, and at a second application."""
    return [*clip_outcomes(ask, found), clean_outcome(ask, found), drift_outcome(ask, found)]


def clip_outcomes(ask: Ask, found: HarmFound) -> list[Limit]:
    """PSNR, VMAF and VMAF NEG of each clip behind the filter less those before it."""
    return [_worse(ask, f"harm.{metric}", found, _gain_of(metric), METRICS[metric], "") for metric in METRICS]


def clean_outcome(ask: Ask, found: HarmFound) -> Limit:
    """How clean pictures come back."""
    clean = [
        Told(what, value, f"{_subject(what, found)} at {value:.1f} dB", _place(what, found))
        for what, value in found.clean.items()
    ]
    return ask.hold("harm.clean", clean)


def drift_outcome(ask: Ask, found: HarmFound) -> Limit:
    """What a second application loses."""
    return _worse(ask, "harm.drift", found, lambda clip: clip.drift, "dB", " after a second application")


def gain_outcomes(ask: Ask, found: HarmFound, promised: Mapping[str, float]) -> list[Limit]:
    """Whether what the filter promises is there; empty if it promises nothing.

    A gain of VMAF is the smaller one of those of VMAF and of VMAF NEG: sharpening raises the first alone.

    Args:
        promised: values by the names of `PROMISED`.

    Raises:
        CouldNotRunError: it promises what nobody here measures.
    """
    if unknown := sorted(set(promised) - set(PROMISED)):
        raise CouldNotRunError(
            f"{ask.subject} promises {', '.join(unknown)}, which is not measured", hint=f"known: {', '.join(PROMISED)}"
        )
    return [one for name, value in promised.items() for one in _held(ask, found, name, value)]


def summary(subject: str, found: HarmFound) -> str:
    """One line: what a person wants to know of a filter."""
    if found.unchanged:
        return f"{subject}: it gives back every picture as it was: an identity, without harm and without gain"
    means = ", ".join(
        f"{_NAMES[metric]} {found.mean(_gain_of(metric), found.clips):+.3f} {unit}" for metric, unit in METRICS.items()
    )
    return f"{subject}: {means}, mean of {counted(len(found.clips), 'clip')} of {len(found.sources)} sources"


def _subject(what: str, found: HarmFound) -> str:
    return f"clean pictures of {what} come back" if what in found.sources else f"{what} comes back"


def _place(what: str, found: HarmFound) -> Spot | None:
    return Spot(source=what) if what in found.sources else None


def _gain_of(metric: str) -> Value:
    return lambda clip: clip.gain(metric)


def _worse(ask: Ask, gate: str, found: HarmFound, value: Value, unit: str, when: str) -> Limit:
    """Hold the difference of each clip; the sentence is about the worst band, and tells all bands and sources."""
    if not found.clips:
        raise CouldNotRunError(f"{ask.subject}: {gate}: the filter was tried on nothing")
    bands = {name: found.mean(value, clips) for name, clips in found.by_band().items()}
    band = min(bands, key=lambda name: bands[name])
    worst = min(found.clips, key=value)
    if ask.bound(gate).accepts(bands[band]):  # the mean of no band is outside: one clip is
        where, lost = f"on clip {worst.id} of {worst.source}, whose VMAF is {worst.band}", value(worst)
    else:
        among = counted(len(found.by_band()[band]), "clip")
        where, lost = f"where VMAF is {band}, mean of {among}", bands[band]
    lines = [
        f"{abs(lost):.2g} {unit} worse{when} {where}",
        "by VMAF: " + _listed(bands, unit),
        "by source: " + _listed({name: found.mean(value, one) for name, one in found.by_source().items()}, unit),
    ]
    if gate == "harm.neg" and (rise := found.mean(_gain_of("vmaf"), found.clips)) > 0:
        lines.append(f"VMAF itself rises by {rise:.2g} points: that is what sharpening does, and no gain")
    told = "\n".join(lines)
    return ask.hold(
        gate,
        [
            Told(f"{clip.id} (VMAF {clip.vmaf_of_clip:.1f})", value(clip), told, Spot(source=clip.source, clip=clip.id))
            for clip in found.clips
        ],
    )


def _listed(values: Mapping[str, float], unit: str) -> str:
    return ", ".join(f"{name} {value:+.2f}" for name, value in values.items()) + f" {unit}"


def _held(ask: Ask, found: HarmFound, name: str, value: float) -> Iterable[Limit]:
    """A promised gain: large enough to matter, as large as promised, and not by chance."""
    metric = PROMISED[name]
    unit = METRICS[metric]

    def gain(clip: ClipHarm) -> float:
        return min(clip.gain("vmaf"), clip.gain("neg")) if metric == "vmaf" else clip.gain(metric)

    sources = {source: found.mean(gain, clips) for source, clips in found.by_source().items()}
    mean = sum(sources.values()) / len(sources)
    told = f"it promises {value:g} {unit} of {_NAMES[metric]}; measured {mean:+.3f} {unit}"
    if found.unchanged:
        told += ": it gives back every picture as it was"
    if metric == "vmaf":
        vmaf, neg = (found.mean(_gain_of(each), found.clips) for each in ("vmaf", "neg"))
        told += f"; VMAF {vmaf:+.2f}, VMAF NEG {neg:+.2f}, and the smaller one counts: sharpening raises VMAF alone"
    told += "\nby source: " + _listed(sources, unit)
    between = gain_interval([clip.source for clip in found.clips], [gain(clip) for clip in found.clips])
    sure = f"{told}\n95 % interval over sources and clips: {between.low:+.3f} to {between.high:+.3f} {unit}"
    label = f"{_NAMES[metric]}, mean of {counted(len(sources), 'source')}"
    yield ask.hold(f"harm.{metric}_gain", [Told(label, mean, told)])
    yield ask.hold(f"harm.{metric}_gain_low", [Told(f"{label}, lower end", between.low, sure)])
    own = Ask(lambda _: promised_gain(ask.subject, name, value), ask.subject, ask.reproduce)
    yield own.hold(f"sidecar.{name}", [Told(label, mean, told)])


def promised_gain(subject: str, name: str, value: float) -> Bound:
    """The bound that a sidecar promises to keep."""
    gate = Gate(
        f"sidecar.{name}", f"mean gain of {_NAMES[PROMISED[name]]}", METRICS[PROMISED[name]], 0.0, 100.0, "at least"
    )
    return Bound(gate, value, f"{subject} promises it", f"model/{subject}.json", f"model/{subject}.json [promised]")
