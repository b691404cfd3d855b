"""Feeds a third-party model as it was meant: normalised once, by its graph or in front of it.

Mean and std of a sidecar may describe the graph, or tell the caller what to do. If the graph begins with them, they
describe it; else they are applied. Neither is taken on trust: if the corpus shows that the other one was meant, the
model is not judged until an option settles it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from tinyvmaf.errors import ModelError
from tinyvmaf.model import contract
from tinyvmaf.model.third_party import FeedDescription, UndescribedError
from tinyvmaf.model.third_party.normalisation import graph_normalises
from tinyvmaf.model.third_party.original import Original
from tinyvmaf.model.third_party.wrap import AdoptedModel, adopt, original_scorer

# A model fed wrongly is wrong by tens of points; a poor one that is fed rightly is not better when fed wrongly.
_FOLLOWS: Final = 20.0
"""RMSE in VMAF points below which scores follow the teacher. A constant gives 29 or more on the corpus."""
_TIMES: Final = 3.0
"""How many times the RMSE of the other reading must be."""
_EVERY: Final = 5  # frames of the corpus


class _Reading(NamedTuple):
    rmse: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"RMSE {self.rmse:.4g} from the teacher, scores from {self.low:.4g} to {self.high:.4g}"


def fed_as_meant(original: Original, feed: FeedDescription, features: Sequence[str]) -> AdoptedModel:
    """Adopt a model with its features normalised once.

    Args:
        features: the teacher's, in its order.

    Raises:
        ModelError: the file breaks the contract.
        UndescribedError: the corpus shows that the model is meant to be fed the other way.
    """
    if feed.settled or feed.numbers is None:
        return _adopted(original, feed, features)
    inside = not feed.by_options and graph_normalises(original.model.graph, *feed.numbers)
    as_it_is = feed.read_as("graph", "the graph itself begins with (features - mean) / std, by these numbers")
    chosen, other = (as_it_is, feed) if inside else (feed, as_it_is)
    used, unused = (_adopted(original, one, features) for one in (chosen, other))
    by_use, by_other = _read(used, features), _read(unused, features)
    if by_use is None or by_other is None:
        told = f"whether that is meant was not tried: the embedded corpus has no scores of {feed.teacher}"
        return replace(used, sentences=(*used.sentences, told))
    if by_other.rmse < _FOLLOWS and by_use.rmse > _TIMES * by_other.rmse:
        with_numbers, without = (by_other, by_use) if inside else (by_use, by_other)
        raise UndescribedError(
            f"{original.path}: it is not clear whether mean and std of the sidecar are to be applied, or describe the "
            f"graph. Applied, the corpus gives {with_numbers}; not applied, {without}",
            hint="--normalisation graph: the graph does it, features go in as they are; "
            "--normalisation sidecar: they are applied in front of the graph",
        )
    return used


def _adopted(original: Original, feed: FeedDescription, features: Sequence[str]) -> AdoptedModel:
    adopted = adopt(original, feed, features)
    if wrong := contract.faults(adopted.data):  # before anything else opens it
        raise ModelError(f"{original.path}: {'; '.join(wrong[:3])}")
    return adopted


def _read(adopted: AdoptedModel, features: Sequence[str]) -> _Reading | None:
    """How a model scores the corpus; None if the corpus lacks its features or its teacher's scores."""
    from tinyvmaf.data.embedded import embedded_corpus  # imported here: it needs pyarrow, and few files need it

    data = embedded_corpus().read()
    columns = (*features, adopted.feed.teacher)
    if not set(columns) <= set(data.table.column_names):
        return None
    table = data.columns(*columns)[::_EVERY]
    with np.errstate(over="ignore", invalid="ignore"):
        scores = original_scorer(adopted, features)(table[:, :-1])
        rmse = float(np.sqrt(np.mean(np.square(scores - table[:, -1]))))
    return _Reading(rmse if np.isfinite(rmse) else np.inf, float(scores.min()), float(scores.max()))
