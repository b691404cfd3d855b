"""Records and evidence as a real run would leave them, made by arithmetic; and hostile texts."""

from typing import Any

import numpy as np

from tinyvmaf.judge import results
from tinyvmaf.judge.bounds import load_bounds, promise
from tinyvmaf.judge.kinds import SUITES as SUITES_OF_MODELS
from tinyvmaf.judge.outcomes import Outcome, compare, hold

Record = dict[str, Any]

SOURCES = ("garden", "harbour", "kite", "market", "night_train", "old_town", "rain", "sprint", "tunnel")
RUNGS, FRAMES = 16, 48
MODELS = ("tinyvmaf_exact", "tinyvmaf_nano", "tinyvmaf_tiny", "vmaf_v0.6.1_svr")
SUITES = ("golden", "corpus", "loso", "backends", "contract", "latency", "selftest")
ENGINES = ("onnxruntime", "openvino", "opencv", "torch", "numpy", "onnx reference", "onnxruntime 2 threads")
BATCHES = ("1", "16", "256", "4096")
HOSTILE = (
    "<script>alert('x')</script>",
    '"><img src=x onerror=alert(1)>',
    "]]> <!-- --> &amp; &#60; </style></pre></title>",
    "\x00\x1b[31mred\x1b[0m\x07\x85\u202eback\ud800\ufffe",
    "| a `b` @everyone #1 http://x.example\n\n# heading\r- item",
    "long_" * 400,
    "名前 🎬 é̂",
    "",
)

_SPREAD = {"tinyvmaf_exact": 0.015, "tinyvmaf_nano": 0.024, "tinyvmaf_tiny": 0.0078, "vmaf_v0.6.1_svr": 5e-6}
_BYTES = {"tinyvmaf_exact": 5315, "tinyvmaf_nano": 3107, "tinyvmaf_tiny": 9476, "vmaf_v0.6.1_svr": 30514}
_TIMES = {
    "1": {"ns": 8501.9, "floor": 1.812, "teacher": 0.789},
    "16": {"ns": 642.6, "floor": 2.18, "teacher": 0.378},
    "256": {"ns": 146.7, "floor": 7.15, "teacher": 0.13},
    "4096": {"ns": 116.5, "floor": 36.7, "teacher": 0.097},
}
_BOUNDS = {("floor", "1"): 2.0, ("teacher", "4096"): 0.12, **{("baseline", size): 1.1 for size in _TIMES}}
_TORCH = "engine torch-cuda: this PyTorch is built for the CPU only: install one with CUDA"
_PROOF = "hidden layer: 64 sums of 6 products\n  largest 2^23.1\noutput: 1 sum of 64 products\n  largest 2^22.4"


def sample(
    models: tuple[str, ...] = MODELS, *, failing: bool = True, frames: int = FRAMES
) -> tuple[Record, dict[str, Any]]:
    """Record and evidence of a run on models, of which the second fails in two ways, and the third is waived.

    Args:
        models: their ids.
        failing: False for a run that is PASS, without a waiver.
        frames: of each of 144 clips.
    """
    rng = np.random.default_rng(7)
    run = _begun()
    evidence: dict[str, Any] = {"schema": 1, "models": {}}
    for n, model in enumerate(models):
        seen = evidence["models"][model] = _evidence(rng, model, frames, moved=failing and n == 1)
        _judge(run, model, seen, waived=failing and n == 2)
        run["not_checked"].append(results.finding("backends", model, None, _TORCH))
    scale = load_bounds().for_("corpus.clips_above_95")
    spread = hold(scale, "corpus", {"clips": 0.18}, reproduce="pytest suites/corpus")
    _add(run, None, "corpus", "test_the_corpus_spreads_over_the_scale", [spread])
    _add(run, None, "selftest", "test_a_plain_float32_student_fails_and_its_worst_row_is_shown", [])
    run["notes"].append(results.finding("golden", None, None, "libvmaf 86da14d, motion epoch mirror-fix"))
    if failing and len(models) > 2:
        waiver = {"model": models[2], "gate": "latency.floor", "reason": "waits for the next runtime", "up_to": 2.5}
        run["waivers"].append(waiver | {"owner": "ops@example.org", "expires": "2027-01-31", "state": "used"})
    return results.finish(run), evidence


