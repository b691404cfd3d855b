"""What the page shows of a model beside its accepted baseline."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from tinyvmaf.judge.against_baseline import FIGURES
from tinyvmaf.measure.charts.words import DASH, finite, line, number, one_minus

_CORRELATIONS: Final = ("plcc", "srocc")


@dataclass(frozen=True)
class Beside:
    """A model and its baseline."""

    head: ClassVar[tuple[str, ...]] = ("", "this model", "baseline", "change")
    text: str
    rows: list[list[str]]


def beside(seen: Mapping[str, Any], size: Any) -> Beside | None:
    """The comparison; None if this run made none.

    Args:
        seen: the model's evidence.
        size: its bytes.
    """
    found = seen.get("baseline")
    if not found:
        return None
    if found.get("why_not"):
        return Beside(f"Not compared: {line(found['why_not'], 300)}.", [])
    rows = []
    for name, title in FIGURES.items():
        mine, other = (found.get("figures") or {}).get(name) or (None, None)
        shown = one_minus if name in _CORRELATIONS else lambda value: number(value, 4)
        rows.append([title, shown(mine), shown(other), _change(mine, other)])
    rows.append(["bytes", number(size), number(found.get("bytes")), _change(size, found.get("bytes"))])
    ratios = (((seen.get("latency") or {}).get("1") or {}).get("ratios") or {}).get("baseline") or {}
    if finite(ratios.get("value")):
        between = f" [{number(ratios.get('low'))}, {number(ratios.get('high'))}]"
        rows.append(["time of a call", f"{number(ratios['value'])} times{between}", "1", ""])
    when = f"Accepted {line(found['accepted'], 40)}: " if found.get("accepted") else ""
    text = f"{when}{line(found.get('reason') or '', 300).rstrip('.')}. "
    if found.get("same"):
        text += "It is the same file."
    else:
        at = line(found.get("apart_at") or "an unknown frame", 160)
        frames, apart = number(found.get("frames")), number(found.get("apart"), 3)
        text += f"Over {frames} frames the two are at most {apart} points apart, on {at}."
    return Beside(text, rows)


def _change(mine: Any, other: Any) -> str:
    if not finite(mine) or not finite(other):
        return DASH
    change = mine - other
    return "none" if change == 0 else f"{'+' if change > 0 else ''}{number(change, 2)}"
