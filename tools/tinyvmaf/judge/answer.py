"""The answer of a run in one sentence with its numbers: how far off a model is, where it is worst, by which bound."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tinyvmaf.judge.reasons import by_reason
from tinyvmaf.measure.charts.words import DASH, counted, finite, line, number

_RMSE: Final = ("loso.rmse", "external.frame_rmse")
_FRAME: Final = ("loso.frame_max_error", "sidecar.frame_max_error", "external.frame_max_error")
"""The gates that the sentence names first, and of each kind the first that was asked."""
_UNIT: Final = "VMAF points"
_LETTERS: Final = 160
Entry = Mapping[str, Any]


def answer(record: Entry) -> str:
    """What was found, in one sentence with the numbers; of several models, of the one that is furthest off.

    Args:
        record: as in verdict.json, with its verdict.
    """
    if record["verdict"] == "NONE":
        return "The run was stopped before its end, so there is no verdict."
    models = record["models"]
    failed = [model for model in models if model["verdict"] == "FAIL"]
    if record["verdict"] == "FAIL" and not failed:
        return _capital(_of_no_model(record))
    if record["verdict"] == "COULD NOT RUN":
        return _could_not(record)
    if len(models) == 1:
        return _capital(of_model(models[0]["id"], record["outcomes"], record["failures"]))
    if failed:
        worst = max(failed, key=lambda model: _furthest(_of(model["id"], record["outcomes"])))
        sentence = of_model(worst["id"], record["outcomes"], record["failures"])
        verb = "fails" if len(failed) == 1 else "fail"
        return f"{len(failed)} of {counted(len(models), 'model')} {verb}. {worst['id']}: {sentence}"
    sentence = of_model(None, record["outcomes"], (), every=True)
    return _capital(f"{'all ' if models else ''}{counted(len(models), 'model')}: {sentence}" if models else sentence)


def of_model(
    model: str | None, outcomes: Iterable[Entry], failures: Iterable[Entry] = (), *, every: bool = False
) -> str:
    """The same of one model.

    Args:
        every: of all models together, each figure of the one that is nearest to its bound.
    """
    mine = [one for one in outcomes if (one["model"] is not None if every else one["model"] == model)]
    parts, told = [], set()
    for gates, words in ((_RMSE, _rmse), (_FRAME, _frame)):
        asked = next((found for gate in gates if (found := [one for one in mine if _gate(one) == gate])), [])
        if asked:
            worst = max(
                asked,
                key=lambda one: (bool(_place(one)), of_the_bound(one)) if gates == _FRAME else (1, of_the_bound(one)),
            )
            parts.append(words(worst) + (f" ({worst['model']})" if every else ""))
            told.add(_gate(worst))
    others = [one for one in mine if one["status"] == "fail" and _gate(one) not in told]
    if others:
        worst = max(others, key=of_the_bound)
        parts.append(_other(worst))
        if more := len({_gate(one) for one in others} - {_gate(worst)}):
            parts[-1] += f", and {counted(more, 'more gate')} failed"
    elif not parts and mine:
        parts.append(_other(max(mine, key=of_the_bound)))
    elif raised := [
        one for one in failures if one["model"] == model and not set(one["gates"]) & {o["gate"] for o in mine}
    ]:
        parts.append(f"{raised[0]['gates'][0] if raised[0]['gates'] else 'a check'} failed")
    return "; ".join(parts) or "nothing was measured"


def not_run(record: Entry) -> str:
    """What was not run and not checked, in one sentence; empty if nothing was left out."""
    left = [*record["suites_left_out"]]
    parts = [f"Not run: {', '.join(left)}."] if left else []
    suites = Counter(one["suite"] or "the run" for one in record["not_checked"])
    if suites:
        names = ", ".join(f"{suite} {count}" for suite, count in suites.most_common())
        parts.append(f"Not checked: {sum(suites.values())} ({names}).")
    return " ".join(parts)


def of_the_bound(one: Entry) -> float:
    """How much of its bound an outcome uses: 0 for nothing, 1 for all of it, more outside; infinity if not finite."""
    if one["type"] == "assertion":
        return float("inf") if one["failures"] else 0.0
    value, bound = one.get("worst_value", one.get("max_difference")), one["value"]
    if not finite(value) or not finite(bound):
        return float("inf") if one["failures"] else 0.0
    if one["direction"] == "at least" and bound <= 0:
        used = 2.0 if value < bound else 0.0
    elif one["direction"] == "at least":
        used = (1.0 - value) / (1.0 - bound) if 0 < bound < 1 else bound / value if value > 0 else float("inf")
    elif one["unit"] == "places":
        used = value / (0.5 * 10.0**-bound)
    else:
        used = value / bound if bound > 0 else float("inf") if value > bound else 0.0
    # Rounding must not show an outcome on the other side of its bound.
    return max(used, 1.0 + 1e-9) if one["failures"] else min(used, 1.0)


def value_and_bound(one: Entry) -> str:
    """`2.3, must be at most 2 times that of an Identity model`."""
    if one["type"] == "assertion":
        return "does not hold" if one["failures"] else "holds"
    value = one.get("worst_value", one.get("max_difference"))
    shown = number(value, 3) if finite(value) else "not finite"
    if finite(value) and finite(one["value"]) and shown == number(one["value"], 3) and one["failures"]:
        shown = number(value, 7)
    if one["unit"] == "places":
        return f"{shown}, must agree to {number(one['value'])} places"
    return f"{shown}, must be {one['direction']} {number(one['value'])} {one['unit']}".rstrip()


def _rmse(one: Entry) -> str:
    where = one["worst"][0]["label"].partition(",")[0]
    on = "" if where.startswith("all") else f" (scores {where})"
    return f"RMSE {_figure(one)}{on}: {_held(one)}"


def _frame(one: Entry) -> str:
    place = _place(one)
    what = (
        "worst row of the domain" if not place and "rows of the domain" in one["worst"][0]["label"] else "worst frame"
    )
    on = (
        f", on {place}"
        if place
        else f" ({line(one['worst'][0]['label'], 60)})"
        if what == "worst frame" and not place
        else ""
    )
    return f"{what} {_figure(one)} points off{on}: {_held(one)}"


def _place(one: Entry) -> str:
    place = one["worst"][0].get("place") if one.get("worst") else None
    if not place:
        return ""
    frame = f", frame {place['frame']}" if place["frame"] is not None else ""
    return f"source {line(place['source'], 60)}{frame}"


def _figure(one: Entry) -> str:
    return value_and_bound(one).partition(",")[0]


def _held(one: Entry) -> str:
    unit = "" if one["unit"] in ("", _UNIT) else f" {one['unit']}"
    return f"{'outside' if one['failures'] else 'within'} {number(one['value'])}{unit}"


def _other(one: Entry) -> str:
    return line(f"{one['metric']}: {value_and_bound(one)}", _LETTERS)


def _furthest(found: Sequence[Entry]) -> float:
    return max((of_the_bound(one) for one in found), default=0.0)


def _of(model: str, outcomes: Iterable[Entry]) -> list[Entry]:
    return [one for one in outcomes if one["model"] == model]


def _gate(one: Entry) -> str:
    return str(one["gate"]).partition(" ")[0]


def _of_no_model(record: Entry) -> str:
    """A failure that is of no model: of libvmaf, the corpus, a waiver."""
    bad = [one for one in record["outcomes"] if one["status"] == "fail"]
    if bad:
        return _other(max(bad, key=of_the_bound))
    text = record["failures"][0]["text"] if record["failures"] else DASH
    return line(text.partition("\n")[0], _LETTERS)


def _could_not(record: Entry) -> str:
    """The first thing that was lacking."""
    groups = by_reason(record["could_not_run"]) or by_reason(record["not_checked"])
    if not groups:
        return "Nothing was judged."
    first, *others = groups[0]
    reason = first["text"].removeprefix(f"{first['test']}: ").partition("\n")[0].partition(": test_")[0]
    stopped = f" ({counted(len(others) + 1, 'check')})" if others else ""
    more = f"; {counted(len(groups) - 1, 'more reason')} below" if groups[1:] else ""
    return _capital(f"{line(reason.rstrip('.'), 240)}{stopped}{more}.")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
