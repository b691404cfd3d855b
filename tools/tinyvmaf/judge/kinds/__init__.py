"""Kinds of models: what each takes and gives, what is true of it, and which tests are asked of it."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from tinyvmaf.errors import CouldNotRunError, RegistryError
from tinyvmaf.extensions import extensions
from tinyvmaf.judge.kinds.base import ONLY_BY_NAME, Kind, Material, Truth
from tinyvmaf.measure import latency
from tinyvmaf.measure.engine_agreement import Inputs, PictureInputs
from tinyvmaf.model.card import CardSummary
from tinyvmaf.model.subject import Subject

__all__ = [
    "GROUP",
    "OURS",
    "OWN",
    "SUITES",
    "Kind",
    "Material",
    "Truth",
    "asked",
    "find",
    "kind_of",
    "kinds",
    "listed",
    "not_asked",
    "not_checked",
    "picture_inputs",
    "row_inputs",
    "suites_of",
]

GROUP: Final = "tinyvmaf.kinds"
OURS: Final = {
    "filter": "tinyvmaf.judge.kinds.pictures:FILTER",
    "interval": "tinyvmaf.judge.kinds.interval:INTERVAL",
    "no_reference": "tinyvmaf.judge.kinds.pictures:NO_REFERENCE",
    "regressor": "tinyvmaf.judge.kinds.regressor:REGRESSOR",
    "teacher": "tinyvmaf.judge.kinds.teacher:TEACHER",
}
"""Our kinds: name to `module:object`."""
SUITES: Final = ("contract", "golden", "backends", "loso", "external", "latency")
"""The suites that judge models."""
OWN: Final = ("harm",)
"""Suites of one kind: only a kind that names their tests asks them, and without such a model they have no test."""


def kinds() -> dict[str, Kind]:
    """Every kind, by name: ours, and those of other packages.

    Raises:
        CouldNotRunError: another package's kind does not load, is not a `Kind`, or has a name that is taken.
    """
    return extensions(GROUP, OURS, _fault)


def find(name: str) -> Kind:
    """The kind of that name.

    Raises:
        CouldNotRunError: there is none; names those that there are.
    """
    known = kinds()
    if name not in known:
        raise CouldNotRunError(
            f"kind {name[:80]!r} is not known; known: {', '.join(known)}",
            hint="correct it in the sidecar, or install the package that brings it",
        )
    return known[name]


def kind_of(subject: Subject) -> Kind:
    """The kind of a model.

    Raises:
        CouldNotRunError: it is not known, asks nothing, or the model has a fault.
        RegistryError: the sidecar cannot be read.
    """
    kind = find(subject.kind)
    if not _suites(_own(kind, subject)):
        raise CouldNotRunError(
            f"{subject.id}: its kind, {kind.name}, asks no suite of it, so nothing would be judged",
            hint=f"suites: {', '.join(SUITES)}",
        )
    return kind


def asked(subject: Subject, test: str) -> bool:
    """Whether a test, called `SUITE.NAME`, is asked of a model; of one with a fault each is, so that it says why."""
    try:
        return _fits(_patterns(kind_of(subject), subject), test)
    except (CouldNotRunError, RegistryError):
        return True


def suites_of(subject: Subject) -> list[str]:
    """The suites that ask something of a model; all of them if it has a fault."""
    try:
        return _suites(_patterns(kind_of(subject), subject))
    except (CouldNotRunError, RegistryError):
        return [*SUITES, *OWN]


def listed(subject: Subject) -> dict[str, Any]:
    """A model for the verdict, with the suites that its kind asks of it."""
    return {**subject.as_dict(), "asked": suites_of(subject)}


def not_asked(subject: Subject) -> str:
    """A sentence on the suites that its kind does not ask of a model; empty if there are none."""
    left = [suite for suite in SUITES if suite not in suites_of(subject)]
    return f"{subject.id}: a model of kind {subject.kind} is not asked {', '.join(left)}" if left else ""


def row_inputs(subject: Subject, material: Material) -> Inputs:
    """The rows on which engines have to agree.

    Raises:
        CouldNotRunError: models of its kind take pictures.
    """
    found = kind_of(subject).engine_inputs(subject, material)
    if isinstance(found, PictureInputs):
        raise CouldNotRunError(f"{subject.id}: a model of kind {subject.kind} takes pictures, not rows")
    return found


def picture_inputs(subject: Subject, material: Material) -> PictureInputs:
    """The pictures on which engines have to agree.

    Raises:
        CouldNotRunError: models of its kind take rows.
    """
    found = kind_of(subject).engine_inputs(subject, material)
    if not isinstance(found, PictureInputs):
        raise CouldNotRunError(f"{subject.id}: a model of kind {subject.kind} takes rows, not pictures")
    return found


def _fault(name: str, kind: Any) -> str:
    """Why an object of another package is not the kind of that name; empty if it is."""
    if lacking := [member for member in vars(Kind) if member[0] != "_" and not hasattr(kind, member)]:
        return f"the kind has no {', '.join(lacking)}"
    if kind.name != name:
        return f"the kind calls itself {kind.name!r}"
    if not isinstance(kind.card, CardSummary):
        return f"card of the kind is {kind.card!r}; it must be a CardSummary"
    for member in ("asked", "asked_of_strangers", "raced_against"):
        value = getattr(kind, member)
        if not isinstance(value, tuple) or not all(isinstance(one, str) for one in value):
            return f"{member} of the kind is {value!r}; it must be a tuple of strings"
    if wrong := [one for one in kind.raced_against if one not in latency.REFERENCES]:
        return f"raced_against of the kind has {wrong[0]!r}; known: {', '.join(latency.REFERENCES)}"
    return ""


def not_checked(subject: Subject, test: str) -> str:
    """What stands under NOT CHECKED for a test, where a kind of another package does not ask it of a model that is not
    registered; else empty. What our kinds take away cannot apply.
    """
    if subject.registered or asked(subject, test) or subject.kind in OURS:
        return ""
    suite = test.partition(".")[0]
    what = test if suite in suites_of(subject) else suite
    return f"{subject.id}: {what}, which its kind, {subject.kind}, does not ask"


def _own(kind: Kind, subject: Subject) -> Sequence[str]:
    return kind.asked if subject.registered else kind.asked_of_strangers


def _patterns(kind: Kind, subject: Subject) -> Sequence[str]:
    """What the kind asks; of a model that is not registered all of contract too, but for tests taken away by name."""
    own = _own(kind, subject)
    if subject.registered:
        return own
    named = [one for one in own if one.startswith("!contract.") and not set("*?[") & set(one)]
    return [*own, "contract.*", *(one for one in named if not _fits(own, one[1:]))]


def _fits(patterns: Sequence[str], test: str) -> bool:
    if test in ONLY_BY_NAME:
        return test in patterns
    matching = [one for one in patterns if fnmatchcase(test, one.removeprefix("!"))]
    return bool(matching) and not matching[-1].startswith("!")


def _suites(patterns: Sequence[str]) -> list[str]:
    """The suites of which patterns ask at least one test."""
    found = []
    for suite in SUITES:
        everything = [f"!{pattern}" for pattern in ("*", "*.*", f"{suite}.*")]
        named = [one for one in patterns if fnmatchcase(suite, one.removeprefix("!").partition(".")[0])]
        # A pattern that takes single tests away leaves the suite its other tests.
        deciding = [one for one in named if not one.startswith("!") or one in everything]
        if deciding and not deciding[-1].startswith("!"):
            found.append(suite)
    return [*found, *(suite for suite in OWN if any(one.startswith(f"{suite}.") for one in patterns))]
