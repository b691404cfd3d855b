"""Teachers by id, those of users too: a project keeps the JSON of a model that Netflix did not publish."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tinyvmaf.errors import TeacherError, known_hint
from tinyvmaf.files import file_sha256, read_bounded
from tinyvmaf.project import project
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher.load import KNOWN, MOST_BYTES
from tinyvmaf.vmaf.teacher.model import Teacher
from tinyvmaf.vmaf.teacher.names import PHONE, load_named
from tinyvmaf.vmaf.teacher.parse import parse

FOLDER: Final = "teachers"
"""Beside a candidate: the folder with the JSON of its teacher, as in a project."""
NETFLIX: Final = (*KNOWN, PHONE)
"""The ids that always mean a model of Netflix's libvmaf."""
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def load_teacher(ffmpeg: FFmpeg, teacher_id: str, beside: Sequence[Path] = ()) -> Teacher:
    """The teacher of this id: one of this libvmaf, or one of a user's own.

    Args:
        beside: folders to look for its JSON in, before that of the project.

    Raises:
        TeacherError: there is none, or what is there is no VMAF model.
    """
    if teacher_id in NETFLIX:
        return load_named(ffmpeg, teacher_id)
    places = [folder / f"{teacher_id}.json" for folder in (*beside, project().teachers)]
    path = next((place for place in places if place.is_file()), None)
    if path is None or not _ID.fullmatch(teacher_id):
        raise TeacherError(
            f"unknown teacher {teacher_id[:100]!r}: libvmaf has none of that id, and there is no {places[-1]}",
            hint=f"{known_hint(teacher_id, NETFLIX)}; the JSON of a model of your own belongs there",
        )
    try:
        raw = read_bounded(path, MOST_BYTES)
    except OSError as error:
        raise TeacherError(f"{path}: {error.strerror}") from error
    return parse(raw, teacher_id)


def own_teacher_ids() -> list[str]:
    """The ids of the teachers of a user's own that the project has."""
    found = sorted(path.stem for path in project().teachers.glob("*.json"))
    return [name for name in found if name not in NETFLIX and _ID.fullmatch(name)]


def sha256_of(teacher_id: str) -> str:
    """The sha256 of the JSON of a teacher that is published, or that the project has.

    Raises:
        TeacherError: it is neither.
    """
    if teacher_id in KNOWN:
        return KNOWN[teacher_id]
    if teacher_id not in own_teacher_ids():
        raise TeacherError(f"unknown teacher {teacher_id[:100]!r}", hint=known_hint(teacher_id, NETFLIX))
    return file_sha256(project().teachers / f"{teacher_id}.json")


def require_own_id(teacher: Teacher) -> None:
    """Hold that the id of a teacher of a user's own cannot mean another.

    Raises:
        TeacherError: it is an id of Netflix's, a name of a feature, or not a plain word.
    """
    if KNOWN.get(teacher.id) == teacher.sha256:
        return
    taken = teacher.id in NETFLIX or teacher.id in ("source", "clip", "frame", *teacher.feature_names)
    if taken or not _ID.fullmatch(teacher.id):
        why = "is the name of something else" if taken else "is not made of letters, digits, '.', '_' and '-'"
        raise TeacherError(f"teacher id {teacher.id[:100]!r} {why}", hint="rename the JSON file: its name is the id")