def of_nothing(*, stopped: bool = False, could_not_run: str | None = None, failure: str | None = None) -> Record:
    """A record without any outcome."""
    run = _begun()
    if could_not_run is not None:
        run["could_not_run"].append(results.finding(None, None, None, could_not_run))
    if failure is not None:
        run["failures"].append(results.finding(None, None, None, failure) | {"gates": []})
    return results.finish(run, stopped=stopped)


def hostile(text: str) -> tuple[Record, dict[str, Any]]:
    """A small failing record with one text in every place that a stranger's text can reach."""
    run, evidence = sample(MODELS[:2], frames=2)
    for model in run["models"]:
        model |= dict.fromkeys(("tier", "path", "sha256", "teacher", "recipe"), text)
        model |= {"adaptor": [text], "measured": {text: 1.0}, "promised": {text: 0.0}}
    run["models"][1]["id"] = text
    # The evidence of the first model would hold none of the text, and drawing it takes half of the time.
    evidence["models"] = {text: (seen := evidence["models"][MODELS[1]])}
    for one in (*run["outcomes"], *run["tests"], *run["failures"], *run["not_checked"]):
        one["model"] = text if one["model"] == MODELS[1] else one["model"]
    for outcome in run["outcomes"]:
        outcome |= dict.fromkeys(("metric", "bound", "unit", "subject", "reason", "source", "reproduce"), text)
        outcome["details"] = text
        for row in outcome.get("worst", ()):
            row["label"] = text
    for failure in run["failures"]:
        failure |= {"text": text, "gates": [text]}
    for key in ("could_not_run", "not_checked", "notes"):
        run[key].append(results.finding(text, text, text, text))
    run["tests"].append({"test": text, "suite": text, "model": text, "seconds": 0.0, "status": "could not run"})
    waiver = dict.fromkeys(("model", "gate", "reason", "owner", "expires"), text)
    run["waivers"] = [waiver | {"up_to": None, "state": "used"}]
    run |= {
        "question": text,
        "suites_left_out": [text],
        "summary": text,
        "command": text,
        "started": text,
        "suites": [*SUITES, text],
    }
    run["tinyvmaf"] |= {"version": text, "commit": text}
    run["environment"] |= {"python": text, "system": text, "cpu": text, "packages": {text: text}, "header": [text]}
    seen["frames"] |= {"how": text, "teacher": text, "sources": [text] * 9, "clips": [text] * 144}
    seen["sources"] = {text: seen["sources"]["garden"]}
    seen["ulp"] = {text: {text: 3}}
    seen["latency"] = {text: seen["latency"]["1"]}
    seen["golden"] = {text: seen["golden"]["checkerboard 1 px"]}
    seen["history"] = [{"at": text, "commit": text, "floor": 1.0, "teacher": 1.0, "baseline": None}]
    seen["certificate"]["text"] = text
    return run, evidence


def _begun() -> Record:
    environment = {
        "python": "3.11.7",
        "system": "Linux-6.1.0-x86_64-with-glibc2.36",
        "cpu": "AMD EPYC 9B14",
        "cores": 2,
        "packages": {"numpy": "2.4.6", "onnx": "1.23.2", "onnxruntime": "1.31.1", "openvino": "2026.4.1"},
        "header": ["FFmpeg 9.0.2, libvmaf 86da14d", "engines: onnxruntime, openvino, opencv, torch, numpy"],
    }
    facts = {
        "started": "2026-11-20T10:00:00Z",
        "seconds": 187.4,
        "command": "tinyvmaf gate --model 'model/*.onnx' --out report/gate",
        "tinyvmaf": {"version": "0.7.0", "commit": "82bb6efdee08085b23aeef4fa528db6a9eb38329", "dirty": True},
        "environment": environment,
        "models": [],
        "waivers": [],
    }
    return results.empty(facts) | {"suites": list(SUITES)}


