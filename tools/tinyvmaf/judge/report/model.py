"""What the page shows of one model, ready for its template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from tinyvmaf.judge.report import charts
from tinyvmaf.judge.report.frames import Frames
from tinyvmaf.judge.report.words import DASH, counted, finite, finite_values, line, number, one_minus

_FRAME_GATES: Final = ("loso.frame_max_error", "sidecar.frame_max_error")
"""What bounds the error of a frame: the suite, and the model's sidecar."""
_CONTRACT: Final = "contract"
_LEVELS: Final = (2, 32, 1024, 65536)
"""ULP up to which each colour of the heat map goes."""
_FIGURES: Final = ("rmse", "low", "high", "max_error", "bias", "plcc", "srocc", "krocc", "slope")
_CORRELATIONS: Final = ("plcc", "srocc", "krocc")

Entries = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Picture:
    """A chart, its title and what it shows; without a chart, what was not measured."""

    title: str
    about: str
    chart: Markup | None


@dataclass(frozen=True)
class SuiteBlock:
    """What one suite found."""

    suite: str
    outcomes: Entries
    """Those that failed come first."""
    tests: Entries
    failed: bool

    @classmethod
    def each(cls, outcomes: Entries, tests: Entries, suites: Sequence[str]) -> list["SuiteBlock"]:
        """A block for each suite that found anything, in their order."""
        blocks = []
        for suite in suites:
            here = sorted(
                (found for found in outcomes if found["suite"] == suite),
                key=lambda found: ("fail", "waived", "pass").index(found["status"]),
            )
            ran = [test for test in tests if test["suite"] == suite]
            if here or ran:
                blocks.append(cls(suite, here, ran, any(one["status"] == "fail" for one in (*here, *ran))))
        return blocks


@dataclass(frozen=True)
class UlpCell:
    """A distance in ULP."""

    text: str
    colour: str
    """A CSS class."""
    outside: bool


@dataclass(frozen=True)
class UlpTable:
    """Distances by engine and size of a batch."""

    head: list[str]
    rows: list[tuple[str, list[UlpCell]]]
    bound: str
    """In ULP; empty where none was asked for."""
    levels: list[str]
    """What the colours stand for."""


@dataclass(frozen=True)
class Speed:
    """How long the model takes."""

    text: str
    figures: list[Picture]
    ratios: bool
    """Whether ratios are drawn, so that their signs are explained."""


@dataclass(frozen=True)
class ModelView:
    """One model on the page."""

    anchor: str
    model: Mapping[str, Any]
    seen: Mapping[str, Any]
    """Its evidence, in which anything may be missing."""
    key_figures: list[str]
    """RMSE and largest error of a frame, most ULP, time of a call over Identity's, outcomes."""
    method: str
    accuracy: list[Picture]
    legend: list[str]
    source_rows: list[list[str]]
    ulp: UlpTable | None
    speed: Speed | None
    contract: Entries
    suites: list[SuiteBlock]


def view(
    n: int, model: Mapping[str, Any], outcomes: Entries, tests: Entries, suites: Sequence[str], seen: Mapping[str, Any]
) -> ModelView:
    """Everything about one model.

    Args:
        n: its number on the page.
        outcomes, tests: those of this model.
        suites: in their order.
        seen: its evidence.
    """
    frames, sources = Frames.of(seen.get("frames")), seen.get("sources") or {}
    order = frames.sources if frames is not None else list(sources)
    pictures = _pictures(frames, *frame_bound(outcomes)) if frames is not None else []
    if sources:
        about = "With 95 % intervals, where they were computed."
        pictures.append(Picture("RMSE by source", about, charts.bars(sources, order)))
    return ModelView(
        anchor=f"model-{n}",
        model=model,
        seen=seen,
        key_figures=_key_figures(frames, outcomes, seen),
        method=_method(seen["frames"], frames) if frames is not None else "",
        accuracy=pictures,
        legend=order if frames is not None else [],
        source_rows=[[name, *(_figure(key, row.get(key)) for key in _FIGURES)] for name, row in sources.items()],
        ulp=_ulp(seen.get("ulp") or {}, seen.get("ulp_bound")),
        speed=_speed(seen),
        contract=[test for test in tests if test["suite"] == _CONTRACT],
        suites=SuiteBlock.each(outcomes, tests, suites),
    )


def frame_bound(outcomes: Entries) -> tuple[float | None, str]:
    """The tightest bound on the error of a frame that the model was held to, and its gate."""
    held = [
        (float(o["value"]), o["gate"])
        for o in outcomes
        if o["gate"].split(" ")[0] in _FRAME_GATES and finite(o["value"])
    ]
    return min(held, default=(None, ""))


