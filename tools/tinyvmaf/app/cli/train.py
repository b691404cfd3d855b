"""`tinyvmaf train` and `recipes`: fit candidates by recipes and judge them on held-out sources."""

import argparse
import json
import math
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyvmaf.app.cli.common import (
    Commands,
    add_command,
    add_ffmpeg_option,
    add_json_option,
    positive_int,
    print_listing,
    print_table,
)
from tinyvmaf.app.cli.progress import progress_bar
from tinyvmaf.app.cli.train_pictures import asks_pictures, train_pictures
from tinyvmaf.app.cli.train_recipes import AskedRecipe, add_recipe_options, asked_recipes, wrong_use
from tinyvmaf.data import dataset
from tinyvmaf.data.corpus.splits import leave_one_source_out
from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.data.imported import opinions_in, read_features
from tinyvmaf.data.opinions import Opinions, read_opinions
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.data.targets import with_target
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import write_atomic
from tinyvmaf.measure import environment
from tinyvmaf.model import registry
from tinyvmaf.terminal import say
from tinyvmaf.train.recipes import Recipe, read_recipe, recipe_ids
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import FOLDER, NETFLIX, Teacher

if TYPE_CHECKING:
    from tinyvmaf.measure.loso import LosoReport
    from tinyvmaf.train.folds import FitRequest, FoldModel
    from tinyvmaf.train.packaging import Origin

_TRAIN = """\
Fit the students of one or more recipes and write them as ONNX candidates with sidecar and card.

A recipe is a TOML file, or the name of a built-in one (tinyvmaf recipes). B1 and B2 fit the clips of a corpus, B1f fits
samples of the teacher's domain, B2 and B3 need opinions (--mos, or those in the file of --features).

--teacher NAME fits a recipe for another teacher; without --recipe, a nano of 3 KB. --teacher-json FILE does the same
for a model of your own, which tinyvmaf register keeps in model/teachers.

Scores of a recipe's teacher that the corpus lacks are computed from its features (--target auto).

With --folds loso (the default) each recipe is also fitted with one source held out at a time and evaluated on that
source; the table at the end shows the results. Fits of the same recipe on the same rows come from the store.

--out DIR will contain, for each model, ID.onnx, ID.json (sidecar) and ID.md (card); for each recipe, RECIPE.loso.json
(all folds, all metrics) and folds/RECIPE/SOURCE-seedN.onnx."""
_EXAMPLES = """\
tinyvmaf train --recipe tinyvmaf_nano --out candidates
tinyvmaf train --recipe all --out candidates
tinyvmaf train --teacher v1 --out candidates
tinyvmaf train --teacher-json mine.json --teacher-sha256 HEX --out candidates
tinyvmaf train --recipe mine.toml --features netflix.parquet --mos dmos.csv --out candidates
tinyvmaf train --recipe mos_clip --features imported.parquet --out candidates"""
_Row = dict[str, Any]
_HEADER = (
    *("recipe", "method", "numbers", "bytes", "frame PLCC", "frame SROCC", "frame RMSE", "max error"),
    *("clip PLCC", "clip SROCC", "clip RMSE", "worst source", "fit s"),
)


def add_commands(commands: Commands) -> None:
    """Add `train` and `recipes`."""
    train = add_command(
        commands, "train", _train, summary="fit students by recipes", description=_TRAIN, examples=_EXAMPLES
    )
    add_recipe_options(train)
    train.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write the candidates to")
    train.add_argument(
        "--features",
        type=Path,
        metavar="FILE",
        help="parquet file of tinyvmaf extract or import (default: the embedded corpus)",
    )
    train.add_argument(
        "--target",
        choices=("auto", "column"),
        default="auto",
        help="the teacher's scores: auto computes those that the corpus lacks, column takes its own (default auto)",
    )
    train.add_argument("--folds", choices=("loso", "none"), default="loso", help="evaluation (default loso)")
    train.add_argument(
        "--mos", type=Path, metavar="FILE", help="opinion scores for B2 and B3, a CSV file: clip,mos[,ci]"
    )
    train.add_argument("--seeds", type=positive_int, metavar="N", help="seeds 0 to N-1 instead of the recipe's")
    train.add_argument("--fresh", action="store_true", help="fit anew, without the store")
    train.add_argument("--json", action="store_true", help="print the table as JSON")
    add_ffmpeg_option(train)
    recipes = add_command(
        commands,
        "recipes",
        _recipes,
        description="List the built-in recipes and what each one makes.",
        examples="tinyvmaf recipes",
    )
    add_json_option(recipes)