def _evidence(rng: np.random.Generator, model: str, length: int, *, moved: bool) -> dict[str, Any]:
    clips = [f"{source}_{rung:02}" for source in SOURCES for rung in range(RUNGS)]
    clip = np.repeat(np.arange(len(clips)), length)
    source, frame = clip // RUNGS, np.tile(np.arange(length), len(clips))
    level = np.repeat(np.sort(rng.uniform(8, 100, (len(SOURCES), RUNGS)), axis=1).ravel(), length)
    expected = np.clip(level + rng.normal(0, 4, len(clip)), 0, 100)
    spread = _SPREAD.get(model, 0.02)
    wave = np.sin(expected / 9 + source) * 1.4 + rng.normal(0, 0.5, len(clip))
    got = np.clip(expected + spread * wave * (1 + source % 4 * 0.2), 0, 100)
    if moved:
        got[62 * length + length // 2 : 63 * length] += rng.normal(0.45, 0.05, length - length // 2)
    rows = {"source": source, "clip": clip, "frame": frame, "expected": expected, "got": got}
    frames = {"how": "each source scored by a fit that has not seen it", "teacher": "vmaf_v0.6.1"}
    exact = model != "tinyvmaf_tiny"
    ulp = {engine: dict.fromkeys(BATCHES, 0) for engine in ENGINES}
    if not exact:
        ulp["opencv"] |= {"1": 1, "4096": 2}
    if moved:
        ulp["torch"] |= {"16": 3, "256": 41, "4096": 65_536}
    return {
        "frames": frames | {"sources": list(SOURCES), "clips": clips} | {k: v.tolist() for k, v in rows.items()},
        "sources": {name: _figures((got - expected)[source == n]) for n, name in enumerate(SOURCES)},
        "ulp": ulp,
        "ulp_bound": 0 if exact else 2,
        "latency": {size: _latency(rng, size, slow=moved) for size in BATCHES},
        "whole_path": 1.004,
        "history": [_run(rng, n) for n in range(44)],
        "golden": {
            "checkerboard 1 px": _pair(35.068667, spread, True),
            "checkerboard 10 px": _pair(7.985898, spread, not moved),
            "src01_hrc01_576x324": _pair(76.667829, spread, None),
        },
        "certificate": {
            "certified": True,
            "exact_in_float64": not exact,
            "accumulator_bits": 24,
            "text": _PROOF,
        },
    }


def _figures(error: Any) -> dict[str, float]:
    rmse, bias = float((error**2).mean() ** 0.5), float(error.mean())
    figures = {
        "rmse": rmse,
        "low": rmse * 0.86,
        "high": rmse * 1.17,
        "max_error": float(abs(error).max()),
        "bias": bias,
    }
    return figures | {"plcc": 1 - rmse**2 / 900, "srocc": 1 - rmse**2 / 500, "krocc": 1 - rmse / 60, "slope": 1 + bias}


def _latency(rng: np.random.Generator, size: str, *, slow: bool) -> dict[str, Any]:
    ratios = {}
    for kind in ("floor", "teacher", "baseline"):
        value, bound = _TIMES[size].get(kind, 1.004), _BOUNDS.get((kind, size))
        state = None if bound is None else "pass"
        if kind == "baseline" and slow:
            value, state = (1.17, "regressed") if size == "16" else (1.09, "unresolved")
        width = value * float(rng.uniform(0.006, 0.03))
        ratios[kind] = {"value": value, "low": value - width, "high": value + width, "bound": bound, "verdict": state}
    return {"ns_a_row": _TIMES[size]["ns"], "ratios": ratios}


def _run(rng: np.random.Generator, n: int) -> dict[str, Any]:
    floor, teacher, baseline = rng.normal((1.82, 0.112 if n > 30 else 0.097, 1.0), (0.02, 0.0015, 0.006)).tolist()
    ratios = {"floor": floor, "teacher": teacher, "baseline": None if n == 7 else baseline}
    return {"at": f"2026-{10 + n // 28:02}-{n % 28 + 1:02}T10:00:00Z", "commit": f"{n:07x}", **ratios}


def _pair(mean: float, spread: float, recorded: bool | None) -> dict[str, Any]:
    scores = {"teacher_mean": mean, "model_mean": mean + spread, "max_frame_error": spread * 1.6}
    return {"frames": 3, **scores, "recorded": recorded}


def _judge(run: Record, model: str, seen: dict[str, Any], *, waived: bool) -> None:
    bounds = load_bounds()
    about = {"path": f"model/{model}.onnx", "sha256": "619626ad" * 8, "bytes": _BYTES.get(model, 4000)}
    about |= {"tier": model.rpartition("_")[2], "teacher": "vmaf_v0.6.1", "recipe": model, "registered": True}
    about |= {"kind": "regressor", "asked": list(SUITES_OF_MODELS)}
    about |= {"measured": {"loso_frame_rmse_points": 0.0236}, "promised": {"frame_rmse": 0.06, "frame_max_error": 0.3}}
    run["models"].append({"id": model, "adaptor": [], **about})
    frames, again = seen["frames"], f"pytest suites/loso --model model/{model}.onnx"
    worst = {
        f"{frames['clips'][clip]} frame {frame}": abs(got - expected)
        for clip, frame, got, expected in zip(*(frames[k] for k in ("clip", "frame", "got", "expected")), strict=True)
    }
    own = promise("frame_max_error", 0.3, model)
    for gate, name in (
        (bounds.for_("loso.frame_max_error"), "test_no_frame_is_far_off"),
        (own, "test_promises_are_kept"),
    ):
        _add(run, model, "loso", name, [hold(gate, model, worst, reproduce=again)])
    again = f"pytest suites/backends --model model/{model}.onnx"
    bound = bounds.for_("backends.ulp" if seen["ulp_bound"] else "backends.exact")
    for engine, batches in seen["ulp"].items():
        measured = {f"batch {size}": float(ulp) for size, ulp in batches.items()}
        bits = "row 17: 0x1.8a3f2cp+6\n    got 0x1.8a3f2ep+6" if max(measured.values()) > seen["ulp_bound"] else ""
        found = hold(bound, f"{model} on {engine}", measured, reproduce=again, details=bits)
        _add(run, model, "backends", f"test_agrees_with_the_reference[{engine}]", [found])
    scores, labels = np.linspace(3, 97, 24), [f"frame {n}" for n in range(24)]
    again = f"pytest suites/golden --model model/{model}.onnx"
    moved = compare(bounds.for_("golden.record"), model, labels, scores, scores + 1e-6, reproduce=again)
    _add(run, model, "golden", "test_golden_scores", [moved])
    _add(run, model, "golden", "test_frame_0_has_no_motion_and_is_scored_so", [])
    for name in ("the_file_keeps_the_contract", "files_are_the_registered_ones", "the_batch_is_symbolic_in_truth"):
        _add(run, model, "contract", f"test_{name}", [])
    again = f"pytest suites/contract --model model/{model}.onnx"
    in_range = hold(bounds.for_("contract.range_high"), model, {"10,000 rows": 100.0, "corners": 99.4}, reproduce=again)
    _add(run, model, "contract", "test_any_finite_input_gives_a_finite_score_in_range", [in_range])
    taken = {"batch 1": 2.31 if waived else 1.812}
    fast = hold(bounds.for_("latency.floor"), model, taken, reproduce=f"tinyvmaf bench run {model}")
    _add(run, model, "latency", "test_is_fast_enough", [fast], waived=waived)


def _add(run: Record, model: str | None, suite: str, name: str, found: list[Outcome], *, waived: bool = False) -> None:
    where = f"suites/{suite}/test_{suite}.py::{name}" + (f"[{model}]" if model else "")
    bad = [] if waived else [outcome for outcome in found if outcome.failed]
    status = "fail" if bad else "waived" if waived else "pass"
    placed = [outcome.placed(test=where, suite=suite, model=model, waived=waived) for outcome in found]
    run["outcomes"] += [outcome.model_dump(mode="json") for outcome in placed]
    if suite not in run["suites"]:
        run["suites"].append(suite)
    run["tests"].append({"test": where, "suite": suite, "model": model, "seconds": 0.214, "status": status})
    if bad:
        text = "\n\n".join(outcome.explain() for outcome in bad)
        run["failures"].append(
            results.finding(suite, model, where, text) | {"gates": [outcome.gate for outcome in bad]}
        )
