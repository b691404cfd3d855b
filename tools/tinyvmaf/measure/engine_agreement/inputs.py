"""The rows on which a model of feature rows is tried: of the corpus, of the golden pairs, and made ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.golden import load_rows
from tinyvmaf.errors import CouldNotRunError, ModelError
from tinyvmaf.measure.engine_agreement.rows import boundaries, extremes, inside, mixed, outside
from tinyvmaf.model.contract import INPUT
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.domain import Domain

if TYPE_CHECKING:  # slow to import
    from tinyvmaf.data.dataset import Dataset

EXACT_ROWS: Final = 1_000_000
OTHER_ROWS: Final = 50_000
LEAST_OF_A_GROUP: Final = 3_000  # where extreme rows, whose number grows with the square of the width, leave no room
SOME_ROWS: Final = 4_500  # more than the largest batch
GROUPS: Final = ("corpus", "extreme", "golden", "boundary", "inside", "outside")


Arrays = Mapping[str, NDArray[Any]]
"""What a model takes, by the names of the graph's inputs. The first axis of each is the item: a frame, or a picture."""


@dataclass(frozen=True)
class Inputs:
    """What a model is tried on: N items, and n of them for what takes long."""

    every: Arrays
    some: Arrays
    """Some of each group, mixed: the first few hundred are of each group too."""
    groups: NDArray[np.str_]
    """`[n]`: the group of each of `some`."""
    wanted: frozenset[str]
    """The groups that have to be there."""
    left_out: str = ""
    """The group that this model cannot have, and why; empty if it has all."""


def sole(arrays: Arrays) -> NDArray[np.float32]:
    """The one array of a model with one input.

    Raises:
        CouldNotRunError: it takes several; no engine here does.
    """
    if len(arrays) != 1:
        raise CouldNotRunError(f"the model takes {', '.join(arrays)}; engines take models with one input")
    (found,) = arrays.values()
    return found


def count_of(subject: Subject) -> int:
    """On how many rows a model is tried: a proof is tried on many."""
    return EXACT_ROWS if subject.proof.certified else OTHER_ROWS


def rows_for(subject: Subject, domain: Domain, corpus: "Dataset") -> Inputs:
    """Rows for a model: its features, in its order.

    Args:
        domain: of its teacher.
        corpus: has the teacher's features.

    Raises:
        ModelError: it takes a feature that its teacher does not have.
    """
    if unknown := [name for name in subject.features if name not in domain.names]:
        raise ModelError(f"{subject.id} takes {', '.join(unknown)}, which {subject.teacher_id} does not have")
    count = count_of(subject)
    found: dict[str, NDArray[Any]] = {"corpus": corpus.columns(*domain.names), "extreme": extremes(len(domain.names))}
    golden = load_rows()
    lacking, left_out = golden.lacking(domain.names), ""
    if lacking:
        left_out = f"rows of the golden pairs, which have no {', '.join(lacking)}"
    else:
        found["golden"] = golden.features(domain.names)
    each = max((count - sum(map(len, found.values()))) // 3, LEAST_OF_A_GROUP)
    found |= {"boundary": boundaries(domain, each, 0), "inside": inside(domain, each, 0)}
    found["outside"] = outside(domain, max(count - sum(map(len, found.values())), each), 0)
    order = [domain.names.index(name) for name in subject.features]
    chosen = {group: np.asarray(rows, dtype=np.float32)[:, order] for group, rows in found.items()}
    some, of = mixed(chosen, SOME_ROWS, 0, whole=[group for group in chosen if group == "golden"])
    wanted = frozenset(GROUPS) - ({"golden"} if left_out else set())
    every = np.concatenate(list(chosen.values()))
    return Inputs({INPUT: every}, {INPUT: some}, of, wanted, left_out)
