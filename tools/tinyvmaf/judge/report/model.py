"""The part of the page that is about one model."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tinyvmaf.judge.report import charts
from tinyvmaf.judge.report.axes import COLOURS
from tinyvmaf.judge.report.charts import Frames
from tinyvmaf.judge.report.markup import Markup, join, tag
from tinyvmaf.judge.report.pieces import absent, badge, code, facts, figure, fold, outcome, pre, table, tests_list
from tinyvmaf.judge.report.words import DASH, clean, counted, finite, finite_values, line, number, one_minus

_FRAME_GATES: Final = ("loso.frame_max_error", "sidecar.frame_max_error")
"""What the error of a frame is held to: by the suite, and by what the model's sidecar promises."""
_CONTRACT: Final = "contract"
_LEVELS: Final = (2, 32, 1024, 65536)
"""ULP up to which each colour of the heat map goes."""
_FIGURES: Final = ("rmse", "low", "high", "max_error", "bias", "plcc", "srocc", "krocc", "slope")


def anchor(number: int) -> str:
    """The id of a model's section."""
    return f"model-{number}"


def key_figures(outcomes: Sequence[Mapping[str, Any]], seen: Mapping[str, Any]) -> list[str]:
    """RMSE and largest error of a frame, most ULP, time of a call over Identity's: what the table of models shows."""
    frames = Frames.of(seen.get("frames"))
    rmse = worst = None
    if frames is not None:
        rmse, worst = float((frames.error**2).mean() ** 0.5), float(abs(frames.error).max())
    ulp = [v for batches in (seen.get("ulp") or {}).values() for v in finite_values(batches.values())]
    latency = seen.get("latency") or {}
    floor = ((latency.get("1") or {}).get("ratios") or {}).get("floor") or {}
    failed = sum(found["status"] == "fail" for found in outcomes)
    return [
        number(rmse, 3),
        number(worst, 3),
        number(max(ulp, default=None)),
        number(floor.get("value"), 3),
        f"{len(outcomes):,}" + (f", {failed:,} outside" if failed else ""),
    ]


def frame_bound(outcomes: Sequence[Mapping[str, Any]]) -> tuple[float | None, str]:
    """The tightest bound on the error of a frame that the model was held to, and its gate."""
    held = [
        (float(o["value"]), o["gate"])
        for o in outcomes
        if o["gate"].split(" ")[0] in _FRAME_GATES and finite(o["value"])
    ]
    return min(held, default=(None, ""))


def section(
    n: int,
    model: Mapping[str, Any],
    outcomes: Sequence[Mapping[str, Any]],
    tests: Sequence[Mapping[str, Any]],
    suites: Sequence[str],
    seen: Mapping[str, Any],
    *,
    grid: int,
    worst: int,
    folded: bool,
) -> Markup:
    """Everything about one model.

    Args:
        n: its number on the page.
        outcomes, tests: those of this model.
        suites: in their order.
        seen: its evidence, in which anything may be missing.
        grid: into how many parts a unit of the charts is divided.
        worst: how many rows of an outcome are shown.
        folded: whether the section is closed at first.
    """
    name = anchor(n)
    head = join([tag("h3", line(model["id"], 160)), badge(model["verdict"])], " ")
    content = [
        _about(model),
        _accuracy(name, outcomes, seen, grid),
        _ulp(name, seen),
        _speed(name, seen),
        _golden(seen.get("golden")),
        _certificate(seen.get("certificate")),
        _contract([test for test in tests if test["suite"] == _CONTRACT]),
        by_suite(outcomes, tests, suites, worst),
    ]
    if folded:
        return tag(
            "section", fold(head, *content, open_=model["verdict"] != "PASS", class_="whole"), id=name, class_="model"
        )
    return tag("section", tag("header", head), *content, id=name, class_="model")