def _key_figures(frames: Frames | None, outcomes: Entries, seen: Mapping[str, Any]) -> list[str]:
    rmse = float((frames.error**2).mean() ** 0.5) if frames is not None else None
    ulp = [v for batches in (seen.get("ulp") or {}).values() for v in finite_values(batches.values())]
    floor = (((seen.get("latency") or {}).get("1") or {}).get("ratios") or {}).get("floor") or {}
    failed = sum(found["status"] == "fail" for found in outcomes)
    return [
        number(rmse, 3),
        number(frames.largest if frames is not None else None, 3),
        number(max(ulp, default=None)),
        number(floor.get("value"), 3),
        f"{len(outcomes):,}" + (f", {failed:,} outside" if failed else ""),
    ]


def _pictures(frames: Frames, bound: float | None, gate: str) -> list[Picture]:
    if bound is None:
        held = "No bound was asked for in this run."
    elif charts.bound_is_seen(frames.largest, bound):
        held = f"The bound is ±{number(bound)}, by {gate}."
    else:
        times = number(bound / max(frames.largest, 1e-12), 2)
        held = f"The bound, ±{number(bound)} by {gate}, is outside of this chart: {times} times the largest error."
    scatter, errors, worst = charts.scatter(frames), charts.errors(frames, bound), charts.worst_clip(frames, bound)
    return [
        Picture("Score against teacher", "A dot is a frame. On the line, both scores are equal.", scatter),
        Picture("Error over score", held, errors),
        Picture("The worst clip", f"{line(frames.worst_clip()[0], 120)}, frame by frame.", worst),
    ]


def _method(about: Mapping[str, Any], frames: Frames) -> str:
    seen, clips = len(frames.by_source()), len(set(frames.clip.tolist()))
    how = f"{line(about['how'], 300).rstrip('.')}. " if about.get("how") else ""
    lost = f" {counted(frames.lost, 'frame')} without a finite score cannot be shown." if frames.lost else ""
    return (
        f"{counted(len(frames.got), 'frame')} of {counted(clips, 'clip')} from {counted(seen, 'source')}, "
        f"against {line(about.get('teacher') or 'its teacher', 80)}. {how[:1].upper()}{how[1:]}{lost}".strip()
    )


def _figure(key: str, value: Any) -> str:
    return one_minus(value) if key in _CORRELATIONS else number(value)


def _ulp(found: Mapping[str, Mapping[str, Any]], bound: Any) -> UlpTable | None:
    engines = {engine: batches for engine, batches in found.items() if batches}
    if not engines:
        return None
    sizes = list(dict.fromkeys(size for batches in engines.values() for size in batches))
    rows = [(engine, [_ulp_cell(batches.get(size), bound) for size in sizes]) for engine, batches in engines.items()]
    edges = [0, *_LEVELS]
    levels = ["0", *(f"{a + 1:,} to {b:,}" for a, b in zip(edges, _LEVELS, strict=False)), "more"]
    head = ["engine", *(f"batch {line(size, 12)}" for size in sizes)]
    return UlpTable(head, rows, number(bound) if finite(bound) else "", levels)


def _ulp_cell(value: Any, bound: Any) -> UlpCell:
    if not finite(value):
        return UlpCell(DASH, "none", outside=False)
    level = 0 if value == 0 else next((n for n, edge in enumerate(_LEVELS, 1) if value <= edge), len(_LEVELS) + 1)
    return UlpCell(number(value), f"h{level}", outside=finite(bound) and value > bound)


def _speed(seen: Mapping[str, Any]) -> Speed | None:
    batches, runs = dict(sorted((seen.get("latency") or {}).items(), key=_size)), seen.get("history") or []
    if not batches and not runs and not finite(seen.get("whole_path")):
        return None
    times = [
        f"{number(b['ns_a_row'])} ns in a batch of {size}" for size, b in batches.items() if finite(b.get("ns_a_row"))
    ]
    text = f"A row takes {', '.join(times)}. " if times else ""
    if finite(seen.get("whole_path")):
        text += f"From two files to scores takes {number(seen['whole_path'])} times what libvmaf alone takes."
    now, before = charts.latency(batches), charts.history(runs, _ratio_bounds(batches))
    about = "The newest last, and larger. Batch 1; the teacher's with the largest batch."
    return Speed(
        text.strip(),
        [
            Picture("Latency ratios" if now else "Ratios of times", "With 95 % intervals.", now),
            Picture("Over the runs before" if before else "Runs before", about, before),
        ],
        ratios=now is not None,
    )


def _size(batch: tuple[str, Any]) -> float:
    return float(batch[0]) if batch[0].isdecimal() else float("inf")


def _ratio_bounds(batches: Mapping[str, Mapping[str, Any]]) -> dict[str, float | None]:
    """The bound of each line of the history: that of batch 1, for the teacher that of the largest batch."""
    found: dict[str, float | None] = {}
    for kind in charts.RATIOS:
        ratios = [(size, ((batch.get("ratios") or {}).get(kind) or {}).get("bound")) for size, batch in batches.items()]
        chosen = ratios[-1:] if kind == "teacher" else [r for r in ratios if r[0] == "1"]
        found[kind] = float(chosen[0][1]) if chosen and finite(chosen[0][1]) else None
    return found
