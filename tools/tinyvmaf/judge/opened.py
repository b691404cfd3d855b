"""The one way in: a model by its id or its file, for every command. What the gates adopt, all of them adopt."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tinyvmaf import scratch
from tinyvmaf.errors import CouldNotRunError, ModelError, RegistryError
from tinyvmaf.judge.kinds import kind_of
from tinyvmaf.judge.kinds.regressor import FeatureRows
from tinyvmaf.judge.subjects import adoption_faults, features_by, of_file, of_known_kind
from tinyvmaf.model import contract, registry
from tinyvmaf.model.door import check_file
from tinyvmaf.model.subject import Subject
from tinyvmaf.model.third_party import FeedOptions, UndescribedError
from tinyvmaf.model.third_party.sidecars import sidecar_of


@contextmanager
def found(
    name: str, options: FeedOptions | None = None, ffmpeg: str | None = None, *, needs_feed: bool = True
) -> Iterator[Subject]:
    """A registered model by its id, or the model of a file by its path; it may have a fault.

    A file is adopted for the time of the `with` block, unless it has a tinyvmaf sidecar.

    Args:
        options: how to feed a file.
        ffmpeg: as for `--ffmpeg`.
        needs_feed: False: a file that nothing describes is found as it is, without a sidecar.

    Raises:
        RegistryError: neither a file nor registered.
        UndescribedError: options for a registered model.
    """
    path = path_of(name)
    if path is None:
        one = of_known_kind(registry.find(name))
        if options:
            raise UndescribedError(f"{name} is registered, so it is known how it is fed", hint="leave out the options")
        yield one
        return
    with scratch.folder() as folder:
        one = of_file(path, Path(folder), features_by(ffmpeg), options or FeedOptions())
        if isinstance(one.fault, UndescribedError) and not (needs_feed or options or sidecar_of(path)):
            one = Subject(path.stem, path, registered=False)
            one.__dict__["data"] = check_file(path)
        yield one


@contextmanager
def opened(
    name: str, options: FeedOptions | None = None, ffmpeg: str | None = None, *, needs_feed: bool = True
) -> Iterator[Subject]:
    """As `found`, and refused if it is not what sidecar and registry say, or breaks the contract.

    Raises:
        TinyvmafError: the fault that keeps it from being judged.
    """
    with found(name, options, ffmpeg, needs_feed=needs_feed) as one:
        if one.fault is not None:
            raise one.fault
        if wrong := faults(one, card=False):
            raise (
                RegistryError(f"{name} is not what was registered: {'; '.join(wrong[:3])}")
                if one.registered
                else ModelError(f"{name}: {'; '.join(wrong[:3])}")
            )
        yield one


def faults(subject: Subject, *, card: bool = True) -> list[str]:
    """Where a model breaks the contract, or differs from what its sidecar and the registry say; empty if nowhere.

    Args:
        card: whether it needs one.
    """
    if subject.fault is not None:
        return [str(subject.fault)]
    wrong = _contract_faults(subject)
    if subject.adopted is not None:
        return [*wrong, *adoption_faults(subject.adopted)]
    if not subject.registered and (wrong or not subject.sidecar_path.is_file()):
        return wrong
    return [*registry.faults(subject, card=card), *wrong]


def _contract_faults(subject: Subject) -> list[str]:
    outputs = None
    try:
        kind = kind_of(subject)
        if not isinstance(kind, FeatureRows):
            return kind.file_faults(subject.file)
        outputs = kind.outputs
    except RegistryError:  # the sidecar cannot be read
        pass
    try:
        return contract.faults(subject.data, outputs)  # of the bytes that run
    except CouldNotRunError:
        return contract.file_faults(subject.file, outputs)


def path_of(name: str) -> Path | None:
    """The path, if a name is one; None for an id."""
    path = Path(name)
    if name.endswith(".onnx"):
        return path
    try:
        registry.find(name)
    except RegistryError:
        return path if path.exists() else None
    return None


def read_whole(name: str, options: FeedOptions | None = None, ffmpeg: str | None = None) -> Subject:
    """A model to score with, called by its file's name: what it needs is read now, and no file later.

    Raises:
        TinyvmafError: as `opened`.
    """
    with opened(name, options, ffmpeg) as one:
        whole = one if one.registered else replace(one, id=one.path.stem)
        whole.__dict__.update(data=one.data, sidecar=one.sidecar)  # those that were checked
    return whole