def by_suite(
    outcomes: Sequence[Mapping[str, Any]], tests: Sequence[Mapping[str, Any]], suites: Sequence[str], worst: int
) -> Markup:
    """Outcomes and tests, suite by suite; what failed is open and comes first."""
    blocks = []
    for suite in suites:
        here = [found for found in outcomes if found["suite"] == suite]
        ran = [test for test in tests if test["suite"] == suite]
        if not here and not ran:
            continue
        here.sort(key=lambda found: ("fail", "waived", "pass").index(found["status"]))
        bad = sum(found["status"] == "fail" for found in here) + sum(test["status"] == "fail" for test in ran)
        said = f"{counted(len(here), 'outcome')}, {counted(len(ran), 'test')}"
        blocks.append(
            fold(
                join([tag("b", line(suite, 60)), tag("small", said), badge("fail", "failed") if bad else None], " "),
                *(outcome(found, worst) for found in here),
                fold(counted(len(ran), "test"), tests_list(ran), class_="quiet") if ran else None,
                open_=bad > 0,
                class_="suite",
            )
        )
    if not blocks:
        return absent("Outcomes")
    return tag("div", tag("h4", "Every outcome"), *blocks, class_="block")


def _about(model: Mapping[str, Any]) -> Markup:
    size = counted(model["bytes"], "byte") if model["bytes"] is not None else None
    known = facts(
        (
            ("file", code(clean(model["path"]))),
            ("size", size),
            ("tier", model["tier"]),
            ("teacher", model["teacher"]),
            ("recipe", model["recipe"]),
            ("registered", "yes" if model["registered"] else "no"),
            ("sha256", code(model["sha256"]) if model["sha256"] else None),
        )
    )
    adaptor = tag("ul", *(tag("li", text) for text in model["adaptor"])) if model["adaptor"] else None
    said = [(title, model[key]) for key, title in (("measured", "measured"), ("promised", "promised")) if model[key]]
    names = [
        table(
            (f"{title}, by its sidecar", ""),
            ((line(k, 120), number(v, 6)) for k, v in values.items()),
            label=title,
            numbers=1,
        )
        for title, values in said
    ]
    return join(
        [
            known,
            tag("div", tag("p", "How it is called:"), adaptor, class_="block") if adaptor else None,
            fold("What its sidecar says", tag("div", *names, class_="side"), class_="quiet") if names else None,
        ]
    )


def _accuracy(name: str, outcomes: Sequence[Mapping[str, Any]], seen: Mapping[str, Any], grid: int) -> Markup:
    frames, sources = Frames.of(seen.get("frames")), seen.get("sources") or {}
    parts: list[object] = [tag("h4", "Against the teacher", id=f"{name}-accuracy")]
    if frames is None and not sources:
        return tag("div", *parts, absent("Scores of frames"), class_="block")
    order = frames.sources if frames is not None else list(sources)
    pictures: list[Markup] = []
    if frames is not None:
        parts.append(tag("p", _method(seen["frames"], frames), class_="about"))
        bound, gate = frame_bound(outcomes)
        clip, worst = charts.worst_clip(frames, bound)
        largest = float(abs(frames.error).max())
        if bound is None:
            held = "No bound was asked for in this run."
        elif charts.bound_is_seen(largest, bound):
            held = f"The bound is ±{number(bound)}, by {gate}."
        else:
            times = number(bound / max(largest, 1e-12), 2)
            held = (
                f"The bound, ±{number(bound)} by {gate}, is outside of this picture: {times} times the largest error."
            )
        pictures = [
            figure(
                "Score against teacher",
                "A dot is a frame. On the line, both scores are equal.",
                charts.scatter(frames, grid),
            ),
            figure("Error over score", held, charts.errors(frames, bound, grid)),
            figure("The worst clip", join([tag("b", line(clip, 120)), ", frame by frame."]), worst),
        ]
    else:
        parts.append(absent("Scores of frames"))
    if sources:
        pictures.append(
            figure("RMSE by source", "With 95 % intervals, where they were computed.", charts.bars(sources, order))
        )
    parts.append(tag("div", *pictures, class_="grid"))
    if frames is not None:
        parts.append(_legend(order))
    if sources:
        rows = ([line(s, 80), *(_figure(key, values.get(key)) for key in _FIGURES)] for s, values in sources.items())
        parts.append(
            fold(
                "Numbers of each source",
                table(
                    ("source", "RMSE", "from", "to", *(k.replace("_", " ") for k in _FIGURES[3:])),
                    rows,
                    label="numbers of each source",
                    numbers=1,
                ),
                class_="quiet",
            )
        )
    return tag("div", *parts, class_="block")


