"""Registering a model and taking it back: with its recipe, golden record and latency baseline, all of it or nothing."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.data.golden import load_rows
from tinyvmaf.errors import ModelError, RegistryError
from tinyvmaf.files import all_or_nothing, file_sha256, read_bounded, sha256, write_atomic
from tinyvmaf.judge import kinds, suites_run
from tinyvmaf.judge.bounds import load_bounds
from tinyvmaf.judge.opened import faults
from tinyvmaf.judge.outcomes import compare
from tinyvmaf.measure import latency
from tinyvmaf.measure.latency.baseline import FILE
from tinyvmaf.model import contract, registry
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.model.golden_records import record_path, write_record
from tinyvmaf.model.proof_records import proof_path
from tinyvmaf.model.refit_records import refit_files
from tinyvmaf.model.subject import Subject
from tinyvmaf.project import FILE as PROJECT_FILE
from tinyvmaf.project import project, writable
from tinyvmaf.train.recipes import PROMISES, Recipe, read_recipe, recipe_folders
from tinyvmaf.vmaf.teacher import FOLDER, MOST_BYTES, NETFLIX

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ROWS: Final = 500  # of the corpus, to compare an adopted file with its original


class Missing(NamedTuple):
    """What a registered model lacks."""

    what: str
    command: str
    """What to type for it."""


def adopt_into(subject: Subject, folder: Path) -> Subject:
    """Write an adopted model with sidecar and card into a folder, from which it can be registered.

    Raises:
        ModelError: it is not adopted, is not what its sidecar says, or does not give the scores of the original.
        RegistryError: the folder has another file of that name.
    """
    if subject.fault is not None:
        raise subject.fault
    if subject.adopted is None:
        raise ModelError(
            f"{subject.path} has a tinyvmaf sidecar: there is nothing to adopt",
            hint=f"tinyvmaf register {subject.path}",
        )
    there = [
        path for path in (folder / f"{subject.id}{suffix}" for suffix in (".onnx", ".json", ".md")) if path.exists()
    ]
    if there and not _lists(folder, subject.id):
        raise RegistryError(f"{there[0]} would be overwritten, and is not ours", hint="--out DIR: another folder")
    made_of = f"`{subject.adopted.original.path.name}`"
    beside = folder / f"{subject.id}.md"
    if beside.is_file() and f"Adopted from {made_of}," not in beside.read_text(encoding="utf-8"):
        raise RegistryError(
            f"{beside} is of another file than {made_of}: both would be called {subject.id}",
            hint="rename the file, or --out DIR: another folder",
        )
    _require_sound(subject)
    card = subject.file.with_suffix(".md").read_text(encoding="utf-8")
    return registry.register(subject.id, subject.data, subject.sidecar.as_dict(), card, folder)


def register_candidate(
    subject: Subject, folder: Path | None = None, recipe: Path | None = None, *, complete: bool = False
) -> tuple[Subject, list[str]]:
    """Register a model, in place of one of the same id. The recipe that made it is copied to the others.

    Args:
        folder: the registry; None: the one in use.
        recipe: the file of its recipe; None: the one beside the model, called as its sidecar says.
        complete: also record its golden scores, and make it its own baseline if it has none. A baseline that is there
            stays, because the model is held to it.

    Returns:
        The registered model, and what else was written: sentences.

    Raises:
        RegistryError: the file breaks the contract, does not match its sidecar, or has no card, or its recipe is not
            here. Nothing is written.
    """
    _require_sound(subject)
    card = subject.file.with_suffix(".md")
    try:
        text = read_bounded(card, contract.LARGEST_SIDECAR).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RegistryError(
            f"{card}: {getattr(error, 'strerror', None) or error}",
            hint="write a card: Markdown that describes the model",
        ) from error
    _require_parent(subject, folder)
    target = writable().recipes if folder is None else folder / "recipes"
    kept = writable().teachers if folder is None else folder / FOLDER
    copied = [*_recipe(subject, target, recipe), *_teacher(subject, kept)]
    if subject.training is not None:
        name = f"{subject.training.recipe}.toml"
        places = [recipe, subject.path.with_name(name), target / name]
        places += [each / name for each in recipe_folders()]
        own = [path for path in places if path is not None and path.is_file()]
        fitting = [path for path in own if file_sha256(path) == subject.training.recipe_sha256]
        if fitting and (looser := looser_promises(subject.promised, read_recipe(fitting[0]))):
            raise RegistryError(f"{subject.path} is not registered: its sidecar {'; '.join(looser)}")
    with _undone_on_failure(subject, folder):
        for target, data in copied:
            write_atomic(target, data)
        proof = proof_path(subject.id, folder or registry.model_folder())
        was_proven = proof.exists()
        new = registry.register(subject.id, subject.data, subject.sidecar.as_dict(), text, folder)
        done = [f"{target}: its {'teacher' if target.parent == kept else 'recipe'}" for target, _ in copied]
        again = f"tinyvmaf prove {subject.id} --record"
        gone = [f"{proof}: removed, it is about another file: {again}"] if was_proven and not proof.exists() else []
        teacher = kept / f"{subject.teacher_id}.json"
        there = subject.teacher_id in NETFLIX or teacher.is_file()
        lacking = [] if there else [f"its teacher is not here, so the gate could not run: put its JSON into {teacher}"]
        return new, [*done, *gone, *lacking, *(_completed(new) if complete else [])]


def looser_promises(promised: Mapping[str, float], recipe: Recipe) -> list[str]:
    """Where promises are not the recipe's, nor tighter; empty if nowhere."""
    found = []
    for name, value in (recipe.promises or {}).items():
        given = promised.get(name)
        at_least = PROMISES[name][1] == "at least"
        if given is None or (given < value if at_least else given > value):
            side = "at least" if at_least else "at most"
            found.append(f"promises {name} {'nothing' if given is None else f'{given:g}'}, its recipe {side} {value:g}")
    return found


