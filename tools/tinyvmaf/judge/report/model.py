"""What the page shows of one model, ready for its template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tinyvmaf.judge.answer import of_model
from tinyvmaf.judge.report import charts
from tinyvmaf.judge.report.baseline import Beside, beside
from tinyvmaf.judge.report.external import ExternalSet, external_sets
from tinyvmaf.judge.report.frames import Frames
from tinyvmaf.judge.report.lead import Lead, lead
from tinyvmaf.judge.report.pictures import Picture, Speed, of_scores, speed
from tinyvmaf.judge.report.suites import Entries, SuiteBlock
from tinyvmaf.judge.report.ulp import UlpTable, ulp_table
from tinyvmaf.measure.charts.words import counted, finite_values, line, number, one_minus

_CONTRACT: Final = "contract"
_FIGURES: Final = ("rmse", "low", "high", "max_error", "bias", "plcc", "srocc", "krocc", "slope")
_CORRELATIONS: Final = ("plcc", "srocc", "krocc")


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
    external: list[ExternalSet]
    ulp: UlpTable | None
    lead: Lead
    """What explains the verdict."""
    answer: str
    """The same in a sentence with its numbers."""
    baseline: Beside | None
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
    pictures = of_scores(frames, outcomes) if frames is not None else []
    if sources:
        about = "With 95 % intervals, where they were computed."
        pictures.append(Picture("RMSE by source", about, charts.bars(sources, order)))
    distances = ulp_table(seen.get("ulp") or {}, seen.get("ulp_bound"))
    first = lead(outcomes, frames, seen, distances)
    return ModelView(
        anchor=f"model-{n}",
        model=model,
        seen=seen,
        key_figures=_key_figures(frames, outcomes, seen),
        method=_method(seen["frames"], frames) if frames is not None else "",
        accuracy=[one for one in pictures if one.title not in {p.title for p in (first.picture, first.beside) if p}],
        legend=order if frames is not None else [],
        source_rows=[[name, *(_figure(key, row.get(key)) for key in _FIGURES)] for name, row in sources.items()],
        external=external_sets(seen.get("external") or {}),
        ulp=distances,
        lead=first,
        answer=of_model(model["id"], outcomes),
        baseline=beside(seen, model["bytes"]),
        speed=speed(seen),
        contract=[test for test in tests if test["suite"] == _CONTRACT],
        suites=SuiteBlock.each(outcomes, tests, suites),
    )


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
