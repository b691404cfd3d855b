"""Finds the models that a run judges: the registered ones, or the files of `--model`."""

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tinyvmaf.data.golden import load_rows
from tinyvmaf.errors import CouldNotRunError, ModelError, RegistryError, TinyvmafError
from tinyvmaf.files import sha256, write_atomic
from tinyvmaf.judge.kinds import find, kind_of
from tinyvmaf.model import contract, door, registry
from tinyvmaf.model.content import content as content_of
from tinyvmaf.model.contract.luma import PICTURE
from tinyvmaf.model.contract.words import in_one_line, quoted
from tinyvmaf.model.engines.choose import engines_of, exact_in_words, needs_of
from tinyvmaf.model.sidecar import graph_facts
from tinyvmaf.model.subject import Subject
from tinyvmaf.model.third_party import FeedOptions, describe_feed
from tinyvmaf.model.third_party.feed import Features
from tinyvmaf.model.third_party.sidecars import UndescribedError, read_sidecar, sidecar_of
from tinyvmaf.validation import brief
from tinyvmaf.vmaf.features import Feature
from tinyvmaf.vmaf.features import named as feature_named
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN, load_teacher, sha256_of

if TYPE_CHECKING:
    from tinyvmaf.model.third_party.wrap import AdoptedModel

NO_MODEL: Final = "no model"
_LONGEST: Final = 100
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def registered() -> list[Subject]:
    """The registered models. If there is none, one stand-in with a fault: no gate may pass on nothing."""
    try:
        return [of_known_kind(one) for one in registry.subjects()]
    except RegistryError as error:
        fault = CouldNotRunError(f"no model is registered: {error.message}", hint=error.hint)
        return [Subject(NO_MODEL, registry.model_folder(), registered=True, fault=fault)]


def named(paths: Sequence[Path], folder: Path, features_of: Features, options: FeedOptions) -> list[Subject]:
    """The models of named files.

    A file with a tinyvmaf sidecar is judged as it is. Any other file is adopted.

    Args:
        folder: adopted models are written here.
        features_of: gives the features of a teacher, by its id.
        options: how to feed the adopted models.
    """
    found: dict[str, Subject] = {}
    for number, path in enumerate(dict.fromkeys(paths)):
        # A folder for each, so that one file cannot replace what another brought.
        one = of_file(path, folder / str(number), features_of, options)
        clash = None
        if one.adopted and any(known.id == one.id for known in registered()):
            clash = CouldNotRunError(f"{path} has the name of a registered model", hint="rename the file")
        elif one.fault is None and one.id in found:
            clash = CouldNotRunError(f"{path} and {found[one.id].path} are both called {one.id}")
        if clash is not None:
            one = _at_fault(path, clash)
        if one.id in found:
            one = replace(one, id=str(path))
        found[one.id] = one
    return list(found.values())


def of_file(path: Path, folder: Path, features_of: Features, options: FeedOptions) -> Subject:
    """The model of a file, as `named` describes it; if there is none, with the fault why not."""
    try:
        return of_known_kind(_own(path, folder, options) or _adopted(path, folder, features_of, options))
    except TinyvmafError as error:
        fault = error
    except ModuleNotFoundError:  # tinyvmaf's own lack, which the command tells
        raise
    except Exception as error:  # one bad file must not stop the others
        fault = CouldNotRunError(f"{path} cannot be judged: {in_one_line(error)}")
    return _at_fault(path, fault)


def features_by(ffmpeg: str | None) -> Features:
    """The features of a teacher, by its id.

    Args:
        ffmpeg: as for `--ffmpeg`: its libvmaf has the teacher.
    """

    def features_of(teacher: str) -> Sequence[Feature]:
        if teacher in KNOWN and (frozen := load_rows().teachers.get(teacher)) is not None:  # without FFmpeg
            return [feature_named(name) for name in frozen.features]
        return load_teacher(find_ffmpeg(ffmpeg), teacher).features

    return features_of


def of_known_kind(subject: Subject) -> Subject:
    """The model, with a fault if its kind is unknown or asks no test of it."""
    try:
        kind_of(subject)
    except CouldNotRunError as error:
        return replace(subject, fault=error)
    except RegistryError:  # the sidecar cannot be read; the contract gate reports it
        pass
    return subject


def _at_fault(path: Path, fault: TinyvmafError) -> Subject:
    return Subject(_id(path), path, registered=False, fault=fault)


