"""Which tiny models and teachers `tinyvmaf score` scores with."""

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from tinyvmaf.app.cli.common import feed_of
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.measure.scoring import with_their_teachers
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import BOOTSTRAP, DEFAULT, Teacher, load_json, load_named, teacher_id

if TYPE_CHECKING:
    from tinyvmaf.model.subject import Subject

_HINT: Final = "give its model file with --teacher-json FILE"


def asked_models(arguments: argparse.Namespace) -> "list[Subject]":
    """The models of `--model`. The feed options are for files.

    Raises:
        TinyvmafError: one cannot be read, or two have the same name.
    """
    if not arguments.model:
        return []
    from tinyvmaf.judge.opened import path_of, read_whole  # imported here: slow

    feed, alone = feed_of(arguments), len(arguments.model) == 1
    found = [
        read_whole(name, feed if alone or path_of(name) is not None else None, arguments.ffmpeg)
        for name in dict.fromkeys(arguments.model)
    ]
    if twice := _twice(one.id for one in found):
        raise TinyvmafError(f"two models are called {twice}", hint="rename one of the files, with what lies beside it")
    return found


def asked_teachers(arguments: argparse.Namespace, models: "Sequence[Subject]", ffmpeg: FFmpeg) -> list[Teacher]:
    """The teachers of the options, then those of the models; without either, the default one.

    Raises:
        TinyvmafError: one is not there, or was asked for twice, or a model has the name of one.
    """
    teachers = [load_named(ffmpeg, name) for name in dict.fromkeys(map(teacher_id, arguments.teacher))]
    expected, *more = arguments.teacher_sha256 or [None]
    believed = {*map(str.lower, more), *(one.sidecar.teacher.sha256 for one in models)}
    teachers += [load_json(path, expected_sha256=expected, believed=believed) for path in arguments.teacher_json]
    if twice := _twice(one.id for one in teachers):
        raise TinyvmafError(f"teacher {twice} was asked for twice")
    teachers = with_their_teachers(models, teachers, ffmpeg, hint=_HINT) or [load_named(ffmpeg, DEFAULT)]
    if arguments.interval and BOOTSTRAP not in [teacher.id for teacher in teachers]:
        teachers.append(load_named(ffmpeg, BOOTSTRAP))
    if taken := _twice([*(one.id for one in teachers), *(one.id for one in models)]):
        raise TinyvmafError(f"two of the models and teachers are called {taken}", hint="rename one of the files")
    return teachers


def _twice(names: Iterable[str]) -> str | None:
    """A name that comes twice."""
    return next((name for name, count in Counter(names).items() if count > 1), None)