def _figure(key: str, value: Any) -> str:
    return one_minus(value) if key in ("plcc", "srocc", "krocc") else number(value)


def _method(said: Mapping[str, Any], frames: Frames) -> str:
    seen, clips = len(frames.by_source()), len(set(frames.clip.tolist()))
    how = f"{line(said['how'], 300).rstrip('.')}. " if said.get("how") else ""
    lost = f" {counted(frames.lost, 'frame')} without a finite score cannot be shown." if frames.lost else ""
    return (
        f"{counted(len(frames.got), 'frame')} of {counted(clips, 'clip')} from {counted(seen, 'source')}, "
        f"against {line(said.get('teacher') or 'its teacher', 80)}. {how[:1].upper()}{how[1:]}{lost}".strip()
    )


def _legend(sources: Sequence[str]) -> Markup:
    repeat = "Colours repeat after the twelfth; the dots say their source." if len(sources) > COLOURS else None
    entries = (tag("li", tag("i", class_=f"s{n % COLOURS}"), " ", line(source, 40)) for n, source in enumerate(sources))
    return tag(
        "div",
        tag("ul", *entries, class_="legend", aria_label="sources"),
        tag("p", tag("small", repeat)) if repeat else None,
    )


def _ulp(name: str, seen: Mapping[str, Any]) -> Markup:
    parts: list[object] = [tag("h4", "The same score everywhere", id=f"{name}-ulp")]
    engines = {engine: batches for engine, batches in (seen.get("ulp") or {}).items() if batches}
    if not engines:
        return tag("div", *parts, absent("Distance between engines"), class_="block")
    bound = seen.get("ulp_bound")
    sizes = list(dict.fromkeys(size for batches in engines.values() for size in batches))
    rows = (
        (line(engine, 60), *(_heat(batches.get(size), bound) for size in sizes)) for engine, batches in engines.items()
    )
    held = f"Bound: {number(bound)} ULP." if finite(bound) else "No bound was asked for in this run."
    said = f"Largest distance of a score from the reference, in ULP. {held}"
    drawn = table(
        ("engine", *(f"batch {line(size, 12)}" for size in sizes)), rows, label="ULP by engine and batch", numbers=1
    )
    steps = [tag("li", tag("i", class_=f"h{level}"), f" {text}") for level, text in enumerate(_level_words())]
    return tag(
        "div",
        *parts,
        tag("p", said, class_="about"),
        tag("div", drawn, class_="heat"),
        tag("ul", *steps, class_="legend"),
        class_="block",
    )


def _level_words() -> list[str]:
    edges = [0, *_LEVELS]
    return ["0", *(f"{a + 1:,} to {b:,}" for a, b in zip(edges, _LEVELS, strict=False)), "more"]


def _heat(value: Any, bound: Any) -> Markup:
    if not finite(value):
        return tag("span", DASH, class_="cell none")
    level = 0 if value == 0 else next((n for n, edge in enumerate(_LEVELS, 1) if value <= edge), len(_LEVELS) + 1)
    outside = finite(bound) and value > bound
    text = f"{number(value)} ✗" if outside else number(value)
    return tag("span", text, class_=f"cell h{level}", title="outside the bound" if outside else None)