def _id(path: Path) -> str:
    """A valid model id made from the file's name."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", path.stem).lstrip("._-")[:_LONGEST] or "model"


def _own(path: Path, folder: Path, options: FeedOptions) -> Subject | None:
    """A model with a tinyvmaf sidecar; None if it has another sidecar or none."""
    sidecar = sidecar_of(path)
    content = read_sidecar(sidecar)
    if sidecar is None or "schema" not in content or not {"id", "kind"} & set(content):
        return None
    if options:
        raise UndescribedError(
            f"{path} has a tinyvmaf sidecar, which says how the model is fed", hint="leave out the options"
        )
    name, copy = str(content.get("id", "")), None
    if not _ID.fullmatch(name):
        raise UndescribedError(f"{sidecar}: id {brief(name)} is not a valid model id")
    data, digest = content_of(path), str(content.get("sha256", ""))
    door.check_bearable(path, data)
    beside = content_of(sidecar, contract.LARGEST_SIDECAR)
    if name != path.stem or sidecar != path.with_suffix(".json"):  # a registry finds files by the id
        if wrong := contract.faults(data):  # before it is copied
            raise ModelError(f"{path}: {'; '.join(wrong[:3])}")
        copy = folder / f"{name}.onnx"
        write_atomic(copy, data)
        write_atomic(copy.with_suffix(".json"), beside)
        if os.path.lexists(card := path.with_suffix(".md")):
            write_atomic(copy.with_suffix(".md"), content_of(card, contract.LARGEST_SIDECAR))
    found = Subject(name, path, registered=False, sha256=digest, sidecar_sha256=sha256(beside), copy=copy)
    found.__dict__["data"] = data  # what was tried is what runs
    return found


def _adopted(path: Path, folder: Path, features_of: Features, options: FeedOptions) -> Subject:
    # These import onnx, which is slow; judging registered models does not need them.
    from tinyvmaf.judge.feeding import fed_as_meant
    from tinyvmaf.model.contract.pictures import takes_pictures
    from tinyvmaf.model.third_party.held import hold
    from tinyvmaf.model.third_party.held import parsed as held_model
    from tinyvmaf.model.third_party.original import input_names, read_original

    if not path.is_file():
        raise CouldNotRunError(f"{path}: {'not a regular file' if path.exists() else 'no such file'}")
    name, held = _id(path), hold(path)
    if takes_pictures(held_model(path, held.data).graph):
        return _of_pictures(path, held.data, name, folder, options)
    feed = describe_feed(path, features_of, options, input_names(held))
    door.check_bearable(path, held.data, width=len(feed.features))
    features = tuple(one.name for one in features_of(feed.teacher))
    adopted = fed_as_meant(read_original(path, len(feed.features), held), feed, features)
    fitting = engines_of(adopted.data)
    if fitting is not None and len(fitting) < 2:
        raise ModelError(
            f"{path}: fewer than two engines have {' and '.join(sorted(needs_of(adopted.data)))}, which it needs",
            hint="export it in float32",
        )
    sidecar = {
        "kind": "regressor",
        "feature_order": list(features),
        "teacher": {"id": feed.teacher, "sha256": sha256_of(feed.teacher)},
        "engines": None,
        "training": None,
        "measured": {},
        "promised": {},
        "variant_of": feed.sidecar.get("variant_of"),
        "licence": "unknown",
    }
    try:
        claims = sidecar | {"engines": fitting}
        made = registry.register(name, adopted.data, claims, _card(name, adopted, features), folder)
    except (ModelError, RegistryError) as error:
        raise ModelError(f"{path}: {error.message}") from error
    return replace(made, path=path, registered=False, copy=made.file, adopted=adopted)


def _of_pictures(path: Path, data: bytes, name: str, folder: Path, options: FeedOptions) -> Subject:
    """A third-party file that takes pictures: it is judged as it is, as the kind that its output says."""
    if options:
        raise UndescribedError(f"{path} takes pictures, which nobody has to describe", hint="leave out the options")
    if wrong := contract.faults(data):
        raise ModelError(f"{path}: {'; '.join(wrong[:3])}")
    door.check_bearable(path, data)
    gives = [value["name"] for value in graph_facts(data)["outputs"]]
    kind = find("filter" if gives == [PICTURE] else "no_reference")
    claims = {
        "kind": kind.name,
        "feature_order": [],
        "teacher": {"id": DEFAULT, "sha256": sha256_of(DEFAULT)},
        "engines": engines_of(data),
        "training": None,
        "measured": {},
        "promised": {},
        "licence": "unknown",
    }
    card = f"# {name}\n\nMade elsewhere.\n\n| | |\n|---|---|\n{kind.card.interface(())}\n\nLicence: unknown.\n"
    made = registry.register(name, data, claims, card, folder)
    found = replace(made, path=path, registered=False, copy=made.file)
    found.__dict__["data"] = data  # what was tried is what runs
    return found


def _card(name: str, adopted: "AdoptedModel", features: Sequence[str]) -> str:
    original, how = adopted.original, "\n".join(f"- {sentence}" for sentence in adopted.sentences)
    # Its graph may leave the teacher's range, which the contract gate tells.
    interface = replace(find("regressor").card, gives="`score`, float32 `[N, 1]`, meant as VMAF points")
    return f"""# {name}

Adopted from `{original.path.name}`, which was made elsewhere: its graph is unchanged, between nodes that feed it and
nodes that shape its scores.

| | |
|---|---|
| file | `{name}.onnx`, {len(adopted.data):,} bytes, tier {contract.tier(len(adopted.data))}, opset 17 |
{interface.interface(features)}
{exact_in_words(adopted.data)}| teacher | `{adopted.feed.teacher}`, sha256 `{KNOWN[adopted.feed.teacher]}` |
| trained on | unknown: no source can be held out of it |

## How it is fed

{how}

## Origin and licence

Licence: unknown. Its maker knows it.
"""


def adoption_faults(one: "AdoptedModel") -> list[str]:
    """Where a third-party sidecar and its file disagree."""
    found, content = [], one.feed.sidecar
    actual = one.original.sha256
    if one.feed.sha256 is not None and one.feed.sha256.lower() != actual:
        found.append(f"the sidecar is of another file: it says sha256 {quoted(one.feed.sha256)}, the file has {actual}")
    for key, value in (
        ("opset", one.original.opset),
        ("input_name", one.original.inputs[0] if len(one.original.inputs) == 1 else None),
        ("output_name", one.original.output),
    ):
        if None not in (value, content.get(key)) and content[key] != value:
            found.append(f"the sidecar says {key} {quoted(content[key])}, the file has {quoted(value)}")
    return found
