"""Which models a run of pytest judges, and which of them a test is asked of."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import pytest

from tinyvmaf.judge import subjects
from tinyvmaf.model.subject import Subject
from tinyvmaf.model.third_party import FeedOptions
from tinyvmaf.vmaf.features import Feature
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import load_built_in

_SUBJECTS: Final = pytest.StashKey[dict[str, Subject]]()


def subjects_of(config: pytest.Config) -> dict[str, Subject]:
    """The models that the run judges, by id: those of `--model`, else the registered ones.

    Those of third parties are adopted into a folder that goes when the run ends.

    Raises:
        pytest.UsageError: options that exclude each other.
    """
    if _SUBJECTS not in config.stash:
        config.stash[_SUBJECTS] = {one.id: one for one in _find(config)}
    return config.stash[_SUBJECTS]


def _find(config: pytest.Config) -> Iterable[Subject]:
    options = FeedOptions(*(config.getoption(f"--{name}") for name in ("feature-order", "input-mean", "input-std")))
    named = config.getoption("--model") or ()
    if not all(path.strip() for path in named):
        raise pytest.UsageError("--model without a path")
    if named and config.getoption("--recipe"):
        raise pytest.UsageError("--recipe judges recipes, and --model files: name one kind at a time")
    if not named:
        if options:
            raise pytest.UsageError("--feature-order, --input-mean and --input-std say how --model is fed: name one")
        return subjects.registered()

    def features_of(teacher: str) -> Sequence[Feature]:
        return load_built_in(find_ffmpeg(config.getoption("--ffmpeg")), teacher).features

    folder = tempfile.TemporaryDirectory(prefix="tinyvmaf-adopted-")
    config.add_cleanup(folder.cleanup)
    return subjects.named([Path(path) for path in named], Path(folder.name), features_of, options)
