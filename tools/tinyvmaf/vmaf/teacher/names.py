"""The names that people use for teachers."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from tinyvmaf.errors import TeacherError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher.load import DEFAULT, KNOWN, load_built_in
from tinyvmaf.vmaf.teacher.model import Teacher
from tinyvmaf.vmaf.teacher.parse import parse

PHONE: Final = "vmaf_v0.6.1_phone"
"""`vmaf_v0.6.1` with the score transform for phone screens, which its file contains but does not enable."""
BOOTSTRAP: Final = "vmaf_b_v0.6.3"
"""The collection whose models give an interval."""
SHORT: Final[Mapping[str, str]] = {
    "v0.6.1": DEFAULT,
    "neg": "vmaf_v0.6.1neg",
    "4k": "vmaf_4k_v0.6.1",
    "4kneg": "vmaf_4k_v0.6.1neg",
    "v1": "vmaf_v1.0.16_3d0h",
    "phone": PHONE,
}
"""Short names, and the teachers that they mean."""
_PREFIX: Final = "vmaf_"
_NEAR: Final = 0.5


def teacher_id(name: str) -> str:
    """The id of the teacher that a name means: an id, with or without `vmaf_`, or a short name; in any case.

    Raises:
        TeacherError: it means none; suggests the nearest names.
    """
    word = name.strip().lower()
    ids = (*KNOWN, PHONE)
    for one in (SHORT.get(word), word, f"{_PREFIX}{word}"):
        if one in ids:
            return one
    names = {id_.removeprefix(_PREFIX): id_ for id_ in ids} | {short: short for short in SHORT}
    near = difflib.get_close_matches(word.removeprefix(_PREFIX), names, n=2, cutoff=_NEAR)
    suggestion = f"did you mean {' or '.join(names[one] for one in near)}? " if near else ""
    raise TeacherError(
        f"unknown teacher {name[:100]!r}", hint=f"{suggestion}known: {', '.join(SHORT)}, {', '.join(ids)}"
    )


def load_named(ffmpeg: FFmpeg, name: str) -> Teacher:
    """The teacher that a name means, from the libvmaf inside this FFmpeg.

    Raises:
        TeacherError: as `teacher_id` and `load_built_in`.
    """
    found = teacher_id(name)
    if found != PHONE:
        return load_built_in(ffmpeg, found)
    published = load_built_in(ffmpeg, DEFAULT)
    content = json.loads(published.json)
    content["model_dict"]["score_transform"]["enabled"] = True
    phone = parse(json.dumps(content).encode(), PHONE)
    return replace(phone, sha256=published.sha256)  # what Netflix published: the file
