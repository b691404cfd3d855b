"""Shared fixtures of the fitting tests."""

import functools
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pytest
import torch

from tinyvmaf.data import dataset
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.files import home
from tinyvmaf.train.fitting.network import THREADS
from tinyvmaf.train.fitting.run import Fitted, fit
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import Teacher, load_built_in

from .fitting_samples import FOLDS, RECIPES, SOURCES, TEACHER, Opinions


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """One thread: such small steps take longer on two cores than on one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def teacher(ffmpeg: FFmpeg) -> Teacher:
    return load_built_in(ffmpeg, TEACHER)


@pytest.fixture(scope="module")
def corpus() -> Dataset:
    """Three sources of the embedded corpus, three clips of each, four frames of each clip."""
    whole = dataset.read(home() / "fixtures" / "corpus" / "features.parquet")
    source, clip, frame = (np.array(whole.table[name].to_pylist()) for name in ("source", "clip", "frame"))
    clips = [name for s in SOURCES for name in sorted(set(clip[source == s].tolist()))[::6]]
    assert len(clips) == 9
    return Dataset(whole.table.filter(pa.array(np.isin(clip, clips) & (frame < 4))), whole.provenance)


@pytest.fixture(scope="module")
def opinions(corpus: Dataset) -> Opinions:
    """Opinions with half the range of the teacher, and different weights per clip."""
    means = corpus.clip_means(TEACHER)
    return {clip: (round(30.0 + 0.5 * mean), 0.6 + 0.1 * i) for i, (clip, mean) in enumerate(means.items())}


@pytest.fixture(scope="module")
def once(teacher: Teacher, corpus: Dataset, opinions: Opinions) -> Callable[[str], list[Fitted]]:
    """All folds and seeds of a recipe, fitted once."""
    return functools.cache(lambda kind: fit(RECIPES[kind], teacher, corpus, FOLDS, opinions=opinions))


@pytest.fixture
def threads() -> Iterator[int]:
    """Set another number of threads than a fit uses."""
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS + 1)
    yield THREADS + 1
    torch.set_num_threads(before)