def _speed(name: str, seen: Mapping[str, Any]) -> Markup:
    parts: list[object] = [tag("h4", "Latency", id=f"{name}-latency")]
    batches, runs = dict(sorted((seen.get("latency") or {}).items(), key=_size)), seen.get("history") or []
    if not batches and not runs and not finite(seen.get("whole_path")):
        return tag("div", *parts, absent("Latency"), class_="block")
    sentences = []
    if times := [
        f"{number(b['ns_a_row'])} ns in a batch of {size}" for size, b in batches.items() if finite(b.get("ns_a_row"))
    ]:
        sentences.append(f"A row takes {', '.join(times)}.")
    if finite(seen.get("whole_path")):
        sentences.append(f"From two files to scores takes {number(seen['whole_path'])} times what libvmaf alone takes.")
    parts.append(tag("p", " ".join(sentences), class_="about"))
    now, before = charts.latency(batches), charts.history(runs, _bounds(batches))
    pictures = [
        figure("Latency ratios", _ratio_legend(), now) if now else absent("Ratios of times"),
        figure(
            "Over the runs before",
            "The newest last, and larger. Batch 1; the teacher's with the largest batch.",
            before,
        )
        if before
        else absent("Runs before"),
    ]
    return tag("div", *parts, tag("div", *pictures, class_="grid"), class_="block")


def _size(batch: tuple[str, Any]) -> float:
    return float(batch[0]) if batch[0].isdecimal() else float("inf")


def _ratio_legend() -> Markup:
    kinds = (("pass", "pass"), ("regressed", "regressed"), ("unresolved", "unresolved"), ("known", "held to no bound"))
    signs = (join([tag("i", class_=f"ratio {kind}"), f" {text}"]) for kind, text in kinds)
    return tag(
        "span",
        *(tag("span", sign, class_="sign") for sign in signs),
        tag("span", tag("i", class_="bound"), " bound", class_="sign"),
    )


def _bounds(batches: Mapping[str, Mapping[str, Any]]) -> dict[str, float | None]:
    """The bound of each line of the history: that of batch 1, for the teacher that of the largest batch."""
    found: dict[str, float | None] = {}
    for kind in charts.RATIOS:
        ratios = [(size, ((batch.get("ratios") or {}).get(kind) or {}).get("bound")) for size, batch in batches.items()]
        chosen = ratios[-1:] if kind == "teacher" else [r for r in ratios if r[0] == "1"]
        found[kind] = float(chosen[0][1]) if chosen and finite(chosen[0][1]) else None
    return found


def _golden(pairs: Mapping[str, Mapping[str, Any]] | None) -> Markup:
    if not pairs:
        return tag("div", tag("h4", "Golden clips"), absent("Golden clips"), class_="block")
    words = {True: badge("pass", "as recorded"), False: badge("fail", "not as recorded"), None: "no record"}
    rows = (
        (
            line(name, 120),
            number(pair.get("frames")),
            number(pair.get("teacher_mean"), 8),
            number(pair.get("model_mean"), 8),
            number(pair.get("max_frame_error"), 3),
            words[pair.get("recorded")],
        )
        for name, pair in pairs.items()
    )
    head = ("pair", "frames", "teacher's mean", "model's mean", "largest error of a frame", "record")
    return tag("div", tag("h4", "Golden clips"), table(head, rows, label="golden clips", numbers=1), class_="block")


def _certificate(said: Mapping[str, Any] | None) -> Markup:
    if not said:
        return tag("div", tag("h4", "Certificate of exactness"), absent("Certificate"), class_="block")
    bits = (
        f", {said['accumulator_bits']} bits of an accumulator are enough"
        if said.get("accumulator_bits") is not None
        else ""
    )
    if said.get("certified"):
        proven = f"Proven: no operation rounds in {'float64' if said.get('exact_in_float64') else 'float32'}{bits}."
    else:
        proven = "Not proven: operations of this model may round."
    text = fold("The proof", pre(said["text"]), class_="quiet") if said.get("text") else None
    return tag("div", tag("h4", "Certificate of exactness"), tag("p", proven), text, class_="block")


def _contract(tests: Sequence[Mapping[str, Any]]) -> Markup:
    shown = tests_list(tests) if tests else absent("The contract")
    return tag("div", tag("h4", "Contract"), shown, class_="block")