def _recipes(arguments: argparse.Namespace) -> int:
    rows = []
    for recipe in map(read_recipe, recipe_ids()):
        rows.append([recipe.id, recipe.method, recipe.teacher, recipe.architecture.name, recipe.summary])
    print_listing(["recipe", "method", "teacher", "architecture", "summary"], rows, as_json=arguments.json)
    return 0


def _train(arguments: argparse.Namespace) -> int:
    if wrong := wrong_use(arguments):
        say(f"tinyvmaf train: {wrong}", file=sys.stderr)
        return 2
    if asks_pictures(arguments.recipe):
        return train_pictures(arguments)
    asked = asked_recipes(arguments, find_ffmpeg(arguments.ffmpeg))
    path = arguments.features or embedded_corpus().features
    data = read_features(path) if arguments.features else dataset.read(path)
    own = read_opinions(arguments.mos) if arguments.mos else None
    tasks = [_task(one, data, own, arguments) for one in _chosen(asked, data, arguments)]
    rows = [_one(*task, arguments) for task in tasks]
    if arguments.json:
        print(json.dumps([{name: _json(value) for name, value in row.items()} for row in rows], indent=2))
    else:
        print_table(_HEADER, [[_cell(name, row.get(name)) for name in _HEADER] for row in rows])
    return 0


def _task(
    asked: AskedRecipe, data: dataset.Dataset, own: Opinions | None, arguments: argparse.Namespace
) -> tuple[AskedRecipe, dataset.Dataset, Opinions | None]:
    """What a recipe is fitted with. What it lacks is an error here, before anything is fitted."""
    recipe, teacher = asked.recipe, asked.teacher
    opinions = opinions_in(data, recipe.mos.scale) if own is None and recipe.mos is not None else own
    if arguments.target == "auto":
        data = with_target(data, teacher)
    elif teacher.id not in data.table.column_names:
        raise TinyvmafError(f"the corpus has no scores of {teacher.id}", hint="--target auto computes them")
    return asked, data, opinions if recipe.needs_mos else None


def _chosen(asked: list[AskedRecipe], data: dataset.Dataset, arguments: argparse.Namespace) -> list[AskedRecipe]:
    """The recipes without those that want opinions, if there are none and `all` was asked for."""
    given = arguments.mos is not None or data.provenance.get("opinions")
    without = [one.recipe.id for one in asked if one.recipe.needs_mos and not given]
    if without and "all" not in arguments.recipe:
        raise TinyvmafError(
            f"{', '.join(without)}: opinions are needed", hint="pass --mos FILE, a CSV file: clip,mos[,ci]"
        )
    return [one for one in asked if one.recipe.id not in without]


def _require_the_registered(teacher: Teacher) -> None:
    """One id is one teacher: a model of a changed JSON would be taken for one of the JSON before."""
    for one in registry.subjects() if (registry.model_folder() / registry.REGISTRY).is_file() else ():
        if one.teacher_id == teacher.id and one.sidecar.teacher.sha256 != teacher.sha256:
            raise TinyvmafError(
                f"{one.id} is a model of {teacher.id} with sha256 {one.sidecar.teacher.sha256}, not {teacher.sha256}",
                hint="give the changed JSON another name",
            )


def _one(asked: AskedRecipe, data: dataset.Dataset, opinions: Opinions | None, arguments: argparse.Namespace) -> _Row:
    from tinyvmaf.measure.loso import evaluate_recipe  # imported here: slow
    from tinyvmaf.train.folds import FitRequest

    recipe, teacher = asked.recipe, asked.teacher
    _require_the_registered(teacher)
    seeds = range(arguments.seeds) if arguments.seeds else None
    request = FitRequest(recipe, teacher, data, (), seeds, opinions)
    started = time.perf_counter()
    finals, held_out = _fitted(request, data, arguments)
    took = time.perf_counter() - started
    report = None
    if held_out or not recipe.sees_clips:
        report = evaluate_recipe(recipe.id, recipe, teacher, held_out or finals, data, opinions=request.opinions)
    _write(request, finals, held_out, report, _origin(recipe, data, arguments), arguments)
    if not asked.brought:  # tinyvmaf register copies it to the others
        write_atomic(arguments.out / f"{recipe.id}.toml", asked.data)
    if teacher.id not in NETFLIX:
        write_atomic(arguments.out / FOLDER / f"{teacher.id}.json", teacher.json)
    numbers = recipe.parameters(len(teacher.features))
    row: _Row = {"recipe": recipe.id, "method": recipe.method, "numbers": numbers}
    row |= {"bytes": len(finals[0].data), "fit s": round(took, 1)}
    return row | (_summary(report) if report else {})