def missing(subject: Subject) -> Iterator[Missing]:
    """What the gates ask of a registered model, and it lacks."""
    suites = kinds.suites_of(subject)
    if "loso" in suites and subject.training is not None and not subject.promised:
        recipe = subject.training.recipe
        yield Missing(
            f"promises: model/recipes/{recipe}.toml, its recipe, has no table [promises]; add one, fit, register anew",
            f"tinyvmaf train --recipe {recipe} --out DIR",
        )
    if "golden" in suites and not _is_recorded(subject):
        yield Missing("its golden record", suites_run.command("tox -e golden -- --record"))
    if "latency" in suites and subject.id not in latency.baselines():
        yield Missing("its latency baseline", f"tinyvmaf bench baseline --accept {subject.id} --reason 'first version'")


def unregister(model_id: str, folder: Path | None = None) -> tuple[list[Path], list[str]]:
    """Take a model out of the registry, with its file, sidecar and card; out of the one in use also with its golden
    record and latency baseline.

    Returns:
        What was removed, and what is left: sentences.
    """
    subject = registry.find(model_id, writable().models if folder is None else folder)
    gone = [*registry.files_of(subject), *registry.records_of(subject)]
    if folder is None:
        gone += [record_path(model_id), project().baselines / f"{model_id}.onnx"]
    gone = [path for path in gone if path.exists()]
    recipe = _recipe_of(subject)
    with _undone_on_failure(subject, folder):
        registry.unregister(subject)
        if folder is None:
            record_path(model_id).unlink(missing_ok=True)
            latency.forget(model_id)
    left = [f"its recipe, model/recipes/{recipe}.toml"] if recipe else []
    kept = (project().teachers if folder is None else folder / FOLDER) / f"{subject.teacher_id}.json"
    left += [f"its teacher, {kept}"] if kept.is_file() else []
    root = project().root
    named = [root / name for name in ("gates.toml", PROJECT_FILE, "README.md")] + [project().waivers]
    left += [f"{path.name} names it" for path in named if path.is_file() and model_id in path.read_text("utf-8")]
    return gone, left


def _completed(subject: Subject) -> Iterator[str]:
    if "golden" in (suites := kinds.suites_of(subject)) and write_record(subject, load_rows()):
        yield f"{record_path(subject.id)}: its golden record"
    if "latency" in suites and subject.id not in latency.baselines():
        latency.accept([subject.id], "first version")
        yield f"{project().baselines / subject.id}.onnx: its latency baseline"


@contextmanager
def _undone_on_failure(subject: Subject, folder: Path | None) -> Iterator[None]:
    """If what is done inside fails or is interrupted, model, recipe, record and baseline are as before."""
    own, baseline = folder or registry.model_folder(), project().baselines
    recipes = project().recipes if folder is None else folder / "recipes"
    files = [own / f"{subject.id}{suffix}" for suffix in (".onnx", ".json", ".md")]
    teachers = project().teachers if folder is None else folder / FOLDER
    files += [
        own / registry.REGISTRY,
        teachers / f"{subject.teacher_id}.json",
        recipes / f"{_recipe_of(subject)}.toml",
        record_path(subject.id),
    ]
    files += [proof_path(subject.id, own), *refit_files(subject.id, own)]
    with all_or_nothing([*files, *baseline.glob("*"), baseline / f"{subject.id}.onnx", baseline / FILE]):
        yield