def _fitted(
    request: "FitRequest", data: dataset.Dataset, arguments: argparse.Namespace
) -> tuple[list["FoldModel"], list["FoldModel"]]:
    """The models that are fitted on all sources, and those that have one held out."""
    from tinyvmaf.train.folds import fold_models

    store = None if arguments.fresh else Store(default_folder())
    # A recipe that sees no clip needs no folds: every source is held out of its one fit.
    loso = arguments.folds == "loso" and request.recipe.sees_clips
    folds = leave_one_source_out(data.table["source"].to_pylist()) if loso else []
    with progress_bar(f"fitting {request.recipe.id}", "steps") as progress:
        finals = fold_models(request, store, progress=progress)
        held_out = fold_models(replace(request, folds=folds), store, progress=progress) if folds else []
    return finals, held_out


def _write(
    request: "FitRequest",
    finals: Sequence["FoldModel"],
    held_out: Sequence["FoldModel"],
    report: "LosoReport | None",
    origin: "Origin",
    arguments: argparse.Namespace,
) -> None:
    """Write the report, the models of the folds, and the candidates with sidecar and card."""
    from tinyvmaf.judge.kinds import find  # imported here: slow
    from tinyvmaf.measure.loso import broken_promises, interval_report, measured_values
    from tinyvmaf.train.packaging import write_candidate

    recipe, teacher, out = request.recipe, request.teacher, arguments.out
    if report is not None:
        text = json.dumps(report.as_dict(), indent=2, allow_nan=False)
        write_atomic(out / f"{recipe.id}.loso.json", text + "\n")
    for model in held_out:
        write_atomic(out / "folds" / recipe.id / f"{model.held_out}-seed{model.seed}.onnx", model.data)
    kind, judged = find("interval" if recipe.interval else "regressor"), report is not None
    for model in finals:
        model_id = recipe.id if len(finals) == 1 else f"{recipe.id}-seed{model.seed}"
        measured = measured_values(model, teacher, report, per_frame=not recipe.architecture.per_clip)
        if recipe.interval and report is not None and request.data is not None:
            measured |= interval_report([model], teacher, request.data, teacher.feature_names).measured()
        written = write_candidate(
            model, model_id, recipe, teacher, measured, origin, kind=kind, folder=out, judged=judged
        )
        if not arguments.json:
            say(f"{written.file}  {len(model.data)} bytes  sha256 {written.sha256}")
        for broken in broken_promises(recipe.promises or {}, measured):
            say(f"{model_id} breaks a promise of its recipe, and the gate will fail: {broken}", file=sys.stderr)
    if report is not None and report.opinions is not None and not arguments.json:
        say(report.opinions.summary)


def _origin(recipe: Recipe, data: dataset.Dataset, arguments: argparse.Namespace) -> "Origin":
    from tinyvmaf.train.packaging import Origin

    sha256, corpus, options = data.provenance["corpus_sha256"], "the embedded ladder corpus", []
    if arguments.features:
        corpus = f"the corpus of `{arguments.features.name}` (sha256 `{sha256}`)"
        options += ["--features", arguments.features.name]
    if recipe.needs_mos and arguments.mos is None:
        corpus += " with its opinions"
    elif recipe.needs_mos:
        corpus += f" with the opinions of `{arguments.mos.name}`"
        options += ["--mos", arguments.mos.name]
    options += ["--target", arguments.target] if arguments.target != "auto" else []
    options += ["--folds", arguments.folds] if arguments.folds != "loso" else []
    options += ["--seeds", str(arguments.seeds)] if arguments.seeds else []
    along = recipe.id in recipe_ids() and read_recipe(recipe.id).sha256 == recipe.sha256
    name = recipe.id if along else f"{recipe.id}.toml"
    command = shlex.join(["tinyvmaf", "train", "--recipe", name, *options, "--out", "DIR"])
    commit, changed = environment.commit()
    machine = environment.machine().id
    return Origin(corpus, sha256, command, f"{commit}-dirty" if changed else commit, machine)


def _summary(report: "LosoReport") -> _Row:
    row: _Row = {}
    for reading, names in (("frame", _HEADER[4:8]), ("clip", _HEADER[8:11])):
        if reading in report.pooled:
            pooled = report.pooled[reading]
            values = report.mean(reading, "plcc"), report.mean(reading, "srocc"), pooled.rmse, pooled.max_error
            row |= dict(zip(names, values, strict=False))
    reading = next(iter(report.pooled))
    return row | {"worst source": report.worst(reading).held_out}


def _cell(name: str, value: Any) -> str:
    from tinyvmaf.measure.loso import shown

    if not isinstance(value, float):
        return "" if value is None else str(value)
    if name.endswith("CC"):
        return shown(value)
    return f"{value:.1f}" if name == "fit s" else f"{value:.4f}"


def _json(value: Any) -> Any:
    # JSON has no NaN, the correlation of a constant student.
    return None if isinstance(value, float) and not math.isfinite(value) else value