def _require_sound(subject: Subject) -> None:
    if subject.fault is not None:
        raise subject.fault
    wrong = faults(subject, card=False)
    if not wrong and subject.adopted is not None:
        wrong = _differences(subject)
    if wrong:
        raise RegistryError(f"{subject.path} is not registered:\n  " + "\n  ".join(wrong))


def _require_parent(subject: Subject, folder: Path | None) -> None:
    """A variant is held against its parent, so that must be registered first."""
    of = subject.sidecar.variant_of
    if of is None:
        return
    what = f"{subject.path} is a variant of {of.id}, sha256 {of.sha256}"
    try:
        one = registry.find(of.id, folder)
    except RegistryError:
        beside = subject.path.with_name(f"{of.id}.onnx")
        raise RegistryError(f"{what}, which is not registered", hint=f"tinyvmaf register {beside}") from None
    if sha256(one.data) != of.sha256:
        raise RegistryError(
            f"{what}; another file of that id is registered", hint=f"quantise it: tinyvmaf quantise {of.id}"
        )


def _differences(subject: Subject) -> list[str]:
    """Where an adopted file does not give the scores of its original, on rows of the corpus; empty if nowhere."""
    from tinyvmaf.model.third_party.wrap import original_scorer

    assert subject.adopted is not None
    data = embedded_corpus().read()
    rows = data.columns(*subject.features)[:: max(1, len(data.table) // _ROWS)].astype(np.float32)
    want, have = original_scorer(subject.adopted, subject.features)(rows), OnnxRuntimeCpu(subject.data).run(rows)
    each = [f"row {i}" for i in range(len(rows))]
    bound = load_bounds().for_subject("contract.adopted", subject)
    outcome = compare(bound, subject.id, each, want, have, reproduce=f"tox -e contract -- --model {subject.path}")
    return outcome.explain().splitlines()[:1] if outcome.failed else []


def _recipe(subject: Subject, folder: Path, given: Path | None) -> list[tuple[Path, bytes]]:
    """The recipe that is to be copied, and where to; empty if there is none, or it is there."""
    training = subject.training
    if training is None:
        if given is not None:
            raise RegistryError(f"{subject.path}: its sidecar names no recipe", hint="leave out --recipe")
        return []
    if not _NAME.fullmatch(training.recipe):
        raise RegistryError(f"{subject.path}: recipe {training.recipe[:80]!r} is not a valid name")
    target = folder / f"{training.recipe}.toml"
    there = [path for path in (target, *(each / target.name for each in recipe_folders())) if path.is_file()]
    if any(file_sha256(path) == training.recipe_sha256 for path in there):
        return []
    if there:
        raise RegistryError(
            f"{there[0]} is another recipe than {subject.path} was fitted by",
            hint="fit it anew: tinyvmaf train; or rename your recipe first",
        )
    source = given or subject.path.with_name(target.name)
    if not source.is_file():
        raise RegistryError(
            f"{source}: no such file; {subject.path} was fitted by this recipe, and the gates fit it anew",
            hint=f"tinyvmaf register {subject.path} --recipe FILE",
        )
    data = source.read_bytes()
    if file_sha256(source) != training.recipe_sha256:
        raise RegistryError(f"{source} is another recipe than {subject.path} was fitted by", hint="fit it anew")
    return [(target, data)]


def _teacher(subject: Subject, folder: Path) -> list[tuple[Path, bytes]]:
    """The JSON of a teacher of a user's own that is to be copied, and where to; empty if there is none."""
    name, expected = f"{subject.teacher_id}.json", subject.sidecar.teacher.sha256
    target, beside = folder / name, subject.path.parent / FOLDER / name
    if subject.teacher_id in NETFLIX or not _NAME.fullmatch(subject.teacher_id):
        return []
    for path in (target, beside):
        if path.is_file() and file_sha256(path) != expected:
            raise RegistryError(
                f"{path} is another teacher than that of {subject.path}",
                hint="fit it anew: tinyvmaf train --teacher-json FILE; a changed JSON needs another name",
            )
    if target.is_file() or not beside.is_file():  # who needs a teacher that is nowhere says so
        return []
    return [(target, read_bounded(beside, MOST_BYTES))]


def _recipe_of(subject: Subject) -> str | None:
    """The name of its recipe, if that is a name and its sidecar can be read."""
    try:
        return subject.training.recipe if subject.training and _NAME.fullmatch(subject.training.recipe) else None
    except RegistryError:
        return None


def _lists(folder: Path, model_id: str) -> bool:
    try:
        return bool(registry.find(model_id, folder))
    except RegistryError:
        return False


def _is_recorded(subject: Subject) -> bool:
    try:
        return bool(json.loads(record_path(subject.id).read_text("utf-8"))["sha256"] == subject.sha256)
    except (OSError, ValueError, KeyError, TypeError):
        return False
